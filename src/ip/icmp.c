/* icmp.c - ICMP for both families (RFC 792, 1122 3.2.2, 4443): echo answered, errors sent within all the rules of
 * when not to, errors received and passed to TCP. Our own echo requests are echo.c's, neighbour discovery nd.c's. */
#include "ip/internal.h"

/* ---- errors out ---- */

enum { QUOTE_4 = 576 - 28, QUOTE_6 = 1280 - 48 };

/* Types that ask or answer; all others, and those unknown, count as errors [RFC1122 3.2.2]. */
static bool is_query4(uint8_t type) {
    return type == ICMP4_ECHO || type == ICMP4_ECHO_REPLY || (type >= 13 && type <= 18);
}

/* May an error be sent about this packet? Fills in both addresses. [RFC1122 3.2.2] */
static bool may_complain4(const struct stack *s, int iface, const uint8_t *p, uint32_t len, ip_addr *src,
                          ip_addr *dst) {
    if (len < 20) return false;
    uint32_t header_len = (p[0] & 15u) * 4;
    if (header_len < 20 || header_len > len || (load16(p + 6) & 0x1fff)) return false;
    *src = ip_from_v4(load32(p + 12));
    *dst = ip_from_v4(load32(p + 16));
    if (ip_is_multicast(dst) || ip_is_broadcast(s, iface, dst)) return false;
    return p[9] != IP_PROTO_ICMP4 || (header_len < len && is_query4(p[header_len]));
}

/* [RFC4443 2.4 e] */
static bool may_complain6(const uint8_t *p, uint32_t len, bool to_groups, ip_addr *src, ip_addr *dst) {
    if (len < 40) return false;
    memcpy(src->b, p + 8, 16);
    memcpy(dst->b, p + 24, 16);
    if (ip_is_multicast(dst) && !to_groups) return false;
    reader r = reader_of(p + 40, len - 40);
    ip6_chain chain;
    uint32_t problem;
    ip6_walk(&r, p[6], &chain, &problem);
    uint8_t proto = chain.proto;
    if (proto == IP_PROTO_FRAGMENT) {
        proto = chain.fragment_next;
        if (chain.fragment_offset) return proto != IP_PROTO_ICMP6; /* it could be the rest of an error */
    }
    return proto != IP_PROTO_ICMP6 || (reader_left(&r) > 0 && r.at[0] >= 128 && r.at[0] != ICMP6_REDIRECT);
}

void icmp_send_error(struct stack *s, int iface, uint8_t type, uint8_t code, uint32_t field, const uint8_t *packet,
                     uint32_t len, bool link_many) {
    ip_addr src, dst;
    bool v4 = len > 0 && packet[0] >> 4 == 4;
    /* too-big and option problems of IPv6 may answer packets to groups */
    bool to_groups = !v4 && (type == ICMP6_TOO_BIG || (type == ICMP6_PARAMETER && code == 2));
    if (link_many && !to_groups) return;
    bool ok = v4 ? may_complain4(s, iface, packet, len, &src, &dst) : may_complain6(packet, len, to_groups, &src, &dst);
    if (!ok || !ip_may_be_peer(s, &src) || ip_is_v4(&src) != v4 || !ip_rate_allows(s, &src)) return;
    uint8_t head[8];
    icmp_message m = {.type = type, .code = code, .field = field};
    writer w = writer_of(head, sizeof head);
    icmp_emit(&w, &m);
    bool any_local = s->ip.iface[iface].flags & TERN_IFACE_ANY_LOCAL;
    struct ip_out o = {.dst = src,
                       .proto = v4 ? IP_PROTO_ICMP4 : IP_PROTO_ICMP6,
                       .csum_offset = 2,
                       .head = head,
                       .head_len = sizeof head,
                       .body = packet,
                       .body_len = min_u32(len, v4 ? QUOTE_4 : QUOTE_6)};
    if (ip_is_ours(s, &dst) || (any_local && ip_may_be_peer(s, &dst))) o.src = dst;
    ip_send_out(s, &o);
}

/* ---- errors in ---- */

/* What an error quotes: the beginning of a packet of ours. */
struct quote {
    ip_addr src, dst;
    uint8_t proto;
    uint16_t size; /* of the whole packet; IPv4 only */
    const uint8_t *l4;
    uint32_t l4_len;
};

static bool quote_parse4(reader r, struct quote *q) {
    size_t left = reader_left(&r);
    const uint8_t *p = read_bytes(&r, 20);
    if (!p || p[0] >> 4 != 4) return false;
    size_t header_len = (p[0] & 15u) * 4u;
    if (header_len < 20 || left < header_len + 8 || (load16(p + 6) & 0x1fff)) return false;
    q->src = ip_from_v4(load32(p + 12));
    q->dst = ip_from_v4(load32(p + 16));
    q->proto = p[9];
    q->size = load16(p + 2);
    q->l4 = p + header_len;
    q->l4_len = (uint32_t)(left - header_len);
    return true;
}

static bool quote_parse6(reader r, struct quote *q) {
    ip6_chain chain;
    uint32_t problem;
    const uint8_t *p = read_bytes(&r, 40);
    if (!p || p[0] >> 4 != 6) return false;
    memcpy(q->src.b, p + 8, 16);
    memcpy(q->dst.b, p + 24, 16);
    if (ip_is_v4(&q->src) || ip_is_v4(&q->dst)) return false;
    if (ip6_walk(&r, p[6], &chain, &problem) != IP6_OK || reader_left(&r) < 8) return false;
    q->proto = chain.proto == IP_PROTO_FRAGMENT && chain.fragment_offset == 0 ? chain.fragment_next : chain.proto;
    q->l4 = r.at;
    q->l4_len = (uint32_t)reader_left(&r);
    return true;
}

/* What the path carries, in a message that something was too big; 0: it is none. Where the number is missing, it is less than the
 * packet was long: several that were under way together mean the same then [RFC1191 5]. */
static uint32_t mtu_told(const struct ip_in *in, const icmp_message *m, const struct quote *q) {
    if (in->v6) return m->type == ICMP6_TOO_BIG ? m->field : 0;
    if (m->type != ICMP4_UNREACHABLE || m->code != 4) return 0;
    return m->field & 0xffff ? m->field & 0xffff : ip_mtu_below(q->size);
}

static void error_input(struct stack *s, const struct ip_in *in, const icmp_message *m) {
    struct quote q;
    reader r = reader_of(m->body, m->body_len);
    if (!(in->v6 ? quote_parse6(r, &q) : quote_parse4(r, &q))) {
        drop_in(s, in, R_ICMP_MALFORMED);
        return;
    }
    if (!ip_is_ours(s, &q.src) && !in->any_local) { /* it is about somebody else's packet [RFC5927 4.1] */
        drop_in(s, in, R_ICMP_IGNORED);
        return;
    }
    count(s, R_ICMP_OK);
    uint32_t mtu = mtu_told(in, m, &q);
    if (q.proto == IP_PROTO_TCP) {
        struct icmp_report report = {.v6 = in->v6,
                                     .type = m->type,
                                     .code = m->code,
                                     .mtu = mtu,
                                     .local = q.src,
                                     .remote = q.dst,
                                     .l4 = q.l4,
                                     .l4_len = q.l4_len,
                                     .from = in->info.src};
        tcp_icmp_error(s, &report);
    } else if (q.proto == (in->v6 ? IP_PROTO_ICMP6 : IP_PROTO_ICMP4) && q.l4[0] == (in->v6 ? ICMP6_ECHO : ICMP4_ECHO)) {
        bool asked = echo_error(s, &q.dst, &in->info.src, load32(q.l4 + 4), in->info.ttl);
        if (asked && mtu) ip_path_mtu_learn(s, &q.dst, mtu); /* [RFC8201 4] */
    }
}

/* ---- echo ---- */

/* Exactly the bytes that came, back to the sender [RFC1122 3.2.2.6, RFC4443 4.2]. */
static void echo_answer(struct stack *s, const struct ip_in *in, const icmp_message *m) {
    if (in->info.to_many) {
        drop_in(s, in, R_ECHO_BROADCAST);
        return;
    }
    count(s, R_ICMP_OK);
    uint8_t head[8];
    icmp_message reply = {.type = in->v6 ? ICMP6_ECHO_REPLY : ICMP4_ECHO_REPLY, .field = m->field};
    writer w = writer_of(head, sizeof head);
    icmp_emit(&w, &reply);
    struct ip_out o = {.src = in->info.dst,
                       .dst = in->info.src,
                       .proto = in->proto,
                       .csum_offset = 2,
                       .head = head,
                       .head_len = sizeof head,
                       .body = m->body,
                       .body_len = m->body_len};
    ip_send_out(s, &o);
}

/* ---- in ---- */

/* The checksum and the shape; what fails is counted. */
static bool message_of(struct stack *s, const struct ip_in *in, reader r, icmp_message *m) {
    if (!ip_checksum_ok(s, in, &r, in->v6)) {
        drop_in(s, in, R_ICMP_CHECKSUM);
        return false;
    }
    if (icmp_parse(&r, m)) return true;
    drop_in(s, in, R_ICMP_MALFORMED);
    return false;
}

void icmp4_input(struct stack *s, const struct ip_in *in, reader r) {
    icmp_message m;
    if (!message_of(s, in, r, &m)) return;
    switch (m.type) {
    case ICMP4_ECHO: echo_answer(s, in, &m); return;
    case ICMP4_ECHO_REPLY: echo_reply(s, in, &m); return;
    case ICMP4_UNREACHABLE:
    case ICMP4_TIME_EXCEEDED:
    case ICMP4_PARAMETER:
        if (in->info.to_many) break;
        error_input(s, in, &m);
        return;
    case ICMP4_QUENCH:   /* [MUST-55], RFC 6633 4 */
    case ICMP4_REDIRECT: /* a host that follows them can be led anywhere */
    default: break;
    }
    drop_in(s, in, R_ICMP_IGNORED);
}

void icmp6_input(struct stack *s, const struct ip_in *in, reader r) {
    icmp_message m;
    if (!message_of(s, in, r, &m)) return;
    switch (m.type) {
    case ICMP6_ECHO: echo_answer(s, in, &m); return;
    case ICMP6_ECHO_REPLY: echo_reply(s, in, &m); return;
    case ICMP6_NS:
    case ICMP6_NA:
    case ICMP6_RA: nd_input(s, in, &m); return;
    case ICMP6_MLD_QUERY: mld_query(s, in, &m); return;
    case ICMP6_TOO_BIG:
        if (m.field < 1280) break; /* [RFC8201 4] must be discarded */ /* fall through */
    case ICMP6_UNREACHABLE:
    case ICMP6_TIME_EXCEEDED:
    case ICMP6_PARAMETER:
        if (in->info.to_many) break;
        error_input(s, in, &m);
        return;
    default: break; /* redirects, solicitations of routers, groups of others */
    }
    drop_in(s, in, R_ICMP_IGNORED);
}
