/* test_ip_autoconf.c - IPv6 addresses that nobody typed in: link-local, duplicates, router solicitations and
 * advertisements, lifetimes. From RFC 4861 6.3, 4862, 7217. */
#include "ip_fixture.h"

static packet k;

static void host_auto(enum tern_link link, uint32_t autoconf, uint32_t dad) {
    tern_config c;
    host_config(&c);
    c.autoconf = autoconf;
    c.dad = dad;
    host_new_with(&c);
    assert_int_equal(iface_add(link, 0, 1500), 0);
}

static bool has(const char *text_of, unsigned *prefix_len) {
    tern_addr want = addr(text_of), a;
    int iface;
    for (size_t i = 0; tern_addr_at(host.t, i, &a, &iface, prefix_len); i++)
        if (memcmp(&a, &want, sizeof a) == 0) return iface == 0;
    return false;
}

static const char *const me_ll = "fe80::ff:fe00:1"; /* of 02:00:00:00:00:01 */

/* Did something become of an address since the last time? */
static bool told(void) {
    tern_event e = {0};
    return tern_poll(host.t, &e, 1) == 1 && e.sock.id == 0 && e.bits == TERN_EV_ADDRESS;
}

static void feed_ra(const char *router, const nd_message *m) {
    make_nd(&k, (const uint8_t[6]){0x33, 0x33, 0, 0, 0, 1}, PEER_MAC, router, "ff02::1", ICMP6_RA, m, 255);
    feed(k.b, k.len);
}
static nd_message ra_of(uint16_t lifetime, const char *prefix, uint32_t valid, uint32_t preferred) {
    nd_message m = {.router_lifetime_s = lifetime, .hop_limit = 64, .prefixes = 1};
    m.prefix[0].prefix = ip(prefix);
    m.prefix[0].len = 64;
    m.prefix[0].on_link = m.prefix[0].autonomous = true;
    m.prefix[0].valid_s = valid;
    m.prefix[0].preferred_s = preferred;
    return m;
}
static enum ip_path_result path_to(const char *to, struct ip_path *path) {
    ip_addr dst = ip(to);
    return ip_path_find(host.s, NULL, &dst, path);
}

/* ---- idle hosts ---- */

static void test_idle(void **state) {
    (void)state;
    host_auto(TERN_LINK_IP, 1, 1);
    assert_true(tern_deadline(host.t) == TERN_NEVER);
    give(0, "10.9.0.2", 24);
    give(0, "fd09::2", 64);
    assert_true(tern_deadline(host.t) == TERN_NEVER); /* a tunnel with its address asks nobody */
    assert_false(take());
    unsigned len;
    assert_true(has("fd09::2", &len) && len == 64);
    tern_addr a;
    assert_true(tern_addr_at(host.t, 2, &a, NULL, NULL)); /* its link-local address, from its name and the key */
    ip_addr ll = addr_in(&a);
    assert_true(ip_is_link_local(&ll));
    assert_false(tern_addr_at(host.t, 3, &a, NULL, NULL));
    host_free();
    host_auto(TERN_LINK_IP, 1, 1);
    give(0, "fd09::2", 64);
    tern_addr again;
    assert_true(tern_addr_at(host.t, 1, &again, NULL, NULL));
    assert_memory_equal(&a, &again, sizeof a); /* stable */
    host_free();
}

/* ---- duplicates ---- */

static void test_dad(void **state) {
    (void)state;
    host_auto(TERN_LINK_ETHERNET, 0, 1);
    give(0, "fd09::2", 64);
    ip_addr mine = ip("fd09::2");
    assert_false(ip_is_ours(host.s, &mine) || has("fd09::2", NULL));
    bool asked = false, asked_ll = false;
    for (int ms = 0; ms < 999; ms++) {
        pass_ms(1);
        while (take()) {
            check_out(14);
            assert_true(host.out[54] == ICMP6_NS && host.out[21] == 255 && bytes_are(host.out + 22, "::"));
            assert_int_equal(host.out_len, 14 + 40 + 24 + 8);
            assert_true(host.out[78] == 14 &&
                        host.out[79] == 1); /* which question it is [RFC7527 4.1]; no link address */
            bool ll = bytes_are(host.out + 62, me_ll);
            assert_true(bytes_are(host.out + 38, ll ? "ff02::1:ff00:1" : "ff02::1:ff00:2"));
            assert_false(ll ? asked_ll : asked);
            *(ll ? &asked_ll : &asked) = true;
        }
    }
    assert_true(asked && asked_ll);
    make_echo(&k, "fd09::1", "fd09::2", ICMP6_ECHO, 1, 1, 4); /* tentative: not for packets */
    packet frame;
    make_frame(&frame, MY_MAC, PEER_MAC, ETH_TYPE_IP6, k.b, k.len);
    feed(frame.b, frame.len);
    assert_false(take());
    unsigned changes = tcp_seen.path_changes;
    assert_false(told());
    pass_ms(1000);
    assert_true(has("fd09::2", NULL) && has(me_ll, NULL));
    assert_int_equal(tcp_seen.path_changes, changes + 2);
    assert_true(told());
    assert_true(tern_deadline(host.t) == TERN_NEVER);
    host_free();
}

/* [RFC4862 5.4.3, RFC7527 4] A link that brings our own question back says nothing about others; one that differs in a bit is
 * somebody else's, also from a station with our link address. */
static void test_dad_echo(void **state) {
    (void)state;
    for (int how = 0; how < 3; how++) {
        host_auto(TERN_LINK_ETHERNET, 0, 1);
        give(0, "fd09::2", 64);
        for (int ms = 0; ms < 1000; ms++) {
            pass_ms(1);
            while (take()) {
                packet back;
                memcpy(back.b, host.out, back.len = host.out_len);
                assert_int_equal(back.b[54], ICMP6_NS);
                if (how) { /* the last byte of the option, and the checksum with it */
                    back.b[back.len - 1] ^= 1;
                    ip_addr from = ip("::"), to;
                    memcpy(to.b, back.b + 38, 16);
                    put_sum(back.b + 56, 0);
                    put_sum(back.b + 56, sum_of(back.b + 54, back.len - 54,
                                                pseudo_sum(&from, &to, IP_PROTO_ICMP6, (uint32_t)back.len - 54)));
                }
                for (int times = 0; times < (how == 2 ? 1 : 3); times++) feed(back.b, back.len);
            }
        }
        pass_ms(1500);
        assert_int_equal(has("fd09::2", NULL), how == 0);
        assert_int_equal(has(me_ll, NULL), how == 0);
        assert_int_equal(reason(R_ND_DUPLICATE), how ? 2 : 0);
        host_free();
    }
}

/* What is said on one link says nothing of an address on another: neither a claim nor a question. */
static void test_dad_elsewhere(void **state) {
    (void)state;
    host_auto(TERN_LINK_ETHERNET, 0, 1);
    tern_iface_config c = {.size = sizeof c, .link = TERN_LINK_ETHERNET, .mtu = 1500, .mac = {2, 0, 0, 0, 0, 9}};
    assert_int_equal(tern_iface_add(host.t, &c), 1);
    give(0, "fd09::2", 64);
    give(1, "fd08::2", 64);
    static const uint8_t nodes[6] = {0x33, 0x33, 0, 0, 0, 1};
    nd_message m = {.target = ip("fd09::2"), .override_ = true};
    for (int ready = 0; ready < 2; ready++) {
        make_nd(&k, nodes, PEER_MAC, "fd09::2", "ff02::1", ICMP6_NA, &m, 255);
        if (!ready)
            feed_with(1, k.b, k.len, 0, NULL); /* who has our address on the wrong link is refused as a source later */
        make_nd(&k, nodes, PEER_MAC, "fd08::9", "ff02::1", ICMP6_NA, &m, 255);
        feed_with(1, k.b, k.len, 0, NULL);
        make_nd(&k, nodes, PEER_MAC, "fd08::9", "ff02::1", ICMP6_NS, &m, 255);
        feed_with(1, k.b, k.len, 0, NULL);
        assert_int_equal(reason(R_ND_DUPLICATE), 0);
        if (ready) assert_false(take());
        pass_ms(2500);
        take_all();
        assert_true(has("fd09::2", NULL));
    }
    host_free();
}

/* [RFC4861 7.1.1] Nobody cannot have a link address: who says so asks about nothing. */
static void test_nobody_with_a_link_address(void **state) {
    (void)state;
    host_auto(TERN_LINK_ETHERNET, 0, 1);
    give(0, "fd09::2", 64);
    static const uint8_t group[6] = {0x33, 0x33, 0xff, 0, 0, 2};
    nd_message m = {.target = ip("fd09::2"), .has_lladdr = true, .lladdr = {2, 0, 0, 0, 0, 2}};
    for (unsigned i = 0; i < 2; i++) {
        make_nd(&k, group, PEER_MAC, "::", "ff02::1:ff00:2", ICMP6_NS, &m, 255);
        feed(k.b, k.len);
        assert_int_equal(reason(R_ND_INVALID), i + 1);
        if (i) assert_false(take());
        pass_ms(2500);
        take_all();
        assert_true(has("fd09::2", NULL));
    }
    host_free();
}

/* Somebody has it, or wants it at the same time [RFC4862 5.4.3, 5.4.4]. */
static void test_dad_conflict(void **state) {
    (void)state;
    for (int how = 0; how < 4; how++) {
        host_auto(TERN_LINK_ETHERNET, 0, 1);
        give(0, "fd09::2", 64);
        pass_ms(how == 3 ? 0 : 999);
        take_all();
        nd_message m = {.target = ip("fd09::2"), .override_ = true, .has_lladdr = how == 0 || how == 1};
        memcpy(m.lladdr, PEER_MAC, 6);
        static const uint8_t nodes[6] = {0x33, 0x33, 0, 0, 0, 1}, group[6] = {0x33, 0x33, 0xff, 0, 0, 2};
        if (how == 0)
            make_nd(&k, nodes, PEER_MAC, "fd09::2", "ff02::1", ICMP6_NA, &m, 255); /* it has it */
        else if (how == 1)
            make_nd(&k, group, PEER_MAC, "fd09::9", "ff02::1:ff00:2", ICMP6_NS, &m, 255); /* it only looks for it */
        else
            make_nd(&k, group, PEER_MAC, "::", "ff02::1:ff00:2", ICMP6_NS, &m, 255); /* it wants it */
        feed(k.b, k.len);
        pass_ms(2500);
        assert_int_equal(has("fd09::2", NULL), how == 1);
        assert_true(told());
        assert_int_equal(reason(R_ND_DUPLICATE), how != 1);
        assert_true(has(me_ll, NULL));
        host_free();
    }
    host_auto(TERN_LINK_ETHERNET, 0, 1); /* later claims are counted, and change nothing */
    give(0, "fd09::2", 64);
    pass_ms(3000);
    take_all();
    nd_message m = {.target = ip("fd09::2"), .override_ = true, .has_lladdr = true};
    memcpy(m.lladdr, PEER_MAC, 6);
    make_nd(&k, (const uint8_t[6]){0x33, 0x33, 0, 0, 0, 1}, PEER_MAC, "fd09::8", "ff02::1", ICMP6_NA, &m, 255);
    feed(k.b, k.len);
    assert_true(has("fd09::2", NULL));
    assert_int_equal(reason(R_ND_DUPLICATE), 1);
    host_free();
}

/* A connection may be asked for at once; its packets wait until the address is known to be free. */
static void test_source_waits(void **state) {
    (void)state;
    for (int conflict = 0; conflict < 2; conflict++) {
        host_auto(TERN_LINK_ETHERNET, 0, 1);
        give(0, "fd09::2", 64);
        ip_addr dst = ip("fd09::1"), mine = ip("fd09::2"), source;
        assert_true(ip_route_source(host.s, &dst, &source));
        assert_true(ip_eq(&source, &mine));
        struct ip_path path;
        assert_int_equal(ip_path_find(host.s, &source, &dst, &path), IP_PATH_PENDING);
        assert_int_equal(ip_path_find(host.s, NULL, &dst, &path), IP_PATH_NONE);
        tern_addr peer = addr("fd09::1");
        assert_int_equal(tern_echo_send(host.t, &peer, 1, 1, NULL, 0), TERN_EAGAIN);
        ip_send(host.s, &mine, &dst, IP_PROTO_TCP, 0, 0, "01234567890123456789", 20, 16);
        assert_int_equal(host.s->ip.neighbours, 0);
        assert_int_equal(take_all(), 0);
        unsigned changes = tcp_seen.path_changes;
        if (conflict) {
            nd_message m = {.target = ip("fd09::2"), .override_ = true};
            make_nd(&k, (const uint8_t[6]){0x33, 0x33, 0, 0, 0, 1}, PEER_MAC, "fd09::2", "ff02::1", ICMP6_NA, &m, 255);
            feed(k.b, k.len);
        } else {
            pass_ms(2000);
        }
        assert_true(tcp_seen.path_changes > changes);
        assert_int_equal(ip_path_find(host.s, &source, &dst, &path), conflict ? IP_PATH_NONE : IP_PATH_PENDING);
        assert_int_equal(host.s->ip.neighbours, !conflict);
        host_free();
    }
}

/* ---- routers ---- */

/* [RFC4861 6.3.7, RFC7559 2] At once, then after 4 seconds, and then less and less often, but without an end: the first
 * may have been lost on a link that was not ready, or there was no router yet. */
static void test_solicitations(void **state) {
    (void)state;
    host_auto(TERN_LINK_ETHERNET, 1, 0);
    uint64_t last = 0, nominal = 4 * SEC_NS;
    for (unsigned n = 0; n < 14; n++) {
        do {
            assert_true(tern_deadline(host.t) < host.now + 4000 * SEC_NS);
            pass_ns(tern_deadline(host.t) - host.now);
        } while (!take());
        check_out(14);
        assert_true(host.out[54] == ICMP6_RS && host.out[21] == 255);
        assert_true(bytes_are(host.out + 22, me_ll) && bytes_are(host.out + 38, "ff02::2"));
        assert_int_equal(host.out[62], 1); /* our link address */
        assert_false(take());
        if (n) {
            assert_in_range(host.now - last, nominal, nominal + nominal / 10 + SEC_NS / 100);
            nominal = min_u64(2 * nominal, 3600 * SEC_NS);
        }
        last = host.now;
    }
    assert_int_equal(nominal, 3600 * SEC_NS);
    host_free();
    host_auto(TERN_LINK_ETHERNET, 0, 0); /* unless enabled */
    give(0, "fd09::2", 64);
    pass_ms(20000);
    assert_int_equal(take_all(), 0);
    host_free();
}

/* [RFC4861 6.3.7] Only a router that can be a default router answers the question; one that spoke before it was asked may
 * have more to say. */
static void test_solicitations_end(void **state) {
    (void)state;
    static const struct {
        unsigned before_ms, asked;
        uint16_t lifetime;
        unsigned more; /* solicitations after the advertisement, within 20 s */
    } cases[] = {{1001, 1, 0, 2},    {1001, 1, 1, 0}, {1001, 1, 1800, 0}, {6002, 2, 0, 1},
                 {6002, 2, 1800, 0}, {0, 0, 0, 3},    {0, 0, 1800, 1}};
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        host_auto(TERN_LINK_ETHERNET, 1, 0);
        pass_ms(cases[i].before_ms);
        assert_int_equal(take_all(), cases[i].asked);
        nd_message m = ra_of(cases[i].lifetime, "2001:db8::", 3600, 3600);
        feed_ra("fe80::99", &m);
        feed_ra("fe80::99", &m);
        pass_ms(20000);
        assert_int_equal(take_all(), cases[i].more);
        host_free();
    }
}

static void test_advertisement(void **state) {
    (void)state;
    host_auto(TERN_LINK_ETHERNET, 1, 0);
    nd_message m = ra_of(1800, "2001:db8::", 86400, 3600);
    m.mtu = 1400;
    assert_false(told());
    feed_ra("fe80::99", &m);
    assert_true(told());
    feed_ra("fe80::99", &m); /* the same once more */
    assert_false(told());
    pass_ms(1000);
    take_all();
    unsigned len;
    assert_true(has("2001:db8::ff:fe00:1", &len) && len == 64);
    struct ip_path path;
    assert_int_equal(path_to("2001:db8:ffff::1", &path), IP_PATH_PENDING); /* by the router */
    assert_true(take());
    assert_true(bytes_are(host.out + 62, "fe80::99"));
    nd_message na = {
        .target = ip("fe80::99"), .solicited = true, .override_ = true, .router = true, .has_lladdr = true};
    memcpy(na.lladdr, PEER_MAC, 6);
    make_nd(&k, MY_MAC, PEER_MAC, "fe80::99", me_ll, ICMP6_NA, &na, 255);
    feed(k.b, k.len);
    assert_int_equal(path_to("2001:db8:ffff::1", &path), IP_PATH_OK);
    assert_memory_equal(path.l2, PEER_MAC, 6);
    assert_int_equal(path.mtu, 1400);
    ip_addr mine = ip("2001:db8::ff:fe00:1");
    assert_true(ip_eq(&path.source, &mine));
    assert_int_equal(path_to("2001:db8::1", &path), IP_PATH_PENDING); /* on the link */
    take_all();
    na.router = false; /* no router any more [RFC4861 7.2.5] */
    make_nd(&k, MY_MAC, PEER_MAC, "fe80::99", me_ll, ICMP6_NA, &na, 255);
    feed(k.b, k.len);
    assert_int_equal(path_to("2001:db8:ffff::1", &path), IP_PATH_NONE);
    feed_ra("fe80::99", &m);
    assert_int_equal(path_to("2001:db8:ffff::1", &path), IP_PATH_OK);
    m.router_lifetime_s = 0;
    feed_ra("fe80::99", &m);
    assert_int_equal(path_to("2001:db8:ffff::1", &path), IP_PATH_NONE);
    host_free();
}

static void test_expiry(void **state) {
    (void)state;
    host_auto(TERN_LINK_ETHERNET, 1, 0);
    nd_message m = ra_of(100, "2001:db8::", 300, 200);
    feed_ra("fe80::99", &m);
    pass_ms(1);
    take_all();
    struct ip_path path;
    pass_ms(99000);
    take_all();
    assert_int_not_equal(path_to("2001:db8:ffff::1", &path), IP_PATH_NONE);
    pass_ms(1000);
    assert_int_equal(path_to("2001:db8:ffff::1", &path), IP_PATH_NONE);
    assert_int_not_equal(path_to("2001:db8::1", &path), IP_PATH_NONE);
    pass_ms(198000);
    assert_true(has("2001:db8::ff:fe00:1", NULL));
    assert_true(told());
    assert_false(told());
    pass_ms(2000);
    assert_false(has("2001:db8::ff:fe00:1", NULL));
    assert_true(told());
    assert_int_equal(path_to("2001:db8::1", &path), IP_PATH_NONE);
    ip_addr mine = ip("2001:db8::ff:fe00:1"), ll = ip(me_ll), router = ip("fe80::99"); /* [RFC4862 5.5.4] */
    assert_int_equal(ip_path_find(host.s, &mine, &router, &path), IP_PATH_NONE);
    assert_int_not_equal(ip_path_find(host.s, &ll, &router, &path), IP_PATH_NONE);
    take_all();
    pass_ms(10000);
    take_all();
    assert_true(tern_deadline(host.t) == TERN_NEVER);
    host_free();
}

/* What the user says outlasts what a router said, in either order. */
static void test_route_by_hand(void **state) {
    (void)state;
    host_auto(TERN_LINK_ETHERNET, 1, 0);
    nd_message m = ra_of(100, "2001:db8::", 300, 200);
    tern_addr all = {.family = 6}, via = addr("fe80::99");
    feed_ra("fe80::99", &m);
    pass_ms(1);
    take_all();
    assert_int_equal(tern_route_add(host.t, &all, 0, 0, &via), TERN_OK);
    struct ip_path path;
    pass_ms(200000);
    take_all();
    assert_int_not_equal(path_to("2001:db8:ffff::1", &path), IP_PATH_NONE);
    feed_ra("fe80::99", &m);
    pass_ms(200000);
    take_all();
    assert_int_not_equal(path_to("2001:db8:ffff::1", &path), IP_PATH_NONE);
    host_free();
}

/* RFC 4862 5.5.3 e: an advertisement cannot kill an address at once. */
static void test_two_hours(void **state) {
    (void)state;
    static const struct {
        uint32_t first, then;
        uint64_t lives_s;
    } cases[] = {{86400, 1, 7200},   {86400, 7201, 7201}, {86400, 100000, 100000}, {3600, 1, 3600},
                 {3600, 3601, 3601}, {3600, 7200, 7200},  {UINT32_MAX, 0, 7200},   {600, 0, 600}};
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        host_auto(TERN_LINK_ETHERNET, 1, 0);
        nd_message m = ra_of(0, "2001:db8::", cases[i].first, 0);
        feed_ra("fe80::99", &m);
        assert_true(has("2001:db8::ff:fe00:1", NULL));
        m.prefix[0].valid_s = cases[i].then;
        feed_ra("fe80::99", &m);
        pass_ms(cases[i].lives_s * 1000 - 1);
        assert_true(has("2001:db8::ff:fe00:1", NULL));
        pass_ms(2);
        assert_false(has("2001:db8::ff:fe00:1", NULL));
        host_free();
    }
}

/* [RFC4291 appendix A, RFC2464 4] Every byte of the station's address in its place, one bit turned. */
static void test_identifier(void **state) {
    (void)state;
    host_new();
    tern_iface_config c = {
        .size = sizeof c, .link = TERN_LINK_ETHERNET, .mtu = 1500, .mac = {0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc}};
    assert_int_equal(tern_iface_add(host.t, &c), 0);
    assert_int_equal(give(0, "fd09::2", 64), TERN_OK);
    unsigned len;
    assert_true(has("fe80::1034:56ff:fe78:9abc", &len) && len == 64);
    host_free();
}

/* The link-local address of a host without a station's address, whose interface has this name, and whose key this. */
static ip_addr opaque(const char *name, uint8_t key) {
    tern_config c;
    host_config(&c);
    c.entropy[0] = key;
    host_new_with(&c);
    tern_iface_config i = {.size = sizeof i, .name = name, .link = TERN_LINK_IP, .mtu = 1500};
    assert_int_equal(tern_iface_add(host.t, &i), 0);
    assert_int_equal(give(0, "fd09::2", 64), TERN_OK);
    tern_addr a;
    assert_true(tern_addr_at(host.t, 1, &a, NULL, NULL));
    host_free();
    return addr_in(&a);
}

/* [RFC7217 5] The identifier is the same at each start, and another one on another interface or with another key. */
static void test_opaque_identifier(void **state) {
    (void)state;
    ip_addr a = opaque("t0", 1), same = opaque("t0", 1), other = opaque("t1", 1),
            long_name = opaque("t0t0t0t0t0t0t0t", 1), longer = opaque("t0t0t0t0t0t0t0u", 1), rekeyed = opaque("t0", 2);
    ip_addr prefix = ip("fe80::");
    assert_true(ip_in_prefix(&a, &prefix, 64) && ip_eq(&a, &same));
    assert_false(ip_eq(&a, &other) || ip_eq(&a, &rekeyed) || ip_eq(&a, &long_name) || ip_eq(&long_name, &longer));
}

static void test_ra_refused(void **state) {
    (void)state;
    host_auto(TERN_LINK_ETHERNET, 1, 0);
    nd_message m = ra_of(1800, "2001:db8::", 86400, 3600);
    feed_ra("2001:db8::99", &m); /* not link-local */
    make_nd(&k, MY_MAC, PEER_MAC, "fe80::99", "ff02::1", ICMP6_RA, &m, 64);
    feed(k.b, k.len);
    assert_int_equal(reason(R_ND_INVALID), 2);
    m.prefix[0].prefix = ip("fe80::");
    feed_ra("fe80::99", &m);
    m.prefix[0].prefix = ip("ff05::");
    feed_ra("fe80::99", &m);
    m.prefix[0].prefix = ip("2001:db8::");
    m.prefix[0].on_link = false;
    m.prefix[0].len = 48; /* no room for an identifier of 64 bits */
    feed_ra("fe80::99", &m);
    m.prefix[0].len = 64;
    m.prefix[0].preferred_s = 90000; /* longer than valid */
    feed_ra("fe80::99", &m);
    m.mtu = 1279;
    feed_ra("fe80::99", &m);
    m.mtu = 1501;
    feed_ra("fe80::99", &m);
    assert_int_equal(host.s->ip.addresses, 1);
    assert_int_equal(host.s->ip.link[0].mtu6, 1500);
    static const uint32_t fine[] = {1280, 1281, 1499,
                                    1500}; /* [RFC4861 6.3.4] what the link carries, but not less than 1280 */
    for (unsigned i = 0; i < ARRAY_LEN(fine); i++) {
        m.mtu = fine[i];
        feed_ra("fe80::99", &m);
        assert_int_equal(host.s->ip.link[0].mtu6, fine[i]);
    }
    host_free();
    host_auto(TERN_LINK_ETHERNET, 0, 0); /* unless enabled */
    give(0, "fd09::2", 64);
    m = ra_of(1800, "2001:db8::", 86400, 3600);
    feed_ra("fe80::99", &m);
    assert_int_equal(host.s->ip.addresses, 2);
    host_free();
}

static unsigned on_link_routes(void) {
    unsigned n = 0;
    for (uint32_t i = 0; i < host.s->ip.routes; i++)
        n += host.s->ip.route[i].origin == IP_ROUTE_ADVERTISED && ip_is_unspecified(&host.s->ip.route[i].via);
    return n;
}

/* [RFC4861 6.3.4, RFC4862 5.5.3] Each of the two flags says one thing; and what is no prefix of hosts elsewhere makes neither
 * route nor address: all the world, the link itself, groups, and IPv4 in disguise, of any length. */
static void test_prefix_flags(void **state) {
    (void)state;
    host_auto(TERN_LINK_ETHERNET, 1, 0);
    static const struct {
        const char *prefix;
        uint8_t len;
        bool on_link, autonomous, routed, addressed;
    } cases[] = {
        {"::", 0, true, true, false, false},
        {"fe80::", 64, true, true, false, false},
        {"fe80:0:0:5::", 64, true, true, false, false},
        {"ff05::", 64, true, true, false, false},
        {"::ffff:10.0.0.0", 8, true, true, false, false},
        {"::ffff:10.0.0.0", 104, true, true, false, false},
        {"::ffff:10.0.0.0", 128, true, true, false, false},
        {"2001:db8:1::", 64, false, false, false, false},
        {"2001:db8:2::", 64, true, false, true, false},
        {"2001:db8:3::", 64, false, true, false, true},
        {"2001:db8:4::", 64, true, true, true, true},
        {"2001:db8:5::", 128, true, true, true, false},
        {"2001:db8:6::", 1, true, true, true, false},
    };
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        nd_message m = ra_of(0, cases[i].prefix, 86400, 3600);
        m.prefix[0].len = cases[i].len;
        m.prefix[0].on_link = cases[i].on_link;
        m.prefix[0].autonomous = cases[i].autonomous;
        unsigned routes = on_link_routes(), addresses = host.s->ip.addresses;
        feed_ra("fe80::99", &m);
        assert_int_equal(on_link_routes(), routes + cases[i].routed);
        assert_int_equal(host.s->ip.addresses, addresses + cases[i].addressed);
    }
    host_free();
}

/* [RFC6724 5 rule 3] A prefix on its way out is not spoken from while there is another, until it is said to stay. */
static void test_deprecated(void **state) {
    (void)state;
    host_auto(TERN_LINK_ETHERNET, 1, 0);
    nd_message other = ra_of(1800, "2001:db8:b::", 86400, 86400);
    feed_ra("fe80::99", &other);
    for (unsigned preferred = 0; preferred < 5; preferred++) {
        nd_message m = ra_of(1800, "2001:db8:a::", 86400, preferred & 1 ? 0 : 3600);
        unsigned changes = tcp_seen.path_changes;
        feed_ra("fe80::99", &m);
        assert_true(tcp_seen.path_changes > changes); /* who waits for a router may have one */
        ip_addr to = ip("2001:db8:a::9"), from;
        assert_true(ip_route_source(host.s, &to, &from));
        ip_addr want = ip(preferred & 1 ? "2001:db8:b::ff:fe00:1" : "2001:db8:a::ff:fe00:1");
        assert_true(ip_eq(&from, &want));
    }
    host_free();
}

/* The route to a prefix came with the address that was typed in, and goes with it, whatever else was made from that prefix. */
static void test_route_of_an_address(void **state) {
    (void)state;
    host_auto(TERN_LINK_ETHERNET, 1, 0);
    give(0, "2001:db8::2", 64);
    nd_message m = ra_of(0, "2001:db8::", 86400, 3600);
    m.prefix[0].on_link = false;
    feed_ra("fe80::99", &m);
    struct ip_path path;
    assert_true(has("2001:db8::ff:fe00:1", NULL));
    assert_int_equal(path_to("2001:db8::77", &path), IP_PATH_PENDING);
    tern_addr typed = addr("2001:db8::2");
    assert_int_equal(tern_addr_remove(host.t, 0, &typed), TERN_OK);
    assert_true(has("2001:db8::ff:fe00:1", NULL));
    assert_int_equal(path_to("2001:db8::77", &path), IP_PATH_NONE);
    host_free();
}

/* [RFC4861 6.3.6] The way around a silent router is left when that one is heard of again. */
static void test_router_returns(void **state) {
    (void)state;
    host_auto(TERN_LINK_ETHERNET, 1, 0);
    nd_message m = ra_of(1800, "2001:db8::", 86400, 3600);
    feed_ra("fe80::91", &m);
    tern_iface_config c = {.size = sizeof c, .link = TERN_LINK_IP, .mtu = 1500};
    assert_int_equal(tern_iface_add(host.t, &c), 1);
    assert_int_equal(give(1, "fd08::2", 64), TERN_OK);
    tern_addr all = {.family = 6};
    assert_int_equal(tern_route_add(host.t, &all, 0, 1, NULL), TERN_OK);
    struct ip_path path;
    assert_int_equal(path_to("2001:db8:9::1", &path), IP_PATH_PENDING);
    pass_ms(4000);
    take_all();
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(path_to("2001:db8:9::1", &path), IP_PATH_OK);
        assert_int_equal(path.iface, 1);
    }
    m.has_lladdr = true;
    memcpy(m.lladdr, PEER_MAC, 6);
    feed_ra("fe80::91", &m);
    assert_int_equal(path_to("2001:db8:9::1", &path), IP_PATH_OK);
    assert_int_equal(path.iface, 0);
    host_free();
}

/* Two links with one prefix are two addresses; what one of them takes with it is its own. */
static void test_two_links(void **state) {
    (void)state;
    host_auto(TERN_LINK_ETHERNET, 1, 0);
    tern_iface_config c = {.size = sizeof c, .link = TERN_LINK_ETHERNET, .mtu = 1500, .mac = {2, 0, 0, 0, 0, 9}};
    assert_int_equal(tern_iface_add(host.t, &c), 1);
    nd_message m = ra_of(1800, "2001:db8::", 86400, 3600);
    for (int i = 0; i < 2; i++) {
        feed_ra("fe80::99", &m); /* to the first one */
        feed_with(1, k.b, k.len, 0, NULL);
        assert_int_equal(host.s->ip.addresses, 4);
        assert_int_equal(host.s->ip.routes, 2 * 3);
        assert_int_equal(tern_iface_down(host.t, i), TERN_OK);
        assert_int_equal(host.s->ip.addresses, 3);
        assert_int_equal(host.s->ip.routes, 1 + 3);
        ip_addr left = ip(i ? "2001:db8::ff:fe00:1" : "2001:db8::ff:fe00:9");
        assert_true(ip_is_ours(host.s, &left));
        assert_int_equal(tern_iface_up(host.t, i), TERN_OK);
    }
    host_free();
}

/* [RFC4861 6.3.7, RFC7559 2] A link that was down is asked as if it were new: the answers of before and the long pauses of a
 * search in vain are forgotten. */
static void test_asks_anew(void **state) {
    (void)state;
    for (int answered = 0; answered < 2; answered++) {
        host_auto(TERN_LINK_ETHERNET, 1, 0);
        pass_ms(100000);
        take_all();
        nd_message m = ra_of(1800, "2001:db8::", 86400, 3600);
        if (answered) feed_ra("fe80::99", &m);
        assert_int_equal(tern_iface_down(host.t, 0), TERN_OK);
        assert_int_equal(tern_iface_up(host.t, 0), TERN_OK);
        unsigned asked = 0;
        for (unsigned ms = 0; ms < 5500; ms++) {
            pass_ms(1);
            while (take()) asked += host.out[20] == IP_PROTO_ICMP6 && host.out[54] == ICMP6_RS;
        }
        assert_int_equal(asked, 2);
        host_free();
    }
}

/* 2.E: at most 3 routers, 16 prefixes. */
static void test_ra_limits(void **state) {
    (void)state;
    host_auto(TERN_LINK_ETHERNET, 1, 0);
    for (unsigned i = 0; i < 200; i++) {
        char prefix[TERN_ADDR_TEXT], router[TERN_ADDR_TEXT];
        snprintf(prefix, sizeof prefix, "2001:db8:%x::", i);
        snprintf(router, sizeof router, "fe80::%x", 100 + i);
        nd_message m = ra_of(1800, prefix, 86400, 3600);
        feed_ra(router, &m);
    }
    unsigned routers = 0, prefixes = 0;
    for (uint32_t i = 0; i < host.s->ip.routes; i++) {
        const struct ip_route *r = &host.s->ip.route[i];
        if (r->origin != IP_ROUTE_ADVERTISED) continue;
        *(ip_is_unspecified(&r->via) ? &prefixes : &routers) += 1;
    }
    assert_int_equal(routers, 3);
    assert_int_equal(prefixes, 16);
    assert_int_equal(host.s->ip.addresses, 1 + 16);
    assert_true(reason(R_AUTOCONF_LIMIT) > 0);
    host_free();
}

/* [RFC4861 5.1, 6.3.4] Each link has its own list of routers, of two at least: those of one do not use up the others' room. */
static void test_routers_of_each_link(void **state) {
    (void)state;
    host_auto(TERN_LINK_ETHERNET, 1, 0);
    tern_iface_config c = {.size = sizeof c, .link = TERN_LINK_ETHERNET, .mtu = 1500, .mac = {2, 0, 0, 0, 0, 9}};
    assert_int_equal(tern_iface_add(host.t, &c), 1);
    for (unsigned i = 0; i < 2 * 5; i++) {
        char router[TERN_ADDR_TEXT];
        nd_message m = {.router_lifetime_s = 1800};
        snprintf(router, sizeof router, "fe80::%x", 100 + i);
        make_nd(&k, (const uint8_t[6]){0x33, 0x33, 0, 0, 0, 1}, PEER_MAC, router, "ff02::1", ICMP6_RA, &m, 255);
        feed_with((int)i / 5, k.b, k.len, 0, NULL);
    }
    unsigned routers[2] = {0, 0};
    for (uint32_t i = 0; i < host.s->ip.routes; i++)
        if (host.s->ip.route[i].origin == IP_ROUTE_ADVERTISED) routers[host.s->ip.route[i].iface]++;
    assert_true(routers[0] == 3 && routers[1] == 3);
    assert_int_equal(reason(R_AUTOCONF_LIMIT), 4);
    host_free();
}

/* A silent router gives way to another [RFC4861 6.3.6]. */
static void test_router_silent(void **state) {
    (void)state;
    host_auto(TERN_LINK_ETHERNET, 1, 0);
    nd_message m = ra_of(1800, "2001:db8::", 86400, 3600);
    feed_ra("fe80::91", &m);
    feed_ra("fe80::92", &m);
    struct ip_path path;
    path_to("2001:db8:ffff::1", &path);
    pass_ms(3000);
    take_all();
    assert_int_equal(path_to("2001:db8:ffff::1", &path), IP_PATH_PENDING);
    assert_true(take());
    assert_true(bytes_are(host.out + 62, "fe80::92"));
    host_free();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_idle),
        cmocka_unit_test(test_dad),
        cmocka_unit_test(test_dad_conflict),
        cmocka_unit_test(test_source_waits),
        cmocka_unit_test(test_dad_echo),
        cmocka_unit_test(test_dad_elsewhere),
        cmocka_unit_test(test_nobody_with_a_link_address),
        cmocka_unit_test(test_solicitations),
        cmocka_unit_test(test_solicitations_end),
        cmocka_unit_test(test_advertisement),
        cmocka_unit_test(test_expiry),
        cmocka_unit_test(test_route_by_hand),
        cmocka_unit_test(test_two_hours),
        cmocka_unit_test(test_identifier),
        cmocka_unit_test(test_opaque_identifier),
        cmocka_unit_test(test_ra_refused),
        cmocka_unit_test(test_prefix_flags),
        cmocka_unit_test(test_deprecated),
        cmocka_unit_test(test_two_links),
        cmocka_unit_test(test_route_of_an_address),
        cmocka_unit_test(test_router_returns),
        cmocka_unit_test(test_asks_anew),
        cmocka_unit_test(test_ra_limits),
        cmocka_unit_test(test_router_silent),
        cmocka_unit_test(test_routers_of_each_link),
    };
    return cmocka_run_group_tests_name("ip_autoconf", tests, NULL, NULL);
}
