/* step5_ack.c - fifth, check the ACK field (RFC 9293 3.10.7.4, RFC 5961 5.2): what of ours arrived, and how much
 * more the peer takes. What new and duplicate ACKs mean for recovery is rexmit.c's. */
#include "tcp/tcb.h"

static enum reason syn_received(struct arrival *a) {
    struct tcb *t = a->t;
    if (!seq_gt(a->ack, t->snd.una) || !seq_le(a->ack, t->snd.nxt)) {
        effects_reply(&a->fx, REPLY_RST, R_SEND_RST);
        return R_SYNRCVD_BAD_ACK;
    }
    ts_remember(a);
    established(a);
    ecn_open_complete(a);
    if (t->ecn) ecn_arrived(a);
    user_timeout_heed(a->s, t, &a->h->options);
    t->snd.wnd = a->wnd;
    t->snd.max_wnd = max_u32(t->snd.max_wnd, a->wnd);
    t->snd.wl1 = a->seq;
    t->snd.wl2 = a->ack;
    a->note = R_OPEN_COMPLETE;
    return R_NONE;
}

/* SND.UNA - MAX.SND.WND =< SEG.ACK =< SND.NXT [MAY-12, RFC5961 5.2] */
static enum reason check_range(struct arrival *a) {
    const struct tcb *t = a->t;
    enum reason bad = seq_gt(a->ack, t->snd.nxt)                                       ? R_ACK_FUTURE
                      : seq_lt(a->ack, seq_add(t->snd.una, (uint32_t)-t->snd.max_wnd)) ? R_ACK_TOO_OLD
                                                                                       : R_NONE;
    if (bad != R_NONE) effects_reply(&a->fx, REPLY_CHALLENGE, R_SEND_CHALLENGE);
    return bad;
}

/* An old segment must not update the window: hence WL1 and WL2. What acknowledges something new is never old, even if a lower
 * number shows that its text was sent before: the edge that SND.UNA moves with SND.WND must be one that the peer offered. */
static bool update_window(struct arrival *a, bool fresh) {
    struct tcb *t = a->t;
    bool old = seq_gt(t->snd.wl1, a->seq) || (seq_eq(t->snd.wl1, a->seq) && seq_gt(t->snd.wl2, a->ack));
    if (old && !fresh) return false;
    bool changed = t->snd.wnd != a->wnd;
    t->snd.wnd = a->wnd;
    t->snd.max_wnd = max_u32(t->snd.max_wnd, a->wnd);
    t->snd.wl1 = a->seq;
    t->snd.wl2 = a->ack;
    if (changed && t->persisting && a->wnd > 0) persist_stop(t);
    return changed;
}

/* RFC 5681 2: outstanding data, nothing in the segment, the same ACK, the same window. */
static bool is_duplicate(const struct arrival *a, bool window_changed) {
    const struct tcb *t = a->t;
    return a->whole == 0 && !(a->flags & TCP_FIN) && seq_eq(a->ack, t->snd.una) && seq_lt(t->snd.una, t->snd.nxt) &&
           !window_changed && !t->persisting;
}

static void take_new(struct arrival *a) {
    struct tcb *t = a->t;
    uint32_t bytes = (uint32_t)seq_diff(a->ack, t->snd.una);
    bool busy = snd_queued(t) > 0 || t->fin_queued;
    if (t->busy->flight)
        recovery_ack(a, bytes);
    else
        rexmit_ack_new(a, bytes);
    snd_trim(a->s, t);
    recovery_idle(a->s, t);
    a->note = R_ACK_NEW;
    if (busy && snd_queued(t) == 0 && (!t->fin_queued || fin_acked(t))) a->fx.events |= TERN_EV_SENT;
}

/* SND.UNA or SND.WND has moved, or both: only now is it known how much more may be written. */
static void room_moved(struct arrival *a) {
    struct tcb *t = a->t;
    if (t->want_write) snd_tell_room(a->s, t);
    if (unlikely(t->tally)) tally_time(a->s, t);
}

void step5_new(struct arrival *a) {
    ts_remember(a);
    take_new(a);
    update_window(a, true);
    room_moved(a);
}

/* Our FIN is acknowledged. A FIN in the same segment, in order, leads from FIN-WAIT-1 straight to TIME-WAIT (figure 5,
 * note 2): then the move is left to the eighth step. */
static void take_fin_ack(struct arrival *a) {
    struct tcb *t = a->t;
    a->note = R_FIN_ACKED;
    if (t->state == TERN_FIN_WAIT_1 && (a->flags & TCP_FIN) && seq_eq(a->seq, t->rcv.nxt)) return;
    if (state_in(t, IN(FIN_WAIT_1) | IN(CLOSING) | IN(LAST_ACK))) tcb_move(a->s, t, MOVE_FIN_ACKED);
    if (t->state == TERN_TIME_WAIT) two_msl_start(a->s, t);
}

/* Nothing new cumulatively; with SACK the blocks tell, without it the mere fact. */
static void take_again(struct arrival *a, bool window_changed) {
    struct tcb *t = a->t;
    bool duplicate = is_duplicate(a, window_changed);
    bool tells = a->h->options.sack_count || t->tlp_out; /* of what was sent before */
    if (t->busy->flight && tells && (a->h->options.sack_count || duplicate))
        recovery_ack(a, 0);
    else if (tells && t->sack && seq_eq(t->snd.una, t->snd.nxt))
        recovery_late(a, !a->whole && !window_changed && !a->h->options.sack_count);
    else if (!t->busy->flight && duplicate)
        rexmit_ack_duplicate(a);
    if (duplicate) a->note = R_ACK_DUPLICATE;
}

enum reason step5_ack(struct arrival *a) {
    struct tcb *t = a->t;
    if (unlikely(!(a->flags & TCP_ACK))) return R_ACK_MISSING;
    if (unlikely(t->state == TERN_SYN_RECEIVED)) return syn_received(a);
    enum reason bad = check_range(a);
    if (unlikely(bad != R_NONE)) return bad;
    seq una = t->snd.una;
    ts_remember(a);
    if (t->on.keepalive) keepalive_restart(a->s, t);
    if (t->ecn) ecn_arrived(a);
    if (t->state == TERN_TIME_WAIT) return R_NONE;
    if (unlikely(a->h->options.has_uto)) user_timeout_heed(a->s, t, &a->h->options);
    if (t->persisting) t->busy->stuck_ms = 0; /* a probe was answered */
    bool changed = false, fresh = seq_gt(a->ack, t->snd.una);
    if (unlikely(fresh && !t->syn_acked)) syn_acked(a);
    if (fresh) take_new(a);
    if (seq_ge(a->ack, t->snd.una)) {
        changed = update_window(a, fresh);
        if (!fresh && changed) a->note = R_WINDOW_UPDATE;
        if (fresh || changed) room_moved(a);
        if (!fresh) take_again(a, changed);
    }
    if (t->ecn) ecn_acked(a, una); /* a loss that the same ACK shows weighs more */
    if (fresh && fin_acked(t)) take_fin_ack(a);
    return t->state == TERN_CLOSED ? R_FIN_ACKED : R_NONE; /* LAST-ACK ended here */
}
