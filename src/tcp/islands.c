/* islands.c - which bytes arrived out of order, and which of them lately (RFC 9293 3.10.7.4 seventh step, RFC 2018 4).
 * The bytes themselves are in the receive ring: recvbuf.c. */
#include "tcp/tcb.h"

enum { FIRST_CAP = 16, USUAL = 1024, A_WINDOW_OF = 2048 };

static size_t size_of(uint32_t cap) { return sizeof(struct islands) + cap * sizeof(range); }

/* More than the usual, one for each 2 KiB, are for windows that are so large because the peer has filled them: what
 * single bytes here and there cost does not grow with the limit. */
static uint32_t limit(const struct stack *s, const struct tcb *t) {
    return min_u32(s->cfg.reassembly_islands, max_u32(USUAL, t->receive_buffer / A_WINDOW_OF));
}

/* Twice the room, up to the limit; false: none is to be had. */
static bool grow(struct stack *s, struct tcb *t) {
    struct islands *old = t->busy->islands, *set;
    uint32_t cap = min_u32(old ? old->set.cap * 2u : FIRST_CAP, limit(s, t));
    if (old && cap <= old->set.cap) return false;
    set = mem_alloc(s, size_of(cap));
    if (!set) return false;
    if (old) {
        memcpy(set, old, size_of(old->set.count));
    } else {
        memset(set, 0, sizeof *set);
        set->mark = t->rcv.nxt;
        set->mark_ts = set->floor_ts = t->ts_recent;
    }
    set->set.at = set->at;
    set->set.cap = (uint16_t)cap;
    islands_free(s, t);
    t->busy->islands = set;
    return true;
}

void islands_free(struct stack *s, struct tcb *t) {
    mem_free(s, t->busy->islands, islands_memory(t));
    t->busy->islands = NULL;
}

size_t islands_memory(const struct tcb *t) { return t->busy->islands ? size_of(t->busy->islands->set.cap) : 0; }

/* Newest first; whatever lies in the same island as a newer one says nothing more. */
static void remember(struct islands *set, seq x) {
    range now = set->set.at[range_find(&set->set, x)];
    uint8_t n = 1;
    seq kept[ARRAY_LEN(set->recent)] = {x};
    for (uint8_t i = 0; i < set->recents && n < ARRAY_LEN(kept); i++)
        if (seq_lt(set->recent[i], now.left) || seq_ge(set->recent[i], now.right)) kept[n++] = set->recent[i];
    memcpy(set->recent, kept, sizeof kept);
    set->recents = n;
}

/* `twice`: what of it was there before. */
enum islands_result islands_add(struct stack *s, struct tcb *t, seq left, seq right, range *twice) {
    *twice = (range){left, left};
    if (!t->busy->islands && !grow(s, t)) return ISLANDS_NO_MEMORY;
    *twice = range_overlap(&t->busy->islands->set, left, right);
    while (range_add(&t->busy->islands->set, left, right, NULL) == RANGE_FULL)
        if (!grow(s, t)) return ISLANDS_FULL;
    remember(t->busy->islands, left);
    return ISLANDS_OK;
}

/* Everything up to `at` is in order now; returns up to where the islands continue it. */
seq islands_join(struct stack *s, struct tcb *t, seq at) {
    struct islands *set = t->busy->islands;
    at = range_take(&set->set, at);
    if ((uint32_t)seq_diff(at, set->mark) > t->receive_buffer) {
        set->floor_ts = set->mark_ts;
        set->mark_ts = t->ts_recent;
        set->mark = at;
    }
    if (set->set.count == 0) islands_free(s, t);
    return at;
}
