/* mss.c - maximum segment size (RFC 9293 3.7.1): what is offered, what the peer's offer means, how much a segment
 * carries. Also the window scale that goes with it on the SYN (RFC 7323 2). */
#include "tcp/tcb.h"

enum { TCP_HEADER = 20, V4_HEADER = 20, V6_HEADER = 40, SCALE_MAX = 14 };

static uint32_t headers(const ip_addr *remote) { return TCP_HEADER + (ip_is_v4(remote) ? V4_HEADER : V6_HEADER); }

/* MMS_R - 20: the interface's MTU less both headers, options not counted [MUST-67, SHLD-5, SHLD-6]. */
uint16_t mss_to_offer(struct stack *s, const struct flow *f, uint16_t cap) {
    uint32_t mtu = ip_link_mtu(s, &f->remote);
    if (!mtu) mtu = 1280;
    uint32_t mss = mtu > headers(&f->remote) ? mtu - headers(&f->remote) : 1;
    return (uint16_t)(cap ? min_u32(mss, cap) : mss);
}

/* [MUST-15]; a tiny offer would multiply packets, so it counts as mss_min. */
uint16_t mss_peer(const struct stack *s, const tcp_options *o, bool v6) {
    uint32_t mss = o->has_mss ? o->mss : v6 ? s->cfg.mss_default_v6 : s->cfg.mss_default_v4;
    return (uint16_t)max_u32(mss, s->cfg.mss_min);
}

uint32_t mss_fitting(const struct stack *s, const struct tcb *t, uint32_t mss, uint32_t mtu) {
    uint32_t head = headers(&t->flow.remote), least = s->cfg.mss_min;
    if (t->opt->mss_cap) mss = min_u32(mss, t->opt->mss_cap);
    mss = max_u32(mss, least);
    return min_u32(mss, mtu > head ? mtu - head : least); /* a report makes no path as narrow as a link may be */
}

/* Eff.snd.MSS = min(SendMSS + 20, MMS_S) - TCP header - IP options [MUST-16]; our TCP options are taken off here. */
void mss_update(struct stack *s, struct tcb *t, uint32_t mtu) {
    uint32_t mss = mss_fitting(s, t, t->mss_peer, mtu);
    mss -= min_u32(emit_options_len(t), mss / 2);
    t->mss = (uint16_t)mss;
    t->busy->cc.mss = mss;
    if (!t->in_recovery) t->busy->cc.cwnd = max_u32(t->busy->cc.cwnd, mss); /* one segment may always leave */
}

/* The scale is fixed for the connection's life, so it leaves room for a buffer that grows later. */
uint8_t wscale_choose(const struct stack *s, const struct tcb_options *opt) {
    if (!s->cfg.window_scale) return 0;
    uint32_t room = max_u32(opt->receive_buffer, opt->receive_max);
    unsigned bits = room ? 32 - (unsigned)__builtin_clz(room) : 0;
    return (uint8_t)(bits <= 16 ? 0 : min_u32(bits - 16, SCALE_MAX));
}
