/* test_ip_icmp.c - ICMP: echo, errors that come and errors that leave, their pace, and our own echo
 * requests. From RFC 792, 1122 3.2.2, 1812 4.3.2.8, 4443 and 5927. What comes up from the link is test_ip_input.c's. */
#include "ip_fixture.h"

static packet k;

/* ---- echo ---- */

static void echo_through(const char *peer, const char *me, size_t payload) {
    ip_addr from = ip(peer);
    bool v4 = ip_is_v4(&from);
    size_t ip_len = v4 ? 20 : 40;
    make_echo(&k, peer, me, v4 ? ICMP4_ECHO : ICMP6_ECHO, 77, 5, payload);
    feed(k.b, k.len);
    static uint8_t body[70000];
    size_t got = 0;
    while (take()) {
        const uint8_t *p = host.out;
        check_out(0);
        assert_true(host.out_len <= 1500);
        assert_true(bytes_are(p + (v4 ? 12 : 8), me) && bytes_are(p + (v4 ? 16 : 24), peer));
        size_t at = 0, skip = ip_len;
        if (v4) {
            at = (load16(p + 6) & 0x1fffu) * 8;
        } else if (p[6] == IP_PROTO_FRAGMENT) {
            assert_int_equal(p[40], IP_PROTO_ICMP6);
            at = load16(p + 42) & 0xfff8;
            skip = 48;
        }
        memcpy(body + at, p + skip, host.out_len - skip);
        got += host.out_len - skip;
    }
    assert_int_equal(got, 8 + payload);
    ip_addr s = ip(me), d = ip(peer);
    assert_int_equal(sum_of(body, got, v4 ? 0 : pseudo_sum(&s, &d, IP_PROTO_ICMP6, (uint32_t)got)), 0);
    assert_int_equal(body[0], v4 ? ICMP4_ECHO_REPLY : ICMP6_ECHO_REPLY);
    assert_int_equal(load16(body + 4), 77);
    assert_int_equal(load16(body + 6), 5);
    assert_memory_equal(body + 8, k.b + ip_len + 8, payload);
}

static void test_echo(void **state) {
    (void)state;
    host_tun();
    for (size_t n = 0; n <= 3000; n++) {
        echo_through("10.9.0.1", "10.9.0.2", n);
        echo_through("fd09::1", "fd09::2", n);
    }
    echo_through("10.9.0.1", "10.9.0.2", 65535 - 28);
    echo_through("fd09::1", "fd09::2", 65535 - 8);
    host_free();
}

static void test_echo_refused(void **state) {
    (void)state;
    static const char *const many[] = {"255.255.255.255", "10.9.0.255", "224.0.0.1"};
    host_tun();
    for (unsigned i = 0; i < ARRAY_LEN(many); i++) { /* C16: no smurfs */
        make_echo(&k, "10.9.0.1", many[i], ICMP4_ECHO, 1, 1, 8);
        feed(k.b, k.len);
        expect_silence(R_ECHO_BROADCAST, i);
    }
    make_echo(&k, "fd09::1", "ff02::1", ICMP6_ECHO, 1, 1, 8);
    feed(k.b, k.len);
    assert_false(take());
    make_echo(&k, "10.9.0.1", "10.9.0.2", ICMP4_ECHO, 1, 1, 8);
    k.b[30] ^= 4;
    feed(k.b, k.len);
    expect_silence(R_ICMP_CHECKSUM, 0);
    feed_with(0, k.b, k.len, TERN_PKT_CSUM_OK, NULL); /* vouched for by the device */
    assert_true(take());
    make_echo(&k, "fd09::1", "fd09::2", ICMP6_ECHO, 1, 1, 8);
    k.b[50] ^= 4;
    feed(k.b, k.len);
    expect_silence(R_ICMP_CHECKSUM, 1);
    for (size_t len = 0; len < 8; len++) { /* A12: a valid checksum over too little */
        uint8_t l4[8] = {ICMP4_ECHO};
        make_packet(&k, "10.9.0.1", "10.9.0.2", IP_PROTO_ICMP4, l4, len, len >= 4 ? 2 : -1, 64);
        feed(k.b, k.len);
    }
    assert_false(take());
    host_free();
}

/* ---- errors received ---- */

static packet quoted;

/* An ICMP error from a router that quotes the first `cut` bytes of `quoted`. */
static void make_error(const char *from, const char *to, uint8_t type, uint8_t code, uint32_t field, size_t cut) {
    uint8_t l4[2000] = {type, code};
    store32(l4 + 4, field);
    memcpy(l4 + 8, quoted.b, cut);
    ip_addr a = ip(from);
    make_packet(&k, from, to, ip_is_v4(&a) ? IP_PROTO_ICMP4 : IP_PROTO_ICMP6, l4, 8 + cut, 2, 64);
}

static void test_errors_to_tcp(void **state) {
    (void)state;
    host_tun();
    make_tcp(&quoted, "10.9.0.2", "10.8.0.5", 60);
    make_error("10.7.0.1", "10.9.0.2", 3, 4, 0xabcd0000 | 1400, quoted.len);
    feed(k.b, k.len);
    assert_int_equal(tcp_seen.errors, 1);
    ip_addr local = ip("10.9.0.2"), remote = ip("10.8.0.5"), from = ip("10.7.0.1");
    assert_true(ip_eq(&tcp_seen.report.local, &local) && ip_eq(&tcp_seen.report.remote, &remote));
    assert_true(ip_eq(&tcp_seen.report.from, &from));
    assert_true(!tcp_seen.report.v6 && tcp_seen.report.type == 3 && tcp_seen.report.code == 4);
    assert_int_equal(tcp_seen.report.mtu, 1400);
    assert_int_equal(tcp_seen.report.l4_len, quoted.len - 20);
    assert_memory_equal(tcp_seen.l4, quoted.b + 20, 64);

    make_tcp(&quoted, "fd09::2", "fd08::5", 60);
    make_error("fd07::1", "fd09::2", ICMP6_TOO_BIG, 0, 1300, 48);
    feed(k.b, k.len);
    assert_int_equal(tcp_seen.errors, 2);
    assert_true(tcp_seen.report.v6 && tcp_seen.report.mtu == 1300 && tcp_seen.report.l4_len == 8);
    host_free();
}

/* A12, B10: every truncation, quotes that are not ours, and types that must not move anything. */
static void test_errors_refused(void **state) {
    (void)state;
    host_tun();
    make_tcp(&quoted, "10.9.0.2", "10.8.0.5", 0);
    for (size_t cut = 0; cut <= quoted.len; cut++) {
        make_error("10.7.0.1", "10.9.0.2", 3, 1, 0, cut);
        feed(k.b, k.len);
        assert_int_equal(tcp_seen.errors, cut >= 28 ? cut - 27 : 0);
    }
    tcp_seen.errors = 0;
    make_tcp(&quoted, "fd09::2", "fd08::5", 0);
    for (size_t cut = 0; cut <= quoted.len; cut++) {
        make_error("fd07::1", "fd09::2", 1, 0, 0, cut);
        feed(k.b, k.len);
        assert_int_equal(tcp_seen.errors, cut >= 48 ? cut - 47 : 0);
    }
    tcp_seen.errors = 0;
    make_tcp(&quoted, "10.9.0.3", "10.8.0.5", 0); /* somebody else's */
    make_error("10.7.0.1", "10.9.0.2", 3, 1, 0, quoted.len);
    feed(k.b, k.len);
    make_tcp(&quoted, "10.9.0.2", "10.8.0.5", 0);
    store16(quoted.b + 6, 3); /* a later fragment: these are not ports */
    make_error("10.7.0.1", "10.9.0.2", 3, 1, 0, quoted.len);
    feed(k.b, k.len);
    store16(quoted.b + 6, 0);
    make_error("10.7.0.1", "10.9.0.2", ICMP4_QUENCH, 0, 0, quoted.len); /* [MUST-55] */
    feed(k.b, k.len);
    make_error("10.7.0.1", "10.9.0.2", ICMP4_REDIRECT, 1, 0x0a090063, quoted.len);
    feed(k.b, k.len);
    make_error("10.7.0.1", "10.9.0.255", 3, 1, 0, quoted.len);
    feed(k.b, k.len);
    packet four = quoted;
    make_tcp(&quoted, "fd09::2", "fd08::5", 0);
    make_error("fd07::1", "ff02::1", ICMP6_TOO_BIG, 0, 1300, quoted.len);
    feed(k.b, k.len);
    make_error("fd07::1", "ff02::1", ICMP6_UNREACHABLE, 0, 0, quoted.len);
    feed(k.b, k.len);
    quoted = four;
    assert_int_equal(tcp_seen.errors, 0);
    assert_false(take());
    for (unsigned ihl = 0; ihl < 16; ihl++) {
        quoted.b[0] = (uint8_t)(0x40 | ihl);
        make_error("10.7.0.1", "10.9.0.2", 3, 1, 0, 28);
        feed(k.b, k.len);
        assert_int_equal(tcp_seen.errors, ihl >= 5); /* longer headers leave fewer than 8 bytes */
    }
    host_free();
}

/* ---- errors sent ---- */

/* When an error must not be sent [RFC1122 3.2.2, RFC4443 2.4 e]. */
static void test_errors_not_sent(void **state) {
    (void)state;
    host_tun();
    uint8_t l4[40] = {0};
    make_packet(&k, "10.9.0.1", "10.9.0.255", IP_PROTO_UDP, l4, 8, -1, 64);
    feed(k.b, k.len);
    make_packet(&k, "10.9.0.1", "224.0.0.1", 47, l4, 8, -1, 64);
    feed(k.b, k.len);
    make_packet(&k, "fd09::1", "ff02::1", 47, l4, 8, -1, 64);
    feed(k.b, k.len);
    assert_false(take());
    make_packet(&k, "10.9.0.1", "10.9.0.2", 47, l4, 8, -1, 64);
    store16(k.b + 6, 0x0003);
    fix_ip4(k.b);
    icmp_send_error(host.s, 0, 3, 2, 0, k.b, (uint32_t)k.len, false); /* a later fragment */
    for (unsigned proto = 0; proto < 2;
         proto++) { /* of IPv6: unless it could be the rest of an error [RFC4443 2.4 e] */
        const uint8_t piece[16] = {proto ? IP_PROTO_TCP : IP_PROTO_ICMP6, 0, 0, 9};
        make_packet(&k, "fd09::1", "fd09::2", IP_PROTO_FRAGMENT, piece, 16, -1, 64);
        icmp_send_error(host.s, 0, 1, 4, 0, k.b, (uint32_t)k.len, false);
        assert_int_equal(take(), proto);
    }
    pass_ms(1000);
    for (unsigned type = 0; type < 256; type++) { /* about an error */
        l4[0] = (uint8_t)type;
        make_packet(&k, "10.9.0.1", "10.9.0.2", IP_PROTO_ICMP4, l4, 8, -1, 64);
        bool query = type == 0 || type == 8 || (type >= 13 && type <= 18);
        icmp_send_error(host.s, 0, 3, 2, 0, k.b, (uint32_t)k.len, false);
        assert_int_equal(take(), query);
        make_packet(&k, "fd09::1", "fd09::2", IP_PROTO_ICMP6, l4, 8, -1, 64);
        icmp_send_error(host.s, 0, 1, 4, 0, k.b, (uint32_t)k.len, false);
        assert_int_equal(take(), type >= 128 && type != ICMP6_REDIRECT);
        pass_ms(1000);
    }
    make_packet(&k, "10.9.0.1", "10.9.0.2", 47, l4, 8, -1, 64);
    icmp_send_error(host.s, 0, 3, 2, 0, k.b, (uint32_t)k.len, true); /* broadcast on the link */
    for (size_t len = 0; len < 20; len++) icmp_send_error(host.s, 0, 3, 2, 0, k.b, (uint32_t)len, false);
    assert_false(take());
    icmp_send_error(host.s, 0, 3, 2, 0, k.b, (uint32_t)k.len, false);
    assert_true(take());
    host_free();
}

/* [RFC1122 3.2.2, RFC4443 2.2 a] The answer comes from the address that was asked; to a group there is none. */
static void test_error_source(void **state) {
    (void)state;
    host_tun();
    assert_int_equal(give(0, "10.9.0.3", 24), TERN_OK);
    assert_int_equal(give(0, "fd09::3", 64), TERN_OK);
    static const struct {
        const char *from, *to;
        size_t at, len;
    } cases[] = {{"10.9.0.1", "10.9.0.3", 12, 4},
                 {"10.9.0.1", "10.9.0.2", 12, 4},
                 {"fd09::1", "fd09::3", 8, 16},
                 {"fd09::1", "fd09::2", 8, 16}};
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        make_packet(&k, cases[i].from, cases[i].to, 47, "12345678", 8, -1, 64);
        uint64_t before = reason(R_IP_UNKNOWN_PROTOCOL);
        feed(k.b, k.len);
        assert_int_equal(reason(R_IP_UNKNOWN_PROTOCOL), before + 1);
        assert_true(take());
        assert_true(bytes_are(host.out + cases[i].at, cases[i].to));
        assert_true(bytes_are(host.out + cases[i].at + cases[i].len, cases[i].from));
    }
    make_packet(&k, "fd09::1", "ff02::1", 47, "12345678", 8, -1, 64);
    icmp_send_error(host.s, 0, ICMP6_UNREACHABLE, 4, 0, k.b, (uint32_t)k.len, false);
    assert_false(take());
    icmp_send_error(host.s, 0, ICMP6_TOO_BIG, 0, 1280, k.b, (uint32_t)k.len,
                    false); /* the exception [RFC4443 2.4 e.3] */
    assert_true(take());
    assert_false(bytes_are(host.out + 8, "ff02::1"));
    host_free();
}

/* The pointer of a parameter problem leads to the byte that names the unknown protocol, behind an atomic fragment's
 * header too [RFC4443 3.4]. */
static void test_problem_pointer(void **state) {
    (void)state;
    host_tun();
    static const uint8_t fragment[] = {47, 9, 0, 0, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8};
    make_packet(&k, "fd09::1", "fd09::2", IP_PROTO_FRAGMENT, fragment, sizeof fragment, -1, 64);
    feed(k.b, k.len);
    assert_true(take());
    assert_int_equal(host.out[40], 4);
    assert_int_equal(load32(host.out + 44), 40);
    static const uint8_t two[] = {IP_PROTO_DSTOPTS, 0, 1, 4, 0, 0, 0, 0, 47, 0, 1, 4, 0, 0, 0, 0, 1, 2, 3, 4};
    make_packet(&k, "fd09::1", "fd09::2", IP_PROTO_DSTOPTS, two, sizeof two, -1, 64);
    feed(k.b, k.len);
    assert_true(take());
    assert_int_equal(load32(host.out + 44), 48);
    host_free();
}

/* An error that quotes a later fragment says nothing about a segment: its first bytes are not a TCP header. */
static void test_quoted_fragments(void **state) {
    (void)state;
    host_tun();
    for (unsigned bit = 0; bit < 13; bit++) {
        make_tcp(&quoted, "10.9.0.2", "10.8.0.5", 60);
        store16(quoted.b + 6, (uint16_t)(1u << bit));
        fix_ip4(quoted.b);
        make_error("10.7.0.1", "10.9.0.2", 3, 1, 0, quoted.len);
        feed(k.b, k.len);
        assert_int_equal(tcp_seen.errors, 0);
    }
    store16(quoted.b + 6, 0x2000); /* the first */
    fix_ip4(quoted.b);
    make_error("10.7.0.1", "10.9.0.2", 3, 1, 0, quoted.len);
    feed(k.b, k.len);
    assert_int_equal(tcp_seen.errors, 1);
    host_free();
}

/* Quotes as much as fits 576 or 1280 bytes [RFC1812 4.3.2.3, RFC4443 2.4 c]. */
static void test_quote_length(void **state) {
    (void)state;
    host_tun();
    uint8_t l4[1400] = {0};
    make_packet(&k, "10.9.0.1", "10.9.0.2", 47, l4, sizeof l4, -1, 64);
    feed(k.b, k.len);
    assert_true(take());
    assert_int_equal(host.out_len, 576);
    make_packet(&k, "fd09::1", "fd09::2", 47, l4, sizeof l4, -1, 64);
    feed(k.b, k.len);
    assert_true(take());
    assert_int_equal(host.out_len, 1280);
    check_out(0);
    host_free();
}

/* C17, B6: ten a second towards one destination, a burst and a rate for all; one destination's limit says nothing to
 * others. */
static void test_rate(void **state) {
    (void)state;
    host_tun();
    make_packet(&k, "10.9.0.1", "10.9.0.2", 47, "12345678", 8, -1, 64);
    unsigned sent = 0;
    for (int i = 0; i < 1000; i++) {
        feed(k.b, k.len);
        pass_ms(10);
        sent += take_all();
    }
    assert_in_range(sent, 90, 101);
    assert_int_equal(reason(R_ICMP_RATE), 1000 - sent);
    make_packet(&k, "10.9.0.7", "10.9.0.2", 47, "12345678", 8, -1, 64);
    feed(k.b, k.len);
    assert_int_equal(take_all(), 1);
    pass_ms(2000);
    sent = 0;
    tern_addr everywhere = addr("0.0.0.0");
    assert_int_equal(tern_route_add(host.t, &everywhere, 0, 0, NULL), TERN_OK);
    for (unsigned i = 0; i < 5000; i++) { /* 5000 sources in a tenth of a second */
        ip_addr src = ip_from_v4(0x0a090100u + i);
        char buf[TERN_ADDR_TEXT];
        make_packet(&k, ip_format(&src, buf), "10.9.0.2", 47, "12345678", 8, -1, 64);
        feed(k.b, k.len);
        host.now += 20 * US_NS;
        sent += take_all();
    }
    assert_in_range(sent, 140, 151);
    host_free();
}

/* One packet each from five thousand sources: nobody pays for another. */
static void test_rate_of_each(void **state) {
    (void)state;
    tern_config c;
    host_config(&c);
    c.icmp_rate = c.icmp_burst = 1000000;
    host_new_with(&c);
    iface_add(TERN_LINK_IP, 0, 1500);
    give(0, "10.9.0.2", 8);
    for (unsigned i = 0; i < 5000; i++) {
        ip_addr src = ip_from_v4(0x0a090100u + i);
        char buf[TERN_ADDR_TEXT];
        make_packet(&k, ip_format(&src, buf), "10.9.0.2", 47, "12345678", 8, -1, 64);
        feed(k.b, k.len);
        assert_true(take());
    }
    host_free();
}

/* None at all when the rate is 0, and one a second is not none. */
static void test_rate_of_nothing(void **state) {
    (void)state;
    for (uint32_t rate = 0; rate < 3; rate++) {
        tern_config c;
        host_config(&c);
        c.icmp_rate = rate;
        c.icmp_burst = 1;
        host_new_with(&c);
        iface_add(TERN_LINK_IP, 0, 1500);
        give(0, "10.9.0.2", 8);
        unsigned sent = 0;
        for (unsigned i = 0; i < 100; i++) {
            ip_addr src = ip_from_v4(0x0a090100u + i);
            char buf[TERN_ADDR_TEXT];
            make_packet(&k, ip_format(&src, buf), "10.9.0.2", 47, "12345678", 8, -1, 64);
            feed(k.b, k.len);
            pass_ms(100);
            sent += take_all();
        }
        assert_in_range(sent, rate * 9, rate * 11); /* in ten seconds */
        host_free();
    }
}

/* ---- our own echo requests ---- */

static void test_ping(void **state) {
    (void)state;
    host_tun();
    tern_addr peer = addr("10.9.0.1"), peer6 = addr("fd09::1"), me = addr("10.9.0.2"), far = addr("8.8.8.8");
    tern_echo e;
    assert_int_equal(tern_echo_reply(host.t, &e), TERN_EAGAIN);
    assert_int_equal(tern_echo_send(host.t, &me, 1, 1, NULL, 0), TERN_ENOROUTE);
    assert_int_equal(tern_echo_send(host.t, &far, 1, 1, NULL, 0), TERN_ENOROUTE);
    assert_int_equal(tern_echo_send(host.t, &peer, 1, 1, NULL, 1), TERN_EINVAL);
    assert_int_equal(tern_echo_send(host.t, &peer, 9, 1, "abc", 3), TERN_OK);
    assert_true(take());
    check_out(0);
    assert_true(host.out[20] == ICMP4_ECHO && load16(host.out + 24) == 9 && load16(host.out + 26) == 1);
    make_echo(&k, "10.9.0.1", "10.9.0.2", ICMP4_ECHO_REPLY, 9, 2, 40); /* never asked */
    feed(k.b, k.len);
    make_echo(&k, "10.9.0.5", "10.9.0.2", ICMP4_ECHO_REPLY, 9, 1, 40); /* asked of another */
    feed(k.b, k.len);
    assert_int_equal(tern_echo_reply(host.t, &e), TERN_EAGAIN);
    make_echo(&k, "10.9.0.1", "10.9.0.2", ICMP4_ECHO_REPLY, 9, 1, 40);
    feed(k.b, k.len);
    feed(k.b, k.len); /* twice: once is enough */
    tern_event event;
    assert_int_equal(tern_poll(host.t, &event, 1), 1);
    assert_true(event.bits & TERN_EV_ECHO);
    assert_int_equal(tern_echo_reply(host.t, &e), TERN_OK);
    assert_true(e.id == 9 && e.seq == 1 && e.len == 40 && e.error == 0 && e.ttl == 64 && e.time_ns == host.now);
    assert_memory_equal(e.payload, k.b + 28, 32);
    assert_int_equal(tern_echo_reply(host.t, &e), TERN_EAGAIN);

    assert_int_equal(tern_echo_send(host.t, &peer6, 9, 3, "abc", 3), TERN_OK);
    assert_true(take());
    check_out(0);
    memcpy(quoted.b, host.out, quoted.len = host.out_len);
    make_error("fd09::99", "fd09::2", ICMP6_UNREACHABLE, 3, 0, quoted.len);
    feed(k.b, k.len);
    assert_int_equal(tern_echo_reply(host.t, &e), TERN_OK);
    tern_addr router = addr("fd09::99");
    feed(k.b, k.len); /* once more: it is no longer waited for */
    store16(quoted.b + 46, 77);
    make_error("fd09::99", "fd09::2", ICMP6_UNREACHABLE, 3, 0, quoted.len); /* about one that was never sent */
    feed(k.b, k.len);
    tern_echo none;
    assert_int_equal(tern_echo_reply(host.t, &none), TERN_EAGAIN);
    assert_true(e.error == TERN_EUNREACH && e.seq == 3 && memcmp(&e.remote, &router, sizeof router) == 0);

    for (uint16_t i = 0; i < 100; i++) { /* the last 64 stay */
        tern_echo_send(host.t, &peer, 9, i, NULL, 0);
        take_all();
        make_echo(&k, "10.9.0.1", "10.9.0.2", ICMP4_ECHO_REPLY, 9, i, 0);
        feed(k.b, k.len);
    }
    for (uint16_t i = 36; i < 100; i++) {
        assert_int_equal(tern_echo_reply(host.t, &e), TERN_OK);
        assert_int_equal(e.seq, i);
    }
    assert_int_equal(tern_echo_reply(host.t, &e), TERN_EAGAIN);
    host_free();
}

/* [RFC8201 4] A path that is too narrow for a request is remembered, and the next one is cut; who reports it of a request
 * that was never made is not believed. */
static void test_ping_too_big(void **state) {
    (void)state;
    static const uint8_t payload[1400];
    host_tun();
    tern_addr peer = addr("fd09::1");
    ip_addr dst = ip("fd09::1");
    tern_echo e;
    assert_int_equal(tern_echo_send(host.t, &peer, 9, 1, payload, sizeof payload), TERN_OK);
    assert_true(take());
    memcpy(quoted.b, host.out, quoted.len = host.out_len);
    store16(quoted.b + 46, 77);
    make_error("fd09::99", "fd09::2", ICMP6_TOO_BIG, 0, 1300, 1200);
    feed(k.b, k.len);
    assert_int_equal(ip_path_mtu(host.s, &dst), 1500);
    store16(quoted.b + 46, 1);
    make_error("fd09::99", "fd09::2", ICMP6_TOO_BIG, 0, 1300, 1200);
    feed(k.b, k.len);
    assert_int_equal(ip_path_mtu(host.s, &dst), 1300);
    assert_int_equal(tern_echo_reply(host.t, &e), TERN_OK);
    assert_int_equal(e.error, TERN_EUNREACH);
    assert_int_equal(tern_echo_send(host.t, &peer, 9, 2, payload, sizeof payload), TERN_OK);
    for (unsigned i = 0; i < 2; i++) {
        assert_true(take());
        assert_true(host.out_len <= 1300 && host.out[6] == IP_PROTO_FRAGMENT);
    }
    assert_false(take());
    host_free();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_echo),
        cmocka_unit_test(test_echo_refused),
        cmocka_unit_test(test_errors_to_tcp),
        cmocka_unit_test(test_errors_refused),
        cmocka_unit_test(test_errors_not_sent),
        cmocka_unit_test(test_error_source),
        cmocka_unit_test(test_problem_pointer),
        cmocka_unit_test(test_quoted_fragments),
        cmocka_unit_test(test_quote_length),
        cmocka_unit_test(test_rate),
        cmocka_unit_test(test_rate_of_each),
        cmocka_unit_test(test_rate_of_nothing),
        cmocka_unit_test(test_ping),
        cmocka_unit_test(test_ping_too_big),
    };
    return cmocka_run_group_tests_name("ip_input", tests, NULL, NULL);
}
