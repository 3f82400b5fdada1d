/* parse_packet.c - a packet as it is written: TCP, UDP, ICMP, with what is said of its IP header. */
#include <stdio.h>
#include <string.h>

#include "drill/names.h"
#include "drill/packet.h"
#include "drill/parse.h"
#include "po/i18n.h"

/* ---- what stands in ( ) or [ ] before it, of the IP header ---- */

static bool ip_item(struct parse *p, struct ip_spec *ip, bool inject) {
    static const char *const ecn[] = {"noecn", "ect1", "ect0", "ce"};
    for (int8_t i = 0; i < 4; i++) {
        if (!parse_word(p, ecn[i])) continue;
        ip->ecn = i;
        return true;
    }
    if (!inject && parse_word(p, "ect01"))
        ip->ecn = ECN_EITHER;
    else if (parse_word(p, "tos") || parse_word(p, "class"))
        ip->tos = (int16_t)parse_number(p, "tos", 0, 255);
    else if (parse_word(p, "ttl") || parse_word(p, "hlim"))
        ip->ttl = (int16_t)parse_number(p, "ttl", 0, 255);
    else if (parse_word(p, "flowlabel")) {
        ip->has_label = true;
        ip->label = (uint32_t)parse_number(p, "flowlabel", 0, 0xfffff);
    } else {
        parse_expected(p, _("ect0, ect1, ect01, ce, noecn, tos, ttl or flowlabel"));
        return false;
    }
    return true;
}

static void ip_spec(struct parse *p, struct ip_spec *ip, bool inject) {
    *ip = (struct ip_spec){.ecn = ECN_NOT_STATED, .tos = -1, .ttl = -1};
    char close = parse_is_sign(p, '(') ? ')' : parse_is_sign(p, '[') ? ']' : '\0';
    if (close == '\0') return;
    do scan_next(&p->scan);
    while (ip_item(p, ip, inject) && parse_is_sign(p, ','));
    parse_need(p, close);
}

/* ---- TCP options ---- */

static uint32_t u32(struct parse *p, const char *what) { return (uint32_t)parse_number(p, what, 0, UINT32_MAX); }

static void sack_blocks(struct parse *p, struct tcp_option *o) {
    while (p->scan.now.kind == TOKEN_INTEGER && !p->scan.failed) {
        if (o->blocks == 4) {
            scan_fail(&p->scan, p->scan.now.at, _("at most four SACK blocks fit into a segment"));
            return;
        }
        o->left[o->blocks] = u32(p, "sack");
        parse_need(p, ':');
        o->right[o->blocks++] = u32(p, "sack");
    }
    if (o->blocks == 0) parse_expected(p, _("a block like 1:1001"));
}

/* A run of hexadecimal digits, which need not be a token. */
static void hex_bytes(struct parse *p, struct tcp_option *o, size_t least, size_t most) {
    size_t n = scan_run(&p->scan, "0123456789abcdefABCDEF");
    if (n % 2 != 0 || n / 2 < least || n / 2 > most) {
        parse_expected(p, _("an even number of hexadecimal digits that fits the option"));
        return;
    }
    for (size_t i = 0; i < n / 2; i++) {
        unsigned v = 0;
        sscanf(p->scan.now.from + 2 * i, "%2x", &v);
        o->bytes[i] = (uint8_t)v;
    }
    o->bytes_len = (uint8_t)(n / 2);
    if (n > 0) scan_take(&p->scan, n);
}

/* "e0b N ceb N e1b N" or the other order; fewer at the end. */
static void accecn(struct parse *p, struct tcp_option *o) {
    static const char *const order[2][3] = {{"e0b", "ceb", "e1b"}, {"e1b", "ceb", "e0b"}};
    unsigned which = parse_is_word(p, "e1b");
    o->kind = which ? OPTION_ACCECN1 : OPTION_ACCECN0;
    while (o->blocks < 3 && parse_word(p, order[which][o->blocks]))
        o->left[o->blocks++] = (uint32_t)parse_number(p, "ECN", 0, 0xffffff);
    if (o->blocks == 0) parse_expected(p, "e0b");
}

static void tcp_option(struct parse *p, struct tcp_option *o) {
    if (parse_word(p, "mss")) {
        o->kind = OPTION_MSS;
        o->a = (uint32_t)parse_number(p, "mss", 0, 65535);
    } else if (parse_word(p, "wscale")) {
        o->kind = OPTION_WSCALE;
        o->a = (uint32_t)parse_number(p, "wscale", 0, 255);
    } else if (parse_word(p, "sackOK")) {
        o->kind = OPTION_SACK_OK;
    } else if (parse_word(p, "sack")) {
        o->kind = OPTION_SACK;
        sack_blocks(p, o);
    } else if (parse_word(p, "TS")) {
        o->kind = OPTION_TS;
        if (!parse_word(p, "val")) parse_expected(p, "val");
        o->a = u32(p, "val");
        if (!parse_word(p, "ecr")) parse_expected(p, "ecr");
        o->b = u32(p, "ecr");
    } else if (parse_word(p, "nop")) {
        o->kind = OPTION_NOP;
    } else if (parse_word(p, "eol")) {
        o->kind = OPTION_EOL;
    } else if (parse_word(p, "md5")) {
        o->kind = OPTION_MD5;
        hex_bytes(p, o, 16, 16);
    } else if (parse_word(p, "FO")) {
        o->kind = OPTION_FO;
        hex_bytes(p, o, 0, 38);
    } else if (parse_word(p, "FOEXP")) {
        o->kind = OPTION_FOEXP;
        hex_bytes(p, o, 0, 36);
    } else if (parse_word(p, "uto")) {
        o->kind = OPTION_UTO;
        o->a = (uint32_t)parse_number(p, "uto", 0, 32767);
        o->b = parse_word(p, "min");
    } else if (parse_word(p, "ECN")) {
        accecn(p, o);
    } else {
        parse_expected(p, _("a TCP option: mss, wscale, sackOK, sack, TS, nop, eol, md5, FO, FOEXP, ECN, uto"));
    }
}

static void tcp_options(struct parse *p, struct packet *k, bool inject) {
    struct place at = p->scan.now.at;
    if (!parse_sign(p, '<')) return;
    if (p->scan.now.kind == TOKEN_ELLIPSIS) {
        if (inject) scan_fail(&p->scan, p->scan.now.at, _("<...> is for expected packets only"));
        scan_next(&p->scan);
        k->options_any = true;
    } else if (!parse_is_sign(p, '>')) {
        do {
            if (k->options_n == OPTIONS_AT_MOST) {
                scan_fail(&p->scan, p->scan.now.at, _("these options do not fit into 40 bytes"));
                return;
            }
            tcp_option(p, &k->options[k->options_n++]);
        } while (parse_sign(p, ','));
    }
    bool whole = true;
    options_size(k->options, k->options_n, &whole);
    if (!whole) scan_fail(&p->scan, at, _("these options are not whole 32-bit words; fill up with nop or eol"));
    parse_need(p, '>');
}

/* ---- TCP ---- */

#define FLAG_LETTERS "FSRPEWAU.01234567-"

static void flags(struct parse *p, struct packet *k) {
    size_t n = scan_run(&p->scan, FLAG_LETTERS);
    const char *from = p->scan.now.from;
    if (n == 0 || (memchr(from, '-', n) != NULL && n > 1)) {
        parse_expected(p, _("flags of F S R P U E W A 0-7 '.' or '-', or icmp or udp"));
        return;
    }
    for (size_t i = 0; i < n && *from != '-'; i++) {
        uint16_t flag = 0;
        if (from[i] >= '0' && from[i] <= '7') {
            unsigned ace = (unsigned)(from[i] - '0');
            k->flags_ace = true;
            flag = (uint16_t)((ace & 4 ? TERN_AE : 0) | (ace & 2 ? TERN_CWR : 0) | (ace & 1 ? TERN_ECE : 0));
        } else {
            flag_of(from[i], &flag);
        }
        if (k->flags & flag) scan_fail(&p->scan, p->scan.now.at, _("the flag '%c' is there twice"), from[i]);
        k->flags |= flag;
    }
    scan_take(&p->scan, n);
}

/* SEQ:END(LEN), SEQ!:END!(LEN), ...(LEN) */
static void sequence(struct parse *p, struct packet *k, bool inject) {
    struct place at = p->scan.now.at;
    if (p->scan.now.kind == TOKEN_ELLIPSIS && !inject) {
        scan_next(&p->scan);
        k->seq_any = true;
    }
    uint32_t end = 0;
    if (!k->seq_any) {
        k->seq = u32(p, _("the sequence number"));
        k->seq_absolute = parse_sign(p, '!');
        parse_need(p, ':');
        end = u32(p, _("the sequence number of the end"));
        parse_sign(p, '!');
    }
    parse_need(p, '(');
    k->len = (uint32_t)parse_number(p, _("the length"), 0, 65535 * 64);
    parse_need(p, ')');
    if (!k->seq_any && !p->scan.failed && k->seq + k->len != end)
        scan_fail(&p->scan, at, _("%u + %u is %u, not %u"), k->seq, k->len, k->seq + k->len, end);
    if (inject && k->len > 65535 - 120) scan_fail(&p->scan, at, _("a packet takes at most 65535 bytes"));
}

static void tcp(struct parse *p, struct packet *k, bool inject) {
    struct place at = p->scan.now.at;
    flags(p, k);
    sequence(p, k, inject);
    bool acks = parse_word(p, "ack");
    if (acks) {
        k->ack = u32(p, "ack");
        k->ack_absolute = parse_sign(p, '!');
    }
    if (acks && !(k->flags & TERN_ACK)) scan_fail(&p->scan, at, _("'ack' without the flag '.'"));
    if (parse_word(p, "win")) {
        k->has_window = true;
        k->window = (uint16_t)parse_number(p, "win", 0, 65535);
    }
    if (!k->has_window && inject) scan_fail(&p->scan, p->scan.now.at, _("an injected segment needs 'win'"));
    if (parse_word(p, "urg")) k->urgent = (uint16_t)parse_number(p, "urg", 0, 65535);
    tcp_options(p, k, inject);
    if (parse_is_sign(p, '/')) scan_fail(&p->scan, p->scan.now.at, _("encapsulation in UDP is not known here"));
}

/* 8080 > 1234, before the flags: a number that no sequence number follows. */
static void ports(struct parse *p, struct packet *k) {
    const char *at = p->scan.at;
    if (p->scan.now.kind != TOKEN_INTEGER) return;
    while (*at == ' ' || *at == '\t') at++;
    if (*at != '>') return;
    k->has_ports = true;
    k->src_port = (uint16_t)parse_number(p, _("the port"), 0, 65535);
    parse_need(p, '>');
    k->dst_port = (uint16_t)parse_number(p, _("the port"), 0, 65535);
}

/* ---- ICMP ---- */

static void echoed(struct parse *p, struct packet *k) {
    if (!parse_sign(p, '[')) return;
    if (parse_word(p, "udp") || parse_is_word(p, "raw")) {
        k->echoed = parse_word(p, "raw") ? ECHOED_RAW : ECHOED_UDP;
    } else {
        k->echoed = ECHOED_TCP;
        k->echoed_seq = u32(p, _("the sequence number"));
        parse_need(p, ':');
        u32(p, _("the sequence number of the end"));
    }
    parse_need(p, '(');
    k->echoed_len = (uint32_t)parse_number(p, _("the length"), 0, 65000);
    parse_need(p, ')');
    parse_need(p, ']');
}

static void icmp(struct parse *p, struct packet *k) {
    bool v6 = p->script->options.version == IP_V6;
    k->kind = PACKET_ICMP;
    if (p->scan.now.kind != TOKEN_WORD || !icmp_type_of(v6, p->scan.now.text, &k->icmp_type)) {
        parse_expected(p, v6 ? _("a type of ICMPv6") : _("a type of ICMP"));
        return;
    }
    scan_next(&p->scan);
    bool code = p->scan.now.kind == TOKEN_WORD && !parse_is_word(p, "mtu") && !parse_is_word(p, "id");
    if (code && !icmp_code_of(v6, k->icmp_type, p->scan.now.text, &k->icmp_code)) {
        parse_expected(p, _("a code of this type of ICMP"));
        return;
    }
    if (code) scan_next(&p->scan);
    struct place at = p->scan.now.at;
    if (parse_word(p, "mtu")) {
        k->has_mtu = true;
        k->mtu = u32(p, "mtu");
        if (k->icmp_type != (v6 ? 2 : 3) || k->icmp_code != (v6 ? 0 : 4))
            scan_fail(&p->scan, at, _("'mtu' is for frag_needed and packet_too_big"));
    }
    if (parse_word(p, "id")) {
        k->has_id = true;
        k->id = (uint32_t)parse_number(p, "id", 0, 65535);
    }
    echoed(p, k);
}

struct packet *parse_packet(struct parse *p, bool inject) {
    struct packet *k = parse_take(p, sizeof *k);
    if (k == NULL) return NULL;
    if (parse_is_word(p, "ipv4") || parse_is_word(p, "ipv6") || parse_is_word(p, "gre") || parse_is_word(p, "mpls") ||
        parse_is_word(p, "encap"))
        scan_fail(&p->scan, p->scan.now.at, _("encapsulation ('%s') is not known here"), p->scan.now.text);
    ip_spec(p, &k->ip, inject);
    if (parse_word(p, "icmp")) {
        icmp(p, k);
    } else if (parse_word(p, "udp")) {
        k->kind = PACKET_UDP;
        ports(p, k);
        parse_need(p, '(');
        k->len = (uint32_t)parse_number(p, _("the length"), 0, 65000);
        parse_need(p, ')');
    } else {
        ports(p, k);
        tcp(p, k, inject);
    }
    return k;
}
