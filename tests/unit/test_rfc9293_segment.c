/* test_rfc9293_segment.c - what RFC 9293 asks of segments and windows (3.1, 3.2, 3.8.5, 3.8.6) and the tests of
 * single steps do not show: options anywhere, acknowledgments and their time, the receiver's silly windows, urgent
 * data of any length. */
#include "tcp_fixture.h"

static tern_status_info now_status(void) {
    tern_status_info i;
    assert_true(status_now(&i));
    return i;
}

/* ---- 3.1: the header ---- */

/* [MUST-2] Of every kind and length; the fixture sums each packet itself. */
static void every_segment_has_a_checksum(void **state) {
    (void)state;
    fx.cfg.timestamps = fx.cfg.sack = fx.cfg.window_scale = 1;
    fx.peer.ts = fx.peer.sack = true;
    fx.peer.wscale = 7;
    to_state(TERN_ESTABLISHED, PASSIVE);
    uint32_t at = 1;
    for (uint32_t n = 1; n < 70; n++) {
        app_write(n);
        expect(ACK, at, 1, n);
        at += n;
        inject(ACK, 1, at, 0);
    }
    inject(ACK, 101, at, 10);
    expect(ACK, at, 1, 0);
    assert_int_equal(fx.out.sacks, 1);
    assert_int_equal(tern_abort(fx.stack, fx.sock), TERN_OK);
    expect(RST | ACK, at, 1, 0);
    inject(ACK, 101, 7, 0);
    expect(RST, 7, 0, 0);
}

/* [MUST-1] 65,535 is no negative number: as many bytes leave. */
static void a_large_window_is_not_negative(void **state) {
    (void)state;
    fx.cfg.initial_window = 100;
    fx.peer.wnd = 65535;
    to_state(TERN_ESTABLISHED, ACTIVE);
    app_write(70000);
    uint32_t sent = 0;
    while (out_waiting()) {
        expect(ACK, 1 + sent, 1, ANY);
        sent += fx.out.len;
    }
    assert_in_range(sent, 65000, 65535);
}

/* [REC-1] The largest window there is, 65,535 scaled by 14, needs 30 bits. */
static void windows_are_32_bits_wide(void **state) {
    (void)state;
    fx.cfg.window_scale = 1;
    fx.peer.wscale = 14;
    to_state(TERN_ESTABLISHED, ACTIVE);
    inject_with(.flags = ACK, .seq = 1, .ack = 1, .wnd = 65535);
    assert_int_equal(now_status().snd_wnd, 65535u << 14);
}

/* ---- 3.1, 3.2: options ---- */

/* [MUST-4, MUST-14, MUST-64] All three that everybody must know, and not where a word begins; what follows the end
 * is nothing. */
static void the_three_options(void **state) {
    (void)state;
    static const uint8_t raw[] = {1, 2, 4, 700 >> 8, 700 & 255, 1, 1, 0, 2, 4, 0, 64};
    assert_int_equal(app_listen(0, 0), TERN_OK);
    inject_with(.flags = SYN, .raw = raw, .raw_len = sizeof raw);
    expect(SYN | ACK, 0, 1, 0);
    assert_int_not_equal(fx.out.mss, 0);
    inject(ACK, 1, 1, 0);
    assert_int_equal(app_accept(), TERN_OK);
    app_write(2000);
    expect(ACK, 1, 1, 700);
}

/* [MUST-5] An option may come with anything; one that belongs on a SYN says nothing elsewhere. */
static void options_in_any_segment(void **state) {
    (void)state;
    static const uint8_t raw[] = {1, 1, 2, 4, 0, 200, 0, 0};
    to_state(TERN_ESTABLISHED, ACTIVE);
    uint32_t mss = now_status().mss;
    inject_with(.flags = ACK, .seq = 1, .ack = 1, .len = 10, .raw = raw, .raw_len = sizeof raw);
    expect_read(10);
    assert_int_equal(now_status().mss, mss);
    inject_with(.flags = ACK, .seq = 21, .ack = 1, .len = 10, .raw = raw, .raw_len = sizeof raw);
    expect(ACK, 1, 11, 0);
    app_write(5);
    expect(ACK, 1, 11, 5);
    inject_with(.flags = ACK, .seq = 11, .ack = 6, .raw = raw, .raw_len = sizeof raw);
    assert_int_equal(now_status().send_queued, 0);
    inject_with(.flags = FIN | ACK, .seq = 11, .ack = 6, .len = 10, .raw = raw,
                .raw_len = sizeof raw); /* then 10 more */
    expect_state(TERN_ESTABLISHED);     /* that FIN stands before bytes that came already */
    inject_with(.flags = FIN | ACK, .seq = 31, .ack = 6, .raw = raw, .raw_len = sizeof raw);
    expect_state(TERN_CLOSE_WAIT);
    expect_read(20);
    inject_with(.flags = RST, .seq = 32, .raw = raw, .raw_len = sizeof raw);
    expect_state(TERN_CLOSED);
}

/* [MUST-6] Kinds that nobody knows are passed over by their length, in any state. */
static void unknown_options_are_ignored(void **state) {
    (void)state;
    static const uint8_t raw[] = {253, 6, 1, 2, 3, 4, 99, 2, 2, 4, 700 >> 8, 700 & 255, 254, 2, 200, 6, 0, 0, 0, 0};
    assert_int_equal(app_connect(), TERN_OK);
    expect(SYN, 0, 0, 0);
    inject_with(.flags = SYN | ACK, .ack = 1, .raw = raw, .raw_len = sizeof raw);
    expect(ACK, 1, 1, 0);
    assert_int_equal(now_status().mss, 700);
    inject_with(.flags = ACK, .seq = 1, .ack = 1, .len = 10, .raw = raw, .raw_len = sizeof raw);
    expect_read(10);
}

/* [MUST-7] A length that cannot be: the segment is dropped and counted, whatever the state, and nothing else
 * happens. */
static void illegal_option_lengths(void **state) {
    (void)state;
    static const uint8_t bad[][8] = {{2, 0, 5, 0xb4},
                                     {2, 1, 5, 0xb4},
                                     {2, 3, 5, 1, 1, 1, 1, 1},
                                     {2, 5, 5, 0xb4, 1, 1, 1, 1},
                                     {2, 255, 5, 0xb4},
                                     {77, 0, 0, 0},
                                     {77, 9, 0, 0},
                                     {1, 1, 1, 1, 1, 1, 1, 2},
                                     {8, 4, 0, 0}};
    static const enum tern_state states[] = {TERN_LISTEN, TERN_SYN_SENT, TERN_ESTABLISHED};
    bool v6 = fx.v6;
    for (unsigned k = 0; k < ARRAY_LEN(states); k++) {
        fx_down();
        fx_reset(v6);
        to_state(states[k], states[k] == TERN_LISTEN ? PASSIVE : ACTIVE);
        uint16_t flags = states[k] == TERN_LISTEN ? SYN : states[k] == TERN_SYN_SENT ? SYN | ACK : ACK;
        uint32_t at = states[k] == TERN_ESTABLISHED;
        for (unsigned i = 0; i < ARRAY_LEN(bad); i++)
            inject_with(.flags = flags, .seq = at, .ack = 1, .len = at * 10, .raw = bad[i], .raw_len = 8);
        expect_none();
        assert_int_equal(counted(R_TCP_BAD_OPTION), ARRAY_LEN(bad));
        expect_state(states[k] == TERN_LISTEN ? TERN_CLOSED : states[k]);
        inject(flags, at, flags & ACK ? 1 : 0, at * 10);
        expect_state(states[k] == TERN_LISTEN ? TERN_SYN_RECEIVED : TERN_ESTABLISHED);
    }
}

/* [MUST-65] The MSS option is for SYNs; the fixture looks at every other segment too. */
static void no_mss_behind_the_syn(void **state) {
    (void)state;
    to_state(TERN_SYN_SENT, ACTIVE);
    assert_int_not_equal(fx.out.mss, 0);
    inject(SYN | ACK, 0, 1, 0);
    expect(ACK, 1, 1, 0);
    assert_int_equal(fx.out.mss, 0);
    app_write(10);
    assert_int_equal(tern_shutdown(fx.stack, fx.sock), TERN_OK);
    expect(FIN | ACK, 1, 1, 10);
    assert_int_equal(fx.out.mss, 0);
    assert_int_equal(fx.out.options_len, 0);
}

/* ---- 3.8.6.3, 3.10.7.4: when an ACK leaves ---- */

/* [MUST-40, SHLD-18] One segment waits for company, but for less than half a second whatever the setting. */
static void acks_are_delayed(void **state) {
    (void)state;
    assert_int_equal(tern_config_set(&fx.cfg, "delayed_ack_ms", 500), TERN_ERANGE);
    assert_int_equal(tern_config_set(&fx.cfg, "delayed_ack_ms", 499), TERN_OK);
    to_state(TERN_ESTABLISHED, ACTIVE);
    inject(ACK, 1, 1, 1000);
    expect_none();
    advance(490);
    expect_none();
    advance(9);
    expect(ACK, 1, 1001, 0);
    inject(ACK, 1001, 1, 1000);
    app_write(10);
    expect(ACK, 1, 2001, 10); /* company */
    advance(499);
    expect_none();
}

/* [SHLD-19] Every second full-sized segment, or so many bytes. */
static void every_second_segment_is_acked(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    uint32_t at = 1;
    for (unsigned i = 0; i < 20; i++) {
        inject(ACK, at, 1, 1000);
        at += 1000;
        expect_none();
        inject(ACK, at, 1, 1000);
        at += 1000;
        expect(ACK, 1, at, 0);
        expect_read(2000);
        drop_out();
    }
}

/* [MUST-58, MUST-59] All that arrived is processed before an ACK leaves: one for all of it. */
static void a_burst_is_acked_once(void **state) {
    (void)state;
    enum { N = 16 };
    static uint8_t bytes[N][1200];
    tern_packet p[N];
    to_state(TERN_ESTABLISHED, ACTIVE);
    for (uint32_t i = 0; i < N; i++) {
        size_t n = build(bytes[i], &(struct seg){.flags = ACK, .seq = 1 + 1000 * i, .ack = 1, .len = 1000});
        p[i] = (tern_packet){.data = bytes[i], .len = (uint32_t)n};
    }
    assert_int_equal(tern_input(fx.stack, fx.iface, p, N, fx.now), TERN_OK);
    expect(ACK, 1, 1 + 1000 * N, 0);
    expect_none();
    expect_read(1000 * N);
}

/* [MAY-13] A segment inside the window but not at its edge tells at once what is missing. */
static void a_gap_is_told_at_once(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    inject(ACK, 1001, 1, 1000);
    expect(ACK, 1, 1, 0);
    expect_none();
}

/* ---- 3.8.6: the window that is offered ---- */

/* [MUST-39] Read byte by byte, a full buffer opens no silly window: nothing, or a full segment's worth. */
static void no_silly_window_is_offered(void **state) {
    (void)state;
    fx.cfg.receive_buffer = fx.cfg.receive_buffer_max = 8000;
    to_state(TERN_ESTABLISHED, ACTIVE);
    for (uint32_t i = 0; i < 8; i++) inject(ACK, 1 + 1000 * i, 1, 1000);
    expect(ACK, 1, 8001, 0);
    assert_int_equal(fx.out.wnd, 0);
    uint32_t next = 8001;
    unsigned updates = 0;
    for (uint32_t i = 0; i < 4000; i += 10) {
        assert_int_equal(app_read(10), 10);
        if (out_waiting()) updates++;
        if (i < 1500) inject(ACK, next - 1, 1, 1); /* an old byte: some ACK is due now */
        while (out_waiting()) {
            expect(ACK, 1, next, 0);
            assert_true(fx.out.wnd == 0 || fx.out.wnd >= 1000);
        }
    }
    assert_in_range(updates, 1, 4);
}

/* [SHLD-14] The right edge of what was offered stays, also when the buffer is made smaller. */
static void the_window_never_shrinks(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    uint32_t edge = fx.out.ack + fx.out.wnd, at = 1;
    for (unsigned i = 0; i < 40; i++) {
        if (i == 3) assert_int_equal(tern_set(fx.stack, fx.sock, TERN_OPT_RECEIVE_BUFFER, 2000), TERN_OK);
        inject(ACK, at, 1, 500);
        at += 500;
        advance(500);
        expect(ACK, 1, at, 0);
        assert_true((int32_t)(fx.out.ack + fx.out.wnd - edge) >= 0);
        edge = fx.out.ack + fx.out.wnd;
        if (i == 20) expect_read(at - 1);
        drop_out();
    }
    expect_state(TERN_ESTABLISHED);
}

/* [MAY-8] Shut for as long as nobody reads; the peer's probes are answered all the while. */
static void a_window_stays_shut(void **state) {
    (void)state;
    fx.cfg.receive_buffer = fx.cfg.receive_buffer_max = 2000;
    to_state(TERN_ESTABLISHED, ACTIVE);
    inject(ACK, 1, 1, 1000);
    inject(ACK, 1001, 1, 1000);
    expect(ACK, 1, 2001, 0);
    for (unsigned hour = 0; hour < 48; hour++) {
        advance(3600 * 1000);
        inject(ACK, 2001, 1, 1);
        expect(ACK, 1, 2001, 0);
        assert_int_equal(fx.out.wnd, 0);
    }
    expect_state(TERN_ESTABLISHED);
    expect_read(2000);
    expect(ACK, 1, 2001, 0);
    assert_int_equal(fx.out.wnd, 2000);
}

/* [MAY-7] Bytes that are lost are sent again although the peer has taken back the window they were sent into. */
static void lost_bytes_beyond_the_window(void **state) {
    (void)state;
    fx.cfg.sack = 1;
    fx.peer.sack = true;
    to_state(TERN_ESTABLISHED, ACTIVE);
    app_write(3000);
    assert_int_equal(drop_out(), 3);
    uint8_t block[12] = {1, 1, 5, 10};
    store32(block + 4, fx.iss + 1001);
    store32(block + 8, fx.iss + 3001);
    inject_with(.flags = ACK, .seq = 1, .ack = 1, .wnd = 300, .raw = block, .raw_len = sizeof block);
    assert_in_range(wait_out(1000), 0, 1000);
    expect(ACK, 1, 1, 1000);
    inject_with(.flags = ACK, .seq = 1, .ack = 3001, .wnd = 300);
    assert_int_equal(now_status().send_queued, 0);
}

/* ---- 3.8.5: urgent data ---- */

/* [MUST-31, MUST-32, MUST-33] 200,000 urgent bytes, more than the pointer can say: each advance is told, a
 * repetition is not, and how many are left is known at any time. */
static void long_urgent_data_comes(void **state) {
    (void)state;
    fx.cfg.receive_buffer = fx.cfg.receive_buffer_max = 60000;
    to_state(TERN_ESTABLISHED, ACTIVE);
    enum { ALL = 200000 };
    uint32_t at = 1;
    while (at <= ALL) {
        uint32_t left = ALL + 1 - at;
        uint16_t pointer = (uint16_t)min_u32(left, 65535);
        inject_with(.flags = ACK | URG, .seq = at, .ack = 1, .len = 1000, .urgent = pointer);
        at += 1000;
        bool advanced = left >= 65535 || at == 1001 || left > 65535 - 1000;
        expect_event(TERN_EV_READ | (advanced ? TERN_EV_URGENT : 0));
        assert_int_equal(now_status().urgent_left, pointer);
        assert_int_equal(app_read(400), 400);
        assert_int_equal(now_status().urgent_left, pointer - 400);
        assert_int_equal(app_read(600), 600);
        drop_out();
    }
    assert_int_equal(now_status().urgent_left, 0);
    inject(ACK, at, 1, 10);
    expect_event(TERN_EV_READ);
    assert_int_equal(now_status().urgent_left, 0);
}

/* [MUST-31, MUST-62] Ours: every segment up to the last urgent byte points behind it, as far as 16 bits reach. */
static void long_urgent_data_leaves(void **state) {
    (void)state;
    fx.cfg.initial_window = 200;
    fx.peer.wnd = 65535;
    fx.unchecked = true;
    to_state(TERN_ESTABLISHED, ACTIVE);
    enum { ALL = 100000 };
    static uint8_t bytes[ALL];
    assert_int_equal(tern_write_urgent(fx.stack, fx.sock, bytes, ALL), ALL);
    assert_int_equal(tern_write(fx.stack, fx.sock, bytes, 500), 500);
    uint32_t at = 1;
    while (at <= ALL + 500) {
        expect(ANY, at, 1, ANY);
        if (at <= ALL) {
            assert_int_equal(fx.out.flags & URG, URG);
            assert_int_equal(fx.out.urgent, min_u32(ALL + 1 - at, 65535));
        } else {
            assert_int_equal(fx.out.flags & URG, 0);
        }
        at += fx.out.len;
        inject(ACK, 1, at, 0);
    }
}

/* [SHLD-13] The flag is only for those who ask for it. */
static void nothing_is_urgent_unasked(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    uint32_t at = 1;
    for (uint32_t n = 1; n < 3000; n += 171) {
        app_write(n);
        while (out_waiting()) {
            expect(ACK, at, 1, ANY); /* URG would differ */
            assert_int_equal(fx.out.urgent, 0);
            at += fx.out.len;
            inject(ACK, 1, at, 0);
        }
    }
    assert_int_equal(tern_shutdown(fx.stack, fx.sock), TERN_OK);
    expect(FIN | ACK, at, 1, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        BOTH(every_segment_has_a_checksum),
        BOTH(a_large_window_is_not_negative),
        BOTH(windows_are_32_bits_wide),
        BOTH(the_three_options),
        BOTH(options_in_any_segment),
        BOTH(unknown_options_are_ignored),
        BOTH(illegal_option_lengths),
        BOTH(no_mss_behind_the_syn),
        BOTH(acks_are_delayed),
        BOTH(every_second_segment_is_acked),
        BOTH(a_burst_is_acked_once),
        BOTH(a_gap_is_told_at_once),
        BOTH(no_silly_window_is_offered),
        BOTH(the_window_never_shrinks),
        BOTH(a_window_stays_shut),
        BOTH(lost_bytes_beyond_the_window),
        BOTH(long_urgent_data_comes),
        BOTH(long_urgent_data_leaves),
        BOTH(nothing_is_urgent_unasked),
    };
    return cmocka_run_group_tests_name("rfc9293 segment", tests, NULL, NULL);
}
