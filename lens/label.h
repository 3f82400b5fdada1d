/* label.h - what stands on the arrow of a segment: its flags, its numbers, its options, word by word. How many of them
 * fit, and where, is the drawer's business. */
#ifndef LENS_LABEL_H
#define LENS_LABEL_H

#include "lens/rung.h"

enum { LABEL_WORDS = 24, LABEL_WORD = 64, LABEL_TEXT = LABEL_WORDS * (LABEL_WORD + 2) };

struct label {
    size_t n;
    size_t head;    /* words before: the flags, and what became of the segment */
    size_t numbers; /* words from head up to here: Seq, Ack, Len, Win; behind them the options */
    char text[LABEL_WORDS][LABEL_WORD];
};

void label_make(struct label *t, const struct ladder_options *o, const struct rung *rung, const numbers *n);
/* Joins words from `from` on while they fit into `columns`, at least one; returns the first that does not. */
size_t label_join(const struct label *t, size_t from, size_t columns, char *buf, size_t size);

#endif
