/* flow.h - the connections of a capture: which packet belongs to which, in bounded memory, and what every part of
 * explain knows of one. The table finds, counts and forgets; what happened to a connection is the machine's to say
 * (passive.h), which is told of its birth, of each packet, of ICMP errors about it, and of its end. */
#ifndef EXPLAIN_FLOW_H
#define EXPLAIN_FLOW_H

#include "explain/capture.h"
#include "wire/wire.h"

#include "lens/numbers.h" /* END_A, END_B */

/* What is known of a packet before its connection is asked. */
enum flow_mark {
    FLOW_COPY = 1 << 0,        /* the same packet once more: a mirror port, a bridge, two interfaces. It was sent once,
                                  though two may arrive */
    FLOW_SUPER = 1 << 1,       /* larger than the path's packets: cut after, or merged before the capture */
    FLOW_SUM_OPEN = 1 << 2,    /* the checksum is not computed yet: captured in its sender */
    FLOW_SUM_WRONG = 1 << 3,   /* the checksum is wrong, all bytes at hand: its receiver drops it */
    FLOW_CUT = 1 << 4,         /* the TCP header is not there in full: options are missing */
    FLOW_BAD_OPTIONS = 1 << 5, /* an option's length is wrong */
    FLOW_CLOCK = 1 << 6,       /* earlier than the packet before it, on the same interface */
    FLOW_UNTIMED = 1 << 7,     /* the file has no time for it */
    FLOW_ELSEWHERE = 1 << 8,   /* seen at another place than the one where its connection is followed */
};

/* What a packet was carried in, besides a plain frame. */
enum flow_carrier {
    FLOW_IN_VLAN = 1 << 0,
    FLOW_IN_PPP = 1 << 1,
    FLOW_IN_MPLS = 1 << 2,
    FLOW_IN_IP = 1 << 3,
    FLOW_IN_GRE = 1 << 4,
    FLOW_IN_ERSPAN = 1 << 5,
    FLOW_IN_VXLAN = 1 << 6,
    FLOW_IN_GENEVE = 1 << 7,
    FLOW_IN_GTP = 1 << 8,
};

/* Options of a SYN that change what its connection is: RFC 8684, RFC 2385, RFC 5925. */
enum flow_option {
    FLOW_MULTIPATH = 1 << 0, /* asks for Multipath TCP */
    FLOW_JOINS = 1 << 1,     /* joins one that is there */
    FLOW_SIGNED_MD5 = 1 << 2,
    FLOW_SIGNED_AO = 1 << 3,
};

/* One TCP packet as the machine gets it. */
struct flow_packet {
    uint64_t number;  /* in the capture, from 1 */
    uint64_t time_ns; /* since 1970 */
    uint64_t offset;  /* of its block in the file */
    uint32_t file, iface;
    uint32_t len;      /* of the payload, on the wire */
    uint32_t captured; /* of the payload, at hand */
    const uint8_t *payload;
    uint8_t from;      /* END_A or END_B */
    uint8_t direction; /* enum capture_direction */
    uint8_t ttl, tos;  /* or hop limit, traffic class */
    bool v6, dont_fragment;
    uint16_t ip_id;   /* 0 with IPv6 */
    uint16_t marks;   /* enum flow_mark */
    uint16_t carried; /* enum flow_carrier */
    uint8_t options;  /* enum flow_option, of a SYN */
    tcp_header tcp;
    uint64_t twin, transit_ns; /* the same packet at another place before: its number, and how long ago; 0: none */
};

/* An ICMP error that quotes a TCP header of the connection. */
struct flow_icmp {
    uint64_t number, time_ns;
    ip_addr sender; /* who complains */
    uint8_t from;   /* the end that sent the quoted packet */
    bool v6;        /* numbers of ICMPv6 */
    uint8_t type, code;
    uint32_t mtu; /* of "too big"; 0: not said */
    seq seq_no;   /* of the quoted header */
};

/* What was found, in the order of finding. Codes, severities and words are verdict.h's. */
struct finding {
    uint16_t code;
    uint8_t severity, certainty;
    int8_t end;      /* END_A, END_B; -1: both, or neither */
    uint64_t number; /* the packet that showed it; 0: none in particular */
    uint64_t time_ns;
    uint64_t a, b; /* what the words need */
};

enum flow_end {
    FLOW_FILE_ENDED, /* the capture ended first */
    FLOW_OVER,       /* it was over, and nothing came for a while */
    FLOW_REUSED,     /* a new connection took its pair of sockets */
    FLOW_EVICTED,    /* the table was full: forgotten while it may have gone on */
};

struct flow_half {
    ip_addr addr;
    uint16_t port;
    uint64_t packets, bytes; /* TCP packets sent and their payload; copies count in neither */
    uint64_t ip_bytes;
    uint64_t copies;
    uint16_t marks; /* of all its packets */
};

struct explain_flow {
    uint64_t id;             /* from 1, in the order of the first packets */
    struct flow_half end[2]; /* A opened it as far as the first packet tells: SYN's sender, SYN-ACK's receiver, or
                                else the higher port. What the machine finds out later does not change that */
    uint64_t first_ns, last_ns;
    uint64_t first_number, last_number;
    uint16_t marks;   /* of all packets */
    uint16_t carried; /* the same: enum flow_carrier */
    bool v6;
    bool self;        /* both ends have the same address and port: which of them sends cannot be seen */
    bool keep;        /* someone will draw it: keep what is needed for that */
    bool over;        /* set by the machine: both ends are done, only TIME-WAIT and strays remain */
    uint8_t ended;    /* enum flow_end, once it has ended */
    char history[20]; /* connlog.h writes it */
    uint32_t history_seen[2];
    uint64_t same_as;           /* the id of the same connection under other addresses; 0: not known */
    uint32_t home;              /* where it is followed, of several places of capture */
    struct flow_places *places; /* what two places tell: places.h; NULL: there is one only */
    void *machine;              /* the machine's own record */
    struct finding *finding;
    uint32_t findings, findings_room;
};

/* How the table talks to whoever follows connections. */
struct flow_machine {
    void *ctx;
    /* Bytes of its own record, which the table keeps: flow->machine points there from `created` to `ended`. It is not
     * cleared. The first `hot` of them are wanted for each packet. */
    size_t record, hot;
    /* Before `created`: does this packet begin a new connection on the pair of sockets of `flow`? */
    bool (*begins)(void *ctx, const struct explain_flow *flow, const struct flow_packet *packet);
    /* Is it larger than the packets on the wire? Asked of those with more than a few bytes. */
    bool (*super)(void *ctx, const struct explain_flow *flow, const struct flow_packet *packet);
    /* A new connection; `packet` is its first and is fed next. `before`: the one that had the pair of sockets until
     * now and has not ended yet, or NULL. */
    void (*created)(void *ctx, struct explain_flow *flow, const struct explain_flow *before,
                    const struct flow_packet *packet);
    void (*fed)(void *ctx, struct explain_flow *flow, const struct flow_packet *packet);
    void (*icmp)(void *ctx, struct explain_flow *flow, const struct flow_icmp *icmp);
    /* The last call. The user prints the connection here, after the machine has drawn its conclusions. The table frees
     * the findings. */
    void (*ended)(void *ctx, struct explain_flow *flow, uint64_t now_ns);
};

/* Limits, and what was seen so far. */
struct flow_counts {
    uint64_t flows, over, reused, evicted_over, evicted_open; /* begun; ended as enum flow_end says */
    uint64_t refused;                                         /* packets of flows that there was no memory for */
    uint64_t icmp, icmp_stray;                                /* errors; those about no flow that is known */
    uint64_t live, most;                                      /* flows held now; the most at any time */
    uint64_t marked[16];                                      /* packets by the bit number of enum flow_mark */
};

struct flow_table;

/* Holds at most `limit` flows: the one that has been over longest goes first, then the one silent longest. What is over
 * ends when nothing came for `linger_ns` of the capture's time. NULL: no memory. `machine` is copied. */
struct flow_table *flow_table_new(const struct flow_machine *machine, uint32_t limit, uint64_t linger_ns);
/* Captures of several places were merged: NULL, as in the beginning, is one place. It stays the caller's. */
struct places;
void flow_table_places(struct flow_table *t, struct places *places);
/* Takes one packet or ICMP error: decode.h's. */
struct decoded;
void flow_table_packet(struct flow_table *t, struct decoded *d);
void flow_table_icmp(struct flow_table *t, struct decoded *d);
/* The same a few packets behind, so that what a packet needs is in the processor's cache when its turn comes: decode
 * into the room, then take it. Payloads are not there any more by then. Ending settles first. */
struct decoded *flow_table_room(struct flow_table *t);
void flow_table_take(struct flow_table *t, bool icmp);
/* Time goes on without packets: what has been over for long enough ends. */
void flow_table_time(struct flow_table *t, uint64_t now_ns);
/* Nothing is left behind. */
void flow_table_settle(struct flow_table *t);
/* Ends all flows, in the order of their ids. */
void flow_table_end(struct flow_table *t);
const struct flow_counts *flow_table_counts(const struct flow_table *t);
/* Frees without ending: flow_table_end comes before. */
void flow_table_free(struct flow_table *t);

/* Adds a finding; false: there is no memory, or there are too many of them. */
bool flow_note(struct explain_flow *flow, const struct finding *finding);

#endif
