/* ladder_hold.c - see ladder_hold.h. */
#include "lens/ladder_hold.h"

#include <stdio.h>
#include <string.h>

#include "lens/picture.h"
#include "lens/words.h"

/* ---- connections ---- */

static bool flow_eq(const tern_flow *a, const tern_flow *b) {
    return a->local_port == b->local_port && a->remote_port == b->remote_port && a->local.family == b->local.family &&
           memcmp(a->local.bytes, b->local.bytes, 16) == 0 && memcmp(a->remote.bytes, b->remote.bytes, 16) == 0;
}

static tern_flow seen_from_a(int end, const tern_flow *flow) {
    if (end == END_A) return *flow;
    return (tern_flow){flow->remote, flow->local, flow->remote_port, flow->local_port};
}

void talk_start(struct ladder *l, struct talk *t) {
    numbers_start(&t->n);
    for (int end = 0; end < 2; end++) t->state[end] = t->shown[end] = l->o.initial[end];
}

struct talk *talk_of(struct ladder *l, int end, const tern_flow *flow) {
    tern_flow key = seen_from_a(end, flow);
    struct talk *oldest = &l->talk[0];
    if (l->drawn != NULL && flow_eq(&l->drawn->flow, &key)) return l->drawn;
    for (size_t i = 0; i < TALKS; i++) {
        struct talk *t = &l->talk[i];
        if (t->used && flow_eq(&t->flow, &key)) {
            t->touched = ++l->clock;
            return t;
        }
        if (oldest->used && (!t->used || t->touched < oldest->touched)) oldest = t;
    }
    if (oldest->used) {
        flush_all(l);
        drop_flights(l, oldest);
    }
    if (l->drawn == oldest) l->drawn = NULL;
    memset(oldest, 0, sizeof *oldest);
    oldest->used = true;
    oldest->touched = ++l->clock;
    oldest->flow = key;
    talk_start(l, oldest);
    return oldest;
}

/* ---- drawing ---- */

/* With records of both ends it is told who says "we". */
struct why why_of(const struct ladder *l, char *buf, size_t size) {
    struct why w = {.buf = buf, .size = size, .lang = l->o.lang, .absolute = l->o.absolute};
    if (l->o.both) {
        w.name[END_A] = l->name[END_A];
        w.name[END_B] = l->name[END_B];
    }
    return w;
}

static void show_heading(struct ladder *l, const tern_flow *flow, bool again) {
    if (l->o.out != NULL) canvas_heading(&l->canvas, flow, again);
    if (l->o.picture != NULL) picture_heading(l->o.picture, &l->o, flow);
}

static void show_rung(struct ladder *l, const struct rung *rung, const numbers *n) {
    if (l->o.out != NULL) canvas_rung(&l->canvas, rung, n);
    if (l->o.picture != NULL) picture_rung(l->o.picture, &l->o, rung, n);
}

void draw_note(struct ladder *l, const char *text) {
    if (l->o.out != NULL) canvas_note(&l->canvas, text);
    if (l->o.picture != NULL) picture_note(l->o.picture, text);
}

void draw(struct ladder *l, struct talk *t, struct rung *rung) {
    draw_alike(l, END_A);
    draw_alike(l, END_B);
    if (l->drawn != t) show_heading(l, &t->flow, l->drawn != NULL || t->seen);
    if (!t->seen && rung->kind != RUNG_STATES) {
        struct rung first = {.kind = RUNG_STATES, .time_ns = rung->time_ns, .state = {t->shown[0], t->shown[1]}};
        if (first.state[0] >= 0 || first.state[1] >= 0) show_rung(l, &first, &t->n);
    }
    l->drawn = t;
    t->seen = true;
    for (int end = 0; end < 2; end++) {
        rung->changed[end] = rung->state[end] != t->shown[end];
        t->shown[end] = rung->state[end];
        bool runs = t->timer[end] != NULL && rung->state[end] > TERN_LISTEN; /* not before the segment arrives */
        rung->timed[end] = runs && t->timer[end] != t->timer_shown[end];
        t->timer_shown[end] = runs ? t->timer[end] : NULL;
        uint64_t due = t->timer_due[end], now = rung->time_ns;
        if (end != rung->from && rung->arrival_ns > now) now = rung->arrival_ns; /* there it is later already */
        if (runs)
            running_text(t->timer[end], due > now ? due - now : 0, l->o.lang, rung->timer[end],
                         sizeof rung->timer[end]);
    }
    show_rung(l, rung, &t->n);
}

/* Draws a segment. `arrival` is the receiver's record, NULL when there is none. */
void draw_segment(struct ladder *l, const struct flight *f, enum rung_kind kind, const tern_trace *arrival) {
    struct talk *t = f->talk;
    struct rung rung = {.kind = kind,
                        .from = f->from,
                        .record = &f->record,
                        .reading = &f->reading,
                        .repeated = f->repeated,
                        .flight = f->id,
                        .arrival_ns = arrival != NULL ? arrival->time_ns : f->record.time_ns,
                        .time_ns = kind == RUNG_ARRIVE ? l->now : f->record.time_ns};
    rung.state[f->from] = kind == RUNG_ARRIVE ? t->state[f->from] : f->state;
    rung.state[!f->from] = arrival != NULL ? (int)arrival->state : t->state[!f->from];
    if (kind == RUNG_DEPART || kind == RUNG_LOST) rung.state[!f->from] = t->shown[!f->from];
    struct why w = why_of(l, rung.why, sizeof rung.why);
    bool sent = f->record.kind == TERN_TRACE_SEGMENT_OUT;
    rung.reason[sent ? f->from : !f->from] = f->record.reason;
    if (sent && arrival != NULL) rung.reason[!f->from] = arrival->reason;
    if (kind != RUNG_ARRIVE) why_reason(&w, sent ? f->from : !f->from, f->record.reason, f->record.seg.flags);
    if (arrival != NULL && sent && (kind == RUNG_ARRIVE || tern_reason_severity(arrival->reason) > TERN_SEV_NORMAL))
        why_reason(&w, !f->from, arrival->reason, arrival->seg.flags);
    if (kind != RUNG_ARRIVE) {
        why_sum(&w, "seq", &f->reading.seq_sum, &t->n, f->from);
        why_sum(&w, "ack", &f->reading.ack_sum, &t->n, !f->from);
    }
    draw(l, t, &rung);
}

/* "7 more like that". */
void draw_alike(struct ladder *l, int end) {
    struct alike *a = &l->alike[end];
    uint64_t n = a->hidden;
    if (n == 0) return;
    a->hidden = 0;
    struct rung rung = {.kind = RUNG_LANE, .from = end, .time_ns = a->since_ns};
    for (int i = 0; i < 2; i++) rung.state[i] = a->talk->shown[i];
    more_text(n, l->o.lang, rung.text, sizeof rung.text);
    struct why w = why_of(l, rung.why, sizeof rung.why);
    why_reason(&w, end, a->reason, 0);
    draw(l, a->talk, &rung);
}

void draw_run(struct ladder *l) {
    struct rung rung = {.kind = RUNG_BULK, .from = l->run.from, .time_ns = l->run.since_ns};
    if (l->run.segments == 0) return;
    for (int end = 0; end < 2; end++) rung.state[end] = l->run.talk->shown[end]; /* nothing in a run changes a state */
    rung.many = (struct many){l->run.segments, l->run.bytes, l->run.acks};
    l->run.segments = l->run.bytes = l->run.acks = 0;
    draw(l, l->run.talk, &rung);
}

/* ---- segments under way ---- */

void drop_flights(struct ladder *l, const struct talk *t) {
    for (unsigned i = l->first; i != l->next; i++)
        if (l->flight[i % FLIGHTS].talk == t) l->flight[i % FLIGHTS].status = FLIGHT_NONE;
    if (l->run.talk == t) memset(&l->run, 0, sizeof l->run);
    for (int end = 0; end < 2; end++)
        if (l->alike[end].talk == t) memset(&l->alike[end], 0, sizeof l->alike[end]);
    if (l->lane.talk == t) l->lane.active = false;
}

/* Draws the held ones up to, not including, `stop` (NULL: all) as they stand. */
void flush_flights(struct ladder *l, const struct flight *stop) {
    for (unsigned i = l->first; i != l->next; i++) {
        struct flight *f = &l->flight[i % FLIGHTS];
        if (f == stop) return;
        if (f->status != FLIGHT_HELD) continue;
        f->status = l->o.both ? FLIGHT_DRAWN : FLIGHT_NONE;
        draw_segment(l, f, l->o.both ? RUNG_DEPART : RUNG_WHOLE, NULL);
    }
}

void forget_done(struct ladder *l) {
    while (l->first != l->next && l->flight[l->first % FLIGHTS].status == FLIGHT_NONE) l->first++;
}

struct flight *new_flight(struct ladder *l) {
    forget_done(l);
    if (l->next - l->first == FLIGHTS) { /* what has not arrived by now never will */
        flush_flights(l, &l->flight[(l->first + 1) % FLIGHTS]);
        l->flight[l->first++ % FLIGHTS].status = FLIGHT_NONE;
    }
    return &l->flight[l->next++ % FLIGHTS];
}

struct flight *find_flight(struct ladder *l, const struct talk *t, int from, const tern_trace *record) {
    for (unsigned i = l->first; i != l->next; i++) {
        struct flight *f = &l->flight[i % FLIGHTS];
        bool same = f->status != FLIGHT_NONE && f->talk == t && f->from == from &&
                    f->record.seg.seq == record->seg.seq && f->record.seg.len == record->seg.len &&
                    f->record.seg.flags == record->seg.flags;
        if (same && (f->record.seg.ack == record->seg.ack || !(record->seg.flags & TERN_ACK))) return f;
    }
    return NULL;
}
