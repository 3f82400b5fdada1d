/* test_wire_address.c - addresses: their text against the examples of RFC 4291 and 5952 and against the C library,
 * their kinds, prefixes; and the formatter. */
#include "wire/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>

#include "draw.h"

static const char *rewrite(const char *written) {
    static char buf[48];
    ip_addr a;
    assert_true(ip_parse(written, &a));
    assert_ptr_equal(ip_format(&a, buf), buf);
    return buf;
}

static void the_examples_of_rfc5952(void **state) {
    (void)state;
    static const char *const all[][2] = {
        /* [RFC5952 1, 2.1] one address in many clothes */
        {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
        {"2001:0db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
        {"2001:db8::1:0:0:1", "2001:db8::1:0:0:1"},
        {"2001:db8::0:1:0:0:1", "2001:db8::1:0:0:1"},
        {"2001:0db8::1:0:0:1", "2001:db8::1:0:0:1"},
        {"2001:db8:0:0:1::1", "2001:db8::1:0:0:1"},
        {"2001:db8:0000:0:1::1", "2001:db8::1:0:0:1"},
        {"2001:DB8:0:0:1::1", "2001:db8::1:0:0:1"},
        /* [RFC5952 4.1] leading zeros */
        {"2001:0db8::0001", "2001:db8::1"},
        {"2001:db8:aaaa:bbbb:cccc:dddd:eeee:0001", "2001:db8:aaaa:bbbb:cccc:dddd:eeee:1"},
        /* [RFC5952 4.2.1] as short as possible */
        {"2001:db8:0:0:0:0:2:1", "2001:db8::2:1"},
        {"2001:db8::0:1", "2001:db8::1"},
        /* [RFC5952 4.2.2] one group alone stays */
        {"2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
        {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
        /* [RFC5952 4.2.3] the longest run, the first of equals */
        {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
        {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
        /* [RFC5952 4.3] small letters */
        {"2001:DB8:AAAA:BBBB:CCCC:DDDD:EEEE:AaAa", "2001:db8:aaaa:bbbb:cccc:dddd:eeee:aaaa"},
        /* [RFC4291 2.2] */
        {"FF01:0:0:0:0:0:0:101", "ff01::101"},
        {"0:0:0:0:0:0:0:1", "::1"},
        {"0:0:0:0:0:0:0:0", "::"},
        {"::", "::"},
        {"1::", "1::"},
        {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
        {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
        {"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
        /* IPv4, also in IPv6's shape: here both are one address */
        {"192.0.2.1", "192.0.2.1"},
        {"0.0.0.0", "0.0.0.0"},
        {"255.255.255.255", "255.255.255.255"},
        {"::ffff:192.0.2.1", "192.0.2.1"},
        {"::FFFF:c000:201", "192.0.2.1"},
    };
    for (unsigned i = 0; i < ARRAY_LEN(all); i++) assert_string_equal(rewrite(all[i][0]), all[i][1]);
}

static void what_is_no_address(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        " ",
        "x",
        ".",
        ":",
        ":::",
        "1",
        "1.2.3",
        "1.2.3.",
        "1.2.3.4.",
        "1.2.3.4.5",
        ".1.2.3",
        "1..2.3",
        "256.1.1.1",
        "1.1.1.256",
        "01.2.3.4",
        "1.2.3.00",
        "1.2.3.4 ",
        " 1.2.3.4",
        "1.2.3.-4",
        "1.2.3.0x4",
        "0001.2.3.4",
        "1.2.3.4/24",
        "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:8:9",
        "1:2:3:4:5:6:7:8::",
        "::1:2:3:4:5:6:7:8",
        "1::2::3",
        "1:::2",
        ":1::2",
        "1::2:",
        "1:2:3:4:5:6:7:",
        ":1:2:3:4:5:6:7",
        "12345::",
        "::12345",
        "g::",
        "::1 ",
        "::1%eth0",
        "fe80::1/64",
        "[::1]",
        "::1.2.3",
        "::1.2.3.4:5",
        "::1.2.3.4.5",
        "::256.2.3.4",
        "1:2:3:4:5:6:7:1.2.3.4",
        "1.2.3.4::",
        "1:2:3:4:5:1.2.3.4",
        "::ffff:01.2.3.4",
        "::1.2.3.4:",
        "1:2:3:4:5:6:7:8:",
        "::.1.2.3",
        "::1:",
        "::-1",
    };
    ip_addr a;
    for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
        char *exact = strdup(bad[i]);
        if (ip_parse(exact, &a)) fail_msg("\"%s\" was taken for an address", bad[i]);
        free(exact);
    }
}

/* What the C library takes, and what it makes of it. */
static bool library_parse(const char *written, uint8_t out[16]) {
    memset(out, 0, 16);
    if (inet_pton(AF_INET, written, out + 12) == 1) {
        out[10] = out[11] = 0xff;
        return true;
    }
    return inet_pton(AF_INET6, written, out) == 1;
}

static void agree(const char *written) {
    uint8_t expected[16];
    ip_addr a;
    char *exact = strdup(written);
    bool ok = library_parse(written, expected);
    if (ip_parse(exact, &a) != ok) fail_msg("\"%s\": the C library says %d", written, ok);
    if (ok) assert_memory_equal(a.b, expected, 16);
    free(exact);
}

static void parsing_agrees_with_the_library(void **state) {
    (void)state;
    draw d = {4291};
    static const char alphabet[] = "0123456789abcdefABCDEFg::::::::....... ";
    static const char *const pieces[] = {":",       "::",  "0", "1",  "ffff", "abcd", "00001",
                                         "1.2.3.4", "255", ".", "12", "0:0",  "::1"};
    for (int i = 0; i < 300000; i++) {
        char line[64];
        size_t n = 0;
        for (unsigned k = draw_below(&d, 20); k > 0; k--) line[n++] = alphabet[draw_below(&d, sizeof alphabet - 1)];
        line[n] = '\0';
        agree(line);
        line[0] = '\0';
        for (unsigned k = draw_below(&d, 9); k > 0; k--) {
            strcat(line, pieces[draw_below(&d, ARRAY_LEN(pieces))]);
            if (draw_bool(&d) && k > 1) strcat(line, ":");
        }
        agree(line);
    }
}

/* Groups that are often zero, so that there are runs. */
static ip_addr draw_address(draw *d) {
    ip_addr a;
    memset(&a, 0, sizeof a);
    for (unsigned i = 0; i < 8; i++) {
        if (draw_bool(d)) store16(a.b + 2 * i, (uint16_t)(draw_u64(d) >> (48 + draw_below(d, 16))));
    }
    if (draw_below(d, 8) == 0) a = ip_from_v4((uint32_t)draw_u64(d) >> draw_below(d, 32));
    return a;
}

static void formatting_agrees_with_the_library(void **state) {
    (void)state;
    draw d = {5952};
    for (int i = 0; i < 300000; i++) {
        ip_addr a = draw_address(&d), back;
        char *shown = malloc(48), expected[64];
        ip_format(&a, shown);
        assert_true(ip_parse(shown, &back));
        assert_true(ip_eq(&a, &back));
        if (ip_is_v4(&a))
            inet_ntop(AF_INET, a.b + 12, expected, sizeof expected);
        else
            inet_ntop(AF_INET6, a.b, expected, sizeof expected);
        /* the library shows ::/96 with a dotted end, which RFC 5952 5 keeps for prefixes that are known to hold IPv4 */
        if (ip_is_v4(&a) || !strchr(expected, '.')) assert_string_equal(shown, expected);
        free(shown);
    }
}

static void kinds_of_addresses(void **state) {
    (void)state;
    static const struct {
        const char *written;
        bool multicast, loopback, link_local, unspecified, v4;
    } all[] = {
        {"0.0.0.0", 0, 0, 0, 1, 1},     {"127.0.0.1", 0, 1, 0, 0, 1},   {"127.255.255.255", 0, 1, 0, 0, 1},
        {"128.0.0.1", 0, 0, 0, 0, 1},   {"126.0.0.1", 0, 0, 0, 0, 1},   {"224.0.0.1", 1, 0, 0, 0, 1},
        {"239.255.1.1", 1, 0, 0, 0, 1}, {"240.0.0.1", 0, 0, 0, 0, 1},   {"223.255.255.255", 0, 0, 0, 0, 1},
        {"169.254.1.1", 0, 0, 1, 0, 1}, {"169.253.1.1", 0, 0, 0, 0, 1}, {"::", 0, 0, 0, 1, 0},
        {"::1", 0, 1, 0, 0, 0},         {"::2", 0, 0, 0, 0, 0},         {"ff02::1", 1, 0, 0, 0, 0},
        {"fe80::1", 0, 0, 1, 0, 0},     {"febf::1", 0, 0, 1, 0, 0},     {"fec0::1", 0, 0, 0, 0, 0},
        {"2001:db8::1", 0, 0, 0, 0, 0}, {"::127.0.0.1", 0, 0, 0, 0, 0}, {"fe7f::1", 0, 0, 0, 0, 0},
    };
    for (unsigned i = 0; i < ARRAY_LEN(all); i++) {
        ip_addr a;
        assert_true(ip_parse(all[i].written, &a));
        assert_int_equal(ip_is_multicast(&a), all[i].multicast);
        assert_int_equal(ip_is_loopback(&a), all[i].loopback);
        assert_int_equal(ip_is_link_local(&a), all[i].link_local);
        assert_int_equal(ip_is_unspecified(&a), all[i].unspecified);
        assert_int_equal(ip_is_v4(&a), all[i].v4);
    }
    ip_addr a = ip_from_v4(0xc0000201);
    assert_int_equal(ip_to_v4(&a), 0xc0000201);
    ip_parse("fe80::2aa:ff:fe28:9c5a", &a); /* [RFC4291 2.7.1] in spirit: the low 24 bits go over */
    ip_addr group = ip_solicited_node(&a);
    char buf[48];
    assert_string_equal(ip_format(&group, buf), "ff02::1:ff28:9c5a");
}

static void prefixes_compare_bit_by_bit(void **state) {
    (void)state;
    draw d = {24};
    for (int i = 0; i < 100000; i++) {
        ip_addr a = draw_address(&d), p = a;
        unsigned first = ip_is_v4(&a) ? 96 : 0, len = draw_below(&d, 128 - first + 1),
                 bit = draw_below(&d, 128 - first);
        assert_true(ip_in_prefix(&a, &p, len));
        p.b[(first + bit) / 8] ^= (uint8_t)(0x80 >> (first + bit) % 8);
        if (ip_is_v4(&a) == ip_is_v4(&p)) assert_int_equal(ip_in_prefix(&a, &p, len), bit >= len);
    }
    ip_addr v4 = ip_from_v4(1), v6;
    ip_parse("::1", &v6);
    assert_false(ip_in_prefix(&v4, &v6, 0));
    assert_false(ip_in_prefix(&v6, &v4, 0));
    assert_true(ip_in_prefix(&v4, &v4, 1000)); /* no length reads beyond the address */
    assert_true(ip_in_prefix(&v6, &v6, 1000));
}

static void text_never_passes_its_buffer(void **state) {
    (void)state;
    static const char whole[] = "ab18446744073709551615/00ff!02:00:00:00:00:0a 2001:db8::1 10.0.0.1";
    static const uint8_t mac[] = {2, 0, 0, 0, 0, 10};
    ip_addr v6, v4 = ip_from_v4(0x0a000001);
    ip_parse("2001:db8::1", &v6);
    for (size_t cap = 0; cap < sizeof whole + 3; cap++) {
        char *buf = malloc(cap ? cap : 1);
        text t = text_of(buf, cap);
        text_str(&t, "ab");
        text_u64(&t, UINT64_MAX);
        text_str(&t, "/");
        text_hex(&t, 0xff, 4);
        text_str(&t, "!");
        text_mac(&t, mac);
        text_str(&t, " ");
        text_ip(&t, &v6);
        text_str(&t, " ");
        text_ip(&t, &v4);
        if (cap) {
            assert_int_equal(strlen(buf), min_size(cap - 1, sizeof whole - 1));
            assert_int_equal(t.len, strlen(buf));
            assert_memory_equal(buf, whole, strlen(buf));
        }
        free(buf);
    }
}

static void numbers_as_text(void **state) {
    (void)state;
    char buf[64];
    text t = text_of(buf, sizeof buf);
    text_u64(&t, 0);
    text_str(&t, " ");
    text_hex(&t, 0, 1);
    text_str(&t, " ");
    text_hex(&t, 0, 0);
    text_str(&t, " ");
    text_hex(&t, UINT64_MAX, 1);
    text_str(&t, " ");
    text_u64(&t, 1000200);
    assert_string_equal(buf, "0 0  ffffffffffffffff 1000200");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_examples_of_rfc5952),
        cmocka_unit_test(what_is_no_address),
        cmocka_unit_test(parsing_agrees_with_the_library),
        cmocka_unit_test(formatting_agrees_with_the_library),
        cmocka_unit_test(kinds_of_addresses),
        cmocka_unit_test(prefixes_compare_bit_by_bit),
        cmocka_unit_test(text_never_passes_its_buffer),
        cmocka_unit_test(numbers_as_text),
    };
    return cmocka_run_group_tests_name("wire: addresses, text", tests, NULL, NULL);
}
