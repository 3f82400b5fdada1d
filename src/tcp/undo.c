/* undo.c - was it a mistake? After the window was reduced for a loss, what comes back may tell that nothing was lost: a
 * timestamp (RFC 3522), reports of duplicates (RFC 2883), the first ACKs after a timeout (RFC 5682). Then all is set back
 * (RFC 4015). What is lost is rack.c's to say. */
#include "tcp/tcb.h"

/* A first block below the cumulative ACK, or inside the second, reports a duplicate [RFC2883 4]. */
bool is_dsack(const struct arrival *a) {
    const tcp_options *o = &a->h->options;
    if (!o->sack_count) return false;
    seq left = o->sack[0].left, right = o->sack[0].right;
    if (!seq_lt(left, right)) return false;
    if (seq_le(right, a->ack)) return true;
    return o->sack_count > 1 && seq_ge(left, o->sack[1].left) && seq_le(right, o->sack[1].right);
}

void undo_prepare(struct tcb *t) {
    struct flight *f = t->busy->flight;
    f->undo_cwnd = t->busy->cc.cwnd;
    f->undo_ssthresh = t->busy->cc.ssthresh;
    f->undo_again = 0;
    f->undo_sent = false;
    f->undo_armed = true;
    flight_again_anew(f);
}

/* The reduction was a mistake: nothing was lost [RFC4015]. */
static COLD void undo(struct stack *s, struct tcb *t) {
    struct flight *f = t->busy->flight;
    t->busy->cc.cwnd = max_u32(t->busy->cc.cwnd, f->undo_cwnd);
    t->busy->cc.ssthresh = max_u32(t->busy->cc.ssthresh, f->undo_ssthresh);
    if (t->in_recovery && !t->reordering) { /* what else could it have been */
        t->reordering = true;
        TALLY(s, t, reordered);
    }
    t->in_recovery = t->in_loss = false;
    ecn_undone(t);
    f->lost_end = t->snd.una;
    f->undo_armed = f->rack_valid = false; /* what RACK took for a repetition's arrival was an original's */
    for (uint32_t i = 0; i < f->count; i++)
        if (piece_at(f, i)->state == PIECE_LOST) flight_set(f, i, PIECE_SENT);
    if (t->busy->cc.ops->undo) t->busy->cc.ops->undo(&t->busy->cc);
    count(s, R_UNDO);
    s->stats.undone++;
}

/* The echo of a timestamp older than the first repetition answers the original [RFC3522 3.2]; so does an original
 * that arrives after a timeout gave it up, unless the repetition may just have closed the gap before it: a newer
 * timestamp says so, and without timestamps an ACK of all there was [RFC5682 3]. DSACKs for all that was repeated say
 * the same [RFC2883 4.2]; the last of them come up to a round trip after recovery is over. */
static COLD bool undo_due(const struct arrival *a, const struct news *n) {
    const struct tcb *t = a->t;
    const struct flight *f = t->busy->flight;
    const tcp_options *o = &a->h->options;
    bool repairing = t->in_recovery || t->in_loss;
    bool stamped = t->stamps && o->has_ts && f->undo_sent, older = stamped && (int32_t)(o->ts_echo - f->undo_ms) < 0;
    bool all = f->frto == FRTO_WAIT && seq_ge(a->ack, t->busy->recover);
    if (t->in_loss && n->forward && n->original) return stamped ? older : !all;
    if (!f->undo_sent)
        return t->in_recovery && n->original && !f->lost; /* all that was given up is here, and nothing left again */
    bool covered = repairing && n->forward && seq_gt(a->ack, f->undo_first);
    if (covered && older) return true;
    return n->dsack && f->undo_again == 0;
}

/* Not for ever: a report that comes later is about something else. Nor while the network says that it is full. */
bool undo_ack(const struct arrival *a, const struct news *n) {
    struct tcb *t = a->t;
    struct flight *f = t->busy->flight;
    if (!t->in_recovery && !t->in_loss && seq_gt(a->ack, f->undo_end)) f->undo_armed = false;
    if (!f->undo_armed || !undo_due(a, n)) return false;
    f->undo_armed = !ecn_warns(a);
    if (!f->undo_armed) return false;
    undo(a->s, t);
    return true;
}

/* Only what we sent again can have arrived twice by our doing; the network makes copies too. A probe that turns out
 * a duplicate says nothing about order. */
void undo_dsack(struct arrival *a, struct news *n) {
    struct tcb *t = a->t;
    struct flight *f = t->busy->flight;
    const tcp_options *o = &a->h->options;
    TALLY(a->s, t, told_twice);
    uint32_t since;
    if (!flight_was_again(f, o->sack[0].left, o->sack[0].right, &since)) return;
    n->dsack = since > 0;
    f->undo_again -= min_u32(since, f->undo_again);
    if (!(t->tlp_out && t->tlp_again && seq_eq(o->sack[0].right, t->busy->tlp_end))) rack_dsack(t);
}

/* ---- after a timeout ---- */

/* [RFC5682 3.1] The first ACK after the timeout may answer the repetition. So new bytes go out before more is
 * repeated: if the next ACK acknowledges what was never repeated, undo_due sees it; if not, the loss was real. */
void frto_ack(struct tcb *t, const struct news *n) {
    struct flight *f = t->busy->flight;
    if (f->frto == FRTO_WAIT && t->in_loss && n->forward)
        f->frto = FRTO_PROBE;
    else if (n->forward || n->delivered || f->frto != FRTO_WAIT)
        f->frto = FRTO_OFF;
}

/* Do holes wait for that test? There is none without a full segment that both the application and the peer let go: less
 * may be held back, and nothing would leave. */
bool frto_first(const struct tcb *t) {
    struct flight *f = t->busy->flight;
    seq most = seq_min(t->snd.end, seq_add(t->snd.una, t->snd.wnd));
    if (f->frto == FRTO_PROBE && seq_lt(most, seq_add(t->snd.nxt, t->mss))) f->frto = FRTO_OFF;
    return f->frto == FRTO_PROBE || f->frto == FRTO_PROBED;
}
