/* recovery_lwip.c - see recovery_lwip.h. lwIP's state is in globals: each transfer loads a copy of its own, so that the
 * same seed gives the same bytes whatever ran before. */
#include "bench/recovery_lwip.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "bench/peer.h"
#include "bench/peers/lwip/host.h"

struct lwip {
    struct sim_guest guest;
    const struct peer_host_ops *ops;
    void *object;
    void (*turn)(void *ctx);
    void *ctx;
    uint64_t now_ms;
};

/* lwIP's link has no context of its own. */
static struct {
    struct memlink *link;
    uint64_t now;
    int side;
    size_t len, count;
    uint8_t packet[2048];
} line;

static void *room(size_t len, void **packet) {
    *packet = line.packet;
    line.len = len;
    return len <= sizeof line.packet ? line.packet : NULL;
}

static void leaves(void *packet) {
    memlink_inject(line.link, line.side, packet, (uint32_t)line.len, line.now);
    line.count++;
}

static void at(struct lwip *l, struct memlink *link, int side, uint64_t now) {
    line.link = link;
    line.side = side;
    line.now = now;
    l->now_ms = now / 1000000;
    l->ops->clock((uint32_t)l->now_ms);
}

static void input(void *ctx, const tern_packet *packets, size_t n, uint64_t now_ns) {
    struct lwip *l = ctx;
    (void)now_ns;
    for (size_t i = 0; i < n; i++) {
        void *packet, *to = l->ops->link.room(packets[i].len, &packet);
        if (to == NULL) give_up_bench("lwIP has no room for a packet");
        memcpy(to, packets[i].data, packets[i].len);
        l->ops->link.arrives(packet);
    }
}

static size_t output(void *ctx, struct memlink *link, int side, uint64_t now_ns) {
    struct lwip *l = ctx;
    at(l, link, side, now_ns);
    line.count = 0;
    l->ops->input();
    l->ops->timers();
    l->turn(l->ctx);
    return line.count;
}

static uint64_t deadline(const void *ctx) {
    const struct lwip *l = ctx;
    uint32_t ms = l->ops->sleep_ms();
    return ms == UINT32_MAX ? TERN_NEVER : (l->now_ms + ms) * 1000000u;
}

static void *make(uint32_t window, void (*turn)(void *ctx), void *ctx) {
    struct lwip *l = calloc(1, sizeof *l);
    if (l == NULL) return NULL;
    l->ops = peer_lwip_path(&l->object);
    if (l->ops == NULL) {
        free(l);
        return NULL;
    }
    l->guest = (struct sim_guest){l, input, output, deadline};
    l->turn = turn;
    l->ctx = ctx;
    l->ops->open(0, window, true, false);
    l->ops->connect_link(&(struct peer_link){room, leaves});
    return l;
}

static void drop(void *host) {
    struct lwip *l = host;
    l->ops->close();
    dlclose(l->object);
    free(l);
}

static const struct sim_guest *guest(void *host) { return &((struct lwip *)host)->guest; }

static bool begin(void *host, struct sim *sim, unsigned i, uint16_t local_port, uint16_t remote_port) {
    struct lwip *l = host;
    at(l, sim->link, 0, sim->now);
    return l->ops->transfer(i, local_port, remote_port);
}

static size_t offer(void *host, unsigned i, size_t most) { return ((struct lwip *)host)->ops->offer(i, most); }
static void end(void *host, unsigned i) { ((struct lwip *)host)->ops->end(i); }

const struct rec_sender rec_lwip = {make, drop, guest, begin, offer, end};
