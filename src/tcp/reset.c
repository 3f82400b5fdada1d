/* reset.c - RST out (RFC 9293 3.5.2): in answer to what belongs to no connection, and to end one. RST in is step
 * 2's. */
#include "tcp/tcb.h"

static void send(struct stack *s, struct segment_out *o, enum reason why) {
    s->stats.resets_out++;
    emit_control(s, o, why);
}

/* The numbers make it acceptable to whoever sent the segment [3.10.7.1], and so do the timestamps where that had one [RFC7323
 * 5.2]: its own is the one that it echoed, for some apply PAWS to a RST (docs/decisions/0025). */
void reset_reply(struct arrival *a) {
    if ((a->h->flags & TCP_RST) || !ip_rate_allows(a->s, &a->ip->src)) return;
    struct segment_out o = {.local = &a->ip->dst, .remote = &a->ip->src, .state = a->t ? a->t->state : TERN_CLOSED};
    o.h = (tcp_header){.src_port = a->h->dst_port, .dst_port = a->h->src_port, .flags = TCP_RST};
    if (a->h->flags & TCP_ACK) {
        o.h.seq_no = a->h->ack_no;
        o.h.options.ts_value = a->h->options.ts_echo;
    } else {
        uint32_t len = a->whole + !!(a->h->flags & TCP_SYN) + !!(a->h->flags & TCP_FIN);
        o.h.ack_no = seq_add(a->h->seq_no, len);
        o.h.flags |= TCP_ACK;
    }
    o.h.options.has_ts = a->h->options.has_ts;
    o.h.options.ts_echo = a->h->options.ts_value;
    send(a->s, &o, R_SEND_RST);
}

/* SND.NXT, unless the peer has shut its window before it: that far out it would ignore the RST [RFC5961 3.2]. */
static seq acceptable_to_peer(const struct tcb *t) {
    seq edge = seq_add(t->snd.una, t->snd.wnd);
    return seq_lt(edge, t->snd.nxt) ? edge : t->snd.nxt;
}

void reset_send(struct stack *s, struct tcb *t, enum reason why) {
    enum { WANT_IT = IN(SYN_RECEIVED) | IN(ESTABLISHED) | IN(FIN_WAIT_1) | IN(FIN_WAIT_2) | IN(CLOSE_WAIT) };
    enum {
        DATA_LOST = WANT_IT | IN(CLOSING) | IN(LAST_ACK)
    }; /* the peer said it all, and should know of it [SHLD-3] */
    if (!state_in(t, why == R_SEND_RST_UNREAD ? DATA_LOST : WANT_IT)) return;
    struct segment_out o = {.local = &t->flow.local, .remote = &t->flow.remote, .tos = t->opt->tos, .ttl = t->opt->ttl};
    o.h = (tcp_header){.src_port = t->flow.local_port,
                       .dst_port = t->flow.remote_port,
                       .seq_no = acceptable_to_peer(t),
                       .ack_no = t->rcv.nxt,
                       .flags = TCP_RST | TCP_ACK,
                       .options = {.has_ts = t->stamps, .ts_value = ts_now(s, t->ts_offset), .ts_echo = t->ts_recent}};
    send(s, &o, why);
}
