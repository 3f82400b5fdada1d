/* explain.c - tern-bench explain: one file of mixed traffic, read by tern explain, by a pass that does nothing but read
 * packets and headers, and by tshark and tcptrace where they are installed. All in processes of their own; what counts
 * is the processor's time. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/bench.h"
#include "bench/traffic.h"
#include "cli/cli.h"
#include "explain/capture.h"
#include "explain/decode.h"

static int pass_tern(const char *path) {
    char *argv[] = {"explain", "--keep-privileges", (char *)path, NULL};
    return explain_main(3, argv);
}

/* Reads every packet and every header, and keeps nothing. */
static int pass_bare(const char *path) {
    struct capture *c = capture_open(&path, 1);
    struct capture_packet p;
    struct capture_error e;
    struct decoder d;
    struct decoded out;
    uint64_t seen = 0;
    decoder_init(&d);
    d.check_sums = false;
    while (c != NULL && capture_next(c, &p, &e) > 0)
        if (decode(&d, &p, &out) == DECODE_TCP) seen += out.tcp.tcp.seq_no.v;
    printf("%llu\n", (unsigned long long)seen);
    capture_close(c);
    decoder_free(&d);
    return 0;
}

static int run_program(char *const argv[]) {
    execvp(argv[0], argv);
    return 127;
}

static int pass_tshark(const char *path) {
    char *argv[] = {"tshark", "-n", "-q", "-r", (char *)path, "-z", "conv,tcp", "-z", "expert", NULL};
    return run_program(argv);
}

static int pass_tcptrace(const char *path) {
    char *argv[] = {"tcptrace", "-n", "-l", "-r", (char *)path, NULL};
    return run_program(argv);
}

static const struct {
    const char *name;
    int (*run)(const char *path);
} passes[] = {{"tern explain", pass_tern},
              {"packets and headers, nothing else", pass_bare},
              {"tcptrace -l -r", pass_tcptrace},
              {"tshark -z conv,tcp -z expert", pass_tshark}};
enum { PASSES = sizeof passes / sizeof passes[0], TERN = 0, BARE, TCPTRACE, TSHARK };

/* Seconds of processor time of one pass, and the most memory it had; negative: it did not work. */
static double measure(size_t pass, const char *path, double *megabytes) {
    struct rusage used;
    int status, null;
    fflush(NULL);
    pid_t child = fork();
    if (child < 0) give_up_bench("cannot fork: %s", strerror(errno));
    if (child == 0) {
        null = open("/dev/null", O_WRONLY);
        if (null < 0 || dup2(null, STDOUT_FILENO) < 0 || dup2(null, STDERR_FILENO) < 0) _exit(126);
        int code = passes[pass].run(path);
        fflush(NULL);
        _exit(code);
    }
    if (wait4(child, &status, 0, &used) < 0) give_up_bench("cannot wait: %s", strerror(errno));
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return -1;
    *megabytes = (double)used.ru_maxrss / 1e3;
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

void bench_explain(const struct bench *b) {
    static const struct column columns[] = {{"s", 3}, {"ns/packet", 0}, {"MB/s", 0}, {"MB of memory", 0}};
    char path[] = "/tmp/tern-bench-XXXXXX", title[160];
    struct traffic t;
    double median[PASSES];
    int fd = mkstemp(path);
    uint64_t size = (b->big ? UINT64_C(1000) : b->quick ? 50 : 250) * 1000000;
    if (fd < 0) give_up_bench("%s: %s", path, strerror(errno));
    close(fd);
    if (!traffic_write(path, size, &t)) give_up_bench("%s: cannot write the capture", path);
    snprintf(title, sizeof title, "a capture of %.0f MB, %llu packets, %llu connections", (double)t.bytes / 1e6,
             (unsigned long long)t.packets, (unsigned long long)t.connections);
    report_table("explain", title, 4, columns);
    for (size_t p = 0; p < PASSES; p++) {
        struct samples s[4] = {{0}};
        unsigned runs = p == TSHARK ? 1 : b->runs;
        double megabytes = 0;
        for (unsigned i = 0; i < runs; i++) {
            double seconds = measure(p, path, &megabytes);
            if (seconds < 0) break;
            samples_add(&s[0], seconds);
            samples_add(&s[1], seconds * 1e9 / (double)t.packets);
            samples_add(&s[2], (double)t.bytes / 1e6 / seconds);
            samples_add(&s[3], megabytes);
        }
        median[p] = s[0].n > 0 ? samples_median(&s[0]) : 0;
        if (s[0].n > 0)
            report_row(passes[p].name, s);
        else
            report_note("%s did not run: is it installed?", passes[p].name);
    }
    unlink(path);
    if (median[BARE] > 0) report_note("tern explain takes %.2f times the bare pass", median[TERN] / median[BARE]);
    if (median[TCPTRACE] > 0)
        report_note("tern explain is %.1f times as fast as tcptrace", median[TCPTRACE] / median[TERN]);
    if (median[TSHARK] > 0) report_note("tern explain is %.1f times as fast as tshark", median[TSHARK] / median[TERN]);
}
