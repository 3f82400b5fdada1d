/* hostile.h - the two things that every parser of packets must bear: a packet cut short at any byte, and one with
 * random changes. The bytes end where their memory ends. */
#ifndef UNIT_HOSTILE_H
#define UNIT_HOSTILE_H

#include "draw.h"

#include "base/bytes.h"

/* Parses and, if that went well, prints; returns whether it went well. */
typedef bool hostile_parse(const uint8_t *p, size_t n);

/* How many of the n truncations are taken for whole. */
static inline unsigned hostile_truncate(const uint8_t *packet, size_t n, hostile_parse *parse) {
    unsigned whole = 0;
    for (size_t k = 0; k < n; k++) {
        uint8_t *p = exact_copy(packet, k);
        whole += parse(p, k);
        exact_free(p, k);
    }
    return whole;
}

static inline void hostile_mutate(draw *d, const uint8_t *packet, size_t n, unsigned times, hostile_parse *parse) {
    for (unsigned i = 0; i < times; i++) {
        size_t k = draw_below(d, 4) ? n : draw_below(d, (uint32_t)n + 1);
        uint8_t *p = exact_copy(packet, k);
        for (unsigned changes = draw_below(d, 8); changes && k; changes--) {
            p[draw_below(d, (uint32_t)k)] = (uint8_t)(draw_bool(d) ? draw_u64(d) : draw_below(d, 10));
        }
        parse(p, k);
        exact_free(p, k);
    }
}

static inline void hostile_random(draw *d, size_t longest, unsigned times, hostile_parse *parse) {
    for (unsigned i = 0; i < times; i++) {
        uint8_t bytes[512];
        size_t n = draw_below(d, (uint32_t)min_size(longest, sizeof bytes) + 1);
        draw_bytes(d, bytes, n);
        uint8_t *p = exact_copy(bytes, n);
        parse(p, n);
        exact_free(p, n);
    }
}

#endif
