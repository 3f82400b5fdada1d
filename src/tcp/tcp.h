/* tcp.h - TCP's face towards core/ and ip/: what they call, and the state that a stack keeps for all connections. The
 * control block itself is tcp/tcb.h. */
#ifndef TCP_TCP_H
#define TCP_TCP_H

#include "tern.h"

#include "base/bytes.h"
#include "base/pool.h"
#include "base/table.h"
#include "base/wheel.h"
#include "wire/wire.h"

struct stack;
struct tcb;
struct busy;
struct tcb_options;
struct ip_info;
struct icmp_report;

/* A pair of sockets, inside. */
struct flow {
    ip_addr local, remote;
    uint16_t local_port, remote_port;
};

/* The record that the last segment was for, or that was made last; ref 0: it is gone. */
struct recent_flow {
    const struct flow *flow;
    uint32_t hash, ref;
};

/* Chains through records of one pool by index + 1, oldest first; 0 ends. */
struct fifo {
    uint32_t head, tail;
};

enum { HALF_OPEN_LEVELS = 8 };

/* Fast Open: the cookies that servers gave us. */
enum { FAST_OPEN_MEMORY = 64 };
struct fast_open_memory {
    ip_addr server, client;  /* client: our address that the cookie was made for */
    uint64_t avoid_until_ns; /* towards this port, after so many failures in a row */
    uint16_t mss, avoid_port;
    uint8_t strikes, len, cookie[16];
};
/* And those that our clients took back. */
struct fast_open_resets {
    uint64_t minute; /* the last one with any */
    uint32_t in_minute, before;
};

struct tcp_state {
    pool tcbs, listeners, half_opens, time_waits, tallies;
    table flows; /* flow hash -> reference to a TCB, half-open or TIME-WAIT record: see tcp/demux.c */
    struct recent_flow recent;
    table ports;                              /* port hash -> listener */
    struct tcb *ready_head, **ready_tail;     /* have something to send */
    struct tcb *blocked_head, **blocked_tail; /* wait for a next hop */
    bool pathless;                            /* some connection found no way since tcp_path_returned */
    struct fifo
        half_open_by_try[HALF_OPEN_LEVELS]; /* SYN-ACK sent n times: one constant delay each, so each in order */
    struct fifo half_open_held;
    uint32_t half_open_ended; /* of those in use, records that only wait to be told */
    struct fifo time_wait;                   /* in order of expiry */
    uint64_t time_wait_swept;                /* units of 2 ms: no record was past its time then */
    struct busy *delack_head, **delack_tail; /* owe an ACK, in order of its time */
    wheel_node half_open_timer, time_wait_timer, delack_timer;
    uint32_t ports_tried; /* for connections that we open: the place in the order of ports */
    struct fast_open_memory fast_open_memory[FAST_OPEN_MEMORY];
    struct fast_open_resets fast_open_resets;
    uint32_t fast_opens;          /* connections opened by a cookie and not yet by the handshake */
    uint32_t orphans;             /* TCBs that no application holds */
    uint32_t cookie_slot;         /* one behind the slot of the last SYN cookie, 0: none was sent */
    uint64_t serial;              /* of the last connection */
    struct tcb_options *defaults; /* settings from tern_config */
    struct busy *spare;           /* see tcp/busy.c; NULL: in use */
    struct tcb *scratch;          /* where records become TCBs for one segment */
    struct busy *scratch_busy;
};

int tcp_init(struct stack *s);
void tcp_free(struct stack *s);
/* The handle of what an event_node names. */
tern_sock tcp_sock(const struct stack *s, uint32_t ref);
/* The event that it names was given to the application: what was kept for that alone goes. */
void tcp_told(struct stack *s, uint32_t ref);
/* One segment; the reader covers header and payload. */
void tcp_input(struct stack *s, const struct ip_info *ip, reader *r);
/* Builds segments of connections that are ready; returns how many frames were filled. */
size_t tcp_output(struct stack *s, tern_frame *frames, size_t max);
bool tcp_output_waiting(const struct stack *s);
void tcp_timer(struct stack *s, wheel_node *n);
void tcp_icmp_error(struct stack *s, const struct icmp_report *report);
/* Next hops were resolved or given up: connections that waited try again. */
void tcp_path_changed(struct stack *s);
/* A route, or an address of ours, has come: connections that found no way do not wait for their timers, which may have
 * become slow. */
void tcp_path_returned(struct stack *s);

#endif
