/* picture.h - a ladder kept as steps, for those who must see the whole before they draw: SVG, Mermaid and HTML. Fed by
 * ladder.c through ladder_options.picture; the same steps give the same bytes. Texts in columns are rung.h's. */
#ifndef LENS_PICTURE_H
#define LENS_PICTURE_H

#include <stdio.h>

#include "lens/rung.h"

enum { PICTURE_STEPS = 4000 }; /* what comes after them is counted, not kept */
#define PICTURE_ALONE SIZE_MAX

struct step {
    enum step_kind {
        STEP_HEADING, /* which connection: a label for each end */
        STEP_STATES,
        STEP_SEGMENT, /* with `pair` it arrives at that step, else at once */
        STEP_ARRIVAL, /* of the segment at `pair`, or of one that nobody saw leave */
        STEP_LANE,
        STEP_NOTE,
    } kind;
    bool lost, repeated, reset, bulk;
    bool open; /* a segment that is under way until its pair, or for ever */
    int from;
    uint64_t time_ns, arrival_ns;
    int state[2];
    bool changed[2];
    bool unsure[2]; /* the state is the likeliest of several */
    uint32_t reason[2];
    size_t pair; /* PICTURE_ALONE: none */
    uint64_t flight;
    uint32_t seq, ack; /* on the wire */
    uint16_t flags;    /* 0 for everything but a single segment */
    char *head;        /* "SYN,ACK"; of a lane its text; of a heading A's name */
    char *numbers;     /* "Seq=0 Ack=1 Len=0 Win=65535"; of a heading B's name */
    char *options;     /* "mss=1460 ws=7" */
    char *why;
};

struct picture {
    enum tern_lang lang;
    char *title; /* may be empty */
    struct step *steps;
    size_t n, room;
    uint64_t cut; /* steps that were one too many */
    bool failed;  /* memory ran out: nothing is kept any more */
};

/* NULL: no memory. `title` may be NULL. */
struct picture *picture_new(const char *title, enum tern_lang lang);
void picture_free(struct picture *p);

/* ---- the ladder's side ---- */

void picture_heading(struct picture *p, const struct ladder_options *o, const tern_flow *flow);
void picture_rung(struct picture *p, const struct ladder_options *o, const struct rung *rung, const numbers *n);
/* What was drawn as under way turns out to be lost. */
void picture_lost(struct picture *p, uint64_t flight);
void picture_note(struct picture *p, const char *text);

/* ---- the drawers. False: memory ran out; whether all was written, ferror() tells ---- */

/* A sequence diagram that stands alone, readable on light and on dark ground. */
bool picture_svg(const struct picture *p, FILE *out);
/* A sequenceDiagram of Mermaid. */
bool picture_mermaid(const struct picture *p, FILE *out);
/* One page without anything beside it: the SVG, stepped through by keys, and both ends lit in the state diagram. */
bool picture_html(const struct picture *p, FILE *out);

#endif
