/* rig.h - one host in one piece of memory, and a peer that is a list of packets. All that the host owns lies in an
 * arena, so that a whole host is saved and restored by copying bytes: each cell of the tables starts from the very
 * same moment. What is right is not decided here: see tests/oracle. */
#ifndef EXHAUSTIVE_RIG_H
#define EXHAUSTIVE_RIG_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tcp/tcb.h"

enum { FIN = 0x01, SYN = 0x02, RST = 0x04, PSH = 0x08, ACK = 0x10, URG = 0x20 };
/* Close to the end of the number space, so that numbers wrap within the tables. */
#define OUR_ISS 0xffffff40u
#define PEER_ISS 0xfffffff0u
enum { OUR_PORT = 40000, PEER_PORT = 7000, BUFFER = 1024, PEER_WINDOW = 5000, PEER_SHIFT = 2, TS_FIRST = 5000 };
enum { URGENT_AHEAD = 10 }; /* the urgent pointer of all segments that have one */

/* A segment of the peer: absolute numbers. */
struct segment {
    unsigned flags;
    uint32_t seq, ack, len, wnd;
    bool has_ts;
    uint32_t ts;
};

/* What the host sent. */
struct answer {
    unsigned flags;
    uint32_t seq, ack, len;
    uint16_t wnd;
    bool has_ts;
};

enum { REPLIES = 16 };

/* What can be seen of the one connection. */
struct view {
    bool there;
    enum tern_state state;
    bool half_open, record; /* it is a small record */
    bool passive, stamps, fin_sent, closed, later, two_msl_full;
    uint32_t iss, una, nxt, wnd, max_wnd, wl1, wl2;
    uint32_t irs, rcv_nxt, rcv_wnd, unread, held;
    uint32_t ts_recent, last_ack;
    uint8_t wnd_shift;
};

struct rig {
    tern_stack *stack;
    struct stack *s;
    tern_sock sock, listener;
    uint64_t now;
    uint32_t peer_nxt, our_nxt, acked; /* of the script that leads to a state */
    bool stamps;
    uint32_t ts;
    uint32_t bits, listener_bits; /* events since the last look */
    int error;
    struct answer answers[REPLIES];
    unsigned answer_count;
};
extern struct rig rig;

/* How a connection comes into its state. */
struct way {
    const char *name;
    enum tern_state state;
    bool passive;    /* through a listener, which stays */
    bool stamps;     /* timestamps and window scaling are agreed */
    bool closed;     /* tern_close instead of tern_shutdown: the application is gone */
    bool zero;       /* our receive window is full */
    bool listener;   /* a listener stands on the port although the open was active */
    bool plain_peer; /* we would have agreed to timestamps, the peer did not offer them */
    bool fast;       /* the record of one that sent so much that the clock of new ISNs lies behind its numbers */
    bool unsent;     /* bytes wait that the peer's window does not admit */
    bool idle;       /* nothing is on its way */
    bool unread;     /* received bytes that the application has not read */
};

void rig_to_state(const struct way *w);
void rig_save(void);
void rig_restore(void);
void rig_input(const struct segment *s);
void rig_output(void); /* collects what leaves now into rig.answers */
void rig_events(void); /* polls; accepts what can be accepted and polls again */
void rig_expire(void); /* timers that are due at rig.now */
void rig_view(struct view *v);
void rig_check(void); /* invariants of every control block */

#endif
