/* header.h - the TCP header of a segment of an open connection (RFC 9293 3.1), written straight because it is done for every one.
 * SYNs and rarer options are written by their codec: wire/tcp_header.c. */
#ifndef TCP_HEADER_H
#define TCP_HEADER_H

#include "tcp/tcb.h"

enum { TCP_LEAST = 20, TCP_TS = 12, CHECKSUM_AT = 16 };

/* Ports, numbers, window, and the timestamp option in its usual place. `options` bytes follow the header; when they are
 * more than emit_options_len says, the caller writes them all. */
static inline void put_header(struct tcb *t, uint8_t *p, seq at, uint16_t flags, uint32_t options, uint32_t stamp) {
    store16(p, t->flow.local_port);
    store16(p + 2, t->flow.remote_port);
    store32(p + 4, at.v);
    store32(p + 8, t->rcv.nxt.v);
    store16(p + 14, window_field(t, false));
    store32(p + 16, 0);
    if (unlikely(t->urgent_out) && seq_gt(t->busy->snd_up, at)) { /* [MUST-62] */
        flags |= TCP_URG;
        store16(p + 18, (uint16_t)min_u32((uint32_t)seq_diff(t->busy->snd_up, at), 65535));
    }
    store16(p + 12, (uint16_t)((TCP_LEAST + options) / 4 << 12 | flags));
    if (t->stamps) {
        store32(p + 20, 0x0101080a); /* NOP NOP TS length 10 */
        store32(p + 24, stamp);
        store32(p + 28, t->ts_recent);
    }
}

#endif
