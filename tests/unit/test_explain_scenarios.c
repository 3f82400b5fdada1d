/* test_explain_scenarios.c - every scenario of the catalogue, captured at A alone, at B alone and in between, through
 * the whole of explain: what is said of the states, against what they were. It may not know; it may never be wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "explain/decode.h"
#include "explain_sim.h"
#include "play/player.h"

struct watching {
    const struct crossings *c;
    const struct glimpse *g;
    struct score score;
    const char *name;
    uint64_t wrong_at; /* the number of the packet, 0: none */
};

static void seen(void *ctx, struct explain_flow *flow, const struct flow_packet *p, const struct sight *look,
                 const struct passive_view *view) {
    struct watching *w = ctx;
    const struct crossing *x = &w->c->at[w->g[p->number - 1].which];
    (void)look;
    if (view == NULL || flow->self) return;
    bool right = score_statement(&w->score, "sender", &view->after[p->from], x->left_state);
    if (x->arrived && !score_statement(&w->score, "receiver", &view->after[!p->from], x->arrived_state)) right = false;
    if (!right && w->wrong_at == 0) w->wrong_at = p->number;
}

static void print_upto(const struct watching *w, size_t n) {
    for (size_t i = 0; i < n && i < w->wrong_at; i++) {
        struct flow_packet p;
        char flags[40];
        const struct crossing *x = &w->c->at[w->g[i].which];
        if (w->wrong_at - i > 40 || !crossing_packet(x, 0, i + 1, &p)) continue;
        printf("%3zu %10.3f ms %c %s:%u seq %u ack %u len %u  %s -> %s\n", i, (double)w->g[i].time_ns / 1e6,
               "AB"[x->from], flags_text(p.tcp.flags, flags), p.tcp.src_port, p.tcp.seq_no.v, p.tcp.ack_no.v, p.len,
               x->left_state < 0 ? "?" : tern_state_name((enum tern_state)x->left_state),
               !x->arrived            ? "lost"
               : x->arrived_state < 0 ? "?"
                                      : tern_state_name((enum tern_state)x->arrived_state));
    }
}

/* `where`: a side, or 2: between. */
static void explain(const struct crossings *c, int where, bool said, const char *name, struct score *all) {
    static const ip_addr hosts[2] = {{.b = {[10] = 0xff, 0xff, 10, 0, 0, 1}}, {.b = {[10] = 0xff, 0xff, 10, 0, 0, 2}}};
    struct explain_machine m;
    struct watching w = {.c = c, .name = name};
    struct decoder dec;
    struct decoded d;
    size_t n;
    struct glimpse *g = crossings_seen(c, where, &n);
    w.g = g;
    struct explain_options o = {.seen = seen, .ctx = &w, .at_host = said && where < 2};
    if (o.at_host) o.host = hosts[where];
    machine_init(&m, &o);
    struct flow_table *table = flow_table_new(&m.ops, 100000, 3600 * SEC_NS);
    assert_non_null(table);
    decoder_init(&dec);
    for (size_t i = 0; i < n; i++) {
        const struct crossing *x = &c->at[g[i].which];
        struct capture_packet p = {.number = i + 1,
                                   .time_ns = g[i].time_ns,
                                   .data = x->bytes,
                                   .captured = x->len,
                                   .wire = x->len,
                                   .linktype = 101,
                                   .timed = true};
        if (decode(&dec, &p, &d) == DECODE_TCP) flow_table_packet(table, &d);
    }
    flow_table_end(table);
    flow_table_free(table);
    decoder_free(&dec);
    if (w.wrong_at != 0) {
        print_upto(&w, n);
        printf("%s, %s%s: wrong at packet %llu\n", name,
               where == 0   ? "at A"
               : where == 1 ? "at B"
                            : "between",
               said ? "" : ", not told", (unsigned long long)w.wrong_at - 1);
    }
    free(g);
    all->certain += w.score.certain;
    all->likely += w.score.likely;
    all->missed += w.score.missed;
    all->undecided += w.score.undecided;
    all->wrong += w.score.wrong;
}

static void observe(const struct tape *tape, struct crossings *c) {
    struct observer o;
    observer_start(&o, c);
    o.segments = true;
    for (size_t i = 0; i < tape->n; i++) {
        const struct tape_entry *e = &tape->entry[i];
        if (e->kind == TAPE_RECORD) {
            tern_trace r = e->record;
            r.packet = e->bytes;
            r.packet_len = e->len;
            observer_record(&o, e->end, &r);
        }
        if (e->kind == TAPE_STATE) observer_state(&o, e->end, &e->record.flow, e->record.state);
        if (e->kind == TAPE_LOST) observer_lost(&o, e->end, e->bytes, e->len);
        if (e->kind == TAPE_FOREIGN) observer_foreign(&o, e->end, e->time_ns, e->bytes, e->len);
    }
    observer_stop(&o);
}

static void every_scenario(void **state) {
    (void)state;
    static const struct {
        const char *name;
        int where;
        bool said;
    } kinds[] = {{"at A", 0, true}, {"at B", 1, true}, {"between", 2, false}, {"at A, not told", 0, false}};
    struct score score[4] = {{0}};
    unsigned takes = 0, broken = 0;
    for (size_t i = 0; i < catalogue_scenarios_count; i++) {
        const struct catalogue_scenario *c = &catalogue_scenarios[i];
        struct scenario *s;
        struct play_error err;
        assert_int_equal(scenario_read(c->file, c->name, c->text, c->len, &s, &err), 0);
        for (unsigned k = 0; k < s->takes; k++) {
            struct play_result *r = malloc(sizeof *r);
            struct crossings crossed;
            char name[128];
            assert_non_null(r);
            if (s->take[k].host[0].alter != 0 || s->take[k].host[1].alter != 0) { /* rules of TCP are broken there */
                broken++;
                free(r);
                continue;
            }
            assert_int_equal(play(s, c->file, k, r, &err), 0);
            observe(&r->tape, &crossed);
            snprintf(name, sizeof name, "%s %s", s->name, s->take[k].name);
            for (unsigned w = 0; w < 4; w++) explain(&crossed, kinds[w].where, kinds[w].said, name, &score[w]);
            crossings_free(&crossed);
            play_result_free(r);
            free(r);
            takes++;
        }
        scenario_free(s);
    }
    printf("%u runs of scenarios; %u left out, which break rules of TCP\n", takes, broken);
    for (unsigned w = 0; w < 4; w++) score_print(kinds[w].name, &score[w]);
    for (unsigned w = 0; w < 4; w++) assert_int_equal(score[w].wrong, 0);
    assert_true(takes > 60);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_scenario)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
