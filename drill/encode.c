/* encode.c - a packet of the language as an IP datagram (RFC 791, 8200, 9293 3.1, 792, 4443). */
#include <string.h>

#include "drill/checksum.h"
#include "drill/packet.h"

struct out {
    uint8_t *at, *end;
    bool full;
};

static void put(struct out *o, const void *bytes, size_t n) {
    if ((size_t)(o->end - o->at) < n) {
        o->full = true;
        return;
    }
    if (n > 0) memcpy(o->at, bytes, n);
    o->at += n;
}

static void put8(struct out *o, unsigned v) {
    uint8_t b = (uint8_t)v;
    put(o, &b, 1);
}

static void put16(struct out *o, unsigned v) {
    uint8_t b[2] = {(uint8_t)(v >> 8), (uint8_t)v};
    put(o, b, 2);
}

static void put32(struct out *o, uint32_t v) {
    put16(o, v >> 16);
    put16(o, v & 0xffff);
}

static void put_zeros(struct out *o, size_t n) {
    if ((size_t)(o->end - o->at) < n) {
        o->full = true;
        return;
    }
    memset(o->at, 0, n);
    o->at += n;
}

/* ---- options ---- */

static void put_option(struct out *o, const struct tcp_option *t) {
    static const uint8_t magic[2] = {0xf9, 0x89};
    put8(o, t->kind);
    switch (t->kind) {
    case OPTION_EOL:
    case OPTION_NOP: return;
    case OPTION_MSS:
        put8(o, 4);
        put16(o, t->a);
        return;
    case OPTION_WSCALE:
        put8(o, 3);
        put8(o, t->a);
        return;
    case OPTION_SACK_OK: put8(o, 2); return;
    case OPTION_SACK:
        put8(o, 2 + 8u * t->blocks);
        for (unsigned i = 0; i < t->blocks; i++) {
            put32(o, t->left[i]);
            put32(o, t->right[i]);
        }
        return;
    case OPTION_TS:
        put8(o, 10);
        put32(o, t->a);
        put32(o, t->b);
        return;
    case OPTION_UTO:
        put8(o, 4);
        put16(o, t->b << 15 | t->a);
        return;
    case OPTION_ACCECN0:
    case OPTION_ACCECN1:
        put8(o, 2 + 3u * t->blocks);
        for (unsigned i = 0; i < t->blocks; i++) {
            put8(o, t->left[i] >> 16);
            put16(o, t->left[i] & 0xffff);
        }
        return;
    default: {
        bool experiment = t->kind == OPTION_FOEXP;
        put8(o, 2u + t->bytes_len + (experiment ? 2 : 0));
        if (experiment) put(o, magic, 2);
        put(o, t->bytes, t->bytes_len);
    }
    }
}

static unsigned options_encode(const struct tcp_option *o, unsigned n, uint8_t buf[40], bool *whole) {
    struct out out = {buf, buf + 40, false};
    for (unsigned i = 0; i < n; i++) put_option(&out, &o[i]);
    unsigned size = (unsigned)(out.at - buf);
    *whole = !out.full && size % 4 == 0;
    return *whole ? size : 0;
}

unsigned options_size(const struct tcp_option *o, unsigned n, bool *whole) {
    uint8_t buf[40];
    return options_encode(o, n, buf, whole);
}

/* ---- headers ---- */

static void put_ip(struct out *o, const struct ip_spec *ip, const tern_addr *src, const tern_addr *dst, unsigned proto,
                   size_t payload) {
    unsigned tos = (ip->tos >= 0 ? (unsigned)ip->tos : 0) | (ip->ecn > 0 ? (unsigned)ip->ecn & 3u : 0);
    unsigned ttl = ip->ttl >= 0 ? (unsigned)ip->ttl : 255;
    uint8_t *start = o->at;
    if (src->family == 6) {
        put32(o, 6u << 28 | tos << 20 | (ip->has_label ? ip->label : 0));
        put16(o, (unsigned)payload);
        put8(o, proto);
        put8(o, ttl);
        put(o, src->bytes, 16);
        put(o, dst->bytes, 16);
        return;
    }
    put16(o, 0x4500 | tos);
    put16(o, (unsigned)payload + 20);
    put32(o, 0);
    put8(o, ttl);
    put8(o, proto);
    put16(o, 0);
    put(o, src->bytes, 4);
    put(o, dst->bytes, 4);
    if (!o->full) sum_store(start + 10, sum_add(start, 20, 0));
}

static void put_tcp(struct out *o, const struct packet *k, const struct ends *e, const uint8_t *options, unsigned n) {
    put16(o, e->src_port);
    put16(o, e->dst_port);
    put32(o, k->seq);
    put32(o, k->ack);
    put16(o, (5 + n / 4) << 12 | k->flags);
    put16(o, k->window);
    put16(o, 0);
    put16(o, k->urgent);
    put(o, options, n);
}

/* The start of the packet that an ICMP error is about, as it was sent: from e->dst to e->src [RFC1122 3.2.2]. */
static void put_quoted(struct out *o, const struct packet *k, const struct ends *e) {
    static const struct ip_spec plain = {.ecn = ECN_NOT_STATED, .tos = -1, .ttl = 64};
    if (k->echoed == ECHOED_RAW) {
        put_zeros(o, k->echoed_len);
    } else if (k->echoed != ECHOED_NOTHING) {
        bool udp = k->echoed == ECHOED_UDP;
        put_ip(o, &plain, &e->dst, &e->src, udp ? 17 : 6, k->echoed_len + (udp ? 8u : 20u));
        put16(o, e->dst_port);
        put16(o, e->src_port);
        put32(o, udp ? (8 + k->echoed_len) << 16 : k->echoed_seq);
    }
}

static void put_icmp(struct out *o, const struct packet *k, const struct ends *e) {
    put8(o, k->icmp_type);
    put8(o, k->icmp_code);
    put16(o, 0);
    put32(o, k->has_mtu ? k->mtu : k->has_id ? k->id << 16 : 0);
    put_quoted(o, k, e);
}

size_t packet_encode(const struct packet *k, const struct ends *e, uint8_t *buf, size_t size) {
    uint8_t body[DATAGRAM_MOST], options[40];
    struct out o = {body, body + sizeof body, false}, all = {buf, buf + size, false};
    bool v6 = e->src.family == 6, whole = true;
    unsigned proto = 6, sum_at = 16;
    if (k->kind == PACKET_TCP) {
        unsigned n = options_encode(k->options, k->options_n, options, &whole);
        put_tcp(&o, k, e, options, n);
        put_zeros(&o, k->len);
    } else if (k->kind == PACKET_UDP) {
        proto = 17;
        sum_at = 6;
        put16(&o, e->src_port);
        put16(&o, e->dst_port);
        put16(&o, 8 + k->len);
        put_zeros(&o, 2 + k->len);
    } else {
        proto = v6 ? 58 : 1;
        sum_at = 2;
        put_icmp(&o, k, e);
    }
    size_t len = (size_t)(o.at - body);
    uint64_t sum = proto == 1 ? 0 : sum_pseudo(&e->src, &e->dst, proto, (uint32_t)len);
    if (o.full || !whole) return 0;
    sum_store(body + sum_at, sum_add(body, len, sum));
    put_ip(&all, &k->ip, &e->src, &e->dst, proto, len);
    put(&all, body, len);
    return all.full ? 0 : (size_t)(all.at - buf);
}
