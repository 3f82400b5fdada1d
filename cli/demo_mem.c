/* demo_mem.c - the demonstration between two tern hosts on a link in memory. The clock is virtual, so that every run
 * is the same; unless --fast is given it is only let run as fast as the real one. */
#include <string.h>
#include <time.h>

#include "cli/demo.h"
#include "drivers/host.h"
#include "drivers/sim.h"

enum { CLIENT = 0, SERVER = 1 };
#define LIMIT_NS (60ull * SIM_SECOND)

struct world {
    struct demo *d;
    struct sim *sim;
    struct server server;
    tern_sock client;
    bool head_over;
    unsigned matched; /* of the empty line behind the answer's head */
};

static void on_client_trace(void *ctx, const tern_trace *record) {
    struct world *w = ctx;
    ladder_record(w->d->ladder, END_A, record);
}

static void on_server_trace(void *ctx, const tern_trace *record) {
    struct world *w = ctx;
    ladder_record(w->d->ladder, END_B, record);
    demo_server_record(w->d, record);
}

static void on_fate(void *ctx, const struct memlink_record *r) {
    struct world *w = ctx;
    if (r->fate != MEMLINK_DELIVERED && r->data != NULL) ladder_lost(w->d->ladder, r->from, r->data, r->len);
}

static void take_body(struct world *w, const char *data, size_t len) {
    size_t at = 0;
    for (; at < len && !w->head_over; at++) {
        w->matched = data[at] == "\r\n\r\n"[w->matched] ? w->matched + 1 : data[at] == '\r';
        w->head_over = w->matched == 4;
    }
    if (at < len) demo_body(w->d, data + at, len - at);
}

static void client_event(struct world *w, const tern_event *event) {
    tern_stack *s = w->sim->stack[CLIENT];
    static const char request[] = "GET / HTTP/1.1\r\nHost: 10.0.0.2\r\nUser-Agent: tern\r\nAccept: */*\r\n\r\n";
    char buf[2048];
    ptrdiff_t n;
    if (event->sock.id != w->client.id) return;
    if (event->bits & TERN_EV_CONNECTED) tern_write(s, w->client, request, sizeof request - 1);
    while ((n = tern_read(s, w->client, buf, sizeof buf)) > 0) take_body(w, buf, (size_t)n);
    if (n == 0 || (event->bits & TERN_EV_CLOSED)) tern_close(s, w->client);
}

static void on_event(void *ctx, struct sim *sim, int side, const tern_event *event) {
    struct world *w = ctx;
    w->server.now_ns = sim->now;
    if (side == CLIENT)
        client_event(w, event);
    else
        server_event(&w->server, event);
}

/* Waits until the real clock has come as far as the virtual one. */
static void pace(const struct demo *d, uint64_t real_start, uint64_t virtual_passed) {
    uint64_t now = tern_host_now(), due = real_start + virtual_passed;
    if (d->fast || due <= now) return;
    struct timespec t = {(time_t)((due - now) / SIM_SECOND), (long)((due - now) % SIM_SECOND)};
    nanosleep(&t, NULL);
}

static int begin(struct world *w) {
    struct demo *d = w->d;
    struct sim *sim = w->sim;
    tern_open open = {.size = sizeof open, .remote = sim->addr4[SERVER], .remote_port = DEMO_PORT};
    size_t which;
    uint32_t mask = TERN_TRACE_SEGMENT_IN | TERN_TRACE_SEGMENT_OUT | TERN_TRACE_STATE | TERN_TRACE_CALL |
                    TERN_TRACE_TIMER | TERN_TRACE_DROP;
    tern_trace_set(sim->stack[CLIENT], mask, on_client_trace, w);
    tern_trace_set(sim->stack[SERVER], mask | PCAPNG_TRACE, on_server_trace, w);
    memlink_tap(sim->link, on_fate, w);
    w->server = (struct server){.stack = sim->stack[SERVER], .clients_max = 16, .services = 1};
    w->server.service[0] =
        (struct service){.kind = SERVICE_HTTP,
                         .port = DEMO_PORT,
                         .root = {.dir = -1, .page = demo_page, .page_len = demo_page_len, .once = true}};
    int r = server_listen(&w->server, &which);
    if (r == 0) r = tern_connect(sim->stack[CLIENT], &open, &w->client);
    if (r < 0) return trouble("%s", tern_strerror(r, i18n_lang()));
    printf(_("Two tern hosts in memory, %d ms apart. The client fetches http://10.0.0.2/ from the server.\n\n"),
           d->slow ? 150 : 20);
    return 0;
}

static void live(struct world *w) {
    struct demo *d = w->d;
    struct sim *sim = w->sim;
    uint64_t virtual_start = sim->now, real_start = tern_host_now();
    while (!d->over && sim->now - virtual_start < LIMIT_NS) {
        uint64_t next = sim_deadline(sim), step = sim->now + SIM_SECOND / 10;
        if (next > step || d->time_wait_ns != 0) next = next < step ? next : step;
        pace(d, real_start, next - virtual_start);
        sim_run(sim, next);
        server_tick(&w->server, sim->now);
        uint64_t end = d->time_wait_ns + 2ull * DEMO_MSL_MS * 1000000u;
        if (d->time_wait_ns != 0 && !d->over && sim->now > d->time_wait_ns + SIM_SECOND / 10)
            demo_countdown(d, end > sim->now ? end - sim->now : 0);
    }
}

int demo_mem(struct demo *d) {
    static struct world w;
    struct driver_error err;
    struct sim_config c = sim_config_default(1);
    c.path[0].delay_ns = c.path[1].delay_ns = (d->slow ? 150u : 20u) * SIM_MS;
    c.stack[SERVER].msl_ms = DEMO_MSL_MS;
    c.app = on_event;
    c.ctx = &w;
    w.d = d;
    d->name[END_A] = _("client");
    d->name[END_B] = _("server");
    if (sim_new(&c, &w.sim, &err) < 0) return trouble("%s", err.text);
    int code = demo_watch(d, true, END_B, clock_epoch() + tern_host_now() - w.sim->now, "mem1", _("the server's side"));
    if (code == 0) code = begin(&w);
    if (code == 0) {
        live(&w);
        tern_status_info info = {.size = sizeof info};
        if (tern_status(w.sim->stack[CLIENT], w.client, &info) == 0) d->peer_rtt_us = info.srtt_us;
        server_abort(&w.server);
        tern_trace_set(w.sim->stack[CLIENT], 0, NULL, NULL);
        tern_trace_set(w.sim->stack[SERVER], 0, NULL, NULL);
        code = demo_report(d);
    }
    sim_free(w.sim);
    return code;
}
