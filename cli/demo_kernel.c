/* demo_kernel.c - the demonstration against the Linux kernel: a namespace of its own, a TUN device, the real curl,
 * and the kernel's states read from the kernel after every packet. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/demo.h"
#include "drivers/host.h"
#include "drivers/netns.h"
#include "drivers/privilege.h"
#include "drivers/sockdiag.h"
#include "drivers/tun.h"
#include "lens/peek.h"

#define SLOW_NS 150000000u
#define LIMIT_NS 30000000000u
#define NAP_NS 100000000u

struct stage {
    struct demo *d;
    struct device *dev;
    tern_stack *stack;
    int iface;
    struct server server;
    struct sockdiag *diag;
    tern_flow flow; /* of the connection, as the kernel sees it */
    bool known;
    pid_t curl;
    int curl_out;    /* what curl prints; -1 after its end */
    int curl_status; /* -1: still running */
};

static void on_trace(void *ctx, const tern_trace *record) {
    struct stage *g = ctx;
    ladder_record(g->d->ladder, END_A, record);
    demo_server_record(g->d, record);
}

/* ---- the kernel's side ---- */

/* Asks the kernel in which state its end is. No such socket: CLOSED. */
static void sample(struct stage *g) {
    struct sockdiag_socket sk;
    if (!g->known) return;
    int r = sockdiag_find(g->diag, &g->flow, &sk, NULL);
    if (r < 0 && r != -ENOENT) return;
    if (r >= 0 && sk.has_info && sk.rtt_us != 0) g->d->peer_rtt_us = sk.rtt_us;
    ladder_peer(g->d->ladder, END_B, &g->flow, r < 0 ? TERN_CLOSED : (int)sk.state);
}

/* The first SYN tells which connection is the one. */
static void look_at(struct stage *g, const tern_packet *p) {
    struct peek seen;
    if (!g->known && peek_tcp(p->data, p->len, &seen) && seen.dst_port == DEMO_PORT) {
        g->known = true;
        g->flow = (tern_flow){seen.src, seen.dst, seen.src_port, seen.dst_port};
    }
    sample(g);
}

static void slow_link(const struct stage *g) {
    struct timespec t = {0, SLOW_NS};
    if (g->d->slow && g->known) nanosleep(&t, NULL);
}

/* ---- curl ---- */

static void exec_curl(void) {
    signal(SIGPIPE, SIG_DFL);
    unsetenv("http_proxy");
    unsetenv("all_proxy");
    unsetenv("ALL_PROXY");
    execlp("curl", "curl", "-q", "-sS", "--max-time", "20", "--noproxy", "*", "http://10.9.0.2/", (char *)NULL);
    _exit(errno == ENOENT ? 127 : 126);
}

static int start_curl(struct stage *g) {
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0) return trouble("pipe: %s", i18n_error(errno));
    fflush(stdout);
    g->curl = fork();
    if (g->curl < 0) return trouble("fork: %s", i18n_error(errno));
    if (g->curl == 0) {
        dup2(fds[1], STDOUT_FILENO);
        exec_curl();
    }
    close(fds[1]);
    g->curl_out = fds[0];
    g->curl_status = -1;
    return 0;
}

static void curl_ended(struct stage *g, int status) { g->curl_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128; }

static void hear_curl(struct stage *g) {
    char buf[4096];
    ssize_t n = read(g->curl_out, buf, sizeof buf);
    if (n > 0) {
        demo_body(g->d, buf, (size_t)n);
        return;
    }
    close(g->curl_out);
    g->curl_out = -1;
    int status;
    if (g->curl_status < 0 && waitpid(g->curl, &status, 0) == g->curl) curl_ended(g, status);
}

/* While the kernel is asked what a segment did, curl stands still: its answer would be in the answer. */
static bool hold_curl(struct stage *g) {
    int status;
    if (g->curl_status >= 0 || kill(g->curl, SIGSTOP) != 0) return false;
    if (waitpid(g->curl, &status, WUNTRACED) != g->curl) return false;
    if (!WIFSTOPPED(status)) curl_ended(g, status);
    return WIFSTOPPED(status);
}

/* ---- the loop: one packet and one frame at a time, so that the kernel can be asked after each ---- */

static int receive(struct stage *g, struct driver_error *err) {
    tern_packet p;
    int n;
    while ((n = device_receive(g->dev, &p, 1, err)) == 1) {
        look_at(g, &p);
        slow_link(g);
        tern_input(g->stack, g->iface, &p, 1, tern_host_now());
    }
    return n;
}

static int transmit(struct stage *g, struct driver_error *err) {
    tern_frame f;
    while (tern_output(g->stack, &f, 1, tern_host_now()) == 1) {
        slow_link(g);
        bool held = hold_curl(g);
        int r = device_send(g->dev, &f, 1, err);
        sample(g);
        if (held) kill(g->curl, SIGCONT);
        if (r < 0) return r;
    }
    return 0;
}

static int turn(struct stage *g, struct driver_error *err) {
    tern_event events[16];
    int r = receive(g, err);
    uint64_t now = tern_host_now();
    g->server.now_ns = now;
    tern_expire(g->stack, now);
    for (int n; (n = tern_poll(g->stack, events, 16)) > 0;)
        for (int i = 0; i < n; i++) server_event(&g->server, &events[i]);
    server_tick(&g->server, now);
    return r < 0 ? r : transmit(g, err);
}

static void wait_for(struct stage *g) {
    struct pollfd fds[2] = {{g->dev->fd, POLLIN, 0}, {g->curl_out, POLLIN, 0}};
    uint64_t now = tern_host_now(), due = tern_deadline(g->stack), wait = due > now ? due - now : 0;
    if (wait > NAP_NS) wait = NAP_NS;
    struct timespec t = {0, (long)wait};
    if (ppoll(fds, 2, &t, NULL) > 0 && fds[1].revents != 0) hear_curl(g);
}

/* The kernel's last moves come without a packet; they are shown when nothing else happens. */
static void quiet(struct stage *g, uint64_t now) {
    struct demo *d = g->d;
    uint64_t end = d->time_wait_ns + 2ull * DEMO_MSL_MS * 1000000u;
    sample(g);
    if (d->time_wait_ns != 0 && !d->over && now > d->time_wait_ns + NAP_NS)
        demo_countdown(d, end > now ? end - now : 0);
}

static int live(struct stage *g) {
    struct driver_error err = {0};
    uint64_t start = tern_host_now(), now = start;
    while (!g->d->over && now - start < LIMIT_NS) {
        wait_for(g);
        int r = turn(g, &err);
        if (r < 0) return trouble("%s", err.text);
        now = tern_host_now();
        quiet(g, now);
        if (g->curl_status > 0 && !g->known) break; /* it never came to a connection */
    }
    while (g->curl_out >= 0) hear_curl(g);
    if (g->curl_status == 127) return trouble(_("curl is not installed; 'tern demo --mem' needs none"));
    return g->curl_status != 0 ? trouble(_("curl failed with exit status %d"), g->curl_status) : 0;
}

/* ---- the stage ---- */

/* What is refused here leaves the world as it was, and the demonstration moves into memory. */
static bool open_device(struct stage *g, struct driver_error *err) {
    struct driver_prefix kernel = {.len = 24};
    struct tun_config tc = {.name = "tern0", .vnet = true};
    struct tun_setup setup = {.addrs = &kernel, .addrs_count = 1};
    tern_addr_parse("10.9.0.1", &kernel.addr);
    return netns_enter(err) >= 0 && tun_open(&tc, &g->dev, err) >= 0 && tun_configure(g->dev, &setup, err) >= 0 &&
           sockdiag_open(&g->diag, err) >= 0;
}

static int make_host(struct stage *g) {
    struct driver_error err;
    tern_config config;
    tern_iface_config ic;
    tern_addr addr;
    size_t which;
    if (tern_config_host(&config, &err) < 0) return trouble("%s", err.text);
    config.msl_ms = DEMO_MSL_MS;
    int r = tern_new(&config, tern_host_now(), &g->stack);
    explicit_bzero(config.entropy, sizeof config.entropy);
    if (r < 0) return trouble("%s", tern_strerror(r, i18n_lang()));
    device_iface(g->dev, &ic);
    g->iface = r = tern_iface_add(g->stack, &ic);
    tern_addr_parse("10.9.0.2", &addr);
    if (r >= 0) r = tern_addr_add(g->stack, g->iface, &addr, 24);
    g->server = (struct server){.stack = g->stack, .clients_max = 16, .services = 1};
    g->server.service[0] =
        (struct service){.kind = SERVICE_HTTP,
                         .port = DEMO_PORT,
                         .root = {.dir = -1, .page = demo_page, .page_len = demo_page_len, .once = true}};
    if (r >= 0) r = server_listen(&g->server, &which);
    return r < 0 ? trouble("%s", tern_strerror(r, i18n_lang())) : 0;
}

static int perform(struct stage *g) {
    struct demo *d = g->d;
    struct driver_error err;
    int code = demo_watch(d, false, END_A, clock_epoch(), g->dev->name, _("tern's side of the TUN device"));
    if (code != 0) return code;
    if (drop_privileges(PRIVILEGE_KEEP_USER, &err) < 0) return trouble("%s", err.text);
    code = make_host(g);
    if (code != 0) return code;
    uint32_t mask = TERN_TRACE_ALL & ~(uint32_t)TERN_TRACE_WINDOW;
    tern_trace_set(g->stack, mask, on_trace, g);
    printf(_("A namespace of its own, the TUN device %s between tern (10.9.0.2) and the Linux kernel (10.9.0.1).\n"
             "curl fetches http://10.9.0.2/ from tern; the kernel's states are read from the kernel.\n"),
           g->dev->name);
    if (d->slow) printf(_("The link is slow: %d ms each way.\n"), SLOW_NS / 1000000);
    printf("\n");
    code = start_curl(g);
    if (code == 0) code = live(g);
    server_abort(&g->server);
    tern_trace_set(g->stack, 0, NULL, NULL);
    int report = d->tally.started ? demo_report(d) : EXIT_TROUBLE;
    return code != 0 ? code : report;
}

int demo_kernel(struct demo *d) {
    static struct stage g;
    struct driver_error err = {0};
    g.d = d;
    g.curl_out = -1;
    d->name[END_A] = "tern";
    d->name[END_B] = "Linux";
    if (!open_device(&g, &err)) {
        printf(_("%s.\n%s\n\n"), err.text, _("So the demonstration happens in memory, between two tern hosts."));
        device_close(g.dev);
        sockdiag_close(g.diag);
        return DEMO_REFUSED;
    }
    int code = perform(&g);
    tern_free(g.stack);
    sockdiag_close(g.diag);
    device_close(g.dev);
    return code;
}
