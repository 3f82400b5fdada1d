/* wheel.h - a hierarchical timing wheel: arm, cancel and expire in O(1), whatever else is armed. It knows microsecond
 * ticks and intrusive nodes; what a node means is its owner's business (see `kind`). Eight levels of 64 slots, each
 * with a bitmap, reach 8.9 years ahead; what lies further moves on from there. A timer never fires early; it fires
 * within one tick of its time. */
#ifndef BASE_WHEEL_H
#define BASE_WHEEL_H

#include "base/base.h"

enum { WHEEL_LEVELS = 8, WHEEL_SLOTS = 64, WHEEL_TICK_NS = 1000 };

typedef struct wheel_node {
    struct wheel_node *next, **link; /* link == NULL: not armed */
    uint64_t tick : 57;              /* when it is due: any 64-bit nanosecond fits */
    uint64_t kind : 7;               /* for the owner's dispatch */
} wheel_node;

typedef struct wheel {
    uint64_t tick; /* everything before this tick has fired */
    uint64_t idle; /* nothing happens before this tick; a lower bound */
    uint64_t occupied[WHEEL_LEVELS];
    wheel_node *slots[WHEEL_LEVELS][WHEEL_SLOTS];
} wheel;

void wheel_init(wheel *w, uint64_t now_ns);
/* Arms (or re-arms) for when_ns, rounded up to a tick. A time that has passed counts as now: it fires at the next
 * expire. */
void wheel_arm(wheel *w, wheel_node *n, uint64_t when_ns);
void wheel_cancel(wheel *w, wheel_node *n);
static inline bool wheel_armed(const wheel_node *n) { return n->link != NULL; }
static inline uint64_t wheel_when_ns(const wheel_node *n) { return (uint64_t)n->tick * WHEEL_TICK_NS; }
/* Takes one node that is due at now_ns off the wheel, or NULL when there is none left; call in a loop. Nodes come in
 * order of their tick; nodes armed while looping for a time that has passed come in the same loop. */
wheel_node *wheel_expire(wheel *w, uint64_t now_ns);
/* Might wheel_expire have work? Mostly not, and then it need not be called. */
static inline bool wheel_due(const wheel *w, uint64_t now_ns) { return now_ns / WHEEL_TICK_NS >= w->idle; }
/* The next time at which wheel_expire has work (possibly only moving nodes to a finer level), UINT64_MAX: never. */
uint64_t wheel_deadline_ns(const wheel *w);

#endif
