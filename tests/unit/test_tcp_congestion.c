/* test_tcp_congestion.c - what a connection does with its congestion window besides using it: after a pause
 * (RFC 5681 4.1, RFC 2861), and what STATUS tells of recovery. The algorithms themselves: test_cc_*.c. */
#include "recovery_script.h"

/* A window of 40 segments, used and acknowledged. */
static void grown(void) {
    open_with(TERN_NEWRENO, false);
    cc()->cwnd = 40 * M;
    send_segments(1, 30);
    advance(RTT);
    ack_only(behind(30));
    cc()->cwnd = 40 * M;
    expect_none();
}

static uint32_t rto(void) {
    tern_status_info i = {.size = sizeof i};
    assert_true(status_now(&i));
    return i.rto_ms;
}

static unsigned leave(void) {
    app_write(45 * M);
    return drop_out();
}

static void within_the_timeout_it_stays(void **state) {
    (void)state;
    grown();
    cc()->ssthresh = 30 * M;
    advance(rto() - RTT - 2); /* the last segment left a round trip ago */
    assert_int_equal(leave(), 40);
    assert_int_equal(cc()->ssthresh, 30 * M);
}

static void each_timeout_halves_it(void **state) {
    (void)state;
    grown();
    cc()->ssthresh = 20 * M;
    advance(rto() - RTT);
    assert_int_equal(leave(), 20);
    assert_int_equal(cc()->ssthresh, 30 * M); /* three quarters of what it was [RFC2861 3.1] */
}

static void never_below_that_of_a_new_connection(void **state) {
    (void)state;
    grown();
    advance(100 * rto());
    assert_int_equal(leave(), 10); /* RW = min(IW, cwnd) [RFC5681 4.1] */
}

static void a_small_window_stays_small(void **state) {
    (void)state;
    grown();
    cc()->cwnd = 3 * M;
    advance(100 * rto());
    assert_int_equal(leave(), 3);
}

static void it_can_be_turned_off(void **state) {
    (void)state;
    fx.cfg.idle_restart = 0;
    grown();
    advance(100 * rto());
    assert_int_equal(leave(), 40);
}

/* One segment is lost and nothing follows: a probe, then the timer, each counted by its reason. */
static void status_tells_why(void **state) {
    (void)state;
    tern_status_info i = {.size = sizeof i};
    open_with(TERN_NEWRENO, false);
    send_segments(1, 1);
    assert_true(wait_out(1000) < 1000);
    expect(ACK, from(1), 1, M);
    assert_true(status_now(&i));
    assert_int_equal(i.retransmitted, 1);
    assert_int_equal(i.again_by_probe, 1);
    assert_int_equal(i.again_by_timer, 0);
    assert_string_equal(tern_reason_name(i.again_last), "REXMIT_TLP");
    assert_true(wait_out(5000) < 5000);
    expect(ACK, from(1), 1, M);
    assert_true(status_now(&i));
    assert_int_equal(i.retransmitted, 2);
    assert_int_equal(i.again_by_probe, 1);
    assert_int_equal(i.again_by_timer, 1);
    assert_int_equal(i.timeouts, 1);
    assert_true(i.recovery >= TERN_RECOVERY_FAST);
    assert_string_equal(tern_reason_name(i.again_last), "REXMIT_RTO");
}

/* The third of five is lost. */
static void status_tells_what_is_lost(void **state) {
    (void)state;
    tern_status_info i = {.size = sizeof i};
    open_with(TERN_NEWRENO, false);
    send_segments(1, 10);
    advance(RTT);
    sack(behind(2), {from(4), behind(10)});
    assert_true(status_now(&i));
    assert_int_equal(i.bytes_sacked, 7 * M);
    expect(ACK, from(3), 1, M);
    assert_true(status_now(&i));
    assert_int_equal(i.retransmitted - i.again_by_timer - i.again_by_probe, 1);
    assert_string_equal(tern_reason_name(i.again_last), "REXMIT_RACK");
    assert_int_equal(i.bytes_lost, 0);
    assert_int_equal(i.min_rtt_us, RTT * 1000);
    assert_int_equal(i.congestion, TERN_NEWRENO);
    ack_only(behind(10));
    assert_true(status_now(&i));
    assert_true(i.recovery < TERN_RECOVERY_FAST);
}

/* Rate samples [draft-ietf-ccwg-bbr 4.5.2]: ten segments leave at once, nine of them are acknowledged a round trip later.
 * What leaves next is acknowledged in the round trip after that. */
static void status_tells_the_rate(void **state) {
    (void)state;
    tern_status_info i = {.size = sizeof i};
    open_with(TERN_NEWRENO, false);
    app_write(100 * M);
    assert_true(status_now(&i));
    assert_int_equal(i.delivery_rate, 0);
    for (uint32_t k = 1; k <= 10; k++) expect(ACK, from(k), 1, M);
    advance(RTT);
    ack_only(behind(9));
    assert_true(status_now(&i));
    assert_int_equal(i.delivery_rate, 9 * M * 1000 / RTT);
    assert_false(i.delivery_limited);
    for (uint32_t k = 11; k <= 21; k++) expect(ACK, from(k), 1, M);
    expect_none();
    advance(2 * RTT - 1); /* a slow one: the time between the two ACKs counts */
    ack_only(behind(20));
    assert_true(status_now(&i));
    assert_int_equal(i.delivery_rate, 11 * M * 1000 / (2 * RTT - 1));
}

/* The application has no more than that: a sample of what followed says nothing of the path. */
static void status_tells_a_slow_application(void **state) {
    (void)state;
    tern_status_info i = {.size = sizeof i};
    open_with(TERN_NEWRENO, false);
    send_segments(1, 2);
    send_segments(3, 2);
    advance(RTT);
    ack_only(behind(3));
    assert_true(status_now(&i));
    assert_true(i.delivery_limited);
    assert_int_equal(i.delivery_rate, 3 * M * 1000 / RTT);
}

/* The peer's window is smaller than ours: for a model such a sample says as little, unless a queue shows that the path is full. */
static void status_tells_a_small_window(void **state) {
    (void)state;
    tern_status_info i = {.size = sizeof i};
    open_with(TERN_BBR, false);
    app_write(80 * M);
    assert_int_equal(drop_out(), 10);
    fx.peer.wnd = 4 * M;
    for (uint32_t k = 0; k < 12; k++) {
        advance(k < 4 ? RTT : RTT + RTT / 5); /* from then on there is a queue */
        ack_only(behind(9 + 3 * k));    /* one is always under way */
        assert_int_equal(drop_out(), 3);
        assert_true(status_now(&i));
        if (k == 0) assert_false(i.delivery_limited);
        if (k == 3) assert_true(i.delivery_limited);
        if (k == 11) assert_false(i.delivery_limited);
    }
}

/* What Linux's tcp_info has besides: what was repeated and is under way, the reordering window, the largest segment that
 * came, the receive buffer. */
static void status_tells_the_rest(void **state) {
    (void)state;
    tern_status_info i = {.size = sizeof i};
    open_with(TERN_NEWRENO, false);
    send_segments(1, 10);
    advance(RTT);
    ack_only(behind(1));
    assert_true(status_now(&i));
    assert_int_equal(i.reordering_us, RTT * 1000 / 4); /* [RFC8985 6.2 step 4] */
    assert_int_equal(i.again_under_way, 0);
    sack(behind(2), {from(4), behind(10)});
    expect(ACK, from(3), 1, M);
    assert_true(status_now(&i));
    assert_int_equal(i.again_under_way, M);
    assert_int_equal(i.reordering_us, 0); /* none seen, and three segments say enough */
    ack_only(behind(10));
    inject(ACK, 1, behind(10), 700);
    inject(ACK, 701, behind(10), 300);
    drop_out();
    assert_true(status_now(&i));
    assert_int_equal(i.again_under_way, 0);
    assert_int_equal(i.mss_received, 700);
    assert_int_equal(i.receive_buffer, fx.cfg.receive_buffer);
}

/* A connection that sends little at a time needs no memory for its congestion control. */
static void memory_comes_when_the_window_is_used(void **state) {
    (void)state;
    fx.cfg.congestion = TERN_CUBIC;
    to_state(TERN_ESTABLISHED, ACTIVE);
    assert_null(cc()->state);
    uint32_t cwnd = cc()->cwnd;
    app_write(100);
    assert_int_equal(drop_out(), 1);
    assert_null(cc()->state);
    assert_int_equal(cc()->cwnd, cwnd);
    app_write(40 * M);
    assert_true(drop_out() > 1);
    ack_only((uint32_t)seq_diff(tcb_now()->snd.nxt, seq_of(fx.iss)));
    assert_non_null(cc()->state);
    assert_ptr_equal(cc()->ops, &cc_cubic);
    assert_true(cc()->cwnd > cwnd);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        BOTH(within_the_timeout_it_stays),  BOTH(each_timeout_halves_it), ONLY4(never_below_that_of_a_new_connection),
        ONLY4(a_small_window_stays_small),  ONLY4(it_can_be_turned_off),  ONLY4(status_tells_why),
        ONLY4(status_tells_what_is_lost),   ONLY4(status_tells_the_rate), ONLY4(status_tells_a_slow_application),
        ONLY4(status_tells_a_small_window), ONLY4(status_tells_the_rest), ONLY4(memory_comes_when_the_window_is_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
