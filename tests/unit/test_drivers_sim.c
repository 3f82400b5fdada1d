/* test_drivers_sim.c - two hosts in one process: virtual time jumps and repeats itself to the nanosecond, real time
 * waits, and bytes arrive whatever the link does to packets. What TCP does in detail is tested elsewhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/host.h"
#include "drivers/sim.h"

enum { PORT = 80 };

/* Host 0 connects and sends `total` bytes; host 1 reads them and closes when it saw the end. */
struct transfer {
    tern_sock client, listener, server;
    uint64_t total, written, read;
    uint64_t hash; /* of every packet's bytes, fate and times */
    bool wrong, ended, client_closed;
    int32_t error;
};

static uint8_t byte_at(uint64_t i) { return (uint8_t)(i * 2654435761u >> 24); }

static void feed(struct transfer *t, tern_stack *stack) {
    uint8_t bytes[4096];
    while (t->written < t->total) {
        size_t n = sizeof bytes;
        if (n > t->total - t->written) n = (size_t)(t->total - t->written);
        for (size_t i = 0; i < n; i++) bytes[i] = byte_at(t->written + i);
        ptrdiff_t r = tern_write(stack, t->client, bytes, n);
        if (r <= 0) return;
        t->written += (uint64_t)r;
    }
    tern_close(stack, t->client);
    t->client_closed = true;
}

static void drain(struct transfer *t, struct sim *sim) {
    uint8_t bytes[4096];
    ptrdiff_t n;
    while ((n = tern_read(sim->stack[1], t->server, bytes, sizeof bytes)) > 0) {
        for (ptrdiff_t i = 0; i < n; i++) t->wrong |= bytes[i] != byte_at(t->read + (uint64_t)i);
        t->read += (uint64_t)n;
    }
    if (n != 0) return;
    t->ended = true;
    tern_close(sim->stack[1], t->server);
    sim->stop = true;
}

static void app(void *ctx, struct sim *sim, int side, const tern_event *e) {
    struct transfer *t = ctx;
    if ((e->bits & TERN_EV_CLOSED) != 0 && e->error != 0) t->error = e->error;
    if (side == 0 && (e->bits & (TERN_EV_CONNECTED | TERN_EV_WRITE)) != 0 && !t->client_closed) feed(t, sim->stack[0]);
    if (side == 1 && (e->bits & TERN_EV_ACCEPT) != 0) {
        tern_accept(sim->stack[1], t->listener, &t->server, NULL);
        drain(t, sim);
    }
    if (side == 1 && (e->bits & (TERN_EV_READ | TERN_EV_EOF)) != 0 && t->server.id != 0) drain(t, sim);
}

static void tap(void *ctx, const struct memlink_record *r) {
    struct transfer *t = ctx;
    const uint64_t words[] = {(uint64_t)r->from, r->number, r->fate, r->copy, r->sent_ns, r->arrives_ns, r->len};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) t->hash = memlink_chance(t->hash ^ words[i], 0);
    for (uint32_t i = 0; r->data != NULL && i < r->len; i++)
        t->hash = memlink_chance(t->hash ^ ((const uint8_t *)r->data)[i], 1);
}

static struct sim *start(struct sim_config *config, struct transfer *t, bool v6) {
    struct sim *sim;
    struct driver_error err;
    config->app = app;
    config->ctx = t;
    int r = sim_new(config, &sim, &err);
    if (r < 0) print_message("%s\n", err.text);
    assert_int_equal(r, 0);
    tern_listen_config lc = {.size = sizeof lc, .port = PORT};
    assert_int_equal(tern_listen(sim->stack[1], &lc, &t->listener), 0);
    tern_open open = {.size = sizeof open, .remote = v6 ? sim->addr6[1] : sim->addr4[1], .remote_port = PORT};
    assert_int_equal(tern_connect(sim->stack[0], &open, &t->client), 0);
    return sim;
}

static void check_transfer(struct sim_config *config, uint64_t total, bool v6) {
    struct transfer t = {.total = total};
    struct sim *sim = start(config, &t, v6);
    assert_int_equal(sim_run(sim, sim->now + 600ull * SIM_SECOND), SIM_STOPPED);
    assert_true(t.ended);
    assert_false(t.wrong);
    assert_int_equal(t.error, 0);
    assert_int_equal(t.read, total);
    sim_free(sim);
}

static void bytes_arrive(void **state) {
    (void)state;
    for (int v6 = 0; v6 < 2; v6++)
        for (int link = TERN_LINK_IP; link <= TERN_LINK_ETHERNET; link++)
            for (int offload = 0; offload < 2; offload++) {
                struct sim_config c = sim_config_default(7);
                c.link = (enum tern_link)link;
                c.offload = offload != 0;
                c.stack[0].dad = c.stack[1].dad = 0;
                c.path[0].delay_ns = c.path[1].delay_ns = 5 * SIM_MS;
                check_transfer(&c, 3000000, v6 != 0);
            }
}

static struct sim_config rough(uint64_t seed) {
    struct sim_config c = sim_config_default(seed);
    for (int side = 0; side < 2; side++)
        c.path[side] = (struct memlink_path){.rate_bps = 50000000,
                                             .delay_ns = 10 * SIM_MS,
                                             .jitter_ns = SIM_MS,
                                             .queue_bytes = 200000,
                                             .loss_ppm = 10000,
                                             .duplicate_ppm = 10000,
                                             .reorder_ppm = 10000,
                                             .reorder_ns = 3 * SIM_MS,
                                             .corrupt_ppm = 2000};
    return c;
}

static void bytes_arrive_over_a_rough_link(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct sim_config c = rough(seed);
        check_transfer(&c, 500000, false);
    }
}

/* No packet of the dialogue can arrive before 1.5 round trips. */
static void virtual_time_is_exact(void **state) {
    (void)state;
    struct transfer t = {.total = 10};
    struct sim_config c = sim_config_default(3);
    c.path[0].delay_ns = 30 * SIM_MS;
    c.path[1].delay_ns = 20 * SIM_MS;
    struct sim *sim = start(&c, &t, false);
    assert_true(sim->now == SIM_SECOND);
    assert_int_equal(sim_run(sim, SIM_SECOND + 80 * SIM_MS - 1), SIM_UNTIL); /* SYN 30, SYN-ACK 20, data 30 */
    assert_int_equal(t.read, 0);
    assert_true(sim->now == SIM_SECOND + 80 * SIM_MS - 1);
    assert_int_equal(sim_run(sim, 60ull * SIM_SECOND), SIM_STOPPED);
    assert_int_equal(t.read, 10);
    assert_true(sim->now == SIM_SECOND + 80 * SIM_MS);
    /* then both close, 2 MSL pass, and nothing is left to do */
    enum sim_result r = sim_run(sim, TERN_NEVER);
    assert_int_equal(r, SIM_IDLE);
    assert_true(sim->now >= SIM_SECOND + 60ull * SIM_SECOND);
    assert_true(sim->now < 200ull * SIM_SECOND);
    sim_free(sim);
}

static uint64_t history(uint64_t seed) {
    struct transfer t = {.total = 200000};
    struct sim_config c = rough(seed);
    struct sim *sim = start(&c, &t, false);
    memlink_tap(sim->link, tap, &t);
    assert_int_equal(sim_run(sim, 600ull * SIM_SECOND), SIM_STOPPED);
    uint64_t h = t.hash ^ sim->now;
    sim_free(sim);
    return h;
}

static void the_same_seed_is_the_same_history(void **state) {
    (void)state;
    uint64_t a = history(42);
    assert_true(a == history(42));
    assert_true(a != history(43));
}

static void real_time_waits(void **state) {
    (void)state;
    struct transfer t = {.total = 100};
    struct sim_config c = sim_config_default(1);
    c.real_time = true;
    c.path[0].delay_ns = c.path[1].delay_ns = 10 * SIM_MS;
    struct sim *sim = start(&c, &t, false);
    uint64_t before = tern_host_now();
    assert_int_equal(sim_run(sim, before + 120ull * SIM_SECOND), SIM_STOPPED);
    uint64_t took = tern_host_now() - before;
    assert_int_equal(t.read, 100);
    assert_in_range(took, 29 * SIM_MS, 60ull * SIM_SECOND);
    sim_free(sim);
}

/* A host that is no stack: it notes when it is called, and says something once, at its own time. */
struct mute {
    unsigned heard, spoke;
    uint64_t heard_ns[8], spoke_ns;
};

static void mute_input(void *ctx, const tern_packet *packets, size_t n, uint64_t now_ns) {
    struct mute *m = ctx;
    assert_non_null(packets);
    for (size_t i = 0; i < n && m->heard < 8; i++) m->heard_ns[m->heard++] = now_ns;
}

static size_t mute_output(void *ctx, struct memlink *link, int side, uint64_t now_ns) {
    static const uint8_t noise[20] = {0};
    struct mute *m = ctx;
    if (m->spoke != 0 || now_ns < 2500 * (uint64_t)SIM_MS) return 0;
    m->spoke_ns = now_ns;
    m->spoke++;
    memlink_inject(link, side, noise, sizeof noise, now_ns);
    return 1;
}

static uint64_t mute_deadline(const void *ctx) {
    const struct mute *m = ctx;
    return m->spoke != 0 ? TERN_NEVER : 2500 * (uint64_t)SIM_MS;
}

static void a_host_of_another_kind_keeps_the_same_time(void **state) {
    (void)state;
    struct mute mute = {0};
    struct sim_guest guest = {&mute, mute_input, mute_output, mute_deadline};
    struct sim_config c = sim_config_default(1);
    struct sim *sim;
    struct driver_error err;
    c.guest[0] = &guest;
    c.path[1].delay_ns = 10 * SIM_MS;
    assert_int_equal(sim_new(&c, &sim, &err), 0);
    assert_null(sim->stack[0]);
    tern_sock s;
    tern_open o = {.size = sizeof o, .remote = sim->addr4[0], .remote_port = PORT};
    assert_int_equal(tern_connect(sim->stack[1], &o, &s), TERN_OK);
    assert_int_equal(sim_run(sim, 5ull * SIM_SECOND), SIM_UNTIL);
    assert_int_equal(mute.heard, 3); /* a SYN, and again after 1 and 2 seconds */
    assert_int_equal(mute.heard_ns[0], 1010 * (uint64_t)SIM_MS);
    assert_int_equal(mute.heard_ns[2], 4010 * (uint64_t)SIM_MS);
    assert_int_equal(mute.spoke_ns, 2500 * (uint64_t)SIM_MS);
    struct memlink_stats stats;
    memlink_stats_get(sim->link, 0, &stats);
    assert_int_equal(stats.packets, 1);
    sim_free(sim);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_arrive),          cmocka_unit_test(bytes_arrive_over_a_rough_link),
        cmocka_unit_test(virtual_time_is_exact), cmocka_unit_test(the_same_seed_is_the_same_history),
        cmocka_unit_test(real_time_waits),       cmocka_unit_test(a_host_of_another_kind_keeps_the_same_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
