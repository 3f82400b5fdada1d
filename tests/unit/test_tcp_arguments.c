/* test_tcp_arguments.c - calls that are given nothing, or a handle of nobody: each says so and touches nothing. */
#include "tcp_fixture.h"

/* Without a stack there is nothing to do. */
static void no_stack(void **state) {
    (void)state;
    tern_sock sock = {.id = 1}, out;
    tern_addr a = {.family = 4, .bytes = {10, 9, 0, 1}};
    tern_iface_config iface = {.size = sizeof iface, .name = "t0", .link = TERN_LINK_IP, .mtu = 1500};
    tern_open open = {.size = sizeof open, .remote = a, .remote_port = 1};
    tern_listen_config listen = {.size = sizeof listen, .port = 1};
    tern_status_info info = {.size = sizeof info};
    tern_stats stats = {.size = sizeof stats};
    tern_frame frame;
    tern_event event;
    tern_packet packet = {.data = "x", .len = 1};
    tern_echo echo;
    tern_span span[2];
    void *ptr[2], *token;
    size_t len[2];
    int64_t value;
    uint64_t user, cursor = 0;
    char byte;
    assert_int_equal(tern_iface_add(NULL, &iface), TERN_EINVAL);
    assert_int_equal(tern_addr_add(NULL, 0, &a, 24), TERN_EINVAL);
    assert_int_equal(tern_addr_remove(NULL, 0, &a), TERN_EINVAL);
    assert_false(tern_addr_at(NULL, 0, &a, NULL, NULL));
    assert_int_equal(tern_route_add(NULL, &a, 24, 0, NULL), TERN_EINVAL);
    assert_int_equal(tern_input(NULL, 0, &packet, 1, 0), TERN_EINVAL);
    assert_int_equal(tern_output(NULL, &frame, 1, 0), TERN_EINVAL);
    assert_true(tern_deadline(NULL) == TERN_NEVER);
    assert_int_equal(tern_expire(NULL, 0), TERN_EINVAL);
    assert_int_equal(tern_poll(NULL, &event, 1), TERN_EINVAL);
    assert_int_equal(tern_connect(NULL, &open, &out), TERN_EINVAL);
    assert_int_equal(tern_listen(NULL, &listen, &out), TERN_EINVAL);
    assert_int_equal(tern_accept(NULL, sock, &out, NULL), TERN_EINVAL);
    assert_int_equal(tern_held(NULL, sock, &out, NULL), TERN_EINVAL);
    assert_int_equal(tern_hold_accept(NULL, sock), TERN_EINVAL);
    assert_int_equal(tern_hold_refuse(NULL, sock, true), TERN_EINVAL);
    assert_int_equal(tern_write(NULL, sock, "x", 1), TERN_EINVAL);
    assert_int_equal(tern_write_urgent(NULL, sock, "x", 1), TERN_EINVAL);
    assert_int_equal(tern_write_reserve(NULL, sock, 1, ptr, len), TERN_EINVAL);
    assert_int_equal(tern_write_commit(NULL, sock, 1), TERN_EINVAL);
    assert_int_equal(tern_read(NULL, sock, &byte, 1), TERN_EINVAL);
    assert_int_equal(tern_read_borrow(NULL, sock, span, 2), TERN_EINVAL);
    assert_int_equal(tern_read_release(NULL, sock, 1), TERN_EINVAL);
    assert_int_equal(tern_reclaim(NULL, &token, 1), TERN_EINVAL);
    assert_int_equal(tern_shutdown(NULL, sock), TERN_EINVAL);
    assert_int_equal(tern_close(NULL, sock), TERN_EINVAL);
    assert_int_equal(tern_abort(NULL, sock), TERN_EINVAL);
    assert_int_equal(tern_set(NULL, sock, TERN_OPT_TTL, 1), TERN_EINVAL);
    assert_int_equal(tern_get(NULL, sock, TERN_OPT_TTL, &value), TERN_EINVAL);
    assert_int_equal(tern_set_user(NULL, sock, 1), TERN_EINVAL);
    assert_int_equal(tern_user(NULL, sock, &user), TERN_EINVAL);
    assert_int_equal(tern_status(NULL, sock, &info), TERN_EINVAL);
    assert_false(tern_list(NULL, &cursor, &info));
    assert_int_equal(tern_stats_get(NULL, &stats), TERN_EINVAL);
    assert_true(tern_reason_counter(NULL, 1) == 0);
    assert_int_equal(tern_trace_set(NULL, 0, NULL, NULL), TERN_EINVAL);
    assert_int_equal(tern_echo_send(NULL, &a, 1, 1, NULL, 0), TERN_EINVAL);
    assert_int_equal(tern_echo_reply(NULL, &echo), TERN_EINVAL);
    tern_free(NULL);
}

/* Nothing to read from, nowhere to write to. */
static void no_place(void **state) {
    (void)state;
    to_state(TERN_ESTABLISHED, ACTIVE);
    tern_stack *s = fx.stack;
    tern_sock sock = fx.sock, out;
    tern_config config;
    tern_config_default(&config);
    tern_stack *made;
    tern_setting setting;
    uint64_t value;
    unsigned bits;
    tern_addr a;
    assert_int_equal(tern_input(s, 0, NULL, 1, fx.now), TERN_EINVAL);
    assert_int_equal(tern_input(s, -1, NULL, 0, fx.now), TERN_EINVAL);
    assert_int_equal(tern_input(s, 99, NULL, 0, fx.now), TERN_EINVAL);
    assert_int_equal(tern_input(s, 0, NULL, 0, fx.now), TERN_OK);
    assert_int_equal(tern_output(s, NULL, 1, fx.now), TERN_EINVAL);
    assert_int_equal(tern_output(s, NULL, 0, fx.now), 0);
    assert_int_equal(tern_poll(s, NULL, 1), TERN_EINVAL);
    assert_int_equal(tern_connect(s, NULL, &out), TERN_EINVAL);
    assert_int_equal(tern_listen(s, NULL, &out), TERN_EINVAL);
    assert_int_equal(tern_accept(s, sock, NULL, NULL), TERN_EINVAL);
    assert_int_equal(tern_held(s, sock, NULL, NULL), TERN_EINVAL);
    assert_int_equal(tern_write(s, sock, NULL, 1), TERN_EINVAL);
    assert_int_equal(tern_read(s, sock, NULL, 1), TERN_EINVAL);
    assert_int_equal(tern_status(s, sock, NULL), TERN_EINVAL);
    assert_int_equal(tern_stats_get(s, NULL), TERN_EINVAL);
    assert_int_equal(tern_stats_get(s, &(tern_stats){.size = 1}), TERN_EINVAL);
    assert_int_equal(tern_user(s, sock, NULL), TERN_EINVAL);
    assert_int_equal(tern_trace_set(s, TERN_TRACE_CALL, NULL, NULL), TERN_EINVAL);
    assert_int_equal(tern_trace_set(s, TERN_TRACE_ALL + 1, NULL, NULL), TERN_EINVAL);
    assert_int_equal(tern_trace_set(s, 0, NULL, NULL), TERN_OK);
    assert_int_equal(tern_echo_send(s, NULL, 1, 1, NULL, 0), TERN_EINVAL);
    assert_int_equal(tern_echo_send(s, &fx.peer_addr, 1, 1, NULL, 1), TERN_EINVAL);
    assert_int_equal(tern_echo_reply(s, NULL), TERN_EINVAL);
    assert_int_equal(tern_new(NULL, 0, &made), TERN_EINVAL);
    assert_int_equal(tern_new(&config, 0, NULL), TERN_EINVAL);
    assert_int_equal(tern_new(&config, 0, &made), TERN_EINVAL); /* no allocator */
    assert_int_equal(tern_config_set(NULL, "msl_ms", 1), TERN_EINVAL);
    assert_int_equal(tern_config_set(&config, NULL, 1), TERN_EINVAL);
    assert_int_equal(tern_setting_parse(NULL, "1", &value), TERN_EINVAL);
    assert_int_equal(tern_setting_parse("msl_ms", NULL, &value), TERN_EINVAL);
    assert_int_equal(tern_setting_parse("msl_ms", "1", NULL), TERN_EINVAL);
    assert_false(tern_setting_at(0, NULL));
    assert_true(tern_setting_at(0, &setting));
    assert_false(tern_setting_at(100000, &setting));
    assert_false(tern_setting_name_at(0, NULL));
    assert_false(tern_transition_at(0, NULL));
    assert_int_equal(tern_prefix_parse(NULL, &a, &bits), TERN_EINVAL);
    assert_int_equal(tern_addr_parse("10.0.0.1", NULL), TERN_EINVAL);
    assert_true(tern_reason_counter(s, tern_reason_count()) == 0);
    expect_state(TERN_ESTABLISHED); /* and none of that touched it */
    app_write(10);
    expect(ACK, 1, 1, 10);
}

/* A number that is no error, no state, no reason has a name all the same. */
static void no_name(void **state) {
    (void)state;
    static const int errors[] = {1, 77, -19, -1000, INT32_MIN, INT32_MAX};
    for (unsigned i = 0; i < ARRAY_LEN(errors); i++) {
        assert_string_equal(tern_error_name(errors[i]), "unknown");
        assert_non_null(tern_strerror(errors[i], TERN_EN));
    }
    assert_string_equal(tern_error_name(TERN_ERANGE), "TERN_ERANGE");
    assert_string_equal(tern_error_name(TERN_OK), "TERN_OK");
    assert_string_equal(tern_state_name((enum tern_state)99), "?");
    assert_non_null(tern_reason_name(tern_reason_count()));
}

/* A connection that is over stays until it was let go; then its memory is free and its handle is nobody's. */
static void the_last_of_it(void **state) {
    (void)state;
    for (unsigned how = 0; how < 2; how++) {
        fx_new_peer((uint16_t)(MY_PORT + how), PEER_PORT);
        assert_int_equal(app_connect(), TERN_OK);
        expect(SYN, 0, 0, 0);
        inject(RST | ACK, 0, 1, 0);
        expect_event(TERN_EV_CLOSED);
        assert_int_equal(fx.ev_error, TERN_EREFUSED);
        uint64_t live = fx.heap.live;
        assert_int_equal((how ? tern_abort : tern_close)(fx.stack, fx.sock), TERN_OK);
        assert_true(fx.heap.live <= live);
        expect_none();
        assert_int_equal((how ? tern_abort : tern_close)(fx.stack, fx.sock), TERN_ESTALE);
        assert_int_equal(tern_shutdown(fx.stack, fx.sock), TERN_ESTALE);
        tern_status_info info = {.size = sizeof info};
        assert_int_equal(tern_status(fx.stack, fx.sock, &info), TERN_ESTALE);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {ONLY4(no_stack), BOTH(no_place), ONLY4(no_name), BOTH(the_last_of_it)};
    return cmocka_run_group_tests_name("tcp arguments", tests, NULL, NULL);
}
