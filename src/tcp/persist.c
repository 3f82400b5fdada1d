/* persist.c - zero-window probing (RFC 9293 3.8.6.1): the peer's window is shut, or too small to use; ask again and again, each
 * time later, for as long as it answers. [MUST-35, MUST-36, MUST-37] */
#include "tcp/tcb.h"

/* [SHLD-29] The first probe comes after the retransmission timeout. */
void persist_start(struct stack *s, struct tcb *t) {
    if (t->rexmit_at != TERN_NEVER) return;
    t->persisting = true;
    t->backoff = 0;
    t->rexmit_at = s->now + rto_ns(s, t);
}

void persist_stop(struct stack *s, struct tcb *t) {
    (void)s;
    t->persisting = false;
    t->backoff = 0;
    t->rexmit_at = TERN_NEVER;
}

void persist_timeout(struct stack *s, struct tcb *t) {
    t->work |= WORK_PROBE;
    if (t->backoff < 20) t->backoff++; /* [SHLD-30] */
    t->rexmit_at = s->now + rto_ns(s, t);
    tcb_ready(s, t);
}
