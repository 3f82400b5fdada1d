/* test_hostile.c - broken packets from the kernel's side, written raw into the device: each is dropped, and one counter
 * says why. A connection lives meanwhile and is not disturbed. What random packets do is test_mutants.c's. */
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel.h"
#include "tests/octets.h"

enum { PORT = 7400 };

/* ---- packets by hand ---- */

struct raw {
    uint8_t bytes[2048];
    uint32_t len, ip; /* where the IP header starts */
};

static void fix_ip4(struct raw *r) {
    uint8_t *p = r->bytes + r->ip;
    put16(p + 10, 0);
    put16(p + 10, ~sum16(p, (p[0] & 15u) * 4, 0) & 0xffff);
}

/* A SYN to a port where nobody listens would be answered: these are ACKs to the port of the listener, or what the edit
 * makes of them. */
static void fix_tcp(struct raw *r) {
    uint8_t *p = r->bytes + r->ip;
    bool v6 = p[0] >> 4 == 6;
    uint32_t head = v6 ? 40 : 20, len = r->len - r->ip - head;
    put16(p + head + 16, 0);
    uint32_t sum = v6 ? sum16(p + 8, 32, 6 + len) : sum16(p + 12, 8, 6 + len);
    put16(p + head + 16, ~sum16(p + head, len, sum) & 0xffff);
}

static void fix_icmp(struct raw *r) {
    uint8_t *p = r->bytes + r->ip;
    bool v6 = p[0] >> 4 == 6;
    uint32_t head = v6 ? 40 : 20, len = r->len - r->ip - head;
    put16(p + head + 2, 0);
    put16(p + head + 2, ~sum16(p + head, len, v6 ? sum16(p + 8, 32, 58 + len) : 0) & 0xffff);
}

static uint8_t *ip_header(struct raw *r, int family, uint8_t protocol, uint32_t payload) {
    uint8_t *p = r->bytes + r->ip;
    tern_addr from = world_kernel(family), to = world_ours(family);
    if (family == 4) {
        p[0] = 0x45;
        put16(p + 2, 20 + payload);
        p[8] = 64;
        p[9] = protocol;
        memcpy(p + 12, from.bytes, 4);
        memcpy(p + 16, to.bytes, 4);
        r->len = r->ip + 20 + payload;
        fix_ip4(r);
        return p + 20;
    }
    p[0] = 0x60;
    put16(p + 4, payload);
    p[6] = protocol;
    p[7] = 64;
    memcpy(p + 8, from.bytes, 16);
    memcpy(p + 24, to.bytes, 16);
    r->len = r->ip + 40 + payload;
    return p + 40;
}

/* An Ethernet header where the device has one. */
static void begin(struct raw *r, const struct world *w, int family) {
    memset(r, 0, sizeof *r);
    if (w->dev->link != TERN_LINK_ETHERNET) return;
    r->ip = 14;
    memcpy(r->bytes, w->dev->mac, 6);
    r->bytes[6] = 2;
    put16(r->bytes + 12, family == 4 ? 0x0800 : 0x86dd);
}

static uint8_t *tcp(struct raw *r, const struct world *w, int family, uint32_t options) {
    begin(r, w, family);
    uint8_t *t = ip_header(r, family, 6, 20 + options);
    put16(t, 999);
    put16(t + 2, PORT);
    t[12] = (uint8_t)((20 + options) / 4 << 4);
    t[13] = TERN_SYN;
    put16(t + 14, 1000);
    fix_tcp(r);
    return t;
}

static uint8_t *icmp(struct raw *r, const struct world *w, int family, uint8_t type, uint32_t body) {
    begin(r, w, family);
    uint8_t *t = ip_header(r, family, family == 4 ? 1 : 58, 4 + body);
    t[0] = type;
    if (family == 6 && type >= 133) r->bytes[r->ip + 7] = 255;
    fix_icmp(r);
    return t;
}

/* ---- what is broken, and the counter that tells ---- */

static void ip_cut(struct raw *r, const struct world *w, int family) {
    tcp(r, w, family, 0);
    r->len = r->ip + 11;
}
static void ip_longer_than_packet(struct raw *r, const struct world *w, int family) {
    tcp(r, w, family, 0);
    put16(r->bytes + r->ip + (family == 4 ? 2 : 4), 500);
    if (family == 4) fix_ip4(r);
}
static void ip_version(struct raw *r, const struct world *w, int family) {
    tcp(r, w, family, 0);
    r->bytes[r->ip] = 0x55;
}
static void ip4_checksum(struct raw *r, const struct world *w, int family) {
    tcp(r, w, family, 0);
    r->bytes[r->ip + 10] ^= 1;
}
static void ip4_source_route(struct raw *r, const struct world *w, int family) {
    begin(r, w, family);
    uint8_t *p = r->bytes + r->ip;
    ip_header(r, 4, 6, 28);
    p[0] = 0x47;
    memcpy(p + 20, (uint8_t[]){131, 7, 4, 10, 77, 0, 9, 0}, 8); /* LSRR */
    fix_ip4(r);
}
static void ip_protocol(struct raw *r, const struct world *w, int family) {
    begin(r, w, family);
    ip_header(r, family, 254, 20);
}
static void ip6_header_chain(struct raw *r, const struct world *w, int family) {
    begin(r, w, family);
    uint8_t *p = ip_header(r, 6, 60, 16);
    p[0] = 6;
    p[1] = 200; /* longer than the packet */
}
static void fragment_over_the_end(struct raw *r, const struct world *w, int family) {
    begin(r, w, family);
    uint8_t *p = ip_header(r, family, family == 4 ? 17 : 44, 32);
    if (family == 4) {
        put16(r->bytes + r->ip + 6, 0x1fff);
        fix_ip4(r);
        return;
    }
    p[0] = 17;
    put16(p + 2, 0xfff8);
}
static void tcp_cut(struct raw *r, const struct world *w, int family) {
    begin(r, w, family);
    ip_header(r, family, 6, 12);
}
static void tcp_offset(struct raw *r, const struct world *w, int family) {
    tcp(r, w, family, 0)[12] = 0xf0;
    fix_tcp(r);
}
static void tcp_option(struct raw *r, const struct world *w, int family) {
    uint8_t *t = tcp(r, w, family, 4);
    t[20] = 2;
    t[21] = 40; /* an MSS of 40 bytes in 4 bytes of options */
    fix_tcp(r);
}
static void tcp_checksum(struct raw *r, const struct world *w, int family) { tcp(r, w, family, 0)[16] ^= 0x80; }
static void tcp_port_0(struct raw *r, const struct world *w, int family) {
    put16(tcp(r, w, family, 0), 0);
    fix_tcp(r);
}
static void tcp_syn_fin(struct raw *r, const struct world *w, int family) {
    tcp(r, w, family, 0)[13] = TERN_SYN | TERN_FIN;
    fix_tcp(r);
}
static void tcp_nothing(struct raw *r, const struct world *w, int family) {
    tcp(r, w, family, 0)[13] = 0;
    fix_tcp(r);
}
static void tcp_ack_to_listener(struct raw *r, const struct world *w, int family) {
    tcp(r, w, family, 0)[13] = TERN_ACK;
    fix_tcp(r);
}
static void icmp_cut(struct raw *r, const struct world *w, int family) {
    icmp(r, w, family, family == 4 ? 3 : 1, 12); /* an error about a packet of which it shows 8 bytes */
}
static void icmp_checksum(struct raw *r, const struct world *w, int family) {
    icmp(r, w, family, family == 4 ? 8 : 128, 40)[2] ^= 1;
}
static void nd_hop_limit(struct raw *r, const struct world *w, int family) {
    icmp(r, w, family, 135, 20);
    r->bytes[r->ip + 7] = 64; /* came through a router */
}
static void eth_cut(struct raw *r, const struct world *w, int family) {
    tcp(r, w, family, 0);
    put16(r->bytes + 12, 0x8100); /* and no tag behind it */
    r->len = 14;
}
static void eth_type(struct raw *r, const struct world *w, int family) {
    tcp(r, w, family, 0);
    put16(r->bytes + 12, 0x88b5);
}
static void eth_stranger(struct raw *r, const struct world *w, int family) {
    tcp(r, w, family, 0);
    r->bytes[5] ^= 1;
}
static void arp_cut(struct raw *r, const struct world *w, int family) {
    tcp(r, w, family, 0);
    put16(r->bytes + 12, 0x0806);
    r->len = 14 + 20;
}

struct offence {
    const char *counter;
    void (*make)(struct raw *r, const struct world *w, int family);
    int family; /* 0: both */
    bool ethernet;
};

static const struct offence offences[] = {
    {"LINK_SHORT", eth_cut, 4, true},
    {"LINK_UNKNOWN_TYPE", eth_type, 4, true},
    {"LINK_NOT_OURS", eth_stranger, 0, true},
    {"ARP_MALFORMED", arp_cut, 4, true},
    {"IP_MALFORMED", ip_cut, 0, false},
    {"IP_MALFORMED", ip_longer_than_packet, 0, false},
    {"IP_MALFORMED", ip_version, 4, false},
    {"IP_CHECKSUM", ip4_checksum, 4, false},
    {"IP_OPTION", ip4_source_route, 4, false},
    {"IP_UNKNOWN_PROTOCOL", ip_protocol, 0, false},
    {"IP6_EXTENSION", ip6_header_chain, 6, false},
    {"FRAGMENT_BAD", fragment_over_the_end, 0, false},
    {"TCP_SHORT", tcp_cut, 0, false},
    {"TCP_BAD_OFFSET", tcp_offset, 0, false},
    {"TCP_BAD_OPTION", tcp_option, 0, false},
    {"TCP_CHECKSUM", tcp_checksum, 0, false},
    {"TCP_BAD_ADDRESS", tcp_port_0, 0, false},
    {"LISTEN_SYN_FIN", tcp_syn_fin, 0, false},
    {"LISTEN_NO_SYN", tcp_nothing, 0, false},
    {"LISTEN_ACK", tcp_ack_to_listener, 0, false},
    {"ICMP_MALFORMED", icmp_cut, 0, false},
    {"ICMP_CHECKSUM", icmp_checksum, 0, false},
    {"ND_INVALID", nd_hop_limit, 6, false},
};

/* ---- the run ---- */

/* Writes a packet to the device as if the kernel's IP had. */
static void kernel_emits(int fd, const struct world *w, const struct raw *r, int family) {
    struct sockaddr_ll to = {.sll_family = AF_PACKET,
                             .sll_protocol = htons(family == 4 ? ETH_P_IP : ETH_P_IPV6),
                             .sll_ifindex = (int)if_nametoindex(w->dev->name),
                             .sll_halen = 6};
    ssize_t n = sendto(fd, r->bytes, r->len, 0, (struct sockaddr *)&to, sizeof to);
    assert_int_equal(n, r->len);
}

static void offend(struct world *w, int fd, const struct offence *o, int family) {
    struct raw r;
    o->make(&r, w, family);
    tern_stats st = world_stats(w);
    uint64_t before = world_counter(w, o->counter);
    kernel_emits(fd, w, &r, family);
    WORLD_UNTIL(w, world_stats(w).packets_in > st.packets_in, 1000);
    if (world_counter(w, o->counter) != before + 1) world_late(w, 0, o->counter);
    assert_int_equal(world_stats(w).connections, st.connections);
    assert_int_equal(world_stats(w).half_open, st.half_open);
}

static void dropped_and_counted(void **state) {
    (void)state;
    for (int tap = 0; tap <= 1; tap++) {
        struct world_config c = world_config_default();
        c.tap = tap;
        c.settings.icmp_rate = 100000;
        c.settings.icmp_burst = 10000;
        struct world *w = world_open(&c);
        struct end listener, ours;
        int fd = socket(AF_PACKET, tap ? SOCK_RAW : SOCK_DGRAM, 0), peer;
        assert_true(fd >= 0);
        world_listen(w, PORT, 5, &listener);
        peer = kernel_connect(4, PORT);
        WORLD_UNTIL(w, world_accept(w, &listener, &ours), 3000);
        for (size_t i = 0; i < sizeof offences / sizeof *offences; i++) {
            if (offences[i].ethernet && !tap) continue;
            for (int family = 4; family <= 6; family += 2)
                if (offences[i].family == 0 || offences[i].family == family) offend(w, fd, &offences[i], family);
        }
        char text[8];
        assert_int_equal(tern_write(w->stack, ours.sock, "fine", 4), 4);
        ssize_t n = -1;
        WORLD_UNTIL(w, (n = kernel_recv(peer, text, sizeof text)) >= 0, 1000);
        assert_int_equal(n, 4);
        tern_close(w->stack, ours.sock);
        close(peer);
        close(fd);
        world_turns(w, 20);
        world_close(w);
    }
}

int main(void) {
    world_require();
    const struct CMUnitTest tests[] = {cmocka_unit_test(dropped_and_counted)};
    return pulse_run(tests, sizeof tests / sizeof *tests, NULL);
}
