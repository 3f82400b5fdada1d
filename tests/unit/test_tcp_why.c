/* test_tcp_why.c - why: each outcome of a segment, each segment that leaves and each end of a connection has a named reason
 * with a counter (src/core/reason.def), and what happens is counted under the one that its text describes, once. The first
 * half of the outcomes is in test_tcp_told.c. */
#include "tcp_fixture.h"

/* Does what follows, and sees it counted once more. */
#define COUNTED_AS(r, ...)                                                                                             \
    do {                                                                                                               \
        uint64_t before_ = counted(r);                                                                                 \
        __VA_ARGS__;                                                                                                   \
        if (counted(r) != before_ + 1)                                                                                 \
            fail_msg("line %d: %s counted %d times", __LINE__, tern_reason_name(r), (int)(counted(r) - before_));      \
    } while (0)

static void listener(void **state) {
    (void)state;
    assert_int_equal(app_listen(0, 0), TERN_OK);
    COUNTED_AS(R_LISTEN_RST, inject(RST, 5, 0, 0));
    COUNTED_AS(R_LISTEN_ACK, inject(ACK, 5, 7, 0));
    COUNTED_AS(R_SEND_RST, inject(ACK, 5, 7, 0));
    COUNTED_AS(R_LISTEN_NO_SYN, inject(PSH, 5, 0, 3));
    COUNTED_AS(R_LISTEN_SYN_FIN, inject(SYN | FIN, 5, 0, 0));
    drop_out();
    COUNTED_AS(R_LISTEN_SYN, inject(SYN, 0, 0, 0));
    COUNTED_AS(R_REXMIT_SYN_ACK, advance(1000));
    assert_int_equal(counted(R_SEND_SYN_ACK), 1);
    assert_int_equal(tern_close(fx.stack, fx.listener), TERN_OK);
    drop_out();
    assert_int_equal(app_listen(TERN_LISTEN_HOLD, 0), TERN_OK);
    COUNTED_AS(R_LISTEN_HELD, inject(SYN, 0, 0, 0));
    COUNTED_AS(R_LISTEN_HELD, inject(SYN, 0, 0, 0));
    COUNTED_AS(R_LISTEN_ACK, inject(ACK, 1, 1, 0));
    tern_sock held;
    assert_int_equal(tern_held(fx.stack, fx.listener, &held, NULL), TERN_OK);
    COUNTED_AS(R_SEND_SYN_ACK, assert_int_equal(tern_hold_accept(fx.stack, held), TERN_OK));
}

static void limits(void **state) {
    (void)state;
    fx.cfg.connections_max = 1;
    assert_int_equal(app_listen(0, 0), TERN_OK);
    for (uint16_t i = 0; i < 2; i++) {
        fx_new_peer(MY_PORT, (uint16_t)(PEER_PORT + i));
        inject(SYN, 0, 0, 0);
        expect(SYN | ACK, 0, 1, 0);
        if (i == 0)
            COUNTED_AS(R_OPEN_COMPLETE, inject(ACK, 1, 1, 0));
        else
            COUNTED_AS(R_CONNECTION_LIMIT, inject(ACK, 1, 1, 0));
    }
}

static void opening(void **state) {
    (void)state;
    assert_int_equal(app_connect(), TERN_OK);
    COUNTED_AS(R_SEND_SYN, drop_out());
    COUNTED_AS(R_REXMIT_SYN, advance(1000));
    drop_out();
    COUNTED_AS(R_SEND_RST, inject(ACK, 0, 9, 0));
    drop_out();
    fx_new_peer(MY_PORT + 1, PEER_PORT);
    to_state(TERN_SYN_SENT, ACTIVE);
    COUNTED_AS(R_SEND_SYN_ACK, inject(SYN, 0, 0, 0); drop_out());
    assert_int_equal(counted(R_SYNSENT_SYN), 1);
}

/* ---- what leaves, while it is open ---- */

static void sending(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    app_write(500);
    COUNTED_AS(R_SEND_DATA, drop_out());
    COUNTED_AS(R_ACK_NEW, inject(ACK, 1, 501, 0));
    COUNTED_AS(R_SEND_ACK_DELAYED, inject(ACK, 1, 501, 10); advance(500));
    drop_out();
    COUNTED_AS(R_SEND_ACK_NOW, inject(ACK, 11, 501, 1000); inject(ACK, 1011, 501, 1000); drop_out());
    COUNTED_AS(R_SEND_ACK_NOW, inject(ACK, 1, 501, 10); drop_out()); /* again */
    COUNTED_AS(R_SEND_ACK_NOW, inject(ACK, 3011, 501, 100); drop_out());
    COUNTED_AS(R_TEXT_FILLS_HOLE, inject(ACK, 2011, 501, 1000); drop_out());
    COUNTED_AS(R_SEND_CHALLENGE, inject(RST, 3200, 0, 0); drop_out());
    COUNTED_AS(R_CHALLENGE_LIMITED, inject(RST, 3201, 0, 0));
    expect_none();
    assert_int_equal(app_set(TERN_OPT_QUICK_ACK, 1), TERN_OK);
    COUNTED_AS(R_SEND_ACK, inject(ACK, 3111, 501, 10); drop_out());
    assert_int_equal(app_set(TERN_OPT_KEEPALIVE, 1), TERN_OK);
    COUNTED_AS(R_SEND_KEEPALIVE, advance(7200000));
    drop_out();
    inject(ACK, 3121, 501, 0);
    assert_int_equal(tern_shutdown(fx.stack, fx.sock), TERN_OK);
    COUNTED_AS(R_SEND_FIN, drop_out());
    assert_int_equal(counted(R_SEND_DATA), 1);
}

/* [3.8.6.1] The peer's window is shut, then ours. */
static void shut_windows(void **state) {
    (void)state;
    fx.cfg.receive_buffer = fx.cfg.receive_buffer_max = 4096;
    to_state(TERN_ESTABLISHED, ACTIVE);
    COUNTED_AS(R_WINDOW_UPDATE, inject_with(.flags = ACK, .seq = 1, .ack = 1, .wnd = CLOSED_WINDOW));
    app_write(10);
    expect_none();
    COUNTED_AS(R_SEND_PROBE, assert_true(wait_out(60000) <= 60000); drop_out());
    inject(ACK, 1, 1, 0);
    drop_out();
    inject(ACK, 1, 11, 0);
    uint32_t at = 1;
    while (fx_status().rcv_wnd) {
        uint32_t n = min_u32(fx_status().rcv_wnd, 1000);
        inject(ACK, at, 11, n);
        at += n;
        drop_out();
    }
    COUNTED_AS(R_SEQ_ZERO_WINDOW, inject(ACK, at, 11, 1));
    drop_out();
    COUNTED_AS(R_SEND_WINDOW_UPDATE, app_read(4000); drop_out());
}

static void timestamps(void **state) {
    (void)state;
    fx.cfg.timestamps = 1;
    fx.peer.ts = true;
    to_state(TERN_ESTABLISHED, ACTIVE);
    fx.peer.ts_value++;
    inject(ACK, 1, 1, 10);
    fx.peer.ts_value -= 2;
    COUNTED_AS(R_PAWS_OLD, inject(ACK, 11, 1, 10));
    COUNTED_AS(R_PAWS_MISSING, inject_with(.flags = ACK, .seq = 11, .ack = 1, .len = 10, .no_ts = true));
    fx.peer.ts_value += 2;
    COUNTED_AS(R_TEXT_IN_ORDER, inject(ACK, 11, 1, 10));
    drop_out();
}

/* ---- what leaves again ---- */

/* [RFC6582 3.2] The first loss is found by duplicates, the next of the same window by a partial ACK; and the next
 * recovery begins with duplicates again. */
static void repeating(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    uint32_t una = 1;
    for (unsigned round = 0; round < 2; round++) {
        for (uint32_t n; (n = fx_status().cwnd) < 8000; una += n) { /* the window opens again */
            app_write(n);
            drop_out();
            inject(ACK, 1, una + n, 0);
            drop_out();
        }
        app_write(8000);
        assert_true(drop_out() > 6);
        inject(ACK, 1, una + 1000, 0);
        for (unsigned i = 0; i < 2; i++) COUNTED_AS(R_ACK_DUPLICATE, inject(ACK, 1, una + 1000, 0));
        COUNTED_AS(R_REXMIT_FAST, inject(ACK, 1, una + 1000, 0); drop_out());
        COUNTED_AS(R_REXMIT_PARTIAL, inject(ACK, 1, una + 4000, 0); drop_out());
        assert_int_equal(fx_status().again_last, R_REXMIT_PARTIAL);
        una += 8000;
        inject(ACK, 1, una, 0);
        advance(500);
        drop_out();
    }
    app_write(100);
    drop_out();
    COUNTED_AS(R_REXMIT_RTO, assert_true(wait_out(60000) <= 60000); drop_out());
    assert_int_equal(fx_status().again_last, R_REXMIT_RTO);
}

/* ---- how it ends ---- */

static void after_the_end(void **state) {
    (void)state;
    to_state(TERN_CLOSE_WAIT, ACTIVE);
    COUNTED_AS(R_TEXT_AFTER_FIN, inject(ACK, 2, 1, 10));
    drop_out();
    fx_new_peer(MY_PORT + 1, PEER_PORT);
    fx.close_fully = true;
    to_state(TERN_FIN_WAIT_1, ACTIVE);
    COUNTED_AS(R_TEXT_AFTER_CLOSE, inject(ACK, 1, 1, 10));
    assert_int_equal(counted(R_SEND_RST_UNREAD), 1);
    expect_state(TERN_CLOSED);
}

static void ends(void **state) {
    (void)state;
    fx.cfg.time_wait_max = 1;
    to_state(TERN_ESTABLISHED, ACTIVE);
    COUNTED_AS(R_END_ABORT, assert_int_equal(tern_abort(fx.stack, fx.sock), TERN_OK));
    drop_out();
    for (uint16_t i = 1; i <= 3; i++) {
        fx_new_peer((uint16_t)(MY_PORT + i), PEER_PORT);
        fx.close_fully = true;
        assert_int_equal(counted(R_END_EVICTED), i == 3 ? 1 : 0);
        to_state(TERN_TIME_WAIT, ACTIVE);
    }
    assert_int_equal(counted(R_END_EVICTED), 2);
    COUNTED_AS(R_END_2MSL, advance(60001));
    fx_new_peer(MY_PORT, PEER_PORT + 1);
    to_state(TERN_ESTABLISHED, ACTIVE);
    assert_int_equal(app_set(TERN_OPT_LINGER_MS, 5000), TERN_OK);
    app_write(10);
    assert_int_equal(tern_close(fx.stack, fx.sock), TERN_OK);
    COUNTED_AS(R_END_LINGER, advance(5001));
    drop_out();
    fx_new_peer(MY_PORT, PEER_PORT + 2);
    to_state(TERN_ESTABLISHED, ACTIVE);
    fx.s->cfg.orphans_max = 0;
    COUNTED_AS(R_END_ORPHANS, assert_int_equal(tern_close(fx.stack, fx.sock), TERN_OK));
    drop_out();
    fx.s->cfg.orphans_max = 4096;
    fx_new_peer(MY_PORT, PEER_PORT + 3);
    to_state(TERN_ESTABLISHED, ACTIVE);
    assert_int_equal(app_set(TERN_OPT_KEEPALIVE, 1), TERN_OK);
    COUNTED_AS(R_END_KEEPALIVE, advance(7200000 + 10 * 75000));
}

/* [RFC1122 4.2.2.13, RFC6191] A new SYN ends the wait. */
static void reused(void **state) {
    (void)state;
    fx.close_fully = true;
    assert_int_equal(app_listen(0, 0), TERN_OK);
    to_state(TERN_TIME_WAIT, ACTIVE);
    COUNTED_AS(R_TIME_WAIT_REUSED, inject(SYN, 100, 0, 0));
    assert_int_equal(counted(R_LISTEN_SYN), 1);
}

/* ---- resets have a limit ---- */

/* [RFC1812 4.3.2.8; attack list C17] What belongs to no connection is answered at most ten times a second towards one
 * host; RSTs never are. */
static void resets_are_few(void **state) {
    (void)state;
    fx_up();
    for (unsigned second = 0; second < 3; second++) {
        for (unsigned i = 0; i < 100; i++) inject(i % 2 ? ACK : SYN, 5, 7, 0);
        assert_int_equal(drop_out(), 10);
        for (unsigned i = 0; i < 20; i++) inject(i % 2 ? RST : RST | ACK, 5, 7, 0);
        assert_int_equal(drop_out(), 0);
        advance(1000);
    }
    assert_int_equal(counted(R_SEND_RST), 30);
    assert_int_equal(counted(R_ICMP_RATE), 270);
    assert_int_equal(counted(R_NO_CONNECTION), 300);
    for (unsigned i = 0; i < 5; i++) inject(i % 2 ? RST : RST | ACK, 5, 7, 0);
    expect_none();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        BOTH(listener),  BOTH(limits),        BOTH(opening), BOTH(sending), BOTH(shut_windows),   BOTH(timestamps),
        BOTH(repeating), BOTH(after_the_end), BOTH(ends),    BOTH(reused),  BOTH(resets_are_few),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
