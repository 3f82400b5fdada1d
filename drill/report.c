/* report.c - what a failure looks like: the line of the script, expected against actual, and what the stack did last.
 * See run.h. */
#include <stdarg.h>
#include <string.h>

#include "drill/names.h"
#include "drill/run.h"
#include "lens/text.h"
#include "lens/words.h"
#include "po/i18n.h"

static void look(const struct run *r, const char *sgr) {
    if (r->setup->colour) fputs(sgr, r->report);
}

static void script_lines(struct run *r, struct place at) {
    size_t len;
    const char *line = script_line(r->script, at.line, &len);
    while (len > 0 && (*line == ' ' || *line == '\t')) line++, len--;
    while (len > 0 && (line[len - 1] == '\r' || line[len - 1] == ' ')) len--;
    fprintf(r->report, "  %s\n    %.*s\n", _("in the script:"), (int)(len > 400 ? 400 : len), line);
}

static void headline(struct run *r, struct place at, const char *text) {
    look(r, "\033[1m");
    fprintf(r->report, "%s:%u:%u: %s\n", r->script->path, at.line, at.column, text);
    look(r, "\033[0m");
}

static void failed(struct run *r, struct place at, const char *text) {
    r->failed = true;
    r->result->at = at;
    snprintf(r->result->text, sizeof r->result->text, "%s", text);
    headline(r, at, text);
    script_lines(r, at);
}

static bool forgiven(struct run *r, bool packet) {
    return packet ? r->options.non_fatal_packet : r->options.non_fatal_syscall;
}

void fail_plain(struct run *r, struct place at, const char *format, ...) {
    char text[512];
    va_list args;
    if (r->failed) return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (forgiven(r, false)) {
        headline(r, at, text);
        return;
    }
    failed(r, at, text);
    report_trace(r);
}

void warn_plain(struct run *r, struct place at, const char *format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    headline(r, at, text);
}

/* ---- two packets ---- */

static void cell_row(struct run *r, const char *name, size_t name_width, const struct cells *c, const size_t *width) {
    row line;
    row_start(&line, false);
    row_put(&line, "  ");
    row_cell(&line, name, name_width);
    for (int i = 0; i < CELLS; i++) {
        if (width[i] == 0) continue;
        row_put(&line, "  ");
        row_cell(&line, c->text[i], width[i]);
    }
    row_trim(&line);
    fprintf(r->report, "%s\n", line.text);
}

static void marks(struct run *r, size_t name_width, const struct cells *want, const struct cells *got,
                  const size_t *width, unsigned cells) {
    row line;
    row_start(&line, false);
    row_to(&line, 2 + name_width);
    for (int i = 0; i < CELLS; i++) {
        size_t stop = line.column + 2 + width[i];
        if (width[i] == 0) continue;
        row_put(&line, "  ");
        size_t a = text_width(want->text[i]), b = text_width(got->text[i]);
        if (cells >> i & 1) row_repeat(&line, "^", a > b ? a : b);
        row_to(&line, stop);
    }
    row_trim(&line);
    look(r, "\033[31m");
    fprintf(r->report, "%s", line.text);
    look(r, "\033[0m");
    fputc('\n', r->report);
}

/* What the script does not state is not shown of the IP header. */
static void only_stated(struct packet *got, const struct packet *want) {
    if (want->ip.ecn == ECN_NOT_STATED) got->ip.ecn = ECN_NOT_STATED;
    if (want->ip.tos < 0) got->ip.tos = -1;
    if (want->ip.ttl < 0) got->ip.ttl = -1;
    got->flags_ace = want->flags_ace;
}

static void two_packets(struct run *r, const struct packet *want, const struct packet *got, unsigned differ) {
    struct cells a, b;
    size_t width[CELLS], name = 0;
    bool v6 = r->options.version == IP_V6;
    struct packet shown = *got;
    const char *expected = _("expected"), *actual = _("actual");
    only_stated(&shown, want);
    packet_cells(want, v6, &a);
    packet_cells(&shown, v6, &b);
    for (int i = 0; i < CELLS; i++) {
        size_t wide_a = text_width(a.text[i]), wide_b = text_width(b.text[i]);
        width[i] = wide_a > wide_b ? wide_a : wide_b;
    }
    name = text_width(expected) > text_width(actual) ? text_width(expected) : text_width(actual);
    cell_row(r, expected, name, &a, width);
    cell_row(r, actual, name, &b, width);
    if (differ != 0) marks(r, name, &a, &b, width, differ);
}

void fail_packet(struct run *r, const struct event *e, const struct packet *got, unsigned cells, const char *why) {
    static const struct packet none = {.ip = {.ecn = ECN_NOT_STATED, .tos = -1, .ttl = -1}};
    const struct packet *want = e->packet != NULL ? e->packet : &none;
    const char *text = why[0] != '\0' ? why : _("the packet is another one than expected");
    if (r->failed) return;
    if (forgiven(r, true)) {
        headline(r, e->at, text);
        return;
    }
    failed(r, e->at, text);
    if (got != NULL && e->packet != NULL) {
        two_packets(r, want, got, cells);
    } else if (got != NULL) {
        struct cells c;
        size_t width[CELLS];
        packet_cells(got, r->options.version == IP_V6, &c);
        for (int i = 0; i < CELLS; i++) width[i] = text_width(c.text[i]);
        width[CELL_IP] = 0;
        cell_row(r, _("actual"), text_width(_("actual")), &c, width);
    }
    report_trace(r);
}

/* ---- the trace ---- */

static void segment_text(const struct run *r, const tern_trace *t, char *text, size_t size) {
    struct packet live = {.kind = PACKET_TCP,
                          .flags = t->seg.flags,
                          .seq = t->seg.seq,
                          .ack = t->seg.ack,
                          .len = t->seg.len,
                          .window = t->seg.window,
                          .has_window = true};
    struct packet k = live;
    struct cells c;
    k.ip = (struct ip_spec){.ecn = ECN_NOT_STATED, .tos = -1, .ttl = -1};
    if (t->kind == TERN_TRACE_SEGMENT_OUT) {
        tested_in(&r->tested, &live, &k);
    } else {
        struct packet zero = {.flags = live.flags}, added;
        tested_out(&r->tested, &zero, false, &added);
        k.seq -= added.seq;
        k.ack -= added.ack;
    }
    packet_cells(&k, false, &c);
    snprintf(text, size, "%s %.16s %.48s %.16s %.16s", t->kind == TERN_TRACE_SEGMENT_IN ? "<" : ">", c.text[CELL_FLAGS],
             c.text[CELL_SEQ], c.text[CELL_ACK], c.text[CELL_WINDOW]);
}

static void trace_text(const struct run *r, const tern_trace *t, char *text, size_t size) {
    switch (t->kind) {
    case TERN_TRACE_SEGMENT_IN:
    case TERN_TRACE_SEGMENT_OUT: segment_text(r, t, text, size); break;
    case TERN_TRACE_STATE:
        snprintf(text, size, "%s -> %s", tern_state_name(t->state_before), tern_state_name(t->state));
        break;
    case TERN_TRACE_CALL: call_text(t, i18n_lang(), text, size); break;
    case TERN_TRACE_TIMER: snprintf(text, size, "%s", timer_word(t->timer, i18n_lang())); break;
    default: snprintf(text, size, "%s", word(WORD_DROPPED, i18n_lang()));
    }
}

void report_trace(struct run *r) {
    const struct world *w = &r->world;
    uint64_t first = w->traced > TRACE_KEPT ? w->traced - TRACE_KEPT : 0;
    if (w->traced == 0) return;
    fprintf(r->report, "  %s\n", _("what the stack did last:"));
    for (uint64_t i = first; i < w->traced; i++) {
        const tern_trace *t = &w->trace[i % TRACE_KEPT];
        char when[32], text[640], why[448] = "";
        trace_text(r, t, text, sizeof text);
        if (t->reason != 0) reason_sentence(t->reason, t->seg.flags, i18n_lang(), why, sizeof why);
        fprintf(r->report, "    %11s  %s%s%s\n", run_time(r, t->time_ns, when), text, why[0] != '\0' ? "   " : "", why);
    }
}
