/* test_play_memory.c - every scenario of the catalogue again and again, with the first, the second ... allocation of its hosts
 * refused, once and from then on: nothing crashes, nothing is left, and a run that cannot be played says why. What the
 * scenario expects may then not come about. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "play/player.h"

struct heap {
    uint64_t calls, fail_at, refused, live;
    bool from_then_on;
};

static void *take(void *ctx, size_t size) {
    struct heap *h = ctx;
    uint64_t n = ++h->calls;
    if (h->fail_at && (n == h->fail_at || (h->from_then_on && n > h->fail_at))) {
        h->refused++;
        return NULL;
    }
    h->live += size;
    return malloc(size);
}

static void give(void *ctx, void *p, size_t size) {
    struct heap *h = ctx;
    h->live -= size;
    free(p);
}

/* The number of allocations. */
static uint64_t once(const struct scenario *s, const char *file, unsigned k, struct heap *h) {
    struct play_error err = {{0}};
    struct play_result *r = malloc(sizeof *r);
    tern_allocator memory = {take, give, h};
    assert_non_null(r);
    int result = play_with(s, file, k, &memory, r, &err);
    if (result == 0) play_result_free(r);
    free(r);
    if (h->live != 0)
        fail_msg("%s, run %u: %llu bytes left after allocation %llu failed", file, k, (unsigned long long)h->live,
                 (unsigned long long)h->fail_at);
    if (result != 0 && (h->refused == 0 || err.text[0] == 0))
        fail_msg("%s, run %u, allocation %llu: '%s'", file, k, (unsigned long long)h->fail_at, err.text);
    return h->calls;
}

static void each_allocation(bool from_then_on) {
    const char *scale = getenv("TERN_TEST_SCALE");
    uint64_t stride = scale && strcmp(scale, "small") == 0 ? 5 : 1;
    unsigned runs = 0, refused = 0;
    for (size_t i = 0; i < catalogue_scenarios_count; i++) {
        const struct catalogue_scenario *c = &catalogue_scenarios[i];
        struct scenario *s;
        struct play_error err;
        assert_int_equal(scenario_read(c->file, c->name, c->text, c->len, &s, &err), 0);
        for (unsigned k = 0; k < s->takes; k++) {
            struct heap whole = {0};
            uint64_t last = once(s, c->file, k, &whole);
            for (uint64_t n = 1; n <= last; n += stride) {
                struct heap h = {.fail_at = n, .from_then_on = from_then_on};
                once(s, c->file, k, &h);
                runs++;
                refused += h.refused > 0;
            }
        }
        scenario_free(s);
    }
    print_message("%u runs, in %u of them memory was refused\n", runs, refused);
    assert_true(refused > 500);
}

static void fails_once(void **state) {
    (void)state;
    each_allocation(false);
}
static void fails_from_then_on(void **state) {
    (void)state;
    each_allocation(true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fails_once),
        cmocka_unit_test(fails_from_then_on),
    };
    return cmocka_run_group_tests_name("play memory", tests, NULL, NULL);
}
