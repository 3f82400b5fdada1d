/* demux.c - whose segment is it (RFC 9293 3.3.1, 3.9.1.1): the table of flows, the listeners by port, and handles.
 * It only finds; what is done with a record is its owner's business. */
#include "tcp/tcb.h"

enum { TABLE_LEAST = 64 };

uint32_t flow_hash(const struct stack *s, const struct flow *f) {
    return (uint32_t)(ip_is_v4(&f->remote) ? siphash13_of(&s->key_table, flow_addresses(f), flow_ports(f))
                                           : siphash13(&s->key_table, f, sizeof *f));
}

/* It is very likely the one, and its handle will be made from the generation. */
static const struct tcb *tcb_soon(const struct stack *s, uint32_t index) {
    const struct tcb *t = pool_at(&s->tcp.tcbs, index);
    tcb_prefetch(t);
    __builtin_prefetch(pool_generation_at(&s->tcp.tcbs, index));
    return t;
}

static const struct flow *flow_at(const struct stack *s, uint32_t ref) {
    uint32_t i = ref_index(ref);
    switch (ref_kind_of(ref)) {
    case REF_TCB: return &tcb_soon(s, i)->flow;
    case REF_HALF_OPEN: return &((struct half_open *)pool_at(&s->tcp.half_opens, i))->flow;
    default: return &((struct time_wait *)pool_at(&s->tcp.time_waits, i))->flow;
    }
}

static inline bool flow_eq(const struct flow *a, const struct flow *b) {
    return a->remote_port == b->remote_port && a->local_port == b->local_port && ip_eq(&a->remote, &b->remote) &&
           ip_eq(&a->local, &b->local);
}

uint32_t flow_find(const struct stack *s, const struct flow *f, uint32_t hash) {
    const table *t = &s->tcp.flows;
    if (t->used == 0) return 0;
    uint32_t i = table_first(t, hash);
    for (uint32_t ref = table_probe(t, hash, &i); ref; ref = table_probe_next(t, hash, &i))
        if (flow_eq(flow_at(s, ref), f)) return ref;
    return 0;
}

/* Segments come in bursts, and a connection that was just made is likely to be heard of soon: the last record is
 * remembered. */
static void remember(struct stack *s, uint32_t hash, uint32_t ref) {
    s->tcp.recent = (struct recent_flow){flow_at(s, ref), hash, ref};
}

static void forget(struct stack *s, uint32_t ref) {
    if (s->tcp.recent.ref == ref) s->tcp.recent.ref = 0;
}

static inline bool is_for(const struct flow *f, const struct arrival *a) {
    return f->remote_port == a->h->src_port && f->local_port == a->h->dst_port && ip_eq(&f->remote, &a->ip->src) &&
           ip_eq(&f->local, &a->ip->dst);
}

uint32_t flow_of_arrival(struct arrival *a) {
    const struct recent_flow *recent = &a->s->tcp.recent;
    if (recent->ref && short_ways(a->s) && is_for(recent->flow, a)) {
        a->hash = recent->hash;
        return recent->ref;
    }
    struct flow f = {a->ip->dst, a->ip->src, a->h->dst_port, a->h->src_port};
    a->hash = flow_hash(a->s, &f);
    uint32_t ref = flow_find(a->s, &f, a->hash);
    if (!ref) return 0;
    remember(a->s, a->hash, ref);
    if (ref_kind_of(ref) == REF_TCB)
        busy_prefetch(((const struct tcb *)pool_at(&a->s->tcp.tcbs, ref_index(ref)))->busy);
    return ref;
}

static int reserve(struct stack *s, table *t) {
    if (t->size && !table_wants_room(t)) return TERN_OK;
    uint32_t size = t->size ? t->size * 2 : TABLE_LEAST, old_size = t->size;
    table_entry *memory = mem_alloc(s, size * sizeof *memory);
    if (!memory) return TERN_ENOMEM;
    mem_free(s, table_grow(t, memory, size), old_size * sizeof *memory);
    return TERN_OK;
}

int flow_reserve(struct stack *s) { return reserve(s, &s->tcp.flows); }
void flow_insert(struct stack *s, uint32_t hash, uint32_t ref) {
    table_insert(&s->tcp.flows, hash, ref);
    remember(s, hash, ref);
}

void flow_remove(struct stack *s, uint32_t hash, uint32_t ref) {
    forget(s, ref);
    bool found = table_remove(&s->tcp.flows, hash, ref);
    ASSERT(found);
    (void)found;
}

void flow_replace(struct stack *s, uint32_t hash, uint32_t ref, uint32_t new_ref) {
    forget(s, ref);
    bool found = table_replace(&s->tcp.flows, hash, ref, new_ref);
    ASSERT(found);
    (void)found;
    if (ref_kind_of(new_ref) == REF_TCB) remember(s, hash, new_ref);
}

/* ---- listeners: hashed by port alone; how many share a port is the application's choice ---- */

static uint32_t port_hash(uint16_t port) { return port * 0x9e3779b1u; }

struct listener *listener_exact(struct stack *s, const ip_addr *local, uint16_t port) {
    const table *t = &s->tcp.ports;
    if (t->used == 0) return NULL;
    uint32_t hash = port_hash(port), i = table_first(t, hash);
    for (uint32_t ref = table_probe(t, hash, &i); ref; ref = table_probe_next(t, hash, &i)) {
        struct listener *l = pool_at(&s->tcp.listeners, ref_index(ref));
        if (l->port == port && ip_eq(&l->local, local)) return l;
    }
    return NULL;
}

const ip_addr listen_any, listen_any_v4 = {{[10] = 0xff, [11] = 0xff}}, listen_any_v6 = {{0xff}};

/* How closely the listener's address is meant; 0: it is for others. */
static unsigned nearness(const struct listener *l, const ip_addr *local) {
    if (ip_eq(&l->local, local)) return 3;
    if (ip_eq(&l->local, ip_is_v4(local) ? &listen_any_v4 : &listen_any_v6)) return 2;
    return ip_eq(&l->local, &listen_any);
}

/* The nearest of those of a port; `most` 2 leaves out those for one address. */
static struct listener *listener_near(struct stack *s, const ip_addr *local, uint16_t port, unsigned most) {
    const table *t = &s->tcp.ports;
    struct listener *best = NULL;
    unsigned found = 0;
    if (t->used == 0) return NULL;
    uint32_t hash = port_hash(port), i = table_first(t, hash);
    for (uint32_t ref = table_probe(t, hash, &i); ref; ref = table_probe_next(t, hash, &i)) {
        struct listener *l = pool_at(&s->tcp.listeners, ref_index(ref));
        unsigned near = l->port == port ? nearness(l, local) : 0;
        if (near <= found || near > most) continue;
        best = l;
        found = near;
    }
    return best;
}

/* The most specific wins: address and port, any address, then a transparent listener for every port. */
struct listener *listener_find(struct stack *s, const ip_addr *local, uint16_t port) {
    struct listener *l = listener_near(s, local, port, 3);
    if (l && !(l->flags & TERN_LISTEN_TRANSPARENT) && !ip_is_ours(s, local)) l = NULL;
    return l ? l : listener_near(s, local, 0, 2);
}

int listener_register(struct stack *s, struct listener *l) {
    if (reserve(s, &s->tcp.ports) != TERN_OK) return TERN_ENOMEM;
    table_insert(&s->tcp.ports, port_hash(l->port), ref_make(REF_LISTENER, l->index));
    return TERN_OK;
}

void listener_unregister(struct stack *s, struct listener *l) {
    table_remove(&s->tcp.ports, port_hash(l->port), ref_make(REF_LISTENER, l->index));
}

/* ---- handles: generation, kind and index; an index may be wrong, old or made up ---- */

static pool *pool_of(struct stack *s, enum ref_kind kind) {
    switch (kind) {
    case REF_TCB: return &s->tcp.tcbs;
    case REF_HALF_OPEN: return &s->tcp.half_opens;
    case REF_TIME_WAIT: return &s->tcp.time_waits;
    default: return &s->tcp.listeners;
    }
}

tern_sock sock_of(const struct stack *s, enum ref_kind kind, uint32_t index) {
    const pool *p = likely(kind == REF_TCB) ? &s->tcp.tcbs : pool_of((struct stack *)(void *)(uintptr_t)s, kind);
    return (tern_sock){(uint64_t)pool_generation(p, index) << 32 | ref_make(kind, index)};
}

tern_sock tcp_sock(const struct stack *s, uint32_t ref) { return sock_of(s, ref_kind_of(ref), ref_index(ref)); }

void tcp_told(struct stack *s, uint32_t ref) {
    if (ref_kind_of(ref) != REF_HALF_OPEN) return;
    s->tcp.half_open_ended--;
    pool_give(&s->tcp.half_opens, ref_index(ref));
}

static void *behind(struct stack *s, tern_sock sock, enum ref_kind kind) {
    uint32_t ref = (uint32_t)sock.id;
    if (!(ref & 0x3fffffffu) || ref_kind_of(ref) != kind) return NULL;
    return pool_find(pool_of(s, kind), ref_index(ref), (uint32_t)(sock.id >> 32));
}

/* As `behind`, and its lines are on their way while the generation is compared. */
struct tcb *tcb_of(struct stack *s, tern_sock sock) {
    const pool *p = &s->tcp.tcbs;
    uint32_t ref = (uint32_t)sock.id, index = ref_index(ref), generation = (uint32_t)(sock.id >> 32);
    if (unlikely(ref_kind_of(ref) != REF_TCB || index >= p->made)) return NULL;
    struct tcb *t = pool_at(p, index);
    tcb_prefetch(t);
    return (generation & 1) && pool_generation(p, index) == generation ? t : NULL; /* odd: in use */
}
struct listener *listener_of(struct stack *s, tern_sock sock) {
    return behind(s, sock, REF_LISTENER);
}
struct half_open *half_open_of(struct stack *s, tern_sock sock) {
    struct half_open *h = half_open_or_ended(s, sock);
    return h && !(h->flags & HALF_ENDED) ? h : NULL;
}
struct half_open *half_open_or_ended(struct stack *s, tern_sock sock) {
    return behind(s, sock, REF_HALF_OPEN);
}

tern_flow flow_public(const struct flow *f) {
    return (tern_flow){addr_out(&f->local), addr_out(&f->remote), f->local_port, f->remote_port};
}
