/* wire_peer.c - see wire_peer.h. */
#include "bench/wire_peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <linux/tcp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

static char buffer[WIRE_CALL];

static void tell(struct wire_shared *shared, int fd) {
    struct tcp_info info;
    socklen_t len = sizeof info;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0) return;
    atomic_store(&shared->again, info.tcpi_total_retrans);
    atomic_store(&shared->sent, info.tcpi_data_segs_out);
}

/* Calls of 64 KiB, so that what the kernel counts is told often. */
static void send_all(struct wire_shared *shared, int fd, const char *congestion) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(WIRE_PORT)};
    inet_pton(AF_INET, "10.8.0.2", &to.sin_addr);
    if (setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, congestion, (socklen_t)strlen(congestion)) < 0) _exit(1);
    while (!atomic_load(&shared->go)) usleep(200);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0) _exit(1);
    while (write(fd, buffer, sizeof buffer / 4) > 0) tell(shared, fd);
}

static void read_all(struct wire_shared *shared, int fd) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(WIRE_PORT)};
    if (bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(fd, 1) < 0) _exit(1);
    int from = accept(fd, NULL, NULL);
    if (from < 0) _exit(1);
    for (ssize_t n; (n = read(from, buffer, sizeof buffer)) > 0;) atomic_fetch_add(&shared->read, (uint64_t)n);
}

pid_t wire_peer(struct wire_shared *shared, bool sends, const char *congestion) {
    pid_t pid = fork();
    if (pid != 0) return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0) _exit(1);
    if (sends)
        send_all(shared, fd, congestion);
    else
        read_all(shared, fd);
    _exit(0);
}
