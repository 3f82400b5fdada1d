/* drill_report.c - the scripts of `tern drill` in a list, and their results as text, JSON Lines and JUnit's XML. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli.h"
#include "cli/drill.h"
#include "lens/markup.h"

/* ---- the list ---- */

enum { DEPTH = 32, PATH_ROOM = 4096 };

static int add_file(struct drill_list *l, const char *path) {
    if (l->n == l->room) {
        size_t room = l->room != 0 ? 2 * l->room : 64;
        struct drill_script *more = realloc(l->of, room * sizeof *more);
        if (more == NULL) return -ENOMEM;
        l->of = more;
        l->room = room;
    }
    l->of[l->n] = (struct drill_script){.path = strdup(path)};
    return l->of[l->n++].path != NULL ? 0 : -ENOMEM;
}

static bool is_script(const char *name) {
    size_t n = strlen(name);
    return n > 4 && strcmp(name + n - 4, ".pkt") == 0;
}

static int visible(const struct dirent *e) { return e->d_name[0] != '.'; }

static int add(struct drill_list *l, const char *path, unsigned depth) {
    struct stat st;
    struct dirent **names;
    if (stat(path, &st) < 0) return -errno;
    if (!S_ISDIR(st.st_mode)) return depth == 0 || is_script(path) ? add_file(l, path) : 0;
    if (depth == DEPTH) return -ELOOP;
    int n = scandir(path, &names, visible, alphasort), error = n < 0 ? -errno : 0;
    for (int i = 0; i < n; i++) {
        char below[PATH_ROOM];
        const char *slash = path[strlen(path) - 1] == '/' ? "" : "/";
        int len = snprintf(below, sizeof below, "%s%s%s", path, slash, names[i]->d_name);
        if (error == 0) error = len < PATH_ROOM ? add(l, below, depth + 1) : -ENAMETOOLONG;
        free(names[i]);
    }
    if (n >= 0) free(names);
    return error;
}

int drill_list_add(struct drill_list *l, const char *path) { return add(l, path, 0); }

void drill_list_free(struct drill_list *l) {
    for (size_t i = 0; i < l->n; i++) {
        free(l->of[i].path);
        free(l->of[i].result.report);
    }
    free(l->of);
}

struct drill_sum drill_sum(const struct drill_list *l) {
    struct drill_sum all = {0, l->n, 0};
    for (size_t i = 0; i < l->n; i++) {
        all.passed += l->of[i].result.verdict == VERDICT_PASS;
        all.skipped += l->of[i].result.skipped;
    }
    return all;
}

/* ---- text ---- */

void drill_say(FILE *out, const struct drill_script *s, bool verbose) {
    const struct drill_result *r = &s->result;
    if (r->verdict == VERDICT_BAD && r->at.line != 0)
        fprintf(out, "%s:%u:%u: %s\n", s->path, r->at.line, r->at.column, r->text);
    else if (r->verdict == VERDICT_BAD)
        fprintf(out, "%s: %s\n", s->path, r->text);
    else if (r->report != NULL)
        fputs(r->report, out);
    if (r->verdict != VERDICT_PASS)
        fputc('\n', out);
    else if (verbose)
        fprintf(out, _("passed  %s  (%.3f s of virtual time in %.3f ms)\n"), s->path, (double)r->clock_ns / 1e9,
                (double)s->took_ns / 1e6);
}

static size_t folder_len(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash != NULL ? (size_t)(slash - path) : 0;
}

void drill_folders(FILE *out, const struct drill_list *l) {
    size_t next, folders = 0;
    for (int print = 0; print < 2; print++) {
        for (size_t i = 0; i < l->n; i = next) {
            size_t n = folder_len(l->of[i].path), passed = 0;
            for (next = i;
                 next < l->n && folder_len(l->of[next].path) == n && memcmp(l->of[next].path, l->of[i].path, n) == 0;
                 next++)
                passed += l->of[next].result.verdict == VERDICT_PASS;
            folders += !print;
            if (print && folders > 1)
                fprintf(out, "%4zu / %-4zu %.*s\n", passed, next - i, n > 0 ? (int)n : 1, n > 0 ? l->of[i].path : ".");
        }
    }
}

/* ---- for programs ---- */

static const char *verdict_name(enum verdict v) {
    return v == VERDICT_PASS ? "pass" : v == VERDICT_FAIL ? "fail" : "bad";
}

void drill_json(FILE *out, const struct drill_list *l) {
    struct drill_sum all = drill_sum(l);
    fputs("{\"schema\":\"tern.drill/1\",\"kind\":\"start\",\"version\":", out);
    json_put(out, tern_version());
    fputs("}\n", out);
    for (size_t i = 0; i < l->n; i++) {
        const struct drill_script *s = &l->of[i];
        const struct drill_result *r = &s->result;
        fputs("{\"kind\":\"script\",\"path\":", out);
        json_put(out, s->path);
        fprintf(out, ",\"verdict\":\"%s\",\"clock_ns\":%llu,\"took_ns\":%llu,\"skipped\":%u", verdict_name(r->verdict),
                (unsigned long long)r->clock_ns, (unsigned long long)s->took_ns, r->skipped);
        if (r->verdict != VERDICT_PASS) {
            fprintf(out, ",\"line\":%u,\"column\":%u,\"text\":", r->at.line, r->at.column);
            json_put(out, r->text);
            fputs(",\"report\":", out);
            json_put(out, r->report != NULL ? r->report : "");
        }
        fputs("}\n", out);
    }
    fprintf(out, "{\"kind\":\"sum\",\"passed\":%zu,\"scripts\":%zu,\"skipped\":%zu}\n", all.passed, all.all,
            all.skipped);
}

void drill_junit(FILE *out, const struct drill_list *l) {
    struct drill_sum all = drill_sum(l);
    fprintf(
        out,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"tern drill\" tests=\"%zu\" failures=\"%zu\">\n",
        all.all, all.all - all.passed);
    for (size_t i = 0; i < l->n; i++) {
        const struct drill_script *s = &l->of[i];
        size_t folder = folder_len(s->path);
        fputs("  <testcase classname=\"", out);
        xml_put_n(out, s->path, folder);
        fputs("\" name=\"", out);
        xml_put(out, s->path + folder + (folder > 0));
        fprintf(out, "\" time=\"%.6f\"", (double)s->took_ns / 1e9);
        if (s->result.verdict == VERDICT_PASS) {
            fputs("/>\n", out);
            continue;
        }
        fputs(">\n    <failure message=\"", out);
        xml_put(out, s->result.text);
        fputs("\">", out);
        xml_put(out, s->result.report != NULL ? s->result.report : s->result.text);
        fputs("</failure>\n  </testcase>\n", out);
    }
    fputs("</testsuite>\n", out);
}
