/* fuzz.h - what the targets share: reading decisions out of the input, and memory that counts and fails on demand. A
 * target is one function; replay.c or libFuzzer calls it. */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/stack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Something is wrong: the input that led here is the find. */
static inline void require(bool good) {
    if (!good) abort();
}

struct input {
    const uint8_t *at, *end;
};
static inline bool input_left(const struct input *in) { return in->at < in->end; }
static inline uint8_t take8(struct input *in) { return input_left(in) ? *in->at++ : 0; }
static inline uint16_t take16(struct input *in) {
    uint8_t high = take8(in);
    return (uint16_t)(high << 8 | take8(in));
}
static inline uint32_t take32(struct input *in) {
    uint32_t high = take16(in);
    return high << 16 | take16(in);
}
/* Up to n bytes, in memory of their own, so that reading past them is seen. Free it. */
static inline uint8_t *take_bytes(struct input *in, size_t n, size_t *len) {
    *len = min_size(n, (size_t)(in->end - in->at));
    uint8_t *p = malloc(*len + !*len);
    require(p != NULL);
    if (*len) memcpy(p, in->at, *len);
    in->at += *len;
    return p;
}

struct fuzz_heap {
    uint64_t live;
    unsigned fail_in; /* the so-manieth allocation from now on fails; 0: none */
};
static inline void *fuzz_alloc(void *ctx, size_t size) {
    struct fuzz_heap *h = ctx;
    if (h->fail_in && --h->fail_in == 0) return NULL;
    void *p = malloc(size);
    if (p) h->live += size;
    return p;
}
static inline void fuzz_release(void *ctx, void *p, size_t size) {
    ((struct fuzz_heap *)ctx)->live -= size;
    free(p);
}

#endif
