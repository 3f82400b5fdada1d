/* memlink.c - the link between two hosts in memory: chance, the line, the queue, and packets on their way. The stacks
 * at its ends are sim.c's business. */
#include "drivers/memlink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- chance ---- */

#define GOLDEN 0x9e3779b97f4a7c15u

uint64_t memlink_chance(uint64_t seed, uint64_t i) {
    uint64_t z = seed + (i + 1) * GOLDEN;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* What each of a packet's 16 numbers is for. */
enum { DRAW_LOSS, DRAW_STATE, DRAW_BURST, DRAW_COPY, DRAW_REORDER, DRAW_CORRUPT, DRAW_JITTER, DRAW_BITS = 8 };

enum { MILLION = 1000000, CHUNK = 64, LINK_HEADER_MAX = 18, IP_MAX = 65535, HEAP_AND_RING_START = 64 };

/* ---- packets on their way ---- */

/* A packet's copy. Slots are cut from chunks and reused last in, first out: the bytes stay in the cache. */
struct slot {
    struct slot *next;
    struct direction *owner;
    uint32_t len;
    uint16_t flags, segment_size;
    uint8_t *data;
};

struct chunk {
    struct chunk *next;
    struct slot slots[CHUNK];
};

struct entry {
    uint64_t time;
    uint64_t order;
    struct slot *slot; /* NULL in the queue of departures */
    uint32_t len;
};

/* First in, first out; grows by doubling. */
struct fifo {
    struct entry *entries;
    size_t head, count, cap; /* cap is 0 or a power of two */
};

/* The entry with the least (time, order) first. */
struct heap {
    struct entry *entries;
    size_t count, cap;
};

struct direction {
    struct memlink_path path;
    int from;
    bool spoils; /* any draw, mask, list, filter or tap: the slow path */
    uint32_t slot_size, slots, slots_max;
    uint64_t number;
    uint64_t *drop_list;
    size_t drop_next;
    bool bad_state;
    uint64_t busy_until, rest; /* of the line; rest is in ns * rate */
    struct fifo departures;    /* what has not left the queue: only with a queue limit */
    uint64_t queued_bytes;
    uint64_t last_arrival, order;
    struct fifo ordered;             /* arrivals never decrease */
    struct heap late;                /* reordered ones */
    struct slot *free_slots, *shown; /* shown: given out by the last receive */
    struct chunk *chunks;
    struct memlink_stats stats;
};

struct memlink {
    struct direction dir[2];
    memlink_tap_fn *tap;
    void *tap_ctx;
    memlink_filter_fn *filter;
    void *filter_ctx;
};

static bool fifo_grow(struct fifo *f) {
    size_t cap = f->cap != 0 ? f->cap * 2 : HEAP_AND_RING_START;
    struct entry *grown = malloc(cap * sizeof *grown);
    if (grown == NULL) return false;
    for (size_t i = 0; i < f->count; i++) grown[i] = f->entries[(f->head + i) & (f->cap - 1)];
    free(f->entries);
    *f = (struct fifo){grown, 0, f->count, cap};
    return true;
}

static inline bool fifo_push(struct fifo *f, const struct entry *e) {
    if (f->count == f->cap && !fifo_grow(f)) return false;
    f->entries[(f->head + f->count++) & (f->cap - 1)] = *e;
    return true;
}

static const struct entry *fifo_first(const struct fifo *f) { return f->count != 0 ? &f->entries[f->head] : NULL; }

static void fifo_pop(struct fifo *f) {
    f->head = (f->head + 1) & (f->cap - 1);
    f->count--;
}

static bool earlier(const struct entry *a, const struct entry *b) {
    return a->time != b->time ? a->time < b->time : a->order < b->order;
}

static bool heap_push(struct heap *h, const struct entry *e) {
    if (h->count == h->cap) {
        size_t cap = h->cap != 0 ? h->cap * 2 : HEAP_AND_RING_START;
        struct entry *grown = realloc(h->entries, cap * sizeof *grown);
        if (grown == NULL) return false;
        h->entries = grown;
        h->cap = cap;
    }
    size_t i = h->count++;
    for (; i > 0 && earlier(e, &h->entries[(i - 1) / 2]); i = (i - 1) / 2) h->entries[i] = h->entries[(i - 1) / 2];
    h->entries[i] = *e;
    return true;
}

static void heap_pop(struct heap *h) {
    struct entry last = h->entries[--h->count];
    size_t i = 0, child;
    for (; (child = 2 * i + 1) < h->count; i = child) {
        if (child + 1 < h->count && earlier(&h->entries[child + 1], &h->entries[child])) child++;
        if (!earlier(&h->entries[child], &last)) break;
        h->entries[i] = h->entries[child];
    }
    h->entries[i] = last;
}

static bool slots_grow(struct direction *d) {
    if (d->slots >= d->slots_max) return false;
    struct chunk *c = malloc(sizeof *c + (size_t)CHUNK * d->slot_size);
    if (c == NULL) return false;
    c->next = d->chunks;
    d->chunks = c;
    for (size_t i = 0; i < CHUNK; i++) {
        struct slot *s = &c->slots[i];
        *s = (struct slot){d->free_slots, d, 0, 0, 0, (uint8_t *)(c + 1) + i * d->slot_size};
        d->free_slots = s;
    }
    d->slots += CHUNK;
    return true;
}

static struct slot *slot_take(struct direction *d) {
    if (d->free_slots == NULL && !slots_grow(d)) return NULL;
    struct slot *s = d->free_slots;
    d->free_slots = s->next;
    return s;
}

static void slot_give(struct slot *s) {
    s->next = s->owner->free_slots;
    s->owner->free_slots = s;
}

/* ---- making and changing ---- */

static uint32_t path_mtu(const struct memlink_path *p) { return p->mtu != 0 ? p->mtu : IP_MAX; }
static uint32_t path_slot_size(const struct memlink_path *p) {
    uint32_t most = (p->segments ? IP_MAX : path_mtu(p)) + LINK_HEADER_MAX;
    return (most + 127) / 64 * 64; /* no multiple of a page: slots spread over the cache */
}

static void direction_plain(struct memlink *link, struct direction *d) {
    const struct memlink_path *p = &d->path;
    d->spoils = p->rate_bps != 0 || p->jitter_ns != 0 || p->loss_ppm != 0 || p->burst_enter_ppm != 0 ||
                p->duplicate_ppm != 0 || p->reorder_ppm != 0 || p->corrupt_ppm != 0 || p->drop_mask != 0 ||
                p->drop_count != 0 || link->tap != NULL || link->filter != NULL;
}

static bool path_valid(const struct memlink_path *p) {
    const uint32_t rates[] = {p->loss_ppm,      p->burst_enter_ppm, p->burst_leave_ppm, p->burst_loss_ppm,
                              p->duplicate_ppm, p->reorder_ppm,     p->corrupt_ppm};
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++)
        if (rates[i] > MILLION) return false;
    for (size_t i = 1; i < p->drop_count; i++)
        if (p->drop_list[i] <= p->drop_list[i - 1]) return false;
    return p->mtu <= IP_MAX && p->corrupt_bits <= 8;
}

int memlink_set(struct memlink *link, int from, const struct memlink_path *path, struct driver_error *err) {
    struct direction *d = &link->dir[from];
    if (!path_valid(path))
        return driver_fail(err, EINVAL,
                           "memory link: a rate above 1000000 ppm, an MTU above 65535, more than 8 "
                           "corrupted bits or an unsorted list of packets to drop");
    if (d->slot_size != 0 && path_slot_size(path) > d->slot_size)
        return driver_fail(err, EINVAL,
                           "memory link: the MTU cannot grow once the link exists; make it with the "
                           "largest MTU that will be needed");
    uint64_t *list = NULL;
    if (path->drop_count != 0) {
        list = calloc(path->drop_count, sizeof *list);
        if (list == NULL) return driver_fail(err, ENOMEM, "memory link: out of memory");
        memcpy(list, path->drop_list, path->drop_count * sizeof *list);
    }
    free(d->drop_list);
    d->drop_list = list;
    d->drop_next = 0;
    d->path = *path;
    d->path.drop_list = list;
    d->slots_max = path->packets_max != 0 ? path->packets_max : 65536;
    direction_plain(link, d);
    return 0;
}

int memlink_new(const struct memlink_path paths[2], struct memlink **out, struct driver_error *err) {
    struct memlink *link = calloc(1, sizeof *link);
    if (link == NULL) return driver_fail(err, ENOMEM, "memory link: out of memory");
    for (int side = 0; side < 2; side++) {
        link->dir[side].from = side;
        int r = memlink_set(link, side, &paths[side], err);
        if (r < 0) {
            memlink_free(link);
            return r;
        }
        link->dir[side].slot_size = path_slot_size(&paths[side]);
    }
    *out = link;
    return 0;
}

void memlink_free(struct memlink *link) {
    if (link == NULL) return;
    for (int side = 0; side < 2; side++) {
        struct direction *d = &link->dir[side];
        for (struct chunk *c = d->chunks, *next; c != NULL; c = next) {
            next = c->next;
            free(c);
        }
        free(d->drop_list);
        free(d->departures.entries);
        free(d->ordered.entries);
        free(d->late.entries);
    }
    free(link);
}

void memlink_tap(struct memlink *link, memlink_tap_fn *fn, void *ctx) {
    link->tap = fn;
    link->tap_ctx = ctx;
    for (int side = 0; side < 2; side++) direction_plain(link, &link->dir[side]);
}

void memlink_filter(struct memlink *link, memlink_filter_fn *fn, void *ctx) {
    link->filter = fn;
    link->filter_ctx = ctx;
    for (int side = 0; side < 2; side++) direction_plain(link, &link->dir[side]);
}

/* ---- sending ---- */

static uint64_t draw(const struct direction *d, uint64_t number, unsigned what) {
    return memlink_chance(d->path.seed, number * 16 + what);
}

static bool happens(const struct direction *d, uint64_t number, unsigned what, uint32_t ppm) {
    return ppm != 0 && ((draw(d, number, what) >> 32) * MILLION >> 32) < ppm;
}

/* Longer than the path carries? A segment to be cut counts by its pieces. */
static bool too_big(const struct direction *d, const tern_frame *f) {
    uint32_t mtu = path_mtu(&d->path), ip_len = f->len - f->ip_offset;
    if (ip_len <= mtu) return false;
    if (!d->path.segments || f->segment_size == 0 || ip_len > IP_MAX) return true;
    return (uint32_t)(f->head_len - f->ip_offset) + f->segment_size > mtu;
}

/* Puts a packet on the line. False: the queue has no room; else *left is when its last bit has left. */
static bool line_take(struct direction *d, uint32_t len, uint64_t now, uint64_t *left) {
    const struct memlink_path *p = &d->path;
    *left = now;
    if (p->rate_bps == 0) return true;
    for (const struct entry *e; (e = fifo_first(&d->departures)) != NULL && e->time <= now; fifo_pop(&d->departures))
        d->queued_bytes -= e->len;
    if (p->queue_packets != 0 && d->departures.count >= p->queue_packets) return false;
    if (p->queue_bytes != 0 && d->queued_bytes + len > p->queue_bytes) return false;
    if (d->busy_until <= now) {
        d->busy_until = now;
        d->rest = 0;
    }
    uint64_t work = (uint64_t)len * 8 * 1000000000u + d->rest;
    uint64_t done = d->busy_until + work / p->rate_bps;
    if (p->queue_packets != 0 || p->queue_bytes != 0) {
        struct entry e = {done, 0, NULL, len};
        if (!fifo_push(&d->departures, &e)) return false;
        d->queued_bytes += len;
        if (d->queued_bytes > d->stats.queue_bytes_peak) d->stats.queue_bytes_peak = (uint32_t)d->queued_bytes;
    }
    d->rest = work % p->rate_bps;
    *left = d->busy_until = done;
    return true;
}

/* Is the packet lost by number or by chance? */
static enum memlink_fate loss(struct direction *d, uint64_t n) {
    const struct memlink_path *p = &d->path;
    while (d->drop_next < p->drop_count && d->drop_list[d->drop_next] < n) d->drop_next++;
    bool listed = d->drop_next < p->drop_count && d->drop_list[d->drop_next] == n;
    if (p->burst_enter_ppm != 0) {
        uint32_t turn = d->bad_state ? p->burst_leave_ppm : p->burst_enter_ppm;
        if (happens(d, n, DRAW_STATE, turn)) d->bad_state = !d->bad_state;
    } else {
        d->bad_state = false;
    }
    if (listed || (n < 64 && (p->drop_mask >> n & 1) != 0)) return MEMLINK_MASKED;
    if (d->bad_state) return happens(d, n, DRAW_BURST, p->burst_loss_ppm) ? MEMLINK_LOST_BURST : MEMLINK_DELIVERED;
    return happens(d, n, DRAW_LOSS, p->loss_ppm) ? MEMLINK_LOST : MEMLINK_DELIVERED;
}

/* `verify`: complete the checksum even where the path trusts. */
static void slot_fill(const struct direction *d, struct slot *s, const tern_frame *f, bool verify) {
    s->len = f->len;
    s->segment_size = f->len - f->ip_offset > path_mtu(&d->path) ? f->segment_size : 0;
    if (!d->path.csum_trusted || verify) {
        s->flags = 0;
        tern_frame_copy(f, s->data, d->slot_size);
        return;
    }
    s->flags = TERN_PKT_CSUM_OK;
    uint8_t *to = s->data;
    memcpy(to, f->head, f->head_len);
    to += f->head_len;
    for (unsigned i = 0; i < f->spans; i++) {
        memcpy(to, f->body[i].data, f->body[i].len);
        to += f->body[i].len;
    }
}

/* Says "congestion experienced" where the sender's hosts understand it [RFC3168 5]. */
static bool mark(uint8_t *p, uint32_t len) {
    enum { CE = 3 };
    if (len >= 40 && p[0] >> 4 == 6) {
        if ((p[1] & 0x30) == 0) return false;
        p[1] |= CE << 4;
        return true;
    }
    if (len < 20 || p[0] >> 4 != 4 || (p[1] & CE) == 0) return false;
    uint32_t sum = (uint32_t)(p[10] << 8 | p[11]), more = (uint32_t)(CE - (p[1] & CE));
    p[1] |= CE;
    sum = sum > more ? sum - more : sum + 0xffff - more; /* [RFC1624 3]: the sum is its complement */
    p[10] = (uint8_t)(sum >> 8);
    p[11] = (uint8_t)sum;
    return true;
}

static void corrupt(const struct direction *d, struct slot *s, uint64_t n) {
    if (s->len == 0) return;
    uint32_t bits = d->path.corrupt_bits != 0 ? d->path.corrupt_bits : 1;
    for (uint32_t i = 0; i < bits; i++) {
        uint64_t at = draw(d, n, DRAW_BITS + i) % ((uint64_t)s->len * 8);
        s->data[at / 8] ^= (uint8_t)(1u << (at % 8));
    }
}

/* Sends a packet on its way. */
static bool depart(struct direction *d, struct slot *s, uint64_t arrives, bool reordered) {
    struct entry e = {arrives, d->order++, s, s->len};
    bool ok = reordered ? heap_push(&d->late, &e) : fifo_push(&d->ordered, &e);
    if (ok) d->stats.under_way++;
    return ok;
}

static void tell(struct memlink *link, const struct direction *d, const struct slot *s, struct memlink_record *r) {
    if (link->tap == NULL) return;
    r->from = d->from;
    if (s != NULL) {
        r->data = s->data;
        r->len = s->len;
        r->flags = s->flags;
        r->segment_size = s->segment_size;
    }
    link->tap(link->tap_ctx, r);
}

/* Nothing but a copy: the packet arrives after the delay. */
static void send_plain(struct direction *d, const tern_frame *f, uint64_t now) {
    enum memlink_fate fate = MEMLINK_DELIVERED;
    struct slot *s = NULL;
    if (too_big(d, f)) {
        fate = MEMLINK_TOO_BIG;
    } else if ((s = slot_take(d)) == NULL) {
        fate = MEMLINK_NO_ROOM;
    } else {
        slot_fill(d, s, f, false);
        uint64_t arrives = now + d->path.delay_ns;
        if (arrives < d->last_arrival) arrives = d->last_arrival;
        d->last_arrival = arrives;
        if (!depart(d, s, arrives, false)) {
            slot_give(s);
            fate = MEMLINK_NO_ROOM;
        }
    }
    d->stats.fates[fate]++;
}

/* When it arrives; jitter keeps the order, reordering does not. */
static uint64_t arrival(struct direction *d, const struct memlink_record *r, uint64_t left) {
    const struct memlink_path *p = &d->path;
    uint64_t t = left + p->delay_ns;
    if (p->jitter_ns != 0) t += draw(d, r->number, DRAW_JITTER) % (p->jitter_ns + 1);
    if (t < d->last_arrival) t = d->last_arrival;
    if (r->reordered) return t + p->reorder_ns;
    return d->last_arrival = t;
}

static void send_copy(struct memlink *link, struct direction *d, const struct slot *original,
                      struct memlink_record *r) {
    struct slot *s = slot_take(d);
    if (s == NULL) return;
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): what was delivered has a slot */
    memcpy(s->data, original->data, original->len);
    s->len = original->len;
    s->flags = original->flags;
    s->segment_size = original->segment_size;
    if (!depart(d, s, r->arrives_ns, r->reordered)) {
        slot_give(s);
        return;
    }
    d->stats.copies++;
    r->copy = true;
    tell(link, d, s, r);
}

static void send_spoiled(struct memlink *link, struct direction *d, const tern_frame *f, uint64_t now) {
    const struct memlink_path *p = &d->path;
    struct memlink_record r = {.number = d->number, .sent_ns = now, .len = f->len};
    uint64_t n = r.number, left = now;
    if (too_big(d, f))
        r.fate = MEMLINK_TOO_BIG;
    else if (!line_take(d, f->len, now, &left))
        r.fate = MEMLINK_QUEUE_FULL;
    else
        r.fate = loss(d, n);
    r.corrupted = happens(d, n, DRAW_CORRUPT, p->corrupt_ppm);
    r.reordered = happens(d, n, DRAW_REORDER, p->reorder_ppm);

    bool seen = link->tap != NULL || link->filter != NULL;
    bool fits = f->len <= d->slot_size;
    struct slot *s = (r.fate == MEMLINK_DELIVERED || seen) && fits ? slot_take(d) : NULL;
    if (s != NULL)
        slot_fill(d, s, f, r.corrupted);
    else if (r.fate == MEMLINK_DELIVERED)
        r.fate = MEMLINK_NO_ROOM;
    if (r.fate == MEMLINK_DELIVERED && link->filter != NULL &&
        link->filter(link->filter_ctx, d->from, n, s->data, s->len))
        r.fate = MEMLINK_FILTERED;
    if (r.fate == MEMLINK_DELIVERED) {
        if (p->mark_ns != 0 && left - now >= p->mark_ns) d->stats.marked += mark(s->data, s->len);
        if (r.corrupted) corrupt(d, s, n);
        r.arrives_ns = arrival(d, &r, left);
        if (!depart(d, s, r.arrives_ns, r.reordered)) r.fate = MEMLINK_NO_ROOM;
    }
    d->stats.fates[r.fate]++;
    if (r.fate != MEMLINK_DELIVERED) r.corrupted = r.reordered = false;
    d->stats.corrupted += r.corrupted;
    d->stats.reordered += r.reordered;
    tell(link, d, s, &r);
    if (r.fate == MEMLINK_DELIVERED && happens(d, n, DRAW_COPY, p->duplicate_ppm)) send_copy(link, d, s, &r);
    if (r.fate != MEMLINK_DELIVERED && s != NULL) slot_give(s);
}

void memlink_send(struct memlink *link, int from, const tern_frame *frames, size_t n, uint64_t now_ns) {
    struct direction *d = &link->dir[from];
    for (size_t i = 0; i < n; i++) {
        d->stats.packets++;
        d->stats.bytes += frames[i].len;
        if (d->spoils)
            send_spoiled(link, d, &frames[i], now_ns);
        else
            send_plain(d, &frames[i], now_ns);
        d->number++;
    }
}

void memlink_inject(struct memlink *link, int from, const void *data, uint32_t len, uint64_t now_ns) {
    tern_frame f;
    memset(&f, 0, offsetof(tern_frame, head));
    f.len = len;
    f.spans = 1;
    f.body[0] = (tern_span){data, len};
    memlink_send(link, from, &f, 1, now_ns);
}

/* ---- receiving ---- */

static const struct entry *next_arrival(const struct direction *d) {
    const struct entry *e = fifo_first(&d->ordered);
    if (d->late.count != 0 && (e == NULL || earlier(&d->late.entries[0], e))) return &d->late.entries[0];
    return e;
}

size_t memlink_receive(struct memlink *link, int side, tern_packet *out, size_t max, uint64_t now_ns) {
    struct direction *d = &link->dir[1 - side];
    for (struct slot *s; (s = d->shown) != NULL;) {
        d->shown = s->next;
        slot_give(s);
    }
    size_t n = 0;
    for (const struct entry *e; n < max && (e = next_arrival(d)) != NULL && e->time <= now_ns; n++) {
        struct slot *s = e->slot;
        if (d->late.count != 0 && e == &d->late.entries[0])
            heap_pop(&d->late);
        else
            fifo_pop(&d->ordered);
        out[n] = (tern_packet){s->data, s->len, s->flags, s->segment_size, d->path.lend ? s : NULL};
        if (d->path.lend) continue;
        s->next = d->shown;
        d->shown = s;
    }
    d->stats.under_way -= n;
    return n;
}

void memlink_release(struct memlink *link, void *token) {
    (void)link;
    slot_give(token);
}

uint64_t memlink_deadline(const struct memlink *link) {
    uint64_t t = TERN_NEVER;
    for (int side = 0; side < 2; side++) {
        const struct entry *e = next_arrival(&link->dir[side]);
        if (e != NULL && e->time < t) t = e->time;
    }
    return t;
}

void memlink_stats_get(const struct memlink *link, int from, struct memlink_stats *out) {
    *out = link->dir[from].stats;
}
