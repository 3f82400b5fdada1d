/* pictures.c - recovery in pictures: goodput against loss, window and round trip over time, and what was sent when with
 * the repetitions by their reason. The transfers are recovery_run.c's, in virtual time. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "bench/bench.h"
#include "bench/plot.h"
#include "bench/recovery_run.h"

enum { CONTROLS = 3, LOSSES = 5, MBIT = 1000000, SEEDS = 5 };

static const char *const names[CONTROLS] = {"newreno", "cubic", "bbr"};
static const uint32_t values[CONTROLS] = {TERN_NEWRENO, TERN_CUBIC, TERN_BBR};
static const char *const colours[CONTROLS] = {"#4c78a8", "#54a24b", "#e45756"};

static void write_to(const struct bench *b, const char *name, const struct plot *p) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s.svg", b->pictures, name);
    if (!plot_write(p, path)) give_up_bench("cannot write %s: %s", path, strerror(errno));
    report_note("%s", path);
}

static struct rec_result transfer(const struct rec_config *c) {
    struct rec_result r;
    if (!rec_run(c, &r)) give_up_bench("no memory for two hosts and a link");
    return r;
}

static void goodput_against_loss(const struct bench *b) {
    static const uint32_t losses[LOSSES] = {0, 1000, 10000, 30000, 100000};
    static const char *const ticks[LOSSES] = {"0 %", "0.1 %", "1 %", "3 %", "10 %"};
    struct series lines[CONTROLS] = {0};
    for (unsigned k = 0; k < CONTROLS; k++) {
        lines[k] = (struct series){.name = names[k], .colour = colours[k]};
        for (unsigned l = 0; l < LOSSES; l++) {
            struct samples s = {0};
            for (uint64_t seed = 1; seed <= SEEDS; seed++) {
                struct rec_config c = rec_default(seed, values[k], 100 * MBIT, 50);
                c.loss_ppm = losses[l];
                struct rec_result r = transfer(&c);
                samples_add(&s, (double)r.total * 8e3 / (double)r.elapsed_ns);
            }
            series_add(&lines[k], l, samples_median(&s));
        }
    }
    struct plot p = {.title = "Goodput against random loss: 100 Mbit/s, 50 ms, 20 s, median of five",
                     .x_name = "packets lost",
                     .y_name = "Mbit/s",
                     .x_ticks = ticks,
                     .x_most = LOSSES - 1,
                     .y_most = 100,
                     .series = lines,
                     .count = CONTROLS};
    write_to(b, "goodput-loss", &p);
    for (unsigned k = 0; k < CONTROLS; k++) series_free(&lines[k]);
}

/* ---- one transfer over time ---- */

enum { CWND, FLIGHT, RTT, OVER_TIME };
enum { FRESH, BY_RACK, BY_PROBE, BY_TIMER, ACKED, SEQUENCE };

struct watch {
    struct series over_time[OVER_TIME], sequence[SEQUENCE];
    uint64_t start_ns;
    uint32_t iss;
    double most_kb, most_ms, most_mb, beginning;
};

static unsigned kind_of(const char *reason) {
    if (strcmp(reason, "REXMIT_RTO") == 0) return BY_TIMER;
    if (strstr(reason, "TLP") != NULL) return BY_PROBE;
    return strncmp(reason, "REXMIT", 6) == 0 ? BY_RACK : FRESH;
}

static void keep_most(double *most, double value) {
    if (value > *most) *most = value;
}

static void watch(void *ctx, const tern_trace *t) {
    struct watch *w = ctx;
    if (w->start_ns == 0) w->start_ns = t->time_ns;
    if (w->iss == 0) w->iss = t->tcb.iss;
    double s = (double)(t->time_ns - w->start_ns) / 1e9;
    if (t->kind == TERN_TRACE_WINDOW) {
        double flight = (t->tcb.snd_nxt - t->tcb.snd_una) / 1e3, cwnd = t->tcb.cwnd / 1e3, ms = t->tcb.srtt_us / 1e3;
        double acked = (t->tcb.snd_una - w->iss) / 1e6;
        series_add(&w->over_time[CWND], s, cwnd);
        series_add(&w->over_time[FLIGHT], s, flight);
        series_add(&w->over_time[RTT], s, ms);
        series_add(&w->sequence[ACKED], s, acked);
        keep_most(&w->most_kb, cwnd > flight ? cwnd : flight);
        keep_most(&w->most_ms, ms);
    } else if (t->kind == TERN_TRACE_SEGMENT_OUT && t->seg.len != 0) {
        double mb = (t->seg.seq - w->iss) / 1e6;
        series_add(&w->sequence[kind_of(tern_reason_name(t->reason))], s, mb);
        if (s <= w->beginning) keep_most(&w->most_mb, mb);
    }
}

/* A tenth more than what is there, so that nothing touches the frame. */
static void picture(const struct bench *b, const char *file, const char *cc, struct plot p) {
    char name[64];
    p.y_most *= 1.1;
    snprintf(name, sizeof name, "%s-%s", file, cc);
    write_to(b, name, &p);
}

static void over_time(const struct bench *b, unsigned k) {
    static const double seconds = 6, beginning = 1.5;
    struct watch w = {.over_time = {{.name = "congestion window, kB", .colour = "#4c78a8"},
                                    {.name = "outstanding, kB", .colour = "#f58518"},
                                    {.name = "round trip, ms", .colour = "#54a24b"}},
                      .sequence = {{.name = "sent", .colour = "#9aa5b1", .style = PLOT_DOTS},
                                   {.name = "again: shown lost (RACK)", .colour = "#e45756", .style = PLOT_DOTS},
                                   {.name = "tail loss probe", .colour = "#f58518", .style = PLOT_DOTS},
                                   {.name = "again: timer", .colour = "#7a3fb0", .style = PLOT_DOTS},
                                   {.name = "acknowledged", .colour = "#54a24b"}},
                      .beginning = beginning};
    char title[96];
    struct rec_config c = rec_default(1, values[k], 10 * MBIT, 40);
    c.duration_ns = (uint64_t)(seconds * 1e9);
    c.loss_ppm = 3000;
    c.limit_ns = 1;
    c.watch = watch;
    c.watch_ctx = &w;
    transfer(&c);
    snprintf(title, sizeof title, "%s: 10 Mbit/s, 40 ms, queue 1 BDP, loss 0.3 %%", names[k]);
    picture(b, "window", names[k],
            (struct plot){title, "seconds", "kB, ms", NULL, seconds, w.most_kb > w.most_ms ? w.most_kb : w.most_ms,
                          w.over_time, OVER_TIME});
    picture(b, "sequence", names[k],
            (struct plot){title, "seconds", "sequence number, MB", NULL, beginning, w.most_mb, w.sequence, SEQUENCE});
    for (unsigned i = 0; i < OVER_TIME; i++) series_free(&w.over_time[i]);
    for (unsigned i = 0; i < SEQUENCE; i++) series_free(&w.sequence[i]);
}

void bench_pictures(const struct bench *b) {
    static const struct column none[] = {{"", 0}};
    if (mkdir(b->pictures, 0777) < 0 && errno != EEXIST)
        give_up_bench("cannot make %s: %s", b->pictures, strerror(errno));
    report_table("recovery", "pictures", 0, none);
    goodput_against_loss(b);
    for (unsigned k = 0; k < CONTROLS; k++) over_time(b, k);
}
