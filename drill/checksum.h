/* checksum.h - the Internet checksum (RFC 1071) in its plain form, for packets of scripts. */
#ifndef DRILL_CHECKSUM_H
#define DRILL_CHECKSUM_H

#include "tern.h"

static inline uint64_t sum_add(const uint8_t *p, size_t n, uint64_t sum) {
    for (; n > 1; p += 2, n -= 2) sum += (uint64_t)(p[0] << 8 | p[1]);
    return n > 0 ? sum + (uint64_t)(p[0] << 8) : sum;
}

static inline uint16_t sum_fold(uint64_t sum) {
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static inline void sum_store(uint8_t at[2], uint64_t sum) {
    uint16_t v = sum_fold(sum);
    at[0] = (uint8_t)(v >> 8);
    at[1] = (uint8_t)v;
}

static inline uint64_t sum_pseudo(const tern_addr *src, const tern_addr *dst, unsigned proto, uint32_t len) {
    size_t n = src->family == 6 ? 16 : 4;
    return sum_add(src->bytes, n, 0) + sum_add(dst->bytes, n, 0) + proto + (len >> 16) + (len & 0xffff);
}

#endif
