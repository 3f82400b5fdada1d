/* rung.c - see rung.h. Columns: time, lane of A, arrow, lane of B, and the reason beside or below. */
#include "lens/rung.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

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

/* "+9.999 ms": at most nine columns up to three hours. */
static void time_text(uint64_t ns, char *buf, size_t size) {
    double ms = (double)ns / 1e6;
    if (ms < 9999.5)
        snprintf(buf, size, "+%.*f ms", ms < 9.9995 ? 3 : ms < 99.995 ? 2 : ms < 999.95 ? 1 : 0, ms);
    else
        snprintf(buf, size, "+%.*f s", ms < 999950 ? 1 : 0, ms / 1e3);
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
    row_look(r, LOOK_PLAIN);
    row_to(r, stop);
}

/* ---- the label: what fits goes onto the arrow, the rest below ---- */

enum { TOKENS = 24 };
struct tokens {
    size_t n;
    char text[TOKENS][64];
};

static void token(struct tokens *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void token(struct tokens *t, const char *format, ...) {
    va_list args;
    va_start(args, format);
    if (t->n < TOKENS) vsnprintf(t->text[t->n++], sizeof t->text[0], format, args);
    va_end(args);
}

static void options(struct tokens *t, const struct canvas *c, const struct rung *rung, const numbers *n) {
    const tern_trace *record = rung->record;
    bool syn = record->seg.flags & TERN_SYN;
    if (record->seg.mss != 0) token(t, "mss=%u", record->seg.mss);
    if (record->seg.wscale >= 0 && syn) token(t, "ws=%d", record->seg.wscale);
    if (record->seg.sack_permitted) token(t, "sackOK");
    for (unsigned i = 0; i < record->seg.sack_count && i < 4; i++) {
        uint32_t left = record->seg.sack[i].left, right = record->seg.sack[i].right;
        if (c->o.absolute)
            token(t, "sack=%" PRIu32 "-%" PRIu32, left, right);
        else
            token(t, "sack=%" PRId64 "-%" PRId64, numbers_relative(n, !rung->from, left),
                  numbers_relative(n, !rung->from, right));
    }
    if (record->seg.has_timestamps && (syn || c->o.all))
        token(t, "ts=%" PRIu32 "/%" PRIu32, record->seg.ts_value, record->seg.ts_echo);
}

static void many(struct tokens *t, const struct canvas *c, const struct rung *rung) {
    const char *comma = c->o.lang == TERN_ZH ? "" : ",", *dots = c->o.ascii ? "..." : "…";
    char text[48];
    many_text(MANY_SEGMENTS, rung->many.segments, c->o.lang, text, sizeof text);
    token(t, "%s %s%s", dots, text, comma);
    many_text(MANY_BYTES, rung->many.bytes, c->o.lang, text, sizeof text);
    token(t, "%s%s%s", text, rung->many.acks > 0 ? comma : " ", rung->many.acks > 0 ? "" : dots);
    many_text(MANY_ACKS, rung->many.acks, c->o.lang, text, sizeof text);
    if (rung->many.acks > 0) token(t, "%s %s", text, dots);
}

static void label(struct tokens *t, const struct canvas *c, const struct rung *rung, const numbers *n) {
    const tern_trace *record = rung->record;
    char flags[40];
    t->n = 0;
    if (rung->kind == RUNG_BULK) {
        many(t, c, rung);
        return;
    }
    token(t, "%s", flags_text(record->seg.flags, flags));
    if (rung->kind == RUNG_LOST) token(t, "[%s]", word(WORD_LOST, c->o.lang));
    if (rung->repeated) token(t, "[%s]", word(WORD_REPEATED, c->o.lang));
    if (c->o.absolute)
        token(t, "Seq=%" PRIu32, record->seg.seq);
    else
        token(t, "Seq=%" PRId64, rung->reading->seq);
    if ((record->seg.flags & TERN_ACK) && c->o.absolute)
        token(t, "Ack=%" PRIu32, record->seg.ack);
    else if (record->seg.flags & TERN_ACK)
        token(t, "Ack=%" PRId64, rung->reading->ack);
    token(t, "Len=%" PRIu32, record->seg.len);
    token(t, "Win=%" PRIu32, rung->reading->window);
    options(t, c, rung, n);
}

/* Joins tokens from `from` on while they fit into `columns`; returns the first that does not. */
static size_t join(const struct tokens *t, size_t from, size_t columns, char *buf, size_t size) {
    size_t used = 0, at = 0;
    buf[0] = '\0';
    while (from < t->n) {
        size_t need = text_width(t->text[from]) + (used > 0);
        if (used + need > columns && used > 0) break;
        at += (size_t)snprintf(buf + at, size - at, "%s%s", used > 0 ? " " : "", t->text[from++]);
        used += need;
        if (at + sizeof t->text[0] + 2 > size) break;
    }
    return from;
}

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
        time_text(rung->time_ns > c->last_ns ? rung->time_ns - c->last_ns : 0, when, sizeof when);
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

void canvas_rung(struct canvas *c, const struct rung *rung, const numbers *n) {
    struct tokens t = {.n = 0};
    char text[TOKENS * 66];
    const char *why = rung->why;
    size_t at = 0;
    bool arrowed = rung->kind != RUNG_LANE && rung->kind != RUNG_STATES;
    bool gap = rung->kind == RUNG_DEPART || rung->kind == RUNG_ARRIVE;
    row r;
    if (arrowed) {
        label(&t, c, rung, n);
        at = join(&t, 0, c->middle - 6 - (gap ? 4 : 0), text, sizeof text);
    }
    row_start(&r, c->o.colour);
    first_row(&r, c, rung, text);
    if (c->beside > 0) {
        row_to(&r, MIDDLE + c->middle + 1 + LANE + 2);
        why_piece(&r, &why, c->beside);
    }
    finish(c, &r);
    while (at < t.n || *why != '\0') {
        row_start(&r, c->o.colour);
        if (at < t.n) {
            at = join(&t, at, c->middle - 3, text, sizeof text);
            row_to(&r, MIDDLE + 3);
            row_put(&r, text);
        } else if (c->beside == 0) {
            row_to(&r, MIDDLE + 3);
            why_piece(&r, &why, c->o.width - MIDDLE - 3);
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

static void socket_text(const char *name, const tern_addr *addr, uint16_t port, char *buf, size_t size) {
    char text[TERN_ADDR_TEXT];
    tern_addr_format(addr, text);
    snprintf(buf, size, addr->family == 6 ? "%s [%s]:%u" : "%s %s:%u", name, text, port);
}

void canvas_heading(struct canvas *c, const tern_flow *flow, bool again) {
    char a[128], b[128];
    row r;
    socket_text(c->o.name[END_A], &flow->local, flow->local_port, a, sizeof a);
    socket_text(c->o.name[END_B], &flow->remote, flow->remote_port, b, sizeof b);
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
