/* test_wire_link.c - Ethernet headers with and without a VLAN tag, and ARP packets (RFC 826). */
#include "wire/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hostile.h"

static bool parse_eth(const uint8_t *p, size_t n) {
    reader r = reader_of(p, n);
    eth_header h;
    if (!eth_parse(&r, &h)) return false;
    char buf[20];
    text t = text_of(buf, sizeof buf);
    eth_format(&t, &h);
    return true;
}

static bool parse_arp(const uint8_t *p, size_t n) {
    reader r = reader_of(p, n);
    arp_packet a;
    if (!arp_parse(&r, &a)) return false;
    char buf[20];
    text t = text_of(buf, sizeof buf);
    arp_format(&t, &a);
    return true;
}

static void ethernet_comes_back_as_it_went(void **state) {
    (void)state;
    draw d = {802};
    for (int i = 0; i < 100000; i++) {
        eth_header h, back;
        draw_bytes(&d, h.dst, 6);
        draw_bytes(&d, h.src, 6);
        h.tagged = draw_bool(&d);
        h.tci = h.tagged ? (uint16_t)draw_u64(&d) : 0;
        h.type = (uint16_t)draw_u64(&d);
        if (!h.tagged && h.type == ETH_TYPE_VLAN) h.type = ETH_TYPE_ARP;
        uint8_t buf[64];
        writer w = writer_of(buf, sizeof buf);
        eth_emit(&w, &h);
        assert_int_equal(writer_len(&w), h.tagged ? 18 : 14);
        uint8_t *p = exact_copy(buf, writer_len(&w));
        reader r = reader_of(p, writer_len(&w));
        assert_true(eth_parse(&r, &back));
        assert_int_equal(reader_left(&r), 0);
        assert_memory_equal(h.dst, back.dst, 6);
        assert_memory_equal(h.src, back.src, 6);
        assert_int_equal(h.tagged, back.tagged);
        assert_int_equal(h.tci, back.tci);
        assert_int_equal(h.type, back.type);
        if (i < 100) assert_int_equal(hostile_truncate(p, writer_len(&w), parse_eth), 0);
        exact_free(p, writer_len(&w));
    }
}

static void ethernet_in_bytes(void **state) {
    (void)state;
    static const uint8_t plain[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 0x08, 0x06};
    static const uint8_t tagged[] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x81, 0x00, 0x60, 0x64, 0x86, 0xdd};
    eth_header h;
    char buf[128];
    reader r = reader_of(plain, sizeof plain);
    assert_true(eth_parse(&r, &h));
    assert_false(h.tagged);
    assert_int_equal(h.type, ETH_TYPE_ARP);
    text t = text_of(buf, sizeof buf);
    eth_format(&t, &h);
    assert_string_equal(buf, "Ethernet 02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff type 0x0806");
    r = reader_of(tagged, sizeof tagged);
    assert_true(eth_parse(&r, &h));
    assert_true(h.tagged);
    assert_int_equal(h.tci, 0x6064);
    assert_int_equal(h.type, ETH_TYPE_IP6);
    t = text_of(buf, sizeof buf);
    eth_format(&t, &h);
    assert_string_equal(buf, "Ethernet 02:00:00:00:00:01 > 02:00:00:00:00:02 vlan 100 type 0x86dd");
}

static void arp_comes_back_as_it_went(void **state) {
    (void)state;
    draw d = {826};
    for (int i = 0; i < 100000; i++) {
        arp_packet a, back;
        a.op = (uint16_t)draw_below(&d, 4);
        draw_bytes(&d, a.sender_mac, 6);
        draw_bytes(&d, a.target_mac, 6);
        a.sender_ip = (uint32_t)draw_u64(&d);
        a.target_ip = (uint32_t)draw_u64(&d);
        uint8_t buf[28];
        writer w = writer_of(buf, sizeof buf);
        arp_emit(&w, &a);
        assert_int_equal(writer_len(&w), 28);
        uint8_t *p = exact_copy(buf, 28);
        reader r = reader_of(p, 28);
        assert_true(arp_parse(&r, &back));
        assert_int_equal(a.op, back.op);
        assert_memory_equal(a.sender_mac, back.sender_mac, 6);
        assert_memory_equal(a.target_mac, back.target_mac, 6);
        assert_int_equal(a.sender_ip, back.sender_ip);
        assert_int_equal(a.target_ip, back.target_ip);
        if (i < 100) assert_int_equal(hostile_truncate(p, 28, parse_arp), 0);
        exact_free(p, 28);
    }
}

static void arp_in_bytes(void **state) {
    (void)state;
    uint8_t ask[] = {0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 9, 0, 1, 0, 0, 0, 0, 0, 0, 10, 9, 0, 2};
    arp_packet a;
    char buf[64];
    reader r = reader_of(ask, sizeof ask);
    assert_true(arp_parse(&r, &a));
    text t = text_of(buf, sizeof buf);
    arp_format(&t, &a);
    assert_string_equal(buf, "ARP who has 10.9.0.2? tell 10.9.0.1");
    ask[7] = 2;
    r = reader_of(ask, sizeof ask);
    assert_true(arp_parse(&r, &a));
    t = text_of(buf, sizeof buf);
    arp_format(&t, &a);
    assert_string_equal(buf, "ARP 10.9.0.1 is at 02:00:00:00:00:01");
    /* other hardware, protocol or sizes are not ours */
    for (unsigned i = 0; i < 6; i++) {
        ask[i] ^= 1;
        r = reader_of(ask, sizeof ask);
        assert_false(arp_parse(&r, &a));
        ask[i] ^= 1;
    }
}

static void garbage_is_survived(void **state) {
    (void)state;
    draw d = {1};
    hostile_random(&d, 40, 100000, parse_eth);
    hostile_random(&d, 40, 100000, parse_arp);
    arp_packet a = {.op = 1};
    uint8_t buf[28];
    writer w = writer_of(buf, sizeof buf);
    arp_emit(&w, &a);
    hostile_mutate(&d, buf, sizeof buf, 100000, parse_arp);
}

static void no_room_to_write_is_said(void **state) {
    (void)state;
    const uint8_t buf[28] = {0};
    eth_header h = {.tagged = true};
    arp_packet a = {.op = 1};
    for (size_t cap = 0; cap < 28; cap++) {
        uint8_t *p = exact_copy(buf, cap);
        writer w = writer_of(p, cap);
        arp_emit(&w, &a);
        assert_true(w.bad);
        w = writer_of(p, cap);
        eth_emit(&w, &h);
        assert_int_equal(w.bad, cap < 18);
        exact_free(p, cap);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ethernet_comes_back_as_it_went),
        cmocka_unit_test(ethernet_in_bytes),
        cmocka_unit_test(arp_comes_back_as_it_went),
        cmocka_unit_test(arp_in_bytes),
        cmocka_unit_test(garbage_is_survived),
        cmocka_unit_test(no_room_to_write_is_said),
    };
    return cmocka_run_group_tests_name("wire: Ethernet, ARP", tests, NULL, NULL);
}
