/* tcb.h - the transmission control block (RFC 9293 3.3.1) and the small records that stand for a connection before and
 * after it has one; plus what the files of tcp/ offer each other, in the order of the RFC. Outsiders use tcp/tcp.h. */
#ifndef TCP_TCB_H
#define TCP_TCB_H

#include "base/range.h"
#include "base/ring.h"
#include "base/seq.h"
#include "core/stack.h"
#include "tcp/cc.h"
#include "tcp/flight.h"
#include "tcp/move.h"

/* What tcp_output still has to build for a connection, besides what the send buffer asks for by itself. */
enum work {
    WORK_SYN = 1 << 0,    /* the SYN or SYN-ACK, first time or again */
    WORK_ACK = 1 << 1,    /* an ACK now */
    WORK_REXMIT = 1 << 2, /* one segment at snd.una */
    WORK_PROBE = 1 << 3,  /* one byte into a closed window */
    WORK_KEEPALIVE = 1 << 4,
    WORK_TLP = 1 << 5,      /* a tail loss probe */
    WORK_OVERRIDE = 1 << 6, /* what is there, though it is little: it has waited long enough [MUST-60] */
};

enum ecn_mode { ECN_OFF, ECN_CLASSIC, ECN_ACCURATE };

/* What rexmit_at is set for, besides the persist timer. */
enum timer_use { USE_RTO, USE_REORDERING, USE_PROBE };

/* Settings that are on or off. Each connection has its own, so that setting them always succeeds. */
struct tcb_switches {
    bool nodelay : 1, cork : 1, keepalive : 1, no_soft_errors : 1, quick_ack : 1, no_reader : 1, fast_open : 1;
};

/* Settings, shared by those who have the same: see options.c. A listener hands its own on to its connections. */
struct tcb_options {
    uint32_t holders;
    uint32_t send_buffer, receive_buffer; /* bytes, to begin with */
    uint32_t send_max, receive_max;       /* what they may grow to: autotune.c */
    uint32_t keepalive_idle_ms, keepalive_interval_ms, user_timeout_ms, zero_window_ms;
    int32_t linger_ms; /* -1: none */
    uint16_t uto_s;    /* user timeout option; 0: off [RFC5482] */
    bool uto_fixed;    /* the application set user_timeout_ms: not CHANGEABLE */
    uint32_t fin_wait_2_ms;
    uint8_t keepalive_probes, congestion, syn_retries;
    uint16_t mss_cap; /* 0: none */
    uint8_t tos, ttl;
    struct tcb_switches on;
};

/* Received packets that the caller lent: their bytes come before those in the ring. */
enum { LENT_PIECES = 64, LENT_LEAST = 1024 };
struct lent {
    uint32_t head, count, bytes;
    struct {
        void *token;
        const uint8_t *at;
        uint32_t len;
    } piece[LENT_PIECES];
};

/* What arrived beyond a hole. */
struct islands {
    range_set set; /* at[] below */
    seq recent[4]; /* first bytes of the segments that came last, newest first, one an island [RFC2018 4] */
    uint8_t recents;
    seq mark;                   /* where rcv.nxt stood when mark_ts was taken */
    uint32_t mark_ts, floor_ts; /* TS.Recent then, and at the mark before: timestamps.c */
    range at[];
};

/* What a connection needs only while something is going on: bytes that wait or are under way, a deadline, an ACK that is
 * owed. See busy.c. While nothing is, `busy` is a constant that says so, which may be read and not written. */
struct busy {
    struct tcb *owner;
    struct flight *flight;                /* with a SACK peer, while something is under way; else NULL */
    struct tcb *ready_next, **ready_link; /* on tcp.ready or tcp.blocked; link NULL: on neither */
    uint64_t delack_at;                   /* in the queue of delack.c; TERN_NEVER: off */
    struct busy *delack_next, **delack_link;
    uint64_t rexmit_at; /* retransmission or persist timer */

    wheel_node timer;        /* one node, at or before the earliest deadline of rexmit_at and life_at: see timeouts.c */
    uint64_t life_at;        /* keepalive, FIN-WAIT-2 or 2 MSL, by state */
    ring snd_ring;           /* [first unacknowledged byte, end) */
    ring rcv_ring;           /* [read + lent, nxt) and the islands beyond */
    struct islands *islands; /* out of order; NULL while there are none */
    struct lent *lent;       /* NULL while nothing is lent */

    seq pos;     /* where the next segment starts: snd.nxt, or behind it when bytes go out again */
    seq recover; /* snd.nxt when the last recovery began */
    seq snd_up;  /* behind the urgent bytes [MUST-62] */
    seq tlp_end; /* snd.nxt when the probe left [RFC8985 7.4] */
    seq fin;     /* number of the peer's FIN */
    seq rcv_up;  /* the peer's urgent pointer */
    seq dup;     /* bytes from here on came twice, to be told once: sack.c */
    uint16_t dup_len;
    uint8_t dup_acks;
    uint8_t timer_use; /* enum timer_use of rexmit_at, unless persisting */
    uint8_t repeats;   /* how often the timer expired for the bytes at una */
    uint8_t probes;    /* keepalive probes without an answer */
    uint32_t unacked;  /* bytes taken since the last ACK left */
    seq last_ack_sent;
    seq rtt_seq;
    uint32_t rtt_at_us; /* when rtt_seq left */
    uint32_t stuck_ms;  /* first expiry for the bytes at una, first probe without an answer; 0: not stuck */
    uint32_t shut_ms;   /* when the peer's window was found shut */
    seq ecn_until;      /* marks count once until this is acknowledged */
    uint32_t reserved;  /* bytes behind snd.end that the application was given to fill */
    struct cc cc;
};

/* See tally.c. */
enum tally_time { TALLY_IDLE, TALLY_BUSY, TALLY_WINDOW, TALLY_BUFFER, TALLY_TIMES };
struct tcb_tally {
    uint64_t spent_us[TALLY_TIMES]; /* by what held the bytes up; while busy nothing but the path and our control did */
    uint64_t bytes_again;
    uint32_t by_timer, by_probe; /* segments sent again */
    uint32_t timeouts;           /* of the retransmission timer */
    uint32_t told_twice;         /* duplicates that the peer reported [RFC2883] */
    uint32_t reordered;          /* times that something came later than it should have, and was not lost */
    uint32_t out_of_order;       /* segments that came so */
    uint32_t marks;              /* that the peer told of */
    uint32_t since_us;
    uint8_t doing; /* enum tally_time since then */
};

/* What congestion control knows while the connection is at rest. */
struct cc_rest {
    uint32_t cwnd, ssthresh;
    uint32_t kept; /* the algorithm's own: cc_ops.rest */
};

/* Four lines of the processor's cache; what every segment asks for comes first. */
struct tcb {
    struct flow flow;
    uint8_t state;      /* enum tern_state; only state.c writes it */
    uint8_t work;       /* enum work */
    uint8_t ack_reason; /* enum reason of the pending ACK, and of WORK_REXMIT: all of them fit */
    uint8_t acks_due;   /* duplicate ACKs that RFC 5681 4.2 asks for, one each segment out of order */
    struct busy *busy;  /* never NULL */
    struct tcb_options *opt;
    struct tcb_switches on;
    uint8_t tos_received; /* of the newest segment */
    uint8_t snd_wscale, rcv_wscale;
    bool passive : 1;  /* reached SYN-RECEIVED from LISTEN [MUST-11] */
    bool waiting : 1;  /* established, not accepted yet: event links it into its listener's queue */
    bool detached : 1; /* the application closed it: no events, nobody reads */
    bool in_table : 1;
    bool record : 1;    /* a half-open or TIME-WAIT record for the time of one segment: replies leave at once */
    bool blocked : 1;   /* on tcp.blocked rather than tcp.ready */
    bool fin_seen : 1;  /* the peer's FIN is at busy->fin, perhaps behind a hole */
    bool fin_taken : 1; /* and rcv.nxt stands behind it */
    /* these eight are asked for together: unusual */
    uint8_t ecn : 2;      /* enum ecn_mode */
    bool fin_queued : 1;  /* SHUTDOWN or CLOSE: a FIN follows snd.end */
    bool urgent_out : 1;  /* snd_up is ahead of una */
    bool persisting : 1;  /* rexmit_at is the persist timer */
    bool in_recovery : 1; /* fast recovery until `recover` */
    bool in_loss : 1;     /* after a timeout, until `recover` */
    bool tlp_out : 1;     /* a tail loss probe left and its fate is not known: tlp_end */

    bool tlp_again : 1;   /* it repeated the last segment rather than carry new bytes */
    bool ecn_echo : 1;    /* classic: ECE until CWR comes */
    bool ecn_cwr : 1;     /* classic: say CWR with the next new data */
    bool fast_opened : 1; /* counted in tcp.fast_opens */
    bool orphan : 1;      /* counted in tcp.orphans */
    bool urgent_in : 1;   /* rcv_up is ahead of read */
    bool uto_due : 1;     /* the next segment carries the user timeout option */
    bool syn_acked : 1;   /* our SYN is acknowledged; comparing una with iss would be wrong after 4 GiB */
    bool scaling : 1, stamps : 1, sack : 1; /* agreed in the handshake */
    bool reordering : 1;                    /* the path was seen to reorder [RFC8985 6.2 step 3] */
    bool rtt_timing : 1;                    /* rtt_seq, rtt_at_us are running [Karn] */
    bool syn_repeated : 1;
    bool want_write : 1; /* tell the application when there is room again */
    bool r1_told : 1;

    struct {
        seq una, nxt;
        seq end; /* behind the last byte written; a FIN has this number */
        seq wl1, wl2;
        uint32_t wnd, max_wnd; /* bytes, scaled */
    } snd;                     /* 3.3.1 */
    struct {
        seq nxt;
        seq adv;  /* right edge ever offered: data before it is always acceptable [RFC7323 2.4] */
        seq read; /* the next byte for the application */
    } rcv;
    uint32_t ts_offset, ts_recent; /* timestamps.c */
    uint16_t mss;                  /* payload of a full segment to the peer, options taken off */
    uint16_t mss_seen;             /* largest segment that came: what "full-sized" means for ACKs [SHLD-19] */
    uint32_t srtt_us, rttvar_us, rto_us;

    struct event_node event;
    uint32_t segments_out, segments_in;
    uint32_t tune_us, tune_read; /* autotune.c */
    uint32_t receive_buffer;     /* bytes, now: autotune.c */
    uint32_t ts_recent_ms;
    union {
        uint32_t listener; /* index + 1 while waiting */
        uint32_t sent_ms;  /* after that: when new bytes left last */
    };
    uint32_t min_rtt_us; /* smallest of late: see rack.c; 0: none yet */

    struct cc_rest resting;     /* while at rest: else busy->cc */
    uint8_t rexmit_why;         /* enum reason of WORK_REXMIT, and of the last repetition */
    uint8_t backoff;            /* how often the current RTO was doubled */
    uint8_t rack_mult;          /* width of the reordering window [RFC8985 6.2 step 4] */
    uint8_t rack_persist : 7;   /* for so many recoveries more */
    uint8_t again_by_timer : 1; /* the last repair began with a timeout */
    uint8_t ecn_seen, ecn_told; /* accurate: marks that we saw, and that the peer told of, modulo 256 */
    uint8_t ecn_first : 3;      /* accurate: how the SYN,ACK arrived, for the first ACK; 0: said */
    uint8_t ecn_unheard : 1;    /* accurate: no counter of the peer's has come yet */
    uint8_t ecn_mute : 1;       /* nothing of ours is to be marked: a SYN came plain, or the path erases or mangles */
    uint8_t ecn_owed : 2;       /* accurate: marks on segments without text that nothing of ours has told of */
    uint8_t tlp_unmeasured : 1; /* no round trip was learnt since the last probe */
    uint8_t snd_log2, rcv_log2; /* how large the rings had to be: see busy.c */
    int8_t error;
    uint16_t mss_peer; /* the peer's MSS option or the default */
    seq iss, irs;
    uint32_t snd_turns, rcv_turns; /* how often the numbers came round since: snd_advance */
    uint32_t hash;                 /* flow_hash */
    uint32_t challenge_ms;         /* when the last challenge ACK was allowed */
    uint64_t serial;
    uint32_t retransmitted;
    uint32_t tally; /* index + 1 in tcp.tallies, 0: nothing to tell */
};

/* Is anything of what it has to send, or has sent, out of the ordinary? One comparison: see struct tcb. */
static inline bool sends_unusually(const struct tcb *t) {
    return t->ecn || t->fin_queued || t->urgent_out || t->persisting || t->in_recovery || t->in_loss || t->tlp_out;
}
/* The same, but that it ends. */
static inline bool is_troubled(const struct tcb *t) {
    return t->ecn || t->urgent_out || t->persisting || t->in_recovery || t->in_loss || t->tlp_out;
}

/* It will be asked for soon: all its lines at once rather than one after the other. */
static inline void tcb_prefetch(const struct tcb *t) {
    for (unsigned i = 0; i < sizeof *t; i += 64) __builtin_prefetch((const char *)t + i);
}
static inline void busy_prefetch(const struct busy *b) {
    enum { BEGINNING = 192 }; /* of a flight: what every ACK asks for, and its first piece */
    for (unsigned i = 0; i < sizeof *b; i += 64) __builtin_prefetch((const char *)b + i);
    for (unsigned i = 0; b->flight && i < BEGINNING; i += 64) __builtin_prefetch((const char *)b->flight + i);
}

/* The numbers move on; after 4 GiB they begin again. */
static inline void snd_advance(struct tcb *t, seq to) {
    t->snd_turns += to.v - t->iss.v < t->snd.nxt.v - t->iss.v;
    t->snd.nxt = to;
}
static inline void rcv_advance(struct tcb *t, seq to) {
    t->rcv_turns += to.v - t->irs.v < t->rcv.nxt.v - t->irs.v;
    t->rcv.nxt = to;
}
/* Bytes of text; SYN and FIN have numbers too. */
static inline uint64_t bytes_sent(const struct tcb *t) {
    uint64_t n = (uint64_t)t->snd_turns << 32 | (t->snd.nxt.v - t->iss.v);
    return n - min_u64(n, 1 + seq_gt(t->snd.nxt, t->snd.end));
}
static inline uint64_t bytes_received(const struct tcb *t) {
    uint64_t n = (uint64_t)t->rcv_turns << 32 | (t->rcv.nxt.v - t->irs.v);
    return n - min_u64(n, 1 + t->fin_taken);
}

struct listener {
    struct event_node event;
    ip_addr local;
    uint16_t port;
    uint32_t index, flags, backlog;
    uint32_t waiting;   /* TCBs in the queue below */
    uint32_t held_next; /* the oldest held SYN that was not yet shown, index + 1 */
    struct event_node *queue, **queue_tail;
    struct tcb_options *opt;
};

/* A connection in SYN-RECEIVED after a passive open: all that is needed to become a TCB. */
struct half_open {
    union {
        struct {
            struct flow flow;
            uint32_t ts_recent;
        };
        struct event_node ended; /* HALF_ENDED: all that is left, until the application took it */
    };
    uint64_t user;
    uint64_t due_ns;
    uint32_t listener; /* index */
    seq iss, irs;
    uint32_t next, prev; /* fifo, index + 1 */
    uint32_t ts_offset;
    uint32_t number; /* index + 1 */
    uint16_t rcv_wnd, mss, snd_wnd;
    uint16_t flags; /* enum half_open_flags */
    uint8_t snd_wscale : 4, rcv_wscale : 4;
    uint8_t tries : 4, ecn : 2, syn_ecn : 2; /* SYN,ACKs repeated; enum ecn_mode; the IP header's two bits on the SYN */
    uint8_t challenge;                       /* when the last challenge ACK left: see challenge.c */
};
enum half_open_flags {
    HALF_SCALING = 1,
    HALF_STAMPS = 2,
    HALF_SACK = 4,
    HALF_HELD = 8,
    HALF_SHOWN = 16, /* the application has the handle */
    HALF_COOKIE = 32,
    HALF_FAST_OPEN = 64,
    HALF_MUTE = 128, /* tcb.ecn_mute */
    HALF_ENDED = 256,
    HALF_REPEATED = 512 /* the SYN,ACK left again because the SYN came again */
};

/* A connection in TIME-WAIT that no application holds. */
struct time_wait {
    struct flow flow;
    seq snd_nxt, rcv_nxt;
    uint32_t ts_recent;
    uint32_t hash; /* flow_hash */
    uint32_t next, prev;
    uint32_t stamps : 1;    /* timestamps were agreed */
    uint32_t challenge : 8; /* when the last challenge ACK left: see challenge.c */
    uint32_t expires : 23;  /* units of 2 ms, modulo 2^23 */
};

/* References in tcp.flows, and handles: what kind of record an index means. */
enum ref_kind { REF_TCB = 0, REF_HALF_OPEN = 1, REF_TIME_WAIT = 2, REF_LISTENER = 3 };
static inline uint32_t ref_make(enum ref_kind kind, uint32_t index) { return (uint32_t)kind << 30 | (index + 1); }
static inline enum ref_kind ref_kind_of(uint32_t ref) { return (enum ref_kind)(ref >> 30); }
static inline uint32_t ref_index(uint32_t ref) { return (ref & 0x3fffffffu) - 1; }
static inline uint32_t tcb_index(const struct tcb *t) { return ref_index(t->event.ref); }

/* ---- what arrives: one segment on its way through the steps (3.10.7) ---- */

enum reply { REPLY_NONE, REPLY_ACK_DELAYED, REPLY_ACK, REPLY_CHALLENGE, REPLY_RST };

/* What a step wants done once all steps are through; merged, the strongest reply wins. */
struct effects {
    enum reply reply;
    enum reason ack_reason;
    uint32_t events;
    int error;
};

struct arrival {
    struct stack *s;
    struct tcb *t;
    const struct ip_info *ip;
    const tcp_header *h;
    seq seq, ack;   /* SEG.SEQ and SEG.ACK; seq moves when the front is trimmed */
    uint32_t len;   /* text, trimmed to the window */
    uint32_t whole; /* text as it came */
    uint32_t hash;  /* flow_hash */
    const uint8_t *text;
    uint32_t wnd;   /* SEG.WND, scaled */
    uint16_t flags; /* trimmed too: SYN, FIN outside the window are gone */
    bool renews;    /* a SYN that replaces a TIME-WAIT: our number must be above that one's last */
    seq iss_above;
    enum tern_state before;
    enum reason note; /* the most telling outcome so far */
    struct effects fx;
};

/* SEG.LEN: SYN and FIN count. */
static inline uint32_t seg_len(const struct arrival *a) {
    return a->len + !!(a->flags & TCP_SYN) + !!(a->flags & TCP_FIN);
}

/* A step gives R_NONE to go on, or the reason why the segment needs no further step. */
typedef enum reason step(struct arrival *a);
step arrives_synsent, step1_sequence, step2_reset, step3_security, step4_syn, step5_ack, step6_urgent, step7_text,
    step8_fin;
/* What of the fifth step is left when the segment is the one expected, acknowledges something new and nothing is unusual. */
void step5_new(struct arrival *a);
/* Runs the steps that the state asks for and traces the segment; `arrives` then lets the effects act. */
void arrives_steps(struct arrival *a);
void arrives(struct arrival *a);
void arrives_closed(struct arrival *a);
COLD void arrival_drop(struct arrival *a, enum reason why); /* counts and traces a segment without a connection */
void trim_back(struct arrival *a, uint32_t wnd);            /* nothing beyond the window is taken */
void established(struct arrival *a);                        /* our SYN is acknowledged: SYN-SENT and SYN-RECEIVED end */
void syn_acked(struct arrival *a);                          /* the same for one that was closed before that */
void arrives_listen(struct arrival *a, struct listener *l);
void effects_reply(struct effects *fx, enum reply reply, enum reason why);
void effects_act(struct arrival *a);
COLD void soft_error(struct stack *s, struct tcb *t, int error); /* trouble, not the end */

/* ---- state.c ---- */
/* The one place that moves tcb.state. False (and counted) when transition.def has no such row. */
bool tcb_move(struct stack *s, struct tcb *t, enum move m);
static inline bool state_in(const struct tcb *t, uint32_t set) { return (1u << t->state) & set; }
#define IN(name) (1u << TERN_##name)
/* Our FIN has the number snd.end; it is acknowledged once una stands behind it. */
static inline bool fin_acked(const struct tcb *t) { return t->fin_queued && seq_gt(t->snd.una, t->snd.end); }
/* SND.NXT has numbers of ours beyond the SYN: everything from ESTABLISHED to LAST-ACK but TIME-WAIT. */
#define SYNCHRONIZED                                                                                                   \
    (IN(ESTABLISHED) | IN(FIN_WAIT_1) | IN(FIN_WAIT_2) | IN(CLOSE_WAIT) | IN(CLOSING) | IN(LAST_ACK) | IN(TIME_WAIT))
#define MAY_SEND (IN(ESTABLISHED) | IN(CLOSE_WAIT) | IN(FIN_WAIT_1) | IN(CLOSING) | IN(LAST_ACK))
#define MAY_RECEIVE (IN(ESTABLISHED) | IN(FIN_WAIT_1) | IN(FIN_WAIT_2))

/* ---- demux.c: who is it for ---- */
/* What keyed hashes take of the sockets where they are IPv4: only what differs. */
static inline uint64_t flow_addresses(const struct flow *f) { return (uint64_t)f->remote.w[3] << 32 | f->local.w[3]; }
static inline uint32_t flow_ports(const struct flow *f) { return (uint32_t)f->local_port << 16 | f->remote_port; }
/* A hash of the sockets whose results outsiders see. */
static inline uint64_t flow_hash_seen(const siphash_key *key, const struct flow *f) {
    return ip_is_v4(&f->remote) ? siphash24_of(key, flow_addresses(f), flow_ports(f)) : siphash24(key, f, sizeof *f);
}
/* That of the table. */
uint32_t flow_hash(const struct stack *s, const struct flow *f);
/* The reference of the connection with these sockets, 0: none. */
uint32_t flow_find(const struct stack *s, const struct flow *f, uint32_t hash);
/* The same for a segment; quicker when asked for the same TCB again. Sets the arrival's hash as well. */
uint32_t flow_of_arrival(struct arrival *a);
int flow_reserve(struct stack *s); /* makes sure that one more insert fits; TERN_ENOMEM */
void flow_insert(struct stack *s, uint32_t hash, uint32_t ref);
void flow_remove(struct stack *s, uint32_t hash, uint32_t ref);
void flow_replace(struct stack *s, uint32_t hash, uint32_t ref, uint32_t new_ref);
/* What listeners for many addresses have as theirs; the last is no address that anybody has. */
extern INNER const ip_addr listen_any, listen_any_v4, listen_any_v6;
struct listener *listener_find(struct stack *s, const ip_addr *local, uint16_t port);
struct listener *listener_exact(struct stack *s, const ip_addr *local, uint16_t port);
int listener_register(struct stack *s, struct listener *l);
void listener_unregister(struct stack *s, struct listener *l);
tern_flow flow_public(const struct flow *f);
tern_sock sock_of(const struct stack *s, enum ref_kind kind, uint32_t index);
/* The record behind a handle, NULL when it is gone or of another kind. */
struct tcb *tcb_of(struct stack *s, tern_sock sock);
struct listener *listener_of(struct stack *s, tern_sock sock);
struct half_open *half_open_of(struct stack *s, tern_sock sock);
struct half_open *half_open_or_ended(struct stack *s, tern_sock sock); /* HALF_ENDED too */

/* ---- tcb.c: making, ending, the ready list ---- */
struct tcb *tcb_new(struct stack *s, const struct flow *f, uint32_t hash, struct tcb_options *opt);
int tcb_register(struct stack *s, struct tcb *t); /* into the flow table; TERN_ENOMEM */
void tcb_ready(struct stack *s, struct tcb *t);
void tcb_unready(struct stack *s, struct tcb *t);
struct tcb *tcb_take_ready(struct stack *s); /* the first of the list, which is not empty, off it */
COLD void tcb_block(struct stack *s, struct tcb *t);
/* The state is CLOSED: leaves the table, drops timers and send queue, and is freed if no application holds it. */
void tcb_end(struct stack *s, struct tcb *t, int error, enum reason why);
void tcb_free(struct stack *s, struct tcb *t);
/* Off its listener's queue: accepted, or dead before it was. */
void tcb_leave_backlog(struct stack *s, struct tcb *t);
/* The application has done with it, perhaps before it was accepted. */
void tcb_detach(struct stack *s, struct tcb *t);
void tcb_check(const struct stack *s, const struct tcb *t);

/* ---- busy.c ---- */
extern INNER const struct busy busy_at_rest;
static inline bool tcb_awake(const struct tcb *t) { return t->busy != &busy_at_rest; }
/* Before anything in `busy` is written. False: no memory; then nothing has happened. */
bool tcb_wake_up(struct stack *s, struct tcb *t);
static inline bool tcb_wake(struct stack *s, struct tcb *t) { return likely(tcb_awake(t)) || tcb_wake_up(s, t); }
/* At the end of whatever may have been the last thing to do. */
void tcb_rest_if_done(struct stack *s, struct tcb *t);
static inline void tcb_rest(struct stack *s, struct tcb *t) {
    const struct busy *b = t->busy; /* what is usual is asked first */
    if (!b->flight && (b->rexmit_at & b->delack_at) == TERN_NEVER) tcb_rest_if_done(s, t);
}
void tcb_rest_begin(struct tcb *t);
void tcb_rest_for_good(struct stack *s, struct tcb *t);
void tcb_begin(struct tcb *t, struct busy *b);
bool busy_reserve(struct stack *s);
void busy_free(struct stack *s);

/* ---- options.c ---- */
struct tcb_options *tcb_options_default(struct stack *s); /* a new record; NULL: no memory */
struct tcb_options *tcb_options_share(struct tcb_options *o);
void tcb_options_drop(struct stack *s, struct tcb_options *o); /* o may be NULL */
bool tcb_options_own(struct stack *s, struct tcb_options **o); /* nobody else holds it any more; false: no memory */

/* ---- buffers: sendbuf.c, recvbuf.c ---- */
enum { RING_LEAST = 512 };
bool ring_grow(struct stack *s, ring *r, uint32_t size, seq from, seq to);
/* Grows to size if it is smaller, keeping [from, to). */
static inline bool ring_reserve(struct stack *s, ring *r, uint32_t size, seq from, seq to) {
    if (size > r->size) return ring_grow(s, r, size, from, to);
    r->used = max_u32(size, r->used);
    return true;
}
static inline void ring_drop(struct stack *s, ring *r) {
    if (!r->at) return;
    mem_buffer_give(s, r->at, r->size);
    r->at = NULL;
    r->size = 0;
}
/* Nothing is in it. The smallest stays until the connection rests: who says little at a time soon needs it again. */
static inline void ring_emptied(struct stack *s, ring *r) {
    if (r->size > RING_LEAST) ring_drop(s, r);
}
/* Number of the oldest byte in the send ring: the SYN has a number but no byte. */
static inline seq snd_first(const struct tcb *t) { return seq_add(t->snd.una, !t->syn_acked); }
/* Written, not acknowledged. */
static inline uint32_t snd_queued(const struct tcb *t) {
    int32_t n = seq_diff(t->snd.end, snd_first(t)); /* -1 once our FIN is acknowledged */
    return n > 0 ? (uint32_t)n : 0;
}
uint32_t snd_space(const struct tcb *t);
bool snd_reserve(struct stack *s, struct tcb *t, uint32_t size);
uint32_t snd_append(struct stack *s, struct tcb *t, const void *data, uint32_t len);
void snd_trim(struct stack *s, struct tcb *t);      /* una moved */
void snd_tell_room(struct stack *s, struct tcb *t); /* una or the window moved, and somebody was refused */
void snd_flush(struct stack *s, struct tcb *t);
void autotune_read(struct stack *s, struct tcb *t, uint32_t n);
void autotune_held(struct stack *s, struct tcb *t);
uint32_t autotune_send_limit(const struct tcb *t);
static inline uint32_t rcv_readable(const struct tcb *t) {
    return (uint32_t)seq_diff(t->rcv.nxt, t->rcv.read) - t->fin_taken;
}
/* Bytes beyond nxt that the buffer limit leaves. */
static inline uint32_t rcv_space(const struct tcb *t) {
    uint32_t held = rcv_readable(t);
    return held < t->receive_buffer ? t->receive_buffer - held : 0;
}
seq rcv_ring_base(const struct tcb *t);
enum islands_result { ISLANDS_OK, ISLANDS_FULL, ISLANDS_NO_MEMORY };
enum islands_result islands_add(struct stack *s, struct tcb *t, seq left, seq right, range *twice);
seq islands_join(struct stack *s, struct tcb *t, seq at);
void islands_free(struct stack *s, struct tcb *t);
size_t islands_memory(const struct tcb *t);
/* Behind the last of them; there are some. */
static inline seq islands_end(const struct tcb *t) {
    return t->busy->islands->at[t->busy->islands->set.count - 1].right;
}
enum reason rcv_take(struct arrival *a); /* step 7's work: a->text into the buffer, rcv.nxt moves */
uint32_t rcv_read(struct stack *s, struct tcb *t, void *buf, uint32_t len); /* buf NULL: discard */
void rcv_flush(struct stack *s, struct tcb *t);

/* ---- 3.4, 3.5: isn.c port.c mss.c timestamps.c ---- */
/* What of a connection's numbers is derived from its sockets and must not be guessed. */
struct secrets {
    uint32_t isn, ts_offset;
};
struct secrets flow_secrets(const struct stack *s, const struct flow *f);
seq isn_choose(const struct stack *s, const struct secrets *secrets);
/* A free local port towards the peer, 0 when all are taken [RFC6056 3.3.4]. */
uint16_t port_choose(struct stack *s, struct flow *f, uint32_t *hash);
uint16_t mss_to_offer(struct stack *s, const struct flow *f, uint16_t cap);
uint16_t mss_peer(const struct stack *s, const tcp_options *o, bool v6);
/* What a segment carries when the peer takes `mss` and the path `mtu`; our options are not taken off. */
uint32_t mss_fitting(const struct stack *s, const struct tcb *t, uint32_t mss, uint32_t mtu);
void mss_update(struct stack *s, struct tcb *t, uint32_t mtu); /* effective send MSS [MUST-16] */
uint8_t wscale_choose(const struct stack *s, const struct tcb_options *opt);
uint32_t ts_now(const struct stack *s, uint32_t offset);
/* PAWS: is this segment older than one already seen? [RFC7323 5.3] */
bool ts_old(const struct stack *s, const struct tcb *t, const tcp_options *o);
bool ts_overtaken(const struct tcb *t, const tcp_options *o); /* only by a repetition: it is not */
void ts_remember(const struct arrival *a);                    /* of a segment whose numbers were both found good */

/* ---- 3.5.2, RFC 5961: reset.c challenge.c ---- */
/* The RST that answers a segment for which there is no connection [3.10.7.1]. */
COLD void reset_reply(struct arrival *a);
/* The RST that tells the peer that this connection is over; nothing in states that have no use for it. */
COLD void reset_send(struct stack *s, struct tcb *t, enum reason why);
COLD bool challenge_allowed(struct stack *s, struct tcb *t);
/* The same moment in the eight bits that a record has room for. */
uint8_t challenge_pack(const struct stack *s, const struct tcb *t);
void challenge_unpack(const struct stack *s, struct tcb *t, uint8_t packed);
#define CHALLENGE_LONG_AGO(s) ((uint8_t)((s)->now / MS_NS / 64 + 128))

/* ---- backlog.c, timewait.c ---- */
void half_open_new(struct arrival *a, struct listener *l);
void half_open_arrives(struct arrival *a, struct half_open *h);
void half_open_drop(struct stack *s, struct half_open *h);
void half_open_release(struct stack *s, struct half_open *h); /* a held one goes on: SYN-ACK */
COLD void half_open_drop_listener(struct stack *s, struct listener *l);
COLD void half_open_timer(struct stack *s);
COLD void half_open_reset(struct stack *s, struct half_open *h);
struct half_open *half_open_held(struct stack *s, struct listener *l);
bool time_wait_from(struct stack *s, struct tcb *t); /* the TCB becomes a record; false: no memory, keep the TCB */
bool time_wait_arrives(struct arrival *a, struct time_wait *w, uint32_t ref); /* true: gone, treat as a new SYN */
bool time_wait_may_reuse(struct arrival *a);                                  /* then says so in the arrival */
void time_wait_timer(struct stack *s);
uint64_t time_wait_expires_ns(const struct stack *s, const struct time_wait *w);

/* ---- user_timeout.c ---- */
COLD void user_timeout_offer(const struct tcb *t, tcp_options *o);
void user_timeout_heed(struct stack *s, struct tcb *t, const tcp_options *o);

/* ---- ecn.c ---- */
uint16_t ecn_syn_flags(const struct stack *s, const struct tcb *t);
enum ecn_mode ecn_asked(const struct stack *s, uint16_t syn_flags);
uint16_t ecn_syn_ack_flags(enum ecn_mode mode, uint8_t syn_ecn);
uint16_t ecn_syn_ack_again(const struct tcb *t);
COLD void ecn_syn_repeated(struct arrival *a);
void ecn_syn_acked(struct arrival *a);
void ecn_open_complete(struct arrival *a);
void ecn_arrived(struct arrival *a);
void ecn_acked(struct arrival *a, seq una);
void ecn_reduced(struct tcb *t);
bool ecn_answered(const struct tcb *t, seq to);
void ecn_undone(struct tcb *t);
bool ecn_warns(const struct arrival *a);
uint16_t ecn_flags(struct tcb *t, bool fresh_data);
bool ecn_uncut(const struct tcb *t);
uint8_t ecn_capable(const struct tcb *t, bool fresh_data); /* for the IP header */

/* ---- fastopen.c ---- */
enum fast_open { FAST_OPEN_NO, FAST_OPEN_COOKIE, FAST_OPEN_YES };
enum fast_open fastopen_judge(const struct stack *s, const struct arrival *a);
COLD void fastopen_offer(const struct stack *s, const ip_addr *client, tcp_options *o);
uint32_t fastopen_request(struct stack *s, const struct tcb *t, tcp_options *o);
COLD void fastopen_remember(struct arrival *a);
COLD void fastopen_failed(struct stack *s, const struct tcb *t); /* our SYN was refused, or nobody answered */
COLD void fastopen_was_reset(struct stack *s);

/* ---- syncookie.c ---- */
COLD void syncookie_make(struct stack *s, struct half_open *h);
COLD uint32_t syncookie_timestamp(const struct half_open *h, uint32_t now);
COLD bool syncookie_check(const struct arrival *a, const struct listener *l, struct half_open *h);
/* An ACK with a cookie of ours: the connection is complete. */
COLD bool half_open_from_cookie(struct arrival *a, struct listener *l);

/* ---- 3.7, 3.8: emit.c segmentize.c rto.c rexmit.c window.c persist.c delack.c keepalive.c sack.c ---- */
struct segment_out {
    const ip_addr *local, *remote;
    tcp_header h;
    uint8_t tos, ttl;
    const struct tcb *owner; /* for the trace; may be NULL */
    enum tern_state state;
};
/* Sends a segment without data through the queue of control packets. */
void emit_control(struct stack *s, struct segment_out *o, enum reason why);
/* An ACK of this connection through that queue, for those that leave the ready list in the same moment. */
void emit_ack(struct stack *s, struct tcb *t, enum reason why);
/* The options of a segment of this connection, SYN or not. */
void emit_options(struct stack *s, struct tcb *t, bool syn, tcp_options *o);
/* The same for a SYN; returns how many bytes of data may ride on it. */
uint32_t emit_syn_options(struct stack *s, struct tcb *t, tcp_options *o);
static inline uint32_t emit_options_len(const struct tcb *t) { return t->stamps ? 12 : 0; } /* of segments with data */
bool output_wanted(const struct tcb *t); /* might tcp_output have something to build? */
void rto_sample(struct stack *s, struct tcb *t, uint32_t rtt_us);
void rto_sample_echo(const struct arrival *a);    /* from the timestamp that came back [RFC7323 4.1] */
void rto_arm(struct stack *s, struct tcb *t);     /* if something is outstanding */
void rto_restart(struct stack *s, struct tcb *t); /* after new data was acknowledged */
/* With the backoff of RFC 6298 5.5 applied, up to the maximum of 2.5. */
static inline uint64_t rto_ns(const struct stack *s, const struct tcb *t) {
    return min_u64(((uint64_t)t->rto_us * US_NS) << t->backoff, (uint64_t)s->cfg.rto_max_ms * MS_NS);
}
void rexmit_ack_new(struct arrival *a, uint32_t bytes);
void rexmit_ack_duplicate(struct arrival *a);
COLD void rexmit_timeout(struct stack *s, struct tcb *t);
uint32_t rexmit_flight(const struct tcb *t);
/* ---- with a SACK peer: recovery.c rack.c tlp.c prr.c undo.c ---- */
void recovery_ack(struct arrival *a, uint32_t bytes);
void recovery_timer(struct stack *s, struct tcb *t, uint32_t wait_us, bool forward);
COLD void recovery_timeout(struct stack *s, struct tcb *t, uint32_t flight);
bool recovery_expire(struct stack *s, struct tcb *t);
COLD void recovery_resume(struct tcb *t);
bool recovery_room(struct stack *s, struct tcb *t);
bool recovery_begins(struct stack *s, struct tcb *t, seq to);
void recovery_sent(struct stack *s, struct tcb *t, seq to);
COLD void recovery_probed(const struct stack *s, struct tcb *t);
bool recovery_next(const struct tcb *t, seq *from, uint32_t *len);
uint32_t recovery_stamp(const struct stack *s, const struct tcb *t, seq from); /* TSval when it leaves again */
void recovery_resent(struct stack *s, struct tcb *t, seq from, uint32_t len);
void recovery_idle(struct stack *s, struct tcb *t);
void recovery_app_limited(struct tcb *t);
void recovery_late(struct arrival *a,
                   bool duplicate); /* the same with nothing under way: only reports of duplicates tell */
void rack_min_rtt(struct stack *s, struct tcb *t, uint32_t rtt_us); /* one more was measured */
void rack_delivered(const struct arrival *a, const struct piece *p, seq end);
void rack_dsack(struct tcb *t);
uint32_t rack_window(const struct tcb *t);
void rack_recovered(struct tcb *t);
uint32_t rack_detect(struct stack *s, struct tcb *t, uint32_t *wait_us);
bool tlp_wanted(const struct tcb *t);
uint64_t tlp_delay_ns(const struct stack *s, const struct tcb *t, uint32_t pipe);
void tlp_fin(const struct stack *s, struct tcb *t);
void tlp_sent(struct tcb *t, bool again);
bool tlp_repaired(struct tcb *t, seq ack, bool told_twice, bool duplicate);
void prr_begin(struct tcb *t, uint32_t delivered);
void prr_ack(struct tcb *t, uint32_t delivered, bool good);
void prr_sent(struct tcb *t, uint32_t bytes);
bool is_dsack(const struct arrival *a);
void undo_prepare(struct tcb *t);                                  /* before each reduction for a loss */
COLD bool undo_ack(const struct arrival *a, const struct news *n); /* was it taken back? */
COLD void undo_dsack(struct arrival *a, struct news *n);
COLD void frto_ack(struct tcb *t, const struct news *n);
COLD bool frto_first(const struct tcb *t);
uint16_t window_field(struct tcb *t, bool syn); /* SND what RCV.WND is; moves rcv.adv */
/* RCV.WND: data up to the right edge once offered stays acceptable [SHLD-14, RFC7323 2.4]; it opens when somebody
 * reads, and not before [MAY-8]. */
static inline uint32_t window_offered(const struct tcb *t) {
    int32_t wnd = seq_diff(t->rcv.adv, t->rcv.nxt);
    return wnd > 0 ? (uint32_t)wnd : 0;
}
bool window_update_due(const struct tcb *t);
COLD void persist_start(struct stack *s, struct tcb *t);
COLD void persist_take_over(struct stack *s, struct tcb *t); /* from the retransmission timer */
COLD void persist_stop(struct tcb *t);
COLD void persist_timeout(struct stack *s, struct tcb *t);
void ack_now(struct stack *s, struct tcb *t, enum reason why);
void ack_later(struct stack *s, struct tcb *t);
void ack_sent(struct stack *s, struct tcb *t);
void delack_stop(struct stack *s, struct busy *b);
void delack_timer(struct stack *s);
bool keepalive_runs(const struct tcb *t);
void keepalive_restart(struct stack *s, struct tcb *t);
COLD void keepalive_timeout(struct stack *s, struct tcb *t);
unsigned sack_blocks(const struct tcb *t, tcp_options *o, unsigned most);
static inline bool sack_due(const struct tcb *t) { return t->sack && (t->busy->islands || t->busy->dup_len); }
void sack_duplicate(struct tcb *t, seq left, seq right); /* these bytes came again */

static inline uint32_t cc_cwnd(const struct tcb *t) { return tcb_awake(t) ? t->busy->cc.cwnd : t->resting.cwnd; }
static inline uint32_t cc_ssthresh(const struct tcb *t) {
    return tcb_awake(t) ? t->busy->cc.ssthresh : t->resting.ssthresh;
}
void cc_start(struct tcb *t, uint32_t initial_segments);
void cc_begin(struct stack *s, struct tcb *t); /* before the algorithm is asked anything that matters to it */
void cc_change(struct stack *s, struct tcb *t);
void cc_rest(struct stack *s, struct tcb *t);
void cc_wake(struct tcb *t);
void cc_idle(struct stack *s, struct tcb *t); /* nothing is under way, something is about to be */

/* ---- tally.c ---- */
struct tcb_tally *tally_of(struct stack *s, struct tcb *t);
const struct tcb_tally *tally_seen(const struct stack *s, const struct tcb *t); /* all zero when there is none */
void tally_free(struct stack *s, struct tcb *t);
COLD void tally_again(struct stack *s, struct tcb *t, enum reason why, uint32_t len);
void tally_time(struct stack *s, struct tcb *t);
#define TALLY(s, t, what)                                                                                              \
    do {                                                                                                               \
        struct tcb_tally *y_ = tally_of(s, t);                                                                         \
        if (y_) y_->what++;                                                                                            \
    } while (0)

uint64_t pacing_rate(const struct stack *s, const struct tcb *t); /* bytes a second; 0: as fast as they come */
uint32_t pacing_burst(const struct stack *s, const struct tcb *t, uint32_t most);
bool pacing_allows(struct stack *s, struct tcb *t);
void pacing_due(struct stack *s, struct tcb *t); /* the time has come that pacing_allows waited for */
void pacing_sent(struct stack *s, struct tcb *t, uint32_t bytes);

/* ---- timeouts.c (3.10.8) ---- */
void timers_sync(struct stack *s, struct tcb *t);
void timers_stop(struct stack *s, struct tcb *t);
/* How long nobody has answered: R2 counts from the first timeout, or the first probe. 0: not at all. */
void stuck_begin(struct tcb *t, uint64_t since_ns);
uint64_t stuck_ns(const struct stack *s, const struct tcb *t);
void two_msl_start(struct stack *s, struct tcb *t);
void life_start(struct stack *s, struct tcb *t);
COLD void give_up(struct stack *s, struct tcb *t, int error, enum reason why);
/* The timer that is due next, for STATUS: its name, and when. */
const char *timer_next(const struct tcb *t, uint64_t *when);

/* ---- trace.c ---- */
COLD void trace_segment(struct stack *s, enum tern_trace_kind kind, const struct tcb *t, const struct flow *f,
                        int iface, const tcp_header *h, uint32_t len, enum tern_state before, enum tern_state after,
                        enum reason why);
COLD void trace_user_call(struct stack *s, const struct tcb *t, const char *call, int64_t value);
static inline void trace_call(struct stack *s, const struct tcb *t, const char *call, int64_t value) {
    if (tracing(s, TERN_TRACE_CALL)) trace_user_call(s, t, call, value);
}
COLD void trace_move(struct stack *s, const struct tcb *t, enum tern_state before, const char *event);
COLD void trace_timer(struct stack *s, const struct tcb *t, const char *name);
COLD void trace_window(struct stack *s, const struct tcb *t);

#endif
