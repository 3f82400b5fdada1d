/* drawn.h - a captured connection as a ladder, out of its kept steps: lens/rung.h draws the text, lens/picture.h keeps
 * it for SVG, Mermaid and HTML. A state that is not certain has a question mark, and the sentence beside it says which
 * ones are possible and what would decide. */
#ifndef EXPLAIN_DRAWN_H
#define EXPLAIN_DRAWN_H

#include "explain/steps.h"
#include "lens/ladder.h"

void drawn_flow(const struct ladder_options *o, const struct explain_flow *f, const struct steps *s);

/* What is to be said of one packet: which states changed, what is not certain, what was found, its marks. For the
 * ladder and for annotations. `numbered`: findings of the flow up to now. Empty: nothing. */
void drawn_remarks(const struct explain_flow *f, const struct flow_packet *p, const struct passive_view *view,
                   const uint16_t told[2], enum tern_lang lang, char *buf, size_t size);

/* Adds how long a packet took between two places. */
void drawn_transit(uint64_t transit_ns, enum tern_lang lang, char *buf, size_t size);

#endif
