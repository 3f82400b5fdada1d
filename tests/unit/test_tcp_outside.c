/* test_tcp_outside.c - what a connection hears and says besides its stream: keepalive (3.8.4), ICMP errors (3.9.2.2), the
 * IP header's fields (3.9.2). */
#include "tcp_fixture.h"

/* ---- keepalive: 3.8.4 ---- */

/* [MUST-25] */
static void keepalive_is_off(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, PASSIVE);
    advance(UINT64_C(30) * 24 * 3600 * 1000);
    expect_none();
    expect_state(TERN_ESTABLISHED);
}

/* [MUST-24, MUST-27, MUST-28, MUST-29, SHLD-12, MAY-5] */
static void keepalive_finds_the_dead(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    assert_int_equal(app_set(TERN_OPT_KEEPALIVE, 1), TERN_OK);
    expect_after(7200000);
    expect(ACK, 0, 1, 0);
    for (unsigned i = 1; i < 9; i++) {
        expect_after(75000);
        expect(ACK, 0, 1, 0);
    }
    expect_state(TERN_ESTABLISHED);
    advance(76000);
    drop_out();
    expect_state(TERN_CLOSED);
    expect_event(TERN_EV_CLOSED);
    assert_int_equal(fx.ev_error, TERN_ETIMEDOUT);
}

/* [MUST-26] An answer, or any segment, starts the interval anew; data under way is the other timer's. */
static void keepalive_of_the_living(void **state) {
    (void)state;
    fx.cfg.keepalive_idle_ms = 10000;
    to_state(TERN_ESTABLISHED, ACTIVE);
    assert_int_equal(app_set(TERN_OPT_KEEPALIVE, 1), TERN_OK);
    for (unsigned i = 0; i < 5; i++) {
        expect_after(10000);
        expect(ACK, 0, 1, 0);
        inject(ACK, 1, 1, 0);
    }
    advance(9000);
    inject(ACK, 1, 1, 10);
    advance(50);
    expect(ACK, 1, 11, 0);
    advance(9900);
    expect_none();
    app_write(100);
    expect(ACK, 1, 11, 100);
    advance(500);
    expect_none();
    assert_int_equal(app_set(TERN_OPT_KEEPALIVE, 0), TERN_OK);
    inject(ACK, 11, 101, 0);
    advance(100000);
    expect_none();
}

/* Half-closed, and the peer is gone: nothing of ours is under way, so only a probe can tell. */
static void keepalive_when_half_closed(void **state) {
    (void)state;
    fx.cfg.keepalive_idle_ms = 10000;
    fx.cfg.keepalive_interval_ms = 5000;
    fx.cfg.keepalive_probes = 2;
    to_state(TERN_ESTABLISHED, ACTIVE);
    assert_int_equal(app_set(TERN_OPT_KEEPALIVE, 1), TERN_OK);
    assert_int_equal(tern_shutdown(fx.stack, fx.sock), TERN_OK);
    expect(FIN | ACK, 1, 1, 0);
    inject(ACK, 1, 2, 0);
    expect_state(TERN_FIN_WAIT_2);
    expect_after(10000);
    expect(ACK, 1, 1, 0);
    inject(ACK, 1, 2, 0);
    expect_after(10000);
    expect(ACK, 1, 1, 0);
    expect_after(5000);
    expect(ACK, 1, 1, 0);
    advance(6000);
    drop_out();
    expect_state(TERN_CLOSED);
    expect_event(TERN_EV_SENT | TERN_EV_CLOSED);
    assert_int_equal(fx.ev_error, TERN_ETIMEDOUT);
}

/* [MUST-27] Only the peer's own segments count: forged ones, outside the window, with an impossible ACK, without any or
 * with a RST that is not exact, do not keep the dead alive. The peer's own probe does, since its number is exact. */
static void keepalive_is_not_fooled(void **state) {
    (void)state;
    fx.cfg.keepalive_idle_ms = 10000;
    fx.cfg.keepalive_interval_ms = 5000;
    fx.cfg.keepalive_probes = 2;
    to_state(TERN_ESTABLISHED, ACTIVE);
    assert_int_equal(app_set(TERN_OPT_KEEPALIVE, 1), TERN_OK);
    advance(9000);
    inject(ACK, 0, 1, 0);
    drop_out();
    expect_after(10000);
    expect(ACK, 0, 1, 0);
    for (unsigned i = 0; i < 12 && state_now() == TERN_ESTABLISHED; i++) {
        inject(ACK, 1u << 30, 1, 10);
        inject(ACK, (uint32_t)-5000, 1, 10);
        inject(ACK, 1, 1u << 30, 0);
        inject(ACK, 1, 0x90000000u, 0);
        inject(PSH, 1, 0, 1);
        inject(SYN, 77, 0, 0);
        inject(RST, 5, 0, 0);
        advance(1000);
        drop_out();
    }
    expect_state(TERN_CLOSED);
    expect_event(TERN_EV_CLOSED);
    assert_int_equal(fx.ev_error, TERN_ETIMEDOUT);
}

/* ---- ICMP: 3.9.2.2 ---- */

enum { UNREACHABLE_4 = 3, UNREACHABLE_6 = 1, TOO_BIG_6 = 2 };

/* [MUST-54, MUST-56, SHLD-25] Soft: told, not ended. Hard ones count as soft once established [RFC5461 4.1]. */
static void icmp_unreachable(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    app_write(100);
    drop_out();
    uint8_t type = fx.v6 ? UNREACHABLE_6 : UNREACHABLE_4;
    for (uint8_t code = 0; code < (fx.v6 ? 5 : 4); code++) {
        inject_icmp(type, code, 0, 1);
        expect_event(TERN_EV_SOFT_ERROR);
        expect_state(TERN_ESTABLISHED);
    }
    /* [RFC5927 4.1] a number that is not under way */
    inject_icmp(type, 0, 0, 0);
    inject_icmp(type, 0, 0, 101);
    inject_icmp(type, 0, 0, 0x40000000);
    expect_event(0);
    expect_none();
}

/* [SHLD-26] In SYN-SENT hard errors end the open, soft ones do not. */
static void icmp_in_synsent(void **state) {
    (void)state;
    to_state(TERN_SYN_SENT, ACTIVE);
    uint8_t type = fx.v6 ? UNREACHABLE_6 : UNREACHABLE_4;
    inject_icmp(type, fx.v6 ? 3 : 1, 0, 0);
    expect_event(TERN_EV_SOFT_ERROR);
    expect_state(TERN_SYN_SENT);
    inject_icmp(type, fx.v6 ? 4 : 3, 0, 5); /* wrong number */
    expect_state(TERN_SYN_SENT);
    inject_icmp(type, fx.v6 ? 4 : 3, 0, 0); /* port unreachable */
    expect_state(TERN_CLOSED);
    expect_event(TERN_EV_CLOSED);
    assert_int_equal(fx.ev_error, TERN_EREFUSED);
}

/* [MUST-56, SHLD-26, RFC1122 4.2.3.9, RFC5461 2.2] Every code: protocol and port unreachable, and what was forbidden by
 * an administrator, end an open; nets, hosts, routes that failed and services that are missing do not. */
static void icmp_codes_in_synsent(void **state) {
    (void)state;
    uint32_t hard = fx.v6 ? 1u << 1 | 1u << 4 : 1u << 2 | 1u << 3 | 1u << 10 | 1u << 13;
    for (uint8_t code = 0; code < 16; code++) {
        if (!fx.v6 && code == 4) continue; /* too big */
        fx_new_peer((uint16_t)(MY_PORT + code), PEER_PORT);
        assert_int_equal(app_connect(), TERN_OK);
        expect(SYN, 0, 0, 0);
        inject_icmp(fx.v6 ? UNREACHABLE_6 : UNREACHABLE_4, code, 0, 0);
        expect_state(hard >> code & 1 ? TERN_CLOSED : TERN_SYN_SENT);
        assert_int_equal(tern_abort(fx.stack, fx.sock), TERN_OK);
        drop_out();
    }
}

/* [RFC1191 6.4, RFC8201 4] What is under way is cut anew and sent again; a wrong number changes nothing. */
static void icmp_too_big(void **state) {
    (void)state;
    fx.peer.mss = 1400;
    to_state(TERN_ESTABLISHED, ACTIVE);
    app_write(2800);
    expect(ACK, 1, 1, 1400);
    expect(ACK, 1401, 1, 1400);
    uint8_t type = fx.v6 ? TOO_BIG_6 : UNREACHABLE_4, code = fx.v6 ? 0 : 4;
    uint32_t mtu = fx.v6 ? 1280 : 1000, mss = fx.v6 ? 1220 : 960;
    inject_icmp(type, code, mtu, 2801);
    expect_none();
    assert_int_equal(fx_status().mss, 1400);
    inject_icmp(type, code, mtu, 1);
    expect(ACK, 1, 1, mss);
    expect(ACK, 1 + mss, 1, ANY);
    drop_out();
    advance(100);
    inject(ACK, 1, 2801, 0); /* Karn: no sample from this */
    assert_true(fx_status().srtt_us < 10000);
    inject_icmp(type, code, 0, 2801);
    assert_int_equal(fx_status().mss, mss);
}

/* [RFC1191 5] A router that says no MTU says it of each packet that was under way: all of them mean one step of the table, for it
 * is the size of the packet that was too much. */
static void icmp_too_big_unsaid(void **state) {
    (void)state;
    static const struct {
        uint16_t size, mtu;
    } told[] = {{1500, 1492}, {1500, 1492}, {1500, 1492}, {1492, 1006}, {1500, 1006}, {1006, 552}, {552, 552}};
    if (fx.v6) return; /* routers of IPv6 always say it */
    fx.cfg.initial_window = 100;
    fx.peer.mss = 1460;
    to_state(TERN_ESTABLISHED, ACTIVE);
    uint32_t most = fx_status().mss;
    app_write(60000);
    drop_out();
    for (unsigned i = 0; i < ARRAY_LEN(told); i++) {
        fx.quoted_size = told[i].size;
        inject_icmp(UNREACHABLE_4, 4, 0, 1);
        drop_out();
        assert_int_equal(fx_status().mss, most - (1500 - told[i].mtu));
    }
}

/* (attack list B11) A forged MTU of 68 does not multiply packets. */
static void icmp_too_small(void **state) {
    (void)state;
    fx.cfg.initial_window = 100;
    fx.peer.mss = 1400;
    to_state(TERN_ESTABLISHED, ACTIVE);
    app_write(4200);
    assert_int_equal(drop_out(), 3);
    inject_icmp(fx.v6 ? TOO_BIG_6 : UNREACHABLE_4, fx.v6 ? 0 : 4, 68, 1);
    if (fx.v6)
        expect_none(); /* no link of IPv6 carries less than 1280: who says so is not believed at all [RFC8201 4] */
    else
        assert_in_range(drop_out(), 4200 / 1000, 4200 / 512 + 1);
    assert_int_equal(fx_status().mss, fx.v6 ? 1400 : 512);
    inject_icmp(fx.v6 ? TOO_BIG_6 : UNREACHABLE_4, fx.v6 ? 0 : 4, 1279, 1);
    assert_int_equal(fx_status().mss, fx.v6 ? 1400 : 512);
}

/* [MUST-55, RFC6633] */
static void icmp_quench(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    app_write(100);
    drop_out();
    tern_status_info before = fx_status();
    inject_icmp(4, 0, 0, 1);
    expect_event(0);
    assert_int_equal(fx_status().cwnd, before.cwnd);
}

/* ---- the IP layer's fields ---- */

/* [MUST-48, MUST-49, SHLD-21, SHLD-22] */
static void dscp_and_ttl(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    assert_int_equal(fx.out.ttl, 64);
    assert_int_equal(fx.out.tos, 0);
    assert_int_equal(app_set(TERN_OPT_DSCP, 46), TERN_OK);
    assert_int_equal(app_set(TERN_OPT_TTL, 9), TERN_OK);
    app_write(10);
    expect(ACK, 1, 1, 10);
    assert_int_equal(fx.out.ttl, 9);
    assert_int_equal(fx.out.tos, 46 << 2);
    inject(ACK, 2, 1, 10);
    expect(ACK, 11, 1, 0);
    assert_int_equal(fx.out.tos, 46 << 2);
    assert_int_equal(app_set(TERN_OPT_DSCP, 64), TERN_ERANGE);
    assert_int_equal(app_set(TERN_OPT_TTL, 0), TERN_ERANGE);
}

/* [MUST-30, MUST-62] The urgent pointer leads behind the urgent byte. */
static void urgent_out(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    fx.unchecked = true;
    assert_int_equal(tern_write_urgent(fx.stack, fx.sock, "stop", 4), 4);
    tern_frame f;
    assert_int_equal(tern_output(fx.stack, &f, 1, fx.now), 1);
    uint8_t p[200];
    size_t n = tern_frame_copy(&f, p, sizeof p);
    const uint8_t *t = p + (fx.v6 ? 40 : 20);
    assert_true(n > 20);
    assert_true(t[13] & URG);
    assert_int_equal(t[18] << 8 | t[19], 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        BOTH(keepalive_is_off),
        BOTH(keepalive_finds_the_dead),
        BOTH(keepalive_of_the_living),
        BOTH(keepalive_is_not_fooled),
        BOTH(keepalive_when_half_closed),
        BOTH(icmp_unreachable),
        BOTH(icmp_in_synsent),
        BOTH(icmp_codes_in_synsent),
        BOTH(icmp_too_big),
        BOTH(icmp_too_small),
        BOTH(icmp_too_big_unsaid),
        ONLY4(icmp_quench),
        BOTH(dscp_and_ttl),
        BOTH(urgent_out),
        SACKED(keepalive_finds_the_dead),
        SACKED(icmp_unreachable),
        SACKED(icmp_too_big),
        SACKED(icmp_too_small),
    };
    return cmocka_run_group_tests_name("tcp send", tests, NULL, NULL);
}
