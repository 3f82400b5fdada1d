/* arena.c - see script.h: memory in blocks that is given back all at once. */
#include <stdlib.h>
#include <string.h>

#include "drill/script.h"

enum { BLOCK = 16 * 1024 };

struct block {
    struct block *next;
    size_t used, size;
};

struct arena {
    struct block *blocks;
};

struct arena *arena_new(void) {
    return calloc(1, sizeof(struct arena));
}

void arena_free(struct arena *a) {
    if (a == NULL) return;
    for (struct block *b = a->blocks, *next; b != NULL; b = next) {
        next = b->next;
        free(b);
    }
    free(a);
}

void *arena_take(struct arena *a, size_t size) {
    enum { ALIGN = 16, HEAD = (sizeof(struct block) + ALIGN - 1) / ALIGN * ALIGN };
    if (size > SIZE_MAX / 2) return NULL;
    size = (size + ALIGN - 1) / ALIGN * ALIGN;
    struct block *b = a->blocks;
    if (b == NULL || b->size - b->used < size) {
        size_t room = size > BLOCK ? size : BLOCK;
        b = calloc(1, HEAD + room);
        if (b == NULL) return NULL;
        *b = (struct block){a->blocks, 0, room};
        a->blocks = b;
    }
    void *at = (char *)b + HEAD + b->used;
    b->used += size;
    return at;
}

char *arena_copy(struct arena *a, const char *text, size_t len) {
    char *copy = arena_take(a, len + 1);
    if (copy != NULL && len > 0) memcpy(copy, text, len);
    return copy;
}
