/* trace.c - what a run hears of its two hosts: the records of their traces, told to the tape, to the lives of the
 * connections and to the acts that wait for them; and which timers run. */
#include <string.h>

#include "play/host.h"

/* ---- the trace ---- */

void edge_walked(struct stage *g, enum tern_state from, enum tern_state to, const char *event) {
    tern_transition t;
    for (size_t i = 0; i < PLAY_EDGES && tern_transition_at(i, &t); i++)
        if (t.from == from && t.to == to && strcmp(t.event, event) == 0) g->out->walked[i] = true;
}

static int end_of(const tern_trace *r) {
    bool opening = r->state_before == TERN_SYN_SENT || r->state_before == TERN_SYN_RECEIVED;
    if (strcmp(r->event, "GIVE_UP") == 0) return TERN_ETIMEDOUT;
    if (strcmp(r->event, "ABORT") == 0) return TERN_ECLOSED;
    if (strcmp(r->event, "RESET") == 0) return opening ? TERN_EREFUSED : TERN_ERESET;
    return TERN_OK;
}

static void live(struct stage *g, struct life *l, const tern_trace *r) {
    if (l == NULL || l->state == r->state) return;
    l->state = r->state;
    l->ended = r->state == TERN_CLOSED;
    l->error = l->ended && r->event != NULL ? end_of(r) : TERN_OK;
    if (l->steps < PLAY_PATH) l->path[l->steps++] = r->state;
    struct cue cue = {.when = l->ended ? WHEN_ENDED : WHEN_STATE, .end = l->end, .flow = l->flow, .state = r->state};
    cue_add(g, &cue);
    if (r->state != TERN_TIME_WAIT || !(g->take->host[l->end].alter & ALTER_NO_TIME_WAIT)) return;
    struct later *later = later_add(g, stage_now(g), LATER_NO_TIME_WAIT);
    if (later == NULL) return;
    later->end = l->end;
    later->flow = l->flow;
}

static void note_isn(struct stage *g, int end, const tern_trace *r) {
    unsigned boot = g->boot[end];
    if (!same_flow(&g->last_flow[end], &r->flow)) g->isn_before[end] = g->last_isn[end];
    g->last_flow[end] = r->flow;
    g->last_isn[end] = r->seg.seq;
    if (g->wished[end][boot]) return;
    g->wished[end][boot] = true;
    g->first_isn[end][boot] = r->seg.seq;
}

static int8_t state_seen(struct stage *g, int end, const tern_flow *flow) {
    struct life *l = life_of(g, end, flow, false);
    return l != NULL ? (int8_t)l->state : -1;
}

static void note_sent(struct stage *g, int end, const struct life *l, const tern_trace *r) {
    if (!grow((void **)&g->sent, &g->sents_room, g->sents, sizeof *g->sent, STAGE_SENT)) {
        g->short_of_memory = true;
        return;
    }
    tern_flow back = turned(&r->flow);
    struct sent *s = &g->sent[g->sents++];
    *s = (struct sent){
        .time_ns = stage_now(g), .from = end, .flags = r->seg.flags, .seq = r->seg.seq, .len = r->seg.len};
    s->ack = r->seg.ack;
    const struct life *peer = life_of(g, !end, &back, false); /* it knows where there is no connection */
    uint32_t iss = l != NULL && l->has_iss ? l->iss : peer != NULL && peer->has_irs ? peer->irs : 0;
    uint32_t irs = l != NULL && l->has_irs ? l->irs : peer != NULL && peer->has_iss ? peer->iss : 0;
    s->rel_seq = (int64_t)(uint32_t)(r->seg.seq - iss);
    s->rel_ack = (int64_t)(uint32_t)(r->seg.ack - irs);
    s->state[end] = state_seen(g, end, &r->flow);
    s->state[!end] = state_seen(g, !end, &back);
}

static void on_segment(struct stage *g, int end, const tern_trace *r) {
    bool out = r->kind == TERN_TRACE_SEGMENT_OUT, syn = r->seg.flags & TERN_SYN;
    bool lives = r->state != TERN_CLOSED && r->state != TERN_LISTEN;
    struct life *l = life_of(g, end, &r->flow, lives || syn);
    if (l != NULL && syn && out && !(r->seg.flags & TERN_RST)) {
        l->has_iss = true;
        l->iss = r->seg.seq;
        note_isn(g, end, r);
    } else if (l != NULL && syn && !out && lives && r->state_before <= TERN_SYN_SENT) {
        l->has_irs = true;
        l->irs = r->seg.seq;
    }
    if (r->state_before == TERN_LISTEN && r->state == TERN_SYN_RECEIVED && !out)
        edge_walked(g, TERN_LISTEN, TERN_SYN_RECEIVED, "SYN");
    if (lives || (l != NULL && l->steps > 0 && r->state == TERN_CLOSED && !out)) live(g, l, r);
    if (out) note_sent(g, end, l, r);
}

/* Where there is no connection, there may be a listener. */
static void listening(struct stage *g, int end, tern_trace *r) {
    bool segment = r->kind == TERN_TRACE_SEGMENT_IN || r->kind == TERN_TRACE_SEGMENT_OUT;
    if (!segment || r->serial != 0 || r->state != TERN_CLOSED || r->state_before != TERN_CLOSED) return;
    const struct life *l = life_of(g, end, &r->flow, false);
    bool opened = l != NULL && l->state > TERN_LISTEN;
    if (opened && r->kind == TERN_TRACE_SEGMENT_OUT) return; /* its own RST, and the end of it */
    for (unsigned i = 0; i < g->listeners; i++)
        if (g->listener[i].end == end && g->listener[i].port == r->flow.local_port) r->state = TERN_LISTEN;
    /* dropped before the record was looked at */
    if (r->state == TERN_LISTEN && opened && l->state == TERN_SYN_RECEIVED) r->state = l->state;
    r->state_before = r->state;
}

/* What an application writes at one instant is one call to a reader, whatever pieces it was made in. */
static bool more_sent(struct stage *g, int end, const tern_trace *r) {
    struct tape *t = &g->out->tape;
    struct tape_entry *last = t->n > 0 ? &t->entry[t->n - 1] : NULL;
    if (r->kind != TERN_TRACE_CALL || last == NULL || last->kind != TAPE_RECORD || last->end != end) return false;
    if (last->record.kind != TERN_TRACE_CALL || last->time_ns != r->time_ns) return false;
    if (strcmp(r->call, "send") != 0 || strcmp(last->record.call, "send") != 0) return false;
    if (r->value <= 0 || last->record.value <= 0 || !same_flow(&last->record.flow, &r->flow)) return false;
    last->record.value += r->value;
    return true;
}

void stage_record(struct stage *g, int end, const tern_trace *record) {
    uint8_t packet[2048];
    tern_trace r = *record;
    if (g->sim == NULL) return;
    r.time_ns = stage_now(g);
    if (g->silent && r.kind != TERN_TRACE_STATE) return;
    listening(g, end, &r);
    bool raw = r.kind == TERN_TRACE_PACKET_IN || r.kind == TERN_TRACE_PACKET_OUT;
    if (raw && r.packet_len <= sizeof packet) {
        memcpy(packet, r.packet, r.packet_len);
        r.packet = packet;
        net_shift_record(g, end, &r, packet);
    } else {
        net_shift_record(g, end, &r, NULL);
    }
    if (r.kind == TERN_TRACE_STATE) edge_walked(g, r.state_before, r.state, r.event);
    if (r.kind == TERN_TRACE_STATE) live(g, life_of(g, end, &r.flow, true), &r);
    if (r.kind == TERN_TRACE_SEGMENT_IN || r.kind == TERN_TRACE_SEGMENT_OUT) on_segment(g, end, &r);
    if (more_sent(g, end, &r)) return;
    struct tape_entry e = {.kind = TAPE_RECORD, .end = end, .time_ns = r.time_ns, .record = r};
    if (raw) {
        e.bytes = r.packet;
        e.len = r.packet_len;
    }
    if (r.kind != TERN_TRACE_PACKET_IN) tape_add(&g->out->tape, &e);
}

static void on_trace_a(void *ctx, const tern_trace *record) { stage_record(ctx, 0, record); }
static void on_trace_b(void *ctx, const tern_trace *record) { stage_record(ctx, 1, record); }

void stage_trace(struct stage *g, int end) {
    tern_trace_set(g->sim->stack[end], TERN_TRACE_ALL & ~(uint32_t)TERN_TRACE_WINDOW,
                   end == 0 ? on_trace_a : on_trace_b, g);
}

/* ---- timers ---- */

void stage_timer(struct stage *g, struct life *l, const char *timer, uint64_t due_ns) {
    struct tape_entry e = {.kind = TAPE_TIMER, .end = l->end, .time_ns = stage_now(g), .due_ns = due_ns};
    bool same = l->timer == timer || (l->timer != NULL && timer != NULL && strcmp(l->timer, timer) == 0);
    if (same && l->due_ns == due_ns) return;
    l->timer = timer;
    l->due_ns = due_ns;
    e.record.flow = l->flow;
    e.record.timer = timer;
    tape_add(&g->out->tape, &e);
}

void stage_timers(struct stage *g) {
    tern_status_info info = {.size = sizeof info};
    for (int end = 0; end < 2; end++) {
        uint64_t cursor = 0, base = g->start_ns + g->sim->ahead_ns[end];
        if (g->sim->stack[end] == NULL) continue;
        while (tern_list(g->sim->stack[end], &cursor, &info)) {
            struct life *l = info.state > TERN_LISTEN ? life_of(g, end, &info.flow, false) : NULL;
            bool runs = info.timer_ns != TERN_NEVER && info.timer != NULL && info.timer[0] != '\0';
            if (l == NULL) continue;
            l->round = g->sim->rounds;
            stage_timer(g, l, runs ? info.timer : NULL, runs && info.timer_ns > base ? info.timer_ns - base : 0);
        }
    }
    for (size_t i = 0; i < g->lives; i++) {
        struct life *l = &g->life[i];
        if (l->round != g->sim->rounds && l->timer != NULL && g->sim->stack[l->end] != NULL) stage_timer(g, l, NULL, 0);
    }
}
