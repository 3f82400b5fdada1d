/* posix_scene.c - see posix_scene.h. */
#include "posix_scene.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- what is written down ---- */

static struct log {
    char text[16384];
    size_t len;
} * out;
const struct side *os;

void note(const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    size_t room = sizeof out->text - out->len;
    int n = vsnprintf(out->text + out->len, room, fmt, ap);
    va_end(ap);
    assert_true(n >= 0 && (size_t)n < room);
    out->len += (size_t)n;
}

/* A descriptor: that it is one, not which. */
int opened(int fd) {
    note("descriptor %s\n", fd >= 0 ? "yes" : strerrorname_np(errno));
    return fd;
}

/* ---- small helpers over either side ---- */

struct sockaddr_in in4(const char *text, uint16_t port) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    inet_pton(AF_INET, text, &a.sin_addr);
    return a;
}

struct sockaddr_in6 in6(const char *text, uint16_t port) {
    struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    inet_pton(AF_INET6, text, &a.sin6_addr);
    return a;
}

int bind4(int fd, const char *text, uint16_t port) {
    struct sockaddr_in a = in4(text, port);
    return os->bind(fd, (struct sockaddr *)&a, sizeof a);
}

int bind6(int fd, const char *text, uint16_t port) {
    struct sockaddr_in6 a = in6(text, port);
    return os->bind(fd, (struct sockaddr *)&a, sizeof a);
}

int connect4(int fd, const char *text, uint16_t port) {
    struct sockaddr_in a = in4(text, port);
    return os->connect(fd, (struct sockaddr *)&a, sizeof a);
}

int connect6(int fd, const char *text, uint16_t port) {
    struct sockaddr_in6 a = in6(text, port);
    return os->connect(fd, (struct sockaddr *)&a, sizeof a);
}

uint16_t port_of(int fd) {
    struct sockaddr_in6 a = {0};
    socklen_t len = sizeof a;
    assert_int_equal(os->getsockname(fd, (struct sockaddr *)&a, &len), 0);
    return ntohs(a.sin6_port);
}

int tcp(int flags) { return os->socket(AF_INET, SOCK_STREAM | flags, 0); }

int set(int fd, int level, int name, int value) { return os->setsockopt(fd, level, name, &value, sizeof value); }

int get(int fd, int level, int name) {
    int value = -77;
    socklen_t len = sizeof value;
    if (os->getsockopt(fd, level, name, &value, &len) < 0) return -1;
    return value;
}

/* Waits, two seconds at most: the kernel's loopback has no promise of being instantaneous. */
int wait_for(int fd, short events) {
    struct pollfd p = {.fd = fd, .events = events};
    return os->poll(&p, 1, 2000) < 0 ? -1 : p.revents;
}

int ready(int fd) {
    struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT | POLLPRI | POLLRDHUP | POLLRDNORM | POLLWRNORM};
    return os->poll(&p, 1, 0) < 0 ? -1 : p.revents;
}

int state_of(int fd) {
    struct px_tcp_info info = {0};
    socklen_t len = sizeof info;
    return os->getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0 ? -1 : info.tcpi_state;
}

/* Until the connection is in this state of Linux's. */
void wait_state(int fd, int state) {
    for (int i = 0; i < 2000 && state_of(fd) != state; i++) os->poll(NULL, 0, 1);
    note("state %d\n", state_of(fd));
}

int request(int fd, unsigned long what) {
    int value = -77;
    return os->ioctl(fd, what, &value) < 0 ? -1 : value;
}

struct pair pair(void) {
    struct pair p;
    p.listener = tcp(0);
    assert_int_equal(bind4(p.listener, os->host4, 0), 0);
    assert_int_equal(os->listen(p.listener, 5), 0);
    p.port = port_of(p.listener);
    p.client = tcp(0);
    assert_int_equal(connect4(p.client, os->host4, p.port), 0);
    p.server = os->accept4(p.listener, NULL, NULL, 0);
    assert_true(p.server >= 0);
    assert_int_equal(set(p.client, IPPROTO_TCP, TCP_NODELAY, 1), 0);
    return p;
}

void part(const struct pair *p) {
    os->close(p->client);
    os->close(p->server);
    os->close(p->listener);
}

/* ---- the comparison ---- */

bool no_ipv6(void) {
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    struct sockaddr_in6 a = in6("::1", 0);
    bool no = fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) < 0;
    if (fd >= 0) close(fd);
    return no;
}

static const char *line_end(const char *p) {
    const char *end = strchr(p, '\n');
    return end ? end : p + strlen(p);
}

/* All lines that differ are shown, then the test fails. */
static void compare(const char *linux_says, const char *tern_says) {
    int bad = 0;
    for (const char *a = linux_says, *b = tern_says; *a || *b;) {
        const char *ae = line_end(a), *be = line_end(b);
        if (ae - a != be - b || memcmp(a, b, (size_t)(ae - a)) != 0) {
            print_error("  Linux %.*s\n  tern  %.*s\n", (int)(ae - a), a, (int)(be - b), b);
            bad++;
        }
        a = *ae ? ae + 1 : ae;
        b = *be ? be + 1 : be;
    }
    assert_int_equal(bad, 0);
}

static void play(void (*scene)(void), const struct side *side, struct log *said) {
    said->len = 0;
    said->text[0] = 0;
    out = said;
    os = side;
    scene();
}

/* The kernel's ports may be everybody's: what another program did in between may not decide, so there are some tries. */
void on_both(void **state) {
    void (*scene)(void) = *(void (**)(void)) * state;
    static struct log said[2];
    if (kernel_too_old()) skip();
    for (int tries = 0; tries < 10; tries++) {
        play(scene, &kernel_side, &said[0]);
        tern_side_begin();
        play(scene, &tern_side, &said[1]);
        tern_side_end();
        if (strcmp(said[0].text, said[1].text) == 0) return;
    }
    compare(said[0].text, said[1].text);
}
