/* test_lens_numbers.c - the sums behind Seq and Ack, and the tally of a connection's opening and closing. The numbers
 * 1234567 and 7654321 of the records are those of a well-known study note; the sums are RFC 9293 3.4's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lens/tally.h"
#include "lens_records.h"

enum { FA = TERN_FIN | TERN_ACK, PA = TERN_PSH | TERN_ACK };

static reading follow(numbers *n, int from, uint16_t flags, uint32_t seq, uint32_t ack, uint32_t len) {
    tern_trace r = segment_at(false, from, 0, TERN_ESTABLISHED, TERN_ESTABLISHED, "NONE", flags, seq, ack, len);
    reading out;
    numbers_follow(n, from, &r, &out);
    return out;
}

static void check(const sum *s, const numbers *n, int space, bool absolute, const char *want) {
    char text[160], plain[160];
    size_t at = 0;
    sum_text(s, n, space, absolute, TERN_EN, text, sizeof text);
    for (const char *p = text; *p != '\0'; p++) /* no-break spaces as plain ones */
        if ((unsigned char)*p != 0xc2) plain[at++] = (unsigned char)*p == 0xa0 ? ' ' : *p;
    plain[at] = '\0';
    assert_true(s->worth);
    assert_string_equal(plain, want);
}

static void sums(void **state) {
    (void)state;
    numbers n;
    numbers_start(&n);
    reading r = follow(&n, END_A, TERN_SYN, 0, 0, 0);
    assert_int_equal(r.seq, 0);
    assert_false(r.seq_sum.worth);
    assert_int_equal(r.window, 64240); /* never scaled in a SYN [RFC7323 2.2] */
    r = follow(&n, END_B, TERN_SYN | TERN_ACK, 0, 1, 0);
    check(&r.ack_sum, &n, END_A, false, "0 + 1 (SYN) = 1");
    check(&r.ack_sum, &n, END_A, true, "1234567 + 1 (SYN) = 1234568");
    r = follow(&n, END_A, TERN_ACK, 1, 1, 0);
    check(&r.seq_sum, &n, END_A, false, "0 + 1 (SYN) = 1");
    check(&r.ack_sum, &n, END_B, true, "7654321 + 1 (SYN) = 7654322");
    assert_int_equal(r.window, 502u << 7);
    r = follow(&n, END_A, PA, 1, 1, 78); /* an ACK alone took no number */
    assert_int_equal(r.seq, 1);
    assert_false(r.seq_sum.worth);
    assert_false(r.ack_sum.worth);
    r = follow(&n, END_B, TERN_ACK, 1, 79, 0);
    check(&r.ack_sum, &n, END_A, false, "1 + 78 bytes = 79");
    r = follow(&n, END_A, FA, 79, 1, 1);
    check(&r.seq_sum, &n, END_A, false, "1 + 78 bytes = 79");
    r = follow(&n, END_B, FA, 1, 81, 0);
    check(&r.ack_sum, &n, END_A, false, "79 + 1 byte + 1 (FIN) = 81");
    r = follow(&n, END_A, TERN_ACK, 81, 2, 0);
    check(&r.ack_sum, &n, END_B, false, "1 + 1 (FIN) = 2");
    check(&r.seq_sum, &n, END_A, false, "79 + 1 byte + 1 (FIN) = 81");
}

static void repeats(void **state) {
    (void)state;
    numbers n;
    numbers_start(&n);
    follow(&n, END_A, TERN_SYN, 0, 0, 0);
    assert_true(follow(&n, END_A, TERN_SYN, 0, 0, 0).repeated);
    follow(&n, END_B, TERN_SYN | TERN_ACK, 0, 1, 0);
    assert_false(follow(&n, END_A, TERN_ACK, 1, 1, 0).repeated);
    assert_false(follow(&n, END_A, TERN_ACK, 1, 1, 100).repeated);
    assert_false(follow(&n, END_A, TERN_ACK, 101, 1, 0).repeated); /* an ACK alone repeats nothing */
    assert_true(follow(&n, END_A, TERN_ACK, 1, 1, 100).repeated);
    assert_false(follow(&n, END_A, TERN_ACK, 51, 1, 100).repeated); /* half of it is new */
    assert_true(follow(&n, END_A, TERN_ACK, 150, 1, 0).probe);
}

/* Numbers pass 2^32 on the wire; the relative ones go on, also beyond 4 GiB. RFC 9293 3.4. */
static void wraps(void **state) {
    (void)state;
    numbers n;
    numbers_start(&n);
    tern_trace r = segment_at(false, END_A, 0, TERN_SYN_SENT, TERN_SYN_SENT, "SEND_SYN", TERN_SYN, 0, 0, 0);
    reading seen;
    r.seg.seq = UINT32_MAX;
    numbers_follow(&n, END_A, &r, &seen);
    r.seg.flags = TERN_ACK;
    r.seg.seq = 0;
    r.seg.len = 1u << 30;
    int64_t want = 1;
    for (int i = 0; i < 9; i++) {
        numbers_follow(&n, END_A, &r, &seen);
        assert_int_equal(seen.seq, want);
        assert_false(seen.repeated);
        r.seg.seq += r.seg.len;
        want += r.seg.len;
    }
    assert_int_equal(numbers_relative(&n, END_A, UINT32_MAX), 8589934592); /* the nearest, not the first */
}

/* Joined in the middle: the first byte seen counts as number 1, as analysers do. */
static void midstream(void **state) {
    (void)state;
    numbers n;
    numbers_start(&n);
    reading r = follow(&n, END_A, PA, 5000, 7000, 10);
    assert_int_equal(r.seq, 1);
    assert_int_equal(r.ack, 1);
    assert_false(r.ack_sum.worth);
    r = follow(&n, END_B, TERN_ACK, 7000, 5010, 0);
    assert_int_equal(r.seq, 1);
    assert_int_equal(r.ack, 11);
}

struct step {
    bool in;
    uint16_t flags;
    uint32_t seq, ack, len;
    enum tern_state after;
};

static struct tally play(const struct step *steps, size_t n) {
    struct tally t;
    tally_start(&t);
    for (size_t i = 0; i < n; i++) {
        tern_trace r = segment_at(steps[i].in, END_A, i * 1000, TERN_CLOSED, steps[i].after, "NONE", steps[i].flags,
                                  steps[i].seq, steps[i].ack, steps[i].len);
        tally_record(&t, &r);
    }
    return t;
}
#define PLAY(steps) play(steps, sizeof(steps) / sizeof(steps)[0])
#define OPENING                                                                                                        \
    {false, TERN_SYN, 0, 0, 0, TERN_SYN_SENT}, {true, TERN_SYN | TERN_ACK, 0, 1, 0, TERN_ESTABLISHED}, {               \
        false, TERN_ACK, 1, 1, 0, TERN_ESTABLISHED                                                                     \
    }

static void four_segments(void **state) { /* RFC 9293 figure 12 */
    (void)state;
    static const struct step steps[] = {
        OPENING,
        {false, PA, 1, 1, 78, TERN_ESTABLISHED},
        {false, PA, 1, 1, 78, TERN_ESTABLISHED},
        {true, PA, 1, 79, 500, TERN_ESTABLISHED},
        {false, FA, 79, 501, 0, TERN_FIN_WAIT_1},
        {true, TERN_ACK, 501, 80, 0, TERN_FIN_WAIT_2},
        {true, FA, 501, 80, 0, TERN_TIME_WAIT},
        {false, TERN_ACK, 80, 502, 0, TERN_TIME_WAIT},
    };
    struct tally t = PLAY(steps);
    assert_int_equal(t.open, OPEN_THREE);
    assert_int_equal(t.close, CLOSE_FOUR);
    assert_int_equal(t.closed_first, END_A);
    assert_int_equal(t.end[END_A].bytes, 78);
    assert_int_equal(t.end[END_A].repeated, 1);
    assert_int_equal(t.end[END_B].bytes, 500);
    assert_int_equal(t.end[END_A].segments, 6);
    assert_int_equal(t.end[END_B].segments, 4);
}

static void three_segments(void **state) {
    (void)state;
    static const struct step steps[] = {
        OPENING,
        {true, FA, 1, 1, 0, TERN_CLOSE_WAIT},
        {false, FA, 1, 2, 0, TERN_LAST_ACK},
        {true, TERN_ACK, 2, 2, 0, TERN_CLOSED},
    };
    struct tally t = PLAY(steps);
    assert_int_equal(t.close, CLOSE_THREE);
    assert_int_equal(t.closed_first, END_B);
}

static void both_at_once(void **state) { /* RFC 9293 figures 7 and 13 */
    (void)state;
    static const struct step steps[] = {
        {false, TERN_SYN, 0, 0, 0, TERN_SYN_SENT},
        {true, TERN_SYN, 0, 0, 0, TERN_SYN_RECEIVED},
        {false, TERN_SYN | TERN_ACK, 0, 1, 0, TERN_SYN_RECEIVED},
        {true, TERN_SYN | TERN_ACK, 0, 1, 0, TERN_ESTABLISHED},
        {false, FA, 1, 1, 0, TERN_FIN_WAIT_1},
        {true, FA, 1, 1, 0, TERN_CLOSING},
        {false, TERN_ACK, 2, 2, 0, TERN_CLOSING},
        {true, TERN_ACK, 2, 2, 0, TERN_TIME_WAIT},
    };
    struct tally t = PLAY(steps);
    assert_int_equal(t.open, OPEN_SIMULTANEOUS);
    assert_int_equal(t.close, CLOSE_SIMULTANEOUS);
}

static void resets(void **state) {
    (void)state;
    static const struct step refused[] = {
        {false, TERN_SYN, 0, 0, 0, TERN_SYN_SENT},
        {true, TERN_RST | TERN_ACK, 0, 1, 0, TERN_CLOSED},
    };
    static const struct step reset[] = {OPENING, {true, TERN_RST, 1, 0, 0, TERN_CLOSED}};
    struct tally t = PLAY(refused);
    assert_int_equal(t.open, OPEN_REFUSED);
    assert_int_equal(t.close, CLOSE_NOT);
    t = PLAY(reset);
    assert_int_equal(t.open, OPEN_THREE);
    assert_int_equal(t.close, CLOSE_RESET);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums),         cmocka_unit_test(repeats),       cmocka_unit_test(wraps),
        cmocka_unit_test(midstream),    cmocka_unit_test(four_segments), cmocka_unit_test(three_segments),
        cmocka_unit_test(both_at_once), cmocka_unit_test(resets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
