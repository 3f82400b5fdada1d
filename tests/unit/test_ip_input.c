/* test_ip_input.c - what comes up from the link: lengths, checksums, addresses, options, extension headers, tokens. From
 * RFC 791, 1122 3.2, 8200 and the list of known faults of other stacks. ICMP is test_ip_icmp.c's. */
#include "ip_fixture.h"

static packet k;

/* ---- IPv4 ---- */

static void test_tcp_reaches_transport(void **state) {
    (void)state;
    host_tun();
    for (int turn = 0; turn < 2; turn++) { /* the second takes the short way */
        make_tcp(&k, "10.9.0.1", "10.9.0.2", 100);
        k.b[1] = 0x2c;
        k.b[8] = 61;
        fix_ip4(k.b);
        feed(k.b, k.len);
        assert_int_equal(tcp_seen.segments, turn + 1);
        assert_int_equal(tcp_seen.len, 120);
        assert_memory_equal(tcp_seen.data, k.b + 20, 120);
        ip_addr src = ip("10.9.0.1"), dst = ip("10.9.0.2");
        assert_true(ip_eq(&tcp_seen.info.src, &src) && ip_eq(&tcp_seen.info.dst, &dst));
        assert_int_equal(tcp_seen.info.tos, 0x2c);
        assert_int_equal(tcp_seen.info.ttl, 61);
        assert_false(tcp_seen.info.to_many || tcp_seen.info.csum_ok);
    }
    for (int turn = 0; turn < 2; turn++) {
        make_tcp(&k, "fd09::1", "fd09::2", 100);
        k.b[0] = 0x62;
        k.b[1] = 0xc0;
        feed(k.b, k.len);
        assert_int_equal(tcp_seen.segments, turn + 3);
        assert_int_equal(tcp_seen.len, 120);
        assert_int_equal(tcp_seen.info.tos, 0x2c);
        assert_int_equal(tcp_seen.info.ttl, 64);
        ip_addr src = ip("fd09::1");
        assert_true(ip_eq(&tcp_seen.info.src, &src));
    }
    host_free();
}

/* A1: lengths that lie. */
static void test_ip4_lengths(void **state) {
    (void)state;
    for (int warm = 0; warm < 2; warm++) {
        host_tun();
        make_tcp(&k, "10.9.0.1", "10.9.0.2", 40);
        if (warm) feed(k.b, k.len);
        tcp_seen.segments = 0;
        for (unsigned ihl = 0; ihl < 16; ihl++) {
            for (unsigned total = 0; total <= 120; total++) {
                make_tcp(&k, "10.9.0.1", "10.9.0.2", 40);
                k.b[0] = (uint8_t)(0x40 | ihl);
                store16(k.b + 2, (uint16_t)total);
                if (ihl * 4 <= k.len) fix_ip4(k.b);
                bool good = ihl == 5 && total >= 20 && total <= 80;
                if (good && total < 40) continue; /* TCP's to judge */
                feed(k.b, 80);
                if (ihl > 5 && ihl * 4 <= total && total <= 80) { /* TCP's ports as options: maybe, maybe not */
                    tcp_seen.segments = 0;
                    continue;
                }
                assert_int_equal(tcp_seen.segments, good);
                if (good) assert_int_equal(tcp_seen.len, total - 20); /* what trails never gets up */
                tcp_seen.segments = 0;
            }
        }
        take_all();
        host_free();
    }
}

static void test_every_truncation(void **state) {
    (void)state;
    host_tun();
    static const char *const pair[2][2] = {{"10.9.0.1", "10.9.0.2"}, {"fd09::1", "fd09::2"}};
    for (int family = 0; family < 2; family++) {
        for (int kind = 0; kind < 2; kind++) {
            if (kind)
                make_echo(&k, pair[family][0], pair[family][1], family ? ICMP6_ECHO : ICMP4_ECHO, 1, 1, 30);
            else
                make_tcp(&k, pair[family][0], pair[family][1], 30);
            uint64_t before = reason(R_IP_MALFORMED);
            for (size_t len = 0; len < k.len; len++) feed(k.b, len);
            assert_int_equal(reason(R_IP_MALFORMED) - before, k.len);
            assert_int_equal(tcp_seen.segments, 0);
            assert_false(take());
            feed(k.b, k.len);
            assert_true(kind ? take() : tcp_seen.segments == 1);
            tcp_seen.segments = 0;
            if (!kind) { /* now the same pair is known to the short way */
                for (size_t len = 0; len < k.len; len++) feed(k.b, len);
                assert_int_equal(tcp_seen.segments, 0);
            }
        }
    }
    host_free();
}

static void test_version(void **state) {
    (void)state;
    host_tun();
    for (unsigned v = 0; v < 16; v++) {
        if (v == 4) continue;
        make_tcp(&k, "10.9.0.1", "10.9.0.2", 0);
        k.b[0] = (uint8_t)(v << 4 | 5);
        fix_ip4(k.b);
        feed(k.b, k.len);
    }
    assert_int_equal(reason(R_IP_MALFORMED), 15);
    assert_int_equal(tcp_seen.segments, 0);
    for (unsigned first = 0; first < 256; first++) { /* the same where segments of that pair have just come */
        for (unsigned turn = 0; turn < 2; turn++) {
            make_tcp(&k, "10.9.0.1", "10.9.0.2", 0);
            feed(k.b, k.len);
        }
        assert_int_equal(tcp_seen.segments, 2);
        tcp_seen.segments = 0;
        k.b[0] = (uint8_t)first;
        put_sum(k.b + 10, 0);
        put_sum(k.b + 10, sum_of(k.b, 20, 0)); /* right for a header of 20 bytes */
        feed(k.b, k.len);
        assert_int_equal(tcp_seen.segments, first == 0x45);
        tcp_seen.segments = 0;
    }
    take_all();
    host_free();
}

static void test_header_checksum(void **state) {
    (void)state;
    host_tun();
    make_tcp(&k, "10.9.0.1", "10.9.0.2", 0);
    feed(k.b, k.len);
    tcp_seen.segments = 0;
    for (unsigned i = 0; i < 12 * 8; i++) {
        make_tcp(&k, "10.9.0.1", "10.9.0.2", 0);
        if (i / 8 == 0 || i / 8 == 2 || i / 8 == 3) continue; /* version and lengths are found first */
        k.b[i / 8] ^= (uint8_t)(1u << (i % 8));
        expect_silence(R_IP_CHECKSUM, (feed(k.b, k.len), reason(R_IP_CHECKSUM) - 1));
    }
    assert_int_equal(reason(R_IP_CHECKSUM), 9 * 8);
    host_free();
}

static void test_addresses(void **state) {
    (void)state;
    static const char *const bad_source[] = {"0.0.0.0",    "127.0.0.1", "224.0.0.1", "255.255.255.255",
                                             "10.9.0.255", "240.0.0.1", "10.9.0.2"};
    static const char *const not_ours[] = {"10.9.0.3", "0.0.0.0", "127.0.0.1", "224.0.0.5", "240.0.0.1", "8.8.8.8"};
    static const char *const bad_source6[] = {"::", "::1", "ff02::1", "fd09::2", "::ffff:10.9.0.1"};
    static const char *const not_ours6[] = {"fd09::3", "::", "::1", "ff02::2", "ff02::1:ff00:3", "::ffff:10.9.0.2"};
    host_tun();
    for (int warm = 0; warm < 2; warm++) {
        for (unsigned i = 0; i < ARRAY_LEN(bad_source); i++) {
            make_tcp(&k, "10.9.0.1", "10.9.0.2", 0);
            ip_addr a = ip(bad_source[i]);
            memcpy(k.b + 12, a.b + 12, 4);
            fix_ip4(k.b);
            feed(k.b, k.len);
            expect_silence(R_IP_BAD_SOURCE, reason(R_IP_BAD_SOURCE) - 1);
        }
        for (unsigned i = 0; i < ARRAY_LEN(not_ours); i++) {
            make_tcp(&k, "10.9.0.1", not_ours[i], 0);
            feed(k.b, k.len);
        }
        for (unsigned i = 0; i < ARRAY_LEN(bad_source6); i++) {
            make_tcp(&k, "fd09::1", "fd09::2", 0);
            ip_addr a = ip(bad_source6[i]);
            memcpy(k.b + 8, a.b, 16);
            feed(k.b, k.len);
        }
        for (unsigned i = 0; i < ARRAY_LEN(not_ours6); i++) {
            make_tcp(&k, "fd09::1", "fd09::2", 0);
            ip_addr a = ip(not_ours6[i]);
            memcpy(k.b + 24, a.b, 16);
            feed(k.b, k.len);
        }
        assert_int_equal(tcp_seen.segments, 0);
        assert_false(take());
        assert_int_equal(reason(R_IP_BAD_SOURCE), (warm + 1) * (ARRAY_LEN(bad_source) + ARRAY_LEN(bad_source6)));
        assert_int_equal(reason(R_IP_NOT_OURS), (warm + 1) * (ARRAY_LEN(not_ours) + ARRAY_LEN(not_ours6)));
        make_tcp(&k, "10.9.0.1", "10.9.0.2", 0);
        feed(k.b, k.len);
        assert_int_equal(tcp_seen.segments, 1);
        tcp_seen.segments = 0;
    }
    host_free();
}

/* IPv4 addresses in IPv6 clothes are nobody's, also right after the same pair came in IPv4 [RFC4291 2.5.5.2]. */
static void test_mapped(void **state) {
    (void)state;
    host_tun();
    make_tcp(&k, "10.9.0.1", "10.9.0.2", 0);
    feed(k.b, k.len);
    assert_int_equal(tcp_seen.segments, 1);
    make_tcp(&k, "fd09::1", "fd09::2", 0);
    ip_addr src = ip("10.9.0.1"), dst = ip("10.9.0.2");
    memcpy(k.b + 8, src.b, 16);
    memcpy(k.b + 24, dst.b, 16);
    feed(k.b, k.len);
    assert_int_equal(tcp_seen.segments, 1);
    assert_int_equal(reason(R_IP_NOT_OURS), 1);
    memset(k.b + 8, 0, 32); /* nor is nobody somebody */
    feed(k.b, k.len);
    assert_int_equal(tcp_seen.segments, 1);
    host_free();
    host_tun(); /* the same before anything else came */
    feed(k.b, k.len);
    assert_int_equal(tcp_seen.segments, 0);
    host_free();
}

/* Broadcast and group packets reach TCP marked, so that it can refuse them. */
static void test_to_many(void **state) {
    (void)state;
    static const char *const many[] = {"255.255.255.255", "10.9.0.255", "224.0.0.1"};
    host_tun();
    for (unsigned i = 0; i < 2 * ARRAY_LEN(many); i++) { /* each twice: the second time its addresses are known */
        make_tcp(&k, "10.9.0.1", many[i / 2], 0);
        feed(k.b, k.len);
        assert_int_equal(tcp_seen.segments, i + 1);
        assert_true(tcp_seen.info.to_many);
    }
    make_tcp(&k, "fd09::1", "ff02::1", 0);
    for (unsigned i = 0; i < 2; i++) {
        feed(k.b, k.len);
        assert_true(tcp_seen.segments == 7 + i && tcp_seen.info.to_many);
    }
    host_free();
}

/* [RFC4007 5, 9] A link-local address is one of its own link: others do not reach it by another one. What we say to ourselves
 * comes in where our packets to ourselves do. */
static void test_link_local_elsewhere(void **state) {
    (void)state;
    host_new();
    for (int i = 0; i < 2; i++) assert_int_equal(iface_add(TERN_LINK_IP, 0, 1500), i);
    assert_int_equal(iface_add(TERN_LINK_LOOPBACK, 0, 1500), 2);
    give(0, "fe80::2", 64);
    give(1, "fe80::3", 64);
    give(1, "fd09::2", 64);
    give(1, "169.254.0.2", 16);
    static const char *const to[] = {"fe80::2", "fe80::3", "fd09::2", "169.254.0.2"};
    for (int i = 0; i < 2; i++)
        for (unsigned d = 0; d < ARRAY_LEN(to); d++)
            for (int again = 0; again < 2; again++) { /* also behind one that is known */
                make_tcp(&k, d == 3 ? "169.254.0.9" : "fe80::9", to[d], 10);
                uint64_t segments = tcp_seen.segments, refused = reason(R_IP_NOT_OURS);
                feed_with(i, k.b, k.len, 0, NULL);
                bool here = d == 2 || d == 3 || (d == 0 ? 0 : 1) == i; /* IPv4 knows no such rule */
                assert_int_equal(tcp_seen.segments, segments + here);
                assert_int_equal(reason(R_IP_NOT_OURS), refused + !here);
            }
    make_tcp(&k, "fe80::2", "fe80::2", 10);
    uint64_t segments = tcp_seen.segments;
    feed_with(2, k.b, k.len, 0, NULL);
    assert_int_equal(tcp_seen.segments, segments + 1);
    host_free();
}

static void test_removed_address(void **state) {
    (void)state;
    host_tun();
    make_tcp(&k, "10.9.0.1", "10.9.0.2", 0);
    feed(k.b, k.len);
    tern_addr a = addr("10.9.0.2");
    assert_int_equal(tern_addr_remove(host.t, 0, &a), TERN_OK);
    feed(k.b, k.len);
    assert_int_equal(tcp_seen.segments, 1);
    assert_int_equal(give(0, "10.9.0.1", 24), TERN_OK); /* the former peer's address becomes ours */
    assert_int_equal(give(0, "10.9.0.2", 24), TERN_OK);
    feed(k.b, k.len);
    assert_int_equal(tcp_seen.segments, 1);
    assert_int_equal(reason(R_IP_BAD_SOURCE), 1);
    host_free();
}

static void test_any_local(void **state) {
    (void)state;
    host_new();
    iface_add(TERN_LINK_IP, TERN_IFACE_ANY_LOCAL, 1500);
    give(0, "10.9.0.2", 24);
    make_tcp(&k, "10.9.0.1", "93.184.216.34", 0);
    feed(k.b, k.len);
    make_tcp(&k, "fd09::1", "2001:db8::5", 0);
    feed(k.b, k.len);
    assert_int_equal(tcp_seen.segments, 2);
    assert_true(ip_any_local(host.s));
    make_tcp(&k, "10.9.0.1", "127.0.0.1", 0);
    feed(k.b, k.len);
    make_tcp(&k, "10.9.0.1", "239.1.1.1", 0);
    feed(k.b, k.len);
    assert_int_equal(tcp_seen.segments, 2);
    host_free();
}

static void add_options(packet *p, const uint8_t *options, size_t len) {
    memmove(p->b + 20 + len, p->b + 20, p->len - 20);
    memcpy(p->b + 20, options, len);
    p->len += len;
    p->b[0] = (uint8_t)(0x40 | (5 + len / 4));
    store16(p->b + 2, (uint16_t)p->len);
    fix_ip4(p->b);
}

/* [MUST-50] and source routes, which are refused [MUST-53] */
static void test_options(void **state) {
    (void)state;
    host_tun();
    static const uint8_t unknown[8] = {0x5e, 6, 1, 2, 3, 4, 1, 0}; /* not known: passed over */
    make_tcp(&k, "10.9.0.1", "10.9.0.2", 10);
    add_options(&k, unknown, 8);
    feed(k.b, k.len);
    assert_int_equal(tcp_seen.segments, 1);
    assert_int_equal(tcp_seen.len, 30);
    tcp_seen.segments = 0;
    for (int strict = 0; strict < 2; strict++) {
        const uint8_t route[8] = {1, (uint8_t)(strict ? 0x89 : 0x83), 7, 8, 10, 9, 0, 2};
        make_tcp(&k, "10.9.0.1", "10.9.0.2", 10);
        add_options(&k, route, 8);
        feed(k.b, k.len);
        expect_silence(R_IP_OPTION, (uint64_t)strict);
    }
    for (unsigned len = 0; len < 256; len++) { /* any length that does not add up */
        const uint8_t option[4] = {0x44, (uint8_t)len, 0, 0};
        make_tcp(&k, "10.9.0.1", "10.9.0.2", 10);
        add_options(&k, option, 4);
        feed(k.b, k.len);
    }
    assert_int_equal(tcp_seen.segments, 3); /* lengths 2, 3 and 4 */
    host_free();
}

/* A14: nothing is taken out of tunnels; the sender is told once in a while. */
static void test_unknown_protocol(void **state) {
    (void)state;
    host_tun();
    static const uint8_t protocols[] = {4, 41, 47, 132, 0, 255, IP_PROTO_ICMP6};
    static packet inner[2]; /* whole packets to us, which would be taken if they were looked at */
    make_tcp(&inner[0], "10.9.0.1", "10.9.0.2", 10);
    make_tcp(&inner[1], "fd09::1", "fd09::2", 10);
    for (unsigned i = 0; i < sizeof protocols; i++) {
        uint8_t body[4 + 70] = {0, 0, (uint8_t)(protocols[i] == 47 ? 8 : 0)}; /* GRE has a header before it */
        const packet *in = &inner[protocols[i] == 41];
        size_t before = protocols[i] == 47 ? 4 : 0;
        memcpy(body + before, in->b, in->len);
        make_packet(&k, "10.9.0.1", "10.9.0.2", protocols[i], body, before + in->len, -1, 64);
        feed(k.b, k.len);
        assert_int_equal(tcp_seen.segments, 0);
        assert_true(take());
        check_out(0);
        assert_true(bytes_are(host.out + 12, "10.9.0.2") && bytes_are(host.out + 16, "10.9.0.1"));
        assert_int_equal(host.out[20], 3);
        assert_int_equal(host.out[21], 2);
        assert_int_equal(host.out_len, 28 + k.len);
        assert_memory_equal(host.out + 28, k.b, k.len);
    }
    make_packet(&k, "10.9.0.1", "10.9.0.2", 47, "12345678", 8, -1, 64);
    feed(k.b, k.len + 30); /* what trails is not quoted */
    assert_true(take());
    assert_int_equal(host.out_len, 28 + k.len);
    for (int family = 0; family < 2; family++) { /* the same in IPv6 */
        make_packet(&k, "fd09::1", "fd09::2", family ? 41 : 4, inner[family].b, inner[family].len, -1, 64);
        feed(k.b, k.len);
        assert_true(take());
        assert_true(host.out[40] == 4 && host.out[41] == 1 && tcp_seen.segments == 0);
    }
    make_packet(&k, "fd09::1", "fd09::2", 47, "12345678", 8, -1, 64);
    feed(k.b, k.len + 30);
    assert_true(take());
    assert_int_equal(host.out_len, 48 + k.len);
    check_out(0);
    assert_int_equal(host.out[40], 4);
    assert_int_equal(host.out[41], 1);
    assert_int_equal(load32(host.out + 44), 6);
    static const uint8_t chained[] = {47, 0, 1, 4, 0, 0, 0, 0, 1, 2, 3, 4};
    make_packet(&k, "fd09::1", "fd09::2", IP_PROTO_DSTOPTS, chained, sizeof chained, -1, 64);
    feed(k.b, k.len);
    assert_true(take());
    assert_int_equal(load32(host.out + 44), 40);                                 /* the byte that says 47 */
    make_packet(&k, "fd09::1", "fd09::2", IP_PROTO_DSTOPTS, chained, 8, -1, 64); /* and nothing of it */
    feed(k.b, k.len);
    assert_true(take());
    assert_int_equal(load32(host.out + 44), 40);
    make_packet(&k, "fd09::1", "fd09::2", IP_PROTO_NONE, "", 0, -1, 64);
    feed(k.b, k.len);
    assert_false(take());
    host_free();
}

static void test_udp(void **state) {
    (void)state;
    host_tun();
    uint8_t l4[12] = {0, 1, 0, 2, 0, 12};
    make_packet(&k, "10.9.0.1", "10.9.0.2", IP_PROTO_UDP, l4, 12, 6, 64);
    feed(k.b, k.len);
    assert_true(take());
    assert_true(host.out[20] == 3 && host.out[21] == 3);
    k.b[26] ^= 1; /* its checksum is wrong now */
    feed(k.b, k.len);
    assert_false(take());
    make_packet(&k, "fd09::1", "fd09::2", IP_PROTO_UDP, l4, 12, 6, 64);
    feed(k.b, k.len);
    assert_true(take());
    check_out(0);
    assert_true(host.out[40] == 1 && host.out[41] == 4);
    host_free();
}

/* ---- extension headers ---- */

static size_t chain_packet(const uint8_t *headers, size_t len, uint8_t first) {
    uint8_t l4[1400] = {0};
    memcpy(l4, headers, len);
    store16(l4 + len, 4000);
    store16(l4 + len + 2, 80);
    l4[len + 12] = 0x50;
    make_packet(&k, "fd09::1", "fd09::2", first, l4, len + 20, -1, 64);
    return k.len;
}

/* A10: up to eight headers are walked, and every length byte is safe. */
static void test_extension_chains(void **state) {
    (void)state;
    host_tun();
    uint8_t h[1200];
    for (unsigned n = 0; n <= 150; n++) {
        memset(h, 0, sizeof h);
        for (unsigned i = 0; i < n; i++) {
            h[8 * i] = i + 1 < n ? IP_PROTO_DSTOPTS : IP_PROTO_TCP;
            h[8 * i + 2] = 1;
            h[8 * i + 3] = 4;
        }
        unsigned before = tcp_seen.segments;
        feed(k.b, chain_packet(h, 8u * n, n ? IP_PROTO_DSTOPTS : IP_PROTO_TCP));
        assert_int_equal(tcp_seen.segments - before, n <= 8);
    }
    take_all();
    tcp_seen.segments = 0;
    for (unsigned len = 0; len < 256; len++) {
        for (unsigned option = 0; option < 256; option++) { /* a padding option: its length must stay inside */
            uint8_t one[8] = {IP_PROTO_TCP, (uint8_t)len, 1, (uint8_t)option};
            feed(k.b, chain_packet(one, 8, IP_PROTO_DSTOPTS));
            if (len == 0) assert_int_equal(tcp_seen.segments, option <= 4); /* behind it: Pad1s */
            if (tcp_seen.segments) assert_int_equal(tcp_seen.len, 20 - 8 * len);
            if (len < 3) take_all(); /* TCP's bytes as options may ask for an answer */
            tcp_seen.segments = 0;
        }
    }
    assert_false(take());
    pass_ms(2000);
    const uint8_t refused[8] = {IP_PROTO_TCP, 0, 0xbe, 4}; /* each asks for an answer: they are limited */
    unsigned told = 0;
    for (unsigned i = 0; i < 1000; i++) {
        feed(k.b, chain_packet(refused, 8, IP_PROTO_DSTOPTS));
        told += take_all();
    }
    assert_in_range(told, 1, 11);
    make_echo(&k, "fd09::7", "fd09::2", ICMP6_ECHO, 1, 1, 8); /* and others are served as before */
    feed(k.b, k.len);
    assert_true(take());
    host_free();
}

static void test_extension_problems(void **state) {
    (void)state;
    host_tun();
    uint8_t routing[8] = {IP_PROTO_TCP, 0, 0, 1};
    feed(k.b, chain_packet(routing, 8, IP_PROTO_ROUTING)); /* A11, RFC 5095 */
    assert_int_equal(tcp_seen.segments, 0);
    assert_true(take());
    check_out(0);
    assert_true(host.out[40] == 4 && host.out[41] == 0);
    assert_int_equal(load32(host.out + 44), 42);
    routing[3] = 0; /* nothing left to visit: passed over */
    feed(k.b, chain_packet(routing, 8, IP_PROTO_ROUTING));
    assert_int_equal(tcp_seen.segments, 1);
    tcp_seen.segments = 0;
    for (unsigned high = 0; high < 4; high++) { /* RFC 8200 4.2: what an unknown option asks for */
        const uint8_t options[8] = {IP_PROTO_TCP, 0, (uint8_t)(high << 6 | 0x1e), 4};
        feed(k.b, chain_packet(options, 8, IP_PROTO_DSTOPTS));
        assert_int_equal(tcp_seen.segments, 1);
        assert_int_equal(take(), high >= 2);
        if (high >= 2) assert_true(host.out[41] == 2 && load32(host.out + 44) == 42);
    }
    for (unsigned high = 2; high < 4; high++) { /* to a group: only the first of the two may be answered */
        const uint8_t options[8] = {IP_PROTO_TCP, 0, (uint8_t)(high << 6 | 0x1e), 4};
        chain_packet(options, 8, IP_PROTO_DSTOPTS);
        ip_addr group = ip("ff02::1");
        memcpy(k.b + 24, group.b, 16);
        feed(k.b, k.len);
        assert_int_equal(take(), high == 2);
    }
    const uint8_t late[16] = {IP_PROTO_HOPOPTS, 0, 1, 4, 0, 0, 0, 0, IP_PROTO_TCP, 0, 1, 4};
    feed(k.b, chain_packet(late, 16, IP_PROTO_DSTOPTS)); /* hop-by-hop options anywhere but first */
    assert_true(take());
    assert_true(host.out[41] == 1 && load32(host.out + 44) == 40);
    host_free();
}

/* ---- the short way ---- */

/* After segments of one connection have come, what only looks like one of them does not reach TCP. */
static void test_near_misses(void **state) {
    (void)state;
    host_tun();
    for (int v6 = 0; v6 < 2; v6++) {
        const char *from = v6 ? "fd09::1" : "10.9.0.1", *to = v6 ? "fd09::2" : "10.9.0.2";
        for (unsigned how = 0; how < 8; how++) {
            for (unsigned turn = 0; turn < 2; turn++) {
                make_tcp(&k, from, to, 4);
                tcp_seen.segments = 0;
                feed(k.b, k.len);
                assert_int_equal(tcp_seen.segments, 1);
            }
            tcp_seen.segments = 0;
            switch (how) {
            case 0: k.b[0] = (uint8_t)(k.b[0] ^ 0x20); break; /* the version */
            case 1: k.b[v6 ? 6 : 9] = 47; break;              /* the protocol */
            case 2: k.len -= 5; break;                        /* cut */
            case 3:
                k.b[v6 ? 7 : 8] = 0;
                k.b[v6 ? 6 : 9] = 0xfd;
                break;                                        /* experimental */
            case 4: store16(k.b + (v6 ? 4 : 2), 2000); break; /* longer than it is */
            case 5: k.b[v6 ? 24 : 16] ^= 0x40; break;         /* to another host */
            case 6: k.len = v6 ? 39 : 19; break;
            case 7: k.len = 1; break;
            }
            if (!v6 && how != 2 && how < 6) fix_ip4(k.b);
            feed(k.b, k.len);
            assert_int_equal(tcp_seen.segments, 0);
            take_all();
            pass_ms(1000);
        }
    }
    make_tcp(&k, "10.9.0.1", "10.9.0.2", 4);
    feed(k.b, k.len);
    tcp_seen.segments = 0;
    k.b[10] ^= 1; /* the header's checksum */
    feed(k.b, k.len);
    k.b[10] ^= 1;
    for (unsigned bit = 0; bit < 14; bit++) { /* a fragment */
        store16(k.b + 6, (uint16_t)(1u << bit));
        fix_ip4(k.b);
        feed(k.b, k.len);
    }
    assert_int_equal(tcp_seen.segments, 0);
    host_free();
}

/* What a packet led to: what TCP got, and what was counted. */
struct outcome {
    unsigned segments, answers;
    struct ip_info info;
    size_t len;
    uint64_t reasons[REASONS];
};

static struct outcome outcome_of(const packet *p, const packet *before) {
    struct outcome o = {0};
    pass_ms(1000); /* answers are no rarer the second time */
    feed(before->b, before->len);
    take_all();
    tcp_seen.segments = 0;
    memset(&tcp_seen.info, 0, sizeof tcp_seen.info);
    for (unsigned i = 0; i < REASONS; i++) o.reasons[i] = reason(i);
    feed(p->b, p->len);
    for (unsigned i = 0; i < REASONS; i++) o.reasons[i] = reason(i) - o.reasons[i];
    o.segments = tcp_seen.segments;
    if (o.segments) {
        o.info = tcp_seen.info;
        o.info.token_kept = NULL;
        o.len = tcp_seen.len;
    }
    o.answers = take_all();
    return o;
}

static void same_either_way(const packet *p, const packet *alike, const packet *other) {
    struct outcome quick = outcome_of(p, alike), plain = outcome_of(p, other);
    assert_int_equal(quick.segments, plain.segments);
    assert_int_equal(quick.answers, plain.answers);
    assert_int_equal(quick.len, plain.len);
    assert_true(ip_eq(&quick.info.src, &plain.info.src) && ip_eq(&quick.info.dst, &plain.info.dst));
    assert_true(quick.info.tos == plain.info.tos && quick.info.ttl == plain.info.ttl);
    assert_true(quick.info.to_many == plain.info.to_many && quick.info.csum_ok == plain.info.csum_ok);
    assert_memory_equal(quick.reasons, plain.reasons, sizeof quick.reasons);
}

/* Whatever byte of the header is another one, with the checksum made right or not, and wherever the packet is cut: it makes
 * no difference whether the packet before it was of the same two hosts. */
static void test_one_way_or_the_other(void **state) {
    (void)state;
    static packet alike, other, p;
    host_tun();
    for (int v6 = 0; v6 < 2; v6++) {
        size_t head = v6 ? 40 : 20;
        make_tcp(&alike, v6 ? "fd09::1" : "10.9.0.1", v6 ? "fd09::2" : "10.9.0.2", 4);
        make_tcp(&other, v6 ? "fd09::7" : "10.9.0.7", v6 ? "fd09::2" : "10.9.0.2", 4);
        for (unsigned at = 0; at < head; at++)
            for (unsigned bit = 0; bit < 16; bit++) {
                p = alike;
                p.b[at] = (uint8_t)(p.b[at] ^ 1u << bit % 8);
                if (!v6 && bit < 8 && (p.b[0] & 15) <= 11) fix_ip4(p.b);
                same_either_way(&p, &alike, &other);
            }
        for (size_t len = 1; len < alike.len; len++) {
            p = alike;
            p.len = len;
            same_either_way(&p, &alike, &other);
            store16(p.b + (v6 ? 4 : 2), (uint16_t)(len - (v6 ? min_size(len, 40) : 0))); /* and it says so */
            if (!v6) fix_ip4(p.b);
            same_either_way(&p, &alike, &other);
        }
        for (unsigned bit = 4; v6 && bit < 8; bit++) { /* another version, and the right one in the next byte */
            p = alike;
            p.b[0] = (uint8_t)(p.b[0] ^ 1u << bit);
            p.b[1] = 0x60;
            same_either_way(&p, &alike, &other);
        }
        p = alike;
        memset(p.b + alike.len, 0x55, 30); /* padding behind it */
        p.len += 30;
        same_either_way(&p, &alike, &other);
    }
    host_free();
}

/* ---- the trace ---- */

static tern_trace dropped;
static unsigned drops;

static void hear_drop(void *ctx, const tern_trace *r) {
    (void)ctx;
    dropped = *r;
    drops++;
}

static void drop_is_told(enum reason r, int iface, const char *from, const char *to) {
    tern_addr local = to ? addr(to) : (tern_addr){0}, remote = from ? addr(from) : (tern_addr){0};
    assert_int_equal(drops, 1);
    assert_true(dropped.kind == TERN_TRACE_DROP && dropped.reason == r && dropped.iface == iface);
    assert_int_equal(dropped.time_ns, host.now);
    assert_memory_equal(&dropped.flow.local, &local, sizeof local);
    assert_memory_equal(&dropped.flow.remote, &remote, sizeof remote);
    drops = 0;
}

/* A packet that no connection owns and nobody wants is told of once: why, where it came in, from whom and to whom. */
static void test_drops_are_told(void **state) {
    (void)state;
    host_tun();
    assert_int_equal(iface_add(TERN_LINK_IP, 0, 1500), 1);
    assert_int_equal(give(1, "10.8.0.2", 24), TERN_OK);
    assert_int_equal(tern_trace_set(host.t, TERN_TRACE_DROP, hear_drop, NULL), TERN_OK);
    drops = 0;
    make_tcp(&k, "10.9.0.1", "10.9.0.3", 4);
    feed(k.b, k.len);
    drop_is_told(R_IP_NOT_OURS, 0, "10.9.0.1", "10.9.0.3");
    make_tcp(&k, "10.8.0.255", "10.8.0.2", 4);
    feed_with(1, k.b, k.len, 0, NULL);
    drop_is_told(R_IP_BAD_SOURCE, 1, "10.8.0.255", "10.8.0.2");
    make_tcp(&k, "fd09::1", "fd09::3", 4);
    feed(k.b, k.len);
    drop_is_told(R_IP_NOT_OURS, 0, "fd09::1", "fd09::3");
    make_packet(&k, "10.8.0.1", "10.8.0.2", 47, "01234567", 8, -1, 64);
    feed_with(1, k.b, k.len, 0, NULL);
    drop_is_told(R_IP_UNKNOWN_PROTOCOL, 1, "10.8.0.1", "10.8.0.2");
    k.b[10] ^= 1;
    feed_with(1, k.b, k.len, 0, NULL); /* whose it was cannot be known */
    drop_is_told(R_IP_CHECKSUM, 1, NULL, NULL);
    take_all();
    drops = 0;
    ip_addr nowhere = ip("192.0.2.1"), silent = ip("10.9.0.9");
    ip_send(host.s, NULL, &nowhere, IP_PROTO_TCP, 0, 0, "01234567890123456789", 20, 16);
    drop_is_told(R_IP_NO_ROUTE, -1, NULL, NULL);
    ip_send(host.s, NULL, &silent, IP_PROTO_TCP, 0, 0, "01234567890123456789", 20, 16);
    assert_int_equal(drops, 0);
    assert_int_equal(tern_trace_set(host.t, 0, NULL, NULL), TERN_OK);
    feed(k.b, 5);
    assert_int_equal(drops, 0);
    host_free();
}

/* ---- tokens ---- */

static void test_tokens(void **state) {
    (void)state;
    host_tun();
    enum { MANY = 1000 };
    static char marks[MANY];
    void *back[MANY];
    make_tcp(&k, "10.9.0.1", "10.9.0.2", 10);
    tcp_seen.keep = true;
    for (int i = 0; i < 40; i++) feed_with(0, k.b, k.len, 0, &marks[i]);
    for (int i = 0; i < 40; i++) ip_token_done(host.s, &marks[i]);
    assert_int_equal(tern_reclaim(host.t, back, 30), 30);
    for (int i = 0; i < MANY; i++) feed_with(0, k.b, k.len, 0, &marks[i]); /* the ring grows around what waits in it */
    assert_int_equal(tern_reclaim(host.t, back, MANY), 10);
    for (int i = 0; i < 10; i++) assert_ptr_equal(back[i], &marks[30 + i]);
    tcp_seen.keep = false;
    char other;
    feed_with(0, k.b, k.len, 0, &other);
    assert_int_equal(tern_reclaim(host.t, back, MANY), 1);
    assert_ptr_equal(back[0], &other);
    for (int i = 0; i < MANY; i++) {
        ip_token_done(host.s, &marks[i]);
        if (i == 500) assert_int_equal(tern_reclaim(host.t, back, 100), 100);
    }
    tern_event event;
    assert_int_equal(tern_poll(host.t, &event, 1), 1);
    assert_true(event.bits & TERN_EV_RECLAIM);
    assert_int_equal(tern_reclaim(host.t, back, MANY), MANY - 100);
    assert_ptr_equal(back[0], &marks[100]);
    assert_ptr_equal(back[MANY - 101], &marks[MANY - 1]);
    assert_int_equal(tern_reclaim(host.t, back, MANY), 0);
    for (int turn = 0; turn < 5; turn++) { /* small again, and goes on */
        for (int i = 0; i < 3; i++) feed_with(0, k.b, k.len, 0, &marks[i]);
        assert_int_equal(tern_reclaim(host.t, back, MANY), 3);
        for (int i = 0; i < 3; i++) assert_ptr_equal(back[i], &marks[i]);
    }
    host_free();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tcp_reaches_transport),
        cmocka_unit_test(test_ip4_lengths),
        cmocka_unit_test(test_every_truncation),
        cmocka_unit_test(test_version),
        cmocka_unit_test(test_header_checksum),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_to_many),
        cmocka_unit_test(test_mapped),
        cmocka_unit_test(test_link_local_elsewhere),
        cmocka_unit_test(test_removed_address),
        cmocka_unit_test(test_any_local),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_unknown_protocol),
        cmocka_unit_test(test_udp),
        cmocka_unit_test(test_extension_chains),
        cmocka_unit_test(test_extension_problems),
        cmocka_unit_test(test_near_misses),
        cmocka_unit_test(test_one_way_or_the_other),
        cmocka_unit_test(test_drops_are_told),
        cmocka_unit_test(test_tokens),
    };
    return cmocka_run_group_tests_name("ip_input", tests, NULL, NULL);
}
