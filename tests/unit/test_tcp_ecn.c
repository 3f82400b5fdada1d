/* test_tcp_ecn.c - explicit congestion notification as RFC 3168 6.1 has it: who agrees, what is marked, how a mark
 * comes back and what it does. The accurate form (RFC 9768) appears only where it must not disturb the classic one. */
#include "tcp_fixture.h"

enum { NOT_ECT = 0, ECT1 = 1, ECT0 = 2, CE = 3 };

static tern_status_info now_status(void) {
    tern_status_info i;
    assert_true(status_now(&i));
    return i;
}

/* The peer's next 100 bytes, with this mark in the IP header. */
static void inject_marked(uint16_t flags, uint32_t at, uint32_t ack, uint8_t mark) {
    uint8_t p[400];
    size_t n = build(p, &(struct seg){.flags = flags, .seq = at, .ack = ack, .len = 100});
    if (fx.v6) {
        p[1] = (uint8_t)(mark << 4);
    } else {
        p[1] = mark;
        uint32_t sum = (uint32_t)load16(p + 10) + 0xffff - mark; /* [RFC1624] */
        store16(p + 10, (uint16_t)(sum + (sum >> 16)));
    }
    inject_raw(p, n);
}

static void accept_classic(void) {
    assert_int_equal(app_listen(0, 0), TERN_OK);
    inject(SYN | ECE | CWR, 0, 0, 0);
    expect(SYN | ACK | ECE, 0, 1, 0);
    assert_int_equal(fx.out.tos & 3, NOT_ECT);
    inject(ACK, 1, 1, 0);
    assert_int_equal(app_accept(), TERN_OK);
    assert_int_equal(now_status().ecn, 1);
}

/* [SHLD-8, RFC3168 6.1.1] Who is asked agrees; who is asked for half of it, or forbidden to, does not. */
static void a_listener_agrees(void **state) {
    (void)state;
    accept_classic();
    static const uint16_t other[] = {0, ECE, CWR};
    for (uint16_t i = 0; i < ARRAY_LEN(other); i++) {
        fx_new_peer(MY_PORT, (uint16_t)(PEER_PORT + 1 + i));
        inject(SYN | other[i], 0, 0, 0);
        expect(SYN | ACK, 0, 1, 0);
    }
    fx_down();
    fx.cfg.ecn = 0;
    fx_new_peer(MY_PORT, PEER_PORT);
    assert_int_equal(app_listen(0, 0), TERN_OK);
    inject(SYN | ECE | CWR, 0, 0, 0);
    expect(SYN | ACK, 0, 1, 0);
}

/* [RFC3168 6.1.1] Unasked, our SYN is plain; asked to ask, only the first one is not, and a refusal is heard. */
static void an_opener_asks(void **state) {
    (void)state;
    to_state(TERN_SYN_SENT, ACTIVE); /* its SYN is compared flag by flag */
    fx_down();
    fx.cfg.ecn = 1;
    static const struct {
        uint16_t answer;
        uint8_t agreed;
    } cases[] = {{ECE, 1}, {0, 0}, {ECE | CWR | AE, 0}};
    for (uint16_t i = 0; i < ARRAY_LEN(cases); i++) {
        fx_new_peer((uint16_t)(MY_PORT + i), PEER_PORT);
        assert_int_equal(app_connect(), TERN_OK);
        expect(SYN | ECE | CWR | AE, 0, 0, 0);
        assert_int_equal(fx.out.tos & 3, NOT_ECT);
        inject(SYN | ACK | cases[i].answer, 0, 1, 0);
        expect(ACK, 1, 1, 0);
        assert_int_equal(now_status().ecn, cases[i].agreed);
        app_write(10);
        expect(ACK, 1, 1, 10);
        assert_int_equal(fx.out.tos & 3, cases[i].agreed ? ECT0 : NOT_ECT);
        assert_int_equal(tern_abort(fx.stack, fx.sock), TERN_OK);
        drop_out();
    }
    fx_new_peer(MY_PORT + 9, PEER_PORT);
    assert_int_equal(app_connect(), TERN_OK);
    expect(SYN | ECE | CWR | AE, 0, 0, 0);
    expect_after(1000);
    expect(SYN, 0, 0, 0); /* [RFC3168 6.1.1.1] */
}

/* [RFC3168 6.1.4, 6.1.5, 6.1.6] New data may be marked; ACKs, repetitions and probes may not. */
static void only_new_data_is_markable(void **state) {
    (void)state;
    accept_classic();
    assert_int_equal(tern_set(fx.stack, fx.sock, TERN_OPT_DSCP, 46), TERN_OK);
    app_write(100);
    expect(ACK, 1, 1, 100);
    assert_int_equal(fx.out.tos, 46 << 2 | ECT0);
    expect_after(1000);
    expect(ACK, 1, 1, 100);
    assert_int_equal(fx.out.tos, 46 << 2);
    inject(ACK, 101, 101, 10);
    expect(ACK, 101, 1, 0);
    assert_int_equal(fx.out.tos, 46 << 2);
    inject_with(.flags = ACK, .seq = 101, .ack = 101, .wnd = CLOSED_WINDOW);
    app_write(10);
    assert_in_range(wait_out(10000), 1, 10000);
    expect(ACK, 101, 1, 1);
    assert_int_equal(fx.out.tos, 46 << 2);
}

/* [RFC3168 6.1.3] A mark is told with every ACK until the peer says that it heard. */
static void a_mark_is_told_until_heard(void **state) {
    (void)state;
    accept_classic();
    static const uint8_t marks[] = {ECT0, ECT1, NOT_ECT};
    uint32_t at = 1;
    for (unsigned i = 0; i < ARRAY_LEN(marks); i++, at += 100) {
        inject_marked(ACK, at, 1, marks[i]);
        advance(500);
        expect(ACK, 1, at + 100, 0);
    }
    inject_marked(ACK, at, 1, CE);
    at += 100;
    advance(500);
    expect(ACK | ECE, 1, at, 0);
    for (unsigned i = 0; i < 3; i++) {
        inject_marked(ACK, at, 1, ECT0);
        at += 100;
        advance(500);
        expect(ACK | ECE, 1, at, 0);
    }
    app_write(10);
    expect(ACK | ECE, 1, at, 10);
    inject_marked(ACK | CWR, at, 11, ECT0);
    at += 100;
    advance(500);
    expect(ACK, 11, at, 0);
    inject_marked(ACK | CWR, at, 11, CE); /* heard, and marked again */
    advance(500);
    expect(ACK | ECE, 11, at + 100, 0);
}

/* [RFC3168 6.1.2] A mark that is told to us shrinks the window once a round trip, as a loss would but with nothing
 * sent again; the next new data says that it was heard. */
static void a_mark_shrinks_the_window_once(void **state) {
    (void)state;
    fx.cfg.congestion = TERN_NEWRENO;
    accept_classic();
    app_write(30000);
    for (uint32_t i = 0; i < 10; i++) expect(ACK, 1 + 1000 * i, 1, 1000);
    expect_none();
    uint32_t before = now_status().cwnd;
    inject(ACK | ECE, 1, 1001, 0);
    uint32_t after = now_status().cwnd;
    assert_true(after < before && after >= before / 2);
    assert_int_equal(now_status().ssthresh, after);
    expect_none();                      /* nine under way: the smaller window is full, and nothing is lost */
    for (uint32_t i = 2; i <= 9; i++) { /* the same round trip: the peer goes on telling */
        inject(ACK | ECE, 1, 1 + 1000 * i, 0);
        assert_true(now_status().cwnd >= after);
        while (out_waiting()) {
            expect(ANY, ANY, 1, 1000);
            assert_int_equal(fx.out.flags & CWR, fx.out.seq == 10001 ? CWR : 0);
        }
    }
    assert_true(now_status().cwnd < after + 2000);
    assert_int_equal(now_status().retransmitted, 0);
    inject(ACK | ECE, 1, 10001,
           0); /* the whole window of that time is acknowledged: from here on a mark is a new one */
    inject(ACK, 1, 11001, 0);
    before = now_status().cwnd;
    inject(ACK | ECE, 1, 12001, 0);
    assert_true(now_status().cwnd < before);
}

/* Without an agreement the bits mean nothing. */
static void marks_without_agreement(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    app_write(100);
    expect(ACK, 1, 1, 100);
    assert_int_equal(fx.out.tos, 0);
    uint32_t before = now_status().cwnd;
    inject(ACK | ECE, 1, 101, 0);
    assert_true(now_status().cwnd >= before);
    inject_marked(ACK, 1, 101, CE);
    advance(500);
    expect(ACK, 101, 101, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        BOTH(a_listener_agrees),
        BOTH(an_opener_asks),
        BOTH(only_new_data_is_markable),
        BOTH(a_mark_is_told_until_heard),
        BOTH(a_mark_shrinks_the_window_once),
        BOTH(marks_without_agreement),
    };
    return cmocka_run_group_tests_name("tcp ecn", tests, NULL, NULL);
}
