/* test_rfc9293_connection.c - what RFC 9293 asks of the calls and of the layer below (3.8.2, 3.8.3, 3.9) and the
 * tests of opening, sending and closing do not show: local addresses, R1 and R2 of SYNs, reports, the IP layer's
 * fields, ICMP. */
#include "tcp_fixture.h"

static tern_status_info now_status(void) {
    tern_status_info i;
    assert_true(status_now(&i));
    return i;
}

static int set(enum tern_option o, int64_t v) { return tern_set(fx.stack, fx.sock, o, v); }

static tern_addr parsed(const char *v4, const char *v6) {
    tern_addr a;
    assert_int_equal(tern_addr_parse(fx.v6 ? v6 : v4, &a), TERN_OK);
    return a;
}

/* ---- 3.8.3: when nobody answers an open ---- */

/* [MUST-22, SHLD-9, SHLD-10] R1 of a SYN: told with the third repetition, and the open goes on. */
static void r1_of_a_syn(void **state) {
    (void)state;
    to_state(TERN_SYN_SENT, ACTIVE);
    advance(6900); /* 1 + 2 s: two repetitions */
    expect_event(0);
    advance(200); /* + 4 s: the third */
    expect_event(TERN_EV_SOFT_ERROR);
    assert_int_equal(fx.ev_error, TERN_ETIMEDOUT);
    advance(30000);
    expect_event(0);
    drop_out();
    inject(SYN | ACK, 0, 1, 0);
    expect(ACK, 1, 1, 0);
    expect_event(TERN_EV_CONNECTED);
    app_write(10); /* R1 of the data counts from the start */
    drop_out();
    advance(8000); /* 3 + 6 s [RFC6298 5.7] */
    expect_event(0);
    advance(14000); /* + 12 s */
    expect_event(TERN_EV_SOFT_ERROR);
}

/* [MUST-21, MUST-22] R2 of a SYN: the application may give up sooner. */
static void r2_of_a_syn(void **state) {
    (void)state;
    to_state(TERN_SYN_SENT, ACTIVE);
    assert_int_equal(set(TERN_OPT_USER_TIMEOUT_MS, 10000), TERN_OK);
    advance(9900);
    drop_out();
    expect_state(TERN_SYN_SENT);
    advance(200);
    expect_none();
    expect_state(TERN_CLOSED);
    expect_event(TERN_EV_SOFT_ERROR | TERN_EV_CLOSED);
    assert_int_equal(fx.ev_error, TERN_ETIMEDOUT);
}

/* [MUST-23] A SYN-ACK is a SYN too; and a stack with a short R2 for data does not shorten it. */
static void three_minutes_for_a_syn(void **state) {
    (void)state;
    fx.cfg.r2_ms = 20000;
    to_state(TERN_SYN_RECEIVED, PASSIVE);
    advance(179000);
    expect_state(TERN_SYN_RECEIVED);
    assert_in_range(drop_out(), 5, 10);
    fx_new_peer(MY_PORT + 1, PEER_PORT);
    to_state(TERN_SYN_SENT, ACTIVE);
    advance(179000);
    expect_state(TERN_SYN_SENT);
    drop_out();
}

/* [MUST-20, RFC1122 3.3.1.4] R1 makes the next hop suspect: on Ethernet it is asked again whether it lives. */
static void r1_doubts_the_next_hop(void **state) {
    (void)state;
    assert_int_equal(tern_new(&fx.cfg, fx.now, &fx.stack), TERN_OK);
    fx.s = stack_of(fx.stack);
    tern_iface_config c = {
        .size = sizeof c, .name = "e0", .link = TERN_LINK_ETHERNET, .mtu = 1500, .mac = {2, [5] = 1}};
    assert_int_equal(tern_iface_add(fx.stack, &c), 0);
    assert_int_equal(tern_addr_add(fx.stack, 0, &fx.me, 24), TERN_OK);
    assert_int_equal(app_connect(), TERN_OK);
    tern_frame f;
    uint8_t reply[42] = {2, [5] = 1, 2,        [11] = 2, 8, 6, 0, 1, 8,        0,  6, 4, 0,
                         2, 2,       [27] = 2, 10,       0, 0, 2, 2, [37] = 1, 10, 0, 0, 1};
    unsigned questions = 0, syns = 0;
    uint64_t start = fx.now;
    while (questions < 2 && fx.now - start < 29 * SEC_NS) { /* at 30 s it would be asked in any case */
        while (tern_output(fx.stack, &f, 1, fx.now) == 1) {
            bool arp = f.head[12] == 8 && f.head[13] == 6, about_peer = arp && f.head[41] == 2;
            if (about_peer && questions++ == 0) {
                tern_packet p = {.data = reply, .len = sizeof reply};
                assert_int_equal(tern_input(fx.stack, 0, &p, 1, fx.now), TERN_OK);
            }
            if (!arp) syns++;
        }
        fx.now += 10 * MS_NS;
        assert_int_equal(tern_expire(fx.stack, fx.now), TERN_OK);
    }
    assert_int_equal(questions, 2);
    assert_int_equal(syns, 4); /* at 0, 1, 3 and 7 s, which is R1; then 5 s for other signs of life [RFC4861 7.3.3] */
    assert_in_range((fx.now - start) / MS_NS, 12000, 12100);
}

/* ---- 3.9.1.1: OPEN ---- */

/* [MUST-42] A port with a connection in SYN-RECEIVED can still be listened on. */
static void listen_beside_syn_received(void **state) {
    (void)state;
    to_state(TERN_SYN_RECEIVED, ACTIVE);
    assert_int_equal(app_listen(0, 0), TERN_OK);
    expect_state(TERN_SYN_RECEIVED);
    inject(ACK, 1, 1, 0);
    expect_state(TERN_ESTABLISHED);
    fx_new_peer(MY_PORT, PEER_PORT + 1);
    inject(SYN, 0, 0, 0);
    expect(SYN | ACK, 0, 1, 0);
}

/* [MUST-44] Without a local address the route to the peer decides. */
static void the_route_chooses_the_address(void **state) {
    (void)state;
    fx_up();
    tern_addr other = parsed("10.7.0.1", "fd07::1");
    assert_int_equal(tern_addr_add(fx.stack, 0, &other, fx.v6 ? 64 : 24), TERN_OK);
    to_state(TERN_ESTABLISHED, ACTIVE); /* the fixture checks every source address against fx.me */
    fx_new_peer(MY_PORT, PEER_PORT);
    fx.me = other;
    fx.peer_addr = parsed("10.7.0.2", "fd07::2");
    to_state(TERN_ESTABLISHED, ACTIVE);
    tern_status_info i = {.size = sizeof i};
    assert_int_equal(tern_status(fx.stack, fx.sock, &i), TERN_OK);
    assert_memory_equal(&i.flow.local, &other, sizeof other);
}

/* [MUST-43, MUST-45] The address that was asked for is that of every segment, the first one and those sent again. */
static void the_chosen_address_stays(void **state) {
    (void)state;
    fx_up();
    fx.me = parsed("10.0.0.77", "fd00::77");
    assert_int_equal(tern_addr_add(fx.stack, 0, &fx.me, fx.v6 ? 64 : 24), TERN_OK);
    tern_open o = {
        .size = sizeof o, .local = fx.me, .remote = fx.peer_addr, .local_port = MY_PORT, .remote_port = PEER_PORT};
    assert_int_equal(tern_connect(fx.stack, &o, &fx.sock), TERN_OK);
    expect(SYN, 0, 0, 0);
    expect_after(1000);
    expect(SYN, 0, 0, 0);
    inject(SYN | ACK, 0, 1, 0);
    expect(ACK, 1, 1, 0);
    app_write(10);
    expect(ACK, 1, 1, 10);
    expect_after(3000);
    expect(ACK, 1, 1, 10);
    inject(SYN, 5000, 0, 0);
    expect(ACK, 11, 1, 0);
    assert_int_equal(tern_abort(fx.stack, fx.sock), TERN_OK);
    expect(RST | ACK, 11, 1, 0);
}

/* The same on the passive side: the address that the SYN was for. */
static void the_called_address_stays(void **state) {
    (void)state;
    fx_up();
    fx.me = parsed("10.0.0.77", "fd00::77");
    assert_int_equal(tern_addr_add(fx.stack, 0, &fx.me, fx.v6 ? 64 : 24), TERN_OK);
    to_state(TERN_SYN_RECEIVED, PASSIVE);
    expect_after(1000);
    expect(SYN | ACK, 0, 1, 0);
    inject(ACK, 1, 1, 10);
    assert_int_equal(app_accept(), TERN_OK);
    advance(500);
    expect(ACK, 1, 11, 0);
    expect_read(10);
    assert_int_equal(tern_close(fx.stack, fx.sock), TERN_OK);
    expect(FIN | ACK, 1, 11, 0);
    inject(ACK, 11, 2, 0);
    inject(FIN | ACK, 11, 2, 0);
    expect(ACK, 2, 12, 0);
    inject(FIN | ACK, 11, 2, 0); /* TIME-WAIT answers from it as well */
    expect(ACK, 2, 12, 0);
}

/* ---- 3.9.1.8: reports ---- */

enum { UNREACHABLE_4 = 3, UNREACHABLE_6 = 1 };

/* [MUST-47, SHLD-20] Soft errors are told; who does not want to know is not told, and still hears of the end. */
static void reports_can_be_turned_off(void **state) {
    (void)state;
    int64_t v;
    for (int on = 1; on >= 0; on--) {
        fx_new_peer((uint16_t)(MY_PORT + on), PEER_PORT);
        to_state(TERN_ESTABLISHED, ACTIVE);
        assert_int_equal(tern_get(fx.stack, fx.sock, TERN_OPT_SOFT_ERRORS, &v), TERN_OK);
        assert_int_equal(v, 1);
        assert_int_equal(set(TERN_OPT_SOFT_ERRORS, on), TERN_OK);
        app_write(10);
        drop_out();
        inject_icmp(fx.v6 ? UNREACHABLE_6 : UNREACHABLE_4, 0, 0, 1);
        expect_event(on ? TERN_EV_SOFT_ERROR : 0);
        advance(8000); /* R1 */
        drop_out();
        expect_event(on ? TERN_EV_SOFT_ERROR : 0);
        inject(RST, 1, 0, 0);
        expect_event(TERN_EV_CLOSED);
    }
}

/* ---- 3.9.1.9, 3.9.2: fields of the IP header ---- */

/* [MUST-48, MUST-49, SHLD-22, SHLD-23] From the SYN to the last ACK as the application set them; the stack changes
 * nothing. */
static void dscp_and_ttl_of_every_segment(void **state) {
    (void)state;
    assert_int_equal(app_connect(), TERN_OK);
    assert_int_equal(set(TERN_OPT_DSCP, 10), TERN_OK);
    assert_int_equal(set(TERN_OPT_TTL, 33), TERN_OK);
    static const struct {
        uint16_t in, out;
        uint32_t at, ack, len, ms;
    } script[] = {
        {0, SYN, 0, 0, 0, 0},      {0, SYN, 0, 0, 0, 1000},         {SYN | ACK, ACK, 0, 1, 0, 0},
        {SYN, ACK, 90, 0, 0, 600}, {ACK, ACK, 1, 1, 10, 500},       {ACK, ACK, 1001, 1, 10, 0},
        {RST, ACK, 50, 0, 0, 600}, {FIN | ACK, ACK, 11, 1, 990, 0},
    };
    for (unsigned i = 0; i < ARRAY_LEN(script); i++) {
        if (script[i].ms == 600) advance(600);
        if (script[i].in) inject(script[i].in, script[i].at, script[i].ack, script[i].len);
        if (script[i].ms != 600) advance(script[i].ms);
        expect(script[i].out, ANY, ANY, 0);
        assert_int_equal(fx.out.tos, 10 << 2);
        assert_int_equal(fx.out.ttl, 33);
    }
    assert_int_equal(tern_abort(fx.stack, fx.sock), TERN_OK);
    expect(RST | ACK, ANY, ANY, 0);
    assert_int_equal(fx.out.tos, 10 << 2);
    assert_int_equal(fx.out.ttl, 33);
}

/* A listener hands them on, from the SYN-ACK on. */
static void dscp_and_ttl_of_a_listener(void **state) {
    (void)state;
    fx.cfg.ttl = 200;
    assert_int_equal(app_listen(0, 0), TERN_OK);
    assert_int_equal(tern_set(fx.stack, fx.listener, TERN_OPT_DSCP, 46), TERN_OK);
    inject(SYN, 0, 0, 0);
    expect(SYN | ACK, 0, 1, 0);
    assert_int_equal(fx.out.tos, 46 << 2);
    assert_int_equal(fx.out.ttl, 200);
    inject(ACK, 1, 1, 0);
    assert_int_equal(app_accept(), TERN_OK);
    app_write(10);
    expect(ACK, 1, 1, 10);
    assert_int_equal(fx.out.tos, 46 << 2);
    assert_int_equal(fx.out.ttl, 200);
}

/* [MAY-9] What the peer's segments carry is shown. */
static void received_dscp_is_shown(void **state) {
    (void)state;
    static const uint8_t codes[] = {46, 0, 10, 63};
    to_state(TERN_ESTABLISHED, ACTIVE);
    for (unsigned i = 0; i < ARRAY_LEN(codes); i++) {
        uint8_t p[200];
        size_t n = build(p, &(struct seg){.flags = ACK, .seq = 1 + 10 * i, .ack = 1, .len = 10});
        if (fx.v6) {
            p[0] = (uint8_t)(0x60 | codes[i] >> 2);
            p[1] = (uint8_t)(codes[i] << 6);
        } else {
            p[1] = (uint8_t)(codes[i] << 2);
            store16(p + 10, 0);
            uint32_t sum = 0;
            for (unsigned k = 0; k < 20; k += 2) sum += load16(p + k);
            store16(p + 10, (uint16_t) ~(sum + (sum >> 16)));
        }
        inject_raw(p, n);
        expect_read(10 * (i + 1) - fx.read);
        assert_int_equal(now_status().dscp_received, codes[i]);
    }
}

/* [MAY-4] A segment sent again is the same packet, identification and all. */
static void a_repeated_packet_is_the_same(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    app_write(100);
    uint8_t first[300], again[300];
    tern_frame f;
    assert_int_equal(tern_output(fx.stack, &f, 1, fx.now), 1);
    size_t n = tern_frame_copy(&f, first, sizeof first);
    fx.now += 1100 * MS_NS;
    assert_int_equal(tern_expire(fx.stack, fx.now), TERN_OK);
    assert_int_equal(tern_output(fx.stack, &f, 1, fx.now), 1);
    assert_int_equal(tern_frame_copy(&f, again, sizeof again), n);
    assert_memory_equal(first, again, n);
}

/* [SHLD-6, MAY-3] The MSS offered is that of the interface's smallest unit: neither a path that carries less now nor
 * a device that cuts large segments changes it; and it is always there. */
static void the_mss_is_the_interfaces(void **state) {
    (void)state;
    fx.mtu = fx.v6 ? 1300 : 596;
    uint16_t mss = fx.v6 ? 1240 : 556;
    to_state(TERN_SYN_SENT, ACTIVE);
    assert_int_equal(fx.out.mss, mss);
    inject(SYN | ACK, 0, 1, 0);
    expect(ACK, 1, 1, 0);
    app_write(100);
    drop_out();
    inject_icmp(fx.v6 ? 2 : 3, fx.v6 ? 0 : 4, fx.v6 ? 1280 : 576, 1);
    drop_out();
    fx_new_peer(MY_PORT + 1, PEER_PORT);
    to_state(TERN_SYN_SENT, ACTIVE);
    assert_int_equal(fx.out.mss, mss);
    fx_new_peer(MY_PORT + 2, PEER_PORT);
    to_state(TERN_SYN_RECEIVED, PASSIVE);
    assert_int_equal(fx.out.mss, mss);
}

/* [MUST-54] A report goes to the connection whose segment it quotes, and to no other. */
static void reports_find_their_connection(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    app_write(10);
    drop_out();
    tern_sock first = fx.sock;
    uint32_t iss = fx.iss;
    fx_new_peer(MY_PORT + 1, PEER_PORT);
    to_state(TERN_ESTABLISHED, ACTIVE);
    app_write(10);
    drop_out();
    fx.my_port = MY_PORT;
    fx.iss = iss;
    inject_icmp(fx.v6 ? UNREACHABLE_6 : UNREACHABLE_4, 0, 0, 1);
    expect_event(0);
    inject_icmp(fx.v6 ? UNREACHABLE_6 : UNREACHABLE_4, 0, 0, 1);
    fx.sock = first;
    expect_event(TERN_EV_SOFT_ERROR);
    assert_int_equal(fx.ev_error, TERN_EUNREACH);
}

/* ---- 3.8.2: congestion control ---- */

/* [MAY-18] Another algorithm from the standards track: CUBIC keeps 0.7 of the window, NewReno half. */
static void congestion_control_is_chosen(void **state) {
    (void)state;
    static const uint32_t left[] = {[TERN_NEWRENO] = 5000, [TERN_CUBIC] = 7000};
    for (uint16_t algorithm = TERN_NEWRENO; algorithm <= TERN_CUBIC; algorithm++) {
        fx_new_peer((uint16_t)(MY_PORT + algorithm), PEER_PORT);
        assert_int_equal(app_connect(), TERN_OK);
        assert_int_equal(set(TERN_OPT_CONGESTION, algorithm), TERN_OK);
        expect(SYN, 0, 0, 0);
        inject(SYN | ACK, 0, 1, 0);
        expect(ACK, 1, 1, 0);
        app_write(10000);
        assert_int_equal(drop_out(), 10);
        for (unsigned i = 0; i < 3; i++) inject(ACK, 1, 1, 0);
        expect(ACK, 1, 1, 1000);
        assert_int_equal(now_status().ssthresh, left[algorithm]);
        int64_t v;
        assert_int_equal(tern_get(fx.stack, fx.sock, TERN_OPT_CONGESTION, &v), TERN_OK);
        assert_int_equal(v, algorithm);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        BOTH(r1_of_a_syn),
        BOTH(r2_of_a_syn),
        BOTH(three_minutes_for_a_syn),
        ONLY4(r1_doubts_the_next_hop),
        BOTH(listen_beside_syn_received),
        BOTH(the_route_chooses_the_address),
        BOTH(the_chosen_address_stays),
        BOTH(the_called_address_stays),
        BOTH(reports_can_be_turned_off),
        BOTH(dscp_and_ttl_of_every_segment),
        BOTH(dscp_and_ttl_of_a_listener),
        BOTH(received_dscp_is_shown),
        BOTH(a_repeated_packet_is_the_same),
        BOTH(the_mss_is_the_interfaces),
        BOTH(reports_find_their_connection),
        BOTH(congestion_control_is_chosen),
    };
    return cmocka_run_group_tests_name("rfc9293 connection", tests, NULL, NULL);
}
