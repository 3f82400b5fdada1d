/* cc.h - congestion control (3.8.2) behind a small interface that sees measurements, never the connection: bytes, times,
 * windows. Which segments are lost and what is sent again is rexmit.c's business, not this one's. */
#ifndef TCP_CC_H
#define TCP_CC_H

#include "base/base.h"

struct cc;

struct cc_ops {
    const char *name;
    void (*init)(struct cc *c, uint32_t mss, uint32_t initial_segments);
    /* New bytes were acknowledged outside of recovery; flight is what was outstanding before. */
    void (*acked)(struct cc *c, uint32_t bytes, uint32_t flight);
    /* Loss was noticed by duplicate ACKs; afterwards ssthresh is the window to come back to. */
    void (*loss)(struct cc *c, uint32_t flight);
    /* The retransmission timer expired; `again`: for the same bytes as the last time. */
    void (*timeout)(struct cc *c, uint32_t flight, bool again);
};

struct cc {
    const struct cc_ops *ops;
    uint32_t cwnd, ssthresh; /* bytes */
    uint32_t mss;            /* SMSS */
    uint32_t credit;         /* bytes acknowledged that have not yet opened the window [RFC5681 3.1] */
};

extern INNER const struct cc_ops cc_newreno;

#endif
