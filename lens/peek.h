/* peek.h - the TCP header inside raw bytes, for matching a packet with what was told of it before. No checks of sums,
 * no reassembly: whatever is not plain TCP in IPv4 or IPv6 is refused. */
#ifndef LENS_PEEK_H
#define LENS_PEEK_H

#include "tern.h"

struct peek {
    size_t ip_at; /* offset of the IP header: behind an Ethernet header, if there is one */
    tern_addr src, dst;
    uint16_t src_port, dst_port, flags;
    uint32_t seq, ack, len;
};

/* Is this TCP? Reads nothing beyond `len`. */
bool peek_tcp(const void *packet, size_t len, struct peek *out);

#endif
