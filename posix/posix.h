/* posix.h - BSD sockets over one tern stack: Linux's calls, constants, structures and errno values, without a kernel.
 *
 * A `struct posix` holds a stack, a table of descriptors and the caller's pump. It makes no packet and moves no time:
 * like every user call of tern.h, these calls only mark connections. The caller owns tern_input, tern_expire and
 * tern_output and runs them after each call (virtual time: at the same instant). tern_poll is the layer's: it takes the
 * stack's events at the start of each call.
 *
 * Calls that wait. A call on a blocking socket that is not done at once does one of three things:
 *
 *   pump      it calls config.pump again and again, which lets something happen (packets in and out, timers, time),
 *             until it is done. When the pump says PX_NEVER, the call fails with EDEADLK.
 *   no pump   config.pump is NULL: it fails with EDEADLK at once.
 *   deferred  after px_defer(p, &call), the next call that would have to wait returns PX_PENDING instead and lives on in
 *             `call`. The caller goes on (inject, expire, output, other calls) and asks px_resume after each step:
 *
 *                 px_defer(p, &call);
 *                 r = px_read(p, fd, buf, n);
 *                 while (r == PX_PENDING && something_more_happens(min(tern_deadline(stack), call.deadline_ns)))
 *                     r = px_resume(p, &call);
 *
 *             px_resume gives PX_PENDING, or what the call returns, with errno set as by the call itself. Buffers,
 *             vectors, addresses and `call` itself must stay where they are until then. Several calls may be pending.
 *
 * Results are those of Linux: -1 and errno. One struct posix belongs to one thread at a time. A pump may make calls
 * too. Differences from Linux are listed in docs/sockets.md.
 */
#ifndef POSIX_POSIX_H
#define POSIX_POSIX_H

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "tern.h"

#ifdef __cplusplus
extern "C" {
#endif

struct posix;
struct file; /* private */

/* ---- making one ---- */

enum px_pumped {
    PX_HAPPENED = 0, /* something may have changed, or until_ns is reached: look again */
    PX_NEVER = 1,    /* nothing is under way and no timer runs: waiting longer is in vain */
};

struct px_config {
    tern_stack *stack; /* required; stays the caller's and outlives the struct posix */
    /* Now, on the clock of the stack; required. */
    uint64_t (*now)(void *ctx);
    /* Lets something happen, but not beyond `until_ns` (TERN_NEVER: no limit). NULL: see above. */
    enum px_pumped (*pump)(void *ctx, uint64_t until_ns);
    /* Gives a number for a new descriptor, or -1 with errno; and takes it back. NULL: the lowest free one from first_fd
     * on. For callers whose descriptors must be the kernel's too. */
    int (*fd_take)(void *ctx);
    void (*fd_give)(void *ctx, int fd);
    /* Events of the stack that belong to no descriptor (echo replies, other sockets). May be NULL. */
    void (*on_event)(void *ctx, const tern_event *event);
    /* SIGPIPE is due for a write that says EPIPE. NULL: nothing is done about it. */
    void (*on_signal)(void *ctx, int signal);
    void *ctx;    /* of all of these */
    int first_fd; /* 3 suits most */
    int fds_max;  /* open at one time; 0: 1024, as a Linux process has it */
};

/* 0 or -1 with errno (EINVAL, ENOMEM). */
int px_new(const struct px_config *config, struct posix **out);
/* Aborts and closes whatever is open; NULL is fine. */
void px_free(struct posix *p);

/* ---- waiting, begun and finished apart ---- */

#define PX_PENDING (-2)

enum px_kind {
    PX_CALL_NONE,
    PX_CALL_CONNECT,
    PX_CALL_ACCEPT,
    PX_CALL_RECEIVE,
    PX_CALL_SEND,
    PX_CALL_CLOSE,
    PX_CALL_POLL,
    PX_CALL_EPOLL,
    PX_CALL_SPLICE
};

/* A call under way. Only deadline_ns is for the caller to read: when the call ends by itself (a timeout of the call or
 * of the socket); TERN_NEVER: not by time. */
struct px_call {
    uint64_t deadline_ns;
    /* private */
    enum px_kind kind;
    bool deferred;
    int flags, max;
    struct file *file, *other; /* held until the call ends, as a system call holds its file */
    tern_sock sock;
    void *at;
    socklen_t *addrlen;
    struct msghdr *msg, own;
    struct iovec iov;
    size_t done, total;
};

/* The next call of p is left in `call` if it has to wait, and returns PX_PENDING. That holds for one call of those that
 * can wait at all (enum px_kind), whether it waits or not; NULL takes it back. */
void px_defer(struct posix *p, struct px_call *call);
/* PX_PENDING, or the result with errno. A call that has ended may not be resumed again. */
ssize_t px_resume(struct posix *p, struct px_call *call);
/* Drops a call that is pending. Before px_free each pending call must have ended or been dropped. */
void px_cancel(struct posix *p, struct px_call *call);

/* ---- the calls ---- */

int px_socket(struct posix *p, int domain, int type, int protocol);
int px_bind(struct posix *p, int fd, const struct sockaddr *addr, socklen_t len);
int px_listen(struct posix *p, int fd, int backlog);
int px_accept(struct posix *p, int fd, struct sockaddr *addr, socklen_t *len);
int px_accept4(struct posix *p, int fd, struct sockaddr *addr, socklen_t *len, int flags);
int px_connect(struct posix *p, int fd, const struct sockaddr *addr, socklen_t len);
int px_getsockname(struct posix *p, int fd, struct sockaddr *addr, socklen_t *len);
int px_getpeername(struct posix *p, int fd, struct sockaddr *addr, socklen_t *len);

ssize_t px_read(struct posix *p, int fd, void *buf, size_t len);
ssize_t px_readv(struct posix *p, int fd, const struct iovec *iov, int count);
ssize_t px_recv(struct posix *p, int fd, void *buf, size_t len, int flags);
ssize_t px_recvfrom(struct posix *p, int fd, void *buf, size_t len, int flags, struct sockaddr *addr,
                    socklen_t *addrlen);
ssize_t px_recvmsg(struct posix *p, int fd, struct msghdr *msg, int flags);

ssize_t px_write(struct posix *p, int fd, const void *buf, size_t len);
ssize_t px_writev(struct posix *p, int fd, const struct iovec *iov, int count);
ssize_t px_send(struct posix *p, int fd, const void *buf, size_t len, int flags);
ssize_t px_sendto(struct posix *p, int fd, const void *buf, size_t len, int flags, const struct sockaddr *addr,
                  socklen_t addrlen);
ssize_t px_sendmsg(struct posix *p, int fd, const struct msghdr *msg, int flags);

int px_shutdown(struct posix *p, int fd, int how);
int px_close(struct posix *p, int fd);

/* TCP_INFO has the layout of posix/tcp_info.h, which is Linux's. */
int px_getsockopt(struct posix *p, int fd, int level, int name, void *value, socklen_t *len);
int px_setsockopt(struct posix *p, int fd, int level, int name, const void *value, socklen_t len);
/* F_GETFL, F_SETFL, F_GETFD, F_SETFD, F_DUPFD, F_DUPFD_CLOEXEC; the third argument is an int in all of them. */
int px_fcntl(struct posix *p, int fd, int command, long argument);
/* FIONREAD (SIOCINQ), SIOCOUTQ (TIOCOUTQ), SIOCOUTQNSD, SIOCATMARK, FIONBIO: all with a pointer to int. */
int px_ioctl(struct posix *p, int fd, unsigned long request, void *argument);
int px_dup(struct posix *p, int fd);

int px_poll(struct posix *p, struct pollfd *fds, nfds_t count, int timeout_ms);
int px_epoll_create(struct posix *p, int size);
int px_epoll_create1(struct posix *p, int flags);
int px_epoll_ctl(struct posix *p, int epfd, int op, int fd, struct epoll_event *event);
int px_epoll_wait(struct posix *p, int epfd, struct epoll_event *events, int max, int timeout_ms);

int px_pipe(struct posix *p, int fds[2]);
/* From a socket into a pipe or from a pipe into a socket; both offsets must be NULL. */
ssize_t px_splice(struct posix *p, int from, loff_t *from_at, int to, loff_t *to_at, size_t len, unsigned flags);

/* ---- looking behind it ---- */

/* The stack's handle of a connected or listening socket; the zero value when it has none (yet). */
tern_sock px_sock(const struct posix *p, int fd);

#ifdef __cplusplus
}
#endif
#endif
