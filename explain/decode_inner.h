/* decode_inner.h - a datagram on its way through the decoder: link, IP, fragments, in the files of the same names. */
#ifndef EXPLAIN_DECODE_INNER_H
#define EXPLAIN_DECODE_INNER_H

#include "explain/decode.h"

/* What is left of a packet; each layer takes its header off the front. */
struct datagram {
    const uint8_t *data;
    uint32_t captured, wire;
    uint8_t direction; /* enum capture_direction, as the link says */

    ip_addr src, dst;
    uint8_t proto, ttl, tos;
    bool v6, dont_fragment, fragment, more, assembled;
    uint32_t id, piece; /* piece: where this one begins in the datagram */
    uint32_t ip_len;
    uint16_t carried; /* enum flow_carrier */
};

static inline bool datagram_take(struct datagram *g, uint32_t n) {
    if (unlikely(g->captured < n)) return false;
    g->data += n;
    g->captured -= n;
    g->wire -= n;
    return true;
}

enum {
    ETH_TYPE_BRIDGED = 0x6558, /* a whole Ethernet frame follows */
    ETH_TYPE_MPLS = 0x8847,
    ETH_TYPE_MPLS_MULTICAST = 0x8848
};

/* Takes the link header off: DECODE_TCP means that IP follows. */
enum decode_kind link_read(uint32_t linktype, struct datagram *g);

/* The same behind a number of Ethernet's that says what comes: down to IP. */
enum decode_kind link_by_type(struct datagram *g, uint16_t type);
/* *g is at what the IP header announced as `proto`. DECODE_TCP: that was a tunnel, and *g is at the IP header inside. */
enum decode_kind tunnel_read(struct datagram *g);

/* Takes a piece of a TCP datagram. DECODE_TCP: that was the last one missing, *g is now the whole as far as its first
 * bytes go; else DECODE_FRAGMENT. */
enum decode_kind fragments_take(struct fragments **table, struct datagram *g);
void fragments_free(struct fragments *table);

enum decode_kind ip4_read(const struct decoder *d, struct datagram *g);
enum decode_kind ip6_read(struct datagram *g);

#endif
