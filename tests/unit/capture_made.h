/* capture_made.h - capture files and frames made by hand for tests: both formats, either byte order, and TCP packets
 * with right checksums. Not the writer of lens/: these must be able to be wrong. */
#ifndef UNIT_CAPTURE_MADE_H
#define UNIT_CAPTURE_MADE_H

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/checksum.h"
#include "wire/wire.h"

typedef struct made {
    uint8_t at[1 << 16];
    size_t len;
    bool swapped;
} made;

static inline void made8(made *m, unsigned v) {
    assert(m->len < sizeof m->at);
    m->at[m->len++] = (uint8_t)v;
}
static inline void made16(made *m, unsigned v) {
    bool big = m->swapped == (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);
    made8(m, big ? v >> 8 : v);
    made8(m, big ? v : v >> 8);
}
static inline void made32(made *m, uint32_t v) {
    bool big = m->swapped == (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);
    made16(m, big ? v >> 16 : v);
    made16(m, big ? v : v >> 16);
}
static inline void made_bytes(made *m, const void *p, size_t n) {
    for (size_t i = 0; i < n; i++) made8(m, ((const uint8_t *)p)[i]);
}
static inline void made_pad(made *m) {
    while (m->len % 4 != 0) made8(m, 0);
}

/* ---- pcap ---- */

static inline void made_pcap(made *m, uint32_t magic, uint32_t linktype) {
    made32(m, magic);
    made16(m, 2);
    made16(m, 4);
    made32(m, 0);
    made32(m, 0);
    made32(m, 65535);
    made32(m, linktype);
}
static inline void made_record(made *m, uint32_t s, uint32_t part, const void *data, uint32_t captured, uint32_t wire) {
    made32(m, s);
    made32(m, part);
    made32(m, captured);
    made32(m, wire);
    made_bytes(m, data, captured);
}

/* ---- pcapng: begin a block, put its body, end it ---- */

static inline size_t made_block(made *m, uint32_t type) {
    size_t start = m->len;
    made32(m, type);
    made32(m, 0);
    return start;
}
static inline void made_patch32(made *m, size_t at, uint32_t v) {
    size_t len = m->len;
    m->len = at;
    made32(m, v);
    m->len = len;
}
static inline void made_block_end(made *m, size_t start) {
    made_pad(m);
    made32(m, (uint32_t)(m->len - start + 4));
    made_patch32(m, start + 4, (uint32_t)(m->len - start));
}
static inline void made_option(made *m, unsigned code, const void *value, size_t len) {
    made16(m, code);
    made16(m, (unsigned)len);
    made_bytes(m, value, len);
    made_pad(m);
}
static inline void made_section(made *m) {
    size_t b = made_block(m, 0x0a0d0d0a);
    made32(m, 0x1a2b3c4d);
    made16(m, 1);
    made16(m, 0);
    made32(m, UINT32_MAX);
    made32(m, UINT32_MAX);
    made_block_end(m, b);
}
/* resolution -1: no option */
static inline void made_iface(made *m, uint32_t linktype, const char *name, int resolution) {
    size_t b = made_block(m, 1);
    uint8_t tick = (uint8_t)resolution;
    made16(m, linktype);
    made16(m, 0);
    made32(m, 0);
    if (name != NULL) made_option(m, 2, name, strlen(name));
    if (resolution >= 0) made_option(m, 9, &tick, 1);
    made_option(m, 0, NULL, 0);
    made_block_end(m, b);
}
static inline void made_packet(made *m, uint32_t iface, uint64_t ticks, const void *data, uint32_t len,
                               const char *comment) {
    size_t b = made_block(m, 6);
    made32(m, iface);
    made32(m, (uint32_t)(ticks >> 32));
    made32(m, (uint32_t)ticks);
    made32(m, len);
    made32(m, len);
    made_bytes(m, data, len);
    made_pad(m);
    if (comment != NULL) {
        made_option(m, 1, comment, strlen(comment));
        made_option(m, 0, NULL, 0);
    }
    made_block_end(m, b);
}

/* ---- frames: IPv4 or IPv6 with TCP, checksums right ---- */

typedef struct segment {
    const char *src, *dst;
    uint16_t src_port, dst_port, flags, window, id;
    uint32_t seq, ack, len;
    uint8_t ttl;
    tcp_options options;
    bool open_sum; /* leaves the checksum to a device */
} segment;

static inline uint32_t made_ip(uint8_t *to, size_t room, const segment *s) {
    ip_addr src, dst;
    writer w = writer_of(to, room);
    uint8_t tcp[2048] = {0};
    writer t = writer_of(tcp, sizeof tcp);
    assert(ip_parse(s->src, &src) && ip_parse(s->dst, &dst));
    tcp_header h = {.src_port = s->src_port,
                    .dst_port = s->dst_port,
                    .seq_no = {s->seq},
                    .ack_no = {s->ack},
                    .flags = s->flags,
                    .window = s->window ? s->window : 1000,
                    .options = s->options};
    tcp_emit(&t, &h);
    uint32_t len = (uint32_t)(t.at - tcp) + s->len;
    assert(!t.bad && len <= sizeof tcp);
    uint64_t sum = pseudo_sum(&src, &dst, IP_PROTO_TCP, len);
    uint16_t field = s->open_sum ? checksum_fold(sum) : checksum_finish(checksum_plain.add(tcp, len, sum));
    memcpy(tcp + 16, &field, 2);
    if (ip_is_v4(&src)) {
        ip4_header ip = {.header_len = 20,
                         .ttl = s->ttl ? s->ttl : 64,
                         .proto = IP_PROTO_TCP,
                         .total_len = (uint16_t)(20 + len),
                         .id = s->id,
                         .src = ip_to_v4(&src),
                         .dst = ip_to_v4(&dst)};
        ip4_emit(&w, &ip);
    } else {
        ip6_header ip = {
            .next_header = IP_PROTO_TCP, .hop_limit = 64, .payload_len = (uint16_t)len, .src = src, .dst = dst};
        ip6_emit(&w, &ip);
    }
    write_bytes(&w, tcp, len);
    assert(!w.bad);
    return (uint32_t)(w.at - to);
}

/* ---- files ---- */

static inline void made_file(const char *path, const void *data, size_t len) {
    FILE *f = fopen(path, "wb");
    assert(f != NULL);
    size_t n = fwrite(data, 1, len, f);
    assert(n == len);
    (void)n;
    fclose(f);
}

#endif
