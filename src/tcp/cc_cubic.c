/* cc_cubic.c - CUBIC (RFC 9438) with HyStart++: the window is a cubic function of the time since the last loss, flat
 * around the window at which it happened. Integers only: times in milliseconds, windows in bytes. What is lost is
 * decided elsewhere. [MAY-18] */
#include "tcp/hystart.h"

/* C = 0.4, beta = 0.7, alpha = 3 (1 - beta) / (1 + beta) = 9/17 [RFC9438 4.1, 4.3, 4.6] */
enum { BETA_10 = 7, ALPHA_NUM = 9, ALPHA_DEN = 17, DT_MOST_MS = 100000 };

/* Where on the curve we are. */
struct curve {
    uint64_t epoch_us; /* when congestion avoidance began, 0: not yet */
    uint32_t k_ms;
    uint32_t w_max, w_est, cwnd_prior;
    uint32_t est_credit; /* bytes acknowledged that w_est has not used */
};

struct cubic {
    struct hystart hystart;
    struct curve curve, before; /* before: the last reduction, should it be undone */
    uint64_t last_us;           /* the last ACK */
    bool started, undo_hystart;
};

static uint32_t cube_root(uint64_t x) {
    uint32_t r = 0;
    for (int bit = 21; bit >= 0; bit--) {
        uint64_t c = r | (1u << bit);
        if (c * c * c <= x) r = (uint32_t)c;
    }
    return r;
}

static void init(struct cc *c, uint32_t mss, uint32_t initial_segments) {
    struct cubic *q = c->state;
    memset(q, 0, sizeof *q);
    c->mss = mss;
    c->cwnd = initial_segments * mss;
    c->ssthresh = UINT32_MAX;
    c->credit = 0;
}

/* K = cbrt((W_max - cwnd_epoch) / C), windows in segments and K in seconds [RFC9438 4.2] */
static void epoch_begin(struct cc *c, uint64_t now_us) {
    struct cubic *q = c->state;
    q->curve.epoch_us = now_us;
    q->curve.w_est = c->cwnd;
    q->curve.est_credit = 0;
    c->credit = 0;
    if (q->curve.w_max <= c->cwnd) {
        q->curve.k_ms = 0;
        q->curve.w_max = c->cwnd;
    } else {
        q->curve.k_ms = cube_root((uint64_t)(q->curve.w_max - c->cwnd) * UINT64_C(2500000000) / c->mss);
    }
}

/* W_cubic(t) = C (t - K)^3 + W_max [RFC9438 4.2] */
static uint32_t w_cubic(const struct cc *c, uint64_t t_ms) {
    const struct cubic *q = c->state;
    bool before = t_ms < q->curve.k_ms;
    uint64_t dt = before ? q->curve.k_ms - t_ms : t_ms - q->curve.k_ms;
    dt = min_u64(dt, DT_MOST_MS);
    uint64_t off = dt * dt * dt / 1000 * 4 * c->mss / UINT64_C(10000000);
    if (before) return off < q->curve.w_max ? q->curve.w_max - (uint32_t)off : c->mss;
    return (uint32_t)min_u64((uint64_t)q->curve.w_max + off, UINT32_MAX / 2);
}

/* What Reno would have by now [RFC9438 4.3] */
static void reno_estimate(struct cc *c, uint32_t bytes) {
    struct cubic *q = c->state;
    bool even = q->curve.w_est >= q->curve.cwnd_prior; /* then alpha is 1 */
    q->curve.est_credit += bytes;
    uint64_t cost = even ? c->cwnd : (uint64_t)c->cwnd * ALPHA_DEN / ALPHA_NUM;
    if (q->curve.est_credit < cost) return;
    q->curve.est_credit -= (uint32_t)cost;
    q->curve.w_est += c->mss;
}

static void avoid(struct cc *c, const struct cc_ack *a) {
    struct cubic *q = c->state;
    if (!q->curve.epoch_us) epoch_begin(c, a->now_us);
    uint64_t t_ms = (a->now_us - q->curve.epoch_us) / 1000;
    uint32_t target = w_cubic(c, t_ms + a->srtt_us / 1000), now = w_cubic(c, t_ms);
    reno_estimate(c, a->bytes);
    if (now < q->curve.w_est) {
        c->cwnd = max_u32(c->cwnd, q->curve.w_est);
        return;
    }
    target = max_u32(c->cwnd, min_u32(target, c->cwnd + c->cwnd / 2));
    uint64_t grow = (uint64_t)(target - c->cwnd) * a->bytes + c->credit;
    c->cwnd += (uint32_t)(grow / c->cwnd);
    c->credit = (uint32_t)(grow % c->cwnd);
}

static void acked(struct cc *c, const struct cc_ack *a) {
    struct cubic *q = c->state;
    uint64_t since = q->last_us ? a->now_us - q->last_us : 0;
    q->last_us = a->now_us;
    if (!q->started) {
        hystart_begin(&q->hystart, a->nxt);
        q->started = true;
    }
    if (!a->limited) { /* time without need of the window does not count [RFC9438 5.8] */
        if (q->curve.epoch_us) q->curve.epoch_us += since;
        return;
    }
    if (c->cwnd >= c->ssthresh) {
        avoid(c, a);
        return;
    }
    bool over;
    c->cwnd += hystart_acked(&q->hystart, a, c->mss, &over);
    if (over) c->ssthresh = c->cwnd;
}

/* [RFC9438 4.6, 4.7] */
static void reduce(struct cc *c, uint32_t flight) {
    struct cubic *q = c->state;
    q->before = q->curve;
    q->undo_hystart = q->hystart.running;
    q->curve.cwnd_prior = c->cwnd;
    q->curve.w_max = c->cwnd < q->curve.w_max ? (uint32_t)((uint64_t)c->cwnd * (10 + BETA_10) / 20) : c->cwnd;
    c->ssthresh = max_u32((uint32_t)((uint64_t)flight * BETA_10 / 10), 2 * c->mss);
    q->curve.epoch_us = 0;
    q->hystart.running = false;
}

/* beta_ecn = 0.85 [RFC8511 3.1] */
static void marked(struct cc *c, uint32_t flight, uint64_t now_us) {
    (void)now_us;
    reduce(c, min_u32(flight, c->cwnd));
    c->ssthresh = max_u32((uint32_t)((uint64_t)min_u32(flight, c->cwnd) * 85 / 100), 2 * c->mss);
}

static void loss(struct cc *c, uint32_t flight, uint64_t now_us) {
    (void)now_us;
    reduce(c, min_u32(flight, c->cwnd));
}

/* Congestion avoidance begins afresh after it: K is 0, W_max the window of that moment [RFC9438 4.8]. */
static void timeout(struct cc *c, uint32_t flight, bool again, uint64_t now_us) {
    struct cubic *q = c->state;
    (void)now_us;
    if (!again) reduce(c, min_u32(flight, c->cwnd));
    q->curve.w_max = 0;
    q->curve.epoch_us = 0;
    c->cwnd = c->mss;
}

static void undo(struct cc *c) {
    struct cubic *q = c->state;
    q->curve = q->before; /* [RFC9438 4.9] */
    q->hystart.running = q->undo_hystart;
}

/* The curve goes on where it was [RFC9438 5.8]. */
static void idle(struct cc *c, uint64_t now_us) {
    struct cubic *q = c->state;
    if (q->curve.epoch_us) q->curve.epoch_us += now_us - q->last_us;
    q->last_us = now_us;
}

/* The window of the last loss, which with cwnd gives the place on the curve: K is the time from here to there. 0: slow
 * start has not found an end yet, so HyStart may look for it. */
static uint32_t rest(const struct cc *c) {
    const struct cubic *q = c->state;
    return q->started && !q->hystart.running ? max_u32(q->curve.w_max, 1) : 0;
}

static void resume(struct cc *c, uint32_t kept) {
    struct cubic *q = c->state;
    q->started = kept != 0;
    q->curve.w_max = q->curve.cwnd_prior = kept;
}

const struct cc_ops cc_cubic = {
    "cubic", sizeof(struct cubic), init, acked, loss, marked, timeout, undo, idle, NULL, NULL, rest, resume};
