/* conn.c - connections opened and closed per second, and 1-byte round trips, between two stacks in one thread, while
 * others are idle. A cycle is: three-way handshake, the client closes, the server closes, TIME-WAIT at the client;
 * no text. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/apart.h"
#include "bench/bench.h"
#include "bench/kernel.h"
#include "bench/pair.h"
#include "bench/peer.h"

/* Cycles go to CYCLE_PORTS ports in turn, idle connections to others, so that local ports last. */
enum { CYCLE_PORT = 80, CYCLE_PORTS = 32, IDLE_PORT = 1000, IDLE_A_PORT = 60000, OPEN_AT_ONCE = 1000, BACKLOG = 4096 };

struct world {
    struct pair pair;
    uint32_t idle;
    tern_sock *client; /* of the idle ones */
    bool cycling, answered;
    uint32_t cycles;
};

static void client_event(struct world *w, const tern_event *e) {
    tern_stack *s = w->pair.stack[0];
    uint8_t byte;
    if (e->bits & TERN_EV_CLOSED) give_up_bench("a connection ended: %s", tern_error_name(e->error));
    if (w->cycling && e->bits & TERN_EV_CONNECTED) tern_close(s, e->sock);
    if (e->bits & TERN_EV_READ && tern_read(s, e->sock, &byte, 1) == 1) w->answered = true;
}

static void server_event(struct world *w, const tern_event *e) {
    tern_stack *s = w->pair.stack[1];
    tern_sock sock;
    uint8_t byte;
    if (e->bits & TERN_EV_ACCEPT)
        while (tern_accept(s, e->sock, &sock, NULL) == TERN_OK) {
        }
    if (e->bits & TERN_EV_READ && tern_read(s, e->sock, &byte, 1) == 1) tern_write(s, e->sock, &byte, 1);
    if (e->bits & TERN_EV_EOF) tern_close(s, e->sock);
}

static void on_event(void *ctx, struct pair *p, int side, const tern_event *e) {
    (void)p;
    if (side == 0)
        client_event(ctx, e);
    else
        server_event(ctx, e);
}

static void world_open(struct world *w, uint32_t idle, uint32_t time_wait_max, bool repeatable) {
    memset(w, 0, sizeof *w);
    struct pair_config config = {.checksums = true,
                                 .window = 65536,
                                 .time_wait_max = time_wait_max,
                                 .half_open_max = BACKLOG,
                                 .timestamps = true,
                                 .repeatable = repeatable,
                                 .memory_max = 4ull << 30};
    pair_open(&w->pair, &config);
    w->pair.event = on_event;
    w->pair.ctx = w;
    w->idle = idle;
    w->client = calloc(idle + 1, sizeof *w->client);
    if (w->client == NULL) give_up_bench("out of memory");
    for (unsigned i = 0; i < CYCLE_PORTS; i++) pair_listen(&w->pair, 1, (uint16_t)(CYCLE_PORT + i), BACKLOG);
    for (unsigned i = 0; i <= idle / IDLE_A_PORT; i++) pair_listen(&w->pair, 1, (uint16_t)(IDLE_PORT + i), BACKLOG);
}

/* Opens the idle ones; returns how many a second. */
static double world_fill(struct world *w) {
    uint64_t start = thread_ns();
    for (uint32_t i = 0; i < w->idle; i++) {
        w->client[i] =
            pair_connect(&w->pair, (uint16_t)(1024 + i % IDLE_A_PORT), (uint16_t)(IDLE_PORT + i / IDLE_A_PORT), 0, i);
        if (i % OPEN_AT_ONCE == OPEN_AT_ONCE - 1) pair_settle(&w->pair);
    }
    pair_settle(&w->pair);
    double took = (double)(thread_ns() - start);
    for (int side = 0; side < 2; side++)
        if (pair_stats(&w->pair, side).connections != w->idle) give_up_bench("not all idle connections came to be");
    return w->idle * 1e9 / took;
}

static void world_close(struct world *w) {
    pair_close(&w->pair);
    free(w->client);
}

static void cycle(struct world *w, unsigned at_once) {
    w->cycling = true;
    for (unsigned i = 0; i < at_once; i++)
        pair_connect(&w->pair, 0, (uint16_t)(CYCLE_PORT + w->cycles++ % CYCLE_PORTS), 0, 0);
    pair_settle(&w->pair);
    w->cycling = false;
}

static void measure_cycles(struct world *w, uint64_t ns, unsigned at_once, struct samples out[3]) {
    tern_stats before = pair_stats(&w->pair, 0), before2 = pair_stats(&w->pair, 1);
    uint64_t start = thread_ns(), took;
    uint32_t first = w->cycles;
    do {
        for (int i = 0; i < 16; i++) cycle(w, at_once);
        took = thread_ns() - start;
    } while (took < ns);
    tern_stats after = pair_stats(&w->pair, 0), after2 = pair_stats(&w->pair, 1);
    double n = w->cycles - first;
    if (after.connections != w->idle || after2.connections != w->idle || after.connects_failed != 0)
        give_up_bench("not all cycles came to their end");
    samples_add(&out[0], n / (double)took * 1e6);
    samples_add(&out[1], (double)took / n);
    samples_add(&out[2],
                (double)(after.segments_out - before.segments_out + after2.segments_out - before2.segments_out) / n);
}

static void round_trip(struct world *w, uint32_t which) {
    static const uint8_t byte = 'x';
    w->answered = false;
    if (tern_write(w->pair.stack[0], w->client[which], &byte, 1) != 1)
        give_up_bench("an idle connection takes no byte");
    while (!w->answered) pair_round(&w->pair);
}

/* `spread`: how many of the idle connections take part. */
static void measure_trips(struct world *w, uint64_t ns, uint32_t spread, struct samples out[1]) {
    uint64_t start = thread_ns(), took, state = 88172645463325252u;
    uint32_t n = 0;
    do {
        for (int i = 0; i < 64; i++, n++) round_trip(w, (uint32_t)(choice(&state) % spread));
        took = thread_ns() - start;
    } while (took < ns);
    samples_add(&out[0], (double)took / n);
}

/* ---- a fixed number of each, for counting instructions ---- */

static void fixed_cycles(void *ctx, unsigned n) {
    for (unsigned i = 0; i < n; i++) cycle(ctx, 1);
}

static void fixed_trips(void *ctx, unsigned n) {
    for (unsigned i = 0; i < n; i++) round_trip(ctx, 0);
}

static void fixed(counted_fn *fn, uint32_t idle, unsigned warm, unsigned n) {
    struct world w;
    world_open(&w, idle, 64, true);
    world_fill(&w);
    fn(&w, warm);
    counted(fn, &w, n);
    world_close(&w);
}

unsigned conn_fixed(void) {
    enum { WARM = 200, CYCLES = 1000 };
    fixed(fixed_cycles, 1, WARM, CYCLES);
    return CYCLES;
}

unsigned trip_fixed(void) {
    enum { WARM = 100, TRIPS = 2000 };
    fixed(fixed_trips, 1, WARM, TRIPS);
    return TRIPS;
}

/* Trips on one of many at random: for counting what misses the caches. */
static void random_trips(void *ctx, unsigned n) {
    struct world *w = ctx;
    static uint64_t state = 88172645463325252u;
    for (unsigned i = 0; i < n; i++) round_trip(w, (uint32_t)(choice(&state) % w->idle));
}

unsigned random_fixed(void) {
    enum { IDLE = 10000, WARM = 20000, TRIPS = 5000 };
    fixed(random_trips, IDLE, WARM, TRIPS);
    return TRIPS;
}

double conn_shard(uint64_t ns) {
    struct world w;
    struct samples out[3] = {{0}};
    world_open(&w, 1, 1000, false);
    world_fill(&w);
    while (w.cycles < 1000) cycle(&w, 32);
    measure_cycles(&w, ns, 32, out);
    world_close(&w);
    return out[0].value[0];
}

/* ---- tables ---- */

static const struct column cycle_columns[] = {
    {"thousand per second", 1}, {"ns per cycle", 0}, {"segments per cycle", 2}, {"tern : this", 2}};
static const struct column trip_columns[] = {
    {"always the same, ns", 0}, {"one at random, ns", 0}, {"tern : this", 2}, {"at random", 2}};
static const struct column open_columns[] = {{"thousand per second", 1}};

enum who { TERN, LWIP, LINUX, GVISOR, WHOS };
static const char *const who_names[WHOS] = {"tern", "lwIP", "Linux over loopback", "gVisor"};

/* The last sample of `one`, `many` and `trip` is the ratio: tern's median by this one's. */
struct result {
    struct samples one[4], many[4], trip[4], fill[1];
};

static const struct {
    uint32_t idle, time_wait;
    bool with[WHOS];
} sizes[] = {{1, 16, {[TERN] = true, [LWIP] = true}},
             {1, 1000, {[TERN] = true, [LWIP] = true, [LINUX] = true, [GVISOR] = true}},
             {1000, 1000, {[TERN] = true, [LWIP] = true}},
             {10000, 10000, {[TERN] = true, [LWIP] = true}},
             {100000, 100000, {[TERN] = true, [LINUX] = true}},
             {1000000, 1000000, {[TERN] = true}}};
enum { SIZES = sizeof sizes / sizeof *sizes };

static void measure(const struct bench *b, uint32_t idle, uint32_t time_wait, struct result *r) {
    struct world w;
    world_open(&w, idle, time_wait, false);
    samples_add(&r->fill[0], world_fill(&w) / 1e3);
    while (w.cycles < time_wait) cycle(&w, 32);
    for (unsigned i = 0; i < b->runs; i++) {
        measure_cycles(&w, b->run_ns, 1, r->one);
        measure_cycles(&w, b->run_ns, 32, r->many);
        measure_trips(&w, b->run_ns, 1, &r->trip[0]);
        measure_trips(&w, b->run_ns, idle, &r->trip[1]);
    }
    world_close(&w);
}

static void measure_peer(const struct bench *b, enum who who, unsigned size, struct result *r) {
    static char why[APART_TEXT];
    uint32_t idle = sizes[size].idle;
    bool ok = true;
    for (unsigned i = 0; i < b->runs && ok; i++) switch (who) {
        case LWIP:
            if (peer_lwip() != NULL)
                peer_lwip_conn(idle, sizes[size].time_wait, b->run_ns, r->one, &r->trip[0], &r->trip[1]);
            break;
        case LINUX:
            ok = kernel_conn(kernel_conn_most(idle), b->run_ns, r->one, r->trip, why, sizeof why);
            if (!ok) report_note("Linux is not compared: %s", why);
            break;
        case GVISOR: ok = peer_gvisor_conn(b->run_ns, r->one, &r->trip[0]); break;
        default: return;
        }
}

static void ratios(struct samples *peer, const struct samples *tern, unsigned from, unsigned to) {
    if (peer[from].n != 0) samples_add(&peer[to], samples_median(&tern[from]) / samples_median(&peer[from]));
}

static struct result results[WHOS][SIZES];

static void name_of(char to[64], enum who who, unsigned i) {
    if (who == TERN || who == LWIP)
        snprintf(to, 64, "%s, %u idle, %u in TIME-WAIT", who_names[who], sizes[i].idle, sizes[i].time_wait);
    else
        snprintf(to, 64, "%s, %u idle", who_names[who], who == LINUX ? kernel_conn_most(sizes[i].idle) : sizes[i].idle);
}

/* The rows of a table: which samples of a result, and the first size. */
static void rows(size_t samples, unsigned first) {
    char name[64];
    for (unsigned i = first; i < SIZES; i++)
        for (enum who who = 0; who < WHOS; who++) {
            const struct samples *s = (const struct samples *)(const void *)((const char *)&results[who][i] + samples);
            name_of(name, who, i);
            if (s->n != 0) report_row(name, s);
        }
}

void bench_conn(const struct bench *b) {
    memset(results, 0, sizeof results);
    for (unsigned i = 0; i < (b->big ? SIZES : SIZES - 1); i++) {
        char name[64];
        name_of(name, TERN, i);
        if (b->only != NULL && strstr(name, b->only) == NULL) continue;
        measure(b, sizes[i].idle, sizes[i].time_wait, &results[TERN][i]);
        for (enum who who = LWIP; who < WHOS; who++) {
            struct result *r = &results[who][i], *tern = &results[TERN][i];
            if (sizes[i].with[who]) measure_peer(b, who, i, r);
            ratios(r->one, tern->one, 0, 3);
            ratios(r->trip, tern->trip, 0, 2);
            ratios(r->trip, tern->trip, 1, 3);
        }
    }
    report_table("conn", "connect and close, one after another", 4, cycle_columns);
    rows(offsetof(struct result, one), 0);
    report_table("conn", "connect and close, 32 at once", 4, cycle_columns);
    rows(offsetof(struct result, many), 0);
    report_table("conn", "round trip of 1 byte each way", 4, trip_columns);
    rows(offsetof(struct result, trip), 1);
    report_table("conn", "opening the idle ones, 1000 at once", 1, open_columns);
    rows(offsetof(struct result, fill), 2);
    if (!b->big) report_note("1000000 idle connections: not measured; --big does");
    if (peer_lwip() == NULL) report_note("lwIP is not compared: %s", peer_lwip_missing());
    if (peer_gvisor_missing() != NULL) report_note("gVisor is not compared: %s", peer_gvisor_missing());
}
