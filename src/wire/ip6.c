/* ip6.c - the IPv6 header and the walk over its extension headers (RFC 8200 3, 4). Answers to problems and
 * reassembly are in ip/. */
#include "wire/wire.h"

enum { IP6_LEN = 40, IP6_NEXT_AT = 6, WALK_HEADERS = 8, WALK_OPTIONS = 8, WALK_BYTES = 256 };

bool ip6_parse(reader *r, ip6_header *out) {
    const uint8_t *p = read_bytes(r, IP6_LEN);
    if (!p || p[0] >> 4 != 6) return false;
    uint32_t first = load32(p);
    out->traffic_class = (uint8_t)(first >> 20);
    out->flow_label = first & 0xfffff;
    out->payload_len = load16(p + 4);
    out->next_header = p[6];
    out->hop_limit = p[7];
    memcpy(out->src.b, p + 8, 16);
    memcpy(out->dst.b, p + 24, 16);
    if (reader_left(r) < out->payload_len) return false;
    r->end = r->at + out->payload_len;
    return true;
}

void ip6_emit(writer *w, const ip6_header *h) {
    uint8_t *p = write_room(w, IP6_LEN);
    if (!p) return;
    store32(p, UINT32_C(6) << 28 | (uint32_t)h->traffic_class << 20 | (h->flow_label & 0xfffff));
    store16(p + 4, h->payload_len);
    p[6] = h->next_header;
    p[7] = h->hop_limit;
    memcpy(p + 8, h->src.b, 16);
    memcpy(p + 24, h->dst.b, 16);
}

void ip6_format(text *t, const ip6_header *h) {
    text_str(t, "IPv6 ");
    text_ip(t, &h->src);
    text_str(t, " > ");
    text_ip(t, &h->dst);
    text_str(t, " next ");
    text_u64(t, h->next_header);
    text_str(t, " hops ");
    text_u64(t, h->hop_limit);
    text_str(t, " len ");
    text_u64(t, h->payload_len);
    if (h->flow_label) {
        text_str(t, " flow 0x");
        text_hex(t, h->flow_label, 5);
    }
}

/* The options of one Hop-by-Hop or Destination Options header: p[0 .. len) behind its first two bytes. tern knows no
 * option but padding; the two high bits of an unknown one say what to do (RFC 8200 4.2). A jumbo payload is one of
 * these. */
static enum ip6_verdict walk_options(const uint8_t *p, unsigned len, unsigned *problem) {
    unsigned options = 0;
    for (unsigned at = 0; at < len;) {
        if (p[at] == 0) {
            at++;
            continue;
        }
        if (len - at < 2 || p[at + 1] > len - at - 2) return IP6_MALFORMED;
        if (p[at] != 1) {
            *problem = at;
            if (++options > WALK_OPTIONS || p[at] >> 6 == 1) return IP6_MALFORMED;
            if (p[at] >> 6 == 2) return IP6_BAD_OPTION;
            if (p[at] >> 6 == 3) return IP6_BAD_OPTION_NO_MULTICAST;
        }
        at += 2u + p[at + 1];
    }
    return IP6_OK;
}

/* Where the walk stands: the header to look at next, its offset, and the offset of the byte that named it. */
typedef struct walk {
    uint8_t next;
    uint32_t at, named_at;
} walk;

/* One Hop-by-Hop, Destination Options or Routing header of p[0 .. len). */
static enum ip6_verdict walk_header(const walk *k, const uint8_t *p, unsigned len, uint32_t *problem) {
    if (k->next == IP_PROTO_ROUTING) {
        *problem = k->at + 2; /* the routing type */
        return p[3] == 0 ? IP6_OK : IP6_BAD_HEADER;
    }
    unsigned inside = 0;
    enum ip6_verdict verdict = walk_options(p + 2, len - 2, &inside);
    *problem = k->at + 2 + inside;
    return verdict;
}

/* True: a real fragment, the walk ends. An atomic one (RFC 6946) is a header like others. */
static bool walk_fragment(const walk *k, const uint8_t *p, ip6_chain *out) {
    uint16_t field = load16(p + 2);
    out->fragment = true;
    out->fragment_offset = field & 0xfff8;
    out->more_fragments = field & 1;
    out->fragment_id = load32(p + 4);
    out->fragment_next = p[0];
    out->fragment_at = (uint16_t)(k->at - IP6_LEN);
    out->next_field_at = (uint16_t)k->named_at;
    return out->fragment_offset || out->more_fragments;
}

enum ip6_verdict ip6_walk(reader *r, uint8_t first, ip6_chain *out, uint32_t *problem) {
    walk k = {first, IP6_LEN, IP6_NEXT_AT};
    memset(out, 0, sizeof *out);
    *problem = 0;
    for (unsigned headers = 0;; headers++) {
        out->len = (uint16_t)(k.at - IP6_LEN);
        out->proto = k.next;
        bool options = k.next == IP_PROTO_HOPOPTS || k.next == IP_PROTO_DSTOPTS;
        if (!options && k.next != IP_PROTO_ROUTING && k.next != IP_PROTO_FRAGMENT) return IP6_OK;
        if (k.next == IP_PROTO_HOPOPTS && headers > 0) {
            *problem = k.named_at;
            return IP6_BAD_NEXT;
        }
        if (reader_left(r) < 8) return IP6_MALFORMED;
        unsigned len = k.next == IP_PROTO_FRAGMENT ? 8 : (r->at[1] + 1u) * 8u;
        if (headers == WALK_HEADERS || out->len + len > WALK_BYTES) return IP6_MALFORMED;
        const uint8_t *p = read_bytes(r, len);
        if (!p) return IP6_MALFORMED;
        if (k.next == IP_PROTO_FRAGMENT) {
            if (walk_fragment(&k, p, out)) {
                out->len = (uint16_t)(out->len + len);
                return IP6_OK;
            }
        } else {
            enum ip6_verdict verdict = walk_header(&k, p, len, problem);
            if (verdict != IP6_OK) return verdict;
        }
        k = (walk){p[0], k.at + len, k.at};
    }
}
