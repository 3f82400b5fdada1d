/* sim.c - two stacks and a memory link in virtual or real time: the loop of tern.h, twice. What the hosts do with their
 * connections is the application's. */
#include "drivers/sim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "drivers/host.h"

enum { BATCH = 64, ROUNDS_AT_ONE_INSTANT = 1000000 };

static void *sim_alloc(void *ctx, size_t size) {
    (void)ctx;
    return malloc(size);
}

static void sim_release(void *ctx, void *ptr, size_t size) {
    (void)ctx;
    (void)size;
    free(ptr);
}

struct sim_config sim_config_default(uint64_t seed) {
    struct sim_config c;
    memset(&c, 0, sizeof c);
    c.seed = seed;
    c.link = TERN_LINK_IP;
    c.mtu = 1500;
    c.start_ns = SIM_SECOND;
    for (int side = 0; side < 2; side++) {
        tern_config_default(&c.stack[side]);
        c.stack[side].allocator = (tern_allocator){sim_alloc, sim_release, NULL};
    }
    return c;
}

static uint64_t host_now(const struct sim *sim, int side) { return sim->now + sim->ahead_ns[side]; }

static int host_make(struct sim *sim, int side, struct driver_error *err) {
    const struct sim_config *c = &sim->config;
    sim->addr4[side] = (tern_addr){4, {10, 0, 0, (uint8_t)(side + 1)}};
    sim->addr6[side] = (tern_addr){6, {0xfd, [15] = (uint8_t)(side + 1)}};
    if (c->guest[side] != NULL) return 0;
    tern_config config = c->stack[side];
    for (size_t i = 0; i < sizeof config.entropy / 8; i++) {
        uint64_t word = memlink_chance(c->seed, (uint64_t)side * 100 + sim->starts[side] * 10 + i);
        memcpy(config.entropy + i * 8, &word, 8);
    }
    int r = tern_new(&config, host_now(sim, side), &sim->stack[side]);
    if (r < 0) return driver_fail(err, EINVAL, "host %d cannot be made: %s", side, tern_strerror(r, TERN_EN));
    tern_iface_config iface = {
        .size = sizeof iface,
        .name = side == 0 ? "mem0" : "mem1",
        .link = c->link,
        .mtu = c->mtu,
        .mac = {0x02, 0x54, 0x52, 0x4e, 0x00, (uint8_t)(side + 1)},
        .flags = c->offload ? TERN_IFACE_TX_CSUM | TERN_IFACE_RX_CSUM : 0,
        .tso_max = c->offload ? 65535 : 0,
    };
    sim->iface[side] = tern_iface_add(sim->stack[side], &iface);
    r = sim->iface[side];
    if (r >= 0) r = tern_addr_add(sim->stack[side], sim->iface[side], &sim->addr4[side], 24);
    if (r >= 0 && c->mtu >= 1280) r = tern_addr_add(sim->stack[side], sim->iface[side], &sim->addr6[side], 64);
    if (r < 0)
        return driver_fail(err, EINVAL, "host %d refuses its interface or address: %s", side,
                           tern_strerror(r, TERN_EN));
    sim->starts[side]++;
    return 0;
}

int sim_restart(struct sim *sim, int side, uint64_t ahead_ns, struct driver_error *err) {
    tern_stack *old = sim->stack[side];
    uint64_t before = sim->ahead_ns[side];
    sim->ahead_ns[side] = ahead_ns;
    int r = host_make(sim, side, err);
    if (r == 0) {
        tern_free(old);
        return 0;
    }
    if (sim->stack[side] != old) tern_free(sim->stack[side]);
    sim->stack[side] = old;
    sim->ahead_ns[side] = before;
    return r;
}

int sim_new(const struct sim_config *config, struct sim **out, struct driver_error *err) {
    struct sim *sim = calloc(1, sizeof *sim);
    if (sim == NULL) return driver_fail(err, ENOMEM, "the simulated hosts: out of memory");
    sim->real_time = config->real_time;
    sim->now = config->real_time ? tern_host_now() : config->start_ns;
    sim->config = *config;
    memcpy(sim->ahead_ns, config->ahead_ns, sizeof sim->ahead_ns);
    sim->app = config->app;
    sim->ctx = config->ctx;
    struct memlink_path paths[2];
    for (int side = 0; side < 2; side++) {
        paths[side] = config->path[side];
        if (paths[side].seed == 0) paths[side].seed = memlink_chance(config->seed, 1000 + (uint64_t)side);
        if (paths[side].mtu == 0) paths[side].mtu = config->mtu;
        if (config->offload) paths[side].segments = paths[side].csum_trusted = true;
    }
    int r = memlink_new(paths, &sim->link, err);
    for (int side = 0; side < 2 && r == 0; side++) r = host_make(sim, side, err);
    if (r < 0) {
        sim_free(sim);
        return r;
    }
    *out = sim;
    return 0;
}

void sim_free(struct sim *sim) {
    if (sim == NULL) return;
    for (int side = 0; side < 2; side++)
        if (sim->stack[side] != NULL) tern_free(sim->stack[side]);
    memlink_free(sim->link);
    free(sim);
}

static size_t round_input(struct sim *sim, int side) {
    const struct sim_guest *guest = sim->config.guest[side];
    tern_packet packets[BATCH];
    void *tokens[BATCH];
    size_t total = 0, n;
    do {
        n = memlink_receive(sim->link, side, packets, BATCH, sim->now);
        if (n != 0 && guest != NULL)
            guest->input(guest->ctx, packets, n, host_now(sim, side));
        else if (n != 0)
            tern_input(sim->stack[side], sim->iface[side], packets, n, host_now(sim, side));
        total += n;
    } while (n == BATCH);
    if (guest != NULL) return total;
    for (int back; (back = tern_reclaim(sim->stack[side], tokens, BATCH)) > 0;)
        for (int i = 0; i < back; i++) memlink_release(sim->link, tokens[i]);
    return total;
}

static size_t round_events(struct sim *sim, int side) {
    tern_event events[BATCH];
    size_t total = 0;
    for (int n; (n = tern_poll(sim->stack[side], events, BATCH)) > 0;) {
        total += (size_t)n;
        for (int i = 0; i < n && sim->app != NULL; i++) sim->app(sim->ctx, sim, side, &events[i]);
    }
    return total;
}

static size_t round_output(struct sim *sim, int side) {
    const struct sim_guest *guest = sim->config.guest[side];
    if (guest != NULL) return guest->output(guest->ctx, sim->link, side, host_now(sim, side));
    tern_frame frames[BATCH];
    size_t total = 0;
    for (int n; (n = tern_output(sim->stack[side], frames, BATCH, host_now(sim, side))) > 0;) {
        memlink_send(sim->link, side, frames, (size_t)n, sim->now);
        total += (size_t)n;
    }
    return total;
}

size_t sim_round(struct sim *sim) {
    if (sim->real_time) sim->now = tern_host_now();
    size_t moved = 0;
    for (int side = 0; side < 2; side++) moved += round_input(sim, side);
    for (int side = 0; side < 2; side++)
        if (sim->stack[side] != NULL) tern_expire(sim->stack[side], host_now(sim, side));
    for (int side = 0; side < 2; side++)
        if (sim->stack[side] != NULL) moved += round_events(sim, side);
    for (int side = 0; side < 2; side++) moved += round_output(sim, side);
    sim->rounds++;
    return moved;
}

uint64_t sim_deadline(const struct sim *sim) {
    uint64_t t = memlink_deadline(sim->link);
    for (int side = 0; side < 2; side++) {
        const struct sim_guest *guest = sim->config.guest[side];
        uint64_t d = guest != NULL ? guest->deadline(guest->ctx) : tern_deadline(sim->stack[side]);
        if (d != TERN_NEVER) d = d > sim->ahead_ns[side] ? d - sim->ahead_ns[side] : 0;
        if (d < t) t = d;
    }
    return t;
}

/* Lets time pass until t, or less when a signal comes. */
static void sleep_until(struct sim *sim, uint64_t t) {
    if (!sim->real_time) {
        sim->now = t;
        return;
    }
    struct timespec when = {(time_t)(t / 1000000000u), (long)(t % 1000000000u)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL);
    sim->now = tern_host_now();
}

static enum sim_result stopped(struct sim *sim) {
    sim->stop = false;
    return SIM_STOPPED;
}

enum sim_result sim_run(struct sim *sim, uint64_t until_ns) {
    uint64_t instant = sim->now;
    uint32_t rounds = 0, idle = 0;
    for (;;) {
        size_t moved = sim_round(sim);
        if (sim->stop) return stopped(sim);
        uint64_t next = sim_deadline(sim);
        if (next == TERN_NEVER && until_ns == TERN_NEVER) return SIM_IDLE;
        if (next > until_ns) {
            sleep_until(sim, until_ns);
            if (sim->stop) return stopped(sim);
            if (sim->now >= until_ns) return next == TERN_NEVER ? SIM_IDLE : SIM_UNTIL;
            continue;
        }
        if (next > sim->now) {
            sleep_until(sim, next);
        } else if (sim->now == instant && !sim->real_time) {
            idle = moved ? 0 : idle + 1; /* one such round is no sign: output may raise an event and send nothing */
            if (idle > 1 || ++rounds >= ROUNDS_AT_ONE_INSTANT) return SIM_STALLED;
            continue;
        }
        instant = sim->now;
        rounds = idle = 0;
    }
}
