/* state.c - the connection state machine (RFC 9293 3.3.2): names, and the one function that moves a state, by
 * transition.def. Why an event happened is for others to say. */
#include "tcp/tcb.h"

struct row {
    uint8_t from, move, to;
    const char *event, *cause, *action, *rfc;
};

static const struct row rows[] = {
#define TRANSITION(from, event, to, drawn, cause, action, rfc)                                                         \
    {TERN_##from, MOVE_##event, TERN_##to, #event, cause, action, rfc},
#include "tcp/transition.def"
#undef TRANSITION
};

enum row_number {
#define TRANSITION(from, event, to, drawn, cause, action, rfc) ROW_##from##_##event,
#include "tcp/transition.def"
#undef TRANSITION
};

/* The row of a move from a state: its number + 1, 0 for none. */
static const uint8_t row_of[TERN_STATES][MOVES] = {
#define TRANSITION(from, event, to, drawn, cause, action, rfc) [TERN_##from][MOVE_##event] = ROW_##from##_##event + 1,
#include "tcp/transition.def"
#undef TRANSITION
};

bool tcb_move(struct stack *s, struct tcb *t, enum move m) {
    uint8_t number = row_of[t->state][m];
    ASSERT(number != 0);
    if (unlikely(number == 0)) {
        s->stats.bad_moves++;
        return false;
    }
    const struct row *r = &rows[number - 1];
    t->state = r->to;
    bool opening = r->from == TERN_SYN_SENT || r->from == TERN_SYN_RECEIVED;
    if (opening && !t->passive && (m == MOVE_RESET || m == MOVE_GIVE_UP)) s->stats.connects_failed++;
    if (tracing(s, TERN_TRACE_STATE)) trace_move(s, t, (enum tern_state)r->from, r->event);
    return true;
}

bool tern_transition_at(size_t i, tern_transition *out) {
    if (i >= ARRAY_LEN(rows) || !out) return false;
    const struct row *r = &rows[i];
    *out = (tern_transition){(enum tern_state)r->from, (enum tern_state)r->to, r->event, r->cause, r->action, r->rfc};
    return true;
}

static const char *const state_names[TERN_STATES] = {"CLOSED",      "LISTEN",     "SYN-SENT",   "SYN-RECEIVED",
                                                     "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT",
                                                     "CLOSING",     "LAST-ACK",   "TIME-WAIT"};

static const struct {
    const char *text;
    enum tern_state state;
} aliases[] = {{"CLOSE", TERN_CLOSED},          {"UNCONN", TERN_CLOSED},         {"SYN-RCVD", TERN_SYN_RECEIVED},
               {"SYN-RECV", TERN_SYN_RECEIVED}, {"ESTAB", TERN_ESTABLISHED},     {"FIN-WAIT1", TERN_FIN_WAIT_1},
               {"FIN-WAIT2", TERN_FIN_WAIT_2},  {"CLOSED-WAIT", TERN_CLOSE_WAIT}};

const char *tern_state_name(enum tern_state state) { return (unsigned)state < TERN_STATES ? state_names[state] : "?"; }

/* Letters alike in either case; '_' is '-'. */
static bool same_name(const char *a, const char *b) {
    for (; *a && *b; a++, b++) {
        char x = *a == '_' ? '-' : *a >= 'a' && *a <= 'z' ? (char)(*a - 32) : *a;
        if (x != *b) return false;
    }
    return *a == *b;
}

int tern_state_parse(const char *text_in, enum tern_state *out) {
    if (!text_in || !out) return TERN_EINVAL;
    for (unsigned i = 0; i < TERN_STATES; i++)
        if (same_name(text_in, state_names[i])) return *out = (enum tern_state)i, TERN_OK;
    for (size_t i = 0; i < ARRAY_LEN(aliases); i++)
        if (same_name(text_in, aliases[i].text)) return *out = aliases[i].state, TERN_OK;
    return TERN_ENAME;
}
