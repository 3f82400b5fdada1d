/* timewait.c - TIME-WAIT as a small record (RFC 9293 3.6.1, 3.10.7.4; RFC 6191; RFC 1337): it re-acknowledges a
 * repeated FIN and restarts 2 MSL, refuses old duplicates, and makes room for a provably newer SYN. The rules are
 * those of the steps: the record is made a TCB for the time of one segment. */
#include "tcp/tcb.h"

enum { UNIT_MS = 2, UNITS = 1 << 23 };

static struct time_wait *at(struct stack *s, uint32_t i) { return pool_at(&s->tcp.time_waits, i - 1); }

/* ---- the queue: all wait equally long, so it is in order of time ---- */

static uint64_t units_now(const struct stack *s) { return s->now / MS_NS / UNIT_MS; }

static uint32_t deadline(const struct stack *s) {
    return (uint32_t)((s->now / MS_NS + 2ull * s->cfg.msl_ms + UNIT_MS - 1) / UNIT_MS) % UNITS;
}

/* `expires` lies at most half of its range ahead of the last sweep, however far the clock has gone since: a machine
 * that slept for hours must not take what is long past for the future. */
static uint32_t units_left(const struct stack *s, const struct time_wait *w) {
    uint32_t left = (w->expires - (uint32_t)s->tcp.time_wait_swept) % UNITS;
    uint64_t gone = units_now(s) - s->tcp.time_wait_swept;
    return left < UNITS / 2 && left > gone ? left - (uint32_t)gone : 0;
}

uint64_t time_wait_expires_ns(const struct stack *s, const struct time_wait *w) {
    return (s->now / (UNIT_MS * MS_NS) + units_left(s, w)) * UNIT_MS * MS_NS;
}

static void arm(struct stack *s) {
    uint32_t head = s->tcp.time_wait.head;
    if (!head || wheel_armed(&s->tcp.time_wait_timer)) return;
    wheel_arm(&s->wheel, &s->tcp.time_wait_timer, time_wait_expires_ns(s, at(s, head)));
}

static void unlink_record(struct stack *s, struct time_wait *w) {
    struct fifo *q = &s->tcp.time_wait;
    if (w->prev)
        at(s, w->prev)->next = w->next;
    else
        q->head = w->next;
    if (w->next)
        at(s, w->next)->prev = w->prev;
    else
        q->tail = w->prev;
}

static void end(struct stack *s, uint32_t number, enum reason why) {
    struct time_wait *w = at(s, number);
    unlink_record(s, w);
    flow_remove(s, w->hash, ref_make(REF_TIME_WAIT, number - 1));
    count(s, why);
    if (tracing(s, TERN_TRACE_STATE)) {
        tern_trace record = {.kind = TERN_TRACE_STATE,
                             .iface = -1,
                             .flow = flow_public(&w->flow),
                             .reason = why,
                             .state_before = TERN_TIME_WAIT,
                             .state = TERN_CLOSED,
                             .event = why == R_TIME_WAIT_REUSED ? "REUSED" : "TWO_MSL"};
        trace_emit(s, &record);
    }
    pool_give(&s->tcp.time_waits, number - 1);
}

static void sweep(struct stack *s) {
    struct fifo *q = &s->tcp.time_wait;
    while (q->head && units_left(s, at(s, q->head)) == 0) end(s, q->head, R_END_2MSL);
    s->tcp.time_wait_swept = units_now(s);
}

static void append(struct stack *s, struct time_wait *w, uint32_t number) {
    struct fifo *q = &s->tcp.time_wait;
    if (!q->head || units_now(s) - s->tcp.time_wait_swept > UNITS / 4) sweep(s);
    w->expires = deadline(s) % UNITS;
    w->next = 0;
    w->prev = q->tail;
    if (q->tail)
        at(s, q->tail)->next = number;
    else
        q->head = number;
    q->tail = number;
    arm(s);
}

void time_wait_timer(struct stack *s) {
    sweep(s);
    arm(s);
}

/* ---- a TCB becomes a record ---- */

bool time_wait_from(struct stack *s, struct tcb *t) {
    uint32_t index;
    if (s->tcp.time_waits.limit == 0) return false;
    if (s->tcp.time_waits.used >= s->tcp.time_waits.limit) end(s, s->tcp.time_wait.head, R_END_EVICTED);
    struct time_wait *w = pool_take(&s->tcp.time_waits, s, &index);
    if (!w) return false;
    w->flow = t->flow;
    w->snd_nxt = t->snd.nxt;
    w->rcv_nxt = t->rcv.nxt;
    w->ts_recent = t->ts_recent;
    w->hash = t->hash;
    w->stamps = t->stamps;
    w->challenge = challenge_pack(s, t);
    append(s, w, index + 1);
    s->stats.time_wait_total++;
    flow_replace(s, t->hash, ref_make(REF_TCB, tcb_index(t)), ref_make(REF_TIME_WAIT, index));
    t->in_table = false;
    if (t->work & WORK_ACK) emit_ack(s, t, (enum reason)t->ack_reason);
    tcb_unready(s, t);
    timers_stop(s, t);
    tcb_free(s, t);
    return true;
}

/* ---- something arrives ---- */

static void expand(struct stack *s, const struct time_wait *w, struct tcb *t) {
    memset(t, 0, sizeof *t);
    t->opt = s->tcp.defaults;
    tcb_begin(t, s->tcp.scratch_busy);
    t->on = t->opt->on;
    t->receive_buffer = t->opt->receive_buffer;
    t->record = t->detached = t->fin_queued = t->fin_seen = t->fin_taken = t->syn_acked = true;
    t->state = TERN_TIME_WAIT;
    t->flow = w->flow;
    t->hash = w->hash;
    t->snd.una = t->snd.nxt = t->busy->pos = w->snd_nxt;
    t->snd.end = t->busy->recover = seq_add(w->snd_nxt, (uint32_t)-1);
    t->iss = seq_add(w->snd_nxt, (uint32_t)-2);
    t->snd.max_wnd = 1u << 30;
    t->rcv.nxt = t->rcv.adv = t->busy->last_ack_sent = w->rcv_nxt;
    t->rcv.read = t->busy->fin = seq_add(w->rcv_nxt, (uint32_t)-1);
    t->stamps = w->stamps;
    challenge_unpack(s, t, w->challenge);
    t->ts_recent = w->ts_recent;
    t->ts_recent_ms = clock_ms(s);
    t->ts_offset = flow_secrets(s, &w->flow).ts_offset;
}

/* A SYN with a newer timestamp, or a higher number than the old FIN's, can be no old duplicate [SHLD-4, RFC6191 2]. */
static bool is_newer(const struct arrival *a) {
    const struct tcb *t = a->t;
    const tcp_options *o = &a->h->options;
    bool stamps = o->has_ts && a->s->cfg.timestamps;
    if (stamps && !t->stamps) return true;
    if (stamps && o->ts_value != t->ts_recent) return (int32_t)(o->ts_value - t->ts_recent) > 0;
    return seq_ge(a->seq, t->rcv.nxt);
}

/* [MAY-2] The new connection must start above our old numbers; and nobody gives up the wait for a SYN that opens
 * nothing. */
bool time_wait_may_reuse(struct arrival *a) {
    const struct tcb *t = a->t;
    if ((a->flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) != TCP_SYN || !is_newer(a)) return false;
    const struct listener *l = listener_find(a->s, &t->flow.local, t->flow.local_port);
    if (!l || l->waiting >= l->backlog) return false;
    a->renews = true;
    a->iss_above = t->snd.nxt;
    return true;
}

bool time_wait_arrives(struct arrival *a, struct time_wait *w, uint32_t ref) {
    struct stack *s = a->s;
    struct tcb *t = s->tcp.scratch;
    uint32_t number = ref_index(ref) + 1;
    expand(s, w, t);
    a->t = t;
    if (time_wait_may_reuse(a)) {
        end(s, number, R_TIME_WAIT_REUSED);
        a->t = NULL;
        return true;
    }
    arrives(a);
    w->ts_recent = t->ts_recent;
    w->challenge = challenge_pack(s, t);
    if (t->busy->life_at != TERN_NEVER) { /* 2 MSL restarts */
        unlink_record(s, w);
        append(s, w, number);
    }
    return false;
}
