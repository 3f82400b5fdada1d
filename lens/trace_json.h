/* trace_json.h - the trace as JSON Lines, schema "tern.trace/1": one object a line, as docs/trace-json.md describes. */
#ifndef LENS_TRACE_JSON_H
#define LENS_TRACE_JSON_H

#include <stdio.h>

#include "tern.h"

/* The first line of a stream. `epoch_ns` added to a record's time gives Unix time. */
void trace_json_start(FILE *out, uint64_t epoch_ns);
/* One record; `host` tells two stacks in one stream apart, NULL: leave it out. Raw packets give their length only. */
void trace_json_record(FILE *out, const char *host, const tern_trace *record);

#endif
