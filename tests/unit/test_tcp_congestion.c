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
        BOTH(within_the_timeout_it_stays),
        BOTH(each_timeout_halves_it),
        ONLY4(never_below_that_of_a_new_connection),
        ONLY4(a_small_window_stays_small),
        ONLY4(it_can_be_turned_off),
        ONLY4(status_tells_why),
        ONLY4(status_tells_what_is_lost),
        ONLY4(memory_comes_when_the_window_is_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
