/* test_tcp_send.c - what leaves, when, and again: segment sizes, Nagle, silly windows and probes (RFC 9293 3.7,
 * 3.8.6), the retransmission timer (RFC 6298), NewReno (RFC 5681, 6582, 3042, 6928). */
#include "tcp_fixture.h"

/* The host's `n` next segments, full ones of 1000 bytes from `at` on. */
#define expect_run(at, n)                                                                                              \
    for (uint32_t k_ = 0; k_ < (n); k_++) expect(ACK, (at) + 1000 * k_, ANY, 1000)

/* ---- sizes ---- */

/* [MUST-14, MUST-67, SHLD-5] */
static void mss_offered(void **state) {
    (void)state;
    to_state(TERN_SYN_SENT, ACTIVE);
    assert_int_equal(fx.out.mss, fx.v6 ? 1440 : 1460);
    fx_new_peer(80, PEER_PORT);
    assert_int_equal(app_listen(0, 0), TERN_OK);
    inject(SYN, 0, 0, 0);
    expect(SYN | ACK, 0, 1, 0);
    assert_int_equal(fx.out.mss, fx.v6 ? 1440 : 1460);
}

static void open_with(const struct seg *answer) {
    assert_int_equal(app_connect(), TERN_OK);
    expect(SYN, 0, 0, 0);
    inject_seg(answer);
    expect(ACK, 1, 1, 0);
}

/* [MUST-15] No option: 536 or 1220. */
static void mss_default(void **state) {
    (void)state;
    open_with(&(struct seg){.flags = SYN | ACK, .ack = 1, .raw = (const uint8_t *)""});
    app_write(2000);
    expect(ACK, 1, 1, fx.v6 ? 1220 : 536);
}

/* [MUST-16] The smaller of what the peer takes and the path carries. */
static void mss_effective(void **state) {
    (void)state;
    fx.peer.mss = 9000;
    to_state(TERN_ESTABLISHED, ACTIVE);
    app_write(30000);
    expect(ACK, 1, 1, fx.v6 ? 1440 : 1460);
    /* [RFC6928 2] ten such segments to begin with, whatever the peer's option says */
    assert_int_equal(1 + drop_out(), 10);
}

/* Options take their room from the payload. */
static void mss_with_timestamps(void **state) {
    (void)state;
    fx.cfg.timestamps = 1;
    fx.peer.ts = true;
    to_state(TERN_ESTABLISHED, ACTIVE);
    app_write(2000);
    expect(ACK, 1, 1, 988);
    assert_int_equal(fx.out.options_len, 12);
}

/* (attack list A4, C5, CVE-2018-16523, CVE-2019-11479) A tiny offer, from whoever opened, does not multiply packets. */
static void mss_tiny(void **state) {
    (void)state;
    for (uint32_t i = 0; i <= 2 * 100 + 1; i++) {
        uint32_t offer = i / 2, takes = offer < 64 ? 64 : offer;
        const uint8_t raw[] = {2, 4, 0, (uint8_t)offer};
        fx_new_peer((uint16_t)(MY_PORT + i), (uint16_t)(PEER_PORT + i));
        fx.written = 0;
        if (i % 2) {
            open_with(&(struct seg){.flags = SYN | ACK, .ack = 1, .raw = raw, .raw_len = 4});
        } else {
            assert_int_equal(app_listen(0, 0), TERN_OK);
            inject_with(.flags = SYN, .raw = raw, .raw_len = 4);
            expect(SYN | ACK, 0, 1, 0);
            inject(ACK, 1, 1, 0);
            assert_int_equal(app_accept(), TERN_OK);
            assert_int_equal(tern_close(fx.stack, fx.listener), TERN_OK);
        }
        app_write(3 * takes);
        for (uint32_t k = 0; k < 3; k++) expect(ACK, 1 + k * takes, 1, takes);
        inject(ACK, 1, 1 + 3 * takes, 0);
        expect_none();
    }
}

/* [RFC6928 2] min(10 MSS, max(2 MSS, 14600)) */
static void initial_window(void **state) {
    (void)state;
    static const uint16_t mss[][2] = {{536, 5360}, {1000, 10000}, {1400, 14000}, {2000, 14600}, {8000, 16000}};
    bool v6 = fx.v6;
    for (unsigned i = 0; i < ARRAY_LEN(mss); i++) {
        fx_down();
        fx_reset(v6);
        fx.mtu = 9000;
        fx.peer.mss = mss[i][0];
        to_state(TERN_ESTABLISHED, ACTIVE);
        assert_int_equal(fx_status().cwnd, mss[i][1]);
    }
}

/* It counts in segments that the path is known to carry, not only those that fit on the first link [RFC8201 5.2]. */
static void initial_window_on_a_narrow_path(void **state) {
    (void)state;
    fx.peer.mss = 1460;
    fx_up();
    ip_addr peer = addr_in(&fx.peer_addr);
    assert_true(ip_path_mtu_learn(fx.s, &peer, 1300));
    to_state(TERN_ESTABLISHED, ACTIVE);
    assert_int_equal(fx_status().cwnd, 10 * (1300 - (fx.v6 ? 60 : 40)));
}

/* ---- when to send: 3.7.4, 3.8.6.2.1, 3.9.1.2 ---- */

/* [MUST-61, SHLD-27, SHLD-28] Full segments; PSH on the last. */
static void push_on_the_last(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    for (unsigned i = 0; i < 5; i++) app_write(500);
    expect(ACK, 1, 1, 1000);
    assert_false(fx.out.flags & PSH);
    expect(ACK, 1001, 1, 1000);
    assert_false(fx.out.flags & PSH);
    inject(ACK, 1, 2001, 0);
    expect(ACK, 2001, 1, 500);
    assert_true(fx.out.flags & PSH);
}

/* [SHLD-7, RFC9293 3.7.4] */
static void nagle(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    app_write(10);
    expect(ACK, 1, 1, 10); /* nothing is under way */
    app_write(10);
    app_write(20);
    expect_none();
    inject(ACK, 1, 11, 0);
    expect(ACK, 11, 1, 30);
    app_write(990);
    expect_none();
    app_write(10);
    expect(ACK, 41, 1, 1000); /* a full segment never waits */
    app_write(5);
    expect_none();
}

/* [MUST-17] */
static void nagle_off(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    assert_int_equal(app_set(TERN_OPT_NODELAY, 1), TERN_OK);
    for (uint32_t i = 0; i < 5; i++) {
        app_write(10);
        expect(ACK, 1 + 10 * i, 1, 10);
        assert_true(fx.out.flags & PSH);
    }
    fx_new_peer(MY_PORT + 1, PEER_PORT);
    fx.cfg.nagle = 0; /* too late for this stack: the option of the other connection is its own */
    to_state(TERN_ESTABLISHED, ACTIVE);
    app_write(10);
    expect(ACK, 1, 1, 10);
    app_write(10);
    expect_none();
    assert_int_equal(app_set(TERN_OPT_NODELAY, 1), TERN_OK);
    expect(ACK, 11, 1, 10);
}

/* [RFC9293 3.8.6.2.1 (3)] With Nagle, half of a small window is no reason to send while something is under way. */
static void nagle_in_a_small_window(void **state) {
    (void)state;
    fx.peer.wnd = 400;
    to_state(TERN_ESTABLISHED, ACTIVE);
    app_write(20);
    expect(ACK, 1, 1, 20);
    app_write(300);
    expect_none();
    inject(ACK, 1, 21, 0);
    expect(ACK, 21, 1, 300);
}

/* [MAY-16] */
static void cork(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    assert_int_equal(app_set(TERN_OPT_CORK, 1), TERN_OK);
    app_write(600);
    expect_none();
    app_write(600);
    expect(ACK, 1, 1, 1000);
    inject(ACK, 1, 1001, 0);
    expect_none();
    assert_int_equal(app_set(TERN_OPT_CORK, 0), TERN_OK);
    expect(ACK, 1001, 1, 200);
    inject(ACK, 1, 1201, 0);
    assert_int_equal(app_set(TERN_OPT_CORK, 1), TERN_OK);
    app_write(300);
    expect_after(200); /* tern.h: 200 ms at most [MUST-60] */
    expect(ACK, 1201, 1, 300);
}

/* [MUST-38, RFC9293 3.8.6.2.1 (1), (3)] A window that opens in small steps is not filled in small steps. */
static void silly_window(void **state) {
    (void)state;
    fx.peer.wnd = 1000;
    to_state(TERN_ESTABLISHED, ACTIVE);
    app_write(3000);
    expect(ACK, 1, 1, 1000);
    inject_with(.flags = ACK, .seq = 1, .ack = 1001, .wnd = 100);
    expect_none();
    inject_with(.flags = ACK, .seq = 1, .ack = 1001, .wnd = 499);
    expect_none();
    inject_with(.flags = ACK, .seq = 1, .ack = 1001, .wnd = 500); /* half of the largest window seen */
    expect(ACK, 1001, 1, 500);
}

/* (4) The override timeout, between 0.1 and 1 s, sends what the window takes. */
static void silly_window_override(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    app_write(1000);
    expect(ACK, 1, 1, 1000);
    inject_with(.flags = ACK, .seq = 1, .ack = 1001, .wnd = 300);
    app_write(900);
    expect_none();
    uint64_t ms = wait_out(2000);
    assert_in_range(ms, 100, 1000);
    expect(ACK, 1001, 1, 300);
    inject_with(.flags = ACK, .seq = 1, .ack = 1301, .wnd = 300);
    ms = wait_out(2000);
    assert_in_range(ms, 100, 1000);
    expect(ACK, 1301, 1, 300);
}

/* (attack list C11) A window of 5 bytes for ever draws few packets. */
static void five_byte_window(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    app_write(1000);
    expect(ACK, 1, 1, 1000);
    inject_with(.flags = ACK, .seq = 1, .ack = 1001, .wnd = 5);
    app_write(5000);
    unsigned packets = 0;
    uint32_t acked = 1001;
    for (unsigned i = 0; i < 300; i++) {
        while (out_waiting()) {
            expect(ACK, ANY, 1, ANY);
            packets++;
            acked = fx.out.seq + fx.out.len;
        }
        inject_with(.flags = ACK, .seq = 1, .ack = acked, .wnd = 5);
        advance(10);
    }
    assert_in_range(packets, 1, 20);
}

/* ---- windows that shrink and shut ---- */

/* [MUST-34, SHLD-15, SHLD-16] The right edge moves back: no crash, no new data; what was sent is repeated, and all
 * arrives. */
static void window_shrinks(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    app_write(5000);
    expect_run(1, 5);
    inject_with(.flags = ACK, .seq = 1, .ack = 1001, .wnd = 1500);
    app_write(5000);
    expect_none();
    expect_after(1000);
    expect(ACK, 1001, 1, 1000);
    inject_with(.flags = ACK, .seq = 1, .ack = 2001, .wnd = 20000);
    uint32_t next = 2001;
    for (unsigned i = 0; i < 20 && next < 10001; i++) {
        while (out_waiting()) {
            expect(ACK, next, 1, ANY);
            next += fx.out.len;
        }
        inject_with(.flags = ACK, .seq = 1, .ack = next, .wnd = 20000);
    }
    assert_int_equal(next, 10001);
}

/* [MUST-35, SHLD-17] It shrinks to zero with bytes under way: it is probed, and when it opens they are repeated. */
static void window_shrinks_to_zero(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    app_write(5000);
    expect_run(1, 5);
    inject_with(.flags = ACK, .seq = 1, .ack = 2001, .wnd = CLOSED_WINDOW);
    for (unsigned i = 0; i < 4; i++) {
        uint64_t ms = wait_out(60000);
        assert_in_range(ms, fx.peer.sack ? 0 : 900, 17000); /* a tail loss probe [RFC8985 7] may come first */
        expect(ACK, fx.peer.sack ? ANY : 2001, 1, ANY);
        assert_in_range(fx.out.seq, 2001, 5000);
        assert_in_range(fx.out.len, 1, 1000);
        inject_with(.flags = ACK, .seq = 1, .ack = 2001, .wnd = CLOSED_WINDOW);
        expect_none();
    }
    for (uint64_t end = fx.now + 3600 * SEC_NS; fx.now < end;) { /* answered for an hour: it stays */
        assert_true(wait_out(60000) <= 60000);
        expect(ACK, 2001, 1, ANY);
        inject_with(.flags = ACK, .seq = 1, .ack = 2001, .wnd = CLOSED_WINDOW);
    }
    expect_state(TERN_ESTABLISHED);
    inject_with(.flags = ACK, .seq = 1, .ack = 2001, .wnd = 10000);
    uint32_t next = 2001;
    for (unsigned i = 0; i < 20 && next < 5001; i++) {
        if (!out_waiting()) advance(2000);
        while (out_waiting()) {
            expect(ACK, ANY, 1, ANY);
            if (fx.out.seq == next) next += fx.out.len;
        }
        inject_with(.flags = ACK, .seq = 1, .ack = next, .wnd = 10000);
    }
    assert_int_equal(next, 5001);
}

/* [MUST-36, SHLD-29, SHLD-30] The first probe after the retransmission timeout, then each time twice as late. */
static void zero_window_probes(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    app_write(1000);
    expect(ACK, 1, 1, 1000);
    inject_with(.flags = ACK, .seq = 1, .ack = 1001, .wnd = CLOSED_WINDOW);
    app_write(3000);
    expect_none();
    static const uint64_t waits[] = {1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000};
    for (unsigned i = 0; i < ARRAY_LEN(waits); i++) {
        expect_after(waits[i]);
        expect(ACK, 1001, 1, 1);
        inject_with(.flags = ACK, .seq = 1, .ack = 1001, .wnd = CLOSED_WINDOW);
        expect_none();
    }
    inject_with(.flags = ACK, .seq = 1, .ack = 1001, .wnd = 5000);
    for (uint32_t next = 1001; next < (fx.peer.sack ? 3002 : 4001); next += fx.out.len) expect(ACK, next, 1, ANY);
    expect_none();
}

/* [MUST-37] For ever, as long as the peer answers. */
static void zero_window_for_ever(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    inject_with(.flags = ACK, .seq = 1, .ack = 1, .wnd = CLOSED_WINDOW);
    app_write(100);
    uint64_t start = fx.now;
    while (fx.now - start < 48 * 3600 * SEC_NS) {
        assert_true(wait_out(60000) <= 60000);
        expect(ACK, 1, 1, 1);
        inject_with(.flags = ACK, .seq = 1, .ack = 1, .wnd = CLOSED_WINDOW);
    }
    expect_event(0);
    expect_state(TERN_ESTABLISHED);
}

/* The byte of a probe may be taken: the next probe carries the next one. */
static void zero_window_takes_bytes(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    inject_with(.flags = ACK, .seq = 1, .ack = 1, .wnd = CLOSED_WINDOW);
    app_write(10);
    for (uint32_t i = 1; i <= 3; i++) {
        assert_true(wait_out(5000) <= 5000);
        expect(ACK, i, 1, 1);
        inject_with(.flags = ACK, .seq = 1, .ack = i + 1, .wnd = CLOSED_WINDOW);
        expect_none();
    }
    inject_with(.flags = ACK, .seq = 1, .ack = 4, .wnd = 100);
    expect(ACK, 4, 1, 7);
}

/* [MUST-20] But not when nobody answers. */
static void zero_window_dead_peer(void **state) {
    (void)state;
    fx.cfg.r2_ms = 100000;
    to_state(TERN_ESTABLISHED, ACTIVE);
    inject_with(.flags = ACK, .seq = 1, .ack = 1, .wnd = CLOSED_WINDOW);
    app_write(100);
    uint64_t start = fx.now;
    while (state_now() != TERN_CLOSED && fx.now - start < 1000 * SEC_NS) advance(1000);
    assert_in_range((fx.now - start) / SEC_NS, 100, 220);
    tern_event e;
    assert_int_equal(tern_poll(fx.stack, &e, 1), 1);
    assert_int_equal(e.error, TERN_ETIMEDOUT);
}

/* A FIN waits for the window like a byte and gets through. */
static void zero_window_fin(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    inject_with(.flags = ACK, .seq = 1, .ack = 1, .wnd = CLOSED_WINDOW);
    assert_int_equal(tern_shutdown(fx.stack, fx.sock), TERN_OK);
    assert_true(wait_out(2000) <= 2000);
    expect(FIN | ACK, 1, 1, 0);
    inject_with(.flags = ACK, .seq = 1, .ack = 2, .wnd = CLOSED_WINDOW);
    expect_state(TERN_FIN_WAIT_2);
}

/* ---- the retransmission timer: RFC 6298 ---- */

/* [RFC6298 2.1, 5.1, 5.4, 5.5, 2.5] */
static void rto_doubles(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    app_write(500);
    expect(ACK, 1, 1, 500);
    static const uint64_t waits[] = {1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000};
    for (unsigned i = 0; i < ARRAY_LEN(waits); i++) {
        expect_after(waits[i]);
        expect(ACK, 1, 1, 500);
        expect_none();
    }
}

/* [RFC6298 2.2, 2.3] The estimator's numbers, clock granularity 1 ms. */
static void rto_estimator(void **state) {
    (void)state;
    fx.cfg.rto_min_ms = 1;
    assert_int_equal(app_connect(), TERN_OK);
    expect(SYN, 0, 0, 0);
    advance(100);
    inject(SYN | ACK, 0, 1, 0);
    expect(ACK, 1, 1, 0);
    static const struct {
        uint32_t rtt_ms, srtt_us, rttvar_us, rto_ms;
    } step_by_step[] = {{0, 100000, 50000, 300},
                        {200, 112500, 62500, 362},
                        {80, 108437, 55000, 328},
                        {500, 157382, 139140, 713},
                        {150, 156459, 106200, 581}};
    for (unsigned i = 0; i < ARRAY_LEN(step_by_step); i++) {
        if (i) {
            app_write(100);
            expect(ACK, 1 + 100 * (i - 1), 1, 100);
            advance(step_by_step[i].rtt_ms);
            drop_out();
            inject(ACK, 1, 1 + 100 * i, 0);
        }
        tern_status_info st = fx_status();
        if (step_by_step[i].rtt_ms > 400) break; /* that one was repeated: Karn, see below */
        assert_in_range(st.srtt_us, step_by_step[i].srtt_us - 1, step_by_step[i].srtt_us + 1);
        assert_in_range(st.rttvar_us, step_by_step[i].rttvar_us - 1, step_by_step[i].rttvar_us + 1);
        assert_in_range(st.rto_ms, step_by_step[i].rto_ms - 1, step_by_step[i].rto_ms);
    }
}

/* [MUST-18, RFC6298 3, 5.5] Karn: no sample from what was sent twice, and the timeout stays doubled until there is
 * one. */
static void karn(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    tern_status_info before = fx_status();
    app_write(100);
    expect(ACK, 1, 1, 100);
    expect_after(1000);
    expect(ACK, 1, 1, 100);
    expect_after(2000);
    expect(ACK, 1, 1, 100);
    advance(5);
    inject(ACK, 1, 101, 0);
    tern_status_info after = fx_status();
    assert_int_equal(after.srtt_us, before.srtt_us);
    assert_int_equal(after.rttvar_us, before.rttvar_us);
    app_write(100);
    expect(ACK, 101, 1, 100);
    expect_after(4000);
    expect(ACK, 101, 1, 100);
    inject(ACK, 1, 201, 0);
    app_write(100);
    expect(ACK, 201, 1, 100);
    advance(10);
    inject(ACK, 1, 301, 0); /* sent once: a sample; it falls back to its length */
    assert_int_equal(fx_status().rto_ms, 1000);
}

/* [RFC7323 4.1] With timestamps every ACK is a sample. */
static void timestamps_are_samples(void **state) {
    (void)state;
    fx.cfg.timestamps = 1;
    fx.peer.ts = true;
    to_state(TERN_ESTABLISHED, ACTIVE);
    app_write(100);
    expect(ACK, 1, 1, 100);
    expect_after(1000);
    expect(ACK, 1, 1, 100);
    uint32_t sent = fx.out.ts_value;
    advance(400);
    fx.peer.ts_value += 1400;
    inject_with(.flags = ACK, .seq = 1, .ack = 101, .ts = true, .ts_value = fx.peer.ts_value, .ts_echo = sent);
    assert_in_range(fx_status().srtt_us, 48000, 52000); /* an eighth of 400 ms */
}

/* [RFC6298 5.2, 5.3] Restarted by an ACK of new data, off when nothing is left. */
static void rto_restarts(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    app_write(2000);
    expect_run(1, 2);
    advance(900);
    inject(ACK, 1, 1001, 0);
    expect_after(fx_status().rto_ms);
    expect(ACK, 1001, 1, 1000);
    inject(ACK, 1, 2001, 0);
    advance(100000);
    expect_none();
}

/* [SHLD-9, SHLD-10, MUST-20, MUST-21] R1 tells, R2 ends. */
static void r1_and_r2(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    assert_int_equal(app_set(TERN_OPT_USER_TIMEOUT_MS, 120000), TERN_OK);
    app_write(100);
    drop_out();
    uint64_t start = fx.now;
    advance(6900); /* 1 + 2 s: two repeats */
    expect_event(0);
    advance(200); /* + 4 s: the third */
    expect_event(TERN_EV_SOFT_ERROR);
    assert_int_equal(fx.ev_error, TERN_ETIMEDOUT);
    while (state_now() != TERN_CLOSED && fx.now - start < 1000 * SEC_NS) advance(100);
    assert_in_range((fx.now - start) / MS_NS, 119900, 121000);
    expect_event(TERN_EV_CLOSED);
    assert_int_equal(fx.ev_error, TERN_ETIMEDOUT);
    assert_int_equal(tern_write(fx.stack, fx.sock, "x", 1), TERN_ETIMEDOUT);
}

/* [SHLD-11] By default no sooner than after 100 s. */
static void r2_default(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    app_write(100);
    advance(100000);
    drop_out();
    expect_state(TERN_ESTABLISHED);
    advance(3600000);
    drop_out();
    expect_state(TERN_CLOSED);
}

/* ---- congestion: RFC 5681 ---- */

static void start_flight(uint32_t segments) {
    fx.cfg.initial_window = segments;
    to_state(TERN_ESTABLISHED, ACTIVE);
    app_write(100000);
    expect_run(1, segments);
    expect_none();
    assert_int_equal(fx_status().cwnd, segments * 1000);
}

/* [MUST-19, RFC5681 3.1 (2)] */
static void slow_start(void **state) {
    (void)state;
    start_flight(4);
    inject(ACK, 1, 1001, 0);
    assert_int_equal(fx_status().cwnd, 5000);
    expect_run(4001, 2);
    inject(ACK, 1, 2001, 0);
    assert_int_equal(fx_status().cwnd, 6000);
    expect_run(6001, 2);
    expect_none();
}

/* [RFC3465 2.1] Bytes count, not ACKs: dividing them gains nothing (attack list C9). */
static void ack_division(void **state) {
    (void)state;
    start_flight(4);
    for (uint32_t i = 1; i <= 50; i++) inject(ACK, 1, 1 + i * 20, 0);
    assert_int_equal(fx_status().cwnd, 5000);
    inject(ACK, 1, 4001, 0); /* [RFC3465 2.3] one ACK for much opens by two segments at most */
    assert_in_range(fx_status().cwnd, 6000, 7000);
}

/* [RFC5681 3.1 (4)] Timeout: one segment, half the flight; again: the half stays. Then slow start by one segment an ACK
 * [RFC3465 2.3], then congestion avoidance. */
static void loss_by_timeout(void **state) {
    (void)state;
    start_flight(10);
    expect_after(1000);
    expect(ACK, 1, 1, 1000);
    expect_none();
    assert_int_equal(fx_status().cwnd, 1000);
    assert_int_equal(fx_status().ssthresh, 5000);
    expect_after(2000);
    expect(ACK, 1, 1, 1000);
    expect_none();
    assert_int_equal(fx_status().ssthresh, 5000);
    inject(ACK, 1, 1001, 0);
    assert_int_equal(fx_status().cwnd, 2000);
    expect_run(1001, 2);
    expect_none();
    inject(ACK, 1, 3001, 0);
    assert_int_equal(fx_status().cwnd, 3000);
    expect_run(3001, 3);
    inject(ACK, 1, 4001, 0);
    inject(ACK, 1, 5001, 0);
    assert_int_equal(fx_status().cwnd, 5000);
    drop_out();
    uint32_t at = 5001;
    for (unsigned i = 0; i < 5; i++) { /* one window of bytes opens by one segment */
        assert_int_equal(fx_status().cwnd, 5000);
        at += 1000;
        inject(ACK, 1, at, 0);
        drop_out();
    }
    assert_int_equal(fx_status().cwnd, 6000);
}

/* [RFC5681 3.2 (1) to (4), RFC3042] */
static void fast_retransmit(void **state) {
    (void)state;
    start_flight(10);
    inject(ACK, 1, 1, 0);
    expect(ACK, 10001, 1, 1000); /* limited transmit */
    inject(ACK, 1, 1, 0);
    expect(ACK, 11001, 1, 1000);
    assert_int_equal(fx_status().cwnd, 10000);
    expect_none();
    inject(ACK, 1, 1, 0);
    expect(ACK, 1, 1, 1000);
    expect_none();
    tern_status_info i = fx_status();
    assert_int_equal(i.ssthresh, 5000); /* what limited transmit sent does not count */
    assert_int_equal(i.cwnd, 8000);
    for (unsigned k = 0; k < 6; k++) inject(ACK, 1, 1, 0);
    assert_int_equal(fx_status().cwnd, 14000);
    expect_run(12001, 2);
    expect_none();
    /* [RFC6582 3.2 (3)] full ACK: min(ssthresh, max(flight, SMSS) + SMSS) */
    inject(ACK, 1, 14001, 0);
    assert_int_equal(fx_status().cwnd, 2000);
    expect_run(14001, 2);
    expect_none();
}

/* What is not a duplicate ACK [RFC5681 2]. */
static void not_duplicates(void **state) {
    (void)state;
    start_flight(10);
    for (unsigned k = 0; k < 6; k++) inject(ACK, 1 + 10 * k, 1, 10); /* with data */
    inject_with(.flags = ACK, .seq = 61, .ack = 1, .wnd = 50000);    /* the window moves */
    inject_with(.flags = ACK, .seq = 61, .ack = 1, .wnd = 50001);
    inject_with(.flags = ACK, .seq = 61, .ack = 1, .wnd = 50002);
    advance(500);
    while (out_waiting()) expect(ACK, 10001, 61, 0);
    assert_int_equal(fx_status().cwnd, 10000);
}

/* [RFC6582 3.2 (3)] Partial ACKs show the next hole. */
static void partial_acks(void **state) {
    (void)state;
    start_flight(10);
    for (unsigned k = 0; k < 3; k++) inject(ACK, 1, 1, 0);
    expect(ACK, 1, 1, 1000);
    drop_out();
    assert_int_equal(fx_status().cwnd, 8000);
    inject(ACK, 1, 4001, 0); /* 4001 was lost too */
    expect(ACK, 4001, 1, 1000);
    assert_int_equal(fx_status().cwnd, 8000 - 4000 + 1000);
    drop_out();
}

/* [RFC6582 3.2 (3)] Only the first restarts the timer: where much was lost it ends the repairs of one segment a round trip. The
 * window of data was answered when they began, so the threshold stays. */
static void later_partial_acks(void **state) {
    (void)state;
    start_flight(10);
    advance(100);
    for (unsigned k = 0; k < 3; k++) inject(ACK, 1, 1, 0);
    drop_out();
    uint32_t thresh = fx_status().ssthresh;
    advance(300);
    inject(ACK, 1, 1001, 0);
    expect(ACK, 1001, 1, 1000);
    drop_out();
    for (uint32_t k = 2; k <= 4; k++) {
        advance(300);
        inject(ACK, 1, 1 + 1000 * k, 0);
        expect(ACK, 1 + 1000 * k, 1, 1000);
        drop_out();
    }
    assert_int_equal(wait_out(1000), 100);
    expect(ACK, 4001, 1, 1000);
    assert_int_equal(counted(R_REXMIT_RTO), 1);
    assert_int_equal(fx_status().cwnd, 1000);
    assert_int_equal(fx_status().ssthresh, thresh);
    inject(ACK, 1, 5001, 0); /* slow start takes over */
    expect(ACK, 5001, 1, 1000);
    expect(ACK, 6001, 1, 1000);
}

/* [RFC6582 3.2 (1)] Duplicates of what a timeout already repeated start nothing. */
static void no_fast_retransmit_after_timeout(void **state) {
    (void)state;
    start_flight(10);
    expect_after(1000);
    expect(ACK, 1, 1, 1000);
    inject(ACK, 1, 1001, 0);
    drop_out();
    tern_status_info i = fx_status();
    for (unsigned k = 0; k < 5; k++) inject(ACK, 1, 1001, 0);
    assert_int_equal(fx_status().ssthresh, i.ssthresh);
    while (out_waiting()) {
        expect(ACK, ANY, 1, 1000);
        assert_int_not_equal(fx.out.seq, 1001);
    }
}

/* (attack list C9) Made-up duplicates release at most one window. */
static void duplicate_spoofing(void **state) {
    (void)state;
    start_flight(10);
    unsigned n = 0;
    for (unsigned k = 0; k < 200; k++) {
        inject(ACK, 1, 1, 0);
        n += drop_out();
    }
    assert_in_range(n, 1, 11);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        BOTH(mss_offered),
        BOTH(mss_default),
        BOTH(mss_effective),
        BOTH(mss_with_timestamps),
        BOTH(mss_tiny),
        BOTH(initial_window),
        BOTH(initial_window_on_a_narrow_path),
        BOTH(push_on_the_last),
        BOTH(nagle),
        BOTH(nagle_off),
        BOTH(nagle_in_a_small_window),
        BOTH(cork),
        BOTH(silly_window),
        BOTH(silly_window_override),
        BOTH(five_byte_window),
        BOTH(window_shrinks),
        BOTH(window_shrinks_to_zero),
        BOTH(zero_window_probes),
        BOTH(zero_window_for_ever),
        BOTH(zero_window_takes_bytes),
        BOTH(zero_window_dead_peer),
        BOTH(zero_window_fin),
        BOTH(rto_doubles),
        BOTH(rto_estimator),
        BOTH(karn),
        BOTH(timestamps_are_samples),
        BOTH(rto_restarts),
        BOTH(r1_and_r2),
        BOTH(r2_default),
        BOTH(slow_start),
        BOTH(ack_division),
        BOTH(loss_by_timeout),
        BOTH(fast_retransmit),
        BOTH(not_duplicates),
        BOTH(partial_acks),
        BOTH(later_partial_acks),
        BOTH(no_fast_retransmit_after_timeout),
        BOTH(duplicate_spoofing),
        SACKED(push_on_the_last),
        SACKED(nagle),
        SACKED(nagle_off),
        SACKED(nagle_in_a_small_window),
        SACKED(cork),
        SACKED(silly_window),
        SACKED(silly_window_override),
        SACKED(five_byte_window),
        SACKED(window_shrinks_to_zero),
        SACKED(zero_window_probes),
        SACKED(zero_window_for_ever),
        SACKED(zero_window_takes_bytes),
        SACKED(zero_window_dead_peer),
        SACKED(zero_window_fin),
        SACKED(r2_default),
        SACKED(initial_window),
    };
    return cmocka_run_group_tests_name("tcp send", tests, NULL, NULL);
}
