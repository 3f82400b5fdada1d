/* text.c - see text.h. The wide ranges are those of Unicode's EastAsianWidth W and F, joined where only unassigned
 * characters lie between; ambiguous ones count as narrow. */
#include "lens/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct span {
    uint32_t first, last;
};

static const struct span wide[] = {
    {0x1100, 0x115f},   {0x231a, 0x231b},   {0x2329, 0x232a},   {0x23e9, 0x23ec},   {0x23f0, 0x23f0},
    {0x23f3, 0x23f3},   {0x25fd, 0x25fe},   {0x2614, 0x2615},   {0x2648, 0x2653},   {0x267f, 0x267f},
    {0x2693, 0x2693},   {0x26a1, 0x26a1},   {0x26aa, 0x26ab},   {0x26bd, 0x26be},   {0x26c4, 0x26c5},
    {0x26ce, 0x26ce},   {0x26d4, 0x26d4},   {0x26ea, 0x26ea},   {0x26f2, 0x26f3},   {0x26f5, 0x26f5},
    {0x26fa, 0x26fa},   {0x26fd, 0x26fd},   {0x2705, 0x2705},   {0x270a, 0x270b},   {0x2728, 0x2728},
    {0x274c, 0x274c},   {0x274e, 0x274e},   {0x2753, 0x2755},   {0x2757, 0x2757},   {0x2795, 0x2797},
    {0x27b0, 0x27b0},   {0x27bf, 0x27bf},   {0x2b1b, 0x2b1c},   {0x2b50, 0x2b50},   {0x2b55, 0x2b55},
    {0x2e80, 0x303e},   {0x3041, 0x3247},   {0x3250, 0x4dbf},   {0x4e00, 0xa4c6},   {0xa960, 0xa97c},
    {0xac00, 0xd7a3},   {0xf900, 0xfad9},   {0xfe10, 0xfe6b},   {0xff01, 0xff60},   {0xffe0, 0xffe6},
    {0x16fe0, 0x1b2fb}, {0x1f004, 0x1f004}, {0x1f0cf, 0x1f0cf}, {0x1f18e, 0x1f18e}, {0x1f191, 0x1f19a},
    {0x1f200, 0x1f320}, {0x1f32d, 0x1f335}, {0x1f337, 0x1f37c}, {0x1f37e, 0x1f393}, {0x1f3a0, 0x1f3ca},
    {0x1f3cf, 0x1f3d3}, {0x1f3e0, 0x1f3f0}, {0x1f3f4, 0x1f3f4}, {0x1f3f8, 0x1f43e}, {0x1f440, 0x1f440},
    {0x1f442, 0x1f4fc}, {0x1f4ff, 0x1f53d}, {0x1f54b, 0x1f54e}, {0x1f550, 0x1f567}, {0x1f57a, 0x1f57a},
    {0x1f595, 0x1f596}, {0x1f5a4, 0x1f5a4}, {0x1f5fb, 0x1f64f}, {0x1f680, 0x1f6c5}, {0x1f6cc, 0x1f6cc},
    {0x1f6d0, 0x1f6d2}, {0x1f6d5, 0x1f6df}, {0x1f6eb, 0x1f6ec}, {0x1f6f4, 0x1f6fc}, {0x1f7e0, 0x1f7f0},
    {0x1f90c, 0x1f93a}, {0x1f93c, 0x1f945}, {0x1f947, 0x1f9ff}, {0x1fa70, 0x1faf6}, {0x20000, 0x3fffd},
};

static const struct span empty[] = {
    {0x0000, 0x001f}, {0x007f, 0x009f}, {0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd},
    {0x0610, 0x061a}, {0x064b, 0x065f}, {0x0e31, 0x0e31}, {0x0e34, 0x0e3a}, {0x0e47, 0x0e4e},
    {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff}, {0x200b, 0x200f}, {0x202a, 0x202e}, {0x2060, 0x2064},
    {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}, {0xfeff, 0xfeff}, {0xe0100, 0xe01ef},
};

static bool within(const struct span *spans, size_t n, uint32_t cp) {
    size_t low = 0, high = n;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (cp > spans[mid].last)
            low = mid + 1;
        else if (cp < spans[mid].first)
            high = mid;
        else
            return true;
    }
    return false;
}

size_t utf8_next(const char *s, const char *end, uint32_t *cp) {
    unsigned char c = (unsigned char)*s;
    size_t n = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 : c >= 0xf0 && c < 0xf5 ? 4 : 0;
    *cp = 0xfffd;
    if (n == 0 || (size_t)(end - s) < n) return 1;
    uint32_t v = n == 1 ? c : (uint32_t)c & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if (((unsigned char)s[i] & 0xc0) != 0x80) return 1;
        v = v << 6 | ((unsigned char)s[i] & 0x3f);
    }
    bool overlong = (n == 3 && v < 0x800) || (n == 4 && v < 0x10000);
    if (overlong || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff)) return 1;
    *cp = v;
    return n;
}

unsigned char_width(uint32_t cp) {
    if (cp >= 0x20 && cp < 0x7f) return 1;
    if (within(empty, sizeof empty / sizeof empty[0], cp)) return 0;
    return within(wide, sizeof wide / sizeof wide[0], cp) ? 2 : 1;
}

/* The bytes of an SGR sequence that starts at s, or 0. */
static size_t sgr(const char *s) {
    if (s[0] != '\033' || s[1] != '[') return 0;
    size_t n = 2;
    while ((s[n] >= '0' && s[n] <= '9') || s[n] == ';') n++;
    return s[n] == 'm' ? n + 1 : 0;
}

size_t text_width(const char *s) {
    const char *end = s + strlen(s);
    size_t columns = 0;
    while (s < end) {
        size_t skip = sgr(s);
        uint32_t cp;
        if (skip != 0) {
            s += skip;
            continue;
        }
        s += utf8_next(s, end, &cp);
        columns += char_width(cp);
    }
    return columns;
}

/* Must not stand at the start of a line: closing punctuation, narrow or wide. */
static bool closes(uint32_t cp) {
    static const uint32_t marks[] = {',',    '.',    ';',    ':',    '!',    '?',    ')',    0x3001, 0x3002,
                                     0xff0c, 0xff1b, 0xff1a, 0xff01, 0xff1f, 0xff09, 0x201d, 0x300d};
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++)
        if (marks[i] == cp) return true;
    return false;
}

/* Must stay with what comes next: a no-break space, an opening bracket. */
static bool joins(uint32_t cp) { return cp == 0xa0 || cp == 0xff08 || cp == 0x300c || cp == 0x201c; }

size_t text_wrap(const char *s, size_t columns) {
    const char *end = s + strlen(s), *at = s, *good = NULL;
    size_t used = 0;
    uint32_t before = 0;
    bool glued = false; /* a no-break space stands before the wide characters at hand */
    if ((size_t)(end - s) <= columns) return (size_t)(end - s); /* no character has more columns than bytes */
    while (at < end) {
        uint32_t cp;
        size_t n = utf8_next(at, end, &cp);
        bool wide_pair = (char_width(cp) == 2 || char_width(before) == 2) && !glued;
        glued = cp == 0xa0 || (glued && char_width(cp) == 2 && !closes(cp));
        if (at > s && (cp == ' ' || (wide_pair && before != ' ' && !closes(cp) && !joins(before) && cp != 0xa0)))
            good = at;
        if (used + char_width(cp) > columns && at > s) return (size_t)((good != NULL ? good : at) - s);
        used += char_width(cp);
        before = cp;
        at += n;
    }
    return (size_t)(end - s);
}

void text_close_up(char *s) {
    const char *at = s, *end = s + strlen(s);
    uint32_t before = 0, cp, next;
    char *to = s;
    while (at < end) {
        size_t n = utf8_next(at, end, &cp);
        bool gap = cp == ' ' && char_width(before) == 2 && at + n < end;
        if (gap) utf8_next(at + n, end, &next);
        if (!gap || char_width(next) < 2) {
            memmove(to, at, n);
            to += n;
        }
        before = cp;
        at += n;
    }
    *to = '\0';
}

void row_start(row *r, bool colour) {
    r->len = r->column = 0;
    r->colour = colour;
    r->text[0] = '\0';
}

void row_put_n(row *r, const char *s, size_t bytes) {
    const char *end = s + bytes;
    while (s < end) {
        uint32_t cp;
        while (s < end && *s >= ' ' && *s <= '~' && r->len + 1 < ROW_BYTES - 8) {
            r->text[r->len++] = *s++;
            r->column++;
        }
        if (s == end) break;
        size_t n = utf8_next(s, end, &cp);
        const char *from = s;
        if (r->len + n >= ROW_BYTES - 8) break;
        s += n;
        if (cp == 0xfffd && n == 1) from = "?";
        if (cp == 0xa0) { /* kept text_wrap from breaking here */
            r->text[r->len++] = ' ';
            r->column++;
            continue;
        }
        if (char_width(cp) == 0 && cp < 0xa0) continue; /* a control character never reaches the terminal */
        memcpy(r->text + r->len, from, n);
        r->len += n;
        r->column += char_width(cp);
    }
    r->text[r->len] = '\0';
}

void row_put(row *r, const char *s) { row_put_n(r, s, strlen(s)); }

void row_putf(row *r, const char *format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (n > 0) row_put(r, text);
}

void row_repeat(row *r, const char *glyph, size_t times) {
    while (times-- > 0) row_put(r, glyph);
}

void row_to(row *r, size_t column) {
    if (column > r->column) row_repeat(r, " ", column - r->column);
}

void row_cell(row *r, const char *s, size_t columns) {
    const char *end = s + strlen(s);
    size_t stop = r->column + columns;
    while (s < end) {
        uint32_t cp;
        size_t n = utf8_next(s, end, &cp);
        if (r->column + char_width(cp) > stop) break;
        row_put_n(r, s, n);
        s += n;
    }
    row_to(r, stop);
}

void row_look(row *r, enum look look) {
    static const char *const codes[] = {"\033[0m",  "\033[2m",  "\033[1m",  "\033[32m",
                                        "\033[33m", "\033[31m", "\033[35m", "\033[36m"};
    size_t n = strlen(codes[look]);
    if (!r->colour || r->len + n >= ROW_BYTES) return;
    memcpy(r->text + r->len, codes[look], n + 1);
    r->len += n;
}

void row_trim(row *r) {
    while (r->len > 0 && r->text[r->len - 1] == ' ') r->text[--r->len] = '\0';
}

bool colour_wanted(const char *when, int fd) {
    const char *no = getenv("NO_COLOR"), *force = getenv("CLICOLOR_FORCE"), *term = getenv("TERM");
    if (strcmp(when, "always") == 0) return true;
    if (strcmp(when, "never") == 0 || (no != NULL && no[0] != '\0')) return false;
    if (force != NULL && force[0] != '\0' && strcmp(force, "0") != 0) return true;
    return isatty(fd) == 1 && term != NULL && term[0] != '\0' && strcmp(term, "dumb") != 0;
}

unsigned terminal_width(int fd, unsigned otherwise) {
    struct winsize size;
    if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
    const char *columns = getenv("COLUMNS");
    unsigned long n = columns != NULL ? strtoul(columns, NULL, 10) : 0;
    return n > 0 && n < 1000 ? (unsigned)n : otherwise;
}
