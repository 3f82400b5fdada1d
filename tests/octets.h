/* octets.h - packets made by hand in tests: numbers in network order, and the sum of RFC 1071 in its plainest form. It
 * shares nothing with the core's own, so that a test does not take over the core's mistakes. */
#ifndef TESTS_OCTETS_H
#define TESTS_OCTETS_H

#include <stddef.h>
#include <stdint.h>

static inline void put16(uint8_t *p, uint32_t v) {
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}
static inline void put32(uint8_t *p, uint32_t v) {
    put16(p, v >> 16);
    put16(p + 2, v);
}
static inline uint32_t get16(const uint8_t *p) { return (uint32_t)p[0] << 8 | p[1]; }
static inline uint32_t get32(const uint8_t *p) { return get16(p) << 16 | get16(p + 2); }

/* Folded to 16 bits, not complemented; `sum` is where it starts, e.g. a pseudo-header's. */
static inline uint32_t sum16(const uint8_t *p, size_t n, uint32_t sum) {
    for (size_t i = 0; i + 1 < n; i += 2) sum += get16(p + i);
    if (n & 1) sum += (uint32_t)p[n - 1] << 8;
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

#endif
