/* recovery.c - loss recovery with a peer that sends SACK blocks (RFC 2018, 6675, 8985, 9937): each ACK updates the
 * account of what is under way (flight.c), which shows what is lost (rack.c) and whether an earlier judgement was
 * wrong (undo.c). Peers without SACK: rexmit.c. How far the window opens and shuts is cc_*.c's. */
#include "tcp/tcb.h"

/* ---- the account ---- */

/* What a timeout made us forget is no news: it would look as if all of it had arrived in this moment. */
static void delivered(struct arrival *a, struct news *n, const struct piece *p, seq end, uint32_t bytes) {
    if (unlikely(p->counted)) return;
    n->delivered += bytes;
    if (n->delivered == bytes || (int32_t)(p->delivered - n->newest.delivered) >= 0) n->newest = *p;
    if (!p->again) n->rtt_us = max_u32(clock_us(a->s) - p->sent_us, 1);
    if (p->state == PIECE_LOST && !p->again) n->original = true;
    rack_delivered(a, p, end);
}

/* When it took a repetition to get here, what follows may have arrived long before: no round trip is learnt [Karn]. */
static void take_cumulative(struct arrival *a, struct news *n) {
    struct tcb *t = a->t;
    struct flight *f = t->busy->flight;
    bool again = false;
    while (f->count && seq_lt(piece_at(f, 0)->from, a->ack)) {
        struct piece *p = piece_at(f, 0);
        seq end = seq_min(piece_end(f, 0), a->ack);
        if (p->state != PIECE_SACKED) {
            again |= p->again;
            delivered(a, n, p, end, (uint32_t)seq_diff(end, p->from));
        }
        flight_pop(f, a->ack);
    }
    if (again) n->rtt_us = 0;
    f->fack = seq_max(f->fack, a->ack);
    f->lost_end = seq_max(f->lost_end, a->ack);
}

static void take_block(struct arrival *a, struct news *n, seq left, seq right) {
    struct tcb *t = a->t;
    struct flight *f = t->busy->flight;
    uint32_t i, first, last;
    if (!f->count || !seq_gt(left, t->snd.una) || !seq_lt(left, right) || seq_gt(right, f->end)) return;
    /* without room for a piece of its own the block waits for the cumulative ACK */
    if (seq_lt(right, f->end) && !flight_split(a->s, f, right, &last)) return;
    if (!flight_split(a->s, f, left, &first)) return;
    for (i = first; i < f->count && seq_lt(piece_at(f, i)->from, right); i++) {
        struct piece *p = piece_at(f, i);
        if (p->state == PIECE_SACKED) continue;
        delivered(a, n, p, piece_end(f, i), piece_len(f, i));
        flight_set(f, i, PIECE_SACKED);
    }
    flight_join(f, first, i - first);
    f->fack = seq_max(f->fack, right);
}

/* In the order of their numbers: a block that fills a gap between two others of the same ACK shows no reordering. */
static void take_sack(struct arrival *a, struct news *n) {
    const tcp_options *o = &a->h->options;
    unsigned order[ARRAY_LEN(o->sack)], count = 0;
    for (unsigned i = is_dsack(a); i < o->sack_count; i++) {
        unsigned k = count++;
        for (; k > 0 && seq_lt(o->sack[i].left, o->sack[order[k - 1]].left); k--) order[k] = order[k - 1];
        order[k] = i;
    }
    for (unsigned i = 0; i < count; i++) take_block(a, n, o->sack[order[i]].left, o->sack[order[i]].right);
}

/* ---- fast recovery ---- */

/* What limited transmit sent beyond the window does not count [RFC5681 3.2 step 2]. When the window was reduced for a mark since
 * what is lost now had left, that was the answer to both, and it is not to be taken back. */
static COLD void reduce(struct stack *s, struct tcb *t, uint32_t flight, uint32_t delivered) {
    cc_begin(s, t);
    if (ecn_answered(t, t->busy->flight->lost_end)) {
        t->busy->flight->undo_armed = false;
    } else {
        t->busy->cc.ops->loss(&t->busy->cc, min_u32(flight, t->busy->cc.cwnd), s->now / US_NS);
        ecn_reduced(t);
    }
    prr_begin(t, delivered);
    t->in_recovery = true;
    t->again_by_timer = false;
    t->busy->recover = t->snd.nxt;
    t->rtt_timing = false;
}

static COLD void enter(struct stack *s, struct tcb *t, uint32_t flight, uint32_t delivered) {
    undo_prepare(t);
    reduce(s, t, flight, delivered);
}

/* Was something found lost that has not arrived since? */
static COLD bool holes_left(const struct flight *f) {
    for (uint32_t i = 0; i < f->count && seq_lt(piece_at(f, i)->from, f->lost_end); i++) {
        const struct piece *p = piece_at(f, i);
        if (p->state == PIECE_LOST || (p->state == PIECE_SENT && p->again)) return true;
    }
    return false;
}

/* What left after the reduction and was lost too is a second sign of congestion, and the next recovery goes on where
 * this one ends [RFC5681 4.3]. Should all of it have been a mistake, the window before the first is the one to come
 * back to. */
static COLD void leave(struct stack *s, struct tcb *t, const struct news *n) {
    if (t->in_recovery && !t->busy->cc.ops->model) t->busy->cc.cwnd = max_u32(t->busy->cc.ssthresh, t->busy->cc.mss);
    t->in_recovery = t->in_loss = false;
    t->busy->flight->undo_end = t->snd.nxt;
    rack_recovered(t);
    if (holes_left(t->busy->flight)) reduce(s, t, n->flight, n->delivered);
}

static APART void tell_algorithm(struct arrival *a, uint32_t flight, uint32_t rtt_us, uint32_t bytes, bool limited) {
    struct tcb *t = a->t;
    struct cc *c = &t->busy->cc;
    if (limited) cc_begin(a->s, t);
    uint32_t most = t->in_loss ? c->mss : UINT32_MAX; /* it may cover what arrived long ago [RFC3465 2.3] */
    struct cc_ack ack = {.bytes = min_u32(bytes, most),
                         .flight = flight,
                         .rtt_us = rtt_us,
                         .srtt_us = t->srtt_us,
                         .now_us = a->s->now / US_NS,
                         .una = t->snd.una.v,
                         .nxt = t->snd.nxt.v,
                         .limited = limited};
    c->ops->acked(c, &ack);
}

/* NewReno does not ask about a window that is not used. */
static inline void grow_window(struct arrival *a, uint32_t flight, uint32_t rtt_us, uint32_t bytes) {
    const struct cc *c = &a->t->busy->cc;
    bool limited = a->t->in_loss || flight + 2 * c->mss >= (c->cwnd < c->ssthresh ? c->cwnd / 2 : c->cwnd);
    if (limited || c->ops != &cc_newreno) tell_algorithm(a, flight, rtt_us, bytes, limited);
}

/* [draft-ietf-ccwg-bbr 4.5.2] Rate: bytes delivered since the newest of them left, by the longer of the time it took
 * to send them and the time it took to see them acknowledged. The next sample starts from here. */
static void take_sample(const struct arrival *a, const struct news *n) {
    struct flight *f = a->t->busy->flight;
    uint32_t now = clock_us(a->s);
    f->sample_bytes = f->delivered - n->newest.delivered;
    f->sample_us = max_u32(n->newest.sent_us - n->newest.first_us, now - n->newest.delivered_us);
    f->sample_limited = n->newest.app_limited;
    f->first_us = n->newest.sent_us;
    f->delivered_us = now;
    if (f->app_until && (int32_t)(f->delivered - f->app_until) > 0) f->app_until = 0;
}

static void feed_model(struct arrival *a, const struct news *n, uint32_t newly_lost) {
    struct tcb *t = a->t;
    const struct flight *f = t->busy->flight;
    struct cc_sample s = {.now_us = a->s->now / US_NS,
                          .rtt_us = n->rtt_us,
                          .delivered = n->delivered,
                          .delivered_total = f->delivered,
                          .prior_delivered = n->newest.delivered,
                          .sample_bytes = f->sample_bytes,
                          .sample_us = f->sample_us,
                          .inflight = flight_pipe(f),
                          .inflight_before = n->pipe,
                          .lost = newly_lost,
                          .app_limited = f->sample_limited,
                          .recovering = t->in_recovery || t->in_loss};
    t->busy->cc.ops->model(&t->busy->cc, &s);
}

/* A receiver may drop what it had acknowledged selectively. It shows where its ACK ends just before such bytes; from
 * the next timeout on nothing counts any more that it said before. Without that sign it holds them still:
 * docs/decisions/0026 [RFC2018 8, RFC6675 5.1] */
static COLD void forget_reneged(struct tcb *t) {
    struct flight *f = t->busy->flight;
    if (!f->count || piece_at(f, 0)->state != PIECE_SACKED) return;
    for (uint32_t i = 0; i < f->count; i++) {
        struct piece *p = piece_at(f, i);
        if (p->state != PIECE_SACKED) continue;
        flight_set(f, i, PIECE_LOST);
        p->again = p->counted = true; /* when it is acknowledged next tells nothing */
    }
    f->fack = t->snd.una;
}

static void respond(struct arrival *a, const struct news *n, uint32_t bytes, uint32_t newly_lost) {
    struct stack *s = a->s;
    struct tcb *t = a->t;
    if (unlikely(t->in_recovery || t->in_loss)) {
        if (t->in_loss) forget_reneged(t);
        if (seq_ge(t->snd.una, t->busy->recover)) leave(s, t, n);
    } else if (unlikely(newly_lost)) {
        enter(s, t, n->flight, n->delivered);
    }
    if (n->delivered) take_sample(a, n);
    if (t->busy->cc.ops->model) {
        if (n->delivered) feed_model(a, n, newly_lost);
        return;
    }
    if (unlikely(t->in_recovery))
        prr_ack(t, n->delivered, n->forward && !newly_lost);
    else if (bytes && (t->in_loss || !ecn_warns(a)))
        grow_window(a, n->flight, n->rtt_us, bytes);
}

/* ---- one acknowledgment ---- */

static bool tells_of_probe(const struct arrival *a) {
    return is_dsack(a) && seq_eq(a->h->options.sack[0].right, a->t->busy->tlp_end);
}

/* What it says of the probe that is out. */
static COLD void hear_of_probe(struct arrival *a, const struct news *n) {
    struct tcb *t = a->t;
    bool duplicate = n->delivered == 0 && !a->h->options.sack_count;
    if (!tlp_repaired(t, a->ack, tells_of_probe(a), duplicate) || t->in_recovery || t->in_loss) return;
    enter(a->s, t, n->flight, n->delivered);
    t->busy->recover = t->snd.una; /* already repaired: only the window pays */
}

/* Usually it covers all that was under way, which left once, in one burst, and neither was nor is there any doubt about
 * what arrives. */
static bool ends_flight(const struct arrival *a) {
    const struct tcb *t = a->t;
    const struct flight *f = t->busy->flight;
    if (!short_ways(a->s) || f->count != 1 || !seq_eq(a->ack, f->end) || a->h->options.sack_count) return false;
    if (sends_unusually(t) || f->undo_armed || f->frto) return false;
    const struct piece *p = piece_at(f, 0);
    return p->state == PIECE_SENT && !p->again && !p->counted && !t->busy->cc.ops->model;
}

/* The account is closed next, so nobody will ask it any more: only what outlives it is learnt. */
static void flight_ends(struct arrival *a, uint32_t bytes) {
    struct tcb *t = a->t;
    struct flight *f = t->busy->flight;
    uint32_t rtt_us = max_u32(clock_us(a->s) - piece_at(f, 0)->sent_us, 1);
    f->count = 0;
    t->snd.una = a->ack;
    rack_min_rtt(a->s, t, rtt_us);
    rto_sample(a->s, t, rtt_us);
    grow_window(a, bytes, rtt_us, bytes);
    recovery_timer(a->s, t, 0, true);
}

static APART void ack_judged(struct arrival *a, uint32_t bytes) {
    struct stack *s = a->s;
    struct tcb *t = a->t;
    struct flight *f = t->busy->flight;
    bool blocks = a->h->options.sack_count != 0;
    struct news n = {
        .pipe = flight_pipe(f), .flight = (uint32_t)seq_diff(t->snd.nxt, t->snd.una), .forward = bytes > 0};
    uint32_t wait_us;
    take_cumulative(a, &n);
    if (bytes) t->snd.una = a->ack;
    if (unlikely(blocks)) take_sack(a, &n);
    f->delivered += n.delivered;
    if (n.rtt_us)
        rto_sample(s, t, n.rtt_us);
    else if (bytes && !t->reordering) /* else a repetition's timestamp is not when it left */
        rto_sample_echo(a);
    if (unlikely(blocks) && is_dsack(a)) undo_dsack(a, &n);
    if (unlikely(t->tlp_out)) hear_of_probe(a, &n);
    uint32_t newly_lost = rack_detect(s, t, &wait_us);
    if (unlikely(f->undo_armed) && undo_ack(a, &n)) newly_lost = 0;
    respond(a, &n, bytes, newly_lost);
    if (unlikely(f->frto)) frto_ack(t, &n);
    if (n.delivered || bytes) recovery_timer(s, t, wait_us, bytes > 0);
}

void recovery_ack(struct arrival *a, uint32_t bytes) {
    struct tcb *t = a->t;
    if (likely(ends_flight(a)))
        flight_ends(a, bytes);
    else
        ack_judged(a, bytes);
    if (unlikely(t->urgent_out) && seq_ge(t->snd.una, t->busy->snd_up)) t->urgent_out = false;
    if (tracing(a->s, TERN_TRACE_WINDOW)) trace_window(a->s, t);
}

void recovery_late(struct arrival *a, bool duplicate) {
    struct tcb *t = a->t;
    if (tells_of_probe(a) || duplicate)
        tlp_repaired(t, a->ack, tells_of_probe(a), duplicate);
    else if (is_dsack(a) && t->retransmitted > 0)
        rack_dsack(t);
}

/* ---- the timer has three uses besides the persist timer's ---- */

void recovery_timer(struct stack *s, struct tcb *t, uint32_t wait_us, bool forward) {
    if (forward) {
        if (t->persisting) t->backoff = 0; /* that was the probes' */
        t->busy->repeats = 0;
        t->busy->stuck_ms = 0;
        t->r1_told = false;
    }
    t->persisting = false;
    t->busy->timer_use = USE_RTO;
    t->busy->flight->rto_from = s->now;
    if (!t->busy->flight->count) {
        t->busy->rexmit_at = TERN_NEVER;
    } else if (wait_us) {
        t->busy->timer_use = USE_REORDERING;
        t->busy->rexmit_at = s->now + (uint64_t)wait_us * US_NS;
    } else if (tlp_wanted(t)) {
        t->busy->timer_use = USE_PROBE;
        t->busy->rexmit_at = s->now + tlp_delay_ns(s, t, flight_pipe(t->busy->flight));
    } else {
        t->busy->rexmit_at = s->now + rto_ns(s, t);
    }
}

/* The first bytes are lost, and whatever could have been acknowledged by now [RFC8985 6.3]. */
static void mark_lost(struct tcb *t, uint32_t now_us) {
    struct flight *f = t->busy->flight;
    uint32_t rtt = f->rack_valid ? f->rack_rtt_us : t->srtt_us, window = rack_window(t);
    for (uint32_t i = 0; i < f->count; i++) {
        struct piece *p = piece_at(f, i);
        if (p->state == PIECE_SENT && (i == 0 || now_us - p->sent_us >= rtt + window)) flight_set(f, i, PIECE_LOST);
    }
}

/* Called by rexmit_timeout once R1 and R2 were seen to. The retransmission timer itself expired [RFC6298 5.4-5.6]. */
void recovery_timeout(struct stack *s, struct tcb *t, uint32_t flight) {
    t->busy->flight->frto = t->in_loss || t->in_recovery ? FRTO_OFF : FRTO_WAIT;
    if (!t->in_loss) undo_prepare(t);
    cc_begin(s, t);
    t->busy->cc.ops->timeout(&t->busy->cc, flight, t->busy->repeats > 0 || t->in_loss, s->now / US_NS);
    forget_reneged(t);
    mark_lost(t, clock_us(s));
    t->busy->cc.cwnd += flight_pipe(t->busy->flight); /* one segment beyond what may still be on its way */
    t->in_recovery = false;
    t->in_loss = true;
    t->again_by_timer = true;
    t->tlp_out = false;
    t->busy->flight->rack_valid = false;
    t->busy->recover = t->snd.nxt;
    ecn_reduced(t);
}

/* The reordering window passed, or it is time for a probe. True when that was all; false: a real timeout. */
bool recovery_expire(struct stack *s, struct tcb *t) {
    uint32_t wait_us = 0;
    if (t->busy->timer_use == USE_RTO) return false;
    if (t->busy->timer_use == USE_PROBE) {
        t->work |= WORK_TLP;
    } else {
        uint32_t flight = (uint32_t)seq_diff(t->snd.nxt, t->snd.una);
        if (rack_detect(s, t, &wait_us) && !t->in_recovery && !t->in_loss) {
            enter(s, t, flight, 0);
            if (!t->busy->cc.ops->model) prr_ack(t, 0, false);
        }
    }
    t->busy->timer_use = USE_RTO;
    t->busy->rexmit_at = s->now + rto_ns(s, t);
    tcb_ready(s, t);
    return true;
}

/* The peer's window opened after probing: the probe's byte did not count. */
void recovery_resume(struct tcb *t) {
    for (uint32_t i = 0; t->busy->flight && i < t->busy->flight->count; i++)
        if (piece_at(t->busy->flight, i)->state == PIECE_SENT) flight_set(t->busy->flight, i, PIECE_LOST);
}

/* ---- sending ---- */

static struct flight *begin(struct stack *s, const struct tcb *t) {
    struct flight *f = flight_new(s, t->snd.nxt, t->mss);
    if (unlikely(!f)) return NULL;
    f->min_rtt_ms = clock_ms(s);
    f->again_ms = ts_now(s, t->ts_offset);
    return f;
}

/* May new bytes be accounted for? Also brings the account into being, with the first byte of a flight. */
bool recovery_room(struct stack *s, struct tcb *t) {
    if (!t->sack) return true;
    if (!t->busy->flight && seq_eq(t->snd.una, t->snd.nxt)) t->busy->flight = begin(s, t);
    return !t->busy->flight || flight_room(s, t->busy->flight);
}

/* [una, to), one segment at most, leaves now; nothing was under way or is unusual, and the application has no more to say: all
 * that is called for new bytes, and for a sender without more, at once. False: no memory, nothing happened. */
bool recovery_begins(struct stack *s, struct tcb *t, seq to) {
    struct busy *b = t->busy;
    uint32_t now = clock_us(s), n = (uint32_t)seq_diff(to, t->snd.nxt);
    struct flight *f = begin(s, t);
    if (unlikely(!f)) return false;
    b->flight = f;
    cc_idle(s, t);
    f->first_us = f->delivered_us = now;
    f->grain_us = t->srtt_us / 128;
    f->at[0].from = f->end;
    flight_stamp(f, &f->at[0], now, false);
    f->count = 1;
    f->end = to;
    if (n < b->cc.cwnd) f->app_until = n;
    bool probe = tlp_wanted(t);
    f->rto_from = s->now;
    b->timer_use = probe ? USE_PROBE : USE_RTO;
    b->rexmit_at = s->now + (probe ? tlp_delay_ns(s, t, n) : rto_ns(s, t));
    return true;
}

void recovery_sent(struct stack *s, struct tcb *t, seq to) {
    if (!t->busy->flight) return;
    if (flight_pipe(t->busy->flight) == 0) t->busy->flight->first_us = t->busy->flight->delivered_us = clock_us(s);
    uint32_t n = (uint32_t)seq_diff(to, t->busy->flight->end);
    t->busy->flight->grain_us = t->srtt_us / 128;
    flight_sent(t->busy->flight, to, clock_us(s));
    if (t->in_recovery) prr_sent(t, n);
    if (unlikely(t->busy->flight->frto == FRTO_PROBE)) t->busy->flight->frto = FRTO_PROBED;
    if (t->busy->timer_use == USE_RTO && t->busy->rexmit_at == TERN_NEVER)
        recovery_timer(s, t, 0, false);
    else if (t->busy->timer_use == USE_PROBE)
        t->busy->rexmit_at = min_u64(s->now + tlp_delay_ns(s, t, flight_pipe(t->busy->flight)),
                                     t->busy->flight->rto_from + rto_ns(s, t));
}

/* A probe of a shut window carried the first byte again: when it is acknowledged tells no round trip [MUST-18]. */
void recovery_probed(const struct stack *s, struct tcb *t) {
    struct flight *f = t->busy->flight;
    if (!f || !f->count) return;
    piece_at(f, 0)->sent_us = clock_us(s);
    piece_at(f, 0)->again = true;
}

/* The first bytes that are lost and not yet on their way again. */
bool recovery_next(const struct tcb *t, seq *from, uint32_t *len) {
    struct flight *f = t->busy->flight;
    if (!f || !f->lost || (unlikely(f->frto) && frto_first(t))) return false;
    for (uint32_t i = flight_find(f, f->lost_from); i < f->count; i++) {
        if (piece_at(f, i)->state != PIECE_LOST) continue;
        *from = f->lost_from = piece_at(f, i)->from;
        *len = piece_len(f, i);
        return true;
    }
    return false;
}

/* The timestamp of a repetition. A receiver drops what it overtakes and what has an older one (PAWS). Where segments come out of
 * order it is as old as what RACK still waits for; never older than what was sent before the repeated bytes, whose
 * timestamp the receiver has seen: not than theirs, nor than an earlier repetition's. docs/decisions/0024 */
uint32_t recovery_stamp(const struct stack *s, const struct tcb *t, seq from) {
    const struct flight *f = t->busy->flight;
    uint32_t now = ts_now(s, t->ts_offset);
    if (!t->reordering) return now;
    uint32_t age_us = clock_us(s) - piece_at(f, flight_find(f, from))->sent_us;
    return now - min_u32(min_u32(rack_window(t), age_us) / 1000, now - f->again_ms);
}

/* [from, from + len) left again. */
void recovery_resent(struct stack *s, struct tcb *t, seq from, uint32_t len) {
    struct flight *f = t->busy->flight;
    uint32_t i, next;
    f->again_ms = recovery_stamp(s, t, from);
    seq to = seq_add(from, len);
    if (t->busy->rexmit_at == TERN_NEVER)
        recovery_timer(s, t, 0, false);                    /* a window that opened again had stopped it */
    if (seq_lt(to, f->end)) flight_split(s, f, to, &next); /* without room the whole piece counts as sent */
    i = flight_find(f, from);
    if (!seq_eq(piece_at(f, i)->from, from) && !flight_split(s, f, from, &i)) return;
    flight_set(f, i, PIECE_SENT);
    flight_stamp(f, piece_at(f, i), clock_us(s), true);
    if (t->in_recovery) prr_sent(t, len);
    flight_again(f, from, to);
    f->undo_again += len;
    if (!f->undo_sent) {
        f->undo_ms = f->again_ms;
        f->undo_first = from;
    }
    f->undo_sent = true;
}

/* The application has nothing more to send, or the peer's window is shut, although ours allows it: rates measured from
 * here on say nothing of the path. */
void recovery_app_limited(struct tcb *t) {
    struct flight *f = t->busy->flight;
    uint32_t pipe = f ? flight_pipe(f) : 0;
    if (f && pipe < t->busy->cc.cwnd && !f->lost) f->app_until = max_u32(f->delivered + pipe, 1);
}

/* Nothing is under way: the account is not needed. */
void recovery_idle(struct stack *s, struct tcb *t) {
    if (!t->busy->flight || !seq_eq(t->snd.una, t->snd.nxt)) return;
    flight_free(s, t->busy->flight);
    t->busy->flight = NULL;
}
