/* test_tcp_close.c - how connections end, from RFC 9293 3.6, 3.10.4, 3.10.5, 3.10.7.4 and RFC 1337, 6191: every
 * order of FINs and ACKs, half-close, resets for lost data, TIME-WAIT in both of its shapes, and what the calls say
 * meanwhile. */
#include "tcp_fixture.h"

/* Both shapes of what the application leaves: handle kept (shutdown) or given up (close). */
static void twice(void (*f)(void)) {
    bool v6 = fx.v6;
    for (unsigned i = 0; i < 2; i++) {
        fx_down();
        fx_reset(v6);
        fx.close_fully = i;
        f();
    }
}

static int end_ours(void) { return fx.close_fully ? tern_close(fx.stack, fx.sock) : tern_shutdown(fx.stack, fx.sock); }

/* ---- orders of closing ---- */

/* [RFC9293 3.6 figure 12] We close first. */
static void figure_12_a(void) {
    to_state(TERN_ESTABLISHED, ACTIVE);
    app_write(300);
    expect(ACK, 1, 1, 300);
    inject(ACK, 1, 301, 0);
    assert_int_equal(end_ours(), TERN_OK);
    expect_state(TERN_FIN_WAIT_1);
    expect(FIN | ACK, 301, 1, 0); /* the number behind the last byte */
    inject(ACK, 1, 302, 0);
    expect_state(TERN_FIN_WAIT_2);
    expect_none();
    inject(FIN | ACK, 1, 302, 0);
    expect(ACK, 302, 2, 0);
    expect_state(TERN_TIME_WAIT);
    advance(2 * 30000 + 10);
    expect_state(TERN_CLOSED);
    expect_none();
}
static void figure_12_as_a(void **state) {
    (void)state;
    twice(figure_12_a);
}

/* The peer closes first; our FIN waits for the application. */
static void figure_12_b(void) {
    to_state(TERN_ESTABLISHED, PASSIVE);
    inject(FIN | ACK, 1, 1, 0);
    expect(ACK, 1, 2, 0);
    expect_state(TERN_CLOSE_WAIT);
    expect_event(TERN_EV_EOF);
    uint8_t b;
    assert_int_equal(tern_read(fx.stack, fx.sock, &b, 1), 0);
    advance(3600 * 1000);
    expect_none();
    expect_state(TERN_CLOSE_WAIT);
    assert_int_equal(end_ours(), TERN_OK);
    expect_state(TERN_LAST_ACK);
    expect(FIN | ACK, 1, 2, 0);
    inject(ACK, 2, 2, 0);
    expect_state(TERN_CLOSED);
    expect_event(fx.close_fully ? 0 : TERN_EV_SENT | TERN_EV_CLOSED);
    assert_int_equal(fx.ev_error, 0); /* [MUST-12] */
    expect_none();
}
static void figure_12_as_b(void **state) {
    (void)state;
    twice(figure_12_b);
}

/* [RFC9293 3.6 figure 13] Both at once: CLOSING on the way to TIME-WAIT. */
static void figure_13_a(void) {
    to_state(TERN_FIN_WAIT_1, ACTIVE);
    inject(FIN | ACK, 1, 1, 0);
    expect(ACK, 2, 2, 0);
    expect_state(TERN_CLOSING);
    inject(ACK, 2, 2, 0);
    expect_state(TERN_TIME_WAIT);
    expect_none();
}
static void figure_13(void **state) {
    (void)state;
    twice(figure_13_a);
}

/* [RFC9293 figure 5 note 2] FIN and the ACK of ours in one segment: three segments in all. */
static void three_segments_a(void) {
    to_state(TERN_FIN_WAIT_1, PASSIVE);
    inject(FIN | ACK, 1, 2, 0);
    expect(ACK, 2, 2, 0);
    expect_state(TERN_TIME_WAIT);
    expect_none();
}
static void three_segments(void **state) {
    (void)state;
    twice(three_segments_a);
}

/* The same with the peer's last bytes before its FIN. */
static void fin_wait_1_data_fin_ack(void **state) {
    (void)state;
    to_state(TERN_FIN_WAIT_1, ACTIVE);
    inject(FIN | ACK, 1, 2, 50);
    expect(ACK, 2, 52, 0);
    expect_state(TERN_TIME_WAIT);
    expect_read(50);
}

/* A FIN behind a hole, the ACK of ours with it: FIN-WAIT-2 first, TIME-WAIT when the hole is filled. */
static void fin_wait_1_early_fin(void **state) {
    (void)state;
    to_state(TERN_FIN_WAIT_1, ACTIVE);
    inject(FIN | ACK, 51, 2, 0);
    expect(ACK, 2, 1, 0);
    expect_state(TERN_FIN_WAIT_2);
    inject(ACK, 1, 2, 50);
    expect(ACK, 2, 52, 0);
    expect_state(TERN_TIME_WAIT);
}

/* The hole is filled by the very segment that acknowledges our FIN. */
static void fin_wait_1_early_fin_then_all(void **state) {
    (void)state;
    to_state(TERN_FIN_WAIT_1, ACTIVE);
    inject(FIN | ACK, 51, 1, 0);
    expect(ACK, 2, 1, 0);
    expect_state(TERN_FIN_WAIT_1);
    inject(ACK, 1, 2, 50);
    expect(ACK, 2, 52, 0);
    expect_state(TERN_TIME_WAIT);
}

/* CLOSING: an ACK that does not cover our FIN changes nothing. */
static void closing_waits(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    app_write(100);
    assert_int_equal(tern_shutdown(fx.stack, fx.sock), TERN_OK);
    expect(FIN | ACK, 1, 1, 100);
    inject(FIN | ACK, 1, 1, 0);
    expect(ACK, 102, 2, 0);
    expect_state(TERN_CLOSING);
    inject(ACK, 2, 101, 0);
    expect_state(TERN_CLOSING);
    inject(ACK, 2, 102, 0);
    expect_state(TERN_TIME_WAIT);
}

/* [RFC9293 3.6.1] Half-close: the other direction goes on. */
static void half_closed(void **state) {
    (void)state;
    to_state(TERN_FIN_WAIT_2, ACTIVE);
    for (uint32_t i = 0; i < 100; i++) {
        inject(ACK, 1 + i * 1000, 2, 1000);
        expect_read(1000);
        drop_out();
    }
    expect_state(TERN_FIN_WAIT_2);
    inject(FIN | ACK, 100001, 2, 0);
    expect(ACK, 2, 100002, 0);
    expect_state(TERN_TIME_WAIT);
}

static void half_closed_by_the_peer(void **state) {
    (void)state;
    to_state(TERN_CLOSE_WAIT, PASSIVE);
    for (uint32_t i = 0; i < 20; i++) {
        app_write(1000);
        expect(ACK, 1 + i * 1000, 2, 1000);
        inject(ACK, 2, 1001 + i * 1000, 0);
    }
    expect_state(TERN_CLOSE_WAIT);
}

/* [RFC9293 3.10.4] The FIN follows the last byte, however long that takes; with it, if it fits. */
static void fin_behind_data(void **state) {
    (void)state;
    fx.cfg.initial_window = 1;
    to_state(TERN_ESTABLISHED, ACTIVE);
    app_write(2500);
    expect(ACK, 1, 1, 1000);
    assert_int_equal(tern_close(fx.stack, fx.sock), TERN_OK);
    expect_state(TERN_FIN_WAIT_1);
    expect_none();
    inject(ACK, 1, 1001, 0);
    expect(ACK, 1001, 1, 1000);
    while (out_waiting()) {
        expect(FIN | ACK, 2001, 1, 500);
    }
    inject(ACK, 1, 2001, 0);
    if (out_waiting()) expect(FIN | ACK, 2001, 1, 500);
    inject(ACK, 1, 2501, 0); /* the bytes but not the FIN */
    expect_state(TERN_FIN_WAIT_1);
    inject(ACK, 1, 2502, 0);
    expect_state(TERN_FIN_WAIT_2);
}

/* [RFC9293 3.8.1] A FIN that gets lost is sent again. */
static void fin_is_repeated(void **state) {
    (void)state;
    static const enum tern_state states[] = {TERN_FIN_WAIT_1, TERN_CLOSING, TERN_LAST_ACK};
    bool v6 = fx.v6;
    for (unsigned i = 0; i < ARRAY_LEN(states); i++) {
        fx_down();
        fx_reset(v6);
        to_state(states[i], ACTIVE);
        expect_after(1000);
        expect(FIN | ACK, 1, fx.rcv, 0);
        expect_after(2000);
        expect(FIN | ACK, 1, fx.rcv, 0);
        inject(ACK, fx.rcv, 2, 0);
        advance(10000);
        expect_none();
    }
}

/* A peer that never acknowledges our FIN holds nothing for ever (attack list C7). */
static void silent_peer(void) {
    fx.cfg.r2_ms = 100000;
    to_state(TERN_LAST_ACK, ACTIVE);
    advance(101000);
    drop_out();
    expect_state(TERN_CLOSED);
    expect_event(fx.close_fully ? 0 : TERN_EV_SOFT_ERROR | TERN_EV_CLOSED);
    assert_int_equal(fx.ev_error, fx.close_fully ? 0 : TERN_ETIMEDOUT);
}
static void last_ack_for_ever(void **state) {
    (void)state;
    twice(silent_peer);
}

/* FIN-WAIT-2 ends only once the application has gone. */
static void fin_wait_2_without_owner(void **state) {
    (void)state;
    fx.close_fully = true;
    to_state(TERN_FIN_WAIT_2, ACTIVE);
    advance(59900);
    expect_state(TERN_FIN_WAIT_2);
    advance(200);
    expect_state(TERN_CLOSED);
}

static void fin_wait_2_with_owner(void **state) {
    (void)state;
    to_state(TERN_FIN_WAIT_2, ACTIVE);
    advance(24 * 3600 * 1000);
    expect_state(TERN_FIN_WAIT_2);
    expect_none();
    assert_int_equal(tern_close(fx.stack, fx.sock), TERN_OK);
    advance(60100);
    expect_state(TERN_CLOSED);
}

/* ---- lost data: RST ---- */

/* [SHLD-3, RFC2525 2.17] CLOSE with bytes unread. */
static void close_unread(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    inject(ACK, 1, 1, 10);
    assert_int_equal(tern_close(fx.stack, fx.sock), TERN_OK);
    expect(RST | ACK, 1, 11, 0);
    expect_state(TERN_CLOSED);
    expect_none();
    expect_event(0);
}

static void close_wait_close_unread(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    inject(FIN | ACK, 1, 1, 10);
    expect(ACK, 1, 12, 0);
    assert_int_equal(tern_close(fx.stack, fx.sock), TERN_OK);
    expect(RST | ACK, 1, 12, 0);
    expect_state(TERN_CLOSED);
}

/* [SHLD-3, MAY-1] Bytes that come after the CLOSE, in either state that still gets any. */
static void data_after_close(void **state) {
    (void)state;
    bool v6 = fx.v6;
    for (unsigned i = 0; i < 2; i++) {
        fx_down();
        fx_reset(v6);
        fx.close_fully = true;
        to_state(i ? TERN_FIN_WAIT_2 : TERN_FIN_WAIT_1, ACTIVE);
        inject(ACK, 1, 1 + i, 10);
        expect(ANY, 2, ANY, 0);
        assert_true(fx.out.flags & RST);
        expect_none();
        expect_state(TERN_CLOSED);
    }
}

/* After shutdown they are taken. */
static void data_after_shutdown(void **state) {
    (void)state;
    to_state(TERN_FIN_WAIT_1, ACTIVE);
    inject(ACK, 1, 1, 10);
    expect_read(10);
    expect_state(TERN_FIN_WAIT_1);
}

/* ---- ABORT: 3.10.5 ---- */

static void abort_in_every_state(void **state) {
    (void)state;
    bool v6 = fx.v6;
    for (unsigned st = TERN_ESTABLISHED; st < TERN_STATES; st++) {
        bool resets = st == TERN_ESTABLISHED || st == TERN_FIN_WAIT_1 || st == TERN_FIN_WAIT_2 || st == TERN_CLOSE_WAIT;
        fx_down();
        fx_reset(v6);
        to_state((enum tern_state)st, st & 1 ? ACTIVE : PASSIVE);
        uint32_t next = fx.snd;
        assert_int_equal(tern_abort(fx.stack, fx.sock), TERN_OK);
        if (resets) {
            expect(ANY, next, ANY, 0);
            assert_true(fx.out.flags & RST);
        }
        expect_none();
        expect_state(TERN_CLOSED);
        expect_event(0);
        assert_int_equal(tern_abort(fx.stack, fx.sock), TERN_ESTALE);
    }
}

/* Queued bytes are dropped; the RST has the number behind what was sent. */
static void abort_drops_queues(void **state) {
    (void)state;
    fx.cfg.initial_window = 1;
    to_state(TERN_ESTABLISHED, ACTIVE);
    app_write(5000);
    expect(ACK, 1, 1, 1000);
    inject(ACK, 1, 1, 10);
    assert_int_equal(tern_abort(fx.stack, fx.sock), TERN_OK);
    expect(ANY, 1001, ANY, 0);
    assert_true(fx.out.flags & RST);
    advance(5000);
    expect_none();
}

/* ---- what the calls say: 3.10.2 to 3.10.4 ---- */

static void calls_in_every_state(void **state) {
    (void)state;
    bool v6 = fx.v6;
    uint8_t b[4] = {0};
    for (unsigned st = TERN_ESTABLISHED; st < TERN_STATES; st++) {
        fx_down();
        fx_reset(v6);
        to_state((enum tern_state)st, ACTIVE);
        bool sends = st == TERN_ESTABLISHED || st == TERN_CLOSE_WAIT;
        bool ended = st >= TERN_CLOSE_WAIT;
        fx.unchecked = true;
        assert_int_equal(tern_write(fx.stack, fx.sock, b, 4), sends ? 4 : TERN_ESTATE);
        assert_int_equal(tern_read(fx.stack, fx.sock, b, 4), ended ? 0 : TERN_EAGAIN);
        assert_int_equal(tern_shutdown(fx.stack, fx.sock), sends ? TERN_OK : TERN_ESTATE);
        assert_int_equal(tern_shutdown(fx.stack, fx.sock), TERN_ESTATE);
        assert_int_equal(tern_close(fx.stack, fx.sock), TERN_OK);
        assert_int_equal(tern_close(fx.stack, fx.sock), TERN_ESTALE);
        assert_true(tern_read(fx.stack, fx.sock, b, 4) < 0);
        assert_true(tern_write(fx.stack, fx.sock, b, 4) < 0);
        drop_out();
        expect_event(0);
    }
}

/* No event after close, even if the send buffer was full before. */
static void no_event_after_close(void **state) {
    (void)state;
    fx.cfg.send_buffer = fx.cfg.send_buffer_max = 1024;
    to_state(TERN_ESTABLISHED, ACTIVE);
    uint8_t b[2048] = {0};
    fx.unchecked = true;
    assert_int_equal(tern_write(fx.stack, fx.sock, b, sizeof b), 1024);
    assert_int_equal(tern_write(fx.stack, fx.sock, b, sizeof b), TERN_EAGAIN);
    drop_out();
    assert_int_equal(tern_close(fx.stack, fx.sock), TERN_OK);
    drop_out();
    inject(ACK, 1, 1025, 0);
    drop_out();
    inject(ACK, 1, 1026, 0);
    expect_event(0);
    inject(FIN | ACK, 1, 1026, 0);
    expect_event(0);
}

/* EV_SENT: all that was written, and the FIN, is acknowledged. */
static void sent_event(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    app_write(200);
    drop_out();
    inject(ACK, 1, 101, 0);
    expect_event(0);
    inject(ACK, 1, 201, 0);
    expect_event(TERN_EV_SENT);
    assert_int_equal(tern_shutdown(fx.stack, fx.sock), TERN_OK);
    drop_out();
    inject(ACK, 1, 202, 0);
    expect_event(TERN_EV_SENT);
}

/* ---- TIME-WAIT ---- */

/* [MUST-13] 2 MSL, not less; and the pair of sockets is free then. */
static void time_wait_lasts(void) {
    fx.cfg.msl_ms = 7000;
    to_state(TERN_TIME_WAIT, ACTIVE);
    advance(13990);
    expect_state(TERN_TIME_WAIT);
    assert_int_equal(app_connect(), TERN_EADDRINUSE);
    advance(15);
    expect_state(TERN_CLOSED);
    expect_none();
}
static void two_msl(void **state) {
    (void)state;
    twice(time_wait_lasts);
}

/* [RFC9293 3.10.7.4] A FIN that comes again is acknowledged again and starts the wait anew. */
static void time_wait_fin(void) {
    fx.cfg.msl_ms = 5000;
    to_state(TERN_TIME_WAIT, PASSIVE);
    for (unsigned i = 0; i < 5; i++) {
        advance(9000);
        inject(FIN | ACK, fx.rcv - 1, fx.snd, 0);
        expect(ACK, fx.snd, fx.rcv, 0);
        expect_state(TERN_TIME_WAIT);
    }
    advance(9900);
    expect_state(TERN_TIME_WAIT);
    advance(200);
    expect_state(TERN_CLOSED);
}
static void time_wait_restarts(void **state) {
    (void)state;
    twice(time_wait_fin);
}

/* With the bytes in front of it, as a peer whose data was acknowledged in vain sends it. */
static void time_wait_fin_with_data(void **state) {
    (void)state;
    fx.cfg.msl_ms = 5000;
    to_state(TERN_FIN_WAIT_2, ACTIVE);
    inject(FIN | ACK, 1, 2, 100);
    expect(ACK, 2, 102, 0);
    expect_state(TERN_TIME_WAIT);
    advance(9000);
    inject(FIN | ACK, 1, 2, 100);
    expect(ACK, 2, 102, 0);
    advance(9000);
    expect_state(TERN_TIME_WAIT);
}

/* [RFC1337 3] Neither RST nor old segments end it. */
static void time_wait_hazards(void) {
    to_state(TERN_TIME_WAIT, ACTIVE);
    inject(RST, fx.rcv, 0, 0);
    inject(RST, fx.rcv - 1, 0, 0);
    inject(RST, fx.rcv - 100, 0, 0);
    expect_state(TERN_TIME_WAIT);
    inject(ACK, fx.rcv - 50, fx.snd, 10); /* old data: an ACK, which an old peer answers with RST */
    while (out_waiting()) expect(ACK, fx.snd, fx.rcv, 0);
    inject(RST, fx.rcv, 0, 0);
    expect_state(TERN_TIME_WAIT);
    inject(SYN, fx.rcv - 1000, 0, 0);
    while (out_waiting()) expect(ACK, fx.snd, fx.rcv, 0);
    expect_state(TERN_TIME_WAIT);
}
static void assassination(void **state) {
    (void)state;
    twice(time_wait_hazards);
}

/* [SHLD-4, RFC6191 2] May a SYN with this number and timestamp (0: none) open anew after a connection with or
 * without them? */
static void reuse(bool stamps_before, uint32_t at, int32_t stamp, bool may) {
    for (unsigned held = 0; held < 2; held++) {
        bool v6 = fx.v6;
        fx_down();
        fx_reset(v6);
        fx.close_fully = !held;
        fx.cfg.timestamps = 1;
        fx.peer.ts = stamps_before;
        assert_int_equal(app_listen(0, 0), TERN_OK);
        tern_sock listener = fx.listener;
        to_state(TERN_TIME_WAIT, ACTIVE);
        fx.listener = listener;
        fx.peer.ts = false;
        struct seg syn = {.flags = SYN, .seq = fx.rcv + at};
        if (stamp != ANY) syn.ts = true, syn.ts_value = fx.peer.ts_value + (uint32_t)stamp;
        uint32_t iss = fx.iss;
        inject_seg(&syn);
        if (may) {
            expect(SYN | ACK, 0, fx.rcv + at + 1, 0);
            expect_state(TERN_SYN_RECEIVED);
            assert_int_equal(fx.out.ts, stamp != ANY);
            assert_true((int32_t)(fx.iss - (iss + fx.snd)) > 0); /* [MAY-2] above our last number */
        } else {
            while (out_waiting()) expect(ACK, fx.snd, fx.rcv, 0);
            expect_state(TERN_TIME_WAIT);
        }
    }
}

static void time_wait_reuse(void **state) {
    (void)state;
    static const uint32_t back = (uint32_t)-1000;
    /* timestamps before: a newer one will do, an equal one needs a higher number, none too */
    reuse(true, back, 1, true);
    reuse(true, 1000, 1, true);
    reuse(true, 1000, 0, true);
    reuse(true, back, 0, false);
    reuse(true, 1000, -1, false);
    reuse(true, back, -1, false);
    reuse(true, 1000, ANY, true);
    reuse(true, back, ANY, false);
    /* none before: any timestamp will do, or a higher number */
    reuse(false, 1000, 1, true);
    reuse(false, back, 1, true);
    reuse(false, 1000, ANY, true);
    reuse(false, back, ANY, false);
    /* the last number of the old connection is its FIN's */
    reuse(false, 0, ANY, true);
    reuse(false, (uint32_t)-1, ANY, false);
}

/* Who does not listen has no use for the SYN; the wait goes on, and the peer's FIN is still answered. */
static void time_wait_without_listener(void) {
    to_state(TERN_TIME_WAIT, ACTIVE);
    inject(SYN, fx.rcv + 1000, 0, 0);
    drop_out();
    expect_state(TERN_TIME_WAIT);
    inject(FIN | ACK, fx.rcv - 1, fx.snd, 0);
    expect(ACK, fx.snd, fx.rcv, 0);
}
static void time_wait_not_reused(void **state) {
    (void)state;
    twice(time_wait_without_listener);
}

/* At the limit the oldest makes room. */
static void time_wait_limit(void **state) {
    (void)state;
    fx.cfg.time_wait_max = 3;
    fx.close_fully = true;
    for (uint16_t i = 0; i < 5; i++) {
        fx_new_peer((uint16_t)(MY_PORT + i), PEER_PORT);
        to_state(TERN_TIME_WAIT, ACTIVE);
        advance(10);
    }
    for (uint16_t i = 0; i < 5; i++) {
        fx.my_port = (uint16_t)(MY_PORT + i);
        expect_state(i < 2 ? TERN_CLOSED : TERN_TIME_WAIT);
    }
    tern_stats st = {.size = sizeof st};
    assert_int_equal(tern_stats_get(fx.stack, &st), TERN_OK);
    assert_int_equal(st.time_wait, 3);
    assert_int_equal(st.connections, 0);
}

/* A machine that slept: whatever the jump of its clock, what was due is over. */
static void time_wait_after_a_long_sleep(void **state) {
    (void)state;
    static const uint64_t hours[] = {1, 3, 4, 5, 9, 720};
    fx.close_fully = true;
    for (uint16_t i = 0; i < ARRAY_LEN(hours); i++) {
        fx_new_peer((uint16_t)(MY_PORT + i), PEER_PORT);
        to_state(TERN_TIME_WAIT, ACTIVE);
        fx.now += hours[i] * 3600 * 1000 * MS_NS;
        if (i & 1) { /* another one comes before the timers are seen to */
            fx_new_peer((uint16_t)(MY_PORT + 100 + i), PEER_PORT);
            to_state(TERN_TIME_WAIT, ACTIVE);
            advance(1);
            expect_state(TERN_TIME_WAIT);
        }
        tern_expire(fx.stack, fx.now);
        fx.my_port = (uint16_t)(MY_PORT + i);
        expect_state(TERN_CLOSED);
        advance(61000);
        tern_stats st = {.size = sizeof st};
        assert_int_equal(tern_stats_get(fx.stack, &st), TERN_OK);
        assert_int_equal(st.time_wait, 0);
    }
}

/* A restart puts the record at the end of the queue. */
static void time_wait_limit_after_restart(void **state) {
    (void)state;
    fx.cfg.time_wait_max = 2;
    fx.close_fully = true;
    fx.unchecked = true;
    uint32_t iss = 0;
    for (uint16_t i = 0; i < 3; i++) {
        fx_new_peer((uint16_t)(MY_PORT + i), PEER_PORT);
        if (i == 2) { /* the first one's FIN comes again */
            fx_new_peer(MY_PORT, PEER_PORT);
            fx.iss = iss;
            inject(FIN | ACK, 1, 2, 0);
            expect(ACK, 2, 2, 0);
            fx_new_peer(MY_PORT + 2, PEER_PORT);
        }
        to_state(TERN_TIME_WAIT, ACTIVE);
        if (i == 0) iss = fx.iss;
        advance(10);
    }
    static const enum tern_state left[] = {TERN_TIME_WAIT, TERN_CLOSED, TERN_TIME_WAIT};
    for (uint16_t i = 0; i < 3; i++) {
        fx.my_port = (uint16_t)(MY_PORT + i);
        expect_state(left[i]);
    }
}

/* Without any record the block itself waits. */
static void time_wait_without_records(void **state) {
    (void)state;
    fx.cfg.time_wait_max = 0;
    fx.cfg.msl_ms = 5000;
    fx.close_fully = true;
    to_state(TERN_TIME_WAIT, ACTIVE);
    advance(9000);
    inject(FIN | ACK, fx.rcv - 1, fx.snd, 0);
    expect(ACK, fx.snd, fx.rcv, 0);
    advance(9900);
    expect_state(TERN_TIME_WAIT);
    advance(200);
    expect_state(TERN_CLOSED);
    tern_stats st = {.size = sizeof st};
    assert_int_equal(tern_stats_get(fx.stack, &st), TERN_OK);
    assert_int_equal(st.connections, 0);
}

/* Bytes may be read in TIME-WAIT, then the application lets go: the record goes on. */
static void time_wait_read_then_close(void **state) {
    (void)state;
    to_state(TERN_FIN_WAIT_2, ACTIVE);
    inject(FIN | ACK, 1, 2, 100);
    drop_out();
    assert_int_equal(app_read(50), 50);
    assert_int_equal(tern_close(fx.stack, fx.sock), TERN_OK);
    expect_none(); /* the peer has our ACK: nothing it could do with a RST */
    expect_state(TERN_TIME_WAIT);
    inject(FIN | ACK, 101, 2, 0);
    expect(ACK, 2, 102, 0);
}

/* [RFC9293 3.9.1.1] Ports in TIME-WAIT are not given out again towards the same peer. */
static void time_wait_holds_the_port(void **state) {
    (void)state;
    fx.cfg.port_first = 40000;
    fx.cfg.port_last = 40001;
    fx.close_fully = true;
    to_state(TERN_TIME_WAIT, ACTIVE); /* 40000 */
    for (unsigned i = 0; i < 2; i++) {
        tern_open o = {.size = sizeof o, .remote = fx.peer_addr, .remote_port = PEER_PORT};
        assert_int_equal(tern_connect(fx.stack, &o, &fx.sock), i ? TERN_EPORTS : TERN_OK);
    }
    drop_out();
}

/* ---- linger ---- */

/* [RFC9293 3.10.4] 0: reset at once; else reset when not all is acknowledged by then. */
static void linger(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    assert_int_equal(tern_set(fx.stack, fx.sock, TERN_OPT_LINGER_MS, 0), TERN_OK);
    assert_int_equal(tern_close(fx.stack, fx.sock), TERN_OK);
    expect(RST | ACK, 1, 1, 0);
    expect_state(TERN_CLOSED);
    fx_new_peer(MY_PORT + 1, PEER_PORT);
    to_state(TERN_ESTABLISHED, ACTIVE);
    assert_int_equal(tern_set(fx.stack, fx.sock, TERN_OPT_LINGER_MS, 700), TERN_OK);
    app_write(10);
    drop_out();
    assert_int_equal(tern_close(fx.stack, fx.sock), TERN_OK);
    expect(FIN | ACK, 11, 1, 0);
    expect_after(700);
    expect(RST | ACK, 12, 1, 0);
    expect_state(TERN_CLOSED);
}

/* Connections that nobody holds are limited. */
static void orphans_limit(void **state) {
    (void)state;
    fx.cfg.orphans_max = 2;
    fx.close_fully = true;
    for (uint16_t i = 0; i < 2; i++) {
        fx_new_peer((uint16_t)(MY_PORT + i), PEER_PORT);
        to_state(TERN_FIN_WAIT_1, ACTIVE);
    }
    fx_new_peer(MY_PORT + 2, PEER_PORT);
    to_state(TERN_ESTABLISHED, ACTIVE);
    assert_int_equal(tern_close(fx.stack, fx.sock), TERN_OK);
    expect(RST | ACK, 1, 1, 0);
    expect_state(TERN_CLOSED);
    for (uint16_t i = 0; i < 2; i++) { /* those two end, each in its way: there is room again */
        fx_new_peer((uint16_t)(MY_PORT + i), PEER_PORT);
        tern_status_info st;
        assert_true(status_now(&st));
        fx.iss = st.iss;
        inject(i ? RST : FIN | ACK, 1, 2, 0);
        drop_out();
    }
    assert_int_equal(fx.s->tcp.orphans, 0);
    for (uint16_t i = 0; i < 2; i++) {
        fx_new_peer((uint16_t)(MY_PORT + 10 + i), PEER_PORT);
        to_state(TERN_FIN_WAIT_1, ACTIVE);
    }
}

/* [RFC6429 3] Nobody can end them any more, so where they are many those whose peers keep the window shut, and answer every probe,
 * do not take the places of the others for ever. */
static void orphans_before_shut_windows(void **state) {
    (void)state;
    fx.cfg.orphans_max = 4;
    for (uint16_t i = 0; i < 4; i++) {
        fx_new_peer((uint16_t)(MY_PORT + i), PEER_PORT);
        to_state(TERN_ESTABLISHED, ACTIVE);
        inject_with(.flags = ACK, .seq = 1, .ack = 1, .wnd = CLOSED_WINDOW);
        app_write(100);
        assert_int_equal(tern_close(fx.stack, fx.sock), TERN_OK);
    }
    assert_int_equal(fx.s->tcp.orphans, 4);
    uint64_t from = fx.now;
    while (fx.now - from < 600 * SEC_NS) {
        advance(500);
        if (fx.now - from < 60 * SEC_NS) assert_int_equal(fx.s->tcp.orphans, 4);
        drop_out();
        for (uint16_t i = 0; i < 4; i++) {
            fx_new_peer((uint16_t)(MY_PORT + i), PEER_PORT);
            tern_status_info st;
            if (!status_now(&st)) continue;
            fx.iss = st.iss;
            inject_with(.flags = ACK, .seq = 1, .ack = 1, .wnd = CLOSED_WINDOW);
        }
    }
    assert_int_equal(fx.s->tcp.orphans, 2); /* few may wait as long as they like [MUST-37] */
    assert_int_equal(counted(R_END_ZERO_WINDOW), 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        BOTH(figure_12_as_a),
        BOTH(figure_12_as_b),
        BOTH(figure_13),
        BOTH(three_segments),
        BOTH(fin_wait_1_data_fin_ack),
        BOTH(fin_wait_1_early_fin),
        BOTH(fin_wait_1_early_fin_then_all),
        BOTH(closing_waits),
        BOTH(half_closed),
        BOTH(half_closed_by_the_peer),
        BOTH(fin_behind_data),
        BOTH(fin_is_repeated),
        BOTH(last_ack_for_ever),
        BOTH(fin_wait_2_without_owner),
        BOTH(fin_wait_2_with_owner),
        BOTH(close_unread),
        BOTH(close_wait_close_unread),
        BOTH(data_after_close),
        BOTH(data_after_shutdown),
        BOTH(abort_in_every_state),
        BOTH(abort_drops_queues),
        BOTH(calls_in_every_state),
        BOTH(no_event_after_close),
        BOTH(sent_event),
        BOTH(two_msl),
        BOTH(time_wait_restarts),
        BOTH(time_wait_fin_with_data),
        BOTH(assassination),
        BOTH(time_wait_reuse),
        BOTH(time_wait_not_reused),
        BOTH(time_wait_limit),
        BOTH(time_wait_limit_after_restart),
        BOTH(time_wait_after_a_long_sleep),
        BOTH(time_wait_without_records),
        BOTH(time_wait_read_then_close),
        BOTH(time_wait_holds_the_port),
        BOTH(linger),
        BOTH(orphans_limit),
        BOTH(orphans_before_shut_windows),
    };
    return cmocka_run_group_tests_name("tcp close", tests, NULL, NULL);
}
