/* test_tcp_told.c - what the host tells of its connections is what they are: every record of the trace against the packet on the
 * wire, every field of STATUS (RFC 9293 3.10.6) through a life, the list of all records, and the counts. */
#include "recovery_script.h"

enum { MOST = 64 };
static tern_trace told[MOST];
static unsigned tolds;

static void hear(void *ctx, const tern_trace *r) {
    (void)ctx;
    assert_true(tolds < MOST);
    told[tolds++] = *r;
}

static void all_options(void) {
    fx.cfg.timestamps = fx.cfg.sack = fx.cfg.window_scale = 1;
    fx.peer.ts = fx.peer.sack = true;
    fx.peer.wscale = 3;
    fx.peer.ts_value = 7000;
    fx.cfg.congestion = TERN_NEWRENO;
    fx_up();
}

/* The record of the one segment that was told since the last look. */
static const tern_trace *one(enum tern_trace_kind kind) {
    const tern_trace *found = NULL;
    for (unsigned i = 0; i < tolds; i++) {
        if (told[i].kind != kind) continue;
        assert_null(found);
        found = &told[i];
    }
    assert_non_null(found);
    tolds = 0;
    return found;
}

static void same_as_out(void) {
    const tern_trace *r = one(TERN_TRACE_SEGMENT_OUT);
    const struct out *o = &fx.out;
    assert_true(r->seg.seq == o->abs_seq && r->seg.ack == o->abs_ack && r->seg.len == o->len);
    assert_true(r->seg.flags == o->flags && r->seg.window == o->wnd && r->seg.mss == o->mss);
    assert_true(r->seg.wscale == o->wscale && r->seg.sack_permitted == o->sack_ok && r->seg.has_timestamps == o->ts);
    assert_true(r->seg.ts_value == (o->ts ? o->ts_value : 0) && r->seg.ts_echo == (o->ts ? o->ts_echo : 0));
    assert_true(r->seg.sack_count == o->sacks && r->seg.options_len == o->options_len);
    for (unsigned i = 0; i < o->sacks; i++)
        assert_true(r->seg.sack[i].left - fx.peer.isn == o->sack[i][0] &&
                    r->seg.sack[i].right - fx.peer.isn == o->sack[i][1]);
    assert_true(r->flow.local_port == o->sport && r->flow.remote_port == o->dport);
    assert_int_equal(r->time_ns, o->at_ns);
}

/* The control block in a record is the one that STATUS tells of. */
static void same_as_status(const tern_trace *r) {
    tern_status_info i = fx_status();
    assert_true(r->tcb.valid && r->serial == i.serial && r->state == i.state);
    assert_true(r->tcb.iss == i.iss && r->tcb.irs == i.irs && r->tcb.snd_una == i.snd_una &&
                r->tcb.snd_nxt == i.snd_nxt);
    assert_true(r->tcb.rcv_nxt == i.rcv_nxt && r->tcb.snd_wnd == i.snd_wnd && r->tcb.rcv_wnd == i.rcv_wnd);
    assert_true(r->tcb.cwnd == i.cwnd && r->tcb.ssthresh == i.ssthresh && r->tcb.srtt_us == i.srtt_us);
    assert_true(r->tcb.snd_wscale == i.snd_wscale && r->tcb.rcv_wscale == i.rcv_wscale);
    uint32_t rto = tcb_now()->rto_us;
    assert_int_equal(r->tcb.rto_ms, rto / 1000 + (rto % 1000 != 0));
}

static void every_segment(void **state) {
    (void)state;
    all_options();
    tern_trace_set(fx.stack, TERN_TRACE_SEGMENT_OUT | TERN_TRACE_SEGMENT_IN | TERN_TRACE_WINDOW, hear, NULL);
    tolds = 0;
    assert_int_equal(app_connect(), TERN_OK);
    expect(SYN, 0, 0, 0);
    same_as_out();
    assert_true(fx.out.mss && fx.out.wscale >= 0 && fx.out.sack_ok && fx.out.ts);
    advance(7);
    inject(SYN | ACK, 0, 1, 0);
    const tern_trace *r = one(TERN_TRACE_SEGMENT_IN);
    assert_true(r->seg.seq == fx.peer.isn && r->seg.ack == fx.iss + 1 && r->seg.flags == (SYN | ACK) &&
                r->seg.len == 0);
    assert_true(r->seg.window == fx.peer.wnd && r->seg.mss == fx.peer.mss && r->seg.wscale == 3 &&
                r->seg.sack_permitted);
    assert_true(r->seg.has_timestamps && r->seg.ts_value == 7000 && r->reason == R_SYNSENT_SYN_ACK);
    assert_true(r->state_before == TERN_SYN_SENT && r->state == TERN_ESTABLISHED);
    same_as_status(r);
    expect(ACK, 1, 1, 0);
    same_as_out();
    app_write(100);
    expect(ACK, 1, 1, 100);
    same_as_out();
    inject(ACK, 201, 1, 50); /* beyond a hole: the answer tells of it */
    expect(ACK, 101, 1, 0);
    assert_int_equal(fx.out.sacks, 1);
    tolds = 0;
    advance(13);
    fx.peer.ts_value += 13;
    inject(ACK, 301, 101, 60);
    for (unsigned i = 0; i < tolds; i++) same_as_status(&told[i]);
    r = NULL;
    for (unsigned i = 0; i < tolds; i++)
        if (told[i].kind == TERN_TRACE_SEGMENT_IN) r = &told[i];
    assert_true(r && r->seg.len == 60 && r->seg.options_len == 12 && r->reason == R_TEXT_OUT_OF_ORDER);
    tolds = 0;
    expect(ACK, 101, 1, 0);
    assert_int_equal(fx.out.sacks, 2);
    same_as_out();
    tern_trace_set(fx.stack, 0, NULL, NULL);
}

static struct { uint32_t cwnd, ssthresh; } window;

static void hear_window(void *ctx, const tern_trace *r) {
    (void)ctx;
    window.cwnd = r->tcb.cwnd;
    window.ssthresh = r->tcb.ssthresh;
}

#define window_is_told() fx_window_is_told(__LINE__)
static void fx_window_is_told(int line) {
    tern_status_info i = fx_status();
    if (window.cwnd != i.cwnd || window.ssthresh != i.ssthresh)
        fail_msg("line %d: told %u and %u, but it is %u and %u", line, window.cwnd, window.ssthresh, i.cwnd,
                 i.ssthresh);
}

/* Whenever the window opens or shuts, whatever for, the trace tells of it. */
static void the_window(void **state) {
    (void)state;
    for (unsigned sacked = 0; sacked < 2; sacked++) {
        open_with(TERN_NEWRENO, false);
        if (!sacked) {
            bool v6 = fx.v6;
            fx_down();
            fx_reset(v6);
            fx.cfg.pacing = fx.cfg.nagle = 0;
            to_state(TERN_ESTABLISHED, ACTIVE);
        }
        tern_trace_set(fx.stack, TERN_TRACE_WINDOW, hear_window, NULL);
        send_segments(1, 10);
        advance(RTT);
        ack_only(behind(1)); /* slow start */
        window_is_told();
        for (uint32_t k = 3; k <= 8; k++) { /* the second is lost */
            if (sacked)
                sack(behind(1), {from(3), behind(k)});
            else
                ack_only(behind(1));
            window_is_told();
        }
        assert_true(tcb_now()->in_recovery && drop_out() > 0);
        advance(RTT);
        ack_only(behind(5)); /* the sixth too */
        window_is_told();
        drop_out();
        ack_only(behind(10));
        window_is_told();
        assert_false(tcb_now()->in_recovery);
        app_write(2 * M);
        drop_out();
        while (fx_status().timeouts == 0) assert_true(wait_out(10000) <= 10000 && drop_out() > 0);
        assert_int_equal(fx_status().cwnd, M);
        window_is_told();
        ack_only(behind(12));
        window_is_told();
        tern_trace_set(fx.stack, 0, NULL, NULL);
        fx_down();
        fx_reset(fx.v6);
    }
}

/* ---- STATUS ---- */

static void a_life(void **state) {
    (void)state;
    all_options();
    tern_status_info i;
    assert_int_equal(app_connect(), TERN_OK);
    i = fx_status();
    assert_true(i.state == TERN_SYN_SENT && !i.passive && !i.closed_by_user && !i.peer_closed && i.error == 0);
    assert_true(i.bytes_sent == 0 && i.bytes_acked == 0 && i.bytes_received == 0 && i.idle_ms == 0 &&
                i.send_queued == 0);
    expect(SYN, 0, 0, 0);
    i = fx_status();
    assert_true(i.snd_una == i.iss && i.snd_nxt == i.iss + 1 && i.segments_out == 1 && i.segments_in == 0);
    assert_true(strcmp(i.timer, "retransmission") == 0 && i.timer_ns == fx.now + 1000 * MS_NS && i.rto_ms == 1000);
    advance(100);
    inject_with(.flags = SYN | ACK, .ack = 1, .wnd = 5000);
    expect(ACK, 1, 1, 0);
    fx.peer.ts_value += 100;
    i = fx_status();
    assert_true(i.state == TERN_ESTABLISHED && i.irs == fx.peer.isn && i.rcv_nxt == i.irs + 1 &&
                i.snd_una == i.iss + 1);
    assert_true(i.snd_wnd == 5000 && i.snd_wscale == 3 && i.timestamps && i.sack && i.ecn == 0); /* not scaled yet */
    assert_true(i.mss == fx.peer.mss - 12u && i.mss_peer == fx.peer.mss && i.srtt_us == 100000 && i.rttvar_us == 50000);
    assert_true(i.rto_ms == 1000 && i.cwnd == 10u * i.mss && i.min_rtt_us == 0 && i.congestion == TERN_NEWRENO);
    assert_true(i.recovery == TERN_RECOVERY_NONE && i.timer_ns == TERN_NEVER && i.timer[0] == 0 && !i.persisting);
    inject_with(.flags = ACK, .seq = 1, .ack = 1, .wnd = 5000);
    assert_int_equal(fx_status().snd_wnd, 40000);
    uint32_t m = i.mss;
    app_write(3 * m + 10);
    i = fx_status();
    assert_true(i.send_queued == 3 * m + 10 && i.send_unsent == 3 * m + 10 && i.bytes_sent == 0);
    assert_int_equal(drop_out(), 3); /* the rest waits: Nagle */
    i = fx_status();
    assert_true(i.send_unsent == 10 && i.bytes_sent == 3 * m && i.bytes_acked == 0 && i.segments_out == 5 &&
                i.idle_ms == 0);
    uint32_t space = i.send_space;
    advance(20);
    assert_int_equal(fx_status().idle_ms, 20);
    inject(ACK, 1, 1 + m, 0);
    i = fx_status();
    assert_true(i.bytes_acked == m && i.send_queued == 2 * m + 10 && i.send_space >= space &&
                i.snd_una == i.iss + 1 + m);
    assert_true(i.min_rtt_us == 20000);
    inject(ACK, 1, 1 + m, 700);
    inject(ACK, 701, 1 + m, 200);
    i = fx_status();
    assert_true(i.receive_queued == 900 && i.bytes_received == 900 && i.mss_received == 700 && i.segments_in == 5);
    assert_int_equal(app_read(300), 300);
    i = fx_status();
    assert_true(i.receive_queued == 600 && i.bytes_received == 900 && i.rcv_nxt == i.irs + 901);
    inject(FIN | ACK, 901, 1 + 3 * m, 0);
    drop_out();
    i = fx_status();
    assert_true(i.state == TERN_CLOSE_WAIT && i.peer_closed && !i.closed_by_user && i.bytes_received == 900);
    assert_true(i.rcv_nxt == i.irs + 902 && i.receive_queued == 600);
    assert_int_equal(tern_shutdown(fx.stack, fx.sock), TERN_OK);
    drop_out();
    i = fx_status();
    assert_true(i.state == TERN_LAST_ACK && i.closed_by_user && i.bytes_sent == 3 * m + 10 && i.bytes_acked == 3 * m);
    assert_true(i.snd_nxt == i.iss + 1 + 3 * m + 11 && i.send_queued == 10 && i.send_unsent == 0);
    inject(ACK, 902, 1 + 3 * m + 11, 0);
    assert_int_equal(tern_status(fx.stack, fx.sock, &i), TERN_OK);
    assert_true(i.state == TERN_CLOSED && i.bytes_acked == 3 * m + 10 && i.send_queued == 0 && i.receive_queued == 600);
}

/* What is repeated, and why. So few bytes are never too many for a path. */
static void repetitions(void **state) {
    (void)state;
    fx.cfg.sack = 1;
    fx.peer.sack = true;
    to_state(TERN_ESTABLISHED, ACTIVE);
    app_write(500);
    drop_out();
    tern_status_info i = fx_status();
    assert_true(i.retransmitted == 0 && i.again_last == R_NONE && i.timeouts == 0 && i.backoff == 0);
    assert_true(i.bytes_again == 0 && i.timeouts_all == 0 && i.again_by_probe == 0 && i.again_by_timer == 0);
    uint64_t memory = i.memory;
    for (unsigned n = 1; n <= 5; n++) {
        wait_out(100000);
        assert_int_equal(drop_out(), 1);
        i = fx_status();
        assert_int_equal(i.retransmitted, n);
        assert_int_equal(i.again_last, n == 1 ? R_REXMIT_TLP : R_REXMIT_RTO);
        assert_int_equal(i.timeouts, n - 1);
        assert_int_equal(i.backoff, n - 1);
        assert_int_equal(i.again_by_probe, 1);
        assert_int_equal(i.again_by_timer, n - 1);
        assert_int_equal(i.timeouts_all, n - 1);
        assert_int_equal(i.bytes_again, 500 * n);
        assert_true(i.memory > memory && i.memory <= memory + 128); /* what this takes to remember */
        assert_int_equal(i.recovery, n == 1 ? TERN_RECOVERY_NONE : TERN_RECOVERY_TIMEOUT);
        assert_int_equal(i.again_under_way, 500);
    }
    tern_stats st = {.size = sizeof st};
    assert_int_equal(tern_stats_get(fx.stack, &st), TERN_OK);
    assert_int_equal(st.retransmitted, 5);
}

static void big32(uint8_t *p, uint32_t v) {
    for (unsigned i = 0; i < 4; i++) p[i] = (uint8_t)(v >> 8 * (3 - i));
}

/* An ACK with one block. */
static void sack_block(uint32_t ack, uint32_t left, uint32_t right) {
    uint8_t raw[12] = {1, 1, 5, 10};
    big32(raw + 4, fx.iss + left);
    big32(raw + 8, fx.iss + right);
    inject_with(.flags = ACK, .seq = 1, .ack = ack, .raw = raw, .raw_len = sizeof raw);
}

/* What came late, twice, or out of order, in either direction. */
static void disorder(void **state) {
    (void)state;
    fx.cfg.sack = 1;
    fx.cfg.nagle = 0;
    fx.peer.sack = true;
    to_state(TERN_ESTABLISHED, ACTIVE);
    for (unsigned i = 0; i < 5; i++) app_write(100), drop_out();
    sack_block(1, 101, 201);
    tern_status_info i = fx_status();
    assert_true(i.delivered == 100 && i.bytes_acked == 0 && i.reordered == 0 && i.duplicates_told == 0);
    inject(ACK, 1, 201, 0); /* the first was late, and was not repeated */
    i = fx_status();
    assert_int_equal(i.delivered, 200);
    assert_int_equal(i.bytes_acked, 200);
    assert_int_equal(i.reordered, 1);
    sack_block(301, 101, 201);
    assert_int_equal(fx_status().duplicates_told, 1);
    inject(ACK, 101, 501, 100);
    inject(ACK, 301, 501, 100);
    assert_int_equal(fx_status().out_of_order, 2);
    inject(ACK, 1, 501, 100);
    i = fx_status();
    assert_true(i.out_of_order == 2 && i.bytes_received == 200 && i.bytes_again == 0);
}

/* What holds bytes up: the peer's window, the send buffer, or nothing but the path. Nobody counts while all is well. */
static void held_up(void **state) {
    (void)state;
    fx.cfg.send_buffer = fx.cfg.send_buffer_max = 4096;
    fx.cfg.nagle = 0;
    fx.cfg.delayed_ack_ms = 40;
    to_state(TERN_ESTABLISHED, ACTIVE);
    app_write(100);
    drop_out();
    advance(50);
    inject(ACK, 1, 101, 0);
    tern_status_info i = fx_status();
    assert_true(i.busy_us == 0 && i.window_limited_us == 0 && i.buffer_limited_us == 0);
    inject_with(.flags = ACK, .seq = 1, .ack = 101, .wnd = 1000);
    app_write(3000); /* two thousand too many */
    drop_out();
    advance(70);
    i = fx_status();
    assert_true(i.window_limited_us == 70000 && i.busy_us == 70000 && i.buffer_limited_us == 0);
    inject_with(.flags = ACK, .seq = 1, .ack = 1101, .wnd = 60000);
    drop_out();
    advance(30); /* all of it is under way */
    i = fx_status();
    assert_true(i.window_limited_us == 70000 && i.busy_us == 100000);
    inject_with(.flags = ACK, .seq = 1, .ack = 3101, .wnd = 60000);
    drop_out();
    advance(1000); /* idle */
    assert_int_equal(fx_status().busy_us, 100000);
    app_write(4096);
    assert_true(tern_write(fx.stack, fx.sock, "x", 1) <= 0); /* it would have more */
    drop_out();
    advance(20);
    i = fx_status();
    assert_true(i.buffer_limited_us == 20000 && i.window_limited_us == 70000 && i.busy_us == 120000);
}

/* ---- all records ---- */

static void the_list(void **state) {
    (void)state;
    fx.close_fully = true;
    to_state(TERN_TIME_WAIT, ACTIVE);
    uint64_t until = fx.now + 60000 * MS_NS;
    fx_new_peer(MY_PORT + 1, PEER_PORT);
    assert_int_equal(app_listen(0, 0), TERN_OK);
    inject(SYN, 0, 0, 0);
    expect(SYN | ACK, 0, 1, 0);
    advance(1000);
    expect(SYN | ACK, 0, 1, 0);
    uint64_t cursor = 0;
    unsigned seen = 0;
    tern_status_info i;
    while (tern_list(fx.stack, &cursor, &i)) {
        seen |= 1u << i.state;
        switch (i.state) {
        case TERN_LISTEN:
            assert_true(i.flow.local_port == MY_PORT + 1 && i.passive && i.backlog == 0 && i.timer_ns == TERN_NEVER);
            assert_true(i.sock.id == fx.listener.id && i.memory > 0);
            break;
        case TERN_SYN_RECEIVED:
            assert_true(i.flow.remote_port == PEER_PORT && i.passive && i.iss == fx.iss && i.irs == fx.peer.isn);
            assert_true(i.snd_una == i.iss && i.snd_nxt == i.iss + 1 && i.rcv_nxt == i.irs + 1 && i.retransmitted == 1);
            assert_true(i.memory <= 96 && i.sock.id == 0 && strcmp(i.timer, "retransmission") == 0);
            assert_in_range(i.timer_ns, fx.now + 1900 * MS_NS, fx.now + 2000 * MS_NS);
            break;
        case TERN_TIME_WAIT:
            assert_true(i.flow.local_port == MY_PORT && i.closed_by_user && i.peer_closed && i.memory <= 64);
            assert_true(i.snd_una == i.snd_nxt && i.sock.id == 0 && strcmp(i.timer, "2MSL") == 0);
            assert_in_range(i.timer_ns, until - 5 * MS_NS, until + 5 * MS_NS);
            break;
        default: fail_msg("state %d", (int)i.state);
        }
    }
    assert_int_equal(seen, 1u << TERN_LISTEN | 1u << TERN_SYN_RECEIVED | 1u << TERN_TIME_WAIT);
    tern_stats st = {.size = sizeof st};
    assert_int_equal(tern_stats_get(fx.stack, &st), TERN_OK);
    assert_true(st.listeners == 1 && st.half_open == 1 && st.connections == 0 && st.time_wait == 1);
    assert_true(st.opens_active == 1 && st.opens_passive == 0 && st.established_total == 1 && st.time_wait_total == 1);
    inject(ACK, 1, 1, 0);
    expect_state(TERN_ESTABLISHED);
    assert_int_equal(tern_stats_get(fx.stack, &st), TERN_OK);
    assert_true(st.half_open == 0 && st.connections == 1 && st.opens_passive == 1 && st.established_total == 2);
    assert_int_equal(app_accept(), TERN_OK);
    fx_new_peer(MY_PORT + 2, PEER_PORT);
    assert_int_equal(app_connect(), TERN_OK);
    expect(SYN, 0, 0, 0);
    inject(RST | ACK, 0, 1, 0);
    assert_int_equal(tern_stats_get(fx.stack, &st), TERN_OK);
    assert_true(st.connects_failed == 1 && st.opens_active == 2 && st.established_total == 2 && st.resets_in == 1);
}

/* ---- counts: each outcome of 3.10.7 under its own name, and under no other ---- */

/* While the window doubles it is spread over half a round trip; ten segments or fewer leave at once. */
static void the_pace(void **state) {
    (void)state;
    open_with(TERN_NEWRENO, false);
    fx.s->cfg.pacing = 1;
    app_write(30 * M);
    drop_out();
    assert_int_equal(fx_status().pacing_rate, 0);
    advance(RTT);
    ack_only(behind(5));
    tern_status_info i = fx_status();
    assert_true(i.cwnd > 10 * M && i.srtt_us == RTT * 1000);
    assert_int_equal(i.pacing_rate, 2ull * i.cwnd * 1000 / RTT);
    ack_only(behind(10));
    drop_out();
    ack_only(fx_status().snd_nxt - fx.iss);
    assert_int_equal(drop_out() > 0, fx_status().send_unsent > 0);
}

static void outcomes(void **state) {
    (void)state;
    static const struct {
        enum tern_state in;
        bool passive;
        struct seg s;
        enum reason r;
    } cases[] = {
        {TERN_CLOSED, false, {.flags = ACK, .ack = 9}, R_NO_CONNECTION},
        {TERN_CLOSED, false, {.flags = RST}, R_NO_CONNECTION_RST},
        {TERN_SYN_SENT, false, {.flags = ACK, .ack = 9}, R_SYNSENT_BAD_ACK},
        {TERN_SYN_SENT, false, {.flags = RST | ACK, .ack = 9}, R_SYNSENT_BAD_ACK_RST},
        {TERN_SYN_SENT, false, {.flags = RST}, R_SYNSENT_RST_NO_ACK},
        {TERN_SYN_SENT, false, {.flags = RST | ACK, .ack = 1}, R_SYNSENT_REFUSED},
        {TERN_SYN_SENT, false, {.flags = ACK, .ack = 1}, R_SYNSENT_NEITHER},
        {TERN_SYN_SENT, false, {.flags = SYN | ACK, .ack = 1}, R_SYNSENT_SYN_ACK},
        {TERN_SYN_SENT, false, {.flags = SYN}, R_SYNSENT_SYN},
        {TERN_SYN_RECEIVED, true, {.flags = SYN}, R_SYN_REPEATED},
        {TERN_SYN_RECEIVED, true, {.flags = RST, .seq = 1}, R_RST_BACK_TO_LISTEN},
        {TERN_SYN_RECEIVED, true, {.flags = ACK, .seq = 1, .ack = 9}, R_SYNRCVD_BAD_ACK},
        {TERN_SYN_RECEIVED, true, {.flags = ACK, .seq = 1, .ack = 1}, R_OPEN_COMPLETE},
        {TERN_SYN_RECEIVED, false, {.flags = RST, .seq = 1}, R_RST_REFUSED},
        {TERN_ESTABLISHED, false, {.flags = ACK, .seq = (uint32_t)-9, .ack = 1, .len = 5}, R_SEQ_OLD_DUPLICATE},
        {TERN_ESTABLISHED, false, {.flags = ACK, .seq = 1u << 30, .ack = 1, .len = 5}, R_SEQ_OUTSIDE},
        {TERN_ESTABLISHED, false, {.flags = ACK, .seq = 0, .ack = 1}, R_SEQ_KEEPALIVE},
        {TERN_ESTABLISHED, false, {.flags = RST, .seq = 1u << 30}, R_SEQ_OUTSIDE_RST},
        {TERN_ESTABLISHED, false, {.flags = RST, .seq = 2}, R_RST_CHALLENGE},
        {TERN_ESTABLISHED, false, {.flags = RST, .seq = 1}, R_RST_EXACT},
        {TERN_ESTABLISHED, false, {.flags = SYN, .seq = 1}, R_SYN_CHALLENGE},
        {TERN_ESTABLISHED, false, {.flags = PSH, .seq = 1, .len = 3}, R_ACK_MISSING},
        {TERN_ESTABLISHED, false, {.flags = ACK, .seq = 1, .ack = (uint32_t)-100000, .len = 3}, R_ACK_TOO_OLD},
        {TERN_ESTABLISHED, false, {.flags = ACK, .seq = 1, .ack = 2}, R_ACK_FUTURE},
        {TERN_ESTABLISHED, false, {.flags = ACK, .seq = 1, .ack = 1}, R_NOTHING_NEW},
        {TERN_ESTABLISHED, false, {.flags = ACK, .seq = 1, .ack = 1, .wnd = 50}, R_WINDOW_UPDATE},
        {TERN_ESTABLISHED, false, {.flags = ACK, .seq = 1, .ack = 1, .len = 3}, R_TEXT_IN_ORDER},
        {TERN_ESTABLISHED, false, {.flags = ACK, .seq = 9, .ack = 1, .len = 3}, R_TEXT_OUT_OF_ORDER},
        {TERN_ESTABLISHED, false, {.flags = FIN | ACK, .seq = 1, .ack = 1}, R_FIN_TAKEN},
        {TERN_ESTABLISHED, false, {.flags = FIN | ACK, .seq = 9, .ack = 1}, R_FIN_EARLY},
        {TERN_ESTABLISHED, false, {.flags = FIN | ACK, .seq = 9, .ack = 1, .len = 3}, R_TEXT_OUT_OF_ORDER},
        {TERN_TIME_WAIT, false, {.flags = FIN | ACK, .seq = 1, .ack = 2}, R_FIN_REPEATED},
        {TERN_FIN_WAIT_1, false, {.flags = ACK, .seq = 1, .ack = 2}, R_FIN_ACKED},
        {TERN_TIME_WAIT, false, {.flags = RST, .seq = 2}, R_TIME_WAIT_RST},
    };
    for (uint16_t i = 0; i < ARRAY_LEN(cases); i++) {
        fx_new_peer((uint16_t)(MY_PORT + i), (uint16_t)(PEER_PORT + i));
        fx.rcv = fx.snd = 0;
        if (cases[i].in == TERN_CLOSED)
            fx_up();
        else
            to_state(cases[i].in, cases[i].passive ? PASSIVE : ACTIVE);
        drop_out();
        advance(600);
        drop_out();
        uint64_t before = counted(cases[i].r), all = fx_outcomes();
        inject_seg(&cases[i].s);
        if (counted(cases[i].r) != before + 1 || fx_outcomes() != all + 1)
            fail_msg("case %u, %s: counted %d times, %d counts in all", i, tern_reason_name(cases[i].r),
                     (int)(counted(cases[i].r) - before), (int)(fx_outcomes() - all));
        drop_out();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {BOTH(every_segment), BOTH(a_life),     BOTH(repetitions),
                                       BOTH(disorder),      BOTH(held_up),    BOTH(the_list),
                                       BOTH(outcomes),      BOTH(the_window), ONLY4(the_pace)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
