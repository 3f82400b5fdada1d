/* test_tcp_short_ways.c - header prediction, the short way through IP's checks, segments copied from the one before and the
 * account of a segment alone are there for speed alone: two hosts on a bad path live the same life, to the last byte, time
 * and counter, with them and without; and with a trace that sees all of it. */
#include "core/stack.h"
#include "drivers/sim.h"
#include "tcp_fixture.h"

enum { PORT = 7, BYTES = 300000, CHUNK_MOST = 9000, DIALOGUES = 40, TURNS = 300, WORD_MOST = 40 };

struct life {
    uint64_t seed, draws;
    tern_sock client, server;
    bool dialogue; /* else bytes stream from the client */
    uint32_t written, read;
    uint64_t packets, sum; /* of all that was on the link, with its times */
    uint64_t reasons[2];
};

static uint64_t draw(struct life *l, uint64_t most) { return memlink_chance(l->seed, l->draws++) % most; }

static void mix(struct life *l, uint64_t v) { l->sum = (l->sum ^ v) * 0x9e3779b97f4a7c15u + (l->sum >> 29); }

static void on_packet(void *ctx, const struct memlink_record *r) {
    struct life *l = ctx;
    const uint8_t *p = r->data;
    l->packets++;
    mix(l, r->sent_ns << 1 | (unsigned)r->from);
    mix(l, r->len);
    for (uint32_t i = 0; p != NULL && i < r->len; i++) mix(l, p[i]);
}

static void client_writes(struct life *l, tern_stack *s) {
    static uint8_t bytes[CHUNK_MOST];
    while (l->written < BYTES) {
        size_t len = 1 + draw(l, draw(l, 2) == 0 ? CHUNK_MOST : 20);
        ptrdiff_t n =
            draw(l, 50) == 0 ? tern_write_urgent(s, l->client, bytes, len) : tern_write(s, l->client, bytes, len);
        if (n <= 0) return;
        l->written += (uint32_t)n;
        if (draw(l, 3) == 0) return; /* the rest another time: at the next event */
    }
    tern_shutdown(s, l->client);
}

static void server_reads(struct life *l, tern_stack *s) {
    uint8_t bytes[CHUNK_MOST];
    for (ptrdiff_t n; (n = tern_read(s, l->server, bytes, 1 + draw(l, sizeof bytes))) > 0;) {
        l->read += (uint32_t)n;
        if (draw(l, 4) == 0) tern_write(s, l->server, bytes, (size_t)n);
    }
}

/* ---- a dialogue: words to and fro, now and then a pause or a page, and settings that change on the way ---- */

static void say(struct life *l, tern_stack *s, tern_sock sock) {
    static const uint8_t bytes[CHUNK_MOST];
    size_t len = 1 + draw(l, draw(l, 16) == 0 ? CHUNK_MOST : WORD_MOST);
    ptrdiff_t n = draw(l, 50) == 0 ? tern_write_urgent(s, sock, bytes, len) : tern_write(s, sock, bytes, len);
    mix(l, (uint64_t)n);
}

/* All that a connection tells of itself. */
static void mix_status(struct life *l, tern_stack *s, tern_sock sock) {
    tern_status_info info;
    uint8_t bytes[sizeof info];
    memset(&info, 0, sizeof info);
    info.size = sizeof info;
    mix(l, (uint64_t)tern_status(s, sock, &info));
    memcpy(bytes, &info, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++) mix(l, bytes[i]);
    int64_t timeout = 0;
    tern_get(s, sock, TERN_OPT_USER_TIMEOUT_MS, &timeout);
    mix(l, (uint64_t)timeout);
}

static void answer(struct life *l, tern_stack *s, tern_sock sock) {
    uint8_t bytes[CHUNK_MOST];
    uint32_t before = l->read;
    mix_status(l, s, sock);
    if (draw(l, 30) == 0) return; /* it is busy with something else */
    for (ptrdiff_t n; (n = tern_read(s, sock, bytes, sizeof bytes)) > 0;) l->read += (uint32_t)n;
    if (l->read != before && draw(l, 12) != 0) say(l, s, sock);
}

static void change_setting(struct life *l, tern_stack *s, tern_sock sock) {
    static const enum tern_option options[] = {TERN_OPT_CORK,      TERN_OPT_NODELAY, TERN_OPT_KEEPALIVE,
                                               TERN_OPT_QUICK_ACK, TERN_OPT_DSCP,    TERN_OPT_USER_TIMEOUT_OPTION_S,
                                               TERN_OPT_CONGESTION};
    enum tern_option o = options[draw(l, sizeof options / sizeof *options)];
    int64_t value = (int64_t)draw(l, o == TERN_OPT_USER_TIMEOUT_OPTION_S ? 900 : 2);
    mix(l, (uint64_t)tern_set(s, sock, o, value));
}

static void converse(struct life *l, struct sim *sim) {
    for (unsigned i = 0; i < TURNS; i++) {
        sim_run(sim, sim->now + draw(l, draw(l, 8) == 0 ? 2000 : 40) * SIM_MS);
        int side = l->server.id != 0 ? (int)draw(l, 2) : 0;
        tern_sock sock = side == 0 ? l->client : l->server;
        if (draw(l, 8) == 0) change_setting(l, sim->stack[side], sock);
        say(l, sim->stack[side], sock);
        mix_status(l, sim->stack[1 - side], side == 0 ? l->server : l->client);
    }
    tern_shutdown(sim->stack[0], l->client);
}

static void on_event(void *ctx, struct sim *sim, int side, const tern_event *e) {
    struct life *l = ctx;
    tern_stack *s = sim->stack[side];
    uint8_t bytes[CHUNK_MOST];
    mix(l, e->bits);
    if (e->bits & TERN_EV_ACCEPT) tern_accept(s, e->sock, &l->server, NULL);
    if (l->dialogue) {
        answer(l, s, side == 0 ? l->client : l->server);
        if (e->bits & TERN_EV_EOF) tern_close(s, e->sock);
    } else if (side == 0) {
        while (tern_read(s, l->client, bytes, sizeof bytes) > 0) {
        }
        client_writes(l, s);
    } else {
        server_reads(l, s);
        if (e->bits & TERN_EV_EOF) tern_close(s, l->server);
    }
}

static struct sim_config world(uint64_t seed) {
    struct sim_config c = sim_config_default(seed);
    struct life chance = {.seed = seed};
    for (int side = 0; side < 2; side++) {
        struct memlink_path *p = &c.path[side];
        p->delay_ns = draw(&chance, 20) * SIM_MS;
        p->rate_bps = draw(&chance, 2) * 20000000;
        p->loss_ppm = (uint32_t)draw(&chance, 20000);
        p->duplicate_ppm = (uint32_t)draw(&chance, 10000);
        p->reorder_ppm = (uint32_t)draw(&chance, 30000);
        p->reorder_ns = 3 * SIM_MS;
        p->corrupt_ppm = (uint32_t)draw(&chance, 5000);
        c.stack[side].timestamps = draw(&chance, 4) != 0;
        c.stack[side].sack = draw(&chance, 4) != 0;
        c.stack[side].nagle = draw(&chance, 2) != 0;
        c.stack[side].congestion = (uint32_t)draw(&chance, 3);
        c.stack[side].ecn = (uint32_t)draw(&chance, 3);
        p->mark_ns = draw(&chance, 2) * SIM_MS;
        if (draw(&chance, 3) == 0) c.stack[side].receive_buffer = c.stack[side].receive_buffer_max = 3000;
        c.stack[side].r2_ms = 1000000;
        c.stack[side].keepalive_idle_ms = 1000;
        c.stack[side].keepalive_interval_ms = 1000;
    }
    if (draw(&chance, 3) == 0) c.link = TERN_LINK_ETHERNET;
    if (draw(&chance, 3) == 0) c.offload = true;
    return c;
}

enum ways { SHORT_WAYS, LONG_WAYS, WATCHED };

static struct { uint64_t packets_in, packets_out, segments_in, segments_out, bytes_in, bytes_out, drops; } heard[2];

static void hear(void *ctx, const tern_trace *r) {
    int side = *(int *)ctx;
    if (r->kind == TERN_TRACE_PACKET_IN) heard[side].packets_in++, heard[side].bytes_in += r->packet_len;
    if (r->kind == TERN_TRACE_PACKET_OUT) heard[side].packets_out++, heard[side].bytes_out += r->packet_len;
    heard[side].segments_in += r->kind == TERN_TRACE_SEGMENT_IN;
    heard[side].segments_out += r->kind == TERN_TRACE_SEGMENT_OUT;
    heard[side].drops += r->kind == TERN_TRACE_DROP;
}

/* As much was told as happened. */
static void all_was_told(struct sim *sim, int side) {
    tern_stats s = {.size = sizeof s};
    assert_int_equal(tern_stats_get(sim->stack[side], &s), TERN_OK);
    assert_int_equal(heard[side].packets_in, s.packets_in);
    assert_int_equal(heard[side].bytes_in, s.bytes_in);
    assert_int_equal(heard[side].packets_out, s.packets_out);
    assert_int_equal(heard[side].bytes_out, s.bytes_out);
    assert_int_equal(heard[side].segments_in, s.segments_in);
    assert_int_equal(heard[side].segments_out, s.segments_out); /* resets are among them */
}

static struct life live(uint64_t seed, bool dialogue, enum ways ways) {
    static int sides[2] = {0, 1};
    struct life l = {.seed = seed, .dialogue = dialogue};
    struct sim_config c = world(seed);
    struct driver_error err;
    struct sim *sim;
    c.app = on_event;
    c.ctx = &l;
    assert_int_equal(sim_new(&c, &sim, &err), 0);
    memset(heard, 0, sizeof heard);
    for (int side = 0; side < 2; side++) {
        stack_of(sim->stack[side])->long_ways = ways == LONG_WAYS;
        if (ways == WATCHED) tern_trace_set(sim->stack[side], TERN_TRACE_ALL, hear, &sides[side]);
    }
    memlink_tap(sim->link, on_packet, &l);
    tern_sock listener;
    tern_listen_config listen = {.size = sizeof listen, .port = PORT};
    assert_int_equal(tern_listen(sim->stack[1], &listen, &listener), TERN_OK);
    tern_open open = {.size = sizeof open, .remote = seed % 2 ? sim->addr4[1] : sim->addr6[1], .remote_port = PORT};
    assert_int_equal(tern_connect(sim->stack[0], &open, &l.client), TERN_OK);
    if (dialogue) converse(&l, sim);
    sim_run(sim, sim->now + 60ull * SIM_SECOND);
    for (int side = 0; side < 2; side++)
        for (unsigned r = 0; r < tern_reason_count(); r++)
            l.reasons[side] = l.reasons[side] * 31 + tern_reason_counter(sim->stack[side], r);
    for (int side = 0; side < 2 && ways == WATCHED; side++) all_was_told(sim, side);
    sim_free(sim);
    return l;
}

static uint64_t compare(uint64_t seed, bool dialogue, enum ways ways) {
    struct life a = live(seed, dialogue, SHORT_WAYS), b = live(seed, dialogue, ways);
    if (a.packets != b.packets || a.sum != b.sum || memcmp(a.reasons, b.reasons, sizeof a.reasons) != 0)
        fail_msg("seed %llu: %llu packets by the short ways, %llu %s", (unsigned long long)seed,
                 (unsigned long long)a.packets, (unsigned long long)b.packets,
                 ways == WATCHED ? "watched" : "by the long ones");
    return a.read;
}

static void streams_by_short_and_long_ways_are_the_same(void **state) {
    (void)state;
    uint64_t read = 0;
    for (uint64_t seed = 1; seed <= 48; seed++) read += compare(seed, false, LONG_WAYS);
    assert_true(read > 24 * BYTES); /* most of them got through: there was something to compare */
}

static void dialogues_by_short_and_long_ways_are_the_same(void **state) {
    (void)state;
    uint64_t read = 0;
    for (uint64_t seed = 1; seed <= DIALOGUES; seed++) read += compare(seed, true, LONG_WAYS);
    assert_true(read > (uint64_t)DIALOGUES * TURNS * WORD_MOST);
}

/* Who traces a host sees all that it does, and changes nothing. */
static void watched_or_not(void **state) {
    (void)state;
    for (uint64_t seed = 101; seed <= 112; seed++) compare(seed, false, WATCHED);
    for (uint64_t seed = 101; seed <= 124; seed++) compare(seed, true, WATCHED);
}

/* A word that stands alone leaves by the short way; what else is due leaves with it. */
static void what_is_due_leaves_with_a_word(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    app_write(10);
    expect(ACK | PSH, 1, 1, 10);
    inject(ACK, 1, 11, 0);
    tcb_now()->work |= WORK_KEEPALIVE;
    app_write(10);
    expect(ACK | PSH, 11, 1, 10);
    expect(ACK, 20, 1, 0);
    inject(ACK, 1, 21, 0);
    app_write(10);
    expect(ACK | PSH, 21, 1, 10);
    inject(ACK, 1, 31, 10);
    tcb_now()->acks_due = 2;
    app_write(10);
    expect(ACK, 31, 11, 0);
    expect(ACK, 31, 11, 0);
    expect(ACK | PSH, 31, 11, 10);
    expect_none();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_by_short_and_long_ways_are_the_same),
        cmocka_unit_test(dialogues_by_short_and_long_ways_are_the_same), cmocka_unit_test(watched_or_not),
        cmocka_unit_test_setup_teardown(what_is_due_leaves_with_a_word, fx_setup_sack, fx_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
