/* window.c - the receive window (RFC 9293 3.8.6, 3.8.6.2.2; scaling of RFC 7323 2): how much is offered, and when an
 * opening is worth telling. The sender's side of it is segmentize.c's. */
#include "tcp/tcb.h"

/* Where the right edge could go; in small steps it stays where it is [MUST-39]. */
static seq right_edge(const struct tcb *t) {
    seq could = seq_add(t->rcv.nxt, rcv_space(t));
    uint32_t least = min_u32(t->receive_buffer / 2, max_u32(t->mss_seen, 1));
    return seq_diff(could, t->rcv.adv) >= (int32_t)least ? could : seq_max(t->rcv.adv, t->rcv.nxt);
}

uint16_t window_field(struct tcb *t, bool syn) {
    if (t->fin_taken) return (uint16_t)min_u32(t->receive_buffer >> t->rcv_wscale, 65535); /* nothing more can come */
    if (syn && t->state == TERN_SYN_SENT) return (uint16_t)min_u32(t->receive_buffer, 65535);
    uint8_t scale = syn ? 0 : t->rcv_wscale; /* [RFC7323 2.2] */
    seq edge = syn ? t->rcv.adv : right_edge(t);
    uint32_t field = min_u32((uint32_t)seq_diff(edge, t->rcv.nxt) >> scale, 65535); /* [MUST-1] */
    t->rcv.adv = seq_max(t->rcv.adv, seq_add(t->rcv.nxt, field << scale));
    return (uint16_t)field;
}

/* The application read: is the opening worth a segment of its own? */
bool window_update_due(const struct tcb *t) {
    if (t->fin_taken || !state_in(t, MAY_RECEIVE)) return false;
    seq could = seq_add(t->rcv.nxt, min_u32(rcv_space(t), 65535u << t->rcv_wscale));
    uint32_t least = min_u32(t->receive_buffer / 2, 2 * max_u32(t->mss_seen, 536));
    return seq_diff(could, t->rcv.adv) >= (int32_t)least;
}
