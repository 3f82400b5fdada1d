/* step8_fin.c - eighth, check the FIN bit (RFC 9293 3.10.7.4): the peer will send no more. A FIN behind a hole waits in
 * rcv.fin until the hole is filled. */
#include "tcp/tcb.h"

/* The first one counts, unless the peer has sent bytes beyond it: then it is none of this stream. */
static void note_fin(struct arrival *a) {
    struct tcb *t = a->t;
    seq at = seq_add(a->seq, a->len);
    if (t->fin_seen || seq_lt(at, t->rcv.nxt) || (t->busy->islands && seq_gt(islands_end(t), at))) return;
    t->fin_seen = true;
    t->busy->fin = at;
}

static enum move move_of(const struct tcb *t) {
    return t->state == TERN_FIN_WAIT_1 && fin_acked(t) ? MOVE_FIN_AND_ACKED : MOVE_FIN;
}

enum reason step8_fin(struct arrival *a) {
    struct tcb *t = a->t;
    if (a->flags & TCP_FIN) {
        if (!state_in(t, MAY_RECEIVE | IN(SYN_RECEIVED))) return R_NONE; /* a second FIN says nothing new */
        note_fin(a);
        effects_reply(&a->fx, REPLY_ACK, R_SEND_ACK);
    }
    if (likely(!t->fin_seen || t->fin_taken)) return R_NONE;
    if (!seq_eq(t->rcv.nxt, t->busy->fin)) {
        if (a->flags & TCP_FIN && a->len == 0) a->note = R_FIN_EARLY;
        return R_NONE;
    }
    rcv_advance(t, seq_add(t->rcv.nxt, 1));
    if (seq_gt(t->rcv.nxt, t->rcv.adv)) t->rcv.adv = t->rcv.nxt;
    t->fin_taken = true;
    tcb_move(a->s, t, move_of(t));
    a->fx.events |= TERN_EV_EOF;
    effects_reply(&a->fx, REPLY_ACK, R_SEND_ACK);
    if (t->state == TERN_TIME_WAIT) two_msl_start(a->s, t);
    return R_FIN_TAKEN;
}
