/* recovery_linux.c - the same bad paths for Linux and for tern, side by side by the clock of the kernel below, their runs
 * in turns: two senders on every path, on some all four pairs. The path is wire.c's; both ends tern is recovery.c's. */
#include <stdio.h>
#include <string.h>

#include "bench/bench.h"
#include "bench/wire.h"
#include "tern.h"

enum { PAIRS = 4, MBIT = 1000000, VALUES = 3 };

static const struct {
    const char *name;
    enum wire_end sender, receiver;
} pairs[PAIRS] = {{"Linux to Linux", WIRE_LINUX, WIRE_LINUX},
                  {"tern to Linux", WIRE_TERN, WIRE_LINUX},
                  {"Linux to tern", WIRE_LINUX, WIRE_TERN},
                  {"tern to tern", WIRE_TERN, WIRE_TERN}};

static const struct {
    const char *name, *linux_name;
    uint32_t value;
} controls[] = {{"reno", "reno", TERN_NEWRENO}, {"cubic", "cubic", TERN_CUBIC}, {"bbr", "bbr", TERN_BBR}};
enum { CONTROLS = sizeof controls / sizeof *controls };

static const struct {
    unsigned mbit;
    const char *name;
} rates[] = {{10, "10 Mbit/s"}, {100, "100 Mbit/s"}, {1000, "1 Gbit/s"}};
static const unsigned rtts[] = {20, 50, 100};
enum { RATES = sizeof rates / sizeof *rates, RTTS = sizeof rtts / sizeof *rtts };

/* What is wrong with a path, in parts per million. */
static const struct spoil {
    const char *name;
    unsigned loss, burst, reorder;
    double queue_bdp;
    bool every_rtt; /* else at 50 ms only */
} spoils[] = {
    {"", 0, 0, 0, 1, true},
    {", loss 0.1 %", 1000, 0, 0, 1, true},
    {", loss 1 %", 10000, 0, 0, 1, true},
    {", loss 3 %", 30000, 0, 0, 1, true},
    {", bursts of loss", 0, 500, 0, 1, false},
    {", reordered 1 %, 5 ms", 0, 0, 10000, 1, false},
    {", reordered 10 %, 5 ms", 0, 0, 100000, 1, false},
    {", queue 0.25 BDP", 0, 0, 0, 0.25, false},
    {", queue 4 BDP", 0, 0, 0, 4, false},
};
enum { SPOILS = sizeof spoils / sizeof *spoils };

struct cell {
    unsigned rate, rtt, spoil, control;
};

static const struct column columns[] = {
    {"goodput, Mbit/s", 2}, {"sent again, %", 3}, {"queue delay, ms", 2}, {"of Linux to Linux", 2}};
enum { COLUMNS = sizeof columns / sizeof *columns };

static const struct column beside[] = {
    {"Linux, Mbit/s", 2}, {"tern, Mbit/s", 2}, {"tern to Linux", 2}, {"Linux again, %", 3}, {"tern again, %", 3}};

static struct wire_case case_of(const struct cell *at, unsigned pair, unsigned seed, double seconds) {
    const struct spoil *spoil = &spoils[at->spoil];
    uint64_t delay = (uint64_t)rtts[at->rtt] * 500000, rate = (uint64_t)rates[at->rate].mbit * MBIT;
    double queue = (double)rate / 8 * rtts[at->rtt] / 1000 * spoil->queue_bdp;
    struct wire_case c = {.sender = pairs[pair].sender,
                          .receiver = pairs[pair].receiver,
                          .congestion = controls[at->control].linux_name,
                          .tern_congestion = controls[at->control].value,
                          .duration_ns = (uint64_t)(seconds * 1e9)};
    c.path[0] = (struct memlink_path){.seed = seed,
                                      .rate_bps = rate,
                                      .delay_ns = delay,
                                      .queue_bytes = (uint32_t)(queue < 15000 ? 15000 : queue),
                                      .loss_ppm = spoil->loss,
                                      .burst_enter_ppm = spoil->burst,
                                      .burst_leave_ppm = 200000,
                                      .burst_loss_ppm = 800000,
                                      .reorder_ppm = spoil->reorder,
                                      .reorder_ns = 5000000,
                                      .mtu = 1500,
                                      .packets_max = 1u << 17};
    c.path[1] = (struct memlink_path){.seed = seed + 1000, .delay_ns = delay, .mtu = 1500, .packets_max = 1u << 17};
    return c;
}

/* One transfer; what it gave is added to out, VALUES of them. False: it cannot be measured here, and why has been said. */
static bool transfer(const struct cell *at, unsigned pair, unsigned seed, double seconds, struct samples *out) {
    struct wire_case c = case_of(at, pair, seed, seconds);
    struct apart r;
    apart_run(wire_run, &c, &r);
    if (!r.ok) {
        report_note("not measured: %s", r.text);
        return false;
    }
    for (unsigned k = 0; k < VALUES; k++) samples_add(&out[k], r.value[k]);
    return true;
}

static double lasts(const struct bench *b, bool briefly) { return b->seconds > 0 ? b->seconds : briefly ? 6 : 10; }

/* A table of all four pairs. */
static bool four(const struct bench *b, const struct cell *at) {
    struct samples out[PAIRS][COLUMNS] = {0};
    for (unsigned run = 0; run < b->runs; run++)
        for (unsigned pair = 0; pair < PAIRS; pair++)
            if (!transfer(at, pair, run + 1, lasts(b, b->quick), out[pair])) return false;
    for (unsigned pair = 0; pair < PAIRS; pair++) {
        double yardstick = samples_median(&out[0][WIRE_GOODPUT]);
        if (pair > 0 && yardstick > 0)
            samples_add(&out[pair][VALUES], samples_median(&out[pair][WIRE_GOODPUT]) / yardstick);
        report_row(pairs[pair].name, out[pair]);
    }
    return true;
}

static void path_name(const struct cell *at, char *name, size_t size) {
    snprintf(name, size, "%s, %u ms%s", rates[at->rate].name, rtts[at->rtt], spoils[at->spoil].name);
}

static bool wanted(const struct bench *b, const char *title) {
    return b->only == NULL || strstr(title, b->only) != NULL;
}

/* ---- two senders to Linux, on every path ---- */

struct tally {
    unsigned cells, equal, low;
    double least;
};

static bool two(const struct bench *b, const char *title, const struct cell *at, struct tally *t) {
    struct samples out[2][VALUES] = {0}, row[5] = {0};
    double seconds = lasts(b, rates[at->rate].mbit >= 1000);
    for (unsigned run = 0; run < b->runs; run++)
        for (unsigned pair = 0; pair < 2; pair++)
            if (!transfer(at, pair, run + 1, seconds, out[pair])) return false;
    double yardstick = samples_median(&out[0][WIRE_GOODPUT]);
    double ratio = yardstick > 0 ? samples_median(&out[1][WIRE_GOODPUT]) / yardstick : 0;
    for (unsigned pair = 0; pair < 2; pair++) {
        row[pair] = out[pair][WIRE_GOODPUT];
        row[3 + pair] = out[pair][WIRE_AGAIN];
    }
    samples_add(&row[2], ratio);
    report_row(title, row);
    t->cells++;
    t->equal += ratio >= 0.995;
    t->low += ratio < 0.9;
    if (t->cells == 1 || ratio < t->least) t->least = ratio;
    return true;
}

static bool every_path(const struct bench *b, unsigned rate, unsigned control, struct tally *t) {
    char path[64], title[96];
    for (unsigned rtt = 0; rtt < RTTS; rtt++)
        for (unsigned spoil = 0; spoil < SPOILS; spoil++) {
            struct cell at = {rate, rtt, spoil, control};
            if (rtts[rtt] != 50 && !spoils[spoil].every_rtt) continue;
            path_name(&at, path, sizeof path);
            snprintf(title, sizeof title, "%s, %s", path, controls[control].name);
            if (wanted(b, title) && !two(b, title, &at, t)) return false;
        }
    return true;
}

static bool two_senders(const struct bench *b) {
    struct tally t = {0};
    report_table("recovery --linux", "who sends to Linux: Linux, or tern", 5, beside);
    for (unsigned rate = 0; rate < RATES; rate++)
        for (unsigned control = 0; control < CONTROLS; control++)
            if (!every_path(b, rate, control, &t)) return false;
    report_note("%u cells: tern at least equal (1.00) in %u, below 0.90 in %u; the least is %.2f", t.cells, t.equal,
                t.low, t.least);
    return true;
}

/* ---- who sends to whom, on some ---- */

static bool four_pairs(const struct bench *b) {
    static const struct {
        unsigned rate, rtt, spoil;
        bool quick;
    } paths[] = {{1, 1, 0, true}, {1, 1, 2, true}, {1, 1, 6, true}, {2, 2, 0, false}};
    char path[64], title[96];
    for (unsigned i = 0; i < sizeof paths / sizeof *paths; i++)
        for (unsigned control = 0; control < CONTROLS; control++) {
            struct cell at = {paths[i].rate, paths[i].rtt, paths[i].spoil, control};
            path_name(&at, path, sizeof path);
            snprintf(title, sizeof title, "%s on %s", controls[control].name, path);
            if (!wanted(b, title) || (b->quick && !paths[i].quick)) continue;
            report_table("recovery --linux", title, COLUMNS, columns);
            if (!four(b, &at)) return false;
        }
    return true;
}

void bench_recovery_linux(const struct bench *b) {
    if (!b->quick && !two_senders(b)) return;
    if (!four_pairs(b)) return;
    report_note("MTU 1500, no offloads, goodput from the first SYN on, 10 s (quick, and many paths of 1 Gbit/s: 6 s) "
                "or --seconds; "
                "default settings, Linux's buffers may grow to 32 MiB");
}
