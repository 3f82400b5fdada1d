/* test_tcp_recovery.c - loss recovery with a SACK peer, segment by segment: what is found lost and when (RFC 6675,
 * 8985), how fast it goes out again (RFC 9937), what a timeout does, and what is taken back (RFC 2883, 3522, 5682).
 * Tail losses have a file of their own, and so do the windows. */
#include "recovery_script.h"

static void ready(uint32_t n) {
    open_with(TERN_NEWRENO, false);
    send_segments(1, n);
    advance(RTT);
}

/* ---- what is lost ---- */

/* As with three duplicate ACKs: three segments behind the hole, no reordering seen: at once [RFC8985 6.2 step 4]. */
static void three_segments_behind(void **state) {
    (void)state;
    ready(10);
    sack(1, {from(2), behind(2)});
    expect_none();
    sack(1, {from(2), behind(3)});
    expect_none();
    sack(1, {from(2), behind(4)});
    expect(ACK, from(1), 1, M);
    expect_none();
    assert_true(tcb_now()->in_recovery);
    assert_int_equal(counted(R_REXMIT_RACK), 1);
    ack_only(behind(10));
    assert_false(tcb_now()->in_recovery);
    expect_none();
}

/* Fewer than three: after a quarter of the least round trip [RFC8985 6.2 steps 4, 5]. */
static void after_the_window(void **state) {
    (void)state;
    ready(3);
    sack(1, {from(2), behind(3)});
    expect_none();
    expect_after(RTT / 4);
    expect(ACK, from(1), 1, M);
    expect_none();
}

/* Only what left before something that arrived can be lost. */
static void younger_ones_are_not(void **state) {
    (void)state;
    ready(5);
    send_segments(6, 3); /* a round trip later */
    sack(1, {from(3), behind(5)});
    assert_int_equal(tcb_now()->busy->flight->lost + flight_pipe(tcb_now()->busy->flight), 5 * M);
    expect(ACK, from(1), 1, M);
    assert_int_equal(tcb_now()->busy->flight->lost, M); /* 2 */
    advance(RTT - 10);
    assert_int_equal(counted(R_REXMIT_RACK), 1);
}

/* Once a segment was overtaken and arrived, the window stays open for three segments too. */
static void reordering_is_remembered(void **state) {
    (void)state;
    ready(4);
    sack(1, {from(2), behind(2)});
    ack_only(behind(2)); /* the first was late */
    assert_true(tcb_now()->reordering);
    ack_only(behind(4));
    send_segments(5, 6); /* another flight */
    advance(RTT);
    sack(from(5), {from(6), behind(9)});
    expect_none();
    expect_after(RTT / 4);
    expect(ACK, from(5), 1, M);
}

/* An ACK with blocks around holes, newest first: the lower block is not reordering, only news that came late. */
static void blocks_in_any_order(void **state) {
    (void)state;
    ready(10);
    sack(1, {from(8), behind(8)}, {from(5), behind(5)}, {from(2), behind(2)});
    assert_false(tcb_now()->reordering);
    expect(ACK, from(1), 1, M);
}

/* A repetition that is lost again is found by what left after it [RFC8985 3.2]. */
static void repetition_lost_again(void **state) {
    (void)state;
    ready(10);
    app_write(5 * M);
    sack(1, {from(2), behind(4)});
    expect(ACK, from(1), 1, M);
    sack(1, {from(2), behind(8)});
    unsigned fresh = drop_out(); /* new segments, as the window shrinks */
    assert_true(fresh > 0);
    advance(RTT);
    sack(1, {from(2), behind(10)}); /* left before the repetition: tells nothing of it */
    for (unsigned n = drop_out(); n > 0; n = 0) {
    }
    uint64_t before = counted(R_REXMIT_RACK);
    sack(1, {from(2), behind(11)}); /* left after it */
    if (counted(R_REXMIT_RACK) == before) advance(RTT / 4);
    drop_out();
    assert_int_equal(counted(R_REXMIT_RACK), before + 1);
    assert_int_equal(counted(R_REXMIT_RTO), 0);
}

/* ---- how much the window pays ---- */

/* Several losses of one flight, one reduction [RFC6675 5]. */
static void one_reduction_a_flight(void **state) {
    (void)state;
    ready(10);
    sack(1, {from(2), behind(4)});
    assert_int_equal(cc()->ssthresh, 5 * M);
    drop_out();
    sack(1, {from(8), behind(10)}, {from(2), behind(4)}); /* 5, 6, 7 too */
    drop_out();
    assert_int_equal(cc()->ssthresh, 5 * M);
    advance(RTT);
    sack(from(6), {from(8), behind(10)});
    drop_out();
    assert_int_equal(cc()->ssthresh, 5 * M);
    assert_true(tcb_now()->in_recovery);
    ack_only(behind(10)); /* a window was acknowledged since: one segment more [RFC5681 3.1] */
    assert_false(tcb_now()->in_recovery);
    assert_int_equal(cc()->cwnd, 6 * M);
}

/* What leaves during a recovery and is lost too is a second sign of congestion: as the first recovery ends, the next
 * begins [RFC5681 4.3]. */
static void one_reduction_a_window(void **state) {
    (void)state;
    ready(10);
    app_write(10 * M);
    sack(1, {from(2), behind(10)});
    drop_out(); /* the first again, and 11 to 14 */
    assert_int_equal(cc()->ssthresh, 5 * M);
    assert_true(seq_eq(tcb_now()->snd.nxt, seq_add(tcb_now()->iss, behind(14))));
    advance(RTT);
    sack(1, {from(12), behind(14)}, {from(2), behind(10)}); /* neither the repetition nor 11 */
    advance(RTT / 4);
    drop_out();
    assert_int_equal(cc()->ssthresh, 5 * M);
    advance(RTT);
    sack(behind(10), {from(12), behind(14)});
    assert_true(tcb_now()->in_recovery);
    assert_int_equal(cc()->ssthresh, 5 * M / 2);
    drop_out();
    ack_only(tcb_now()->snd.nxt.v - tcb_now()->iss.v);
    assert_false(tcb_now()->in_recovery);
    assert_int_equal(cc()->ssthresh, 5 * M / 2);
}

/* RFC 6937's first example as RFC 9937 counts: 20 segments, the first lost, half the window to come back to: one
 * segment for every two that arrive, the first of them the repetition. */
static void proportional(void **state) {
    (void)state;
    fx.cfg.initial_window = 20;
    open_with(TERN_NEWRENO, false);
    app_write(50 * M);
    for (uint32_t k = 1; k <= 20; k++) expect(ACK, from(k), 1, M);
    expect_none();
    advance(RTT);
    for (uint32_t k = 2; k <= 3; k++) { /* limited transmit: as much as arrives [RFC3042, RFC6675 5 (3)] */
        sack(1, {from(2), behind(k)});
        expect(ACK, from(19 + k), 1, M);
        expect_none();
    }
    sack(1, {from(2), behind(4)});
    assert_int_equal(cc()->ssthresh, 10 * M);
    expect(ACK, from(1), 1, M); /* ceil(1 * 10 / 20) = 1 */
    expect_none();
    uint32_t next = 23;
    for (uint32_t k = 5; k <= 20; k++) {
        sack(1, {from(2), behind(k)});
        /* delivered 2: 1 may be out; 3: 1.5; 4: 2; ... until ten are in the network; then one for one */
        if (k == 20 || (k > 5 && k < 19 && k % 2 == 1)) expect(ACK, from(next++), 1, M);
        expect_none();
    }
    ack_only(behind(20)); /* the repetition arrived, 21 and 22 not yet */
    assert_true(tcb_now()->in_recovery);
    drop_out();
    ack_only(behind(22)); /* cwnd is ssthresh */
    assert_false(tcb_now()->in_recovery);
    assert_int_equal(cc()->cwnd, 10 * M);
}

/* Most of the flight lost: what arrives allows as much to leave, and one more when an ACK moves SND.UNA without new
 * loss. */
static void conservative_bound(void **state) {
    (void)state;
    ready(10);
    sack(1, {from(8), behind(10)});
    assert_int_equal(cc()->ssthresh, 5 * M);
    for (uint32_t k = 1; k <= 3; k++) expect(ACK, from(k), 1, M); /* three arrived */
    expect_none();
    advance(RTT);
    sack(from(2), {from(8), behind(10)});
    expect(ACK, from(4), 1, M);
    expect(ACK, from(5), 1, M); /* slow start's */
    expect_none();
    sack(from(3), {from(8), behind(10)});
    expect(ACK, from(6), 1, M);
    expect(ACK, from(7), 1, M);
    expect_none();
}

/* RFC 6937's second example, under the bound of RFC 9937: of 20 segments the first 15 are lost, and 16 to 20 are
 * acknowledged one by one. Two new segments leave, then one repetition for each that arrives: pipe stays at 4. The
 * repetitions' own ACKs move SND.UNA, and slow start's segment comes on top. */
static void fifteen_of_twenty(void **state) {
    (void)state;
    fx.cfg.initial_window = 20;
    open_with(TERN_NEWRENO, false);
    app_write(50 * M);
    for (uint32_t k = 1; k <= 20; k++) expect(ACK, from(k), 1, M);
    expect_none();
    advance(RTT);
    for (uint32_t k = 16; k <= 17; k++) {
        advance(1);
        sack(1, {from(16), behind(k)});
        expect(ACK, from(5 + k), 1, M);
        expect_none();
    }
    for (uint32_t k = 18; k <= 20; k++) {
        advance(1);
        sack(1, {from(16), behind(k)});
        expect(ACK, from(k - 17), 1, M);
        expect_none();
        assert_int_equal(flight_pipe(tcb_now()->busy->flight), 5 * M); /* with the repetition that just left */
    }
    assert_int_equal(cc()->ssthresh, 10 * M);
    advance(RTT - 4);
    uint32_t next = 4;
    sack(1, {from(21), behind(22)}, {from(16), behind(20)}); /* the two new ones: still no word of the first */
    expect(ACK, from(next++), 1, M);
    expect(ACK, from(next++), 1, M);
    expect_none();
    for (uint32_t k = 1; k <= 3; k++) {
        advance(1);
        sack(behind(k), {from(16), behind(22)});
        expect(ACK, from(next++), 1, M);
        expect(ACK, from(next++), 1, M);
        expect_none();
    }
}

/* Losses found by the timer, with no ACK: the repetition leaves nevertheless. */
static void repetition_at_entry(void **state) {
    (void)state;
    ready(2);
    sack(1, {from(2), behind(2)});
    expect_after(RTT / 4);
    expect(ACK, from(1), 1, M);
}

/* ---- what is taken back ---- */

/* [RFC2883 4.2, RFC8985 6.2 step 4] The original arrives, then the repetition, reported as a duplicate: the window
 * is as before, also when recovery is over by then, and the reordering window is wider. */
static void undone_by_dsack(void **state) {
    (void)state;
    ready(10);
    uint32_t cwnd = cc()->cwnd;
    sack(1, {from(2), behind(4)});
    expect(ACK, from(1), 1, M);
    app_write(4 * M);
    sack(1, {from(2), behind(8)});
    assert_true(drop_out() > 0);
    ack_only(behind(10)); /* it was only late */
    assert_false(tcb_now()->in_recovery);
    assert_int_equal(cc()->cwnd, 6 * M);
    drop_out();
    advance(RTT);
    sack(from(11), {from(1), behind(1)});
    assert_true(cc()->cwnd >= cwnd);
    assert_true(cc()->ssthresh > 1u << 30);
    assert_int_equal(counted(R_UNDO), 1);
    assert_int_equal(tcb_now()->rack_mult, 1);
    /* now twice as wide: half a round trip */
    ack_only(behind(14));
    send_segments(15, 8);
    advance(RTT);
    sack(from(15), {from(16), behind(19)});
    expect_none();
    expect_after(RTT / 2);
    expect(ACK, from(15), 1, M);
}

/* [RFC8985 6.2 step 4] Several duplicates reported after all has arrived: one round trip, one misjudgement. */
static void several_late_duplicates(void **state) {
    (void)state;
    ready(10);
    for (unsigned i = 6; i < 10; i++) sack(1, {from(4), behind(i)});
    assert_int_equal(drop_out(), 3);
    ack_only(behind(10));
    for (unsigned i = 1; i <= 3; i++) {
        advance(1);
        sack(from(11), {from(i), behind(i)});
        assert_int_equal(tcb_now()->rack_mult, 1);
    }
    assert_true(tcb_now()->reordering);
}

/* What the timer repeated and turns out to have been there was not misjudged by RACK: its window is not at fault, and nothing was
 * out of order. */
static void duplicates_of_the_timer(void **state) {
    (void)state;
    ready(10);
    sack(1, {from(2), behind(9)});
    drop_out();
    assert_true(wait_out(3000) > 0); /* the repetition is lost too: the timer */
    expect(ACK, from(1), 1, M);
    assert_int_equal(counted(R_REXMIT_RTO), 1);
    ack_only(from(2)); /* as if the receiver had dropped the others again */
    assert_int_equal(drop_out(), 2);
    sack(from(11), {from(2), behind(2)});
    sack(from(11), {from(3), behind(3)});
    assert_int_equal(tcb_now()->rack_mult, 0);
    assert_false(tcb_now()->reordering);
    send_segments(11, 5); /* what RACK repeats after that is its own doing again */
    advance(RTT);
    sack(from(11), {from(12), behind(15)});
    expect(ACK, from(11), 1, M);
    sack(from(16), {from(11), behind(11)});
    assert_int_equal(tcb_now()->rack_mult, 1);
    assert_true(tcb_now()->reordering);
}

/* All that was repeated must be reported, not only some. */
static void some_was_lost(void **state) {
    (void)state;
    ready(10);
    sack(1, {from(3), behind(5)});
    expect(ACK, from(1), 1, M);
    sack(1, {from(3), behind(7)});
    drop_out();
    assert_int_equal(counted(R_REXMIT_RACK), 2);
    sack(from(2), {from(1), behind(1)}, {from(3), behind(7)});
    assert_int_equal(counted(R_UNDO), 0);
    assert_true(tcb_now()->in_recovery);
}

/* The network makes copies: duplicates of what was sent once say nothing. */
static void copies_by_the_network(void **state) {
    (void)state;
    ready(10);
    sack(1, {from(2), behind(4)});
    expect(ACK, from(1), 1, M);
    sack(1, {from(3), behind(3)}, {from(2), behind(4)});
    sack(behind(10), {from(5), behind(5)});
    send_segments(11, 2);
    sack(from(11), {from(6), behind(6)});
    assert_int_equal(counted(R_UNDO), 0);
    assert_int_equal(tcb_now()->rack_mult, 0);
}

/* [RFC3522 3.2] The ACK for the hole echoes a timestamp from before the repetition. */
static void undone_by_timestamp(void **state) {
    (void)state;
    open_with(TERN_NEWRENO, true);
    send_segments(1, 10);
    uint32_t early = fx.ts_seen, cwnd = cc()->cwnd;
    advance(RTT);
    sack(1, {from(2), behind(4)});
    expect(ACK, from(1), 1, M);
    assert_true((int32_t)(fx.ts_seen - early) > 0);
    fx.ts_seen = early;
    ack_only(behind(10));
    assert_int_equal(counted(R_UNDO), 1);
    assert_int_equal(cc()->cwnd, cwnd + 2 * M); /* slow start goes on with this ACK */
    assert_true(cc()->ssthresh > 1u << 30);
}

static void not_undone_by_timestamp(void **state) {
    (void)state;
    open_with(TERN_NEWRENO, true);
    send_segments(1, 10);
    advance(RTT);
    sack(1, {from(2), behind(4)});
    expect(ACK, from(1), 1, M);
    advance(RTT);
    ack_only(behind(10));
    assert_int_equal(counted(R_UNDO), 0);
    assert_int_equal(cc()->cwnd, 6 * M);
}

/* [RFC4015 3, RFC3522 3.2] The ACK that shows the reduction to have been a mistake also shows, by the same rule that was
 * wrong a moment ago, something else lost: that is taken back too, and no new reduction follows. */
static void undone_with_news_of_loss(void **state) {
    (void)state;
    open_with(TERN_NEWRENO, true);
    send_segments(1, 10);
    uint32_t early = fx.ts_seen, cwnd = cc()->cwnd;
    advance(RTT);
    sack(1, {from(2), behind(4)});
    expect(ACK, from(1), 1, M);
    fx.ts_seen = early;
    sack(behind(5), {from(7), behind(10)});
    assert_int_equal(counted(R_UNDO), 1);
    assert_false(tcb_now()->in_recovery);
    assert_true(cc()->cwnd >= cwnd && cc()->ssthresh > 1u << 30);
    expect_none();
    assert_int_equal(tcb_now()->busy->flight->lost, 0);
    fx.ts_seen = early;
    ack_only(behind(10)); /* it was late like the first */
    assert_true(cc()->cwnd >= cwnd && cc()->ssthresh > 1u << 30);
    assert_int_equal(counted(R_REXMIT_RACK), 1);
}

/* ---- a repetition's timestamp, docs/decisions/0024 ---- */

/* Timestamps, a round trip of RTT, and a segment that came late; ten more have left. Their timestamp. */
static uint32_t disorder(void) {
    open_with(TERN_NEWRENO, true);
    send_segments(1, 4);
    advance(RTT);
    sack(1, {from(2), behind(2)});
    ack_only(behind(4));
    assert_true(tcb_now()->reordering);
    send_segments(5, 10);
    return fx.ts_seen;
}

/* A receiver that does as RFC 7323 5.3 R1 says drops what a repetition overtook, if the repetition's timestamp is newer. What RACK
 * still waits for is not older than it. */
static void repetitions_overtake_nothing(void **state) {
    (void)state;
    uint32_t sent = disorder();
    advance(RTT);
    sack(from(5), {from(6), behind(8)});
    expect_after(RTT / 4);
    expect(ACK, from(5), 1, M);
    assert_int_equal(fx.out.ts_value - sent, RTT);
    advance(10);
    ack_only(behind(14));
    send_segments(15, 1); /* a new one says what time it is */
    assert_int_equal(fx.out.ts_value - sent, RTT + RTT / 4 + 10);
}

/* The receiver has seen the first repetition's: a second is no older, and neither is one that follows a longer window. */
static void repetitions_stay_in_order(void **state) {
    (void)state;
    uint32_t sent = disorder();
    advance(RTT);
    sack(from(5), {from(7), behind(7)}, {from(9), behind(13)});
    expect_after(RTT / 4);
    expect(ACK, from(5), 1, M);
    assert_int_equal(fx.out.ts_value - sent, RTT);
    sack(from(5), {from(7), behind(7)}, {from(9), behind(14)});
    expect(ACK, from(6), 1, M);
    advance(5);
    sack(behind(5), {from(5), behind(5)}, {from(7), behind(7)}, {from(9), behind(14)}); /* the window doubles */
    assert_int_equal(rack_window(tcb_now()), 2000 * RTT / 4);
    expect(ACK, from(8), 1, M);
    assert_int_equal(fx.out.ts_value - sent, RTT);
}

/* The first sending's timestamp is older than the repetition's all the same [RFC3522 3.2], and a round trip is not taken
 * from it, for it tells not when that left. */
static void still_undone_by_timestamp(void **state) {
    (void)state;
    uint32_t sent = disorder();
    uint32_t srtt = tcb_now()->srtt_us;
    advance(RTT);
    sack(from(5), {from(6), behind(8)});
    expect_after(RTT / 4);
    expect(ACK, from(5), 1, M);
    uint32_t again = fx.ts_seen;
    fx.ts_seen = sent;
    ack_only(behind(8));
    assert_int_equal(counted(R_UNDO), 1);
    assert_true((int32_t)(again - sent) > 0);
    assert_int_equal(tcb_now()->srtt_us, srtt);
}

/* The repetition itself is known by it [RFC8985 6.2 step 2]: what left before it and is not there a round trip later is lost. */
static void repetitions_are_recognized(void **state) {
    (void)state;
    disorder();
    advance(RTT);
    sack(from(5), {from(6), behind(8)});
    expect_after(RTT / 4);
    expect(ACK, from(5), 1, M);
    advance(RTT);
    ack_only(behind(8)); /* echoes the repetition's */
    assert_int_equal(counted(R_UNDO), 0);
    expect(ACK, from(9), 1, M);
}

/* Without disorder it is the time at which it leaves [RFC7323 3.2]. */
static void repetitions_tell_the_time(void **state) {
    (void)state;
    open_with(TERN_NEWRENO, true);
    send_segments(1, 10);
    uint32_t sent = fx.ts_seen;
    advance(RTT);
    sack(1, {from(2), behind(4)});
    expect(ACK, from(1), 1, M);
    assert_int_equal(fx.out.ts_value - sent, RTT);
}

/* ---- timeouts ---- */

static void to_timeout(uint32_t n) {
    open_with(TERN_NEWRENO, false);
    send_segments(1, n);
    fx.s->cfg.rto_min_ms = 150; /* with a first sample of 100 ms the timeout is 300 */
    tcb_now()->rto_us = 300000;
}

/* Lets the tail loss probe pass. */
static void probe_passes(uint32_t last) {
    expect_after(2 * RTT);
    expect(ACK, from(last), 1, M);
}

/* Everything is lost: slow start from one segment; what the first ACK says selectively is not sent again. */
static void timeout_resends_holes(void **state) {
    (void)state;
    ready(10);
    sack(1, {from(3), behind(4)}); /* too few to tell; the reordering timer repeats 1 and 2 */
    expect_after(RTT / 4);
    expect(ACK, from(1), 1, M);
    drop_out();
    assert_true(wait_out(5000) <= 1100);
    expect(ACK, from(1), 1, M);
    expect_none();
    assert_int_equal(cc()->cwnd, M);
    assert_int_equal(tcb_now()->busy->flight->sacked, 2 * M); /* [RFC6675 5.1], decision 26 */
    sack(behind(1), {from(3), behind(4)});
    assert_int_equal(cc()->cwnd, 2 * M);
    expect(ACK, from(2), 1, M);
    expect(ACK, from(5), 1, M); /* not 3 and 4 */
    expect_none();
    sack(behind(4), {from(5), behind(5)});
    expect(ACK, from(6), 1, M);
    expect(ACK, from(7), 1, M);
    assert_int_equal(counted(R_UNDO), 0);
    assert_false(tcb_now()->in_recovery); /* the timeout ended that: slow start, not ssthresh, is what comes after */
}

/* What had arrived before the timer expired is not sent again, even if no ACK repeats it: the receiver's ACK goes over it, so that it
 * dropped nothing [RFC6675 5.1]. */
static void timeout_keeps_what_arrived(void **state) {
    (void)state;
    ready(10);
    sack(1, {from(2), behind(4)}, {from(6), behind(9)});
    drop_out();
    assert_true(wait_out(3000) > 0); /* the repetition of 1 is lost too */
    expect(ACK, from(1), 1, M);
    expect_none();
    assert_int_equal(tcb_now()->busy->flight->sacked, 7 * M);
    ack_only(behind(4));
    expect(ACK, from(5), 1, M);
    expect(ACK, from(10), 1, M);
    expect_none();
    ack_only(behind(9));
    ack_only(behind(10));
    expect_none();
    assert_false(tcb_now()->in_loss);
}

/* [RFC8985 6.3] What left a moment ago is not lost because the timer of older bytes expired. */
static void timeout_spares_the_young(void **state) {
    (void)state;
    to_timeout(3);
    probe_passes(3);
    advance(280);
    expect_none();
    send_segments(4, 2);
    expect_after(20);
    expect(ACK, from(1), 1, M);
    expect_none();
    assert_int_equal(tcb_now()->busy->flight->lost, 2 * M); /* 2, 3 */
    assert_int_equal(flight_pipe(tcb_now()->busy->flight), 3 * M);
}

/* [RFC5682 3.1] A pause of the path: after the first ACK new bytes go out; the next ACK is for what was never
 * repeated: nothing was lost. */
static void spurious_timeout(void **state) {
    (void)state;
    to_timeout(10);
    probe_passes(10);
    assert_true(wait_out(2000) < 1000);
    expect(ACK, from(1), 1, M);
    expect_none();
    assert_int_equal(cc()->cwnd, M);
    app_write(10 * M);
    expect_none();
    ack_only(behind(1)); /* the original's, or the repetition's */
    expect(ACK, from(11), 1, M);
    expect(ACK, from(12), 1, M);
    expect_none();
    ack_only(behind(2));
    assert_int_equal(counted(R_UNDO), 1);
    assert_true(cc()->cwnd >= 10 * M);
    assert_false(tcb_now()->in_loss);
    unsigned more = drop_out();
    assert_true(more >= 1);
    assert_int_equal(counted(R_REXMIT_RTO), 1);
}

/* The same when the loss was real: the second ACK brings nothing but the new bytes; the holes go out. */
static void real_timeout(void **state) {
    (void)state;
    to_timeout(10);
    probe_passes(10);
    assert_true(wait_out(2000) < 1000);
    expect(ACK, from(1), 1, M);
    app_write(10 * M);
    ack_only(behind(1));
    expect(ACK, from(11), 1, M);
    expect(ACK, from(12), 1, M);
    advance(RTT);
    sack(behind(1), {from(11), behind(11)});
    assert_int_equal(counted(R_UNDO), 0);
    assert_true(tcb_now()->in_loss);
    expect(ACK, from(2), 1, M);
    expect_none();
}

/* What a timeout made us forget had been delivered before: when it is acknowledged for good it counts no second time, or a
 * model would take it for the rate of the path. */
static void forgotten_is_no_news(void **state) {
    (void)state;
    open_with(TERN_BBR, false);
    send_segments(1, 10);
    advance(RTT);
    sack(1, {from(2), behind(9)});
    assert_int_equal(tcb_now()->busy->flight->delivered, 8 * M);
    expect(ACK, from(1), 1, M);
    assert_int_equal(wait_out(5000), 1000);
    expect(ACK, from(1), 1, M);
    assert_int_equal(counted(R_REXMIT_RTO), 1);
    advance(RTT);
    ack_only(behind(9));
    assert_int_equal(tcb_now()->busy->flight->delivered, 9 * M);
    tern_status_info i;
    assert_true(status_now(&i));
    assert_true(i.delivery_rate <= M * 1000 / RTT);
}

/* [RFC2018 8] The receiver dropped what it had acknowledged selectively: nothing is freed before the cumulative ACK,
 * and the timer sends it again. */
static void reneging(void **state) {
    (void)state;
    to_timeout(4);
    advance(RTT);
    sack(1, {from(2), behind(4)});
    expect(ACK, from(1), 1, M);
    ack_only(behind(1)); /* and nothing of the rest any more */
    assert_true(wait_out(3000) < 1500);
    expect(ACK, from(2), 1, M);
    expect_none();
    assert_int_equal(tcb_now()->busy->flight->sacked, 0);
    ack_only(behind(2));
    expect(ACK, from(3), 1, M);
    expect(ACK, from(4), 1, M);
    ack_only(behind(4));
    expect_none();
    assert_int_equal(counted(R_UNDO), 0);
    assert_null(tcb_now()->busy->flight);
}

/* ---- peers that lie ---- */

static void nonsense_is_ignored(void **state) {
    (void)state;
    ready(10);
    sack(1, {behind(10), behind(11)}); /* never sent */
    sack(1, {from(9), behind(11)});    /* not all of it sent */
    sack(1, {from(5), from(5)});       /* empty */
    sack(1, {behind(6), from(4)});     /* reversed */
    sack(1, {from(3) - (1u << 31), from(3)});
    sack(1, {from(3), from(3) + (1u << 31)});
    assert_int_equal(tcb_now()->busy->flight->sacked, 0);
    sack(from(3), {behind(1), from(1)}); /* a duplicate that ends before it begins */
    assert_int_equal(counted(R_UNDO), 0);
    assert_int_equal(tcb_now()->rack_mult, 0);
    drop_out();
    sack(from(3), {1, from(5)}, {from(3), behind(3)}, {from(7), behind(7)}); /* below or at the ACK's own number */
    assert_int_equal(tcb_now()->busy->flight->sacked, M);
    drop_out();
}

/* A hundred thousand blocks of one byte: a bounded account, and the connection lives. */
static void many_holes(void **state) {
    (void)state;
    fx.cfg.send_buffer = 1 << 20;
    open_with(TERN_NEWRENO, false);
    app_write(60 * M);
    drop_out();
    fx.unchecked = true;
    uint64_t live = fx.heap.live, x = 1;
    uint32_t last = (uint32_t)seq_diff(tcb_now()->snd.nxt, seq_of(fx.iss));
    for (unsigned i = 0; i < 25000; i++) {
        struct blocks b = {.n = 4};
        for (unsigned k = 0; k < 4; k++) {
            x = x * 6364136223846793005u + 1442695040888963407u;
            b.at[k][0] = 2 + (uint32_t)(x >> 33) % (last - 2);
            b.at[k][1] = b.at[k][0] + 1;
        }
        ack_blocks(ACK, 1, &b);
        if (i % 100 == 0) {
            advance(1);
            drop_out();
        }
    }
    assert_true(fx.heap.live - live < 600000);
    drop_out();
    for (unsigned i = 0; i < 60; i++) {
        advance(50);
        drop_out();
        ack_only((uint32_t)seq_diff(tcb_now()->snd.nxt, seq_of(fx.iss)));
    }
    assert_int_equal(snd_queued(tcb_now()), 0);
    assert_null(tcb_now()->busy->flight);
}

/* ---- duplicates that we report [RFC2883 4] ---- */

static void expect_dsack(unsigned blocks, uint32_t ack, uint32_t left, uint32_t right) {
    expect(ACK, ANY, ack, 0);
    assert_int_equal(fx.out.sacks, blocks);
    assert_int_equal(fx.out.sack[0][0], left);
    assert_int_equal(fx.out.sack[0][1], right);
}

static void duplicates_are_reported(void **state) {
    (void)state;
    open_with(TERN_NEWRENO, false);
    inject(ACK, 1, 1, 500);
    inject(ACK, 501, 1, 500);
    expect(ACK, 1, 1001, 0);
    assert_int_equal(fx.out.sacks, 0);
    inject(ACK, 501, 1, 500); /* 4.1.1: a whole segment, no hole */
    expect_dsack(1, 1001, 501, 1001);
    inject(ACK, 1501, 1, 500);
    expect(ACK, 1, 1001, 0);
    inject(ACK, 501, 1, 500); /* 4.1.2: with a hole above */
    expect_dsack(2, 1001, 501, 1001);
    assert_int_equal(fx.out.sack[1][0], 1501);
    assert_int_equal(fx.out.sack[1][1], 2001);
    inject(ACK, 1501, 1, 500); /* 4.1.3: beyond the hole; the second block is the one around it */
    expect_dsack(2, 1001, 1501, 2001);
    assert_int_equal(fx.out.sack[1][0], 1501);
    assert_int_equal(fx.out.sack[1][1], 2001);
    inject(ACK, 1401, 1, 300); /* 4.2: partly known */
    expect_dsack(2, 1001, 1501, 1701);
    assert_int_equal(fx.out.sack[1][0], 1401);
    assert_int_equal(fx.out.sack[1][1], 2001);
    inject(ACK, 901, 1, 200); /* partly below, then new */
    expect_dsack(2, 1101, 901, 1001);
    inject(ACK, 1101, 1, 300); /* each is told once */
    expect(ACK, 1, 2001, 0);
    assert_int_equal(fx.out.sacks, 0);
    expect_none();
}

/* Also one whose timestamp is old, as a needless repetition's may be; not one that PAWS keeps out. */
static void old_duplicates_are_reported(void **state) {
    (void)state;
    open_with(TERN_NEWRENO, true);
    inject(ACK, 1, 1, 500);
    fx.peer.ts_value += 10;
    inject(ACK, 501, 1, 500);
    drop_out();
    fx.peer.ts_value -= 20;
    inject(ACK, 501, 1, 500);
    expect_dsack(1, 1001, 501, 1001);
    inject(ACK, 1001, 1, 500);
    expect(ACK, 1, 1001, 0);
    assert_int_equal(fx.out.sacks, 0);
}

/* A step of an example: what arrives, and the ACK for it; in the RFC's numbers, which begin at 500. */
struct report {
    uint32_t left, right, ack;
    struct blocks told;
};

/* A fifth of the RFC's sizes, so that its longest segment fits ours. */
static uint32_t fifth(uint32_t x) { return (x - 500) / 5 + 1; }

static void example(const struct report *r, unsigned n) {
    open_with(TERN_NEWRENO, false);
    inject(ACK, fifth(500), 1, 100);
    drop_out();
    for (unsigned i = 0; i < n; i++) {
        inject(ACK, fifth(r[i].left), 1, fifth(r[i].right) - fifth(r[i].left));
        expect(ACK, 1, fifth(r[i].ack), 0);
        assert_int_equal(fx.out.sacks, r[i].told.n);
        for (unsigned k = 0; k < r[i].told.n; k++)
            for (unsigned side = 0; side < 2; side++)
                assert_int_equal(fx.out.sack[k][side], fifth(r[i].told.at[k][side]));
    }
}

/* [RFC2883 4.2.1] One part of it was there. */
static void one_part_twice(void **state) {
    (void)state;
    static const struct report steps[] = {{2000, 2500, 1000, {1, {{2000, 2500}}}},
                                          {1000, 1500, 1500, {1, {{2000, 2500}}}},
                                          {1000, 2000, 2500, {1, {{1000, 1500}}}}};
    example(steps, 3);
}

/* [4.2.2] Two parts, both acknowledged now: the first is told. */
static void two_parts_twice_below(void **state) {
    (void)state;
    static const struct report steps[] = {{3000, 3500, 1000, {1, {{3000, 3500}}}},
                                          {1000, 1500, 1500, {1, {{3000, 3500}}}},
                                          {2000, 2500, 1500, {2, {{2000, 2500}, {3000, 3500}}}},
                                          {1000, 2500, 2500, {2, {{1000, 1500}, {3000, 3500}}}}};
    example(steps, 4);
}

/* [4.2.3] Two parts beyond a hole: the first is told, then what it has become part of. */
static void two_parts_twice_beyond(void **state) {
    (void)state;
    static const struct report steps[] = {{3500, 4000, 1000, {1, {{3500, 4000}}}},
                                          {1500, 2000, 1000, {2, {{1500, 2000}, {3500, 4000}}}},
                                          {2500, 3000, 1000, {3, {{2500, 3000}, {1500, 2000}, {3500, 4000}}}},
                                          {1500, 3000, 1000, {3, {{1500, 2000}, {1500, 3000}, {3500, 4000}}}}};
    example(steps, 4);
}

static void no_report_without_sack(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    inject(ACK, 1, 1, 500);
    inject(ACK, 1, 1, 500);
    while (out_waiting()) {
        expect(ACK, 1, 501, 0);
        assert_int_equal(fx.out.options_len, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        BOTH(three_segments_behind),
        ONLY4(after_the_window),
        ONLY4(younger_ones_are_not),
        ONLY4(reordering_is_remembered),
        ONLY4(blocks_in_any_order),
        ONLY4(repetition_lost_again),
        ONLY4(one_reduction_a_flight),
        ONLY4(one_reduction_a_window),
        ONLY4(proportional),
        ONLY4(conservative_bound),
        ONLY4(fifteen_of_twenty),
        ONLY4(repetition_at_entry),
        BOTH(undone_by_dsack),
        ONLY4(several_late_duplicates),
        ONLY4(duplicates_of_the_timer),
        ONLY4(some_was_lost),
        ONLY4(copies_by_the_network),
        ONLY4(undone_by_timestamp),
        ONLY4(not_undone_by_timestamp),
        ONLY4(undone_with_news_of_loss),
        ONLY4(repetitions_overtake_nothing),
        ONLY4(repetitions_stay_in_order),
        ONLY4(still_undone_by_timestamp),
        ONLY4(repetitions_are_recognized),
        ONLY4(repetitions_tell_the_time),
        ONLY4(timeout_resends_holes),
        ONLY4(timeout_keeps_what_arrived),
        ONLY4(timeout_spares_the_young),
        ONLY4(spurious_timeout),
        ONLY4(real_timeout),
        ONLY4(forgotten_is_no_news),
        ONLY4(reneging),
        ONLY4(nonsense_is_ignored),
        ONLY4(many_holes),
        BOTH(duplicates_are_reported),
        ONLY4(old_duplicates_are_reported),
        ONLY4(one_part_twice),
        ONLY4(two_parts_twice_below),
        ONLY4(two_parts_twice_beyond),
        ONLY4(no_report_without_sack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
