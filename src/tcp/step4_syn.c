/* step4_syn.c - fourth, check the SYN bit (RFC 9293 3.10.7.4, RFC 5961 4.2): a SYN on a connection that exists is
 * challenged, whatever its number. TIME-WAIT's newer SYNs were dealt with before the steps (timewait.c). */
#include "tcp/tcb.h"

enum reason step4_syn(struct arrival *a) {
    struct tcb *t = a->t;
    if (likely(!(a->flags & TCP_SYN))) return R_NONE;
    if (t->state == TERN_SYN_RECEIVED && t->passive) {
        tcb_move(a->s, t, MOVE_BACK_TO_LISTEN);
        return R_RST_BACK_TO_LISTEN;
    }
    effects_reply(&a->fx, REPLY_CHALLENGE, R_SEND_CHALLENGE);
    return R_SYN_CHALLENGE;
}
