/* raw.c - see raw.h. */
#include "raw.h"
#include "tests/octets.h"

enum { BATCH = 64, VICTIM = 0x0a000001, FRIEND = 0x0a000002 };

static void *victim_alloc(void *ctx, size_t size) {
    struct arena *a = ctx;
    void *p = malloc(size);
    if (!p) return NULL;
    memset(p, a->fill, size < 4096 ? size : 4096);
    a->live += size;
    if (a->live > a->peak) a->peak = a->live;
    return p;
}
static void victim_release(void *ctx, void *p, size_t size) {
    ((struct arena *)ctx)->live -= size;
    free(p);
}
static void *friend_alloc(void *ctx, size_t size) {
    (void)ctx;
    return malloc(size);
}
static void friend_release(void *ctx, void *p, size_t size) {
    (void)ctx;
    (void)size;
    free(p);
}

double seconds_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void arena_defaults(struct arena *a) {
    memset(a, 0, sizeof *a);
    tern_config_default(&a->cfg);
    a->cfg.autoconf = a->cfg.dad = 0;
    a->now = 1000 * MS_NS;
    a->seed = 1;
}

static tern_stack *host(struct arena *a, tern_config cfg, uint32_t addr) {
    tern_stack *s;
    draw d = {a->seed * 1000 + addr};
    draw_bytes(&d, cfg.entropy, sizeof cfg.entropy);
    assert_int_equal(tern_new(&cfg, a->now, &s), TERN_OK);
    tern_iface_config iface = {.size = sizeof iface, .link = TERN_LINK_IP, .mtu = 1500};
    assert_int_equal(tern_iface_add(s, &iface), 0);
    tern_addr ip = {4, {10, 0, 0, (uint8_t)addr}};
    assert_int_equal(tern_addr_add(s, 0, &ip, 8), TERN_OK);
    return s;
}

static int connect_friend(struct arena *a, tern_sock *near) {
    tern_open o = {.size = sizeof o, .remote = {4, {10, 0, 0, 1}}, .remote_port = PORT};
    return tern_connect(a->friend, &o, near);
}

void arena_up(struct arena *a, unsigned friends) {
    a->cfg.allocator = (tern_allocator){victim_alloc, victim_release, a};
    a->victim = host(a, a->cfg, VICTIM);
    tern_config c;
    tern_config_default(&c);
    c.autoconf = c.dad = 0;
    c.allocator = (tern_allocator){friend_alloc, friend_release, NULL};
    a->friend = host(a, c, FRIEND);
    tern_listen_config l = {.size = sizeof l, .port = PORT, .backlog = 4096};
    assert_int_equal(tern_listen(a->victim, &l, &a->listener), TERN_OK);
    for (unsigned i = 0; i < friends; i++) {
        assert_int_equal(connect_friend(a, &a->pair[i].near), TERN_OK);
        arena_pump(a);
        a->pair[i].far = arena_accept(a);
        assert_true(a->pair[i].far.id != 0);
    }
}

void arena_down(struct arena *a) {
    tern_stats st = {.size = sizeof st};
    assert_int_equal(tern_stats_get(a->victim, &st), TERN_OK);
    assert_int_equal(st.bad_moves, 0);
    assert_true(st.memory_peak <= a->cfg.memory_max);
    tern_free(a->victim);
    tern_free(a->friend);
    assert_int_equal(a->live, 0);
}

static uint32_t be32(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void look_at(struct arena *a, const uint8_t *p, uint32_t len) {
    if (a->tap) a->tap(a->tap_ctx, p, len);
    if (be32(p + 16) == FRIEND) return;
    a->out_packets++;
    a->out_bytes += len;
    if (p[9] != 6) return;
    a->last_seq = be32(p + 24);
    a->last_ack = be32(p + 28);
    a->last_flags = p[33];
}

static size_t carry(struct arena *a, bool of_victim) {
    static uint8_t bytes[2048];
    static tern_frame frames[BATCH];
    size_t moved = 0;
    tern_stack *from = of_victim ? a->victim : a->friend, *to = of_victim ? a->friend : a->victim;
    for (int n; (n = tern_output(from, frames, BATCH, a->now)) > 0;) {
        for (int i = 0; i < n; i++) {
            uint32_t len = (uint32_t)tern_frame_copy(&frames[i], bytes, sizeof bytes);
            if (of_victim) look_at(a, bytes, len);
            if (of_victim && be32(bytes + 16) != FRIEND) continue;
            tern_packet k = {.data = bytes, .len = len};
            tern_input(to, 0, &k, 1, a->now);
            moved++;
        }
    }
    return moved;
}

static void drain_events(tern_stack *s) {
    tern_event ev[BATCH];
    while (tern_poll(s, ev, BATCH) > 0) {
    }
}

void arena_pump(struct arena *a) {
    while (carry(a, true) + carry(a, false) > 0) {
    }
    drain_events(a->victim);
    drain_events(a->friend);
}

void arena_pass(struct arena *a, uint64_t ms) {
    uint64_t until = a->now + ms * MS_NS;
    for (;;) {
        uint64_t v = tern_deadline(a->victim), f = tern_deadline(a->friend), next = min_u64(v, f);
        if (next > until) break;
        a->now = max_u64(a->now, next);
        tern_expire(a->victim, a->now);
        tern_expire(a->friend, a->now);
        arena_pump(a);
    }
    a->now = until;
    tern_expire(a->victim, a->now); /* calls of the application happen at this time, not at that of the last timer */
    tern_expire(a->friend, a->now);
}

tern_sock arena_accept(struct arena *a) {
    tern_sock s, last = {0};
    while (tern_accept(a->victim, a->listener, &s, NULL) == TERN_OK) last = s;
    return last;
}

static bool echo(struct arena *a, tern_sock near, tern_sock far) {
    char b[64];
    if (tern_write(a->friend, near, "what was said", 13) != 13) return false;
    arena_pump(a);
    if (tern_read(a->victim, far, b, sizeof b) != 13 || tern_write(a->victim, far, b, 13) != 13) return false;
    arena_pump(a);
    arena_pass(a, 1);
    bool good = tern_read(a->friend, near, b, sizeof b) == 13 && memcmp(b, "what was said", 13) == 0;
    arena_pass(a, 50);
    return good;
}

bool arena_echo(struct arena *a, unsigned pair) { return echo(a, a->pair[pair].near, a->pair[pair].far); }

bool arena_connect_echo(struct arena *a) {
    tern_sock near;
    if (connect_friend(a, &near) != TERN_OK) return false;
    arena_pump(a);
    tern_sock far = arena_accept(a);
    bool good = far.id && echo(a, near, far);
    tern_abort(a->friend, near);
    arena_pump(a);
    if (far.id) tern_close(a->victim, far);
    return good;
}

/* ---- packets ---- */

static void ip_header(uint8_t *p, uint32_t src, uint32_t len, uint16_t id, uint16_t frag, uint8_t proto) {
    memset(p, 0, 20);
    p[0] = 0x45;
    put16(p + 2, len);
    put16(p + 4, id);
    put16(p + 6, frag);
    p[8] = 64;
    p[9] = proto;
    put32(p + 12, src);
    put32(p + 16, VICTIM);
    put16(p + 10, ~sum16(p, 20, 0));
}

uint32_t raw_segment(uint8_t *p, const struct shot *s) {
    uint32_t head = 20 + (s->mss ? 4 : s->options_len), len = 20 + head + s->len;
    ip_header(p, s->src, len, 0, 0x4000, 6);
    uint8_t *t = p + 20;
    memset(t, 0, head + s->len);
    put16(t, s->sport);
    put16(t + 2, s->dport ? s->dport : PORT);
    put32(t + 4, s->seq);
    put32(t + 8, s->ack);
    t[12] = (uint8_t)(head << 2);
    t[13] = s->flags;
    put16(t + 14, s->wnd);
    if (s->mss) {
        t[20] = 2;
        t[21] = 4;
        put16(t + 22, s->mss);
    } else if (s->options_len) {
        memcpy(t + 20, s->options, s->options_len);
    }
    uint32_t pseudo = 6 + head + s->len + (s->src >> 16) + (s->src & 0xffff) + (VICTIM >> 16) + (VICTIM & 0xffff);
    put16(t + 16, ~sum16(t, head + s->len, pseudo));
    return len;
}

uint32_t raw_fragment(uint8_t *p, uint32_t src, uint16_t id, uint32_t offset, uint32_t len, bool more) {
    ip_header(p, src, 20 + len, id, (uint16_t)(offset / 8 | (more ? 0x2000u : 0)), 17);
    memset(p + 20, 0x5a, len);
    return 20 + len;
}

void raw_send(struct arena *a, const uint8_t *p, uint32_t len) {
    tern_packet k = {.data = p, .len = len};
    tern_input(a->victim, 0, &k, 1, a->now);
}
