/* loop.c - waits for packets, files and deadlines, and turns the stack's loop. */
#include "drivers/loop.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#include "drivers/host.h"

/* A turn takes and gives at most so many batches: the answers to what it gives wait in a queue of the device, and TUN's
 * holds 500 packets unless told otherwise. Output stops while so much waits on our side. */
enum { BATCH = 64, BATCHES_IN_A_TURN = 4, QUEUE_HIGH = 256 << 10 };
#define CONGESTED_NS 5000000u

void loop_init(struct loop *loop, tern_stack *stack, int iface, struct device *dev) {
    memset(loop, 0, sizeof *loop);
    loop->stack = stack;
    loop->iface = iface;
    loop->dev = dev;
    loop->wake_ns = TERN_NEVER;
    for (int i = 0; i < LOOP_WATCHES; i++) loop->watch[i].fd = -1;
}

void loop_unwatch(struct loop *loop, int fd) {
    for (int i = 0; i < LOOP_WATCHES; i++)
        if (loop->watch[i].fd == fd) loop->watch[i].fd = -1;
}

int loop_watch(struct loop *loop, int fd, short events, loop_file_fn *fn, void *ctx) {
    loop_unwatch(loop, fd);
    for (int i = 0; i < LOOP_WATCHES; i++) {
        if (loop->watch[i].fd >= 0) continue;
        loop->watch[i].fd = fd;
        loop->watch[i].events = events;
        loop->watch[i].fn = fn;
        loop->watch[i].ctx = ctx;
        return 0;
    }
    return -ENOSPC;
}

static bool congested(const struct loop *loop) { return loop->dev->queued > QUEUE_HIGH; }

/* Sleeps until something is due, then serves the other files. */
static void wait_and_serve(struct loop *loop, uint64_t max_ns) {
    struct pollfd fds[2 + LOOP_WATCHES];
    struct device *dev = loop->dev;
    fds[0] = (struct pollfd){dev->fd, POLLIN, 0};
    fds[1] = (struct pollfd){dev->queued > 0 ? dev->out_fd : -1, POLLOUT, 0};
    for (int i = 0; i < LOOP_WATCHES; i++) fds[2 + i] = (struct pollfd){loop->watch[i].fd, loop->watch[i].events, 0};

    uint64_t now = tern_host_now(), due = tern_deadline(loop->stack);
    if (loop->wake_ns < due) due = loop->wake_ns;
    uint64_t wait = due > now ? due - now : 0;
    if (wait == 0 && congested(loop)) wait = CONGESTED_NS; /* frames are due, but there is no room for them */
    if (wait > max_ns) wait = max_ns;
    struct timespec t = {(time_t)(wait / 1000000000u), (long)(wait % 1000000000u)};
    if (ppoll(fds, 2 + LOOP_WATCHES, due == TERN_NEVER && max_ns == TERN_NEVER ? NULL : &t, NULL) <= 0) return;
    for (int i = 0; i < LOOP_WATCHES; i++) {
        int fd = fds[2 + i].fd;
        if (fd >= 0 && fds[2 + i].revents != 0 && loop->watch[i].fd == fd)
            loop->watch[i].fn(loop->watch[i].ctx, fd, fds[2 + i].revents);
    }
}

/* Positive: the device has more. */
static int input(struct loop *loop, uint64_t now, struct driver_error *err) {
    tern_packet packets[BATCH];
    void *tokens[BATCH];
    int n = BATCH;
    /* What was read since the last turn first: its bytes are still in the cache. */
    if (loop->dev->ops->release != NULL)
        for (int back; (back = tern_reclaim(loop->stack, tokens, BATCH)) > 0;)
            for (int i = 0; i < back; i++) device_release(loop->dev, tokens[i]);
    for (int i = 0; i < BATCHES_IN_A_TURN && n == BATCH; i++) {
        n = device_receive(loop->dev, packets, BATCH, err);
        if (n > 0) tern_input(loop->stack, loop->iface, packets, (size_t)n, now);
    }
    return n < 0 ? n : n == BATCH;
}

static int output(struct loop *loop, uint64_t now, struct driver_error *err) {
    tern_frame frames[BATCH];
    int r = loop->dev->queued > 0 ? device_flush(loop->dev, err) : 0;
    for (int i = 0; i < BATCHES_IN_A_TURN && r == 0 && !congested(loop); i++) {
        int n = tern_output(loop->stack, frames, BATCH, now), ours = 0;
        if (n <= 0) break;
        for (int k = 0; k < n; k++) {
            if (frames[k].iface != loop->iface) {
                loop->dropped_iface++;
                continue;
            }
            if (ours != k) frames[ours] = frames[k];
            ours++;
        }
        r = device_send(loop->dev, frames, (size_t)ours, err);
    }
    return r;
}

/* All of a turn but the sleep. Positive: do not sleep before the next one. */
static int turn(struct loop *loop, struct driver_error *err) {
    tern_event events[BATCH];
    uint64_t now = tern_host_now();
    int more = input(loop, now, err);
    tern_expire(loop->stack, now);
    for (int n; (n = tern_poll(loop->stack, events, BATCH)) > 0;)
        for (int i = 0; i < n && loop->on_event != NULL; i++) loop->on_event(loop->ctx, &events[i]);
    if (loop->on_turn != NULL) loop->on_turn(loop->ctx, now);
    int r = output(loop, now, more < 0 ? NULL : err);
    return more < 0 ? more : r < 0 ? r : more;
}

int loop_turn(struct loop *loop, uint64_t max_ns, struct driver_error *err) {
    wait_and_serve(loop, max_ns);
    return turn(loop, err);
}

int loop_run(struct loop *loop, struct driver_error *err) {
    int r = 0; /* the first turn does not sleep: calls made before it may have frames ready */
    for (uint64_t max_ns = 0; !loop->stop; max_ns = r > 0 ? 0 : TERN_NEVER) {
        r = loop_turn(loop, max_ns, err);
        if (r < 0) return r;
    }
    loop->stop = false;
    return 0;
}
