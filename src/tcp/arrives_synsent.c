/* arrives_synsent.c - SEGMENT ARRIVES in SYN-SENT (RFC 9293 3.10.7.3): the answer to our SYN, or the peer's own SYN. */
#include "tcp/tcb.h"

/* first: SND.UNA < SEG.ACK =< SND.NXT, else the ACK is for something else */
static bool ack_acceptable(const struct arrival *a) {
    return seq_gt(a->ack, a->t->iss) && seq_le(a->ack, a->t->snd.nxt);
}

/* What the peer's SYN tells about it, and where its numbers start. */
static void synchronize(struct arrival *a) {
    struct tcb *t = a->t;
    const tcp_options *o = &a->h->options;
    const tern_config *cfg = &a->s->cfg;
    t->irs = a->seq;
    t->rcv.nxt = t->rcv.read = t->busy->last_ack_sent = seq_add(a->seq, 1);
    t->rcv.adv = seq_add(t->rcv.nxt, min_u32(t->receive_buffer, 65535));
    t->scaling = o->has_wscale && cfg->window_scale;
    t->snd_wscale = t->scaling ? (uint8_t)min_u32(o->wscale, 14) : 0; /* [RFC7323 2.3] */
    if (!t->scaling) t->rcv_wscale = 0;
    t->stamps = o->has_ts && cfg->timestamps;
    t->sack = o->sack_ok && cfg->sack;
    if (a->h->flags & TCP_ACK) ecn_syn_acked(a);
    if (t->stamps) {
        t->ts_recent = o->ts_value;
        t->ts_recent_ms = clock_ms(a->s);
    }
    t->mss_peer = mss_peer(a->s, o, !ip_is_v4(&t->flow.remote));
    user_timeout_heed(a->s, t, o);
    t->snd.wnd = t->snd.max_wnd = a->wnd; /* never scaled on a SYN [RFC7323 2.2] */
    t->snd.wl1 = a->seq;
    t->snd.wl2 = a->ack;
    a->flags &= (uint16_t)~TCP_SYN;
    a->seq = t->rcv.nxt;
}

/* Both numbers are known and ours is acknowledged: data may flow. */
void syn_acked(struct arrival *a) {
    struct tcb *t = a->t;
    struct stack *s = a->s;
    t->syn_acked = true;
    t->snd.una = t->busy->pos = seq_add(t->iss, 1);
    if (seq_lt(t->snd.nxt, t->snd.una)) t->snd.nxt = t->snd.una;
    uint32_t mtu = ip_path_mtu(s, &t->flow.remote);
    mss_update(s, t, mtu ? mtu : UINT32_MAX);
    /* When a SYN was lost the path is suspect: one segment to begin with [RFC5681 3.1], and 3 s [RFC6298 5.7]. */
    cc_start(t, t->syn_repeated ? 1 : s->cfg.initial_window);
    if (t->rtt_timing)
        rto_sample(s, t, clock_us(s) - t->busy->rtt_at_us);
    else if (t->syn_repeated)
        rto_sample_echo(a);
    if (t->syn_repeated) t->rto_us = max_u32(t->rto_us, min_u32(3000000, s->cfg.rto_max_ms * 1000));
    t->rtt_timing = false;
    t->backoff = t->busy->repeats = 0;
    t->r1_told = false;
    t->busy->rexmit_at = TERN_NEVER;
    t->busy->stuck_ms = 0;
    t->tune_us = clock_us(s);
    t->uto_due = t->opt->uto_s != 0; /* once more: half-open connections remember no such option [RFC5482 3] */
    if (t->fast_opened) s->tcp.fast_opens--;
    t->fast_opened = false;
    s->stats.established_total++;
}

void established(struct arrival *a) {
    syn_acked(a);
    tcb_move(a->s, a->t, MOVE_SYN_ACKED);
    a->fx.events |= TERN_EV_CONNECTED;
    if (a->t->fin_queued) tcb_move(a->s, a->t, MOVE_CLOSE); /* a CLOSE that waited [3.10.4 SYN-RECEIVED] */
}

static enum reason open_simultaneous(struct arrival *a) {
    struct tcb *t = a->t;
    synchronize(a);
    tcb_move(a->s, t, MOVE_SYN);
    t->work |= WORK_SYN; /* now as SYN,ACK [MUST-10] */
    return R_SYNSENT_SYN;
}

/* What rode on our SYN and was taken; the rest goes out again at once, as snd.pos stands before it [RFC7413 4.2.2]. */
static void syn_data_acked(struct arrival *a) {
    struct tcb *t = a->t;
    if (!seq_gt(a->ack, t->snd.una)) return;
    t->snd.una = t->busy->pos = a->ack;
    snd_trim(a->s, t);
    if (snd_queued(t) == 0) a->fx.events |= TERN_EV_SENT;
    if (t->want_write) snd_tell_room(a->s, t);
}

enum reason arrives_synsent(struct arrival *a) {
    struct tcb *t = a->t;
    bool acked = a->flags & TCP_ACK;
    if (acked && !ack_acceptable(a)) { /* first */
        if (a->flags & TCP_RST) return R_SYNSENT_BAD_ACK_RST;
        effects_reply(&a->fx, REPLY_RST, R_SEND_RST);
        return R_SYNSENT_BAD_ACK;
    }
    if (a->flags & TCP_RST) { /* second */
        if (!acked) return R_SYNSENT_RST_NO_ACK;
        fastopen_failed(a->s, t);
        tcb_move(a->s, t, MOVE_RESET);
        a->fx.error = TERN_EREFUSED;
        return R_SYNSENT_REFUSED;
    }
    if (!(a->flags & TCP_SYN)) return R_SYNSENT_NEITHER; /* fifth */
    if (!acked) return open_simultaneous(a);             /* fourth */
    synchronize(a);
    trim_back(a, window_offered(t)); /* more than was offered: the peer will send it again */
    fastopen_remember(a);
    established(a);
    syn_data_acked(a);
    effects_reply(&a->fx, REPLY_ACK, R_SEND_ACK);
    a->note = R_SYNSENT_SYN_ACK;
    return R_NONE; /* text and FIN go on at the sixth step */
}
