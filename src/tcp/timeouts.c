/* timeouts.c - timeouts (RFC 9293 3.10.8): a connection's deadlines behind one node on the wheel, and how a
 * connection is given up. The node is armed at or before the earliest deadline and re-armed lazily: an ACK that
 * moves a deadline back costs nothing. */
#include "tcp/tcb.h"

static uint64_t earliest(const struct tcb *t) {
    uint64_t when = min_u64(t->busy->rexmit_at, t->busy->life_at);
    return t->busy->flight ? min_u64(when, t->busy->flight->pace_due) : when;
}

/* A node that is armed too early stays: in most cases the next deadline is not far behind, and who rests takes it off. */
void timers_sync(struct stack *s, struct tcb *t) {
    uint64_t when = earliest(t);
    if (when == TERN_NEVER) return;
    if (!wheel_armed(&t->busy->timer) ||
        wheel_when_ns(&t->busy->timer) >= when + WHEEL_TICK_NS) /* the wheel rounds up */
        wheel_arm(&s->wheel, &t->busy->timer, when);
}

void timers_stop(struct stack *s, struct tcb *t) {
    if (!tcb_awake(t)) return;
    delack_stop(s, t->busy);
    t->busy->rexmit_at = t->busy->life_at = TERN_NEVER;
    if (wheel_armed(&t->busy->timer)) wheel_cancel(&s->wheel, &t->busy->timer);
}

void stuck_begin(struct tcb *t, uint64_t since_ns) {
    if (!t->busy->stuck_ms) t->busy->stuck_ms = (uint32_t)(since_ns / MS_NS) | 1; /* 0 means not stuck */
}

uint64_t stuck_ns(const struct stack *s, const struct tcb *t) {
    return t->busy->stuck_ms ? (uint64_t)(clock_ms(s) - t->busy->stuck_ms) * MS_NS : 0;
}

/* [MUST-13] */
void two_msl_start(struct stack *s, struct tcb *t) {
    delack_stop(s, t->busy);
    t->busy->rexmit_at = TERN_NEVER;
    t->busy->life_at = s->now + 2ull * s->cfg.msl_ms * MS_NS;
}

/* The application waits no longer than this for its last bytes to be acknowledged, whatever states follow. */
static void linger_start(struct stack *s, struct tcb *t) {
    if (t->busy->life_at == TERN_NEVER) t->busy->life_at = s->now + (uint64_t)t->opt->linger_ms * MS_NS;
}

/* A new state has a life timer of its own. */
void life_start(struct stack *s, struct tcb *t) {
    if (t->state == TERN_TIME_WAIT) return; /* two_msl_start was there */
    if (t->state == TERN_FIN_WAIT_2 && t->detached)
        t->busy->life_at = s->now + (uint64_t)t->opt->fin_wait_2_ms * MS_NS;
    else if (keepalive_runs(t))
        keepalive_restart(s, t);
    else if (t->detached && t->opt->linger_ms > 0)
        linger_start(s, t);
    else
        t->busy->life_at = TERN_NEVER;
}

void give_up(struct stack *s, struct tcb *t, int error, enum reason why) {
    if (why != R_END_ICMP && why != R_END_KEEPALIVE) reset_send(s, t, R_SEND_RST);
    tcb_move(s, t, MOVE_GIVE_UP);
    tcb_end(s, t, error, why);
}

static void life_timeout(struct stack *s, struct tcb *t) {
    t->busy->life_at = TERN_NEVER;
    if (t->state == TERN_TIME_WAIT) {
        tcb_move(s, t, MOVE_TWO_MSL);
        tcb_end(s, t, TERN_OK, R_END_2MSL);
    } else if (t->state == TERN_FIN_WAIT_2 && t->detached) {
        give_up(s, t, TERN_ETIMEDOUT, R_END_FIN_WAIT_2);
    } else if (t->detached && t->opt->linger_ms > 0) {
        give_up(s, t, TERN_ETIMEDOUT, R_END_LINGER);
    } else {
        keepalive_timeout(s, t);
    }
}

static const char *rexmit_name(const struct tcb *t) {
    static const char *const names[] = {
        [USE_RTO] = "retransmission", [USE_REORDERING] = "reordering", [USE_PROBE] = "tail loss probe"};
    return t->persisting ? "persist" : names[t->busy->timer_use];
}

static const char *life_name(const struct tcb *t) {
    if (t->state == TERN_TIME_WAIT) return "2MSL";
    if (t->state == TERN_FIN_WAIT_2) return "FIN-WAIT-2";
    return t->detached ? "linger" : "keepalive";
}

const char *timer_next(const struct tcb *t, uint64_t *when) {
    *when = min_u64(earliest(t), t->busy->delack_at);
    if (*when == TERN_NEVER) return "";
    if (*when == t->busy->delack_at) return "delayed ACK";
    if (t->busy->flight && *when == t->busy->flight->pace_due) return "pacing";
    if (*when == t->busy->rexmit_at) return rexmit_name(t);
    return life_name(t);
}

/* At most one of them ends the connection, and then nothing more is touched. */
static void tcb_timer(struct stack *s, struct tcb *t) {
    if (t->busy->flight && s->now >= t->busy->flight->pace_due) {
        pacing_due(s, t);
        tcb_ready(s, t);
    }
    if (s->now >= t->busy->rexmit_at) {
        if (tracing(s, TERN_TRACE_TIMER)) trace_timer(s, t, rexmit_name(t));
        if (t->persisting)
            persist_timeout(s, t);
        else if (!recovery_expire(s, t))
            rexmit_timeout(s, t);
        return;
    }
    if (s->now >= t->busy->life_at) {
        if (tracing(s, TERN_TRACE_TIMER)) trace_timer(s, t, life_name(t));
        life_timeout(s, t);
    }
}

void tcp_timer(struct stack *s, wheel_node *n) {
    if (n->kind == TIMER_HALF_OPEN) {
        half_open_timer(s);
        return;
    }
    if (n->kind == TIMER_TIME_WAIT) {
        time_wait_timer(s);
        return;
    }
    if (n->kind == TIMER_DELAYED_ACK) {
        delack_timer(s);
        return;
    }
    struct tcb *t = CONTAINER_OF(n, struct busy, timer)->owner;
    uint32_t used = s->tcp.tcbs.used;
    tcb_prefetch(t);
    tcb_timer(s, t);
    if (s->tcp.tcbs.used != used || t->state == TERN_CLOSED) return; /* it is gone */
    timers_sync(s, t);
    tcb_rest(s, t);
}
