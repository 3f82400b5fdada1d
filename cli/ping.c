/* ping.c - `tern ping HOST`: echo requests and what comes back (RFC 1122 3.2.2.6, RFC 4443 4.1). */
#include <getopt.h>
#include <string.h>
#include <unistd.h>

#include "cli/node.h"
#include "drivers/host.h"

enum { O_SECONDS = OPT_COMMAND };

static const struct opt ping_opts[] = {
    {'c', "count", "N", N_("stop after so many requests; otherwise an interrupt ends it")},
    {'i', "interval", "SECONDS", N_("time between two requests, at least 0.001; otherwise 1")},
    {'s', "size", "BYTES", N_("payload, 0 to 65000; otherwise 56")},
    {'W', "timeout", "SECONDS", N_("wait for the last answer so long; otherwise 1")},
};

static const struct opt_group groups[3] = {
    OPT_GROUP(N_("Requests:"), ping_opts),
    {N_("The host:"), node_opts, 0},
    {N_("The look of --trace:"), look_opts, 0},
};

static const char about[] =
    N_("Sends echo requests and prints each answer with its round trip. HOST is an address. Exit status 1 "
       "when nothing answered.");
static const char after[] = N_("Example, as root:\n"
                               "  tern ping --link tun:tern0 --addr 10.9.0.2/24 --peer-addr 10.9.0.1/24 \\\n"
                               "      -c 3 10.9.0.1");

enum { REMEMBERED = 1024, SIZE_MAX_PING = 65000 };

struct ping {
    struct node node;
    tern_addr host;
    uint64_t count, interval_ns, timeout_ns, next_ns, last_ns;
    size_t size;
    uint16_t id;
    uint64_t sent, received, errors;
    uint64_t sent_ns[REMEMBERED];
    double least, most, sum; /* ms */
    uint8_t payload[SIZE_MAX_PING];
};

static void send_one(struct ping *p, uint64_t now_ns) {
    uint16_t seq = (uint16_t)(p->sent + 1);
    int r = tern_echo_send(p->node.stack, &p->host, p->id, seq, p->payload, p->size);
    p->sent_ns[seq % REMEMBERED] = now_ns;
    p->sent++;
    if (r < 0) {
        p->errors++;
        printf("icmp_seq=%u %s\n", seq, tern_strerror(r, i18n_lang()));
    }
    p->last_ns = now_ns;
    p->next_ns = now_ns + p->interval_ns;
}

static void take(struct ping *p, const tern_echo *e) {
    char from[TERN_ADDR_TEXT];
    tern_addr_format(&e->remote, from);
    if (e->id != p->id) return;
    if (e->error != 0) {
        p->errors++;
        printf(_("from %s: icmp_seq=%u %s\n"), from, e->seq, tern_strerror(e->error, i18n_lang()));
        return;
    }
    double ms = (double)(e->time_ns - p->sent_ns[e->seq % REMEMBERED]) / 1e6;
    p->least = p->received == 0 || ms < p->least ? ms : p->least;
    p->most = ms > p->most ? ms : p->most;
    p->sum += ms;
    p->received++;
    printf(_("%u bytes from %s: icmp_seq=%u ttl=%u time=%.3f ms\n"), e->len + 8u, from, e->seq, e->ttl, ms);
    fflush(stdout);
}

static void on_event(void *ctx, const tern_event *event) {
    struct ping *p = ctx;
    tern_echo e;
    if (event->bits & TERN_EV_ECHO)
        while (tern_echo_reply(p->node.stack, &e) == 0) take(p, &e);
}

static void on_turn(void *ctx, uint64_t now_ns) {
    struct ping *p = ctx;
    bool all = p->count > 0 && p->sent >= p->count;
    if (!all && now_ns >= p->next_ns) {
        send_one(p, now_ns);
        all = p->count > 0 && p->sent >= p->count;
    }
    if (all && (p->received + p->errors >= p->sent || now_ns >= p->last_ns + p->timeout_ns)) {
        node_stop(&p->node);
        return;
    }
    node_wake(&p->node, all ? p->last_ns + p->timeout_ns : p->next_ns);
}

static void on_interrupt(void *ctx) {
    struct ping *p = ctx;
    node_stop(&p->node);
}

static void summary(const struct ping *p) {
    char host[TERN_ADDR_TEXT];
    tern_addr_format(&p->host, host);
    unsigned long long sent = p->sent, received = p->received;
    printf(_("\n--- %s ---\n"), host);
    printf(_("%llu sent, %llu received, %.1f%% lost\n"), sent, received,
           sent > 0 ? 100.0 * (double)(sent - (received < sent ? received : sent)) / (double)sent : 0.0);
    if (received == 0) return;
    printf(_("round trip least/mean/most %.3f/%.3f/%.3f ms\n"), p->least, p->sum / (double)received, p->most);
}

static int option(void *ctx, struct node_options *o, int code, const char *value) {
    struct ping *p = ctx;
    uint64_t number;
    switch (code) {
    case 'c':
        return number_parse(value, 1, UINT64_MAX, &p->count) ? 0
                                                             : misuse(_("-c: '%s' is not a number from 1 on"), value);
    case 'i':
        if (!seconds_parse(value, &p->interval_ns) || p->interval_ns < 1000000)
            return misuse(_("-i: '%s' is not a number of seconds, at least 0.001"), value);
        return 0;
    case 'W': return seconds_parse(value, &p->timeout_ns) ? 0 : misuse(_("-W: '%s' is not a number of seconds"), value);
    case 's':
        if (!number_parse(value, 0, SIZE_MAX_PING, &number))
            return misuse(_("-s: '%s' is not a number from 0 to %d"), value, SIZE_MAX_PING);
        p->size = (size_t)number;
        return 0;
    default: return node_option(o, code, value);
    }
}

static int options(int argc, char **argv, struct ping *p, struct node_options *o) {
    static const struct help help = {"ping", "--link KIND:NAME --addr ADDRESS/LEN HOST", about, groups, 3, after};
    int code = node_options_read(o, argc, argv, &help, option, p);
    if (code != 0) return code;
    if (optind >= argc) return misuse(_("HOST is missing"));
    if (argc - optind > 1) return misuse(_("'%s' is too much"), argv[optind + 1]);
    if (tern_addr_parse(argv[optind], &p->host) < 0)
        return misuse(_("HOST: '%s' is no IPv4 or IPv6 address"), argv[optind]);
    return node_options_check(o, o->link != NULL && strcmp(o->link, "pipe:-") == 0 ? "tern ping" : NULL);
}

int ping_main(int argc, char **argv) {
    static struct ping p;
    struct node_options o;
    char host[TERN_ADDR_TEXT];
    p.interval_ns = p.timeout_ns = 1000000000u;
    p.size = 56;
    p.id = (uint16_t)getpid();
    for (size_t i = 0; i < SIZE_MAX_PING; i++) p.payload[i] = (uint8_t)i;
    int code = options(argc, argv, &p, &o);
    if (code != 0) return code == NODE_DONE ? EXIT_FINE : code;
    p.node.on_event = on_event;
    p.node.on_turn = on_turn;
    p.node.on_interrupt = on_interrupt;
    p.node.ctx = &p;
    code = node_open(&p.node, &o);
    if (code == 0) {
        printf(_("ping %s, %zu bytes of payload\n"), tern_addr_format(&p.host, host), p.size);
        fflush(stdout);
        code = node_run(&p.node);
        summary(&p);
    }
    int closed = node_close(&p.node);
    return code != 0 ? code : p.received == 0 ? EXIT_TROUBLE : closed;
}
