/* reset.c - why a RST was sent (RFC 9293 3.5.2, 3.5.3, 3.6.1; RFC 5961, 3360), from what had come before it. Only the
 * first one that counts is judged; those after it answer what was still under way. */
#include "explain/history_inner.h"

static int hops(uint8_t ttl) { return ttl <= 64 ? 64 - ttl : ttl <= 128 ? 128 - ttl : 255 - ttl; }

/* From elsewhere than the end's other packets? */
static uint8_t strange_hops(const struct history_end *e, const struct flow_packet *p) {
    if (!e->ttl_any || p->ttl == e->ttl) return 0;
    int d = hops(p->ttl) - hops(e->ttl);
    return (uint8_t)(d < 0 ? -d : d);
}

/* One hop may be a change of the route, unless its host would have had to count on far, too. */
static bool strange(const struct history_end *e, const struct flow_packet *p) {
    uint8_t far = strange_hops(e, p);
    int16_t on = (int16_t)(p->ip_id - e->ip_id);
    bool jumps = p->ip_id != 0 && e->ip_id != 0 && (on > 1000 || on < -1000);
    return far > 1 || (far == 1 && jumps);
}

static enum reset_kind while_opening(const struct record *r, const struct flow_packet *p) {
    const struct history *h = &r->history;
    const struct history_end *e = &h->end[p->from], *o = &h->end[!p->from];
    const struct track_end *self = &r->track.end[p->from], *peer = &r->track.end[!p->from];
    bool answers = !(p->tcp.flags & TCP_ACK);
    if (o->answered_old && o->syn_acks == 0) return RESET_OLD_SYN;
    if ((o->syn_acks > 0 || answers) && h->opener == (int8_t)p->from) { /* the SYN-ACK may be missing */
        bool stranger = e->syns > 0 && !seq_eq(p->tcp.seq_no, self->next);
        return stranger ? RESET_OLD_SYN : RESET_HANDSHAKE;
    }
    if (o->syns > 0) {
        bool ours = p->tcp.flags & TCP_ACK && seq_gt(p->tcp.ack_no, peer->isn) && seq_le(p->tcp.ack_no, peer->next);
        return ours ? RESET_REFUSES : RESET_OUTSIDE;
    }
    return RESET_UNKNOWN;
}

static enum reset_kind kind_of(const struct record *r, const struct flow_packet *p) {
    const struct history *h = &r->history;
    const struct history_end *e = &h->end[p->from];
    const struct track_end *self = &r->track.end[p->from], *peer = &r->track.end[!p->from];
    bool midstream = self->guessed || peer->guessed, answers = !(p->tcp.flags & TCP_ACK);
    bool closed = self->fin == KNOWN_YES && peer->fin == KNOWN_YES && (track_fin_acked(self) || track_fin_acked(peer));
    bool over = closed || h->reset >= RESET_LATE;
    if (!h->opened && !midstream) return while_opening(r, p);
    if (strange(e, p)) return RESET_FORGED;
    if (self->based) {
        int32_t d = seq_diff(p->tcp.seq_no, self->acked_any ? self->acked : self->isn);
        int32_t room = seq_diff(self->next, self->acked_any ? self->acked : self->isn);
        uint32_t window = max_u32(peer->window, 1);
        /* [RFC9293 3.10.7.1] with the number of an ACK that was under way */
        if (over && answers && d < 0 && seq_gt(p->tcp.seq_no, self->isn)) return RESET_LATE;
        if (d < 0 || (d > room && d > (int32_t)min_u32(window, 1u << 30))) return RESET_OUTSIDE;
        bool missing = r->passive.gaps && d > room; /* what it sent before was not captured */
        if (!seq_eq(p->tcp.seq_no, self->next) && d != 0 && !answers && !missing) return RESET_OUTSIDE;
    }
    if (closed) return RESET_LATE;
    if (e->keepalives_unanswered >= 2) return RESET_KEEPALIVE;
    if (e->run >= 3) return RESET_GIVEN_UP;
    if (self->fin == KNOWN_YES) return RESET_CLOSED;
    if (answers) return RESET_UNKNOWN;
    return e->unread > 0 && !r->passive.gaps ? RESET_UNREAD : RESET_ABORT;
}

void reset_follow(struct record *r, const struct flow_packet *p, const struct sight *l) {
    struct history *h = &r->history;
    struct history_end *e = &h->end[p->from];
    (void)l;
    if (e->resets < UINT16_MAX) e->resets++;
    enum reset_kind kind = kind_of(r, p);
    if (kind == RESET_OUTSIDE) {
        if (e->outside < UINT16_MAX) e->outside++;
        return;
    }
    e->took_back = e->took_back || kind == RESET_OLD_SYN;
    bool weightless = h->reset == RESET_NONE || h->reset == RESET_OLD_SYN;
    if (!weightless) return;
    h->reset = (uint8_t)kind;
    h->resetter = (int8_t)p->from;
    h->reset_ns = p->time_ns;
    h->reset_number = p->number;
    h->reset_alone = !(p->tcp.flags & TCP_ACK);
    e->reset_hops = strange_hops(e, p);
    if (kind == RESET_FORGED) return;
    if (h->closer < 0 && kind >= RESET_KEEPALIVE) {
        h->closer = (int8_t)p->from;
        h->closing_ns = p->time_ns;
    }
}
