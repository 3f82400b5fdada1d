/* delack.c - when an acknowledgment leaves (RFC 9293 3.8.6.3): at once, or after a while in the hope of company. It
 * never decides that one is owed. [MUST-40, MUST-58, MUST-59] */
#include "tcp/tcb.h"

void ack_now(struct stack *s, struct tcb *t, enum reason why) {
    if (!(t->work & WORK_ACK)) {
        t->ack_reason = (uint8_t)why;
        t->work |= WORK_ACK;
    }
    tcb_ready(s, t);
}

void ack_later(struct stack *s, struct tcb *t) {
    if (s->cfg.delayed_ack_ms == 0 || t->on.quick_ack) {
        ack_now(s, t, R_SEND_ACK);
        return;
    }
    if (t->busy->delack_at == TERN_NEVER) t->busy->delack_at = s->now + (uint64_t)s->cfg.delayed_ack_ms * MS_NS;
}

/* Every segment but the first SYN acknowledges. */
void ack_sent(struct tcb *t) {
    t->work &= (uint8_t)~WORK_ACK;
    t->busy->delack_at = TERN_NEVER;
    t->busy->unacked = 0;
    t->busy->last_ack_sent = t->rcv.nxt;
}
