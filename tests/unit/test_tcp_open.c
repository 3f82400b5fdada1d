/* test_tcp_open.c - how connections open, from RFC 9293 3.4, 3.5, 3.10.1, 3.10.7.1 to 3.10.7.3, RFC 5961, 6528 and
 * 6056: the figures with the RFC's roles, every branch of LISTEN and SYN-SENT, times of repetition,
 * errors of the calls, ports and ISNs. Listeners' limits and held SYNs: test_tcp_listen.c. */
#include "tcp_fixture.h"

#define MINUS(n) ((uint32_t) - (n))

/* ---- figures ---- */

/* [RFC9293 3.5 figure 6] A opens, B listens. */
static void figure_6_as_a(void **state) {
    (void)state;
    assert_int_equal(app_connect(), TERN_OK);
    expect_state(TERN_SYN_SENT);
    expect(SYN, 0, 0, 0);
    inject(SYN | ACK, 0, 1, 0);
    expect(ACK, 1, 1, 0);
    expect_state(TERN_ESTABLISHED);
    expect_event(TERN_EV_CONNECTED);
    app_write(10);
    expect(ACK | PSH, 1, 1, 10); /* the data has the number of the ACK before it */
}

static void figure_6_as_b(void **state) {
    (void)state;
    assert_int_equal(app_listen(0, 0), TERN_OK);
    inject(SYN, 0, 0, 0);
    expect_state(TERN_SYN_RECEIVED);
    expect(SYN | ACK, 0, 1, 0);
    inject(ACK, 1, 1, 0);
    expect_state(TERN_ESTABLISHED);
    expect_none();
    inject(ACK, 1, 1, 10);
    assert_int_equal(app_accept(), TERN_OK);
    expect_read(10);
}

/* [MUST-10, RFC9293 3.5 figure 7] Simultaneous open: both reach ESTABLISHED through SYN-RECEIVED. */
static void figure_7(void **state) {
    (void)state;
    assert_int_equal(app_connect(), TERN_OK);
    expect(SYN, 0, 0, 0);
    inject(SYN, 0, 0, 0);
    expect_state(TERN_SYN_RECEIVED);
    expect(SYN | ACK, 0, 1, 0);
    expect_event(0);
    inject(SYN | ACK, 0, 1, 0);
    expect_state(TERN_ESTABLISHED);
    expect_event(TERN_EV_CONNECTED);
    drop_out();
    inject(ACK, 1, 1, 5);
    expect_read(5);
    app_write(7);
    expect(ACK, 1, 6, 7);
}

/* A plain ACK ends a simultaneous open as well. */
static void figure_7_with_ack(void **state) {
    (void)state;
    to_state(TERN_SYN_RECEIVED, ACTIVE);
    inject(ACK, 1, 1, 0);
    expect_state(TERN_ESTABLISHED);
    expect_event(TERN_EV_CONNECTED);
}

/* [RFC9293 3.5 figure 8] An old duplicate SYN reaches B first. */
static void figure_8_as_b(void **state) {
    (void)state;
    assert_int_equal(app_listen(0, 0), TERN_OK);
    inject(SYN, MINUS(10), 0, 0);
    expect(SYN | ACK, 0, MINUS(9), 0);
    inject(RST, MINUS(9), 0, 0);
    expect_state(TERN_CLOSED);
    expect_none();
    inject(SYN, 0, 0, 0);
    expect(SYN | ACK, 0, 1, 0);
    inject(ACK, 1, 1, 0);
    expect_state(TERN_ESTABLISHED);
}

static void figure_8_as_a(void **state) {
    (void)state;
    to_state(TERN_SYN_SENT, ACTIVE);
    inject(SYN | ACK, 50, MINUS(9), 0);
    expect(RST, MINUS(9), 0, 0);
    expect_state(TERN_SYN_SENT);
    inject(SYN | ACK, 0, 1, 0);
    expect(ACK, 1, 1, 0);
    expect_state(TERN_ESTABLISHED);
}

/* [RFC9293 3.5.1 figure 9] A has forgotten the connection and opens it again. */
static void figure_9_as_b(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, PASSIVE);
    inject(SYN, 300, 0, 0);
    expect(ACK, 1, 1, 0);
    expect_state(TERN_ESTABLISHED);
    inject(RST, 1, 0, 0); /* A's answer takes its number from our ACK */
    expect_state(TERN_CLOSED);
    expect_event(TERN_EV_CLOSED);
    assert_int_equal(fx.ev_error, TERN_ERESET); /* [MUST-12] */
    expect_none();
}

static void figure_9_as_a(void **state) {
    (void)state;
    to_state(TERN_SYN_SENT, ACTIVE);
    inject(ACK, 5000, MINUS(300), 0);
    expect(RST, MINUS(300), 0, 0);
    expect_state(TERN_SYN_SENT);
    expect_after(1000);
    expect(SYN, 0, 0, 0);
}

/* [RFC9293 3.5.1 figure 10] The living side sends into a half-open connection. */
static void figure_10_as_a(void **state) {
    (void)state;
    fx_up();
    inject_with(.flags = ACK, .seq = 300, .ack = 100, .len = 10);
    expect(RST, 100, 0, 0);
}

static void figure_10_as_b(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    app_write(10);
    expect(ACK, 1, 1, 10);
    inject(RST, 1, 0, 0);
    expect_event(TERN_EV_CLOSED);
    assert_int_equal(fx.ev_error, TERN_ERESET);
}

/* [RFC9293 3.5.1 figure 11] An old duplicate SYN between two passive sides. */
static void figure_11_as_b(void **state) {
    (void)state;
    to_state(TERN_SYN_RECEIVED, PASSIVE);
    inject(RST, 1, 0, 0);
    expect_state(TERN_CLOSED);
    tern_status_info i = {.size = sizeof i};
    assert_int_equal(tern_status(fx.stack, fx.listener, &i), TERN_OK);
    assert_int_equal(i.state, TERN_LISTEN);
    expect_none();
}

static void figure_11_as_a(void **state) {
    (void)state;
    assert_int_equal(app_listen(0, 0), TERN_OK);
    inject(SYN | ACK, 0, 77, 0);
    expect(RST, 77, 0, 0);
    expect_state(TERN_CLOSED);
}

/* ---- CLOSED: 3.10.7.1 ---- */

/* [RFC9293 3.10.7.1] Everything but a RST draws a RST whose numbers the sender accepts. */
static void closed_answers_with_reset(void **state) {
    (void)state;
    fx_up();
    inject(SYN, 0, 0, 0);
    expect(RST | ACK, 0, 1, 0);
    assert_int_equal(fx.out.abs_seq, 0);
    inject(SYN | FIN, 0, 0, 20);
    expect(RST | ACK, 0, 22, 0);
    inject(0, 5, 0, 10);
    expect(RST | ACK, 0, 15, 0);
    inject(FIN | ACK, 5, 33, 10);
    expect(RST, 33, 0, 0);
    inject(RST, 5, 0, 0);
    inject(RST | ACK, 5, 5, 0);
    inject(RST | SYN, 5, 5, 0);
    expect_none();
}

/* [MUST-3] A wrong checksum is nothing at all. */
static void wrong_checksums_are_silence(void **state) {
    (void)state;
    assert_int_equal(app_listen(0, 0), TERN_OK);
    inject_with(.flags = SYN, .bad_sum = true);
    expect_none();
    expect_state(TERN_CLOSED);
    inject_with(.flags = ACK, .bad_sum = true, .dport = 9);
    expect_none();
    assert_int_equal(counted(R_TCP_CHECKSUM), 2);
    fx_new_peer(MY_PORT + 1, PEER_PORT);
    to_state(TERN_ESTABLISHED, ACTIVE); /* nor does it reset, end or feed a connection */
    static const uint16_t flags[] = {RST, RST | ACK, SYN, SYN | ACK, FIN | ACK, ACK, ACK | URG | PSH};
    for (unsigned i = 0; i < ARRAY_LEN(flags); i++)
        inject_with(.flags = flags[i], .seq = 1, .ack = 1, .len = i < 5 ? 0 : 10, .bad_sum = true);
    expect_none();
    expect_state(TERN_ESTABLISHED);
    expect_read(0);
    assert_int_equal(counted(R_TCP_CHECKSUM), 2 + ARRAY_LEN(flags));
}

/* [MUST-57, MUST-63] and the pair of ports that cannot be a connection. */
static void impossible_addresses_are_silence(void **state) {
    (void)state;
    assert_int_equal(app_listen(0, 0), TERN_OK);
    tern_addr good = fx.peer_addr, me = fx.me;
    fx.peer_addr = fx.v6 ? (tern_addr){6, {0xff, 2, [15] = 1}} : (tern_addr){4, {224, 0, 0, 1}};
    inject(SYN, 0, 0, 0);
    fx.peer_addr = fx.v6 ? (tern_addr){6, {0}} : (tern_addr){4, {255, 255, 255, 255}};
    inject(SYN, 0, 0, 0);
    fx.peer_addr = good;
    fx.me = fx.v6 ? (tern_addr){6, {0xff, 2, [15] = 1}} : (tern_addr){4, {10, 0, 0, 255}};
    inject(SYN, 0, 0, 0);
    inject(ACK, 0, 0, 0);
    fx.me = me;
    fx.peer_addr = me; /* from ourselves, from the very same port as well: LAND */
    inject(SYN, 0, 0, 0);
    inject_with(.flags = SYN, .sport = MY_PORT);
    inject_with(.flags = ACK, .sport = MY_PORT);
    fx.peer_addr = good;
    expect_none();
    expect_state(TERN_CLOSED);
    uint8_t packet[100]; /* port 0 is nobody's [RFC6335 6], port 1 is */
    for (unsigned which = 0; which < 4; which++) {
        size_t n = build(packet, &(struct seg){.flags = SYN, .sport = 1}), at = fx.v6 ? 40 : 20;
        packet[at + 1] = (uint8_t)(which & 1);
        if (which & 2) packet[at + 2] = packet[at + 3] = 0;
        tern_packet k = {.data = packet, .len = (uint32_t)n, .flags = TERN_PKT_CSUM_OK};
        tern_input(fx.stack, 0, &k, 1, fx.now);
        assert_int_equal(drop_out(), which == 1);
    }
}

/* ---- LISTEN: 3.10.7.2 ---- */

static void listen_branches(void **state) {
    (void)state;
    assert_int_equal(app_listen(0, 0), TERN_OK);
    inject(RST, 0, 0, 0); /* first */
    inject(RST | SYN, 0, 0, 0);
    inject(RST | ACK, 0, 5, 0);
    expect_none();
    inject(ACK, 0, 5, 0); /* second */
    expect(RST, 5, 0, 0);
    inject(SYN | ACK, 0, 6, 0);
    expect(RST, 6, 0, 0);
    inject(FIN | ACK, 0, 7, 3);
    expect(RST, 7, 0, 0);
    inject(0, 0, 0, 0); /* fourth */
    inject(FIN, 0, 0, 0);
    inject(URG | PSH, 0, 0, 9);
    inject(FIN | URG | PSH, 0, 0, 0);
    expect_none();
    expect_state(TERN_CLOSED);
    inject(SYN, 0, 0, 0); /* third */
    expect(SYN | ACK, 0, 1, 0);
    expect_state(TERN_SYN_RECEIVED);
}

/* SYN together with FIN opens nothing (attack list D3). */
static void listen_syn_fin(void **state) {
    (void)state;
    assert_int_equal(app_listen(0, 0), TERN_OK);
    inject(SYN | FIN, 0, 0, 0);
    inject(SYN | FIN | URG | PSH, 0, 0, 5);
    expect_none();
    expect_state(TERN_CLOSED);
}

/* [RFC9293 3.4, 3.10.7.2] Data on a SYN is delivered once, after the handshake: here when it is sent again. */
static void listen_syn_with_data(void **state) {
    (void)state;
    assert_int_equal(app_listen(0, 0), TERN_OK);
    inject(SYN, 0, 0, 10);
    expect(SYN | ACK, 0, ANY, 0);
    uint32_t ack = fx.out.ack;
    assert_true(ack == 1 || ack == 11);
    inject(ACK, 1, 1, 10);
    assert_int_equal(app_accept(), TERN_OK);
    expect_read(10);
}

/* A SYN that comes again is answered again; its record stays one. */
static void listen_syn_repeated(void **state) {
    (void)state;
    to_state(TERN_SYN_RECEIVED, PASSIVE);
    uint32_t iss = fx.iss;
    advance(300);
    inject(SYN, 0, 0, 0);
    expect(SYN | ACK, 0, 1, 0);
    assert_int_equal(fx.iss, iss);
    expect_none();
    inject(ACK, 1, 1, 0);
    expect_state(TERN_ESTABLISHED);
}

/* [RFC9293 3.10.7.4 fourth] Another SYN inside the window of a connection that came from LISTEN: back to LISTEN; one
 * outside the window draws an ACK. */
static void syn_received_other_syn(void **state) {
    (void)state;
    to_state(TERN_SYN_RECEIVED, PASSIVE);
    inject(SYN, MINUS(5000), 0, 0);
    expect(ACK, 1, 1, 0);
    expect_state(TERN_SYN_RECEIVED);
    inject(SYN, 100, 0, 0);
    expect_state(TERN_CLOSED);
    expect_none();
}

/* [RFC9293 3.10.7.4 fifth] A wrong ACK in SYN-RECEIVED is answered with RST and the right one still opens. */
static void syn_received_wrong_ack(void **state) {
    (void)state;
    for (int how = ACTIVE; how <= PASSIVE; how++) {
        fx_new_peer((uint16_t)(MY_PORT + how), PEER_PORT);
        to_state(TERN_SYN_RECEIVED, (enum opening)how);
        inject(ACK, 1, 2, 0);
        expect(RST, 2, 0, 0);
        inject(ACK, 1, 0, 0);
        expect(RST, 0, 0, 0);
        inject(0, 1, 0, 5); /* no ACK at all */
        expect_none();
        expect_state(TERN_SYN_RECEIVED);
        inject(ACK, 1, 1, 0);
        expect_state(TERN_ESTABLISHED);
    }
}

/* [RFC9293 3.10.7.4] The third segment may carry data and FIN. */
static void syn_received_data_and_fin(void **state) {
    (void)state;
    to_state(TERN_SYN_RECEIVED, PASSIVE);
    inject(FIN | ACK, 1, 1, 20);
    expect(ACK, 1, 22, 0);
    expect_state(TERN_CLOSE_WAIT);
    assert_int_equal(app_accept(), TERN_OK);
    expect_read(20);
    uint8_t b;
    assert_int_equal(tern_read(fx.stack, fx.sock, &b, 1), 0);
}

/* [RFC5961 3.2] in SYN-RECEIVED: exact, in the window, outside. */
static void syn_received_reset(void **state) {
    (void)state;
    to_state(TERN_SYN_RECEIVED, PASSIVE);
    inject(RST, 2, 0, 0);
    expect(ACK, 1, 1, 0);
    expect_state(TERN_SYN_RECEIVED);
    inject(RST, 0, 0, 0);
    inject(RST, 200000, 0, 0);
    expect_none();
    expect_state(TERN_SYN_RECEIVED);
    inject(RST, 1, 0, 0);
    expect_state(TERN_CLOSED);
    expect_none();
}

/* [MUST-11, RFC9293 3.10.7.4 second] After an active open the RST means refused. */
static void syn_received_reset_of_active(void **state) {
    (void)state;
    to_state(TERN_SYN_RECEIVED, ACTIVE);
    inject(RST, 1, 0, 0);
    expect_state(TERN_CLOSED);
    expect_event(TERN_EV_CLOSED);
    assert_int_equal(fx.ev_error, TERN_EREFUSED);
}

/* ---- SYN-SENT: 3.10.7.3 ---- */

static void synsent_branches(void **state) {
    (void)state;
    to_state(TERN_SYN_SENT, ACTIVE);
    /* first: an ACK that is not for our SYN; answered unless it is a RST */
    inject(ACK, 0, 0, 0);
    expect(RST, 0, 0, 0);
    inject(ACK, 0, 2, 0);
    expect(RST, 2, 0, 0);
    inject(SYN | ACK, 0, 2, 0);
    expect(RST, 2, 0, 0);
    inject(RST | ACK, 0, 2, 0);
    inject(RST | ACK, 0, 0, 0);
    /* second: a RST without ACK */
    inject(RST, 0, 0, 0);
    inject(RST | SYN, 0, 0, 0);
    /* fifth: neither SYN nor RST */
    inject(ACK, 0, 1, 0);
    inject(FIN | ACK, 0, 1, 0);
    inject(0, 0, 0, 0);
    inject(FIN, 0, 0, 4);
    expect_none();
    expect_state(TERN_SYN_SENT);
    expect_event(0);
    inject(RST | ACK, 0, 1, 0);
    expect_state(TERN_CLOSED);
    expect_event(TERN_EV_CLOSED);
    assert_int_equal(fx.ev_error, TERN_EREFUSED); /* [MUST-12] */
}

/* Text and FIN on the SYN,ACK count from the sixth step on. */
static void synsent_data_and_fin(void **state) {
    (void)state;
    to_state(TERN_SYN_SENT, ACTIVE);
    inject(SYN | ACK | FIN, 0, 1, 30);
    expect(ACK, 1, 32, 0);
    expect_state(TERN_CLOSE_WAIT);
    expect_read(30);
}

/* More text than the window that was offered is not taken whole. */
static void synsent_more_than_offered(void **state) {
    (void)state;
    fx.cfg.receive_buffer = fx.cfg.receive_buffer_max = 1024;
    to_state(TERN_SYN_SENT, ACTIVE);
    assert_true(fx.out.wnd <= 1024);
    inject(SYN | ACK, 0, 1, 1400);
    expect(ACK, 1, ANY, 0);
    assert_true(fx.out.ack - 1 <= 1024);
    expect_state(TERN_ESTABLISHED);
}

/* Bytes written before the connection exists leave when it does. */
static void written_before_established(void **state) {
    (void)state;
    assert_int_equal(app_connect(), TERN_OK);
    app_write(100);
    expect(SYN, 0, 0, 0);
    expect_none();
    inject(SYN | ACK, 0, 1, 0);
    expect(ACK, 1, 1, 100);
    expect_none();
}

/* [RFC9293 3.10.4] CLOSE in SYN-SENT deletes; nothing is sent. [RFC9293 3.10.5] So does ABORT. */
static void close_in_synsent(void **state) {
    (void)state;
    to_state(TERN_SYN_SENT, ACTIVE);
    assert_int_equal(tern_close(fx.stack, fx.sock), TERN_OK);
    expect_none();
    expect_state(TERN_CLOSED);
    assert_int_equal(tern_close(fx.stack, fx.sock), TERN_ESTALE);
    fx_new_peer(MY_PORT + 1, PEER_PORT);
    to_state(TERN_SYN_SENT, ACTIVE);
    assert_int_equal(tern_abort(fx.stack, fx.sock), TERN_OK);
    expect_none();
    expect_state(TERN_CLOSED);
}

/* [RFC9293 3.10.4, 3.10.5] CLOSE and ABORT in SYN-RECEIVED. */
static void close_in_syn_received(void **state) {
    (void)state;
    to_state(TERN_SYN_RECEIVED, ACTIVE);
    assert_int_equal(tern_close(fx.stack, fx.sock), TERN_OK);
    expect_state(TERN_FIN_WAIT_1);
    if (out_waiting()) { /* the FIN may leave at once */
        expect(FIN | ACK, 1, 1, 0);
        inject(ACK, 1, 1, 0);
    } else {
        inject(ACK, 1, 1, 0);
        expect(FIN | ACK, 1, 1, 0);
    }
    inject(ACK, 1, 2, 0);
    expect_state(TERN_FIN_WAIT_2);
}

static void close_in_syn_received_with_data(void **state) {
    (void)state;
    to_state(TERN_SYN_RECEIVED, ACTIVE);
    app_write(10);
    assert_int_equal(tern_close(fx.stack, fx.sock), TERN_OK);
    expect_none();
    inject(ACK, 1, 1, 0);
    expect(FIN | ACK, 1, 1, 10);
    expect_state(TERN_FIN_WAIT_1);
    inject(ACK, 1, 12, 0);
    expect_state(TERN_FIN_WAIT_2);
}

/* The SYN,ACKs of figure 7 still cross when ours was closed already. */
static void close_in_syn_received_crossing(void **state) {
    (void)state;
    to_state(TERN_SYN_RECEIVED, ACTIVE);
    assert_int_equal(tern_close(fx.stack, fx.sock), TERN_OK);
    inject(SYN | ACK, 0, 1, 0);
    bool fin = false;
    for (uint64_t ms = 0; ms <= 1000 && !fin; ms += 100) {
        while (!fin && out_waiting()) {
            expect(ANY, ANY, ANY, ANY);
            fin = fx.out.flags & FIN;
        }
        advance(100);
    }
    assert_true(fin);
}

static void abort_in_syn_received(void **state) {
    (void)state;
    to_state(TERN_SYN_RECEIVED, ACTIVE);
    assert_int_equal(tern_abort(fx.stack, fx.sock), TERN_OK);
    expect(ANY, 1, ANY, 0);
    assert_true(fx.out.flags & RST);
    expect_state(TERN_CLOSED);
}

/* ---- time ---- */

/* [RFC6298 2.1, 5.5; MUST-22, MUST-23] 1 s, doubled each time up to the limit; the open fails no earlier than after
 * 3 minutes. */
static void syn_times(void **state) {
    (void)state;
    assert_int_equal(app_connect(), TERN_OK);
    expect(SYN, 0, 0, 0);
    static const uint64_t waits[] = {1000, 2000, 4000, 8000, 16000, 32000, 60000};
    uint64_t start = fx.now;
    for (size_t i = 0; i < ARRAY_LEN(waits); i++) {
        expect_after(waits[i]);
        expect(SYN, 0, 0, 0);
    }
    while (state_now() == TERN_SYN_SENT) advance(1000);
    assert_true(fx.now - start >= 180 * SEC_NS);
    assert_true(fx.now - start <= 300 * SEC_NS);
    expect_event(TERN_EV_SOFT_ERROR | TERN_EV_CLOSED);
    assert_int_equal(fx.ev_error, TERN_ETIMEDOUT);
    expect_none();
}

/* [RFC6298 5.7] A SYN that was repeated leaves a timeout of 3 s for the data; [RFC5681 3.1] and a window of one
 * segment. */
static void syn_repeated_is_careful(void **state) {
    (void)state;
    assert_int_equal(app_connect(), TERN_OK);
    expect(SYN, 0, 0, 0);
    expect_after(1000);
    expect(SYN, 0, 0, 0);
    inject(SYN | ACK, 0, 1, 0);
    expect(ACK, 1, 1, 0);
    tern_status_info i;
    assert_true(status_now(&i));
    assert_int_equal(i.rto_ms, 3000);
    assert_int_equal(i.cwnd, i.mss);
    app_write(3000);
    expect(ACK, 1, 1, 1000);
    expect_none();
    expect_after(3000);
    expect(ACK, 1, 1, 1000);
}

/* The same where the peer's SYN came again: the SYN,ACK was lost. How long the answer to one of them took is not known [MUST-18],
 * unless a timestamp tells. */
static void syn_ack_repeated_is_careful(void **state) {
    (void)state;
    for (unsigned stamps = 0; stamps < 2; stamps++) {
        fx_down();
        fx.cfg.timestamps = fx.peer.ts = stamps;
        to_state(TERN_SYN_RECEIVED, PASSIVE);
        advance(900);
        inject(SYN, 0, 0, 0);
        expect(SYN | ACK, 0, 1, 0);
        advance(50);
        inject(ACK, 1, 1, 0);
        assert_int_equal(app_accept(), TERN_OK);
        tern_status_info i;
        assert_true(status_now(&i));
        assert_int_equal(i.srtt_us, stamps ? 50000 : 0);
        assert_int_equal(i.rto_ms, 3000);
        assert_int_equal(i.cwnd, i.mss);
    }
}

/* [3.10.4 SYN-RECEIVED] A CLOSE waits with the bytes before it; nothing can be written behind it. */
static void nothing_behind_a_close(void **state) {
    (void)state;
    to_state(TERN_SYN_RECEIVED, ACTIVE);
    drop_out();
    app_write(10);
    assert_int_equal(tern_shutdown(fx.stack, fx.sock), TERN_OK);
    assert_int_equal(tern_write(fx.stack, fx.sock, "x", 1), TERN_ESTATE);
    void *at[2];
    size_t len[2];
    assert_int_equal(tern_write_reserve(fx.stack, fx.sock, 1, at, len), TERN_ESTATE);
    assert_int_equal(tern_shutdown(fx.stack, fx.sock), TERN_ESTATE);
    expect_state(TERN_SYN_RECEIVED);
    inject(ACK, 1, 1, 0);
    expect(FIN | ACK, 1, 1, 10);
    expect_state(TERN_FIN_WAIT_1);
    assert_int_equal(tern_write(fx.stack, fx.sock, "x", 1), TERN_ESTATE);
}

/* [RFC9293 3.8.1] The SYN-ACK is repeated too; a peer that never answers leaves nothing behind; a late ACK gets a
 * RST. */
static void synack_times(void **state) {
    (void)state;
    fx.cfg.synack_retries = 3;
    to_state(TERN_SYN_RECEIVED, PASSIVE);
    static const uint64_t waits[] = {1000, 2000, 4000};
    for (size_t i = 0; i < ARRAY_LEN(waits); i++) {
        expect_after(waits[i]);
        expect(SYN | ACK, 0, 1, 0);
    }
    assert_int_equal(counted(R_END_USER_TIMEOUT), 0);
    advance(60000);
    expect_none();
    expect_state(TERN_CLOSED);
    assert_int_equal(counted(R_END_USER_TIMEOUT), 1);
    inject(ACK, 1, 1, 0);
    expect(RST, 1, 0, 0);
}

/* A SYN that comes again shows that the peer is there: the record stays for as long as the answer to it may take. */
static void syn_again_at_the_last_moment(void **state) {
    (void)state;
    fx.cfg.synack_retries = 0;
    to_state(TERN_SYN_RECEIVED, PASSIVE);
    advance(900);
    inject(SYN, 0, 0, 0);
    expect(SYN | ACK, 0, 1, 0);
    advance(900);
    inject(ACK, 1, 1, 0);
    expect_none();
    expect_state(TERN_ESTABLISHED);
}

/* [RFC9293 3.5] The third segment is lost: the peer's data completes the handshake. */
static void third_segment_lost(void **state) {
    (void)state;
    to_state(TERN_SYN_RECEIVED, PASSIVE);
    inject(ACK, 1, 1, 50);
    expect_state(TERN_ESTABLISHED);
    assert_int_equal(app_accept(), TERN_OK);
    expect_read(50);
}

/* ---- errors of the calls ---- */

static void connect_errors(void **state) {
    (void)state;
    fx_up();
    tern_open o = {.size = sizeof o, .remote = fx.peer_addr, .remote_port = 1};
    tern_sock s;
    assert_int_equal(tern_connect(NULL, &o, &s), TERN_EINVAL);
    assert_int_equal(tern_connect(fx.stack, NULL, &s), TERN_EINVAL);
    assert_int_equal(tern_connect(fx.stack, &o, NULL), TERN_EINVAL);
    o.remote_port = 0;
    assert_int_equal(tern_connect(fx.stack, &o, &s), TERN_EINVAL);
    o.remote_port = 1;
    o.remote.family = 0;
    assert_int_equal(tern_connect(fx.stack, &o, &s), TERN_EINVAL);
    /* [MUST-46] */
    static const char *const bad4[] = {"255.255.255.255", "224.0.0.1", "239.1.2.3", "0.0.0.0", "10.0.0.255"};
    static const char *const bad6[] = {"ff02::1", "ff0e::5", "::"};
    for (size_t i = 0; i < (fx.v6 ? ARRAY_LEN(bad6) : ARRAY_LEN(bad4)); i++) {
        assert_int_equal(tern_addr_parse(fx.v6 ? bad6[i] : bad4[i], &o.remote), TERN_OK);
        assert_int_equal(tern_connect(fx.stack, &o, &s), TERN_EADDRNOTAVAIL);
    }
    assert_int_equal(tern_addr_parse(fx.v6 ? "2001:db8::1" : "192.0.2.1", &o.remote), TERN_OK);
    assert_int_equal(tern_connect(fx.stack, &o, &s), TERN_ENOROUTE);
    o.remote = fx.peer_addr;
    o.local = fx.peer_addr;
    assert_int_equal(tern_connect(fx.stack, &o, &s), TERN_EADDRNOTAVAIL);
    o.local = fx.me;
    o.local_port = MY_PORT;
    assert_int_equal(tern_connect(fx.stack, &o, &s), TERN_OK);
    assert_int_equal(tern_connect(fx.stack, &o, &s), TERN_EADDRINUSE);
    drop_out();
}

static void listen_errors(void **state) {
    (void)state;
    fx_up();
    tern_listen_config c = {.size = sizeof c};
    tern_sock s;
    assert_int_equal(tern_listen(fx.stack, &c, &s), TERN_EINVAL); /* port 0 */
    c.port = 5;
    c.flags = 1u << 20;
    assert_int_equal(tern_listen(fx.stack, &c, &s), TERN_EINVAL);
    c.flags = 0;
    c.local = fx.peer_addr;
    assert_int_equal(tern_listen(fx.stack, &c, &s), TERN_EADDRNOTAVAIL);
    c.local = fx.me;
    assert_int_equal(tern_listen(fx.stack, &c, &s), TERN_OK);
    assert_int_equal(tern_listen(fx.stack, &c, &s), TERN_EADDRINUSE);
    assert_int_equal(tern_accept(fx.stack, s, &fx.sock, NULL), TERN_EAGAIN);
    assert_int_equal(tern_accept(fx.stack, (tern_sock){0}, &fx.sock, NULL), TERN_ESTALE);
    uint8_t b[1];
    assert_true(tern_write(fx.stack, s, b, 1) < 0); /* a listener is no stream */
    assert_true(tern_read(fx.stack, s, b, 1) < 0);
    assert_int_equal(tern_close(fx.stack, s), TERN_OK);
    assert_int_equal(tern_close(fx.stack, s), TERN_ESTALE);
}

/* ---- ports and ISNs ---- */

/* [RFC6056 3] Ports lie in the range, differ, and tell nothing about the next one. */
static void ports_are_random(void **state) {
    (void)state;
    enum { N = 400 };
    fx.cfg.port_first = 40000;
    fx.cfg.port_last = 40999;
    fx_up();
    uint16_t port[N];
    unsigned next = 0, low = 0;
    for (unsigned i = 0; i < N; i++) {
        tern_open o = {.size = sizeof o, .remote = fx.peer_addr, .remote_port = 80};
        assert_int_equal(tern_connect(fx.stack, &o, &fx.sock), TERN_OK);
        tern_status_info st = {.size = sizeof st};
        assert_int_equal(tern_status(fx.stack, fx.sock, &st), TERN_OK);
        port[i] = st.flow.local_port;
        assert_in_range(port[i], 40000, 40999);
        for (unsigned k = 0; k < i; k++) assert_int_not_equal(port[i], port[k]);
        if (i && port[i] == port[i - 1] + 1) next++;
        if (port[i] < 40500) low++;
    }
    assert_true(next < 10);
    assert_in_range(low, N / 2 - 60, N / 2 + 60);
    drop_out();
}

static void ports_run_out(void **state) {
    (void)state;
    fx.cfg.port_first = 40000;
    fx.cfg.port_last = 40004;
    fx_up();
    tern_open o = {.size = sizeof o, .remote = fx.peer_addr, .remote_port = 80};
    for (unsigned i = 0; i < 5; i++) assert_int_equal(tern_connect(fx.stack, &o, &fx.sock), TERN_OK);
    assert_int_equal(tern_connect(fx.stack, &o, &fx.sock), TERN_EPORTS);
    o.remote_port = 81; /* towards another socket they are free */
    assert_int_equal(tern_connect(fx.stack, &o, &fx.sock), TERN_OK);
    drop_out();
}

static uint32_t isn_of(uint16_t my_port, uint16_t peer_port) {
    fx_new_peer(my_port, peer_port);
    assert_int_equal(app_connect(), TERN_OK);
    expect(SYN, 0, 0, 0);
    uint32_t isn = fx.iss;
    assert_int_equal(tern_abort(fx.stack, fx.sock), TERN_OK);
    drop_out();
    return isn;
}

/* [MUST-8, SHLD-1, RFC6528 3] For the same sockets the ISN follows a clock of 4 microseconds. */
static void isn_follows_the_clock(void **state) {
    (void)state;
    uint32_t first = isn_of(MY_PORT, PEER_PORT);
    advance(1000);
    assert_int_equal(isn_of(MY_PORT, PEER_PORT) - first, 250000);
    advance(3);
    assert_int_equal(isn_of(MY_PORT, PEER_PORT) - first, 250750);
}

/* [MUST-9] Between different sockets, or with another secret, the difference is unpredictable. */
static void isn_is_keyed(void **state) {
    (void)state;
    enum { N = 500 };
    uint32_t last = isn_of(1000, PEER_PORT);
    unsigned near = 0, up = 0;
    for (uint16_t i = 1; i <= N; i++) {
        uint32_t isn = isn_of((uint16_t)(1000 + i), PEER_PORT);
        int32_t d = (int32_t)(isn - last);
        if (d > -(1 << 22) && d < 1 << 22) near++;
        if (d > 0) up++;
        last = isn;
    }
    assert_true(near <= N / 50); /* attack list B1 */
    assert_in_range(up, N / 2 - 70, N / 2 + 70);
    uint32_t one = isn_of(MY_PORT, PEER_PORT);
    fx_down();
    fx.cfg.entropy[31] ^= 1;
    assert_int_not_equal(isn_of(MY_PORT, PEER_PORT), one);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        BOTH(figure_6_as_a),
        BOTH(figure_6_as_b),
        BOTH(figure_7),
        BOTH(figure_7_with_ack),
        BOTH(figure_8_as_a),
        BOTH(figure_8_as_b),
        BOTH(figure_9_as_a),
        BOTH(figure_9_as_b),
        BOTH(figure_10_as_a),
        BOTH(figure_10_as_b),
        BOTH(figure_11_as_a),
        BOTH(figure_11_as_b),
        BOTH(closed_answers_with_reset),
        BOTH(wrong_checksums_are_silence),
        BOTH(impossible_addresses_are_silence),
        BOTH(listen_branches),
        BOTH(listen_syn_fin),
        BOTH(listen_syn_with_data),
        BOTH(listen_syn_repeated),
        BOTH(syn_received_other_syn),
        BOTH(syn_received_wrong_ack),
        BOTH(syn_received_data_and_fin),
        BOTH(syn_received_reset),
        BOTH(syn_received_reset_of_active),
        BOTH(synsent_branches),
        BOTH(synsent_data_and_fin),
        BOTH(synsent_more_than_offered),
        BOTH(written_before_established),
        BOTH(close_in_synsent),
        BOTH(close_in_syn_received),
        BOTH(close_in_syn_received_with_data),
        BOTH(close_in_syn_received_crossing),
        BOTH(abort_in_syn_received),
        BOTH(syn_times),
        BOTH(syn_repeated_is_careful),
        BOTH(syn_ack_repeated_is_careful),
        BOTH(nothing_behind_a_close),
        BOTH(synack_times),
        BOTH(syn_again_at_the_last_moment),
        BOTH(third_segment_lost),
        BOTH(connect_errors),
        BOTH(listen_errors),
        BOTH(ports_are_random),
        BOTH(ports_run_out),
        BOTH(isn_follows_the_clock),
        BOTH(isn_is_keyed),
    };
    return cmocka_run_group_tests_name("tcp open", tests, NULL, NULL);
}
