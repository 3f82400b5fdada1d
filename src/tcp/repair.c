/* repair.c - what leaves again, and what asks the peer to speak: repetitions, tail loss probes (RFC 8985 7.3), probes of a
 * shut window (RFC 9293 3.8.6.1). When is for recovery.c, rexmit.c and persist.c to say. */
#include "tcp/burst.h"

/* One segment at the front of what is unacknowledged. */
static COLD void put_rexmit(struct burst *b) {
    struct tcb *t = b->t;
    t->work &= (uint8_t)~WORK_REXMIT;
    seq first = snd_first(t);
    uint32_t n = min_u32(snd_queued(t), b->mss);
    int32_t sent = seq_diff(t->snd.nxt, first);
    if (sent <= 0) return;
    bool fin = t->fin_queued && seq_eq(t->snd.nxt, seq_add(t->snd.end, 1)) && n == snd_queued(t);
    n = min_u32(n, (uint32_t)sent - fin);
    count_again(b, (enum reason)t->rexmit_why, n);
    t->rtt_timing = false;
    put_segment(b, first, n, flags_for(t, first, n, fin), (enum reason)t->rexmit_why);
}

/* Bytes that were sent before, and the FIN if they end with it. */
static void put_again(struct burst *b, seq from, uint32_t len, enum reason why) {
    struct tcb *t = b->t;
    bool fin = seq_gt(seq_add(from, len), t->snd.end);
    uint32_t now = b->stamp;
    count_again(b, why, len - fin);
    b->stamp = recovery_stamp(b->s, t, from);
    if (b->stamp != now) b->like = NULL;
    put_segment(b, from, len - fin, flags_for(t, from, len - fin, fin), why);
    if (b->stamp != now) b->like = NULL;
    b->stamp = now;
    recovery_resent(b->s, t, from, len);
    pacing_sent(b->s, t, len);
}

/* With SACK: the first bytes that are thought lost, as far as the congestion window allows; the peer's may have
 * shrunk since they were sent [MAY-7]. True when a frame was built. */
static bool put_lost(struct burst *b) {
    struct tcb *t = b->t;
    seq from;
    uint32_t len, pipe = rexmit_flight(t), room = t->busy->cc.cwnd > pipe ? t->busy->cc.cwnd - pipe : 0;
    if (!recovery_next(t, &from, &len) || !pacing_allows(b->s, t)) return false;
    uint32_t n = min_u32(min_u32(len, b->most), room);
    if (n < len && n < b->mss) return false;
    if (n > b->mss && n < len) n -= n % b->mss;
    put_again(b, from, n, t->in_loss ? R_REXMIT_RTO : R_REXMIT_RACK);
    return true;
}

/* A tail loss probe: new bytes if there are any and the peer takes them, else the last segment again [RFC8985 7.3]. */
static COLD void put_tlp(struct burst *b) {
    struct tcb *t = b->t;
    t->work &= (uint8_t)~WORK_TLP;
    if (!t->busy->flight) {
        t->rexmit_why = R_REXMIT_TLP;
        put_rexmit(b); /* the FIN */
    }
    if (!t->busy->flight || !t->busy->flight->count) return;
    uint32_t by_peer = t->snd.wnd - min_u32((uint32_t)seq_diff(t->busy->pos, t->snd.una), t->snd.wnd);
    uint32_t n = min_u32(min_u32(unsent(t), by_peer), b->mss);
    bool fresh = n > 0 && recovery_room(b->s, t);
    if (fresh) {
        put_segment(b, t->busy->pos, n, flags_for(t, t->busy->pos, n, false), R_SEND_TLP);
        burst_advance(b, n, false);
    } else {
        uint32_t last = t->busy->flight->count - 1, len = min_u32(piece_len(t->busy->flight, last), b->mss);
        put_again(b, seq_add(t->snd.nxt, (uint32_t)-len), len, R_REXMIT_TLP);
    }
    tlp_sent(t, !fresh);
    t->busy->timer_use = USE_RTO;
    t->busy->rexmit_at = b->s->now + rto_ns(b->s, t);
}

/* One octet into the closed window; when only a FIN is left, the FIN. [MUST-36] */
static COLD void put_probe(struct burst *b) {
    struct tcb *t = b->t;
    t->work &= (uint8_t)~WORK_PROBE;
    seq at = snd_first(t);
    uint32_t n = min_u32(snd_queued(t), 1);
    bool fin = n == 0 && t->fin_queued;
    if (n == 0 && !fin) return;
    seq end = seq_add(at, 1);
    if (seq_gt(end, t->snd.nxt) && !recovery_room(b->s, t)) return;
    put_segment(b, at, n, flags_for(t, at, n, fin), R_SEND_PROBE);
    if (seq_gt(end, t->snd.nxt)) {
        recovery_sent(b->s, t, end);
        snd_advance(t, end);
        if (t->busy->flight) t->busy->pos = end;
    } else {
        recovery_probed(b->s, t);
    }
    t->rtt_timing = false;
}

void put_repairs(struct burst *b) {
    struct tcb *t = b->t;
    if (t->work & WORK_REXMIT && b->n < b->max) put_rexmit(b);
    while (b->n < b->max && put_lost(b)) {
    }
    if (t->work & WORK_TLP && b->n < b->max) put_tlp(b);
    if (t->work & WORK_PROBE && b->n < b->max) put_probe(b);
}
