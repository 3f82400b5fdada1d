/* test_base_table.c - the hash table against a plain list of what is in it, with hashes that collide and wrap. */
#include "base/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "draw.h"

enum { REFS = 300 };

typedef struct model {
    table t;
    uint32_t hash[REFS + 1]; /* of each ref */
    bool in[REFS + 1];
} model;

/* Every ref that is in can be found under its hash, and nothing else can. */
static void check_same(const model *m, uint32_t hash) {
    bool found[REFS + 1] = {false};
    uint32_t i = table_first(&m->t, hash);
    for (uint32_t ref = table_probe(&m->t, hash, &i); ref; ref = table_probe_next(&m->t, hash, &i)) {
        assert_true(ref <= REFS && m->in[ref] && m->hash[ref] == hash && !found[ref]);
        assert_int_equal(m->t.at[i].ref, ref);
        found[ref] = true;
    }
    for (unsigned ref = 1; ref <= REFS; ref++) assert_int_equal(found[ref], m->in[ref] && m->hash[ref] == hash);
}

static void make_room(model *m) {
    if (!table_wants_room(&m->t)) return;
    uint32_t size = m->t.size * 2;
    table_entry *memory = malloc(size * sizeof *memory);
    memset(memory, 0xee, size * sizeof *memory);
    free(table_grow(&m->t, memory, size));
    assert_int_equal(m->t.size, size);
}

/* Few different hashes, many of which have their home at the end of the table. */
static uint32_t draw_hash(draw *d, uint32_t kinds) { return (draw_below(d, kinds) * 0x01000001u) - kinds / 2; }

static void run_model(uint64_t seed, uint32_t kinds) {
    draw d = {seed};
    model *m = calloc(1, sizeof *m);
    assert_null(table_grow(&m->t, malloc(4 * sizeof(table_entry)), 4));
    unsigned used = 0;
    for (unsigned step = 0; step < 3000; step++) {
        unsigned ref = 1 + draw_below(&d, REFS), to = 1 + draw_below(&d, REFS);
        if (!m->in[ref]) {
            make_room(m);
            m->hash[ref] = draw_hash(&d, kinds);
            assert_false(table_remove(&m->t, m->hash[ref], ref));
            assert_false(table_replace(&m->t, m->hash[ref], ref, ref));
            table_insert(&m->t, m->hash[ref], ref);
            m->in[ref] = true;
            used++;
        } else if (draw_below(&d, 4) == 0 && !m->in[to]) {
            assert_true(table_replace(&m->t, m->hash[ref], ref, to));
            m->hash[to] = m->hash[ref];
            m->in[to] = true;
            m->in[ref] = false;
        } else {
            assert_false(table_remove(&m->t, m->hash[ref] + 1, ref));
            assert_true(table_remove(&m->t, m->hash[ref], ref));
            m->in[ref] = false;
            used--;
        }
        assert_int_equal(m->t.used, used);
        check_same(m, m->hash[ref]);
        check_same(m, draw_hash(&d, kinds));
    }
    for (unsigned ref = 1; ref <= REFS; ref++) {
        check_same(m, m->hash[ref]);
        if (m->in[ref]) assert_true(table_remove(&m->t, m->hash[ref], ref));
        m->in[ref] = false;
    }
    for (uint32_t i = 0; i < m->t.size; i++) assert_int_equal(m->t.at[i].ref, 0); /* no tombstones */
    free(m->t.at);
    free(m);
}

static void the_table_does_what_a_list_does(void **state) {
    (void)state;
    static const uint32_t kinds[] = {1, 2, 7, 40, 1000, 100000};
    for (unsigned k = 0; k < ARRAY_LEN(kinds); k++) {
        for (uint64_t seed = 0; seed < 5; seed++) run_model(seed, kinds[k]);
    }
}

static void a_table_without_memory_is_empty(void **state) {
    (void)state;
    table t = {NULL, 0, 0};
    assert_true(table_wants_room(&t));
    assert_false(table_remove(&t, 1, 1));
    assert_false(table_replace(&t, 1, 1, 2));
}

static void it_asks_for_room_before_three_quarters(void **state) {
    (void)state;
    table t = {NULL, 0, 0};
    table_entry memory[16];
    table_grow(&t, memory, 16);
    for (uint32_t ref = 1; ref <= 12; ref++) {
        assert_false(table_wants_room(&t));
        table_insert(&t, 7, ref);
    }
    assert_true(table_wants_room(&t));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_does_what_a_list_does),
        cmocka_unit_test(a_table_without_memory_is_empty),
        cmocka_unit_test(it_asks_for_room_before_three_quarters),
    };
    return cmocka_run_group_tests_name("base: hash table", tests, NULL, NULL);
}
