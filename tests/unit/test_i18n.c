/* test_i18n.c - which language the program speaks, and that the compiled catalogue is sorted and whole. What the
 * translations say is checked by scripts/po.sh. */
#include "po/catalogue.h"
#include "po/i18n.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void environment(const char *lc_all, const char *lc_messages, const char *lang, const char *list) {
    const char *names[] = {"LC_ALL", "LC_MESSAGES", "LANG", "LANGUAGE"}, *values[] = {lc_all, lc_messages, lang, list};
    for (int i = 0; i < 4; i++) {
        if (values[i])
            setenv(names[i], values[i], 1);
        else
            unsetenv(names[i]);
    }
    assert_true(i18n_init(NULL));
}

static void the_environment_decides_as_with_gettext(void **state) {
    (void)state;
    environment(NULL, NULL, NULL, NULL);
    assert_int_equal(i18n_lang(), TERN_EN);
    environment(NULL, NULL, "zh_CN.UTF-8", NULL);
    assert_int_equal(i18n_lang(), TERN_ZH);
    environment(NULL, "en_GB.UTF-8", "zh_CN.UTF-8", NULL);
    assert_int_equal(i18n_lang(), TERN_EN);
    environment("zh_TW", "en_GB.UTF-8", "en_US", NULL);
    assert_int_equal(i18n_lang(), TERN_ZH);
    environment("", "", "zh", "");
    assert_int_equal(i18n_lang(), TERN_ZH);
    environment(NULL, NULL, "C.UTF-8", "zh_CN");
    assert_int_equal(i18n_lang(), TERN_ZH);
    environment(NULL, NULL, "en_US.UTF-8", "de:zh_CN:en");
    assert_int_equal(i18n_lang(), TERN_ZH);
    environment(NULL, NULL, "zh_CN.UTF-8", "de:en:zh");
    assert_int_equal(i18n_lang(), TERN_EN);
    environment("C", NULL, "zh_CN.UTF-8", "zh_CN"); /* plain C asks for the program's own texts */
    assert_int_equal(i18n_lang(), TERN_EN);
    environment(NULL, NULL, "de_DE.UTF-8", "fr");
    assert_int_equal(i18n_lang(), TERN_EN);
    environment(NULL, NULL, "zhx", NULL);
    assert_int_equal(i18n_lang(), TERN_EN);
}

static void the_option_wins_and_is_checked(void **state) {
    (void)state;
    environment(NULL, NULL, "zh_CN.UTF-8", NULL);
    assert_true(i18n_init("en"));
    assert_int_equal(i18n_lang(), TERN_EN);
    assert_true(i18n_init("zh-Hans"));
    assert_int_equal(i18n_lang(), TERN_ZH);
    assert_false(i18n_init("klingon"));
    assert_false(i18n_init(""));
    assert_int_equal(i18n_lang(), TERN_ZH);
}

static void every_entry_is_found(void **state) {
    (void)state;
    assert_true(i18n_init("zh"));
    for (size_t i = 0; i < catalogue_zh_count; i++) {
        assert_ptr_equal(i18n_text(catalogue_zh[i].msgid), catalogue_zh[i].msgstr);
        assert_true(catalogue_zh[i].msgstr[0]);
        if (i) assert_true(strcmp(catalogue_zh[i - 1].msgid, catalogue_zh[i].msgid) < 0);
    }
    assert_string_equal(i18n_text("no catalogue has this"), "no catalogue has this");
    assert_true(i18n_init("en"));
    for (size_t i = 0; i < catalogue_zh_count; i++) {
        assert_ptr_equal(i18n_text(catalogue_zh[i].msgid), catalogue_zh[i].msgid);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_environment_decides_as_with_gettext),
        cmocka_unit_test(the_option_wins_and_is_checked),
        cmocka_unit_test(every_entry_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
