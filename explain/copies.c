/* copies.c - see copies.h. A copy agrees in all that its sender wrote. A sender that sends again writes another IP
 * identification, or another timestamp, or at least does so later; where a host writes neither, only a copy that came
 * by another interface or another hop, or that follows at once with data in it, is taken for one: duplicate ACKs agree
 * in everything, too. */
#include "explain/copies.h"

#include <stdlib.h>

/* Each packet has its place among those of a set: as many as pass in 50 ms on a fast line. */
enum { SET_BITS = 13, WAYS = 8 };

/* Between two looks at one packet lies a switch or a host, never a retransmission timeout (RFC 6298 2.4 and the
 * 200 ms that hosts really use). */
static const uint64_t elsewhere_ns = 50 * MS_NS, same_place_ns = 5 * MS_NS, at_once_ns = 200 * US_NS;

struct copies {
    struct print {
        uint64_t what, time_ns;
        uint32_t iface;
        uint8_t ttl, direction;
    } print[1 << SET_BITS][WAYS];
};

struct copies *copies_new(void) {
    return calloc(1, sizeof(struct copies));
}
void copies_free(struct copies *c) { free(c); }

/* Of words that do not wait for one another. */
uint64_t copies_print(const struct copies *c, uint64_t flow_hash, const struct decoded *d) {
    static const uint64_t odd[] = {UINT64_C(0x9e3779b97f4a7c15), UINT64_C(0xbf58476d1ce4e5b9),
                                   UINT64_C(0x94d049bb133111eb), UINT64_C(0xd6e8feb86659fd93),
                                   UINT64_C(0xa0761d6478bd642f)};
    const tcp_header *h = &d->tcp.tcp;
    uint64_t v = (flow_hash << 1 | decoded_forth(d)) * odd[0];
    v += ((uint64_t)h->seq_no.v << 32 | h->ack_no.v) * odd[1];
    v += ((uint64_t)d->tcp.len << 32 | (uint64_t)h->window << 16 | h->flags) * odd[2];
    v += ((uint64_t)d->tcp.ip_id << 32 | (uint64_t)h->header_len << 16 | h->urgent) * odd[3];
    if (h->options.has_ts) v += ((uint64_t)h->options.ts_value << 32 | h->options.ts_echo) * odd[4];
    for (unsigned i = 0; i < h->options.sack_count; i++)
        v = (v ^ v >> 29) * odd[0] + ((uint64_t)h->options.sack[i].left.v << 32 | h->options.sack[i].right.v);
    v = (v ^ v >> 32) * odd[1];
    __builtin_prefetch(c->print[v >> (64 - SET_BITS)], 1);
    return v;
}

/* Where it was seen; otherwise what is oldest there, which gives way. */
static struct print *look_up(struct copies *c, uint64_t what) {
    struct print *set = c->print[what >> (64 - SET_BITS)], *oldest = set;
    for (unsigned i = 0; i < WAYS; i++) {
        if (set[i].what == what) return &set[i];
        if (set[i].time_ns < oldest->time_ns) oldest = &set[i];
    }
    return oldest;
}

bool copies_seen(struct copies *c, uint64_t what, const struct decoded *d) {
    const struct flow_packet *p = &d->tcp;
    bool copy = false;
    struct print *seen = look_up(c, what);
    if (seen->what == what && !(p->marks & FLOW_UNTIMED)) {
        bool early = p->time_ns < seen->time_ns; /* the queues of two interfaces need not keep the order of time */
        uint64_t later = early ? seen->time_ns - p->time_ns : p->time_ns - seen->time_ns;
        bool moved = p->iface != seen->iface || p->ttl != seen->ttl || p->direction != seen->direction;
        bool dated = p->ip_id != 0, takes = p->len > 0 || (p->tcp.flags & (TCP_SYN | TCP_FIN));
        copy = later <= (moved ? elsewhere_ns : dated ? same_place_ns : takes ? at_once_ns : 0);
        if (!moved && (early || (!dated && !takes))) copy = false;
    }
    if (!copy) *seen = (struct print){what, p->time_ns, p->iface, p->ttl, p->direction};
    return copy;
}
