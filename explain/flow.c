/* flow.c - see flow.h: the table of connections. Which packets are copies of others is copies.c's, what happened to a
 * connection the machine's. */
#include "explain/flow.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "base/siphash.h"
#include "base/table.h"
#include "explain/copies.h"
#include "explain/decode.h"
#include "explain/places.h"
#include "explain/translated.h"

/* Flows lie in slabs of the size of a large page, each with the machine's record behind it. A reference is a slab and
 * a place in it from 1 on, so that 0 is none. */
enum { SLAB = 2 << 20, PLACE_BITS = 11, PLACES_MAX = (1 << PLACE_BITS) - 1, SLABS_MAX = 1 << 16 };
enum { FLOWS_MOST = 1 << 26, FINDINGS_MAX = 1024, TABLE_LEAST = 1024 };

/* Lists that a flow stands in, ordered by its latest packet, to within this: on a busy link a flow would change its
 * place with every packet. */
enum { LIST_OPEN, LIST_OVER, LISTS };
static const uint64_t same_place_ns = 10 * MS_NS;

struct slot {
    struct explain_flow flow; /* first: a flow is its slot */
    struct slot *before, *after;
    uint64_t listed_ns; /* its latest packet when it took its place */
    uint32_t hash, ref;
    uint8_t list;
    bool used;
};

/* What the usual path carries; two that are joined are more, on a narrower one, too. */
enum { SUPER_LEAST = 1460 };

/* Where the machine's record begins. */
enum { RECORD_AT = (sizeof(struct slot) + 63) & ~63u };

struct list {
    struct slot *first, *last;
};

/* Packets that wait for their turn. After LOOK_AT more its place in the table is there, after MEET its flow. */
enum { BEHIND = 16, LOOK_AT = 5, MEET = 10, LINE = 64 };

struct flow_table {
    struct flow_machine machine;
    uint32_t limit;
    uint64_t linger_ns, now_ns;
    siphash_key key;
    table table;
    uint8_t **slab;
    uint32_t slabs, slabs_room;
    uint32_t stride, places; /* bytes of a flow with its record; flows of a slab */
    uint32_t begun;          /* places of the last slab that were given out */
    struct slot *spare;      /* given back, linked by `after` */
    struct list list[LISTS];
    struct flow_counts counts;
    struct copies *copies;
    struct translated *translated;
    struct places *merged; /* NULL: all is one place */
    uint64_t *iface_ns;    /* the latest time of each interface */
    uint32_t ifaces;
    struct waiting {
        struct decoded decoded;
        uint64_t print;
        uint32_t hash, ref; /* ref: the flow as it seems now, 0: none */
        bool icmp;
    } waiting[BEHIND];
    uint64_t first, next; /* of them, modulo BEHIND */
};

static struct slot *slot_of(const struct flow_table *t, uint32_t ref) {
    uint8_t *slab = t->slab[ref >> PLACE_BITS];
    return (struct slot *)(void *)(slab + ((ref & PLACES_MAX) - 1) * (size_t)t->stride);
}

/* The flow in use behind this one; 0: there is none. */
static uint32_t next_used(const struct flow_table *t, uint32_t ref) {
    uint32_t slab = ref >> PLACE_BITS, place = ref & PLACES_MAX;
    for (; slab < t->slabs; slab++, place = 0) {
        uint32_t end = slab + 1 < t->slabs ? t->places : t->begun;
        while (place < end)
            if (slot_of(t, slab << PLACE_BITS | ++place)->used) return slab << PLACE_BITS | place;
    }
    return 0;
}

struct flow_table *flow_table_new(const struct flow_machine *machine, uint32_t limit, uint64_t linger_ns) {
    uint8_t random[16];
    struct flow_table *t = calloc(1, sizeof *t);
    if (t == NULL) return NULL;
    t->machine = *machine;
    t->stride = (uint32_t)(RECORD_AT + machine->record + LINE - 1) & ~(uint32_t)(LINE - 1);
    t->places = t->begun = min_u32(SLAB / t->stride, PLACES_MAX);
    t->limit = max_u32(1, min_u32(limit, FLOWS_MOST));
    t->linger_ns = linger_ns;
    t->copies = copies_new();
    t->translated = translated_new();
    if (getrandom(random, sizeof random, 0) != sizeof random) memset(random, 0x5a, sizeof random);
    t->key = siphash_key_of(random);
    table_entry *memory = malloc(TABLE_LEAST * sizeof *memory);
    if (memory == NULL || t->copies == NULL || t->translated == NULL) {
        free(memory);
        flow_table_free(t);
        return NULL;
    }
    table_grow(&t->table, memory, TABLE_LEAST);
    return t;
}

static void free_more(struct slot *s) {
    free(s->flow.finding);
    free(s->flow.places);
}

void flow_table_free(struct flow_table *t) {
    if (t == NULL) return;
    for (uint32_t ref = next_used(t, 0); ref != 0; ref = next_used(t, ref)) free_more(slot_of(t, ref));
    for (uint32_t i = 0; i < t->slabs; i++) free(t->slab[i]);
    free(t->slab);
    free(t->table.at);
    free(t->iface_ns);
    copies_free(t->copies);
    translated_free(t->translated);
    free(t);
}

void flow_table_places(struct flow_table *t, struct places *places) { t->merged = places; }

const struct flow_counts *flow_table_counts(const struct flow_table *t) { return &t->counts; }

/* ---- lists ---- */

static void unlist(struct flow_table *t, struct slot *s) {
    struct list *l = &t->list[s->list];
    *(s->before != NULL ? &s->before->after : &l->first) = s->after;
    *(s->after != NULL ? &s->after->before : &l->last) = s->before;
}

static void enlist(struct flow_table *t, struct slot *s, uint8_t list) {
    struct list *l = &t->list[list];
    s->list = list;
    s->listed_ns = s->flow.last_ns;
    s->after = NULL;
    s->before = l->last;
    *(l->last != NULL ? &l->last->after : &l->first) = s;
    l->last = s;
}

/* ---- slots ---- */

static bool more_slots(struct flow_table *t) {
    if (t->begun < t->places) return true;
    if (t->slabs == t->slabs_room) {
        uint32_t room = t->slabs_room == 0 ? 64 : t->slabs_room * 2;
        uint8_t **more = room <= SLABS_MAX ? realloc(t->slab, room * sizeof *more) : NULL;
        if (more == NULL) return false;
        t->slab = more;
        t->slabs_room = room;
    }
    uint8_t *slab = aligned_alloc(SLAB, SLAB);
    if (slab == NULL) return false;
    madvise(slab, SLAB, MADV_HUGEPAGE); /* flows are met in no order: a page each would cost more than the rest */
    t->slab[t->slabs++] = slab;
    t->begun = 0;
    return true;
}

/* After more_slots. */
static struct slot *take_slot(struct flow_table *t) {
    struct slot *s = t->spare;
    if (s != NULL) {
        t->spare = s->after;
        return s;
    }
    uint32_t ref = (t->slabs - 1) << PLACE_BITS | ++t->begun;
    s = slot_of(t, ref);
    memset(s, 0, sizeof *s);
    s->ref = ref;
    return s;
}

static void give_slot(struct flow_table *t, struct slot *s) {
    *s = (struct slot){.ref = s->ref, .after = t->spare};
    t->spare = s;
}

static bool room_in_table(struct flow_table *t) {
    if (!table_wants_room(&t->table)) return true;
    uint32_t size = t->table.size * 2;
    table_entry *memory = malloc(size * sizeof *memory);
    if (memory == NULL) return false;
    free(table_grow(&t->table, memory, size));
    return true;
}

/* ---- ends ---- */

static void end_flow(struct flow_table *t, struct slot *s, enum flow_end why) {
    s->flow.ended = (uint8_t)why;
    t->machine.ended(t->machine.ctx, &s->flow, t->now_ns);
    if (why == FLOW_OVER) t->counts.over++;
    if (why == FLOW_REUSED) t->counts.reused++;
    if (why == FLOW_EVICTED) (*(s->flow.over ? &t->counts.evicted_over : &t->counts.evicted_open))++;
    free_more(s);
    unlist(t, s);
    table_remove(&t->table, s->hash, s->ref);
    give_slot(t, s);
    t->counts.live--;
}

/* Connections that are over and silent for so long that nothing more is to come. */
static void end_silent(struct flow_table *t) {
    struct slot *s;
    while ((s = t->list[LIST_OVER].first) != NULL && s->flow.last_ns + t->linger_ns < t->now_ns)
        end_flow(t, s, FLOW_OVER);
}

/* `before` ends as soon as its successor is there: then nothing else has to make way. */
static bool make_room(struct flow_table *t, const struct slot *before) {
    if (before == NULL && t->counts.live >= t->limit) {
        struct slot *s = t->list[LIST_OVER].first;
        if (s == NULL) s = t->list[LIST_OPEN].first;
        end_flow(t, s, FLOW_EVICTED);
    }
    return (t->spare != NULL || more_slots(t)) && room_in_table(t);
}

void flow_table_time(struct flow_table *t, uint64_t now_ns) {
    flow_table_settle(t);
    t->now_ns = max_u64(t->now_ns, now_ns);
    end_silent(t);
}

static int by_id(const void *a, const void *b) {
    const struct slot *x = *(struct slot *const *)a, *y = *(struct slot *const *)b;
    return x->flow.id < y->flow.id ? -1 : x->flow.id > y->flow.id;
}

void flow_table_end(struct flow_table *t) {
    size_t n = 0;
    flow_table_settle(t);
    struct slot **all = malloc((t->counts.live + 1) * sizeof *all);
    for (uint32_t ref = next_used(t, 0); ref != 0 && all != NULL; ref = next_used(t, ref)) all[n++] = slot_of(t, ref);
    if (n > 0) qsort(all, n, sizeof *all, by_id);
    for (size_t i = 0; i < n; i++) end_flow(t, all[i], FLOW_FILE_ENDED);
    free(all);
    for (int l = 0; l < LISTS; l++) /* had there been no memory for the order */
        while (t->list[l].first != NULL) end_flow(t, t->list[l].first, FLOW_FILE_ENDED);
}

/* ---- finding ---- */

static bool end_is(const struct flow_half *e, const ip_addr *addr, uint16_t port) {
    return e->port == port && ip_eq(&e->addr, addr);
}

/* The flow between the two; *from: the end that has the source. */
static struct slot *find(const struct flow_table *t, uint32_t hash, const struct decoded *d, uint8_t *from) {
    uint32_t i = table_first(&t->table, hash);
    for (uint32_t ref = table_probe(&t->table, hash, &i); ref != 0; ref = table_probe_next(&t->table, hash, &i)) {
        struct slot *s = slot_of(t, ref);
        /* NOLINTNEXTLINE(bugprone-too-small-loop-variable): two ends */
        for (uint8_t end = END_A; end <= END_B; end++) {
            if (!end_is(&s->flow.end[end], &d->src, d->src_port)) continue;
            if (!end_is(&s->flow.end[!end], &d->dst, d->dst_port)) continue;
            *from = end;
            return s;
        }
    }
    return NULL;
}

/* Did the source of this packet, the first one seen, open the connection? */
static bool source_opened(const struct decoded *d) {
    uint16_t flags = d->tcp.tcp.flags;
    if (flags & TCP_SYN) return !(flags & TCP_ACK);
    return d->src_port >= d->dst_port;
}

static struct slot *create(struct flow_table *t, uint32_t hash, struct decoded *d, struct slot *before) {
    if (!make_room(t, before)) return NULL;
    struct slot *s = take_slot(t);
    bool a = source_opened(d);
    s->flow = (struct explain_flow){.id = t->counts.flows + 1,
                                    .first_ns = d->tcp.time_ns,
                                    .last_ns = d->tcp.time_ns,
                                    .first_number = d->tcp.number,
                                    .v6 = d->tcp.v6,
                                    .self = d->src_port == d->dst_port && ip_eq(&d->src, &d->dst),
                                    .machine = (uint8_t *)s + RECORD_AT};
    s->flow.end[a ? END_A : END_B].addr = d->src;
    s->flow.end[a ? END_A : END_B].port = d->src_port;
    s->flow.end[a ? END_B : END_A].addr = d->dst;
    s->flow.end[a ? END_B : END_A].port = d->dst_port;
    d->tcp.from = a ? END_A : END_B;
    if (t->merged != NULL) s->flow.home = places_of(t->merged, d->tcp.file);
    t->machine.created(t->machine.ctx, &s->flow, before != NULL ? &before->flow : NULL, &d->tcp);
    t->counts.flows++;
    s->used = true;
    s->hash = hash;
    if (before != NULL) end_flow(t, before, FLOW_REUSED);
    enlist(t, s, LIST_OPEN);
    table_insert(&t->table, hash, s->ref);
    t->counts.most = max_u64(t->counts.most, ++t->counts.live);
    return s;
}

/* ---- packets ---- */

/* Marks a packet that is earlier than the one before it on its interface. */
static void watch_clock(struct flow_table *t, struct flow_packet *p) {
    if (unlikely(p->iface >= t->ifaces)) {
        uint32_t n = pow2_at_least(p->iface + 1);
        uint64_t *more = realloc(t->iface_ns, n * sizeof *more);
        if (more == NULL) return;
        memset(more + t->ifaces, 0, (n - t->ifaces) * sizeof *more);
        t->iface_ns = more;
        t->ifaces = n;
    }
    if (unlikely(p->time_ns < t->iface_ns[p->iface])) p->marks |= FLOW_CLOCK;
    t->iface_ns[p->iface] = p->time_ns;
    t->now_ns = p->time_ns;
}

static void count(struct flow_table *t, struct explain_flow *f, const struct decoded *d) {
    const struct flow_packet *p = &d->tcp;
    struct flow_half *h = &f->end[p->from];
    f->last_ns = p->time_ns;
    f->last_number = p->number;
    f->carried |= p->carried;
    if (p->marks != 0) {
        f->marks |= p->marks;
        h->marks |= p->marks;
        for (unsigned m = p->marks; m != 0; m &= m - 1) t->counts.marked[__builtin_ctz(m)]++;
    }
    if (p->marks & FLOW_COPY) {
        h->copies++;
        return;
    }
    h->packets++;
    h->bytes += p->len;
    h->ip_bytes += d->ip_len;
}

/* Both directions alike. Of IPv4 addresses only what differs. */
static uint32_t hash_of(const struct flow_table *t, const struct decoded *d) {
    bool forth = decoded_forth(d);
    const ip_addr *low = forth ? &d->src : &d->dst, *high = forth ? &d->dst : &d->src;
    uint64_t ports = forth ? (uint64_t)d->src_port << 16 | d->dst_port : (uint64_t)d->dst_port << 16 | d->src_port;
    if (likely(ip_is_v4(low))) {
        uint64_t key[2] = {(uint64_t)low->w[3] << 32 | high->w[3], ports};
        return (uint32_t)siphash13(&t->key, key, sizeof key);
    }
    uint64_t key[5] = {ip_half(low, 0), ip_half(low, 1), ip_half(high, 0), ip_half(high, 1), ports};
    return (uint32_t)siphash13(&t->key, key, sizeof key);
}

static void mark_super(struct flow_table *t, struct explain_flow *f, struct flow_packet *p) {
    if (p->len > SUPER_LEAST && t->machine.super(t->machine.ctx, f, p)) p->marks |= FLOW_SUPER;
}

/* A connection that another place shows goes on there only. True: no more is to be done about this packet. */
static bool elsewhere(struct flow_table *t, struct slot *s, struct decoded *d) {
    struct flow_packet *p = &d->tcp;
    struct explain_flow *f = &s->flow;
    if (places_of(t->merged, p->file) == f->home) return false;
    if (places_home_ended(t->merged, f, d)) {
        f->home = places_of(t->merged, p->file);
        return false;
    }
    bool opens = (p->tcp.flags & (TCP_SYN | TCP_RST)) == TCP_SYN;
    if (opens && t->machine.begins(t->machine.ctx, f, p)) return false;
    mark_super(t, f, p);
    places_elsewhere(t->merged, f, d);
    for (unsigned m = p->marks; m != 0; m &= m - 1) t->counts.marked[__builtin_ctz(m)]++;
    f->marks |= p->marks;
    t->machine.fed(t->machine.ctx, f, p);
    return true;
}

static void packet(struct flow_table *t, struct decoded *d, uint32_t hash, uint64_t print) {
    struct flow_packet *p = &d->tcp;
    watch_clock(t, p);
    end_silent(t);
    struct slot *s = find(t, hash, d, &p->from);
    p->twin = p->transit_ns = 0;
    if (unlikely(t->merged != NULL) && s != NULL && elsewhere(t, s, d)) return;
    if (copies_seen(t->copies, print, d)) p->marks |= FLOW_COPY;
    bool syn = (p->tcp.flags & (TCP_SYN | TCP_RST)) == TCP_SYN;
    if (s == NULL || (syn && !(p->marks & FLOW_COPY) && t->machine.begins(t->machine.ctx, &s->flow, p)))
        s = create(t, hash, d, s);
    if (s == NULL) {
        t->counts.refused++;
        return;
    }
    mark_super(t, &s->flow, p);
    bool answer = syn && p->tcp.flags & TCP_ACK && !(p->marks & FLOW_COPY);
    uint64_t other = unlikely(answer) ? translated_seen(t->translated, p, s->flow.id) : 0;
    if (other != 0) s->flow.same_as = other;
    if (unlikely(t->merged != NULL) && !(p->marks & FLOW_COPY)) places_home(t->merged, &s->flow, d);
    count(t, &s->flow, d);
    t->machine.fed(t->machine.ctx, &s->flow, p);
    uint8_t list = s->flow.over ? LIST_OVER : LIST_OPEN;
    if (list == s->list && p->time_ns - s->listed_ns < same_place_ns) return;
    unlist(t, s);
    enlist(t, s, list);
}

static void icmp(struct flow_table *t, struct decoded *d, uint32_t hash) {
    struct slot *s = find(t, hash, d, &d->icmp.from);
    t->counts.icmp++;
    if (s == NULL)
        t->counts.icmp_stray++;
    else
        t->machine.icmp(t->machine.ctx, &s->flow, &d->icmp);
}

void flow_table_packet(struct flow_table *t, struct decoded *d) {
    flow_table_settle(t);
    uint32_t hash = hash_of(t, d);
    packet(t, d, hash, copies_print(t->copies, hash, d));
}

void flow_table_icmp(struct flow_table *t, struct decoded *d) {
    flow_table_settle(t);
    icmp(t, d, hash_of(t, d));
}

/* ---- a few packets behind ---- */

static void prefetch(const void *p, size_t bytes) {
    for (size_t i = 0; i < bytes; i += LINE) __builtin_prefetch((const char *)p + i, 1);
}

static void process(struct flow_table *t) {
    struct waiting *w = &t->waiting[t->first++ % BEHIND];
    if (unlikely(w->icmp))
        icmp(t, &w->decoded, w->hash);
    else
        packet(t, &w->decoded, w->hash, w->print);
}

struct decoded *flow_table_room(struct flow_table *t) {
    return &t->waiting[t->next % BEHIND].decoded;
}

/* Three packets move on at once: this one's hash is made, an earlier one's flow is looked up, a still earlier one's
 * record. What is looked up may have changed when its turn comes; it is then looked up again. */
void flow_table_take(struct flow_table *t, bool is_icmp) {
    struct waiting *w = &t->waiting[t->next % BEHIND];
    w->hash = hash_of(t, &w->decoded);
    w->print = is_icmp ? 0 : copies_print(t->copies, w->hash, &w->decoded);
    w->ref = 0;
    w->icmp = is_icmp;
    w->decoded.tcp.payload = NULL;
    __builtin_prefetch(&t->table.at[table_first(&t->table, w->hash)]);
    uint64_t waits = ++t->next - t->first;
    if (waits > LOOK_AT) {
        struct waiting *then = &t->waiting[(t->next - 1 - LOOK_AT) % BEHIND];
        uint32_t i = table_first(&t->table, then->hash);
        then->ref = table_probe(&t->table, then->hash, &i);
        if (then->ref != 0) prefetch(slot_of(t, then->ref), RECORD_AT);
    }
    if (waits > MEET) {
        const struct waiting *then = &t->waiting[(t->next - 1 - MEET) % BEHIND];
        if (then->ref != 0) prefetch((uint8_t *)slot_of(t, then->ref) + RECORD_AT, t->machine.hot);
    }
    if (waits == BEHIND) process(t);
}

void flow_table_settle(struct flow_table *t) {
    while (t->first != t->next) process(t);
}

bool flow_note(struct explain_flow *flow, const struct finding *finding) {
    if (flow->findings == flow->findings_room) {
        uint32_t room = flow->findings_room == 0 ? 4 : flow->findings_room * 2;
        struct finding *more = room <= FINDINGS_MAX ? realloc(flow->finding, room * sizeof *more) : NULL;
        if (more == NULL) return false;
        flow->finding = more;
        flow->findings_room = room;
    }
    flow->finding[flow->findings++] = *finding;
    return true;
}
