/* arrives.c - SEGMENT ARRIVES (RFC 9293 3.10.7): a segment is checked, its connection found, and led through the
 * steps in the RFC's order. The steps decide (step1_*.c to step8_*.c), state.c moves, effects.c acts. */
#include "tcp/tcb.h"

static void arrival_init(struct arrival *a, struct stack *s, const struct ip_info *ip, const tcp_header *h,
                         const uint8_t *data, uint32_t len) {
    a->s = s;
    a->t = NULL;
    a->ip = ip;
    a->h = h;
    a->seq = h->seq_no;
    a->ack = h->ack_no;
    a->len = a->whole = len;
    a->text = data;
    a->wnd = h->window;
    a->flags = h->flags;
    a->renews = false;
    a->iss_above = seq_of(0);
    a->before = TERN_CLOSED;
    a->note = R_NONE;
    a->fx = (struct effects){REPLY_NONE, R_NONE, 0, 0};
}

/* Header prediction (RFC 1323's appendix calls it so): most segments of an established connection go on where the last
 * one ended, lie in the window, and have no flag but ACK and PSH. To such a segment only the fifth and the seventh step
 * have anything to say: it changes neither numbers nor flags in the first, and the others look for flags. */
static bool predicted(const struct arrival *a) {
    const struct tcb *t = a->t;
    const tcp_options *o = &a->h->options;
    if (!short_ways(a->s) || t->state != TERN_ESTABLISHED || (a->flags & (uint16_t)~TCP_PSH) != TCP_ACK || t->fin_seen)
        return false;
    if (!seq_eq(a->seq, t->rcv.nxt) || a->len > window_offered(t)) return false;
    return !t->stamps || (o->has_ts && (int32_t)(o->ts_value - t->ts_recent) >= 0);
}

/* While the text flows one way its ACK repeats what was known: then the fifth step does no more than this. */
static bool ack_says_nothing(const struct arrival *a) {
    const struct tcb *t = a->t;
    const tcp_options *o = &a->h->options;
    return a->len && seq_eq(a->ack, t->snd.una) && a->wnd == t->snd.wnd && !o->sack_count && !o->has_uto &&
           !(t->tlp_out || t->persisting || t->ecn || t->on.keepalive);
}

/* In a dialogue each segment acknowledges the one before, and says nothing else. */
static bool ack_says_new(const struct arrival *a) {
    const struct tcb *t = a->t;
    const tcp_options *o = &a->h->options;
    return seq_gt(a->ack, t->snd.una) && seq_le(a->ack, t->snd.nxt) && !o->sack_count && !o->has_uto &&
           !sends_unusually(t) && !t->on.keepalive;
}

/* True: the fifth step is done with it. */
static bool ack_predicted(struct arrival *a) {
    struct tcb *t = a->t;
    if (ack_says_nothing(a)) {
        ts_remember(a);
        if (seq_le(t->snd.wl1, a->seq)) t->snd.wl1 = a->seq, t->snd.wl2 = a->ack;
        return true;
    }
    if (!ack_says_new(a)) return false;
    step5_new(a);
    return true;
}

/* SYN-SENT has its own (3.10.7.3) and joins at the sixth. */
static APART enum reason steps_1_to_4(struct arrival *a) {
    enum reason why = step1_sequence(a);
    if (why == R_NONE) why = step2_reset(a);
    if (why == R_NONE) why = step3_security(a);
    if (why == R_NONE) why = step4_syn(a);
    return why;
}

/* The eight checks of 3.10.7.4, in their order. */
static enum reason all_steps(struct arrival *a) {
    enum reason why = R_NONE;
    if (unlikely(a->t->state == TERN_SYN_SENT)) {
        why = arrives_synsent(a);
    } else if (!predicted(a)) {
        why = steps_1_to_4(a);
        if (why == R_NONE) why = step5_ack(a);
    } else if (!ack_predicted(a)) {
        why = step5_ack(a);
    }
    if (why == R_NONE) why = step6_urgent(a);
    if (why == R_NONE) why = step7_text(a);
    if (why == R_NONE) why = step8_fin(a);
    return why;
}

void arrives_steps(struct arrival *a) {
    struct tcb *t = a->t;
    a->before = (enum tern_state)t->state;
    t->segments_in++;
    t->tos_received = a->ip->tos;
    if (t->scaling && !(a->flags & TCP_SYN)) a->wnd <<= t->snd_wscale; /* [REC-1, RFC7323 2.3] */
    enum reason why = all_steps(a);
    if (unlikely(t->state == TERN_FIN_WAIT_1) && fin_acked(t)) tcb_move(a->s, t, MOVE_FIN_ACKED);
    if (why != R_NONE) a->note = why;
    if (a->note == R_NONE) a->note = R_NOTHING_NEW;
    count(a->s, a->note);
    if (tracing(a->s, TERN_TRACE_SEGMENT_IN))
        trace_segment(a->s, TERN_TRACE_SEGMENT_IN, t, &t->flow, a->ip->iface, a->h, a->whole, a->before,
                      (enum tern_state)t->state, a->note);
}

void arrives(struct arrival *a) {
    arrives_steps(a);
    effects_act(a);
}

/* ---- which record is it for ---- */

/* A reset that counts [RFC5961 3.2]: the peer sends it once, and ending takes no memory but gives some back. */
static bool ends_it(const struct arrival *a) { return (a->flags & TCP_RST) && seq_eq(a->seq, a->t->rcv.nxt); }

static void dispatch(struct arrival *a) {
    struct stack *s = a->s;
    uint32_t ref = flow_of_arrival(a);
    if (likely(ref && ref_kind_of(ref) == REF_TCB)) {
        a->t = pool_at(&s->tcp.tcbs, ref_index(ref));
        if (likely(!(a->t->state == TERN_TIME_WAIT && time_wait_may_reuse(a)))) {
            if (likely(tcb_wake(s, a->t)) || ends_it(a))
                arrives(a);
            else
                arrival_drop(a, R_NO_MEMORY); /* as if it had been lost on its way */
            return;
        }
        tcb_move(s, a->t, MOVE_REUSED);
        tcb_end(s, a->t, TERN_OK, R_TIME_WAIT_REUSED);
        a->t = NULL;
    } else if (ref && ref_kind_of(ref) == REF_HALF_OPEN) {
        half_open_arrives(a, pool_at(&s->tcp.half_opens, ref_index(ref)));
        return;
    } else if (ref && !time_wait_arrives(a, pool_at(&s->tcp.time_waits, ref_index(ref)), ref)) {
        return;
    }
    struct listener *l = listener_find(s, &a->ip->dst, a->h->dst_port);
    if (l)
        arrives_listen(a, l);
    else
        arrives_closed(a);
}

static bool checksum_ok(struct stack *s, const struct ip_info *ip, const uint8_t *all, uint32_t len) {
    if (ip->csum_ok) return true;
    return checksum_finish(s->ck->add(all, len, ip->pseudo + NET32(len))) == 0; /* [MUST-3] */
}

static enum reason parse(struct stack *s, const struct ip_info *ip, reader *r, tcp_header *h) {
    const uint8_t *all = r->at;
    uint32_t len = (uint32_t)reader_left(r);
    switch (tcp_parse(r, h)) {
    case TCP_PARSE_OK: return checksum_ok(s, ip, all, len) ? R_NONE : R_TCP_CHECKSUM;
    case TCP_PARSE_SHORT: return R_TCP_SHORT;
    case TCP_PARSE_BAD_OFFSET: return R_TCP_BAD_OFFSET;
    default: return checksum_ok(s, ip, all, len) ? R_TCP_BAD_OPTION : R_TCP_CHECKSUM; /* [MUST-7] */
    }
}

void tcp_input(struct stack *s, const struct ip_info *ip, reader *r) {
    tcp_header h;
    enum reason bad = parse(s, ip, r, &h);
    if (unlikely(bad == R_NONE && (ip->to_many || h.src_port == 0 || h.dst_port == 0)))
        bad = R_TCP_BAD_ADDRESS; /* [MUST-57]; that the source can be a peer is checked in ip/ [MUST-63] */
    if (unlikely(bad != R_NONE)) {
        drop(s, ip->iface, bad, NULL);
        return;
    }
    s->stats.segments_in++;
    if (unlikely(h.flags & TCP_RST)) s->stats.resets_in++;
    struct arrival a;
    arrival_init(&a, s, ip, &h, r->at, (uint32_t)reader_left(r));
    dispatch(&a);
}
