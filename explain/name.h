/* name.h - names that the outputs of explain share: stable words for machines, and addresses as text. Sentences for
 * people are verdict.h's. */
#ifndef EXPLAIN_NAME_H
#define EXPLAIN_NAME_H

#include "explain/verdict.h"

enum { ENDPOINT_TEXT = 64, STATES_TEXT = 160 };

/* "10.0.0.1:80", "[fd00::1]:80" */
const char *socket_name(const struct flow_half *h, char buf[ENDPOINT_TEXT]);
const char *end_name(int end);          /* "a", "b" or "" */
const char *ended_name(unsigned ended); /* "file_ended" */
/* "duplicate"; of the i-th bit of enum flow_mark, NULL past the last. */
const char *mark_name(unsigned bit);
/* "Geneve" for people, "geneve" for machines; of the i-th bit of enum flow_carrier, NULL past the last. */
const char *carrier_name(unsigned bit, bool machine);
/* Whole states joined with `between`: "ESTABLISHED or CLOSE-WAIT"; "?" when there are none or more than four. */
const char *states_name(uint16_t states, const char *between, char buf[STATES_TEXT]);
/* "1.5 kB", "12 ms": three digits at most, no-break space. */
const char *bytes_name(uint64_t bytes, char buf[32]);
const char *span_name(uint64_t ns, char buf[32]);

#endif
