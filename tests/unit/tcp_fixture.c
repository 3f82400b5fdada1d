/* tcp_fixture.c - see tcp_fixture.h. No test is here. */
#include "tcp_fixture.h"
#include "tests/octets.h"
#include "tests/status.h"

struct fixture fx;

enum { QUEUE = 1024 };
static struct out *queue[QUEUE];
static unsigned queue_head, queue_count;

/* ---- memory ---- */

static void *heap_alloc(void *ctx, size_t size) {
    (void)ctx;
    fx.heap.calls++;
    if (fx.heap.fail_at && (fx.heap.calls == fx.heap.fail_at || (fx.heap.fail_on && fx.heap.calls > fx.heap.fail_at)))
        return NULL;
    void *p = malloc(size);
    assert_non_null(p);
    memset(p, 0xa5, size);
    fx.heap.live += size;
    return p;
}

static void heap_release(void *ctx, void *p, size_t size) {
    (void)ctx;
    assert_non_null(p);
    assert_true(fx.heap.live >= size);
    memset(p, 0x5a, size);
    fx.heap.live -= size;
    free(p);
}

/* ---- making and ending ---- */

static tern_addr address(bool v6, uint8_t last) {
    return v6 ? (tern_addr){6, {0xfd, [15] = last}} : (tern_addr){4, {10, 0, 0, last}};
}

void fx_reset(bool v6) {
    memset(&fx, 0, sizeof fx);
    drop_out();
    fx.v6 = v6;
    tern_config_default(&fx.cfg);
    fx.cfg.allocator = (tern_allocator){heap_alloc, heap_release, NULL};
    for (size_t i = 0; i < sizeof fx.cfg.entropy; i++) fx.cfg.entropy[i] = (uint8_t)(i * 37 + 11);
    fx.cfg.autoconf = fx.cfg.dad = 0;
    fx.cfg.timestamps = fx.cfg.sack = fx.cfg.window_scale = 0; /* the tests of options turn them on */
    fx.cfg.congestion = TERN_NEWRENO;
    fx.cfg.rto_min_ms = 1000; /* as RFC 6298 2.4 has it, so that times are those of the RFC */
    fx.mtu = 1500;
    fx.now = 1000 * SEC_NS;
    fx.me = address(v6, 1);
    fx.peer_addr = address(v6, 2);
    fx.my_port = MY_PORT;
    fx.peer_port = PEER_PORT;
    fx.peer.isn = 0x10203040;
    fx.peer.wnd = 60000;
    fx.peer.mss = 1000;
    fx.peer.wscale = -1;
    fx.peer.ts_value = 5000;
}

void fx_up(void) {
    if (fx.stack) return;
    assert_int_equal(tern_new(&fx.cfg, fx.now, &fx.stack), TERN_OK);
    fx.s = stack_of(fx.stack);
    tern_iface_config c = {
        .size = sizeof c, .name = "t0", .link = TERN_LINK_IP, .flags = fx.iface_flags, .mtu = fx.mtu};
    fx.iface = tern_iface_add(fx.stack, &c);
    assert_int_equal(fx.iface, 0);
    assert_int_equal(tern_addr_add(fx.stack, 0, &fx.me, fx.v6 ? 64 : 24), TERN_OK);
}

/* The clock of RFC 6528 ticks every 4 microseconds: what an open gives now says when the wanted number comes. */
void fx_up_with_isn(uint32_t iss) {
    fx_up();
    struct flow f = {addr_in(&fx.me), addr_in(&fx.peer_addr), fx.my_port, fx.peer_port};
    struct secrets secrets = flow_secrets(fx.s, &f);
    uint32_t now = isn_choose(fx.s, &secrets).v;
    uint64_t later = fx.now + (uint64_t)(uint32_t)(iss - now) * 4000;
    fx_down();
    fx.now = later;
    fx_up();
}

void fx_down(void) {
    if (!fx.stack) return;
    tern_stats stats = {.size = sizeof stats};
    assert_int_equal(tern_stats_get(fx.stack, &stats), TERN_OK);
    tern_free(fx.stack);
    fx.stack = NULL;
    fx.s = NULL;
    drop_out();
    assert_int_equal(stats.bad_moves, 0);
    assert_int_equal(fx.heap.live, 0);
}

int fx_setup_v4(void **state) {
    (void)state;
    fx_reset(false);
    return 0;
}
int fx_setup_v6(void **state) {
    (void)state;
    fx_reset(true);
    return 0;
}
int fx_teardown(void **state) {
    (void)state;
    fx_down();
    return 0;
}

void fx_new_peer(uint16_t my_port, uint16_t peer_port) {
    fx.my_port = my_port;
    fx.peer_port = peer_port;
    fx.sock = (tern_sock){0};
    fx.iss = fx.snd = fx.rcv = fx.written = fx.read = fx.ts_seen = 0;
    fx.ev_bits = 0;
    fx.ev_error = 0;
}

void fx_check(void) {
    for (uint32_t i = 0; i < fx.s->tcp.tcbs.made; i++)
        if (pool_used(&fx.s->tcp.tcbs, i)) tcb_check(fx.s, pool_at(&fx.s->tcp.tcbs, i));
    assert_int_equal(fx.s->stats.bad_moves, 0);
    uint64_t cursor = 0;
    tern_status_info i;
    while (tern_list(fx.stack, &cursor, &i)) {
        const char *fault = status_fault(fx.stack, &i);
        if (fault) fail_msg("STATUS of a connection in %s disagrees: %s", tern_state_name(i.state), fault);
    }
}

uint64_t counted(enum reason r) { return fx.s->reason_count[r]; }

uint64_t fx_outcomes(void) {
    uint64_t n = 0;
    for (unsigned r = 0; r < R_SEND_SYN; r++) n += counted((enum reason)r);
    return n;
}

/* ---- the pattern ---- */

static uint8_t mine(uint32_t n) { return (uint8_t)(n * 7 + (n >> 8) * 13 + 1); }
static uint8_t theirs(uint32_t n) { return (uint8_t)(n * 11 + (n >> 8) * 5 + 3); }

/* ---- the calls ---- */

int app_connect(void) {
    fx_up();
    tern_open o = {.size = sizeof o, .remote = fx.peer_addr, .local_port = fx.my_port, .remote_port = fx.peer_port};
    return tern_connect(fx.stack, &o, &fx.sock);
}

int app_listen(uint32_t flags, uint32_t backlog) {
    fx_up();
    tern_listen_config c = {.size = sizeof c, .port = fx.my_port, .flags = flags, .backlog = backlog};
    return tern_listen(fx.stack, &c, &fx.listener);
}

int app_accept(void) { return tern_accept(fx.stack, fx.listener, &fx.sock, NULL); }

void app_write(uint32_t len) {
    uint8_t bytes[1024];
    while (len) {
        uint32_t n = min_u32(len, sizeof bytes);
        for (uint32_t i = 0; i < n; i++) bytes[i] = mine(fx.written + 1 + i);
        assert_int_equal(tern_write(fx.stack, fx.sock, bytes, n), n);
        fx.written += n;
        len -= n;
    }
    fx_check();
}

uint32_t app_read(uint32_t most) {
    uint8_t bytes[1024];
    uint32_t total = 0;
    while (total < most) {
        ptrdiff_t n = tern_read(fx.stack, fx.sock, bytes, min_u32(most - total, sizeof bytes));
        if (n <= 0) break;
        for (ptrdiff_t i = 0; i < n; i++)
            if (bytes[i] != theirs(fx.read + 1 + (uint32_t)i))
                fail_msg("byte %u of the stream is wrong", fx.read + 1 + (uint32_t)i);
        fx.read += (uint32_t)n;
        total += (uint32_t)n;
    }
    fx_check();
    return total;
}

void fx_expect_read(uint32_t n, const char *file, int line) {
    uint32_t got = app_read(UINT32_MAX);
    if (got == n) return;
    print_error("read %u bytes instead of %u\n", got, n);
    _fail(file, line);
}

/* ---- packets of the peer, byte by byte ---- */

static uint32_t pseudo(const tern_addr *a, const tern_addr *b, uint8_t proto, size_t len) {
    size_t n = a->family == 4 ? 4 : 16;
    return sum16(b->bytes, n, sum16(a->bytes, n, (uint32_t)proto + (uint32_t)len));
}

static size_t put_ip(uint8_t *p, const tern_addr *from, const tern_addr *to, uint8_t proto, size_t payload) {
    if (from->family == 4) {
        memset(p, 0, 20);
        p[0] = 0x45;
        put16(p + 2, (uint32_t)(20 + payload));
        put16(p + 6, 0x4000);
        p[8] = 64, p[9] = proto;
        memcpy(p + 12, from->bytes, 4);
        memcpy(p + 16, to->bytes, 4);
        put16(p + 10, ~sum16(p, 20, 0));
        return 20;
    }
    memset(p, 0, 8);
    p[0] = 0x60;
    put16(p + 4, (uint32_t)payload);
    p[6] = proto, p[7] = 64;
    memcpy(p + 8, from->bytes, 16);
    memcpy(p + 24, to->bytes, 16);
    return 40;
}

static size_t put_options(uint8_t *p, const struct seg *s) {
    size_t n = 0;
    if (s->raw) {
        memcpy(p, s->raw, s->raw_len);
        n = s->raw_len;
    } else {
        bool syn = s->flags & SYN;
        uint16_t mss = s->mss ? s->mss : syn ? fx.peer.mss : 0;
        int wscale = s->wscale ? s->wscale - 1 : syn ? fx.peer.wscale : -1;
        if (mss) p[n] = 2, p[n + 1] = 4, put16(p + n + 2, mss), n += 4;
        if (wscale >= 0) p[n] = 3, p[n + 1] = 3, p[n + 2] = (uint8_t)wscale, n += 3;
        if (s->sack_ok || (syn && fx.peer.sack)) p[n] = 4, p[n + 1] = 2, n += 2;
        if (s->ts || (fx.peer.ts && !s->no_ts)) {
            p[n] = 8, p[n + 1] = 10;
            put32(p + n + 2, s->ts ? s->ts_value : fx.peer.ts_value);
            put32(p + n + 6, s->ts ? s->ts_echo : (s->flags & ACK) ? fx.ts_seen : 0);
            n += 10;
        }
    }
    while (n % 4) p[n++] = 1;
    assert_true(n <= 40);
    return n;
}

size_t build(uint8_t *p, const struct seg *s) {
    uint8_t l4[70000];
    memset(l4, 0, 20);
    size_t head = 20 + put_options(l4 + 20, s), len = head + s->len;
    put16(l4, s->sport ? s->sport : fx.peer_port);
    put16(l4 + 2, s->dport ? s->dport : fx.my_port);
    put32(l4 + 4, fx.peer.isn + s->seq);
    put32(l4 + 8, s->flags & ACK ? fx.iss + s->ack : s->ack);
    l4[12] = (uint8_t)(head / 4 << 4 | (s->flags >> 8 & 1));
    l4[13] = (uint8_t)s->flags;
    put16(l4 + 14, s->wnd == CLOSED_WINDOW ? 0 : s->wnd ? (uint32_t)s->wnd : fx.peer.wnd);
    put16(l4 + 18, s->urgent);
    for (uint32_t i = 0; i < s->len; i++) l4[head + i] = theirs(s->seq + !!(s->flags & SYN) + i);
    put16(l4 + 16, ~sum16(l4, len, pseudo(&fx.peer_addr, &fx.me, 6, len)) ^ (s->bad_sum ? 1u : 0u));
    size_t at = put_ip(p, &fx.peer_addr, &fx.me, 6, len);
    memcpy(p + at, l4, len);
    return at + len;
}

/* The bytes end where their memory ends. No packet is without an outcome. */
void inject_raw(const void *packet, size_t len) {
    fx_up();
    uint8_t *exact = malloc(len ? len : 1);
    assert_non_null(exact);
    memcpy(exact, packet, len);
    tern_packet p = {.data = exact, .len = (uint32_t)len};
    uint64_t before = fx_outcomes();
    assert_int_equal(tern_input(fx.stack, fx.iface, &p, 1, fx.now), TERN_OK);
    assert_true(fx_outcomes() > before);
    free(exact);
    fx_check();
}

void inject_seg(const struct seg *s) {
    static uint8_t packet[70000];
    size_t n = build(packet, s);
    inject_raw(packet, n);
}

void inject(uint16_t flags, uint32_t number, uint32_t ack, uint32_t len) {
    inject_with(.flags = flags, .seq = number, .ack = ack, .len = len);
}

void inject_icmp(uint8_t type, uint8_t code, uint32_t field, uint32_t quoted_seq) {
    uint8_t p[256], l4[8 + 40 + 8] = {type, code};
    put32(l4 + 4, field);
    size_t at = 8 + put_ip(l4 + 8, &fx.me, &fx.peer_addr, 6, 20);
    if (fx.quoted_size) put16(l4 + 8 + 2, fx.quoted_size);
    put16(l4 + at, fx.my_port);
    put16(l4 + at + 2, fx.peer_port);
    put32(l4 + at + 4, fx.iss + quoted_seq);
    size_t len = at + 8;
    put16(l4 + 2, 0);
    put16(l4 + 2, ~sum16(l4, len, fx.v6 ? pseudo(&fx.peer_addr, &fx.me, 58, len) : 0));
    at = put_ip(p, &fx.peer_addr, &fx.me, fx.v6 ? 58 : 1, len);
    memcpy(p + at, l4, len);
    inject_raw(p, at + len);
}

/* ---- packets of the host ---- */

static void read_options(struct out *o, const uint8_t *p, size_t n) {
    o->wscale = -1;
    o->options_len = (unsigned)n;
    for (size_t i = 0; i < n && p[i] != 0;) {
        if (p[i] == 1) {
            i++;
            continue;
        }
        assert_true(i + 1 < n && p[i + 1] >= 2 && i + p[i + 1] <= n); /* [MUST-68] */
        const uint8_t *v = p + i + 2;
        switch (p[i]) {
        case 2: o->mss = (uint16_t)get16(v); break;
        case 3: o->wscale = v[0]; break;
        case 4: o->sack_ok = true; break;
        case 5:
            for (o->sacks = 0; o->sacks < (p[i + 1] - 2u) / 8; o->sacks++)
                for (unsigned k = 0; k < 2; k++) o->sack[o->sacks][k] = get32(v + 8 * o->sacks + 4 * k) - fx.peer.isn;
            break;
        case 8:
            o->ts = true;
            o->ts_value = get32(v);
            o->ts_echo = get32(v + 4);
            break;
        default: fail_msg("option %u came out", p[i]);
        }
        i += p[i + 1];
    }
    assert_int_equal(o->options_len % 4, 0);
}

static void read_tcp(struct out *o, const uint8_t *p, size_t len) {
    assert_true(len >= 20);
    assert_int_equal(sum16(p, len, pseudo(&fx.me, &fx.peer_addr, 6, len)), 0xffff); /* [MUST-2] */
    o->sport = (uint16_t)get16(p);
    o->dport = (uint16_t)get16(p + 2);
    o->abs_seq = get32(p + 4);
    o->abs_ack = get32(p + 8);
    o->flags = (uint16_t)(p[13] | (p[12] & 1) << 8);
    o->wnd = (uint16_t)get16(p + 14);
    o->urgent = (uint16_t)get16(p + 18);
    size_t head = (size_t)(p[12] >> 4) * 4;
    assert_true(head >= 20 && head <= len);
    assert_int_equal(p[12] & 0x0e, 0);
    read_options(o, p + 20, head - 20);
    if (!(o->flags & SYN)) assert_int_equal(o->mss, 0); /* [MUST-65] */
    bool ours = o->sport == fx.my_port && o->dport == fx.peer_port;
    if (ours && (o->flags & SYN)) fx.iss = o->abs_seq;
    if (ours && o->ts) fx.ts_seen = o->ts_value;
    o->seq = o->abs_seq - fx.iss;
    o->ack = o->flags & ACK ? o->abs_ack - fx.peer.isn : o->abs_ack;
    o->len = (uint32_t)(len - head);
    assert_true(o->len <= sizeof o->data);
    memcpy(o->data, p + head, o->len);
    if (fx.unchecked || !ours) return;
    for (uint32_t i = 0; i < o->len; i++)
        if (o->data[i] != mine(o->seq + i)) fail_msg("the host's byte %u is wrong", o->seq + i);
}

static void read_packet(struct out *o, const uint8_t *p, size_t len) {
    o->at_ns = fx.now;
    assert_int_equal(p[0] >> 4, fx.v6 ? 6 : 4);
    assert_true(len <= fx.mtu);
    size_t at = fx.v6 ? 40 : 20;
    assert_true(len >= at);
    if (fx.v6) {
        assert_int_equal(get16(p + 4) + 40, len);
        o->proto = p[6], o->ttl = p[7], o->tos = (uint8_t)(get16(p) >> 4);
        assert_memory_equal(p + 8, fx.me.bytes, 16);
        assert_memory_equal(p + 24, fx.peer_addr.bytes, 16);
    } else {
        assert_int_equal(p[0], 0x45);
        assert_int_equal(get16(p + 2), len);
        assert_int_equal(sum16(p, 20, 0), 0xffff);
        o->proto = p[9], o->ttl = p[8], o->tos = p[1];
        assert_memory_equal(p + 12, fx.me.bytes, 4);
        assert_memory_equal(p + 16, fx.peer_addr.bytes, 4);
    }
    if (o->proto == 6) read_tcp(o, p + at, len - at);
}

static void pump(void) {
    tern_frame f;
    uint8_t bytes[70000];
    fx_up();
    for (;;) {
        int n = tern_output(fx.stack, &f, 1, fx.now);
        fx_check();
        if (n == 0) return;
        assert_int_equal(n, 1);
        size_t len = tern_frame_copy(&f, bytes, sizeof bytes);
        assert_int_equal(len, f.len);
        assert_true(queue_count < QUEUE);
        struct out *o = calloc(1, sizeof *o);
        assert_non_null(o);
        queue[(queue_head + queue_count++) % QUEUE] = o;
        read_packet(o, bytes, len);
    }
}

static bool pop(struct out *o) {
    if (!queue_count) return false;
    struct out *head = queue[queue_head];
    queue_head = (queue_head + 1) % QUEUE;
    queue_count--;
    *o = *head;
    free(head);
    return true;
}

bool out_waiting(void) {
    pump();
    return queue_count > 0;
}

unsigned drop_out(void) {
    struct out o;
    unsigned n = 0;
    if (fx.stack) pump();
    while (pop(&o)) n++;
    return n;
}

/* ---- what must come ---- */

static const char *flags_text(uint32_t flags, char buf[16]) {
    static const char letters[] = "FSRPAUEWA";
    size_t n = 0;
    for (unsigned i = 0; i < 9; i++)
        if (flags & 1u << i) buf[n++] = letters[i];
    buf[n] = 0;
    return buf;
}

static void print_out(const char *what, uint32_t flags, uint32_t number, uint32_t ack, uint32_t len) {
    char buf[16];
    print_error("  %s [%s] seq %u ack %u len %u\n", what, flags_text(flags, buf), number, ack, len);
}

void fx_expect(uint32_t flags, uint32_t number, uint32_t ack, uint32_t len, const char *file, int line) {
    pump();
    struct out *o = &fx.out;
    if (!pop(o)) {
        print_error("nothing came out\n");
        print_out("expected", flags, number, ack, len);
        _fail(file, line);
    }
    bool ack_ok = ack == ANY || !(flags & ACK) || o->ack == ack;
    bool flags_ok = flags == ANY || (o->flags & ~PSH) == (flags & ~(uint32_t)PSH);
    if (o->proto == 6 && flags_ok && (number == ANY || o->seq == number) && ack_ok && (len == ANY || o->len == len))
        return;
    print_out("expected", flags, number, ack, len);
    print_out("came    ", o->flags, o->seq, o->ack, o->len);
    _fail(file, line);
}

void fx_expect_none(const char *file, int line) {
    pump();
    if (!pop(&fx.out)) return;
    print_out("nothing was expected, came", fx.out.flags, fx.out.seq, fx.out.ack, fx.out.len);
    _fail(file, line);
}

static void poll_events(void) {
    tern_event e[8];
    for (int n; (n = tern_poll(fx.stack, e, 8)) > 0;) {
        for (int i = 0; i < n; i++) {
            if (e[i].sock.id == fx.sock.id) {
                fx.ev_bits |= e[i].bits;
                if (e[i].error) fx.ev_error = e[i].error;
            } else if (e[i].sock.id == fx.listener.id) {
                fx.listener_bits |= e[i].bits;
            }
        }
    }
}

void fx_expect_event(uint32_t bits, const char *file, int line) {
    poll_events();
    uint32_t got = fx.ev_bits;
    fx.ev_bits = 0;
    if (got == bits) return;
    print_error("events 0x%x instead of 0x%x\n", got, bits);
    _fail(file, line);
}

/* ---- time ---- */

static bool tick(uint64_t end) {
    pump();
    uint64_t due = tern_deadline(fx.stack);
    if (fx.s->events || fx.s->stack_events) due = wheel_deadline_ns(&fx.s->wheel); /* events may wait */
    if (due > end) {
        fx.now = end;
        tern_expire(fx.stack, fx.now);
        pump();
        return false;
    }
    fx.now = max_u64(fx.now, due);
    tern_expire(fx.stack, fx.now);
    fx_check();
    pump();
    return true;
}

void advance(uint64_t ms) {
    fx_up();
    uint64_t end = fx.now + ms * MS_NS;
    for (unsigned turns = 0; tick(end); turns++)
        if (turns > 100000) fail_msg("the clock stands still");
}

uint64_t wait_out(uint64_t most) {
    fx_up();
    uint64_t start = fx.now, end = fx.now + most * MS_NS;
    for (unsigned turns = 0; !out_waiting(); turns++) {
        if (turns > 100000) fail_msg("the clock stands still");
        if (!tick(end) && !out_waiting()) return most + 1;
    }
    return (fx.now - start + MS_NS / 2) / MS_NS;
}

void fx_expect_after(uint64_t ms, const char *file, int line) {
    uint64_t took = wait_out(ms * 4 + 1000);
    if (took == ms) return;
    print_error("the next packet came after %llu ms instead of %llu\n", (unsigned long long)took,
                (unsigned long long)ms);
    _fail(file, line);
}

/* ---- states ---- */

bool status_now(tern_status_info *i) {
    uint64_t cursor = 0;
    while (tern_list(fx.stack, &cursor, i)) {
        if (i->state == TERN_LISTEN || i->flow.local_port != fx.my_port || i->flow.remote_port != fx.peer_port)
            continue;
        if (i->state != TERN_CLOSED) return true;
    }
    return false;
}

enum tern_state state_now(void) {
    tern_status_info i;
    return status_now(&i) ? i.state : TERN_CLOSED;
}

void fx_expect_state(enum tern_state st, const char *file, int line) {
    enum tern_state is = state_now();
    if (is == st) return;
    print_error("state %s instead of %s\n", tern_state_name(is), tern_state_name(st));
    _fail(file, line);
}

struct tcb *tcb_now(void) {
    return tcb_of(fx.s, fx.sock);
}

static void open_passive(enum tern_state st) {
    assert_int_equal(app_listen(0, 0), TERN_OK);
    if (st == TERN_LISTEN) return;
    inject(SYN, 0, 0, 0);
    expect(SYN | ACK, 0, 1, 0);
    fx.snd = fx.rcv = 1;
    if (st == TERN_SYN_RECEIVED) return;
    inject(ACK, 1, 1, 0);
    assert_int_equal(app_accept(), TERN_OK);
}

static void open_active(enum tern_state st) {
    assert_int_equal(app_connect(), TERN_OK);
    expect(SYN, 0, 0, 0);
    fx.snd = 1;
    if (st == TERN_SYN_SENT) return;
    fx.rcv = 1;
    if (st == TERN_SYN_RECEIVED) {
        inject(SYN, 0, 0, 0);
        expect(SYN | ACK, 0, 1, 0);
        return;
    }
    inject(SYN | ACK, 0, 1, 0);
    expect(ACK, 1, 1, 0);
}

static void close_ours(void) {
    assert_int_equal(fx.close_fully ? tern_close(fx.stack, fx.sock) : tern_shutdown(fx.stack, fx.sock), TERN_OK);
    expect(FIN | ACK, fx.snd, fx.rcv, 0);
    fx.snd++;
}

static void close_theirs(uint32_t acked) {
    inject(FIN | ACK, fx.rcv, acked, 0);
    fx.rcv++;
    expect(ACK, fx.snd, fx.rcv, 0);
}

void to_state(enum tern_state st, enum opening how) {
    fx_up();
    if (st == TERN_CLOSED) return;
    if (how == PASSIVE)
        open_passive(st);
    else
        open_active(st);
    if (st == TERN_CLOSE_WAIT || st == TERN_LAST_ACK) close_theirs(1);
    if (st >= TERN_FIN_WAIT_1 && st != TERN_CLOSE_WAIT) close_ours();
    if (st == TERN_FIN_WAIT_2 || st == TERN_TIME_WAIT) inject(ACK, fx.rcv, fx.snd, 0);
    if (st == TERN_CLOSING) close_theirs(1);
    if (st == TERN_TIME_WAIT) close_theirs(fx.snd);
    expect_none();
    if (st != TERN_LISTEN) expect_state(st);
    poll_events();
    fx.ev_bits = fx.listener_bits = 0;
    fx.ev_error = 0;
}

tern_status_info fx_status(void) {
    tern_status_info i;
    assert_true(status_now(&i));
    return i;
}

int app_set(enum tern_option o, int64_t v) { return tern_set(fx.stack, fx.sock, o, v); }

int fx_setup_sack(void **state) {
    fx_setup_v4(state);
    fx.cfg.sack = 1;
    fx.cfg.congestion = TERN_CUBIC;
    fx.peer.sack = true;
    return 0;
}
