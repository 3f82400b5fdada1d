/* test_wire_icmp.c - ICMP messages of both families (RFC 792, 4443) and neighbour discovery (RFC 4861 4). */
#include "wire/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hostile.h"

static bool parse_icmp(const uint8_t *p, size_t n) {
    reader r = reader_of(p, n);
    icmp_message m;
    if (!icmp_parse(&r, &m)) return false;
    assert_int_equal(m.body_len, n - 8);
    nd_message nd;
    char buf[40];
    text t = text_of(buf, sizeof buf);
    icmp4_format(&t, &m);
    t = text_of(buf, sizeof buf);
    icmp6_format(&t, &m);
    if (!nd_parse(&m, &nd)) return true;
    assert_true(m.type >= ICMP6_RS && m.type <= ICMP6_NA && nd.prefixes <= 16);
    for (unsigned i = 0; i < nd.prefixes; i++) assert_true(nd.prefix[i].len <= 128);
    t = text_of(buf, sizeof buf);
    nd_format(&t, m.type, &nd);
    return true;
}

static void messages_come_back_as_they_went(void **state) {
    (void)state;
    draw d = {792};
    for (int i = 0; i < 100000; i++) {
        uint8_t body[64], buf[80];
        icmp_message m = {(uint8_t)draw_u64(&d), (uint8_t)draw_u64(&d), (uint32_t)draw_u64(&d), body,
                          draw_below(&d, 65)},
                     back;
        draw_bytes(&d, body, m.body_len);
        writer w = writer_of(buf, sizeof buf);
        icmp_emit(&w, &m);
        size_t n = writer_len(&w);
        assert_int_equal(n, 8 + m.body_len);
        assert_int_equal(load16(buf + 2), 0); /* the checksum is the caller's */
        uint8_t *p = exact_copy(buf, n);
        reader r = reader_of(p, n);
        assert_true(icmp_parse(&r, &back));
        assert_int_equal(back.type, m.type);
        assert_int_equal(back.code, m.code);
        assert_int_equal(back.field, m.field);
        assert_int_equal(back.body_len, m.body_len);
        assert_memory_equal(back.body, body, m.body_len);
        if (i < 200) assert_int_equal(hostile_truncate(p, n, parse_icmp), n - 8); /* the body may have any length */
        exact_free(p, n);
    }
}

static void check_text(bool v6, uint8_t type, uint8_t code, uint32_t field, uint32_t body_len, const char *expected) {
    static const uint8_t body[100];
    icmp_message m = {type, code, field, body, body_len};
    char buf[100];
    text t = text_of(buf, sizeof buf);
    if (v6)
        icmp6_format(&t, &m);
    else
        icmp4_format(&t, &m);
    assert_string_equal(buf, expected);
}

static void messages_as_text(void **state) {
    (void)state;
    check_text(false, ICMP4_ECHO, 0, 0x00070002, 56, "ICMP echo request id 7 seq 2 len 56");
    check_text(false, ICMP4_ECHO_REPLY, 0, 0x00070002, 56, "ICMP echo reply id 7 seq 2 len 56");
    check_text(false, ICMP4_UNREACHABLE, 3, 0, 28, "ICMP destination unreachable code 3");
    check_text(false, ICMP4_UNREACHABLE, 4, 1400, 28, "ICMP fragmentation needed mtu 1400");
    check_text(false, ICMP4_PARAMETER, 0, 20u << 24, 28, "ICMP parameter problem at 20");
    check_text(false, ICMP4_TIME_EXCEEDED, 1, 0, 28, "ICMP time exceeded code 1");
    check_text(false, 99, 1, 0, 0, "ICMP type 99 code 1");
    check_text(true, ICMP6_ECHO, 0, 0xffff0001, 8, "ICMPv6 echo request id 65535 seq 1 len 8");
    check_text(true, ICMP6_TOO_BIG, 0, 1280, 48, "ICMPv6 packet too big mtu 1280");
    check_text(true, ICMP6_PARAMETER, 2, 42, 48, "ICMPv6 parameter problem code 2 at 42");
    check_text(true, ICMP6_RS, 0, 0, 16, "ICMPv6 router solicitation");
    check_text(true, ICMP6_RA, 0, 0, 16, "ICMPv6 router advertisement");
    check_text(true, ICMP6_NS, 0, 0, 16, "ICMPv6 neighbour solicitation");
    check_text(true, ICMP6_NA, 0, 0, 16, "ICMPv6 neighbour advertisement");
    check_text(true, ICMP6_REDIRECT, 0, 0, 16, "ICMPv6 redirect");
    check_text(true, ICMP6_ECHO_REPLY, 0, 0x00010002, 8, "ICMPv6 echo reply id 1 seq 2 len 8");
    check_text(true, ICMP6_UNREACHABLE, 4, 0, 48, "ICMPv6 destination unreachable code 4");
    check_text(true, ICMP6_TIME_EXCEEDED, 1, 0, 48, "ICMPv6 time exceeded code 1");
    check_text(true, 200, 0, 0, 48, "ICMPv6 type 200 code 0");
    check_text(false, ICMP4_QUENCH, 0, 0, 28, "ICMP source quench code 0");
    check_text(false, ICMP4_REDIRECT, 1, 0, 28, "ICMP redirect code 1");
}

/* ---- neighbour discovery ---- */

static nd_message draw_nd(draw *d, uint8_t type) {
    nd_message m;
    memset(&m, 0, sizeof m);
    if (type == ICMP6_NS || type == ICMP6_NA) draw_bytes(d, m.target.b, 16);
    if (type == ICMP6_NA) {
        m.router = draw_bool(d);
        m.solicited = draw_bool(d);
        m.override_ = draw_bool(d);
    }
    m.has_lladdr = draw_bool(d);
    if (m.has_lladdr) draw_bytes(d, m.lladdr, 6);
    if (type == ICMP6_NS && draw_bool(d)) m.nonce = draw_u64(d) >> 16;
    if (type != ICMP6_RA) return m;
    m.hop_limit = (uint8_t)draw_u64(d);
    m.managed = draw_bool(d);
    m.other = draw_bool(d);
    m.router_lifetime_s = (uint16_t)draw_u64(d);
    m.reachable_ms = (uint32_t)draw_u64(d);
    m.retrans_ms = (uint32_t)draw_u64(d);
    m.mtu = draw_bool(d) ? (uint32_t)draw_u64(d) : 0;
    m.prefixes = draw_below(d, 17);
    for (unsigned i = 0; i < m.prefixes; i++) {
        struct nd_prefix *p = &m.prefix[i];
        draw_bytes(d, p->prefix.b, 16);
        p->len = (uint8_t)draw_below(d, 129);
        p->on_link = draw_bool(d);
        p->autonomous = draw_bool(d);
        p->valid_s = (uint32_t)draw_u64(d);
        p->preferred_s = (uint32_t)draw_u64(d);
    }
    return m;
}

static void check_same_nd(const nd_message *a, const nd_message *b) {
    assert_true(ip_eq(&a->target, &b->target));
#define SAME(field) assert_int_equal(a->field, b->field)
    SAME(router), SAME(solicited), SAME(override_), SAME(has_lladdr), SAME(hop_limit), SAME(managed), SAME(other);
    SAME(router_lifetime_s), SAME(reachable_ms), SAME(retrans_ms), SAME(mtu), SAME(prefixes), SAME(nonce);
    assert_memory_equal(a->lladdr, b->lladdr, 6);
    for (unsigned i = 0; i < a->prefixes; i++) {
        assert_true(ip_eq(&a->prefix[i].prefix, &b->prefix[i].prefix));
        SAME(prefix[i].len), SAME(prefix[i].on_link), SAME(prefix[i].autonomous);
        SAME(prefix[i].valid_s), SAME(prefix[i].preferred_s);
    }
#undef SAME
}

static bool parse_nd(const uint8_t *p, size_t n) {
    reader r = reader_of(p, n);
    icmp_message m;
    nd_message nd;
    return icmp_parse(&r, &m) && nd_parse(&m, &nd);
}

static size_t fixed_len(uint8_t type) { return type == ICMP6_RS ? 8 : type == ICMP6_RA ? 16 : 24; }

static void discovery_comes_back_as_it_went(void **state) {
    (void)state;
    draw d = {4861};
    for (int i = 0; i < 100000; i++) {
        uint8_t type = (uint8_t)(ICMP6_RS + i % 4), buf[640];
        nd_message m = draw_nd(&d, type), back;
        writer w = writer_of(buf, sizeof buf);
        nd_emit(&w, type, &m);
        assert_false(w.bad);
        size_t n = writer_len(&w);
        uint8_t *p = exact_copy(buf, n);
        reader r = reader_of(p, n);
        icmp_message icmp;
        assert_true(icmp_parse(&r, &icmp));
        assert_int_equal(icmp.type, type);
        memset(&back, 0xee, sizeof back);
        assert_true(nd_parse(&icmp, &back));
        check_same_nd(&m, &back);
        if (i < 400) { /* whole only where an option ends */
            unsigned ends = (m.has_lladdr ? 1 : 0) + (m.mtu ? 1 : 0) + (m.nonce ? 1 : 0) + m.prefixes;
            assert_int_equal(hostile_truncate(p, n, parse_nd), ends);
        }
        exact_free(p, n);
    }
}

static void an_advertisement_in_bytes(void **state) {
    (void)state;
    static const uint8_t na[] = {136, 0, 0, 0, 0x60, 0, 0, 0, 0xfe, 0x80, 0, 0, 0, 0, 0, 0,
                                 0,   0, 0, 0, 0,    0, 0, 1, 2,    1,    2, 0, 0, 0, 0, 9};
    reader r = reader_of(na, sizeof na);
    icmp_message icmp;
    nd_message m;
    char buf[200];
    assert_true(icmp_parse(&r, &icmp) && nd_parse(&icmp, &m));
    assert_true(!m.router && m.solicited && m.override_ && m.has_lladdr);
    text t = text_of(buf, sizeof buf);
    nd_format(&t, icmp.type, &m);
    assert_string_equal(buf, "ND fe80::1 is here, as asked lladdr 02:00:00:00:00:09");
    uint8_t out[sizeof na];
    writer w = writer_of(out, sizeof out);
    nd_emit(&w, ICMP6_NA, &m);
    assert_memory_equal(out, na, sizeof na);

    static const uint8_t ra[] = {134,  0,    0,    0,    64, 0xc0, 0x07, 0x08, 0, 0, 0, 0,  0, 0, 0, 0, /* */
                                 5,    1,    0,    0,    0,  0,    0x05, 0xdc,                          /* MTU 1500 */
                                 3,    4,    64,   0xc0, 0,  0,    0x0e, 0x10, 0, 0, 0, 60, 0, 0, 0, 0, /* a prefix */
                                 0x20, 0x01, 0x0d, 0xb8, 0,  0,    0,    0,    0, 0, 0, 0,  0, 0, 0, 0};
    r = reader_of(ra, sizeof ra);
    assert_true(icmp_parse(&r, &icmp) && nd_parse(&icmp, &m));
    assert_true(m.hop_limit == 64 && m.managed && m.other && m.router_lifetime_s == 1800 && m.mtu == 1500 &&
                m.prefixes == 1);
    assert_true(m.prefix[0].len == 64 && m.prefix[0].on_link && m.prefix[0].autonomous);
    assert_true(m.prefix[0].valid_s == 3600 && m.prefix[0].preferred_s == 60);
    t = text_of(buf, sizeof buf);
    nd_format(&t, icmp.type, &m);
    assert_string_equal(buf, "ND router advertisement lifetime 1800 s mtu 1500 prefix 2001:db8::/64");
}

/* A message of this type with these bytes as its options. */
static bool with_options(uint8_t type, const uint8_t *options, size_t n, nd_message *out) {
    uint8_t buf[1500] = {type};
    memcpy(buf + fixed_len(type), options, n);
    n += fixed_len(type);
    uint8_t *p = exact_copy(buf, n);
    reader r = reader_of(p, n);
    icmp_message m;
    bool ok = icmp_parse(&r, &m) && nd_parse(&m, out);
    exact_free(p, n);
    return ok;
}

static void options_are_taken_where_they_belong(void **state) {
    (void)state;
    nd_message m;
    for (uint8_t type = ICMP6_RS; type <= ICMP6_NA; type++) {
        for (unsigned kind = 0; kind < 256; kind++) {
            for (unsigned len = 0; len < 6; len++) {
                uint8_t options[40] = {(uint8_t)kind, (uint8_t)len};
                memset(options + 2, 1, 30);
                bool ok = with_options(type, options, len ? len * 8 : 8, &m);
                assert_int_equal(ok, len > 0); /* [RFC4861 4.6] a length of 0 is never right */
                if (!ok) continue;
                assert_int_equal(m.has_lladdr, len == 1 && kind == (type == ICMP6_NA ? 2 : 1));
                assert_int_equal(m.mtu != 0, type == ICMP6_RA && kind == 5 && len == 1);
                assert_true(m.nonce == (type == ICMP6_NS && kind == 14 && len == 1 ? UINT64_C(0x010101010101) : 0));
                assert_int_equal(m.prefixes, type == ICMP6_RA && kind == 3 && len == 4);
            }
            uint8_t past[8] = {(uint8_t)kind, 2}; /* one that says more than is there */
            assert_false(with_options(type, past, 8, &m));
        }
    }
}

static void only_sixteen_prefixes_are_kept(void **state) {
    (void)state;
    uint8_t options[1280];
    nd_message m;
    for (unsigned i = 0; i < 40; i++) {
        uint8_t *p = options + 32 * i;
        memset(p, 0, 32);
        p[0] = 3;
        p[1] = 4;
        p[2] = (uint8_t)(i == 2 ? 129 : i); /* no prefix is that long: not kept */
    }
    assert_true(with_options(ICMP6_RA, options, sizeof options, &m));
    assert_int_equal(m.prefixes, 16);
    assert_int_equal(m.prefix[2].len, 3);
    assert_int_equal(m.prefix[15].len, 16);
}

static void other_types_are_no_discovery(void **state) {
    (void)state;
    static const uint8_t body[64];
    nd_message m;
    for (unsigned type = 0; type < 256; type++) {
        icmp_message icmp = {(uint8_t)type, 0, 0, body, 16};
        assert_int_equal(nd_parse(&icmp, &m), type == ICMP6_NS || type == ICMP6_NA);
    }
}

static void garbage_is_survived(void **state) {
    (void)state;
    draw d = {9};
    hostile_random(&d, 100, 100000, parse_icmp);
    for (int i = 0; i < 20000; i++) {
        uint8_t type = (uint8_t)(ICMP6_RS + i % 4), buf[640];
        nd_message m = draw_nd(&d, type);
        writer w = writer_of(buf, sizeof buf);
        nd_emit(&w, type, &m);
        hostile_mutate(&d, buf, writer_len(&w), 5, parse_icmp);
    }
}

static void no_room_to_write_is_said(void **state) {
    (void)state;
    draw d = {10};
    for (int i = 0; i < 4000; i++) {
        uint8_t type = (uint8_t)(ICMP6_RS + i % 4), buf[640] = {0};
        nd_message m = draw_nd(&d, type);
        writer w = writer_of(buf, sizeof buf);
        nd_emit(&w, type, &m);
        size_t n = writer_len(&w), cap = draw_below(&d, (uint32_t)n + 1);
        uint8_t *p = exact_copy(buf, cap);
        w = writer_of(p, cap);
        nd_emit(&w, type, &m);
        assert_int_equal(w.bad, cap < n);
        exact_free(p, cap);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_come_back_as_they_went),
        cmocka_unit_test(messages_as_text),
        cmocka_unit_test(discovery_comes_back_as_it_went),
        cmocka_unit_test(an_advertisement_in_bytes),
        cmocka_unit_test(options_are_taken_where_they_belong),
        cmocka_unit_test(only_sixteen_prefixes_are_kept),
        cmocka_unit_test(other_types_are_no_discovery),
        cmocka_unit_test(garbage_is_survived),
        cmocka_unit_test(no_room_to_write_is_said),
    };
    return cmocka_run_group_tests_name("wire: ICMP, neighbour discovery", tests, NULL, NULL);
}
