/* iface.c - interfaces: added, taken down and up again, given another MTU, removed. Their addresses and routes are
 * route.c's, what routers say about them autoconf.c's.
 *
 * An interface that is down keeps what it was given by hand. Its addresses count as not ours meanwhile, its routes are
 * passed over; nothing is kept of what was learnt from the link, which may be another one the next time. */
#include "ip/internal.h"

enum { IP_MOST = 65535, TSO_MOST = 8 * IP_MOST };

static bool mtu_ok(uint32_t mtu) { return mtu >= 68 && mtu <= IP_MOST; }

static bool iface_config_ok(const tern_iface_config *c) {
    if (c->size != sizeof *c || !mtu_ok(c->mtu) || c->tso_max > TSO_MOST) return false;
    if (c->link == TERN_LINK_LOOPBACK && c->tso_max > IP_MOST) return false;
    if (c->flags & ~(uint32_t)(TERN_IFACE_TX_CSUM | TERN_IFACE_RX_CSUM | TERN_IFACE_ANY_LOCAL)) return false;
    if (c->link == TERN_LINK_IP || c->link == TERN_LINK_LOOPBACK) return c->vlan == 0;
    static const uint8_t none[6];
    return c->link == TERN_LINK_ETHERNET && c->vlan <= 4094 && !(c->mac[0] & 1) && memcmp(c->mac, none, 6) != 0;
}

bool ip_iface_exists(const struct stack *s, int iface) {
    return iface >= 0 && (uint32_t)iface < s->ip.ifaces && s->ip.iface[iface].link != 0;
}

static bool has_loopback(const struct stack *s) {
    for (uint32_t i = 0; i < s->ip.ifaces; i++)
        if (s->ip.iface[i].link == TERN_LINK_LOOPBACK) return true;
    return false;
}

/* A loopback interface that is up is where our own addresses lead. */
static void loopback_set(struct stack *s, int iface, bool up) {
    if (s->ip.iface[iface].link != TERN_LINK_LOOPBACK) return;
    s->ip.loopback = up ? (uint32_t)iface + 1 : 0;
    s->ip.loop_route.iface = (uint8_t)iface;
    if (!up) loopback_free(s);
}

/* The lowest number that is free: IP_IFACES when none is. */
static uint32_t free_number(const struct stack *s) {
    uint32_t i = 0;
    while (i < s->ip.ifaces && s->ip.iface[i].link) i++;
    return i;
}

/* Nobody types in a link-local address: Ethernet has one from the start, a tunnel from its first IPv6 address on. */
static void start_ipv6(struct stack *s, int iface) {
    if (is_ethernet(s, iface) && s->cfg.autoconf && s->ip.iface[iface].mtu >= 1280)
        autoconf_start(s, iface); /* a full address table only means: without */
}

int tern_iface_add(tern_stack *public, const tern_iface_config *config) {
    struct stack *s = stack_of(public);
    if (!s || !config || !iface_config_ok(config)) return TERN_EINVAL;
    uint32_t i = free_number(s);
    if (i == IP_IFACES) return TERN_ELIMIT;
    if (config->link == TERN_LINK_LOOPBACK && has_loopback(s)) return TERN_EADDRINUSE;
    bool ethernet = config->link == TERN_LINK_ETHERNET;
    if (ethernet && neighbour_init(s) != TERN_OK) return TERN_ENOMEM;
    s->ip.ifaces = max_u32(s->ip.ifaces, i + 1);
    ways_forget(s);
    struct iface *f = &s->ip.iface[i];
    *f = (struct iface){.link = config->link,
                        .flags = config->flags,
                        .mtu = config->mtu,
                        .tso_max = config->tso_max,
                        .vlan = config->vlan};
    memcpy(f->mac, config->mac, 6);
    for (unsigned k = 0; config->name && k < 15 && config->name[k]; k++) f->name[k] = config->name[k];
    f->l2_len = ethernet ? (config->vlan ? 18 : 14) : 0;
    s->ip.link[i] = (struct ip_link){.mtu6 = config->mtu};
    loopback_set(s, (int)i, true);
    start_ipv6(s, (int)i);
    return (int)i;
}

/* Its addresses stop being ours, or have to become ours anew. */
static void addresses_restart(struct stack *s, int iface) {
    for (uint32_t i = 0; i < s->ip.addresses; i++) {
        struct ip_address *a = &s->ip.address[i];
        if (a->iface != iface) continue;
        address_checked_from(s, a, s->now + rng_below(&s->rng, 1000) * MS_NS); /* [RFC4862 5.4.2] */
        if (a->state == IP_ADDRESS_OK && ip_is_v4(&a->addr) && is_ethernet(s, iface))
            arp_announce(s, iface, ip_to_v4(&a->addr));
    }
    addresses_changed(s);
}

int tern_iface_down(tern_stack *public, int iface) {
    struct stack *s = stack_of(public);
    if (!s || !ip_iface_exists(s, iface)) return TERN_EINVAL;
    if (s->ip.link[iface].down) return TERN_OK;
    s->ip.link[iface].down = true;
    autoconf_forget(s, iface);
    addresses_restart(s, iface);
    neighbours_forget(s, iface);
    mld_forget(s, iface);
    control_forget(s, iface);
    reassembly_forget(s, iface);
    loopback_set(s, iface, false);
    autoconf_rearm(s);
    tcp_path_changed(s); /* who waits for a neighbour there waits in vain */
    return TERN_OK;
}

int tern_iface_up(tern_stack *public, int iface) {
    struct stack *s = stack_of(public);
    if (!s || !ip_iface_exists(s, iface)) return TERN_EINVAL;
    if (!s->ip.link[iface].down) return TERN_OK;
    s->ip.link[iface].down = false;
    loopback_set(s, iface, true);
    addresses_restart(s, iface);
    mld_changed(s, iface);
    autoconf_ask(s, iface, s->now + rng_below(&s->rng, 1000) * MS_NS);
    autoconf_rearm(s);
    tcp_path_returned(s);
    return TERN_OK;
}

int tern_iface_remove(tern_stack *public, int iface) {
    int err = tern_iface_down(public, iface);
    if (err) return err;
    struct stack *s = stack_of(public);
    for (uint32_t i = s->ip.addresses; i-- > 0;)
        if (s->ip.address[i].iface == iface) address_remove(s, &s->ip.address[i]);
    for (uint32_t i = s->ip.routes; i-- > 0;)
        if (s->ip.route[i].iface == iface) route_remove(s, &s->ip.route[i]);
    s->ip.iface[iface] = (struct iface){.link = 0};
    s->ip.link[iface] = (struct ip_link){.down = true};
    autoconf_rearm(s);
    return TERN_OK;
}

static bool has_ipv6(const struct stack *s, int iface) {
    for (uint32_t i = 0; i < s->ip.addresses; i++)
        if (s->ip.address[i].iface == iface && !ip_is_v4(&s->ip.address[i].addr)) return true;
    for (uint32_t i = 0; i < s->ip.routes; i++)
        if (s->ip.route[i].iface == iface && !s->ip.route[i].v4 && s->ip.route[i].origin == IP_ROUTE_MANUAL)
            return true;
    return false;
}

int tern_iface_set_mtu(tern_stack *public, int iface, uint32_t mtu) {
    struct stack *s = stack_of(public);
    if (!s || !ip_iface_exists(s, iface) || !mtu_ok(mtu)) return TERN_EINVAL;
    if (mtu < 1280 && has_ipv6(s, iface)) return TERN_EINVAL; /* [RFC8200 5] */
    s->ip.iface[iface].mtu = mtu;
    link_mtu6_set(s, iface);
    if (mtu < 1280) {
        autoconf_forget(s, iface);
        s->ip.link[iface].v6 = false; /* its next IPv6 address is the first again */
        autoconf_rearm(s);
    }
    start_ipv6(s, iface);
    return TERN_OK;
}
