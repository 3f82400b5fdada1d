/* follow.h - waits for more of a capture file that another program is still writing, and sees when it is that file no
 * longer. The bytes are read by input.h. */
#ifndef EXPLAIN_FOLLOW_H
#define EXPLAIN_FOLLOW_H

#include "base/base.h"

enum { FOLLOW_HEAD = 512 };

struct follow {
    int watch; /* of the system, tells of changes; -1: there is none, and time must do */
    const char *over;
    size_t known; /* of the first bytes */
    uint8_t head[FOLLOW_HEAD];
};

/* Before the rights are given up. NULL, or why this file cannot be followed, marked with N_; that it cannot be opened is
 * left to whoever opens it. */
const char *follow_begin(struct follow *f, const char *path);
void follow_end(struct follow *f);
/* At the end of the open file, of which `read` bytes were read: waits until there may be more, for a fifth of a second at
 * most. NULL, or why it is over, marked with N_; what was written before it was removed is read first. */
const char *follow_wait(struct follow *f, int fd, uint64_t read);

#endif
