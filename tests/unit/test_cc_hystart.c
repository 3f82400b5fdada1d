/* test_cc_hystart.c - HyStart++ (RFC 9406) by its rules: rounds, samples, the threshold, conservative slow start. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tcp/hystart.h"

enum { MSS = 1000 };
static struct hystart h;
static uint32_t una, nxt;
static bool over;

static int begin(void **state) {
    (void)state;
    una = 0;
    nxt = 10 * MSS;
    over = false;
    hystart_begin(&h, nxt);
    return 0;
}

/* Returns by how many bytes the window grows. */
static uint32_t ack(uint32_t bytes, uint32_t rtt_us) {
    una += bytes;
    nxt += bytes;
    struct cc_ack a = {.bytes = bytes, .rtt_us = rtt_us, .una = una, .nxt = nxt};
    bool now = false;
    uint32_t growth = hystart_acked(&h, &a, MSS, &now);
    over |= now;
    return growth;
}

/* A round of n ACKs; `ends` is the number that ends it. Returns the growth of the last. */
static uint32_t round_of(unsigned n, uint32_t rtt_us) {
    uint32_t end = nxt, growth = 0;
    for (unsigned i = 0; i < n; i++) growth = ack(i + 1 < n ? 10 : end - una, rtt_us);
    return growth;
}
static bool conservative(void) { return ack(100, 0) == 25; }

/* While the round trip stays the same slow start goes on: what was acknowledged, eight segments an ACK at most (L =
 * 8). */
static void slow_start(void **state) {
    (void)state;
    assert_int_equal(ack(MSS, 50000), MSS);
    assert_int_equal(ack(7 * MSS, 50000), 7 * MSS);
    assert_int_equal(ack(20 * MSS, 50000), 8 * MSS);
    for (unsigned i = 0; i < 20; i++) round_of(10, 50000);
    assert_false(conservative());
    assert_false(over);
}

/* The threshold is an eighth of the last round's least round trip, within 4 and 16 ms. */
static void thresholds(void **state) {
    (void)state;
    static const struct {
        uint32_t rtt_us, thresh_us;
    } cases[] = {{8000, 4000}, {32000, 4000}, {64000, 8000}, {100000, 12500}, {128000, 16000}, {400000, 16000}};
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin(NULL);
        round_of(10, cases[i].rtt_us);
        round_of(10, cases[i].rtt_us);
        round_of(10, cases[i].rtt_us + cases[i].thresh_us - 1);
        assert_false(conservative());
        begin(NULL);
        round_of(10, cases[i].rtt_us);
        round_of(10, cases[i].rtt_us);
        round_of(10, cases[i].rtt_us + cases[i].thresh_us);
        assert_true(conservative());
    }
}

/* The least of the round counts, from eight samples on; ACKs without a round trip are none. */
static void samples(void **state) {
    (void)state;
    round_of(10, 50000);
    for (unsigned i = 0; i < 7; i++) assert_int_equal(ack(10, 80000), 10);
    for (unsigned i = 0; i < 10; i++) assert_int_equal(ack(10, 0), 10);
    assert_int_equal(ack(100, 80000), 25); /* the eighth */
    begin(NULL);
    round_of(10, 50000);
    ack(10, 50000); /* one was quick */
    for (unsigned i = 0; i < 300; i++) assert_int_equal(ack(10, 80000), 10);
}

/* Conservative slow start: a quarter of the growth. It lasts five rounds, the one in which it began counted; then
 * slow start is over. */
static void five_rounds(void **state) {
    (void)state;
    round_of(10, 50000);
    for (unsigned i = 0; i < 8; i++) ack(10, 60000); /* in the middle of a round */
    assert_int_equal(ack(1000, 60000), 250);
    for (unsigned i = 0; i < 4; i++) {
        round_of(10, 70000);
        assert_false(over);
    }
    round_of(10, 70000);
    assert_true(over);
}

/* A round whose least is below that which led here: it was a fluke, slow start goes on. */
static void back_again(void **state) {
    (void)state;
    round_of(10, 50000);
    round_of(10, 60000);
    assert_true(conservative());
    for (unsigned i = 0; i < 8; i++) ack(10, 59999);
    assert_false(conservative());
    for (unsigned i = 0; i < 8; i++) round_of(10, 59000);
    assert_false(over);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(slow_start, begin), cmocka_unit_test_setup(thresholds, begin),
        cmocka_unit_test_setup(samples, begin),    cmocka_unit_test_setup(five_rounds, begin),
        cmocka_unit_test_setup(back_again, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
