/* explain_corpus.h - captures made to a label: a connection is told segment by segment, spoiled by what captures do to
 * packets, and explained by the whole of explain/ from the frame on. */
#ifndef TESTS_EXPLAIN_CORPUS_H
#define TESTS_EXPLAIN_CORPUS_H

#include "explain/verdict.h"

enum { TALE_MAX = 4096, EXPECT_MAX = 12, LEN_MAX = 1460 };

struct told_packet {
    uint64_t at_us;
    uint8_t from, ttl, tos, icmp_type, icmp_code; /* icmp_type not 0: an error about a packet of `from` */
    uint16_t flags, window, ip_id, icmp_mtu;
    uint32_t seq, ack, len, shown; /* shown: bytes of the frame at hand, 0: all */
    tcp_options options;
    bool outside;                      /* behind a translator: A is 10.1.0.99:40001 there */
    bool damaged, open_sum, backwards; /* backwards: the clock stands a second before */
};

/* A connection as it is being told. A is 10.1.0.1:40000, B is 10.1.0.2:80. */
struct tale {
    uint64_t now_us;
    uint32_t rtt_us;  /* between the ends; the capture is taken at A unless `near_us` says otherwise */
    uint32_t near_us; /* from A to where the capture is taken, one way */
    uint32_t next[2]; /* numbers */
    uint32_t got[2];  /* what each acknowledges */
    uint16_t window[2];
    bool timestamps, no_scale;
    uint32_t isn_shift; /* for a second connection of the same sockets */
    size_t n;
    struct told_packet at[TALE_MAX];
};

/* The usual elements; each leaves the clock where the packet was seen. */
struct told_packet *tell(struct tale *t, int from, uint16_t flags, uint32_t len); /* the next segment of an end */
struct told_packet *tell_at(struct tale *t, int from, uint16_t flags, uint32_t number, uint32_t ack, uint32_t len);
void wait_us(struct tale *t, uint64_t us);
void wait_ms(struct tale *t, uint64_t ms);
void handshake(struct tale *t);
/* Request and response of so many bytes, acknowledged. */
void exchange(struct tale *t, uint32_t request, uint32_t response);
void bulk(struct tale *t, int from, uint32_t segments, uint32_t len); /* acknowledged, window after window */
void close_four(struct tale *t, int first);
void close_three(struct tale *t, int first);
void told_icmp(struct tale *t, int about, uint8_t type, uint8_t code, uint16_t mtu);

/* What a capture may do to it. */
enum spoil {
    PLAIN,
    SPOIL_COPIES = 1 << 0,  /* each packet twice, as a bridge shows it */
    SPOIL_SUMS = 1 << 1,    /* A's checksums are not computed yet */
    SPOIL_CUT = 1 << 2,     /* frames cut to 48 bytes: options are missing */
    SPOIL_CLOCK = 1 << 3,   /* the clock steps back once */
    SPOIL_HOLES = 1 << 4,   /* some data packets are missing from the capture */
    SPOIL_ONE_WAY = 1 << 5, /* only A's packets */
    SPOIL_MIDDLE = 1 << 6,  /* the first packets are missing */
    SPOIL_SWAPPED = 1 << 7, /* A and B change addresses */
    SPOIL_SUPER = 1 << 8,   /* neighbouring data segments are one */
};

struct outcome {
    struct verdict verdict;
    struct finding finding[64];
    size_t n, flows;
};

/* Explains a tale; the outcome is that of the last connection. */
void explain_tale(const struct tale *t, unsigned spoil, enum vantage said, struct outcome *out);
bool outcome_has(const struct outcome *o, unsigned code);
void outcome_print(const struct outcome *o);

#endif
