/* test_cc_cubic.c - CUBIC against the formulas of RFC 9438 in floating point. HyStart++ has test_cc_hystart.c. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tcp/cc.h"

enum { MSS = 1460 };
static const double C = 0.4, ALPHA = 3 * (1 - 0.7) / (1 + 0.7);
static struct cc c;
static uint64_t now_us;
static uint32_t una;

static int begin(void **state) {
    (void)state;
    free(c.state);
    c = (struct cc){.ops = &cc_cubic, .state = calloc(1, cc_cubic.state_size)};
    c.ops->init(&c, MSS, 10);
    now_us = 1000000;
    una = 0;
    return 0;
}

static int finish(void **state) {
    (void)state;
    free(c.state);
    c.state = NULL;
    return 0;
}

static double segments(void) { return (double)c.cwnd / MSS; }

static void ack(uint32_t bytes, uint32_t rtt_us, bool limited) {
    una += bytes;
    struct cc_ack a = {.bytes = bytes,
                       .flight = c.cwnd,
                       .rtt_us = rtt_us,
                       .srtt_us = rtt_us,
                       .now_us = now_us,
                       .una = una,
                       .nxt = una + c.cwnd,
                       .limited = limited};
    c.ops->acked(&c, &a);
}

/* A round trip with an ACK for each segment of the window. */
static void round_trip(uint32_t rtt_us) {
    uint32_t n = c.cwnd / MSS;
    for (uint32_t i = 0; i < n; i++) {
        now_us += rtt_us / n;
        ack(MSS, rtt_us, true);
    }
}

/* Fast recovery is over: the window is ssthresh. */
static void lose(uint32_t flight) {
    c.ops->loss(&c, flight, now_us);
    c.cwnd = c.ssthresh;
}

#define near(is, wanted, tolerance) near_at(is, wanted, tolerance, __LINE__)
static void near_at(double is, double wanted, double tolerance, int line) {
    if (fabs(is - wanted) > tolerance) fail_msg("line %d: %f instead of %f", line, is, wanted);
}

/* [RFC9438 4.6] ssthresh = beta * flight, at least two segments. */
static void decrease(void **state) {
    (void)state;
    c.cwnd = 100 * MSS;
    lose(100 * MSS);
    near(segments(), 70, 0.01);
    c.cwnd = 100 * MSS; /* not all of the window was in use */
    lose(50 * MSS);
    near(segments(), 35, 0.01);
    lose(2 * MSS);
    assert_int_equal(c.ssthresh, 2 * MSS);
}

/* W_cubic(t) = C (t - K)^3 + W_max with K = cbrt((W_max - cwnd_epoch) / C); the window aims a round trip ahead
 * [RFC9438 4.2, 4.4, 4.5]. With long round trips the Reno estimate lies below. */
static void concave_then_convex(void **state) {
    (void)state;
    const double w_max = 1000, k = cbrt((w_max - 700) / C); /* 9.09 s */
    c.cwnd = 1000 * MSS;
    lose(1000 * MSS);
    const uint32_t rtt_us = 200000;
    uint64_t epoch = 0;
    for (unsigned i = 0; i < 90; i++) {
        now_us += 1;
        if (epoch == 0) epoch = now_us + rtt_us / (c.cwnd / MSS);
        double before = segments();
        round_trip(rtt_us);
        double t = (double)(now_us - epoch) / 1e6, w = C * pow(t - k, 3) + w_max;
        assert_true(segments() + 0.01 >= before);
        if (t > 1) near(segments(), w, 12);
    }
    double t = (double)(now_us - epoch) / 1e6;
    near(t, 18, 0.5);
    near(segments(), C * pow(t - k, 3) + w_max, 25);
}

/* At the plateau the window stands still for a while. */
static void plateau(void **state) {
    (void)state;
    c.cwnd = 1000 * MSS;
    lose(1000 * MSS);
    double k = cbrt(300 / C);
    for (double t = 0; t < k - 1; t += 0.1) round_trip(100000);
    double before = segments();
    for (unsigned i = 0; i < 20; i++) round_trip(100000);
    near(segments() - before, 2 * C, 0.8); /* C (+1)^3 - C (-1)^3 */
    near(segments(), 1000, 1.5);
}

/* [RFC9438 4.3] With short round trips the window is what Reno's would be, alpha segments a round trip; from the old
 * window on one. */
static void reno_friendly(void **state) {
    (void)state;
    c.cwnd = 20 * MSS;
    lose(20 * MSS);
    double w = 14;
    for (unsigned i = 0; i < 10; i++) {
        round_trip(1000);
        w += ALPHA;
        near(segments(), w, 1.0);
    }
    for (unsigned i = 0; w < 20 && i < 20; i++) round_trip(1000), w += ALPHA;
    double before = segments();
    for (unsigned i = 0; i < 10; i++) round_trip(1000);
    near(segments() - before, 10, 1.1);
}

/* [RFC9438 4.7] A loss below the last W_max: whoever needs the room more gets it, W_max = cwnd (1 + beta) / 2. */
static void fast_convergence(void **state) {
    (void)state;
    const uint32_t rtt_us = 100000;
    c.cwnd = 1000 * MSS;
    lose(1000 * MSS);
    c.cwnd = 800 * MSS;
    lose(800 * MSS); /* W_max = 680, cwnd 560 */
    near(segments(), 560, 0.01);
    double k = cbrt((680 - 560) / C);
    for (double t = 0; t < k; t += 0.1) round_trip(rtt_us);
    near(segments(), 680, 1.5);
    c.cwnd = 900 * MSS; /* above it: W_max is cwnd itself */
    lose(900 * MSS);
    k = cbrt(270 / C);
    for (double t = 0; t < k; t += 0.1) round_trip(rtt_us);
    near(segments(), 900, 1.5);
}

/* [RFC9438 4.4] One round trip raises the window by half at most, whatever the curve says. */
static void growth_is_bounded(void **state) {
    (void)state;
    c.cwnd = 10 * MSS;
    lose(10 * MSS);
    ack(MSS, 100000, true);
    now_us += 60000000; /* a minute, in which the window was needed but nothing came */
    double before = segments();
    round_trip(100000);
    assert_true(segments() <= before * 1.66);
    assert_true(segments() > before * 1.3);
}

/* [RFC9438 4.8] A timeout: cwnd 1, ssthresh by beta; when congestion avoidance begins, K is 0 and W_max the window
 * of that moment. */
static void after_timeout(void **state) {
    (void)state;
    c.cwnd = 1000 * MSS;
    c.ops->timeout(&c, 1000 * MSS, false, now_us);
    assert_int_equal(c.cwnd, MSS);
    near((double)c.ssthresh / MSS, 700, 0.01);
    c.ops->timeout(&c, MSS, true, now_us);
    near((double)c.ssthresh / MSS, 700, 0.01);
    c.cwnd = c.ssthresh;
    const uint32_t rtt_us = 200000;
    uint64_t epoch = now_us;
    for (unsigned i = 0; i < 25; i++) round_trip(rtt_us);
    double t = (double)(now_us - epoch) / 1e6;
    near(segments(), 700 + C * pow(t, 3), 15);
}

/* [RFC9438 5.8] While the application holds back, time stands still: no leap afterwards. */
static void application_limited(void **state) {
    (void)state;
    c.cwnd = 1000 * MSS;
    lose(1000 * MSS);
    for (unsigned i = 0; i < 10; i++) round_trip(100000);
    double before = segments();
    for (unsigned i = 0; i < 300; i++) {
        now_us += 100000;
        ack(MSS, 100000, false);
    }
    near(segments(), before, 0.001);
    double k = cbrt(300 / C), t = 1 + 0.1;
    round_trip(100000);
    near(segments(), C * pow(t + 0.1 - k, 3) + 1000, 10);
}

/* A reduction that was a mistake: the curve has its old top again [RFC9438 4.9]. */
static void undo(void **state) {
    (void)state;
    c.cwnd = 1000 * MSS;
    lose(1000 * MSS);
    for (unsigned i = 0; i < 60; i++) round_trip(100000);
    uint32_t cwnd = c.cwnd, ssthresh = c.ssthresh;
    lose(cwnd);
    c.cwnd = cwnd; /* as recovery.c does */
    c.ssthresh = ssthresh;
    c.ops->undo(&c);
    double k = cbrt((1000 - (double)cwnd / MSS) / C);
    for (double t = 0; t < k; t += 0.1) round_trip(100000);
    near(segments(), 1000, 1.5);
}

/* ---- the whole of RFC 9438 4.1 to 4.7 in floating point, beside the real one ---- */

static struct model { double cwnd, w_max, w_est, prior, k, epoch; /* segments, seconds; epoch < 0: not begun */ } m;

static void model_loss(double flight) {
    m.prior = m.cwnd;
    m.w_max = m.cwnd < m.w_max ? m.cwnd * (1 + 0.7) / 2 : m.cwnd;
    m.cwnd = fmax(0.7 * fmin(flight, m.cwnd), 2);
    m.epoch = -1;
}

static void model_ack(double now, double acked, double rtt) {
    if (m.epoch < 0) {
        m.epoch = now;
        m.w_est = m.cwnd;
        if (m.w_max < m.cwnd) m.w_max = m.cwnd;
        m.k = cbrt((m.w_max - m.cwnd) / C);
    }
    double t = now - m.epoch, here = C * pow(t - m.k, 3) + m.w_max, ahead = C * pow(t + rtt - m.k, 3) + m.w_max;
    m.w_est += (m.w_est >= m.prior ? 1 : ALPHA) * acked / m.cwnd;
    if (here < m.w_est)
        m.cwnd = fmax(m.cwnd, m.w_est);
    else
        m.cwnd += (fmax(m.cwnd, fmin(ahead, 1.5 * m.cwnd)) - m.cwnd) / m.cwnd * acked;
}

/* A second loss comes early, at the plateau, late; with short and long round trips, small and large windows. */
static void as_the_formulas_say(void **state) {
    (void)state;
    static const struct {
        uint32_t window, rtt_us, rounds, again;
    } runs[] = {{20, 2000, 100, 40},    {20, 300000, 60, 9},    {100, 10000, 200, 50},   {100, 100000, 200, 30},
                {100, 50000, 200, 199}, {1000, 100000, 100, 1}, {1000, 100000, 100, 80}, {3000, 20000, 40, 20}};
    for (unsigned i = 0; i < sizeof runs / sizeof runs[0]; i++) {
        begin(NULL);
        c.cwnd = runs[i].window * MSS;
        m = (struct model){.cwnd = runs[i].window};
        for (unsigned round = 0; round < runs[i].rounds; round++) {
            if (round == 0 || round == runs[i].again) {
                m.cwnd = segments();
                model_loss(m.cwnd);
                lose(c.cwnd);
                near(segments(), m.cwnd, 0.01);
                m.cwnd = segments();
            }
            uint32_t n = c.cwnd / MSS;
            for (uint32_t k = 0; k < n; k++) {
                now_us += runs[i].rtt_us / n;
                ack(MSS, runs[i].rtt_us, true);
                model_ack((double)now_us / 1e6, 1, runs[i].rtt_us / 1e6);
            }
            near(segments(), m.cwnd, 1.1 + m.cwnd / 300);
        }
    }
}

/* [RFC8511 3.1] A mark takes less than a loss, of what is under way; the least is two segments. */
static void marks(void **state) {
    (void)state;
    static const uint32_t cases[][3] = {{100, 100, 8500}, {100, 200, 8500}, {100, 40, 3400},
                                        {2, 2, 200},      {10, 1, 200},     {3, 3, 255}};
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        begin(NULL);
        c.cwnd = cases[i][0] * MSS;
        c.ops->marked(&c, cases[i][1] * MSS, now_us);
        near((double)c.ssthresh / MSS, cases[i][2] / 100.0, 0.001);
        c.cwnd = c.ssthresh; /* the curve leads back to where the mark came */
        m = (struct model){.cwnd = cases[i][0]};
        model_loss(cases[i][1]);
        m.cwnd = segments();
        for (unsigned k = 0; k < 200; k++) {
            now_us += 10000;
            ack(MSS, 100000, true);
            model_ack((double)now_us / 1e6, 1, 0.1);
            near(segments(), m.cwnd, 1.1);
        }
    }
}

/* What was learnt on one path is forgotten with `init`: all goes as the first time. */
static void begins_afresh(void **state) {
    (void)state;
    uint32_t first[200], thresh[200];
    for (unsigned turn = 0; turn < 2; turn++) {
        c.ops->init(&c, MSS, 10);
        assert_true(c.cwnd == 10 * MSS && c.ssthresh == UINT32_MAX && c.ops->rest(&c) == 0);
        now_us = 1000000;
        una = 0;
        for (unsigned i = 0; i < 200; i++) {
            if (i == 6) lose(c.cwnd);
            round_trip(i % 7 ? 50000 : 60000);
            if (turn) assert_true(c.cwnd == first[i] && c.ssthresh == thresh[i]);
            first[i] = c.cwnd;
            thresh[i] = c.ssthresh;
        }
        assert_int_not_equal(c.ops->rest(&c), 0);
    }
}

/* A connection that rests keeps the window of its last loss, and its curve begins anew there when it goes on. */
static void rests_and_goes_on(void **state) {
    (void)state;
    assert_int_equal(c.ops->rest(&c), 0); /* slow start has not ended */
    c.cwnd = 100 * MSS;
    for (unsigned i = 0; i < 5; i++) ack(MSS, 100000, true);
    assert_int_equal(c.ops->rest(&c), 0);
    uint32_t top = c.cwnd;
    lose(c.cwnd);
    assert_int_equal(c.ops->rest(&c), top);
    c.ops->timeout(&c, c.cwnd, false, now_us); /* nothing is known of the curve, but slow start has had its end */
    assert_int_not_equal(c.ops->rest(&c), 0);
    begin(NULL);
    c.cwnd = 100 * MSS;
    for (unsigned i = 0; i < 5; i++) ack(MSS, 100000, true);
    lose(c.cwnd);
    uint32_t cwnd = c.cwnd, thresh = c.ssthresh;
    c.ops->init(&c, MSS, 10);
    c.cwnd = cwnd;
    c.ssthresh = thresh;
    c.ops->resume(&c, top);
    assert_int_equal(c.ops->rest(&c), top);
    double k = cbrt((double)(top - cwnd) / MSS / C);
    for (double t = 0; t < k; t += 0.1) round_trip(100000);
    near(segments(), (double)top / MSS, 1.5);
}

/* A pause moves the curve: afterwards the window grows as if there had been none. */
static void pauses(void **state) {
    (void)state;
    uint32_t without[60];
    for (unsigned turn = 0; turn < 2; turn++) {
        begin(NULL);
        c.cwnd = 200 * MSS;
        lose(200 * MSS);
        for (unsigned i = 0; i < 60; i++) {
            if (turn && i == 20) {
                now_us += 90000000;
                c.ops->idle(&c, now_us - 1);
                c.ops->idle(&c, now_us); /* asked again while it waits on */
            }
            round_trip(100000);
            if (turn) assert_int_equal(c.cwnd, without[i]);
            without[i] = c.cwnd;
        }
    }
}

/* Nothing wraps or divides by zero at the borders. */
static void extremes(void **state) {
    (void)state;
    for (uint32_t mss = 1; mss < 65536; mss = mss * 3 + 1) {
        begin(NULL);
        c.ops->init(&c, mss, 10);
        c.cwnd = 1u << 30;
        c.ops->loss(&c, 1u << 30, now_us);
        c.cwnd = 2 * mss;
        for (unsigned i = 0; i < 1000; i++) {
            now_us += 1000000000;
            una += mss;
            struct cc_ack a = {.bytes = mss,
                               .flight = c.cwnd,
                               .rtt_us = 1,
                               .srtt_us = 4000000,
                               .now_us = now_us,
                               .una = una,
                               .nxt = una + 1,
                               .limited = true};
            uint32_t before = c.cwnd;
            c.ops->acked(&c, &a);
            assert_true(c.cwnd >= before && c.cwnd <= 1u << 31);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(decrease, begin, finish),
        cmocka_unit_test_setup_teardown(concave_then_convex, begin, finish),
        cmocka_unit_test_setup_teardown(plateau, begin, finish),
        cmocka_unit_test_setup_teardown(reno_friendly, begin, finish),
        cmocka_unit_test_setup_teardown(fast_convergence, begin, finish),
        cmocka_unit_test_setup_teardown(growth_is_bounded, begin, finish),
        cmocka_unit_test_setup_teardown(after_timeout, begin, finish),
        cmocka_unit_test_setup_teardown(application_limited, begin, finish),
        cmocka_unit_test_setup_teardown(undo, begin, finish),
        cmocka_unit_test_setup_teardown(as_the_formulas_say, begin, finish),
        cmocka_unit_test_setup_teardown(marks, begin, finish),
        cmocka_unit_test_setup_teardown(begins_afresh, begin, finish),
        cmocka_unit_test_setup_teardown(rests_and_goes_on, begin, finish),
        cmocka_unit_test_setup_teardown(pauses, begin, finish),
        cmocka_unit_test_setup_teardown(extremes, begin, finish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
