/* congestion.c - a connection's side of congestion control (RFC 9293 3.8.2): which algorithm it has, from when to when,
 * and what a window is worth that was not used. How a window moves while it is used is cc_*.c's. */
#include "tcp/tcb.h"

/* Without memory for the algorithm that was asked for, the one that needs none serves. */
void cc_start(struct stack *s, struct tcb *t, uint32_t initial_segments) {
    static const struct cc_ops *const known[] = {&cc_newreno, &cc_cubic, &cc_bbr};
    const struct cc_ops *ops = known[t->opt.congestion];
    if (ops->state_size) t->cc.state = mem_alloc(s, ops->state_size);
    t->cc.ops = ops->state_size && !t->cc.state ? &cc_newreno : ops;
    t->cc.ops->init(&t->cc, t->mss, initial_segments);
    /* min(10 MSS, max(2 MSS, 14600)) when it is the ten segments of RFC 6928 2 */
    t->cc.cwnd = cc_initial(t, initial_segments);
}

/* Another algorithm in the middle of a connection: it begins afresh, with the window that is there. */
void cc_change(struct stack *s, struct tcb *t) {
    uint32_t cwnd = t->cc.cwnd, ssthresh = t->cc.ssthresh;
    cc_stop(s, t);
    cc_start(s, t, s->cfg.initial_window);
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
    uint32_t idle_ms = clock_ms(s) - t->sent_ms, rto_ms = max_u32((uint32_t)(rto_ns(s, t) / MS_NS), 1);
    uint32_t least = min_u32(cc_initial(t, s->cfg.initial_window), t->cc.cwnd);
    if (!t->bytes_sent) return;
    if (t->cc.ops->idle) t->cc.ops->idle(&t->cc, idle_ms * 1000ull);
    if (!s->cfg.idle_restart || t->cc.ops->model || idle_ms < rto_ms) return;
    t->cc.ssthresh = max_u32(t->cc.ssthresh, t->cc.cwnd / 4 * 3);
    for (; idle_ms >= rto_ms && t->cc.cwnd > least; idle_ms -= rto_ms) t->cc.cwnd /= 2;
    t->cc.cwnd = max_u32(t->cc.cwnd, least);
}
