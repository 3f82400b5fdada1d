/* scale.c - one stack a thread on one processor, then two on two: what shards that share nothing gain. Each shard has
 * both ends of its connections, so the kernel is not in between. The measures are bulk.c's and conn.c's. */
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "bench/bench.h"

enum { SHARDS_MOST = 2, MEASURES = 2 };

static const struct {
    const char *title;
    struct column column;
    double (*run)(uint64_t ns);
} measures[MEASURES] = {
    {"bulk, MTU 1500, 64 KiB, no copies but the link's, no checksums", {"Gbit/s of all shards", 1}, bulk_shard},
    {"connect and close, 32 at once", {"thousand per second of all", 1}, conn_shard},
};

struct shard {
    pthread_t thread;
    pthread_barrier_t *start;
    double (*run)(uint64_t ns);
    uint64_t ns;
    int cpu;
    double rate;
};

static void *shard_main(void *ctx) {
    struct shard *s = ctx;
    pin(s->cpu);
    pthread_barrier_wait(s->start);
    s->rate = s->run(s->ns);
    return NULL;
}

/* The sum of what n shards reach at the same time, each on a processor of its own. */
static double together(const struct bench *b, double (*run)(uint64_t ns), unsigned n, int cores) {
    struct shard shard[SHARDS_MOST];
    pthread_barrier_t start;
    double sum = 0;
    pthread_barrier_init(&start, NULL, n);
    for (unsigned i = 0; i < n; i++) {
        int cpu = b->cpu < 0 ? -1 : (b->cpu + (int)i) % cores;
        shard[i] = (struct shard){.start = &start, .run = run, .ns = b->run_ns, .cpu = cpu};
        if (pthread_create(&shard[i].thread, NULL, shard_main, &shard[i]) != 0) give_up_bench("no thread");
    }
    for (unsigned i = 0; i < n; i++) {
        pthread_join(shard[i].thread, NULL);
        sum += shard[i].rate;
    }
    pthread_barrier_destroy(&start);
    return sum;
}

static void measure(const struct bench *b, unsigned which, int cores) {
    struct samples one[2] = {{0}}, two[2] = {{0}};
    const struct column columns[] = {measures[which].column, {"two / one", 2}};
    for (unsigned i = 0; i < b->runs; i++) {
        samples_add(&one[0], together(b, measures[which].run, 1, cores));
        samples_add(&two[0], together(b, measures[which].run, 2, cores));
        samples_add(&two[1], two[0].value[i] / one[0].value[i]);
    }
    report_table("scale", measures[which].title, 2, columns);
    report_row("one shard on one processor", one);
    report_row("two shards on two processors", two);
}

void bench_scale(const struct bench *b) {
    int cores = (int)sysconf(_SC_NPROCESSORS_ONLN);
    if (cores < 2) {
        report_table("scale", "shards", 0, NULL);
        report_note("not measured: there is one processor only");
        return;
    }
    for (unsigned i = 0; i < MEASURES; i++) measure(b, i, cores);
    report_note("each shard's rate counts its own processor time");
}
