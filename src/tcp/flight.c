/* flight.c - the list of pieces under way: see flight.h. No judgement about loss here. */
#include "tcp/flight.h"

#include "core/stack.h"

/* Holes that a hostile peer can make are bounded by this: as many as there are segments under way, when those are
 * many; an honest peer needs no more. */
enum { PIECES_USUAL = 8192, PIECES_MOST = 32768 };

struct flight *flight_new(struct stack *s, seq from, uint32_t segment) {
    struct flight *f = mem_buffer_take(s, pow2_at_least(sizeof *f));
    if (!f) return NULL;
    memset(f, 0, offsetof(struct flight, first));
    f->pace_due = UINT64_MAX;
    f->at = f->first;
    f->cap = ARRAY_LEN(f->first);
    f->segment = segment;
    f->end = f->fack = f->rack_end = f->lost_from = f->lost_end = f->undo_end = from;
    return f;
}

static void pieces_free(struct stack *s, struct flight *f) {
    if (f->at != f->first) mem_buffer_give(s, f->at, pow2_at_least(f->cap * sizeof(struct piece)));
}

void flight_free(struct stack *s, struct flight *f) {
    if (!f) return;
    pieces_free(s, f);
    mem_buffer_give(s, f, pow2_at_least(sizeof *f));
}

static uint32_t under_way(const struct flight *f) {
    return f->count ? (uint32_t)seq_diff(f->end, piece_at(f, 0)->from) : 0;
}

static bool grow(struct stack *s, struct flight *f) {
    if (f->count < f->cap) return true;
    if (f->cap >= PIECES_USUAL && (f->cap >= PIECES_MOST || f->cap > under_way(f) / f->segment)) return false;
    uint32_t cap = f->cap * 2;
    struct piece *bigger = mem_buffer_take(s, pow2_at_least(cap * sizeof *bigger));
    if (!bigger) return false;
    for (uint32_t i = 0; i < f->count; i++) bigger[i] = *piece_at(f, i);
    pieces_free(s, f);
    f->at = bigger;
    f->cap = cap;
    f->head = 0;
    return true;
}

bool flight_room(struct stack *s, struct flight *f) { return grow(s, f); }

/* Does what leaves now belong to the last burst? */
static bool joins_last(const struct flight *f, uint32_t now_us) {
    if (!f->count || f->apart) return false;
    const struct piece *p = piece_at(f, f->count - 1);
    return p->state == PIECE_SENT && !p->again && p->app_limited == (f->app_until != 0) &&
           now_us - p->sent_us <= f->grain_us;
}

void flight_sent(struct flight *f, seq to, uint32_t now_us) {
    if (!joins_last(f, now_us)) {
        ASSERT(f->count < f->cap);
        f->apart = false;
        struct piece *p = piece_at(f, f->count++);
        p->from = f->end;
        flight_stamp(f, p, now_us, false);
    }
    f->end = to;
}

uint32_t flight_find(const struct flight *f, seq x) {
    uint32_t low = 0, high = f->count;
    while (high - low > 1) {
        uint32_t middle = (low + high) / 2;
        if (seq_le(piece_at(f, middle)->from, x))
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* Opens a gap at index i by moving the side with fewer pieces. */
static void open_gap(struct flight *f, uint32_t i) {
    if (i < f->count / 2) {
        f->head = (f->head - 1) & (f->cap - 1);
        f->count++;
        for (uint32_t k = 0; k < i; k++) *piece_at(f, k) = *piece_at(f, k + 1);
    } else {
        f->count++;
        for (uint32_t k = f->count - 1; k > i; k--) *piece_at(f, k) = *piece_at(f, k - 1);
    }
}

/* Drops n pieces from index i on, likewise. */
static void close_gap(struct flight *f, uint32_t i, uint32_t n) {
    if (i < f->count - i - n) {
        for (uint32_t k = i; k-- > 0;) *piece_at(f, k + n) = *piece_at(f, k);
        f->head = (f->head + n) & (f->cap - 1);
    } else {
        for (uint32_t k = i; k + n < f->count; k++) *piece_at(f, k) = *piece_at(f, k + n);
    }
    f->count -= n;
}

bool flight_split(struct stack *s, struct flight *f, seq x, uint32_t *index) {
    uint32_t i = flight_find(f, x);
    *index = i;
    if (seq_eq(piece_at(f, i)->from, x)) return true;
    if (!grow(s, f)) return false;
    open_gap(f, i + 1);
    *piece_at(f, i + 1) = *piece_at(f, i);
    piece_at(f, i + 1)->from = x;
    *index = i + 1;
    return true;
}

static uint32_t *bytes_in(struct flight *f, enum piece_state state) {
    return state == PIECE_SACKED ? &f->sacked : state == PIECE_LOST ? &f->lost : NULL;
}

void flight_set(struct flight *f, uint32_t i, enum piece_state state) {
    struct piece *p = piece_at(f, i);
    uint32_t n = piece_len(f, i), *before = bytes_in(f, (enum piece_state)p->state), *after = bytes_in(f, state);
    if (before) *before -= n;
    if (state == PIECE_LOST && (f->lost == 0 || seq_lt(p->from, f->lost_from))) f->lost_from = p->from;
    if (after) *after += n;
    p->state = (uint8_t)state;
}

/* What was acknowledged needs no time any more. */
void flight_join(struct flight *f, uint32_t i, uint32_t n) {
    uint32_t first = i, end = i + n;
    if (first > 0 && piece_at(f, first - 1)->state == PIECE_SACKED) first--;
    if (end < f->count && piece_at(f, end)->state == PIECE_SACKED) end++;
    if (end - first > 1) close_gap(f, first + 1, end - first - 1);
}

void flight_pop(struct flight *f, seq una) {
    struct piece *p = piece_at(f, 0);
    seq end = piece_end(f, 0);
    bool whole = seq_le(end, una);
    uint32_t n = (uint32_t)seq_diff(whole ? end : una, p->from), *held = bytes_in(f, (enum piece_state)p->state);
    if (held) *held -= n;
    if (!whole) {
        p->from = una;
        return;
    }
    f->head = (f->head + 1) & (f->cap - 1);
    f->count--;
}

void flight_again(struct flight *f, seq left, seq right) {
    if (!f->any_again) memset(f->again, 0, sizeof f->again);
    f->any_again = true;
    struct span *last = &f->again[(f->again_next - 1u) % ARRAY_LEN(f->again)];
    f->apart = true;
    if (!last->before && seq_lt(last->left, last->right) && seq_eq(last->right, left))
        last->right = right;
    else
        f->again[f->again_next++ % ARRAY_LEN(f->again)] = (struct span){left, right, false};
}

void flight_again_anew(struct flight *f) {
    for (unsigned i = 0; f->any_again && i < ARRAY_LEN(f->again); i++) f->again[i].before = true;
}

/* What left again both before and after it has its first report for the earlier one. */
uint32_t flight_was_again(struct flight *f, seq left, seq right, uint32_t *since) {
    uint32_t n = 0, before = 0;
    for (unsigned i = 0; f->any_again && i < ARRAY_LEN(f->again); i++) {
        struct span *a = &f->again[i];
        seq from = seq_max(a->left, left), to = seq_min(a->right, right);
        if (!seq_lt(a->left, a->right) || !seq_lt(from, to)) continue;
        n += (uint32_t)seq_diff(to, from);
        if (a->before) before += (uint32_t)seq_diff(to, from);
        if (seq_lt(to, a->right))
            a->left = to;
        else
            a->right = from;
    }
    *since = n > 2 * before ? n - 2 * before : 0;
    return n;
}
