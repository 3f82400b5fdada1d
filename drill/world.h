/* world.h - one stack, its sockets and a virtual clock: what a script acts on. Packets that the stack sends wait in a
 * queue with the time they left at. It knows nothing of scripts. */
#ifndef DRILL_WORLD_H
#define DRILL_WORLD_H

#include "lens/pcapng.h"
#include "posix/posix.h"
#include "tern.h"

enum { TRACE_KEPT = 10, QUEUE_MOST = 20000 };

struct sent {
    struct sent *next;
    uint64_t time_ns;
    uint32_t len;
    uint8_t data[];
};

struct world_config {
    tern_config stack;  /* allocator and entropy are filled in */
    tern_addr local[2]; /* addresses of the host; family 0: none */
    uint32_t mtu;
    struct pcapng *pcap; /* NULL: none */
};

struct world {
    tern_stack *stack;
    struct posix *posix;
    uint64_t now_ns, start_ns;
    struct sent *first, **last;
    unsigned queued;
    bool flooded;     /* more than QUEUE_MOST packets, or no end of work at one instant */
    uint64_t busy_ns; /* the instant of the last steps, and how many */
    unsigned steps;
    struct pcapng *pcap;
    tern_trace trace[TRACE_KEPT]; /* the last ones, in a ring; their packets are gone */
    uint64_t traced;
};

/* 0 or a negative enum tern_error. */
int world_open(struct world *w, const struct world_config *config);
void world_close(struct world *w);
void world_inject(struct world *w, const void *packet, size_t len);
/* Lets the stack send what it has to send now. Follows every call on a socket. */
void world_flush(struct world *w);
/* When something is due by itself; TERN_NEVER. */
uint64_t world_deadline(const struct world *w);
/* Moves the clock to `to_ns`, which is not behind world_deadline, and lets timers act. */
void world_step(struct world *w, uint64_t to_ns);
/* Takes the oldest packet out of the queue; free it. NULL: none. */
struct sent *world_take(struct world *w);

#endif
