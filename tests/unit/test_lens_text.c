/* test_lens_text.c - columns of UTF-8 text: widths, wrapping, rows. Widths are from Unicode's EastAsianWidth. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lens/text.h"

static void widths(void **state) {
    (void)state;
    assert_int_equal(text_width(""), 0);
    assert_int_equal(text_width("SYN-SENT"), 8);
    assert_int_equal(text_width("三次握手"), 8);
    assert_int_equal(text_width("ack = x + 1：确认"), 17);
    assert_int_equal(text_width("──▶ ✗"), 5);
    assert_int_equal(text_width("e\xcc\x81"), 1);        /* a combining accent */
    assert_int_equal(text_width("\xf0\xa0\x80\x80"), 2); /* U+20000, beyond the first plane */
    assert_int_equal(text_width("\033[1m\033[32mab\033[0m"), 2);
    assert_int_equal(text_width("ＡＢ，"), 6); /* full-width forms */
    assert_int_equal(text_width("한글かな"), 8);
}

static void bad_utf8(void **state) {
    (void)state;
    static const char *const bad[] = {"\xff", "\xc0\x80", "\xe4\xb8", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\x80"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint32_t cp;
        assert_int_equal(utf8_next(bad[i], bad[i] + strlen(bad[i]), &cp), 1);
        assert_int_equal(cp, 0xfffd);
    }
    row r;
    row_start(&r, false);
    row_put(&r, "a\xff"
                "b\033[2Jc\n");
    assert_string_equal(r.text, "a?b[2Jc"); /* nothing that moves a cursor gets through */
}

static void wrapping(void **state) {
    (void)state;
    assert_int_equal(text_wrap("one two three", 80), 13);
    assert_int_equal(text_wrap("RFC 的出处", 5), 3); /* no space is left at the end of the line */
    assert_int_equal(text_wrap("one two three", 9), 7);
    assert_int_equal(text_wrap("one two three", 7), 7);
    assert_int_equal(text_wrap("abcdefghij", 4), 4);
    assert_int_equal(text_wrap("双方同时打开", 6), 9);
    assert_int_equal(text_wrap("双方同时打开", 7), 9);
    assert_int_equal(text_wrap("双方，同时", 4), 3); /* the comma does not begin a line */
    assert_int_equal(text_wrap("a\xc2\xa0"
                               "b c",
                               4),
                     4);
    assert_int_equal(text_wrap("x a\xc2\xa0"
                               "b",
                               4),
                     1);                     /* not at the no-break space */
    assert_int_equal(text_wrap("字", 1), 3); /* never nothing */
}

static void closing_up(void **state) {
    (void)state;
    char mixed[] = "服务器 先关闭, tern 先关闭 服务", plain[] = " a b  ", none[] = "";
    text_close_up(mixed);
    assert_string_equal(mixed, "服务器先关闭, tern 先关闭服务");
    text_close_up(plain);
    assert_string_equal(plain, " a b  ");
    text_close_up(none);
    assert_string_equal(none, "");
}

static void rows(void **state) {
    (void)state;
    row r;
    row_start(&r, false);
    row_cell(&r, "三次握手", 5); /* cut: half a character does not fit */
    row_put(&r, "|");
    assert_string_equal(r.text, "三次 |");
    row_to(&r, 10);
    row_put(&r, "x");
    assert_int_equal(r.column, 11);
    row_to(&r, 3);
    assert_int_equal(r.column, 11);
    row_start(&r, true);
    row_look(&r, LOOK_RED);
    row_put(&r, "x");
    row_look(&r, LOOK_PLAIN);
    assert_string_equal(r.text, "\033[31mx\033[0m");
    assert_int_equal(r.column, 1);
    row_start(&r, false);
    for (int i = 0; i < 1000; i++) row_put(&r, "12345"); /* more than fits */
    assert_true(r.len < ROW_BYTES);
    assert_int_equal(strlen(r.text), r.len);
}

static void colours(void **state) {
    (void)state;
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    unsetenv("NO_COLOR");
    unsetenv("CLICOLOR_FORCE");
    assert_false(colour_wanted("auto", fds[1])); /* no terminal */
    assert_true(colour_wanted("always", fds[1]));
    setenv("CLICOLOR_FORCE", "1", 1);
    assert_true(colour_wanted("auto", fds[1]));
    assert_false(colour_wanted("never", fds[1]));
    setenv("NO_COLOR", "1", 1);
    assert_false(colour_wanted("auto", fds[1]));
    setenv("NO_COLOR", "", 1); /* empty counts as not set */
    assert_true(colour_wanted("auto", fds[1]));
    setenv("CLICOLOR_FORCE", "0", 1);
    assert_false(colour_wanted("auto", fds[1]));
    close(fds[0]);
    close(fds[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(widths),     cmocka_unit_test(bad_utf8), cmocka_unit_test(wrapping),
        cmocka_unit_test(closing_up), cmocka_unit_test(rows),     cmocka_unit_test(colours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
