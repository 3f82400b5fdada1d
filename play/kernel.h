/* kernel.h - the Linux kernel as one host of a run: behind a TUN device in a network namespace of its own, in real time.
 * kernel.c has the namespace and the clock, kernel_calls.c the sockets, kernel_watch.c sees what the kernel does and
 * tells it as a trace, so that all else is as with two hosts of tern. */
#ifndef PLAY_KERNEL_H
#define PLAY_KERNEL_H

#include "drivers/sockdiag.h"
#include "drivers/tun.h"
#include "play/stage.h"

enum { KERNEL_FDS = 256 };
#define KERNEL_LIMIT_NS (20ull * SIM_SECOND)

struct kernel {
    int end;
    struct sim_guest guest;
    struct device *dev;
    struct sockdiag *diag;
    uint64_t quiet_ns; /* nothing has happened for so long */
    uint64_t late_ns;  /* as player.h says */
    uint64_t left_ns;  /* when kernel_wait returned; 0: not yet */
    struct {
        bool open, connected, owes; /* owes: not all that was written is acknowledged */
        int error;                  /* how the connection ended */
    } sock[KERNEL_FDS];             /* by file descriptor */
};

/* What made the kernel move: a segment with these flags, a call of this name, or nothing from outside. */
struct cause {
    enum { BY_SEGMENT, BY_CALL, BY_ITSELF } kind;
    uint16_t flags;
    const char *call;
};

/* ---- kernel.c ---- */

/* 0, -1, or PLAY_REFUSED and why. */
int kernel_open(struct stage *g, int end, struct play_error *err);
void kernel_close(struct stage *g);
/* Lets real time pass until then, or until the kernel has something to say. False: nothing more will happen. */
bool kernel_wait(struct stage *g, uint64_t until_ns, bool moved);

/* ---- kernel_calls.c ---- */

/* Tells the applications what they can hear. How much that was. */
size_t kernel_events(struct stage *g);

/* ---- kernel_watch.c ---- */

/* A packet arrives at the kernel. */
void kernel_deliver(struct stage *g, const uint8_t *bytes, uint32_t len);
/* Asks the kernel for the states of all its connections, and tells of those that moved. */
void kernel_look(struct stage *g, const struct cause *cause);
/* Takes what the kernel sent. How many packets. */
size_t kernel_collect(struct stage *g);
/* A connection that just began, or was not there: CLOSED. */
enum tern_state kernel_state(struct stage *g, const tern_flow *flow);

#endif
