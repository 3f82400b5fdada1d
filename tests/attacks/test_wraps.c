/* test_wraps.c - more than four gigabytes through one connection: sequence numbers, then timestamps, come round while
 * bytes are under way, some are lost at that very place, and what was sent a whole round ago comes once more with numbers
 * that fit [RFC7323 5]. The stream is what was written, and STATUS counts beyond 32 bits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/sim.h"
#include "tests/octets.h"
#include "tests/unit/draw.h"

enum { PORT = 80, FROM_PORT = 40000, PERIOD = 65521, CHUNK = 65536, MTU = 1500, OLD = 1200 };
#define ROUND (UINT64_C(1) << 32)
#define TOTAL (ROUND + (64u << 20))
#define OLD_FIRST (20u << 20) /* where in the stream the old segment may begin */

static struct run {
    tern_sock client, server, listener;
    uint8_t pattern[PERIOD + CHUNK]; /* byte i of the stream is pattern[i % PERIOD]: a round later it is another one */
    uint64_t written, got;
    bool old_came;
    uint32_t isn[2], ts[2]; /* of the SYNs: first number, timestamp */
    uint32_t ts_last[2];    /* of the newest segment */
    unsigned ts_wraps[2];
    unsigned dropped; /* segments across the wrap */
    uint8_t old[MTU]; /* the segment that comes again */
    uint32_t old_len;
    uint64_t old_at; /* its first byte in the stream */
} run;

static const uint8_t *tcp_of(const uint8_t *p) { return p + (p[0] & 15u) * 4; }

/* The timestamp of a segment that has it as its only option, or in its SYN. */
static uint32_t timestamp_of(const uint8_t *tcp) {
    const uint8_t *end = tcp + (tcp[12] >> 4) * 4;
    for (const uint8_t *o = tcp + 20; o < end; o += *o == 1 ? 1 : o[1])
        if (*o == 8) return get32(o + 2);
    fail_msg("a segment without a timestamp");
    return 0;
}

/* A copy of the segment's start, as a packet of its own with its checksums. */
static void keep_old(const uint8_t *p, uint32_t len) {
    const uint8_t *tcp = tcp_of(p);
    uint32_t head = (uint32_t)(tcp - p) + (tcp[12] >> 4) * 4, offset = get32(tcp + 4) - run.isn[0] - 1;
    if (run.old_len || run.written >= ROUND || offset < OLD_FIRST || len < head + OLD) return;
    uint32_t ip_len = (uint32_t)(tcp - p), tcp_len = head - ip_len + OLD;
    run.old_at = offset;
    run.old_len = head + OLD;
    memcpy(run.old, p, run.old_len);
    put16(run.old + 2, run.old_len);
    put16(run.old + 10, 0);
    put16(run.old + 10, ~sum16(run.old, ip_len, 0));
    put16(run.old + ip_len + 16, 0);
    put16(run.old + ip_len + 16, ~sum16(run.old + ip_len, tcp_len, sum16(run.old + 12, 8, 6 + tcp_len)));
}

/* Looks at everything, and loses the first segments across the wrap. */
static bool look(void *ctx, int from, uint64_t number, const void *data, uint32_t len) {
    (void)ctx;
    (void)number;
    const uint8_t *p = data, *tcp = tcp_of(p);
    uint32_t first = get32(tcp + 4), ts = timestamp_of(tcp);
    if (tcp[13] & 2) {
        run.isn[from] = first;
        run.ts[from] = ts;
    } else if (ts < run.ts_last[from]) {
        run.ts_wraps[from]++;
    }
    run.ts_last[from] = ts;
    if (from == 1) return false;
    keep_old(p, len);
    bool across = first > UINT32_MAX - 200000 && run.written > 10000000;
    if (across) run.dropped++;
    return across && run.dropped <= 3;
}

static void feed(tern_stack *s) {
    while (run.written < TOTAL) {
        uint64_t n = TOTAL - run.written < CHUNK ? TOTAL - run.written : CHUNK;
        ptrdiff_t r = tern_write(s, run.client, run.pattern + run.written % PERIOD, (size_t)n);
        if (r <= 0) return;
        run.written += (uint64_t)r;
    }
    tern_shutdown(s, run.client);
}

static void drain(struct sim *sim) {
    tern_span span[8];
    int n;
    while ((n = tern_read_borrow(sim->stack[1], run.server, span, 8)) > 0) {
        size_t all = 0;
        for (int i = 0; i < n; i++)
            for (uint32_t at = 0; at < span[i].len;) {
                uint32_t len = span[i].len - at < CHUNK ? span[i].len - at : CHUNK;
                if (memcmp((const uint8_t *)span[i].data + at, run.pattern + (run.got + all) % PERIOD, len) != 0)
                    fail_msg("another byte after %llu", (unsigned long long)(run.got + all));
                at += len;
                all += len;
            }
        run.got += all;
        tern_read_release(sim->stack[1], run.server, all);
    }
}

static void app(void *ctx, struct sim *sim, int side, const tern_event *e) {
    (void)ctx;
    assert_int_equal(e->error, 0);
    if (side == 0 && e->bits & (TERN_EV_CONNECTED | TERN_EV_WRITE)) feed(sim->stack[0]);
    if (e->bits & TERN_EV_ACCEPT) tern_accept(sim->stack[1], run.listener, &run.server, NULL);
    if (side == 1 && run.server.id) drain(sim);
    /* The old segment's numbers are those of bytes to come soon: now is its moment. */
    if (!run.old_came && run.got > run.old_at + ROUND - 200000) sim->stop = true;
}

static struct sim *world(const uint64_t ahead_ms[2]) {
    struct sim_config c = sim_config_default(6);
    c.app = app;
    c.offload = true;
    c.mtu = MTU;
    for (int side = 0; side < 2; side++) {
        c.path[side].rate_bps = UINT64_C(40000000000);
        c.path[side].delay_ns = 50000;
        c.ahead_ns[side] = ahead_ms[side] * SIM_MS;
        c.stack[side].timestamps = c.stack[side].sack = c.stack[side].window_scale = 1;
        c.stack[side].send_buffer_max = c.stack[side].receive_buffer_max = 2 << 20; /* what a processor's cache holds */
    }
    struct sim *sim;
    struct driver_error err;
    if (sim_new(&c, &sim, &err) != 0) fail_msg("%s", err.text);
    memlink_filter(sim->link, look, NULL);
    tern_listen_config l = {.size = sizeof l, .port = PORT};
    assert_int_equal(tern_listen(sim->stack[1], &l, &run.listener), TERN_OK);
    tern_open o = {.size = sizeof o, .remote = sim->addr4[1], .local_port = FROM_PORT, .remote_port = PORT};
    assert_int_equal(tern_connect(sim->stack[0], &o, &run.client), TERN_OK);
    return sim;
}

/* How far ahead a host's clock must be for its timestamps to come round this soon: they start somewhere. */
static void clocks_before_wrap(uint64_t ahead_ms[2], uint32_t soon_ms) {
    const uint64_t none[2] = {0, 0};
    struct sim *sim = world(none);
    for (int i = 0; i < 4; i++) sim_run(sim, sim_deadline(sim));
    for (int side = 0; side < 2; side++) ahead_ms[side] = (uint32_t)(0 - soon_ms - run.ts[side]);
    sim_free(sim);
}

static uint64_t counted(const struct sim *sim, const char *name) {
    unsigned i = 0;
    while (strcmp(tern_reason_name(i), name) != 0) i++;
    return tern_reason_counter(sim->stack[1], i);
}

static tern_status_info status_of(const struct sim *sim, int side, tern_sock sock) {
    tern_status_info i = {.size = sizeof i};
    assert_int_equal(tern_status(sim->stack[side], sock, &i), TERN_OK);
    return i;
}

static void old_comes_again(struct sim *sim) {
    tern_status_info i = status_of(sim, 1, run.server);
    uint32_t seq = get32(tcp_of(run.old) + 4);
    assert_true(seq - i.rcv_nxt < i.rcv_wnd); /* its numbers alone would make it welcome */
    uint64_t before = counted(sim, "PAWS_OLD");
    tern_packet p = {.data = run.old, .len = run.old_len};
    assert_int_equal(tern_input(sim->stack[1], sim->iface[1], &p, 1, sim->now + sim->ahead_ns[1]), TERN_OK);
    assert_int_equal(counted(sim, "PAWS_OLD"), before + 1);
    run.old_came = true;
}

static void more_than_four_gigabytes(void **state) {
    (void)state;
    uint64_t ahead_ms[2];
    draw d = {4};
    clocks_before_wrap(ahead_ms, 500);
    memset(&run, 0, sizeof run);
    draw_bytes(&d, run.pattern, PERIOD);
    for (unsigned i = 0; i < CHUNK; i++) run.pattern[PERIOD + i] = run.pattern[i];
    struct sim *sim = world(ahead_ms);
    assert_int_equal(sim_run(sim, 20ull * SIM_SECOND), SIM_STOPPED);
    old_comes_again(sim);
    assert_int_equal(sim_run(sim, 20ull * SIM_SECOND), SIM_IDLE);
    assert_true(run.got == TOTAL);
    for (int side = 0; side < 2; side++) assert_int_equal(run.ts_wraps[side], 1);
    tern_status_info near = status_of(sim, 0, run.client), far = status_of(sim, 1, run.server);
    assert_true(near.bytes_sent == TOTAL && near.bytes_acked == TOTAL && near.delivered == TOTAL);
    assert_true(near.retransmitted > 0 && near.bytes_again > 0 && near.bytes_again < 1 << 20);
    assert_true(far.bytes_received == TOTAL && far.out_of_order > 0);
    assert_int_equal(near.snd_una, (uint32_t)(run.isn[0] + 1 + TOTAL + 1)); /* SYN and FIN have numbers too */
    assert_int_equal(far.rcv_nxt, near.snd_una);
    tern_stats s = {.size = sizeof s};
    assert_int_equal(tern_stats_get(sim->stack[1], &s), TERN_OK);
    assert_true(s.bytes_in > TOTAL && s.bytes_in < TOTAL + TOTAL / 20);
    assert_int_equal(tern_close(sim->stack[1], run.server), TERN_OK);
    sim_run(sim, sim->now + SIM_SECOND);
    assert_int_equal(status_of(sim, 0, run.client).state, TERN_TIME_WAIT);
    sim_free(sim);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(more_than_four_gigabytes)};
    return cmocka_run_group_tests_name("wraps", tests, NULL, NULL);
}
