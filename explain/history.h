/* history.h - what happened on a connection, counted packet by packet in a record of fixed size: repetitions and their
 * causes (RFC 6298, 5681, 8985), round trips, windows, closings, resets. What that means is verdict.h's. */
#ifndef EXPLAIN_HISTORY_H
#define EXPLAIN_HISTORY_H

#include "explain/verdict.h"

enum reset_kind {
    RESET_NONE,
    RESET_REFUSES,   /* a SYN */
    RESET_HANDSHAKE, /* the opener takes it back */
    RESET_OLD_SYN,   /* the answer to a SYN that it did not send */
    RESET_LATE,      /* the connection was over */
    RESET_OUTSIDE,   /* the number does not fit */
    RESET_FORGED,
    RESET_KEEPALIVE, /* its probes were not answered */
    RESET_GIVEN_UP,  /* nor its repetitions */
    RESET_CLOSED,    /* bytes came after it had closed */
    RESET_UNKNOWN,   /* it does not know the connection */
    RESET_UNREAD,    /* it closed with bytes unread */
    RESET_ABORT,
};

/* Congestion marks on what one end sends. */
struct ecn_end {
    uint64_t marked_first;           /* number of the packet */
    uint64_t told_ns;                /* when it was first told of a mark */
    uint32_t capable, marked, plain; /* packets that may be marked; that are; new segments that may not */
    uint32_t told;                   /* marks that the other end told of; of the classic form, times that it did */
    uint32_t reduced;                /* times that it said to have slowed down */
    uint32_t unheeded;               /* new segments since it was told and has not said so */
    uint32_t unheard;                /* marks that were acknowledged without a word */
    seq marked_stop, reduced_stop;   /* behind the latest of these */
    uint8_t counter;                 /* the other end's, of the accurate form */
    bool waits, telling, reduced_any;
    bool counts; /* its own counter has begun */
};

struct history_ecn {
    struct ecn_end end[2];
    uint8_t first, latest, answer; /* AE, CWR, ECE of the first SYN, of the latest, of the SYN-ACK */
    bool asked, answered;          /* these were seen */
    bool any, counts;              /* there is something to follow; AE was seen */
};

struct history_end {
    uint64_t bytes, zero_since_ns, zero_ns;
    uint64_t sent_ns;             /* its latest segment that takes numbers */
    uint64_t heard_ns;            /* its latest packet of any kind */
    uint64_t syn_ns, syn_last_ns; /* first and latest SYN */
    uint64_t syn_ack_ns, syn_ack_last_ns;
    uint64_t fin_ns, fin_last_ns;
    uint64_t rtt_ns; /* when the segment that is timed was sent; 0: none */
    uint64_t rtt_sum_us;
    uint64_t run_ns;        /* when the first of the unanswered repetitions came */
    uint64_t probing_ns;    /* the first of the unanswered keepalive probes */
    uint64_t epoch_ns;      /* a round trip's worth of sending began */
    uint64_t close_wait_ns; /* when the other end's FIN was acknowledged */
    uint64_t half_bytes;    /* sent after the other end had closed */
    seq rtt_stop;
    seq recover; /* repetitions up to here belong together */
    seq told;    /* the highest number that SACK told of */
    uint32_t segments, repeats[REPEAT_CAUSES], needless, dsacks, out_of_order, strays, damaged, sums_open, cut;
    uint32_t supers, super_max;
    uint32_t rtt_samples, rtt_min_us, rtt_max_us;
    uint32_t zero_windows, probes, keepalives, keepalives_unanswered;
    uint32_t longest_wait_ms;        /* before a repetition by the timer */
    uint32_t epoch_bytes, epochs[4]; /* by enum limit */
    uint32_t big_lost, big_len;      /* repetitions of segments larger than any that was acknowledged */
    uint32_t acked_len;              /* the largest that was acknowledged while it was timed */
    uint32_t timed_len;
    uint32_t last_len, repeated_len;
    uint32_t unread;  /* bytes of the other end since this one last sent any */
    uint32_t full_at; /* SYN-ACKs repeated though the ACK had been sent */
    uint16_t syns, syns_until_answer, syn_acks, fins, late_fins, strays_syn, resets, outside, syn_bytes;
    uint16_t ip_id;   /* of the latest that it sent */
    uint16_t run;     /* repetitions since anything was acknowledged */
    uint8_t dup_acks; /* for its bytes, since they were last acknowledged more */
    uint8_t ttl, reset_hops;
    uint8_t options; /* enum flow_option, of its SYN */
    bool in_rto, in_fast, told_any, ttl_any, fin_acked_alone, repeated_now, answered_old, sums_bad;
    bool sums_good;      /* one of them was right */
    bool syn_plain;      /* its latest SYN carried no data */
    bool syn_data_again; /* what its SYN carried came again behind the handshake */
    bool took_back;      /* its RST cleared up what an old SYN of it had begun */
};

struct history {
    struct history_end end[2];
    struct history_ecn ecn;
    uint64_t first_ns, last_ns, established_ns, closing_ns, reset_ns, reset_number;
    uint64_t near_ns[2];
    uint64_t clock_back_ns;
    uint64_t before_ns; /* how long after the last connection of these sockets ended, + 1; 0: there was none */
    uint32_t copies, clock_steps, icmp_big, icmp_mtu;
    int8_t opener, closer, resetter;
    uint8_t reset, icmp_type, icmp_code, simultaneous_fin;
    uint8_t ways[2]; /* how each end's packets crossed the interface: enum capture_direction, as a set of bits */
    bool begins_with_answer; /* the first packet is a SYN-ACK */
    bool icmp_unreachable, icmp_filter, icmp_v6, opened, reset_alone, reuse_early, fast;
};

/* Everything about one connection: fixed in size, so that ten million of them fit. */
struct record {
    struct track track;
    struct passive passive;
    struct history history;
};

void history_start(struct history *h, const struct flow_packet *p);
/* Before track_follow: what the packet is like without its numbers. False: nobody takes notice of it. */
bool history_marks(struct history *h, const struct flow_packet *p);
/* After track_follow and before passive_follow. */
void history_follow(struct record *r, const struct flow_packet *p, const struct sight *l);
void history_icmp(struct history *h, const struct flow_icmp *icmp);
/* An estimate of the round trip, in nanoseconds. */
uint64_t history_rtt(const struct history *h);
/* How many of an end's repetitions had arrived already; and how many of its segments the other end tells to have had twice
 * although they were sent once: 0 where repetitions may be missing from the capture. */
uint32_t history_needless(const struct history_end *e);
uint32_t history_doubled(const struct record *r, int end);
/* Where the capture was probably taken. */
enum vantage history_vantage(const struct history *h);

#endif
