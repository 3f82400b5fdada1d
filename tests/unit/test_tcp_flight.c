/* test_tcp_flight.c - the account of what is under way, against an array with one entry a byte. What is lost is not
 * judged here. */
#include "tcp_fixture.h"

#include "draw.h"

enum { BYTES = 6000, START = -3000 }; /* the numbers wrap in the middle */

/* One byte of the stream. */
struct byte {
    uint8_t state;
    bool again;
    uint32_t sent_us;
};

struct model {
    struct flight *f;
    struct byte at[BYTES];
    uint32_t una, nxt, now_us;
    draw draws;
};
static struct model m;

static seq number(uint32_t i) { return seq_of((uint32_t)START + i); }
static uint32_t place(seq x) { return x.v - (uint32_t)START; }
static uint32_t any(uint32_t from, uint32_t to) { return from + draw_below(&m.draws, to - from); } /* from =< x < to */

static void begin(uint64_t seed) {
    fx_up();
    memset(&m, 0, sizeof m);
    m.draws.state = seed;
    m.f = flight_new(fx.s, number(0), 1000);
    assert_non_null(m.f);
}

static void end(void) {
    flight_free(fx.s, m.f);
    m.f = NULL;
}

static void check(void) {
    uint32_t sums[3] = {0}, at = m.una;
    for (uint32_t i = 0; i < m.f->count; i++) {
        const struct piece *p = piece_at(m.f, i);
        assert_int_equal(place(p->from), at);
        uint32_t len = piece_len(m.f, i);
        assert_true(len > 0);
        for (uint32_t k = 0; k < len; k++) {
            const struct byte *b = &m.at[at + k];
            if (p->state != b->state) fail_msg("byte %u: state %u instead of %u", at + k, p->state, b->state);
            if (b->state == PIECE_SACKED) continue; /* its time is of no use any more */
            assert_int_equal(p->again, b->again);
            assert_true(b->sent_us - p->sent_us <= m.f->grain_us);
        }
        if (i > 0 && !fx.heap.fail_on)
            assert_false(p->state == PIECE_SACKED && piece_at(m.f, i - 1)->state == PIECE_SACKED);
        assert_int_equal(flight_find(m.f, number(any(at, at + len))), i);
        at += len;
        sums[p->state] += len;
    }
    assert_int_equal(at, m.nxt);
    assert_int_equal(place(m.f->end), m.nxt);
    assert_int_equal(m.f->sacked, sums[PIECE_SACKED]);
    assert_int_equal(m.f->lost, sums[PIECE_LOST]);
    assert_int_equal(flight_pipe(m.f), sums[PIECE_SENT]);
    for (uint32_t i = m.una; m.f->lost && i < m.nxt && i < place(m.f->lost_from); i++)
        assert_int_not_equal(m.at[i].state, PIECE_LOST);
}

static void send_some(uint32_t n) {
    if (m.nxt + n > BYTES || !flight_room(fx.s, m.f)) return;
    flight_sent(m.f, number(m.nxt + n), m.now_us);
    for (uint32_t i = 0; i < n; i++) m.at[m.nxt++] = (struct byte){PIECE_SENT, false, m.now_us};
}

/* As an ACK with a block does; false: no room for a piece of its own. */
static bool sack_some(uint32_t left, uint32_t right) {
    uint32_t first, last;
    if (right < m.nxt && !flight_split(fx.s, m.f, number(right), &last)) return false;
    if (!flight_split(fx.s, m.f, number(left), &first)) return false;
    uint32_t i = first;
    for (; i < m.f->count && seq_lt(piece_at(m.f, i)->from, number(right)); i++) flight_set(m.f, i, PIECE_SACKED);
    flight_join(m.f, first, i - first);
    for (uint32_t k = left; k < right; k++) m.at[k].state = PIECE_SACKED;
    return true;
}

static void lose_one(void) {
    uint32_t i = any(0, m.f->count), from = place(piece_at(m.f, i)->from), len = piece_len(m.f, i);
    if (piece_at(m.f, i)->state != PIECE_SENT) return;
    flight_set(m.f, i, PIECE_LOST);
    for (uint32_t k = 0; k < len; k++) m.at[from + k].state = PIECE_LOST;
}

static void resend_one(void) {
    uint32_t i = any(0, m.f->count), from = place(piece_at(m.f, i)->from), len = any(1, piece_len(m.f, i) + 1), unused;
    if (piece_at(m.f, i)->state != PIECE_LOST) return;
    if (from + len < m.nxt && !flight_split(fx.s, m.f, number(from + len), &unused)) return;
    struct piece *p = piece_at(m.f, i);
    flight_set(m.f, i, PIECE_SENT);
    p->again = true;
    p->sent_us = m.now_us;
    flight_again(m.f, number(from), number(from + len));
    for (uint32_t k = 0; k < len; k++) m.at[from + k] = (struct byte){PIECE_SENT, true, m.now_us};
}

static void acknowledge(uint32_t una) {
    while (m.f->count && seq_lt(piece_at(m.f, 0)->from, number(una))) flight_pop(m.f, number(una));
    m.una = una;
}

static void something(void) {
    m.now_us += any(0, 4);
    uint32_t kind = any(0, 16);
    if (m.una == m.nxt || kind < 4) {
        send_some(any(1, 40));
    } else if (kind < 10) {
        uint32_t left = any(m.una, m.nxt);
        sack_some(left, left + 1 + any(0, min_u32(m.nxt - left, 60)));
    } else if (kind < 12) {
        lose_one();
    } else if (kind < 15) {
        resend_one();
    } else {
        acknowledge(any(m.una, min_u32(m.nxt, m.una + 200)) + 1);
    }
}

static void random_account(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        begin(seed);
        m.f->grain_us = (uint32_t)(seed % 3) * 2;
        while (m.nxt < BYTES - 40) {
            something();
            check();
        }
        acknowledge(m.nxt);
        check();
        assert_int_equal(m.f->count, 0);
        end();
    }
}

/* Any allocation may fail: the account stays right, only coarser. */
static void random_account_without_memory(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        begin(seed);
        while (m.nxt < BYTES - 40) {
            mem_buffers_drop(fx.s);
            fx.heap.fail_at = any(0, 3) ? fx.heap.calls + 1 : 0;
            fx.heap.fail_on = true;
            uint32_t before = m.nxt;
            something();
            check();
            if (m.nxt == before && m.f->count == m.f->cap) acknowledge(min_u32(m.nxt, m.una + 50));
        }
        fx.heap.fail_at = 0;
        end();
    }
}

/* However many holes a peer makes, the pieces have a limit; then blocks are ignored, nothing new is sent, and all
 * goes on once something is acknowledged. */
static void limit(void **state) {
    (void)state;
    fx_up();
    struct flight *f = flight_new(fx.s, seq_of(0), 1000);
    assert_non_null(f);
    flight_sent(f, seq_of(1 << 20), 0);
    uint32_t made = 0, i;
    while (made < 1 << 18 && flight_split(fx.s, f, seq_of(2 * made + 1), &i)) {
        flight_set(f, i, made++ % 2 ? PIECE_SENT : PIECE_SACKED);
    }
    assert_true(made >= 1000 && made <= 16384);
    assert_int_equal(f->count, made + 1);
    assert_false(flight_room(fx.s, f));
    assert_true(flight_split(fx.s, f, seq_of(1), &i)); /* that border is there already */
    flight_pop(f, seq_of(1));
    assert_true(flight_room(fx.s, f));
    while (f->count) flight_pop(f, seq_of(1 << 20));
    assert_int_equal(f->sacked + f->lost + flight_pipe(f), 0);
    flight_free(fx.s, f);
}

/* A long, fast path has more segments under way than that: then each of them may have a piece of its own, up to a limit
 * again. */
static void limit_of_many(void **state) {
    (void)state;
    static const struct { uint32_t bytes, pieces; } flights[] = {{4 << 20, 8192}, {12 << 20, 16384}, {64 << 20, 32768}};
    fx_up();
    for (unsigned k = 0; k < 3; k++) {
        struct flight *f = flight_new(fx.s, seq_of(0), 1000);
        assert_non_null(f);
        flight_sent(f, seq_of(flights[k].bytes), 0);
        uint32_t made = 0, i;
        while (made < 1 << 18 && flight_split(fx.s, f, seq_of(2 * made + 1), &i)) made++;
        assert_int_equal(f->count, flights[k].pieces);
        flight_free(fx.s, f);
    }
}

/* One block over thousands of holes makes one piece of them, at the cost of one pass. */
static void join_many(void **state) {
    (void)state;
    begin(1);
    for (unsigned i = 0; i < 150; i++) send_some(40);
    for (uint32_t i = 1; i + 1 < m.nxt; i += 2) assert_true(sack_some(i, i + 1));
    assert_int_equal(m.f->count, m.nxt - 1);
    assert_true(sack_some(2, m.nxt - 2));
    check();
    assert_int_equal(m.f->count, 3);
    end();
}

/* Bytes that leave within the grain share a piece; a repetition in between, or another cause, keeps them apart. */
static void bursts(void **state) {
    (void)state;
    begin(1);
    m.f->grain_us = 10;
    send_some(10);
    m.now_us = 10;
    send_some(10);
    assert_int_equal(m.f->count, 1);
    m.now_us = 11;
    send_some(10);
    assert_int_equal(m.f->count, 2);
    flight_again(m.f, number(0), number(10));
    send_some(10);
    assert_int_equal(m.f->count, 3);
    m.f->app_until = 1; /* the application, not the network, held back what follows */
    flight_sent(m.f, number(50), m.now_us);
    assert_int_equal(m.f->count, 4);
    end();
}

/* Which reported duplicates are of our making: each repeated byte once [RFC2883 4]. */
static void repeated_ranges(void **state) {
    (void)state;
    begin(1);
    struct flight *f = m.f;
    uint32_t since;
    assert_int_equal(flight_was_again(f, number(0), number(100), &since), 0);
    flight_again(f, number(100), number(200));
    flight_again(f, number(200), number(250)); /* continues it */
    flight_again(f, number(1000), number(1100));
    assert_int_equal(flight_was_again(f, number(0), number(100), &since), 0);
    assert_int_equal(flight_was_again(f, number(50), number(150), &since), 50);
    assert_int_equal(flight_was_again(f, number(50), number(150), &since), 0);
    assert_int_equal(flight_was_again(f, number(220), number(1050), &since), 30 + 50);
    assert_int_equal(flight_was_again(f, number(0), number(2000), &since), 70 + 50);
    for (uint32_t i = 0; i < 100; i++) flight_again(f, number(i * 20), number(i * 20 + 10));
    assert_int_equal(flight_was_again(f, number(0), number(20), &since), 0); /* too long ago */
    assert_int_equal(flight_was_again(f, number(1980), number(2000), &since), 10);
    flight_again_anew(f);
    flight_again(f, number(1990), number(2030)); /* partly once more */
    assert_int_equal(flight_was_again(f, number(1960), number(1970), &since), 10);
    assert_int_equal(since, 0);
    flight_again(f, number(1940), number(1950));
    assert_int_equal(flight_was_again(f, number(1940), number(1950), &since), 20);
    assert_int_equal(since, 0); /* told for the earlier one */
    assert_int_equal(flight_was_again(f, number(2000), number(2010), &since), 10);
    assert_int_equal(since, 10);
    end();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ONLY4(random_account),  ONLY4(random_account_without_memory),
        ONLY4(limit),           ONLY4(limit_of_many),
        ONLY4(join_many),       ONLY4(bursts),
        ONLY4(repeated_ranges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
