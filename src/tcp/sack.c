/* sack.c - selective acknowledgments sent (RFC 2018 4, RFC 2883): which blocks a receiver reports. What a sender
 * makes of blocks it receives belongs to loss recovery. */
#include "tcp/tcb.h"

static void put(tcp_options *o, range r) {
    o->sack[o->sack_count].left = r.left;
    o->sack[o->sack_count].right = r.right;
    o->sack_count++;
}

void sack_duplicate(struct tcb *t, seq left, seq right) {
    bool follows = t->rcv.dup_len && seq_eq(left, seq_add(t->rcv.dup, t->rcv.dup_len));
    uint32_t len = (uint32_t)seq_diff(right, left) + (follows ? t->rcv.dup_len : 0);
    if (!follows) t->rcv.dup = left;
    t->rcv.dup_len = (uint16_t)min_u32(len, 65535);
}

/* Bytes that came twice are told first [RFC2883 4]. Then the block with the segment that just arrived (around the
 * duplicate, if that lies beyond a hole), then the others, newest knowledge repeated most [RFC2018 4]. */
unsigned sack_blocks(const struct tcb *t, tcp_options *o, unsigned most) {
    static const range_set none;
    const range_set *set = t->rcv.islands ? t->rcv.islands : &none;
    unsigned first = set->count;
    if (t->rcv.dup_len) put(o, (range){t->rcv.dup, seq_add(t->rcv.dup, t->rcv.dup_len)});
    for (unsigned i = 0; i < set->count; i++)
        if (seq_le(set->at[i].left, t->rcv.latest) && seq_lt(t->rcv.latest, set->at[i].right)) first = i;
    if (first < set->count) put(o, set->at[first]);
    for (unsigned i = set->count; i-- > 0 && o->sack_count < most;)
        if (i != first) put(o, set->at[i]);
    return o->sack_count;
}
