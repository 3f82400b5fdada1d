/* recovery.c - loss, reordering, queues and changes of the path, in virtual time: what each congestion control makes
 * of them, and how long transfers take. One transfer is recovery_run.c's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "bench/peer.h"
#include "bench/recovery_lwip.h"
#include "bench/recovery_run.h"

enum { RUNS_MOST = 256, CASES_MOST = 128, MBIT = 1000000 };

/* Who sends. lwIP goes first: what it reached is the yardstick of the others. */
static const struct sender {
    const char *name;
    uint32_t value;
    const struct rec_sender *other;
} senders[] = {
    {"lwIP", 0, &rec_lwip}, {"newreno", TERN_NEWRENO, NULL}, {"cubic", TERN_CUBIC, NULL}, {"bbr", TERN_BBR, NULL}};
enum { SENDERS = sizeof senders / sizeof *senders };

/* lwIP's figures of this table's cases, by case and seed; no value: not measured. */
static struct samples yardstick[CASES_MOST];

static const struct column columns[] = {{"goodput, Mbit/s", 2}, {"of what is possible, %", 1},
                                        {"sent again, %", 3},   {"needlessly, %", 3},
                                        {"queue delay, ms", 2}, {"times lwIP's goodput", 2}};
enum { COLUMNS = sizeof columns / sizeof *columns };

static double percent(uint64_t part, uint64_t whole) { return whole != 0 ? 100.0 * (double)part / (double)whole : 0; }

static struct rec_result transfer(const struct rec_config *c) {
    struct rec_result r;
    if (!rec_run(c, &r)) give_up_bench("no memory for two hosts and a link");
    return r;
}

static double mbits(const struct rec_result *r) { return (double)r->total * 8e3 / (double)r->elapsed_ns; }

/* Does chance decide anything? If not, one run tells all. */
static bool by_chance(const struct rec_config *c) {
    return (c->loss_ppm | c->ack_loss_ppm | c->burst_enter_ppm | c->reorder_ppm | c->jitter_us | c->duplicate_ppm) != 0;
}

/* What a value of this case and seed is in terms of lwIP's, which it becomes where lwIP is the sender. */
static void beside_lwip(const struct sender *who, unsigned number, unsigned run, double value, struct samples *out) {
    struct samples *s = &yardstick[number];
    if (number >= CASES_MOST) give_up_bench("more cases than there is room for");
    if (who->other != NULL) {
        if (run == 0) s->n = 0;
        samples_add(s, value);
    } else if (run < s->n && s->value[run] > 0) {
        samples_add(out, value / s->value[run]);
    }
}

/* One row, the table's number `number`: the same path with several seeds. `possible` in Mbit/s; 0: the link's rate less
 * headers. */
static void row(const struct bench *b, const struct sender *who, unsigned number, const char *text, struct rec_config c,
                double possible) {
    struct samples values[COLUMNS] = {0};
    unsigned unfinished = 0;
    char name[96];
    snprintf(name, sizeof name, "%s, %s", who->name, text);
    if (b->only != NULL && strstr(name, b->only) == NULL) return;
    if (possible <= 0) possible = (double)c.rate_bps / MBIT * REC_PAYLOAD / 1500;
    for (unsigned i = 0; i < (by_chance(&c) ? b->runs : 1); i++) {
        c.seed = i + 1;
        struct rec_result r = transfer(&c);
        unfinished += !r.complete;
        samples_add(&values[0], mbits(&r));
        samples_add(&values[1], 100 * mbits(&r) / possible);
        if (r.complete) samples_add(&values[2], percent(r.resent, r.unique));
        if (r.complete) samples_add(&values[3], percent(r.spurious, r.unique));
        samples_add(&values[4], r.queue_mean_ms);
        beside_lwip(who, number, i, mbits(&r), &values[5]);
    }
    report_row(name, values);
    if (unfinished != 0)
        report_note("%s: %u of %u were not through with what was in the send buffer in the end", name, unfinished,
                    b->runs);
}

static struct rec_config path(const struct bench *b, const struct sender *who, unsigned mbit, unsigned rtt_ms) {
    struct rec_config c = rec_default(1, who->value, (uint64_t)mbit * MBIT, rtt_ms);
    c.sender = who->other;
    c.limit_ns = 3600ull * SIM_SECOND;
    c.duration_ns = (b->quick ? 10ull : mbit >= 1000 ? 20ull : 30ull) * SIM_SECOND;
    return c;
}

/* ---- random loss ---- */

static void random_loss(const struct bench *b, const struct sender *who) {
    static const unsigned rates[] = {10, 100, 1000}, rtts[] = {1, 20, 50, 100},
                          losses[] = {0, 1000, 10000, 30000, 100000};
    unsigned number = 0;
    char text[64];
    snprintf(text, sizeof text, "random loss, %s; queue 1 BDP", who->name);
    report_table("recovery", text, COLUMNS, columns);
    for (unsigned i = 0; i < sizeof rates / sizeof *rates; i++)
        for (unsigned k = 0; k < sizeof rtts / sizeof *rtts; k++)
            for (unsigned l = 0; l < sizeof losses / sizeof *losses; l++) {
                if (b->quick && (rates[i] == 10 || rtts[k] != 50 || l == 4)) continue;
                struct rec_config c = path(b, who, rates[i], rtts[k]);
                c.loss_ppm = losses[l];
                snprintf(text, sizeof text, "%u Mbit/s, %u ms, loss %g %%", rates[i], rtts[k], losses[l] / 1e4);
                row(b, who, number++, text, c, 0);
            }
}

/* ---- other paths ---- */

static void bad_paths(const struct bench *b, const struct sender *who) {
    struct rec_config base = path(b, who, 100, 50), c;
    unsigned number = 0;
    char title[96];
    snprintf(title, sizeof title, "100 Mbit/s, 50 ms, %s: bursts of loss, disorder, copies, queues, changes",
             who->name);
    report_table("recovery", title, COLUMNS, columns);
#define ROW(possible, text, ...)                                                                                       \
    do {                                                                                                               \
        c = base;                                                                                                      \
        __VA_ARGS__;                                                                                                   \
        row(b, who, number++, text, c, possible);                                                                      \
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

static void several_flows(const struct bench *b, const struct sender *first) {
    static const struct column shares[] = {{"goodput of all, Mbit/s", 2},
                                           {"Jain's index", 3},
                                           {"sent again, %", 3},
                                           {"queue delay, ms", 2},
                                           {"times lwIP's goodput", 2}};
    static const unsigned flows[] = {2, 8};
    report_table("recovery", "several flows, 100 Mbit/s, 20 ms, queue 1 BDP, begun half a second apart", 5, shares);
    for (const struct sender *who = first; who < senders + SENDERS; who++)
        for (unsigned i = 0; i < 2; i++) {
            struct samples values[5] = {0};
            char name[64];
            snprintf(name, sizeof name, "%s, %u flows", who->name, flows[i]);
            if (b->only != NULL && strstr(name, b->only) == NULL) continue;
            struct rec_config c = path(b, who, 100, 20);
            c.flows = flows[i];
            c.stagger_ns = SIM_SECOND / 2;
            c.duration_ns *= 2;
            struct rec_result r = transfer(&c);
            samples_add(&values[0], mbits(&r));
            samples_add(&values[1], fairness(&r, flows[i]));
            samples_add(&values[2], percent(r.resent, r.unique));
            samples_add(&values[3], r.queue_mean_ms);
            beside_lwip(who, i, 0, mbits(&r), &values[4]);
            report_row(name, values);
        }
}

/* ---- how long transfers take ---- */

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

struct completion {
    double took_ms[RUNS_MOST];
    unsigned runs;
    uint64_t by_timer;
};

static void complete(const struct bench *b, const struct sender *who, uint64_t bytes, uint32_t loss_ppm,
                     struct completion *out) {
    for (unsigned n = 0; n < out->runs; n++) {
        struct rec_config c = path(b, who, 100, 20);
        c.seed = n + 1;
        c.bytes = bytes;
        c.loss_ppm = loss_ppm;
        c.duration_ns = 600ull * SIM_SECOND;
        struct rec_result r = transfer(&c);
        out->took_ms[n] = r.done_ns[0] != 0 ? (double)r.done_ns[0] / 1e6 : 1e6;
        out->by_timer += r.by_rto;
    }
    qsort(out->took_ms, out->runs, sizeof *out->took_ms, ascending);
}

/* The handshake, then all bytes at the rate of the line, and the way there: without a window in the way. */
static double ideal_ms(uint64_t bytes) {
    uint64_t segments = (bytes + REC_PAYLOAD - 1) / REC_PAYLOAD;
    return 20 * 1.5 + (double)(bytes + segments * 52) * 8 / 100e6 * 1e3;
}

static void completion(const struct bench *b, const struct sender *first) {
    static const struct column times[] = {{"median, ms", 1},         {"99th percentile, ms", 1},
                                          {"longest, ms", 1},        {"times the ideal, median", 2},
                                          {"timeouts' segments", 0}, {"lwIP's median, times", 2}};
    static const struct {
        const char *name;
        uint64_t bytes;
        unsigned runs, quick_runs;
    } sizes[] = {
        {"10 kB", 10000, 200, 50}, {"100 kB", 100000, 200, 50}, {"1 MB", 1000000, 100, 20}, {"10 MB", 10000000, 30, 5}};
    static const unsigned losses[] = {0, 1000, 10000, 30000};
    report_table("recovery", "time from SYN to the last byte, 100 Mbit/s, 20 ms, random loss", 6, times);
    for (const struct sender *who = first; who < senders + SENDERS; who++)
        for (unsigned l = 0; l < 4; l++)
            for (unsigned i = 0; i < 4; i++) {
                struct samples values[6] = {0}, ratio = {0};
                char name[64];
                snprintf(name, sizeof name, "%s, %s, loss %g %%", who->name, sizes[i].name, losses[l] / 1e4);
                if (b->only != NULL && strstr(name, b->only) == NULL) continue;
                struct completion t = {.runs = losses[l] == 0 ? 1 : b->quick ? sizes[i].quick_runs : sizes[i].runs};
                complete(b, who, sizes[i].bytes, losses[l], &t);
                double median = t.took_ms[t.runs / 2];
                samples_add(&values[0], median);
                samples_add(&values[1], t.took_ms[(t.runs * 99 + 99) / 100 - 1]);
                samples_add(&values[2], t.took_ms[t.runs - 1]);
                samples_add(&values[3], median / ideal_ms(sizes[i].bytes));
                if (who->other == NULL) samples_add(&values[4], (double)t.by_timer);
                beside_lwip(who, l * 4 + i, 0, median, &ratio);
                if (ratio.n != 0) samples_add(&values[5], 1 / ratio.value[0]);
                report_row(name, values);
            }
}

/* lwIP's entry, or behind it. */
static const struct sender *first_sender(void) {
    void *probe = rec_lwip.make(65536, NULL, NULL);
    if (probe == NULL) return senders + 1;
    rec_lwip.free(probe);
    return senders;
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
    const struct sender *first = first_sender(), *end = senders + SENDERS;
    for (const struct sender *who = first; who < end; who++) random_loss(b, who);
    for (const struct sender *who = first; who < end; who++) bad_paths(b, who);
    several_flows(b, first);
    completion(b, first);
    report_note("virtual time, the receiver is tern, MTU 1500, timestamps; goodput includes the start; what was sent "
                "again counts until all is acknowledged; one run where chance decides nothing");
    if (first->other == NULL) report_note("lwIP as the sender is not compared: %s", peer_lwip_missing());
}
