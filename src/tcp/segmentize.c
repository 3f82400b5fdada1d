/* segmentize.c - which segments leave (RFC 9293 3.7, 3.8.6.2.1, 3.9.1.2): SYN, repetitions (repair.c), new data, FIN,
 * probes, ACKs, in this order, in one place. How much is allowed comes from the windows; where the packet goes from ip/.
 *
 * snd.pos is where the next segment starts. It equals snd.nxt but after a timeout, when everything from snd.una on
 * is sent again as the window allows, and after a probe, whose byte does not count as sent. */
#include "tcp/burst.h"
#include "tcp/header.h"

enum { TURN = 16, IP_MOST = 65535, SEGMENT_MOST = IP_MOST - 120 };

static uint32_t fin_octet(const struct tcb *t) { return t->fin_queued && seq_le(t->busy->pos, t->snd.end); }

static bool data_wanted(const struct tcb *t) { return unsent(t) || fin_octet(t); }

bool output_wanted(const struct tcb *t) {
    if (t->work || t->acks_due) return true;
    return state_in(t, MAY_SEND) && (data_wanted(t) || (t->busy->flight && t->busy->flight->lost));
}

/* ---- building one frame ---- */

/* With SACK blocks the options are written by their codec. */
static COLD void put_options(const struct burst *b, uint8_t *p) {
    tcp_options o;
    emit_options(b->s, b->t, false, &o);
    o.ts_value = b->stamp;
    writer w = writer_of(p, b->options);
    tcp_options_emit(&w, &o);
    ASSERT(!w.bad && writer_len(&w) == b->options);
}

static COLD void show(const struct burst *b, const tern_frame *f, uint32_t len, enum reason why) {
    const struct tcb *t = b->t;
    tcp_header h;
    reader r = reader_of(f->head + f->csum_start, f->head_len - f->csum_start);
    if (tcp_parse(&r, &h) == TCP_PARSE_OK)
        trace_segment(b->s, TERN_TRACE_SEGMENT_OUT, t, &t->flow, f->iface, &h, len, (enum tern_state)t->state,
                      (enum tern_state)t->state, why);
}

/* A frame is complete: counted, and shown to the trace. */
static inline void sent(struct burst *b, tern_frame *f, uint32_t len, uint16_t flags, enum reason why) {
    struct stack *s = b->s;
    struct tcb *t = b->t;
    s->stats.segments_out++;
    t->segments_out++;
    count(s, why);
    if (flags & TCP_ACK) ack_sent(s, t);
    if (tracing(s, TERN_TRACE_SEGMENT_OUT)) show(b, f, len, why);
    loop_sent(s, f);
    b->n++;
}

static void finish(struct burst *b, tern_frame *f, uint32_t len) { /* [MUST-2] */
    ip_frame_sum(f, b->pseudo, CHECKSUM_AT);
    f->segment_size = len > b->mss ? (uint16_t)b->mss : 0;
}

/* The bytes [from, from + len) of the send buffer, where they lie. */
static void put_body(const struct tcb *t, tern_frame *f, seq from, uint32_t len) {
    uint8_t *ptr[2];
    uint32_t lens[2];
    f->spans = (uint8_t)ring_view(&t->busy->snd_ring, from, len, ptr, lens);
    for (unsigned i = 0; i < f->spans; i++) f->body[i] = (tern_span){ptr[i], lens[i]};
}

/* The segments of a burst differ in little: its number, and whether it pushes. */
static bool put_alike(struct burst *b, seq at, uint32_t len, uint16_t flags) {
    struct tcb *t = b->t;
    if (!b->like || b->like_len != len || !short_ways(b->s) || unlikely(t->ecn || t->urgent_out)) return false;
    tern_frame *f = &b->frames[b->n];
    *f = *b->like;
    uint8_t *p = f->head + f->csum_start;
    store32(p + 4, at.v);
    store16(p + 12, (uint16_t)((TCP_LEAST + b->options) / 4 << 12 | flags));
    put_body(t, f, at, len);
    return true;
}

/* The marks of congestion control by ECN; a probe is neither marked nor an answer [RFC3168 6.1.6]. */
static COLD void mark(struct tcb *t, bool fresh, uint8_t *tos, uint16_t *flags) {
    *tos = (uint8_t)(*tos | ecn_capable(t, fresh));
    *flags |= ecn_flags(t, fresh);
}

/* A segment of `len` bytes of the send buffer from `at` on, always from the connection's address and with its DSCP
 * and TTL [MUST-45, MUST-48, SHLD-22]. */
static inline void put_anew(struct burst *b, seq at, uint32_t len, uint16_t flags, enum reason why) {
    struct tcb *t = b->t;
    tern_frame *f = &b->frames[b->n];
    uint32_t head = TCP_LEAST + b->options;
    uint8_t tos = t->opt->tos;
    if (unlikely(t->ecn)) mark(t, len && seq_ge(at, t->snd.nxt) && why != R_SEND_PROBE, &tos, &flags);
    uint8_t *p =
        ip_frame_start(b->s, &b->path, &t->flow.local, &t->flow.remote, IP_PROTO_TCP, tos, t->opt->ttl, head + len, f);
    put_header(t, p, at, flags, b->options, b->stamp);
    if (unlikely(b->options != emit_options_len(t))) put_options(b, p + TCP_LEAST);
    f->head_len = (uint16_t)(f->csum_start + head);
    put_body(t, f, at, len);
    finish(b, f, len);
    b->like = f;
    b->like_len = len;
    sent(b, f, len, flags, why);
}

/* The same; the next of a burst is a copy of the one before. */
void put_segment(struct burst *b, seq at, uint32_t len, uint16_t flags, enum reason why) {
    if (put_alike(b, at, len, flags))
        sent(b, &b->frames[b->n], len, flags, why);
    else
        put_anew(b, at, len, flags, why);
}

COLD void count_again(struct burst *b, enum reason why, uint32_t len) {
    struct tcb *t = b->t;
    t->retransmitted++;
    b->s->stats.retransmitted++;
    t->rexmit_why = (uint8_t)why;
    tally_again(b->s, t, why, len);
}

/* Fast Open: bytes that ride on the SYN, which is one packet whatever the device cuts. */
static uint32_t put_syn_data(struct burst *b, tern_frame *f, uint32_t may, uint32_t options) {
    struct tcb *t = b->t;
    if (may) may = mss_fitting(b->s, t, may, b->path.mtu);
    uint32_t n = min_u32(snd_queued(t), may > options ? may - options : 0);
    put_body(t, f, seq_add(t->iss, 1), n);
    return n;
}

/* SYN, or SYN,ACK after the peer's; its window is never scaled. */
static void put_syn(struct burst *b) {
    struct tcb *t = b->t;
    struct stack *s = b->s;
    tern_frame *f = &b->frames[b->n];
    bool answer = t->state != TERN_SYN_SENT;
    tcp_header h = {.src_port = t->flow.local_port,
                    .dst_port = t->flow.remote_port,
                    .seq_no = t->iss,
                    .flags = answer ? TCP_SYN | TCP_ACK | ecn_syn_ack_again(t) : TCP_SYN | ecn_syn_flags(s, t),
                    .window = window_field(t, true)};
    if (answer) h.ack_no = t->rcv.nxt;
    uint32_t may = emit_syn_options(s, t, &h.options);
    uint8_t bytes[60];
    writer w = writer_of(bytes, sizeof bytes);
    tcp_emit(&w, &h);
    uint32_t len = (uint32_t)writer_len(&w), data = put_syn_data(b, f, may, len - TCP_LEAST);
    uint8_t spans = f->spans;
    uint8_t *p = ip_frame_start(s, &b->path, &t->flow.local, &t->flow.remote, IP_PROTO_TCP, t->opt->tos, t->opt->ttl,
                                len + data, f);
    memcpy(p, bytes, len);
    f->head_len = (uint16_t)(f->csum_start + len);
    f->spans = spans;
    bool again = t->syn_repeated;
    t->work &= (uint8_t)~WORK_SYN;
    t->snd.nxt = seq_max(t->snd.nxt, seq_add(t->iss, 1 + data));
    t->busy->pos = seq_max(t->busy->pos, seq_add(t->iss, 1));
    if (again) count_again(b, R_REXMIT_SYN, data);
    if (!again && !t->rtt_timing) t->rtt_timing = true, t->busy->rtt_at_us = clock_us(s), t->busy->rtt_seq = t->snd.nxt;
    rto_arm(s, t);
    finish(b, f, 0);
    sent(b, f, data, h.flags, again ? R_REXMIT_SYN : answer ? R_SEND_SYN_ACK : R_SEND_SYN);
}

/* ---- deciding ---- */

/* Accounts for [pos, pos + len) having left, and for the FIN. */
void burst_advance(struct burst *b, uint32_t len, bool fin) {
    struct stack *s = b->s;
    struct tcb *t = b->t;
    seq end = seq_add(t->busy->pos, len + fin);
    if (seq_lt(t->busy->pos, t->snd.nxt)) {
        count_again(b, R_REXMIT_RTO, len);
    } else if (!t->rtt_timing && !t->busy->flight) {
        t->rtt_timing = true;
        t->busy->rtt_seq = end;
        t->busy->rtt_at_us = clock_us(s);
    }
    if (seq_gt(end, t->snd.nxt)) {
        recovery_sent(s, t, end);
        pacing_sent(s, t, len);
        t->sent_ms = clock_ms(s);
        snd_advance(t, end);
    }
    t->busy->pos = end;
    if (!t->busy->flight) rto_arm(s, t);
}

/* PSH with the last byte there is [MUST-61]; FIN when nothing follows. */
uint16_t flags_for(const struct tcb *t, seq at, uint32_t len, bool fin) {
    bool last = seq_eq(seq_add(at, len), t->snd.end);
    return (uint16_t)(TCP_ACK | (len && last ? TCP_PSH : 0) | (fin ? TCP_FIN : 0));
}

static enum reason why_data(const struct tcb *t, uint32_t len) {
    if (seq_lt(t->busy->pos, t->snd.nxt) && t->busy->repeats) return R_REXMIT_RTO;
    return len ? R_SEND_DATA : R_SEND_FIN;
}

/* Bytes that both windows allow from pos on; limited transmit lends two segments to the first two duplicates
 * [RFC3042]. */
static uint32_t usable(const struct tcb *t) {
    int32_t by_peer = seq_diff(seq_add(t->snd.una, t->snd.wnd), t->busy->pos); /* may be negative [MUST-34, SHLD-15] */
    uint32_t cwnd =
        t->busy->cc.cwnd + (t->in_recovery || t->busy->flight ? 0 : min_u32(t->busy->dup_acks, 2) * t->busy->cc.mss);
    uint32_t flight = rexmit_flight(t);
    if (by_peer <= 0 || flight >= cwnd) return 0;
    return min_u32((uint32_t)by_peer, cwnd - flight);
}

/* 3.8.6.2.1 [MUST-38, MUST-60], with Nagle's rule [SHLD-7, MUST-17, MAY-16]: is a segment of n bytes worth sending
 * now? */
static bool worth_sending(const struct burst *b, uint32_t n, uint32_t all) {
    const struct tcb *t = b->t;
    if (n >= b->mss || seq_lt(t->busy->pos, t->snd.nxt) || t->work & WORK_OVERRIDE) return true;
    if (n == all && t->fin_queued) return true;
    bool may = !t->on.cork && (t->on.nodelay || seq_eq(t->snd.una, t->snd.nxt));
    return may && n > 0 && (n == all || n >= t->snd.max_wnd / 2);
}

/* Segments of n bytes that may leave by the same decision: they are decided on, and accounted for, once. The last one
 * there is goes by itself, for a FIN may ride on it; so does every one that is paced, sent again, or traced. */
static uint32_t run_of(const struct burst *b, uint32_t n, uint32_t may) {
    const struct tcb *t = b->t;
    if (may <= 2 * n || !t->busy->flight || !short_ways(b->s)) return 1;
    if (seq_lt(t->busy->pos, t->snd.nxt) || b->s->trace_mask || pacing_rate(b->s, t)) return 1;
    return min_u32((may - 1) / n, (uint32_t)(b->max - b->n));
}

/* New data, or everything again after a timeout [SHLD-16]; from the whole buffer, so that segments are as large as
 * can be [SHLD-27, SHLD-28]. True when frames were built. */
static bool put_data(struct burst *b) {
    struct tcb *t = b->t;
    uint32_t all = unsent(t), room = usable(t), may = min_u32(all, room), n = min_u32(may, b->most);
    bool fin = fin_octet(t) && n == all && room > all;
    if (n > b->mss && n < all) n -= n % b->mss; /* whole segments while there is more */
    if (n == 0 && !fin) return false;
    bool account = n || t->busy->flight; /* a FIN alone needs none: it has no bytes, and nothing follows it */
    if ((account && !recovery_room(b->s, t)) || !pacing_allows(b->s, t)) return false;
    if (!fin && !worth_sending(b, n, all)) return false;
    uint32_t run = run_of(b, n, may);
    seq at = t->busy->pos;
    for (uint32_t i = 0; i < run; i++, at = seq_add(at, n))
        put_segment(b, at, n, flags_for(t, at, n, fin), why_data(t, n));
    burst_advance(b, run * n, fin);
    if (!account) tlp_fin(b->s, t);
    return true;
}

/* A number already acknowledged makes the peer answer; no data [SHLD-12]. */
static COLD void put_keepalive(struct burst *b) {
    b->t->work &= (uint8_t)~WORK_KEEPALIVE;
    put_segment(b, seq_add(b->t->snd.nxt, (uint32_t)-1), 0, TCP_ACK, R_SEND_KEEPALIVE);
}

/* A pure ACK, and one more for each segment out of order that the peer's recovery counts on [RFC5681 4.2]. */
static void put_acks(struct burst *b) {
    struct tcb *t = b->t;
    enum reason why = (enum reason)t->ack_reason;
    do {
        put_segment(b, t->snd.nxt, 0, TCP_ACK, why);
        why = R_SEND_ACK_NOW;
        if (t->acks_due) t->acks_due--;
    } while (t->acks_due && b->n < b->max);
}

static bool repair_wanted(const struct tcb *t) {
    return t->work & (WORK_REXMIT | WORK_TLP | WORK_PROBE) || (t->busy->flight && t->busy->flight->lost);
}

/* Bytes leave now, the first after all others were acknowledged? Whether is not the congestion window's to say, for one segment
 * always may. */
static bool begins(const struct burst *b) {
    const struct tcb *t = b->t;
    uint32_t all = unsent(t), n = min_u32(all, t->snd.wnd);
    return n && seq_eq(t->snd.una, t->snd.nxt) && worth_sending(b, n, all);
}

/* The peer's window is what stops us, and no queue says that the path is full as well. */
static bool held_by_peer(const struct tcb *t) {
    int32_t room = seq_diff(seq_add(t->snd.una, t->snd.wnd), t->snd.nxt);
    return room < (int32_t)t->mss && t->srtt_us < t->min_rtt_us + t->min_rtt_us / 16;
}

static void fill_with_data(struct burst *b) {
    struct tcb *t = b->t;
    if (unlikely(repair_wanted(t))) put_repairs(b);
    if (begins(b)) cc_idle(b->s, t);
    while (b->n < b->max && data_wanted(t) && put_data(b)) {
    }
    t->work &= (uint8_t)~WORK_OVERRIDE;
    if (!unsent(t) || (t->busy->cc.ops->model && held_by_peer(t))) recovery_app_limited(t);
}

static void fill(struct burst *b) {
    struct tcb *t = b->t;
    if (unlikely(t->work & WORK_SYN)) put_syn(b);
    if (unlikely(!t->syn_acked)) { /* nothing but the SYN until it is acknowledged */
        if (t->work & WORK_ACK && state_in(t, IN(SYN_RECEIVED)) && !t->passive && b->n < b->max) put_acks(b);
        return;
    }
    if (unlikely(t->acks_due) && b->n < b->max) put_acks(b); /* an ACK with data would be no duplicate */
    if (state_in(t, MAY_SEND)) fill_with_data(b);
    if (unlikely(t->work & WORK_KEEPALIVE) && b->n < b->max) put_keepalive(b);
    if (t->work & WORK_ACK && b->n < b->max) put_acks(b);
    /* Something waits, nothing is under way and no timer runs: the window is shut, or too small. */
    if (t->busy->rexmit_at == TERN_NEVER && state_in(t, MAY_SEND) && data_wanted(t)) persist_start(b->s, t);
}

/* ---- the burst's way ---- */

static COLD void add_options(struct burst *b) {
    tcp_options o;
    emit_options(b->s, b->t, false, &o);
    uint32_t more = (o.sack_count ? 4 + 8u * o.sack_count : 0) + (o.has_uto ? 4 : 0);
    b->options += more;
    b->mss = max_u32(b->mss, more + 1) - more;
}

static inline void size_burst(struct burst *b) {
    struct tcb *t = b->t;
    b->like = NULL;
    b->stamp = ts_now(b->s, t->ts_offset);
    b->pseudo = pseudo_sum(&t->flow.local, &t->flow.remote, IP_PROTO_TCP, 0);
    b->options = emit_options_len(t);
    b->mss = t->mss;
    if (unlikely(sack_due(t) || t->uto_due)) add_options(b);
}

/* The device's cutting limit counts IP packets; so does the MTU. Beyond what IP's header can say it counts for IPv4 only, and
 * where nobody looks on. */
static uint32_t frame_most(const struct burst *b) {
    bool v4 = ip_is_v4(&b->t->flow.remote);
    uint32_t head = TCP_LEAST + b->options + (v4 ? 20 : 40), most = b->mss, cut = b->path.tso_max;
    if (cut > head + b->mss && !(unlikely(b->t->ecn) && ecn_uncut(b->t)))
        most = cut > IP_MOST && v4 && !b->s->trace_mask ? cut - head : min_u32(cut - head, SEGMENT_MOST);
    return pacing_burst(b->s, b->t, max_u32(most, b->mss));
}

/* A duplicate is reported once, by an ACK of its own: the other end counts reports [RFC2883 4]. */
static COLD void put_duplicate(struct burst *b) {
    struct tcb *t = b->t;
    if (t->sack && t->syn_acked && state_in(t, SYNCHRONIZED)) {
        put_segment(b, t->snd.nxt, 0, TCP_ACK, R_SEND_ACK_NOW);
        if (t->acks_due) t->acks_due--;
    }
    t->busy->dup_len = 0;
    size_burst(b);
}

/* No way there now. An open fails at once; what is established waits for the timer and tells the application. */
static COLD void no_path(struct stack *s, struct tcb *t, enum ip_path_result r) {
    int error = r == IP_PATH_NONE ? TERN_ENOROUTE : TERN_EUNREACH;
    if (r == IP_PATH_NONE) s->tcp.pathless = true;
    if (t->state == TERN_SYN_SENT) {
        give_up(s, t, error, R_END_ICMP);
        return;
    }
    t->work &= (uint8_t) ~(WORK_ACK | WORK_KEEPALIVE);
    t->acks_due = 0;
    soft_error(s, t, error);
    if (t->busy->rexmit_at == TERN_NEVER && state_in(t, MAY_SEND) && data_wanted(t))
        t->busy->rexmit_at = s->now + rto_ns(s, t);
    timers_sync(s, t);
    tcb_rest(s, t);
}

/* Whatever there is, in its order. */
static APART void put_all(struct burst *b) {
    struct tcb *t = b->t;
    if (unlikely(t->busy->dup_len)) put_duplicate(b);
    b->most = frame_most(b);
    fill(b);
    if (b->n) t->uto_due = false;
    if (t->tally || unsent(t)) tally_time(b->s, t);
}

/* ---- the short way of a segment alone ---- */

/* Nothing is under way, and nothing else is the matter: also no option beyond the usual ones. */
static bool is_calm(const struct burst *b) {
    const struct tcb *t = b->t;
    const struct busy *q = t->busy;
    if (!short_ways(b->s) || b->s->trace_mask || !seq_eq(t->snd.una, t->snd.nxt)) return false;
    if ((t->work & ~WORK_ACK) || t->acks_due || q->flight || q->rexmit_at != TERN_NEVER || t->tally) return false;
    return t->sack && b->options == emit_options_len(t);
}

/* In a dialogue all that is to be said fits one segment. */
static bool stands_alone(const struct burst *b) {
    const struct tcb *t = b->t;
    uint32_t n = (uint32_t)seq_diff(t->snd.end, t->snd.nxt);
    return t->state == TERN_ESTABLISHED && !sends_unusually(t) && is_calm(b) && !t->on.cork && n != 0 &&
           n <= min_u32(b->mss, t->snd.wnd);
}

/* At the end it is the FIN. */
static bool fin_alone(const struct burst *b) {
    const struct tcb *t = b->t;
    return state_in(t, IN(FIN_WAIT_1) | IN(LAST_ACK)) && !is_troubled(t) && is_calm(b) && t->syn_acked &&
           t->snd.wnd != 0 && seq_eq(t->snd.nxt, t->snd.end);
}

/* Then there is nothing to choose: it leaves, and the account of what is under way begins with it. */
static bool put_alone(struct burst *b) {
    struct stack *s = b->s;
    struct tcb *t = b->t;
    if (fin_alone(b)) {
        put_anew(b, t->snd.nxt, 0, TCP_ACK | TCP_FIN, R_SEND_FIN);
        burst_advance(b, 0, true);
        tlp_fin(s, t);
        return true;
    }
    if (!stands_alone(b)) return false;
    seq at = t->snd.nxt, end = t->snd.end;
    uint32_t n = (uint32_t)seq_diff(end, at);
    if (!recovery_begins(s, t, end)) return false;
    put_anew(b, at, n, TCP_ACK | TCP_PSH, R_SEND_DATA);
    pacing_sent(s, t, n);
    t->sent_ms = clock_ms(s);
    snd_advance(t, end);
    t->busy->pos = end;
    return true;
}

static size_t output_one(struct stack *s, struct tcb *t, tern_frame *frames, size_t max) {
    struct burst b;
    b.s = s;
    b.t = t;
    b.frames = frames;
    b.n = 0;
    b.max = max;
    enum ip_path_result r = ip_path_find(s, &t->flow.local, &t->flow.remote, &b.path);
    if (unlikely(r == IP_PATH_PENDING)) {
        tcb_block(s, t);
        return 0;
    }
    if (unlikely(r != IP_PATH_OK)) {
        no_path(s, t, r);
        return 0;
    }
    if (t->state != TERN_SYN_SENT) mss_update(s, t, b.path.mtu);
    size_burst(&b);
    if (!put_alone(&b)) put_all(&b);
    if (b.n == max) tcb_ready(s, t);
    timers_sync(s, t);
    tcb_rest(s, t);
    return b.n;
}

/* Each connection in turn, so many frames a turn. */
size_t tcp_output(struct stack *s, tern_frame *frames, size_t max) {
    size_t n = 0;
    while (n < max && s->tcp.ready_head) {
        struct tcb *t = tcb_take_ready(s);
        n += output_one(s, t, frames + n, min_size(max - n, TURN));
    }
    return n;
}

bool tcp_output_waiting(const struct stack *s) { return s->tcp.ready_head != NULL; }

void tcp_path_changed(struct stack *s) {
    while (s->tcp.blocked_head) tcb_ready(s, s->tcp.blocked_head);
}

/* Who has nothing to send finds so when its turn comes. */
void tcp_path_returned(struct stack *s) {
    tcp_path_changed(s);
    for (uint32_t i = 0; s->tcp.pathless && i < s->tcp.tcbs.made; i++) {
        if (!pool_used(&s->tcp.tcbs, i)) continue;
        struct tcb *t = pool_at(&s->tcp.tcbs, i);
        if (t->state != TERN_CLOSED && tcb_awake(t)) tcb_ready(s, t);
    }
    s->tcp.pathless = false;
}
