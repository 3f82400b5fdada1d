/* wire.h - headers as plain values: parse reads bytes into a value, emit writes the value's bytes, format prints it for
 * people. parse(emit(x)) == x. Nothing here keeps state, decides or sends; checksums are the caller's unless said. */
#ifndef WIRE_WIRE_H
#define WIRE_WIRE_H

#include "base/bytes.h"
#include "base/checksum.h"
#include "base/seq.h"

/* Both families in one shape: IPv4 as ::ffff:a.b.c.d (RFC 4291 2.5.5.2). All zero: unspecified. Aligned to 4 bytes
 * only, so that two addresses and two ports make 36 bytes without a gap. */
typedef union ip_addr {
    uint8_t b[16];
    uint32_t w[4];
} ip_addr;

/* One half of an address, for comparing and masking; native order. */
static inline uint64_t ip_half(const ip_addr *a, unsigned i) {
    uint64_t v;
    memcpy(&v, a->b + 8 * i, 8);
    return v;
}
static inline void ip_half_set(ip_addr *a, unsigned i, uint64_t v) { memcpy(a->b + 8 * i, &v, 8); }

static inline bool ip_eq(const ip_addr *a, const ip_addr *b) { return memcmp(a, b, 16) == 0; }
static inline bool ip_is_v4(const ip_addr *a) { return ip_half(a, 0) == 0 && load32(a->b + 8) == 0x0000ffffu; }
static inline bool ip_is_unspecified(const ip_addr *a) { /* :: or 0.0.0.0 */
    return ip_half(a, 0) == 0 && load32(a->b + 12) == 0 && (load32(a->b + 8) == 0 || load32(a->b + 8) == 0xffffu);
}
ip_addr ip_from_v4(uint32_t host_order);
static inline uint32_t ip_to_v4(const ip_addr *a) { return load32(a->b + 12); }
bool ip_is_multicast(const ip_addr *a);
bool ip_is_loopback(const ip_addr *a);
bool ip_is_link_local(const ip_addr *a);
/* Is `a` within prefix/len? len counts in the address's own family (0..32, 0..128). Families must agree. */
bool ip_in_prefix(const ip_addr *a, const ip_addr *prefix, unsigned len);
/* ff02::1:ffXX:XXXX (RFC 4291 2.7.1). */
ip_addr ip_solicited_node(const ip_addr *a);

/* Text. The buffers take TERN_ADDR_TEXT bytes; parse accepts exactly one address up to the NUL. */
bool ip_parse(const char *p, ip_addr *out);
const char *ip_format(const ip_addr *a, char buf[48]);

/* A small formatter for the *_format functions: appends to buf and always ends it with NUL; no libc. */
typedef struct text {
    char *at;
    size_t len, cap;
} text;
text text_of(char *buf, size_t cap);
void text_str(text *t, const char *s);
void text_u64(text *t, uint64_t v);
void text_hex(text *t, uint64_t v, unsigned digits); /* at least so many digits */
void text_mac(text *t, const uint8_t mac[6]);
void text_ip(text *t, const ip_addr *a);

enum { ETH_TYPE_IP4 = 0x0800, ETH_TYPE_ARP = 0x0806, ETH_TYPE_VLAN = 0x8100, ETH_TYPE_IP6 = 0x86dd };
enum {
    IP_PROTO_HOPOPTS = 0,
    IP_PROTO_ICMP4 = 1,
    IP_PROTO_TCP = 6,
    IP_PROTO_UDP = 17,
    IP_PROTO_ROUTING = 43,
    IP_PROTO_FRAGMENT = 44,
    IP_PROTO_ICMP6 = 58,
    IP_PROTO_NONE = 59,
    IP_PROTO_DSTOPTS = 60
};

/* All parse functions: false means malformed, the value is then unspecified. */

typedef struct eth_header {
    uint8_t dst[6], src[6];
    uint16_t type; /* of what follows, behind the tag */
    bool tagged;
    uint16_t tci; /* priority, DEI, VLAN id; 0 when untagged */
} eth_header;
bool eth_parse(reader *r, eth_header *out);
void eth_emit(writer *w, const eth_header *h);
void eth_format(text *t, const eth_header *h);

typedef struct arp_packet { /* Ethernet and IPv4 only (RFC 826) */
    uint16_t op;            /* 1 request, 2 reply */
    uint8_t sender_mac[6], target_mac[6];
    uint32_t sender_ip, target_ip; /* host order */
} arp_packet;
bool arp_parse(reader *r, arp_packet *out);
void arp_emit(writer *w, const arp_packet *p);
void arp_format(text *t, const arp_packet *p);

typedef struct ip4_header {
    uint8_t header_len; /* 20..60, options included */
    uint8_t tos, ttl, proto;
    uint16_t total_len, id;
    bool dont_fragment, more_fragments;
    uint16_t fragment_offset; /* bytes, a multiple of 8 */
    uint32_t src, dst;        /* host order */
    uint8_t options_len;      /* header_len - 20 */
    uint8_t options[40];
} ip4_header;
/* Checks version, lengths and the header checksum against the bytes at hand; reads options whole and checks that their
 * lengths add up. Leaves the reader at the payload and cuts its end to total_len. */
bool ip4_parse(reader *r, ip4_header *out);
/* Computes the checksum. options_len must be a multiple of 4. */
void ip4_emit(writer *w, const ip4_header *h);
void ip4_format(text *t, const ip4_header *h);

typedef struct ip6_header {
    uint8_t traffic_class, next_header, hop_limit;
    uint32_t flow_label;
    uint16_t payload_len;
    ip_addr src, dst;
} ip6_header;
bool ip6_parse(reader *r, ip6_header *out); /* cuts the reader's end to payload_len */
void ip6_emit(writer *w, const ip6_header *h);
void ip6_format(text *t, const ip6_header *h);

/* What a walk over the extension headers found (RFC 8200 4). At most 8 headers of at most 256 bytes in all. */
typedef struct ip6_chain {
    uint8_t proto;            /* upper-layer protocol, or IP_PROTO_FRAGMENT when a real fragment follows */
    uint16_t len;             /* bytes of extension headers walked; the reader stands behind them */
    bool fragment;            /* a fragment header was found */
    uint16_t fragment_offset; /* bytes */
    bool more_fragments;
    uint32_t fragment_id;
    uint8_t fragment_next;  /* next header inside the fragment */
    uint16_t fragment_at;   /* offset of the fragment header from the end of the IPv6 header */
    uint16_t next_field_at; /* from the IPv6 header's start: the Next Header byte that names the fragment header */
} ip6_chain;
enum ip6_verdict {
    IP6_OK,
    IP6_MALFORMED,               /* drop in silence */
    IP6_BAD_HEADER,              /* parameter problem code 0 at `problem` */
    IP6_BAD_NEXT,                /* parameter problem code 1 at `problem` */
    IP6_BAD_OPTION,              /* parameter problem code 2 at `problem`, as the option's two high bits ask */
    IP6_BAD_OPTION_NO_MULTICAST, /* the same unless the destination is multicast */
};
/* `problem` is an offset from the start of the IPv6 header. A routing header with segments left > 0 of any type is
 * IP6_BAD_HEADER (RFC 5095). A walk stops at a fragment header that is not atomic (RFC 6946). */
enum ip6_verdict ip6_walk(reader *r, uint8_t first, ip6_chain *out, uint32_t *problem);

typedef struct icmp_message { /* v4 and v6 alike: type, code, a 32-bit field, the rest */
    uint8_t type, code;
    uint32_t field;      /* echo: id << 16 | seq; errors: MTU, pointer or 0 (v4 MTU is in the low 16 bits) */
    const uint8_t *body; /* behind the 8 bytes */
    uint32_t body_len;
} icmp_message;
enum {
    ICMP4_ECHO_REPLY = 0,
    ICMP4_UNREACHABLE = 3,
    ICMP4_QUENCH = 4,
    ICMP4_REDIRECT = 5,
    ICMP4_ECHO = 8,
    ICMP4_TIME_EXCEEDED = 11,
    ICMP4_PARAMETER = 12
};
enum {
    ICMP6_UNREACHABLE = 1,
    ICMP6_TOO_BIG = 2,
    ICMP6_TIME_EXCEEDED = 3,
    ICMP6_PARAMETER = 4,
    ICMP6_ECHO = 128,
    ICMP6_ECHO_REPLY = 129,
    ICMP6_MLD_QUERY = 130,
    ICMP6_RS = 133,
    ICMP6_RA = 134,
    ICMP6_NS = 135,
    ICMP6_NA = 136,
    ICMP6_REDIRECT = 137
};
bool icmp_parse(reader *r, icmp_message *out); /* does not check the checksum: see ip_checksum_ok */
/* Writes 8 bytes and the body; the checksum field stays zero. */
void icmp_emit(writer *w, const icmp_message *m);
void icmp4_format(text *t, const icmp_message *m);
void icmp6_format(text *t, const icmp_message *m);

/* Neighbour discovery (RFC 4861): the body of an icmp_message of types 133..136. */
typedef struct nd_message {
    ip_addr target;                    /* NS, NA */
    bool router, solicited, override_; /* NA flags, from the ICMP field */
    bool has_lladdr;                   /* source (RS, RA, NS) or target (NA) link-layer address option */
    uint8_t lladdr[6];
    uint64_t nonce;                         /* NS: which question it is, 48 bits [RFC3971 5.3.2]; 0: not said */
    uint8_t hop_limit;                      /* RA */
    bool managed, other;                    /* RA */
    uint16_t router_lifetime_s;             /* RA */
    uint32_t reachable_ms, retrans_ms, mtu; /* RA; 0: not said */
    unsigned prefixes;                      /* RA: how many of prefix[] are set, the first 16 */
    struct nd_prefix {
        ip_addr prefix;
        uint8_t len;
        bool on_link, autonomous;
        uint32_t valid_s, preferred_s;
    } prefix[16];
} nd_message;
bool nd_parse(const icmp_message *m, nd_message *out); /* false: too short, or an option of length 0 or past the end */
/* Builds the field and body for type RS, NS or NA (and RA, for tests) into `w`, 8 ICMP bytes included, checksum
 * zero. */
void nd_emit(writer *w, uint8_t type, const nd_message *m);
void nd_format(text *t, uint8_t type, const nd_message *m);

/* TCP (RFC 9293 3.1, 3.2). */
enum {
    TCP_FIN = 0x01,
    TCP_SYN = 0x02,
    TCP_RST = 0x04,
    TCP_PSH = 0x08,
    TCP_ACK = 0x10,
    TCP_URG = 0x20,
    TCP_ECE = 0x40,
    TCP_CWR = 0x80,
    TCP_AE = 0x100
};
enum {
    TCP_OPT_EOL = 0,
    TCP_OPT_NOP = 1,
    TCP_OPT_MSS = 2,
    TCP_OPT_WSCALE = 3,
    TCP_OPT_SACK_OK = 4,
    TCP_OPT_SACK = 5,
    TCP_OPT_TS = 8,
    TCP_OPT_UTO = 28,
    TCP_OPT_TFO = 34
};

typedef struct tcp_options {
    bool has_mss, has_wscale, sack_ok, has_ts, has_uto, has_tfo;
    bool uto_minutes;   /* granularity bit (RFC 5482 3) */
    uint8_t wscale;     /* as received; above 14 counts as 14 at its user [RFC7323 2.3] */
    uint8_t sack_count; /* 0..4 */
    uint8_t tfo_len;    /* 0 (a request) or 4..16, even (RFC 7413 4.1.1) */
    uint8_t unknown;    /* how many of unknown kind were skipped [MUST-6] */
    uint16_t mss;
    uint16_t uto; /* 15 bits */
    uint32_t ts_value, ts_echo;
    struct {
        seq left, right;
    } sack[4];
    uint8_t tfo[16];
} tcp_options;

typedef struct tcp_header {
    uint16_t src_port, dst_port;
    seq seq_no, ack_no;
    uint16_t flags; /* 9 bits, AE included */
    uint16_t window, checksum, urgent;
    uint8_t header_len; /* 20..60 */
    tcp_options options;
} tcp_header;

/* No option at all; sack[] and tfo[] mean nothing while their counts are 0. */
static inline void tcp_options_clear(tcp_options *o) { memset(o, 0, offsetof(tcp_options, sack)); }
/* p[0 .. len); false at the first bad length, what came before is in *out. */
bool tcp_options_parse(const uint8_t *p, unsigned len, tcp_options *out);
void tcp_options_format(text *t, const tcp_options *o); /* a space before each */

enum tcp_parse_result { TCP_PARSE_OK, TCP_PARSE_SHORT, TCP_PARSE_BAD_OFFSET, TCP_PARSE_BAD_OPTION };
/* Leaves the reader at the payload. BAD_OPTION: a length of 0 or 1, past the header, or wrong for a known kind (but
 * a wrong Fast Open cookie is only passed over [RFC7413 4.1.1]); what came before is in out->options, and the rest
 * of *out is set [MUST-7]. Options need no alignment [MUST-64]. */
enum tcp_parse_result tcp_parse(reader *r, tcp_header *out);
/* Options as tern sends them: NOP-padded so that 32-bit fields are aligned, then zeros [MUST-69]. Returns bytes, a
 * multiple of 4, or 0 with w->bad when they do not fit in 40. */
unsigned tcp_options_emit(writer *w, const tcp_options *o);
/* Writes header and options; the data offset follows from them, the checksum field gets h->checksum (as memcpy'd). */
void tcp_emit(writer *w, const tcp_header *h);
void tcp_format(text *t, const tcp_header *h, uint32_t payload_len);

/* The pseudo-header's sum (RFC 9293 3.1, RFC 8200 8.1) for any upper protocol. */
uint64_t pseudo_sum(const ip_addr *src, const ip_addr *dst, uint8_t proto, uint32_t len);

#endif
