/* range.c - the sorted set of ranges behind out-of-order reassembly (RFC 9293 3.10.7.4, seventh step; RFC 2018 4
 * reports it). The bytes themselves are in ring.c's ring. */
#include "base/range.h"

/* The first range whose right edge is at or beyond x (`beyond` false), or strictly beyond it. */
static unsigned first_right_of(const range_set *s, seq x, bool beyond) {
    unsigned low = 0, high = s->count;
    while (low < high) {
        unsigned mid = (low + high) / 2;
        seq right = s->at[mid].right;
        if (beyond ? seq_gt(right, x) : seq_ge(right, x))
            high = mid;
        else
            low = mid + 1;
    }
    return low;
}

/* Replaces the `n` ranges from index i on by `by` (0 or 1) ranges whose content is the caller's to fill. */
static void splice(range_set *s, unsigned i, unsigned n, unsigned by) {
    memmove(s->at + i + by, s->at + i + n, (s->count - i - n) * sizeof s->at[0]);
    s->count = (uint16_t)(s->count - n + by);
}

enum range_result range_add(range_set *s, seq left, seq right, unsigned *touched) {
    ASSERT(seq_lt(left, right));
    unsigned i = first_right_of(s, left, false), end = i;
    while (end < s->count && seq_le(s->at[end].left, right))
        end++; /* each of these disappears: paid for when it was added */

    if (i == end && s->count == s->cap) return RANGE_FULL;
    if (touched) *touched = i;
    if (i == end) {
        splice(s, i, 0, 1);
        s->at[i] = (range){left, right};
        return RANGE_ADDED;
    }
    range all = {seq_min(left, s->at[i].left), seq_max(right, s->at[end - 1].right)};
    if (seq_eq(all.left, s->at[i].left) && seq_eq(all.right, s->at[i].right)) return RANGE_KNOWN;
    splice(s, i, end - i, 1);
    s->at[i] = all;
    return RANGE_ADDED;
}

seq range_take(range_set *s, seq at) {
    unsigned n = 0;
    while (n < s->count && seq_le(s->at[n].left, at)) at = seq_max(at, s->at[n++].right);
    if (n) splice(s, 0, n, 0);
    return at;
}

unsigned range_find(const range_set *s, seq x) { return first_right_of(s, x, true); }

range range_overlap(const range_set *s, seq left, seq right) {
    unsigned i = first_right_of(s, left, true);
    if (i == s->count || seq_ge(s->at[i].left, right)) return (range){left, left};
    return (range){seq_max(left, s->at[i].left), seq_min(right, s->at[i].right)};
}
