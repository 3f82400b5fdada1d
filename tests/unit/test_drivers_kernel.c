/* test_drivers_kernel.c - the drivers that meet the Linux kernel: a namespace of its own, TUN and TAP with and without
 * offloads, the kernel's list of sockets, privileges. Packets are built by hand here; no stack takes part. Where the
 * system refuses namespaces or /dev/net/tun, the tests that need them are skipped and say why. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "drivers/host.h"
#include "drivers/netns.h"
#include "drivers/privilege.h"
#include "drivers/sockdiag.h"
#include "drivers/tun.h"
#include "tests/plain_network.h"

static char refusal[300]; /* why there is no namespace; empty: we are in one */

enum { BIG = 60000, OUR_PORT = 4000, KERNEL_PORT = 5000 };
static const uint8_t ours[4] = {10, 77, 0, 2}, kernels[4] = {10, 77, 0, 1};
static uint8_t data[BIG];

/* ---- packets by hand ---- */

static uint64_t sum(const uint8_t *p, size_t len, uint64_t s) {
    for (size_t i = 0; i < len; i++) s += (i & 1) != 0 ? p[i] : (uint64_t)p[i] << 8;
    return s;
}
static uint16_t fold(uint64_t s) {
    while (s >> 16 != 0) s = (s & 0xffff) + (s >> 16);
    return (uint16_t)s;
}

static void ip4_head(uint8_t *p, uint32_t len, uint8_t protocol) {
    memset(p, 0, 20);
    p[0] = 0x45;
    store16(p + 2, (uint16_t)len);
    p[8] = 64;
    p[9] = protocol;
    memcpy(p + 12, ours, 4);
    memcpy(p + 16, kernels, 4);
    store16(p + 10, (uint16_t)~fold(sum(p, 20, 0)));
}

/* A frame with transport header in head[] and the payload in two uneven spans, its checksum begun only. */
static tern_frame frame_of(uint8_t protocol, uint32_t l4_head, uint32_t csum_offset, const uint8_t *payload,
                           uint32_t len) {
    tern_frame f = {.len = 20 + l4_head + len,
                    .head_len = (uint16_t)(20 + l4_head),
                    .flags = TERN_FRAME_CSUM,
                    .csum_start = 20,
                    .csum_offset = (uint16_t)csum_offset,
                    .spans = len > 1 ? 2 : 0};
    ip4_head(f.head, f.len, protocol);
    if (f.spans != 0) {
        uint32_t part = len / 3 | 1;
        f.body[0] = (tern_span){payload, part};
        f.body[1] = (tern_span){payload + part, len - part};
    }
    return f;
}

static void begin_checksum(tern_frame *f) {
    uint8_t *field = f->head + f->csum_start + f->csum_offset;
    store16(field, fold(sum(f->head + 12, 8, f->head[9] + f->len - 20)));
}

static tern_frame udp_frame(const uint8_t *payload, uint32_t len) {
    tern_frame f = frame_of(17, 8, 6, payload, len);
    store16(f.head + 20, OUR_PORT);
    store16(f.head + 22, KERNEL_PORT);
    store16(f.head + 24, (uint16_t)(8 + len));
    begin_checksum(&f);
    return f;
}

static tern_frame tcp_frame(uint32_t seq, uint32_t ack, uint8_t flags, const uint8_t *payload, uint32_t len) {
    tern_frame f = frame_of(6, 20, 16, payload, len);
    store16(f.head + 20, OUR_PORT);
    store16(f.head + 22, KERNEL_PORT);
    store32(f.head + 24, seq);
    store32(f.head + 28, ack);
    f.head[32] = 5 << 4;
    f.head[33] = flags;
    store16(f.head + 34, 65535);
    begin_checksum(&f);
    return f;
}

/* Is the transport checksum of an IPv4 packet without options right? */
static bool checksum_right(const uint8_t *p, uint32_t len) {
    return fold(sum(p + 20, len - 20, sum(p + 12, 8, p[9] + len - 20))) == 0xffff;
}

/* ---- a device in our namespace ---- */

static struct device *open_tun(const struct tun_config *config, uint32_t mtu) {
    struct device *dev;
    struct driver_error err;
    struct driver_prefix addrs[] = {{{4, {10, 77, 0, 1}}, 24}, {{6, {0xfd, 0x77, [15] = 1}}, 64}};
    struct tun_setup setup = {.mtu = mtu, .addrs = addrs, .addrs_count = 2};
    int r = tun_open(config, &dev, &err);
    if (r < 0 && (r == -ENOENT || r == -EPERM || r == -EACCES || r == -ENXIO || r == -ENODEV)) {
        print_message("skipped: %s\n", err.text);
        skip();
    }
    if (r < 0) print_message("%s\n", err.text);
    assert_int_equal(r, 0);
    r = tun_configure(dev, &setup, &err);
    if (r == -EACCES || r == -EOPNOTSUPP || r == -EAFNOSUPPORT) { /* no IPv6 here */
        setup.addrs_count = 1;
        r = tun_configure(dev, &setup, &err);
    }
    if (r < 0) print_message("%s\n", err.text);
    assert_int_equal(r, 0);
    assert_int_equal(dev->mtu, mtu);
    return dev;
}

static void need_namespace(void) {
    if (refusal[0] == '\0') return;
    print_message("skipped: %s\n", refusal);
    skip();
}

/* Waits for an IPv4 packet of a protocol, at most a minute. */
static tern_packet wait_for(struct device *dev, uint8_t protocol) {
    struct driver_error err;
    tern_packet p;
    for (int tries = 0; tries < 1200; tries++) {
        struct pollfd fd = {dev->fd, POLLIN, 0};
        poll(&fd, 1, 50);
        while (device_receive(dev, &p, 1, &err) == 1) {
            const uint8_t *b = p.data;
            if (p.len >= 28 && b[0] == 0x45 && b[9] == protocol) return p;
        }
    }
    fail_msg("no packet of protocol %u came within a minute", protocol);
    return p;
}

static void send_frame(struct device *dev, tern_frame f) {
    struct driver_error err;
    uint64_t before = dev->packets_out;
    assert_int_equal(device_send(dev, &f, 1, &err), 0);
    assert_int_equal(dev->packets_out, before + 1);
}

static int kernel_socket(int type, uint32_t port) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int one = 1, fd = socket(AF_INET, type, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    memcpy(&a.sin_addr, kernels, 4);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

static struct sockaddr_in our_address(void) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(OUR_PORT)};
    memcpy(&a.sin_addr, ours, 4);
    return a;
}

/* ---- TUN ---- */

static void the_kernel_answers_an_echo(void **state) {
    (void)state;
    need_namespace();
    for (int vnet = 0; vnet < 2; vnet++) {
        struct tun_config config = {.name = "tern0", .vnet = vnet != 0};
        struct device *dev = open_tun(&config, 1500);
        assert_string_equal(dev->name, "tern0");
        assert_int_equal(dev->link, TERN_LINK_IP);
        assert_int_equal(dev->tso_max != 0, vnet);
        tern_frame f = {.len = 28 + 100, .head_len = 28, .spans = 1, .body = {{data, 100}}};
        ip4_head(f.head, f.len, 1);
        f.head[20] = 8;
        store32(f.head + 24, 0x12340001);
        store16(f.head + 22, (uint16_t)~fold(sum(data, 100, sum(f.head + 20, 8, 0))));
        send_frame(dev, f);
        tern_packet p = wait_for(dev, 1);
        const uint8_t *b = p.data;
        assert_int_equal(p.len, 128);
        assert_int_equal(b[20], 0);
        assert_int_equal(load32(b + 24), 0x12340001);
        assert_memory_equal(b + 12, kernels, 4);
        assert_memory_equal(b + 28, data, 100);
        device_close(dev);
    }
}

/* The kernel checks what we send: a wrong sum would not reach the socket. */
static void checksums_are_finished_by_one_side_or_the_other(void **state) {
    (void)state;
    need_namespace();
    for (int vnet = 0; vnet < 2; vnet++) {
        struct tun_config config = {.vnet = vnet != 0};
        struct device *dev = open_tun(&config, 1500);
        int fd = kernel_socket(SOCK_DGRAM, KERNEL_PORT);
        uint8_t got[1000];
        struct timeval minute = {60, 0};
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &minute, sizeof minute);
        send_frame(dev, udp_frame(data, 777));
        assert_int_equal(recv(fd, got, sizeof got, 0), 777);
        assert_memory_equal(got, data, 777);

        struct sockaddr_in to = our_address();
        assert_int_equal(sendto(fd, data, 500, 0, (struct sockaddr *)&to, sizeof to), 500);
        tern_packet p = wait_for(dev, 17);
        assert_int_equal(p.len, 528);
        assert_int_equal(p.flags & TERN_PKT_CSUM_OK, vnet ? TERN_PKT_CSUM_OK : 0);
        assert_int_equal(checksum_right(p.data, p.len), !vnet);
        assert_memory_equal((const uint8_t *)p.data + 28, data, 500);
        close(fd);
        device_close(dev);
    }
}

/* The kernel's SYN, seen from the device. */
static void connect_shows_a_syn(void **state) {
    (void)state;
    need_namespace();
    struct tun_config config = {.vnet = true};
    struct device *dev = open_tun(&config, 1400);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in to = our_address();
    uint64_t start = tern_host_now();
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), -1);
    assert_int_equal(errno, EINPROGRESS);
    tern_packet p = wait_for(dev, 6);
    const uint8_t *b = p.data;
    assert_int_equal(b[33], TERN_SYN);
    assert_int_equal(load16(b + 22), OUR_PORT);
    assert_int_equal(load32(b + 40), 0x02040000 | 1360); /* MSS = MTU - 40 */

    struct sockdiag *sd;
    struct driver_error err;
    struct sockdiag_socket s;
    tern_flow flow = {{4, {10, 77, 0, 1}}, {4, {10, 77, 0, 2}}, (uint16_t)load16(b + 20), OUR_PORT};
    assert_int_equal(sockdiag_open(&sd, &err), 0);
    assert_int_equal(sockdiag_find(sd, &flow, &s, &err), 0);
    assert_int_equal(s.state, TERN_SYN_SENT);
    assert_int_equal(s.timer, SOCKDIAG_TIMER_RETRANSMISSION);
    assert_in_range(s.expires_ms, 1, 3100 + 2 * (tern_host_now() - start) / 1000000); /* twice as long each time */
    sockdiag_close(sd);
    close(fd);
    device_close(dev);
}

/* A TCP connection by hand, with our first number 1000. Returns the kernel's socket and its next number. */
static int handshake(struct device *dev, uint32_t *kernel_next) {
    int listener = kernel_socket(SOCK_STREAM, KERNEL_PORT);
    assert_int_equal(listen(listener, 1), 0);
    send_frame(dev, tcp_frame(1000, 0, TERN_SYN, NULL, 0));
    const uint8_t *b = wait_for(dev, 6).data;
    assert_int_equal(b[33], TERN_SYN | TERN_ACK);
    assert_int_equal(load32(b + 28), 1001);
    *kernel_next = load32(b + 24) + 1;
    send_frame(dev, tcp_frame(1001, *kernel_next, TERN_ACK, NULL, 0));
    int fd = accept(listener, NULL, NULL);
    assert_true(fd >= 0);
    close(listener);
    return fd;
}

/* 60,000 bytes in one write to the kernel, and segments larger than the MTU in one read from it. */
static void large_segments_cross_in_one_piece(void **state) {
    (void)state;
    need_namespace();
    static uint8_t got[BIG];
    struct tun_config config = {.vnet = true, .lend = 8};
    struct device *dev = open_tun(&config, 1500);
    struct driver_error err;
    uint32_t next;
    int fd = handshake(dev, &next);
    struct timeval minute = {60, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &minute, sizeof minute);
    tern_frame f = tcp_frame(1001, next, TERN_ACK | TERN_PSH, data, BIG);
    f.segment_size = 1460;
    send_frame(dev, f);
    assert_int_equal(recv(fd, got, BIG, MSG_WAITALL), BIG);
    assert_memory_equal(got, data, BIG);

    assert_int_equal(send(fd, data, BIG, MSG_DONTWAIT) > 10000, 1);
    bool large = false;
    while (!large) {
        tern_packet p = wait_for(dev, 6); /* ACKs come before */
        if (p.len == 40) continue;
        assert_int_equal(p.flags & TERN_PKT_CSUM_OK, TERN_PKT_CSUM_OK);
        assert_int_equal(load32((const uint8_t *)p.data + 24), next);
        assert_memory_equal((const uint8_t *)p.data + 40, data, p.len - 40);
        assert_true(p.len > 1500);
        assert_in_range(p.segment_size, 500, 1460);
        assert_non_null(p.token);
        device_release(dev, p.token);
        large = true;
    }
    send_frame(dev, tcp_frame(1001 + BIG, next, TERN_RST, NULL, 0));
    close(fd);
    /* lent buffers are limited; further packets come all the same */
    int out = kernel_socket(SOCK_DGRAM, 6000);
    struct sockaddr_in to = our_address();
    tern_packet p[4];
    unsigned lent = 0, plain = 0;
    for (int i = 0; i < 70; i++) {
        sendto(out, data, 10, 0, (struct sockaddr *)&to, sizeof to);
        for (int n = device_receive(dev, p, 4, &err); n > 0; n--) p[n - 1].token != NULL ? lent++ : plain++;
    }
    assert_true(lent <= 8 && plain >= 60);
    close(out);
    device_close(dev);
}

static void the_kernel_keeps_quiet(void **state) {
    (void)state;
    need_namespace();
    struct tun_config config = {.vnet = true};
    struct device *dev = open_tun(&config, 1500);
    struct driver_error err;
    tern_packet p[16];
    struct pollfd fd = {dev->fd, POLLIN, 0};
    int noise = poll(&fd, 1, 1500) == 1 ? device_receive(dev, p, 16, &err) : 0;
    for (int i = 0; i < noise; i++) {
        const uint8_t *b = p[i].data;
        print_message("unasked: %u bytes, starts %02x, next header %u, type %u\n", p[i].len, b[0], b[6], b[48]);
    }
    assert_int_equal(noise, 0);
    device_close(dev);
}

static void refusals_of_devices_say_why(void **state) {
    (void)state;
    need_namespace();
    struct driver_error err = {0};
    struct device *dev, *second;
    struct tun_config config = {.name = "tern1"};
    dev = open_tun(&config, 1500);
    assert_int_equal(tun_open(&config, &second, &err), -EBUSY);
    assert_non_null(strstr(err.text, "tern1"));
    config.name = "a-name-longer-than-15";
    assert_int_equal(tun_open(&config, &second, &err), -EINVAL);
    config.name = "lo";
    assert_int_equal(tun_open(&config, &second, &err), -EINVAL);
    assert_non_null(strstr(err.text, "lo"));
    struct tun_setup setup = {.mtu = 70000};
    assert_int_equal(tun_configure(dev, &setup, &err), -EINVAL);
    setup.mtu = 65535;
    assert_int_equal(tun_configure(dev, &setup, &err), 0);
    assert_int_equal(dev->mtu, 65535);
    struct driver_prefix route = {{4, {10, 99, 0, 0}}, 16}, other = {{4, {10, 98, 0, 0}}, 15};
    setup = (struct tun_setup){.routes = &route, .routes_count = 1};
    assert_int_equal(tun_configure(dev, &setup, &err), 0);
    assert_int_equal(tun_configure(dev, &setup, &err), 0); /* again: fine */
    setup.routes = &other;
    assert_int_equal(tun_configure(dev, &setup, &err), 0);
    struct driver_prefix v6 = {{6, {0xfd, 0x78, [15] = 1}}, 64};
    setup = (struct tun_setup){.mtu = 1000, .addrs = &v6, .addrs_count = 1};
    assert_true(tun_configure(dev, &setup, &err) < 0);
    assert_non_null(strstr(err.text, "fd78::1"));
    setup = (struct tun_setup){.mtu = 1000};
    assert_int_equal(tun_configure(dev, &setup, &err), 0);
    device_close(dev);
}

static void an_existing_device_is_taken_up_again(void **state) {
    (void)state;
    need_namespace();
    struct tun_config config = {.name = "tern3", .persist = true};
    struct device *dev = open_tun(&config, 1300);
    device_close(dev);
    config.vnet = true;
    struct driver_error err;
    assert_int_equal(tun_open(&config, &dev, &err), 0);
    assert_int_equal(dev->mtu, 1300);
    device_close(dev);
}

static void a_tap_speaks_ethernet(void **state) {
    (void)state;
    need_namespace();
    struct tun_config config = {.tap = true, .vnet = true};
    struct device *dev = open_tun(&config, 1500);
    struct driver_error err;
    tern_iface_config iface;
    device_iface(dev, &iface);
    assert_int_equal(iface.link, TERN_LINK_ETHERNET);
    assert_int_equal(iface.mac[0] & 3, 2);
    tern_frame f = {.len = 42, .head_len = 42};
    static const uint8_t arp[] = {8, 6, 0, 1, 8, 0, 6, 4, 0, 1};
    memset(f.head, 0xff, 6);
    memcpy(f.head + 6, iface.mac, 6);
    memcpy(f.head + 12, arp, sizeof arp);
    memcpy(f.head + 22, iface.mac, 6);
    memcpy(f.head + 28, ours, 4);
    memcpy(f.head + 38, kernels, 4);
    send_frame(dev, f);
    bool answered = false;
    for (int tries = 0; !answered && tries < 1200; tries++) {
        tern_packet p;
        struct pollfd fd = {dev->fd, POLLIN, 0};
        poll(&fd, 1, 50);
        while (!answered && device_receive(dev, &p, 1, &err) == 1) {
            const uint8_t *b = p.data;
            answered = p.len >= 42 && load16(b + 12) == 0x0806 && b[21] == 2 && memcmp(b, iface.mac, 6) == 0 &&
                       memcmp(b + 28, kernels, 4) == 0;
        }
    }
    assert_true(answered);
    device_close(dev);
}

/* ---- the kernel's sockets ---- */

static const struct sockdiag_socket *among(const struct sockdiag_socket *s, int n, enum tern_state state,
                                           uint16_t port) {
    for (int i = 0; i < n; i++)
        if (s[i].state == state && s[i].flow.local_port == port) return &s[i];
    return NULL;
}

/* Asks until the kernel's socket is in this state, a minute at most: ACKs may be delayed. */
static struct sockdiag_socket wait_state(struct sockdiag *sd, const tern_flow *flow, enum tern_state state) {
    struct sockdiag_socket one = {0};
    struct driver_error err;
    for (int tries = 0; tries < 3000; tries++) {
        if (sockdiag_find(sd, flow, &one, &err) == 0 && one.state == state) return one;
        poll(NULL, 0, 20);
    }
    assert_int_equal(one.state, state);
    return one;
}

/* A listener of both families and IPv4 connections to it, through all of their life. */
static void the_kernels_sockets_are_seen(void **state) {
    (void)state;
    need_namespace();
    struct sockdiag *sd;
    struct sockdiag_socket s[64], one;
    struct driver_error err;
    struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_port = htons(7777)};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(7777), .sin_addr = {htonl(INADDR_LOOPBACK)}}, me;
    socklen_t len = sizeof me;
    int listener = socket(AF_INET6, SOCK_STREAM, 0), zero = 0;
    if (listener < 0) skip();
    setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
    assert_int_equal(bind(listener, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(listener, 5), 0);
    assert_int_equal(sockdiag_open(&sd, &err), 0);
    int n = sockdiag_list(sd, s, 64, &err);
    assert_in_range(n, 1, 64);
    assert_non_null(among(s, n, TERN_LISTEN, 7777));

    int client = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(client, (struct sockaddr *)&to, sizeof to), 0);
    int server = accept(listener, NULL, NULL);
    assert_int_equal(getsockname(client, (struct sockaddr *)&me, &len), 0);
    assert_int_equal(send(client, "12345", 5, 0), 5);
    const tern_addr loopback = {4, {127, 0, 0, 1}};
    tern_flow mine = {loopback, loopback, ntohs(me.sin_port), 7777},
              theirs = {loopback, loopback, 7777, mine.local_port};
    assert_int_equal(sockdiag_find(sd, &mine, &one, &err), 0);
    assert_int_equal(one.state, TERN_ESTABLISHED);
    assert_true(one.has_info && one.cwnd > 0 && one.mss_out > 500 && one.timestamps);
    assert_true(one.inode != 0);
    assert_int_equal(sockdiag_find(sd, &theirs, &one, &err), 0);
    assert_int_equal(one.receive_queue, 5);
    n = sockdiag_list(sd, s, 64, &err);
    const struct sockdiag_socket *seen = among(s, n, TERN_ESTABLISHED, 7777);
    assert_non_null(seen);
    assert_int_equal(seen->flow.local.family, 4); /* not ::ffff:127.0.0.1 */

    shutdown(client, SHUT_WR);
    wait_state(sd, &mine, TERN_FIN_WAIT_2);
    wait_state(sd, &theirs, TERN_CLOSE_WAIT);
    char bytes[5];
    assert_int_equal(recv(server, bytes, 5, MSG_WAITALL), 5);
    close(server);
    close(client);
    one = wait_state(sd, &mine, TERN_TIME_WAIT);
    assert_int_equal(one.timer, SOCKDIAG_TIMER_TIME_WAIT);
    assert_in_range(one.expires_ms, 30000, 61000);
    assert_int_equal(sockdiag_find(sd, &theirs, &one, &err), -ENOENT); /* and not the listener */
    assert_true(sockdiag_list(sd, s, 1, &err) >= 2);                   /* says how many there are */
    close(listener);
    sockdiag_close(sd);
}

/* ---- privileges ---- */

static unsigned long long status_field(const char *name, int base) {
    char line[200];
    unsigned long long v = 999999;
    FILE *f = fopen("/proc/self/status", "re");
    while (f != NULL && fgets(line, sizeof line, f) != NULL)
        if (strncmp(line, name, strlen(name)) == 0) v = strtoull(line + strlen(name), NULL, base);
    if (f != NULL) fclose(f);
    return v;
}

/* In a child: exit status 0 if all holds, else the number of what does not. */
static int dropped(enum privilege_user user, unsigned uid_expected) {
    struct driver_error err;
    bool root = geteuid() == 0;
    if (drop_privileges(user, &err) != 0) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    if (status_field("CapEff:", 16) != 0 || status_field("CapPrm:", 16) != 0 || status_field("CapInh:", 16) != 0)
        return 2;
    if (status_field("CapAmb:", 16) != 0 || (root && status_field("CapBnd:", 16) != 0)) return 3;
    if (status_field("NoNewPrivs:", 10) != 1) return 4;
    if (geteuid() != uid_expected || getuid() != uid_expected) return 5;
    struct device *dev;
    if (tun_open(&(struct tun_config){0}, &dev, &err) == 0) return 6;
    if (setuid(0) == 0 && uid_expected != 0) return 7;
    return 0;
}

static void in_a_child(enum privilege_user user, const char *sudo_uid, unsigned uid_expected) {
    int status;
    pid_t child = fork();
    if (child == 0) {
        if (sudo_uid != NULL)
            setenv("SUDO_UID", sudo_uid, 1);
        else
            unsetenv("SUDO_UID");
        setenv("SUDO_GID", "1234", 1);
        _exit(dropped(user, uid_expected));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void nothing_is_left_after_dropping(void **state) {
    (void)state;
    in_a_child(PRIVILEGE_KEEP_USER, NULL, geteuid());
    char map[64] = "";
    FILE *f = fopen("/proc/self/uid_map", "re");
    if (f != NULL) {
        if (fgets(map, sizeof map, f) == NULL) map[0] = '\0';
        fclose(f);
    }
    if (geteuid() != 0 || strstr(map, "4294967295") == NULL) return; /* changing the user needs the real root */
    in_a_child(PRIVILEGE_CALLER, NULL, 0);
    in_a_child(PRIVILEGE_CALLER, "4321", 4321);
    in_a_child(PRIVILEGE_NOBODY, "4321", 4321);
    in_a_child(PRIVILEGE_NOBODY, NULL, 65534);
    in_a_child(PRIVILEGE_NOBODY, "0", 65534);
    in_a_child(PRIVILEGE_CALLER, "12x", 0);
}

/* As another user than root: it works, or says why not. */
static void a_namespace_needs_no_root(void **state) {
    (void)state;
    int status;
    pid_t child = fork();
    if (child == 0) {
        struct driver_error err = {0};
        if (geteuid() == 0 && setuid(65534) < 0) _exit(0);
        uid_t me = getuid();
        if (netns_enter(&err) < 0) _exit(strlen(err.text) > 30 ? 0 : 1);
        if (getuid() != me) _exit(2);
        struct device *dev;
        int r = tun_open(&(struct tun_config){0}, &dev, &err);
        if (r == 0)
            device_close(dev);
        else if (r != -EACCES && r != -ENOENT)
            _exit(3); /* the file may be closed to others, the kernel may not refuse */
        _exit(drop_privileges(PRIVILEGE_NOBODY, &err) == 0 && getuid() == me ? 0 : 4);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_host_has_memory_chance_and_time(void **state) {
    (void)state;
    tern_config a, b;
    struct driver_error err;
    assert_int_equal(tern_config_host(&a, &err), 0);
    assert_int_equal(tern_config_host(&b, &err), 0);
    assert_memory_not_equal(a.entropy, b.entropy, sizeof a.entropy);
    void *p = a.allocator.alloc(a.allocator.ctx, 100);
    assert_non_null(p);
    a.allocator.release(a.allocator.ctx, p, 100);
    uint64_t before = tern_host_now();
    assert_true(tern_host_now() >= before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_host_has_memory_chance_and_time),
        cmocka_unit_test(a_namespace_needs_no_root),
        cmocka_unit_test(the_kernel_answers_an_echo),
        cmocka_unit_test(checksums_are_finished_by_one_side_or_the_other),
        cmocka_unit_test(connect_shows_a_syn),
        cmocka_unit_test(large_segments_cross_in_one_piece),
        cmocka_unit_test(the_kernel_keeps_quiet),
        cmocka_unit_test(refusals_of_devices_say_why),
        cmocka_unit_test(an_existing_device_is_taken_up_again),
        cmocka_unit_test(a_tap_speaks_ethernet),
        cmocka_unit_test(the_kernels_sockets_are_seen),
        cmocka_unit_test(nothing_is_left_after_dropping),
    };
    struct driver_error err;
    for (size_t i = 0; i < sizeof data; i++) data[i] = (uint8_t)(i * 31 >> 2);
    /* the_kernel... tests run in one namespace of their own; the child above makes another. */
    if (netns_enter(&err) < 0)
        snprintf(refusal, sizeof refusal, "%s", err.text);
    else
        plain_network();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
