/* verdict.c - see verdict.h: the forms of opening and closing, and the sums. What is worth a sentence is judge.c's. */
#include "explain/history_inner.h"

enum { TWO_MSL_S = 60 };

static uint8_t opening_of(const struct explain_flow *flow, const struct record *r) {
    const struct history *h = &r->history;
    const struct track_end *a = &r->track.end[END_A], *b = &r->track.end[END_B];
    if (flow->self) return OPENING_SELF;
    if (!a->syn && !b->syn && !a->syn_ack && !b->syn_ack) return OPENING_UNSEEN;
    if (a->syn && b->syn) return OPENING_SIMULTANEOUS;
    int opener = h->opener < 0 ? END_A : h->opener;
    const struct track_end *o = &r->track.end[opener];
    if (h->opened && o->syn_data && r->track.end[!opener].syn_ack && h->fast) return OPENING_FAST_OPEN;
    if (h->opened) return OPENING_THREE_WAY;
    if (h->reset == RESET_REFUSES) return OPENING_REFUSED;
    if (h->reset == RESET_HANDSHAKE || h->reset == RESET_OLD_SYN) return OPENING_ABANDONED;
    if (h->end[!opener].syn_acks > 0) return r->passive.gaps ? OPENING_THREE_WAY : OPENING_HALF_OPEN;
    if (r->passive.gaps) return OPENING_THREE_WAY;
    return h->icmp_unreachable ? OPENING_UNREACHABLE : OPENING_UNANSWERED;
}

static bool reset_counts(const struct history *h) { return h->reset >= RESET_FORGED; }

static uint8_t closing_of(const struct explain_flow *flow, const struct record *r, uint8_t opening) {
    const struct history *h = &r->history;
    const struct history_end *e = h->end;
    bool fin_a = e[END_A].fins > 0, fin_b = e[END_B].fins > 0;
    if (h->reset == RESET_KEEPALIVE || h->reset == RESET_GIVEN_UP) return CLOSING_GIVEN_UP;
    if (reset_counts(h)) return fin_a || fin_b ? CLOSING_FIN_RESET : CLOSING_RESET;
    if (!fin_a && !fin_b) {
        bool never = opening >= OPENING_REFUSED && opening <= OPENING_ABANDONED;
        return never ? CLOSING_NEVER : CLOSING_OPEN;
    }
    if (fin_a != fin_b) return flow->end[fin_a ? END_B : END_A].packets > 0 ? CLOSING_HALF : CLOSING_ONE_SEEN;
    if (!track_fin_acked(&r->track.end[END_A]) || !track_fin_acked(&r->track.end[END_B])) return CLOSING_UNFINISHED;
    if (h->simultaneous_fin) return CLOSING_SIMULTANEOUS;
    return e[!h->closer].fin_acked_alone ? CLOSING_FOUR : CLOSING_THREE;
}

static uint8_t limit_of(const struct history_end *e) {
    uint32_t all = e->epochs[LIMIT_SENDER] + e->epochs[LIMIT_RECEIVER] + e->epochs[LIMIT_NETWORK];
    if (all < 5 || e->bytes < 30000) return LIMIT_NONE;
    uint8_t most = LIMIT_NONE; /* times that leave it open */
    /* NOLINTNEXTLINE(bugprone-too-small-loop-variable): three limits */
    for (uint8_t i = LIMIT_SENDER; i <= LIMIT_NETWORK; i++)
        if (e->epochs[i] > e->epochs[most]) most = i;
    return most;
}

static void end_of(const struct record *r, int i, uint64_t now_ns, struct verdict_end *out) {
    const struct history_end *e = &r->history.end[i];
    const struct track_end *t = &r->track.end[i];
    out->bytes = e->bytes;
    out->segments = e->segments;
    for (unsigned c = 0; c < REPEAT_CAUSES; c++) out->repeats[c] = e->repeats[c];
    out->needless = history_needless(e);
    out->out_of_order = e->out_of_order;
    out->zero_windows = e->zero_windows;
    uint64_t until_ns = r->history.last_ns; /* later the capture shows nothing of it */
    out->zero_ns =
        e->zero_ns + (e->zero_since_ns != 0 && until_ns > e->zero_since_ns ? until_ns - e->zero_since_ns : 0);
    out->probes = e->probes;
    out->keepalives = e->keepalives;
    uint32_t n = e->rtt_samples;
    out->rtt = (struct verdict_rtt){n, e->rtt_min_us, e->rtt_max_us, n ? (uint32_t)(e->rtt_sum_us / n) : 0};
    out->missing = t->missing;
    out->limit = limit_of(e);
    out->mss = t->mss;
    out->shift = t->scale_offered ? (int8_t)t->shift : -1;
    out->timestamps = t->timestamps;
    out->sack = t->sack;
    out->offers = (t->syn || t->syn_ack) && !t->offers_cut;
    out->options = e->options;
    out->fin = e->fins > 0;
    out->reset = e->resets > 0;
    const struct ecn_end *x = &r->history.ecn.end[i];
    out->capable = x->capable;
    out->marked = x->marked;
    out->told = x->told;
    out->reduced = x->reduced;
    out->state = passive_now(&r->passive, &r->track, i, now_ns);
    const struct passive_end *v = &r->passive.end[i];
    if (v->course == TERN_TIME_WAIT && v->wait_ns != 0) out->time_wait_until_ns = v->wait_ns + TWO_MSL_S * SEC_NS;
    bool waits = e->close_wait_ns != 0 && e->fins == 0 && !reset_counts(&r->history);
    out->close_wait_ns = waits && now_ns > e->close_wait_ns ? now_ns - e->close_wait_ns : 0;
}

void verdict_of(const struct explain_machine *m, const struct explain_flow *flow, uint64_t now_ns,
                struct verdict *out) {
    const struct record *r = flow->machine;
    const struct history *h = &r->history;
    memset(out, 0, sizeof *out);
    out->opening = opening_of(flow, r);
    out->closing = closing_of(flow, r, out->opening);
    out->opened_by = out->opening == OPENING_SIMULTANEOUS || out->opening == OPENING_SELF ? -1 : h->opener;
    out->closed_first = h->simultaneous_fin ? -1 : h->closer;
    out->reset_by = reset_counts(h) || h->reset == RESET_REFUSES || h->reset == RESET_HANDSHAKE ? h->resetter : -1;
    enum vantage at = vantage_said(m, flow);
    bool said = at != VANTAGE_UNKNOWN;
    out->vantage = (uint8_t)(said ? at : history_vantage(h));
    out->vantage_certainty = said ? CERTAIN : out->vantage != VANTAGE_UNKNOWN ? LIKELY : UNDECIDABLE;
    uint64_t syn = 0;
    for (int i = 0; i < 2; i++) {
        end_of(r, i, now_ns, &out->end[i]);
        if (h->end[i].syn_ns != 0 && (syn == 0 || h->end[i].syn_ns < syn)) syn = h->end[i].syn_ns;
        out->near_ns[i] = h->near_ns[i];
    }
    if (syn != 0 && h->established_ns > syn) out->setup_ns = h->established_ns - syn;
    enum certainty sure;
    out->marking = (uint8_t)ecn_agreed(h, &sure);
    out->marking_certainty = (uint8_t)sure;
    out->marking_accurate_asked = h->ecn.asked && h->ecn.latest == 7;
    out->established_ns = h->established_ns;
    out->closing_ns = h->closing_ns;
    struct finding found[FINDINGS * 2];
    size_t n = verdict_findings(m, flow, now_ns, found, ARRAY_LEN(found));
    for (size_t i = 0; i < n; i++)
        if (found[i].severity > out->severity) out->severity = found[i].severity;
}
