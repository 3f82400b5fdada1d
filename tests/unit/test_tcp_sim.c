/* test_tcp_sim.c - properties of two hosts in virtual time: whatever the link loses, repeats, reorders and spoils,
 * every stream arrives exact and whole, every connection ends on both sides, and nothing is left. A failure prints
 * its seed or mask. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "draw.h"
#include "drivers/sim.h"
#include "tcp/tcb.h"

enum { PAIRS = 6, FIRST_PORT = 5000, SERVER_PORT = 80 };

/* When an end says that it will send no more. */
enum finish { WHEN_WRITTEN, AFTER_EOF };

struct end {
    tern_sock sock;
    uint32_t total, written, got;
    enum finish finish;
    bool open, eof, shut, done;
    int error;
};

static struct world {
    uint64_t seed;
    unsigned pairs;
    bool no_v6, ethernet;
    bool simultaneous[PAIRS];
    struct end end[PAIRS][2];
    tern_sock listener;
    uint64_t live[2];
    draw d;
} w;

static void *counted_alloc(void *ctx, size_t size) {
    *(uint64_t *)ctx += size;
    return malloc(size);
}
static void counted_release(void *ctx, void *p, size_t size) {
    *(uint64_t *)ctx -= size;
    free(p);
}

static uint8_t byte_at(unsigned pair, int from, uint32_t n) {
    return (uint8_t)(n * 13 + (n >> 7) * 31 + pair * 77 + (unsigned)from * 129);
}

static void push(struct sim *sim, unsigned pair, int side) {
    struct end *e = &w.end[pair][side];
    uint8_t b[4000];
    while (e->written < e->total) {
        uint32_t n = 1 + draw_below(&w.d, sizeof b);
        if (n > e->total - e->written) n = e->total - e->written;
        for (uint32_t i = 0; i < n; i++) b[i] = byte_at(pair, side, e->written + i);
        ptrdiff_t r = tern_write(sim->stack[side], e->sock, b, n);
        if (r < 0) return;
        e->written += (uint32_t)r;
    }
    if (!e->shut && (e->finish == WHEN_WRITTEN || e->eof) && tern_shutdown(sim->stack[side], e->sock) == TERN_OK)
        e->shut = true;
}

static void pull(struct sim *sim, unsigned pair, int side) {
    struct end *e = &w.end[pair][side];
    uint8_t b[5000];
    for (;;) {
        ptrdiff_t r = tern_read(sim->stack[side], e->sock, b, 1 + draw_below(&w.d, sizeof b));
        if (r == 0) e->eof = true;
        if (r <= 0) return;
        for (ptrdiff_t i = 0; i < r; i++)
            if (b[i] != byte_at(pair, !side, e->got + (uint32_t)i))
                fail_msg("seed %llu: pair %u side %d byte %u is wrong", (unsigned long long)w.seed, pair, side,
                         e->got + (uint32_t)i);
        e->got += (uint32_t)r;
    }
}

static void serve(struct sim *sim, unsigned pair, int side, const tern_event *ev) {
    struct end *e = &w.end[pair][side];
    pull(sim, pair, side);
    push(sim, pair, side);
    if (ev->bits & TERN_EV_CLOSED) {
        e->error = ev->error;
        e->done = true;
    } else if (e->eof && e->shut && draw_below(&w.d, 2)) {
        e->done = true; /* the rest is the stack's */
    }
    if (e->done) {
        tern_close(sim->stack[side], e->sock);
        e->sock = (tern_sock){0};
    }
}

static void app(void *ctx, struct sim *sim, int side, const tern_event *ev) {
    (void)ctx;
    if (side == 1 && ev->sock.id == w.listener.id) {
        tern_sock s;
        tern_flow f;
        while (tern_accept(sim->stack[1], w.listener, &s, &f) == TERN_OK) {
            unsigned pair = f.remote_port - FIRST_PORT;
            if (pair >= w.pairs || w.end[pair][1].open)
                fail_msg("seed %llu: a connection too many", (unsigned long long)w.seed);
            w.end[pair][1].sock = s;
            w.end[pair][1].open = true;
            push(sim, pair, 1);
        }
        return;
    }
    for (unsigned i = 0; i < w.pairs; i++)
        if (w.end[i][side].sock.id == ev->sock.id) serve(sim, i, side, ev);
}

static struct sim_config config_of(uint64_t seed) {
    struct sim_config c = sim_config_default(seed);
    memset(&w, 0, sizeof w);
    w.seed = seed;
    w.d.state = seed * 7919 + 1;
    c.app = app;
    for (int side = 0; side < 2; side++) {
        c.stack[side].allocator = (tern_allocator){counted_alloc, counted_release, &w.live[side]};
        c.stack[side].autoconf = c.stack[side].dad = 0;
    }
    return c;
}

static void impair(struct memlink_path *p) {
    p->delay_ns = draw_below(&w.d, 100) * (uint64_t)SIM_MS;
    if (draw_bool(&w.d)) p->jitter_ns = draw_below(&w.d, 20) * (uint64_t)SIM_MS;
    if (draw_bool(&w.d)) p->loss_ppm = draw_below(&w.d, 100000);
    if (draw_bool(&w.d)) p->duplicate_ppm = draw_below(&w.d, 100000);
    if (draw_bool(&w.d))
        p->reorder_ppm = draw_below(&w.d, 200000), p->reorder_ns = draw_below(&w.d, 50) * (uint64_t)SIM_MS;
    if (draw_bool(&w.d)) p->corrupt_ppm = draw_below(&w.d, 50000);
    if (draw_below(&w.d, 3) == 0) {
        p->rate_bps = 100000 + draw_below(&w.d, 20000000);
        p->queue_packets = 5 + draw_below(&w.d, 50);
    }
}

static void vary(tern_config *c) {
    if (draw_bool(&w.d)) c->sack = 0;
    if (draw_bool(&w.d)) c->timestamps = 0;
    if (draw_bool(&w.d)) c->window_scale = 0;
    if (draw_bool(&w.d)) c->nagle = 0;
    if (draw_bool(&w.d)) c->congestion = TERN_NEWRENO;
    if (draw_bool(&w.d)) c->send_buffer = 1024 + draw_below(&w.d, 60000);
    if (draw_bool(&w.d)) c->receive_buffer = 1024 + draw_below(&w.d, 60000);
    if (draw_below(&w.d, 4) == 0) c->delayed_ack_ms = draw_below(&w.d, 400);
    if (draw_below(&w.d, 4) == 0) c->reassembly_islands = 1 + draw_below(&w.d, 5);
    if (draw_below(&w.d, 4) == 0) c->initial_window = 1 + draw_below(&w.d, 50);
}

static void open_pair(struct sim *sim, unsigned i) {
    bool v6 = !w.no_v6 && draw_bool(&w.d);
    uint16_t here = (uint16_t)(FIRST_PORT + i), there = w.simultaneous[i] ? (uint16_t)(6000 + i) : SERVER_PORT;
    tern_open o = {
        .size = sizeof o, .remote = v6 ? sim->addr6[1] : sim->addr4[1], .local_port = here, .remote_port = there};
    assert_int_equal(tern_connect(sim->stack[0], &o, &w.end[i][0].sock), TERN_OK);
    w.end[i][0].open = true;
    if (!w.simultaneous[i]) return;
    tern_open p = {
        .size = sizeof p, .remote = v6 ? sim->addr6[0] : sim->addr4[0], .local_port = there, .remote_port = here};
    assert_int_equal(tern_connect(sim->stack[1], &p, &w.end[i][1].sock), TERN_OK);
    w.end[i][1].open = true;
}

/* On Ethernet the neighbour may not be found in time, because of losses: then an open fails, and so does what met
 * it. */
static bool never_opened(unsigned pair) {
    const struct end *a = &w.end[pair][0], *b = &w.end[pair][1];
    bool silent = a->error == TERN_EUNREACH || b->error == TERN_EUNREACH;
    return w.ethernet && silent && a->got == 0 && b->got == 0 && a->done && (b->done || !b->open);
}

static void check_end(unsigned pair, int side) {
    const struct end *e = &w.end[pair][side];
    if (never_opened(pair)) return;
    if (e->open && e->done && e->error == 0 && e->eof && e->got == w.end[pair][!side].total && e->written == e->total)
        return;
    fail_msg("seed %llu: pair %u side %d: open %d done %d eof %d error %d got %u of %u written %u of %u",
             (unsigned long long)w.seed, pair, side, e->open, e->done, e->eof, e->error, e->got,
             w.end[pair][!side].total, e->written, e->total);
}

/* What is left, for whoever must find out why. */
static void print_left(struct sim *sim) {
    for (int side = 0; side < 2; side++) {
        uint64_t cursor = 0;
        tern_status_info i;
        while (tern_list(sim->stack[side], &cursor, &i))
            if (i.state != TERN_LISTEN)
                print_error(
                    "side %d port %u: %s, una %u nxt %u wnd %u queued %u, rcv nxt %u wnd %u, cwnd %u, timer \"%s\"\n",
                    side, side ? i.flow.remote_port : i.flow.local_port, tern_state_name(i.state), i.snd_una - i.iss,
                    i.snd_nxt - i.iss, i.snd_wnd, i.send_queued, i.rcv_nxt - i.irs, i.rcv_wnd, i.cwnd, i.timer);
    }
}

static void run_to_the_end(struct sim_config *c) {
    struct sim *sim;
    struct driver_error err;
    assert_int_equal(sim_new(c, &sim, &err), 0);
    tern_listen_config l = {.size = sizeof l, .port = SERVER_PORT};
    assert_int_equal(tern_listen(sim->stack[1], &l, &w.listener), TERN_OK);
    for (unsigned i = 0; i < w.pairs; i++) open_pair(sim, i);
    enum sim_result r = sim_run(sim, sim->now + UINT64_C(4000) * SIM_SECOND);
    print_left(sim);
    if (r != SIM_IDLE) print_error("result %d at %llu ms\n", r, (unsigned long long)(sim->now / SIM_MS));
    for (unsigned i = 0; i < w.pairs; i++)
        for (int side = 0; side < 2; side++) check_end(i, side);
    if (r != SIM_IDLE) fail_msg("seed %llu: it does not come to rest: %d", (unsigned long long)w.seed, r);
    for (int side = 0; side < 2; side++) {
        tern_stats st = {.size = sizeof st};
        assert_int_equal(tern_stats_get(sim->stack[side], &st), TERN_OK);
        if (st.connections || st.half_open || st.time_wait || st.bad_moves)
            fail_msg("seed %llu: side %d has %u connections, %u half open, %u in TIME-WAIT, %llu bad moves",
                     (unsigned long long)w.seed, side, st.connections, st.half_open, st.time_wait,
                     (unsigned long long)st.bad_moves);
    }
    sim_free(sim);
    assert_int_equal(w.live[0], 0);
    assert_int_equal(w.live[1], 0);
}

static void one_seed(uint64_t seed) {
    struct sim_config c = config_of(seed);
    for (int side = 0; side < 2; side++) {
        impair(&c.path[side]);
        vary(&c.stack[side]);
    }
    if (draw_below(&w.d, 4) == 0) c.link = TERN_LINK_ETHERNET, w.ethernet = true;
    if (draw_below(&w.d, 4) == 0) c.offload = true;
    static const uint32_t mtus[] = {1500, 1500, 576, 1280, 9000, 65535};
    c.mtu = mtus[draw_below(&w.d, 6)];
    w.no_v6 = c.mtu < 1280;
    w.pairs = 1 + draw_below(&w.d, PAIRS);
    for (unsigned i = 0; i < w.pairs; i++) {
        w.simultaneous[i] = draw_below(&w.d, 5) == 0;
        for (int side = 0; side < 2; side++) {
            struct end *e = &w.end[i][side];
            e->total = draw_below(&w.d, 4) == 0 ? 0 : draw_below(&w.d, draw_below(&w.d, 3) ? 20000 : 200000);
            e->finish = draw_bool(&w.d) ? WHEN_WRITTEN : AFTER_EOF;
        }
        if (w.end[i][0].finish == AFTER_EOF && w.end[i][1].finish == AFTER_EOF)
            w.end[i][draw_bool(&w.d)].finish = WHEN_WRITTEN; /* one must begin */
    }
    run_to_the_end(&c);
}

/* TERN_TEST_SEEDS: other seeds, "first count". */
static void random_worlds(void **state) {
    (void)state;
    unsigned long first = 1, count = 200;
    const char *env = getenv("TERN_TEST_SEEDS");
    if (env && sscanf(env, "%lu %lu", &first, &count) < 1) fail_msg("TERN_TEST_SEEDS is \"first count\"");
    for (unsigned long i = 0; i < count; i++) one_seed(first + i);
}

/* ---- ends that do what they like, links that go dead ---- */

static void check_blocks(struct sim *sim) {
    for (int side = 0; side < 2; side++) {
        struct stack *s = stack_of(sim->stack[side]);
        for (uint32_t i = 0; i < s->tcp.tcbs.made; i++)
            if (pool_used(&s->tcp.tcbs, i)) tcb_check(s, pool_at(&s->tcp.tcbs, i));
    }
}

/* Like sim_run, with the invariants of every control block after every round. */
static void run_checked(struct sim *sim, uint64_t until) {
    for (unsigned rounds = 0;; rounds++) {
        sim_round(sim);
        check_blocks(sim);
        uint64_t next = sim_deadline(sim);
        if (next > until) break;
        if (next > sim->now) rounds = 0;
        if (rounds > 100000) fail_msg("seed %llu: the clock stands still", (unsigned long long)w.seed);
        if (next > sim->now) sim->now = next;
    }
    sim->now = until;
}

static void give_up_end(struct sim *sim, unsigned pair, int side, bool abort) {
    struct end *e = &w.end[pair][side];
    if (!e->sock.id) return;
    if (abort)
        tern_abort(sim->stack[side], e->sock);
    else
        tern_close(sim->stack[side], e->sock);
    e->sock = (tern_sock){0};
    e->done = true;
}

static void disturb(struct sim *sim, struct sim_config *c) {
    unsigned pair = draw_below(&w.d, w.pairs);
    int side = draw_bool(&w.d);
    struct driver_error err;
    switch (draw_below(&w.d, 8)) {
    case 0:
    case 1: give_up_end(sim, pair, side, true); break;
    case 2:
    case 3: give_up_end(sim, pair, side, false); break;
    case 4:
        if (w.end[pair][side].sock.id) tern_shutdown(sim->stack[side], w.end[pair][side].sock);
        break;
    case 5: /* one direction goes dead, or lives again */
        c->path[side].loss_ppm = c->path[side].loss_ppm == 1000000 ? 0 : 1000000;
        memlink_set(sim->link, side, &c->path[side], &err);
        break;
    default: break;
    }
}

/* Whatever the applications and the link do: bytes that arrive are the right ones, and once the applications have
 * let go nothing is left on either side, in bounded time (attack list C7). */
static void one_chaos(uint64_t seed) {
    struct sim_config c = config_of(seed);
    for (int side = 0; side < 2; side++) {
        impair(&c.path[side]);
        vary(&c.stack[side]);
        c.stack[side].r2_ms = 60000;
        c.path[side].mtu = 1500;
    }
    w.pairs = 1 + draw_below(&w.d, PAIRS);
    struct sim *sim;
    struct driver_error err;
    assert_int_equal(sim_new(&c, &sim, &err), 0);
    for (int side = 0; side < 2; side++)
        if (c.path[side].seed == 0) c.path[side].seed = seed + 1;
    tern_listen_config l = {.size = sizeof l, .port = SERVER_PORT, .backlog = 1 + draw_below(&w.d, 3)};
    assert_int_equal(tern_listen(sim->stack[1], &l, &w.listener), TERN_OK);
    for (unsigned i = 0; i < w.pairs; i++) {
        w.simultaneous[i] = draw_below(&w.d, 5) == 0;
        for (int side = 0; side < 2; side++)
            w.end[i][side].total = draw_below(&w.d, 200000),
            w.end[i][side].finish = draw_bool(&w.d) ? WHEN_WRITTEN : AFTER_EOF;
        open_pair(sim, i);
    }
    for (unsigned i = 0; i < 20; i++) {
        run_checked(sim, sim->now + draw_below(&w.d, 2000) * (uint64_t)SIM_MS);
        disturb(sim, &c);
    }
    tern_close(sim->stack[1], w.listener);
    for (unsigned i = 0; i < w.pairs; i++)
        for (int side = 0; side < 2; side++) give_up_end(sim, i, side, false);
    run_checked(sim, sim->now + UINT64_C(600) * SIM_SECOND);
    for (int side = 0; side < 2; side++) {
        tern_stats st = {.size = sizeof st};
        assert_int_equal(tern_stats_get(sim->stack[side], &st), TERN_OK);
        if (!st.connections && !st.half_open && !st.time_wait && !st.bad_moves) continue;
        print_left(sim);
        fail_msg("chaos %llu: side %d keeps %u connections, %u half open, %u in TIME-WAIT", (unsigned long long)seed,
                 side, st.connections, st.half_open, st.time_wait);
    }
    sim_free(sim);
    assert_int_equal(w.live[0] + w.live[1], 0);
}

static void chaos(void **state) {
    (void)state;
    unsigned long first = 1, count = 200;
    const char *env = getenv("TERN_TEST_SEEDS");
    if (env && sscanf(env, "%lu %lu", &first, &count) < 1) fail_msg("TERN_TEST_SEEDS is \"first count\"");
    for (unsigned long i = 0; i < count; i++) one_chaos(first + i);
}

/* ---- every pattern of losses among the first packets ---- */

static struct { unsigned passed, mask, first; } masked;

static bool drop_by_mask(void *ctx, int from, uint64_t number, const void *data, uint32_t len) {
    (void)ctx, (void)from, (void)number, (void)data, (void)len;
    unsigned n = masked.passed++;
    return n < masked.first && (masked.mask >> n & 1);
}

/* Who closes first, one open or two, with bytes to carry or only the FINs, with SACK and timestamps or without. */
enum { CLOSINGS = 3, OPENINGS = 2, LOADS = 2, RECOVERIES = 2, VARIANTS = CLOSINGS * OPENINGS * LOADS * RECOVERIES };

static void one_mask(unsigned mask, unsigned variant) {
    struct sim_config c = config_of(1000 + variant);
    unsigned closing = variant % CLOSINGS, rest = variant / CLOSINGS;
    bool bare = rest & 2, plain = rest & 4;
    w.seed = mask | variant << 10;
    w.pairs = 1;
    /* An opener that is silent until the other end speaks would never learn that all eight SYN-ACKs' answers were lost. */
    w.end[0][0].total = !bare ? 3000 : closing == 1 ? 1 : 0;
    w.end[0][1].total = bare ? 0 : 2000;
    w.end[0][0].finish = closing != 1 ? WHEN_WRITTEN : AFTER_EOF;
    w.end[0][1].finish = closing != 0 ? WHEN_WRITTEN : AFTER_EOF;
    w.simultaneous[0] = rest & 1;
    for (int side = 0; side < 2; side++) {
        c.path[side].delay_ns = 10 * (uint64_t)SIM_MS;
        c.stack[side].syn_retries = 12; /* ten lost SYNs must not be the end */
        if (plain) c.stack[side].sack = c.stack[side].timestamps = 0, c.stack[side].congestion = TERN_NEWRENO;
    }
    struct sim *sim;
    struct driver_error err;
    assert_int_equal(sim_new(&c, &sim, &err), 0);
    masked.passed = 0;
    masked.mask = mask;
    masked.first = 10;
    memlink_filter(sim->link, drop_by_mask, NULL);
    tern_listen_config l = {.size = sizeof l, .port = SERVER_PORT};
    assert_int_equal(tern_listen(sim->stack[1], &l, &w.listener), TERN_OK);
    open_pair(sim, 0);
    enum sim_result r = sim_run(sim, sim->now + UINT64_C(2000) * SIM_SECOND);
    if (r != SIM_IDLE) print_left(sim);
    check_end(0, 0);
    check_end(0, 1);
    if (r != SIM_IDLE) fail_msg("mask 0x%x variant %u: it does not come to rest", mask, variant);
    sim_free(sim);
    assert_int_equal(w.live[0] + w.live[1], 0);
}

static void every_loss_pattern(void **state) {
    (void)state;
    const char *scale = getenv("TERN_TEST_SCALE");
    unsigned stride = scale && strcmp(scale, "small") == 0 ? 5 : 1; /* shares no factor with VARIANTS */
    for (unsigned i = 0; i < 1024 * VARIANTS; i += stride) one_mask(i / VARIANTS, i % VARIANTS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_worlds),
        cmocka_unit_test(chaos),
        cmocka_unit_test(every_loss_pattern),
    };
    return cmocka_run_group_tests_name("tcp sim", tests, NULL, NULL);
}
