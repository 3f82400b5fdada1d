/* test_explain_passive.c - what the passive machine says from a capture at A alone, at B alone, and between, against
 * the states that two tern hosts really had: it may not know, but it may never be wrong (RFC 9293 3.3.2). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "explain_sim.h"

static unsigned scale(unsigned full) {
    const char *small = getenv("TERN_TEST_SCALE");
    return small != NULL && strcmp(small, "small") == 0 ? (full + 7) / 8 : full;
}

struct score {
    unsigned certain, likely, missed, undecided, wrong;
};

static void print_statement(const char *what, const struct statement *s, int truth) {
    printf("  %s: true %s, said", what, tern_state_name((enum tern_state)truth));
    for (unsigned i = 0; i < TERN_STATES; i++)
        if (s->states & 1u << i) printf(" %s%s", tern_state_name((enum tern_state)i), i == s->best ? "!" : "");
    printf(" (%u, doubt %u)\n", s->certainty, s->doubt);
}

/* To other hosts a listener and no listener are alike until somebody asks. */
static bool holds(uint16_t states, int truth) {
    uint16_t none = 1u << TERN_CLOSED | 1u << TERN_LISTEN;
    return truth == TERN_CLOSED || truth == TERN_LISTEN ? (states & none) != 0 : (states >> truth & 1) != 0;
}

/* False when it was wrong. */
static bool judge(struct score *score, const struct statement *s, int truth) {
    if (truth < 0) return true;
    bool none = truth == TERN_CLOSED || truth == TERN_LISTEN;
    if (!holds(s->states, truth)) {
        score->wrong++;
        return false;
    }
    bool guessed = s->best == truth || (none && (s->best == TERN_CLOSED || s->best == TERN_LISTEN));
    if (s->certainty == CERTAIN)
        score->certain++;
    else if (s->certainty == UNDECIDABLE)
        score->undecided++;
    else if (guessed)
        score->likely++;
    else
        score->missed++;
    return true;
}

static void print_crossings(const struct crossings *c, const struct glimpse *g, size_t n, size_t upto, uint64_t miss) {
    for (size_t i = 0; i < n && i <= upto; i++) {
        struct flow_packet p;
        const struct crossing *x = &c->at[g[i].which];
        if (!crossing_packet(x, g[i].time_ns, i + 1, &p)) continue;
        char flags[40];
        if (miss != 0 && memlink_chance(miss, i) % 10 == 0) printf("missing: ");
        printf("%3zu %9.3f ms %c %s seq %u ack %u len %u win %u  %s -> %s%s\n", i, (double)g[i].time_ns / 1e6,
               "AB"[x->from], flags_text(p.tcp.flags, flags), p.tcp.seq_no.v, p.tcp.ack_no.v, p.len, p.tcp.window,
               x->left_state < 0 ? "?" : tern_state_name((enum tern_state)x->left_state),
               x->arrived ? x->arrived_state < 0 ? "?" : tern_state_name((enum tern_state)x->arrived_state) : "lost",
               x->arrived ? "" : "");
    }
}

/* Feeds the capture; returns false at the first wrong statement, which is printed. `skip`: packets at the beginning
 * that the capture lacks; `only`: one direction, -1: both. */
static bool watch(const struct crossings *c, int where, enum vantage said, size_t skip, int only, uint64_t miss,
                  struct score *score) {
    static struct glimpse g[CROSSINGS_MAX];
    static struct track t;
    static struct passive v;
    size_t n = crossings_seen(c, where, g, CROSSINGS_MAX);
    bool started = false, right = true;
    for (size_t i = skip; i < n && right; i++) {
        const struct crossing *x = &c->at[g[i].which];
        struct flow_packet p;
        if (only >= 0 && x->from != only) continue;
        if (miss != 0 && memlink_chance(miss, i) % 10 == 0) continue;
        if (!crossing_packet(x, g[i].time_ns, i + 1, &p)) continue;
        struct look l;
        struct passive_view view;
        if (!started && skip > 0 && p.tcp.flags & TCP_SYN) continue; /* in the middle is not within the opening */
        if (!started) {
            track_start(&t);
            passive_start(&v, &p, said);
            started = true;
        }
        track_follow(&t, &p, &l);
        passive_follow(&v, &t, &p, &l, &view);
        int to = !x->from;
        if (!judge(score, &view.after[x->from], x->left_state)) {
            right = false;
            print_crossings(c, g, n, i, miss);
            print_statement("sender", &view.after[x->from], x->left_state);
        } else if (x->arrived && !judge(score, &view.after[to], x->arrived_state)) {
            right = false;
            print_crossings(c, g, n, i, miss);
            print_statement("receiver", &view.after[to], x->arrived_state);
        }
    }
    return right;
}

static struct crossings crossed;

static void check(const char *name, int where, enum vantage said, bool midstream, int only, bool miss) {
    struct score score = {0};
    for (uint64_t seed = 1; seed <= scale(600); seed++) {
        struct plan plan;
        plan_random(seed, &plan);
        plan_run(&plan, &crossed);
        size_t skip = midstream ? 1 + memlink_chance(seed, 999) % 12 : 0;
        bool right = watch(&crossed, where, said, skip, only, miss ? seed : 0, &score);
        crossings_free(&crossed);
        if (!right) fail_msg("%s: wrong with seed %llu", name, (unsigned long long)seed);
    }
    print_message("%s: certain %u, likely %u, likely but not so %u, undecided %u, wrong %u\n", name, score.certain,
                  score.likely, score.missed, score.undecided, score.wrong);
    assert_int_equal(score.wrong, 0);
}

static void at_a(void **state) {
    (void)state;
    check("at A", 0, VANTAGE_A, false, -1, false);
}
static void at_b(void **state) {
    (void)state;
    check("at B", 1, VANTAGE_B, false, -1, false);
}
static void between(void **state) {
    (void)state;
    check("between", 2, VANTAGE_BETWEEN, false, -1, false);
    check("at A, not told", 0, VANTAGE_UNKNOWN, false, -1, false);
}
static void from_the_middle(void **state) {
    (void)state;
    check("at A, from the middle", 0, VANTAGE_A, true, -1, false);
    check("between, from the middle", 2, VANTAGE_UNKNOWN, true, -1, false);
}
static void one_direction(void **state) {
    (void)state;
    check("between, only A's packets", 2, VANTAGE_UNKNOWN, false, 0, false);
    check("between, only B's packets", 2, VANTAGE_UNKNOWN, false, 1, false);
}
static void with_gaps(void **state) {
    (void)state;
    check("at A, a tenth missing", 0, VANTAGE_UNKNOWN, false, -1, true);
    check("between, a tenth missing", 2, VANTAGE_UNKNOWN, false, -1, true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_a),           cmocka_unit_test(at_b),          cmocka_unit_test(between),
        cmocka_unit_test(from_the_middle), cmocka_unit_test(one_direction), cmocka_unit_test(with_gaps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
