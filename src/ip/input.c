/* input.c - packets from the link up to their protocol: frames (RFC 894, 2464), IPv4 (RFC 791, 1122 3.2.1), IPv6
 * (RFC 8200), and the tokens of lent packets. What a protocol does with its part is its own file's.
 *
 * Nearly all packets are TCP segments to the same address of ours on a link without frames: they take a short way
 * that checks the same things in a dozen compares. Everything else takes the long way. */
#include "ip/internal.h"

/* ---- drops ---- */

void drop_in(struct stack *s, const struct ip_in *in, enum reason r) {
    if (likely(!tracing(s, TERN_TRACE_DROP))) {
        drop(s, in->info.iface, r, NULL);
        return;
    }
    tern_flow flow = {.local = addr_out(&in->info.dst), .remote = addr_out(&in->info.src)};
    drop(s, in->info.iface, r, &flow);
}

bool ip_checksum_ok(const struct stack *s, const struct ip_in *in, const reader *r, bool pseudo) {
    if (in->info.csum_ok) return true;
    size_t len = reader_left(r);
    uint64_t sum = s->ck->add(r->at, len, 0);
    if (pseudo) sum = checksum_join(sum, pseudo_sum(&in->info.src, &in->info.dst, in->proto, (uint32_t)len));
    return checksum_finish(sum) == 0;
}

/* ---- tokens of lent packets: each has its place in the ring from the moment it is lent ---- */

bool ip_token_reserve(struct stack *s, size_t n) {
    struct ip_state *ip = &s->ip;
    if (n <= ip->token_cap - ip->tokens_out) return true;
    size_t cap = ip->token_cap;
    while (cap - ip->tokens_out < n) {
        cap *= 2;
        if (cap > UINT32_MAX / 2) return false;
    }
    void **grown = mem_alloc(s, cap * sizeof *grown);
    if (!grown) return false;
    for (uint32_t i = 0; i < ip->token_count; i++) grown[i] = ip->token[(ip->token_first + i) & (ip->token_cap - 1)];
    if (ip->token != ip->token_inline) mem_free(s, ip->token, ip->token_cap * sizeof *grown);
    ip->token = grown;
    ip->token_cap = (uint32_t)cap;
    ip->token_first = 0;
    return true;
}

void ip_token_done(struct stack *s, void *token) {
    struct ip_state *ip = &s->ip;
    if (ip->token_count == ip->token_cap) { /* lent in spite of ip_token_reserve's no */
        count(s, R_NO_MEMORY);
        return;
    }
    ip->token[(ip->token_first + ip->token_count++) & (ip->token_cap - 1)] = token;
    event_raise_stack(s, TERN_EV_RECLAIM);
}

static void tokens_shrink(struct stack *s) {
    struct ip_state *ip = &s->ip;
    if (ip->token != ip->token_inline) mem_free(s, ip->token, ip->token_cap * sizeof *ip->token);
    ip->token = ip->token_inline;
    ip->token_cap = IP_TOKENS;
    ip->token_first = 0;
}

int tern_reclaim(tern_stack *public, void **tokens, size_t max) {
    struct stack *s = stack_of(public);
    if (!s || (max && !tokens)) return TERN_EINVAL;
    struct ip_state *ip = &s->ip;
    int n = 0;
    for (; ip->token_count && (size_t)n < max && n < INT32_MAX; n++) {
        tokens[n] = ip->token[ip->token_first];
        ip->token_first = (ip->token_first + 1) & (ip->token_cap - 1);
        ip->token_count--;
        if (ip->tokens_out) ip->tokens_out--;
    }
    if (ip->tokens_out == 0 && ip->token_count == 0) tokens_shrink(s);
    return n;
}

/* ---- up to the protocols ---- */

/* Where the byte lies that names the upper protocol: behind headers that were walked before. */
static uint32_t next_header_at(const struct ip_in *in) {
    uint32_t at = 40, named_at = 6;
    uint8_t next = in->packet[6];
    while (next != in->proto && at + 8 <= in->len) {
        named_at = at;
        uint32_t len = next == IP_PROTO_FRAGMENT ? 8 : (in->packet[at + 1] + 1u) * 8u;
        next = in->packet[at];
        at += len;
    }
    return named_at;
}

static void unknown_protocol(struct stack *s, const struct ip_in *in) {
    drop_in(s, in, R_IP_UNKNOWN_PROTOCOL);
    if (in->v6)
        icmp_send_error(s, in->info.iface, ICMP6_PARAMETER, 1, next_header_at(in), in->packet, in->len,
                        in->info.to_many);
    else
        icmp_send_error(s, in->info.iface, ICMP4_UNREACHABLE, 2, 0, in->packet, in->len, in->info.to_many);
}

/* Nobody here speaks UDP: the port is unreachable [RFC1122 4.1.3.1]. */
static void udp_refuse(struct stack *s, const struct ip_in *in, reader r) {
    drop_in(s, in, R_IP_UNKNOWN_PROTOCOL);
    if (reader_left(&r) < 8) return;
    bool summed = in->v6 || load16(r.at + 6) != 0;
    if (summed && !ip_checksum_ok(s, in, &r, true)) return;
    icmp_send_error(s, in->info.iface, in->v6 ? ICMP6_UNREACHABLE : ICMP4_UNREACHABLE, in->v6 ? 4 : 3, 0, in->packet,
                    in->len, in->info.to_many);
}

static void deliver(struct stack *s, struct ip_in *in, reader r) {
    if (in->proto == IP_PROTO_TCP) {
        in->info.pseudo = pseudo_sum(&in->info.src, &in->info.dst, IP_PROTO_TCP, 0);
        tcp_input(s, &in->info, &r);
    } else if (in->proto == IP_PROTO_ICMP4 && !in->v6)
        icmp4_input(s, in, r);
    else if (in->proto == IP_PROTO_ICMP6 && in->v6)
        icmp6_input(s, in, r);
    else if (in->proto == IP_PROTO_UDP)
        udp_refuse(s, in, r);
    else if (in->proto == IP_PROTO_NONE && in->v6)
        drop_in(s, in, R_IP_UNKNOWN_PROTOCOL); /* nothing follows: no error [RFC8200 4.7] */
    else
        unknown_protocol(s, in);
}

/* ---- addresses ---- */

/* Who can have sent this? Not we ourselves, no group, no broadcast [MUST-63, RFC1122 3.2.1.3]; nobody (::)
 * only says ICMPv6. */
static bool source_ok(const struct stack *s, const struct ip_in *in) {
    const ip_addr *a = &in->info.src;
    if (ip_is_v4(a) == in->v6) return false;
    if (ip_is_unspecified(a)) return in->v6 && in->proto == IP_PROTO_ICMP6;
    return ip_may_be_peer(s, a) && (!ip_is_ours(s, a) || (uint32_t)in->info.iface + 1 == s->ip.loopback);
}

/* Is the packet for us? Sets to_many. */
static bool destination_ok(const struct stack *s, struct ip_in *in) {
    const ip_addr *a = &in->info.dst;
    if (ip_is_v4(a) == in->v6) return false;
    if (address_is_here(s, in->info.iface, a)) return true;
    if (ip_is_multicast(a) || ip_is_broadcast(s, in->info.iface, a)) {
        in->info.to_many = true;
        return !ip_is_multicast(a) || ip_is_joined(s, in->info.iface, a);
    }
    return in->any_local && ip_may_be_peer(s, a);
}

static bool addresses_ok(struct stack *s, struct ip_in *in) {
    bool dst = destination_ok(s, in);
    if (dst && source_ok(s, in)) {
        if (!in->info.to_many && !ip_is_unspecified(&in->info.src)) {
            struct ip_link *l = &s->ip.link[in->info.iface];
            l->fast_dst = in->info.dst;
            l->fast_src = in->info.src;
            l->fast_pseudo = pseudo_sum(&in->info.src, &in->info.dst, IP_PROTO_TCP, 0);
            l->fast = in->v6 ? 6 : 4;
        }
        return true;
    }
    drop_in(s, in, dst ? R_IP_BAD_SOURCE : R_IP_NOT_OURS);
    return false;
}

/* ---- IPv4 ---- */

/* Options are carried by and ignored [MUST-50], but nobody tells us which way to send [RFC7126 4.3, 4.4]. */
static bool has_source_route(const ip4_header *h) {
    enum { OPT_LSRR = 0x83, OPT_SSRR = 0x89 };
    for (unsigned at = 0; at < h->options_len && h->options[at] != 0;
         at += h->options[at] == 1 ? 1 : h->options[at + 1])
        if (h->options[at] == OPT_LSRR || h->options[at] == OPT_SSRR) return true;
    return false;
}

static enum reason fault_of_ip4(const struct stack *s, const struct ip_in *in) {
    const uint8_t *p = in->packet;
    uint32_t header_len = in->len >= 20 ? (p[0] & 15u) * 4 : 0;
    if (header_len < 20 || p[0] >> 4 != 4 || load16(p + 2) < header_len || load16(p + 2) > in->len)
        return R_IP_MALFORMED;
    return checksum_finish(s->ck->add(p, header_len, 0)) ? R_IP_CHECKSUM : R_IP_MALFORMED;
}

/* True: this was the last fragment, and the datagram is in *whole. */
static bool ip4_input(struct stack *s, struct ip_in *in, struct ip_whole *whole) {
    reader r = reader_of(in->packet, in->len);
    ip4_header h;
    if (!ip4_parse(&r, &h)) {
        drop_in(s, in, fault_of_ip4(s, in));
        return false;
    }
    in->len = h.total_len;
    in->proto = h.proto;
    in->info.src = ip_from_v4(h.src);
    in->info.dst = ip_from_v4(h.dst);
    in->info.ttl = h.ttl;
    in->info.tos = h.tos;
    if (!addresses_ok(s, in)) return false;
    if (has_source_route(&h)) {
        drop_in(s, in, R_IP_OPTION);
        return false;
    }
    if (h.more_fragments || h.fragment_offset) return reassembly_add4(s, in, &h, r, whole);
    deliver(s, in, r);
    return false;
}

/* ---- IPv6 ---- */

static void complain6(struct stack *s, const struct ip_in *in, enum ip6_verdict verdict, uint32_t problem) {
    drop_in(s, in, R_IP6_EXTENSION);
    if (verdict == IP6_MALFORMED || (verdict == IP6_BAD_OPTION_NO_MULTICAST && in->info.to_many)) return;
    uint8_t code = verdict == IP6_BAD_HEADER ? 0 : verdict == IP6_BAD_NEXT ? 1 : 2;
    icmp_send_error(s, in->info.iface, ICMP6_PARAMETER, code, problem, in->packet, in->len, in->info.to_many);
}

static bool ip6_input(struct stack *s, struct ip_in *in, struct ip_whole *whole) {
    reader r = reader_of(in->packet, in->len);
    ip6_header h;
    if (!ip6_parse(&r, &h)) {
        drop_in(s, in, R_IP_MALFORMED);
        return false;
    }
    in->len = 40u + h.payload_len;
    in->info.src = h.src;
    in->info.dst = h.dst;
    in->info.ttl = h.hop_limit;
    in->info.tos = h.traffic_class;
    ip6_chain chain;
    uint32_t problem;
    enum ip6_verdict verdict = ip6_walk(&r, h.next_header, &chain, &problem);
    in->proto = chain.proto;
    in->fragmented |= chain.fragment;
    if (!addresses_ok(s, in)) return false;
    if (verdict != IP6_OK) {
        complain6(s, in, verdict, problem);
        return false;
    }
    if (chain.proto != IP_PROTO_FRAGMENT) {
        deliver(s, in, r);
        return false;
    }
    if (in->whole) { /* fragments of fragments */
        drop_in(s, in, R_FRAGMENT_BAD);
        return false;
    }
    return reassembly_add6(s, in, &chain, r, whole);
}

/* ---- one packet ---- */

static bool packet_input(struct stack *s, struct ip_in *in, struct ip_whole *whole) {
    in->v6 = in->len > 0 && in->packet[0] >> 4 == 6;
    return in->v6 ? ip6_input(s, in, whole) : ip4_input(s, in, whole);
}

/* An interface that is down: nothing of it is fast, for its addresses are not ours. */
static bool is_down(struct stack *s, int iface) {
    if (likely(!s->ip.link[iface].down)) return false;
    drop(s, iface, R_LINK_DOWN, NULL);
    return true;
}

/* The long way. A datagram that its last fragment made whole takes it once more, from the start. */
static APART void slow_input(struct stack *s, struct ip_in *in) {
    struct ip_whole whole;
    if (is_down(s, in->info.iface)) return;
    in->whole = in->fragmented = false;
    in->any_local = (s->ip.iface[in->info.iface].flags & TERN_IFACE_ANY_LOCAL) != 0;
    in->info.src = in->info.dst = (ip_addr){{0}}; /* for the trace, should the packet be too broken to have any */
    if (!packet_input(s, in, &whole)) return;
    struct ip_in again = {
        .packet = whole.packet, .len = whole.len, .any_local = in->any_local, .whole = true, .fragmented = true};
    again.info.iface = in->info.iface;
    again.info.to_many = in->info.to_many;
    packet_input(s, &again, NULL);
    mem_free(s, whole.packet, whole.len);
}

/* A TCP segment in a plain packet, between two addresses that passed all checks just now. */
static bool fast_input(struct stack *s, struct ip_in *in) {
    const uint8_t *p = in->packet;
    const struct ip_link *l = &s->ip.link[in->info.iface];
    uint32_t header_len, len;
    if (!short_ways(s)) return false;
    if (l->fast == 4) {
        uint64_t first, second;
        uint32_t last;
        if (in->len < 40 || p[0] != 0x45 || p[9] != IP_PROTO_TCP || (load16(p + 6) & 0x3fff)) return false;
        if (memcmp(p + 12, l->fast_src.b + 12, 4) != 0 || memcmp(p + 16, l->fast_dst.b + 12, 4) != 0) return false;
        memcpy(&first, p, 8);
        memcpy(&second, p + 8, 8);
        memcpy(&last, p + 16, 4);
        len = load16(p + 2);
        if (len < 40 || len > in->len || checksum_finish(checksum_join(checksum_join(first, second), last)))
            return false;
        header_len = 20;
        in->info.tos = p[1];
        in->info.ttl = p[8];
    } else {
        if (l->fast != 6 || in->len < 60 || p[0] >> 4 != 6 || p[6] != IP_PROTO_TCP) return false;
        if (memcmp(p + 8, l->fast_src.b, 16) != 0 || memcmp(p + 24, l->fast_dst.b, 16) != 0) return false;
        len = 40u + load16(p + 4);
        if (len > in->len) return false;
        header_len = 40;
        in->info.tos = (uint8_t)(load16(p) >> 4);
        in->info.ttl = p[7];
    }
    in->info.src = l->fast_src;
    in->info.dst = l->fast_dst;
    in->info.pseudo = l->fast_pseudo;
    reader r = reader_of(p + header_len, len - header_len);
    tcp_input(s, &in->info, &r);
    return true;
}

/* ---- the link ---- */

/* Is the frame for this station and this VLAN? */
static bool frame_ok(struct stack *s, int iface, const eth_header *h, bool *to_many) {
    static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    const struct iface *f = &s->ip.iface[iface];
    if ((h->tci & 0xfff) != f->vlan) { /* untagged, and tagged with priority only, are VLAN 0 */
        drop(s, iface, R_LINK_WRONG_VLAN, NULL);
        return false;
    }
    *to_many = h->dst[0] & 1;
    if (memcmp(h->dst, f->mac, 6) == 0 || memcmp(h->dst, broadcast, 6) == 0) return true;
    if (*to_many && mac_is_joined(s, iface, h->dst)) return true;
    drop(s, iface, R_LINK_NOT_OURS, NULL);
    return false;
}

static void ethernet_input(struct stack *s, struct ip_in *in) {
    int iface = in->info.iface;
    reader r = reader_of(in->packet, in->len);
    eth_header h;
    if (is_down(s, iface)) return;
    if (!eth_parse(&r, &h)) {
        drop(s, iface, R_LINK_SHORT, NULL);
        return;
    }
    if (!frame_ok(s, iface, &h, &in->info.to_many)) return;
    in->packet = r.at;
    in->len = (uint32_t)reader_left(&r);
    uint8_t version = in->len ? in->packet[0] >> 4 : 0;
    if (h.type == ETH_TYPE_ARP)
        arp_input(s, iface, r, in->info.to_many);
    else if (h.type != ETH_TYPE_IP4 && h.type != ETH_TYPE_IP6)
        drop(s, iface, R_LINK_UNKNOWN_TYPE, NULL);
    else if (version != (h.type == ETH_TYPE_IP4 ? 4 : 6))
        drop(s, iface, R_IP_MALFORMED, NULL);
    else if (in->info.to_many || !fast_input(s, in))
        slow_input(s, in);
}

bool ip_input(struct stack *s, int iface, const tern_packet *p) {
    const struct iface *f = &s->ip.iface[iface];
    bool kept = false;
    struct ip_in in;
    in.packet = p->data;
    in.len = p->len;
    in.info.iface = iface;
    in.info.csum_ok = (p->flags & TERN_PKT_CSUM_OK) != 0;
    in.info.to_many = false;
    in.info.segment_size = p->segment_size;
    in.info.token = NULL;
    in.info.token_kept = &kept;
    if (p->token) { /* its place was reserved with those of the whole batch */
        s->ip.tokens_out++;
        in.info.token = p->token;
    }
    if (f->link == TERN_LINK_ETHERNET)
        ethernet_input(s, &in);
    else if (!fast_input(s, &in))
        slow_input(s, &in);
    return kept;
}

/* ---- life ---- */

int ip_init(struct stack *s) {
    s->ip.token = s->ip.token_inline;
    s->ip.token_cap = IP_TOKENS;
    s->ip.autoconf_timer.kind = TIMER_AUTOCONF;
    return TERN_OK;
}

void ip_free(struct stack *s) {
    output_free(s);
    neighbour_free(s);
    reassembly_free(s);
    echo_free(s);
    loopback_free(s);
    tokens_shrink(s);
}

void ip_timer(struct stack *s, wheel_node *n) {
    switch (n->kind) {
    case TIMER_NEIGHBOUR: neighbour_timer(s, n); return;
    case TIMER_REASSEMBLY: reassembly_timer(s, n); return;
    case TIMER_AUTOCONF: autoconf_timer(s); return;
    default: ASSERT(false);
    }
}
