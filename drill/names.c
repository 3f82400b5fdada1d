/* names.c - see names.h. The ICMP part is RFC 792, 1122, 1812, 4443. */
#include "drill/names.h"

#include <stdio.h>
#include <string.h>

static const struct {
    char letter;
    uint16_t flag;
} flag_rows[] = {{'F', TERN_FIN}, {'S', TERN_SYN}, {'R', TERN_RST}, {'P', TERN_PSH}, {'U', TERN_URG},
                 {'E', TERN_ECE}, {'W', TERN_CWR}, {'A', TERN_AE},  {'.', TERN_ACK}};
enum { FLAGS = sizeof flag_rows / sizeof flag_rows[0] };

bool flag_of(char letter, uint16_t *flag) {
    for (unsigned i = 0; i < FLAGS; i++) {
        if (flag_rows[i].letter != letter) continue;
        *flag = flag_rows[i].flag;
        return true;
    }
    return false;
}

const char *flags_format(uint16_t flags, bool ace, char buf[16]) {
    enum { ACE = TERN_AE | TERN_CWR | TERN_ECE };
    size_t n = 0;
    for (unsigned i = 0; i < FLAGS; i++) {
        if (flag_rows[i].flag == TERN_ACK && ace)
            buf[n++] = (char)('0' + (!!(flags & TERN_AE) << 2 | !!(flags & TERN_CWR) << 1 | !!(flags & TERN_ECE)));
        if ((flags & flag_rows[i].flag) && !(ace && (flag_rows[i].flag & ACE))) buf[n++] = flag_rows[i].letter;
    }
    if (n == 0) buf[n++] = '-';
    buf[n] = '\0';
    return buf;
}

/* ---- ICMP ---- */

struct icmp_row {
    bool v6;
    uint8_t type;
    int16_t code; /* -1: the row names the type */
    const char *name;
};

static const struct icmp_row icmp_rows[] = {
    {false, 0, -1, "echo_reply"},
    {false, 3, -1, "unreachable"},
    {false, 4, -1, "source_quench"},
    {false, 5, -1, "redirect"},
    {false, 8, -1, "echo_request"},
    {false, 11, -1, "time_exceeded"},
    {false, 12, -1, "parameter_problem"},
    {false, 13, -1, "timestamp_request"},
    {false, 14, -1, "timestamp_reply"},
    {false, 15, -1, "information_request"},
    {false, 16, -1, "information_reply"},
    {false, 17, -1, "address_mask_request"},
    {false, 18, -1, "address_mask_reply"},
    {false, 3, 0, "net_unreachable"},
    {false, 3, 1, "host_unreachable"},
    {false, 3, 2, "protocol_unreachable"},
    {false, 3, 3, "port_unreachable"},
    {false, 3, 4, "frag_needed"},
    {false, 3, 5, "source_route_failed"},
    {false, 3, 6, "net_unknown"},
    {false, 3, 7, "host_unknown"},
    {false, 3, 8, "source_host_isolated"},
    {false, 3, 9, "net_prohibited"},
    {false, 3, 10, "host_prohibited"},
    {false, 3, 11, "net_unreachable_for_tos"},
    {false, 3, 12, "host_unreachable_for_tos"},
    {false, 3, 13, "packet_filtered"},
    {false, 3, 14, "precedence_violation"},
    {false, 3, 15, "precedence_cutoff"},
    {false, 11, 0, "ttl_exceeded_in_transit"},
    {false, 11, 1, "frag_reass_exceeded"},
    {true, 1, -1, "unreachable"},
    {true, 2, -1, "packet_too_big"},
    {true, 3, -1, "time_exceeded"},
    {true, 4, -1, "parameter_problem"},
    {true, 128, -1, "echo_request"},
    {true, 129, -1, "echo_reply"},
    {true, 1, 0, "no_route"},
    {true, 1, 1, "admin_prohibited"},
    {true, 1, 2, "not_neighbour"},
    {true, 1, 3, "address_unreachable"},
    {true, 1, 4, "port_unreachable"},
    {true, 3, 0, "exceeded_hop_limit"},
    {true, 3, 1, "exceeded_frag_time"},
    {true, 4, 0, "header_field"},
    {true, 4, 1, "unknown_next_header"},
    {true, 4, 2, "unknown_option"},
};
enum { ICMP_ROWS = sizeof icmp_rows / sizeof icmp_rows[0] };

/* "type_7", "code_200". */
static bool numbered(const char *name, const char *prefix, uint8_t *out) {
    unsigned v;
    char rest;
    if (strncmp(name, prefix, strlen(prefix)) != 0) return false;
    if (sscanf(name + strlen(prefix), "%3u%c", &v, &rest) != 1 || v > 255) return false;
    *out = (uint8_t)v;
    return true;
}

bool icmp_type_of(bool v6, const char *name, uint8_t *type) {
    for (unsigned i = 0; i < ICMP_ROWS; i++) {
        const struct icmp_row *r = &icmp_rows[i];
        if (r->v6 != v6 || r->code >= 0 || strcmp(r->name, name) != 0) continue;
        *type = r->type;
        return true;
    }
    return numbered(name, "type_", type);
}

bool icmp_code_of(bool v6, uint8_t type, const char *name, uint8_t *code) {
    for (unsigned i = 0; i < ICMP_ROWS; i++) {
        const struct icmp_row *r = &icmp_rows[i];
        if (r->v6 != v6 || r->code < 0 || r->type != type || strcmp(r->name, name) != 0) continue;
        *code = (uint8_t)r->code;
        return true;
    }
    return numbered(name, "code_", code);
}

static const char *icmp_name(bool v6, uint8_t type, int code) {
    for (unsigned i = 0; i < ICMP_ROWS; i++) {
        const struct icmp_row *r = &icmp_rows[i];
        if (r->v6 == v6 && r->type == type && r->code == code) return r->name;
    }
    return NULL;
}

const char *icmp_type_name(bool v6, uint8_t type) { return icmp_name(v6, type, -1); }
const char *icmp_code_name(bool v6, uint8_t type, uint8_t code) { return icmp_name(v6, type, code); }
