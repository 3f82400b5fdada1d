/* frame.h - the link and IP header in front of a segment (RFC 791 3.1, RFC 8200 3), written straight because it is done for
 * every one. Where the packet goes was found before (ip.h); packets of other kinds are output.c's. */
#ifndef IP_FRAME_H
#define IP_FRAME_H

#include "core/stack.h"

enum { IP4_LEN = 20, IP6_LEN = 40, DONT_FRAGMENT = 0x4000 };

/* 20 bytes, made in words as they lie in memory; the header's sum does not mind the order of bytes. Each word goes straight to
 * its place: an array of them would be read again, as a whole, before its parts have reached the cache. A length that the
 * header cannot say is written as zero: tern_iface_config.tso_max. */
static inline void write_ip4(uint8_t *p, const ip_addr *src, const ip_addr *dst, uint8_t proto, uint8_t tos,
                             uint8_t ttl, uint32_t total, uint16_t id, uint16_t fragment) {
    uint32_t first = NET32(0x45000000u | (uint32_t)tos << 16 | (total > 0xffff ? 0 : total));
    uint32_t second = NET32((uint32_t)id << 16 | fragment);
    uint16_t third = NET16((uint16_t)(ttl << 8 | proto));
    uint16_t sum = checksum_finish((uint64_t)first + second + third + src->w[3] + dst->w[3]);
    memcpy(p, &first, 4);
    memcpy(p + 4, &second, 4);
    memcpy(p + 8, &third, 2);
    memcpy(p + 10, &sum, 2);
    memcpy(p + 12, &src->w[3], 4);
    memcpy(p + 16, &dst->w[3], 4);
}

static inline void write_ip6(uint8_t *p, const ip_addr *src, const ip_addr *dst, uint8_t next, uint8_t tos, uint8_t ttl,
                             uint32_t payload) {
    store32(p, 0x60000000u | (uint32_t)tos << 20);
    store16(p + 4, (uint16_t)payload);
    p[6] = next;
    p[7] = ttl;
    memcpy(p + 8, src->b, 16);
    memcpy(p + 24, dst->b, 16);
}

/* Starts a frame that carries a transport segment of l4_len bytes in all (more than the MTU only when the device
 * cuts): writes link and IP header (DF set, id 0 [RFC6864 4.1]) into f->head, sets iface, ip_offset, csum_start, len
 * and flags; returns where the transport header goes (at least 60 bytes of room); f->head_len is set to end there. */
static inline uint8_t *ip_frame_start(struct stack *s, const struct ip_path *path, const ip_addr *src,
                                      const ip_addr *dst, uint8_t proto, uint8_t tos, uint8_t ttl, uint32_t l4_len,
                                      tern_frame *f) {
    if (ttl == 0) ttl = (uint8_t)s->cfg.ttl;
    bool v4 = ip_is_v4(dst);
    uint32_t at = path->l2_len, ip_len = v4 ? IP4_LEN : IP6_LEN;
    if (at) memcpy(f->head, path->l2, sizeof path->l2);
    if (v4) /* an atomic datagram needs no identification [RFC6864 4.1], so it is the same when sent again [MAY-4] */
        write_ip4(f->head + at, src, dst, proto, tos, ttl, IP4_LEN + l4_len, 0, DONT_FRAGMENT);
    else
        write_ip6(f->head + at, src, dst, proto, tos, ttl, l4_len);
    f->iface = path->iface;
    f->len = at + ip_len + l4_len;
    f->head_len = f->csum_start = (uint16_t)(at + ip_len);
    f->ip_offset = (uint16_t)at;
    f->flags = v4 ? 0 : TERN_FRAME_V6;
    f->spans = 0;
    f->csum_offset = 0;
    f->segment_size = 0;
    return f->head + f->head_len;
}

/* Begins the checksum of a frame that is complete but for it; who touches the bytes last completes it [MUST-2].
 * `pseudo` is the sum of the pseudo-header with a length of zero, csum_offset where the field lies. */
static inline void ip_frame_sum(tern_frame *f, uint64_t pseudo, uint16_t csum_offset) {
    uint16_t begun = checksum_fold(pseudo + NET32(f->len - f->csum_start));
    memcpy(f->head + f->csum_start + csum_offset, &begun, 2);
    f->csum_offset = csum_offset;
    f->flags |= TERN_FRAME_CSUM;
}

#endif
