/* range.h - a bounded set of disjoint, non-touching ranges of sequence numbers, kept sorted: which bytes arrived out of
 * order. Binary search, one array, no allocation after the first; it knows nothing of the bytes themselves. */
#ifndef BASE_RANGE_H
#define BASE_RANGE_H

#include "base/seq.h"

typedef struct range {
    seq left, right; /* left =< x < right */
} range;

typedef struct range_set {
    range *at; /* sorted by left; all within 2^31 of each other */
    uint16_t count;
    uint16_t cap; /* room in at[], given by the owner */
} range_set;

enum range_result {
    RANGE_ADDED, /* something new */
    RANGE_KNOWN, /* every byte was there already */
    RANGE_FULL,  /* it would need one range more than cap: nothing changed */
};
/* Adds [left, right), joining what it overlaps or touches. `touched` (may be NULL) gets the index of the range that
 * now holds it. */
enum range_result range_add(range_set *s, seq left, seq right, unsigned *touched);
/* If a range starts at or before `at`, removes it and returns its right edge, else returns `at`. */
seq range_take(range_set *s, seq at);
/* Index of the first range that ends behind x; `count`: none does. */
unsigned range_find(const range_set *s, seq x);
/* The first stretch of [left, right) that is there; empty when nothing is. */
range range_overlap(const range_set *s, seq left, seq right);

#endif
