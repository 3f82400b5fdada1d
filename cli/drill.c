/* drill.c - `tern drill FILE|DIR...`: runs packetdrill scripts against tern in this process, in virtual time. Options,
 * workers, exit code; the language is drill/'s, the results drill_report.c's. */
#include "cli/drill.h"

#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/node.h"
#include "drivers/host.h"
#include "lens/text.h"

enum {
    O_JSON = OPT_COMMAND,
    O_JUNIT,
    O_PCAP,
    O_SHELL,
    O_SET,
    O_COLOR,
    O_COLOUR,
    O_LANGUAGE, /* from here on: options that scripts have too */
};

static const struct opt run_opts[] = {
    {'j', "jobs", "N", N_("so many scripts at a time; otherwise 1")},
    {'v', "verbose", NULL, N_("name the scripts that passed, too")},
    {O_JSON, "json", "[=FILE]", N_("results as JSON Lines, on standard output instead of the text, or in FILE")},
    {O_JUNIT, "junit", "FILE", N_("results as JUnit's XML")},
    {O_PCAP, "pcap", "FILE", N_("the packets of a script as pcapng, with a comment on each; for one script")},
    {O_SHELL, "shell", NULL, N_("run `commands` that are no settings of the stack; otherwise they are skipped")},
    {O_SET, "set", "NAME=VALUE", N_("a setting of the stack; '--set help' lists them")},
    {O_COLOR, "color", "WHEN", N_("auto, always or never; auto heeds NO_COLOR and CLICOLOR_FORCE")},
    {O_COLOUR, "colour", "WHEN", NULL},
};

#define LANGUAGE(i) (O_LANGUAGE + (i))
static const struct opt language_opts[] = {
    {LANGUAGE(0), "ip_version", "V", N_("ipv4, ipv6 or ipv4-mapped-ipv6")},
    {LANGUAGE(1), "local_ip", "A", N_("address of tern; otherwise 192.168.0.1 or fd3d:a0b:17d6::1")},
    {LANGUAGE(2), "remote_ip", "A", N_("address of the script's side; otherwise 192.0.2.1 or fd3d:fa7b:d17d::1")},
    {LANGUAGE(3), "bind_port", "N", N_("port that bind(3, ..., ...) means; otherwise 8080")},
    {LANGUAGE(4), "connect_port", "N", N_("port that connect(3, ..., ...) means; otherwise 8080")},
    {LANGUAGE(5), "mtu", "N", N_("largest IP packet; otherwise 1500")},
    {LANGUAGE(6), "tolerance_usecs", "N", N_("how much too early or too late is still right; otherwise 4000")},
    {LANGUAGE(7), "tolerance_percent", "X", N_("the same, of the time since the event before; otherwise 12.5")},
    {LANGUAGE(8), "tcp_ts_tick_usecs", "N",
     N_("compare timestamps, of ticks this long; otherwise they are not compared")},
    {LANGUAGE(9), "tcp_ts_ecr_scaled", NULL, N_("an echoed timestamp need not be one that was seen")},
    {LANGUAGE(10), "strict_segments", NULL, N_("never add up segments to the length that is expected")},
    {LANGUAGE(11), "strict", NULL, N_("every packet must be expected, every echoed timestamp right")},
    {LANGUAGE(12), "non_fatal", "WHAT",
     N_("packet, syscall or both: such a difference is told, and the script goes on")},
    {LANGUAGE(13), "dry_run", NULL, N_("only read the scripts")},
    {LANGUAGE(14), "code_command", "PROGRAM", N_("the interpreter of %{ code }%; otherwise python3")},
    {'D', "define", "NAME[=VALUE]", N_("a word of the script stands for this value; #ifdef NAME counts")},
    {LANGUAGE(15), "gateway_ip", "A", NULL},
    {LANGUAGE(16), "netmask_ip", "A", NULL},
    {LANGUAGE(17), "mss", "N", NULL},
    {LANGUAGE(18), "speed", "N", NULL},
    {LANGUAGE(19), "send_omit_free", NULL, NULL},
    {LANGUAGE(20), "init_scripts", "FILE", NULL},
    {LANGUAGE(21), "is_anyip", NULL, NULL},
    {LANGUAGE(22), "debug", NULL, NULL},
    {LANGUAGE(23), "code_format", "X", NULL},
    {LANGUAGE(24), "code_sockopt", "X", NULL},
};

static const struct opt_group groups[2] = {
    OPT_GROUP(N_("Running:"), run_opts),
    OPT_GROUP(N_("As in the first lines of a script, where they count less:"), language_opts),
};

static const char about[] = N_(
    "Runs scripts in the language of packetdrill: calls on sockets, packets that arrive, and packets that TCP must "
    "answer with, each with its time. They run against tern in this process, in virtual time: nothing waits, and no "
    "privileges are needed. A directory stands for all *.pkt files below it. A failure shows the line of the script, "
    "the expected packet above the actual one, and what tern did last and why; the last line is PASS n / m.");
static const char after[] = N_("Example:\n"
                               "  tern drill --strict tests/drill\n\n"
                               "A script, all of it:\n"
                               "  0   socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"
                               "  +0  setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0\n"
                               "  +0  bind(3, ..., ...) = 0\n"
                               "  +0  listen(3, 1) = 0\n"
                               "  +.1 < S 0:0(0) win 1000 <mss 1000>\n"
                               "  +0  > S. 0:0(0) ack 1 <mss 1460>\n"
                               "The manual tern-drill(1) describes the language.");

struct work {
    struct drill_list list;
    struct drill_setup setup;
    atomic_size_t next;
};

static void *worker(void *ctx) {
    struct work *w = ctx;
    struct python *python = NULL;
    struct drill_setup setup = w->setup;
    setup.python = &python;
    for (size_t i; (i = atomic_fetch_add(&w->next, 1)) < w->list.n;) {
        struct drill_script *s = &w->list.of[i];
        uint64_t began = tern_host_now();
        drill_run(s->path, &setup, &s->result);
        s->took_ns = tern_host_now() - began;
    }
    python_end(python);
    return NULL;
}

static void run_all(struct work *w, unsigned jobs) {
    enum { JOBS_MOST = 64 };
    pthread_t thread[JOBS_MOST];
    unsigned started = 0;
    if (jobs > JOBS_MOST) jobs = JOBS_MOST;
    while (started + 1 < jobs && pthread_create(&thread[started], NULL, worker, w) == 0) started++;
    worker(w);
    while (started > 0) pthread_join(thread[--started], NULL);
}

struct asked {
    uint64_t jobs;
    bool verbose, json;
    const char *json_path, *junit, *colour;
};

/* What the language has as an option goes to every script. */
static int language(struct work *w, const char *name, const char *value) {
    struct overrides *over = &w->setup.over;
    struct drill_options scratch;
    struct drill_error err;
    struct arena *arena = arena_new();
    enum { MOST = sizeof over->of / sizeof over->of[0] };
    if (over->n == MOST || arena == NULL) {
        arena_free(arena);
        return misuse(_("%s: more than %d are not possible"), name, MOST);
    }
    drill_options_default(&scratch);
    bool fine = drill_option(&scratch, arena, name, value, &err);
    arena_free(arena);
    if (!fine) return misuse("%s", err.text);
    over->of[over->n].name = name;
    over->of[over->n++].value = value;
    return 0;
}

static int option(struct work *w, struct asked *a, int code, const char *value) {
    switch (code) {
    case 'j':
        return number_parse(value, 1, 64, &a->jobs) ? 0 : misuse(_("-j: '%s' is not a number from 1 to %d"), value, 64);
    case 'v': a->verbose = true; return 0;
    case O_JSON:
        a->json = true;
        a->json_path = value;
        return 0;
    case O_JUNIT: a->junit = value; return 0;
    case O_PCAP: w->setup.pcap = value; return 0;
    case O_SHELL: w->setup.shell = true; return 0;
    case O_SET: return config_option(&w->setup.stack, value);
    case O_COLOR:
    case O_COLOUR:
        a->colour = value;
        if (strcmp(value, "auto") == 0 || strcmp(value, "always") == 0 || strcmp(value, "never") == 0) return 0;
        return misuse(_("--color: '%s' is not auto, always or never"), value);
    default:
        for (size_t i = 0; i < sizeof language_opts / sizeof language_opts[0]; i++)
            if (language_opts[i].code == code) return language(w, language_opts[i].name, value);
        return 0;
    }
}

static int options(int argc, char **argv, struct work *w, struct asked *a) {
    struct help help = {"drill", "[OPTION]... FILE|DIR...", about, groups, 2, after};
    const char *value;
    int code = 0;
    while (code == 0) {
        int c = opt_next(argc, argv, &help, &value);
        if (c == OPT_END) break;
        code = c == OPT_HELP ? NODE_DONE : c == OPT_BAD ? EXIT_USAGE : option(w, a, c, value);
    }
    if (code != 0) return code;
    if (optind >= argc) return misuse(_("which scripts? Name files, or directories with *.pkt files"));
    for (int i = optind; i < argc; i++) {
        int error = drill_list_add(&w->list, argv[i]);
        if (error < 0) return trouble(_("%s: %s"), argv[i], i18n_error(-error));
    }
    if (w->list.n == 0) return trouble(_("there is no *.pkt file in %s"), argv[optind]);
    if (w->setup.pcap != NULL && w->list.n > 1) return misuse(_("--pcap is for one script, these are %zu"), w->list.n);
    return 0;
}

static int to_file(const char *path, const struct drill_list *l, void (*write)(FILE *, const struct drill_list *)) {
    FILE *out = fopen(path, "w");
    if (out == NULL) return trouble(_("%s: cannot open: %s"), path, i18n_error(errno));
    write(out, l);
    bool bad = ferror(out);
    if (fclose(out) != 0 || bad) return trouble(_("%s: cannot write: %s"), path, i18n_error(errno));
    return 0;
}

static int results(const struct work *w, const struct asked *a) {
    struct drill_sum all = drill_sum(&w->list);
    int code = all.passed == all.all ? EXIT_FINE : EXIT_TROUBLE, error = 0;
    if (a->junit != NULL) error = to_file(a->junit, &w->list, drill_junit);
    if (a->json_path != NULL && error == 0) error = to_file(a->json_path, &w->list, drill_json);
    if (a->json && a->json_path == NULL) {
        drill_json(stdout, &w->list);
        return error != 0 ? error : code;
    }
    for (size_t i = 0; i < w->list.n; i++) drill_say(stdout, &w->list.of[i], a->verbose);
    drill_folders(stdout, &w->list);
    if (all.skipped > 0) printf(_("%zu commands were skipped; --shell runs them\n"), all.skipped);
    printf("PASS %zu / %zu\n", all.passed, all.all);
    return error != 0 ? error : code;
}

int drill_main(int argc, char **argv) {
    static struct work w;
    struct asked a = {.jobs = 1, .colour = "auto"};
    tern_config_default(&w.setup.stack);
    int code = options(argc, argv, &w, &a);
    if (code == 0) {
        w.setup.colour = colour_wanted(a.colour, STDOUT_FILENO);
        run_all(&w, (unsigned)a.jobs);
        code = results(&w, &a);
    }
    drill_list_free(&w.list);
    return code == NODE_DONE ? EXIT_FINE : code;
}
