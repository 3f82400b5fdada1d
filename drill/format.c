/* format.c - packets as the language writes them, and the differences of two. See packet.h. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "drill/names.h"
#include "drill/packet.h"

static void add(char text[512], const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(char text[512], const char *format, ...) {
    size_t n = strlen(text);
    va_list args;
    va_start(args, format);
    vsnprintf(text + n, 512 - n, format, args);
    va_end(args);
}

static void ip_text(const struct ip_spec *ip, char *text) {
    static const char *const ecn[] = {"noecn", "ect1", "ect0", "ce", "ect01"};
    const char *comma = "";
    if (ip->ecn == ECN_NOT_STATED && ip->tos < 0 && ip->ttl < 0) return;
    add(text, "(");
    if (ip->ecn != ECN_NOT_STATED) {
        add(text, "%s", ecn[ip->ecn]);
        comma = ", ";
    }
    if (ip->tos > 3 || (ip->tos >= 0 && ip->ecn == ECN_NOT_STATED)) {
        add(text, "%stos 0x%02x", comma, (unsigned)ip->tos);
        comma = ", ";
    }
    if (ip->ttl >= 0) add(text, "%sttl %d", comma, ip->ttl);
    add(text, ")");
}

static void bytes_text(const struct tcp_option *o, char *text) {
    for (unsigned i = 0; i < o->bytes_len; i++) add(text, "%02x", o->bytes[i]);
}

static void option_text(const struct tcp_option *o, char *text) {
    switch (o->kind) {
    case OPTION_EOL: add(text, "eol"); break;
    case OPTION_NOP: add(text, "nop"); break;
    case OPTION_MSS: add(text, "mss %u", o->a); break;
    case OPTION_WSCALE: add(text, "wscale %u", o->a); break;
    case OPTION_SACK_OK: add(text, "sackOK"); break;
    case OPTION_SACK:
        add(text, "sack");
        for (unsigned i = 0; i < o->blocks; i++) add(text, " %u:%u", o->left[i], o->right[i]);
        break;
    case OPTION_TS: add(text, "TS val %u ecr %u", o->a, o->b); break;
    case OPTION_UTO: add(text, "uto %u%s", o->a, o->b ? " min" : ""); break;
    case OPTION_ACCECN0:
    case OPTION_ACCECN1: {
        static const char *const name[2][3] = {{"e0b", "ceb", "e1b"}, {"e1b", "ceb", "e0b"}};
        add(text, "ECN");
        for (unsigned i = 0; i < o->blocks && i < 3; i++)
            add(text, " %s %u", name[o->kind == OPTION_ACCECN1][i], o->left[i]);
        break;
    }
    default:
        if (o->kind == OPTION_MD5 || o->kind == OPTION_FO || o->kind == OPTION_FOEXP)
            add(text, o->kind == OPTION_MD5 ? "md5 " : o->kind == OPTION_FO ? "FO " : "FOEXP ");
        else
            add(text, "[%u] ", o->kind);
        bytes_text(o, text);
    }
}

static void icmp_cells(const struct packet *k, bool v6, struct cells *out) {
    char *text = out->text[CELL_FLAGS];
    const char *type = icmp_type_name(v6, k->icmp_type), *code = icmp_code_name(v6, k->icmp_type, k->icmp_code);
    add(text, "icmp ");
    if (type != NULL)
        add(text, "%s", type);
    else
        add(text, "type_%u", k->icmp_type);
    if (code != NULL)
        add(text, " %s", code);
    else if (k->icmp_code != 0)
        add(text, " code_%u", k->icmp_code);
    if (k->has_mtu) add(text, " mtu %u", k->mtu);
    if (k->has_id) add(text, " id %u", k->id);
}

void packet_cells(const struct packet *k, bool v6, struct cells *out) {
    char flags[16];
    memset(out, 0, sizeof *out);
    ip_text(&k->ip, out->text[CELL_IP]);
    if (k->kind == PACKET_ICMP) {
        icmp_cells(k, v6, out);
        return;
    }
    if (k->has_ports) add(out->text[CELL_FLAGS], "%u > %u ", k->src_port, k->dst_port);
    if (k->kind == PACKET_UDP) {
        add(out->text[CELL_FLAGS], "udp (%u)", k->len);
        return;
    }
    add(out->text[CELL_FLAGS], "%s", flags_format(k->flags, k->flags_ace, flags));
    if (k->seq_any)
        add(out->text[CELL_SEQ], "...(%u)", k->len);
    else
        add(out->text[CELL_SEQ], "%u:%u(%u)", k->seq, k->seq + k->len, k->len);
    if (k->flags & TERN_ACK) add(out->text[CELL_ACK], "ack %u", k->ack);
    if (k->has_window) add(out->text[CELL_WINDOW], "win %u", k->window);
    if (k->urgent != 0) add(out->text[CELL_URGENT], "urg %u", k->urgent);
    if (k->options_any) add(out->text[CELL_OPTIONS], "<...>");
    if (k->options_n == 0) return;
    for (unsigned i = 0; i < k->options_n; i++) {
        add(out->text[CELL_OPTIONS], i == 0 ? "<" : ",");
        option_text(&k->options[i], out->text[CELL_OPTIONS]);
    }
    add(out->text[CELL_OPTIONS], ">");
}

/* ---- differences ---- */

static bool ip_differs(const struct ip_spec *want, const struct ip_spec *got) {
    if (want->ecn == ECN_EITHER && got->ecn != 1 && got->ecn != 2) return true;
    if (want->ecn >= 0 && want->ecn != ECN_EITHER && want->ecn != got->ecn) return true;
    return (want->tos >= 0 && want->tos != got->tos) || (want->ttl >= 0 && want->ttl != got->ttl);
}

static bool option_differs(const struct tcp_option *want, const struct tcp_option *got, const struct rules *rules) {
    if (want->kind != got->kind || want->blocks != got->blocks || want->bytes_len != got->bytes_len) return true;
    if (want->kind == OPTION_TS) {
        int32_t away = (int32_t)(got->a - want->a);
        uint32_t distance = away < 0 ? 0u - (uint32_t)away : (uint32_t)away;
        return (rules->ts_checked && distance > rules->ts_slack) || (rules->echo_checked && want->b != got->b);
    }
    for (unsigned i = 0; i < want->blocks; i++)
        if (want->left[i] != got->left[i] || want->right[i] != got->right[i]) return true;
    return want->a != got->a || want->b != got->b || memcmp(want->bytes, got->bytes, want->bytes_len) != 0;
}

static bool options_differ(const struct packet *want, const struct packet *got, const struct rules *rules) {
    if (want->options_any) return false;
    if (want->options_n != got->options_n) return true;
    for (unsigned i = 0; i < want->options_n; i++)
        if (option_differs(&want->options[i], &got->options[i], rules)) return true;
    return false;
}

unsigned packet_differs(const struct packet *want, const struct packet *got, const struct rules *rules) {
    unsigned d = ip_differs(&want->ip, &got->ip) ? 1u << CELL_IP : 0;
    if (want->kind != got->kind) return d | 1u << CELL_FLAGS;
    if (want->kind == PACKET_UDP) return d | (want->len != got->len) << CELL_FLAGS;
    if (want->kind == PACKET_ICMP) {
        bool differs = want->icmp_type != got->icmp_type || want->icmp_code != got->icmp_code ||
                       (want->has_mtu && want->mtu != got->mtu) || (want->has_id && want->id != got->id);
        return d | (unsigned)differs << CELL_FLAGS;
    }
    d |= (unsigned)(want->flags != got->flags) << CELL_FLAGS;
    d |= (unsigned)((!want->seq_any && want->seq != got->seq) || want->len != got->len) << CELL_SEQ;
    d |= (unsigned)(want->ack != got->ack) << CELL_ACK;
    d |= (unsigned)(want->has_window && want->window != got->window) << CELL_WINDOW;
    d |= (unsigned)(want->urgent != got->urgent) << CELL_URGENT;
    return d | (unsigned)options_differ(want, got, rules) << CELL_OPTIONS;
}
