/* keepalive.c - is the peer still there (RFC 9293 3.8.4)? [MAY-5] Off unless asked for [MUST-24, MUST-25]; a single
 * unanswered probe proves nothing [MUST-29]. */
#include "tcp/tcb.h"

/* Where we may wait for the peer without having sent anything that it must answer; once the application has closed,
 * FIN-WAIT-2 has an end of its own. */
bool keepalive_runs(const struct tcb *t) {
    return state_in(t, IN(ESTABLISHED) | IN(CLOSE_WAIT)) || (t->state == TERN_FIN_WAIT_2 && !t->detached);
}

/* The peer was heard, or the option was set. Only a segment whose numbers were found good is the peer's: with others an
 * outsider could keep a dead connection for ever. */
void keepalive_restart(struct stack *s, struct tcb *t) {
    if (!keepalive_runs(t)) return;
    t->busy->probes = 0;
    t->busy->life_at =
        t->on.keepalive ? s->now + (uint64_t)t->opt->keepalive_idle_ms * MS_NS : TERN_NEVER; /* [MUST-27] */
}

void keepalive_timeout(struct stack *s, struct tcb *t) {
    if (seq_lt(t->snd.una, t->snd.nxt)) { /* the retransmission timer is on it [MUST-26] */
        keepalive_restart(s, t);
        return;
    }
    if (t->busy->probes >= t->opt->keepalive_probes) {
        reset_send(s, t, R_SEND_RST);
        give_up(s, t, TERN_ETIMEDOUT, R_END_KEEPALIVE);
        return;
    }
    t->busy->probes++;
    t->work |= WORK_KEEPALIVE;
    t->busy->life_at = s->now + (uint64_t)t->opt->keepalive_interval_ms * MS_NS;
    tcb_ready(s, t);
}
