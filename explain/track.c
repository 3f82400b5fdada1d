/* track.c - see track.h. */
#include "explain/track.h"

/* Further away than this is not of this connection. */
enum { FOREIGN = 1 << 28 };

void track_start(struct track *t) {
    memset(t, 0, sizeof *t);
    t->end[END_A].fin = t->end[END_B].fin = KNOWN_NO;
}

static void base(struct track_end *e, seq isn, bool guessed) {
    e->based = true;
    e->guessed = guessed;
    e->isn = isn;
    e->next = e->edge = seq_add(isn, guessed ? 1 : 0);
    e->fin = guessed ? KNOWN_MAYBE : KNOWN_NO;
    e->islands = 0;
    e->blurred = false;
    e->acked_any = e->quiet_any = false;
}

/* ---- what was captured ---- */

/* The edge moves over what lies right behind it. */
static void absorb(struct track_end *e) {
    unsigned n = 0;
    while (n < e->islands && seq_le(e->island[n].left, e->edge)) {
        e->edge = seq_max(e->edge, e->island[n].right);
        n++;
    }
    if (n == 0) return;
    e->islands = (uint8_t)(e->islands - n);
    memmove(e->island, e->island + n, e->islands * sizeof e->island[0]);
}

static void blur(struct track_end *e, seq to) {
    e->blur = e->blurred ? seq_max(e->blur, to) : to;
    e->blurred = true;
}

/* Keeps [left, right) in order; what touches becomes one. With too many the last two do, and the hole is forgotten. */
static void island_add(struct track_end *e, seq left, seq right) {
    unsigned i = 0;
    while (i < e->islands && seq_lt(e->island[i].right, left)) i++;
    unsigned j = i;
    for (; j < e->islands && seq_le(e->island[j].left, right); j++) {
        left = seq_min(left, e->island[j].left);
        right = seq_max(right, e->island[j].right);
    }
    if (i == j && e->islands == TRACK_ISLANDS) {
        if (i == TRACK_ISLANDS) i--;
        left = seq_min(left, e->island[i].left);
        right = seq_max(right, e->island[i].right);
        blur(e, right);
        j = i + 1;
    }
    memmove(e->island + i + 1, e->island + j, (e->islands - j) * sizeof e->island[0]);
    e->islands = (uint8_t)(e->islands - (j - i) + 1);
    e->island[i].left = left;
    e->island[i].right = right;
}

/* Is all of it captured already? */
static bool have(const struct track_end *e, seq left, seq right) {
    if (seq_le(right, e->edge)) return true;
    if (seq_lt(left, e->edge)) left = e->edge;
    for (unsigned i = 0; i < e->islands; i++)
        if (seq_ge(left, e->island[i].left) && seq_le(right, e->island[i].right)) return true;
    return false;
}

/* The other end has all up to `to`: what the capture lacks of that will never come. */
static void settle(struct track_end *e, seq to) {
    absorb(e);
    while (seq_lt(e->edge, to)) {
        seq until = e->islands > 0 ? seq_min(to, e->island[0].left) : to;
        if (seq_lt(e->edge, until)) e->missing += (uint32_t)seq_diff(until, e->edge);
        e->edge = until;
        absorb(e);
    }
}

/* ---- options and window ---- */

static void learn_options(struct track_end *e, const struct flow_packet *p) {
    const tcp_options *o = &p->tcp.options;
    if (p->tcp.flags & TCP_SYN) e->offers_cut = p->marks & FLOW_CUT;
    if (p->marks & FLOW_CUT) return;
    if (p->tcp.flags & TCP_SYN) {
        e->mss = o->has_mss ? o->mss : 0;
        e->scale_offered = o->has_wscale;
        e->shift = o->has_wscale ? (o->wscale > 14 ? 14 : o->wscale) : 0; /* [RFC7323 2.3] */
        e->sack = o->sack_ok;
        e->timestamps = o->has_ts;
    }
    if (!o->has_ts) return;
    if (!e->ts_any || (int32_t)(o->ts_value - e->ts) > 0) e->ts = o->ts_value;
    e->ts_any = true;
}

static uint32_t window_of(const struct track *t, const struct flow_packet *p) {
    const struct track_end *e = &t->end[p->from], *o = &t->end[!p->from];
    bool scaled = !(p->tcp.flags & TCP_SYN) && e->scale_offered && o->scale_offered;
    return (uint32_t)p->tcp.window << (scaled ? e->shift : 0);
}

/* ---- one segment ---- */

static void follow_ack(struct track *t, const struct flow_packet *p, struct sight *out) {
    struct track_end *o = &t->end[!p->from];
    seq ack = p->tcp.ack_no;
    bool unheard = o->syn && !o->guessed && !o->acked_any && !t->end[p->from].acked_any; /* its SYN was not answered */
    bool opening = unheard || p->tcp.flags & (TCP_SYN | TCP_RST);
    if (!(p->tcp.flags & TCP_ACK)) return;
    if (!o->based) {
        if (p->tcp.flags & TCP_RST) return;
        base(o, seq_add(ack, (uint32_t)-1), true);
    }
    int32_t beyond = seq_diff(ack, o->next);
    bool ack_foreign = opening && (beyond > 0 || (!o->guessed && seq_le(ack, o->isn)));
    bool foreign = out->foreign || beyond > FOREIGN || beyond < -FOREIGN;
    out->ack_foreign = ack_foreign;
    out->foreign = foreign;
    if (ack_foreign || foreign || (p->tcp.flags & TCP_RST)) return;
    if (beyond > 0) {
        out->ack_beyond = true;
        o->next = ack;
        if (o->fin == KNOWN_NO) o->fin = KNOWN_MAYBE; /* it may be among what is missing */
    }
    int32_t more = o->acked_any ? seq_diff(ack, o->acked) : seq_diff(ack, o->isn);
    out->ack_new = !o->acked_any || more > 0;
    out->ack_same = o->acked_any && more == 0;
    out->ack_old = o->acked_any && more < 0;
    out->newly_acked = out->ack_new && more > 0 ? (uint32_t)more : 0;
    if (out->ack_new) {
        o->acked = ack;
        o->acked_any = true;
        settle(o, ack);
        if (o->blurred && seq_ge(ack, o->blur)) o->blurred = false;
        if (seq_eq(ack, o->next)) {
            o->quiet_at = t->end[p->from].next; /* what is new in this segment comes with this ACK */
            o->quiet_any = true;
            o->quiet_ns = p->time_ns;
        }
    }
    if (!out->ack_old && seq_lt(ack, o->edge)) blur(o, o->edge);
    out->fin_acked = o->fin == KNOWN_YES && seq_gt(ack, o->fin_at);
    out->syn_acked = seq_gt(ack, o->isn);
}

/* Where the stream of a SYN's sender begins: with the first one, or anew when the other end took no notice of it. */
static void follow_syn(struct track *t, const struct flow_packet *p, struct sight *out) {
    struct track_end *e = &t->end[p->from];
    bool with_ack = p->tcp.flags & TCP_ACK;
    if (e->based && !seq_eq(e->isn, p->tcp.seq_no)) {
        int32_t before = seq_diff(e->next, p->tcp.seq_no);
        bool begins = e->guessed && (!e->heard || (before > 0 && before < FOREIGN));
        bool unheard = begins || (!e->acked_any && with_ack);
        if (!unheard) {
            out->foreign = true;
            return;
        }
    }
    if (!e->based || !seq_eq(e->isn, p->tcp.seq_no) || e->guessed) {
        struct track_end was = *e;
        base(e, p->tcp.seq_no, false);
        if (was.based && was.guessed && was.acked_any && seq_eq(was.isn, e->isn)) {
            e->acked = was.acked;
            e->acked_any = true;
        }
        if (was.guessed && was.heard && seq_gt(was.next, e->isn)) { /* the capture began with what was sent behind it */
            e->next = was.next;
            e->fin = was.fin;
            e->fin_at = was.fin_at;
            if (seq_gt(was.edge, seq_add(was.isn, 1))) island_add(e, seq_add(was.isn, 1), was.edge);
        }
    }
    if (with_ack)
        e->syn_ack = true;
    else
        e->syn = true;
    e->syn_data |= p->len > 0;
}

static void follow_numbers(struct track_end *e, const struct flow_packet *p, struct sight *out) {
    e->heard = true;
    bool syn = p->tcp.flags & TCP_SYN, fin = p->tcp.flags & TCP_FIN;
    int32_t ahead = seq_diff(out->stop, e->next);
    out->fresh = out->takes > 0 && ahead > 0;
    out->repeated = out->takes > 0 && ahead <= 0 && !out->first;
    out->ahead = seq_gt(out->start, e->next);
    out->fills = out->repeated && !have(e, out->start, out->stop);
    bool small = out->takes == 0 || (out->takes == 1 && p->len == 1);
    out->probe = small && !out->first && e->fin != KNOWN_YES && !(p->tcp.flags & TCP_RST) && e->acked_any &&
                 seq_eq(out->start, seq_add(e->next, (uint32_t)-1));
    if (out->ahead && out->takes == 0 && e->fin == KNOWN_NO) e->fin = KNOWN_MAYBE; /* a FIN may be what is missing */
    if (out->fresh && p->len > 0 && !out->first && e->fin == KNOWN_MAYBE) e->fin = KNOWN_NO;
    if (fin && e->fin != KNOWN_YES) {
        e->fin = KNOWN_YES;
        e->fin_at = seq_add(out->stop, (uint32_t)-1);
    }
    if (out->takes > 0) {
        if (seq_gt(out->stop, e->edge)) {
            if (seq_le(out->start, e->edge))
                e->edge = out->stop;
            else
                island_add(e, out->start, out->stop);
        }
        absorb(e);
        e->next = seq_max(e->next, out->stop);
    } else if (out->ahead) {
        e->next = out->start; /* it sent more than was captured */
    }
    if (out->outdated && out->takes > 0) blur(e, out->stop);
    if (p->len > e->full && !syn) e->full = p->len;
}

void track_follow(struct track *t, const struct flow_packet *p, struct sight *out) {
    struct track_end *e = &t->end[p->from];
    bool syn = p->tcp.flags & TCP_SYN, fin = p->tcp.flags & TCP_FIN, rst = p->tcp.flags & TCP_RST;
    memset(out, 0, sizeof *out);
    out->takes = rst ? 0 : p->len + syn + fin;
    out->start = p->tcp.seq_no;
    out->stop = seq_add(out->start, out->takes);
    if (syn && !rst) {
        out->first = !e->based || (e->guessed && !e->heard);
        follow_syn(t, p, out);
    } else if (!e->based && !rst) {
        out->first = true;
        base(e, seq_add(p->tcp.seq_no, (uint32_t)-1), true);
    }
    if (e->based) {
        int32_t away = seq_diff(out->start, e->next);
        if (away > FOREIGN || away < -FOREIGN) out->foreign = true;
    }
    const tcp_options *o = &p->tcp.options;
    out->outdated = o->has_ts && e->ts_any && (int32_t)(o->ts_value - e->ts) < 0;
    if (!out->foreign && !rst) learn_options(e, p);
    follow_ack(t, p, out);
    if (out->foreign || rst) return;
    follow_numbers(e, p, out);
    out->window = window_of(t, p);
    out->window_changed = out->window != e->window;
    if (!out->ack_old) e->window = out->window;
    out->flight = track_flight(e);
    if (out->flight == 0 && e->quiet_any && p->time_ns > e->quiet_ns) out->quiet_ns = p->time_ns - e->quiet_ns;
}
