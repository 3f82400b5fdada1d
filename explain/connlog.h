/* connlog.h - a line a connection, in the columns and with the words of Zeek's conn.log, so that what reads those reads
 * ours. One line says less than a verdict: see json.h for all of it. */
#ifndef EXPLAIN_CONNLOG_H
#define EXPLAIN_CONNLOG_H

#include <stdio.h>

#include "explain/verdict.h"

void connlog_begin(FILE *out, uint64_t opened_ns);
void connlog_flow(FILE *out, const struct explain_flow *flow, const struct verdict *v);
void connlog_end(FILE *out, uint64_t closed_ns);
/* Adds to the flow's history what this packet shows for the first time from its sender: call for each packet. `l` is
 * what it said to its stream; NULL for copies. */
void connlog_packet(struct explain_flow *flow, const struct flow_packet *p, const struct sight *l);

#endif
