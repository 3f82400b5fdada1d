/* tun.c - tern against Linux's TCP through a TUN device, in a network namespace of their own: goodput in both
 * directions, with plain frames and with offloads, beside Linux against itself over loopback and what the device
 * itself can do.
 *
 * "by the clock" is what one sees. "per core" is bytes by the processor time of both processes: on one core the same
 * when nobody else is on the machine. */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/apart.h"
#include "bench/bench.h"
#include "bench/kernel.h"
#include "drivers/host.h"
#include "drivers/loop.h"
#include "drivers/netns.h"
#include "drivers/tun.h"

enum { PORT = 9, MTU = 1500, CALL = 256 << 10, SPANS = 70, LEND = 128, RAW_QUEUE = 400 };
#define STEP_NS 2000000u
#define WAIT_NS 5000000000u

struct tun_case {
    bool vnet, in, copies; /* in: Linux writes, tern reads */
    uint32_t window;
    struct kernel_case k;
};

struct run {
    const struct tun_case *c;
    tern_stack *stack;
    struct loop loop;
    tern_sock listener, sock;
    bool open, ended;
    uint64_t read;
};

/* ---- the application on tern's side ---- */

static uint8_t buffer[CALL];

static void read_all(struct run *r) {
    if (r->c->copies) {
        for (ptrdiff_t n; (n = tern_read(r->stack, r->sock, buffer, sizeof buffer)) > 0;) r->read += (uint64_t)n;
        return;
    }
    tern_span spans[SPANS];
    for (int n; (n = tern_read_borrow(r->stack, r->sock, spans, SPANS)) > 0;) {
        size_t all = 0;
        for (int i = 0; i < n; i++) all += spans[i].len;
        tern_read_release(r->stack, r->sock, all);
        r->read += all;
    }
}

static void write_all(struct run *r) {
    if (r->c->copies) {
        while (tern_write(r->stack, r->sock, buffer, sizeof buffer) == (ptrdiff_t)sizeof buffer) {
        }
        return;
    }
    void *ptr[2];
    size_t len[2];
    if (tern_write_reserve(r->stack, r->sock, 1 << 30, ptr, len) == TERN_OK)
        tern_write_commit(r->stack, r->sock, len[0] + len[1]);
}

static void on_event(void *ctx, const tern_event *e) {
    struct run *r = ctx;
    if (e->bits & TERN_EV_ACCEPT && tern_accept(r->stack, r->listener, &r->sock, NULL) == TERN_OK) {
        r->open = true;
        if (!r->c->in) write_all(r);
    }
    if (!r->open) return;
    if (e->bits & (TERN_EV_CLOSED | TERN_EV_EOF)) r->ended = true;
    if (e->bits & TERN_EV_READ) read_all(r);
    if (e->bits & TERN_EV_WRITE) write_all(r);
}

static uint64_t moved(struct run *r) {
    if (r->c->in) return r->read;
    tern_status_info info = {.size = sizeof info};
    return tern_status(r->stack, r->sock, &info) == TERN_OK ? info.bytes_acked : 0;
}

/* ---- the measurement, in a namespace of its own ---- */

static bool failed(struct apart *out, const char *why) {
    out->ok = false;
    snprintf(out->text, sizeof out->text, "%s", why);
    return false;
}

static bool device_open(const struct tun_case *c, struct device **dev, struct apart *out) {
    struct driver_error err;
    struct tun_config config = {.name = "bench0", .vnet = c->vnet, .lend = LEND};
    struct driver_prefix kernel = {{.family = 4, .bytes = {10, 9, 0, 1}}, 24};
    struct tun_setup setup = {.mtu = MTU, .addrs = &kernel, .addrs_count = 1};
    if (netns_enter(&err) < 0 || tun_open(&config, dev, &err) < 0 || tun_configure(*dev, &setup, &err) < 0)
        return failed(out, err.text);
    return true;
}

static bool stack_open(struct run *r, struct device *dev, struct apart *out) {
    struct driver_error err;
    tern_config config;
    tern_iface_config iface;
    tern_addr addr = {.family = 4, .bytes = {10, 9, 0, 2}};
    if (tern_config_host(&config, &err) < 0) return failed(out, err.text);
    config.send_buffer = config.receive_buffer = r->c->window;
    device_iface(dev, &iface);
    tern_listen_config listen = {.size = sizeof listen, .port = PORT};
    if (tern_new(&config, tern_host_now(), &r->stack) != TERN_OK || tern_iface_add(r->stack, &iface) != 0 ||
        tern_addr_add(r->stack, 0, &addr, 24) != TERN_OK || tern_listen(r->stack, &listen, &r->listener) != TERN_OK)
        return failed(out, "cannot make a stack");
    loop_init(&r->loop, r->stack, 0, dev);
    r->loop.on_event = on_event;
    r->loop.ctx = r;
    return true;
}

static bool turns(struct run *r, uint64_t ns, bool until_open, struct apart *out) {
    struct driver_error err;
    for (uint64_t end = clock_ns() + ns; clock_ns() < end && !r->ended && !(until_open && r->open);)
        if (loop_turn(&r->loop, STEP_NS, &err) < 0) return failed(out, err.text);
    if (r->ended) return failed(out, "the kernel's end closed the connection");
    return r->open || failed(out, "no connection came to be");
}

static void measure(const void *ctx, struct apart *out) {
    static struct run r;
    const struct tun_case *c = ctx;
    struct device *dev;
    r.c = c;
    if (!device_open(c, &dev, out) || !stack_open(&r, dev, out)) return;
    pid_t peer = kernel_peer("10.9.0.2", PORT, c->in, c->k.other_cpu);
    if (peer < 0) {
        failed(out, strerror(errno));
        return;
    }
    if (turns(&r, WAIT_NS, true, out) && turns(&r, c->k.ns / 4, false, out)) {
        uint64_t before = moved(&r), packets = dev->packets_in + dev->packets_out, start = clock_ns(),
                 own = thread_ns(), theirs = kernel_peer_ns(peer);
        if (turns(&r, c->k.ns, false, out)) {
            double bits = (double)(moved(&r) - before) * 8;
            out->value[0] = bits / (double)(clock_ns() - start);
            out->value[1] = bits / (double)(thread_ns() - own + kernel_peer_ns(peer) - theirs);
            out->value[2] = bits / 8 / (double)(dev->packets_in + dev->packets_out - packets);
        }
    }
    kill(peer, SIGKILL);
    waitpid(peer, NULL, 0);
}

static void measure_linux(const struct tun_case *c, bool veth, struct apart *out) {
    struct driver_error err;
    if (netns_enter(&err) < 0)
        failed(out, err.text);
    else
        out->ok = (veth ? kernel_veth : kernel_loopback)(&c->k, out->value, out->text, sizeof out->text);
}
static void measure_loopback(const void *ctx, struct apart *out) { measure_linux(ctx, false, out); }
static void measure_veth(const void *ctx, struct apart *out) { measure_linux(ctx, true, out); }

/* ---- the device alone: frames of 1500 bytes, one call each ---- */

/* To an address that nobody has: the kernel drops them where it would route them. */
static double raw_write(struct device *dev, uint64_t ns) {
    static uint8_t frame[MTU] = {0x45, 0, MTU >> 8, MTU & 255, 0, 0, 0x40, 0, 64, 17, 0, 0, 10, 9, 0, 2, 10, 9, 0, 77};
    uint32_t sum = 0;
    frame[10] = frame[11] = 0;
    for (int i = 0; i < 20; i += 2) sum += (uint32_t)frame[i] << 8 | frame[i + 1];
    sum = ~((sum & 0xffff) + (sum >> 16));
    frame[10] = (uint8_t)(sum >> 8);
    frame[11] = (uint8_t)sum;
    uint64_t start = thread_ns(), took, n = 0;
    do {
        for (int i = 0; i < 256; i++, n++)
            if (write(dev->fd, frame, sizeof frame) != (ssize_t)sizeof frame) return 0;
        took = thread_ns() - start;
    } while (took < ns);
    return (double)n * MTU * 8 / (double)took;
}

/* Datagrams that the kernel queued beforehand. */
static double raw_read(struct device *dev, uint64_t ns) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
    inet_pton(AF_INET, "10.9.0.2", &to.sin_addr);
    int fd = socket(AF_INET, SOCK_DGRAM, 0), room = 4 << 20;
    if (fd < 0) return 0;
    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room);
    uint64_t took = 0, bytes = 0;
    while (took < ns) {
        for (int i = 0; i < RAW_QUEUE; i++)
            sendto(fd, buffer, MTU - 28, MSG_DONTWAIT, (struct sockaddr *)&to, sizeof to);
        uint64_t start = thread_ns();
        ssize_t n, got = 0;
        while ((n = read(dev->fd, buffer, sizeof buffer)) > 0) got += n;
        took += thread_ns() - start;
        if (got == 0) break;
        bytes += (uint64_t)got;
    }
    close(fd);
    return took != 0 ? (double)bytes * 8 / (double)took : 0;
}

static void measure_raw(const void *ctx, struct apart *out) {
    const struct tun_case *c = ctx;
    struct device *dev;
    if (!device_open(c, &dev, out)) return;
    out->value[0] = raw_read(dev, c->k.ns / 2);
    out->value[1] = raw_write(dev, c->k.ns / 2);
}

/* ---- the tables ---- */

static const struct column columns[] = {
    {"Gbit/s by the clock", 2}, {"Gbit/s per core", 2}, {"bytes per packet", 0}, {"share of the yardstick", 2}};

/* False: it cannot be measured here, and why has been said. */
static bool repeat(const struct bench *b, void (*fn)(const void *, struct apart *), const struct tun_case *c,
                   struct samples out[3], unsigned values) {
    for (unsigned i = 0; i < b->runs; i++) {
        struct apart r;
        apart_run(fn, c, &r);
        if (!r.ok) {
            report_note("not measured: %s", r.text);
            return false;
        }
        for (unsigned k = 0; k < values; k++) samples_add(&out[k], r.value[k]);
    }
    return true;
}

static bool wanted(const struct bench *b, const char *name) { return b->only == NULL || strstr(name, b->only) != NULL; }

static void row(const struct bench *b, struct tun_case c, double yardstick) {
    char name[96];
    struct samples out[4] = {{0}};
    snprintf(name, sizeof name, "%s, %s, %s", c.in ? "Linux to tern" : "tern to Linux",
             c.vnet ? "offloads" : "plain frames", c.copies ? "copies" : "no copies");
    if (!wanted(b, name) || !repeat(b, measure, &c, out, 3)) return;
    if (yardstick > 0) samples_add(&out[3], samples_median(&out[1]) / yardstick);
    report_row(name, out);
}

static void table(const struct bench *b, struct tun_case c, const char *title, bool raw) {
    struct samples loopback[4] = {{0}}, veth[4] = {{0}}, device[4] = {{0}};
    report_table("tun", title, 4, columns);
    if (wanted(b, "over loopback")) {
        if (!repeat(b, measure_loopback, &c, loopback, 2)) return;
        report_row("Linux to Linux over loopback (the yardstick)", loopback);
    }
    double yardstick = samples_median(&loopback[1]);
    if (wanted(b, "over veth") && repeat(b, measure_veth, &c, veth, 2)) {
        if (yardstick > 0) samples_add(&veth[3], samples_median(&veth[1]) / yardstick);
        report_row("Linux to Linux over veth", veth);
    }
    for (int i = 0; i < 4; i++) {
        c.vnet = true;
        c.in = i < 2;
        c.copies = i % 2 == 0;
        row(b, c, yardstick);
    }
    c.vnet = false;
    c.copies = true;
    if (raw && wanted(b, "the device") && repeat(b, measure_raw, &c, device, 2)) {
        struct samples in[4] = {{0}, device[0]}, out[4] = {{0}, device[1]};
        report_row("the device: reading plain frames", in);
        report_row("the device: writing plain frames", out);
    }
    for (int in = 1; in >= 0; in--) {
        c.in = in;
        double ceiling = samples_median(&device[in ? 0 : 1]);
        row(b, c, raw ? ceiling : yardstick);
    }
}

void bench_tun(const struct bench *b) {
    struct tun_case c = {.window = 512 << 10, .k = {b->run_ns, b->cpu, b->cpu}};
    table(b, c, "goodput against the kernel, MTU 1500, everything on one core", true);
    bench_latency(b);
    if (!b->two_cores) {
        report_note("the kernel's end on another core: not measured; --two-cores does");
        return;
    }
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (b->cpu < 0 || cores < 2) {
        report_note("the kernel's end on another core: there is none to pin it to");
        return;
    }
    c.k.other_cpu = (b->cpu + 1) % (int)cores;
    table(b, c, "the same, the kernel's end on another core", false);
}
