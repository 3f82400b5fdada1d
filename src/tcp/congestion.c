/* congestion.c - a connection's side of congestion control (RFC 9293 3.8.2): which algorithm it has, from when to when,
 * and what a window is worth that was not used. How a window moves while it is used is cc_*.c's. */
#include "tcp/tcb.h"

static const struct cc_ops *wanted(const struct tcb *t) {
    static const struct cc_ops *const known[] = {&cc_newreno, &cc_cubic, &cc_bbr};
    return known[t->opt->congestion];
}

/* Established. The algorithm that needs no memory serves until something is sent: many connections send nothing but a
 * FIN, and those that only wait should weigh little. */
void cc_start(struct tcb *t, uint32_t initial_segments) {
    t->cc.ops = &cc_newreno;
    t->cc.ops->init(&t->cc, t->mss, initial_segments);
    /* min(10 MSS, max(2 MSS, 14600)) when it is the ten segments of RFC 6928 2 */
    t->cc.cwnd = cc_initial(t, initial_segments);
}

/* The algorithm that was asked for, in the middle of a connection: it begins afresh, with the window that is there.
 * Without memory for it things stay as they are. */
void cc_change(struct stack *s, struct tcb *t) {
    const struct cc_ops *ops = wanted(t);
    uint32_t cwnd = t->cc.cwnd, ssthresh = t->cc.ssthresh;
    void *state = ops->state_size ? mem_alloc(s, ops->state_size) : NULL;
    if (ops->state_size && !state) return;
    cc_stop(s, t);
    t->cc.state = state;
    t->cc.ops = ops;
    ops->init(&t->cc, t->mss, s->cfg.initial_window);
    t->cc.cwnd = cwnd;
    t->cc.ssthresh = ssthresh;
}

void cc_stop(struct stack *s, struct tcb *t) {
    mem_free(s, t->cc.state, t->cc.ops->state_size);
    t->cc.state = NULL;
}

uint32_t cc_initial(const struct tcb *t, uint32_t segments) {
    return min_u32(segments * t->mss, max_u32(2u * t->mss, segments * 1460));
}

/* Before the first bytes after a pause: for each RTO without a segment the window halves, down to the one that a new
 * connection would have; ssthresh remembers three quarters of it, so that it comes back quickly
 * [RFC2861 3.1, RFC5681 4.1]. A model looks after its own start. */
void cc_idle(struct stack *s, struct tcb *t) {
    if (unlikely(t->cc.ops != wanted(t))) cc_change(s, t);
    uint32_t idle_ms = clock_ms(s) - t->sent_ms;
    if (!t->bytes_sent || !idle_ms) return;
    uint32_t rto_ms = max_u32((uint32_t)(rto_ns(s, t) / MS_NS), 1);
    uint32_t least = min_u32(cc_initial(t, s->cfg.initial_window), t->cc.cwnd);
    if (t->cc.ops->idle) t->cc.ops->idle(&t->cc, idle_ms * 1000ull);
    if (!s->cfg.idle_restart || t->cc.ops->model || idle_ms < rto_ms) return;
    t->cc.ssthresh = max_u32(t->cc.ssthresh, t->cc.cwnd / 4 * 3);
    for (; idle_ms >= rto_ms && t->cc.cwnd > least; idle_ms -= rto_ms) t->cc.cwnd /= 2;
    t->cc.cwnd = max_u32(t->cc.cwnd, least);
}
