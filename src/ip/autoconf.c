/* autoconf.c - IPv6 addresses and routes that nobody typed in: the link-local address, the check for duplicates, and
 * what router advertisements bring (RFC 4862, RFC 4861 6.3). Checks of the messages are nd.c's.
 *
 * One timer serves all of it, and the reports of mld.c: it is armed for whatever is due first, and not at all when nothing is. What a router
 * says about hop limits and timers of ours is not followed: a forged advertisement could cut us off with it. */
#include "ip/internal.h"

enum { ASK_FIRST_MS = 4000, ASK_MOST_MS = 3600000 }; /* [RFC4861 10: RTR_SOLICITATION_INTERVAL, RFC7559 2: MRT] */
#define PROBE_NS SEC_NS
#define TWO_HOURS_NS (7200 * SEC_NS)

static uint64_t lifetime(const struct stack *s, uint32_t seconds) {
    return seconds == UINT32_MAX ? TERN_NEVER : s->now + seconds * SEC_NS;
}

/* The lower half of an address: from the MAC [RFC4291 A], or stable and opaque where there is none [RFC7217 5]. */
static ip_addr with_identifier(const struct stack *s, int iface, const ip_addr *prefix) {
    const struct iface *f = &s->ip.iface[iface];
    ip_addr a = *prefix;
    if (f->link == TERN_LINK_ETHERNET) {
        const uint8_t id[8] = {
            (uint8_t)(f->mac[0] ^ 2), f->mac[1], f->mac[2], 0xff, 0xfe, f->mac[3], f->mac[4], f->mac[5]};
        memcpy(a.b + 8, id, 8);
        return a;
    }
    uint8_t seed[24];
    memcpy(seed, prefix->b, 8);
    memcpy(seed + 8, f->name, 16);
    ip_half_set(&a, 1, siphash24(&s->key_table, seed, sizeof seed));
    return a;
}

void address_checked_from(const struct stack *s, struct ip_address *a, uint64_t when) {
    bool check = is_ethernet(s, a->iface) && s->cfg.dad && !ip_is_v4(&a->addr);
    a->state = s->ip.link[a->iface].down ? IP_ADDRESS_DOWN : check ? IP_ADDRESS_TENTATIVE : IP_ADDRESS_OK;
    a->probes_left = 1;
    a->probe_due = when;
}

/* A tunnel that was given a global address by hand needs no router's advice. */
static bool wants_router(const struct stack *s, int iface) {
    if (!s->cfg.autoconf) return false;
    for (uint32_t i = 0; i < s->ip.addresses; i++) {
        const struct ip_address *a = &s->ip.address[i];
        if (a->iface == iface && !ip_is_v4(&a->addr) && !ip_is_link_local(&a->addr)) return is_ethernet(s, iface);
    }
    return true;
}

static bool has_link_local(const struct stack *s, int iface) {
    for (uint32_t i = 0; i < s->ip.addresses; i++) {
        const struct ip_address *a = &s->ip.address[i];
        if (a->iface == iface && !ip_is_v4(&a->addr) && ip_is_link_local(&a->addr)) return true;
    }
    return false;
}

int autoconf_start(struct stack *s, int iface) {
    struct ip_link *l = &s->ip.link[iface];
    if (l->v6) return TERN_OK;
    l->v6 = true;
    uint64_t soon = s->now + rng_below(&s->rng, 1000) * MS_NS; /* not all hosts at once [RFC4862 5.4.2] */
    ip_addr prefix = {.b = {0xfe, 0x80}};
    struct ip_address a = {.addr = with_identifier(s, iface, &prefix),
                           .iface = (uint8_t)iface,
                           .prefix_len = 64,
                           .preferred_until = TERN_NEVER,
                           .valid_until = TERN_NEVER};
    address_checked_from(s, &a, soon);
    struct ip_route r = {.iface = (uint8_t)iface, .origin = IP_ROUTE_ADDRESS, .until = TERN_NEVER};
    int err = has_link_local(s, iface) ? TERN_OK : address_add(s, &a);
    if (err == TERN_OK) err = route_add(s, &r, &prefix, 64);
    autoconf_ask(s, iface, soon);
    autoconf_rearm(s);
    return err;
}

void autoconf_ask(struct stack *s, int iface, uint64_t when) {
    struct ip_link *l = &s->ip.link[iface];
    if (!l->v6 || l->down || !wants_router(s, iface)) return;
    l->asks = true;
    l->ask_due = when;
}

/* ---- duplicates ---- */

void autoconf_duplicate(struct stack *s, struct ip_address *a) {
    drop(s, a->iface, R_ND_DUPLICATE, NULL);
    a->state = IP_ADDRESS_DUPLICATE;
    addresses_changed(s);
    address_told(s);
    autoconf_rearm(s);
    tcp_path_changed(s);
}

/* RFC 4862 5.4: a question, a second of silence, and the address is ours. */
static void check_step(struct stack *s, struct ip_address *a) {
    if (a->probes_left == 0) {
        a->state = IP_ADDRESS_OK;
        addresses_changed(s);
        address_told(s);
        if (ip_is_link_local(&a->addr)) mld_changed(s, a->iface); /* told by nobody until now [RFC3590 4] */
        tcp_path_returned(s);
        return;
    }
    a->probes_left--;
    a->probe_due = s->now + PROBE_NS;
    mld_changed(s, a->iface);
    nd_probe(s, a);
}

/* ---- advertisements ---- */

static struct ip_route *advertised_route(struct stack *s, int iface, const ip_addr *prefix, unsigned len,
                                         const ip_addr *via) {
    for (uint32_t i = 0; i < s->ip.routes; i++) {
        struct ip_route *r = &s->ip.route[i];
        if (r->origin == IP_ROUTE_ADVERTISED && r->iface == iface && r->bits == len && ip_eq(&r->via, via) &&
            ip_in_prefix(prefix, &r->prefix, len))
            return r;
    }
    return NULL;
}

/* No more routes of this kind are learnt: each link has its own list of routers [RFC4861 5.1]; the prefixes are those of all. */
static bool advertised_enough(const struct stack *s, int iface, bool router) {
    unsigned n = 0;
    for (uint32_t i = 0; i < s->ip.routes; i++) {
        const struct ip_route *r = &s->ip.route[i];
        if (r->origin != IP_ROUTE_ADVERTISED || ip_is_unspecified(&r->via) == router) continue;
        n += !router || r->iface == iface;
    }
    return n >= (router ? IP_ROUTERS : IP_PREFIXES);
}

/* Adds, refreshes or (seconds 0) removes one route. */
static void advertised_set(struct stack *s, int iface, const ip_addr *prefix, unsigned len, const ip_addr *via,
                           uint32_t seconds) {
    struct ip_route *known = advertised_route(s, iface, prefix, len, via);
    if (known && seconds == 0) {
        route_remove(s, known);
    } else if (known) {
        known->until = lifetime(s, seconds);
    } else if (seconds) {
        struct ip_route r = {
            .via = *via, .iface = (uint8_t)iface, .origin = IP_ROUTE_ADVERTISED, .until = lifetime(s, seconds)};
        if (advertised_enough(s, iface, !ip_is_unspecified(via)) || route_add(s, &r, prefix, len) != TERN_OK)
            drop(s, iface, R_AUTOCONF_LIMIT, NULL);
    }
}

/* RFC 4862 5.5.3 e: nobody unauthenticated may shorten a lifetime below two hours. */
static void address_refresh(const struct stack *s, struct ip_address *a, const struct nd_prefix *p) {
    uint64_t valid = lifetime(s, p->valid_s),
             left = a->valid_until == TERN_NEVER ? TERN_NEVER : a->valid_until - s->now;
    a->preferred_until = lifetime(s, p->preferred_s);
    if (p->valid_s > 7200 || valid > a->valid_until)
        a->valid_until = valid;
    else if (left > TWO_HOURS_NS)
        a->valid_until = s->now + TWO_HOURS_NS;
}

static void address_advertised(struct stack *s, int iface, const struct nd_prefix *p) {
    if (p->len != 64 || p->preferred_s > p->valid_s) return;
    unsigned made = 0;
    bool known = false;
    for (uint32_t i = 0; i < s->ip.addresses; i++) {
        struct ip_address *a = &s->ip.address[i];
        if (!a->automatic) continue;
        made++;
        if (a->iface != iface || !ip_in_prefix(&a->addr, &p->prefix, 64)) continue;
        known = true;
        address_refresh(s, a, p);
    }
    if (known || p->valid_s == 0) return;
    ip_addr prefix = p->prefix;
    ip_half_set(&prefix, 1, 0);
    struct ip_address a = {.addr = with_identifier(s, iface, &prefix),
                           .iface = (uint8_t)iface,
                           .prefix_len = 64,
                           .automatic = true,
                           .preferred_until = lifetime(s, p->preferred_s),
                           .valid_until = lifetime(s, p->valid_s)};
    address_checked_from(s, &a, s->now + rng_below(&s->rng, 1000) * MS_NS);
    int err = made < IP_PREFIXES ? address_add(s, &a) : TERN_ELIMIT;
    if (err == TERN_ELIMIT) drop(s, iface, R_AUTOCONF_LIMIT, NULL);
    if (err == TERN_OK && a.state == IP_ADDRESS_OK) address_told(s);
}

void link_mtu6_set(struct stack *s, int iface) {
    uint32_t mtu = s->ip.iface[iface].mtu;
    struct ip_link *l = &s->ip.link[iface];
    l->mtu6 = l->mtu_advertised ? min_u32(l->mtu_advertised, mtu) : mtu;
}

/* RFC 4861 6.3.4, RFC 4862 5.5.3 */
void autoconf_advertised(struct stack *s, int iface, const ip_addr *router, const nd_message *m) {
    struct ip_link *l = &s->ip.link[iface];
    const ip_addr everywhere = {{0}}, on_link = {{0}};
    if (!l->v6) return;         /* IPv6 comes neither to a tunnel that was given none nor to a link too narrow for it */
    if (m->router_lifetime_s) { /* one that spoke before it was asked may have more to say [RFC4861 6.3.7] */
        l->answered = true;
        l->asks = l->asks && !l->ask_wait_ms;
    }
    advertised_set(s, iface, &everywhere, 0, router, m->router_lifetime_s);
    if (m->mtu >= 1280 && m->mtu <= s->ip.iface[iface].mtu) {
        l->mtu_advertised = m->mtu;
        link_mtu6_set(s, iface);
    }
    for (unsigned i = 0; i < m->prefixes; i++) {
        const struct nd_prefix *p = &m->prefix[i];
        if (p->len > 128 || ip_is_link_local(&p->prefix) || ip_is_multicast(&p->prefix) || ip_is_v4(&p->prefix))
            continue;
        if (p->on_link && p->len > 0) advertised_set(s, iface, &p->prefix, p->len, &on_link, p->valid_s);
        if (p->autonomous) address_advertised(s, iface, p);
    }
    autoconf_rearm(s);
    tcp_path_returned(s);
}

void autoconf_router_gone(struct stack *s, int iface, const ip_addr *router) {
    const ip_addr everywhere = {{0}};
    advertised_set(s, iface, &everywhere, 0, router, 0);
    autoconf_rearm(s);
}

void autoconf_forget(struct stack *s, int iface) {
    struct ip_link *l = &s->ip.link[iface];
    for (uint32_t i = s->ip.addresses; i-- > 0;)
        if (s->ip.address[i].automatic && s->ip.address[i].iface == iface) address_remove(s, &s->ip.address[i]);
    for (uint32_t i = s->ip.routes; i-- > 0;)
        if (s->ip.route[i].origin == IP_ROUTE_ADVERTISED && s->ip.route[i].iface == iface)
            route_remove(s, &s->ip.route[i]);
    l->asks = l->answered = false;
    l->ask_wait_ms = l->mtu_advertised = 0;
    link_mtu6_set(s, iface);
}

/* ---- time ---- */

static uint64_t next_due(const struct stack *s) {
    const struct ip_state *ip = &s->ip;
    uint64_t due = TERN_NEVER;
    for (uint32_t i = 0; i < ip->addresses; i++) {
        due = min_u64(due, ip->address[i].valid_until);
        if (ip->address[i].state == IP_ADDRESS_TENTATIVE) due = min_u64(due, ip->address[i].probe_due);
    }
    for (uint32_t i = 0; i < ip->routes; i++) due = min_u64(due, ip->route[i].until);
    for (uint32_t i = 0; i < ip->ifaces; i++) {
        due = min_u64(due, mld_due(s, (int)i));
        if (ip->link[i].asks) due = min_u64(due, ip->link[i].ask_due);
    }
    return due;
}

void autoconf_rearm(struct stack *s) {
    uint64_t due = next_due(s);
    if (due == TERN_NEVER)
        wheel_cancel(&s->wheel, &s->ip.autoconf_timer);
    else
        wheel_arm(&s->wheel, &s->ip.autoconf_timer, due);
}

/* Less and less often, but without an end: the link may not have been ready, or there was no router yet [RFC7559 2]. */
static void ask_for_router(struct stack *s, int iface, struct ip_link *l) {
    l->ask_wait_ms = l->ask_wait_ms ? min_u32(2 * l->ask_wait_ms, ASK_MOST_MS) : ASK_FIRST_MS;
    l->ask_due = s->now + (l->ask_wait_ms + rng_below(&s->rng, l->ask_wait_ms / 10)) * MS_NS;
    l->asks = !l->answered;
    nd_solicit_router(s, iface);
}

void autoconf_timer(struct stack *s) {
    struct ip_state *ip = &s->ip;
    for (uint32_t i = 0; i < ip->addresses;) {
        struct ip_address *a = &ip->address[i];
        if (a->valid_until <= s->now) {
            address_remove(s, a);
            address_told(s);
            continue;
        }
        if (a->state == IP_ADDRESS_TENTATIVE && a->probe_due <= s->now) check_step(s, a);
        i++;
    }
    for (uint32_t i = 0; i < ip->routes;) {
        if (ip->route[i].until <= s->now)
            route_remove(s, &ip->route[i]);
        else
            i++;
    }
    for (uint32_t i = 0; i < ip->ifaces; i++) {
        struct ip_link *l = &ip->link[i];
        if (l->asks && l->ask_due <= s->now) ask_for_router(s, (int)i, l);
        mld_timer(s, (int)i);
    }
    autoconf_rearm(s);
}
