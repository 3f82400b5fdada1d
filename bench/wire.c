/* wire.c - see wire.h. One process is the path, and every tern stack on it; Linux's ends have processes of their own. */
#include "bench/wire.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "bench/bench.h"
#include "bench/wire_peer.h"
#include "drivers/host.h"
#include "drivers/netns.h"
#include "drivers/tun.h"

enum { SIDES = 2, BATCH = 64, HEADERS = 52, MTU = 1500, TICK_NS = 100000 };

struct side {
    struct device *dev; /* Linux's, else NULL */
    tern_stack *stack;
    tern_sock sock, listener;
    pid_t peer;
};

struct wire {
    const struct wire_case *c;
    struct side side[SIDES];
    struct memlink *link;
    struct wire_shared *shared;
    uint64_t base_ns, queue_ns, queue_count;
    struct apart *out;
};

static bool failed(struct apart *out, const char *why) {
    out->ok = false;
    snprintf(out->text, sizeof out->text, "%s", why);
    return false;
}

/* ---- making the ends ---- */

static bool write_setting(const char *name, const char *value) {
    char path[96];
    snprintf(path, sizeof path, "/proc/sys/net/ipv4/%s", name);
    FILE *f = fopen(path, "w");
    if (f == NULL) return false;
    bool ok = fputs(value, f) >= 0;
    return fclose(f) == 0 && ok;
}

/* Linux's buffers may grow as far as on a server with a long path; the rest is as the system has it. */
static bool linux_open(struct wire *w, int i, bool sends) {
    struct driver_error err;
    char name[16];
    snprintf(name, sizeof name, "wire%d", i);
    struct tun_config config = {.name = name};
    struct driver_prefix own = {{.family = 4, .bytes = {10, 8, 0, (uint8_t)(i + 1)}}, 24};
    struct tun_setup setup = {.mtu = MTU, .addrs = &own, .addrs_count = 1};
    struct side *s = &w->side[i];
    if (netns_enter(&err) < 0 || tun_open(&config, &s->dev, &err) < 0 || tun_configure(s->dev, &setup, &err) < 0)
        return failed(w->out, err.text);
    if (!write_setting("tcp_wmem", "4096 16384 33554432") || !write_setting("tcp_rmem", "4096 131072 33554432"))
        return failed(w->out, "the kernel's buffer limits cannot be set here");
    write_setting("tcp_no_metrics_save", "1");
    s->peer = wire_peer(w->shared, sends, w->c->congestion);
    return s->peer > 0 || failed(w->out, "no process for Linux's end");
}

static bool tern_end_open(struct wire *w, int i) {
    struct driver_error err;
    tern_config config;
    struct side *s = &w->side[i];
    tern_addr addr = {.family = 4, .bytes = {10, 8, 0, (uint8_t)(i + 1)}};
    if (tern_config_host(&config, &err) < 0) return failed(w->out, err.text);
    config.congestion = w->c->tern_congestion;
    tern_iface_config iface = {.size = sizeof iface, .link = TERN_LINK_IP, .mtu = MTU};
    tern_listen_config listen = {.size = sizeof listen, .port = WIRE_PORT};
    if (tern_new(&config, tern_host_now(), &s->stack) != TERN_OK || tern_iface_add(s->stack, &iface) != 0 ||
        tern_addr_add(s->stack, 0, &addr, 24) != TERN_OK)
        return failed(w->out, "cannot make a stack");
    return i == 0 || tern_listen(s->stack, &listen, &s->listener) == TERN_OK || failed(w->out, "cannot listen");
}

/* ---- the applications on tern's side ---- */

static void feed(struct side *s) {
    void *ptr[2];
    size_t len[2];
    if (tern_write_reserve(s->stack, s->sock, 1 << 30, ptr, len) == TERN_OK)
        tern_write_commit(s->stack, s->sock, len[0] + len[1]);
}

static void drain(struct wire *w, struct side *s) {
    tern_span spans[BATCH];
    for (int n; (n = tern_read_borrow(s->stack, s->sock, spans, BATCH)) > 0;) {
        size_t all = 0;
        for (int i = 0; i < n; i++) all += spans[i].len;
        tern_read_release(s->stack, s->sock, all);
        atomic_fetch_add(&w->shared->read, all);
    }
}

static void events(struct wire *w, struct side *s) {
    tern_event e[16];
    for (int n; (n = tern_poll(s->stack, e, 16)) > 0;)
        for (int i = 0; i < n; i++) {
            if (e[i].bits & TERN_EV_ACCEPT) tern_accept(s->stack, s->listener, &s->sock, NULL);
            if (s == &w->side[0] && e[i].bits & (TERN_EV_CONNECTED | TERN_EV_WRITE)) feed(s);
            if (s == &w->side[1] && e[i].bits & (TERN_EV_READ | TERN_EV_ACCEPT)) drain(w, s);
        }
}

/* ---- the path ---- */

static void tap(void *ctx, const struct memlink_record *r) {
    struct wire *w = ctx;
    if (r->from != 0 || r->fate != MEMLINK_DELIVERED || r->copy || r->reordered || r->len <= HEADERS) return;
    uint64_t took = r->arrives_ns - r->sent_ns;
    w->queue_ns += took > w->base_ns ? took - w->base_ns : 0;
    w->queue_count++;
}

/* What the end has to say goes on the path. False: its device is gone. */
static bool take_from(struct wire *w, int i, uint64_t now) {
    struct side *s = &w->side[i];
    struct driver_error err;
    if (s->stack != NULL) {
        tern_frame f[BATCH];
        tern_expire(s->stack, now);
        for (int n; (n = tern_output(s->stack, f, BATCH, now)) > 0;) memlink_send(w->link, i, f, (size_t)n, now);
        return true;
    }
    tern_packet p[BATCH];
    for (int n = BATCH; n == BATCH;) {
        n = device_receive(s->dev, p, BATCH, &err);
        if (n < 0) return failed(w->out, err.text);
        for (int k = 0; k < n; k++) memlink_inject(w->link, i, p[k].data, p[k].len, now);
    }
    return true;
}

/* What has come through. */
static bool give_to(struct wire *w, int i, uint64_t now) {
    struct side *s = &w->side[i];
    struct driver_error err;
    tern_packet p[BATCH];
    for (size_t n; (n = memlink_receive(w->link, i, p, BATCH, now)) > 0;) {
        if (s->stack != NULL) {
            tern_input(s->stack, 0, p, n, now);
            events(w, s);
            continue;
        }
        tern_frame f[BATCH];
        memset(f, 0, n * sizeof *f);
        for (size_t k = 0; k < n; k++) {
            f[k].len = p[k].len;
            f[k].spans = 1;
            f[k].body[0] = (tern_span){p[k].data, p[k].len};
        }
        if (device_send(s->dev, f, n, &err) < 0) return failed(w->out, err.text);
    }
    return true;
}

/* Until something arrives at an end or comes out of the path. While packets follow each other closely it looks every
 * 100 us, as a card does that moderates its interrupts: one look for each would be most of the work. */
static void rest(const struct wire *w) {
    struct pollfd p[SIDES];
    nfds_t count = 0;
    uint64_t due = memlink_deadline(w->link), now;
    for (int i = 0; i < SIDES; i++) {
        if (w->side[i].dev != NULL) p[count++] = (struct pollfd){.fd = w->side[i].dev->fd, .events = POLLIN};
        uint64_t own = w->side[i].stack != NULL ? tern_deadline(w->side[i].stack) : TERN_NEVER;
        if (own < due) due = own;
    }
    now = tern_host_now();
    uint64_t ns = due <= now + TICK_NS ? TICK_NS : due - now < 10000000u ? due - now : 10000000u;
    struct timespec t = {0, (long)ns};
    ppoll(p, ns == TICK_NS ? 0 : count, &t, NULL);
}

/* ---- one transfer ---- */

static bool open_all(struct wire *w) {
    struct driver_error err;
    cpu_set_t all;
    CPU_ZERO(&all);
    for (int i = 0; i < CPU_SETSIZE; i++) CPU_SET(i, &all);
    sched_setaffinity(0, sizeof all, &all);
    w->shared = mmap(NULL, sizeof *w->shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (w->shared == MAP_FAILED) return failed(w->out, strerror(errno));
    if (memlink_new(w->c->path, &w->link, &err) < 0) return failed(w->out, err.text);
    memlink_tap(w->link, tap, w);
    const struct memlink_path *p = &w->c->path[0];
    w->base_ns = p->delay_ns + (p->rate_bps != 0 ? MTU * 8ull * 1000000000u / p->rate_bps : 0);
    for (int i = 0; i < SIDES; i++)
        if ((i == 0 ? w->c->sender : w->c->receiver) == WIRE_TERN ? !tern_end_open(w, i) : !linux_open(w, i, i == 0))
            return false;
    return true;
}

static bool turns(struct wire *w, uint64_t end) {
    for (uint64_t now; (now = tern_host_now()) < end;) {
        for (int i = 0; i < SIDES; i++)
            if (!take_from(w, i, now)) return false;
        for (int i = 0; i < SIDES; i++)
            if (!give_to(w, i, now)) return false;
        rest(w);
    }
    return true;
}

static void figures(struct wire *w, uint64_t took) {
    uint32_t again = atomic_load(&w->shared->again), sent = atomic_load(&w->shared->sent);
    const struct side *s = &w->side[0];
    tern_status_info info = {.size = sizeof info};
    if (s->stack != NULL && tern_status(s->stack, s->sock, &info) == TERN_OK) {
        again = info.retransmitted;
        sent = (uint32_t)(info.bytes_sent / info.mss) + again;
    }
    w->out->value[WIRE_GOODPUT] = (double)atomic_load(&w->shared->read) * 8e3 / (double)took;
    w->out->value[WIRE_AGAIN] = sent != 0 ? 100.0 * again / sent : 0;
    w->out->value[WIRE_QUEUE] = w->queue_count != 0 ? (double)w->queue_ns / (double)w->queue_count / 1e6 : 0;
}

void wire_run(const void *wire_case, struct apart *out) {
    struct wire w = {.c = wire_case, .out = out};
    if (open_all(&w)) {
        struct side *s = &w.side[0];
        tern_open o = {.size = sizeof o, .remote = {.family = 4, .bytes = {10, 8, 0, 2}}, .remote_port = WIRE_PORT};
        uint64_t settle = tern_host_now() + 20000000u;
        bool ok = turns(&w, settle); /* the listening process is there by then */
        uint64_t start = tern_host_now();
        atomic_store(&w.shared->go, true);
        if (s->stack != NULL && tern_connect(s->stack, &o, &s->sock) != TERN_OK) ok = failed(out, "cannot connect");
        if (ok && turns(&w, start + w.c->duration_ns)) figures(&w, tern_host_now() - start);
    }
    for (int i = 0; i < SIDES; i++)
        if (w.side[i].peer > 0) {
            kill(w.side[i].peer, SIGKILL);
            waitpid(w.side[i].peer, NULL, 0);
        }
}
