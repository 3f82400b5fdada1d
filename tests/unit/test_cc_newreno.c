/* test_cc_newreno.c - slow start and congestion avoidance in numbers (RFC 5681 3.1, RFC 3465, RFC 6928). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tcp/cc.h"

enum { MSS = 1000 };
static struct cc c;

static int begin(void **state) {
    (void)state;
    c = (struct cc){.ops = &cc_newreno};
    c.ops->init(&c, MSS, 10);
    return 0;
}

static void ack(uint32_t bytes, bool limited) {
    struct cc_ack a = {.bytes = bytes, .flight = c.cwnd, .limited = limited};
    c.ops->acked(&c, &a);
}

static void start(void **state) {
    (void)state;
    assert_int_equal(c.cwnd, 10 * MSS); /* [RFC6928 2] */
    assert_true(c.ssthresh > 1u << 30);
}

/* Slow start: SMSS at most for each SMSS acknowledged, two segments at most for one ACK
 * [RFC5681 eqn. 2, RFC3465 2.3]. */
static void slow_start(void **state) {
    (void)state;
    ack(MSS, true);
    assert_int_equal(c.cwnd, 11 * MSS);
    ack(300, true); /* no more than was acknowledged: dividing ACKs gains nothing */
    assert_int_equal(c.cwnd, 11 * MSS + 300);
    ack(2 * MSS, true);
    ack(40 * MSS, true);
    assert_int_equal(c.cwnd, 15 * MSS + 300);
}

/* After a timeout one segment an ACK: it may cover what arrived long ago [RFC3465 2.3]. */
static void slow_start_after_timeout(void **state) {
    (void)state;
    c.ops->timeout(&c, 40 * MSS, false, 0);
    assert_int_equal(c.cwnd, MSS);
    ack(20 * MSS, true);
    assert_int_equal(c.cwnd, 2 * MSS);
}

/* Congestion avoidance: SMSS a round trip, by bytes [RFC5681 3.1, RFC3465 2.1]. */
static void avoidance(void **state) {
    (void)state;
    c.cwnd = c.ssthresh = 10 * MSS;
    for (unsigned i = 0; i < 9; i++) ack(MSS, true);
    assert_int_equal(c.cwnd, 10 * MSS);
    ack(MSS, true);
    assert_int_equal(c.cwnd, 11 * MSS);
    for (unsigned i = 0; i < 5; i++) ack(2 * MSS, true);
    assert_int_equal(c.cwnd, 11 * MSS);
    ack(2 * MSS, true);
    assert_int_equal(c.cwnd, 12 * MSS);
    ack(30 * MSS, true); /* never more than one segment an ACK */
    assert_int_equal(c.cwnd, 13 * MSS);
}

static void unused_window(void **state) {
    (void)state;
    ack(MSS, false);
    assert_int_equal(c.cwnd, 10 * MSS);
    c.ssthresh = 10 * MSS;
    for (unsigned i = 0; i < 100; i++) ack(MSS, false);
    assert_int_equal(c.cwnd, 10 * MSS);
}

/* ssthresh = max(FlightSize / 2, 2 SMSS): of what is in flight, not of the window [RFC5681 eqn. 4]. */
static void loss(void **state) {
    (void)state;
    c.ops->loss(&c, 8 * MSS, 0);
    assert_int_equal(c.ssthresh, 4 * MSS);
    c.ops->loss(&c, 3 * MSS, 0);
    assert_int_equal(c.ssthresh, 2 * MSS);
}

/* The timer: the same once, and no further while the same bytes are repeated; cwnd is one segment [RFC5681 3.1]. */
static void timeout(void **state) {
    (void)state;
    c.ops->timeout(&c, 20 * MSS, false, 0);
    assert_int_equal(c.ssthresh, 10 * MSS);
    assert_int_equal(c.cwnd, MSS);
    c.ops->timeout(&c, MSS, true, 0);
    assert_int_equal(c.ssthresh, 10 * MSS);
    assert_int_equal(c.cwnd, MSS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(start, begin),
        cmocka_unit_test_setup(slow_start, begin),
        cmocka_unit_test_setup(slow_start_after_timeout, begin),
        cmocka_unit_test_setup(avoidance, begin),
        cmocka_unit_test_setup(unused_window, begin),
        cmocka_unit_test_setup(loss, begin),
        cmocka_unit_test_setup(timeout, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
