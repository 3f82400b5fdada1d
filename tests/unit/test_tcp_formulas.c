/* test_tcp_formulas.c - what the RFCs give as formulas, asked of the code on a control block that is set by hand, at the borders
 * and at random places between: RFC 6298, 6928, 7323, 8985, 9937, 5482. How they act together is in the other tests. */
#include "draw.h"
#include "tcp_fixture.h"

/* An established connection with `under_way` bytes sent and a peer that sends SACK blocks. */
static struct tcb *ready(uint32_t under_way) {
    fx.cfg.sack = fx.peer.sack = true;
    fx.cfg.window_scale = 1;
    fx.cfg.send_buffer = 1 << 20;
    fx.cfg.initial_window = 100;
    to_state(TERN_ESTABLISHED, ACTIVE);
    if (under_way) {
        app_write(under_way);
        drop_out();
        assert_non_null(tcb_now()->busy->flight);
    } else {
        assert_true(tcb_wake(fx.s, tcb_now()));
    }
    return tcb_now();
}

static uint32_t larger(uint32_t a, uint32_t b) { return a > b ? a : b; }

/* ---- RFC 6298 ---- */

#define near(is, wanted, tolerance)                                                                                    \
    do {                                                                                                               \
        double a_ = (double)(is), b_ = (wanted);                                                                       \
        if (a_ - b_ > (tolerance) || b_ - a_ > (tolerance)) fail_msg("line %d: %f, not %f", __LINE__, a_, b_);         \
    } while (0)

/* [RFC6298 2.2, 2.3, 2.4, 2.5] A clock of 1 ms counts as G; a sample ends the doubling. */
static void smoothed_round_trip(void **state) {
    (void)state;
    struct tcb *t = ready(0);
    draw d = {6298};
    for (unsigned run = 0; run < 200; run++) {
        uint32_t scale = 1u << draw_below(&d, 26), least = 1 + draw_below(&d, 2000),
                 most = 1000 + draw_below(&d, 100000);
        double srtt = 0, var = 0;
        t->srtt_us = 0;
        fx.s->cfg.rto_min_ms = least;
        fx.s->cfg.rto_max_ms = most;
        for (unsigned i = 0; i < 40; i++) {
            uint32_t r = 1 + draw_below(&d, scale);
            t->backoff = 3;
            rto_sample(fx.s, t, r);
            var = i ? 0.75 * var + 0.25 * (srtt > r ? srtt - r : r - srtt) : r / 2.0;
            srtt = i ? 0.875 * srtt + 0.125 * r : r;
            double rto = srtt + (4 * var > 1000 ? 4 * var : 1000);
            rto = rto < least * 1e3 ? least * 1e3 : rto;
            near(t->srtt_us, srtt, 9);
            near(t->rttvar_us, var, 12);
            near(t->rto_us, rto > most * 1e3 ? most * 1e3 : rto, 60);
            assert_int_equal(t->backoff, 0);
        }
    }
    fx.s->cfg.rto_min_ms = 1;
    fx.s->cfg.rto_max_ms = 3600000;
    static const uint32_t borders[][2] = {{0, 1},
                                          {1, 1},
                                          {2, 2},
                                          {119999999, 119999999},
                                          {120000000, 120000000},
                                          {120000001, 120000000},
                                          {UINT32_MAX, 120000000}};
    for (unsigned i = 0; i < ARRAY_LEN(borders); i++) {
        t->srtt_us = 0;
        rto_sample(fx.s, t, borders[i][0]);
        assert_int_equal(t->srtt_us, borders[i][1]);
    }
    t->srtt_us = 1000; /* G: without any variation the timer is one tick above the round trip */
    t->rttvar_us = 0;
    rto_sample(fx.s, t, 1000);
    assert_int_equal(t->rto_us, 2000);
}

/* [RFC6298 5.5, 2.5] Each expiry doubles it, up to the maximum. */
static void doubling(void **state) {
    (void)state;
    struct tcb *t = ready(0);
    static const uint32_t rtos[] = {200000, 333333, 1000000, 59999999, 60000000};
    for (unsigned i = 0; i < ARRAY_LEN(rtos); i++) {
        t->rto_us = rtos[i];
        for (t->backoff = 0; t->backoff <= 20; t->backoff++) {
            double wanted = rtos[i] * 1e3 * (double)(1u << t->backoff);
            near(rto_ns(fx.s, t), wanted > 60e9 ? 60e9 : wanted, 0.5);
        }
    }
    t->backoff = 0;
}

/* [RFC7323 4.1] An echo is a sample when timestamps were agreed and it can be one: zero says nothing, nor does one from two
 * minutes ago. */
static void echoes(void **state) {
    (void)state;
    struct tcb *t = ready(0);
    tcp_header h = {0};
    struct arrival a = {.s = fx.s, .t = t, .h = &h};
    static const uint32_t ages[] = {1, 2, 100, 59999, 119999, 120000, 120001, 1u << 31, UINT32_MAX};
    for (unsigned how = 0; how < 4; how++) {
        for (unsigned i = 0; i < ARRAY_LEN(ages); i++) {
            t->stamps = how & 1;
            h.options.has_ts = how & 2;
            t->ts_offset = 0x12345678;
            h.options.ts_echo = ts_now(fx.s, t->ts_offset) - ages[i];
            t->srtt_us = 0;
            rto_sample_echo(&a);
            assert_int_equal(t->srtt_us, how == 3 && ages[i] < 120000 ? ages[i] * 1000 : 0);
        }
    }
    t->ts_offset = 5 - clock_ms(fx.s); /* five milliseconds ago the clock stood at 0: that is no echo */
    h.options.ts_echo = 0;
    t->srtt_us = 0;
    rto_sample_echo(&a);
    assert_int_equal(t->srtt_us, 0);
    t->stamps = false;
}

/* ---- RFC 8985 7: tail loss probes ---- */

/* [RFC8985 7.2] Two round trips, and the peer's delayed ACK when one segment is alone; a second when no round trip is known;
 * never later than the retransmission timer. */
static void probe_timeout(void **state) {
    (void)state;
    struct tcb *t = ready(3000);
    static const uint32_t trips[] = {0, 1, 499, 999, 1000, 1001, 5000, 100000, 400000, 3000000};
    for (unsigned i = 0; i < ARRAY_LEN(trips); i++) {
        for (uint32_t alone = 0; alone < 3; alone++) {
            t->srtt_us = trips[i];
            t->rto_us = 1500000;
            t->busy->flight->lost = 0;
            t->busy->flight->sacked = 2000 - (alone == 2 ? 1 : alone * 1000); /* 1000, 2000, 1001 under way */
            bool one = alone == 0;
            uint64_t us = trips[i] ? 2ull * trips[i] + (one ? 40000 : 0) : 1000000;
            us = us < 2000 ? 2000 : us > 1500000 ? 1500000 : us;
            assert_int_equal(tlp_delay_ns(fx.s, t, flight_pipe(t->busy->flight)) / 1000, us);
        }
    }
    t->busy->flight->sacked = 0;
}

/* Only in the open state: every other condition by itself forbids it. */
static void probe_wanted(void **state) {
    (void)state;
    struct tcb *t = ready(3000);
    struct flight *f = t->busy->flight;
    for (unsigned bits = 0; bits < 64; bits++) {
        t->tlp_out = bits & 1;
        t->in_recovery = bits & 2;
        t->in_loss = bits & 4;
        f->sacked = bits & 8 ? 1 : 0;
        f->lost = bits & 16 ? 1 : 0;
        f->count = bits & 32 ? 0 : 1;
        static const uint32_t known[][3] = {{0, 1000000, 0}, {0, 1000001, 1}, {1, 200000, 1}};
        for (unsigned k = 0; k < ARRAY_LEN(known); k++) {
            t->srtt_us = known[k][0];
            t->rto_us = known[k][1];
            assert_int_equal(tlp_wanted(t), bits == 0 && known[k][2]);
        }
    }
    f->sacked = f->lost = 0;
    f->count = 1;
    t->tlp_out = t->in_recovery = t->in_loss = false;
}

/* [RFC8985 7.4.2] An ACK beyond the probe ends its episode; the window pays when nothing tells that both copies arrived. One
 * that ends at the probe's last byte ends it only with such a report. New bytes as a probe are no repetition. */
static void probe_outcomes(void **state) {
    (void)state;
    struct tcb *t = ready(3000);
    for (unsigned bits = 0; bits < 16; bits++) {
        bool out = bits & 1, again = bits & 2, dsack = bits & 4, duplicate = bits & 8;
        for (int at = -1; at <= 1; at++) {
            tlp_sent(t, again);
            assert_true(t->tlp_out && t->tlp_again == again && seq_eq(t->busy->tlp_end, t->snd.nxt));
            t->tlp_out = out;
            bool pays = tlp_repaired(t, seq_add(t->busy->tlp_end, (uint32_t)at), dsack, duplicate);
            bool both = !again || dsack || (duplicate && at == 0);
            assert_int_equal(pays, out && at > 0 && !both);
            assert_int_equal(t->tlp_out, out && (at < 0 || (at == 0 && !both)));
        }
    }
    t->tlp_out = t->tlp_again = false;
}

/* ---- RFC 8985 6.2 step 4: the reordering window ---- */

static void reordering_window(void **state) {
    (void)state;
    struct tcb *t = ready(3000);
    struct flight *f = t->busy->flight;
    static const uint32_t sacked[] = {0, 1, 2999, 3000, 3001}, mults[] = {0, 1, 5, 20};
    t->min_rtt_us = 40000;
    for (unsigned bits = 0; bits < 8; bits++) {
        for (unsigned i = 0; i < ARRAY_LEN(sacked); i++) {
            for (unsigned k = 0; k < ARRAY_LEN(mults); k++) {
                t->reordering = bits & 1;
                t->in_recovery = bits & 2;
                t->in_loss = bits & 4;
                f->sacked = sacked[i];
                t->rack_mult = (uint8_t)mults[k];
                t->srtt_us = 70000;
                uint32_t wnd = (mults[k] + 1) * 10000; /* quarters of the least round trip */
                bool none = !(bits & 1) && ((bits & 6) || sacked[i] >= 3 * 1000);
                assert_int_equal(rack_window(t), none ? 0 : wnd < 70000 ? wnd : 70000);
            }
        }
    }
    f->sacked = 0;
    t->in_recovery = t->in_loss = false;
    t->reordering = true;
    t->rack_mult = 0;
    /* a DSACK widens it once a round trip, up to twenty times; after sixteen recoveries without one it is narrow again */
    for (unsigned i = 1; i <= 25; i++) {
        f->round = t->snd.una;
        rack_dsack(t);
        rack_dsack(t);
        assert_int_equal(t->rack_mult, i < 20 ? i : 20);
        assert_true(t->reordering);
    }
    for (unsigned i = 1; i <= 16; i++) {
        assert_int_equal(t->rack_mult, 20);
        rack_recovered(t);
    }
    assert_int_equal(t->rack_mult, 0);
    rack_recovered(t);
    assert_int_equal(t->rack_mult, 0);
}

/* ---- RFC 9937: proportional rate reduction ---- */

static void proportional_reduction(void **state) {
    (void)state;
    struct tcb *t = ready(40000);
    struct flight *f = t->busy->flight;
    draw d = {9937};
    uint32_t total = (uint32_t)seq_diff(t->snd.nxt, t->snd.una), mss = t->busy->cc.mss;
    assert_int_equal(total, 40000);
    for (unsigned run = 0; run < 400; run++) {
        f->sacked = draw_below(&d, 20000);
        f->lost = draw_below(&d, 20000 - f->sacked);
        uint32_t first = draw_below(&d, 5000), ssthresh = 1 + draw_below(&d, run % 2 ? 40000 : 20000);
        t->busy->cc.ssthresh = ssthresh;
        prr_begin(t, first);
        uint64_t fs = larger(total - f->sacked + first, 1), got = 0, sent = 0;
        for (unsigned i = 0; i < 12; i++) {
            uint32_t now = draw_below(&d, 4) ? draw_below(&d, 3000) : 0;
            bool safe = draw_bool(&d);
            f->sacked = (uint32_t)min_u64(f->sacked + now, total - f->lost);
            uint64_t pipe = total - f->sacked - f->lost;
            got += now;
            int64_t count; /* the RFC's SndCnt */
            if (pipe > ssthresh) {
                count = (int64_t)((got * ssthresh + fs - 1) / fs) - (int64_t)sent;
            } else {
                count = (int64_t)got - (int64_t)sent;
                if (count < now) count = now;
                if (safe) count += mss;
                if (count > (int64_t)(ssthresh - pipe)) count = (int64_t)(ssthresh - pipe);
            }
            if (count < 0) count = 0;
            if (sent == 0 && count < mss) count = mss;
            prr_ack(t, now, safe);
            assert_int_equal(t->busy->cc.cwnd, pipe + (uint64_t)count);
            if (draw_bool(&d)) {
                prr_sent(t, (uint32_t)count);
                sent += (uint64_t)count;
            }
        }
    }
    f->sacked = f->lost = 0;
}

/* ---- RFC 6928, 2861: how large the window is at the start, and after a pause ---- */

static uint32_t at_the_start(struct tcb *t, uint32_t segments) {
    cc_start(t, segments);
    return t->busy->cc.cwnd;
}

static void windows_at_the_start(void **state) {
    (void)state;
    struct tcb *t = ready(0);
    for (uint32_t mss = 64; mss < 10000; mss += 7) {
        t->mss = (uint16_t)mss;
        uint32_t ten = mss * 10, least = larger(2 * mss, 14600);
        assert_int_equal(at_the_start(t, 10), ten < least ? ten : least);
    }
    t->mss = 1000;
    assert_int_equal(at_the_start(t, 1), 1000);
    assert_int_equal(at_the_start(t, 3), 3000);
}

static void windows_after_a_pause(void **state) {
    (void)state;
    struct tcb *t = ready(1000);
    inject(ACK, 1, 1001, 0);
    t = tcb_now();
    fx.s->cfg.initial_window = 10;
    for (uint32_t pause = 0; pause < 1700; pause += pause % 100 == 99 || pause % 100 == 0 ? 1 : 98) {
        for (unsigned k = 0; k < 2; k++) {
            if (!tcb_awake(t)) assert_true(tcb_wake(fx.s, t));
            uint32_t cwnd = k ? 9000 : 200000, thresh = k ? 1000 : 400000, wanted = cwnd;
            t->busy->cc.ops = &cc_newreno;
            t->opt->congestion = TERN_NEWRENO;
            t->busy->cc.cwnd = cwnd;
            t->busy->cc.ssthresh = thresh;
            t->rto_us = 200000;
            t->sent_ms = clock_ms(fx.s) - pause;
            cc_idle(fx.s, t);
            for (uint32_t left = pause; left >= 200 && wanted > 10000; left -= 200) wanted /= 2;
            if (wanted < 10000) wanted = cwnd < 10000 ? cwnd : 10000;
            assert_int_equal(t->busy->cc.cwnd, wanted);
            uint32_t kept = pause >= 200 ? larger(thresh, cwnd / 4 * 3) : thresh;
            assert_int_equal(t->busy->cc.ssthresh, kept);
        }
    }
}

/* ---- RFC 7323 2: the scale that a buffer needs ---- */

static void window_scales(void **state) {
    (void)state;
    ready(0);
    struct tcb_options o = {0};
    for (unsigned bit = 0; bit < 32; bit++) {
        for (int more = -1; more <= 1; more++) {
            uint32_t room = (1u << bit) + (uint32_t)more;
            for (unsigned which = 0; which < 3; which++) {
                o.receive_buffer = which == 1 ? room / 3 : room;
                o.receive_max = which == 0 ? room / 3 : room;
                unsigned scale = wscale_choose(fx.s, &o);
                assert_true(scale <= 14);
                /* the least with which all of it can be said */
                if (scale < 14) assert_true(room >> scale <= 65535);
                if (scale > 0) assert_true(room >> (scale - 1) > 65535);
            }
        }
    }
    fx.s->cfg.window_scale = 0;
    assert_int_equal(wscale_choose(fx.s, &o), 0);
}

/* [MUST-14, MUST-16, MUST-67] What we offer, and what a segment carries: never more than path, peer or application want, never
 * less than the floor, and never more than the path carries for all that. */
static void segment_sizes(void **state) {
    (void)state;
    struct tcb *t = ready(0);
    uint32_t head = fx.v6 ? 60 : 40;
    static const uint16_t caps[] = {0, 1, 100, 1219, 1220, 1460, 9000};
    for (unsigned i = 0; i < ARRAY_LEN(caps); i++)
        assert_int_equal(mss_to_offer(fx.s, &t->flow, caps[i]),
                         caps[i] && caps[i] < 1500 - head ? caps[i] : 1500 - head);
    static const uint16_t sizes[] = {0, 1, 63, 64, 65, 536, 1000, 1220, 1460, 9000};
    for (unsigned p = 0; p < ARRAY_LEN(sizes); p++) {
        tcp_options o = {.has_mss = true, .mss = sizes[p]};
        assert_int_equal(mss_peer(fx.s, &o, fx.v6), larger(sizes[p], 64));
        for (unsigned m = 0; m < ARRAY_LEN(sizes); m++) {
            for (unsigned c = 0; c < ARRAY_LEN(sizes); c++) {
                t->mss_peer = (uint16_t)larger(sizes[p], 64);
                t->opt->mss_cap = sizes[c];
                uint32_t mss = t->mss_peer, room = sizes[m];
                if (sizes[c]) mss = min_u32(mss, larger(sizes[c], 64));
                t->busy->cc.cwnd = 500;
                mss_update(fx.s, t, head + room);
                assert_int_equal(t->mss, min_u32(mss, room ? room : 64));
                assert_int_equal(t->busy->cc.mss, t->mss);
                assert_int_equal(t->busy->cc.cwnd, larger(500, t->mss));
            }
        }
    }
    t->opt->mss_cap = 0;
    t->mss_peer = 1000;
    fx.s->cfg.mss_min = 16; /* options never take more than half */
    t->stamps = true;
    for (uint32_t m = 16; m <= 40; m++) {
        mss_update(fx.s, t, head + m);
        assert_int_equal(t->mss, m - min_u32(12, m / 2));
    }
    t->stamps = false;
    fx.s->cfg.mss_min = 64;
    mss_update(fx.s, t, head - 1); /* a path narrower than the headers: nonsense, and survived */
    assert_int_equal(t->mss, 64);
    mss_update(fx.s, t, 1500);
}

/* ---- RFC 5482 3.1 ---- */

static void user_timeouts(void **state) {
    (void)state;
    struct tcb *t = ready(0);
    assert_true(tcb_options_own(fx.s, &t->opt));
    static const struct {
        uint32_t r2_s, ours, theirs, wanted_s;
        bool minutes;
    } cases[] = {{924, 200, 300, 300, false}, {924, 300, 200, 300, false}, {924, 10, 20, 100, false},
                 {924, 99, 99, 100, false},   {924, 101, 1, 101, false},   {924, 10, 5, 300, true},
                 {924, 10, 1000, 924, false}, {924, 2000, 10, 924, false}, {50, 10, 90, 100, false},
                 {50, 10, 200, 100, false},   {924, 10, 32767, 924, true}, {100000, 10, 1000, 60000, true}};
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        tcp_options o = {.has_uto = true, .uto = (uint16_t)cases[i].theirs, .uto_minutes = cases[i].minutes};
        fx.s->cfg.r2_ms = cases[i].r2_s * 1000;
        t->opt->uto_s = (uint16_t)cases[i].ours;
        t->opt->user_timeout_ms = 7777;
        user_timeout_heed(fx.s, t, &o);
        assert_int_equal(t->opt->user_timeout_ms, cases[i].wanted_s * 1000);
        tcp_options not [] = {o, o, o}; /* no option, zero, or not asked for by us */
        not [0].has_uto = false;
        not [1].uto = 0;
        for (unsigned k = 0; k < 3; k++) {
            if (k == 2) t->opt->uto_s = 0;
            t->opt->user_timeout_ms = 7777;
            user_timeout_heed(fx.s, t, &not [k]);
            assert_int_equal(t->opt->user_timeout_ms, 7777);
        }
    }
}

/* ---- RFC 5961 7: the limit on challenges, in the eight bits of a record too ---- */

static void challenges(void **state) {
    (void)state;
    struct tcb *t = ready(0);
    for (uint32_t limit = 0; limit <= 2000; limit += 500) {
        fx.s->cfg.challenge_ack_ms = limit;
        for (uint32_t age = 0; age <= 2100; age++) {
            t->challenge_ms = clock_ms(fx.s) - age;
            assert_int_equal(challenge_allowed(fx.s, t), age >= limit);
            if (age >= limit) assert_int_equal(t->challenge_ms, clock_ms(fx.s));
        }
    }
    for (uint32_t since = 0; since < 5000; since += 63) { /* it went to rest, and time passes */
        for (uint32_t later = 0; later < 3000; later += 61) {
            uint32_t now = clock_ms(fx.s);
            t->challenge_ms = now - since;
            uint8_t packed = challenge_pack(fx.s, t);
            uint64_t here = fx.s->now;
            clock_set(fx.s, here + later * MS_NS);
            challenge_unpack(fx.s, t, packed);
            uint32_t age = clock_ms(fx.s) - t->challenge_ms, true_age = since + later;
            assert_true(age + 128 > true_age && true_age + 128 > age);
        }
    }
    t->challenge_ms = clock_ms(fx.s) - 100000; /* longer ago than the bits can say: long ago all the same */
    challenge_unpack(fx.s, t, challenge_pack(fx.s, t));
    assert_true(clock_ms(fx.s) - t->challenge_ms > 2000);
}

/* ---- pacing ---- */

enum { BURST_NS = 250000 };

static uint64_t a_rate(const struct cc *c) {
    (void)c;
    return 3750000;
}

/* Sent so late, of which so much may be made up for. */
static void makes_up(struct tcb *t, uint64_t late_ns, uint64_t most_ns) {
    struct flight *f = t->busy->flight;
    f->pace_due = fx.s->now - late_ns;
    uint64_t next = f->pace_next = f->pace_due;
    pacing_due(fx.s, t);
    assert_int_equal(f->pace_due, TERN_NEVER);
    pacing_sent(fx.s, t, 3750);
    assert_int_equal(f->pace_next, max_u64(next, fx.s->now - most_ns) + 3750 * SEC_NS / pacing_rate(fx.s, t));
}

/* Nothing within a millisecond's round trip or for ten segments; else twice the window a round trip while that is less than
 * half of ssthresh, a fifth more above. A burst lasts a quarter of a millisecond, and is two segments at least. */
static void paces(void **state) {
    (void)state;
    struct tcb *t = ready(3000);
    t->busy->cc.ops = &cc_newreno;
    struct flight *f = t->busy->flight;
    static const uint32_t trips[] = {1, 999, 1000, 1001, 20000, 100000, 1000000};
    static const uint32_t windows[] = {1000, 9999, 10000, 10001, 20000, 100000, 10000000};
    for (unsigned i = 0; i < ARRAY_LEN(trips); i++) {
        for (unsigned k = 0; k < ARRAY_LEN(windows); k++) {
            for (int near_half = -1; near_half <= 1; near_half++) {
                t->srtt_us = trips[i];
                t->busy->cc.cwnd = windows[k];
                t->busy->cc.ssthresh = 2 * windows[k] + 2u * (uint32_t)near_half;
                bool paced = trips[i] >= 1000 && windows[k] > 10 * 1000;
                uint64_t rate = (uint64_t)windows[k] * (near_half > 0 ? 20 : 12) * 100000 / trips[i];
                assert_int_equal(pacing_rate(fx.s, t), paced ? rate : 0);
                uint64_t burst = rate / 4000;
                burst = burst < 2000 ? 2000 : burst;
                assert_int_equal(pacing_burst(fx.s, t, 60000), !paced || burst > 60000 ? 60000 : burst);
                assert_int_equal(pacing_burst(fx.s, t, 1500), 1500);
            }
        }
    }
    t->srtt_us = 100000;
    t->busy->cc.cwnd = 100000;
    t->busy->cc.ssthresh = 50000;
    for (uint64_t late = 0; late < 9; late++) makes_up(t, late * MS_NS, 4 * MS_NS); /* 1.2 MB a second */
    t->srtt_us = 32000; /* 3.75 MB a second; a sixteenth of a round trip is 2 ms */
    for (uint64_t late = 0; late < 9; late++) makes_up(t, late * MS_NS, 2 * MS_NS);
    f->pace_next = 0; /* ACKs come when they come */
    pacing_sent(fx.s, t, 3750);
    assert_int_equal(f->pace_next, fx.s->now - 2 * MS_NS + 1 * MS_NS);
    struct cc_ops paced = cc_newreno;
    paced.rate = a_rate;
    t->busy->cc.ops = &paced; /* where a model sets the pace only the host's lateness is made up for, and a burst */
    for (uint64_t late = 0; late < 9; late++) makes_up(t, late * MS_NS, min_u64(late, 2) * MS_NS + BURST_NS);
    f->pace_late = 0;
    f->pace_next = 0;
    pacing_sent(fx.s, t, 3750);
    assert_int_equal(f->pace_next, fx.s->now - BURST_NS + 1 * MS_NS);
    t->busy->cc.ops = &cc_newreno;
    f->pace_next = fx.s->now + 7 * MS_NS;
    pacing_sent(fx.s, t, 3750);
    assert_int_equal(f->pace_next, fx.s->now + 8 * MS_NS);
    for (int more = -1; more <= 1; more++) {
        f->pace_next = fx.s->now + BURST_NS + (uint64_t)(int64_t)more;
        f->pace_due = TERN_NEVER;
        assert_int_equal(pacing_allows(fx.s, t), more <= 0);
        assert_int_equal(f->pace_due, more <= 0 ? TERN_NEVER : fx.s->now + 1);
    }
    fx.s->cfg.pacing = 0;
    assert_true(pacing_allows(fx.s, t));
    assert_int_equal(pacing_rate(fx.s, t), 0);
}

/* ---- the receive buffer ---- */

/* Read at a pace of a third of the buffer a round trip, or more: four times that pace. Far less: an eighth is given back. */
static void receive_buffers(void **state) {
    (void)state;
    struct tcb *t = ready(0);
    fx.s->cfg.receive_buffer = 30000;
    t->opt->receive_max = 400000;
    static const struct {
        uint32_t size, elapsed_ms, read, wanted;
    } cases[] = {{30000, 100, 10000, 30000}, {30000, 100, 10001, 40004},   {30000, 99, 50000, 30000},
                 {30000, 200, 40002, 80004}, {30000, 100, 100000, 400000}, {30000, 100, 99999, 399996},
                 {80000, 100, 10000, 80000}, {80000, 100, 9999, 70000},    {32000, 100, 1000, 30000},
                 {20000, 100, 0, 30000},     {30000, 100, 1, 30000},       {400000, 100, 200000, 400000}};
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        t->srtt_us = 100000;
        t->receive_buffer = cases[i].size;
        t->tune_us = clock_us(fx.s) - cases[i].elapsed_ms * 1000;
        t->tune_read = 0;
        autotune_read(fx.s, t, cases[i].read);
        if (t->receive_buffer != cases[i].wanted) fail_msg("case %u: %u", i, t->receive_buffer);
        bool looked = cases[i].elapsed_ms >= 100;
        assert_int_equal(t->tune_read, looked ? 0 : cases[i].read);
        if (looked) assert_int_equal(t->tune_us, clock_us(fx.s));
    }
    static const uint32_t local[][2] = {{199, 30000}, {200, 80000}}; /* within this machine the first size is enough */
    for (unsigned i = 0; i < 2; i++) {
        t->srtt_us = local[i][0];
        t->receive_buffer = 30000;
        t->tune_us = clock_us(fx.s) - 200;
        t->tune_read = 0;
        autotune_read(fx.s, t, local[i][0] == 200 ? 20000 : 20100);
        assert_int_equal(t->receive_buffer, local[i][1]);
    }
    t->srtt_us = 100000; /* three quarters of the memory in use: half of it is given back, but not the last 4 KiB */
    for (uint32_t size = 1000; size <= 20000; size += 1000) {
        for (unsigned over = 0; over < 2; over++) {
            uint64_t used = fx.s->mem_used;
            t->receive_buffer = size;
            t->tune_us = clock_us(fx.s) - 100000;
            fx.s->mem_used = fx.s->cfg.memory_max / 4 * 3 + over;
            autotune_read(fx.s, t, 1);
            fx.s->mem_used = used;
            uint32_t half = larger(size / 2, min_u32(size, 4096));
            assert_int_equal(t->receive_buffer, over ? half : 30000);
        }
    }
    t->receive_buffer = 30000;
}

/* ---- what else is asked directly ---- */

/* [RFC7413 4.1.3] Each server's cookie goes to that server only, though the table is small. */
static void cookies_of_servers(void **state) {
    (void)state;
    fx.cfg.fast_open = 1;
    struct tcb *t = ready(0);
    ip_addr real = t->flow.remote;
    t->on.fast_open = true;
    tcp_header h = {0};
    struct arrival a = {.s = fx.s, .t = t, .h = &h};
    unsigned known = 0;
    for (uint32_t i = 0; i < 1000; i++) {
        t->flow.remote = ip_from_v4(0x0a0a0000 + i);
        tcp_options o = {0};
        assert_int_equal(fastopen_request(fx.s, t, &o), 0);
        assert_true(o.has_tfo && o.tfo_len == 0); /* nothing known: a wish for one */
        h.options = (tcp_options){.has_tfo = true, .tfo_len = 8, .tfo = {(uint8_t)i, (uint8_t)(i >> 8), 3}};
        t->mss_peer = (uint16_t)(500 + i);
        fastopen_remember(&a);
        for (uint32_t k = i > 60 ? i - 60 : 0; k <= i; k++) {
            t->flow.remote = ip_from_v4(0x0a0a0000 + k);
            o = (tcp_options){0};
            uint32_t room = fastopen_request(fx.s, t, &o);
            assert_true(o.has_tfo && (room == 0 ? o.tfo_len == 0 : room == 500 + k && o.tfo_len == 8));
            if (room) assert_true(o.tfo[0] == (uint8_t)k && o.tfo[1] == (uint8_t)(k >> 8));
            known += room != 0;
        }
    }
    assert_true(known > 10000);
    t->flow.remote = ip_from_v4(0x0b000000);
    for (uint8_t len = 0; len <= 4; len++) { /* shorter than a cookie is none */
        h.options = (tcp_options){.has_tfo = true, .tfo_len = len};
        fastopen_remember(&a);
        tcp_options o = {0};
        fastopen_request(fx.s, t, &o);
        assert_int_equal(o.tfo_len, len < 4 ? 0 : 4);
    }
    t->flow.remote = real;
}

/* [RFC2883, RFC8985 6.2] A duplicate is our doing only when something was sent again. */
static void late_duplicates(void **state) {
    (void)state;
    struct tcb *t = ready(0);
    tcp_header h = {.ack_no = t->snd.una};
    struct arrival a = {.s = fx.s, .t = t, .h = &h, .ack = t->snd.una};
    h.options.sack_count = 1;
    h.options.sack[0].left = seq_add(t->snd.una, (uint32_t)-100);
    h.options.sack[0].right = t->snd.una;
    t->busy->tlp_end = seq_add(t->snd.una, 5000);
    for (uint32_t again = 0; again < 2; again++) {
        t->retransmitted = again;
        recovery_late(&a, false);
        assert_int_equal(t->rack_mult, again);
        assert_int_equal(t->reordering, again);
    }
    t->retransmitted = 0;
}

/* [RFC5681 3.1] ssthresh is held constant when the same bytes time out again. */
static void second_timeout(void **state) {
    (void)state;
    fx.cfg.initial_window = 10;
    to_state(TERN_ESTABLISHED, ACTIVE);
    app_write(8000);
    assert_int_equal(drop_out(), 8);
    uint32_t thresh = 0;
    for (unsigned i = 0; i < 4; i++) {
        wait_out(100000);
        drop_out();
        tern_status_info st = fx_status();
        assert_int_equal(st.cwnd, 1000);
        if (i == 0) assert_int_equal(st.ssthresh, 4000);
        if (i) assert_int_equal(st.ssthresh, thresh);
        thresh = st.ssthresh;
    }
}

/* The same with SACK blocks, where tail loss probes come first. */
static void second_timeout_sack(void **state) {
    (void)state;
    fx.cfg.congestion = TERN_NEWRENO;
    to_state(TERN_ESTABLISHED, ACTIVE);
    app_write(8000);
    drop_out();
    uint32_t thresh = 0;
    for (unsigned i = 0; i < 8; i++) {
        wait_out(100000);
        drop_out();
        tern_status_info st = fx_status();
        if (st.timeouts == 0) continue;
        if (thresh) assert_int_equal(st.ssthresh, thresh);
        thresh = st.ssthresh;
    }
    assert_int_equal(thresh, 4000);
}

/* Bytes that leave in one frame, for the device to cut, are whole segments as long as there are more. */
static void whole_segments(void **state) {
    (void)state;
    struct tcb *t = ready(0);
    fx.s->ip.iface[0].tso_max = 4540;
    fx.s->ip.iface[0].flags |= TERN_IFACE_TX_CSUM;
    t->busy->cc.cwnd = 20000;
    static uint8_t bytes[10500];
    assert_int_equal(tern_write(fx.stack, fx.sock, bytes, sizeof bytes), sizeof bytes);
    uint32_t sent = 0, frames = 0;
    tern_frame f;
    while (tern_output(fx.stack, &f, 1, fx.now) == 1) {
        uint32_t len = f.len - f.head_len;
        assert_true(len % 1000 == 0 || sent + len == sizeof bytes);
        assert_int_equal(f.segment_size, len > 1000 ? 1000 : 0);
        sent += len;
        frames++;
    }
    assert_true(sent == sizeof bytes && frames == 3); /* 4, 4, and what is left */
    inject(ACK, 1, 1 + sizeof bytes, 0);
    assert_int_equal(tern_write(fx.stack, fx.sock, bytes, 1000), 1000); /* one alone is not for the device to cut */
    assert_int_equal(tern_output(fx.stack, &f, 1, fx.now), 1);
    assert_int_equal(f.segment_size, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        BOTH(smoothed_round_trip),
        BOTH(doubling),
        BOTH(echoes),
        BOTH(probe_timeout),
        BOTH(probe_wanted),
        BOTH(probe_outcomes),
        BOTH(reordering_window),
        BOTH(proportional_reduction),
        BOTH(windows_at_the_start),
        BOTH(windows_after_a_pause),
        BOTH(window_scales),
        BOTH(segment_sizes),
        BOTH(user_timeouts),
        BOTH(challenges),
        BOTH(paces),
        BOTH(receive_buffers),
        BOTH(cookies_of_servers),
        BOTH(late_duplicates),
        ONLY4(second_timeout),
        SACKED(second_timeout_sack),
        BOTH(whole_segments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
