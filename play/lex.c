/* lex.c - see lex.h. */
#include "play/lex.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lens/text.h"
#include "po/i18n.h"

bool lex_fail(struct lex *l, unsigned column, const char *format, ...) {
    char text[384];
    va_list args;
    if (l->bad) return false;
    l->bad = true;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    snprintf(l->err->text, sizeof l->err->text, "%s:%u:%u: %s", l->file, l->line, column, text);
    return false;
}

static unsigned column_of(const struct lex *l) {
    if (l->next < l->words) return l->word[l->next].column;
    if (l->words == 0) return 1;
    return l->word[l->words - 1].column + (unsigned)text_width(l->word[l->words - 1].text);
}

bool lex_expected(struct lex *l, const char *what) {
    if (l->next < l->words)
        return lex_fail(l, column_of(l), _("expected %s, found '%s'"), _(what), l->word[l->next].text);
    return lex_fail(l, column_of(l), _("expected %s, found the end of the line"), _(what));
}

struct play_place lex_place(const struct lex *l) {
    return (struct play_place){l->line, column_of(l)};
}

/* Well-formed UTF-8 without control characters: it is shown to people. */
static bool proper(struct lex *l, const char *at, const char *end) {
    unsigned column = 1;
    while (at < end) {
        uint32_t cp;
        unsigned char c = (unsigned char)*at;
        size_t n = utf8_next(at, end, &cp);
        if ((cp < 0x20 && cp != '\t') || cp == 0x7f) return lex_fail(l, column, _("a control character"));
        if (cp == 0xfffd && !(n == 3 && c == 0xef)) return lex_fail(l, column, _("a byte that is not UTF-8"));
        at += n;
        column++;
    }
    return true;
}

static bool blank(char c) { return c == ' ' || c == '\t'; }

static bool split(struct lex *l, const char *at, const char *end) {
    const char *start = at;
    l->words = l->next = 0;
    l->line_at = at;
    l->line_end = end;
    for (;;) {
        while (at < end && blank(*at)) at++;
        if (at == end || *at == '#') return true;
        const char *from = at;
        while (at < end && !blank(*at)) at++;
        size_t n = (size_t)(at - from);
        unsigned column = (unsigned)(from - start) + 1;
        if (l->words == LEX_WORDS) return true; /* running text; where words count, there are never so many */
        l->word[l->words].column = column;
        if (n >= LEX_WORD) n = LEX_WORD - 1;
        while (n > 0 && from + n < at && ((unsigned char)from[n] & 0xc0) == 0x80) n--;
        memcpy(l->word[l->words].text, from, n);
        l->word[l->words++].text[n] = '\0';
    }
}

bool lex_line(struct lex *l) {
    while (!l->bad && l->at < l->end) {
        const char *stop = memchr(l->at, '\n', (size_t)(l->end - l->at)), *from = l->at;
        const char *end = stop != NULL ? stop : l->end;
        l->at = stop != NULL ? stop + 1 : l->end;
        l->line++;
        if (end > from && end[-1] == '\r') end--;
        if (!proper(l, from, end) || !split(l, from, end)) return false;
        if (l->words > 0) return true;
    }
    return false;
}

const char *lex_peek(const struct lex *l) { return l->next < l->words ? l->word[l->next].text : ""; }

bool lex_is(struct lex *l, const char *word) {
    if (l->next >= l->words || strcmp(l->word[l->next].text, word) != 0) return false;
    l->next++;
    return true;
}

bool lex_must(struct lex *l, const char *word) {
    char quoted[LEX_WORD + 4];
    if (lex_is(l, word)) return true;
    snprintf(quoted, sizeof quoted, "'%s'", word);
    return lex_expected(l, quoted);
}

bool lex_over(struct lex *l) { return l->next >= l->words || lex_expected(l, N_("the end of the line")); }

/* ---- numbers ---- */

/* Digits, and at most one point with up to nine more: as billionths. */
static const char *decimal(const char *s, uint64_t *whole, uint64_t *part) {
    const char *start = s;
    uint64_t unit = 100000000;
    *whole = *part = 0;
    for (; *s >= '0' && *s <= '9'; s++) {
        if (*whole > 100000000) return NULL;
        *whole = *whole * 10 + (uint64_t)(*s - '0');
    }
    if (s == start) return NULL;
    if (*s != '.') return s;
    for (s++, start = s; *s >= '0' && *s <= '9'; s++, unit /= 10) *part += unit * (uint64_t)(*s - '0');
    return s == start ? NULL : s;
}

bool lex_time(struct lex *l, uint64_t *ns) {
    static const struct {
        const char *name;
        uint64_t ns;
    } units[] = {{"ns", 1},         {"us", 1000},         {"ms", 1000000},
                 {"s", 1000000000}, {"min", 60000000000}, {"h", 3600000000000}};
    uint64_t whole, part;
    const char *unit = decimal(lex_peek(l), &whole, &part);
    for (size_t i = 0; unit != NULL && i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(unit, units[i].name) != 0) continue;
        *ns = whole * units[i].ns + part * (units[i].ns / 1000) / 1000000;
        if (units[i].ns < 1000) *ns = whole * units[i].ns;
        if (whole > 1000000000000000000 / units[i].ns) break;
        l->next++;
        return true;
    }
    return lex_expected(l, N_("a time like 150ms, 2.5s, 10min or 2h"));
}

static bool digits(const char *s, uint64_t max, uint64_t *out) {
    uint64_t v = 0;
    if (*s == '\0') return false;
    for (; *s != '\0'; s++) {
        if (*s < '0' || *s > '9' || v > (UINT64_MAX - 9) / 10) return false;
        v = v * 10 + (uint64_t)(*s - '0');
    }
    *out = v;
    return v <= max;
}

bool lex_count(struct lex *l, uint64_t max, uint64_t *out) {
    char what[96];
    if (digits(lex_peek(l), max, out)) {
        l->next++;
        return true;
    }
    snprintf(what, sizeof what, _("a number from 0 to %llu"), (unsigned long long)max);
    return lex_expected(l, what);
}

bool lex_port(struct lex *l, uint16_t *out) {
    uint64_t v;
    if (!digits(lex_peek(l), 65535, &v) || v == 0) return lex_expected(l, N_("a port, 1 to 65535"));
    l->next++;
    *out = (uint16_t)v;
    return true;
}

bool lex_number(struct lex *l, struct play_number *out) {
    const char *s = lex_peek(l);
    uint64_t v = 0;
    bool wire = s[0] == '@', guess = strncmp(s, "guess", 5) == 0;
    if (guess ? s[5] != '\0' && (s[5] != '+' || !digits(s + 6, 65535, &v)) : !digits(s + wire, UINT32_MAX, &v))
        return lex_expected(l, N_("a number, relative like 1 or as on the wire like @1234567"));
    l->next++;
    *out = (struct play_number){guess ? NUMBER_GUESS : wire ? NUMBER_WIRE : NUMBER_RELATIVE, (uint32_t)v};
    return true;
}

/* ---- names ---- */

bool lex_end(struct lex *l, int *end) {
    const char *s = lex_peek(l);
    if ((s[0] != 'A' && s[0] != 'B') || s[1] != '\0') return lex_expected(l, N_("a host: A or B"));
    l->next++;
    *end = s[0] - 'A';
    return true;
}

bool lex_who(struct lex *l, struct play_who *who) {
    const char *s = lex_peek(l);
    uint64_t port = 0;
    bool fine = (s[0] == 'A' || s[0] == 'B') && (s[1] == '\0' || (s[1] == ':' && digits(s + 2, 65535, &port) && port));
    if (!fine) return lex_expected(l, N_("a host, A or B, or its connection with a port, like A:40000"));
    l->next++;
    *who = (struct play_who){s[0] - 'A', (uint16_t)port};
    return true;
}

bool lex_direction(struct lex *l, int *from) {
    const char *s = lex_peek(l);
    if (strcmp(s, "A>B") != 0 && strcmp(s, "B>A") != 0) return lex_expected(l, N_("a direction: A>B or B>A"));
    l->next++;
    *from = s[0] - 'A';
    return true;
}

bool lex_state(struct lex *l, enum tern_state *out) {
    if (l->next >= l->words || tern_state_parse(lex_peek(l), out) < 0)
        return lex_expected(l, N_("a state, like SYN-SENT"));
    l->next++;
    return true;
}

bool lex_flags(struct lex *l, uint16_t *out) {
    static const struct {
        const char *name;
        uint16_t bit;
    } names[] = {{"FIN", TERN_FIN}, {"SYN", TERN_SYN}, {"RST", TERN_RST}, {"PSH", TERN_PSH}, {"ACK", TERN_ACK},
                 {"URG", TERN_URG}, {"ECE", TERN_ECE}, {"CWR", TERN_CWR}, {"AE", TERN_AE},   {"none", 0}};
    const char *s = lex_peek(l);
    *out = 0;
    if (*s == '\0') return lex_expected(l, N_("flags like SYN,ACK"));
    while (*s != '\0') {
        size_t n = strcspn(s, ","), i = 0;
        while (i < sizeof names / sizeof names[0] && (strlen(names[i].name) != n || strncmp(names[i].name, s, n) != 0))
            i++;
        if (i == sizeof names / sizeof names[0] || (s[n] == ',' && s[n + 1] == '\0'))
            return lex_expected(l, N_("flags like SYN,ACK"));
        *out |= names[i].bit;
        s += n + (s[n] == ',');
    }
    l->next++;
    return true;
}

bool lex_key(struct lex *l, const char *key) {
    size_t n = strlen(key);
    if (l->next >= l->words || strncmp(l->word[l->next].text, key, n) != 0 || l->word[l->next].text[n] != '=')
        return false;
    char *text = l->word[l->next].text;
    memmove(text, text + n + 1, strlen(text + n + 1) + 1);
    l->word[l->next].column += (unsigned)n + 1;
    return true;
}

bool lex_text(struct lex *l, char *out, size_t size) {
    if (l->next >= l->words) return lex_expected(l, N_("a text"));
    const char *from = l->line_at + l->word[l->next].column - 1;
    size_t n = (size_t)(l->line_end - from);
    while (n > 0 && blank(from[n - 1])) n--;
    if (n >= size) return lex_fail(l, column_of(l), _("the text is longer than %zu bytes"), size - 1);
    memcpy(out, from, n);
    out[n] = '\0';
    l->next = l->words;
    return true;
}
