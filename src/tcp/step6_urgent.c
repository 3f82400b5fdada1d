/* step6_urgent.c - sixth, check the URG bit (RFC 9293 3.10.7.4, 3.8.5): the application is told that urgent bytes
 * are on their way; they are delivered in line with the rest (RFC 6093). */
#include "tcp/tcb.h"

/* [MUST-30, MUST-31] */
enum reason step6_urgent(struct arrival *a) {
    struct tcb *t = a->t;
    if (likely(!(a->h->flags & TCP_URG) || !state_in(t, MAY_RECEIVE))) return R_NONE;
    seq up = seq_add(a->h->seq_no, a->h->urgent);
    if (t->urgent_in ? seq_le(up, t->busy->rcv_up) : seq_le(up, t->rcv.read)) return R_NONE;
    t->busy->rcv_up = up;
    t->urgent_in = true;
    a->fx.events |= TERN_EV_URGENT; /* [MUST-32] */
    return R_NONE;
}
