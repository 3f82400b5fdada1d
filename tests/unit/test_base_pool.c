/* test_base_pool.c - the pool against a list of what is taken, on memory that is counted and sometimes refused. */
#include "base/pool.h"
#include "core/stack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "draw.h"

static size_t mem_in_use;
static int mem_refuse; /* one in so many allocations fails; 0: none */
static draw mem_chance = {1};

/* In place of core/memory.c's. The size is kept in front, so that a wrong one is noticed when it is given back. */
void *mem_alloc(struct stack *s, size_t size) {
    assert_null(s);
    if (mem_refuse && draw_below(&mem_chance, (uint32_t)mem_refuse) == 0) return NULL;
    size_t *p = malloc(16 + size);
    *p = size;
    mem_in_use += size;
    return memset((char *)p + 16, 0xdb, size);
}
void mem_free(struct stack *s, void *p, size_t size) {
    assert_null(s);
    if (!p) return;
    size_t *start = (size_t *)(void *)((char *)p - 16);
    assert_int_equal(*start, size);
    mem_in_use -= size;
    free(start);
}

enum { LIMIT = 1000, SIZE = 24 };

typedef struct taken {
    void *object;
    uint32_t index, generation;
    uint8_t fill;
} taken;

static bool all_are(const uint8_t *p, uint8_t v) {
    for (unsigned i = 0; i < SIZE; i++) {
        if (p[i] != v) return false;
    }
    return true;
}

static void run_model(uint64_t seed, uint32_t shift, int refuse) {
    draw d = {seed};
    pool p;
    static taken live[LIMIT], old;
    unsigned n = 0, highest = 0;
    bool have_old = false;
    mem_refuse = refuse;
    pool_init(&p, SIZE, shift, LIMIT);
    for (unsigned step = 0; step < 20000; step++) {
        bool grows = (step / 4000) % 2 == 0;
        if (draw_below(&d, 4) < (grows ? 3 : 1)) {
            taken t = {.fill = (uint8_t)draw_u64(&d)};
            t.object = pool_take(&p, NULL, &t.index);
            if (!t.object) {
                assert_true(n == LIMIT || refuse);
                continue;
            }
            assert_true(n < LIMIT && t.index < p.made && pool_used(&p, t.index));
            assert_true(all_are(t.object, 0) && (uintptr_t)t.object % 8 == 0);
            assert_ptr_equal(pool_at(&p, t.index), t.object);
            t.generation = pool_generation(&p, t.index);
            if (have_old && old.index == t.index) assert_int_not_equal(old.generation, t.generation);
            memset(t.object, t.fill, SIZE);
            live[n++] = t;
            if (n > highest) highest = n;
        } else if (n) {
            unsigned i = draw_below(&d, n);
            taken t = live[i];
            assert_ptr_equal(pool_find(&p, t.index, t.generation), t.object);
            assert_true(all_are(t.object, t.fill)); /* nobody else wrote there, and it did not move */
            pool_give(&p, t.index);
            assert_false(pool_used(&p, t.index));
            assert_null(pool_find(&p, t.index, t.generation));
            assert_null(pool_find(&p, t.index, pool_generation(&p, t.index)));
            old = t;
            have_old = true;
            live[i] = live[--n];
        }
        if (have_old) assert_null(pool_find(&p, old.index, old.generation));
        assert_int_equal(p.used, n);
    }
    assert_int_equal(p.made, highest); /* slots are used again before new ones are made */
    unsigned used = 0;
    for (uint32_t i = 0; i < p.made; i++) used += pool_used(&p, i);
    assert_int_equal(used, n);
    pool_free(&p, NULL);
    assert_int_equal(mem_in_use, 0);
}

static void the_pool_does_what_a_list_does(void **state) {
    (void)state;
    for (uint32_t shift = 0; shift <= POOL_CHUNK_SHIFT_MAX; shift++) run_model(shift, shift, 0);
}

static void refused_memory_breaks_nothing(void **state) {
    (void)state;
    for (uint32_t shift = 0; shift <= POOL_CHUNK_SHIFT_MAX; shift++) run_model(100 + shift, shift, 2);
}

static void any_index_and_generation_is_safe(void **state) {
    (void)state;
    pool p;
    uint32_t index;
    mem_refuse = 0;
    pool_init(&p, 8, 2, 10);
    assert_null(pool_find(&p, 0, 1));
    assert_non_null(pool_take(&p, NULL, &index));
    for (uint32_t i = 0; i < 100; i++) {
        for (uint32_t g = 0; g < 4; g++)
            assert_int_equal(pool_find(&p, i, g) != NULL, i == index && g == pool_generation(&p, i));
    }
    assert_null(pool_find(&p, UINT32_MAX, 1));
    assert_false(pool_used(&p, UINT32_MAX));
    pool_free(&p, NULL);
    assert_int_equal(mem_in_use, 0);
    pool_free(&p, NULL); /* and once more does no harm */
}

static void the_newest_free_slot_comes_first(void **state) {
    (void)state;
    pool p;
    uint32_t a, b, c, again;
    pool_init(&p, 8, 3, 3);
    pool_take(&p, NULL, &a);
    pool_take(&p, NULL, &b);
    pool_take(&p, NULL, &c);
    assert_null(pool_take(&p, NULL, &again)); /* the limit */
    pool_give(&p, a);
    pool_give(&p, c);
    pool_take(&p, NULL, &again);
    assert_int_equal(again, c);
    pool_take(&p, NULL, &again);
    assert_int_equal(again, a);
    pool_free(&p, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_pool_does_what_a_list_does),
        cmocka_unit_test(refused_memory_breaks_nothing),
        cmocka_unit_test(any_index_and_generation_is_safe),
        cmocka_unit_test(the_newest_free_slot_comes_first),
    };
    return cmocka_run_group_tests_name("base: pool", tests, NULL, NULL);
}
