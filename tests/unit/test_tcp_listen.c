/* test_tcp_listen.c - listeners: their limits, SYNs that they hold, one beside the other (3.9.1.1, RFC 4987). What
 * LISTEN does with a segment: test_tcp_open.c. */
#include "tcp_fixture.h"

/* ---- limits ---- */

/* A full backlog ignores the last ACK, sends no RST, and takes it once there is room (attack list C18). */
static void backlog_full(void **state) {
    (void)state;
    assert_int_equal(app_listen(0, 1), TERN_OK);
    for (uint16_t i = 0; i < 2; i++) {
        fx_new_peer(MY_PORT, (uint16_t)(PEER_PORT + i));
        inject(SYN, 0, 0, 0);
        expect(SYN | ACK, 0, 1, 0);
    }
    uint32_t iss2 = fx.iss;
    fx_new_peer(MY_PORT, PEER_PORT);
    uint64_t cursor = 0;
    tern_status_info i;
    while (tern_list(fx.stack, &cursor, &i))
        if (i.flow.remote_port == PEER_PORT) fx.iss = i.iss;
    inject(ACK, 1, 1, 0);
    expect_state(TERN_ESTABLISHED);
    fx_new_peer(MY_PORT, PEER_PORT + 1);
    fx.iss = iss2;
    inject(ACK, 1, 1, 0);
    expect_state(TERN_SYN_RECEIVED);
    expect_none();
    fx_new_peer(MY_PORT, PEER_PORT + 2); /* and a new SYN waits outside */
    inject(SYN, 0, 0, 0);
    expect_none();
    expect_state(TERN_CLOSED);
    assert_true(counted(R_BACKLOG_FULL) >= 2);
    assert_int_equal(app_accept(), TERN_OK);
    fx_new_peer(MY_PORT, PEER_PORT + 1);
    fx.iss = iss2;
    inject(ACK, 1, 1, 0);
    expect_state(TERN_ESTABLISHED);
    assert_int_equal(app_accept(), TERN_OK);
    assert_int_equal(app_accept(), TERN_EAGAIN);
}

/* [RFC4987 3] Half-open connections have a limit; those that exist still complete. */
static void half_open_limit(void **state) {
    (void)state;
    fx.cfg.half_open_max = 5;
    fx.cfg.syn_cookies = 0;
    assert_int_equal(app_listen(0, 0), TERN_OK);
    for (uint16_t i = 0; i < 8; i++) {
        fx_new_peer(MY_PORT, (uint16_t)(PEER_PORT + i));
        inject(SYN, 0, 0, 0);
        if (i < 5)
            expect(SYN | ACK, 0, 1, 0);
        else
            expect_none();
    }
    assert_int_equal(counted(R_HALF_OPEN_LIMIT), 3);
    tern_stats st = {.size = sizeof st};
    assert_int_equal(tern_stats_get(fx.stack, &st), TERN_OK);
    assert_int_equal(st.half_open, 5);
    advance(400000);
    drop_out();
    assert_int_equal(tern_stats_get(fx.stack, &st), TERN_OK);
    assert_int_equal(st.half_open, 0);
}

/* [RFC4987 3.6] With cookies on, the peer keeps what we have no room for; only an ACK of what was sent opens. */
static void half_open_cookies(void **state) {
    (void)state;
    fx.cfg.half_open_max = 1;
    fx.cfg.synack_retries = 7; /* the one record stays */
    assert_int_equal(app_listen(0, 0), TERN_OK);
    inject(ACK, 1, 1, 0); /* no cookie was sent: an ACK is only an ACK */
    expect(RST, 1, 0, 0);
    inject(SYN, 0, 0, 0);
    expect(SYN | ACK, 0, 1, 0);
    for (uint16_t i = 1; i < 20; i++) {
        fx_new_peer(MY_PORT, (uint16_t)(PEER_PORT + i));
        inject(SYN, 0, 0, 0);
        expect(SYN | ACK, 0, 1, 0);
        expect_state(TERN_CLOSED);
        inject(ACK, 2, 1, 0); /* another number of the peer: not what the cookie was made for */
        expect_state(TERN_CLOSED);
        inject(ACK, 1, 2, 0);
        expect_state(TERN_CLOSED);
        advance(1000); /* also for the limit on resets */
        drop_out();
        uint32_t iss = fx.iss; /* another's cookie comes in between */
        fx_new_peer(MY_PORT, (uint16_t)(PEER_PORT + 1000 + i));
        inject(SYN, 0, 0, 0);
        expect(SYN | ACK, 0, 1, 0);
        fx_new_peer(MY_PORT, (uint16_t)(PEER_PORT + i));
        fx.iss = iss;
        inject(ACK, 1, 1, 0);
        expect_state(TERN_ESTABLISHED);
        expect_none();
        assert_int_equal(counted(R_COOKIE_OK), i);
        assert_int_equal(counted(R_COOKIE_SENT), 2 * i);
        assert_int_equal(app_accept(), TERN_OK);
        inject(ACK, 1, 1, 10);
        expect_read(10);
        drop_out();
    }
    fx_new_peer(MY_PORT, PEER_PORT + 50);
    inject(SYN, 0, 0, 0);
    if (out_waiting()) expect(SYN | ACK, 0, 1, 0);
    advance(200000);
    drop_out();
    inject(ACK, 1, 1, 0);
    expect(RST, 1, 0, 0);
}

static void connection_limit(void **state) {
    (void)state;
    fx.cfg.connections_max = 1;
    to_state(TERN_ESTABLISHED, ACTIVE);
    tern_sock first = fx.sock;
    fx_new_peer(MY_PORT + 1, PEER_PORT);
    assert_int_equal(app_connect(), TERN_ELIMIT);
    assert_int_equal(app_listen(0, 0), TERN_OK);
    inject(SYN, 0, 0, 0);
    expect(SYN | ACK, 0, 1, 0);
    inject(ACK, 1, 1, 0);
    expect_none();
    expect_state(TERN_SYN_RECEIVED);
    assert_int_equal(tern_abort(fx.stack, first), TERN_OK);
    drop_out();
    inject(ACK, 1, 1, 0);
    expect_state(TERN_ESTABLISHED);
}

/* ---- held SYNs ---- */

static void hold_one(tern_sock *held) {
    assert_int_equal(app_listen(TERN_LISTEN_HOLD, 0), TERN_OK);
    assert_int_equal(tern_held(fx.stack, fx.listener, held, NULL), TERN_EAGAIN);
    inject(SYN, 0, 0, 0);
    expect_none();
    expect_event(0);
    assert_int_equal(fx.listener_bits, TERN_EV_SYN);
    tern_flow flow;
    assert_int_equal(tern_held(fx.stack, fx.listener, held, &flow), TERN_OK);
    assert_int_equal(flow.remote_port, PEER_PORT);
    assert_int_equal(flow.local_port, MY_PORT);
    assert_memory_equal(&flow.remote, &fx.peer_addr, sizeof flow.remote);
    assert_int_equal(tern_held(fx.stack, fx.listener, &(tern_sock){0}, NULL), TERN_EAGAIN);
}

/* What tern_status knows of a held SYN; TERN_CLOSED: nothing. */
static enum tern_state held_state(tern_sock held, const char *timer) {
    tern_status_info i = {.size = sizeof i};
    int err = tern_status(fx.stack, held, &i);
    if (err == TERN_ESTALE) return TERN_CLOSED;
    assert_int_equal(err, TERN_OK);
    assert_true(i.sock.id == held.id && i.passive && i.flow.remote_port == PEER_PORT);
    assert_string_equal(i.timer, timer);
    return i.state;
}

static void held_accept(void **state) {
    (void)state;
    tern_sock held;
    hold_one(&held);
    assert_int_equal(held_state(held, "hold"), TERN_SYN_RECEIVED);
    inject(SYN, 0, 0, 0); /* again: still nothing */
    expect_none();
    advance(3000);
    expect_none();
    assert_int_equal(tern_hold_accept(fx.stack, held), TERN_OK);
    expect(SYN | ACK, 0, 1, 0);
    assert_int_equal(tern_hold_accept(fx.stack, held), TERN_ESTATE);
    assert_int_equal(held_state(held, "retransmission"), TERN_SYN_RECEIVED);
    inject(ACK, 1, 1, 0);
    assert_int_equal(held_state(held, ""), TERN_CLOSED);
    assert_int_equal(app_accept(), TERN_OK);
    expect_state(TERN_ESTABLISHED);
    assert_int_equal(tern_hold_refuse(fx.stack, held, true), TERN_ESTALE);
}

/* The peer takes it back, before the answer and behind it. */
static void held_withdrawn(void **state) {
    (void)state;
    for (unsigned answered = 0; answered < 2; answered++) {
        tern_sock held;
        if (answered) assert_int_equal(tern_close(fx.stack, fx.listener), TERN_OK);
        hold_one(&held);
        if (answered) {
            assert_int_equal(tern_hold_accept(fx.stack, held), TERN_OK);
            expect(SYN | ACK, 0, 1, 0);
        }
        inject(RST, 1, 0, 0);
        assert_int_equal(held_state(held, ""), TERN_CLOSED);
        assert_int_equal(tern_hold_accept(fx.stack, held), TERN_ESTALE);
        assert_int_equal(tern_hold_refuse(fx.stack, held, true), TERN_ESTALE);
        expect_none();
    }
}

static void held_refuse(void **state) {
    (void)state;
    tern_sock held;
    hold_one(&held);
    assert_int_equal(tern_hold_refuse(fx.stack, held, true), TERN_OK);
    expect(RST | ACK, ANY, 1, 0);
    assert_int_equal(fx.out.abs_seq, 0);
    expect_state(TERN_CLOSED);
    assert_int_equal(tern_hold_accept(fx.stack, held), TERN_ESTALE);
    fx.listener_bits = 0;
    inject(SYN, 0, 0, 0);
    assert_int_equal(tern_held(fx.stack, fx.listener, &held, NULL), TERN_OK);
    assert_int_equal(tern_hold_refuse(fx.stack, held, false), TERN_OK);
    expect_none();
    expect_state(TERN_CLOSED);
}

static void held_too_long(void **state) {
    (void)state;
    tern_sock held;
    hold_one(&held);
    advance(fx.cfg.hold_ms - 100);
    expect_state(TERN_SYN_RECEIVED);
    advance(200);
    expect_state(TERN_CLOSED);
    expect_none();
    assert_int_equal(tern_hold_accept(fx.stack, held), TERN_ESTALE);
}

/* [RFC9293 3.10.7.4 second] The peer takes its SYN back before anybody decided. */
static void held_reset(void **state) {
    (void)state;
    tern_sock held;
    hold_one(&held);
    inject(RST, 1, 0, 0);
    expect_state(TERN_CLOSED);
    assert_int_equal(tern_hold_accept(fx.stack, held), TERN_ESTALE);
    expect_none();
}

/* Held SYNs are decided on in any order; from then on each is a half-open connection like others. */
static void held_in_any_order(void **state) {
    (void)state;
    tern_sock held[3];
    tern_stats st = {.size = sizeof st};
    assert_int_equal(app_listen(TERN_LISTEN_HOLD, 0), TERN_OK);
    for (uint16_t i = 0; i < 3; i++) {
        fx_new_peer(MY_PORT, (uint16_t)(PEER_PORT + i));
        inject(SYN, 0, 0, 0);
        assert_int_equal(tern_held(fx.stack, fx.listener, &held[i], NULL), TERN_OK);
    }
    expect_none();
    static const unsigned order[] = {1, 0, 2};
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(tern_hold_accept(fx.stack, held[order[i]]), TERN_OK);
        assert_int_equal(drop_out(), 1);
    }
    for (uint64_t wait = 1000; wait <= 4000; wait *= 2) {
        advance(wait - 1);
        assert_int_equal(drop_out(), 0);
        advance(1);
        assert_int_equal(drop_out(), 3);
    }
    assert_int_equal(tern_stats_get(fx.stack, &st), TERN_OK);
    assert_int_equal(st.half_open, 3);
    advance(400000);
    drop_out();
    assert_int_equal(tern_stats_get(fx.stack, &st), TERN_OK);
    assert_int_equal(st.half_open, 0);
    assert_int_equal(counted(R_END_USER_TIMEOUT), 3);
    assert_int_equal(counted(R_REXMIT_SYN_ACK), 3 * 7);
}

static tern_event next_event(void) {
    tern_event e = {.bits = 0};
    while (tern_poll(fx.stack, &e, 1) == 1 && e.sock.id == fx.listener.id) e = (tern_event){.bits = 0};
    return e;
}

/* [MUST-12] Who holds it is told when it comes to nothing, by the clock or by the peer, before the answer and behind it. */
static void held_end_is_told(void **state) {
    (void)state;
    for (unsigned how = 0; how < 4; how++) {
        bool answered = how & 1, by_peer = how & 2;
        tern_sock held;
        tern_stats st = {.size = sizeof st};
        if (how) assert_int_equal(tern_close(fx.stack, fx.listener), TERN_OK);
        hold_one(&held);
        assert_int_equal(tern_set_user(fx.stack, held, 77), TERN_OK);
        if (answered) assert_int_equal(tern_hold_accept(fx.stack, held), TERN_OK);
        assert_int_equal(next_event().bits, 0);
        if (by_peer)
            inject(RST, 1, 0, 0);
        else
            advance(400000);
        drop_out();
        assert_true(tern_deadline(fx.stack) <= fx.now);
        assert_int_equal(held_state(held, ""), TERN_CLOSED);
        assert_int_equal(tern_hold_accept(fx.stack, held), TERN_ESTALE);
        assert_int_equal(tern_set_user(fx.stack, held, 78), TERN_ESTALE);
        tern_event e = next_event();
        assert_true(e.sock.id == held.id && e.user == 77 && e.bits == TERN_EV_CLOSED);
        assert_int_equal(e.error, by_peer ? TERN_ERESET : TERN_ETIMEDOUT);
        assert_int_equal(next_event().bits, 0);
        assert_int_equal(tern_stats_get(fx.stack, &st), TERN_OK);
        assert_int_equal(st.half_open, 0);
    }
}

/* What the application ends itself is not told: also not what had ended before, and was not polled yet. */
static void held_end_is_known(void **state) {
    (void)state;
    tern_sock held;
    hold_one(&held);
    assert_int_equal(tern_hold_refuse(fx.stack, held, false), TERN_OK);
    assert_int_equal(next_event().bits, 0);
    inject(SYN, 0, 0, 0);
    assert_int_equal(tern_held(fx.stack, fx.listener, &held, NULL), TERN_OK);
    inject(RST, 1, 0, 0);
    assert_int_equal(tern_hold_refuse(fx.stack, held, true), TERN_ESTALE);
    expect_none();
    assert_int_equal(next_event().bits, 0);
    inject(SYN, 0, 0, 0);
    assert_int_equal(tern_held(fx.stack, fx.listener, &held, NULL), TERN_OK);
    inject(RST, 1, 0, 0);
    uint64_t cursor = 0;
    tern_status_info i = {.size = sizeof i};
    while (tern_list(fx.stack, &cursor, &i)) assert_int_equal(i.state, TERN_LISTEN);
    assert_int_equal(tern_close(fx.stack, fx.listener), TERN_OK);
    expect_none();
    assert_int_equal(next_event().bits, 0);
    assert_int_equal(app_listen(TERN_LISTEN_HOLD, 0), TERN_OK);
    inject(SYN, 0, 0, 0); /* never shown */
    inject(RST, 1, 0, 0);
    assert_int_equal(next_event().bits, 0);
    assert_int_equal(tern_held(fx.stack, fx.listener, &held, NULL), TERN_EAGAIN);
}

static void held_with_user(tern_sock *held, uint64_t user) {
    hold_one(held);
    assert_int_equal(tern_set_user(fx.stack, *held, user), TERN_OK);
    assert_int_equal(tern_hold_accept(fx.stack, *held), TERN_OK);
    expect(SYN | ACK, 0, 1, 0);
    inject(ACK, 1, 1, 0);
    inject(ACK, 1, 1, 5);
}

/* The accepted connection has the held one's user value; also one that has ended by then, for somebody waits for it. */
static void held_user_goes_on(void **state) {
    (void)state;
    for (unsigned dead = 0; dead < 3; dead++) { /* the last one without a value */
        tern_sock held;
        uint64_t user = 1, wanted = dead < 2 ? 77 : 0;
        if (dead) assert_int_equal(tern_close(fx.stack, fx.listener), TERN_OK);
        held_with_user(&held, wanted);
        if (dead) inject(RST, 6, 1, 0);
        drop_out();
        assert_int_equal(next_event().bits, 0);
        assert_int_equal(app_accept(), TERN_OK);
        assert_int_equal(tern_user(fx.stack, fx.sock, &user), TERN_OK);
        assert_int_equal(user, wanted);
        tern_event e = next_event();
        assert_int_equal(e.user, wanted);
        assert_int_equal(e.bits, dead ? TERN_EV_READ | TERN_EV_CLOSED : TERN_EV_READ);
        assert_int_equal(e.error, dead ? TERN_ERESET : 0);
        if (dead) {
            char bytes[8];
            assert_int_equal(tern_read(fx.stack, fx.sock, bytes, sizeof bytes), 5);
            assert_int_equal(tern_read(fx.stack, fx.sock, bytes, sizeof bytes), TERN_ERESET);
        }
        assert_int_equal(tern_abort(fx.stack, fx.sock), TERN_OK);
        drop_out();
    }
    tern_sock held;
    assert_int_equal(tern_close(fx.stack, fx.listener), TERN_OK);
    held_with_user(&held, 77);
    inject(RST, 6, 1, 0);
    drop_out();
    assert_int_equal(tern_close(fx.stack, fx.listener), TERN_OK); /* with a dead one in its backlog */
    expect_none();
    assert_int_equal(next_event().bits, 0);
}

/* Two listeners hold: each is shown its own, in their order, whatever becomes of others. */
static void held_by_two(void **state) {
    (void)state;
    tern_sock two[2], held;
    tern_flow flow;
    fx_up();
    for (uint16_t k = 0; k < 2; k++) {
        tern_listen_config c = {.size = sizeof c, .port = (uint16_t)(MY_PORT + k), .flags = TERN_LISTEN_HOLD};
        assert_int_equal(tern_listen(fx.stack, &c, &two[k]), TERN_OK);
    }
    for (uint16_t i = 0; i < 12; i++) {
        fx_new_peer((uint16_t)(MY_PORT + i % 2), (uint16_t)(PEER_PORT + i));
        inject(SYN, 0, 0, 0);
    }
    static const uint16_t gone[] = {0, 2, 5, 10};
    for (unsigned i = 0; i < ARRAY_LEN(gone); i++) {
        fx_new_peer((uint16_t)(MY_PORT + gone[i] % 2), (uint16_t)(PEER_PORT + gone[i]));
        inject(RST, 1, 0, 0);
    }
    static const uint16_t left[2][5] = {{4, 6, 8, 0}, {1, 3, 7, 9, 11}};
    for (unsigned k = 0; k < 2; k++)
        for (unsigned i = 0; left[k][i]; i++) {
            assert_int_equal(tern_held(fx.stack, two[k], &held, &flow), TERN_OK);
            assert_int_equal(flow.remote_port, PEER_PORT + left[k][i]);
            if (i == 1) assert_int_equal(tern_hold_refuse(fx.stack, held, false), TERN_OK);
            if (i == 2) assert_int_equal(tern_hold_accept(fx.stack, held), TERN_OK);
            if (k == 1 && i == 4) break;
        }
    for (unsigned k = 0; k < 2; k++) assert_int_equal(tern_held(fx.stack, two[k], &held, NULL), TERN_EAGAIN);
    fx_new_peer(MY_PORT + 1, PEER_PORT + 20);
    inject(SYN, 0, 0, 0);
    assert_int_equal(tern_held(fx.stack, two[0], &held, NULL), TERN_EAGAIN);
    assert_int_equal(tern_held(fx.stack, two[1], &held, &flow), TERN_OK);
    assert_int_equal(flow.remote_port, PEER_PORT + 20);
    drop_out();
}

/* Who lists connections finds those that wait for tern_accept, too, and may end them. */
static void ended_before_accepted(void **state) {
    (void)state;
    for (unsigned how = 0; how < 2; how++) {
        if (how) assert_int_equal(tern_close(fx.stack, fx.listener), TERN_OK);
        drop_out();
        assert_int_equal(app_listen(0, 0), TERN_OK);
        for (uint16_t i = 0; i < 2; i++) {
            fx_new_peer(MY_PORT, (uint16_t)(PEER_PORT + 10 * how + i));
            inject(SYN, 0, 0, 0);
            expect(SYN | ACK, 0, 1, 0);
            inject(ACK, 1, 1, 0);
        }
        assert_int_equal(next_event().bits, 0);
        tern_status_info last = fx_status(); /* the younger */
        assert_int_equal(how ? tern_close(fx.stack, last.sock) : tern_abort(fx.stack, last.sock), TERN_OK);
        expect(how ? FIN | ACK : RST | ACK, 1, 1, 0);
        assert_int_equal(tern_accept(fx.stack, fx.listener, &fx.sock, NULL), TERN_OK);
        assert_int_equal(tern_accept(fx.stack, fx.listener, &last.sock, NULL), TERN_EAGAIN);
        assert_int_equal(next_event().bits, 0);
        fx_new_peer(MY_PORT, (uint16_t)(PEER_PORT + 5 + how)); /* events still come */
        inject(SYN, 0, 0, 0);
        expect(SYN | ACK, 0, 1, 0);
        fx.listener_bits = 0;
        inject(ACK, 1, 1, 0);
        expect_event(0);
        assert_int_equal(fx.listener_bits, TERN_EV_ACCEPT);
    }
}

/* A listener that goes takes its half-open connections with it. */
static void listener_closed(void **state) {
    (void)state;
    to_state(TERN_SYN_RECEIVED, PASSIVE);
    assert_int_equal(tern_close(fx.stack, fx.listener), TERN_OK);
    expect(RST | ACK, 1, 1, 0);
    expect_state(TERN_CLOSED);
    inject(SYN, 0, 0, 0);
    expect(RST | ACK, ANY, 1, 0);
    assert_int_equal(app_accept(), TERN_ESTALE);
}

static void listener_closed_with_backlog(void **state) {
    (void)state;
    to_state(TERN_SYN_RECEIVED, PASSIVE);
    inject(ACK, 1, 1, 10);
    expect_state(TERN_ESTABLISHED);
    drop_out();
    assert_int_equal(tern_close(fx.stack, fx.listener), TERN_OK);
    expect(RST | ACK, 1, 11, 0);
    expect_state(TERN_CLOSED);
}

/* ---- listeners ---- */

/* [MUST-41, MUST-42] A listener and connections share a port. */
static void listen_beside_connections(void **state) {
    (void)state;
    to_state(TERN_SYN_SENT, ACTIVE);
    assert_int_equal(app_listen(0, 0), TERN_OK);
    assert_int_equal(app_listen(0, 0), TERN_EADDRINUSE);
    expect_state(TERN_SYN_SENT);
    inject(SYN | ACK, 0, 1, 0);
    expect(ACK, 1, 1, 0);
    expect_state(TERN_ESTABLISHED);
    fx_new_peer(MY_PORT, PEER_PORT + 1);
    inject(SYN, 0, 0, 0);
    expect(SYN | ACK, 0, 1, 0);
}

/* [MUST-43] The more specific listener gets the SYN. */
static void listen_on_one_address(void **state) {
    (void)state;
    fx_up();
    assert_int_equal(app_listen(0, 0), TERN_OK);
    tern_sock any = fx.listener, one;
    tern_listen_config c = {.size = sizeof c, .port = MY_PORT, .local = fx.me};
    assert_int_equal(tern_listen(fx.stack, &c, &one), TERN_OK);
    fx.listener = one;
    inject(SYN, 0, 0, 0);
    expect(SYN | ACK, 0, 1, 0);
    inject(ACK, 1, 1, 0);
    assert_int_equal(tern_accept(fx.stack, any, &fx.sock, NULL), TERN_EAGAIN);
    assert_int_equal(tern_accept(fx.stack, one, &fx.sock, NULL), TERN_OK);
}

static void transparent(void **state) {
    (void)state;
    fx.iface_flags = TERN_IFACE_ANY_LOCAL;
    fx_up();
    tern_listen_config c = {.size = sizeof c, .flags = TERN_LISTEN_TRANSPARENT};
    assert_int_equal(tern_listen(fx.stack, &c, &fx.listener), TERN_OK);
    fx.me = fx.v6 ? (tern_addr){6, {0x20, 1, 0xd, 0xb8, [15] = 9}} : (tern_addr){4, {198, 51, 100, 9}};
    fx_new_peer(443, PEER_PORT);
    inject(SYN, 0, 0, 0);
    expect(SYN | ACK, 0, 1, 0);
    inject(ACK, 1, 1, 0);
    tern_flow flow;
    assert_int_equal(tern_accept(fx.stack, fx.listener, &fx.sock, &flow), TERN_OK);
    assert_int_equal(flow.local_port, 443);
    assert_memory_equal(&flow.local, &fx.me, sizeof fx.me);
    app_write(5);
    expect(ACK, 1, 1, 5);
}

/* A listener that is not transparent does not answer for other addresses. */
static void not_transparent(void **state) {
    (void)state;
    fx.iface_flags = TERN_IFACE_ANY_LOCAL;
    assert_int_equal(app_listen(0, 0), TERN_OK);
    fx.me = fx.v6 ? (tern_addr){6, {0x20, 1, 0xd, 0xb8, [15] = 9}} : (tern_addr){4, {198, 51, 100, 9}};
    inject(SYN, 0, 0, 0);
    if (out_waiting()) expect(RST | ACK, ANY, 1, 0);
    expect_none();
    expect_state(TERN_CLOSED);
}

/* A cookie has room for little, and the timestamp brings the rest back: what the SYN offered is agreed all the same. */
static void cookies_keep_options(void **state) {
    (void)state;
    fx.cfg.half_open_max = 1;
    fx.cfg.timestamps = fx.cfg.sack = fx.cfg.window_scale = 1;
    fx.peer.ts = true;
    assert_int_equal(app_listen(0, 0), TERN_OK);
    inject(SYN, 0, 0, 0);
    expect(SYN | ACK, 0, 1, 0);
    for (int scale = -1; scale <= 14; scale++) {
        fx_new_peer(MY_PORT, (uint16_t)(PEER_PORT + 2 + scale));
        fx.peer.wscale = scale;
        fx.peer.sack = scale % 2;
        inject(SYN, 0, 0, 0);
        expect(SYN | ACK, 0, 1, 0);
        assert_int_equal(fx.out.wscale >= 0, scale >= 0);
        inject(ACK, 1, 1, 0);
        expect_state(TERN_ESTABLISHED);
        tern_status_info i = fx_status();
        assert_true(i.timestamps && i.sack == fx.peer.sack && i.snd_wscale == (scale < 0 ? 0 : scale));
        assert_int_equal(i.snd_wnd, (uint32_t)fx.peer.wnd << i.snd_wscale);
        assert_int_equal(app_accept(), TERN_OK);
        assert_int_equal(tern_abort(fx.stack, fx.sock), TERN_OK);
        drop_out();
    }
    assert_int_equal(counted(R_COOKIE_OK), 16);
}

/* A cookie opens no more than the backlog has room for, and no more than there is memory for: the ACK is ignored, and
 * counts when it comes again later. */
static void cookies_and_limits(void **state) {
    (void)state;
    fx.cfg.half_open_max = 1;
    assert_int_equal(app_listen(0, 1), TERN_OK);
    inject(SYN, 0, 0, 0);
    expect(SYN | ACK, 0, 1, 0);
    uint32_t iss[2];
    for (uint16_t i = 0; i < 2; i++) {
        fx_new_peer(MY_PORT, (uint16_t)(PEER_PORT + 1 + i));
        inject(SYN, 0, 0, 0);
        expect(SYN | ACK, 0, 1, 0);
        iss[i] = fx.iss;
    }
    for (uint16_t i = 0; i < 2; i++) {
        fx_new_peer(MY_PORT, (uint16_t)(PEER_PORT + 1 + i));
        fx.iss = iss[i];
        inject(ACK, 1, 1, 0);
        expect_state(i == 0 ? TERN_ESTABLISHED : TERN_CLOSED);
        expect_none();
    }
    assert_int_equal(counted(R_BACKLOG_FULL), 1);
    assert_int_equal(app_accept(), TERN_OK);
    mem_buffers_drop(fx.s);
    fx.heap.fail_at = fx.heap.calls + 1;
    fx.heap.fail_on = true;
    struct busy *spare = fx.s->tcp.spare;
    fx.s->tcp.spare = NULL;
    inject(ACK, 1, 1, 0);
    bool open = state_now() == TERN_ESTABLISHED; /* perhaps there was room left */
    fx.heap.fail_on = false;
    fx.heap.fail_at = 0;
    fx.s->tcp.spare = spare;
    assert_int_equal(counted(R_NO_MEMORY), !open);
    inject(ACK, 1, 1, 0);
    expect_state(TERN_ESTABLISHED);
    assert_int_equal(counted(R_COOKIE_OK), 2);
}

/* [RFC4987 3.6] A few bits say which size the SYN offered: never more than that, and exactly that of the usual links. */
static void cookies_keep_sizes(void **state) {
    (void)state;
    static const uint16_t offers[] = {64,   65,   535,  536,  1219, 1220, 1360, 1400,
                                      1439, 1440, 1459, 1460, 4312, 8940, 65535};
    static const uint16_t usual[] = {64, 536, 1220, 1360, 1440, 1460};
    fx.cfg.half_open_max = 1;
    fx.mtu = 65535;
    assert_int_equal(app_listen(0, 0), TERN_OK);
    inject(SYN, 0, 0, 0);
    expect(SYN | ACK, 0, 1, 0);
    uint32_t before = 0;
    for (unsigned i = 0; i < ARRAY_LEN(offers); i++) {
        fx_new_peer(MY_PORT, (uint16_t)(PEER_PORT + 1 + i));
        fx.peer.mss = offers[i];
        inject(SYN, 0, 0, 0);
        expect(SYN | ACK, 0, 1, 0);
        inject(ACK, 1, 1, 0);
        uint32_t kept = fx_status().mss_peer, least = 0;
        for (unsigned k = 0; k < ARRAY_LEN(usual); k++)
            if (usual[k] <= offers[i]) least = usual[k];
        assert_true(kept <= offers[i] && kept >= least && kept >= before);
        before = kept;
        assert_int_equal(app_accept(), TERN_OK);
        assert_int_equal(tern_abort(fx.stack, fx.sock), TERN_OK);
        drop_out();
    }
    assert_int_equal(counted(R_COOKIE_OK), ARRAY_LEN(offers));
    assert_true(before >= 8940 - 60); /* a large one stays large */
}

/* [RFC5961 7] A half-open connection has its own limit on challenges too. */
static void half_open_challenges(void **state) {
    (void)state;
    assert_int_equal(app_listen(0, 0), TERN_OK);
    inject(SYN, 0, 0, 0);
    expect(SYN | ACK, 0, 1, 0);
    for (unsigned i = 0; i < 3; i++) {
        inject(RST, 5, 0, 0); /* inside, not exact */
        expect(ACK, 1, 1, 0);
        for (unsigned k = 0; k < 4; k++) {
            advance(100);
            drop_out();
            inject(RST, 6 + k, 0, 0);
            expect_none();
        }
        advance(200);
        drop_out(); /* the SYN,ACK may be due again */
    }
    expect_state(TERN_SYN_RECEIVED);
    inject(RST, 1, 0, 0);
    expect_state(TERN_CLOSED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        BOTH(backlog_full),
        BOTH(half_open_limit),
        BOTH(half_open_cookies),
        BOTH(half_open_challenges),
        BOTH(cookies_keep_options),
        BOTH(cookies_keep_sizes),
        BOTH(cookies_and_limits),
        BOTH(connection_limit),
        BOTH(held_accept),
        BOTH(held_withdrawn),
        BOTH(held_refuse),
        BOTH(held_too_long),
        BOTH(held_in_any_order),
        BOTH(held_reset),
        BOTH(held_end_is_told),
        BOTH(held_end_is_known),
        BOTH(held_user_goes_on),
        BOTH(held_by_two),
        BOTH(ended_before_accepted),
        BOTH(listener_closed),
        BOTH(listener_closed_with_backlog),
        BOTH(listen_beside_connections),
        BOTH(listen_on_one_address),
        BOTH(transparent),
        BOTH(not_transparent),
    };
    return cmocka_run_group_tests_name("tcp open", tests, NULL, NULL);
}
