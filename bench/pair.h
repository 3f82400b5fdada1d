/* pair.h - two stacks in one thread with a link in memory between them: the world of bulk.c and conn.c. The link is IP,
 * without loss or delay, and copies each frame once. */
#ifndef BENCH_PAIR_H
#define BENCH_PAIR_H

#include "bench/cable.h"
#include "tern.h"

struct pair_config {
    uint32_t tso;    /* largest frame that the link carries whole; 0: the MTU, which is 1500 */
    bool checksums;  /* sums are computed by the sender and checked by the receiver */
    bool lend;       /* received packets stay where the link put them */
    uint32_t window; /* send and receive buffer of each connection */
    bool timestamps;
    uint32_t time_wait_max;
    uint64_t memory_max;
    uint32_t half_open_max, backlog;
    bool repeatable; /* a clock of its own and a known key, so that each run does exactly the same */
    unsigned locals; /* addresses of each side, at least 1: 10.0.0.1, 10.0.1.1, ...; 10.0.0.2 is side 1's */
};

enum { PAIR_BATCH = 64 };

struct pair {
    tern_stack *stack[2];
    struct cable *cable;
    bool lend;
    uint64_t now;
    bool repeatable;
    int batch; /* frames that a side sends before the other takes them */
    /* What happened on a side; may be NULL. */
    void (*event)(void *ctx, struct pair *p, int side, const tern_event *e);
    void *ctx;
    /* for one call at a time */
    tern_packet packets[PAIR_BATCH];
    tern_frame frames[PAIR_BATCH];
    tern_event events[PAIR_BATCH];
    void *tokens[PAIR_BATCH];
};

void pair_open(struct pair *p, const struct pair_config *config);
void pair_close(struct pair *p);
/* Moves the clock on. */
void pair_tick(struct pair *p);
/* Each side once: takes what arrived, its timers, its events, and sends up to a batch. Returns how many packets
 * moved. */
size_t pair_round(struct pair *p);
/* The two halves of a round, for one side. */
size_t pair_input(struct pair *p, int side);
/* Gives back to the link what was lent and is read, so that the next packets find it hot in the cache. */
void pair_reclaim(struct pair *p, int side);
size_t pair_output(struct pair *p, int side);
void pair_events(struct pair *p, int side);
/* Rounds until nothing moves any more. */
void pair_settle(struct pair *p);

tern_addr pair_addr(int side, unsigned i);
tern_sock pair_listen(struct pair *p, int side, uint16_t port, uint32_t backlog);
tern_sock pair_connect(struct pair *p, uint16_t local_port, uint16_t remote_port, unsigned local, uint64_t user);
tern_stats pair_stats(const struct pair *p, int side);

#endif
