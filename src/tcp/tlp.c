/* tlp.c - tail loss probe (RFC 8985 7): when the last segments of a burst are lost nothing comes back that could
 * show it; one segment is sent after about two round trips instead of waiting for the retransmission timer. */
#include "tcp/tcb.h"

enum { UNKNOWN_US = 1000000 }; /* before any round trip is known */

static bool known(const struct tcb *t) { return t->srtt_us || t->rto_us > UNKNOWN_US; }

/* [RFC8985 7.3] A round trip must be learnt between two probes, lest their repetitions keep us for ever from learning that it
 * has grown. */
static bool allowed(const struct tcb *t) { return known(t) && !t->tlp_unmeasured; }

/* [RFC8985 7.2] In the open state, with nothing selectively acknowledged and no probe out. Where no round trip is known
 * and the timer is as short, a probe would do nothing but take its place. After a SYN that was repeated the timer is
 * not. */
bool tlp_wanted(const struct tcb *t) {
    const struct flight *f = t->busy->flight;
    return f && f->count && allowed(t) && !t->tlp_out && !t->in_recovery && !t->in_loss && !f->sacked && !f->lost;
}

/* One segment alone may meet a delayed ACK; we take the peer to wait as long as we would. */
uint64_t tlp_delay_ns(const struct stack *s, const struct tcb *t, uint32_t pipe) {
    uint64_t pto = (t->srtt_us ? 2ull * t->srtt_us : UNKNOWN_US) * US_NS;
    if (t->srtt_us && pipe <= t->mss) pto += (uint64_t)s->cfg.delayed_ack_ms * MS_NS;
    return min_u64(max_u64(pto, 2 * MS_NS), rto_ns(s, t));
}

/* A FIN left that is under way without an account: it is probed like other segments. */
void tlp_fin(const struct stack *s, struct tcb *t) {
    if (!t->sack || !allowed(t) || t->busy->repeats || seq_diff(t->snd.nxt, t->snd.una) != 1) return;
    t->busy->timer_use = USE_PROBE;
    t->busy->rexmit_at = s->now + tlp_delay_ns(s, t, 1);
}

/* The probe left; `again`: it repeated the last segment rather than carry new bytes. */
void tlp_sent(struct tcb *t, bool again) {
    t->tlp_out = true;
    t->tlp_again = again;
    t->tlp_unmeasured = true;
    t->busy->tlp_end = t->snd.nxt;
}

/* [RFC8985 7.4.2] Did the probe repair a loss nobody else would have noticed? Then the congestion control must hear
 * of it. When both the segment and the probe arrived, the second is reported as a duplicate (`told_twice`), or at
 * least acknowledged by an ACK that is one (`duplicate`); an ACK beyond them without either tells that only one
 * arrived. */
bool tlp_repaired(struct tcb *t, seq ack, bool told_twice, bool duplicate) {
    if (!t->tlp_out || seq_lt(ack, t->busy->tlp_end)) return false;
    bool beyond = seq_gt(ack, t->busy->tlp_end), both = !t->tlp_again || told_twice || (duplicate && !beyond);
    if (both || beyond) t->tlp_out = false;
    return beyond && !both;
}
