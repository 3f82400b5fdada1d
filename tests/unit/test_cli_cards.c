/* Tests of cli/cards.h: every text exists in both languages, points at a place that can be looked up, and is found by
 * the words that people use. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cli/cards.h"
#include "lens/states.h"
#include "lens/text.h"
#include "play/scenario.h"

static bool han(const char *s) {
    for (const char *end = s + strlen(s); s < end;) {
        uint32_t cp;
        s += utf8_next(s, end, &cp);
        assert_int_not_equal(cp, 0xfffd);
        if (cp >= 0x4e00 && cp <= 0x9fff) return true;
    }
    return false;
}

/* English in ASCII, Chinese in Chinese, neither empty nor too long for a paragraph. */
static void both(const card_text text) {
    for (const char *s = text[TERN_EN]; *s != '\0'; s++)
        if ((unsigned char)*s >= 0x80 || (unsigned char)*s < ' ') fail_msg("not plain English: %s", text[TERN_EN]);
    if (text[TERN_EN][0] == '\0' || !han(text[TERN_ZH])) fail_msg("half a text: %s", text[TERN_EN]);
    assert_true(strlen(text[TERN_EN]) < 1000 && strlen(text[TERN_ZH]) < 1000);
    assert_null(strstr(text[TERN_ZH], "，，"));
    assert_null(strstr(text[TERN_EN], "  "));
}

/* "9293 3.10.7.4" */
static void place(const char *rfc) {
    unsigned number = 0, section = 0;
    int end = 0;
    if (sscanf(rfc, "%4u %u%n", &number, &section, &end) != 2 || number < 700 || section == 0)
        fail_msg("no place in an RFC: %s", rfc);
    for (const char *s = rfc + end; *s != '\0'; s++)
        if (!((*s >= '0' && *s <= '9') || (*s == '.' && s[1] >= '1' && s[1] <= '9')))
            fail_msg("no section of an RFC: %s", rfc);
}

static void name(const char *scenario) {
    if (scenario_find(scenario) == NULL) fail_msg("there is no scenario '%s'", scenario);
}

/* Figure 5 is walked in full, by scenarios that exist. */
static void edges(void **state) {
    (void)state;
    tern_transition t;
    for (size_t i = 0; tern_transition_at(i, &t); i++) {
        const char *scenario = edge_scenario(&t);
        if (scenario[0] != '\0') name(scenario);
        if (scenario[0] == '\0' && states_drawn(&t))
            fail_msg("no scenario walks %s of %s", t.event, tern_state_name(t.from));
    }
}

static void states(void **state) {
    (void)state;
    for (int s = 0; s < TERN_STATES; s++) {
        const struct state_card *card = &state_cards[s];
        enum tern_state parsed;
        assert_int_equal(card->state, s);
        both(card->who);
        both(card->look);
        both(card->many);
        assert_int_equal(tern_state_parse(card->ss, &parsed), 0);
        assert_int_equal(parsed, s);
        assert_int_equal(tern_state_parse(card->netstat, &parsed), 0);
        assert_int_equal(parsed, s);
    }
}

static void all_myths(void **state) {
    (void)state;
    assert_int_equal(myths_n, 16);
    for (size_t i = 0; i < myths_n; i++) {
        both(myths[i].title);
        both(myths[i].says);
        both(myths[i].holds);
        place(myths[i].rfc);
        name(myths[i].scenario);
    }
}

static void all_questions(void **state) {
    (void)state;
    assert_true(questions_n >= 40);
    for (size_t i = 0; i < questions_n; i++) {
        both(questions[i].question);
        both(questions[i].answer);
        place(questions[i].rfc);
        name(questions[i].scenario);
        assert_true(han(questions[i].words));
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(questions[i].question[TERN_ZH], questions[k].question[TERN_ZH]);
    }
}

static const struct question *best(const char *typed) {
    const struct question *found = NULL;
    unsigned most = 0;
    for (size_t i = 0; i < questions_n; i++) {
        unsigned fits = question_fits(&questions[i], typed);
        if (fits > most) {
            most = fits;
            found = &questions[i];
        }
    }
    return found;
}

/* The notes' own questions and those of interviews, in their words. */
static void asked(void **state) {
    (void)state;
    static const struct {
        const char *typed, *scenario;
    } cases[] = {
        {"为什么是三次握手", "open-two-way"},
        {"为什么不能用两次握手进行连接？", "open-two-way"},
        {"TCP协议三次握手的过程是什么？", "open-basic"},
        {"TCP协议四次挥手的过程是什么？", "close-4"},
        {"为什么连接的时候是三次握手，关闭的时候却是四次握手？", "close-half"},
        {"为什么 TIME_WAIT 状态需要经过 2MSL 才能返回到 CLOSE 状态？", "timewait-2msl"},
        {"如果已经建立了连接，但是客户端突然出现故障了怎么办？", "keepalive-dead"},
        {"TIME_WAIT 过多怎么办", "port-exhaustion"},
        {"大量 close_wait", "closewait-leak"},
        {"四次挥手合并成三次的情况", "close-3"},
        {"第三次握手丢了", "open-ack-lost"},
        {"SYN洪泛", "open-syn-flood"},
        {"半连接队列", "open-syn-flood"},
        {"全连接队列", "open-backlog-full"},
        {"零窗口", "zero-window"},
        {"拔网线", "dead-peer-silent"},
        {"why three handshake two", "open-two-way"},
        {"too many TIME_WAIT", "port-exhaustion"},
        {"too many CLOSE-WAIT", "closewait-leak"},
        {"connection refused", "open-refused"},
        {"connection reset by peer", "close-unread-rst"},
        {"SYN flood", "open-syn-flood"},
        {"shutdown vs close", "close-half"},
        {"zero window", "zero-window"},
        {"Linger", "linger-0"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct question *q = best(cases[i].typed);
        if (q == NULL || strcmp(q->scenario, cases[i].scenario) != 0)
            fail_msg("'%s' is answered by %s", cases[i].typed, q != NULL ? q->scenario : "nothing");
    }
    /* each question finds itself, in both languages */
    for (size_t i = 0; i < questions_n; i++)
        for (int lang = 0; lang < 2; lang++)
            if (question_fits(&questions[i], questions[i].question[lang]) <
                question_fits(best(questions[i].question[lang]), questions[i].question[lang]))
                fail_msg("'%s' is answered by '%s'", questions[i].question[lang],
                         best(questions[i].question[lang])->question[lang]);
    assert_null(best("qqq"));
    assert_null(best("the is of"));
    assert_null(best("拥塞控制")); /* something is said of flow control */
    assert_null(best("TCP和UDP的区别"));
    assert_null(best("什么是粘包"));
    assert_null(best("difference between tcp and udp"));
    assert_null(best(""));
    assert_null(best("\xff\xfe"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states),        cmocka_unit_test(edges), cmocka_unit_test(all_myths),
        cmocka_unit_test(all_questions), cmocka_unit_test(asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
