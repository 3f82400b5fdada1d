/* options.c - settings of connections: most have those of their listener, or of the stack, unchanged, so they share one
 * record, and whoever changes something gets a copy first. What the settings mean is for others to say. */
#include "tcp/tcb.h"

struct tcb_options *tcb_options_default(struct stack *s) {
    struct tcb_options *o = mem_alloc(s, sizeof *o);
    if (!o) return NULL;
    *o = (struct tcb_options){
        .holders = 1,
        .send_buffer = s->cfg.send_buffer,
        .receive_buffer = s->cfg.receive_buffer,
        .send_max = max_u32(s->cfg.send_buffer_max, s->cfg.send_buffer),
        .receive_max = max_u32(s->cfg.receive_buffer_max, s->cfg.receive_buffer),
        .keepalive_idle_ms = s->cfg.keepalive_idle_ms,
        .keepalive_interval_ms = s->cfg.keepalive_interval_ms,
        .keepalive_probes = (uint8_t)s->cfg.keepalive_probes,
        .user_timeout_ms = s->cfg.r2_ms,
        .zero_window_ms = s->cfg.zero_window_ms,
        .linger_ms = -1,
        .fin_wait_2_ms = s->cfg.fin_wait_2_ms,
        .syn_retries = (uint8_t)min_u32(s->cfg.syn_retries, UINT8_MAX),
        .congestion = (uint8_t)s->cfg.congestion,
        .ttl = (uint8_t)s->cfg.ttl,
        .on.nodelay = !s->cfg.nagle,
    };
    return o;
}

struct tcb_options *tcb_options_share(struct tcb_options *o) {
    o->holders++;
    return o;
}

void tcb_options_drop(struct stack *s, struct tcb_options *o) {
    if (o && --o->holders == 0) mem_free(s, o, sizeof *o);
}

bool tcb_options_own(struct stack *s, struct tcb_options **o) {
    if ((*o)->holders == 1) return true;
    struct tcb_options *own = mem_alloc(s, sizeof *own);
    if (!own) return false;
    *own = **o;
    own->holders = 1;
    tcb_options_drop(s, *o);
    *o = own;
    return true;
}
