/* apart.h - a measurement in a process of its own: with a fresh heap, or in a network of its own. */
#ifndef BENCH_APART_H
#define BENCH_APART_H

#include <stdbool.h>

enum { APART_VALUES = 4, APART_TEXT = 256 };

struct apart {
    bool ok;
    char text[APART_TEXT]; /* if not ok: why */
    double value[APART_VALUES];
};
/* Runs fn(ctx, result) in a child. Not ok, with a reason: it said so, or it ended badly. */
void apart_run(void (*fn)(const void *ctx, struct apart *result), const void *ctx, struct apart *result);

#endif
