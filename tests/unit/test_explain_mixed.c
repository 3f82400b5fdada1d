/* test_explain_mixed.c - captures with several faults: every opening with everything that can happen meanwhile and every
 * ending, as they were sent and with what captures do to packets. Each fault is found beside the others, and nothing is
 * found that was not planted. Single faults are test_explain_verdict.c's. */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "explain_tales.h"

static struct tale t;

#define F(name) (FINDING_##name + 1)
enum { MARKS = 4, ANY = -2 };

/* A piece of a connection's life. `plants`: findings + 1; `brings`: others that may come with it. */
struct piece {
    const char *name;
    void (*tell)(struct tale *t);
    unsigned plants[MARKS], brings[MARKS];
    int form;  /* of an opening or an ending */
    int first; /* who closes first */
};

static void hole_sack(struct tale *at) { repeat_hole(at, true, false); }
static void hole_plain(struct tale *at) { repeat_hole(at, false, false); }
static void hole_before(struct tale *at) { repeat_hole(at, true, true); }
static void shut_for_a_while(struct tale *at) { shut_window(at, true); }
static void shut_for_good(struct tale *at) { shut_window(at, false); }
static void end_four(struct tale *at) { close_four(at, 0); }
static void end_three(struct tale *at) { close_three(at, 1); }
static void end_open(struct tale *at) { exchange(at, 10, 10); }
static void leak_long(struct tale *at) { close_leak(at, 300); }
static void leak_short(struct tale *at) { close_leak(at, 20); }
static void to_nobody(struct tale *at) { repeat_to_nobody(at, 400, 6); }
static void probes_silent(struct tale *at) { probe_nobody(at, false); }
static void probes_reset(struct tale *at) { probe_nobody(at, true); }

static const struct piece openings[] = {
    {"handshake", handshake, {0}, {0}, OPENING_THREE_WAY, 0},
    {"SYN lost", open_syn_lost, {F(SYN_REPEATED)}, {0}, OPENING_THREE_WAY, 0},
    {"ACK of SYN lost", open_ack_lost, {F(SYN_ACK_REPEATED)}, {0}, OPENING_THREE_WAY, 0},
    {"old SYN", open_old_syn, {F(OLD_SYN)}, {0}, OPENING_THREE_WAY, 0},
    {"both open", open_both, {F(SIMULTANEOUS_OPEN)}, {0}, OPENING_SIMULTANEOUS, 0},
    {"Fast Open", open_fast, {F(DATA_ON_SYN)}, {0}, OPENING_FAST_OPEN, 0},
};
static const struct piece meanwhile[] = {
    {"little", say_little, {0}, {0}, 0, 0},
    {"timeout", repeat_after_timeout, {F(REPEATED_RTO)}, {0}, 0, 0},
    {"hole, SACK", hole_sack, {F(REPEATED_FAST)}, {0}, 0, 0},
    {"hole, no SACK", hole_plain, {F(REPEATED_FAST)}, {0}, 0, 0},
    {"hole, before", hole_before, {F(REPEATED_FAST)}, {0}, 0, 0},
    {"tail", repeat_tail, {F(REPEATED_TLP)}, {0}, 0, 0},
    {"needless", repeat_needless, {F(REPEATED_NEEDLESS)}, {F(REPEATED_RTO)}, 0, 0},
    {"overtaken", overtake, {F(OUT_OF_ORDER)}, {0}, 0, 0},
    {"damaged", damage, {F(CORRUPTED)}, {F(REPEATED_RTO)}, 0, 0},
    {"stray", stray, {F(OLD_DUPLICATE)}, {0}, 0, 0},
    {"SYN inside", syn_inside, {F(SYN_IN_CONNECTION)}, {0}, 0, 0},
    {"RST outside", reset_outside, {F(RESET_OUTSIDE)}, {0}, 0, 0},
    {"shut", shut_for_a_while, {F(ZERO_WINDOW)}, {0}, 0, 0},
    {"keepalive", keep_alive, {F(KEEPALIVE)}, {0}, 0, 0},
    {"MTU told", told_mtu, {F(PMTU_TOLD)}, {0}, 0, 0},
};
static const struct piece endings[] = {
    {"four", end_four, {0}, {0}, CLOSING_FOUR, 0},
    {"three", end_three, {0}, {0}, CLOSING_THREE, 1},
    {"both", close_both, {0}, {0}, CLOSING_SIMULTANEOUS, -1},
    {"half", close_half, {F(HALF_CLOSE)}, {0}, CLOSING_FOUR, 0},
    {"open", end_open, {0}, {0}, CLOSING_OPEN, -1},
    {"leak", leak_long, {F(CLOSE_WAIT_LEAK)}, {0}, CLOSING_HALF, 0},
    {"short leak", leak_short, {F(CLOSE_WAIT)}, {0}, CLOSING_HALF, 0},
    {"to nobody", close_to_nobody, {F(FIN_UNANSWERED)}, {F(REPEATED_RTO), F(LOSS_HEAVY)}, CLOSING_HALF, 0},
    {"ACK lost", close_ack_lost, {F(LAST_ACK_LOST)}, {F(REPEATED_RTO)}, CLOSING_FOUR, 0},
    {"late RST", close_late_reset, {F(RESET_LATE)}, {0}, CLOSING_FOUR, 0},
    {"aborted", abort_quiet, {F(RESET_ABORT)}, {0}, CLOSING_RESET, 0},
    {"unread", abort_unread, {F(RESET_UNREAD)}, {0}, CLOSING_RESET, 0},
    {"data lost", abort_flying, {F(RESET_DATA_LOST)}, {0}, CLOSING_RESET, 0},
    {"closed for good", reset_closed, {F(RESET_AFTER_CLOSE)}, {0}, CLOSING_FIN_RESET, 0},
    {"restarted", reset_restarted, {F(RESET_NO_CONNECTION)}, {0}, CLOSING_RESET, 1},
    {"forged", reset_forged, {F(RESET_FORGED)}, {0}, CLOSING_RESET, -1},
    {"silent", to_nobody, {F(PEER_SILENT), F(REPEATED_RTO)}, {F(LOSS_HEAVY)}, CLOSING_OPEN, -1},
    {"forgotten", forget, {F(IDLE_FORGOTTEN), F(PEER_SILENT)}, {F(REPEATED_RTO), F(LOSS_HEAVY)}, CLOSING_OPEN, -1},
    {"stuck", shut_for_good, {F(ZERO_WINDOW_STUCK)}, {0}, CLOSING_OPEN, -1},
    {"probes", probes_silent, {F(KEEPALIVE_DEAD)}, {0}, CLOSING_OPEN, -1},
    {"probes, RST", probes_reset, {F(KEEPALIVE_DEAD)}, {0}, CLOSING_GIVEN_UP, 0},
};
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static unsigned captures, planted, missed, alarms;

static bool among(const unsigned codes[MARKS], unsigned code) {
    for (unsigned i = 0; i < MARKS && codes[i] != 0; i++)
        if (codes[i] == code + 1) return true;
    return false;
}

static void fails(const char *what, unsigned code, const struct piece *const p[3], unsigned spoil,
                  const struct outcome *o) {
    printf("%s, %s, %s (spoiled %x): %s %s\n", p[0]->name, p[1]->name, p[2]->name, spoil, what, finding_name(code));
    if (missed + alarms < 10) outcome_print(o);
}

/* What this way of capturing takes from view. */
static bool hidden(const struct piece *p, unsigned code, unsigned spoil) {
    if (spoil & SPOIL_CLOCK) return true; /* times decide most of it */
    bool whole = !(spoil & (SPOIL_HOLES | SPOIL_ONE_WAY | SPOIL_MIDDLE));
    bool cut = code == FINDING_CORRUPTED || code == FINDING_REPEATED_NEEDLESS || code == FINDING_PMTU_TOLD;
    if (spoil & SPOIL_CUT && (cut || p->tell == hole_sack || p->tell == hole_before)) return true;
    if (spoil & SPOIL_SUPER && code == FINDING_OUT_OF_ORDER) return true;
    return !whole;
}

static void told(const struct piece *const p[3], unsigned spoil, struct outcome *o) {
    memset(&t, 0, offsetof(struct tale, at));
    t.timestamps = spoil & SPOIL_COPIES;
    for (unsigned i = 0; i < 3; i++) p[i]->tell(&t);
    explain_tale(&t, spoil, VANTAGE_UNKNOWN, o);
    captures++;
}

static void look_for_planted(const struct piece *const p[3], unsigned spoil, const struct outcome *o) {
    for (unsigned i = 0; i < 3; i++)
        for (unsigned k = 0; k < MARKS && p[i]->plants[k] != 0; k++) {
            unsigned code = p[i]->plants[k] - 1;
            if (hidden(p[i], code, spoil)) continue;
            planted++;
            if (outcome_has(o, code)) continue;
            fails("not found:", code, p, spoil, o);
            missed++;
        }
}

static void look_for_alarms(const struct piece *const p[3], unsigned spoil, const struct outcome *o) {
    for (size_t i = 0; i < o->n; i++) {
        unsigned code = o->finding[i].code;
        bool known = o->finding[i].severity < SEVERITY_WARNING;
        /* Where what it sent last is missing, its RST lies behind all that is known. */
        if (spoil & SPOIL_HOLES && p[2]->tell == abort_flying) known = known || code == FINDING_RESET_OUTSIDE;
        for (unsigned k = 0; k < 3; k++) {
            bool repeats = among(p[k]->plants, FINDING_REPEATED_FAST) || among(p[k]->plants, FINDING_REPEATED_RTO) ||
                           among(p[k]->brings, FINDING_REPEATED_RTO);
            known = known || among(p[k]->plants, code) || among(p[k]->brings, code);
            known = known || (repeats && code == FINDING_LOSS_HEAVY);
        }
        if (known) continue;
        fails("false alarm:", code, p, spoil, o);
        alarms++;
    }
}

/* Where everything takes longer, a part of them. */
static unsigned scale(void) {
    const char *small = getenv("TERN_TEST_SCALE");
    return small != NULL && strcmp(small, "small") == 0 ? 8 : 1;
}

static void all_of_them(unsigned spoil, bool forms, bool warnings) {
    for (unsigned a = 0; a < COUNT(openings); a++)
        for (unsigned b = 0; b < COUNT(meanwhile); b++)
            for (unsigned c = 0; c < COUNT(endings); c++) {
                const struct piece *const p[3] = {&openings[a], &meanwhile[b], &endings[c]};
                struct outcome o;
                if ((a + b + c) % scale() != 0) continue;
                told(p, spoil, &o);
                look_for_planted(p, spoil, &o);
                if (warnings) look_for_alarms(p, spoil, &o);
                bool right = o.verdict.opening == p[0]->form && o.verdict.closing == p[2]->form &&
                             o.verdict.closed_first == p[2]->first;
                if (!forms || right) continue;
                fails("forms", FINDINGS, p, spoil, &o);
                missed++;
            }
}

static void verdict(void) {
    print_message("%u captures: of %u faults %u missed, %u false alarms\n", captures, planted, missed, alarms);
    assert_int_equal(missed, 0);
    assert_int_equal(alarms, 0);
    captures = planted = 0;
}

static void as_they_were_sent(void **state) {
    (void)state;
    all_of_them(PLAIN, true, true);
    all_of_them(SPOIL_SWAPPED, true, true);
    verdict();
}

/* Each packet twice, sums that the card computes, segments that it joins, frames cut short. */
static void as_captures_show_them(void **state) {
    (void)state;
    static const unsigned spoils[] = {
        SPOIL_COPIES, SPOIL_SUMS, SPOIL_SUPER, SPOIL_CUT, SPOIL_SUPER | SPOIL_SUMS, SPOIL_COPIES | SPOIL_SUMS};
    for (unsigned i = 0; i < COUNT(spoils); i++) all_of_them(spoils[i], true, true);
    verdict();
}

/* What takes evidence away may hide a fault; it makes none. Of the clock's leaps only sizes follow that are not true. */
static void with_parts_missing(void **state) {
    (void)state;
    static const unsigned spoils[] = {SPOIL_HOLES,
                                      SPOIL_ONE_WAY,
                                      SPOIL_MIDDLE,
                                      SPOIL_CLOCK,
                                      SPOIL_HOLES | SPOIL_SUPER,
                                      SPOIL_MIDDLE | SPOIL_COPIES,
                                      SPOIL_ONE_WAY | SPOIL_CUT};
    for (unsigned i = 0; i < COUNT(spoils); i++) all_of_them(spoils[i], false, true);
    verdict();
}

/* What the capture did is said as such. */
static void artefacts_have_names(void **state) {
    (void)state;
    static const unsigned named[][2] = {
        {SPOIL_COPIES, FINDING_CAPTURE_COPIES},    {SPOIL_SUMS, FINDING_CAPTURE_SUMS},
        {SPOIL_CUT, FINDING_CAPTURE_CUT},          {SPOIL_CLOCK, FINDING_CAPTURE_CLOCK},
        {SPOIL_HOLES, FINDING_CAPTURE_MISSING},    {SPOIL_ONE_WAY, FINDING_CAPTURE_ONE_WAY},
        {SPOIL_MIDDLE, FINDING_CAPTURE_MIDSTREAM}, {SPOIL_SUPER, FINDING_CAPTURE_SUPER}};
    static struct piece transfer = {.name = "transfer", .tell = hole_sack};
    const struct piece *const p[3] = {&openings[0], &transfer, &endings[0]};
    for (unsigned i = 0; i < COUNT(named); i++)
        for (unsigned k = 0; k < COUNT(named); k++) {
            struct outcome o;
            told(p, named[i][0], &o);
            bool there = outcome_has(&o, named[k][1]);
            bool cut_off =
                named[i][0] == SPOIL_MIDDLE && named[k][0] == SPOIL_SUPER; /* the SYN says what is too large */
            if (i == k && !there) fail_msg("%s is not said", finding_name(named[k][1]));
            if (i != k && there && !cut_off)
                fail_msg("%s with %s", finding_name(named[k][1]), finding_name(named[i][1]));
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_they_were_sent),
        cmocka_unit_test(as_captures_show_them),
        cmocka_unit_test(with_parts_missing),
        cmocka_unit_test(artefacts_have_names),
    };
    /* Thousands of tables: their memory goes round, and is not filled with a pattern. */
    mallopt(M_PERTURB, 0);
    mallopt(M_MMAP_THRESHOLD, 1 << 25);
    mallopt(M_TRIM_THRESHOLD, 1 << 28);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
