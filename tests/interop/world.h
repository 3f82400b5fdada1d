/* world.h - what every test against the Linux kernel starts from: a network namespace of its own, a TUN or TAP device
 * in it, and a tern stack on the other side of that device. The kernel's sockets are kernel.h's.
 *
 * The tests drive both sides from one thread: the kernel's sockets do not block, and WORLD_UNTIL turns the stack's loop
 * until something holds. Only bulk data runs the loop in a thread of its own.
 */
#ifndef INTEROP_WORLD_H
#define INTEROP_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/host.h"
#include "drivers/loop.h"
#include "drivers/memlink.h"
#include "drivers/tun.h"
#include "pulse.h"

#define MS 1000000u

/* The two hosts: 10.77.0.1 and fd77::1 are the kernel, 10.77.0.2 and fd77::2 are tern. */
tern_addr world_kernel(int family);
tern_addr world_ours(int family);

/* ---- one test's world ---- */

struct world_config {
    uint32_t mtu; /* 0: 1500 */
    bool tap, vnet;
    uint32_t lend;                    /* buffers of the device that the stack may keep */
    const struct memlink_path *paths; /* NULL: none. [0] from tern to the kernel, [1] back */
    tern_config settings;             /* world_config_default fills it; allocator and entropy are world_open's */
};
struct world_config world_config_default(void);

/* One end of a connection, or a listener, and all its events so far; a socket's user value points to it. */
struct end {
    tern_sock sock;
    tern_flow flow;
    uint32_t bits; /* enum tern_event_bits, collected */
    int32_t error;
};

/* A segment as it crossed the device. */
struct seen {
    bool out; /* from tern */
    uint16_t flags, window;
    uint16_t local_port, remote_port;
    uint32_t seq, ack, len;
    int8_t wscale;
    bool timestamps;
    uint64_t at_ns;
};

enum { SEEN_MAX = 8192 };

struct world {
    tern_stack *stack;
    int iface;
    struct device *dev;
    struct loop loop;
    uint64_t live_bytes, live_blocks; /* what the stack has from its allocator now */
    size_t idle_bytes, idle_blocks;   /* and had when nothing had happened yet */
    size_t seen_count;
    struct seen seen[SEEN_MAX];
};

/* A namespace, a device and a stack; fails the test when one of them cannot be had. Free with world_close. */
struct world *world_open(const struct world_config *config);
/* Frees the stack, and sees that the allocator got everything back. */
void world_close(struct world *w);
/* The stack is gone without a word, and a new one knows nothing of what was. Its events go to nobody's `struct end` but
 * those named to it from now on. */
void world_reboot(struct world *w, const struct world_config *config);

/* One turn of the loop; sleeps for a packet at most `max_ns`. */
void world_turn(struct world *w, uint64_t max_ns);
void world_turns(struct world *w, unsigned ms);

/* Fails the test; before that it tells what the stack has. */
void world_late(struct world *w, unsigned ms, const char *condition);
/* Turns until `condition` holds; fails the test after `ms`. */
#define WORLD_UNTIL(w, condition, ms)                                                                                  \
    do {                                                                                                               \
        for (uint64_t end_ = tern_host_now() + (uint64_t)(ms)*MS; !(condition); world_turn(w, MS / 2))                 \
            if (tern_host_now() > end_) world_late(w, (unsigned)(ms), #condition);                                     \
    } while (0)

/* ---- the stack's side ---- */

void world_connect(struct world *w, int family, uint16_t port, struct end *e);
void world_listen(struct world *w, uint16_t port, uint32_t backlog, struct end *e);
/* False: nobody waits. */
bool world_accept(struct world *w, const struct end *listener, struct end *e);
enum tern_state world_state(struct world *w, const struct end *e); /* TERN_CLOSED when the handle is gone */
tern_stats world_stats(struct world *w);
uint64_t world_counter(struct world *w, const char *reason); /* "RST_EXACT" */
/* Half-open and TIME-WAIT records and connections that no handle names, e.g. one that was closed. */
bool world_find(struct world *w, const tern_flow *flow, tern_status_info *out);
/* Nothing is left of any connection, and all of its memory came back. */
void world_expect_idle(struct world *w);

/* The next segment from *at on with these ends, direction and all of these flags; moves *at behind it. */
const struct seen *world_seen(const struct world *w, size_t *at, bool out, uint16_t flags);
/* Segments are collected from now on, or no more. It is on at first; bulk data turns it off. */
void world_watch(struct world *w, bool on);
void world_print_seen(const struct world *w);

/* ---- the program ---- */

/* Exits with 77 and a reason where the system refuses namespaces or devices. Call it before anything else. */
void world_require(void);
/* TERN_TEST_SCALE=small: less volume, for all builds but the first. */
bool world_small(void);

#endif
