/* sockdiag.h - the kernel's own TCP sockets, as `ss` sees them: read from the kernel (NETLINK_SOCK_DIAG), never
 * guessed. It needs no privilege and sees the network namespace in which it was opened. */
#ifndef DRIVERS_SOCKDIAG_H
#define DRIVERS_SOCKDIAG_H

#include "drivers/driver.h"

#ifdef __cplusplus
extern "C" {
#endif

enum sockdiag_timer {
    SOCKDIAG_TIMER_NONE = 0,
    SOCKDIAG_TIMER_RETRANSMISSION,
    SOCKDIAG_TIMER_KEEPALIVE, /* also FIN-WAIT-2's and the SYN-ACK's */
    SOCKDIAG_TIMER_TIME_WAIT,
    SOCKDIAG_TIMER_PERSIST,
};

/* One socket, seen from the kernel: `local` is its own end. */
struct sockdiag_socket {
    tern_flow flow;
    enum tern_state state;
    enum sockdiag_timer timer;
    uint32_t expires_ms;    /* of the timer */
    uint32_t retransmits;   /* or probes sent, without an answer */
    uint32_t send_queue;    /* bytes not acknowledged; listener: its backlog limit */
    uint32_t receive_queue; /* bytes not read; listener: connections not accepted */
    uint32_t uid, inode;    /* inode 0: no process has it any more */
    bool has_info;          /* the rest is known: not for TIME-WAIT, half-open and most listeners */
    uint32_t rtt_us, rttvar_us, rto_us;
    uint32_t cwnd, ssthresh; /* segments */
    uint32_t mss_out, mss_in;
    uint32_t unacked, lost, retransmitted; /* segments */
    uint8_t snd_wscale, rcv_wscale;
    bool timestamps, sack;
};

struct sockdiag;
/* -EPROTONOSUPPORT, -EPERM: the kernel or a sandbox does not offer it. Free with sockdiag_close (NULL is fine). */
int sockdiag_open(struct sockdiag **out, struct driver_error *err);
void sockdiag_close(struct sockdiag *sd);

/* Fills in up to `max` sockets of both families, in all states; returns how many there are, which may be more. */
int sockdiag_list(struct sockdiag *sd, struct sockdiag_socket *out, size_t max, struct driver_error *err);
/* The one socket with these ends, seen from the kernel (its own end is `local`), without walking through all.
 * -ENOENT: there is none, so it is CLOSED. */
int sockdiag_find(struct sockdiag *sd, const tern_flow *flow, struct sockdiag_socket *out, struct driver_error *err);

#ifdef __cplusplus
}
#endif
#endif
