/* traffic.c - see traffic.h. Each connection is a small script; many of them take turns. */
#include "bench/traffic.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/checksum.h"
#include "bench/bench.h"
#include "wire/wire.h"

enum { AT_ONCE = 400, MSS = 1448, ETHERNET = 14, IP = 20, RECORD = 16, SYN_LEN = 40, TS_LEN = 32 };

enum kind { WEB, BULK, REFUSED, SCANNED, ABORTED, KINDS };

struct talk {
    enum kind kind;
    ip_addr addr[2];
    uint16_t port[2];
    uint32_t next[2], isn[2]; /* the next number each end sends */
    uint32_t asked, answer;   /* bytes still to send */
    uint32_t lost;            /* a number of B's that is to come again, 0: none */
    uint16_t id[2];
    unsigned step, unacked;
};

struct maker {
    FILE *file;
    const checksum_ops *sums;
    uint64_t random, now_us;
    struct traffic t;
    struct talk talk[AT_ONCE];
    uint8_t packet[RECORD + ETHERNET + IP + 60 + MSS + 20];
};

static uint32_t below(struct maker *m, uint32_t n) { return (uint32_t)((choice(&m->random) >> 32) * n >> 32); }

static void put_record(struct maker *m, uint32_t len) {
    uint32_t head[4] = {(uint32_t)(m->now_us / 1000000), (uint32_t)(m->now_us % 1000000), len, len};
    memcpy(m->packet, head, RECORD);
    fwrite(m->packet, 1, RECORD + len, m->file);
    m->t.bytes += RECORD + len;
    m->t.packets++;
    m->now_us += 1 + below(m, 20);
}

static uint32_t ip_packet(struct maker *m, struct talk *c, int from, uint8_t proto, uint32_t len) {
    uint8_t *p = m->packet + RECORD;
    writer w = writer_of(p, ETHERNET + IP);
    eth_header e = {
        .dst = {2, 0, 0, 0, 0, (uint8_t)!from}, .src = {2, 0, 0, 0, 0, (uint8_t)from}, .type = ETH_TYPE_IP4};
    ip4_header ip = {.header_len = IP,
                     .ttl = 64,
                     .proto = proto,
                     .total_len = (uint16_t)(IP + len),
                     .id = ++c->id[from],
                     .dont_fragment = true,
                     .src = ip_to_v4(&c->addr[from]),
                     .dst = ip_to_v4(&c->addr[!from])};
    eth_emit(&w, &e);
    ip4_emit(&w, &ip);
    return ETHERNET + IP + len;
}

/* One segment of `len` bytes at `seq`. */
static void put_at(struct maker *m, struct talk *c, int from, uint16_t flags, uint32_t number, uint32_t len) {
    uint8_t *p = m->packet + RECORD + ETHERNET + IP;
    tcp_header h = {.src_port = c->port[from],
                    .dst_port = c->port[!from],
                    .seq_no = {number},
                    .ack_no = {flags & TCP_ACK ? c->next[!from] : 0},
                    .flags = flags,
                    .window = 32000,
                    .options = {.has_ts = true, .ts_value = (uint32_t)(m->now_us / 1000), .ts_echo = 1}};
    if (flags & TCP_SYN) {
        h.options.has_mss = h.options.sack_ok = h.options.has_wscale = true;
        h.options.mss = MSS + 12;
        h.options.wscale = 7;
    }
    writer w = writer_of(p, 60);
    tcp_emit(&w, &h);
    uint32_t head = (uint32_t)writer_len(&w), total = head + len;
    memset(p + head, (int)(number & 0xff), len);
    uint64_t sum = pseudo_sum(&c->addr[from], &c->addr[!from], IP_PROTO_TCP, total);
    uint16_t field = checksum_finish(m->sums->add(p, total, sum));
    memcpy(p + 16, &field, 2);
    put_record(m, ip_packet(m, c, from, IP_PROTO_TCP, total));
}

/* The next segment of `from`. */
static void put(struct maker *m, struct talk *c, int from, uint16_t flags, uint32_t len) {
    put_at(m, c, from, flags, c->next[from], len);
    c->next[from] += len + !!(flags & TCP_SYN) + !!(flags & TCP_FIN);
}

static void put_udp(struct maker *m, struct talk *c) {
    uint32_t len = 8 + below(m, 500);
    uint8_t *p = m->packet + RECORD + ETHERNET + IP;
    memset(p, 0, len);
    store16(p, 5000);
    store16(p + 2, 53);
    store16(p + 4, (uint16_t)len);
    put_record(m, ip_packet(m, c, 0, IP_PROTO_UDP, len));
}

static void start(struct maker *m, struct talk *c) {
    uint32_t dice = below(m, 100);
    *c = (struct talk){.kind = dice < 70   ? WEB
                               : dice < 80 ? BULK
                               : dice < 87 ? REFUSED
                               : dice < 94 ? SCANNED
                                           : ABORTED};
    c->addr[0] = ip_from_v4(0x0a000000 + below(m, 60000));
    c->addr[1] = ip_from_v4(0xc0a80000 + below(m, 200));
    c->port[0] = (uint16_t)(1024 + below(m, 64000));
    c->port[1] = below(m, 2) ? 443 : 80;
    for (int end = 0; end < 2; end++) c->isn[end] = c->next[end] = (uint32_t)choice(&m->random);
    c->asked = 200 + below(m, 1200);
    c->answer = c->kind == BULK ? 200000 + below(m, 4000000) : 300 + below(m, 40000);
    m->t.connections++;
}

/* B's answer: data, now and then a loss that is repaired, A's ACK for every second segment. True: it is through. */
static bool answer(struct maker *m, struct talk *c) {
    uint32_t len = c->answer < MSS ? c->answer : MSS;
    if (c->lost != 0 && below(m, 4) == 0) {
        put_at(m, c, 1, TCP_ACK, c->lost, MSS);
        c->lost = 0;
        put(m, c, 0, TCP_ACK, 0);
        return false;
    }
    if (c->lost == 0 && len == MSS && below(m, 200) == 0) {
        c->lost = c->next[1];
        c->next[1] += len;
    } else {
        put(m, c, 1, (uint16_t)(TCP_ACK | (len < MSS ? TCP_PSH : 0)), len);
    }
    c->answer -= len;
    if (c->lost != 0) { /* a duplicate ACK */
        uint32_t ahead = c->next[1];
        c->next[1] = c->lost;
        put(m, c, 0, TCP_ACK, 0);
        c->next[1] = ahead;
    } else if (++c->unacked % 2 == 0) {
        put(m, c, 0, TCP_ACK, 0);
    }
    return c->answer == 0 && c->lost == 0;
}

/* Does the next step of a connection; false: it is over. */
static bool go_on(struct maker *m, struct talk *c) {
    switch (c->step++) {
    case 0: put(m, c, 0, TCP_SYN, 0); return true;
    case 1:
        if (c->kind == SCANNED) return false;
        if (c->kind == REFUSED) put(m, c, 1, TCP_RST | TCP_ACK, 0);
        if (c->kind != REFUSED) put(m, c, 1, TCP_SYN | TCP_ACK, 0);
        return c->kind != REFUSED;
    case 2: put(m, c, 0, TCP_ACK, 0); return true;
    case 3: put(m, c, 0, TCP_ACK | TCP_PSH, c->asked); return true;
    case 4:
        if (c->kind == ABORTED) put(m, c, 1, TCP_RST | TCP_ACK, 0);
        if (c->kind != ABORTED) put(m, c, 1, TCP_ACK, 0);
        return c->kind != ABORTED;
    case 5:
        if (!answer(m, c)) c->step = 5;
        return true;
    case 6: put(m, c, 1, TCP_FIN | TCP_ACK, 0); return true;
    case 7: put(m, c, 0, TCP_FIN | TCP_ACK, 0); return true;
    default: put(m, c, 1, TCP_ACK, 0); return false;
    }
}

bool traffic_write(const char *path, uint64_t bytes, struct traffic *out) {
    struct maker *m = calloc(1, sizeof *m);
    static const uint32_t header[6] = {0xa1b2c3d4, 4u << 16 | 2, 0, 0, 65535, 1};
    if (m == NULL) return false;
    m->file = fopen(path, "we");
    bool fine = m->file != NULL;
    if (fine) {
        m->sums = checksum_ops_best();
        m->random = 88172645463325252u;
        m->now_us = UINT64_C(1700000000000000);
        fwrite(header, 1, sizeof header, m->file);
        m->t.bytes = sizeof header;
        for (size_t i = 0; i < AT_ONCE; i++) start(m, &m->talk[i]);
        while (m->t.bytes < bytes) {
            struct talk *c = &m->talk[below(m, AT_ONCE)];
            if (below(m, 30) == 0) put_udp(m, c);
            if (!go_on(m, c)) start(m, c);
        }
        fine = !ferror(m->file);
        fine = fclose(m->file) == 0 && fine;
        *out = m->t;
    }
    free(m);
    return fine;
}
