/* sendbuf.c - bytes written and not yet acknowledged: a ring addressed by sequence number. What is sent of it, and
 * when, is segmentize.c's decision. Also the rings' memory, shared with recvbuf.c. */
#include "tcp/tcb.h"

enum { REFILL = 128 << 10 };

/* An empty ring gives its memory back; the next one begins as large as the last had to be, for growing in the middle
 * of a burst means copying. */
bool ring_grow(struct stack *s, ring *r, uint32_t size, seq from, seq to) {
    uint32_t wanted = r->size ? size : max_u32(size, r->used);
    r->used = r->size ? max_u32(size, r->used) : size;
    ring bigger = {NULL, pow2_at_least(max_u32(wanted, RING_LEAST)), r->used};
    bigger.at = mem_buffer_take(s, bigger.size);
    if (!bigger.at && wanted > size) {
        bigger.size = pow2_at_least(max_u32(size, RING_LEAST));
        bigger.at = mem_buffer_take(s, bigger.size);
    }
    if (!bigger.at) return false;
    uint32_t kept = (uint32_t)seq_diff(to, from);
    if (r->size && kept) ring_move(s->ck, r, &bigger, from, kept);
    ring_drop(s, r);
    *r = bigger;
    return true;
}

uint32_t snd_space(const struct tcb *t) {
    uint32_t queued = snd_queued(t), limit = autotune_send_limit(t);
    return queued < limit ? limit - queued : 0;
}

/* Room for `size` bytes in all. When memory is short, only for what can leave at once: a peer that keeps its window shut
 * must not pin what others need (CVE-2008-4609). */
bool snd_reserve(struct stack *s, struct tcb *t, uint32_t size) {
    if (size > t->busy->snd_ring.size && (t->snd.wnd == 0 || snd_queued(t)) && mem_tight(s)) return false;
    return ring_reserve(s, &t->busy->snd_ring, size, snd_first(t), t->snd.end);
}

uint32_t snd_append(struct stack *s, struct tcb *t, const void *data, uint32_t len) {
    uint32_t queued = snd_queued(t), first = t->opt->send_buffer;
    if (queued > first || len > first - queued) len = min_u32(len, snd_space(t)); /* never less than the first size */
    if (len == 0 || !snd_reserve(s, t, queued + len)) return 0;
    if (data) ring_write(s->ck, &t->busy->snd_ring, t->snd.end, data, len);
    t->snd.end = seq_add(t->snd.end, len);
    return len;
}

void snd_trim(struct stack *s, struct tcb *t) {
    if (snd_queued(t) == 0) ring_emptied(s, &t->busy->snd_ring);
}

/* Not for every ACK, but in time: on a long path what is under way fills most of the buffer. */
void snd_tell_room(struct stack *s, struct tcb *t) {
    if (snd_space(t) < min_u32(autotune_send_limit(t) / 3, REFILL)) return;
    t->want_write = false;
    event_raise(s, &t->event, TERN_EV_WRITE, 0);
}

void snd_flush(struct stack *s, struct tcb *t) {
    if (!tcb_awake(t)) return;
    ring_drop(s, &t->busy->snd_ring);
    flight_free(s, t->busy->flight);
    t->busy->flight = NULL;
}
