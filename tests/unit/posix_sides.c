/* posix_sides.c - see posix_sides.h. After each of tern's calls its host does what is due at that instant, as the
 * kernel's loopback does. */
#include "posix_sides.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "drivers/host.h"
#include "drivers/netns.h"
#include "tests/plain_network.h"

/* ---- the kernel ---- */

static int kernel_fcntl(int fd, int command, long argument) { return fcntl(fd, command, argument); }
static int kernel_ioctl(int fd, unsigned long request, void *argument) { return ioctl(fd, request, argument); }
static int kernel_bind(int fd, const struct sockaddr *addr, socklen_t len) { return bind(fd, addr, len); }
static int kernel_accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags) {
    return accept4(fd, addr, len, flags);
}
static int kernel_connect(int fd, const struct sockaddr *addr, socklen_t len) { return connect(fd, addr, len); }
static int kernel_getsockname(int fd, struct sockaddr *addr, socklen_t *len) { return getsockname(fd, addr, len); }
static int kernel_getpeername(int fd, struct sockaddr *addr, socklen_t *len) { return getpeername(fd, addr, len); }
static ssize_t kernel_recvfrom(int fd, void *buf, size_t len, int flags, struct sockaddr *addr, socklen_t *addrlen) {
    return recvfrom(fd, buf, len, flags, addr, addrlen);
}
static ssize_t kernel_sendto(int fd, const void *buf, size_t len, int flags, const struct sockaddr *addr,
                             socklen_t addrlen) {
    return sendto(fd, buf, len, flags, addr, addrlen);
}

const struct side kernel_side = {.name = "Linux",
                                 .host4 = "127.0.0.1",
                                 .host6 = "::1",
                                 .socket = socket,
                                 .bind = kernel_bind,
                                 .listen = listen,
                                 .accept4 = kernel_accept4,
                                 .connect = kernel_connect,
                                 .getsockname = kernel_getsockname,
                                 .getpeername = kernel_getpeername,
                                 .read = read,
                                 .readv = readv,
                                 .recv = recv,
                                 .recvfrom = kernel_recvfrom,
                                 .recvmsg = recvmsg,
                                 .write = write,
                                 .writev = writev,
                                 .send = send,
                                 .sendto = kernel_sendto,
                                 .sendmsg = sendmsg,
                                 .shutdown = shutdown,
                                 .close = close,
                                 .getsockopt = getsockopt,
                                 .setsockopt = setsockopt,
                                 .fcntl = kernel_fcntl,
                                 .ioctl = kernel_ioctl,
                                 .dup = dup,
                                 .poll = poll,
                                 .epoll_create1 = epoll_create1,
                                 .epoll_ctl = epoll_ctl,
                                 .epoll_wait = epoll_wait,
                                 .pipe = pipe,
                                 .splice = splice};

bool kernel_too_old(void) {
    struct utsname u;
    unsigned major = 0, minor = 0;
    if (uname(&u) < 0 || sscanf(u.release, "%u.%u", &major, &minor) != 2) return true;
    return major < 6 || (major == 6 && minor < 1);
}

void own_network(void) {
    struct driver_error err;
    if (netns_enter(&err) < 0)
        fprintf(stderr, "in everybody's network: %s\n", err.text);
    else
        plain_network();
}

/* ---- tern ---- */

struct posix *tern_posix;
tern_stack *tern_host;
uint64_t tern_now;

static uint64_t now_of_host(void *ctx) {
    (void)ctx;
    return tern_now;
}

void tern_settle(void) {
    tern_frame frames[8];
    while (tern_output(tern_host, frames, 8, tern_now) > 0) {
    }
}

enum px_pumped tern_pump(void *ctx, uint64_t until_ns) {
    (void)ctx;
    tern_settle();
    uint64_t due = tern_deadline(tern_host), next = due < until_ns ? due : until_ns;
    if (next == TERN_NEVER) return PX_NEVER;
    if (next > tern_now) tern_now = next;
    tern_expire(tern_host, tern_now);
    tern_settle();
    return PX_HAPPENED;
}

static void add(int iface, const char *text, unsigned prefix) {
    tern_addr a;
    if (tern_addr_parse(text, &a) < 0 || tern_addr_add(tern_host, iface, &a, prefix) < 0) abort();
}

void tern_side_begin(void) {
    tern_config c;
    tern_now = 1000000000;
    if (tern_config_host(&c, NULL) < 0 || tern_new(&c, tern_now, &tern_host) < 0) abort();
    tern_iface_config ic = {.size = sizeof ic, .link = TERN_LINK_LOOPBACK, .mtu = 65535};
    int iface = tern_iface_add(tern_host, &ic);
    if (iface < 0) abort();
    add(iface, "10.0.0.1", 8);
    add(iface, "fd00::1", 64);
    struct px_config pc = {.stack = tern_host, .now = now_of_host, .pump = tern_pump, .first_fd = 3};
    if (px_new(&pc, &tern_posix) < 0) abort();
}

void tern_side_end(void) {
    px_free(tern_posix);
    tern_free(tern_host);
}

#define SETTLED(type, call)                                                                                            \
    type r = call;                                                                                                     \
    int error = errno;                                                                                                 \
    tern_settle();                                                                                                     \
    px_poll(tern_posix, NULL, 0, 0); /* what happened may ask for an answer */                                         \
    tern_settle();                                                                                                     \
    errno = error;                                                                                                     \
    return r

static int t_socket(int domain, int type, int protocol) { return px_socket(tern_posix, domain, type, protocol); }
static int t_bind(int fd, const struct sockaddr *a, socklen_t len) { return px_bind(tern_posix, fd, a, len); }
static int t_listen(int fd, int backlog) { return px_listen(tern_posix, fd, backlog); }
static int t_accept4(int fd, struct sockaddr *a, socklen_t *len, int flags) {
    return px_accept4(tern_posix, fd, a, len, flags);
}
static int t_connect(int fd, const struct sockaddr *a, socklen_t len) {
    SETTLED(int, px_connect(tern_posix, fd, a, len));
}
static int t_getsockname(int fd, struct sockaddr *a, socklen_t *len) { return px_getsockname(tern_posix, fd, a, len); }
static int t_getpeername(int fd, struct sockaddr *a, socklen_t *len) { return px_getpeername(tern_posix, fd, a, len); }
static ssize_t t_read(int fd, void *buf, size_t len) { SETTLED(ssize_t, px_read(tern_posix, fd, buf, len)); }
static ssize_t t_readv(int fd, const struct iovec *v, int n) { SETTLED(ssize_t, px_readv(tern_posix, fd, v, n)); }
static ssize_t t_recv(int fd, void *buf, size_t len, int flags) {
    SETTLED(ssize_t, px_recv(tern_posix, fd, buf, len, flags));
}
static ssize_t t_recvfrom(int fd, void *buf, size_t len, int flags, struct sockaddr *a, socklen_t *al) {
    SETTLED(ssize_t, px_recvfrom(tern_posix, fd, buf, len, flags, a, al));
}
static ssize_t t_recvmsg(int fd, struct msghdr *m, int flags) {
    SETTLED(ssize_t, px_recvmsg(tern_posix, fd, m, flags));
}
static ssize_t t_write(int fd, const void *buf, size_t len) { SETTLED(ssize_t, px_write(tern_posix, fd, buf, len)); }
static ssize_t t_writev(int fd, const struct iovec *v, int n) { SETTLED(ssize_t, px_writev(tern_posix, fd, v, n)); }
static ssize_t t_send(int fd, const void *buf, size_t len, int flags) {
    SETTLED(ssize_t, px_send(tern_posix, fd, buf, len, flags));
}
static ssize_t t_sendto(int fd, const void *buf, size_t len, int flags, const struct sockaddr *a, socklen_t al) {
    SETTLED(ssize_t, px_sendto(tern_posix, fd, buf, len, flags, a, al));
}
static ssize_t t_sendmsg(int fd, const struct msghdr *m, int flags) {
    SETTLED(ssize_t, px_sendmsg(tern_posix, fd, m, flags));
}
static int t_shutdown(int fd, int how) { SETTLED(int, px_shutdown(tern_posix, fd, how)); }
static int t_close(int fd) { SETTLED(int, px_close(tern_posix, fd)); }
static int t_getsockopt(int fd, int level, int name, void *v, socklen_t *len) {
    return px_getsockopt(tern_posix, fd, level, name, v, len);
}
static int t_setsockopt(int fd, int level, int name, const void *v, socklen_t len) {
    SETTLED(int, px_setsockopt(tern_posix, fd, level, name, v, len));
}
static int t_fcntl(int fd, int command, long argument) { return px_fcntl(tern_posix, fd, command, argument); }
static int t_ioctl(int fd, unsigned long request, void *argument) {
    return px_ioctl(tern_posix, fd, request, argument);
}
static int t_dup(int fd) { return px_dup(tern_posix, fd); }
static int t_poll(struct pollfd *fds, nfds_t count, int timeout) { return px_poll(tern_posix, fds, count, timeout); }
static int t_epoll_create1(int flags) { return px_epoll_create1(tern_posix, flags); }
static int t_epoll_ctl(int epfd, int op, int fd, struct epoll_event *e) {
    return px_epoll_ctl(tern_posix, epfd, op, fd, e);
}
static int t_epoll_wait(int epfd, struct epoll_event *e, int max, int timeout) {
    return px_epoll_wait(tern_posix, epfd, e, max, timeout);
}
static int t_pipe(int fds[2]) { return px_pipe(tern_posix, fds); }
static ssize_t t_splice(int from, loff_t *from_at, int to, loff_t *to_at, size_t len, unsigned flags) {
    SETTLED(ssize_t, px_splice(tern_posix, from, from_at, to, to_at, len, flags));
}

const struct side tern_side = {.name = "tern",
                               .host4 = "10.0.0.1",
                               .host6 = "fd00::1",
                               .socket = t_socket,
                               .bind = t_bind,
                               .listen = t_listen,
                               .accept4 = t_accept4,
                               .connect = t_connect,
                               .getsockname = t_getsockname,
                               .getpeername = t_getpeername,
                               .read = t_read,
                               .readv = t_readv,
                               .recv = t_recv,
                               .recvfrom = t_recvfrom,
                               .recvmsg = t_recvmsg,
                               .write = t_write,
                               .writev = t_writev,
                               .send = t_send,
                               .sendto = t_sendto,
                               .sendmsg = t_sendmsg,
                               .shutdown = t_shutdown,
                               .close = t_close,
                               .getsockopt = t_getsockopt,
                               .setsockopt = t_setsockopt,
                               .fcntl = t_fcntl,
                               .ioctl = t_ioctl,
                               .dup = t_dup,
                               .poll = t_poll,
                               .epoll_create1 = t_epoll_create1,
                               .epoll_ctl = t_epoll_ctl,
                               .epoll_wait = t_epoll_wait,
                               .pipe = t_pipe,
                               .splice = t_splice};
