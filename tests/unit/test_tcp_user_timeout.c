/* test_tcp_user_timeout.c - the user timeout option as RFC 5482 has it: its bytes, when it is sent, what is adopted; and the
 * other clocks that end a connection with a peer that gets nothing done: a window kept shut, a way that is gone. */
#include "tcp_fixture.h"

enum { UTO = 28, MINUTES = 0x8000 };

/* The next packet's option of that kind, as its two bytes say; -1: it has none. */
static int sent_uto(void) {
    tern_frame f;
    uint8_t p[2048];
    assert_int_equal(tern_output(fx.stack, &f, 1, fx.now), 1);
    size_t n = tern_frame_copy(&f, p, sizeof p), head = fx.v6 ? 40 : 20;
    size_t end = head + (size_t)(p[head + 12] >> 4) * 4;
    assert_true(end <= n);
    for (size_t at = head + 20; at < end; at += p[at] == 1 ? 1 : p[at + 1]) {
        if (p[at] == UTO) {
            assert_int_equal(p[at + 1], 4);
            return load16(p + at + 2);
        }
        if (p[at] == 0) break;
        assert_true(p[at] == 1 || p[at + 1] >= 2);
    }
    return -1;
}

/* The same of a SYN, whose number the script goes on from. */
static int sent_syn_uto(void) {
    fx.iss = tcb_now()->iss.v;
    return sent_uto();
}

static void told(uint16_t value) {
    uint8_t raw[] = {UTO, 4, (uint8_t)(value >> 8), (uint8_t)value};
    inject_with(.flags = ACK, .seq = fx.rcv, .ack = fx.snd, .raw = raw, .raw_len = sizeof raw);
}

static int64_t timeout_ms(void) {
    int64_t v = -1;
    assert_int_equal(tern_get(fx.stack, fx.sock, TERN_OPT_USER_TIMEOUT_MS, &v), TERN_OK);
    return v;
}

/* [RFC5482 3, 3.2] Fifteen bits of seconds, or of minutes with the first bit set; on the SYN, and again when it changes. */
static void its_bytes(void **state) {
    (void)state;
    static const struct {
        int64_t seconds;
        int bytes;
    } cases[] = {{1, 1}, {300, 300}, {32767, 32767}, {32768, MINUTES | 546}, {65535, MINUTES | 1092}};
    for (uint16_t i = 0; i < ARRAY_LEN(cases); i++) {
        fx_new_peer((uint16_t)(MY_PORT + i), PEER_PORT);
        assert_int_equal(app_connect(), TERN_OK);
        assert_int_equal(app_set(TERN_OPT_USER_TIMEOUT_OPTION_S, cases[i].seconds), TERN_OK);
        assert_int_equal(sent_uto(), cases[i].bytes);
    }
    assert_int_equal(app_set(TERN_OPT_USER_TIMEOUT_OPTION_S, 65536), TERN_ERANGE);
    fx_new_peer(MY_PORT + 9, PEER_PORT);
    assert_int_equal(app_connect(), TERN_OK);
    assert_int_equal(sent_uto(), -1); /* off until asked for */
}

/* [RFC5482 3] A change is told at once, and only once; the SYN,ACK tells it too. */
static void when_it_is_sent(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    assert_int_equal(app_set(TERN_OPT_NODELAY, 1), TERN_OK);
    app_write(10);
    assert_int_equal(sent_uto(), -1);
    assert_int_equal(app_set(TERN_OPT_USER_TIMEOUT_OPTION_S, 200), TERN_OK);
    assert_int_equal(sent_uto(), 200);
    app_write(10);
    assert_int_equal(sent_uto(), -1);
    assert_int_equal(app_set(TERN_OPT_USER_TIMEOUT_OPTION_S, 0), TERN_OK);
    app_write(10);
    assert_int_equal(sent_uto(), -1);
}

/* [RFC5482 3.1] USER_TIMEOUT = min(U_LIMIT, max(ADV_UTO, REMOTE_UTO, L_LIMIT)); here 100 s and the stack's R2 are the limits. */
static void what_is_adopted(void **state) {
    (void)state;
    fx.cfg.r2_ms = 924000;
    to_state(TERN_ESTABLISHED, ACTIVE);
    int64_t before = timeout_ms();
    told(400);
    assert_int_equal(timeout_ms(), before); /* not asked for: the option changes nothing */
    assert_int_equal(app_set(TERN_OPT_USER_TIMEOUT_OPTION_S, 50), TERN_OK);
    assert_int_equal(sent_uto(), 50);
    told(0);
    assert_int_equal(timeout_ms(), before); /* reserved [RFC5482 3.5] */
    told(400);
    assert_int_equal(timeout_ms(), 400000);
    told(MINUTES | 5);
    assert_int_equal(timeout_ms(), 300000);
    told(20);
    assert_int_equal(timeout_ms(), 100000); /* not below L_LIMIT */
    told(MINUTES | 0x7fff);
    assert_int_equal(timeout_ms(), 924000); /* not above U_LIMIT */
    assert_int_equal(app_set(TERN_OPT_USER_TIMEOUT_OPTION_S, 500), TERN_OK);
    assert_int_equal(sent_uto(), 500);
    told(20);
    assert_int_equal(timeout_ms(), 500000); /* the longer of both */
    told(600);
    app_write(100);
    drop_out();
    uint64_t from = fx.now;
    for (unsigned i = 0; i < 1000 && state_now() == TERN_ESTABLISHED; i++) {
        advance(1000);
        drop_out();
    }
    expect_state(TERN_CLOSED); /* and it is what ends the connection */
    assert_in_range((fx.now - from) / SEC_NS, 599, 602);
    assert_int_equal(counted(R_END_USER_TIMEOUT), 1);
}

/* [RFC5482 3] The first segment without SYN tells it once more, for ends that keep nothing of a SYN's; such an end is ours. */
static void told_behind_the_syn(void **state) {
    (void)state;
    assert_int_equal(app_connect(), TERN_OK);
    assert_int_equal(app_set(TERN_OPT_USER_TIMEOUT_OPTION_S, 300), TERN_OK);
    assert_int_equal(sent_syn_uto(), 300);
    inject(SYN | ACK, 0, 1, 0);
    assert_int_equal(sent_uto(), 300);
    app_write(10);
    assert_int_equal(sent_uto(), -1);

    fx_new_peer(MY_PORT, PEER_PORT + 1);
    assert_int_equal(app_listen(0, 0), TERN_OK);
    assert_int_equal(tern_set(fx.stack, fx.listener, TERN_OPT_USER_TIMEOUT_OPTION_S, 200), TERN_OK);
    inject(SYN, 0, 0, 0);
    expect(SYN | ACK, 0, 1, 0);
    fx.snd = fx.rcv = 1;
    told(150);
    assert_int_equal(app_accept(), TERN_OK);
    assert_int_equal(timeout_ms(), 200000);
    app_write(10);
    assert_int_equal(sent_uto(), 200);
    told(250);
    assert_int_equal(timeout_ms(), 250000);
}

/* [RFC5482 3.1] What the application has set for itself no option changes, until it leaves the choice again. */
static void the_application_knows_better(void **state) {
    (void)state;
    fx.cfg.r2_ms = 924000;
    to_state(TERN_ESTABLISHED, ACTIVE);
    assert_int_equal(app_set(TERN_OPT_USER_TIMEOUT_OPTION_S, 150), TERN_OK);
    assert_int_equal(sent_uto(), 150);
    assert_int_equal(app_set(TERN_OPT_USER_TIMEOUT_MS, 5000), TERN_OK);
    told(400);
    assert_int_equal(timeout_ms(), 5000);
    assert_int_equal(app_set(TERN_OPT_USER_TIMEOUT_MS, 0), TERN_OK);
    assert_int_equal(timeout_ms(), 924000);
    told(400);
    assert_int_equal(timeout_ms(), 400000);
}

/* [MUST-37, RFC6429 3] A peer that answers keeps its window shut as long as it likes, unless the application set an end. */
static void window_shut_too_long(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    assert_int_equal(app_set(TERN_OPT_ZERO_WINDOW_MS, 60000), TERN_OK);
    inject_with(.flags = ACK, .seq = 1, .ack = 1, .wnd = CLOSED_WINDOW);
    app_write(100);
    uint64_t from = fx.now;
    for (unsigned i = 0; i < 1000 && state_now() == TERN_ESTABLISHED; i++) {
        advance(100);
        if (drop_out()) inject_with(.flags = ACK, .seq = 1, .ack = 1, .wnd = CLOSED_WINDOW);
    }
    expect_state(TERN_CLOSED);
    assert_true((fx.now - from) / MS_NS >= 60000);
    assert_int_equal(counted(R_END_ZERO_WINDOW), 1);
}

/* An address that is taken away: an open fails; what is established is told, keeps what it has, and goes on when there is
 * a way again [RFC1122 4.2.3.9]. */
static void no_way(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    unsigned prefix = fx.v6 ? 64 : 24;
    assert_int_equal(tern_addr_remove(fx.stack, fx.iface, &fx.me), TERN_OK);
    app_write(100);
    expect_none();
    expect_state(TERN_ESTABLISHED);
    assert_true(counted(R_END_ICMP) == 0);
    assert_int_equal(tern_addr_add(fx.stack, fx.iface, &fx.me, prefix), TERN_OK);
    expect(ACK, 1, 1, 100); /* at once, whatever the timers say */
    inject(ACK, 1, 101, 0);
    expect_none();
    expect_state(TERN_ESTABLISHED);
}

static void no_way_to_open(void **state) {
    (void)state;
    assert_int_equal(app_connect(), TERN_OK);
    assert_int_equal(tern_addr_remove(fx.stack, fx.iface, &fx.me), TERN_OK);
    expect_none();
    expect_state(TERN_CLOSED);
    expect_event(TERN_EV_CLOSED);
    assert_int_equal(fx.ev_error, TERN_ENOROUTE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        BOTH(told_behind_the_syn), BOTH(the_application_knows_better), BOTH(its_bytes), BOTH(when_it_is_sent),
        BOTH(what_is_adopted),     BOTH(window_shut_too_long),         BOTH(no_way),    BOTH(no_way_to_open),
    };
    return cmocka_run_group_tests_name("tcp user timeout", tests, NULL, NULL);
}
