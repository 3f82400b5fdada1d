/* play.c - `tern play`: plays a scenario of the catalogue or of a file, and says whether all is as it must be. */
#include "cli/play.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "play/capture.h"

enum { O_SPEED = OPT_COMMAND, O_FAST, O_STEP, O_JSON, O_PCAP, O_RUN, O_AGAINST };

static const struct opt play_opts[] = {
    {O_SPEED, "speed", "FACTOR", N_("let time pass as in the scenario: 1 is real time, 10 is ten times as fast")},
    {O_FAST, "fast", NULL, N_("do not wait; so it is where standard output is no terminal")},
    {O_STEP, "step", NULL, N_("a key for each segment; q ends it")},
    {O_RUN, "run", "NAME", N_("only this run of the scenario")},
    {O_AGAINST, "against", "linux[:A|:B]",
     N_("play against the Linux kernel, in real time, over a TUN device in a network namespace of its own: at either "
        "end "
        "where that can be, or at this one; without a NAME, all that can be. Exit status 77 where the machine allows "
        "none of this")},
    {O_JSON, "json", NULL, N_("JSON Lines instead of the ladder; without a NAME, the catalogue as JSON")},
    {O_PCAP, "pcap", "FILE",
     N_("also write a pcapng capture with a comment on each packet: the states of both ends, "
        "and why")},
};

static const struct opt_group groups[3] = {
    OPT_GROUP(N_("The play:"), play_opts),
    {N_("The look:"), look_opts, 0},
    {N_("Pictures:"), picture_opts, 0},
};

static const char about[] =
    N_("Plays a scenario between two real tern hosts, A and B, on a link in memory: what the applications do, what "
       "the network does to which segment, and what must then be true. Each end shows its calls, its timers and its "
       "state; lost segments are shown lost. Without NAME it lists the scenarios. Long pauses are cut short unless "
       "--speed says how fast time is to pass.");

/* ---- the scenario's text ---- */

static int read_file(const char *path, char **text, size_t *len) {
    FILE *f = fopen(path, "re");
    if (f == NULL) return trouble(_("%s: cannot open: %s"), path, i18n_error(errno));
    *text = malloc(PLAY_SOURCE_MAX + 1);
    *len = *text != NULL ? fread(*text, 1, PLAY_SOURCE_MAX + 1, f) : 0;
    bool bad = *text == NULL || ferror(f);
    int error = *text == NULL ? ENOMEM : errno;
    fclose(f);
    return bad ? trouble(_("%s: cannot read: %s"), path, i18n_error(error)) : 0;
}

/* "dir/own.scn" is called "own". */
static void name_of(const char *path, char name[PLAY_NAME]) {
    const char *base = strrchr(path, '/');
    snprintf(name, PLAY_NAME, "%.*s", PLAY_NAME - 1, base != NULL ? base + 1 : path);
    char *dot = strrchr(name, '.');
    if (dot != NULL && dot != name) *dot = '\0';
}

static int load(const char *what, struct scenario **s, const char **file) {
    const struct catalogue_scenario *c = scenario_find(what);
    struct play_error err;
    char *text = NULL, name[PLAY_NAME];
    size_t len = 0;
    if (c != NULL) {
        *file = c->file;
        return scenario_read(c->file, c->name, c->text, c->len, s, &err) < 0 ? trouble("%s", err.text) : 0;
    }
    if (strchr(what, '/') == NULL && strchr(what, '.') == NULL && access(what, F_OK) != 0)
        return misuse(_("there is no scenario '%s' and no such file; 'tern play' lists them"), what);
    int code = read_file(what, &text, &len);
    name_of(what, name);
    *file = what;
    if (code == 0 && scenario_read(what, name, text, len, s, &err) < 0) code = trouble("%s", err.text);
    free(text);
    return code;
}

/* ---- the runs ---- */

static int capture_open(const char *path, struct pcapng **p) {
    char application[32];
    snprintf(application, sizeof application, "tern %s", tern_version());
    /* The year 2000: the clock of a scenario begins when it is played, and all that it writes is the same each time. */
    struct pcapng_options po = {
        .lang = i18n_lang(), .states = true, .application = application, .epoch_ns = 946684800ull * 1000000000u};
    int r = pcapng_open(path, &po, p);
    return r < 0 ? trouble(_("%s: cannot open: %s"), path, i18n_error(-r)) : 0;
}

static int capture_close(const char *path, struct pcapng *p) {
    int r = pcapng_close(p);
    return r < 0 ? trouble(_("%s: cannot write: %s; the capture ends here"), path, i18n_error(-r)) : 0;
}

/* What is seen: a run, and which end of it is the kernel's; -1: none. */
struct view {
    const struct scenario *s;
    const char *file;
    unsigned take;
    int linux_end;
    bool first;
};

static int perform(const struct view *v, struct play_result *r) {
    struct play_error err;
    int code = v->linux_end < 0 ? play(v->s, v->file, v->take, r, &err)
                                : play_against(v->s, v->file, v->take, v->linux_end, r, &err);
    if (code == 0) return 0;
    trouble("%s", err.text);
    return code == PLAY_REFUSED ? EXIT_REFUSED : EXIT_TROUBLE;
}

/* One run through all who watch. `at_ns`: where its packets begin in the capture. */
static int watch(const struct view *v, struct play_options *o, struct pcapng *pcap, uint64_t *at_ns) {
    struct play_result *r = malloc(sizeof *r);
    const struct play_take *take = &v->s->take[v->take];
    if (r == NULL) return trouble("%s", i18n_error(ENOMEM));
    int code = perform(v, r);
    if (code != 0) {
        free(r);
        return code;
    }
    if (pcap != NULL) {
        const char *name = take->name[0] != '\0' ? take->name : "line";
        int iface = pcapng_iface(pcap, PCAPNG_RAW, name, play_text(&take->title, i18n_lang()));
        if (iface >= 0) capture_tape(pcap, iface, &r->tape, *at_ns, i18n_lang());
        *at_ns += r->end_ns + 1000000000u;
    }
    if (o->json)
        play_json(v->s, v->take, v->linux_end, r, v->first);
    else
        code = play_show(v->s, v->take, r, o);
    if (code == 0 && r->failed > 0) code = EXIT_TROUBLE;
    for (unsigned i = 0; i < r->failed && i < PLAY_FAILURES && o->quiet; i++) trouble("%s", r->failure[i]);
    play_result_free(r);
    free(r);
    return code;
}

/* Is this run wanted, with the kernel at this end (-1: at none)? */
static bool wanted(const struct scenario *s, unsigned take, int linux_end, const struct play_options *o) {
    if (o->run != NULL && strcmp(o->run, s->take[take].name) != 0) return false;
    return o->against ? linux_end >= 0 && o->linux[linux_end] && s->take[take].linux[linux_end] : linux_end < 0;
}

/* Is the run that was asked for there, and one enough for a picture? 0 or an exit code. */
static int check_runs(const struct scenario *s, const struct play_options *o) {
    char names[PLAY_TAKES * (PLAY_NAME + 2)] = "";
    bool drawn = false, found = o->run == NULL;
    unsigned runs = 0;
    for (size_t i = 0; i < PICTURE_KINDS; i++) drawn |= o->pictures.path[i] != NULL;
    for (unsigned i = 0; i < s->takes; i++) {
        size_t at = strlen(names);
        found |= o->run != NULL && strcmp(o->run, s->take[i].name) == 0;
        snprintf(names + at, sizeof names - at, "%s%s", i > 0 ? ", " : "", s->take[i].name);
        for (int end = -1; end < 2; end++) runs += wanted(s, i, end, o);
    }
    if (!found) return misuse(_("--run: the scenario has no run '%s'"), o->run);
    if (drawn && o->run == NULL && s->takes > 1)
        return misuse(_("a picture shows one run: choose it with --run, from %s"), names);
    if (runs == 0)
        return misuse(
            _("the Linux kernel cannot be an end of this; 'tern play' marks where it can, with a line 'linux' "
              "in the scenario"));
    if (drawn && runs > 1)
        return misuse(_("a picture shows one run: choose the end with --against linux:A or linux:B"));
    return 0;
}

static int play_all(const struct scenario *s, const char *file, struct play_options *o) {
    struct pcapng *pcap = NULL;
    uint64_t at_ns = 0;
    bool any = false;
    int code = check_runs(s, o);
    if (code == 0 && o->pcap != NULL) code = capture_open(o->pcap, &pcap);
    if (code != 0) return code;
    int worst = 0;
    if (!o->json && !o->quiet) play_heading(s);
    for (unsigned i = 0; i < 3 * s->takes && code != NODE_DONE && code != EXIT_REFUSED; i++) {
        struct view v = {.s = s, .file = file, .take = i / 3, .linux_end = (int)(i % 3) - 1, .first = !any};
        if (!wanted(s, v.take, v.linux_end, o)) continue;
        code = watch(&v, o, pcap, &at_ns);
        if (code > worst) worst = code;
        any = true;
    }
    if (pcap != NULL && (code = capture_close(o->pcap, pcap)) != 0) worst = code;
    return worst;
}

/* ---- options ---- */

static bool speed(const char *text, struct play_options *o) {
    char *end;
    o->paced = true;
    o->speed = strtod(text, &end);
    return end != text && *end == '\0' && o->speed >= 0.001 && o->speed <= 1000000;
}

int play_main(int argc, char **argv) {
    struct play_options o = {.speed = 1, .look = {.colour = "auto"}};
    struct opt_group g[3] = {groups[0], groups[1], groups[2]};
    struct help help = {"play", "[OPTION]... [NAME|FILE]", about, g, 3, NULL};
    const char *value, *file = "";
    struct scenario *s = NULL;
    g[1].n = look_opts_n;
    g[2].n = picture_opts_n;
    for (int c; (c = opt_next(argc, argv, &help, &value)) != OPT_END;) {
        switch (c) {
        case OPT_HELP: return EXIT_FINE;
        case OPT_BAD: return EXIT_USAGE;
        case O_FAST: o.fast = true; break;
        case O_STEP: o.step = true; break;
        case O_JSON: o.json = true; break;
        case O_PCAP: o.pcap = value; break;
        case O_RUN: o.run = value; break;
        case O_AGAINST:
            if (play_against_option(value, &o)) break;
            return misuse(_("--against: '%s' is not linux, linux:A or linux:B"), value);
        case O_SPEED:
            if (speed(value, &o)) break;
            return misuse(_("--speed: '%s' is no factor from 0.001 to 1000000"), value);
        default:
            if (pictures_option(&o.pictures, c, value)) break;
            if (look_option(&o.look, c, value)) return EXIT_USAGE;
        }
    }
    if (optind + 1 < argc) return misuse(_("'%s' is too much"), argv[optind + 1]);
    if (o.fast + o.step + o.paced > 1) return misuse(_("--fast, --step and --speed do not go together"));
    bool one = o.run != NULL || o.pcap != NULL;
    for (size_t i = 0; i < PICTURE_KINDS; i++) one |= o.pictures.path[i] != NULL;
    if (optind == argc && one)
        return misuse(_("which scenario? --run, --pcap and pictures are of one; 'tern play' lists them"));
    if (optind == argc && !o.against) return play_list(o.json);
    if (optind == argc) return play_against_all(&o);
    o.quiet = pictures_stdout(&o.pictures) || (o.pcap != NULL && strcmp(o.pcap, "-") == 0);
    if (o.quiet && o.json) return misuse(_("standard output is where the ladder goes: give files"));
    if (o.quiet || (!o.paced && !o.step && (o.against || !isatty(STDOUT_FILENO)))) o.fast = true;
    int code = load(argv[optind], &s, &file);
    if (code != 0 || s == NULL) return code;
    code = play_all(s, file, &o);
    scenario_free(s);
    return code;
}
