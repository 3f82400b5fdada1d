/* call_option.c - settings of one connection or of those that a listener will accept (RFC 9293 3.8.4, 3.9.1.9,
 * 3.7.4). */
#include "tcp/tcb.h"

struct limits {
    int64_t min, max;
};

static const struct limits limits_of[] = {
    [TERN_OPT_NODELAY] = {0, 1},
    [TERN_OPT_CORK] = {0, 1},
    [TERN_OPT_SEND_BUFFER] = {1024, 1 << 30},
    [TERN_OPT_RECEIVE_BUFFER] = {1024, 1 << 30},
    [TERN_OPT_KEEPALIVE] = {0, 1},
    [TERN_OPT_KEEPALIVE_IDLE_MS] = {1, UINT32_MAX},
    [TERN_OPT_USER_TIMEOUT_MS] = {0, UINT32_MAX},
    [TERN_OPT_DSCP] = {0, 63},
    [TERN_OPT_TTL] = {1, 255},
    [TERN_OPT_MSS] = {0, 65535},
    [TERN_OPT_KEEPALIVE_INTERVAL_MS] = {1, UINT32_MAX},
    [TERN_OPT_KEEPALIVE_PROBES] = {1, 255},
    [TERN_OPT_LINGER_MS] = {-1, INT32_MAX},
    [TERN_OPT_ZERO_WINDOW_MS] = {0, UINT32_MAX},
    [TERN_OPT_USER_TIMEOUT_OPTION_S] = {0, 65535},
    [TERN_OPT_FAST_OPEN] = {0, 1},
    [TERN_OPT_CONGESTION] = {TERN_NEWRENO, TERN_BBR},
    [TERN_OPT_SOFT_ERRORS] = {0, 1},
    [TERN_OPT_BACKLOG] = {1, UINT32_MAX},
    [TERN_OPT_SYN_RETRIES] = {0, 32},
    [TERN_OPT_FIN_WAIT_2_MS] = {0, UINT32_MAX},
    [TERN_OPT_QUICK_ACK] = {0, 1},
    [TERN_OPT_NO_READER] = {0, 1},
};

static int find(tern_stack *public, tern_sock sock, struct tcb **t, struct tcb_options ***opt) {
    struct stack *s = stack_of(public);
    if (!s) return TERN_EINVAL;
    *t = tcb_of(s, sock);
    struct listener *l = *t ? NULL : listener_of(s, sock);
    if (!*t && !l) return TERN_ESTALE;
    *opt = *t ? &(*t)->opt : &l->opt;
    return TERN_OK;
}

/* Those that are on or off; false: it is another. */
static bool store_switch(struct tcb_switches *on, enum tern_option option, int64_t v) {
    switch (option) {
    case TERN_OPT_NODELAY: on->nodelay = v; break; /* [MUST-17] */
    case TERN_OPT_CORK: on->cork = v; break;
    case TERN_OPT_KEEPALIVE: on->keepalive = v; break;
    case TERN_OPT_FAST_OPEN: on->fast_open = v; break;
    case TERN_OPT_SOFT_ERRORS: on->no_soft_errors = !v; break; /* [SHLD-20] */
    case TERN_OPT_QUICK_ACK: on->quick_ack = v; break;
    case TERN_OPT_NO_READER: on->no_reader = v; break;
    default: return false;
    }
    return true;
}

static void store(const struct stack *s, struct tcb_options *o, enum tern_option option, int64_t v) {
    if (store_switch(&o->on, option, v)) return;
    switch (option) {
    case TERN_OPT_SEND_BUFFER: o->send_buffer = o->send_max = (uint32_t)v; break;
    case TERN_OPT_RECEIVE_BUFFER: o->receive_buffer = o->receive_max = (uint32_t)v; break;
    case TERN_OPT_KEEPALIVE_IDLE_MS: o->keepalive_idle_ms = (uint32_t)v; break;
    case TERN_OPT_USER_TIMEOUT_MS:
        o->user_timeout_ms = v ? (uint32_t)v : s->cfg.r2_ms;
        o->uto_fixed = v != 0;
        break;
    case TERN_OPT_DSCP: o->tos = (uint8_t)(v << 2); break; /* [MUST-48] */
    case TERN_OPT_TTL: o->ttl = (uint8_t)v; break;         /* [MUST-49] */
    case TERN_OPT_MSS: o->mss_cap = (uint16_t)v; break;
    case TERN_OPT_KEEPALIVE_INTERVAL_MS: o->keepalive_interval_ms = (uint32_t)v; break;
    case TERN_OPT_KEEPALIVE_PROBES: o->keepalive_probes = (uint8_t)v; break;
    case TERN_OPT_LINGER_MS: o->linger_ms = (int32_t)v; break;
    case TERN_OPT_ZERO_WINDOW_MS: o->zero_window_ms = (uint32_t)v; break;
    case TERN_OPT_USER_TIMEOUT_OPTION_S: o->uto_s = (uint16_t)v; break;
    case TERN_OPT_CONGESTION: o->congestion = (uint8_t)v; break;
    case TERN_OPT_SYN_RETRIES: o->syn_retries = (uint8_t)v; break;
    case TERN_OPT_FIN_WAIT_2_MS: o->fin_wait_2_ms = (uint32_t)v; break;
    default: break; /* the backlog is a listener's, not its connections' */
    }
}

static int backlog_set(const struct stack *s, struct listener *l, int64_t value) {
    l->backlog = (uint32_t)min_u64((uint64_t)value, s->cfg.backlog_max);
    return TERN_OK;
}

/* Who only says what holds already goes on sharing. */
static int change(struct stack *s, struct tcb_options **o, enum tern_option option, int64_t value) {
    struct tcb_options changed = **o;
    store(s, &changed, option, value);
    /* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison): padding that differs costs a copy, no more */
    if (memcmp(&changed, *o, sizeof changed) == 0) return TERN_OK;
    if (!tcb_options_own(s, o)) return TERN_ENOMEM;
    store(s, *o, option, value);
    return TERN_OK;
}

/* What follows from a setting at once. */
static void set_awake(struct stack *s, struct tcb *t, enum tern_option option, int64_t value) {
    if (option == TERN_OPT_CONGESTION && state_in(t, SYNCHRONIZED)) cc_change(s, t);
    keepalive_restart(s, t);
    if (option == TERN_OPT_RECEIVE_BUFFER && window_update_due(t)) ack_now(s, t, R_SEND_WINDOW_UPDATE);
    if (t->on.quick_ack && t->busy->delack_at != TERN_NEVER) ack_now(s, t, R_SEND_ACK);
    if (option == TERN_OPT_USER_TIMEOUT_OPTION_S && state_in(t, SYNCHRONIZED)) {
        t->uto_due = value != 0;
        ack_now(s, t, R_SEND_ACK);
    }
    if (output_wanted(t) && state_in(t, SYNCHRONIZED)) tcb_ready(s, t);
    if (t->state != TERN_CLOSED) timers_sync(s, t);
    tcb_rest(s, t);
}

int tern_set(tern_stack *public, tern_sock sock, enum tern_option option, int64_t value) {
    struct tcb *t;
    struct tcb_options **opt;
    int err = find(public, sock, &t, &opt);
    if (err) return err;
    if ((size_t)option >= ARRAY_LEN(limits_of) || option == 0) return TERN_ENAME;
    if (value < limits_of[option].min || value > limits_of[option].max) return TERN_ERANGE;
    struct stack *s = stack_of(public);
    if (option == TERN_OPT_BACKLOG) return t ? TERN_ESTATE : backlog_set(s, listener_of(s, sock), value);
    bool wakes = option == TERN_OPT_KEEPALIVE || option == TERN_OPT_USER_TIMEOUT_OPTION_S;
    if (t && wakes && !tcb_wake(s, t)) return TERN_ENOMEM;
    if (!t || !store_switch(&t->on, option, value)) err = change(s, opt, option, value);
    if (err || !t) return err;
    if (option == TERN_OPT_RECEIVE_BUFFER) t->receive_buffer = (uint32_t)value;
    if (option == TERN_OPT_CONGESTION) t->resting.kept = 0;
    if (tcb_awake(t)) set_awake(s, t, option, value);
    return TERN_OK;
}

int tern_get(tern_stack *public, tern_sock sock, enum tern_option option, int64_t *value) {
    struct tcb *t;
    struct tcb_options **of;
    int err = find(public, sock, &t, &of);
    if (err) return err;
    if (!value) return TERN_EINVAL;
    const struct tcb_options *o = *of;
    const struct tcb_switches *on = t ? &t->on : &o->on;
    const struct listener *l = t ? NULL : listener_of(stack_of(public), sock);
    switch (option) {
    case TERN_OPT_NODELAY: *value = on->nodelay; return TERN_OK;
    case TERN_OPT_CORK: *value = on->cork; return TERN_OK;
    case TERN_OPT_SEND_BUFFER: *value = o->send_buffer; return TERN_OK;
    case TERN_OPT_RECEIVE_BUFFER: *value = t ? t->receive_buffer : o->receive_buffer; return TERN_OK;
    case TERN_OPT_KEEPALIVE: *value = on->keepalive; return TERN_OK;
    case TERN_OPT_KEEPALIVE_IDLE_MS: *value = o->keepalive_idle_ms; return TERN_OK;
    case TERN_OPT_USER_TIMEOUT_MS: *value = o->user_timeout_ms; return TERN_OK;
    case TERN_OPT_DSCP: *value = o->tos >> 2; return TERN_OK;
    case TERN_OPT_TTL: *value = o->ttl; return TERN_OK;
    case TERN_OPT_MSS: *value = o->mss_cap; return TERN_OK;
    case TERN_OPT_KEEPALIVE_INTERVAL_MS: *value = o->keepalive_interval_ms; return TERN_OK;
    case TERN_OPT_KEEPALIVE_PROBES: *value = o->keepalive_probes; return TERN_OK;
    case TERN_OPT_LINGER_MS: *value = o->linger_ms; return TERN_OK;
    case TERN_OPT_ZERO_WINDOW_MS: *value = o->zero_window_ms; return TERN_OK;
    case TERN_OPT_USER_TIMEOUT_OPTION_S: *value = o->uto_s; return TERN_OK;
    case TERN_OPT_FAST_OPEN: *value = on->fast_open; return TERN_OK;
    case TERN_OPT_CONGESTION: *value = o->congestion; return TERN_OK;
    case TERN_OPT_SOFT_ERRORS: *value = !on->no_soft_errors; return TERN_OK;
    case TERN_OPT_SYN_RETRIES: *value = o->syn_retries; return TERN_OK;
    case TERN_OPT_FIN_WAIT_2_MS: *value = o->fin_wait_2_ms; return TERN_OK;
    case TERN_OPT_QUICK_ACK: *value = on->quick_ack; return TERN_OK;
    case TERN_OPT_NO_READER: *value = on->no_reader; return TERN_OK;
    case TERN_OPT_BACKLOG:
        if (l) *value = l->backlog;
        return l ? TERN_OK : TERN_ESTATE;
    }
    return TERN_ENAME;
}

static uint64_t *user_of(struct stack *s, tern_sock sock) {
    struct tcb *t = tcb_of(s, sock);
    struct listener *l = t ? NULL : listener_of(s, sock);
    struct half_open *h = t || l ? NULL : half_open_of(s, sock);
    return t ? &t->event.user : l ? &l->event.user : h ? &h->user : NULL;
}

int tern_set_user(tern_stack *public, tern_sock sock, uint64_t user) {
    struct stack *s = stack_of(public);
    uint64_t *at = s ? user_of(s, sock) : NULL;
    if (!at) return s ? TERN_ESTALE : TERN_EINVAL;
    *at = user;
    return TERN_OK;
}

int tern_user(tern_stack *public, tern_sock sock, uint64_t *user) {
    struct stack *s = stack_of(public);
    const uint64_t *at = s && user ? user_of(s, sock) : NULL;
    if (!at) return s && user ? TERN_ESTALE : TERN_EINVAL;
    *user = *at;
    return TERN_OK;
}
