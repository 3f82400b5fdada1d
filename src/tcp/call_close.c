/* call_close.c - CLOSE (RFC 9293 3.10.4), half-close (3.6.1), and the closing of listeners. ABORT is call_abort.c's. */
#include "tcp/tcb.h"

/* FIN after what was written. The state moves at once; the segment leaves when its turn comes. */
static void send_no_more(struct stack *s, struct tcb *t) {
    t->fin_queued = true;
    /* Before ESTABLISHED, bytes that wait come first: the CLOSE waits with them [3.10.4 SYN-RECEIVED]. */
    if (t->state == TERN_SYN_RECEIVED && snd_queued(t) > 0) return;
    tcb_move(s, t, MOVE_CLOSE);
    life_start(s, t);
    tcb_ready(s, t);
    timers_sync(s, t);
}

int tern_shutdown(tern_stack *public, tern_sock sock) {
    struct stack *s = stack_of(public);
    if (!s) return TERN_EINVAL;
    struct tcb *t = tcb_of(s, sock);
    if (!t || t->detached) return TERN_ESTALE;
    if (t->fin_queued || !state_in(t, IN(SYN_RECEIVED) | IN(ESTABLISHED) | IN(CLOSE_WAIT))) return TERN_ESTATE;
    if (!tcb_wake(s, t)) {
        event_try_again(s, &t->event);
        return TERN_ENOMEM;
    }
    trace_call(s, t, "shutdown", 0);
    send_no_more(s, t);
    return TERN_OK;
}

/* Bytes that nobody will read are lost, and the peer must know [SHLD-3]. */
static bool loses_data(const struct tcb *t) { return rcv_readable(t) > 0; }

/* Some bytes or our FIN are on their way, but this many orphans are too many, or there is no memory to see to it: then it
 * is reset at once. */
static bool orphan_admit(struct stack *s, struct tcb *t) {
    if (s->tcp.orphans >= s->cfg.orphans_max || !tcb_wake(s, t)) {
        reset_send(s, t, R_SEND_RST);
        tcb_move(s, t, MOVE_GIVE_UP);
        tcb_end(s, t, TERN_ECLOSED, R_END_ORPHANS);
        return false;
    }
    t->orphan = true;
    s->tcp.orphans++;
    return true;
}

static void close_connection(struct stack *s, struct tcb *t) {
    tcb_detach(s, t); /* nothing more is read, either: close is for both directions [MAY-1] */
    if (t->state == TERN_CLOSED) {
        tcb_free(s, t);
    } else if (loses_data(t) && t->state != TERN_TIME_WAIT) {
        reset_send(s, t, R_SEND_RST_UNREAD);
        tcb_move(s, t, MOVE_ABORT);
        tcb_end(s, t, TERN_ECLOSED, R_NONE);
    } else if (t->state == TERN_SYN_SENT) {
        tcb_move(s, t, MOVE_CLOSE);
        tcb_end(s, t, TERN_ECLOSED, R_NONE);
    } else if (t->state == TERN_TIME_WAIT) {
        rcv_flush(s, t);
        time_wait_from(s, t);
    } else if (orphan_admit(s, t)) {
        t->busy->life_at = TERN_NEVER;
        if (!t->fin_queued) send_no_more(s, t);
        life_start(s, t);
        timers_sync(s, t);
    }
}

static void close_listener(struct stack *s, struct listener *l) {
    listener_unregister(s, l);
    half_open_drop_listener(s, l);
    while (l->queue) {
        struct tcb *t = CONTAINER_OF(l->queue, struct tcb, event);
        tcb_detach(s, t);
        if (t->state == TERN_CLOSED) {
            tcb_free(s, t);
            continue;
        }
        reset_send(s, t, R_SEND_RST_UNREAD);
        tcb_move(s, t, t->state == TERN_TIME_WAIT ? MOVE_TWO_MSL : MOVE_ABORT);
        tcb_end(s, t, TERN_ECLOSED, R_NONE);
    }
    event_cancel(s, &l->event);
    tcb_options_drop(s, l->opt);
    pool_give(&s->tcp.listeners, l->index);
}

int tern_close(tern_stack *public, tern_sock sock) {
    struct stack *s = stack_of(public);
    if (!s) return TERN_EINVAL;
    struct listener *l = listener_of(s, sock);
    if (l) {
        close_listener(s, l);
        return TERN_OK;
    }
    struct tcb *t = tcb_of(s, sock);
    if (!t || t->detached) return TERN_ESTALE;
    if (t->opt->linger_ms == 0 && state_in(t, SYNCHRONIZED & ~IN(TIME_WAIT))) return tern_abort(public, sock);
    trace_call(s, t, "close", 0);
    close_connection(s, t);
    return TERN_OK;
}
