/* decode.c - see decode.h: TCP and ICMP inside IP. What is below IP is in decode_link.c, IP in tunnels in decode_tunnel.c,
 * fragments are put together in fragments.c. */
#include "explain/decode.h"

#include "explain/decode_inner.h"

enum { IP4_LEAST = 20, IP6_LEN = 40, TCP_LEAST = 20, TCP_MOST = 60, QUOTE_LEAST = 8 };
enum { HEADERS_MOST = 12, TUNNELS_MOST = 4, PROTO_AUTHENTICATION = 51, ROUTING_SEGMENTS = 4, ECN_CE = 3 };
enum { OPT_MD5 = 19, OPT_AO = 29, OPT_MPTCP = 30 };

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

/* A segment routing header names the destination that checksums are about: the first of its list (RFC 8754 2). */
static void routed(struct datagram *g, const uint8_t *p, uint32_t len) {
    bool under_way = p[2] == ROUTING_SEGMENTS && p[3] > 0 && len >= 24;
    if (under_way) memcpy(g->dst.b, p + 8, 16);
}

/* A piece of a datagram; an atomic one is a header like others (RFC 6946). */
static void fragmented(struct datagram *g, const uint8_t *p) {
    uint16_t field = load16(p + 2);
    g->more = field & 1;
    g->piece = field & 0xfff8;
    g->fragment = g->more || g->piece != 0;
    g->id = load32(p + 4);
}

/* Extension headers in any number and order that their lengths allow: who forwards looks into none of them, and the
 * capture may lie in the midst of the path (RFC 8200 4). */
static enum decode_kind ip6_headers(struct datagram *g) {
    for (unsigned i = 0; i < HEADERS_MOST && !g->fragment; i++) {
        const uint8_t *p = g->data;
        bool options = g->proto == IP_PROTO_HOPOPTS || g->proto == IP_PROTO_DSTOPTS || g->proto == IP_PROTO_ROUTING;
        if (!options && g->proto != IP_PROTO_FRAGMENT && g->proto != PROTO_AUTHENTICATION) return DECODE_TCP;
        if (g->wire < 8) return DECODE_BAD;
        if (g->captured < 8) return DECODE_CUT;
        uint32_t len = g->proto == IP_PROTO_FRAGMENT      ? 8
                       : g->proto == PROTO_AUTHENTICATION ? (p[1] + 2u) * 4
                                                          : (p[1] + 1u) * 8;
        if (len > g->wire) return DECODE_BAD;
        if (len > g->captured) return DECODE_CUT;
        if (g->proto == IP_PROTO_ROUTING) routed(g, p, len);
        if (g->proto == IP_PROTO_FRAGMENT) fragmented(g, p);
        g->proto = p[0];
        datagram_take(g, len);
    }
    return g->fragment ? DECODE_TCP : DECODE_BAD;
}

enum decode_kind ip6_read(struct datagram *g) {
    const uint8_t *p = g->data;
    if (g->captured < IP6_LEN) return DECODE_CUT;
    uint32_t payload = load16(p + 4);
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
    return ip6_headers(g);
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

/* What the parser of the stack passes over. [at, end) are the options, their lengths checked as far as they are walked. */
static uint8_t syn_options(const uint8_t *at, const uint8_t *end) {
    uint8_t out = 0;
    while (at < end && *at != TCP_OPT_EOL) {
        uint32_t len = *at == TCP_OPT_NOP ? 1 : end - at >= 2 ? at[1] : 0;
        if (len == 0 || len > (size_t)(end - at)) break;
        if (*at == OPT_MPTCP && len >= 3) out |= at[2] >> 4 == 0 ? FLOW_MULTIPATH : at[2] >> 4 == 1 ? FLOW_JOINS : 0;
        if (*at == OPT_MD5) out |= FLOW_SIGNED_MD5;
        if (*at == OPT_AO) out |= FLOW_SIGNED_AO;
        at += len;
    }
    return out;
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
    t->carried = g->carried;
    const uint8_t *options = (cut ? whole : g->data) + TCP_LEAST;
    t->options = unlikely(t->tcp.flags & TCP_SYN) ? syn_options(options, options + head - TCP_LEAST) : 0;
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

static enum decode_kind ip_read(struct decoder *d, struct datagram *g) {
    if (g->captured == 0) return DECODE_CUT;
    enum decode_kind kind = g->data[0] >> 4 == 4 ? ip4_read(d, g) : g->data[0] >> 4 == 6 ? ip6_read(g) : DECODE_BAD;
    if (likely(kind != DECODE_TCP || !g->fragment)) return kind;
    return g->proto == IP_PROTO_TCP ? fragments_take(&d->fragments, g) : DECODE_OTHER;
}

/* Down to the innermost IP header. A mark on the outer one is one for what is inside: its tunnel's end carries it over
 * (RFC 6040 4.2). */
static enum decode_kind innermost(struct decoder *d, struct datagram *g) {
    bool marked = false;
    for (unsigned i = 0; i < TUNNELS_MOST; i++) {
        enum decode_kind kind = ip_read(d, g);
        if (marked && (g->tos & ECN_CE) != 0) g->tos |= ECN_CE;
        bool here = g->proto == IP_PROTO_TCP || g->proto == (g->v6 ? IP_PROTO_ICMP6 : IP_PROTO_ICMP4);
        if (likely(kind != DECODE_TCP || here)) return kind;
        marked = (g->tos & ECN_CE) == ECN_CE;
        kind = tunnel_read(g);
        if (kind != DECODE_TCP) return kind;
    }
    return DECODE_OTHER;
}

enum decode_kind decode(struct decoder *d, const struct capture_packet *packet, struct decoded *out) {
    struct datagram g = {.data = packet->data, .captured = packet->captured, .wire = packet->wire};
    enum decode_kind kind = link_read(packet->linktype, &g);
    if (likely(kind == DECODE_TCP)) kind = innermost(d, &g);
    if (kind != DECODE_TCP) return kind;
    if (likely(g.proto == IP_PROTO_TCP)) {
        kind = tcp_read(d, &g, out);
        out->src = g.src;
        out->dst = g.dst;
    } else {
        kind = icmp_read(&g, out);
    }
    fill_in(packet, out);
    if (out->tcp.direction == CAPTURE_EITHER) out->tcp.direction = g.direction;
    if (!packet->timed) out->tcp.marks |= FLOW_UNTIMED;
    return kind;
}
