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
enum { ROOM = 3 * RATE / 1000 /* three bursts of a millisecond */ };

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

/* Where there is no queue a fortieth more than was measured closes every gap; a hundredth less lets a queue run dry. */
static void margin(void **state) {
    (void)state;
    to_probe_bw();
    unsigned more = 0, less = 0;
    for (int i = 0; i < 32; i++) {
        full_round();
        if (rate() < RATE * 9ull / 10 || rate() > RATE * 11ull / 10) continue;
        more += p.s.rtt_us <= RTT_US * 17 / 16 && rate() >= RATE * 1024ull / 1000 && rate() <= RATE * 1026ull / 1000;
        less += p.s.rtt_us > RTT_US * 9 / 8 && rate() <= RATE * 991ull / 1000;
    }
    assert_true(more >= 6); /* until the queue is a sixteenth */
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

/* [4.2.3.4] What is lost in a recovery leaves the window, which opens again by what is delivered and no faster: a start that
 * overflows a queue does not put back at once what the queue has just dropped. */
static void lost_leaves_the_window(void **state) {
    (void)state;
    for (int i = 0; i < 3; i++) full_round();
    p.s.recovering = true;
    full_round();
    full_round(); /* the first round is over */
    p.s.sample_us = 0;
    p.s.prior_delivered = p.s.delivered_total - 1;
    for (int i = 0; i < 8; i++) {
        uint32_t before = p.c.cwnd;
        p.s.now_us = ++p.now;
        p.s.lost = i % 4 * MSS;
        p.s.delivered = MSS;
        p.s.delivered_total += MSS;
        p.s.prior_delivered = p.s.delivered_total - 2 * MSS;
        p.c.ops->model(&p.c, &p.s);
        assert_int_equal(p.c.cwnd, before + MSS - p.s.lost);
    }
    p.s.lost = UINT32_MAX; /* more than there is */
    p.s.delivered_total += MSS;
    p.c.ops->model(&p.c, &p.s);
    assert_int_equal(p.c.cwnd, 4 * MSS);
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
    assert_true(low > BDP + ROOM);
    lossy_round(0, true);
    assert_int_equal(p.c.cwnd, low + MSS); /* slowly while there is a queue */
    lossy_round(0, false);
    assert_int_equal(p.c.cwnd, low + MSS + (low + MSS) / 64); /* faster without */
    for (int i = 0; i < 80; i++) lossy_round(0, false);
    assert_true(p.c.cwnd >= before - BDP / 8);
}

/* The ceiling comes from the most that was in flight, not from what was left when the round ended: all may have arrived by then,
 * but for one segment that holds up the rest. */
static void an_emptied_flight(void **state) {
    (void)state;
    to_probe_bw();
    p.now += RTT_US;
    p.s.now_us = p.now;
    p.s.rtt_us = 2 * RTT_US;
    p.s.prior_delivered = p.s.delivered_total - 1; /* in the midst of the round */
    p.s.delivered = p.s.sample_bytes = BDP / 2;
    p.s.delivered_total += BDP / 2;
    p.s.inflight_before = 2 * BDP;
    p.s.lost = BDP / 20;
    p.c.ops->model(&p.c, &p.s);
    p.s.prior_delivered = p.s.delivered_total; /* its end */
    p.s.inflight_before = p.s.inflight = 4 * MSS;
    p.s.lost = 0;
    p.c.ops->model(&p.c, &p.s);
    assert_int_equal(p.c.cwnd, 2 * BDP * 85 / 100);
}

/* Less than the path holds makes no queue: whoever's it is, the ceiling comes back to that quickly. */
static void a_low_ceiling(void **state) {
    (void)state;
    to_probe_bw();
    for (int i = 0; i < 6; i++) lossy_round(BDP / 20, true);
    uint32_t low = p.c.cwnd;
    assert_true(low < BDP);
    lossy_round(0, true);
    assert_int_equal(p.c.cwnd, low + low / 16);
    unsigned rounds = 0;
    for (; p.c.cwnd < BDP + ROOM; rounds++) lossy_round(0, true);
    assert_in_range(rounds, 2, 8);
    low = p.c.cwnd;
    lossy_round(0, true);
    assert_int_equal(p.c.cwnd, low + MSS);
}

/* ---- one ACK at a time ---- */

/* What leaves where there is no queue: a hundredth less is for where there is one. */
static uint64_t paced(uint64_t bw, uint32_t gain_256) { return bw * gain_256 / 256; }

/* The same in PROBE_BW: a fortieth more. */
static uint64_t cruised(uint64_t bw, uint32_t gain_256) { return paced(bw, gain_256) + paced(bw, gain_256) / 40; }

/* A round trip through such a queue that delivered at this rate, with so much in flight before and after. */
static void late_sample(uint64_t bytes_a_second, uint32_t before, uint32_t after, uint32_t late_us) {
    p.now += RTT_US;
    uint32_t bytes = (uint32_t)(bytes_a_second * RTT_US / 1000000);
    p.s.now_us = p.now;
    p.s.rtt_us = RTT_US + late_us;
    p.s.sample_us = RTT_US;
    p.s.prior_delivered = p.s.delivered_total;
    p.s.delivered = p.s.sample_bytes = bytes;
    p.s.delivered_total += bytes;
    p.s.inflight_before = before;
    p.s.inflight = after;
    p.c.ops->model(&p.c, &p.s);
}

static void sample(uint64_t bytes_a_second, uint32_t before, uint32_t after) {
    late_sample(bytes_a_second, before, after, 0);
}

/* STARTUP at a steady rate, until the pipe is full: then DRAIN, and PROBE_BW as soon as no more than a BDP is in flight. */
static void fill_the_pipe(void) {
    for (unsigned i = 0; i < 4; i++) {
        if (i > 1)
            assert_int_equal(rate(),
                             paced(RATE, 739)); /* 2/ln 2 [4.3.2]; the first round trip says nothing of queues */
        sample(RATE, 3 * BDP, 3 * BDP);
    }
    assert_int_equal(rate(), paced(RATE, 88)); /* [4.3.3] the inverse */
}

/* [4.3.2.2] Three rounds in which the rate grew by less than a quarter; a quarter is growth. */
static void full_pipe(void **state) {
    (void)state;
    uint64_t r = 20ull << 24;           /* a number of bytes each round, also after twelve times a quarter more */
    for (unsigned i = 0; i < 12; i++) { /* each a quarter more */
        sample(r, 1u << 30, 1u << 30);
        if (i) assert_int_equal(rate(), paced(r, 739));
        r += r / 4;
    }
    r -= r / 5;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(rate(), paced(r, 739));
        sample(r, 1u << 30, 1u << 30);
    }
    assert_int_equal(rate(), paced(r, 88));
    end(NULL);
    begin(NULL);
    for (unsigned i = 0; i < 12; i++) { /* growth after two rounds without begins the count anew */
        uint64_t now = (20ull << 20) << i / 3;
        sample(now, 1u << 30, 1u << 30);
        if (i) assert_int_equal(rate(), paced(now, 739));
    }
    end(NULL);
    begin(NULL);
    for (unsigned i = 0; i < 20; i++) { /* an application that holds back fills nothing */
        p.s.app_limited = i > 0;
        sample(RATE, 3 * BDP, 3 * BDP);
        if (i) assert_int_equal(rate(), paced(RATE, 739));
    }
}

/* [4.3.3, 4.3.4.2] DRAIN lasts while more than a BDP and three bursts is in flight. Then a cycle: 5/4 until as much is in flight or something
 * is lost, 3/4 until the queue is gone or two round trips are over, one for six round trips. */
static void the_cycle(void **state) {
    (void)state;
    for (unsigned how = 0; how < 3; how++) {
        end(NULL);
        begin(NULL);
        fill_the_pipe();
        sample(RATE, 2 * BDP, BDP + ROOM + 1);
        assert_int_equal(rate(), paced(RATE, 88));
        sample(RATE, 2 * BDP, BDP + ROOM);
        unsigned even = 0;
        for (unsigned i = 0; i < 100 && rate() <= cruised(RATE, 256); i++) { /* it begins anywhere but in 3/4 */
            assert_int_equal(rate(), cruised(RATE, 256));
            p.now += 1; /* longer than a round trip, not as long */
            sample(RATE, BDP, BDP);
        }
        for (unsigned i = 0; i < 5; i++) {
            assert_int_equal(rate(), cruised(RATE, 320));
            p.now += 1;
            sample(RATE, BDP + BDP / 4 + ROOM - 1, BDP); /* not yet */
        }
        p.now += 1;
        if (how == 0) p.s.lost = 1;
        sample(RATE, how ? BDP + BDP / 4 + ROOM : BDP, BDP);
        p.s.lost = 0;
        assert_int_equal(rate(), cruised(RATE, 192));
        if (how == 1) {
            p.now -= RTT_US / 2; /* a quarter of a round trip later, and the queue is not gone */
            sample(RATE, BDP + ROOM + 1, BDP);
            assert_int_equal(rate(), cruised(RATE, 192));
            p.now -= RTT_US / 2;
            sample(RATE, BDP + ROOM, BDP); /* gone, but for what the ACKs that are delayed wait for */
        } else {
            sample(RATE, 2 * BDP, BDP);
            sample(RATE, 2 * BDP, BDP); /* two round trips, but not more */
            assert_int_equal(rate(), cruised(RATE, 192));
            p.now -= RTT_US - 1;
            sample(RATE, 2 * BDP, BDP);
        }
        for (; rate() == cruised(RATE, 256); even++) {
            p.now += 1;
            sample(RATE, BDP, BDP);
        }
        assert_int_equal(even, 6);
        assert_int_equal(rate(), cruised(RATE, 320));
    }
}

/* Once the least round trip is older than five seconds the slow phase goes on until no more than a BDP is in flight: who sees
 * the bare round trip then need not stop for it. */
static void to_the_last_byte(void **state) {
    (void)state;
    for (unsigned old = 0; old < 2; old++) {
        end(NULL);
        begin(NULL);
        fill_the_pipe();
        sample(RATE, BDP, BDP);
        uint64_t stamp = p.now;
        unsigned rounds = 0;
        while ((old && p.now - stamp <= 5000000) || rate() > paced(RATE, 200)) {
            assert_true(rounds++ < 150);
            p.now += RTT_US + 1;
            p.s.now_us = p.now;
            p.s.rtt_us = old ? RTT_US + 1000 : RTT_US; /* the stamp grows old, or does not */
            p.s.sample_us = RTT_US;
            p.s.prior_delivered = p.s.delivered_total;
            p.s.delivered = p.s.sample_bytes = BDP;
            p.s.delivered_total += BDP;
            p.s.inflight_before = BDP + BDP / 4 + ROOM;
            p.s.inflight = BDP;
            p.c.ops->model(&p.c, &p.s);
        }
        p.now += RTT_US / 2;
        p.s.sample_us = 0;
        p.s.now_us = ++p.now;
        p.s.inflight_before = BDP + ROOM;
        p.c.ops->model(&p.c, &p.s);
        assert_int_equal(rate() > paced(RATE, 200), !old);
        p.s.inflight_before = BDP;
        p.c.ops->model(&p.c, &p.s);
        assert_true(rate() > paced(RATE, 200));
    }
}

/* [4.1.1.3] The best of ten rounds: lower ones change nothing while it is young, then the best of those that are. */
static void ten_rounds(void **state) {
    (void)state;
    fill_the_pipe();
    sample(RATE, BDP, BDP);
    for (unsigned i = 0; i < 8; i++) p.now += 1, sample(RATE, BDP, BDP);
    uint64_t high = rate();
    unsigned lasts = 0;
    p.s.app_limited = false;
    for (; p.c.ops->rate(&p.c) * 10 > high * 6 && lasts < 30; lasts++) {
        p.now += 1;
        sample(RATE / 2, BDP / 2, BDP / 2);
    }
    assert_in_range(lasts, 10, 12);
    assert_true(rate() <= cruised(RATE / 2, 320));
    p.s.app_limited = true; /* a higher sample counts whoever set the pace, a lower one only the network's */
    sample(RATE, BDP, BDP);
    assert_true(rate() >= cruised(RATE, 192));
    for (unsigned i = 0; i < 30; i++) sample(RATE / 4, BDP / 8, BDP / 8);
    assert_true(rate() >= cruised(RATE, 192));
}

/* A sample over less than half a round trip is a burst of ACKs, not a rate. */
static void too_short_a_sample(void **state) {
    (void)state;
    fill_the_pipe();
    uint64_t before = rate();
    p.s.sample_us = RTT_US / 2 - 1;
    p.s.sample_bytes = BDP * 10;
    p.s.now_us = ++p.now;
    p.s.prior_delivered = p.s.delivered_total - 1;
    p.c.ops->model(&p.c, &p.s);
    assert_int_equal(rate(), before);
    p.s.sample_us = RTT_US / 2;
    p.c.ops->model(&p.c, &p.s);
    assert_true(rate() > before);
}

/* [4.2.3.2] cwnd: twice the BDP and three bursts, each a millisecond at that rate, but two segments at least and 64 KiB at
 * most; it gets there by what is delivered. Never below four segments. */
static void windows(void **state) {
    (void)state;
    static const uint64_t rates[] = {100000, 1000000, 2000000, 2001000, 10000000, 65536000, 100000000, 400000000};
    for (unsigned i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        end(NULL);
        begin(NULL);
        uint64_t bdp = rates[i] / 20, burst = rates[i] / 1000;
        burst = burst < 2 * MSS ? 2 * MSS : burst > 65536 ? 65536 : burst;
        for (unsigned k = 0; k < 30; k++) {
            uint32_t before = p.c.cwnd;
            p.now += 1;
            sample(rates[i], (uint32_t)bdp, (uint32_t)bdp / 2);
            assert_true(p.c.cwnd <= before + bdp);
        }
        uint64_t wanted = 2 * bdp + 3 * burst;
        assert_int_equal(p.c.cwnd, wanted < 4 * MSS ? 4 * MSS : wanted);
    }
}

/* The window to come back to is the one from before the first trouble, not one that was small on purpose: a timeout in the
 * middle of a recovery does not make it less. */
static void trouble_in_trouble(void **state) {
    (void)state;
    to_probe_bw();
    uint32_t before = p.c.cwnd;
    p.s.recovering = true;
    p.s.lost = 10 * MSS;
    round_of(MSS, false);
    assert_true(p.c.cwnd < before);
    p.c.ops->timeout(&p.c, 10 * MSS, false, p.now);
    assert_true(p.c.cwnd < before / 2);
    p.s.recovering = false;
    p.s.lost = 0;
    round_of(MSS, false);
    assert_true(p.c.cwnd >= before);
}

/* [4.2.3.4] A recovery begins with what is in flight and at least one segment; for a round no more leaves than arrives; when
 * it is over the window is what it was. */
static void recovery(void **state) {
    (void)state;
    to_probe_bw();
    uint32_t before = p.c.cwnd;
    p.s.recovering = true;
    p.s.delivered = 500;
    p.s.sample_us = 0;
    p.s.inflight = BDP;
    p.s.prior_delivered = p.s.delivered_total - 1;
    p.s.now_us = ++p.now;
    p.s.delivered_total += 500;
    p.c.ops->model(&p.c, &p.s);
    assert_int_equal(p.c.cwnd, BDP + MSS);
    for (unsigned i = 0; i < 5; i++) {
        p.s.delivered = 3000;
        p.s.delivered_total += 3000;
        p.s.inflight -= 3000;
        p.s.now_us = ++p.now;
        p.c.ops->model(&p.c, &p.s);
        assert_int_equal(p.c.cwnd, BDP + MSS);
    }
    p.s.prior_delivered = p.s.delivered_total; /* the next round: it opens again */
    p.s.delivered_total += 3000;
    p.s.now_us = ++p.now;
    p.c.ops->model(&p.c, &p.s);
    assert_int_equal(p.c.cwnd, BDP + MSS + 3000);
    p.s.recovering = false;
    p.s.now_us = ++p.now;
    p.c.ops->model(&p.c, &p.s);
    assert_in_range(p.c.cwnd, before - 3000, before + 3000);
}

/* Little was in flight because the peer's window had held us up, not the path: the first round of a recovery may fill what the path is
 * known to hold, never more than the window was. */
static void recovery_after_a_pause(void **state) {
    (void)state;
    to_probe_bw();
    p.s.recovering = true;
    p.s.delivered = 500;
    p.s.sample_us = 0;
    p.s.inflight = BDP / 8;
    p.s.prior_delivered = p.s.delivered_total - 1;
    p.s.now_us = ++p.now;
    p.s.delivered_total += 500;
    p.c.cwnd = BDP / 2;
    p.c.ops->model(&p.c, &p.s);
    assert_int_equal(p.c.cwnd, BDP / 2);
    p.s.recovering = false;
    p.s.now_us = ++p.now;
    p.c.cwnd = 2 * BDP;
    p.c.ops->model(&p.c, &p.s);
    p.s.recovering = true;
    p.s.now_us = ++p.now;
    p.c.ops->model(&p.c, &p.s);
    assert_in_range(p.c.cwnd, BDP * 99 / 100, BDP * 101 / 100);
}

/* [4.3.5] The bare round trip is looked for when none as short came for ten seconds: four segments, for 200 ms and one round
 * after no more than that is in flight. */
static void bare_round_trip(void **state) {
    (void)state;
    to_probe_bw();
    uint32_t before = p.c.cwnd;
    uint64_t stamp = p.now;
    p.s.rtt_us = RTT_US;
    sample(RATE, BDP, BDP); /* the least once more */
    stamp = p.now;
    while (p.now - stamp < 10000000) { /* then only longer ones */
        assert_true(p.c.cwnd > 4 * MSS);
        p.now += 1000;
        p.s.now_us = p.now;
        p.s.rtt_us = RTT_US + 1;
        p.s.sample_us = 0;
        p.c.ops->model(&p.c, &p.s);
    }
    p.now = p.s.now_us = stamp + 10000001;
    p.s.inflight = 4 * MSS + 1;
    p.c.ops->model(&p.c, &p.s);
    assert_int_equal(p.c.cwnd, 4 * MSS);
    p.now += 500000; /* too much is still in flight: the time has not begun */
    p.s.now_us = p.now;
    p.c.ops->model(&p.c, &p.s);
    p.s.inflight = 4 * MSS;
    p.c.ops->model(&p.c, &p.s);
    p.s.prior_delivered = p.s.delivered_total; /* a round passes */
    p.s.delivered_total += MSS;
    p.s.now_us = p.now + 199999;
    p.c.ops->model(&p.c, &p.s);
    assert_int_equal(p.c.cwnd, 4 * MSS);
    p.s.prior_delivered = p.s.delivered_total - MSS;
    p.s.now_us = p.now + 200000;
    p.c.ops->model(&p.c, &p.s);
    assert_true(p.c.cwnd >= before);
    assert_in_range(rate(), cruised(RATE, 250),
                    cruised(RATE, 325)); /* on with PROBE_BW, not in 3/4, and not from the start */
}

#define EACH(f) cmocka_unit_test_setup_teardown(f, begin, end)

/* Does it leave a fortieth faster than measured, in whichever phase of the cycle? */
static bool cruises(uint64_t bw) {
    return rate() == cruised(bw, 320) || rate() == cruised(bw, 192) || rate() == cruised(bw, 256);
}

/* On a fast path a sixteenth of the round trip would be many segments: there the queue is told by what three bursts of 64 KiB cannot
 * explain, 983 us at 200 MB a second. */
static void a_queue_on_a_fast_path(void **state) {
    (void)state;
    enum { FAST = 200000000, FULL = FAST / 20 };
    for (unsigned i = 0; i < 40; i++) sample(FAST, FULL, FULL);
    assert_true(cruises(FAST));
    late_sample(FAST, FULL, FULL, 980);
    assert_true(cruises(FAST));
    late_sample(FAST, FULL, FULL, 990);
    assert_false(cruises(FAST));
    sample(FAST, FULL, FULL);
    assert_true(cruises(FAST));
}

int main(void) {
    const struct CMUnitTest tests[] = {EACH(the_first_sample),
                                       EACH(startup),
                                       EACH(probe_bw),
                                       EACH(idle_application),
                                       EACH(probe_rtt),
                                       EACH(probe_rtt_forgets_nothing),
                                       EACH(drains),
                                       EACH(margin),
                                       EACH(long_recovery),
                                       EACH(losses),
                                       EACH(lost_leaves_the_window),
                                       EACH(ceiling),
                                       EACH(an_emptied_flight),
                                       EACH(a_low_ceiling),
                                       EACH(full_pipe),
                                       EACH(the_cycle),
                                       EACH(to_the_last_byte),
                                       EACH(ten_rounds),
                                       EACH(too_short_a_sample),
                                       EACH(windows),
                                       EACH(recovery),
                                       EACH(recovery_after_a_pause),
                                       EACH(bare_round_trip),
                                       EACH(trouble_in_trouble),
                                       EACH(a_queue_on_a_fast_path)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
