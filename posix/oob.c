/* oob.c - urgent data as BSD sockets show it (RFC 6093 2): the byte before the urgent pointer is taken out of the stream
 * and read with MSG_OOB, and reads stop at its place, the mark. With SO_OOBINLINE it stays in the stream. */
#include <errno.h>

#include "posix/inner.h"

/* The urgent pointer leads behind the byte that counts. */
void oob_refresh(struct sock *s, const tern_status_info *st) {
    if (s->oob != OOB_NONE && s->read > s->mark) s->oob = OOB_NONE;
    if (!st->urgent_left) return;
    uint64_t mark = s->read + st->urgent_left - 1;
    if (s->oob != OOB_NONE && mark == s->mark) return;
    s->mark = mark;
    s->oob = OOB_AHEAD;
}

bool oob_at(const struct sock *s, uint64_t position) { return s->oob != OOB_NONE && s->mark == position; }

size_t oob_limit(const struct sock *s, uint64_t position, size_t len) {
    if (s->oob == OOB_NONE || s->mark <= position) return len;
    return s->mark - position < len ? (size_t)(s->mark - position) : len;
}

bool oob_ready(const struct sock *s) { return s->oob == OOB_AHEAD && s->mark - s->read < received_bytes(s); }

ssize_t oob_receive(struct sock *s, struct px_call *c) {
    if (s->opt[S_OOBINLINE] || s->oob != OOB_AHEAD) return fail(EINVAL);
    if (sock_state(s) == TERN_CLOSED && !s->fin) return fail(ENOTCONN);
    if (!oob_ready(s)) return s->shut & SHUT_RECEIVE ? 0 : fail(EAGAIN);
    uint8_t byte;
    received_copy(s, (size_t)(s->mark - s->read), &byte, 1);
    if (!(c->flags & MSG_PEEK)) s->oob = OOB_READ;
    c->msg->msg_flags |= MSG_OOB;
    if (!c->total) {
        c->msg->msg_flags |= MSG_TRUNC;
        return 0;
    }
    for (size_t i = 0; i < c->msg->msg_iovlen; i++) {
        if (!c->msg->msg_iov[i].iov_len) continue;
        if (!(c->flags & MSG_TRUNC)) *(uint8_t *)c->msg->msg_iov[i].iov_base = byte;
        break;
    }
    return 1;
}
