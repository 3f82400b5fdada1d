/* send.c - writing: write, send and their kin are one call, sendmsg. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>

#include "posix/inner.h"

enum { IOV_MOST = 1024 };

static int broken(struct posix *p, const struct px_call *c) {
    if (!(c->flags & MSG_NOSIGNAL) && p->config.on_signal) p->config.on_signal(p->config.ctx, SIGPIPE);
    return fail(EPIPE);
}

/* As far as something was written, that is the result; the error stays for the next call. */
static ssize_t send_error(struct posix *p, struct sock *s, const struct px_call *c) {
    if (c->done) return (ssize_t)c->done;
    int error = sock_take_error(s);
    return error && error != EPIPE ? fail(error) : broken(p, c);
}

/* MSG_MORE holds back what does not fill a segment until a write without it. */
static void hold_back(struct sock *s, bool more) {
    int64_t corked;
    if (tern_get(s->px->config.stack, s->handle, TERN_OPT_CORK, &corked) < 0) return;
    bool wanted = more || s->opt[S_CORK];
    if (wanted != (corked != 0)) tern_set(s->px->config.stack, s->handle, TERN_OPT_CORK, wanted);
}

/* Hands the stack what it takes; false with errno. */
static bool give(struct sock *s, struct px_call *c) {
    tern_stack *stack = s->px->config.stack;
    size_t at = c->done;
    for (size_t i = 0; i < c->msg->msg_iovlen && c->done < c->total; i++) {
        const struct iovec *v = &c->msg->msg_iov[i];
        if (at >= v->iov_len) {
            at -= v->iov_len;
            continue;
        }
        size_t len = v->iov_len - at < c->total - c->done ? v->iov_len - at : c->total - c->done;
        if (!v->iov_base) return c->done || fail(EFAULT) == 0;
        const uint8_t *from = (const uint8_t *)v->iov_base + at;
        ptrdiff_t n = c->flags & MSG_OOB ? tern_write_urgent(stack, s->handle, from, len)
                                         : tern_write(stack, s->handle, from, len);
        if (n < 0 && n != TERN_EAGAIN && n != TERN_ENOMEM) return c->done || fail(errno_of((int)n)) == 0;
        if (n > 0) c->done += (size_t)n;
        if (n < (ptrdiff_t)len) {
            s->full = true;
            return true;
        }
        at = 0;
    }
    return true;
}

/* Fast Open: the connection begins with this write. */
static int fast_open(struct sock *s, const struct px_call *c) {
    tern_addr to = s->to;
    uint16_t port = s->to_port;
    if (!s->defer) {
        int error = addr_from(s, c->msg->msg_name, c->msg->msg_name ? c->msg->msg_namelen : 0, &to, &port);
        if (error) return error == EFAULT ? EINVAL : error;
    }
    int error = connect_start(s, &to, port);
    if (error) return error;
    tern_set(s->px->config.stack, s->handle, TERN_OPT_FAST_OPEN, 1);
    return 0;
}

static bool opening(enum tern_state state) { return state == TERN_SYN_SENT || state == TERN_SYN_RECEIVED; }

static ssize_t send_data(struct posix *p, struct sock *s, struct px_call *c) {
    bool fast = false;
    sock_refresh(s);
    if (s->defer || (c->flags & MSG_FASTOPEN && !c->done)) {
        if (s->phase != UNCONNECTED && !s->defer) return fail(s->phase == CONNECTING ? EALREADY : EISCONN);
        int error = fast_open(s, c);
        if (error) return fail(error);
        c->flags &= ~MSG_FASTOPEN;
        if (!call_expired(p, c)) s->phase = CONNECTED; /* a call that blocks answers for the opening as well */
        fast = true;
    }
    enum tern_state state = s->phase == LISTENING ? TERN_CLOSED : sock_state(s);
    if (opening(state) && !fast) return call_expired(p, c) ? fail(EAGAIN) : PX_PENDING;
    if (s->error || s->shut & SHUT_SEND) return send_error(p, s, c);
    if (state != TERN_ESTABLISHED && state != TERN_CLOSE_WAIT && !fast) return broken(p, c);
    hold_back(s, c->flags & MSG_MORE);
    if (!give(s, c)) return -1;
    if (c->done == c->total) return (ssize_t)c->done;
    if (!call_expired(p, c)) return PX_PENDING;
    return c->done ? (ssize_t)c->done : fail(EAGAIN);
}

ssize_t send_step(struct posix *p, struct px_call *c) {
    return c->file->kind == FILE_PIPE ? pipe_write(p, c) : send_data(p, sock_in(c->file), c);
}

/* ---- the calls ---- */

static ssize_t begin_send(struct posix *p, struct px_call *c, struct msghdr *msg, int flags) {
    c->msg = msg;
    c->flags = flags;
    if (msg->msg_iovlen && !msg->msg_iov) return call_end(p, c, fail(EFAULT));
    for (size_t i = 0; i < msg->msg_iovlen; i++) {
        size_t len = msg->msg_iov[i].iov_len;
        if (len > SSIZE_MAX) return call_end(p, c, fail(EINVAL));
        c->total = len > INT_MAX - c->total ? INT_MAX : c->total + len;
    }
    uint64_t timeout = c->file->kind == FILE_SOCKET ? sock_in(c->file)->send_timeout_ns : 0;
    c->deadline_ns = call_deadline(p, c->file, flags, timeout);
    return call_run(p, c);
}

static struct px_call *begin(struct posix *p, struct px_call *local, int fd, bool socket_only) {
    struct px_call *c = call_begin(p, local, PX_CALL_SEND, fd);
    if (!c || c->file->kind == FILE_SOCKET || (c->file->kind == FILE_PIPE && !socket_only)) return c;
    call_end(p, c, fail(socket_only ? ENOTSOCK : EINVAL));
    return NULL;
}

static ssize_t send_one(struct posix *p, int fd, const void *buf, size_t len, int flags, const struct sockaddr *addr,
                        socklen_t addrlen, bool socket_only) {
    struct px_call local, *c = begin(p, &local, fd, socket_only);
    if (!c) return -1;
    c->iov = (struct iovec){(void *)(uintptr_t)buf, len > INT_MAX ? INT_MAX : len};
    c->own = (struct msghdr){
        .msg_name = (void *)(uintptr_t)addr, .msg_namelen = addrlen, .msg_iov = &c->iov, .msg_iovlen = 1};
    return begin_send(p, c, &c->own, flags);
}

ssize_t px_write(struct posix *p, int fd, const void *buf, size_t len) {
    return send_one(p, fd, buf, len, 0, NULL, 0, false);
}

ssize_t px_send(struct posix *p, int fd, const void *buf, size_t len, int flags) {
    return send_one(p, fd, buf, len, flags, NULL, 0, true);
}

ssize_t px_sendto(struct posix *p, int fd, const void *buf, size_t len, int flags, const struct sockaddr *addr,
                  socklen_t addrlen) {
    return send_one(p, fd, buf, len, flags, addr, addrlen, true);
}

ssize_t px_writev(struct posix *p, int fd, const struct iovec *iov, int count) {
    struct px_call local, *c = begin(p, &local, fd, false);
    if (!c) return -1;
    if (count < 0 || count > IOV_MOST) return call_end(p, c, fail(EINVAL));
    c->own = (struct msghdr){.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = (size_t)count};
    return begin_send(p, c, &c->own, 0);
}

ssize_t px_sendmsg(struct posix *p, int fd, const struct msghdr *msg, int flags) {
    struct px_call local, *c = begin(p, &local, fd, true);
    if (!c) return -1;
    if (!msg) return call_end(p, c, fail(EFAULT));
    if (msg->msg_iovlen > IOV_MOST) return call_end(p, c, fail(EMSGSIZE));
    return begin_send(p, c, (struct msghdr *)(uintptr_t)msg, flags);
}
