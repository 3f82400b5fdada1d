/* random.c - numbers from SipHash-2-4 in counter mode: the same seed gives the same numbers on every machine. Not here:
 * where the seed comes from. */
#include "base/random.h"

uint64_t rng_u64(rng *r) {
    uint64_t n = r->counter++;
    uint8_t block[8];
    for (unsigned i = 0; i < 8; i++) block[i] = (uint8_t)(n >> (8 * i));
    return siphash24(&r->key, block, sizeof block);
}

/* The high word of a product is even over 0 .. n-1 once the few products that come up too often are thrown away
 * (Lemire 2019); a division is only needed when one of those may be at hand. */
uint32_t rng_below(rng *r, uint32_t n) {
    ASSERT(n > 0);
    uint64_t product = (rng_u64(r) >> 32) * n;
    if (unlikely((uint32_t)product < n)) {
        uint32_t surplus = (0u - n) % n;
        while ((uint32_t)product < surplus) product = (rng_u64(r) >> 32) * n;
    }
    return (uint32_t)(product >> 32);
}
