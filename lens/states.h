/* states.h - the connection state machine as a drawing, out of the library's own transition table: RFC 9293 3.3.2,
 * Figure 5. What a state means is cli/states.def's. */
#ifndef LENS_STATES_H
#define LENS_STATES_H

#include <stdio.h>

#include "tern.h"

/* An <svg> element that stands alone, too. `all`: the moves without an arrow are listed below. */
void states_svg(FILE *out, enum tern_lang lang, bool all);
/* For Graphviz: every row of the table. */
void states_dot(FILE *out);
/* Has this move an arrow in the drawing? Figure 5 leaves out resets, aborts and timeouts. */
bool states_drawn(const tern_transition *t);

#endif
