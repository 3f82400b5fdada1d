/* step2_reset.c - second, check the RST bit (RFC 9293 3.10.7.4, RFC 5961 3.2): only a RST with exactly the next
 * number counts; one that is merely in the window is challenged. */
#include "tcp/tcb.h"

enum reason step2_reset(struct arrival *a) {
    struct tcb *t = a->t;
    if (likely(!(a->flags & TCP_RST))) return R_NONE;
    if (!seq_eq(a->seq, t->rcv.nxt)) {
        effects_reply(&a->fx, REPLY_CHALLENGE, R_SEND_CHALLENGE);
        return R_RST_CHALLENGE;
    }
    if (t->fast_opened) fastopen_was_reset(a->s);
    switch (t->state) {
    case TERN_SYN_RECEIVED:
        if (t->passive) {
            tcb_move(a->s, t, MOVE_BACK_TO_LISTEN);
            return R_RST_BACK_TO_LISTEN;
        }
        tcb_move(a->s, t, MOVE_RESET);
        a->fx.error = TERN_EREFUSED;
        return R_RST_REFUSED;
    case TERN_TIME_WAIT: return R_TIME_WAIT_RST; /* or old duplicates could end the wait early [RFC1337 3 (F1)] */
    default:
        tcb_move(a->s, t, MOVE_RESET);
        a->fx.error = TERN_ERESET;
        return R_RST_EXACT;
    }
}
