/* loop.h - the loop of tern.h in real time, for one stack on one device, and other files beside it. For signals,
 * watch a signalfd: a handler may run just before the sleep and change nothing about it.
 *
 *     loop_init(&loop, stack, iface, device);
 *     loop.on_event = my_event;
 *     loop_watch(&loop, STDIN_FILENO, POLLIN, my_input, me);
 *     loop_run(&loop, &err);
 */
#ifndef DRIVERS_LOOP_H
#define DRIVERS_LOOP_H

#include "drivers/driver.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { LOOP_WATCHES = 16 };

/* `revents` as of poll(2). May call anything but loop_run and loop_turn. */
typedef void loop_file_fn(void *ctx, int fd, short revents);

struct loop {
    /* may be set after loop_init, all may be NULL */
    void (*on_event)(void *ctx, const tern_event *event);
    void (*on_turn)(void *ctx, uint64_t now_ns); /* once a turn, after the events and before the output */
    void *ctx;                                   /* of both */
    bool stop;                                   /* loop_run returns 0 at the end of the turn, and resets it */
    uint64_t wake_ns;       /* a turn is made then at the latest; TERN_NEVER. Set it again each time */
    uint64_t dropped_iface; /* frames for other interfaces than this one */

    /* private */
    tern_stack *stack;
    int iface;
    struct device *dev;
    struct {
        int fd; /* -1: free */
        short events;
        loop_file_fn *fn;
        void *ctx;
    } watch[LOOP_WATCHES];
};

void loop_init(struct loop *loop, tern_stack *stack, int iface, struct device *dev);
/* Calls `fn` when the file is ready for `events` (POLLIN, POLLOUT); a file watched already is changed. -ENOSPC. */
int loop_watch(struct loop *loop, int fd, short events, loop_file_fn *fn, void *ctx);
void loop_unwatch(struct loop *loop, int fd);

/* Turns until `stop`. Returns 0, or the device's error: DEVICE_END when it came to its end in good order. */
int loop_run(struct loop *loop, struct driver_error *err);
/* One turn: sleeps until something is due, `max_ns` at most, then files, input, timers, events, output. */
int loop_turn(struct loop *loop, uint64_t max_ns, struct driver_error *err);

#ifdef __cplusplus
}
#endif
#endif
