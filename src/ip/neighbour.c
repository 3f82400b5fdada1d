/* neighbour.c - the neighbour cache: who on the link has which address, for ARP and neighbour discovery alike (RFC
 * 4861 7.3, with unicast probes also for ARP, RFC 1122 2.3.2.1). The messages are arp.c's and nd.c's.
 *
 * INCOMPLETE --answer--> REACHABLE --age--> STALE --use--> DELAY --5 s--> PROBE --answer--> REACHABLE
 *      | 3 questions in vain                                                | 3 in vain: forgotten
 *      v
 *   SILENT --1 s, use--> INCOMPLETE
 *
 * Entries are made only when we have something to send: what others say changes entries but makes none. REACHABLE,
 * STALE and SILENT have no timer (ageing is seen when the entry is used) and may be pushed out, the longest unused
 * first. */
#include "ip/internal.h"

enum { UNRESOLVED_MAX = 64, QUESTIONS = 3 };
#define QUESTION_NS SEC_NS    /* between two questions [RFC4861 10: RETRANS_TIMER] */
#define DELAY_NS (5 * SEC_NS) /* for upper layers to show that it lives [RFC4861 10: DELAY_FIRST_PROBE_TIME] */
#define SILENT_NS SEC_NS

/* ---- the table ---- */

int neighbour_init(struct stack *s) {
    if (s->ip.neighbour_bucket) return TERN_OK;
    s->ip.neighbour_buckets = pow2_at_least(s->cfg.neighbours_max);
    s->ip.neighbour_bucket = mem_zalloc(s, s->ip.neighbour_buckets * sizeof *s->ip.neighbour_bucket);
    return s->ip.neighbour_bucket ? TERN_OK : TERN_ENOMEM;
}

static struct neighbour **bucket_of(const struct stack *s, int iface, const ip_addr *addr) {
    struct {
        ip_addr addr;
        uint64_t iface;
    } key = {*addr, (uint64_t)iface};
    return &s->ip.neighbour_bucket[siphash13(&s->key_table, &key, sizeof key) & (s->ip.neighbour_buckets - 1)];
}

struct neighbour *neighbour_find(struct stack *s, int iface, const ip_addr *addr) {
    if (!s->ip.neighbour_bucket) return NULL;
    struct neighbour *n = *bucket_of(s, iface, addr);
    while (n && (n->iface != iface || !ip_eq(&n->addr, addr))) n = n->bucket_next;
    return n;
}

static bool is_idle(const struct neighbour *n) {
    return n->state == NEIGHBOUR_REACHABLE || n->state == NEIGHBOUR_STALE || n->state == NEIGHBOUR_SILENT;
}

static void idle_remove(struct stack *s, struct neighbour *n) {
    *(n->older ? &n->older->newer : &s->ip.neighbour_oldest) = n->newer;
    *(n->newer ? &n->newer->older : &s->ip.neighbour_newest) = n->older;
}

static void idle_append(struct stack *s, struct neighbour *n) {
    n->newer = NULL;
    n->older = s->ip.neighbour_newest;
    *(n->older ? &n->older->newer : &s->ip.neighbour_oldest) = n;
    s->ip.neighbour_newest = n;
}

/* The only place that changes a state. */
static void set_state(struct stack *s, struct neighbour *n, enum neighbour_state state) {
    bool asked = !is_idle(n);
    if (!asked) idle_remove(s, n);
    if (n->state == NEIGHBOUR_INCOMPLETE) s->ip.neighbours_unresolved--;
    n->state = (uint8_t)state;
    n->since = s->now;
    if (is_idle(n)) {
        wheel_cancel(&s->wheel, &n->timer);
        idle_append(s, n);
        if (asked) tcp_path_changed(s); /* who waits for it, or for room to ask about another */
    }
    if (state == NEIGHBOUR_INCOMPLETE) s->ip.neighbours_unresolved++;
}

static void drop_pending(struct stack *s, struct neighbour *n) {
    for (struct ip_held *next, *h = n->pending; h; h = next) {
        next = h->next;
        held_free(s, h);
    }
    n->pending = NULL;
    n->pending_tail = &n->pending;
    n->pending_count = 0;
}

static void forget(struct stack *s, struct neighbour *n) {
    struct neighbour **at = bucket_of(s, n->iface, &n->addr);
    while (*at != n) at = &(*at)->bucket_next;
    *at = n->bucket_next;
    if (is_idle(n)) idle_remove(s, n);
    if (n->state == NEIGHBOUR_INCOMPLETE) s->ip.neighbours_unresolved--;
    wheel_cancel(&s->wheel, &n->timer);
    drop_pending(s, n);
    mem_free(s, n, sizeof *n);
    s->ip.neighbours--;
}

void neighbour_free(struct stack *s) {
    for (uint32_t i = 0; s->ip.neighbour_bucket && i < s->ip.neighbour_buckets; i++)
        while (s->ip.neighbour_bucket[i]) forget(s, s->ip.neighbour_bucket[i]);
    mem_free(s, s->ip.neighbour_bucket, s->ip.neighbour_buckets * sizeof *s->ip.neighbour_bucket);
}

void neighbours_forget(struct stack *s, int iface) {
    for (uint32_t i = 0; s->ip.neighbour_bucket && i < s->ip.neighbour_buckets; i++)
        for (struct neighbour *next, *n = s->ip.neighbour_bucket[i]; n; n = next) {
            next = n->bucket_next;
            if (n->iface == iface) forget(s, n);
        }
}

/* ---- questions ---- */

static void ask(struct stack *s, struct neighbour *n) {
    n->asked++;
    bool unicast = n->state == NEIGHBOUR_PROBE;
    if (ip_is_v4(&n->addr))
        arp_ask(s, n, unicast);
    else
        nd_ask(s, n, unicast);
    wheel_arm(&s->wheel, &n->timer, s->now + QUESTION_NS);
}

/* An empty entry, INCOMPLETE; a table that is full gives up the idle entry unused for longest [RFC6583 7.1]. */
static struct neighbour *make(struct stack *s, int iface, const ip_addr *addr) {
    if (neighbour_crowded(s)) return NULL;
    if (s->ip.neighbours >= s->cfg.neighbours_max) forget(s, s->ip.neighbour_oldest);
    struct neighbour *n = mem_zalloc(s, sizeof *n);
    if (!n) return NULL;
    n->addr = *addr;
    n->iface = iface;
    n->state = NEIGHBOUR_INCOMPLETE;
    n->timer.kind = TIMER_NEIGHBOUR;
    n->pending_tail = &n->pending;
    struct neighbour **at = bucket_of(s, iface, addr);
    n->bucket_next = *at;
    *at = n;
    s->ip.neighbours++;
    s->ip.neighbours_unresolved++;
    return n;
}

bool neighbour_crowded(const struct stack *s) {
    return s->ip.neighbours_unresolved >= UNRESOLVED_MAX ||
           (s->ip.neighbours >= s->cfg.neighbours_max && !s->ip.neighbour_oldest);
}

struct neighbour *neighbour_use(struct stack *s, int iface, const ip_addr *addr) {
    struct neighbour *n = neighbour_find(s, iface, addr);
    if (!n) {
        n = make(s, iface, addr);
        if (n)
            ask(s, n);
        else
            drop(s, iface, R_NEIGHBOUR_LIMIT, NULL);
        return n;
    }
    if (n->state == NEIGHBOUR_REACHABLE && s->now - n->since < s->cfg.neighbour_reachable_ms * MS_NS) {
        if (n->newer) { /* the most used entry is last already */
            idle_remove(s, n);
            idle_append(s, n);
        }
    } else if (n->state == NEIGHBOUR_REACHABLE || n->state == NEIGHBOUR_STALE) {
        set_state(s, n, NEIGHBOUR_DELAY);
        wheel_arm(&s->wheel, &n->timer, s->now + DELAY_NS);
    } else if (n->state == NEIGHBOUR_SILENT && s->now - n->since >= SILENT_NS) {
        if (neighbour_crowded(s)) { /* it may have come back, but cannot be asked now */
            drop(s, iface, R_NEIGHBOUR_LIMIT, NULL);
            return NULL;
        }
        set_state(s, n, NEIGHBOUR_INCOMPLETE);
        n->asked = 0;
        ask(s, n);
    }
    return n;
}

uint64_t neighbour_silent_since(struct stack *s, int iface, const ip_addr *addr) {
    const struct neighbour *n = neighbour_find(s, iface, addr);
    return n && n->state == NEIGHBOUR_SILENT ? n->since : TERN_NEVER;
}

void neighbour_hold(struct stack *s, struct neighbour *n, struct ip_held *held) {
    if (n->pending_count >= s->cfg.neighbour_pending) { /* the newest stay [RFC1122 2.3.2.2] */
        struct ip_held *first = n->pending;
        n->pending = first->next;
        if (!n->pending) n->pending_tail = &n->pending;
        n->pending_count--;
        held_free(s, first);
        drop(s, n->iface, R_NEIGHBOUR_LIMIT, NULL);
    }
    held->next = NULL;
    *n->pending_tail = held;
    n->pending_tail = &held->next;
    n->pending_count++;
}

/* ---- answers ---- */

/* What waited for the link address leaves. */
static void flush(struct stack *s, struct neighbour *n) {
    for (struct ip_held *next, *h = n->pending; h; h = next) {
        next = h->next;
        control_release(s, n->iface, n->mac, h);
    }
    n->pending = NULL;
    n->pending_tail = &n->pending;
    n->pending_count = 0;
}

void neighbour_confirm(struct stack *s, struct neighbour *n, const uint8_t *mac) {
    bool waiting = n->state == NEIGHBOUR_INCOMPLETE || n->state == NEIGHBOUR_SILENT;
    if (mac) memcpy(n->mac, mac, 6);
    set_state(s, n, NEIGHBOUR_REACHABLE);
    if (waiting) flush(s, n);
}

void neighbour_hint(struct stack *s, struct neighbour *n, const uint8_t mac[6]) {
    bool waiting = n->state == NEIGHBOUR_INCOMPLETE || n->state == NEIGHBOUR_SILENT;
    if (!waiting && memcmp(n->mac, mac, 6) == 0) return;
    memcpy(n->mac, mac, 6);
    set_state(s, n, NEIGHBOUR_STALE);
    if (waiting) flush(s, n);
}

void neighbour_doubt(struct stack *s, struct neighbour *n) {
    if (n->state == NEIGHBOUR_REACHABLE) set_state(s, n, NEIGHBOUR_STALE);
}

/* ---- time ---- */

void neighbour_timer(struct stack *s, wheel_node *node) {
    struct neighbour *n = CONTAINER_OF(node, struct neighbour, timer);
    if (n->state == NEIGHBOUR_DELAY) {
        set_state(s, n, NEIGHBOUR_PROBE);
        n->asked = 0;
    }
    if (n->asked < QUESTIONS) {
        ask(s, n);
        return;
    }
    drop(s, n->iface, R_NEIGHBOUR_SILENT, NULL);
    if (n->state ==
        NEIGHBOUR_PROBE) { /* it may be somewhere else now: the next packet asks everybody [RFC4861 7.3.3] */
        forget(s, n);
        tcp_path_changed(s);
    } else {
        drop_pending(s, n);
        set_state(s, n, NEIGHBOUR_SILENT);
    }
}
