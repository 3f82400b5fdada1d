/* name.c - see name.h. */
#include "explain/name.h"

#include <inttypes.h>
#include <stdio.h>

#define SP "\xc2\xa0"

const char *socket_name(const struct flow_half *h, char buf[ENDPOINT_TEXT]) {
    char addr[TERN_ADDR_TEXT];
    ip_format(&h->addr, addr);
    snprintf(buf, ENDPOINT_TEXT, ip_is_v4(&h->addr) ? "%s:%u" : "[%s]:%u", addr, h->port);
    return buf;
}

const char *end_name(int end) { return end == END_A ? "a" : end == END_B ? "b" : ""; }

const char *ended_name(unsigned ended) {
    static const char *const names[] = {[FLOW_FILE_ENDED] = "capture_ended",
                                        [FLOW_OVER] = "over",
                                        [FLOW_REUSED] = "reused",
                                        [FLOW_EVICTED] = "evicted"};
    return ended < ARRAY_LEN(names) ? names[ended] : "";
}

const char *mark_name(unsigned bit) {
    static const char *const names[] = {"duplicate",      "super_segment",  "checksum_open",
                                        "checksum_wrong", "header_cut_off", "bad_option",
                                        "clock_step",     "no_time",        "elsewhere"};
    return bit < ARRAY_LEN(names) ? names[bit] : NULL;
}

const char *carrier_name(unsigned bit, bool machine) {
    static const char *const names[][2] = {{"VLAN", "vlan"},   {"PPP", "ppp"},       {"MPLS", "mpls"},
                                           {"IP", "ip"},       {"GRE", "gre"},       {"ERSPAN", "erspan"},
                                           {"VXLAN", "vxlan"}, {"Geneve", "geneve"}, {"GTP-U", "gtp_u"}};
    return bit < ARRAY_LEN(names) ? names[bit][machine] : NULL;
}

const char *states_name(uint16_t states, const char *between, char buf[STATES_TEXT]) {
    size_t at = 0;
    unsigned n = (unsigned)__builtin_popcount(states);
    if (n == 0 || n > 4) return "?";
    for (unsigned s = 0; s < TERN_STATES && at < STATES_TEXT; s++)
        if (states >> s & 1)
            at += (size_t)snprintf(buf + at, STATES_TEXT - at, "%s%s", at > 0 ? between : "",
                                   tern_state_name((enum tern_state)s));
    return buf;
}

/* A number below 1000 with three digits, and its unit. */
static const char *three(double v, const char *unit, char buf[32]) {
    snprintf(buf, 32, "%.*f" SP "%s", v < 9.995 ? 2 : v < 99.95 ? 1 : 0, v, unit);
    return buf;
}

const char *bytes_name(uint64_t bytes, char buf[32]) {
    static const char *const units[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
    double v = (double)bytes / 1e3;
    size_t u = 0;
    if (bytes < 1000) {
        snprintf(buf, 32, "%" PRIu64 SP "B", bytes);
        return buf;
    }
    for (; v >= 999.5 && u + 1 < ARRAY_LEN(units); u++) v /= 1e3;
    return three(v, units[u], buf);
}

const char *span_name(uint64_t ns, char buf[32]) {
    if (ns == 0) return "0";
    if (ns < MS_NS) {
        snprintf(buf, 32, "%.3f" SP "ms", (double)ns / 1e6);
        return buf;
    }
    if (ns < 999500000) return three((double)ns / 1e6, "ms", buf);
    if (ns < 600 * SEC_NS) return three((double)ns / 1e9, "s", buf);
    uint64_t s = ns / SEC_NS;
    if (s < 36000)
        snprintf(buf, 32, "%" PRIu64 SP "min", s / 60);
    else
        snprintf(buf, 32, "%" PRIu64 SP "h", s / 3600);
    return buf;
}
