/* test_tcp_loopback.c - a host that talks to itself: a client and a server on one stack, and a connection whose two
 * ends are one (RFC 9293 3.5: two active openers; Linux calls it a self-connect). */
#include "drivers/host.h"
#include "tern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static tern_stack *host;
static tern_addr own;
static uint64_t now;

static int iface(enum tern_link link) {
    return tern_iface_add(host, &(tern_iface_config){.size = sizeof(tern_iface_config), .link = link, .mtu = 1500});
}

static int begin(void **state) {
    (void)state;
    tern_config c;
    assert_int_equal(tern_config_host(&c, NULL), TERN_OK);
    now = 1000000000;
    assert_int_equal(tern_new(&c, now, &host), TERN_OK);
    assert_int_equal(iface(TERN_LINK_IP), 0);
    assert_int_equal(tern_addr_parse("10.0.0.1", &own), TERN_OK);
    assert_int_equal(tern_addr_add(host, 0, &own, 24), TERN_OK);
    return 0;
}

static int end(void **state) {
    (void)state;
    tern_free(host);
    return 0;
}

/* Lets the stack run until it has nothing to do; whatever leaves the host is counted. */
static unsigned run(uint64_t ms) {
    tern_frame f[8];
    unsigned left = 0;
    for (uint64_t until = now + ms * 1000000; now < until; now += 1000000) {
        tern_expire(host, now);
        for (int n; (n = tern_output(host, f, 8, now)) > 0;) left += (unsigned)n;
    }
    return left;
}

static enum tern_state state_of(tern_sock sock) {
    tern_status_info s = {.size = sizeof s};
    return tern_status(host, sock, &s) == TERN_OK ? s.state : TERN_STATES;
}

/* Without the interface there is no way to ourselves. */
static void without_loopback(void **state) {
    (void)state;
    tern_sock sock;
    tern_open o = {.size = sizeof o, .remote = own, .remote_port = 7};
    assert_int_equal(tern_connect(host, &o, &sock), TERN_ENOROUTE);
}

static void client_and_server(void **state) {
    (void)state;
    assert_int_equal(iface(TERN_LINK_LOOPBACK), 1);
    assert_int_equal(iface(TERN_LINK_LOOPBACK), TERN_EADDRINUSE);
    tern_sock listener, client, server;
    char got[64];
    tern_listen_config l = {.size = sizeof l, .port = 7};
    tern_open o = {.size = sizeof o, .remote = own, .remote_port = 7};
    assert_int_equal(tern_listen(host, &l, &listener), TERN_OK);
    assert_int_equal(tern_connect(host, &o, &client), TERN_OK);
    assert_int_equal(tern_write(host, client, "to myself", 9), 9);
    assert_int_equal(run(5), 0);
    assert_int_equal(tern_accept(host, listener, &server, NULL), TERN_OK);
    assert_int_equal(tern_read(host, server, got, sizeof got), 9);
    assert_memory_equal(got, "to myself", 9);
    assert_int_equal(tern_close(host, client), TERN_OK);
    assert_int_equal(run(5), 0);
    assert_int_equal(tern_close(host, server), TERN_OK);
    assert_int_equal(run(100), 0);
    tern_stats s = {.size = sizeof s};
    tern_stats_get(host, &s);
    assert_int_equal(s.connections, 0);
    assert_int_equal(s.time_wait, 1);
}

/* Its own SYN opens it, as two that cross do (figure 7); what is written comes back; its own FIN closes it (figure
 * 13). */
static void self_connect(void **state) {
    (void)state;
    assert_int_equal(iface(TERN_LINK_LOOPBACK), 1);
    tern_sock sock;
    char got[64];
    tern_open o = {.size = sizeof o, .local = own, .remote = own, .local_port = 5000, .remote_port = 5000};
    assert_int_equal(tern_connect(host, &o, &sock), TERN_OK);
    assert_int_equal(run(5), 0);
    assert_int_equal(state_of(sock), TERN_ESTABLISHED);
    assert_int_equal(tern_write(host, sock, "echo", 4), 4);
    assert_int_equal(run(50), 0);
    assert_int_equal(tern_read(host, sock, got, sizeof got), 4);
    assert_memory_equal(got, "echo", 4);
    assert_int_equal(tern_shutdown(host, sock), TERN_OK);
    assert_int_equal(run(50), 0);
    assert_int_equal(state_of(sock), TERN_TIME_WAIT);
    assert_int_equal(tern_read(host, sock, got, sizeof got), 0);
}

/* A packet from outside that claims to come from us is still refused (CVE-1999-0016). */
static void not_from_outside(void **state) {
    (void)state;
    assert_int_equal(iface(TERN_LINK_LOOPBACK), 1);
    static const uint8_t land[40] = {0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6, 0x26, 0xcf, 10, 0, 0, 1, 10, 0, 0, 1};
    tern_packet p = {.data = land, .len = sizeof land, .flags = TERN_PKT_CSUM_OK};
    assert_int_equal(tern_input(host, 0, &p, 1, now), TERN_OK);
    assert_int_equal(run(5), 0);
    for (unsigned i = 0; i < tern_reason_count(); i++)
        if (strcmp(tern_reason_name(i), "IP_BAD_SOURCE") == 0) assert_int_equal(tern_reason_counter(host, i), 1);
}

static void ping_ourselves(void **state) {
    (void)state;
    assert_int_equal(iface(TERN_LINK_LOOPBACK), 1);
    tern_echo e;
    assert_int_equal(tern_echo_send(host, &own, 1, 2, "x", 1), TERN_OK);
    assert_int_equal(run(5), 0);
    assert_int_equal(tern_echo_reply(host, &e), TERN_OK);
    assert_int_equal(e.seq, 2);
}

/* What is for others leaves by the other interface, and only that. */
static void others_are_outside(void **state) {
    (void)state;
    assert_int_equal(iface(TERN_LINK_LOOPBACK), 1);
    tern_sock sock;
    tern_addr peer;
    tern_echo e;
    assert_int_equal(tern_addr_parse("10.0.0.2", &peer), TERN_OK);
    tern_open o = {.size = sizeof o, .remote = peer, .remote_port = 7};
    assert_int_equal(tern_connect(host, &o, &sock), TERN_OK);
    assert_int_equal(run(5), 1);
    assert_int_equal(tern_echo_send(host, &peer, 1, 2, "x", 1), TERN_OK);
    assert_int_equal(tern_echo_send(host, &own, 1, 3, "x", 1), TERN_OK);
    assert_int_equal(run(5), 1);
    assert_int_equal(tern_echo_reply(host, &e), TERN_OK);
    assert_int_equal(e.seq, 3);
    assert_int_equal(tern_echo_reply(host, &e), TERN_EAGAIN);
}

#define EACH(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {EACH(without_loopback), EACH(client_and_server), EACH(self_connect),
                                       EACH(not_from_outside), EACH(ping_ourselves),    EACH(others_are_outside)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
