/* arp.c - ARP packets for IPv4 over Ethernet (RFC 826). The cache and its rules are in ip/neighbour.c. */
#include "wire/wire.h"

enum { ARP_LEN = 28, ARP_ETHERNET = 1 };

bool arp_parse(reader *r, arp_packet *out) {
    const uint8_t *p = read_bytes(r, ARP_LEN);
    if (!p || load16(p) != ARP_ETHERNET || load16(p + 2) != ETH_TYPE_IP4 || p[4] != 6 || p[5] != 4) return false;
    out->op = load16(p + 6);
    memcpy(out->sender_mac, p + 8, 6);
    out->sender_ip = load32(p + 14);
    memcpy(out->target_mac, p + 18, 6);
    out->target_ip = load32(p + 24);
    return true;
}

void arp_emit(writer *w, const arp_packet *a) {
    uint8_t *p = write_room(w, ARP_LEN);
    if (!p) return;
    store16(p, ARP_ETHERNET);
    store16(p + 2, ETH_TYPE_IP4);
    p[4] = 6;
    p[5] = 4;
    store16(p + 6, a->op);
    memcpy(p + 8, a->sender_mac, 6);
    store32(p + 14, a->sender_ip);
    memcpy(p + 18, a->target_mac, 6);
    store32(p + 24, a->target_ip);
}

void arp_format(text *t, const arp_packet *a) {
    ip_addr sender = ip_from_v4(a->sender_ip), target = ip_from_v4(a->target_ip);
    text_str(t, "ARP ");
    if (a->op == 1) {
        text_str(t, "who has ");
        text_ip(t, &target);
        text_str(t, "? tell ");
        text_ip(t, &sender);
    } else if (a->op == 2) {
        text_ip(t, &sender);
        text_str(t, " is at ");
        text_mac(t, a->sender_mac);
    } else {
        text_str(t, "op ");
        text_u64(t, a->op);
    }
}
