/* cc_newreno.c - slow start and congestion avoidance (RFC 5681 3.1, with the byte counting of RFC 3465): windows
 * only; fast recovery itself is rexmit.c's or recovery.c's. [MUST-19] */
#include "tcp/cc.h"

static void init(struct cc *c, uint32_t mss, uint32_t initial_segments) {
    c->mss = mss;
    c->cwnd = initial_segments * mss; /* [RFC6928 2] */
    c->ssthresh = UINT32_MAX;
    c->credit = 0;
}

static void acked(struct cc *c, const struct cc_ack *a) {
    if (!a->limited) return; /* a window that is not used tells nothing about the path */
    if (c->cwnd < c->ssthresh) {
        /* at most two segments an ACK; one after a timeout, an ACK may cover what arrived long ago [RFC3465 2.3] */
        c->cwnd += min_u32(a->bytes, (c->ssthresh == UINT32_MAX ? 2 : 1) * c->mss);
        return;
    }
    c->credit += a->bytes;
    if (c->credit < c->cwnd) return;
    c->credit -= c->cwnd;
    c->cwnd += c->mss;
}

/* [RFC5681 3.1 eqn. 4] */
static uint32_t half(const struct cc *c, uint32_t flight) { return max_u32(flight / 2, 2 * c->mss); }

static void loss(struct cc *c, uint32_t flight, uint64_t now_us) {
    (void)now_us;
    c->ssthresh = half(c, flight);
    c->credit = 0;
}

/* A fifth less instead of half [RFC8511 3.1] */
static void marked(struct cc *c, uint32_t flight, uint64_t now_us) {
    (void)now_us;
    c->ssthresh = max_u32(flight / 5 * 4, 2 * c->mss);
    c->credit = 0;
}

static void timeout(struct cc *c, uint32_t flight, bool again, uint64_t now_us) {
    (void)now_us;
    if (!again) c->ssthresh = half(c, flight);
    c->cwnd = c->mss;
    c->credit = 0;
}

static uint32_t rest(const struct cc *c) { return c->credit; }
static void resume(struct cc *c, uint32_t kept) { c->credit = kept; }

const struct cc_ops cc_newreno = {"newreno", 0,    init, acked, loss, marked, timeout,
                                  NULL,      NULL, NULL, NULL,  rest, resume};
