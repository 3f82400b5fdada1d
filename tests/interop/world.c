/* world.c - a namespace, a device and a stack for each test, and what became of the stack's memory. */
#include "world.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "drivers/netns.h"
#include "impair.h"
#include "tests/plain_network.h"

tern_addr world_kernel(int family) {
    return family == 4 ? (tern_addr){4, {10, 77, 0, 1}} : (tern_addr){6, {0xfd, 0x77, [15] = 1}};
}
tern_addr world_ours(int family) {
    return family == 4 ? (tern_addr){4, {10, 77, 0, 2}} : (tern_addr){6, {0xfd, 0x77, [15] = 2}};
}

static unsigned prefix_of(int family) { return family == 4 ? 24 : 64; }

/* ---- memory that is counted ---- */

static void *counted_alloc(void *ctx, size_t size) {
    struct world *w = ctx;
    void *p = malloc(size);
    if (p == NULL) return NULL;
    w->live_bytes += size;
    w->live_blocks++;
    return p;
}

static void counted_release(void *ctx, void *ptr, size_t size) {
    struct world *w = ctx;
    w->live_bytes -= size;
    w->live_blocks--;
    free(ptr);
}

/* ---- what is seen ---- */

static void on_trace(void *ctx, const tern_trace *r) {
    struct world *w = ctx;
    if (w->seen_count == SEEN_MAX) return;
    w->seen[w->seen_count++] = (struct seen){.out = r->kind == TERN_TRACE_SEGMENT_OUT,
                                             .flags = r->seg.flags,
                                             .window = r->seg.window,
                                             .local_port = r->flow.local_port,
                                             .remote_port = r->flow.remote_port,
                                             .seq = r->seg.seq,
                                             .ack = r->seg.ack,
                                             .len = r->seg.len,
                                             .wscale = r->seg.wscale,
                                             .timestamps = r->seg.has_timestamps,
                                             .at_ns = r->time_ns};
}

void world_watch(struct world *w, bool on) {
    w->seen_count = 0;
    tern_trace_set(w->stack, on ? TERN_TRACE_SEGMENT_IN | TERN_TRACE_SEGMENT_OUT : 0, on_trace, w);
}

static void on_event(void *ctx, const tern_event *ev) {
    (void)ctx;
    struct end *e = (struct end *)(uintptr_t)ev->user;
    if (e == NULL) return;
    e->bits |= ev->bits;
    if (ev->error != 0) e->error = ev->error;
}

const struct seen *world_seen(const struct world *w, size_t *at, bool out, uint16_t flags) {
    while (*at < w->seen_count) {
        const struct seen *s = &w->seen[(*at)++];
        if (s->out == out && (s->flags & flags) == flags) return s;
    }
    return NULL;
}

void world_print_seen(const struct world *w) {
    static const struct {
        uint16_t bit;
        char name;
    } names[] = {{TERN_SYN, 'S'}, {TERN_FIN, 'F'}, {TERN_RST, 'R'}, {TERN_PSH, 'P'}, {TERN_ACK, 'A'}, {TERN_URG, 'U'}};
    for (size_t i = 0; i < w->seen_count; i++) {
        const struct seen *s = &w->seen[i];
        char flags[8] = "";
        for (size_t k = 0, n = 0; k < sizeof names / sizeof *names; k++)
            if (s->flags & names[k].bit) flags[n++] = names[k].name;
        print_message("%9.3f ms  %s  %-4s seq %u ack %u len %u win %u\n", (double)(s->at_ns - w->seen[0].at_ns) / MS,
                      s->out ? "tern ->  " : "  <- kernel", flags, s->seq, s->ack, s->len, s->window);
    }
}

/* ---- opening and closing ---- */

struct world_config world_config_default(void) {
    struct world_config c = {.mtu = 1500};
    tern_config_default(&c.settings);
    c.settings.msl_ms = 200;
    c.settings.dad = 0;
    c.settings.autoconf = 0;
    return c;
}

static void must(int r, const struct driver_error *err) {
    if (r < 0) fail_msg("%s", err->text);
}

static void make_device(struct world *w, const struct world_config *c) {
    struct driver_error err;
    struct driver_prefix addrs[] = {{world_kernel(4), prefix_of(4)}, {world_kernel(6), prefix_of(6)}};
    struct tun_setup setup = {.mtu = c->mtu, .addrs = addrs, .addrs_count = 2};
    struct tun_config tun = {.tap = c->tap, .vnet = c->vnet, .lend = c->lend};
    must(netns_enter(&err), &err);
    plain_network();
    must(tun_open(&tun, &w->dev, &err), &err);
    must(tun_configure(w->dev, &setup, &err), &err);
    if (c->paths != NULL) must(impair_open(w->dev, c->paths, &w->dev, &err), &err);
}

/* A stack with the host's addresses on the device that is there. */
static void boot(struct world *w, const struct world_config *c) {
    struct driver_error err;
    tern_config settings = c->settings, host;
    tern_iface_config iface;
    must(tern_config_host(&host, &err), &err);
    memcpy(settings.entropy, host.entropy, sizeof settings.entropy);
    settings.allocator = (tern_allocator){counted_alloc, counted_release, w};
    assert_int_equal(tern_new(&settings, tern_host_now(), &w->stack), 0);
    device_iface(w->dev, &iface);
    w->iface = tern_iface_add(w->stack, &iface);
    assert_true(w->iface >= 0);
    for (int family = 4; family <= 6; family += 2) {
        tern_addr a = world_ours(family);
        assert_int_equal(tern_addr_add(w->stack, w->iface, &a, prefix_of(family)), 0);
    }
    loop_init(&w->loop, w->stack, w->iface, w->dev);
    w->loop.on_event = on_event;
    world_watch(w, true);
    w->idle_bytes = w->live_bytes;
    w->idle_blocks = w->live_blocks;
    pulse_rest();
}

struct world *world_open(const struct world_config *c) {
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    make_device(w, c);
    boot(w, c);
    return w;
}

static void halt(struct world *w) {
    assert_int_equal(world_stats(w).bad_moves, 0);
    tern_free(w->stack);
    assert_int_equal(w->live_bytes, 0);
    assert_int_equal(w->live_blocks, 0);
}

void world_reboot(struct world *w, const struct world_config *c) {
    halt(w);
    boot(w, c);
}

void world_close(struct world *w) {
    halt(w);
    device_close(w->dev);
    free(w);
}

void world_turn(struct world *w, uint64_t max_ns) {
    struct driver_error err;
    pulse_beat(0);
    must(loop_turn(&w->loop, max_ns, &err), &err);
    pulse_beat(max_ns);
}

static void print_connection(const tern_status_info *i) {
    print_message(
        "  port %u to %u: %s, una +%u, nxt +%u, sent %llu, acknowledged %llu, queued %u, received %llu, unread %u, "
        "window %u out %u in, cwnd %u, repeated %u, timer %s\n",
        i->flow.local_port, i->flow.remote_port, tern_state_name(i->state), i->snd_una - i->iss, i->snd_nxt - i->iss,
        (unsigned long long)i->bytes_sent, (unsigned long long)i->bytes_acked, i->send_queued,
        (unsigned long long)i->bytes_received, i->receive_queued, i->snd_wnd, i->rcv_wnd, i->cwnd, i->retransmitted,
        i->timer != NULL ? i->timer : "none");
}

void world_late(struct world *w, unsigned ms, const char *condition) {
    uint64_t cursor = 0;
    tern_status_info info = {.size = sizeof info};
    for (unsigned i = 0; i < 8 && tern_list(w->stack, &cursor, &info); i++) print_connection(&info);
    for (unsigned i = 0; i < tern_reason_count(); i++)
        if (tern_reason_counter(w->stack, i) != 0)
            print_message("  %s %llu\n", tern_reason_name(i), (unsigned long long)tern_reason_counter(w->stack, i));
    if (w->seen_count < 100) world_print_seen(w);
    fail_msg("not within %u ms: %s", ms, condition);
}

void world_turns(struct world *w, unsigned ms) {
    for (uint64_t end = tern_host_now() + (uint64_t)ms * MS; tern_host_now() < end;) world_turn(w, MS / 2);
}

/* ---- the stack's side ---- */

void world_connect(struct world *w, int family, uint16_t port, struct end *e) {
    memset(e, 0, sizeof *e);
    tern_open o = {.size = sizeof o, .remote = world_kernel(family), .remote_port = port, .user = (uintptr_t)e};
    int r = tern_connect(w->stack, &o, &e->sock);
    if (r < 0) fail_msg("tern_connect: %s", tern_strerror(r, TERN_EN));
    tern_status_info info = {.size = sizeof info};
    assert_int_equal(tern_status(w->stack, e->sock, &info), 0);
    e->flow = info.flow;
}

void world_listen(struct world *w, uint16_t port, uint32_t backlog, struct end *e) {
    memset(e, 0, sizeof *e);
    tern_listen_config c = {.size = sizeof c, .port = port, .backlog = backlog, .user = (uintptr_t)e};
    int r = tern_listen(w->stack, &c, &e->sock);
    if (r < 0) fail_msg("tern_listen: %s", tern_strerror(r, TERN_EN));
}

bool world_accept(struct world *w, const struct end *listener, struct end *e) {
    memset(e, 0, sizeof *e);
    int r = tern_accept(w->stack, listener->sock, &e->sock, &e->flow);
    if (r == TERN_EAGAIN) return false;
    assert_int_equal(r, 0);
    assert_int_equal(tern_set_user(w->stack, e->sock, (uintptr_t)e), 0);
    return true;
}

enum tern_state world_state(struct world *w, const struct end *e) {
    tern_status_info info = {.size = sizeof info};
    return tern_status(w->stack, e->sock, &info) < 0 ? TERN_CLOSED : info.state;
}

tern_stats world_stats(struct world *w) {
    tern_stats st = {.size = sizeof st};
    assert_int_equal(tern_stats_get(w->stack, &st), 0);
    return st;
}

uint64_t world_counter(struct world *w, const char *reason) {
    for (unsigned i = 0; i < tern_reason_count(); i++)
        if (strcmp(tern_reason_name(i), reason) == 0) return tern_reason_counter(w->stack, i);
    fail_msg("no reason is called %s", reason);
    return 0;
}

bool world_find(struct world *w, const tern_flow *flow, tern_status_info *out) {
    uint64_t cursor = 0;
    out->size = sizeof *out;
    while (tern_list(w->stack, &cursor, out))
        if (memcmp(&out->flow.remote, &flow->remote, sizeof flow->remote) == 0 &&
            out->flow.local_port == flow->local_port && out->flow.remote_port == flow->remote_port)
            return true;
    return false;
}

void world_expect_idle(struct world *w) {
    tern_stats st = world_stats(w);
    assert_int_equal(st.connections, 0);
    assert_int_equal(st.half_open, 0);
    assert_int_equal(st.time_wait, 0);
    assert_int_equal(st.bad_moves, 0);
}

/* ---- the program ---- */

static bool no_ipv6(struct driver_error *err) {
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0) close(fd);
    return fd < 0 && driver_fail(err, errno, "no IPv6: %s", strerror(errno)) < 0;
}

/* Tried in a child, so that this process still may do as it likes. */
static int refused(void) {
    struct driver_error err = {.text = ""};
    struct device *dev;
    struct driver_prefix addrs[] = {{world_kernel(4), prefix_of(4)}, {world_kernel(6), prefix_of(6)}};
    struct tun_config tun = {.vnet = true};
    struct tun_setup setup = {.mtu = 1500, .addrs = addrs, .addrs_count = 2};
    if (netns_enter(&err) < 0 || tun_open(&tun, &dev, &err) < 0 || tun_configure(dev, &setup, &err) < 0 ||
        no_ipv6(&err)) {
        printf("skipped: %s\n", err.text);
        fflush(stdout);
        return 77;
    }
    return 0;
}

void world_require(void) {
    pid_t child = fork();
    if (child == 0) _exit(refused());
    int status = 0;
    waitpid(child, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) exit(77);
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
}

bool world_small(void) {
    const char *scale = getenv("TERN_TEST_SCALE");
    return scale != NULL && strcmp(scale, "small") == 0;
}
