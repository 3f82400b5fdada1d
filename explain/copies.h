/* copies.h - is this packet one that was just seen? Mirror ports, bridges and captures on several interfaces show a
 * packet more than once; taken for retransmissions, copies are the most frequent false alarm there is. */
#ifndef EXPLAIN_COPIES_H
#define EXPLAIN_COPIES_H

#include "explain/decode.h"

struct copies;

struct copies *copies_new(void);
void copies_free(struct copies *c);
/* All that the sender of a packet wrote, as one number; `flow_hash` stands for addresses and ports. What will be asked
 * of it comes into the processor's cache. */
uint64_t copies_print(const struct copies *c, uint64_t flow_hash, const struct decoded *d);
/* Remembers the packet with this print; true when it is a copy of one before. */
bool copies_seen(struct copies *c, uint64_t print, const struct decoded *d);

#endif
