/* test_guards.c - the guards of a connection with the kernel, seen from the wire: what a blind stranger sends (RFC
 * 5961), a peer that vanishes, one that forgets (RFC 9293 figures 9 and 10), and the wait at the end (3.6.1, RFC
 * 6191). A flood of SYNs is test_flood.c's, marks are test_ecn.c's, urgent bytes test_signals.c's. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "scene.h"

/* Nothing is under way any more, also no delayed ACK. */
static void quiet(struct scene *s) { WORLD_UNTIL(s->w, scene_status(s).timer_ns == TERN_NEVER, 2000); }

/* ---- 1. blind ---- */

/* Sends it to tern; the answer to it, NULL: silence. tern answers in the turn that takes the segment in. */
static const struct crossed *answer_to(struct scene *s, const struct segment *seg) {
    size_t at = s->m->count;
    scene_inject(s, seg);
    world_turn(s->w, 0);
    const struct crossed *c = middle_next(s->m, &at, true, 0);
    if (c != NULL) assert_null(middle_next(s->m, &at, true, 0));
    return c;
}

static void expect_challenge(struct scene *s, const struct segment *seg) {
    tern_status_info before = scene_status(s);
    const struct crossed *c = answer_to(s, seg);
    if (c == NULL) world_late(s->w, 0, "a challenge ACK");
    assert_int_equal(c->flags, TERN_ACK);
    assert_int_equal(c->seq, before.snd_nxt);
    assert_int_equal(c->ack, before.rcv_nxt);
    assert_int_equal(c->len, 0);
    tern_status_info after = scene_status(s);
    assert_int_equal(after.state, TERN_ESTABLISHED);
    assert_int_equal(after.rcv_nxt, before.rcv_nxt);
    assert_int_equal(after.receive_queued, 0);
}

static void expect_silence(struct scene *s, const struct segment *seg) {
    assert_null(answer_to(s, seg));
    assert_int_equal(scene_ours(s), TERN_ESTABLISHED);
}

static struct world_config unlimited(void) {
    struct world_config c = world_config_default();
    c.settings.challenge_ack_ms = 0;
    return c;
}

/* [RFC5961 3.2] */
static void blind_reset(void **state) {
    (void)state;
    for (int family = 4; family <= 6; family += 2) {
        struct scene s;
        struct world_config c = unlimited();
        scene_open(&s, family, family == 4, &c);
        scene_lives(&s);
        quiet(&s);
        tern_status_info info = scene_status(&s);
        struct segment seg = scene_segment(&s, TERN_RST);
        const uint32_t inside[] = {1, 1000, info.rcv_wnd - 1}, outside[] = {(uint32_t)-1, info.rcv_wnd + 2, 1u << 31};
        for (size_t i = 0; i < 3; i++) {
            seg.seq = info.rcv_nxt + outside[i];
            expect_silence(&s, &seg);
            seg.seq = info.rcv_nxt + inside[i];
            expect_challenge(&s, &seg);
        }
        assert_int_equal(world_counter(s.w, "RST_CHALLENGE"), 3);
        assert_int_equal(world_counter(s.w, "SEQ_OUTSIDE_RST"), 3);
        assert_int_equal(scene_theirs(&s), TERN_ESTABLISHED); /* the kernel made nothing of the challenges */
        scene_lives(&s);
        quiet(&s);
        seg = scene_segment(&s, TERN_RST);
        scene_inject(&s, &seg);
        WORLD_UNTIL(s.w, s.ours.bits & TERN_EV_CLOSED, 1000);
        assert_int_equal(s.ours.error, TERN_ERESET);
        assert_int_equal(world_counter(s.w, "RST_EXACT"), 1);
        scene_close(&s);
    }
}

/* [RFC5961 4.2] Whatever its number. */
static void blind_syn(void **state) {
    (void)state;
    for (int family = 4; family <= 6; family += 2) {
        struct scene s;
        struct world_config c = unlimited();
        scene_open(&s, family, family == 6, &c);
        scene_lives(&s);
        quiet(&s);
        tern_status_info info = scene_status(&s);
        const uint32_t where[] = {0, 1, info.rcv_wnd - 1, (uint32_t)-1, info.rcv_wnd + 2, 1u << 31};
        for (size_t i = 0; i < 2 * sizeof where / sizeof *where; i++) {
            struct segment seg = scene_segment(&s, i & 1 ? TERN_SYN | TERN_ACK : TERN_SYN);
            seg.seq = info.rcv_nxt + where[i / 2];
            expect_challenge(&s, &seg);
        }
        assert_int_equal(scene_theirs(&s), TERN_ESTABLISHED);
        scene_lives(&s);
        scene_close(&s);
    }
}

/* [RFC5961 5.2, MAY-12] Numbers inside the window, but an ACK of what was never sent, or long ago. */
static void blind_data(void **state) {
    (void)state;
    for (int stamps = 0; stamps <= 1; stamps++) {
        struct scene s;
        struct world_config c = unlimited();
        c.settings.timestamps = (uint32_t)stamps;
        scene_open(&s, 4, true, &c);
        scene_lives(&s);
        quiet(&s);
        tern_status_info info = scene_status(&s);
        const uint32_t acks[] = {info.snd_nxt + 1, info.snd_nxt + 100000, info.snd_una - (1u << 24),
                                 info.snd_una - (1u << 30)};
        for (size_t i = 0; i < sizeof acks / sizeof *acks; i++) {
            struct segment seg = scene_segment(&s, TERN_ACK | TERN_PSH);
            seg.ack = acks[i];
            seg.text = "evil";
            seg.len = 4;
            expect_challenge(&s, &seg);
        }
        assert_int_equal(world_counter(s.w, "ACK_FUTURE"), 2);
        assert_int_equal(world_counter(s.w, "ACK_TOO_OLD"), 2);
        struct segment bare = scene_segment(&s, TERN_PSH); /* no ACK at all */
        bare.text = "evil";
        bare.len = 4;
        expect_silence(&s, &bare);
        assert_int_equal(scene_status(&s).receive_queued, 0);
        scene_lives(&s);
        scene_close(&s);
    }
}

/* [RFC5961 7] At most one in 500 ms, for each connection by itself: what one connection was asked is not to be
 * learned from another (CVE-2016-5696). */
static void challenges_are_limited(void **state) {
    (void)state;
    struct scene s;
    scene_open(&s, 4, true, NULL);
    struct end first = s.ours, second;
    int first_fd = s.fd;
    scene_lives(&s);
    scene_connect(&s, true, 0);
    second = s.ours;
    scene_lives(&s);
    quiet(&s);
    struct segment seg = scene_segment(&s, TERN_RST);
    seg.seq += 7;
    size_t at = s.m->count;
    expect_challenge(&s, &seg);
    uint64_t asked = tern_host_now();
    for (unsigned i = 0; i < 150; i++) scene_inject(&s, &seg);
    world_turn(s.w, 0);
    if (tern_host_now() - asked < 450 * MS)
        assert_int_equal(middle_count(s.m, at, true, second.flow.local_port, TERN_ACK), 1);
    assert_true(world_counter(s.w, "CHALLENGE_LIMITED") >= 140);
    s.ours = first; /* the other one is answered as if nothing had been */
    quiet(&s);
    struct segment other = scene_segment(&s, TERN_RST);
    other.seq += 7;
    expect_challenge(&s, &other);
    s.ours = second;
    WORLD_UNTIL(s.w, tern_host_now() > asked + 600 * MS, 1000);
    expect_challenge(&s, &seg);
    scene_lives(&s);
    close(first_fd);
    scene_close(&s);
}

/* ---- 3. a peer that vanishes ---- */

static void nobody_passes(struct scene *s, bool nobody) { s->m->silent_in = s->m->silent_out = nobody; }

static unsigned stopped_out(const struct scene *s, size_t at, uint32_t seq) {
    unsigned n = 0;
    for (; at < s->m->count; at++)
        n += s->m->crossed[at].out && s->m->crossed[at].stopped && s->m->crossed[at].seq == seq;
    return n;
}

/* [MUST-24, MUST-27, RFC9293 3.8.4] */
static void keepalive_finds_it(void **state) {
    (void)state;
    for (int family = 4; family <= 6; family += 2) {
        struct scene s;
        scene_open(&s, family, true, NULL);
        scene_lives(&s);
        quiet(&s);
        uint32_t nxt = scene_status(&s).snd_nxt;
        assert_int_equal(tern_set(s.w->stack, s.ours.sock, TERN_OPT_KEEPALIVE_IDLE_MS, 300), 0);
        assert_int_equal(tern_set(s.w->stack, s.ours.sock, TERN_OPT_KEEPALIVE_INTERVAL_MS, 150), 0);
        assert_int_equal(tern_set(s.w->stack, s.ours.sock, TERN_OPT_KEEPALIVE_PROBES, 3), 0);
        assert_int_equal(tern_set(s.w->stack, s.ours.sock, TERN_OPT_KEEPALIVE, 1), 0);
        size_t at = s.m->count;
        uint64_t start = tern_host_now();
        nobody_passes(&s, true);
        WORLD_UNTIL(s.w, s.ours.bits & TERN_EV_CLOSED, 5000);
        assert_int_equal(s.ours.error, TERN_ETIMEDOUT);
        assert_true(tern_host_now() - start >= 745 * MS);
        assert_int_equal(world_counter(s.w, "END_KEEPALIVE"), 1);
        assert_int_equal(stopped_out(&s, at, nxt - 1), 3);
        char byte;
        assert_int_equal(tern_read(s.w->stack, s.ours.sock, &byte, 1), TERN_ETIMEDOUT);
        scene_close(&s);
    }
}

/* [MUST-20, MUST-21] With bytes under way the user timeout counts. */
static void user_timeout_finds_it(void **state) {
    (void)state;
    struct scene s;
    scene_open(&s, 4, true, NULL);
    scene_lives(&s);
    quiet(&s);
    uint32_t nxt = scene_status(&s).snd_nxt;
    assert_int_equal(tern_set(s.w->stack, s.ours.sock, TERN_OPT_USER_TIMEOUT_MS, 1200), 0);
    size_t at = s.m->count;
    uint64_t start = tern_host_now();
    nobody_passes(&s, true);
    assert_int_equal(tern_write(s.w->stack, s.ours.sock, "anybody?", 8), 8);
    WORLD_UNTIL(s.w, s.ours.bits & TERN_EV_CLOSED, 6000);
    assert_int_equal(s.ours.error, TERN_ETIMEDOUT);
    assert_true(tern_host_now() - start >= 1200 * MS);
    assert_int_equal(world_counter(s.w, "END_USER_TIMEOUT"), 1);
    assert_true(stopped_out(&s, at, nxt) >= 3); /* it did try */
    scene_close(&s);
}

/* The other way round. */
static void kernel_finds_a_silent_tern(void **state) {
    (void)state;
    struct scene s;
    int one = 1, error = 0;
    scene_open(&s, 4, false, NULL);
    scene_lives(&s);
    assert_int_equal(setsockopt(s.fd, IPPROTO_TCP, TCP_KEEPIDLE, &one, sizeof one), 0);
    assert_int_equal(setsockopt(s.fd, IPPROTO_TCP, TCP_KEEPINTVL, &one, sizeof one), 0);
    assert_int_equal(setsockopt(s.fd, IPPROTO_TCP, TCP_KEEPCNT, &one, sizeof one), 0);
    assert_int_equal(setsockopt(s.fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one), 0);
    WORLD_UNTIL(s.w, world_counter(s.w, "SEQ_KEEPALIVE") >= 1, 5000); /* answered: it lives on */
    nobody_passes(&s, true);
    WORLD_UNTIL(s.w, (error = kernel_error(s.fd)) != 0, 8000);
    assert_int_equal(error, ETIMEDOUT);
    scene_close(&s);
}

/* ---- 4. a peer that forgets ---- */

/* Figure 10: the one that remembers sends data. Here tern is the one that was new, then the kernel. */
static void figure_10_tern_reboots(void **state) {
    (void)state;
    for (int family = 4; family <= 6; family += 2) {
        struct scene s;
        int error = 0;
        scene_open(&s, family, true, NULL);
        scene_lives(&s);
        world_reboot(s.w, &s.config);
        size_t at = s.m->count;
        assert_int_equal(kernel_send(s.fd, "remember?", 9), 9);
        WORLD_UNTIL(s.w, (error = kernel_error(s.fd)) != 0, 2000);
        assert_int_equal(error, ECONNRESET);
        size_t to = at;
        const struct crossed *data = middle_next(s.m, &at, false, TERN_PSH),
                             *rst = middle_next(s.m, &to, true, TERN_RST);
        assert_non_null(data);
        assert_non_null(rst);
        assert_int_equal(rst->seq, data->ack);
        assert_int_equal(rst->flags, TERN_RST);
        assert_int_equal(scene_theirs(&s), TERN_CLOSED);
        scene_close(&s);
    }
}

static void figure_10_kernel_reboots(void **state) {
    (void)state;
    for (int family = 4; family <= 6; family += 2) {
        struct scene s;
        scene_open(&s, family, family == 4, NULL);
        scene_lives(&s);
        scene_kernel_forgets(&s);
        assert_int_equal(scene_ours(&s), TERN_ESTABLISHED);
        assert_int_equal(tern_write(s.w->stack, s.ours.sock, "remember?", 9), 9);
        WORLD_UNTIL(s.w, s.ours.bits & TERN_EV_CLOSED, 2000);
        assert_int_equal(s.ours.error, TERN_ERESET);
        assert_int_equal(world_counter(s.w, "RST_EXACT"), 1);
        scene_close(&s);
    }
}

/* Figure 9: SYN, the ACK of the old connection, RST, SYN again, established. By the segments that crossed. */
static void expect_figure_9(const struct scene *s, size_t at, bool tern_opens) {
    size_t ask = at;
    const struct crossed *syn = middle_next(s->m, &ask, tern_opens, TERN_SYN);
    assert_non_null(syn);
    assert_int_equal(syn->flags & (TERN_ACK | TERN_SYN), TERN_SYN);
    size_t other = at, later = ask;
    const struct crossed *ack = middle_next(s->m, &other, !tern_opens, TERN_ACK);
    assert_non_null(ack);
    assert_int_equal(ack->flags & (TERN_SYN | TERN_RST), 0);
    assert_int_not_equal(ack->ack, syn->seq + 1);
    const struct crossed *rst = middle_next(s->m, &ask, tern_opens, TERN_RST);
    assert_non_null(rst);
    assert_int_equal(rst->seq, ack->ack);
    assert_non_null(middle_next(s->m, &later, tern_opens, TERN_SYN));
    const struct crossed *answer = middle_next(s->m, &other, !tern_opens, TERN_SYN | TERN_ACK);
    assert_non_null(answer);
    assert_int_equal(answer->ack, syn->seq + 1);
}

static void figure_9_kernel_opens_again(void **state) {
    (void)state;
    for (int family = 4; family <= 6; family += 2) {
        struct scene s;
        scene_open(&s, family, false, NULL);
        scene_lives(&s);
        struct end old = s.ours;
        assert_int_equal(tern_set_user(s.w->stack, old.sock, (uintptr_t)&old), 0);
        scene_kernel_forgets(&s);
        size_t at = s.m->count;
        scene_connect(&s, false, old.flow.remote_port);
        assert_true(old.bits & TERN_EV_CLOSED);
        assert_int_equal(old.error, TERN_ERESET);
        assert_int_equal(world_counter(s.w, "SYN_CHALLENGE"), 1);
        expect_figure_9(&s, at, false);
        scene_lives(&s);
        tern_close(s.w->stack, old.sock);
        scene_close(&s);
    }
}

static void figure_9_tern_opens_again(void **state) {
    (void)state;
    for (int family = 4; family <= 6; family += 2) {
        struct scene s;
        struct world_config c = world_config_default();
        c.settings.rto_initial_ms = 300;
        scene_open(&s, family, true, &c);
        scene_lives(&s);
        int old = s.fd;
        uint16_t port = s.ours.flow.local_port;
        world_reboot(s.w, &s.config);
        size_t at = s.m->count;
        scene_connect(&s, true, port);
        assert_int_equal(kernel_error(old), ECONNRESET);
        assert_int_equal(world_counter(s.w, "SYNSENT_BAD_ACK"), 1);
        expect_figure_9(&s, at, true);
        scene_lives(&s);
        close(old);
        scene_close(&s);
    }
}

/* ---- 5. the last ACK, and TIME-WAIT ---- */

/* Loses the first ACK of a FIN: the next segment without data that goes this way once a FIN came the other way. */
struct last_ack {
    bool out, fin_came, lost;
};
static bool lose_last_ack(void *ctx, const struct crossed *c, uint8_t *packet) {
    struct last_ack *l = ctx;
    (void)packet;
    if (c->out != l->out && (c->flags & TERN_FIN)) l->fin_came = true;
    if (c->out != l->out || !l->fin_came || l->lost || c->flags != TERN_ACK) return true;
    l->lost = true;
    return false;
}

/* [MUST-13, RFC9293 3.10.7.4] tern is in TIME-WAIT and repeats its ACK for the kernel's repeated FIN; 2 MSL start
 * anew. */
static void tern_repeats_the_last_ack(void **state) {
    (void)state;
    for (int family = 4; family <= 6; family += 2) {
        struct scene s;
        struct world_config c = world_config_default();
        tern_status_info info;
        c.settings.msl_ms = 600;
        scene_open(&s, family, true, &c);
        scene_lives(&s);
        assert_int_equal(tern_close(s.w->stack, s.ours.sock), 0);
        WORLD_UNTIL(s.w, world_find(s.w, &s.ours.flow, &info) && info.state == TERN_FIN_WAIT_2, 2000);
        struct last_ack l = {.out = true};
        s.m->ctx = &l;
        s.m->judge = lose_last_ack;
        size_t at = s.m->count;
        close(s.fd);
        s.fd = -1;
        WORLD_UNTIL(s.w, l.lost, 2000);
        assert_int_equal(scene_theirs(&s), TERN_LAST_ACK);
        assert_true(world_find(s.w, &s.ours.flow, &info));
        assert_int_equal(info.state, TERN_TIME_WAIT);
        uint64_t first = info.timer_ns;
        WORLD_UNTIL(s.w, scene_theirs(&s) == TERN_CLOSED, 3000);
        assert_int_equal(world_counter(s.w, "FIN_REPEATED"), 1);
        assert_int_equal(middle_count(s.m, at, false, SCENE_PORT, TERN_FIN), 2);
        assert_true(world_find(s.w, &s.ours.flow, &info));
        assert_true(info.timer_ns >= first + 100 * MS); /* the kernel repeats after 200 ms */
        WORLD_UNTIL(s.w, world_stats(s.w).time_wait == 0, 3000);
        assert_true(tern_host_now() + 5 * MS >= info.timer_ns);
        world_expect_idle(s.w);
        scene_close(&s);
    }
}

/* The other way round: tern is in LAST-ACK and repeats its FIN. */
static void tern_repeats_its_fin(void **state) {
    (void)state;
    for (int family = 4; family <= 6; family += 2) {
        struct scene s;
        scene_open(&s, family, true, NULL);
        scene_lives(&s);
        kernel_shutdown(s.fd);
        WORLD_UNTIL(s.w, s.ours.bits & TERN_EV_EOF, 1000);
        WORLD_UNTIL(s.w, scene_theirs(&s) == TERN_FIN_WAIT_2, 1000);
        quiet(&s);
        struct last_ack l = {.out = false};
        s.m->ctx = &l;
        s.m->judge = lose_last_ack;
        size_t at = s.m->count;
        assert_int_equal(tern_close(s.w->stack, s.ours.sock), 0);
        WORLD_UNTIL(s.w, l.lost, 1000);
        assert_int_equal(scene_theirs(&s), TERN_TIME_WAIT);
        tern_status_info info;
        assert_true(world_find(s.w, &s.ours.flow, &info));
        assert_int_equal(info.state, TERN_LAST_ACK);
        WORLD_UNTIL(s.w, world_stats(s.w).connections == 0, 3000);
        assert_true(middle_count(s.m, at, true, s.ours.flow.local_port, TERN_FIN) >= 2);
        world_expect_idle(s.w);
        assert_int_equal(scene_theirs(&s), TERN_TIME_WAIT);
        scene_close(&s);
    }
}

/* [MAY-2, SHLD-4, RFC6191] The kernel opens again from the port that tern waits for: a newer timestamp, or without
 * any a higher number, shows that it is no old SYN. */
static void kernel_reuses_a_port(void **state) {
    (void)state;
    for (int stamps = 0; stamps <= 1; stamps++) {
        struct scene s;
        struct world_config c = world_config_default();
        c.settings.timestamps = (uint32_t)stamps;
        c.settings.msl_ms = 30000;
        scene_open(&s, 4, false, &c);
        for (int i = 0; i < 3; i++) {
            tern_status_info info;
            uint16_t port = s.ours.flow.remote_port;
            scene_lives(&s);
            assert_int_equal(tern_close(s.w->stack, s.ours.sock), 0);
            WORLD_UNTIL(s.w, world_find(s.w, &s.ours.flow, &info) && info.state == TERN_FIN_WAIT_2, 2000);
            close(s.fd);
            s.fd = -1;
            WORLD_UNTIL(s.w, world_stats(s.w).time_wait == 1 && scene_theirs(&s) == TERN_CLOSED, 2000);
            scene_connect(&s, false, port);
            assert_int_equal(world_counter(s.w, "TIME_WAIT_REUSED"), i + 1);
            assert_int_equal(world_stats(s.w).time_wait, 0);
            tern_status_info now = scene_status(&s);
            assert_true((int32_t)(now.iss - info.snd_nxt) > 0); /* above all numbers of before */
        }
        scene_lives(&s);
        scene_close(&s);
    }
}

/* The other way round: tern's SYN is new to the kernel's TIME-WAIT. */
static void tern_reuses_a_port(void **state) {
    (void)state;
    for (int stamps = 0; stamps <= 1; stamps++) {
        struct scene s;
        struct world_config c = world_config_default();
        c.settings.timestamps = (uint32_t)stamps;
        scene_open(&s, 4, true, &c);
        for (int i = 0; i < 3; i++) {
            uint16_t port = s.ours.flow.local_port;
            scene_lives(&s);
            close(s.fd);
            s.fd = -1;
            WORLD_UNTIL(s.w, s.ours.bits & TERN_EV_EOF, 1000);
            assert_int_equal(tern_close(s.w->stack, s.ours.sock), 0);
            WORLD_UNTIL(s.w, world_stats(s.w).connections == 0 && scene_theirs(&s) == TERN_TIME_WAIT, 2000);
            uint64_t start = tern_host_now();
            scene_connect(&s, true, port);
            assert_true(tern_host_now() - start < 900 * MS); /* with its first SYN */
            assert_int_equal(s.ours.flow.local_port, port);
        }
        scene_lives(&s);
        scene_close(&s);
    }
}

int main(int argc, char **argv) {
    world_require();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blind_reset),
        cmocka_unit_test(blind_syn),
        cmocka_unit_test(blind_data),
        cmocka_unit_test(challenges_are_limited),
        cmocka_unit_test(keepalive_finds_it),
        cmocka_unit_test(user_timeout_finds_it),
        cmocka_unit_test(kernel_finds_a_silent_tern),
        cmocka_unit_test(figure_10_tern_reboots),
        cmocka_unit_test(figure_10_kernel_reboots),
        cmocka_unit_test(figure_9_kernel_opens_again),
        cmocka_unit_test(figure_9_tern_opens_again),
        cmocka_unit_test(tern_repeats_the_last_ack),
        cmocka_unit_test(tern_repeats_its_fin),
        cmocka_unit_test(kernel_reuses_a_port),
        cmocka_unit_test(tern_reuses_a_port),
    };
    return pulse_run(tests, sizeof tests / sizeof *tests, argc > 1 ? argv[1] : NULL);
}
