/* test_drivers_pipe.c - packets in a stream: cut anywhere, many at once, impossible lengths, a slow reader, peers
 * that come and go. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "drivers/pipe.h"

static struct device *dev;
static int peer;

static void open_pair(size_t queue_max) {
    int fds[2];
    struct pipe_config config = {.queue_max = queue_max};
    struct driver_error err;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    assert_int_equal(pipe_open_files(&config, fds[0], fds[0], &dev, &err), 0);
    peer = fds[1];
}

static void close_pair(void) {
    int fd = dev->fd;
    device_close(dev);
    assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, 0); /* as it was */
    close(fd);
    if (peer >= 0) close(peer);
}

static void put(const void *bytes, size_t len) { assert_int_equal(write(peer, bytes, len), len); }

static void put_length(uint32_t len) {
    const uint8_t b[4] = {(uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len};
    put(b, 4);
}

static void packets_may_be_cut_anywhere(void **state) {
    (void)state;
    static const uint8_t stream[] = {0, 0, 0, 3, 'a', 'b', 'c', 0, 0, 0, 1, 'd', 0, 0, 0, 5, 'e', 'f', 'g', 'h', 'i'};
    struct driver_error err;
    tern_packet p[4];
    open_pair(0);
    char text[16] = "";
    int packets = 0;
    for (size_t i = 0; i < sizeof stream; i++) {
        put(&stream[i], 1);
        int n = device_receive(dev, p, 4, &err);
        assert_int_equal(n, i == 6 || i == 11 || i == 20);
        for (int k = 0; k < n; k++, packets++) strncat(text, p[k].data, p[k].len);
    }
    assert_int_equal(packets, 3);
    assert_string_equal(text, "abcdefghi");
    assert_int_equal(dev->packets_in, 3);
    close_pair();
}

static void many_at_once_come_in_batches(void **state) {
    (void)state;
    struct driver_error err;
    tern_packet p[4];
    open_pair(0);
    for (uint32_t i = 0; i < 10; i++) {
        put_length(2);
        const uint8_t bytes[2] = {(uint8_t)i, 0};
        put(bytes, 2);
    }
    int seen = 0;
    for (int n; (n = device_receive(dev, p, 4, &err)) > 0;)
        for (int k = 0; k < n; k++, seen++) assert_int_equal(*(const uint8_t *)p[k].data, seen);
    assert_int_equal(seen, 10);
    close_pair();
}

static void the_longest_packet_passes(void **state) {
    (void)state;
    struct driver_error err;
    static uint8_t bytes[PIPE_PACKET_MAX];
    tern_packet p;
    open_pair(0);
    int big = 1 << 20;
    setsockopt(peer, SOL_SOCKET, SO_SNDBUF, &big, sizeof big);
    for (int round = 0; round < 9; round++) {
        memset(bytes, round, sizeof bytes);
        put_length(PIPE_PACKET_MAX);
        put(bytes, sizeof bytes);
        assert_int_equal(device_receive(dev, &p, 1, &err), 1);
        assert_int_equal(p.len, PIPE_PACKET_MAX);
        assert_memory_equal(p.data, bytes, sizeof bytes);
    }
    close_pair();
}

static void impossible_lengths_are_named(void **state) {
    (void)state;
    static const uint32_t lengths[] = {0, PIPE_PACKET_MAX + 1, 0x7fffffff, 0xffffffff};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct driver_error err = {0};
        char number[16];
        tern_packet p[4];
        open_pair(0);
        put_length(1);
        put("x", 1);
        put_length(lengths[i]);
        assert_int_equal(device_receive(dev, p, 4, &err), 1); /* what came before is good */
        assert_int_equal(device_receive(dev, p, 4, &err), -EBADMSG);
        snprintf(number, sizeof number, "%u", lengths[i]);
        assert_non_null(strstr(err.text, number));
        assert_int_equal(device_receive(dev, p, 4, NULL), -EBADMSG);
        close_pair();
    }
}

static void an_end_is_orderly_only_between_packets(void **state) {
    (void)state;
    struct driver_error err;
    tern_packet p;
    open_pair(0);
    put_length(1);
    put("x", 1);
    close(peer);
    peer = -1;
    assert_int_equal(device_receive(dev, &p, 1, &err), 1);
    assert_int_equal(device_receive(dev, &p, 1, &err), DEVICE_END);
    close_pair();
    open_pair(0);
    put_length(2);
    put("x", 1);
    close(peer);
    peer = -1;
    assert_int_equal(device_receive(dev, &p, 1, &err), -EBADMSG);
    close_pair();
}

static tern_frame frame_of(const uint8_t *bytes, uint32_t len) {
    tern_frame f = {.len = len, .head_len = 20, .spans = 2};
    memcpy(f.head, bytes, 20);
    uint32_t half = (len - 20) / 2;
    f.body[0] = (tern_span){bytes + 20, half};
    f.body[1] = (tern_span){bytes + 20 + half, len - 20 - half};
    return f;
}

static void frames_leave_whole_behind_their_length(void **state) {
    (void)state;
    struct driver_error err;
    uint8_t bytes[1001], got[2100];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(i * 7);
    tern_frame f[2] = {frame_of(bytes, 1001), frame_of(bytes, 300)};
    open_pair(0);
    assert_int_equal(device_send(dev, f, 2, &err), 0);
    assert_int_equal(dev->queued, 0);
    assert_int_equal(read(peer, got, sizeof got), 4 + 1001 + 4 + 300);
    assert_memory_equal(got, "\0\0\3\351", 4);
    assert_memory_equal(got + 4, bytes, 1001);
    assert_memory_equal(got + 1005, "\0\0\1\54", 4);
    assert_memory_equal(got + 1009, bytes, 300);
    close_pair();
}

/* Reads the peer's end until nothing comes; checks that every packet is whole and its bytes are those of frame_of. */
static unsigned read_all(uint8_t *hold, size_t *held, const uint8_t *bytes) {
    unsigned packets = 0;
    for (ssize_t n; (n = recv(peer, hold + *held, 200000 - *held, MSG_DONTWAIT)) > 0;) {
        size_t at = 0;
        *held += (size_t)n;
        while (*held - at >= 4) {
            size_t len = (size_t)hold[at + 1] << 16 | (size_t)hold[at + 2] << 8 | hold[at + 3];
            assert_int_equal(len, 30000);
            if (*held - at < 4 + len) break;
            assert_memory_equal(hold + at + 4, bytes, len);
            at += 4 + len;
            packets++;
        }
        memmove(hold, hold + at, *held - at);
        *held -= at;
    }
    return packets;
}

static void a_slow_reader_costs_frames_not_memory(void **state) {
    (void)state;
    struct driver_error err;
    static uint8_t bytes[30000], hold[200000];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(i * 13 >> 3);
    open_pair(128 << 10);
    for (int i = 0; i < 100; i++) {
        tern_frame f = frame_of(bytes, sizeof bytes);
        assert_int_equal(device_send(dev, &f, 1, &err), 0);
        assert_true(dev->queued <= 128 << 10);
    }
    assert_true(dev->dropped_out > 0);
    assert_int_equal(dev->dropped_errno, ENOBUFS);
    assert_true(dev->queued > 0);
    size_t held = 0;
    unsigned packets = 0;
    do {
        packets += read_all(hold, &held, bytes);
        assert_int_equal(device_flush(dev, &err), 0);
    } while (dev->queued > 0);
    packets += read_all(hold, &held, bytes);
    assert_int_equal(held, 0);
    assert_int_equal(packets, dev->packets_out);
    assert_int_equal(packets + dev->dropped_out, 100);
    close_pair();
}

static void a_reader_that_left_is_an_end(void **state) {
    (void)state;
    struct driver_error err;
    uint8_t bytes[100] = {0};
    tern_frame f = frame_of(bytes, sizeof bytes);
    open_pair(0);
    close(peer);
    peer = -1;
    assert_int_equal(device_send(dev, &f, 1, &err), DEVICE_END);
    close_pair();
}

static void ordinary_pipes_do_as_well(void **state) {
    (void)state;
    struct driver_error err;
    int in[2], out[2];
    uint8_t bytes[60] = {1, 2, 3}, got[100];
    struct pipe_config config = {.mtu = 9000};
    tern_packet p;
    assert_int_equal(pipe(in), 0);
    assert_int_equal(pipe(out), 0);
    assert_int_equal(pipe_open_files(&config, in[0], out[1], &dev, &err), 0);
    assert_int_equal(dev->mtu, 9000);
    assert_int_equal(device_receive(dev, &p, 1, &err), 0);
    assert_int_equal(write(in[1], "\0\0\0\1z", 5), 5);
    assert_int_equal(device_receive(dev, &p, 1, &err), 1);
    tern_frame f = frame_of(bytes, sizeof bytes);
    assert_int_equal(device_send(dev, &f, 1, &err), 0);
    assert_int_equal(read(out[0], got, sizeof got), 64);
    close(out[0]);
    assert_int_equal(device_send(dev, &f, 1, &err), DEVICE_END);
    device_close(dev);
    for (int i = 0; i < 2; i++) close(in[i]);
    close(out[1]);
}

static int connect_unix(const char *path) {
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    memcpy(a.sun_path, path, strlen(path));
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

static void a_socket_is_found_by_its_path(void **state) {
    (void)state;
    char dir[] = "/tmp/tern-pipe-XXXXXX", path[64];
    struct driver_error err = {0};
    struct device *a, *b, *c;
    tern_packet p;
    uint8_t bytes[40] = {9};
    tern_frame f = frame_of(bytes, sizeof bytes);
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/link", dir);
    struct pipe_config listening = {.path = path, .listen = true}, connecting = {.path = path};
    assert_int_equal(pipe_open(&connecting, &b, &err), -ENOENT);
    assert_non_null(strstr(err.text, path));
    assert_int_equal(pipe_open(&listening, &a, &err), 0);
    assert_int_equal(pipe_open(&listening, &c, &err), -EADDRINUSE);
    assert_int_equal(device_receive(a, &p, 1, &err), 0);
    assert_int_equal(device_send(a, &f, 1, &err), 0);
    assert_int_equal(a->dropped_out, 1);      /* nobody is there */
    for (int visit = 0; visit < 2; visit++) { /* one peer leaves, the next comes */
        assert_int_equal(pipe_open(&connecting, &b, &err), 0);
        assert_int_equal(device_send(b, &f, 1, &err), 0);
        int n = 0;
        for (int tries = 0; n == 0 && tries < 3; tries++) n = device_receive(a, &p, 1, &err);
        assert_int_equal(n, 1);
        assert_memory_equal(p.data, bytes, sizeof bytes);
        assert_int_equal(device_send(a, &f, 1, &err), 0);
        assert_int_equal(device_receive(b, &p, 1, &err), 1);
        device_close(b);
        assert_int_equal(device_receive(a, &p, 1, &err), 0);
    }
    int half = connect_unix(path); /* leaves in the middle of a packet */
    assert_int_equal(write(half, "\0\0\0\11ab", 6), 6);
    assert_int_equal(device_receive(a, &p, 1, &err), 0);
    close(half);
    assert_int_equal(device_receive(a, &p, 1, &err), 0);
    assert_int_equal(a->malformed_in, 1);
    device_close(a);
    assert_int_equal(access(path, F_OK), -1);
    rmdir(dir);
}

static void a_dead_socket_is_replaced_and_a_file_is_not(void **state) {
    (void)state;
    char dir[] = "/tmp/tern-pipe-XXXXXX", path[64];
    struct driver_error err = {0};
    struct device *a;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/link", dir);
    struct pipe_config listening = {.path = path, .listen = true};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, strlen(path));
    int dead = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(dead, (struct sockaddr *)&address, sizeof address), 0);
    close(dead);
    assert_int_equal(pipe_open(&listening, &a, &err), 0);
    device_close(a);
    int file = open(path, O_CREAT | O_WRONLY, 0600);
    close(file);
    assert_int_equal(pipe_open(&listening, &a, &err), -EADDRINUSE);
    assert_int_equal(access(path, F_OK), 0);
    unlink(path);
    rmdir(dir);
}

static void nonsense_is_refused(void **state) {
    (void)state;
    struct driver_error err = {0};
    char path[200];
    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    struct pipe_config too_long = {.path = path}, mtu = {.mtu = 70000};
    assert_int_equal(pipe_open(&too_long, &dev, &err), -EINVAL);
    assert_int_equal(pipe_open(&too_long, &dev, NULL), -EINVAL);
    assert_int_equal(pipe_open_files(&mtu, 0, 1, &dev, &err), -EINVAL);
    assert_non_null(strstr(err.text, "70000"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_may_be_cut_anywhere),
        cmocka_unit_test(many_at_once_come_in_batches),
        cmocka_unit_test(the_longest_packet_passes),
        cmocka_unit_test(impossible_lengths_are_named),
        cmocka_unit_test(an_end_is_orderly_only_between_packets),
        cmocka_unit_test(frames_leave_whole_behind_their_length),
        cmocka_unit_test(a_slow_reader_costs_frames_not_memory),
        cmocka_unit_test(a_reader_that_left_is_an_end),
        cmocka_unit_test(ordinary_pipes_do_as_well),
        cmocka_unit_test(a_socket_is_found_by_its_path),
        cmocka_unit_test(a_dead_socket_is_replaced_and_a_file_is_not),
        cmocka_unit_test(nonsense_is_refused),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
