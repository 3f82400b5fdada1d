/* test_packetdrill_so.c - libtern-packetdrill.so as the packetdrill tool sees it: opened with dlopen, driven through the
 * table alone, by two threads, on the clock that the table gives. The peer's packets are made here by hand. */
#include "base/bytes.h"
#include "posix/packetdrill.h"
#include "tests/octets.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmocka.h>

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16, OUR_PORT = 8080, PEER_PORT = 40000, ISN = 1000 };

static const char *so_path;
static struct packetdrill_interface pd;
static void *w; /* userdata */

/* ---- the tool's side ---- */

static long long now_us(void) {
    struct timeval tv;
    assert_int_equal(pd.gettimeofday(w, &tv, NULL), 0);
    return tv.tv_sec * 1000000ll + tv.tv_usec;
}

static const uint8_t peer_ip[4] = {192, 0, 2, 1}, our_ip[4] = {192, 168, 0, 1};
static uint16_t our_port = OUR_PORT, peer_port = PEER_PORT;

/* A segment of the peer without options. */
static void inject(uint8_t flags, uint32_t seq, uint32_t ack, uint32_t len) {
    uint8_t p[2048] = {0x45}, pseudo[12] = {0};
    store16(p + 2, (uint16_t)(40 + len));
    p[8] = 255;
    p[9] = 6;
    memcpy(p + 12, peer_ip, 4);
    memcpy(p + 16, our_ip, 4);
    store16(p + 10, (uint16_t)(~sum16(p, 20, 0)));
    store16(p + 20, peer_port);
    store16(p + 22, our_port);
    store32(p + 24, seq);
    store32(p + 28, ack);
    p[32] = 0x50;
    p[33] = flags;
    store16(p + 34, 32000);
    memcpy(pseudo, p + 12, 8);
    pseudo[9] = 6;
    store16(pseudo + 10, (uint16_t)(20 + len));
    store16(p + 36, (uint16_t)(~sum16(p + 20, 20 + len, sum16(pseudo, 12, 0))));
    assert_int_equal(pd.netdev_send(w, p, 40 + len), 0);
}

/* The stack's next packet: its flags, numbers, length, and when. */
static struct {
    uint8_t flags;
    uint32_t seq, ack, len;
    long long at_us;
    size_t size;
} got;

static void receive(void) {
    uint8_t p[2048];
    got.size = sizeof p;
    assert_int_equal(pd.netdev_receive(w, p, &got.size, &got.at_us), 0);
    if (!got.size) return;
    assert_int_equal(p[0], 0x45);
    assert_int_equal(sum16(p, 20, 0), 0xffff);
    assert_int_equal(got.size, load16(p + 2));
    assert_memory_equal(p + 12, our_ip, 4);
    assert_memory_equal(p + 16, peer_ip, 4);
    got.flags = p[33];
    got.seq = load32(p + 24);
    got.ack = load32(p + 28);
    got.len = (uint32_t)got.size - 20 - (p[32] >> 4) * 4u;
    our_port = (uint16_t)load16(p + 20);
}

static void expect(uint8_t flags, uint32_t seq, uint32_t ack, uint32_t len) {
    receive();
    assert_true(got.size > 0);
    assert_int_equal(got.flags, flags);
    assert_int_equal(got.seq, seq);
    assert_int_equal(got.ack, ack);
    assert_int_equal(got.len, len);
}

static int begin_with(const char *flags) {
    /* the way the tool opens it */
    void *so = dlopen(so_path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE | RTLD_DEEPBIND);
    if (!so) fail_msg("%s", dlerror());
    void (*init)(const char *, struct packetdrill_interface *);
    *(void **)&init = dlsym(so, "packetdrill_interface_init");
    assert_non_null(init);
    memset(&pd, 0, sizeof pd);
    init(flags, &pd);
    w = pd.userdata;
    our_port = OUR_PORT;
    return 0;
}

static int begin(void **state) {
    (void)state;
    return begin_with("addr=192.168.0.1/16,timestamps=0");
}

static int end(void **state) {
    (void)state;
    pd.free(w);
    return 0;
}

/* ---- the tests ---- */

/* 33 members, all pointers, none left empty. */
static void table(void **state) {
    (void)state;
    void *members[33];
    assert_int_equal(sizeof pd, sizeof members);
    memcpy(members, &pd, sizeof members);
    for (size_t i = 0; i < 33; i++) assert_non_null(members[i]);
}

static void clock_moves(void **state) {
    (void)state;
    long long t = now_us();
    assert_int_equal(now_us(), t + 1);
    assert_int_equal(pd.usleep(w, 5000), 0);
    assert_int_equal(now_us(), t + 5002);
}

static int passive(uint32_t *iss) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(OUR_PORT)}, peer;
    socklen_t len = sizeof peer;
    int l = pd.socket(w, AF_INET, SOCK_STREAM, IPPROTO_TCP);
    assert_true(l >= 0 && fcntl(l, F_GETFD) >= 0); /* the kernel knows the number too */
    memcpy(&a.sin_addr, our_ip, 4);
    assert_int_equal(pd.bind(w, l, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(pd.listen(w, l, 1), 0);
    inject(SYN, ISN, 0, 0);
    receive();
    assert_int_equal(got.flags, SYN | ACK);
    assert_int_equal(got.ack, ISN + 1);
    *iss = got.seq;
    inject(ACK, ISN + 1, *iss + 1, 0);
    int fd = pd.accept(w, l, (struct sockaddr *)&peer, &len);
    assert_true(fd >= 0);
    assert_memory_equal(&peer.sin_addr, peer_ip, 4);
    assert_int_equal(ntohs(peer.sin_port), PEER_PORT);
    assert_int_equal(pd.close(w, l), 0);
    assert_int_equal(fcntl(l, F_GETFD), -1);
    return fd;
}

/* Handshake, data in both directions, and both FINs. */
static void whole_life(void **state) {
    (void)state;
    uint32_t iss;
    char buf[1000] = "";
    int fd = passive(&iss), waiting = -1;
    inject(PSH | ACK, ISN + 1, iss + 1, 500);
    assert_int_equal(pd.ioctl(w, fd, FIONREAD, &waiting), 0);
    assert_int_equal(waiting, 500);
    long long sent = now_us();
    expect(ACK, iss + 1, ISN + 501, 0); /* the delayed one: the clock went on until it left */
    assert_true(got.at_us > sent && got.at_us <= sent + 500000);
    assert_int_equal(pd.read(w, fd, buf, sizeof buf), 500);
    assert_int_equal(pd.fcntl(w, fd, F_SETFL, O_RDWR | O_NONBLOCK), 0);
    assert_int_equal(pd.fcntl(w, fd, F_GETFL), O_RDWR | O_NONBLOCK);
    assert_int_equal(pd.read(w, fd, buf, sizeof buf), -1);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(pd.write(w, fd, buf, 300), 300);
    expect(PSH | ACK, iss + 1, ISN + 501, 300);
    inject(ACK, ISN + 501, iss + 301, 0);
    assert_int_equal(pd.close(w, fd), 0);
    expect(FIN | ACK, iss + 301, ISN + 501, 0);
    inject(FIN | ACK, ISN + 501, iss + 302, 0);
    expect(ACK, iss + 302, ISN + 502, 0);
    inject(RST, ISN + 502, 0, 0); /* what the tool does at the end */
    receive();
    assert_int_equal(got.size, 0); /* nothing will ever come */
}

/* A packet for nobody is answered before there is any socket. */
static void closed(void **state) {
    (void)state;
    inject(ACK, 7, 34, 0);
    expect(RST, 34, 0, 0);
}

/* ---- calls that block, on a thread of their own ---- */

struct blocked {
    pthread_t thread;
    int fd;
    bool connects;
    ssize_t result;
    int error;
    long long ended_us;
    _Atomic pid_t tid;
};

static void *blocking(void *arg) {
    struct blocked *b = arg;
    char buf[100];
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(OUR_PORT)};
    memcpy(&a.sin_addr, peer_ip, 4);
    b->tid = gettid();
    b->result = b->connects ? pd.connect(w, b->fd, (struct sockaddr *)&a, sizeof a) : pd.read(w, b->fd, buf, 100);
    b->error = errno;
    b->ended_us = now_us();
    return NULL;
}

/* Does the kernel say that the thread sleeps? So the tool asks, too. */
static bool asleep(pid_t tid) {
    char path[64], text[256] = "";
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)tid);
    FILE *f = fopen(path, "r");
    if (!f) return false;
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    const char *name_end = n ? strrchr(text, ')') : NULL;
    return name_end && name_end[1] == ' ' && name_end[2] == 'S';
}

static void start(struct blocked *b) {
    pthread_create(&b->thread, NULL, blocking, b);
    while (!b->tid || !asleep(b->tid)) sched_yield();
}

/* The time at which it ends is that of the packet, to the microsecond. */
static void blocking_read(void **state) {
    (void)state;
    uint32_t iss;
    struct blocked b = {.fd = passive(&iss)};
    start(&b);
    pd.usleep(w, 100000);
    long long t = now_us();
    inject(PSH | ACK, ISN + 1, iss + 1, 40);
    pthread_join(b.thread, NULL);
    assert_int_equal(b.result, 40);
    assert_true(b.ended_us == t || b.ended_us == t + 1);
    assert_int_equal(pd.close(w, b.fd), 0);
}

/* A connect that nobody answers: the script's thread waits for packets, and the SYNs come at their times. */
static void blocking_connect(void **state) {
    (void)state;
    struct blocked b = {.fd = pd.socket(w, AF_INET, SOCK_STREAM, 0), .connects = true};
    start(&b);
    receive();
    assert_int_equal(got.flags, SYN);
    long long first = got.at_us;
    uint32_t iss = got.seq;
    peer_port = OUR_PORT;
    for (long long after = 1; after <= 7; after = 2 * after + 1) {
        receive();
        assert_int_equal(got.flags, SYN);
        long long off = got.at_us - first - after * 1000000;
        assert_true(off >= 0 && off <= 10000); /* the timing wheel's grain */
    }
    inject(SYN | ACK, ISN, iss + 1, 0);
    long long t = got.at_us;
    pthread_join(b.thread, NULL);
    assert_int_equal(b.result, 0);
    assert_true(b.ended_us >= t && b.ended_us <= t + 2);
    peer_port = PEER_PORT;
    assert_int_equal(pd.close(w, b.fd), 0);
}

/* The main thread is busy elsewhere, in real time: the sleeper moves the clock itself until the connect times out. */
static void takes_over(void **state) {
    (void)state;
    struct blocked b = {.fd = pd.socket(w, AF_INET, SOCK_STREAM, 0), .connects = true};
    int three = 1;
    assert_int_equal(pd.setsockopt(w, b.fd, IPPROTO_TCP, 7 /* TCP_SYNCNT */, &three, sizeof three), 0);
    long long t = now_us();
    start(&b);
    pthread_join(b.thread, NULL);
    assert_int_equal(b.result, -1);
    assert_int_equal(b.error, ETIMEDOUT);
    assert_true(b.ended_us - t >= 3000000 && b.ended_us - t < 3100000);
    assert_int_equal(pd.close(w, b.fd), 0);
}

/* The same on the main thread: the clock goes on until the end, or there is no end. */
static void waits_on_main(void **state) {
    (void)state;
    uint32_t iss;
    char c;
    struct timeval two = {2, 0};
    int fd = passive(&iss);
    assert_int_equal(pd.read(w, fd, &c, 1), -1);
    assert_int_equal(errno, EDEADLK);
    assert_int_equal(pd.setsockopt(w, fd, SOL_SOCKET, SO_RCVTIMEO, &two, sizeof two), 0);
    long long t = now_us();
    assert_int_equal(pd.read(w, fd, &c, 1), -1);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(now_us() - t, 2000001);
    assert_int_equal(pd.close(w, fd), 0);
}

#define EACH(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    so_path = argv[1];
    const struct CMUnitTest tests[] = {EACH(table),      EACH(clock_moves),   EACH(whole_life),
                                       EACH(closed),     EACH(blocking_read), EACH(blocking_connect),
                                       EACH(takes_over), EACH(waits_on_main)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
