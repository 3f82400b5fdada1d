/* why.h - the line beside a rung: reasons and sums, joined into one text. */
#ifndef LENS_WHY_H
#define LENS_WHY_H

#include "lens/numbers.h"

struct why {
    char *buf; /* appended to */
    size_t size;
    enum tern_lang lang;
    bool absolute;
    const char *name[2]; /* put before the reasons of each end; NULL: there is only one who could say "we" */
};

/* Appends `text`, behind `separator` when something is there already. */
void why_add(char *buf, size_t size, const char *separator, const char *text);
/* The reason of a segment with these flags, as `end` gives it. Spaces within its sums do not break. */
void why_reason(const struct why *w, int end, uint32_t reason, uint16_t flags);
/* "ack = 1 + 78 bytes = 79", if there is anything to say. `space`: whose numbers. */
void why_sum(const struct why *w, const char *what, const sum *s, const numbers *n, int space);

#endif
