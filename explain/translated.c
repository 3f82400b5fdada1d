/* translated.c - see translated.h. Two numbers of 32 bits that both ends draw agree by chance once in 10^19 pairs. */
#include "explain/translated.h"

#include <stdlib.h>

enum { PLACE_BITS = 12 };

/* As long as a translator may take. */
static const uint64_t at_most_ns = SEC_NS;

struct translated {
    struct {
        uint64_t both, time_ns, id; /* id 0: free */
    } at[1 << PLACE_BITS];
};

struct translated *translated_new(void) {
    return calloc(1, sizeof(struct translated));
}
void translated_free(struct translated *t) { free(t); }

uint64_t translated_seen(struct translated *t, const struct flow_packet *p, uint64_t id) {
    uint64_t both = (uint64_t)p->tcp.seq_no.v << 32 | p->tcp.ack_no.v;
    size_t i = (size_t)(both * UINT64_C(0x9e3779b97f4a7c15) >> (64 - PLACE_BITS));
    uint64_t was_ns = t->at[i].time_ns, apart = was_ns > p->time_ns ? was_ns - p->time_ns : p->time_ns - was_ns;
    bool same = t->at[i].id != 0 && t->at[i].id != id && t->at[i].both == both && apart <= at_most_ns;
    uint64_t other = same ? t->at[i].id : 0;
    t->at[i].both = both;
    t->at[i].time_ns = p->time_ns;
    t->at[i].id = id;
    return other;
}
