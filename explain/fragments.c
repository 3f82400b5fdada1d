/* fragments.c - IP fragments of TCP packets, put together as far as explain needs it: the first bytes, with the headers,
 * and the length of the whole (RFC 791 3.2, RFC 8200 4.5). Overlaps are not looked into; a datagram counts as complete
 * when as many bytes have come as its last piece says. */
#include <stdlib.h>

#include "explain/decode_inner.h"

enum { HELD = 64, HEAD_BYTES = 128 };

struct held {
    bool used;
    uint64_t age;
    uint32_t id, total, seen, head, ip_len; /* total 0: the last piece has not come; head: bytes kept */
    struct datagram g;                      /* as of the first piece */
    ip_addr src, dst;
    bool v6;
    uint8_t bytes[HEAD_BYTES];
};

struct fragments {
    uint64_t age;
    struct held held[HELD];
    uint8_t whole[HEAD_BYTES]; /* of the one just completed */
};

/* Its place, or the place of the one that waits longest. */
static struct held *place_of(struct fragments *f, const struct datagram *g) {
    struct held *oldest = &f->held[0];
    for (size_t i = 0; i < HELD; i++) {
        struct held *h = &f->held[i];
        if (h->used && h->id == g->id && h->v6 == g->v6 && ip_eq(&h->src, &g->src) && ip_eq(&h->dst, &g->dst)) return h;
        if (!h->used || (oldest->used && h->age < oldest->age)) oldest = h;
    }
    *oldest = (struct held){.used = true, .id = g->id, .src = g->src, .dst = g->dst, .v6 = g->v6};
    return oldest;
}

enum decode_kind fragments_take(struct fragments **table, struct datagram *g) {
    if (*table == NULL) *table = calloc(1, sizeof **table);
    struct fragments *f = *table;
    if (f == NULL) return DECODE_FRAGMENT;
    struct held *h = place_of(f, g);
    h->age = ++f->age;
    h->seen += g->wire;
    h->ip_len += g->ip_len;
    if (!g->more) h->total = g->piece + g->wire;
    if (g->piece == 0) {
        h->g = *g;
        h->head = min_u32(g->captured, HEAD_BYTES);
        memcpy(h->bytes, g->data, h->head);
    }
    if (h->total == 0 || h->seen < h->total || h->head == 0) return DECODE_FRAGMENT;
    h->used = false;
    *g = h->g;
    memcpy(f->whole, h->bytes, h->head);
    g->data = f->whole;
    g->captured = h->head;
    g->wire = h->total;
    g->ip_len = h->ip_len;
    g->fragment = g->more = false;
    g->assembled = true;
    return DECODE_TCP;
}

void fragments_free(struct fragments *table) { free(table); }
