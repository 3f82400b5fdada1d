/* table.h - an open-addressing hash table of 32-bit references under 32-bit keyed hashes: linear probing,
 * backward-shift deletion, no tombstones. It stores no keys; the caller compares. Growing is the caller's call,
 * because memory is. */
#ifndef BASE_TABLE_H
#define BASE_TABLE_H

#include "base/base.h"

typedef struct table_entry {
    uint32_t hash, ref; /* ref 0: empty */
} table_entry;

typedef struct table {
    table_entry *at;
    uint32_t size; /* a power of two */
    uint32_t used;
} table;

/* Iterates the entries whose hash equals: set i = table_first(t, hash), then table_probe once and table_probe_next
 * until they return 0; else they return the ref. The table must not be of size 0. */
static inline uint32_t table_first(const table *t, uint32_t hash) { return hash & (t->size - 1); }
static inline uint32_t table_probe(const table *t, uint32_t hash, uint32_t *i) {
    for (;; *i = (*i + 1) & (t->size - 1)) {
        const table_entry *e = &t->at[*i];
        if (e->ref == 0) return 0;
        if (e->hash == hash) return e->ref;
    }
}
static inline uint32_t table_probe_next(const table *t, uint32_t hash, uint32_t *i) {
    *i = (*i + 1) & (t->size - 1);
    return table_probe(t, hash, i);
}
/* True when one more entry would pass 3/4 full: give it twice the memory with table_grow first. */
static inline bool table_wants_room(const table *t) { return (t->used + 1) * 4ull > t->size * 3ull; }
/* Moves all entries to `memory` (zeroed here) of `size` entries; returns the old memory for the caller to free. */
table_entry *table_grow(table *t, table_entry *memory, uint32_t size);
void table_insert(table *t, uint32_t hash, uint32_t ref);
/* Removes the entry (hash, ref); false when it is not there. */
bool table_remove(table *t, uint32_t hash, uint32_t ref);
/* Changes what (hash, ref) refers to; false when it is not there. */
bool table_replace(table *t, uint32_t hash, uint32_t ref, uint32_t new_ref);

#endif
