/* test_tcp_autotune.c - the buffers of a connection: the receive window follows the application's pace and the round
 * trip, up and down; short memory makes it smaller; what was promised stays. */
#include "tcp_fixture.h"

enum { M = 1000, RTT = 100, FIRST = 64000, MOST = 1 << 20, SCALE = 6 /* what MOST needs, at least */ };

static uint32_t at, edge; /* the peer's next byte; the furthest right edge that was offered */
static int scale;

/* Every window that is offered ends where the last one did, or further on, but for the bits that scaling cuts off
 * [RFC7323 2.4]. */
static void look(void) {
    while (out_waiting()) {
        expect(ANY, ANY, ANY, ANY);
        uint32_t right = fx.out.ack + ((uint32_t)fx.out.wnd << scale);
        assert_true(right + (1u << scale) > edge);
        edge = max_u32(edge, right);
    }
}

static void open_with_round_trip(uint64_t ms) {
    fx.cfg.receive_buffer = FIRST;
    fx.cfg.receive_buffer_max = MOST;
    fx.cfg.window_scale = 1;
    fx.peer.wscale = 7;
    fx.peer.mss = M;
    fx_up();
    assert_int_equal(app_connect(), TERN_OK);
    expect(SYN, 0, 0, 0);
    scale = fx.out.wscale;
    assert_in_range(scale, 4, 8);
    advance(ms);
    inject(SYN | ACK, 0, 1, 0);
    expect(ACK, 1, 1, 0);
    at = 1;
    edge = 1 + ((uint32_t)fx.out.wnd << scale);
}

static uint32_t size(void) { return tcb_now()->receive_buffer; }
static uint32_t offered(void) { return edge - at; }

/* A round trip in which so much arrives bit by bit, as far as the window goes, and is read at once. */
static void round_of(uint32_t bytes) {
    for (uint32_t part = 0; part < 10; part++) {
        for (uint32_t n = bytes / M * part / 10; n < bytes / M * (part + 1) / 10 && at + M <= edge; n++, at += M) {
            inject(ACK, at, 1, M);
            app_read(M);
            look();
        }
        advance(RTT / 10);
        look();
    }
}

/* The peer's slow start doubles each round trip: the window is always ahead of it, as far as the setting allows. */
static void grows_with_the_pace(void **state) {
    (void)state;
    open_with_round_trip(RTT);
    uint32_t pace = 10 * M;
    for (; pace < MOST / 2; pace *= 2) {
        uint32_t before = at;
        round_of(pace);
        assert_int_equal(at - before, pace); /* nothing was held back */
    }
    assert_true(size() > 8 * FIRST);
    for (unsigned i = 0; i < 10; i++) round_of(2 * MOST);
    assert_int_equal(size(), MOST);
}

/* Whoever reads slowly needs no more than at the beginning: an eighth less each round trip, and never less than that. */
static void shrinks_with_the_pace(void **state) {
    (void)state;
    grows_with_the_pace(state);
    round_of(M);
    uint32_t before = size();
    round_of(M);
    assert_int_equal(size(), before - before / 8);
    for (unsigned i = 0; i < 40; i++) round_of(M);
    assert_int_equal(size(), FIRST);
    assert_true(offered() <= MOST); /* what had been promised is used up before it can be less */
    for (unsigned i = 0; i < 60; i++) round_of(20 * M);
    assert_true(offered() <= FIRST + 2 * M);
}

/* On a link within this machine the first size is enough: more would only leave the cache. */
static void a_local_link_stays_small(void **state) {
    (void)state;
    open_with_round_trip(0);
    for (unsigned i = 0; i < 2000; i++) {
        inject(ACK, at, 1, M);
        app_read(M);
        at += M;
        look();
        if (i % 50 == 0) advance(1);
    }
    assert_int_equal(size(), FIRST);
}

/* A hole holds everything up, and the application has nothing to read: the window reaches further while it is
 * repaired. */
static void reaches_beyond_a_hole(void **state) {
    (void)state;
    open_with_round_trip(RTT);
    uint32_t hole = at;
    at += M;
    for (unsigned i = 0; i < 4000 && at + M <= edge; i++, at += M) { /* ten segments in 25 ms */
        inject(ACK, at, 1, M);
        look();
        if (i % 10 == 0) advance(25);
    }
    assert_true(size() >= 8 * FIRST);
    assert_true(edge - hole >= 7 * FIRST);
    inject(ACK, hole, 1, M);
    expect_read(at - hole);
}

/* Memory gets short: each round trip half as much is offered, and not one byte less than what had been. When it is
 * over the first size comes back. */
static void short_memory(void **state) {
    (void)state;
    grows_with_the_pace(state);
    uint64_t plenty = fx.s->cfg.memory_max;
    fx.s->cfg.memory_max = fx.s->mem_used * 5 / 4;
    uint32_t before = size();
    round_of(M);
    uint32_t promised = edge;
    assert_int_equal(size(), before / 2);
    for (unsigned i = 0; i < 12; i++) round_of(M);
    assert_int_equal(size(), 4096);
    assert_in_range(edge, promised, promised + (1u << scale));
    while (at + M <= promised) round_of(20 * M); /* all that was promised is taken */
    assert_int_equal(counted(R_TEXT_NO_BUFFER), 0);
    assert_true(offered() <= 4096 + M);
    fx.s->cfg.memory_max = plenty;
    round_of(4 * M);
    round_of(4 * M);
    assert_true(size() >= FIRST);
    assert_true(offered() > 4096);
}

/* The send buffer holds what the window does, four times: what is under way stays until it is acknowledged, and while a
 * hole is repaired the rest goes on. A window that closes takes it back. */
static void send_buffer_follows_the_window(void **state) {
    (void)state;
    fx.cfg.send_buffer = FIRST;
    fx.cfg.send_buffer_max = MOST;
    open_with_round_trip(RTT);
    app_write(M); /* so that there is something under way */
    drop_out();
    struct tcb *t = tcb_now();
    t->snd.wnd = MOST;
    assert_int_equal(autotune_send_limit(t), FIRST); /* ten segments, four times, are less */
    t->busy->cc.cwnd = 50 * M;
    assert_int_equal(autotune_send_limit(t), 200 * M);
    t->busy->cc.cwnd = MOST;
    assert_int_equal(autotune_send_limit(t), MOST); /* the setting's limit */
    t->snd.wnd = 30 * M;
    assert_int_equal(autotune_send_limit(t), 30 * M + FIRST); /* the peer takes no more */
    t->snd.wnd = MOST;
    t->busy->cc.cwnd = 20 * M;
    assert_int_equal(autotune_send_limit(t), 80 * M);
    t->srtt_us = 100; /* local: twice is enough */
    t->busy->cc.cwnd = 50 * M;
    assert_int_equal(autotune_send_limit(t), 100 * M);
}

/* The buffer follows the peer's window, so a window that opens makes room, whether its ACK acknowledges anything or not: who
 * was refused hears of it then, and not a round trip later. */
static void a_window_that_opens_makes_room(void **state) {
    (void)state;
    fx.cfg.send_buffer = FIRST;
    fx.cfg.send_buffer_max = MOST;
    fx.peer.wnd = 10 * M >> 7;
    open_with_round_trip(RTT);
    app_write(M);
    tcb_now()->busy->cc.cwnd = MOST;
    drop_out();
    expect_event(TERN_EV_CONNECTED);
    for (uint32_t acknowledged = 0; acknowledged < 2; acknowledged++) {
        app_write(snd_space(tcb_now()));
        assert_int_equal(tern_write(fx.stack, fx.sock, "x", 1), TERN_EAGAIN);
        drop_out();
        expect_event(0);
        fx.peer.wnd = (uint16_t)((acknowledged ? 800 : 400) * M >> 7);
        inject(ACK, at, 1 + acknowledged * M, 0);
        expect_event(TERN_EV_WRITE);
        app_write(300 * M);
    }
}

/* Nothing is ever lost on the way to a neighbour, so its window only grows; the buffer does not follow it out of the
 * processor's caches. What the application asks for is another matter. */
static void a_local_peer_needs_no_large_send_buffer(void **state) {
    (void)state;
    enum { LOCAL = 1 << 20, HUGE = 16 << 20 };
    fx.cfg.send_buffer = FIRST;
    fx.cfg.send_buffer_max = HUGE;
    open_with_round_trip(RTT);
    app_write(M);
    drop_out();
    struct tcb *t = tcb_now();
    t->snd.wnd = t->busy->cc.cwnd = HUGE;
    assert_int_equal(autotune_send_limit(t), HUGE);
    t->min_rtt_us = 50;
    assert_int_equal(autotune_send_limit(t), LOCAL);
    t->srtt_us = 900; /* a queue, not a path */
    assert_int_equal(autotune_send_limit(t), LOCAL);
    t->min_rtt_us = 200;
    assert_int_equal(autotune_send_limit(t), HUGE);
    t->min_rtt_us = 50;
    t->opt->send_buffer = 2 * LOCAL;
    assert_int_equal(autotune_send_limit(t), 2 * LOCAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        BOTH(grows_with_the_pace),
        BOTH(shrinks_with_the_pace),
        ONLY4(a_local_link_stays_small),
        ONLY4(reaches_beyond_a_hole),
        ONLY4(short_memory),
        ONLY4(send_buffer_follows_the_window),
        ONLY4(a_window_that_opens_makes_room),
        ONLY4(a_local_peer_needs_no_large_send_buffer),
    };
    return cmocka_run_group_tests_name("tcp autotune", tests, NULL, NULL);
}
