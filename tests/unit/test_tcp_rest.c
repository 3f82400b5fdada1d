/* test_tcp_rest.c - a connection at rest: when it is, what it weighs, and what happens when it cannot wake for want of
 * memory. What it goes on with afterwards is tested where it matters: recovery, congestion control. */
#include "tcp_fixture.h"

static struct stack *s(void) { return stack_of(fx.stack); }

/* It wakes for a byte, and rests when that is acknowledged, and the answer read and acknowledged. */
static void wakes_and_rests(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    assert_false(tcb_awake(tcb_now()));
    uint64_t live = fx.heap.live;
    app_write(1);
    assert_true(tcb_awake(tcb_now()));
    assert_int_equal(drop_out(), 1);
    inject(ACK, 1, 2, 1);
    assert_true(tcb_awake(tcb_now()));
    assert_int_equal(app_read(10), 1);
    assert_true(tcb_awake(tcb_now())); /* the ACK is owed */
    advance(1000);
    expect(ACK, 2, 2, 0);
    assert_false(tcb_awake(tcb_now()));
    mem_buffers_drop(s());
    assert_true(fx.heap.live <= live);
}

/* Urgent bytes that were acknowledged are nothing special any more: the next ones are not marked, and it rests. */
static void rests_after_urgent(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    fx.unchecked = true;
    assert_int_equal(tern_write_urgent(fx.stack, fx.sock, "stop", 4), 4);
    expect(ACK | URG, 1, 1, 4);
    assert_int_equal(fx.out.urgent, 4);
    inject(ACK, 1, 5, 0);
    assert_false(tcb_awake(tcb_now()));
    assert_int_equal(tern_write(fx.stack, fx.sock, "go", 2), 2);
    expect(ACK, 5, 1, 2);
    inject(ACK, 1, 7, 0);
    assert_false(tcb_awake(tcb_now()));
}

static void write_much(void) {
    app_write(50000);
    while (snd_queued(tcb_now()))
        if (drop_out() > 0) inject(ACK, 1, fx_status().snd_nxt - fx.iss, 0);
    mem_buffers_drop(s());
}

/* A buffer begins as large as the last one had to be; when that much is not to be had, as large as is needed now. */
static void small_when_large_is_refused(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    for (unsigned refused = 0; refused < 2; refused++) {
        write_much();
        assert_true(tcb_wake(s(), tcb_now()));
        uint64_t live = fx.heap.live;
        if (refused) fx.heap.fail_at = fx.heap.calls + 1;
        app_write(1);
        assert_true(refused ? fx.heap.live <= live + 1024 : fx.heap.live >= live + 50000);
        assert_int_equal(drop_out(), 1);
        inject(ACK, 1, fx_status().snd_nxt - fx.iss, 0);
        assert_int_equal(fx_status().send_queued, 0);
    }
}

/* One refusal hurts nobody: there is a part in reserve. */
static void one_refusal(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    mem_buffers_drop(s());
    fx.heap.fail_at = fx.heap.calls + 1;
    inject(FIN | ACK, 1, 1, 0);
    expect(ACK, 1, 2, 0);
    expect_state(TERN_CLOSE_WAIT);
    assert_non_null(s()->tcp.spare);
}

/* From here on the allocator refuses, and nothing is in reserve. What was comes back with the caller. */
static struct busy *memory_ends(void) {
    mem_buffers_drop(s());
    struct busy *spare = s()->tcp.spare;
    s()->tcp.spare = NULL;
    fx.heap.fail_at = fx.heap.calls + 1;
    fx.heap.fail_on = true;
    return spare;
}

static void memory_comes_back(struct busy *spare) {
    s()->tcp.spare = spare;
    fx.heap.fail_at = 0;
    fx.heap.fail_on = false;
}

/* Nothing at all is to be had: segments count as lost, calls say so, a close resets. */
static void no_memory_to_wake(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    struct busy *spare = memory_ends();
    assert_int_equal(tern_write(fx.stack, fx.sock, "x", 1), TERN_ENOMEM);
    assert_int_equal(tern_shutdown(fx.stack, fx.sock), TERN_ENOMEM);
    assert_int_equal(tern_set(fx.stack, fx.sock, TERN_OPT_KEEPALIVE, 1), TERN_ENOMEM);
    assert_int_equal(tern_set(fx.stack, fx.sock, TERN_OPT_NODELAY, 1), TERN_OK);
    inject(ACK | FIN, 1, 1, 1);
    expect_none();
    expect_state(TERN_ESTABLISHED);
    memory_comes_back(spare);
    inject(ACK, 1, 1, 1); /* it comes again */
    assert_int_equal(app_read(10), 1);
    advance(1000);
    expect(ACK, 1, 2, 0);
    assert_false(tcb_awake(tcb_now()));
    spare = memory_ends();
    assert_int_equal(tern_close(fx.stack, fx.sock), TERN_OK);
    memory_comes_back(spare);
}

/* [RFC9293 3.10.7.4 second] A reset is sent once: it counts though there is no memory to wake, and then there is some. */
static void reset_without_memory(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    struct busy *spare = memory_ends();
    inject(RST, 2, 0, 0); /* not the next number: would be challenged */
    inject(RST | ACK, 2, 1, 0);
    expect_none();
    expect_state(TERN_ESTABLISHED);
    inject(RST, 1, 0, 0);
    expect_none();
    expect_event(TERN_EV_CLOSED);
    assert_int_equal(fx.ev_error, TERN_ERESET);
    assert_int_equal(app_read(10), 0);
    assert_int_equal(tern_close(fx.stack, fx.sock), TERN_OK);
    memory_comes_back(spare);
}

/* After TERN_ENOMEM a socket is told once when to try again: after a tenth of a second, and again if it was in vain. */
static void told_to_try_again(void **state) {
    (void)state;
    void *at[2];
    size_t len[2];
    to_state(TERN_ESTABLISHED, ACTIVE);
    expect_event(0);
    assert_true(tern_deadline(fx.stack) == TERN_NEVER);
    struct busy *spare = memory_ends();
    assert_int_equal(tern_write(fx.stack, fx.sock, "x", 1), TERN_ENOMEM);
    assert_int_equal(tern_write_reserve(fx.stack, fx.sock, 1, at, len), TERN_ENOMEM);
    advance(99);
    expect_event(0);
    assert_int_not_equal(tern_deadline(fx.stack), TERN_NEVER);
    advance(2);
    expect_event(TERN_EV_WRITE);
    assert_true(tern_deadline(fx.stack) == TERN_NEVER);
    assert_int_equal(tern_shutdown(fx.stack, fx.sock), TERN_ENOMEM);
    memory_comes_back(spare);
    advance(101);
    expect_event(TERN_EV_WRITE);
    assert_int_equal(tern_write(fx.stack, fx.sock, "x", 1), 1);
    assert_int_equal(tern_shutdown(fx.stack, fx.sock), TERN_OK);
    fx.unchecked = true;
    expect(FIN | ACK, 1, 1, 1);
    advance(150);
    expect_event(0);
}

/* Whatever else happens to the socket before tells it as well; then the tenth of a second brings nothing more. */
static void told_with_what_happens(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    expect_event(0);
    struct busy *spare = memory_ends();
    assert_int_equal(tern_write(fx.stack, fx.sock, "x", 1), TERN_ENOMEM);
    memory_comes_back(spare);
    inject(ACK, 1, 1, 1);
    assert_true(tern_deadline(fx.stack) <= fx.now);
    expect_event(TERN_EV_READ | TERN_EV_WRITE);
    advance(150);
    drop_out();
    expect_event(0);
    spare = memory_ends();
    assert_int_equal(tern_write(fx.stack, fx.sock, "x", 1), TERN_ENOMEM);
    inject(RST, 2, 0, 0); /* the end says all: there is nothing to try again */
    memory_comes_back(spare);
    expect_event(TERN_EV_CLOSED);
}

/* Sockets that wait leave in any order, by what happens or by a close, and the rest are told. */
static void waiting_sockets_leave(void **state) {
    (void)state;
    enum { N = 5 };
    tern_sock sock[N];
    bool told[N] = {0};
    for (unsigned i = 0; i < N; i++) {
        fx_new_peer((uint16_t)(MY_PORT + i), PEER_PORT);
        to_state(TERN_ESTABLISHED, ACTIVE);
        sock[i] = fx.sock;
        tern_set_user(fx.stack, sock[i], i + 1);
    }
    expect_event(0);
    struct busy *spare = memory_ends();
    for (unsigned i = 0; i < N; i++) assert_int_equal(tern_write(fx.stack, sock[i], "x", 1), TERN_ENOMEM);
    memory_comes_back(spare);
    assert_int_equal(tern_abort(fx.stack, sock[2]), TERN_OK);
    assert_int_equal(tern_abort(fx.stack, sock[0]), TERN_OK);
    assert_int_equal(tern_abort(fx.stack, sock[4]), TERN_OK);
    drop_out();
    tern_event e[N];
    assert_int_equal(tern_poll(fx.stack, e, N), 0);
    assert_int_equal(tern_expire(fx.stack, fx.now += 102000000), TERN_OK);
    assert_int_equal(tern_poll(fx.stack, e, N), 2);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(e[i].bits, TERN_EV_WRITE);
        told[e[i].user - 1] = true;
    }
    assert_true(told[1] && told[3]);
    assert_int_equal(tern_abort(fx.stack, sock[1]), TERN_OK);
    assert_int_equal(tern_abort(fx.stack, sock[3]), TERN_OK);
    drop_out();
}

int main(void) {
    const struct CMUnitTest tests[] = {BOTH(wakes_and_rests),
                                       BOTH(small_when_large_is_refused),
                                       BOTH(rests_after_urgent),
                                       SACKED(rests_after_urgent),
                                       BOTH(one_refusal),
                                       BOTH(no_memory_to_wake),
                                       BOTH(reset_without_memory),
                                       BOTH(told_to_try_again),
                                       BOTH(told_with_what_happens),
                                       BOTH(waiting_sockets_leave)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
