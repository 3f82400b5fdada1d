/* read.h - what the parts of the reader share: read.c knows the lines of a scenario, read_act.c what applications and
 * strangers do, read_expect.c what must be true. */
#ifndef PLAY_READ_H
#define PLAY_READ_H

#include "play/lex.h"

/* "SYN,ACK nth 2- from 1s to 2s": which segments of a direction. `nth` tells whether those words may come. */
bool read_match(struct lex *l, struct play_match *match, bool nth);
/* "at ..." and "when ...", behind that word. */
bool read_act(struct lex *l, struct play_take *take, bool timed);
/* "say-zh": the last note in Chinese. */
bool read_say_zh(struct lex *l, struct play_take *take);
bool read_expect(struct lex *l, struct play_take *take);

#endif
