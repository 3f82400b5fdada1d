/* test_tcp_options.c - settings that a connection or a listener gets while it is there: how often a SYN is repeated, how
 * long a missing FIN is waited for, ACKs at once, the backlog, another congestion control; and listeners for one family
 * of addresses beside each other. */
#include "tcp_fixture.h"

static void syn_retries(void **state) {
    (void)state;
    assert_int_equal(app_connect(), TERN_OK);
    assert_int_equal(tern_set(fx.stack, fx.sock, TERN_OPT_SYN_RETRIES, 33), TERN_ERANGE);
    assert_int_equal(tern_set(fx.stack, fx.sock, TERN_OPT_SYN_RETRIES, 1), TERN_OK);
    expect(SYN, 0, 0, 0);
    advance(1100);
    expect(SYN, 0, 0, 0);
    advance(1800);
    expect_event(0);
    advance(500);
    expect_none();
    expect_event(TERN_EV_CLOSED);
    assert_int_equal(fx.ev_error, TERN_ETIMEDOUT);
}

static void fin_wait_2(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    assert_int_equal(tern_set(fx.stack, fx.sock, TERN_OPT_FIN_WAIT_2_MS, 3000), TERN_OK);
    assert_int_equal(tern_close(fx.stack, fx.sock), TERN_OK);
    expect(FIN | ACK, 1, 1, 0);
    inject(ACK, 1, 2, 0);
    advance(2900);
    expect_none();
    expect_state(TERN_FIN_WAIT_2);
    advance(200);
    assert_int_equal(counted(R_END_FIN_WAIT_2), 1);
}

static void quick_ack(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    inject(ACK, 1, 1, 10);
    expect_none();
    assert_int_equal(tern_set(fx.stack, fx.sock, TERN_OPT_QUICK_ACK, 1), TERN_OK);
    expect(ACK, 1, 11, 0); /* the one that was owed */
    inject(ACK, 11, 1, 10);
    expect(ACK, 1, 21, 0);
    assert_int_equal(tern_set(fx.stack, fx.sock, TERN_OPT_QUICK_ACK, 0), TERN_OK);
    expect_none();
    inject(ACK, 21, 1, 10);
    expect_none();
}

/* [SHLD-3] What came before can still be read. */
static void no_reader(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    assert_int_equal(tern_set(fx.stack, fx.sock, TERN_OPT_NO_READER, 1), TERN_OK);
    inject(ACK, 1, 1, 10); /* no FIN of ours yet: as ever */
    advance(100);
    expect(ACK, 1, 11, 0);
    assert_int_equal(tern_shutdown(fx.stack, fx.sock), TERN_OK);
    expect(FIN | ACK, 1, 11, 0);
    inject(ACK, 11, 2, 0);
    expect_none();
    expect_state(TERN_FIN_WAIT_2);
    inject(ACK, 11, 2, 10);
    expect(RST | ACK, 2, ANY, 0);
    expect_event(TERN_EV_READ | TERN_EV_SENT | TERN_EV_CLOSED);
    assert_int_equal(fx.ev_error, TERN_ERESET);
    assert_int_equal(app_read(100), 10);
}

/* A larger buffer opens the window at once: the peer that found it shut need not find out by a probe. */
static void larger_buffer(void **state) {
    (void)state;
    fx.cfg.receive_buffer = fx.cfg.receive_buffer_max = 4000;
    to_state(TERN_ESTABLISHED, ACTIVE);
    for (uint32_t i = 0; i < 4; i++) inject(ACK, 1 + 1000 * i, 1, 1000);
    while (out_waiting()) expect(ACK, 1, ANY, 0);
    assert_int_equal(fx.out.wnd, 0);
    assert_int_equal(app_set(TERN_OPT_RECEIVE_BUFFER, 4100), TERN_OK);
    expect_none(); /* too little to tell of [MUST-39] */
    assert_int_equal(app_set(TERN_OPT_RECEIVE_BUFFER, 40000), TERN_OK);
    expect(ACK, 1, 4001, 0);
    assert_int_equal(fx.out.wnd, 36000);
    expect_read(4000);
}

/* Where challenges are rarer than a record's clock can tell, the first one is sent all the same [RFC5961 7]. */
static void rare_challenges(void **state) {
    (void)state;
    fx.cfg.challenge_ack_ms = 20000;
    to_state(TERN_SYN_RECEIVED, PASSIVE);
    inject(SYN, 100000, 0, 0);
    expect(ACK, 1, 1, 0);
    inject(SYN, 100000, 0, 0);
    expect_none();
}

/* [RFC7323 2.2] The scale that a SYN offered holds, whatever size the buffer gets while the answer is under way: the peer knows
 * no other. */
static void scale_of_the_syn(void **state) {
    (void)state;
    static const struct { uint32_t size, most, later; } cases[] = {{65536, 6 << 20, 16384}, {8192, 8192, 4 << 20}};
    for (uint16_t i = 0; i < 4; i++) {
        uint32_t later = cases[i / 2].later;
        fx_down();
        fx.cfg.window_scale = 1;
        fx.cfg.receive_buffer = cases[i / 2].size;
        fx.cfg.receive_buffer_max = cases[i / 2].most;
        fx.peer.wscale = 3;
        assert_int_equal(app_connect(), TERN_OK);
        expect(SYN, 0, 0, 0);
        int scale = fx.out.wscale;
        assert_int_equal(app_set(TERN_OPT_RECEIVE_BUFFER, later), TERN_OK);
        if (i % 2) { /* the SYN again: it must not offer another, for which of both is answered cannot be known */
            expect_after(1000);
            expect(SYN, 0, 0, 0);
            assert_int_equal(fx.out.wscale, scale);
        }
        inject(SYN | ACK, 0, 1, 0);
        expect(ACK, 1, 1, 0);
        assert_int_equal((uint32_t)fx.out.wnd << scale, min_u32(later, 65535u << scale) >> scale << scale);
        assert_int_equal(tern_abort(fx.stack, fx.sock), TERN_OK);
        drop_out();
    }
}

/* It says itself how many may wait; of a connection there is no such number. */
static void backlog(void **state) {
    (void)state;
    int64_t n = 0;
    assert_int_equal(app_listen(0, 5), TERN_OK);
    assert_int_equal(tern_get(fx.stack, fx.listener, TERN_OPT_BACKLOG, &n), TERN_OK);
    assert_int_equal(n, 5);
    assert_int_equal(tern_set(fx.stack, fx.listener, TERN_OPT_BACKLOG, 0), TERN_ERANGE);
    assert_int_equal(tern_set(fx.stack, fx.listener, TERN_OPT_BACKLOG, 1), TERN_OK);
    for (uint16_t i = 0; i < 2; i++) {
        fx_new_peer(MY_PORT, (uint16_t)(PEER_PORT + i));
        inject(SYN, 0, 0, 0);
        if (i == 1) break; /* the place is taken */
        expect(SYN | ACK, 0, 1, 0);
        inject(ACK, 1, 1, 0);
        expect_none();
    }
    drop_out();
    tern_status_info st = {.size = sizeof st};
    assert_int_equal(tern_status(fx.stack, fx.listener, &st), TERN_OK);
    assert_int_equal(st.backlog, 1);
    fx_new_peer(MY_PORT, PEER_PORT);
    assert_int_equal(app_accept(), TERN_OK);
    assert_int_equal(tern_set(fx.stack, fx.sock, TERN_OPT_BACKLOG, 3), TERN_ESTATE);
    assert_int_equal(tern_get(fx.stack, fx.sock, TERN_OPT_BACKLOG, &n), TERN_ESTATE);
}

/* Bytes flow on, with the window that was there. */
static void congestion(void **state) {
    (void)state;
    static const struct cc_ops *const known[] = {&cc_newreno, &cc_cubic, &cc_bbr};
    tern_status_info before, after;
    to_state(TERN_ESTABLISHED, ACTIVE);
    app_write(5000);
    assert_true(drop_out() > 0);
    inject(ACK, 1, 5001, 0);
    assert_true(status_now(&before));
    for (int64_t which = TERN_BBR; which >= TERN_NEWRENO; which--) {
        assert_int_equal(tern_set(fx.stack, fx.sock, TERN_OPT_CONGESTION, which), TERN_OK);
        assert_true(status_now(&after));
        assert_int_equal(after.congestion, which);
        assert_int_equal(after.cwnd, before.cwnd);
        assert_int_equal(after.ssthresh, before.ssthresh);
        app_write(3000);
        assert_true(drop_out() > 0);
        cc_begin(stack_of(fx.stack), tcb_now()); /* as soon as it matters */
        assert_ptr_equal(tcb_now()->busy->cc.ops, known[which]);
        advance(1);
        inject(ACK, 1, 1 + fx.written, 0);
        assert_true(status_now(&before));
        assert_int_equal(before.send_queued, 0);
    }
}

static int64_t setting(tern_sock sock, enum tern_option option) {
    int64_t value = -1;
    assert_int_equal(tern_get(fx.stack, sock, option, &value), TERN_OK);
    return value;
}

/* Connections have their listener's settings and share them; who changes one changes it for himself, and where there is
 * no memory for that, for nobody. Switches need none. */
static void everybodys_own(void **state) {
    (void)state;
    tern_sock sock[3];
    assert_int_equal(app_listen(0, 5), TERN_OK);
    assert_int_equal(tern_set(fx.stack, fx.listener, TERN_OPT_TTL, 17), TERN_OK);
    for (uint16_t i = 0; i < 3; i++) {
        fx_new_peer(MY_PORT, (uint16_t)(PEER_PORT + i));
        inject(SYN, 0, 0, 0);
        expect(SYN | ACK, 0, 1, 0);
        inject(ACK, 1, 1, 0);
        assert_int_equal(app_accept(), TERN_OK);
        sock[i] = fx.sock;
    }
    assert_int_equal(tern_set(fx.stack, sock[1], TERN_OPT_TTL, 18), TERN_OK);
    assert_int_equal(tern_set(fx.stack, fx.listener, TERN_OPT_TTL, 19), TERN_OK);
    uint64_t live = fx.heap.live;
    fx.heap.fail_at = fx.heap.calls + 1;
    fx.heap.fail_on = true;
    assert_int_equal(tern_set(fx.stack, sock[2], TERN_OPT_TTL, 20), TERN_ENOMEM);
    assert_int_equal(tern_set(fx.stack, sock[2], TERN_OPT_TTL, 17), TERN_OK); /* what holds already */
    assert_int_equal(tern_set(fx.stack, sock[2], TERN_OPT_NODELAY, 1), TERN_OK);
    assert_int_equal(fx.heap.live, live);
    assert_int_equal(setting(sock[0], TERN_OPT_TTL), 17);
    assert_int_equal(setting(sock[1], TERN_OPT_TTL), 18);
    assert_int_equal(setting(sock[2], TERN_OPT_TTL), 17);
    assert_int_equal(setting(fx.listener, TERN_OPT_TTL), 19);
    assert_int_equal(setting(sock[0], TERN_OPT_NODELAY), 0);
    assert_int_equal(setting(sock[2], TERN_OPT_NODELAY), 1);
    assert_int_equal(setting(fx.listener, TERN_OPT_NODELAY), 0);
}

/* What the sender has, as STATUS tells it. */
static void sender_status(void **state) {
    (void)state;
    tern_status_info st;
    to_state(TERN_ESTABLISHED, ACTIVE);
    assert_true(status_now(&st));
    uint32_t room = st.send_space;
    assert_int_equal(st.send_unsent, 0);
    assert_int_equal(st.recovery, TERN_RECOVERY_NONE);
    app_write(1000);
    assert_true(status_now(&st));
    assert_int_equal(st.send_unsent, 1000);
    assert_int_equal(st.send_space, room - 1000);
    drop_out();
    assert_true(status_now(&st));
    assert_int_equal(st.send_unsent, 0);
    assert_int_equal(st.send_queued, 1000);
    advance(5000);
    assert_true(drop_out() > 0);
    assert_true(status_now(&st));
    assert_int_equal(st.recovery, TERN_RECOVERY_TIMEOUT);
    assert_true(st.backoff > 0);
    inject(ACK, 1, 1001, 0);
    assert_true(status_now(&st));
    assert_int_equal(st.recovery, TERN_RECOVERY_NONE);
}

/* ---- listeners of one family ---- */

static tern_sock listen_at(uint8_t family, const tern_addr *addr) {
    tern_listen_config c = {.size = sizeof c, .local = {.family = family}, .port = MY_PORT};
    tern_sock sock = {0};
    if (addr) c.local = *addr;
    fx_up();
    assert_int_equal(tern_listen(fx.stack, &c, &sock), TERN_OK);
    assert_int_equal(tern_listen(fx.stack, &c, &(tern_sock){0}), TERN_EADDRINUSE);
    return sock;
}

static uint16_t port = PEER_PORT;

/* Does a connection come to this listener, and to no other? */
static void comes_to(tern_sock sock) {
    tern_sock s;
    fx_new_peer(MY_PORT, port++);
    inject(SYN, 0, 0, 0);
    expect(SYN | ACK, 0, 1, 0);
    inject(ACK, 1, 1, 0);
    assert_int_equal(tern_accept(fx.stack, sock, &s, NULL), TERN_OK);
}

/* [MUST-43] The most specific listener of the port gets the connection. */
static void families(void **state) {
    (void)state;
    uint8_t mine = fx.v6 ? 6 : 4, other = fx.v6 ? 4 : 6;
    listen_at(other, NULL);
    fx_new_peer(MY_PORT, port++);
    inject(SYN, 0, 0, 0);
    expect(RST | ACK, 0, 1, 0);
    comes_to(listen_at(0, NULL));
    tern_sock family = listen_at(mine, NULL);
    comes_to(family);
    tern_status_info st = {.size = sizeof st};
    assert_int_equal(tern_status(fx.stack, family, &st), TERN_OK);
    assert_int_equal(st.flow.local.family, mine);
    comes_to(listen_at(mine, &fx.me));
}

/* Each is what it was set to, no other moves, and nothing is taken that is out of its range. */
static void every_setting(void **state) {
    (void)state;
    static const struct {
        enum tern_option option;
        int64_t least, most;
    } all[] = {
        {TERN_OPT_NODELAY, 0, 1},
        {TERN_OPT_CORK, 0, 1},
        {TERN_OPT_SEND_BUFFER, 1024, 1 << 30},
        {TERN_OPT_RECEIVE_BUFFER, 1024, 1 << 30},
        {TERN_OPT_KEEPALIVE, 0, 1},
        {TERN_OPT_KEEPALIVE_IDLE_MS, 1, UINT32_MAX},
        {TERN_OPT_USER_TIMEOUT_MS, 1, UINT32_MAX},
        {TERN_OPT_DSCP, 0, 63},
        {TERN_OPT_TTL, 1, 255},
        {TERN_OPT_MSS, 0, 65535},
        {TERN_OPT_KEEPALIVE_INTERVAL_MS, 1, UINT32_MAX},
        {TERN_OPT_KEEPALIVE_PROBES, 1, 255},
        {TERN_OPT_LINGER_MS, -1, INT32_MAX},
        {TERN_OPT_ZERO_WINDOW_MS, 0, UINT32_MAX},
        {TERN_OPT_USER_TIMEOUT_OPTION_S, 0, 65535},
        {TERN_OPT_CONGESTION, TERN_NEWRENO, TERN_BBR},
        {TERN_OPT_SOFT_ERRORS, 0, 1},
        {TERN_OPT_FAST_OPEN, 0, 1},
        {TERN_OPT_SYN_RETRIES, 0, 32},
        {TERN_OPT_FIN_WAIT_2_MS, 0, UINT32_MAX},
        {TERN_OPT_QUICK_ACK, 0, 1},
        {TERN_OPT_NO_READER, 0, 1},
    };
    assert_int_equal(app_listen(0, 0), TERN_OK);
    tern_sock of = fx.listener;
    int64_t v, now[ARRAY_LEN(all)];
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        assert_int_equal(tern_get(fx.stack, of, all[i].option, &now[i]), TERN_OK);
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        const int64_t good[] = {all[i].least, all[i].most},
                      bad[] = {all[i].least - 1, all[i].most + 1, INT64_MIN, INT64_MAX};
        for (unsigned k = 0; k < ARRAY_LEN(good); k++) {
            assert_int_equal(tern_set(fx.stack, of, all[i].option, good[k]), TERN_OK);
            now[i] = good[k];
            for (size_t j = 0; j < ARRAY_LEN(all); j++) {
                assert_int_equal(tern_get(fx.stack, of, all[j].option, &v), TERN_OK);
                assert_int_equal(v, now[j]);
            }
        }
        for (unsigned k = 0; k < ARRAY_LEN(bad); k++) {
            if (all[i].option == TERN_OPT_USER_TIMEOUT_MS && bad[k] == 0) continue; /* the stack's own */
            assert_int_equal(tern_set(fx.stack, of, all[i].option, bad[k]), TERN_ERANGE);
        }
    }
    assert_int_equal(tern_set(fx.stack, of, TERN_OPT_USER_TIMEOUT_MS, 0), TERN_OK);
    assert_int_equal(tern_get(fx.stack, of, TERN_OPT_USER_TIMEOUT_MS, &v), TERN_OK);
    assert_int_equal(v, fx.cfg.r2_ms);
    static const int no_option[] = {0, TERN_OPT_NO_READER + 1, 1000};
    for (unsigned i = 0; i < ARRAY_LEN(no_option); i++) {
        assert_int_equal(tern_set(fx.stack, of, (enum tern_option)no_option[i], 1), TERN_ENAME);
        assert_int_equal(tern_get(fx.stack, of, (enum tern_option)no_option[i], &v), TERN_ENAME);
    }
    assert_int_equal(tern_get(fx.stack, of, TERN_OPT_TTL, NULL), TERN_EINVAL);
    assert_int_equal(tern_set(NULL, of, TERN_OPT_TTL, 1), TERN_EINVAL);
    assert_int_equal(tern_get(NULL, of, TERN_OPT_TTL, &v), TERN_EINVAL);
    assert_int_equal(tern_set(fx.stack, (tern_sock){.id = 0}, TERN_OPT_TTL, 1), TERN_ESTALE);
}

/* The eleven states by their names, in either case, with '-' or '_'. */
static void names_of_states(void **state) {
    (void)state;
    static const struct {
        const char *name;
        enum tern_state is;
    } good[] = {{"LISTEN", TERN_LISTEN},           {"syn-sent", TERN_SYN_SENT},     {"Syn_Received", TERN_SYN_RECEIVED},
                {"ESTABLISHED", TERN_ESTABLISHED}, {"FIN-WAIT-1", TERN_FIN_WAIT_1}, {"fin_wait_2", TERN_FIN_WAIT_2},
                {"CLOSE-WAIT", TERN_CLOSE_WAIT},   {"CLOSING", TERN_CLOSING},       {"last-ack", TERN_LAST_ACK},
                {"TIME-WAIT", TERN_TIME_WAIT},     {"closed", TERN_CLOSED},         {"SYN-RCVD", TERN_SYN_RECEIVED},
                {"syn_recv", TERN_SYN_RECEIVED},   {"FIN_WAIT1", TERN_FIN_WAIT_1},  {"fin-wait2", TERN_FIN_WAIT_2},
                {"ESTAB", TERN_ESTABLISHED},       {"unconn", TERN_CLOSED},         {"closed-wait", TERN_CLOSE_WAIT}};
    static const char *const bad[] = {"",        "SYN",       "LISTENING",  "ESTABLISHED1",
                                      "CLOSED ", "time wait", "ESTABLISHE", "{LISTEN"};
    enum tern_state is;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_int_equal(tern_state_parse(good[i].name, &is), TERN_OK);
        assert_int_equal(is, good[i].is);
        assert_int_equal(tern_state_parse(tern_state_name(is), &is), TERN_OK);
        assert_int_equal(is, good[i].is);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) assert_int_equal(tern_state_parse(bad[i], &is), TERN_ENAME);
    assert_int_equal(tern_state_parse(NULL, &is), TERN_EINVAL);
    assert_int_equal(tern_state_parse("LISTEN", NULL), TERN_EINVAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        BOTH(scale_of_the_syn), BOTH(larger_buffer),  BOTH(rare_challenges),  BOTH(syn_retries),   BOTH(fin_wait_2),
        BOTH(quick_ack),        BOTH(no_reader),      BOTH(backlog),          BOTH(congestion),    BOTH(families),
        BOTH(sender_status),    ONLY4(every_setting), ONLY4(names_of_states), BOTH(everybodys_own)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
