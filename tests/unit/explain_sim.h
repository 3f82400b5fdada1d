/* explain_sim.h - two tern hosts in virtual time, every packet between them with the states that its ends really had,
 * and what a capture at A, at B or in between would hold of it: the truth that explain's machine is tested against. */
#ifndef TESTS_EXPLAIN_SIM_H
#define TESTS_EXPLAIN_SIM_H

#include "drivers/sim.h"
#include "explain/passive.h"

enum { PLAN_STEPS = 12, CROSSINGS_MAX = 4096 };

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
    bool arrived, left_known;
    uint64_t left_ns, arrived_ns;
    int left_state, arrived_state; /* enum tern_state of the sender as it left, of the receiver after it came */
    uint32_t len;
    uint8_t *bytes;
};

struct crossings {
    size_t count;
    struct crossing at[CROSSINGS_MAX];
};

/* Runs the plan; free with crossings_free. */
void plan_run(const struct plan *plan, struct crossings *out);
void crossings_free(struct crossings *c);

/* A random plan, the same for the same seed: openings, closings, aborts, loss, disorder, copies, half-closes. */
void plan_random(uint64_t seed, struct plan *out);

/* What a capture holds, in its order; `where` is a side, or 2: half-way. Indices into c->at, with times. */
struct glimpse {
    size_t which;
    uint64_t time_ns;
};
size_t crossings_seen(const struct crossings *c, int where, struct glimpse *out, size_t max);

/* The packet as the flow table would give it; false: no TCP. A is the side 0. */
bool crossing_packet(const struct crossing *x, uint64_t time_ns, uint64_t number, struct flow_packet *out);

#endif
