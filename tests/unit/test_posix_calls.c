/* test_posix_calls.c - what the socket calls have beyond Linux's: calls begun and finished apart, the pump, limits,
 * memory that runs out. That results are Linux's is test_posix_linux.c's. */
#include "posix_sides.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "posix/tcp_info.h"

enum { PORT = 5000 };

static struct sockaddr_in here(uint16_t port) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    a.sin_addr.s_addr = htonl(0x0a000001);
    return a;
}

static int begin(void **state) {
    (void)state;
    tern_side_begin();
    return 0;
}

static int end(void **state) {
    (void)state;
    tern_side_end();
    return 0;
}

static int listener(void) {
    struct sockaddr_in a = here(PORT);
    int fd = px_socket(tern_posix, AF_INET, SOCK_STREAM, 0);
    assert_int_equal(px_bind(tern_posix, fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(px_listen(tern_posix, fd, 5), 0);
    return fd;
}

static int begin_connect(int fd) {
    struct sockaddr_in a = here(PORT);
    return px_connect(tern_posix, fd, (struct sockaddr *)&a, sizeof a);
}

static void pair(int fd[3]) {
    fd[0] = listener();
    fd[1] = px_socket(tern_posix, AF_INET, SOCK_STREAM, 0);
    assert_int_equal(begin_connect(fd[1]), 0);
    fd[2] = px_accept(tern_posix, fd[0], NULL, NULL);
    assert_true(fd[2] >= 0);
}

/* A read that waits is left pending, others go on meanwhile, and it ends when there is something. */
static void deferred(void **state) {
    (void)state;
    int fd[3];
    char buf[16] = "";
    struct px_call connecting, accepting, reading;
    fd[0] = listener();
    px_defer(tern_posix, &accepting);
    assert_int_equal(px_accept(tern_posix, fd[0], NULL, NULL), PX_PENDING);
    fd[1] = px_socket(tern_posix, AF_INET, SOCK_STREAM, 0);
    px_defer(tern_posix, &connecting);
    assert_int_equal(begin_connect(fd[1]), PX_PENDING);
    assert_true(connecting.deadline_ns == TERN_NEVER);
    assert_int_equal(px_resume(tern_posix, &connecting), PX_PENDING);
    tern_settle();
    assert_int_equal(px_resume(tern_posix, &connecting), 0);
    fd[2] = (int)px_resume(tern_posix, &accepting);
    assert_true(fd[2] > fd[1]);
    px_defer(tern_posix, &reading);
    assert_int_equal(px_read(tern_posix, fd[2], buf, sizeof buf), PX_PENDING);
    assert_int_equal(px_write(tern_posix, fd[1], "hello", 5), 5);
    assert_int_equal(px_resume(tern_posix, &reading), PX_PENDING);
    tern_settle();
    assert_int_equal(px_resume(tern_posix, &reading), 5);
    assert_string_equal(buf, "hello");
    assert_int_equal(px_resume(tern_posix, &reading), -1);
    assert_int_equal(errno, EINVAL);
}

/* The wish holds for one call, also when that one need not wait. */
static void deferred_once(void **state) {
    (void)state;
    int fd[3];
    struct px_call call;
    pair(fd);
    px_defer(tern_posix, &call);
    assert_int_equal(px_write(tern_posix, fd[1], "x", 1), 1);
    assert_int_equal(px_fcntl(tern_posix, fd[2], F_SETFL, O_NONBLOCK), 0);
    char c;
    tern_settle();
    assert_int_equal(px_read(tern_posix, fd[2], &c, 1), 1);
    px_defer(tern_posix, &call);
    assert_int_equal(px_read(tern_posix, fd[2], &c, 1), -1);
    assert_int_equal(errno, EAGAIN);
    px_defer(tern_posix, &call);
    px_defer(tern_posix, NULL);
    assert_int_equal(px_fcntl(tern_posix, fd[2], F_SETFL, 0), 0);
    struct timeval t = {.tv_usec = 1000};
    assert_int_equal(px_setsockopt(tern_posix, fd[2], SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t), 0);
    assert_int_equal(px_read(tern_posix, fd[2], &c, 1), -1);
    assert_int_equal(errno, EAGAIN);
}

/* A pending call says when it ends by itself, and does. */
static void deferred_timeout(void **state) {
    (void)state;
    int fd[3];
    char c;
    pair(fd);
    struct px_call call;
    struct pollfd f = {.fd = fd[2], .events = POLLIN};
    px_defer(tern_posix, &call);
    assert_int_equal(px_poll(tern_posix, &f, 1, 250), PX_PENDING);
    assert_true(call.deadline_ns == tern_now + 250000000);
    tern_now = call.deadline_ns - 1;
    assert_int_equal(px_resume(tern_posix, &call), PX_PENDING);
    tern_now++;
    assert_int_equal(px_resume(tern_posix, &call), 0);
    struct timeval t = {.tv_sec = 3};
    assert_int_equal(px_setsockopt(tern_posix, fd[2], SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t), 0);
    px_defer(tern_posix, &call);
    assert_int_equal(px_recv(tern_posix, fd[2], &c, 1, 0), PX_PENDING);
    tern_now += 3000000000u;
    assert_int_equal(px_resume(tern_posix, &call), -1);
    assert_int_equal(errno, EAGAIN);
}

/* A write larger than the buffer goes on piece by piece; what was done counts when it ends early. */
static void deferred_write(void **state) {
    (void)state;
    enum { ALL = 4 << 20 };
    int fd[3];
    uint8_t *big = calloc(1, ALL), *got = calloc(1, ALL);
    for (size_t i = 0; i < ALL; i++) big[i] = (uint8_t)(i * 7 + i / 251);
    pair(fd);
    struct px_call call;
    px_defer(tern_posix, &call);
    ssize_t r = px_write(tern_posix, fd[1], big, ALL);
    assert_int_equal(r, PX_PENDING);
    size_t have = 0;
    for (int i = 0; i < 100000 && have < ALL; i++) {
        tern_pump(NULL, TERN_NEVER);
        ssize_t n = px_recv(tern_posix, fd[2], got + have, ALL - have, MSG_DONTWAIT);
        if (n > 0) have += (size_t)n;
        if (r == PX_PENDING) r = px_resume(tern_posix, &call);
    }
    assert_int_equal(r, ALL);
    assert_int_equal(have, ALL);
    assert_memory_equal(big, got, ALL);
    free(big);
    free(got);
}

/* Closing the descriptor does not end a call on it, as in a kernel; dropping the call does. */
static void close_under_call(void **state) {
    (void)state;
    int fd[3];
    char c;
    pair(fd);
    struct px_call call;
    px_defer(tern_posix, &call);
    assert_int_equal(px_read(tern_posix, fd[2], &c, 1), PX_PENDING);
    assert_int_equal(px_close(tern_posix, fd[2]), 0);
    assert_int_equal(px_write(tern_posix, fd[1], "x", 1), 1);
    tern_settle();
    assert_int_equal(px_resume(tern_posix, &call), 1);
    assert_int_equal(c, 'x');
    px_defer(tern_posix, &call);
    assert_int_equal(px_read(tern_posix, fd[1], &c, 1), PX_PENDING);
    px_cancel(tern_posix, &call);
    tern_settle();
    assert_int_equal(px_read(tern_posix, fd[1], &c, 1), 0); /* the other end was closed with its last call */
}

/* Nothing is under way and nobody will ever write. */
static void in_vain(void **state) {
    (void)state;
    int fd = listener();
    assert_int_equal(px_accept(tern_posix, fd, NULL, NULL), -1);
    assert_int_equal(errno, EDEADLK);
}

/* SO_LINGER: close waits for the peer's acknowledgment, or for its own time to end. */
static void lingering(void **state) {
    (void)state;
    int fd[3];
    struct linger l = {1, 5};
    pair(fd);
    assert_int_equal(px_setsockopt(tern_posix, fd[1], SOL_SOCKET, SO_LINGER, &l, sizeof l), 0);
    struct px_call call;
    px_defer(tern_posix, &call);
    assert_int_equal(px_close(tern_posix, fd[1]), PX_PENDING);
    assert_true(call.deadline_ns == tern_now + 5000000000u);
    assert_int_equal(px_fcntl(tern_posix, fd[1], F_GETFD, 0), -1);
    for (int i = 0; i < 100; i++) tern_pump(NULL, tern_now + 1000000);
    assert_int_equal(px_resume(tern_posix, &call), 0);
}

static void descriptors(void **state) {
    (void)state;
    int first = px_socket(tern_posix, AF_INET, SOCK_STREAM, 0), more = 0;
    assert_int_equal(first, 3);
    while (px_socket(tern_posix, AF_INET, SOCK_STREAM, 0) >= 0) more++;
    assert_int_equal(errno, EMFILE);
    assert_int_equal(more, 1023);
    assert_int_equal(px_close(tern_posix, 500), 0);
    assert_int_equal(px_dup(tern_posix, 3), 500);
    assert_int_equal(px_close(tern_posix, 3), 0);
    assert_int_equal(px_fcntl(tern_posix, 500, F_GETFL, 0), O_RDWR);
    assert_int_equal(px_close(tern_posix, 20), 0);
    assert_int_equal(px_fcntl(tern_posix, 500, F_DUPFD, -1), -1);
    assert_int_equal(px_fcntl(tern_posix, 500, F_DUPFD_CLOEXEC, 10), 20);
    assert_int_equal(px_fcntl(tern_posix, 20, F_GETFD, 0), FD_CLOEXEC);
}

/* A full backlog accepts no more than it holds; without a free descriptor, accept takes nothing off it. */
static void backlog(void **state) {
    (void)state;
    int l = listener(), c[4];
    assert_int_equal(px_listen(tern_posix, l, 1), 0);
    for (int i = 0; i < 4; i++) {
        c[i] = px_socket(tern_posix, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        begin_connect(c[i]);
        tern_settle();
    }
    struct px_tcp_info info;
    socklen_t len = sizeof info;
    assert_int_equal(px_getsockopt(tern_posix, l, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
    assert_int_equal(info.tcpi_unacked, 2);
    assert_int_equal(info.tcpi_sacked, 1);
    while (px_socket(tern_posix, AF_INET, SOCK_STREAM, 0) >= 0) {
    }
    assert_int_equal(px_accept(tern_posix, l, NULL, NULL), -1);
    assert_int_equal(errno, EMFILE);
    assert_int_equal(px_close(tern_posix, c[3]), 0);
    assert_int_equal(px_accept(tern_posix, l, NULL, NULL), c[3]);
}

/* MSG_MORE holds a small segment back until the next write, which joins it. */
static void more(void **state) {
    (void)state;
    int fd[3], one = 1;
    char buf[16];
    pair(fd);
    assert_int_equal(px_setsockopt(tern_posix, fd[1], IPPROTO_TCP, TCP_NODELAY, &one, sizeof one), 0);
    assert_int_equal(px_send(tern_posix, fd[1], "ab", 2, MSG_MORE), 2);
    tern_settle();
    assert_int_equal(px_recv(tern_posix, fd[2], buf, 16, MSG_DONTWAIT), -1);
    assert_int_equal(px_send(tern_posix, fd[1], "cd", 2, 0), 2);
    tern_settle();
    assert_int_equal(px_recv(tern_posix, fd[2], buf, 16, MSG_DONTWAIT), 4);
}

/* A connection in the middle may change its algorithm; a notification threshold holds back "writable". */
static void while_it_runs(void **state) {
    (void)state;
    int fd[3], low = 100;
    char name[16], byte[400] = {0};
    socklen_t len = sizeof name;
    pair(fd);
    assert_int_equal(px_setsockopt(tern_posix, fd[1], IPPROTO_TCP, TCP_CONGESTION, "bbr", 3), 0);
    assert_int_equal(px_getsockopt(tern_posix, fd[1], IPPROTO_TCP, TCP_CONGESTION, name, &len), 0);
    assert_string_equal(name, "bbr");
    assert_int_equal(px_setsockopt(tern_posix, fd[1], IPPROTO_TCP, TCP_NOTSENT_LOWAT, &low, sizeof low), 0);
    int e = px_epoll_create1(tern_posix, 0);
    struct epoll_event ev = {.events = EPOLLOUT | EPOLLET};
    assert_int_equal(px_epoll_ctl(tern_posix, e, EPOLL_CTL_ADD, fd[1], &ev), 0);
    assert_int_equal(px_epoll_wait(tern_posix, e, &ev, 1, 0), 1);
    assert_int_equal(px_write(tern_posix, fd[1], byte, sizeof byte), sizeof byte);
    ev.events = EPOLLOUT | EPOLLET;
    assert_int_equal(px_epoll_ctl(tern_posix, e, EPOLL_CTL_MOD, fd[1], &ev), 0);
    assert_int_equal(px_epoll_wait(tern_posix, e, &ev, 1, 0), 0);
    tern_settle();
    assert_int_equal(px_epoll_wait(tern_posix, e, &ev, 1, 0), 1);
}

#define EACH(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {EACH(deferred),       EACH(deferred_once),    EACH(deferred_timeout),
                                       EACH(deferred_write), EACH(close_under_call), EACH(in_vain),
                                       EACH(lingering),      EACH(descriptors),      EACH(backlog),
                                       EACH(more),           EACH(while_it_runs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
