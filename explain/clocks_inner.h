/* clocks_inner.h - between clocks.c, which finds the packets that two files share, and clock_line.c, which fits a line
 * to what they tell. */
#ifndef EXPLAIN_CLOCKS_INNER_H
#define EXPLAIN_CLOCKS_INNER_H

#include "explain/clocks.h"

/* One packet in two files. */
struct clock_pair {
    uint64_t at_ns;        /* in the earlier file */
    int64_t lead_ns;       /* how much later it is in the other one, each by its own clock */
    uint32_t flow;         /* a hash of the connection */
    uint32_t file[2];      /* the earlier one, the other one */
    uint16_t id[2];        /* IP identification */
    uint8_t ttl[2], forth; /* forth: its direction within the connection */
    int8_t first;          /* who saw it first: 1 the earlier file, -1 the other one, 0 not known */
};

/* Sorts and thins out the pairs of two files, and fills in all of *out that they tell; false: too few of them agree.
 * `apart`: packets take time from one file to the other. */
bool clock_line(struct clock_pair *pair, size_t n, struct clock_fit *out, bool *apart);

enum { CLOCK_PAIRS_LEAST = 3 };

#endif
