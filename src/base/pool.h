/* pool.h - objects of one size in chunks that never move, found by a 32-bit index in O(1), with a generation each so
 * that a stale index is noticed. The chunks come from the caller's memory callbacks; freed slots are reused, newest
 * first. */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include "base/base.h"

struct stack;

enum { POOL_CHUNK_SHIFT_MAX = 10 };

typedef struct pool {
    uint32_t object_size; /* a multiple of 8, at least 8; the first 4 bytes of a free object link the free list; objects
                             of whole cache lines begin with one */
    uint32_t chunk_shift; /* objects a chunk = 1 << shift */
    uint32_t limit;       /* most objects at once */
    uint32_t used;
    uint32_t made;      /* slots that exist in chunks */
    uint32_t free_head; /* index + 1 of the newest free slot, 0: none */
    uint32_t chunks, chunks_cap;
    void **chunk;
    uint32_t **generation; /* per chunk; odd while the slot is used, even while it is free */
} pool;

void pool_init(pool *p, uint32_t object_size, uint32_t chunk_shift, uint32_t limit);
/* A zeroed object and its index, or NULL (limit or memory). */
void *pool_take(pool *p, struct stack *s, uint32_t *index);
void pool_give(pool *p, uint32_t index);
static inline void *pool_at(const pool *p, uint32_t index) {
    return (char *)p->chunk[index >> p->chunk_shift] + (size_t)(index & ((1u << p->chunk_shift) - 1)) * p->object_size;
}
static inline uint32_t *pool_generation_at(const pool *p, uint32_t index) {
    return &p->generation[index >> p->chunk_shift][index & ((1u << p->chunk_shift) - 1)];
}
static inline uint32_t pool_generation(const pool *p, uint32_t index) { return *pool_generation_at(p, index); }
/* The object if it is in use under this generation, else NULL. Any index is safe. */
static inline void *pool_find(const pool *p, uint32_t index, uint32_t generation) {
    bool odd = generation & 1; /* those of slots in use are */
    return odd && index < p->made && pool_generation(p, index) == generation ? pool_at(p, index) : NULL;
}
/* Is slot `index` in use? For walking 0 .. made-1. */
bool pool_used(const pool *p, uint32_t index);
void pool_free(pool *p, struct stack *s);

#endif
