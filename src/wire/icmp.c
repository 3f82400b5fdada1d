/* icmp.c - the common shape of ICMP (RFC 792) and ICMPv6 (RFC 4443) messages. When to send or believe one is
 * ip/icmp.c's. */
#include "wire/wire.h"

bool icmp_parse(reader *r, icmp_message *out) {
    const uint8_t *p = read_bytes(r, 8);
    if (!p) return false;
    out->type = p[0];
    out->code = p[1];
    out->field = load32(p + 4);
    out->body_len = (uint32_t)reader_left(r);
    out->body = read_bytes(r, out->body_len);
    return true;
}

void icmp_emit(writer *w, const icmp_message *m) {
    write8(w, m->type);
    write8(w, m->code);
    write16(w, 0);
    write32(w, m->field);
    write_bytes(w, m->body, m->body_len);
}

static void format_echo(text *t, const icmp_message *m, bool reply) {
    text_str(t, reply ? "echo reply id " : "echo request id ");
    text_u64(t, m->field >> 16);
    text_str(t, " seq ");
    text_u64(t, m->field & 0xffff);
    text_str(t, " len ");
    text_u64(t, m->body_len);
}

static void format_code(text *t, const char *name, const icmp_message *m) {
    text_str(t, name);
    text_str(t, " code ");
    text_u64(t, m->code);
}

static void format_number(text *t, const char *name, uint32_t v) {
    text_str(t, name);
    text_u64(t, v);
}

static void format_other(text *t, const icmp_message *m) {
    format_number(t, "type ", m->type);
    format_code(t, "", m);
}

void icmp4_format(text *t, const icmp_message *m) {
    text_str(t, "ICMP ");
    switch (m->type) {
    case ICMP4_ECHO:
    case ICMP4_ECHO_REPLY: format_echo(t, m, m->type == ICMP4_ECHO_REPLY); break;
    case ICMP4_UNREACHABLE:
        if (m->code == 4)
            format_number(t, "fragmentation needed mtu ", m->field & 0xffff);
        else
            format_code(t, "destination unreachable", m);
        break;
    case ICMP4_QUENCH: format_code(t, "source quench", m); break;
    case ICMP4_REDIRECT: format_code(t, "redirect", m); break;
    case ICMP4_TIME_EXCEEDED: format_code(t, "time exceeded", m); break;
    case ICMP4_PARAMETER: format_number(t, "parameter problem at ", m->field >> 24); break;
    default: format_other(t, m); break;
    }
}

void icmp6_format(text *t, const icmp_message *m) {
    text_str(t, "ICMPv6 ");
    switch (m->type) {
    case ICMP6_ECHO:
    case ICMP6_ECHO_REPLY: format_echo(t, m, m->type == ICMP6_ECHO_REPLY); break;
    case ICMP6_UNREACHABLE: format_code(t, "destination unreachable", m); break;
    case ICMP6_TOO_BIG: format_number(t, "packet too big mtu ", m->field); break;
    case ICMP6_TIME_EXCEEDED: format_code(t, "time exceeded", m); break;
    case ICMP6_PARAMETER:
        format_code(t, "parameter problem", m);
        format_number(t, " at ", m->field);
        break;
    case ICMP6_MLD_QUERY: text_str(t, "multicast listener query"); break;
    case ICMP6_RS: text_str(t, "router solicitation"); break;
    case ICMP6_RA: text_str(t, "router advertisement"); break;
    case ICMP6_NS: text_str(t, "neighbour solicitation"); break;
    case ICMP6_NA: text_str(t, "neighbour advertisement"); break;
    case ICMP6_REDIRECT: text_str(t, "redirect"); break;
    default: format_other(t, m); break;
    }
}
