/* packet.h - packets of the language as bytes and back, as text, and compared. The codecs are this tool's own: what is
 * under test does not judge itself. Numbers are taken as they are; tested.h translates them. */
#ifndef DRILL_PACKET_H
#define DRILL_PACKET_H

#include "drill/script.h"

enum { DATAGRAM_MOST = 65535 };

struct ends {
    tern_addr src, dst;
    uint16_t src_port, dst_port;
};

/* ---- bytes ---- */

/* Bytes that the options take; 0 with *whole false: not whole words, or more than 40. */
unsigned options_size(const struct tcp_option *o, unsigned n, bool *whole);
/* Writes the datagram with its checksums; the payload is zeros. An ICMP error quotes a segment from e->dst to e->src.
 * 0: it does not fit. */
size_t packet_encode(const struct packet *k, const struct ends *e, uint8_t *buf, size_t size);

enum flaw {
    FLAW_NONE,
    FLAW_SHORT,   /* lengths do not agree */
    FLAW_SUM,     /* a checksum is wrong */
    FLAW_FORM,    /* reserved bits, a fragment, an extension header */
    FLAW_OPTIONS, /* an option's length is wrong */
    FLAW_ACK,     /* a number in the acknowledgment field without the flag, or in the urgent pointer */
    FLAW_PAYLOAD, /* bytes that nobody wrote: all of them are zero */
};
/* `payload` may be NULL. A packet with a flaw is decoded as far as possible. */
enum flaw packet_decode(const uint8_t *data, size_t len, struct packet *out, struct ends *e);
/* One sentence. */
const char *flaw_text(enum flaw flaw);

/* ---- text ---- */

enum cell {
    CELL_IP,
    CELL_FLAGS, /* or icmp, udp */
    CELL_SEQ,
    CELL_ACK,
    CELL_WINDOW,
    CELL_URGENT,
    CELL_OPTIONS,
    CELLS
};
struct cells {
    char text[CELLS][512];
};
void packet_cells(const struct packet *k, bool v6, struct cells *out);

/* ---- compared ---- */

struct rules {
    bool ts_checked, echo_checked; /* the values of a timestamp option */
    uint64_t ts_slack;             /* in ticks */
};
/* Cells that differ, a bit each: 1 << CELL_IP. */
unsigned packet_differs(const struct packet *want, const struct packet *got, const struct rules *rules);

#endif
