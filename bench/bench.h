/* bench.h - what the measurements share: options, samples with their median, tables on standard output and as JSON, and
 * clocks. What is measured is each sub-command's own file: bulk.c conn.c memory.c tun.c recovery.c
 * explain.c. */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SAMPLES_MAX = 64, COLUMNS_MAX = 6 };

struct bench {
    bool quick, big, two_cores;
    bool against_linux; /* recovery: beside Linux in real time, instead of in virtual time */
    unsigned runs;
    double seconds;  /* what was asked for as the length of a run; 0: nothing was */
    uint64_t run_ns; /* how long one run of a throughput lasts */
    int cpu;         /* the processor that everything is pinned to; -1: none */
    const char *json;
    const char *pictures; /* recovery: draws into this directory, instead of tables; NULL: no */
    const char *only;     /* but for memory: cases whose name has this in it; NULL: all */
};

/* The values of one measure, one a run. */
struct samples {
    unsigned n;
    double value[SAMPLES_MAX];
};
void samples_add(struct samples *s, double value);
double samples_median(const struct samples *s);

struct column {
    const char *name; /* with the unit */
    int decimals;
};

/* A table: begin, any number of rows and notes. A row has as many samples as the table has columns; one without a value
 * prints as "-". */
void report_table(const char *suite, const char *title, size_t columns, const struct column *column);
void report_row(const char *name, const struct samples *values);
/* A sentence below the table. Whatever is missing or cannot be measured here must be said this way. */
void report_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Writes what was reported so far, and the machine's description, as JSON. False: the file cannot be written. */
bool report_json(const char *path);
void report_machine(const struct bench *b);

uint64_t clock_ns(void);
/* Processor time that this thread has used: what bulk and conn count, so that others on the machine do not count. */
uint64_t thread_ns(void);
/* Pins this thread; -1 leaves it alone. */
void pin(int cpu);
/* Bytes of memory that this process really has. */
uint64_t resident_bytes(void);
/* Prints the sentence and ends the program: for what should never happen in a measurement. */
_Noreturn void give_up_bench(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A repeatable source of choices: which connection is next. */
static inline uint64_t choice(uint64_t *state) {
    uint64_t x = *state;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return *state = x;
}

/* ---- fixed amounts of work, for counting instructions: each says how many segments, cycles or trips it counted ---- */
typedef void counted_fn(void *ctx, unsigned n);
/* Calls fn(ctx, n): what runs inside is what scripts/instructions.py counts, by this function's name. */
void counted(counted_fn *fn, void *ctx, unsigned n);
unsigned bulk_fixed(void);
unsigned conn_fixed(void);
unsigned trip_fixed(void);
unsigned random_fixed(void);

void bench_bulk(const struct bench *b);
void bench_conn(const struct bench *b);
void bench_memory(const struct bench *b);
void bench_tun(const struct bench *b);
void bench_recovery(const struct bench *b);
void bench_explain(const struct bench *b);
void bench_latency(const struct bench *b); /* a part of tun */
void bench_scale(const struct bench *b);
/* One shard's run, in a thread of its own: Gbit/s, thousand connections per second, by the thread's processor time. */
double bulk_shard(uint64_t ns);
double conn_shard(uint64_t ns);
void bench_recovery_linux(const struct bench *b);
void bench_pictures(const struct bench *b);

#endif
