/* play_against.c - `tern play --against linux`: runs with the kernel at one end. Each is a process of its own with a
 * network of its own, since most of the time of each is spent waiting. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/play.h"

enum { AT_A_TIME = 64, TRIES = 20, TOLD = 4 };
#define BUSY_NS 20000000u

/* What a child tells of its run. */
struct report {
    int code; /* exit code */
    unsigned checks, failed;
    uint64_t end_ns;
    char text[TOLD][512];
};
_Static_assert(sizeof(struct report) <= 4096, "goes through a pipe in one piece");

struct job {
    const struct catalogue_scenario *c;
    struct scenario *s;
    unsigned take;
    int linux_end;
    pid_t child;
    int out; /* -1: not started, or read */
    bool done;
    struct report report;
};

struct jobs {
    struct job *job;
    size_t n, room, begun, told;
    unsigned running, failed, refused;
};

bool play_against_option(const char *value, struct play_options *o) {
    o->against = true;
    o->linux[0] = strcmp(value, "linux") == 0 || strcmp(value, "linux:A") == 0;
    o->linux[1] = strcmp(value, "linux") == 0 || strcmp(value, "linux:B") == 0;
    return o->linux[0] || o->linux[1];
}

int play_against(const struct scenario *s, const char *file, unsigned take, int linux_end, struct play_result *r,
                 struct play_error *err) {
    for (int i = 1;; i++) {
        int code = play_linux(s, file, take, linux_end, r, err);
        if (code != 0 || r->failed == 0 || r->late_ns < BUSY_NS || i == TRIES) return code;
        play_result_free(r);
    }
}

/* ---- the children ---- */

static void play_and_tell(const struct job *j, int out) {
    static struct report t;
    static struct play_result r;
    struct play_error err;
    int code = play_against(j->s, j->c->file, j->take, j->linux_end, &r, &err);
    if (code != 0) {
        t.code = code == PLAY_REFUSED ? EXIT_REFUSED : EXIT_TROUBLE;
        snprintf(t.text[0], sizeof t.text[0], "%s", err.text);
    } else {
        t.code = r.failed > 0 ? EXIT_TROUBLE : EXIT_FINE;
        t.checks = r.checks;
        t.failed = r.failed;
        t.end_ns = r.end_ns;
        for (unsigned i = 0; i < r.failed && i < TOLD; i++) memcpy(t.text[i], r.failure[i], sizeof t.text[i]);
    }
    _exit(write(out, &t, sizeof t) == (ssize_t)sizeof t ? 0 : 1);
}

static int start(struct jobs *all) {
    struct job *j = &all->job[all->begun];
    int fds[2];
    if (pipe(fds) != 0) return trouble("pipe: %s", i18n_error(errno));
    fflush(stdout);
    j->child = fork();
    if (j->child < 0) {
        close(fds[0]);
        close(fds[1]);
        return trouble("fork: %s", i18n_error(errno));
    }
    if (j->child == 0) {
        close(fds[0]);
        play_and_tell(j, fds[1]);
    }
    close(fds[1]);
    j->out = fds[0];
    all->begun++;
    all->running++;
    return 0;
}

/* Waits for any child. */
static void reap(struct jobs *all) {
    int status;
    pid_t child = wait(&status);
    for (size_t i = 0; i < all->begun; i++) {
        struct job *j = &all->job[i];
        if (j->child != child || j->done) continue;
        j->done = true;
        if (read(j->out, &j->report, sizeof j->report) != (ssize_t)sizeof j->report) {
            j->report.code = EXIT_TROUBLE;
            snprintf(j->report.text[0], sizeof j->report.text[0], "%s", _("it ended before it could tell how"));
            j->report.failed = 1;
        }
        close(j->out);
    }
    all->running--;
}

/* ---- the list ---- */

static void tell(struct jobs *all) {
    for (; all->told < all->begun && all->job[all->told].done; all->told++) {
        const struct job *j = &all->job[all->told];
        const struct report *t = &j->report;
        char name[2 * PLAY_NAME + 2];
        const char *run = j->s->take[j->take].name;
        snprintf(name, sizeof name, "%s%s%s", j->c->name, run[0] != '\0' ? "/" : "", run);
        all->failed += t->code == EXIT_TROUBLE;
        all->refused += t->code == EXIT_REFUSED;
        if (t->code == EXIT_REFUSED) continue;
        printf("%s %-40s ", t->code == EXIT_FINE ? "✓" : "✗", name);
        printf(_("%c is Linux, %u things true, %.1f s\n"), 'A' + j->linux_end, t->checks - t->failed,
               (double)t->end_ns / 1e9);
        for (unsigned i = 0; i < TOLD && t->text[i][0] != '\0'; i++) printf("  %s\n", t->text[i]);
        fflush(stdout);
    }
}

static bool add(struct jobs *all, const struct catalogue_scenario *c, struct scenario *s, unsigned take, int end) {
    if (all->n == all->room) {
        size_t room = all->room > 0 ? 2 * all->room : 64;
        struct job *more = realloc(all->job, room * sizeof *more);
        if (more == NULL) return false;
        all->job = more;
        all->room = room;
    }
    all->job[all->n++] = (struct job){.c = c, .s = s, .take = take, .linux_end = end, .out = -1};
    return true;
}

static int collect(struct jobs *all, const struct play_options *o) {
    struct play_error err;
    for (size_t i = 0; i < catalogue_scenarios_count; i++) {
        const struct catalogue_scenario *c = &catalogue_scenarios[i];
        struct scenario *s;
        size_t before = all->n;
        if (scenario_read(c->file, c->name, c->text, c->len, &s, &err) < 0) return trouble("%s", err.text);
        for (unsigned k = 0; k < 2 * s->takes; k++) {
            int end = (int)(k % 2);
            if (!s->take[k / 2].linux[end] || !o->linux[end]) continue;
            if (!add(all, c, s, k / 2, end)) return trouble("%s", i18n_error(ENOMEM));
        }
        if (all->n == before) scenario_free(s);
    }
    return 0;
}

static int conclude(const struct jobs *all) {
    if (all->refused > 0) {
        for (size_t i = 0; i < all->n; i++) {
            if (all->job[i].report.code != EXIT_REFUSED) continue;
            trouble("%s", all->job[i].report.text[0]);
            break;
        }
        return all->failed > 0 ? EXIT_TROUBLE : EXIT_REFUSED;
    }
    printf(_("%zu plays against Linux, %u of them not as they must be.\n"), all->n, all->failed);
    return all->failed > 0 ? EXIT_TROUBLE : EXIT_FINE;
}

int play_against_all(const struct play_options *o) {
    struct jobs all = {0};
    bool extra = o->json || o->step || o->paced || o->pcap != NULL || o->run != NULL;
    for (size_t i = 0; i < PICTURE_KINDS; i++) extra |= o->pictures.path[i] != NULL;
    if (extra) return misuse(_("of the options --against alone goes without a NAME"));
    int code = collect(&all, o);
    while (code == 0 && all.told < all.n) {
        bool go = all.begun < all.n && all.running < AT_A_TIME && all.refused == 0;
        if (go) code = start(&all);
        if (go && code == 0) continue;
        if (all.running == 0) break;
        reap(&all);
        tell(&all);
    }
    while (all.running > 0) reap(&all);
    if (code == 0) code = conclude(&all);
    for (size_t i = 0; i < all.n; i++)
        if (i + 1 == all.n || all.job[i + 1].s != all.job[i].s) scenario_free(all.job[i].s);
    free(all.job);
    return code;
}
