/* test_ip_reassembly.c - fragments: order, repeats, overlaps, impossible places, limits of memory, time and number,
 * and what is told to the sender. From RFC 791 3.2, 815, 1858, 5722, 6946, 7112, 8200 4.5. */
#include "ip_fixture.h"

enum { PAYLOAD = 4000 };

static packet k;
static uint8_t whole[66000]; /* a TCP segment, checksum right */

static void make_whole(size_t len) {
    memset(whole, 0, 20);
    store16(whole, 4000);
    store16(whole + 2, 80);
    whole[12] = 0x50;
    for (size_t i = 20; i < len; i++) whole[i] = (uint8_t)(i * 31 + i / 251);
}

static const char *peer_of(bool v6) { return v6 ? "fd09::1" : "10.9.0.1"; }

/* Bytes [at, at + len) of `whole` as one fragment, with these two bits for congestion. */
static void feed_marked(const char *src, bool v6, uint32_t id, size_t at, size_t len, bool more, uint8_t mark) {
    static uint8_t l4[66000];
    if (!v6) {
        make_packet(&k, src, "10.9.0.2", IP_PROTO_TCP, whole + at, len, -1, 64);
        store16(k.b + 4, (uint16_t)id);
        store16(k.b + 6, (uint16_t)(at / 8 | (more ? 0x2000 : 0)));
        k.b[1] = mark;
        fix_ip4(k.b);
    } else {
        l4[0] = IP_PROTO_TCP;
        l4[1] = 0;
        store16(l4 + 2, (uint16_t)(at | more));
        store32(l4 + 4, id);
        memcpy(l4 + 8, whole + at, len);
        make_packet(&k, src, "fd09::2", IP_PROTO_FRAGMENT, l4, 8 + len, -1, 64);
        k.b[1] = (uint8_t)(mark << 4);
    }
    feed(k.b, k.len);
}
static void feed_piece_from(const char *src, bool v6, uint32_t id, size_t at, size_t len, bool more) {
    feed_marked(src, v6, id, at, len, more, 0);
}
static void feed_piece(bool v6, uint32_t id, size_t at, size_t len, bool more) {
    feed_piece_from(peer_of(v6), v6, id, at, len, more);
}

static void expect_whole(size_t len) {
    assert_int_equal(tcp_seen.segments, 1);
    assert_int_equal(tcp_seen.len, len);
    assert_memory_equal(tcp_seen.data, whole, len);
    assert_null(tcp_seen.info.token);
    assert_int_equal(tcp_seen.info.ttl, 64);
    tcp_seen.segments = 0;
    assert_int_equal(host.s->ip.frag_bytes, 0);
}

static void expect_nothing_held(void) {
    assert_int_equal(host.s->ip.frag_datagrams, 0);
    assert_int_equal(host.s->ip.frag_bytes, 0);
}

/* Any order, any repeats: the same bytes. */
static void test_random_order(void **state) {
    (void)state;
    host_tun();
    for (uint32_t round = 1; round <= 400; round++) {
        bool v6 = round & 1;
        size_t len = 100 + chance(PAYLOAD - 100), n = 0, at[16], size[16];
        make_whole(len);
        for (size_t p = 0; p < len; n++) {
            size_t left = len - p, step = (24 + chance(600)) & ~7u;
            at[n] = p;
            size[n] = n == 15 || step >= left ? left : step;
            if (n == 15 && left % 8 && left > size[n]) size[n] = left;
            p += size[n];
        }
        size_t order[48], count = 0;
        for (size_t i = 0; i < n; i++)
            for (uint32_t copies = 1 + chance(3); copies; copies--) order[count++] = i;
        for (size_t i = count; i > 1; i--) {
            size_t j = chance((uint32_t)i), swap = order[i - 1];
            order[i - 1] = order[j];
            order[j] = swap;
        }
        bool seen[16] = {false};
        size_t missing = n;
        for (size_t i = 0; i < count && missing; i++) {
            size_t x = order[i];
            feed_piece(v6, round, at[x], size[x], x + 1 < n);
            if (!seen[x]) missing--;
            seen[x] = true;
            if (missing) assert_int_equal(tcp_seen.segments, 0);
        }
        expect_whole(len);
    }
    expect_nothing_held();
    host_free();
}

/* RFC 5722: an overlap of a single byte condemns all, also what comes later. */
static void test_overlap(void **state) {
    (void)state;
    for (int family = 0; family < 2; family++) {
        bool v6 = family;
        host_tun();
        make_whole(240);
        static const struct {
            size_t at, len;
        } bad[] = {{64, 64}, {56, 16}, {0, 240}, {0, 72}, {120, 16}, {72, 8}, {64, 56}, {0, 24}};
        for (uint32_t i = 0; i < ARRAY_LEN(bad); i++) {
            uint64_t before = reason(R_FRAGMENT_OVERLAP);
            feed_piece(v6, 100 + i, 0, 64, true);
            feed_piece(v6, 100 + i, 64, 64, true);
            if (bad[i].at == 64 && bad[i].len == 64) whole[100] ^= 1; /* the same place, other bytes */
            feed_piece(v6, 100 + i, bad[i].at, bad[i].len, true);
            if (bad[i].at == 64 && bad[i].len == 64) whole[100] ^= 1;
            assert_int_equal(reason(R_FRAGMENT_OVERLAP), before + 1);
            feed_piece(v6, 100 + i, 0, 64, true); /* too late for a fresh start */
            feed_piece(v6, 100 + i, 64, 64, true);
            feed_piece(v6, 100 + i, 128, 112, false);
            assert_int_equal(tcp_seen.segments, 0);
            assert_false(take());
        }
        assert_true(host.s->ip.frag_bytes < ARRAY_LEN(bad) * 256); /* the bytes went at once */
        pass_ms(61000);
        assert_false(take());
        expect_nothing_held();
        feed_piece(v6, 100, 0, 64, true); /* and now the number is free again */
        feed_piece(v6, 100, 64, 176, false);
        expect_whole(240);
        host_free();
    }
}

/* Two last fragments, or something behind the last. */
static void test_ends_disagree(void **state) {
    (void)state;
    for (int family = 0; family < 2; family++) {
        bool v6 = family;
        host_tun();
        make_whole(240);
        feed_piece(v6, 1, 160, 40, false);
        feed_piece(v6, 1, 200, 40, false);
        feed_piece(v6, 1, 0, 160, true);
        feed_piece(v6, 2, 160, 40, true);
        feed_piece(v6, 2, 80, 80, false);
        feed_piece(v6, 2, 0, 80, true);
        assert_int_equal(tcp_seen.segments, 0);
        assert_int_equal(reason(R_FRAGMENT_OVERLAP), 4);
        feed_piece(v6, 3, 160, 40, false);
        feed_piece(v6, 3, 200, 40, true); /* more to come behind the end */
        feed_piece(v6, 3, 0, 160, true);
        assert_int_equal(tcp_seen.segments, 0);
        assert_int_equal(reason(R_FRAGMENT_OVERLAP), 6);
        host_free();
    }
}

/* A7: places that cannot be. */
static void test_impossible(void **state) {
    (void)state;
    host_tun();
    make_whole(66000);
    static const struct {
        size_t at, len;
        bool more;
    } bad[] = {{65528, 8, false}, {65528, 100, false}, {65000, 600, false}, {8, 0, true}, {8, 0, false},
               {16, 9, true},     {0, 0, true},        {0, 16, true},       {0, 12, true}};
    for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
        feed_piece(false, 1, bad[i].at, bad[i].len, bad[i].more);
        assert_int_equal(reason(R_FRAGMENT_BAD), i + 1);
    }
    whole[12] = 0xf0; /* options up to 60 */
    feed_piece(false, 1, 0, 56, true);
    assert_int_equal(reason(R_FRAGMENT_BAD), ARRAY_LEN(bad) + 1);
    whole[12] = 0x50;
    assert_false(take());
    expect_nothing_held();

    feed_piece(true, 1, 65528, 100, false); /* RFC 8200 4.5: the sender is told where */
    assert_true(take());
    check_out(0);
    assert_true(host.out[40] == 4 && host.out[41] == 0 && load32(host.out + 44) == 42);
    feed_piece(true, 1, 16, 9, true);
    assert_true(take());
    assert_true(host.out[40] == 4 && host.out[41] == 0 && load32(host.out + 44) == 4);
    feed_piece(true, 1, 0, 16, true); /* RFC 7112: half a TCP header */
    assert_true(take());
    assert_true(host.out[40] == 4 && host.out[41] == 3 && load32(host.out + 44) == 0);
    feed_piece(true, 1, 8, 0, true);
    assert_false(take());
    uint8_t l4[8 + 17] = {IP_PROTO_DSTOPTS, 0, 0, 1, 0, 0, 0, 1, IP_PROTO_TCP, 2, 1, 4}; /* half an extension header */
    make_packet(&k, "fd09::1", "fd09::2", IP_PROTO_FRAGMENT, l4, 8 + 16, -1, 64);
    feed(k.b, k.len);
    assert_true(take());
    assert_true(host.out[40] == 4 && host.out[41] == 3);
    l4[0] = IP_PROTO_ICMP6; /* [RFC4443 2.4 e.1] the rest of what may be an error is no reason for another one */
    l4[3] = 16 | 1;
    l4[8] = ICMP6_ECHO; /* what begins there is no type */
    make_packet(&k, "fd09::1", "fd09::2", IP_PROTO_FRAGMENT, l4, 8 + 17, -1, 64);
    feed(k.b, k.len);
    assert_int_equal(reason(R_FRAGMENT_BAD), ARRAY_LEN(bad) + 7);
    assert_false(take());
    expect_nothing_held();
    host_free();
}

/* A refused allocation loses a piece or the datagram, and nothing else: sent again, it arrives. */
static void test_without_memory(void **state) {
    (void)state;
    for (unsigned n = 0; n < 2 * 2 * 8; n++) {
        bool v6 = n & 1, backwards = n & 2;
        host_tun();
        make_whole(200);
        heap.fail_at = heap.calls + 1 + n / 4;
        for (unsigned turn = 0; turn < 3; turn++)
            for (unsigned i = 0; i < 2 && tcp_seen.segments == 0; i++) {
                uint64_t refused = reason(R_NO_MEMORY);
                bool last = i != backwards;
                feed_piece(v6, 9, last ? 104 : 0, last ? 96 : 104, !last);
                if (reason(R_NO_MEMORY) > refused && (i == 0 || host.s->ip.frag_datagrams == 0)) expect_nothing_held();
            }
        assert_true(reason(R_NO_MEMORY) <= 1);
        expect_whole(200);
        expect_nothing_held();
        host_free();
    }
}

/* Where room is short the others make it, also for the one that waits longest. */
static void test_oldest_goes_on(void **state) {
    (void)state;
    host_tun();
    host.s->cfg.reassembly_bytes = 4000;
    make_whole(2400);
    feed_piece(false, 1, 0, 1200, true);
    feed_piece_from("10.9.0.7", false, 2, 0, 1200, true);
    feed_piece_from("10.9.0.8", false, 3, 0, 200, true);
    assert_int_equal(host.s->ip.frag_datagrams, 3);
    feed_piece(false, 1, 1200, 1200, false);
    assert_int_equal(reason(R_FRAGMENT_LIMIT), 1);
    assert_int_equal(tcp_seen.segments, 1);
    assert_int_equal(host.s->ip.frag_datagrams, 1);
    host_free();
}

/* The largest that there can be, and one byte more. */
static void test_largest(void **state) {
    (void)state;
    for (int family = 0; family < 2; family++) {
        for (size_t extra = 0; extra < 2; extra++) {
            host_tun();
            size_t len = (family ? 65535 : 65515) + extra;
            make_whole(len);
            for (size_t at = 0; at < len; at += 4096)
                feed_piece(family, 5, at, min_size(4096, len - at), at + 4096 < len);
            if (extra)
                assert_int_equal(tcp_seen.segments, 0);
            else
                expect_whole(len);
            host_free();
        }
    }
}

/* RFC 6946: offset 0 and no more to come is a datagram of its own, whatever waits under the same number. */
static void test_atomic(void **state) {
    (void)state;
    host_tun();
    make_whole(240);
    feed_piece(true, 9, 0, 120, true);
    feed_piece(true, 9, 0, 240, false);
    assert_int_equal(tcp_seen.segments, 1);
    assert_int_equal(tcp_seen.len, 240);
    tcp_seen.segments = 0;
    feed_piece(true, 9, 120, 120, false);
    expect_whole(240);
    host_free();
}

/* A fragment inside a fragmented datagram. */
static void test_nested(void **state) {
    (void)state;
    host_tun();
    make_whole(240);
    memmove(whole + 8, whole, 200);
    memset(whole, 0, 8);
    whole[0] = IP_PROTO_TCP;
    whole[3] = 1;
    static uint8_t l4[400];
    for (int last = 0; last < 2; last++) {
        memset(l4, 0, 8);
        l4[0] = IP_PROTO_FRAGMENT;
        store16(l4 + 2, last ? 104 : 1);
        store32(l4 + 4, 3);
        memcpy(l4 + 8, whole + (last ? 104 : 0), 104);
        make_packet(&k, "fd09::1", "fd09::2", IP_PROTO_FRAGMENT, l4, 112, -1, 64);
        feed(k.b, k.len);
    }
    assert_int_equal(tcp_seen.segments, 0);
    assert_int_equal(reason(R_FRAGMENT_BAD), 1);
    expect_nothing_held();
    host_free();
}

/* Headers before the fragment header stay; the one that named it names the next. */
static void test_extension_before(void **state) {
    (void)state;
    host_tun();
    make_whole(160);
    static uint8_t l4[400];
    for (int last = 0; last < 2; last++) {
        memset(l4, 0, 16);
        l4[0] = IP_PROTO_FRAGMENT;
        l4[2] = 1;
        l4[3] = 4;
        l4[8] = IP_PROTO_TCP;
        store16(l4 + 10, last ? 80 : 1);
        memcpy(l4 + 16, whole + (last ? 80 : 0), 80);
        make_packet(&k, "fd09::1", "fd09::2", IP_PROTO_DSTOPTS, l4, 96, -1, 64);
        feed(k.b, k.len);
    }
    expect_whole(160);
    host_free();
}

/* IPv4 options, and congestion that one fragment met. */
static void test_options_of_first(void **state) {
    (void)state;
    host_tun();
    make_whole(200);
    for (int last = 0; last < 2; last++) {
        make_packet(&k, "10.9.0.1", "10.9.0.2", IP_PROTO_TCP, whole + (last ? 104 : 0), last ? 96 : 104, -1, 64);
        static const uint8_t options[4] = {0x5e, 4, 1, 2};
        memmove(k.b + 24, k.b + 20, k.len - 20);
        memcpy(k.b + 20, options, 4);
        k.len += 4;
        k.b[0] = 0x46;
        k.b[1] = last ? 3 : 2; /* the second met congestion [RFC3168 5.3] */
        store16(k.b + 2, (uint16_t)k.len);
        store16(k.b + 6, (uint16_t)(last ? 13 : 0x2000));
        fix_ip4(k.b);
        feed(k.b, k.len);
    }
    expect_whole(200);
    assert_int_equal(tcp_seen.info.tos, 3);
    host_free();
}

/* [RFC3168 5.3] A mark on one fragment is not lost; but what says of itself, in any part, that it cannot be marked, never
 * comes out marked. Where all say the same, the whole says it too. */
static void test_marks(void **state) {
    (void)state;
    enum { NOT_ECT = 0, CE = 3, PIECES = 3, EACH = 80 };
    for (unsigned n = 0; n < 2 * 64 * 2; n++) {
        bool v6 = n & 1, backwards = n & 2, any = false, none = false;
        uint8_t mark[PIECES] = {n >> 2 & 3, n >> 4 & 3, n >> 6 & 3};
        host_tun();
        make_whole(PIECES * EACH);
        for (unsigned i = 0; i < PIECES; i++) {
            unsigned p = backwards ? PIECES - 1 - i : i;
            any |= mark[p] == CE;
            none |= mark[p] == NOT_ECT;
            feed_marked(peer_of(v6), v6, 7, p * EACH, EACH, p + 1 < PIECES, mark[p]);
        }
        if (any && none) {
            assert_int_equal(tcp_seen.segments, 0);
            assert_int_equal(reason(R_FRAGMENT_BAD), 1);
        } else {
            expect_whole(PIECES * EACH);
            if (any || (mark[0] == mark[1] && mark[1] == mark[2]))
                assert_int_equal(tcp_seen.info.tos & 3, any ? CE : mark[0]);
        }
        expect_nothing_held();
        host_free();
    }
}

static void test_time(void **state) {
    (void)state;
    for (int family = 0; family < 2; family++) {
        bool v6 = family;
        host_tun();
        make_whole(240);
        feed_piece(v6, 1, 0, 120, true); /* with its beginning: the sender is told */
        packet lure;                     /* a middle that looks like a packet of somebody else */
        make_tcp(&lure, v6 ? "fd09::9" : "10.9.0.9", v6 ? "fd09::2" : "10.9.0.2", 20);
        memcpy(whole + 120, lure.b, 60);
        feed_piece_from(v6 ? "fd09::7" : "10.9.0.7", v6, 2, 120, 120, false); /* without: silence */
        pass_ms(v6 ? 59999 : 29999);
        assert_int_equal(host.s->ip.frag_datagrams, 2);
        assert_false(take());
        pass_ms(2);
        expect_nothing_held();
        assert_int_equal(reason(R_FRAGMENT_TIMEOUT), 2);
        assert_true(take());
        check_out(0);
        assert_true(bytes_are(host.out + (v6 ? 24 : 16), peer_of(v6)));
        assert_true(host.out[v6 ? 40 : 20] == (v6 ? 3 : 11) && host.out[v6 ? 41 : 21] == 1);
        assert_int_equal(host.out_len, v6 ? 40 + 8 + 40 + 8 + 120 : 20 + 8 + 20 + 120);
        assert_false(take());
        assert_true(tern_deadline(host.t) == TERN_NEVER);
        host_free();
    }
}

static void test_fragments_max(void **state) {
    (void)state;
    for (int family = 0; family < 2; family++) {
        for (unsigned n = 16; n <= 17; n++) {
            host_tun();
            make_whole(n * 24u);
            for (unsigned i = 0; i < n; i++) feed_piece(family, 1, i * 24u, 24, i + 1 < n);
            if (n == 16)
                expect_whole(16 * 24);
            else
                assert_int_equal(tcp_seen.segments, 0);
            assert_int_equal(reason(R_FRAGMENT_LIMIT), n - 16);
            host_free();
        }
    }
}

/* C3: a flood of beginnings from fifty sources; memory stays under its limit and others are served. */
static void test_flood(void **state) {
    (void)state;
    for (int family = 0; family < 2; family++) {
        bool v6 = family;
        host_tun();
        make_whole(1400);
        uint64_t most = 0;
        for (uint32_t i = 0; i < 100000; i++) {
            char src[TERN_ADDR_TEXT];
            if (v6)
                snprintf(src, sizeof src, "fd09::a:%x", i % 50);
            else
                snprintf(src, sizeof src, "10.9.0.%u", 100 + i % 50);
            feed_piece_from(src, v6, i, 0, i % 3 ? 1376 : 24, true);
            most = max_u64(most, host.s->ip.frag_bytes);
            host.now += 1000;
            if (i % 1000 == 999) {
                feed_piece(v6, i, 0, 800, true);
                feed_piece(v6, i, 800, 600, false);
                assert_int_equal(tcp_seen.segments, 1);
                assert_int_equal(tcp_seen.len, 1400);
                tcp_seen.segments = 0;
            }
        }
        assert_true(most <= host.s->cfg.reassembly_bytes);
        assert_true(reason(R_FRAGMENT_LIMIT) > 90000);
        take_all();
        pass_ms(61000);
        expect_nothing_held();
        host_free();
    }
}

/* One source holds at most 64; its own oldest goes. */
static void test_per_source(void **state) {
    (void)state;
    host_tun();
    make_whole(240);
    for (uint32_t i = 0; i < 65; i++) feed_piece(false, i, 0, 120, true);
    assert_int_equal(host.s->ip.frag_datagrams, 64);
    assert_int_equal(reason(R_FRAGMENT_LIMIT), 1);
    feed_piece(false, 1, 120, 120, false); /* the second is still there */
    assert_int_equal(tcp_seen.segments, 1);
    feed_piece(false, 0, 120, 120, false); /* the first is not */
    assert_int_equal(tcp_seen.segments, 1);
    host_free();
}

/* Same number, other protocol, destination or source: other datagrams. */
static void test_keys(void **state) {
    (void)state;
    host_tun();
    give(0, "10.9.0.4", 24);
    make_whole(240);
    feed_piece(false, 7, 0, 120, true);
    for (int i = 0; i < 3; i++) {
        make_packet(&k, i == 0 ? "10.9.0.3" : "10.9.0.1", i == 1 ? "10.9.0.4" : "10.9.0.2",
                    i == 2 ? IP_PROTO_UDP : IP_PROTO_TCP, whole + 120, 120, -1, 64);
        store16(k.b + 4, 7);
        store16(k.b + 6, 15);
        fix_ip4(k.b);
        feed(k.b, k.len);
        assert_int_equal(tcp_seen.segments, 0);
    }
    feed_piece(false, 7, 120, 120, false);
    assert_int_equal(tcp_seen.segments, 1);
    host_free();
}

static void test_random(void **state) {
    (void)state;
    host_tun();
    for (int i = 0; i < 65000; i++) whole[i] = (uint8_t)chance(256);
    for (int i = 0; i < 100000; i++) {
        size_t at = chance(4) ? chance(400) * 8 : chance(8192) * 8, len = chance(8) ? chance(200) : 0;
        whole[12] = 0x50;
        if (at + len > 65500) at = 64000;
        feed_piece(chance(2), chance(8), at, len, chance(3));
        if (i % 100 == 0) pass_ms(chance(3000));
        assert_true(host.s->ip.frag_bytes <= host.s->cfg.reassembly_bytes);
    }
    take_all();
    pass_ms(61000);
    expect_nothing_held();
    host_free();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_order),     cmocka_unit_test(test_overlap),
        cmocka_unit_test(test_ends_disagree),    cmocka_unit_test(test_impossible),
        cmocka_unit_test(test_largest),          cmocka_unit_test(test_atomic),
        cmocka_unit_test(test_nested),           cmocka_unit_test(test_extension_before),
        cmocka_unit_test(test_options_of_first), cmocka_unit_test(test_time),
        cmocka_unit_test(test_fragments_max),    cmocka_unit_test(test_flood),
        cmocka_unit_test(test_per_source),       cmocka_unit_test(test_keys),
        cmocka_unit_test(test_random),           cmocka_unit_test(test_marks),
        cmocka_unit_test(test_without_memory),   cmocka_unit_test(test_oldest_goes_on),
    };
    return cmocka_run_group_tests_name("ip_reassembly", tests, NULL, NULL);
}
