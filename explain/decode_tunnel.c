/* decode_tunnel.c - IP inside IP: IP-in-IP, GRE with what mirror ports send in it, VXLAN, Geneve, GTP-U, MPLS in UDP. Fragments of tunnel packets are not
 * put together, and nothing that is encrypted is opened. */
#include "explain/decode_inner.h"

enum { PROTO_IP4 = 4, PROTO_IP6 = 41, PROTO_GRE = 47 };
enum {
    PORT_VXLAN = 4789,
    PORT_VXLAN_OLD = 8472, /* Linux took it before there was one assigned, and overlays still do */
    PORT_GENEVE = 6081,
    PORT_GTP = 2152,
    PORT_MPLS = 6635
};
enum { TYPE_ERSPAN = 0x88be, TYPE_ERSPAN3 = 0x22eb };
enum { UDP_LEN = 8, GTP_LEN = 8, GTP_DATA = 255, GTP_HEADERS = 8 };

static enum decode_kind behind(struct datagram *g, uint16_t carrier, uint32_t header, uint16_t type) {
    g->carried |= carrier;
    return datagram_take(g, header) ? link_by_type(g, type) : DECODE_CUT;
}

static enum decode_kind bare_ip(struct datagram *g, uint16_t carrier) {
    g->carried |= carrier;
    return g->captured > 0 ? DECODE_TCP : DECODE_CUT;
}

/* What a mirror port sends through GRE: a header by version, then the frame (draft-foschiano-erspan). */
static enum decode_kind erspan(struct datagram *g, uint16_t type, bool numbered) {
    if (type == TYPE_ERSPAN) return behind(g, FLOW_IN_ERSPAN, numbered ? 8 : 0, ETH_TYPE_BRIDGED);
    if (g->captured < 12) return DECODE_CUT;
    return behind(g, FLOW_IN_ERSPAN, g->data[11] & 1 ? 20 : 12, ETH_TYPE_BRIDGED);
}

/* RFC 2784, 2890: checksum, key and number are there if their bits are set. Version 1 is PPTP's. */
static enum decode_kind gre(struct datagram *g) {
    if (g->captured < 4) return DECODE_CUT;
    uint16_t flags = load16(g->data), type = load16(g->data + 2);
    if ((flags & 0x4007) != 0) return DECODE_OTHER;
    uint32_t header = 4 + (flags & 0x8000 ? 4 : 0) + (flags & 0x2000 ? 4 : 0) + (flags & 0x1000 ? 4 : 0);
    if (type != TYPE_ERSPAN && type != TYPE_ERSPAN3) return behind(g, FLOW_IN_GRE, header, type);
    return datagram_take(g, header) ? erspan(g, type, flags & 0x1000) : DECODE_CUT;
}

/* 3GPP TS 29.281 5: any of three bits adds four bytes, whose last names the first of a chain of headers. */
static enum decode_kind gtp(struct datagram *g) {
    if (g->captured < GTP_LEN) return DECODE_CUT;
    uint8_t flags = g->data[0], next;
    if (flags >> 4 != 3 || g->data[1] != GTP_DATA) return DECODE_OTHER;
    datagram_take(g, GTP_LEN);
    if ((flags & 7) == 0) return bare_ip(g, FLOW_IN_GTP);
    if (g->captured < 4) return DECODE_CUT;
    next = flags & 4 ? g->data[3] : 0;
    datagram_take(g, 4);
    for (unsigned i = 0; next != 0; i++) {
        uint32_t len = g->captured > 0 ? g->data[0] * 4u : 0;
        if (i == GTP_HEADERS || (len == 0 && g->captured > 0)) return DECODE_OTHER;
        if (len == 0 || len > g->captured) return DECODE_CUT;
        next = g->data[len - 1];
        datagram_take(g, len);
    }
    return bare_ip(g, FLOW_IN_GTP);
}

/* Only the port says what a datagram carries: what does not look like it is something else. */
static enum decode_kind udp(struct datagram *g) {
    if (g->captured < UDP_LEN) return DECODE_OTHER;
    uint16_t port = load16(g->data + 2);
    datagram_take(g, UDP_LEN);
    const uint8_t *p = g->data;
    switch (port) {
    case PORT_VXLAN:
    case PORT_VXLAN_OLD: /* [RFC7348 5]; other bits are extensions that change nothing of its length */
        return g->captured < 8 ? DECODE_CUT : p[0] & 8 ? behind(g, FLOW_IN_VXLAN, 8, ETH_TYPE_BRIDGED) : DECODE_OTHER;
    case PORT_GENEVE: /* [RFC8926 3.4] */
        if (g->captured < 8) return DECODE_CUT;
        return p[0] >> 6 == 0 ? behind(g, FLOW_IN_GENEVE, 8 + (p[0] & 0x3fu) * 4, load16(p + 2)) : DECODE_OTHER;
    case PORT_GTP: return gtp(g);
    case PORT_MPLS: return link_by_type(g, ETH_TYPE_MPLS);
    default: return DECODE_OTHER;
    }
}

enum decode_kind tunnel_read(struct datagram *g) {
    switch (g->proto) {
    case PROTO_IP4:
    case PROTO_IP6: return bare_ip(g, FLOW_IN_IP);
    case PROTO_GRE: return gre(g);
    case IP_PROTO_UDP: return udp(g);
    default: return DECODE_OTHER;
    }
}
