/* event.c - what happened, coalesced: one entry a socket however much happened, taken by tern_poll; no callbacks. */
#include "core/stack.h"

void event_raise(struct stack *s, struct event_node *n, uint32_t bits, int error) {
    n->bits = (uint16_t)(n->bits | bits);
    if (error) n->error = (int16_t)error;
    if (n->link || !n->bits) return;
    n->next = NULL;
    n->link = s->events_tail;
    *s->events_tail = n;
    s->events_tail = &n->next;
}

void event_cancel(struct stack *s, struct event_node *n) {
    n->bits = 0;
    n->error = 0;
    if (!n->link) return;
    *n->link = n->next;
    if (n->next)
        n->next->link = n->link;
    else
        s->events_tail = n->link;
    n->link = NULL;
    n->next = NULL;
}

static APART int take(struct stack *s, tern_event *events, size_t max) {
    size_t n = 0;
    if (s->stack_events && n < max) {
        events[n++] = (tern_event){.bits = s->stack_events};
        s->stack_events = 0;
    }
    struct event_node *e = s->events;
    for (; e && n < max; n++) {
        struct event_node *next = e->next;
        events[n] = (tern_event){.sock = tcp_sock(s, e->ref), .user = e->user, .bits = e->bits, .error = e->error};
        e->next = NULL;
        e->link = NULL;
        e->bits = 0;
        e->error = 0;
        tcp_told(s, e->ref);
        e = next;
    }
    s->events = e;
    if (e)
        e->link = &s->events;
    else
        s->events_tail = &s->events;
    return (int)min_size(n, INT32_MAX);
}

int tern_poll(tern_stack *public, tern_event *events, size_t max) {
    struct stack *s = stack_of(public);
    if (!s || (max && !events)) return TERN_EINVAL;
    return s->events || s->stack_events ? take(s, events, max) : 0;
}
