/* report.h - what explain found, for people: a line a connection, one connection in full, a last line of totals. The
 * ladder between is drawn.h's; machines read json.h or connlog.h. */
#ifndef EXPLAIN_REPORT_H
#define EXPLAIN_REPORT_H

#include <stdio.h>

#include "explain/totals.h"

struct report {
    FILE *out;
    enum tern_lang lang;
    unsigned width;
    bool colour, ascii;
};

/* What the columns are. */
void report_heading(const struct report *r);
/* One line, and below it what was wrong. */
void report_line(const struct report *r, const struct explain_flow *f, const struct verdict *v);
/* Everything, behind the ladder. */
void report_full(const struct report *r, const struct explain_flow *f, const struct verdict *v);
/* How the clocks of several files compare. */
struct clocks;
void report_clocks(const struct report *r, const struct clocks *clocks, const char *const *files, size_t n);
void report_totals(const struct report *r, const struct totals *t);

#endif
