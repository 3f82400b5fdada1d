/* tally.c - see tally.h. */
#include "lens/tally.h"

#include <string.h>

void tally_start(struct tally *t) {
    memset(t, 0, sizeof *t);
    t->closed_first = -1;
    numbers_start(&t->n);
}

static bool same_flow(const tern_flow *a, const tern_flow *b) {
    return a->local_port == b->local_port && a->remote_port == b->remote_port &&
           memcmp(&a->local, &b->local, sizeof a->local) == 0 && memcmp(&a->remote, &b->remote, sizeof a->remote) == 0;
}

static void opening(struct tally *t, int from, const tern_trace *r) {
    bool syn = r->seg.flags & TERN_SYN, ack = r->seg.flags & TERN_ACK;
    if (syn && !ack) t->syn[from] = true;
    if (t->open == OPEN_NOT && (r->seg.flags & TERN_RST)) t->open = OPEN_REFUSED;
    if (t->open == OPEN_NOT && r->state >= TERN_ESTABLISHED)
        t->open = t->syn[END_A] && t->syn[END_B] ? OPEN_SIMULTANEOUS : OPEN_THREE;
}

static void closing(struct tally *t, int from, const tern_trace *r, const reading *seen, bool had_fin) {
    const stream *self = &t->n.end[from], *other = &t->n.end[!from];
    bool fin = (r->seg.flags & TERN_FIN) && !had_fin, takes = r->seg.flags & TERN_ACK;
    bool covers = other->fin && takes && seen->ack > other->fin_at;
    if (r->seg.flags & TERN_RST) {
        if (t->open != OPEN_REFUSED && t->state != TERN_TIME_WAIT) t->close = CLOSE_RESET;
        return;
    }
    if (fin && t->closed_first < 0) t->closed_first = from;
    if (covers && !self->fin) t->fin_acked_alone[from] = true;
    if (fin && other->fin && t->close == CLOSE_NOT)
        t->close = !covers ? CLOSE_SIMULTANEOUS : t->fin_acked_alone[from] ? CLOSE_FOUR : CLOSE_THREE;
}

void tally_record(struct tally *t, const tern_trace *r) {
    bool in = r->kind == TERN_TRACE_SEGMENT_IN, out = r->kind == TERN_TRACE_SEGMENT_OUT;
    if (t->started && !same_flow(&t->flow, &r->flow)) return;
    if (r->kind == TERN_TRACE_STATE && t->started) {
        t->state = r->state;
        if (r->state == TERN_TIME_WAIT || r->state == TERN_CLOSED) t->last_ns = r->time_ns;
    }
    if (!in && !out) return;
    if (!t->started) {
        t->started = true;
        t->flow = r->flow;
        t->first_ns = r->time_ns;
    }
    int from = in ? END_B : END_A;
    bool had_fin = t->n.end[from].fin;
    reading seen;
    numbers_follow(&t->n, from, r, &seen);
    t->state = r->state;
    t->last_ns = r->time_ns;
    t->end[from].segments++;
    t->end[from].bytes += seen.repeated ? 0 : r->seg.len;
    t->end[from].repeated += seen.repeated;
    if (r->tcb.valid && r->tcb.srtt_us != 0) t->srtt_us = r->tcb.srtt_us;
    opening(t, from, r);
    closing(t, from, r, &seen, had_fin);
}
