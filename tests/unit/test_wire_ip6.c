/* test_wire_ip6.c - the IPv6 header and the walk over its extension headers (RFC 8200 3, 4; RFC 5095, 6946). */
#include "wire/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hostile.h"

static bool parse_ip6(const uint8_t *p, size_t n) {
    reader r = reader_of(p, n);
    ip6_header h;
    if (!ip6_parse(&r, &h)) return false;
    assert_int_equal(reader_left(&r), h.payload_len);
    char buf[24];
    text t = text_of(buf, sizeof buf);
    ip6_format(&t, &h);
    ip6_chain chain;
    uint32_t problem;
    enum ip6_verdict verdict = ip6_walk(&r, h.next_header, &chain, &problem);
    if (verdict == IP6_OK) {
        assert_ptr_equal(r.at, p + 40 + chain.len);
        assert_true(chain.len <= 256 && chain.len % 8 == 0);
        assert_int_equal(chain.proto == IP_PROTO_FRAGMENT, chain.more_fragments || chain.fragment_offset);
        if (chain.fragment) assert_int_equal(p[chain.next_field_at], IP_PROTO_FRAGMENT);
        if (chain.fragment) assert_int_equal(p[40 + chain.fragment_at], chain.fragment_next);
    } else if (verdict != IP6_MALFORMED) {
        assert_true(problem < n);
    }
    return true;
}

static ip6_header draw_header(draw *d) {
    ip6_header h = {.traffic_class = (uint8_t)draw_u64(d),
                    .next_header = (uint8_t)draw_u64(d),
                    .hop_limit = (uint8_t)draw_u64(d),
                    .flow_label = (uint32_t)draw_u64(d) & 0xfffff,
                    .payload_len = (uint16_t)draw_below(d, 16)};
    draw_bytes(d, h.src.b, 16);
    draw_bytes(d, h.dst.b, 16);
    return h;
}

static void it_comes_back_as_it_went(void **state) {
    (void)state;
    draw d = {8200};
    for (int i = 0; i < 100000; i++) {
        ip6_header h = draw_header(&d), back;
        uint8_t buf[64] = {0};
        writer w = writer_of(buf, sizeof buf);
        ip6_emit(&w, &h);
        assert_int_equal(writer_len(&w), 40);
        size_t n = 40u + h.payload_len + draw_below(&d, 4);
        uint8_t *p = exact_copy(buf, n);
        reader r = reader_of(p, n);
        assert_true(ip6_parse(&r, &back));
        assert_int_equal(reader_left(&r), h.payload_len);
#define SAME(field) assert_int_equal(back.field, h.field)
        SAME(traffic_class), SAME(next_header), SAME(hop_limit), SAME(flow_label), SAME(payload_len);
#undef SAME
        assert_true(ip_eq(&back.src, &h.src) && ip_eq(&back.dst, &h.dst));
        if (i < 300) assert_int_equal(hostile_truncate(p, 40u + h.payload_len, parse_ip6), 0);
        exact_free(p, n);
    }
}

static void an_example_in_bytes(void **state) {
    (void)state;
    uint8_t packet[41] = {0x6a, 0xbc, 0xde, 0xf1, 0, 1, 6, 64, 0xfe, 0x80, [23] = 1, [24] = 0xff, [25] = 2, [39] = 2};
    ip6_header h;
    reader r = reader_of(packet, sizeof packet);
    assert_true(ip6_parse(&r, &h));
    assert_int_equal(h.traffic_class, 0xab);
    assert_int_equal(h.flow_label, 0xcdef1);
    char buf[200];
    text t = text_of(buf, sizeof buf);
    ip6_format(&t, &h);
    assert_string_equal(buf, "IPv6 fe80::1 > ff02::2 next 6 hops 64 len 1 flow 0xcdef1");
    for (unsigned version = 0; version < 16; version++) {
        packet[0] = (uint8_t)(version << 4);
        r = reader_of(packet, sizeof packet);
        assert_int_equal(ip6_parse(&r, &h), version == 6);
    }
}

/* ---- extension headers, behind an IPv6 header that is not there: offsets count from its start all the same ---- */

static ip6_chain chain;
static uint32_t problem;
static size_t stands_at;

static enum ip6_verdict walk(uint8_t first, const void *bytes, size_t n) {
    uint8_t *p = exact_copy(bytes, n);
    reader r = reader_of(p, n);
    enum ip6_verdict verdict = ip6_walk(&r, first, &chain, &problem);
    stands_at = (size_t)(r.at - p);
    exact_free(p, n);
    return verdict;
}
#define WALK(first, ...) walk(first, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

#define HBH IP_PROTO_HOPOPTS
#define DST IP_PROTO_DSTOPTS
#define RTG IP_PROTO_ROUTING
#define FRG IP_PROTO_FRAGMENT
#define TCP IP_PROTO_TCP
#define PAD6 1, 4, 0, 0, 0, 0 /* PadN that fills 8 bytes */

static void no_extension_is_no_walk(void **state) {
    (void)state;
    for (unsigned first = 0; first < 256; first++) {
        if (first == HBH || first == DST || first == RTG || first == FRG) continue;
        assert_int_equal(walk((uint8_t)first, "", 0), IP6_OK);
        assert_int_equal(chain.proto, first);
        assert_int_equal(chain.len, 0);
        assert_false(chain.fragment);
    }
}

static void headers_are_walked_in_any_order(void **state) {
    (void)state;
    assert_int_equal(WALK(HBH, TCP, 0, PAD6, 99), IP6_OK);
    assert_int_equal(chain.proto, TCP);
    assert_int_equal(chain.len, 8);
    assert_int_equal(stands_at, 8);
    assert_int_equal(
        WALK(HBH, DST, 0, 5, 2, 0, 0, 0, 0, RTG, 0, PAD6, DST, 0, 0, 0, 0, 0, 0, 0, 58, 0, 0, 0, 0, 0, 0, 0),
        IP6_OK); /* router alert, Pad1s, a used-up routing header */
    assert_int_equal(chain.proto, 58);
    assert_int_equal(chain.len, 32);
    assert_int_equal(WALK(DST, IP_PROTO_NONE, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), IP6_OK);
    assert_int_equal(chain.proto, IP_PROTO_NONE);
    assert_int_equal(chain.len, 16);
}

static void hop_by_hop_comes_first_or_not_at_all(void **state) {
    (void)state;
    assert_int_equal(WALK(DST, HBH, 0, PAD6, TCP, 0, PAD6), IP6_BAD_NEXT);
    assert_int_equal(problem, 40); /* the Next Header byte that says so */
    assert_int_equal(WALK(HBH, HBH, 0, PAD6, TCP, 0, PAD6), IP6_BAD_NEXT);
    assert_int_equal(problem, 40);
    assert_int_equal(WALK(HBH, DST, 0, PAD6, HBH, 0, PAD6, TCP, 0, PAD6), IP6_BAD_NEXT);
    assert_int_equal(problem, 48);
}

static void routing_that_is_not_done_is_refused(void **state) {
    (void)state;
    for (unsigned type = 0; type < 256; type++) { /* [RFC5095 3] type 0 like every other */
        for (unsigned left = 0; left < 256; left++) {
            const uint8_t p[] = {RTG, 0, 0, 0, 0, 0, 0, 0, TCP, 0, (uint8_t)type, (uint8_t)left, 0, 0, 0, 0};
            assert_int_equal(walk(RTG, p, sizeof p), left ? IP6_BAD_HEADER : IP6_OK);
            if (left) assert_int_equal(problem, 40 + 8 + 2);
        }
    }
}

static void an_unknown_option_says_what_to_do(void **state) {
    (void)state;
    static const enum ip6_verdict verdicts[] = {IP6_OK, IP6_MALFORMED, IP6_BAD_OPTION, IP6_BAD_OPTION_NO_MULTICAST};
    for (unsigned kind = 2; kind < 256; kind++) {
        for (unsigned header = 0; header < 2; header++) {
            const uint8_t p[] = {TCP, 0, 0, (uint8_t)kind, 3, 9, 9, 9};
            enum ip6_verdict verdict = walk(header ? HBH : DST, p, sizeof p);
            assert_int_equal(verdict, verdicts[kind >> 6]);
            if (verdict > IP6_MALFORMED) assert_int_equal(problem, 40 + 3);
        }
    }
    /* a jumbo payload is such an option: refused */
    assert_int_equal(WALK(HBH, TCP, 0, 0xc2, 4, 0, 1, 0, 0), IP6_BAD_OPTION_NO_MULTICAST);
    assert_int_equal(problem, 40 + 2);
    /* in the second header */
    assert_int_equal(WALK(HBH, DST, 0, PAD6, TCP, 0, 1, 0, 0x80, 2, 0, 0), IP6_BAD_OPTION);
    assert_int_equal(problem, 40 + 8 + 4);
}

static void options_end_with_their_header(void **state) {
    (void)state;
    for (unsigned kind = 1; kind < 64; kind++) {
        for (unsigned at = 0; at < 6; at++) {
            for (unsigned len = 0; len < 256; len++) {
                uint8_t p[24] = {TCP, 0};
                p[2 + at] = (uint8_t)kind;
                if (at < 5) p[3 + at] = (uint8_t)len;
                assert_int_equal(walk(DST, p, sizeof p), at < 5 && len <= 4 - at ? IP6_OK : IP6_MALFORMED);
            }
        }
    }
}

static void a_real_fragment_ends_the_walk(void **state) {
    (void)state;
    assert_int_equal(WALK(HBH, FRG, 0, PAD6, DST, 0, 0x05, 0xa9, 1, 2, 3, 4, 0xee), IP6_OK);
    assert_int_equal(chain.proto, FRG);
    assert_true(chain.fragment && chain.more_fragments);
    assert_int_equal(chain.fragment_offset, 0x5a8);
    assert_int_equal(chain.fragment_id, 0x01020304);
    assert_int_equal(chain.fragment_next, DST);
    assert_int_equal(chain.fragment_at, 8);
    assert_int_equal(chain.next_field_at, 40);
    assert_int_equal(chain.len, 16);
    assert_int_equal(stands_at, 16);
    /* the last one, the first one, directly behind the IPv6 header */
    assert_int_equal(WALK(FRG, TCP, 0, 0x00, 0x08, 0, 0, 0, 1), IP6_OK);
    assert_int_equal(chain.proto, FRG);
    assert_false(chain.more_fragments);
    assert_int_equal(chain.next_field_at, 6);
    assert_int_equal(chain.fragment_at, 0);
    assert_int_equal(WALK(FRG, TCP, 0, 0x00, 0x01, 0, 0, 0, 1), IP6_OK);
    assert_int_equal(chain.proto, FRG);
    assert_int_equal(chain.fragment_offset, 0);
}

static void an_atomic_fragment_is_a_whole_packet(void **state) { /* [RFC6946 4] */
    (void)state;
    assert_int_equal(WALK(FRG, DST, 7, 0x00, 0x06, 1, 2, 3, 4, TCP, 0, PAD6, 99),
                     IP6_OK); /* reserved bits count nothing */
    assert_int_equal(chain.proto, TCP);
    assert_true(chain.fragment && !chain.more_fragments && chain.fragment_offset == 0);
    assert_int_equal(chain.fragment_id, 0x01020304);
    assert_int_equal(chain.len, 16);
}

static void the_walk_has_limits(void **state) {
    (void)state;
    uint8_t p[600];
    for (unsigned headers = 1; headers < 20; headers++) { /* 8 headers */
        for (unsigned i = 0; i < headers; i++) {
            static const uint8_t pad[] = {DST, 0, PAD6};
            memcpy(p + 8 * i, pad, 8);
        }
        p[8 * (headers - 1)] = TCP;
        assert_int_equal(walk(DST, p, 8 * headers), headers <= 8 ? IP6_OK : IP6_MALFORMED);
    }
    for (unsigned len = 8; len < 600; len += 8) { /* 256 bytes: in one header, and in two */
        memset(p, 0, sizeof p);
        p[0] = TCP;
        p[1] = (uint8_t)(len / 8 - 1);
        assert_int_equal(walk(DST, p, len), len <= 256 ? IP6_OK : IP6_MALFORMED);
        if (len == 8) continue;
        p[0] = DST;
        p[1] = 0;
        p[8] = TCP;
        p[9] = (uint8_t)((len - 8) / 8 - 1);
        assert_int_equal(walk(DST, p, len), len <= 256 ? IP6_OK : IP6_MALFORMED);
    }
    for (unsigned options = 1; options < 30; options++) { /* 8 options, padding not counted */
        memset(p, 0, sizeof p);
        p[0] = TCP;
        p[1] = 12;
        for (unsigned i = 0; i < options; i++) p[2 + 3 * i] = 5;
        assert_int_equal(walk(DST, p, 104), options <= 8 ? IP6_OK : IP6_MALFORMED);
        for (unsigned i = 0; i < options; i++) p[2 + 3 * i] = 1; /* padding of three bytes each is no option */
        assert_int_equal(walk(DST, p, 104), IP6_OK);
    }
}

static void a_chain_cut_short_is_malformed(void **state) {
    (void)state;
    static const uint8_t whole[] = {DST, 0,   PAD6, RTG, 1, 1, 12, 0, 0, 0,   0, 0, 0, 0, 0, 0, 0, 0,
                                    0,   FRG, 0,    0,   0, 0, 0,  0, 0, TCP, 0, 0, 0, 0, 0, 0, 0};
    assert_int_equal(walk(HBH, whole, sizeof whole), IP6_OK);
    assert_int_equal(chain.proto, TCP);
    for (size_t n = 0; n < sizeof whole; n++) assert_int_equal(walk(HBH, whole, n), IP6_MALFORMED);
}

static void garbage_is_survived(void **state) {
    (void)state;
    draw d = {6};
    hostile_random(&d, 100, 100000, parse_ip6);
    static const uint8_t kinds[] = {HBH, DST, RTG, FRG, DST, TCP, 58, 59};
    for (int i = 0; i < 100000; i++) { /* chains that look real, some of them cut short or changed */
        uint8_t p[40 + 300] = {0x60};
        size_t n = 40;
        p[6] = kinds[draw_below(&d, 5)];
        while (n < 280) {
            uint8_t next = kinds[draw_below(&d, ARRAY_LEN(kinds))];
            unsigned len = draw_below(&d, 4) ? 8 : 8 + 8 * draw_below(&d, 4);
            p[n] = next;
            p[n + 1] = (uint8_t)(len / 8 - 1);
            if (draw_bool(&d))
                p[n + 2] = 1, p[n + 3] = (uint8_t)(len - 4);
            else
                p[n + 2 + draw_below(&d, len - 2)] = (uint8_t)draw_below(&d, 256);
            n += len;
            if (next == TCP) break;
        }
        store16(p + 4, (uint16_t)(n - 40));
        hostile_mutate(&d, p, n, 2, parse_ip6);
        uint8_t *exact = exact_copy(p, n);
        assert_true(parse_ip6(exact, n));
        exact_free(exact, n);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_comes_back_as_it_went),
        cmocka_unit_test(an_example_in_bytes),
        cmocka_unit_test(no_extension_is_no_walk),
        cmocka_unit_test(headers_are_walked_in_any_order),
        cmocka_unit_test(hop_by_hop_comes_first_or_not_at_all),
        cmocka_unit_test(routing_that_is_not_done_is_refused),
        cmocka_unit_test(an_unknown_option_says_what_to_do),
        cmocka_unit_test(options_end_with_their_header),
        cmocka_unit_test(a_real_fragment_ends_the_walk),
        cmocka_unit_test(an_atomic_fragment_is_a_whole_packet),
        cmocka_unit_test(the_walk_has_limits),
        cmocka_unit_test(a_chain_cut_short_is_malformed),
        cmocka_unit_test(garbage_is_survived),
    };
    return cmocka_run_group_tests_name("wire: IPv6", tests, NULL, NULL);
}
