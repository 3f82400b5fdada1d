/* totals.h - a whole capture in numbers: packets by what they were, connections by how they opened and closed, findings
 * by their code. For the last line, JSON and OpenMetrics. */
#ifndef EXPLAIN_TOTALS_H
#define EXPLAIN_TOTALS_H

#include <stdio.h>

#include "explain/decode.h"
#include "explain/verdict.h"

struct totals {
    uint64_t packets, captured, kinds[DECODE_KINDS]; /* captured: bytes */
    uint64_t errors;                                 /* places that could not be read */
    uint64_t first_ns, last_ns;
    uint64_t dropped;                         /* by the system, before a live capture got them */
    uint64_t connections, problems, warnings; /* those whose worst finding is that */
    uint64_t opening[OPENINGS], closing[CLOSINGS], finding[FINDINGS];
    uint64_t repeats[REPEAT_CAUSES], bytes;
    struct flow_counts flows;
};

void totals_packet(struct totals *t, const struct capture_packet *p, enum decode_kind kind);
void totals_flow(struct totals *t, const struct explain_flow *flow, const struct verdict *v);
/* The text format of OpenMetrics 1.0. */
void totals_openmetrics(const struct totals *t, FILE *out);
/* An object. */
void totals_json(const struct totals *t, FILE *out);

#endif
