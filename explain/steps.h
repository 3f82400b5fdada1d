/* steps.h - the packets of one connection with what was said of each, kept for those who draw it when it is over: what
 * came later then narrows what was said before (passive_hindsight). */
#ifndef EXPLAIN_STEPS_H
#define EXPLAIN_STEPS_H

#include "explain/verdict.h"

enum { STEPS_MAX = 1 << 18 }; /* what comes after them is counted, not kept */

struct step_kept {
    struct flow_packet packet; /* without the payload */
    struct passive_view view;
    bool repeated, copy;
    bool both;   /* two places show it; `transit_ns` lies between */
    bool hidden; /* it is the second one of them, and the first one stands for both */
    uint64_t transit_ns;
};

struct steps {
    struct step_kept *at;
    size_t n, room;
    uint64_t cut; /* packets that were not kept */
};

/* `l` and `view` are NULL for copies. */
void steps_add(struct steps *s, const struct flow_packet *p, const struct sight *l, const struct passive_view *view);
/* Goes back through them once, from the last one on. */
void steps_look_back(struct steps *s);
void steps_free(struct steps *s);

#endif
