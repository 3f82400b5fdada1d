/* test_wire_ip4.c - the IPv4 header (RFC 791 3.1) and the pseudo-header's sum (RFC 9293 3.1, RFC 8200 8.1). */
#include "wire/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hostile.h"

static bool parse_ip4(const uint8_t *p, size_t n) {
    reader r = reader_of(p, n);
    ip4_header h;
    if (!ip4_parse(&r, &h)) return false;
    assert_true(h.header_len >= 20 && h.header_len <= 60 && h.options_len == h.header_len - 20);
    assert_true(h.total_len >= h.header_len && h.total_len <= n);
    assert_ptr_equal(r.at, p + h.header_len);
    assert_ptr_equal(r.end, p + h.total_len);
    char buf[24];
    text t = text_of(buf, sizeof buf);
    ip4_format(&t, &h);
    return true;
}

/* Options whose lengths add up: NOPs and others, then an end and rubbish behind it, or none. */
static uint8_t draw_options(draw *d, uint8_t options[40]) {
    uint8_t len = (uint8_t)(4 * draw_below(d, 11));
    draw_bytes(d, options, len);
    for (unsigned at = 0; at < len;) {
        if (draw_below(d, 3) == 0) {
            options[at++] = 1;
        } else if (len - at >= 2 && draw_below(d, 8)) {
            options[at] = (uint8_t)(2 + draw_below(d, 254));
            options[at + 1] = (uint8_t)(2 + draw_below(d, len - at - 1));
            at += options[at + 1];
        } else {
            options[at] = 0;
            break;
        }
    }
    return len;
}

static ip4_header draw_header(draw *d, unsigned payload) {
    ip4_header h;
    memset(&h, 0, sizeof h);
    h.options_len = draw_bool(d) ? 0 : draw_options(d, h.options);
    h.header_len = (uint8_t)(20 + h.options_len);
    h.tos = (uint8_t)draw_u64(d);
    h.ttl = (uint8_t)draw_u64(d);
    h.proto = (uint8_t)draw_u64(d);
    h.total_len = (uint16_t)(h.header_len + payload);
    h.id = (uint16_t)draw_u64(d);
    h.dont_fragment = draw_bool(d);
    h.more_fragments = draw_bool(d);
    h.fragment_offset = (uint16_t)(draw_below(d, 8192) * 8);
    h.src = (uint32_t)draw_u64(d);
    h.dst = (uint32_t)draw_u64(d);
    return h;
}

static void it_comes_back_as_it_went(void **state) {
    (void)state;
    draw d = {791};
    for (int i = 0; i < 100000; i++) {
        unsigned payload = draw_below(&d, 8), trailer = draw_below(&d, 4);
        ip4_header h = draw_header(&d, payload), back;
        uint8_t buf[80] = {0};
        writer w = writer_of(buf, sizeof buf);
        ip4_emit(&w, &h);
        assert_int_equal(writer_len(&w), h.header_len);
        size_t n = h.total_len + trailer; /* Ethernet pads short packets */
        uint8_t *p = exact_copy(buf, n);
        reader r = reader_of(p, n);
        assert_true(ip4_parse(&r, &back));
        assert_int_equal(reader_left(&r), payload);
        assert_memory_equal(back.options, h.options, h.options_len);
        memcpy(back.options, h.options, sizeof h.options);
#define SAME(field) assert_int_equal(back.field, h.field)
        SAME(header_len), SAME(tos), SAME(ttl), SAME(proto), SAME(total_len), SAME(id), SAME(dont_fragment);
        SAME(more_fragments), SAME(fragment_offset), SAME(src), SAME(dst), SAME(options_len);
#undef SAME
        if (i < 300) assert_int_equal(hostile_truncate(p, h.total_len, parse_ip4), 0);
        exact_free(p, n);
    }
}

/* A datagram seen on a wire: 192.168.0.1 to 192.168.0.199, the example that many texts use for the checksum b861. */
static const uint8_t example[20] = {0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11,
                                    0xb8, 0x61, 0xc0, 0xa8, 0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7};

static void an_example_in_bytes(void **state) {
    (void)state;
    uint8_t packet[0x73] = {0}, out[20];
    memcpy(packet, example, sizeof example);
    reader r = reader_of(packet, sizeof packet);
    ip4_header h;
    assert_true(ip4_parse(&r, &h));
    assert_int_equal(h.src, 0xc0a80001);
    assert_int_equal(h.dst, 0xc0a800c7);
    assert_int_equal(h.proto, IP_PROTO_UDP);
    assert_int_equal(h.ttl, 64);
    assert_true(h.dont_fragment && !h.more_fragments && h.fragment_offset == 0);
    writer w = writer_of(out, sizeof out);
    ip4_emit(&w, &h);
    assert_memory_equal(out, example, sizeof out);
    char buf[200];
    text t = text_of(buf, sizeof buf);
    ip4_format(&t, &h);
    assert_string_equal(buf, "IPv4 192.168.0.1 > 192.168.0.199 proto 17 ttl 64 len 115 DF");
    h.more_fragments = true;
    h.dont_fragment = false;
    h.id = 77;
    h.fragment_offset = 1480;
    t = text_of(buf, sizeof buf);
    ip4_format(&t, &h);
    assert_string_equal(buf, "IPv4 192.168.0.1 > 192.168.0.199 proto 17 ttl 64 len 115 id 77 fragment 1480+");
    h.fragment_offset = 0; /* the first */
    t = text_of(buf, sizeof buf);
    ip4_format(&t, &h);
    assert_string_equal(buf, "IPv4 192.168.0.1 > 192.168.0.199 proto 17 ttl 64 len 115 id 77 fragment 0+");
    h.more_fragments = false;
    h.fragment_offset = 2960; /* the last, with options */
    h.options_len = 8;
    t = text_of(buf, sizeof buf);
    ip4_format(&t, &h);
    assert_string_equal(buf, "IPv4 192.168.0.1 > 192.168.0.199 proto 17 ttl 64 len 115 id 77 fragment 2960 options 8");
}

/* Sets the checksum right again after a change, so that only the change can be the reason. */
static bool parse_repaired(uint8_t *p, size_t n, size_t header_len) {
    uint16_t field = 0;
    memcpy(p + 10, &field, 2);
    field = checksum_finish(checksum_plain.add(p, header_len, 0));
    memcpy(p + 10, &field, 2);
    uint8_t *exact = exact_copy(p, n);
    bool ok = parse_ip4(exact, n);
    exact_free(exact, n);
    return ok;
}

static void bad_headers_are_refused(void **state) {
    (void)state;
    uint8_t p[60];
    /* any single changed bit is seen by version, length or checksum */
    for (unsigned bit = 0; bit < 160; bit++) {
        uint8_t packet[0x73] = {0};
        memcpy(packet, example, sizeof example);
        packet[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(parse_ip4(packet, sizeof packet));
    }
    for (unsigned first = 0; first < 256; first++) { /* version and header length */
        unsigned header_len = (first & 15) * 4;
        memset(p, 1, sizeof p); /* NOPs */
        p[0] = (uint8_t)first;
        store16(p + 2, sizeof p);
        assert_int_equal(parse_repaired(p, sizeof p, header_len >= 12 ? header_len : 20),
                         first >> 4 == 4 && header_len >= 20);
    }
    for (unsigned total = 0; total < 70; total++) { /* total length within header .. what is there */
        memset(p, 1, sizeof p);
        p[0] = 0x46;
        store16(p + 2, (uint16_t)total);
        assert_int_equal(parse_repaired(p, 40, 24), total >= 24 && total <= 40);
    }
}

static void option_lengths_must_add_up(void **state) {
    (void)state;
    for (unsigned at = 0; at < 40; at++) {
        for (unsigned kind = 0; kind < 256; kind++) {
            for (unsigned len = 0; len < 44; len++) {
                uint8_t p[60];
                memset(p, 1, sizeof p);
                p[0] = 0x4f;
                store16(p + 2, 60);
                p[20 + at] = (uint8_t)kind;
                if (at < 39) p[21 + at] = (uint8_t)len;
                bool ok = kind == 0 || (kind > 1 && at < 39 && len >= 2 && len <= 40 - at);
                /* a NOP, and `len` is the next option's kind: the NOP behind it then is a length of 1 */
                if (kind == 1) ok = at == 39 || len <= 1;
                if (parse_repaired(p, 60, 60) != ok) fail_msg("option %u of length %u at %u", kind, len, at);
            }
        }
    }
}

static void garbage_is_survived(void **state) {
    (void)state;
    draw d = {7};
    hostile_random(&d, 80, 100000, parse_ip4);
    ip4_header h = draw_header(&d, 5);
    uint8_t buf[80] = {0};
    writer w = writer_of(buf, sizeof buf);
    ip4_emit(&w, &h);
    hostile_mutate(&d, buf, h.total_len, 100000, parse_ip4);
    for (int i = 0; i < 100000; i++) { /* with a checksum that fits */
        h = draw_header(&d, 0);
        w = writer_of(buf, sizeof buf);
        ip4_emit(&w, &h);
        buf[draw_below(&d, h.header_len)] ^= (uint8_t)draw_u64(&d);
        parse_repaired(buf, h.header_len, min_size(h.header_len, max_u32((buf[0] & 15u) * 4u, 12)));
    }
}

static void no_room_to_write_is_said(void **state) {
    (void)state;
    draw d = {8};
    for (int i = 0; i < 1000; i++) {
        ip4_header h = draw_header(&d, 0);
        const uint8_t zeros[60] = {0};
        size_t cap = draw_below(&d, h.header_len + 1u);
        uint8_t *p = exact_copy(zeros, cap);
        writer w = writer_of(p, cap);
        ip4_emit(&w, &h);
        assert_int_equal(w.bad, cap < h.header_len);
        exact_free(p, cap);
    }
}

/* The pseudo-headers as bytes, as the RFCs draw them. */
static void the_pseudo_header_sums_as_its_bytes(void **state) {
    (void)state;
    draw d = {9293};
    for (int i = 0; i < 100000; i++) {
        uint8_t v6[40] = {0}, v4[12] = {0};
        ip_addr src, dst;
        uint8_t proto = (uint8_t)draw_u64(&d);
        uint32_t len = (uint32_t)draw_u64(&d);
        draw_bytes(&d, src.b, 16);
        draw_bytes(&d, dst.b, 16);
        memcpy(v6, src.b, 16);
        memcpy(v6 + 16, dst.b, 16);
        store32(v6 + 32, len);
        v6[39] = proto;
        assert_int_equal(checksum_fold(pseudo_sum(&src, &dst, proto, len)),
                         checksum_fold(checksum_plain.add(v6, 40, 0)));
        src = ip_from_v4((uint32_t)draw_u64(&d));
        dst = ip_from_v4((uint32_t)draw_u64(&d));
        memcpy(v4, src.b + 12, 4);
        memcpy(v4 + 4, dst.b + 12, 4);
        v4[9] = proto;
        store16(v4 + 10, (uint16_t)len);
        assert_int_equal(checksum_fold(pseudo_sum(&src, &dst, proto, len & 0xffff)),
                         checksum_fold(checksum_plain.add(v4, 12, 0)));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_comes_back_as_it_went),
        cmocka_unit_test(an_example_in_bytes),
        cmocka_unit_test(bad_headers_are_refused),
        cmocka_unit_test(option_lengths_must_add_up),
        cmocka_unit_test(garbage_is_survived),
        cmocka_unit_test(no_room_to_write_is_said),
        cmocka_unit_test(the_pseudo_header_sums_as_its_bytes),
    };
    return cmocka_run_group_tests_name("wire: IPv4", tests, NULL, NULL);
}
