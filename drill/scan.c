/* scan.c - see scan.h. */
#include "drill/scan.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "po/i18n.h"

void scan_fail(struct scan *l, struct place at, const char *format, ...) {
    va_list args;
    if (l->failed) return;
    l->failed = true;
    l->err->at = at;
    va_start(args, format);
    vsnprintf(l->err->text, sizeof l->err->text, format, args);
    va_end(args);
}

void scan_start(struct scan *l, const char *source, size_t len, struct arena *arena, struct drill_options *options,
                struct drill_error *err) {
    memset(l, 0, sizeof *l);
    l->source = l->at = source;
    l->end = source + len;
    l->place = (struct place){1, 1};
    l->arena = arena;
    l->options = options;
    l->err = err;
}

static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '\v'; }

static int hex_of(char c) {
    if (is_digit(c)) return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static char peek(const struct scan *l, size_t ahead) { return (size_t)(l->end - l->at) > ahead ? l->at[ahead] : '\0'; }

static bool starts(const struct scan *l, const char *with) {
    size_t n = strlen(with);
    return (size_t)(l->end - l->at) >= n && memcmp(l->at, with, n) == 0;
}

static void step(struct scan *l, size_t n) {
    for (; n > 0 && l->at < l->end; n--, l->at++) {
        bool line = *l->at == '\n';
        l->place.line += line;
        l->place.column = line ? 1 : l->place.column + 1;
    }
}

static void to_line_end(struct scan *l) {
    while (l->at < l->end && *l->at != '\n') step(l, 1);
}

/* Up to and with `close`; false: the file ends before. */
static bool through(struct scan *l, const char *close) {
    while (l->at < l->end && !starts(l, close)) step(l, 1);
    if (l->at >= l->end) return false;
    step(l, strlen(close));
    return true;
}

/* ---- #ifdef, #ifndef, #else, #endif: the second dialect's ---- */

static const struct define *define_find(const struct scan *l, const char *name, size_t len) {
    for (const struct define *d = l->options->defines; d != NULL; d = d->next)
        if (strlen(d->name) == len && memcmp(d->name, name, len) == 0) return d;
    return NULL;
}

static size_t word_len(const struct scan *l) {
    size_t n = 0;
    if (!is_letter(peek(l, 0))) return 0;
    while (is_letter(peek(l, n)) || is_digit(peek(l, n))) n++;
    return n;
}

/* Skips a part that does not count; stops behind its #else (when `to_else`) or its #endif. */
static void skip_part(struct scan *l, struct place began, bool to_else) {
    for (unsigned depth = 0;; to_line_end(l)) {
        while (is_blank(peek(l, 0))) step(l, 1);
        if (l->at >= l->end) {
            scan_fail(l, began, _("this #ifdef has no #endif"));
            return;
        }
        if (starts(l, "#if")) {
            depth++;
        } else if (starts(l, "#endif")) {
            if (depth == 0) break;
            depth--;
        } else if (starts(l, "#else") && depth == 0 && to_else) {
            l->in_else[l->depth++] = true;
            break;
        }
    }
    to_line_end(l);
}

static void directive(struct scan *l) {
    struct place at = l->place;
    bool not_defined = starts(l, "#ifndef");
    if (starts(l, "#ifdef") || not_defined) {
        step(l, not_defined ? 7 : 6);
        while (peek(l, 0) == ' ' || peek(l, 0) == '\t') step(l, 1);
        size_t n = word_len(l);
        if (n == 0) scan_fail(l, l->place, _("#ifdef needs a name"));
        if (l->depth == IF_DEPTH) scan_fail(l, at, _("more than %d #ifdef in one another"), IF_DEPTH);
        if (l->failed) return;
        bool counts = (define_find(l, l->at, n) != NULL) != not_defined;
        to_line_end(l);
        if (counts)
            l->in_else[l->depth++] = false;
        else
            skip_part(l, at, true);
    } else if (starts(l, "#else") && l->depth > 0 && !l->in_else[l->depth - 1]) {
        l->depth--;
        to_line_end(l);
        skip_part(l, at, false);
    } else if (starts(l, "#endif") && l->depth > 0) {
        l->depth--;
        to_line_end(l);
    } else {
        scan_fail(l, at, _("'#' begins #ifdef, #ifndef, #else or #endif, each with its partner"));
    }
}

static void skip_blanks(struct scan *l) {
    while (l->at < l->end && !l->failed) {
        struct place at = l->place;
        if (is_blank(*l->at)) {
            step(l, 1);
        } else if (starts(l, "//")) {
            to_line_end(l);
        } else if (starts(l, "/*")) {
            if (!through(l, "*/")) scan_fail(l, at, _("this comment does not end"));
        } else if (*l->at == '#' && !l->expanding) {
            directive(l);
        } else {
            return;
        }
    }
}

/* ---- tokens ---- */

static void keep(struct scan *l, const char *text, size_t len) {
    l->now.text = arena_copy(l->arena, text, len);
    l->now.len = len;
    if (l->now.text == NULL) scan_fail(l, l->now.at, "%s", tern_strerror(TERN_ENOMEM, i18n_lang()));
}

static void hex_number(struct scan *l) {
    struct token *t = &l->now;
    uint64_t v = 0;
    size_t n = 2;
    for (; hex_of(peek(l, n)) >= 0; n++) {
        if (v >> 60) scan_fail(l, t->at, _("this number is too large"));
        v = v << 4 | (uint64_t)hex_of(peek(l, n));
    }
    if (n == 2) scan_fail(l, t->at, _("no digits follow 0x"));
    t->kind = TOKEN_INTEGER;
    t->hex = true;
    t->integer = (int64_t)v;
    step(l, n);
}

/* "12", "1.5", ".01"; the dots of "0...1" are not a fraction. */
static void number(struct scan *l) {
    struct token *t = &l->now;
    uint64_t v = 0, part = 0, unit = 100000000;
    size_t n = 0;
    for (; is_digit(peek(l, n)); n++) {
        if (v > (INT64_MAX - 9) / 10) scan_fail(l, t->at, _("this number is too large"));
        v = v * 10 + (uint64_t)(peek(l, n) - '0');
    }
    t->kind = TOKEN_INTEGER;
    t->integer = (int64_t)v;
    if (peek(l, n) == '.' && is_digit(peek(l, n + 1))) {
        t->kind = TOKEN_FLOAT;
        for (n++; is_digit(peek(l, n)); n++, unit /= 10) part += (uint64_t)(peek(l, n) - '0') * unit;
    }
    t->whole_ns = v < UINT64_MAX / DRILL_SECOND / 4;
    t->ns = t->whole_ns ? v * DRILL_SECOND + part : 0;
    step(l, n);
}

static char escape(struct scan *l) {
    char c = peek(l, 1);
    int high, low;
    switch (c) {
    case 'n': step(l, 2); return '\n';
    case 'r': step(l, 2); return '\r';
    case 't': step(l, 2); return '\t';
    case 'f': step(l, 2); return '\f';
    case 'v': step(l, 2); return '\v';
    case '"':
    case '\\': step(l, 2); return c;
    case 'x':
        high = hex_of(peek(l, 2));
        low = hex_of(peek(l, 3));
        if (high >= 0 && low >= 0) {
            step(l, 4);
            return (char)(high << 4 | low);
        }
        break;
    default: break;
    }
    scan_fail(l, l->place, _("there are the escapes \\n \\r \\t \\f \\v \\\" \\\\ and \\xHH"));
    return '\0';
}

static void string(struct scan *l) {
    size_t n = 0, most = (size_t)(l->end - l->at);
    char *to = arena_take(l->arena, most < 4096 ? most + 1 : 4097);
    l->now.kind = TOKEN_STRING;
    step(l, 1);
    while (l->at < l->end && *l->at != '"' && !l->failed && to != NULL && n < 4096) {
        char c = *l->at;
        if (c == '\\')
            c = escape(l);
        else
            step(l, 1);
        to[n++] = c;
    }
    if (peek(l, 0) != '"') scan_fail(l, l->now.at, _("this string does not end, or is longer than %d"), 4096);
    step(l, 1);
    l->now.text = to;
    l->now.len = n;
}

static void quoted(struct scan *l, enum token_kind kind, const char *open, const char *close) {
    step(l, strlen(open));
    const char *from = l->at;
    l->now.kind = kind;
    if (!through(l, close)) {
        scan_fail(l, l->now.at, _("%s without its %s"), open, close);
        return;
    }
    keep(l, from, (size_t)(l->at - from) - strlen(close));
}

/* The value of a define: one token of its own, at the place of the name. */
static void expand(struct scan *l, const struct define *d) {
    struct scan inner;
    scan_start(&inner, d->value, strlen(d->value), l->arena, l->options, l->err);
    inner.expanding = true;
    inner.place = l->now.at;
    scan_next(&inner);
    l->failed = l->failed || inner.failed;
    struct token t = inner.now;
    scan_next(&inner);
    if (!inner.failed && inner.now.kind != TOKEN_END)
        scan_fail(l, l->now.at, _("the value of %s is more than one word: %s"), d->name, d->value);
    t.from = l->now.from;
    t.at = l->now.at;
    l->now = t;
}

static void word(struct scan *l) {
    size_t n = word_len(l);
    const struct define *d = l->expanding ? NULL : define_find(l, l->at, n);
    l->now.kind = TOKEN_WORD;
    if (d != NULL)
        expand(l, d);
    else
        keep(l, l->at, n);
    step(l, n);
}

static void option(struct scan *l) {
    step(l, 2);
    l->now.kind = TOKEN_OPTION;
    size_t n = word_len(l);
    keep(l, l->at, n);
    step(l, n);
}

void scan_next(struct scan *l) {
    skip_blanks(l);
    l->now = (struct token){.kind = TOKEN_END, .at = l->place, .from = l->at};
    if (l->failed) return;
    char c = peek(l, 0);
    if (l->at >= l->end) {
        if (l->depth > 0) scan_fail(l, l->place, _("an #ifdef has no #endif"));
    } else if (c == '0' && (peek(l, 1) == 'x' || peek(l, 1) == 'X')) {
        hex_number(l);
    } else if (is_digit(c) || (c == '.' && is_digit(peek(l, 1)))) {
        number(l);
    } else if (is_letter(c)) {
        word(l);
    } else if (c == '"') {
        string(l);
    } else if (c == '`') {
        quoted(l, TOKEN_COMMAND, "`", "`");
    } else if (starts(l, "%{")) {
        quoted(l, TOKEN_CODE, "%{", "}%");
    } else if (starts(l, "--") && is_letter(peek(l, 2))) {
        option(l);
    } else if (starts(l, "...")) {
        l->now.kind = TOKEN_ELLIPSIS;
        step(l, 3);
    } else {
        l->now.kind = TOKEN_SIGN;
        l->now.sign = c;
        step(l, 1);
    }
    if (l->failed) l->now.kind = TOKEN_END;
    l->now.to = l->at;
}

size_t scan_run(const struct scan *l, const char *set) {
    size_t n = 0;
    while (l->now.from + n < l->end && l->now.from[n] != '\0' && strchr(set, l->now.from[n]) != NULL) n++;
    return n;
}

void scan_take(struct scan *l, size_t len) {
    l->at = l->now.from;
    l->place = l->now.at;
    step(l, len);
    scan_next(l);
}

const char *token_text(const struct token *t, char *buf, size_t size) {
    if (t->kind == TOKEN_END)
        snprintf(buf, size, "%s", _("the end of the file"));
    else
        snprintf(buf, size, "'%.*s'", (int)(t->to - t->from > 40 ? 40 : t->to - t->from), t->from);
    return buf;
}
