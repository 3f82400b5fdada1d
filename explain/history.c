/* history.c - see history.h: openings, closings, windows, marks. Repetitions are repeat.c's, resets reset.c's. */
#include "explain/history_inner.h"

/* ---- what the capture did ---- */

static void note_clock(struct history *h, const struct flow_packet *p) {
    if (p->time_ns >= h->last_ns) return;
    h->clock_steps++;
    h->clock_back_ns = max_u64(h->clock_back_ns, h->last_ns - p->time_ns);
}

/* A wrong sum now and then is damage; a wrong sum always is work left to the network card. */
static bool damaged(struct history_end *e, const struct flow_packet *p) {
    if (!(p->marks & FLOW_SUM_WRONG)) {
        e->sums_good |= !(p->marks & FLOW_SUM_OPEN);
        return false;
    }
    e->damaged++;
    if (e->damaged > 3 && e->damaged * 2 > e->segments) e->sums_bad = true;
    return !e->sums_bad && e->sums_good;
}

bool history_marks(struct history *h, const struct flow_packet *p) {
    struct history_end *e = &h->end[p->from];
    if (p->marks & FLOW_COPY) {
        h->copies++;
        return false;
    }
    note_clock(h, p);
    if (p->marks & FLOW_SUPER) {
        e->supers++;
        e->super_max = max_u32(e->super_max, p->len);
    }
    e->sums_open += (p->marks & FLOW_SUM_OPEN) != 0;
    e->cut += (p->marks & FLOW_CUT) != 0;
    if (damaged(e, p)) return false;
    h->last_ns = max_u64(h->last_ns, p->time_ns);
    return true;
}

void history_start(struct history *h, const struct flow_packet *p) {
    memset(h, 0, sizeof *h);
    h->first_ns = h->last_ns = p->time_ns;
    h->opener = h->closer = h->resetter = -1;
    h->begins_with_answer = (p->tcp.flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK);
}

/* ---- opening ---- */

/* 0, which is not known, where the capture's clock went back. */
static uint64_t after(uint64_t from_ns, uint64_t to_ns) { return to_ns > from_ns ? to_ns - from_ns : 0; }

static uint16_t add16(uint16_t n) { return n < UINT16_MAX ? (uint16_t)(n + 1) : n; }

static void follow_syn(struct record *r, const struct flow_packet *p, const struct sight *l) {
    struct history *h = &r->history;
    struct history_end *e = &h->end[p->from], *o = &h->end[!p->from];
    if (l->foreign) {
        e->strays_syn = add16(e->strays_syn);
        return;
    }
    if (!l->ack_foreign) e->options |= p->options;
    if (!(p->tcp.flags & TCP_ACK)) {
        if (e->syn_ns == 0) e->syn_ns = p->time_ns;
        e->syn_last_ns = p->time_ns;
        e->syns = add16(e->syns);
        e->syn_plain = p->len == 0;
        if (p->len > e->syn_bytes) e->syn_bytes = (uint16_t)min_u32(p->len, UINT16_MAX);
        if (h->opener < 0) h->opener = (int8_t)p->from;
        return;
    }
    if (l->ack_foreign) { /* it answers an old SYN */
        e->answered_old = true;
        return;
    }
    if (e->syn_ack_ns == 0) {
        e->syn_ack_ns = p->time_ns;
        o->syns_until_answer = o->syns;
        if (o->syns == 1) h->near_ns[p->from] = after(o->syn_last_ns, p->time_ns);
    }
    if (r->track.end[!p->from].syn_data && l->newly_acked > 1) h->fast = true; /* [RFC7413 3] */
    e->syn_ack_last_ns = p->time_ns;
    e->syn_acks = add16(e->syn_acks);
    if (h->opener < 0) h->opener = (int8_t)!p->from;
    /* The ACK of the one before was seen to leave, and long ago. */
    if (h->established_ns != 0 && e->syn_acks > 1 && p->time_ns > h->established_ns + history_rtt(h)) e->full_at++;
}

static void follow_opening(struct record *r, const struct flow_packet *p, const struct sight *l) {
    struct history *h = &r->history;
    const struct track_end *self = &r->track.end[p->from], *peer = &r->track.end[!p->from];
    if (h->established_ns != 0 || !(p->tcp.flags & TCP_ACK) || p->tcp.flags & TCP_RST) return;
    bool both = (self->syn || self->syn_ack) && (peer->syn || peer->syn_ack);
    if (!both || !l->syn_acked || (p->tcp.flags & TCP_SYN && !(peer->syn_ack && self->syn))) return;
    h->established_ns = p->time_ns;
    h->opened = true;
    struct history_end *o = &h->end[!p->from];
    if (o->syn_acks == 1 && !(p->tcp.flags & TCP_SYN)) h->near_ns[p->from] = after(o->syn_ack_last_ns, p->time_ns);
}

/* ---- windows, keepalive ---- */

static void follow_window(struct record *r, const struct flow_packet *p, const struct sight *l) {
    struct history_end *e = &r->history.end[p->from], *o = &r->history.end[!p->from];
    bool shut = p->tcp.window == 0 && !(p->tcp.flags & (TCP_SYN | TCP_RST | TCP_FIN)) && !l->ack_old;
    if (shut && e->zero_since_ns == 0) {
        e->zero_since_ns = p->time_ns;
        e->zero_windows++;
    } else if (!shut && e->zero_since_ns != 0 && !l->ack_old) {
        e->zero_ns += p->time_ns > e->zero_since_ns ? p->time_ns - e->zero_since_ns : 0;
        e->zero_since_ns = 0;
    }
    o->keepalives_unanswered = 0;
    bool into_shut = o->zero_since_ns != 0 && (l->probe || (l->takes <= 1 && p->len == 1));
    if (into_shut)
        e->probes++;
    else if (l->probe && l->flight == 0 && p->time_ns > e->heard_ns + MS_NS * 200) {
        if (e->keepalives_unanswered++ == 0) e->probing_ns = p->time_ns;
        e->keepalives++;
    }
}

/* ---- closing ---- */

static void follow_fin(struct record *r, const struct flow_packet *p, const struct sight *l) {
    struct history *h = &r->history;
    struct history_end *e = &h->end[p->from], *o = &h->end[!p->from];
    const struct track_end *peer = &r->track.end[!p->from];
    if (p->tcp.flags & TCP_FIN && !l->foreign) {
        e->fins = add16(e->fins);
        e->fin_last_ns = p->time_ns;
        if (e->fin_ns == 0) {
            e->fin_ns = p->time_ns;
            if (h->closer < 0) {
                h->closer = (int8_t)p->from;
                h->closing_ns = p->time_ns;
            } else if (!l->fin_acked && o->fin_ns != 0) {
                h->simultaneous_fin = 1;
            }
        } else if (peer->fin == KNOWN_YES && track_fin_acked(&r->track.end[p->from]) && o->fin_ns != 0) {
            e->late_fins = add16(e->late_fins);
        }
    }
    if (l->fin_acked && o->fin_ns != 0 && !l->foreign) {
        if (e->fin_ns == 0) e->fin_acked_alone = true;
        if (e->close_wait_ns == 0) e->close_wait_ns = p->time_ns;
        if (e->fin_ns == 0 || l->fresh) e->half_bytes += l->fresh && l->ack_same ? p->len : 0;
    }
}

/* ---- speed ---- */

uint64_t history_rtt(const struct history *h) {
    uint64_t both = h->near_ns[END_A] + h->near_ns[END_B];
    if (h->near_ns[END_A] != 0 && h->near_ns[END_B] != 0) return max_u64(both, MS_NS);
    uint32_t a = h->end[END_A].rtt_min_us, b = h->end[END_B].rtt_min_us;
    uint32_t us = a + b;
    return us != 0 ? max_u64(us * US_NS, MS_NS) : 10 * MS_NS;
}

/* Once a round trip: what bounded it? The window was full; or the last segment was a short one, because there was no
 * more to send; or neither, then it was the network. */
static void follow_speed(struct record *r, const struct flow_packet *p, const struct sight *l) {
    struct history *h = &r->history;
    struct history_end *e = &h->end[p->from];
    const struct track_end *self = &r->track.end[p->from], *peer = &r->track.end[!p->from];
    if (!l->fresh || p->len == 0) return;
    if (e->epoch_ns != 0 && p->time_ns >= e->epoch_ns + history_rtt(h)) {
        bool shut = h->end[!p->from].zero_since_ns != 0;
        /* Windows without their scale say nothing. */
        bool scaled = (!self->guessed && !self->offers_cut && !peer->offers_cut) || peer->window == 0;
        bool idle = l->flight <= l->takes && p->time_ns > e->sent_ns + 2 * history_rtt(h);
        enum limit by = idle                                                         ? LIMIT_SENDER
                        : shut || (scaled && e->epoch_bytes >= peer->window / 4 * 3) ? LIMIT_RECEIVER
                        : e->last_len < self->full && !e->repeated_now               ? LIMIT_SENDER
                        : scaled || e->repeated_now                                  ? LIMIT_NETWORK
                                                                                     : LIMIT_NONE;
        e->epochs[by]++;
        e->epoch_ns = 0;
    }
    if (e->epoch_ns == 0) {
        e->epoch_ns = p->time_ns;
        e->epoch_bytes = 0;
        e->repeated_now = false;
    }
    e->epoch_bytes += p->len;
    e->last_len = p->len;
}

/* ---- all of it ---- */

bool history_earlier(const struct history_end *e, const struct flow_packet *p) {
    int16_t on = (int16_t)(p->ip_id - e->ip_id);
    return p->ip_id != 0 && e->ip_id != 0 && on < 0 && on > -1000;
}

void history_follow(struct record *r, const struct flow_packet *p, const struct sight *l) {
    struct history *h = &r->history;
    struct history_end *e = &h->end[p->from], *o = &h->end[!p->from];
    h->ways[p->from] |= p->direction;
    if (p->tcp.flags & TCP_RST) {
        reset_follow(r, p, l);
        return;
    }
    if (p->tcp.flags & TCP_SYN) follow_syn(r, p, l);
    if (l->foreign) {
        if (!(p->tcp.flags & TCP_SYN)) e->strays++;
        return;
    }
    follow_opening(r, p, l);
    if (!l->first || e->segments == 0) e->segments += l->takes > 0;
    if (!e->ttl_any) {
        e->ttl = p->ttl;
        e->ttl_any = true;
    }
    if (l->fresh) {
        uint32_t fresh = l->takes;
        e->bytes += p->len < fresh ? p->len : fresh;
        e->unread = 0;
        if (p->len > 0) o->unread += p->len;
    }
    follow_window(r, p, l);
    repeat_follow(r, p, l);
    ecn_follow(h, p, l);
    follow_fin(r, p, l);
    follow_speed(r, p, l);
    if (l->takes > 0) e->sent_ns = p->time_ns;
    e->heard_ns = p->time_ns;
    if (p->ip_id != 0 && !history_earlier(e, p)) e->ip_id = p->ip_id;
}

void history_icmp(struct history *h, const struct flow_icmp *icmp) {
    bool big = icmp->v6 ? icmp->type == ICMP6_TOO_BIG : icmp->type == ICMP4_UNREACHABLE && icmp->code == 4;
    if (big) {
        h->icmp_big++;
        h->icmp_mtu = icmp->mtu;
        return;
    }
    if (icmp->type != (icmp->v6 ? ICMP6_UNREACHABLE : ICMP4_UNREACHABLE)) return;
    bool forbids = icmp->v6 ? icmp->code == 1 || icmp->code == 5 || icmp->code == 6
                            : icmp->code == 9 || icmp->code == 10 || icmp->code == 13;
    h->icmp_unreachable = true;
    h->icmp_filter |= forbids;
    h->icmp_type = icmp->type;
    h->icmp_code = icmp->code;
}

/* ---- what arrived twice ---- */

static uint32_t repeats_of(const struct history_end *e) {
    uint32_t all = 0;
    for (unsigned c = 0; c < REPEAT_CAUSES; c++) all += c != REPEAT_SYN ? e->repeats[c] : 0;
    return all;
}

uint32_t history_needless(const struct history_end *e) {
    return min_u32(max_u32(e->needless, e->dsacks), repeats_of(e));
}

uint32_t history_doubled(const struct record *r, int end) {
    const struct history_end *e = &r->history.end[end];
    const struct track_end *t = &r->track.end[end];
    uint32_t sent_twice = repeats_of(e) + e->repeats[REPEAT_SYN] + e->probes + e->keepalives;
    if (r->passive.gaps || r->passive.midstream || t->missing > 0 || e->supers > 0) return 0;
    return e->dsacks > sent_twice ? e->dsacks - sent_twice : 0; /* [RFC2883 4, RFC5560] */
}

/* ---- where it was taken ---- */

static bool whole_ttl(uint8_t ttl) { return ttl == 64 || ttl == 128 || ttl == 255; }

enum vantage history_vantage(const struct history *h) {
    const struct history_end *a = &h->end[END_A], *b = &h->end[END_B];
    /* The capture says what came in and what went out. Checksums say less: a virtual device leaves them open. */
    unsigned a_way = h->ways[END_A], b_way = h->ways[END_B];
    if ((a_way == CAPTURE_OUT || a_way == 0) && (b_way == CAPTURE_IN || b_way == 0) && a_way != b_way) return VANTAGE_A;
    if ((a_way == CAPTURE_IN || a_way == 0) && (b_way == CAPTURE_OUT || b_way == 0) && a_way != b_way) return VANTAGE_B;
    if (a->sums_open >= 2 && b->sums_open == 0 && b->segments > 1) return VANTAGE_A;
    if (b->sums_open >= 2 && a->sums_open == 0 && a->segments > 1) return VANTAGE_B;
    if (a->ttl_any && b->ttl_any && whole_ttl(a->ttl) != whole_ttl(b->ttl))
        return whole_ttl(a->ttl) ? VANTAGE_A : VANTAGE_B;
    uint64_t na = h->near_ns[END_A], nb = h->near_ns[END_B];
    if (na == 0 || nb == 0 || na + nb < MS_NS) return VANTAGE_UNKNOWN; /* nothing is far on such a path */
    if (na * 10 < nb) return VANTAGE_A;
    if (nb * 10 < na) return VANTAGE_B;
    return VANTAGE_BETWEEN;
}
