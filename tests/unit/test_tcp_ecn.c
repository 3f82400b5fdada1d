/* test_tcp_ecn.c - explicit congestion notification as RFC 3168 6.1 has it: who agrees, what is marked, how a mark
 * comes back and what it does; then the accurate form by the tables of RFC 9768 3.1 and 3.2. */
#include "tcp_fixture.h"

enum { NOT_ECT = 0, ECT1 = 1, ECT0 = 2, CE = 3 };

static tern_status_info now_status(void) {
    tern_status_info i;
    assert_true(status_now(&i));
    return i;
}

/* A segment of the peer's with this mark in the IP header. */
static void inject_with_mark(const struct seg *s, uint8_t mark) {
    uint8_t p[400];
    size_t n = build(p, s);
    if (fx.v6) {
        p[1] = (uint8_t)(mark << 4);
    } else {
        p[1] = mark;
        uint32_t sum = (uint32_t)load16(p + 10) + 0xffff - mark; /* [RFC1624] */
        store16(p + 10, (uint16_t)(sum + (sum >> 16)));
    }
    inject_raw(p, n);
}

static void inject_marked(uint16_t flags, uint32_t at, uint32_t ack, uint8_t mark) {
    inject_with_mark(&(struct seg){.flags = flags, .seq = at, .ack = ack, .len = 100}, mark);
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

/* [SHLD-8, RFC3168 6.1.1] Who is asked agrees; who is not, or forbidden to, does not. */
static void a_listener_agrees(void **state) {
    (void)state;
    accept_classic();
    fx_new_peer(MY_PORT, PEER_PORT + 1);
    inject(SYN, 0, 0, 0);
    expect(SYN | ACK, 0, 1, 0);
    fx_down();
    fx.cfg.ecn = 0;
    fx_new_peer(MY_PORT, PEER_PORT);
    assert_int_equal(app_listen(0, 0), TERN_OK);
    inject(SYN | ECE | CWR, 0, 0, 0);
    expect(SYN | ACK, 0, 1, 0);
}

/* [RFC3168 6.1.1] Unasked, our SYN is plain; asked to ask, only the first two are not, and a refusal is heard. */
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
    expect(SYN | ECE | CWR | AE, 0, 0, 0); /* [RFC9768 3.1.4.1] */
    expect_after(2000);
    expect(SYN, 0, 0, 0); /* [RFC3168 6.1.1.1] */
    expect_after(4000);
    expect(SYN, 0, 0, 0);
}

/* [RFC3168 6.1.1] A SYN that comes again is answered as the first one was. One that asks no more gets a plain SYN,ACK; from then on
 * nothing of ours may be marked, but whoever got the first answer may go on, and is told of marks. */
static void the_request_again(void **state) {
    (void)state;
    static const uint16_t asks[] = {ECE | CWR, AE | ECE | CWR}, answers[] = {ECE, CWR};
    assert_int_equal(app_listen(0, 0), TERN_OK);
    for (uint16_t i = 0; i < 4; i++) {
        uint16_t ask = asks[i / 2], answer = answers[i / 2];
        bool plain = i % 2;
        fx_new_peer(MY_PORT, (uint16_t)(PEER_PORT + i));
        inject(SYN | ask, 0, 0, 0);
        expect(SYN | ACK | answer, 0, 1, 0);
        inject(plain ? SYN : SYN | ask, 0, 0, 0);
        expect(SYN | ACK | (plain ? 0 : answer), 0, 1, 0);
        expect_after(1000);
        expect(SYN | ACK | (plain ? 0 : answer), 0, 1, 0);
        inject(ACK | (answer == CWR ? CWR : 0), 1, 1, 0);
        assert_int_equal(app_accept(), TERN_OK);
        app_write(10);
        expect(ANY, 1, 1, 10);
        assert_int_equal(fx.out.tos & 3, plain ? NOT_ECT : ECT0);
        uint16_t before = fx.out.flags & (AE | CWR | ECE);
        inject_marked(ACK | before, 1, 11, CE);
        advance(500);
        expect(ANY, 11, 101, 0);
        assert_int_not_equal(fx.out.flags & (AE | CWR | ECE), before);
    }
}

/* [RFC3168 6.1.1] The promise of the first SYN holds though the next one was plain: an answer to it may be on its way. */
static void the_answer_comes_late(void **state) {
    (void)state;
    fx.cfg.ecn = 1;
    assert_int_equal(app_connect(), TERN_OK);
    expect(SYN | ECE | CWR | AE, 0, 0, 0);
    expect_after(1000);
    drop_out();
    expect_after(2000);
    expect(SYN, 0, 0, 0);
    inject(SYN | ACK | ECE, 0, 1, 0);
    expect(ACK, 1, 1, 0);
    app_write(10);
    expect(ACK, 1, 1, 10);
    assert_int_equal(fx.out.tos & 3, NOT_ECT);
    inject_marked(ACK, 1, 11, CE);
    advance(500);
    expect(ACK | ECE, 11, 101, 0);
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

/* ---- the accurate form ---- */

/* AE, CWR and ECE as the number that RFC 9768 calls ACE. */
static uint16_t ace(unsigned n) { return (uint16_t)((n & 4 ? AE : 0) | (n & 2 ? CWR : 0) | (n & 1 ? ECE : 0)); }

/* [RFC3168 6.1.3] The third segment of the handshake may be the first that is marked: lost ones leave the work to text. */
static void a_mark_on_the_third(void **state) {
    (void)state;
    assert_int_equal(app_listen(0, 0), TERN_OK);
    for (unsigned form = 1; form <= 2; form++) {
        fx_new_peer(MY_PORT, (uint16_t)(PEER_PORT + form));
        inject(SYN | ECE | CWR | (form == 2 ? AE : 0), 0, 0, 0);
        expect(SYN | ACK | (form == 2 ? CWR : ECE), 0, 1, 0);
        inject_marked(ACK | (form == 2 ? CWR : 0), 1, 1, CE);
        assert_int_equal(app_accept(), TERN_OK);
        advance(500);
        expect(ACK | (form == 2 ? AE | CWR : ECE), 1, 101, 0);
    }
}

/* [RFC9768 3.1.1 table 2, 3.2.2.1 table 3] How a SYN or SYN,ACK arrived, in three bits: Not-ECT, ECT(1), ECT(0), CE. */
static const uint8_t arrived_code[] = {[NOT_ECT] = 2, [ECT1] = 3, [ECT0] = 4, [CE] = 6};

/* A listener that is asked for it answers with how the SYN arrived. */
static void accurate_listener(void **state) {
    (void)state;
    assert_int_equal(app_listen(0, 0), TERN_OK);
    for (uint8_t mark = 0; mark < 4; mark++) {
        fx_new_peer(MY_PORT, (uint16_t)(PEER_PORT + 1 + mark));
        inject_with_mark(&(struct seg){.flags = SYN | ace(7)}, mark);
        expect(SYN | ACK | ace(arrived_code[mark]), 0, 1, 0);
        assert_int_equal(fx.out.tos & 3, NOT_ECT);
    }
}

/* [3.1.2 table 2] An opener asks with all three; what the answer means, and how the ACK tells of it. */
static void accurate_opener(void **state) {
    (void)state;
    enum { OFF, CLASSIC, ACCURATE };
    static const uint8_t agreed[] = {OFF, CLASSIC, ACCURATE, ACCURATE, ACCURATE, CLASSIC, ACCURATE, OFF};
    fx.cfg.ecn = 1;
    for (unsigned answer = 0; answer < 8; answer++)
        for (uint8_t mark = 0; mark < 4; mark++) {
            fx_new_peer((uint16_t)(MY_PORT + answer), (uint16_t)(PEER_PORT + mark));
            assert_int_equal(app_connect(), TERN_OK);
            expect(SYN | ace(7), 0, 0, 0);
            inject_with_mark(&(struct seg){.flags = SYN | ACK | ace(answer), .ack = 1}, mark);
            expect(ACK | (agreed[answer] == ACCURATE ? ace(arrived_code[mark]) : 0), 1, 1, 0);
            assert_int_equal(now_status().ecn, agreed[answer]);
            app_write(10); /* the counter has seen the SYN,ACK's mark [3.2.1] */
            expect(ACK | (agreed[answer] == ACCURATE ? ace(mark == CE ? 6 : 5) : 0), 1, 1, 10);
            assert_int_equal(tern_abort(fx.stack, fx.sock), TERN_OK);
            drop_out();
        }
}

static void accept_accurate(void) {
    assert_int_equal(app_listen(0, 0), TERN_OK);
    inject(SYN | ace(7), 0, 0, 0);
    expect(SYN | ACK | ace(2), 0, 1, 0);
    inject(ACK | ace(2), 1, 1, 0);
    assert_int_equal(app_accept(), TERN_OK);
    assert_int_equal(now_status().ecn, 2);
}

/* [3.2.1] The counter begins at 5 and counts every marked packet, modulo 8; a mark is told at once [3.2.2.5.1]. */
static void accurate_counter(void **state) {
    (void)state;
    accept_accurate();
    uint32_t at = 1;
    app_write(10);
    expect(ACK | ace(5), 1, 1, 10);
    assert_int_equal(fx.out.tos & 3, ECT0);
    for (unsigned marks = 1; marks <= 20; marks++, at += 100) {
        inject_marked(ACK | ace(5), at, 11, CE);
        expect(ACK | ace((5 + marks) & 7), 11, at + 100, 0);
    }
    static const uint8_t others[] = {ECT0, ECT1, NOT_ECT}; /* these are no marks */
    for (unsigned i = 0; i < ARRAY_LEN(others); i++, at += 100) {
        inject_marked(ACK | ace(5), at, 11, others[i]);
        advance(500);
        expect(ACK | ace((5 + 20) & 7), 11, at + 100, 0);
    }
}

/* [3.2.2.5.1] ACKs that carry nothing are counted too, but only three of them are worth one of ours: two ends on a path that
 * marks everything would answer each other for ever. */
static void accurate_marks_without_text(void **state) {
    (void)state;
    accept_accurate();
    app_write(10);
    expect(ACK | ace(5), 1, 1, 10);
    for (unsigned marks = 1; marks <= 12; marks++) {
        inject_with_mark(&(struct seg){.flags = ACK | ace(5), .seq = 1, .ack = 11}, CE);
        if (marks % 3 == 0) expect(ACK | ace((5 + marks) & 7), 11, 1, 0);
        expect_none();
    }
    inject_with_mark(&(struct seg){.flags = ACK | ace(5), .seq = 1, .ack = 11}, CE);
    inject_with_mark(&(struct seg){.flags = ACK | ace(5), .seq = 1, .ack = 11}, CE);
    advance(1000);
    expect_none();
    app_write(10); /* what leaves tells of them, and three more are counted from there */
    expect(ACK | ace((5 + 14) & 7), 11, 1, 10);
    for (unsigned marks = 15; marks <= 17; marks++) {
        expect_none();
        inject_with_mark(&(struct seg){.flags = ACK | ace(5), .seq = 1, .ack = 21}, CE);
    }
    expect(ACK | ace((5 + 17) & 7), 21, 1, 0);
    inject_marked(ACK | ace(5), 1, 21, CE); /* text is another matter */
    expect(ACK | ace((5 + 18) & 7), 21, 101, 0);
    expect_none();
}

/* [3.2.2.1] The ACK of our SYN,ACK tells how that arrived, not how many marks: the counter begins at 5 behind it. */
static void accurate_third_is_no_count(void **state) {
    (void)state;
    accept_accurate();
    app_write(100);
    drop_out();
    inject(ACK | ace(5), 1, 101, 0);
    assert_int_equal(counted(R_ECN_REPORTED), 0);
    app_write(100);
    drop_out();
    inject(ACK | ace(6), 1, 201, 0);
    assert_int_equal(counted(R_ECN_REPORTED), 1);
}

/* What the peer's counter tells shrinks the window once a round trip, by a fifth [RFC8511 3.1]. */
static void accurate_marks_shrink_the_window(void **state) {
    (void)state;
    fx.cfg.congestion = TERN_NEWRENO;
    accept_accurate();
    app_write(30000);
    for (uint32_t i = 0; i < 10; i++) expect(ACK | ace(5), 1 + 1000 * i, 1, 1000);
    expect_none();
    assert_int_equal(now_status().cwnd, 10000);
    inject(ACK | ace(6), 1, 1001, 0);
    assert_int_equal(now_status().cwnd, 8000);
    assert_int_equal(now_status().ssthresh, 8000);
    inject(ACK | ace(0), 1, 2001, 0); /* two more of the same round trip */
    assert_in_range(now_status().cwnd, 8000, 9000);
    assert_int_equal(now_status().retransmitted, 0);
    while (out_waiting()) drop_out();
    inject(ACK | ace(0), 1, 10001, 0);
    while (out_waiting()) drop_out();
    uint32_t before = now_status().cwnd;
    inject(ACK | ace(0), 1, 11001, 0); /* no more marks */
    assert_true(now_status().cwnd >= before);
    inject(ACK | ace(1), 1, 12001, 0); /* one, in a later round trip */
    assert_true(now_status().cwnd < before);
}

static void expect_text(unsigned mark) {
    app_write(10);
    expect(ACK | ace(5), ANY, ANY, 10);
    assert_int_equal(fx.out.tos & 3, mark);
}

static void two_that_ask(void) {
    fx.cfg.ecn = 1;
    assert_int_equal(app_connect(), TERN_OK);
    expect(SYN | ace(7), 0, 0, 0);
    expect_after(1000);
    expect(SYN | ace(7), 0, 0, 0);
}

/* [3.1.4.1] A path that loses such SYNs gets plain ones, and nothing of ours is to be marked then, whichever was answered. */
static void accurate_syn_lost(void **state) {
    (void)state;
    two_that_ask();
    expect_after(2000);
    expect(SYN, 0, 0, 0);
    inject(SYN | ACK | ace(2), 0, 1, 0);
    expect(ACK | ace(2), 1, 1, 0);
    expect_text(NOT_ECT);
    assert_int_equal(tern_abort(fx.stack, fx.sock), TERN_OK);
    fx_new_peer(MY_PORT, PEER_PORT + 1);
    assert_int_equal(app_connect(), TERN_OK);
    drop_out();
    expect_after(1000);
    drop_out();
    expect_after(2000);
    expect(SYN, 0, 0, 0);
    inject(SYN | ACK, 0, 1, 0);
    expect(ACK, 1, 1, 0);
    assert_int_equal(now_status().ecn, 0);
    app_write(10);
    expect(ACK, 1, 1, 10);
    assert_int_equal(fx.out.tos & 3, NOT_ECT);
}

/* [3.1.4.1] The first was lost by chance: the second still asks, and all is as if it had been the first. */
static void accurate_syn_repeated(void **state) {
    (void)state;
    two_that_ask();
    inject(SYN | ACK | ace(2), 0, 1, 0);
    expect(ACK | ace(2), 1, 1, 0);
    expect_text(ECT0);
}

/* [3.1.3] What asks for something that does not exist yet gets the accurate form. */
static void accurate_for_what_is_to_come(void **state) {
    (void)state;
    assert_int_equal(app_listen(0, 0), TERN_OK);
    for (unsigned asked = 0; asked < 8; asked++) {
        uint16_t answer = asked == 0 ? 0 : asked == 3 ? ECE : ace(2);
        fx_new_peer(MY_PORT, (uint16_t)(PEER_PORT + asked));
        inject(SYN | ace(asked), 0, 0, 0);
        expect(SYN | ACK | answer, 0, 1, 0);
    }
}

/* [3.2.2.1 table 4, 3.2.2.3, 3.2.2.4] The ACK of a SYN,ACK: a counter of 0 is none, and a SYN,ACK that left as Not-ECT cannot
 * have arrived as anything else. Then nothing of ours is capable, and nothing that is told counts; marks on the peer's are
 * told as before. */
static void accurate_third_segment(void **state) {
    (void)state;
    static const bool mute[8] = {true, false, false, true, true, false, false, false};
    assert_int_equal(app_listen(0, 0), TERN_OK);
    for (unsigned told = 0; told < 8; told++) {
        fx_new_peer(MY_PORT, (uint16_t)(PEER_PORT + told));
        inject(SYN | ace(7), 0, 0, 0);
        expect(SYN | ACK | ace(2), 0, 1, 0);
        inject(ACK | ace(told), 1, 1, 0);
        assert_int_equal(app_accept(), TERN_OK);
        expect_text(mute[told] ? NOT_ECT : ECT0);
        uint32_t before = now_status().cwnd;
        inject(ACK | ace(7), 1, 11, 0);
        assert_true(mute[told] == (now_status().cwnd >= before));
        inject_marked(ACK | ace(6), 1, 11, CE);
        expect(ACK | ace(6), 11, 101, 0);
    }
}

/* [3.2.2.3, 3.2.2.4] The opener likewise: what the SYN,ACK says of its SYN, and the first segment after it. */
static void accurate_opener_is_wary(void **state) {
    (void)state;
    fx.cfg.ecn = 1;
    for (unsigned answer = 2; answer <= 6; answer++)
        for (unsigned first = 0; first <= 5; first += 5) {
            if (answer == 5) continue;
            fx_new_peer((uint16_t)(MY_PORT + answer), (uint16_t)(PEER_PORT + first));
            assert_int_equal(app_connect(), TERN_OK);
            drop_out();
            inject(SYN | ACK | ace(answer), 0, 1, 0);
            drop_out();
            expect_text(answer == 2 || answer == 6 ? ECT0 : NOT_ECT);
            inject(ACK | ace(first), 1, 11, 0);
            expect_text((answer == 2 || answer == 6) && first != 0 ? ECT0 : NOT_ECT);
            assert_int_equal(tern_abort(fx.stack, fx.sock), TERN_OK);
            drop_out();
        }
}

/* An ACK that others overtook has an old counter. */
static void accurate_overtaken(void **state) {
    (void)state;
    fx.cfg.congestion = TERN_NEWRENO;
    accept_accurate();
    app_write(30000);
    while (out_waiting()) drop_out();
    inject(ACK | ace(5), 1, 3001, 0);
    inject(ACK | ace(6), 1, 5001, 0);
    while (out_waiting()) drop_out();
    inject(ACK | ace(6), 1, now_status().snd_nxt - now_status().iss, 0); /* the next round trip */
    while (out_waiting()) drop_out();
    uint32_t before = now_status().cwnd;
    inject(ACK | ace(5), 1, 4001, 0);
    assert_int_equal(now_status().cwnd, before);
    inject(ACK | ace(6), 1, now_status().snd_nxt - now_status().iss, 0);
    assert_true(now_status().cwnd >= before);
}

/* A device that cuts a large segment clears CWR on all pieces but the first: right for the classic form, where it is said once; a
 * counter that needs the bit is not left to it. */
static void accurate_counter_is_not_cut(void **state) {
    (void)state;
    fx_up();
    fx.s->ip.iface[0].tso_max = 65536;
    fx.s->ip.iface[0].flags |= TERN_IFACE_TX_CSUM;
    accept_accurate();
    uint32_t at = 1, sent = 1;
    for (unsigned marks = 0; marks < 9; marks++, at += 100) {
        static uint8_t bytes[2000];
        assert_int_equal(tern_write(fx.stack, fx.sock, bytes, sizeof bytes), sizeof bytes);
        sent += (uint32_t)sizeof bytes;
        tern_frame f;
        unsigned frames = 0;
        for (; tern_output(fx.stack, &f, 1, fx.now) == 1; frames++)
            assert_int_equal(f.head[f.csum_start + 13] & CWR, ace((5 + marks) & 7) & CWR);
        assert_int_equal(frames, ace((5 + marks) & 7) & CWR ? 2 : 1);
        inject_marked(ACK | ace(5), at, sent, CE);
        while (tern_output(fx.stack, &f, 1, fx.now) == 1) {
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        BOTH(a_listener_agrees),
        BOTH(an_opener_asks),
        BOTH(the_request_again),
        BOTH(the_answer_comes_late),
        BOTH(only_new_data_is_markable),
        BOTH(a_mark_is_told_until_heard),
        BOTH(a_mark_on_the_third),
        BOTH(a_mark_shrinks_the_window_once),
        BOTH(marks_without_agreement),
        BOTH(accurate_listener),
        BOTH(accurate_opener),
        BOTH(accurate_counter),
        BOTH(accurate_marks_without_text),
        BOTH(accurate_third_is_no_count),
        BOTH(accurate_marks_shrink_the_window),
        BOTH(accurate_syn_lost),
        BOTH(accurate_syn_repeated),
        BOTH(accurate_for_what_is_to_come),
        BOTH(accurate_third_segment),
        BOTH(accurate_opener_is_wary),
        BOTH(accurate_overtaken),
        BOTH(accurate_counter_is_not_cut),
    };
    return cmocka_run_group_tests_name("tcp ecn", tests, NULL, NULL);
}
