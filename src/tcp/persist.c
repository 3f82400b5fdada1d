/* persist.c - zero-window probing (RFC 9293 3.8.6.1): the peer's window is shut, or too small to use; ask again and
 * again, each time later, for as long as it answers. [MUST-35, MUST-36, MUST-37] */
#include "tcp/tcb.h"

enum { HOLDER_MS = 60000, OVERRIDE_MS = 200 };

/* [SHLD-29] The first probe comes after the retransmission timeout. Bytes that wait for company, not for the window,
 * wait for the override timeout of 3.8.6.2.1. */
void persist_start(struct stack *s, struct tcb *t) {
    if (t->busy->rexmit_at != TERN_NEVER) return;
    t->persisting = true;
    t->backoff = 0;
    t->busy->stuck_ms = 0;
    t->busy->shut_ms = clock_ms(s);
    t->busy->rexmit_at = s->now + (t->snd.wnd ? min_u64(OVERRIDE_MS * MS_NS, rto_ns(s, t)) : rto_ns(s, t));
}

/* The window shut with bytes under way: they are probed like those that wait [MUST-35], and while the peer answers
 * they are no reason to give up [SHLD-17]. When it opens they go out again. */
void persist_take_over(struct stack *s, struct tcb *t) {
    t->persisting = true;
    t->busy->stuck_ms = 0;
    t->busy->shut_ms = clock_ms(s);
    t->busy->recover = t->snd.nxt;
    t->in_recovery = false;
    t->busy->dup_acks = 0;
    if (!t->busy->flight) t->busy->pos = t->snd.una;
    persist_timeout(s, t);
}

void persist_stop(struct tcb *t) {
    recovery_resume(t);
    t->persisting = false;
    t->backoff = 0;
    t->busy->stuck_ms = 0;
    t->busy->rexmit_at = TERN_NEVER;
}

/* Memory, or the places of connections that no application can end any more: then others would be reset when they are closed. */
static bool is_short(const struct stack *s, const struct tcb *t) {
    return s->mem_used > s->cfg.memory_max / 10 * 9 || (t->orphan && s->tcp.orphans > s->cfg.orphans_max / 2);
}

/* A peer that answers may keep its window shut for ever [MUST-37, MAY-8], unless the application has set a limit, or what this
 * one has held for a minute is short (CVE-2008-4609, RFC 6429 3). */
static bool shut_too_long(const struct stack *s, const struct tcb *t) {
    uint32_t shut = clock_ms(s) - t->busy->shut_ms;
    if (t->opt->zero_window_ms && shut >= t->opt->zero_window_ms) return true;
    return shut >= HOLDER_MS && is_short(s, t);
}

void persist_timeout(struct stack *s, struct tcb *t) {
    if (t->snd.wnd > 0) { /* no probe: what fits goes out */
        t->persisting = false;
        t->busy->rexmit_at = TERN_NEVER;
        t->work |= WORK_OVERRIDE;
        tcb_ready(s, t);
        return;
    }
    if (stuck_ns(s, t) >= (uint64_t)t->opt->user_timeout_ms * MS_NS) {
        give_up(s, t, TERN_ETIMEDOUT, R_END_USER_TIMEOUT); /* nobody answers: R2 [MUST-20] */
        return;
    }
    if (shut_too_long(s, t)) {
        give_up(s, t, TERN_ETIMEDOUT, R_END_ZERO_WINDOW);
        return;
    }
    stuck_begin(t, s->now);
    t->work |= WORK_PROBE;
    if (t->backoff < 20) t->backoff++; /* [SHLD-30] */
    t->busy->rexmit_at = s->now + rto_ns(s, t);
    tcb_ready(s, t);
}
