/* test_ecn.c - congestion marks between tern and the kernel (RFC 3168, RFC 9768): who agrees to what, and what
 * becomes of packets that a router on the way marks. */
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>

#include <linux/tcp.h>

#include "scene.h"

enum { MUCH = 120000, ASKS = TERN_AE | TERN_CWR | TERN_ECE };

static struct tcp_info kernel_info(const struct scene *s) {
    struct tcp_info info = {0};
    socklen_t len = sizeof info;
    assert_int_equal(getsockopt(s->fd, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
    return info;
}

static void kernel_ecn(char mode) {
    if (!scene_sysctl("tcp_ecn", (char[]){mode, 0})) fail_msg("the kernel does not take %c for tcp_ecn", mode);
}

static void scene_ecn(struct scene *s, int family, uint32_t ours, char kernels, bool tern_opens) {
    struct world_config c = world_config_default();
    c.settings.ecn = ours;
    scene_begin(s, family, &c);
    assert_true(scene_sysctl("tcp_congestion_control", "reno")); /* others may not care for marks */
    kernel_ecn(kernels);
    scene_connect(s, tern_opens, 0);
}

/* ---- agreed, or not ---- */

static const struct crossed *last_data(const struct scene *s, bool out) {
    for (size_t i = s->m->count; i-- > 0;)
        if (s->m->crossed[i].out == out && s->m->crossed[i].len > 0) return &s->m->crossed[i];
    return NULL;
}

/* Classic marks between all settings of both; data is marked as capable exactly when both agreed. */
static void agreed_when_both_want(void **state) {
    (void)state;
    for (int i = 0; i < 18; i++) {
        struct scene s;
        uint32_t ours = (uint32_t)(i / 2 % 3);
        char kernels = (char)('0' + i / 6);
        bool tern_opens = i & 1, asks = tern_opens ? ours == 1 : kernels == '1';
        bool agrees = tern_opens ? kernels != '0' : ours != 0;
        scene_ecn(&s, i % 4 < 2 ? 4 : 6, ours, kernels, tern_opens);
        size_t at = 0;
        const struct crossed *syn = middle_next(s.m, &at, tern_opens, TERN_SYN);
        const struct crossed *answer = middle_next(s.m, &at, !tern_opens, TERN_SYN | TERN_ACK);
        assert_int_equal(syn->flags & ASKS, !asks ? 0 : tern_opens ? ASKS : TERN_CWR | TERN_ECE);
        assert_int_equal(answer->flags & ASKS, asks && agrees ? TERN_ECE : 0);
        assert_int_equal(syn->ecn, NOT_ECT);
        scene_lives(&s);
        assert_int_equal(scene_status(&s).ecn, asks && agrees);
        assert_int_equal(!!(kernel_info(&s).tcpi_options & TCPI_OPT_ECN), asks && agrees);
        for (int out = 0; out <= 1; out++) assert_int_equal(last_data(&s, out)->ecn, asks && agrees ? ECT_0 : NOT_ECT);
        assert_int_equal(middle_last(s.m, true, s.ours.flow.local_port)->flags & ASKS, 0);
        scene_close(&s);
    }
}

/* ---- marked on the way ---- */

struct marker {
    bool out;      /* which way */
    unsigned most; /* packets still to mark */
    unsigned marked;
};

static bool mark(void *ctx, const struct crossed *c, uint8_t *packet) {
    struct marker *k = ctx;
    if (c->out != k->out || c->len == 0 || k->marked == k->most || c->ecn == NOT_ECT) return true;
    middle_mark(packet, CE);
    k->marked++;
    return true;
}

static void tern_sends(struct scene *s, uint64_t from, uint64_t n) {
    for (size_t len; n > 0;) {
        const uint8_t *p = stream_at(from, &len);
        ptrdiff_t w = tern_write(s->w->stack, s->ours.sock, p, len < n ? len : (size_t)n);
        assert_true(w > 0);
        from += (uint64_t)w;
        n -= (uint64_t)w;
    }
}

/* Both ends at once: what the kernel sends is read by tern. */
static void kernel_to_tern(struct scene *s, uint64_t from, uint64_t n) {
    static uint8_t buf[65536];
    uint64_t sent = 0, got = 0, end = tern_host_now() + 5000ull * MS;
    while (got < n) {
        size_t len;
        const uint8_t *p = stream_at(from + sent, &len);
        ssize_t k = sent < n ? kernel_send(s->fd, p, len < n - sent ? len : (size_t)(n - sent)) : 0;
        if (k > 0) sent += (uint64_t)k;
        world_turn(s->w, MS / 2);
        for (ptrdiff_t r; (r = tern_read(s->w->stack, s->ours.sock, buf, sizeof buf)) > 0; got += (uint64_t)r)
            for (ptrdiff_t i = 0; i < r; i++) assert_int_equal(buf[i], *stream_at(from + got + (uint64_t)i, &len));
        if (tern_host_now() > end) world_late(s->w, 5000, "tern has it all");
    }
}

/* [RFC3168 6.1.2, 6.1.3] The kernel reports the mark with ECE until tern's CWR; tern's window shrinks once, nothing
 * is sent twice. */
static void marks_on_our_data(void **state) {
    (void)state;
    for (int family = 4; family <= 6; family += 2) {
        struct scene s;
        struct marker k = {.out = true};
        scene_ecn(&s, family, family == 4 ? 1 : 2, '1', family == 4);
        s.m->ctx = &k;
        s.m->judge = mark;
        tern_sends(&s, 0, MUCH);
        scene_kernel_reads(&s, 0, MUCH);
        uint32_t before = scene_status(&s).cwnd;
        size_t at = s.m->count;
        k.most = 1;
        tern_sends(&s, MUCH, MUCH);
        WORLD_UNTIL(s.w, world_counter(s.w, "ECN_REPORTED") > 0, 2000);
        assert_true(scene_status(&s).cwnd < before);
        assert_true(scene_status(&s).ssthresh < before);
        scene_kernel_reads(&s, MUCH, MUCH);
        tern_sends(&s, 2 * MUCH, 1000);
        scene_kernel_reads(&s, 2 * MUCH, 1000);
        WORLD_UNTIL(s.w, scene_status(&s).send_queued == 0, 1000);
        assert_int_equal(k.marked, 1);
        uint16_t port = s.ours.flow.local_port;
        assert_true(middle_count(s.m, at, false, s.ours.flow.remote_port, TERN_ECE) >= 1);
        assert_int_equal(middle_count(s.m, at, true, port, TERN_CWR), 1);
        assert_int_equal(middle_last(s.m, false, s.ours.flow.remote_port)->flags & TERN_ECE, 0);
        assert_int_equal(world_counter(s.w, "ECN_REPORTED"), 1);
        assert_int_equal(scene_status(&s).retransmitted, world_counter(s.w, "REXMIT_TLP")); /* nothing was lost */
        scene_close(&s);
    }
}

/* The other way round: tern reports, the kernel answers. */
static void marks_on_the_kernels_data(void **state) {
    (void)state;
    for (int family = 4; family <= 6; family += 2) {
        struct scene s;
        struct marker k = {.out = false};
        scene_ecn(&s, family, family == 4 ? 1 : 2, '1', family == 4);
        s.m->ctx = &k;
        s.m->judge = mark;
        kernel_to_tern(&s, 0, MUCH);
        struct tcp_info before = kernel_info(&s);
        size_t at = s.m->count;
        k.most = 1;
        kernel_to_tern(&s, MUCH, MUCH);
        kernel_to_tern(&s, 2 * MUCH, 1000);
        struct tcp_info after = kernel_info(&s);
        uint16_t port = s.ours.flow.local_port;
        assert_int_equal(k.marked, 1);
        assert_true(middle_count(s.m, at, true, port, TERN_ECE) >= 1);
        assert_true(middle_count(s.m, at, false, s.ours.flow.remote_port, TERN_CWR) >= 1);
        WORLD_UNTIL(s.w, scene_status(&s).timer_ns == TERN_NEVER, 1000);
        assert_int_equal(middle_last(s.m, true, port)->flags & TERN_ECE, 0); /* CWR ended it */
        assert_true(after.tcpi_snd_ssthresh < before.tcpi_snd_cwnd);
        assert_true(after.tcpi_snd_ssthresh < before.tcpi_snd_ssthresh);
        scene_close(&s);
    }
}

/* ---- the accurate form ---- */

/* [RFC9768 3.1, 3.2] Where the kernel knows it: tcp_ecn 3 asks for it. Each mark counts. */
static void accurate(void **state) {
    (void)state;
    for (int tern_opens = 0; tern_opens <= 1; tern_opens++) {
        struct scene s;
        struct marker k = {.out = true};
        struct world_config c = world_config_default();
        c.settings.ecn = 1;
        scene_begin(&s, 4, &c);
        if (!scene_sysctl("tcp_ecn", "3")) {
            print_message("accurate ECN: this kernel has none (net.ipv4.tcp_ecn refuses 3)\n");
            scene_close(&s);
            skip();
        }
        scene_connect(&s, tern_opens, 0);
        assert_int_equal(scene_status(&s).ecn, 2);
        s.m->ctx = &k;
        s.m->judge = mark;
        tern_sends(&s, 0, MUCH);
        scene_kernel_reads(&s, 0, MUCH);
        uint32_t before = scene_status(&s).cwnd;
        k.most = 3;
        tern_sends(&s, MUCH, MUCH);
        scene_kernel_reads(&s, MUCH, MUCH);
        WORLD_UNTIL(s.w, scene_status(&s).send_queued == 0, 1000);
        assert_int_equal(k.marked, 3);
        assert_true(world_counter(s.w, "ECN_REPORTED") >= 1);
        assert_true(scene_status(&s).ssthresh < before);
        k = (struct marker){.out = false, .most = 3};
        kernel_to_tern(&s, 0, MUCH);
        WORLD_UNTIL(s.w, scene_status(&s).timer_ns == TERN_NEVER, 1000);
        assert_int_equal(k.marked, 3);
        assert_int_equal(kernel_info(&s).tcpi_delivered_ce, 3);
        uint16_t flags = middle_last(s.m, true, s.ours.flow.local_port)->flags; /* the counter began at 5 */
        assert_int_equal((flags & TERN_AE ? 4 : 0) | (flags & TERN_CWR ? 2 : 0) | (flags & TERN_ECE ? 1 : 0),
                         (5 + 3) & 7);
        scene_close(&s);
    }
}

int main(int argc, char **argv) {
    world_require();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agreed_when_both_want),
        cmocka_unit_test(marks_on_our_data),
        cmocka_unit_test(marks_on_the_kernels_data),
        cmocka_unit_test(accurate),
    };
    return pulse_run(tests, sizeof tests / sizeof *tests, argc > 1 ? argv[1] : NULL);
}
