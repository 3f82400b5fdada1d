/* world.c - see world.h. */
#include "drill/world.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/host.h"

enum { IFACE = 0, BATCH = 16, STEPS_AT_ONCE = 100000 };

/* The clock starts here, so that nothing has the time 0. */
#define START_NS 100000000000u

static void on_trace(void *ctx, const tern_trace *record) {
    struct world *w = ctx;
    if (w->pcap != NULL) pcapng_trace(w->pcap, 0, record);
    if (record->kind == TERN_TRACE_PACKET_IN || record->kind == TERN_TRACE_PACKET_OUT) return;
    tern_trace *kept = &w->trace[w->traced++ % TRACE_KEPT];
    *kept = *record;
    kept->packet = NULL;
}

static uint64_t on_now(void *ctx) { return ((struct world *)ctx)->now_ns; }

/* A call that waits although the script does not say so: time passes until it is done. */
static enum px_pumped on_pump(void *ctx, uint64_t until_ns) {
    struct world *w = ctx;
    uint64_t due = world_deadline(w);
    if (due > until_ns) due = until_ns;
    if (due == TERN_NEVER || w->flooded) return PX_NEVER;
    world_step(w, due);
    return PX_HAPPENED;
}

static int add_addresses(struct world *w, const struct world_config *config) {
    for (unsigned i = 0; i < 2; i++) {
        tern_addr any = {.family = config->local[i].family};
        if (any.family == 0) continue;
        int r = tern_addr_add(w->stack, IFACE, &config->local[i], any.family == 6 ? 64 : 24);
        if (r == 0) r = tern_route_add(w->stack, &any, 0, IFACE, NULL);
        if (r < 0) return r;
    }
    return 0;
}

int world_open(struct world *w, const struct world_config *config) {
    struct driver_error err;
    tern_config stack, host;
    tern_iface_config iface = {
        .size = sizeof iface, .name = "drill", .link = TERN_LINK_IP, .mtu = config->mtu, .flags = 0};
    memset(w, 0, sizeof *w);
    w->last = &w->first;
    w->now_ns = w->start_ns = START_NS;
    w->pcap = config->pcap;
    if (tern_config_host(&host, &err) < 0) return TERN_ENOMEM;
    stack = config->stack;
    stack.allocator = host.allocator;
    memset(stack.entropy, 0x5a, sizeof stack.entropy); /* every run is the same */
    int r = tern_new(&stack, w->now_ns, &w->stack);
    if (r == 0) r = tern_iface_add(w->stack, &iface);
    if (r >= 0) r = add_addresses(w, config);
    struct px_config px = {.stack = w->stack, .now = on_now, .pump = on_pump, .ctx = w, .first_fd = 3};
    if (r == 0 && px_new(&px, &w->posix) < 0) r = TERN_ENOMEM;
    if (r == 0) r = tern_trace_set(w->stack, TERN_TRACE_ALL & ~TERN_TRACE_WINDOW, on_trace, w);
    if (r == 0) world_flush(w);
    return r;
}

void world_close(struct world *w) {
    if (w->posix != NULL) {
        tern_trace_set(w->stack, 0, NULL, NULL);
        px_free(w->posix);
    }
    if (w->stack != NULL) tern_free(w->stack);
    for (struct sent *s; (s = world_take(w)) != NULL;) free(s);
}

static void keep(struct world *w, const tern_frame *frame) {
    struct sent *s = w->queued < QUEUE_MOST ? malloc(sizeof *s + frame->len) : NULL;
    if (s == NULL) {
        w->flooded = true;
        return;
    }
    s->next = NULL;
    s->time_ns = w->now_ns;
    s->len = (uint32_t)tern_frame_copy(frame, s->data, frame->len);
    *w->last = s;
    w->last = &s->next;
    w->queued++;
}

void world_flush(struct world *w) {
    tern_frame frames[BATCH];
    for (int n; !w->flooded && (n = tern_output(w->stack, frames, BATCH, w->now_ns)) > 0;)
        for (int i = 0; i < n; i++) keep(w, &frames[i]);
    /* An empty poll takes the stack's events, so that its deadline is one of time. */
    int error = errno;
    if (w->posix != NULL) px_poll(w->posix, NULL, 0, 0);
    errno = error;
}

void world_inject(struct world *w, const void *packet, size_t len) {
    tern_packet p = {.data = packet, .len = (uint32_t)len};
    tern_input(w->stack, IFACE, &p, 1, w->now_ns);
    world_flush(w);
}

uint64_t world_deadline(const struct world *w) {
    uint64_t due = tern_deadline(w->stack);
    return due < w->now_ns ? w->now_ns : due;
}

void world_step(struct world *w, uint64_t to_ns) {
    w->steps = to_ns == w->busy_ns ? w->steps + 1 : 0;
    w->busy_ns = to_ns;
    w->flooded = w->flooded || w->steps > STEPS_AT_ONCE;
    if (to_ns > w->now_ns) w->now_ns = to_ns;
    tern_expire(w->stack, w->now_ns);
    world_flush(w);
}

struct sent *world_take(struct world *w) {
    struct sent *s = w->first;
    if (s == NULL) return NULL;
    w->first = s->next;
    if (w->first == NULL) w->last = &w->first;
    w->queued--;
    s->next = NULL;
    return s;
}
