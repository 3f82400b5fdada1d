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
    struct busy *b = t->busy;
    if (b->delack_at != TERN_NEVER) return;
    b->delack_at = s->now + (uint64_t)s->cfg.delayed_ack_ms * MS_NS;
    b->delack_next = NULL;
    b->delack_link = s->tcp.delack_tail;
    *s->tcp.delack_tail = b;
    s->tcp.delack_tail = &b->delack_next;
    if (!wheel_armed(&s->tcp.delack_timer)) wheel_arm(&s->wheel, &s->tcp.delack_timer, b->delack_at);
}

void delack_stop(struct stack *s, struct busy *b) {
    if (b->delack_at == TERN_NEVER) return;
    b->delack_at = TERN_NEVER;
    *b->delack_link = b->delack_next;
    if (b->delack_next)
        b->delack_next->delack_link = b->delack_link;
    else
        s->tcp.delack_tail = b->delack_link;
}

/* All wait equally long, so the queue is in order of time, and one timer serves them all. Where thousands wait, the next
 * one's block has long left the cache; it is called for now. */
void delack_timer(struct stack *s) {
    struct busy *b;
    while ((b = s->tcp.delack_head) && b->delack_at <= s->now) {
        delack_stop(s, b);
        if (tracing(s, TERN_TRACE_TIMER)) trace_timer(s, b->owner, "delayed ACK");
        ack_now(s, b->owner, R_SEND_ACK_DELAYED);
    }
    if (!b) return;
    wheel_arm(&s->wheel, &s->tcp.delack_timer, b->delack_at);
    tcb_prefetch(b->owner);
}

/* Every segment but the first SYN acknowledges. */
void ack_sent(struct stack *s, struct tcb *t) {
    t->work &= (uint8_t)~WORK_ACK;
    delack_stop(s, t->busy);
    t->busy->unacked = 0;
    t->busy->last_ack_sent = t->rcv.nxt;
}
