/* memory.c - every allocation of a stack goes through here and is charged to its cap; no policy about who gets what. */
#include "core/stack.h"

void *mem_alloc(struct stack *s, size_t size) {
    if (unlikely(size > s->cfg.memory_max - s->mem_used)) mem_buffers_drop(s);
    void *p = NULL;
    if (likely(size <= s->cfg.memory_max - s->mem_used)) p = s->cfg.allocator.alloc(s->cfg.allocator.ctx, size);
    if (unlikely(!p)) {
        s->mem_refused++;
        return NULL;
    }
    s->mem_used += size;
    s->mem_peak = max_u64(s->mem_peak, s->mem_used);
    return p;
}

static bool in_the_last_part(const struct stack *s) {
    return unlikely(s->cfg.memory_max - s->mem_used < s->cfg.memory_max / 16);
}

bool mem_tight(struct stack *s) {
    if (likely(!in_the_last_part(s))) return false;
    mem_buffers_drop(s);
    if (!in_the_last_part(s)) return false;
    s->mem_refused++;
    return true;
}

void *mem_zalloc(struct stack *s, size_t size) {
    void *p = mem_alloc(s, size);
    if (p) memset(p, 0, size);
    return p;
}

void mem_free(struct stack *s, void *p, size_t size) {
    if (!p) return;
    ASSERT(s->mem_used >= size);
    s->mem_used -= size;
    s->cfg.allocator.release(s->cfg.allocator.ctx, p, size);
}

/* Buffers come in powers of two and are used in bursts: the last few of each size wait here for the next burst, hot
 * in the cache and off the allocator's slow paths. */
static unsigned buffer_class(uint32_t size) { return (unsigned)__builtin_ctz(size); }

void *mem_buffer_take(struct stack *s, uint32_t size) {
    struct buffer_shelf *shelf = &s->shelf[buffer_class(size)];
    if (shelf->count) return shelf->at[--shelf->count];
    return mem_alloc(s, size);
}

void mem_buffer_give(struct stack *s, void *p, uint32_t size) {
    struct buffer_shelf *shelf = &s->shelf[buffer_class(size)];
    if (shelf->count < BUFFER_SHELF && size <= BUFFER_SHELVED_MAX)
        shelf->at[shelf->count++] = p;
    else
        mem_free(s, p, size);
}

void mem_buffers_drop(struct stack *s) {
    for (unsigned c = 0; c < ARRAY_LEN(s->shelf); c++)
        while (s->shelf[c].count) mem_free(s, s->shelf[c].at[--s->shelf[c].count], (size_t)1 << c);
}
