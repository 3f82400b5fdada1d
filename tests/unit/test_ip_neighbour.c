/* test_ip_neighbour.c - ARP and neighbour discovery on Ethernet: frames that are for us, resolution, retries,
 * silence, ageing, limits, claims that nobody asked for. From RFC 826, 1122 2.3.2, 4861 7, 5227, 6583, 6980. */
#include "ip_fixture.h"

static packet k;

static void host_ethernet(void) {
    host_new();
    assert_int_equal(iface_add(TERN_LINK_ETHERNET, 0, 1500), 0);
    assert_int_equal(give(0, "10.9.0.2", 24), TERN_OK);
    assert_int_equal(give(0, "fd09::2", 64), TERN_OK);
    assert_int_equal(take_all(), 1); /* the announcement */
}

static struct neighbour *entry(const char *of) {
    ip_addr a = ip(of);
    return neighbour_find(host.s, 0, &a);
}
static int state_of(const char *of) {
    struct neighbour *n = entry(of);
    return n ? n->state : -1;
}
static enum ip_path_result path_to(const char *to) {
    struct ip_path path;
    ip_addr dst = ip(to);
    return ip_path_find(host.s, NULL, &dst, &path);
}

static void expect_arp(const uint8_t eth_dst[6], uint16_t op, const char *sender, const char *target) {
    assert_true(take());
    assert_int_equal(host.out_len, 42);
    assert_memory_equal(host.out, eth_dst, 6);
    assert_memory_equal(host.out + 6, MY_MAC, 6);
    assert_int_equal(load16(host.out + 12), ETH_TYPE_ARP);
    static const uint8_t fixed[6] = {0, 1, 8, 0, 6, 4};
    assert_memory_equal(host.out + 14, fixed, 6);
    assert_int_equal(load16(host.out + 20), op);
    assert_memory_equal(host.out + 22, MY_MAC, 6);
    assert_true(bytes_are(host.out + 28, sender) && bytes_are(host.out + 38, target));
}

/* An IPv6 frame with an ICMPv6 message; returns where the message starts. */
static const uint8_t *expect_nd(const uint8_t eth_dst[6], const char *src, const char *dst, uint8_t type) {
    assert_true(take());
    assert_memory_equal(host.out, eth_dst, 6);
    assert_int_equal(load16(host.out + 12), ETH_TYPE_IP6);
    check_out(14);
    assert_int_equal(host.out[14 + 7], 255);
    assert_true(bytes_are(host.out + 22, src) && bytes_are(host.out + 38, dst));
    assert_int_equal(host.out[54], type);
    return host.out + 54;
}

static void feed_arp_reply(const char *from, const uint8_t mac[6]) {
    make_arp(&k, MY_MAC, 2, mac, from, MY_MAC, "10.9.0.2");
    feed(k.b, k.len);
}
static void feed_na(const char *from, const uint8_t mac[6], bool solicited, bool override_, bool router) {
    nd_message m = {
        .target = ip(from), .solicited = solicited, .override_ = override_, .router = router, .has_lladdr = true};
    memcpy(m.lladdr, mac, 6);
    make_nd(&k, MY_MAC, mac, from, "fd09::2", ICMP6_NA, &m, 255);
    feed(k.b, k.len);
}

/* ---- frames ---- */

static void test_frames(void **state) {
    (void)state;
    host_ethernet();
    packet inner;
    make_tcp(&inner, "10.9.0.1", "10.9.0.2", 0);
    static const struct {
        uint8_t dst[6];
        bool ours, many;
    } cases[] = {{{2, 0, 0, 0, 0, 1}, true, false},         {{255, 255, 255, 255, 255, 255}, true, true},
                 {{1, 0, 0x5e, 0, 0, 1}, true, true},       {{0x33, 0x33, 0, 0, 0, 1}, true, true},
                 {{0x33, 0x33, 0xff, 0, 0, 2}, true, true}, {{0x33, 0x33, 0xff, 0, 0, 3}, false, true},
                 {{1, 0, 0x5e, 0, 0, 5}, false, true},      {{2, 0, 0, 0, 0, 9}, false, false},
                 {{3, 0, 0, 0, 0, 1}, false, true},         {{2, 0, 0, 0, 0, 0}, false, false},
                 {{0, 0, 0, 0, 0, 1}, false, false},        {{255, 255, 255, 255, 255, 254}, false, true}};
    for (int warm = 0; warm < 2; warm++) {
        for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
            tcp_seen.segments = 0;
            make_frame(&k, cases[i].dst, PEER_MAC, ETH_TYPE_IP4, inner.b, inner.len);
            feed(k.b, k.len);
            assert_int_equal(tcp_seen.segments, cases[i].ours);
            if (cases[i].ours) assert_int_equal(tcp_seen.info.to_many, cases[i].many);
        }
    }
    assert_int_equal(reason(R_LINK_NOT_OURS), 2 * 7);
    tcp_seen.segments = 0;
    for (size_t len = 0; len < 14; len++) feed(k.b, len);
    assert_int_equal(reason(R_LINK_SHORT), 14);
    make_frame(&k, MY_MAC, PEER_MAC, 0x88cc, inner.b, inner.len);
    feed(k.b, k.len);
    assert_int_equal(reason(R_LINK_UNKNOWN_TYPE), 1);
    make_frame(&k, MY_MAC, PEER_MAC, ETH_TYPE_IP6, inner.b, inner.len); /* the type says otherwise */
    feed(k.b, k.len);
    assert_int_equal(reason(R_IP_MALFORMED), 1);
    assert_int_equal(tcp_seen.segments, 0);
    make_frame(&k, MY_MAC, PEER_MAC, ETH_TYPE_IP4, inner.b, inner.len);
    memset(k.b + k.len, 0xee, 20); /* padding of short frames never gets up */
    feed(k.b, k.len + 20);
    assert_int_equal(tcp_seen.len, 20);
    uint64_t bad = reason(R_IP_MALFORMED);
    for (size_t cut = 1; cut <= 20; cut++)
        feed(k.b, k.len - cut); /* the frame's own header is not part of what it carries */
    assert_int_equal(reason(R_IP_MALFORMED) - bad, 20);
    assert_int_equal(tcp_seen.segments, 1);
    host_free();
}

static void test_vlan(void **state) {
    (void)state;
    packet inner;
    make_tcp(&inner, "10.9.0.1", "10.9.0.2", 0);
    for (uint16_t vlan = 0; vlan <= 5; vlan += 5) {
        host_new();
        tern_iface_config c = {.size = sizeof c, .link = TERN_LINK_ETHERNET, .mtu = 1500, .vlan = vlan};
        memcpy(c.mac, MY_MAC, 6);
        assert_int_equal(tern_iface_add(host.t, &c), 0);
        give(0, "10.9.0.2", 24);
        assert_true(take());
        assert_int_equal(load16(host.out + 12), vlan ? ETH_TYPE_VLAN : ETH_TYPE_ARP);
        if (vlan) assert_true(load16(host.out + 14) == 5 && load16(host.out + 16) == ETH_TYPE_ARP);
        static const int tags[] = {-1, 0, 5, 6, 0xe005};
        for (unsigned i = 0; i < ARRAY_LEN(tags); i++) {
            uint8_t body[200] = {0};
            store16(body, (uint16_t)tags[i]);
            store16(body + 2, ETH_TYPE_IP4);
            memcpy(body + 4, inner.b, inner.len);
            if (tags[i] < 0)
                make_frame(&k, MY_MAC, PEER_MAC, ETH_TYPE_IP4, inner.b, inner.len);
            else
                make_frame(&k, MY_MAC, PEER_MAC, ETH_TYPE_VLAN, body, 4 + inner.len);
            tcp_seen.segments = 0;
            feed(k.b, k.len);
            bool mine = vlan ? tags[i] >= 0 && (tags[i] & 0xfff) == 5 : tags[i] <= 0;
            assert_int_equal(tcp_seen.segments, mine);
        }
        host_free();
    }
}

/* ---- ARP ---- */

static void test_arp_answer(void **state) {
    (void)state;
    host_new();
    iface_add(TERN_LINK_ETHERNET, 0, 1500);
    give(0, "10.9.0.2", 24);
    expect_arp(BROADCAST_MAC, 1, "10.9.0.2", "10.9.0.2"); /* the announcement [RFC5227 2.3] */
    host_free();
    host_ethernet();
    make_arp(&k, BROADCAST_MAC, 1, PEER_MAC, "10.9.0.1", (const uint8_t[6]){0}, "10.9.0.2");
    feed(k.b, k.len);
    expect_arp(PEER_MAC, 2, "10.9.0.2", "10.9.0.1");
    assert_memory_equal(host.out + 32, PEER_MAC, 6);
    assert_int_equal(state_of("10.9.0.1"), -1); /* answering needs no entry */
    make_arp(&k, BROADCAST_MAC, 1, PEER_MAC, "0.0.0.0", (const uint8_t[6]){0}, "10.9.0.2"); /* a probe [RFC5227] */
    feed(k.b, k.len);
    expect_arp(PEER_MAC, 2, "10.9.0.2", "0.0.0.0");
    make_arp(&k, BROADCAST_MAC, 1, PEER_MAC, "10.9.0.1", (const uint8_t[6]){0}, "10.9.0.3");
    feed(k.b, k.len);
    assert_false(take());
    make_arp(&k, BROADCAST_MAC, 1, PEER_MAC, "10.9.0.2", (const uint8_t[6]){0}, "10.9.0.2"); /* claims our address */
    feed(k.b, k.len);
    assert_int_equal(reason(R_ARP_CONFLICT), 1);
    assert_false(take());
    make_arp(&k, BROADCAST_MAC, 1, PEER_MAC, "10.9.0.1", (const uint8_t[6]){0}, "10.9.0.2");
    size_t whole = k.len;
    for (size_t len = 14; len < whole; len++) feed(k.b, len);
    assert_int_equal(reason(R_ARP_MALFORMED), whole - 14);
    for (size_t i = 0; i < 8; i++) { /* hardware, protocol, their lengths, operation */
        packet bad = k;
        bad.b[14 + i] ^= 0x10;
        feed(bad.b, bad.len);
    }
    assert_int_equal(reason(R_ARP_MALFORMED), whole - 14 + 8);
    make_arp(&k, BROADCAST_MAC, 1, BROADCAST_MAC, "10.9.0.1", (const uint8_t[6]){0}, "10.9.0.2");
    feed(k.b, k.len);
    make_arp(&k, BROADCAST_MAC, 1, PEER_MAC, "10.9.0.255", (const uint8_t[6]){0}, "10.9.0.2");
    feed(k.b, k.len);
    assert_int_equal(reason(R_ARP_MALFORMED), whole - 14 + 10);
    assert_false(take());
    host_free();
}

static void test_arp_resolution(void **state) {
    (void)state;
    host_ethernet();
    assert_int_equal(path_to("10.9.0.1"), IP_PATH_PENDING);
    expect_arp(BROADCAST_MAC, 1, "10.9.0.2", "10.9.0.1");
    assert_int_equal(path_to("10.9.0.1"), IP_PATH_PENDING);
    assert_false(take()); /* one question is enough */
    unsigned told = tcp_seen.path_changes;
    feed_arp_reply("10.9.0.1", PEER_MAC);
    assert_int_equal(tcp_seen.path_changes, told + 1);
    struct ip_path path;
    ip_addr dst = ip("10.9.0.1");
    assert_int_equal(ip_path_find(host.s, NULL, &dst, &path), IP_PATH_OK);
    assert_int_equal(path.l2_len, 14);
    assert_memory_equal(path.l2, PEER_MAC, 6);
    assert_memory_equal(path.l2 + 6, MY_MAC, 6);
    assert_int_equal(load16(path.l2 + 12), ETH_TYPE_IP4);
    assert_true(tern_deadline(host.t) == TERN_NEVER); /* a known neighbour costs no timer */
    host_free();
}

/* Packets wait, at most three, and leave in order; the gateway is asked for what lies behind it. */
static void test_pending(void **state) {
    (void)state;
    host_ethernet();
    tern_addr everywhere = addr("0.0.0.0"), via = addr("10.9.0.9");
    assert_int_equal(tern_route_add(host.t, &everywhere, 0, 0, &via), TERN_OK);
    ip_addr dst = ip("8.8.8.8");
    for (uint8_t i = 0; i < 5; i++) ip_send(host.s, NULL, &dst, 99, 0, 0, (const uint8_t[1]){i}, 1, -1);
    expect_arp(BROADCAST_MAC, 1, "10.9.0.2", "10.9.0.9");
    assert_false(take());
    assert_int_equal(reason(R_NEIGHBOUR_LIMIT), 2);
    feed_arp_reply("10.9.0.9", PEER_MAC);
    for (uint8_t i = 2; i < 5; i++) {
        assert_true(take());
        assert_memory_equal(host.out, PEER_MAC, 6);
        assert_int_equal(load16(host.out + 12), ETH_TYPE_IP4);
        check_out(14);
        assert_true(bytes_are(host.out + 30, "8.8.8.8"));
        assert_int_equal(host.out[34], i);
    }
    assert_false(take());
    host_free();
}

/* Three questions, a second apart; then silence for a second, then anew. [RFC1122 2.3.2.1] */
static void test_silence(void **state) {
    (void)state;
    static const char *const peers[2] = {"10.9.0.1", "fd09::1"};
    for (int family = 0; family < 2; family++) {
        host_ethernet();
        const char *peer = peers[family];
        ip_addr dst = ip(peer);
        ip_send(host.s, NULL, &dst, 99, 0, 0, "x", 1, -1);
        for (int i = 0; i < 3; i++) {
            assert_int_equal(take_all(), 1);
            assert_int_equal(path_to(peer), IP_PATH_PENDING);
            pass_ms(999);
            assert_false(take());
            if (i < 2) pass_ms(1);
        }
        unsigned told = tcp_seen.path_changes;
        pass_ms(1);
        assert_int_equal(tcp_seen.path_changes, told + 1);
        assert_int_equal(reason(R_NEIGHBOUR_SILENT), 1);
        assert_int_equal(path_to(peer), IP_PATH_SILENT);
        assert_false(take());
        assert_true(tern_deadline(host.t) == TERN_NEVER);
        pass_ms(1000);
        assert_int_equal(path_to(peer), IP_PATH_PENDING);
        assert_int_equal(take_all(), 1);
        if (family)
            feed_na(peer, PEER_MAC, true, true, false);
        else
            feed_arp_reply(peer, PEER_MAC);
        assert_int_equal(path_to(peer), IP_PATH_OK);
        assert_false(take()); /* what waited was given up */
        host_free();
    }
}

/* [RFC4861 6.3.6, RFC1122 3.3.1.4] While all gateways are silent each is asked in its turn: whichever comes back first is
 * found, also when the first of them never does. */
static void test_gateways_take_turns(void **state) {
    (void)state;
    static const char *const gateways[2][3] = {{"10.9.0.91", "10.9.0.92", "10.9.0.93"},
                                               {"fd09::91", "fd09::92", "fd09::93"}};
    for (int family = 0; family < 2; family++) {
        for (unsigned alive = 0; alive < 3; alive++) {
            host_ethernet();
            const char *far = family ? "2001:db8::1" : "192.0.2.1", *const *via = gateways[family];
            tern_addr all = {.family = family ? 6 : 4};
            for (unsigned i = 0; i < 3; i++) {
                tern_addr a = addr(via[i]);
                assert_int_equal(tern_route_add(host.t, &all, 0, 0, &a), TERN_OK);
            }
            for (unsigned s = 0; s < 60; s++) { /* a long outage */
                path_to(far);
                pass_ms(500);
                take_all();
            }
            unsigned asked[3] = {0};
            for (unsigned s = 0; s < 40 && path_to(far) != IP_PATH_OK; s++) {
                for (unsigned i = 0; i < 3; i++) {
                    if (state_of(via[i]) != NEIGHBOUR_INCOMPLETE) continue;
                    asked[i]++;
                    if (i != alive) continue;
                    if (family)
                        feed_na(via[i], PEER_MAC, true, true, true);
                    else
                        feed_arp_reply(via[i], PEER_MAC);
                }
                pass_ms(500);
                take_all();
            }
            assert_int_equal(path_to(far), IP_PATH_OK);
            assert_int_equal(state_of(via[alive]), NEIGHBOUR_REACHABLE);
            assert_true(asked[alive] == 1);
            host_free();
        }
    }
}

/* REACHABLE, STALE, DELAY, PROBE [RFC4861 7.3.3], for ARP with unicast questions. */
static void test_ageing(void **state) {
    (void)state;
    static const char *const peers[2] = {"10.9.0.1", "fd09::1"};
    for (int family = 0; family < 2; family++) {
        const char *peer = peers[family];
        for (int answers = 0; answers < 2; answers++) {
            host_ethernet();
            path_to(peer);
            take_all();
            if (family)
                feed_na(peer, PEER_MAC, true, true, false);
            else
                feed_arp_reply(peer, PEER_MAC);
            pass_ms(29999);
            assert_int_equal(path_to(peer), IP_PATH_OK);
            assert_int_equal(state_of(peer), NEIGHBOUR_REACHABLE);
            pass_ms(1);
            assert_int_equal(path_to(peer), IP_PATH_OK);
            assert_int_equal(state_of(peer), NEIGHBOUR_DELAY);
            pass_ms(4999);
            assert_false(take());
            pass_ms(1);
            assert_int_equal(state_of(peer), NEIGHBOUR_PROBE);
            for (int i = 0; i < 3; i++) {
                assert_true(take());
                assert_memory_equal(host.out, PEER_MAC, 6); /* to it alone */
                assert_false(take());
                assert_int_equal(path_to(peer), IP_PATH_OK);
                if (answers) break;
                pass_ms(1000);
            }
            if (answers && family)
                feed_na(peer, PEER_MAC, true, true, false);
            else if (answers)
                feed_arp_reply(peer, PEER_MAC);
            assert_int_equal(state_of(peer), answers ? NEIGHBOUR_REACHABLE : -1);
            assert_false(take());
            assert_int_equal(path_to(peer), answers ? IP_PATH_OK : IP_PATH_PENDING);
            host_free();
        }
    }
}

/* 2.E: what nobody asked for makes no entry; claims change a resolved entry only to be verified. */
static void test_arp_unasked(void **state) {
    (void)state;
    host_ethernet();
    feed_arp_reply("10.9.0.1", PEER_MAC);
    make_arp(&k, BROADCAST_MAC, 1, PEER_MAC, "10.9.0.1", (const uint8_t[6]){0}, "10.9.0.1"); /* gratuitous */
    feed(k.b, k.len);
    make_arp(&k, BROADCAST_MAC, 2, PEER_MAC, "10.9.0.1", BROADCAST_MAC, "10.9.0.1");
    feed(k.b, k.len);
    assert_int_equal(host.s->ip.neighbours, 0);
    path_to("10.9.0.1");
    take_all();
    feed(k.b, k.len); /* INCOMPLETE: only an answer to us counts */
    make_arp(&k, BROADCAST_MAC, 1, THIRD_MAC, "10.9.0.1", (const uint8_t[6]){0}, "10.9.0.1");
    feed(k.b, k.len);
    make_arp(&k, MY_MAC, 2, THIRD_MAC, "10.9.0.1", MY_MAC, "10.9.0.77");
    feed(k.b, k.len);
    assert_int_equal(state_of("10.9.0.1"), NEIGHBOUR_INCOMPLETE);
    feed_arp_reply("10.9.0.1", PEER_MAC);
    assert_int_equal(state_of("10.9.0.1"), NEIGHBOUR_REACHABLE);
    make_arp(&k, BROADCAST_MAC, 1, PEER_MAC, "10.9.0.1", (const uint8_t[6]){0}, "10.9.0.1");
    feed(k.b, k.len);
    assert_int_equal(state_of("10.9.0.1"), NEIGHBOUR_REACHABLE); /* nothing new in it */
    make_arp(&k, BROADCAST_MAC, 1, THIRD_MAC, "10.9.0.1", (const uint8_t[6]){0}, "10.9.0.1");
    feed(k.b, k.len);
    assert_int_equal(state_of("10.9.0.1"), NEIGHBOUR_STALE);
    assert_memory_equal(entry("10.9.0.1")->mac, THIRD_MAC, 6);
    host_free();
}

/* B14: a redirect is anybody's word, and is not followed: the way to a host behind the gateway stays, no entry is made. */
static void test_redirects(void **state) {
    (void)state;
    host_ethernet();
    tern_addr none4 = addr("0.0.0.0"), none6 = {6, {0}}, via4 = addr("10.9.0.9"), via6 = addr("fd09::9");
    assert_int_equal(tern_route_add(host.t, &none4, 0, 0, &via4), TERN_OK);
    assert_int_equal(tern_route_add(host.t, &none6, 0, 0, &via6), TERN_OK);
    path_to("8.8.8.8");
    path_to("2001:db8::8");
    take_all();
    feed_arp_reply("10.9.0.9", PEER_MAC);
    feed_na("fd09::9", PEER_MAC, true, true, true);
    packet sent, inner;
    uint32_t routes = host.s->ip.routes, known = host.s->ip.neighbours;
    for (uint8_t code = 0; code < 4; code++) {
        uint8_t l4[8 + 28] = {5, code, 0, 0, 10, 9, 0, 99};
        make_tcp(&sent, "10.9.0.2", "8.8.8.8", 0);
        memcpy(l4 + 8, sent.b, 28);
        make_packet(&inner, "10.9.0.9", "10.9.0.2", IP_PROTO_ICMP4, l4, sizeof l4, 2, 255);
        make_frame(&k, MY_MAC, PEER_MAC, ETH_TYPE_IP4, inner.b, inner.len);
        feed(k.b, k.len);
    }
    uint8_t l4[8 + 32 + 8] = {ICMP6_REDIRECT, [40] = 2, 1};
    ip_addr better = ip("fe80::99"), dst = ip("2001:db8::8");
    memcpy(l4 + 8, better.b, 16);
    memcpy(l4 + 24, dst.b, 16);
    memcpy(l4 + 42, THIRD_MAC, 6);
    make_packet(&inner, "fe80::9", "fd09::2", IP_PROTO_ICMP6, l4, sizeof l4, 2, 255);
    make_frame(&k, MY_MAC, PEER_MAC, ETH_TYPE_IP6, inner.b, inner.len);
    feed(k.b, k.len);
    assert_int_equal(reason(R_ICMP_IGNORED), 5);
    assert_false(take());
    assert_true(host.s->ip.routes == routes && host.s->ip.neighbours == known && tcp_seen.errors == 0);
    for (int family = 0; family < 2; family++) {
        struct ip_path path;
        ip_addr to = ip(family ? "2001:db8::8" : "8.8.8.8");
        assert_int_equal(ip_path_find(host.s, NULL, &to, &path), IP_PATH_OK);
        assert_memory_equal(path.l2, PEER_MAC, 6);
    }
    host_free();
}

/* C14: ten thousand destinations: few unresolved, few questions, a full table makes room. */
static void test_limits(void **state) {
    (void)state;
    host_new();
    iface_add(TERN_LINK_ETHERNET, 0, 1500);
    give(0, "10.9.0.2", 8);
    take_all();
    unsigned asked = 0;
    for (uint32_t i = 0; i < 20000; i++) {
        ip_addr dst = ip_from_v4(0x0a000000u + 0x1000 + i);
        ip_send(host.s, NULL, &dst, 99, 0, 0, "x", 1, -1);
        asked += take_all();
        assert_true(host.s->ip.neighbours_unresolved <= 64 && host.s->ip.neighbours <= 512);
        pass_ms(1);
    }
    assert_in_range(asked, 64, 20 * 100);
    assert_true(reason(R_NEIGHBOUR_LIMIT) > 15000);
    pass_ms(5000);
    take_all();
    for (uint32_t i = 0; i < 600; i++) { /* all of these answer: the ones used longest ago go */
        ip_addr dst = ip_from_v4(0x0a090100u + i);
        char buf[TERN_ADDR_TEXT];
        ip_format(&dst, buf);
        assert_int_equal(path_to(buf), IP_PATH_PENDING);
        feed_arp_reply(buf, PEER_MAC);
        assert_int_equal(path_to(buf), IP_PATH_OK);
        assert_int_equal(path_to("10.9.1.0"), IP_PATH_OK);
        take_all();
    }
    assert_int_equal(host.s->ip.neighbours, 512);
    assert_int_equal(state_of("10.9.1.0"), NEIGHBOUR_REACHABLE);
    assert_int_equal(state_of("10.9.1.1"), -1);
    assert_int_equal(state_of("10.9.3.87"), NEIGHBOUR_REACHABLE);
    host_free();
}

/* ---- ND ---- */

static void test_ns_answered(void **state) {
    (void)state;
    host_ethernet();
    static const uint8_t group_mac[6] = {0x33, 0x33, 0xff, 0, 0, 2};
    nd_message m = {.target = ip("fd09::2"), .has_lladdr = true};
    memcpy(m.lladdr, PEER_MAC, 6);
    make_nd(&k, group_mac, PEER_MAC, "fd09::1", "ff02::1:ff00:2", ICMP6_NS, &m, 255);
    feed(k.b, k.len);
    const uint8_t *na = expect_nd(PEER_MAC, "fd09::2", "fd09::1", ICMP6_NA);
    assert_int_equal(load32(na + 4), 0x60000000u); /* solicited, override, no router */
    assert_true(bytes_are(na + 8, "fd09::2"));
    static const uint8_t option[2] = {2, 1};
    assert_memory_equal(na + 24, option, 2);
    assert_memory_equal(na + 26, MY_MAC, 6);
    assert_int_equal(host.s->ip.neighbours, 0);

    m.has_lladdr = false; /* from somebody without an address: everybody is told */
    make_nd(&k, group_mac, PEER_MAC, "::", "ff02::1:ff00:2", ICMP6_NS, &m, 255);
    feed(k.b, k.len);
    static const uint8_t nodes_mac[6] = {0x33, 0x33, 0, 0, 0, 1};
    na = expect_nd(nodes_mac, "fd09::2", "ff02::1", ICMP6_NA);
    assert_int_equal(load32(na + 4), 0x20000000u);

    make_nd(&k, MY_MAC, PEER_MAC, "fd09::1", "fd09::2", ICMP6_NS, &m,
            255); /* no option: its address is asked for first */
    feed(k.b, k.len);
    expect_nd((const uint8_t[6]){0x33, 0x33, 0xff, 0, 0, 1}, "fd09::2", "ff02::1:ff00:1", ICMP6_NS);
    feed_na("fd09::1", PEER_MAC, true, true, false);
    expect_nd(PEER_MAC, "fd09::2", "fd09::1", ICMP6_NA);
    make_nd(&k, MY_MAC, PEER_MAC, "fd09::1", "fd09::2", ICMP6_NS, &m,
            255); /* once more without one: what is known stays */
    feed(k.b, k.len);
    expect_nd(PEER_MAC, "fd09::2", "fd09::1", ICMP6_NA);
    assert_int_equal(state_of("fd09::1"), NEIGHBOUR_REACHABLE);
    assert_memory_equal(entry("fd09::1")->mac, PEER_MAC, 6);
    m.target = ip("fd09::3");
    make_nd(&k, group_mac, PEER_MAC, "fd09::1", "ff02::1:ff00:2", ICMP6_NS, &m, 255);
    feed(k.b, k.len);
    assert_false(take());
    host_free();
}

/* RFC 4861 7.1: each check by itself. */
static void test_nd_invalid(void **state) {
    (void)state;
    host_ethernet();
    path_to("fd09::1");
    take_all();
    nd_message ns = {.target = ip("fd09::2"), .has_lladdr = true},
               na = {.target = ip("fd09::1"), .solicited = true, .override_ = true, .has_lladdr = true};
    memcpy(ns.lladdr, PEER_MAC, 6);
    memcpy(na.lladdr, PEER_MAC, 6);
    uint64_t before = reason(R_ND_INVALID);
    for (unsigned hops = 0; hops < 255; hops++) {
        make_nd(&k, MY_MAC, PEER_MAC, "fd09::1", "fd09::2", ICMP6_NS, &ns, (uint8_t)hops);
        feed(k.b, k.len);
        make_nd(&k, MY_MAC, PEER_MAC, "fd09::1", "fd09::2", ICMP6_NA, &na, (uint8_t)hops);
        feed(k.b, k.len);
    }
    assert_int_equal(reason(R_ND_INVALID) - before, 510);
    before = reason(R_ND_INVALID);
    for (int which = 0; which < 8; which++) {
        nd_message m = which < 4 ? ns : na;
        const char *src = "fd09::1", *dst = "fd09::2";
        if (which == 0) m.target = ip("ff02::1");
        if (which == 1) src = "::";                       /* with an option */
        if (which == 2) src = "::", m.has_lladdr = false; /* not to the group */
        if (which == 3) m.lladdr[0] = 1;
        if (which == 4) m.target = ip("ff02::1");
        if (which == 5) dst = "ff02::1"; /* solicited, to everybody */
        if (which == 6) m.lladdr[0] = 0xff;
        make_nd(&k, MY_MAC, PEER_MAC, src, dst, which < 4 ? ICMP6_NS : ICMP6_NA, &m, 255);
        if (which == 7) { /* a code */
            k.b[55] = 1;
            k.b[56] = k.b[57] = 0;
            ip_addr s = ip(src), d = ip(dst);
            put_sum(k.b + 56, sum_of(k.b + 54, k.len - 54, pseudo_sum(&s, &d, IP_PROTO_ICMP6, (uint32_t)k.len - 54)));
        }
        feed(k.b, k.len);
        assert_int_equal(reason(R_ND_INVALID) - before, which + 1);
    }
    assert_int_equal(state_of("fd09::1"), NEIGHBOUR_INCOMPLETE);
    assert_false(take());
    host_free();
}

/* Options of length 0 or past the end, and any truncation, with a right checksum; RFC 6980. */
static void test_nd_cut_short(void **state) {
    (void)state;
    host_ethernet();
    uint8_t l4[40] = {ICMP6_NS};
    ip_addr target = ip("fd09::2");
    memcpy(l4 + 8, target.b, 16);
    l4[24] = 1;
    uint64_t before = reason(R_ND_INVALID) + reason(R_ICMP_MALFORMED);
    unsigned fed = 0;
    packet inner;
    for (unsigned length = 0; length < 4; length++) {
        if (length == 1) continue;
        l4[25] = (uint8_t)length;
        make_packet(&inner, "fd09::1", "fd09::2", IP_PROTO_ICMP6, l4, 32, 2, 255);
        make_frame(&k, MY_MAC, PEER_MAC, ETH_TYPE_IP6, inner.b, inner.len);
        feed(k.b, k.len);
        fed++;
    }
    l4[25] = 1;
    for (size_t len = 4; len < 32; len++) {
        if (len == 24) continue; /* no option at all is fine */
        make_packet(&inner, "fd09::1", "fd09::2", IP_PROTO_ICMP6, l4, len, 2, 255);
        make_frame(&k, MY_MAC, PEER_MAC, ETH_TYPE_IP6, inner.b, inner.len);
        feed(k.b, k.len);
        fed++;
    }
    assert_int_equal(reason(R_ND_INVALID) + reason(R_ICMP_MALFORMED) - before, fed);

    /* RFC 6980: not in fragments, not even in one */
    uint8_t fragment[8 + 32] = {IP_PROTO_ICMP6};
    make_packet(&inner, "fd09::1", "fd09::2", IP_PROTO_ICMP6, l4, 32, 2, 255);
    memcpy(fragment + 8, inner.b + 40, 32);
    make_packet(&inner, "fd09::1", "fd09::2", IP_PROTO_FRAGMENT, fragment, 40, -1, 255);
    make_frame(&k, MY_MAC, PEER_MAC, ETH_TYPE_IP6, inner.b, inner.len);
    before = reason(R_ND_INVALID);
    feed(k.b, k.len);
    assert_int_equal(reason(R_ND_INVALID), before + 1);
    assert_false(take());
    host_free();
}

/* RFC 4861 7.2.5, line by line. */
static void test_na_rules(void **state) {
    (void)state;
    for (int solicited = 0; solicited < 2; solicited++) {
        for (int override = 0; override < 2; override++) {
            for (int same = 0; same < 2; same++) {
                host_ethernet();
                feed_na("fd09::1", PEER_MAC, true, true, false); /* no entry: nothing happens */
                assert_int_equal(host.s->ip.neighbours, 0);
                path_to("fd09::1");
                take_all();
                feed_na("fd09::1", PEER_MAC, solicited, override, false);
                assert_int_equal(state_of("fd09::1"), solicited ? NEIGHBOUR_REACHABLE : NEIGHBOUR_STALE);
                neighbour_confirm(host.s, entry("fd09::1"), NULL);
                const uint8_t *mac = same ? PEER_MAC : THIRD_MAC;
                feed_na("fd09::1", mac, solicited, override, false);
                bool taken = override || same;
                assert_memory_equal(entry("fd09::1")->mac, taken ? mac : PEER_MAC, 6);
                assert_int_equal(state_of("fd09::1"), same ? NEIGHBOUR_REACHABLE : NEIGHBOUR_STALE);
                host_free();
            }
        }
    }
    host_ethernet(); /* without a link address an INCOMPLETE entry stays so */
    path_to("fd09::1");
    nd_message m = {.target = ip("fd09::1"), .solicited = true};
    make_nd(&k, MY_MAC, PEER_MAC, "fd09::1", "fd09::2", ICMP6_NA, &m, 255);
    feed(k.b, k.len);
    assert_int_equal(state_of("fd09::1"), NEIGHBOUR_INCOMPLETE);
    host_free();
}

/* A hundred thousand frames of anybody change no entry that was not asked for. */
static void test_random_frames(void **state) {
    (void)state;
    host_ethernet();
    path_to("10.9.0.1");
    path_to("fd09::1");
    feed_arp_reply("10.9.0.1", PEER_MAC);
    feed_na("fd09::1", PEER_MAC, true, true, false);
    take_all();
    static const char *const v4[] = {"10.9.0.2", "10.9.0.50", "10.9.0.60", "0.0.0.0", "10.9.0.255", "255.255.255.255"};
    static const char *const v6[] = {"fd09::2", "fd09::50", "ff02::1", "::", "ff02::1:ff00:2", "fe80::50"};
    static const uint8_t macs[4][6] = {
        {2, 0, 0, 0, 0, 1}, {255, 255, 255, 255, 255, 255}, {2, 0, 0, 0, 0, 9}, {0x33, 0x33, 0xff, 0, 0, 2}};
    for (int i = 0; i < 100000; i++) {
        if (chance(2)) {
            make_arp(&k, macs[chance(4)], (uint16_t)chance(4), macs[chance(4)], v4[chance(6)], macs[chance(4)],
                     v4[chance(6)]);
        } else {
            nd_message m = {.target = ip(v6[chance(6)]),
                            .solicited = chance(2),
                            .override_ = chance(2),
                            .router = chance(2),
                            .has_lladdr = chance(2),
                            .mtu = chance(2) ? 1000 + chance(600) : 0};
            memcpy(m.lladdr, macs[chance(4)], 6);
            make_nd(&k, macs[chance(4)], macs[chance(4)], v6[chance(6)], v6[chance(6)], (uint8_t)(133 + chance(5)), &m,
                    chance(8) ? 255 : 64);
        }
        if (chance(3) == 0) k.b[14 + chance((uint32_t)k.len - 14)] = (uint8_t)chance(256);
        feed(k.b, chance(4) ? k.len : chance((uint32_t)k.len));
        if (i % 16 == 0) take_all();
    }
    assert_int_equal(state_of("10.9.0.1"), NEIGHBOUR_REACHABLE);
    assert_int_equal(state_of("fd09::1"), NEIGHBOUR_REACHABLE);
    assert_memory_equal(entry("10.9.0.1")->mac, PEER_MAC, 6);
    assert_memory_equal(entry("fd09::1")->mac, PEER_MAC, 6);
    assert_int_equal(host.s->ip.addresses, 3);
    for (uint32_t i = 0; i < host.s->ip.neighbour_buckets; i++) /* others only because we had to answer them */
        for (const struct neighbour *n = host.s->ip.neighbour_bucket[i]; n; n = n->bucket_next)
            assert_false(ip_is_v4(&n->addr) && ip_to_v4(&n->addr) != 0x0a090001);
    host_free();
}

/* The entry of the list with this address; false: there is none. Every entry comes once. */
static bool listed(const char *of, tern_neighbour *out) {
    tern_addr a = addr(of);
    tern_neighbour n;
    unsigned seen = 0, all = 0;
    for (uint64_t cursor = 0; tern_neighbour_list(host.t, &cursor, &n); all++) {
        if (memcmp(&n.addr, &a, sizeof a) != 0) continue;
        *out = n;
        seen++;
    }
    assert_int_equal(all, host.s->ip.neighbours);
    assert_true(seen <= 1);
    return seen == 1;
}

static void test_listed(void **state) {
    (void)state;
    tern_neighbour n;
    uint64_t cursor = 0;
    host_new();
    assert_false(tern_neighbour_list(host.t, &cursor, &n)); /* no Ethernet */
    host_free();
    host_ethernet();
    assert_false(tern_neighbour_list(host.t, &cursor, &n));
    assert_false(tern_neighbour_list(NULL, &cursor, &n));
    assert_false(tern_neighbour_list(host.t, NULL, &n));
    assert_false(tern_neighbour_list(host.t, &cursor, NULL));
    for (unsigned i = 10; i < 50; i++) { /* many, so that some share a bucket */
        char silent[20];
        snprintf(silent, sizeof silent, "10.9.0.%u", i);
        path_to(silent);
        assert_true(listed(silent, &n));
        assert_true(n.state == TERN_NEIGHBOUR_INCOMPLETE && n.iface == 0);
    }
    path_to("10.9.0.1");
    path_to("fd09::1");
    take_all();
    feed_arp_reply("10.9.0.1", PEER_MAC);
    feed_na("fd09::1", PEER_MAC, true, true, true);
    assert_true(listed("10.9.0.1", &n));
    assert_true(n.state == TERN_NEIGHBOUR_REACHABLE && !n.router);
    assert_memory_equal(n.mac, PEER_MAC, 6);
    assert_true(listed("fd09::1", &n));
    assert_true(n.state == TERN_NEIGHBOUR_REACHABLE && n.router);
    pass_ms(host.s->cfg.neighbour_reachable_ms);
    assert_true(listed("10.9.0.1", &n)); /* its age counts though nobody has used it */
    assert_int_equal(n.state, TERN_NEIGHBOUR_STALE);
    assert_true(listed("10.9.0.10", &n));
    assert_int_equal(n.state, TERN_NEIGHBOUR_SILENT);
    assert_false(listed("10.9.0.99", &n));
    take_all();
    host_free();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames),
        cmocka_unit_test(test_vlan),
        cmocka_unit_test(test_arp_answer),
        cmocka_unit_test(test_arp_resolution),
        cmocka_unit_test(test_pending),
        cmocka_unit_test(test_silence),
        cmocka_unit_test(test_gateways_take_turns),
        cmocka_unit_test(test_ageing),
        cmocka_unit_test(test_arp_unasked),
        cmocka_unit_test(test_redirects),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_ns_answered),
        cmocka_unit_test(test_nd_invalid),
        cmocka_unit_test(test_nd_cut_short),
        cmocka_unit_test(test_na_rules),
        cmocka_unit_test(test_listed),
        cmocka_unit_test(test_random_frames),
    };
    return cmocka_run_group_tests_name("ip_neighbour", tests, NULL, NULL);
}
