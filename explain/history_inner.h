/* history_inner.h - what the files of the history share. */
#ifndef EXPLAIN_HISTORY_INNER_H
#define EXPLAIN_HISTORY_INNER_H

#include "explain/history.h"

/* repeat.c: repetitions and what they were for, round trips. */
void repeat_follow(struct record *r, const struct flow_packet *p, const struct sight *l);
/* ecn.c: congestion marks; and what both ends agreed on. */
void ecn_follow(struct history *h, const struct flow_packet *p, const struct sight *l);
enum marking ecn_agreed(const struct history *h, enum certainty *sure);
/* history.c: does its identification say that it left before the latest of its sender? */
bool history_earlier(const struct history_end *e, const struct flow_packet *p);
/* reset.c: the first RST that counts, and why it was sent. */
void reset_follow(struct record *r, const struct flow_packet *p, const struct sight *l);
/* machine.c: where the user says that it was taken. */
enum vantage vantage_said(const struct explain_machine *m, const struct explain_flow *flow);

#endif
