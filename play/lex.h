/* lex.h - the words of a scenario's line, and what a word can mean: a time, a number, flags, a host. Which words stand
 * where is read.c's. Every function that takes a word says where it stood and what was expected instead. */
#ifndef PLAY_LEX_H
#define PLAY_LEX_H

#include "play/scenario.h"

enum { LEX_WORDS = 40, LEX_WORD = 96 };

struct lex {
    const char *file;
    const char *at, *end; /* what is still to be read */
    unsigned line;
    unsigned words, next;
    struct {
        unsigned column;
        char text[LEX_WORD];
    } word[LEX_WORDS];
    const char *line_at, *line_end;
    struct play_error *err;
    bool bad;
};

/* Goes to the next line that has words; false at the end, or when something is wrong (then `bad`). */
bool lex_line(struct lex *l);
/* What was expected (marked with N_), and what stands there instead. Always false. */
bool lex_expected(struct lex *l, const char *what);
bool lex_fail(struct lex *l, unsigned column, const char *format, ...) __attribute__((format(printf, 3, 4)));
struct play_place lex_place(const struct lex *l);

/* The next word, or "" at the end of the line. */
const char *lex_peek(const struct lex *l);
/* Takes the next word if it is this one. */
bool lex_is(struct lex *l, const char *word);
/* The same, and complains otherwise. */
bool lex_must(struct lex *l, const char *word);
/* Nothing may follow. */
bool lex_over(struct lex *l);

bool lex_time(struct lex *l, uint64_t *ns);
bool lex_count(struct lex *l, uint64_t max, uint64_t *out);
bool lex_port(struct lex *l, uint16_t *out);
bool lex_end(struct lex *l, int *end);             /* A or B */
bool lex_who(struct lex *l, struct play_who *who); /* A, B, A:40000 */
bool lex_direction(struct lex *l, int *from);      /* A>B or B>A */
bool lex_state(struct lex *l, enum tern_state *out);
bool lex_flags(struct lex *l, uint16_t *out); /* SYN,ACK; none */
/* 7, @1234567, guess, guess+1 */
bool lex_number(struct lex *l, struct play_number *out);
/* Is the next word KEY=...? Then what stands behind the sign becomes the next word. */
bool lex_key(struct lex *l, const char *key);
/* The line from the next word on as text. */
bool lex_text(struct lex *l, char *out, size_t size);

#endif
