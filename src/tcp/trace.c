/* trace.c - TCP's records for the trace (3.10.6 STATUS in small, at every step): it only reads, and only when somebody
 * listens. */
#include "tcp/tcb.h"

_Static_assert(REASONS <= UINT8_MAX, "tcb.ack_reason holds a reason in a byte");

static void snapshot(tern_trace *r, const struct tcb *t) {
    r->serial = t->serial;
    r->tcb.valid = true;
    r->tcb.iss = t->iss.v;
    r->tcb.irs = t->irs.v;
    r->tcb.snd_una = t->snd.una.v;
    r->tcb.snd_nxt = t->snd.nxt.v;
    r->tcb.rcv_nxt = t->rcv.nxt.v;
    r->tcb.snd_wnd = t->snd.wnd;
    r->tcb.rcv_wnd = window_offered(t);
    r->tcb.cwnd = cc_cwnd(t);
    r->tcb.ssthresh = cc_ssthresh(t);
    r->tcb.srtt_us = t->srtt_us;
    r->tcb.rto_ms = (t->rto_us + 999) / 1000;
    r->tcb.snd_wscale = t->snd_wscale;
    r->tcb.rcv_wscale = t->rcv_wscale;
}

static tern_trace record_of(enum tern_trace_kind kind, const struct tcb *t) {
    tern_trace r = {.kind = kind, .iface = -1};
    if (!t) return r;
    r.flow = flow_public(&t->flow);
    r.state_before = r.state = (enum tern_state)t->state;
    snapshot(&r, t);
    return r;
}

void trace_segment(struct stack *s, enum tern_trace_kind kind, const struct tcb *t, const struct flow *f, int iface,
                   const tcp_header *h, uint32_t len, enum tern_state before, enum tern_state after, enum reason why) {
    const tcp_options *o = &h->options;
    tern_trace r = record_of(kind, t);
    r.flow = flow_public(f);
    r.iface = iface;
    r.state_before = before;
    r.state = after;
    r.reason = why;
    r.seg.seq = h->seq_no.v;
    r.seg.ack = h->ack_no.v;
    r.seg.len = len;
    r.seg.flags = h->flags;
    r.seg.window = h->window;
    r.seg.mss = o->has_mss ? o->mss : 0;
    r.seg.wscale = o->has_wscale ? (int8_t)o->wscale : -1;
    r.seg.sack_permitted = o->sack_ok;
    r.seg.has_timestamps = o->has_ts;
    if (o->has_ts) {
        r.seg.ts_value = o->ts_value;
        r.seg.ts_echo = o->ts_echo;
    }
    r.seg.sack_count = o->sack_count;
    for (unsigned i = 0; i < o->sack_count; i++) {
        r.seg.sack[i].left = o->sack[i].left.v;
        r.seg.sack[i].right = o->sack[i].right.v;
    }
    r.seg.options_len = (uint8_t)(h->header_len > 20 ? h->header_len - 20 : 0);
    trace_emit(s, &r);
}

void trace_user_call(struct stack *s, const struct tcb *t, const char *call, int64_t value) {
    tern_trace r = record_of(TERN_TRACE_CALL, t);
    r.call = call;
    r.value = value;
    trace_emit(s, &r);
}

void trace_move(struct stack *s, const struct tcb *t, enum tern_state before, const char *event) {
    tern_trace r = record_of(TERN_TRACE_STATE, t);
    r.state_before = before;
    r.event = event;
    trace_emit(s, &r);
}

void trace_timer(struct stack *s, const struct tcb *t, const char *name) {
    tern_trace r = record_of(TERN_TRACE_TIMER, t);
    r.timer = name;
    trace_emit(s, &r);
}

void trace_window(struct stack *s, const struct tcb *t) {
    tern_trace r = record_of(TERN_TRACE_WINDOW, t);
    trace_emit(s, &r);
}
