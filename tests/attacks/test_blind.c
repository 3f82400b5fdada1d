/* test_blind.c - guessing, on a scale that the unit tests do not have: first numbers (CVE-2020-27213 and its kin), SYN
 * cookies, colliding pairs of sockets (CVE-2003-0364, CVE-2023-1206), two ends that disagree (CVE-2005-1184). */
#include "raw.h"

#include "drivers/sim.h"
#include "tcp/tcb.h"

static uint32_t count_of(uint32_t full) {
    const char *scale = getenv("TERN_TEST_SCALE");
    return scale && strcmp(scale, "small") == 0 ? full / 10 : full;
}

static int compare_u32(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* [RFC6528] No number comes twice more often than by chance, all values are equally likely, and neither first nor second
 * differences are small. */
static void first_numbers(void **state) {
    (void)state;
    enum { N = 100000, CELLS = 256 };
    static uint32_t isn[N];
    struct arena a;
    arena_defaults(&a);
    a.cfg.half_open_max = N + 100;
    arena_up(&a, 0);
    uint8_t p[64];
    for (uint32_t i = 0; i < N; i++) { /* as an attacker asks: the ports one after the other */
        struct shot s = {
            .src = 0x0a050505 + i / 50000, .sport = (uint16_t)(1000 + i % 50000), .flags = SYN, .wnd = 1000};
        raw_send(&a, p, raw_segment(p, &s));
        arena_pump(&a);
        isn[i] = a.last_seq;
        a.now += 1000;
    }
    uint32_t cells[CELLS] = {0}, near = 0, near2 = 0, twice = 0;
    for (uint32_t i = 0; i < N; i++) {
        cells[isn[i] >> 24]++;
        int32_t d = i ? (int32_t)(isn[i] - isn[i - 1]) : INT32_MAX;
        int32_t d2 = i > 1 ? (int32_t)(isn[i] - 2 * isn[i - 1] + isn[i - 2]) : INT32_MAX;
        near += d > -(1 << 22) && d < 1 << 22;
        near2 += d2 > -(1 << 22) && d2 < 1 << 22;
    }
    double chi = 0, want = (double)N / CELLS;
    for (unsigned i = 0; i < CELLS; i++) chi += (cells[i] - want) * (cells[i] - want) / want;
    assert_true(chi > 150 && chi < 380); /* 255 degrees of freedom */
    assert_true(near < N / 50 && near2 < N / 50);
    qsort(isn, N, sizeof isn[0], compare_u32);
    for (uint32_t i = 1; i < N; i++) twice += isn[i] == isn[i - 1];
    assert_true(twice <= 10); /* 1.2 are expected among so many */
    arena_down(&a);
}

static uint16_t port_of_next(struct arena *a, uint32_t i) {
    tern_open o = {.size = sizeof o, .remote = {4, {10, 9, (uint8_t)(i >> 8), (uint8_t)i}}, .remote_port = PORT};
    tern_status_info st = {.size = sizeof st};
    tern_sock sock;
    assert_int_equal(tern_connect(a->victim, &o, &sock), TERN_OK);
    assert_int_equal(tern_status(a->victim, sock, &st), TERN_OK);
    tern_abort(a->victim, sock);
    arena_pump(a);
    return st.flow.local_port;
}

/* [RFC6056] An outsider sees ten ports, to one host or to different ones, and guesses the next: by adding the last step, the
 * one before, one or two, or by naming one of the ten. */
static void next_ports(void **state) {
    (void)state;
    enum { SEEN = 10, GUESSES = 2 * SEEN + 4 };
    uint32_t n = count_of(10000);
    for (int many = 0; many < 2; many++) {
        struct arena a;
        arena_defaults(&a);
        arena_up(&a, 0);
        uint16_t last[SEEN] = {0};
        uint32_t hits[GUESSES] = {0}, ports = a.cfg.port_last - a.cfg.port_first + 1u;
        for (uint32_t i = 0; i < n + SEEN; i++) {
            uint16_t port = port_of_next(&a, many ? i : 0);
            assert_in_range(port, a.cfg.port_first, a.cfg.port_last);
            for (unsigned g = 0; i >= SEEN && g < GUESSES; g++) {
                uint32_t guess = g < SEEN           ? last[g]
                                 : g < 2 * SEEN - 1 ? 2u * last[0] - last[g - SEEN + 1]
                                                    : last[0] + g - 21u;
                hits[g] += guess == port;
            }
            memmove(last + 1, last, sizeof last - sizeof last[0]);
            last[0] = port;
        }
        for (unsigned g = 0; g < GUESSES; g++) assert_true(hits[g] <= 6 + 2 * n / ports);
        arena_down(&a);
    }
}

static void fill_half_open(struct arena *a) {
    uint8_t p[64];
    struct shot s = {.src = 0x0a060606, .sport = 1, .flags = SYN, .wnd = 1000};
    raw_send(a, p, raw_segment(p, &s));
    arena_pump(a);
}

/* [RFC4987 3.6] A million guesses open nothing, while cookies are being sent. */
static void guessed_cookies(void **state) {
    (void)state;
    struct arena a;
    arena_defaults(&a);
    a.cfg.half_open_max = 1;
    arena_up(&a, 0);
    fill_half_open(&a);
    draw d = {77};
    uint8_t p[64];
    uint32_t n = count_of(1000000);
    for (uint32_t i = 0; i < n; i++) {
        struct shot s = {
            .src = 0x0a070000 + draw_below(&d, 5), .sport = (uint16_t)(1 + draw_below(&d, 65535)), .wnd = 1000};
        s.flags = i % 1000 ? ACK : SYN; /* a SYN now and then: cookies stay in use */
        s.seq = draw_below(&d, 2) ? 1 : (uint32_t)draw_u64(&d);
        s.ack = (uint32_t)draw_u64(&d);
        raw_send(&a, p, raw_segment(p, &s));
        if (i % 64 == 63) arena_pump(&a);
        if (i % 1000 == 0) a.now += 20 * MS_NS;
    }
    assert_true(tern_reason_counter(a.victim, R_COOKIE_SENT) > n / 2000);
    assert_int_equal(tern_reason_counter(a.victim, R_COOKIE_OK), 0);
    assert_int_equal(arena_accept(&a).id, 0);
    arena_down(&a);
}

/* Segments from the middle of a connection that a cookie once opened, and its first ACK when the cookie is old. */
static void old_cookies(void **state) {
    (void)state;
    struct arena a;
    arena_defaults(&a);
    a.cfg.half_open_max = 1;
    arena_up(&a, 0);
    fill_half_open(&a);
    uint8_t p[2000];
    struct shot s = {.src = 0x0a080808, .sport = 5000, .flags = SYN, .seq = 100, .wnd = 60000, .mss = 1460};
    raw_send(&a, p, raw_segment(p, &s));
    arena_pump(&a);
    struct shot first = {.src = s.src, .sport = 5000, .flags = ACK, .seq = 101, .ack = a.last_seq + 1, .wnd = 60000};
    raw_send(&a, p, raw_segment(p, &first));
    arena_pump(&a);
    tern_sock sock = arena_accept(&a);
    assert_true(sock.id != 0);
    tern_abort(a.victim, sock);
    arena_pump(&a);
    for (uint32_t i = 1; i < 30000; i++) {
        struct shot mid = first;
        mid.seq += i * 7;
        mid.ack += i % 3 ? 0 : i;
        mid.len = i % 100;
        raw_send(&a, p, raw_segment(p, &mid));
        if (i % 64 == 0) arena_pump(&a);
        assert_int_equal(arena_accept(&a).id, 0);
    }
    for (unsigned i = 0; i < 200; i++) { /* cookies go on being sent */
        arena_pass(&a, 1000);
        struct shot other = {.src = 0x0a090909, .sport = (uint16_t)(1000 + i), .flags = SYN, .wnd = 1000};
        raw_send(&a, p, raw_segment(p, &other));
        arena_pump(&a);
    }
    raw_send(&a, p, raw_segment(p, &first));
    arena_pump(&a);
    assert_int_equal(arena_accept(&a).id, 0);
    arena_down(&a);
}

/* [RFC6528's key for the table, too] Pairs that collide for every hash that adds or xors: the chains stay short, since the
 * key is unknown. Equal hashes are as rare as chance has it. */
static void colliding_pairs(void **state) {
    (void)state;
    enum { N = 100000, CELLS = 131072, LONGEST = 12 };
    static uint8_t cell[CELLS];
    struct arena a;
    arena_defaults(&a);
    arena_up(&a, 0);
    struct stack *s = stack_of(a.victim);
    unsigned longest = 0;
    memset(cell, 0, sizeof cell);
    for (uint32_t i = 0; i < N; i++) {
        struct flow f;
        memset(&f, 0, sizeof f);
        f.local = ip_from_v4(0x0a000001);
        f.remote = ip_from_v4(0x0a000000 | (i & 0xffff)); /* address and port make up for each other */
        f.remote_port = (uint16_t) ~(i & 0xffff);
        f.local_port = (uint16_t)(i >> 16);
        uint8_t *c = &cell[flow_hash(s, &f) % CELLS];
        if (++*c > longest) longest = *c;
    }
    assert_true(longest <= LONGEST);
    arena_down(&a);
}

/* The numbers of one end are shifted, as if an attacker had brought in bytes: the two must go quiet. */
static void desynchronised(void **state) {
    (void)state;
    struct arena a;
    arena_defaults(&a);
    arena_up(&a, 1);
    struct tcb *t = tcb_of(stack_of(a.victim), a.pair[0].far);
    assert_non_null(t);
    t->rcv.nxt = seq_add(t->rcv.nxt, 5000);
    t->rcv.read = seq_add(t->rcv.read, 5000);
    t->rcv.adv = seq_add(t->rcv.adv, 5000);
    assert_true(tern_write(a.friend, a.pair[0].near, "hello", 5) == 5);
    tern_stats before = {.size = sizeof before}, after = {.size = sizeof after};
    tern_stats_get(a.victim, &before);
    arena_pass(&a, 3000);
    tern_stats_get(a.victim, &after);
    assert_true(after.segments_out - before.segments_out <= 30);
    arena_pass(&a, 60000);
    tern_stats_get(a.victim, &before);
    assert_true(before.segments_out - after.segments_out <= 60); /* repetitions and their answers, no storm */
    tern_abort(a.friend, a.pair[0].near);
    tern_abort(a.victim, a.pair[0].far);
    arena_pass(&a, 1000);
    arena_down(&a);
}

/* A twentieth of each second nothing gets through, at the pace of the least retransmission timeout that the RFC names: more
 * than half of what a clear path carries arrives all the same. */
struct pour {
    tern_sock near, far, listener;
    uint64_t got;
};

static bool in_the_gap(void *ctx, int from, uint64_t number, const void *data, uint32_t len) {
    const struct sim *sim = *(struct sim **)ctx;
    (void)from, (void)number, (void)data, (void)len;
    return sim->now % SIM_SECOND < 50 * SIM_MS;
}

static void pour(void *ctx, struct sim *sim, int side, const tern_event *e) {
    static char b[65536];
    struct pour *p = ctx;
    ptrdiff_t n;
    if (e->bits & TERN_EV_ACCEPT) tern_accept(sim->stack[1], p->listener, &p->far, NULL);
    if (side == 0)
        while (tern_write(sim->stack[0], p->near, b, sizeof b) > 0) {
        }
    if (side == 1 && p->far.id)
        while ((n = tern_read(sim->stack[1], p->far, b, sizeof b)) > 0) p->got += (uint64_t)n;
}

static uint64_t poured(bool gaps, uint32_t congestion) {
    struct sim_config c = sim_config_default(3);
    struct driver_error err;
    struct pour p = {0};
    struct sim *sim;
    for (int side = 0; side < 2; side++) {
        c.path[side].delay_ns = 10 * SIM_MS;
        c.stack[side].congestion = congestion;
        c.stack[side].rto_min_ms = 1000;
    }
    c.start_ns = 1300 * SIM_MS;
    c.path[0].rate_bps = 10000000;
    c.path[0].queue_packets = 50;
    c.app = pour;
    c.ctx = &p;
    assert_int_equal(sim_new(&c, &sim, &err), 0);
    if (gaps) memlink_filter(sim->link, in_the_gap, &sim);
    tern_listen_config l = {.size = sizeof l, .port = PORT};
    tern_open o = {.size = sizeof o, .remote = sim->addr4[1], .remote_port = PORT};
    assert_int_equal(tern_listen(sim->stack[1], &l, &p.listener), TERN_OK);
    assert_int_equal(tern_connect(sim->stack[0], &o, &p.near), TERN_OK);
    sim_run(sim, sim->now + 20ull * SIM_SECOND);
    sim_free(sim);
    return p.got;
}

static void shrew(void **state) {
    (void)state;
    for (uint32_t congestion = TERN_NEWRENO; congestion <= TERN_BBR; congestion++) {
        uint64_t clear = poured(false, congestion), hit = poured(true, congestion);
        print_message("congestion control %u: %llu kB on a clear path, %llu kB with the gaps\n", congestion,
                      (unsigned long long)clear / 1000, (unsigned long long)hit / 1000);
        assert_true(hit >= clear / 2);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_numbers), cmocka_unit_test(next_ports),      cmocka_unit_test(guessed_cookies),
        cmocka_unit_test(old_cookies),   cmocka_unit_test(colliding_pairs), cmocka_unit_test(desynchronised),
        cmocka_unit_test(shrew),
    };
    return cmocka_run_group_tests_name("blind", tests, NULL, NULL);
}
