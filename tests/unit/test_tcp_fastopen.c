/* test_tcp_fastopen.c - TCP Fast Open between two hosts in virtual time (RFC 7413): cookies asked for and used, data
 * before the handshake is complete, and what happens when the cookie is bad, the data is lost or refused, or too many opens are
 * pending. */
#include "tcp_fixture.h"

#include "drivers/sim.h"

enum { ONE_WAY_MS = 10 };

static struct world {
    struct sim *sim;
    tern_sock listener, client, server;
    uint64_t read_at;
    char got[64];
    size_t len;
    unsigned syn_data;  /* bytes seen on SYNs */
    unsigned told_sent; /* that all was acknowledged */
} w;

static void app(void *ctx, struct sim *sim, int side, const tern_event *e) {
    (void)ctx;
    if (side == 0 && e->bits & TERN_EV_SENT) w.told_sent++;
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

static bool asks_for_marks;

static void world_new(uint32_t fast_open, uint32_t pending) {
    memset(&w, 0, sizeof w);
    struct sim_config c = sim_config_default(7);
    struct driver_error err;
    c.path[0].delay_ns = c.path[1].delay_ns = ONE_WAY_MS * SIM_MS;
    c.stack[0].fast_open = c.stack[1].fast_open = fast_open;
    c.stack[1].fast_open_pending = pending;
    if (asks_for_marks) c.stack[0].ecn = 1;
    c.app = app;
    assert_int_equal(sim_new(&c, &w.sim, &err), 0);
    tern_trace_set(w.sim->stack[0], TERN_TRACE_SEGMENT_OUT, trace, NULL);
    tern_listen_config l = {.size = sizeof l, .port = 80};
    assert_int_equal(tern_listen(w.sim->stack[1], &l, &w.listener), TERN_OK);
}

/* Opens, writes `words` before anything leaves, and runs until it has arrived. Returns after how many milliseconds it
 * was read. */
static unsigned request(const char *words) {
    tern_open o = {.size = sizeof o, .remote = w.sim->addr4[1], .remote_port = 80};
    uint64_t start = w.sim->now;
    w.len = 0;
    w.read_at = 0;
    w.syn_data = w.told_sent = 0;
    assert_int_equal(tern_connect(w.sim->stack[0], &o, &w.client), TERN_OK);
    assert_int_equal(tern_set(w.sim->stack[0], w.client, TERN_OPT_FAST_OPEN, 1), TERN_OK);
    assert_int_equal(tern_write(w.sim->stack[0], w.client, words, strlen(words)), (ptrdiff_t)strlen(words));
    sim_run(w.sim, start + 5ull * SIM_SECOND);
    assert_int_equal(w.len, strlen(words));
    assert_int_equal(w.told_sent, 1);
    assert_memory_equal(w.got, words, w.len);
    tern_status_info s = {.size = sizeof s};
    assert_int_equal(tern_status(w.sim->stack[0], w.client, &s), TERN_OK);
    assert_int_equal(s.state, TERN_ESTABLISHED);
    assert_int_equal(s.send_queued, 0);
    assert_int_equal(s.bytes_sent, strlen(words));
    unsigned marks = s.ecn;
    assert_int_equal(marks, w.sim->config.stack[0].ecn == 1 ? 2 : 0);
    assert_int_equal(tern_status(w.sim->stack[1], w.server, &s), TERN_OK);
    assert_int_equal(s.state, TERN_ESTABLISHED);
    assert_int_equal(s.bytes_received, strlen(words));
    assert_int_equal(s.ecn, marks);
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

static tern_sock open_with(const char *words) {
    tern_open o = {.size = sizeof o, .remote = w.sim->addr4[1], .remote_port = 80};
    tern_sock c;
    assert_int_equal(tern_connect(w.sim->stack[0], &o, &c), TERN_OK);
    tern_set(w.sim->stack[0], c, TERN_OPT_FAST_OPEN, 1);
    tern_write(w.sim->stack[0], c, words, strlen(words));
    return c;
}

/* [RFC7413 4.2] What is pending is counted, and what was completed makes room for the next. */
static void what_is_complete_is_not_pending(void **state) {
    (void)state;
    world_new(3, 1);
    request("first");
    for (unsigned i = 0; i < 3; i++) {
        w.len = 0;
        tern_sock one = open_with("gone");
        sim_run(w.sim, w.sim->now + 5 * SIM_MS);
        tern_sock two = open_with("held"); /* beside it: one too many */
        sim_run(w.sim, w.sim->now + 14 * SIM_MS);
        assert_int_equal(w.len, 4); /* of the first only */
        sim_run(w.sim, w.sim->now + 500 * SIM_MS);
        tern_abort(w.sim->stack[0], one);
        tern_abort(w.sim->stack[0], two);
        tern_close(w.sim->stack[1], w.server);
        sim_run(w.sim, w.sim->now + 300ull * SIM_SECOND);
        assert_int_equal(request("fast"), ONE_WAY_MS);
    }
    sim_free(w.sim);
}

/* [RFC7413 5.1] Open requests that were reset go on counting for a while: the RSTs of hosts whose addresses are forged would else
 * make room for more of the flood. */
static void what_was_reset_counts_on(void **state) {
    (void)state;
    world_new(3, 2);
    request("first");
    for (unsigned i = 0; i < 2; i++) {
        for (unsigned k = 0; k < 2; k++) {
            tern_sock c = open_with("gone");
            sim_run(w.sim, w.sim->now + 5 * SIM_MS);
            tern_abort(w.sim->stack[0], c);
            sim_run(w.sim, w.sim->now + 500 * SIM_MS);
            tern_close(w.sim->stack[1], w.server);
        }
        assert_int_equal(request("slow"), 3 * ONE_WAY_MS);
        sim_run(w.sim, w.sim->now + 120ull * SIM_SECOND);
        assert_int_equal(request("fast"), ONE_WAY_MS);
    }
    sim_free(w.sim);
}

static bool drop_full_syns(void *ctx, int from, uint64_t number, const void *data, uint32_t len) {
    (void)ctx;
    (void)number;
    const uint8_t *p = data, *tcp = p + 20;
    return from == 0 && tcp[13] == TERN_SYN && len > 20u + (tcp[12] >> 4) * 4u;
}

/* [RFC7413 4.1.3.1] Where SYNs with data do not get through it is not tried every time: not for a minute, then two. */
static void a_path_that_cannot_bear_it(void **state) {
    (void)state;
    world_new(3, 256);
    request("first");
    memlink_filter(w.sim->link, drop_full_syns, NULL);
    for (unsigned i = 0; i < 2; i++) { /* one request takes 105 s */
        assert_int_equal(request("again"), 1000 + 3 * ONE_WAY_MS);
        assert_int_equal(w.syn_data, strlen("again"));
    }
    assert_int_equal(request("plain"), 3 * ONE_WAY_MS);
    assert_int_equal(w.syn_data, 0);
    memlink_filter(w.sim->link, NULL, NULL);
    assert_int_equal(request("fast"), ONE_WAY_MS); /* which wipes the slate clean */
    memlink_filter(w.sim->link, drop_full_syns, NULL);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(request("again"), 1000 + 3 * ONE_WAY_MS);
        assert_int_equal(w.syn_data, strlen("again"));
    }
    sim_free(w.sim);
}

/* [RFC7413 4.1.3.1] The same where the server leaves the data behind. */
static void a_server_that_does_not_take_it(void **state) {
    (void)state;
    world_new(3, 0);
    request("one");
    for (unsigned i = 0; i < 2; i++) {
        request("left");
        assert_int_equal(w.syn_data, 4);
    }
    request("plain");
    assert_int_equal(w.syn_data, 0);
    sim_free(w.sim);
}

/* The fixture's host sends a segment that opens, with so many bytes of options. */
static tern_frame take_opening(uint8_t flags, unsigned options) {
    tern_frame f;
    assert_int_equal(tern_output(fx.stack, &f, 1, fx.now), 1);
    const uint8_t *tcp = f.head + f.csum_start;
    assert_int_equal(tcp[13], flags);
    assert_int_equal((tcp[12] >> 4) * 4 - 20, options);
    fx.iss = load32(tcp + 4);
    return f;
}

static tern_frame take_syn(unsigned options) { return take_opening(SYN, options); }

/* [RFC7413 4.2.1, 4.2.2] A SYN,ACK that has to be repeated comes without the cookie: perhaps that was what did not get through. */
static void a_lost_cookie(void **state) {
    (void)state;
    static const uint8_t wish[] = {34, 2, 1, 1};
    fx.cfg.fast_open = 2;
    assert_int_equal(app_listen(0, 0), TERN_OK);
    inject_with(.flags = SYN, .raw = wish, .raw_len = sizeof wish);
    take_opening(SYN | ACK, 4 + 12);
    fx.now += SEC_NS + 20 * MS_NS;
    tern_expire(fx.stack, fx.now);
    take_opening(SYN | ACK, 4);
    inject(ACK, 1, 1, 0);
    expect_state(TERN_ESTABLISHED);
}

/* [RFC7413 4.1.3.1] And where it is refused: the next attempt has a chance. */
static void a_firewall_that_refuses_it(void **state) {
    (void)state;
    fx.cfg.fast_open = 1;
    for (uint16_t i = 0; i < 3; i++) {
        fx_new_peer((uint16_t)(MY_PORT + i), PEER_PORT);
        assert_int_equal(app_connect(), TERN_OK);
        assert_int_equal(app_set(TERN_OPT_FAST_OPEN, 1), TERN_OK);
        take_syn(i == 1 ? 4 : 4 + 4); /* with the wish for a cookie */
        if (i == 0) inject(RST | ACK, 0, 1, 0);
        if (i == 1) {
            inject(RST | ACK, 0, 1, 0); /* a plain one: this says nothing */
            advance(60000);
        }
    }
}

/* [RFC7413 4.1.3] A SYN with data is one packet that fits the path, whatever the server said it takes and the device cuts. */
static void text_that_fits_one_packet(void **state) {
    (void)state;
    static const uint8_t options[] = {2, 4, 0x23, 0, 34, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1}; /* MSS 8960, a cookie */
    fx.cfg.fast_open = 1;
    for (uint16_t i = 0; i < 4; i++) {
        fx_new_peer((uint16_t)(MY_PORT + i), PEER_PORT);
        assert_int_equal(app_connect(), TERN_OK);
        assert_int_equal(app_set(TERN_OPT_FAST_OPEN, 1), TERN_OK);
        if (i == 0) {
            take_syn(4 + 4);
            inject_with(.flags = SYN | ACK, .ack = 1, .raw = options, .raw_len = sizeof options);
            expect(ACK, 1, 1, 0);
            continue;
        }
        if (i == 3) assert_int_equal(app_set(TERN_OPT_MSS, 800), TERN_OK);
        app_write(i == 1 ? 1000 : 5000);
        tern_frame f = take_syn(4 + 12);
        uint32_t ip = fx.v6 ? 40 : 20;
        assert_int_equal(f.len, i == 1 ? ip + 20 + 16 + 1000 : i == 2 ? fx.mtu : ip + 20 + 800);
        assert_int_equal(f.segment_size, 0);
        inject_with(.flags = SYN | ACK, .ack = 1001, .raw = options, .raw_len = 4);
        drop_out();
    }
}

/* [RFC7413 4.2.2] The longest cookie fills the header; where it leaves no room for the other options it stays away with its data. */
static void the_longest_cookie(void **state) {
    (void)state;
    static const uint8_t options[] = {2, 4, 5, 180, 34, 18, 1,  2,  3,  4,  5, 6,
                                      7, 8, 9, 10,  11, 12, 13, 14, 15, 16, 1, 1};
    enum { MSS = 4, SCALE = 4, STAMPS_AND_SACK = 12, TIMEOUT = 4, WISH = 4, COOKIE = 20 };
    fx.cfg.fast_open = fx.cfg.sack = fx.cfg.timestamps = fx.cfg.window_scale = 1;
    for (uint16_t i = 0; i < 3; i++) {
        fx_new_peer((uint16_t)(MY_PORT + i), PEER_PORT);
        assert_int_equal(app_connect(), TERN_OK);
        assert_int_equal(app_set(TERN_OPT_FAST_OPEN, 1), TERN_OK);
        if (i == 2) assert_int_equal(app_set(TERN_OPT_USER_TIMEOUT_OPTION_S, 300), TERN_OK);
        app_write(100);
        static const unsigned more[] = {WISH, COOKIE, TIMEOUT};
        tern_frame f = take_syn(MSS + SCALE + STAMPS_AND_SACK + more[i]);
        assert_int_equal(f.len - f.head_len, i == 1 ? 100 : 0);
        if (i == 2) break;
        inject_with(.flags = SYN | ACK, .ack = i == 1 ? 101 : 1, .raw = options, .raw_len = i ? 4 : sizeof options);
        drop_out();
    }
}

/* [RFC7413 4.1.3] A cookie was made for one address of ours. From another one it opens nothing, and shows whose it was. */
static void a_cookie_is_of_one_address(void **state) {
    (void)state;
    static const uint8_t options[] = {34, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1};
    static const struct { uint8_t address, cookie; } opens[] = {{1, 0}, {1, 1}, {2, 0}, {2, 1}, {1, 0}, {1, 1}};
    fx.cfg.fast_open = 1;
    fx_up();
    for (uint16_t i = 0; i < ARRAY_LEN(opens); i++) {
        assert_int_equal(tern_addr_remove(fx.stack, fx.iface, &fx.me), TERN_OK);
        fx.me.bytes[fx.v6 ? 15 : 3] = (uint8_t)(opens[i].address + 100);
        assert_int_equal(tern_addr_add(fx.stack, fx.iface, &fx.me, fx.v6 ? 64 : 24), TERN_OK);
        fx_new_peer((uint16_t)(MY_PORT + i), PEER_PORT);
        assert_int_equal(app_connect(), TERN_OK);
        assert_int_equal(app_set(TERN_OPT_FAST_OPEN, 1), TERN_OK);
        app_write(100);
        tern_frame f = take_syn(opens[i].cookie ? 4 + 12 : 4 + 4);
        assert_int_equal(f.len - f.head_len, opens[i].cookie ? 100 : 0);
        inject_with(.flags = SYN | ACK, .ack = opens[i].cookie ? 101 : 1, .raw = options, .raw_len = sizeof options);
        drop_out();
        expect_state(TERN_ESTABLISHED);
    }
}

/* The bits of the SYN,ACK are those of every other: both ends have the same in mind. */
static void with_congestion_marks(void **state) {
    (void)state;
    asks_for_marks = true;
    world_new(3, 256);
    asks_for_marks = false;
    for (unsigned i = 0; i < 2; i++) request("marks");
    assert_int_equal(w.syn_data, 5);
    sim_free(w.sim);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_second_open_is_fast),
        cmocka_unit_test(off_by_default),
        cmocka_unit_test(too_many_pending),
        cmocka_unit_test(a_lost_fast_syn),
        cmocka_unit_test(reset_before_the_handshake),
        cmocka_unit_test(what_is_complete_is_not_pending),
        cmocka_unit_test(what_was_reset_counts_on),
        cmocka_unit_test(a_path_that_cannot_bear_it),
        cmocka_unit_test(a_server_that_does_not_take_it),
        BOTH(a_firewall_that_refuses_it),
        BOTH(a_lost_cookie),
        BOTH(the_longest_cookie),
        BOTH(a_cookie_is_of_one_address),
        BOTH(text_that_fits_one_packet),
        cmocka_unit_test(with_congestion_marks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
