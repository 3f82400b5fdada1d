/* wheel.c - the hierarchical timing wheel (Varghese and Lauck, 1987). What a timer does is not here.
 *
 * Time is counted in ticks. On level l a *block* is 64^l ticks long, and slot b & 63 holds the nodes of block b. A
 * node lives on the finest level where its block is less than 64 blocks ahead, so every level's slots hold blocks
 * now + 0 .. 63 and none is ambiguous. On levels above 0 a node's block is always ahead of now; when the clock
 * reaches that block, its nodes move to a finer level, at most seven times in a node's life. The clock does not
 * walk: it jumps from one occupied slot to the next, found by turning each level's bitmap. */
#include "base/wheel.h"

enum { LEVEL_BITS = 6 };

#define TICK_MASK ((UINT64_C(1) << 57) - 1)

static inline unsigned level_shift(unsigned level) { return level * LEVEL_BITS; }

void wheel_init(wheel *w, uint64_t now_ns) {
    memset(w, 0, sizeof *w);
    w->tick = now_ns / WHEEL_TICK_NS;
}

/* Puts a node where its tick belongs now. Beyond the top level's reach it waits in the last block there. */
static void place(wheel *w, wheel_node *n) {
    uint64_t tick = n->tick, distance = tick - w->tick;
    unsigned level = distance < WHEEL_SLOTS ? 0 : (63 - (unsigned)__builtin_clzll(distance)) / LEVEL_BITS;
    level = level < WHEEL_LEVELS ? level : WHEEL_LEVELS - 1;
    uint64_t now_block = w->tick >> level_shift(level), block = tick >> level_shift(level);
    if (block - now_block >= WHEEL_SLOTS) {
        if (level < WHEEL_LEVELS - 1)
            block = tick >> level_shift(++level);
        else
            block = now_block + WHEEL_SLOTS - 1;
    }
    unsigned index = block % WHEEL_SLOTS;
    wheel_node **slot = &w->slots[level][index];
    n->next = *slot;
    n->link = slot;
    if (n->next) n->next->link = &n->next;
    *slot = n;
    w->occupied[level] |= UINT64_C(1) << index;
    w->idle = min_u64(w->idle, block << level_shift(level));
}

void wheel_arm(wheel *w, wheel_node *n, uint64_t when_ns) {
    wheel_cancel(w, n);
    uint64_t tick = when_ns / WHEEL_TICK_NS + (when_ns % WHEEL_TICK_NS != 0);
    n->tick = max_u64(tick, w->tick) & TICK_MASK;
    place(w, n);
}

void wheel_cancel(wheel *w, wheel_node *n) {
    if (!n->link) return;
    *n->link = n->next;
    if (n->next) {
        n->next->link = n->link;
    } else {
        /* The list's last node is gone; if it was the first too, `link` is the slot itself. */
        uintptr_t offset = (uintptr_t)n->link - (uintptr_t)w->slots;
        if (offset < sizeof w->slots) {
            unsigned slot = (unsigned)(offset / sizeof w->slots[0][0]);
            w->occupied[slot / WHEEL_SLOTS] &= ~(UINT64_C(1) << slot % WHEEL_SLOTS);
        }
    }
    n->next = NULL;
    n->link = NULL;
}

/* The tick at which the first occupied block of a level begins; UINT64_MAX: the level is empty. */
static inline uint64_t level_next(const wheel *w, unsigned level) {
    uint64_t map = w->occupied[level], block = w->tick >> level_shift(level);
    if (map == 0) return UINT64_MAX;
    unsigned turn = block % WHEEL_SLOTS;
    map = map >> turn | map << (-turn % WHEEL_SLOTS);
    return (block + (unsigned)__builtin_ctzll(map)) << level_shift(level);
}

static uint64_t next_tick(const wheel *w) {
    uint64_t next = UINT64_MAX;
    for (unsigned level = 0; level < WHEEL_LEVELS; level++) next = min_u64(next, level_next(w, level));
    return next;
}

/* Moves the nodes of a level's current block down. */
static void cascade(wheel *w, unsigned level) {
    unsigned index = (w->tick >> level_shift(level)) % WHEEL_SLOTS;
    wheel_node *n = w->slots[level][index];
    w->slots[level][index] = NULL;
    w->occupied[level] &= ~(UINT64_C(1) << index);
    while (n) {
        wheel_node *next = n->next;
        place(w, n);
        n = next;
    }
}

static APART wheel_node *next_due(wheel *w, uint64_t now) {
    for (;;) {
        uint64_t next = w->idle = next_tick(w);
        if (next > now) {
            w->tick = now;
            return NULL;
        }
        w->tick = next;
        for (unsigned level = WHEEL_LEVELS - 1; level > 0; level--) {
            if (level_next(w, level) == next) cascade(w, level);
        }
        wheel_node *n = w->slots[0][next % WHEEL_SLOTS];
        if (n) {
            wheel_cancel(w, n);
            return n;
        }
    }
}

wheel_node *wheel_expire(wheel *w, uint64_t now_ns) {
    uint64_t now = now_ns / WHEEL_TICK_NS;
    if (now >= w->idle) return now < w->tick ? NULL : next_due(w, now);
    w->tick = max_u64(w->tick, now);
    return NULL;
}

uint64_t wheel_deadline_ns(const wheel *w) {
    uint64_t tick = next_tick(w);
    return tick > UINT64_MAX / WHEEL_TICK_NS ? UINT64_MAX : tick * WHEEL_TICK_NS;
}
