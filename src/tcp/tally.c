/* tally.c - what STATUS (RFC 9293 3.10.6) tells of a connection's troubles: how much was sent again, came out of order, was
 * reported twice or marked, and what held its bytes up for how long. Kept beside the control block and only for those that
 * have something to tell: most have not. It decides nothing. */
#include "tcp/tcb.h"

/* NULL where there is no memory: then nothing is counted. */
struct tcb_tally *tally_of(struct stack *s, struct tcb *t) {
    uint32_t index;
    if (likely(t->tally)) return pool_at(&s->tcp.tallies, t->tally - 1);
    struct tcb_tally *y = t->record ? NULL : pool_take(&s->tcp.tallies, s, &index);
    if (y) t->tally = index + 1;
    return y;
}

const struct tcb_tally *tally_seen(const struct stack *s, const struct tcb *t) {
    static const struct tcb_tally nothing;
    return t->tally ? pool_at(&s->tcp.tallies, t->tally - 1) : &nothing;
}

void tally_free(struct stack *s, struct tcb *t) {
    if (t->tally) pool_give(&s->tcp.tallies, t->tally - 1);
    t->tally = 0;
}

void tally_again(struct stack *s, struct tcb *t, enum reason why, uint32_t len) {
    struct tcb_tally *y = tally_of(s, t);
    if (!y) return;
    y->bytes_again += len;
    y->by_timer += why == R_REXMIT_RTO || why == R_REXMIT_SYN;
    y->by_probe += why == R_REXMIT_TLP;
}

/* What holds the bytes up now. */
static enum tally_time doing(const struct tcb *t) {
    int32_t left = seq_diff(t->snd.end, t->snd.nxt), room = seq_diff(seq_add(t->snd.una, t->snd.wnd), t->snd.nxt);
    if (left > 0) return room < (int32_t)min_u32((uint32_t)left, t->mss) ? TALLY_WINDOW : TALLY_BUSY;
    if (seq_eq(t->snd.una, t->snd.nxt)) return TALLY_IDLE;
    return t->want_write ? TALLY_BUFFER : TALLY_BUSY;
}

/* After whatever may have changed that. Who never had bytes that waited has no times. */
void tally_time(struct stack *s, struct tcb *t) {
    enum tally_time now = doing(t);
    struct tcb_tally *y = t->tally || seq_gt(t->snd.end, t->snd.nxt) ? tally_of(s, t) : NULL;
    if (!y) return;
    uint32_t us = clock_us(s);
    y->spent_us[y->doing] += us - y->since_us;
    y->since_us = us;
    y->doing = (uint8_t)now;
}
