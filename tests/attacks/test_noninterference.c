/* test_noninterference.c - what an outsider sees must not depend on connections of others (CVE-2016-5696,
 * CVE-2020-25705, CVE-2020-36516, CVE-2019-10638): the same host lives twice from the same seed, once with a
 * connection that the outsider would like to find, once without; everything that is sent to the outsider has the same
 * bits at the same times. So it is when fresh memory holds other bytes (CVE-2003-0001). */
#include "raw.h"

enum { OUTSIDER = 0x0a0a0a0a, SEEN_MAX = 20000, ROUNDS = 120, SECRET_PORT = 33000 };

struct view {
    struct arena a;
    uint64_t hash;
    unsigned seen;
};

static void watch(void *ctx, const uint8_t *p, uint32_t len) {
    struct view *v = ctx;
    uint32_t dst = (uint32_t)p[16] << 24 | (uint32_t)p[17] << 16 | (uint32_t)p[18] << 8 | p[19];
    if ((dst & 0xffff0000) != (OUTSIDER & 0xffff0000)) return;
    v->seen++;
    v->hash = (v->hash ^ v->a.now) * UINT64_C(0x100000001b3);
    for (uint32_t i = 0; i < len; i++) v->hash = (v->hash ^ p[i]) * UINT64_C(0x100000001b3);
}

/* Segments in the friend's name, where the secret connection is or might be: 150 resets, SYNs, ACKs, data, and ICMP
 * errors about it. */
static void spoof(struct arena *a, draw *d) {
    static const uint8_t flags[] = {RST, RST | ACK, SYN, SYN | ACK, ACK, ACK | PSH, FIN | ACK, 0};
    uint8_t p[200];
    uint16_t port = (uint16_t)(SECRET_PORT + draw_below(d, 4));
    struct shot s = {.src = 0x0a000002, .sport = port, .wnd = 1000};
    unsigned n = draw_below(d, 4) ? 3 : 150;
    for (unsigned i = 0; i < n; i++) {
        s.seq = (uint32_t)draw_u64(d);
        s.ack = (uint32_t)draw_u64(d);
        s.flags = flags[draw_below(d, sizeof flags)];
        s.len = draw_below(d, 20);
        raw_send(a, p, raw_segment(p, &s));
    }
}

/* What the outsider does in his own name: he probes closed and open ports, has a connection, sends what is wrong on it,
 * pings. Kept below the global limit on errors, whose level is only blurred. */
static void probe(struct view *v, draw *d, struct shot *own, unsigned round) {
    struct arena *a = &v->a;
    uint8_t p[1600];
    struct shot s = {.src = OUTSIDER + draw_below(d, 200), .sport = (uint16_t)(2000 + round), .wnd = 1000};
    s.flags = draw_below(d, 2) ? SYN : ACK;
    s.dport = draw_below(d, 2) ? PORT : 81;
    s.seq = (uint32_t)draw_u64(d);
    raw_send(a, p, raw_segment(p, &s));
    struct shot bad = *own;
    bad.flags = draw_below(d, 2) ? SYN : RST;
    bad.seq += draw_below(d, 1000) + 1;
    raw_send(a, p, raw_segment(p, &bad));
    bad.flags = ACK;
    bad.ack += draw_below(d, 2) ? 5 : 1u << 30;
    raw_send(a, p, raw_segment(p, &bad));
    own->flags = ACK;
    own->len = 10;
    raw_send(a, p, raw_segment(p, own));
    own->seq += 10;
    raw_send(a, p, raw_fragment(p, OUTSIDER + 7, (uint16_t)round, 0, 1400, true));
    uint32_t n = raw_fragment(p, OUTSIDER + 8, (uint16_t)round, 0, 40, false); /* UDP to nobody: an ICMP error */
    raw_send(a, p, n);
}

static void live(struct view *v, uint64_t seed, bool secret, uint8_t fill) {
    struct arena *a = &v->a;
    memset(v, 0, sizeof *v);
    arena_defaults(a);
    a->seed = seed;
    a->fill = fill;
    a->tap = watch;
    a->tap_ctx = v;
    a->cfg.half_open_max = 4096;
    arena_up(a, 0);
    draw d = {seed};
    tern_sock near = {0}, far = {0};
    if (secret) {
        tern_open o = {.size = sizeof o,
                       .remote = {4, {10, 0, 0, 1}},
                       .remote_port = PORT,
                       .local_port = (uint16_t)(SECRET_PORT + seed % 4)};
        assert_int_equal(tern_connect(a->friend, &o, &near), TERN_OK);
        arena_pump(a);
        far = arena_accept(a);
        assert_true(far.id != 0);
    }
    struct shot own = {.src = OUTSIDER, .sport = 1500, .seq = 77, .wnd = 30000, .flags = SYN};
    uint8_t p[64];
    raw_send(a, p, raw_segment(p, &own));
    arena_pump(a);
    own.seq++;
    own.ack = a->last_seq + 1;
    own.flags = ACK;
    raw_send(a, p, raw_segment(p, &own));
    arena_pump(a);
    tern_sock served = arena_accept(a);
    assert_true(served.id != 0);
    for (unsigned round = 0; round < ROUNDS; round++) {
        draw mine = {seed * 5000 + round}; /* the outsider does the same in both lives */
        spoof(a, &mine);
        arena_pump(a);
        if (secret && draw_below(&d, 3) == 0) {
            char b[100];
            tern_write(a->friend, near, "a secret", 8);
            arena_pump(a);
            while (tern_read(a->victim, far, b, sizeof b) > 0) {
            }
        }
        probe(v, &mine, &own, round);
        arena_pump(a);
        char b[100];
        while (tern_read(a->victim, served, b, sizeof b) > 0) {
        }
        tern_write(a->victim, served, "answer", 6);
        arena_pump(a);
        own.ack = a->last_seq + 6;
        arena_pass(a, 20 + draw_below(&mine, 300));
        /* The host opens a connection of its own to the outsider: port, number and timestamp show. */
        if (round % 10 == 9) {
            tern_sock out;
            tern_open o = {.size = sizeof o, .remote = {4, {10, 10, 10, 10}}, .remote_port = 4000};
            assert_int_equal(tern_connect(a->victim, &o, &out), TERN_OK);
            arena_pump(a);
            tern_abort(a->victim, out);
        }
    }
    if (secret) {
        tern_status_info st = {.size = sizeof st};
        assert_int_equal(tern_status(a->victim, far, &st), TERN_OK);
        assert_int_equal(st.state, TERN_ESTABLISHED); /* and none of it did any harm */
    }
    arena_down(a);
}

static void the_same_view(void **state) {
    (void)state;
    static struct view with, without;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        live(&without, seed, false, 0);
        live(&with, seed, true, 0);
        if (with.seen != without.seen || with.hash != without.hash)
            fail_msg("seed %llu: the outsider sees %u packets with the secret connection, %u without, or other ones",
                     (unsigned long long)seed, with.seen, without.seen);
        assert_true(with.seen > ROUNDS);
    }
}

static void no_stale_bytes(void **state) {
    (void)state;
    static struct view zero, ones;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        live(&zero, seed, true, 0);
        live(&ones, seed, true, 0xff);
        assert_true(zero.hash == ones.hash && zero.seen == ones.seen);
    }
}

/* Another seed is another host: the comparison can tell. */
static void the_comparison_can_fail(void **state) {
    (void)state;
    static struct view one, two;
    live(&one, 1, true, 0);
    live(&two, 2, true, 0);
    assert_true(one.hash != two.hash);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_view),
        cmocka_unit_test(no_stale_bytes),
        cmocka_unit_test(the_comparison_can_fail),
    };
    return cmocka_run_group_tests_name("non-interference", tests, NULL, NULL);
}
