/* recvbuf.c - bytes received and not yet read: a ring addressed by sequence number, in which data out of order
 * already lies at its place (RFC 9293 3.10.7.4 seventh, [SHLD-31]), and lent packets before it. When to acknowledge
 * is delack.c's.
 *
 * The stream is, in this order: lent pieces from rcv.read on; ring bytes up to rcv.nxt; a hole; islands in the ring.
 * Lending happens only while the ring is empty, so the order needs no bookkeeping. */
#include "tcp/tcb.h"

enum { MODEST = 16384 }; /* bytes that a connection may hold however short memory is */

seq rcv_ring_base(const struct tcb *t) { return seq_add(t->rcv.read, t->busy->lent ? t->busy->lent->bytes : 0); }

/* ---- out of order ---- */

/* Room in the ring for everything up to `right`; what is there keeps its place. */
static bool ring_reach(struct stack *s, struct tcb *t, seq right) {
    seq base = rcv_ring_base(t), last = t->rcv.nxt;
    if (t->busy->islands) last = seq_max(last, islands_end(t));
    uint32_t size = (uint32_t)seq_diff(right, base);
    /* Nobody reads, or too much is missing: others go on with what is left. */
    if (size > max_u32(t->busy->rcv_ring.size, MODEST) && mem_tight(s)) return false;
    return ring_reserve(s, &t->busy->rcv_ring, size, base, last);
}

/* What is held already stays as it came: the first copy of a byte wins, so that the stream does not depend on who
 * repeats what (Ptacek and Newsham 1998). */
static COLD void write_fresh(struct arrival *a) {
    struct tcb *t = a->t;
    const range_set *set = t->busy->islands ? &t->busy->islands->set : NULL;
    seq at = a->seq, right = seq_add(a->seq, a->len);
    for (unsigned i = set ? range_find(set, at) : 0; seq_lt(at, right); i++) {
        bool last = !set || i == set->count;
        seq stop = last ? right : seq_min(right, set->at[i].left);
        if (seq_lt(at, stop))
            ring_write(a->s->ck, &t->busy->rcv_ring, at, a->text + seq_diff(at, a->seq), (uint32_t)seq_diff(stop, at));
        at = last ? right : seq_max(at, set->at[i].right);
    }
}

static enum reason take_out_of_order(struct arrival *a) {
    struct tcb *t = a->t;
    range twice;
    seq right = seq_add(a->seq, a->len);
    if (!ring_reach(a->s, t, right)) return R_TEXT_NO_BUFFER;
    write_fresh(a);
    switch (islands_add(a->s, t, a->seq, right, &twice)) {
    case ISLANDS_NO_MEMORY: return R_TEXT_NO_BUFFER;
    case ISLANDS_FULL: return R_TEXT_ISLANDS;
    case ISLANDS_OK: break;
    }
    if (seq_lt(twice.left, twice.right)) sack_duplicate(t, twice.left, twice.right);
    TALLY(a->s, t, out_of_order);
    autotune_held(a->s, t);
    return R_TEXT_OUT_OF_ORDER;
}

/* ---- lent packets ---- */

enum { LENT_SIZE = 2048 };
_Static_assert(sizeof(struct lent) <= LENT_SIZE, "the queue of lent pieces comes from the buffers");

static struct lent *lent_new(struct stack *s) {
    struct lent *q = mem_buffer_take(s, LENT_SIZE);
    if (q) q->head = q->count = q->bytes = 0;
    return q;
}

static inline bool may_lend(const struct arrival *a) { return a->ip->token && a->len >= LENT_LEAST; }

/* In order, and nothing is in the ring. */
static APART bool lend(struct arrival *a) {
    struct tcb *t = a->t;
    if (!seq_eq(rcv_ring_base(t), t->rcv.nxt)) return false;
    if (!t->busy->lent) t->busy->lent = lent_new(a->s);
    struct lent *q = t->busy->lent;
    if (!q || q->count == LENT_PIECES) return false;
    uint32_t i = (q->head + q->count++) % LENT_PIECES;
    q->piece[i].token = a->ip->token;
    q->piece[i].at = a->text;
    q->piece[i].len = a->len;
    q->bytes += a->len;
    *a->ip->token_kept = true;
    return true;
}

static void lent_consume(struct stack *s, struct tcb *t, uint32_t len) {
    struct lent *q = t->busy->lent;
    q->bytes -= len;
    while (len) {
        uint32_t n = min_u32(len, q->piece[q->head].len);
        q->piece[q->head].at += n;
        q->piece[q->head].len -= n;
        len -= n;
        if (q->piece[q->head].len) break;
        ip_token_done(s, q->piece[q->head].token);
        q->head = (q->head + 1) % LENT_PIECES;
        q->count--;
    }
    if (q->count) return;
    mem_buffer_give(s, q, LENT_SIZE);
    t->busy->lent = NULL;
}

/* ---- taking and reading ---- */

static APART enum reason take_beside_islands(struct arrival *a) {
    struct tcb *t = a->t;
    seq right = seq_add(a->seq, a->len);
    if (seq_gt(a->seq, t->rcv.nxt)) return take_out_of_order(a);
    if (!ring_reach(a->s, t, right)) return R_TEXT_NO_BUFFER;
    write_fresh(a);
    rcv_advance(t, right);
    rcv_advance(t, islands_join(a->s, t, right));
    return R_TEXT_FILLS_HOLE;
}

enum reason rcv_take(struct arrival *a) {
    struct tcb *t = a->t;
    if (unlikely(!seq_eq(a->seq, t->rcv.nxt) || t->busy->islands)) return take_beside_islands(a);
    seq right = seq_add(a->seq, a->len);
    if (!(may_lend(a) && lend(a))) {
        if (!ring_reach(a->s, t, right)) return R_TEXT_NO_BUFFER;
        ring_write(a->s->ck, &t->busy->rcv_ring, a->seq, a->text, a->len);
    }
    rcv_advance(t, right);
    return R_TEXT_IN_ORDER;
}

static APART uint32_t lent_read(struct stack *s, struct tcb *t, uint8_t *to, uint32_t len) {
    uint32_t done = 0;
    while (t->busy->lent && done < len) {
        const struct lent *q = t->busy->lent;
        uint32_t n = min_u32(len - done, q->piece[q->head].len);
        if (to) copy_bytes(s->ck, to + done, q->piece[q->head].at, n);
        t->rcv.read = seq_add(t->rcv.read, n);
        lent_consume(s, t, n);
        done += n;
    }
    return done;
}

uint32_t rcv_read(struct stack *s, struct tcb *t, void *buf, uint32_t len) {
    uint8_t *to = buf;
    len = min_u32(len, rcv_readable(t));
    uint32_t done = t->busy->lent ? lent_read(s, t, to, len) : 0;
    if (done < len) {
        if (to) ring_read(s->ck, &t->busy->rcv_ring, t->rcv.read, to + done, len - done);
        t->rcv.read = seq_add(t->rcv.read, len - done);
    }
    if (t->urgent_in && seq_ge(t->rcv.read, t->busy->rcv_up)) t->urgent_in = false;
    if (rcv_readable(t) == 0 && !t->busy->islands) ring_emptied(s, &t->busy->rcv_ring);
    return len;
}

void rcv_flush(struct stack *s, struct tcb *t) {
    if (!tcb_awake(t)) return;
    if (t->busy->lent) {
        uint32_t all = t->busy->lent->bytes;
        lent_consume(s, t, all);
        t->rcv.read = seq_add(t->rcv.read, all);
    }
    islands_free(s, t);
    ring_drop(s, &t->busy->rcv_ring);
}
