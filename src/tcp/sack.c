/* sack.c - selective acknowledgments sent (RFC 2018 4, RFC 2883): which blocks a receiver reports. What a sender
 * makes of blocks it receives belongs to loss recovery. */
#include "tcp/tcb.h"

static void put(tcp_options *o, range r) {
    o->sack[o->sack_count].left = r.left;
    o->sack[o->sack_count].right = r.right;
    o->sack_count++;
}

void sack_duplicate(struct tcb *t, seq left, seq right) {
    bool follows = t->busy->dup_len && seq_eq(left, seq_add(t->busy->dup, t->busy->dup_len));
    uint32_t len = (uint32_t)seq_diff(right, left) + (follows ? t->busy->dup_len : 0);
    if (!follows) t->busy->dup = left;
    t->busy->dup_len = (uint16_t)min_u32(len, 65535);
}

static bool told(const tcp_options *o, unsigned from, range r) {
    for (unsigned i = from; i < o->sack_count; i++)
        if (seq_eq(o->sack[i].left, r.left)) return true;
    return false;
}

/* Bytes that came twice are told first [RFC2883 4]. Then the block with the segment that just arrived (around the
 * duplicate, if that lies beyond a hole), then those that were told last, so that each is told several times should
 * ACKs be lost; what room is left goes to the others [RFC2018 4]. */
unsigned sack_blocks(const struct tcb *t, tcp_options *o, unsigned most) {
    const struct islands *all = t->busy->islands;
    if (t->busy->dup_len) put(o, (range){t->busy->dup, seq_add(t->busy->dup, t->busy->dup_len)});
    unsigned from = o->sack_count;
    for (unsigned i = 0; all && i < all->recents && o->sack_count < most; i++) {
        unsigned k = range_find(&all->set, all->recent[i]);
        bool there = k < all->set.count && seq_le(all->at[k].left, all->recent[i]);
        if (there && !told(o, from, all->at[k])) put(o, all->at[k]);
    }
    for (unsigned i = all ? all->set.count : 0; i-- > 0 && o->sack_count < most;)
        if (!told(o, from, all->at[i])) put(o, all->at[i]);
    return o->sack_count;
}
