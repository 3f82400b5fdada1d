/* reassembly.c - datagrams put together from fragments (RFC 791 3.2, RFC 815, RFC 8200 4.5), within limits of
 * memory, time, pieces and datagrams a source. What a whole datagram means is input.c's.
 *
 * Fragments of a datagram wait in order of their offset. Any overlap condemns the datagram (RFC 5722): its memory
 * goes at once and a record without bytes stays until its time is up, so that later pieces cannot start it anew.
 * When memory is short the oldest datagram makes room: an attacker who keeps many open loses his own, and a sender
 * whose pieces arrive together is done long before its turn. */
#include "ip/internal.h"

enum { BUCKETS = 256, DATAGRAMS_A_SOURCE = 64, DATAGRAMS_MAX = 4096, BYTES_MAX = 65535 };
enum { ECN_MASK = 3, ECN_CE = 3, ECN_NONE = 0 };

struct fragment {
    struct fragment *next;
    uint32_t offset, len; /* of the payload */
    uint32_t head_len;    /* offset 0 only: all headers before it, fragment header included */
    uint16_t fixed_len;   /* those that stay in the whole datagram */
    uint16_t next_field_at;
    uint8_t next_header;
    uint8_t data[]; /* head, payload */
};

struct datagram {
    struct datagram *next_of_source;
    struct datagram *older, *newer;
    wheel_node timer;
    struct frag_source *source;
    struct fragment *first;
    ip_addr dst;
    uint32_t id, total, have; /* total 0: the last fragment is missing */
    int32_t iface;
    uint16_t fragments;
    uint8_t proto; /* part of IPv4's key */
    bool v6, dead, ce, not_ect, to_many;
};

struct frag_source {
    struct frag_source *next;
    struct datagram *newest;
    ip_addr addr;
    uint32_t count;
};

/* One fragment on its way in. */
struct piece {
    uint32_t id, offset, len, head_len;
    uint16_t fixed_len, next_field_at;
    uint8_t proto, next_header;
    bool more, v6;
    const uint8_t *data;
};

/* ---- memory ---- */

static void *charge(struct stack *s, size_t size) {
    void *p = mem_alloc(s, size);
    if (p) s->ip.frag_bytes += size;
    return p;
}

static void discharge(struct stack *s, void *p, size_t size) {
    mem_free(s, p, size);
    s->ip.frag_bytes -= size;
}

static size_t fragment_size(const struct fragment *f) { return sizeof *f + f->head_len + f->len; }

static void fragments_free(struct stack *s, struct datagram *d) {
    for (struct fragment *next, *f = d->first; f; f = next) {
        next = f->next;
        discharge(s, f, fragment_size(f));
    }
    d->first = NULL;
    d->fragments = 0;
}

/* ---- sources and datagrams ---- */

static struct frag_source **source_at(struct stack *s, const ip_addr *addr) {
    struct frag_source **at = &s->ip.frag_bucket[siphash13(&s->key_table, addr->b, sizeof addr->b) % BUCKETS];
    while (*at && !ip_eq(&(*at)->addr, addr)) at = &(*at)->next;
    return at;
}

static void datagram_free(struct stack *s, struct datagram *d) {
    struct frag_source *src = d->source;
    struct datagram **at = &src->newest;
    while (*at != d) at = &(*at)->next_of_source;
    *at = d->next_of_source;
    *(d->older ? &d->older->newer : &s->ip.frag_oldest) = d->newer;
    *(d->newer ? &d->newer->older : &s->ip.frag_newest) = d->older;
    wheel_cancel(&s->wheel, &d->timer);
    fragments_free(s, d);
    discharge(s, d, sizeof *d);
    s->ip.frag_datagrams--;
    if (--src->count) return;
    struct frag_source **from = source_at(s, &src->addr);
    *from = src->next;
    discharge(s, src, sizeof *src);
}

/* Frees the oldest until `size` more bytes fit; `keep` stays (NULL: there is to be one datagram more). */
static bool make_room(struct stack *s, size_t size, const struct datagram *keep) {
    while (s->ip.frag_bytes + size > s->cfg.reassembly_bytes || (!keep && s->ip.frag_datagrams >= DATAGRAMS_MAX)) {
        struct datagram *d = s->ip.frag_oldest;
        if (d && d == keep) d = d->newer;
        if (!d) return false;
        drop(s, d->iface, R_FRAGMENT_LIMIT, NULL);
        datagram_free(s, d);
    }
    return true;
}

static struct datagram *datagram_find(struct stack *s, const struct ip_in *in, const struct piece *p) {
    if (!s->ip.frag_bucket) return NULL;
    const struct frag_source *src = *source_at(s, &in->info.src);
    struct datagram *d = src ? src->newest : NULL;
    while (d &&
           (d->id != p->id || d->v6 != p->v6 || (!p->v6 && d->proto != p->proto) || !ip_eq(&d->dst, &in->info.dst)))
        d = d->next_of_source;
    return d;
}

static struct frag_source *source_make(struct stack *s, const ip_addr *addr) {
    struct frag_source **at = source_at(s, addr), *src = *at;
    if (src) return src;
    src = charge(s, sizeof *src);
    if (!src) return NULL;
    *src = (struct frag_source){.addr = *addr};
    *at = src;
    return src;
}

static struct datagram *oldest_of(const struct frag_source *src) {
    struct datagram *d = src->newest;
    while (d->next_of_source) d = d->next_of_source;
    return d;
}

static void datagram_link(struct stack *s, struct datagram *d, struct frag_source *src) {
    d->source = src;
    d->next_of_source = src->newest;
    src->newest = d;
    src->count++;
    d->older = s->ip.frag_newest;
    *(d->older ? &d->older->newer : &s->ip.frag_oldest) = d;
    s->ip.frag_newest = d;
    s->ip.frag_datagrams++;
}

static struct datagram *datagram_make(struct stack *s, const struct ip_in *in, const struct piece *p) {
    if (!s->ip.frag_bucket) s->ip.frag_bucket = mem_zalloc(s, BUCKETS * sizeof *s->ip.frag_bucket);
    if (!s->ip.frag_bucket || !make_room(s, sizeof(struct datagram) + sizeof(struct frag_source), NULL)) return NULL;
    struct frag_source *src = *source_at(s, &in->info.src);
    if (src && src->count >= DATAGRAMS_A_SOURCE) {
        drop_in(s, in, R_FRAGMENT_LIMIT);
        datagram_free(s, oldest_of(src));
    }
    struct datagram *d = charge(s, sizeof *d);
    src = d ? source_make(s, &in->info.src) : NULL;
    if (!src) {
        if (d) discharge(s, d, sizeof *d);
        return NULL;
    }
    *d = (struct datagram){.dst = in->info.dst,
                           .id = p->id,
                           .iface = in->info.iface,
                           .proto = p->proto,
                           .v6 = p->v6,
                           .to_many = in->info.to_many,
                           .timer.kind = TIMER_REASSEMBLY};
    datagram_link(s, d, src);
    wheel_arm(&s->wheel, &d->timer, s->now + (p->v6 ? s->cfg.reassembly_v6_ms : s->cfg.reassembly_v4_ms) * MS_NS);
    return d;
}

/* ---- pieces ---- */

enum fit { FIT_NEW, FIT_KNOWN, FIT_BAD };

/* Finds the piece's place behind *before. A repeated fragment is harmless only if it is the same to the last byte. */
static enum fit fit_of(const struct datagram *d, const struct piece *p, struct fragment ***before) {
    struct fragment *const *at = &d->first;
    uint32_t end = p->offset + p->len;
    for (; *at && (*at)->offset < end; at = &(*at)->next) {
        const struct fragment *f = *at;
        if (f->offset + f->len <= p->offset) continue;
        bool same = f->offset == p->offset && f->len == p->len &&
                    memcmp(f->data + f->head_len, p->data + p->head_len, p->len) == 0;
        return same ? FIT_KNOWN : FIT_BAD;
    }
    *before = (struct fragment **)at;
    if (d->total && (end > d->total || (!p->more && end != d->total))) return FIT_BAD;
    if (!p->more && *at) return FIT_BAD; /* something lies behind the last one */
    return FIT_NEW;
}

static bool piece_add(struct stack *s, const struct ip_in *in, struct datagram *d, const struct piece *p) {
    struct fragment **at;
    enum fit fit = fit_of(d, p, &at);
    if (fit == FIT_KNOWN) {
        count(s, R_FRAGMENT_HELD);
        return false;
    }
    bool many = d->fragments >= s->cfg.fragments_max;
    if (fit == FIT_BAD || many) {
        drop_in(s, in, many ? R_FRAGMENT_LIMIT : R_FRAGMENT_OVERLAP);
        fragments_free(s, d);
        d->dead = true;
        return false;
    }
    size_t size = sizeof(struct fragment) + p->head_len + p->len;
    struct fragment *f = make_room(s, size, d) ? charge(s, size) : NULL;
    if (!f) {
        drop_in(s, in, s->ip.frag_bytes + size > s->cfg.reassembly_bytes ? R_FRAGMENT_LIMIT : R_NO_MEMORY);
        return false;
    }
    *f = (struct fragment){.next = *at,
                           .offset = p->offset,
                           .len = p->len,
                           .head_len = p->head_len,
                           .fixed_len = p->fixed_len,
                           .next_field_at = p->next_field_at,
                           .next_header = p->next_header};
    memcpy(f->data, p->data, p->head_len + p->len);
    *at = f;
    d->fragments++;
    d->have += p->len;
    d->ce |= (in->info.tos & ECN_MASK) == ECN_CE;
    d->not_ect |= (in->info.tos & ECN_MASK) == ECN_NONE;
    if (!p->more) d->total = p->offset + p->len;
    return true;
}

/* ---- the whole ---- */

static void finish4(const struct stack *s, uint8_t *packet, uint32_t len, uint32_t header_len) {
    store16(packet + 2, (uint16_t)len);
    memset(packet + 6, 0, 2);
    memset(packet + 10, 0, 2);
    uint16_t sum = checksum_finish(s->ck->add(packet, header_len, 0));
    memcpy(packet + 10, &sum, 2);
}

/* Congestion that one fragment met counts for all; assemble() has seen to it that all can be marked [RFC3168 5.3]. */
static void mark_ce(uint8_t *packet, bool v6) {
    if (v6)
        packet[1] |= ECN_CE << 4;
    else
        packet[1] |= ECN_CE;
}

static bool assemble(struct stack *s, const struct ip_in *in, struct datagram *d, struct ip_whole *out) {
    const struct fragment *first = d->first;
    uint32_t len = first->fixed_len + d->total;
    if (len - (d->v6 ? 40 : 0) > BYTES_MAX || (d->ce && d->not_ect)) {
        drop_in(s, in, R_FRAGMENT_BAD);
        datagram_free(s, d);
        return false;
    }
    uint8_t *packet = mem_alloc(s, len);
    if (!packet) {
        drop_in(s, in, R_NO_MEMORY);
        datagram_free(s, d);
        return false;
    }
    memcpy(packet, first->data, first->fixed_len);
    for (const struct fragment *f = first; f; f = f->next)
        memcpy(packet + first->fixed_len + f->offset, f->data + f->head_len, f->len);
    if (d->ce) mark_ce(packet, d->v6);
    if (d->v6) {
        packet[first->next_field_at] = first->next_header;
        store16(packet + 4, (uint16_t)(len - 40));
    } else {
        finish4(s, packet, len, first->fixed_len);
    }
    *out = (struct ip_whole){packet, len};
    datagram_free(s, d);
    return true;
}

static bool add(struct stack *s, const struct ip_in *in, const struct piece *p, struct ip_whole *out) {
    struct datagram *d = datagram_find(s, in, p);
    if (!d) d = datagram_make(s, in, p);
    if (!d) {
        drop_in(s, in, R_NO_MEMORY);
        return false;
    }
    if (d->dead) {
        drop_in(s, in, R_FRAGMENT_OVERLAP);
        return false;
    }
    if (!piece_add(s, in, d, p)) {
        if (!d->first && !d->dead) datagram_free(s, d);
        return false;
    }
    if (d->total == 0 || d->have != d->total) {
        count(s, R_FRAGMENT_HELD);
        return false;
    }
    return assemble(s, in, d, out);
}

/* ---- the two families ---- */

/* The upper header must not be split: filters on the way could not have seen it [RFC1858 3, RFC7112 5]. */
static bool has_upper_header(uint8_t proto, const uint8_t *p, uint32_t len) {
    switch (proto) {
    case IP_PROTO_TCP: return len >= 20 && len >= (p[12] >> 4) * 4u;
    case IP_PROTO_UDP:
    case IP_PROTO_ICMP4:
    case IP_PROTO_ICMP6: return len >= 8;
    default: return true;
    }
}

bool reassembly_add4(struct stack *s, const struct ip_in *in, const ip4_header *h, reader r, struct ip_whole *out) {
    uint32_t len = (uint32_t)reader_left(&r), end = h->fragment_offset + len;
    bool first = h->fragment_offset == 0;
    if (len == 0 || (h->more_fragments && len % 8) || end + h->header_len > BYTES_MAX ||
        (first && !has_upper_header(h->proto, r.at, len))) {
        drop_in(s, in, R_FRAGMENT_BAD);
        return false;
    }
    struct piece p = {.id = h->id,
                      .offset = h->fragment_offset,
                      .len = len,
                      .proto = h->proto,
                      .more = h->more_fragments,
                      .data = r.at};
    if (first) {
        p.head_len = p.fixed_len = h->header_len;
        p.data = in->packet;
    }
    return add(s, in, &p, out);
}

/* All headers that a first fragment of IPv6 holds behind its fragment header, up to the upper layer's. */
static bool has_whole_chain(const ip6_chain *c, reader r) {
    ip6_chain inner;
    uint32_t problem;
    enum ip6_verdict verdict = ip6_walk(&r, c->fragment_next, &inner, &problem);
    if (verdict != IP6_OK) return verdict != IP6_MALFORMED; /* other faults are told when it is whole */
    return has_upper_header(inner.proto, r.at, (uint32_t)reader_left(&r));
}

static void bad6(struct stack *s, const struct ip_in *in, uint8_t code, uint32_t pointer) {
    drop_in(s, in, R_FRAGMENT_BAD);
    icmp_send_error(s, in->info.iface, ICMP6_PARAMETER, code, pointer, in->packet, in->len, in->info.to_many);
}

bool reassembly_add6(struct stack *s, const struct ip_in *in, const ip6_chain *c, reader r, struct ip_whole *out) {
    enum { BAD_FIELD = 0, BAD_CHAIN = 3, PAYLOAD_LEN_AT = 4 };
    uint32_t len = (uint32_t)reader_left(&r), end = c->fragment_offset + len, before = 40u + c->fragment_at;
    bool first = c->fragment_offset == 0;
    if (len == 0) {
        drop_in(s, in, R_FRAGMENT_BAD);
        return false;
    }
    if (c->more_fragments && len % 8) {
        bad6(s, in, BAD_FIELD, PAYLOAD_LEN_AT);
        return false;
    }
    if (c->fragment_at + end > BYTES_MAX) {
        bad6(s, in, BAD_FIELD, before + 2);
        return false;
    }
    if (first && !has_whole_chain(c, r)) {
        bad6(s, in, BAD_CHAIN, 0);
        return false;
    }
    struct piece p = {.id = c->fragment_id,
                      .offset = c->fragment_offset,
                      .len = len,
                      .more = c->more_fragments,
                      .v6 = true,
                      .data = r.at};
    if (first) {
        p.head_len = before + 8;
        p.fixed_len = (uint16_t)before;
        p.next_field_at = c->next_field_at;
        p.next_header = c->fragment_next;
        p.data = in->packet;
    }
    return add(s, in, &p, out);
}

/* ---- time ---- */

void reassembly_timer(struct stack *s, wheel_node *node) {
    struct datagram *d = CONTAINER_OF(node, struct datagram, timer);
    const struct fragment *first = d->first;
    if (!d->dead) drop(s, d->iface, R_FRAGMENT_TIMEOUT, NULL);
    if (first && first->offset == 0) /* only who sees the first piece can tell whose it was [RFC792, RFC8200 4.5] */
        icmp_send_error(s, d->iface, d->v6 ? ICMP6_TIME_EXCEEDED : ICMP4_TIME_EXCEEDED, 1, 0, first->data,
                        first->head_len + first->len, d->to_many);
    datagram_free(s, d);
}

void reassembly_forget(struct stack *s, int iface) {
    for (struct datagram *newer, *d = s->ip.frag_oldest; d; d = newer) {
        newer = d->newer;
        if (d->iface != iface) continue;
        drop(s, iface, R_LINK_DOWN, NULL);
        datagram_free(s, d);
    }
}

void reassembly_free(struct stack *s) {
    while (s->ip.frag_oldest) datagram_free(s, s->ip.frag_oldest);
    mem_free(s, s->ip.frag_bucket, s->ip.frag_bucket ? BUCKETS * sizeof *s->ip.frag_bucket : 0);
}
