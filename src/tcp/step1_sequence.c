/* step1_sequence.c - first, check the sequence number (RFC 9293 3.10.7.4, with PAWS of RFC 7323 5.3): is any of the
 * segment inside the window? What lies outside is trimmed, so that later steps see the idealized segment. */
#include "tcp/tcb.h"

/* Table 6. A RST is judged by its number alone, whatever text it carries [SHLD-2]. */
static bool acceptable(const struct arrival *a, uint32_t wnd) {
    const struct tcb *t = a->t;
    uint32_t len = a->flags & TCP_RST ? 0 : seg_len(a);
    if (len == 0) return wnd == 0 ? seq_eq(a->seq, t->rcv.nxt) : seq_within(a->seq, t->rcv.nxt, wnd);
    if (wnd == 0) return false;
    return seq_within(a->seq, t->rcv.nxt, wnd) || seq_within(seq_add(a->seq, len - 1), t->rcv.nxt, wnd);
}

/* Everything before RCV.NXT was taken already. A SYN stays for the fourth step, whatever its number [RFC5961 4.2]. */
static void trim_front(struct arrival *a) {
    int32_t old = seq_diff(a->t->rcv.nxt, a->seq);
    if (old <= 0 || (a->flags & TCP_SYN)) return;
    uint32_t n = min_u32((uint32_t)old, a->len);
    if (n) sack_duplicate(a->t, a->seq, seq_add(a->seq, n)); /* [RFC2883 4] */
    a->text += n;
    a->len -= n;
    a->seq = a->t->rcv.nxt;
}

/* Nothing beyond the window's right edge is taken; a FIN there will come again. */
void trim_back(struct arrival *a, uint32_t wnd) {
    uint32_t offset = (uint32_t)seq_diff(a->seq, a->t->rcv.nxt), room = wnd > offset ? wnd - offset : 0;
    if (a->len >= room && a->len + !!(a->flags & TCP_FIN) > room) a->flags &= (uint16_t) ~(TCP_FIN | TCP_PSH);
    a->len = min_u32(a->len, room);
}

static enum reason unacceptable(struct arrival *a) {
    struct tcb *t = a->t;
    if (a->flags & TCP_RST) return R_SEQ_OUTSIDE_RST;
    seq right = seq_add(a->seq, seg_len(a));
    if (a->flags & TCP_SYN) { /* whatever its number [RFC5961 4.2] */
        effects_reply(&a->fx, REPLY_CHALLENGE, R_SEND_CHALLENGE);
        return R_SYN_CHALLENGE;
    }
    if (t->state == TERN_TIME_WAIT && (a->flags & TCP_FIN) && seq_eq(right, t->rcv.nxt)) {
        two_msl_start(a->s, t);
        effects_reply(&a->fx, REPLY_ACK, R_SEND_ACK);
        return R_FIN_REPEATED;
    }
    if (seq_le(right, t->rcv.nxt)) {
        /* What carries nothing new and nothing old is answered, but not without limit: two ends that disagree would
         * go on for ever (CVE-2005-1184). */
        effects_reply(&a->fx, seg_len(a) ? REPLY_ACK : REPLY_CHALLENGE, R_SEND_ACK_NOW);
        bool probe = seq_eq(a->seq, seq_add(t->rcv.nxt, (uint32_t)-1));
        if (a->len && !probe) sack_duplicate(t, a->seq, right);
        if (probe && t->on.keepalive) keepalive_restart(a->s, t); /* it knows our number, so it is the peer */
        return probe ? R_SEQ_KEEPALIVE : R_SEQ_OLD_DUPLICATE;
    }
    effects_reply(&a->fx, REPLY_CHALLENGE, R_SEND_CHALLENGE);
    return R_SEQ_OUTSIDE;
}

/* The SYN that began all this, again: our answer was lost. Text that came with it comes again too. */
static bool repeats_syn(const struct arrival *a) {
    const struct tcb *t = a->t;
    return t->state == TERN_SYN_RECEIVED && (a->flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN &&
           seq_eq(a->seq, t->irs);
}

/* A SYN,ACK that crosses ours after a simultaneous open repeats the SYN we have (figure 7, line 6). */
static void forget_known_syn(struct arrival *a) {
    const struct tcb *t = a->t;
    if (t->syn_acked || t->passive || (a->flags & (TCP_SYN | TCP_ACK | TCP_RST)) != (TCP_SYN | TCP_ACK)) return;
    if (!seq_eq(a->seq, t->irs)) return;
    a->flags &= (uint16_t)~TCP_SYN;
    a->seq = seq_add(a->seq, 1);
}

/* A SYN is no part of this connection, and who sent it may have forgotten all about it: it is challenged instead. */
static enum reason check_timestamp(struct arrival *a) {
    const tcp_options *o = &a->h->options;
    if (!a->t->stamps || (a->flags & (TCP_RST | TCP_SYN))) return R_NONE;
    if (!o->has_ts) return R_PAWS_MISSING; /* [RFC7323 3.2] */
    if (!ts_old(a->s, a->t, o) || (a->len && ts_overtaken(a->t, o))) return R_NONE;
    effects_reply(&a->fx, seg_len(a) ? REPLY_ACK : REPLY_CHALLENGE, R_SEND_ACK_NOW);
    seq right = seq_add(a->seq, a->len);
    if (a->len && seq_le(right, a->t->rcv.nxt)) sack_duplicate(a->t, a->seq, right); /* [RFC2883 4] */
    return R_PAWS_OLD;                                                               /* [RFC7323 5.3 R1] */
}

enum reason step1_sequence(struct arrival *a) {
    struct tcb *t = a->t;
    if (unlikely(repeats_syn(a))) {
        ecn_syn_repeated(a);
        t->syn_repeated =
            true; /* the answer was lost [RFC5681 3.1], and which one is acknowledged cannot be known [Karn] */
        t->rtt_timing = false;
        t->work |= WORK_SYN;
        return R_SYN_REPEATED;
    }
    forget_known_syn(a);
    enum reason bad = check_timestamp(a);
    if (bad != R_NONE) return bad;
    uint32_t wnd = window_offered(t);
    if (unlikely(!acceptable(a, wnd))) {
        if (wnd != 0 || !seq_eq(a->seq, t->rcv.nxt) || (a->flags & TCP_SYN)) return unacceptable(a);
        /* The window is closed: text and FIN cannot be taken, but ACK and URG count [MUST-66]. */
        effects_reply(&a->fx, REPLY_ACK, R_SEND_ACK_NOW);
        a->note = R_SEQ_ZERO_WINDOW;
    }
    if (a->flags & TCP_RST) return R_NONE;
    trim_front(a);
    trim_back(a, wnd);
    return R_NONE;
}
