/* decode.c - see decode.h: TCP and ICMP inside IP. What is below IP is in decode_link.c, fragments are put together in
 * fragments.c. */
#include "explain/decode.h"

#include "explain/decode_inner.h"

enum { IP4_LEAST = 20, IP6_LEN = 40, TCP_LEAST = 20, TCP_MOST = 60, QUOTE_LEAST = 8 };

void decoder_init(struct decoder *d) { *d = (struct decoder){.sums = checksum_ops_best(), .check_sums = true}; }

void decoder_free(struct decoder *d) {
    fragments_free(d->fragments);
    d->fragments = NULL;
}

/* ---- IP ---- */

/* The header's sum is right, or was left to the device. */
static bool ip4_sum_fits(const struct decoder *d, const uint8_t *p, unsigned len) {
    return load16(p + 10) == 0 || checksum_finish(d->sums->add(p, len, 0)) == 0;
}

enum decode_kind ip4_read(const struct decoder *d, struct datagram *g) {
    const uint8_t *p = g->data;
    if (g->captured < IP4_LEAST) return DECODE_CUT;
    unsigned head = (p[0] & 15u) * 4, total = load16(p + 2), fragment = load16(p + 6);
    if (total == 0) total = g->wire; /* larger than 16 bits can say: from the sender's own segmentation offload */
    if (head < IP4_LEAST || total < head || total > g->wire) return DECODE_BAD;
    if (head > g->captured) return DECODE_CUT;
    if (!ip4_sum_fits(d, p, head)) return DECODE_BAD;
    g->src = ip_from_v4(load32(p + 12));
    g->dst = ip_from_v4(load32(p + 16));
    g->v6 = false;
    g->tos = p[1];
    g->ttl = p[8];
    g->proto = p[9];
    g->id = load16(p + 4);
    g->dont_fragment = fragment & 0x4000;
    g->more = fragment & 0x2000;
    g->piece = (fragment & 0x1fff) * 8;
    g->fragment = g->more || g->piece != 0;
    g->ip_len = total;
    g->data += head;
    g->wire = total - head;
    g->captured = min_u32(g->captured - head, g->wire);
    return DECODE_TCP;
}

enum decode_kind ip6_read(struct datagram *g) {
    const uint8_t *p = g->data;
    if (g->captured < IP6_LEN) return DECODE_CUT;
    uint32_t payload = load16(p + 4), problem;
    if (payload == 0) payload = g->wire - IP6_LEN; /* larger than 16 bits can say */
    if (g->wire < IP6_LEN || payload > g->wire - IP6_LEN) return DECODE_BAD;
    memcpy(g->src.b, p + 8, 16);
    memcpy(g->dst.b, p + 24, 16);
    g->v6 = true;
    g->tos = (uint8_t)(load16(p) >> 4);
    g->ttl = p[7];
    g->proto = p[6];
    g->id = 0;
    g->dont_fragment = true;
    g->fragment = g->more = false;
    g->piece = 0;
    g->ip_len = payload + IP6_LEN;
    g->data += IP6_LEN;
    g->wire = payload;
    g->captured = min_u32(g->captured - IP6_LEN, payload);
    if (likely(g->proto == IP_PROTO_TCP || g->proto == IP_PROTO_UDP || g->proto == IP_PROTO_ICMP6)) return DECODE_TCP;
    ip6_chain chain;
    reader r = reader_of(g->data, g->captured);
    if (ip6_walk(&r, g->proto, &chain, &problem) != IP6_OK) return g->captured < g->wire ? DECODE_CUT : DECODE_BAD;
    g->proto = chain.proto;
    uint32_t walked = g->captured - (uint32_t)reader_left(&r);
    if (chain.fragment && chain.proto == IP_PROTO_FRAGMENT) {
        g->proto = chain.fragment_next;
        g->fragment = true;
        g->more = chain.more_fragments;
        g->piece = chain.fragment_offset;
        g->id = chain.fragment_id;
    }
    g->data += walked;
    g->wire -= walked;
    g->captured -= walked;
    return DECODE_TCP;
}

/* ---- TCP ---- */

static uint16_t sum_marks(const struct decoder *d, const struct datagram *g, const tcp_header *h) {
    if (!d->check_sums) return 0;
    uint64_t pseudo = pseudo_sum(&g->src, &g->dst, IP_PROTO_TCP, g->wire);
    bool whole = g->captured >= g->wire && !g->assembled;
    if (likely(whole) && likely(checksum_finish(d->sums->add(g->data, g->wire, pseudo)) == 0)) return 0;
    uint16_t left_to_device = checksum_fold(pseudo);
    if (h->checksum == left_to_device || h->checksum == 0 ||
        h->checksum == checksum_fold(pseudo_sum(&g->src, &g->dst, IP_PROTO_TCP, 0)))
        return FLOW_SUM_OPEN;
    return whole ? FLOW_SUM_WRONG : 0;
}

/* A header that was cut: what is missing, an option that is there in part included, becomes End of Option List. */
static void fill_up(const struct datagram *g, uint8_t whole[TCP_MOST]) {
    uint32_t at = TCP_LEAST;
    while (at < g->captured && g->data[at] != TCP_OPT_EOL) {
        uint32_t len = g->data[at] == TCP_OPT_NOP ? 1 : at + 1 < g->captured ? max_u32(g->data[at + 1], 1) : TCP_MOST;
        if (len > g->captured - at) break;
        at += len;
    }
    memset(whole, 0, TCP_MOST);
    memcpy(whole, g->data, at);
}

static enum decode_kind tcp_read(const struct decoder *d, const struct datagram *g, struct decoded *out) {
    struct flow_packet *t = &out->tcp;
    uint8_t whole[TCP_MOST];
    if (unlikely(g->wire < TCP_LEAST)) return DECODE_BAD;
    if (unlikely(g->captured < TCP_LEAST)) return DECODE_CUT;
    unsigned head = (g->data[12] >> 4) * 4u;
    if (unlikely(head < TCP_LEAST || head > g->wire)) return DECODE_BAD;
    bool cut = head > g->captured;
    if (unlikely(cut)) fill_up(g, whole);
    reader r = cut ? reader_of(whole, head) : reader_of(g->data, g->captured);
    enum tcp_parse_result parsed = tcp_parse(&r, &t->tcp);
    if (unlikely(parsed != TCP_PARSE_OK && parsed != TCP_PARSE_BAD_OPTION)) return DECODE_BAD;
    t->len = g->wire - head;
    t->captured = cut ? 0 : g->captured - head;
    t->payload = g->data + (cut ? g->captured : head);
    t->ttl = g->ttl;
    t->tos = g->tos;
    t->v6 = g->v6;
    t->dont_fragment = g->dont_fragment;
    t->ip_id = (uint16_t)g->id;
    t->marks = (uint16_t)(sum_marks(d, g, &t->tcp) | (cut ? FLOW_CUT : 0) |
                          (parsed == TCP_PARSE_BAD_OPTION && !cut ? FLOW_BAD_OPTIONS : 0));
    out->src_port = t->tcp.src_port;
    out->dst_port = t->tcp.dst_port;
    out->ip_len = g->ip_len;
    return DECODE_TCP;
}

/* ---- ICMP errors: RFC 792, RFC 4443 ---- */

static bool is_error(const struct datagram *g, const icmp_message *m) {
    if (g->v6) return m->type >= ICMP6_UNREACHABLE && m->type <= ICMP6_PARAMETER;
    return m->type == ICMP4_UNREACHABLE || m->type == ICMP4_QUENCH || m->type == ICMP4_TIME_EXCEEDED ||
           m->type == ICMP4_PARAMETER;
}

static uint32_t told_mtu(const struct datagram *g, const icmp_message *m) {
    if (g->v6) return m->type == ICMP6_TOO_BIG ? m->field : 0;
    return m->type == ICMP4_UNREACHABLE && m->code == 4 ? m->field & 0xffff : 0;
}

/* The quoted packet's addresses and ports; only eight bytes of its payload need be there (RFC 1812 4.3.2.3). */
static bool quoted(const icmp_message *m, bool v6, struct decoded *out, struct datagram *q) {
    *q = (struct datagram){.data = m->body, .captured = m->body_len, .wire = UINT16_MAX};
    if (q->captured < IP4_LEAST || q->data[0] >> 4 != (v6 ? 6 : 4)) return false;
    if (v6) {
        if (ip6_read(q) != DECODE_TCP) return false;
    } else {
        unsigned head = (q->data[0] & 15u) * 4;
        if (head < IP4_LEAST || head > q->captured) return false;
        q->src = ip_from_v4(load32(q->data + 12));
        q->dst = ip_from_v4(load32(q->data + 16));
        q->proto = q->data[9];
        q->data += head;
        q->captured -= head;
    }
    if (q->proto != IP_PROTO_TCP || q->captured < QUOTE_LEAST || q->piece != 0) return false;
    out->src = q->src;
    out->dst = q->dst;
    out->src_port = load16(q->data);
    out->dst_port = load16(q->data + 2);
    return true;
}

static enum decode_kind icmp_read(const struct datagram *g, struct decoded *out) {
    icmp_message m;
    struct datagram q;
    reader r = reader_of(g->data, g->captured);
    if (!icmp_parse(&r, &m) || !is_error(g, &m) || !quoted(&m, g->v6, out, &q)) return DECODE_OTHER;
    out->icmp.sender = g->src;
    out->icmp.v6 = g->v6;
    out->icmp.type = m.type;
    out->icmp.code = m.code;
    out->icmp.mtu = told_mtu(g, &m);
    out->icmp.seq_no = seq_of(load32(q.data + 4));
    return DECODE_ICMP;
}

/* ---- all of it ---- */

static void fill_in(const struct capture_packet *p, struct decoded *out) {
    struct flow_packet *t = &out->tcp;
    t->number = out->icmp.number = p->number;
    t->time_ns = out->icmp.time_ns = p->time_ns;
    t->offset = p->place.offset;
    t->file = p->place.file;
    t->iface = p->iface;
    t->direction = p->direction;
}

enum decode_kind decode(struct decoder *d, const struct capture_packet *packet, struct decoded *out) {
    struct datagram g = {.data = packet->data, .captured = packet->captured, .wire = packet->wire};
    enum decode_kind kind = link_read(packet->linktype, &g);
    if (kind != DECODE_TCP) return kind;
    if (g.captured == 0) return DECODE_CUT;
    kind = g.data[0] >> 4 == 4 ? ip4_read(d, &g) : g.data[0] >> 4 == 6 ? ip6_read(&g) : DECODE_BAD;
    if (kind != DECODE_TCP) return kind;
    if (unlikely(g.fragment)) {
        if (g.proto != IP_PROTO_TCP) return DECODE_OTHER;
        kind = fragments_take(&d->fragments, &g);
        if (kind != DECODE_TCP) return kind;
    }
    if (likely(g.proto == IP_PROTO_TCP)) {
        kind = tcp_read(d, &g, out);
        out->src = g.src;
        out->dst = g.dst;
    } else if (g.proto == (g.v6 ? IP_PROTO_ICMP6 : IP_PROTO_ICMP4)) {
        kind = icmp_read(&g, out);
    } else {
        return DECODE_OTHER;
    }
    fill_in(packet, out);
    if (out->tcp.direction == CAPTURE_EITHER) out->tcp.direction = g.direction;
    if (!packet->timed) out->tcp.marks |= FLOW_UNTIMED;
    return kind;
}
