/* busy.c - a connection wakes when something is to be done, and is at rest again when all is done: then it gives back what
 * it needed for that and keeps what it must not forget. Most connections of a large server rest most of the time. What
 * there is to do, and when, is for others to say. */
#include "tcp/tcb.h"

enum { BUSY_SIZE = 256 };
_Static_assert(sizeof(struct busy) <= BUSY_SIZE, "a busy connection's part comes from the buffers");

/* Shared by all that are at rest. */
const struct busy busy_at_rest = {
    .rexmit_at = TERN_NEVER, .delack_at = TERN_NEVER, .life_at = TERN_NEVER, .cc = {.ops = &cc_newreno}};

void tcb_rest_begin(struct tcb *t) { t->busy = (struct busy *)(uintptr_t)&busy_at_rest; }

/* The ring for the next bytes begins as large as the last one had to be. */
static uint8_t log2_of(uint32_t used) { return used > 1 ? (uint8_t)(32 - __builtin_clz(used - 1)) : 0; }
static uint32_t used_of(uint8_t log2) { return log2 ? 1u << log2 : 0; }

/* Numbers that say "nothing of that kind lately". */
void tcb_begin(struct tcb *t, struct busy *b) {
    memset(b, 0, sizeof *b);
    b->owner = t;
    b->timer.kind = TIMER_TCB;
    b->rexmit_at = b->delack_at = b->life_at = TERN_NEVER;
    b->pos = b->tlp_end = t->snd.nxt; /* a probe whose fate is not known ended there */
    b->recover = b->ecn_until = seq_add(t->snd.una, (uint32_t)-1);
    b->last_ack_sent = t->rcv.nxt;
    b->snd_ring.used = used_of(t->snd_log2);
    b->rcv_ring.used = used_of(t->rcv_log2);
    t->busy = b;
    cc_wake(t);
}

/* The stack has one part in reserve, so that a single refusal of the allocator hurts nobody. */
bool tcb_wake_up(struct stack *s, struct tcb *t) {
    struct busy *b = mem_buffer_take(s, BUSY_SIZE);
    if (unlikely(!b)) {
        b = s->tcp.spare;
        s->tcp.spare = NULL;
    }
    if (unlikely(!b)) return false;
    tcb_begin(t, b);
    return true;
}

static void give_back(struct stack *s, struct busy *b) {
    if (unlikely(!s->tcp.spare))
        s->tcp.spare = b;
    else
        mem_buffer_give(s, b, BUSY_SIZE);
}

bool busy_reserve(struct stack *s) {
    s->tcp.spare = mem_buffer_take(s, BUSY_SIZE);
    return s->tcp.spare != NULL;
}

void busy_free(struct stack *s) {
    if (s->tcp.spare) mem_buffer_give(s, s->tcp.spare, BUSY_SIZE);
}

/* Everything was sent and acknowledged, and everything that came was read; nothing more is expected soon. That nothing is under
 * way and no deadline runs is known. */
static bool is_done(const struct tcb *t) {
    const struct busy *b = t->busy;
    if (b->ready_link || t->work || t->acks_due || b->islands || b->lent) return false;
    if ((b->snd_ring.at && snd_queued(t)) || (b->rcv_ring.at && rcv_readable(t))) return false;
    if (t->state == TERN_CLOSED) return true;
    if (!t->syn_acked || !seq_eq(t->snd.una, t->snd.nxt)) return false;
    if (!seq_eq(t->snd.nxt, seq_add(t->snd.end, t->fin_queued)) || t->fin_seen != t->fin_taken) return false;
    if (t->urgent_in || t->urgent_out || b->dup_len) return false;
    return !t->ecn || seq_gt(t->snd.una, b->ecn_until); /* marks of this window were answered already */
}

static void rings_drop(struct stack *s, struct busy *b) {
    ring_drop(s, &b->snd_ring);
    ring_drop(s, &b->rcv_ring);
}

static void rest(struct stack *s, struct tcb *t) {
    struct busy *b = t->busy;
    rings_drop(s, b);
    t->snd_log2 = log2_of(b->snd_ring.used);
    t->rcv_log2 = log2_of(b->rcv_ring.used);
    wheel_cancel(&s->wheel, &b->timer);
    cc_rest(s, t);
    tcb_rest_begin(t);
    give_back(s, b);
}

/* Who waits for a time stays awake; a model of the path is worth more than its memory. */
static APART void rest_if_possible(struct stack *s, struct tcb *t) {
    if (t->busy->life_at == TERN_NEVER && (t->state == TERN_CLOSED || !t->busy->cc.ops->model))
        rest(s, t);
    else
        rings_drop(s, t->busy);
}

void tcb_rest_if_done(struct stack *s, struct tcb *t) {
    if (tcb_awake(t) && unlikely(is_done(t))) rest_if_possible(s, t);
}

/* The connection is freed. */
void tcb_rest_for_good(struct stack *s, struct tcb *t) {
    if (tcb_awake(t)) rest(s, t);
}
