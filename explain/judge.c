/* judge.c - what is worth a sentence, from the history of a connection, and how much it matters: a normal close is no
 * warning, and what the capture did is no fault of the connection. */
#include "explain/history_inner.h"
#include "explain/places.h"

enum {
    ANSWER_S = 3, /* so long is an answer waited for before a lone SYN counts as unanswered */
    LEAK_S = 60,  /* in CLOSE-WAIT, unless the user says otherwise */
    WAIT_NOTE_S = 10,
    SHUT_MS = 200, /* a window shut for less costs nobody anything */
    STUCK_S = 5,
    FORGOTTEN_S = 60, /* silence that makes middleboxes forget */
    MARKS_FEW = 3,    /* so many marks may be lost behind this place by chance */
    SEGMENTS_MANY = 10,
};

struct judge {
    const struct explain_machine *m;
    const struct explain_flow *flow;
    const struct record *r;
    const struct history *h;
    uint64_t now_ns;
    struct finding *out;
    size_t n, max;
};

static void add(struct judge *j, enum finding_code code, int end, enum certainty certainty, uint64_t a, uint64_t b) {
    if (j->n < j->max)
        j->out[j->n] = (struct finding){.code = (uint16_t)code,
                                        .severity = (uint8_t)finding_severity(code),
                                        .certainty = (uint8_t)certainty,
                                        .end = (int8_t)end,
                                        .time_ns = j->h->last_ns,
                                        .a = a,
                                        .b = b};
    j->n++;
}

static uint64_t ms(uint64_t from_ns, uint64_t to_ns) { return to_ns > from_ns ? (to_ns - from_ns) / MS_NS : 0; }

static bool at(const struct judge *j, int end, enum certainty *sure) {
    enum vantage want = end == END_A ? VANTAGE_A : VANTAGE_B;
    enum vantage said = vantage_said(j->m, j->flow);
    *sure = said != VANTAGE_UNKNOWN ? CERTAIN : LIKELY;
    return (said != VANTAGE_UNKNOWN ? said : history_vantage(j->h)) == want;
}

static bool one_way(const struct judge *j) {
    return j->flow->end[END_A].packets == 0 || j->flow->end[END_B].packets == 0;
}

/* ---- opening ---- */

static void judge_unanswered(struct judge *j, int opener) {
    const struct history *h = j->h;
    const struct history_end *e = &h->end[opener];
    enum certainty sure;
    uint64_t waited = ms(e->syn_ns, max_u64(e->syn_last_ns, j->now_ns));
    if (h->icmp_unreachable) {
        add(j, h->icmp_filter ? FINDING_FILTERED : FINDING_UNREACHABLE, opener, CERTAIN, h->icmp_type, h->icmp_code);
        return;
    }
    if (e->syns < 2 && waited < ANSWER_S * 1000) return;
    if (e->options & (FLOW_SIGNED_MD5 | FLOW_SIGNED_AO)) /* who has no such key drops it without a word */
        add(j, FINDING_SYN_SIGNED, opener, LIKELY, e->syns, waited);
    else if (at(j, !opener, &sure))
        add(j, FINDING_SYN_IGNORED, opener, sure, e->syns, waited);
    else
        add(j, FINDING_SYN_UNANSWERED, opener, one_way(j) && j->r->passive.gaps ? UNDECIDABLE : CERTAIN, e->syns,
            waited);
}

static void judge_syn_acks(struct judge *j, int opener) {
    const struct history_end *p = &j->h->end[!opener];
    enum certainty sure;
    uint64_t took = ms(p->syn_ack_ns, p->syn_ack_last_ns);
    bool here = at(j, !opener, &sure);
    if (!j->h->opened) {
        if (j->h->reset == RESET_NONE && !j->r->passive.gaps &&
            (p->syn_acks > 1 || ms(p->syn_ack_ns, j->now_ns) > 3000))
            add(j, FINDING_HALF_OPEN, opener, LIKELY, p->syn_acks, ms(p->syn_ack_ns, j->now_ns));
    } else if (p->full_at > (here ? 0u : 1u)) {
        add(j, FINDING_ACCEPT_QUEUE_FULL, !opener, here ? sure : LIKELY, p->full_at, 0);
    } else if (p->syn_acks > 1) {
        add(j, FINDING_SYN_ACK_REPEATED, !opener, LIKELY, p->syn_acks, took);
    }
}

/* [RFC8684 3.1] */
static void judge_multipath(struct judge *j, int opener) {
    uint8_t asked = j->h->end[opener].options, answered = j->h->end[!opener].options;
    if (asked & answered & FLOW_MULTIPATH) add(j, FINDING_MULTIPATH, opener, CERTAIN, 0, 0);
    if (asked & answered & FLOW_JOINS) add(j, FINDING_MULTIPATH_JOINED, opener, CERTAIN, 0, 0);
    bool seen = j->h->opened && !j->r->track.end[!opener].offers_cut;
    if (seen && asked & ~answered & (FLOW_MULTIPATH | FLOW_JOINS))
        add(j, FINDING_MULTIPATH_REFUSED, opener, CERTAIN, 0, 0);
}

/* [RFC7413 3] */
static void judge_syn_data(struct judge *j, int i) {
    const struct history_end *e = &j->h->end[i];
    if (e->syn_plain)
        add(j, FINDING_FAST_OPEN_TAKEN_BACK, i, CERTAIN, e->syn_bytes, 0);
    else if (e->syn_data_again)
        add(j, FINDING_FAST_OPEN_LATER, i, CERTAIN, e->syn_bytes, 0);
    else
        add(j, FINDING_DATA_ON_SYN, i, CERTAIN, e->syn_bytes, 0);
}

static void judge_opening(struct judge *j) {
    const struct history *h = j->h;
    const struct record *r = j->r;
    if (h->before_ns != 0)
        add(j, h->reuse_early ? FINDING_REUSE_EARLY : FINDING_REUSE_LEGAL, END_A, CERTAIN, (h->before_ns - 1) / MS_NS,
            0);
    if (h->opener < 0) return;
    int opener = h->opener;
    const struct history_end *e = &h->end[opener], *p = &h->end[!opener];
    if (r->track.end[END_A].syn && r->track.end[END_B].syn)
        add(j, FINDING_SIMULTANEOUS_OPEN, -1, CERTAIN, 0, 0);
    else if (e->syns > 0 && p->syn_acks == 0 && h->reset == RESET_NONE && !h->opened && !r->passive.gaps)
        judge_unanswered(j, opener);
    enum certainty sure;
    uint64_t answered = ms(e->syn_ns, p->syn_ack_ns);
    if (e->syns_until_answer > 1 && at(j, !opener, &sure)) /* they had arrived, and nobody answered */
        add(j, FINDING_SYN_IGNORED, opener, LIKELY, e->syns_until_answer - 1u, answered);
    else if (e->syns_until_answer > 1)
        add(j, FINDING_SYN_REPEATED, opener, CERTAIN, e->syns_until_answer, answered);
    if (p->syn_acks > 0) judge_syn_acks(j, opener);
    judge_multipath(j, opener);
    for (int i = 0; i < 2; i++) {
        if (r->track.end[i].syn_data) judge_syn_data(j, i);
        if (h->end[i].took_back && h->reset != RESET_OLD_SYN) add(j, FINDING_OLD_SYN, i, CERTAIN, 0, 0);
        if (h->end[i].strays_syn > 0)
            add(j, h->opened ? FINDING_SYN_IN_CONNECTION : FINDING_OLD_SYN, i, LIKELY, h->end[i].strays_syn, 0);
    }
}

/* ---- repetitions ---- */

static void judge_silence(struct judge *j, int i) {
    const struct history *h = j->h;
    const struct history_end *e = &h->end[i], *o = &h->end[!i];
    const struct track_end *t = &j->r->track.end[i];
    bool hole = e->big_lost >= 3 && e->big_len > e->acked_len && (e->acked_len > 0 || o->heard_ns > e->run_ns);
    if (hole) add(j, FINDING_PMTU_HOLE, i, h->icmp_big > 0 ? CERTAIN : LIKELY, e->big_len, e->big_lost);
    bool silent = e->run >= 3 && track_flight(t) > 0 && o->heard_ns <= e->run_ns && e->fins < 2;
    if (!silent || hole) return;
    add(j, FINDING_PEER_SILENT, i, CERTAIN, e->run, ms(o->heard_ns, h->last_ns));
    uint64_t before = ms(o->heard_ns, e->run_ns) / 1000;
    if (before >= FORGOTTEN_S) add(j, FINDING_IDLE_FORGOTTEN, i, LIKELY, before, 0);
}

static void judge_repeats(struct judge *j, int i) {
    const struct history_end *e = &j->h->end[i];
    uint32_t needless = history_needless(e), doubled = history_doubled(j->r, i), all = 0;
    for (unsigned c = 0; c < REPEAT_CAUSES; c++) all += c != REPEAT_SYN ? e->repeats[c] : 0;
    if (e->repeats[REPEAT_RTO] > 0) add(j, FINDING_REPEATED_RTO, i, LIKELY, e->repeats[REPEAT_RTO], e->longest_wait_ms);
    if (e->repeats[REPEAT_FAST] > 0) add(j, FINDING_REPEATED_FAST, i, LIKELY, e->repeats[REPEAT_FAST], 0);
    if (e->repeats[REPEAT_TLP] > 0) add(j, FINDING_REPEATED_TLP, i, LIKELY, e->repeats[REPEAT_TLP], 0);
    if (needless > 0) add(j, FINDING_REPEATED_NEEDLESS, i, CERTAIN, needless, 0);
    if (doubled > 0) add(j, FINDING_DOUBLED, i, LIKELY, doubled, 0);
    all -= min_u32(all, e->run); /* nobody was there to lose them */
    if (all >= 5 && all * 100 >= e->segments * 3)
        add(j, FINDING_LOSS_HEAVY, i, LIKELY, all, all * 100 / (e->segments ? e->segments : 1));
    if (e->out_of_order > 0) add(j, FINDING_OUT_OF_ORDER, i, LIKELY, e->out_of_order, 0);
    if (e->strays > 0) add(j, FINDING_OLD_DUPLICATE, i, LIKELY, e->strays, 0);
    if (e->damaged > 0 && !e->sums_bad && e->sums_good) add(j, FINDING_CORRUPTED, i, LIKELY, e->damaged, 0);
    judge_silence(j, i);
}

/* ---- resets ---- */

static void judge_reset(struct judge *j) {
    const struct history *h = j->h;
    int i = h->resetter;
    size_t first = j->n;
    if (i < 0) return;
    const struct history_end *e = &h->end[i];
    uint32_t flying = track_flight(&j->r->track.end[i]) + track_flight(&j->r->track.end[!i]);
    uint64_t silent = ms(max_u64(e->heard_ns, h->first_ns), h->reset_ns);
    switch ((enum reset_kind)h->reset) {
    case RESET_REFUSES: add(j, FINDING_REFUSED, i, CERTAIN, 0, 0); break;
    case RESET_HANDSHAKE: add(j, FINDING_HANDSHAKE_RESET, i, CERTAIN, 0, 0); break;
    case RESET_OLD_SYN: add(j, FINDING_OLD_SYN, i, CERTAIN, 0, 0); break;
    case RESET_LATE:
        add(j, j->r->passive.end[!i].course == TERN_TIME_WAIT ? FINDING_TIME_WAIT_RESET : FINDING_RESET_LATE, i, LIKELY,
            0, 0);
        break;
    case RESET_FORGED: add(j, FINDING_RESET_FORGED, i, LIKELY, e->reset_hops, 0); break;
    case RESET_CLOSED: add(j, FINDING_RESET_AFTER_CLOSE, i, LIKELY, 0, 0); break;
    case RESET_UNKNOWN:
        add(j, FINDING_RESET_NO_CONNECTION, i, LIKELY, silent, 0);
        if (silent >= FORGOTTEN_S * 1000) add(j, FINDING_IDLE_FORGOTTEN, i, LIKELY, silent / 1000, 0);
        break;
    case RESET_UNREAD: add(j, FINDING_RESET_UNREAD, i, LIKELY, e->unread, 0); break;
    case RESET_ABORT: add(j, flying > 0 ? FINDING_RESET_DATA_LOST : FINDING_RESET_ABORT, i, LIKELY, flying, 0); break;
    case RESET_KEEPALIVE: /* told with the probes */
    case RESET_GIVEN_UP:  /* and with the repetitions */
    case RESET_OUTSIDE:
    case RESET_NONE: break;
    }
    for (; first < j->n && first < j->max; first++) {
        j->out[first].number = h->reset_number;
        j->out[first].time_ns = h->reset_ns;
    }
}

/* ---- closing, windows, keepalive ---- */

static void judge_closing(struct judge *j, int i) {
    const struct history *h = j->h;
    const struct history_end *e = &h->end[i], *o = &h->end[!i];
    const struct track_end *t = &j->r->track.end[i];
    bool reset = h->reset >= RESET_FORGED;
    if (e->outside > 0) add(j, FINDING_RESET_OUTSIDE, i, LIKELY, e->outside, 0);
    if (e->close_wait_ns != 0 && e->fins == 0 && !reset) {
        uint64_t age = j->now_ns - min_u64(max_u64(e->close_wait_ns, e->sent_ns), j->now_ns);
        uint64_t leak = j->m->options.close_wait_ns ? j->m->options.close_wait_ns : LEAK_S * SEC_NS;
        if (age >= leak)
            add(j, FINDING_CLOSE_WAIT_LEAK, i, LIKELY, age / SEC_NS, 0);
        else if (age >= WAIT_NOTE_S * SEC_NS)
            add(j, FINDING_CLOSE_WAIT, i, LIKELY, age / SEC_NS, 0);
    }
    if (e->fins > 1 && !track_fin_acked(t) && !reset)
        add(j, FINDING_FIN_UNANSWERED, i, CERTAIN, e->fins, ms(e->fin_ns, e->fin_last_ns));
    bool last = h->closer != i || h->simultaneous_fin; /* the other end is in TIME-WAIT */
    if (e->late_fins > 0 && last && track_fin_acked(t) && o->fins > 0)
        add(j, FINDING_LAST_ACK_LOST, i, LIKELY, e->late_fins, 0);
    if (e->half_bytes > 0) add(j, FINDING_HALF_CLOSE, i, CERTAIN, e->half_bytes, 0);
}

static void judge_flow(struct judge *j, int i) {
    const struct history *h = j->h;
    const struct history_end *e = &h->end[i], *o = &h->end[!i];
    uint64_t shut = e->zero_since_ns != 0 ? ms(e->zero_since_ns, h->last_ns) : 0;
    bool stuck = shut >= STUCK_S * 1000 && o->probes >= 2;
    uint64_t all = e->zero_ns / MS_NS + (stuck ? 0 : shut);
    uint32_t times = e->zero_windows - (stuck ? 1 : 0);
    if (stuck) add(j, FINDING_ZERO_WINDOW_STUCK, i, CERTAIN, shut, o->probes);
    if (times > 0 && all >= SHUT_MS) add(j, FINDING_ZERO_WINDOW, i, CERTAIN, times, all);
    const struct track_end *self = &j->r->track.end[i], *peer = &j->r->track.end[!i];
    bool scaled = self->scale_offered && peer->scale_offered;
    uint32_t most = e->epochs[LIMIT_RECEIVER];
    bool bound = most > 4 && most > e->epochs[LIMIT_SENDER] && most > e->epochs[LIMIT_NETWORK];
    bool known = !self->offers_cut && !peer->offers_cut;
    if (!scaled && known && h->opened && bound && o->zero_windows == 0)
        add(j, FINDING_WINDOW_UNSCALED, i, LIKELY, peer->window, 0);
    uint32_t dead = e->keepalives_unanswered >= 2 ? e->keepalives_unanswered : 0;
    if (dead > 0) add(j, FINDING_KEEPALIVE_DEAD, i, CERTAIN, dead, ms(e->probing_ns, h->last_ns));
    if (e->keepalives > dead) add(j, FINDING_KEEPALIVE, i, LIKELY, e->keepalives - dead, 0);
}

/* ---- congestion marks ---- */

static void judge_marks(struct judge *j, int i, enum marking agreed, enum certainty sure) {
    const struct ecn_end *e = &j->h->ecn.end[i];
    bool both = agreed == MARKING_CLASSIC || agreed == MARKING_ACCURATE;
    size_t first = j->n;
    if (e->marked > 0) add(j, FINDING_ECN_MARKED, i, CERTAIN, e->marked, e->capable);
    if (first < j->n && first < j->max) j->out[first].number = e->marked_first;
    /* Its answer takes a round trip; a capture of one direction shows none. */
    bool waited = e->told > 0 && j->h->last_ns > e->told_ns + 3 * history_rtt(j->h);
    if (agreed == MARKING_CLASSIC && e->reduced == 0 && e->unheeded >= SEGMENTS_MANY && waited)
        add(j, FINDING_ECN_IGNORED, i, LIKELY, e->told, e->unheeded);
    else if (e->told > 0 && agreed == MARKING_ACCURATE)
        add(j, FINDING_ECN_COUNTED, i, sure, e->told, 0);
    else if (e->told > 0)
        add(j, FINDING_ECN_TOLD, i, sure, e->told, e->reduced);
    if (both && e->told == 0 && e->unheard >= MARKS_FEW) add(j, FINDING_ECN_NOT_TOLD, i, LIKELY, e->unheard, 0);
    if (both && sure == CERTAIN && e->capable == 0 && e->plain >= SEGMENTS_MANY)
        add(j, FINDING_ECN_UNUSED, i, LIKELY, e->plain, 0);
}

static void judge_ecn(struct judge *j) {
    enum certainty sure;
    enum marking agreed = ecn_agreed(j->h, &sure);
    int opener = j->h->opener;
    if (opener >= 0 && agreed == MARKING_REFUSED && j->h->ecn.latest != 0)
        add(j, FINDING_ECN_REFUSED, opener, CERTAIN, 0, 0);
    if (opener >= 0 && agreed == MARKING_TAKEN_BACK) add(j, FINDING_ECN_TAKEN_BACK, opener, CERTAIN, 0, 0);
    for (int i = 0; i < 2; i++) judge_marks(j, i, agreed, sure);
}

/* ---- the capture ---- */

/* Captures of two places were merged. */
static void judge_places(struct judge *j) {
    const struct flow_places *p = j->flow->places;
    if (p == NULL || !p->met) return;
    if (p->undecided)
        add(j, FINDING_CAPTURE_PLACES_UNSURE, -1, UNDECIDABLE, p->apart_ns / US_NS, 0);
    else
        add(j, FINDING_CAPTURE_PLACES, -1, CERTAIN, p->apart_ns / US_NS, (p->within_ns + US_NS - 1) / US_NS);
    for (int i = 0; i < 2; i++) {
        uint64_t missed, lost = places_lost(j->flow, i, &missed);
        int near = places_near(j->flow, i);
        unsigned here = j->r->track.end[i].mss, there = p->mss[i];
        if (here != 0 && there != 0 && here != there)
            add(j, FINDING_MSS_CLAMPED, i, CERTAIN, min_u32(here, there), max_u32(here, there));
        if (lost > 0) add(j, FINDING_CAPTURE_PLACES_LOST, i, LIKELY, lost, p->way[i].seen[near]);
    }
}

static void judge_capture(struct judge *j) {
    const struct history *h = j->h;
    const struct explain_flow *f = j->flow;
    uint32_t supers = h->end[END_A].supers + h->end[END_B].supers, cut = h->end[END_A].cut + h->end[END_B].cut;
    if (f->same_as != 0) add(j, FINDING_CAPTURE_TRANSLATED, -1, CERTAIN, f->same_as, 0);
    if (h->icmp_big > 0) add(j, FINDING_PMTU_TOLD, -1, CERTAIN, h->icmp_mtu, h->icmp_big);
    if (supers > 0)
        add(j, FINDING_CAPTURE_SUPER, -1, CERTAIN, supers, max_u32(h->end[END_A].super_max, h->end[END_B].super_max));
    if (h->copies > 0) add(j, FINDING_CAPTURE_COPIES, -1, CERTAIN, h->copies, 0);
    if (h->clock_steps > 0)
        add(j, FINDING_CAPTURE_CLOCK, -1, CERTAIN, h->clock_steps, (h->clock_back_ns + MS_NS - 1) / MS_NS);
    if (cut > 0) add(j, FINDING_CAPTURE_CUT, -1, CERTAIN, cut, 0);
    bool midst = j->r->passive.midstream && !(h->begins_with_answer && one_way(j)) && !f->self;
    if (midst) add(j, FINDING_CAPTURE_MIDSTREAM, -1, CERTAIN, 0, 0);
    for (int i = 0; i < 2; i++) {
        const struct history_end *e = &h->end[i];
        if (e->sums_open > 0) add(j, FINDING_CAPTURE_SUMS, i, LIKELY, e->sums_open, 0);
        bool later = e->sums_bad || (e->damaged > 0 && !e->sums_good && f->end[!i].packets > 0);
        if (later) add(j, FINDING_CAPTURE_OFFSET_SUM, i, LIKELY, e->damaged, 0);
        if (f->end[!i].packets == 0 && j->r->passive.gaps) add(j, FINDING_CAPTURE_ONE_WAY, i, CERTAIN, 0, 0);
        if (j->r->track.end[i].missing > 0 && !one_way(j))
            add(j, FINDING_CAPTURE_MISSING, i, CERTAIN, j->r->track.end[i].missing, 0);
    }
}

size_t verdict_findings(const struct explain_machine *m, const struct explain_flow *flow, uint64_t now_ns,
                        struct finding *out, size_t max) {
    const struct record *r = flow->machine;
    struct judge j = {m, flow, r, &r->history, max_u64(now_ns, r->history.last_ns), out, 0, max};
    judge_opening(&j);
    for (int i = 0; i < 2; i++) judge_repeats(&j, i);
    judge_reset(&j);
    for (int i = 0; i < 2; i++) {
        judge_closing(&j, i);
        judge_flow(&j, i);
    }
    judge_ecn(&j);
    judge_capture(&j);
    judge_places(&j);
    return j.n < max ? j.n : max;
}
