/* cut.h - a frame that is too large for its device, as smaller ones: what a device does that cuts segments, for one that
 * cannot this time. */
#ifndef DRIVERS_CUT_H
#define DRIVERS_CUT_H

#include <tern.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Is it an IPv4 TCP segment of several pieces (segment_size) in an IP packet beyond `most` bytes? */
bool cut_needed(const tern_frame *frame, uint32_t most);
/* The next of the frames that `frame` becomes, each of whole pieces and of `most` bytes of IP packet at the most. *at is 0 at
 * first and moves on; false: that was all. A piece points into the same bytes as the frame. */
bool cut_piece(const tern_frame *frame, uint32_t *at, uint32_t most, tern_frame *piece);

#ifdef __cplusplus
}
#endif

#endif
