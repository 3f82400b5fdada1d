/* network.c - what becomes of packets between the hosts: lost, late, twice, out of nowhere; and the altered rules of
 * the what-if scenarios, which are done to packets here and are in no stack. */
#include <stdlib.h>
#include <string.h>

#include "play/host.h"

/* ---- lose, delay, copy ---- */

static bool matches(const struct play_match *m, int from, const struct peek *p, uint64_t now) {
    if (m->from != from || now < m->from_ns || now >= m->to_ns) return false;
    if (m->kind == MATCH_ANY) return true;
    if (m->kind == MATCH_DATA) return p->len > 0;
    return ((p->flags ^ m->flags) & ~(uint32_t)TERN_PSH) == 0;
}

static void hold(struct stage *g, int from, const void *data, uint32_t len, uint64_t due_ns) {
    uint8_t *bytes = malloc(len);
    struct later *l = bytes != NULL ? later_add(g, due_ns, LATER_PACKET) : NULL;
    if (l == NULL) {
        free(bytes);
        return;
    }
    memcpy(bytes, data, len);
    l->end = from;
    l->bytes = bytes;
    l->len = len;
}

static bool by_rules(struct stage *g, int from, const struct peek *p, const void *data, uint32_t len) {
    uint64_t now = stage_now(g);
    bool gone = false;
    for (unsigned i = 0; i < g->take->rules; i++) {
        const struct play_rule *rule = &g->take->rule[i];
        if (!matches(&rule->match, from, p, now)) continue;
        uint32_t n = ++g->seen[i];
        if (n < rule->match.first || n > rule->match.last || gone) continue;
        if (rule->kind != RULE_LOSE) hold(g, from, data, len, now + rule->by_ns);
        gone = rule->kind != RULE_COPY;
        g->dropped = rule->kind == RULE_LOSE;
    }
    return gone;
}

/* A NAT forgets a connection that says nothing for a while, and then lets nothing of it through but a new SYN from
 * inside, where A is. */
static bool by_nat(struct stage *g, int from, const struct peek *p) {
    uint64_t now = stage_now(g);
    bool opens = from == 0 && (p->flags & (TERN_SYN | TERN_ACK)) == TERN_SYN;
    if (g->take->nat_ns == 0) return false;
    g->forgotten = !opens && (g->forgotten || now - g->passed_ns > g->take->nat_ns);
    if (!g->forgotten) g->passed_ns = now;
    g->dropped = g->forgotten;
    return g->forgotten;
}

static void mark_lost(struct stage *g, int from, const struct peek *p) {
    for (size_t i = g->sents; i-- > 0 && i + 64 > g->sents;) {
        struct sent *s = &g->sent[i];
        if (s->from != from || s->seq != p->seq || s->len != p->len || s->flags != p->flags || s->lost) continue;
        s->lost = true;
        return;
    }
}

/* ---- altered rules ---- */

/* Two-way handshake: whoever has sent SYN,ACK takes the connection for open. The third segment, which the peer never
 * sent, is made here and told to nobody. */
static void two_way(struct stage *g, int end, const struct peek *p, const void *data, uint32_t len) {
    uint8_t packet[FORGE_MAX];
    if (len <= sizeof g->syn_ack.bytes) {
        memcpy(g->syn_ack.bytes, data, len);
        g->syn_ack.len = len;
        g->syn_ack.flow = (tern_flow){p->src, p->dst, p->src_port, p->dst_port};
    }
    uint32_t n = forge_answer(data, len, packet);
    struct later *l = later_add(g, stage_now(g), LATER_FORGED);
    if (l == NULL || n == 0) return;
    l->bytes = malloc(n);
    if (l->bytes == NULL) return;
    memcpy(l->bytes, packet, n);
    l->len = n;
    l->end = end;
}

/* And a SYN that comes again is answered with the SYN,ACK again. */
static void repeat_syn_ack(struct stage *g, int from, const struct peek *p) {
    tern_flow flow = {p->dst, p->src, p->dst_port, p->src_port};
    if (g->syn_ack.len > 0 && same_flow(&g->syn_ack.flow, &flow))
        hold(g, !from, g->syn_ack.bytes, g->syn_ack.len, stage_now(g) + g->take->link[from].delay_ns);
}

static struct shift *shift_of(struct stage *g, int end, const tern_flow *flow) {
    for (unsigned i = 0; i < SHIFTS; i++)
        if (g->shift[i].used && g->shift[i].end == end && same_flow(&g->shift[i].flow, flow)) return &g->shift[i];
    return NULL;
}

/* Numbers as an old system gave them out: a constant further with each connection. */
static struct shift *shift_new(struct stage *g, int end, const tern_flow *flow, uint32_t inner) {
    struct shift *s = shift_of(g, end, flow);
    if (s == NULL) s = &g->shift[g->shifts++ % SHIFTS];
    if (s->used && same_flow(&s->flow, flow) && s->inner == inner) return s;
    g->counted += 64000;
    *s = (struct shift){.used = true, .end = end, .flow = *flow, .inner = inner, .add = g->counted - inner};
    return s;
}

static bool altered(const struct stage *g, int end, unsigned rule) { return (g->take->host[end].alter & rule) != 0; }

void net_shift_record(struct stage *g, int end, tern_trace *r, uint8_t *packet) {
    if (!altered(g, end, ALTER_COUNTED_ISN)) return;
    bool out = r->kind == TERN_TRACE_SEGMENT_OUT;
    tern_flow flow = r->flow;
    struct peek p;
    if (packet != NULL) {
        if (r->kind != TERN_TRACE_PACKET_OUT || !peek_tcp(packet, r->packet_len, &p)) return;
        flow = (tern_flow){p.src, p.dst, p.src_port, p.dst_port};
    }
    struct shift *s = shift_of(g, end, &flow);
    if (out && (r->seg.flags & TERN_SYN)) s = shift_new(g, end, &flow, r->seg.seq);
    if (s == NULL) return;
    if (packet != NULL) forge_shift(packet, r->packet_len, s->add, 0);
    if (out) r->seg.seq += s->add;
    if (r->kind == TERN_TRACE_SEGMENT_IN && (r->seg.flags & TERN_ACK)) r->seg.ack += s->add;
    r->tcb.iss += s->add;
    r->tcb.snd_una += s->add;
    r->tcb.snd_nxt += s->add;
}

/* Rewrites a packet on its way from or to a host whose numbers are altered; false: it is not such a packet. */
static bool reshape(struct stage *g, int from, const struct peek *p, uint8_t *bytes, uint32_t len) {
    tern_flow out = {p->src, p->dst, p->src_port, p->dst_port}, in = turned(&out);
    struct shift *s = altered(g, from, ALTER_COUNTED_ISN) ? shift_of(g, from, &out) : NULL;
    struct shift *r = altered(g, !from, ALTER_COUNTED_ISN) ? shift_of(g, !from, &in) : NULL;
    if (s == NULL && r == NULL) return false;
    forge_shift(bytes, len, s != NULL ? s->add : 0, r != NULL ? 0u - r->add : 0);
    return true;
}

/* ---- the link ---- */

bool net_filter(void *ctx, int from, uint64_t number, const void *data, uint32_t len) {
    struct stage *g = ctx;
    struct peek p;
    (void)number;
    g->dropped = false;
    if (g->passing || !peek_tcp(data, len, &p)) return false;
    if ((p.flags & (TERN_SYN | TERN_ACK)) == (TERN_SYN | TERN_ACK) && altered(g, from, ALTER_TWO_WAY))
        two_way(g, from, &p, data, len);
    uint8_t bytes[2048];
    bool shifted = false;
    if (len <= sizeof bytes) {
        memcpy(bytes, data, len);
        shifted = reshape(g, from, &p, bytes, len) && peek_tcp(bytes, len, &p);
    }
    if (by_nat(g, from, &p) || by_rules(g, from, &p, shifted ? bytes : data, len)) {
        if (g->dropped) mark_lost(g, from, &p);
        return true;
    }
    if (p.flags == TERN_SYN && altered(g, !from, ALTER_TWO_WAY)) repeat_syn_ack(g, from, &p);
    if (shifted) hold(g, from, bytes, len, stage_now(g));
    return shifted;
}

void net_tap(void *ctx, const struct memlink_record *r) {
    struct stage *g = ctx;
    if (r->fate == MEMLINK_DELIVERED || r->data == NULL || (r->fate == MEMLINK_FILTERED && !g->dropped)) return;
    struct tape_entry e = {.kind = TAPE_LOST, .end = r->from, .time_ns = stage_now(g), .bytes = r->data, .len = r->len};
    tape_add(&g->out->tape, &e);
}

/* ---- what comes from elsewhere ---- */

static void arrive(struct stage *g, int end, uint8_t *bytes, uint32_t len) {
    struct peek p;
    if (!peek_tcp(bytes, len, &p)) return;
    reshape(g, !end, &p, bytes, len);
    g->calls[end]->arrive(g, end, bytes, len);
}

void net_due(struct stage *g, const struct later *l) {
    if (l->kind == LATER_PACKET) {
        g->passing = true;
        memlink_inject(g->sim->link, l->end, l->bytes, l->len, g->sim->now);
        g->passing = false;
    } else {
        g->silent = true;
        arrive(g, l->end, l->bytes, l->len);
        g->silent = false;
    }
}

uint32_t net_number(const struct stage *g, int whose, uint32_t value) {
    const struct play_host *h = &g->take->host[whose];
    unsigned boot = h->isns;
    if (g->kernel == NULL || h->isns == 0) return value;
    while (--boot > 0)
        if (value >= h->isn[boot]) break;
    return g->wished[whose][boot] ? g->first_isn[whose][boot] + (value - h->isn[boot]) : value;
}

static uint32_t wire_number(struct stage *g, const struct play_number *n, int whose, const tern_flow *flow) {
    struct life *own = life_of(g, whose, flow, false);
    tern_flow back = turned(flow);
    struct life *other = life_of(g, !whose, &back, false);
    if (n->kind == NUMBER_GUESS) { /* whoever guesses has not seen the answer to his own SYN */
        bool own_isn = same_flow(&g->last_flow[whose], flow);
        return (own_isn ? g->isn_before[whose] : g->last_isn[whose]) + 64000 + n->value;
    }
    if (n->kind != NUMBER_RELATIVE) return net_number(g, whose, n->value);
    if (own != NULL && own->has_iss) return own->iss + n->value;
    return other != NULL && other->has_irs ? other->irs + n->value : n->value;
}

/* The next address and the next port, for segments that come in numbers. */
static void next_stranger(struct forged *f) {
    f->from_port = f->from_port == 65535 ? 1024 : (uint16_t)(f->from_port + 1);
    if (++f->from.bytes[3] == 255) f->from.bytes[3] = 10;
}

void net_inject(struct stage *g, const struct play_act *act) {
    const struct play_forged *p = &act->forged;
    int end = act->who.end;
    struct play_who newest = {.end = end}, peer = {.end = !end};
    struct life *l = life_find(g, &newest), *other = life_find(g, &peer);
    tern_flow known = l != NULL ? l->flow : other != NULL ? turned(&other->flow) : (tern_flow){.local_port = 80};
    struct forged f = {.from = p->from.family != 0 ? p->from : g->sim->addr4[!end],
                       .to = g->sim->addr4[end],
                       .from_port = p->from_port != 0 ? p->from_port : known.remote_port,
                       .to_port = p->to_port != 0 ? p->to_port : known.local_port,
                       .flags = p->flags,
                       .window = p->window,
                       .mss = p->mss,
                       .len = p->len};
    if (f.from_port == 0) f.from_port = 40000;
    for (uint32_t i = 0; i < p->times; i++) {
        tern_flow out = {f.from, f.to, f.from_port, f.to_port}, in = turned(&out);
        uint8_t packet[FORGE_MAX];
        f.seq = wire_number(g, &p->seq, !end, &out);
        f.ack = (p->flags & TERN_ACK) ? wire_number(g, &p->ack, end, &in) : 0;
        struct tape_entry e = {.kind = TAPE_FOREIGN, .end = end, .time_ns = stage_now(g), .bytes = packet};
        e.len = forge(&f, packet);
        tape_add(&g->out->tape, &e);
        arrive(g, end, packet, e.len);
        next_stranger(&f);
    }
}
