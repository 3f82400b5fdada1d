/* switch.c - carries packets from host to host by the last byte of the address, as a router would: narrow paths with or
 * without an ICMP error, packets cut short; and the outsider who sends what he can guess. */
#include <stdio.h>
#include <string.h>

#include "world.h"

#include "wire/wire.h"
#include "tests/octets.h"

static bool is_v6(const uint8_t *p) { return p[0] >> 4 == 6; }
static uint8_t last_of(const uint8_t *p, bool source) { return is_v6(p) ? p[source ? 23 : 39] : p[source ? 15 : 19]; }

/* An IP header in front of `len` bytes of payload at p + the length returned; the checksum of the payload at `csum`. */
static size_t finish(uint8_t *p, bool v6, uint8_t proto, uint8_t src, uint8_t dst, size_t len, size_t csum) {
    size_t head = v6 ? 40 : 20;
    memset(p, 0, head);
    uint32_t pseudo = proto + (uint32_t)len;
    if (v6) {
        p[0] = 0x60;
        put16(p + 4, (uint32_t)len);
        p[6] = proto;
        p[7] = 64;
        p[8] = p[24] = 0xfd;
        p[23] = src;
        p[39] = dst;
        for (size_t i = 8; i < 40; i += 2) pseudo += (uint32_t)(p[i] << 8 | p[i + 1]);
    } else {
        p[0] = 0x45;
        put16(p + 2, (uint32_t)(head + len));
        p[6] = 0x40;
        p[8] = 64;
        p[9] = proto;
        p[12] = p[16] = 10;
        p[15] = src;
        p[19] = dst;
        put16(p + 10, ~sum16(p, 20, 0));
        for (size_t i = 12; i < 20; i += 2) pseudo += (uint32_t)(p[i] << 8 | p[i + 1]);
    }
    if (proto == IP_PROTO_ICMP4) pseudo = 0;
    put16(p + head + csum, 0);
    put16(p + head + csum, ~sum16(p + head, len, pseudo));
    return head + len;
}

/* Tells the sender of `p` how much the path carries (RFC 1191, RFC 8201). */
static void too_big(struct world *w, struct host *to, const uint8_t *p, uint32_t len, uint32_t mtu) {
    uint8_t b[200];
    bool v6 = is_v6(p);
    size_t head = v6 ? 40 : 20, quote = len < 100 ? len : 100;
    uint8_t *m = b + head;
    memset(m, 0, 8);
    m[0] = v6 ? 2 : 3;
    m[1] = v6 ? 0 : 4;
    put32(m + 4, mtu);
    memcpy(m + 8, p, quote);
    size_t n = finish(b, v6, v6 ? IP_PROTO_ICMP6 : IP_PROTO_ICMP4, 254, to->last, 8 + quote, 2);
    memlink_inject(to->link, 1, b, (uint32_t)n, w->now);
}

static void forward(struct world *w, struct host *from, const tern_packet *k) {
    uint8_t b[1700];
    const uint8_t *p = k->data;
    uint32_t len = k->len;
    if (len < 20 || (is_v6(p) && len < 40) || len > 1500) return;
    unsigned owner = w->owner[last_of(p, false)];
    if (!owner || from->down || from->hole_until[0] > w->now) return;
    struct host *to = &w->host[owner - 1];
    if (to->down || to->hole_until[1] > w->now) return;
    if (to->path_mtu && len > to->path_mtu) {
        if (to->too_big_told) too_big(w, from, p, len, to->path_mtu);
        return;
    }
    memcpy(b, p, len);
    if (has(&w->plan, F_TRUNCATE) && !w->calm && one_in(&w->chance_switch, 30)) {
        if (one_in(&w->chance_switch, 2) && !has(&w->plan, F_CORRUPT))
            len = chance_below(&w->chance_switch, len);
        else
            for (uint32_t more = 1 + chance_below(&w->chance_switch, 100); more; more--) b[len++] = 0xee;
    }
    w->tally.packets++;
    w->tally.bytes += len;
    memlink_inject(to->link, 1, b, len, w->now);
}

void switch_forward(struct world *w, struct host *from) {
    enum { BATCH = 32 };
    tern_packet packets[BATCH];
    for (size_t n; (n = memlink_receive(from->link, 1, packets, BATCH, w->now)) > 0;) {
        for (size_t i = 0; i < n; i++) {
            for (uint32_t k = 0; k < packets[i].len; k += 8)
                w->hash = (w->hash ^ ((const uint8_t *)packets[i].data)[k] ^ w->now) * UINT64_C(0x100000001b3);
            watch_packet(w, packets[i].data, packets[i].len);
            forward(w, from, &packets[i]);
        }
    }
}

/* A segment, or an ICMP error about one, between two ends of a call, with the sender's address but guessed numbers. No
 * SYN towards one who is opening: nothing in TCP could tell it from the true one. */
void switch_forge(struct world *w) {
    struct chance *c = &w->chance_forge;
    const struct call *k = &w->call[chance_below(c, w->plan.calls)];
    unsigned side = chance_below(c, 2);
    const struct host *src = &w->host[k->end[side].host];
    struct host *dst = &w->host[k->end[!side].host];
    static const uint8_t flags[] = {0x10, 0x04, 0x14, 0x11, 0x18, 0x00, 0x31, 0x12};
    uint8_t b[200];
    size_t head = k->v6 ? 40 : 20, data = chance_below(c, 40);
    uint8_t *t = b + head;
    memset(t, 0, 60);
    uint32_t there = k->both_open ? k->port + 10000u : LISTEN_PORT;
    put16(t, side ? there : k->port);
    put16(t + 2, side ? k->port : there);
    put32(t + 4, (uint32_t)chance_u64(c));
    put32(t + 8, (uint32_t)chance_u64(c));
    t[12] = 0x50;
    t[13] = flags[chance_below(c, sizeof flags)];
    put16(t + 14, chance_below(c, 65536));
    size_t n = finish(b, k->v6, IP_PROTO_TCP, src->last, dst->last, 20 + data, 16);
    if (one_in(c, 4)) {
        uint8_t quoted[100];
        n = finish(b, k->v6, IP_PROTO_TCP, dst->last, src->last, 20, 16);
        uint16_t port[2];
        memcpy(port, t, 4);
        memcpy(t, &port[1], 2);
        memcpy(t + 2, &port[0], 2);
        memcpy(quoted, b, n);
        memset(t, 0, 8);
        t[0] = k->v6 ? (uint8_t)(1 + chance_below(c, 4)) : (uint8_t)(one_in(c, 4) ? 4 : 3);
        t[1] = (uint8_t)chance_below(c, 5);
        put32(t + 4, chance_below(c, 2000));
        memcpy(t + 8, quoted, n);
        n = finish(b, k->v6, k->v6 ? IP_PROTO_ICMP6 : IP_PROTO_ICMP4, 254, dst->last, 8 + n, 2);
    }
    w->tally.forged++;
    memlink_inject(dst->link, 1, b, (uint32_t)n, w->now);
}
