/* test_tcp_steps.c - the eight steps of RFC 9293 3.10.7.4 in every synchronized state, with RFC 5961's protections:
 * what is acceptable, RST, SYN, ACK, URG, text in and out of order. How connections end is in test_tcp_close.c. */
#include "draw.h"
#include "tcp_fixture.h"

static const enum tern_state synchronized[] = {TERN_ESTABLISHED, TERN_FIN_WAIT_1, TERN_FIN_WAIT_2, TERN_CLOSE_WAIT,
                                               TERN_CLOSING,     TERN_LAST_ACK,   TERN_TIME_WAIT};

/* Runs `f` in every synchronized state, after an active and a passive open, held by the application and let go. */
static void in_every_state(void (*f)(enum tern_state st)) {
    bool v6 = fx.v6;
    for (unsigned i = 0; i < ARRAY_LEN(synchronized) * 4; i++) {
        enum tern_state st = synchronized[i / 4];
        fx_down();
        fx_reset(v6);
        fx.close_fully = i & 1;
        to_state(st, i & 2 ? PASSIVE : ACTIVE);
        f(st);
    }
}

static bool fin_unacked(enum tern_state st) {
    return st == TERN_FIN_WAIT_1 || st == TERN_CLOSING || st == TERN_LAST_ACK;
}
/* An ACK that says nothing new. */
static uint32_t old_ack(enum tern_state st) { return fx.snd - fin_unacked(st); }

static uint32_t window_now(void) {
    tern_status_info i;
    assert_true(status_now(&i));
    return i.rcv_wnd;
}

/* Long enough for another challenge ACK [RFC5961 7]; what the timers send meanwhile is not looked at. */
static void rest(void) {
    advance(600);
    drop_out();
}

static void expect_same(enum tern_state st) {
    expect_none();
    expect_state(st);
}

/* ---- first: the sequence number ---- */

/* [RFC9293 3.10.7.4 table 6, length 0] */
static void empty_segments_in(enum tern_state st) {
    uint32_t u = fx.rcv, w = window_now(), a = old_ack(st);
    inject(ACK, u, a, 0);
    expect_same(st);
    rest();
    inject(ACK, u - 1, a, 0);
    expect(ACK, fx.snd, u, 0);
    expect_same(st);
    rest();
    inject(ACK, u + w + 1, a, 0);
    expect(ACK, fx.snd, u, 0);
    expect_same(st);
    rest();
    inject(ACK, u + 0x80000000u, a, 0);
    expect(ACK, fx.snd, u, 0);
    expect_same(st);
    if (w == 0) return;
    inject(ACK, u + w - 1, a, 0);
    expect_same(st);
}
static void empty_segments(void **state) {
    (void)state;
    in_every_state(empty_segments_in);
}

/* [RFC9293 3.10.7.4 table 6, length > 0] Wholly outside: an ACK and no byte taken. */
static void text_outside_in(enum tern_state st) {
    uint32_t u = fx.rcv, w = window_now(), a = old_ack(st);
    inject(ACK, u - 10, a, 10);
    expect(ACK, fx.snd, u, 0);
    expect_same(st);
    rest();
    inject(ACK, u + w + 1, a, 10);
    expect(ACK, fx.snd, u, 0);
    expect_same(st);
    tern_status_info i;
    assert_true(status_now(&i));
    assert_int_equal(i.rcv_nxt - fx.peer.isn, u);
}
static void text_outside(void **state) {
    (void)state;
    in_every_state(text_outside_in);
}

/* [RFC9293 3.10.7.4] What lies outside is trimmed: front, back, and the FIN beyond the window. */
static void trimming(void **state) {
    (void)state;
    fx.cfg.receive_buffer = fx.cfg.receive_buffer_max = 1024;
    to_state(TERN_ESTABLISHED, ACTIVE);
    inject(ACK, 1, 1, 100);
    inject(ACK, 51, 1, 100);
    drop_out();
    expect_read(150);
    advance(100); /* the delayed ACK offers the whole buffer again */
    drop_out();
    assert_int_equal(window_now(), 1024);
    inject(FIN | ACK, 151, 1, 1400);
    advance(500);
    expect(ACK, 1, 1175, 0);
    assert_int_equal(fx.out.wnd, 0);
    expect_state(TERN_ESTABLISHED);
    expect_read(1024);
}

/* ---- second: RST ---- */

/* [RFC5961 3.2, RFC9293 3.5.3] Outside the window: silence. */
static void reset_outside_in(enum tern_state st) {
    uint32_t u = fx.rcv, w = window_now();
    inject(RST, u - 1, 0, 0);
    inject(RST, u + w + 1, 0, 0);
    inject(RST, u + 0x80000000u, 0, 0);
    inject(RST | ACK, u - 1, fx.snd, 0);
    expect_same(st);
}
static void reset_outside(void **state) {
    (void)state;
    in_every_state(reset_outside_in);
}

/* Inside but not exact: a challenge, at most one in 500 ms; nothing else changes. */
static void reset_inside_in(enum tern_state st) {
    uint32_t u = fx.rcv, w = window_now();
    if (w < 2) return;
    inject(RST, u + 1, 0, 0);
    if (st != TERN_TIME_WAIT || out_waiting()) expect(ACK, fx.snd, u, 0);
    inject(RST, u + w - 1, 0, 0);
    expect_same(st);
    rest();
    inject(RST, u + w - 1, 0, 0);
    if (st != TERN_TIME_WAIT || out_waiting()) expect(ACK, fx.snd, u, 0);
    expect_same(st);
}
static void reset_inside(void **state) {
    (void)state;
    in_every_state(reset_inside_in);
}

/* Exact: the connection is over. TIME-WAIT is not to be ended by it [RFC1337 3]. With data it counts as well
 * [SHLD-2]. */
static void reset_exact_in(enum tern_state st) {
    bool told = !fx.close_fully || st == TERN_ESTABLISHED || st == TERN_CLOSE_WAIT;
    inject(fx.v6 ? RST : RST | ACK, fx.rcv, fx.snd, fx.v6 ? 5 : 0);
    expect_none();
    if (st == TERN_TIME_WAIT) {
        expect_state(TERN_TIME_WAIT);
        return;
    }
    expect_state(TERN_CLOSED);
    expect_event(told ? TERN_EV_CLOSED : 0);
    if (told) assert_int_equal(fx.ev_error, TERN_ERESET);
    inject(ACK, fx.rcv, fx.snd, 0);
    expect(RST, fx.snd, 0, 0);
}
static void reset_exact(void **state) {
    (void)state;
    in_every_state(reset_exact_in);
}

/* Data read before the reset is seen stays readable, then comes the error. */
static void reset_after_data(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    inject(ACK, 1, 1, 10);
    inject(RST, 11, 0, 0);
    expect_none();
    assert_int_equal(app_read(4), 4);
    assert_int_equal(app_read(100), 6);
    uint8_t b;
    assert_int_equal(tern_read(fx.stack, fx.sock, &b, 1), TERN_ERESET);
    assert_int_equal(tern_write(fx.stack, fx.sock, &b, 1), TERN_ERESET);
    assert_int_equal(tern_close(fx.stack, fx.sock), TERN_OK);
    assert_int_equal(tern_read(fx.stack, fx.sock, &b, 1), TERN_ESTALE);
}

/* ---- fourth: SYN ---- */

/* [RFC5961 4.2] Whatever its number, a SYN draws one challenge ACK, limited to one in 500 ms a connection, and
 * changes nothing. In TIME-WAIT only a SYN that is not provably new. */
static void syn_in(enum tern_state st) {
    uint32_t u = fx.rcv, w = window_now();
    uint32_t places[] = {u - 1, u - 1000, u - fx.rcv, u, u + 1, u + w, u + w + 5000};
    for (unsigned i = 0; i < ARRAY_LEN(places) * 2; i++) {
        uint32_t at = places[i / 2];
        if (st == TERN_TIME_WAIT && i / 2 > 2) break;
        rest();
        inject(i & 1 ? SYN | ACK : SYN, at, i & 1 ? fx.snd : 0, 0);
        expect(ACK, fx.snd, u, 0);
        inject(SYN, at, 0, 0);
        expect_same(st);
        advance(498);
        drop_out();
        inject(SYN, at, 0, 0);
        if (!out_waiting()) continue;
        assert_true(st == TERN_TIME_WAIT && fx.close_fully); /* a record's clock is coarse */
        drop_out();
    }
}
static void syn_everywhere(void **state) {
    (void)state;
    in_every_state(syn_in);
}

/* [RFC5961 4.2, RFC9293 3.5.1] The rebooted peer does not know that timestamps were agreed. */
static void syn_without_timestamps(void **state) {
    (void)state;
    fx.cfg.timestamps = 1;
    fx.peer.ts = true;
    to_state(TERN_ESTABLISHED, ACTIVE);
    inject_with(.flags = SYN, .seq = 70000, .no_ts = true);
    expect(ACK, 1, 1, 0);
    rest();
    inject_with(.flags = SYN, .seq = 1000, .ts = true, .ts_value = 17); /* nor what its clock said */
    expect(ACK, 1, 1, 0);
    expect_state(TERN_ESTABLISHED);
}

/* [RFC5961 7, CVE-2016-5696] The limit is each connection's own. */
static void challenges_are_not_shared(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    uint32_t iss = fx.iss;
    inject(SYN, 100, 0, 0);
    expect(ACK, 1, 1, 0);
    fx_new_peer(MY_PORT + 1, PEER_PORT);
    to_state(TERN_ESTABLISHED, ACTIVE);
    for (unsigned i = 0; i < 150; i++) inject(RST, 2 + i, 0, 0);
    expect(ACK, 1, 1, 0);
    expect_none();
    rest();
    fx_new_peer(MY_PORT, PEER_PORT);
    fx.iss = iss;
    inject(SYN, 100, 0, 0);
    expect(ACK, 1, 1, 0);
}

/* (attack list C8, CVE-2005-1184) Invalid ACKs draw few answers: no storm between two ends that disagree. */
static void no_ack_storm(void **state) {
    (void)state;
    static const struct {
        uint32_t at, ack;
    } bad[] = {{(uint32_t)-5000, 1}, {1u << 30, 1}, {1, 1u << 30}, {0, 1}, {1, 0xc0000000u}};
    for (unsigned k = 0; k < ARRAY_LEN(bad); k++) {
        fx_new_peer((uint16_t)(MY_PORT + k), PEER_PORT);
        to_state(TERN_ESTABLISHED, ACTIVE);
        unsigned answers = 0;
        for (unsigned i = 0; i < 1000; i++) {
            inject(ACK, bad[k].at, bad[k].ack, 0);
            answers += drop_out();
            advance(1);
        }
        assert_in_range(answers, 1, 5);
        expect_state(TERN_ESTABLISHED);
    }
}

/* ---- fifth: ACK ---- */

/* [RFC9293 3.10.7.4] Without ACK: dropped, text and all. */
static void no_ack_in(enum tern_state st) {
    if (window_now() == 0) return; /* then the first step answers already */
    inject(0, fx.rcv, 0, 10);
    inject(PSH | URG, fx.rcv, 0, 10);
    inject(FIN, fx.rcv, 0, 0);
    expect_same(st);
    tern_status_info i;
    assert_true(status_now(&i));
    assert_int_equal(i.rcv_nxt - fx.peer.isn, fx.rcv);
}
static void no_ack(void **state) {
    (void)state;
    in_every_state(no_ack_in);
}

/* [RFC9293 3.10.7.4, RFC5961 5.2] An ACK of what was never sent: answered, and the text is not taken. */
static void ack_future_in(enum tern_state st) {
    static const uint32_t ahead[] = {1, 1000, 0x7fff0000};
    for (unsigned i = 0; i < ARRAY_LEN(ahead); i++) {
        inject(ACK, fx.rcv, fx.snd + ahead[i], 10);
        expect(ACK, fx.snd, fx.rcv, 0);
        expect_same(st);
        rest();
    }
    inject(FIN | ACK, fx.rcv, fx.snd + 1, 0);
    expect(ACK, fx.snd, fx.rcv, 0);
    expect_same(st);
}
static void ack_future(void **state) {
    (void)state;
    in_every_state(ack_future_in);
}

/* [RFC5961 5.2, MAY-12] Older than the largest window ever seen: answered and discarded; on the edge it is good. */
static void ack_too_old(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    inject(ACK, 1, 1 - 60000u, 10);
    drop_out();
    expect_read(10);
    rest();
    inject(ACK, 11, 1 - 60001u, 10);
    expect(ACK, 1, 11, 0);
    expect_read(0);
    inject(ACK, 11, 1, 10);
    expect_read(10);
}

/* A duplicate ACK number is ignored, not the text with it. */
static void old_ack_with_text(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    app_write(100);
    expect(ACK, 1, 1, 100);
    inject(ACK, 1, 101, 0);
    inject(ACK, 1, 51, 10);
    expect_read(10);
    tern_status_info i;
    assert_true(status_now(&i));
    assert_int_equal(i.snd_una - fx.iss, 101);
    assert_int_equal(i.send_queued, 0);
}

static uint32_t send_window(void) {
    tern_status_info i;
    assert_true(status_now(&i));
    return i.snd_wnd;
}

/* [RFC9293 3.10.7.4, MUST-1] WL1 and WL2: only a segment as new as the last one moves the window. */
static void window_update_rules(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    assert_int_equal(send_window(), 60000);
    inject_with(.flags = ACK, .seq = 1, .ack = 1, .wnd = 3000);
    assert_int_equal(send_window(), 3000);
    inject_with(.flags = ACK, .seq = 101, .ack = 1, .wnd = 5000); /* newer number */
    assert_int_equal(send_window(), 5000);
    inject_with(.flags = ACK, .seq = 1, .ack = 1, .wnd = 4000); /* older number */
    assert_int_equal(send_window(), 5000);
    inject_with(.flags = ACK, .seq = 101, .ack = 1, .wnd = 65535);
    assert_int_equal(send_window(), 65535);
    app_write(200);
    drop_out();
    inject_with(.flags = ACK, .seq = 1, .ack = 101,
                .wnd = 1000); /* older number, but what acknowledges more is newer */
    assert_int_equal(send_window(), 1000);
    inject_with(.flags = ACK, .seq = 101, .ack = 101, .wnd = 100);
    assert_int_equal(send_window(), 100);
}

/* The peer sends again what was lost, with a newer ACK: nothing goes beyond the edge that it offered. Two ends that both
 * did would take each other's ACKs for segments outside the window, for ever. */
static void window_edge_of_repeated_text(void **state) {
    (void)state;
    tern_status_info i;
    to_state(TERN_ESTABLISHED, ACTIVE);
    inject_with(.flags = ACK, .seq = 1, .ack = 1, .wnd = 3000);
    app_write(5000);
    drop_out();
    inject_with(.flags = ACK, .seq = 101, .ack = 1, .len = 100, .wnd = 3000);
    inject_with(.flags = ACK, .seq = 1, .ack = 1001, .len = 100, .wnd = 2000);
    drop_out();
    assert_true(status_now(&i));
    assert_int_equal(i.snd_una - fx.iss, 1001);
    assert_int_equal(i.snd_nxt - fx.iss, 3001);
}

/* ---- the closed window ---- */

/* Fills the receive buffer: 1024 bytes, of which nothing is read. */
static void close_window(void) {
    fx.cfg.receive_buffer = fx.cfg.receive_buffer_max = 1024;
    to_state(TERN_ESTABLISHED, PASSIVE);
    inject(ACK, 1, 1, 1024);
    advance(500);
    expect(ACK, 1, 1025, 0);
    assert_int_equal(fx.out.wnd, 0);
}

/* [MUST-66, RFC9293 3.10.7.4] */
static void zero_window_takes_ack(void **state) {
    (void)state;
    close_window();
    app_write(10);
    expect(ACK, 1, 1025, 10);
    inject(ACK, 1025, 11, 0);
    tern_status_info i;
    assert_true(status_now(&i));
    assert_int_equal(i.snd_una - fx.iss, 11);
    app_write(10);
    expect(ACK, 11, 1025, 10);
    inject(ACK, 1025, 21, 50); /* text cannot be taken, the ACK can */
    expect(ACK, 21, 1025, 0);
    assert_true(status_now(&i));
    assert_int_equal(i.snd_una - fx.iss, 21);
    expect_read(1024);
}

static void zero_window_takes_reset(void **state) {
    (void)state;
    close_window();
    inject(RST, 1026, 0, 0);
    expect_same(TERN_ESTABLISHED);
    inject(RST, 1025, 0, 0);
    expect_state(TERN_CLOSED);
    expect_read(1024);
}

static void zero_window_takes_urgent(void **state) {
    (void)state;
    close_window();
    expect_event(TERN_EV_READ);
    inject_with(.flags = ACK | URG, .seq = 1025, .ack = 1, .urgent = 100);
    expect_event(TERN_EV_URGENT);
}

/* [RFC9293 3.8.6.1] A probe is answered with the window, and its byte is taken once there is room. */
static void zero_window_probe(void **state) {
    (void)state;
    close_window();
    for (unsigned i = 0; i < 3; i++) {
        inject(ACK, 1025, 1, 1);
        expect(ACK, 1, 1025, 0);
        assert_int_equal(fx.out.wnd, 0);
        advance(1000);
        expect_none();
    }
    expect_read(1024);
    drop_out();
    inject(ACK, 1025, 1, 1);
    advance(500);
    expect(ACK, 1, 1026, 0);
    assert_true(fx.out.wnd > 512);
    expect_read(1);
}

/* ---- sixth: URG ---- */

/* [MUST-30, MUST-31, MUST-32, MUST-66] The application is told; the bytes stay in the stream (attack list A5). */
static void urgent_pointers(void **state) {
    (void)state;
    static const uint16_t pointers[] = {1, 5, 10, 11, 65535};
    to_state(TERN_ESTABLISHED, ACTIVE);
    uint32_t at = 1;
    for (unsigned i = 0; i < ARRAY_LEN(pointers); i++) {
        inject_with(.flags = ACK | URG, .seq = at, .ack = 1, .len = 10, .urgent = pointers[i]);
        at += 10;
        expect_read(10);
        drop_out();
        expect_event(TERN_EV_URGENT | TERN_EV_READ);
    }
    inject_with(.flags = ACK | URG, .seq = at, .ack = 1, .len = 10); /* a pointer of 0 */
    expect_read(10);
    at += 10;
    for (unsigned i = 0; i <= ARRAY_LEN(pointers); i++) { /* without a byte to point at */
        inject_with(.flags = ACK | URG, .seq = at, .ack = 1, .urgent = i ? pointers[i - 1] : 0);
        drop_out();
        expect_read(0);
    }
    expect_state(TERN_ESTABLISHED);
    inject_with(.flags = ACK | URG, .seq = at, .ack = 1, .len = 1, .urgent = 65535);
    inject(RST, at + 1, 0, 0);
    drop_out();
    fx_new_peer(MY_PORT, PEER_PORT); /* the next connection of the same two sockets knows nothing of it */
    to_state(TERN_ESTABLISHED, ACTIVE);
    inject(ACK, 1, 1, 10);
    expect_event(TERN_EV_READ);
    expect_read(10);
}

/* [RFC9293 3.10.7.4 sixth] After the FIN: ignored. */
static void urgent_after_fin(void **state) {
    (void)state;
    to_state(TERN_CLOSE_WAIT, ACTIVE);
    inject_with(.flags = ACK | URG, .seq = 2, .ack = 1, .urgent = 9);
    expect_event(0);
    expect_same(TERN_CLOSE_WAIT);
}

/* ---- seventh: text ---- */

/* [SHLD-31] Held until the hole is filled; the ACK stays at the hole and then jumps. */
static void out_of_order(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    inject(ACK, 201, 1, 100);
    expect(ACK, 1, 1, 0);
    inject(ACK, 401, 1, 100);
    expect(ACK, 1, 1, 0);
    expect_read(0);
    inject(ACK, 101, 1, 100);
    expect(ACK, 1, 1, 0);
    inject(ACK, 1, 1, 100);
    expect(ACK, 1, 301, 0);
    expect_read(300);
    inject(ACK, 301, 1, 100);
    expect(ACK, 1, 501, 0);
    expect_read(200);
}

/* [RFC9293 3.10.7.4 eighth] A FIN that overtakes its data waits for it. */
static void fin_before_data(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    inject(FIN | ACK, 201, 1, 0);
    expect(ACK, 1, 1, 0);
    expect_state(TERN_ESTABLISHED);
    expect_event(0);
    inject(ACK, 101, 1, 100);
    expect(ACK, 1, 1, 0);
    inject(ACK, 1, 1, 100);
    expect(ACK, 1, 202, 0);
    expect_state(TERN_CLOSE_WAIT);
    expect_event(TERN_EV_READ | TERN_EV_EOF);
    expect_read(200);
}

static void fin_with_data_before_data(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    inject(FIN | ACK, 101, 1, 50);
    expect(ACK, 1, 1, 0);
    inject(ACK, 1, 1, 100);
    expect(ACK, 1, 152, 0);
    expect_state(TERN_CLOSE_WAIT);
    expect_read(150);
}

/* [RFC9293 3.10.7.4 seventh] Behind the FIN there is nothing, even if it comes. */
static void text_behind_early_fin(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    inject(FIN | ACK, 201, 1, 0);
    inject(ACK, 201, 1, 100);
    inject(ACK, 150, 1, 100);
    drop_out();
    inject(ACK, 1, 1, 149);
    expect(ACK, 1, 202, 0);
    expect_state(TERN_CLOSE_WAIT);
    expect_read(200);
}

/* ... and a FIN in front of bytes that came already is no FIN of this stream: the stream stays exact. */
static void early_fin_before_text(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    inject(ACK, 201, 1, 100);
    inject(FIN | ACK, 101, 1, 0);
    drop_out();
    inject(ACK, 1, 1, 200);
    expect(ACK, 1, 301, 0);
    expect_read(300);
    inject(FIN | ACK, 301, 1, 0);
    expect(ACK, 1, 302, 0);
    expect_state(TERN_CLOSE_WAIT);
}

/* [RFC9293 3.10.7.4 seventh] Text after the FIN is ignored in every state that has seen it. */
static void text_after_fin_in(enum tern_state st) {
    if (st == TERN_ESTABLISHED || st == TERN_FIN_WAIT_1 || st == TERN_FIN_WAIT_2) return;
    inject(ACK, fx.rcv, old_ack(st), 100);
    while (out_waiting()) expect(ACK, fx.snd, fx.rcv, 0); /* an ACK does no harm */
    expect_same(st);
    if (!fx.close_fully || st == TERN_CLOSE_WAIT) expect_read(0);
}
static void text_after_fin(void **state) {
    (void)state;
    in_every_state(text_after_fin_in);
}

/* FIN in every state: one more says nothing new; in TIME-WAIT it restarts the clock (test_tcp_close.c). */
static void fin_repeated_in(enum tern_state st) {
    if (st == TERN_ESTABLISHED || st == TERN_FIN_WAIT_1 || st == TERN_FIN_WAIT_2) return;
    inject(FIN | ACK, fx.rcv - 1, old_ack(st), 0);
    expect(ACK, fx.snd, fx.rcv, 0);
    expect_same(st);
    inject(FIN | ACK, fx.rcv, old_ack(st), 0); /* a second FIN behind the first */
    while (out_waiting()) expect(ACK, fx.snd, fx.rcv, 0);
    expect_same(st);
}
static void fin_repeated(void **state) {
    (void)state;
    in_every_state(fin_repeated_in);
}

/* Pieces out of order have a limit; what is dropped comes again. */
static void islands_limit(void **state) {
    (void)state;
    fx.cfg.reassembly_islands = 8;
    to_state(TERN_ESTABLISHED, ACTIVE);
    for (uint32_t i = 0; i < 20; i++) {
        inject(ACK, 101 + i * 20, 1, 10);
        expect(ACK, 1, 1, 0);
    }
    assert_int_equal(counted(R_TEXT_ISLANDS), 12);
    inject(ACK, 1, 1, 500);
    expect(ACK, 1, 501, 0);
    expect_read(500);
}

/* More than a thousand are for large windows: small ones could not hold so many segments. */
static void islands_of(uint32_t window, uint32_t most) {
    fx.cfg.receive_buffer = window;
    fx.peer.wscale = 7;
    to_state(TERN_ESTABLISHED, ACTIVE);
    for (uint32_t i = 0; i < 4200; i++) {
        inject(ACK, 3 + i * 4, 1, 1);
        drop_out();
    }
    assert_int_equal(counted(R_TEXT_ISLANDS), 4200 - most);
}
static void islands_in_a_small_window(void **state) {
    (void)state;
    islands_of(1 << 20, 1024);
}
static void islands_in_a_large_window(void **state) {
    (void)state;
    islands_of(7 << 20, 3584);
}

/* (attack list D5) Random pieces, overlapping and repeated: the stream is exact. */
static void random_segmentations(void **state) {
    (void)state;
    draw d = {42};
    fx.cfg.reassembly_islands = 64;
    to_state(TERN_ESTABLISHED, ACTIVE);
    uint32_t base = 1;
    for (unsigned round = 0; round < 300; round++) {
        uint32_t total = 1 + draw_below(&d, 4000);
        uint32_t first = base;
        for (unsigned turns = 0; base < first + total; turns++) {
            uint32_t at = turns > 60 ? base : first + draw_below(&d, total), n = 1 + draw_below(&d, 500);
            n = min_u32(n, first + total - at);
            inject(ACK, at, 1, n);
            tern_status_info i;
            assert_true(status_now(&i));
            base = i.rcv_nxt - fx.peer.isn;
            if (draw_below(&d, 4) == 0) app_read(draw_below(&d, 3000));
            drop_out();
        }
        app_read(UINT32_MAX);
        assert_int_equal(fx.read, base - 1);
    }
}

/* ---- numbers that wrap (attack list D6) ---- */

static void wrap_at(uint32_t isn) {
    bool v6 = fx.v6;
    fx_down();
    fx_reset(v6);
    fx.peer.isn = isn;
    fx_up_with_isn(isn);
    to_state(TERN_ESTABLISHED, ACTIVE);
    assert_int_equal(fx.iss, isn);
    uint32_t at = 1;
    for (unsigned i = 0; i < 8; i++) {
        app_write(900);
        expect(ACK, 1 + 900 * i, at, 900);
        inject(ACK, at + 700, 1 + 900 * i + 900, 700);
        expect(ACK, 1 + 900 * i + 900, at, 0);
        inject(ACK, at, 1 + 900 * i + 900, 700);
        at += 1400;
        expect(ACK, 1 + 900 * i + 900, at, 0);
        expect_read(1400);
        inject(RST, at - 1, 0, 0);
        expect_same(TERN_ESTABLISHED);
    }
    inject(FIN | ACK, at, 7201, 0);
    expect(ACK, 7201, at + 1, 0);
    assert_int_equal(tern_shutdown(fx.stack, fx.sock), TERN_OK);
    expect(FIN | ACK, 7201, at + 1, 0);
    inject(ACK, at + 1, 7202, 0);
    expect_state(TERN_CLOSED);
}
static void wrapping(void **state) {
    (void)state;
    static const uint32_t isns[] = {0xffffffff, 0xfffffffe, 0xfffffff5, 0xfffff000,
                                    0x7fffffff, 0x7ffff000, 0x80000000, 0};
    for (unsigned i = 0; i < ARRAY_LEN(isns); i++) wrap_at(isns[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        BOTH(empty_segments),
        BOTH(text_outside),
        BOTH(trimming),
        BOTH(reset_outside),
        BOTH(reset_inside),
        BOTH(reset_exact),
        BOTH(reset_after_data),
        BOTH(syn_everywhere),
        BOTH(syn_without_timestamps),
        BOTH(challenges_are_not_shared),
        BOTH(no_ack_storm),
        BOTH(no_ack),
        BOTH(ack_future),
        BOTH(ack_too_old),
        BOTH(old_ack_with_text),
        BOTH(window_update_rules),
        BOTH(window_edge_of_repeated_text),
        BOTH(zero_window_takes_ack),
        BOTH(zero_window_takes_reset),
        BOTH(zero_window_takes_urgent),
        BOTH(zero_window_probe),
        BOTH(urgent_pointers),
        BOTH(urgent_after_fin),
        BOTH(out_of_order),
        BOTH(fin_before_data),
        BOTH(fin_with_data_before_data),
        BOTH(text_behind_early_fin),
        BOTH(early_fin_before_text),
        BOTH(text_after_fin),
        BOTH(fin_repeated),
        BOTH(islands_limit),
        BOTH(islands_in_a_small_window),
        BOTH(islands_in_a_large_window),
        BOTH(random_segmentations),
        BOTH(wrapping),
    };
    return cmocka_run_group_tests_name("tcp steps", tests, NULL, NULL);
}
