/* echo.c - our own echo requests and what comes back (RFC 1122 3.2.2.6, RFC 4443 4.1). Answers to others' requests are
 * icmp.c's. Only what answers one of the last requests, once, is believed. */
#include "ip/internal.h"

enum { ECHOES = 64 };

struct echo_request {
    ip_addr remote; /* unspecified: free, or answered */
    uint32_t field; /* id << 16 | seq */
};

struct echo_state {
    struct echo_request sent[ECHOES];
    uint32_t next_sent;
    tern_echo got[ECHOES];
    uint32_t first, count;
};

void echo_free(struct stack *s) { mem_free(s, s->ip.echo, s->ip.echo ? sizeof *s->ip.echo : 0); }

int tern_echo_send(tern_stack *public, const tern_addr *remote, uint16_t id, uint16_t seq_no, const void *payload,
                   size_t len) {
    struct stack *s = stack_of(public);
    if (!s || !remote || (remote->family != 4 && remote->family != 6) || (len && !payload)) return TERN_EINVAL;
    ip_addr dst = addr_in(remote), src;
    bool v4 = remote->family == 4;
    if (ip_is_v4(&dst) != v4 || !ip_may_be_peer(s, &dst)) return TERN_EADDRNOTAVAIL;
    if (len > (v4 ? 65535u - 28 : 65535u - 8)) return TERN_EMSGSIZE;
    if (!ip_route_source(s, &dst, &src)) return TERN_ENOROUTE;
    if (!ip_is_ours(s, &src)) return TERN_EAGAIN; /* still checked for duplicates */
    if (!s->ip.echo) s->ip.echo = mem_zalloc(s, sizeof *s->ip.echo);
    if (!s->ip.echo) return TERN_ENOMEM;
    uint32_t field = (uint32_t)id << 16 | seq_no;
    s->ip.echo->sent[s->ip.echo->next_sent++ % ECHOES] = (struct echo_request){dst, field};
    uint8_t head[8];
    icmp_message m = {.type = v4 ? ICMP4_ECHO : ICMP6_ECHO, .field = field};
    writer w = writer_of(head, sizeof head);
    icmp_emit(&w, &m);
    struct ip_out o = {.src = src,
                       .dst = dst,
                       .proto = v4 ? IP_PROTO_ICMP4 : IP_PROTO_ICMP6,
                       .csum_offset = 2,
                       .head = head,
                       .head_len = sizeof head,
                       .body = payload,
                       .body_len = (uint32_t)len};
    ip_send_out(s, &o);
    return TERN_OK;
}

/* Was this asked, and not yet answered? */
static bool take_request(struct stack *s, const ip_addr *remote, uint32_t field) {
    for (unsigned i = 0; s->ip.echo && i < ECHOES; i++) {
        struct echo_request *r = &s->ip.echo->sent[i];
        if (r->field != field || !ip_eq(&r->remote, remote)) continue;
        r->remote = (ip_addr){{0}};
        return true;
    }
    return false;
}

/* A place for one more answer; the oldest makes room. */
static tern_echo *place(struct stack *s) {
    struct echo_state *e = s->ip.echo;
    if (e->count == ECHOES) {
        e->first++;
        e->count--;
        drop(s, -1, R_QUEUE_FULL, NULL);
    }
    event_raise_stack(s, TERN_EV_ECHO);
    return &e->got[(e->first + e->count++) % ECHOES];
}

void echo_reply(struct stack *s, const struct ip_in *in, const icmp_message *m) {
    if (!take_request(s, &in->info.src, m->field)) {
        drop_in(s, in, R_ICMP_IGNORED);
        return;
    }
    count(s, R_ICMP_OK);
    tern_echo *e = place(s);
    *e = (tern_echo){.remote = addr_out(&in->info.src),
                     .id = (uint16_t)(m->field >> 16),
                     .seq = (uint16_t)m->field,
                     .len = (uint16_t)m->body_len,
                     .ttl = in->info.ttl,
                     .time_ns = s->now};
    if (m->body_len) memcpy(e->payload, m->body, min_u32(m->body_len, sizeof e->payload));
}

bool echo_error(struct stack *s, const ip_addr *remote, const ip_addr *from, uint32_t field, uint8_t ttl) {
    if (!take_request(s, remote, field)) return false;
    tern_echo *e = place(s);
    *e = (tern_echo){.remote = addr_out(from),
                     .id = (uint16_t)(field >> 16),
                     .seq = (uint16_t)field,
                     .ttl = ttl,
                     .error = TERN_EUNREACH,
                     .time_ns = s->now};
    return true;
}

int tern_echo_reply(tern_stack *public, tern_echo *out) {
    struct stack *s = stack_of(public);
    if (!s || !out) return TERN_EINVAL;
    struct echo_state *e = s->ip.echo;
    if (!e || e->count == 0) return TERN_EAGAIN;
    *out = e->got[e->first++ % ECHOES];
    e->count--;
    return TERN_OK;
}
