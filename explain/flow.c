/* flow.c - see flow.h: the table of connections. Which packets are copies of others is copies.c's, what happened to a
 * connection the machine's. */
#include "explain/flow.h"

#include <stdlib.h>
#include <sys/random.h>

#include "base/siphash.h"
#include "base/table.h"
#include "explain/copies.h"
#include "explain/decode.h"

enum { SLAB = 256, SLABS_MAX = 1 << 16, FINDINGS_MAX = 1024, TABLE_LEAST = 1024 };

/* Lists that a flow stands in, ordered by its latest packet. */
enum { LIST_OPEN, LIST_OVER, LISTS };

struct slot {
    struct explain_flow flow; /* first: a flow is its slot */
    struct slot *before, *after;
    uint32_t hash, ref;
    uint8_t list;
    bool used;
};

struct list {
    struct slot *first, *last;
};

/* Packets that wait for their turn. After LOOK_AT more its place in the table is there, after MEET its flow. */
enum { BEHIND = 16, LOOK_AT = 5, MEET = 10, LINE = 64, RECORD_LINES = 8 };

struct flow_table {
    struct flow_machine machine;
    uint32_t limit;
    uint64_t linger_ns, now_ns;
    siphash_key key;
    table table;
    struct slot **slab;
    uint32_t slabs, slabs_room;
    struct slot *spare; /* linked by `after` */
    struct list list[LISTS];
    struct flow_counts counts;
    struct copies *copies;
    uint64_t *iface_ns; /* the latest time of each interface */
    uint32_t ifaces;
    struct waiting {
        struct decoded decoded;
        uint32_t hash, ref; /* ref: the flow as it seems now, 0: none */
        bool icmp;
    } waiting[BEHIND];
    uint64_t first, next; /* of them, modulo BEHIND */
};

/* Both directions in one, in the order of decoded_forth. Without a gap, so that its bytes can be hashed. */
struct pair {
    ip_addr low, high;
    uint16_t low_port, high_port;
};

struct flow_table *flow_table_new(const struct flow_machine *machine, uint32_t limit, uint64_t linger_ns) {
    uint8_t random[16];
    struct flow_table *t = calloc(1, sizeof *t);
    if (t == NULL) return NULL;
    t->machine = *machine;
    t->limit = limit < 1 ? 1 : limit > SLAB * (SLABS_MAX - 1) ? SLAB * (SLABS_MAX - 1) : limit;
    t->linger_ns = linger_ns;
    t->copies = copies_new();
    if (getrandom(random, sizeof random, 0) != sizeof random) memset(random, 0x5a, sizeof random);
    t->key = siphash_key_of(random);
    table_entry *memory = malloc(TABLE_LEAST * sizeof *memory);
    if (memory == NULL || t->copies == NULL) {
        free(memory);
        flow_table_free(t);
        return NULL;
    }
    table_grow(&t->table, memory, TABLE_LEAST);
    return t;
}

void flow_table_free(struct flow_table *t) {
    if (t == NULL) return;
    for (uint32_t i = 0; i < t->slabs; i++) {
        for (size_t k = 0; k < SLAB; k++)
            if (t->slab[i][k].used) free(t->slab[i][k].flow.finding);
        free(t->slab[i]);
    }
    free(t->slab);
    free(t->table.at);
    free(t->iface_ns);
    copies_free(t->copies);
    free(t);
}

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
    s->after = NULL;
    s->before = l->last;
    *(l->last != NULL ? &l->last->after : &l->first) = s;
    l->last = s;
}

/* ---- slots ---- */

static bool more_slots(struct flow_table *t) {
    if (t->slabs == t->slabs_room) {
        uint32_t room = t->slabs_room == 0 ? 64 : t->slabs_room * 2;
        struct slot **more = room <= SLABS_MAX ? realloc(t->slab, room * sizeof *more) : NULL;
        if (more == NULL) return false;
        t->slab = more;
        t->slabs_room = room;
    }
    struct slot *slab = calloc(SLAB, sizeof *slab);
    if (slab == NULL) return false;
    for (uint32_t i = SLAB; i-- > 0;) {
        slab[i].ref = t->slabs * SLAB + i + 1;
        slab[i].after = t->spare;
        t->spare = &slab[i];
    }
    t->slab[t->slabs++] = slab;
    return true;
}

static struct slot *slot_of(const struct flow_table *t, uint32_t ref) {
    return &t->slab[(ref - 1) / SLAB][(ref - 1) % SLAB];
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
    uint32_t ref = s->ref;
    s->flow.ended = (uint8_t)why;
    t->machine.ended(t->machine.ctx, &s->flow, t->now_ns);
    if (why == FLOW_OVER) t->counts.over++;
    if (why == FLOW_REUSED) t->counts.reused++;
    if (why == FLOW_EVICTED) (*(s->flow.over ? &t->counts.evicted_over : &t->counts.evicted_open))++;
    free(s->flow.finding);
    unlist(t, s);
    table_remove(&t->table, s->hash, ref);
    memset(s, 0, sizeof *s);
    s->ref = ref;
    s->after = t->spare;
    t->spare = s;
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
    for (uint32_t i = 0; i < t->slabs && all != NULL; i++)
        for (size_t k = 0; k < SLAB; k++)
            if (t->slab[i][k].used) all[n++] = &t->slab[i][k];
    if (n > 0) qsort(all, n, sizeof *all, by_id);
    for (size_t i = 0; i < n; i++) end_flow(t, all[i], FLOW_FILE_ENDED);
    free(all);
    for (int l = 0; l < LISTS; l++) /* had there been no memory for the order */
        while (t->list[l].first != NULL) end_flow(t, t->list[l].first, FLOW_FILE_ENDED);
}

/* ---- finding ---- */

static struct pair pair_of(const struct decoded *d) {
    return decoded_forth(d) ? (struct pair){d->src, d->dst, d->src_port, d->dst_port}
                            : (struct pair){d->dst, d->src, d->dst_port, d->src_port};
}

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
    struct slot *s = t->spare;
    t->spare = s->after;
    bool a = source_opened(d);
    s->flow = (struct explain_flow){.id = t->counts.flows + 1,
                                    .first_ns = d->tcp.time_ns,
                                    .last_ns = d->tcp.time_ns,
                                    .first_number = d->tcp.number,
                                    .v6 = d->tcp.v6,
                                    .self = d->src_port == d->dst_port && ip_eq(&d->src, &d->dst)};
    s->flow.end[a ? END_A : END_B].addr = d->src;
    s->flow.end[a ? END_A : END_B].port = d->src_port;
    s->flow.end[a ? END_B : END_A].addr = d->dst;
    s->flow.end[a ? END_B : END_A].port = d->dst_port;
    d->tcp.from = a ? END_A : END_B;
    if (!t->machine.created(t->machine.ctx, &s->flow, before != NULL ? &before->flow : NULL, &d->tcp)) {
        memset(&s->flow, 0, sizeof s->flow);
        s->after = t->spare;
        t->spare = s;
        return NULL;
    }
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

static uint32_t hash_of(const struct flow_table *t, const struct decoded *d) {
    struct pair pair = pair_of(d);
    return (uint32_t)siphash13(&t->key, &pair, sizeof pair);
}

static void packet(struct flow_table *t, struct decoded *d, uint32_t hash) {
    struct flow_packet *p = &d->tcp;
    watch_clock(t, p);
    end_silent(t);
    struct slot *s = find(t, hash, d, &p->from);
    if (copies_seen(t->copies, hash, d)) p->marks |= FLOW_COPY;
    bool syn = (p->tcp.flags & (TCP_SYN | TCP_RST)) == TCP_SYN;
    if (s == NULL || (syn && !(p->marks & FLOW_COPY) && t->machine.begins(t->machine.ctx, &s->flow, p)))
        s = create(t, hash, d, s);
    if (s == NULL) {
        t->counts.refused++;
        return;
    }
    count(t, &s->flow, d);
    t->machine.fed(t->machine.ctx, &s->flow, p);
    uint8_t list = s->flow.over ? LIST_OVER : LIST_OPEN;
    if (t->list[list].last == s) return;
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
    packet(t, d, hash_of(t, d));
}

void flow_table_icmp(struct flow_table *t, struct decoded *d) {
    flow_table_settle(t);
    icmp(t, d, hash_of(t, d));
}

/* ---- a few packets behind ---- */

static void prefetch(const void *p, unsigned lines) {
    for (unsigned i = 0; i < lines; i++) __builtin_prefetch((const char *)p + i * LINE, 1);
}

static void process(struct flow_table *t) {
    struct waiting *w = &t->waiting[t->first++ % BEHIND];
    if (unlikely(w->icmp))
        icmp(t, &w->decoded, w->hash);
    else
        packet(t, &w->decoded, w->hash);
}

struct decoded *flow_table_room(struct flow_table *t) {
    return &t->waiting[t->next % BEHIND].decoded;
}

/* Three packets move on at once: this one's hash is made, an earlier one's flow is looked up, a still earlier one's
 * record. What is looked up may have changed when its turn comes; it is then looked up again. */
void flow_table_take(struct flow_table *t, bool is_icmp) {
    struct waiting *w = &t->waiting[t->next % BEHIND];
    w->hash = hash_of(t, &w->decoded);
    w->ref = 0;
    w->icmp = is_icmp;
    w->decoded.tcp.payload = NULL;
    __builtin_prefetch(&t->table.at[table_first(&t->table, w->hash)]);
    uint64_t waits = ++t->next - t->first;
    if (waits > LOOK_AT) {
        struct waiting *then = &t->waiting[(t->next - 1 - LOOK_AT) % BEHIND];
        uint32_t i = table_first(&t->table, then->hash);
        then->ref = table_probe(&t->table, then->hash, &i);
        if (then->ref != 0) prefetch(slot_of(t, then->ref), (unsigned)((sizeof(struct slot) + LINE - 1) / LINE));
    }
    if (waits > MEET) {
        const struct waiting *then = &t->waiting[(t->next - 1 - MEET) % BEHIND];
        if (then->ref != 0) prefetch(slot_of(t, then->ref)->flow.machine, RECORD_LINES);
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
