/* rto.c - the retransmission timeout (RFC 9293 3.8.1, RFC 6298): round-trip samples and the timer's length. What
 * happens when it expires is rexmit.c's. */
#include "tcp/tcb.h"

/* [RFC6298 2.2, 2.3]; the caller keeps to Karn's rule [MUST-18]. Kept in microseconds. */
void rto_sample(struct stack *s, struct tcb *t, uint32_t rtt_us) {
    uint32_t r = min_u32(max_u32(rtt_us, 1), 120000000);
    if (t->srtt_us == 0) {
        t->srtt_us = r;
        t->rttvar_us = r / 2;
    } else {
        uint32_t off = r > t->srtt_us ? r - t->srtt_us : t->srtt_us - r;
        t->rttvar_us = (3 * t->rttvar_us + off) / 4;
        t->srtt_us = (uint32_t)((7 * (uint64_t)t->srtt_us + r) / 8);
    }
    uint32_t rto = t->srtt_us + max_u32(1000, 4 * t->rttvar_us);
    t->rto_us = min_u32(max_u32(rto, s->cfg.rto_min_ms * 1000), s->cfg.rto_max_ms * 1000);
    t->tlp_unmeasured = false;
    t->backoff = 0; /* only a new measurement ends the doubling [RFC6298 5] */
}

void rto_sample_echo(const struct arrival *a) {
    struct tcb *t = a->t;
    const tcp_options *o = &a->h->options;
    if (!t->stamps || !o->has_ts || !o->ts_echo) return;
    uint32_t ms = ts_now(a->s, t->ts_offset) - o->ts_echo;
    if (ms < 120000) rto_sample(a->s, t, ms * 1000);
}

/* [RFC6298 5.1] */
void rto_arm(struct stack *s, struct tcb *t) {
    if (t->busy->rexmit_at != TERN_NEVER && !t->persisting) return;
    t->persisting = false;
    t->busy->rexmit_at = s->now + rto_ns(s, t);
}

/* [RFC6298 5.2, 5.3] */
void rto_restart(struct stack *s, struct tcb *t) {
    if (t->persisting) t->backoff = 0; /* that was the probes' */
    t->persisting = false;
    t->busy->stuck_ms = 0;
    t->busy->repeats = 0;
    t->r1_told = false;
    t->busy->rexmit_at = seq_lt(t->snd.una, t->snd.nxt) ? s->now + rto_ns(s, t) : TERN_NEVER;
}
