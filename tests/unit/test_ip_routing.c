/* test_ip_routing.c - which way leads where, and from which of our addresses: random tables of addresses and routes against a
 * list that is searched whole, bit by bit (RFC 1122 3.3.1, RFC 6724 5); the borders of what may be an address, a peer, a
 * broadcast. Neighbours, path MTUs and what leaves are test_ip_output.c's. */
#include "draw.h"
#include "ip_fixture.h"

enum { ADDRS = 6, ROUTES = 8, IFACES = 3 };

struct known {
    tern_addr a;
    unsigned len;
    int iface;
    bool deprecated;
};

static struct {
    struct known addr[ADDRS + IFACES], route[ROUTES + ADDRS + IFACES];
    unsigned addrs, routes;
} m;

static bool bit(const tern_addr *a, unsigned i) { return a->bytes[i / 8] >> (7 - i % 8) & 1; }

static unsigned common(const tern_addr *a, const tern_addr *b) {
    unsigned i = 0, bits = a->family == 4 ? 32 : 128;
    while (i < bits && bit(a, i) == bit(b, i)) i++;
    return i;
}

static bool link_local(const tern_addr *a) {
    return a->family == 4 ? a->bytes[0] == 169 && a->bytes[1] == 254
                          : a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80;
}

/* Few bits differ, so that prefixes nest and addresses meet. */
static tern_addr draw_addr(draw *d, unsigned family) {
    static const uint8_t starts4[3][2] = {{10, 9}, {10, 8}, {169, 254}},
                         starts6[3][2] = {{0xfd, 9}, {0xfd, 8}, {0xfe, 0x80}};
    tern_addr a = {.family = (uint8_t)family};
    memcpy(a.bytes, family == 4 ? starts4[draw_below(d, 3)] : starts6[draw_below(d, 3)], 2);
    unsigned last = family == 4 ? 3 : 15;
    a.bytes[2] = (uint8_t)(draw_below(d, 4) << 6);
    a.bytes[last] = (uint8_t)(1 + draw_below(d, 200));
    if (family == 6) a.bytes[7] = (uint8_t)draw_below(d, 3);
    return a;
}

/* The longest prefix; of several as long, the one that was there first. */
static const struct known *wanted_route(const tern_addr *dst) {
    const struct known *best = NULL;
    for (unsigned i = 0; i < m.routes; i++) {
        const struct known *r = &m.route[i];
        if (r->a.family != dst->family || common(&r->a, dst) < r->len) continue;
        if (!best || r->len > best->len) best = r;
    }
    return best;
}

/* [RFC6724 5] b instead of a? Rule 2: the scope; 3: not deprecated; 5: of the interface; 8: the longest prefix. */
static bool better(const struct known *b, const struct known *a, int iface, const tern_addr *dst) {
    bool here = link_local(dst), scope_a = link_local(&a->a) == here, scope_b = link_local(&b->a) == here;
    if (scope_a != scope_b) return scope_b;
    if (a->deprecated != b->deprecated) return a->deprecated;
    if ((a->iface == iface) != (b->iface == iface)) return b->iface == iface;
    return common(&b->a, dst) > common(&a->a, dst);
}

static const struct known *wanted_source(int iface, const tern_addr *dst) {
    const struct known *best = NULL;
    for (unsigned i = 0; i < m.addrs; i++) {
        const struct known *a = &m.addr[i];
        if (a->a.family != dst->family) continue;
        /* link-local leads to nothing but link-local, and only on its own link */
        if (dst->family == 6 && link_local(&a->a) && (!link_local(dst) || a->iface != iface)) continue;
        if (!best || better(a, best, iface, dst)) best = a;
    }
    return best;
}

static bool ours(const tern_addr *a) {
    for (unsigned i = 0; i < m.addrs; i++)
        if (memcmp(&m.addr[i].a, a, sizeof *a) == 0) return true;
    return false;
}

static bool broadcast(const tern_addr *a, int iface) {
    if (a->family != 4) return false;
    for (unsigned i = 0; i < m.addrs; i++) {
        const struct known *k = &m.addr[i];
        if (k->a.family != 4 || k->len >= 31 || (iface >= 0 && k->iface != iface) || common(&k->a, a) < k->len)
            continue;
        bool ones = true;
        for (unsigned b = k->len; b < 32; b++) ones = ones && bit(a, b);
        if (ones) return true;
    }
    return false;
}

static void build(draw *d) {
    host_new();
    m.addrs = m.routes = 0;
    for (int i = 0; i < IFACES; i++) assert_int_equal(iface_add(TERN_LINK_IP, 0, 1500), i);
    for (int i = 0; i < IFACES; i++) { /* each link has its link-local address */
        struct known k = {{6, {0xfe, 0x80, [14] = 1, (uint8_t)i}}, 64, i, false};
        assert_int_equal(tern_addr_add(host.t, i, &k.a, 64), TERN_OK);
        m.addr[m.addrs++] = m.route[m.routes++] = k;
    }
    for (unsigned i = 0; i < ADDRS; i++) {
        struct known k = {draw_addr(d, draw_bool(d) ? 4 : 6), 0, (int)draw_below(d, IFACES), draw_below(d, 4) == 0};
        unsigned bits = k.a.family == 4 ? 32 : 128;
        k.len = draw_below(d, 5) ? 16 + draw_below(d, bits - 16) : bits;
        if (ours(&k.a) || broadcast(&k.a, -1)) continue;
        assert_int_equal(tern_addr_add(host.t, k.iface, &k.a, k.len), TERN_OK);
        ip_addr inner = addr_in(&k.a);
        if (k.deprecated) address_find(host.s, &inner)->preferred_until = host.now;
        m.addr[m.addrs++] = k;
        if (k.len < bits) m.route[m.routes++] = k;
    }
    for (unsigned i = 0; i < ROUTES; i++) {
        struct known k = {draw_addr(d, draw_bool(d) ? 4 : 6), 0, (int)draw_below(d, IFACES), false};
        k.len = draw_below(d, k.a.family == 4 ? 33 : 129);
        assert_int_equal(tern_route_add(host.t, &k.a, k.len, k.iface, NULL), TERN_OK);
        m.route[m.routes++] = k;
    }
}

static void try(const tern_addr *dst) {
    const struct known *r = wanted_route(dst);
    if (ours(dst) || (r && broadcast(dst, r->iface))) r = NULL;
    const struct known *a = r ? wanted_source(r->iface, dst) : NULL;
    ip_addr to = addr_in(dst), source;
    assert_int_equal(ip_route_source(host.s, &to, &source), a != NULL);
    assert_int_equal(ip_link_mtu(host.s, &to), r ? 1500 : 0);
    if (!a) return;
    tern_addr got = addr_out(&source);
    assert_memory_equal(&got, &a->a, sizeof got);
    struct ip_path path;
    assert_int_equal(ip_path_find(host.s, NULL, &to, &path), IP_PATH_OK);
    assert_int_equal(path.iface, r->iface);
    got = addr_out(&path.source);
    assert_memory_equal(&got, &a->a, sizeof got);
}

static void against_the_list(void **state) {
    (void)state;
    draw d = {6724};
    for (unsigned world = 0; world < 150; world++) {
        build(&d);
        for (unsigned i = 0; i < 60; i++) {
            tern_addr dst = draw_addr(&d, draw_bool(&d) ? 4 : 6);
            if (draw_below(&d, 4) == 0) { /* near a border: an address or a route, and all its host's bits */
                const struct known *k = &m.route[draw_below(&d, m.routes)];
                dst = k->a;
                for (unsigned b = k->len; b < (dst.family == 4 ? 32u : 128u); b++)
                    dst.bytes[b / 8] = (uint8_t)(dst.bytes[b / 8] | 0x80u >> b % 8);
                if (draw_bool(&d)) dst.bytes[dst.family == 4 ? 3 : 15] ^= 1;
                ip_addr inner = addr_in(&dst);
                if (!ip_may_be_peer(host.s, &inner) && !broadcast(&dst, -1)) continue; /* no unicast at all */
            }
            try(&dst);
            try(&dst); /* once more: it may be remembered now */
            ip_addr inner = addr_in(&dst);
            for (int iface = -1; iface < IFACES; iface++)
                assert_int_equal(ip_is_broadcast(host.s, iface, &inner), broadcast(&dst, iface));
        }
        host_free();
    }
}

/* [RFC1122 3.2.1.3, RFC4291 2.5, 2.7] */
static void who_may_be_a_peer(void **state) {
    (void)state;
    host_tun();
    for (unsigned first = 0; first < 256; first++) {
        ip_addr a = ip_from_v4(first << 24 | 0x010203);
        bool good = first != 0 && first != 127 && first < 224;
        assert_int_equal(ip_may_be_peer(host.s, &a), good);
        tern_addr t = addr_out(&a);
        assert_int_equal(tern_addr_add(host.t, 0, &t, 24), good ? TERN_OK : TERN_EINVAL);
        if (good) assert_int_equal(tern_addr_remove(host.t, 0, &t), TERN_OK);
        ip_addr six = {.b = {(uint8_t)first, 0x10, [15] = 7}};
        assert_int_equal(ip_may_be_peer(host.s, &six), first != 0xff);
    }
    for (unsigned i = 0; i < 15; i++) { /* every byte counts */
        ip_addr a = {.b = {[15] = 1}}, b = {.b = {0}};
        a.b[i] = b.b[i] = 1;
        assert_true(ip_may_be_peer(host.s, &a) && ip_may_be_peer(host.s, &b));
    }
    for (unsigned last = 0; last < 3; last++) { /* nobody, ourselves, somebody */
        ip_addr a = {.b = {[15] = (uint8_t)last}};
        assert_int_equal(ip_may_be_peer(host.s, &a), last == 2);
    }
    host_free();
    for (unsigned len = 0; len <= 32; len++) { /* 10.255.255.254 in ever smaller nets */
        host_new();
        iface_add(TERN_LINK_IP, 0, 1500);
        ip_addr mine = ip("10.128.0.1");
        tern_addr t = addr_out(&mine);
        assert_int_equal(tern_addr_add(host.t, 0, &t, len), TERN_OK);
        for (unsigned k = 0; k <= 32; k++) {
            uint32_t v = k < 32 ? ip_to_v4(&mine) | UINT32_MAX >> k : ip_to_v4(&mine);
            ip_addr a = ip_from_v4(v), below = ip_from_v4(v - 1);
            uint32_t all = len < 31 ? ip_to_v4(&mine) | UINT32_MAX >> len : UINT32_MAX;
            assert_int_equal(ip_is_broadcast(host.s, 0, &a), v == all || v == UINT32_MAX);
            assert_int_equal(ip_is_broadcast(host.s, 0, &below), v - 1 == all);
        }
        host_free();
    }
}

/* What an interface, an address and a route may be, and one more or less. */
static void borders_of_arguments(void **state) {
    (void)state;
    static const struct {
        uint32_t mtu, tso;
        bool good;
    } links[] = {{67, 0, false},    {68, 0, true},           {65535, 65535, true},
                 {65536, 0, false}, {1500, 8 * 65535, true}, {1500, 8 * 65535 + 1, false}};
    for (unsigned i = 0; i < ARRAY_LEN(links); i++) {
        host_new();
        tern_iface_config c = {.size = sizeof c, .link = TERN_LINK_IP, .mtu = links[i].mtu, .tso_max = links[i].tso};
        assert_int_equal(tern_iface_add(host.t, &c), links[i].good ? 0 : TERN_EINVAL);
        for (uint32_t flag = 1; links[i].good && flag != 0; flag <<= 1) { /* only what is known */
            c.flags = flag;
            bool known = flag == TERN_IFACE_TX_CSUM || flag == TERN_IFACE_RX_CSUM || flag == TERN_IFACE_ANY_LOCAL;
            if (host.s->ip.ifaces < IP_IFACES || !known) assert_int_equal(tern_iface_add(host.t, &c) >= 0, known);
        }
        host_free();
    }
    host_new();
    iface_add(TERN_LINK_IP, 0, 1280);
    iface_add(TERN_LINK_IP, 0, 1279);
    tern_addr four = addr("10.9.0.2"), six = addr("fd09::2"), none4 = {.family = 4}, none6 = {.family = 6},
              odd = {.family = 5};
    assert_int_equal(tern_addr_add(host.t, 0, &four, 33), TERN_EINVAL);
    assert_int_equal(tern_addr_add(host.t, 0, &four, 32), TERN_OK);
    assert_int_equal(host.s->ip.routes, 0); /* a host's own prefix leads nowhere */
    assert_int_equal(tern_addr_add(host.t, 0, &six, 129), TERN_EINVAL);
    assert_int_equal(tern_addr_add(host.t, 1, &six, 64), TERN_EINVAL);
    assert_int_equal(tern_addr_add(host.t, 0, &six, 128), TERN_OK);
    assert_int_equal(host.s->ip.routes, 1); /* that of fe80::/64, which comes with IPv6 */
    assert_int_equal(tern_addr_add(host.t, 0, &odd, 8), TERN_EINVAL);
    assert_int_equal(tern_route_add(host.t, &odd, 8, 0, NULL), TERN_EINVAL);
    assert_int_equal(tern_route_add(host.t, &none4, 32, 0, NULL), TERN_OK);
    assert_int_equal(tern_route_add(host.t, &none4, 33, 0, NULL), TERN_EINVAL);
    assert_int_equal(tern_route_add(host.t, &none6, 128, 0, NULL), TERN_OK);
    assert_int_equal(tern_route_add(host.t, &none6, 129, 0, NULL), TERN_EINVAL);
    assert_int_equal(tern_route_add(host.t, &none6, 0, 1, NULL), TERN_EINVAL);
    assert_int_equal(tern_route_add(host.t, &none4, 0, 2, NULL), TERN_EINVAL);
    assert_int_equal(tern_route_add(host.t, &none4, 0, 1, NULL), TERN_OK);
    tern_addr got;
    int iface;
    unsigned len;
    assert_true(tern_addr_at(host.t, 0, &got, &iface, &len) && len == 32 && iface == 0 && got.family == 4);
    assert_true(tern_addr_at(host.t, 1, &got, NULL, NULL) && got.family == 6);
    assert_true(tern_addr_at(host.t, 1, NULL, NULL, &len) && len == 128);
    assert_true(tern_addr_at(host.t, 2, &got, &iface, &len) && got.bytes[0] == 0xfe &&
                len == 64); /* it came with IPv6 */
    assert_false(tern_addr_at(host.t, 3, &got, &iface, &len));
    assert_false(tern_addr_at(NULL, 0, &got, &iface, &len));
    host_free();
}

/* [RFC1112 6.4, RFC2464 7, RFC4291 2.7.1] The groups of a host, and those of its addresses on that link only. */
static void groups(void **state) {
    (void)state;
    host_new();
    iface_add(TERN_LINK_IP, 0, 1500);
    iface_add(TERN_LINK_IP, 0, 1500);
    give(0, "10.9.0.2", 24);
    give(0, "fd09::12:3456", 64);
    static const struct {
        const char *group;
        bool on[2];
    } cases[] = {{"224.0.0.1", {true, true}},
                 {"224.0.0.2", {false, false}},
                 {"ff02::1", {true, true}},
                 {"ff02::2", {false, false}},
                 {"ff02::1:ff12:3456", {true, false}},
                 {"ff02::1:ff12:3457", {false, false}},
                 {"ff02::1:ff13:3456", {false, false}},
                 {"ff02::1:ff00:2", {false, false}}};
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++)
        for (int iface = 0; iface < 2; iface++) {
            ip_addr g = ip(cases[i].group);
            assert_int_equal(ip_is_joined(host.s, iface, &g), cases[i].on[iface]);
        }
    static const uint8_t solicited[6] = {0x33, 0x33, 0xff, 0x12, 0x34, 0x56};
    for (unsigned i = 0; i < 6; i++) {
        for (unsigned change = 0; change < 2; change++) {
            uint8_t mac[6];
            memcpy(mac, solicited, 6);
            mac[i] ^= (uint8_t)change;
            assert_int_equal(mac_is_joined(host.s, 0, mac), !change);
            assert_false(mac_is_joined(host.s, 1, mac));
        }
    }
    host_free();
}

static bool leads(const char *dst) {
    ip_addr to = ip(dst);
    return ip_link_mtu(host.s, &to) > 0;
}

/* A route by hand and the one of an address may lead the same way: the address takes only its own along. */
static void same_way_twice(void **state) {
    (void)state;
    static const struct {
        const char *mine, *second, *other;
        unsigned len;
    } nets[] = {{"10.9.0.2", "10.9.0.3", "10.9.0.77", 24}, {"fd09::2", "fd09::3", "fd09::77", 64}};
    enum { ROUTE_LAST, ROUTE_FIRST, NO_ROUTE, ORDERS };
    for (unsigned i = 0; i < ARRAY_LEN(nets); i++)
        for (unsigned order = 0; order < ORDERS; order++) {
            host_new();
            iface_add(TERN_LINK_IP, 0, 1500);
            tern_addr mine = addr(nets[i].mine), second = addr(nets[i].second);
            if (order == ROUTE_FIRST) assert_int_equal(tern_route_add(host.t, &mine, nets[i].len, 0, NULL), TERN_OK);
            assert_int_equal(tern_addr_add(host.t, 0, &mine, nets[i].len), TERN_OK);
            assert_int_equal(tern_addr_add(host.t, 0, &second, nets[i].len), TERN_OK);
            if (order == ROUTE_LAST) assert_int_equal(tern_route_add(host.t, &mine, nets[i].len, 0, NULL), TERN_OK);
            assert_int_equal(tern_addr_remove(host.t, 0, &mine), TERN_OK);
            assert_true(leads(nets[i].other));
            assert_int_equal(tern_addr_remove(host.t, 0, &second), TERN_OK);
            assert_int_equal(leads(nets[i].other), order != NO_ROUTE);
            host_free();
        }
}

static void expect_route(size_t i, const char *prefix, unsigned len, int iface, const char *via,
                         enum tern_route_origin origin, bool usable) {
    tern_route r;
    assert_true(tern_route_at(host.t, i, &r));
    tern_addr p = addr(prefix), v = via ? addr(via) : (tern_addr){0};
    assert_memory_equal(&r.prefix, &p, sizeof p);
    assert_memory_equal(&r.via, &v, sizeof v);
    assert_int_equal(r.prefix_len, len);
    assert_int_equal(r.iface, iface);
    assert_int_equal(r.origin, origin);
    assert_int_equal(r.usable, usable);
    assert_true(r.until_ns == TERN_NEVER);
}

/* The table as it is tried: the longest prefix first, of equal ones that which came first. */
static void table_is_shown(void **state) {
    (void)state;
    tern_route r;
    tern_addr any4 = {.family = 4}, any6 = {.family = 6}, net = addr("10.7.0.0"), gate4 = addr("10.9.0.1"),
              gate6 = addr("fd09::1"), mine = addr("10.9.0.2");
    host_new();
    assert_false(tern_route_at(host.t, 0, &r));
    assert_false(tern_route_at(NULL, 0, &r));
    iface_add(TERN_LINK_IP, 0, 1500);
    iface_add(TERN_LINK_IP, 0, 1500);
    assert_int_equal(tern_addr_add(host.t, 0, &mine, 24), TERN_OK);
    assert_int_equal(tern_route_add(host.t, &any4, 0, 0, &gate4), TERN_OK);
    assert_int_equal(tern_route_add(host.t, &any4, 0, 1, NULL), TERN_OK);
    assert_int_equal(tern_route_add(host.t, &net, 16, 1, NULL), TERN_OK);
    assert_int_equal(tern_route_add(host.t, &any6, 0, 1, &gate6), TERN_OK);
    assert_false(tern_route_at(host.t, 0, NULL));
    assert_int_equal(tern_iface_down(host.t, 1), TERN_OK);
    unsigned at = 0; /* IPv4's bits count behind those 96 that mapped addresses share: longer than any /0 of IPv6 */
    expect_route(at++, "10.9.0.0", 24, 0, NULL, TERN_ROUTE_ADDRESS, true);
    expect_route(at++, "10.7.0.0", 16, 1, NULL, TERN_ROUTE_MANUAL, false);
    expect_route(at++, "0.0.0.0", 0, 0, "10.9.0.1", TERN_ROUTE_MANUAL, true);
    expect_route(at++, "0.0.0.0", 0, 1, NULL, TERN_ROUTE_MANUAL, false);
    assert_true(tern_route_at(host.t, at++, &r));
    assert_memory_equal(&r.prefix, &any6, sizeof any6);
    assert_memory_equal(&r.via, &gate6, sizeof gate6);
    assert_true(r.prefix_len == 0 && r.iface == 1);
    assert_false(tern_route_at(host.t, at, &r));
    while (tern_route_at(host.t, 1, &r)) /* what is shown can be named to tern_route_remove */
        assert_int_equal(tern_route_remove(host.t, &r.prefix, r.prefix_len, r.iface, &r.via), TERN_OK);
    expect_route(0, "10.9.0.0", 24, 0, NULL, TERN_ROUTE_ADDRESS, true);
    host_free();
}

static int way(const char *from, const char *to) {
    ip_addr src = ip(from), dst = ip(to);
    struct ip_path path;
    return ip_path_find(host.s, &src, &dst, &path) == IP_PATH_OK ? path.iface : -1;
}

/* [RFC4007 9] One and the same link-local address is another host on each link: ours says on which, every time. Where we have
 * none, that of another link does not stand in. */
static void link_local_on_each_link(void **state) {
    (void)state;
    host_new();
    for (int i = 0; i < 3; i++) assert_int_equal(iface_add(TERN_LINK_IP, 0, 1500), i);
    give(0, "fe80::2", 64);
    give(1, "fe80::3", 64);
    give(2, "fd08::2", 64);
    tern_addr own;
    assert_true(tern_addr_at(host.t, 3, &own, NULL, NULL) && link_local(&own));
    assert_int_equal(tern_addr_remove(host.t, 2, &own), TERN_OK);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(way("fe80::2", "fe80::9"), 0);
        assert_int_equal(way("fe80::3", "fe80::9"), 1);
    }
    ip_addr dst = ip("fe80::9"), src, global = ip("fd08::2");
    assert_true(address_choose(host.s, 2, &dst, &src));
    assert_true(ip_eq(&src, &global));
    host_free();
}

/* What is not ours yet, or not now, is not reached over the loopback interface either. */
static void ourselves(void **state) {
    (void)state;
    tern_config c;
    host_config(&c);
    c.dad = 1;
    host_new_with(&c);
    assert_int_equal(iface_add(TERN_LINK_ETHERNET, 0, 1500), 0);
    assert_int_equal(iface_add(TERN_LINK_LOOPBACK, 0, 1400), 1);
    give(0, "fd09::2", 64);
    ip_addr mine = ip("fd09::2");
    assert_int_equal(ip_link_mtu(host.s, &mine), 0);
    pass_ms(2500);
    assert_int_equal(ip_link_mtu(host.s, &mine), 1400);
    assert_int_equal(tern_iface_down(host.t, 0), TERN_OK);
    assert_int_equal(ip_link_mtu(host.s, &mine), 0);
    host_free();
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(against_the_list),
                                       cmocka_unit_test(who_may_be_a_peer),
                                       cmocka_unit_test(borders_of_arguments),
                                       cmocka_unit_test(groups),
                                       cmocka_unit_test(same_way_twice),
                                       cmocka_unit_test(link_local_on_each_link),
                                       cmocka_unit_test(ourselves),
                                       cmocka_unit_test(table_is_shown)};
    return cmocka_run_group_tests_name("ip_routing", tests, NULL, NULL);
}
