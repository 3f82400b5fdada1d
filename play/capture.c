/* capture.c - see capture.h. */
#include "play/capture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lens/peek.h"
#include "lens/words.h"

enum { COMMENT = 1024, ENDS = 256 };

/* A packet on the line, from its departure on. */
struct shot {
    const struct tape_entry *packet;
    struct peek head;
    int from; /* -1: neither of the two */
    bool told, arrived;
    char comment[COMMENT];
};

/* The state that an end had in the last packet that concerned it. */
struct shown {
    int end;
    tern_flow flow;
    enum tern_state state;
};

struct capture {
    struct shot *shot;
    size_t n, first; /* what stands before `first` has arrived or is lost */
    struct shown shown[ENDS];
    size_t shown_n;
    enum tern_lang lang;
};

static bool same(const tern_flow *a, const tern_flow *b) {
    return a->local_port == b->local_port && a->remote_port == b->remote_port &&
           memcmp(a->local.bytes, b->local.bytes, 16) == 0 && memcmp(a->remote.bytes, b->remote.bytes, 16) == 0;
}

static struct shown *shown_of(struct capture *c, int end, const tern_flow *flow, enum tern_state before) {
    for (size_t i = 0; i < c->shown_n && i < ENDS; i++)
        if (c->shown[i].end == end && same(&c->shown[i].flow, flow)) return &c->shown[i];
    struct shown *s = &c->shown[c->shown_n++ % ENDS];
    *s = (struct shown){end, *flow, before};
    return s;
}

static void add(struct capture *c, struct shot *s, const char *text) {
    size_t at = strlen(s->comment);
    if (text[0] == '\0') return;
    snprintf(s->comment + at, COMMENT - at, "%s%s", at > 0 ? word(WORD_SEPARATOR, c->lang) : "", text);
}

/* "A: LISTEN → SYN-RECEIVED: why" */
static void tell(struct capture *c, struct shot *s, const struct tape_entry *e) {
    char why[448] = "", text[700];
    const tern_trace *r = &e->record;
    bool out = r->kind == TERN_TRACE_SEGMENT_OUT; /* whose state moved before, with the user's call */
    struct shown *shown = shown_of(c, e->end, &r->flow, out ? TERN_CLOSED : r->state_before);
    const char *colon = c->lang == TERN_ZH ? "：" : ": ";
    if (r->reason != 0) reason_sentence(r->reason, r->seg.flags, c->lang, why, sizeof why);
    int n = snprintf(text, sizeof text, "%c%s%s", 'A' + e->end, colon, tern_state_name(shown->state));
    if (shown->state != r->state) n += snprintf(text + n, sizeof text - (size_t)n, " → %s", tern_state_name(r->state));
    if (why[0] != '\0') snprintf(text + n, sizeof text - (size_t)n, "%s%s", colon, why);
    shown->state = r->state;
    add(c, s, text);
}

static bool is(const struct shot *s, int from, const tern_trace *r) {
    return (s->from == from || s->from < 0) && s->head.seq == r->seg.seq && s->head.len == r->seg.len &&
           s->head.flags == r->seg.flags && (s->head.ack == r->seg.ack || !(r->seg.flags & TERN_ACK));
}

/* The segment of a record: the first one under way that looks like it. */
static struct shot *find(struct capture *c, int from, const tern_trace *r, bool arriving) {
    for (size_t i = c->first; i < c->n; i++)
        if (!c->shot[i].arrived && c->shot[i].told >= arriving && is(&c->shot[i], from, r)) return &c->shot[i];
    return NULL;
}

static void on_record(struct capture *c, const struct tape_entry *e) {
    const tern_trace *r = &e->record;
    struct shot *s;
    if (r->kind == TERN_TRACE_SEGMENT_IN && (s = find(c, !e->end, r, true)) != NULL) {
        tell(c, s, e);
        s->arrived = true;
    }
    while (c->first < c->n && c->shot[c->first].arrived) c->first++;
}

/* A segment is told of before its packet leaves: the records since then are looked through from the packet back. */
static void on_departure(struct capture *c, const struct tape *t, size_t at, struct shot *s) {
    for (size_t i = at; i-- > 0 && i + 200 > at;) {
        const struct tape_entry *e = &t->entry[i];
        if (e->kind != TAPE_RECORD || e->end != s->from || e->record.kind != TERN_TRACE_SEGMENT_OUT) continue;
        if (!is(s, s->from, &e->record)) continue;
        tell(c, s, e);
        return;
    }
}

static void on_loss(struct capture *c, const struct tape_entry *e) {
    struct peek p;
    char text[64];
    if (!peek_tcp(e->bytes, e->len, &p)) return;
    for (size_t i = c->n; i-- > c->first;) {
        struct shot *s = &c->shot[i];
        if (s->arrived || s->from != e->end || s->head.seq != p.seq || s->head.len != p.len || s->head.flags != p.flags)
            continue;
        snprintf(text, sizeof text, "%s", word(WORD_LOST, c->lang));
        add(c, s, text);
        s->arrived = true;
        return;
    }
}

static void take_in(struct capture *c, const struct tape *t, size_t at) {
    const struct tape_entry *e = &t->entry[at];
    bool left = e->kind == TAPE_RECORD && e->record.kind == TERN_TRACE_PACKET_OUT;
    if (e->kind == TAPE_LOST) on_loss(c, e);
    if (e->kind == TAPE_RECORD && !left) on_record(c, e);
    if (!left && e->kind != TAPE_FOREIGN) return;
    struct shot *s = &c->shot[c->n];
    memset(s, 0, sizeof *s);
    if (e->len == 0 || !peek_tcp(e->bytes, e->len, &s->head)) return;
    s->packet = e;
    s->from = left ? e->end : -1;
    s->told = true;
    c->n++;
    if (left) on_departure(c, t, at, s);
}

/* The moves of both ends; that of a half-open connection is told with its SYN. */
static void write_move(struct pcapng *p, const struct tape *t, size_t at, uint64_t offset_ns) {
    const struct tape_entry *e = &t->entry[at], *before = at > 0 ? &t->entry[at - 1] : NULL;
    const char who[2] = {(char)('A' + e->end), '\0'};
    tern_trace r = e->record;
    bool said = before != NULL && before->kind == TAPE_RECORD && before->record.kind == TERN_TRACE_STATE &&
                before->end == e->end && before->record.state == r.state;
    bool moved = r.kind == TERN_TRACE_STATE || (r.kind == TERN_TRACE_SEGMENT_IN && r.state_before != r.state && !said);
    r.time_ns += offset_ns;
    if (moved && r.flow.remote_port != 0) pcapng_move(p, who, &r);
}

static void write_packet(struct pcapng *p, int iface, const struct shot *s, uint64_t offset_ns) {
    pcapng_packet(p, iface, s->from == END_B ? PCAPNG_IN : PCAPNG_OUT, s->packet->time_ns + offset_ns, s->packet->bytes,
                  s->packet->len, s->comment);
}

void capture_tape(struct pcapng *p, int iface, const struct tape *tape, uint64_t offset_ns, enum tern_lang lang) {
    struct capture c = {.lang = lang};
    size_t packets = 1;
    for (size_t i = 0; i < tape->n; i++) packets += tape->entry[i].len > 0;
    c.shot = malloc(packets * sizeof *c.shot);
    if (c.shot == NULL) return;
    for (size_t i = 0; i < tape->n; i++) take_in(&c, tape, i);
    for (size_t i = 0, next = 0; i < tape->n; i++) {
        const struct tape_entry *e = &tape->entry[i];
        if (next < c.n && c.shot[next].packet == e)
            write_packet(p, iface, &c.shot[next++], offset_ns);
        else if (e->kind == TAPE_RECORD)
            write_move(p, tape, i, offset_ns);
    }
    free(c.shot);
}
