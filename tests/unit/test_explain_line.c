/* test_explain_line.c - what a bad line does to segments is not laid at the door of the hosts: copies made on the way (RFC
 * 2883, 5560), segments that were overtaken, what still arrives when all is over (RFC 9293 3.5.2, 3.10.7.1). The tales are short
 * forms of captures of two Linux kernels. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "explain_tales.h"

static struct tale t;
static struct outcome o;

static void begin(void) {
    memset(&t, 0, offsetof(struct tale, at));
    handshake(&t);
}

static uint64_t count_of(unsigned code) {
    for (size_t i = 0; i < o.n; i++)
        if (o.finding[i].code == code) return o.finding[i].a;
    return 0;
}

static void said(unsigned code, bool yes) {
    if (outcome_has(&o, code) != yes) outcome_print(&o);
    assert_int_equal(outcome_has(&o, code), yes);
}

/* B's ACK with a D-SACK block: these bytes came twice. */
static void came_twice(uint32_t left, uint32_t len) {
    struct told_packet *p = tell(&t, 1, TCP_ACK, 0);
    p->options.sack_count = 1;
    p->options.sack[0].left = seq_of(left);
    p->options.sack[0].right = seq_of(left + len);
}

/* A sent each segment once, and B had three of them twice: the network made the copies. */
static void doubled_on_the_way(void **state) {
    (void)state;
    begin();
    for (unsigned i = 0; i < 3; i++) {
        uint32_t a = t.next[0];
        bulk(&t, 0, 10, LEN_MAX);
        wait_ms(&t, 2);
        came_twice(a, LEN_MAX);
    }
    close_four(&t, 0);
    explain_tale(&t, PLAIN, VANTAGE_UNKNOWN, &o);
    said(FINDING_REPEATED_NEEDLESS, false);
    said(FINDING_DOUBLED, true);
    assert_int_equal(count_of(FINDING_DOUBLED), 3);
    assert_int_equal(o.verdict.end[END_A].needless, 0);
}

/* The copy comes too late to be taken for the capture's own; its timestamp and identification are the first one's. */
static void copied_and_late(void **state) {
    (void)state;
    memset(&t, 0, offsetof(struct tale, at));
    t.timestamps = true;
    handshake(&t);
    struct told_packet *first = tell(&t, 1, TCP_ACK | TCP_PSH, 500);
    bulk(&t, 1, 10, LEN_MAX);
    wait_ms(&t, 8);
    struct told_packet *again = &t.at[t.n++];
    *again = *first;
    again->at_us = t.now_us;
    wait_us(&t, 50);
    struct told_packet *p = tell(&t, 0, TCP_ACK, 0);
    p->options.sack_count = 1;
    p->options.sack[0].left = seq_of(first->seq);
    p->options.sack[0].right = seq_of(first->seq + 500);
    close_four(&t, 0);
    explain_tale(&t, PLAIN, VANTAGE_A, &o);
    said(FINDING_REPEATED_NEEDLESS, false);
    assert_int_equal(o.verdict.end[END_B].repeats[REPEAT_UNKNOWN], 0);
    assert_int_equal(count_of(FINDING_DOUBLED), 1);
}

/* What was repeated once cannot have been needless twice. */
static void repeated_and_doubled(void **state) {
    (void)state;
    begin();
    uint32_t a = t.next[0];
    bulk(&t, 0, 10, LEN_MAX);
    came_twice(a, LEN_MAX);
    repeat_needless(&t);
    close_four(&t, 0);
    explain_tale(&t, PLAIN, VANTAGE_UNKNOWN, &o);
    assert_int_equal(o.verdict.end[END_A].needless, 1);
    assert_int_equal(count_of(FINDING_REPEATED_NEEDLESS), 1);
    assert_int_equal(count_of(FINDING_DOUBLED), 1);
}

/* A keepalive probe of one byte is reported as a duplicate, too: nothing was doubled. */
static void probes_are_no_copies(void **state) {
    (void)state;
    begin();
    exchange(&t, 500, 500);
    for (unsigned i = 0; i < 3; i++) {
        wait_ms(&t, 10000);
        tell_at(&t, 0, TCP_ACK, t.next[0] - 1, t.next[1], 1);
        wait_ms(&t, 20);
        came_twice(t.next[0] - 1, 1);
    }
    close_four(&t, 0);
    explain_tale(&t, PLAIN, VANTAGE_UNKNOWN, &o);
    said(FINDING_DOUBLED, false);
    said(FINDING_REPEATED_NEEDLESS, false);
    said(FINDING_KEEPALIVE, true);
}

/* Where packets are missing from the capture, repetitions may be among them. */
static void missing_packets_excuse(void **state) {
    (void)state;
    begin();
    uint32_t a = t.next[0];
    t.next[0] += 3 * LEN_MAX; /* not captured */
    bulk(&t, 0, 10, LEN_MAX);
    came_twice(a, LEN_MAX);
    close_four(&t, 0);
    explain_tale(&t, PLAIN, VANTAGE_UNKNOWN, &o);
    said(FINDING_DOUBLED, false);
}

/* Twelve holes at once are more than the tracker remembers: times and identifications show that nothing was repeated. */
static void many_overtaken(void **state) {
    (void)state;
    begin();
    bulk(&t, 1, 10, LEN_MAX);
    uint32_t b = t.next[1];
    for (unsigned half = 0; half < 2; half++)
        for (unsigned i = 1 - half; i < 24; i += 2) {
            struct told_packet *p = tell_at(&t, 1, TCP_ACK, b + i * LEN_MAX, t.next[0], LEN_MAX);
            p->ip_id = (uint16_t)(1000 + i);
            p->options.has_ts = true;
            p->options.ts_value = 500000 + i;
            wait_us(&t, 50);
            p = tell_at(&t, 0, TCP_ACK, t.next[0], b, 0);
            p->options.sack_count = 1;
            p->options.sack[0].left = seq_of(b + LEN_MAX);
            p->options.sack[0].right = seq_of(b + 2 * LEN_MAX);
            wait_us(&t, 50);
        }
    t.next[1] = b + 24 * LEN_MAX;
    t.got[0] = t.next[1];
    tell(&t, 0, TCP_ACK, 0);
    close_four(&t, 0);
    explain_tale(&t, PLAIN, VANTAGE_A, &o);
    said(FINDING_REPEATED_FAST, false);
    assert_int_equal(o.verdict.end[END_B].out_of_order, 12);
    assert_int_equal(o.verdict.end[END_B].repeats[REPEAT_FAST] + o.verdict.end[END_B].repeats[REPEAT_UNKNOWN], 0);
}

/* A aborts; ACKs of B that were under way find no connection any more and are answered with the number that they carry,
 * older than the last one. Nobody forged that. */
static void answers_after_an_abort(void **state) {
    (void)state;
    begin();
    uint32_t a = t.next[0];
    for (unsigned i = 0; i < 4; i++) tell(&t, 0, TCP_ACK, LEN_MAX);
    tell(&t, 0, TCP_RST | TCP_ACK, 0);
    wait_ms(&t, 20);
    for (unsigned i = 1; i <= 4; i++) tell_at(&t, 1, TCP_ACK, t.next[1], a + i * LEN_MAX, 0);
    for (unsigned i = 1; i <= 4; i++) tell_at(&t, 0, TCP_RST, a + i * LEN_MAX, 0, 0);
    explain_tale(&t, PLAIN, VANTAGE_A, &o);
    said(FINDING_RESET_OUTSIDE, false);
    assert_int_equal(o.verdict.reset_by, END_A);
    assert_int_equal(o.verdict.closing, CLOSING_RESET);
}

/* Before anything has ended the connection the same RST is outside of the window. */
static void without_an_abort_it_is_outside(void **state) {
    (void)state;
    begin();
    uint32_t a = t.next[0];
    bulk(&t, 0, 4, LEN_MAX);
    tell_at(&t, 0, TCP_RST, a + LEN_MAX, 0, 0);
    exchange(&t, 100, 100);
    close_four(&t, 0);
    explain_tale(&t, PLAIN, VANTAGE_A, &o);
    said(FINDING_RESET_OUTSIDE, true);
}

/* A closes first. B has answered all of it with its own FIN when A's repeated FIN arrives: no last ACK was lost. */
static void first_fin_again(void **state) {
    (void)state;
    begin();
    t.near_us = t.rtt_us / 2; /* captured at B */
    uint32_t a = t.next[0];
    tell(&t, 0, TCP_FIN | TCP_ACK, 500);
    wait_us(&t, 50);
    tell(&t, 1, TCP_FIN | TCP_ACK, 0);
    wait_ms(&t, 5);
    tell_at(&t, 0, TCP_FIN | TCP_ACK, a, t.next[1] - 1, 500);
    wait_us(&t, 50);
    tell_at(&t, 1, TCP_ACK, t.next[1], t.next[0], 0);
    wait_ms(&t, 20);
    tell(&t, 0, TCP_ACK, 0);
    explain_tale(&t, PLAIN, VANTAGE_B, &o);
    said(FINDING_LAST_ACK_LOST, false);
}

static void spoil_sums(int from) {
    for (size_t i = 0; i < t.n; i++) t.at[i].damaged |= t.at[i].from == from;
    explain_tale(&t, PLAIN, VANTAGE_A, &o);
    said(FINDING_CAPTURE_OFFSET_SUM, true);
    said(FINDING_CORRUPTED, false);
    said(FINDING_CAPTURE_MISSING, false);
}

/* A's network card computes the sums after the capture: its first segments count like all others, and one alone does, too. */
static void sums_computed_later(void **state) {
    (void)state;
    begin();
    bulk(&t, 0, 30, LEN_MAX);
    close_four(&t, 0);
    spoil_sums(0);
    assert_int_equal(o.verdict.end[END_A].bytes, 30 * LEN_MAX);

    memset(&t, 0, offsetof(struct tale, at));
    tell_at(&t, 0, TCP_SYN, 1000, 0, 0);
    wait_ms(&t, 20);
    tell_at(&t, 1, TCP_RST | TCP_ACK, 0, 1001, 0);
    spoil_sums(0);
    assert_int_equal(o.verdict.opening, OPENING_REFUSED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_computed_later),
        cmocka_unit_test(doubled_on_the_way),
        cmocka_unit_test(copied_and_late),
        cmocka_unit_test(repeated_and_doubled),
        cmocka_unit_test(probes_are_no_copies),
        cmocka_unit_test(missing_packets_excuse),
        cmocka_unit_test(many_overtaken),
        cmocka_unit_test(answers_after_an_abort),
        cmocka_unit_test(without_an_abort_it_is_outside),
        cmocka_unit_test(first_fin_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
