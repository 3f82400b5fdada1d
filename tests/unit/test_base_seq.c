/* test_base_seq.c - sequence arithmetic around the wrap (RFC 9293 3.4), and the cursors over packet bytes. */
#include "base/bytes.h"
#include "base/seq.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "draw.h"

static void order_is_modulo_2_32(void **state) {
    (void)state;
    static const uint32_t bases[] = {0, 1, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff};
    static const uint32_t steps[] = {1, 2, 100, 0x10000, 0x7ffffffe, 0x7fffffff};
    for (unsigned i = 0; i < ARRAY_LEN(bases); i++) {
        seq a = seq_of(bases[i]);
        assert_true(seq_eq(a, a) && seq_le(a, a) && seq_ge(a, a) && !seq_lt(a, a) && !seq_gt(a, a));
        for (unsigned k = 0; k < ARRAY_LEN(steps); k++) {
            seq b = seq_add(a, steps[k]);
            assert_true(seq_lt(a, b) && seq_le(a, b) && seq_gt(b, a) && seq_ge(b, a));
            assert_false(seq_lt(b, a) || seq_le(b, a) || seq_gt(a, b) || seq_ge(a, b) || seq_eq(a, b));
            assert_int_equal(seq_diff(b, a), (int32_t)steps[k]);
            assert_int_equal(seq_diff(a, b), -(int32_t)steps[k]);
            assert_true(seq_eq(seq_max(a, b), b) && seq_eq(seq_max(b, a), b));
            assert_true(seq_eq(seq_min(a, b), a) && seq_eq(seq_min(b, a), a));
        }
    }
}

static void a_window_holds_its_first_but_not_its_end(void **state) {
    (void)state;
    seq first = seq_of(0xfffffffa);
    for (uint32_t n = 0; n < 20; n++) {
        for (uint32_t i = 0; i < 30; i++) assert_int_equal(seq_within(seq_add(first, i), first, n), i < n);
        assert_false(seq_within(seq_of(first.v - 1), first, n));
    }
}

static void a_reader_never_passes_its_end(void **state) {
    (void)state;
    static const uint8_t data[] = {1, 2, 3, 4, 5, 6, 7, 8};
    for (size_t n = 0; n <= sizeof data; n++) {
        uint8_t *p = exact_copy(data, n);
        reader r = reader_of(p, n);
        assert_int_equal(read8(&r), n >= 1 ? 1 : 0);
        assert_int_equal(read16(&r), n >= 3 ? 0x0203 : 0);
        assert_int_equal(read32(&r), n >= 7 ? 0x04050607 : 0);
        assert_int_equal(r.bad, n < 7);
        if (r.bad) { /* and stays bad, whatever is left */
            assert_int_equal(read8(&r), 0);
            assert_null(read_bytes(&r, 0));
        }
        exact_free(p, n);
    }
}

static void a_writer_never_passes_its_end(void **state) {
    (void)state;
    static const uint8_t all[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    for (size_t n = 0; n <= sizeof all; n++) {
        uint8_t *p = exact_copy(all, n);
        writer w = writer_of(p, n);
        write8(&w, 1);
        write16(&w, 0x0203);
        write32(&w, 0x04050607);
        write_bytes(&w, all + 7, 2);
        assert_int_equal(w.bad, n < 9);
        size_t whole = n >= 9 ? 9 : n >= 7 ? 7 : n >= 3 ? 3 : n >= 1 ? 1 : 0;
        assert_int_equal(writer_len(&w), whole);
        assert_memory_equal(p, all, whole);
        if (w.bad) {
            write8(&w, 0xff);
            assert_int_equal(writer_len(&w), whole);
        }
        exact_free(p, n);
    }
}

static void small_arithmetic(void **state) {
    (void)state;
    assert_int_equal(pow2_at_least(1), 1);
    for (uint32_t bit = 1; bit < 31; bit++) {
        uint32_t x = UINT32_C(1) << bit;
        assert_int_equal(pow2_at_least(x), x);
        assert_int_equal(pow2_at_least(x + 1), x * 2);
        if (x > 2) assert_int_equal(pow2_at_least(x - 1), x);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_is_modulo_2_32),
        cmocka_unit_test(a_window_holds_its_first_but_not_its_end),
        cmocka_unit_test(a_reader_never_passes_its_end),
        cmocka_unit_test(a_writer_never_passes_its_end),
        cmocka_unit_test(small_arithmetic),
    };
    return cmocka_run_group_tests_name("base: sequence numbers, bytes", tests, NULL, NULL);
}
