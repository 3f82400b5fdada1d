/* world.h - a small internet in virtual time for the soak: 2 to 16 hosts, each on an impaired link to one switch, with
 * applications that do everything the calls allow; all of it follows from one seed. What is checked is told in
 * watch.c; how worlds are chosen and failures made small is in soak.c. */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include <setjmp.h>
#include <stdio.h>

#include "drivers/memlink.h"
#include "tcp/tcb.h"

enum fault {
#define FAULT(symbol, name, one_in, deadly) F_##symbol,
#include "fault.def"
#undef FAULT
    FAULTS
};
enum { HOSTS_MAX = 16, CALLS_MAX = 64, LISTEN_PORT = 80, FIRST_PORT = 10000 };
#define SECOND UINT64_C(1000000000)
#define MSEC UINT64_C(1000000)

/* What a seed means; a failure is made small by taking things out of it. */
struct plan {
    uint64_t seed;
    uint32_t faults; /* bits of enum fault */
    unsigned hosts, calls;
    uint32_t bytes_max; /* of one stream */
    unsigned events;    /* disturbances in the course of time */
};
struct plan plan_of(uint64_t seed);
extern const struct fault_info {
    const char *name;
    unsigned one_in;
    bool deadly;
} fault_infos[FAULTS];
static inline bool has(const struct plan *p, enum fault f) { return p->faults >> f & 1; }
bool plan_deadly(const struct plan *p);

/* Numbers for one purpose each, so that taking one fault out leaves the others' as they are. */
struct chance {
    uint64_t seed, n;
};
struct chance chance_of(const struct plan *p, uint64_t purpose);
uint64_t chance_u64(struct chance *c);
uint32_t chance_below(struct chance *c, uint32_t n);
static inline bool one_in(struct chance *c, uint32_t n) { return chance_below(c, n) == 0; }

/* One side of a call. */
struct end {
    tern_sock sock;
    unsigned host;
    bool open, eof, shut, closed, done; /* shut: no byte follows; closed: the handle was given back */
    bool after_eof;                     /* when it shuts */
    bool slow, urgent_once;
    uint32_t total, written, got, quit_at; /* quit_at: gives up after so many bytes, 0: never */
    int error;
    uint64_t wake; /* acts by itself then; TERN_NEVER */
    uint64_t told_by; /* it was refused memory, and has to be told by then when to try again; TERN_NEVER */
    struct chance c;
};
/* A connection that is to be made. */
struct call {
    struct end end[2]; /* [0] opens, [1] is called, or opens too */
    uint16_t port;
    bool v6, both_open, opened, after_previous, keepalive;
};

/* What the watch remembers of a control block between two looks. */
struct shadow {
    uint64_t serial;
    seq una, snd_nxt, rcv_nxt, adv;
    bool synchronized;
};

struct host {
    tern_stack *stack;
    struct stack *s;
    int iface;
    unsigned index;
    uint8_t last; /* of its addresses 10.0.0.x and fd00::x */
    uint64_t skew;
    struct memlink *link; /* side 0: the host, side 1: the switch */
    struct memlink_path path[2];
    tern_config cfg;
    tern_sock listener;
    bool listener_closed;
    unsigned lives;
    struct {
        uint64_t live, peak, calls, fail_at, failed;
        bool fail_on;
        uint32_t fail_ppm;
        struct chance c;
    } heap;
    bool down;
    bool iface_down;
    uint32_t path_mtu; /* of the switch towards it */
    bool too_big_told;
    uint64_t spike_until, down_until, hole_until[2];
    uint64_t in_before, out_before; /* packets of earlier lives */
    uint64_t received, refused;
    uint64_t due; /* when it must be looked at again */
    struct shadow *shadows;
    uint32_t shadow_count;
};

struct tally {
    uint64_t calls, completed, packets, bytes, virtual_ns, disturbances, allocs_failed, forged;
};

struct world {
    struct plan plan;
    uint64_t now;
    unsigned hosts;
    struct host host[HOSTS_MAX];
    struct call call[CALLS_MAX];
    uint8_t owner[256]; /* last byte of an address -> host + 1 */
    struct chance chance_switch, chance_forge;
    uint64_t hash; /* of everything that passed the switch: the same seed gives the same */
    uint64_t forge_at, calm_at;
    unsigned events_left;
    uint64_t event_at;
    struct chance chance_event, chance_iface;
    uint64_t iface_at; /* when an interface changes next */
    bool calm;         /* no more faults: everything must come to an end */
    struct tally tally;
    FILE *log; /* NULL: nobody reads */
    jmp_buf failed;
    char why[300];
};

/* Runs a world to its end. False: `w->why` says what was wrong. */
bool world_run(struct world *w, const struct plan *plan);
/* Does not return. */
_Noreturn void violation(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- world.c ---- */
int host_start(struct world *w, struct host *h);
void host_stop(struct world *w, struct host *h);
static inline uint64_t host_now(const struct world *w, const struct host *h) { return w->now + h->skew; }
tern_addr host_addr(const struct host *h, bool v6);

/* ---- switch.c ---- */
void switch_forward(struct world *w, struct host *from);
void switch_forge(struct world *w);

/* ---- trouble.c: what happens in the course of time ---- */
void trouble_start(struct world *w, struct host *h); /* chooses the link and the settings of a host */
void trouble_step(struct world *w);                  /* what is due now */
uint64_t trouble_due(const struct world *w);
void trouble_end(struct world *w); /* calm from now on */

/* ---- apps.c ---- */
void apps_plan(struct world *w);
void apps_step(struct world *w); /* ends that act by themselves now */
uint64_t apps_due(const struct world *w);
void apps_event(struct world *w, struct host *h, const tern_event *e);
void apps_lost(struct world *w, const struct host *h); /* the host forgot all its connections */
bool apps_done(const struct world *w);
void apps_check_end(struct world *w);

/* ---- watch.c ---- */
void watch_host(struct world *w, struct host *h);
void watch_packet(struct world *w, const uint8_t *p, uint32_t len);
void watch_rest(struct world *w); /* everything is over: nothing may be left */

#endif
