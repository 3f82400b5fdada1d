/* test_tcp_overlap.c - segments that claim the same bytes differently (Ptacek and Newsham 1998): the first copy of
 * each byte wins, whatever the order and the cutting, and what was delivered never changes. */
#include "draw.h"
#include "tcp_fixture.h"

enum { STREAM = 400, ROUNDS = 10000 };

static struct tcb *tcb_here(void) { return tcb_of(stack_of(fx.stack), fx.sock); }

/* Text at an offset from the first byte of the stream, every byte the same letter. */
static void take(seq first, uint32_t from, uint32_t to, uint8_t letter, uint8_t *model) {
    struct tcb *t = tcb_here();
    static struct ip_info none;
    assert_true(tcb_wake(stack_of(fx.stack), t));
    uint8_t text_of_it[STREAM];
    uint32_t delivered = (uint32_t)seq_diff(t->rcv.nxt, first);
    if (from < delivered) from = delivered; /* as the first step trims it */
    if (from >= to) return;
    memset(text_of_it, letter, sizeof text_of_it);
    struct arrival a = {.s = stack_of(fx.stack),
                        .t = t,
                        .ip = &none,
                        .seq = seq_add(first, from),
                        .text = text_of_it,
                        .len = to - from,
                        .whole = to - from};
    rcv_take(&a);
    for (uint32_t i = from; i < to; i++)
        if (!model[i]) model[i] = letter;
}

static void the_first_copy_wins(void **state) {
    (void)state;
    draw d = {20};
    to_state(TERN_ESTABLISHED, ACTIVE);
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint8_t model[STREAM] = {0}, got[STREAM];
        seq first = tcb_here()->rcv.nxt;
        for (unsigned i = 0; i < 12; i++) {
            uint32_t from = draw_below(&d, STREAM), len = 1 + draw_below(&d, 80);
            take(first, from, from + len < STREAM ? from + len : STREAM, (uint8_t)('A' + i), model);
        }
        take(first, 0, STREAM, 'z', model); /* fills what is missing, and claims all the rest again */
        assert_int_equal(tern_read(fx.stack, fx.sock, got, sizeof got), STREAM);
        assert_memory_equal(got, model, STREAM);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {ONLY4(the_first_copy_wins)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
