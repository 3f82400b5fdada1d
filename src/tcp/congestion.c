/* congestion.c - a connection's side of congestion control (RFC 9293 3.8.2): which algorithm it has, from when to when,
 * and what a window is worth that was not used. How a window moves while it is used is cc_*.c's. */
#include "tcp/tcb.h"

static const struct cc_ops *wanted(const struct tcb *t) {
    static const struct cc_ops *const known[] = {&cc_newreno, &cc_cubic, &cc_bbr};
    return known[t->opt->congestion];
}

static uint32_t cc_initial(const struct tcb *t, uint32_t segments) {
    return min_u32(segments * t->mss, max_u32(2u * t->mss, segments * 1460));
}

/* Established. The algorithm that needs no memory serves until the window is used, or something is lost: many connections
 * send little at a time, and to those a window is all the same. */
void cc_start(struct tcb *t, uint32_t initial_segments) {
    t->busy->cc.ops = &cc_newreno;
    t->busy->cc.ops->init(&t->busy->cc, t->mss, initial_segments);
    /* min(10 MSS, max(2 MSS, 14600)) when it is the ten segments of RFC 6928 2 */
    t->busy->cc.cwnd = cc_initial(t, initial_segments);
}

static void cc_stop(struct stack *s, struct tcb *t) {
    struct cc *c = &t->busy->cc;
    if (!c->state) return;
    mem_buffer_give(s, c->state, pow2_at_least(c->ops->state_size));
    c->state = NULL;
}

/* The algorithm that was asked for, in the middle of a connection: it begins afresh, with the window that is there.
 * Without memory for it things stay as they are. */
void cc_change(struct stack *s, struct tcb *t) {
    const struct cc_ops *ops = wanted(t);
    uint32_t cwnd = t->busy->cc.cwnd, ssthresh = t->busy->cc.ssthresh;
    void *state = ops->state_size ? mem_buffer_take(s, pow2_at_least(ops->state_size)) : NULL;
    if (ops->state_size && !state) return;
    cc_stop(s, t);
    t->busy->cc.state = state;
    t->busy->cc.ops = ops;
    ops->init(&t->busy->cc, t->mss, s->cfg.initial_window);
    t->busy->cc.cwnd = cwnd;
    t->busy->cc.ssthresh = ssthresh;
    if (ops->resume) ops->resume(&t->busy->cc, t->resting.kept);
}

/* At rest a connection remembers its windows and one number of its algorithm's. */
void cc_rest(struct stack *s, struct tcb *t) {
    struct cc *c = &t->busy->cc;
    t->resting.cwnd = c->cwnd;
    t->resting.ssthresh = c->ssthresh;
    if (c->ops == wanted(t) && c->ops->rest) t->resting.kept = c->ops->rest(c);
    cc_stop(s, t);
}

/* The algorithm itself follows when it matters: cc_begin. */
void cc_wake(struct tcb *t) {
    struct cc *c = &t->busy->cc;
    c->ops = &cc_newreno;
    c->cwnd = t->resting.cwnd;
    c->ssthresh = t->resting.ssthresh;
    c->mss = t->mss;
    if (wanted(t) == c->ops) c->ops->resume(c, t->resting.kept);
}

void cc_begin(struct stack *s, struct tcb *t) {
    if (unlikely(t->busy->cc.ops != wanted(t))) cc_change(s, t);
}

/* Before the first bytes after a pause: for each RTO without a segment the window halves, down to the one that a new
 * connection would have; ssthresh remembers three quarters of it, so that it comes back quickly
 * [RFC2861 3.1, RFC5681 4.1]. */
static APART void window_unused(struct stack *s, struct tcb *t, uint32_t idle_ms) {
    uint32_t rto_ms = max_u32((uint32_t)(rto_ns(s, t) / MS_NS), 1);
    uint32_t least = min_u32(cc_initial(t, s->cfg.initial_window), t->busy->cc.cwnd);
    if (t->busy->cc.ops->idle) t->busy->cc.ops->idle(&t->busy->cc, s->now / US_NS);
    if (!s->cfg.idle_restart || t->busy->cc.ops->model || idle_ms < rto_ms) return;
    t->busy->cc.ssthresh = max_u32(t->busy->cc.ssthresh, t->busy->cc.cwnd / 4 * 3);
    for (; idle_ms >= rto_ms && t->busy->cc.cwnd > least; idle_ms -= rto_ms) t->busy->cc.cwnd /= 2;
    t->busy->cc.cwnd = max_u32(t->busy->cc.cwnd, least);
}

/* A model looks after its own start, and wants to see everything. */
void cc_idle(struct stack *s, struct tcb *t) {
    if (unlikely(wanted(t)->model)) cc_begin(s, t);
    uint32_t idle_ms = clock_ms(s) - t->sent_ms;
    if (idle_ms && bytes_sent(t)) window_unused(s, t, idle_ms);
}
