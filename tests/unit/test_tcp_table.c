/* test_tcp_table.c - holds src/tcp/transition.def against RFC 9293 Figure 5, whose arrows and notes are written down
 * here by hand from the RFC. How the table is used is tested elsewhere. */
#include "tern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum drawn { FIGURE, NOTE1, NOTE2, NOTE3, TEXT };

struct row {
    enum tern_state from, to;
    const char *event, *cause, *action, *rfc;
    enum drawn drawn;
};

static const struct row table[] = {
#define TRANSITION(from_, event_, to_, drawn_, cause_, action_, rfc_)                                                  \
    {.from = TERN_##from_,                                                                                             \
     .to = TERN_##to_,                                                                                                 \
     .event = #event_,                                                                                                 \
     .cause = cause_,                                                                                                  \
     .action = action_,                                                                                                \
     .rfc = rfc_,                                                                                                      \
     .drawn = drawn_},
#include "tcp/transition.def"
#undef TRANSITION
};
enum { ROWS = sizeof table / sizeof table[0] };

/* The arrows of Figure 5, top to bottom. `action` is what it says to send; "" stands for "x", "create TCB" and
 * "delete TCB", which send nothing. */
struct arrow {
    enum tern_state from, to;
    const char *cause, *action;
    enum drawn drawn;
};

static const struct arrow figure[] = {
    {TERN_CLOSED, TERN_SYN_SENT, "active OPEN", "snd SYN", FIGURE},
    {TERN_CLOSED, TERN_LISTEN, "passive OPEN", "", FIGURE},
    {TERN_LISTEN, TERN_CLOSED, "CLOSE", "", FIGURE},
    {TERN_SYN_SENT, TERN_CLOSED, "CLOSE", "", FIGURE},
    {TERN_SYN_RECEIVED, TERN_LISTEN, "rcv RST", "", NOTE1},
    {TERN_LISTEN, TERN_SYN_RECEIVED, "rcv SYN", "snd SYN,ACK", FIGURE},
    {TERN_LISTEN, TERN_SYN_SENT, "SEND", "snd SYN", FIGURE},
    {TERN_SYN_SENT, TERN_SYN_RECEIVED, "rcv SYN", "snd SYN,ACK", FIGURE},
    {TERN_SYN_RECEIVED, TERN_ESTABLISHED, "rcv ACK of SYN", "", FIGURE},
    {TERN_SYN_SENT, TERN_ESTABLISHED, "rcv SYN,ACK", "snd ACK", FIGURE},
    {TERN_SYN_RECEIVED, TERN_FIN_WAIT_1, "CLOSE", "snd FIN", FIGURE},
    {TERN_ESTABLISHED, TERN_FIN_WAIT_1, "CLOSE", "snd FIN", FIGURE},
    {TERN_ESTABLISHED, TERN_CLOSE_WAIT, "rcv FIN", "snd ACK", FIGURE},
    {TERN_FIN_WAIT_1, TERN_CLOSING, "rcv FIN", "snd ACK", FIGURE},
    {TERN_FIN_WAIT_1, TERN_FIN_WAIT_2, "rcv ACK of FIN", "", FIGURE},
    {TERN_CLOSE_WAIT, TERN_LAST_ACK, "CLOSE", "snd FIN", FIGURE},
    {TERN_FIN_WAIT_2, TERN_TIME_WAIT, "rcv FIN", "snd ACK", FIGURE},
    {TERN_CLOSING, TERN_TIME_WAIT, "rcv ACK of FIN", "", FIGURE},
    {TERN_LAST_ACK, TERN_CLOSED, "rcv ACK of FIN", "", FIGURE},
    {TERN_TIME_WAIT, TERN_CLOSED, "Timeout=2MSL", "", FIGURE},
    {TERN_FIN_WAIT_1, TERN_TIME_WAIT, "rcv FIN", "snd ACK", NOTE2},
};
enum { ARROWS = sizeof figure / sizeof figure[0] };

static bool same(const struct arrow *a, const struct row *r) {
    return a->from == r->from && a->to == r->to && a->drawn == r->drawn &&
           strncmp(a->cause, r->cause, strlen(a->cause)) == 0;
}

static void every_arrow_of_the_figure_is_a_row(void **state) {
    (void)state;
    for (size_t i = 0; i < ARROWS; i++) {
        size_t found = 0;
        for (size_t k = 0; k < ROWS; k++) {
            if (!same(&figure[i], &table[k])) continue;
            found++;
            const char *sends = strncmp(table[k].action, "snd ", 4) == 0 ? table[k].action : "";
            assert_string_equal(sends, figure[i].action);
        }
        if (found != 1) fail_msg("arrow %zu (%s) has %zu rows", i, figure[i].cause, found);
    }
}

static void every_row_said_to_be_drawn_is_an_arrow(void **state) {
    (void)state;
    for (size_t k = 0; k < ROWS; k++) {
        if (table[k].drawn == TEXT || table[k].drawn == NOTE3) continue;
        bool found = false;
        for (size_t i = 0; i < ARROWS; i++) found |= same(&figure[i], &table[k]);
        if (!found) fail_msg("row %zu (%s, %s) is not in the figure", k, table[k].event, table[k].cause);
    }
}

/* Note 3: a RST that is received leads to CLOSED from every state with a peer, but TIME-WAIT [RFC1337 3]. */
static void note_3_resets_every_connection(void **state) {
    (void)state;
    unsigned resets[TERN_STATES] = {0};
    for (size_t k = 0; k < ROWS; k++) {
        bool reset = strcmp(table[k].event, "RESET") == 0;
        assert_int_equal(reset, table[k].drawn == NOTE3);
        if (!reset) continue;
        assert_int_equal(table[k].to, TERN_CLOSED);
        resets[table[k].from]++;
    }
    for (int s = 0; s < TERN_STATES; s++) {
        bool wanted = s != TERN_CLOSED && s != TERN_LISTEN && s != TERN_TIME_WAIT;
        assert_int_equal(resets[s], wanted);
    }
}

static void one_row_for_a_state_and_an_event(void **state) {
    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        for (size_t k = 0; k < i; k++) {
            assert_false(table[i].from == table[k].from && strcmp(table[i].event, table[k].event) == 0);
        }
        assert_true(table[i].cause[0] && table[i].rfc[0]);
    }
}

/* Marks what can be reached from `s`, or with `back` what can reach it. */
static unsigned closure(enum tern_state s, bool back) {
    unsigned reached = 1u << s;
    for (unsigned before = 0; before != reached;) {
        before = reached;
        for (size_t k = 0; k < ROWS; k++) {
            enum tern_state a = back ? table[k].to : table[k].from, b = back ? table[k].from : table[k].to;
            if (reached & 1u << a) reached |= 1u << b;
        }
    }
    return reached;
}

static void every_state_is_reached_and_left(void **state) {
    (void)state;
    unsigned all = (1u << TERN_STATES) - 1;
    assert_int_equal(closure(TERN_CLOSED, false), all);
    assert_int_equal(closure(TERN_CLOSED, true), all);
}

static void the_library_shows_the_table(void **state) {
    (void)state;
    tern_transition t;
    for (size_t k = 0; k < ROWS; k++) {
        assert_true(tern_transition_at(k, &t));
        assert_int_equal(t.from, table[k].from);
        assert_int_equal(t.to, table[k].to);
        assert_string_equal(t.event, table[k].event);
        assert_string_equal(t.cause, table[k].cause);
        assert_string_equal(t.action, table[k].action);
        assert_string_equal(t.rfc, table[k].rfc);
    }
    assert_false(tern_transition_at(ROWS, &t));
    assert_false(tern_transition_at(SIZE_MAX, &t));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_arrow_of_the_figure_is_a_row), cmocka_unit_test(every_row_said_to_be_drawn_is_an_arrow),
        cmocka_unit_test(note_3_resets_every_connection),     cmocka_unit_test(one_row_for_a_state_and_an_event),
        cmocka_unit_test(every_state_is_reached_and_left),    cmocka_unit_test(the_library_shows_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
