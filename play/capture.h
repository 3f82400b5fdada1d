/* capture.h - a run as a capture file: a tap in the middle of the line, each packet when it left its sender, and beside
 * it the states of both ends before and after, and why (lens/pcapng.h). */
#ifndef PLAY_CAPTURE_H
#define PLAY_CAPTURE_H

#include "lens/pcapng.h"
#include "play/tape.h"

/* Writes the packets of a tape as interface `iface`, `offset_ns` later than the tape says. */
void capture_tape(struct pcapng *p, int iface, const struct tape *tape, uint64_t offset_ns, enum tern_lang lang);

#endif
