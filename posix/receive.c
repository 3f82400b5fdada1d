/* receive.c - reading: read, recv and their kin are one call, recvmsg. Urgent bytes are oob.c's. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "posix/inner.h"

enum { SPANS = 66, IOV_MOST = 1024 };

uint32_t received_bytes(const struct sock *s) {
    tern_status_info st;
    return sock_status(s, &st) ? st.receive_queued : 0;
}

size_t received_copy(struct sock *s, size_t skip, void *to, size_t len) {
    tern_span spans[SPANS];
    size_t done = 0;
    int n = tern_read_borrow(s->px->config.stack, s->handle, spans, SPANS);
    for (int i = 0; i < n && done < len; i++) {
        if (skip >= spans[i].len) {
            skip -= spans[i].len;
            continue;
        }
        size_t part = spans[i].len - skip < len - done ? spans[i].len - skip : len - done;
        if (to) memcpy((uint8_t *)to + done, (const uint8_t *)spans[i].data + skip, part);
        done += part;
        skip = 0;
    }
    return done;
}

void received_consume(struct sock *s, size_t len) {
    tern_read_release(s->px->config.stack, s->handle, len);
    s->read += len;
}

/* Copies into the vectors what lies `skip` bytes into the received stream; returns how many. */
static ssize_t scatter(struct sock *s, const struct px_call *c, size_t skip, size_t len) {
    size_t at = c->done, done = 0;
    for (size_t i = 0; i < c->msg->msg_iovlen && done < len; i++) {
        const struct iovec *v = &c->msg->msg_iov[i];
        if (at >= v->iov_len) {
            at -= v->iov_len;
            continue;
        }
        size_t part = v->iov_len - at < len - done ? v->iov_len - at : len - done;
        if (!v->iov_base && !(c->flags & MSG_TRUNC)) return done ? (ssize_t)done : fail(EFAULT);
        uint8_t *to = c->flags & MSG_TRUNC ? NULL : (uint8_t *)v->iov_base + at;
        size_t n = received_copy(s, skip + done, to, part);
        done += n;
        at = 0;
        if (n < part) break;
    }
    return (ssize_t)done;
}

/* Takes what is there into c, up to the mark; false with errno. */
static bool take(struct sock *s, struct px_call *c, bool *found) {
    bool peek = c->flags & MSG_PEEK;
    size_t skip = 0;
    if (peek) c->done = 0;
    for (;;) {
        size_t there = received_bytes(s) - skip;
        if (!there) return true;
        *found = true;
        uint64_t place = s->read + skip;
        if (oob_at(s, place)) {
            if (c->done) return true;
            if (!s->opt[S_OOBINLINE]) { /* the urgent byte is passed over */
                if (peek)
                    skip++;
                else
                    received_consume(s, 1);
                s->oob = peek ? s->oob : OOB_NONE;
                continue;
            }
        }
        size_t want = c->total - c->done < there ? c->total - c->done : there;
        if (!want) return true;
        ssize_t n = scatter(s, c, skip, oob_limit(s, place, want));
        if (n <= 0) return n == 0 || c->done;
        c->done += (size_t)n;
        if (peek)
            skip += (size_t)n;
        else
            received_consume(s, (size_t)n);
    }
}

static size_t target_of(const struct sock *s, const struct px_call *c) {
    size_t low = (size_t)s->opt[S_RCVLOWAT], target = c->flags & MSG_WAITALL || low > c->total ? c->total : low;
    return target ? target : 1;
}

/* How many bytes could still be read, as control data. */
static void tell(struct sock *s, struct msghdr *msg) {
    size_t room = msg->msg_controllen;
    msg->msg_controllen = 0;
    if (!s->opt[S_INQ] || !msg->msg_control) return;
    if (room < CMSG_SPACE(sizeof(int))) {
        msg->msg_flags |= MSG_CTRUNC;
        return;
    }
    int left = (int)received_bytes(s);
    struct cmsghdr *cm = msg->msg_control;
    *cm = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof left), .cmsg_level = IPPROTO_TCP, .cmsg_type = TCP_CM_INQ};
    memcpy(CMSG_DATA(cm), &left, sizeof left);
    msg->msg_controllen = CMSG_SPACE(sizeof left);
}

static ssize_t receive(struct posix *p, struct sock *s, struct px_call *c) {
    bool found = false;
    sock_refresh(s);
    if (s->phase == LISTENING) return fail(ENOTCONN);
    if (c->flags & MSG_ERRQUEUE) return fail(EAGAIN);
    if (c->flags & MSG_OOB) return oob_receive(s, c);
    if (s->handle.id && !take(s, c, &found)) return -1;
    size_t target = target_of(s, c);
    if (c->done >= target || (found && !c->total)) return (ssize_t)c->done;
    if (c->done && (s->error || s->shut & SHUT_RECEIVE || call_expired(p, c) || oob_at(s, s->read)))
        return (ssize_t)c->done;
    if (c->done) return PX_PENDING;
    if (s->fin) return 0;
    int error = sock_take_error(s);
    if (error) return fail(error);
    if (s->shut & SHUT_RECEIVE) return 0;
    if (sock_state(s) == TERN_CLOSED && !s->defer) return fail(ENOTCONN);
    return call_expired(p, c) ? fail(EAGAIN) : PX_PENDING;
}

ssize_t receive_step(struct posix *p, struct px_call *c) {
    if (c->file->kind == FILE_PIPE) return pipe_read(p, c);
    struct sock *s = sock_in(c->file);
    ssize_t r = receive(p, s, c);
    if (r >= 0) tell(s, c->msg);
    return r;
}

/* ---- the calls ---- */

/* Linux's order: the vectors are looked at before the socket's state. Returns 0 or -1 with errno. */
static int measure(struct px_call *c) {
    if (c->msg->msg_iovlen && !c->msg->msg_iov) return fail(EFAULT);
    c->total = 0;
    for (size_t i = 0; i < c->msg->msg_iovlen; i++) {
        size_t len = c->msg->msg_iov[i].iov_len;
        if (len > SSIZE_MAX) return fail(EINVAL);
        c->total = len > INT_MAX - c->total ? INT_MAX : c->total + len;
    }
    return 0;
}

static ssize_t begin_receive(struct posix *p, struct px_call *c, struct msghdr *msg, int flags) {
    c->msg = msg;
    c->flags = flags;
    if (measure(c) < 0) return call_end(p, c, -1);
    uint64_t timeout = c->file->kind == FILE_SOCKET ? sock_in(c->file)->receive_timeout_ns : 0;
    c->deadline_ns = call_deadline(p, c->file, flags, timeout);
    msg->msg_namelen = 0;
    msg->msg_flags = 0;
    return call_run(p, c);
}

/* Files of other kinds: a pipe can be read, an epoll cannot; neither takes recv. */
static bool fits(const struct px_call *c, bool socket_only) {
    if (c->file->kind == FILE_SOCKET || (c->file->kind == FILE_PIPE && !socket_only)) return true;
    fail(socket_only ? ENOTSOCK : EINVAL);
    return false;
}

static ssize_t receive_one(struct posix *p, int fd, void *buf, size_t len, int flags, bool socket_only) {
    struct px_call local, *c = call_begin(p, &local, PX_CALL_RECEIVE, fd);
    if (!c) return -1;
    if (!fits(c, socket_only)) return call_end(p, c, -1);
    if (!socket_only && !len) return call_end(p, c, 0);
    c->iov = (struct iovec){buf, len > INT_MAX ? INT_MAX : len};
    c->own = (struct msghdr){.msg_iov = &c->iov, .msg_iovlen = 1};
    return begin_receive(p, c, &c->own, flags);
}

ssize_t px_read(struct posix *p, int fd, void *buf, size_t len) { return receive_one(p, fd, buf, len, 0, false); }

ssize_t px_recv(struct posix *p, int fd, void *buf, size_t len, int flags) {
    return receive_one(p, fd, buf, len, flags, true);
}

/* A connection has one peer: no address is given, as on Linux. */
ssize_t px_recvfrom(struct posix *p, int fd, void *buf, size_t len, int flags, struct sockaddr *addr,
                    socklen_t *addrlen) {
    ssize_t r = receive_one(p, fd, buf, len, flags, true);
    if (r >= 0 && addr && addrlen) *addrlen = 0;
    return r;
}

ssize_t px_readv(struct posix *p, int fd, const struct iovec *iov, int count) {
    struct px_call local, *c = call_begin(p, &local, PX_CALL_RECEIVE, fd);
    if (!c) return -1;
    if (!fits(c, false)) return call_end(p, c, -1);
    if (count < 0 || count > IOV_MOST) return call_end(p, c, fail(EINVAL));
    c->own = (struct msghdr){.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = (size_t)count};
    c->msg = &c->own;
    if (measure(c) < 0) return call_end(p, c, -1);
    return c->total ? begin_receive(p, c, &c->own, 0) : call_end(p, c, 0);
}

ssize_t px_recvmsg(struct posix *p, int fd, struct msghdr *msg, int flags) {
    struct px_call local, *c = call_begin(p, &local, PX_CALL_RECEIVE, fd);
    if (!c) return -1;
    if (!fits(c, true)) return call_end(p, c, -1);
    if (!msg) return call_end(p, c, fail(EFAULT));
    if (msg->msg_iovlen > IOV_MOST) return call_end(p, c, fail(EMSGSIZE));
    return begin_receive(p, c, msg, flags);
}
