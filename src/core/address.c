/* address.c - the public calls between an address and its text; the text itself is wire/address.c's work. Shapes
 * between public and inner addresses are stack.c's. */
#include "core/stack.h"

int tern_addr_parse(const char *s, tern_addr *out) {
    ip_addr a;
    if (!s || !out || !ip_parse(s, &a)) return TERN_EINVAL;
    *out = addr_out(&a);
    if (out->family == 0) out->family = 6; /* "::" was said, which "any" of both families is not */
    return 0;
}

int tern_prefix_parse(const char *s, tern_addr *out, unsigned *prefix_len) {
    char addr[TERN_ADDR_TEXT];
    size_t n = 0;
    if (!s || !prefix_len) return TERN_EINVAL;
    for (; s[n] && s[n] != '/'; n++) {
        if (n == sizeof addr - 1) return TERN_EINVAL;
        addr[n] = s[n];
    }
    addr[n] = '\0';
    int err = tern_addr_parse(addr, out);
    if (err) return err;
    unsigned most = out->family == 4 ? 32 : 128, len = 0;
    *prefix_len = most;
    if (!s[n]) return 0;
    const char *digit = s + n + 1;
    if (!*digit || (digit[0] == '0' && digit[1])) return TERN_EINVAL;
    for (; *digit; digit++) {
        if (*digit < '0' || *digit > '9') return TERN_EINVAL;
        len = len * 10 + (unsigned)(*digit - '0');
        if (len > most) return TERN_EINVAL;
    }
    *prefix_len = len;
    return 0;
}

const char *tern_addr_format(const tern_addr *addr, char buf[TERN_ADDR_TEXT]) {
    if (addr->family != 4 && addr->family != 6) {
        memcpy(buf, "*", 2);
        return buf;
    }
    ip_addr a = addr_in(addr);
    return ip_format(&a, buf);
}
