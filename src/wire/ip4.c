/* ip4.c - the IPv4 header (RFC 791 3.1) and the pseudo-header's sum. What options mean, fragments and addresses are
 * ip/'s. */
#include "wire/wire.h"

enum { IP4_DF = 0x4000, IP4_MF = 0x2000, IP4_OFFSET = 0x1fff };

/* A header is so short that words added in a row beat any set-up. len is a multiple of 4. */
static uint64_t header_sum(const uint8_t *p, unsigned len) {
    uint64_t sum = 0;
    for (unsigned i = 0; i < len; i += 4) {
        uint32_t v;
        memcpy(&v, p + i, 4);
        sum += v;
    }
    return sum;
}

/* Kinds 0 and 1 are one byte long, all others name their length (RFC 791 3.1). */
static bool options_add_up(const uint8_t *p, unsigned len) {
    for (unsigned at = 0; at < len && p[at] != 0;) {
        if (p[at] == 1) {
            at++;
            continue;
        }
        if (len - at < 2 || p[at + 1] < 2 || p[at + 1] > len - at) return false;
        at += p[at + 1];
    }
    return true;
}

bool ip4_parse(reader *r, ip4_header *out) {
    if (reader_left(r) < 20 || r->at[0] >> 4 != 4) return false;
    unsigned header_len = (r->at[0] & 15u) * 4u;
    size_t total_len = load16(r->at + 2);
    if (header_len < 20 || total_len < header_len || reader_left(r) < total_len) return false;
    r->end = r->at + total_len;
    const uint8_t *p = read_bytes(r, header_len);
    if (!p || checksum_finish(header_sum(p, header_len)) != 0) return false;
    uint16_t fragment = load16(p + 6);
    out->header_len = (uint8_t)header_len;
    out->tos = p[1];
    out->total_len = (uint16_t)total_len;
    out->id = load16(p + 4);
    out->dont_fragment = fragment & IP4_DF;
    out->more_fragments = fragment & IP4_MF;
    out->fragment_offset = (uint16_t)((fragment & IP4_OFFSET) * 8);
    out->ttl = p[8];
    out->proto = p[9];
    out->src = load32(p + 12);
    out->dst = load32(p + 16);
    out->options_len = (uint8_t)(header_len - 20);
    if (likely(out->options_len == 0)) return true;
    memcpy(out->options, p + 20, out->options_len);
    return options_add_up(out->options, out->options_len);
}

void ip4_emit(writer *w, const ip4_header *h) {
    ASSERT(h->options_len % 4 == 0 && h->options_len <= sizeof h->options);
    unsigned header_len = 20u + h->options_len;
    uint8_t *p = write_room(w, header_len);
    if (!p) return;
    p[0] = (uint8_t)(0x40 | header_len / 4);
    p[1] = h->tos;
    store16(p + 2, h->total_len);
    store16(p + 4, h->id);
    store16(p + 6, (uint16_t)((h->dont_fragment ? IP4_DF : 0) | (h->more_fragments ? IP4_MF : 0) |
                              (h->fragment_offset / 8 & IP4_OFFSET)));
    p[8] = h->ttl;
    p[9] = h->proto;
    store16(p + 10, 0);
    store32(p + 12, h->src);
    store32(p + 16, h->dst);
    if (h->options_len) memcpy(p + 20, h->options, h->options_len);
    uint16_t checksum = checksum_finish(header_sum(p, header_len));
    memcpy(p + 10, &checksum, 2);
}

void ip4_format(text *t, const ip4_header *h) {
    ip_addr src = ip_from_v4(h->src), dst = ip_from_v4(h->dst);
    text_str(t, "IPv4 ");
    text_ip(t, &src);
    text_str(t, " > ");
    text_ip(t, &dst);
    text_str(t, " proto ");
    text_u64(t, h->proto);
    text_str(t, " ttl ");
    text_u64(t, h->ttl);
    text_str(t, " len ");
    text_u64(t, h->total_len);
    if (h->dont_fragment) text_str(t, " DF");
    if (h->more_fragments || h->fragment_offset) {
        text_str(t, " id ");
        text_u64(t, h->id);
        text_str(t, " fragment ");
        text_u64(t, h->fragment_offset);
        if (h->more_fragments) text_str(t, "+");
    }
    if (h->options_len) {
        text_str(t, " options ");
        text_u64(t, h->options_len);
    }
}

/* The ::ffff in front of an IPv4 address adds 0xffff, which is zero here: both families take the same way. A 32-bit
 * number's two halves may change places, so byte order is settled for them at once. */
uint64_t pseudo_sum(const ip_addr *src, const ip_addr *dst, uint8_t proto, uint32_t len) {
    uint64_t sum = (uint64_t)NET32(len) + NET16((uint16_t)proto);
    for (unsigned i = 0; i < 4; i++) sum += (uint64_t)src->w[i] + dst->w[i];
    return sum;
}
