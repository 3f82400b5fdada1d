/* test_cc_bbr.c - BBR over a path that is two numbers, a rate and a round trip, one sample a round: what the model
 * learns and what it does with it (draft-cardwell-iccrg-bbr-congestion-control-00, sections 4.1 to 4.3). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tcp/cc.h"

enum { MSS = 1000, RTT_US = 50000, RATE = 10000000 /* bytes a second */, BDP = RATE / 20 };

static struct {
    struct cc c;
    struct cc_sample s;
    uint64_t now;
    uint32_t queue;
} p;

static int begin(void **state) {
    (void)state;
    p.c = (struct cc){.ops = &cc_bbr, .state = calloc(1, cc_bbr.state_size)};
    assert_non_null(p.c.state);
    p.c.ops->init(&p.c, MSS, 10);
    p.s = (struct cc_sample){0};
    p.queue = 0;
    p.now = 1000000000000; /* a host that has been up for days */
    return 0;
}

static int end(void **state) {
    (void)state;
    free(p.c.state);
    return 0;
}

static uint64_t rate(void) { return p.c.ops->rate(&p.c); }

/* A round trip in which `bytes` are sent: what exceeds the rate waits in the queue. */
static void round_of(uint32_t bytes, bool app_limited) {
    uint32_t outstanding = p.queue + bytes, through = outstanding < BDP ? outstanding : BDP;
    p.now += RTT_US;
    p.queue = outstanding - through;
    p.s.now_us = p.now;
    p.s.sample_us = RTT_US;
    p.s.rtt_us = RTT_US + (uint32_t)(p.queue * 1000000ull / RATE);
    p.s.prior_delivered = p.s.delivered_total;
    p.s.delivered = p.s.sample_bytes = through;
    p.s.delivered_total += through;
    p.s.inflight = outstanding - through + (bytes < through ? bytes : 0);
    p.s.inflight_before = outstanding;
    p.s.app_limited = app_limited;
    p.c.ops->model(&p.c, &p.s);
}

/* As much as window and pace allow in one round trip. */
static void full_round(void) {
    uint64_t paced = rate() ? rate() * RTT_US / 1000000 : UINT32_MAX, room = p.c.cwnd - p.queue;
    if (p.c.cwnd < p.queue) room = 0;
    round_of((uint32_t)(room < paced ? room : paced), false);
}

static void to_probe_bw(void) {
    for (int i = 0; i < 40; i++) full_round();
}

/* However late the clock stands, the first round trip is no expired one [4.1.2]. */
static void the_first_sample(void **state) {
    (void)state;
    round_of(10 * MSS, false);
    assert_int_equal(p.c.cwnd, 20 * MSS);
    uint64_t bw = 10 * MSS * 1000000ull / RTT_US;
    assert_in_range(rate(), bw * 2850 / 1000, bw * 2886 / 1000); /* 2/ln 2 [4.3.2], less a hundredth */
}

/* [4.3.2] The window doubles while the rate does; three rounds without a quarter more end it. */
static void startup(void **state) {
    (void)state;
    for (uint32_t before = p.c.cwnd; before * 2 < BDP; before = p.c.cwnd) {
        full_round();
        assert_int_equal(p.c.cwnd, 2 * before);
    }
    unsigned rounds = 0;
    do full_round(), rounds++;
    while ((rounds < 3 || rate() > RATE) && rounds < 20);
    assert_in_range(rounds, 4, 6);                     /* the first of them still finds more */
    assert_in_range(rate(), RATE / 3, RATE * 10 / 28); /* DRAIN: the inverse [4.3.3] */
}

/* [4.3.4] Two BDP and a little for offload in the window; a cycle of eight: one faster, one slower, six as measured. */
static void probe_bw(void **state) {
    (void)state;
    unsigned faster = 0, slower = 0, same = 0;
    to_probe_bw();
    assert_in_range(p.c.cwnd, 2 * BDP, 2 * BDP + 3 * 65536);
    for (int i = 0; i < 64; i++) {
        full_round();
        faster += rate() > RATE * 12ull / 10;
        slower += rate() < RATE * 8ull / 10;
        same += rate() > RATE * 97ull / 100 && rate() < RATE * 103ull / 100;
    }
    assert_in_range(faster, 6, 10);
    assert_in_range(slower, 6, 10);
    assert_int_equal(faster + slower + same, 64);
}

/* [4.1.1] What the application holds back says nothing of the path. */
static void idle_application(void **state) {
    (void)state;
    to_probe_bw();
    for (int i = 0; i < 64; i++) round_of(MSS, true);
    assert_true(rate() >= RATE * 7ull / 10);
    for (int i = 0; i < 12; i++) round_of(BDP / 2, false); /* but if it does not, ten rounds are enough to forget */
    assert_true(rate() <= RATE * 7ull / 10);
}

/* [4.3.5] Ten seconds without a smaller round trip: four segments for 200 ms, then the window as it was. */
static void probe_rtt(void **state) {
    (void)state;
    to_probe_bw();
    uint32_t before = p.c.cwnd;
    uint64_t start = p.now;
    while (p.c.cwnd > 4 * MSS && p.now - start < 12000000) { /* a standing queue: no round trip is the least */
        round_of(p.queue ? BDP : BDP + BDP / 4, false);
    }
    assert_in_range(p.now - start, 8000000, 10500000);
    assert_int_equal(p.c.cwnd, 4 * MSS);
    start = p.now;
    while (p.c.cwnd < before && p.now - start < 1000000) round_of(4 * MSS, false);
    assert_in_range(p.now - start, 200000, 400000);
    assert_true(p.c.cwnd >= before);
}

/* [4.3.5] What it sends then says nothing of the path, however many round trips the 200 ms are; and a loss in that time
 * does not make the small window the one to come back to. */
static void probe_rtt_forgets_nothing(void **state) {
    (void)state;
    to_probe_bw();
    uint32_t before = p.c.cwnd;
    while (p.c.cwnd > 4 * MSS) round_of(p.queue ? BDP : BDP + BDP / 4, false);
    for (int rounds = 0; p.c.cwnd <= 4 * MSS; rounds++) {
        assert_true(rounds < 30);
        p.s.recovering = rounds > 3 && rounds < 8;
        p.now -= RTT_US * 3 / 4; /* more than ten of them */
        round_of(4 * MSS, false);
    }
    assert_true(p.c.cwnd >= before);
    for (int i = 0; i < 8; i++) assert_true(rate() >= RATE * 7ull / 10), full_round();
}

/* A queue that stays, though we made none: the slow phase lasts for two of the path's round trips and no longer. */
static void drains(void **state) {
    (void)state;
    to_probe_bw();
    unsigned slow = 0, longest = 0;
    for (int i = 0; i < 64; i++) {
        p.queue = BDP;
        round_of(BDP, false);
        slow = rate() < RATE * 8ull / 10 ? slow + 1 : 0;
        if (slow > longest) longest = slow;
    }
    assert_int_equal(longest, 3);
}

/* A hundredth less than was measured lets a queue run dry. Where there is none that would be given away. */
static void margin(void **state) {
    (void)state;
    to_probe_bw();
    unsigned whole = 0, less = 0;
    for (int i = 0; i < 32; i++) {
        full_round();
        if (rate() < RATE * 9ull / 10 || rate() > RATE * 11ull / 10) continue;
        whole += p.s.rtt_us == RTT_US && rate() >= RATE * 999ull / 1000;
        less += p.s.rtt_us > RTT_US * 9 / 8 && rate() <= RATE * 991ull / 1000;
    }
    assert_true(whole >= 16);
    for (int i = 0; i < 8; i++) {
        p.queue = BDP / 4;
        round_of(BDP, false);
        less += rate() > RATE * 9ull / 10 && rate() <= RATE * 991ull / 1000;
    }
    assert_true(less >= 1);
}

/* The first round of a recovery keeps what is in flight; the next ones go on as if there were none, though recovery does
 * not end, and its end brings nothing new. */
static void long_recovery(void **state) {
    (void)state;
    for (int i = 0; i < 3; i++) full_round();
    uint32_t before = p.c.cwnd;
    p.s.recovering = true;
    full_round();
    assert_int_equal(p.c.cwnd, p.s.inflight + p.s.delivered);
    assert_true(p.c.cwnd <= before);
    uint32_t kept = p.c.cwnd;
    full_round();
    assert_int_equal(p.c.cwnd, 2 * kept);
    full_round();
    assert_int_equal(p.c.cwnd, 4 * kept);
    p.s.recovering = false;
    full_round();
    assert_int_equal(p.c.cwnd, 8 * kept);
}

/* A loss is no sign of congestion; a timeout begins with one segment, and the model brings the window back. */
static void losses(void **state) {
    (void)state;
    to_probe_bw();
    uint32_t before = p.c.cwnd;
    p.c.ops->loss(&p.c, BDP, p.now);
    assert_int_equal(p.c.cwnd, before);
    p.c.ops->timeout(&p.c, BDP, false, p.now);
    assert_int_equal(p.c.cwnd, MSS);
    for (int i = 0; i < 12; i++) full_round();
    assert_in_range(p.c.cwnd, 2 * BDP - BDP / 8, 2 * BDP + 3 * 65536);
}

/* A round with so much lost, and the queue that its round trip tells of. */
static void lossy_round(uint32_t lost, bool queue) {
    p.now += RTT_US;
    p.s.now_us = p.now;
    p.s.rtt_us = queue ? 2 * RTT_US : RTT_US;
    p.s.sample_us = RTT_US;
    p.s.prior_delivered = p.s.delivered_total;
    p.s.delivered = p.s.sample_bytes = BDP - lost;
    p.s.delivered_total += BDP - lost;
    p.s.inflight = p.s.inflight_before = 2 * BDP;
    p.s.lost = lost;
    p.c.ops->model(&p.c, &p.s);
    p.s.lost = 0;
}

/* [draft-ietf-ccwg-bbr 2.4] More than 2 % lost in a queue is too much in flight: 85 % of it stay. Fewer, or without a
 * queue, say nothing. */
static void ceiling(void **state) {
    (void)state;
    to_probe_bw();
    uint32_t before = p.c.cwnd;
    for (int i = 0; i < 5; i++) lossy_round(BDP / 20, false);
    assert_true(p.c.cwnd >= before - BDP / 8);
    for (int i = 0; i < 5; i++) lossy_round(BDP / 60, true);
    assert_true(p.c.cwnd >= before - BDP / 8);
    lossy_round(BDP / 20, true);
    assert_int_equal(p.c.cwnd, 2 * BDP * 85 / 100);
    lossy_round(BDP / 20, true);
    assert_in_range(p.c.cwnd, 2 * BDP * 85 / 100 * 85 / 100 - 1, 2 * BDP * 85 / 100 * 85 / 100);
    uint32_t low = p.c.cwnd;
    lossy_round(0, true);
    assert_int_equal(p.c.cwnd, low + MSS); /* slowly while there is a queue */
    lossy_round(0, false);
    assert_int_equal(p.c.cwnd, low + MSS + (low + MSS) / 64); /* faster without */
    for (int i = 0; i < 80; i++) lossy_round(0, false);
    assert_true(p.c.cwnd >= before - BDP / 8);
}

#define EACH(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {EACH(the_first_sample), EACH(startup),   EACH(probe_bw),
                                       EACH(idle_application), EACH(probe_rtt), EACH(probe_rtt_forgets_nothing),
                                       EACH(drains),           EACH(margin),    EACH(long_recovery),
                                       EACH(losses),           EACH(ceiling)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
