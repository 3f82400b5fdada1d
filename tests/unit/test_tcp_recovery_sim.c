/* test_tcp_recovery_sim.c - two hosts and a bad path in virtual time: goodput, needless repetitions, and an end to
 * every transfer. A failure prints what is needed to see it again. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bench/recovery_run.h"
#include "tern.h"

static unsigned scale(unsigned full) {
    const char *small = getenv("TERN_TEST_SCALE");
    return small != NULL && strcmp(small, "small") == 0 ? (full + 7) / 8 : full;
}

static struct rec_result run(const struct rec_config *c) {
    struct rec_result r;
    if (!rec_run(c, &r)) fail_msg("no world");
    if (!r.complete)
        fail_msg("seed %llu, loss %u ppm, drops %llx: unfinished after %llu bytes", (unsigned long long)c->seed,
                 c->loss_ppm, (unsigned long long)c->drop_mask, (unsigned long long)r.total);
    return r;
}

static double goodput(const struct rec_result *r) { return (double)r->total * 8e9 / (double)r->elapsed_ns; }

/* Every pattern of the first ten packets lost, for a transfer of twelve segments with a round trip of 20 ms: it ends
 * within a bound of virtual time. A SYN lost costs a second, doubled each time, and then the timeout begins at 3 s
 * [RFC6298 5.7]; with no SYN lost everything is repaired within 400 ms. */
static void first_packets(bool sack, bool timestamps) {
    uint64_t longest = 0;
    for (uint64_t mask = 0; mask < 1024; mask += scale(8) == 8 ? 1 : 5) {
        if ((mask & 0xff) == 0xff) continue; /* no SYN gets through */
        struct rec_config c = rec_default(mask + 1, TERN_CUBIC, 100000000, 20);
        c.duration_ns = 1000ull * SIM_SECOND;
        c.bytes = 12 * 1448;
        c.drop_mask = mask;
        c.no_sack = !sack;
        c.no_timestamps = !timestamps;
        struct rec_result r = run(&c);
        uint64_t syns_ms = 0, took_ms = r.done_ns[0] / 1000000;
        for (unsigned i = 0; mask >> i & 1; i++) syns_ms += i < 6 ? 1000u << i : 60000;
        unsigned syns = (unsigned)__builtin_ctzll(~mask), others = (unsigned)__builtin_popcountll(mask >> syns);
        uint64_t bound_ms = 400 + (syns ? syns_ms + 3000u * ((1u << others) - 1) : 0);
        if (took_ms > bound_ms) fail_msg("drops %llx: %llu ms", (unsigned long long)mask, (unsigned long long)took_ms);
        if (!syns && took_ms > longest) longest = took_ms;
    }
    print_message("longest without a SYN lost: %llu ms\n", (unsigned long long)longest);
}
static void first_packets_sack(void **state) {
    (void)state;
    first_packets(true, true);
}
static void first_packets_sack_only(void **state) {
    (void)state;
    first_packets(true, false);
}
static void first_packets_plain(void **state) {
    (void)state;
    first_packets(false, true);
}

/* Reordering of ten percent without loss: less than a tenth of the goodput, less than one percent repeated
 * needlessly. */
static void reordering(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= scale(8); seed++) {
        for (uint32_t by_us = 1000; by_us <= 10000; by_us *= 3) {
            struct rec_config c = rec_default(seed, seed % 2 ? TERN_CUBIC : TERN_NEWRENO, 50000000, 40);
            c.duration_ns = 10ull * SIM_SECOND;
            c.queue_bdp = 16; /* no loss */
            c.buffer = 1 << 20;
            c.no_timestamps = seed % 4 == 3;
            struct rec_result straight = run(&c);
            c.reorder_ppm = 100000;
            c.reorder_us = by_us;
            struct rec_result r = run(&c);
            if (goodput(&r) < 0.9 * goodput(&straight))
                fail_msg("seed %llu, %u us: %.1f instead of %.1f Mbit/s", (unsigned long long)seed, by_us,
                         goodput(&r) / 1e6, goodput(&straight) / 1e6);
            assert_true((double)r.spurious < 0.01 * (double)r.unique);
            assert_int_equal(r.by_rto, 0);
        }
    }
}

/* Random loss: the square-root law, MSS / RTT * 1.22 / sqrt(p), and nothing repeated needlessly. */
static void random_loss(void **state) {
    (void)state;
    static const uint32_t losses[] = {1000, 3000, 10000};
    for (unsigned i = 0; i < sizeof losses / sizeof *losses; i++) {
        double sum = 0, law = 1448 * 8 / 0.05 * 1.22 / sqrt(losses[i] / 1e6);
        unsigned seeds = scale(8);
        for (uint64_t seed = 1; seed <= seeds; seed++) {
            struct rec_config c = rec_default(seed, TERN_NEWRENO, 100000000, 50);
            c.duration_ns = 30ull * SIM_SECOND;
            c.loss_ppm = losses[i];
            c.buffer = 1 << 20;
            struct rec_result r = run(&c);
            sum += goodput(&r);
            assert_true((double)r.spurious < 0.001 * (double)r.unique);
            assert_true((double)r.resent < 0.02 * (double)r.unique);
        }
        if (sum / seeds < 0.85 * law)
            fail_msg("loss %u ppm: %.2f, law %.2f Mbit/s", losses[i], sum / seeds / 1e6, law / 1e6);
    }
}

/* No loss but the queue's: the link is full. */
static void full_link(void **state) {
    (void)state;
    static const double queues[] = {0.5, 1, 4};
    for (unsigned q = 0; q < 3; q++) {
        for (unsigned cc = 0; cc < 2; cc++) {
            struct rec_config c = rec_default(1, cc, 50000000, 40);
            c.duration_ns = 20ull * SIM_SECOND;
            c.queue_bdp = queues[q];
            c.buffer = 4 << 20;
            struct rec_result r = run(&c);
            if (goodput(&r) < 0.88 * 50e6)
                fail_msg("queue %.1f, control %u: %.1f Mbit/s", queues[q], cc, goodput(&r) / 1e6);
            assert_int_equal(r.by_rto, 0);
            assert_true((double)r.spurious < 0.001 * (double)r.unique);
        }
    }
}

/* Slow start fills a long, fast path and its queue before anybody can tell it: thousands of holes at once. Both ends
 * can account for all of them, so that only what is lost comes again. */
static void overshoot(void **state) {
    (void)state;
    for (unsigned cc = 0; cc < 3; cc++) {
        struct rec_config c = rec_default(1, cc, 1000000000, 50);
        c.duration_ns = 2ull * SIM_SECOND;
        struct rec_result r = run(&c);
        assert_int_equal(r.by_rto, 0);
        if (r.resent < 2000 * 1448 || r.spurious > r.unique / 1000)
            fail_msg("control %u: %llu bytes again, %llu needlessly", cc, (unsigned long long)r.resent,
                     (unsigned long long)r.spurious);
    }
}

/* Nobody chose a buffer: both sides' grow with the path, in step with slow start. */
static void long_path_by_default(void **state) {
    (void)state;
    for (unsigned cc = 0; cc < 3; cc++) {
        struct rec_config c = rec_default(1, cc, 200000000, 100);
        c.duration_ns = 6ull * SIM_SECOND; /* a second of it for slow start */
        struct rec_result r = run(&c);
        if (goodput(&r) < 0.80 * 200e6) fail_msg("control %u: %.1f Mbit/s", cc, goodput(&r) / 1e6);
    }
}

/* A SYN,ACK that is lost leaves the reader without a round trip of its own, but for the timestamps'; its window grows all
 * the same. */
static void opening_lost(void **state) {
    (void)state;
    for (unsigned k = 0; k < 2; k++) {
        struct rec_config c = rec_default(1, TERN_CUBIC, 100000000, 100);
        c.duration_ns = 10ull * SIM_SECOND; /* of which one is lost with the SYN,ACK */
        c.dark_ns = 40000000;
        c.dark_len_ns = 50000000;
        c.no_timestamps = k == 1;
        struct rec_result r = run(&c);
        if (goodput(&r) < 0.70 * 100e6) fail_msg("timestamps %u: %.1f Mbit/s", !k, goodput(&r) / 1e6);
    }
}

/* A hole holds up everything behind it: the window must reach further then, or random losses, which a model does not
 * mind, would set the pace after all. */
static void losses_by_default(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= scale(4); seed++) {
        struct rec_config c = rec_default(seed, TERN_BBR, 100000000, 50);
        c.duration_ns = 20ull * SIM_SECOND;
        c.loss_ppm = 30000;
        struct rec_result r = run(&c);
        if (goodput(&r) < 0.80 * 100e6) fail_msg("seed %llu: %.1f Mbit/s", (unsigned long long)seed, goodput(&r) / 1e6);
    }
}

/* One packet in ten is lost, and sometimes a hole outlasts the buffers, so that the timer must mend it. What had arrived
 * before is no sign of a faster path then: a model that believed so would repeat everything several times. */
static void heavy_loss(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct rec_config c = rec_default(seed, TERN_BBR, 100000000, 100);
        c.duration_ns = 10ull * SIM_SECOND;
        c.loss_ppm = 100000;
        struct rec_result r = run(&c);
        if (r.resent > r.unique / 4 || r.spurious > r.unique / 50)
            fail_msg("seed %llu: of %llu bytes %llu again, %llu needlessly", (unsigned long long)seed,
                     (unsigned long long)r.unique, (unsigned long long)r.resent, (unsigned long long)r.spurious);
    }
}

/* A pause of the path, then everything arrives late: the timeout is taken back, next to nothing is sent twice. */
static void delay_spike(void **state) {
    (void)state;
    for (unsigned ts = 0; ts < 2; ts++) {
        struct rec_config c = rec_default(1, TERN_CUBIC, 20000000, 40);
        c.duration_ns = 20ull * SIM_SECOND;
        c.no_timestamps = !ts;
        c.buffer = 150000; /* no loss */
        c.queue_bdp = 4;
        c.spike_ns = 10ull * SIM_SECOND;
        c.spike_len_ns = SIM_SECOND;
        c.spike_delay_ns = SIM_SECOND;
        struct rec_result r = run(&c);
        assert_true(r.by_rto >= 1);
        assert_true(r.undone >= 1);
        if (r.spurious > 20 * 1448)
            fail_msg("timestamps %u: %llu bytes arrived twice", ts, (unsigned long long)r.spurious);
    }
}

/* Darkness for three seconds: afterwards all goes on. */
static void blackout(void **state) {
    (void)state;
    for (unsigned cc = 0; cc < 2; cc++) {
        struct rec_config c = rec_default(1, cc, 50000000, 40);
        c.duration_ns = 20ull * SIM_SECOND;
        c.buffer = 1 << 20;
        c.dark_ns = 5ull * SIM_SECOND;
        c.dark_len_ns = 3ull * SIM_SECOND;
        struct rec_result r = run(&c);
        assert_true(goodput(&r) > 0.6 * 50e6);
    }
}

/* Everything at once, with every seed: all bytes arrive. */
static void foul_weather(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= scale(40); seed++) {
        struct rec_config c = rec_default(seed, (uint32_t)(seed % 2), 10000000u << seed % 4, 10u << seed % 3);
        c.bytes = 300000;
        c.loss_ppm = 30000 * (uint32_t)(seed % 5);
        c.ack_loss_ppm = 50000 * (uint32_t)(seed % 3);
        c.reorder_ppm = 50000;
        c.reorder_us = 10000;
        c.duplicate_ppm = 20000;
        c.burst_enter_ppm = seed % 2 ? 5000 : 0;
        c.burst_leave_ppm = 200000;
        c.burst_loss_ppm = 800000;
        c.no_sack = seed % 7 == 0;
        c.no_timestamps = seed % 3 == 0;
        c.limit_ns = 1200ull * SIM_SECOND;
        run(&c);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_packets_sack),
        cmocka_unit_test(first_packets_sack_only),
        cmocka_unit_test(first_packets_plain),
        cmocka_unit_test(reordering),
        cmocka_unit_test(random_loss),
        cmocka_unit_test(full_link),
        cmocka_unit_test(overshoot),
        cmocka_unit_test(long_path_by_default),
        cmocka_unit_test(opening_lost),
        cmocka_unit_test(losses_by_default),
        cmocka_unit_test(heavy_loss),
        cmocka_unit_test(delay_spike),
        cmocka_unit_test(blackout),
        cmocka_unit_test(foul_weather),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
