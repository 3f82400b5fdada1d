/* loop.c - the five calls of the caller's loop: input, output, deadline, expire (poll is in event.c). The only place
 * where time enters; what packets and timers mean is ip/'s and tcp/'s. */
#include "core/stack.h"

enum { FRAME_ROOM = 18 + 65535 };

static COLD void trace_packet(struct stack *s, enum tern_trace_kind kind, int iface, const void *data, uint32_t len) {
    tern_trace record = {.kind = kind, .iface = iface, .packet = data, .packet_len = len};
    trace_emit(s, &record);
}

/* Every token that is taken in must find its way back. */
static inline bool tokens_have_room(struct stack *s, const tern_packet *packets, size_t n) {
    if (likely(n <= s->ip.token_cap - s->ip.tokens_out)) return true;
    size_t lent = 0;
    for (size_t i = 0; i < n; i++) lent += packets[i].token != NULL;
    return lent == 0 || ip_token_reserve(s, lent);
}

int tern_input(tern_stack *public, int iface, const tern_packet *packets, size_t n, uint64_t now_ns) {
    struct stack *s = stack_of(public);
    if (!s || !ip_iface_exists(s, iface) || (n && !packets)) return TERN_EINVAL;
    clock_set(s, now_ns);
    if (!tokens_have_room(s, packets, n)) return TERN_ENOMEM;
    for (size_t i = 0; i < n; i++) {
        const tern_packet *p = &packets[i];
        if (i + 1 < n) __builtin_prefetch(packets[i + 1].data); /* its header, while this one is worked on */
        s->stats.packets_in++;
        s->stats.bytes_in += p->len;
        if (tracing(s, TERN_TRACE_PACKET_IN)) trace_packet(s, TERN_TRACE_PACKET_IN, iface, p->data, p->len);
        bool kept = ip_input(s, iface, p);
        if (p->token && !kept) ip_token_done(s, p->token);
    }
    return TERN_OK;
}

/* The trace sees the frame as it will be on the wire, in one piece. */
static COLD void trace_frame(struct stack *s, const tern_frame *f) {
    if (!s->trace_frame) s->trace_frame = mem_alloc(s, FRAME_ROOM);
    if (!s->trace_frame) return;
    size_t len = tern_frame_copy(f, s->trace_frame, FRAME_ROOM);
    if (len) trace_packet(s, TERN_TRACE_PACKET_OUT, f->iface, s->trace_frame, (uint32_t)len);
}

void loop_sent(struct stack *s, tern_frame *f) {
    f->engine = s->ck->id;
    s->stats.packets_out++;
    s->stats.bytes_out += f->len;
    if (tracing(s, TERN_TRACE_PACKET_OUT)) trace_frame(s, f);
}

static size_t control_output(struct stack *s, tern_frame *frames, size_t n, size_t max) {
    while (n < max && ip_output_next(s, &frames[n])) loop_sent(s, &frames[n++]);
    return n;
}

static inline size_t output(struct stack *s, tern_frame *frames, size_t max) {
    bool connections = tcp_output_waiting(s);
    size_t n = 0;
    /* Anybody can ask for replies, without end: they leave room for the connections [RFC4987 2.2]. */
    if (ip_output_waiting(s)) n = control_output(s, frames, 0, connections ? max - max / 2 : max);
    if (connections && n < max) n += tcp_output(s, frames + n, max - n);
    /* a segment may have had to ask for its next hop */
    return ip_output_waiting(s) ? control_output(s, frames, n, max) : n;
}

/* Frames to ourselves do not leave. */
static size_t keep_looped(struct stack *s, tern_frame *frames, size_t n) {
    size_t left = 0;
    for (size_t i = 0; i < n; i++) {
        if (loopback_take(s, &frames[i])) continue;
        if (left != i) frames[left] = frames[i];
        left++;
    }
    return left;
}

static APART size_t output_looped(struct stack *s, tern_frame *frames, size_t max) {
    enum { ROUNDS = 64 }; /* a host that talks to itself lets others have their turn */
    size_t n = 0;
    for (unsigned i = 0; i < ROUNDS && n == 0 && (ip_output_waiting(s) || tcp_output_waiting(s)); i++) {
        loopback_deliver(s);
        n = keep_looped(s, frames, output(s, frames, max));
    }
    return n;
}

int tern_output(tern_stack *public, tern_frame *frames, size_t max, uint64_t now_ns) {
    struct stack *s = stack_of(public);
    if (!s || (max && !frames)) return TERN_EINVAL;
    clock_set(s, now_ns);
    ip_output_begin(s);
    max = min_size(max, 1u << 20);
    if (!(ip_output_waiting(s) || tcp_output_waiting(s)) || !max) return 0;
    return (int)(likely(!s->ip.loopback) ? output(s, frames, max) : output_looped(s, frames, max));
}

/* Everything in front of the body comes out of head[]; so the sum has at most three pieces, each possibly odd. */
void tern_frame_finish(tern_frame *f) {
    if (!(f->flags & TERN_FRAME_CSUM)) return;
    const checksum_ops *ck = checksum_ops_by_id(f->engine);
    uint32_t at = (uint32_t)f->head_len - f->csum_start;
    uint64_t sum = ck->add(f->head + f->csum_start, at, 0);
    for (unsigned i = 0; i < f->spans; i++) {
        uint64_t piece = ck->add(f->body[i].data, f->body[i].len, 0);
        sum = at & 1 ? checksum_join_odd(sum, piece) : checksum_join(sum, piece);
        at += f->body[i].len;
    }
    uint16_t value = checksum_finish(sum);
    memcpy(f->head + f->csum_start + f->csum_offset, &value, 2);
    f->flags &= (uint8_t)~TERN_FRAME_CSUM;
}

size_t tern_frame_copy(const tern_frame *f, void *buf, size_t size) {
    if (size < f->len) return 0;
    uint8_t *to = buf;
    memcpy(to, f->head, f->head_len);
    uint32_t at = f->head_len;
    const checksum_ops *ck = checksum_ops_by_id(f->engine);
    if (!(f->flags & TERN_FRAME_CSUM)) {
        for (unsigned i = 0; i < f->spans; at += f->body[i++].len)
            copy_bytes(ck, to + at, f->body[i].data, f->body[i].len);
        return f->len;
    }
    uint64_t sum = ck->add(f->head + f->csum_start, (size_t)f->head_len - f->csum_start, 0);
    for (unsigned i = 0; i < f->spans; at += f->body[i++].len) {
        uint64_t piece = ck->copy_add(to + at, f->body[i].data, f->body[i].len, 0);
        sum = (at - f->csum_start) & 1 ? checksum_join_odd(sum, piece) : checksum_join(sum, piece);
    }
    uint16_t value = checksum_finish(sum);
    memcpy(to + f->csum_start + f->csum_offset, &value, 2);
    return f->len;
}

uint64_t tern_deadline(const tern_stack *public) {
    const struct stack *s = (const struct stack *)(const void *)public;
    if (!s) return TERN_NEVER;
    if (ip_output_waiting(s) || tcp_output_waiting(s) || s->events || s->stack_events) return s->now;
    return wheel_deadline_ns(&s->wheel);
}

static APART void expire(struct stack *s) {
    for (wheel_node *n; (n = wheel_expire(&s->wheel, s->now)) != NULL;) {
        if (unlikely(n->kind == TIMER_REFUSED))
            event_refused_timer(s);
        else if (n->kind >= TIMER_IP_FIRST)
            ip_timer(s, n);
        else
            tcp_timer(s, n);
    }
}

int tern_expire(tern_stack *public, uint64_t now_ns) {
    struct stack *s = stack_of(public);
    if (!s) return TERN_EINVAL;
    clock_set(s, now_ns);
    if (wheel_due(&s->wheel, s->now)) expire(s);
    return TERN_OK;
}

void loop_free(struct stack *s) { mem_free(s, s->trace_frame, FRAME_ROOM); }
