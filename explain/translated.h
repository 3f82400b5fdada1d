/* translated.h - the same connection under other addresses, as a capture on both sides of a translation (NAT) has it:
 * known by the first numbers of both ends. Translators that change those are not seen through. */
#ifndef EXPLAIN_TRANSLATED_H
#define EXPLAIN_TRANSLATED_H

#include "explain/flow.h"

struct translated;
struct translated *translated_new(void);
void translated_free(struct translated *t);
/* A SYN-ACK of the connection `id`: which other one had the same numbers just before? 0: none. */
uint64_t translated_seen(struct translated *t, const struct flow_packet *p, uint64_t id);

#endif
