/* arp.c - ARP for IPv4 on Ethernet (RFC 826): questions, answers and the announcement of a new address. The cache is
 * neighbour.c's. An answer that nobody asked for makes no entry, and a claim to our own address changes nothing. */
#include "ip/internal.h"

enum { ARP_REQUEST = 1, ARP_REPLY = 2 };

static const uint8_t mac_broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

static void arp_send(struct stack *s, int iface, const uint8_t to[6], const arp_packet *p) {
    struct ip_control *c = control_take(s, iface, to, ETH_TYPE_ARP);
    if (!c) return;
    tern_frame *f = &c->frame;
    writer w = writer_of(f->head + f->head_len, sizeof f->head - f->head_len);
    arp_emit(&w, p);
    f->head_len = (uint16_t)(f->head_len + writer_len(&w));
}

void arp_ask(struct stack *s, const struct neighbour *n, bool unicast) {
    ip_addr source;
    bool any = address_choose(s, n->iface, &n->addr, &source);
    arp_packet p = {.op = ARP_REQUEST, .sender_ip = any ? ip_to_v4(&source) : 0, .target_ip = ip_to_v4(&n->addr)};
    memcpy(p.sender_mac, s->ip.iface[n->iface].mac, 6);
    arp_send(s, n->iface, unicast ? n->mac : mac_broadcast, &p);
}

/* Neighbours that knew this address at another station learn of the change at once [RFC5227 2.3]. */
void arp_announce(struct stack *s, int iface, uint32_t addr) {
    arp_packet p = {.op = ARP_REQUEST, .sender_ip = addr, .target_ip = addr};
    memcpy(p.sender_mac, s->ip.iface[iface].mac, 6);
    arp_send(s, iface, mac_broadcast, &p);
}

static void arp_answer(struct stack *s, int iface, const arp_packet *q) {
    arp_packet p = {.op = ARP_REPLY, .sender_ip = q->target_ip, .target_ip = q->sender_ip};
    memcpy(p.sender_mac, s->ip.iface[iface].mac, 6);
    memcpy(p.target_mac, q->sender_mac, 6);
    arp_send(s, iface, q->sender_mac, &p);
}

/* Does the packet say something about an entry that we have? */
static void arp_learn(struct stack *s, int iface, const arp_packet *p, bool for_us) {
    ip_addr sender = ip_from_v4(p->sender_ip);
    struct neighbour *n = neighbour_find(s, iface, &sender);
    if (!n) return;
    bool asked = n->state == NEIGHBOUR_INCOMPLETE || n->state == NEIGHBOUR_PROBE;
    if (asked && p->op == ARP_REPLY && for_us)
        neighbour_confirm(s, n, p->sender_mac);
    else if (neighbour_resolved(n))
        neighbour_hint(s, n, p->sender_mac);
}

void arp_input(struct stack *s, int iface, reader r, bool to_many) {
    arp_packet p;
    static const uint8_t none[6];
    if (!arp_parse(&r, &p) || (p.op != ARP_REQUEST && p.op != ARP_REPLY) || (p.sender_mac[0] & 1) ||
        memcmp(p.sender_mac, none, 6) == 0) {
        drop(s, iface, R_ARP_MALFORMED, NULL);
        return;
    }
    ip_addr sender = ip_from_v4(p.sender_ip), target = ip_from_v4(p.target_ip);
    if (ip_is_ours(s, &sender)) {
        bool echo_of_ours = memcmp(p.sender_mac, s->ip.iface[iface].mac, 6) == 0;
        drop(s, iface, echo_of_ours ? R_LINK_NOT_OURS : R_ARP_CONFLICT, NULL);
        return;
    }
    bool probe = p.sender_ip == 0; /* somebody asks whether an address is free [RFC5227 2.1.1] */
    if (!probe && !ip_may_be_peer(s, &sender)) {
        drop(s, iface, R_ARP_MALFORMED, NULL);
        return;
    }
    count(s, R_ARP_OK);
    const struct ip_address *mine = address_find(s, &target);
    bool for_us = mine && mine->iface == iface;
    if (!probe) arp_learn(s, iface, &p, for_us && !to_many);
    if (for_us && p.op == ARP_REQUEST) arp_answer(s, iface, &p);
}
