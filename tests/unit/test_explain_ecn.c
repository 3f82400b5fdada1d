/* test_explain_ecn.c - what explain tells of congestion marks: agreed on or not, who was marked, who told of it, who
 * slowed down (RFC 3168 6.1, RFC 9768 3.1, 3.2). The tellers of captures are explain_corpus.h's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "explain_corpus.h"

enum { NOT_ECT = 0, ECT1 = 1, ECT0 = 2, CE = 3 };
enum { ASKS = TCP_ECE | TCP_CWR, ASKS_ACCURATE = TCP_AE | TCP_ECE | TCP_CWR };

static struct tale t;
static struct outcome o;

static void open_with(uint16_t asked, uint16_t answered) {
    memset(&t, 0, sizeof t);
    handshake(&t);
    t.at[0].flags |= asked;
    t.at[1].flags |= answered;
}

static void explain(unsigned spoil) { explain_tale(&t, spoil, VANTAGE_UNKNOWN, &o); }

/* One segment of A, and the ACK for it; `echo`: more flags of that. */
static void say(unsigned field, uint16_t flags, uint16_t echo) {
    struct told_packet *p = tell(&t, 0, TCP_ACK, LEN_MAX);
    p->tos = (uint8_t)field;
    p->flags |= flags;
    wait_ms(&t, 20);
    tell(&t, 1, TCP_ACK, 0)->flags |= echo;
}

/* The three bits as a number [RFC9768 3.1]. */
static uint16_t counter(unsigned n) {
    return (uint16_t)((n & 4 ? TCP_AE : 0) | (n & 2 ? TCP_CWR : 0) | (n & 1 ? TCP_ECE : 0));
}

static unsigned number_of(unsigned code) {
    for (size_t i = 0; i < o.n; i++)
        if (o.finding[i].code == code) return (unsigned)o.finding[i].a;
    return 0;
}

/* RFC 3168 6.1.1, RFC 9768 3.1.2 table 2: what both SYNs say decides. */
static void agreements(void **state) {
    (void)state;
    static const struct {
        uint16_t asked, answered;
        enum marking agreed;
    } rows[] = {
        {0, 0, MARKING_NONE},
        {ASKS, TCP_ECE, MARKING_CLASSIC},
        {ASKS, 0, MARKING_REFUSED},
        {ASKS, ASKS, MARKING_REFUSED}, /* a host that sends back what it got */
        {ASKS_ACCURATE, TCP_CWR, MARKING_ACCURATE},
        {ASKS_ACCURATE, TCP_CWR | TCP_ECE, MARKING_ACCURATE},
        {ASKS_ACCURATE, TCP_AE, MARKING_ACCURATE},
        {ASKS_ACCURATE, TCP_AE | TCP_CWR, MARKING_ACCURATE},
        {ASKS_ACCURATE, TCP_ECE, MARKING_CLASSIC},
        {ASKS_ACCURATE, TCP_AE | TCP_ECE, MARKING_CLASSIC}, /* the nonce of RFC 3540 */
        {ASKS_ACCURATE, 0, MARKING_REFUSED},
        {ASKS_ACCURATE, ASKS_ACCURATE, MARKING_REFUSED},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        open_with(rows[i].asked, rows[i].answered);
        explain(PLAIN);
        assert_int_equal(o.verdict.marking, rows[i].agreed);
        assert_int_equal(o.verdict.marking_certainty, CERTAIN);
        assert_int_equal(outcome_has(&o, FINDING_ECN_REFUSED), rows[i].agreed == MARKING_REFUSED);
        assert_int_equal(o.verdict.severity, SEVERITY_INFO);
    }
}

/* [RFC3168 6.1.1.1] A SYN that asks is not answered; the next one does not ask. */
static void taken_back(void **state) {
    (void)state;
    memset(&t, 0, sizeof t);
    t.now_us = 1700000000000000;
    t.window[0] = 60000;
    t.window[1] = 60000;
    tell_at(&t, 0, TCP_SYN | ASKS, 1000, 0, 0);
    wait_ms(&t, 1000);
    tell_at(&t, 0, TCP_SYN, 1000, 0, 0);
    wait_ms(&t, 20);
    t.next[0] = 1001;
    t.next[1] = 5000;
    tell(&t, 1, TCP_SYN | TCP_ACK, 0);
    tell(&t, 0, TCP_ACK, 0);
    explain(PLAIN);
    assert_int_equal(o.verdict.marking, MARKING_TAKEN_BACK);
    assert_true(outcome_has(&o, FINDING_ECN_TAKEN_BACK));
    assert_false(outcome_has(&o, FINDING_ECN_REFUSED));
}

/* A mark, ECE on ACKs until CWR comes, twice: two reports, two answers. */
static void answered(void **state) {
    (void)state;
    open_with(ASKS, TCP_ECE);
    for (unsigned i = 0; i < 40; i++) {
        bool marked = i == 5 || i == 20, told = (i >= 5 && i < 8) || (i >= 20 && i < 23);
        say(marked ? CE : ECT0, i == 8 || i == 23 ? TCP_CWR : 0, told ? TCP_ECE : 0);
    }
    explain(PLAIN);
    const struct verdict_end *a = &o.verdict.end[END_A];
    assert_int_equal(a->capable, 40);
    assert_int_equal(a->marked, 2);
    assert_int_equal(a->told, 2);
    assert_int_equal(a->reduced, 2);
    assert_int_equal(number_of(FINDING_ECN_MARKED), 2);
    assert_int_equal(number_of(FINDING_ECN_TOLD), 2);
    assert_int_equal(o.verdict.severity, SEVERITY_NOTE);
    explain(SPOIL_COPIES);
    assert_int_equal(o.verdict.end[END_A].told, 2);
    assert_int_equal(o.verdict.end[END_A].capable, 40);
    explain(SPOIL_MIDDLE); /* the packets tell that it was agreed on */
    assert_int_equal(o.verdict.marking, MARKING_CLASSIC);
    assert_int_equal(o.verdict.marking_certainty, LIKELY);
    assert_int_equal(o.verdict.end[END_A].told, 2);
    for (size_t i = 0; i < t.n; i++) /* a capture before the place that marks: only the reports are seen */
        if (t.at[i].tos == CE) t.at[i].tos = ECT0;
    explain(PLAIN);
    assert_int_equal(o.verdict.end[END_A].marked, 0);
    assert_false(outcome_has(&o, FINDING_ECN_MARKED));
    assert_int_equal(number_of(FINDING_ECN_TOLD), 2);
}

/* A sender that is told and goes on for many round trips is at fault; one that is told at the very end is not. */
static void ignored(void **state) {
    (void)state;
    open_with(ASKS, TCP_ECE);
    for (unsigned i = 0; i < 30; i++) say(i == 5 ? CE : ECT0, 0, i >= 5 ? TCP_ECE : 0);
    explain(PLAIN);
    assert_true(outcome_has(&o, FINDING_ECN_IGNORED));
    assert_int_equal(o.verdict.severity, SEVERITY_WARNING);
    open_with(ASKS, TCP_ECE);
    for (unsigned i = 0; i < 30; i++) say(i == 28 ? CE : ECT0, 0, i >= 28 ? TCP_ECE : 0);
    explain(PLAIN);
    assert_false(outcome_has(&o, FINDING_ECN_IGNORED));
}

/* A receiver that acknowledges marked segments and says nothing. */
static void not_told(void **state) {
    (void)state;
    open_with(ASKS, TCP_ECE);
    for (unsigned i = 0; i < 30; i++) say(i % 5 == 1 ? CE : ECT0, 0, 0);
    explain(PLAIN);
    assert_true(outcome_has(&o, FINDING_ECN_NOT_TOLD));
    open_with(ASKS, TCP_ECE);
    for (unsigned i = 0; i < 30; i++) say(i == 1 ? CE : ECT0, 0, 0); /* one may be lost behind the capture */
    explain(PLAIN);
    assert_false(outcome_has(&o, FINDING_ECN_NOT_TOLD));
    assert_int_equal(number_of(FINDING_ECN_MARKED), 1);
}

/* Agreed on, and no segment that may be marked. */
static void unused(void **state) {
    (void)state;
    open_with(ASKS, TCP_ECE);
    for (unsigned i = 0; i < 30; i++) say(NOT_ECT, 0, 0);
    explain(PLAIN);
    assert_int_equal(number_of(FINDING_ECN_UNUSED), 30);
    open_with(ASKS, 0);
    for (unsigned i = 0; i < 30; i++) say(NOT_ECT, 0, 0);
    explain(PLAIN);
    assert_false(outcome_has(&o, FINDING_ECN_UNUSED));
}

/* [RFC9768 3.2.2] The counter begins with 5; the opener's first ACK is none, and tells how the SYN-ACK came. */
static void counted(void **state) {
    (void)state;
    open_with(ASKS_ACCURATE, TCP_CWR);
    t.at[2].flags |= TCP_CWR;
    unsigned ce = 5;
    for (unsigned i = 0; i < 60; i++) {
        struct told_packet *p = tell(&t, 0, TCP_ACK, LEN_MAX);
        bool marked = i % 4 == 3;
        p->flags |= counter(5); /* B's are never marked */
        p->tos = marked ? CE : ECT0;
        ce += marked;
        wait_ms(&t, 20);
        tell(&t, 1, TCP_ACK, 0)->flags |= counter(ce);
    }
    explain(PLAIN);
    assert_int_equal(o.verdict.marking, MARKING_ACCURATE);
    assert_int_equal(o.verdict.end[END_A].marked, 15);
    assert_int_equal(o.verdict.end[END_A].told, 15);
    assert_int_equal(o.verdict.end[END_B].told, 0);
    assert_int_equal(number_of(FINDING_ECN_COUNTED), 15);
    assert_false(outcome_has(&o, FINDING_ECN_NOT_TOLD));
    assert_false(outcome_has(&o, FINDING_ECN_TOLD));
    assert_int_equal(o.verdict.severity, SEVERITY_NOTE);
    explain(SPOIL_MIDDLE);
    assert_int_equal(o.verdict.marking, MARKING_ACCURATE);
    assert_int_equal(o.verdict.marking_certainty, LIKELY);
    assert_false(outcome_has(&o, FINDING_ECN_IGNORED));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agreements), cmocka_unit_test(taken_back), cmocka_unit_test(answered),
        cmocka_unit_test(ignored),    cmocka_unit_test(not_told),   cmocka_unit_test(unused),
        cmocka_unit_test(counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
