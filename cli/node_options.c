/* node_options.c - the options that serve, connect and ping share: link, addresses, settings, watchers. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/node.h"
#include "drivers/host.h"
#include "lens/text.h"

enum {
    O_LINK = OPT_SHARED,
    O_ADDR,
    O_PEER,
    O_ROUTE,
    O_MTU,
    O_SET,
    O_NO_OFFLOAD,
    O_PCAP,
    O_TRACE,
    O_JSON,
    O_KEEP,
    O_ABSOLUTE,
    O_ASCII,
    O_ALL,
    O_COLOUR,
    O_COLOR
};

const struct opt node_opts[] = {
    {O_LINK, "link", "KIND:NAME",
     N_("where packets go: tun:NAME or tap:NAME (the Linux kernel is at the other end), "
        "pipe:PATH (a Unix socket), pipe-listen:PATH (wait there), pipe:- (standard input "
        "and output)")},
    {O_ADDR, "addr", "ADDRESS/LEN", N_("an address of this host; several, of both families")},
    {O_PEER, "peer-addr", "ADDRESS/LEN", N_("an address for the kernel's side of a tun or tap; several")},
    {O_ROUTE, "route", "TO[:VIA]",
     N_("default, default:VIA or PREFIX/LEN:VIA; an IPv6 address in brackets: "
        "[fd00::/64]:fe80::1")},
    {O_MTU, "mtu", "BYTES", N_("largest IP packet; otherwise the device's")},
    {O_SET, "set", "NAME=VALUE", N_("a setting of the stack; '--set help' lists them")},
    {O_NO_OFFLOAD, "no-offload", NULL, N_("every segment and checksum by hand: no 64 KiB segments on the device")},
    {O_PCAP, "pcap", "FILE", N_("write a pcapng capture with a comment on each packet; '-' is standard output")},
    {O_TRACE, "trace", NULL, N_("draw the connections as ladders on standard error")},
    {O_JSON, "json", "[=FILE]",
     N_("write the trace as JSON Lines to FILE or standard error, which then has no notes "
        "but errors")},
    {O_KEEP, "keep-privileges", NULL, N_("do not give up privileges once the link is open")},
};
const size_t node_opts_n = sizeof node_opts / sizeof node_opts[0];

const struct opt look_opts[] = {
    {O_ABSOLUTE, "absolute", NULL, N_("sequence numbers as on the wire instead of relative ones")},
    {O_ALL, "all", NULL, N_("hide and condense nothing")},
    {O_ASCII, "ascii", NULL, N_("draw with plain ASCII")},
    {O_COLOR, "color", "WHEN", N_("auto, always or never; auto heeds NO_COLOR and CLICOLOR_FORCE")},
    {O_COLOUR, "colour", "WHEN", NULL},
};
const size_t look_opts_n = sizeof look_opts / sizeof look_opts[0];

static int node_options_init(struct node_options *o) {
    struct driver_error err;
    memset(o, 0, sizeof *o);
    o->look.colour = "auto";
    return tern_config_host(&o->config, &err) < 0 ? trouble("%s", err.text) : 0;
}

int look_option(struct look_options *o, int code, const char *value) {
    switch (code) {
    case O_ABSOLUTE: o->absolute = true; return 0;
    case O_ASCII: o->ascii = true; return 0;
    case O_ALL: o->all = true; return 0;
    default: /* --color and --colour */
        o->colour = value;
        if (strcmp(value, "auto") == 0 || strcmp(value, "always") == 0 || strcmp(value, "never") == 0) return 0;
        return misuse(_("--color: '%s' is not auto, always or never"), value);
    }
}

struct ladder_options look_for(const struct look_options *o, FILE *out) {
    return (struct ladder_options){
        .out = out,
        .lang = i18n_lang(),
        .width = terminal_width(fileno(out), 80),
        .absolute = o->absolute,
        .ascii = o->ascii,
        .all = o->all,
        .colour = colour_wanted(o->colour, fileno(out)),
        .initial = {LADDER_UNKNOWN, LADDER_UNKNOWN},
    };
}

static int prefix(const char *option, const char *value, struct driver_prefix *list, size_t *n) {
    if (*n == NODE_ADDRS) return misuse(_("%s: more than %d are not possible"), option, NODE_ADDRS);
    if (tern_prefix_parse(value, &list[*n].addr, &list[*n].len) < 0)
        return misuse(_("%s: '%s' is no address with a length, like 10.9.0.2/24"), option, value);
    (*n)++;
    return 0;
}

/* "default", "default:VIA", "10.0.0.0/8:10.9.0.1", "[fd00::/8]:fe80::1". */
static int route(struct node_options *o, const char *value) {
    char to[80] = "", via[80] = "";
    const char *colon = value[0] == '[' ? strstr(value, "]:") : strchr(value, ':');
    struct node_route *r = &o->route[o->routes];
    if (o->routes == NODE_ROUTES) return misuse(_("%s: more than %d are not possible"), "--route", NODE_ROUTES);
    *r = (struct node_route){0};
    if (value[0] == '[' && colon != NULL)
        snprintf(to, sizeof to, "%.*s", (int)(colon - value - 1), value + 1);
    else if (colon != NULL)
        snprintf(to, sizeof to, "%.*s", (int)(colon - value), value);
    else
        snprintf(to, sizeof to, "%s", value);
    if (colon != NULL) snprintf(via, sizeof via, "%s", colon + (value[0] == '[' ? 2 : 1));
    bool any = strcmp(to, "default") == 0;
    bool bad = (colon != NULL && tern_addr_parse(via, &r->via) < 0) ||
               (!any && tern_prefix_parse(to, &r->to.addr, &r->to.len) < 0) || (!any && colon == NULL);
    if (bad) return misuse(_("--route: '%s' is not default, default:VIA or PREFIX/LEN:VIA"), value);
    o->routes++;
    return 0;
}

/* A setting's unit as tern_setting names it, in the user's language. */
static const char *unit_text(const char *unit) {
    static const char *const units[] = {N_("bytes"), N_("segments"), N_("count"), N_("a second"), N_("port")};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (strcmp(unit, units[i]) == 0) return i18n_text(units[i]);
    return unit;
}

static int settings(void) {
    tern_setting s;
    printf("%s\n", _("Settings of the stack, for --set NAME=VALUE: default, least to most, unit."));
    for (size_t i = 0; tern_setting_at(i, &s); i++) {
        char limits[96];
        snprintf(limits, sizeof limits, "%llu, %llu - %llu %s", (unsigned long long)s.value_default,
                 (unsigned long long)s.min, (unsigned long long)s.max, unit_text(s.unit));
        printf("  %-23s %s\n%26s%s\n", s.name, limits, "", i18n_lang() == TERN_ZH ? s.text_zh : s.text_en);
        tern_setting_name n;
        for (size_t k = 0; tern_setting_name_at(k, &n); k++)
            if (strcmp(n.setting, s.name) == 0) printf("%26s%s = %llu\n", "", n.name, (unsigned long long)n.value);
    }
    return NODE_DONE;
}

int config_option(tern_config *config, const char *value) {
    const char *equals = strchr(value, '=');
    char name[64];
    uint64_t number;
    tern_setting s;
    if (strcmp(value, "help") == 0) return settings();
    if (equals == NULL) return misuse(_("--set: '%s' is not NAME=VALUE"), value);
    snprintf(name, sizeof name, "%.*s", (int)(equals - value), value);
    if (tern_setting_parse(name, equals + 1, &number) != 0)
        return misuse(_("--set: '%s' is neither a number nor a known value; '--set help' lists them"), equals + 1);
    int r = tern_config_set(config, name, number);
    if (r == 0) return 0;
    for (size_t i = 0; tern_setting_at(i, &s); i++)
        if (strcmp(s.name, name) == 0)
            return misuse(_("--set: %s lies between %llu and %llu"), name, (unsigned long long)s.min,
                          (unsigned long long)s.max);
    return misuse(_("--set: there is no setting '%s'; '--set help' lists them"), name);
}

int node_option(struct node_options *o, int code, const char *value) {
    uint64_t number;
    switch (code) {
    case O_LINK: o->link = value; return 0;
    case O_ADDR: return prefix("--addr", value, o->addr, &o->addrs);
    case O_PEER: return prefix("--peer-addr", value, o->peer, &o->peers);
    case O_ROUTE: return route(o, value);
    case O_MTU:
        if (!number_parse(value, 68, 65535, &number))
            return misuse(_("--mtu: '%s' is not a number from 68 to 65535"), value);
        o->mtu = (uint32_t)number;
        return 0;
    case O_SET: return config_option(&o->config, value);
    case O_NO_OFFLOAD: o->no_offload = true; return 0;
    case O_PCAP: o->pcap = value; return 0;
    case O_TRACE: o->trace = true; return 0;
    case O_JSON:
        o->json = true;
        o->json_path = value;
        return 0;
    case O_KEEP: o->keep_privileges = true; return 0;
    default: return look_option(&o->look, code, value);
    }
}

int node_options_read(struct node_options *o, int argc, char **argv, const struct help *help, node_option_fn *own,
                      void *ctx) {
    struct opt_group g[3] = {help->groups[0], help->groups[1], help->groups[2]};
    struct help filled = *help;
    const char *value;
    int code = node_options_init(o);
    filled.groups = g;
    g[1].n = node_opts_n;
    g[2].n = look_opts_n;
    for (int c; code == 0 && (c = opt_next(argc, argv, &filled, &value)) != OPT_END;)
        code = c == OPT_HELP ? NODE_DONE : c == OPT_BAD ? EXIT_USAGE : own(ctx, o, c, value);
    return code;
}

static bool starts(const char *text, const char *with) { return strncmp(text, with, strlen(with)) == 0; }

int node_options_check(const struct node_options *o, const char *stdio_user) {
    if (o->link == NULL) return misuse(_("--link is missing: where do packets go? For instance --link tun:tern0"));
    bool kernel = starts(o->link, "tun:") || starts(o->link, "tap:");
    if (!kernel && !starts(o->link, "pipe:") && !starts(o->link, "pipe-listen:"))
        return misuse(_("--link: '%s' is not tun:NAME, tap:NAME, pipe:PATH, pipe-listen:PATH or pipe:-"), o->link);
    const char *colon = strchr(o->link, ':');
    if (colon == NULL || colon[1] == '\0') return misuse(_("--link: '%s' has no name"), o->link);
    if (o->addrs == 0)
        return misuse(_("--addr is missing: which address has this host? For instance --addr 10.9.0.2/24"));
    if (!kernel && o->peers > 0) return misuse(_("--peer-addr is for tun and tap: nobody is there to be given it"));
    bool std = strcmp(o->link, "pipe:-") == 0;
    if (std && stdio_user != NULL)
        return misuse(_("--link pipe:-: %s needs standard input and output itself"), stdio_user);
    if (o->pcap != NULL && strcmp(o->pcap, "-") == 0 && (std || stdio_user != NULL))
        return misuse(_("--pcap -: standard output is in use"));
    if (o->trace && o->json && o->json_path == NULL)
        return misuse(_("--trace and --json would mix on standard error: give --json=FILE"));
    return 0;
}
