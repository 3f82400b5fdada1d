/* packetdrill.c - libtern-packetdrill.so: the original packetdrill drives tern through this table
 * (packetdrill --so_filename=/path/libtern-packetdrill.so script.pkt). What stands behind it is packetdrill_world.c.
 *
 * The tool asks the kernel directly for four things. Preloaded as well (LD_PRELOAD), this object answers those for its
 * own descriptors: getsockopt for %{ }% and close at the end; and it spares the tool the wait for ten clock ticks
 * (times) and the need of privileges (mlockall). */
#include "posix/packetdrill.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/times.h>
#include <unistd.h>

#include "posix/packetdrill_world.h"

#define EXPORT __attribute__((visibility("default")))

static struct world *current; /* for the preloaded calls */

/* One function of the table: enter, the call over px, leave. */
#define CALL(type, px_call) world_enter(userdata), (type)world_leave(userdata, px_call)
#define PX world_posix(userdata)

static int w_socket(void *userdata, int domain, int type, int protocol) {
    return CALL(int, px_socket(PX, domain, type, protocol));
}
static int w_bind(void *userdata, int fd, const struct sockaddr *addr, socklen_t len) {
    return CALL(int, px_bind(PX, fd, addr, len));
}
static int w_listen(void *userdata, int fd, int backlog) { return CALL(int, px_listen(PX, fd, backlog)); }
static int w_accept(void *userdata, int fd, struct sockaddr *addr, socklen_t *len) {
    return CALL(int, px_accept(PX, fd, addr, len));
}
static int w_connect(void *userdata, int fd, const struct sockaddr *addr, socklen_t len) {
    return CALL(int, px_connect(PX, fd, addr, len));
}
static ssize_t w_read(void *userdata, int fd, void *buf, size_t len) {
    return CALL(ssize_t, px_read(PX, fd, buf, len));
}
static ssize_t w_readv(void *userdata, int fd, const struct iovec *iov, int count) {
    return CALL(ssize_t, px_readv(PX, fd, iov, count));
}
static ssize_t w_recv(void *userdata, int fd, void *buf, size_t len, int flags) {
    return CALL(ssize_t, px_recv(PX, fd, buf, len, flags));
}
static ssize_t w_recvfrom(void *userdata, int fd, void *buf, size_t len, int flags, struct sockaddr *addr,
                          socklen_t *addrlen) {
    return CALL(ssize_t, px_recvfrom(PX, fd, buf, len, flags, addr, addrlen));
}
static ssize_t w_recvmsg(void *userdata, int fd, struct msghdr *msg, int flags) {
    return CALL(ssize_t, px_recvmsg(PX, fd, msg, flags));
}
static ssize_t w_write(void *userdata, int fd, const void *buf, size_t len) {
    return CALL(ssize_t, px_write(PX, fd, buf, len));
}
static ssize_t w_writev(void *userdata, int fd, const struct iovec *iov, int count) {
    return CALL(ssize_t, px_writev(PX, fd, iov, count));
}
static ssize_t w_send(void *userdata, int fd, const void *buf, size_t len, int flags) {
    return CALL(ssize_t, px_send(PX, fd, buf, len, flags));
}
static ssize_t w_sendto(void *userdata, int fd, const void *buf, size_t len, int flags, const struct sockaddr *addr,
                        socklen_t addrlen) {
    return CALL(ssize_t, px_sendto(PX, fd, buf, len, flags, addr, addrlen));
}
static ssize_t w_sendmsg(void *userdata, int fd, const struct msghdr *msg, int flags) {
    return CALL(ssize_t, px_sendmsg(PX, fd, msg, flags));
}

static int w_fcntl(void *userdata, int fd, int command, ...) {
    va_list ap;
    va_start(ap, command);
    bool none = command == F_GETFL || command == F_GETFD;
    long argument = none ? 0 : va_arg(ap, long);
    va_end(ap);
    return CALL(int, px_fcntl(PX, fd, command, argument));
}

static int w_ioctl(void *userdata, int fd, unsigned long request, ...) {
    va_list ap;
    va_start(ap, request);
    void *argument = va_arg(ap, void *);
    va_end(ap);
    return CALL(int, px_ioctl(PX, fd, request, argument));
}

static int w_close(void *userdata, int fd) { return CALL(int, px_close(PX, fd)); }
static int w_shutdown(void *userdata, int fd, int how) { return CALL(int, px_shutdown(PX, fd, how)); }
static int w_getsockopt(void *userdata, int fd, int level, int name, void *value, socklen_t *len) {
    return CALL(int, px_getsockopt(PX, fd, level, name, value, len));
}
static int w_setsockopt(void *userdata, int fd, int level, int name, const void *value, socklen_t len) {
    return CALL(int, px_setsockopt(PX, fd, level, name, value, len));
}
static int w_poll(void *userdata, struct pollfd *fds, nfds_t count, int timeout_ms) {
    return CALL(int, px_poll(PX, fds, count, timeout_ms));
}
static int w_epoll_create(void *userdata, int size) { return CALL(int, px_epoll_create(PX, size)); }
static int w_epoll_ctl(void *userdata, int epfd, int op, int fd, struct epoll_event *event) {
    return CALL(int, px_epoll_ctl(PX, epfd, op, fd, event));
}
static int w_epoll_wait(void *userdata, int epfd, struct epoll_event *events, int max, int timeout_ms) {
    return CALL(int, px_epoll_wait(PX, epfd, events, max, timeout_ms));
}
static int w_pipe(void *userdata, int fds[2]) { return CALL(int, px_pipe(PX, fds)); }

/* The tool gives offsets even where the script says NULL. */
static ssize_t w_splice(void *userdata, int from, loff_t *from_at, int to, loff_t *to_at, size_t len, unsigned flags) {
    (void)from_at;
    (void)to_at;
    return CALL(ssize_t, px_splice(PX, from, NULL, to, NULL, len, flags));
}

static int w_netdev_send(void *userdata, const void *packet, size_t len) { return world_send(userdata, packet, len); }
static int w_netdev_receive(void *userdata, void *packet, size_t *len, long long *time_us) {
    return world_receive(userdata, packet, len, time_us);
}

static int w_usleep(void *userdata, useconds_t us) {
    world_sleep(userdata, us);
    return 0;
}

static int w_gettimeofday(void *userdata, struct timeval *tv, struct timezone *tz) {
    uint64_t us = world_now_us(userdata);
    (void)tz;
    *tv = (struct timeval){.tv_sec = (time_t)(us / 1000000), .tv_usec = (suseconds_t)(us % 1000000)};
    return 0;
}

static void w_free(void *userdata) {
    current = NULL;
    world_free(userdata);
}

/* The interface knows no way to say no. */
EXPORT void packetdrill_interface_init(const char *flags, struct packetdrill_interface *iface) {
    current = world_new(flags);
    if (!current) exit(1);
    *iface = (struct packetdrill_interface){.userdata = current,
                                            .free = w_free,
                                            .socket = w_socket,
                                            .bind = w_bind,
                                            .listen = w_listen,
                                            .accept = w_accept,
                                            .connect = w_connect,
                                            .read = w_read,
                                            .readv = w_readv,
                                            .recv = w_recv,
                                            .recvfrom = w_recvfrom,
                                            .recvmsg = w_recvmsg,
                                            .write = w_write,
                                            .writev = w_writev,
                                            .send = w_send,
                                            .sendto = w_sendto,
                                            .sendmsg = w_sendmsg,
                                            .fcntl = w_fcntl,
                                            .ioctl = w_ioctl,
                                            .close = w_close,
                                            .shutdown = w_shutdown,
                                            .getsockopt = w_getsockopt,
                                            .setsockopt = w_setsockopt,
                                            .poll = w_poll,
                                            .netdev_send = w_netdev_send,
                                            .netdev_receive = w_netdev_receive,
                                            .usleep = w_usleep,
                                            .gettimeofday = w_gettimeofday,
                                            .epoll_create = w_epoll_create,
                                            .epoll_ctl = w_epoll_ctl,
                                            .epoll_wait = w_epoll_wait,
                                            .pipe = w_pipe,
                                            .splice = w_splice};
}

/* ---- preloaded ---- */

static bool ours(int fd) {
    if (!current) return false;
    int error = errno;
    world_enter(current);
    bool yes = world_leave(current, px_fcntl(world_posix(current), fd, F_GETFD, 0)) >= 0;
    errno = error;
    return yes;
}

EXPORT int getsockopt(int fd, int level, int name, void *value, socklen_t *len) {
    if (ours(fd)) return w_getsockopt(current, fd, level, name, value, len);
    return (int)syscall(SYS_getsockopt, fd, level, name, value, len);
}

EXPORT int close(int fd) { return ours(fd) ? w_close(current, fd) : (int)syscall(SYS_close, fd); }

EXPORT clock_t times(struct tms *t) {
    static atomic_long ticks;
    if (t) *t = (struct tms){0};
    return atomic_fetch_add(&ticks, 1) + 1;
}

EXPORT int mlockall(int flags) {
    (void)flags;
    return 0;
}
