/* random.h - a fast generator seeded from the caller's entropy: for jitter and choices that need no secrecy beyond
 * "not guessable from a few outputs" (ports, DAD delays, DNS-like ids). xoshiro-free: SipHash-2-4 in counter mode. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include "base/siphash.h"

typedef struct rng {
    siphash_key key;
    uint64_t counter;
} rng;

uint64_t rng_u64(rng *r);
/* Even over 0 .. n-1, n > 0. */
uint32_t rng_below(rng *r, uint32_t n);

#endif
