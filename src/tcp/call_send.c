/* call_send.c - SEND (RFC 9293 3.10.2): bytes go into the send buffer; which segments carry them is segmentize.c's. */
#include "tcp/tcb.h"

/* Writing is possible from the open on (the bytes wait for ESTABLISHED) until a FIN is asked for. */
static int may_write(const struct tcb *t) {
    if (t->state == TERN_CLOSED) return t->error ? t->error : TERN_ECLOSED;
    if (t->fin_queued || t->detached) return TERN_ESTATE;
    return state_in(t, IN(SYN_SENT) | IN(SYN_RECEIVED) | IN(ESTABLISHED) | IN(CLOSE_WAIT)) ? TERN_OK : TERN_ESTATE;
}

static int refused(struct stack *s, struct tcb *t) {
    event_try_again(s, &t->event);
    return TERN_ENOMEM;
}

static int find(tern_stack *public, tern_sock sock, struct tcb **out) {
    struct stack *s = stack_of(public);
    if (!s) return TERN_EINVAL;
    *out = tcb_of(s, sock);
    if (!*out) return TERN_ESTALE;
    int err = may_write(*out);
    if (err) return err;
    return tcb_wake(s, *out) ? TERN_OK : refused(s, *out);
}

static void written(struct stack *s, struct tcb *t, uint32_t n) {
    trace_call(s, t, "send", n);
    if (state_in(t, MAY_SEND)) tcb_ready(s, t);
}

ptrdiff_t tern_write(tern_stack *public, tern_sock sock, const void *data, size_t len) {
    struct tcb *t;
    int err = find(public, sock, &t);
    if (err) return err;
    if (len == 0) return 0;
    if (!data) return TERN_EINVAL;
    struct stack *s = stack_of(public);
    t->busy->reserved = 0; /* these bytes take the place */
    uint32_t n = snd_append(s, t, data, (uint32_t)min_size(len, INT32_MAX));
    if (n < len) t->want_write = true;
    if (n == 0) return snd_space(t) ? refused(s, t) : TERN_EAGAIN;
    written(s, t, n);
    return n;
}

ptrdiff_t tern_write_urgent(tern_stack *public, tern_sock sock, const void *data, size_t len) {
    ptrdiff_t n = tern_write(public, sock, data, len);
    if (n <= 0) return n;
    struct tcb *t = tcb_of(stack_of(public), sock);
    t->busy->snd_up = t->snd.end;
    t->urgent_out = true;
    return n;
}

int tern_write_reserve(tern_stack *public, tern_sock sock, size_t want, void *ptr[2], size_t len[2]) {
    struct tcb *t;
    int err = find(public, sock, &t);
    if (err) return err;
    if (!ptr || !len) return TERN_EINVAL;
    struct stack *s = stack_of(public);
    uint32_t queued = snd_queued(t), n = min_u32(snd_space(t), (uint32_t)min_size(want, INT32_MAX));
    if (n < want) t->want_write = true;
    if (n == 0) return TERN_EAGAIN;
    if (!snd_reserve(s, t, queued + n)) return refused(s, t);
    uint8_t *at[2] = {NULL, NULL};
    uint32_t lens[2] = {0, 0};
    ring_view(&t->busy->snd_ring, t->snd.end, n, at, lens);
    for (unsigned i = 0; i < 2; i++) {
        ptr[i] = at[i];
        len[i] = lens[i];
    }
    t->busy->reserved = n;
    return TERN_OK;
}

int tern_write_commit(tern_stack *public, tern_sock sock, size_t len) {
    struct tcb *t;
    int err = find(public, sock, &t);
    if (err) return err;
    if (len > min_u32(t->busy->reserved, t->busy->snd_ring.size - min_u32(snd_queued(t), t->busy->snd_ring.size)))
        return TERN_EINVAL; /* not as much was given, or the room is gone since */
    t->busy->reserved = 0;
    if (len == 0) return TERN_OK;
    t->snd.end = seq_add(t->snd.end, (uint32_t)len);
    written(stack_of(public), t, (uint32_t)len);
    return TERN_OK;
}
