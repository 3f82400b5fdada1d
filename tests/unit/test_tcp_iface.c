/* test_tcp_iface.c - live connections while their interface changes: another MTU, down and up, removed, another route; by
 * public calls alone, as tern.h promises it. The interface's own state is in test_ip_iface.c. */
#include "drivers/host.h"
#include "tern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { PORT = 7, WAYS = 2, MOST = 65535 };
#define SECOND UINT64_C(1000000000)
#define MS UINT64_C(1000000)

/* Two hosts and two wires between them: interface i of one leads to interface i of the other. */
static tern_stack *host[2];
static uint64_t now;
static tern_sock listener, sock, served;
static struct {
    uint32_t largest; /* IP packet that left host 0, cut as the device would */
    unsigned frames[WAYS];
} left;
static unsigned sent, received;

static tern_addr addr(const char *text) {
    tern_addr a;
    assert_int_equal(tern_addr_parse(text, &a), TERN_OK);
    return a;
}

static void begin_with(enum tern_link link, uint32_t tso_max) {
    now = SECOND;
    sent = received = 0;
    memset(&left, 0, sizeof left);
    for (unsigned i = 0; i < 2; i++) {
        tern_config c;
        assert_int_equal(tern_config_host(&c, NULL), TERN_OK);
        c.autoconf = 0;
        assert_int_equal(tern_new(&c, now, &host[i]), TERN_OK);
        for (int w = 0; w < WAYS; w++) {
            tern_iface_config f = {.size = sizeof f, .link = link, .mtu = 1500, .tso_max = tso_max};
            if (link == TERN_LINK_ETHERNET) f.mac[0] = 2, f.mac[4] = (uint8_t)w, f.mac[5] = (uint8_t)i;
            assert_int_equal(tern_iface_add(host[i], &f), w);
            for (unsigned v6 = 0; v6 < 2; v6++) {
                char text[TERN_ADDR_TEXT];
                snprintf(text, sizeof text, v6 ? "fd0%d::%u" : "10.%d.0.%u", w, i + 1);
                tern_addr a = addr(text);
                assert_int_equal(tern_addr_add(host[i], w, &a, v6 ? 64 : 24), TERN_OK);
            }
        }
    }
}

static int end(void **state) {
    (void)state;
    tern_free(host[0]);
    tern_free(host[1]);
    return 0;
}

static void watch(const tern_frame *f) {
    uint32_t packet = f->len - f->ip_offset, payload = f->len - f->head_len;
    if (f->segment_size && payload > f->segment_size) packet -= payload - f->segment_size;
    if (packet > left.largest) left.largest = packet;
    left.frames[f->iface]++;
}

static bool carry(unsigned from) {
    static uint8_t bytes[MOST + 18];
    tern_frame f;
    if (tern_output(host[from], &f, 1, now) != 1) return false;
    if (from == 0) watch(&f);
    tern_packet p = {
        .data = bytes, .len = (uint32_t)tern_frame_copy(&f, bytes, sizeof bytes), .flags = TERN_PKT_CSUM_OK};
    int err = tern_input(host[!from], f.iface, &p, 1, now);
    assert_true(err == TERN_OK || err == TERN_EINVAL); /* its other end may be gone */
    return true;
}

/* The client writes all it can, the server reads all there is; a byte is what its place is, modulo a prime. */
static void applications(bool writing) {
    enum { PRIME = 251, PIECE = 4096 };
    static uint8_t wanted[PRIME + PIECE], bytes[PIECE];
    ptrdiff_t n;
    for (unsigned i = 0; i < sizeof wanted; i++) wanted[i] = (uint8_t)(i % PRIME);
    while (writing && (n = tern_write(host[0], sock, wanted + sent % PRIME, PIECE)) > 0) sent += (unsigned)n;
    while (served.id && (n = tern_read(host[1], served, bytes, PIECE)) > 0) {
        assert_memory_equal(bytes, wanted + received % PRIME, n);
        received += (unsigned)n;
    }
}

/* What happened to the client's connection meanwhile. */
static uint32_t run(uint64_t ns, bool writing, int *error) {
    uint32_t bits = 0;
    for (uint64_t until = now + ns; now < until; now += MS) {
        for (unsigned i = 0; i < 2; i++) tern_expire(host[i], now);
        bool more = true;
        for (unsigned n = 0; n < 4 && more; n++) { /* a pace, so that much is under way */
            more = carry(0);
            more = carry(1) || more;
        }
        applications(writing);
        tern_event e;
        while (tern_poll(host[0], &e, 1)) {
            if (e.sock.id != sock.id) continue;
            bits |= e.bits;
            if (e.bits & (TERN_EV_SOFT_ERROR | TERN_EV_CLOSED) && error) *error = e.error;
        }
        while (tern_poll(host[1], &e, 1)) continue;
    }
    return bits;
}

static void open_connection(const char *remote) {
    tern_listen_config l = {.size = sizeof l, .port = PORT};
    assert_int_equal(tern_listen(host[1], &l, &listener), TERN_OK);
    tern_open o = {.size = sizeof o, .remote = addr(remote), .remote_port = PORT};
    assert_int_equal(tern_connect(host[0], &o, &sock), TERN_OK);
    served.id = 0;
    assert_true(run(3 * SECOND, false, NULL) & TERN_EV_CONNECTED);
    assert_int_equal(tern_accept(host[1], listener, &served, NULL), TERN_OK);
}

static void all_arrives(void) {
    for (unsigned s = 0; s < 100 && received < sent; s++) run(SECOND, false, NULL);
    assert_int_equal(received, sent);
}

static int route(bool add, unsigned side, const char *prefix, unsigned len, int iface) {
    tern_addr p = addr(prefix);
    return (add ? tern_route_add : tern_route_remove)(host[side], &p, len, iface, NULL);
}

/* [MUST-16, RFC1191, RFC8201] Not one packet is larger than the link carries by then, and all that it carries is used. */
static void another_mtu(void **state) {
    (void)state;
    static const char *const remotes[] = {"10.0.0.2", "fd00::2"};
    static const uint32_t cut[] = {0, 40000};
    for (unsigned i = 0; i < 4; i++) {
        begin_with(TERN_LINK_IP, cut[i / 2]);
        open_connection(remotes[i % 2]);
        run(100 * MS, true, NULL);
        assert_int_equal(left.largest, 1500);
        static const uint32_t mtu[] = {1280, 1400, 1300, 1500};
        for (unsigned k = 0; k < 4; k++) {
            assert_int_equal(tern_iface_set_mtu(host[0], 0, mtu[k]), TERN_OK);
            left.largest = 0;
            run(100 * MS, true, NULL);
            assert_int_equal(left.largest, mtu[k]);
        }
        all_arrives();
        tern_status_info s = {.size = sizeof s};
        assert_int_equal(tern_iface_set_mtu(host[0], 0, 9000), TERN_OK);
        run(100 * MS, true, NULL);
        assert_int_equal(tern_status(host[0], sock, &s), TERN_OK);
        assert_int_equal(left.largest, 1500); /* the peer said so, when it opened */
        all_arrives();
        if (i < 3) end(NULL);
    }
}

/* A peer behind the same narrow link gets an MSS to fit from connections that open later. */
static void mtu_of_later_connections(void **state) {
    (void)state;
    begin_with(TERN_LINK_IP, 0);
    assert_int_equal(tern_iface_set_mtu(host[1], 0, 1300), TERN_OK);
    open_connection("10.0.0.2");
    tern_status_info s = {.size = sizeof s};
    assert_int_equal(tern_status(host[0], sock, &s), TERN_OK);
    assert_int_equal(s.mss_peer, 1260);
}

/* Down in the middle of a transfer, for longer than a timeout: the application is told, all arrives. */
static void down_and_up(void **state) {
    (void)state;
    static const enum tern_link links[] = {TERN_LINK_IP, TERN_LINK_ETHERNET};
    static const char *const remotes[] = {"10.0.0.2", "fd00::2"};
    for (unsigned i = 0; i < 4; i++) {
        begin_with(links[i / 2], 0);
        int error = 0;
        open_connection(remotes[i % 2]);
        run(10 * MS, true, NULL);
        assert_int_equal(tern_iface_down(host[0], 0), TERN_OK);
        memset(&left, 0, sizeof left);
        assert_true(run(3 * SECOND, true, &error) & TERN_EV_SOFT_ERROR);
        assert_int_equal(error, TERN_ENOROUTE);
        assert_int_equal(left.frames[0] + left.frames[1], 0);
        assert_true(received < sent);
        assert_int_equal(tern_iface_up(host[0], 0), TERN_OK);
        assert_false(run(10 * SECOND, true, NULL) & TERN_EV_CLOSED);
        all_arrives();
        if (i < 3) end(NULL);
    }
}

/* Five minutes without a link, and the timers have long steps by then: what waits leaves when there is a way again, not
 * when they think of it. The way comes back in each of the ways that it can. */
static void on_return(void **state) {
    (void)state;
    enum { LINK, LINK_AND_CHECK, ADDRESS, ROUTE, CASES };
    for (unsigned i = 0; i < CASES; i++) {
        begin_with(i == LINK_AND_CHECK ? TERN_LINK_ETHERNET : TERN_LINK_IP, 0);
        tern_addr mine = addr("192.0.2.1"), theirs = addr("192.0.2.2");
        assert_int_equal(tern_addr_add(host[0], 0, &mine, 32), TERN_OK);
        assert_int_equal(tern_addr_add(host[1], 0, &theirs, 32), TERN_OK);
        for (unsigned side = 0; side < 2; side++) assert_int_equal(route(true, side, "192.0.2.0", 24, 0), TERN_OK);
        open_connection(i == LINK_AND_CHECK ? "fd00::2" : "192.0.2.2");
        run(10 * MS, true, NULL);
        if (i == ADDRESS)
            tern_addr_remove(host[0], 0, &mine);
        else if (i == ROUTE)
            route(false, 0, "192.0.2.0", 24, 0);
        else
            tern_iface_down(host[0], 0);
        for (unsigned k = 0; k < 300; k++) {
            now += SECOND - 100 * MS;
            run(100 * MS, true, NULL);
        }
        unsigned before = received;
        if (i == ADDRESS)
            tern_addr_add(host[0], 0, &mine, 32);
        else if (i == ROUTE)
            route(true, 0, "192.0.2.0", 24, 0);
        else
            tern_iface_up(host[0], 0);
        run(i == LINK_AND_CHECK ? 2100 * MS : 100 * MS, true, NULL);
        assert_true(received > before + 10000);
        all_arrives();
        if (i < CASES - 1) end(NULL);
    }
}

/* [RFC1122 3.3.1] The address stays on one link, the way is the other one's. */
static void the_other_way(void **state) {
    (void)state;
    begin_with(TERN_LINK_IP, 0);
    for (unsigned side = 0; side < 2; side++) {
        tern_iface_config f = {.size = sizeof f, .link = TERN_LINK_IP, .mtu = 1500};
        tern_addr mine = addr(side ? "192.0.2.2" : "192.0.2.1");
        assert_int_equal(tern_iface_add(host[side], &f), 2); /* nothing is behind it: it is where the address lives */
        assert_int_equal(tern_addr_add(host[side], 2, &mine, 32), TERN_OK);
        assert_int_equal(route(true, side, side ? "192.0.2.1" : "192.0.2.2", 32, 0), TERN_OK);
        assert_int_equal(route(true, side, "192.0.2.0", 24, 1), TERN_OK);
    }
    tern_listen_config l = {.size = sizeof l, .port = PORT};
    tern_open o = {.size = sizeof o, .local = addr("192.0.2.1"), .remote = addr("192.0.2.2"), .remote_port = PORT};
    assert_int_equal(tern_listen(host[1], &l, &listener), TERN_OK);
    assert_int_equal(tern_connect(host[0], &o, &sock), TERN_OK);
    served.id = 0;
    assert_true(run(SECOND, false, NULL) & TERN_EV_CONNECTED);
    assert_int_equal(tern_accept(host[1], listener, &served, NULL), TERN_OK);
    run(10 * MS, true, NULL);
    assert_int_equal(left.frames[1], 0);
    /* the link is lost; then it is back, and its route is taken out; then that is put back */
    for (unsigned i = 0; i < 3; i++) {
        int err = i == 0   ? tern_iface_down(host[0], 0)
                  : i == 1 ? route(false, 0, "192.0.2.2", 32, 0)
                           : route(true, 0, "192.0.2.2", 32, 0);
        assert_int_equal(err, TERN_OK);
        if (i == 0) assert_int_equal(tern_iface_down(host[1], 0), TERN_OK);
        memset(&left, 0, sizeof left);
        assert_false(run(100 * MS, true, NULL) & (TERN_EV_SOFT_ERROR | TERN_EV_CLOSED));
        assert_true(left.frames[i == 2 ? 0 : 1] > 10);
        assert_int_equal(left.frames[i == 2 ? 1 : 0], 0);
        for (unsigned side = 0; side < 2; side++) assert_int_equal(tern_iface_up(host[side], 0), TERN_OK);
    }
    all_arrives();
}

/* Without another way the connection is told so, and goes on when the route is back. */
static void route_gone(void **state) {
    (void)state;
    int error = 0;
    begin_with(TERN_LINK_IP, 0);
    for (unsigned side = 0; side < 2; side++) {
        tern_addr mine = addr(side ? "192.0.2.2" : "192.0.2.1");
        assert_int_equal(tern_addr_add(host[side], 0, &mine, 32), TERN_OK);
        assert_int_equal(route(true, side, "0.0.0.0", 0, 0), TERN_OK);
    }
    open_connection("192.0.2.2");
    run(10 * MS, true, NULL);
    assert_int_equal(route(false, 0, "0.0.0.0", 0, 0), TERN_OK);
    assert_true(run(2 * SECOND, true, &error) & TERN_EV_SOFT_ERROR);
    assert_int_equal(error, TERN_ENOROUTE);
    tern_sock other;
    tern_open o = {.size = sizeof o, .remote = addr("192.0.2.2"), .remote_port = PORT};
    assert_int_equal(tern_connect(host[0], &o, &other), TERN_ENOROUTE);
    assert_int_equal(route(true, 0, "0.0.0.0", 0, 0), TERN_OK);
    all_arrives();
}

/* What has not opened yet has nothing to go back to. */
static void opening(void **state) {
    (void)state;
    static const enum tern_link links[] = {TERN_LINK_IP, TERN_LINK_ETHERNET};
    for (unsigned i = 0; i < 4; i++) { /* the neighbour is being asked for, or the SYN is on its way */
        int error = 0;
        begin_with(links[i / 2], 0);
        tern_open o = {.size = sizeof o, .remote = addr("10.0.0.99"), .remote_port = PORT};
        served.id = 0;
        assert_int_equal(tern_connect(host[0], &o, &sock), TERN_OK);
        assert_false(run(100 * MS, false, NULL) & TERN_EV_CLOSED);
        assert_int_equal((i & 1 ? tern_iface_remove : tern_iface_down)(host[0], 0), TERN_OK);
        assert_true(run(3 * SECOND, false, &error) & TERN_EV_CLOSED);
        assert_int_equal(error, TERN_ENOROUTE);
        if (i < 3) end(NULL);
    }
}

/* Removed for good: nothing dangles, the listener serves the next interface, the connection ends by its timers. */
static void removed(void **state) {
    (void)state;
    int error = 0;
    begin_with(TERN_LINK_ETHERNET, 0);
    open_connection("10.0.0.2");
    assert_int_equal(tern_set(host[0], sock, TERN_OPT_USER_TIMEOUT_MS, 5000), TERN_OK);
    run(10 * MS, true, NULL);
    assert_int_equal(tern_iface_remove(host[0], 0), TERN_OK);
    assert_int_equal(tern_iface_remove(host[1], 0), TERN_OK);
    assert_true(run(20 * SECOND, true, &error) & TERN_EV_CLOSED);
    assert_int_equal(error, TERN_ETIMEDOUT);
    for (unsigned side = 0; side < 2; side++) {
        tern_iface_config f = {.size = sizeof f, .link = TERN_LINK_IP, .mtu = 1400};
        tern_addr mine = addr(side ? "10.0.0.2" : "10.0.0.1");
        assert_int_equal(tern_iface_add(host[side], &f), 0);
        assert_int_equal(tern_addr_add(host[side], 0, &mine, 24), TERN_OK);
    }
    tern_open o = {.size = sizeof o, .remote = addr("10.0.0.2"), .remote_port = PORT};
    assert_int_equal(tern_connect(host[0], &o, &sock), TERN_OK);
    served.id = 0;
    assert_true(run(SECOND, false, NULL) & TERN_EV_CONNECTED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(another_mtu, end),   cmocka_unit_test_teardown(mtu_of_later_connections, end),
        cmocka_unit_test_teardown(down_and_up, end),   cmocka_unit_test_teardown(on_return, end),
        cmocka_unit_test_teardown(the_other_way, end), cmocka_unit_test_teardown(route_gone, end),
        cmocka_unit_test_teardown(opening, end),       cmocka_unit_test_teardown(removed, end),
    };
    return cmocka_run_group_tests_name("tcp_iface", tests, NULL, NULL);
}
