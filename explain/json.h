/* json.h - what explain found as one JSON document, schema "tern.explain/1" (docs/explain-json.md). Written as it goes:
 * connections in the order of their end, totals last. Names are stable; fields are only ever added. */
#ifndef EXPLAIN_JSON_H
#define EXPLAIN_JSON_H

#include <stdio.h>

#include "explain/steps.h"
#include "explain/totals.h"

/* `clocks` NULL: they were not compared. */
struct clocks;
void json_begin(FILE *out, const char *const *files, size_t n, const struct clocks *clocks);
/* `steps` NULL: without the packets. `first`: of the document. */
void json_flow(FILE *out, const struct explain_flow *flow, const struct verdict *v, const struct steps *steps,
               bool first);
void json_end(FILE *out, const struct totals *t);

#endif
