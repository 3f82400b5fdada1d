/* middle.h - a place on the link between tern and the kernel: it sees every packet of both ways, stops or marks
 * those it is told to, and adds packets of its own, which it builds without tern's help. For a link that merely
 * spoils see impair.h. */
#ifndef INTEROP_MIDDLE_H
#define INTEROP_MIDDLE_H

#include "world.h"

enum { MIDDLE_PACKET = 2048, MIDDLE_CROSSED = 16384, MIDDLE_QUEUE = 64 };
enum { NOT_ECT = 0, ECT_1 = 1, ECT_0 = 2, CE = 3 };

/* A packet as it crossed, or was stopped. */
struct crossed {
    bool out, stopped; /* out: from tern */
    uint8_t family, protocol, ecn;
    uint16_t bytes;                      /* of the whole packet */
    uint16_t src_port, dst_port;         /* and the rest only of TCP */
    uint16_t flags, window, urgent, mss; /* mss: of a SYN */
    bool stamps, sack_permitted;
    uint32_t seq, ack, len, ts_value, ts_echo;
    uint64_t at_ns;
};

/* False: stop it. Bytes of the IP header's ECN field may be changed with middle_mark. */
typedef bool middle_judge(void *ctx, const struct crossed *c, uint8_t *packet);
/* One more packet for tern, at most MIDDLE_PACKET bytes; 0: no more. */
typedef uint32_t middle_source(void *ctx, uint8_t *packet);

struct middle {
    struct device dev;
    struct device *inner;
    middle_judge *judge; /* may be NULL */
    middle_source *flood;
    void *ctx;                  /* of both */
    bool silent_out, silent_in; /* everything is stopped: from tern, from the kernel */
    bool blind;                 /* nothing is noted */
    size_t count;
    struct crossed crossed[MIDDLE_CROSSED];
    uint32_t queued;
    struct {
        uint32_t len;
        uint8_t bytes[MIDDLE_PACKET];
    } queue[MIDDLE_QUEUE], batch[MIDDLE_QUEUE];
};

/* Steps between the world's device, which has no offloads, and its stack; world_close takes it away with the device. */
struct middle *middle_open(struct world *w);

/* Packets that nobody sent. */
void middle_to_tern(struct middle *m, const void *packet, uint32_t len);
void middle_to_kernel(struct middle *m, const void *packet, uint32_t len);

/* The next packet from *at on that crossed this way with all of these TCP flags; moves *at behind it. */
const struct crossed *middle_next(const struct middle *m, size_t *at, bool out, uint16_t flags);
/* How many segments crossed this way with all of these flags and from this port, from `at` on. */
unsigned middle_count(const struct middle *m, size_t at, bool out, uint16_t src_port, uint16_t flags);
/* The newest one from this port that crossed; fails the test when there is none. */
const struct crossed *middle_last(const struct middle *m, bool out, uint16_t src_port);

void middle_mark(uint8_t *packet, uint8_t ecn);

/* ---- packets by hand ---- */

struct segment {
    int family;
    bool from_tern;
    uint32_t stranger; /* not 0: an IPv4 address, or the end of an IPv6 one, as the source instead of the kernel's */
    uint16_t src_port, dst_port, flags, window;
    uint32_t seq, ack;
    uint16_t mss; /* not 0: a SYN's option */
    bool stamps;
    uint32_t ts_value, ts_echo;
    const void *text;
    uint32_t len;
};
/* Both fill in at most MIDDLE_PACKET bytes and return the length. */
uint32_t forge_segment(const struct segment *s, uint8_t *packet);
/* A router reports that a segment of tern's is larger than `mtu`, quoting the ports and the number. */
uint32_t forge_too_big(const struct segment *quoted, uint32_t mtu, uint8_t *packet);

#endif
