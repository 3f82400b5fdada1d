/* spoiled.c - see spoiled.h. */
#include "spoiled.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { FRAME = 1 << 17, VNET_HEADER = 10, HELD = 512, ETHERNET = 14, TCP = 6 };

/* ---- the wire ---- */

struct held {
    uint64_t due_ns;
    int to;
    size_t len;
    uint8_t *frame;
};

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* A socket that takes whole segments as the device's sender left them. */
static int packet_socket(const char *device) {
    int one = 1, fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ALL));
    struct sockaddr_ll sa = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
    sa.sll_ifindex = (int)if_nametoindex(device);
    bool fine = fd >= 0 && setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof one) == 0 &&
                setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof one) == 0 &&
                bind(fd, (struct sockaddr *)&sa, sizeof sa) == 0;
    return fine ? fd : -1;
}

static bool is_tcp(const uint8_t *frame, size_t len) {
    const uint8_t *p = frame + VNET_HEADER;
    return len >= VNET_HEADER + ETHERNET + 20 && p[12] == 0x08 && p[13] == 0x00 && p[ETHERNET + 9] == TCP;
}

static unsigned below_1000(void) {
    static uint64_t x = 88172645463325252u;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return (unsigned)(x % 1000);
}

static struct held held[HELD];
static size_t helds;

static void take(const struct spoiled_wire *w, const int fd[2], int from) {
    static uint8_t frame[FRAME];
    for (ssize_t n; (n = recv(fd[from], frame, sizeof frame, 0)) > 0;) {
        uint64_t delay_ns = 0;
        if (is_tcp(frame, (size_t)n)) {
            if (below_1000() < w->loss || helds == HELD) continue;
            delay_ns = below_1000() < w->reorder ? 0 : w->delay_ms * (uint64_t)1000000;
        }
        struct held h = {now_ns() + delay_ns, !from, (size_t)n, malloc((size_t)n)};
        if (h.frame == NULL || helds == HELD) {
            free(h.frame);
            continue;
        }
        memcpy(h.frame, frame, (size_t)n);
        size_t i = helds++;
        for (; i > 0 && held[i - 1].due_ns > h.due_ns; i--) held[i] = held[i - 1];
        held[i] = h;
    }
}

static void deliver(const int fd[2]) {
    size_t n = 0;
    for (; n < helds && held[n].due_ns <= now_ns(); n++) {
        if (send(fd[held[n].to], held[n].frame, held[n].len, 0) < 0) perror("spoiled wire");
        free(held[n].frame);
    }
    helds -= n;
    memmove(held, held + n, helds * sizeof held[0]);
}

_Noreturn static void carry(const struct spoiled_wire *w, int begin, unsigned first) {
    char go, name[2][IFNAMSIZ];
    for (unsigned i = 0; i < 2; i++) snprintf(name[i], sizeof name[i], "wire%u", first + i);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (read(begin, &go, 1) != 1) _exit(1);
    int fd[2] = {packet_socket(name[0]), packet_socket(name[1])};
    if (fd[0] < 0 || fd[1] < 0) {
        perror("packet socket");
        _exit(1);
    }
    for (;;) {
        struct pollfd p[2] = {{fd[0], POLLIN, 0}, {fd[1], POLLIN, 0}};
        uint64_t now = now_ns();
        struct timespec wait = {1, 0};
        if (helds > 0) {
            uint64_t left = held[0].due_ns > now ? held[0].due_ns - now : 0;
            wait = (struct timespec){(time_t)(left / 1000000000u), (long)(left % 1000000000u)};
        }
        if (ppoll(p, 2, &wait, NULL) < 0) _exit(1);
        take(w, fd, 0);
        take(w, fd, 1);
        deliver(fd);
    }
}

/* ---- the namespaces ---- */

static int own_namespace(void) { return open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC); }

static bool run(const char *command) {
    if (system(command) == 0) return true;
    printf("this does not work here: %s\n", command);
    return false;
}

static bool make_end(struct spoiled *s, int end) {
    char command[256];
    if (unshare(CLONE_NEWNET) < 0 || (s->net[end] = own_namespace()) < 0) {
        perror("another network namespace");
        return false;
    }
    snprintf(command, sizeof command,
             "ip link add t0 type veth peer name wire%u netns %d && ip address add 10.77.0.%d/24 dev t0 && "
             "ip link set lo up && ip link set t0 up",
             s->first + (unsigned)end, (int)s->wire, end + 1);
    bool fine = run(command) && setns(s->home, CLONE_NEWNET) == 0;
    snprintf(command, sizeof command, "ip link set wire%u up", s->first + (unsigned)end);
    return fine && run(command);
}

bool spoiled_open(struct spoiled *s, const struct spoiled_wire *wire) {
    static unsigned used;
    int begin[2];
    *s = (struct spoiled){.net = {-1, -1}, .first = used};
    used += 2; /* devices go some time after their namespace: no name comes twice */
    s->home = own_namespace();
    if (s->home < 0 || pipe(begin) < 0) return false;
    fflush(NULL);
    s->wire = fork();
    if (s->wire == 0) {
        close(begin[1]);
        carry(wire, begin[0], s->first);
    }
    close(begin[0]);
    bool fine = s->wire > 0 && make_end(s, SPOILED_A) && make_end(s, SPOILED_B) && write(begin[1], "", 1) == 1;
    close(begin[1]);
    usleep(100000);
    fine = fine && waitpid(s->wire, NULL, WNOHANG) == 0;
    if (!fine) spoiled_close(s);
    return fine;
}

void spoiled_close(struct spoiled *s) {
    if (s->wire > 0) {
        kill(s->wire, SIGKILL);
        waitpid(s->wire, NULL, 0);
    }
    if (s->home >= 0 && setns(s->home, CLONE_NEWNET) < 0) perror("setns");
    for (int i = 0; i < 2; i++)
        if (s->net[i] >= 0) close(s->net[i]);
    if (s->home >= 0) close(s->home);
    *s = (struct spoiled){.home = -1, .net = {-1, -1}};
}

void spoiled_enter(const struct spoiled *s, int end) {
    if (setns(s->net[end], CLONE_NEWNET) < 0) perror("setns");
}
