/* test_signals.c - what the two ends and the routers between them tell each other beside the data: urgent bytes,
 * resets that an application asks for, shut windows and their probes, packets too big for the path. */
#include <errno.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "scene.h"

static void quiet(struct scene *s) { WORLD_UNTIL(s->w, scene_status(s).timer_ns == TERN_NEVER, 2000); }

static uint64_t write_stream(struct scene *s, uint64_t from, uint64_t n) {
    uint64_t done = 0;
    for (size_t len; done < n;) {
        const uint8_t *p = stream_at(from + done, &len);
        ptrdiff_t w = tern_write(s->w->stack, s->ours.sock, p, len < n - done ? len : (size_t)(n - done));
        if (w <= 0) break;
        done += (uint64_t)w;
    }
    return done;
}

/* ---- urgent ---- */

/* [MUST-30, MUST-62, RFC6093 3.1] The kernel takes the last urgent byte out of the stream and marks its place. */
static void urgent_to_the_kernel(void **state) {
    (void)state;
    for (int family = 4; family <= 6; family += 2) {
        struct scene s;
        char buf[8], oob = 0;
        int mark = 0;
        scene_open(&s, family, family == 4, NULL);
        size_t at = s.m->count;
        assert_int_equal(tern_write_urgent(s.w->stack, s.ours.sock, "ab!", 3), 3);
        assert_int_equal(tern_write(s.w->stack, s.ours.sock, "cd", 2), 2);
        WORLD_UNTIL(s.w, scene_status(&s).send_queued == 0, 1000);
        const struct crossed *c = middle_next(s.m, &at, true, TERN_URG);
        assert_non_null(c);
        assert_int_equal(c->urgent, 3); /* behind the byte, not at it [MUST-62] */
        assert_int_equal(kernel_recv(s.fd, buf, sizeof buf), 2);
        assert_memory_equal(buf, "ab", 2);
        assert_int_equal(ioctl(s.fd, SIOCATMARK, &mark), 0);
        assert_int_equal(mark, 1);
        assert_int_equal(recv(s.fd, &oob, 1, MSG_OOB), 1);
        assert_int_equal(oob, '!');
        assert_int_equal(kernel_recv(s.fd, buf, sizeof buf), 2);
        assert_memory_equal(buf, "cd", 2);
        scene_lives(&s);
        assert_int_equal(middle_last(s.m, true, s.ours.flow.local_port)->flags & TERN_URG, 0);
        scene_close(&s);
    }
}

/* [MUST-31, MUST-32, MUST-33] In the stream, where it was written; how far it is can be asked for. */
static void urgent_from_the_kernel(void **state) {
    (void)state;
    for (int family = 4; family <= 6; family += 2) {
        struct scene s;
        char buf[16];
        scene_open(&s, family, family == 6, NULL);
        size_t at = s.m->count;
        assert_int_equal(kernel_send(s.fd, "abc", 3), 3);
        assert_int_equal(send(s.fd, "!", 1, MSG_OOB), 1);
        assert_int_equal(kernel_send(s.fd, "def", 3), 3);
        WORLD_UNTIL(s.w, scene_status(&s).receive_queued == 7, 1000);
        assert_true(s.ours.bits & TERN_EV_URGENT);
        assert_true(middle_count(s.m, at, false, s.ours.flow.remote_port, TERN_URG) >= 1);
        assert_in_range(scene_status(&s).urgent_left, 4, 4);
        assert_int_equal(tern_read(s.w->stack, s.ours.sock, buf, 4), 4);
        assert_int_equal(scene_status(&s).urgent_left, 0);
        assert_int_equal(tern_read(s.w->stack, s.ours.sock, buf + 4, 12), 3);
        assert_memory_equal(buf, "abc!def", 7);
        scene_lives(&s);
        scene_close(&s);
    }
}

/* ---- resets that are meant ---- */

static void expect_reset(struct scene *s, size_t at, uint32_t seq) {
    int error = 0;
    WORLD_UNTIL(s->w, (error = kernel_error(s->fd)) != 0, 1000);
    assert_int_equal(error, ECONNRESET);
    const struct crossed *c = middle_next(s->m, &at, true, TERN_RST);
    assert_non_null(c);
    assert_int_equal(c->seq, seq);
    assert_null(middle_next(s->m, &at, true, TERN_RST));
    world_expect_idle(s->w);
}

static void linger_zero_resets(void **state) {
    (void)state;
    for (int family = 4; family <= 6; family += 2) {
        struct scene s;
        scene_open(&s, family, true, NULL);
        scene_lives(&s);
        quiet(&s);
        size_t at = s.m->count;
        uint32_t seq = scene_status(&s).snd_nxt;
        assert_int_equal(tern_set(s.w->stack, s.ours.sock, TERN_OPT_LINGER_MS, 0), 0);
        assert_int_equal(tern_close(s.w->stack, s.ours.sock), 0);
        expect_reset(&s, at, seq);
        scene_close(&s);
    }
}

/* [SHLD-3] Both ways. */
static void unread_data_resets(void **state) {
    (void)state;
    for (int family = 4; family <= 6; family += 2) {
        struct scene s;
        scene_open(&s, family, true, NULL);
        assert_int_equal(kernel_send(s.fd, "lost", 4), 4);
        WORLD_UNTIL(s.w, scene_status(&s).receive_queued == 4, 1000);
        size_t at = s.m->count;
        uint32_t seq = scene_status(&s).snd_nxt;
        assert_int_equal(tern_close(s.w->stack, s.ours.sock), 0);
        expect_reset(&s, at, seq);
        assert_int_equal(world_counter(s.w, "SEND_RST_UNREAD"), 1);
        close(s.fd);
        scene_connect(&s, true, 0);
        assert_int_equal(tern_write(s.w->stack, s.ours.sock, "lost", 4), 4);
        WORLD_UNTIL(s.w, scene_status(&s).send_queued == 0, 1000);
        at = s.m->count;
        close(s.fd);
        s.fd = -1;
        WORLD_UNTIL(s.w, s.ours.bits & TERN_EV_CLOSED, 1000);
        assert_int_equal(s.ours.error, TERN_ERESET);
        assert_non_null(middle_next(s.m, &at, false, TERN_RST));
        scene_close(&s);
    }
}

/* ---- shut windows ---- */

enum { MUCH = 400000 };

/* The kernel reads nothing until its window is shut. Returns how much was written. */
static uint64_t shut_window(struct scene *s) {
    int small = 20000;
    assert_int_equal(setsockopt(s->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
    uint64_t sent = 0;
    WORLD_UNTIL(s->w, (sent += write_stream(s, sent, MUCH - sent), world_counter(s->w, "SEND_PROBE") > 0), 5000);
    assert_int_equal(scene_status(s).snd_wnd, 0);
    return sent;
}

/* [MUST-35, MUST-36, SHLD-29, SHLD-30] Probed again and again, each time later; when it opens everything goes on. */
static void shut_window_opens(void **state) {
    (void)state;
    struct scene s;
    scene_open(&s, 4, true, NULL);
    uint64_t sent = shut_window(&s), times[4] = {tern_host_now()};
    for (unsigned i = 1; i < 4; i++) {
        WORLD_UNTIL(s.w, world_counter(s.w, "SEND_PROBE") > i, 5000);
        times[i] = tern_host_now();
    }
    assert_true(times[3] - times[2] > (times[2] - times[1]) * 3 / 2);
    assert_true(times[2] - times[1] > (times[1] - times[0]) * 3 / 2);
    assert_int_equal(scene_ours(&s), TERN_ESTABLISHED);
    assert_int_equal(middle_last(s.m, false, SCENE_PORT)->window, 0); /* answered each time */
    int large = 1 << 20;
    setsockopt(s.fd, SOL_SOCKET, SO_RCVBUF, &large, sizeof large);
    scene_kernel_reads(&s, 0, sent);
    scene_lives(&s);
    scene_close(&s);
}

/* [RFC6429 3] Unless the application has set a limit: then a peer that answers but never opens is given up. */
static void shut_window_is_given_up(void **state) {
    (void)state;
    struct scene s;
    scene_open(&s, 4, true, NULL);
    assert_int_equal(tern_set(s.w->stack, s.ours.sock, TERN_OPT_ZERO_WINDOW_MS, 1000), 0);
    uint64_t start = tern_host_now();
    shut_window(&s);
    WORLD_UNTIL(s.w, s.ours.bits & TERN_EV_CLOSED, 6000);
    assert_int_equal(s.ours.error, TERN_ETIMEDOUT);
    assert_true(tern_host_now() - start >= 1000 * MS);
    assert_int_equal(world_counter(s.w, "END_ZERO_WINDOW"), 1);
    WORLD_UNTIL(s.w, kernel_error(s.fd) == ECONNRESET, 1000);
    scene_close(&s);
}

/* ---- too big for the path ---- */

static uint32_t mss_for(const struct scene *s, uint32_t mtu) { return mtu - (s->family == 4 ? 20 : 40) - 20 - 12; }

static void too_big(struct scene *s, const struct segment *quoted, uint32_t mtu) {
    uint8_t packet[MIDDLE_PACKET];
    uint64_t before = world_stats(s->w).packets_in;
    middle_to_tern(s->m, packet, forge_too_big(quoted, mtu, packet));
    WORLD_UNTIL(s->w, world_stats(s->w).packets_in > before, 1000);
}

/* [RFC1191, RFC8201, RFC5927 4.1] A report counts when it quotes what is under way, and nothing shrinks below the
 * floor. */
static void reports_are_checked(void **state) {
    (void)state;
    for (int family = 4; family <= 6; family += 2) {
        struct scene s;
        scene_open(&s, family, true, NULL);
        scene_lives(&s);
        quiet(&s);
        uint32_t whole = scene_status(&s).mss, small = family == 4 ? 1000 : 1300, floor = family == 4 ? 552 : 1280;
        assert_int_equal(whole, mss_for(&s, 1500));
        struct segment none = scene_segment(&s, TERN_ACK); /* of what the kernel sends: turned round below */
        struct segment wrong = {.family = family,
                                .from_tern = true,
                                .src_port = none.dst_port,
                                .dst_port = none.src_port,
                                .flags = TERN_ACK,
                                .seq = none.ack};
        too_big(&s, &wrong, small); /* nothing is under way at all */
        s.m->silent_in = true;      /* from here on the kernel's ACKs are lost */
        assert_int_equal(write_stream(&s, 0, 5000), 5000);
        WORLD_UNTIL(s.w, scene_status(&s).snd_nxt == none.ack + 5000, 1000);
        struct segment right = wrong;
        const uint32_t others[] = {none.ack - 1, none.ack + 5000, none.ack + (1u << 31), none.ack - 100000};
        for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
            wrong.seq = others[i];
            too_big(&s, &wrong, small);
        }
        wrong = right;
        wrong.src_port ^= 1; /* another connection, which is not there */
        too_big(&s, &wrong, small);
        assert_int_equal(scene_status(&s).mss, whole);
        too_big(&s, &right, small);
        assert_int_equal(scene_status(&s).mss, mss_for(&s, small));
        too_big(&s, &right, 68); /* for IPv6 that is no path at all: discarded [RFC8201 4] */
        assert_int_equal(scene_status(&s).mss, mss_for(&s, family == 4 ? floor : small));
        too_big(&s, &right, floor);
        assert_int_equal(scene_status(&s).mss, mss_for(&s, floor));
        too_big(&s, &right, 1500); /* none makes it grow */
        assert_int_equal(scene_status(&s).mss, mss_for(&s, floor));
        s.m->silent_in = false;
        size_t at = s.m->count;
        scene_kernel_reads(&s, 0, 5000);
        WORLD_UNTIL(s.w, scene_status(&s).send_queued == 0, 3000);
        assert_int_equal(write_stream(&s, 5000, 100000), 100000);
        scene_kernel_reads(&s, 5000, 100000);
        for (const struct crossed *c; (c = middle_next(s.m, &at, true, 0)) != NULL;) assert_true(c->bytes <= floor);
        scene_close(&s);
    }
}

/* A router whose next link carries less: it stops what is too big and says so. */
struct router {
    struct middle *m;
    uint32_t mtu;
    unsigned stopped, let_through;
};

static bool route(void *ctx, const struct crossed *c, uint8_t *packet) {
    struct router *r = ctx;
    uint8_t report[MIDDLE_PACKET];
    (void)packet;
    if (!c->out || c->bytes <= r->mtu) {
        r->let_through += c->out && c->len > 0;
        return true;
    }
    struct segment quoted = {.family = c->family,
                             .from_tern = true,
                             .src_port = c->src_port,
                             .dst_port = c->dst_port,
                             .flags = c->flags,
                             .seq = c->seq,
                             .ack = c->ack,
                             .window = c->window};
    if (r->m->queued < MIDDLE_QUEUE / 2) middle_to_tern(r->m, report, forge_too_big(&quoted, r->mtu, report));
    r->stopped++;
    return false;
}

static void narrow_link(void **state) {
    (void)state;
    for (int family = 4; family <= 6; family += 2) {
        struct scene s;
        scene_open(&s, family, true, NULL);
        scene_lives(&s);
        struct router r = {.m = s.m, .mtu = family == 4 ? 1100 : 1280};
        s.m->ctx = &r;
        s.m->judge = route;
        uint64_t start = tern_host_now();
        assert_int_equal(write_stream(&s, 0, 200000), 200000);
        scene_kernel_reads(&s, 0, 200000);
        assert_true(tern_host_now() - start < 2000 * MS);
        assert_int_equal(scene_status(&s).mss, mss_for(&s, r.mtu));
        assert_in_range(r.stopped, 1, 40);
        assert_true(r.let_through >= 200000 / mss_for(&s, r.mtu));
        unsigned before = r.stopped; /* the next connection knows already */
        close(s.fd);
        tern_abort(s.w->stack, s.ours.sock);
        scene_connect(&s, true, 0);
        assert_int_equal(write_stream(&s, 0, 50000), 50000);
        scene_kernel_reads(&s, 0, 50000);
        assert_int_equal(r.stopped, before);
        scene_close(&s);
    }
}

int main(int argc, char **argv) {
    world_require();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urgent_to_the_kernel), cmocka_unit_test(urgent_from_the_kernel),
        cmocka_unit_test(linger_zero_resets),   cmocka_unit_test(unread_data_resets),
        cmocka_unit_test(shut_window_opens),    cmocka_unit_test(shut_window_is_given_up),
        cmocka_unit_test(reports_are_checked),  cmocka_unit_test(narrow_link),
    };
    return pulse_run(tests, sizeof tests / sizeof *tests, argc > 1 ? argv[1] : NULL);
}
