/* tcb.c - making and ending control blocks, and the list of those that have something to send. The rules of when are
 * elsewhere: arrives*.c, call_*.c, timeouts.c. */
#include "tcp/tcb.h"

/* A block in CLOSED, outside the flow table: it exists for the application only until tcb_register. */
struct tcb *tcb_new(struct stack *s, const struct flow *f, uint32_t hash, struct tcb_options *opt) {
    uint32_t index;
    struct tcb *t = mem_tight(s) ? NULL : pool_take(&s->tcp.tcbs, s, &index);
    if (!t) return NULL;
    t->opt = opt;
    tcb_rest_begin(t);
    if (!tcb_wake(s, t)) {
        pool_give(&s->tcp.tcbs, index);
        return NULL;
    }
    t->flow = *f;
    t->hash = hash;
    tcb_options_share(opt);
    t->on = opt->on;
    t->receive_buffer = opt->receive_buffer;
    t->state = TERN_CLOSED;
    t->rto_us = s->cfg.rto_initial_ms * 1000;
    t->serial = ++s->tcp.serial;
    t->event.ref = ref_make(REF_TCB, index);
    t->ack_reason = R_SEND_ACK;
    t->challenge_ms = clock_ms(s) - s->cfg.challenge_ack_ms - 128; /* also by a record's coarse clock */
    return t;
}

int tcb_register(struct stack *s, struct tcb *t) {
    if (flow_reserve(s) != TERN_OK) return TERN_ENOMEM;
    flow_insert(s, t->hash, ref_make(REF_TCB, tcb_index(t)));
    t->in_table = true;
    return TERN_OK;
}

static void list_append(struct tcb ***tail, struct tcb *t) {
    t->busy->ready_next = NULL;
    t->busy->ready_link = *tail;
    **tail = t;
    *tail = &t->busy->ready_next;
}

void tcb_ready(struct stack *s, struct tcb *t) {
    if (t->busy->ready_link && !t->blocked) return;
    tcb_unready(s, t);
    list_append(&s->tcp.ready_tail, t);
}

void tcb_block(struct stack *s, struct tcb *t) {
    tcb_unready(s, t);
    t->blocked = true;
    list_append(&s->tcp.blocked_tail, t);
}

void tcb_unready(struct stack *s, struct tcb *t) {
    if (!t->busy->ready_link) return;
    struct tcb ***tail = t->blocked ? &s->tcp.blocked_tail : &s->tcp.ready_tail;
    *t->busy->ready_link = t->busy->ready_next;
    if (t->busy->ready_next)
        t->busy->ready_next->busy->ready_link = t->busy->ready_link;
    else
        *tail = t->busy->ready_link;
    t->busy->ready_link = NULL;
    t->blocked = false;
}

struct tcb *tcb_take_ready(struct stack *s) {
    struct tcb *t = s->tcp.ready_head, *next = t->busy->ready_next;
    s->tcp.ready_head = next;
    if (next)
        next->busy->ready_link = &s->tcp.ready_head;
    else
        s->tcp.ready_tail = &s->tcp.ready_head;
    t->busy->ready_link = NULL;
    return t;
}

void tcb_leave_backlog(struct stack *s, struct tcb *t) {
    struct listener *l = pool_at(&s->tcp.listeners, t->listener - 1);
    struct event_node *e = &t->event;
    *e->link = e->next;
    if (e->next)
        e->next->link = e->link;
    else
        l->queue_tail = e->link;
    e->link = NULL;
    l->waiting--;
    t->waiting = false;
}

/* The application knows of it, though it has not accepted it yet. */
static bool was_held(struct stack *s, const struct tcb *t) {
    const struct listener *l = pool_at(&s->tcp.listeners, t->listener - 1);
    return l->flags & TERN_LISTEN_HOLD;
}

void tcb_detach(struct stack *s, struct tcb *t) {
    t->detached = true;
    t->want_write = false;
    if (t->waiting) tcb_leave_backlog(s, t);
    event_cancel(s, &t->event);
}

/* The application learns how it ended [MUST-12]. */
void tcb_end(struct stack *s, struct tcb *t, int error, enum reason why) {
    ASSERT(t->state == TERN_CLOSED);
    if (why != R_NONE) count(s, why);
    if (t->in_table) flow_remove(s, t->hash, ref_make(REF_TCB, tcb_index(t)));
    t->in_table = false;
    t->error = (int8_t)error;
    t->work = 0;
    t->acks_due = 0;
    tcb_unready(s, t);
    timers_stop(s, t);
    snd_flush(s, t);
    if (t->waiting && !was_held(s, t)) { /* else it is still to be accepted, and the end told */
        tcb_leave_backlog(s, t);
        t->detached = true;
    }
    if (t->detached)
        tcb_free(s, t);
    else {
        event_raise(s, &t->event, TERN_EV_CLOSED, error);
        tcb_rest(s, t);
    }
}

void tcb_free(struct stack *s, struct tcb *t) {
    ASSERT(!t->in_table && !t->waiting && !t->busy->ready_link && !wheel_armed(&t->busy->timer));
    event_cancel(s, &t->event);
    snd_flush(s, t);
    rcv_flush(s, t);
    s->tcp.orphans -= t->orphan;
    s->tcp.fast_opens -= t->fast_opened;
    tcb_rest_for_good(s, t);
    tcb_options_drop(s, t->opt);
    tally_free(s, t);
    pool_give(&s->tcp.tcbs, tcb_index(t));
}

/* The invariants of a live block; tests run them after every call. */
void tcb_check(const struct stack *s, const struct tcb *t) {
    (void)s;
    (void)t;
    ASSERT(seq_le(t->snd.una, t->snd.nxt));
    ASSERT(!tcb_awake(t) || (seq_le(t->busy->pos, t->snd.nxt) && seq_le(t->snd.una, t->busy->pos)));
    ASSERT(seq_le(t->snd.nxt, seq_add(t->snd.end, 1)));
    ASSERT(!state_in(t, SYNCHRONIZED) || seq_le(t->rcv.nxt, seq_add(t->rcv.adv, 1)));
    ASSERT(seq_le(t->rcv.read, t->rcv.nxt));
    ASSERT(!t->busy->islands || t->busy->islands->set.count > 0);
    ASSERT(!t->in_table || t->state != TERN_CLOSED);
    ASSERT(t->busy->cc.cwnd >= t->busy->cc.mss || t->in_recovery || !t->syn_acked || !state_in(t, SYNCHRONIZED));
}
