/* draw.h - numbers for property tests (splitmix64), the same in every run; and memory of an exact size, so that the
 * address sanitizer sees every byte read beyond it. */
#ifndef UNIT_DRAW_H
#define UNIT_DRAW_H

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct draw {
    uint64_t state;
} draw;

static inline uint64_t draw_u64(draw *d) {
    uint64_t z = d->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}
/* 0 .. n-1 */
static inline uint32_t draw_below(draw *d, uint32_t n) { return (uint32_t)((draw_u64(d) >> 32) * n >> 32); }
static inline int draw_bool(draw *d) { return (int)(draw_u64(d) >> 63); }
static inline void draw_bytes(draw *d, void *to, size_t n) {
    for (size_t i = 0; i < n; i++) ((uint8_t *)to)[i] = (uint8_t)(draw_u64(d) >> 56);
}

/* A copy that ends where its memory ends; free it. */
static inline uint8_t *exact_copy(const void *from, size_t n) {
    uint8_t *p = malloc(n ? n : 1);
    assert(p);
    if (n) memcpy(p, from, n);
    return p + (n ? 0 : 1);
}
static inline void exact_free(uint8_t *p, size_t n) { free(n ? p : p - 1); }

#endif
