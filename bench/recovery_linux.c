/* recovery_linux.c - the same bad paths for Linux and for tern, side by side in real time: who sends to whom makes four
 * pairs, their runs take turns. The path is wire.c's; virtual time is recovery.c's. */
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

/* The paths; quick: in a short run too. Losses and the like in parts per million. */
static const struct {
    const char *name;
    unsigned mbit, rtt_ms, loss, burst, reorder, reorder_ms;
    double queue_bdp;
    bool quick;
} paths[] = {
    {"100 Mbit/s, 50 ms", 100, 50, 0, 0, 0, 0, 1, true},
    {"100 Mbit/s, 50 ms, loss 0.1 %", 100, 50, 1000, 0, 0, 0, 1, false},
    {"100 Mbit/s, 50 ms, loss 1 %", 100, 50, 10000, 0, 0, 0, 1, true},
    {"100 Mbit/s, 50 ms, loss 3 %", 100, 50, 30000, 0, 0, 0, 1, false},
    {"100 Mbit/s, 50 ms, bursts of loss", 100, 50, 0, 500, 0, 0, 1, false},
    {"100 Mbit/s, 50 ms, reordered 10 %, 5 ms", 100, 50, 0, 0, 100000, 5, 1, true},
    {"100 Mbit/s, 50 ms, queue 0.25 BDP", 100, 50, 0, 0, 0, 0, 0.25, false},
    {"100 Mbit/s, 50 ms, queue 4 BDP", 100, 50, 0, 0, 0, 0, 4, false},
    {"10 Mbit/s, 20 ms, loss 1 %", 10, 20, 10000, 0, 0, 0, 1, false},
    {"1 Gbit/s, 50 ms, loss 1 %", 1000, 50, 10000, 0, 0, 0, 1, false},
    {"1 Gbit/s, 100 ms", 1000, 100, 0, 0, 0, 0, 1, false},
};

static const struct column columns[] = {
    {"goodput, Mbit/s", 2}, {"sent again, %", 3}, {"queue delay, ms", 2}, {"of Linux to Linux", 2}};
enum { COLUMNS = sizeof columns / sizeof *columns };

static struct wire_case case_of(unsigned path, unsigned control, unsigned pair, unsigned seed, bool quick) {
    uint64_t delay = (uint64_t)paths[path].rtt_ms * 500000, rate = (uint64_t)paths[path].mbit * MBIT;
    double queue = (double)rate / 8 * paths[path].rtt_ms / 1000 * paths[path].queue_bdp;
    struct wire_case c = {.sender = pairs[pair].sender,
                          .receiver = pairs[pair].receiver,
                          .congestion = controls[control].linux_name,
                          .tern_congestion = controls[control].value,
                          .duration_ns = (quick                      ? 6ull
                                          : paths[path].mbit >= 1000 ? 15ull
                                                                     : 10ull) *
                                         1000000000u};
    c.path[0] = (struct memlink_path){.seed = seed,
                                      .rate_bps = rate,
                                      .delay_ns = delay,
                                      .queue_bytes = (uint32_t)(queue < 15000 ? 15000 : queue),
                                      .loss_ppm = paths[path].loss,
                                      .burst_enter_ppm = paths[path].burst,
                                      .burst_leave_ppm = 200000,
                                      .burst_loss_ppm = 800000,
                                      .reorder_ppm = paths[path].reorder,
                                      .reorder_ns = (uint64_t)paths[path].reorder_ms * 1000000,
                                      .mtu = 1500,
                                      .packets_max = 1u << 17};
    c.path[1] = (struct memlink_path){.seed = seed + 1000, .delay_ns = delay, .mtu = 1500, .packets_max = 1u << 17};
    return c;
}

/* False: it cannot be measured here, and why has been said. */
static bool four(const struct bench *b, unsigned path, unsigned control) {
    struct samples out[PAIRS][COLUMNS] = {0};
    for (unsigned run = 0; run < b->runs; run++)
        for (unsigned pair = 0; pair < PAIRS; pair++) {
            struct wire_case c = case_of(path, control, pair, run + 1, b->quick);
            struct apart r;
            apart_run(wire_run, &c, &r);
            if (!r.ok) {
                report_note("not measured: %s", r.text);
                return false;
            }
            for (unsigned k = 0; k < VALUES; k++) samples_add(&out[pair][k], r.value[k]);
        }
    for (unsigned pair = 0; pair < PAIRS; pair++) {
        double yardstick = samples_median(&out[0][WIRE_GOODPUT]);
        if (pair > 0 && yardstick > 0)
            samples_add(&out[pair][VALUES], samples_median(&out[pair][WIRE_GOODPUT]) / yardstick);
        report_row(pairs[pair].name, out[pair]);
    }
    return true;
}

void bench_recovery_linux(const struct bench *b) {
    char title[96];
    for (unsigned path = 0; path < sizeof paths / sizeof *paths; path++)
        for (unsigned control = 0; control < sizeof controls / sizeof *controls; control++) {
            snprintf(title, sizeof title, "%s, %s", paths[path].name, controls[control].name);
            if ((b->quick && !paths[path].quick) || (b->only != NULL && strstr(title, b->only) == NULL)) continue;
            report_table("recovery --linux", title, COLUMNS, columns);
            if (!four(b, path, control)) return;
        }
    report_note(
        "real time, MTU 1500, no offloads, goodput from the first SYN on; default settings, Linux's buffers may "
        "grow to 32 MiB");
}
