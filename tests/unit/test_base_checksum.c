/* test_base_checksum.c - the Internet checksum against the example of RFC 1071 and against a sum made byte
 * by byte. */
#include "base/checksum.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "draw.h"

/* [RFC1071 1] Pairs of bytes as 16-bit numbers in network order, added with end-around carry. */
static uint16_t slow_sum(const uint8_t *p, size_t n) {
    uint32_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return (uint16_t)sum;
}
/* A folded sum as the bytes of memory say it. */
static uint16_t in_network_order(uint16_t folded) {
    uint8_t b[2];
    memcpy(b, &folded, 2);
    return (uint16_t)(b[0] << 8 | b[1]);
}
/* 0 and 0xffff are one number in this arithmetic; but zero bytes alone give 0, and all else gives a sum that is not
 * 0. */
static void check_sum(uint64_t sum, const uint8_t *p, size_t n) {
    assert_int_equal(in_network_order(checksum_fold(sum)), slow_sum(p, n));
}

static const checksum_ops *all_ops[4];
static size_t ops_count;

static int find_ops(void **state) {
    (void)state;
    ops_count = checksum_ops_all(all_ops);
    return 0;
}

static void the_fastest_is_one_of_all(void **state) {
    (void)state;
    assert_in_range(ops_count, 1, 4);
    assert_ptr_equal(all_ops[0], &checksum_plain);
    assert_ptr_equal(checksum_ops_best(), all_ops[ops_count - 1]);
    for (size_t k = 0; k < ops_count; k++) {
        print_message("           %s\n", all_ops[k]->name);
        assert_ptr_equal(checksum_ops_by_id(all_ops[k]->id), all_ops[k]);
        for (size_t j = 0; j < k; j++) assert_int_not_equal(all_ops[j]->id, all_ops[k]->id);
    }
}

static void the_example_of_rfc1071(void **state) { /* [RFC1071 3] */
    (void)state;
    static const uint8_t data[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
    for (size_t k = 0; k < ops_count; k++) {
        uint64_t sum = all_ops[k]->add(data, sizeof data, 0);
        assert_int_equal(in_network_order(checksum_fold(sum)), 0xddf2);
        uint16_t field = checksum_finish(sum);
        assert_int_equal(in_network_order(field), 0x220d);
        /* broken at an odd place: 3 bytes and 5 bytes */
        uint64_t front = all_ops[k]->add(data, 3, 0), back = all_ops[k]->add(data + 3, 5, 0);
        assert_int_equal(in_network_order(checksum_fold(checksum_join_odd(front, back))), 0xddf2);
        /* with its checksum the sum is all ones */
        assert_int_equal(checksum_fold(checksum_join(sum, field)), 0xffff);
    }
}

/* One case: every implementation, both passes, memory that ends at both ends of the data. */
static void check_case(draw *d, size_t offset, size_t n, int fill) {
    uint8_t *from = malloc(offset + n + 1), *to = malloc(offset + n + 1), *p = from + offset + 1, *q = to + offset + 1;
    draw_bytes(d, from, offset + n + 1);
    if (fill >= 0) memset(p, fill, n);
    uint64_t start = fill >= 0 ? 0 : draw_u64(d);
    uint16_t expected = checksum_fold(checksum_join(start, checksum_plain.add(p, n, 0)));
    check_sum(checksum_plain.add(p, n, 0), p, n);
    for (size_t k = 0; k < ops_count; k++) {
        assert_int_equal(checksum_fold(all_ops[k]->add(p, n, start)), expected);
        memset(to, 0xa5, offset + n + 1);
        assert_int_equal(checksum_fold(all_ops[k]->copy_add(q, p, n, start)), expected);
        assert_memory_equal(q, p, n);
        for (size_t i = 0; i <= offset; i++) assert_int_equal(to[i], 0xa5);
    }
    free(from);
    free(to);
}

static void all_lengths_and_alignments(void **state) {
    (void)state;
    draw d = {1071};
    for (size_t n = 0; n <= 300; n++) {
        for (size_t offset = 0; offset < 16; offset++) check_case(&d, offset, n, -1);
        check_case(&d, n % 16, n, 0x00);
        check_case(&d, n % 16, n, 0xff); /* the most carries */
    }
}

static void long_pieces(void **state) {
    (void)state;
    draw d = {65536};
    for (int i = 0; i < 300; i++) check_case(&d, draw_below(&d, 64), draw_below(&d, 70000), -1);
    check_case(&d, 3, 70000, 0xff);
    check_case(&d, 3, 1 << 20, 0xff);
}

static void the_copy_ends_where_it_should(void **state) {
    (void)state;
    draw d = {5};
    static uint8_t from[400], to[400];
    draw_bytes(&d, from, sizeof from);
    for (size_t k = 0; k < ops_count; k++) {
        for (size_t n = 0; n <= 300; n++) {
            memset(to, 0x5a, sizeof to);
            all_ops[k]->copy_add(to + 40, from + 7, n, 0);
            for (size_t i = 0; i < 40; i++) assert_int_equal(to[i], 0x5a);
            assert_memory_equal(to + 40, from + 7, n);
            for (size_t i = 40 + n; i < sizeof to; i++) assert_int_equal(to[i], 0x5a);
        }
    }
}

static void a_copy_without_a_sum(void **state) {
    (void)state;
    enum { MOST = 9000 };
    static uint8_t from[MOST + 64], to[MOST + 200];
    draw d = {13};
    draw_bytes(&d, from, sizeof from);
    for (size_t k = 0; k < ops_count; k++) {
        for (size_t n = 0; n <= MOST; n += n < 300 ? 1 : 97) {
            size_t behind = n % 64, before = 32 + n % 33;
            memset(to, 0x5a, sizeof to);
            (n % 2 ? all_ops[k]->copy(to + before, from + behind, n)
                   : copy_bytes(all_ops[k], to + before, from + behind, n));
            for (size_t i = 0; i < before; i++) assert_int_equal(to[i], 0x5a);
            assert_memory_equal(to + before, from + behind, n);
            for (size_t i = before + n; i < before + n + 64; i++) assert_int_equal(to[i], 0x5a);
        }
    }
}

static void pieces_add_up(void **state) {
    (void)state;
    draw d = {77};
    for (int i = 0; i < 20000; i++) {
        uint8_t data[200];
        size_t n = draw_below(&d, sizeof data + 1), cut = draw_below(&d, (uint32_t)n + 1);
        draw_bytes(&d, data, n);
        const checksum_ops *ops = all_ops[draw_below(&d, (uint32_t)ops_count)];
        uint64_t a = ops->add(data, cut, 0), b = ops->add(data + cut, n - cut, 0);
        check_sum(cut % 2 ? checksum_join_odd(a, b) : checksum_join(a, b), data, n);
    }
}

static void joining_keeps_the_carry(void **state) {
    (void)state;
    assert_int_equal(checksum_join(UINT64_MAX, 1), 1);
    assert_int_equal(checksum_join(UINT64_MAX, UINT64_MAX), UINT64_MAX);
    assert_int_equal(checksum_fold(UINT64_MAX), 0xffff);
    assert_int_equal(checksum_fold(0), 0);
    assert_int_equal(checksum_fold(UINT64_C(0xffff0000ffff0001)), 1); /* 0xffff + 0xffff + 1, carries around */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_fastest_is_one_of_all),     cmocka_unit_test(the_example_of_rfc1071),
        cmocka_unit_test(all_lengths_and_alignments),    cmocka_unit_test(long_pieces),
        cmocka_unit_test(the_copy_ends_where_it_should), cmocka_unit_test(pieces_add_up),
        cmocka_unit_test(joining_keeps_the_carry),       cmocka_unit_test(a_copy_without_a_sum),
    };
    return cmocka_run_group_tests_name("base: checksum", tests, find_ops, NULL);
}
