/* kernel.c - plain sockets with large calls: how Linux's TCP is used when speed counts. */
#include "bench/kernel.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench/bench.h"
#include "drivers/netns.h"

/* A reader sleeps until LOW bytes are there, so that what is measured is TCP and not the scheduler. */
enum { CALL = 256 << 10, LOW = 128 << 10, PORT = 9009 };

static uint8_t buffer[CALL];

static struct sockaddr_in address(const char *addr, uint16_t port) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    inet_pton(AF_INET, addr, &a.sin_addr);
    return a;
}

/* Cubic, where the system would choose otherwise: a sender that paces itself by a model measures its own pace. */
static void prepare(int fd) {
    int low = LOW;
    setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5);
    setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &low, sizeof low);
}

static _Noreturn void peer_main(const char *addr, uint16_t port, bool writes) {
    struct sockaddr_in a = address(addr, port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0) _exit(1);
    prepare(fd);
    if (connect(fd, (struct sockaddr *)&a, sizeof a) < 0) _exit(1);
    while ((writes ? write(fd, buffer, sizeof buffer) : read(fd, buffer, sizeof buffer)) > 0) {
    }
    _exit(0);
}

pid_t kernel_peer(const char *addr, uint16_t port, bool writes, int cpu) {
    pid_t pid = fork();
    if (pid != 0) return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    pin(cpu);
    peer_main(addr, port, writes);
}

uint64_t kernel_peer_ns(pid_t pid) {
    clockid_t clock;
    struct timespec t;
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) < 0) return 0;
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static double receive_for(int fd, pid_t peer, uint64_t ns, double *by_processor) {
    uint64_t start = clock_ns(), own = thread_ns(), theirs = kernel_peer_ns(peer), bytes = 0, now;
    do {
        ssize_t n = read(fd, buffer, sizeof buffer);
        if (n <= 0) return 0;
        bytes += (uint64_t)n;
        now = clock_ns();
    } while (now - start < ns);
    *by_processor = (double)bytes * 8 / (double)(thread_ns() - own + kernel_peer_ns(peer) - theirs);
    return (double)bytes * 8 / (double)(now - start);
}

static int listening(const char *addr, char *text, unsigned size) {
    struct sockaddr_in a = address(addr, PORT);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (listener >= 0 && bind(listener, (struct sockaddr *)&a, sizeof a) == 0 && listen(listener, 1) == 0)
        return listener;
    snprintf(text, size, "no listening socket: %s", strerror(errno));
    return -1;
}

static bool receive_from(int listener, pid_t peer, const struct kernel_case *c, double out[2], char *text,
                         unsigned size) {
    int fd = peer > 0 ? accept(listener, NULL, NULL) : -1;
    if (fd < 0) {
        snprintf(text, size, "no connection: %s", strerror(errno));
        return false;
    }
    prepare(fd);
    receive_for(fd, peer, c->ns / 4, &out[1]);
    out[0] = receive_for(fd, peer, c->ns, &out[1]);
    kill(peer, SIGKILL);
    return true;
}

bool kernel_loopback(const struct kernel_case *c, double out[2], char *text, unsigned size) {
    int listener = listening("127.0.0.1", text, size);
    return listener >= 0 &&
           receive_from(listener, kernel_peer("127.0.0.1", PORT, true, c->other_cpu), c, out, text, size);
}

/* ---- over veth: the writer's namespace is another one ---- */

#define VETH_READER "10.8.0.1"
#define VETH_WRITER "10.8.0.2"

static _Noreturn void veth_writer(int ready, int go, int cpu) {
    struct driver_error err;
    char byte = 0;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (netns_enter(&err) < 0 || write(ready, &byte, 1) != 1 || read(go, &byte, 1) != 1 ||
        system("ip address add " VETH_WRITER "/24 dev bench1 && ip link set bench1 up") != 0)
        _exit(1);
    pin(cpu);
    peer_main(VETH_READER, PORT, true);
}

bool kernel_veth(const struct kernel_case *c, double out[2], char *text, unsigned size) {
    int ready[2], go[2];
    char byte = 0, command[160];
    pid_t peer = pipe(ready) == 0 && pipe(go) == 0 ? fork() : -1;
    if (peer == 0) {
        close(go[1]);
        veth_writer(ready[1], go[0], c->other_cpu);
    }
    if (peer > 0) {
        close(ready[1]);
        snprintf(command, sizeof command,
                 "ip link add bench0 type veth peer name bench1 netns %d && ip address add " VETH_READER
                 "/24 dev bench0 && ip link set bench0 up",
                 (int)peer);
    }
    if (peer < 0 || read(ready[0], &byte, 1) != 1 || system(command) != 0) {
        snprintf(text, size, "no pair of veth devices between two namespaces");
        return false;
    }
    int listener = listening(VETH_READER, text, size);
    return listener >= 0 && write(go[1], &byte, 1) == 1 && receive_from(listener, peer, c, out, text, size);
}
