/* test_tcp_receive.c - what a receiver answers and offers: delayed ACKs (RFC 9293 3.8.6.3, RFC 5681 4.2), the window
 * and its updates (3.8.6, 3.8.6.2.2), SACK blocks (RFC 2018), window scaling and timestamps with PAWS (RFC 7323),
 * options of any shape. */
#include "draw.h"
#include "tcp_fixture.h"

static tern_status_info now_status(void) {
    tern_status_info i;
    assert_true(status_now(&i));
    return i;
}

/* ---- when an ACK leaves ---- */

/* [SHLD-18, MUST-40] */
static void delayed_ack(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    inject(ACK, 1, 1, 1000);
    expect_none();
    uint64_t ms = wait_out(600);
    assert_in_range(ms, 1, 499);
    expect(ACK, 1, 1001, 0);
    advance(10000);
    expect_none();
}

/* [SHLD-19] Every second full-sized segment is acknowledged at once. */
static void every_second_segment(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    for (uint32_t i = 0; i < 10; i++) {
        inject(ACK, 1 + i * 1460, 1, 1460);
        if (i % 2)
            expect(ACK, 1, 1 + (i + 1) * 1460, 0);
        else
            expect_none();
    }
}

static void ack_at_once_if_asked(void **state) {
    (void)state;
    fx.cfg.delayed_ack_ms = 0;
    to_state(TERN_ESTABLISHED, ACTIVE);
    inject(ACK, 1, 1, 10);
    expect(ACK, 1, 11, 0);
}

/* [RFC9293 3.10.7.4 seventh] The ACK rides on data when there is some. */
static void ack_rides_on_data(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    inject(ACK, 1, 1, 100);
    app_write(50);
    expect(ACK, 1, 101, 50);
    advance(500);
    expect_none();
}

/* [RFC5681 4.2] At once: out of order, filling a hole, an old duplicate, a FIN. */
static void ack_at_once(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    inject(ACK, 101, 1, 100);
    expect(ACK, 1, 1, 0);
    inject(ACK, 201, 1, 100);
    expect(ACK, 1, 1, 0);
    inject(ACK, 1, 1, 50);
    expect(ACK, 1, 51, 0);
    inject(ACK, 51, 1, 50);
    expect(ACK, 1, 301, 0);
    inject(ACK, 1, 1, 300);
    expect(ACK, 1, 301, 0);
    inject(FIN | ACK, 301, 1, 0);
    expect(ACK, 1, 302, 0);
    expect_none();
}

/* [RFC5681 4.2] A duplicate ACK is one without data, so that the peer can count it, even when there is data to send. */
static void duplicate_acks_are_pure(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    inject(ACK, 101, 1, 100);
    app_write(50);
    expect(ACK, 1, 1, 0);
    expect(ACK, 1, 1, 50);
    inject(ACK, 201, 1, 100);
    expect(ACK, 51, 1, 0);
    expect_none();
}

static void inject_batch(const struct seg *s, size_t n) {
    static uint8_t bytes[16][2000];
    tern_packet p[16] = {{0}};
    for (size_t i = 0; i < n; i++) p[i] = (tern_packet){.data = bytes[i], .len = (uint32_t)build(bytes[i], &s[i])};
    assert_int_equal(tern_input(fx.stack, 0, p, n, fx.now), TERN_OK);
    fx_check();
}

/* [MUST-58, MUST-59] What arrived together is acknowledged once. */
static void acks_aggregate(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    struct seg s[10];
    for (uint32_t i = 0; i < 10; i++) s[i] = (struct seg){.flags = ACK, .seq = 1 + i * 1000, .ack = 1, .len = 1000};
    inject_batch(s, 10);
    expect(ACK, 1, 10001, 0);
    expect_none();
}

/* Out of order the peer's recovery counts duplicates: three of them must be there [RFC5681 3.2]. */
static void duplicates_in_a_batch(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    struct seg s[5];
    for (uint32_t i = 0; i < 5; i++) s[i] = (struct seg){.flags = ACK, .seq = 1001 + i * 1000, .ack = 1, .len = 1000};
    inject_batch(s, 5);
    for (unsigned i = 0; i < 3; i++) expect(ACK, 1, 1, 0);
    while (out_waiting()) expect(ACK, 1, 1, 0);
}

/* ---- the window offered ---- */

/* [SHLD-14, RFC9293 3.8.6] The right edge never moves back, whatever comes and is read. */
static void right_edge_stays(void **state) {
    (void)state;
    draw d = {7};
    bool scaled = fx.v6;
    fx.cfg.receive_buffer = fx.cfg.receive_buffer_max = 20000;
    fx.cfg.window_scale = scaled;
    if (scaled) fx.peer.wscale = 7;
    to_state(TERN_ESTABLISHED, ACTIVE);
    unsigned shift = now_status().rcv_wscale;
    uint32_t edge = 1 + 20000, next = 1;
    for (unsigned i = 0; i < 3000; i++) {
        uint32_t room = edge - next, n = min_u32(room, draw_below(&d, 1460));
        if (n) inject(ACK, next, 1, n);
        if (draw_below(&d, 3) == 0) app_read(draw_below(&d, 4000));
        advance(draw_below(&d, 60));
        while (out_waiting()) {
            expect(ACK, 1, ANY, 0);
            uint32_t now = fx.out.ack + ((uint32_t)fx.out.wnd << shift);
            assert_true((int32_t)(now + ((1u << shift) - 1) - edge) >=
                        0); /* scaling cuts off the low bits [RFC7323 2.4] */
            if ((int32_t)(now - edge) > 0) edge = now;
            next = fx.out.ack;
        }
        next = now_status().rcv_nxt - fx.peer.isn;
    }
    assert_true(next > 100000);
}

/* [MUST-39, RFC9293 3.8.6.2.2] A little room is not offered; half the buffer, or a full segment, is. */
static void silly_window_receiver(void **state) {
    (void)state;
    fx.cfg.receive_buffer = fx.cfg.receive_buffer_max = 8192;
    to_state(TERN_ESTABLISHED, ACTIVE);
    for (uint32_t i = 0; i < 8; i++) inject(ACK, 1 + i * 1024, 1, 1024);
    expect(ACK, 1, ANY, 0);
    advance(500);
    drop_out();
    assert_int_equal(fx.out.ack, 8193);
    assert_int_equal(app_read(100), 100);
    expect_none();
    inject(ACK, 8193, 1, 1); /* a probe: still shut, for there is less than a segment */
    expect(ACK, 1, 8193, 0);
    assert_int_equal(fx.out.wnd, 0);
    assert_int_equal(app_read(1200), 1200);
    inject(ACK, 8193, 1, 1); /* now there is more */
    expect(ACK, 1, ANY, 0);
    assert_in_range(fx.out.wnd, 1024, 1300);
    assert_int_equal(app_read(4096), 4096);
    advance(500);
    expect(ACK, 1, ANY, 0); /* told without being asked */
    assert_true(fx.out.wnd >= 4096);
}

/* The same where a segment is more than half of the buffer: then half of it is. */
static void silly_window_small_buffer(void **state) {
    (void)state;
    fx.cfg.receive_buffer = fx.cfg.receive_buffer_max = 1500;
    to_state(TERN_ESTABLISHED, ACTIVE);
    inject(ACK, 1, 1, 1000);
    inject(ACK, 1001, 1, 500);
    advance(500);
    drop_out();
    for (uint32_t read = 0; read < 750; read += 50) {
        inject(ACK, 1501, 1, 1); /* a probe */
        expect(ACK, 1, ANY, 0);
        assert_int_equal(fx.out.wnd, 0);
        assert_int_equal(app_read(50), 50);
    }
    expect(ACK, 1, ANY, 0); /* told without being asked */
    assert_in_range(fx.out.wnd, 749, 750);
}

/* Reading a byte at a time causes no flood of updates. */
static void small_reads(void **state) {
    (void)state;
    fx.cfg.receive_buffer = fx.cfg.receive_buffer_max = 8192;
    to_state(TERN_ESTABLISHED, ACTIVE);
    for (uint32_t i = 0; i < 8; i++) inject(ACK, 1 + i * 1024, 1, 1024);
    advance(500);
    drop_out();
    unsigned updates = 0;
    for (unsigned i = 0; i < 8192; i++) {
        assert_int_equal(app_read(1), 1);
        updates += drop_out();
    }
    assert_in_range(updates, 1, 8);
}

/* The default buffer without scaling: no update can offer more than 65535. */
static void no_useless_updates(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    for (uint32_t i = 0; i < 10; i++) {
        inject(ACK, 1 + i * 100, 1, 100);
        assert_int_equal(app_read(1000), 100);
        expect_none();
        advance(100);
        expect(ACK, 1, 101 + i * 100, 0);
        expect_none();
    }
}

/* ---- window scaling: RFC 7323 2 ---- */

static void scaling(int peer_shift, bool ours) {
    bool v6 = fx.v6;
    fx_down();
    fx_reset(v6);
    fx.cfg.window_scale = ours;
    fx.peer.wscale = peer_shift;
}

/* [RFC7323 2.2] Only if both ask; the window of a SYN is as it stands; a shift above 14 counts as 14 [2.3]. */
static void window_scale_negotiation(void **state) {
    (void)state;
    scaling(-1, true);
    to_state(TERN_SYN_SENT, ACTIVE);
    assert_true(fx.out.wscale >= 0 && fx.out.wscale <= 14);
    assert_int_equal(fx.out.wnd, 65535);
    inject(SYN | ACK, 0, 1, 0);
    expect(ACK, 1, 1, 0);
    assert_int_equal(now_status().snd_wscale, 0);
    assert_int_equal(now_status().rcv_wscale, 0);
    inject_with(.flags = ACK, .seq = 1, .ack = 1, .wnd = 1000);
    assert_int_equal(now_status().snd_wnd, 1000);

    scaling(7, true);
    to_state(TERN_ESTABLISHED, ACTIVE);
    assert_int_equal(now_status().snd_wnd, 60000); /* the SYN,ACK's */
    inject_with(.flags = ACK, .seq = 1, .ack = 1, .wnd = 1000);
    assert_int_equal(now_status().snd_wnd, 128000);

    scaling(15, true);
    to_state(TERN_ESTABLISHED, ACTIVE);
    inject_with(.flags = ACK, .seq = 1, .ack = 1, .wnd = 65535);
    assert_int_equal(now_status().snd_wnd, 65535u << 14);
    assert_int_equal(now_status().snd_wscale, 14);

    scaling(7, false);
    to_state(TERN_SYN_SENT, ACTIVE);
    assert_int_equal(fx.out.wscale, -1);

    scaling(-1, true);
    assert_int_equal(app_listen(0, 0), TERN_OK);
    inject(SYN, 0, 0, 0);
    expect(SYN | ACK, 0, 1, 0);
    assert_int_equal(fx.out.wscale, -1);

    scaling(3, true);
    assert_int_equal(app_listen(0, 0), TERN_OK);
    inject(SYN, 0, 0, 0);
    expect(SYN | ACK, 0, 1, 0);
    assert_true(fx.out.wscale >= 0);
    assert_int_equal(fx.out.wnd, 65535);
    inject_with(.flags = ACK, .seq = 1, .ack = 1, .wnd = 10000);
    assert_int_equal(now_status().snd_wnd, 80000);
}

/* The scaled window lets that much through, in both directions. */
static void window_scale_works(void **state) {
    (void)state;
    fx.cfg.window_scale = 1;
    fx.cfg.initial_window = 1000;
    fx.cfg.send_buffer = fx.cfg.receive_buffer = 1 << 20;
    fx.peer.wscale = 4;
    fx.peer.mss = 1400;
    to_state(TERN_ESTABLISHED, ACTIVE);
    inject_with(.flags = ACK, .seq = 1, .ack = 1, .wnd = 20000); /* 320000 bytes */
    for (unsigned i = 0; i < 400; i++) app_write(1000);
    uint32_t sent = 0;
    while (out_waiting()) {
        expect(ACK, 1 + sent, 1, ANY);
        sent += fx.out.len;
    }
    assert_in_range(sent, 320000 - 1400, 320000);
    unsigned shift = now_status().rcv_wscale;
    uint32_t wnd = (uint32_t)fx.out.wnd << shift;
    assert_true(wnd > 500000);
    for (uint32_t i = 0; i < 300; i++) inject(ACK, 1 + i * 1400, 1 + sent, 1400);
    drop_out();
    assert_int_equal(app_read(UINT32_MAX), 300 * 1400);
}

/* ---- timestamps: RFC 7323 3 to 5 ---- */

static void with_timestamps(void) {
    fx.cfg.timestamps = 1;
    fx.peer.ts = true;
}

/* [RFC7323 3.2] Offered, agreed to only if offered, then in every segment but RST. */
static void timestamp_negotiation(void **state) {
    (void)state;
    with_timestamps();
    to_state(TERN_SYN_SENT, ACTIVE);
    assert_true(fx.out.ts);
    assert_int_equal(fx.out.ts_echo, 0);
    inject(SYN | ACK, 0, 1, 0);
    expect(ACK, 1, 1, 0);
    assert_true(fx.out.ts);
    assert_int_equal(fx.out.ts_echo, 5000);
    app_write(10);
    expect(ACK, 1, 1, 10);
    assert_true(fx.out.ts);
    fx_new_peer(MY_PORT + 1, PEER_PORT);
    fx.peer.ts = false;
    to_state(TERN_ESTABLISHED, ACTIVE);
    assert_false(fx.out.ts);
    app_write(10);
    expect(ACK, 1, 1, 10);
    assert_false(fx.out.ts);
    fx_new_peer(80, PEER_PORT);
    to_state(TERN_SYN_RECEIVED, PASSIVE);
    assert_false(fx.out.ts);
    fx.peer.ts = true;
    fx_new_peer(80, PEER_PORT + 1);
    inject(SYN, 0, 0, 0);
    expect(SYN | ACK, 0, 1, 0);
    assert_true(fx.out.ts);
    assert_int_equal(fx.out.ts_echo, 5000);
}

/* [RFC7323 5.4] The clock ticks at 1 ms to 1 s; here every ms. [RFC7323 7.1] Two connections show different clocks. */
static void timestamp_clock(void **state) {
    (void)state;
    with_timestamps();
    to_state(TERN_ESTABLISHED, ACTIVE);
    uint32_t first = fx.out.ts_value;
    advance(250);
    app_write(1);
    expect(ACK, 1, 1, 1);
    assert_int_equal(fx.out.ts_value - first, 250);
    uint32_t here = fx.out.ts_value;
    fx_new_peer(MY_PORT + 1, PEER_PORT);
    to_state(TERN_ESTABLISHED, ACTIVE);
    assert_true(fx.out.ts_value - here > 100000 && here - fx.out.ts_value > 100000);
    enum { N = 64 };
    uint32_t eighths[8] = {0};
    for (uint16_t i = 0; i < N; i++) { /* at one instant, what different peers are shown is anywhere */
        fx_new_peer(MY_PORT, (uint16_t)(PEER_PORT + 1 + i));
        assert_int_equal(app_connect(), TERN_OK);
        expect(SYN, 0, 0, 0);
        eighths[fx.out.ts_value >> 29]++;
    }
    for (unsigned i = 0; i < 8; i++) assert_in_range(eighths[i], 1, N / 3);
}

/* [RFC7323 4.3] The echo is of the oldest segment not yet acknowledged; a later one, or one behind a hole, changes
 * nothing. */
static void timestamp_echo(void **state) {
    (void)state;
    with_timestamps();
    to_state(TERN_ESTABLISHED, ACTIVE);
    fx.peer.ts_value = 6000;
    inject(ACK, 1, 1, 100);
    fx.peer.ts_value = 6010;
    inject(ACK, 101, 1, 100);
    expect(ACK, 1, 201, 0);
    assert_int_equal(fx.out.ts_echo, 6000);
    fx.peer.ts_value = 6020;
    inject(ACK, 301, 1, 100); /* a hole */
    expect(ACK, 1, 201, 0);
    assert_int_equal(fx.out.ts_echo, 6000);
    fx.peer.ts_value = 6030;
    inject(ACK, 201, 1, 100); /* fills it */
    expect(ACK, 1, 401, 0);
    assert_int_equal(fx.out.ts_echo, 6030);
}

/* [RFC7323 5.3] An older timestamp: acknowledged and dropped, with all it carries. */
static void paws(void **state) {
    (void)state;
    with_timestamps();
    to_state(TERN_ESTABLISHED, ACTIVE);
    inject(ACK, 1, 1, 100);
    drop_out();
    fx.peer.ts_value = 4999;
    inject(ACK, 101, 1, 100);
    expect(ACK, 1, 101, 0);
    inject(FIN | ACK, 101, 1, 0);
    expect(ACK, 1, 101, 0);
    expect_state(TERN_ESTABLISHED);
    expect_read(100);
    fx.peer.ts_value = 5000; /* equal is good */
    inject(ACK, 101, 1, 100);
    expect_read(100);
    fx.peer.ts_value = 4000; /* a RST is not judged by it */
    inject(RST, 201, 0, 0);
    expect_state(TERN_CLOSED);
}

static void stamped(uint32_t ts, uint32_t at) {
    fx.peer.ts_value = ts;
    inject(ACK, at, 1, 100);
}

/* [RFC7323 5.3] names an example of what R1 drops needlessly: B is lost, and D is delayed until B's repetition has come,
 * with its newer timestamp. D is taken. What is older than the hole is not, nor anything when there is no hole. */
static void overtaken(void **state) {
    (void)state;
    with_timestamps();
    to_state(TERN_ESTABLISHED, ACTIVE);
    stamped(5000, 1);
    stamped(5012, 201);
    stamped(5014, 401);
    drop_out();
    stamped(5030, 101);
    drop_out();
    stamped(4999, 301);
    expect(ACK, 1, 301, 0);
    stamped(5013, 301);
    expect(ACK, 1, 501, 0);
    assert_int_equal(fx.out.ts_echo, 5030); /* nor does it turn the echo back */
    expect_read(500);
    stamped(5015, 501);
    drop_out();
    expect_read(0);
}

/* [RFC7323 5.2] A RST in answer to a timestamp echoes it; its own is the one that was echoed, if any (docs/decisions/0025). Only an
 * ACK echoes [RFC7323 3.2]. */
static void stamps_of_resets(void **state) {
    (void)state;
    fx_up();
    inject_seg(&(struct seg){.flags = ACK, .seq = 5, .ack = 7, .ts = true, .ts_value = 1200, .ts_echo = 77});
    expect(RST, 7, ANY, 0);
    assert_int_equal(fx.out.ts_value, 77);
    assert_int_equal(fx.out.ts_echo, 1200);
    inject_seg(&(struct seg){.flags = SYN, .seq = 5, .ts = true, .ts_value = 1300, .ts_echo = 77});
    expect(RST | ACK, ANY, 6, 0);
    assert_int_equal(fx.out.ts_value, 0);
    assert_int_equal(fx.out.ts_echo, 1300);
}

/* However long there are holes, what left two windows ago is too old. */
static void overtaken_long_ago(void **state) {
    (void)state;
    with_timestamps();
    to_state(TERN_ESTABLISHED, ACTIVE);
    uint32_t at = 1, window = now_status().receive_buffer, ts = 6000;
    stamped(ts, at + 100);
    for (; at < 4 * window; at += 200) { /* the next hole is there before the last is filled */
        stamped(++ts, at + 300);
        stamped(++ts, at);
        expect_read(200);
        drop_out();
    }
    stamped(6000, at);
    expect(ACK, 1, at, 0);
    expect_read(0);
    stamped(ts - 4, at);
    expect_read(200);
}

/* [RFC7323 5.2] Compared as numbers that wrap. */
static void paws_wraps(void **state) {
    (void)state;
    with_timestamps();
    fx.peer.ts_value = 0xfffffff0;
    to_state(TERN_ESTABLISHED, ACTIVE);
    fx.peer.ts_value = 5;
    inject(ACK, 1, 1, 10);
    expect_read(10);
    drop_out();
    fx.peer.ts_value = 0xfffffff5;
    inject(ACK, 11, 1, 10);
    expect(ACK, 1, 11, 0);
    expect_read(0);
}

/* [RFC7323 5.5] After 24 idle days the remembered timestamp counts no more. */
static void paws_after_24_days(void **state) {
    (void)state;
    with_timestamps();
    to_state(TERN_ESTABLISHED, ACTIVE);
    advance(UINT64_C(23) * 24 * 3600 * 1000);
    fx.peer.ts_value = 4000;
    inject(ACK, 1, 1, 10);
    expect(ACK, 1, 1, 0);
    advance(UINT64_C(2) * 24 * 3600 * 1000);
    inject(ACK, 1, 1, 10);
    expect_read(10);
    drop_out();
    for (uint32_t i = 0; i < 3; i++) { /* it counts from the last segment that set it */
        advance(UINT64_C(20) * 24 * 3600 * 1000);
        fx.peer.ts_value += 1000;
        inject(ACK, 11 + 10 * i, 1, 10);
        expect_read(10);
        advance(500);
        drop_out();
    }
    fx.peer.ts_value -= 1;
    inject(ACK, 41, 1, 10);
    expect(ACK, 1, 41, 0);
    expect_read(0);
}

/* [RFC7323 3.2] Agreed but missing: dropped in silence. */
static void timestamp_missing(void **state) {
    (void)state;
    with_timestamps();
    to_state(TERN_ESTABLISHED, ACTIVE);
    inject_with(.flags = ACK, .seq = 1, .ack = 1, .len = 10, .no_ts = true);
    expect_none();
    expect_read(0);
    inject_with(.flags = RST, .seq = 1, .no_ts = true);
    expect_state(TERN_CLOSED);
}

/* (attack list B9, CVE-2005-0356) What is not acceptable in every number sets no clock. */
static void paws_poisoning(void **state) {
    (void)state;
    with_timestamps();
    to_state(TERN_ESTABLISHED, ACTIVE);
    static const struct {
        uint32_t at, ack, len;
    } bad[] = {{1, 1u << 30, 0}, {1, 1u << 30, 10}, {1u << 30, 1, 0}, {(uint32_t)-10, 1, 5}, {1, 0x90000000, 0}};
    for (unsigned i = 0; i < ARRAY_LEN(bad); i++)
        inject_with(.flags = ACK, .seq = bad[i].at, .ack = bad[i].ack, .len = bad[i].len, .ts = true,
                    .ts_value = 5000 + (1u << 30));
    inject_with(.flags = SYN, .seq = 1, .ts = true, .ts_value = 5000 + (1u << 30));
    inject_with(.flags = RST, .seq = 2, .ts = true, .ts_value = 5000 + (1u << 30));
    inject_with(.flags = 0, .seq = 1, .ts = true, .ts_value = 5000 + (1u << 30));
    drop_out();
    inject(ACK, 1, 1, 10);
    expect_read(10);
}

/* ---- SACK: RFC 2018 ---- */

static void with_sack(void) {
    fx.cfg.sack = 1;
    fx.peer.sack = true;
}

static void expect_blocks(unsigned n, const uint32_t (*blocks)[2]) {
    expect(ACK, ANY, ANY, 0);
    assert_int_equal(fx.out.sacks, n);
    for (unsigned i = 0; i < n; i++) {
        assert_int_equal(fx.out.sack[i][0], blocks[i][0]);
        assert_int_equal(fx.out.sack[i][1], blocks[i][1]);
    }
}

/* [RFC2018 2] */
static void sack_negotiation(void **state) {
    (void)state;
    with_sack();
    to_state(TERN_SYN_SENT, ACTIVE);
    assert_true(fx.out.sack_ok);
    fx.peer.sack = false;
    inject(SYN | ACK, 0, 1, 0);
    expect(ACK, 1, 1, 0);
    inject(ACK, 101, 1, 10);
    expect_blocks(0, NULL);
    fx_new_peer(80, PEER_PORT);
    to_state(TERN_SYN_RECEIVED, PASSIVE);
    assert_false(fx.out.sack_ok);
    fx.peer.sack = true;
    fx_new_peer(80, PEER_PORT + 1);
    inject(SYN, 0, 0, 0);
    expect(SYN | ACK, 0, 1, 0);
    assert_true(fx.out.sack_ok);
}

/* [RFC2018 4] The block that just came first; what touches is one block; none when all is there. */
static void sack_blocks_sent(void **state) {
    (void)state;
    with_sack();
    to_state(TERN_ESTABLISHED, ACTIVE);
    inject(ACK, 101, 1, 100);
    expect_blocks(1, (const uint32_t[][2]){{101, 201}});
    inject(ACK, 301, 1, 100);
    expect_blocks(2, (const uint32_t[][2]){{301, 401}, {101, 201}});
    inject(ACK, 201, 1, 50);
    expect_blocks(2, (const uint32_t[][2]){{101, 251}, {301, 401}});
    inject(ACK, 251, 1, 50);
    expect_blocks(1, (const uint32_t[][2]){{101, 401}});
    inject(ACK, 1, 1, 100);
    expect_blocks(0, NULL);
    expect_read(400);
}

/* The example of RFC 2018 5, case 3: of eight segments of 500 bytes the second, fourth, sixth and eighth are lost; then
 * the fourth and the second come. What was told last is told again. */
static void sack_blocks_repeated(void **state) {
    (void)state;
    with_sack();
    to_state(TERN_ESTABLISHED, ACTIVE);
    inject(ACK, 1, 1, 500);
    drop_out();
    inject(ACK, 1001, 1, 500);
    expect_blocks(1, (const uint32_t[][2]){{1001, 1501}});
    inject(ACK, 2001, 1, 500);
    expect_blocks(2, (const uint32_t[][2]){{2001, 2501}, {1001, 1501}});
    inject(ACK, 3001, 1, 500);
    expect_blocks(3, (const uint32_t[][2]){{3001, 3501}, {2001, 2501}, {1001, 1501}});
    inject(ACK, 1501, 1, 500);
    expect_blocks(2, (const uint32_t[][2]){{1001, 2501}, {3001, 3501}});
    inject(ACK, 501, 1, 500);
    expect_blocks(1, (const uint32_t[][2]){{3001, 3501}});
}

/* In whatever order they came, the newest are told first [RFC2018 4]. */
static void sack_newest_first(void **state) {
    (void)state;
    with_sack();
    to_state(TERN_ESTABLISHED, ACTIVE);
    static const uint32_t at[] = {801, 201, 501, 1101, 1401};
    for (unsigned i = 0; i < 5; i++) {
        drop_out();
        inject(ACK, at[i], 1, 100);
    }
    expect_blocks(4, (const uint32_t[][2]){{1401, 1501}, {1101, 1201}, {501, 601}, {201, 301}});
    inject(ACK, 201, 1, 100); /* twice: a report of the duplicate, then its block, then the newest [RFC2883 4] */
    expect_blocks(4, (const uint32_t[][2]){{201, 301}, {201, 301}, {1401, 1501}, {1101, 1201}});
}

/* [RFC2018 3] As many as there is room for: 4, or 3 with timestamps; the triggering one always among them, and
 * first. */
static void sack_room(bool stamps) {
    bool v6 = fx.v6;
    fx_down();
    fx_reset(v6);
    with_sack();
    if (stamps) with_timestamps();
    to_state(TERN_ESTABLISHED, ACTIVE);
    for (uint32_t i = 0; i < 8; i++) {
        uint32_t at = 101 + 200 * (i * 5 % 8); /* in no order */
        inject(ACK, at, 1, 100);
        expect(ACK, 1, 1, 0);
        unsigned most = stamps ? 3 : 4;
        assert_int_equal(fx.out.sacks, min_u32(i + 1, most));
        assert_int_equal(fx.out.sack[0][0], at);
        assert_int_equal(fx.out.sack[0][1], at + 100);
        for (unsigned k = 1; k < fx.out.sacks; k++)
            for (unsigned m = 0; m < k; m++) assert_int_not_equal(fx.out.sack[k][0], fx.out.sack[m][0]);
    }
}
static void sack_option_room(void **state) {
    (void)state;
    sack_room(false);
    sack_room(true);
}

/* Data segments carry the blocks too and stay within the MSS and the MTU. */
static void sack_on_data(void **state) {
    (void)state;
    with_sack();
    fx.peer.mss = 1460;
    to_state(TERN_ESTABLISHED, ACTIVE);
    inject(ACK, 101, 1, 100);
    drop_out();
    app_write(4000);
    expect(ACK, 1, 1, ANY);
    assert_true(fx.out.len + fx.out.options_len <= (fx.v6 ? 1440u : 1460u));
}

/* ---- options of any shape ---- */

/* [MUST-4, MUST-5, MUST-6, MUST-64] Unknown kinds are passed over, nothing needs alignment. */
static void options_odd(void **state) {
    (void)state;
    static const uint8_t odd[] = {1, 77, 5, 1, 2, 3, 2, 4, 0x03, 0x00, 1, 200, 2, 3, 3, 2, 30, 4, 9, 9, 0, 2, 4, 0};
    fx.cfg.window_scale = 1;
    fx_up();
    assert_int_equal(app_connect(), TERN_OK);
    expect(SYN, 0, 0, 0);
    inject_with(.flags = SYN | ACK, .ack = 1, .raw = odd, .raw_len = sizeof odd);
    expect(ACK, 1, 1, 0);
    assert_int_equal(now_status().mss, 0x300);
    assert_int_equal(now_status().snd_wscale, 2);
    static const uint8_t late[] = {99, 4, 1, 2, 1, 1, 1, 0};
    inject_with(.flags = ACK, .seq = 1, .ack = 1, .len = 10, .raw = late, .raw_len = sizeof late);
    expect_read(10);
}

/* [MUST-7] (attack list A3) Impossible lengths: no crash, nothing read beyond, the connection stays. */
static void options_broken(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    for (unsigned at = 0; at < 40; at++) {
        for (unsigned kind = 0; kind < 256; kind += kind < 35 ? 1 : 31) {
            for (unsigned len = 0; len < 256; len += len < 42 ? 1 : 53) {
                uint8_t raw[40];
                memset(raw, 1, sizeof raw);
                raw[at] = (uint8_t)kind;
                if (at < 39) raw[at + 1] = (uint8_t)len;
                inject_with(.flags = ACK, .seq = 1, .ack = 1, .raw = raw, .raw_len = 40);
            }
        }
        drop_out();
    }
    expect_state(TERN_ESTABLISHED);
    inject(ACK, 1, 1, 10);
    expect_read(10);
}

/* (attack list A2, A6) Every data offset at every length; every truncation. */
static void header_lengths(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    uint8_t p[256];
    size_t head = fx.v6 ? 40 : 20, n = build(p, &(struct seg){.flags = FIN | ACK, .seq = 1, .ack = 1, .len = 60});
    for (size_t cut = 0; cut < n; cut++) inject_raw(p, cut);
    n = build(p, &(struct seg){.flags = FIN | ACK, .seq = 1, .ack = 1});
    uint32_t sum = 0xffffu ^ ((uint32_t)p[head + 16] << 8 | p[head + 17]);
    for (uint32_t offset = 0; offset < 16; offset++) {
        if (offset == 5) continue;
        uint32_t now = (sum + (offset << 12) + 0xffffu - 0x5000u) % 0xffffu; /* the checksum stays right */
        p[head + 12] = (uint8_t)(offset << 4);
        p[head + 16] = (uint8_t)(~now >> 8);
        p[head + 17] = (uint8_t)~now;
        inject_raw(p, n);
    }
    assert_int_equal(counted(R_TCP_BAD_OFFSET), 15);
    drop_out();
    expect_state(TERN_ESTABLISHED);
    expect_read(0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        BOTH(delayed_ack),
        BOTH(every_second_segment),
        BOTH(ack_at_once_if_asked),
        BOTH(ack_rides_on_data),
        BOTH(ack_at_once),
        BOTH(duplicate_acks_are_pure),
        BOTH(acks_aggregate),
        BOTH(duplicates_in_a_batch),
        BOTH(right_edge_stays),
        BOTH(stamps_of_resets),
        BOTH(silly_window_receiver),
        BOTH(silly_window_small_buffer),
        BOTH(small_reads),
        BOTH(no_useless_updates),
        BOTH(window_scale_negotiation),
        BOTH(window_scale_works),
        BOTH(timestamp_negotiation),
        BOTH(timestamp_clock),
        BOTH(timestamp_echo),
        BOTH(paws),
        BOTH(overtaken),
        BOTH(overtaken_long_ago),
        BOTH(paws_wraps),
        BOTH(paws_after_24_days),
        BOTH(timestamp_missing),
        BOTH(paws_poisoning),
        BOTH(sack_negotiation),
        BOTH(sack_blocks_sent),
        BOTH(sack_blocks_repeated),
        BOTH(sack_newest_first),
        BOTH(sack_option_room),
        BOTH(sack_on_data),
        BOTH(options_odd),
        BOTH(options_broken),
        BOTH(header_lengths),
    };
    return cmocka_run_group_tests_name("tcp receive", tests, NULL, NULL);
}
