/* step7_text.c - seventh, process the segment text (RFC 9293 3.10.7.4): deliver, hold or refuse it, and owe an ACK.
 * The buffer is recvbuf.c's, the ACK's time delack.c's. */
#include "tcp/tcb.h"

/* Full-sized segments call for an ACK every second one [SHLD-19]; merged ones count by their pieces. */
static void owe_ack(struct arrival *a, enum reason how) {
    struct tcb *t = a->t;
    uint32_t size = a->ip->segment_size ? a->ip->segment_size : a->whole;
    t->mss_seen = (uint16_t)max_u32(t->mss_seen, min_u32(size, 65535));
    t->busy->unacked += a->len;
    if (how != R_TEXT_IN_ORDER) {
        effects_reply(&a->fx, REPLY_ACK, R_SEND_ACK_NOW); /* [MAY-13, RFC5681 4.2] */
        if (how != R_TEXT_FILLS_HOLE && t->acks_due < 3) t->acks_due++;
    } else if (t->busy->islands || t->busy->unacked >= 2u * t->mss_seen) {
        effects_reply(&a->fx, REPLY_ACK, R_SEND_ACK_NOW);
    } else {
        effects_reply(&a->fx, REPLY_ACK_DELAYED, R_SEND_ACK_DELAYED); /* [SHLD-18] */
    }
}

/* Behind a FIN that waits for its predecessors there is no text. */
static void trim_at_fin(struct arrival *a) {
    int32_t room = seq_diff(a->t->busy->fin, a->seq);
    a->len = room > 0 ? min_u32(a->len, (uint32_t)room) : 0;
}

enum reason step7_text(struct arrival *a) {
    struct tcb *t = a->t;
    if (unlikely(t->fin_seen && !t->fin_taken)) trim_at_fin(a);
    if (a->len == 0) return R_NONE;
    if (unlikely(!state_in(t, MAY_RECEIVE))) {
        a->note = R_TEXT_AFTER_FIN;
        return R_NONE;
    }
    if (unlikely(t->detached || (t->on.no_reader && t->fin_queued))) { /* nobody will read it: say so [SHLD-3] */
        reset_send(a->s, t, R_SEND_RST_UNREAD);
        tcb_move(a->s, t, MOVE_ABORT);
        a->fx.error = t->detached ? TERN_ECLOSED : TERN_ERESET;
        return R_TEXT_AFTER_CLOSE;
    }
    seq before = t->rcv.nxt;
    enum reason how = rcv_take(a);
    owe_ack(a, how);
    a->note = how;
    if (how == R_TEXT_NO_BUFFER || how == R_TEXT_ISLANDS) return how;
    uint32_t fresh = (uint32_t)seq_diff(t->rcv.nxt, before);
    if (fresh) a->fx.events |= TERN_EV_READ;
    return R_NONE;
}
