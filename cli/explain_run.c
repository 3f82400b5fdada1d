/* explain_run.c - one run of `tern explain`: opens everything, gives up its rights, reads to the end, writes. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "cli/explain.h"
#include "drivers/privilege.h"
#include "drivers/sandbox.h"
#include "explain/clocks.h"
#include "explain/connlog.h"
#include "explain/drawn.h"
#include "explain/follow.h"
#include "explain/json.h"
#include "explain/live.h"
#include "explain/name.h"
#include "explain/places.h"
#include "lens/text.h"

/* A summary that goes to a file or a pipe has a line a connection, however long. */
enum { UNWRAPPED = 2000, ERRORS_TOLD = 10, PROGRESS_EVERY = 8192 };

/* What is over stays known for so long: a late FIN, and a new connection on the same ports, belong to it. */
static const uint64_t linger_ns = 120 * SEC_NS, progress_ns = 200 * MS_NS;
/* Who looks on wants to hear of it sooner. */
static const uint64_t live_linger_ns = 3 * SEC_NS;

struct run {
    const struct explain_plan *plan;
    struct capture *capture;
    struct live *live;
    struct follow follow;
    struct explain_machine machine;
    struct flow_table *table;
    struct decoder decoder;
    struct clocks *clocks; /* of several files */
    struct places *places; /* where they show the same connections */
    struct totals totals;
    struct report report;
    struct ladder_options ladder;
    struct pictures pictures;
    struct annotate *annotate;
    struct explain_output json, connlog, metrics;
    struct steps steps[EXPLAIN_CHOSEN];
    bool text, summary; /* for people; a line a connection */
    bool terminal;      /* standard error is one: progress is shown */
    bool found, told;   /* a problem; something was printed */
    bool awaits;        /* more is still to happen, and someone looks on: live, or a file that is followed */
    bool lost;          /* the file that was followed */
    uint64_t drawn, next_progress_ns;
    uint64_t heard, heard_ns; /* packets so far, and when the latest was read; of a file that is followed */
};

static volatile sig_atomic_t stopped;
static void on_signal(int number) {
    (void)number;
    stopped = 1;
}

/* ---- connections ---- */

static struct steps *steps_of(struct run *r, uint64_t id) {
    for (size_t i = 0; i < r->plan->choice.ids; i++)
        if (r->plan->choice.id[i] == id) return &r->steps[i];
    return NULL;
}

static void clear_progress(const struct run *r) {
    if (r->terminal) fputs("\r\033[K", stderr);
}

static void show(struct run *r, const struct explain_flow *f, const struct verdict *v) {
    struct steps *s = r->plan->draws ? steps_of(r, f->id) : NULL;
    clear_progress(r);
    if (s != NULL) steps_look_back(s);
    if (s != NULL && (r->text || r->ladder.picture != NULL)) {
        drawn_flow(&r->ladder, f, s);
        if (r->text) report_full(&r->report, f, v);
    } else if (r->summary) {
        if (!r->told) report_heading(&r->report);
        report_line(&r->report, f, v);
    }
    if (r->json.file != NULL) json_flow(r->json.file, f, v, s, r->drawn == 0);
    if (r->connlog.file != NULL && r->drawn == 0) connlog_begin(r->connlog.file, r->totals.first_ns);
    if (r->connlog.file != NULL) connlog_flow(r->connlog.file, f, v);
    r->drawn++;
    r->told = true;
    if (s != NULL) steps_free(s);
    if (r->awaits) fflush(stdout);
}

static void conclude(struct run *r, struct explain_flow *f, uint64_t now_ns) {
    struct verdict v;
    verdict_of(&r->machine, f, now_ns, &v);
    if (explain_chosen(&r->plan->choice, f, &v)) {
        r->found = r->found || v.severity >= SEVERITY_PROBLEM;
        show(r, f, &v);
    }
    totals_flow(&r->totals, f, &v);
}

static void done(void *ctx, struct explain_flow *f, uint64_t now_ns) { conclude(ctx, f, now_ns); }

static void seen(void *ctx, struct explain_flow *f, const struct flow_packet *p, const struct sight *l,
                 const struct passive_view *view) {
    struct run *r = ctx;
    if (r->connlog.file != NULL) connlog_packet(f, p, l);
    if (r->annotate != NULL) annotate_seen(r->annotate, f, p, view);
    struct steps *s = r->plan->draws ? steps_of(r, f->id) : NULL;
    if (s != NULL) steps_add(s, p, l, view);
}

/* ---- opening ---- */

static int open_output(struct explain_output *o) {
    if (!o->wanted) return 0;
    bool std = o->path == NULL || strcmp(o->path, "-") == 0;
    o->file = std ? stdout : fopen(o->path, "we");
    return o->file != NULL ? 0 : trouble(_("%s: cannot open: %s"), o->path, i18n_error(errno));
}

static int close_output(struct explain_output *o) {
    if (o->file == NULL || o->file == stdout) return 0;
    bool bad = ferror(o->file) != 0;
    bad = fclose(o->file) != 0 || bad;
    o->file = NULL;
    return bad ? trouble(_("%s: cannot write: %s"), o->path, i18n_error(errno)) : 0;
}

static int open_outputs(struct run *r) {
    const struct explain_plan *p = r->plan;
    r->json = p->json;
    r->connlog = p->connlog;
    r->metrics = p->metrics;
    r->pictures = p->pictures;
    int code = open_output(&r->json);
    if (code == 0) code = open_output(&r->connlog);
    if (code == 0) code = open_output(&r->metrics);
    if (code != 0) return code;
    bool taken = r->json.file == stdout || r->connlog.file == stdout || r->metrics.file == stdout ||
                 pictures_stdout(&p->pictures) || (p->annotate != NULL && strcmp(p->annotate, "-") == 0);
    r->text = !taken;
    r->summary = !taken && !p->draws;
    r->ladder = look_for(&p->look, stdout);
    r->ladder.name[END_A] = "A";
    r->ladder.name[END_B] = "B";
    r->ladder.width = terminal_width(STDOUT_FILENO, 132) - 1;
    if (taken) r->ladder.out = NULL;
    r->report =
        (struct report){stdout, i18n_lang(), terminal_width(STDOUT_FILENO, UNWRAPPED), r->ladder.colour, p->look.ascii};
    code = pictures_begin(&r->pictures, NULL, &r->ladder);
    if (code != 0 || p->annotate == NULL) return code;
    int e = annotate_open(p->annotate, i18n_lang(), &r->annotate);
    return e < 0 ? trouble(_("%s: cannot open: %s"), p->annotate, i18n_error(-e)) : 0;
}

/* ---- a file that is still being written ---- */

static uint64_t monotonic(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * SEC_NS + (uint64_t)t.tv_nsec;
}

/* Time goes on from the last packet, whatever clock the capture has. */
static bool wait_for_more(void *ctx, int fd, uint64_t read) {
    struct run *r = ctx;
    uint64_t now = monotonic();
    if (r->heard != r->totals.packets) r->heard_ns = now;
    r->heard = r->totals.packets;
    if (r->heard > 0) flow_table_time(r->table, r->totals.last_ns + (now - r->heard_ns));
    if (stopped || r->lost) return false;
    const char *over = follow_wait(&r->follow, fd, read);
    r->lost = over != NULL;
    if (r->lost) trouble(_("%s: %s"), r->plan->files[0], _(over));
    return !r->lost && !stopped;
}

/* ---- input, and rights ---- */

static int open_input(struct run *r) {
    const struct explain_plan *p = r->plan;
    char error[LIVE_ERROR];
    r->awaits = p->iface != NULL || p->follow;
    if (p->iface == NULL) {
        const char *why = p->follow ? follow_begin(&r->follow, p->files[0]) : NULL;
        if (why != NULL) return trouble(_("%s: %s"), p->files[0], _(why));
        r->capture = capture_open(p->files, p->files_n);
        if (r->capture == NULL) return trouble("%s", i18n_error(ENOMEM));
        if (p->follow) capture_follow(r->capture, wait_for_more, r);
        return 0;
    }
    r->live = live_open(p->iface, p->filter, error);
    return r->live != NULL ? 0 : trouble(_("--live: %s"), error);
}

/* From here on only bytes that strangers wrote decide what happens. */
static int give_up_rights(const struct run *r) {
    struct driver_error err;
    if (r->plan->keep_privileges) return 0;
    if (drop_privileges(PRIVILEGE_NOBODY, &err) < 0) return trouble("%s", err.text);
    sandbox_reader(); /* a machine without it reads all the same */
    return 0;
}

/* ---- clocks of several files ---- */

static void clear_and_say(const struct run *r, const char *said) {
    if (r->terminal) fprintf(stderr, "\r%s\033[K", said);
}

static bool look(void *ctx, const struct capture_packet *p) {
    struct run *r = ctx;
    struct decoded d;
    memset(&d, 0, sizeof d);
    if (decode(&r->decoder, p, &d) == DECODE_TCP) clocks_packet(r->clocks, p->place.file, &d);
    return !stopped;
}

static uint64_t corrected(const void *ctx, uint32_t file, uint64_t time_ns) {
    return clocks_corrected(ctx, file, time_ns);
}

/* Reads all files once to see whether their clocks agree; files that can be read only once are taken as they are. */
static int compare_clocks(struct run *r) {
    const struct explain_plan *p = r->plan;
    if (p->files_n < 2 || p->keep_times) return 0;
    r->clocks = clocks_new(p->files_n);
    if (r->clocks == NULL) return trouble("%s", i18n_error(ENOMEM));
    clear_and_say(r, _("comparing the clocks of the files"));
    decoder_init(&r->decoder);
    r->decoder.check_sums = false;
    for (uint32_t i = 0; i < p->files_n; i++) capture_look_ahead(r->capture, i, look, r);
    decoder_free(&r->decoder);
    clear_progress(r);
    if (!clocks_compare(r->clocks)) return trouble("%s", i18n_error(ENOMEM));
    capture_correct(r->capture, corrected, r->clocks);
    if (clocks_places(r->clocks) < 2) return 0;
    r->places = places_new(r->clocks, p->files_n);
    return r->places != NULL ? 0 : trouble("%s", i18n_error(ENOMEM));
}

static int begin(struct run *r, const struct explain_plan *plan) {
    struct explain_options options = {
        .vantage = plan->vantage, .close_wait_ns = plan->close_wait_ns, .done = done, .ctx = r};
    struct sigaction action = {.sa_handler = on_signal};
    memset(r, 0, sizeof *r);
    r->plan = plan;
    r->terminal = isatty(STDERR_FILENO);
    int code = open_input(r);
    if (code == 0) code = open_outputs(r);
    if (code == 0) code = give_up_rights(r);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    if (code == 0) code = compare_clocks(r);
    if (code != 0) return code;
    if (r->places != NULL && plan->vantage != VANTAGE_UNKNOWN) {
        note(_("--vantage is not heeded: the files were captured at different places"));
        options.vantage = VANTAGE_UNKNOWN;
    }
    if (r->connlog.file != NULL || r->annotate != NULL || plan->draws) options.seen = seen;
    machine_init(&r->machine, &options);
    decoder_init(&r->decoder);
    r->table = flow_table_new(&r->machine.ops, plan->max_flows, r->awaits ? live_linger_ns : linger_ns);
    if (r->table == NULL) return trouble("%s", i18n_error(ENOMEM));
    flow_table_places(r->table, r->places);
    if (r->json.file != NULL) json_begin(r->json.file, plan->files, plan->files_n, r->clocks);
    return 0;
}

/* ---- reading ---- */

static void tell_error(struct run *r, const struct capture_error *e) {
    char what[256], said[384];
    clear_progress(r);
    if (r->totals.errors++ >= ERRORS_TOLD) return;
    snprintf(what, sizeof what, _(e->text), e->a, e->b);
    const char *file = capture_file(r->capture, e->place.file);
    if (e->error != 0)
        snprintf(said, sizeof said, _("%s: %s"), what, i18n_error(e->error));
    else
        snprintf(said, sizeof said, "%s", what);
    if (e->place.block == 0)
        trouble(_("%s: %s"), file, said);
    else
        trouble(_("%s: block %llu at offset %llu: %s"), file, (unsigned long long)e->place.block,
                (unsigned long long)e->place.offset, said);
    if (r->totals.errors == ERRORS_TOLD) note(_("more such places are only counted"));
}

static void progress(struct run *r) {
    uint64_t at = 0, all = 0, now = monotonic();
    char read[32], whole[32], said[160];
    if (now < r->next_progress_ns) return;
    bool first = r->next_progress_ns == 0;
    r->next_progress_ns = now + progress_ns;
    if (first) return; /* what is read at once needs none */
    capture_progress(r->capture, &at, &all);
    const struct flow_counts *c = flow_table_counts(r->table);
    snprintf(said, sizeof said, _("%s of %s read, %llu packets, %llu connections"), bytes_name(at, read),
             all > 0 ? bytes_name(all, whole) : "?", (unsigned long long)r->totals.packets,
             (unsigned long long)c->flows);
    fprintf(stderr, "\r%s\033[K", said);
}

static void take(struct run *r, const struct capture_packet *p) {
    enum decode_kind kind = decode(&r->decoder, p, flow_table_room(r->table));
    totals_packet(&r->totals, p, kind);
    if (kind == DECODE_TCP || kind == DECODE_ICMP) flow_table_take(r->table, kind == DECODE_ICMP);
    if (r->annotate != NULL) flow_table_settle(r->table); /* what is said of a packet stands with it */
    if (r->annotate != NULL)
        annotate_packet(r->annotate, p, r->capture != NULL ? capture_iface_name(r->capture, p->iface) : r->plan->iface);
}

static void read_files(struct run *r) {
    struct capture_packet p;
    struct capture_error e;
    int got;
    if (r->awaits) note(_("following %s; an interrupt ends it"), r->plan->files[0]);
    while (!stopped && (got = capture_next(r->capture, &p, &e)) != 0) {
        if (got < 0)
            tell_error(r, &e);
        else
            take(r, &p);
        if (r->terminal && !r->awaits && r->totals.packets % PROGRESS_EVERY == 0) progress(r);
    }
}

static int read_live(struct run *r) {
    struct capture_packet p;
    char error[LIVE_ERROR];
    note(_("listening on %s; an interrupt ends it"), r->plan->iface);
    while (!stopped) {
        int got = live_next(r->live, &p, error);
        if (got < 0) return trouble(_("--live: %s"), error);
        if (got > 0) take(r, &p);
        struct timespec t;
        clock_gettime(CLOCK_REALTIME, &t);
        flow_table_time(r->table, (uint64_t)t.tv_sec * SEC_NS + (uint64_t)t.tv_nsec);
    }
    r->totals.dropped = live_dropped(r->live);
    return 0;
}

/* ---- the end ---- */

static int finish(struct run *r) {
    int code = 0;
    bool nothing = r->totals.packets == 0 && r->totals.errors > 0; /* no file could be read, which was said */
    clear_progress(r);
    flow_table_end(r->table);
    if (r->connlog.file != NULL && r->drawn == 0) connlog_begin(r->connlog.file, r->totals.first_ns);
    r->totals.flows = *flow_table_counts(r->table);
    for (size_t i = 0; i < r->plan->choice.ids; i++)
        if (!nothing && r->plan->choice.id[i] > r->totals.flows.flows)
            code = trouble(_("--flow: there is no connection %llu; the capture has %llu"),
                           (unsigned long long)r->plan->choice.id[i], (unsigned long long)r->totals.flows.flows);
    if (r->text && !r->plan->draws && r->told) fputc('\n', stdout);
    if (r->text && !nothing && r->clocks != NULL)
        report_clocks(&r->report, r->clocks, r->plan->files, r->plan->files_n);
    if (r->text && !nothing) report_totals(&r->report, &r->totals);
    if (r->json.file != NULL) json_end(r->json.file, &r->totals);
    if (r->connlog.file != NULL) connlog_end(r->connlog.file, r->totals.last_ns);
    if (r->metrics.file != NULL) totals_openmetrics(&r->totals, r->metrics.file);
    return code;
}

static int close_all(struct run *r) {
    int code = pictures_end(&r->pictures), e = annotate_close(r->annotate);
    if (e < 0) code = trouble(_("%s: cannot write: %s"), r->plan->annotate, i18n_error(-e));
    struct explain_output *outputs[] = {&r->json, &r->connlog, &r->metrics};
    for (size_t i = 0; i < ARRAY_LEN(outputs); i++)
        if (close_output(outputs[i]) != 0) code = EXIT_TROUBLE;
    for (size_t i = 0; i < EXPLAIN_CHOSEN; i++) steps_free(&r->steps[i]);
    flow_table_free(r->table);
    decoder_free(&r->decoder);
    places_free(r->places);
    clocks_free(r->clocks);
    capture_close(r->capture);
    live_close(r->live);
    if (r->plan->follow) follow_end(&r->follow);
    return code;
}

int explain_run(const struct explain_plan *plan) {
    static struct run r;
    int code = begin(&r, plan);
    if (code == 0) {
        if (r.live != NULL)
            code = read_live(&r);
        else
            read_files(&r);
        int ended = finish(&r);
        if (code == 0) code = ended;
    }
    int closed = close_all(&r);
    if (code == 0) code = closed;
    if (code == 0 && (r.totals.errors > 0 || r.lost)) code = EXIT_TROUBLE;
    return code == 0 && plan->exit_code && r.found ? EXIT_FOUND : code;
}
