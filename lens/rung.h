/* rung.h - one step of a ladder, drawn: the arrow with its label, the two states, what stands beside. It decides
 * nothing; ladder.c says what is to be seen. */
#ifndef LENS_RUNG_H
#define LENS_RUNG_H

#include "lens/ladder.h"

enum rung_kind {
    RUNG_WHOLE,  /* a segment that left and arrived */
    RUNG_DEPART, /* it left and is still under way: "-->  ..." as RFC 9293's figures write it */
    RUNG_ARRIVE, /* it arrives now: "... -->" */
    RUNG_LOST,
    RUNG_BULK,   /* many segments in one line: `many` */
    RUNG_LANE,   /* a user call, a timer, a move: `text` in the lane of `from` */
    RUNG_STATES, /* only the states */
};

struct many {
    uint64_t segments, bytes, acks;
};

struct rung {
    enum rung_kind kind;
    int from; /* the end that sent, or whose lane it is */
    uint64_t time_ns;
    uint64_t arrival_ns; /* of a RUNG_WHOLE */
    uint64_t flight;     /* tells which RUNG_ARRIVE belongs to which RUNG_DEPART; 0: to none */
    uint32_t reason[2];  /* as each end gave it, 0: none */
    int state[2];        /* enum tern_state or LADDER_UNKNOWN */
    bool changed[2];     /* since the last rung: drawn bold */
    char timer[2][24];   /* that runs at each end, below its state; empty: none, or nobody told */
    bool timed[2];       /* it is another one than in the last rung */
    bool unsure[2];      /* the state is the likeliest of several: it gets a question mark */
    const tern_trace *record;
    const struct reading *reading;
    bool repeated;
    struct many many;
    char text[192];
    char why[768];
};

struct canvas {
    struct ladder_options o;
    unsigned middle; /* columns of the arrow */
    unsigned beside; /* columns for the reason beside, 0: it stands below */
    bool started;
    uint64_t last_ns;
};

void canvas_init(struct canvas *c, const struct ladder_options *o);
/* The names of both ends with their addresses. */
void canvas_heading(struct canvas *c, const tern_flow *flow, bool again);
void canvas_rung(struct canvas *c, const struct rung *rung, const numbers *n);
void canvas_note(struct canvas *c, const char *text);

#endif
