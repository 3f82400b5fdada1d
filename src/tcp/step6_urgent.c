/* step6_urgent.c - sixth, check the URG bit (RFC 9293 3.10.7.4, 3.8.5): the application is told that urgent bytes are on their
 * way; they are delivered in line with the rest (RFC 6093). */
#include "tcp/tcb.h"

enum reason step6_urgent(struct arrival *a) {
    if (unlikely((a->flags & TCP_URG) && a->h->urgent && state_in(a->t, MAY_RECEIVE))) a->fx.events |= TERN_EV_URGENT;
    return R_NONE;
}
