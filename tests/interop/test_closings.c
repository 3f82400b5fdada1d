/* test_closings.c - how single connections with the kernel begin, stall and end: every order of closing, resets,
 * refusals, a killed peer, keepalive, shut windows, urgent bytes; by the segments that crossed, tern's states, and the
 * kernel's as sock_diag tells them. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "impair.h"
#include "kernel.h"

enum { PORT = 7200, MUCH = 4 << 20 };

/* One connection, established. */
struct scene {
    struct world *w;
    struct kernel k;
    int family;
    struct end ours, listener; /* listener: where tern is the server */
    int fd, listener_fd;       /* where the kernel is */
};

static void scene_world(struct scene *s, const struct world_config *c) {
    memset(s, 0, sizeof *s);
    s->fd = s->listener_fd = -1;
    s->family = 4;
    s->w = world_open(c);
    kernel_open(&s->k);
}

static void connect_ours(struct scene *s, bool client) {
    if (client) {
        s->listener_fd = kernel_listen(s->family, PORT, 5);
        world_connect(s->w, s->family, PORT, &s->ours);
        WORLD_UNTIL(s->w, s->ours.bits & TERN_EV_CONNECTED, 3000);
        WORLD_UNTIL(s->w, (s->fd = kernel_accept(s->listener_fd)) >= 0, 3000);
        return;
    }
    world_listen(s->w, PORT, 5, &s->listener);
    s->fd = kernel_connect(s->family, PORT);
    WORLD_UNTIL(s->w, world_accept(s->w, &s->listener, &s->ours), 3000);
    WORLD_UNTIL(s->w, kernel_connected(s->fd), 3000);
}

static struct world_config plain(void) { return world_config_default(); }

static void scene_open(struct scene *s, bool client) {
    struct world_config c = plain();
    scene_world(s, &c);
    connect_ours(s, client);
}

static void scene_close(struct scene *s) {
    if (s->fd >= 0) close(s->fd);
    if (s->listener_fd >= 0) close(s->listener_fd);
    world_turns(s->w, 5);
    kernel_close(&s->k);
    world_close(s->w);
}

static enum tern_state ours(struct scene *s) { return world_state(s->w, &s->ours); }
static enum tern_state theirs(struct scene *s) { return kernel_state(&s->k, &s->ours.flow); }

static void tern_says(struct scene *s, const char *text) {
    assert_int_equal(tern_write(s->w->stack, s->ours.sock, text, strlen(text)), strlen(text));
}

static void kernel_hears(struct scene *s, const char *text) {
    char buf[64];
    struct pollfd p = {s->fd, POLLIN, 0};
    WORLD_UNTIL(s->w, poll(&p, 1, 0) == 1, 3000);
    assert_int_equal(kernel_recv(s->fd, buf, sizeof buf), strlen(text));
    assert_memory_equal(buf, text, strlen(text));
}

static void kernel_hears_end(struct scene *s) {
    char byte;
    struct pollfd p = {s->fd, POLLIN, 0};
    WORLD_UNTIL(s->w, poll(&p, 1, 0) == 1, 3000);
    assert_int_equal(kernel_recv(s->fd, &byte, 1), 0);
}

static bool both(struct scene *s, enum tern_state a, enum tern_state b) { return ours(s) == a && theirs(s) == b; }

/* The record in TIME-WAIT that no handle names any more, until 2 MSL are over. */
static void tern_waits_two_msl(struct scene *s) {
    tern_status_info info;
    assert_true(world_find(s->w, &s->ours.flow, &info));
    assert_int_equal(info.state, TERN_TIME_WAIT);
    uint64_t start = tern_host_now();
    WORLD_UNTIL(s->w, !world_find(s->w, &s->ours.flow, &info), 2000);
    assert_in_range(tern_host_now() - start, 300 * MS, 700 * MS); /* MSL is 200 ms here; some of it is over already */
    world_expect_idle(s->w);
}

/* ---- in order ---- */

/* [RFC9293 3.6] figure 12: tern closes first, as client and as server; the first closer holds TIME-WAIT. */
static void tern_closes_first(void **state) {
    (void)state;
    for (int client = 0; client <= 1; client++) {
        struct scene s;
        scene_open(&s, client);
        assert_int_equal(tern_close(s.w->stack, s.ours.sock), 0);
        kernel_hears_end(&s);
        assert_int_equal(theirs(&s), TERN_CLOSE_WAIT);
        tern_status_info info;
        WORLD_UNTIL(s.w, world_find(s.w, &s.ours.flow, &info) && info.state == TERN_FIN_WAIT_2, 1000);
        close(s.fd);
        s.fd = -1;
        WORLD_UNTIL(s.w, theirs(&s) == TERN_CLOSED, 1000);
        tern_waits_two_msl(&s);
        scene_close(&s);
    }
}

static void kernel_closes_first(void **state) {
    (void)state;
    for (int client = 0; client <= 1; client++) {
        struct scene s;
        scene_open(&s, client);
        kernel_shutdown(s.fd);
        WORLD_UNTIL(s.w, s.ours.bits & TERN_EV_EOF, 1000);
        WORLD_UNTIL(s.w, both(&s, TERN_CLOSE_WAIT, TERN_FIN_WAIT_2), 1000);
        tern_says(&s, "one more thing");
        kernel_hears(&s, "one more thing");
        assert_int_equal(tern_close(s.w->stack, s.ours.sock), 0);
        kernel_hears_end(&s);
        WORLD_UNTIL(s.w, theirs(&s) == TERN_TIME_WAIT, 1000);
        WORLD_UNTIL(s.w, world_stats(s.w).connections == 0, 1000);
        world_expect_idle(s.w); /* nothing of it in tern: the kernel holds the wait */
        scene_close(&s);
    }
}

/* A server that closes as soon as it learns of the end: FIN,ACK, then FIN,ACK with the ACK of the first in it, then
 * ACK. */
static void server_closes_at_once(void **state) {
    (void)state;
    struct scene s;
    scene_open(&s, false);
    size_t at = s.w->seen_count;
    kernel_shutdown(s.fd);
    for (uint64_t end = tern_host_now() + 1000 * MS; !(s.ours.bits & TERN_EV_EOF) && tern_host_now() < end;) {
        struct pollfd p = {s.w->dev->fd, POLLIN, 0};
        poll(&p, 1, 10);
        tern_event ev;
        tern_packet packet;
        struct driver_error err;
        if (device_receive(s.w->dev, &packet, 1, &err) != 1) continue;
        tern_input(s.w->stack, s.w->iface, &packet, 1, tern_host_now());
        while (tern_poll(s.w->stack, &ev, 1) == 1)
            if (ev.bits & TERN_EV_EOF) s.ours.bits |= TERN_EV_EOF;
    }
    assert_int_equal(tern_close(s.w->stack, s.ours.sock), 0); /* before tern_output had a chance to acknowledge */
    WORLD_UNTIL(s.w, theirs(&s) == TERN_TIME_WAIT, 1000);
    const struct seen *seen = &s.w->seen[at];
    WORLD_UNTIL(s.w, s.w->seen_count == at + 3, 1000);
    assert_false(seen[0].out);
    assert_int_equal(seen[0].flags, TERN_FIN | TERN_ACK);
    assert_true(seen[1].out);
    assert_int_equal(seen[1].flags, TERN_FIN | TERN_ACK);
    assert_int_equal(seen[1].ack, seen[0].seq + 1);
    assert_false(seen[2].out);
    assert_int_equal(seen[2].flags, TERN_ACK);
    assert_int_equal(seen[2].ack, seen[1].seq + 1);
    scene_close(&s);
}

/* The same with the roles exchanged: the kernel is the server. */
static void kernel_server_closes_at_once(void **state) {
    (void)state;
    struct scene s;
    scene_open(&s, true);
    assert_int_equal(tern_shutdown(s.w->stack, s.ours.sock), 0);
    kernel_hears_end(&s);
    close(s.fd);
    s.fd = -1;
    WORLD_UNTIL(s.w, ours(&s) == TERN_TIME_WAIT, 1000);
    WORLD_UNTIL(s.w, theirs(&s) == TERN_CLOSED, 1000);
    assert_int_equal(tern_close(s.w->stack, s.ours.sock), 0);
    tern_waits_two_msl(&s);
    scene_close(&s);
}

/* [RFC9293 3.6] figure 13: both send FIN before they have seen the other's; both pass CLOSING and end in TIME-WAIT. */
static void simultaneous_close(void **state) {
    (void)state;
    for (int family = 4; family <= 6; family += 2) {
        struct memlink_path paths[2] = {{.delay_ns = 30 * MS}, {.delay_ns = 30 * MS}};
        struct world_config c = plain();
        struct scene s;
        c.paths = paths;
        scene_world(&s, &c);
        s.family = family;
        connect_ours(&s, true);
        world_turns(s.w, 80);
        size_t at = s.w->seen_count;
        assert_int_equal(tern_shutdown(s.w->stack, s.ours.sock), 0);
        kernel_shutdown(s.fd);
        WORLD_UNTIL(s.w, theirs(&s) == TERN_FIN_WAIT_1 && ours(&s) == TERN_FIN_WAIT_1, 20);
        WORLD_UNTIL(s.w, both(&s, TERN_CLOSING, TERN_CLOSING), 1000); /* the FINs do not arrive in the same turn */
        WORLD_UNTIL(s.w, both(&s, TERN_TIME_WAIT, TERN_TIME_WAIT), 1000);
        const struct seen *ours_fin = world_seen(s.w, &at, true, TERN_FIN);
        const struct seen *their_fin = world_seen(s.w, &at, false, TERN_FIN);
        assert_non_null(ours_fin);
        assert_non_null(their_fin);
        assert_int_equal(their_fin->ack, ours_fin->seq); /* neither knows of the other's */
        assert_int_equal(ours_fin->ack, their_fin->seq);
        assert_int_equal(tern_close(s.w->stack, s.ours.sock), 0);
        tern_waits_two_msl(&s);
        scene_close(&s);
    }
}

/* ---- resets ---- */

/* [SHLD-3] Received bytes that nobody read are lost: the peer is told. */
static void tern_closes_with_unread_data(void **state) {
    (void)state;
    struct scene s;
    scene_open(&s, false);
    assert_int_equal(kernel_send(s.fd, "lost", 4), 4);
    WORLD_UNTIL(s.w, s.ours.bits & TERN_EV_READ, 1000);
    assert_int_equal(tern_close(s.w->stack, s.ours.sock), 0);
    WORLD_UNTIL(s.w, theirs(&s) == TERN_CLOSED, 1000);
    assert_int_equal(kernel_error(s.fd), ECONNRESET);
    assert_int_equal(world_stats(s.w).resets_out, 1);
    world_expect_idle(s.w);
    scene_close(&s);
}

static void kernel_closes_with_unread_data(void **state) {
    (void)state;
    struct scene s;
    scene_open(&s, true);
    tern_says(&s, "lost");
    WORLD_UNTIL(s.w, s.ours.bits & TERN_EV_SENT, 1000);
    close(s.fd);
    s.fd = -1;
    WORLD_UNTIL(s.w, s.ours.bits & TERN_EV_CLOSED, 1000);
    assert_int_equal(s.ours.error, TERN_ERESET);
    assert_int_equal(theirs(&s), TERN_CLOSED);
    assert_int_equal(world_counter(s.w, "RST_EXACT"), 1);
    char byte;
    assert_int_equal(tern_read(s.w->stack, s.ours.sock, &byte, 1), TERN_ERESET);
    tern_close(s.w->stack, s.ours.sock);
    world_expect_idle(s.w);
    scene_close(&s);
}

static void aborts(void **state) {
    (void)state;
    for (int family = 4; family <= 6; family += 2) {
        struct scene s;
        struct world_config c = plain();
        scene_world(&s, &c);
        s.family = family;
        connect_ours(&s, true);
        assert_int_equal(tern_abort(s.w->stack, s.ours.sock), 0);
        WORLD_UNTIL(s.w, theirs(&s) == TERN_CLOSED, 1000);
        assert_int_equal(kernel_error(s.fd), ECONNRESET);
        world_expect_idle(s.w);
        scene_close(&s);
    }
}

/* [RFC9293 3.10.7.1, 3.10.7.3] */
static void refused(void **state) {
    (void)state;
    for (int family = 4; family <= 6; family += 2) {
        struct scene s;
        struct world_config c = plain();
        scene_world(&s, &c);
        world_connect(s.w, family, PORT, &s.ours); /* nobody listens there */
        WORLD_UNTIL(s.w, s.ours.bits & TERN_EV_CLOSED, 1000);
        assert_int_equal(s.ours.error, TERN_EREFUSED);
        tern_close(s.w->stack, s.ours.sock);
        s.fd = kernel_connect(family, PORT); /* nor here */
        int error = 0;
        WORLD_UNTIL(s.w, (error = kernel_error(s.fd)) != 0, 1000);
        assert_int_equal(error, ECONNREFUSED);
        world_expect_idle(s.w);
        scene_close(&s);
    }
}

/* The kernel closes the sockets of a process that is killed. */
static void peer_killed(void **state) {
    (void)state;
    struct scene s;
    scene_open(&s, true);
    pid_t child = fork();
    if (child == 0) pause();
    close(s.fd); /* only the child has it now */
    s.fd = -1;
    world_turns(s.w, 20);
    assert_true(both(&s, TERN_ESTABLISHED, TERN_ESTABLISHED));
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    WORLD_UNTIL(s.w, s.ours.bits & TERN_EV_EOF, 1000);
    tern_says(&s, "anybody?");
    WORLD_UNTIL(s.w, s.ours.bits & TERN_EV_CLOSED, 1000);
    assert_int_equal(s.ours.error, TERN_ERESET);
    tern_close(s.w->stack, s.ours.sock);
    world_expect_idle(s.w);
    scene_close(&s);
}

/* ---- alive ---- */

/* [MUST-25, MUST-27, SHLD-12] The kernel answers tern's probes and tern the kernel's. */
static void keepalive(void **state) {
    (void)state;
    struct scene s;
    scene_open(&s, true);
    assert_int_equal(tern_set(s.w->stack, s.ours.sock, TERN_OPT_KEEPALIVE, 1), 0);
    assert_int_equal(tern_set(s.w->stack, s.ours.sock, TERN_OPT_KEEPALIVE_IDLE_MS, 600), 0);
    WORLD_UNTIL(s.w, world_counter(s.w, "SEND_KEEPALIVE") >= 3, 4000); /* it answers two a second at most */
    assert_true(both(&s, TERN_ESTABLISHED, TERN_ESTABLISHED));
    assert_int_equal(tern_set(s.w->stack, s.ours.sock, TERN_OPT_KEEPALIVE, 0), 0);
    int one = 1;
    assert_int_equal(setsockopt(s.fd, IPPROTO_TCP, TCP_KEEPIDLE, &one, sizeof one), 0);
    assert_int_equal(setsockopt(s.fd, IPPROTO_TCP, TCP_KEEPINTVL, &one, sizeof one), 0);
    assert_int_equal(setsockopt(s.fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one), 0);
    WORLD_UNTIL(s.w, world_counter(s.w, "SEQ_KEEPALIVE") >= 2, 5000);
    assert_true(both(&s, TERN_ESTABLISHED, TERN_ESTABLISHED));
    scene_close(&s);
}

/* ---- windows ---- */

/* [MUST-35 to MUST-37] The kernel reads nothing, then slowly: tern probes the shut window and goes on when it opens. */
static void kernel_reads_slowly(void **state) {
    (void)state;
    struct scene s;
    scene_open(&s, true);
    int small = 20000;
    setsockopt(s.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    uint64_t sent = 0, got = 0, probes = 0;
    static uint8_t buf[7000];
    uint64_t hold = tern_host_now() + 1500 * MS, end = tern_host_now() + 20000 * MS;
    while (got < MUCH) {
        size_t len;
        const uint8_t *p = stream_at(sent, &len);
        if (len > MUCH - sent) len = (size_t)(MUCH - sent);
        ptrdiff_t n = len ? tern_write(s.w->stack, s.ours.sock, p, len) : 0;
        if (n > 0) sent += (uint64_t)n;
        world_turn(s.w, MS / 2);
        if (tern_host_now() < hold) continue;
        if (probes == 0) probes = world_counter(s.w, "SEND_PROBE");
        for (ssize_t r; (r = kernel_recv(s.fd, buf, sizeof buf)) > 0; got += (uint64_t)r)
            for (ssize_t i = 0; i < r; i += 997) {
                size_t left;
                assert_int_equal(buf[i], *stream_at(got + (uint64_t)i, &left));
            }
        if (tern_host_now() > end) world_late(s.w, 20000, "the kernel has it all");
    }
    assert_true(probes >= 1);
    scene_close(&s);
}

/* [SHLD-14, MUST-39] tern reads nothing, then in small pieces: the kernel probes, and the window opens in large
 * steps. */
static void tern_reads_slowly(void **state) {
    (void)state;
    struct scene s;
    scene_open(&s, false);
    uint64_t sent = 0, got = 0, hold = tern_host_now() + 1500 * MS, end = tern_host_now() + 20000 * MS;
    static uint8_t buf[7000];
    while (got < MUCH) {
        size_t len;
        const uint8_t *p = stream_at(sent, &len);
        if (len > MUCH - sent) len = (size_t)(MUCH - sent);
        ssize_t n = len ? kernel_send(s.fd, p, len) : 0;
        if (n > 0) sent += (uint64_t)n;
        world_turn(s.w, MS / 2);
        if (tern_host_now() < hold) continue;
        ptrdiff_t r = tern_read(s.w->stack, s.ours.sock, buf, sizeof buf);
        for (ptrdiff_t i = 0; i < r; i += 997) {
            size_t left;
            assert_int_equal(buf[i], *stream_at(got + (uint64_t)i, &left));
        }
        if (r > 0) got += (uint64_t)r;
        if (tern_host_now() > end) world_late(s.w, 20000, "tern has it all");
    }
    size_t at = 0, shut = 0;
    for (const struct seen *x; (x = world_seen(s.w, &at, true, TERN_ACK)) != NULL;) shut += x->window == 0;
    assert_true(shut >= 1);
    /* Linux probes with a number already acknowledged. */
    assert_true(world_counter(s.w, "SEQ_ZERO_WINDOW") + world_counter(s.w, "SEQ_KEEPALIVE") >= 1);
    scene_close(&s);
}

/* [RFC7323 2, 3] Both are agreed on, by whoever opens, and can be left out. */
static void options_are_agreed(void **state) {
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct world_config c = plain();
        struct scene s;
        struct sockdiag_socket kernel;
        bool on = i & 1, client = i & 2;
        c.settings.window_scale = c.settings.timestamps = c.settings.sack = on;
        scene_world(&s, &c);
        connect_ours(&s, client);
        tern_status_info info = {.size = sizeof info};
        assert_int_equal(tern_status(s.w->stack, s.ours.sock, &info), 0);
        assert_true(kernel_find(&s.k, &s.ours.flow, &kernel));
        assert_int_equal(kernel.timestamps, on);
        assert_int_equal(info.timestamps, on);
        assert_int_equal(kernel.sack, on);
        assert_int_equal(info.sack, on);
        assert_int_equal(info.snd_wscale, kernel.rcv_wscale);
        assert_int_equal(info.rcv_wscale, kernel.snd_wscale);
        if (on) assert_true(kernel.rcv_wscale > 0 && kernel.snd_wscale > 0);
        if (!on) assert_int_equal(kernel.rcv_wscale + kernel.snd_wscale, 0);
        assert_int_equal(kernel.mss_out, on ? 1448 : 1460);
        assert_int_equal(info.mss, on ? 1448 : 1460);
        scene_close(&s);
    }
}

/* [MUST-30, MUST-31, RFC6093] An urgent byte from the kernel stays in the stream. */
static void urgent(void **state) {
    (void)state;
    struct scene s;
    scene_open(&s, true);
    char buf[16];
    assert_int_equal(kernel_send(s.fd, "abc", 3), 3);
    assert_int_equal(send(s.fd, "!", 1, MSG_OOB), 1);
    assert_int_equal(kernel_send(s.fd, "def", 3), 3);
    tern_status_info info = {.size = sizeof info};
    WORLD_UNTIL(s.w, tern_status(s.w->stack, s.ours.sock, &info) == 0 && info.receive_queued == 7, 1000);
    assert_true(s.ours.bits & TERN_EV_URGENT);
    assert_int_equal(tern_read(s.w->stack, s.ours.sock, buf, sizeof buf), 7);
    assert_memory_equal(buf, "abc!def", 7);
    tern_says(&s, "fine");
    kernel_hears(&s, "fine");
    scene_close(&s);
}

int main(int argc, char **argv) {
    world_require();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tern_closes_first),
        cmocka_unit_test(kernel_closes_first),
        cmocka_unit_test(server_closes_at_once),
        cmocka_unit_test(kernel_server_closes_at_once),
        cmocka_unit_test(simultaneous_close),
        cmocka_unit_test(tern_closes_with_unread_data),
        cmocka_unit_test(kernel_closes_with_unread_data),
        cmocka_unit_test(aborts),
        cmocka_unit_test(refused),
        cmocka_unit_test(peer_killed),
        cmocka_unit_test(keepalive),
        cmocka_unit_test(kernel_reads_slowly),
        cmocka_unit_test(tern_reads_slowly),
        cmocka_unit_test(options_are_agreed),
        cmocka_unit_test(urgent),
    };
    return pulse_run(tests, sizeof tests / sizeof *tests, argc > 1 ? argv[1] : NULL);
}
