/* rack.c - which bytes are lost, judged by time (RFC 8985): what was sent before something that has arrived, by more
 * than a reordering window, is lost. It marks; what is sent again, and how fast, is recovery.c's and prr.c's. Tail
 * loss probes: tlp.c. */
#include "tcp/tcb.h"

enum { DUP_SEGMENTS = 3, MULT_MOST = 20, PERSIST = 16, MIN_RTT_MS = 300000, PIECES_A_US = 32 };

/* The smallest round trip, forgotten after five minutes of one flight. */
void rack_min_rtt(struct stack *s, struct tcb *t, uint32_t rtt_us) {
    uint32_t now_ms = clock_ms(s);
    if (t->min_rtt_us && rtt_us > t->min_rtt_us && now_ms - t->busy->flight->min_rtt_ms < MIN_RTT_MS) return;
    t->min_rtt_us = max_u32(rtt_us, 1);
    t->busy->flight->min_rtt_ms = now_ms;
}

static bool sent_after(uint32_t us1, seq end1, uint32_t us2, seq end2) {
    return us1 == us2 ? seq_gt(end1, end2) : (int32_t)(us1 - us2) > 0;
}

/* The ACK echoes a timestamp from before the repetition's own: it answers the first sending. An ACK that does not reach
 * the bytes echoes what came before a hole, however old (RFC 7323 4.3), and tells nothing of them. */
static bool answers_earlier(const struct arrival *a, seq end, uint32_t age_us) {
    const tcp_options *o = &a->h->options;
    if (seq_gt(end, a->ack)) return false;
    if (a->t->reordering) age_us += rack_window(a->t); /* recovery_stamp */
    return a->t->stamps && o->has_ts && ts_now(a->s, a->t->ts_offset) - o->ts_echo > age_us / 1000 + 1;
}

/* [RFC8985 6.2 steps 1 to 3] One piece up to `end` was delivered. */
void rack_delivered(const struct arrival *a, const struct piece *p, seq end) {
    struct tcb *t = a->t;
    struct flight *f = t->busy->flight;
    uint32_t rtt = clock_us(a->s) - p->sent_us;
    if (p->again) {
        /* Whether this answers the first sending or the last is unknown; too fast for the last means the first. */
        if (answers_earlier(a, end, rtt) || (t->min_rtt_us && rtt < t->min_rtt_us)) return;
    } else {
        rack_min_rtt(a->s, t, rtt);
        if (seq_lt(end, f->fack)) {
            t->reordering = true;
            TALLY(a->s, t, reordered);
        }
    }
    if (f->rack_valid && !sent_after(p->sent_us, end, f->rack_us, f->rack_end)) return;
    f->rack_rtt_us = rtt;
    f->rack_valid = true;
    f->rack_us = p->sent_us;
    f->rack_end = end;
}

/* [RFC8985 6.2 step 4] How far out of order is still in order. It grows with each round trip that a DSACK shows to
 * have been misjudged, and forgets after sixteen recoveries without. */
uint32_t rack_window(const struct tcb *t) {
    const struct flight *f = t->busy->flight;
    if (!t->reordering && (t->in_recovery || t->in_loss || f->sacked >= DUP_SEGMENTS * t->busy->cc.mss)) return 0;
    uint32_t wnd = (t->rack_mult + 1u) * (t->min_rtt_us / 4);
    return min_u32(wnd, t->srtt_us);
}

/* What the timer repeated says nothing about order. */
void rack_dsack(struct tcb *t) {
    struct flight *f = t->busy->flight;
    if (t->again_by_timer) return;
    t->reordering = true;
    if (f ? f->round_dsack && seq_lt(t->snd.una, f->round) : t->rack_persist == PERSIST) return; /* once a round trip */
    if (f) f->round_dsack = true, f->round = t->snd.nxt;
    if (t->rack_mult < MULT_MOST) t->rack_mult++;
    t->rack_persist = PERSIST;
}

void rack_recovered(struct tcb *t) {
    if (t->rack_persist && --t->rack_persist == 0) t->rack_mult = 0;
}

/* Looking at every piece must not cost more than the time that passes, however many a peer makes of them and however
 * fast its ACKs come: with many pieces, some microseconds lie between two looks. True: it is too early, and how long
 * for. */
static bool too_soon(struct flight *f, uint32_t now, uint32_t *wait_us) {
    uint32_t pause = f->count / PIECES_A_US, since = now - f->judged_us;
    if (since < pause)
        *wait_us = pause - since;
    else
        f->judged_us = now;
    return since < pause;
}

/* [RFC8985 6.2 step 5] Marks what is lost by now; *wait_us is when the next piece may turn out lost, 0: none.
 * Returns bytes newly lost. Only pieces behind the newest delivered one can be, and those that left later end the
 * search in each run. */
uint32_t rack_detect(struct stack *s, struct tcb *t, uint32_t *wait_us) {
    struct flight *f = t->busy->flight;
    *wait_us = 0;
    if (!f->count || !f->rack_valid) return 0;
    uint32_t before = f->lost, now = clock_us(s), window = rack_window(t);
    if (too_soon(f, now, wait_us)) return 0;
    for (uint32_t i = 0; i < f->count; i++) {
        struct piece *p = piece_at(f, i);
        if (p->state != PIECE_SENT) continue;
        if (!sent_after(f->rack_us, f->rack_end, p->sent_us, piece_end(f, i))) {
            if (!p->again && seq_gt(p->from, f->fack))
                break; /* originals leave in order: all that follow are younger */
            continue;
        }
        int32_t left = (int32_t)(p->sent_us + f->rack_rtt_us + window - now);
        if (left <= 0) {
            flight_set(f, i, PIECE_LOST);
            f->lost_end = seq_max(f->lost_end, piece_end(f, i));
        } else {
            *wait_us = max_u32(*wait_us, (uint32_t)left);
        }
    }
    return f->lost - before;
}
