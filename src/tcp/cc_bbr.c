/* cc_bbr.c - BBR as first published (Cardwell et al., ACM Queue 2016;
 * draft-cardwell-iccrg-bbr-congestion-control-00): a model of the path, its rate and its round trip, each probed
 * while the other is left alone; single losses say nothing. From its successor (draft-ietf-ccwg-bbr) it has a ceiling
 * for what is in flight where a queue overflows. Time in microseconds, rates in bytes a second. Rate samples come from
 * recovery.c, the spacing is done by pacing.c. */
#include "tcp/cc.h"

enum bbr_mode { STARTUP, DRAIN, PROBE_BW, PROBE_RTT };

/* Gains in 1/256: 2/ln 2, its inverse, and the eight phases of a cycle. */
enum { GAIN_ONE = 256, GAIN_HIGH = 739, GAIN_DRAIN = 88, GAIN_CWND = 512, PHASES = 8, BW_ROUNDS = 10, FULL_ROUNDS = 3 };
enum { LOST_ONE_IN = 50, CEILING_PERCENT = 85, CEILING_OPENS = 64, CEILING_RETURNS = 16 };
enum { RTT_WINDOW_US = 10000000, PROBE_RTT_US = 200000, LEAST_SEGMENTS = 4 };
static const uint16_t cycle[PHASES] = {320, 192, 256, 256, 256, 256, 256, 256};

struct best {
    uint64_t rate;
    uint32_t round;
};

struct bbr {
    struct best bw[3]; /* the highest samples of the last ten rounds, best first */
    uint64_t full_bw, cycle_us, min_rtt_stamp_us, probe_rtt_end_us;
    uint32_t min_rtt_us, round, round_delivered, last_delivered, prior_cwnd, quiet_until;
    uint32_t ceiling;                                          /* UINT32_MAX: none */
    uint32_t round_from, round_lost, round_rtt_us, round_most; /* round_most: in flight */
    uint16_t pacing_gain, cwnd_gain;
    uint8_t mode, phase, full_rounds;
    bool round_start, full, probe_rtt_round_done, was_recovering, conserving;
    bool quiet;  /* little is sent on purpose: what left until quiet_until was delivered says nothing */
    bool queued; /* the whole of the last round went through a queue */
};

/* ---- the model ---- */

/* Windowed maximum with three samples: a new best forgets all, an old best gives way to the next. */
static void bw_sample(struct bbr *b, uint64_t rate) {
    struct best s = {rate, b->round};
    if (rate >= b->bw[0].rate || b->round - b->bw[2].round > BW_ROUNDS) {
        b->bw[0] = b->bw[1] = b->bw[2] = s;
        return;
    }
    if (rate >= b->bw[1].rate)
        b->bw[1] = b->bw[2] = s;
    else if (rate >= b->bw[2].rate)
        b->bw[2] = s;
    uint32_t age = b->round - b->bw[0].round;
    if (age > BW_ROUNDS) {
        b->bw[0] = b->bw[1];
        b->bw[1] = b->bw[2];
        b->bw[2] = s;
    } else if (b->bw[1].round == b->bw[0].round && age > BW_ROUNDS / 4) {
        b->bw[1] = b->bw[2] = s;
    } else if (b->bw[2].round == b->bw[1].round && age > BW_ROUNDS / 2) {
        b->bw[2] = s;
    }
}

static uint64_t bw(const struct bbr *b) { return b->bw[0].rate; }

static uint64_t bdp(const struct bbr *b) { return bw(b) * b->min_rtt_us / 1000000; }

/* What is on its way to and from devices that take large segments, and what waits for an ACK that is delayed. */
static uint64_t three_bursts(const struct cc *c) {
    return 3 * max_u64(2 * c->mss, min_u64(bw(c->state) / 1000, 65536));
}

/* So much of the path's worth, and three bursts: with less the path would run dry [4.2.3.2]. */
static uint32_t inflight(const struct cc *c, uint32_t gain) {
    const struct bbr *b = c->state;
    if (!b->min_rtt_us || !bw(b)) return c->cwnd;
    return (uint32_t)min_u64(bdp(b) * gain / GAIN_ONE + three_bursts(c), UINT32_MAX / 2);
}

/* A whole round took longer than the path alone: by a sixteenth or, where that would be many segments, by more than bursts
 * explain. */
static bool queue_stands(const struct cc *c) {
    const struct bbr *b = c->state;
    uint64_t slack_us = bw(b) ? three_bursts(c) * 1000000 / bw(b) : UINT32_MAX;
    return b->round_rtt_us > b->min_rtt_us + min_u64(slack_us, b->min_rtt_us / 16);
}

static void update_round(struct bbr *b, const struct cc_sample *s) {
    bool anew = s->delivered_total < b->last_delivered; /* the account of a new flight */
    b->round_start = (int32_t)(s->prior_delivered - b->round_delivered) >= 0 || anew;
    b->quiet = b->quiet && !anew;
    b->last_delivered = s->delivered_total;
    if (!b->round_start) return;
    b->round_delivered = s->delivered_total;
    b->round++;
}

/* Does this sample's rate show less than what the path can do? */
static bool too_little(struct bbr *b, const struct cc_sample *s) {
    if (b->quiet && (int32_t)(s->prior_delivered - b->quiet_until) > 0) b->quiet = false;
    return s->app_limited || b->quiet;
}

/* More than one in fifty lost within a round [draft-ietf-ccwg-bbr 2.4, BBR.LossThresh], and the whole round through a
 * queue: what was in flight then, at most, is more than the path holds. Losses without a queue are chance, and chance
 * shall not slow us down. Below the ceiling it opens again: slowly while there is a queue, so that flows which share it
 * come to share alike, faster when it is gone, and faster still where it cannot be ours: less than the path holds makes
 * none. */
static void update_ceiling(struct cc *c, const struct cc_sample *s) {
    struct bbr *b = c->state;
    if (s->rtt_us && (!b->round_rtt_us || s->rtt_us < b->round_rtt_us)) b->round_rtt_us = s->rtt_us;
    b->round_lost += s->lost;
    b->round_most = max_u32(b->round_most, s->inflight_before);
    if (!b->round_start) return;
    uint64_t through = s->delivered_total - b->round_from;
    bool queue = b->round_rtt_us > b->min_rtt_us + b->min_rtt_us / 4;
    b->queued = queue_stands(c);
    if (b->mode == PROBE_BW && queue && (uint64_t)b->round_lost * LOST_ONE_IN > b->round_lost + through) {
        uint64_t reached = min_u32(b->ceiling, b->round_most);
        b->ceiling = max_u32((uint32_t)(reached * CEILING_PERCENT / 100), LEAST_SEGMENTS * c->mss);
    } else if (b->ceiling < UINT32_MAX / 2) {
        bool small = b->ceiling < inflight(c, GAIN_ONE);
        uint32_t part = b->ceiling / (small ? CEILING_RETURNS : CEILING_OPENS);
        b->ceiling += queue && !small ? c->mss : max_u32(part, c->mss);
    } else {
        b->ceiling = UINT32_MAX;
    }
    b->round_from = s->delivered_total;
    b->round_lost = b->round_rtt_us = b->round_most = 0;
}

static void update_bw(struct bbr *b, const struct cc_sample *s) {
    update_round(b, s);
    if (!s->sample_us || (b->min_rtt_us && s->sample_us < b->min_rtt_us / 2)) return; /* too short to mean anything */
    uint64_t rate = (uint64_t)s->sample_bytes * 1000000 / s->sample_us;
    if (!too_little(b, s) || rate >= bw(b)) bw_sample(b, rate);
}

/* Three rounds without a quarter more: the pipe is full. */
static void check_full(struct bbr *b, const struct cc_sample *s) {
    if (b->full || !b->round_start || too_little(b, s)) return;
    if (bw(b) >= b->full_bw + b->full_bw / 4) {
        b->full_bw = bw(b);
        b->full_rounds = 0;
    } else if (++b->full_rounds >= FULL_ROUNDS) {
        b->full = true;
    }
}

/* ---- the modes ---- */

static void enter_startup(struct bbr *b) {
    b->mode = STARTUP;
    b->pacing_gain = b->cwnd_gain = GAIN_HIGH;
}

static void enter_probe_bw(struct bbr *b, uint64_t now_us) {
    b->mode = PROBE_BW;
    b->cwnd_gain = GAIN_CWND;
    b->phase = (uint8_t)(2 + now_us / 1000 % (PHASES - 2)); /* anywhere but in the draining phase */
    b->pacing_gain = cycle[b->phase];
    b->cycle_us = now_us;
}

/* What was sent too fast, or by others, is let run dry: for as long as one round trip through a queue that doubles it. When
 * the least round trip is half forgotten, to the last byte: who sees it again need not stop for PROBE_RTT. */
static void update_cycle(struct cc *c, const struct cc_sample *s) {
    struct bbr *b = c->state;
    bool over = s->now_us - b->cycle_us > b->min_rtt_us;
    if (b->pacing_gain > GAIN_ONE) over = over && (s->lost || s->inflight_before >= inflight(c, b->pacing_gain));
    bool dry = s->now_us - b->min_rtt_stamp_us > RTT_WINDOW_US / 2;
    if (b->pacing_gain < GAIN_ONE)
        over = s->now_us - b->cycle_us > 2ull * b->min_rtt_us ||
               s->inflight_before <= (dry ? bdp(b) : inflight(c, GAIN_ONE));
    if (!over) return;
    b->phase = (uint8_t)((b->phase + 1) % PHASES);
    b->pacing_gain = cycle[b->phase];
    b->cycle_us = s->now_us;
}

static void update_mode(struct cc *c, const struct cc_sample *s) {
    struct bbr *b = c->state;
    if (b->mode == STARTUP && b->full) {
        b->mode = DRAIN;
        b->pacing_gain = GAIN_DRAIN;
        b->cwnd_gain = GAIN_HIGH;
    }
    if (b->mode == DRAIN && s->inflight <= inflight(c, GAIN_ONE)) enter_probe_bw(b, s->now_us);
    if (b->mode == PROBE_BW) update_cycle(c, s);
}

/* The window to come back to: not one that is small on purpose. */
static void save_cwnd(struct cc *c) {
    struct bbr *b = c->state;
    bool small = b->was_recovering || b->mode == PROBE_RTT;
    b->prior_cwnd = small ? max_u32(b->prior_cwnd, c->cwnd) : c->cwnd;
}

static void leave_probe_rtt(struct cc *c, uint64_t now_us) {
    struct bbr *b = c->state;
    b->min_rtt_stamp_us = now_us;
    c->cwnd = max_u32(c->cwnd, b->prior_cwnd);
    if (b->full)
        enter_probe_bw(b, now_us);
    else
        enter_startup(b);
}

/* Every ten seconds without a new minimum the queue is let run dry for a moment, to see the bare round trip. */
static void update_min_rtt(struct cc *c, const struct cc_sample *s) {
    struct bbr *b = c->state;
    bool expired = b->min_rtt_us && s->now_us - b->min_rtt_stamp_us > RTT_WINDOW_US;
    if (s->rtt_us && (!b->min_rtt_us || s->rtt_us <= b->min_rtt_us || expired)) {
        b->min_rtt_us = s->rtt_us;
        b->min_rtt_stamp_us = s->now_us;
    }
    if (expired && b->mode != PROBE_RTT) {
        save_cwnd(c);
        b->mode = PROBE_RTT;
        b->pacing_gain = b->cwnd_gain = GAIN_ONE;
        b->probe_rtt_end_us = 0;
    }
    if (b->mode != PROBE_RTT) return;
    b->quiet = true;
    b->quiet_until = s->delivered_total + s->inflight;
    if (!b->probe_rtt_end_us && s->inflight <= LEAST_SEGMENTS * c->mss) {
        b->probe_rtt_end_us = s->now_us + PROBE_RTT_US;
        b->probe_rtt_round_done = false;
        b->round_delivered = s->delivered_total;
    } else if (b->probe_rtt_end_us) {
        if (b->round_start) b->probe_rtt_round_done = true;
        if (b->probe_rtt_round_done && s->now_us >= b->probe_rtt_end_us) leave_probe_rtt(c, s->now_us);
    }
}

/* ---- the window ---- */

/* What is lost leaves the window as well as the path: else a start that overflows a queue puts into it again at once what
 * it has just dropped. The first round of a recovery sends no more than arrives, but where the peer's window or the
 * application had left the path half empty: that is not what the loss is about. After it the model rules again, however
 * long it takes: where one recovery follows another, as with chance losses on a long path, all of them are one
 * [4.2.3.4]. */
static bool conserve(struct cc *c, const struct cc_sample *s) {
    struct bbr *b = c->state;
    if (b->round_start) b->conserving = false;
    if (s->recovering && !b->was_recovering) {
        save_cwnd(c);
        b->conserving = true;
        b->round_delivered = s->delivered_total;
        uint32_t path = (uint32_t)min_u64(bdp(b), c->cwnd);
        c->cwnd = max_u32(s->inflight + max_u32(s->delivered, c->mss), path);
    } else if (s->recovering) {
        c->cwnd = max_u32(c->cwnd - min_u32(s->lost, c->cwnd), c->mss);
    } else if (b->was_recovering) {
        b->conserving = false;
        c->cwnd = max_u32(c->cwnd, b->prior_cwnd);
    }
    b->was_recovering = s->recovering;
    if (b->conserving) c->cwnd = max_u32(c->cwnd, s->inflight + s->delivered);
    return b->conserving;
}

static void set_cwnd(struct cc *c, const struct cc_sample *s) {
    struct bbr *b = c->state;
    uint32_t least = LEAST_SEGMENTS * c->mss;
    if (!conserve(c, s)) {
        uint32_t target = inflight(c, b->cwnd_gain);
        if (b->full)
            c->cwnd = min_u32(c->cwnd + s->delivered, target);
        else if (c->cwnd < target || s->delivered_total < 10 * c->mss)
            c->cwnd += s->delivered;
    }
    c->cwnd = max_u32(min_u32(c->cwnd, b->ceiling), least);
    if (b->mode == PROBE_RTT) c->cwnd = min_u32(c->cwnd, least);
}

static void model(struct cc *c, const struct cc_sample *s) {
    struct bbr *b = c->state;
    update_bw(b, s);
    update_ceiling(c, s);
    check_full(b, s);
    update_min_rtt(c, s);
    update_mode(c, s);
    set_cwnd(c, s);
}

/* ---- the interface ---- */

static void init(struct cc *c, uint32_t mss, uint32_t initial_segments) {
    struct bbr *b = c->state;
    memset(b, 0, sizeof *b);
    c->mss = mss;
    c->cwnd = initial_segments * mss;
    c->ssthresh = UINT32_MAX;
    b->ceiling = UINT32_MAX;
    enter_startup(b);
}

/* Before the first sample, and with a peer without SACK, nothing but the window speaks. */
static void acked(struct cc *c, const struct cc_ack *a) {
    if (a->limited) c->cwnd += min_u32(a->bytes, 2 * c->mss);
}

static void loss(struct cc *c, uint32_t flight, uint64_t now_us) {
    (void)now_us;
    c->ssthresh = max_u32(flight, LEAST_SEGMENTS * c->mss); /* for PRR, which is not asked */
}

static void timeout(struct cc *c, uint32_t flight, bool again, uint64_t now_us) {
    struct bbr *b = c->state;
    (void)flight;
    (void)now_us;
    if (!again) save_cwnd(c);
    b->was_recovering = true;
    b->conserving = false;
    c->cwnd = c->mss;
}

/* With exactly what was measured every gap is lost for good. A fortieth more closes it, until that has become a queue; then
 * a hundredth less, so that no queue stays (decision 23). */
static uint64_t rate(const struct cc *c) {
    const struct bbr *b = c->state;
    uint64_t r = bw(b) * b->pacing_gain / GAIN_ONE;
    if (b->queued) return r - r / 100;
    return b->mode == PROBE_BW ? r + r / 40 : r;
}

const struct cc_ops cc_bbr = {
    "bbr", sizeof(struct bbr), init, acked, loss, loss, timeout, NULL, NULL, rate, model, NULL, NULL};
