/* ladder.h - a connection's life as two columns: the state of each end in its lane, an arrow for each segment with its
 * numbers, and beside it why. Fed with tern_trace records of one end or of both; append-only text, no cursor control.
 * The arithmetic is numbers.h's, the drawing rung.h's. */
#ifndef LENS_LADDER_H
#define LENS_LADDER_H

#include <stdio.h>

#include "lens/numbers.h"
#include "tern.h"

enum { LADDER_UNKNOWN = -1 }; /* a state that nobody told us */

struct picture;

struct ladder_options {
    FILE *out;               /* the text; NULL: none is drawn */
    struct picture *picture; /* is given everything that is drawn, too; may be NULL */
    enum tern_lang lang;
    unsigned width; /* columns; less than 80 counts as 80 */
    bool colour, ascii;
    bool absolute;       /* numbers as on the wire instead of relative ones */
    bool all;            /* condense nothing, hide nothing */
    bool both;           /* records come from both ends: each segment is seen twice */
    unsigned bulk;       /* data segments in a row before the rest is condensed; 0: 4 */
    const char *name[2]; /* of the hosts, e.g. "tern", "Linux"; copied */
    int initial[2];      /* enum tern_state before anything is known, or LADDER_UNKNOWN */
};

struct ladder;

/* NULL: no memory. */
struct ladder *ladder_new(const struct ladder_options *options);
/* Draws what is still held back, then frees. NULL is fine. */
void ladder_free(struct ladder *ladder);

/* One record of the stack at `end` (END_A or END_B). */
void ladder_record(struct ladder *ladder, int end, const tern_trace *record);
/* What is known from elsewhere of the state at `end`, for instance from the kernel; `flow` as that end sees it. A
 * segment just sent towards it is drawn now. */
void ladder_peer(struct ladder *ladder, int end, const tern_flow *flow, int state);
/* The timer that runs at `end` and when it goes off, on the clock of the records; NULL: none. The name must last. */
void ladder_timer(struct ladder *ladder, int end, const tern_flow *flow, const char *timer, uint64_t due_ns);
/* The link lost a packet that `from` sent: raw bytes, IP or Ethernet. */
void ladder_lost(struct ladder *ladder, int from, const void *packet, size_t len);
/* Nothing more happens for now: draws segments that were held back, and states that changed without a segment. */
void ladder_settle(struct ladder *ladder);
/* A line of plain text between the others. */
void ladder_note(struct ladder *ladder, const char *text);

#endif
