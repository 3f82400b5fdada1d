/* decode_link.c - what stands before IP: Ethernet with tags, MPLS, PPP with or without PPPoE, Linux cooked captures of
 * both versions, the loopback headers of the BSDs, nothing. Link types are those of the pcap registry. Tunnels inside IP
 * are decode_tunnel.c's. */
#include "explain/decode_inner.h"

enum linktype {
    LINK_NULL = 0,
    LINK_ETHERNET = 1,
    LINK_PPP = 9,
    LINK_RAW_BSD = 12,
    LINK_RAW_OPENBSD = 14,
    LINK_PPP_HDLC = 50,
    LINK_PPPOE = 51,
    LINK_RAW = 101,
    LINK_CISCO_HDLC = 104,
    LINK_LOOP = 108,
    LINK_COOKED = 113,
    LINK_MPLS = 219,
    LINK_IP4 = 228,
    LINK_IP6 = 229,
    LINK_PKTAP = 258,
    LINK_COOKED2 = 276,
};

/* By the number that says what follows; below LENGTHS it is the length of an 802.2 frame. */
enum {
    LENGTHS = 0x600,
    TYPE_QINQ = 0x88a8,
    TYPE_QINQ_OLD = 0x9100,
    TYPE_QINQ_OLDER = 0x9200,
    TYPE_PPPOE = 0x8864,
    TYPE_BACKBONE = 0x88e7, /* 802.1ah */
    TYPE_NONE = 0
};
enum { PPP_IP4 = 0x0021, PPP_IP6 = 0x0057, PPP_MPLS = 0x0281, PPP_MPLS_MULTICAST = 0x0283 };
enum { COOKED_OUTGOING = 4, COOKED_OTHERS = 3, LAYERS_MOST = 12, LABELS_MOST = 16 };

static bool is_tag(uint16_t type) {
    return type == ETH_TYPE_VLAN || type == TYPE_QINQ || type == TYPE_QINQ_OLD || type == TYPE_QINQ_OLDER;
}

/* Takes a header of `len` bytes, *type: the number at `at` in it. */
static bool take_typed(struct datagram *g, uint32_t len, uint32_t at, uint16_t *type) {
    if (unlikely(g->captured < len)) return false;
    *type = load16(g->data + at);
    return datagram_take(g, len);
}

static uint16_t of_version(uint8_t first) {
    return first >> 4 == 4 ? ETH_TYPE_IP4 : first >> 4 == 6 ? ETH_TYPE_IP6 : TYPE_NONE;
}

/* PPP may leave out its address and control bytes, and the first byte of small protocol numbers (RFC 1661 6.5, 6.6). */
static bool take_ppp(struct datagram *g, uint16_t *type) {
    g->carried |= FLOW_IN_PPP;
    if (g->captured >= 2 && g->data[0] == 0xff && g->data[1] == 3) datagram_take(g, 2);
    if (g->captured < 2) return false;
    bool small = g->data[0] & 1;
    uint16_t protocol = small ? g->data[0] : load16(g->data);
    *type = protocol == PPP_IP4                                      ? ETH_TYPE_IP4
            : protocol == PPP_IP6                                    ? ETH_TYPE_IP6
            : protocol == PPP_MPLS || protocol == PPP_MPLS_MULTICAST ? ETH_TYPE_MPLS
                                                                     : TYPE_NONE;
    return datagram_take(g, small ? 1 : 2);
}

/* No label says what is below the last one: the first four bits of it tell IP; a pseudowire's control word has zeros
 * there, and Ethernet follows (RFC 4928 3, RFC 4448 4.6). */
static bool take_labels(struct datagram *g, uint16_t *type) {
    bool last = false;
    g->carried |= FLOW_IN_MPLS;
    for (unsigned i = 0; i < LABELS_MOST && !last; i++) {
        if (g->captured < 4) return false;
        last = g->data[2] & 1;
        datagram_take(g, 4);
    }
    if (g->captured == 0) return false;
    *type = of_version(g->data[0]);
    if (*type == TYPE_NONE && last && g->data[0] >> 4 == 0 && datagram_take(g, 4)) *type = ETH_TYPE_BRIDGED;
    return true;
}

/* 802.2 with SNAP: "aa aa 03", an organisation, the type. */
static bool take_snap(struct datagram *g, uint16_t *type) {
    static const uint8_t snap[6] = {0xaa, 0xaa, 3};
    bool known = g->captured >= 8 && memcmp(g->data, snap, sizeof snap) == 0;
    if (known) return take_typed(g, 8, 6, type);
    *type = TYPE_NONE;
    return g->captured >= 8;
}

/* One header of those that stand between Ethernet's and IP. */
static bool take_layer(struct datagram *g, uint16_t *type) {
    if (is_tag(*type)) {
        g->carried |= FLOW_IN_VLAN;
        return take_typed(g, 4, 2, type);
    }
    if (*type < LENGTHS) return take_snap(g, type);
    switch (*type) {
    case TYPE_PPPOE: return datagram_take(g, 6) && take_ppp(g, type); /* [RFC2516 4] */
    case ETH_TYPE_MPLS:
    case ETH_TYPE_MPLS_MULTICAST: return take_labels(g, type);
    case ETH_TYPE_BRIDGED: return take_typed(g, 14, 12, type);
    case TYPE_BACKBONE: return take_typed(g, 18, 16, type);
    default: *type = TYPE_NONE; return true;
    }
}

enum decode_kind link_by_type(struct datagram *g, uint16_t type) {
    for (unsigned i = 0; i < LAYERS_MOST; i++) {
        if (likely(type == ETH_TYPE_IP4 || type == ETH_TYPE_IP6)) return DECODE_TCP;
        if (type == TYPE_NONE) return DECODE_OTHER;
        if (!take_layer(g, &type)) return DECODE_CUT;
    }
    return DECODE_BAD;
}

/* A header of `len` bytes with the type of what follows at `at`. */
static enum decode_kind typed(struct datagram *g, uint32_t len, uint32_t at) {
    if (unlikely(g->captured < len)) return DECODE_CUT;
    uint16_t type = load16(g->data + at);
    datagram_take(g, len);
    return link_by_type(g, type);
}

static enum decode_kind cooked(struct datagram *g, uint32_t len, uint32_t at, uint16_t sent_as) {
    if (g->captured < len) return DECODE_CUT;
    g->direction = sent_as == COOKED_OUTGOING ? CAPTURE_OUT : sent_as == COOKED_OTHERS ? CAPTURE_EITHER : CAPTURE_IN;
    return typed(g, len, at);
}

/* The BSDs write the address family in the order of the machine that captured: the byte that is not zero tells. Which
 * number IPv6 has differs among them, so the version in the IP header decides. */
static enum decode_kind loopback(struct datagram *g) {
    if (g->captured < 4) return DECODE_CUT;
    uint8_t family = g->data[0] | g->data[3];
    bool known = family == 2 || family == 10 || family == 24 || family == 28 || family == 30;
    datagram_take(g, 4);
    return known ? DECODE_TCP : DECODE_OTHER;
}

static enum decode_kind ppp(struct datagram *g) {
    uint16_t type;
    return take_ppp(g, &type) ? link_by_type(g, type) : DECODE_CUT;
}

/* A serial line: PPP's or Cisco's framing. */
static enum decode_kind serial(struct datagram *g) {
    bool cisco = g->captured > 0 && (g->data[0] == 0x0f || g->data[0] == 0x8f);
    return cisco ? typed(g, 4, 2) : ppp(g);
}

/* What macOS writes of all interfaces: its own header, which says how long it is and which link type follows. *linktype
 * is that one then. */
static bool pktap(struct datagram *g, uint32_t *linktype) {
    if (g->captured < 12) return false;
    uint32_t len = __builtin_bswap32(load32(g->data));
    *linktype = __builtin_bswap32(load32(g->data + 8));
    return len >= 12 && datagram_take(g, len);
}

enum decode_kind link_read(uint32_t linktype, struct datagram *g) {
    if (unlikely(linktype == LINK_PKTAP) && !pktap(g, &linktype)) return DECODE_CUT;
    switch (linktype) {
    case LINK_ETHERNET: return typed(g, 14, 12);
    case LINK_PPP:
    case LINK_PPP_HDLC:
    case LINK_CISCO_HDLC: return serial(g);
    case LINK_PPPOE: return link_by_type(g, TYPE_PPPOE);
    case LINK_MPLS: return link_by_type(g, ETH_TYPE_MPLS);
    case LINK_RAW_BSD:
    case LINK_RAW_OPENBSD:
    case LINK_RAW:
    case LINK_IP4:
    case LINK_IP6: return DECODE_TCP;
    case LINK_COOKED: return g->captured < 16 ? DECODE_CUT : cooked(g, 16, 14, load16(g->data));
    case LINK_COOKED2: return g->captured < 20 ? DECODE_CUT : cooked(g, 20, 0, g->data[10]);
    case LINK_NULL:
    case LINK_LOOP: return loopback(g);
    default: return DECODE_LINK;
    }
}
