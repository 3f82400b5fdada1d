/* rung.c - see rung.h. Columns: time, lane of A, arrow, lane of B, and the reason beside or below. */
#include "lens/rung.h"

#include <string.h>

#include "lens/label.h"
#include "lens/text.h"
#include "lens/words.h"

enum { TIME = 9, LANE = 12, LEFT = TIME + 1, MIDDLE = LEFT + LANE + 1, NARROW = 80, BESIDE_FROM = 124 };

void canvas_init(struct canvas *c, const struct ladder_options *o) {
    memset(c, 0, sizeof *c);
    c->o = *o;
    if (c->o.width < NARROW) c->o.width = NARROW;
    if (c->o.width >= BESIDE_FROM) {
        unsigned more = (c->o.width - BESIDE_FROM) / 3;
        c->middle = 46 + (more > 20 ? 20 : more);
        c->beside = c->o.width - (MIDDLE + c->middle + 1 + LANE + 2);
    } else {
        c->middle = c->o.width - MIDDLE - 1 - LANE;
    }
}

static void finish(struct canvas *c, row *r) {
    row_trim(r);
    fputs(r->text, c->o.out);
    fputc('\n', c->o.out);
}

static enum look state_look(int state) {
    switch (state) {
    case TERN_LISTEN:
    case TERN_SYN_SENT:
    case TERN_SYN_RECEIVED: return LOOK_YELLOW;
    case TERN_ESTABLISHED: return LOOK_GREEN;
    case TERN_FIN_WAIT_1:
    case TERN_FIN_WAIT_2:
    case TERN_CLOSE_WAIT:
    case TERN_CLOSING:
    case TERN_LAST_ACK: return LOOK_MAGENTA;
    case TERN_TIME_WAIT: return LOOK_CYAN;
    default: return LOOK_DIM;
    }
}

static void lane(row *r, const struct rung *rung, int end) {
    int state = rung->state[end];
    if (state < 0) {
        row_cell(r, "", LANE);
        return;
    }
    if (rung->changed[end]) row_look(r, LOOK_BOLD);
    row_look(r, state_look(state));
    size_t stop = r->column + LANE;
    row_put(r, tern_state_name((enum tern_state)state));
    if (rung->unsure[end]) row_put(r, "?");
    row_look(r, LOOK_PLAIN);
    row_to(r, stop);
}

/* ---- the arrow: what fits of the label goes onto it, the rest below ---- */

struct glyphs {
    const char *line, *left, *right, *lost, *lane_left, *lane_right, *move;
};
static const struct glyphs utf8 = {"─", "◀", "▶", "✗", "├ ", " ┤", " → "};
static const struct glyphs plain = {"-", "<", ">", "X", "| ", " |", " -> "};

static const struct glyphs *glyphs(const struct canvas *c) { return c->o.ascii ? &plain : &utf8; }

static enum look arrow_look(const struct rung *rung) {
    if (rung->kind == RUNG_LOST || (rung->record != NULL && (rung->record->seg.flags & TERN_RST))) return LOOK_RED;
    return rung->repeated ? LOOK_YELLOW : LOOK_PLAIN;
}

/* The arrow fills the middle. The label stands near the sender; "..." is the network, on the side that has not seen
 * it. */
static void arrow(row *r, const struct canvas *c, const struct rung *rung, const char *text) {
    const struct glyphs *g = glyphs(c);
    bool right = rung->from == END_A;
    bool gap_right = (rung->kind == RUNG_DEPART) == right && (rung->kind == RUNG_DEPART || rung->kind == RUNG_ARRIVE);
    bool gap_left = !gap_right && (rung->kind == RUNG_DEPART || rung->kind == RUNG_ARRIVE);
    const char *head = rung->kind == RUNG_LOST ? g->lost : right ? g->right : g->left;
    size_t used = text_width(text) + 5 + (gap_right || gap_left ? 4 : 0);
    size_t fill = c->middle > used ? c->middle - used : 1;
    enum look look = arrow_look(rung);
    if (look != LOOK_PLAIN) row_look(r, look);
    row_put(r, gap_left ? "... " : "");
    if (right) {
        row_repeat(r, g->line, 2);
    } else {
        row_put(r, head);
        row_repeat(r, g->line, fill);
    }
    row_put(r, " ");
    row_put(r, text);
    row_put(r, " ");
    if (right) {
        row_repeat(r, g->line, fill);
        row_put(r, head);
    } else {
        row_repeat(r, g->line, 2);
    }
    row_put(r, gap_right ? " ..." : "");
    if (look != LOOK_PLAIN) row_look(r, LOOK_PLAIN);
}

static void lane_text(row *r, const struct canvas *c, const struct rung *rung) {
    const struct glyphs *g = glyphs(c);
    size_t room = c->middle - 2, wide = text_width(rung->text);
    if (rung->from == END_A) {
        row_put(r, g->lane_left);
        row_cell(r, rung->text, room);
    } else {
        row_to(r, MIDDLE + (wide < room ? room - wide : 0));
        row_cell(r, rung->text, wide < room ? wide : room);
        row_put(r, g->lane_right);
    }
}

/* The next stretch of the reason, at most `columns` wide. */
static void why_piece(row *r, const char **why, size_t columns) {
    while (**why == ' ') (*why)++;
    size_t n = text_wrap(*why, columns);
    if (n == 0) return;
    row_look(r, LOOK_DIM);
    row_put_n(r, *why, n);
    row_look(r, LOOK_PLAIN);
    *why += n;
}

static void first_row(row *r, struct canvas *c, const struct rung *rung, const char *text) {
    char when[24];
    if (c->started)
        span_text(rung->time_ns > c->last_ns ? rung->time_ns - c->last_ns : 0, "+", when, sizeof when);
    else
        snprintf(when, sizeof when, "0");
    row_to(r, TIME > text_width(when) ? TIME - text_width(when) : 0);
    row_look(r, LOOK_DIM);
    row_put(r, rung->kind == RUNG_STATES && !c->started ? " " : when);
    row_look(r, LOOK_PLAIN);
    row_to(r, LEFT);
    lane(r, rung, END_A);
    row_to(r, MIDDLE);
    if (rung->kind == RUNG_LANE)
        lane_text(r, c, rung);
    else if (rung->kind != RUNG_STATES)
        arrow(r, c, rung, text);
    row_to(r, MIDDLE + c->middle + 1);
    lane(r, rung, END_B);
}

/* The timer lane stands in the line below the state. */
static void timer(row *r, const struct rung *rung, int end) {
    row_look(r, LOOK_CYAN);
    row_cell(r, rung->timer[end], LANE);
    row_look(r, LOOK_PLAIN);
}

void canvas_rung(struct canvas *c, const struct rung *rung, const numbers *n) {
    struct label t = {.n = 0};
    char text[LABEL_TEXT];
    const char *why = rung->why;
    size_t at = 0;
    bool arrowed = rung->kind != RUNG_LANE && rung->kind != RUNG_STATES;
    bool gap = rung->kind == RUNG_DEPART || rung->kind == RUNG_ARRIVE;
    row r;
    if (arrowed) {
        label_make(&t, &c->o, rung, n);
        at = label_join(&t, 0, c->middle - 6 - (gap ? 4 : 0), text, sizeof text);
    }
    row_start(&r, c->o.colour);
    first_row(&r, c, rung, text);
    if (c->beside > 0) {
        row_to(&r, MIDDLE + c->middle + 1 + LANE + 2);
        why_piece(&r, &why, c->beside);
    }
    finish(c, &r);
    bool timers = rung->timed[END_A] || rung->timed[END_B];
    for (bool second = true; at < t.n || *why != '\0' || (second && timers); second = false) {
        row_start(&r, c->o.colour);
        if (second && rung->timer[END_A][0] != '\0') {
            row_to(&r, LEFT);
            timer(&r, rung, END_A);
        }
        if (at < t.n) {
            at = label_join(&t, at, c->middle - 3, text, sizeof text);
            row_to(&r, MIDDLE + 3);
            row_put(&r, text);
        } else if (c->beside == 0) {
            row_to(&r, MIDDLE + 3);
            why_piece(&r, &why, second && timers ? c->middle - 4 : c->o.width - MIDDLE - 3);
        }
        if (second && rung->timer[END_B][0] != '\0') {
            row_to(&r, MIDDLE + c->middle + 1);
            timer(&r, rung, END_B);
        }
        if (c->beside > 0 && *why != '\0') {
            row_to(&r, MIDDLE + c->middle + 1 + LANE + 2);
            why_piece(&r, &why, c->beside);
        }
        finish(c, &r);
    }
    if (rung->kind != RUNG_STATES || c->started) c->last_ns = rung->time_ns;
    c->started = c->started || rung->kind != RUNG_STATES;
    fflush(c->o.out);
}

void canvas_heading(struct canvas *c, const tern_flow *flow, bool again) {
    char a[128], b[128];
    row r;
    end_text(c->o.name[END_A], &flow->local, flow->local_port, a, sizeof a);
    end_text(c->o.name[END_B], &flow->remote, flow->remote_port, b, sizeof b);
    size_t end = MIDDLE + c->middle + 1 + LANE, wide = text_width(b);
    if (again) fputc('\n', c->o.out);
    row_start(&r, c->o.colour);
    row_to(&r, LEFT);
    row_look(&r, LOOK_BOLD);
    row_put(&r, a);
    if (r.column + 2 + wide > end) {
        row_look(&r, LOOK_PLAIN);
        finish(c, &r);
        row_start(&r, c->o.colour);
        row_look(&r, LOOK_BOLD);
    }
    row_to(&r, end > wide ? end - wide : 0);
    row_put(&r, b);
    row_look(&r, LOOK_PLAIN);
    finish(c, &r);
}

void canvas_note(struct canvas *c, const char *text) {
    while (*text != '\0') {
        row r;
        size_t n = text_wrap(text, c->o.width - LEFT);
        row_start(&r, c->o.colour);
        row_to(&r, LEFT);
        row_put_n(&r, text, n);
        finish(c, &r);
        text += n;
        while (*text == ' ') text++;
    }
    fflush(c->o.out);
}
