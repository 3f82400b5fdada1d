/* poll.c - is a file ready, poll(2), and the ioctls that ask how much there is. Watching many files is epoll.c's. */
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>

#include "posix/inner.h"

/* ---- ready for what ---- */

static bool opening(enum tern_state state) { return state == TERN_SYN_SENT || state == TERN_SYN_RECEIVED; }

static bool enough_to_read(const struct sock *s, const tern_status_info *st) {
    uint32_t low = (uint32_t)s->opt[S_RCVLOWAT];
    if (oob_at(s, s->read) && !s->opt[S_OOBINLINE]) low++; /* the urgent byte itself is not read */
    return st->receive_queued >= low;
}

bool sock_held_back(const struct sock *s) {
    tern_status_info st;
    uint32_t low = (uint32_t)s->opt[S_NOTSENT_LOWAT];
    return low && sock_status(s, &st) && st.send_unsent >= low;
}

/* A full buffer must be known to the stack as such, so that it tells when there is room again. */
static bool writable(struct sock *s, const tern_status_info *st) {
    void *at[2];
    size_t len[2];
    if (s->full || sock_held_back(s)) return false;
    if (st->send_space) return true;
    return tern_write_reserve(s->px->config.stack, s->handle, 1, at, len) == TERN_OK;
}

static short listener_ready(const struct sock *s) {
    tern_status_info st;
    return sock_status(s, &st) && st.backlog ? POLLIN | POLLRDNORM : 0;
}

static short sock_ready(struct sock *s) {
    tern_status_info st;
    if (s->phase == LISTENING) return listener_ready(s);
    sock_refresh(s);
    bool there = sock_status(s, &st);
    enum tern_state state = sock_state(s);
    short r = s->error ? POLLERR : 0;
    if (s->shut == SHUT_BOTH || (state == TERN_CLOSED && !s->defer)) r |= POLLHUP;
    if (s->shut & SHUT_RECEIVE) r |= POLLIN | POLLRDNORM | POLLRDHUP;
    if (opening(state)) return r;
    if (there && enough_to_read(s, &st)) r |= POLLIN | POLLRDNORM;
    if (s->shut & SHUT_SEND || state == TERN_CLOSED || writable(s, &st)) r |= POLLOUT | POLLWRNORM;
    if (there && oob_ready(s)) r |= POLLPRI;
    return r;
}

short file_ready(struct posix *p, struct file *f) {
    switch (f->kind) {
    case FILE_SOCKET: return sock_ready(sock_in(f));
    case FILE_EPOLL: return epoll_ready(p, (struct epoll *)(void *)f);
    case FILE_PIPE: return pipe_ready((struct pipe *)(void *)f);
    }
    return 0;
}

/* ---- poll ---- */

ssize_t poll_step(struct posix *p, struct px_call *c) {
    struct pollfd *fds = c->at;
    int n = 0;
    for (size_t i = 0; i < c->total; i++) {
        fds[i].revents = 0;
        if (fds[i].fd < 0) continue;
        struct file *f = file_of(p, fds[i].fd);
        fds[i].revents = f ? (short)(file_ready(p, f) & (fds[i].events | POLLERR | POLLHUP)) : POLLNVAL;
        n += fds[i].revents != 0;
    }
    return n || call_expired(p, c) ? n : PX_PENDING;
}

int px_poll(struct posix *p, struct pollfd *fds, nfds_t count, int timeout_ms) {
    struct px_call local, *c = call_begin(p, &local, PX_CALL_POLL, -1);
    if (count > (nfds_t)p->config.fds_max) return (int)call_end(p, c, fail(EINVAL));
    if (count && !fds) return (int)call_end(p, c, fail(EFAULT));
    c->at = fds;
    c->total = count;
    c->deadline_ns = deadline_ms(p, timeout_ms);
    return (int)call_run(p, c);
}

/* ---- ioctl ---- */

/* Up to the mark, as reading goes; nothing is counted while the connection opens. */
static int readable(const struct sock *s) {
    size_t there = received_bytes(s);
    if (s->opt[S_OOBINLINE]) return (int)there;
    return oob_at(s, s->read) ? 0 : (int)oob_limit(s, s->read, there);
}

/* Our FIN counts as one byte until it is acknowledged. */
static int unacknowledged(const tern_status_info *st) {
    bool fin = st->state == TERN_FIN_WAIT_1 || st->state == TERN_CLOSING || st->state == TERN_LAST_ACK;
    return (int)st->send_queued + fin;
}

static int ask(struct sock *s, unsigned long request, int *out) {
    tern_status_info st;
    bool there = sock_status(s, &st);
    enum tern_state state = sock_state(s);
    if (request == SIOCATMARK) {
        *out = oob_at(s, s->read);
        return 0;
    }
    if (s->phase == LISTENING) return fail(EINVAL);
    *out = 0;
    if (!there) return 0;
    switch (request) {
    case SIOCINQ: *out = readable(s); return 0;
    case SIOCOUTQ: *out = opening(state) ? 0 : unacknowledged(&st); return 0;
    default: *out = opening(state) ? 0 : (int)st.send_unsent; return 0;
    }
}

int px_ioctl(struct posix *p, int fd, unsigned long request, void *argument) {
    struct file *f = file_of(p, fd);
    int *value = argument;
    if (!f) return -1;
    events_collect(p);
    if (request == FIONBIO && value) {
        f->flags = *value ? f->flags | O_NONBLOCK : f->flags & ~O_NONBLOCK;
        return 0;
    }
    bool known = request == SIOCINQ || request == SIOCOUTQ || request == SIOCOUTQNSD || request == SIOCATMARK;
    if (f->kind != FILE_SOCKET || (!known && request != FIONBIO)) return fail(ENOTTY);
    if (!value) return fail(EFAULT);
    sock_refresh(sock_in(f));
    return ask(sock_in(f), request, value);
}
