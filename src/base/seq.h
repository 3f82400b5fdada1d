/* seq.h - sequence numbers: a type of its own, so that `a < b` does not compile (RFC 9293 3.4: modulo 2^32). */
#ifndef BASE_SEQ_H
#define BASE_SEQ_H

#include "base/base.h"

typedef struct seq {
    uint32_t v;
} seq;

static inline seq seq_of(uint32_t v) { return (seq){v}; }
static inline seq seq_add(seq a, uint32_t n) { return (seq){a.v + n}; }
/* How far b lies ahead of a; negative when it is behind. */
static inline int32_t seq_diff(seq b, seq a) { return (int32_t)(b.v - a.v); }
static inline bool seq_lt(seq a, seq b) { return seq_diff(a, b) < 0; }
static inline bool seq_le(seq a, seq b) { return seq_diff(a, b) <= 0; }
static inline bool seq_gt(seq a, seq b) { return seq_diff(a, b) > 0; }
static inline bool seq_ge(seq a, seq b) { return seq_diff(a, b) >= 0; }
static inline bool seq_eq(seq a, seq b) { return a.v == b.v; }
static inline seq seq_max(seq a, seq b) { return seq_gt(a, b) ? a : b; }
static inline seq seq_min(seq a, seq b) { return seq_lt(a, b) ? a : b; }
/* first =< x < first + n */
static inline bool seq_within(seq x, seq first, uint32_t n) { return x.v - first.v < n; }

#endif
