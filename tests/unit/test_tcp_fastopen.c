/* test_tcp_fastopen.c - TCP Fast Open between two hosts in virtual time (RFC 7413): cookies asked for and used, data
 * before the handshake is complete, and what happens when the cookie is bad, the data is lost or too many opens are
 * pending. */
#include "drivers/sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { ONE_WAY_MS = 10 };

static struct world {
    struct sim *sim;
    tern_sock listener, client, server;
    uint64_t read_at;
    char got[64];
    size_t len;
    unsigned syn_data; /* bytes seen on SYNs */
} w;

static void app(void *ctx, struct sim *sim, int side, const tern_event *e) {
    (void)ctx;
    if (side == 1 && e->bits & TERN_EV_ACCEPT) tern_accept(sim->stack[1], w.listener, &w.server, NULL);
    if (side == 1 && e->bits & TERN_EV_READ) {
        ptrdiff_t n = tern_read(sim->stack[1], w.server, w.got + w.len, sizeof w.got - w.len);
        if (n > 0) w.len += (size_t)n;
        if (!w.read_at) w.read_at = sim->now;
    }
}

static void trace(void *ctx, const tern_trace *r) {
    (void)ctx;
    if (r->kind == TERN_TRACE_SEGMENT_OUT && r->seg.flags & TERN_SYN) w.syn_data += r->seg.len;
}

static void world_new(uint32_t fast_open, uint32_t pending) {
    memset(&w, 0, sizeof w);
    struct sim_config c = sim_config_default(7);
    struct driver_error err;
    c.path[0].delay_ns = c.path[1].delay_ns = ONE_WAY_MS * SIM_MS;
    c.stack[0].fast_open = c.stack[1].fast_open = fast_open;
    c.stack[1].fast_open_pending = pending;
    c.app = app;
    assert_int_equal(sim_new(&c, &w.sim, &err), 0);
    tern_trace_set(w.sim->stack[0], TERN_TRACE_SEGMENT_OUT, trace, NULL);
    tern_listen_config l = {.size = sizeof l, .port = 80};
    assert_int_equal(tern_listen(w.sim->stack[1], &l, &w.listener), TERN_OK);
}

/* Opens, writes `text` before anything leaves, and runs until it has arrived. Returns after how many milliseconds it
 * was read. */
static unsigned request(const char *text) {
    tern_open o = {.size = sizeof o, .remote = w.sim->addr4[1], .remote_port = 80};
    uint64_t start = w.sim->now;
    w.len = 0;
    w.read_at = 0;
    w.syn_data = 0;
    assert_int_equal(tern_connect(w.sim->stack[0], &o, &w.client), TERN_OK);
    assert_int_equal(tern_set(w.sim->stack[0], w.client, TERN_OPT_FAST_OPEN, 1), TERN_OK);
    assert_int_equal(tern_write(w.sim->stack[0], w.client, text, strlen(text)), (ptrdiff_t)strlen(text));
    sim_run(w.sim, start + 5ull * SIM_SECOND);
    assert_int_equal(w.len, strlen(text));
    assert_memory_equal(w.got, text, w.len);
    tern_status_info s = {.size = sizeof s};
    assert_int_equal(tern_status(w.sim->stack[0], w.client, &s), TERN_OK);
    assert_int_equal(s.state, TERN_ESTABLISHED);
    assert_int_equal(s.send_queued, 0);
    assert_int_equal(s.bytes_sent, strlen(text));
    assert_int_equal(tern_status(w.sim->stack[1], w.server, &s), TERN_OK);
    assert_int_equal(s.state, TERN_ESTABLISHED);
    assert_int_equal(s.bytes_received, strlen(text));
    uint64_t took = w.read_at - start;
    tern_close(w.sim->stack[0], w.client);
    tern_close(w.sim->stack[1], w.server);
    sim_run(w.sim, w.sim->now + 100ull * SIM_SECOND);
    return (unsigned)(took / SIM_MS);
}

/* [RFC7413 4.2] The first open asks for a cookie, the second uses it: its data is read one way later instead of
 * three. */
static void the_second_open_is_fast(void **state) {
    (void)state;
    world_new(3, 256);
    assert_int_equal(request("first"), 3 * ONE_WAY_MS);
    assert_int_equal(w.syn_data, 0);
    assert_int_equal(request("second"), ONE_WAY_MS);
    assert_int_equal(w.syn_data, strlen("second"));
    sim_free(w.sim);
}

/* Off unless asked for: no option, no data on a SYN. */
static void off_by_default(void **state) {
    (void)state;
    tern_config c;
    tern_config_default(&c);
    assert_int_equal(c.fast_open, 0);
    world_new(0, 256);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(request("plain"), 3 * ONE_WAY_MS);
        assert_int_equal(w.syn_data, 0);
    }
    sim_free(w.sim);
}

/* [RFC7413 5.1] With too many pending, a good cookie opens an ordinary connection, and the data comes again after
 * the handshake. */
static void too_many_pending(void **state) {
    (void)state;
    world_new(3, 0);
    assert_int_equal(request("one"), 3 * ONE_WAY_MS);
    assert_int_equal(request("two"), 3 * ONE_WAY_MS);
    assert_int_equal(w.syn_data, strlen("two"));
    sim_free(w.sim);
}

static bool drop_numbered(void *ctx, int from, uint64_t number, const void *data, uint32_t len) {
    (void)data;
    (void)len;
    const uint64_t *which = ctx;
    return from == 0 && number == *which;
}

/* [RFC7413 4.1.3.1] A SYN that is lost with its data is repeated without; nothing is lost or doubled. */
static void a_lost_fast_syn(void **state) {
    (void)state;
    world_new(3, 256);
    request("first");
    struct memlink_stats s;
    memlink_stats_get(w.sim->link, 0, &s);
    uint64_t next = s.packets;
    memlink_filter(w.sim->link, drop_numbered, &next);
    assert_int_equal(request("second"), 1000 + 3 * ONE_WAY_MS);
    sim_free(w.sim);
}

/* A RST before the handshake is complete takes the connection back; the application hears of it. */
static void reset_before_the_handshake(void **state) {
    (void)state;
    world_new(3, 256);
    request("first");
    tern_open o = {.size = sizeof o, .remote = w.sim->addr4[1], .remote_port = 80};
    w.len = 0;
    assert_int_equal(tern_connect(w.sim->stack[0], &o, &w.client), TERN_OK);
    tern_set(w.sim->stack[0], w.client, TERN_OPT_FAST_OPEN, 1);
    tern_write(w.sim->stack[0], w.client, "gone", 4);
    sim_run(w.sim, w.sim->now + 5 * SIM_MS);
    tern_abort(w.sim->stack[0], w.client); /* the SYN,ACK meets no connection: RST */
    sim_run(w.sim, w.sim->now + 50 * SIM_MS);
    tern_status_info s = {.size = sizeof s};
    assert_int_equal(tern_status(w.sim->stack[1], w.server, &s), TERN_OK);
    assert_int_equal(s.state, TERN_CLOSED);
    assert_int_equal(s.error, TERN_ERESET);
    sim_free(w.sim);
}

/* [RFC7413 5.1] What is pending is counted: an open that failed, and one that was completed, make room for the next. */
static void what_failed_is_not_pending(void **state) {
    (void)state;
    world_new(3, 1);
    request("first");
    for (unsigned i = 0; i < 3; i++) {
        tern_open o = {.size = sizeof o, .remote = w.sim->addr4[1], .remote_port = 80};
        tern_sock second;
        w.len = 0;
        w.read_at = 0;
        assert_int_equal(tern_connect(w.sim->stack[0], &o, &w.client), TERN_OK);
        tern_set(w.sim->stack[0], w.client, TERN_OPT_FAST_OPEN, 1);
        tern_write(w.sim->stack[0], w.client, "gone", 4);
        sim_run(w.sim, w.sim->now + 5 * SIM_MS);
        assert_int_equal(tern_connect(w.sim->stack[0], &o, &second), TERN_OK); /* beside it: one too many */
        tern_set(w.sim->stack[0], second, TERN_OPT_FAST_OPEN, 1);
        tern_write(w.sim->stack[0], second, "held", 4);
        sim_run(w.sim, w.sim->now + 14 * SIM_MS);
        assert_int_equal(w.len, 4); /* of the first only */
        tern_abort(w.sim->stack[0], w.client);
        tern_abort(w.sim->stack[0], second);
        sim_run(w.sim, w.sim->now + 500 * SIM_MS);
        tern_close(w.sim->stack[1], w.server);
        assert_int_equal(request("fast"), ONE_WAY_MS);
    }
    sim_free(w.sim);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_second_open_is_fast),    cmocka_unit_test(off_by_default),
        cmocka_unit_test(too_many_pending),           cmocka_unit_test(a_lost_fast_syn),
        cmocka_unit_test(reset_before_the_handshake), cmocka_unit_test(what_failed_is_not_pending),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
