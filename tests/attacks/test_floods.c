/* test_floods.c - the floods that empty a host's memory or keep its processor busy: SYNs (CVE-1999-0116), single bytes out
 * of order (CVE-2018-5390), SACK blocks (CVE-2019-11478), windows kept shut (CVE-2008-4609), fragments (CVE-2018-5391). In each
 * one run: memory stays under its cap, established connections and new ones are served, and a hostile packet costs at most
 * three times what a plain one costs, or three times for each of its four SACK blocks. */
#include "raw.h"

enum { CHUNK = 5000, TIMES_PLAIN = 3, BLOCKS = 4 };

/* Builds the i-th hostile packet. */
typedef uint32_t make_fn(void *ctx, uint8_t *p, uint32_t i);

/* Never so few that one stutter of the machine could be taken for the price of a packet. */
static uint32_t count_of(uint32_t full) {
    const char *scale = getenv("TERN_TEST_SCALE");
    if (!scale || strcmp(scale, "small") != 0) return full;
    return full / 10 < 50000 ? 50000 : full / 10;
}

/* Sends `n` packets; building them is not counted. `who_reads` reads what it gets. Between the chunks the friends want to
 * be served. */
static double flood(struct arena *a, tern_sock who_reads, uint32_t n, make_fn *make, void *ctx, bool serve) {
    static uint8_t packets[CHUNK][1600];
    static uint32_t lens[CHUNK];
    static char b[65536];
    double spent = 0;
    for (uint32_t i = 0; i < n; i += CHUNK) {
        for (uint32_t k = 0; k < CHUNK; k++) lens[k] = make(ctx, packets[k], i + k);
        double begin = seconds_now();
        for (uint32_t k = 0; k < CHUNK; k++) {
            raw_send(a, packets[k], lens[k]);
            if (k % 32 != 31) continue;
            while (who_reads.id && tern_read(a->victim, who_reads, b, sizeof b) > 0) {
            }
            arena_pump(a);
        }
        arena_pump(a);
        spent += seconds_now() - begin;
        if (!serve) continue;
        for (unsigned f = 0; f < FRIENDS; f++) assert_true(arena_echo(a, f));
        if (i % (CHUNK * 10) == 0) assert_true(arena_connect_echo(a));
    }
    return spent / n * 1e9;
}

/* ---- a plain packet: the next full segment of an ordinary connection, acknowledged and read ---- */

static void open_from(struct arena *a, struct shot *s) {
    uint8_t p[64];
    s->flags = SYN;
    s->mss = s->options_len ? 0 : 1460;
    raw_send(a, p, raw_segment(p, s));
    arena_pump(a);
    assert_int_equal(a->last_flags & (SYN | ACK), SYN | ACK);
    s->seq++;
    s->ack = a->last_seq + 1;
    s->flags = ACK;
    s->mss = 0;
    s->options_len = 0;
    raw_send(a, p, raw_segment(p, s));
    arena_pump(a);
}

static uint32_t next_plain(void *ctx, uint8_t *p, uint32_t i) {
    (void)i;
    struct shot *k = ctx;
    k->len = 1460;
    uint32_t n = raw_segment(p, k);
    k->seq += k->len;
    return n;
}

static double plain_cost(struct arena *a) {
    struct shot k = {.src = 0x0a030303, .sport = 999, .wnd = 65535, .seq = 1};
    open_from(a, &k);
    tern_sock sock = arena_accept(a);
    assert_true(sock.id != 0);
    double best = 1e9;
    for (int i = 0; i < 5; i++) {
        double t = flood(a, sock, CHUNK * 2, next_plain, &k, false);
        if (t < best) best = t;
    }
    tern_status_info st = {.size = sizeof st};
    assert_int_equal(tern_status(a->victim, sock, &st), TERN_OK);
    assert_true(st.bytes_received == UINT64_C(5) * CHUNK * 2 * 1460);
    tern_abort(a->victim, sock);
    arena_pump(a);
    return best;
}

static void judge_by(const char *what, uint32_t n, double cost, double most, double plain, const struct arena *a,
                     uint64_t grown) {
    print_message("%-22s %8u packets: %6.0f ns each, a plain one %4.0f ns; memory grew by %llu KiB, peak %llu KiB\n",
                  what, n, cost, plain, (unsigned long long)(grown >> 10), (unsigned long long)(a->peak >> 10));
#if !defined(__SANITIZE_ADDRESS__)
    assert_true(cost <= most);
#endif
    (void)most;
    assert_true(a->peak <= a->cfg.memory_max);
}

static void judge(const char *what, uint32_t n, double cost, double plain, const struct arena *a, uint64_t grown) {
    judge_by(what, n, cost, TIMES_PLAIN * plain, plain, a, grown);
}

/* ---- SYNs: CVE-1999-0116, RFC 4987 ---- */

static uint32_t next_syn(void *ctx, uint8_t *p, uint32_t i) {
    (void)i;
    draw *d = ctx;
    struct shot s = {.src = 0x0a000000 | (0x10000 + draw_below(d, 0xe00000)),
                     .sport = (uint16_t)(1024 + draw_below(d, 60000)),
                     .flags = SYN,
                     .seq = (uint32_t)draw_u64(d),
                     .wnd = 65535,
                     .mss = 1460};
    return raw_segment(p, &s);
}

static void syns(void **state) {
    (void)state;
    struct arena a;
    arena_defaults(&a);
    arena_up(&a, FRIENDS);
    double plain = plain_cost(&a);
    draw d = {1};
    uint64_t before = a.peak, packets = a.out_packets;
    uint32_t n = count_of(1000000);
    double cost = flood(&a, (tern_sock){0}, n, next_syn, &d, true);
    judge("SYN flood", n, cost, plain, &a, a.peak - before);
    assert_true(a.peak - before <= 256 << 10);
    assert_true(a.out_packets - packets <= n + n / 5); /* at most 1.2 answers to a SYN */
    arena_down(&a);
}

/* ---- single bytes out of order: CVE-2018-5390, CVE-2018-6922 ---- */

struct islands {
    struct shot s;
    uint32_t first, step;
};

static uint32_t next_island(void *ctx, uint8_t *p, uint32_t i) {
    struct islands *k = ctx;
    k->s.seq = k->first + 2 + (uint32_t)((uint64_t)i * k->step % 30000) * 2;
    k->s.len = 1;
    return raw_segment(p, &k->s);
}

static void islands(void **state) {
    (void)state;
    static const uint32_t steps[] = {1, 29999, 7919, 15001}; /* upwards, downwards, scattered */
    for (unsigned i = 0; i < ARRAY_LEN(steps); i++) {
        struct arena a;
        arena_defaults(&a);
        arena_up(&a, FRIENDS);
        double plain = plain_cost(&a);
        struct islands k = {.s = {.src = 0x0a040404, .sport = 777, .wnd = 65535, .seq = 1}, .step = steps[i]};
        open_from(&a, &k.s);
        assert_true(arena_accept(&a).id != 0);
        k.first = k.s.seq;
        uint64_t before = a.peak;
        uint32_t n = count_of(i == 3 ? 1000000 : 100000);
        double cost = flood(&a, (tern_sock){0}, n, next_island, &k, true);
        judge("out of order", n, cost, plain, &a, a.peak - before);
        assert_true(a.peak - before <= 512 << 10);
        arena_down(&a);
    }
}

/* ---- SACK blocks without end: CVE-2019-11477, CVE-2019-11478, CVE-2019-5599 ---- */

struct sacks {
    struct shot s;
    draw d;
    uint32_t under_way;
    uint8_t options[36];
};

static uint32_t next_sacks(void *ctx, uint8_t *p, uint32_t i) {
    (void)i;
    struct sacks *k = ctx;
    static const uint8_t head[4] = {1, 1, 5, 34};
    memcpy(k->options, head, 4);
    for (unsigned b = 0; b < BLOCKS; b++) {
        uint32_t left = k->s.ack + 1 + draw_below(&k->d, k->under_way - 2);
        for (unsigned side = 0; side < 2; side++)
            for (unsigned n = 0; n < 4; n++)
                k->options[4 + b * 8 + side * 4 + n] = (uint8_t)((left + side) >> (24 - 8 * n));
    }
    k->s.options = k->options;
    k->s.options_len = sizeof k->options;
    return raw_segment(p, &k->s);
}

/* Every block is one byte anywhere in a large flight, so that each makes two holes. */
static void sacks(void **state) {
    (void)state;
    static const uint8_t offer[12] = {2, 4, 5, 0xb4, 1, 3, 3, 7, 1, 1, 4, 2};
    static uint8_t page[1 << 16], p[64];
    struct arena a;
    arena_defaults(&a);
    arena_up(&a, FRIENDS);
    double plain = plain_cost(&a);
    struct sacks k = {.s = {.src = 0x0a040404, .sport = 778, .wnd = 65535, .seq = 1}, .d = {5}};
    k.s.options = offer;
    k.s.options_len = sizeof offer;
    open_from(&a, &k.s);
    tern_sock sock = arena_accept(&a);
    assert_true(sock.id != 0);
    for (unsigned i = 0; i < 60; i++) { /* everything is acknowledged for a while: the window grows */
        while (tern_write(a.victim, sock, page, sizeof page) > 0) {
        }
        arena_pump(&a);
        arena_pass(&a, 20);
        tern_status_info st = {.size = sizeof st};
        assert_int_equal(tern_status(a.victim, sock, &st), TERN_OK);
        k.under_way = st.snd_nxt - st.snd_una;
        if (i == 59) break;
        k.s.ack = st.snd_nxt;
        raw_send(&a, p, raw_segment(p, &k.s));
    }
    print_message("%u bytes under way\n", k.under_way);
    assert_true(k.under_way > 500000);
    uint64_t before = a.peak;
    uint32_t n = count_of(100000);
    double cost = flood(&a, (tern_sock){0}, n, next_sacks, &k, true);
    judge_by("SACK blocks", n, cost, TIMES_PLAIN * BLOCKS * plain, plain, &a, a.peak - before);
    assert_true(a.peak - before <= 2 << 20);
    k.s.options_len = 0;
    k.s.ack += k.under_way; /* the connection goes on */
    raw_send(&a, p, raw_segment(p, &k.s));
    arena_pump(&a);
    tern_status_info st = {.size = sizeof st};
    assert_int_equal(tern_status(a.victim, sock, &st), TERN_OK);
    assert_true(st.snd_una == k.s.ack);
    tern_abort(a.victim, sock);
    arena_down(&a);
}

/* ---- windows kept shut: CVE-2008-4609, RFC 6429 ---- */

static double shoot(struct arena *a, const struct shot *k, uint32_t times) {
    uint8_t p[64];
    uint32_t len = raw_segment(p, k);
    double begin = seconds_now();
    for (uint32_t i = 0; i < times; i++) raw_send(a, p, len);
    arena_pump(a);
    return seconds_now() - begin;
}

struct cost {
    double opening, shut; /* seconds */
    uint32_t openings, shuts, held;
};

/* Opens, by default with a shut window, has the application write, and says again and again that the window is shut. */
static void hold_one(struct arena *a, uint32_t i, uint16_t wnd, struct cost *c) {
    static char page[1000];
    struct shot k = {
        .src = 0x0a100000 + i / 50000, .sport = (uint16_t)(10000 + i % 50000), .seq = 5, .flags = SYN, .wnd = wnd};
    a->last_flags = 0;
    c->openings += 2;
    c->opening += shoot(a, &k, 1);
    if (a->last_flags != (SYN | ACK)) return;
    k.flags = ACK;
    k.seq++;
    k.ack = a->last_seq + 1;
    c->opening += shoot(a, &k, 1);
    tern_sock sock = arena_accept(a);
    if (!sock.id) return;
    c->held += tern_write(a->victim, sock, page, sizeof page) > 0;
    arena_pump(a);
    c->shuts += 8;
    c->shut += shoot(a, &k, 8);
}

static void holders(void **state) {
    (void)state;
    struct arena a;
    arena_defaults(&a);
    a.cfg.memory_max = 128 << 20;
    arena_up(&a, FRIENDS);
    double plain = plain_cost(&a);
    struct cost open = {0}, c = {0};
    uint32_t n = count_of(100000);
    for (uint32_t i = 0; i < 2000; i++) hold_one(&a, 200000 + i, 65535, &open);
    for (uint32_t i = 0; i < n; i++) {
        hold_one(&a, i, 0, &c);
        if (i % 5000 != 4999) continue;
        for (unsigned f = 0; f < FRIENDS; f++) assert_true(arena_echo(&a, f));
    }
    judge("windows kept shut", c.shuts, c.shut / c.shuts * 1e9, plain, &a, a.peak);
    judge("and their openings", c.openings, c.opening / c.openings * 1e9, open.opening / open.openings * 1e9, &a,
          a.peak);
    print_message("%u of %u connections hold something\n", c.held, n);
    assert_true(c.held >= n / 10);
    /* Under pressure those without progress for a minute are ended, and there is room again. */
    arena_pass(&a, 200000);
    for (unsigned f = 0; f < FRIENDS; f++) assert_true(arena_echo(&a, f));
    assert_true(arena_connect_echo(&a));
    arena_down(&a);
}

/* ---- fragments of the largest datagrams: CVE-2018-5391, CVE-2018-6923 ---- */

static uint32_t next_fragment(void *ctx, uint8_t *p, uint32_t i) {
    draw *d = ctx;
    uint32_t src = 0x0a000000 | (0x20000 + draw_below(d, 50));
    uint32_t offset = draw_below(d, 65500 / 1400) * 1400;
    return raw_fragment(p, src, (uint16_t)(i / 40), offset, 1400, i % 40 != 39);
}

static void fragments(void **state) {
    (void)state;
    struct arena a;
    arena_defaults(&a);
    arena_up(&a, FRIENDS);
    double plain = plain_cost(&a);
    draw d = {9};
    uint64_t before = a.peak;
    uint32_t n = count_of(1000000);
    double cost = flood(&a, (tern_sock){0}, n, next_fragment, &d, true);
    judge("fragments", n, cost, plain, &a, a.peak - before);
    assert_true(a.peak - before <= a.cfg.reassembly_bytes + (64 << 10));
    arena_down(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(syns),    cmocka_unit_test(islands),   cmocka_unit_test(sacks),
        cmocka_unit_test(holders), cmocka_unit_test(fragments),
    };
    return cmocka_run_group_tests_name("floods", tests, NULL, NULL);
}
