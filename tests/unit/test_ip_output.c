/* test_ip_output.c - interfaces, addresses, routes, sources, path MTUs, frames for segments, the queue of the
 * stack's own packets and fragments out. From RFC 791, 1122 3.3, 1191, 6724, 6864, 8200, 8201. */
#include "ip/frame.h"
#include "ip_fixture.h"

static enum ip_path_result path_to(const char *to, struct ip_path *path) {
    ip_addr dst = ip(to);
    return ip_path_find(host.s, NULL, &dst, path);
}

/* ---- the public calls refuse what makes no sense ---- */

static void test_iface_arguments(void **state) {
    (void)state;
    host_new();
    tern_iface_config good = {.size = sizeof good, .link = TERN_LINK_IP, .mtu = 1500}, c = good;
    assert_int_equal(tern_iface_add(host.t, NULL), TERN_EINVAL);
    assert_int_equal(tern_iface_add(NULL, &good), TERN_EINVAL);
    c.size = 3;
    assert_int_equal(tern_iface_add(host.t, &c), TERN_EINVAL);
    c = good;
    c.mtu = 67;
    assert_int_equal(tern_iface_add(host.t, &c), TERN_EINVAL);
    c.mtu = 65536;
    assert_int_equal(tern_iface_add(host.t, &c), TERN_EINVAL);
    c = good;
    c.tso_max = 8 * 65535 + 1;
    assert_int_equal(tern_iface_add(host.t, &c), TERN_EINVAL);
    c = good;
    c.vlan = 5; /* not without Ethernet */
    assert_int_equal(tern_iface_add(host.t, &c), TERN_EINVAL);
    c = good;
    c.link = TERN_LINK_ETHERNET; /* no address */
    assert_int_equal(tern_iface_add(host.t, &c), TERN_EINVAL);
    c.mac[0] = 1; /* a group */
    assert_int_equal(tern_iface_add(host.t, &c), TERN_EINVAL);
    c.mac[0] = 2;
    c.vlan = 4095;
    assert_int_equal(tern_iface_add(host.t, &c), TERN_EINVAL);
    c.vlan = 4094;
    c.name = "a name that is far too long";
    assert_int_equal(tern_iface_add(host.t, &c), 0);
    assert_string_equal(host.s->ip.iface[0].name, "a name that is ");
    for (int i = 1; i < IP_IFACES; i++) assert_int_equal(tern_iface_add(host.t, &good), i);
    assert_int_equal(tern_iface_add(host.t, &good), TERN_ELIMIT);
    host_free();
}

/* A struct of another version is refused, older or newer: fields that nobody here knows would count for nothing. */
static void test_iface_size(void **state) {
    (void)state;
    host_new();
    tern_iface_config c = {.size = sizeof c, .link = TERN_LINK_IP, .mtu = 1500};
    for (int more = -1; more <= 1; more++) {
        c.size = sizeof c + (size_t)more;
        assert_int_equal(tern_iface_add(host.t, &c), more ? TERN_EINVAL : 0);
    }
    host_free();
}

static void test_addr_arguments(void **state) {
    (void)state;
    host_new();
    iface_add(TERN_LINK_IP, 0, 1500);
    iface_add(TERN_LINK_IP, 0, 1279);
    static const char *const bad[] = {"0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", "::1", "ff02::1"};
    for (unsigned i = 0; i < ARRAY_LEN(bad); i++) assert_int_equal(give(0, bad[i], 24), TERN_EINVAL);
    tern_addr mapped = {6, {[10] = 255, 255, 10, 9, 0, 1}};
    assert_int_equal(tern_addr_add(host.t, 0, &mapped, 128), TERN_EINVAL);
    assert_int_equal(give(0, "10.9.0.2", 33), TERN_EINVAL);
    assert_int_equal(give(0, "fd09::2", 129), TERN_EINVAL);
    assert_int_equal(give(2, "10.9.0.2", 24), TERN_EINVAL);
    assert_int_equal(give(-1, "10.9.0.2", 24), TERN_EINVAL);
    assert_int_equal(give(1, "fd09::2", 64), TERN_EINVAL); /* IPv6 needs 1280 */
    assert_int_equal(give(0, "10.9.0.2", 24), TERN_OK);
    assert_int_equal(give(0, "10.9.0.2", 24), TERN_EADDRINUSE);
    assert_int_equal(give(1, "10.9.0.2", 24), TERN_EADDRINUSE);
    tern_addr a = addr("10.9.0.2"), other = addr("10.9.0.3");
    assert_int_equal(tern_addr_remove(host.t, 1, &a), TERN_EADDRNOTAVAIL);
    assert_int_equal(tern_addr_remove(host.t, 0, &other), TERN_EADDRNOTAVAIL);
    assert_int_equal(tern_addr_remove(host.t, 0, &a), TERN_OK);
    assert_int_equal(tern_addr_remove(host.t, 0, &a), TERN_EADDRNOTAVAIL);
    for (unsigned i = 0; i < IP_ADDRS; i++) {
        ip_addr v = ip_from_v4(0x0a090001 + i);
        tern_addr t = addr_out(&v);
        assert_int_equal(tern_addr_add(host.t, 0, &t, 24), TERN_OK);
    }
    assert_int_equal(give(0, "10.9.1.1", 24), TERN_ELIMIT);
    unsigned len, n = 0;
    int iface;
    while (tern_addr_at(host.t, n, &other, &iface, &len)) {
        assert_true(len == 24 && iface == 0 && other.bytes[3] == n + 1);
        n++;
    }
    assert_int_equal(n, IP_ADDRS);
    host_free();
}

static void test_route_arguments(void **state) {
    (void)state;
    host_tun();
    tern_addr v4 = addr("10.1.0.0"), v6 = addr("2001:db8::"), via = addr("10.9.0.1"), me = addr("10.9.0.2"),
              many = addr("224.0.0.1"), cast = addr("10.9.0.255"), none = {0};
    assert_int_equal(tern_route_add(host.t, NULL, 0, 0, NULL), TERN_EINVAL);
    assert_int_equal(tern_route_add(host.t, &none, 0, 0, NULL), TERN_EINVAL);
    assert_int_equal(tern_route_add(host.t, &v4, 33, 0, NULL), TERN_EINVAL);
    assert_int_equal(tern_route_add(host.t, &v4, 16, 1, NULL), TERN_EINVAL);
    assert_int_equal(tern_route_add(host.t, &v6, 32, 0, &via), TERN_EINVAL);
    assert_int_equal(tern_route_add(host.t, &v4, 16, 0, &many), TERN_EINVAL);
    assert_int_equal(tern_route_add(host.t, &v4, 16, 0, &cast), TERN_EINVAL);
    assert_int_equal(tern_route_add(host.t, &v4, 16, 0, &me), TERN_EINVAL);
    assert_int_equal(tern_route_add(host.t, &v4, 16, 0, &none), TERN_OK);
    uint32_t before = host.s->ip.routes;
    assert_int_equal(tern_route_add(host.t, &v4, 16, 0, &none), TERN_OK); /* the same again is the same */
    assert_int_equal(host.s->ip.routes, before);
    for (unsigned i = before; i < IP_ROUTES; i++) {
        v4.bytes[2] = (uint8_t)i;
        assert_int_equal(tern_route_add(host.t, &v4, 24, 0, &via), TERN_OK);
    }
    v4.bytes[2] = 200;
    assert_int_equal(tern_route_add(host.t, &v4, 24, 0, &via), TERN_ELIMIT);
    assert_int_equal(give(0, "10.77.0.1", 24), TERN_ELIMIT); /* nothing half done */
    tern_addr half = addr("10.77.0.1");
    assert_int_equal(tern_addr_remove(host.t, 0, &half), TERN_EADDRNOTAVAIL);
    host_free();
}

/* ---- routes and sources ---- */

static void test_longest_prefix(void **state) {
    (void)state;
    host_new();
    for (int i = 0; i < 4; i++) assert_int_equal(iface_add(TERN_LINK_IP, 0, 1500), i);
    give(0, "10.9.0.2", 8);
    give(1, "10.9.1.2", 16);
    give(2, "10.9.2.2", 24);
    give(3, "fd09::2", 64);
    tern_addr all4 = addr("0.0.0.0"), all6 = {.family = 6}, one = addr("10.9.2.77");
    assert_int_equal(tern_route_add(host.t, &one, 32, 0, NULL), TERN_OK);
    struct ip_path path;
    static const struct {
        const char *to;
        int iface;
    } cases[] = {{"10.1.1.1", 0}, {"10.9.77.1", 1}, {"10.9.2.1", 2}, {"10.9.2.77", 0}, {"fd09::1", 3}, {"fe80::9", 3}};
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(path_to(cases[i].to, &path), IP_PATH_OK);
        assert_int_equal(path.iface, cases[i].iface);
    }
    static const char *const none[] = {"11.0.0.1", "2001:db8::1"}, *const never[] = {"10.9.2.2",   "fd09::2",
                                                                                     "127.0.0.1",  "::1",
                                                                                     "::",         "0.0.0.0",
                                                                                     "224.0.0.1",  "255.255.255.255",
                                                                                     "10.9.2.255", "ff02::1"};
    for (unsigned i = 0; i < ARRAY_LEN(none); i++) assert_int_equal(path_to(none[i], &path), IP_PATH_NONE);
    assert_int_equal(tern_route_add(host.t, &all6, 0, 3, NULL), TERN_OK);
    assert_int_equal(path_to("11.0.0.1", &path), IP_PATH_NONE); /* ::/0 is not for IPv4 */
    assert_int_equal(tern_route_add(host.t, &all4, 0, 1, NULL), TERN_OK);
    for (unsigned i = 0; i < ARRAY_LEN(none); i++) assert_int_equal(path_to(none[i], &path), IP_PATH_OK);
    for (unsigned i = 0; i < ARRAY_LEN(never); i++) assert_int_equal(path_to(never[i], &path), IP_PATH_NONE);
    tern_addr gone = addr("10.9.2.2");
    tern_addr_remove(host.t, 2, &gone); /* its route goes with it */
    assert_int_equal(path_to("10.9.2.1", &path), IP_PATH_OK);
    assert_int_equal(path.iface, 1);
    host_free();
}

static void expect_source(const char *to, const char *from) {
    ip_addr dst = ip(to), source, want;
    assert_int_equal(ip_route_source(host.s, &dst, &source), from != NULL);
    if (!from) return;
    want = ip(from);
    assert_true(ip_eq(&source, &want));
    assert_int_equal(ip_link_mtu(host.s, &dst), 1500);
}

static void test_source(void **state) {
    (void)state;
    host_new();
    for (int i = 0; i < 3; i++) iface_add(TERN_LINK_IP, 0, 1500);
    tern_addr all4 = addr("0.0.0.0"), all6 = {.family = 6};
    tern_route_add(host.t, &all4, 0, 0, NULL);
    tern_route_add(host.t, &all6, 0, 0, NULL);
    expect_source("8.8.8.8", NULL);
    give(1, "10.9.1.2", 24);
    expect_source("8.8.8.8", "10.9.1.2"); /* better than none */
    give(0, "10.9.0.2", 24);
    give(0, "172.16.0.2", 24);
    expect_source("8.8.8.8", "10.9.0.2");
    expect_source("172.16.0.9", "172.16.0.2");
    expect_source("172.17.0.9", "172.16.0.2"); /* more bits in common */
    expect_source("10.9.1.9", "10.9.1.2");
    give(0, "fe80::2", 64);
    expect_source("2001:db8::1", NULL); /* link-local leads nowhere else */
    expect_source("fe80::9", "fe80::2");
    give(0, "fd09::2", 64);
    give(0, "2001:db8::2", 64);
    expect_source("2001:db8::1", "2001:db8::2");
    expect_source("fd09::1", "fd09::2");
    expect_source("fe80::9", "fe80::2");
    struct ip_address *a = address_find(host.s, &(ip_addr){.b = {0x20, 1, 0xd, 0xb8, [15] = 2}});
    a->preferred_until = host.now; /* deprecated [RFC6724 5 rule 3] */
    expect_source("2001:db8::1", "fd09::2");
    a->preferred_until = TERN_NEVER;
    a->state = IP_ADDRESS_TENTATIVE;
    expect_source("2001:db8::1", "fd09::2");
    host_free();
}

/* ---- the same in the plainest form, for addresses and routes that come and go at random ---- */

enum { WAYS_MOST = 24 };
static struct way {
    tern_addr prefix;
    unsigned len;
    int iface;
    bool of_address;
} ways[WAYS_MOST];
static unsigned way_count;

static unsigned same_bits(const tern_addr *a, const tern_addr *b) {
    unsigned n = 0, most = a->family == 4 ? 32 : 128;
    while (n < most && ((a->bytes[n / 8] ^ b->bytes[n / 8]) & 0x80 >> n % 8) == 0) n++;
    return n;
}

/* Few values, so that prefixes lie in each other and addresses on their borders. */
static tern_addr some_addr(void) {
    static const uint8_t few[] = {0, 1, 2, 0x7e, 0x80, 0xff};
    tern_addr a = {.family = chance(2) ? 4 : 6, .bytes = {10}};
    unsigned n = a.family == 4 ? 4 : 16;
    if (a.family == 6) a.bytes[0] = 0x20;
    for (unsigned i = 1; i < n; i++)
        if (i < 4 || i > 12) a.bytes[i] = few[chance(6)];
    return a;
}

static bool to_all_of_link(const tern_addr *a, int iface) {
    tern_addr mine;
    unsigned len;
    int at;
    for (size_t i = 0; tern_addr_at(host.t, i, &mine, &at, &len); i++) {
        if (a->family != 4 || mine.family != 4 || at != iface || len >= 31 || same_bits(a, &mine) < len) continue;
        if ((load32(a->bytes) | ~(UINT32_MAX >> len)) == UINT32_MAX) return true;
    }
    return false;
}

static bool is_mine(const tern_addr *a) {
    tern_addr mine;
    for (size_t i = 0; tern_addr_at(host.t, i, &mine, NULL, NULL); i++)
        if (memcmp(a, &mine, sizeof mine) == 0) return true;
    return false;
}

/* RFC 1122 3.3.1.6: the longest prefix; of equals the one that was first. */
static const struct way *way_to(const tern_addr *dst) {
    const struct way *best = NULL;
    if (is_mine(dst)) return NULL;
    for (unsigned i = 0; i < way_count; i++)
        if (ways[i].prefix.family == dst->family && same_bits(&ways[i].prefix, dst) >= ways[i].len &&
            (!best || ways[i].len > best->len))
            best = &ways[i];
    return best && to_all_of_link(dst, best->iface) ? NULL : best;
}

/* RFC 6724 5, rules 5 and 8: on that interface, then most bits in common; link-local ones lead nowhere from here. */
static bool source_for(const tern_addr *dst, int iface, tern_addr *source) {
    tern_addr mine;
    int at;
    long best = -1;
    for (size_t i = 0; tern_addr_at(host.t, i, &mine, &at, NULL); i++) {
        if (mine.family != dst->family || (mine.family == 6 && mine.bytes[0] == 0xfe)) continue;
        long score = (at == iface) * 1000 + (long)same_bits(&mine, dst);
        if (score <= best) continue;
        best = score;
        *source = mine;
    }
    return best >= 0;
}

static void forget_way_of(const tern_addr *gone, unsigned len, int iface) {
    tern_addr mine;
    unsigned other;
    int at;
    for (size_t i = 0; tern_addr_at(host.t, i, &mine, &at, &other); i++)
        if (mine.family == gone->family && at == iface && other == len && same_bits(&mine, gone) >= len) return;
    for (unsigned i = 0; i < way_count; i++) {
        const struct way *w = &ways[i];
        if (!w->of_address || w->iface != iface || w->len != len || w->prefix.family != gone->family ||
            same_bits(&w->prefix, gone) < len)
            continue;
        memmove(&ways[i], &ways[i + 1], (--way_count - i) * sizeof *w);
        return;
    }
}

static void change_something(void) {
    tern_addr a = some_addr();
    unsigned most = a.family == 4 ? 32 : 128, len = chance(4) ? 8 * (1 + chance(most / 8)) : chance(most + 1);
    int iface = (int)chance(3);
    unsigned what = chance(3);
    if (what == 0) { /* one goes */
        unsigned count = 0, which;
        while (tern_addr_at(host.t, count, NULL, NULL, NULL)) count++;
        if (count == 0) return;
        which = chance(count);
        tern_addr_at(host.t, which, &a, &iface, &len);
        if (a.bytes[0] == 0xfe) return;
        assert_int_equal(tern_addr_remove(host.t, iface, &a), TERN_OK);
        forget_way_of(&a, len, iface);
        return;
    }
    bool known = false, of_address = what == 1;
    for (unsigned i = 0; i < way_count; i++)
        known |= ways[i].of_address == of_address && ways[i].iface == iface && ways[i].len == len &&
                 ways[i].prefix.family == a.family && same_bits(&ways[i].prefix, &a) >= len;
    if (way_count == WAYS_MOST && !known) return;
    if (of_address && tern_addr_add(host.t, iface, &a, len) != TERN_OK) return;
    if (!of_address) assert_int_equal(tern_route_add(host.t, &a, len, iface, NULL), TERN_OK);
    if (!known && (!of_address || len < most)) ways[way_count++] = (struct way){a, len, iface, of_address};
}

/* Somewhere near a prefix. */
static tern_addr some_destination(void) {
    tern_addr to = way_count && chance(4) ? ways[chance(way_count)].prefix : some_addr();
    for (unsigned n = chance(3); n; n--) {
        unsigned bit = 8 + chance(to.family == 4 ? 24 : 120);
        to.bytes[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
    }
    return to;
}

static unsigned ask_the_way(const tern_addr *to) {
    ip_addr dst = addr_in(to);
    const struct way *way = way_to(to);
    tern_addr from = {0};
    bool leads = way && source_for(to, way->iface, &from);
    struct ip_path path;
    for (unsigned again = 0; again < 2; again++) { /* what is remembered is the same */
        assert_int_equal(ip_path_find(host.s, NULL, &dst, &path), leads ? IP_PATH_OK : IP_PATH_NONE);
        if (!leads) continue;
        ip_addr source = addr_in(&from);
        assert_int_equal(path.iface, way->iface);
        assert_true(ip_eq(&path.source, &source));
    }
    return leads;
}

static void test_ways_at_random(void **state) {
    (void)state;
    unsigned led = 0;
    for (unsigned round = 0; round < 40; round++) {
        host_new();
        for (int i = 0; i < 3; i++) iface_add(TERN_LINK_IP, 0, 1500);
        way_count = 0;
        for (unsigned turn = 0; turn < 300; turn++) {
            if (chance(4) == 0) change_something();
            tern_addr to = some_destination();
            led += ask_the_way(&to);
        }
        host_free();
    }
    assert_true(led > 3000);
}

static void test_peers(void **state) {
    (void)state;
    host_tun();
    give(0, "10.8.0.2", 31);
    static const char *const good[] = {"10.9.0.1", "8.8.8.8", "10.8.0.3", "fd09::1", "fe80::1", "10.9.1.255"};
    static const char *const bad[] = {"0.0.0.0",         "0.1.2.3",    "127.0.0.1", "224.0.0.1", "240.0.0.1",
                                      "255.255.255.255", "10.9.0.255", "::",        "::1",       "ff02::1"};
    for (unsigned i = 0; i < ARRAY_LEN(good); i++) {
        ip_addr a = ip(good[i]);
        assert_true(ip_may_be_peer(host.s, &a));
    }
    for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
        ip_addr a = ip(bad[i]);
        assert_false(ip_may_be_peer(host.s, &a));
    }
    host_free();
}

/* ---- path MTU ---- */

static uint32_t mtu_to(const char *to) {
    struct ip_path path;
    assert_int_equal(path_to(to, &path), IP_PATH_OK);
    return path.mtu;
}
static void learn(const char *to, uint32_t mtu) {
    ip_addr dst = ip(to);
    ip_path_mtu_learn(host.s, &dst, mtu);
}

static void test_path_mtu(void **state) {
    (void)state;
    host_tun();
    learn("10.9.0.1", 1400);
    assert_int_equal(mtu_to("10.9.0.1"), 1400);
    assert_int_equal(mtu_to("10.9.0.3"), 1500);
    learn("10.9.0.1", 1450); /* it only shrinks */
    assert_int_equal(mtu_to("10.9.0.1"), 1400);
    learn("10.9.0.1", 68); /* B11 */
    assert_int_equal(mtu_to("10.9.0.1"), 552);
    learn("fd09::1", 0x10000 + 9);
    assert_int_equal(mtu_to("fd09::1"), 1500);
    learn("fd09::1", 1);
    assert_int_equal(mtu_to("fd09::1"), 1280);
    learn("10.9.0.5", 0); /* not said: the next plateau */
    assert_int_equal(mtu_to("10.9.0.5"), 1492);
    learn("10.9.0.5", 0);
    assert_int_equal(mtu_to("10.9.0.5"), 1006);
    learn("10.9.0.5", 0);
    assert_int_equal(mtu_to("10.9.0.5"), 552);
    pass_ms(599999);
    assert_int_equal(mtu_to("10.9.0.1"), 552);
    pass_ms(1);
    assert_int_equal(mtu_to("10.9.0.1"), 1500); /* ten minutes later the larger one is tried */
    learn("10.9.0.1", 1300);
    assert_int_equal(mtu_to("10.9.0.1"), 1300);
    host_free();
}

/* C15: a forged flood fills a fixed table; the latest are known. */
static void test_path_mtu_flood(void **state) {
    (void)state;
    host_new();
    iface_add(TERN_LINK_IP, 0, 1500);
    give(0, "10.9.0.2", 8);
    uint64_t memory = heap.live;
    for (uint32_t i = 0; i < 100000; i++) {
        ip_addr dst = ip_from_v4(0x0a000100 + i);
        ip_path_mtu_learn(host.s, &dst, 1000);
        struct ip_path path;
        host.now += 1000;
        pass_ns(0);
        assert_int_equal(ip_path_find(host.s, NULL, &dst, &path), IP_PATH_OK);
        assert_int_equal(path.mtu, 1000);
    }
    assert_int_equal(heap.live, memory);
    unsigned known = 0;
    for (uint32_t i = 100000 - 64; i < 100000; i++) {
        ip_addr dst = ip_from_v4(0x0a000100 + i);
        struct ip_path path;
        ip_path_find(host.s, NULL, &dst, &path);
        known += path.mtu == 1000;
    }
    assert_in_range(known, 60, 64); /* the oldest made room, not the latest */
    host_free();
}

/* ---- frames for segments ---- */

static void test_frame_start(void **state) {
    (void)state;
    host_tun();
    struct ip_path path;
    tern_frame f;
    ip_addr me = ip("10.9.0.2"), peer = ip("10.9.0.1"), me6 = ip("fd09::2"), peer6 = ip("fd09::1");
    memset(&f, 0xee, sizeof f);
    assert_int_equal(ip_path_find(host.s, &me, &peer, &path), IP_PATH_OK);
    uint8_t *l4 = ip_frame_start(host.s, &path, &me, &peer, IP_PROTO_TCP, 0xb8, 0, 5000, &f);
    assert_ptr_equal(l4, f.head + 20);
    assert_true(f.head_len == 20 && f.csum_start == 20 && f.ip_offset == 0 && f.len == 5020 && f.iface == 0);
    assert_true(f.flags == 0 && f.spans == 0 && f.segment_size == 0);
    reader r = reader_of(f.head, 20);
    assert_int_equal(load16(f.head + 2), 5020);
    store16(f.head + 2, 20);
    fix_ip4(f.head);
    ip4_header h;
    assert_true(ip4_parse(&r, &h));
    assert_true(h.dont_fragment && h.id == 0 && h.ttl == 64 && h.tos == 0xb8 && h.proto == 6); /* [RFC6864 4.1] */
    assert_true(h.src == ip_to_v4(&me) && h.dst == ip_to_v4(&peer));
    l4 = ip_frame_start(host.s, &path, &me, &peer, IP_PROTO_TCP, 0, 9, 20, &f);
    assert_int_equal(sum_of(f.head, 20, 0), 0);
    assert_int_equal(f.head[8], 9);

    assert_int_equal(ip_path_find(host.s, &me6, &peer6, &path), IP_PATH_OK);
    l4 = ip_frame_start(host.s, &path, &me6, &peer6, IP_PROTO_TCP, 0xb8, 0, 60, &f);
    assert_ptr_equal(l4, f.head + 40);
    assert_true(f.len == 100 && f.flags == TERN_FRAME_V6 && f.csum_start == 40);
    assert_true(load32(f.head) == 0x6b800000 && load16(f.head + 4) == 60 && f.head[6] == 6 && f.head[7] == 64);
    assert_memory_equal(f.head + 8, me6.b, 16);
    assert_memory_equal(f.head + 24, peer6.b, 16);
    host_free();
}

/* ---- the queue ---- */

static void test_send_checksum(void **state) {
    (void)state;
    host_tun();
    static const char *const pair[2][2] = {{"10.9.0.2", "10.9.0.1"}, {"fd09::2", "fd09::1"}};
    for (int family = 0; family < 2; family++) {
        for (size_t len = 20; len < 400; len++) {
            uint8_t l4[400];
            for (size_t i = 0; i < len; i++) l4[i] = (uint8_t)(i * 3); /* also where the sum goes */
            ip_addr src = ip(pair[family][0]), dst = ip(pair[family][1]);
            ip_send(host.s, len & 1 ? &src : NULL, &dst, IP_PROTO_TCP, 0x20, 33, l4, (uint32_t)len, 16);
            assert_true(take());
            check_out(0);
            size_t at = family ? 40 : 20;
            assert_int_equal(host.out_len, at + len);
            assert_int_equal(sum_of(host.out + at, len, pseudo_sum(&src, &dst, 6, (uint32_t)len)), 0);
            assert_memory_equal(host.out + at, l4, 16);
            assert_memory_equal(host.out + at + 18, l4 + 18, len - 18);
            assert_int_equal(host.out[family ? 7 : 8], 33);
            if (!family) assert_true(load16(host.out + 6) == 0x4000 && load16(host.out + 4) == 0);
        }
    }
    host_free();
}

static void test_queue_limit(void **state) {
    (void)state;
    host_tun();
    ip_addr dst = ip("10.9.0.1");
    static uint8_t l4[600];
    for (int round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < IP_CONTROL_SLOTS + 100; i++) {
            store32(l4, i);
            ip_send(host.s, NULL, &dst, 99, 0, 0, l4, i & 1 ? 600 : 4, -1);
        }
        assert_int_equal(reason(R_QUEUE_FULL), (uint64_t)(round + 1) * 100);
        assert_true(ip_output_waiting(host.s));
        assert_true(tern_deadline(host.t) <= host.now);
        tern_frame frames[IP_CONTROL_SLOTS];
        int n = 0;
        uint32_t number = 0;
        while ((n = tern_output(host.t, frames, 100, host.now)) > 0) {
            for (int i = 0; i < n; i++, number++) { /* bodies stay until the next call */
                uint8_t buf[700];
                size_t len = tern_frame_copy(&frames[i], buf, sizeof buf);
                assert_int_equal(len, 20 + (number & 1 ? 600 : 4));
                assert_int_equal(load32(buf + 20), number);
            }
        }
        assert_int_equal(number, IP_CONTROL_SLOTS);
    }
    ip_send(host.s, NULL, &dst, 99, 0, 0, l4, 600, -1); /* freed with the stack if nobody asks for it */
    host_free();
}

/* Identifications: not shared between destinations, each its own count. */
static void test_fragment_ids(void **state) {
    (void)state;
    host_tun();
    static uint8_t l4[3000];
    uint16_t last[2] = {0, 0};
    for (int i = 0; i < 50; i++) {
        for (int peer = 0; peer < 2; peer++) {
            ip_addr dst = ip(peer ? "10.9.0.1" : "10.9.0.7");
            ip_send(host.s, NULL, &dst, 99, 0, 0, l4, sizeof l4, -1);
            uint16_t id = 0;
            unsigned n = 0;
            while (take()) {
                if (n++) assert_int_equal(load16(host.out + 4), id);
                id = load16(host.out + 4);
                assert_false(load16(host.out + 6) & 0x4000);
            }
            assert_int_equal(n, 3);
            if (i) assert_int_equal((uint16_t)(id - last[peer]), 1);
            last[peer] = id;
        }
    }
    assert_int_not_equal(last[0], last[1]);
    host_free();
}

static void test_too_big(void **state) {
    (void)state;
    host_tun();
    ip_addr dst = ip("10.9.0.1"), dst6 = ip("fd09::1"), far = ip("8.8.8.8");
    static uint8_t l4[65536];
    ip_send(host.s, NULL, &dst, 99, 0, 0, l4, 65516, -1);
    ip_send(host.s, NULL, &dst6, 99, 0, 0, l4, 65536, -1);
    assert_int_equal(reason(R_IP_TOO_BIG), 2);
    ip_send(host.s, NULL, &far, 99, 0, 0, l4, 10, -1);
    assert_int_equal(reason(R_IP_NO_ROUTE), 1);
    assert_false(take());
    ip_send(host.s, NULL, &dst, 99, 0, 0, l4, 65515, -1); /* the largest that there are */
    assert_int_equal(take_all(), (65515 + 1479) / 1480);
    ip_send(host.s, NULL, &dst6, 99, 0, 0, l4, 65535, -1);
    assert_int_equal(take_all(), (65535 + 1447) / 1448);
    assert_int_equal(reason(R_IP_TOO_BIG), 2);
    host_free();
}

/* Fragments begin at multiples of 8 bytes whatever the link carries; each but the last is as long as it can be. */
static void test_fragment_places(void **state) {
    (void)state;
    static uint8_t l4[5000];
    for (uint32_t mtu = 1280; mtu < 1300; mtu++) {
        host_new();
        iface_add(TERN_LINK_IP, 0, mtu);
        give(0, "10.9.0.2", 24);
        give(0, "fd09::2", 64);
        for (unsigned v6 = 0; v6 < 2; v6++) {
            ip_addr dst = ip(v6 ? "fd09::1" : "10.9.0.1");
            uint32_t head = v6 ? 48 : 20, each = (mtu - head) / 8 * 8, at = 0;
            ip_send(host.s, NULL, &dst, 99, 0, 0, l4, sizeof l4, -1);
            while (take()) {
                uint32_t len = (uint32_t)host.out_len - head;
                assert_int_equal(v6 ? load16(host.out + 42) & 0xfff8 : (load16(host.out + 6) & 0x1fff) * 8, at);
                at += len;
                assert_int_equal(len, at < sizeof l4 ? each : len);
            }
            assert_int_equal(at, sizeof l4);
        }
        host_free();
    }
}

/* Where no way leads there is nothing to learn. */
static void test_mtu_without_a_route(void **state) {
    (void)state;
    host_tun();
    ip_addr far = ip("8.8.8.8"), near = ip("10.9.0.1");
    assert_false(ip_path_mtu_learn(host.s, &far, 1000));
    assert_true(ip_path_mtu_learn(host.s, &near, 1000));
    assert_false(ip_path_mtu_learn(host.s, &near, 1000)); /* nothing new */
    assert_int_equal(ip_link_mtu(host.s, &far), 0);
    host_free();
}

/* [RFC791 3.2, RFC8200 4.5, RFC6864 4] What fits leaves whole; one byte more makes two fragments, whose places are units of 8
 * bytes. A short packet may not be cut on its way and has no number; a longer one of ours may be. */
static void test_fragment_borders(void **state) {
    (void)state;
    static uint8_t l4[4000];
    for (unsigned i = 0; i < sizeof l4; i++) l4[i] = (uint8_t)(i * 31 + i / 256);
    static const struct {
        uint32_t len;
        unsigned pieces, flags; /* flags: of the first IPv4 packet */
    } cases[] = {{1, 1, 2},    {556, 1, 2},  {557, 1, 0},  {1480, 1, 0}, {1481, 2, 1},
                 {2960, 2, 1}, {2961, 3, 1}, {1488, 2, 1}, {1489, 2, 1}};
    host_tun();
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        ip_addr dst = ip("10.9.0.1");
        ip_send(host.s, NULL, &dst, 99, 0, 0, l4, cases[i].len, -1);
        uint32_t at = 0;
        for (unsigned k = 0; k < cases[i].pieces; k++) {
            assert_true(take());
            check_out(0);
            bool more = k + 1 < cases[i].pieces;
            uint16_t field = load16(host.out + 6);
            assert_int_equal((field & 0x1fff) * 8, at);
            assert_int_equal(field >> 13, more ? 1 : k ? 0 : cases[i].flags);
            if (cases[i].flags == 2) assert_int_equal(load16(host.out + 4), 0);
            if (more) assert_int_equal(host.out_len, 1500);
            assert_memory_equal(host.out + 20, l4 + at, host.out_len - 20);
            at += (uint32_t)host.out_len - 20;
        }
        assert_int_equal(at, cases[i].len);
        assert_false(take());
    }
    for (uint32_t len = 1455; len <= 2905; len += len < 1465 ? 1 : 143) {
        ip_addr dst = ip("fd09::1");
        unsigned pieces = len <= 1460 ? 1 : (len + 1447) / 1448;
        ip_send(host.s, NULL, &dst, 99, 0, 0, l4, len, -1);
        uint32_t at = 0, id = 0;
        for (unsigned k = 0; k < pieces; k++) {
            assert_true(take());
            check_out(0);
            uint32_t head = pieces == 1 ? 40 : 48;
            assert_int_equal(host.out[6], pieces == 1 ? 99 : IP_PROTO_FRAGMENT);
            if (pieces > 1) {
                assert_int_equal(host.out[40], 99);
                assert_int_equal(host.out[41], 0);
                assert_int_equal(load16(host.out + 42), at | (k + 1 < pieces));
                if (k) assert_int_equal(load32(host.out + 44), id);
                id = load32(host.out + 44);
            }
            assert_memory_equal(host.out + head, l4 + at, host.out_len - head);
            at += (uint32_t)host.out_len - head;
        }
        assert_int_equal(at, len);
        assert_false(take());
    }
    host_free();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_iface_arguments), cmocka_unit_test(test_iface_size),
        cmocka_unit_test(test_addr_arguments),  cmocka_unit_test(test_route_arguments),
        cmocka_unit_test(test_longest_prefix),  cmocka_unit_test(test_source),
        cmocka_unit_test(test_ways_at_random),  cmocka_unit_test(test_peers),
        cmocka_unit_test(test_path_mtu),        cmocka_unit_test(test_path_mtu_flood),
        cmocka_unit_test(test_frame_start),     cmocka_unit_test(test_send_checksum),
        cmocka_unit_test(test_queue_limit),     cmocka_unit_test(test_fragment_ids),
        cmocka_unit_test(test_too_big),         cmocka_unit_test(test_fragment_borders),
        cmocka_unit_test(test_fragment_places), cmocka_unit_test(test_mtu_without_a_route),
    };
    return cmocka_run_group_tests_name("ip_output", tests, NULL, NULL);
}
