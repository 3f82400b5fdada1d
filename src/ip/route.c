/* route.c - our addresses and routes: who we are, and which way leads where (RFC 1122 3.3.1, RFC 6724 in short).
 * Interfaces are iface.c's, next hops' link addresses neighbour.c's, addresses made from advertisements autoconf.c's.
 *
 * A packet to one of our own addresses has a route only where there is a loopback interface: see loopback.c. */
#include "ip/internal.h"

/* ---- prefixes ---- */

static ip_addr mask_of(unsigned bits) {
    ip_addr m = {{0}};
    for (unsigned i = 0; i < bits; i++) m.b[i / 8] = (uint8_t)(m.b[i / 8] | (0x80u >> (i % 8)));
    return m;
}

static ip_addr masked(const ip_addr *a, const ip_addr *mask) {
    ip_addr r;
    for (unsigned i = 0; i < 2; i++) ip_half_set(&r, i, ip_half(a, i) & ip_half(mask, i));
    return r;
}

static inline bool under(const ip_addr *a, const ip_addr *prefix, const ip_addr *mask) {
    uint64_t high = (ip_half(a, 0) ^ ip_half(prefix, 0)) & ip_half(mask, 0);
    return (high | ((ip_half(a, 1) ^ ip_half(prefix, 1)) & ip_half(mask, 1))) == 0;
}

static unsigned common_bits(const ip_addr *a, const ip_addr *b) {
    unsigned i = 0;
    while (i < 16 && a->b[i] == b->b[i]) i++;
    if (i == 16) return 128;
    return i * 8 + (unsigned)__builtin_clz((unsigned)(a->b[i] ^ b->b[i])) - 24;
}

/* ---- the routes to the last destinations, until an address or a route comes or goes ---- */

static struct ip_way *way_of(struct stack *s, const ip_addr *dst) {
    return &s->ip.way[(ip_half(dst, 1) * UINT64_C(0x9e3779b97f4a7c15) >> 32) % IP_WAYS];
}

void ways_forget(struct stack *s) { memset(s->ip.way, 0, sizeof s->ip.way); }

/* ---- our addresses ---- */

struct ip_address *address_find(struct stack *s, const ip_addr *a) {
    for (uint32_t i = 0; i < s->ip.addresses; i++)
        if (ip_eq(&s->ip.address[i].addr, a)) return &s->ip.address[i];
    return NULL;
}

bool ip_any_local(const struct stack *s) {
    for (uint32_t i = 0; i < s->ip.ifaces; i++)
        if (s->ip.iface[i].flags & TERN_IFACE_ANY_LOCAL) return true;
    return false;
}

static const struct ip_address *ours(const struct stack *s, const ip_addr *a) {
    for (uint32_t i = 0; i < s->ip.addresses; i++)
        if (ip_eq(&s->ip.address[i].addr, a)) return s->ip.address[i].state == IP_ADDRESS_OK ? &s->ip.address[i] : NULL;
    return NULL;
}

bool ip_is_ours(const struct stack *s, const ip_addr *a) { return ours(s, a) != NULL; }

bool address_is_here(const struct stack *s, int iface, const ip_addr *a) {
    const struct ip_address *mine = ours(s, a);
    return mine &&
           (mine->iface == iface || ip_is_v4(a) || !ip_is_link_local(a) || (uint32_t)iface + 1 == s->ip.loopback);
}

bool ip_will_be_ours(struct stack *s, const ip_addr *a) {
    const struct ip_address *mine = address_find(s, a);
    return mine && mine->state != IP_ADDRESS_DUPLICATE;
}

void addresses_changed(struct stack *s) {
    ways_forget(s);
    for (uint32_t i = 0; i < s->ip.ifaces; i++) s->ip.link[i].fast = 0;
    s->ip.addresses_not_ok = 0;
    for (uint32_t i = 0; i < s->ip.addresses; i++) s->ip.addresses_not_ok += s->ip.address[i].state != IP_ADDRESS_OK;
}

int address_add(struct stack *s, const struct ip_address *a) {
    if (address_find(s, &a->addr)) return TERN_EADDRINUSE;
    if (s->ip.addresses == IP_ADDRS) return TERN_ELIMIT;
    s->ip.address[s->ip.addresses++] = *a;
    addresses_changed(s);
    if (!ip_is_v4(&a->addr) && a->state == IP_ADDRESS_OK) mld_changed(s, a->iface);
    return TERN_OK;
}

/* Did tern_addr_add of this address make this route? */
static bool route_is_of(const struct ip_route *r, const struct ip_address *a) {
    unsigned bits = a->prefix_len + (ip_is_v4(&a->addr) ? 96u : 0u);
    return r->origin == IP_ROUTE_ADDRESS && r->iface == a->iface && r->bits == bits && !a->automatic &&
           under(&a->addr, &r->prefix, &r->mask);
}

/* The route to the address's prefix goes with the last address in it. */
static void address_route_remove(struct stack *s, const struct ip_address *gone) {
    for (uint32_t i = 0; i < s->ip.routes; i++) {
        if (!route_is_of(&s->ip.route[i], gone)) continue;
        for (uint32_t k = 0; k < s->ip.addresses; k++)
            if (route_is_of(&s->ip.route[i], &s->ip.address[k])) return;
        route_remove(s, &s->ip.route[i]);
        return;
    }
}

void address_remove(struct stack *s, struct ip_address *a) {
    struct ip_address gone = *a;
    size_t after = (size_t)(s->ip.address + s->ip.addresses - (a + 1));
    memmove(a, a + 1, after * sizeof *a);
    s->ip.addresses--;
    s->ip.addresses_gone = true;
    addresses_changed(s);
    address_route_remove(s, &gone);
    if (!ip_is_v4(&gone.addr)) mld_left(s, gone.iface, &gone.addr);
    tcp_path_changed(s); /* who waits for it waits in vain */
}

/* 2 to 14 as in RFC 4291 2.7: only link-local is narrower than the rest here. */
static unsigned scope_of(const ip_addr *a) { return ip_is_link_local(a) ? 2 : 14; }

/* Higher is better; 0: not to be used. Rules 2, 3, 5 and 8 of RFC 6724 5, in this order. */
static unsigned source_score(const struct stack *s, const struct ip_address *a, int iface, const ip_addr *dst) {
    if (ip_is_v4(&a->addr) != ip_is_v4(dst)) return 0;
    unsigned mine = scope_of(&a->addr), theirs = scope_of(dst);
    bool here = a->iface == iface;
    if (mine == 2 && (theirs != 2 || !here) && !ip_is_v4(dst)) return 0;
    unsigned score = 1;
    if (mine == theirs) score += 1u << 11;
    if (a->preferred_until > s->now) score += 1u << 10;
    if (here) score += 1u << 9;
    return score + common_bits(&a->addr, dst);
}

static bool best_source(const struct stack *s, enum ip_address_state state, int iface, const ip_addr *dst,
                        ip_addr *out) {
    unsigned best = 0;
    for (uint32_t i = 0; i < s->ip.addresses; i++) {
        if (s->ip.address[i].state != state) continue;
        unsigned score = source_score(s, &s->ip.address[i], iface, dst);
        if (score <= best) continue;
        best = score;
        *out = s->ip.address[i].addr;
    }
    return best > 0;
}

bool address_choose(const struct stack *s, int iface, const ip_addr *dst, ip_addr *out) {
    return best_source(s, IP_ADDRESS_OK, iface, dst, out);
}

bool ip_is_broadcast(const struct stack *s, int iface, const ip_addr *a) {
    if (!ip_is_v4(a)) return false;
    uint32_t v = ip_to_v4(a);
    if (v == UINT32_MAX) return true;
    for (uint32_t i = 0; i < s->ip.addresses; i++) {
        const struct ip_address *mine = &s->ip.address[i];
        if (!ip_is_v4(&mine->addr) || mine->prefix_len >= 31 || (iface >= 0 && mine->iface != iface)) continue;
        uint32_t host = UINT32_MAX >> mine->prefix_len;
        if (((v ^ ip_to_v4(&mine->addr)) & ~host) == 0 && (v & host) == host) return true;
    }
    return false;
}

/* Unicast, and not of the kinds that only a host itself may use: 0/8, 127/8, 240/4, ::, ::1. */
static bool is_unicast(const ip_addr *a) {
    if (!ip_is_v4(a)) return !ip_is_unspecified(a) && !ip_is_multicast(a) && !ip_is_loopback(a);
    uint32_t first = ip_to_v4(a) >> 24;
    return first != 0 && first != 127 && first < 224;
}

/* [MUST-46], RFC 1122 4.2.3.10 */
bool ip_may_be_peer(const struct stack *s, const ip_addr *a) { return is_unicast(a) && !ip_is_broadcast(s, -1, a); }

/* ---- groups ---- */

ip_addr ip_all_nodes(void) { return (ip_addr){.b = {0xff, 2, [15] = 1}}; }
ip_addr ip_all_routers(void) { return (ip_addr){.b = {0xff, 2, [15] = 2}}; }

bool ip_is_joined(const struct stack *s, int iface, const ip_addr *group) {
    if (ip_is_v4(group)) return ip_to_v4(group) == 0xe0000001u;
    ip_addr nodes = ip_all_nodes();
    if (ip_eq(group, &nodes)) return true;
    for (uint32_t i = 0; i < s->ip.addresses; i++) {
        const struct ip_address *a = &s->ip.address[i];
        if (a->iface != iface || ip_is_v4(&a->addr)) continue;
        ip_addr solicited = ip_solicited_node(&a->addr);
        if (ip_eq(group, &solicited)) return true;
    }
    return false;
}

bool mac_is_joined(const struct stack *s, int iface, const uint8_t mac[6]) {
    static const uint8_t hosts4[6] = {0x01, 0x00, 0x5e, 0, 0, 1}, nodes6[6] = {0x33, 0x33, 0, 0, 0, 1};
    static const uint8_t solicited[3] = {0x33, 0x33, 0xff};
    if (memcmp(mac, hosts4, 6) == 0 || memcmp(mac, nodes6, 6) == 0) return true;
    if (memcmp(mac, solicited, 3) != 0) return false;
    for (uint32_t i = 0; i < s->ip.addresses; i++) {
        const struct ip_address *a = &s->ip.address[i];
        if (a->iface == iface && !ip_is_v4(&a->addr) && memcmp(mac + 3, a->addr.b + 13, 3) == 0) return true;
    }
    return false;
}

uint32_t link_mtu(const struct stack *s, int iface, bool v6) {
    return v6 ? s->ip.link[iface].mtu6 : s->ip.iface[iface].mtu;
}

/* ---- routes ---- */

static void route_set_prefix(struct ip_route *r, const ip_addr *prefix, unsigned len) {
    r->v4 = ip_is_v4(prefix);
    r->bits = (uint8_t)(r->v4 ? 96 + len : len);
    r->mask = mask_of(r->bits);
    r->prefix = masked(prefix, &r->mask);
}

/* What the user said, what came with an address and what a router said last differently long: each is kept. */
static bool route_same(const struct ip_route *a, const struct ip_route *b) {
    return a->origin == b->origin && a->bits == b->bits && a->v4 == b->v4 && a->iface == b->iface &&
           ip_eq(&a->prefix, &b->prefix) && ip_eq(&a->via, &b->via);
}

static int route_insert(struct stack *s, const struct ip_route *r) {
    uint32_t at = 0;
    for (; at < s->ip.routes && s->ip.route[at].bits >= r->bits; at++)
        if (route_same(&s->ip.route[at], r)) return TERN_OK;
    if (s->ip.routes == IP_ROUTES) return TERN_ELIMIT;
    memmove(&s->ip.route[at + 1], &s->ip.route[at], (s->ip.routes - at) * sizeof *r);
    s->ip.route[at] = *r;
    s->ip.routes++;
    ways_forget(s);
    return TERN_OK;
}

int route_add(struct stack *s, const struct ip_route *wanted, const ip_addr *prefix, unsigned len) {
    struct ip_route r = *wanted;
    route_set_prefix(&r, prefix, len);
    return route_insert(s, &r);
}

void route_remove(struct stack *s, struct ip_route *r) {
    size_t after = (size_t)(s->ip.route + s->ip.routes - (r + 1));
    memmove(r, r + 1, after * sizeof *r);
    s->ip.routes--;
    ways_forget(s);
}

/* Since when its gateway has not answered; TERN_NEVER: it may be alive. */
static uint64_t gateway_silent_since(struct stack *s, const struct ip_route *r) {
    return ip_is_unspecified(&r->via) ? TERN_NEVER : neighbour_silent_since(s, r->iface, &r->via);
}

/* A link-local address means nothing without its link: the source's [RFC4007 9]. */
static int link_of(struct stack *s, const ip_addr *src, const ip_addr *dst) {
    if (!src || !ip_is_link_local(dst) || ip_is_v4(dst)) return -1;
    const struct ip_address *a = address_find(s, src);
    return a ? a->iface : -1;
}

/* *lasting: it depends on no gateway, neither this one nor one that was passed over. */
static const struct ip_route *route_search(struct stack *s, int link, const ip_addr *dst, bool *lasting) {
    bool v4 = ip_is_v4(dst);
    const struct ip_route *best = NULL;
    uint64_t since = 0;
    for (uint32_t i = 0; i < s->ip.routes; i++) {
        const struct ip_route *r = &s->ip.route[i];
        if (best && r->bits < best->bits) break;
        if (r->v4 != v4 || !under(dst, &r->prefix, &r->mask) || (link >= 0 && r->iface != link)) continue;
        if (s->ip.link[r->iface].down) continue;
        *lasting = !best && ip_is_unspecified(&r->via);
        /* Dead gateways come last [RFC1122 3.3.1.4], and in turn: the one that was not asked for longest [RFC4861 6.3.6]. */
        uint64_t silent = gateway_silent_since(s, r);
        if (silent == TERN_NEVER) return r;
        if (!best || silent < since) {
            best = r;
            since = silent;
        }
    }
    return best;
}

/* What depends on the source, or on whether a gateway lives, is not remembered. */
static APART const struct ip_route *route_unknown(struct stack *s, const ip_addr *src, const ip_addr *dst,
                                                  struct ip_way *way) {
    if (!is_unicast(dst)) return NULL;
    if (address_find(s, dst)) return s->ip.loopback && ip_is_ours(s, dst) ? &s->ip.loop_route : NULL;
    bool lasting = false;
    const struct ip_route *r = route_search(s, link_of(s, src, dst), dst, &lasting);
    if (!r || ip_is_broadcast(s, r->iface, dst)) return NULL;
    if (lasting && !ip_is_link_local(dst)) *way = (struct ip_way){*dst, r};
    return r;
}

const struct ip_route *route_find(struct stack *s, const ip_addr *src, const ip_addr *dst) {
    struct ip_way *way = way_of(s, dst);
    if (likely(way->route && ip_eq(&way->dst, dst))) return way->route;
    return route_unknown(s, src, dst, way);
}

bool ip_route_source(struct stack *s, const ip_addr *dst, ip_addr *source) {
    const struct ip_route *r = route_find(s, NULL, dst);
    if (!r) return false;
    if (r == &s->ip.loop_route) {
        *source = *dst;
        return true;
    }
    return address_choose(s, r->iface, dst, source) || best_source(s, IP_ADDRESS_TENTATIVE, r->iface, dst, source);
}

uint32_t ip_link_mtu(struct stack *s, const ip_addr *dst) {
    const struct ip_route *r = route_find(s, NULL, dst);
    return r ? link_mtu(s, r->iface, !r->v4) : 0;
}

/* ---- the public calls ---- */

/* A host of the family, of an interface that exists. */
static bool address_ok(const struct stack *s, int iface, const tern_addr *addr) {
    return s && addr && ip_iface_exists(s, iface) && (addr->family == 4 || addr->family == 6);
}

int tern_addr_add(tern_stack *public, int iface, const tern_addr *addr, unsigned prefix_len) {
    struct stack *s = stack_of(public);
    if (!address_ok(s, iface, addr)) return TERN_EINVAL;
    bool v4 = addr->family == 4, ethernet = is_ethernet(s, iface);
    ip_addr a = addr_in(addr);
    if (ip_is_v4(&a) != v4 || !is_unicast(&a) || prefix_len > (v4 ? 32u : 128u)) return TERN_EINVAL;
    if (!v4 && s->ip.iface[iface].mtu < 1280) return TERN_EINVAL; /* [RFC8200 5] */
    struct ip_address mine = {.addr = a,
                              .iface = (uint8_t)iface,
                              .prefix_len = (uint8_t)prefix_len,
                              .preferred_until = TERN_NEVER,
                              .valid_until = TERN_NEVER};
    address_checked_from(s, &mine, s->now + rng_below(&s->rng, 1000) * MS_NS);
    int err = address_add(s, &mine);
    if (err) return err;
    struct ip_route r = {.iface = (uint8_t)iface, .origin = IP_ROUTE_ADDRESS, .until = TERN_NEVER};
    if (prefix_len < (v4 ? 32u : 128u)) err = route_add(s, &r, &a, prefix_len);
    if (err) {
        address_remove(s, address_find(s, &a));
        return err;
    }
    if (!v4) autoconf_start(s, iface);
    autoconf_rearm(s);
    if (v4 && ethernet && mine.state == IP_ADDRESS_OK) arp_announce(s, iface, ip_to_v4(&a));
    tcp_path_returned(s);
    return TERN_OK;
}

int tern_addr_remove(tern_stack *public, int iface, const tern_addr *addr) {
    struct stack *s = stack_of(public);
    if (!address_ok(s, iface, addr)) return TERN_EINVAL;
    ip_addr a = addr_in(addr);
    struct ip_address *mine = address_find(s, &a);
    if (!mine || mine->iface != iface) return TERN_EADDRNOTAVAIL;
    address_remove(s, mine);
    autoconf_rearm(s);
    return TERN_OK;
}

/* Only addresses that can be used: not those still checked for duplicates. */
bool tern_addr_at(tern_stack *public, size_t i, tern_addr *addr, int *iface, unsigned *prefix_len) {
    struct stack *s = stack_of(public);
    for (uint32_t k = 0; s && k < s->ip.addresses; k++) {
        const struct ip_address *a = &s->ip.address[k];
        if (a->state != IP_ADDRESS_OK || i--) continue;
        if (addr) *addr = addr_out(&a->addr);
        if (iface) *iface = a->iface;
        if (prefix_len) *prefix_len = a->prefix_len;
        return true;
    }
    return false;
}

/* What the arguments of a route say; TERN_EINVAL: nothing. */
static int route_named(struct stack *s, const tern_addr *prefix, unsigned len, int iface, const tern_addr *via,
                       struct ip_route *out) {
    if (!address_ok(s, iface, prefix)) return TERN_EINVAL;
    bool v4 = prefix->family == 4;
    ip_addr p = addr_in(prefix);
    if (ip_is_v4(&p) != v4 || len > (v4 ? 32u : 128u)) return TERN_EINVAL;
    struct ip_route r = {.iface = (uint8_t)iface, .origin = IP_ROUTE_MANUAL, .until = TERN_NEVER};
    route_set_prefix(&r, &p, len);
    if (via && via->family != 0) {
        r.via = addr_in(via);
        if (via->family != prefix->family || ip_is_v4(&r.via) != v4) return TERN_EINVAL;
        if (ip_is_unspecified(&r.via)) r.via = (ip_addr){{0}};
    }
    *out = r;
    return TERN_OK;
}

int tern_route_add(tern_stack *public, const tern_addr *prefix, unsigned prefix_len, int iface, const tern_addr *via) {
    struct stack *s = stack_of(public);
    struct ip_route r;
    int err = route_named(s, prefix, prefix_len, iface, via, &r);
    if (err) return err;
    if (!ip_is_unspecified(&r.via) && (!ip_may_be_peer(s, &r.via) || address_find(s, &r.via))) return TERN_EINVAL;
    if (!r.v4 && s->ip.iface[iface].mtu < 1280) return TERN_EINVAL;
    err = route_insert(s, &r);
    if (err == TERN_OK) tcp_path_returned(s);
    return err;
}

int tern_route_remove(tern_stack *public, const tern_addr *prefix, unsigned prefix_len, int iface,
                      const tern_addr *via) {
    struct stack *s = stack_of(public);
    struct ip_route named;
    int err = route_named(s, prefix, prefix_len, iface, via, &named);
    if (err) return err;
    for (uint32_t i = 0; i < s->ip.routes; i++) {
        if (!route_same(&s->ip.route[i], &named)) continue;
        route_remove(s, &s->ip.route[i]);
        tcp_path_changed(s); /* who waits for the gateway has another one now, or waits in vain */
        return TERN_OK;
    }
    return TERN_ENOROUTE;
}
