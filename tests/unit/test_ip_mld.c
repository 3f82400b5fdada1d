/* test_ip_mld.c - multicast listener discovery on Ethernet: what is reported when an address comes and goes, what is
 * answered to whom, and in which version. From RFC 3810, 2710, 3590, 4862 5.4.2. */
#include "ip_fixture.h"

static packet k;

enum {
    QUERY = ICMP6_MLD_QUERY,
    REPORT_1 = 131,
    DONE_1 = 132,
    REPORT_2 = 143,
    IS_EXCLUDE = 2,
    TO_INCLUDE = 3,
    TO_EXCLUDE = 4
};
enum { IP_AT = 14, ICMP_AT = 14 + 40 + 8 };

static void host_mld(enum tern_link link, uint32_t dad) {
    tern_config c;
    host_config(&c);
    c.mld = 1;
    c.dad = dad;
    host_new_with(&c);
    assert_int_equal(iface_add(link, 0, 1500), 0);
}

/* ---- what left: messages of MLD, in order, as far as there is room ---- */

static struct message {
    uint64_t at;
    uint8_t type;
    bool from_nobody;
    ip_addr dst;
    unsigned records;
    struct {
        uint8_t type;
        ip_addr group;
    } record[40];
} seen[64];
static unsigned count_seen, others;

/* [RFC3810 5, 6.2] The form of all of them: one hop, a router alert, a source that is link-local or nobody. */
static bool is_mld(void) {
    const uint8_t *p = host.out + IP_AT;
    if (load16(host.out + 12) != ETH_TYPE_IP6 || p[6] != IP_PROTO_HOPOPTS) return false;
    static const uint8_t alert[8] = {IP_PROTO_ICMP6, 0, 5, 2, 0, 0, 1, 0};
    size_t len = host.out_len - IP_AT - 40;
    ip_addr src, dst;
    memcpy(src.b, p + 8, 16);
    memcpy(dst.b, p + 24, 16);
    assert_int_equal(load16(p + 4), len);
    assert_int_equal(p[7], 1);
    assert_memory_equal(p + 40, alert, 8);
    assert_int_equal(sum_of(p + 48, len - 8, pseudo_sum(&src, &dst, IP_PROTO_ICMP6, (uint32_t)len - 8)), 0);
    assert_true(ip_is_unspecified(&src) || ip_is_link_local(&src));
    assert_true(ip_is_unspecified(&src) || ip_is_ours(host.s, &src));
    assert_true(host.out[0] == 0x33 && host.out[1] == 0x33 && memcmp(host.out + 2, dst.b + 12, 4) == 0);
    return true;
}

static void note(void) {
    struct message *m = &seen[count_seen++];
    const uint8_t *p = host.out + ICMP_AT;
    assert_true(count_seen < ARRAY_LEN(seen));
    *m = (struct message){.at = host.now, .type = p[0], .from_nobody = bytes_are(host.out + IP_AT + 8, "::")};
    memcpy(m->dst.b, host.out + IP_AT + 24, 16);
    assert_int_equal(p[1], 0);
    if (p[0] == REPORT_2) {
        m->records = load16(p + 6);
        assert_int_equal(host.out_len, ICMP_AT + 8 + 20 * m->records);
        assert_true(m->records && bytes_are(m->dst.b, "ff02::16"));
        for (unsigned i = 0; i < m->records; i++) {
            const uint8_t *r = p + 8 + 20 * i;
            m->record[i].type = r[0];
            assert_true(r[1] == 0 && load16(r + 2) == 0);
            memcpy(m->record[i].group.b, r + 4, 16);
        }
        return;
    }
    assert_true(p[0] == REPORT_1 || p[0] == DONE_1);
    assert_int_equal(host.out_len, ICMP_AT + 24);
    assert_int_equal(load32(p + 4), 0);
    m->records = 1;
    memcpy(m->record[0].group.b, p + 8, 16);
    ip_addr to = p[0] == DONE_1 ? ip("ff02::2") : m->record[0].group;
    assert_true(ip_eq(&to, &m->dst));
}

/* Forgets what was seen, and watches for so long. */
static void watch(unsigned ms) {
    tern_event e;
    count_seen = others = 0;
    for (uint64_t end = host.now + ms * MS_NS;;) {
        while (take()) {
            if (is_mld())
                note();
            else
                others++;
        }
        while (tern_poll(host.t, &e, 1)) continue;
        if (host.now >= end) return;
        pass_ms(1);
    }
}

static bool says(const struct message *m, uint8_t type, const char *group) {
    ip_addr g = ip(group);
    for (unsigned i = 0; i < m->records; i++)
        if (ip_eq(&m->record[i].group, &g)) return m->record[i].type == type;
    return false;
}

static const char *const mine = "ff02::1:ff00:2", *const of_link_local = "ff02::1:ff00:1";

/* ---- questions ---- */

struct question {
    const char *src, *dst, *group;
    uint16_t code;
    uint8_t hops, alert; /* the option's type */
    unsigned len;        /* of the ICMP message */
    uint8_t alert_len;
};
static const struct question general = {"fe80::99", "ff02::1", "::", 1000, 1, 5, 28, 2};

static void ask(const struct question *q) {
    uint8_t l4[8 + 64] = {IP_PROTO_ICMP6, 0, q->alert, q->alert_len, 0, 0, 1, 0, QUERY};
    ip_addr src = ip(q->src), dst = ip(q->dst), g = ip(q->group);
    packet inner;
    store16(l4 + 12, q->code);
    memcpy(l4 + 16, g.b, 16);
    put_sum(l4 + 10, sum_of(l4 + 8, q->len, pseudo_sum(&src, &dst, IP_PROTO_ICMP6, q->len)));
    make_packet(&inner, q->src, q->dst, IP_PROTO_HOPOPTS, l4, 8 + q->len, -1, q->hops);
    uint8_t mac[6] = {0x33, 0x33};
    memcpy(mac + 2, dst.b + 12, 4);
    make_frame(&k, mac, PEER_MAC, ETH_TYPE_IP6, inner.b, inner.len);
    feed(k.b, k.len);
}

/* ---- an address comes ---- */

/* [RFC4862 5.4.2] The group is joined before it is asked whether the address is free; the report is repeated once within a
 * second, and once there is an address to say it from it is said again [RFC3590 4]. */
static void comes_with_check(void **state) {
    (void)state;
    host_mld(TERN_LINK_ETHERNET, 1);
    give(0, "fe80::2", 64);
    unsigned probes = 0, before = 0;
    count_seen = 0;
    for (unsigned ms = 0; ms < 5000; ms++) {
        while (take())
            if (is_mld()) {
                note();
                before += !probes;
            } else if (host.out[IP_AT + 6] == IP_PROTO_ICMP6 && host.out[IP_AT + 40] == ICMP6_NS) {
                assert_int_equal(before, 1);
                probes++;
            }
        pass_ms(1);
    }
    assert_int_equal(probes, 1);
    assert_true(count_seen >= 3);
    assert_true(seen[0].from_nobody && !seen[count_seen - 1].from_nobody);
    for (unsigned i = 0; i < count_seen; i++) {
        assert_int_equal(seen[i].records, 1);
        assert_true(says(&seen[i], TO_EXCLUDE, mine));
        if (i) assert_true(seen[i].at - seen[i - 1].at <= 1001 * MS_NS);
    }
    host_free();
}

static void comes_without_check(void **state) {
    (void)state;
    host_mld(TERN_LINK_ETHERNET, 0);
    give(0, "10.9.0.2", 24);
    watch(3000);
    assert_int_equal(count_seen, 0);
    give(0, "fd09::2", 64); /* the link-local address comes with it */
    watch(0);
    assert_true(count_seen >= 1);
    watch(3000);
    assert_int_equal(count_seen, 1);
    assert_true(says(&seen[0], TO_EXCLUDE, mine) && says(&seen[0], TO_EXCLUDE, of_link_local));
    assert_int_equal(seen[0].records, 2);
    assert_false(seen[0].from_nobody);
    assert_true(tern_deadline(host.t) == TERN_NEVER);
    host_free();
}

/* Two addresses can have one group: it is said once, and left with the last. */
static void goes(void **state) {
    (void)state;
    host_mld(TERN_LINK_ETHERNET, 0);
    give(0, "fd09::2", 64);
    give(0, "fd08::2", 64);
    watch(3000);
    assert_int_equal(seen[count_seen - 1].records, 2);
    tern_addr first = addr("fd09::2"), second = addr("fd08::2");
    assert_int_equal(tern_addr_remove(host.t, 0, &first), TERN_OK);
    watch(3000);
    assert_int_equal(count_seen, 0);
    assert_int_equal(tern_addr_remove(host.t, 0, &second), TERN_OK);
    watch(3000);
    assert_int_equal(count_seen, 2);
    for (unsigned i = 0; i < 2; i++)
        assert_true(says(&seen[i], TO_INCLUDE, mine) && says(&seen[i], TO_EXCLUDE, of_link_local));
    /* back before it was said twice: then it is ours */
    give(0, "fd09::2", 64);
    watch(3000);
    assert_int_equal(tern_addr_remove(host.t, 0, &first), TERN_OK);
    watch(0);
    assert_true(count_seen == 1 && says(&seen[0], TO_INCLUDE, mine));
    give(0, "fd09::2", 64);
    watch(3000);
    assert_true(count_seen >= 2);
    for (unsigned i = 0; i < count_seen; i++) assert_true(says(&seen[i], TO_EXCLUDE, mine) && seen[i].records == 2);
    /* what was said twice is not said again with what comes later, nor in an answer */
    assert_int_equal(tern_addr_remove(host.t, 0, &first), TERN_OK);
    watch(0);
    struct question q = general;
    q.code = 0;
    ask(&q);
    watch(1);
    assert_true(count_seen == 1 && seen[0].records == 1 && says(&seen[0], IS_EXCLUDE, of_link_local));
    watch(3000);
    give(0, "fd09::7", 64);
    watch(3000);
    assert_int_equal(count_seen, 2);
    for (unsigned i = 0; i < 2; i++)
        assert_true(says(&seen[i], TO_EXCLUDE, "ff02::1:ff00:7") && says(&seen[i], TO_EXCLUDE, of_link_local) &&
                    seen[i].records == 2);
    host_free();
}

/* As many as there can be come and go in one moment: all is said, in packets that the link carries. */
static void all_at_once(void **state) {
    (void)state;
    host_mld(TERN_LINK_ETHERNET, 0);
    char one[32];
    for (unsigned i = 0; i < IP_ADDRS - 1; i++) {
        snprintf(one, sizeof one, "fd09::%x", 0x100 + i);
        assert_int_equal(give(0, one, 64), TERN_OK);
    }
    watch(3000);
    assert_int_equal(seen[count_seen - 1].records, IP_ADDRS);
    for (unsigned i = 0; i < IP_ADDRS - 1; i++) {
        snprintf(one, sizeof one, "fd09::%x", 0x100 + i);
        tern_addr a = addr(one);
        assert_int_equal(tern_addr_remove(host.t, 0, &a), TERN_OK);
    }
    watch(0);
    unsigned told = 0;
    for (unsigned i = 0; i < IP_ADDRS - 1; i++) {
        snprintf(one, sizeof one, "ff02::1:ff00:%x", 0x100 + i);
        bool left = false;
        for (unsigned j = 0; j < count_seen; j++) left |= says(&seen[j], TO_INCLUDE, one);
        told += left;
    }
    assert_int_equal(told, IP_ADDRS - 1);
    watch(3000);
    ask(&general);
    watch(2000);
    assert_int_equal(seen[count_seen - 1].records, 1);
    host_free();
}

/* ---- answers ---- */

/* A host on which all has been said. */
static void host_settled(void) {
    host_mld(TERN_LINK_ETHERNET, 0);
    give(0, "fd09::2", 64);
    watch(3000);
    watch(0);
    assert_int_equal(count_seen, 0);
}

static void answers(void **state) {
    (void)state;
    host_settled();
    uint64_t at = host.now;
    ask(&general);
    watch(5000);
    assert_int_equal(count_seen, 1);
    assert_true(seen[0].records == 2 && says(&seen[0], IS_EXCLUDE, mine) && says(&seen[0], IS_EXCLUDE, of_link_local));
    assert_true(!seen[0].from_nobody && seen[0].at <= at + 1001 * MS_NS);
    /* Of one of ours, of one that is not, and of all nodes, of which nobody tells [RFC3810 6]. */
    static const struct {
        const char *group;
        bool answered;
    } groups[] = {{"ff02::1:ff00:2", true}, {"ff02::1:ff00:3", false}, {"ff02::2", false}, {"ff0e::1", false}};
    for (unsigned i = 0; i < ARRAY_LEN(groups); i++) {
        struct question q = general;
        q.group = groups[i].group;
        if (groups[i].answered) q.dst = groups[i].group;
        ask(&q);
        watch(5000);
        assert_int_equal(count_seen, groups[i].answered);
    }
    host_free();
}

/* [RFC3810 6.2, 8.1] Questions of no router, from afar, or of no known length. */
static void no_answers(void **state) {
    (void)state;
    static const struct {
        const char *src;
        uint8_t hops, alert;
        unsigned len;
    } bad[] = {{"fd09::99", 1, 5, 28}, {"fe80::99", 2, 5, 28}, {"fe80::99", 255, 5, 28},
               {"fe80::99", 0, 5, 28}, {"fe80::99", 1, 1, 28}, {"fe80::99", 1, 5, 27},
               {"fe80::99", 1, 5, 25}, {"fe80::99", 1, 5, 23}, {"fe80::99", 1, 5, 8}};
    host_settled();
    for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
        struct question q = general;
        q.src = bad[i].src, q.hops = bad[i].hops, q.alert = bad[i].alert, q.len = bad[i].len;
        ask(&q);
        watch(3000);
        assert_int_equal(count_seen, 0);
        assert_int_equal(reason(R_MLD_INVALID), i + 1);
    }
    struct question q = general;
    q.alert_len = 4; /* that is another option */
    ask(&q);
    assert_int_equal(reason(R_MLD_INVALID), ARRAY_LEN(bad) + 1);
    /* without any hop-by-hop header, but with a checksum that looks like an option of one */
    uint8_t l4[28] = {QUERY};
    ip_addr src = ip("fe80::99"), dst = ip("ff02::1");
    put_sum(l4 + 2, sum_of(l4, sizeof l4, pseudo_sum(&src, &dst, IP_PROTO_ICMP6, sizeof l4)));
    uint32_t rest = load16(l4 + 2) + 0xffffu - 0x0502;
    store16(l4 + 4, (uint16_t)(rest + (rest >> 16)));
    packet inner;
    make_packet(&inner, "fe80::99", "ff02::1", IP_PROTO_ICMP6, l4, sizeof l4, 2, 1);
    make_frame(&k, (const uint8_t[6]){0x33, 0x33, 0, 0, 0, 1}, PEER_MAC, ETH_TYPE_IP6, inner.b, inner.len);
    assert_int_equal(load16(k.b + 14 + 40 + 2), 0x0502);
    feed(k.b, k.len);
    watch(3000);
    assert_int_equal(count_seen, 0);
    assert_int_equal(reason(R_MLD_INVALID), ARRAY_LEN(bad) + 2);
    assert_int_equal(reason(R_MLD_OK), 0);
    host_free();
}

/* [RFC3810 5.1.3] When the answer comes: spread over the whole of the time, and within it. */
static void delays(void **state) {
    (void)state;
    static const struct {
        uint16_t code;
        uint32_t ms;
    } cases[] = {{0, 0}, {1, 1}, {10000, 10000}, {0x7fff, 32767}, {0x8000, 32768}, {0x8001, 32776}, {0x9000, 65536}};
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t latest = 0;
        host_settled();
        for (unsigned turn = 0; turn < 30; turn++) {
            struct question q = general;
            q.code = cases[i].code;
            pass_ms(200);
            uint64_t at = host.now;
            ask(&q);
            while (!take()) {
                uint64_t due = tern_deadline(host.t);
                assert_true(due != TERN_NEVER);
                pass_ns(max_u64(due, host.now) - host.now + MS_NS);
            }
            uint64_t took = (host.now - at) / MS_NS;
            assert_true(took <= cases[i].ms + 2);
            latest = max_u64(latest, took);
        }
        assert_true(latest >= cases[i].ms / 2);
        host_free();
    }
}

/* Many questions, one answer; and at most ten a second, whatever is asked. */
static void floods(void **state) {
    (void)state;
    host_settled();
    for (unsigned i = 0; i < 50; i++) ask(&general);
    watch(3000);
    assert_int_equal(count_seen, 1);
    struct question q = general;
    unsigned answered = 0;
    q.code = 0;
    for (unsigned ms = 0; ms < 1000; ms++) {
        ask(&q);
        watch(1);
        answered += count_seen;
    }
    assert_true(answered >= 5 && answered <= 11);
    watch(1000);
    q.code = 100; /* who gives more time cannot put off what others wait for */
    ask(&q);
    q.code = 30000;
    answered = 0;
    for (unsigned ms = 0; ms < 105; ms++) {
        ask(&q);
        watch(1);
        answered += count_seen;
    }
    assert_int_equal(answered, 1);
    host_free();
}

/* [RFC3810 8.2.1] Who asks in version 1 is told in version 1, until nobody did for so long. */
static void version_1(void **state) {
    (void)state;
    host_settled();
    struct question q = general;
    q.len = 24;
    ask(&q);
    watch(3000);
    assert_int_equal(count_seen, 2);
    assert_true(seen[0].type == REPORT_1 && seen[1].type == REPORT_1);
    assert_false(ip_eq(&seen[0].dst, &seen[1].dst));
    tern_addr gone = addr("fd09::2");
    assert_int_equal(tern_addr_remove(host.t, 0, &gone), TERN_OK);
    watch(0);
    bool done = false;
    for (unsigned i = 0; i < count_seen; i++) done |= seen[i].type == DONE_1 && says(&seen[i], 0, mine);
    assert_true(done);
    watch(250000);
    ask(&general); /* somebody else's version 2 does not end it */
    watch(3000);
    assert_true(count_seen == 1 && seen[0].type == REPORT_1);
    watch(10000);
    ask(&general);
    watch(3000);
    assert_true(count_seen == 1 && seen[0].type == REPORT_2);
    host_free();
}

/* ---- where nothing is said ---- */

static void silent(void **state) {
    (void)state;
    tern_config c;
    host_config(&c);
    c.mld = 0;
    host_new_with(&c);
    iface_add(TERN_LINK_ETHERNET, 0, 1500);
    give(0, "fd09::2", 64);
    ask(&general);
    watch(5000);
    assert_int_equal(count_seen, 0);
    host_free();
    host_mld(TERN_LINK_IP, 0); /* no switch */
    give(0, "fd09::2", 64);
    assert_false(take());
    host_free();
}

/* A link that was down, or is another by now, is told anew; while it is down nothing is. */
static void down_and_up(void **state) {
    (void)state;
    host_settled();
    ask(&general);
    assert_int_equal(tern_iface_down(host.t, 0), TERN_OK);
    give(0, "fd09::3", 64);
    tern_addr gone = addr("fd09::3");
    assert_int_equal(tern_addr_remove(host.t, 0, &gone), TERN_OK);
    watch(5000);
    assert_int_equal(count_seen + others, 0);
    assert_int_equal(tern_iface_up(host.t, 0), TERN_OK);
    watch(5000);
    assert_int_equal(count_seen, 2);
    for (unsigned i = 0; i < 2; i++)
        assert_true(seen[i].records == 2 && says(&seen[i], TO_EXCLUDE, mine) && !seen[i].from_nobody);
    host_free();
}

static void without_memory(void **state) {
    (void)state;
    for (uint64_t at = 1; at < 8; at++) {
        host_mld(TERN_LINK_ETHERNET, 1);
        heap.fail_at = heap.calls + at;
        give(0, "fd09::2", 64);
        watch(3000);
        ask(&general);
        watch(2000);
        assert_true(count_seen <= 1);
        ask(&general);
        watch(2000);
        assert_int_equal(count_seen, 1);
        host_free();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_with_check),
        cmocka_unit_test(comes_without_check),
        cmocka_unit_test(goes),
        cmocka_unit_test(all_at_once),
        cmocka_unit_test(answers),
        cmocka_unit_test(no_answers),
        cmocka_unit_test(delays),
        cmocka_unit_test(floods),
        cmocka_unit_test(version_1),
        cmocka_unit_test(silent),
        cmocka_unit_test(down_and_up),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests_name("ip_mld", tests, NULL, NULL);
}
