/* forge.h - TCP segments by hand, in IPv4: what old duplicates, strangers and altered rules put on the line; and what
 * the kernel does. */
#ifndef PLAY_FORGE_H
#define PLAY_FORGE_H

#include "tern.h"

enum { FORGE_MAX = 1500 };

struct forged {
    tern_addr from, to;
    uint16_t from_port, to_port, flags, window, mss;
    uint32_t seq, ack, len; /* `len` bytes of 'X' */
    bool stamped;
    uint32_t ts_value, ts_echo;
};

/* Writes the packet, checksums included; returns its length. */
uint32_t forge(const struct forged *f, uint8_t packet[FORGE_MAX]);
/* The ACK that answers a SYN,ACK, as its receiver would send it; 0: that was none. */
uint32_t forge_answer(const uint8_t *syn_ack, uint32_t len, uint8_t packet[FORGE_MAX]);
/* Reads a TCP segment in IPv4 into a record: the connection as its sender sees it, and the segment. False: it is none. */
bool forge_read(const void *packet, uint32_t len, tern_trace *out);
/* Adds to the sequence number and to the acknowledgment number of a TCP segment in IPv4; its checksum follows. */
void forge_shift(uint8_t *packet, uint32_t len, uint32_t add_seq, uint32_t add_ack);

#endif
