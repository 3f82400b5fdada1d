/* call_open.c - OPEN (RFC 9293 3.10.1): active opens, listeners, and what a listener has for the application. */
#include "tcp/tcb.h"

static bool family_known(const tern_addr *a) { return a->family == 4 || a->family == 6; }

/* ---- active ---- */

static int addresses(struct stack *s, const tern_open *o, struct flow *f) {
    f->remote = addr_in(&o->remote);
    f->remote_port = o->remote_port;
    if (!family_known(&o->remote) || !o->remote_port) return TERN_EINVAL;
    if (o->local.family && !family_known(&o->local)) return TERN_EINVAL;
    if (!ip_may_be_peer(s, &f->remote)) return TERN_EADDRNOTAVAIL; /* [MUST-46] */
    f->local = addr_in(&o->local);                                 /* [MUST-43] */
    if (o->local.family && ip_is_v4(&f->local) != ip_is_v4(&f->remote)) return TERN_EADDRNOTAVAIL;
    if (ip_is_unspecified(&f->local))
        return ip_route_source(s, &f->remote, &f->local) ? TERN_OK : TERN_ENOROUTE; /* [MUST-44] */
    if (!ip_link_mtu(s, &f->remote)) return TERN_ENOROUTE;
    return ip_will_be_ours(s, &f->local) || ip_any_local(s) ? TERN_OK : TERN_EADDRNOTAVAIL;
}

static int local_port(struct stack *s, const tern_open *o, struct flow *f, uint32_t *hash) {
    f->local_port = o->local_port;
    if (!o->local_port) return port_choose(s, f, hash) ? TERN_OK : TERN_EPORTS;
    *hash = flow_hash(s, f);
    return flow_find(s, f, *hash) ? TERN_EADDRINUSE : TERN_OK;
}

static void start(struct stack *s, struct tcb *t) {
    struct secrets secrets = flow_secrets(s, &t->flow);
    t->iss = isn_choose(s, &secrets);
    t->snd.una = t->snd.nxt = t->busy->pos = t->busy->recover = t->iss;
    t->snd.end = seq_add(t->iss, 1);
    t->ts_offset = secrets.ts_offset;
    t->mss = t->mss_peer = (uint16_t)s->cfg.mss_default_v4;
    t->work = WORK_SYN;
    tcb_move(s, t, MOVE_ACTIVE_OPEN);
    s->stats.opens_active++;
    tcb_ready(s, t);
}

int tern_connect(tern_stack *public, const tern_open *o, tern_sock *out) {
    struct stack *s = stack_of(public);
    if (!s || !o || !out || o->size != sizeof *o) return TERN_EINVAL;
    struct flow f = {0};
    int err = addresses(s, o, &f);
    uint32_t hash;
    if (!err) err = local_port(s, o, &f, &hash);
    if (err) return err;
    struct tcb *t = tcb_new(s, &f, hash, s->tcp.defaults);
    if (!t) return s->tcp.tcbs.used >= s->tcp.tcbs.limit ? TERN_ELIMIT : TERN_ENOMEM;
    if (tcb_register(s, t) != TERN_OK) {
        tcb_free(s, t);
        return TERN_ENOMEM;
    }
    t->event.user = o->user;
    start(s, t);
    trace_call(s, t, "open", 0);
    *out = sock_of(s, REF_TCB, tcb_index(t));
    return TERN_OK;
}

/* ---- passive ---- */

/* Connections do not matter here, whatever their state [MUST-42]. */
static int listen_check(struct stack *s, const tern_listen_config *c, ip_addr *local) {
    bool transparent = c->flags & TERN_LISTEN_TRANSPARENT;
    *local = addr_in(&c->local);
    if (c->flags & ~(uint32_t)(TERN_LISTEN_TRANSPARENT | TERN_LISTEN_HOLD)) return TERN_EINVAL;
    if (c->port == 0 && !transparent) return TERN_EINVAL;
    if (c->local.family && !family_known(&c->local)) return TERN_EINVAL;
    if (!c->local.family)
        *local = listen_any;
    else if (ip_is_unspecified(local))
        *local = ip_is_v4(local) ? listen_any_v4 : listen_any_v6;
    else if (!transparent && !ip_will_be_ours(s, local))
        return TERN_EADDRNOTAVAIL;
    return listener_exact(s, local, c->port) ? TERN_EADDRINUSE : TERN_OK;
}

int tern_listen(tern_stack *public, const tern_listen_config *c, tern_sock *out) {
    struct stack *s = stack_of(public);
    if (!s || !c || !out || c->size != sizeof *c) return TERN_EINVAL;
    ip_addr local;
    int err = listen_check(s, c, &local);
    if (err) return err;
    uint32_t index;
    struct listener *l = pool_take(&s->tcp.listeners, s, &index);
    if (!l) return s->tcp.listeners.used >= s->tcp.listeners.limit ? TERN_ELIMIT : TERN_ENOMEM;
    l->index = index;
    l->local = local;
    l->port = c->port;
    l->flags = c->flags;
    l->backlog = min_u32(c->backlog ? c->backlog : 128, s->cfg.backlog_max);
    l->queue_tail = &l->queue;
    l->event.ref = ref_make(REF_LISTENER, index);
    l->event.user = c->user;
    l->opt = tcb_options_share(s->tcp.defaults);
    if (listener_register(s, l) != TERN_OK) {
        tcb_options_drop(s, l->opt);
        pool_give(&s->tcp.listeners, index);
        return TERN_ENOMEM;
    }
    *out = sock_of(s, REF_LISTENER, index);
    return TERN_OK;
}

int tern_accept(tern_stack *public, tern_sock sock, tern_sock *out, tern_flow *flow) {
    struct stack *s = stack_of(public);
    if (!s || !out) return TERN_EINVAL;
    struct listener *l = listener_of(s, sock);
    if (!l) return TERN_ESTALE;
    if (!l->queue) return TERN_EAGAIN;
    struct tcb *t = CONTAINER_OF(l->queue, struct tcb, event);
    uint32_t bits = t->event.bits;
    tcb_leave_backlog(s, t);
    t->event.bits = 0;
    event_raise(s, &t->event, bits & ~(uint32_t)TERN_EV_CONNECTED, 0);
    trace_call(s, t, "accept", 0);
    *out = sock_of(s, REF_TCB, tcb_index(t));
    if (flow) *flow = flow_public(&t->flow);
    return TERN_OK;
}

/* ---- held SYNs ---- */

int tern_held(tern_stack *public, tern_sock sock, tern_sock *held, tern_flow *flow) {
    struct stack *s = stack_of(public);
    if (!s || !held) return TERN_EINVAL;
    struct listener *l = listener_of(s, sock);
    if (!l) return TERN_ESTALE;
    struct half_open *h = half_open_held(s, l);
    if (!h) return TERN_EAGAIN;
    *held = sock_of(s, REF_HALF_OPEN, h->number - 1);
    if (flow) *flow = flow_public(&h->flow);
    return TERN_OK;
}

int tern_hold_accept(tern_stack *public, tern_sock held) {
    struct stack *s = stack_of(public);
    if (!s) return TERN_EINVAL;
    struct half_open *h = half_open_of(s, held);
    if (!h) return TERN_ESTALE;
    if (!(h->flags & HALF_HELD)) return TERN_ESTATE;
    half_open_release(s, h);
    return TERN_OK;
}

int tern_hold_refuse(tern_stack *public, tern_sock held, bool reset) {
    struct stack *s = stack_of(public);
    if (!s) return TERN_EINVAL;
    struct half_open *h = half_open_or_ended(s, held);
    if (!h) return TERN_ESTALE;
    bool ended = h->flags & HALF_ENDED;
    if (reset && !ended) half_open_reset(s, h);
    half_open_drop(s, h); /* the event, too */
    return ended ? TERN_ESTALE : TERN_OK;
}
