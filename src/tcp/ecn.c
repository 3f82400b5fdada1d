/* ecn.c - explicit congestion notification (RFC 3168) [SHLD-8] and its accurate form (RFC 9768): agreed in the
 * handshake, marks received are fed back, fed-back marks reduce the window once a round trip. How far is the
 * algorithm's choice (RFC 8511).
 *
 * Classic: a mark (CE) sets ECE on every ACK until the sender answers with CWR. Accurate: the three bits AE, CWR,
 * ECE are a counter of marked packets, modulo 8; in the handshake they say instead how the other's SYN or SYN,ACK
 * arrived. */
#include "tcp/tcb.h"

enum { NOT_ECT = 0, ECT1 = 1, ECT0 = 2, CE = 3 };
enum { BITS = TCP_AE | TCP_CWR | TCP_ECE, CLASSIC_SYN = TCP_CWR | TCP_ECE, COUNTER_START = 5, OWED_MOST = 3 };

/* AE, CWR, ECE as a number of three bits, and back. */
static uint8_t number_of(uint16_t flags) {
    return (uint8_t)((flags & TCP_AE ? 4 : 0) | (flags & TCP_CWR ? 2 : 0) | (flags & TCP_ECE ? 1 : 0));
}
static uint16_t flags_of(uint8_t n) {
    return (uint16_t)((n & 4 ? TCP_AE : 0) | (n & 2 ? TCP_CWR : 0) | (n & 1 ? TCP_ECE : 0));
}
/* How the other's SYN, or SYN,ACK, arrived [RFC9768 3.1.1, 3.2.2.1]: Not-ECT, ECT(1), ECT(0), CE. */
static uint8_t arrived_as(uint8_t ip_ecn) {
    static const uint8_t code[] = {[NOT_ECT] = 2, [ECT1] = 3, [ECT0] = 4, [CE] = 6};
    return code[ip_ecn & 3];
}

/* ---- the handshake ---- */

static bool asks(const struct stack *s, const struct tcb *t) {
    return s->cfg.ecn == 1 && t->opt->congestion != TERN_BBR;
}

/* A path that loses such SYNs gets plain ones; the second still asks, for the first may have been lost by chance
 * [RFC9768 3.1.4.1]. */
static bool gave_up_asking(const struct tcb *t) { return t->busy->repeats > 1; }

/* An initiator asks for the accurate form; who knows only the classic one sees a classic request in it. */
uint16_t ecn_syn_flags(const struct stack *s, const struct tcb *t) {
    return asks(s, t) && !gave_up_asking(t) ? BITS : 0;
}

/* What a SYN asks for, and what we agree to. Whatever is neither nothing nor the classic request may come to mean more than the
 * accurate form, which is what it gets [RFC9768 3.1.3]. */
enum ecn_mode ecn_asked(const struct stack *s, uint16_t syn_flags) {
    if (!s->cfg.ecn || !(syn_flags & BITS)) return ECN_OFF;
    return (syn_flags & BITS) == CLASSIC_SYN ? ECN_CLASSIC : ECN_ACCURATE;
}

uint16_t ecn_syn_ack_flags(enum ecn_mode mode, uint8_t syn_ecn) {
    if (mode == ECN_ACCURATE) return flags_of(arrived_as(syn_ecn));
    return mode == ECN_CLASSIC ? TCP_ECE : 0;
}

/* The SYN came again. Where it asks no more, neither end may have its text marked from here on; but an answer to the first
 * one may be under way, and whoever gets that can be told of marks [RFC3168 6.1.1.1]. */
void ecn_syn_repeated(struct arrival *a) {
    struct tcb *t = a->t;
    if (t->ecn && !(a->h->flags & BITS)) t->ecn_mute = true;
}

/* The flags of a SYN,ACK that a control block sends: those of the first one, unless the request was taken back. */
uint16_t ecn_syn_ack_again(const struct tcb *t) {
    return t->ecn_mute ? 0 : ecn_syn_ack_flags((enum ecn_mode)t->ecn, t->tos_received);
}

static void counters_start(struct tcb *t) {
    t->ecn_seen = t->ecn_told = COUNTER_START;
    t->busy->ecn_until = seq_add(t->snd.una, (uint32_t)-1);
}

/* What we sent while opening was not ECN-capable; who says that it arrived as if it had been tells of a path that writes into
 * that field. Then what it marks means nothing, and what we send is not capable of being marked [RFC9768 3.2.2.3]. That it
 * arrived marked is taken for a mark. */
static bool mangled(const struct arrival *a) {
    uint8_t told = number_of(a->h->flags);
    return told == arrived_as(ECT0) || told == arrived_as(ECT1);
}

/* The answer to our SYN [RFC9768 3.1.2, 3.1.3]. When it answers the first of several the peer counts on hearing of marks, though
 * the later ones were plain, and for their sake nothing of ours may be marked [RFC3168 6.1.1]. */
void ecn_syn_acked(struct arrival *a) {
    struct tcb *t = a->t;
    counters_start(t);
    if (!asks(a->s, t)) return;
    switch (number_of(a->h->flags)) {
    case 1:
    case 5: t->ecn = ECN_CLASSIC; break;
    case 2:
    case 3:
    case 4:
    case 6: t->ecn = ECN_ACCURATE; break;
    default: t->ecn = ECN_OFF; break; /* no answer, or our own bits reflected */
    }
    t->ecn_mute = gave_up_asking(t);
    if (t->ecn != ECN_ACCURATE) return;
    t->ecn_first = arrived_as(a->ip->tos & 3) & 7u;
    t->ecn_unheard = true;
    if (mangled(a)) t->ecn_mute = true;
    if ((a->ip->tos & 3) == CE) t->ecn_seen++;
}

/* The ACK of our SYN,ACK tells how that arrived [RFC9768 3.2.2.1 table 4]; 1, 5 and 7 say nothing yet. When it was lost, a counter
 * comes instead, with text. No counter begins with 0: somebody erases it [RFC9768 3.2.2.4]. */
void ecn_open_complete(struct arrival *a) {
    struct tcb *t = a->t;
    counters_start(t);
    if (t->ecn != ECN_ACCURATE) return;
    if (!number_of(a->h->flags) || (!a->len && mangled(a))) t->ecn_mute = true;
    if (number_of(a->h->flags) == arrived_as(CE)) t->ecn_told++;
}

/* ---- receiving ---- */

/* A mark on text is told at once. What carries none is an ACK itself: only several marks are worth another one, or two ends on
 * a path that marks everything would answer each other for ever [RFC9768 3.2.2.5.1]. */
static void feed_back(struct arrival *a) {
    struct tcb *t = a->t;
    if (!a->whole && ++t->ecn_owed < OWED_MOST) return;
    t->ecn_owed = 0;
    effects_reply(&a->fx, REPLY_ACK, R_SEND_ACK_NOW);
}

/* A segment that passed the first step: was it marked on its way? */
void ecn_arrived(struct arrival *a) {
    struct tcb *t = a->t;
    if (t->ecn == ECN_CLASSIC && (a->h->flags & TCP_CWR)) t->ecn_echo = false;
    if ((a->ip->tos & 3) != CE) return;
    if (t->ecn == ECN_CLASSIC) {
        t->ecn_echo = true;
    } else if (t->ecn == ECN_ACCURATE) {
        uint32_t size = a->ip->segment_size, pieces = size && a->whole > size ? (a->whole + size - 1) / size : 1;
        t->ecn_seen = (uint8_t)(t->ecn_seen + pieces);
        feed_back(a);
    }
}

/* ---- being told ---- */

/* A counter that was overtaken would seem to have come round. */
static bool overtaken(const struct arrival *a) {
    return seq_lt(a->ack, a->t->snd.una) || ts_old(a->s, a->t, &a->h->options);
}

static bool marks_reported(struct arrival *a) {
    struct tcb *t = a->t;
    if (t->ecn == ECN_CLASSIC) {
        if (a->h->flags & TCP_ECE) TALLY(a->s, t, marks);
        return a->h->flags & TCP_ECE;
    }
    if (unlikely(t->ecn_unheard)) {
        t->ecn_unheard = false;
        if (!number_of(a->h->flags)) t->ecn_mute = true; /* [RFC9768 3.2.2.4] */
    }
    if (t->ecn_mute || overtaken(a)) return false;
    uint8_t fresh = (uint8_t)(number_of(a->h->flags) - t->ecn_told) & 7;
    t->ecn_told = (uint8_t)(t->ecn_told + fresh);
    struct tcb_tally *y = fresh ? tally_of(a->s, t) : NULL;
    if (y) y->marks += fresh;
    return fresh != 0;
}

/* The window was made smaller, for a mark or for a loss: the peer is told so, and what else comes of this window of data says
 * nothing new [RFC3168 6.1.2]. */
void ecn_reduced(struct tcb *t) {
    if (!t->ecn) return;
    t->busy->ecn_until = t->snd.nxt;
    t->ecn_cwr = t->ecn == ECN_CLASSIC;
}

/* Was a mark or a loss of the window of data that holds the byte before `to` answered already? [RFC8511 4.2] */
bool ecn_answered(const struct tcb *t, seq to) { return t->ecn && seq_le(to, t->busy->ecn_until); }

/* It was a mistake. */
void ecn_undone(struct tcb *t) { t->busy->ecn_until = seq_add(t->snd.una, (uint32_t)-1); }

/* An ACK that tells of congestion is none to grow on, nor to take anything back [RFC3168 6.1.2, RFC4015 3.1 (9)]. */
bool ecn_warns(const struct arrival *a) { return a->t->ecn == ECN_CLASSIC && (a->h->flags & TCP_ECE); }

/* Once a window of data; not while a loss is being answered [RFC3168 6.1.2]. The classic peer goes on reporting
 * until the CWR reaches it, which is the first byte behind that window. What was under way counts from `una`, where
 * this ACK found it: it may have acknowledged all of it; but no more than the window, which a mark never opens. */
void ecn_acked(struct arrival *a, seq una) {
    struct stack *s = a->s;
    struct tcb *t = a->t;
    bool answered = seq_le(t->snd.una, t->busy->ecn_until);
    if (!answered)
        t->busy->ecn_until =
            seq_add(t->snd.una, (uint32_t)-1); /* follows, lest it come to lie ahead when the numbers wrap */
    if (!marks_reported(a) || answered || t->in_recovery || t->in_loss) return;
    struct cc *c = &t->busy->cc;
    uint32_t flight = min_u32((uint32_t)seq_diff(t->snd.nxt, una), c->cwnd);
    ecn_reduced(t);
    if (t->busy->flight) t->busy->flight->undo_armed = false;
    count(s, R_ECN_REPORTED);
    cc_begin(s, t);
    c->ops->marked(c, max_u32(flight, c->mss), s->now / US_NS);
    if (!c->ops->model) c->cwnd = max_u32(min_u32(c->cwnd, c->ssthresh), c->mss);
}

/* ---- sending ---- */

/* The three bits of a segment after the handshake. */
uint16_t ecn_flags(struct tcb *t, bool fresh_data) {
    if (t->ecn == ECN_ACCURATE) {
        if (!t->ecn_first || t->passive) {
            t->ecn_owed = 0;
            return flags_of(t->ecn_seen & 7);
        }
        uint16_t flags = flags_of(t->ecn_first);
        t->ecn_first = 0;
        return flags;
    }
    uint16_t flags = t->ecn_echo ? TCP_ECE : 0;
    if (t->ecn_cwr && fresh_data) {
        flags |= TCP_CWR;
        t->ecn_cwr = false;
    }
    return flags;
}

/* Who cuts segments leaves CWR to the first piece, as the classic form wants it. Where it is a digit of the counter every segment
 * leaves by itself. */
bool ecn_uncut(const struct tcb *t) { return t->ecn == ECN_ACCURATE && (flags_of(t->ecn_seen & 7) & TCP_CWR); }

/* Only new data may be marked: the loss of anything else would not be noticed, or be noticed twice
 * [RFC3168 6.1.4, 6.1.5]. */
uint8_t ecn_capable(const struct tcb *t, bool fresh_data) {
    return t->ecn != ECN_OFF && fresh_data && !t->ecn_mute ? ECT0 : NOT_ECT;
}
