/* test_drivers_loop.c - the loop in real time: two stacks over a pipe, a stack and the kernel over TUN, other files,
 * waking and stopping. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "drivers/host.h"
#include "drivers/loop.h"
#include "drivers/netns.h"
#include "drivers/pipe.h"
#include "drivers/tun.h"
#include "tests/plain_network.h"

enum { PORT = 7, TOTAL = 2000000 };
#define MS 1000000u

/* One host: its stack, its device, its loop, and one socket that echoes or sends. */
struct host {
    struct loop loop;
    struct device *dev;
    tern_stack *stack;
    tern_sock listener, sock;
    uint8_t held[65536]; /* echo: read, not written yet */
    size_t start, end;
    bool eof, closed, accepted;
    unsigned turns;
};

static void echo(struct host *h) {
    for (;;) {
        if (h->start == h->end && !h->eof) {
            ptrdiff_t n = tern_read(h->stack, h->sock, h->held, sizeof h->held);
            if (n < 0) return;
            h->start = 0;
            h->end = (size_t)n;
            h->eof = n == 0;
        }
        if (h->start == h->end && h->eof) {
            tern_close(h->stack, h->sock);
            h->closed = true;
            return;
        }
        ptrdiff_t n = tern_write(h->stack, h->sock, h->held + h->start, h->end - h->start);
        if (n <= 0) return;
        h->start += (size_t)n;
    }
}

static void on_event(void *ctx, const tern_event *e) {
    struct host *h = ctx;
    if ((e->bits & TERN_EV_ACCEPT) != 0) h->accepted = tern_accept(h->stack, h->listener, &h->sock, NULL) == 0;
    if (h->accepted && !h->closed) echo(h);
}

static void on_turn(void *ctx, uint64_t now_ns) {
    struct host *h = ctx;
    assert_true(now_ns <= tern_host_now());
    h->turns++;
}

static struct host *host_new(struct device *dev, const char *v4, const char *v6) {
    struct host *h = test_calloc(1, sizeof *h);
    struct driver_error err;
    tern_config config;
    tern_iface_config iface;
    tern_addr addr;
    unsigned len;
    h->dev = dev;
    assert_int_equal(tern_config_host(&config, &err), 0);
    config.dad = 0;
    assert_int_equal(tern_new(&config, tern_host_now(), &h->stack), 0);
    device_iface(dev, &iface);
    int i = tern_iface_add(h->stack, &iface);
    assert_int_equal(i, 0);
    assert_int_equal(tern_prefix_parse(v4, &addr, &len), 0);
    assert_int_equal(tern_addr_add(h->stack, i, &addr, len), 0);
    assert_int_equal(tern_prefix_parse(v6, &addr, &len), 0);
    assert_int_equal(tern_addr_add(h->stack, i, &addr, len), 0);
    loop_init(&h->loop, h->stack, i, dev);
    h->loop.on_event = on_event;
    h->loop.on_turn = on_turn;
    h->loop.ctx = h;
    return h;
}

static void host_listen(struct host *h) {
    tern_listen_config lc = {.size = sizeof lc, .port = PORT};
    assert_int_equal(tern_listen(h->stack, &lc, &h->listener), 0);
}

static void host_free(struct host *h) {
    tern_free(h->stack);
    device_close(h->dev);
    test_free(h);
}

static void open_pipe(struct device *dev[2], int fds[2]) {
    struct pipe_config config = {0};
    struct driver_error err;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    for (int i = 0; i < 2; i++) assert_int_equal(pipe_open_files(&config, fds[i], fds[i], &dev[i], &err), 0);
}

static uint8_t byte_at(size_t i) { return (uint8_t)(i * 2654435761u >> 24); }

/* Two stacks, one thread, turn by turn. */
static void bytes_come_back_through_a_pipe(void **state) {
    (void)state;
    struct device *dev[2];
    struct driver_error err;
    int fds[2];
    open_pipe(dev, fds);
    struct host *a = host_new(dev[0], "10.1.0.1/24", "fd01::1/64"), *b = host_new(dev[1], "10.1.0.2/24", "fd01::2/64");
    a->loop.on_event = NULL;
    host_listen(b);
    tern_open open = {.size = sizeof open, .remote = {4, {10, 1, 0, 2}}, .remote_port = PORT};
    tern_sock sock;
    assert_int_equal(tern_connect(a->stack, &open, &sock), 0);
    static uint8_t bytes[10000];
    size_t sent = 0, got = 0;
    bool shut = false, end = false;
    uint64_t limit = tern_host_now() + 120000ull * MS;
    while (!end && tern_host_now() < limit) {
        assert_true(loop_turn(&a->loop, MS, &err) >= 0);
        assert_true(loop_turn(&b->loop, MS, &err) >= 0);
        while (sent < TOTAL) {
            size_t n = TOTAL - sent < sizeof bytes ? TOTAL - sent : sizeof bytes;
            for (size_t i = 0; i < n; i++) bytes[i] = byte_at(sent + i);
            ptrdiff_t r = tern_write(a->stack, sock, bytes, n);
            if (r <= 0) break;
            sent += (size_t)r;
        }
        if (sent == TOTAL && !shut) shut = tern_shutdown(a->stack, sock) == 0;
        ptrdiff_t n;
        while ((n = tern_read(a->stack, sock, bytes, sizeof bytes)) > 0)
            for (ptrdiff_t i = 0; i < n; i++) assert_int_equal(bytes[i], byte_at(got++));
        end = n == 0;
    }
    assert_true(end);
    assert_int_equal(got, TOTAL);
    assert_int_equal(dev[0]->dropped_out + dev[1]->dropped_out, 0);
    device_close(dev[1]);
    close(fds[1]);
    int r = 0;
    while (r >= 0) r = loop_turn(&a->loop, MS, &err);
    assert_int_equal(r, DEVICE_END);
    host_free(a);
    tern_free(b->stack);
    test_free(b);
    close(fds[0]);
}

struct watcher {
    struct loop *loop;
    unsigned calls;
    short revents;
};

static void on_file(void *ctx, int fd, short revents) {
    struct watcher *w = ctx;
    char c;
    w->calls++;
    w->revents = revents;
    assert_int_equal(read(fd, &c, 1), 1);
    if (c == 'u') loop_unwatch(w->loop, fd);
    if (c == 's') w->loop->stop = true;
}

static void files_wake_and_stop(void **state) {
    (void)state;
    struct device *dev[2];
    struct driver_error err;
    int fds[2], files[2];
    open_pipe(dev, fds);
    struct host *h = host_new(dev[0], "10.1.0.1/24", "fd01::1/64");
    struct watcher w = {.loop = &h->loop};
    assert_int_equal(pipe(files), 0);
    assert_int_equal(loop_watch(&h->loop, files[0], POLLIN, on_file, &w), 0);
    assert_int_equal(loop_watch(&h->loop, files[0], POLLIN, on_file, &w), 0);
    for (int i = 1; i < LOOP_WATCHES; i++) assert_int_equal(loop_watch(&h->loop, 1000 + i, 0, on_file, &w), 0);
    assert_int_equal(loop_watch(&h->loop, 2000, 0, on_file, &w), -ENOSPC);
    for (int i = 1; i < LOOP_WATCHES; i++) loop_unwatch(&h->loop, 1000 + i);

    uint64_t before = tern_host_now();
    h->loop.wake_ns = before + 30 * MS; /* nobody writes: the loop wakes by itself */
    while (tern_host_now() < h->loop.wake_ns) assert_true(loop_turn(&h->loop, TERN_NEVER, &err) >= 0);
    assert_in_range(tern_host_now() - before, 30 * MS, 60000ull * MS);
    h->loop.wake_ns = TERN_NEVER;
    assert_true(h->turns < 100); /* it slept */
    assert_int_equal(w.calls, 0);

    assert_int_equal(write(files[1], "xs", 2), 2);
    assert_int_equal(loop_run(&h->loop, &err), 0);
    assert_int_equal(w.calls, 2);
    assert_true((w.revents & POLLIN) != 0);
    assert_int_equal(write(files[1], "ux", 2), 2);
    for (int i = 0; i < 3; i++) loop_turn(&h->loop, MS, &err);
    assert_int_equal(w.calls, 3);
    close(files[0]);
    close(files[1]);
    host_free(h);
    device_close(dev[1]);
    close(fds[0]);
    close(fds[1]);
}

/* The kernel sends TOTAL bytes to the echo service behind the device and gets them back. */
static void kernel_talks(struct host *h, int family) {
    struct driver_error err;
    static uint8_t bytes[50000];
    struct sockaddr_in a4 = {.sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr = {htonl(0x0a020002)}};
    struct sockaddr_in6 a6 = {.sin6_family = AF_INET6, .sin6_port = htons(PORT)};
    inet_pton(AF_INET6, "fd02::2", &a6.sin6_addr);
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0);
    const void *to = family == AF_INET ? (const void *)&a4 : (const void *)&a6;
    assert_int_equal(connect(fd, to, family == AF_INET ? sizeof a4 : sizeof a6), -1);
    assert_int_equal(errno, EINPROGRESS);
    size_t sent = 0, got = 0;
    bool shut = false, end = false;
    uint64_t limit = tern_host_now() + 120000ull * MS;
    while (!end && tern_host_now() < limit) {
        assert_true(loop_turn(&h->loop, MS / 10, &err) >= 0);
        while (sent < TOTAL) {
            size_t n = TOTAL - sent < sizeof bytes ? TOTAL - sent : sizeof bytes;
            for (size_t i = 0; i < n; i++) bytes[i] = byte_at(sent + i);
            ssize_t r = send(fd, bytes, n, MSG_NOSIGNAL);
            if (r <= 0) break;
            sent += (size_t)r;
        }
        if (sent == TOTAL && !shut) shut = shutdown(fd, SHUT_WR) == 0;
        ssize_t n;
        while ((n = recv(fd, bytes, sizeof bytes, 0)) > 0)
            for (ssize_t i = 0; i < n; i++) assert_int_equal(bytes[i], byte_at(got++));
        end = n == 0;
    }
    assert_true(end);
    assert_int_equal(got, TOTAL);
    close(fd);
}

static void bytes_come_back_through_the_kernel(void **state) {
    (void)state;
    struct driver_error err;
    if (netns_enter(&err) < 0) {
        print_message("skipped: %s\n", err.text);
        skip();
    }
    plain_network();
    struct driver_prefix addrs[] = {{{4, {10, 2, 0, 1}}, 24}, {{6, {0xfd, 0x02, [15] = 1}}, 64}};
    struct tun_setup setup = {.mtu = 1500, .addrs = addrs, .addrs_count = 2};
    const struct tun_config configs[] = {{0}, {.vnet = true}, {.vnet = true, .lend = 256}, {.tap = true, .vnet = true}};
    for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
        struct device *dev;
        if (tun_open(&configs[i], &dev, &err) < 0) {
            print_message("skipped: %s\n", err.text);
            skip();
        }
        bool v6 = tun_configure(dev, &setup, &err) == 0;
        if (!v6) print_message("without IPv6: %s\n", err.text);
        struct host *h = host_new(dev, "10.2.0.2/24", "fd02::2/64");
        host_listen(h);
        kernel_talks(h, AF_INET);
        h->accepted = h->closed = h->eof = false;
        h->start = h->end = 0;
        if (v6) kernel_talks(h, AF_INET6);
        assert_int_equal(dev->dropped_out, 0);
        host_free(h);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_come_back_through_a_pipe),
        cmocka_unit_test(files_wake_and_stop),
        cmocka_unit_test(bytes_come_back_through_the_kernel),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
