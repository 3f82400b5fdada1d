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
    fx.heap.fail_on = false;
    s()->tcp.spare = spare;
    inject(ACK, 1, 1, 1); /* it comes again */
    assert_int_equal(app_read(10), 1);
    advance(1000);
    expect(ACK, 1, 2, 0);
    assert_false(tcb_awake(tcb_now()));
    spare = memory_ends();
    assert_int_equal(tern_close(fx.stack, fx.sock), TERN_OK);
    s()->tcp.spare = spare;
    fx.heap.fail_at = 0;
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
    s()->tcp.spare = spare;
    fx.heap.fail_at = 0;
    fx.heap.fail_on = false;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        BOTH(wakes_and_rests), BOTH(small_when_large_is_refused), BOTH(rests_after_urgent),  SACKED(rests_after_urgent),
        BOTH(one_refusal),     BOTH(no_memory_to_wake),           BOTH(reset_without_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
