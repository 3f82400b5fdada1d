/* places.h - captures of one connection at two places, merged: which packets of the one were seen at the other, too, and
 * how long they took between them. A connection is followed where it was seen first, at home; what the other place
 * shows of it adds transit times and losses, and is never taken for a repetition. Whose clock is right is clocks.h's. */
#ifndef EXPLAIN_PLACES_H
#define EXPLAIN_PLACES_H

#include "base/siphash.h"
#include "explain/decode.h"

/* Of one direction, named after the end that sends. Counted while both places captured. */
struct places_way {
    uint64_t seen[2], both;    /* packets seen at home, at the other place; of these: at both */
    uint64_t timed;            /* of those: it is certain which was which */
    int64_t least_ns, most_ns; /* how much later they came by the other place; negative: earlier */
    int64_t sum_ns;
};

/* Of a connection that two places show. */
struct flow_places {
    uint32_t other;               /* a file of the other place, once it has `met` */
    uint64_t apart_ns, within_ns; /* by so much its clock differs from home's, give or take */
    uint16_t mss[2];              /* what each end offers there; 0: its SYN was not seen */
    bool met;                     /* the other place has shown a packet of it */
    bool pieces;                  /* segments were cut or joined between */
    bool undecided;               /* the clocks do not say how long packets took */
    struct places_way way[2];
};

struct places;
struct clocks;

/* NULL: no memory. `clocks` lasts longer. */
struct places *places_new(const struct clocks *clocks, size_t files);
void places_free(struct places *p);

/* What a packet is wherever it is seen: other hops, other identifications and another cut into segments leave it alone. */
uint64_t places_print(const siphash_key *key, const struct decoded *d);
uint32_t places_of(const struct places *p, uint32_t file);
/* Does the flow's home no longer capture, and has not shown this packet? */
bool places_home_ended(struct places *p, const struct explain_flow *f, const struct decoded *d);
/* A packet of the flow, d->tcp.from filled in: seen elsewhere, or at home. Sets its `twin` and `transit_ns` when the
 * other place has shown it already. */
void places_elsewhere(struct places *p, struct explain_flow *f, struct decoded *d);
void places_home(struct places *p, struct explain_flow *f, struct decoded *d);

/* Which place this end is nearer to: 0 home, 1 the other; -1: that is not known. */
int places_near(const struct explain_flow *f, int end);
/* Packets of this end that passed the place near to it and not the other; `missed`: the other way round, which is the
 * work of a capture. Neither is known where segments were cut or joined. */
uint64_t places_lost(const struct explain_flow *f, int end, uint64_t *missed);
/* How long packets of this end took; false: that is not known. */
bool places_transit(const struct explain_flow *f, int end, uint64_t *least_ns, uint64_t *mean_ns, uint64_t *most_ns);

#endif
