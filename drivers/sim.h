/* sim.h - two hosts, the link between them and one clock: a small world for tests, benches, demonstrations. In
 * virtual time nothing waits: the clock jumps to the next thing that is due, and the same configuration gives the
 * same bytes at the same nanoseconds. In real time it sleeps instead.
 *
 *     struct sim_config c = sim_config_default(seed);
 *     c.path[0].delay_ns = c.path[1].delay_ns = 10000000;
 *     c.app = my_app;
 *     sim_new(&c, &sim, &err);
 *     tern_listen(sim->stack[1], ...); tern_connect(sim->stack[0], ...);
 *     sim_run(sim, 60 * SIM_SECOND);
 *
 * Host 0 is 10.0.0.1 and fd00::1, host 1 is 10.0.0.2 and fd00::2 (/24 and /64).
 */
#ifndef DRIVERS_SIM_H
#define DRIVERS_SIM_H

#include "drivers/memlink.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SIM_SECOND 1000000000u
#define SIM_MS 1000000u

struct sim;
/* An event of the host `side` (0 or 1). May call anything on the stacks but the loop's five functions. */
typedef void sim_app_fn(void *ctx, struct sim *sim, int side, const tern_event *event);

/* A host of another kind in the place of a stack: it is asked and told what a stack is. */
struct sim_guest {
    void *ctx;
    void (*input)(void *ctx, const tern_packet *packets, size_t n, uint64_t now_ns);
    /* Timers, and what it has to say: memlink_inject. Returns how many packets that were. */
    size_t (*output)(void *ctx, struct memlink *link, int side, uint64_t now_ns);
    uint64_t (*deadline)(const void *ctx);
};

struct sim_config {
    uint64_t seed;               /* of everything random: keys, ISNs, ports; and of paths whose own seed is 0 */
    struct memlink_path path[2]; /* [0]: from host 0 to host 1. The MTU is that of the interfaces when 0 */
    enum tern_link link;         /* TERN_LINK_IP or TERN_LINK_ETHERNET */
    uint32_t mtu;
    bool offload;         /* 64 KiB segments and no checksums on the link */
    bool real_time;       /* the clock is tern_host_now() instead of virtual */
    uint64_t start_ns;    /* of the virtual clock */
    uint64_t ahead_ns[2]; /* how far each host's own clock is ahead of it: nobody starts two hosts at once */
    tern_config stack[2]; /* settings; allocator and entropy may be left as they are */
    const struct sim_guest *guest[2]; /* instead of that host's stack, which is NULL then; it outlives the sim */
    sim_app_fn *app;
    void *ctx;
};
/* IP link, MTU 1500, perfect paths, default settings, malloc. */
struct sim_config sim_config_default(uint64_t seed);

struct sim {
    tern_stack *stack[2];
    int iface[2];
    tern_addr addr4[2], addr6[2];
    struct memlink *link;
    uint64_t now;    /* nanoseconds */
    bool stop;       /* set it anywhere: sim_run returns at the end of the round and resets it */
    uint64_t rounds; /* rounds run so far */
    bool real_time;
    uint64_t ahead_ns[2]; /* a host's time is now + ahead_ns */
    unsigned starts[2];   /* how often each host was started */
    struct sim_config config;
    sim_app_fn *app;
    void *ctx;
};

/* -EINVAL, -ENOMEM. Free with sim_free (NULL is fine), which sends nothing. */
int sim_new(const struct sim_config *config, struct sim **out, struct driver_error *err);
void sim_free(struct sim *sim);
/* The power fails at a host and comes back: its stack is a new one that knows nothing, with other keys and a clock that
 * is this far ahead. Whoever traced the old one sets its trace again. -EINVAL, -ENOMEM: the host is as it was. */
int sim_restart(struct sim *sim, int side, uint64_t ahead_ns, struct driver_error *err);

enum sim_result {
    SIM_UNTIL = 0, /* the time is up */
    SIM_IDLE,      /* nothing is under way and no timer runs: only a call on a stack can change anything */
    SIM_STOPPED,   /* sim->stop */
    SIM_STALLED,   /* a million rounds at one instant, or a deadline that stays in the past */
};
/* Runs until `until_ns` on the sim's clock. The clock then stands at until_ns, or where it ended earlier. */
enum sim_result sim_run(struct sim *sim, uint64_t until_ns);

/* One round at the present instant: what arrived, timers, events, output, on both hosts; returns how many packets,
 * events and frames that moved. */
size_t sim_round(struct sim *sim);
/* When the next round is due; TERN_NEVER. */
uint64_t sim_deadline(const struct sim *sim);

#ifdef __cplusplus
}
#endif
#endif
