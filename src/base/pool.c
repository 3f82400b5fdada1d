/* pool.c - chunks, the free list and the generations of a pool. What the objects are is their owner's business. */
#include "base/pool.h"

#include "core/stack.h"

enum { FIRST_CHUNKS = 4, LINE = 64 };

static inline uint32_t chunk_objects(const pool *p) { return 1u << p->chunk_shift; }

/* What lies in front of the first object, so that objects of whole cache lines begin with one. */
static size_t slack_most(const pool *p) { return p->object_size % LINE ? 0 : LINE - 8; }
static size_t slack(const pool *p, const void *memory) { return -(uintptr_t)memory % LINE & slack_most(p); }

/* A chunk's objects, with their generations and the slack behind them in the same piece of memory. */
static size_t chunk_bytes(const pool *p) {
    return slack_most(p) + chunk_objects(p) * ((size_t)p->object_size + sizeof(uint32_t)) + sizeof(uint32_t);
}

static void chunk_free(pool *p, struct stack *s, uint32_t chunk) {
    mem_free(s, (char *)p->chunk[chunk] - p->generation[chunk][chunk_objects(p)], chunk_bytes(p));
}

/* chunk[] and generation[] share one piece of memory too. */
static size_t directory_bytes(uint32_t cap) { return cap * (sizeof(void *) + sizeof(uint32_t *)); }

void pool_init(pool *p, uint32_t object_size, uint32_t chunk_shift, uint32_t limit) {
    ASSERT(object_size >= 8 && object_size % 8 == 0 && chunk_shift <= POOL_CHUNK_SHIFT_MAX);
    *p = (pool){.object_size = object_size, .chunk_shift = chunk_shift, .limit = limit};
}

static bool grow_directory(pool *p, struct stack *s) {
    uint32_t cap = p->chunks_cap ? p->chunks_cap * 2 : FIRST_CHUNKS;
    void **chunk = mem_alloc(s, directory_bytes(cap));
    if (!chunk) return false;
    uint32_t **generation = (uint32_t **)(void *)(chunk + cap);
    if (p->chunks) {
        memcpy(chunk, p->chunk, p->chunks * sizeof chunk[0]);
        memcpy(generation, p->generation, p->chunks * sizeof generation[0]);
    }
    mem_free(s, p->chunk, directory_bytes(p->chunks_cap));
    p->chunk = chunk;
    p->generation = generation;
    p->chunks_cap = cap;
    return true;
}

static bool grow(pool *p, struct stack *s) {
    if (p->chunks == p->chunks_cap && !grow_directory(p, s)) return false;
    char *memory = mem_alloc(s, chunk_bytes(p));
    if (!memory) return false;
    char *chunk = memory + slack(p, memory);
    uint32_t *generation = (uint32_t *)(void *)(chunk + (size_t)chunk_objects(p) * p->object_size);
    memset(generation, 0, chunk_objects(p) * sizeof *generation);
    generation[chunk_objects(p)] = (uint32_t)(chunk - memory);
    p->chunk[p->chunks] = chunk;
    p->generation[p->chunks] = generation;
    p->chunks++;
    return true;
}

void *pool_take(pool *p, struct stack *s, uint32_t *index) {
    if (p->used >= p->limit) return NULL;
    uint32_t i;
    if (p->free_head) {
        i = p->free_head - 1;
        memcpy(&p->free_head, pool_at(p, i), sizeof p->free_head);
    } else {
        if (p->made == p->chunks << p->chunk_shift && !grow(p, s)) return NULL;
        i = p->made++;
    }
    p->used++;
    *pool_generation_at(p, i) += 1;
    *index = i;
    return memset(pool_at(p, i), 0, p->object_size);
}

void pool_give(pool *p, uint32_t index) {
    ASSERT(pool_used(p, index));
    *pool_generation_at(p, index) += 1;
    memcpy(pool_at(p, index), &p->free_head, sizeof p->free_head);
    p->free_head = index + 1;
    p->used--;
}

bool pool_used(const pool *p, uint32_t index) { return index < p->made && (pool_generation(p, index) & 1) != 0; }

void pool_free(pool *p, struct stack *s) {
    for (uint32_t i = 0; i < p->chunks; i++) chunk_free(p, s, i);
    mem_free(s, p->chunk, directory_bytes(p->chunks_cap));
    pool_init(p, p->object_size, p->chunk_shift, p->limit);
}
