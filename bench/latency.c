/* latency.c - request and response of one byte over 1, 10 and 100 connections: the kernel's end asks on one of them at
 * random and waits, tern's end behind a TUN device answers; beside it Linux answers over loopback. All on one
 * processor, so each answer costs two changes of process. Goodput is tun.c's. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/apart.h"
#include "bench/bench.h"
#include "drivers/host.h"
#include "drivers/loop.h"
#include "drivers/netns.h"
#include "drivers/tun.h"

enum { PORT = 7, CONNECTIONS_MOST = 100, PERCENTILES = 4, TRIPS_MOST = 1 << 18, MTU = 1500, WARM = 200 };
static const double percentile[PERCENTILES] = {50, 90, 99, 99.9};

struct latency_case {
    unsigned connections;
    uint64_t ns;
    int cpu;
};

static bool failed(struct apart *out, const char *why) {
    out->ok = false;
    snprintf(out->text, sizeof out->text, "%s", why);
    return false;
}

/* ---- the kernel's client ---- */

static int ascending(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static bool ask(int fd) {
    char byte = 'x';
    return write(fd, &byte, 1) == 1 && read(fd, &byte, 1) == 1;
}

static bool connect_all(const struct latency_case *c, const char *addr, int *fd) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    int on = 1;
    inet_pton(AF_INET, addr, &a.sin_addr);
    for (unsigned i = 0; i < c->connections; i++) {
        fd[i] = socket(AF_INET, SOCK_STREAM, 0);
        if (fd[i] < 0 || connect(fd[i], (struct sockaddr *)&a, sizeof a) < 0) return false;
        setsockopt(fd[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    return true;
}

static void client(const struct latency_case *c, const char *addr, struct apart *out) {
    static uint32_t took[TRIPS_MOST];
    int fd[CONNECTIONS_MOST];
    uint64_t state = 88172645463325252u;
    uint32_t n = 0;
    if (!connect_all(c, addr, fd)) {
        failed(out, strerror(errno));
        return;
    }
    for (unsigned i = 0; i < WARM; i++)
        if (!ask(fd[i % c->connections])) {
            failed(out, "a connection ended");
            return;
        }
    for (uint64_t now = clock_ns(), until = now + c->ns; now < until && n < TRIPS_MOST; n++) {
        if (!ask(fd[choice(&state) % c->connections])) break;
        uint64_t then = clock_ns();
        took[n] = (uint32_t)(then - now);
        now = then;
    }
    if (n == 0) {
        failed(out, "no answer came");
        return;
    }
    qsort(took, n, sizeof *took, ascending);
    for (unsigned i = 0; i < PERCENTILES; i++) out->value[i] = took[(uint32_t)(n * percentile[i] / 100)] / 1e3;
}

/* Starts it; what it finds comes back through the pipe. */
static pid_t client_start(const struct latency_case *c, const char *addr, int *result) {
    int ends[2];
    if (pipe(ends) < 0) return -1;
    pid_t pid = fork();
    if (pid == 0) {
        struct apart out = {.ok = true};
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        client(c, addr, &out);
        _exit(write(ends[1], &out, sizeof out) == (ssize_t)sizeof out ? 0 : 1);
    }
    close(ends[1]);
    *result = ends[0];
    return pid;
}

static void client_end(pid_t pid, int result, struct apart *out) {
    if (read(result, out, sizeof *out) != (ssize_t)sizeof *out) failed(out, "the client ended without a result");
    close(result);
    waitpid(pid, NULL, 0);
}

/* ---- tern answers ---- */

struct echo {
    tern_stack *stack;
    tern_sock listener;
};

static void on_event(void *ctx, const tern_event *e) {
    struct echo *echo = ctx;
    tern_sock sock;
    char bytes[64];
    if (e->bits & TERN_EV_ACCEPT)
        while (tern_accept(echo->stack, echo->listener, &sock, NULL) == TERN_OK) {
        }
    if (!(e->bits & TERN_EV_READ)) return;
    for (ptrdiff_t n; (n = tern_read(echo->stack, e->sock, bytes, sizeof bytes)) > 0;)
        tern_write(echo->stack, e->sock, bytes, (size_t)n);
}

static bool answer(struct echo *echo, struct device *dev, int client_fd, struct apart *out) {
    struct driver_error err;
    struct loop loop;
    fd_set set;
    loop_init(&loop, echo->stack, 0, dev);
    loop.on_event = on_event;
    loop.ctx = echo;
    for (unsigned turn = 0;; turn++) {
        if (loop_turn(&loop, 2000000, &err) < 0) return failed(out, err.text);
        if (turn % 64 != 0) continue;
        FD_ZERO(&set);
        FD_SET(client_fd, &set);
        if (select(client_fd + 1, &set, NULL, NULL, &(struct timeval){0, 0}) > 0) return true;
    }
}

static void measure_tern(const void *ctx, struct apart *out) {
    const struct latency_case *c = ctx;
    struct driver_error err;
    struct device *dev;
    struct echo echo;
    struct tun_config tun = {.name = "bench0", .vnet = true};
    struct driver_prefix kernel = {{.family = 4, .bytes = {10, 9, 0, 1}}, 24};
    struct tun_setup setup = {.mtu = MTU, .addrs = &kernel, .addrs_count = 1};
    tern_addr addr = {.family = 4, .bytes = {10, 9, 0, 2}};
    tern_config config;
    tern_iface_config iface;
    tern_listen_config listen = {.size = sizeof listen, .port = PORT};
    int result;
    if (netns_enter(&err) < 0 || tun_open(&tun, &dev, &err) < 0 || tun_configure(dev, &setup, &err) < 0 ||
        tern_config_host(&config, &err) < 0) {
        failed(out, err.text);
        return;
    }
    device_iface(dev, &iface);
    if (tern_new(&config, tern_host_now(), &echo.stack) != TERN_OK || tern_iface_add(echo.stack, &iface) != 0 ||
        tern_addr_add(echo.stack, 0, &addr, 24) != TERN_OK ||
        tern_listen(echo.stack, &listen, &echo.listener) != TERN_OK) {
        failed(out, "cannot make a stack");
        return;
    }
    pid_t pid = client_start(c, "10.9.0.2", &result);
    if (pid < 0)
        failed(out, "no process");
    else if (answer(&echo, dev, result, out))
        client_end(pid, result, out);
}

/* ---- Linux answers ---- */

static void serve(int listener) {
    int all = epoll_create1(0);
    struct epoll_event e = {.events = EPOLLIN, .data.fd = listener};
    epoll_ctl(all, EPOLL_CTL_ADD, listener, &e);
    while (epoll_wait(all, &e, 1, -1) > 0) {
        char bytes[64];
        int fd = e.data.fd;
        if (fd == listener) {
            e = (struct epoll_event){.events = EPOLLIN, .data.fd = accept(listener, NULL, NULL)};
            epoll_ctl(all, EPOLL_CTL_ADD, e.data.fd, &e);
            continue;
        }
        ssize_t n = read(fd, bytes, sizeof bytes);
        if (n <= 0 || write(fd, bytes, (size_t)n) != n) return;
    }
}

static void measure_linux(const void *ctx, struct apart *out) {
    const struct latency_case *c = ctx;
    struct driver_error err;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    inet_pton(AF_INET, "127.0.0.1", &a.sin_addr);
    if (netns_enter(&err) < 0) {
        failed(out, err.text);
        return;
    }
    int result, listener = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&a, sizeof a) < 0 || listen(listener, CONNECTIONS_MOST) < 0) {
        failed(out, strerror(errno));
        return;
    }
    pid_t server = fork();
    if (server == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        serve(listener);
        _exit(0);
    }
    pid_t pid = client_start(c, "127.0.0.1", &result);
    if (pid < 0)
        failed(out, "no process");
    else
        client_end(pid, result, out);
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
}

/* ---- the table ---- */

static void row(const struct bench *b, const char *who, void (*fn)(const void *, struct apart *), unsigned n) {
    struct samples out[PERCENTILES] = {{0}};
    struct latency_case c = {n, b->run_ns, b->cpu};
    char name[96];
    snprintf(name, sizeof name, "%s, %u connection%s", who, n, n == 1 ? "" : "s");
    if (b->only != NULL && strstr(name, b->only) == NULL) return;
    for (unsigned i = 0; i < b->runs; i++) {
        struct apart r;
        apart_run(fn, &c, &r);
        if (!r.ok) {
            report_note("%s: not measured: %s", name, r.text);
            return;
        }
        for (unsigned k = 0; k < PERCENTILES; k++) samples_add(&out[k], r.value[k]);
    }
    report_row(name, out);
}

void bench_latency(const struct bench *b) {
    static const struct column columns[PERCENTILES] = {
        {"median, us", 1}, {"90 %, us", 1}, {"99 %, us", 1}, {"99.9 %, us", 1}};
    static const unsigned sizes[] = {1, 10, CONNECTIONS_MOST};
    report_table("tun", "a byte there and back, the kernel asks", PERCENTILES, columns);
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        row(b, "tern answers over TUN", measure_tern, sizes[i]);
        row(b, "Linux answers over loopback", measure_linux, sizes[i]);
    }
}
