/* tcp.c - TCP's state in a stack, made and freed; the rules are in the other files of this folder. */
#include "tcp/tcb.h"

_Static_assert(sizeof(struct flow) == 36, "a flow is hashed and compared as bytes: no gaps");
_Static_assert(sizeof(struct half_open) <= 96, "a flood of SYNs costs this much each");
_Static_assert(sizeof(struct time_wait) <= 64, "a closed connection costs this much for 2 MSL");
_Static_assert(sizeof(struct tcb) == 256 || (sizeof(void *) < 8 && sizeof(struct tcb) < 256),
               "an idle connection costs this much: four lines of the cache");

int tcp_init(struct stack *s) {
    struct tcp_state *c = &s->tcp;
    pool_init(&c->tcbs, sizeof(struct tcb), 6, s->cfg.connections_max);
    pool_init(&c->listeners, sizeof(struct listener), 3, s->cfg.listeners_max);
    pool_init(&c->half_opens, sizeof(struct half_open), 6, s->cfg.half_open_max);
    pool_init(&c->time_waits, sizeof(struct time_wait), 7, s->cfg.time_wait_max);
    pool_init(&c->tallies, sizeof(struct tcb_tally), 5, s->cfg.connections_max);
    c->ready_tail = &c->ready_head;
    c->blocked_tail = &c->blocked_head;
    c->delack_tail = &c->delack_head;
    c->delack_timer.kind = TIMER_DELAYED_ACK;
    c->half_open_timer.kind = TIMER_HALF_OPEN;
    c->time_wait_timer.kind = TIMER_TIME_WAIT;
    c->scratch = mem_zalloc(s, sizeof *c->scratch);
    c->scratch_busy = mem_zalloc(s, sizeof *c->scratch_busy);
    c->defaults = tcb_options_default(s);
    return c->scratch && c->scratch_busy && c->defaults && busy_reserve(s) ? TERN_OK : TERN_ENOMEM;
}

static void table_free(struct stack *s, table *t) { mem_free(s, t->at, t->size * sizeof *t->at); }

void tcp_free(struct stack *s) {
    struct tcp_state *c = &s->tcp;
    for (uint32_t i = 0; i < c->tcbs.made; i++) {
        if (!pool_used(&c->tcbs, i)) continue;
        struct tcb *t = pool_at(&c->tcbs, i);
        snd_flush(s, t);
        rcv_flush(s, t);
        tcb_rest_for_good(s, t);
        tcb_options_drop(s, t->opt);
    }
    for (uint32_t i = 0; i < c->listeners.made; i++)
        if (pool_used(&c->listeners, i)) tcb_options_drop(s, ((struct listener *)pool_at(&c->listeners, i))->opt);
    tcb_options_drop(s, c->defaults);
    busy_free(s);
    pool_free(&c->tcbs, s);
    pool_free(&c->listeners, s);
    pool_free(&c->half_opens, s);
    pool_free(&c->time_waits, s);
    pool_free(&c->tallies, s);
    table_free(s, &c->flows);
    table_free(s, &c->ports);
    mem_free(s, c->scratch, sizeof *c->scratch);
    mem_free(s, c->scratch_busy, sizeof *c->scratch_busy);
}
