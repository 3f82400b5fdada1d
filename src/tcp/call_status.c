/* call_status.c - STATUS (RFC 9293 3.10.6): what a connection is doing, and the list of all records. It changes
 * nothing. */
#include "tcp/tcb.h"

static uint8_t recovery_of(const struct tcb *t) {
    if (t->in_loss || (t->syn_acked && t->busy->repeats)) return TERN_RECOVERY_TIMEOUT;
    if (t->in_recovery) return TERN_RECOVERY_FAST;
    return t->busy->dup_acks || (t->busy->flight && t->busy->flight->sacked + t->busy->flight->lost)
               ? TERN_RECOVERY_DISORDER
               : TERN_RECOVERY_NONE;
}

/* How its sending goes. */
static void of_sender(const struct tcb *t, tern_status_info *o) {
    int32_t unsent = seq_diff(t->snd.end, t->snd.nxt);
    o->send_queued = snd_queued(t);
    o->send_unsent = unsent > 0 ? min_u32((uint32_t)unsent, o->send_queued) : 0;
    o->send_space = snd_space(t);
    o->backoff = t->backoff;
    o->probes = t->busy->probes;
}

/* What the account of the flight knows. */
static void of_flight(const struct tcb *t, tern_status_info *o) {
    const struct flight *f = t->busy->flight;
    o->bytes_sacked = f->sacked;
    o->bytes_lost = f->lost;
    o->delivery_rate = f->sample_us ? f->sample_bytes * 1000000ull / f->sample_us : 0;
    o->delivery_limited = f->sample_limited;
    o->reordering_us = rack_window(t);
    for (uint32_t i = 0; i < f->count; i++)
        if (piece_at(f, i)->again && piece_at(f, i)->state == PIECE_SENT) o->again_under_way += piece_len(f, i);
}

static void of_tally(const struct stack *s, const struct tcb *t, tern_status_info *o) {
    const struct tcb_tally *y = tally_seen(s, t);
    uint64_t now_for = t->tally ? clock_us(s) - y->since_us : 0;
    o->bytes_again = y->bytes_again;
    o->again_by_timer = y->by_timer;
    o->again_by_probe = y->by_probe;
    o->timeouts_all = y->timeouts;
    o->duplicates_told = y->told_twice;
    o->reordered = y->reordered;
    o->out_of_order = y->out_of_order;
    o->marks_told = y->marks;
    o->window_limited_us = y->spent_us[TALLY_WINDOW] + (y->doing == TALLY_WINDOW ? now_for : 0);
    o->buffer_limited_us = y->spent_us[TALLY_BUFFER] + (y->doing == TALLY_BUFFER ? now_for : 0);
    o->busy_us =
        y->spent_us[TALLY_BUSY] + o->window_limited_us + o->buffer_limited_us + (y->doing == TALLY_BUSY ? now_for : 0);
}

static void of_recovery(const struct stack *s, const struct tcb *t, tern_status_info *o) {
    o->again_last = t->retransmitted ? t->rexmit_why : R_NONE;
    o->timeouts = t->busy->repeats;
    if (t->busy->flight) of_flight(t, o);
    o->min_rtt_us = t->min_rtt_us;
    o->pacing_rate = pacing_rate(s, t);
    o->mss_peer = t->mss_peer;
    o->mss_received = t->mss_seen;
    o->receive_buffer = t->receive_buffer;
    o->idle_ms = bytes_sent(t) ? clock_ms(s) - t->sent_ms : 0;
    o->congestion = t->opt->congestion;
    o->recovery = recovery_of(t);
    o->persisting = t->persisting;
}

static void of_tcb(const struct stack *s, const struct tcb *t, tern_status_info *o) {
    o->sock = sock_of(s, REF_TCB, tcb_index(t));
    o->serial = t->serial;
    o->flow = flow_public(&t->flow);
    o->state = (enum tern_state)t->state;
    o->error = t->error;
    o->passive = t->passive;
    o->closed_by_user = t->detached || t->fin_queued;
    o->peer_closed = t->fin_taken;
    o->iss = t->iss.v;
    o->irs = t->irs.v;
    o->snd_una = t->snd.una.v;
    o->snd_nxt = t->snd.nxt.v;
    o->rcv_nxt = t->rcv.nxt.v;
    o->snd_wnd = t->snd.wnd;
    o->rcv_wnd = window_offered(t);
    o->snd_wscale = t->snd_wscale;
    o->rcv_wscale = t->rcv_wscale;
    o->timestamps = t->stamps;
    o->sack = t->sack;
    o->ecn = t->ecn;
    o->mss = t->mss;
    o->cwnd = cc_cwnd(t);
    o->ssthresh = cc_ssthresh(t);
    o->srtt_us = t->srtt_us;
    o->rttvar_us = t->rttvar_us;
    o->rto_ms = (uint32_t)(rto_ns(s, t) / MS_NS);
    if (t->state != TERN_CLOSED) of_sender(t, o);
    o->receive_queued = rcv_readable(t);
    o->dscp_received = t->tos_received >> 2; /* [MAY-9] */
    o->urgent_left =
        t->urgent_in && seq_gt(t->busy->rcv_up, t->rcv.read) ? (uint32_t)seq_diff(t->busy->rcv_up, t->rcv.read) : 0;
    o->bytes_sent = bytes_sent(t);
    int32_t under_way = seq_diff(t->snd.nxt, snd_first(t)) - seq_gt(t->snd.nxt, t->snd.end); /* the FIN is no byte */
    o->bytes_acked = o->bytes_sent - min_u64(o->bytes_sent, under_way > 0 ? (uint32_t)under_way : 0);
    o->bytes_received = bytes_received(t);
    o->segments_out = t->segments_out;
    o->segments_in = t->segments_in;
    o->retransmitted = t->retransmitted;
    of_recovery(s, t, o);
    of_tally(s, t, o);
    o->delivered = o->bytes_acked + o->bytes_sacked;
    o->timer = timer_next(t, &o->timer_ns);
    o->memory = sizeof *t + (t->tally ? sizeof(struct tcb_tally) : 0) + (tcb_awake(t) ? sizeof *t->busy : 0) +
                t->busy->snd_ring.size + t->busy->rcv_ring.size + (t->busy->lent ? sizeof *t->busy->lent : 0) +
                islands_memory(t);
}

static void of_listener(const struct stack *s, const struct listener *l, tern_status_info *o) {
    o->sock = sock_of(s, REF_LISTENER, l->index);
    o->flow.local = ip_eq(&l->local, &listen_any_v6) ? (tern_addr){.family = 6} : addr_out(&l->local);
    o->flow.local_port = l->port;
    o->state = TERN_LISTEN;
    o->passive = true;
    o->backlog = l->waiting;
    o->timer_ns = TERN_NEVER;
    o->timer = "";
    o->memory = sizeof *l;
}

static void of_half_open(const struct half_open *h, tern_status_info *o) {
    o->flow = flow_public(&h->flow);
    o->state = TERN_SYN_RECEIVED;
    o->passive = true;
    o->iss = h->iss.v;
    o->irs = h->irs.v;
    o->snd_una = h->iss.v;
    o->snd_nxt = h->iss.v + 1;
    o->rcv_nxt = h->irs.v + 1;
    o->retransmitted = h->tries;
    o->timer_ns = h->due_ns;
    o->timer = h->flags & HALF_HELD ? "hold" : "retransmission";
    o->memory = sizeof *h;
}

static void of_time_wait(const struct stack *s, const struct time_wait *w, tern_status_info *o) {
    o->flow = flow_public(&w->flow);
    o->state = TERN_TIME_WAIT;
    o->closed_by_user = o->peer_closed = true;
    o->snd_una = o->snd_nxt = w->snd_nxt.v;
    o->rcv_nxt = w->rcv_nxt.v;
    o->timestamps = w->stamps;
    o->timer_ns = time_wait_expires_ns(s, w);
    o->timer = "2MSL";
    o->memory = sizeof *w;
}

static void clear(tern_status_info *o) {
    memset(o, 0, sizeof *o);
    o->size = sizeof *o;
}

int tern_status(tern_stack *public, tern_sock sock, tern_status_info *out) {
    struct stack *s = stack_of(public);
    if (!s || !out || out->size != sizeof *out) return TERN_EINVAL;
    struct tcb *t = tcb_of(s, sock);
    struct listener *l = t ? NULL : listener_of(s, sock);
    struct half_open *h = t || l ? NULL : half_open_of(s, sock);
    if (!t && !l && !h) return TERN_ESTALE;
    clear(out);
    if (t)
        of_tcb(s, t, out);
    else if (l)
        of_listener(s, l, out);
    else
        of_half_open(h, out);
    out->sock = sock;
    return TERN_OK;
}

/* The cursor counts through the pools one after the other. */
bool tern_list(tern_stack *public, uint64_t *cursor, tern_status_info *out) {
    struct stack *s = stack_of(public);
    if (!s || !cursor || !out) return false;
    const pool *pools[] = {&s->tcp.listeners, &s->tcp.half_opens, &s->tcp.tcbs, &s->tcp.time_waits};
    for (uint32_t k = (uint32_t)(*cursor >> 32), i = (uint32_t)*cursor; k < ARRAY_LEN(pools); k++, i = 0) {
        for (; i < pools[k]->made; i++) {
            if (!pool_used(pools[k], i)) continue;
            void *at = pool_at(pools[k], i);
            if (k == 1 && ((struct half_open *)at)->flags & HALF_ENDED) continue;
            /* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): 64 bits */
            *cursor = (uint64_t)k << 32 | (i + 1);
            clear(out);
            if (k == 0) of_listener(s, at, out);
            if (k == 1) of_half_open(at, out);
            if (k == 2) of_tcb(s, at, out);
            if (k == 3) of_time_wait(s, at, out);
            return true;
        }
    }
    return false;
}
