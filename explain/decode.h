/* decode.h - from a captured frame to TCP: link, IP, the TCP header or the ICMP error that quotes one. Lenient where
 * captures are: lengths that offload left open, sums that are not computed, packets that were cut. It keeps nothing but
 * the heads of IP fragments. */
#ifndef EXPLAIN_DECODE_H
#define EXPLAIN_DECODE_H

#include "explain/flow.h"

enum decode_kind {
    DECODE_TCP,      /* src, dst, tcp */
    DECODE_ICMP,     /* an error about a TCP packet that went from src to dst: icmp */
    DECODE_OTHER,    /* IP without TCP, or not IP at all */
    DECODE_FRAGMENT, /* a piece of a datagram that is not complete yet */
    DECODE_CUT,      /* too little was captured */
    DECODE_BAD,      /* a header contradicts itself */
    DECODE_LINK,     /* a link type that is not known */
    DECODE_KINDS
};

struct decoded {
    ip_addr src, dst;
    uint16_t src_port, dst_port;
    struct flow_packet tcp; /* all but `from` and the marks that need a past */
    struct flow_icmp icmp;  /* all but `from` */
    uint32_t ip_len;        /* on the wire */
};

/* Both directions of a connection in one order, whichever it is: does this packet go forth in it? */
static inline bool decoded_forth(const struct decoded *d) {
    uint64_t src = ip_half(&d->src, 0), dst = ip_half(&d->dst, 0);
    if (src == dst) {
        src = ip_half(&d->src, 1);
        dst = ip_half(&d->dst, 1);
    }
    return src < dst || (src == dst && d->src_port <= d->dst_port);
}

struct fragments;
struct decoder {
    const checksum_ops *sums;
    struct fragments *fragments; /* made when the first one comes */
    bool check_sums;             /* look at TCP's checksums, and verify them where all bytes are at hand */
};

void decoder_init(struct decoder *d);
void decoder_free(struct decoder *d);
enum decode_kind decode(struct decoder *d, const struct capture_packet *packet, struct decoded *out);

#endif
