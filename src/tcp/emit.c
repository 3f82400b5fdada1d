/* emit.c - TCP headers on their way out: options of a connection, and segments without data that go through the
 * queue of control packets. Which segments leave is segmentize.c's decision, or whoever calls. */
#include "tcp/header.h"

void emit_control(struct stack *s, struct segment_out *o, enum reason why) {
    uint8_t bytes[60];
    writer w = writer_of(bytes, sizeof bytes);
    tcp_emit(&w, &o->h);
    ASSERT(!w.bad);
    s->stats.segments_out++;
    if (tracing(s, TERN_TRACE_SEGMENT_OUT)) {
        struct flow f = {*o->local, *o->remote, o->h.src_port, o->h.dst_port};
        trace_segment(s, TERN_TRACE_SEGMENT_OUT, o->owner, &f, -1, &o->h, 0, o->state, o->state, why);
    }
    count(s, why);
    ip_send(s, o->local, o->remote, IP_PROTO_TCP, o->tos, o->ttl, bytes, (uint32_t)writer_len(&w), CHECKSUM_AT);
}

static bool options_fit(const tcp_options *o) {
    uint8_t bytes[40];
    writer w = writer_of(bytes, sizeof bytes);
    tcp_options_emit(&w, o);
    return !w.bad;
}

/* A SYN offers, a SYN,ACK agrees to what was offered [RFC7323 2.2, 3.2; RFC2018 2]. */
uint32_t emit_syn_options(struct stack *s, struct tcb *t, tcp_options *o) {
    memset(o, 0, sizeof *o);
    bool answer = t->state != TERN_SYN_SENT;
    o->has_mss = true; /* [MUST-14, SHLD-5, MAY-3] */
    o->mss = mss_to_offer(s, &t->flow, t->opt->mss_cap);
    o->has_wscale = answer ? t->scaling : s->cfg.window_scale;
    if (!answer && !t->syn_repeated) t->rcv_wscale = wscale_choose(s, t->opt); /* once: the peer knows no other */
    o->wscale = t->rcv_wscale;
    o->sack_ok = answer ? t->sack : s->cfg.sack;
    o->has_ts = answer ? t->stamps : s->cfg.timestamps;
    o->ts_value = o->has_ts ? ts_now(s, t->ts_offset) : 0;
    o->ts_echo = t->ts_recent;
    if (t->opt->uto_s) user_timeout_offer(t, o);
    uint32_t may = answer ? 0 : fastopen_request(s, t, o);
    if (!o->has_tfo || options_fit(o)) return may;
    o->has_tfo = false; /* a long cookie beside all the others: an ordinary open [RFC7413 4.2.2] */
    return 0;
}

/* The MSS is for SYNs [MUST-65]. */
void emit_options(struct stack *s, struct tcb *t, bool syn, tcp_options *o) {
    if (syn) {
        emit_syn_options(s, t, o);
        return;
    }
    memset(o, 0, sizeof *o);
    o->has_ts = t->stamps;
    if (o->has_ts) {
        o->ts_value = ts_now(s, t->ts_offset);
        o->ts_echo = t->ts_recent;
    }
    if (t->uto_due) user_timeout_offer(t, o);
    /* On a very narrow link there is not room for all; what text could take, blocks can. */
    if (sack_due(t))
        sack_blocks(t, o, min_u32(o->has_ts ? 3 - o->has_uto : 4 - o->has_uto, max_u32(t->mss / 8u, 2) - 1));
}

/* Nothing but what every segment has. */
static void emit_plain_ack(struct stack *s, struct tcb *t, enum reason why) {
    uint8_t bytes[TCP_LEAST + TCP_TS];
    uint32_t options = emit_options_len(t);
    put_header(t, bytes, t->snd.nxt, TCP_ACK, options, ts_now(s, t->ts_offset));
    s->stats.segments_out++;
    count(s, why);
    ip_send(s, &t->flow.local, &t->flow.remote, IP_PROTO_TCP, t->opt->tos, t->opt->ttl, bytes, TCP_LEAST + options,
            CHECKSUM_AT);
}

void emit_ack(struct stack *s, struct tcb *t, enum reason why) {
    bool syn = t->work & WORK_SYN; /* a SYN that came again is answered with the SYN,ACK */
    if (likely(!syn && !t->uto_due && !sack_due(t) && !s->trace_mask)) {
        emit_plain_ack(s, t, why);
        return;
    }
    struct segment_out o = {.local = &t->flow.local,
                            .remote = &t->flow.remote,
                            .tos = t->opt->tos,
                            .ttl = t->opt->ttl,
                            .owner = t->record ? NULL : t,
                            .state = (enum tern_state)t->state};
    o.h = (tcp_header){.src_port = t->flow.local_port,
                       .dst_port = t->flow.remote_port,
                       .seq_no = syn ? t->iss : t->snd.nxt,
                       .ack_no = t->rcv.nxt,
                       .flags = syn ? TCP_SYN | TCP_ACK | ecn_syn_ack_again(t) : TCP_ACK,
                       .window = window_field(t, syn)};
    emit_options(s, t, syn, &o.h.options);
    emit_control(s, &o, syn ? R_REXMIT_SYN_ACK : why);
}
