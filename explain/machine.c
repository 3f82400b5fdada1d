/* machine.c - between the flow table and those who judge: one record of fixed size for each connection, fed packet by
 * packet. It also says which SYN begins a new connection on the same sockets (RFC 9293 3.6.1, RFC 6191). */
#include "explain/history_inner.h"

enum {
    SILENT_S = 60, /* 2 MSL, as most hosts have it */
    JUMBO = 9216   /* the largest frames of Ethernet in use */
};

_Static_assert(sizeof(struct record) <= 1280, "ten million connections have to fit");

static bool is_over(const struct record *r) {
    const struct history *h = &r->history;
    if (h->reset != RESET_NONE && h->reset != RESET_OLD_SYN && h->reset != RESET_FORGED) return true;
    return track_fin_acked(&r->track.end[END_A]) && track_fin_acked(&r->track.end[END_B]);
}

static bool begins(void *ctx, const struct explain_flow *flow, const struct flow_packet *p) {
    const struct record *r = flow->machine;
    const struct track_end *self = &r->track.end[p->from];
    (void)ctx;
    if (flow->self) return false;
    if (is_over(r)) return true; /* were it a copy of an old one: whoever listens takes it for new */
    bool known = (self->syn || self->syn_ack) && seq_eq(self->isn, p->tcp.seq_no);
    if (known) return false;
    if (p->tcp.flags & TCP_ACK) return false;
    if (p->time_ns > r->history.last_ns + SILENT_S * SEC_NS) return true;
    bool only = self->based && seq_le(self->next, seq_add(self->isn, 1)); /* whoever sends more was answered */
    bool unheard = self->syn && only && !self->acked_any && !r->track.end[!p->from].syn;
    return self->fin == KNOWN_YES || unheard; /* who has closed opens only anew */
}

/* May these sockets be used again? When the number or the time of the SYN is newer than the old connection's, or after
 * 2 MSL, or after a reset. */
static void note_reuse(struct history *h, const struct explain_flow *flow, const struct explain_flow *before,
                       const struct flow_packet *p) {
    const struct record *old = before->machine;
    int was = ip_eq(&flow->end[p->from].addr, &before->end[p->from].addr) &&
                      flow->end[p->from].port == before->end[p->from].port
                  ? p->from
                  : !p->from;
    if (!old->history.opened && old->history.end[END_A].fins == 0 && old->history.end[END_B].fins == 0) return;
    const struct track_end *self = &old->track.end[was];
    uint64_t since = p->time_ns - min_u64(old->history.last_ns, p->time_ns);
    bool reset = old->history.reset != RESET_NONE;
    bool newer = self->based && seq_gt(p->tcp.seq_no, self->next);
    bool later = p->tcp.options.has_ts && self->ts_any && (int32_t)(p->tcp.options.ts_value - self->ts) > 0;
    h->before_ns = since + 1;
    h->reuse_early = !reset && !newer && !later && since < SILENT_S * SEC_NS;
}

enum vantage vantage_said(const struct explain_machine *m, const struct explain_flow *flow) {
    if (m->options.at_host && !ip_eq(&flow->end[END_A].addr, &flow->end[END_B].addr)) {
        if (ip_eq(&m->options.host, &flow->end[END_A].addr)) return VANTAGE_A;
        if (ip_eq(&m->options.host, &flow->end[END_B].addr)) return VANTAGE_B;
    }
    return m->options.vantage;
}

/* What a segment may carry says the other end's SYN; without it, what no path carries is too large. */
static bool super(void *ctx, const struct explain_flow *flow, const struct flow_packet *p) {
    const struct record *r = flow->machine;
    const struct track_end *peer = &r->track.end[!p->from];
    (void)ctx;
    return p->len > (peer->mss != 0 ? peer->mss : JUMBO);
}

static void created(void *ctx, struct explain_flow *flow, const struct explain_flow *before,
                    const struct flow_packet *p) {
    const struct explain_machine *m = ctx;
    struct record *r = flow->machine;
    track_start(&r->track);
    passive_start(&r->passive, p, vantage_said(m, flow));
    history_start(&r->history, p);
    if (before != NULL && before->machine != NULL && !(p->tcp.flags & TCP_ACK))
        note_reuse(&r->history, flow, before, p);
}

/* One socket on both sides: what it sends is what it gets, and there are no two ends to tell apart. */
static void fed_self(struct record *r, struct explain_flow *flow, const struct flow_packet *p) {
    struct history *h = &r->history;
    h->last_ns = max_u64(h->last_ns, p->time_ns);
    h->end[END_A].bytes += p->len;
    if (p->tcp.flags & TCP_FIN) {
        h->end[END_A].fins = h->end[END_B].fins = 1;
        h->simultaneous_fin = 1;
    }
    for (int i = 0; i < 2; i++) {
        struct track_end *e = &r->track.end[i];
        if (p->tcp.flags & TCP_FIN) {
            e->fin = KNOWN_YES;
            e->fin_at = seq_add(p->tcp.seq_no, p->len);
        } else if (p->tcp.flags & TCP_ACK && e->fin == KNOWN_YES && seq_gt(p->tcp.ack_no, e->fin_at)) {
            e->acked = p->tcp.ack_no;
            e->acked_any = true;
        }
    }
    flow->over = (p->tcp.flags & (TCP_RST | TCP_FIN)) != 0;
}

static void fed(void *ctx, struct explain_flow *flow, const struct flow_packet *p) {
    const struct explain_machine *m = ctx;
    struct record *r = flow->machine;
    struct sight l;
    struct passive_view view;
    bool wanted = m->options.seen != NULL, heeded = false;
    if (flow->self) {
        if (!(p->marks & FLOW_ELSEWHERE)) fed_self(r, flow, p);
    } else if (!(p->marks & FLOW_ELSEWHERE) && history_marks(&r->history, p)) {
        track_follow(&r->track, p, &l);
        history_follow(r, p, &l);
        passive_follow(&r->passive, &r->track, p, &l, wanted ? &view : NULL);
        flow->over = is_over(r);
        heeded = true;
    }
    if (wanted) m->options.seen(m->options.ctx, flow, p, heeded ? &l : NULL, heeded ? &view : NULL);
}

static void icmp(void *ctx, struct explain_flow *flow, const struct flow_icmp *message) {
    struct record *r = flow->machine;
    (void)ctx;
    history_icmp(&r->history, message);
}

static void ended(void *ctx, struct explain_flow *flow, uint64_t now_ns) {
    const struct explain_machine *m = ctx;
    struct finding found[FINDINGS * 2];
    size_t n = verdict_findings(m, flow, now_ns, found, ARRAY_LEN(found));
    for (size_t i = 0; i < n; i++)
        if (!flow_note(flow, &found[i])) break;
    if (m->options.done != NULL) m->options.done(m->options.ctx, flow, now_ns);
}

void machine_init(struct explain_machine *m, const struct explain_options *options) {
    m->options = *options;
    m->ops = (struct flow_machine){.ctx = m,
                                   .record = sizeof(struct record),
                                   .hot = offsetof(struct record, history) + 512,
                                   .begins = begins,
                                   .super = super,
                                   .created = created,
                                   .fed = fed,
                                   .icmp = icmp,
                                   .ended = ended};
}
