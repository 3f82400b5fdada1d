/* backlog.c - half-open connections (RFC 9293 3.10.7.2, RFC 4987): a small record from the SYN until the handshake's
 * third segment, when it becomes a TCB and waits for the application. The rules for what arrives are those of every
 * connection: the record is made a TCB for the time of one segment and led through the same steps. */
#include "tcp/tcb.h"

static struct half_open *at(struct stack *s, uint32_t i) { return pool_at(&s->tcp.half_opens, i - 1); }

static struct fifo *fifo_of(struct stack *s, const struct half_open *h) {
    return h->flags & HALF_HELD ? &s->tcp.half_open_held : &s->tcp.half_open_by_try[h->tries];
}

static void enqueue(struct stack *s, struct half_open *h, uint64_t delay_ns) {
    struct fifo *q = fifo_of(s, h);
    h->due_ns = s->now + delay_ns;
    h->next = 0;
    h->prev = q->tail;
    if (q->tail)
        at(s, q->tail)->next = h->number;
    else
        q->head = h->number;
    q->tail = h->number;
    if (!wheel_armed(&s->tcp.half_open_timer) || wheel_when_ns(&s->tcp.half_open_timer) > h->due_ns)
        wheel_arm(&s->wheel, &s->tcp.half_open_timer, h->due_ns);
}

/* The one behind it that the same listener holds. */
static uint32_t next_held(struct stack *s, const struct half_open *h) {
    uint32_t i = h->next;
    while (i && at(s, i)->listener != h->listener) i = at(s, i)->next;
    return i;
}

static void dequeue(struct stack *s, struct half_open *h) {
    struct fifo *q = fifo_of(s, h);
    struct listener *l = pool_at(&s->tcp.listeners, h->listener);
    if (l->held_next == h->number) l->held_next = next_held(s, h);
    if (h->prev)
        at(s, h->prev)->next = h->next;
    else
        q->head = h->next;
    if (h->next)
        at(s, h->next)->prev = h->prev;
    else
        q->tail = h->prev;
}

static void leave(struct stack *s, struct half_open *h) {
    dequeue(s, h);
    flow_remove(s, flow_hash(s, &h->flow), ref_make(REF_HALF_OPEN, h->number - 1));
}

void half_open_drop(struct stack *s, struct half_open *h) {
    if (h->flags & HALF_ENDED) {
        event_cancel(s, &h->ended);
        tcp_told(s, h->ended.ref);
    } else {
        leave(s, h);
        pool_give(&s->tcp.half_opens, h->number - 1);
    }
}

/* It comes to nothing, and not by the application's will: if that has the handle, it is told. */
static void end(struct stack *s, struct half_open *h, int error) {
    if (!(h->flags & HALF_SHOWN)) {
        half_open_drop(s, h);
        return;
    }
    leave(s, h);
    h->flags |= HALF_ENDED;
    s->tcp.half_open_ended++;
    h->ended = (struct event_node){.user = h->user, .ref = ref_make(REF_HALF_OPEN, h->number - 1)};
    event_raise(s, &h->ended, TERN_EV_CLOSED, error);
}

/* ---- record to TCB and back ---- */

static uint64_t synack_delay(const struct stack *s, uint8_t tries) {
    return min_u64((uint64_t)s->cfg.rto_initial_ms << tries, s->cfg.rto_max_ms) * MS_NS;
}

static void expand(struct stack *s, const struct half_open *h, struct tcb *t) {
    t->record = true;
    t->passive = true;
    t->state = TERN_SYN_RECEIVED;
    t->iss = t->snd.una = h->iss;
    t->snd.nxt = t->busy->pos = t->snd.end = seq_add(h->iss, 1);
    t->busy->recover = h->iss;
    t->snd.wnd = t->snd.max_wnd = h->snd_wnd;
    t->irs = h->irs;
    t->rcv.nxt = t->rcv.read = t->busy->last_ack_sent = seq_add(h->irs, 1);
    t->rcv.adv = seq_add(t->rcv.nxt, h->rcv_wnd);
    t->scaling = h->flags & HALF_SCALING;
    t->stamps = h->flags & HALF_STAMPS;
    t->sack = h->flags & HALF_SACK;
    t->ecn = h->ecn;
    t->ecn_mute = (h->flags & HALF_MUTE) != 0;
    t->snd_wscale = h->snd_wscale;
    t->rcv_wscale = h->rcv_wscale;
    t->mss_peer = h->mss;
    t->ts_recent = h->ts_recent;
    t->ts_recent_ms = clock_ms(s);
    t->ts_offset = h->ts_offset;
    t->syn_repeated = h->tries > 0 || h->flags & HALF_REPEATED;
    t->rtt_timing = !t->syn_repeated;
    t->busy->rtt_at_us = (uint32_t)((h->due_ns - synack_delay(s, 0)) / US_NS); /* when the first SYN,ACK left */
    challenge_unpack(s, t, h->challenge);
}

/* ---- SYN-ACK ---- */

static void send_syn_ack(struct stack *s, struct half_open *h, enum reason why) {
    struct listener *l = pool_at(&s->tcp.listeners, h->listener);
    uint16_t ecn_bits = h->flags & HALF_MUTE ? 0 : ecn_syn_ack_flags((enum ecn_mode)h->ecn, h->syn_ecn);
    struct segment_out o = {.local = &h->flow.local,
                            .remote = &h->flow.remote,
                            .tos = l->opt->tos,
                            .ttl = l->opt->ttl,
                            .state = TERN_SYN_RECEIVED};
    o.h = (tcp_header){.src_port = h->flow.local_port,
                       .dst_port = h->flow.remote_port,
                       .seq_no = h->iss,
                       .ack_no = seq_add(h->irs, 1),
                       .flags = (uint16_t)(TCP_SYN | TCP_ACK | ecn_bits),
                       .window = h->rcv_wnd};
    tcp_options *p = &o.h.options;
    p->has_mss = true;
    p->mss = mss_to_offer(s, &h->flow, l->opt->mss_cap);
    p->has_wscale = h->flags & HALF_SCALING;
    p->wscale = h->rcv_wscale;
    p->sack_ok = h->flags & HALF_SACK;
    p->has_ts = h->flags & HALF_STAMPS;
    if (h->flags & HALF_FAST_OPEN && why == R_SEND_SYN_ACK) fastopen_offer(s, &h->flow.remote, p); /* [RFC7413 4.2.1] */
    p->ts_value = ts_now(s, h->ts_offset);
    if (h->flags & HALF_COOKIE) p->ts_value = syncookie_timestamp(h, p->ts_value);
    p->ts_echo = h->ts_recent;
    if (why != R_SEND_SYN_ACK) s->stats.retransmitted++;
    emit_control(s, &o, why);
}

/* ---- a SYN arrives ---- */

static void fill_in(struct arrival *a, struct half_open *h, const struct listener *l) {
    struct stack *s = a->s;
    const tcp_options *o = &a->h->options;
    h->flow = (struct flow){a->ip->dst, a->ip->src, a->h->dst_port, a->h->src_port};
    h->listener = l->index;
    h->challenge = CHALLENGE_LONG_AGO(s);
    h->irs = a->seq;
    struct secrets secrets = flow_secrets(s, &h->flow);
    h->iss = isn_choose(s, &secrets);
    h->ts_offset = secrets.ts_offset;
    h->ecn = ecn_asked(s, a->h->flags) & 3u;
    h->syn_ecn = a->ip->tos & 3u;
    if (a->renews && seq_le(h->iss, a->iss_above)) h->iss = seq_add(a->iss_above, 65536 + rng_below(&s->rng, 65536));
    h->mss = mss_peer(s, o, !ip_is_v4(&h->flow.remote));
    h->snd_wnd = a->h->window;
    h->rcv_wnd = (uint16_t)min_u32(l->opt->receive_buffer, 65535);
    if (o->has_wscale && s->cfg.window_scale) h->flags |= HALF_SCALING;
    if (o->has_ts && s->cfg.timestamps) h->flags |= HALF_STAMPS;
    if (o->sack_ok && s->cfg.sack) h->flags |= HALF_SACK;
    h->snd_wscale = h->flags & HALF_SCALING ? min_u32(o->wscale, 14) & 15 : 0;
    h->rcv_wscale = h->flags & HALF_SCALING ? wscale_choose(s, l->opt) & 15u : 0;
    h->ts_recent = o->ts_value;
}

static void trace_syn(struct arrival *a, const struct half_open *h, enum reason why) {
    count(a->s, why);
    if (tracing(a->s, TERN_TRACE_SEGMENT_IN))
        trace_segment(a->s, TERN_TRACE_SEGMENT_IN, NULL, &h->flow, a->ip->iface, a->h, a->whole, TERN_LISTEN,
                      TERN_SYN_RECEIVED, why);
}

/* No room for a record: the peer keeps it for us [RFC4987 3.6]. A listener that holds SYNs cannot do without. */
static void send_cookie(struct arrival *a, struct listener *l) {
    struct stack *s = a->s;
    struct half_open h = {0};
    if (!s->cfg.syn_cookies || l->flags & TERN_LISTEN_HOLD) {
        arrival_drop(a, s->tcp.half_opens.used >= s->tcp.half_opens.limit ? R_HALF_OPEN_LIMIT : R_NO_MEMORY);
        return;
    }
    fill_in(a, &h, l);
    syncookie_make(s, &h);
    trace_syn(a, &h, R_COOKIE_SENT);
    send_syn_ack(s, &h, R_SEND_SYN_ACK);
}

static void join_backlog(struct stack *s, struct tcb *t, struct listener *l, uint64_t user);

/* A SYN with a good cookie: a TCB at once, and the data with it, before the handshake is complete [RFC7413 4.2.1]. */
static bool open_fast(struct arrival *a, struct listener *l) {
    struct stack *s = a->s;
    struct half_open h = {0};
    if (l->flags & TERN_LISTEN_HOLD || flow_reserve(s) != TERN_OK) return false;
    fill_in(a, &h, l);
    h.flags |= HALF_REPEATED; /* nothing was timed */
    struct tcb *t = tcb_new(s, &h.flow, a->hash, l->opt);
    if (!t) return false;
    expand(s, &h, t);
    t->record = t->syn_repeated = false;
    t->fast_opened = t->in_table = true;
    t->tos_received = a->ip->tos;
    s->tcp.fast_opens++;
    flow_insert(s, a->hash, ref_make(REF_TCB, tcb_index(t)));
    trace_syn(a, &h, R_FAST_OPEN);
    a->t = t;
    a->before = TERN_SYN_RECEIVED;
    a->flags &= (uint16_t)~TCP_SYN;
    a->seq = t->rcv.nxt;
    trim_back(a, window_offered(t));
    if (a->len && rcv_take(a) == R_TEXT_IN_ORDER) a->fx.events |= TERN_EV_READ;
    t->work = WORK_SYN;
    join_backlog(s, t, l, 0);
    effects_act(a);
    return true;
}

void half_open_new(struct arrival *a, struct listener *l) {
    struct stack *s = a->s;
    uint32_t index;
    if (l->waiting >= l->backlog) {
        arrival_drop(a, R_BACKLOG_FULL);
        return;
    }
    enum fast_open fast = fastopen_judge(s, a);
    if (fast == FAST_OPEN_YES && open_fast(a, l)) return;
    if (flow_reserve(s) != TERN_OK) {
        arrival_drop(a, R_NO_MEMORY);
        return;
    }
    struct half_open *h = pool_take(&s->tcp.half_opens, s, &index);
    if (!h) {
        send_cookie(a, l);
        return;
    }
    h->number = index + 1;
    fill_in(a, h, l);
    if (fast == FAST_OPEN_COOKIE) h->flags |= HALF_FAST_OPEN;
    flow_insert(s, a->hash, ref_make(REF_HALF_OPEN, index));
    if (l->flags & TERN_LISTEN_HOLD) {
        h->flags |= HALF_HELD;
        trace_syn(a, h, R_LISTEN_HELD);
        enqueue(s, h, (uint64_t)s->cfg.hold_ms * MS_NS);
        if (!l->held_next) l->held_next = h->number;
        event_raise(s, &l->event, TERN_EV_SYN, 0);
        return;
    }
    trace_syn(a, h, R_LISTEN_SYN);
    enqueue(s, h, synack_delay(s, 0));
    send_syn_ack(s, h, R_SEND_SYN_ACK);
}

/* ---- something arrives for a half-open connection ---- */

static void join_backlog(struct stack *s, struct tcb *t, struct listener *l, uint64_t user) {
    struct event_node *e = &t->event;
    t->waiting = true;
    t->listener = l->index + 1;
    e->user = user;
    e->next = NULL;
    e->link = l->queue_tail;
    *l->queue_tail = e;
    l->queue_tail = &e->next;
    l->waiting++;
    event_raise(s, &l->event, TERN_EV_ACCEPT, 0);
}

/* The handshake is complete: the TCB takes the record's place. */
static void adopt(struct arrival *a, struct half_open *h, struct listener *l) {
    struct stack *s = a->s;
    struct tcb *t = a->t;
    uint64_t user = h->user;
    t->record = false;
    t->in_table = true;
    if (h->flags & HALF_COOKIE) { /* there was no record; room in the table was reserved */
        flow_insert(s, a->hash, ref_make(REF_TCB, tcb_index(t)));
    } else {
        flow_replace(s, a->hash, ref_make(REF_HALF_OPEN, h->number - 1), ref_make(REF_TCB, tcb_index(t)));
        dequeue(s, h);
        pool_give(&s->tcp.half_opens, h->number - 1);
    }
    s->stats.opens_passive++;
    join_backlog(s, t, l, user);
    effects_act(a);
}

static enum reason cannot_finish(struct arrival *a, const struct half_open *h, const struct listener *l) {
    bool finishes = (a->flags & (TCP_ACK | TCP_RST | TCP_SYN)) == TCP_ACK;
    if (h->flags & HALF_HELD && !(a->flags & TCP_RST)) return finishes ? R_LISTEN_ACK : R_LISTEN_HELD;
    return finishes && l->waiting >= l->backlog ? R_BACKLOG_FULL : R_NONE;
}

void half_open_arrives(struct arrival *a, struct half_open *h) {
    struct stack *s = a->s;
    struct listener *l = pool_at(&s->tcp.listeners, h->listener);
    enum reason refuse = cannot_finish(a, h, l);
    struct tcb *t = refuse == R_NONE ? tcb_new(s, &h->flow, a->hash, l->opt) : NULL;
    if (!t) {
        if (refuse == R_NONE) refuse = s->tcp.tcbs.used >= s->tcp.tcbs.limit ? R_CONNECTION_LIMIT : R_NO_MEMORY;
        arrival_drop(a, refuse);
        return;
    }
    expand(s, h, t);
    a->t = t;
    arrives_steps(a);
    if (state_in(t, SYNCHRONIZED)) {
        adopt(a, h, l);
        return;
    }
    effects_act(a);
    h->ts_recent = t->ts_recent;
    h->challenge = challenge_pack(s, t);
    if (t->ecn_mute) h->flags |= HALF_MUTE;
    if (t->state == TERN_LISTEN) {
        end(s, h, TERN_ERESET);
    } else if (a->note == R_SYN_REPEATED) { /* it is there, and gets the time to answer */
        h->flags |= HALF_REPEATED;
        dequeue(s, h);
        enqueue(s, h, synack_delay(s, h->tries));
    }
    tcb_free(s, t);
}

bool half_open_from_cookie(struct arrival *a, struct listener *l) {
    struct stack *s = a->s;
    struct half_open h;
    if (!syncookie_check(a, l, &h)) return false;
    enum reason refuse = cannot_finish(a, &h, l);
    struct tcb *t = refuse == R_NONE && flow_reserve(s) == TERN_OK ? tcb_new(s, &h.flow, a->hash, l->opt) : NULL;
    if (!t) {
        arrival_drop(a, refuse == R_NONE ? R_NO_MEMORY : refuse);
        return true;
    }
    h.challenge = CHALLENGE_LONG_AGO(s);
    expand(s, &h, t);
    a->t = t;
    count(s, R_COOKIE_OK);
    arrives_steps(a);
    if (state_in(t, SYNCHRONIZED))
        adopt(a, &h, l);
    else
        tcb_free(s, t);
    return true;
}

/* ---- time passes ---- */

static void expire_head(struct stack *s, struct half_open *h) {
    if (h->flags & HALF_HELD || h->tries >= s->cfg.synack_retries) {
        end(s, h, TERN_ETIMEDOUT);
        count(s, R_END_USER_TIMEOUT);
        return;
    }
    dequeue(s, h);
    h->tries++;
    enqueue(s, h, synack_delay(s, h->tries));
    /* A thousand repeats at once, for sources that may not exist, must not take the room of first answers. */
    if (!ip_output_busy(s)) send_syn_ack(s, h, R_REXMIT_SYN_ACK);
}

/* Each queue is in order of time, so only heads are looked at. */
void half_open_timer(struct stack *s) {
    struct fifo *queues[HALF_OPEN_LEVELS + 1];
    uint64_t next = TERN_NEVER;
    for (unsigned i = 0; i < HALF_OPEN_LEVELS; i++) queues[i] = &s->tcp.half_open_by_try[i];
    queues[HALF_OPEN_LEVELS] = &s->tcp.half_open_held;
    for (unsigned i = ARRAY_LEN(queues); i-- > 0;) /* from the last: a record moves to a queue already looked at */
        while (queues[i]->head && at(s, queues[i]->head)->due_ns <= s->now) expire_head(s, at(s, queues[i]->head));
    for (unsigned i = 0; i < ARRAY_LEN(queues); i++)
        if (queues[i]->head) next = min_u64(next, at(s, queues[i]->head)->due_ns);
    if (next != TERN_NEVER) wheel_arm(&s->wheel, &s->tcp.half_open_timer, next);
}

/* ---- held SYNs ---- */

struct half_open *half_open_held(struct stack *s, struct listener *l) {
    if (!l->held_next) return NULL;
    struct half_open *h = at(s, l->held_next);
    l->held_next = next_held(s, h);
    h->flags |= HALF_SHOWN;
    return h;
}

void half_open_release(struct stack *s, struct half_open *h) {
    dequeue(s, h);
    h->flags &= (uint16_t)~HALF_HELD;
    enqueue(s, h, synack_delay(s, 0));
    send_syn_ack(s, h, R_SEND_SYN_ACK);
}

void half_open_reset(struct stack *s, struct half_open *h) {
    struct segment_out o = {.local = &h->flow.local, .remote = &h->flow.remote, .state = TERN_CLOSED};
    o.h = (tcp_header){.src_port = h->flow.local_port,
                       .dst_port = h->flow.remote_port,
                       .seq_no = seq_of(0),
                       .ack_no = seq_add(h->irs, 1),
                       .flags = TCP_RST | TCP_ACK,
                       .options = {.has_ts = (h->flags & HALF_STAMPS) != 0,
                                   .ts_value = ts_now(s, h->ts_offset),
                                   .ts_echo = h->ts_recent}};
    if (!(h->flags & HALF_HELD)) o.h.seq_no = seq_add(h->iss, 1);
    s->stats.resets_out++;
    emit_control(s, &o, R_SEND_RST);
}

/* The listener goes: so do its half-open connections. */
void half_open_drop_listener(struct stack *s, struct listener *l) {
    for (uint32_t i = 0; i < s->tcp.half_opens.made; i++) {
        if (!pool_used(&s->tcp.half_opens, i)) continue;
        struct half_open *h = pool_at(&s->tcp.half_opens, i);
        if (h->listener != l->index) continue;
        if (!(h->flags & HALF_ENDED)) half_open_reset(s, h);
        half_open_drop(s, h);
    }
}
