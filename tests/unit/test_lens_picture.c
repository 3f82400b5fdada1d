/* Tests of lens/picture.h: the steps that a ladder leaves, and the drawings made of them; hand-made records. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lens/ladder.h"
#include "lens/markup.h"
#include "lens/picture.h"
#include "lens_records.h"

static struct ladder *ladder;
static struct picture *picture;
static char *text;

static void begin(const char *a, const char *b) {
    struct ladder_options o = {.both = true, .name = {a, b}, .initial = {TERN_CLOSED, TERN_LISTEN}};
    picture = picture_new("<t & \"t\">", TERN_EN);
    assert_non_null(picture);
    o.picture = picture;
    ladder = ladder_new(&o);
    assert_non_null(ladder);
}

static void end(void) {
    ladder_free(ladder);
    ladder = NULL;
}

static int done(void **state) {
    (void)state;
    picture_free(picture);
    free(text);
    picture = NULL;
    text = NULL;
    return 0;
}

static const char *drawn(bool (*draw)(const struct picture *, FILE *)) {
    size_t len;
    free(text);
    FILE *out = open_memstream(&text, &len);
    assert_true(draw(picture, out));
    fclose(out);
    return text;
}

static void sent(int end, uint64_t us, enum tern_state before, enum tern_state after, const char *why, uint16_t flags,
                 uint32_t seq, uint32_t ack) {
    tern_trace r = segment_at(false, end, us, before, after, why, flags, seq, ack, 0);
    ladder_record(ladder, end, &r);
}

static void came(int end, uint64_t us, enum tern_state before, enum tern_state after, const char *why, uint16_t flags,
                 uint32_t seq, uint32_t ack) {
    tern_trace r = segment_at(true, end, us, before, after, why, flags, seq, ack, 0);
    ladder_record(ladder, end, &r);
}

static void handshake(void) {
    sent(0, 0, TERN_CLOSED, TERN_SYN_SENT, "SEND_SYN", TERN_SYN, 0, 0);
    came(1, 20000, TERN_LISTEN, TERN_SYN_RECEIVED, "SYN_OPENS", TERN_SYN, 0, 0);
    sent(1, 20000, TERN_SYN_RECEIVED, TERN_SYN_RECEIVED, "SEND_SYN_ACK", TERN_SYN | TERN_ACK, 0, 1);
    came(0, 40000, TERN_SYN_SENT, TERN_ESTABLISHED, "SYN_ACKED", TERN_SYN | TERN_ACK, 0, 1);
    sent(0, 40000, TERN_ESTABLISHED, TERN_ESTABLISHED, "SEND_ACK", TERN_ACK, 1, 1);
    came(1, 60000, TERN_SYN_RECEIVED, TERN_ESTABLISHED, "SYN_ACKED", TERN_ACK, 1, 1);
}

static const struct step *step(enum step_kind kind, size_t nth) {
    for (size_t i = 0; i < picture->n; i++)
        if (picture->steps[i].kind == kind && nth-- == 0) return &picture->steps[i];
    fail_msg("no step %u of kind %d", (unsigned)nth, (int)kind);
    return NULL;
}

static void steps_of_a_handshake(void **state) {
    (void)state;
    begin("client", "server");
    handshake();
    end();
    assert_string_equal(step(STEP_HEADING, 0)->head, "client 10.9.0.2:40000");
    assert_string_equal(step(STEP_HEADING, 0)->numbers, "server 10.9.0.1:80");
    const struct step *s = step(STEP_SEGMENT, 0);
    assert_string_equal(s->head, "SYN");
    assert_string_equal(s->numbers, "Seq=0 Len=0 Win=64240");
    assert_non_null(strstr(s->options, "mss=1460"));
    assert_int_equal(s->from, 0);
    assert_int_equal(s->time_ns, 0);
    assert_int_equal(s->arrival_ns, 20000000);
    assert_int_equal(s->state[0], TERN_SYN_SENT);
    assert_int_equal(s->state[1], TERN_SYN_RECEIVED);
    assert_true(s->changed[0] && s->changed[1]);
    assert_int_equal(s->seq, A_ISN);
    s = step(STEP_SEGMENT, 1);
    assert_string_equal(s->head, "SYN,ACK");
    assert_int_equal(s->from, 1);
    assert_int_equal(s->ack, 1234568); /* the notes' own figures */
    s = step(STEP_SEGMENT, 2);
    assert_int_equal(s->ack, 7654322);
    assert_int_equal(s->state[1], TERN_ESTABLISHED);
}

/* RFC 9293 3.5, Figure 7: both SYNs are under way at once, and each arrival knows its departure. */
static void crossing(void **state) {
    (void)state;
    begin("a", "b");
    sent(0, 0, TERN_CLOSED, TERN_SYN_SENT, "SEND_SYN", TERN_SYN, 0, 0);
    sent(1, 1000, TERN_CLOSED, TERN_SYN_SENT, "SEND_SYN", TERN_SYN, 0, 0);
    came(1, 20000, TERN_SYN_SENT, TERN_SYN_RECEIVED, "SYN_CROSSED", TERN_SYN, 0, 0);
    came(0, 21000, TERN_SYN_SENT, TERN_SYN_RECEIVED, "SYN_CROSSED", TERN_SYN, 0, 0);
    end();
    for (size_t i = 0; i < 2; i++) {
        const struct step *arrived = step(STEP_ARRIVAL, i), *left = step(STEP_SEGMENT, i);
        assert_true(left->open);
        assert_int_equal(left->from, (int)i);
        assert_ptr_equal(&picture->steps[arrived->pair], left);
        assert_ptr_equal(&picture->steps[left->pair], arrived);
    }
    assert_non_null(strstr(drawn(picture_mermaid), "A-)B: SYN"));
    assert_non_null(strstr(text, "A-->>B: SYN"));
}

static void same_bytes(void **state) {
    (void)state;
    char *before[3];
    bool (*const draw[3])(const struct picture *, FILE *) = {picture_svg, picture_mermaid, picture_html};
    for (int run = 0; run < 2; run++) {
        begin("client", "server");
        handshake();
        end();
        for (int i = 0; i < 3; i++) {
            drawn(draw[i]);
            if (run == 0)
                before[i] = strdup(text);
            else
                assert_string_equal(before[i], text);
        }
        if (run == 0) picture_free(picture);
    }
    for (int i = 0; i < 3; i++) free(before[i]);
}

/* Whatever a name or a note holds, it stays text. */
static void nothing_becomes_markup(void **state) {
    (void)state;
    begin("</script><script>alert(1)</script>", "\"' onload=x &\x01\xff");
    handshake();
    ladder_note(ladder, "end; %%{init}%% #35; <b>\n graph");
    end();
    drawn(picture_svg);
    assert_null(strstr(text, "<script"));
    assert_null(strstr(text, "<b>"));
    assert_null(strchr(text, '\x01'));
    assert_non_null(strstr(text, "&lt;script&gt;"));
    assert_non_null(strstr(text, "&lt;t &amp; &quot;t&quot;&gt;"));
    assert_non_null(strstr(text, "\xef\xbf\xbd"));
    drawn(picture_html);
    size_t scripts = 0;
    for (const char *at = text; (at = strstr(at, "<script")) != NULL; at++) scripts++;
    assert_int_equal(scripts, 1);
    assert_null(strstr(text, "<b>\n"));
    drawn(picture_mermaid);
    assert_null(strstr(text, "%%"));
    assert_null(strchr(text, '<'));
    assert_non_null(strstr(text, "end#59; #37;#37;#123;init#125;"));
}

static void self_contained(void **state) {
    (void)state;
    begin("client", "server");
    handshake();
    end();
    drawn(picture_html);
    for (const char *at = text; (at = strstr(at, "http")) != NULL; at++)
        assert_true(strncmp(at, "http://www.w3.org/2000/svg", 26) == 0 || strncmp(at, "http-equiv", 10) == 0);
    assert_null(strstr(text, "src="));
    assert_null(strstr(text, "@import"));
    assert_null(strstr(text, "url(//"));
    assert_non_null(strstr(text, "default-src 'none'"));
    assert_non_null(strstr(text, "data-state=\"TIME-WAIT\""));
    assert_non_null(strstr(text, "prefers-color-scheme:dark"));
}

static void lost_and_reset(void **state) {
    (void)state;
    static const uint8_t syn[40] = {0x45, 0,  0,    40,   0, 0, 0, 0, 64, 6, 0, 0, 10,   9,    0,    2, 10, 9, 0, 1,
                                    0x9c, 64, 0x00, 0x50, 0, 0, 0, 0, 0,  0, 0, 0, 0x50, 0x02, 0xfa, 0, 0,  0, 0, 0};
    uint8_t packet[40];
    begin("client", "server");
    sent(0, 0, TERN_CLOSED, TERN_SYN_SENT, "SEND_SYN", TERN_SYN, 0, 0);
    memcpy(packet, syn, sizeof packet);
    packet[24] = A_ISN >> 24;
    packet[25] = (uint8_t)(A_ISN >> 16);
    packet[26] = (uint8_t)(A_ISN >> 8);
    packet[27] = (uint8_t)A_ISN;
    ladder_lost(ladder, 0, packet, sizeof packet);
    sent(0, 1000000, TERN_SYN_SENT, TERN_SYN_SENT, "REXMIT_TIMEOUT", TERN_SYN, 0, 0);
    came(1, 1020000, TERN_LISTEN, TERN_SYN_RECEIVED, "SYN_OPENS", TERN_SYN, 0, 0);
    sent(1, 1020000, TERN_SYN_RECEIVED, TERN_CLOSED, "SEND_RST_ABORT", TERN_RST | TERN_ACK, 0, 1);
    end();
    assert_true(step(STEP_SEGMENT, 0)->lost);
    assert_true(step(STEP_SEGMENT, 1)->repeated && !step(STEP_SEGMENT, 1)->lost);
    assert_true(step(STEP_SEGMENT, 2)->reset);
    drawn(picture_svg);
    assert_non_null(strstr(text, "1 s later")); /* the pause is told */
    assert_non_null(strstr(text, "tip-warn)"));
    assert_non_null(strstr(drawn(picture_mermaid), "A-xB: SYN [lost]"));
}

/* What was drawn as under way before it was lost is lost all the same. */
static void lost_on_the_way(void **state) {
    (void)state;
    uint8_t packet[40] = {0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 10, 9, 0, 2, 10, 9, 0, 1};
    const uint8_t tcp[14] = {A_PORT >> 8, A_PORT & 255, 0, B_PORT, 0, 0x12, 0xd6, 0x87, 0, 0, 0, 0, 0x50, TERN_SYN};
    memcpy(packet + 20, tcp, sizeof tcp); /* 0x12d687 is 1234567 */
    begin("client", "server");
    sent(0, 0, TERN_CLOSED, TERN_SYN_SENT, "SEND_SYN", TERN_SYN, 0, 0);
    ladder_note(ladder, "meanwhile");
    assert_true(step(STEP_SEGMENT, 0)->open && !step(STEP_SEGMENT, 0)->lost);
    ladder_lost(ladder, 0, packet, sizeof packet);
    end();
    assert_true(step(STEP_SEGMENT, 0)->lost);
    assert_non_null(strstr(drawn(picture_mermaid), "A-xB: SYN"));
}

/* A state that is only the likeliest has a question mark in each drawing, and a paler bar. */
static void uncertain(void **state) {
    (void)state;
    struct ladder_options o = {.name = {"A", "B"}};
    struct rung rung = {.kind = RUNG_STATES, .state = {TERN_ESTABLISHED, TERN_CLOSE_WAIT}, .unsure = {false, true}};
    numbers n;
    numbers_start(&n);
    picture = picture_new("", TERN_EN);
    assert_non_null(picture);
    picture_rung(picture, &o, &rung, &n);
    drawn(picture_svg);
    assert_non_null(strstr(text, ">CLOSE-WAIT?<"));
    assert_non_null(strstr(text, ">ESTABLISHED<"));
    assert_non_null(strstr(text, "opacity=\".4\""));
    drawn(picture_mermaid);
    assert_non_null(strstr(text, "CLOSE-WAIT?\n"));
    assert_non_null(strstr(text, "ESTABLISHED\n"));
    assert_non_null(strstr(drawn(picture_html), "\"unsure\":[0,1]"));
}

static void limits(void **state) {
    (void)state;
    begin("client", "server");
    for (unsigned i = 0; i < PICTURE_STEPS + 17; i++) ladder_note(ladder, "again");
    end();
    assert_int_equal(picture->n, PICTURE_STEPS);
    assert_int_equal(picture->cut, 17);
    assert_non_null(strstr(drawn(picture_svg), "17 more"));
}

static void empty(void **state) {
    (void)state;
    begin("client", "server");
    end();
    assert_non_null(strstr(drawn(picture_svg), "</svg>"));
    assert_non_null(strstr(drawn(picture_html), "</html>"));
    assert_non_null(strstr(drawn(picture_mermaid), "sequenceDiagram"));
}

static void json(void **state) {
    (void)state;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    json_put(out, "a\"\\\n</script>\xe2\x80\xa8\xff");
    fclose(out);
    assert_string_equal(text, "\"a\\\"\\\\\\u000a\\u003c/script>\\u2028\xef\xbf\xbd\"");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(steps_of_a_handshake, done),
        cmocka_unit_test_teardown(crossing, done),
        cmocka_unit_test_teardown(same_bytes, done),
        cmocka_unit_test_teardown(nothing_becomes_markup, done),
        cmocka_unit_test_teardown(self_contained, done),
        cmocka_unit_test_teardown(lost_and_reset, done),
        cmocka_unit_test_teardown(lost_on_the_way, done),
        cmocka_unit_test_teardown(uncertain, done),
        cmocka_unit_test_teardown(limits, done),
        cmocka_unit_test_teardown(empty, done),
        cmocka_unit_test_teardown(json, done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
