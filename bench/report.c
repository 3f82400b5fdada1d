/* report.c - samples, tables and JSON. What the numbers mean is said by those who report them. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "bench/bench.h"
#include "tern.h"

enum { NAME_WIDTH = 44, CELL_WIDTH = 24, TEXT_MAX = 1 << 20 };

/* The JSON grows here while the tables are printed. */
static struct {
    char *text;
    size_t len;
    size_t columns;
    struct column column[COLUMNS_MAX];
    bool any_table, any_row;
    char machine[512];
} report;

void samples_add(struct samples *s, double value) {
    if (s->n < SAMPLES_MAX) s->value[s->n++] = value;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static struct samples sorted(const struct samples *s) {
    struct samples r = *s;
    qsort(r.value, r.n, sizeof *r.value, ascending);
    return r;
}

double samples_median(const struct samples *s) {
    if (s->n == 0) return 0;
    struct samples r = sorted(s);
    return r.n % 2 != 0 ? r.value[r.n / 2] : (r.value[r.n / 2 - 1] + r.value[r.n / 2]) / 2;
}

/* ---- JSON ---- */

static void json_add(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void json_add(const char *format, ...) {
    if (report.text == NULL && (report.text = malloc(TEXT_MAX)) == NULL) give_up_bench("out of memory");
    va_list args;
    va_start(args, format);
    int n = vsnprintf(report.text + report.len, TEXT_MAX - report.len, format, args);
    va_end(args);
    if (n < 0 || report.len + (size_t)n >= TEXT_MAX) give_up_bench("too many figures");
    report.len += (size_t)n;
}

static void json_string(const char *s) {
    json_add("\"");
    for (; *s != '\0'; s++) {
        if (*s == '"' || *s == '\\')
            json_add("\\%c", *s);
        else if ((unsigned char)*s < 32)
            json_add("\\u%04x", (unsigned)*s);
        else
            json_add("%c", *s);
    }
    json_add("\"");
}

bool report_json(const char *path) {
    bool standard = strcmp(path, "-") == 0;
    FILE *f = standard ? stdout : fopen(path, "w");
    if (f == NULL) return false;
    fprintf(f, "{%s,\n\"rows\": [%s\n]}\n", report.machine, report.text != NULL ? report.text : "");
    return standard ? fflush(f) == 0 : fclose(f) == 0;
}

static char suite_name[32], table_title[256];

static void json_row(const char *name, const struct samples *values) {
    json_add("%s\n{\"suite\": ", report.any_row ? "," : "");
    report.any_row = true;
    json_string(suite_name);
    json_add(", \"table\": ");
    json_string(table_title);
    json_add(", \"case\": ");
    json_string(name);
    for (size_t i = 0; i < report.columns; i++) {
        json_add(", ");
        json_string(report.column[i].name);
        if (values[i].n == 0) {
            json_add(": null");
            continue;
        }
        struct samples s = sorted(&values[i]);
        json_add(": {\"median\": %.6g, \"min\": %.6g, \"max\": %.6g, \"runs\": %u}", samples_median(&s), s.value[0],
                 s.value[s.n - 1], s.n);
    }
    json_add("}");
}

/* ---- tables ---- */

void report_table(const char *suite, const char *title, size_t columns, const struct column *column) {
    snprintf(suite_name, sizeof suite_name, "%s", suite);
    snprintf(table_title, sizeof table_title, "%s", title);
    report.columns = columns;
    memcpy(report.column, column, columns * sizeof *column);
    printf("\n%s: %s\n%-*s", suite, title, NAME_WIDTH, "");
    for (size_t i = 0; i < columns; i++) printf("  %*s", CELL_WIDTH, column[i].name);
    printf("\n");
}

static void cell(const struct samples *values, int decimals) {
    char text[96] = "-";
    unsigned n = values->n;
    if (n != 0 && n <= SAMPLES_MAX) {
        struct samples s = sorted(values);
        double median = samples_median(&s), least = s.value[0], most = s.value[n - 1];
        if (n == 1)
            snprintf(text, sizeof text, "%.*f", decimals, median);
        else
            snprintf(text, sizeof text, "%.*f (%.*f-%.*f)", decimals, median, decimals, least, decimals, most);
    }
    printf("  %*s", CELL_WIDTH, text);
}

void report_row(const char *name, const struct samples *values) {
    printf("%-*s", NAME_WIDTH, name);
    for (size_t i = 0; i < report.columns; i++) cell(&values[i], report.column[i].decimals);
    printf("\n");
    json_row(name, values);
}

void report_note(const char *format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    printf("  %s\n", text);
    json_add("%s\n{\"suite\": ", report.any_row ? "," : "");
    report.any_row = true;
    json_string(suite_name);
    json_add(", \"note\": ");
    json_string(text);
    json_add("}");
}

/* ---- the machine ---- */

static void cpu_model(char *to, size_t size) {
    snprintf(to, size, "unknown processor");
    FILE *f = fopen("/proc/cpuinfo", "r");
    char line[256];
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || colon == NULL) continue;
        snprintf(to, size, "%.*s", (int)strcspn(colon + 2, "\n\"\\"), colon + 2);
        break;
    }
    if (f != NULL) fclose(f);
}

void report_machine(const struct bench *b) {
    struct utsname u;
    char model[128], date[32], pinned[32] = "not pinned";
    uname(&u);
    cpu_model(model, sizeof model);
    time_t now = time(NULL);
    struct tm utc;
    gmtime_r(&now, &utc);
    strftime(date, sizeof date, "%Y-%m-%d %H:%M UTC", &utc);
    if (b->cpu >= 0) snprintf(pinned, sizeof pinned, "pinned to processor %d", b->cpu);
    long cores = sysconf(_SC_NPROCESSORS_ONLN), l2 = sysconf(_SC_LEVEL2_CACHE_SIZE) / 1024;
    printf("tern %s, %s\n%s, %ld processors, %ld KiB of L2 cache; %s %s; compiler %s; %s; %u runs of %.2g s\n",
           tern_version(), date, model, cores, l2, u.sysname, u.release, __VERSION__, pinned, b->runs,
           (double)b->run_ns / 1e9);
    printf(
        "Figures are medians, in brackets the least and the most of the runs. bulk and conn count processor time.\n");
#if defined(TERN_DEBUG) || !defined(__OPTIMIZE__)
    printf("This is not an optimized build: the figures mean little. Use ./dev bench.\n");
#endif
    snprintf(report.machine, sizeof report.machine,
             "\"version\": \"%s\", \"date\": \"%s\", \"processor\": \"%s\", \"processors\": %ld, \"l2_kib\": %ld, "
             "\"kernel\": \"%s %s\", \"compiler\": \"%s\", \"cpu\": %d, \"runs\": %u, \"run_ns\": %llu",
             tern_version(), date, model, cores, l2, u.sysname, u.release, __VERSION__, b->cpu, b->runs,
             (unsigned long long)b->run_ns);
}
