/* ecn.c - congestion marks as a capture shows them: whether both ends agreed on them, who marked, who told of it and who
 * slowed down (RFC 3168, RFC 9768). What that is worth saying is judge.c's. */
#include "explain/history_inner.h"

enum { ECT_NONE = 0, CE = 3 };
enum { BITS = TCP_AE | TCP_CWR | TCP_ECE, ASK_CLASSIC = 3, ASK_ACCURATE = 7, COUNTER_START = 5 };

/* AE, CWR, ECE as a number of three bits. */
static uint8_t number_of(const struct flow_packet *p) { return (uint8_t)((p->tcp.flags & BITS) >> 6); }

/* ---- the opening ---- */

static void follow_syn(struct history_ecn *x, const struct flow_packet *p) {
    uint8_t bits = number_of(p);
    if (p->tcp.flags & TCP_ACK) {
        if (!x->answered) x->answer = bits;
        x->answered = true;
        return;
    }
    if (x->answered) return;
    if (!x->asked) x->first = bits;
    x->asked = true;
    x->latest = bits;
}

/* [RFC3168 6.1.1, RFC9768 3.1.2] Who asks for the accurate form may get the classic one. */
static enum marking by_answer(const struct history_ecn *x) {
    bool accurate = x->answer == 2 || x->answer == 3 || x->answer == 4 || x->answer == 6;
    if (x->latest != 0 && x->latest != ASK_CLASSIC && accurate) return MARKING_ACCURATE;
    return x->answer == 1 || x->answer == 5 ? MARKING_CLASSIC : MARKING_REFUSED;
}

enum marking ecn_agreed(const struct history *h, enum certainty *sure) {
    const struct history_ecn *x = &h->ecn;
    *sure = CERTAIN;
    if (x->asked && x->latest == 0) return x->first != 0 ? MARKING_TAKEN_BACK : MARKING_NONE;
    if (x->asked && x->answered) return by_answer(x);
    *sure = LIKELY; /* the bits of the packets tell */
    if (x->counts) return MARKING_ACCURATE;
    if (x->end[END_A].capable + x->end[END_B].capable > 0) return MARKING_CLASSIC;
    *sure = UNDECIDABLE;
    return MARKING_UNKNOWN;
}

/* ---- marks, and what is said of them ---- */

static void follow_marks(struct ecn_end *e, const struct flow_packet *p, const struct sight *l) {
    unsigned field = p->tos & 3u;
    if (field == ECT_NONE) {
        e->plain += l->fresh && p->len > 0;
        return;
    }
    e->capable++;
    if (field != CE) return;
    if (e->marked++ == 0) e->marked_first = p->number;
    if (l->takes > 0 && l->fresh) {
        e->marked_stop = l->stop;
        e->waits = true;
    }
}

static void note_told(struct ecn_end *o, uint32_t marks, uint64_t now_ns) {
    if (o->told == 0) o->told_ns = now_ns;
    o->told += marks;
    o->waits = false;
}

/* A receiver that has seen the mark says so with its next ACK. */
static void note_silence(struct ecn_end *o, const struct flow_packet *p) {
    if (!o->waits || seq_lt(p->tcp.ack_no, o->marked_stop)) return;
    o->unheard++;
    o->waits = false;
}

/* ECE on all ACKs until CWR comes is one report; behind that it is another. */
static void follow_classic(struct ecn_end *e, struct ecn_end *o, const struct flow_packet *p, const struct sight *l) {
    if (l->takes > 0 && p->tcp.flags & TCP_CWR) {
        e->reduced++;
        e->reduced_stop = l->stop;
        e->reduced_any = true;
    } else if (e->told > 0 && e->reduced == 0 && l->fresh && p->len > 0) {
        e->unheeded++;
    }
    if (p->tcp.flags & TCP_ECE) {
        bool again = o->reduced_any && seq_ge(p->tcp.ack_no, o->reduced_stop);
        if (!o->telling || again) note_told(o, 1, p->time_ns);
        if (again) o->reduced_any = false;
        o->telling = true;
        o->waits = false;
    } else if (!l->ack_old) {
        o->telling = false;
        note_silence(o, p);
    }
}

/* The opener's first ACK says how the SYN-ACK arrived and is no counter [RFC9768 3.2.2.1]. */
static void follow_counter(const struct history *h, struct ecn_end *e, struct ecn_end *o, const struct flow_packet *p,
                           const struct sight *l) {
    bool opens = h->opener == p->from && !e->counts;
    uint8_t counter = number_of(p);
    if (l->ack_old) return;
    if (!e->counts) o->counter = COUNTER_START;
    e->counts = true;
    if (opens) return;
    uint8_t fresh = (uint8_t)(counter - o->counter) & 7;
    o->counter = counter;
    if (fresh > 0)
        note_told(o, fresh, p->time_ns);
    else
        note_silence(o, p);
}

void ecn_follow(struct history *h, const struct flow_packet *p, const struct sight *l) {
    struct history_ecn *x = &h->ecn;
    struct ecn_end *e = &x->end[p->from], *o = &x->end[!p->from];
    enum certainty sure;
    if (p->tcp.flags & TCP_SYN) {
        if (!l->ack_foreign) follow_syn(x, p);
        x->any |= x->first != 0 || x->answer != 0;
        return;
    }
    x->any |= number_of(p) != 0 || (p->tos & 3) != ECT_NONE;
    if (!x->any) return;
    if (p->tcp.flags & TCP_AE) x->counts = true;
    follow_marks(e, p, l);
    if (!(p->tcp.flags & TCP_ACK)) return;
    enum marking agreed = ecn_agreed(h, &sure);
    if (agreed == MARKING_CLASSIC) follow_classic(e, o, p, l);
    if (agreed == MARKING_ACCURATE && sure == CERTAIN) follow_counter(h, e, o, p, l);
}
