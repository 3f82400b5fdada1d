/* ladder.c - see ladder.h: which records make a rung, and when.
 *
 * With records of both ends a segment is seen twice. Its rung waits for the arrival, so that one arrow shows both
 * states; as soon as anything else has to be drawn first, what waits is drawn as under way ("--> ...") and its
 * arrival gets a rung of its own ("... -->"), as in the figures of RFC 9293 3.5. With records of one end only, a
 * segment sent waits just until the state of the other end is told, or until the next record.
 *
 * A row of data segments with nothing remarkable is a run: beyond the first few it is condensed into one rung. So are
 * duplicate ACKs and segments behind a hole, which come in rows, too. */
#include "lens/ladder.h"

#include <stdlib.h>
#include <string.h>

#include "lens/ladder_hold.h"
#include "lens/peek.h"
#include "lens/picture.h"
#include "lens/words.h"

struct ladder *ladder_new(const struct ladder_options *options) {
    struct ladder *l = calloc(1, sizeof *l);
    if (l == NULL) return NULL;
    l->o = *options;
    if (l->o.bulk == 0) l->o.bulk = 4;
    for (int end = 0; end < 2; end++) {
        snprintf(l->name[end], NAME, "%s", options->name[end] != NULL ? options->name[end] : end == END_A ? "A" : "B");
        l->o.name[end] = l->name[end];
    }
    canvas_init(&l->canvas, &l->o);
    return l;
}

/* ---- calls, timers, moves ---- */

static void flush_lane(struct ladder *l) {
    if (!l->lane.active) return;
    l->lane.active = false;
    draw_run(l);
    flush_flights(l, NULL);
    struct talk *t = l->lane.talk;
    struct rung rung = {
        .kind = RUNG_LANE, .from = l->lane.end, .time_ns = l->lane.time_ns, .state = {t->state[0], t->state[1]}};
    snprintf(rung.text, sizeof rung.text, "%s", l->lane.text);
    if (l->lane.moved) {
        char move[64];
        snprintf(move, sizeof move, "%s %s %s", tern_state_name((enum tern_state)l->lane.from_state),
                 l->o.ascii ? "->" : "→", tern_state_name((enum tern_state)l->lane.to_state));
        why_add(rung.text, sizeof rung.text, "  ", move);
    }
    struct why w = why_of(l, rung.why, sizeof rung.why);
    why_reason(&w, l->lane.end, l->lane.reason, 0);
    rung.reason[l->lane.end] = l->lane.reason;
    draw(l, t, &rung);
}

void flush_all(struct ladder *l) {
    flush_lane(l);
    draw_run(l);
    draw_alike(l, END_A);
    draw_alike(l, END_B);
    flush_flights(l, NULL);
}

static void start_lane(struct ladder *l, struct talk *t, int end, uint64_t time_ns) {
    flush_lane(l);
    memset(&l->lane, 0, sizeof l->lane);
    l->lane.active = true;
    l->lane.talk = t;
    l->lane.end = end;
    l->lane.time_ns = time_ns;
}

static bool lane_is(const struct ladder *l, const struct talk *t, int end, uint64_t time_ns) {
    return l->lane.active && l->lane.talk == t && l->lane.end == end && l->lane.time_ns == time_ns;
}

static void on_move(struct ladder *l, struct talk *t, int end, const tern_trace *record) {
    if (!lane_is(l, t, end, record->time_ns)) start_lane(l, t, end, record->time_ns);
    if (!l->lane.moved) l->lane.from_state = (int)record->state_before;
    if (!t->seen && t->shown[end] < 0) t->shown[end] = (int)record->state_before;
    l->lane.moved = true;
    l->lane.to_state = t->state[end] = (int)record->state;
    if (!l->lane.said) l->lane.reason = record->reason;
}

static bool dull_call(const struct ladder *l, const tern_trace *record) {
    bool receive = record->call != NULL && strcmp(record->call, "receive") == 0;
    bool send = record->call != NULL && strcmp(record->call, "send") == 0;
    if (l->o.all) return false;
    return record->value == TERN_EAGAIN || (receive && record->value > 0) || (send && l->run.streak > l->o.bulk);
}

static void on_call(struct ladder *l, struct talk *t, int end, const tern_trace *record) {
    if (dull_call(l, record)) return;
    if (!lane_is(l, t, end, record->time_ns) || l->lane.said) start_lane(l, t, end, record->time_ns);
    call_text(record, l->o.lang, l->lane.text, sizeof l->lane.text);
    l->lane.said = true;
}

static void on_timer(struct ladder *l, struct talk *t, int end, const tern_trace *record) {
    if (!l->o.all && record->timer != NULL && strcmp(record->timer, "delayed ACK") == 0) return;
    if (!lane_is(l, t, end, record->time_ns) || l->lane.said) start_lane(l, t, end, record->time_ns);
    snprintf(l->lane.text, sizeof l->lane.text, "%s%s", word(WORD_TIMER, l->o.lang),
             timer_word(record->timer, l->o.lang));
    l->lane.said = true;
    l->lane.reason = record->reason;
}

static void on_drop(struct ladder *l, int end, const tern_trace *record) {
    if (!l->o.all && (record->flow.remote_port == 0 || tern_reason_severity(record->reason) == TERN_SEV_NORMAL)) return;
    flush_all(l);
    struct talk *t = talk_of(l, end, &record->flow);
    start_lane(l, t, end, record->time_ns);
    snprintf(l->lane.text, sizeof l->lane.text, "%s%s", word(WORD_DROPPED, l->o.lang),
             tern_reason_text(record->reason, l->o.lang));
    l->lane.said = true;
    flush_lane(l);
}

/* ---- segments ---- */

static bool dull(const struct talk *t, int end, const tern_trace *record) {
    return tern_reason_severity(record->reason) == TERN_SEV_NORMAL && t->state[end] == (int)record->state &&
           !(record->seg.flags & (TERN_SYN | TERN_FIN | TERN_RST | TERN_URG)) && (record->seg.flags & TERN_ACK);
}

/* Is this one of many? Then it is counted and not drawn. */
static bool condensed(struct ladder *l, struct talk *t, int end, int from, const tern_trace *record, bool repeated) {
    bool same = l->run.talk == t && l->run.from == from, ordinary = dull(t, end, record) && !repeated;
    if (l->o.all) return false;
    if (ordinary && record->seg.len == 0) {
        bool inside = l->run.talk == t && l->run.streak > l->o.bulk && record->seg.window != 0;
        l->run.acks += inside && l->run.from != from;
        return inside;
    }
    if (!ordinary || !same) {
        draw_run(l);
        if (record->seg.len > 0 && !same) {
            memset(&l->run, 0, sizeof l->run);
            l->run.talk = t;
            l->run.from = from;
        }
        if (!ordinary) {
            if (record->seg.flags & (TERN_SYN | TERN_FIN | TERN_RST)) memset(&l->run, 0, sizeof l->run);
            return false;
        }
    }
    if (++l->run.streak <= l->o.bulk) return false;
    if (l->run.segments > 0 && record->time_ns - l->run.since_ns >= RUN_PERIOD_NS) draw_run(l);
    if (l->run.segments == 0) l->run.since_ns = record->time_ns;
    l->run.segments++;
    l->run.bytes += record->seg.len;
    return true;
}

static bool reason_starts(uint32_t reason, const char *prefix) {
    return strncmp(tern_reason_name(reason), prefix, strlen(prefix)) == 0;
}

/* Has this been seen often enough? Then it is counted and not drawn. */
static bool hidden_alike(struct ladder *l, struct talk *t, int end, const tern_trace *record) {
    struct alike *a = &l->alike[end];
    const char *name = tern_reason_name(record->reason);
    bool rows = strcmp(name, "ACK_DUPLICATE") == 0 || strcmp(name, "TEXT_OUT_OF_ORDER") == 0;
    if (l->o.all) return false;
    if (a->talk != t || a->reason != record->reason) {
        draw_alike(l, end);
        *a = (struct alike){.talk = t, .reason = record->reason};
    }
    if (!rows) return false;
    if (++a->seen <= ALIKE || t->state[end] != (int)record->state) return false;
    if (a->hidden++ == 0) a->since_ns = record->time_ns;
    return true;
}

/* A SYN on a pair of sockets whose last connection is over begins a new one. */
static void fresh(struct ladder *l, struct talk *t, int from, const tern_trace *record) {
    bool syn = (record->seg.flags & (TERN_SYN | TERN_ACK)) == TERN_SYN;
    const stream *s = &t->n.end[from];
    if (!syn || !s->based || s->base == record->seg.seq || !(s->fin || s->guessed)) return;
    int state[2] = {t->state[0], t->state[1]};
    flush_all(l);
    drop_flights(l, t);
    talk_start(l, t);
    memcpy(t->state, state, sizeof state);
}

static void on_departure(struct ladder *l, struct talk *t, int end, const tern_trace *record) {
    fresh(l, t, end, record);
    if (l->lane.active && !l->lane.said && l->lane.talk == t && l->lane.end == end)
        l->lane.active = false; /* the arrow shows the new state */
    flush_lane(l);
    numbers_learn(&t->n, end, record);
    reading seen;
    numbers_follow(&t->n, end, record, &seen);
    bool repeated = seen.repeated || reason_starts(record->reason, "REXMIT_");
    bool hide = condensed(l, t, end, end, record, repeated);
    t->state[end] = (int)record->state;
    if (hide && !l->o.both) return;
    struct flight *f = new_flight(l);
    *f = (struct flight){.status = hide ? FLIGHT_CONDENSED : FLIGHT_HELD,
                         .talk = t,
                         .from = end,
                         .repeated = repeated,
                         .id = ++l->flights,
                         .state = (int)record->state,
                         .record = *record,
                         .reading = seen};
}

/* Did the other end send something before it saw this? Then two arrows cross. */
static bool crossed(const struct ladder *l, const struct flight *f) {
    for (unsigned i = l->first; i != l->next; i++) {
        const struct flight *g = &l->flight[i % FLIGHTS];
        if (g->status == FLIGHT_HELD && g->talk == f->talk && g->from != f->from) return true;
    }
    return false;
}

static void on_known_arrival(struct ladder *l, struct talk *t, int end, const tern_trace *record, struct flight *f) {
    bool ordinary = dull(t, end, record), held = f->status == FLIGHT_HELD;
    if (hidden_alike(l, t, end, record)) {
        f->status = FLIGHT_NONE;
        return;
    }
    t->state[end] = (int)record->state;
    if (f->status == FLIGHT_CONDENSED && ordinary) {
        f->status = FLIGHT_NONE;
        return;
    }
    if (f->status == FLIGHT_CONDENSED) draw_run(l);
    if (held && crossed(l, f)) held = false;
    flush_flights(l, held ? f : NULL);
    f->status = FLIGHT_NONE;
    draw_segment(l, f, held ? RUNG_WHOLE : RUNG_ARRIVE, record);
}

static void on_arrival(struct ladder *l, struct talk *t, int end, const tern_trace *record) {
    if (l->lane.active && !l->lane.said && l->lane.talk == t && l->lane.end == end) l->lane.active = false;
    flush_lane(l);
    if (!t->seen && t->shown[end] < 0) t->shown[end] = (int)record->state_before;
    struct flight *f = l->o.both ? find_flight(l, t, !end, record) : NULL;
    if (f != NULL) {
        on_known_arrival(l, t, end, record, f);
        return;
    }
    fresh(l, t, !end, record);
    struct flight whole = {.talk = t, .from = !end, .state = t->state[!end], .record = *record};
    bool text = reason_starts(record->reason, "TEXT_");
    numbers_learn(&t->n, end, record);
    numbers before = t->n;
    numbers_follow(&t->n, !end, record, &whole.reading);
    if (l->o.both) t->n = before; /* a copy, or from elsewhere: it was not sent just now */
    whole.repeated = whole.reading.repeated && !text;
    bool hide = hidden_alike(l, t, end, record) || condensed(l, t, end, !end, record, whole.repeated);
    t->state[end] = (int)record->state;
    if (hide) return;
    flush_flights(l, NULL);
    draw_segment(l, &whole, l->o.both ? RUNG_ARRIVE : RUNG_WHOLE, record);
}

/* ---- the face ---- */

void ladder_record(struct ladder *l, int end, const tern_trace *record) {
    uint32_t quiet = TERN_TRACE_PACKET_IN | TERN_TRACE_PACKET_OUT | TERN_TRACE_WINDOW;
    if (record->kind & quiet) return;
    l->now = record->time_ns;
    if (record->kind == TERN_TRACE_DROP) {
        on_drop(l, end, record);
        return;
    }
    if (record->flow.remote_port == 0 && !l->o.all) return; /* a listener */
    struct talk *t = talk_of(l, end, &record->flow);
    switch (record->kind) {
    case TERN_TRACE_STATE: on_move(l, t, end, record); break;
    case TERN_TRACE_CALL: on_call(l, t, end, record); break;
    case TERN_TRACE_TIMER: on_timer(l, t, end, record); break;
    case TERN_TRACE_SEGMENT_OUT: on_departure(l, t, end, record); break;
    case TERN_TRACE_SEGMENT_IN: on_arrival(l, t, end, record); break;
    default: break;
    }
}

void ladder_timer(struct ladder *l, int end, const tern_flow *flow, const char *timer, uint64_t due_ns) {
    struct talk *t = talk_of(l, end, flow);
    t->timer[end] = timer;
    t->timer_due[end] = due_ns;
}

void ladder_peer(struct ladder *l, int end, const tern_flow *flow, int state) {
    struct talk *t = talk_of(l, end, flow);
    t->state[end] = state;
    if (l->o.both) return;
    flush_lane(l);
    flush_flights(l, NULL);
    forget_done(l);
}

void ladder_lost(struct ladder *l, int from, const void *packet, size_t len) {
    struct peek seen;
    if (!peek_tcp(packet, len, &seen)) return;
    tern_flow flow = {seen.src, seen.dst, seen.src_port, seen.dst_port};
    struct talk *t = talk_of(l, from, &flow);
    tern_trace like = {.seg = {.seq = seen.seq, .ack = seen.ack, .len = seen.len, .flags = seen.flags}};
    struct flight *f = find_flight(l, t, from, &like);
    if (f == NULL) return;
    flush_lane(l);
    draw_run(l);
    flush_flights(l, f);
    bool held = f->status != FLIGHT_DRAWN;
    f->status = FLIGHT_NONE;
    if (held)
        draw_segment(l, f, RUNG_LOST, NULL);
    else if (l->o.picture != NULL)
        picture_lost(l->o.picture, f->id);
}

void ladder_settle(struct ladder *l) {
    if (l->o.both) return;
    flush_lane(l);
    flush_flights(l, NULL);
    struct talk *t = l->drawn;
    if (t == NULL || (t->state[0] == t->shown[0] && t->state[1] == t->shown[1])) return;
    draw_run(l);
    struct rung rung = {.kind = RUNG_STATES, .time_ns = l->now, .state = {t->state[0], t->state[1]}};
    draw(l, t, &rung);
}

void ladder_note(struct ladder *l, const char *text) {
    flush_all(l);
    draw_note(l, text);
}

void ladder_free(struct ladder *l) {
    if (l == NULL) return;
    flush_all(l);
    free(l);
}
