/* decode.c - an IP datagram as a packet of the language, with what is wrong about it. Every length is checked: a stack
 * under test may send anything. */
#include <string.h>

#include "drill/checksum.h"
#include "drill/packet.h"
#include "po/i18n.h"

static uint16_t be16(const uint8_t *p) { return (uint16_t)(p[0] << 8 | p[1]); }
static uint32_t be24(const uint8_t *p) { return (uint32_t)p[0] << 16 | be16(p + 1); }
static uint32_t be32(const uint8_t *p) { return (uint32_t)be16(p) << 16 | be16(p + 2); }

const char *flaw_text(enum flaw flaw) {
    switch (flaw) {
    case FLAW_SHORT: return _("its lengths do not agree");
    case FLAW_SUM: return _("its checksum is wrong");
    case FLAW_FORM: return _("it has reserved bits, is a fragment, or has an extension header");
    case FLAW_OPTIONS: return _("the length of an option is wrong");
    case FLAW_ACK: return _("it has a number in a field whose flag is off");
    case FLAW_PAYLOAD: return _("it carries bytes that nobody wrote");
    default: return "";
    }
}

/* ---- options ---- */

/* p[0..len) is one option with its kind and length; false: a length that the kind does not have. */
static bool option(const uint8_t *p, unsigned len, struct tcp_option *o) {
    unsigned body = len - 2;
    switch (p[0]) {
    case OPTION_MSS: o->a = body == 2 ? be16(p + 2) : 0; return body == 2;
    case OPTION_WSCALE: o->a = body == 1 ? p[2] : 0; return body == 1;
    case OPTION_SACK_OK: return body == 0;
    case OPTION_SACK:
        if (body == 0 || body % 8 != 0 || body > 32) return false;
        for (; o->blocks < body / 8; o->blocks++) {
            o->left[o->blocks] = be32(p + 2 + 8u * o->blocks);
            o->right[o->blocks] = be32(p + 6 + 8u * o->blocks);
        }
        return true;
    case OPTION_TS:
        if (body != 8) return false;
        o->a = be32(p + 2);
        o->b = be32(p + 6);
        return true;
    case OPTION_UTO:
        if (body != 2) return false;
        o->a = be16(p + 2) & 0x7fff;
        o->b = p[2] >> 7;
        return true;
    case OPTION_ACCECN0:
    case OPTION_ACCECN1:
        if (body % 3 != 0 || body > 9) return false;
        for (; o->blocks < body / 3; o->blocks++) o->left[o->blocks] = be24(p + 2 + 3u * o->blocks);
        return true;
    default: {
        unsigned skip = p[0] == OPTION_FOEXP && body >= 2 && be16(p + 2) == 0xf989 ? 2 : 0;
        o->bytes_len = (uint8_t)(body - skip);
        memcpy(o->bytes, p + 2 + skip, o->bytes_len);
        return true;
    }
    }
}

static bool options(const uint8_t *p, unsigned len, struct packet *k) {
    for (unsigned at = 0; at < len && k->options_n < OPTIONS_AT_MOST;) {
        struct tcp_option *o = &k->options[k->options_n++];
        o->kind = p[at];
        if (o->kind == OPTION_EOL || o->kind == OPTION_NOP) {
            at++;
            continue;
        }
        unsigned n = len - at > 1 ? p[at + 1] : 0;
        if (n < 2 || n > len - at || !option(p + at, n, o)) return false;
        at += n;
    }
    return true;
}

/* ---- headers ---- */

static bool all_zero(const uint8_t *p, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (p[i] != 0) return false;
    return true;
}

static enum flaw tcp(const uint8_t *p, size_t len, struct packet *k, struct ends *e) {
    if (len < 20) return FLAW_SHORT;
    unsigned header = (unsigned)(p[12] >> 4) * 4;
    if (header < 20 || header > len) return FLAW_SHORT;
    uint16_t bits = be16(p + 12);
    e->src_port = be16(p);
    e->dst_port = be16(p + 2);
    k->kind = PACKET_TCP;
    k->seq = be32(p + 4);
    k->ack = be32(p + 8);
    k->flags = bits & 0x1ff;
    k->window = be16(p + 14);
    k->has_window = true;
    k->urgent = be16(p + 18);
    k->len = (uint32_t)(len - header);
    if (!options(p + 20, header - 20, k)) return FLAW_OPTIONS;
    if (sum_fold(sum_add(p, len, sum_pseudo(&e->src, &e->dst, 6, (uint32_t)len))) != 0) return FLAW_SUM;
    if (bits & 0x0e00) return FLAW_FORM;
    if ((!(bits & TERN_ACK) && k->ack != 0) || (!(bits & TERN_URG) && k->urgent != 0)) return FLAW_ACK;
    return all_zero(p + header, len - header) ? FLAW_NONE : FLAW_PAYLOAD;
}

static enum flaw icmp(const uint8_t *p, size_t len, bool v6, struct packet *k, struct ends *e) {
    if (len < 8) return FLAW_SHORT;
    k->kind = PACKET_ICMP;
    k->icmp_type = p[0];
    k->icmp_code = p[1];
    k->has_mtu = v6 ? p[0] == 2 : p[0] == 3 && p[1] == 4;
    k->mtu = be32(p + 4);
    k->has_id = v6 ? p[0] == 128 || p[0] == 129 : p[0] == 0 || p[0] == 8;
    k->id = be16(p + 4);
    uint64_t pseudo = v6 ? sum_pseudo(&e->src, &e->dst, 58, (uint32_t)len) : 0;
    return sum_fold(sum_add(p, len, pseudo)) == 0 ? FLAW_NONE : FLAW_SUM;
}

static enum flaw upper(unsigned proto, const uint8_t *p, size_t len, struct packet *k, struct ends *e) {
    if (proto == 6) return tcp(p, len, k, e);
    if (proto == 1 || proto == 58) return icmp(p, len, proto == 58, k, e);
    if (proto != 17) return FLAW_FORM;
    if (len < 8 || be16(p + 4) != len) return FLAW_SHORT;
    k->kind = PACKET_UDP;
    e->src_port = be16(p);
    e->dst_port = be16(p + 2);
    k->len = (uint32_t)len - 8;
    return FLAW_NONE;
}

static void ends_of(struct ends *e, uint8_t family, const uint8_t *src, const uint8_t *dst) {
    size_t n = family == 6 ? 16 : 4;
    memset(e, 0, sizeof *e);
    e->src.family = e->dst.family = family;
    memcpy(e->src.bytes, src, n);
    memcpy(e->dst.bytes, dst, n);
}

enum flaw packet_decode(const uint8_t *p, size_t len, struct packet *k, struct ends *e) {
    memset(k, 0, sizeof *k);
    memset(e, 0, sizeof *e);
    if (len >= 20 && p[0] >> 4 == 4) {
        size_t header = (size_t)(p[0] & 15) * 4;
        if (header < 20 || header > len || be16(p + 2) != len) return FLAW_SHORT;
        ends_of(e, 4, p + 12, p + 16);
        k->ip = (struct ip_spec){.ecn = (int8_t)(p[1] & 3), .tos = p[1], .ttl = p[8]};
        enum flaw flaw = upper(p[9], p + header, len - header, k, e);
        if (sum_fold(sum_add(p, header, 0)) != 0) return FLAW_SUM;
        return be16(p + 6) & 0xbfff ? FLAW_FORM : flaw;
    }
    if (len < 40 || p[0] >> 4 != 6 || (size_t)be16(p + 4) + 40 != len) return FLAW_SHORT;
    ends_of(e, 6, p + 8, p + 24);
    uint32_t first = be32(p);
    k->ip = (struct ip_spec){.ecn = (int8_t)(first >> 20 & 3), .tos = (int16_t)(first >> 20 & 255), .ttl = p[7]};
    k->ip.label = first & 0xfffff;
    k->ip.has_label = true;
    return upper(p[6], p + 40, len - 40, k, e);
}
