/* scan.h - a script as tokens, with the place of each. Comments, line ends and #ifdef are gone here; a word that was
 * defined is already its value. */
#ifndef DRILL_SCAN_H
#define DRILL_SCAN_H

#include "drill/script.h"

enum token_kind {
    TOKEN_END,
    TOKEN_INTEGER,
    TOKEN_FLOAT,
    TOKEN_WORD,
    TOKEN_STRING,
    TOKEN_COMMAND, /* `...` */
    TOKEN_CODE,    /* %{ ... }% */
    TOKEN_OPTION,  /* --name */
    TOKEN_ELLIPSIS,
    TOKEN_SIGN, /* one character: sign */
};

struct token {
    enum token_kind kind;
    struct place at;
    char sign;
    bool hex;
    int64_t integer;
    uint64_t ns;      /* an integer or float as seconds */
    bool whole_ns;    /* ns is what the number says: not negative, not too large */
    const char *text; /* word, string, command, code, option; in the arena, ended by NUL */
    size_t len;
    const char *from, *to; /* in the source */
};

enum { IF_DEPTH = 16 };

struct scan {
    const char *source, *end, *at;
    struct place place; /* of `at` */
    struct arena *arena;
    struct drill_options *options; /* for the defines */
    struct drill_error *err;
    bool failed;
    struct token now; /* the token at hand */
    unsigned depth;
    bool in_else[IF_DEPTH];
    bool expanding; /* inside the value of a define: words are not looked up again */
};

void scan_start(struct scan *l, const char *source, size_t len, struct arena *arena, struct drill_options *options,
                struct drill_error *err);
/* Moves on to the next token. */
void scan_next(struct scan *l);
/* How many characters of `set` follow each other from where the token at hand starts. */
size_t scan_run(const struct scan *l, const char *set);
/* Takes `len` characters from where the token at hand starts, and moves on to the token behind them. */
void scan_take(struct scan *l, size_t len);
/* The first error counts. */
void scan_fail(struct scan *l, struct place at, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The token as a person would quote it. */
const char *token_text(const struct token *t, char *buf, size_t size);

#endif
