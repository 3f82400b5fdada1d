/* checksum_inner.h - what the checksum's implementations share: word loads and the ends that are too short for vectors.
 * Private to checksum.c and checksum_x86.c. */
#ifndef BASE_CHECKSUM_INNER_H
#define BASE_CHECKSUM_INNER_H

#include "base/checksum.h"

static inline uint64_t sum_load64(const uint8_t *p) {
    uint64_t v;
    memcpy(&v, p, 8);
    return v;
}
static inline uint32_t sum_load32(const uint8_t *p) {
    uint32_t v;
    memcpy(&v, p, 4);
    return v;
}
static inline uint16_t sum_load16(const uint8_t *p) {
    uint16_t v;
    memcpy(&v, p, 2);
    return v;
}
/* A byte that stands first in its 16-bit word, the second being zero. */
static inline uint64_t sum_first_byte(uint8_t b) {
    const uint8_t pair[2] = {b, 0};
    return sum_load16(pair);
}

/* The last n < 8 bytes of something at least 8 bytes long: one load that reaches back over bytes already counted, which
 * are then shifted out. */
static inline uint64_t sum_back(const uint8_t *p, size_t n) {
    uint64_t v = sum_load64(p + n - 8);
    unsigned shift = (unsigned)(8 * (8 - n));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return v << shift;
#else
    return v >> shift;
#endif
}

/* n < 8 bytes with nothing to reach back to. */
static inline uint64_t sum_tiny(const uint8_t *p, size_t n, uint64_t sum) {
    uint64_t small = 0;
    if (n & 4) {
        small += sum_load32(p);
        p += 4;
    }
    if (n & 2) {
        small += sum_load16(p);
        p += 2;
    }
    if (n & 1) small += sum_first_byte(*p);
    return checksum_join(sum, small);
}

/* Any length, best for short ones. */
static inline uint64_t sum_words(const uint8_t *p, size_t n, uint64_t sum) {
    if (n < 8) return sum_tiny(p, n, sum);
    if (n >= 32) {
        uint64_t a = 0, b = 0, c = 0;
        for (; n >= 32; p += 32, n -= 32) {
            sum = checksum_join(sum, sum_load64(p));
            a = checksum_join(a, sum_load64(p + 8));
            b = checksum_join(b, sum_load64(p + 16));
            c = checksum_join(c, sum_load64(p + 24));
        }
        sum = checksum_join(checksum_join(sum, a), checksum_join(b, c));
    }
    for (; n >= 8; p += 8, n -= 8) sum = checksum_join(sum, sum_load64(p));
    return n ? checksum_join(sum, sum_back(p, n)) : sum;
}

/* The same while copying, for what a vector loop leaves over and for short pieces. */
static inline uint64_t copy_sum_words(uint8_t *to, const uint8_t *p, size_t n, uint64_t sum) {
    if (n < 8) {
        if (n & 4) memcpy(to, p, 4);
        if (n & 2) memcpy(to + (n & 4), p + (n & 4), 2);
        if (n & 1) to[n - 1] = p[n - 1];
        return sum_tiny(p, n, sum);
    }
    uint64_t other = 0;
    for (; n >= 16; p += 16, to += 16, n -= 16) {
        uint64_t v = sum_load64(p), w = sum_load64(p + 8);
        memcpy(to, &v, 8);
        memcpy(to + 8, &w, 8);
        sum = checksum_join(sum, v);
        other = checksum_join(other, w);
    }
    sum = checksum_join(sum, other);
    if (n >= 8) {
        uint64_t v = sum_load64(p);
        memcpy(to, &v, 8);
        sum = checksum_join(sum, v);
        p += 8;
        to += 8;
        n -= 8;
    }
    if (n) {
        memcpy(to + n - 8, p + n - 8, 8);
        sum = checksum_join(sum, sum_back(p, n));
    }
    return sum;
}

/* The processor's own implementations, fastest last; 0 of them where there are none (checksum_x86.c). */
size_t checksum_ops_processor(const checksum_ops *out[3]);
/* The one with this id, which checksum_ops_processor gave out before; ids start at 1. */
const checksum_ops *checksum_ops_processor_by_id(uint8_t id);

#endif
