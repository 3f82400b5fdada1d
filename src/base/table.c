/* table.c - inserting, growing and removing for the open-addressing table; lookup is inline in table.h. Keys and their
 * comparison are not here. */
#include "base/table.h"

void table_insert(table *t, uint32_t hash, uint32_t ref) {
    ASSERT(ref != 0 && t->used < t->size);
    uint32_t i = table_first(t, hash);
    while (t->at[i].ref != 0) i = (i + 1) & (t->size - 1);
    t->at[i] = (table_entry){hash, ref};
    t->used++;
}

table_entry *table_grow(table *t, table_entry *memory, uint32_t size) {
    ASSERT(size && (size & (size - 1)) == 0 && size > t->used);
    table old = *t;
    memset(memory, 0, size * sizeof memory[0]);
    *t = (table){memory, size, 0};
    for (uint32_t i = 0; i < old.size; i++) {
        if (old.at[i].ref != 0) table_insert(t, old.at[i].hash, old.at[i].ref);
    }
    return old.at;
}

static bool find(const table *t, uint32_t hash, uint32_t ref, uint32_t *i) {
    if (t->size == 0) return false;
    *i = table_first(t, hash);
    for (uint32_t r = table_probe(t, hash, i); r != 0; r = table_probe_next(t, hash, i)) {
        if (r == ref) return true;
    }
    return false;
}

bool table_remove(table *t, uint32_t hash, uint32_t ref) {
    uint32_t hole, mask = t->size - 1;
    if (!find(t, hash, ref, &hole)) return false;
    /* Whatever lies behind, up to the first empty place, moves into the hole if the hole is not before its home. */
    for (uint32_t i = (hole + 1) & mask; t->at[i].ref != 0; i = (i + 1) & mask) {
        uint32_t from_home = (i - t->at[i].hash) & mask, from_hole = (i - hole) & mask;
        if (from_home < from_hole) continue;
        t->at[hole] = t->at[i];
        hole = i;
    }
    t->at[hole] = (table_entry){0, 0};
    t->used--;
    return true;
}

bool table_replace(table *t, uint32_t hash, uint32_t ref, uint32_t new_ref) {
    ASSERT(new_ref != 0);
    uint32_t i;
    if (!find(t, hash, ref, &i)) return false;
    t->at[i].ref = new_ref;
    return true;
}
