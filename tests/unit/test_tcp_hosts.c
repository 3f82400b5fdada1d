/* test_tcp_hosts.c - two hosts on one Ethernet segment, by public calls alone: what tern.h promises a program about
 * addresses that are still checked, that go, and that somebody else has, and about many neighbours asked for at once. */
#include "drivers/host.h"
#include "tern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { PORT = 7, IP_AT = 14 };
#define SECOND UINT64_C(1000000000)

static tern_stack *host[2];
static uint64_t now;
static const uint8_t *watched; /* an IPv6 source address */
static unsigned watched_frames;

static tern_addr addr(const char *text) {
    tern_addr a;
    assert_int_equal(tern_addr_parse(text, &a), TERN_OK);
    return a;
}

static int begin(void **state) {
    (void)state;
    now = SECOND;
    watched = NULL;
    for (unsigned i = 0; i < 2; i++) {
        tern_config c;
        assert_int_equal(tern_config_host(&c, NULL), TERN_OK);
        c.autoconf = 0;
        assert_int_equal(tern_new(&c, now, &host[i]), TERN_OK);
        tern_iface_config f = {.size = sizeof f, .link = TERN_LINK_ETHERNET, .mtu = 1500, .mac = {2, [5] = (uint8_t)i}};
        assert_int_equal(tern_iface_add(host[i], &f), 0);
    }
    return 0;
}

static int end(void **state) {
    (void)state;
    tern_free(host[0]);
    tern_free(host[1]);
    return 0;
}

static int give(unsigned side, const char *address, unsigned len) {
    tern_addr a = addr(address);
    return tern_addr_add(host[side], 0, &a, len);
}
static int take(unsigned side, const char *address) {
    tern_addr a = addr(address);
    return tern_addr_remove(host[side], 0, &a);
}

static bool carry(unsigned from) {
    static uint8_t bytes[2000];
    tern_frame f;
    if (tern_output(host[from], &f, 1, now) != 1) return false;
    tern_packet p = {.data = bytes, .len = (uint32_t)tern_frame_copy(&f, bytes, sizeof bytes)};
    if (watched && bytes[IP_AT] >> 4 == 6 && memcmp(bytes + IP_AT + 8, watched, 16) == 0) watched_frames++;
    assert_int_equal(tern_input(host[!from], 0, &p, 1, now), TERN_OK);
    return true;
}

static void run(uint64_t ns) {
    for (uint64_t until = now + ns; now < until; now += SECOND / 1000) {
        for (unsigned i = 0; i < 2; i++) tern_expire(host[i], now);
        while (carry(0) || carry(1)) continue;
    }
}

/* What happened to a socket of a side since the last time; others' events are lost. */
static uint32_t happened(unsigned side, tern_sock sock, int *error) {
    tern_event e[16];
    uint32_t bits = 0;
    for (int n; (n = tern_poll(host[side], e, 16)) > 0;)
        for (int i = 0; i < n; i++) {
            if (e[i].sock.id != sock.id) continue;
            bits |= e[i].bits;
            if (error) *error = e[i].error;
        }
    return bits;
}

static int listen_at(const char *local, tern_sock *out) {
    tern_listen_config c = {.size = sizeof c, .port = PORT};
    if (local) c.local = addr(local);
    return tern_listen(host[1], &c, out);
}
static int connect_to(const char *local, const char *remote, tern_sock *out) {
    tern_open o = {.size = sizeof o, .remote = addr(remote), .remote_port = PORT};
    if (local) o.local = addr(local);
    return tern_connect(host[0], &o, out);
}

/* [MUST-44] 0.0.0.0 and :: leave the choice to the route, as no address does; what is no family is no address. */
static void any_address(void **state) {
    (void)state;
    tern_sock listener, sock;
    assert_int_equal(give(0, "10.0.0.1", 24), TERN_OK);
    assert_int_equal(give(0, "fd00::1", 64), TERN_OK);
    assert_int_equal(give(1, "10.0.0.2", 24), TERN_OK);
    assert_int_equal(give(1, "fd00::2", 64), TERN_OK);
    assert_int_equal(listen_at(NULL, &listener), TERN_OK);
    run(3 * SECOND);
    static const char *const pairs[3][2] = {{NULL, "fd00::2"}, {"::", "fd00::2"}, {"0.0.0.0", "10.0.0.2"}};
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(connect_to(pairs[i][0], pairs[i][1], &sock), TERN_OK);
        run(SECOND);
        assert_int_equal(happened(0, sock, NULL), TERN_EV_CONNECTED);
    }
    assert_int_equal(connect_to("::", "10.0.0.2", &sock), TERN_EADDRNOTAVAIL);
    assert_int_equal(connect_to("0.0.0.0", "fd00::2", &sock), TERN_EADDRNOTAVAIL);
    tern_open o = {.size = sizeof o, .remote = addr("10.0.0.2"), .remote_port = PORT, .local.family = 7};
    assert_int_equal(tern_connect(host[0], &o, &sock), TERN_EINVAL);
    o.local.family = 0;
    o.remote.family = 5;
    assert_int_equal(tern_connect(host[0], &o, &sock), TERN_EINVAL);
    tern_listen_config c = {.size = sizeof c, .port = PORT, .local.family = 7};
    assert_int_equal(tern_listen(host[0], &c, &sock), TERN_EINVAL);
}

/* An address is named right after it was given: to listen at, and to connect from. */
static void while_it_is_checked(void **state) {
    (void)state;
    tern_sock listener, sock;
    assert_int_equal(give(0, "fd00::1", 64), TERN_OK);
    assert_int_equal(give(1, "fd00::2", 64), TERN_OK);
    assert_int_equal(listen_at("fd00::2", &listener), TERN_OK);
    assert_int_equal(connect_to("fd00::1", "fd00::2", &sock), TERN_OK);
    assert_int_equal(listen_at("fd00::3", &listener), TERN_EADDRNOTAVAIL);
    assert_int_equal(connect_to("fd00::3", "fd00::2", &sock), TERN_EADDRNOTAVAIL);
    tern_addr mine = addr("fd00::1");
    watched = mine.bytes;
    run(SECOND);
    assert_int_equal(watched_frames, 0);
    run(3 * SECOND);
    assert_int_not_equal(watched_frames, 0);
    assert_int_equal(happened(0, sock, NULL), TERN_EV_CONNECTED);
}

/* [RFC4862 5.4.5] It is somebody else's: what waits for it ends, and it cannot be named any more. */
static void when_it_is_taken(void **state) {
    (void)state;
    tern_sock listener, sock;
    int error = 0;
    assert_int_equal(give(1, "fd00::1", 64), TERN_OK);
    assert_int_equal(give(1, "fd00::2", 64), TERN_OK);
    assert_int_equal(listen_at(NULL, &listener), TERN_OK);
    run(3 * SECOND);
    assert_int_equal(give(0, "fd00::1", 64), TERN_OK);
    assert_int_equal(connect_to("fd00::1", "fd00::2", &sock), TERN_OK);
    run(3 * SECOND);
    assert_int_equal(happened(0, sock, &error), TERN_EV_CLOSED);
    assert_int_equal(error, TERN_ENOROUTE);
    assert_int_equal(connect_to("fd00::1", "fd00::2", &sock), TERN_EADDRNOTAVAIL);
}

/* It goes while a connection waits for it. */
static void when_it_goes_too_soon(void **state) {
    (void)state;
    tern_sock sock;
    int error = 0;
    assert_int_equal(give(0, "fd00::1", 64), TERN_OK);
    assert_int_equal(connect_to(NULL, "fd00::2", &sock), TERN_OK);
    run(SECOND / 100);
    assert_int_equal(take(0, "fd00::1"), TERN_OK);
    run(SECOND);
    assert_int_equal(happened(0, sock, &error), TERN_EV_CLOSED);
    assert_int_equal(error, TERN_ENOROUTE);
}

/* [RFC4862 5.5.4] Nothing leaves with an address that is no longer ours. A connection from it is told so, and goes on when
 * the address comes back. */
static void when_it_goes(void **state) {
    (void)state;
    tern_sock listener, sock, served;
    int error = 0;
    assert_int_equal(give(0, "fd00::1", 64), TERN_OK);
    assert_int_equal(give(0, "fd00::9", 64), TERN_OK);
    assert_int_equal(give(1, "fd00::2", 64), TERN_OK);
    assert_int_equal(listen_at(NULL, &listener), TERN_OK);
    assert_int_equal(connect_to("fd00::1", "fd00::2", &sock), TERN_OK);
    run(3 * SECOND);
    assert_int_equal(happened(0, sock, NULL), TERN_EV_CONNECTED);
    assert_int_equal(tern_accept(host[1], listener, &served, NULL), TERN_OK);
    assert_int_equal(tern_write(host[0], sock, "one", 3), 3);
    run(SECOND);
    assert_int_equal(happened(0, sock, NULL), TERN_EV_SENT);
    tern_addr mine = addr("fd00::1");
    watched = mine.bytes;
    watched_frames = 0;
    assert_int_equal(take(0, "fd00::1"), TERN_OK);
    assert_int_equal(tern_write(host[0], sock, "two", 3), 3);
    assert_int_equal(tern_write(host[1], served, "three", 5), 5);
    run(2 * SECOND);
    assert_int_equal(watched_frames, 0);
    assert_int_equal(happened(0, sock, &error), TERN_EV_SOFT_ERROR);
    assert_int_equal(error, TERN_ENOROUTE);
    assert_int_equal(give(0, "fd00::1", 64), TERN_OK);
    run(10 * SECOND);
    char text[16];
    assert_int_equal(tern_read(host[1], served, text, sizeof text), 6);
    assert_memory_equal(text, "onetwo", 6);
    assert_int_equal(tern_read(host[0], sock, text, sizeof text), 5);
}

/* Many neighbours at once: those that are there are reached, however many are asked for before them, and of the others
 * none is called silent that was not asked three times [RFC4861 7.2.2], also not because it was silent before. */
enum { ALL = 200, THERE = 30 };

static void ask_all(void) {
    char text[TERN_ADDR_TEXT];
    unsigned connected = 0, silent = 0;
    for (unsigned i = 0; i < ALL; i++) {
        tern_sock sock;
        snprintf(text, sizeof text, "10.0.1.%u", i + 1);
        assert_int_equal(connect_to(NULL, text, &sock), TERN_OK);
    }
    for (unsigned ms = 0; ms < 15000; ms += 100) {
        run(SECOND / 10);
        tern_event e[ALL];
        for (int n = tern_poll(host[0], e, ALL); n > 0; n--) {
            connected += (e[n - 1].bits & TERN_EV_CONNECTED) != 0;
            silent += (e[n - 1].bits & TERN_EV_CLOSED) != 0;
            if (e[n - 1].bits & TERN_EV_CLOSED) assert_int_equal(e[n - 1].error, TERN_EUNREACH);
        }
        if (ms < 2900) assert_int_equal(silent, 0);
    }
    assert_int_equal(connected, THERE);
    assert_int_equal(silent, ALL - THERE);
}

static void many_neighbours(void **state) {
    (void)state;
    tern_sock listener;
    char text[TERN_ADDR_TEXT];
    assert_int_equal(give(0, "10.0.0.1", 16), TERN_OK);
    for (unsigned i = ALL - THERE; i < ALL; i++) {
        snprintf(text, sizeof text, "10.0.1.%u", i + 1);
        assert_int_equal(give(1, text, 16), TERN_OK);
    }
    assert_int_equal(listen_at(NULL, &listener), TERN_OK);
    ask_all();
    run(2 * SECOND);
    ask_all();
}

/* A link as narrow as RFC 791 allows: no frame is larger than it carries, also not with blocks about what was lost, and all
 * bytes arrive. */
static void narrow_links(void **state) {
    static const uint32_t mtus[] = {68, 69, 80, 103, 104, 128, 576};
    static uint8_t bytes[2000];
    for (unsigned i = 0; i < 2 * sizeof mtus / sizeof *mtus; i++) {
        uint32_t mtu = mtus[i / 2];
        end(state);
        tern_sock sock, listener, served = {0};
        for (unsigned k = 0; k < 2; k++) {
            tern_config c;
            assert_int_equal(tern_config_host(&c, NULL), TERN_OK);
            c.timestamps = i & 1;
            c.mss_min = i & 2 ? 1220 : 64;
            assert_int_equal(tern_new(&c, now, &host[k]), TERN_OK);
            tern_iface_config f = {.size = sizeof f, .link = TERN_LINK_IP, .mtu = mtu};
            assert_int_equal(tern_iface_add(host[k], &f), 0);
            assert_int_equal(give(k, k ? "10.0.0.2" : "10.0.0.1", 24), TERN_OK);
        }
        assert_int_equal(listen_at(NULL, &listener), TERN_OK);
        assert_int_equal(connect_to(NULL, "10.0.0.2", &sock), TERN_OK);
        size_t got[2] = {0, 0}, put[2] = {0, 0};
        unsigned frames = 0;
        for (unsigned ms = 0; ms < 20000 && (got[0] < 20000 || got[1] < 20000); ms++, now += SECOND / 1000) {
            for (unsigned k = 0; k < 2; k++) {
                tern_sock s = k ? served : sock;
                tern_expire(host[k], now);
                for (tern_frame f; tern_output(host[k], &f, 1, now) == 1;) {
                    assert_true(f.len <= mtu);
                    if (++frames > 20 && frames % 15 == 0) continue; /* lost */
                    tern_packet p = {.data = bytes, .len = (uint32_t)tern_frame_copy(&f, bytes, sizeof bytes)};
                    assert_int_equal(tern_input(host[!k], 0, &p, 1, now), TERN_OK);
                }
                if (k && !served.id) tern_accept(host[1], listener, &served, NULL);
                ptrdiff_t n = put[k] < 20000 ? tern_write(host[k], s, bytes, 1000) : 0;
                if (n > 0) put[k] += (size_t)n;
                while ((n = tern_read(host[k], s, bytes, sizeof bytes)) > 0) got[k] += (size_t)n;
            }
        }
        assert_int_equal(got[0], put[1]);
        assert_int_equal(got[1], put[0]);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(any_address),  TEST(while_it_is_checked), TEST(when_it_is_taken), TEST(when_it_goes_too_soon),
        TEST(when_it_goes), TEST(many_neighbours),     TEST(narrow_links),
    };
    return cmocka_run_group_tests_name("hosts", tests, NULL, NULL);
}
