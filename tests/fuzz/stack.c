/* stack.c - fuzzes a living host in every state: the input is a list of steps, user calls among segments of a peer that
 * knows the numbers (or nearly), raw packets, ICMP errors, time, and memory that fails. After each step the
 * invariants of every control block hold and STATUS agrees with itself; at the end nothing is left. */
#include "fuzz.h"

#include "tcp/tcb.h"
#include "tests/octets.h"
#include "tests/status.h"

enum { PEERS = 4, SOCKS = 6, STEPS = 400, PEER_PORT = 7000, MY_PORT = 80 };

static struct rig {
    struct fuzz_heap heap;
    tern_stack *stack;
    uint64_t now;
    tern_sock sock[SOCKS], listener;
    struct peer {
        bool v6;
        uint16_t port, far;  /* far: the host's port */
        uint32_t nxt;        /* of the peer */
        uint32_t una, acked; /* the host's: its next number, and what it acknowledged */
    } peer[PEERS];
    struct input in;
} g;

/* The header in front of `len` bytes at p + its length, from the peer to the host or, for quoting, back. */
static size_t ip_head(uint8_t *p, bool v6, uint8_t proto, size_t len, size_t csum, bool back) {
    size_t head = v6 ? 40 : 20;
    uint32_t sum = proto + (uint32_t)len;
    memset(p, 0, head);
    if (v6) {
        p[0] = 0x60;
        put16(p + 4, (uint32_t)len);
        p[6] = proto;
        p[7] = 64;
        p[8] = p[24] = 0xfd;
        p[23] = back ? 1 : 2;
        p[39] = back ? 2 : 1;
        for (size_t i = 8; i < 40; i += 2) sum += (uint32_t)(p[i] << 8 | p[i + 1]);
    } else {
        p[0] = 0x45;
        put16(p + 2, (uint32_t)(head + len));
        p[6] = 0x40;
        p[8] = 64;
        p[9] = proto;
        put32(p + 12, back ? 0x0a000001 : 0x0a000002);
        put32(p + 16, back ? 0x0a000002 : 0x0a000001);
        put16(p + 10, ~sum16(p, 20, 0));
        for (size_t i = 12; i < 20; i += 2) sum += (uint32_t)(p[i] << 8 | p[i + 1]);
    }
    put16(p + head + csum, 0);
    put16(p + head + csum, ~sum16(p + head, len, proto == IP_PROTO_ICMP4 ? 0 : sum));
    return head;
}

static void give(const uint8_t *p, size_t len) {
    uint8_t *exact = malloc(len + !len);
    require(exact != NULL);
    if (len) memcpy(exact, p, len);
    tern_packet k = {.data = exact, .len = (uint32_t)len};
    tern_input(g.stack, 0, &k, 1, g.now);
    free(exact);
}

/* The peer learns the numbers of what the host sends. */
static void learn(const uint8_t *p, size_t len) {
    bool v6 = p[0] >> 4 == 6;
    size_t head = v6 ? 40 : 20;
    if ((v6 ? p[6] : p[9]) != IP_PROTO_TCP) return;
    require(len >= head + 20);
    const uint8_t *t = p + head;
    uint16_t dst = (uint16_t)(t[2] << 8 | t[3]);
    size_t data = len - head - (size_t)(t[12] >> 4) * 4;
    for (unsigned i = 0; i < PEERS; i++) {
        struct peer *q = &g.peer[i];
        if (q->port != dst || q->v6 != v6) continue;
        q->far = (uint16_t)(t[0] << 8 | t[1]);
        q->una = get32(t + 4) + (uint32_t)data + !!(t[13] & TCP_SYN) + !!(t[13] & TCP_FIN);
        if (t[13] & TCP_ACK) q->acked = get32(t + 8);
    }
}

static void settle(void) {
    static uint8_t bytes[70000];
    tern_event ev[16];
    tern_frame frames[16];
    tern_expire(g.stack, g.now);
    while (tern_poll(g.stack, ev, 16) > 0) {
    }
    for (int n, rounds = 0; rounds < 2000 && (n = tern_output(g.stack, frames, 16, g.now)) > 0; rounds++)
        for (int i = 0; i < n; i++) learn(bytes, tern_frame_copy(&frames[i], bytes, sizeof bytes));
    struct stack *s = stack_of(g.stack);
    for (uint32_t i = 0; i < s->tcp.tcbs.made; i++)
        if (pool_used(&s->tcp.tcbs, i)) tcb_check(s, pool_at(&s->tcp.tcbs, i));
    uint64_t cursor = 0;
    tern_status_info i;
    while (tern_list(g.stack, &cursor, &i)) require(!status_fault(g.stack, &i));
    require(s->stats.bad_moves == 0 && s->mem_used == g.heap.live);
}

/* ---- steps ---- */

static uint32_t number(uint32_t base) {
    switch (take8(&g.in) % 5) {
    case 0:
    case 1: return base;
    case 2: return base + (uint32_t)(int8_t)take8(&g.in);
    case 3: return base + (uint32_t)(int16_t)take16(&g.in);
    default: return take32(&g.in);
    }
}

static size_t options(uint8_t *to) {
    uint8_t which = take8(&g.in);
    size_t n = 0;
    if (which & 1) put32(to + n, 0x02040000u | take16(&g.in)), n += 4;
    if (which & 2) put32(to + n, 0x01030300u | take8(&g.in)), n += 4;
    if (which & 4) put32(to + n, 0x01010402), n += 4;
    if (which & 8) {
        put32(to + n, 0x0101080a);
        put32(to + n + 4, take32(&g.in));
        put32(to + n + 8, take32(&g.in));
        n += 12;
    }
    if (which & 16 && n <= 28) {
        put32(to + n, 0x0101050a);
        uint32_t left = number(g.peer[which >> 6].una);
        put32(to + n + 4, left);
        put32(to + n + 8, left + take16(&g.in));
        n += 12;
    }
    if (which & 32)
        for (; n < 40 && n < 24; n++) to[n] = take8(&g.in);
    return n & ~(size_t)3;
}

static void segment(void) {
    uint8_t b[40 + 60 + 2048];
    struct peer *q = &g.peer[take8(&g.in) % PEERS];
    size_t head = q->v6 ? 40 : 20;
    uint8_t *t = b + head;
    memset(t, 0, 60 + 2048);
    uint8_t flags = take8(&g.in);
    if (q->far == 0 || take8(&g.in) % 16 == 0) q->far = MY_PORT;
    put16(t, q->port);
    put16(t + 2, q->far);
    uint32_t seq_no = number(q->nxt);
    put32(t + 4, seq_no);
    put32(t + 8, number(q->una));
    t[13] = flags;
    put16(t + 14, take16(&g.in));
    if (flags & TCP_URG) put16(t + 18, take8(&g.in));
    size_t opts = options(t + 20), len = take8(&g.in) % 4 == 0 ? take8(&g.in) * 8u : 0;
    t[12] = (uint8_t)((20 + opts) << 2);
    if (seq_no == q->nxt) q->nxt += (uint32_t)len + !!(flags & TCP_SYN) + !!(flags & TCP_FIN);
    ip_head(b, q->v6, IP_PROTO_TCP, 20 + opts + len, 16, false);
    give(b, head + 20 + opts + len);
}

static void icmp_error(void) {
    uint8_t b[200];
    struct peer *q = &g.peer[take8(&g.in) % PEERS];
    size_t head = q->v6 ? 40 : 20;
    uint8_t *m = b + head, *quoted = m + 8, *t = quoted + head;
    memset(b, 0, sizeof b);
    m[0] = take8(&g.in);
    m[1] = take8(&g.in);
    put32(m + 4, take16(&g.in));
    put16(t, q->far);
    put16(t + 2, q->port);
    put32(t + 4, number(q->una));
    ip_head(quoted, q->v6, IP_PROTO_TCP, 20, 16, true);
    ip_head(b, q->v6, q->v6 ? IP_PROTO_ICMP6 : IP_PROTO_ICMP4, 8 + head + 20, 2, false);
    give(b, head + 8 + head + 20);
}

static tern_sock *slot(void) { return &g.sock[take8(&g.in) % SOCKS]; }

static void user_call(uint8_t which) {
    static uint8_t bytes[65536];
    struct peer *q = &g.peer[take8(&g.in) % PEERS];
    tern_sock *s = slot();
    void *ptr[2];
    size_t lens[2];
    tern_span spans[8];
    switch (which % 12) {
    case 0: {
        tern_open o = {
            .size = sizeof o, .remote_port = q->port, .local_port = (uint16_t)(take8(&g.in) % 3 ? 0 : 5000 + q->port)};
        o.remote = q->v6 ? (tern_addr){6, {0xfd, [15] = 2}} : (tern_addr){4, {10, 0, 0, 2}};
        tern_sock fresh;
        if (tern_connect(g.stack, &o, &fresh) == TERN_OK) *s = fresh;
        break;
    }
    case 1: {
        tern_listen_config l = {
            .size = sizeof l, .port = MY_PORT, .backlog = take8(&g.in) % 4, .flags = take8(&g.in) % 8 ? 0 : 2};
        tern_listen(g.stack, &l, &g.listener);
        break;
    }
    case 2: tern_accept(g.stack, g.listener, s, NULL); break;
    case 3: tern_write(g.stack, *s, bytes, take16(&g.in)); break;
    case 4: tern_read(g.stack, *s, bytes, take16(&g.in)); break;
    case 5: tern_shutdown(g.stack, *s); break;
    case 6: tern_close(g.stack, take8(&g.in) % 16 ? *s : g.listener); break;
    case 7: tern_abort(g.stack, *s); break;
    case 8: tern_set(g.stack, *s, (enum tern_option)(take8(&g.in) % 20), (int16_t)take16(&g.in)); break;
    case 9:
        if (tern_write_reserve(g.stack, *s, take16(&g.in), ptr, lens) == TERN_OK)
            tern_write_commit(g.stack, *s, take8(&g.in));
        break;
    case 10:
        if (tern_read_borrow(g.stack, *s, spans, 8) > 0) tern_read_release(g.stack, *s, take8(&g.in));
        break;
    default:
        if (take8(&g.in) & 1)
            tern_write_urgent(g.stack, *s, bytes, take8(&g.in));
        else if (tern_held(g.stack, g.listener, s, NULL) == TERN_OK)
            (void)(take8(&g.in) & 1 ? tern_hold_accept(g.stack, *s) : tern_hold_refuse(g.stack, *s, true));
        break;
    }
}

static void raw(void) {
    size_t len;
    uint8_t *p = take_bytes(&g.in, take8(&g.in), &len);
    tern_packet k = {.data = p, .len = (uint32_t)len, .flags = TERN_PKT_CSUM_OK};
    tern_input(g.stack, 0, &k, 1, g.now);
    free(p);
}

static void turn(void) {
    uint8_t op = take8(&g.in);
    switch (op % 8) {
    case 0:
    case 1:
    case 2: segment(); break;
    case 3:
    case 4: user_call(op >> 4); break;
    case 5: g.now += (uint64_t)take16(&g.in) * (op & 0x80 ? 1000 : 1) * MS_NS; break;
    case 6: op & 0x40 ? raw() : icmp_error(); break;
    default: g.heap.fail_in = take8(&g.in); break;
    }
    settle();
}

static bool start(void) {
    tern_config c;
    memset(&g, 0, offsetof(struct rig, in));
    g.now = SEC_NS;
    tern_config_default(&c);
    c.allocator = (tern_allocator){fuzz_alloc, fuzz_release, &g.heap};
    memset(c.entropy, 7, sizeof c.entropy);
    c.autoconf = c.dad = 0;
    uint8_t how = take8(&g.in);
    if (how & 1) c.half_open_max = 1;
    if (how & 2) c.memory_max = 400000;
    if (how & 4) c.sack = 0;
    if (how & 8) c.fast_open = 3;
    if (how & 16) c.receive_buffer = c.send_buffer = 4096;
    if (how & 32) c.ecn = 1;
    c.congestion = how >> 6 == 3 ? 1 : how >> 6;
    if (tern_new(&c, g.now, &g.stack) != TERN_OK) return false;
    tern_iface_config iface = {.size = sizeof iface, .link = TERN_LINK_IP, .mtu = 1500};
    tern_addr four = {4, {10, 0, 0, 1}}, six = {6, {0xfd, [15] = 1}};
    require(tern_iface_add(g.stack, &iface) == 0 && tern_addr_add(g.stack, 0, &four, 24) == TERN_OK);
    require(tern_addr_add(g.stack, 0, &six, 64) == TERN_OK);
    for (unsigned i = 0; i < PEERS; i++)
        g.peer[i] = (struct peer){.v6 = i & 1, .port = (uint16_t)(PEER_PORT + i), .nxt = 1000 * i - 500, .una = 1};
    tern_listen_config l = {.size = sizeof l, .port = MY_PORT, .backlog = 3};
    return tern_listen(g.stack, &l, &g.listener) == TERN_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    g.in = (struct input){data, data + size};
    if (start()) {
        for (unsigned i = 0; i < STEPS && input_left(&g.in); i++) turn();
        g.heap.fail_in = 0;
        for (unsigned i = 0; i < SOCKS; i++) tern_close(g.stack, g.sock[i]);
        settle();
    }
    if (g.stack) tern_free(g.stack);
    require(g.heap.live == 0);
    return 0;
}
