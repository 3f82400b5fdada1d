/* spoiled.h - two network namespaces of the kernel and a wire between them that delays, loses and reorders: the two ends
 * of a veth pair each, and a process in the middle that carries frames, segmentation offload included. For what tern
 * itself sends see impair.h. */
#ifndef INTEROP_SPOILED_H
#define INTEROP_SPOILED_H

#include <stdbool.h>
#include <sys/types.h>

enum { SPOILED_A, SPOILED_B };

struct spoiled {
    int home, net[2]; /* namespaces: where the process was, those of the ends */
    pid_t wire;
    unsigned first; /* the number of the first device of the wire */
};

/* How it treats TCP; everything else passes. Of a thousand packets. */
struct spoiled_wire {
    unsigned delay_ms, loss, reorder;
};

/* After netns_enter. The devices are t0 with 10.77.0.1 and 10.77.0.2. False: this machine does not offer it, and why is
 * printed. */
bool spoiled_open(struct spoiled *s, const struct spoiled_wire *wire);
void spoiled_close(struct spoiled *s);
/* From now on this thread opens sockets and starts programs there. */
void spoiled_enter(const struct spoiled *s, int end);

#endif
