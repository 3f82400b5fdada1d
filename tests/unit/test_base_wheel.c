/* test_base_wheel.c - the timing wheel against a list of times that is searched whole. */
#include "base/wheel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "draw.h"

enum { NODES = 200 };

typedef struct model {
    wheel w;
    wheel_node node[NODES];
    uint64_t due[NODES]; /* in ticks */
    bool armed[NODES];
    uint64_t now; /* nanoseconds */
} model;

static uint64_t ticks_up(uint64_t ns) { return ns / WHEEL_TICK_NS + (ns % WHEEL_TICK_NS != 0); }

static model *model_new(uint64_t now) {
    model *m = calloc(1, sizeof *m);
    wheel_init(&m->w, now);
    m->now = now;
    for (unsigned i = 0; i < NODES; i++) m->node[i].kind = i % 128;
    return m;
}

/* `passed`: the time up to which the wheel has fired everything. */
static void model_arm(model *m, unsigned i, uint64_t when, uint64_t passed) {
    wheel_arm(&m->w, &m->node[i], when);
    m->armed[i] = true;
    m->due[i] = max_u64(ticks_up(when), passed / WHEEL_TICK_NS);
    assert_true(wheel_armed(&m->node[i]));
    assert_int_equal(wheel_when_ns(&m->node[i]), m->due[i] * WHEEL_TICK_NS);
}

static uint64_t model_first(const model *m) {
    uint64_t first = UINT64_MAX;
    for (unsigned i = 0; i < NODES; i++) {
        if (m->armed[i]) first = min_u64(first, m->due[i]);
    }
    return first;
}

static void check_deadline(const model *m) {
    uint64_t first = model_first(m), deadline = wheel_deadline_ns(&m->w);
    if (first == UINT64_MAX) {
        assert_true(deadline == UINT64_MAX);
        return;
    }
    assert_true(deadline <= first * WHEEL_TICK_NS);                     /* never too late */
    if (first > m->now / WHEEL_TICK_NS) assert_true(deadline > m->now); /* and never a call for nothing at once */
}

/* Runs the clock to `now`; with `rearm`, nodes that fire are sometimes armed again, also for times that have passed. */
static void model_expire(model *m, draw *d, uint64_t now, bool rearm) {
    wheel_node *n;
    uint64_t last = 0;
    unsigned budget = NODES;
    m->now = now;
    while ((n = wheel_expire(&m->w, now))) {
        unsigned i = (unsigned)(n - m->node);
        assert_true(i < NODES && m->armed[i] && !wheel_armed(n));
        assert_int_equal(n->kind, i % 128);
        assert_true(m->due[i] * WHEEL_TICK_NS <= now); /* never early */
        assert_true(m->due[i] >= last);                /* in order */
        assert_int_equal(m->due[i], model_first(m));   /* nothing before it was left out */
        last = m->due[i];
        m->armed[i] = false;
        if (rearm && budget && draw_below(d, 4) == 0) {
            budget--;
            uint64_t when =
                draw_bool(d) ? now - draw_below(d, 100000) : now + draw_u64(d) % (UINT64_C(1) << draw_below(d, 50));
            model_arm(m, i, when, last * WHEEL_TICK_NS);
        }
    }
    uint64_t first = model_first(m);
    assert_true(first == UINT64_MAX || first > now / WHEEL_TICK_NS);
}

/* Times of every size: from under a tick to many years. */
static uint64_t draw_span(draw *d) { return draw_u64(d) >> (5 + draw_below(d, 59)); }

static void run_model(uint64_t seed, uint64_t origin, int steps) {
    draw d = {seed};
    model *m = model_new(origin);
    for (int step = 0; step < steps; step++) {
        unsigned i = draw_below(&d, NODES);
        switch (draw_below(&d, 8)) {
        case 0:
        case 1:
        case 2:
        case 3: {
            uint64_t span = draw_span(&d);
            bool past = draw_below(&d, 16) == 0 && span <= m->now;
            if (!past && span > UINT64_MAX / 2 - m->now) break;
            model_arm(m, i, past ? m->now - span : m->now + span, m->now);
            break;
        }
        case 4:
            wheel_cancel(&m->w, &m->node[i]);
            m->armed[i] = false;
            assert_false(wheel_armed(&m->node[i]));
            break;
        case 5: { /* as a loop does: sleep until the deadline */
            uint64_t deadline = wheel_deadline_ns(&m->w);
            if (deadline != UINT64_MAX) model_expire(m, &d, max_u64(deadline, m->now), true);
            break;
        }
        case 6: model_expire(m, &d, m->now + draw_below(&d, 3000000), true); break;
        default: {
            uint64_t span = draw_span(&d) >> 8;
            if (span < UINT64_MAX / 2 - m->now) model_expire(m, &d, m->now + span, true);
            break;
        }
        }
        check_deadline(m);
    }
    for (unsigned i = 0; i < NODES; i += 2) { /* half is cancelled, half fires in the last jump */
        wheel_cancel(&m->w, &m->node[i]);
        m->armed[i] = false;
    }
    model_expire(m, &d, UINT64_MAX - WHEEL_TICK_NS, false);
    assert_true(wheel_deadline_ns(&m->w) == UINT64_MAX);
    for (unsigned level = 0; level < WHEEL_LEVELS; level++) assert_int_equal(m->w.occupied[level], 0);
    free(m);
}

static void the_wheel_does_what_a_list_does(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 60; seed++) run_model(seed, 0, 2000);
}

static void the_origin_does_not_matter(void **state) {
    (void)state;
    static const uint64_t origins[] = {
        999, UINT64_C(1700000000) * SEC_NS,                    /* a wall clock */
        (UINT64_C(1) << 48) * WHEEL_TICK_NS - 5 * MS_NS,       /* shortly before the top level turns over */
        (UINT64_C(1) << 42) * WHEEL_TICK_NS * 63 + 7 * SEC_NS, /* in its last slot */
    };
    for (unsigned k = 0; k < ARRAY_LEN(origins); k++) {
        for (uint64_t seed = 100; seed < 115; seed++) run_model(seed, origins[k], 2000);
    }
}

/* Every distance near a power of 64 from every phase near one: where levels change. */
static void no_boundary_loses_a_timer(void **state) {
    (void)state;
    static wheel w;
    for (unsigned a = 0; a <= 48; a += 2) {
        for (unsigned b = 0; b <= 48; b += 2) {
            for (int wobble = 0; wobble < 9; wobble++) {
                uint64_t origin = (UINT64_C(1) << a) + (uint64_t)(wobble % 3) - 1;
                uint64_t due = origin + (UINT64_C(1) << b) + (uint64_t)(wobble / 3) - 1;
                if (due <= origin) continue;
                wheel_node n = {0};
                wheel_init(&w, origin * WHEEL_TICK_NS);
                wheel_arm(&w, &n, due * WHEEL_TICK_NS);
                assert_null(wheel_expire(&w, due * WHEEL_TICK_NS - 1));
                assert_ptr_equal(wheel_expire(&w, due * WHEEL_TICK_NS), &n);
                assert_null(wheel_expire(&w, due * WHEEL_TICK_NS));
            }
        }
    }
}

static void a_time_within_a_tick_rounds_up(void **state) {
    (void)state;
    static wheel w;
    wheel_node n = {0};
    wheel_init(&w, 0);
    wheel_arm(&w, &n, 5001);
    assert_int_equal(wheel_when_ns(&n), 6000);
    assert_null(wheel_expire(&w, 5999));
    assert_ptr_equal(wheel_expire(&w, 6000), &n);
}

static void what_has_passed_fires_at_once(void **state) {
    (void)state;
    static wheel w;
    wheel_node n = {0};
    wheel_init(&w, 100 * MS_NS);
    wheel_arm(&w, &n, 3 * MS_NS);
    assert_true(wheel_deadline_ns(&w) <= 100 * MS_NS);
    assert_ptr_equal(wheel_expire(&w, 100 * MS_NS), &n);
    wheel_arm(&w, &n, 0); /* again in the same loop */
    assert_ptr_equal(wheel_expire(&w, 100 * MS_NS), &n);
    assert_null(wheel_expire(&w, 100 * MS_NS));
}

static void never_is_a_time_too(void **state) {
    (void)state;
    static wheel w;
    wheel_node n = {0};
    wheel_init(&w, 0);
    wheel_arm(&w, &n, UINT64_MAX);
    assert_null(wheel_expire(&w, UINT64_MAX - WHEEL_TICK_NS));
    wheel_cancel(&w, &n);
    wheel_cancel(&w, &n);
    assert_true(wheel_deadline_ns(&w) == UINT64_MAX);
}

/* (attack list C19) A million timers, moved about as a peer can move them: each costs what it costs among few. */
static void many_cost_little(void **state) {
    (void)state;
    enum { N = 1000000, MOST_NS = 3000 };
    static wheel w;
    wheel_node *n = calloc(N, sizeof *n);
    assert_non_null(n);
    draw d = {19};
    wheel_init(&w, 0);
    clock_t begin = clock();
    for (uint32_t i = 0; i < N; i++) wheel_arm(&w, &n[i], draw_below(&d, 120000) * UINT64_C(1000000));
    for (uint32_t i = 0; i < N; i++) wheel_arm(&w, &n[i], draw_below(&d, 120000) * UINT64_C(1000000));
    unsigned fired = 0;
    for (uint64_t ms = 0; ms <= 120000; ms += 10)
        while (wheel_expire(&w, ms * 1000000)) fired++;
    double each = (double)(clock() - begin) / CLOCKS_PER_SEC / N * 1e9;
    assert_int_equal(fired, N);
    print_message("%.0f ns for each of %u timers\n", each, (unsigned)N);
#if !defined(__SANITIZE_ADDRESS__)
    assert_true(each <= MOST_NS);
#endif
    free(n);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_wheel_does_what_a_list_does),
        cmocka_unit_test(the_origin_does_not_matter),
        cmocka_unit_test(no_boundary_loses_a_timer),
        cmocka_unit_test(a_time_within_a_tick_rounds_up),
        cmocka_unit_test(what_has_passed_fires_at_once),
        cmocka_unit_test(never_is_a_time_too),
        cmocka_unit_test(many_cost_little),
    };
    return cmocka_run_group_tests_name("base: timing wheel", tests, NULL, NULL);
}
