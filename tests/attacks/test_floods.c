/* test_floods.c - the floods that empty a host's memory or keep its processor busy: SYNs (CVE-1999-0116), single bytes out
 * of order (CVE-2018-5390), SACK blocks (CVE-2019-11478), windows kept shut (CVE-2008-4609), fragments (CVE-2018-5391). In each
 * one run: memory stays under its cap, established connections and new ones are served, and a hostile packet costs at most
 * three times what a plain one costs, or three times for each of its four SACK blocks, or four times where it is a fragment,
 * which is kept in memory that no cache has. */
#include "raw.h"

enum { CHUNK = 5000, PLAIN = 1000, WINDOW = 10, TIMES_PLAIN = 3, TIMES_KEPT = 4, BLOCKS = 4 };

/* Builds the i-th hostile packet. */
typedef uint32_t make_fn(void *ctx, uint8_t *p, uint32_t i);

/* Never so few that one stutter of the machine could be taken for the price of a packet. */
static uint32_t count_of(uint32_t full) {
    const char *scale = getenv("TERN_TEST_SCALE");
    if (!scale || strcmp(scale, "small") != 0) return full;
    return full / 10 < 50000 ? 50000 : full / 10;
}

/* What a packet of this kind costs, in nanoseconds of the processor; building it is not counted. `who_reads` reads what it
 * gets. */
static double volley(struct arena *a, tern_sock who_reads, uint32_t count, make_fn *make, void *ctx, uint32_t first) {
    static uint8_t packets[CHUNK][1600];
    static uint32_t lens[CHUNK];
    static char b[65536];
    for (uint32_t k = 0; k < count; k++) lens[k] = make(ctx, packets[k], first + k);
    double begin = seconds_now();
    for (uint32_t k = 0; k < count; k++) {
        raw_send(a, packets[k], lens[k]);
        if (k % 32 != 31) continue;
        while (who_reads.id && tern_read(a->victim, who_reads, b, sizeof b) > 0) {
        }
        arena_pump(a);
    }
    arena_pump(a);
    return (seconds_now() - begin) / count * 1e9;
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

/* On a host that nobody attacks. */
static struct {
    struct arena a;
    struct shot k;
    tern_sock sock;
    uint64_t packets;
} quiet = {.k = {.src = 0x0a030303, .sport = 999, .wnd = 65535, .seq = 1}};

static double plain_cost(void) {
    quiet.packets += PLAIN;
    return volley(&quiet.a, quiet.sock, PLAIN, next_plain, &quiet.k, 0);
}

static int plain_begin(void **state) {
    (void)state;
    arena_defaults(&quiet.a);
    arena_up(&quiet.a, FRIENDS);
    open_from(&quiet.a, &quiet.k);
    quiet.sock = arena_accept(&quiet.a);
    assert_true(quiet.sock.id != 0);
    for (int i = 0; i < 20; i++) plain_cost();
    return 0;
}

static int plain_end(void **state) {
    (void)state;
    tern_status_info st = {.size = sizeof st};
    assert_int_equal(tern_status(quiet.a.victim, quiet.sock, &st), TERN_OK);
    assert_true(st.bytes_received == quiet.packets * 1460);
    tern_abort(quiet.a.victim, quiet.sock);
    arena_pump(&quiet.a);
    arena_down(&quiet.a);
    return 0;
}

/* ---- the price of a flood ---- */

struct price {
    double cost, plain; /* sums */
    unsigned chunks;
    double times; /* how often plain it was: the middle of WINDOW measurements after each other, where that is most */
    double window[WINDOW];
};

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Each chunk is measured beside plain packets of the same moment, since both run as fast as the machine lets them then. */
static void note(struct price *p, double cost, double plain) {
    p->cost += cost;
    p->plain += plain;
    p->window[p->chunks++ % WINDOW] = cost / plain;
    if (p->chunks % WINDOW != 0) return;
    qsort(p->window, WINDOW, sizeof p->window[0], by_size);
    if (p->window[WINDOW / 2] > p->times) p->times = p->window[WINDOW / 2];
}

/* Sends `n` packets. Between the chunks the friends want to be served. */
static struct price flood(struct arena *a, uint32_t n, make_fn *make, void *ctx) {
    struct price p = {0};
    for (uint32_t i = 0; i < n; i += CHUNK) {
        double plain = plain_cost();
        note(&p, volley(a, (tern_sock){0}, CHUNK, make, ctx, i), plain);
        for (unsigned f = 0; f < FRIENDS; f++) assert_true(arena_echo(a, f));
        if (i % (CHUNK * 10) == 0) assert_true(arena_connect_echo(a));
    }
    return p;
}

static void judge_by(const char *what, uint32_t n, const struct price *p, double most, const struct arena *a,
                     uint64_t grown) {
    print_message(
        "%-22s %8u packets: %6.0f ns each, a plain one %4.0f ns: %4.1f times; memory grew by %llu KiB, peak %llu "
        "KiB\n",
        what, n, p->cost / p->chunks, p->plain / p->chunks, p->times, (unsigned long long)(grown >> 10),
        (unsigned long long)(a->peak >> 10));
#if !defined(__SANITIZE_ADDRESS__)
    assert_true(p->chunks >= WINDOW && p->times <= most);
#endif
    (void)most;
    assert_true(a->peak <= a->cfg.memory_max);
}

static void judge(const char *what, uint32_t n, const struct price *p, const struct arena *a, uint64_t grown) {
    judge_by(what, n, p, TIMES_PLAIN, a, grown);
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
    draw d = {1};
    uint64_t before = a.peak, packets = a.out_packets;
    uint32_t n = count_of(1000000);
    struct price p = flood(&a, n, next_syn, &d);
    judge("SYN flood", n, &p, &a, a.peak - before);
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
        struct islands k = {.s = {.src = 0x0a040404, .sport = 777, .wnd = 65535, .seq = 1}, .step = steps[i]};
        open_from(&a, &k.s);
        assert_true(arena_accept(&a).id != 0);
        k.first = k.s.seq;
        uint64_t before = a.peak;
        uint32_t n = count_of(i == 3 ? 1000000 : 100000);
        struct price p = flood(&a, n, next_island, &k);
        judge("out of order", n, &p, &a, a.peak - before);
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
    struct price price = flood(&a, n, next_sacks, &k);
    judge_by("SACK blocks", n, &price, TIMES_PLAIN * BLOCKS, &a, a.peak - before);
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
    struct arena a, b; /* b: with ordinary connections */
    arena_defaults(&a);
    a.cfg.memory_max = 128 << 20;
    arena_defaults(&b);
    b.cfg.memory_max = 128 << 20;
    arena_up(&a, FRIENDS);
    arena_up(&b, 0);
    struct price shut = {0}, opening = {0};
    uint32_t n = count_of(100000), held = 0;
    for (uint32_t i = 0; i < n; i += CHUNK) {
        struct cost open = {0}, c = {0};
        double plain = plain_cost();
        for (uint32_t k = 0; k < CHUNK / 10; k++) hold_one(&b, i / 10 + k, 65535, &open);
        for (uint32_t k = 0; k < CHUNK; k++) hold_one(&a, i + k, 0, &c);
        if (c.shuts > 0) note(&shut, c.shut / c.shuts * 1e9, plain);
        note(&opening, c.opening / c.openings * 1e9, open.opening / open.openings * 1e9);
        for (unsigned f = 0; f < FRIENDS; f++) assert_true(arena_echo(&a, f));
        held += c.held;
    }
    judge("windows kept shut", 8 * held, &shut, &a, a.peak);
    judge("and their openings", 2 * n, &opening, &a, a.peak);
    print_message("%u of %u connections hold something\n", held, n);
    assert_true(held >= n / 10);
    /* Under pressure those without progress for a minute are ended, and there is room again. */
    arena_pass(&a, 200000);
    for (unsigned f = 0; f < FRIENDS; f++) assert_true(arena_echo(&a, f));
    assert_true(arena_connect_echo(&a));
    arena_down(&b);
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
    draw d = {9};
    uint64_t before = a.peak;
    uint32_t n = count_of(1000000);
    struct price p = flood(&a, n, next_fragment, &d);
    judge_by("fragments", n, &p, TIMES_KEPT, &a, a.peak - before);
    assert_true(a.peak - before <= a.cfg.reassembly_bytes + (64 << 10));
    arena_down(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(syns),    cmocka_unit_test(islands),   cmocka_unit_test(sacks),
        cmocka_unit_test(holders), cmocka_unit_test(fragments),
    };
    return cmocka_run_group_tests_name("floods", tests, plain_begin, plain_end);
}
