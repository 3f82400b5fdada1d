/* sack.c - selective acknowledgments sent (RFC 2018 4): which blocks a receiver reports. What a sender makes of blocks it
 * receives belongs to loss recovery. */
#include "tcp/tcb.h"

static void put(tcp_options *o, range r) {
    o->sack[o->sack_count].left = r.left;
    o->sack[o->sack_count].right = r.right;
    o->sack_count++;
}

/* The block with the segment that just arrived comes first, then the others, newest knowledge repeated most [RFC2018 4]. */
unsigned sack_blocks(const struct tcb *t, tcp_options *o, unsigned most) {
    const range_set *set = t->rcv.islands;
    unsigned first = set->count;
    for (unsigned i = 0; i < set->count; i++)
        if (seq_le(set->at[i].left, t->rcv.latest) && seq_lt(t->rcv.latest, set->at[i].right)) first = i;
    if (first < set->count) put(o, set->at[first]);
    for (unsigned i = set->count; i-- > 0 && o->sack_count < most;)
        if (i != first) put(o, set->at[i]);
    return o->sack_count;
}
