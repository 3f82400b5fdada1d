/* cc.h - congestion control (3.8.2) behind a small interface that sees measurements, never the connection: bytes, times,
 * windows. Which segments are lost and what is sent again is recovery.c's business, not this one's. */
#ifndef TCP_CC_H
#define TCP_CC_H

#include "base/base.h"

struct cc;

/* What one acknowledgment tells. */
struct cc_ack {
    uint32_t bytes;   /* newly acknowledged, cumulatively */
    uint32_t flight;  /* outstanding before */
    uint32_t rtt_us;  /* of a segment it acknowledged, 0: no sample */
    uint32_t srtt_us;
    uint64_t now_us;
    uint32_t una, nxt; /* SND.UNA after it, SND.NXT: for counting rounds */
    bool limited;     /* the window, not the application or the peer, held the sender back */
};

struct cc_ops {
    const char *name;
    size_t state_size; /* bytes of private memory, zeroed; 0: none */
    void (*init)(struct cc *c, uint32_t mss, uint32_t initial_segments);
    /* New bytes were acknowledged outside of fast recovery. */
    void (*acked)(struct cc *c, const struct cc_ack *a);
    /* Loss was noticed without a timeout: sets ssthresh, the window to come back to. */
    void (*loss)(struct cc *c, uint32_t flight, uint64_t now_us);
    /* The retransmission timer expired; `again`: for the same bytes as the last time. Sets cwnd and ssthresh. */
    void (*timeout)(struct cc *c, uint32_t flight, bool again, uint64_t now_us);
    /* The last reduction was a mistake: cwnd and ssthresh are set back already. May be NULL. */
    void (*undo)(struct cc *c);
};

struct cc {
    const struct cc_ops *ops;
    void *state;             /* ops->state_size bytes, or NULL */
    uint32_t cwnd, ssthresh; /* bytes */
    uint32_t mss;            /* SMSS */
    uint32_t credit;         /* bytes acknowledged that have not yet opened the window [RFC5681 3.1] */
};

extern const struct cc_ops cc_newreno, cc_cubic;

#endif
