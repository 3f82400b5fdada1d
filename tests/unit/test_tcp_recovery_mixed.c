/* test_tcp_recovery_mixed.c - loss recovery when something else happens at the same time: an application that goes on writing, a
 * window that shuts, marks of ECN, probes and reports of duplicates that belong to something else. */
#include "recovery_script.h"

/* ---- the retransmission timer ---- */

/* [RFC8985 7.2, RFC6298 5.1] A probe is never due later than the retransmission timer, which new bytes do not move: who goes on
 * writing little by little does not wait for ever. */
static void new_bytes_do_not_move_the_timer(void **state) {
    (void)state;
    open_with(TERN_NEWRENO, false);
    app_write(100);
    expect(ACK, 1, 1, 100);
    uint32_t rto = fx_status().rto_ms;
    for (unsigned i = 1; i <= 40; i++) {
        advance(100);
        if (counted(R_REXMIT_TLP) + counted(R_REXMIT_RTO) + counted(R_SEND_TLP)) {
            assert_true(i * 100 <= rto + 100);
            return;
        }
        app_write(10);
        drop_out();
    }
    fail();
}

/* ---- after a timeout [RFC5682 3.1] ---- */

static void timed_out(uint32_t n) {
    send_segments(1, n);
    assert_true(wait_out(5000) < 5000);
    expect(ACK, from(n), 1, M); /* the probe */
    assert_true(wait_out(5000) < 5000);
    expect(ACK, from(1), 1, M);
}

/* New bytes that may not leave show nothing: the holes go out as without them. */
static void held_back(enum tern_option by, int64_t value) {
    open_with(TERN_NEWRENO, false);
    timed_out(5);
    assert_int_equal(app_set(by, value), TERN_OK);
    app_write(10);
    expect_none();
    ack_only(behind(1));
    expect(ACK, from(2), 1, M);
}

static void held_bytes_are_no_test(void **state) {
    (void)state;
    held_back(TERN_OPT_CORK, 1);
}

static void nagle_is_no_test(void **state) {
    (void)state;
    held_back(TERN_OPT_NODELAY, 0);
}

static void a_full_window_is_no_test(void **state) {
    (void)state;
    fx.peer.wnd = 5 * M;
    open_with(TERN_NEWRENO, false);
    timed_out(5);
    app_write(10 * M);
    expect_none();
    fx.peer.wnd = 4 * M + 10;
    ack_only(behind(1));
    expect(ACK, from(2), 1, M);
}

/* [RFC5682 3.1 step 2] The repetition closes a gap before what had arrived and whose ACKs were lost: no mistake. */
static void the_repetition_closes_the_gap(bool ts, uint32_t until) {
    open_with(TERN_NEWRENO, ts);
    timed_out(5);
    uint32_t thresh = cc()->ssthresh;
    advance(RTT);
    ack_only(behind(until));
    assert_int_equal(counted(R_UNDO), 0);
    assert_int_equal(cc()->ssthresh, thresh);
}
static void all_of_it(void **state) {
    (void)state;
    the_repetition_closes_the_gap(false, 5);
}
static void all_of_it_with_timestamps(void **state) {
    (void)state;
    the_repetition_closes_the_gap(true, 5);
}
static void some_of_it_with_timestamps(void **state) {
    (void)state;
    the_repetition_closes_the_gap(true, 3);
}

/* [RFC3465 2.3] What such an ACK covers did not leave the network in the last round trip: one segment is what it is worth. */
static void a_jump_after_a_timeout(void **state) {
    (void)state;
    open_with(TERN_CUBIC, true);
    cc()->cwnd = 40 * M;
    timed_out(30);
    advance(RTT);
    uint32_t cwnd = cc()->cwnd;
    ack_only(behind(20));
    assert_true(tcb_now()->in_loss);
    assert_int_equal(cc()->cwnd, cwnd + M);
}

/* [RFC8985 7.3] No second probe before a round trip was learnt: on a path that became slower every answer to a probe is of unknown
 * age, and the probes would never end. */
static void probes_let_round_trips_be_learnt(void **state) {
    (void)state;
    open_with(TERN_NEWRENO, false);
    tcb_now()->rto_us = 1000000;
    for (uint32_t k = 1; k <= 12; k++) {
        app_write(M);
        for (unsigned i = 0; i < 5; i++) { /* half a second until the answer */
            advance(RTT);
            drop_out();
        }
        ack_only(behind(k));
        if (counted(R_REXMIT_TLP)) ack_only(behind(k)); /* the probe's */
    }
    assert_in_range(counted(R_REXMIT_TLP), 1, 4);
    assert_true(tcb_now()->srtt_us > 2 * RTT * 1000);
}

/* ---- probes of a shut window ---- */

/* Karn's rule: a byte that was probed with several times tells no round trip [MUST-18]. */
static void probes_tell_no_round_trip(bool ts) {
    open_with(TERN_NEWRENO, ts);
    uint32_t before = tcb_now()->srtt_us;
    send_segments(1, 1);
    advance(RTT);
    inject_with(.flags = ACK, .seq = 1, .ack = behind(1), .wnd = CLOSED_WINDOW, .ts = ts, .ts_value = fx.peer.ts_value,
                .ts_echo = fx.ts_seen);
    app_write(10 * M);
    for (unsigned i = 0; i < 5; i++) {
        assert_true(wait_out(60000) < 60000);
        expect(ACK, from(2), 1, 1);
        advance(RTT);
        if (i < 4)
            inject_with(.flags = ACK, .seq = 1, .ack = behind(1), .wnd = CLOSED_WINDOW, .ts = ts,
                        .ts_value = fx.peer.ts_value, .ts_echo = fx.ts_seen);
    }
    ack_only(behind(1) + 1);
    drop_out();
    assert_true(tcb_now()->srtt_us <= 2 * before);
}
static void probes_without_timestamps(void **state) {
    (void)state;
    probes_tell_no_round_trip(false);
}
static void probes_with_timestamps(void **state) {
    (void)state;
    probes_tell_no_round_trip(true);
}

/* ---- what the curve of CUBIC makes of a pause ---- */

static void waiting_is_counted_once(void **state) {
    (void)state;
    open_with(TERN_CUBIC, false);
    assert_int_equal(app_set(TERN_OPT_KEEPALIVE, 1), TERN_OK);
    for (uint32_t i = 0; i < 3; i++) {
        cc()->cwnd = 20 * M;
        send_segments(1 + 20 * i, 20);
        cc()->ssthresh = 20 * M;
        advance(RTT);
        ack_only(behind(20 * i + 10));
        ack_only(behind(20 * i + 20));
    }
    assert_ptr_equal(cc()->ops, &cc_cubic);
    fx.cfg.idle_restart = 0;
    fx.s->cfg.idle_restart = 0;
    advance(1);
    inject_with(.flags = ACK, .seq = 1, .ack = behind(60), .wnd = CLOSED_WINDOW);
    uint32_t cwnd = cc()->cwnd;
    app_write(30 * M);
    for (unsigned i = 0; i < 18; i++) {
        advance(10);
        app_write(10);
        expect_none();
    }
    ack_only(behind(60));
    drop_out();
    advance(RTT);
    ack_only(behind(70));
    assert_true(cc()->cwnd <= cwnd + M);
}

static void waiting_halves_once(void **state) {
    (void)state;
    open_with(TERN_NEWRENO, false);
    cc()->cwnd = 40 * M;
    send_segments(1, 20);
    advance(RTT);
    ack_only(behind(20));
    inject_with(.flags = ACK, .seq = 1, .ack = behind(20), .wnd = CLOSED_WINDOW);
    cc()->cwnd = 40 * M;
    advance(fx_status().rto_ms - RTT - 20);
    for (unsigned i = 0; i < 6; i++) {
        advance(10);
        app_write(10 * M);
        expect_none();
    }
    ack_only(behind(20));
    assert_int_equal(drop_out(), 20);
    assert_int_equal(cc()->cwnd, 20 * M);
}

/* ---- reports of duplicates ---- */

/* A probe that turns out a duplicate says nothing of a repetition that left later for a real loss. */
static void a_probes_duplicate_takes_nothing_back(void **state) {
    (void)state;
    open_with(TERN_NEWRENO, false);
    send_segments(1, 5);
    expect_after(2 * RTT);
    expect(ACK, from(5), 1, M);
    advance(RTT / 2);
    sack(1, {from(2), behind(5)});
    expect(ACK, from(1), 1, M);
    advance(RTT / 2);
    sack(1, {from(5), behind(5)}, {from(2), behind(5)});
    assert_int_equal(counted(R_UNDO), 0);
    assert_true(tcb_now()->in_recovery);
}

/* A round trip after recovery no report belongs to it any more, not even when the numbers have come round. */
static void reports_come_in_time(void **state) {
    (void)state;
    open_with(TERN_NEWRENO, false);
    send_segments(1, 10);
    advance(RTT);
    sack(1, {from(2), behind(4)});
    expect(ACK, from(1), 1, M);
    app_write(30 * M);
    sack(1, {from(2), behind(10)});
    assert_true(drop_out() > 2);
    ack_only(behind(10));
    assert_true(tcb_now()->busy->flight->undo_armed);
    assert_true(drop_out() > 0);
    ack_only(behind(12));
    assert_true(tcb_now()->busy->flight->undo_armed);
    drop_out();
    tcb_now()->busy->flight->undo_end = seq_add(tcb_now()->snd.una, 1);
    ack_only(behind(13));
    assert_false(tcb_now()->busy->flight->undo_armed);
    sack(behind(13), {from(1), behind(1)});
    assert_int_equal(counted(R_UNDO), 0);
}

/* ---- marks and losses ---- */

/* A peer with the classic form, and a window of ten segments. */
static void open_marked(uint32_t congestion, bool with_sack) {
    fx.cfg.sack = fx.peer.sack = with_sack;
    fx.cfg.congestion = congestion;
    fx.cfg.pacing = fx.cfg.nagle = 0;
    fx_up();
    assert_int_equal(app_listen(0, 0), TERN_OK);
    inject(SYN | ECE | CWR, 0, 0, 0);
    expect(SYN | ACK | ECE, 0, 1, 0);
    advance(RTT);
    inject(ACK, 1, 1, 0);
    assert_int_equal(app_accept(), TERN_OK);
    send_segments(1, 10);
    advance(RTT);
}

static bool cwr(void) { return fx.out.flags & CWR; }

/* [RFC3168 6.1.2] Marks and losses of one window are answered once, and CWR says so whatever the reason was: what the peer still
 * repeats of the mark is not a second one. */
static void a_mark_beside_a_loss(uint32_t congestion) {
    open_marked(congestion, true);
    sack_with(ACK | ECE, 1, {from(2), behind(4)});
    assert_true(tcb_now()->in_recovery);
    uint32_t after = cc()->ssthresh;
    expect(ACK, from(1), 1, M);
    assert_false(cwr()); /* not on a repetition */
    app_write(5 * M);
    sack_with(ACK | ECE, 1, {from(2), behind(10)});
    expect(ANY, from(11), 1, M);
    assert_true(cwr());
    while (out_waiting()) {
        expect(ANY, ANY, 1, M);
        assert_false(cwr());
    }
    advance(RTT);
    ack_blocks(ACK | ECE, behind(10), &(struct blocks){0}); /* the CWR is still on its way */
    assert_false(tcb_now()->in_recovery);
    assert_int_equal(cc()->ssthresh, after);
    assert_true(cc()->cwnd <= after + M);
    drop_out();
    ack_only(behind(11));
    assert_int_equal(cc()->ssthresh, after);
    assert_int_equal(counted(R_ECN_REPORTED), 0);
}
static void a_mark_beside_a_loss_newreno(void **state) {
    (void)state;
    a_mark_beside_a_loss(TERN_NEWRENO);
}
static void a_mark_beside_a_loss_cubic(void **state) {
    (void)state;
    a_mark_beside_a_loss(TERN_CUBIC);
}
static void a_mark_beside_a_loss_without_sack(void **state) {
    (void)state;
    open_marked(TERN_NEWRENO, false);
    for (unsigned i = 0; i < 3; i++) inject(ACK | ECE, 1, 1, 0);
    drop_out();
    uint32_t after = cc()->ssthresh;
    assert_true(tcb_now()->in_recovery);
    app_write(5 * M);
    for (unsigned i = 0; i < 6; i++) inject(ACK | ECE, 1, 1, 0);
    unsigned said = 0;
    for (unsigned i = 0; out_waiting(); i++) {
        expect(ANY, ANY, 1, M);
        assert_int_equal(cwr(), i == 0);
        said++;
    }
    assert_true(said > 0);
    advance(RTT);
    inject(ACK | ECE, 1, behind(10), 0);
    assert_false(tcb_now()->in_recovery);
    assert_int_equal(cc()->ssthresh, after);
    assert_true(cc()->cwnd <= after + M);
}

/* The other way round: the mark came first [RFC3168 6.1.2, RFC8511 4.2]. */
static void a_loss_beside_a_mark(void **state) {
    (void)state;
    open_marked(TERN_NEWRENO, true);
    inject(ACK | ECE, 1, behind(1), 0);
    uint32_t after = cc()->ssthresh;
    assert_int_equal(counted(R_ECN_REPORTED), 1);
    sack_with(ACK | ECE, behind(1), {from(3), behind(6)});
    assert_true(tcb_now()->in_recovery);
    assert_int_equal(cc()->ssthresh, after);
    expect(ACK, from(2), 1, M);
    ack_only(behind(10));
    assert_false(tcb_now()->in_recovery);
    assert_true(cc()->cwnd <= after + M);
}

/* But what left after the mark was answered and is lost is another sign. */
static void a_loss_after_a_mark(void **state) {
    (void)state;
    open_marked(TERN_NEWRENO, true);
    inject(ACK | ECE, 1, behind(5), 0);
    uint32_t after = cc()->ssthresh;
    app_write(3 * M);
    assert_int_equal(drop_out(), 3);
    advance(RTT);
    ack_only(behind(10));
    send_segments(14, 4);
    sack(behind(10), {from(12), behind(16)});
    assert_true(tcb_now()->in_recovery);
    assert_true(cc()->ssthresh < after);
}

/* A mark never opens the window. */
static void a_mark_after_a_timeout(bool with_sack) {
    open_marked(TERN_NEWRENO, with_sack);
    for (unsigned i = 0; !counted(R_REXMIT_RTO); i++) {
        assert_true(i < 5 && wait_out(5000) < 5000);
        drop_out();
    }
    assert_int_equal(cc()->cwnd, M);
    inject(ACK | ECE, 1, behind(1), 0);
    assert_true(cc()->cwnd <= 2 * M);
    assert_true(cc()->ssthresh <= 5 * M);
}
static void a_mark_after_a_timeout_sack(void **state) {
    (void)state;
    a_mark_after_a_timeout(true);
}
static void a_mark_after_a_timeout_plain(void **state) {
    (void)state;
    a_mark_after_a_timeout(false);
}

/* [RFC4015 3.1 (9)] Nothing is taken back while the network says that it is full. */
static void a_mark_stays(void **state) {
    (void)state;
    open_marked(TERN_NEWRENO, true);
    sack(1, {from(2), behind(4)});
    expect(ACK, from(1), 1, M);
    app_write(4 * M);
    sack(1, {from(2), behind(10)});
    assert_true(drop_out() > 0);
    ack_blocks(ACK | ECE, behind(10), &(struct blocks){0});
    assert_false(tcb_now()->in_recovery);
    uint32_t after = cc()->cwnd;
    sack_with(ACK | ECE, behind(10), {from(1), behind(1)});
    sack(behind(10), {from(1), behind(1)});
    assert_int_equal(counted(R_UNDO), 0);
    assert_int_equal(cc()->cwnd, after);
}

/* Without the mark the same is taken back; and a mark after that counts. */
static void a_mark_after_a_mistake(void **state) {
    (void)state;
    open_marked(TERN_NEWRENO, true);
    sack(1, {from(2), behind(4)});
    expect(ACK, from(1), 1, M);
    app_write(4 * M);
    sack(1, {from(2), behind(10)});
    assert_true(drop_out() > 0);
    ack_only(behind(10));
    sack(behind(10), {from(1), behind(1)});
    assert_int_equal(counted(R_UNDO), 1);
    assert_true(cc()->cwnd >= 10 * M);
    ack_blocks(ACK | ECE, behind(11), &(struct blocks){0});
    assert_int_equal(counted(R_ECN_REPORTED), 1);
    assert_true(cc()->cwnd < 10 * M);
}

/* [RFC3168 6.1.2] An ACK that tells of congestion opens no window. */
static void no_growth_on_a_mark(void **state) {
    (void)state;
    open_marked(TERN_NEWRENO, true);
    inject(ACK | ECE, 1, behind(1), 0);
    uint32_t after = cc()->cwnd;
    for (uint32_t k = 2; k <= 10; k++) inject(ACK | ECE, 1, behind(k), 0);
    assert_int_equal(cc()->cwnd, after);
}

/* [RFC8985 6.2 step 2] A repetition that arrives behind a hole shows that one sent before it was lost again. Its ACK echoes what came
 * before the hole [RFC7323 4.3], which does not mean that the first sending arrived. */
static void lost_twice(void **state) {
    (void)state;
    open_with(TERN_NEWRENO, true);
    send_segments(1, 10);
    advance(RTT);
    uint32_t before = fx.ts_seen;
    sack(1, {from(2), behind(4)}, {from(6), behind(10)});
    expect(ACK, from(1), 1, M);
    expect(ACK, from(5), 1, M);
    advance(RTT);
    fx.ts_seen = before;
    sack(1, {from(2), behind(10)});
    expect(ACK, from(1), 1, M);
    assert_int_equal(counted(R_REXMIT_RACK), 3);
    ack_only(behind(10));
    expect_none();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ONLY4(lost_twice),
        ONLY4(new_bytes_do_not_move_the_timer),
        ONLY4(held_bytes_are_no_test),
        ONLY4(nagle_is_no_test),
        ONLY4(a_full_window_is_no_test),
        ONLY4(all_of_it),
        ONLY4(all_of_it_with_timestamps),
        ONLY4(some_of_it_with_timestamps),
        ONLY4(a_jump_after_a_timeout),
        ONLY4(probes_let_round_trips_be_learnt),
        ONLY4(probes_without_timestamps),
        ONLY4(probes_with_timestamps),
        ONLY4(waiting_is_counted_once),
        ONLY4(waiting_halves_once),
        ONLY4(a_probes_duplicate_takes_nothing_back),
        ONLY4(reports_come_in_time),
        ONLY4(a_mark_beside_a_loss_newreno),
        ONLY4(a_mark_beside_a_loss_cubic),
        ONLY4(a_mark_beside_a_loss_without_sack),
        ONLY4(a_loss_beside_a_mark),
        ONLY4(a_loss_after_a_mark),
        ONLY4(a_mark_after_a_timeout_sack),
        ONLY4(a_mark_after_a_timeout_plain),
        ONLY4(a_mark_stays),
        ONLY4(a_mark_after_a_mistake),
        ONLY4(no_growth_on_a_mark),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
