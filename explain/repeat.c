/* repeat.c - why a segment came again (RFC 6298, 5681, 6675, 8985), whether that was needed (RFC 2883), and how long
 * round trips took. Timers are the sender's own and not known: what is here goes by what it had been told. */
#include "explain/history_inner.h"

enum {
    QUIET_MS = 180, /* timers are not shorter, in practice: 200 ms on many hosts, 1 s in RFC 6298 */
    REORDER_MS = 3, /* overtaken by so little on the way, without other evidence */
    DUPLICATES = 3, /* [RFC5681 3.2] */
    MAX_BLOCK = 65535,
};

/* ---- ACKs, for the end whose bytes they acknowledge ---- */

static void sample(struct history_end *e, uint64_t now_ns) {
    if (now_ns < e->rtt_ns) { /* the capture's clock went back */
        e->rtt_ns = 0;
        return;
    }
    uint64_t us = (now_ns - e->rtt_ns) / 1000;
    uint32_t v = us == 0 ? 1 : us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
    if (e->rtt_samples == 0 || v < e->rtt_min_us) e->rtt_min_us = v;
    e->rtt_max_us = max_u32(e->rtt_max_us, v);
    e->rtt_sum_us += v;
    e->rtt_samples++;
    e->acked_len = max_u32(e->acked_len, e->timed_len);
    e->rtt_ns = 0;
}

static void follow_sack(const struct track_end *self, struct history_end *e, const tcp_options *o) {
    for (unsigned i = 0; i < o->sack_count; i++) {
        bool old = seq_le(o->sack[i].right, self->acked);
        bool within = i == 0 && o->sack_count > 1 && seq_ge(o->sack[0].left, o->sack[1].left) &&
                      seq_le(o->sack[0].right, o->sack[1].right);
        if (i == 0 && (old || within)) { /* [RFC2883 4] this came twice */
            e->dsacks++;
            continue;
        }
        if (old) continue;
        uint32_t arrived = (uint32_t)seq_diff(o->sack[i].right, o->sack[i].left);
        if (arrived <= MAX_BLOCK) e->acked_len = max_u32(e->acked_len, arrived);
        if (!e->told_any || seq_gt(o->sack[i].right, e->told)) e->told = o->sack[i].right;
        e->told_any = true;
    }
}

static void follow_ack(struct record *r, const struct flow_packet *p, const struct sight *l) {
    const struct track_end *self = &r->track.end[!p->from];
    struct history_end *e = &r->history.end[!p->from]; /* whose bytes they are */
    if (!(p->tcp.flags & TCP_ACK)) return;
    if (l->ack_new) {
        e->dup_acks = 0;
        e->run = 0;
        if (e->repeated_len > 0 && l->newly_acked >= e->repeated_len)
            e->acked_len = max_u32(e->acked_len, e->repeated_len);
        e->repeated_len = 0;
        if (e->rtt_ns != 0 && seq_ge(self->acked, e->rtt_stop)) sample(e, p->time_ns);
        if (e->told_any && seq_ge(self->acked, e->told)) e->told_any = false;
        if (seq_ge(self->acked, e->recover)) e->in_rto = e->in_fast = false;
    } else if (l->ack_same && l->takes == 0 && track_flight(self) > 0 && !l->window_changed && e->dup_acks < 255) {
        e->dup_acks++;
    }
    if (p->tcp.options.sack_count > 0 && !(p->marks & FLOW_CUT)) follow_sack(self, e, &p->tcp.options);
}

/* ---- what came again ---- */

/* Not sent again, but overtaken: its time, its identification or its haste shows it. */
static bool overtaken(const struct record *r, const struct flow_packet *p, const struct sight *l) {
    const struct track_end *self = &r->track.end[p->from];
    const struct history_end *e = &r->history.end[p->from];
    const tcp_options *o = &p->tcp.options;
    bool counted = p->ip_id != 0 && e->ip_id != 0, earlier = history_earlier(e, p);
    int32_t later = o->has_ts && self->ts_any ? (int32_t)(o->ts_value - self->ts) : 0;
    /* Of many holes at once some are forgotten: then both clocks have to agree, for a sender may set back one of them. */
    if (!l->fills) return self->blurred && seq_gt(l->stop, self->acked) && earlier && later <= 0;
    if (later != 0) return later < 0;
    if (counted) return earlier;
    uint64_t since = p->time_ns - min_u64(e->sent_ns, p->time_ns);
    return since < REORDER_MS * MS_NS && since * 2 < history_rtt(&r->history) && e->dup_acks < DUPLICATES;
}

/* A copy that the network made and brought late: both clocks of its sender stand where they stood. */
static bool copied(const struct record *r, const struct flow_packet *p, const struct sight *l) {
    const struct track_end *self = &r->track.end[p->from];
    const tcp_options *o = &p->tcp.options;
    bool early = o->has_ts && self->ts_any && (int32_t)(o->ts_value - self->ts) <= 0;
    return !l->fills && early && history_earlier(&r->history.end[p->from], p);
}

/* What a SYN carried and its answer did not acknowledge comes again behind the handshake: no timer, no loss [RFC7413 3]. */
static bool of_syn(const struct track_end *self, const struct history_end *e, const struct sight *l) {
    if (!self->syn_data || self->guessed || e->syn_data_again || !seq_eq(l->start, seq_add(self->isn, 1))) return false;
    return seq_le(l->stop, seq_add(l->start, e->syn_bytes));
}

static enum repeat_cause cause_of(const struct record *r, const struct flow_packet *p, const struct sight *l,
                                  uint64_t since) {
    const struct track_end *self = &r->track.end[p->from];
    const struct history_end *e = &r->history.end[p->from];
    if (p->tcp.flags & TCP_SYN || of_syn(self, e, l)) return REPEAT_SYN;
    bool quiet = since >= QUIET_MS * MS_NS;
    /* What was repeated because of a hole comes once more, and nothing was heard meanwhile. */
    uint64_t unheard = p->time_ns - min_u64(r->history.end[!p->from].heard_ns, p->time_ns);
    bool alone = quiet && e->in_fast && seq_lt(l->start, e->recover) && unheard >= QUIET_MS * MS_NS &&
                 unheard * 2 >= history_rtt(&r->history) * 3;
    bool told = e->dup_acks >= DUPLICATES || (e->told_any && seq_gt(e->told, l->start));
    bool first = !self->acked_any || seq_le(l->start, self->acked), last = seq_eq(l->stop, self->next);
    if (e->in_rto && seq_lt(l->start, e->recover)) return REPEAT_RTO;
    if (e->in_fast && seq_lt(l->start, e->recover) && !quiet) return REPEAT_FAST;
    if (told && !(first && (alone || (quiet && e->run > 0)))) return REPEAT_FAST;
    if (last && !first && since * 10 >= history_rtt(&r->history) * 11) return REPEAT_TLP;
    if (quiet) return REPEAT_RTO;
    if (last && since * 10 >= history_rtt(&r->history) * 15) return REPEAT_TLP;
    return REPEAT_UNKNOWN;
}

static void count_repeat(struct record *r, const struct flow_packet *p, const struct sight *l) {
    const struct track_end *self = &r->track.end[p->from];
    struct history_end *e = &r->history.end[p->from];
    uint64_t since = p->time_ns - min_u64(e->sent_ns, p->time_ns);
    enum repeat_cause cause = cause_of(r, p, l, since);
    e->repeats[cause]++;
    if (cause == REPEAT_SYN && !(p->tcp.flags & TCP_SYN)) e->syn_data_again = true;
    e->repeated_now = true;
    e->repeated_len = p->len;
    e->rtt_ns = 0; /* [RFC6298 3] which of the two is acknowledged cannot be told */
    if (self->acked_any && seq_le(l->stop, self->acked) && cause != REPEAT_SYN) e->needless++;
    bool starts = !(e->in_rto || e->in_fast) || seq_ge(l->start, e->recover);
    if (cause == REPEAT_RTO) {
        if (!e->in_rto || since >= QUIET_MS * MS_NS) {
            e->longest_wait_ms = max_u32(e->longest_wait_ms, (uint32_t)min_u64(since / MS_NS, UINT32_MAX));
            if (e->run++ == 0) e->run_ns = p->time_ns;
        }
        e->in_rto = true;
        e->recover = self->next;
        if (p->len > e->acked_len && p->len >= 500) {
            e->big_lost++;
            e->big_len = max_u32(e->big_len, p->len);
        }
    } else if (cause == REPEAT_FAST && starts) {
        e->in_fast = true;
        e->recover = self->next;
    }
}

void repeat_follow(struct record *r, const struct flow_packet *p, const struct sight *l) {
    struct history_end *e = &r->history.end[p->from];
    follow_ack(r, p, l);
    if (l->probe || (l->takes <= 1 && p->len == 1 && r->history.end[!p->from].zero_since_ns != 0)) return;
    if (l->repeated) {
        if (overtaken(r, p, l))
            e->out_of_order++;
        else if (!copied(r, p, l))
            count_repeat(r, p, l);
    } else if (l->fresh && e->rtt_ns == 0) {
        e->rtt_ns = p->time_ns;
        e->rtt_stop = l->stop;
        e->timed_len = p->len;
    }
}
