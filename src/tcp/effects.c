/* effects.c - what the steps asked for is done here: replies merged, events raised, timers set, the dead buried. It
 * decides nothing about the segment. */
#include "tcp/tcb.h"

/* reset > challenge ACK > ACK now > delayed ACK */
void effects_reply(struct effects *fx, enum reply reply, enum reason why) {
    if (reply <= fx->reply) return;
    fx->reply = reply;
    fx->ack_reason = why;
}

/* ERROR_REPORT (3.9.1.8), unless the application does not want any [MUST-47, SHLD-20]. */
void soft_error(struct stack *s, struct tcb *t, int error) {
    if (!t->detached && !t->on.no_soft_errors) event_raise(s, &t->event, TERN_EV_SOFT_ERROR, error);
}

static void act_reply(struct arrival *a) {
    struct stack *s = a->s;
    struct tcb *t = a->t;
    switch (a->fx.reply) {
    case REPLY_NONE: break;
    case REPLY_ACK_DELAYED: ack_later(s, t); return;
    case REPLY_RST: reset_reply(a); return;
    case REPLY_CHALLENGE:
        if (!challenge_allowed(s, t)) {
            count(s, R_CHALLENGE_LIMITED);
            return;
        }
        break;
    case REPLY_ACK: break;
    }
    if (t->record) /* no place on the ready list: the answer leaves at once */
        emit_ack(s, t, a->fx.ack_reason);
    else if (a->fx.reply != REPLY_NONE)
        ack_now(s, t, a->fx.ack_reason);
}

/* The connection is over. */
static APART void act_end(struct arrival *a) {
    if (a->t->state == TERN_LISTEN) { /* a fast open that the handshake did not confirm */
        tcb_move(a->s, a->t, MOVE_CLOSE);
        a->fx.error = TERN_ERESET;
    }
    if (a->fx.events) event_raise(a->s, &a->t->event, a->fx.events, 0);
    tcb_end(a->s, a->t, a->fx.error, R_NONE);
}

void effects_act(struct arrival *a) {
    struct stack *s = a->s;
    struct tcb *t = a->t;
    if (a->fx.reply != REPLY_NONE || t->work) act_reply(a);
    if (t->record) return;
    if (unlikely(state_in(t, IN(LISTEN) | IN(CLOSED)))) {
        act_end(a);
        return;
    }
    if (a->fx.events && !t->detached) {
        if (unlikely(t->waiting))
            t->event.bits = (uint16_t)(t->event.bits | a->fx.events);
        else
            event_raise(s, &t->event, a->fx.events, 0);
    }
    enum tern_state state = (enum tern_state)t->state;
    if (a->before != state) life_start(s, t);
    if (unlikely(state == TERN_TIME_WAIT && t->detached && time_wait_from(s, t))) return;
    if (output_wanted(t)) tcb_ready(s, t);
    timers_sync(s, t);
    tcb_rest(s, t);
}
