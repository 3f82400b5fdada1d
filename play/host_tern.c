/* host_tern.c - a host of a run that is a stack of tern's: see host.h. */
#include <string.h>

#include "play/host.h"

static tern_stack *of(const struct stage *g, int end) { return g->sim->stack[end]; }

static int do_listen(struct stage *g, int end, const tern_listen_config *config, tern_sock *out) {
    return tern_listen(of(g, end), config, out);
}

static int do_accept(struct stage *g, int end, tern_sock listener, tern_sock *out, tern_flow *flow) {
    return tern_accept(of(g, end), listener, out, flow);
}

/* Is there a way to ourselves? Only a host that talks to itself has the interface. */
static void loopback(struct stage *g, int end) {
    tern_iface_config config = {.size = sizeof config, .name = "lo", .link = TERN_LINK_LOOPBACK, .mtu = 1500};
    tern_iface_add(of(g, end), &config);
}

static int do_connect(struct stage *g, int end, const tern_open *open, tern_sock *out, tern_flow *flow) {
    tern_status_info info = {.size = sizeof info};
    if (memcmp(&open->remote, &g->sim->addr4[end], sizeof open->remote) == 0) loopback(g, end);
    int r = tern_connect(of(g, end), open, out);
    if (r == TERN_OK && tern_status(of(g, end), *out, &info) == TERN_OK) *flow = info.flow;
    return r;
}

static ptrdiff_t do_write(struct stage *g, int end, tern_sock sock, const void *data, size_t len) {
    return tern_write(of(g, end), sock, data, len);
}

static ptrdiff_t do_read(struct stage *g, int end, tern_sock sock, void *buf, size_t len) {
    return tern_read(of(g, end), sock, buf, len);
}

static int do_shutdown(struct stage *g, int end, tern_sock sock) { return tern_shutdown(of(g, end), sock); }
static int do_close(struct stage *g, int end, tern_sock sock) { return tern_close(of(g, end), sock); }
static int do_abort(struct stage *g, int end, tern_sock sock) { return tern_abort(of(g, end), sock); }

static int do_set(struct stage *g, int end, tern_sock sock, enum tern_option option, int64_t value) {
    return tern_set(of(g, end), sock, option, value);
}

static enum tern_state do_state(struct stage *g, const struct play_who *who) {
    uint64_t cursor = 0, newest = 0;
    tern_status_info info = {.size = sizeof info};
    struct life *l = life_find(g, who);
    enum tern_state listening = TERN_CLOSED, state = TERN_STATES;
    while (tern_list(of(g, who->end), &cursor, &info)) {
        if (info.state == TERN_LISTEN) listening = TERN_LISTEN;
        if (info.state == TERN_LISTEN || !who_is(who, who->end, &info.flow)) continue;
        if (l != NULL ? !same_flow(&l->flow, &info.flow) : info.serial < newest) continue;
        newest = info.serial;
        state = info.state;
    }
    return state != TERN_STATES ? state : listening;
}

static uint64_t do_count(struct stage *g, int end, enum tern_state state) {
    uint64_t cursor = 0, n = 0;
    tern_status_info info = {.size = sizeof info};
    while (tern_list(of(g, end), &cursor, &info)) n += info.state == state;
    return n;
}

static void do_arrive(struct stage *g, int end, const uint8_t *bytes, uint32_t len) {
    tern_packet packet = {.data = bytes, .len = len};
    tern_input(of(g, end), g->sim->iface[end], &packet, 1, g->sim->now + g->sim->ahead_ns[end]);
}

const struct host_calls host_tern = {
    .listen = do_listen,
    .accept = do_accept,
    .connect = do_connect,
    .write = do_write,
    .read = do_read,
    .shutdown = do_shutdown,
    .close = do_close,
    .abort = do_abort,
    .set = do_set,
    .state = do_state,
    .count = do_count,
    .arrive = do_arrive,
};
