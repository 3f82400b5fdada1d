/* serve.c - `tern serve`: services on ports of tern's own host. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cli/node.h"
#include "cli/service.h"

enum { O_ECHO = OPT_COMMAND, O_DISCARD, O_CHARGEN, O_HTTP, O_MAX };

static const struct opt serve_opts[] = {
    {O_ECHO, "echo", "PORT", N_("sends back what it gets (RFC 862)")},
    {O_DISCARD, "discard", "PORT", N_("takes everything and says nothing (RFC 863)")},
    {O_CHARGEN, "chargen", "PORT[:BYTES]", N_("sends letters without end, or so many bytes (RFC 864)")},
    {O_HTTP, "http", "PORT:DIR", N_("the files below a directory; GET and HEAD, no symbolic links")},
    {O_MAX, "connections", "N", N_("more than so many at once are reset; otherwise 10000")},
};

static const struct opt_group groups[3] = {
    OPT_GROUP(N_("Services; each may be given several times:"), serve_opts),
    {N_("The host:"), node_opts, 0},
    {N_("The look of --trace:"), look_opts, 0},
};

static const char about[] =
    N_("Offers services on tern's own TCP, on every address it has, until interrupted. The first interrupt closes in "
       "order: no "
       "new connections, FIN on those that exist, at most 10 seconds of waiting; the second one resets them.");
static const char after[] = N_("Example, as root; then from another terminal: nc 10.9.0.2 7\n"
                               "  tern serve --link tun:tern0 --addr 10.9.0.2/24 --peer-addr 10.9.0.1/24 \\\n"
                               "      --echo 7 --trace");

struct serving {
    struct node node;
    struct server server;
    bool closing;
    uint64_t closing_ns;
};

#define PATIENCE_NS 10000000000u

static void on_event(void *ctx, const tern_event *event) {
    struct serving *v = ctx;
    server_event(&v->server, event);
}

static void on_interrupt(void *ctx) {
    struct serving *v = ctx;
    server_close(&v->server);
    v->closing = true;
}

static void on_turn(void *ctx, uint64_t now_ns) {
    struct serving *v = ctx;
    server_tick(&v->server, now_ns);
    if (v->server.clients != NULL) node_wake(&v->node, now_ns + 1000000000u);
    if (!v->closing) return;
    if (v->closing_ns == 0) v->closing_ns = now_ns;
    bool late = now_ns - v->closing_ns > PATIENCE_NS;
    if (late && v->server.clients != NULL) note(_("some peers did not close; they are reset"));
    if (late || (v->server.clients == NULL && node_idle(&v->node))) node_stop(&v->node);
}

static int add_service(struct server *s, enum service_kind kind, const char *value) {
    const char *colon = strchr(value, ':'), *name = service_name(kind);
    char port[16];
    uint64_t number;
    struct service *service = &s->service[s->services];
    if (s->services == SERVICES_MAX)
        return misuse(_("--%s: more than %d services are not possible"), name, SERVICES_MAX);
    *service = (struct service){.kind = kind, .root = {.dir = -1}};
    snprintf(port, sizeof port, "%.*s", (int)(colon != NULL ? colon - value : 15), value);
    if (!number_parse(port, 1, 65535, &number))
        return misuse(_("--%s: '%s' does not start with a port from 1 to 65535"), name, value);
    service->port = (uint16_t)number;
    if (kind == SERVICE_HTTP && colon == NULL) return misuse(_("--http: '%s' is not PORT:DIR"), value);
    if (kind == SERVICE_HTTP) {
        service->root.dir = http_open_dir(colon + 1);
        if (service->root.dir < 0) return trouble(_("--http %s: %s"), colon + 1, i18n_error(errno));
    } else if (kind == SERVICE_CHARGEN && colon != NULL) {
        if (!number_parse(colon + 1, 1, UINT64_MAX, &service->limit))
            return misuse(_("--chargen: '%s' is not PORT:BYTES"), value);
    } else if (colon != NULL) {
        return misuse(_("--%s: '%s' does not start with a port from 1 to 65535"), name, value);
    }
    s->services++;
    return 0;
}

static int option(void *ctx, struct node_options *o, int code, const char *value) {
    struct serving *v = ctx;
    uint64_t number;
    if (code >= O_ECHO && code <= O_HTTP) return add_service(&v->server, (enum service_kind)(code - O_ECHO), value);
    if (code != O_MAX) return node_option(o, code, value);
    if (!number_parse(value, 1, 1000000, &number))
        return misuse(_("--connections: '%s' is not a number from 1 to 1000000"), value);
    v->server.clients_max = (size_t)number;
    return 0;
}

static int options(int argc, char **argv, struct serving *v, struct node_options *o) {
    static const struct help help = {"serve", "--link KIND:NAME --addr ADDRESS/LEN SERVICE...", about, groups, 3,
                                     after};
    int code = node_options_read(o, argc, argv, &help, option, v);
    if (code == 0 && optind < argc) code = misuse(_("'%s' is too much"), argv[optind]);
    if (code == 0 && v->server.services == 0) code = misuse(_("which service? For instance --echo 7"));
    return code != 0 ? code : node_options_check(o, NULL);
}

/* "echo 7, http 80 on 10.9.0.2, fd00::2" */
static void say_where(struct serving *v) {
    char what[512] = "", where[512] = "", text[TERN_ADDR_TEXT];
    size_t at = 0;
    tern_addr addr;
    for (size_t i = 0; i < v->server.services && at < sizeof what; i++)
        at += (size_t)snprintf(what + at, sizeof what - at, "%s%s %u", i > 0 ? ", " : "",
                               service_name(v->server.service[i].kind), v->server.service[i].port);
    at = 0;
    for (size_t i = 0; tern_addr_at(v->node.stack, i, &addr, NULL, NULL) && at < sizeof where; i++)
        at += (size_t)snprintf(where + at, sizeof where - at, "%s%s", i > 0 ? ", " : "", tern_addr_format(&addr, text));
    note(_("%s on %s"), what, where);
}

static int start(struct serving *v) {
    size_t which;
    v->server.stack = v->node.stack;
    int r = server_listen(&v->server, &which);
    if (r < 0)
        return trouble(_("--%s %u: %s"), service_name(v->server.service[which].kind), v->server.service[which].port,
                       tern_strerror(r, i18n_lang()));
    say_where(v);
    return 0;
}

int serve_main(int argc, char **argv) {
    static struct serving v;
    struct node_options o;
    v.server.clients_max = 10000;
    int code = options(argc, argv, &v, &o);
    if (code != 0) return code == NODE_DONE ? EXIT_FINE : code;
    v.node.on_event = on_event;
    v.node.on_turn = on_turn;
    v.node.on_interrupt = on_interrupt;
    v.node.ctx = &v;
    code = node_open(&v.node, &o);
    if (code == 0) code = start(&v);
    if (code == 0) code = node_run(&v.node);
    if (v.node.stack != NULL) {
        server_abort(&v.server);
        node_abort_all(&v.node);
    }
    int closed = node_close(&v.node);
    return v.node.interrupts > 1 ? EXIT_TROUBLE : code != 0 ? code : closed;
}
