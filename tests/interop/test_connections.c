/* test_connections.c - thousands of connections between tern and the kernel, one after another and at once, opened by
 * either and half-closed by either: none is lost, none hangs, the kernel's states are the expected ones, and nothing of
 * them stays behind in tern. */
#include <poll.h>
#include <unistd.h>

#include "kernel.h"

enum { PORT = 7100, AT_ONCE = 1000, GREETING = 3000 };

/* A kind of connection. */
struct kind {
    bool tern_opens, tern_closes; /* closes: first */
};
static const struct kind kinds[] = {{true, true}, {true, false}, {false, true}, {false, false}};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* Both ends of one connection. */
struct pair {
    struct end ours;
    int fd;
};

struct scene {
    struct world *w;
    struct kernel k;
    struct end listener; /* of tern, both families */
    int listeners[2];    /* of the kernel: IPv4, IPv6 */
    bool used[2][65536]; /* pairs of sockets so far, by the client's port */
    unsigned pairs;
};

static struct scene *scene_open(void) {
    struct scene *s = calloc(1, sizeof *s);
    assert_non_null(s);
    struct world_config c = world_config_default();
    c.vnet = true;
    s->w = world_open(&c);
    world_watch(s->w, false);
    kernel_open(&s->k);
    world_listen(s->w, PORT, AT_ONCE, &s->listener);
    s->listeners[0] = kernel_listen(4, PORT, AT_ONCE);
    s->listeners[1] = kernel_listen(6, PORT, AT_ONCE);
    return s;
}

static void scene_close(struct scene *s) {
    close(s->listeners[0]);
    close(s->listeners[1]);
    kernel_close(&s->k);
    world_close(s->w);
    free(s);
}

/* ---- the steps of a life; each says whether it is done ---- */

static void begin(struct scene *s, const struct kind *k, int family, struct pair *p) {
    p->fd = -1;
    memset(&p->ours, 0, sizeof p->ours);
    if (k->tern_opens)
        world_connect(s->w, family, PORT, &p->ours);
    else
        p->fd = kernel_connect(family, PORT);
}

/* Of a connection that the kernel opened: the handle comes from the queue in the order of the handshakes' ends. */
static bool accept_any(struct scene *s, struct pair *pairs, unsigned n) {
    struct end e;
    if (!world_accept(s->w, &s->listener, &e)) return false;
    for (unsigned i = 0; i < n; i++) {
        if (pairs[i].ours.flow.remote_port != 0 || kernel_port(pairs[i].fd) != e.flow.remote_port) continue;
        pairs[i].ours = e;
        assert_int_equal(tern_set_user(s->w->stack, e.sock, (uintptr_t)&pairs[i].ours), 0);
        return true;
    }
    fail_msg("a connection that nobody opened");
    return false;
}

static bool open_done(struct scene *s, const struct kind *k, int family, struct pair *pairs, unsigned n, unsigned i) {
    struct pair *p = &pairs[i];
    if (!k->tern_opens) {
        while (accept_any(s, pairs, n)) {
        }
        return p->ours.flow.remote_port != 0 && kernel_connected(p->fd);
    }
    if (p->ours.bits & TERN_EV_CLOSED) fail_msg("tern's connect: %s", tern_strerror(p->ours.error, TERN_EN));
    while (p->fd < 0) { /* the kernel's queue has its own order too */
        int fd = kernel_accept(s->listeners[family == 6]);
        if (fd < 0) return false;
        uint16_t port = kernel_peer_port(fd);
        unsigned j = 0;
        while (j < n && (pairs[j].fd >= 0 || pairs[j].ours.flow.local_port != port)) j++;
        if (j == n) fail_msg("a connection that nobody opened");
        pairs[j].fd = fd;
    }
    return (p->ours.bits & TERN_EV_CONNECTED) != 0;
}

static void tern_says(struct scene *s, struct pair *p, uint32_t len) {
    assert_int_equal(tern_write(s->w->stack, p->ours.sock, stream_bytes(), len), len);
}

static void kernel_says(struct pair *p, uint32_t len) {
    assert_int_equal(kernel_send(p->fd, stream_bytes(), len), len);
}

/* Reads to the end of the stream and compares. */
static bool tern_heard(struct scene *s, struct pair *p, uint32_t len) {
    uint8_t buf[GREETING + 1];
    tern_status_info info = {.size = sizeof info};
    assert_int_equal(tern_status(s->w->stack, p->ours.sock, &info), 0);
    if (!info.peer_closed || info.receive_queued < len) return false;
    assert_int_equal(tern_read(s->w->stack, p->ours.sock, buf, sizeof buf), len);
    assert_memory_equal(buf, stream_bytes(), len);
    assert_int_equal(tern_read(s->w->stack, p->ours.sock, buf, sizeof buf), 0);
    return true;
}

static bool kernel_heard(struct pair *p, uint32_t len) {
    uint8_t buf[GREETING + 1];
    struct pollfd poller = {p->fd, POLLRDHUP, 0};
    if (poll(&poller, 1, 0) <= 0) return false;
    assert_int_equal(kernel_recv(p->fd, buf, sizeof buf), len);
    assert_memory_equal(buf, stream_bytes(), len);
    assert_int_equal(kernel_recv(p->fd, buf, sizeof buf), 0);
    return true;
}

/* The first to close says something and half-closes. */
static void half_close(struct scene *s, const struct kind *k, struct pair *p, uint32_t len) {
    if (k->tern_closes) {
        tern_says(s, p, len);
        assert_int_equal(tern_shutdown(s->w->stack, p->ours.sock), 0);
    } else {
        kernel_says(p, len);
        kernel_shutdown(p->fd);
    }
}

static bool half_closed(struct scene *s, const struct kind *k, struct pair *p, uint32_t len) {
    return k->tern_closes ? kernel_heard(p, len) : tern_heard(s, p, len);
}

static void answer_and_close(struct scene *s, const struct kind *k, struct pair *p, uint32_t len) {
    if (k->tern_closes) {
        kernel_says(p, len);
        close(p->fd);
    } else {
        tern_says(s, p, len);
        assert_int_equal(tern_close(s->w->stack, p->ours.sock), 0);
    }
}

static bool over(struct scene *s, const struct kind *k, struct pair *p, uint32_t len) {
    if (k->tern_closes) {
        if (!tern_heard(s, p, len)) return false;
        assert_int_equal(tern_close(s->w->stack, p->ours.sock), 0);
    } else {
        if (!kernel_heard(p, len)) return false;
        close(p->fd);
    }
    return true;
}

/* Records come from pools, which keep their size: a few large blocks. Anything left behind by a connection would be one
 * of thousands. */
static void nothing_kept(const struct world *w) {
    if (w->live_blocks > w->idle_blocks + 128)
        fail_msg("%u blocks were allocated before the first connection, %u after the last", (unsigned)w->idle_blocks,
                 (unsigned)w->live_blocks);
}

/* When this process does not run for a while the kernel repeats its FIN. The copy finds TIME-WAIT, and the ACK for it
 * nobody; or it finds nobody, and the RST for it ends the kernel's TIME-WAIT. */
static unsigned late_fins(struct scene *s) {
    tern_stats st = world_stats(s->w);
    assert_int_equal(st.resets_in, world_counter(s->w, "TIME_WAIT_RST"));
    assert_int_equal(st.resets_out, world_counter(s->w, "NO_CONNECTION"));
    return (unsigned)st.resets_out;
}

static void nobody_left(struct scene *s, unsigned kernel_time_waits) {
    static const enum tern_state gone[] = {TERN_SYN_SENT,   TERN_SYN_RECEIVED, TERN_ESTABLISHED, TERN_FIN_WAIT_1,
                                           TERN_FIN_WAIT_2, TERN_CLOSE_WAIT,   TERN_CLOSING,     TERN_LAST_ACK};
    world_turns(s->w, 5);
    for (size_t i = 0; i < sizeof gone / sizeof *gone; i++)
        if (kernel_count(&s->k, gone[i]) != 0)
            fail_msg("%u of the kernel's sockets are left in %s", kernel_count(&s->k, gone[i]),
                     tern_state_name(gone[i]));
    unsigned waits = kernel_count(&s->k, TERN_TIME_WAIT);
    assert_in_range(waits + late_fins(s), kernel_time_waits, kernel_time_waits + late_fins(s));
    assert_int_equal(kernel_count(&s->k, TERN_LISTEN), 2);
    WORLD_UNTIL(s->w, world_stats(s->w).time_wait == 0, 2000); /* 2 MSL are 400 ms here */
    world_expect_idle(s->w);
    nothing_kept(s->w);
    assert_int_equal(world_stats(s->w).connects_failed, 0);
}

/* ---- one after another ---- */

static void note_pair(struct scene *s, const struct pair *p) {
    uint16_t port = p->ours.flow.local_port == PORT ? p->ours.flow.remote_port : p->ours.flow.local_port;
    bool *used = &s->used[p->ours.flow.remote.family == 6][port];
    if (!*used) s->pairs++;
    *used = true;
}

static void live_once(struct scene *s, const struct kind *k, unsigned i) {
    struct pair p;
    int family = i & 1 ? 6 : 4;
    uint32_t len = 1 + i % GREETING;
    begin(s, k, family, &p);
    WORLD_UNTIL(s->w, open_done(s, k, family, &p, 1, 0), 3000);
    note_pair(s, &p);
    half_close(s, k, &p, len);
    WORLD_UNTIL(s->w, half_closed(s, k, &p, len), 3000);
    if (i % 100 == 0)
        assert_int_equal(kernel_state(&s->k, &p.ours.flow), k->tern_closes ? TERN_CLOSE_WAIT : TERN_FIN_WAIT_2);
    answer_and_close(s, k, &p, len);
    WORLD_UNTIL(s->w, over(s, k, &p, len), 3000);
    if (!k->tern_closes) WORLD_UNTIL(s->w, world_stats(s->w).connections == 0, 3000);
    if (i % 100 == 0) {
        tern_status_info info;
        assert_int_equal(kernel_state(&s->k, &p.ours.flow), k->tern_closes ? TERN_CLOSED : TERN_TIME_WAIT);
        assert_int_equal(world_find(s->w, &p.ours.flow, &info), k->tern_closes);
        if (k->tern_closes) assert_int_equal(info.state, TERN_TIME_WAIT);
    }
}

static void one_after_another(void **state) {
    (void)state;
    unsigned each = world_small() ? 500 : 10000;
    for (unsigned i = 0; i < KINDS; i++) {
        struct scene *s = scene_open();
        uint64_t start = tern_host_now();
        for (unsigned n = 0; n < each; n++) live_once(s, &kinds[i], n);
        double seconds = (double)(tern_host_now() - start) / 1e9;
        /* Where tern's ports come again, its SYN replaces the kernel's TIME-WAIT [RFC6191 2]. */
        nobody_left(s, kinds[i].tern_closes ? 0 : s->pairs);
        tern_stats st = world_stats(s->w);
        print_message(
            "  %u opened by %s, closed first by %s: %.1f s, %.0f a second, %u pairs of sockets; tern holds %u KiB\n",
            each, kinds[i].tern_opens ? "tern" : "the kernel", kinds[i].tern_closes ? "tern" : "the kernel", seconds,
            each / seconds, s->pairs, (unsigned)(st.memory >> 10));
        assert_int_equal(st.established_total, each);
        scene_close(s);
    }
}

/* ---- at once ---- */

static void all_at_once(struct scene *s, const struct kind *k, int family, struct pair *pairs) {
    for (unsigned i = 0; i < AT_ONCE; i++) begin(s, k, family, &pairs[i]);
    for (unsigned i = 0; i < AT_ONCE; i++) WORLD_UNTIL(s->w, open_done(s, k, family, pairs, AT_ONCE, i), 20000);
    assert_int_equal(kernel_count(&s->k, TERN_ESTABLISHED), AT_ONCE);
    assert_int_equal(world_stats(s->w).connections, AT_ONCE);
    for (unsigned i = 0; i < AT_ONCE; i++) half_close(s, k, &pairs[i], 1 + i);
    for (unsigned i = 0; i < AT_ONCE; i++) WORLD_UNTIL(s->w, half_closed(s, k, &pairs[i], 1 + i), 20000);
    assert_int_equal(kernel_count(&s->k, k->tern_closes ? TERN_CLOSE_WAIT : TERN_FIN_WAIT_2), AT_ONCE);
    for (unsigned i = 0; i < AT_ONCE; i++) answer_and_close(s, k, &pairs[i], 1 + i);
    for (unsigned i = 0; i < AT_ONCE; i++) WORLD_UNTIL(s->w, over(s, k, &pairs[i], 1 + i), 20000);
    WORLD_UNTIL(s->w, world_stats(s->w).connections == 0, 3000);
}

static void at_once(void **state) {
    (void)state;
    struct pair *pairs = calloc(AT_ONCE, sizeof *pairs);
    assert_non_null(pairs);
    for (unsigned i = 0; i < KINDS; i++) {
        struct scene *s = scene_open();
        for (unsigned round = 0; round < 2; round++) {
            all_at_once(s, &kinds[i], round ? 6 : 4, pairs);
            nobody_left(s, kinds[i].tern_closes ? 0 : AT_ONCE * (round + 1));
        }
        scene_close(s);
    }
    free(pairs);
}

int main(int argc, char **argv) {
    world_require();
    const struct CMUnitTest tests[] = {cmocka_unit_test(one_after_another), cmocka_unit_test(at_once)};
    return pulse_run(tests, sizeof tests / sizeof *tests, argc > 1 ? argv[1] : NULL);
}
