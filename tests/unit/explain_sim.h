/* explain_sim.h - two tern hosts in virtual time, every packet between them with the states that its ends really had,
 * and what a capture at A, at B or in between would hold of it: the truth that explain's machine is tested against. */
#ifndef TESTS_EXPLAIN_SIM_H
#define TESTS_EXPLAIN_SIM_H

#include "drivers/sim.h"
#include "explain/verdict.h"

enum { PLAN_STEPS = 12 };

enum plan_what {
    PLAN_WRITE,
    PLAN_READ_ON,
    PLAN_READ_OFF,
    PLAN_SHUTDOWN,
    PLAN_CLOSE,
    PLAN_ABORT,
    PLAN_CONNECT,
    PLAN_LISTEN
};

/* What the applications do, and when. */
struct plan_step {
    uint64_t at_ms;
    uint8_t side, what;
    uint32_t bytes;
};

struct plan {
    struct sim_config config;
    struct plan_step step[PLAN_STEPS];
    unsigned steps;
    bool no_listener;     /* nobody listens at B */
    bool close_at_eof[2]; /* a host closes as soon as the other has */
    uint64_t end_ms;
};

/* One packet on its way. */
struct crossing {
    uint8_t from;
    bool arrived, lost, foreign; /* foreign: its sender never sent it */
    uint64_t left_ns, arrived_ns;
    uint64_t left_nth, arrived_nth; /* of all that left and arrived: what happened first at one time */
    int left_state, arrived_state;  /* enum tern_state of the sender as it left, of the receiver after it came */
    uint32_t len;
    uint8_t *bytes;
};

struct crossings {
    size_t count, room;
    uint64_t events;
    struct crossing *at;
};

/* Makes crossings out of the traces of two hosts, and of what came from elsewhere. */
struct observer {
    struct crossings *c;
    bool segments; /* the trace has no TERN_TRACE_PACKET_IN: arrivals are known by their segments */
    struct observed *host[2];
};
void observer_start(struct observer *o, struct crossings *c);
void observer_record(struct observer *o, int end, const tern_trace *r);
/* What `end` had sent will not arrive. */
void observer_lost(struct observer *o, int end, const uint8_t *bytes, uint32_t len);
/* A packet of neither host arrives at `end`; its arrival is told by the trace, too. */
void observer_foreign(struct observer *o, int end, uint64_t time_ns, const uint8_t *bytes, uint32_t len);
/* Without a word, the connection is in this state now. */
void observer_state(struct observer *o, int end, const tern_flow *flow, enum tern_state state);
void observer_stop(struct observer *o);

/* Runs the plan; free with crossings_free. */
void plan_run(const struct plan *plan, struct crossings *out);
void crossings_free(struct crossings *c);

/* A random plan, the same for the same seed: openings, closings, aborts, loss, disorder, copies, half-closes. */
void plan_random(uint64_t seed, struct plan *out);

/* What a capture holds, in its order; `where` is a side, or 2: half-way. Indices into c->at, with times. */
struct glimpse {
    size_t which;
    uint64_t time_ns, nth;
};
/* Allocated; *n of them. */
struct glimpse *crossings_seen(const struct crossings *c, int where, size_t *n);

/* The packet as the flow table would give it; false: no TCP. A is the side 0. */
bool crossing_packet(const struct crossing *x, uint64_t time_ns, uint64_t number, struct flow_packet *out);

/* How often what was said was certain and right, likely, ... */
struct score {
    unsigned certain, likely, missed, undecided, wrong;
};
/* One statement against the truth (-1: not known). False when it was wrong; then it is printed. */
bool score_statement(struct score *score, const char *what, const struct statement *s, int truth);
void score_print(const char *name, const struct score *score);

#endif
