/* ip_fixture.h - a host for the tests of ip/: the real core, a transport that only records, an allocator that can
 * fail at the n-th call, time by hand, and packets built field by field (not with the code under test, but for
 * checksums and ND bodies). */
#ifndef IP_FIXTURE_H
#define IP_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ip/internal.h"

/* ---- the transport that records ---- */

static struct {
    unsigned segments, errors, path_changes;
    struct ip_info info;
    uint8_t data[70000];
    size_t len;
    bool keep;
    struct icmp_report report;
    uint8_t l4[64];
} tcp_seen;

int tcp_init(struct stack *s) {
    (void)s;
    return TERN_OK;
}
void tcp_free(struct stack *s) { (void)s; }
void tcp_input(struct stack *s, const struct ip_info *ip, reader *r) {
    (void)s;
    tcp_seen.segments++;
    tcp_seen.info = *ip;
    tcp_seen.len = reader_left(r);
    memcpy(tcp_seen.data, r->at, tcp_seen.len);
    if (ip->token && tcp_seen.keep) *ip->token_kept = true;
}
size_t tcp_output(struct stack *s, tern_frame *frames, size_t max) {
    (void)s, (void)frames, (void)max;
    return 0;
}
bool tcp_output_waiting(const struct stack *s) {
    (void)s;
    return false;
}
void tcp_timer(struct stack *s, wheel_node *n) { (void)s, (void)n; }
void tcp_icmp_error(struct stack *s, const struct icmp_report *report) {
    (void)s;
    tcp_seen.errors++;
    tcp_seen.report = *report;
    memcpy(tcp_seen.l4, report->l4, min_size(report->l4_len, sizeof tcp_seen.l4));
}
void tcp_path_changed(struct stack *s) {
    (void)s;
    tcp_seen.path_changes++;
}
void tcp_path_returned(struct stack *s) { tcp_path_changed(s); }

/* ---- memory ---- */

static struct {
    uint64_t calls, fail_at; /* fail_at: the number of the call that fails, 0 none */
    uint64_t live;
} heap;

static void *heap_alloc(void *ctx, size_t size) {
    (void)ctx;
    if (++heap.calls == heap.fail_at) return NULL;
    void *p = malloc(size);
    assert_non_null(p);
    memset(p, 0xa5, size);
    heap.live += size;
    return p;
}
static void heap_release(void *ctx, void *p, size_t size) {
    (void)ctx;
    heap.live -= size;
    free(p);
}

/* ---- the host ---- */

static struct {
    tern_stack *t;
    struct stack *s;
    uint64_t now;
    uint8_t out[70000]; /* the last frame taken */
    size_t out_len;
} host;

#define MY_MAC ((const uint8_t[6]){2, 0, 0, 0, 0, 1})
#define PEER_MAC ((const uint8_t[6]){2, 0, 0, 0, 0, 2})
#define THIRD_MAC ((const uint8_t[6]){2, 0, 0, 0, 0, 3})
#define BROADCAST_MAC ((const uint8_t[6]){255, 255, 255, 255, 255, 255})

static tern_addr addr(const char *from) {
    ip_addr a;
    assert_true(ip_parse(from, &a));
    return addr_out(&a);
}
static ip_addr ip(const char *from) {
    ip_addr a;
    assert_true(ip_parse(from, &a));
    return a;
}

static void host_config(tern_config *c) {
    tern_config_default(c);
    c->allocator = (tern_allocator){heap_alloc, heap_release, NULL};
    memset(c->entropy, 7, sizeof c->entropy);
    c->autoconf = 0;
    c->dad = 0;
    c->mld = 0;
}

static void host_new_with(const tern_config *c) {
    memset(&tcp_seen, 0, sizeof tcp_seen);
    memset(&heap, 0, sizeof heap);
    host.now = 1000 * SEC_NS;
    assert_int_equal(tern_new(c, host.now, &host.t), TERN_OK);
    host.s = stack_of(host.t);
}
static void host_new(void) {
    tern_config c;
    host_config(&c);
    host_new_with(&c);
}
static void host_free(void) {
    tern_free(host.t);
    host.t = NULL;
    assert_int_equal(heap.live, 0);
}

static int iface_add(enum tern_link link, uint32_t flags, uint32_t mtu) {
    tern_iface_config c = {.size = sizeof c, .name = "t0", .link = link, .flags = flags, .mtu = mtu};
    if (link == TERN_LINK_ETHERNET) memcpy(c.mac, MY_MAC, 6);
    return tern_iface_add(host.t, &c);
}
static int give(int iface, const char *address, unsigned len) {
    tern_addr a = addr(address);
    return tern_addr_add(host.t, iface, &a, len);
}

/* A host on a link without frames, 10.9.0.2/24 and fd09::2/64; then also with Ethernet. */
__attribute__((unused)) static void host_tun(void) {
    host_new();
    assert_int_equal(iface_add(TERN_LINK_IP, 0, 1500), 0);
    assert_int_equal(give(0, "10.9.0.2", 24), TERN_OK);
    assert_int_equal(give(0, "fd09::2", 64), TERN_OK);
}

__attribute__((unused)) static uint64_t reason(enum reason r) { return host.s->reason_count[r]; }

/* What became of all packets so far; the reasons behind R_SEND_SYN tell why something leaves. */
static uint64_t outcomes(void) {
    uint64_t n = tcp_seen.segments;
    for (unsigned r = 0; r < R_SEND_SYN; r++) n += host.s->reason_count[r];
    return n;
}

/* The bytes lie in a block of exactly their size, so that one byte too far is seen. No packet is without an outcome. */
static void feed_with(int iface, const void *data, size_t len, uint16_t flags, void *token) {
    uint8_t *exact = malloc(len ? len : 1);
    assert_non_null(exact);
    memcpy(exact, data, len);
    tern_packet p = {.data = len ? exact : exact + 1, .len = (uint32_t)len, .flags = flags, .token = token};
    uint64_t before = outcomes();
    int err = tern_input(host.t, iface, &p, 1, host.now);
    assert_true(err || outcomes() > before);
    if (err) { /* only a lent packet may be refused, and only for want of memory: it stays its owner's */
        assert_int_equal(err, TERN_ENOMEM);
        assert_non_null(token);
    }
    free(exact);
}
__attribute__((unused)) static void feed(const void *data, size_t len) { feed_with(0, data, len, 0, NULL); }

/* The next frame in one piece; false: none. */
static bool take(void) {
    tern_frame f;
    int n = tern_output(host.t, &f, 1, host.now);
    host.out_len = 0;
    if (n == 0) return false;
    assert_int_equal(n, 1);
    host.out_len = tern_frame_copy(&f, host.out, sizeof host.out);
    assert_int_equal(host.out_len, f.len);
    return true;
}
__attribute__((unused)) static unsigned take_all(void) {
    unsigned n = 0;
    while (take()) n++;
    return n;
}

/* Lets time pass, timer by timer. */
static void pass_ns(uint64_t ns) {
    uint64_t end = host.now + ns;
    for (unsigned turns = 0;; turns++) {
        assert_true(turns < 1000000);
        uint64_t due = wheel_deadline_ns(&host.s->wheel);
        if (due > end) break;
        host.now = max_u64(host.now, due);
        tern_expire(host.t, host.now);
    }
    host.now = end;
    tern_expire(host.t, host.now);
}
__attribute__((unused)) static void pass_ms(uint64_t ms) { pass_ns(ms * MS_NS); }

/* ---- packets ---- */

typedef struct packet {
    uint8_t b[70000];
    size_t len;
} packet;

static uint16_t sum_of(const void *data, size_t len, uint64_t sum) {
    return checksum_finish(checksum_plain.add(data, len, sum));
}
static void put_sum(uint8_t *at, uint16_t sum) { memcpy(at, &sum, 2); }

static void fix_ip4(uint8_t *p) {
    put_sum(p + 10, 0);
    put_sum(p + 10, sum_of(p, (p[0] & 15u) * 4u, 0));
}

static size_t ip4_start(uint8_t *p, const char *src, const char *dst, uint8_t proto, size_t payload) {
    ip_addr s = ip(src), d = ip(dst);
    memset(p, 0, 20);
    p[0] = 0x45;
    store16(p + 2, (uint16_t)(20 + payload));
    store16(p + 4, 0x1234);
    p[8] = 64;
    p[9] = proto;
    memcpy(p + 12, s.b + 12, 4);
    memcpy(p + 16, d.b + 12, 4);
    fix_ip4(p);
    return 20;
}
static size_t ip6_start(uint8_t *p, const char *src, const char *dst, uint8_t next, size_t payload, uint8_t hops) {
    ip_addr s = ip(src), d = ip(dst);
    memset(p, 0, 8);
    p[0] = 0x60;
    store16(p + 4, (uint16_t)payload);
    p[6] = next;
    p[7] = hops;
    memcpy(p + 8, s.b, 16);
    memcpy(p + 24, d.b, 16);
    return 40;
}

/* Any upper layer whose checksum lies at `sum_at` (-1: none). */
static void make_packet(packet *k, const char *src, const char *dst, uint8_t proto, const void *l4, size_t len,
                        int sum_at, uint8_t ttl) {
    ip_addr s = ip(src), d = ip(dst);
    bool v4 = ip_is_v4(&s);
    size_t at = v4 ? ip4_start(k->b, src, dst, proto, len) : ip6_start(k->b, src, dst, proto, len, ttl);
    if (v4) {
        k->b[8] = ttl;
        fix_ip4(k->b);
    }
    memcpy(k->b + at, l4, len);
    k->len = at + len;
    if (sum_at < 0) return;
    put_sum(k->b + at + sum_at, 0);
    uint64_t pseudo = proto == IP_PROTO_ICMP4 ? 0 : pseudo_sum(&s, &d, proto, (uint32_t)len);
    put_sum(k->b + at + sum_at, sum_of(k->b + at, len, pseudo));
}

__attribute__((unused)) static void make_tcp(packet *k, const char *src, const char *dst, size_t payload) {
    uint8_t l4[20 + 2000];
    memset(l4, 0, sizeof l4);
    store16(l4, 4000);
    store16(l4 + 2, 80);
    l4[12] = 0x50;
    l4[13] = TCP_ACK;
    for (size_t i = 0; i < payload; i++) l4[20 + i] = (uint8_t)i;
    make_packet(k, src, dst, IP_PROTO_TCP, l4, 20 + payload, 16, 64);
}

__attribute__((unused)) static void make_echo(packet *k, const char *src, const char *dst, uint8_t type, uint16_t id,
                                              uint16_t number, size_t payload) {
    static uint8_t l4[66000];
    memset(l4, 0, 8);
    l4[0] = type;
    store16(l4 + 4, id);
    store16(l4 + 6, number);
    for (size_t i = 0; i < payload; i++) l4[8 + i] = (uint8_t)(i * 7 + i / 256);
    ip_addr s = ip(src);
    make_packet(k, src, dst, ip_is_v4(&s) ? IP_PROTO_ICMP4 : IP_PROTO_ICMP6, l4, 8 + payload, 2, 64);
}

static void make_frame(packet *k, const uint8_t dst[6], const uint8_t src[6], uint16_t type, const void *body,
                       size_t len) {
    uint8_t copy[2048];
    assert_true(len <= sizeof copy);
    memcpy(copy, body, len);
    memcpy(k->b, dst, 6);
    memcpy(k->b + 6, src, 6);
    store16(k->b + 12, type);
    memcpy(k->b + 14, copy, len);
    k->len = 14 + len;
}

__attribute__((unused)) static void make_arp(packet *k, const uint8_t eth_dst[6], uint16_t op,
                                             const uint8_t sender_mac[6], const char *sender,
                                             const uint8_t target_mac[6], const char *target) {
    uint8_t p[28] = {0, 1, 8, 0, 6, 4};
    ip_addr s = ip(sender), t = ip(target);
    store16(p + 6, op);
    memcpy(p + 8, sender_mac, 6);
    memcpy(p + 14, s.b + 12, 4);
    memcpy(p + 18, target_mac, 6);
    memcpy(p + 24, t.b + 12, 4);
    make_frame(k, eth_dst, sender_mac, ETH_TYPE_ARP, p, sizeof p);
}

__attribute__((unused)) static void make_nd(packet *k, const uint8_t eth_dst[6], const uint8_t eth_src[6],
                                            const char *src, const char *dst, uint8_t type, const nd_message *m,
                                            uint8_t hops) {
    uint8_t l4[700];
    writer w = writer_of(l4, sizeof l4);
    nd_emit(&w, type, m);
    assert_false(w.bad);
    packet inner;
    make_packet(&inner, src, dst, IP_PROTO_ICMP6, l4, writer_len(&w), 2, hops);
    make_frame(k, eth_dst, eth_src, ETH_TYPE_IP6, inner.b, inner.len);
}

/* ---- what came out ---- */

/* Is it a whole, valid IP packet at `at`? Checks header and transport checksum of ICMP and TCP. */
__attribute__((unused)) static void check_out(size_t at) {
    const uint8_t *p = host.out + at;
    size_t len = host.out_len - at;
    if (p[0] >> 4 == 4) {
        assert_true(len >= 20);
        assert_int_equal(load16(p + 2), len);
        assert_int_equal(sum_of(p, (p[0] & 15u) * 4u, 0), 0);
        if ((load16(p + 6) & 0x3fff) == 0 && p[9] == IP_PROTO_ICMP4) assert_int_equal(sum_of(p + 20, len - 20, 0), 0);
    } else {
        assert_int_equal(p[0] >> 4, 6);
        assert_int_equal(load16(p + 4) + 40u, len);
        ip_addr s, d;
        memcpy(s.b, p + 8, 16);
        memcpy(d.b, p + 24, 16);
        if (p[6] == IP_PROTO_ICMP6)
            assert_int_equal(sum_of(p + 40, len - 40, pseudo_sum(&s, &d, IP_PROTO_ICMP6, (uint32_t)len - 40)), 0);
    }
}

__attribute__((unused)) static bool bytes_are(const uint8_t *at, const char *address) {
    ip_addr a = ip(address);
    return ip_is_v4(&a) ? memcmp(at, a.b + 12, 4) == 0 : memcmp(at, a.b, 16) == 0;
}

/* Small fast numbers for random tests; the seed is printed with a failure by the caller. */
static uint64_t chance_state = 1;
__attribute__((unused)) static uint32_t chance(uint32_t n) {
    chance_state ^= chance_state << 13;
    chance_state ^= chance_state >> 7;
    chance_state ^= chance_state << 17;
    return (uint32_t)((chance_state >> 16) % n);
}

/* Counted under this reason, of which there were `before`; nothing reaches TCP, and nothing leaves. */
__attribute__((unused)) static void expect_silence(enum reason r, uint64_t before) {
    assert_int_equal(reason(r), before + 1);
    assert_int_equal(tcp_seen.segments, 0);
    assert_false(take());
}

#endif
