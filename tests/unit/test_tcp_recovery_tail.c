/* test_tcp_recovery_tail.c - tail loss probes (RFC 8985 7): when, with what, and what the window learns from the
 * answer. */
#include "recovery_script.h"

static uint32_t start_cwnd;

static void ready(uint32_t n) {
    open_with(TERN_NEWRENO, false);
    send_segments(1, n);
    start_cwnd = cc()->cwnd;
    advance(RTT);
}

/* The last `lost` segments of ten are lost. Returns the milliseconds until all is repaired, a round trip after the
 * last repetition. */
static uint64_t repair_tail(uint32_t lost) {
    ready(10);
    uint64_t start = fx.now;
    ack_only(behind(10 - lost));
    expect_none();
    assert_true(wait_out(5000) < 1000);
    expect(ACK, from(10), 1, M);
    assert_int_equal(counted(R_REXMIT_TLP), 1);
    advance(RTT);
    if (lost > 1) sack(behind(10 - lost), {from(10), behind(10)});
    for (uint32_t k = 10 - lost + 1; k < 10; k++) { /* one arrived, one leaves [RFC9937] */
        expect(ACK, from(k), 1, M);
        expect_none();
        advance(RTT);
        if (k < 9) sack(behind(k), {from(10), behind(10)});
    }
    ack_only(behind(10));
    expect_none();
    assert_int_equal(counted(R_REXMIT_RTO), 0);
    return (fx.now - start) / MS_NS;
}

/* Two round trips to the probe, one to its answer, one for each of the others: no timer expires, which takes a
 * second here. */
static void last_one(void **state) {
    (void)state;
    assert_int_equal(repair_tail(1), 2 * RTT + 40 + RTT); /* alone it may meet a delayed ACK [7.2] */
}
static void last_two(void **state) {
    (void)state;
    assert_int_equal(repair_tail(2), 2 * RTT + RTT + RTT);
}
static void last_three(void **state) {
    (void)state;
    assert_int_equal(repair_tail(3), 2 * RTT + RTT + 2 * RTT);
}

/* All of it: as well. */
static void whole_burst(void **state) {
    (void)state;
    open_with(TERN_NEWRENO, false);
    send_segments(1, 5);
    expect_after(2 * RTT);
    expect(ACK, from(5), 1, M);
    advance(RTT);
    sack(1, {from(5), behind(5)});
    expect(ACK, from(1), 1, M); /* one arrived, one leaves: the window's business */
    assert_true(tcb_now()->in_recovery);
    assert_int_equal(counted(R_REXMIT_RTO), 0);
}

/* The timer starts anew with every burst and every ACK [7.2]; a probe is followed by the retransmission timer, not
 * by another. */
static void one_probe(void **state) {
    (void)state;
    open_with(TERN_NEWRENO, false);
    send_segments(1, 2);
    advance(150);
    send_segments(3, 2);
    expect_after(2 * RTT);
    expect(ACK, from(4), 1, M);
    assert_int_equal(wait_out(5000), 1000);
    expect(ACK, from(1), 1, M);
    assert_int_equal(counted(R_REXMIT_TLP), 1);
}

/* A SYN that had to be repeated sets the timer to 3 s [RFC6298 5.7]. It says nothing of the probe, which goes by the
 * round trip: that of the handshake, where timestamps tell which SYN was answered, else a second [7.2]. */
static void repeated_syn(bool ts, uint64_t probe_after) {
    fx.cfg.sack = 1;
    fx.cfg.timestamps = fx.peer.ts = ts;
    fx.cfg.congestion = TERN_NEWRENO;
    fx.cfg.pacing = fx.cfg.nagle = 0;
    fx.peer.sack = true;
    if (ts) fx.peer.mss = M + 12;
    fx_up();
    assert_int_equal(app_connect(), TERN_OK);
    expect(SYN, 0, 0, 0);
    expect_after(1000);
    expect(SYN, 0, 0, 0);
    advance(RTT);
    inject(SYN | ACK, 0, 1, 0);
    expect(ACK, 1, 1, 0);
    send_segments(1, 1);
    expect_after(probe_after);
    expect(ACK, from(1), 1, M);
    assert_int_equal(counted(R_REXMIT_TLP), 1);
    assert_int_equal(wait_out(5000), 3000); /* nor does the probe say anything of the timer */
    expect(ACK, from(1), 1, M);
    assert_int_equal(counted(R_REXMIT_RTO), 1);
}
static void after_a_repeated_syn(void **state) {
    (void)state;
    repeated_syn(false, 1000);
}
static void after_a_repeated_syn_with_timestamps(void **state) {
    (void)state;
    repeated_syn(true, 2 * RTT + 40);
}

/* Where no round trip is known and the timer is no longer than a second, there is no probe before it. */
static void no_probe_in_the_timers_place(void **state) {
    (void)state;
    open_with(TERN_NEWRENO, false);
    send_segments(1, 2);
    struct tcb *t = tcb_now();
    t->srtt_us = 0;
    assert_int_equal(t->rto_us, 1000000);
    assert_false(tlp_wanted(t));
    t->srtt_us = RTT * 1000;
    assert_true(tlp_wanted(t));
}

/* New bytes are the better probe, also beyond the congestion window [7.3]. */
static void probe_with_new_bytes(void **state) {
    (void)state;
    open_with(TERN_NEWRENO, false);
    app_write(12 * M);
    for (uint32_t k = 1; k <= 10; k++) expect(ACK, from(k), 1, M);
    expect_none();
    expect_after(2 * RTT);
    expect(ACK, from(11), 1, M);
    assert_int_equal(counted(R_SEND_TLP), 1);
    assert_int_equal(counted(R_REXMIT_TLP), 0);
    uint32_t ssthresh = cc()->ssthresh;
    advance(RTT);
    ack_only(behind(11)); /* all was only slow: the window does not pay */
    expect(ACK, from(12), 1, M);
    advance(RTT);
    ack_only(behind(12));
    assert_int_equal(cc()->ssthresh, ssthresh);
}

static void no_probe_beyond_the_peers_window(void **state) {
    (void)state;
    fx.peer.wnd = 5 * M;
    open_with(TERN_NEWRENO, false);
    app_write(12 * M);
    for (uint32_t k = 1; k <= 5; k++) expect(ACK, from(k), 1, M);
    expect_none();
    expect_after(2 * RTT);
    expect(ACK, from(5), 1, M);
}

/* ---- what the probe's answer means [7.4] ---- */

static void probe_leaves(void) {
    ready(5);
    ack_only(behind(4));
    expect_after(2 * RTT + 40);
    expect(ACK, from(5), 1, M);
    advance(RTT);
}

static uint32_t after_more_data(void) {
    send_segments(6, 3);
    advance(RTT);
    ack_only(behind(8));
    return cc()->ssthresh;
}

/* One ACK for both, then an ACK of something later: the segment was lost, the probe repaired it; the window must
 * know. */
static void repaired_by_the_probe(void **state) {
    (void)state;
    probe_leaves();
    ack_only(behind(5));
    assert_true(cc()->ssthresh > 1u << 30); /* not known yet: a duplicate may follow */
    assert_true(after_more_data() < 1u << 30);
    assert_int_equal(cc()->cwnd, cc()->ssthresh + M); /* a window was acknowledged */
    assert_false(tcb_now()->in_recovery);
}

/* The probe is reported as a duplicate: nothing was lost. Nor does it say anything about order. */
static void both_arrived_dsack(void **state) {
    (void)state;
    probe_leaves();
    ack_only(behind(5));
    sack(behind(5), {from(5), behind(5)});
    assert_true(after_more_data() > 1u << 30);
    assert_int_equal(tcb_now()->rack_mult, 0);
}

/* The report comes with data under way again. */
static void both_arrived_dsack_later(void **state) {
    (void)state;
    probe_leaves();
    ack_only(behind(5));
    send_segments(6, 3);
    sack(behind(5), {from(5), behind(5)});
    advance(RTT);
    ack_only(behind(8));
    assert_true(cc()->ssthresh > 1u << 30);
    assert_int_equal(tcb_now()->rack_mult, 0);
}

/* A peer that reports no duplicates acknowledges the probe by a plain duplicate ACK. */
static void both_arrived_plain(void **state) {
    (void)state;
    probe_leaves();
    ack_only(behind(5));
    ack_only(behind(5));
    assert_true(after_more_data() > 1u << 30);
}

/* Every segment acknowledged by its own ACK, probe and original alike, while more is under way. */
static void both_arrived_plain_later(void **state) {
    (void)state;
    probe_leaves();
    ack_only(behind(5));
    send_segments(6, 3);
    ack_only(behind(5));
    advance(RTT);
    ack_only(behind(8));
    assert_true(cc()->ssthresh > 1u << 30);
}

/* A FIN is a segment like others: it probes too. */
static void fin_probes(void **state) {
    (void)state;
    ready(2);
    ack_only(behind(2));
    assert_int_equal(tern_shutdown(fx.stack, fx.sock), TERN_OK);
    expect(FIN | ACK, from(3), 1, 0);
    expect_after(2 * RTT + 40);
    expect(FIN | ACK, from(3), 1, 0);
}

/* No probe during recovery, nor while something is selectively acknowledged: RACK's timers are at work then. */
static void no_probe_in_recovery(void **state) {
    (void)state;
    ready(10);
    sack(1, {from(2), behind(4)});
    expect(ACK, from(1), 1, M);
    assert_int_equal(wait_out(5000), 1000);
    expect(ACK, from(1), 1, M);
    assert_int_equal(counted(R_REXMIT_TLP) + counted(R_SEND_TLP), 0);
    assert_int_equal(counted(R_REXMIT_RTO), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        BOTH(last_one),
        BOTH(last_two),
        BOTH(last_three),
        ONLY4(whole_burst),
        ONLY4(one_probe),
        ONLY4(after_a_repeated_syn),
        ONLY4(after_a_repeated_syn_with_timestamps),
        ONLY4(no_probe_in_the_timers_place),
        ONLY4(probe_with_new_bytes),
        ONLY4(no_probe_beyond_the_peers_window),
        ONLY4(repaired_by_the_probe),
        ONLY4(both_arrived_dsack),
        ONLY4(both_arrived_dsack_later),
        ONLY4(both_arrived_plain),
        ONLY4(both_arrived_plain_later),
        ONLY4(fin_probes),
        ONLY4(no_probe_in_recovery),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
