/* test_rfc9293_figures.c - figures 6 to 13 of RFC 9293 (3.5, 3.5.1, 3.6) line by line, with their own numbers. Each
 * figure is a table; it is played twice, once with the host as A and the script as B, once the other way round.
 * Variations are not here: see test_tcp_open.c and test_tcp_close.c. */
#include "tcp_fixture.h"

enum call { NO_CALL, OPEN, SEND_10, CLOSE, TIME, TWO_MSL };
enum way {
    CALL,
    ACROSS,
    LEAVES,
    ARRIVES
};                                    /* LEAVES: "..." at the far end; ARRIVES: what left before, or an old duplicate */
enum { ABORTED = TERN_STATES, SAME }; /* ABORTED: CLOSED, and the user is told of a reset */

struct line {
    char from; /* 'A' or 'B': who sends or calls */
    enum way way;
    enum call call;
    uint16_t flags;
    uint32_t number, ack, len;
    int a, b; /* states behind this line */
};

struct figure {
    uint32_t iss_a, iss_b; /* for ESTABLISHED the last number used */
    int a, b;              /* states at the beginning */
    const struct line *line;
    size_t lines;
};

#define FIGURE(name, ia, ib, sa, sb, ...)                                                                              \
    static const struct line name##_lines[] = {__VA_ARGS__};                                                           \
    static const struct figure name = {ia, ib, sa, sb, name##_lines, ARRAY_LEN(name##_lines)}

#define ST(x) TERN_##x

/* clang-format off */
FIGURE(figure_6, 100, 300, ST(CLOSED), ST(LISTEN),
    {'A', CALL,    OPEN,  0,         0,   0,    0, ST(SYN_SENT),     ST(LISTEN)},
    {'A', ACROSS,  0,     SYN,       100, 0,    0, ST(SYN_SENT),     ST(SYN_RECEIVED)},
    {'B', ACROSS,  0,     SYN | ACK, 300, 101,  0, ST(ESTABLISHED),  ST(SYN_RECEIVED)},
    {'A', ACROSS,  0,     ACK,       101, 301,  0, ST(ESTABLISHED),  ST(ESTABLISHED)},
    {'A', CALL,    SEND_10, 0,       0,   0,    0, ST(ESTABLISHED),  ST(ESTABLISHED)},
    {'A', ACROSS,  0,     ACK,       101, 301, 10, ST(ESTABLISHED),  ST(ESTABLISHED)});

FIGURE(figure_7, 100, 300, ST(CLOSED), ST(CLOSED),
    {'A', CALL,    OPEN,  0,         0,   0,    0, ST(SYN_SENT),     SAME},
    {'B', CALL,    OPEN,  0,         0,   0,    0, SAME,             ST(SYN_SENT)},
    {'A', LEAVES,  0,     SYN,       100, 0,    0, ST(SYN_SENT),     ST(SYN_SENT)},
    {'B', ACROSS,  0,     SYN,       300, 0,    0, ST(SYN_RECEIVED), ST(SYN_SENT)},
    {'A', ARRIVES, 0,     SYN,       100, 0,    0, SAME,             ST(SYN_RECEIVED)},
    {'A', LEAVES,  0,     SYN | ACK, 100, 301,  0, ST(SYN_RECEIVED), SAME},
    {'B', ACROSS,  0,     SYN | ACK, 300, 101,  0, ST(ESTABLISHED),  ST(SYN_RECEIVED)},
    {'A', ARRIVES, 0,     SYN | ACK, 100, 301,  0, ST(ESTABLISHED),  ST(ESTABLISHED)});

FIGURE(figure_8, 100, 300, ST(CLOSED), ST(LISTEN),
    {'A', CALL,    OPEN,  0,         0,   0,    0, ST(SYN_SENT),     SAME},
    {'A', LEAVES,  0,     SYN,       100, 0,    0, ST(SYN_SENT),     ST(LISTEN)},
    {'A', ARRIVES, 0,     SYN,       90,  0,    0, SAME,             ST(SYN_RECEIVED)},
    {'B', ACROSS,  0,     SYN | ACK, 300, 91,   0, ST(SYN_SENT),     ST(SYN_RECEIVED)},
    {'A', ACROSS,  0,     RST,       91,  0,    0, ST(SYN_SENT),     ST(LISTEN)},
    {'A', ARRIVES, 0,     SYN,       100, 0,    0, SAME,             ST(SYN_RECEIVED)},
    {'B', ACROSS,  0,     SYN | ACK, 400, 101,  0, ST(ESTABLISHED),  ST(SYN_RECEIVED)},
    {'A', ACROSS,  0,     ACK,       101, 401,  0, ST(ESTABLISHED),  ST(ESTABLISHED)});

FIGURE(figure_9, 400, 299, ST(CLOSED), ST(ESTABLISHED),
    {'A', CALL,    OPEN,  0,         0,   0,    0, ST(SYN_SENT),     SAME},
    {'A', ACROSS,  0,     SYN,       400, 0,    0, ST(SYN_SENT),     ST(ESTABLISHED)},
    {'B', ACROSS,  0,     ACK,       300, 100,  0, ST(SYN_SENT),     ST(ESTABLISHED)},
    {'A', ACROSS,  0,     RST,       100, 0,    0, ST(SYN_SENT),     ABORTED},
    {'A', CALL,    TIME,  0,         0,   0,    0, SAME,             ST(CLOSED)},
    {'A', LEAVES,  0,     SYN,       400, 0,    0, ST(SYN_SENT),     ST(CLOSED)});

FIGURE(figure_10, 0, 299, ST(CLOSED), ST(ESTABLISHED),
    {'B', CALL,    SEND_10, 0,       0,   0,    0, SAME,             ST(ESTABLISHED)},
    {'B', ACROSS,  0,     ACK,       300, 100, 10, ST(CLOSED),       ST(ESTABLISHED)},
    {'A', ACROSS,  0,     RST,       100, 0,    0, ST(CLOSED),       ABORTED});

enum { X = 300, Z = 90 };
FIGURE(figure_11, 0, X, ST(LISTEN), ST(LISTEN),
    {'A', ARRIVES, 0,     SYN,       Z,   0,    0, ST(LISTEN),       ST(SYN_RECEIVED)},
    {'B', ACROSS,  0,     SYN | ACK, X, Z + 1,  0, ST(LISTEN),       ST(SYN_RECEIVED)},
    {'A', ACROSS,  0,     RST,     Z + 1, 0,    0, ST(LISTEN),       ST(LISTEN)});

FIGURE(figure_12, 99, 299, ST(ESTABLISHED), ST(ESTABLISHED),
    {'A', CALL,    CLOSE, 0,         0,   0,    0, ST(FIN_WAIT_1),   ST(ESTABLISHED)},
    {'A', ACROSS,  0,     FIN | ACK, 100, 300,  0, ST(FIN_WAIT_1),   ST(CLOSE_WAIT)},
    {'B', ACROSS,  0,     ACK,       300, 101,  0, ST(FIN_WAIT_2),   ST(CLOSE_WAIT)},
    {'B', CALL,    CLOSE, 0,         0,   0,    0, ST(FIN_WAIT_2),   ST(LAST_ACK)},
    {'B', ACROSS,  0,     FIN | ACK, 300, 101,  0, ST(TIME_WAIT),    ST(LAST_ACK)},
    {'A', ACROSS,  0,     ACK,       101, 301,  0, ST(TIME_WAIT),    ST(CLOSED)},
    {'A', CALL,    TWO_MSL, 0,       0,   0,    0, ST(CLOSED),       ST(CLOSED)});

FIGURE(figure_13, 99, 299, ST(ESTABLISHED), ST(ESTABLISHED),
    {'A', CALL,    CLOSE, 0,         0,   0,    0, ST(FIN_WAIT_1),   SAME},
    {'B', CALL,    CLOSE, 0,         0,   0,    0, SAME,             ST(FIN_WAIT_1)},
    {'A', LEAVES,  0,     FIN | ACK, 100, 300,  0, ST(FIN_WAIT_1),   SAME},
    {'B', ACROSS,  0,     FIN | ACK, 300, 100,  0, ST(CLOSING),      ST(FIN_WAIT_1)},
    {'A', ARRIVES, 0,     FIN | ACK, 100, 300,  0, SAME,             ST(CLOSING)},
    {'A', LEAVES,  0,     ACK,       101, 301,  0, ST(CLOSING),      SAME},
    {'B', ACROSS,  0,     ACK,       301, 101,  0, ST(TIME_WAIT),    ST(CLOSING)},
    {'A', ARRIVES, 0,     ACK,       101, 301,  0, SAME,             ST(TIME_WAIT)},
    {'A', CALL,    TWO_MSL, 0,       0,   0,    0, ST(CLOSED),       SAME},
    {'B', CALL,    TWO_MSL, 0,       0,   0,    0, SAME,             ST(CLOSED)});
/* clang-format on */

/* ---- playing one side ---- */

static void begin(const struct figure *f, char me) {
    bool a = me == 'A';
    int mine = a ? f->a : f->b, theirs = a ? f->b : f->a;
    fx.peer.isn = a ? f->iss_b : f->iss_a;
    if (mine == TERN_ESTABLISHED && theirs == TERN_CLOSED) fx.peer.isn = 99; /* "receive 100": from before the reboot */
    fx_up_with_isn(a ? f->iss_a : f->iss_b);
    to_state((enum tern_state)mine, mine == TERN_LISTEN ? PASSIVE : ACTIVE);
    if (mine != TERN_ESTABLISHED) fx.iss = a ? f->iss_a : f->iss_b;
}

static void call(enum call c) {
    switch (c) {
    case OPEN: assert_int_equal(app_connect(), TERN_OK); break;
    case SEND_10: app_write(10); break;
    case CLOSE: assert_int_equal(tern_close(fx.stack, fx.sock), TERN_OK); break;
    case TIME: assert_in_range(wait_out(5000), 1, 5000); break;
    case TWO_MSL: advance(2 * fx.cfg.msl_ms + 5); break;
    case NO_CALL: break;
    }
}

/* A listener's next ISN is its clock's: what the script expects is waited for. */
static void wait_for_isn(uint32_t isn) {
    struct flow f = {addr_in(&fx.me), addr_in(&fx.peer_addr), fx.my_port, fx.peer_port};
    fx.s->now = fx.now;
    struct secrets secrets = flow_secrets(fx.s, &f);
    fx.now += (uint64_t)(isn - isn_choose(fx.s, &secrets).v) * 4000;
}

static void arrives_here(const struct line *l, const struct line *answer) {
    if ((l->flags & SYN) && state_now() == TERN_CLOSED && answer && (answer->flags & SYN)) wait_for_isn(answer->number);
    inject_with(.flags = l->flags, .seq = l->number - fx.peer.isn, .len = l->len,
                .ack = l->flags & ACK ? l->ack - fx.iss : 0);
}

static void leaves_here(const struct line *l) {
    expect(l->flags, ANY, ANY, l->len);
    assert_int_equal(fx.out.abs_seq, l->number);
    if (l->flags & ACK) assert_int_equal(fx.out.abs_ack, l->ack);
}

static void check_state(int st) {
    if (st == SAME) return;
    if (st == ABORTED) {
        expect_event(TERN_EV_CLOSED);
        assert_int_equal(fx.ev_error, TERN_ERESET);
    }
    if (st == TERN_LISTEN) {
        tern_status_info i = {.size = sizeof i};
        assert_int_equal(tern_status(fx.stack, fx.listener, &i), TERN_OK);
        assert_int_equal(i.state, TERN_LISTEN);
    }
    expect_state(st == ABORTED || st == TERN_LISTEN ? TERN_CLOSED : (enum tern_state)st);
}

static void play_as(const struct figure *f, char me) {
    begin(f, me);
    for (size_t i = 0; i < f->lines; i++) {
        const struct line *l = &f->line[i];
        if (l->from == me) {
            if (l->way == CALL) call(l->call);
            if (l->way == ACROSS || l->way == LEAVES) leaves_here(l);
        } else if (l->way == ACROSS || l->way == ARRIVES) {
            arrives_here(l, i + 1 < f->lines ? l + 1 : NULL);
        }
        check_state(me == 'A' ? l->a : l->b);
    }
    expect_none();
}

static void play(const struct figure *f) {
    bool v6 = fx.v6;
    for (char me = 'A'; me <= 'B'; me++) {
        fx_down();
        fx_reset(v6);
        play_as(f, me);
    }
}

#define TEST(name, what)                                                                                               \
    static void what(void **state) {                                                                                   \
        (void)state;                                                                                                   \
        play(&name);                                                                                                   \
    }
TEST(figure_6, three_way_handshake)              /* [RFC9293 3.5] */
TEST(figure_7, simultaneous_open)                /* [MUST-10] */
TEST(figure_8, old_duplicate_syn)                /* [RFC9293 3.5] */
TEST(figure_9, half_open_discovery)              /* [RFC9293 3.5.1, MUST-12] */
TEST(figure_10, half_open_discovery_by_sending)  /* [RFC9293 3.5.1] */
TEST(figure_11, old_duplicate_between_listeners) /* [RFC9293 3.5.1, MUST-11] */
TEST(figure_12, normal_close)                    /* [RFC9293 3.6, MUST-13] */
TEST(figure_13, simultaneous_close)              /* [RFC9293 3.6] */

int main(void) {
    const struct CMUnitTest tests[] = {
        BOTH(three_way_handshake),
        BOTH(simultaneous_open),
        BOTH(old_duplicate_syn),
        BOTH(half_open_discovery),
        BOTH(half_open_discovery_by_sending),
        BOTH(old_duplicate_between_listeners),
        BOTH(normal_close),
        BOTH(simultaneous_close),
    };
    return cmocka_run_group_tests_name("rfc9293 figures", tests, NULL, NULL);
}
