/* forge.c - segments by hand. They say that their checksums were verified, so none is computed. */
#include "bench/forge.h"

#include <string.h>

#include "base/bytes.h"
#include "bench/bench.h"

enum { PEERS_AN_ADDRESS = 50000, IP4 = 20, IP6 = 40, TCP = 20 };

static uint16_t header_sum(const uint8_t *p) {
    uint32_t sum = 0;
    for (int i = 0; i < IP4; i += 2) sum += (uint32_t)p[i] << 8 | p[i + 1];
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t) ~((sum & 0xffff) + (sum >> 16));
}

static uint32_t put_ip4(uint8_t *p, uint32_t host, uint32_t len) {
    const uint8_t head[] = {0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 6, 0, 0, 10, 1, 0, 0, 10, 0, 0, 1};
    memcpy(p, head, IP4);
    store16(p + 2, (uint16_t)(IP4 + len));
    store16(p + 14, (uint16_t)(host + 1));
    store16(p + 10, header_sum(p));
    return IP4;
}

static uint32_t put_ip6(uint8_t *p, uint32_t host, uint32_t len) {
    memset(p, 0, IP6);
    p[0] = 0x60;
    store16(p + 4, (uint16_t)len);
    p[6] = 6;
    p[7] = 64;
    p[8] = p[24] = 0xfd;
    p[39] = 1;
    store32(p + 20, 0x10000 + host);
    return IP6;
}

/* What a Linux host offers in a SYN; later segments carry the timestamp alone. */
static uint32_t put_options(uint8_t *p, bool syn) {
    static const uint8_t mss_sack[] = {2, 4, 1460 >> 8, 1460 & 255, 4, 2}, stamp[] = {8, 10, 0, 1, 0, 0, 0, 0, 0, 0},
                         scale[] = {1, 3, 3, 7};
    if (!syn) {
        p[0] = p[1] = 1;
        memcpy(p + 2, stamp, sizeof stamp);
        return 12;
    }
    memcpy(p, mss_sack, sizeof mss_sack);
    memcpy(p + 6, stamp, sizeof stamp);
    memcpy(p + 16, scale, sizeof scale);
    return 20;
}

void forge_send(struct forge *f, uint32_t i, uint16_t flags, uint32_t seq, uint32_t ack, uint32_t len) {
    uint8_t bytes[1500];
    uint32_t ip = f->v6 ? IP6 : IP4;
    uint8_t *p = bytes + ip;
    uint32_t tcp = TCP + put_options(p + TCP, flags & TERN_SYN);
    store16(p, (uint16_t)(1024 + i % PEERS_AN_ADDRESS));
    store16(p + 2, f->port);
    store32(p + 4, seq);
    store32(p + 8, ack);
    store16(p + 12, (uint16_t)(tcp / 4 << 12 | flags));
    store16(p + 14, 65535);
    store32(p + 16, 0);
    memset(p + tcp, 0, len);
    if (f->v6)
        put_ip6(bytes, i / PEERS_AN_ADDRESS, tcp + len);
    else
        put_ip4(bytes, i / PEERS_AN_ADDRESS, tcp + len);
    tern_packet packet = {bytes, ip + tcp + len, TERN_PKT_CSUM_OK, 0, NULL};
    f->now += 10;
    tern_input(f->stack, 0, &packet, 1, f->now);
}

unsigned forge_answers(struct forge *f) {
    tern_frame frames[16];
    unsigned total = 0;
    for (int n; (n = tern_output(f->stack, frames, 16, f->now)) > 0; total += (unsigned)n) {
        const tern_frame *last = &frames[n - 1];
        uint32_t ip = f->v6 ? IP6 : IP4;
        const uint8_t *p = last->head + ip;
        f->answer_seq = load32(p + 4);
        f->answer_len = last->len - ip - (p[12] >> 4) * 4u;
        if (p[13] & (TERN_SYN | TERN_FIN)) f->answer_len++;
    }
    return total;
}

uint32_t forge_connect(struct forge *f, uint32_t i) {
    forge_send(f, i, TERN_SYN, FORGE_ISS, 0, 0);
    if (forge_answers(f) != 1) give_up_bench("a SYN was not answered");
    uint32_t next = f->answer_seq + 1;
    forge_send(f, i, TERN_ACK, FORGE_ISS + 1, next, 0);
    forge_answers(f);
    return next;
}
