/* explain.c - `tern explain`: its options, and which connections they choose. The run is explain_run.c's. */
#include "cli/explain.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    O_HOST = OPT_COMMAND,
    O_PORT,
    O_STATE,
    O_PROBLEM,
    O_JSON,
    O_CONN_LOG,
    O_METRICS,
    O_ANNOTATE,
    O_VANTAGE,
    O_CLOSE_WAIT,
    O_LIVE,
    O_FILTER,
    O_FOLLOW,
    O_MAX_FLOWS,
    O_EXIT_CODE,
    O_KEEP,
    O_KEEP_TIMES
};
enum { DEFAULT_FLOWS = 200000, FLOWS_MOST = 16000000 };

static const struct opt choice_opts[] = {
    {'f', "flow", "N[,N]...",
     N_("these connections, in full: a ladder with the states of both ends, and what is known")},
    {O_HOST, "host", "ADDRESS[/LEN]", N_("only connections with this address, or one of this prefix, at an end")},
    {O_PORT, "port", "N", N_("only connections with this port at an end")},
    {O_STATE, "state", "STATE", N_("only connections that may leave an end in this state, like CLOSE-WAIT")},
    {O_PROBLEM, "problem", "[=LEVEL]",
     N_("only connections with a finding of this level or above: problem (if none is named), warning, note")},
};

static const struct opt output_opts[] = {
    {O_JSON, "json", "[=FILE]", N_("all of it as JSON, schema tern.explain/1; with --flow also each packet")},
    {O_CONN_LOG, "conn-log", "[=FILE]", N_("a line a connection with the columns of Zeek's conn.log")},
    {O_METRICS, "metrics", "[=FILE]", N_("totals in the OpenMetrics format")},
    {O_ANNOTATE, "annotate", "FILE", N_("the capture again as pcapng, with a comment on each TCP packet")},
};

static const struct opt reading_opts[] = {
    {O_VANTAGE, "vantage", "a|b|between",
     N_("where the capture was taken: at the end that opened, at the other, or between; otherwise it is worked out")},
    {O_CLOSE_WAIT, "close-wait", "SECONDS", N_("longer than this in CLOSE-WAIT is suspicious; otherwise 60")},
    {O_KEEP_TIMES, "keep-times", NULL,
     N_("several files: merge them by their times as they are, and do not compare clocks")},
    {O_LIVE, "live", "INTERFACE", N_("read from this interface until interrupted; 'any' is all of them")},
    {O_FILTER, "filter", "EXPRESSION", N_("with --live: what to capture, in the language of tcpdump")},
    {O_FOLLOW, "follow", NULL,
     N_("the file is still being written: at its end wait for more until interrupted, or it is removed or replaced")},
    {O_MAX_FLOWS, "max-flows", "N", N_("remember so many connections at a time; otherwise 200000")},
    {O_EXIT_CODE, "exit-code", NULL, N_("exit status 3 when one of the connections shown has a problem")},
    {O_KEEP, "keep-privileges", NULL, N_("do not give up privileges once the files are open")},
};

static const struct opt_group groups[5] = {
    OPT_GROUP(N_("Which connections:"), choice_opts),
    OPT_GROUP(N_("Output:"), output_opts),
    {N_("The ladder, of one connection:"), picture_opts, 0},
    {N_("The look:"), look_opts, 0},
    OPT_GROUP(N_("Reading:"), reading_opts),
};

static const char about[] =
    N_("Reads captures (pcap or pcapng, also packed with gzip or zstd; '-' is standard input; several are merged by "
       "time, and where two of them show the same packets their clocks are compared and corrected) and "
       "tells what happened to each connection: how it opened and closed and who closed first, in which state each end "
       "is, what went wrong, and how sure that is. Connections have numbers: --flow shows one in full.\n"
       "A ladder shows after each packet the states of both ends; a question mark says that others are possible.");
static const char after[] = N_("Exit status 3 with --exit-code: a problem was found.\n"
                               "Examples:\n"
                               "  tern explain capture.pcapng\n"
                               "  tern explain --flow 3 capture.pcapng\n"
                               "  tern explain --json capture.pcap.gz | jq '.connections[].closing'\n"
                               "  tcpdump -w - port 80 | tern explain -\n"
                               "  tern explain --follow capture.pcap    # while tcpdump -U -w capture.pcap runs");

/* ---- which connections ---- */

static bool host_is(const struct explain_choice *c, const struct flow_half *h) {
    return ip_is_v4(&c->host) == ip_is_v4(&h->addr) && ip_in_prefix(&h->addr, &c->host, c->host_len);
}

bool explain_chosen(const struct explain_choice *c, const struct explain_flow *f, const struct verdict *v) {
    const struct flow_half *a = &f->end[END_A], *b = &f->end[END_B];
    bool named = c->ids == 0;
    for (size_t i = 0; i < c->ids; i++) named = named || c->id[i] == f->id;
    if (!named) return false;
    if (c->by_host && !host_is(c, a) && !host_is(c, b)) return false;
    if (c->by_port && a->port != c->port && b->port != c->port) return false;
    if (c->by_severity && v->severity < (unsigned)c->severity) return false;
    uint16_t states = v->end[END_A].state.states | v->end[END_B].state.states;
    return !c->by_state || (states >> c->state & 1);
}

static int choose_flows(struct explain_choice *c, const char *value) {
    char said[256], *at = said;
    if (strlen(value) >= sizeof said) return misuse(_("--flow: '%s' is too long"), value);
    memcpy(said, value, strlen(value) + 1);
    for (char *one = strsep(&at, ","); one != NULL; one = strsep(&at, ",")) {
        if (c->ids == EXPLAIN_CHOSEN) return misuse(_("--flow: more than %d are not possible"), EXPLAIN_CHOSEN);
        if (!number_parse(one, 1, UINT64_MAX, &c->id[c->ids]))
            return misuse(_("--flow: '%s' is not a number from 1 on"), one);
        c->ids++;
    }
    return 0;
}

static int choose_host(struct explain_choice *c, const char *value) {
    char said[64];
    const char *slash = strchr(value, '/');
    size_t n = slash != NULL ? (size_t)(slash - value) : strlen(value);
    uint64_t len;
    if (n >= sizeof said) return misuse(_("--host: '%s' is no IPv4 or IPv6 address"), value);
    memcpy(said, value, n);
    said[n] = '\0';
    if (!ip_parse(said, &c->host)) return misuse(_("--host: '%s' is no IPv4 or IPv6 address"), value);
    unsigned most = ip_is_v4(&c->host) ? 32 : 128;
    if (slash == NULL) len = most;
    if (slash != NULL && !number_parse(slash + 1, 0, most, &len))
        return misuse(_("--host: the length of '%s' is not a number from 0 to %u"), value, most);
    c->host_len = (unsigned)len;
    c->by_host = true;
    return 0;
}

static int choose_severity(struct explain_choice *c, const char *value) {
    c->by_severity = true;
    c->severity = SEVERITY_PROBLEM;
    if (value == NULL || strcmp(value, "problem") == 0) return 0;
    c->severity = SEVERITY_WARNING;
    if (strcmp(value, "warning") == 0) return 0;
    c->severity = SEVERITY_NOTE;
    if (strcmp(value, "note") == 0) return 0;
    return misuse(_("--problem: there is no level '%s'; there are problem, warning and note"), value);
}

static int choose(struct explain_choice *c, int code, const char *value) {
    uint64_t number;
    switch (code) {
    case 'f': return choose_flows(c, value);
    case O_HOST: return choose_host(c, value);
    case O_PORT:
        if (!number_parse(value, 0, 65535, &number))
            return misuse(_("--port: '%s' is not a number from 0 to 65535"), value);
        c->port = (uint16_t)number;
        c->by_port = true;
        return 0;
    case O_STATE:
        if (tern_state_parse(value, &c->state) < 0) return misuse(_("--state: TCP has no state '%s'"), value);
        c->by_state = true;
        return 0;
    default: return choose_severity(c, value);
    }
}

/* ---- the rest ---- */

static int vantage(struct explain_plan *p, const char *value) {
    static const struct {
        const char *name;
        enum vantage at;
    } places[] = {{"a", VANTAGE_A}, {"b", VANTAGE_B}, {"between", VANTAGE_BETWEEN}};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        if (strcmp(value, places[i].name) != 0) continue;
        p->vantage = places[i].at;
        return 0;
    }
    return misuse(_("--vantage: '%s' is not a, b or between"), value);
}

static int output(struct explain_output *o, const char *value) {
    o->wanted = true;
    o->path = value;
    return 0;
}

static int option(struct explain_plan *p, int code, const char *value) {
    uint64_t number;
    switch (code) {
    case 'f':
    case O_HOST:
    case O_PORT:
    case O_STATE:
    case O_PROBLEM: return choose(&p->choice, code, value);
    case O_JSON: return output(&p->json, value);
    case O_CONN_LOG: return output(&p->connlog, value);
    case O_METRICS: return output(&p->metrics, value);
    case O_ANNOTATE: p->annotate = value; return 0;
    case O_VANTAGE: return vantage(p, value);
    case O_CLOSE_WAIT:
        return seconds_parse(value, &p->close_wait_ns) && p->close_wait_ns > 0
                   ? 0
                   : misuse(_("--close-wait: '%s' is not a number of seconds"), value);
    case O_LIVE: p->iface = value; return 0;
    case O_FILTER: p->filter = value; return 0;
    case O_FOLLOW: p->follow = true; return 0;
    case O_MAX_FLOWS:
        if (!number_parse(value, 1, FLOWS_MOST, &number))
            return misuse(_("--max-flows: '%s' is not a number from 1 to %d"), value, FLOWS_MOST);
        p->max_flows = (uint32_t)number;
        return 0;
    case O_EXIT_CODE: p->exit_code = true; return 0;
    case O_KEEP_TIMES: p->keep_times = true; return 0;
    case O_KEEP: p->keep_privileges = true; return 0;
    default: return pictures_option(&p->pictures, code, value) ? 0 : look_option(&p->look, code, value);
    }
}

static bool on_stdout(const struct explain_output *o) {
    return o->wanted && (o->path == NULL || strcmp(o->path, "-") == 0);
}

static int check(struct explain_plan *p) {
    bool pictures = false;
    for (size_t i = 0; i < PICTURE_KINDS; i++) pictures = pictures || p->pictures.path[i] != NULL;
    int taken = on_stdout(&p->json) + on_stdout(&p->connlog) + on_stdout(&p->metrics) +
                (p->annotate != NULL && strcmp(p->annotate, "-") == 0) + pictures_stdout(&p->pictures);
    unsigned stdins = 0;
    for (size_t i = 0; i < p->files_n; i++) stdins += strcmp(p->files[i], "-") == 0;
    if (p->iface == NULL && p->files_n == 0) return misuse(_("which capture? Name a file, '-' or --live INTERFACE"));
    if (p->iface != NULL && p->files_n > 0) return misuse(_("--live and files do not go together"));
    if (p->iface == NULL && p->filter != NULL) return misuse(_("--filter goes with --live"));
    if (p->follow && p->iface != NULL) return misuse(_("--follow and --live do not go together"));
    if (p->follow && stdins > 0) return misuse(_("--follow: standard input cannot be followed; name a file"));
    if (p->follow && p->files_n > 1) return misuse(_("--follow: one file can be followed, not %zu"), p->files_n);
    if (stdins > 1) return misuse(_("standard input can be read once"));
    if (taken > 1) return misuse(_("standard output takes one of them; name files for the others"));
    if (pictures && p->choice.ids > 1)
        return misuse(_("a picture shows one connection; --flow names %zu"), p->choice.ids);
    if (pictures && p->choice.ids == 0) p->choice.id[p->choice.ids++] = 1;
    p->draws = p->choice.ids > 0;
    return 0;
}

int explain_main(int argc, char **argv) {
    static struct explain_plan plan;
    struct opt_group g[5];
    memcpy(g, groups, sizeof g);
    g[2].n = picture_opts_n;
    g[3].n = look_opts_n;
    struct help help = {"explain", "[OPTION]... FILE...", about, g, 5, after};
    const char *value;
    int code = 0;
    plan.max_flows = DEFAULT_FLOWS;
    plan.look.colour = "auto";
    for (;;) {
        int c = opt_next(argc, argv, &help, &value);
        if (c == OPT_HELP) return EXIT_FINE;
        if (c == OPT_BAD) return EXIT_USAGE;
        if (c == OPT_END) break;
        code = option(&plan, c, value);
        if (code != 0) return code;
    }
    plan.files = (const char *const *)argv + optind;
    plan.files_n = (size_t)(argc - optind);
    code = check(&plan);
    return code != 0 ? code : explain_run(&plan);
}
