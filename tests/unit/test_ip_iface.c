/* test_ip_iface.c - interfaces that change while they are in use: another MTU, down and up, removed; and routes taken
 * back. What live connections make of it is in test_tcp_iface.c. From RFC 4861 6.3, 4862 5.4, 5227 2.3, 8200 5, 8201. */
#include "ip_fixture.h"

static packet k;

static void host_auto(enum tern_link link) {
    tern_config c;
    host_config(&c);
    c.autoconf = 1;
    c.dad = 1;
    host_new_with(&c);
    assert_int_equal(iface_add(link, 0, 1500), 0);
}

static bool has(const char *of) {
    tern_addr want = addr(of), a;
    for (size_t i = 0; tern_addr_at(host.t, i, &a, NULL, NULL); i++)
        if (memcmp(&a, &want, sizeof a) == 0) return true;
    return false;
}

static enum ip_path_result path_to(const char *to, struct ip_path *path) {
    ip_addr dst = ip(to);
    return ip_path_find(host.s, NULL, &dst, path);
}
/* Over which interface packets leave; -1: there is no way. */
static int way_to(const char *to) {
    struct ip_path path;
    return path_to(to, &path) == IP_PATH_OK ? path.iface : -1;
}

static int route(bool add, const char *prefix, unsigned len, int iface, const char *via) {
    tern_addr p = addr(prefix), v = {0};
    if (via) v = addr(via);
    return (add ? tern_route_add : tern_route_remove)(host.t, &p, len, iface, via ? &v : NULL);
}

static void feed_ra(uint32_t mtu, const char *prefix) {
    nd_message m = {.router_lifetime_s = 1800, .hop_limit = 64, .mtu = mtu, .prefixes = 1};
    m.prefix[0].prefix = ip(prefix);
    m.prefix[0].len = 64;
    m.prefix[0].on_link = m.prefix[0].autonomous = true;
    m.prefix[0].valid_s = m.prefix[0].preferred_s = 7200;
    make_nd(&k, (const uint8_t[6]){0x33, 0x33, 0, 0, 0, 1}, PEER_MAC, "fe80::99", "ff02::1", ICMP6_RA, &m, 255);
    feed(k.b, k.len);
}

/* The link's own messages; how many of each left in two seconds. */
static struct { unsigned probes, solicits, others; } seen;
static void watch_link(void) {
    tern_event e;
    memset(&seen, 0, sizeof seen);
    for (unsigned ms = 0; ms < 2000; ms += 10) {
        pass_ms(10);
        while (tern_poll(host.t, &e, 1)) continue;
        while (take()) {
            bool icmp = load16(host.out + 12) == ETH_TYPE_IP6 && host.out[14 + 6] == IP_PROTO_ICMP6;
            bool nobody = icmp && bytes_are(host.out + 22, "::");
            if (icmp && host.out[54] == ICMP6_NS && nobody)
                seen.probes++;
            else if (icmp && host.out[54] == ICMP6_RS)
                seen.solicits++;
            else
                seen.others++;
        }
    }
}

/* ---- routes ---- */

static void routes_go(void **state) {
    (void)state;
    host_new();
    for (int i = 0; i < 2; i++) assert_int_equal(iface_add(TERN_LINK_IP, 0, 1500), i);
    give(0, "10.9.0.2", 24);
    give(1, "10.8.0.2", 24);
    give(0, "fd09::2", 64);
    assert_int_equal(route(true, "0.0.0.0", 0, 0, "10.9.0.1"), TERN_OK);
    assert_int_equal(route(true, "0.0.0.0", 0, 1, "10.8.0.1"), TERN_OK);
    assert_int_equal(way_to("192.0.2.1"), 0);
    /* Nothing but the very same is it. */
    assert_int_equal(route(false, "0.0.0.0", 1, 0, "10.9.0.1"), TERN_ENOROUTE);
    assert_int_equal(route(false, "0.0.0.0", 0, 1, "10.9.0.1"), TERN_ENOROUTE);
    assert_int_equal(route(false, "0.0.0.0", 0, 0, NULL), TERN_ENOROUTE);
    assert_int_equal(route(false, "2001:db8::", 32, 0, NULL), TERN_ENOROUTE);
    assert_int_equal(way_to("192.0.2.1"), 0);
    unsigned changes = tcp_seen.path_changes;
    assert_int_equal(route(false, "0.0.0.0", 0, 0, "10.9.0.1"), TERN_OK);
    assert_int_equal(tcp_seen.path_changes, changes + 1); /* who waits for the gateway hears of it */
    assert_int_equal(way_to("192.0.2.1"), 1);
    assert_int_equal(route(false, "0.0.0.0", 0, 0, "10.9.0.1"), TERN_ENOROUTE);
    assert_int_equal(route(false, "0.0.0.0", 0, 1, "10.8.0.1"), TERN_OK);
    assert_int_equal(way_to("192.0.2.1"), -1);
    /* Bits beyond the prefix and an unspecified gateway say nothing, here as there. */
    assert_int_equal(route(true, "192.0.2.7", 24, 0, NULL), TERN_OK);
    assert_int_equal(way_to("192.0.2.1"), 0);
    assert_int_equal(route(false, "192.0.2.99", 24, 0, "0.0.0.0"), TERN_OK);
    assert_int_equal(way_to("192.0.2.1"), -1);
    /* The route of an address is the address's, also beside one by hand that leads the same way. */
    assert_int_equal(route(false, "10.9.0.0", 24, 0, NULL), TERN_ENOROUTE);
    assert_int_equal(route(true, "10.9.0.0", 24, 0, NULL), TERN_OK);
    assert_int_equal(route(false, "10.9.0.0", 24, 0, NULL), TERN_OK);
    assert_int_equal(way_to("10.9.0.7"), 0);
    host_free();
}

static void route_arguments(void **state) {
    (void)state;
    host_tun();
    tern_addr p = addr("10.9.0.0"), six = addr("fd09::1"), odd = {.family = 5};
    assert_int_equal(tern_route_remove(NULL, &p, 24, 0, NULL), TERN_EINVAL);
    assert_int_equal(tern_route_remove(host.t, NULL, 24, 0, NULL), TERN_EINVAL);
    assert_int_equal(tern_route_remove(host.t, &odd, 24, 0, NULL), TERN_EINVAL);
    assert_int_equal(tern_route_remove(host.t, &p, 33, 0, NULL), TERN_EINVAL);
    assert_int_equal(tern_route_remove(host.t, &p, 24, 1, NULL), TERN_EINVAL);
    assert_int_equal(tern_route_remove(host.t, &p, 24, -1, NULL), TERN_EINVAL);
    assert_int_equal(tern_route_remove(host.t, &p, 24, 0, &six), TERN_EINVAL);
    host_free();
}

/* A route to a gateway that is ours by now can still be removed, and the 65th can be added once one is gone. */
static void routes_make_room(void **state) {
    (void)state;
    host_tun();
    assert_int_equal(route(true, "0.0.0.0", 0, 0, "10.9.0.7"), TERN_OK);
    assert_int_equal(give(0, "10.9.0.7", 24), TERN_OK);
    assert_int_equal(route(false, "0.0.0.0", 0, 0, "10.9.0.7"), TERN_OK);
    char net[32];
    for (unsigned i = host.s->ip.routes; i < IP_ROUTES; i++) {
        snprintf(net, sizeof net, "172.16.%u.0", i);
        assert_int_equal(route(true, net, 24, 0, NULL), TERN_OK);
    }
    assert_int_equal(route(true, "192.0.2.0", 24, 0, NULL), TERN_ELIMIT);
    assert_int_equal(route(false, net, 24, 0, NULL), TERN_OK);
    assert_int_equal(route(true, "192.0.2.0", 24, 0, NULL), TERN_OK);
    host_free();
}

/* ---- MTU ---- */

static void mtu_limits(void **state) {
    (void)state;
    host_new();
    assert_int_equal(iface_add(TERN_LINK_IP, 0, 1500), 0);
    give(0, "10.9.0.2", 24);
    struct ip_path path;
    static const struct {
        uint32_t mtu;
        int outcome;
    } cases[] = {{67, TERN_EINVAL}, {68, TERN_OK},   {1279, TERN_OK},      {1280, TERN_OK},
                 {65535, TERN_OK},  {9000, TERN_OK}, {65536, TERN_EINVAL}, {UINT32_MAX, TERN_EINVAL}};
    uint32_t mtu = 1500;
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(tern_iface_set_mtu(host.t, 0, cases[i].mtu), cases[i].outcome);
        if (cases[i].outcome == TERN_OK) mtu = cases[i].mtu;
        assert_int_equal(path_to("10.9.0.1", &path), IP_PATH_OK);
        assert_int_equal(path.mtu, mtu);
    }
    assert_int_equal(tern_iface_set_mtu(NULL, 0, 1500), TERN_EINVAL);
    assert_int_equal(tern_iface_set_mtu(host.t, 1, 1500), TERN_EINVAL);
    assert_int_equal(tern_iface_set_mtu(host.t, -1, 1500), TERN_EINVAL);
    host_free();
}

/* [RFC8200 5] */
static void mtu_and_ipv6(void **state) {
    (void)state;
    host_tun();
    assert_int_equal(tern_iface_set_mtu(host.t, 0, 1279), TERN_EINVAL);
    assert_int_equal(tern_iface_set_mtu(host.t, 0, 1280), TERN_OK);
    tern_addr a;
    int iface;
    while (tern_addr_at(host.t, 1, &a, &iface, NULL)) assert_int_equal(tern_addr_remove(host.t, iface, &a), TERN_OK);
    assert_int_equal(tern_iface_set_mtu(host.t, 0, 1279), TERN_OK);
    assert_int_equal(give(0, "fd09::2", 64), TERN_EINVAL);
    assert_int_equal(tern_iface_set_mtu(host.t, 0, 1500), TERN_OK);
    assert_int_equal(give(0, "fd09::2", 64), TERN_OK);
    assert_true(tern_addr_at(host.t, 2, NULL, NULL, NULL)); /* with its link-local one, as the first time */
    host_free();
}

/* [RFC8200 5] Nor is there a route for IPv6 on a link that is too narrow for it, whichever came first. */
static void mtu_and_routes(void **state) {
    (void)state;
    host_tun();
    assert_int_equal(iface_add(TERN_LINK_IP, 0, 1500), 1);
    assert_int_equal(route(true, "2001:db8::", 32, 1, NULL), TERN_OK);
    assert_int_equal(route(true, "192.0.2.0", 24, 1, NULL), TERN_OK);
    assert_int_equal(tern_iface_set_mtu(host.t, 1, 1279), TERN_EINVAL);
    assert_int_equal(link_mtu(host.s, 1, true), 1500);
    assert_int_equal(tern_iface_set_mtu(host.t, 1, 1280), TERN_OK);
    assert_int_equal(route(false, "2001:db8::", 32, 1, NULL), TERN_OK);
    assert_int_equal(tern_iface_set_mtu(host.t, 1, 1279), TERN_OK);
    assert_int_equal(route(true, "2001:db8::", 32, 1, NULL), TERN_EINVAL);
    host_free();
}

/* Ethernet that begins too narrow for IPv6 gets its link-local address when it can carry it. */
static void mtu_brings_ipv6(void **state) {
    (void)state;
    tern_config c;
    host_config(&c);
    c.autoconf = 1;
    host_new_with(&c);
    assert_int_equal(iface_add(TERN_LINK_ETHERNET, 0, 1000), 0);
    assert_false(has("fe80::ff:fe00:1"));
    assert_int_equal(tern_iface_set_mtu(host.t, 0, 1500), TERN_OK);
    assert_true(has("fe80::ff:fe00:1"));
    feed_ra(1400, "2001:db8::"); /* what routers said goes when it cannot */
    tern_addr a;
    while (tern_addr_at(host.t, 0, &a, NULL, NULL)) assert_int_equal(tern_addr_remove(host.t, 0, &a), TERN_OK);
    assert_true(host.s->ip.routes > 0);
    assert_int_equal(tern_iface_set_mtu(host.t, 0, 1000), TERN_OK);
    assert_int_equal(host.s->ip.routes, 0);
    watch_link();
    assert_true(tern_deadline(host.t) == TERN_NEVER);
    host_free();
}

/* [RFC4861 6.3.4] What a router advertised holds for IPv6 as long as the link carries it. */
static void mtu_advertised(void **state) {
    (void)state;
    host_auto(TERN_LINK_ETHERNET);
    give(0, "10.9.0.2", 24);
    feed_ra(1400, "2001:db8::");
    static const uint32_t mtu[][2] = {{9000, 1400}, {1300, 1300}, {1400, 1400}, {1401, 1400}, {1500, 1400}};
    for (unsigned i = 0; i < ARRAY_LEN(mtu); i++) {
        assert_int_equal(tern_iface_set_mtu(host.t, 0, mtu[i][0]), TERN_OK);
        assert_int_equal(link_mtu(host.s, 0, false), mtu[i][0]);
        assert_int_equal(link_mtu(host.s, 0, true), mtu[i][1]);
    }
    host_free();
}

/* What a path was said to carry stays the path's. */
static void mtu_and_paths(void **state) {
    (void)state;
    host_tun();
    ip_addr dst = ip("10.9.0.1");
    struct ip_path path;
    assert_true(ip_path_mtu_learn(host.s, &dst, 1000));
    for (unsigned i = 0; i < 3; i++) {
        static const uint32_t mtu[3][2] = {{9000, 1000}, {1280, 1000}, {1500, 1000}};
        assert_int_equal(tern_iface_set_mtu(host.t, 0, mtu[i][0]), TERN_OK);
        assert_int_equal(path_to("10.9.0.1", &path), IP_PATH_OK);
        assert_int_equal(path.mtu, mtu[i][1]);
        assert_int_equal(path_to("10.9.0.3", &path), IP_PATH_OK);
        assert_int_equal(path.mtu, mtu[i][0]);
    }
    host_free();
}

/* ---- down and up ---- */

static void down_arguments(void **state) {
    (void)state;
    host_tun();
    int (*const calls[])(tern_stack *, int) = {tern_iface_down, tern_iface_up, tern_iface_remove};
    for (unsigned i = 0; i < ARRAY_LEN(calls); i++) {
        assert_int_equal(calls[i](NULL, 0), TERN_EINVAL);
        assert_int_equal(calls[i](host.t, 1), TERN_EINVAL);
        assert_int_equal(calls[i](host.t, -1), TERN_EINVAL);
    }
    assert_int_equal(tern_iface_up(host.t, 0), TERN_OK); /* it is */
    assert_int_equal(tern_iface_down(host.t, 0), TERN_OK);
    assert_int_equal(tern_iface_down(host.t, 0), TERN_OK);
    assert_int_equal(tern_iface_up(host.t, 0), TERN_OK);
    assert_true(has("10.9.0.2") && has("fd09::2"));
    host_free();
}

/* Two links; the first goes down with a packet in the queue, one that waits for a neighbour, one half put together. */
static void down_is_silent(void **state) {
    (void)state;
    host_new();
    assert_int_equal(iface_add(TERN_LINK_ETHERNET, 0, 1500), 0);
    assert_int_equal(iface_add(TERN_LINK_ETHERNET, 0, 1500), 1);
    give(0, "10.9.0.2", 24);
    give(1, "10.8.0.2", 24);
    give(0, "10.9.0.3", 24);
    tern_addr there = addr("10.9.0.1");
    assert_int_equal(tern_echo_send(host.t, &there, 1, 1, "x", 1), TERN_OK);
    assert_int_equal(host.s->ip.neighbours, 1);
    assert_int_equal(tern_iface_down(host.t, 0), TERN_OK);
    assert_int_equal(host.s->ip.neighbours, 0);
    assert_int_equal(host.s->ip.neighbours_unresolved, 0);
    assert_true(take()); /* the other link's announcement, and nothing else */
    assert_true(bytes_are(host.out + 28, "10.8.0.2"));
    assert_false(take());
    assert_true(tern_deadline(host.t) == TERN_NEVER);
    assert_int_equal(way_to("10.9.0.1"), -1);
    assert_int_equal(tern_echo_send(host.t, &there, 1, 2, "x", 1), TERN_ENOROUTE);
    assert_false(has("10.9.0.2") || has("10.9.0.3"));
    assert_true(has("10.8.0.2"));
    assert_int_equal(give(0, "10.9.0.4", 24), TERN_OK); /* for later */
    assert_false(has("10.9.0.4") || take());
    assert_int_equal(tern_iface_up(host.t, 0), TERN_OK);
    static const char *const mine[] = {"10.9.0.2", "10.9.0.3", "10.9.0.4"};
    for (unsigned i = 0; i < ARRAY_LEN(mine); i++) { /* [RFC5227 2.3] */
        assert_true(has(mine[i]) && take());
        assert_true(bytes_are(host.out + 28, mine[i]) && bytes_are(host.out + 38, mine[i]));
    }
    assert_false(take());
    assert_int_equal(tern_echo_send(host.t, &there, 1, 3, "x", 1), TERN_OK);
    host_free();
}

/* Whatever comes in is dropped, counted, and given back if it was lent; also what would have gone the short way. */
static void down_takes_nothing(void **state) {
    (void)state;
    host_tun();
    make_tcp(&k, "10.9.0.1", "10.9.0.2", 10);
    for (unsigned i = 0; i < 3; i++) feed(k.b, k.len);
    assert_int_equal(tcp_seen.segments, 3);
    assert_int_equal(tern_iface_down(host.t, 0), TERN_OK);
    int token;
    void *back = NULL;
    feed_with(0, k.b, k.len, 0, &token);
    assert_int_equal(tcp_seen.segments, 3);
    assert_int_equal(reason(R_LINK_DOWN), 1);
    assert_int_equal(tern_reclaim(host.t, &back, 1), 1);
    assert_ptr_equal(back, &token);
    /* and not by another link either: the address is not ours meanwhile */
    assert_int_equal(iface_add(TERN_LINK_IP, 0, 1500), 1);
    feed_with(1, k.b, k.len, 0, NULL);
    assert_int_equal(tcp_seen.segments, 3);
    assert_int_equal(reason(R_IP_NOT_OURS), 1);
    assert_int_equal(tern_iface_up(host.t, 0), TERN_OK);
    feed(k.b, k.len);
    assert_int_equal(tcp_seen.segments, 4);
    host_free();
}

/* [RFC4862 5.4, RFC4861 6.3.7] It may be another link: what routers said is forgotten, duplicates are looked for. */
static void up_starts_anew(void **state) {
    (void)state;
    host_auto(TERN_LINK_ETHERNET);
    give(0, "fd09::2", 64);
    watch_link();
    assert_int_equal(seen.probes, 2);
    assert_int_equal(seen.solicits, 1);
    feed_ra(1400, "2001:db8::");
    watch_link();
    assert_int_equal(seen.probes, 1);
    assert_true(has("2001:db8::ff:fe00:1"));
    unsigned routes = host.s->ip.routes;
    assert_int_equal(tern_iface_down(host.t, 0), TERN_OK);
    assert_int_equal(host.s->ip.routes, routes - 2); /* the prefix on the link, and the router */
    assert_int_equal(link_mtu(host.s, 0, true), 1500);
    watch_link();
    assert_int_equal(seen.probes + seen.solicits + seen.others, 0);
    assert_true(tern_deadline(host.t) == TERN_NEVER);
    assert_int_equal(tern_iface_up(host.t, 0), TERN_OK);
    assert_false(has("fd09::2"));
    watch_link();
    assert_int_equal(seen.probes, 2);
    assert_int_equal(seen.solicits, 1);
    assert_true(has("fd09::2") && has("fe80::ff:fe00:1"));
    assert_false(has("2001:db8::ff:fe00:1"));
    feed_ra(0, "2001:db8:1::");
    watch_link();
    assert_true(has("2001:db8:1::ff:fe00:1"));
    host_free();
}

/* An address that was somebody else's gets another chance. */
static void up_after_duplicate(void **state) {
    (void)state;
    host_auto(TERN_LINK_ETHERNET);
    give(0, "fd09::2", 64);
    nd_message m = {.target = ip("fd09::2"), .override_ = true, .has_lladdr = true};
    memcpy(m.lladdr, PEER_MAC, 6);
    make_nd(&k, (const uint8_t[6]){0x33, 0x33, 0, 0, 0, 1}, PEER_MAC, "fd09::2", "ff02::1", ICMP6_NA, &m, 255);
    feed(k.b, k.len);
    watch_link();
    assert_false(has("fd09::2"));
    assert_int_equal(tern_iface_down(host.t, 0), TERN_OK);
    assert_int_equal(tern_iface_up(host.t, 0), TERN_OK);
    watch_link();
    assert_true(has("fd09::2"));
    host_free();
}

/* Half a datagram from a link that went down is not waited for, and its sender not told of it by another link. */
static void down_forgets_fragments(void **state) {
    (void)state;
    host_new();
    for (int i = 0; i < 2; i++) assert_int_equal(iface_add(TERN_LINK_IP, 0, 1500), i);
    give(0, "10.9.0.2", 24);
    give(1, "10.8.0.2", 24);
    assert_int_equal(route(true, "0.0.0.0", 0, 1, NULL), TERN_OK);
    for (unsigned i = 0; i < 4; i++) {
        make_tcp(&k, "10.9.0.1", i & 1 ? "10.8.0.2" : "10.9.0.2", 100);
        store16(k.b + 4, (uint16_t)i);
        store16(k.b + 6, 0x2000);
        fix_ip4(k.b);
        feed_with(i / 2, k.b, k.len, 0, NULL);
    }
    assert_int_equal(host.s->ip.frag_datagrams, 4);
    assert_int_equal(tern_iface_down(host.t, 0), TERN_OK);
    assert_int_equal(host.s->ip.frag_datagrams, 2); /* those that came by the other one */
    assert_int_equal(tern_iface_remove(host.t, 1), TERN_OK);
    assert_int_equal(host.s->ip.frag_datagrams, 0);
    assert_int_equal(host.s->ip.frag_bytes, 0);
    assert_true(tern_deadline(host.t) == TERN_NEVER);
    host_free();
}

/* A route over a link that is down gives way to the next best one, and takes its place again. */
static void another_way(void **state) {
    (void)state;
    host_new();
    for (int i = 0; i < 2; i++) assert_int_equal(iface_add(TERN_LINK_IP, 0, 1500), i);
    give(0, "10.9.0.2", 24);
    give(1, "10.8.0.2", 24);
    assert_int_equal(route(true, "192.0.2.0", 24, 0, NULL), TERN_OK);
    assert_int_equal(route(true, "0.0.0.0", 0, 1, NULL), TERN_OK);
    assert_int_equal(way_to("192.0.2.1"), 0);
    unsigned changes = tcp_seen.path_changes;
    assert_int_equal(tern_iface_down(host.t, 0), TERN_OK);
    assert_true(tcp_seen.path_changes > changes); /* who waits for a neighbour there need not */
    assert_int_equal(way_to("192.0.2.1"), 1);
    assert_int_equal(tern_iface_up(host.t, 0), TERN_OK);
    assert_int_equal(way_to("192.0.2.1"), 0);
    host_free();
}

static void loopback_down(void **state) {
    (void)state;
    host_tun();
    assert_int_equal(iface_add(TERN_LINK_LOOPBACK, 0, 1500), 1);
    tern_addr own = addr("10.9.0.2"), peer = addr("10.9.0.1");
    tern_echo got;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(tern_echo_send(host.t, &own, 1, (uint16_t)i, "x", 1), TERN_OK);
        assert_false(take());
        assert_int_equal(tern_echo_reply(host.t, &got), TERN_OK);
        assert_int_equal(tern_echo_send(host.t, &own, 1, 9, "x", 1), TERN_OK);
        assert_int_equal(tern_echo_send(host.t, &peer, 1, 8, "x", 1), TERN_OK);
        tern_frame two[2];
        assert_int_equal(tern_output(host.t, two, 2, host.now), 1); /* the other one has left and not come in yet */
        assert_true(loopback_waiting(host.s));
        assert_int_equal(tern_echo_send(host.t, &own, 1, 10, "x", 1), TERN_OK); /* and this one has not left */
        assert_int_equal(tern_iface_down(host.t, 1), TERN_OK);
        assert_false(loopback_waiting(host.s) || take());
        assert_int_equal(tern_echo_reply(host.t, &got), TERN_EAGAIN);
        assert_int_equal(tern_echo_send(host.t, &own, 1, (uint16_t)i, "x", 1), TERN_ENOROUTE);
        assert_int_equal(iface_add(TERN_LINK_LOOPBACK, 0, 1500), TERN_EADDRINUSE);
        if (i == 0) {
            assert_int_equal(tern_iface_up(host.t, 1), TERN_OK);
        } else {
            assert_int_equal(tern_iface_remove(host.t, 1), TERN_OK);
            assert_int_equal(iface_add(TERN_LINK_LOOPBACK, 0, 1500), 1);
        }
    }
    host_free();
}

/* A tunnel without IPv6 asks no router, and what one says there brings none; nor is one asked while it is down. */
static void tunnel_without_ipv6(void **state) {
    (void)state;
    host_auto(TERN_LINK_IP);
    give(0, "10.9.0.2", 24);
    nd_message m = {.router_lifetime_s = 1800, .prefixes = 1};
    m.prefix[0] = (struct nd_prefix){ip("2001:db8::"), 64, true, true, 7200, 7200};
    make_nd(&k, MY_MAC, PEER_MAC, "fe80::99", "ff02::1", ICMP6_RA, &m, 255);
    feed(k.b + 14, k.len - 14);
    assert_int_equal(host.s->ip.addresses, 1);
    assert_int_equal(host.s->ip.routes, 1);
    assert_int_equal(tern_iface_down(host.t, 0), TERN_OK);
    assert_int_equal(tern_iface_up(host.t, 0), TERN_OK);
    assert_true(tern_deadline(host.t) == TERN_NEVER);
    assert_int_equal(tern_iface_down(host.t, 0), TERN_OK);
    give(0, "fe80::2", 64);
    assert_true(tern_deadline(host.t) == TERN_NEVER);
    assert_int_equal(tern_iface_up(host.t, 0), TERN_OK);
    pass_ms(1000);
    assert_true(take());
    assert_int_equal(host.out[40], ICMP6_RS);
    feed(k.b + 14, k.len - 14);
    assert_int_equal(host.s->ip.addresses, 3);
    host_free();
}

/* ---- removed ---- */

static void removed(void **state) {
    (void)state;
    host_new();
    for (int i = 0; i < 3; i++) assert_int_equal(iface_add(i == 1 ? TERN_LINK_ETHERNET : TERN_LINK_IP, 0, 1500), i);
    give(0, "10.9.0.2", 24);
    give(1, "10.8.0.2", 24);
    give(1, "fd08::2", 64);
    give(2, "10.7.0.2", 24);
    assert_int_equal(route(true, "192.0.2.0", 24, 1, "10.8.0.1"), TERN_OK);
    assert_int_equal(way_to("10.8.0.1"), -1); /* it is being asked for */
    assert_int_equal(tern_iface_remove(host.t, 1), TERN_OK);
    assert_false(take());
    assert_false(has("10.8.0.2") || has("fd08::2"));
    assert_int_equal(host.s->ip.routes, 2);
    assert_int_equal(way_to("10.7.0.1"), 2);
    tern_packet p = {.data = k.b, .len = 0};
    tern_addr a = addr("10.8.0.2");
    assert_int_equal(tern_input(host.t, 1, &p, 1, host.now), TERN_EINVAL);
    assert_int_equal(tern_addr_add(host.t, 1, &a, 24), TERN_EINVAL);
    assert_int_equal(route(true, "192.0.2.0", 24, 1, NULL), TERN_EINVAL);
    assert_int_equal(tern_iface_up(host.t, 1), TERN_EINVAL);
    assert_int_equal(tern_iface_down(host.t, 1), TERN_EINVAL);
    assert_int_equal(tern_iface_remove(host.t, 1), TERN_EINVAL);
    assert_int_equal(tern_iface_set_mtu(host.t, 1, 1400), TERN_EINVAL);
    /* Its number goes to the next, of another kind, which knows nothing of it. */
    assert_int_equal(iface_add(TERN_LINK_IP, 0, 1400), 1);
    assert_int_equal(give(1, "10.8.0.2", 24), TERN_OK);
    assert_int_equal(way_to("10.8.0.1"), 1);
    assert_int_equal(way_to("192.0.2.1"), -1);
    assert_false(take());
    host_free();
}

/* All sixteen, over and over. */
static void numbers_are_used_again(void **state) {
    (void)state;
    host_new();
    for (int i = 0; i < IP_IFACES; i++) assert_int_equal(iface_add(TERN_LINK_ETHERNET, 0, 1500), i);
    for (unsigned turn = 0; turn < 100; turn++) {
        int i = (int)(chance(IP_IFACES));
        char own[32];
        assert_int_equal(iface_add(TERN_LINK_IP, 0, 1500), TERN_ELIMIT);
        assert_int_equal(tern_iface_remove(host.t, i), TERN_OK);
        assert_int_equal(iface_add(turn & 1 ? TERN_LINK_IP : TERN_LINK_ETHERNET, 0, 1500), i);
        snprintf(own, sizeof own, "10.%u.%d.1", turn, i);
        assert_int_equal(give(i, own, 24), TERN_OK);
        take_all();
    }
    assert_true(host.s->ip.addresses <= IP_IFACES);
    host_free();
}

/* [RFC4862 5.4.2] Memory that is out when the interface comes and goes costs packets, nothing else. */
static void without_memory(void **state) {
    (void)state;
    for (uint64_t at = 1; at < 12; at++) {
        host_auto(TERN_LINK_ETHERNET);
        heap.fail_at = heap.calls + at;
        give(0, "10.9.0.2", 24);
        give(0, "fd09::2", 64);
        tern_addr there = addr("10.9.0.1");
        tern_echo_send(host.t, &there, 1, 1, "x", 1);
        tern_iface_down(host.t, 0);
        tern_iface_up(host.t, 0);
        watch_link();
        assert_true(has("10.9.0.2") && has("fd09::2"));
        assert_int_equal(tern_iface_remove(host.t, 0), TERN_OK);
        assert_int_equal(iface_add(TERN_LINK_ETHERNET, 0, 1500), 0);
        host_free();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(routes_go),
        cmocka_unit_test(route_arguments),
        cmocka_unit_test(routes_make_room),
        cmocka_unit_test(mtu_limits),
        cmocka_unit_test(mtu_and_ipv6),
        cmocka_unit_test(mtu_and_routes),
        cmocka_unit_test(mtu_brings_ipv6),
        cmocka_unit_test(mtu_advertised),
        cmocka_unit_test(mtu_and_paths),
        cmocka_unit_test(down_arguments),
        cmocka_unit_test(down_is_silent),
        cmocka_unit_test(down_takes_nothing),
        cmocka_unit_test(up_starts_anew),
        cmocka_unit_test(up_after_duplicate),
        cmocka_unit_test(down_forgets_fragments),
        cmocka_unit_test(another_way),
        cmocka_unit_test(loopback_down),
        cmocka_unit_test(tunnel_without_ipv6),
        cmocka_unit_test(removed),
        cmocka_unit_test(numbers_are_used_again),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests_name("ip_iface", tests, NULL, NULL);
}
