/* tally.h - one connection in a few numbers: bytes, segments, repeats, round trip, and how it opened and closed. Fed
 * with the trace of one end; words are its user's. */
#ifndef LENS_TALLY_H
#define LENS_TALLY_H

#include "lens/numbers.h"

enum tally_open { OPEN_NOT, OPEN_THREE, OPEN_SIMULTANEOUS, OPEN_REFUSED };
/* RFC 9293 3.6: FIN, ACK, FIN, ACK; three when the second FIN carries the ACK; both FINs under way at once; RST. */
enum tally_close { CLOSE_NOT, CLOSE_FOUR, CLOSE_THREE, CLOSE_SIMULTANEOUS, CLOSE_RESET };

struct tally_end {
    uint64_t segments, bytes, repeated;
};

struct tally {
    bool started;
    tern_flow flow; /* as the traced end sees it */
    uint64_t first_ns, last_ns;
    struct tally_end end[2]; /* END_A: the traced end */
    uint32_t srtt_us;        /* the latest, 0: never measured */
    enum tally_open open;
    enum tally_close close;
    int closed_first;      /* END_A or END_B; -1: nobody has closed */
    enum tern_state state; /* of the traced end */

    numbers n;
    bool syn[2], fin_acked_alone[2];
};

void tally_start(struct tally *t);
/* Counts the records of the first connection whose segment it sees, and no other. */
void tally_record(struct tally *t, const tern_trace *record);

#endif
