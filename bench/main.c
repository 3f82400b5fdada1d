/* main.c - tern-bench: which measurements, how often, on which processor. The measurements are in the other files. */
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench/bench.h"

static const struct {
    const char *name;
    void (*run)(const struct bench *b);
} suites[] = {{"bulk", bench_bulk},   {"conn", bench_conn},         {"memory", bench_memory},  {"tun", bench_tun},
              {"scale", bench_scale}, {"recovery", bench_recovery}, {"explain", bench_explain}};
enum { SUITES = sizeof suites / sizeof *suites };

/* What instruction counts depend on, as one word. */
#ifdef __clang__
#define COMPILER "clang"
#else
#define COMPILER "gcc"
#endif
#ifdef __OPTIMIZE__
#define OPTIMIZED "-optimized"
#else
#define OPTIMIZED ""
#endif

static const struct {
    const char *name;
    unsigned (*run)(void);
} fixed[] = {{"bulk", bulk_fixed}, {"conn", conn_fixed}, {"trip", trip_fixed}, {"random", random_fixed}};

static const char usage[] =
    "tern-bench [SUITE...] [OPTION...]: measures tern on this machine; medians with minimum and maximum\n"
    "  bulk      goodput and nanoseconds per segment, both ends in one thread\n"
    "  conn      connections opened and closed per second, 1-byte round trips, among idle connections\n"
    "  memory    bytes per idle connection, per TIME-WAIT and per half-open record\n"
    "  tun       against the Linux kernel's TCP through a TUN device\n"
    "  scale     one shard on one processor, two on two\n"
    "  recovery  loss, reordering, queues and changes of the path, in virtual time\n"
    "  explain   reading a capture, against tshark and tcptrace\n"
    "  all       all of them (default)\n"
    "  --quick      fewer and shorter runs: about a minute\n"
    "  --runs N     runs of each measure (default 7, quick 3; at most 64)\n"
    "  --seconds X  length of a run of a throughput (default 0.5, quick 0.1; recovery --linux: 10, quick 6)\n"
    "  --cpu N      pin everything to processor N (default 0; -1: nothing is pinned)\n"
    "  --two-cores  tun: also with the kernel's end on another processor\n"
    "  --linux      recovery: beside Linux, in real time (in virtual time: bench/peers/uml/run.sh)\n"
    "  --pictures DIR  recovery: draws SVG pictures there instead\n"
    "  --big        conn, memory: also with 1000000 connections (needs about 2 GB); explain: 1 GB\n"
    "  --case TEXT  only what has TEXT in its table's or row's name (not memory)\n"
    "  --fixed NAME only a fixed amount of work, for counting instructions: bulk, conn, trip or random\n"
    "  --json FILE  write the figures there too (-: standard output)\n";

_Noreturn void give_up_bench(const char *format, ...) {
    va_list args;
    va_start(args, format);
    fputs("tern-bench: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

static uint64_t read_clock(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t clock_ns(void) { return read_clock(CLOCK_MONOTONIC); }
uint64_t thread_ns(void) { return read_clock(CLOCK_THREAD_CPUTIME_ID); }

void pin(int cpu) {
    if (cpu < 0) return;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set) < 0)
        give_up_bench("cannot run on processor %d: %s", cpu, strerror(errno));
}

uint64_t resident_bytes(void) {
    unsigned long long all, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f == NULL) return 0;
    if (fscanf(f, "%llu %llu", &all, &resident) != 2) resident = 0;
    fclose(f);
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* A symbol of its own in every build, and no mere jump. */
__attribute__((noinline, used)) void counted(counted_fn *fn, void *ctx, unsigned n) {
    fn(ctx, n);
    __asm__ volatile("" ::: "memory");
}

static _Noreturn void run_fixed(const char *name) {
    if (name != NULL && strcmp(name, "compiler") == 0) {
        printf("%s-%s%s\n", COMPILER, __VERSION__, OPTIMIZED);
        exit(0);
    }
    for (size_t i = 0; name != NULL && i < sizeof fixed / sizeof *fixed; i++) {
        if (strcmp(name, fixed[i].name) != 0) continue;
        printf("%u\n", fixed[i].run());
        exit(0);
    }
    give_up_bench("--fixed takes bulk, conn, trip or random");
}

static double number(const char *option, const char *text, double least, double most) {
    char *end;
    double v = text != NULL ? strtod(text, &end) : 0;
    if (text == NULL || *text == '\0' || *end != '\0' || !(v >= least && v <= most))
        give_up_bench("%s takes a number from %g to %g", option, least, most);
    return v;
}

static int suite_of(const char *name) {
    for (int i = 0; i < SUITES; i++)
        if (strcmp(name, suites[i].name) == 0) return i;
    return -1;
}

/* Returns the set of suites that were asked for. */
static unsigned parse(struct bench *b, char **argv) {
    unsigned wanted = 0;
    for (char **a = argv + 1; *a != NULL; a++) {
        int suite = suite_of(*a);
        if (suite >= 0)
            wanted |= 1u << suite;
        else if (strcmp(*a, "all") == 0)
            wanted |= (1u << SUITES) - 1;
        else if (strcmp(*a, "--quick") == 0)
            b->quick = true;
        else if (strcmp(*a, "--big") == 0)
            b->big = true;
        else if (strcmp(*a, "--two-cores") == 0)
            b->two_cores = true;
        else if (strcmp(*a, "--linux") == 0)
            b->against_linux = true;
        else if (strcmp(*a, "--runs") == 0)
            b->runs = (unsigned)number("--runs", *++a, 1, SAMPLES_MAX);
        else if (strcmp(*a, "--seconds") == 0)
            b->seconds = number("--seconds", *++a, 0.01, 60);
        else if (strcmp(*a, "--cpu") == 0)
            b->cpu = (int)number("--cpu", *++a, -1, 1023);
        else if (strcmp(*a, "--fixed") == 0)
            run_fixed(a[1]);
        else if (strcmp(*a, "--case") == 0 && a[1] != NULL)
            b->only = *++a;
        else if (strcmp(*a, "--pictures") == 0 && a[1] != NULL)
            b->pictures = *++a;
        else if (strcmp(*a, "--json") == 0 && a[1] != NULL)
            b->json = *++a;
        else if (strcmp(*a, "--help") == 0) {
            fputs(usage, stdout);
            exit(0);
        } else {
            fprintf(stderr, "tern-bench: what is '%s'?\n%s", *a, usage);
            exit(2);
        }
        if (*a == NULL) break;
    }
    if (b->runs == 0) b->runs = b->quick ? 3 : 7;
    b->run_ns = (uint64_t)((b->seconds > 0 ? b->seconds : b->quick ? 0.1 : 0.5) * 1e9);
    return wanted != 0 ? wanted : (1u << SUITES) - 1;
}

int main(int argc, char **argv) {
    (void)argc;
    struct bench b = {.cpu = 0};
    unsigned wanted = parse(&b, argv);
    setvbuf(stdout, NULL, _IOLBF, 0);
    report_machine(&b);
    pin(b.cpu);
    for (int i = 0; i < SUITES; i++)
        if (wanted >> i & 1) suites[i].run(&b);
    if (b.json != NULL && !report_json(b.json)) give_up_bench("cannot write %s: %s", b.json, strerror(errno));
    return 0;
}
