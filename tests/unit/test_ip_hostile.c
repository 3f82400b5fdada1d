/* test_ip_hostile.c - random and damaged packets on every kind of link, and an allocator that fails at each call in
 * turn: nothing is read out of bounds, nothing leaks, limits hold, and the host still answers afterwards. */
#include "ip_fixture.h"

static packet k;

static void give_all(void) {
    give(0, "10.9.0.2", 24);
    give(0, "fd09::2", 64);
    tern_addr v4 = addr("0.0.0.0"), v6 = {.family = 6}, via4 = addr("10.9.0.1"), via6 = addr("fd09::1");
    tern_route_add(host.t, &v4, 0, 0, &via4);
    tern_route_add(host.t, &v6, 0, 0, &via6);
}

/* A packet that is right in all but, perhaps, a few bytes. */
static void make_some(bool v6) {
    const char *peer = v6 ? "fd09::1" : "10.9.0.1", *me = v6 ? "fd09::2" : "10.9.0.2";
    static uint8_t l4[1500];
    switch (chance(6)) {
    case 0: make_tcp(&k, peer, me, chance(600)); break;
    case 1: make_echo(&k, peer, me, v6 ? ICMP6_ECHO : ICMP4_ECHO, 1, 1, chance(1400)); break;
    case 2: {
        packet inner;
        make_tcp(&inner, me, peer, chance(200));
        l4[0] = (uint8_t)(v6 ? 1 + chance(4) : 3 + chance(10));
        l4[1] = (uint8_t)chance(6);
        store32(l4 + 4, chance(70000));
        memcpy(l4 + 8, inner.b, inner.len);
        make_packet(&k, peer, me, v6 ? IP_PROTO_ICMP6 : IP_PROTO_ICMP4, l4, 8 + chance((uint32_t)inner.len + 1), 2,
                    255);
        break;
    }
    case 3:
        for (unsigned i = 0; i < 200; i++) l4[i] = (uint8_t)chance(256);
        l4[0] = (uint8_t)(v6 ? 128 + chance(12) : chance(20));
        make_packet(&k, peer, me, v6 ? IP_PROTO_ICMP6 : IP_PROTO_ICMP4, l4, 4 + chance(196), 2, 255);
        break;
    case 4: { /* a question for groups */
        static const uint8_t alert[16] = {IP_PROTO_ICMP6, 0, 5, 2, 0, 0, 1, 0, ICMP6_MLD_QUERY};
        ip_addr src = ip("fe80::99"), dst = ip("fd09::2");
        uint32_t len = chance(2) ? 24 : chance(60);
        memset(l4, 0, 100);
        memcpy(l4, alert, sizeof alert);
        store16(l4 + 12, (uint16_t)chance(65536));
        memset(l4 + 10, 0, 2);
        put_sum(l4 + 10, sum_of(l4 + 8, len, pseudo_sum(&src, &dst, IP_PROTO_ICMP6, len)));
        make_packet(&k, "fe80::99", "fd09::2", IP_PROTO_HOPOPTS, l4, 8 + len, -1, 1);
        v6 = true;
        break;
    }
    default:
        for (unsigned i = 0; i < 200; i++) l4[i] = (uint8_t)chance(chance(2) ? 256 : 4);
        make_packet(&k, peer, me, (uint8_t)(chance(2) ? (uint32_t[]){0, 43, 44, 60, 17, 6}[chance(6)] : chance(256)),
                    l4, chance(200), -1, 64);
        break;
    }
    if (!v6 && chance(4) == 0) {
        store16(k.b + 6, (uint16_t)(chance(2) ? chance(65536) : chance(4) | chance(2) << 13));
        fix_ip4(k.b);
    }
}

static void still_alive(bool ethernet) {
    take_all();
    for (uint32_t i = 0; i < 200; i++) pass_ms(1000);
    take_all();
    make_echo(&k, "10.9.0.1", "10.9.0.2", ICMP4_ECHO, 1, 1, 100);
    if (ethernet) {
        packet inner = k;
        make_frame(&k, MY_MAC, PEER_MAC, ETH_TYPE_IP4, inner.b, inner.len);
    }
    feed(k.b, k.len);
    assert_true(take());
    if (ethernet && host.out_len == 42) { /* it asks who we are first */
        make_arp(&k, MY_MAC, 2, PEER_MAC, "10.9.0.1", MY_MAC, "10.9.0.2");
        feed(k.b, k.len);
        assert_true(take());
    }
    assert_int_equal(host.out_len, (ethernet ? 14 : 0) + 128);
}

static void begin_link(bool ethernet) {
    assert_int_equal(iface_add(ethernet ? TERN_LINK_ETHERNET : TERN_LINK_IP, ethernet ? 0 : TERN_IFACE_ANY_LOCAL, 1500),
                     0);
    give_all();
}

/* Whatever is under way then, and while it is down. */
static void change_link(bool ethernet) {
    switch (chance(4)) {
    case 0: tern_iface_down(host.t, 0); break;
    case 1: tern_iface_up(host.t, 0); break;
    case 2: tern_iface_set_mtu(host.t, 0, 1280 + chance(3000)); break;
    default: tern_iface_remove(host.t, 0); begin_link(ethernet);
    }
}

static void test_random(void **state) {
    (void)state;
    for (int ethernet = 0; ethernet < 2; ethernet++) {
        host_new();
        host.s->cfg.mld = 1;
        begin_link(ethernet);
        for (int i = 0; i < 100000; i++) {
            if (chance(4) == 0) {
                k.len = chance(200);
                for (size_t b = 0; b < k.len; b++) k.b[b] = (uint8_t)chance(256);
                if (k.len && chance(2)) k.b[0] = chance(2) ? 0x45 : 0x60;
            } else {
                make_some(chance(2));
                for (uint32_t hits = chance(4); hits; hits--)
                    k.b[chance((uint32_t)k.len)] ^= (uint8_t)(1u << chance(8));
                if (chance(4) == 0) k.len = chance((uint32_t)k.len + 1);
            }
            if (ethernet) {
                packet inner = k;
                make_frame(&k, chance(8) ? MY_MAC : BROADCAST_MAC, PEER_MAC,
                           inner.b[0] >> 4 == 6 ? ETH_TYPE_IP6 : ETH_TYPE_IP4, inner.b, inner.len);
            }
            feed_with(0, k.b, k.len, chance(8) ? 0 : TERN_PKT_CSUM_OK, NULL);
            assert_true(host.s->ip.frag_bytes <= host.s->cfg.reassembly_bytes && host.s->ip.neighbours <= 512);
            if (i % 8 == 0) take_all();
            if (i % 64 == 0) pass_ms(chance(500));
            if (i % 500 == 499) change_link(ethernet);
        }
        assert_true(!ethernet || reason(R_MLD_OK) > 100);
        tern_iface_up(host.t, 0);
        still_alive(ethernet);
        host_free();
    }
}

/* ---- one failure at a time ---- */

static void scene_echo(bool ethernet, const char *peer, const char *me, size_t payload) {
    ip_addr p = ip(peer);
    make_echo(&k, peer, me, ip_is_v4(&p) ? ICMP4_ECHO : ICMP6_ECHO, 1, 1, payload);
    if (ethernet) {
        packet inner = k;
        make_frame(&k, MY_MAC, PEER_MAC, ip_is_v4(&p) ? ETH_TYPE_IP4 : ETH_TYPE_IP6, inner.b, inner.len);
    }
    feed(k.b, k.len);
}

/* Everything that takes memory, once. */
static void scene(bool ethernet) {
    iface_add(ethernet ? TERN_LINK_ETHERNET : TERN_LINK_IP, 0, 1500);
    if (host.s->ip.ifaces == 0) return;
    give_all();
    if (ethernet) {
        nd_message m = {.router_lifetime_s = 1800};
        make_nd(&k, MY_MAC, PEER_MAC, "fe80::99", "ff02::1", ICMP6_RA, &m, 255);
        feed(k.b, k.len);
    }
    scene_echo(ethernet, "10.9.0.1", "10.9.0.2", 100);
    scene_echo(ethernet, "10.9.0.1", "10.9.0.2", 1400);
    scene_echo(ethernet, "fd09::1", "fd09::2", 900);
    tern_addr peer = addr("10.9.0.1");
    static uint8_t payload[4000];
    tern_echo_send(host.t, &peer, 1, 1, payload, sizeof payload);
    take_all();
    if (ethernet) {
        make_arp(&k, MY_MAC, 2, PEER_MAC, "10.9.0.1", MY_MAC, "10.9.0.2");
        feed(k.b, k.len);
        take_all();
    } else {
        for (unsigned i = 0; i < 4; i++) { /* one datagram of each family, last piece first; one that is never whole */
            bool v6 = i & 1, last = i < 2;
            uint8_t l4[200] = {0};
            make_tcp(&k, "fd09::1", "fd09::2", 140);
            memcpy(l4 + 8, k.b + 40 + (last ? 80 : 0), 80);
            l4[0] = IP_PROTO_TCP;
            store16(l4 + 2, last ? 80 : 1);
            if (v6) {
                make_packet(&k, "fd09::1", "fd09::2", IP_PROTO_FRAGMENT, l4, 88, -1, 64);
            } else {
                make_packet(&k, "10.9.0.1", "10.9.0.2", IP_PROTO_TCP, l4 + 8, 80, -1, 64);
                store16(k.b + 6, (uint16_t)(last ? 10 : 0x2000));
                fix_ip4(k.b);
            }
            feed(k.b, k.len);
        }
        tcp_seen.keep = true;
        static char marks[100];
        make_tcp(&k, "10.9.0.1", "10.9.0.2", 10);
        for (unsigned i = 0; i < ARRAY_LEN(marks); i++) feed_with(0, k.b, k.len, 0, &marks[i]);
    }
    pass_ms(70000);
    take_all();
}

static void test_each_allocation_fails(void **state) {
    (void)state;
    for (int ethernet = 0; ethernet < 2; ethernet++) {
        for (uint64_t forever = 0; forever < 2; forever++) {
            uint64_t total = UINT64_MAX;
            for (uint64_t n = 0; n <= total; n++) {
                host_new();
                heap.calls = 0;
                heap.fail_at = n;
                if (forever && n) host.s->cfg.memory_max = host.s->mem_used + n * 97;
                if (forever) heap.fail_at = 0;
                scene(ethernet);
                if (n == 0) total = heap.calls;
                assert_true(total > 8 && total < 300);
                heap.fail_at = 0;
                host.s->cfg.memory_max = 1 << 28;
                if (host.s->ip.ifaces == 0) iface_add(ethernet ? TERN_LINK_ETHERNET : TERN_LINK_IP, 0, 1500);
                give_all();
                still_alive(ethernet);
                host_free();
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_each_allocation_fails),
    };
    return cmocka_run_group_tests_name("ip_hostile", tests, NULL, NULL);
}
