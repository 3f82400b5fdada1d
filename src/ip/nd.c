/* nd.c - neighbour discovery messages of IPv6 (RFC 4861 4, 7): checks, solicitations and advertisements in and out,
 * the probe of duplicate address detection (RFC 4862 5.4). The cache is neighbour.c's; what routers say is
 * autoconf.c's. */
#include "ip/internal.h"

enum { HOP_LIMIT = 255 }; /* a packet with 255 left was never forwarded */

/* ---- out ---- */

void mac_of_group(const ip_addr *group, uint8_t mac[6]) {
    mac[0] = mac[1] = 0x33;
    memcpy(mac + 2, group->b + 12, 4);
}

/* Sends one message; mac NULL: to the group `dst`, or to wherever `dst` is resolved. The option with our link
 * address is left out on links that have none, and when the source is unspecified. */
static void nd_send(struct stack *s, int iface, uint8_t type, const ip_addr *src, const ip_addr *dst,
                    const uint8_t *mac, nd_message *m) {
    uint8_t buf[64], group[6];
    m->has_lladdr = is_ethernet(s, iface) && !ip_is_unspecified(src);
    memcpy(m->lladdr, s->ip.iface[iface].mac, 6);
    writer w = writer_of(buf, sizeof buf);
    nd_emit(&w, type, m);
    ASSERT(!w.bad);
    struct ip_out o = {.src = *src,
                       .dst = *dst,
                       .proto = IP_PROTO_ICMP6,
                       .ttl = HOP_LIMIT,
                       .csum_offset = 2,
                       .head = buf,
                       .head_len = (uint32_t)writer_len(&w)};
    if (!mac && ip_is_multicast(dst)) {
        mac_of_group(dst, group);
        mac = group;
    }
    if (mac)
        ip_send_link(s, iface, mac, &o);
    else
        ip_send_out(s, &o);
}

void nd_ask(struct stack *s, const struct neighbour *n, bool unicast) {
    ip_addr source, group = ip_solicited_node(&n->addr);
    if (!address_choose(s, n->iface, &n->addr, &source)) return;
    nd_message m = {.target = n->addr};
    nd_send(s, n->iface, ICMP6_NS, &source, unicast ? &n->addr : &group, unicast ? n->mac : NULL, &m);
}

void nd_probe(struct stack *s, struct ip_address *a) {
    ip_addr none = {{0}}, group = ip_solicited_node(&a->addr);
    a->nonce = rng_u64(&s->rng) >> 16 | 1;
    nd_message m = {.target = a->addr, .nonce = a->nonce};
    nd_send(s, a->iface, ICMP6_NS, &none, &group, NULL, &m);
}

void nd_solicit_router(struct stack *s, int iface) {
    ip_addr source = {{0}}, group = ip_all_routers(), link_local = {.b = {0xfe, 0x80}};
    if (!address_choose(s, iface, &link_local, &source)) source = (ip_addr){{0}};
    nd_message m = {.router = false};
    nd_send(s, iface, ICMP6_RS, &source, &group, NULL, &m);
}

/* ---- in ---- */

/* RFC 4861 7.2.4; who asks without an address is told by everybody's group. */
static void answer(struct stack *s, const struct ip_in *in, const nd_message *q) {
    bool known = !ip_is_unspecified(&in->info.src);
    ip_addr dst = known ? in->info.src : ip_all_nodes();
    nd_message m = {.target = q->target, .solicited = known, .override_ = true};
    nd_send(s, in->info.iface, ICMP6_NA, &q->target, &dst, known && q->has_lladdr ? q->lladdr : NULL, &m);
}

/* RFC 4861 7.1.1, 7.2.3 */
static bool solicited(struct stack *s, const struct ip_in *in, const nd_message *m) {
    bool unspecified = ip_is_unspecified(&in->info.src);
    ip_addr group = ip_solicited_node(&m->target);
    if (ip_is_multicast(&m->target)) return false;
    if (unspecified && (m->has_lladdr || !ip_eq(&in->info.dst, &group))) return false;
    struct ip_address *mine = address_find(s, &m->target);
    if (!mine || mine->iface != in->info.iface || mine->state == IP_ADDRESS_DUPLICATE) return true;
    if (mine->state == IP_ADDRESS_TENTATIVE) {
        /* somebody else wants it at the same time, unless the link brings back what we asked [RFC4862 5.4.3, RFC7527 4] */
        if (unspecified && !(mine->nonce && m->nonce == mine->nonce)) autoconf_duplicate(s, mine);
        return true;
    }
    if (!unspecified && m->has_lladdr) {
        struct neighbour *n = neighbour_find(s, in->info.iface, &in->info.src);
        if (n) neighbour_hint(s, n, m->lladdr);
    }
    answer(s, in, m);
    return true;
}

/* RFC 4861 7.2.5. The S flag counts only while we have asked: it proves nothing otherwise. */
static void advertised_to_entry(struct stack *s, struct neighbour *n, const nd_message *m) {
    bool asked = n->state == NEIGHBOUR_INCOMPLETE || n->state == NEIGHBOUR_PROBE;
    bool proof = m->solicited && asked, differs = m->has_lladdr && memcmp(m->lladdr, n->mac, 6) != 0;
    bool was_router = n->router;
    if (n->state == NEIGHBOUR_SILENT || (n->state == NEIGHBOUR_INCOMPLETE && !m->has_lladdr)) return;
    if (neighbour_resolved(n) && !m->override_ && differs) {
        neighbour_doubt(s, n);
        return;
    }
    n->router = m->router;
    if (proof)
        neighbour_confirm(s, n, m->has_lladdr ? m->lladdr : NULL);
    else if (m->has_lladdr)
        neighbour_hint(s, n, m->lladdr);
    if (was_router && !m->router) autoconf_router_gone(s, n->iface, &n->addr);
}

/* RFC 4861 7.1.2 */
static bool advertised(struct stack *s, const struct ip_in *in, const nd_message *m) {
    if (ip_is_multicast(&m->target) || (ip_is_multicast(&in->info.dst) && m->solicited)) return false;
    struct ip_address *mine = address_find(s, &m->target);
    if (mine && mine->iface == in->info.iface) {
        if (mine->state == IP_ADDRESS_TENTATIVE)
            autoconf_duplicate(s, mine); /* [RFC4862 5.4.4] */
        else
            drop_in(s, in, R_ND_DUPLICATE);
        return true;
    }
    struct neighbour *n = neighbour_find(s, in->info.iface, &m->target);
    if (n) advertised_to_entry(s, n, m);
    return true;
}

/* RFC 4861 6.1.2 */
static bool router_advertised(struct stack *s, const struct ip_in *in, const nd_message *m) {
    if (!ip_is_link_local(&in->info.src)) return false;
    if (!s->cfg.autoconf) return true;
    struct neighbour *n = neighbour_find(s, in->info.iface, &in->info.src);
    if (n) {
        n->router = true;
        if (m->has_lladdr) neighbour_hint(s, n, m->lladdr);
    }
    autoconf_advertised(s, in->info.iface, &in->info.src, m);
    return true;
}

void nd_input(struct stack *s, const struct ip_in *in, const icmp_message *m) {
    nd_message nd;
    bool ok = in->info.ttl == HOP_LIMIT && m->code == 0 && !in->fragmented /* [RFC6980 5] */ && nd_parse(m, &nd);
    if (ok && is_ethernet(s, in->info.iface) && nd.has_lladdr && (nd.lladdr[0] & 1)) ok = false;
    if (ok && m->type == ICMP6_NS) ok = solicited(s, in, &nd);
    if (ok && m->type == ICMP6_NA) ok = advertised(s, in, &nd);
    if (ok && m->type == ICMP6_RA) ok = router_advertised(s, in, &nd);
    if (ok)
        count(s, R_ND_OK);
    else
        drop_in(s, in, R_ND_INVALID);
}
