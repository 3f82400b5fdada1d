/* picture.c - see picture.h: collects the steps. How they look is svg.c's, mermaid.c's and html.c's. */
#include "lens/picture.h"

#include <stdlib.h>
#include <string.h>

#include "lens/label.h"
#include "lens/words.h"

struct picture *picture_new(const char *title, enum tern_lang lang) {
    struct picture *p = calloc(1, sizeof *p);
    if (p == NULL) return NULL;
    p->lang = lang;
    p->title = strdup(title != NULL ? title : "");
    if (p->title != NULL) return p;
    free(p);
    return NULL;
}

void picture_free(struct picture *p) {
    if (p == NULL) return;
    for (size_t i = 0; i < p->n; i++) {
        free(p->steps[i].head);
        free(p->steps[i].numbers);
        free(p->steps[i].options);
        free(p->steps[i].why);
    }
    free(p->steps);
    free(p->title);
    free(p);
}

static bool room(struct picture *p) {
    if (p->n == PICTURE_STEPS) p->cut++;
    if (p->failed || p->n == PICTURE_STEPS) return false;
    if (p->n < p->room) return true;
    size_t more = p->room == 0 ? 64 : 2 * p->room;
    struct step *steps = realloc(p->steps, more * sizeof *steps);
    if (steps == NULL) {
        p->failed = true;
        return false;
    }
    p->steps = steps;
    p->room = more;
    return true;
}

/* Takes the step with copies of the texts, or not at all. */
static void add(struct picture *p, struct step s, const char *head, const char *figures, const char *options,
                const char *why) {
    if (!room(p)) return;
    s.head = strdup(head);
    s.numbers = strdup(figures);
    s.options = strdup(options);
    s.why = strdup(why);
    if (s.head != NULL && s.numbers != NULL && s.options != NULL && s.why != NULL) {
        p->steps[p->n++] = s;
        return;
    }
    free(s.head);
    free(s.numbers);
    free(s.options);
    free(s.why);
    p->failed = true;
}

void picture_heading(struct picture *p, const struct ladder_options *o, const tern_flow *flow) {
    char a[128], b[128];
    end_text(o->name[END_A], &flow->local, flow->local_port, a, sizeof a);
    end_text(o->name[END_B], &flow->remote, flow->remote_port, b, sizeof b);
    add(p, (struct step){.kind = STEP_HEADING, .pair = PICTURE_ALONE}, a, b, "", "");
}

void picture_note(struct picture *p, const char *text) {
    add(p, (struct step){.kind = STEP_NOTE, .pair = PICTURE_ALONE}, text, "", "", "");
}

static size_t departure_of(const struct picture *p, uint64_t flight) {
    for (size_t i = p->n; flight != 0 && i-- > 0;)
        if (p->steps[i].kind == STEP_SEGMENT && p->steps[i].flight == flight) return i;
    return PICTURE_ALONE;
}

void picture_lost(struct picture *p, uint64_t flight) {
    size_t i = departure_of(p, flight);
    if (i == PICTURE_ALONE) return;
    p->steps[i].lost = true;
}

static enum step_kind kind_of(enum rung_kind kind) {
    switch (kind) {
    case RUNG_ARRIVE: return STEP_ARRIVAL;
    case RUNG_LANE: return STEP_LANE;
    case RUNG_STATES: return STEP_STATES;
    default: return STEP_SEGMENT;
    }
}

void picture_rung(struct picture *p, const struct ladder_options *o, const struct rung *rung, const numbers *n) {
    struct step s = {.kind = kind_of(rung->kind),
                     .lost = rung->kind == RUNG_LOST,
                     .bulk = rung->kind == RUNG_BULK,
                     .open = rung->kind == RUNG_DEPART,
                     .repeated = rung->repeated,
                     .from = rung->from,
                     .time_ns = rung->time_ns,
                     .arrival_ns = rung->kind == RUNG_WHOLE ? rung->arrival_ns : rung->time_ns,
                     .state = {rung->state[0], rung->state[1]},
                     .changed = {rung->changed[0], rung->changed[1]},
                     .unsure = {rung->unsure[0], rung->unsure[1]},
                     .reason = {rung->reason[0], rung->reason[1]},
                     .flight = rung->flight,
                     .pair = PICTURE_ALONE};
    struct label label = {.n = 0};
    char head[LABEL_TEXT] = "", figures[LABEL_TEXT] = "", options[LABEL_TEXT] = "";
    size_t before = p->n;
    if (s.kind == STEP_SEGMENT || s.kind == STEP_ARRIVAL) {
        label_make(&label, o, rung, n);
        size_t all = label.n;
        label.n = label.head;
        label_join(&label, 0, SIZE_MAX, head, sizeof head);
        label.n = label.numbers;
        label_join(&label, label.head, SIZE_MAX, figures, sizeof figures);
        label.n = all;
        label_join(&label, label.numbers, SIZE_MAX, options, sizeof options);
    }
    if (rung->record != NULL) {
        s.flags = rung->record->seg.flags;
        s.seq = rung->record->seg.seq;
        s.ack = rung->record->seg.ack;
        s.reset = s.flags & TERN_RST;
    }
    if (s.kind == STEP_ARRIVAL) s.pair = departure_of(p, rung->flight);
    add(p, s, s.kind == STEP_LANE ? rung->text : head, figures, options, rung->why);
    if (s.pair != PICTURE_ALONE && p->n > before) p->steps[s.pair].pair = before;
}
