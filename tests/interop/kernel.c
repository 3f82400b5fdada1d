/* kernel.c - sockets of the kernel and questions about them. */
#include "kernel.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

static socklen_t socket_address(const tern_addr *a, uint16_t port, struct sockaddr_storage *out) {
    memset(out, 0, sizeof *out);
    if (a->family == 4) {
        struct sockaddr_in *v4 = (struct sockaddr_in *)out;
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        memcpy(&v4->sin_addr, a->bytes, 4);
        return sizeof *v4;
    }
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    memcpy(&v6->sin6_addr, a->bytes, 16);
    return sizeof *v6;
}

static int new_socket(int family) {
    int fd = socket(family == 4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
    if (fd < 0) fail_msg("socket: %s", strerror(errno));
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    return fd;
}

int kernel_listen(int family, uint16_t port, int backlog) {
    struct sockaddr_storage sa;
    tern_addr a = world_kernel(family);
    socklen_t len = socket_address(&a, port, &sa);
    int fd = new_socket(family);
    if (bind(fd, (struct sockaddr *)&sa, len) < 0 || listen(fd, backlog) < 0) fail_msg("listen: %s", strerror(errno));
    return fd;
}

int kernel_connect(int family, uint16_t port) {
    struct sockaddr_storage sa;
    tern_addr a = world_ours(family);
    socklen_t len = socket_address(&a, port, &sa);
    int fd = new_socket(family);
    if (connect(fd, (struct sockaddr *)&sa, len) < 0 && errno != EINPROGRESS) fail_msg("connect: %s", strerror(errno));
    return fd;
}

int kernel_accept(int listener) {
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0 && errno != EAGAIN) fail_msg("accept: %s", strerror(errno));
    return fd;
}

bool kernel_connected(int fd) {
    struct pollfd p = {fd, POLLOUT, 0};
    if (poll(&p, 1, 0) <= 0) return false;
    int error = kernel_error(fd);
    if (error != 0) fail_msg("the kernel's connect: %s", strerror(error));
    return true;
}

int kernel_error(int fd) {
    int error = 0;
    socklen_t len = sizeof error;
    assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len), 0);
    return error;
}

static uint16_t port_of(const struct sockaddr_storage *sa) {
    return ntohs(sa->ss_family == AF_INET ? ((const struct sockaddr_in *)sa)->sin_port
                                          : ((const struct sockaddr_in6 *)sa)->sin6_port);
}

uint16_t kernel_port(int fd) {
    struct sockaddr_storage sa;
    socklen_t len = sizeof sa;
    assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
    return port_of(&sa);
}

uint16_t kernel_peer_port(int fd) {
    struct sockaddr_storage sa;
    socklen_t len = sizeof sa;
    assert_int_equal(getpeername(fd, (struct sockaddr *)&sa, &len), 0);
    return port_of(&sa);
}

ssize_t kernel_send(int fd, const void *data, size_t len) {
    ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != EINTR) fail_msg("the kernel's send: %s", strerror(errno));
    return n;
}

ssize_t kernel_recv(int fd, void *buf, size_t len) {
    ssize_t n = recv(fd, buf, len, 0);
    if (n < 0 && errno != EAGAIN && errno != EINTR) fail_msg("the kernel's recv: %s", strerror(errno));
    return n;
}

void kernel_shutdown(int fd) { assert_int_equal(shutdown(fd, SHUT_WR), 0); }

void kernel_reset_on_close(int fd) {
    struct linger l = {1, 0};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof l), 0);
}

/* ---- states ---- */

void kernel_open(struct kernel *k) {
    struct driver_error err;
    if (sockdiag_open(&k->diag, &err) < 0) fail_msg("%s", err.text);
}

void kernel_close(struct kernel *k) { sockdiag_close(k->diag); }

bool kernel_find(struct kernel *k, const tern_flow *ours, struct sockdiag_socket *out) {
    tern_flow theirs = {ours->remote, ours->local, ours->remote_port, ours->local_port};
    struct driver_error err;
    int r = sockdiag_find(k->diag, &theirs, out, &err);
    if (r < 0 && r != -ENOENT) fail_msg("%s", err.text);
    /* Without a connection the kernel names the listener instead. */
    return r == 0 && out->state != TERN_LISTEN;
}

enum tern_state kernel_state(struct kernel *k, const tern_flow *ours) {
    struct sockdiag_socket s;
    return kernel_find(k, ours, &s) ? s.state : TERN_CLOSED;
}

unsigned kernel_count(struct kernel *k, enum tern_state state) {
    enum { MOST = 65536 };
    struct sockdiag_socket *all = calloc(MOST, sizeof *all);
    struct driver_error err;
    assert_non_null(all);
    int n = sockdiag_list(k->diag, all, MOST, &err);
    if (n < 0) fail_msg("%s", err.text);
    unsigned count = 0;
    for (int i = 0; i < n && i < MOST; i++) count += all[i].state == state;
    free(all);
    return count;
}

/* ---- the stream ---- */

const uint8_t *stream_bytes(void) {
    static uint64_t words[BLOCK / 8];
    if (words[0] == 0)
        for (uint64_t i = 0; i < BLOCK / 8; i++) words[i] = memlink_chance(2026, i);
    return (const uint8_t *)words;
}
