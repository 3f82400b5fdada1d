/* ladder_hold.h - what a ladder remembers between records: connections, segments under way, rows of the same; and how
 * each of them comes to be drawn. Which records they are is ladder.c's. */
#ifndef LENS_LADDER_HOLD_H
#define LENS_LADDER_HOLD_H

#include "lens/rung.h"
#include "lens/why.h"

enum { TALKS = 64, FLIGHTS = 512, NAME = 40, ALIKE = 3 };
enum { RUN_PERIOD_NS = 1000000000 };

/* One connection. */
struct talk {
    bool used, seen;
    uint64_t touched;
    tern_flow flow; /* as A sees it */
    numbers n;
    int state[2], shown[2];
    const char *timer[2], *timer_shown[2]; /* that runs; NULL: none, or nobody told */
    uint64_t timer_due[2];
};

/* A segment between its departure and its arrival. */
struct flight {
    enum { FLIGHT_NONE, FLIGHT_HELD, FLIGHT_DRAWN, FLIGHT_CONDENSED } status;
    struct talk *talk;
    int from, state;
    bool repeated;
    uint64_t id;
    tern_trace record;
    reading reading;
};

struct ladder {
    struct ladder_options o;
    struct canvas canvas;
    char name[2][NAME];
    struct talk talk[TALKS];
    struct talk *drawn; /* whose heading is the latest */
    uint64_t clock;
    uint64_t now; /* of the latest record */

    struct flight flight[FLIGHTS]; /* a ring: first..next, drawn ones among them */
    unsigned first, next;
    uint64_t flights; /* so far */

    struct { /* a call, timer or move that may still gain a part */
        bool active, said, moved;
        struct talk *talk;
        int end, from_state, to_state;
        uint64_t time_ns;
        char text[128];
        uint32_t reason;
    } lane;

    struct alike { /* what arrived at an end for the same reason, one after another */
        struct talk *talk;
        uint32_t reason;
        uint64_t seen, hidden, since_ns;
    } alike[2];

    struct {
        struct talk *talk;
        int from;
        uint64_t streak, segments, bytes, acks, since_ns;
    } run;
};

/* ---- connections ---- */

void talk_start(struct ladder *l, struct talk *t);
/* The one with these sockets, as `end` sees them; it is made, and the oldest forgotten, when there is none. */
struct talk *talk_of(struct ladder *l, int end, const tern_flow *flow);

/* ---- drawing: each first draws what must stand before ---- */

struct why why_of(const struct ladder *l, char *buf, size_t size);
void draw(struct ladder *l, struct talk *t, struct rung *rung);
void draw_note(struct ladder *l, const char *text);
/* `arrival` is the receiver's record, NULL when there is none. */
void draw_segment(struct ladder *l, const struct flight *f, enum rung_kind kind, const tern_trace *arrival);
void draw_alike(struct ladder *l, int end);
void draw_run(struct ladder *l);
/* Everything that is held back. */
void flush_all(struct ladder *l);

/* ---- segments under way ---- */

struct flight *new_flight(struct ladder *l);
struct flight *find_flight(struct ladder *l, const struct talk *t, int from, const tern_trace *record);
/* Draws the held ones up to, not including, `stop` (NULL: all) as they stand. */
void flush_flights(struct ladder *l, const struct flight *stop);
void forget_done(struct ladder *l);
/* Forgets what belongs to a connection. */
void drop_flights(struct ladder *l, const struct talk *t);

#endif
