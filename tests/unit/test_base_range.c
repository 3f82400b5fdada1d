/* test_base_range.c - the set of ranges against a map of bytes, and the ring against the sequence it stands for. */
#include "base/range.h"
#include "base/ring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "draw.h"

enum { SPAN = 400, CAP = 12 };

typedef struct model {
    bool has[SPAN + 1]; /* one more, always false: ends every run */
    range at[CAP];
    range_set set;
    seq base;
} model;

static unsigned runs(const bool *has) {
    unsigned n = 0;
    for (unsigned i = 0; i < SPAN; i++) n += has[i] && !has[i + 1];
    return n;
}

static void check_same(const model *m) {
    unsigned n = 0;
    for (unsigned i = 0; i < SPAN; i++) {
        unsigned at = range_find(&m->set, seq_add(m->base, i));
        assert_int_equal(at < m->set.count && seq_le(m->set.at[at].left, seq_add(m->base, i)), m->has[i]);
        if (m->has[i] && (i == 0 || !m->has[i - 1])) assert_true(seq_eq(m->set.at[n].left, seq_add(m->base, i)));
        if (m->has[i] && !m->has[i + 1]) assert_true(seq_eq(m->set.at[n++].right, seq_add(m->base, i + 1)));
    }
    assert_int_equal(m->set.count, n);
}

static void model_add(model *m, draw *d, unsigned longest) {
    unsigned left = draw_below(d, SPAN - 1), right = left + 1 + draw_below(d, min_u32(longest, SPAN - left));
    bool after[SPAN + 1];
    memcpy(after, m->has, sizeof after);
    for (unsigned i = left; i < right; i++) after[i] = true;
    enum range_result expected = RANGE_ADDED;
    if (memcmp(after, m->has, sizeof after) == 0)
        expected = RANGE_KNOWN;
    else if (runs(after) > CAP)
        expected = RANGE_FULL;
    else
        memcpy(m->has, after, sizeof after);
    unsigned touched = CAP;
    assert_int_equal(
        range_add(&m->set, seq_add(m->base, left), seq_add(m->base, right), draw_bool(d) ? &touched : NULL), expected);
    if (touched == CAP) return;
    assert_int_not_equal(expected, RANGE_FULL);
    assert_true(seq_le(m->set.at[touched].left, seq_add(m->base, left)));
    assert_true(seq_ge(m->set.at[touched].right, seq_add(m->base, right)));
}

static void model_take(model *m, unsigned at) {
    unsigned end = at;
    while (m->has[end]) end++;
    seq right = range_take(&m->set, seq_add(m->base, at));
    assert_true(seq_eq(right, seq_add(m->base, end)));
    for (unsigned i = 0; i < end; i++) m->has[i] = false;
}

static void ranges_do_what_a_map_does(void **state) {
    (void)state;
    draw d = {2018};
    for (unsigned round = 0; round < 300; round++) {
        model m = {.base = seq_of(round % 2 ? (uint32_t)draw_u64(&d) : UINT32_MAX - draw_below(&d, SPAN))};
        m.set = (range_set){m.at, 0, CAP};
        unsigned longest = 1 + draw_below(&d, 60);
        for (unsigned step = 0; step < 100; step++) {
            unsigned what = draw_below(&d, 40);
            if (what == 0)
                model_take(&m, draw_below(&d, SPAN));
            else
                model_add(&m, &d, longest);
            check_same(&m);
        }
    }
}

static void touching_ranges_are_one(void **state) {
    (void)state;
    range at[2];
    range_set s = {at, 0, 2};
    seq x = seq_of(0xfffffffe);
    unsigned touched;
    assert_int_equal(range_add(&s, x, seq_add(x, 2), &touched), RANGE_ADDED);
    assert_int_equal(range_add(&s, seq_add(x, 4), seq_add(x, 6), &touched), RANGE_ADDED);
    assert_int_equal(touched, 1);
    assert_int_equal(range_add(&s, seq_add(x, 8), seq_add(x, 9), &touched), RANGE_FULL);
    assert_int_equal(s.count, 2);
    assert_int_equal(range_add(&s, seq_add(x, 2), seq_add(x, 4), &touched),
                     RANGE_ADDED); /* fills the hole though full */
    assert_int_equal(touched, 0);
    assert_int_equal(s.count, 1);
    assert_true(seq_eq(s.at[0].left, x) && seq_eq(s.at[0].right, seq_add(x, 6)));
    assert_true(seq_eq(range_take(&s, seq_of(x.v - 1)), seq_of(x.v - 1)));
    assert_true(seq_eq(range_take(&s, x), seq_add(x, 6)));
    assert_int_equal(s.count, 0);
}

/* Bytes written in any order, also in a ring of another size, come out as the sequence says. */
static void the_ring_keeps_bytes_in_their_places(void **state) {
    (void)state;
    draw d = {9293};
    for (int round = 0; round < 2000; round++) {
        uint32_t size = 1u << draw_below(&d, 10), other_size = size << draw_below(&d, 3),
                 len = draw_below(&d, size + 1);
        seq base = seq_of(UINT32_MAX - draw_below(&d, 2 * size));
        ring r = {.at = malloc(size), .size = size}, other = {.at = malloc(other_size), .size = other_size};
        uint8_t *bytes = malloc(size + 1), *out = malloc(size + 1);
        draw_bytes(&d, bytes, len);
        uint32_t cut = draw_below(&d, len + 1);
        ring_write(checksum_ops_best(), &r, seq_add(base, cut), bytes + cut, len - cut);
        ring_write(checksum_ops_best(), &r, base, bytes, cut);
        ring_read(checksum_ops_best(), &r, base, out, len);
        assert_memory_equal(out, bytes, len);
        for (uint32_t i = 0; i < len; i++) assert_int_equal(r.at[(base.v + i) % size], bytes[i]);
        ring_move(checksum_ops_best(), &r, &other, base, len);
        memset(out, 0, len);
        ring_read(checksum_ops_best(), &other, seq_add(base, cut), out + cut, len - cut);
        ring_read(checksum_ops_best(), &other, base, out, cut);
        assert_memory_equal(out, bytes, len);
        free(r.at);
        free(other.at);
        free(bytes);
        free(out);
    }
}

static void an_empty_ring_holds_nothing(void **state) {
    (void)state;
    ring r = {.at = NULL};
    uint8_t *ptr[2];
    uint32_t lens[2];
    assert_int_equal(ring_view(&r, seq_of(5), 0, ptr, lens), 0);
    ring_write(checksum_ops_best(), &r, seq_of(5), NULL, 0);
    ring_read(checksum_ops_best(), &r, seq_of(5), NULL, 0);
    ring_move(checksum_ops_best(), &r, &r, seq_of(5), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_do_what_a_map_does),
        cmocka_unit_test(touching_ranges_are_one),
        cmocka_unit_test(the_ring_keeps_bytes_in_their_places),
        cmocka_unit_test(an_empty_ring_holds_nothing),
    };
    return cmocka_run_group_tests_name("base: ranges, ring", tests, NULL, NULL);
}
