/* nd.c - neighbour discovery messages and their options (RFC 4861 4). Their validity beyond shape (hop limit, code,
 * addresses) and what follows from them is ip/'s. */
#include "wire/wire.h"

enum { ND_SOURCE_LLADDR = 1, ND_TARGET_LLADDR = 2, ND_PREFIX = 3, ND_MTU = 5, ND_NONCE = 14 };
enum { ND_LLADDR_LEN = 8, ND_PREFIX_LEN = 32, ND_MTU_LEN = 8, ND_NONCE_LEN = 8 };
enum { RA_MANAGED = 0x80, RA_OTHER = 0x40, PREFIX_ON_LINK = 0x80, PREFIX_AUTONOMOUS = 0x40 };
static const uint32_t na_router = 0x80000000u, na_solicited = 0x40000000u, na_override = 0x20000000u;

static uint8_t lladdr_kind(uint8_t type) { return type == ICMP6_NA ? ND_TARGET_LLADDR : ND_SOURCE_LLADDR; }

static void parse_prefix(const uint8_t *p, nd_message *out) {
    if (p[2] > 128 || out->prefixes == ARRAY_LEN(out->prefix)) return;
    struct nd_prefix *prefix = &out->prefix[out->prefixes++];
    prefix->len = p[2];
    prefix->on_link = p[3] & PREFIX_ON_LINK;
    prefix->autonomous = p[3] & PREFIX_AUTONOMOUS;
    prefix->valid_s = load32(p + 4);
    prefix->preferred_s = load32(p + 8);
    memcpy(prefix->prefix.b, p + 16, 16);
}

/* Options that are unknown, out of place or of another size than Ethernet's are passed over (RFC 4861 4.6). */
static bool parse_options(reader *r, uint8_t type, nd_message *out) {
    while (reader_left(r) > 0) {
        /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): a reader of nothing has nothing left */
        if (reader_left(r) < 2 || r->at[1] == 0) return false;
        unsigned len = r->at[1] * 8u;
        const uint8_t *p = read_bytes(r, len);
        if (!p) return false;
        if (p[0] == lladdr_kind(type) && len == ND_LLADDR_LEN) {
            out->has_lladdr = true;
            memcpy(out->lladdr, p + 2, 6);
        } else if (type == ICMP6_RA && p[0] == ND_PREFIX && len == ND_PREFIX_LEN) {
            parse_prefix(p, out);
        } else if (type == ICMP6_RA && p[0] == ND_MTU && len == ND_MTU_LEN) {
            out->mtu = load32(p + 4);
        } else if (type == ICMP6_NS && p[0] == ND_NONCE && len == ND_NONCE_LEN) {
            out->nonce = (uint64_t)load16(p + 2) << 32 | load32(p + 4);
        }
    }
    return true;
}

bool nd_parse(const icmp_message *m, nd_message *out) {
    reader r = reader_of(m->body, m->body_len);
    memset(out, 0, offsetof(nd_message, prefix));
    switch (m->type) {
    case ICMP6_RS: break;
    case ICMP6_RA:
        out->hop_limit = (uint8_t)(m->field >> 24);
        out->managed = m->field >> 16 & RA_MANAGED;
        out->other = m->field >> 16 & RA_OTHER;
        out->router_lifetime_s = (uint16_t)m->field;
        out->reachable_ms = read32(&r);
        out->retrans_ms = read32(&r);
        break;
    case ICMP6_NA:
        out->router = m->field & na_router;
        out->solicited = m->field & na_solicited;
        out->override_ = m->field & na_override; /* fall through */
    case ICMP6_NS: {
        const uint8_t *target = read_bytes(&r, 16);
        if (target) memcpy(out->target.b, target, 16);
        break;
    }
    default: return false;
    }
    return !r.bad && parse_options(&r, m->type, out);
}

static uint32_t field_of(uint8_t type, const nd_message *m) {
    if (type == ICMP6_RA) {
        return (uint32_t)m->hop_limit << 24 | (m->managed ? RA_MANAGED << 16 : 0) | (m->other ? RA_OTHER << 16 : 0) |
               m->router_lifetime_s;
    }
    if (type != ICMP6_NA) return 0;
    return (m->router ? na_router : 0) | (m->solicited ? na_solicited : 0) | (m->override_ ? na_override : 0);
}

static void emit_prefix(writer *w, const struct nd_prefix *prefix) {
    write8(w, ND_PREFIX);
    write8(w, ND_PREFIX_LEN / 8);
    write8(w, prefix->len);
    write8(w, (uint8_t)((prefix->on_link ? PREFIX_ON_LINK : 0) | (prefix->autonomous ? PREFIX_AUTONOMOUS : 0)));
    write32(w, prefix->valid_s);
    write32(w, prefix->preferred_s);
    write32(w, 0);
    write_bytes(w, prefix->prefix.b, 16);
}

void nd_emit(writer *w, uint8_t type, const nd_message *m) {
    write8(w, type);
    write8(w, 0);
    write16(w, 0);
    write32(w, field_of(type, m));
    if (type == ICMP6_RA) {
        write32(w, m->reachable_ms);
        write32(w, m->retrans_ms);
    }
    if (type == ICMP6_NS || type == ICMP6_NA) write_bytes(w, m->target.b, 16);
    if (m->has_lladdr) {
        write8(w, lladdr_kind(type));
        write8(w, ND_LLADDR_LEN / 8);
        write_bytes(w, m->lladdr, 6);
    }
    if (type == ICMP6_NS && m->nonce) {
        write8(w, ND_NONCE);
        write8(w, ND_NONCE_LEN / 8);
        write16(w, (uint16_t)(m->nonce >> 32));
        write32(w, (uint32_t)m->nonce);
    }
    if (type != ICMP6_RA) return;
    if (m->mtu) {
        write8(w, ND_MTU);
        write8(w, ND_MTU_LEN / 8);
        write16(w, 0);
        write32(w, m->mtu);
    }
    for (unsigned i = 0; i < m->prefixes; i++) emit_prefix(w, &m->prefix[i]);
}

static void format_advertisement(text *t, const nd_message *m) {
    text_str(t, "router advertisement lifetime ");
    text_u64(t, m->router_lifetime_s);
    text_str(t, " s");
    if (m->mtu) {
        text_str(t, " mtu ");
        text_u64(t, m->mtu);
    }
    for (unsigned i = 0; i < m->prefixes; i++) {
        text_str(t, " prefix ");
        text_ip(t, &m->prefix[i].prefix);
        text_str(t, "/");
        text_u64(t, m->prefix[i].len);
    }
}

void nd_format(text *t, uint8_t type, const nd_message *m) {
    text_str(t, "ND ");
    if (type == ICMP6_RA) format_advertisement(t, m);
    if (type == ICMP6_RS) text_str(t, "router solicitation");
    if (type == ICMP6_NS) {
        text_str(t, "who has ");
        text_ip(t, &m->target);
    }
    if (type == ICMP6_NA) {
        text_ip(t, &m->target);
        text_str(t, m->solicited ? " is here, as asked" : " is here");
    }
    if (m->has_lladdr) {
        text_str(t, " lladdr ");
        text_mac(t, m->lladdr);
    }
}
