/* memlink.h - a link between two hosts in memory: rate, delay, queue and every way to spoil a packet. It has no clock
 * (time is an argument, virtual or real), and knows nothing of the packets' content but the
 * ECN field. For two stacks on one link see
 * sim.h.
 *
 * The ends are called side 0 and side 1. Each direction is a `memlink_path` of its own. What happens to a packet, in
 * order:
 *
 *   size       longer than the path's MTU: dropped.
 *   queue      what has not left completely yet counts, also the packet on the line; no room: dropped (drop tail).
 *   line       takes 8 * length / rate; fractions of a nanosecond are carried over, so that a busy line is exact.
 *   loss       by number (mask, list), by the filter, at random, in bursts (Gilbert-Elliott: a good state that loses
 *              loss_ppm and a bad one that loses burst_loss_ppm). Lost packets have used the queue and the line.
 *   marking    what waited long is told so in its ECN field, if it allows that: the one thing done to the content.
 *   spoiling   bits flipped, copies made.
 *   delay      delay + 0..jitter; jitter alone never reorders. A reordered packet takes reorder_ns more and is
 *              overtaken.
 *
 * Chance is splitmix64: packet n draws outputs 16 n to 16 n + 15 of the generator that starts at `seed`, each for a
 * purpose of its own. The same seed gives the same fates, and turning one impairment on leaves the others as they were.
 */
#ifndef DRIVERS_MEMLINK_H
#define DRIVERS_MEMLINK_H

#include "drivers/driver.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One direction. All zero: perfect, endless and instantaneous, MTU 65535. Rates of events in parts per million. */
struct memlink_path {
    uint64_t seed;
    uint64_t rate_bps; /* bits a second, link header included; 0: no limit, then there is no queue either */
    uint64_t delay_ns, jitter_ns;
    uint32_t queue_bytes;   /* 0: no limit */
    uint32_t queue_packets; /* 0: no limit */
    uint64_t mark_ns;       /* packets that waited this long are marked instead of queueing on [RFC3168 5]: IP packets
                               that allow it, on a link without frames; 0: none */
    uint32_t loss_ppm;
    uint32_t burst_enter_ppm, burst_leave_ppm, burst_loss_ppm;
    uint32_t duplicate_ppm; /* a second copy arrives right behind the first */
    uint32_t reorder_ppm;
    uint64_t reorder_ns;
    uint32_t corrupt_ppm;
    uint32_t corrupt_bits;     /* flipped in each corrupted packet, at most 8; 0: one, which no checksum misses */
    uint32_t mtu;              /* largest IP packet; 0: 65535 */
    uint64_t drop_mask;        /* bit n: drop packet number n (from 0) */
    const uint64_t *drop_list; /* more numbers to drop, ascending; copied */
    size_t drop_count;
    bool segments;        /* carries segments larger than the MTU whole, as a device with offload does */
    bool csum_trusted;    /* computes no checksums: packets arrive with TERN_PKT_CSUM_OK */
    bool lend;            /* received packets have tokens: give them back with memlink_release */
    uint32_t packets_max; /* under way, not received or not released; in steps of 64; 0: 65536 */
};

enum memlink_fate {
    MEMLINK_DELIVERED = 0,
    MEMLINK_TOO_BIG,    /* longer than the MTU */
    MEMLINK_QUEUE_FULL, /* drop tail */
    MEMLINK_MASKED,     /* by number */
    MEMLINK_FILTERED,   /* by the filter */
    MEMLINK_LOST,       /* at random */
    MEMLINK_LOST_BURST, /* at random, in a bad state */
    MEMLINK_NO_ROOM,    /* packets_max reached or no memory */
    MEMLINK_FATES
};

struct memlink;

/* paths[0]: from side 0 to side 1; paths[1] back. -EINVAL, -ENOMEM. Free with memlink_free (NULL is fine). */
int memlink_new(const struct memlink_path paths[2], struct memlink **out, struct driver_error *err);
void memlink_free(struct memlink *link);
/* Changes a direction from now on; what is under way is not touched. -EINVAL: MTU or `segments` larger than at
 * memlink_new. */
int memlink_set(struct memlink *link, int from, const struct memlink_path *path, struct driver_error *err);

/* Sends from a side; copies the frames, so they may be forgotten at once. Their fate is the link's business. */
void memlink_send(struct memlink *link, int from, const tern_frame *frames, size_t n, uint64_t now_ns);
/* The same for a packet of plain bytes whose checksums are complete. */
void memlink_inject(struct memlink *link, int from, const void *data, uint32_t len, uint64_t now_ns);

/* Takes what has arrived at a side; returns how many. The bytes stay valid until the next receive of this side, or,
 * with `lend`, until memlink_release. Next: tern_input. */
size_t memlink_receive(struct memlink *link, int side, tern_packet *out, size_t max, uint64_t now_ns);
void memlink_release(struct memlink *link, void *token);

/* When the next packet arrives at either side; TERN_NEVER: nothing is under way. */
uint64_t memlink_deadline(const struct memlink *link);

/* What happened to a packet, told when it is sent. */
struct memlink_record {
    int from;
    uint64_t number; /* in its direction, from 0 */
    enum memlink_fate fate;
    bool copy; /* the second copy of a duplicated packet */
    bool corrupted, reordered;
    uint64_t sent_ns;
    uint64_t arrives_ns; /* of MEMLINK_DELIVERED */
    const void *data;    /* valid during the call; NULL where it was never copied */
    uint32_t len;
    uint16_t flags;        /* enum tern_packet_flags */
    uint16_t segment_size; /* not 0: a larger segment, carried whole */
};
typedef void memlink_tap_fn(void *ctx, const struct memlink_record *record);
/* True: drop the packet. */
typedef bool memlink_filter_fn(void *ctx, int from, uint64_t number, const void *data, uint32_t len);
/* NULL turns them off. Neither may call into the link. */
void memlink_tap(struct memlink *link, memlink_tap_fn *fn, void *ctx);
void memlink_filter(struct memlink *link, memlink_filter_fn *fn, void *ctx);

struct memlink_stats {
    uint64_t packets, bytes;       /* offered */
    uint64_t fates[MEMLINK_FATES]; /* of the packets offered: they add up to `packets` */
    uint64_t copies, corrupted, reordered, marked;
    uint64_t under_way; /* packets not received yet */
    uint32_t queue_bytes_peak;
};
void memlink_stats_get(const struct memlink *link, int from, struct memlink_stats *out);

/* Output number i of the splitmix64 generator that starts at `seed`: for others that need repeatable chance. */
uint64_t memlink_chance(uint64_t seed, uint64_t i);

#ifdef __cplusplus
}
#endif
#endif
