/* test_posix_random.c - the kernel as the oracle of programs that nobody thought of: each seed is a sequence of socket
 * calls, sensible or not, on up to six sockets; it runs on Linux's loopback and on tern, and every result, errno, state
 * and readiness must be the same. A failure prints the seed and the first call that differs. */
#include "posix_sides.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#include <cmocka.h>

#include "draw.h"
#include "posix/tcp_info.h"

enum { SLOTS_MOST = 6, STEPS = 60, BYTES = 400 };

static const struct side *os;
static int slot[SLOTS_MOST];
static uint16_t listen_port;
static uint64_t settle_us; /* for the kernel: 0 where nothing else runs */

/* ---- what was seen ---- */

struct seen {
    const char *op;
    int slot, argument;
    long result;
    int error;
    short ready[SLOTS_MOST];
    int state[SLOTS_MOST], waiting[SLOTS_MOST];
};
static struct seen seen[2][STEPS];

static void look(struct seen *s) {
    for (int i = 0; i < SLOTS_MOST; i++) {
        struct pollfd p = {.fd = slot[i], .events = POLLIN | POLLOUT | POLLPRI | POLLRDHUP};
        struct px_tcp_info info = {0};
        socklen_t len = sizeof info;
        s->ready[i] = -1;
        s->state[i] = s->waiting[i] = -1;
        if (slot[i] < 0) continue;
        os->poll(&p, 1, 0);
        s->ready[i] = p.revents;
        os->getsockopt(slot[i], IPPROTO_TCP, TCP_INFO, &info, &len);
        s->state[i] = info.tcpi_state == 5 ? 4 : info.tcpi_state; /* when the FIN is acknowledged is a matter of time */
        if (info.tcpi_state == 7) s->ready[i] &= ~POLLPRI;        /* Linux keeps the urgent byte of a refused segment */
        if (os->ioctl(slot[i], FIONREAD, &s->waiting[i]) < 0) s->waiting[i] = -errno;
    }
}

static bool same(const struct seen *a, const struct seen *b) {
    return a->result == b->result && a->error == b->error && memcmp(a->ready, b->ready, sizeof a->ready) == 0 &&
           memcmp(a->state, b->state, sizeof a->state) == 0 && memcmp(a->waiting, b->waiting, sizeof a->waiting) == 0;
}

static void print_seen(const char *who, const struct seen *s) {
    print_error("  %-5s %s(%d, %d) = %ld %s;", who, s->op, s->slot, s->argument, s->result,
                s->error ? strerrorname_np(s->error) : "");
    for (int i = 0; i < SLOTS_MOST; i++) print_error(" %d:%x/%d/%d", i, s->ready[i], s->state[i], s->waiting[i]);
    print_error("\n");
}

/* ---- the calls a program can make: slot and a number ---- */

static struct sockaddr_in here(uint16_t port) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    inet_pton(AF_INET, os->host4, &a.sin_addr);
    return a;
}

static int set(int fd, int level, int name, int value) { return os->setsockopt(fd, level, name, &value, sizeof value); }

static int fresh(void) {
    int fd = os->socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    return fd;
}

static long do_socket(int i, int n) {
    (void)n;
    if (slot[i] < 0) slot[i] = fresh();
    return slot[i] >= 0;
}

static long do_bind(int i, int n) {
    struct sockaddr_in a = here(n % 3 ? 0 : listen_port);
    return os->bind(slot[i], (struct sockaddr *)&a, sizeof a);
}

/* A listener at a port that the program remembers. */
static long do_listen(int i, int n) {
    struct sockaddr_in a = {0};
    socklen_t len = sizeof a;
    long r = os->listen(slot[i], 3 + n % 3);
    if (r == 0 && os->getsockname(slot[i], (struct sockaddr *)&a, &len) == 0) listen_port = ntohs(a.sin_port);
    return r;
}

static int free_slot(void) {
    for (int i = 0; i < SLOTS_MOST; i++)
        if (slot[i] < 0) return i;
    return -1;
}

/* Whoever listens accepts at once; without a place for it, the connection is closed. */
static void accept_all(void) {
    for (int i = 0; i < SLOTS_MOST; i++) {
        struct px_tcp_info info = {0};
        socklen_t len = sizeof info;
        if (slot[i] < 0 || os->getsockopt(slot[i], IPPROTO_TCP, TCP_INFO, &info, &len) < 0) continue;
        if (info.tcpi_state != 10) continue;
        for (int fd; (fd = os->accept4(slot[i], NULL, NULL, SOCK_NONBLOCK)) >= 0;) {
            int place = free_slot();
            set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
            if (place < 0)
                os->close(fd);
            else
                slot[place] = fd;
        }
    }
}

static long do_connect(int i, int n) {
    struct sockaddr_in a = here(n % 8 && listen_port ? listen_port : 1);
    if (n % 11 == 0) a.sin_family = AF_UNSPEC;
    long r = os->connect(slot[i], (struct sockaddr *)&a, sizeof a);
    int error = errno;
    os->poll(NULL, 0, 0);
    accept_all();
    errno = error;
    return r;
}

static uint8_t bytes[BYTES];

static long do_send(int i, int n) {
    static const int flags[] = {0, 0, 0, MSG_OOB, MSG_DONTWAIT, MSG_EOR};
    return os->send(slot[i], bytes, (size_t)(n % BYTES), MSG_NOSIGNAL | flags[n % 6]);
}

static long do_recv(int i, int n) {
    static const int flags[] = {0,           0,         MSG_PEEK,           MSG_OOB,
                                MSG_WAITALL, MSG_TRUNC, MSG_PEEK | MSG_OOB, MSG_PEEK | MSG_TRUNC};
    uint8_t buf[BYTES];
    return os->recv(slot[i], buf, (size_t)(n * 7 % BYTES), flags[n % 8]);
}

static long do_shutdown(int i, int n) { return os->shutdown(slot[i], n % 4); }

static long do_close(int i, int n) {
    struct linger l = {1, 0};
    if (n % 4 == 0) os->setsockopt(slot[i], SOL_SOCKET, SO_LINGER, &l, sizeof l);
    long r = os->close(slot[i]);
    slot[i] = -1;
    return r;
}

static long do_get(int i, int n) {
    static const int names[] = {SO_ERROR, SO_ACCEPTCONN, SO_OOBINLINE, SO_RCVLOWAT, SO_REUSEADDR, SO_ERROR};
    int value = -1;
    socklen_t len = sizeof value;
    long r = os->getsockopt(slot[i], SOL_SOCKET, names[n % 6], &value, &len);
    return r < 0 ? r : value;
}

static long do_set(int i, int n) {
    static const int names[] = {SO_OOBINLINE, SO_RCVLOWAT, SO_REUSEADDR, SO_REUSEADDR};
    return set(slot[i], SOL_SOCKET, names[n % 4], n % 4 == 1 ? 1 + n % 50 : 1);
}

static long do_names(int i, int n) {
    struct sockaddr_in a;
    socklen_t len = sizeof a;
    return n % 2 ? os->getpeername(slot[i], (struct sockaddr *)&a, &len)
                 : os->getsockname(slot[i], (struct sockaddr *)&a, &len);
}

static long do_mark(int i, int n) {
    int value = -1;
    (void)n;
    return os->ioctl(slot[i], SIOCATMARK, &value) < 0 ? -1 : value;
}

static const struct op {
    const char *name;
    long (*run)(int slot, int n);
    unsigned weight;
} ops[] = {{"socket", do_socket, 4},  {"bind", do_bind, 2},      {"listen", do_listen, 3}, {"connect", do_connect, 6},
           {"send", do_send, 6},      {"recv", do_recv, 6},      {"close", do_close, 2},   {"shutdown", do_shutdown, 2},
           {"getsockopt", do_get, 2}, {"setsockopt", do_set, 2}, {"names", do_names, 1},   {"atmark", do_mark, 1}};

static const struct op *choose(draw *d) {
    unsigned all = 0, n;
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) all += ops[i].weight;
    n = draw_below(d, all);
    const struct op *op = ops;
    while (n >= op->weight) n -= op++->weight;
    return op;
}

/* ---- a program on either side ---- */

static void run(uint64_t seed, struct seen *out) {
    draw d = {seed};
    listen_port = 0;
    for (int i = 0; i < SLOTS_MOST; i++) slot[i] = i < 3 ? fresh() : -1;
    for (int step = 0; step < STEPS; step++) {
        const struct op *op = choose(&d);
        struct seen *s = &out[step];
        *s = (struct seen){
            .op = op->name, .slot = (int)draw_below(&d, SLOTS_MOST), .argument = (int)draw_below(&d, 1000)};
        errno = 0;
        s->result = op->run(s->slot, s->argument);
        s->error = s->result < 0 ? errno : 0;
        if (settle_us && os == &kernel_side) {
            struct timespec t = {0, (long)settle_us * 1000};
            nanosleep(&t, NULL);
        }
        look(s);
    }
    for (int i = 0; i < SLOTS_MOST; i++)
        if (slot[i] >= 0) os->close(slot[i]);
}

static int first_difference(uint64_t seed) {
    os = &kernel_side;
    run(seed, seen[0]);
    tern_side_begin();
    os = &tern_side;
    run(seed, seen[1]);
    tern_side_end();
    for (int i = 0; i < STEPS; i++)
        if (!same(&seen[0][i], &seen[1][i])) return i;
    return -1;
}

/* The kernel may be slow to deliver when the machine is busy: what differs must differ again when it has time. */
static bool agree(uint64_t seed) {
    int at = first_difference(seed);
    for (settle_us = 500; at >= 0 && settle_us <= 128000; settle_us *= 4) at = first_difference(seed);
    settle_us = 0;
    if (at < 0) return true;
    print_error("seed %llu, call %d\n", (unsigned long long)seed, at);
    for (int i = at > 6 ? at - 6 : 0; i < at; i++) print_seen("both", &seen[0][i]);
    print_seen("Linux", &seen[0][at]);
    print_seen("tern", &seen[1][at]);
    return false;
}

static void random_programs(void **state) {
    (void)state;
    const char *one = getenv("TERN_SEED"), *many = getenv("TERN_SEEDS");
    uint64_t first = one ? strtoull(one, NULL, 0) : 1, count = many ? strtoull(many, NULL, 0) : one ? 1 : 150;
    unsigned bad = 0;
    if (kernel_too_old()) skip();
    for (uint64_t seed = first; seed < first + count; seed++) bad += !agree(seed);
    assert_int_equal(bad, 0);
}

int main(void) {
    own_network();
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_programs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
