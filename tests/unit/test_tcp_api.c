/* test_tcp_api.c - TCP's calls where they touch memory and handles: lent packets, borrowed and reserved bytes, lists
 * of records, stale handles, options; and every allocation of a connection's life failing once, and from then on. */
#include "draw.h"
#include "tcp_fixture.h"

/* ---- lent packets ---- */

enum { LENT = 8 };
static struct {
    uint8_t bytes[2000];
    size_t len;
    bool out;
} lent[LENT];

static void lend(unsigned i, const struct seg *s) {
    lent[i].len = build(lent[i].bytes, s);
    lent[i].out = true;
    tern_packet p = {.data = lent[i].bytes, .len = (uint32_t)lent[i].len, .token = &lent[i]};
    assert_int_equal(tern_input(fx.stack, 0, &p, 1, fx.now), TERN_OK);
    fx_check();
}

/* Takes tokens back and spoils their bytes: nothing may refer to them any more. */
static unsigned reclaim(void) {
    void *tokens[LENT];
    int n = tern_reclaim(fx.stack, tokens, LENT);
    assert_true(n >= 0);
    for (int i = 0; i < n; i++) {
        unsigned k = 0;
        while (tokens[i] != &lent[k]) assert_true(++k < LENT);
        assert_true(lent[k].out);
        lent[k].out = false;
        memset(lent[k].bytes, 0xee, sizeof lent[k].bytes);
    }
    return (unsigned)n;
}

/* What is not kept comes back at once; what is kept stays readable until it was read. */
static void lent_packets(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    lend(0, &(struct seg){.flags = ACK, .seq = 1, .ack = 1});
    assert_int_equal(reclaim(), 1);
    lend(0, &(struct seg){.flags = ACK, .seq = 1, .ack = 1, .len = 10}); /* small: copied */
    assert_int_equal(reclaim(), 1);
    expect_read(10);
    lend(0, &(struct seg){.flags = ACK, .seq = 11, .ack = 1, .len = 1400});
    lend(1, &(struct seg){.flags = ACK, .seq = 1411, .ack = 1, .len = 1400});
    assert_int_equal(reclaim(), 0);
    assert_int_equal(app_read(1000), 1000);
    assert_int_equal(reclaim(), 0);
    assert_int_equal(app_read(401), 401);
    assert_int_equal(reclaim(), 1);
    expect_read(1399);
    assert_int_equal(reclaim(), 1);
    drop_out();
}

/* Lent, copied, out of order, overlapping: the stream is exact and every token comes back once. */
static void lent_and_copied(void **state) {
    (void)state;
    draw d = {9};
    to_state(TERN_ESTABLISHED, ACTIVE);
    uint32_t base = 1, total = 200000;
    unsigned gave = 0, back = 0;
    while (base <= total) {
        uint32_t ahead = draw_below(&d, 4) ? 0 : draw_below(&d, 5000), n = 1 + draw_below(&d, 1400);
        uint32_t at = draw_below(&d, 8) ? base + ahead : base - min_u32(base - 1, 300);
        unsigned slot = LENT;
        for (unsigned i = 0; i < LENT; i++)
            if (!lent[i].out) slot = i;
        struct seg s = {.flags = ACK, .seq = at, .ack = 1, .len = n};
        if (slot < LENT && draw_below(&d, 3)) {
            lend(slot, &s);
            gave++;
        } else {
            inject_seg(&s);
        }
        back += reclaim();
        if (draw_below(&d, 2)) app_read(draw_below(&d, 6000));
        back += reclaim();
        drop_out();
        tern_status_info i;
        assert_true(status_now(&i));
        base = i.rcv_nxt - fx.peer.isn;
        assert_int_equal(i.receive_queued, base - 1 - fx.read);
    }
    app_read(UINT32_MAX);
    back += reclaim();
    assert_int_equal(fx.read, base - 1);
    assert_int_equal(back, gave);
    assert_int_equal(counted(R_TEXT_NO_BUFFER), 0); /* nothing was refused that there was room for */
}

/* A connection that ends gives back what it still held. */
static void lent_until_the_end(void **state) {
    (void)state;
    for (unsigned how = 0; how < 3; how++) {
        fx_new_peer((uint16_t)(MY_PORT + how), PEER_PORT);
        to_state(TERN_ESTABLISHED, ACTIVE);
        lend(0, &(struct seg){.flags = ACK, .seq = 1, .ack = 1, .len = 1400});
        assert_int_equal(reclaim(), 0);
        if (how != 2) assert_int_equal(app_read(500), 500); /* a part of it is read already */
        if (how == 0) assert_int_equal(tern_close(fx.stack, fx.sock), TERN_OK);
        if (how == 1) assert_int_equal(tern_abort(fx.stack, fx.sock), TERN_OK);
        if (how == 2) {
            inject(RST, 1401, 0, 0);
            assert_int_equal(reclaim(), 0); /* it may still be read */
            expect_read(1400);
        }
        assert_int_equal(reclaim(), 1);
        drop_out();
    }
}

/* ---- without copies ---- */

static void borrow_and_release(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    tern_span span[8];
    assert_int_equal(tern_read_borrow(fx.stack, fx.sock, span, 8), TERN_EAGAIN);
    for (uint32_t i = 0; i < 6; i++) inject(ACK, 1 + 700 * i, 1, 700);
    drop_out();
    uint32_t seen = 0;
    for (unsigned turn = 0; seen < 4200; turn++) {
        int n = tern_read_borrow(fx.stack, fx.sock, span, 8);
        assert_in_range(n, 1, 8);
        uint8_t copy[4200];
        size_t len = 0;
        for (int i = 0; i < n; i++) {
            memcpy(copy + len, span[i].data, span[i].len);
            len += span[i].len;
        }
        assert_int_equal(len, 4200 - seen);
        uint32_t take = min_u32(4200 - seen, 1000 + turn * 7);
        if (turn % 2) {
            assert_int_equal(tern_read_release(fx.stack, fx.sock, take), TERN_OK);
        } else {
            uint8_t read[4200];
            assert_int_equal(tern_read(fx.stack, fx.sock, read, take), take);
            assert_memory_equal(read, copy, take);
        }
        seen += take;
    }
    assert_int_equal(tern_read_release(fx.stack, fx.sock, 1), TERN_EINVAL);
    assert_int_equal(tern_read_release(fx.stack, fx.sock, 0), TERN_OK);
    inject(FIN | ACK, 4201, 1, 0);
    assert_int_equal(tern_read_borrow(fx.stack, fx.sock, span, 8), 0);
}

static void reserve_and_commit(void **state) {
    (void)state;
    draw d = {3};
    fx.cfg.send_buffer = fx.cfg.send_buffer_max = 4096;
    to_state(TERN_ESTABLISHED, ACTIVE);
    fx.unchecked = true;
    uint32_t written = 0, acked = 0;
    while (acked < 50000) {
        void *ptr[2];
        size_t len[2];
        size_t want = 1 + draw_below(&d, 3000);
        int err = tern_write_reserve(fx.stack, fx.sock, want, ptr, len);
        if (err == TERN_OK) {
            assert_true(len[0] + len[1] <= want);
            size_t use = draw_below(&d, (uint32_t)(len[0] + len[1]) + 1);
            for (size_t i = 0; i < use; i++) {
                uint8_t *at = i < len[0] ? (uint8_t *)ptr[0] + i : (uint8_t *)ptr[1] + (i - len[0]);
                *at = (uint8_t)(written + i + (written + i) / 256);
            }
            assert_int_equal(tern_write_commit(fx.stack, fx.sock, use), TERN_OK);
            written += (uint32_t)use;
        } else {
            assert_int_equal(err, TERN_EAGAIN);
        }
        while (out_waiting()) {
            expect(ACK, 1 + acked, 1, ANY);
            for (uint32_t i = 0; i < fx.out.len; i++)
                assert_int_equal(fx.out.data[i], (uint8_t)(acked + i + (acked + i) / 256));
            acked += fx.out.len;
        }
        inject(ACK, 1, 1 + acked, 0);
    }
    assert_int_equal(tern_write_commit(fx.stack, fx.sock, 1 << 20), TERN_EINVAL);
}

/* Only what was reserved can be committed, and only once: whatever else lies in the buffer is nobody's to send. */
static void commit_without_room(void **state) {
    (void)state;
    void *ptr[2];
    size_t len[2];
    to_state(TERN_ESTABLISHED, ACTIVE);
    fx.unchecked = true;
    assert_int_equal(tern_write_commit(fx.stack, fx.sock, 1), TERN_EINVAL);
    assert_int_equal(tern_write_reserve(fx.stack, fx.sock, 10, ptr, len), TERN_OK);
    assert_int_equal(len[0] + len[1], 10);
    assert_int_equal(tern_write_commit(fx.stack, fx.sock, 11), TERN_EINVAL);
    assert_int_equal(tern_write_commit(fx.stack, fx.sock, 4), TERN_OK); /* a mistake costs nothing */
    assert_int_equal(tern_write_commit(fx.stack, fx.sock, 1), TERN_EINVAL);
    assert_int_equal(tern_write_reserve(fx.stack, fx.sock, 10, ptr, len), TERN_OK);
    assert_int_equal(tern_write(fx.stack, fx.sock, "abc", 3), 3); /* takes the place */
    assert_int_equal(tern_write_commit(fx.stack, fx.sock, 1), TERN_EINVAL);
    expect(ACK | PSH, 1, 1, 7);
}

/* Room in a full buffer is told once it is there. */
static void write_event(void **state) {
    (void)state;
    fx.cfg.send_buffer = fx.cfg.send_buffer_max = 2000;
    to_state(TERN_ESTABLISHED, ACTIVE);
    app_write(2000);
    assert_int_equal(tern_write(fx.stack, fx.sock, "x", 1), TERN_EAGAIN);
    drop_out();
    expect_event(0);
    inject(ACK, 1, 2001, 0);
    expect_event(TERN_EV_WRITE | TERN_EV_SENT);
    app_write(10);
}

/* ---- lists and handles ---- */

/* Every kind of record is shown, with its state and sockets. */
static void list_shows_all(void **state) {
    (void)state;
    fx.close_fully = true;
    assert_int_equal(app_listen(0, 0), TERN_OK);
    fx_new_peer(MY_PORT, PEER_PORT);
    inject(SYN, 0, 0, 0);
    expect(SYN | ACK, 0, 1, 0);
    fx_new_peer(1001, PEER_PORT);
    to_state(TERN_ESTABLISHED, ACTIVE);
    fx_new_peer(1002, PEER_PORT);
    to_state(TERN_TIME_WAIT, ACTIVE);
    fx_new_peer(1003, PEER_PORT);
    to_state(TERN_SYN_SENT, ACTIVE);
    unsigned seen[TERN_STATES] = {0}, all = 0;
    tern_status_info i = {.size = sizeof i};
    uint64_t cursor = 0;
    while (tern_list(fx.stack, &cursor, &i)) {
        seen[i.state]++;
        all++;
        assert_true(i.state == TERN_LISTEN || i.flow.remote_port == PEER_PORT);
        if (i.state == TERN_TIME_WAIT) assert_string_equal(i.timer, "2MSL");
        if (i.sock.id) assert_int_equal(tern_status(fx.stack, i.sock, &(tern_status_info){.size = sizeof i}), TERN_OK);
    }
    assert_int_equal(all, 5);
    static const enum tern_state each[] = {TERN_LISTEN, TERN_SYN_RECEIVED, TERN_ESTABLISHED, TERN_TIME_WAIT,
                                           TERN_SYN_SENT};
    for (unsigned k = 0; k < ARRAY_LEN(each); k++) assert_int_equal(seen[each[k]], 1);
    assert_false(tern_list(fx.stack, &cursor, &i));
}

/* A handle of a connection that is gone is an error in every call, also when its place is used again. */
static void stale_handles(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    tern_sock old = fx.sock, made_up[] = {old, {0}, {UINT64_MAX}, {old.id ^ 1}, {old.id ^ (UINT64_C(1) << 30)}, {7}};
    assert_int_equal(tern_abort(fx.stack, fx.sock), TERN_OK);
    drop_out();
    fx_new_peer(MY_PORT + 1, PEER_PORT);
    to_state(TERN_ESTABLISHED, ACTIVE);
    assert_true(fx.sock.id != old.id);
    for (unsigned i = 0; i < ARRAY_LEN(made_up); i++) {
        tern_sock s = made_up[i], out;
        uint8_t b[4];
        void *ptr[2];
        size_t len[2];
        tern_span span[2];
        int64_t v;
        uint64_t u;
        if (s.id == fx.sock.id) continue;
        assert_int_equal(tern_write(fx.stack, s, b, 4), TERN_ESTALE);
        assert_int_equal(tern_write_reserve(fx.stack, s, 4, ptr, len), TERN_ESTALE);
        assert_int_equal(tern_write_commit(fx.stack, s, 4), TERN_ESTALE);
        assert_int_equal(tern_read(fx.stack, s, b, 4), TERN_ESTALE);
        assert_int_equal(tern_read_borrow(fx.stack, s, span, 2), TERN_ESTALE);
        assert_int_equal(tern_read_release(fx.stack, s, 1), TERN_ESTALE);
        assert_int_equal(tern_shutdown(fx.stack, s), TERN_ESTALE);
        assert_int_equal(tern_close(fx.stack, s), TERN_ESTALE);
        assert_int_equal(tern_abort(fx.stack, s), TERN_ESTALE);
        assert_int_equal(tern_accept(fx.stack, s, &out, NULL), TERN_ESTALE);
        assert_int_equal(tern_held(fx.stack, s, &out, NULL), TERN_ESTALE);
        assert_int_equal(tern_hold_accept(fx.stack, s), TERN_ESTALE);
        assert_int_equal(tern_hold_refuse(fx.stack, s, true), TERN_ESTALE);
        assert_int_equal(tern_set(fx.stack, s, TERN_OPT_NODELAY, 1), TERN_ESTALE);
        assert_int_equal(tern_get(fx.stack, s, TERN_OPT_NODELAY, &v), TERN_ESTALE);
        assert_int_equal(tern_set_user(fx.stack, s, 1), TERN_ESTALE);
        assert_int_equal(tern_user(fx.stack, s, &u), TERN_ESTALE);
        assert_int_equal(tern_status(fx.stack, s, &(tern_status_info){.size = sizeof(tern_status_info)}), TERN_ESTALE);
    }
    expect_state(TERN_ESTABLISHED);
}

/* Options can be read back, have limits, and pass from a listener to what it accepts. */
/* What a connection has from the stack's configuration can be set on it by hand too: at both ends of the range. */
static void options_as_configured(void **state) {
    (void)state;
    static const struct {
        const char *name;
        enum tern_option o;
    } all[] = {{"send_buffer", TERN_OPT_SEND_BUFFER},
               {"receive_buffer", TERN_OPT_RECEIVE_BUFFER},
               {"keepalive_idle_ms", TERN_OPT_KEEPALIVE_IDLE_MS},
               {"keepalive_interval_ms", TERN_OPT_KEEPALIVE_INTERVAL_MS},
               {"keepalive_probes", TERN_OPT_KEEPALIVE_PROBES},
               {"r2_ms", TERN_OPT_USER_TIMEOUT_MS},
               {"syn_retries", TERN_OPT_SYN_RETRIES},
               {"fin_wait_2_ms", TERN_OPT_FIN_WAIT_2_MS},
               {"zero_window_ms", TERN_OPT_ZERO_WINDOW_MS},
               {"congestion", TERN_OPT_CONGESTION},
               {"ttl", TERN_OPT_TTL}};
    fx_up();
    for (unsigned i = 0; i < ARRAY_LEN(all); i++) {
        tern_setting setting = {0};
        for (size_t k = 0; !setting.name || strcmp(setting.name, all[i].name) != 0; k++)
            assert_true(tern_setting_at(k, &setting));
        for (unsigned most = 0; most < 2; most++) {
            tern_sock l;
            tern_listen_config c = {.size = sizeof c, .port = (uint16_t)(1 + i)};
            int64_t v, wanted = (int64_t)(most ? setting.max : setting.min);
            assert_int_equal(tern_listen(fx.stack, &c, &l), TERN_OK);
            assert_int_equal(tern_set(fx.stack, l, all[i].o, wanted), TERN_OK);
            assert_int_equal(tern_get(fx.stack, l, all[i].o, &v), TERN_OK);
            assert_int_equal(v, wanted);
            assert_int_equal(tern_close(fx.stack, l), TERN_OK);
        }
    }
}

static void options(void **state) {
    (void)state;
    fx_up();
    assert_int_equal(app_listen(0, 0), TERN_OK);
    static const struct {
        enum tern_option o;
        int64_t good, bad;
    } all[] = {{TERN_OPT_NODELAY, 1, 2},
               {TERN_OPT_CORK, 1, -1},
               {TERN_OPT_SEND_BUFFER, 5000, 1},
               {TERN_OPT_RECEIVE_BUFFER, 6000, 0},
               {TERN_OPT_KEEPALIVE, 1, 2},
               {TERN_OPT_KEEPALIVE_IDLE_MS, 1234, 0},
               {TERN_OPT_USER_TIMEOUT_MS, 777, -1},
               {TERN_OPT_DSCP, 10, 64},
               {TERN_OPT_TTL, 7, 256},
               {TERN_OPT_MSS, 300, 65536}};
    for (unsigned i = 0; i < ARRAY_LEN(all); i++) {
        int64_t v = 0;
        assert_int_equal(tern_set(fx.stack, fx.listener, all[i].o, all[i].bad), TERN_ERANGE);
        assert_int_equal(tern_set(fx.stack, fx.listener, all[i].o, all[i].good), TERN_OK);
        assert_int_equal(tern_get(fx.stack, fx.listener, all[i].o, &v), TERN_OK);
        assert_int_equal(v, all[i].good);
    }
    assert_int_equal(tern_set(fx.stack, fx.listener, (enum tern_option)0, 1), TERN_ENAME);
    assert_int_equal(tern_set(fx.stack, fx.listener, (enum tern_option)999, 1), TERN_ENAME);
    inject(SYN, 0, 0, 0);
    expect(SYN | ACK, 0, 1, 0);
    assert_int_equal(fx.out.mss, 300);
    assert_int_equal(fx.out.wnd, 6000);
    assert_int_equal(fx.out.ttl, 7);
    inject(ACK, 1, 1, 0);
    assert_int_equal(app_accept(), TERN_OK);
    for (unsigned i = 0; i < ARRAY_LEN(all); i++) {
        int64_t v = 0;
        assert_int_equal(tern_get(fx.stack, fx.sock, all[i].o, &v), TERN_OK);
        assert_int_equal(v, all[i].good);
    }
    assert_int_equal(tern_set_user(fx.stack, fx.sock, 99), TERN_OK);
    inject(ACK, 1, 1, 10);
    tern_event e[4];
    int n = tern_poll(fx.stack, e, 4);
    bool found = false;
    for (int i = 0; i < n; i++) found |= e[i].user == 99 && (e[i].bits & TERN_EV_READ);
    assert_true(found);
}

/* ---- memory that fails ---- */

/* One life: listener, passive and active connection, data both ways and out of order, close. Every step may fail; after
 * each, the connection goes on or has ended, and nothing is wrong in between. */
static void life(void) {
    fx.unchecked = true;
    static const uint8_t data[3000];
    uint8_t b[500];
    tern_open o = {.size = sizeof o, .remote = fx.peer_addr, .local_port = 1001, .remote_port = PEER_PORT};
    (void)app_listen(0, 0);
    inject(SYN, 0, 0, 0);
    drop_out();
    inject(ACK, 1, 1, 10);
    drop_out();
    tern_sock passive = {0}, active = {0};
    (void)tern_accept(fx.stack, fx.listener, &passive, NULL);
    inject(ACK, 501, 1, 100);
    inject(ACK, 301, 1, 1400);
    inject(ACK, 11, 1, 290);
    (void)tern_write(fx.stack, passive, data, sizeof data);
    drop_out();
    while (tern_read(fx.stack, passive, b, sizeof b) > 0) {
    }
    advance(3000);
    drop_out();
    fx_new_peer(1001, PEER_PORT);
    (void)tern_connect(fx.stack, &o, &active);
    drop_out();
    inject(SYN | ACK, 0, 1, 0);
    (void)tern_write(fx.stack, active, data, sizeof data);
    drop_out();
    inject(ACK, 1, 1001, 1400);
    inject_with(.flags = ACK, .seq = 3001, .ack = 1001, .len = 100);
    (void)tern_close(fx.stack, active);
    (void)tern_close(fx.stack, passive);
    drop_out();
    inject(FIN | ACK, 1401, 3002, 0);
    (void)tern_close(fx.stack, fx.listener);
    drop_out();
    advance(200000);
    drop_out();
}

static void fails(bool on) {
    bool v6 = fx.v6;
    fx_down();
    fx_reset(v6);
    fx.cfg.sack = fx.cfg.timestamps = 1;
    fx.peer.sack = fx.peer.ts = true;
    fx.cfg.congestion = TERN_CUBIC;
    fx_up();
    uint64_t first = fx.heap.calls;
    life();
    uint64_t last = fx.heap.calls;
    assert_true(last > first + 5);
    fx_down();
    for (uint64_t k = first + 1; k <= last; k++) {
        fx_reset(v6);
        fx.cfg.sack = fx.cfg.timestamps = 1;
        fx.peer.sack = fx.peer.ts = true;
        fx.cfg.congestion = TERN_CUBIC;
        fx_up();
        fx.heap.fail_at = k;
        fx.heap.fail_on = on;
        life();
        fx.heap.fail_at = 0;
        fx_down(); /* checks that nothing is left */
    }
}
static void allocation_fails_once(void **state) {
    (void)state;
    fails(false);
}
static void allocation_fails_from_then_on(void **state) {
    (void)state;
    fails(true);
}

/* Making a stack fails cleanly at each of its allocations. */
static void no_memory_for_a_stack(void **state) {
    (void)state;
    for (uint64_t k = 1;; k++) {
        fx.heap.calls = 0;
        fx.heap.fail_at = k;
        int err = tern_new(&fx.cfg, fx.now, &fx.stack);
        if (err == TERN_OK) break;
        assert_int_equal(err, TERN_ENOMEM);
        assert_null(fx.stack);
        assert_int_equal(fx.heap.live, 0);
    }
    fx.heap.fail_at = 0;
    tern_free(fx.stack);
    fx.stack = NULL;
    assert_int_equal(fx.heap.live, 0);
}

/* The cap refuses new work and breaks nothing that exists; what ends gives room. */
static void memory_cap(void **state) {
    (void)state;
    fx.cfg.memory_max = 600000;
    fx.unchecked = true;
    to_state(TERN_ESTABLISHED, ACTIVE);
    static const uint8_t data[20000];
    tern_sock first = fx.sock;
    uint32_t iss = fx.iss;
    unsigned refused = 0;
    for (uint16_t i = 1; i < 200; i++) {
        fx_new_peer((uint16_t)(MY_PORT + i), PEER_PORT);
        if (app_connect() != TERN_OK) {
            refused++;
            continue;
        }
        drop_out();
        inject(SYN | ACK, 0, 1, 0);
        if (tern_write(fx.stack, fx.sock, data, sizeof data) == TERN_ENOMEM) refused++;
        drop_out();
        tern_stats st = {.size = sizeof st};
        assert_int_equal(tern_stats_get(fx.stack, &st), TERN_OK);
        assert_true(st.memory <= 600000);
    }
    assert_true(refused > 0);
    fx_new_peer(MY_PORT, PEER_PORT);
    fx.sock = first;
    fx.iss = iss;
    inject(ACK, 1, 1, 0);
    expect_none();
    expect_state(TERN_ESTABLISHED);
    uint64_t cursor = 0;
    tern_status_info i;
    tern_sock all[256];
    unsigned n = 0;
    while (tern_list(fx.stack, &cursor, &i))
        if (i.sock.id && i.sock.id != first.id) all[n++] = i.sock;
    while (n) tern_abort(fx.stack, all[--n]);
    drop_out();
    assert_int_equal(tern_write(fx.stack, first, data, 2000), 2000);
    inject(ACK, 1, 1, 100);
    assert_int_equal(app_read(1000), 100);
    drop_out();
}

/* A queue that was taken in part is a queue like any other: what heads it now may leave it, too. */
static void events_taken_one_by_one(void **state) {
    (void)state;
    assert_int_equal(app_connect(), TERN_OK);
    struct event_node node[4] = {{0}};
    tern_event e[4];
    for (unsigned i = 0; i < 4; i++) {
        node[i].user = i;
        node[i].ref = tcb_now()->event.ref;
        event_raise(fx.s, &node[i], TERN_EV_READ, 0);
    }
    assert_int_equal(tern_poll(fx.stack, e, 1), 1);
    assert_int_equal(e[0].user, 0);
    event_cancel(fx.s, &node[1]);
    event_raise(fx.s, &node[0], TERN_EV_WRITE, 0);
    assert_int_equal(tern_poll(fx.stack, e, 4), 3);
    assert_int_equal(e[0].user, 2);
    assert_int_equal(e[1].user, 3);
    assert_int_equal(e[2].user, 0);
    assert_int_equal(e[2].bits, TERN_EV_WRITE);
    assert_int_equal(tern_poll(fx.stack, e, 4), 0);
    event_raise(fx.s, &node[1], TERN_EV_READ, 0);
    assert_int_equal(tern_poll(fx.stack, e, 4), 1);
    assert_int_equal(e[0].user, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        BOTH(lent_packets),
        BOTH(lent_and_copied),
        BOTH(lent_until_the_end),
        BOTH(borrow_and_release),
        BOTH(reserve_and_commit),
        BOTH(commit_without_room),
        BOTH(write_event),
        BOTH(list_shows_all),
        BOTH(stale_handles),
        ONLY4(events_taken_one_by_one),
        BOTH(options),
        ONLY4(options_as_configured),
        BOTH(allocation_fails_once),
        BOTH(allocation_fails_from_then_on),
        ONLY4(no_memory_for_a_stack),
        BOTH(memory_cap),
    };
    return cmocka_run_group_tests_name("tcp api", tests, NULL, NULL);
}
