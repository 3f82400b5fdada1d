/* mld.c - which IPv6 groups this host listens to, told to the switches and routers of an Ethernet: MLD version 2 as it is
 * spoken without a choice of sources, and version 1 where a router knows no other (RFC 3810, 2710). The groups are those
 * of neighbour discovery, one for each address [RFC4862 5.4.2]; that of all nodes is never reported [RFC3810 6].
 *
 * Whatever is said of one group is said of all: they fit one packet, and so one clock for each link is enough. */
#include "ip/internal.h"

enum { REPORT_1 = 131, DONE_1 = 132, REPORT_2 = 143 };
enum {
    IS_EXCLUDE = 2,
    TO_INCLUDE = 3,
    TO_EXCLUDE = 4
}; /* [RFC3810 5.2.12] sources: all; none from now on; all from now on */
enum { ALERT_LEN = 8, HEAD_LEN = 8, RECORD_LEN = 20, QUERY_LEAST = 16, QUERY_2_LEAST = 20, ROBUSTNESS = 2 };
#define VERSION_1_NS (260 * SEC_NS) /* [RFC3810 9.12] after a question of version 1 */
#define ANSWER_NS (100 * MS_NS)     /* between two answers, whatever is asked */
#define REPEAT_MS 1000              /* [RFC3810 9.11] */

static bool reports(const struct stack *s, int iface) {
    return s->cfg.mld && is_ethernet(s, iface) && !s->ip.link[iface].down;
}

static bool version_1(const struct stack *s, int iface) { return s->now < s->ip.link[iface].groups.version_1_until; }

/* ---- which groups ---- */

/* An address takes its group with the first question whether it is free. */
static bool has_group(const struct ip_address *a, int iface) {
    return a->iface == iface && !ip_is_v4(&a->addr) && (a->state != IP_ADDRESS_TENTATIVE || !a->probes_left);
}

/* The group of the i-th address; false: it has none, or one before it has the same. */
static bool group_at(const struct stack *s, int iface, uint32_t i, ip_addr *group) {
    if (!has_group(&s->ip.address[i], iface)) return false;
    *group = ip_solicited_node(&s->ip.address[i].addr);
    for (uint32_t k = 0; k < i; k++) {
        if (!has_group(&s->ip.address[k], iface)) continue;
        ip_addr other = ip_solicited_node(&s->ip.address[k].addr);
        if (ip_eq(&other, group)) return false;
    }
    return true;
}

/* ---- out ---- */

/* A link-local address of ours; while there is none, nobody's: for switches it is as good [RFC3590 4]. */
static ip_addr source_of(const struct stack *s, int iface) {
    for (uint32_t i = 0; i < s->ip.addresses; i++) {
        const struct ip_address *a = &s->ip.address[i];
        if (a->iface == iface && a->state == IP_ADDRESS_OK && !ip_is_v4(&a->addr) && ip_is_link_local(&a->addr))
            return a->addr;
    }
    return (ip_addr){{0}};
}

/* The message, and before it the option that makes routers look [RFC2711 2.1]. */
struct mld_message {
    uint8_t bytes[ALERT_LEN + HEAD_LEN + RECORD_LEN * (IP_ADDRS + IP_GROUPS_LEFT)];
    writer w;
};

static void begin(struct mld_message *m, uint8_t type, uint16_t count) {
    static const uint8_t alert[ALERT_LEN] = {IP_PROTO_ICMP6, 0, 5, 2, 0, 0, 1, 0};
    m->w = writer_of(m->bytes, sizeof m->bytes);
    write_bytes(&m->w, alert, sizeof alert);
    icmp_emit(&m->w, &(icmp_message){.type = type, .field = count});
}

static void finish(struct stack *s, int iface, const ip_addr *dst, struct mld_message *m) {
    uint32_t len = (uint32_t)writer_len(&m->w);
    uint8_t mac[6];
    ASSERT(!m->w.bad);
    struct ip_out o = {.src = source_of(s, iface),
                       .dst = *dst,
                       .proto = IP_PROTO_HOPOPTS,
                       .ttl = 1,
                       .csum_offset = -1,
                       .head = m->bytes,
                       .head_len = len};
    uint64_t sum = s->ck->add(m->bytes + ALERT_LEN, len - ALERT_LEN, 0);
    uint16_t value = checksum_finish(checksum_join(sum, pseudo_sum(&o.src, dst, IP_PROTO_ICMP6, len - ALERT_LEN)));
    memcpy(m->bytes + ALERT_LEN + 2, &value, sizeof value);
    mac_of_group(dst, mac);
    ip_send_link(s, iface, mac, &o);
}

static void write_record(struct mld_message *m, uint8_t type, const ip_addr *group) {
    write8(&m->w, type);
    write8(&m->w, 0);  /* nothing behind it */
    write16(&m->w, 0); /* no sources */
    write_bytes(&m->w, group->b, 16);
}

/* [RFC2710 3, 4] One packet for each group. */
static void send_1(struct stack *s, int iface, uint8_t type, const ip_addr *group) {
    struct mld_message m;
    ip_addr routers = ip_all_routers();
    begin(&m, type, 0);
    write_bytes(&m.w, group->b, 16);
    finish(s, iface, type == DONE_1 ? &routers : group, &m);
}

/* All groups under one heading, and after a change those that were left. */
static void report(struct stack *s, int iface, uint8_t heading) {
    struct ip_groups *g = &s->ip.link[iface].groups;
    static const ip_addr listeners = {.b = {0xff, 2, [15] = 0x16}};
    ip_addr group[IP_ADDRS];
    uint16_t n = 0, left = heading == TO_EXCLUDE ? g->lefts : 0;
    for (uint32_t i = 0; i < s->ip.addresses; i++) n = (uint16_t)(n + group_at(s, iface, i, &group[n]));
    if (version_1(s, iface)) {
        for (unsigned i = 0; i < n; i++) send_1(s, iface, REPORT_1, &group[i]);
    } else if (n + left) {
        struct mld_message m;
        begin(&m, REPORT_2, (uint16_t)(n + left));
        for (unsigned i = 0; i < n; i++) write_record(&m, heading, &group[i]);
        for (unsigned i = 0; i < left; i++) write_record(&m, TO_INCLUDE, &g->left[i]);
        finish(s, iface, &listeners, &m);
    }
}

/* ---- changes: told at once, and once more within a second [RFC3810 6.1] ---- */

static void tell_change(struct stack *s, int iface) {
    struct ip_groups *g = &s->ip.link[iface].groups;
    report(s, iface, TO_EXCLUDE);
    g->changes--;
    g->change_due = s->now + rng_below(&s->rng, REPEAT_MS) * MS_NS;
    if (!g->changes) g->lefts = 0;
}

/* What was left may have been joined again, or was in the list before. */
static void left_remove(struct ip_groups *g, const ip_addr *group) {
    unsigned kept = 0;
    for (unsigned i = 0; i < g->lefts; i++)
        if (!ip_eq(&g->left[i], group)) g->left[kept++] = g->left[i];
    g->lefts = (uint8_t)kept;
}

void mld_changed(struct stack *s, int iface) {
    struct ip_groups *g = &s->ip.link[iface].groups;
    ip_addr group;
    if (!reports(s, iface)) return;
    for (uint32_t i = 0; i < s->ip.addresses; i++)
        if (group_at(s, iface, i, &group)) left_remove(g, &group);
    g->changes = ROBUSTNESS;
    g->change_due = s->now;
    if (!version_1(s, iface)) tell_change(s, iface); /* there it is a packet a group: once for all that change now */
}

void mld_left(struct stack *s, int iface, const ip_addr *addr) {
    struct ip_groups *g = &s->ip.link[iface].groups;
    ip_addr group = ip_solicited_node(addr);
    if (!reports(s, iface) || ip_is_joined(s, iface, &group)) return;
    if (version_1(s, iface)) {
        send_1(s, iface, DONE_1, &group);
        return;
    }
    left_remove(g, &group);
    if (g->lefts == IP_GROUPS_LEFT) { /* told of once before: routers ask whether somebody is left */
        ip_addr oldest = g->left[0];
        left_remove(g, &oldest);
    }
    g->left[g->lefts++] = group;
    mld_changed(s, iface);
}

void mld_forget(struct stack *s, int iface) { s->ip.link[iface].groups = (struct ip_groups){.changes = 0}; }

/* ---- questions ---- */

/* Behind the IPv6 header lies a header of hop-by-hop options with a router alert [RFC3810 6.2]. Its options were walked
 * before: they end where it ends. */
static bool has_alert(const struct ip_in *in) {
    enum { ALERT = 5, PAD_1 = 0 };
    if (in->packet[6] != IP_PROTO_HOPOPTS) return false;
    const uint8_t *at = in->packet + 42, *end = in->packet + 40 + 8 * (in->packet[41] + 1u);
    while (at + 1 < end && *at != ALERT) at += *at == PAD_1 ? 1 : 2 + at[1];
    return at + 1 < end && at[1] == 2;
}

/* [RFC3810 5.1.3] From 32768 on it is a floating-point number. */
static uint32_t delay_ms(uint16_t code) {
    if (code < 0x8000) return code;
    return ((code & 0xfffu) | 0x1000u) << ((code >> 12 & 7) + 3);
}

/* A version 2 question is longer than one of version 1, and nothing lies between [RFC3810 8.1]. */
static bool query_ok(const struct ip_in *in, const icmp_message *m) {
    bool length = m->body_len == QUERY_LEAST || m->body_len >= QUERY_2_LEAST;
    return length && in->info.ttl == 1 && ip_is_link_local(&in->info.src) && has_alert(in);
}

/* Ours are told of within the time that the question leaves, unless they will be anyway. */
void mld_query(struct stack *s, const struct ip_in *in, const icmp_message *m) {
    int iface = in->info.iface;
    struct ip_groups *g = &s->ip.link[iface].groups;
    if (!query_ok(in, m)) {
        drop_in(s, in, R_MLD_INVALID);
        return;
    }
    count(s, R_MLD_OK);
    if (!reports(s, iface)) return;
    if (m->body_len == QUERY_LEAST) g->version_1_until = s->now + VERSION_1_NS;
    uint32_t most = m->body_len == QUERY_LEAST ? m->field >> 16 : delay_ms((uint16_t)(m->field >> 16));
    ip_addr group;
    memcpy(group.b, m->body, 16);
    if (!ip_is_unspecified(&group) && !ip_is_joined(s, iface, &group)) return;
    uint64_t due = s->now + rng_below(&s->rng, most + 1) * MS_NS;
    due = max_u64(due, g->answered_at ? g->answered_at + ANSWER_NS : 0);
    if (g->asked && g->answer_due <= due) return;
    g->asked = true;
    g->answer_due = due;
    autoconf_rearm(s);
}

/* ---- time ---- */

uint64_t mld_due(const struct stack *s, int iface) {
    const struct ip_groups *g = &s->ip.link[iface].groups;
    return min_u64(g->changes ? g->change_due : TERN_NEVER, g->asked ? g->answer_due : TERN_NEVER);
}

void mld_timer(struct stack *s, int iface) {
    struct ip_groups *g = &s->ip.link[iface].groups;
    if (g->changes && g->change_due <= s->now) tell_change(s, iface);
    if (!g->asked || g->answer_due > s->now) return;
    g->asked = false;
    g->answered_at = s->now;
    report(s, iface, IS_EXCLUDE);
}
