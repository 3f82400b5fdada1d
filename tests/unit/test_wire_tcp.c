/* test_wire_tcp.c - the TCP header and its options (RFC 9293 3.1, 3.2; RFC 7323, 2018, 7413, 5482). */
#include "wire/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hostile.h"

static bool parse_tcp(const uint8_t *p, size_t n) {
    reader r = reader_of(p, n);
    tcp_header h;
    enum tcp_parse_result result = tcp_parse(&r, &h);
    if (result == TCP_PARSE_SHORT || result == TCP_PARSE_BAD_OFFSET) return false;
    assert_true(h.header_len >= 20 && h.header_len <= 60 && h.header_len % 4 == 0 && h.header_len <= n);
    assert_ptr_equal(r.at, p + h.header_len);
    assert_true(h.options.sack_count <= 4 && h.options.tfo_len <= 16);
    char buf[64];
    text t = text_of(buf, sizeof buf);
    tcp_format(&t, &h, (uint32_t)reader_left(&r));
    return result == TCP_PARSE_OK;
}

/* What tern sends, as far as it fits: the bytes that the options take are counted as the RFCs give them. */
static tcp_options draw_options(draw *d) {
    tcp_options o;
    memset(&o, 0, sizeof o);
    o.has_mss = draw_bool(d);
    if (o.has_mss) o.mss = (uint16_t)draw_u64(d);
    o.has_wscale = draw_bool(d);
    if (o.has_wscale) o.wscale = (uint8_t)draw_u64(d);
    o.sack_ok = draw_bool(d);
    o.has_ts = draw_bool(d);
    if (o.has_ts) o.ts_value = (uint32_t)draw_u64(d), o.ts_echo = (uint32_t)draw_u64(d);
    o.has_uto = draw_below(d, 4) == 0;
    if (o.has_uto) o.uto = draw_u64(d) & 0x7fff, o.uto_minutes = draw_bool(d);
    o.sack_count = (uint8_t)(draw_bool(d) ? 0 : draw_below(d, 5));
    for (unsigned i = 0; i < o.sack_count; i++) {
        o.sack[i].left = seq_of((uint32_t)draw_u64(d));
        o.sack[i].right = seq_of((uint32_t)draw_u64(d));
    }
    o.has_tfo = draw_below(d, 4) == 0;
    if (o.has_tfo) o.tfo_len = (uint8_t)(draw_bool(d) ? 0 : 4 + 2 * draw_below(d, 7));
    draw_bytes(d, o.tfo, o.tfo_len);
    return o;
}

static unsigned padded(unsigned n) { return (n + 3) / 4 * 4; }

/* Each option on its own words, SACK-permitted beside the timestamp. */
static unsigned options_size(const tcp_options *o) {
    unsigned n = (o->has_mss ? 4 : 0) + (o->has_wscale ? 4 : 0) + (o->has_uto ? 4 : 0);
    n += o->has_ts ? 12 : o->sack_ok ? 4 : 0;
    n += o->sack_count ? 4 + 8u * o->sack_count : 0;
    return n + (o->has_tfo ? padded(2u + o->tfo_len) : 0);
}

static tcp_header draw_header(draw *d) {
    tcp_header h;
    memset(&h, 0, sizeof h);
    h.src_port = (uint16_t)draw_u64(d);
    h.dst_port = (uint16_t)draw_u64(d);
    h.seq_no = seq_of((uint32_t)draw_u64(d));
    h.ack_no = seq_of((uint32_t)draw_u64(d));
    h.flags = draw_u64(d) & 0x1ff;
    h.window = (uint16_t)draw_u64(d);
    h.checksum = (uint16_t)draw_u64(d);
    h.urgent = (uint16_t)draw_u64(d);
    if (draw_below(d, 4)) {
        do h.options = draw_options(d);
        while (options_size(&h.options) > 40);
    }
    h.header_len = (uint8_t)(20 + options_size(&h.options));
    return h;
}

static void check_same_options(const tcp_options *a, const tcp_options *b) {
#define SAME(field) assert_int_equal(a->field, b->field)
    SAME(has_mss), SAME(has_wscale), SAME(sack_ok), SAME(has_ts), SAME(has_uto), SAME(has_tfo), SAME(uto_minutes),
        SAME(wscale);
    SAME(sack_count), SAME(tfo_len), SAME(unknown), SAME(mss), SAME(uto), SAME(ts_value), SAME(ts_echo);
    for (unsigned i = 0; i < a->sack_count; i++) SAME(sack[i].left.v), SAME(sack[i].right.v);
    assert_memory_equal(a->tfo, b->tfo, a->tfo_len);
}

static void check_same(const tcp_header *a, const tcp_header *b) {
    SAME(src_port), SAME(dst_port), SAME(seq_no.v), SAME(ack_no.v), SAME(flags), SAME(window), SAME(checksum),
        SAME(urgent);
    SAME(header_len);
#undef SAME
    check_same_options(&a->options, &b->options);
}

static void it_comes_back_as_it_went(void **state) {
    (void)state;
    draw d = {9293};
    for (int i = 0; i < 200000; i++) {
        tcp_header h = draw_header(&d), back;
        uint8_t buf[60];
        writer w = writer_of(buf, sizeof buf);
        tcp_emit(&w, &h);
        assert_false(w.bad);
        size_t n = writer_len(&w);
        assert_int_equal(n, h.header_len);
        uint8_t *p = exact_copy(buf, n);
        reader r = reader_of(p, n);
        memset(&back, 0xee, sizeof back);
        assert_int_equal(tcp_parse(&r, &back), TCP_PARSE_OK);
        assert_int_equal(reader_left(&r), 0);
        check_same(&h, &back);
        if (i < 500) assert_int_equal(hostile_truncate(p, n, parse_tcp), 0);
        exact_free(p, n);
    }
}

/* Numbers of 32 bits lie on multiples of 4, whatever goes together; behind the last option there are only zeros
 * [MUST-69]. */
static void emitted_numbers_are_aligned(void **state) {
    (void)state;
    draw d = {7323};
    for (int i = 0; i < 100000; i++) {
        tcp_options o = draw_options(&d);
        uint8_t buf[40];
        writer w = writer_of(buf, sizeof buf);
        unsigned n = tcp_options_emit(&w, &o), size = options_size(&o);
        assert_int_equal(w.bad, size > 40);
        assert_int_equal(n, size > 40 ? 0 : size);
        assert_int_equal(writer_len(&w), n);
        for (unsigned at = 0; at < n;) {
            if (buf[at] == TCP_OPT_EOL) {
                for (; at < n; at++) assert_int_equal(buf[at], 0);
                break;
            }
            if (buf[at] == TCP_OPT_TS || buf[at] == TCP_OPT_SACK) assert_int_equal(at % 4, 2);
            at += buf[at] == TCP_OPT_NOP ? 1 : buf[at + 1];
        }
    }
}

static void no_room_to_write_is_said(void **state) {
    (void)state;
    draw d = {60};
    const uint8_t zeros[60] = {0};
    for (int i = 0; i < 20000; i++) {
        tcp_header h = draw_header(&d);
        size_t cap = draw_below(&d, h.header_len + 1u);
        uint8_t *p = exact_copy(zeros, cap);
        writer w = writer_of(p, cap);
        tcp_emit(&w, &h);
        assert_int_equal(w.bad, cap < h.header_len);
        exact_free(p, cap);
    }
}

/* ---- options as bytes ---- */

static tcp_header seen;

/* A header with these bytes as its options, padded with zeros to a multiple of 4. */
static enum tcp_parse_result parse_options(const uint8_t *options, size_t n) {
    uint8_t buf[60] = {0};
    memcpy(buf + 20, options, n);
    n = 20 + padded((unsigned)n);
    buf[12] = (uint8_t)(n / 4 << 4);
    uint8_t *p = exact_copy(buf, n);
    reader r = reader_of(p, n);
    enum tcp_parse_result result = tcp_parse(&r, &seen);
    assert_ptr_equal(r.at, p + n);
    assert_int_equal(seen.header_len, n);
    exact_free(p, n);
    return result;
}
#define OPTIONS(...) parse_options((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static void a_linux_syn(void **state) {
    (void)state;
    assert_int_equal(OPTIONS(2, 4, 0x05, 0xb4, 4, 2, 8, 10, 0, 0, 0x10, 0, 0, 0, 0, 0, 1, 3, 3, 7), TCP_PARSE_OK);
    const tcp_options *o = &seen.options;
    assert_true(o->has_mss && o->mss == 1460 && o->sack_ok && o->has_ts && o->ts_value == 4096 && o->ts_echo == 0);
    assert_true(o->has_wscale && o->wscale == 7 && !o->has_uto && !o->has_tfo && o->sack_count == 0 && o->unknown == 0);
    uint8_t out[40];
    writer w = writer_of(out, sizeof out);
    assert_int_equal(tcp_options_emit(&w, o), 20);
    static const uint8_t same[] = {2, 4, 0x05, 0xb4, 4, 2, 8, 10, 0, 0, 0x10, 0, 0, 0, 0, 0, 1, 3, 3, 7};
    assert_memory_equal(out, same, sizeof same);
}

/* Whatever byte of it is another, it says what its options say one by one. */
static void nearly_a_linux_syn(void **state) {
    (void)state;
    for (unsigned i = 0; i < 20; i++)
        for (unsigned v = 0; v < 256; v++) {
            uint8_t p[20] = {2, 4, 0x05, 0xb4, 4, 2, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 3, 3, 7};
            p[i] = (uint8_t)v;
            tcp_options one_by_one;
            bool good = tcp_options_parse(p, sizeof p, &one_by_one);
            assert_int_equal(parse_options(p, sizeof p), good ? TCP_PARSE_OK : TCP_PARSE_BAD_OPTION);
            check_same_options(&seen.options, &one_by_one);
        }
}

static void each_option_alone(void **state) {
    (void)state;
    assert_int_equal(OPTIONS(0), TCP_PARSE_OK);
    assert_int_equal(OPTIONS(1, 1, 1, 1), TCP_PARSE_OK);
    assert_false(seen.options.has_mss || seen.options.has_ts || seen.options.unknown);
    assert_int_equal(OPTIONS(5, 10, 0, 0, 0, 1, 0, 0, 0, 2), TCP_PARSE_OK);
    assert_true(seen.options.sack_count == 1 && seen.options.sack[0].left.v == 1 && seen.options.sack[0].right.v == 2);
    assert_int_equal(OPTIONS(28, 4, 0x80, 5), TCP_PARSE_OK);
    assert_true(seen.options.has_uto && seen.options.uto_minutes && seen.options.uto == 5);
    assert_int_equal(OPTIONS(28, 4, 0x7f, 0xff), TCP_PARSE_OK);
    assert_true(seen.options.has_uto && !seen.options.uto_minutes && seen.options.uto == 0x7fff);
    assert_int_equal(OPTIONS(34, 2), TCP_PARSE_OK);
    assert_true(seen.options.has_tfo && seen.options.tfo_len == 0);
    assert_int_equal(OPTIONS(34, 6, 1, 2, 3, 4), TCP_PARSE_OK);
    assert_true(seen.options.has_tfo && seen.options.tfo_len == 4 && seen.options.tfo[3] == 4);
    assert_int_equal(OPTIONS(3, 3, 200), TCP_PARSE_OK); /* [RFC7323 2.3] judged by its user */
    assert_int_equal(seen.options.wscale, 200);
}

static void unknown_kinds_are_skipped(void **state) { /* [MUST-6] */
    (void)state;
    assert_int_equal(
        OPTIONS(253, 4, 0xf9, 0x89, 77, 2, 2, 4, 1, 0, 19, 18, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
        TCP_PARSE_OK);
    assert_int_equal(seen.options.unknown, 3);
    assert_int_equal(seen.options.mss, 256);
}

static void options_need_no_alignment(void **state) { /* [MUST-64] */
    (void)state;
    for (unsigned shift = 0; shift <= 20; shift++) {
        uint8_t options[40];
        static const uint8_t all[] = {3, 3, 9, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 2, 4, 0x12, 0x34};
        memset(options, 1, sizeof options);
        memcpy(options + shift, all, sizeof all);
        assert_int_equal(parse_options(options, sizeof options), TCP_PARSE_OK);
        const tcp_options *o = &seen.options;
        assert_true(o->wscale == 9 && o->ts_value == 0x01020304 && o->ts_echo == 0x05060708 && o->mss == 0x1234);
    }
}

static void nothing_counts_behind_the_end(void **state) {
    (void)state;
    assert_int_equal(OPTIONS(2, 4, 1, 2, 0, 3, 3, 7, 2, 0, 0, 0), TCP_PARSE_OK);
    assert_true(seen.options.has_mss && !seen.options.has_wscale);
}

static void what_came_before_a_bad_length_is_kept(void **state) { /* [MUST-7] */
    (void)state;
    assert_int_equal(OPTIONS(2, 4, 1, 2, 3, 0, 8, 10), TCP_PARSE_BAD_OPTION);
    assert_true(seen.options.has_mss && seen.options.mss == 258 && !seen.options.has_wscale && !seen.options.has_ts);
}

static bool length_is_right(unsigned kind, unsigned len) {
    switch (kind) {
    case TCP_OPT_MSS: return len == 4;
    case TCP_OPT_WSCALE: return len == 3;
    case TCP_OPT_SACK_OK: return len == 2;
    case TCP_OPT_SACK: return len == 10 || len == 18 || len == 26 || len == 34;
    case TCP_OPT_TS: return len == 10;
    case TCP_OPT_UTO: return len == 4;
    default: return true; /* also Fast Open: a bad cookie is passed over [RFC7413 4.1.1] */
    }
}

/* [MUST-68] Every kind and length at every place: the walk ends, and says what the RFCs say. */
static void every_kind_and_length_everywhere(void **state) {
    (void)state;
    uint8_t *p = malloc(60);
    for (unsigned at = 0; at < 40; at++) {
        for (unsigned kind = 0; kind < 256; kind++) {
            for (unsigned len = 0; len < 256; len++) {
                memset(p, TCP_OPT_NOP, 60);
                p[12] = 0xf0;
                p[20 + at] = (uint8_t)kind;
                if (at < 39) p[21 + at] = (uint8_t)len;
                bool ok = kind == 0 || (at < 39 && len >= 2 && len <= 40 - at && length_is_right(kind, len));
                /* a NOP, and then `len` is a kind whose length is 1, or there is no room for one */
                if (kind == 1) ok = at == 39 || len <= 1;
                reader r = reader_of(p, 60);
                enum tcp_parse_result result = tcp_parse(&r, &seen);
                if (result != (ok ? TCP_PARSE_OK : TCP_PARSE_BAD_OPTION))
                    fail_msg("kind %u length %u at %u", kind, len, at);
                bool cookie = len == 2 || (len >= 6 && len <= 18 && len % 2 == 0);
                if (kind == TCP_OPT_TFO && ok) assert_int_equal(seen.options.has_tfo, cookie);
                if (kind == TCP_OPT_TFO && ok && cookie) assert_int_equal(seen.options.tfo_len, len - 2);
                if (kind == TCP_OPT_SACK && ok) assert_int_equal(seen.options.sack_count, (len - 2) / 8);
            }
        }
    }
    free(p);
}

static void the_data_offset_is_checked(void **state) {
    (void)state;
    for (unsigned offset = 0; offset < 16; offset++) {
        for (size_t n = 0; n <= 64; n++) {
            uint8_t buf[64] = {0};
            buf[12] = (uint8_t)(offset << 4);
            uint8_t *p = exact_copy(buf, n);
            reader r = reader_of(p, n);
            enum tcp_parse_result expected = TCP_PARSE_OK, result = tcp_parse(&r, &seen);
            if (n < 20)
                expected = TCP_PARSE_SHORT;
            else if (offset < 5 || offset * 4 > n)
                expected = TCP_PARSE_BAD_OFFSET;
            assert_int_equal(result, expected);
            if (result == TCP_PARSE_OK) assert_int_equal(reader_left(&r), n - offset * 4);
            exact_free(p, n);
        }
    }
}

static void a_header_in_bytes(void **state) {
    (void)state;
    static const uint8_t bytes[] = {0x04, 0xd2, 0x00, 0x50, 0x00, 0x00, 0x03, 0xe8, 0x00, 0x00, 0x07, 0xd0,
                                    0x81, 0x38, 0x02, 0x00, 0xbe, 0xef, 0x00, 0x09, 1,    1,    8,    10,
                                    0,    0,    0,    1,    0,    0,    0,    2,    'h',  'i'};
    reader r = reader_of(bytes, sizeof bytes);
    assert_int_equal(tcp_parse(&r, &seen), TCP_PARSE_OK);
    assert_int_equal(reader_left(&r), 2);
    assert_true(seen.src_port == 1234 && seen.dst_port == 80 && seen.seq_no.v == 1000 && seen.ack_no.v == 2000);
    assert_int_equal(seen.flags, TCP_AE | TCP_URG | TCP_ACK | TCP_PSH);
    assert_int_equal(seen.window, 512);
    assert_memory_equal(&seen.checksum, bytes + 16, 2);
    assert_int_equal(seen.urgent, 9);
    assert_true(seen.options.has_ts && seen.options.ts_value == 1 && seen.options.ts_echo == 2);
    assert_true(!seen.options.has_mss && !seen.options.unknown && !seen.options.sack_count && !seen.options.sack_ok);
    char buf[300];
    text t = text_of(buf, sizeof buf);
    tcp_format(&t, &seen, 2);
    assert_string_equal(buf, "TCP 1234 > 80 PSH,ACK,URG,AE seq 1000 ack 2000 len 2 win 512 urg 9 ts 1 echo 2");
}

static void options_as_text(void **state) {
    (void)state;
    char buf[300];
    OPTIONS(2, 4, 0x05, 0xb4, 4, 2, 3, 3, 7, 28, 4, 0x80, 2, 34, 6, 0xab, 0xcd, 0, 1, 77, 2);
    text t = text_of(buf, sizeof buf);
    tcp_options_format(&t, &seen.options);
    assert_string_equal(buf, " mss 1460 wscale 7 sack-ok user-timeout 2 min tfo-cookie abcd0001 unknown 1");
    OPTIONS(5, 18, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 5, 0, 0, 0, 6, 34, 2, 28, 4, 0, 3);
    t = text_of(buf, sizeof buf);
    tcp_options_format(&t, &seen.options);
    assert_string_equal(buf, " sack 1-2,5-6 user-timeout 3 s tfo-request");
    seen.flags = TCP_SYN;
    seen.src_port = 1;
    seen.dst_port = 2;
    seen.seq_no = seq_of(3);
    seen.window = 4;
    tcp_options_clear(&seen.options);
    t = text_of(buf, sizeof buf);
    tcp_format(&t, &seen, 0);
    assert_string_equal(buf, "TCP 1 > 2 SYN seq 3 len 0 win 4");
}

static void garbage_is_survived(void **state) {
    (void)state;
    draw d = {40};
    hostile_random(&d, 80, 200000, parse_tcp);
    static const uint8_t kinds[] = {0, 1, 2, 3, 4, 5, 8, 28, 34, 99};
    for (int i = 0; i < 200000; i++) { /* long headers full of kinds and lengths */
        uint8_t buf[60];
        draw_bytes(&d, buf, sizeof buf);
        for (unsigned k = 20; k < 60; k++) {
            if (draw_bool(&d))
                buf[k] = draw_bool(&d) ? kinds[draw_below(&d, sizeof kinds)] : (uint8_t)draw_below(&d, 12);
        }
        buf[12] = (uint8_t)((6 + draw_below(&d, 10)) << 4);
        uint8_t *p = exact_copy(buf, sizeof buf);
        parse_tcp(p, sizeof buf);
        exact_free(p, sizeof buf);
    }
    for (int i = 0; i < 20000; i++) {
        tcp_header h = draw_header(&d);
        uint8_t buf[60];
        writer w = writer_of(buf, sizeof buf);
        tcp_emit(&w, &h);
        hostile_mutate(&d, buf, writer_len(&w), 5, parse_tcp);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_comes_back_as_it_went),
        cmocka_unit_test(emitted_numbers_are_aligned),
        cmocka_unit_test(no_room_to_write_is_said),
        cmocka_unit_test(a_linux_syn),
        cmocka_unit_test(nearly_a_linux_syn),
        cmocka_unit_test(each_option_alone),
        cmocka_unit_test(unknown_kinds_are_skipped),
        cmocka_unit_test(options_need_no_alignment),
        cmocka_unit_test(nothing_counts_behind_the_end),
        cmocka_unit_test(what_came_before_a_bad_length_is_kept),
        cmocka_unit_test(every_kind_and_length_everywhere),
        cmocka_unit_test(the_data_offset_is_checked),
        cmocka_unit_test(a_header_in_bytes),
        cmocka_unit_test(options_as_text),
        cmocka_unit_test(garbage_is_survived),
    };
    return cmocka_run_group_tests_name("wire: TCP", tests, NULL, NULL);
}
