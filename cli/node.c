/* node.c - see node.h. */
#include "cli/node.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "drivers/host.h"
#include "drivers/pipe.h"
#include "drivers/privilege.h"
#include "drivers/tun.h"
#include "lens/trace_json.h"

/* Watchers show what they hold back after so much quiet. */
#define SHOW_NS 20000000u
#define CLOSING_NS 50000000u

uint64_t clock_epoch(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec - tern_host_now();
}

const char *socket_text(const tern_addr *addr, uint16_t port, char buf[SOCKET_TEXT]) {
    char text[TERN_ADDR_TEXT];
    tern_addr_format(addr, text);
    snprintf(buf, SOCKET_TEXT, addr->family == 6 ? "[%s]:%u" : "%s:%u", text, port);
    return buf;
}

/* ---- watchers ---- */

static void on_trace(void *ctx, const tern_trace *record) {
    struct node *n = ctx;
    if (n->pcap != NULL) pcapng_trace(n->pcap, 0, record);
    if (n->json != NULL) trace_json_record(n->json, NULL, record);
    if (n->ladder != NULL) ladder_record(n->ladder, END_A, record);
    n->unseen = true;
}

static void show(struct node *n) {
    if (!n->unseen) return;
    n->unseen = false;
    if (n->ladder != NULL) ladder_settle(n->ladder);
    if (n->pcap != NULL) pcapng_flush(n->pcap);
    if (n->json != NULL) fflush(n->json);
}

static void capture_failed(void *ctx, const char *path, int error) {
    struct node *n = ctx;
    n->pcap_failed = true;
    trouble(_("%s: cannot write: %s; the capture ends here"), path, i18n_error(error));
}

static int open_capture(struct node *n, const struct node_options *o) {
    char application[32];
    snprintf(application, sizeof application, "tern %s", tern_version());
    struct pcapng_options po = {.lang = i18n_lang(),
                                .states = true,
                                .application = application,
                                .epoch_ns = clock_epoch(),
                                .failed = capture_failed,
                                .ctx = n};
    int r = pcapng_open(o->pcap, &po, &n->pcap);
    if (r < 0) return trouble(_("%s: cannot open: %s"), o->pcap, i18n_error(-r));
    pcapng_iface(n->pcap, n->device->link == TERN_LINK_IP ? PCAPNG_RAW : PCAPNG_ETHERNET, n->device->name, o->link);
    return 0;
}

static int open_watchers(struct node *n, const struct node_options *o) {
    uint32_t mask = 0;
    if (o->pcap != NULL) {
        int code = open_capture(n, o);
        if (code != 0) return code;
        mask |= PCAPNG_TRACE | TERN_TRACE_CALL | TERN_TRACE_TIMER;
    }
    if (o->json) {
        n->json = o->json_path != NULL ? fopen(o->json_path, "we") : stderr;
        if (n->json == NULL) return trouble(_("%s: cannot open: %s"), o->json_path, i18n_error(errno));
        if (o->json_path == NULL) message_quiet(true);
        trace_json_start(n->json, clock_epoch());
        mask |= TERN_TRACE_ALL;
    }
    if (o->trace) {
        struct ladder_options lo = look_for(&o->look, stderr);
        lo.name[END_A] = "tern";
        lo.name[END_B] = _("peer");
        n->ladder = ladder_new(&lo);
        if (n->ladder == NULL) return trouble("%s", i18n_error(ENOMEM));
        mask |= TERN_TRACE_ALL & ~(uint32_t)(TERN_TRACE_PACKET_IN | TERN_TRACE_PACKET_OUT | TERN_TRACE_WINDOW);
    }
    tern_trace_set(n->stack, mask, mask != 0 ? on_trace : NULL, n);
    return 0;
}

/* ---- link and stack ---- */

static int open_tun(struct node *n, const struct node_options *o, struct driver_error *err) {
    struct tun_config tc = {
        .name = strchr(o->link, ':') + 1, .tap = o->link[1] == 'a', .vnet = !o->no_offload, .lend = 64};
    struct tun_setup setup = {.mtu = o->mtu, .addrs = o->peer, .addrs_count = o->peers};
    int r = tun_open(&tc, &n->device, err);
    return r < 0 ? r : tun_configure(n->device, &setup, err);
}

static int open_pipe(struct node *n, const struct node_options *o, struct driver_error *err) {
    struct pipe_config pc = {
        .path = strchr(o->link, ':') + 1, .listen = strncmp(o->link, "pipe-listen:", 12) == 0, .mtu = o->mtu};
    return pipe_open(&pc, &n->device, err);
}

static int add_route(struct node *n, const struct node_route *r) {
    tern_addr any = {.family = 4};
    const tern_addr *via = r->via.family != 0 ? &r->via : NULL;
    if (r->to.addr.family != 0) return tern_route_add(n->stack, &r->to.addr, r->to.len, n->iface, via);
    if (via != NULL) {
        any.family = via->family;
        return tern_route_add(n->stack, &any, 0, n->iface, via);
    }
    int code = tern_route_add(n->stack, &any, 0, n->iface, NULL);
    any.family = 6;
    return code < 0 ? code : tern_route_add(n->stack, &any, 0, n->iface, NULL);
}

static int make_stack(struct node *n, struct node_options *o) {
    tern_iface_config ic;
    char text[TERN_ADDR_TEXT];
    int r = tern_new(&o->config, tern_host_now(), &n->stack);
    explicit_bzero(o->config.entropy, sizeof o->config.entropy); /* the stack has made its keys of it */
    if (r < 0) return trouble("%s", tern_strerror(r, i18n_lang()));
    device_iface(n->device, &ic);
    n->iface = tern_iface_add(n->stack, &ic);
    if (n->iface < 0) return trouble(_("%s: %s"), o->link, tern_strerror(n->iface, i18n_lang()));
    for (size_t i = 0; i < o->addrs; i++) {
        r = tern_addr_add(n->stack, n->iface, &o->addr[i].addr, o->addr[i].len);
        if (r < 0)
            return trouble(_("--addr %s: %s"), tern_addr_format(&o->addr[i].addr, text), tern_strerror(r, i18n_lang()));
    }
    for (size_t i = 0; i < o->routes; i++) {
        r = add_route(n, &o->route[i]);
        if (r < 0) return trouble(_("--route: %s"), tern_strerror(r, i18n_lang()));
    }
    return 0;
}

void node_clock(struct node *n) {
    if (n->ladder != NULL || n->json != NULL || n->pcap != NULL) tern_expire(n->stack, tern_host_now());
}

/* ---- signals ---- */

static void on_signal(void *ctx, int fd, short revents) {
    struct node *n = ctx;
    struct signalfd_siginfo info;
    (void)revents;
    if (read(fd, &info, sizeof info) != sizeof info) return;
    n->interrupts++;
    if (n->interrupts > 1) {
        node_stop(n);
        return;
    }
    n->closing = true;
    node_clock(n);
    note(_("closing; interrupt again to abort"));
    n->on_interrupt(n->ctx);
    node_wake(n, 0);
}

static int watch_signals(struct node *n) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    n->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (n->signals < 0) return trouble("signalfd: %s", i18n_error(errno));
    loop_watch(&n->loop, n->signals, POLLIN, on_signal, n);
    return 0;
}

/* ---- the loop ---- */

static void loop_event(void *ctx, const tern_event *event) {
    struct node *n = ctx;
    n->on_event(n->ctx, event);
}

static void loop_turned(void *ctx, uint64_t now_ns) {
    struct node *n = ctx;
    bool due = now_ns >= n->loop.wake_ns;
    if (due) {
        n->loop.wake_ns = TERN_NEVER;
        show(n);
    }
    if (n->on_turn != NULL) n->on_turn(n->ctx, now_ns);
    if (n->closing) node_wake(n, now_ns + CLOSING_NS);
    if (n->unseen) node_wake(n, now_ns + SHOW_NS);
}

void node_wake(struct node *n, uint64_t at_ns) {
    if (at_ns < n->loop.wake_ns) n->loop.wake_ns = at_ns;
}

void node_stop(struct node *n) { n->loop.stop = true; }

bool node_idle(struct node *n) {
    tern_stats stats = {.size = sizeof stats};
    return tern_stats_get(n->stack, &stats) == 0 && stats.connections == 0 && stats.half_open == 0;
}

/* The stack may not be called during a walk, so a few at a time are taken down first. */
void node_abort_all(struct node *n) {
    tern_sock socks[64];
    size_t found;
    do {
        uint64_t cursor = 0;
        tern_status_info info = {.size = sizeof info};
        found = 0;
        while (found < 64 && tern_list(n->stack, &cursor, &info))
            if (info.sock.id != 0 && info.state != TERN_LISTEN && info.state != TERN_CLOSED) socks[found++] = info.sock;
        for (size_t i = 0; i < found; i++) tern_abort(n->stack, socks[i]);
    } while (found == 64);
}

int node_open(struct node *n, struct node_options *o) {
    struct driver_error err = {0};
    bool kernel = o->link[0] == 't';
    n->signals = -1;
    int r = kernel ? open_tun(n, o, &err) : open_pipe(n, o, &err);
    if (r < 0) return trouble("%s", err.text);
    int code = make_stack(n, o);
    if (code == 0) code = open_watchers(n, o);
    if (code != 0) return code;
    if (!o->keep_privileges && drop_privileges(PRIVILEGE_CALLER, &err) < 0) return trouble("%s", err.text);
    loop_init(&n->loop, n->stack, n->iface, n->device);
    n->loop.on_event = loop_event;
    n->loop.on_turn = loop_turned;
    n->loop.ctx = n;
    return watch_signals(n);
}

int node_run(struct node *n) {
    struct driver_error err = {0};
    int r = loop_run(&n->loop, &err);
    if (r == DEVICE_END) {
        note(_("the link has ended"));
        return EXIT_FINE;
    }
    return r < 0 ? trouble("%s", err.text) : EXIT_FINE;
}

int node_close(struct node *n) {
    int code = EXIT_FINE;
    if (n->stack != NULL && n->device != NULL && n->loop.stack != NULL) loop_turn(&n->loop, 0, NULL);
    if (n->stack != NULL) tern_trace_set(n->stack, 0, NULL, NULL);
    ladder_free(n->ladder);
    if (pcapng_close(n->pcap) < 0) code = EXIT_TROUBLE;
    if (n->json != NULL && n->json != stderr && fclose(n->json) != 0)
        code = trouble(_("the trace could not be written: %s"), i18n_error(errno));
    tern_free(n->stack);
    device_close(n->device);
    if (n->signals >= 0) close(n->signals);
    return code;
}
