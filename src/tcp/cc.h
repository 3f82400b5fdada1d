/* cc.h - congestion control (3.8.2) behind a small interface that sees measurements, never the connection: bytes,
 * times, windows. Which segments are lost and what is sent again is recovery.c's business, not this one's. */
#ifndef TCP_CC_H
#define TCP_CC_H

#include "base/base.h"

struct cc;

/* What one acknowledgment tells. */
struct cc_ack {
    uint32_t bytes;  /* newly acknowledged, cumulatively */
    uint32_t flight; /* outstanding before */
    uint32_t rtt_us; /* of a segment it acknowledged, 0: no sample */
    uint32_t srtt_us;
    uint64_t now_us;
    uint32_t una, nxt; /* SND.UNA after it, SND.NXT: for counting rounds */
    bool limited;      /* the window, not the application or the peer, held the sender back */
};

/* A sample of the delivery rate, and what else the same ACK tells [draft-ietf-ccwg-bbr 4.5.2]. */
struct cc_sample {
    uint64_t now_us;
    uint32_t rtt_us;                    /* 0: none */
    uint32_t delivered;                 /* bytes by this ACK, in either way */
    uint32_t delivered_total;           /* since the flight began */
    uint32_t prior_delivered;           /* the same when the newest delivered bytes left */
    uint32_t sample_bytes, sample_us;   /* between those two moments; sample_us 0: no sample */
    uint32_t inflight, inflight_before; /* after and before this ACK */
    uint32_t lost;                      /* bytes newly thought lost */
    bool app_limited, recovering;
};

struct cc_ops {
    const char *name;
    uint32_t state_size; /* bytes of private memory, zeroed; 0: none */
    void (*init)(struct cc *c, uint32_t mss, uint32_t initial_segments);
    /* New bytes were acknowledged outside of fast recovery. */
    void (*acked)(struct cc *c, const struct cc_ack *a);
    /* Loss was noticed without a timeout: sets ssthresh, the window to come back to. */
    void (*loss)(struct cc *c, uint32_t flight, uint64_t now_us);
    /* The network marked packets instead of dropping them (ECN): sets ssthresh, less low than for a loss [RFC8511].
     * A model's window stays as it is. */
    void (*marked)(struct cc *c, uint32_t flight, uint64_t now_us);
    /* The retransmission timer expired; `again`: for the same bytes as the last time. Sets cwnd and ssthresh. */
    void (*timeout)(struct cc *c, uint32_t flight, bool again, uint64_t now_us);
    /* The last reduction was a mistake: cwnd and ssthresh are set back already. May be NULL. */
    void (*undo)(struct cc *c);
    /* Nothing was sent since the last ACK, for that acknowledged all; now it goes on. May be NULL. */
    void (*idle)(struct cc *c, uint64_t now_us);
    /* Bytes a second at which to send. NULL: the window and the round trip say it (pacing.c). */
    uint64_t (*rate)(const struct cc *c);
    /* Called instead of `acked`, and of PRR, for every ACK that delivered something: sets cwnd by itself.
     * NULL: a window-based algorithm. */
    void (*model)(struct cc *c, const struct cc_sample *s);
    /* The connection comes to rest: what must not be forgotten besides cwnd and ssthresh; and it goes on with that. 0 says
     * nothing. NULL: nothing. */
    uint32_t (*rest)(const struct cc *c);
    void (*resume)(struct cc *c, uint32_t kept);
};

struct cc {
    const struct cc_ops *ops;
    void *state;             /* ops->state_size bytes, or NULL */
    uint32_t cwnd, ssthresh; /* bytes */
    uint32_t mss;            /* SMSS */
    uint32_t credit;         /* bytes acknowledged that have not yet opened the window [RFC5681 3.1] */
};

extern INNER const struct cc_ops cc_newreno, cc_cubic, cc_bbr;

#endif
