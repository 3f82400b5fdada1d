/* decode_link.c - what stands before IP: Ethernet with VLAN tags, Linux cooked captures of both versions, the loopback
 * headers of the BSDs, nothing. Link types are those of the pcap registry. */
#include "explain/decode_inner.h"

enum linktype {
    LINK_NULL = 0,
    LINK_ETHERNET = 1,
    LINK_RAW_BSD = 12,
    LINK_RAW_OPENBSD = 14,
    LINK_RAW = 101,
    LINK_LOOP = 108,
    LINK_COOKED = 113,
    LINK_IP4 = 228,
    LINK_IP6 = 229,
    LINK_COOKED2 = 276,
};

enum { ETH_TYPE_QINQ = 0x88a8, ETH_TYPE_QINQ_OLD = 0x9100, COOKED_OUTGOING = 4, TAGS_MOST = 8 };

static bool take(struct datagram *g, uint32_t n) {
    if (unlikely(g->captured < n)) return false;
    g->data += n;
    g->captured -= n;
    g->wire -= n;
    return true;
}

static bool is_tag(uint16_t type) {
    return type == ETH_TYPE_VLAN || type == ETH_TYPE_QINQ || type == ETH_TYPE_QINQ_OLD;
}

static enum decode_kind by_type(struct datagram *g, uint16_t type) {
    for (unsigned i = 0; unlikely(is_tag(type)); i++) {
        if (i == TAGS_MOST) return DECODE_BAD;
        if (g->captured < 4) return DECODE_CUT;
        type = load16(g->data + 2);
        take(g, 4);
    }
    return likely(type == ETH_TYPE_IP4 || type == ETH_TYPE_IP6) ? DECODE_TCP : DECODE_OTHER;
}

/* A header of `len` bytes with the type of what follows at `at`. */
static enum decode_kind typed(struct datagram *g, uint32_t len, uint32_t at) {
    if (unlikely(g->captured < len)) return DECODE_CUT;
    uint16_t type = load16(g->data + at);
    take(g, len);
    return by_type(g, type);
}

static enum decode_kind cooked(struct datagram *g, uint32_t len, uint32_t at, uint16_t sent_as) {
    if (g->captured < len) return DECODE_CUT;
    g->direction = sent_as == COOKED_OUTGOING ? CAPTURE_OUT : CAPTURE_IN;
    return typed(g, len, at);
}

/* The BSDs write the address family in the order of the machine that captured: the byte that is not zero tells. Which
 * number IPv6 has differs among them, so the version in the IP header decides. */
static enum decode_kind loopback(struct datagram *g) {
    if (g->captured < 4) return DECODE_CUT;
    uint8_t family = g->data[0] | g->data[3];
    bool known = family == 2 || family == 10 || family == 24 || family == 28 || family == 30;
    take(g, 4);
    return known ? DECODE_TCP : DECODE_OTHER;
}

enum decode_kind link_read(uint32_t linktype, struct datagram *g) {
    switch (linktype) {
    case LINK_ETHERNET: return typed(g, 14, 12);
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
