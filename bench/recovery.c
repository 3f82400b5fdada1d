/* recovery.c - loss, reordering, queues and changes of the path, in virtual time: what each congestion control makes
 * of them, and how long transfers take. One transfer is recovery_run.c's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "bench/recovery_run.h"

enum { RUNS_MOST = 256, MBIT = 1000000 };

static const struct {
    const char *name;
    uint32_t value;
} controls[] = {{"newreno", TERN_NEWRENO}, {"cubic", TERN_CUBIC}, {"bbr", TERN_BBR}};
enum { CONTROLS = sizeof controls / sizeof *controls };

static const struct column columns[] = {{"goodput, Mbit/s", 2},
                                        {"of what is possible, %", 1},
                                        {"sent again, %", 3},
                                        {"needlessly, %", 3},
                                        {"queue delay, ms", 2}};
enum { COLUMNS = sizeof columns / sizeof *columns };

static double percent(uint64_t part, uint64_t whole) { return whole != 0 ? 100.0 * (double)part / (double)whole : 0; }

static struct rec_result transfer(const struct rec_config *c) {
    struct rec_result r;
    if (!rec_run(c, &r)) give_up_bench("no memory for two hosts and a link");
    return r;
}

static double mbits(const struct rec_result *r) { return (double)r->total * 8e3 / (double)r->elapsed_ns; }

/* One row: the same path with several seeds. `possible` in Mbit/s; 0: the link's rate less headers. */
static void row(const struct bench *b, const char *name, struct rec_config c, double possible) {
    struct samples values[COLUMNS] = {0};
    unsigned unfinished = 0;
    if (b->only != NULL && strstr(name, b->only) == NULL) return;
    if (possible <= 0) possible = (double)c.rate_bps / MBIT * REC_PAYLOAD / 1500;
    for (unsigned i = 0; i < b->runs; i++) {
        c.seed = i + 1;
        struct rec_result r = transfer(&c);
        unfinished += !r.complete;
        samples_add(&values[0], mbits(&r));
        samples_add(&values[1], 100 * mbits(&r) / possible);
        if (r.complete) samples_add(&values[2], percent(r.resent, r.unique));
        if (r.complete) samples_add(&values[3], percent(r.spurious, r.unique));
        samples_add(&values[4], r.queue_mean_ms);
    }
    report_row(name, values);
    if (unfinished != 0)
        report_note("%s: %u of %u were not through with what was in the send buffer in the end", name, unfinished,
                    b->runs);
}

static struct rec_config path(const struct bench *b, uint32_t control, unsigned mbit, unsigned rtt_ms) {
    struct rec_config c = rec_default(1, control, (uint64_t)mbit * MBIT, rtt_ms);
    c.limit_ns = 3600ull * SIM_SECOND;
    c.duration_ns = (b->quick ? 10ull : mbit >= 1000 ? 20ull : 30ull) * SIM_SECOND;
    return c;
}

/* ---- random loss ---- */

static void random_loss(const struct bench *b, unsigned control) {
    static const unsigned rates[] = {10, 100, 1000}, rtts[] = {1, 20, 50, 100},
                          losses[] = {0, 1000, 10000, 30000, 100000};
    char title[64], name[64];
    snprintf(title, sizeof title, "random loss, %s; queue 1 BDP", controls[control].name);
    report_table("recovery", title, COLUMNS, columns);
    for (unsigned i = 0; i < sizeof rates / sizeof *rates; i++)
        for (unsigned k = 0; k < sizeof rtts / sizeof *rtts; k++)
            for (unsigned l = 0; l < sizeof losses / sizeof *losses; l++) {
                if (b->quick && (rates[i] == 10 || rtts[k] != 50 || l == 4)) continue;
                struct rec_config c = path(b, controls[control].value, rates[i], rtts[k]);
                c.loss_ppm = losses[l];
                snprintf(name, sizeof name, "%s, %u Mbit/s, %u ms, loss %g %%", controls[control].name, rates[i],
                         rtts[k], losses[l] / 1e4);
                row(b, name, c, 0);
            }
}

/* ---- other paths ---- */

static void bad_paths(const struct bench *b, unsigned control) {
    const char *cc = controls[control].name;
    struct rec_config base = path(b, controls[control].value, 100, 50), c;
    char title[96], name[96];
    snprintf(title, sizeof title, "100 Mbit/s, 50 ms, %s: bursts of loss, disorder, copies, queues, changes", cc);
    report_table("recovery", title, COLUMNS, columns);
#define ROW(possible, text, ...)                                                                                       \
    do {                                                                                                               \
        c = base;                                                                                                      \
        __VA_ARGS__;                                                                                                   \
        snprintf(name, sizeof name, "%s, %s", cc, text);                                                               \
        row(b, name, c, possible);                                                                                     \
    } while (0)
    const double full = 100.0 * REC_PAYLOAD / 1500;
    ROW(0, "bursts, 0.05 % begin, 5 long, 80 % lost", c.burst_enter_ppm = 500, c.burst_leave_ppm = 200000,
        c.burst_loss_ppm = 800000);
    ROW(0, "reordered 1 %, 5 ms late", c.reorder_ppm = 10000, c.reorder_us = 5000);
    ROW(0, "reordered 10 %, 5 ms late", c.reorder_ppm = 100000, c.reorder_us = 5000);
    ROW(0, "the same, queue without end", c.reorder_ppm = 100000, c.reorder_us = 5000, c.queue_bdp = 64);
    ROW(0, "reordered 10 %, 20 ms late", c.reorder_ppm = 100000, c.reorder_us = 20000);
    ROW(0, "copies of 1 %", c.duplicate_ppm = 10000);
    ROW(0, "ACKs lost, 10 %", c.ack_loss_ppm = 100000);
    ROW(0, "queue of 0.25 BDP", c.queue_bdp = 0.25);
    ROW(0, "queue of 1 BDP", c.queue_bdp = 1);
    ROW(0, "queue of 4 BDP", c.queue_bdp = 4);
    ROW(0, "queue of 4 BDP, marked from 5 ms on", c.queue_bdp = 4, c.mark_us = 5000);
    ROW(full * 0.6, "20 Mbit/s from the middle on", c.change_ns = c.duration_ns / 2, c.change_bps = 20 * MBIT);
    ROW(full * (1 - 3e9 / (double)c.duration_ns), "dark for 3 s", c.dark_ns = c.duration_ns / 3,
        c.dark_len_ns = 3ull * SIM_SECOND);
    ROW(full, "1 s late for 1 s", c.spike_ns = c.duration_ns / 3, c.spike_len_ns = c.spike_delay_ns = SIM_SECOND);
#undef ROW
}

/* ---- several flows ---- */

/* Jain's index: 1 when all have the same, 1/n when one has it all. */
static double fairness(const struct rec_result *r, unsigned flows) {
    double sum = 0, squares = 0;
    for (unsigned i = 0; i < flows; i++) {
        double x = (double)r->read[i];
        sum += x;
        squares += x * x;
    }
    return squares > 0 ? sum * sum / (flows * squares) : 0;
}

static void several_flows(const struct bench *b) {
    static const struct column shares[] = {
        {"goodput of all, Mbit/s", 2}, {"Jain's index", 3}, {"sent again, %", 3}, {"queue delay, ms", 2}};
    static const unsigned flows[] = {2, 8};
    report_table("recovery", "several flows, 100 Mbit/s, 20 ms, queue 1 BDP, begun half a second apart", 4, shares);
    for (unsigned k = 0; k < CONTROLS; k++)
        for (unsigned i = 0; i < 2; i++) {
            struct samples values[4] = {0};
            char name[64];
            snprintf(name, sizeof name, "%s, %u flows", controls[k].name, flows[i]);
            if (b->only != NULL && strstr(name, b->only) == NULL) continue;
            for (unsigned n = 0; n < b->runs; n++) {
                struct rec_config c = path(b, controls[k].value, 100, 20);
                c.seed = n + 1;
                c.flows = flows[i];
                c.stagger_ns = SIM_SECOND / 2;
                c.duration_ns *= 2;
                struct rec_result r = transfer(&c);
                samples_add(&values[0], mbits(&r));
                samples_add(&values[1], fairness(&r, flows[i]));
                samples_add(&values[2], percent(r.resent, r.unique));
                samples_add(&values[3], r.queue_mean_ms);
            }
            report_row(name, values);
        }
}

/* ---- how long transfers take ---- */

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void completion(const struct bench *b) {
    static const struct column times[] = {
        {"median, ms", 1}, {"99th percentile, ms", 1}, {"longest, ms", 1}, {"timeouts' segments", 0}};
    static const struct {
        const char *name;
        uint64_t bytes;
        unsigned runs, quick_runs;
    } sizes[] = {
        {"10 kB", 10000, 200, 50}, {"100 kB", 100000, 200, 50}, {"1 MB", 1000000, 100, 20}, {"10 MB", 10000000, 30, 5}};
    static const unsigned losses[] = {0, 1000, 10000, 30000};
    report_table("recovery", "time from SYN to the last byte, 100 Mbit/s, 20 ms, random loss", 4, times);
    for (unsigned k = 0; k < CONTROLS; k++)
        for (unsigned l = 0; l < 4; l++)
            for (unsigned i = 0; i < 4; i++) {
                double took[RUNS_MOST];
                struct samples values[4] = {0};
                uint64_t by_timer = 0;
                char name[64];
                snprintf(name, sizeof name, "%s, %s, loss %g %%", controls[k].name, sizes[i].name, losses[l] / 1e4);
                unsigned runs = b->quick ? sizes[i].quick_runs : sizes[i].runs;
                if (b->only != NULL && strstr(name, b->only) == NULL) continue;
                for (unsigned n = 0; n < runs; n++) {
                    struct rec_config c = path(b, controls[k].value, 100, 20);
                    c.seed = n + 1;
                    c.bytes = sizes[i].bytes;
                    c.loss_ppm = losses[l];
                    c.duration_ns = 600ull * SIM_SECOND;
                    struct rec_result r = transfer(&c);
                    took[n] = r.done_ns[0] != 0 ? (double)r.done_ns[0] / 1e6 : 1e6;
                    by_timer += r.by_rto;
                }
                qsort(took, runs, sizeof *took, ascending);
                samples_add(&values[0], took[runs / 2]);
                samples_add(&values[1], took[(runs * 99 + 99) / 100 - 1]);
                samples_add(&values[2], took[runs - 1]);
                samples_add(&values[3], (double)by_timer);
                report_row(name, values);
            }
}

void bench_recovery(const struct bench *b) {
    if (b->against_linux) {
        bench_recovery_linux(b);
        return;
    }
    if (b->pictures != NULL) {
        bench_pictures(b);
        return;
    }
    for (unsigned k = 0; k < CONTROLS; k++) random_loss(b, k);
    for (unsigned k = 0; k < CONTROLS; k++) bad_paths(b, k);
    several_flows(b);
    completion(b);
    report_note("virtual time, both ends tern, MTU 1500, timestamps; goodput includes the start; what was sent again "
                "counts until all is "
                "acknowledged");
}
