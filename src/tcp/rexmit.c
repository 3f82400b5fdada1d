/* rexmit.c - what is sent again, and when (RFC 9293 3.8.1, 3.8.3; RFC 5681 3.2; NewReno of RFC 6582): fast
 * retransmit, partial ACKs, expiry of the timer. How far the window opens and shuts is cc_*.c's. */
#include "tcp/tcb.h"

enum { BLACK_HOLE_REPEATS = 2, DUP_THRESHOLD = 3 };

/* Outstanding bytes. After a timeout everything behind pos counts as lost. */
uint32_t rexmit_flight(const struct tcb *t) {
    return t->busy->flight ? flight_pipe(t->busy->flight) : (uint32_t)seq_diff(t->busy->pos, t->snd.una);
}

/* ---- new data is acknowledged ---- */

/* Karn: only a segment sent once gives a sample; timestamps cover the rest [RFC7323 4.1]. */
static void sample(struct arrival *a) {
    struct tcb *t = a->t;
    if (t->rtt_timing && seq_ge(a->ack, t->busy->rtt_seq)) {
        rto_sample(a->s, t, clock_us(a->s) - t->busy->rtt_at_us);
        t->rtt_timing = false;
    } else if (!t->rtt_timing) {
        rto_sample_echo(a);
    }
}

/* Only the first of a recovery restarts the timer: at one segment a round trip many losses take long, and are left to it
 * [RFC6582 3.2 step 3]. */
static bool is_later_partial(const struct arrival *a) {
    const struct tcb *t = a->t;
    return t->in_recovery && t->rexmit_why == R_REXMIT_PARTIAL && seq_lt(a->ack, t->busy->recover) && !fin_acked(t);
}

/* [RFC6582 3.2 step 3] A partial ACK: the segment behind it was lost too. */
static void partial_ack(struct arrival *a, uint32_t bytes) {
    struct tcb *t = a->t;
    uint32_t left = t->busy->cc.cwnd > bytes ? t->busy->cc.cwnd - bytes : 0;
    t->busy->cc.cwnd = max_u32(left + (bytes >= t->busy->cc.mss ? t->busy->cc.mss : 0), t->busy->cc.mss);
    t->work |= WORK_REXMIT;
    t->rexmit_why = R_REXMIT_PARTIAL;
}

/* A full ACK ends recovery; the window deflates without a burst. */
static void full_ack(struct tcb *t) {
    uint32_t flight = (uint32_t)seq_diff(t->snd.nxt, t->snd.una);
    t->busy->cc.cwnd = min_u32(t->busy->cc.ssthresh, max_u32(flight, t->busy->cc.mss) + t->busy->cc.mss);
    t->in_recovery = false;
}

/* `recover` follows behind una, lest it come to lie ahead when the numbers wrap. */
static void not_recovering(struct arrival *a, uint32_t bytes, uint32_t flight) {
    struct tcb *t = a->t;
    if (seq_gt(t->snd.una, t->busy->recover)) t->busy->recover = seq_add(t->snd.una, (uint32_t)-1);
    if (ecn_warns(a) && seq_eq(t->busy->pos, t->snd.nxt)) return;
    bool slow = t->busy->cc.cwnd < t->busy->cc.ssthresh;
    struct cc_ack ack = {.bytes = bytes,
                         .flight = flight,
                         .rtt_us = t->srtt_us,
                         .srtt_us = t->srtt_us,
                         .now_us = a->s->now / US_NS,
                         .una = t->snd.una.v,
                         .nxt = t->snd.nxt.v,
                         .limited = flight + 2 * t->busy->cc.mss >= (slow ? t->busy->cc.cwnd / 2 : t->busy->cc.cwnd)};
    if (ack.limited) cc_begin(a->s, t);
    t->busy->cc.ops->acked(&t->busy->cc, &ack);
}

void rexmit_ack_new(struct arrival *a, uint32_t bytes) {
    struct stack *s = a->s;
    struct tcb *t = a->t;
    uint32_t flight = rexmit_flight(t);
    uint64_t due = is_later_partial(a) ? t->busy->rexmit_at : TERN_NEVER;
    sample(a);
    t->snd.una = a->ack;
    if (t->urgent_out && seq_ge(t->snd.una, t->busy->snd_up)) t->urgent_out = false;
    t->busy->pos = seq_max(t->busy->pos, t->snd.una);
    t->busy->dup_acks = 0;
    t->work &= (uint8_t)~WORK_REXMIT;
    bool in_recovery = t->in_recovery;
    if (fin_acked(t))
        t->in_recovery = false; /* nothing more will leave */
    else if (!in_recovery)
        not_recovering(a, bytes, flight);
    else if (seq_ge(a->ack, t->busy->recover))
        full_ack(t);
    else
        partial_ack(a, bytes);
    rto_restart(s, t);
    if (due != TERN_NEVER) t->busy->rexmit_at = due;
    if (tracing(s, TERN_TRACE_WINDOW)) trace_window(s, t);
}

/* ---- duplicate ACKs ---- */

/* [RFC6582 3.2 step 1, 2] Not for losses of the window that was already being repaired. What limited transmit sent
 * beyond the window does not count [RFC5681 3.2 step 2]. */
static void enter_recovery(struct arrival *a) {
    struct tcb *t = a->t;
    uint32_t flight = min_u32((uint32_t)seq_diff(t->snd.nxt, t->snd.una), t->busy->cc.cwnd);
    cc_begin(a->s, t);
    if (!ecn_answered(t, seq_add(t->snd.una, 1))) {
        t->busy->cc.ops->loss(&t->busy->cc, flight, a->s->now / US_NS);
        ecn_reduced(t);
    }
    t->busy->cc.cwnd = t->busy->cc.ssthresh + DUP_THRESHOLD * t->busy->cc.mss;
    t->busy->recover = t->snd.nxt;
    t->busy->pos = t->snd.nxt;
    t->in_recovery = true;
    t->rtt_timing = false;
    t->work |= WORK_REXMIT;
    t->rexmit_why = R_REXMIT_FAST;
    if (tracing(a->s, TERN_TRACE_WINDOW)) trace_window(a->s, t);
}

void rexmit_ack_duplicate(struct arrival *a) {
    struct tcb *t = a->t;
    if (t->in_recovery) { /* another segment has left the network; no more than were there: duplicates can be made up */
        uint32_t flight = (uint32_t)seq_diff(t->busy->recover, t->snd.una);
        if (t->busy->cc.cwnd < t->busy->cc.ssthresh + flight) t->busy->cc.cwnd += t->busy->cc.mss;
        if (tracing(a->s, TERN_TRACE_WINDOW)) trace_window(a->s, t);
        return;
    }
    if (t->busy->dup_acks < UINT8_MAX) t->busy->dup_acks++;
    if (t->busy->dup_acks == DUP_THRESHOLD && seq_gt(a->ack, t->busy->recover)) enter_recovery(a);
}

/* ---- the timer expires ---- */

/* R1: the application is told, and whoever found the next hop looks again
 * [MUST-20, SHLD-9, SHLD-10, RFC1122 3.3.1.4]. */
static void tell_r1(struct stack *s, struct tcb *t) {
    if (t->r1_told || t->busy->repeats + 1u < s->cfg.r1_retries) return;
    t->r1_told = true;
    ip_path_doubt(s, &t->flow.remote);
    soft_error(s, t, TERN_ETIMEDOUT);
}

/* When R2 is reached [MUST-20, MUST-21]. A SYN has its own R2 in repeats [MUST-22, MUST-23], unless the application
 * wants to wait for less. */
static uint64_t r2_at(const struct stack *s, struct tcb *t) {
    stuck_begin(t, s->now - rto_ns(s, t));
    if (!t->syn_acked && t->opt->user_timeout_ms >= s->cfg.r2_ms) return TERN_NEVER;
    return s->now - stuck_ns(s, t) + (uint64_t)t->opt->user_timeout_ms * MS_NS;
}

static bool syn_unanswered(struct stack *s, struct tcb *t) {
    if (s->now >= r2_at(s, t) || t->backoff >= t->opt->syn_retries) {
        give_up(s, t, TERN_ETIMEDOUT, R_END_USER_TIMEOUT);
        return false;
    }
    tell_r1(s, t);
    if (t->state == TERN_SYN_SENT) fastopen_failed(s, t);
    t->work |= WORK_SYN;
    t->syn_repeated = true;
    return true;
}

/* Might the oldest segment be larger than some path carries? [RFC1191 3, RFC8200 5] */
static bool may_be_too_big(const struct tcb *t) {
    bool v4 = ip_is_v4(&t->flow.remote);
    uint32_t len = min_u32((uint32_t)seq_diff(t->snd.nxt, t->snd.una), t->mss);
    return len + emit_options_len(t) + (v4 ? 20 + 20 : 40 + 20) > (v4 ? 552 : 1280);
}

/* A large segment is repeated again and again without an answer: perhaps the path swallows packets of this size and
 * tells nobody. Then the next smaller size of RFC 1191 7.1 is tried; a smaller one that arrives ends it, and after
 * ten minutes the larger one gets its next chance [RFC4821 7.7, RFC8899 4.3]. Tail loss probes and the first
 * timeouts are left to find mere loss. */
static void suspect_black_hole(struct stack *s, struct tcb *t) {
    if (!s->cfg.blackhole || t->busy->repeats < BLACK_HOLE_REPEATS || !may_be_too_big(t)) return;
    if (ip_path_mtu_learn(s, &t->flow.remote, 0)) count(s, R_BLACK_HOLE);
}

static bool data_unanswered(struct stack *s, struct tcb *t) {
    if (s->now >= r2_at(s, t)) {
        give_up(s, t, TERN_ETIMEDOUT, R_END_USER_TIMEOUT);
        return false;
    }
    tell_r1(s, t);
    suspect_black_hole(s, t);
    uint32_t flight = (uint32_t)seq_diff(t->snd.nxt, t->snd.una);
    if (t->busy->flight) {
        recovery_timeout(s, t, flight);
        return true;
    }
    cc_begin(s, t); /* a recovery has answered the losses of this window of data already */
    t->busy->cc.ops->timeout(&t->busy->cc, flight, t->busy->repeats > 0 || t->in_recovery, s->now / US_NS);
    t->busy->recover = t->snd.nxt; /* [RFC6582 4] */
    ecn_reduced(t);
    t->busy->pos = t->snd.una;
    t->in_recovery = false;
    t->busy->dup_acks = 0;
    return true;
}

void rexmit_timeout(struct stack *s, struct tcb *t) {
    bool opening = !t->syn_acked;
    if (unlikely(!opening && t->snd.wnd == 0)) {
        persist_take_over(s, t);
        return;
    }
    if (!(opening ? syn_unanswered(s, t) : data_unanswered(s, t))) return;
    t->rtt_timing = false;
    TALLY(s, t, timeouts);
    if (t->backoff < 20) t->backoff++; /* [RFC6298 5.5] */
    if (t->busy->repeats < 63) t->busy->repeats++;
    uint64_t next = s->now + rto_ns(s, t);
    t->busy->rexmit_at = min_u64(next, max_u64(r2_at(s, t), s->now + MS_NS));
    tcb_ready(s, t);
    if (tracing(s, TERN_TRACE_WINDOW)) trace_window(s, t);
}
