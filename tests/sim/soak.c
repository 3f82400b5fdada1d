/* soak.c - runs simulated worlds, one a seed, in processes of their own; a failure is made as small as it gets and
 * printed as a command that shows it again. What a world is: world.h. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "world.h"

enum { JOBS_MAX = 64, SECONDS_A_SEED = 120, LISTED_MAX = 4096 };

/* What a worker tells its parent, also when it dies. */
struct report {
    uint64_t seed, seeds, differing;
    struct tally tally;
    uint64_t hosts, faults;
    bool failed;
    char why[300];
};

static struct {
    uint64_t from, seeds;
    unsigned jobs;
    bool log, keep_going;
    int hosts, calls, events; /* -1: as the seed says */
    int64_t bytes;
    bool faults_given;
    uint32_t faults;
    uint64_t listed[LISTED_MAX];
    size_t list_len;
} opt = {.from = 1, .seeds = 1000, .jobs = 1, .hosts = -1, .calls = -1, .events = -1, .bytes = -1};

static const char *const usage =
    "usage: soak [options]   runs simulated worlds; 0: all went well, 1: not, 2: bad arguments\n"
    "  --seeds N        how many (1000)\n"
    "  --from S         the first (1)\n"
    "  --list FILE      also those in a file, one a line\n"
    "  --jobs J         in so many processes (1)\n"
    "  --keep-going     goes on after a failure\n"
    "  --faults A,B,..  these faults only; \"none\"\n"
    "  --hosts N --calls N --bytes N --events N   instead of what the seed says\n"
    "  --log            tells what happens\n";

static _Noreturn void bad(const char *what, const char *value) {
    fprintf(stderr, "soak: %s: %s\n%s", what, value, usage);
    exit(2);
}

static uint64_t number(const char *name, const char *given, uint64_t most) {
    char *end;
    errno = 0;
    unsigned long long v = strtoull(given, &end, 0);
    if (errno || end == given || *end || v > most || *given == '-') bad(name, given);
    return v;
}

static uint32_t faults_of(const char *list) {
    uint32_t set = 0;
    char word[32];
    if (strcmp(list, "none") == 0) return 0;
    for (const char *p = list; *p;) {
        size_t n = strcspn(p, ",");
        unsigned f = 0;
        snprintf(word, sizeof word, "%.*s", (int)(n < 31 ? n : 31), p);
        while (f < FAULTS && strcmp(word, fault_infos[f].name) != 0) f++;
        if (f == FAULTS) bad("no such fault", word);
        set |= 1u << f;
        p += n + (p[n] == ',');
    }
    return set;
}

static void read_list(const char *path) {
    char line[200];
    FILE *f = fopen(path, "r");
    if (!f) bad("cannot be read", path);
    while (opt.list_len < LISTED_MAX && fgets(line, sizeof line, f))
        if (line[0] != '#' && line[0] != '\n') opt.listed[opt.list_len++] = strtoull(line, NULL, 10);
    fclose(f);
}

static bool is_listed(uint64_t seed) {
    size_t i = 0;
    while (i < opt.list_len && opt.listed[i] != seed) i++;
    return i < opt.list_len;
}

static struct plan plan_for(uint64_t seed) {
    struct plan p = plan_of(seed);
    if (is_listed(seed)) p.faults &= (1u << F_NARROW) - 1; /* they were found when there were no more */
    if (opt.hosts >= 0) p.hosts = (unsigned)opt.hosts;
    if (opt.calls >= 0) p.calls = (unsigned)opt.calls;
    if (opt.events >= 0) p.events = (unsigned)opt.events;
    if (opt.bytes >= 0) p.bytes_max = (uint32_t)opt.bytes;
    if (opt.faults_given) p.faults = opt.faults;
    return p;
}

static void print_command(FILE *to, const struct plan *p) {
    fprintf(to, "soak --from %llu --seeds 1 --hosts %u --calls %u --bytes %u --events %u --faults ",
            (unsigned long long)p->seed, p->hosts, p->calls, p->bytes_max, p->events);
    bool any = false;
    for (unsigned f = 0; f < FAULTS; f++)
        if (has(p, f)) fprintf(to, "%s%s", any ? "," : "", fault_infos[f].name), any = true;
    fprintf(to, "%s\n", any ? "" : "none");
}

/* ---- in the worker ---- */

static bool run_one(struct world *w, struct report *r, const struct plan *p) {
    r->seed = p->seed;
    w->log = opt.log ? stdout : NULL;
    if (opt.log) setvbuf(stdout, NULL, _IOLBF, 0);
    setitimer(ITIMER_PROF, &(struct itimerval){.it_value = {SECONDS_A_SEED, 0}}, NULL); /* of the processor */
    bool good = world_run(w, p);
    uint64_t hash = w->hash;
    struct tally t = w->tally;
    if (good && p->seed % 64 == 0 && !opt.log) { /* the same seed is the same history */
        good = world_run(w, p);
        if (good && w->hash != hash) {
            snprintf(w->why, sizeof w->why, "two runs of one seed differ");
            good = false;
        }
    }
    if (!good) {
        r->failed = true;
        memcpy(r->why, w->why, sizeof r->why);
        return false;
    }
    r->seeds++;
    r->hosts += p->hosts;
    r->faults += (unsigned)__builtin_popcount(p->faults);
    uint64_t *sum = (uint64_t *)&r->tally;
    const uint64_t *one = (const uint64_t *)&t;
    for (size_t i = 0; i < sizeof t / sizeof *one; i++) sum[i] += one[i];
    return true;
}

static _Noreturn void worker(struct report *r, uint64_t first, uint64_t count, uint64_t stride) {
    struct world *w = malloc(sizeof *w);
    if (!w) _exit(3);
    for (uint64_t i = first; i < count; i += stride) {
        uint64_t seed = i < opt.list_len ? opt.listed[i] : opt.from + (i - opt.list_len);
        struct plan p = plan_for(seed);
        if (!run_one(w, r, &p)) _exit(1);
    }
    free(w);
    _exit(0);
}

/* ---- in the parent ---- */

static void say_death(struct report *r, int status) {
    if (r->failed) return;
    r->failed = true;
    int sig = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    snprintf(r->why, sizeof r->why,
             sig == SIGPROF ? "no end after %d s of the processor (signal %d)"
                            : "an assertion failed or it crashed (%d s, signal %d)",
             SECONDS_A_SEED, sig);
}

static bool fails(struct report *r, const struct plan *p) {
    int status = 0;
    r->failed = false;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        struct world *w = malloc(sizeof *w);
        _exit(w && run_one(w, r, p) ? 0 : 1);
    }
    if (child < 0 || waitpid(child, &status, 0) < 0) return false;
    if (status != 0) say_death(r, status);
    return status != 0;
}

static bool smaller(struct report *r, struct plan *p, struct plan tried) {
    char why[sizeof r->why];
    memcpy(why, r->why, sizeof why);
    if (fails(r, &tried)) {
        *p = tried;
        return true;
    }
    memcpy(r->why, why, sizeof why);
    r->failed = true;
    return false;
}

static unsigned less(unsigned v, unsigned least, unsigned how) {
    unsigned w = how == 0 ? v / 2 : v - 1;
    return v > least && w >= least ? w : least;
}

/* Takes away what is not needed to see it fail. */
static void shrink(struct report *r, struct plan *p) {
    for (bool again = true; again;) {
        again = false;
        for (unsigned f = 0; f < FAULTS; f++) {
            struct plan t = *p;
            t.faults &= ~(1u << f);
            if (t.faults != p->faults) again |= smaller(r, p, t);
        }
        for (unsigned how = 0; how < 2; how++) {
            struct plan t = *p;
            t.calls = less(p->calls, 1, how);
            if (t.calls != p->calls) again |= smaller(r, p, t);
            t = *p;
            t.hosts = less(p->hosts, 2, how);
            if (t.hosts != p->hosts) again |= smaller(r, p, t);
            t = *p;
            t.events = less(p->events, 0, how);
            if (t.events != p->events) again |= smaller(r, p, t);
            t = *p;
            t.bytes_max = how == 0 ? less(p->bytes_max, 1, 0) : p->bytes_max;
            if (t.bytes_max != p->bytes_max) again |= smaller(r, p, t);
        }
    }
}

static void explain(struct report *r) {
    struct plan p = plan_for(r->seed);
    printf("seed %llu: %s\n  ", (unsigned long long)r->seed, r->why);
    print_command(stdout, &p);
    if (opt.log || !fails(r, &p)) return;
    shrink(r, &p);
    printf("  smaller: %s\n  ", r->why);
    print_command(stdout, &p);
    fflush(stdout);
}

static void summary(const struct report *all, unsigned jobs, double seconds) {
    struct report t = {0};
    for (unsigned j = 0; j < jobs; j++) {
        t.seeds += all[j].seeds;
        t.hosts += all[j].hosts;
        t.faults += all[j].faults;
        for (size_t i = 0; i < sizeof t.tally / 8; i++)
            ((uint64_t *)&t.tally)[i] += ((const uint64_t *)&all[j].tally)[i];
    }
    printf(
        "%llu seeds: %llu hosts, %llu connections asked for, %llu of them whole; %llu packets, %.1f MB, %.0f virtual "
        "hours;\n%llu kinds of fault on, %llu disturbances, %llu allocations refused, %llu forged packets; %.1f s\n",
        (unsigned long long)t.seeds, (unsigned long long)t.hosts, (unsigned long long)t.tally.calls,
        (unsigned long long)t.tally.completed, (unsigned long long)t.tally.packets, (double)t.tally.bytes / 1e6,
        (double)t.tally.virtual_ns / 3.6e12, (unsigned long long)t.faults, (unsigned long long)t.tally.disturbances,
        (unsigned long long)t.tally.allocs_failed, (unsigned long long)t.tally.forged, seconds);
}

static void options(int argc, char **argv) {
    static const struct option known[] = {
        {"seeds", 1, 0, 's'}, {"from", 1, 0, 'f'},  {"list", 1, 0, 'L'},       {"jobs", 1, 0, 'j'},
        {"log", 0, 0, 'l'},   {"hosts", 1, 0, 'h'}, {"keep-going", 0, 0, 'k'}, {"faults", 1, 0, 'F'},
        {"calls", 1, 0, 'c'}, {"bytes", 1, 0, 'b'}, {"help", 0, 0, '?'},       {"events", 1, 0, 'e'},
        {0, 0, 0, 0}};
    for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        switch (c) {
        case 's': opt.seeds = number("--seeds", optarg, UINT64_MAX / 2); break;
        case 'f': opt.from = number("--from", optarg, UINT64_MAX / 2); break;
        case 'j': opt.jobs = (unsigned)number("--jobs", optarg, JOBS_MAX); break;
        case 'h': opt.hosts = (int)number("--hosts", optarg, HOSTS_MAX); break;
        case 'c': opt.calls = (int)number("--calls", optarg, CALLS_MAX); break;
        case 'e': opt.events = (int)number("--events", optarg, 100000); break;
        case 'b': opt.bytes = (int64_t)number("--bytes", optarg, 1u << 30); break;
        case 'L': read_list(optarg); break;
        case 'l': opt.log = true; break;
        case 'k': opt.keep_going = true; break;
        case 'F':
            opt.faults = faults_of(optarg);
            opt.faults_given = true;
            break;
        default: fputs(usage, stderr); exit(2);
        }
    }
    if (optind < argc) bad("not understood", argv[optind]);
    if (opt.jobs == 0) opt.jobs = 1;
    if (opt.hosts >= 0 && opt.hosts < 2) bad("--hosts", "at least 2");
    if (opt.calls == 0) bad("--calls", "at least 1");
    if (opt.bytes == 0) bad("--bytes", "at least 1");
}

int main(int argc, char **argv) {
    options(argc, argv);
    size_t size = JOBS_MAX * sizeof(struct report);
    struct report *reports = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (reports == MAP_FAILED) return 3;
    struct timespec t0, t1;
    clock_gettime(CLOCK_MONOTONIC, &t0);
    uint64_t total = opt.list_len + opt.seeds, next[JOBS_MAX];
    pid_t pid[JOBS_MAX];
    unsigned running = 0, failures = 0;
    fflush(NULL);
    for (unsigned j = 0; j < opt.jobs; j++, running++) {
        next[j] = j;
        if ((pid[j] = fork()) == 0) worker(&reports[j], j, total, opt.jobs);
    }
    while (running) {
        int status;
        pid_t p = wait(&status);
        if (p < 0) break;
        for (unsigned j = 0; j < opt.jobs; j++) {
            if (pid[j] != p) continue;
            running--;
            if (status == 0) break;
            failures++;
            say_death(&reports[j], status);
            uint64_t at = reports[j].seed;
            struct report found = reports[JOBS_MAX - 1] = reports[j];
            found = reports[j];
            explain(&reports[JOBS_MAX - 1]);
            reports[j] = found;
            reports[j].failed = false;
            if (!opt.keep_going) break;
            while (next[j] < total &&
                   (next[j] < opt.list_len ? opt.listed[next[j]] : opt.from + next[j] - opt.list_len) != at)
                next[j] += opt.jobs;
            next[j] += opt.jobs;
            fflush(NULL);
            if ((pid[j] = fork()) == 0) worker(&reports[j], next[j], total, opt.jobs);
            running++;
            break;
        }
    }
    clock_gettime(CLOCK_MONOTONIC, &t1);
    summary(reports, opt.jobs, (double)(t1.tv_sec - t0.tv_sec) + (double)(t1.tv_nsec - t0.tv_nsec) / 1e9);
    if (failures) printf("%u failures\n", failures);
    return failures ? 1 : 0;
}
