/* kernel_conn.c - Linux's own TCP under the measures of conn.c: both ends in one thread over loopback, in a network
 * namespace of its own. Goodput is kernel.c's. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/apart.h"
#include "bench/kernel.h"
#include "drivers/netns.h"

/* As in conn.c; a port takes fewer idle ones than there are local ports. */
enum { CYCLE_PORT = 8000, CYCLE_PORTS = 32, IDLE_PORT = 9000, IDLE_A_PORT = 20000, BACKLOG = 128, OTHER_FILES = 200 };

struct conn_case {
    uint32_t idle;
    uint64_t ns;
};

struct ends {
    int client, server;
};

static struct sockaddr_in loopback(unsigned port) {
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
}

static int listening(unsigned port) {
    struct sockaddr_in a = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof a) == 0 && listen(fd, BACKLOG) == 0 ? fd : -1;
}

static bool pair_up(struct ends *e, int listener, unsigned port) {
    struct sockaddr_in a = loopback(port);
    e->client = socket(AF_INET, SOCK_STREAM, 0);
    if (e->client < 0 || connect(e->client, (struct sockaddr *)&a, sizeof a) < 0) return false;
    e->server = accept(listener, NULL, NULL);
    return e->server >= 0;
}

static bool open_idle(struct ends *idle, uint32_t n) {
    int listener = -1, on = 1;
    for (uint32_t i = 0; i < n; i++) {
        if (i % IDLE_A_PORT == 0) listener = listening(IDLE_PORT + i / IDLE_A_PORT);
        if (!pair_up(&idle[i], listener, IDLE_PORT + i / IDLE_A_PORT)) return false;
        setsockopt(idle[i].client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        setsockopt(idle[i].server, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    return true;
}

static bool cycle(const int listener[CYCLE_PORTS], unsigned n) {
    struct ends e;
    if (!pair_up(&e, listener[n % CYCLE_PORTS], CYCLE_PORT + n % CYCLE_PORTS)) return false;
    close(e.client);
    close(e.server);
    return true;
}

static bool trip(const struct ends *e) {
    char byte = 'x';
    return write(e->client, &byte, 1) == 1 && read(e->server, &byte, 1) == 1 && write(e->server, &byte, 1) == 1 &&
           read(e->client, &byte, 1) == 1;
}

/* Nanoseconds a trip, 0: it failed. */
static double trips(const struct ends *idle, uint32_t spread, uint64_t ns) {
    uint64_t start = thread_ns(), took, state = 88172645463325252u;
    uint32_t n = 0;
    do {
        for (int i = 0; i < 64; i++, n++)
            if (!trip(&idle[choice(&state) % spread])) return 0;
        took = thread_ns() - start;
    } while (took < ns);
    return (double)took / n;
}

static void measure(const void *ctx, struct apart *out) {
    const struct conn_case *c = ctx;
    struct driver_error err;
    int listener[CYCLE_PORTS];
    struct ends *idle = calloc(c->idle, sizeof *idle);
    out->ok = false;
    if (netns_enter(&err) < 0) {
        snprintf(out->text, sizeof out->text, "%s", err.text);
        return;
    }
    for (unsigned i = 0; i < CYCLE_PORTS; i++) listener[i] = listening(CYCLE_PORT + i);
    if (idle == NULL || listener[CYCLE_PORTS - 1] < 0 || !open_idle(idle, c->idle)) {
        snprintf(out->text, sizeof out->text, "%u connections over loopback: %s", (unsigned)c->idle, strerror(errno));
        return;
    }
    uint64_t start = thread_ns(), took;
    unsigned n = 0;
    do {
        for (int i = 0; i < 16; i++, n++)
            if (!cycle(listener, n)) return;
        took = thread_ns() - start;
    } while (took < c->ns);
    out->value[0] = n / (double)took * 1e6;
    out->value[1] = (double)took / n;
    out->value[2] = trips(idle, 1, c->ns);
    out->value[3] = trips(idle, c->idle, c->ns);
    out->ok = out->value[2] > 0 && out->value[3] > 0;
}

uint32_t kernel_conn_most(uint32_t idle) {
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) < 0) return 1;
    rlim_t wanted = 2 * (rlim_t)idle + OTHER_FILES;
    if (files.rlim_max < wanted) /* fails without the privilege */
        setrlimit(RLIMIT_NOFILE, &(struct rlimit){wanted, wanted});
    else if (files.rlim_cur < wanted)
        setrlimit(RLIMIT_NOFILE, &(struct rlimit){wanted, files.rlim_max});
    getrlimit(RLIMIT_NOFILE, &files);
    return files.rlim_cur >= wanted ? idle : (uint32_t)(files.rlim_cur - OTHER_FILES) / 2;
}

bool kernel_conn(uint32_t idle, uint64_t ns, struct samples cycles[2], struct samples trip_ns[2], char *text,
                 unsigned size) {
    struct conn_case c = {idle, ns};
    struct apart r;
    apart_run(measure, &c, &r);
    snprintf(text, size, "%s", r.text);
    for (int i = 0; i < 2 && r.ok; i++) {
        samples_add(&cycles[i], r.value[i]);
        samples_add(&trip_ns[i], r.value[2 + i]);
    }
    return r.ok;
}
