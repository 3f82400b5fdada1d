/* call_receive.c - RECEIVE (RFC 9293 3.10.3): bytes that arrived in order go to the application, and the window
 * opens again. */
#include "tcp/tcb.h"

/* What reading nothing means: the end of the stream, the end of the connection, or "later". */
static int nothing(const struct tcb *t) {
    if (t->fin_taken && (t->error == TERN_OK || t->error == TERN_ECLOSED)) return 0;
    if (t->state == TERN_CLOSED) return t->error ? t->error : 0;
    return TERN_EAGAIN;
}

static void consumed(struct stack *s, struct tcb *t, uint32_t n) {
    trace_call(s, t, "receive", n);
    autotune_read(s, t, n);
    if (window_update_due(t)) ack_now(s, t, R_SEND_WINDOW_UPDATE);
    tcb_rest(s, t);
}

static struct tcb *find(tern_stack *public, tern_sock sock, int *err) {
    struct stack *s = stack_of(public);
    struct tcb *t = s ? tcb_of(s, sock) : NULL;
    *err = !s ? TERN_EINVAL : !t || t->detached ? TERN_ESTALE : TERN_OK;
    return t;
}

ptrdiff_t tern_read(tern_stack *public, tern_sock sock, void *buf, size_t len) {
    int err;
    struct tcb *t = find(public, sock, &err);
    if (err) return err;
    if (len && !buf) return TERN_EINVAL;
    struct stack *s = stack_of(public);
    if (rcv_readable(t) == 0) return nothing(t);
    uint32_t n = rcv_read(s, t, buf, (uint32_t)min_size(len, INT32_MAX));
    if (n) consumed(s, t, n);
    return n;
}

int tern_read_borrow(tern_stack *public, tern_sock sock, tern_span *spans, size_t max) {
    int err;
    struct tcb *t = find(public, sock, &err);
    if (err) return err;
    if (!max || !spans) return TERN_EINVAL;
    if (rcv_readable(t) == 0) return nothing(t);
    size_t n = 0;
    const struct lent *q = t->busy->lent;
    for (uint32_t i = 0; q && i < q->count && n < max; i++, n++) {
        uint32_t at = (q->head + i) % LENT_PIECES;
        spans[n] = (tern_span){q->piece[at].at, q->piece[at].len};
    }
    if (q && n == max && n <= q->count) return (int)n;
    uint32_t in_ring = rcv_readable(t) - (q ? q->bytes : 0), lens[2];
    uint8_t *ptr[2];
    unsigned views = ring_view(&t->busy->rcv_ring, rcv_ring_base(t), in_ring, ptr, lens);
    for (unsigned i = 0; i < views && n < max; i++, n++) spans[n] = (tern_span){ptr[i], lens[i]};
    return (int)n;
}

int tern_read_release(tern_stack *public, tern_sock sock, size_t len) {
    int err;
    struct tcb *t = find(public, sock, &err);
    if (err) return err;
    if (len > rcv_readable(t)) return TERN_EINVAL;
    if (len == 0) return TERN_OK;
    struct stack *s = stack_of(public);
    rcv_read(s, t, NULL, (uint32_t)len);
    consumed(s, t, (uint32_t)len);
    return TERN_OK;
}
