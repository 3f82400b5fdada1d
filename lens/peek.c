/* peek.c - see peek.h. RFC 791 3.1, RFC 8200 3, RFC 9293 3.1. */
#include "lens/peek.h"

#include <string.h>

static uint16_t be16(const uint8_t *p) { return (uint16_t)(p[0] << 8 | p[1]); }

static uint32_t be32(const uint8_t *p) { return (uint32_t)be16(p) << 16 | be16(p + 2); }

static bool tcp(const uint8_t *p, size_t len, struct peek *out) {
    if (len < 20) return false;
    size_t header = (size_t)(p[12] >> 4) * 4;
    if (header < 20 || header > len) return false;
    out->src_port = be16(p);
    out->dst_port = be16(p + 2);
    out->seq = be32(p + 4);
    out->ack = be32(p + 8);
    out->flags = be16(p + 12) & 0x1ff;
    out->len = (uint32_t)(len - header);
    return true;
}

static void address(tern_addr *a, uint8_t family, const uint8_t *p) {
    memset(a, 0, sizeof *a);
    a->family = family;
    memcpy(a->bytes, p, family == 4 ? 4 : 16);
}

static bool ip4(const uint8_t *p, size_t len, struct peek *out) {
    if (len < 20 || p[9] != 6 || (be16(p + 6) & 0x1fff) != 0) return false;
    size_t header = (size_t)(p[0] & 15) * 4, total = be16(p + 2);
    if (header < 20 || total < header || total > len) return false;
    address(&out->src, 4, p + 12);
    address(&out->dst, 4, p + 16);
    return tcp(p + header, total - header, out);
}

static bool ip6(const uint8_t *p, size_t len, struct peek *out) {
    if (len < 40 || p[6] != 6 || (size_t)be16(p + 4) + 40 > len) return false;
    address(&out->src, 6, p + 8);
    address(&out->dst, 6, p + 24);
    return tcp(p + 40, be16(p + 4), out);
}

bool peek_tcp(const void *packet, size_t len, struct peek *out) {
    const uint8_t *p = packet;
    out->ip_at = 0;
    if (len < 20) return false;
    if (p[0] >> 4 == 4 || p[0] >> 4 == 6) return p[0] >> 4 == 4 ? ip4(p, len, out) : ip6(p, len, out);
    size_t at = 14;
    if (be16(p + 12) == 0x8100) at = 18;
    if (len < at + 20) return false;
    out->ip_at = at;
    uint16_t type = be16(p + at - 2);
    return type == 0x0800 ? ip4(p + at, len - at, out) : type == 0x86dd && ip6(p + at, len - at, out);
}
