/* pacing.c - spreads a window over its round trip, so that a burst does not overflow a short queue (RFC 9293 3.8.2
 * leaves it to us; RFC 9438 and BBR ask for it). It says when the next bytes may leave; which, is segmentize.c's
 * choice. */
#include "tcp/tcb.h"

enum { LOCAL_US = 1000, SMALL = 10, BURST_NS = 250000, LATE_NS = 4000000, LEAST = 4 };

/* A model fed with a few bytes after a long silence may believe in a byte a second; then even a repetition would wait
 * until the connection is given up. Four segments a round trip are always fair. */
static uint64_t least(const struct tcb *t) {
    return LEAST * (uint64_t)t->busy->cc.mss * 1000000 / (t->srtt_us ? t->srtt_us : 1000000);
}

/* The algorithm's own, or twice the window a round trip while it doubles and a fifth more when it
 * does not. 0: as fast as they come; nearer than a millisecond there is nothing to spread, and ten segments are no
 * burst [RFC6928]: with few under way every delay would cost. */
uint64_t pacing_rate(const struct stack *s, const struct tcb *t) {
    if (!t->busy->flight || !s->cfg.pacing) return 0;
    if (t->busy->cc.ops->rate) {
        uint64_t own = t->busy->cc.ops->rate(&t->busy->cc);
        return own ? max_u64(own, least(t)) : 0;
    }
    if (t->srtt_us < LOCAL_US || t->busy->cc.cwnd <= SMALL * t->busy->cc.mss) return 0;
    uint64_t tenths = t->busy->cc.cwnd < t->busy->cc.ssthresh / 2 ? 20 : 12;
    return (uint64_t)t->busy->cc.cwnd * tenths * 100000 / t->srtt_us;
}

/* The bytes of one frame that keep bursts short; at least two segments, so that offload still pays. */
uint32_t pacing_burst(const struct stack *s, const struct tcb *t, uint32_t most) {
    uint64_t r = pacing_rate(s, t);
    if (!r) return most;
    uint64_t burst = r * (BURST_NS / 1000) / 1000000;
    return min_u32(most, (uint32_t)min_u64(max_u64(burst, 2ull * t->mss), UINT32_MAX));
}

/* May something leave now? If not, the connection will be ready again in time. */
bool pacing_allows(struct stack *s, struct tcb *t) {
    struct flight *f = t->busy->flight;
    if (!f || !s->cfg.pacing || f->pace_next <= s->now + BURST_NS) return true;
    f->pace_due = f->pace_next - BURST_NS;
    return false;
}

/* A host that was called late makes up for it, but not with more than a sixteenth of a round trip at once: else whatever
 * its scheduler does would look like a slower path. */
static uint64_t credit_most(const struct tcb *t) { return min_u64(t->srtt_us * US_NS / 16, LATE_NS); }

void pacing_due(struct stack *s, struct tcb *t) {
    struct flight *f = t->busy->flight;
    f->pace_late = (uint32_t)min_u64(s->now - f->pace_due, credit_most(t));
    f->pace_due = TERN_NEVER;
}

/* Where ACKs set the pace, the time between them is made up for as well. Where a model does, what the peer's window or the
 * application let pass is over: sent at once it would only be a queue. */
void pacing_sent(struct stack *s, struct tcb *t, uint32_t bytes) {
    struct flight *f = t->busy->flight;
    uint64_t r = pacing_rate(s, t);
    if (!r) return;
    uint64_t credit = t->busy->cc.ops->rate ? BURST_NS + f->pace_late : credit_most(t);
    f->pace_next = max_u64(f->pace_next, s->now - min_u64(s->now, credit)) + (uint64_t)bytes * SEC_NS / r;
}
