/* test_core_address.c - addresses and prefixes as users write them (RFC 4291 2.2, RFC 5952 4). The inner parser's own
 * cases are in test_wire_address.c. */
#include "tern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void addresses_there_and_back(void **state) {
    (void)state;
    const char *same[] = {"10.9.0.1", "0.0.0.0", "255.255.255.255",           "::",
                          "::1",      "fe80::1", "2001:db8::8:800:200c:417a", "1:2:3:4:5:6:7:8"};
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        tern_addr a;
        char text[TERN_ADDR_TEXT];
        assert_int_equal(tern_addr_parse(same[i], &a), 0);
        assert_int_equal(a.family, strchr(same[i], ':') ? 6 : 4);
        assert_string_equal(tern_addr_format(&a, text), same[i]);
    }
    tern_addr a;
    assert_int_equal(tern_addr_parse("10.9.0.1", &a), 0);
    assert_memory_equal(a.bytes, "\x0a\x09\x00\x01\0\0\0\0\0\0\0\0\0\0\0\0", 16);
    tern_addr any = {0};
    char text[TERN_ADDR_TEXT];
    assert_string_equal(tern_addr_format(&any, text), "*");
}

static void nothing_but_an_address(void **state) {
    (void)state;
    const char *bad[] = {"",      " ",   "10.9.0", "10.9.0.256", "10.9.0.1 ", " 10.9.0.1", "10.9.0.1/24",
                         "1:2:3", ":::", "g::",    "example",    "1::2::3",   "12345::",   "1:2:3:4:5:6:7:8:9"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        tern_addr a;
        assert_int_equal(tern_addr_parse(bad[i], &a), TERN_EINVAL);
    }
    tern_addr a;
    assert_int_equal(tern_addr_parse(NULL, &a), TERN_EINVAL);
    assert_int_equal(tern_addr_parse("::1", NULL), TERN_EINVAL);
}

static void prefixes(void **state) {
    (void)state;
    const struct {
        const char *text;
        unsigned family, len;
    } good[] = {{"10.9.0.2/24", 4, 24}, {"10.9.0.2", 4, 32}, {"0.0.0.0/0", 4, 0},     {"10.0.0.0/32", 4, 32},
                {"::/0", 6, 0},         {"fe80::1", 6, 128}, {"2001:db8::/64", 6, 64}};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        tern_addr a;
        unsigned len = 999;
        assert_int_equal(tern_prefix_parse(good[i].text, &a, &len), 0);
        assert_int_equal(a.family, good[i].family);
        assert_int_equal(len, good[i].len);
    }
    const char *bad[] = {"10.9.0.2/",
                         "10.9.0.2/33",
                         "10.9.0.2/024",
                         "10.9.0.2/2x",
                         "10.9.0.2/-1",
                         "10.9.0.2/ 24",
                         "/24",
                         "::/129",
                         "::/4294967296",
                         "10.9.0.2/24/24",
                         "",
                         "1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111/64"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        tern_addr a;
        unsigned len;
        assert_int_equal(tern_prefix_parse(bad[i], &a, &len), TERN_EINVAL);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_there_and_back),
        cmocka_unit_test(nothing_but_an_address),
        cmocka_unit_test(prefixes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
