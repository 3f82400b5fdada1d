/* clocks.h - the clocks of several captures: packets that two files show, taken at two places, tell how far the clocks
 * of their machines lie apart, and how fast they drift (the reasoning of RFC 5905 8; Paxson 1998 for captures). Of
 * packets it keeps a sample of bounded size. Which packets are one within a connection is places.h's; addresses that
 * were translated on the way match nothing.
 *
 * A packet that passes place 1 before place 2 shows clock 2 minus clock 1 too large by its transit time, one in the
 * other direction too small by its own. So what lies between the least of the one and the most of the other is certain,
 * and its width is the shortest round trip between the places; the middle is right if both ways are equally long. */
#ifndef EXPLAIN_CLOCKS_H
#define EXPLAIN_CLOCKS_H

#include "explain/decode.h"

enum { CLOCK_PLACES = 64 };

enum clock_doubt {
    CLOCK_FITS,    /* offset_ns is right to within within_ns */
    CLOCK_ONE_WAY, /* packets of one direction only: the offset contains their transit time */
    CLOCK_UNEVEN,  /* no straight line fits: a clock was set in between, or is no good */
};

/* What is known of one file's clock. */
struct clock_fit {
    bool known;       /* `against` shows packets of it, too */
    bool aligned;     /* the clocks differ for sure: times of this file are corrected */
    uint8_t doubt;    /* enum clock_doubt */
    bool drifts;      /* by drift_ppb; otherwise none can be seen */
    uint32_t against; /* an earlier file */
    uint32_t place;   /* files of one place share it; those that show the same packets with time between do not */
    uint64_t pairs;   /* packets of the sample that were found in both */
    int64_t offset_ns, drift_ppb; /* this clock minus the other's, at at_ns of the other; what it gains, 10^-9 */
    uint64_t within_ns, at_ns;
    uint64_t first_ns, last_ns; /* of this file, its own clock; 0: it has no TCP packet */
};

struct clocks;

/* NULL: no memory. */
struct clocks *clocks_new(size_t files);
void clocks_free(struct clocks *c);
/* A TCP packet of a file, in any order of files. */
void clocks_packet(struct clocks *c, uint32_t file, const struct decoded *d);
/* After the last one. False: no memory. */
bool clocks_compare(struct clocks *c);
const struct clock_fit *clocks_fit(const struct clocks *c, uint32_t file);
/* How many places there are: 1 unless files show the same packets at different times. */
uint32_t clocks_places(const struct clocks *c);
/* A time of a file on the clock of the first one that it is tied to. */
uint64_t clocks_corrected(const struct clocks *c, uint32_t file, uint64_t time_ns);
/* How far its clock is ahead of that one's. */
int64_t clocks_ahead(const struct clocks *c, uint32_t file);
/* By how much a corrected time of the file may be wrong against another's. */
uint64_t clocks_within(const struct clocks *c, uint32_t file);

#endif
