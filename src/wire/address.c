/* address.c - IPv4 and IPv6 addresses: their kinds (RFC 4291, 1122 3.2.1.3), prefixes, and text (RFC 4291 2.2, RFC
 * 5952). Which of them are ours is not known here. */
#include "wire/wire.h"

ip_addr ip_from_v4(uint32_t host_order) {
    ip_addr a = {.w = {0}};
    store16(a.b + 10, 0xffff);
    store32(a.b + 12, host_order);
    return a;
}

bool ip_is_multicast(const ip_addr *a) { return ip_is_v4(a) ? (a->b[12] & 0xf0) == 0xe0 : a->b[0] == 0xff; }

bool ip_is_loopback(const ip_addr *a) {
    if (ip_is_v4(a)) return a->b[12] == 127;
    return ip_half(a, 0) == 0 && load32(a->b + 8) == 0 && load32(a->b + 12) == 1;
}

bool ip_is_link_local(const ip_addr *a) {
    if (ip_is_v4(a)) return load16(a->b + 12) == 0xa9fe;
    return (load16(a->b) & 0xffc0) == 0xfe80;
}

bool ip_in_prefix(const ip_addr *a, const ip_addr *prefix, unsigned len) {
    bool v4 = ip_is_v4(prefix);
    if (ip_is_v4(a) != v4) return false;
    len = min_u32(v4 ? len + 96 : len, 128);
    unsigned whole = len / 8, rest = len % 8;
    if (memcmp(a->b, prefix->b, whole) != 0) return false;
    return rest == 0 || (a->b[whole] ^ prefix->b[whole]) >> (8 - rest) == 0;
}

ip_addr ip_solicited_node(const ip_addr *a) {
    ip_addr group = {.w = {0}};
    store16(group.b, 0xff02);
    store16(group.b + 10, 1);
    group.b[12] = 0xff;
    memcpy(group.b + 13, a->b + 13, 3);
    return group;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* "a.b.c.d" up to the NUL; leading zeros are refused, because some read them as octal. */
static bool parse_v4(const char *p, uint8_t out[4]) {
    for (unsigned i = 0; i < 4; i++) {
        const char *start = p;
        unsigned v = 0;
        for (; *p >= '0' && *p <= '9' && p - start < 3; p++) v = v * 10 + (unsigned)(*p - '0');
        if (p == start || v > 255 || (*start == '0' && p - start > 1)) return false;
        if (*p++ != (i < 3 ? '.' : '\0')) return false;
        out[i] = (uint8_t)v;
    }
    return true;
}

/* Up to four hexadecimal digits. */
static const char *parse_group(const char *p, uint8_t out[2]) {
    unsigned v = 0, digits = 0;
    for (; digits < 4 && hex_digit(*p) >= 0; p++, digits++) v = v << 4 | (unsigned)hex_digit(*p);
    if (digits == 0) return NULL;
    store16(out, (uint16_t)v);
    return p;
}

/* Groups go into out[] from the front; those behind a "::" are moved to the end when all are read. */
static bool parse_v6(const char *p, uint8_t out[16]) {
    unsigned at = 0, gap = 16 + 1;
    memset(out, 0, 16);
    if (p[0] == ':' && p[1] != ':') return false;
    if (p[0] == ':') gap = 0, p += 2;
    while (*p) {
        if (at > 14) return false;
        const char *start = p;
        if (!(p = parse_group(p, out + at))) return false;
        if (*p == '.') {
            if (at > 12 || !parse_v4(start, out + at)) return false;
            at += 4;
            break;
        }
        at += 2;
        if (*p == '\0') break;
        if (*p++ != ':') return false;
        if (*p == ':') {
            if (gap <= 16) return false;
            gap = at;
            p++;
        } else if (*p == '\0') {
            return false;
        }
    }
    if (gap > 16) return at == 16;
    if (at == 16) return false; /* "::" stands for one group at least */
    memmove(out + 16 - (at - gap), out + gap, at - gap);
    memset(out + gap, 0, 16 - at);
    return true;
}

bool ip_parse(const char *p, ip_addr *out) {
    uint8_t v4[4];
    if (parse_v4(p, v4)) {
        *out = ip_from_v4(load32(v4));
        return true;
    }
    return parse_v6(p, out->b);
}

/* Where the longest run of two or more zero groups starts, the first of equals; 8: there is none [RFC5952 4.2]. */
static unsigned longest_run(const ip_addr *a, unsigned *len) {
    unsigned best = 8;
    *len = 1;
    for (unsigned i = 0; i < 8; i++) {
        unsigned n = 0;
        while (i + n < 8 && load16(a->b + 2 * (i + n)) == 0) n++;
        if (n > *len) {
            best = i;
            *len = n;
        }
        i += n;
    }
    return best;
}

void text_ip(text *t, const ip_addr *a) {
    if (ip_is_v4(a)) {
        for (unsigned i = 12; i < 16; i++) {
            if (i > 12) text_str(t, ".");
            text_u64(t, a->b[i]);
        }
        return;
    }
    unsigned len, run = longest_run(a, &len);
    for (unsigned i = 0; i < 8; i++) {
        if (i == run) {
            text_str(t, "::");
            i += len - 1;
            continue;
        }
        if (i && i != run + len) text_str(t, ":");
        text_hex(t, load16(a->b + 2 * i), 1);
    }
}

const char *ip_format(const ip_addr *a, char buf[48]) {
    text t = text_of(buf, 48);
    text_ip(&t, a);
    return buf;
}
