/* event.c - what happened, coalesced: one entry a socket however much happened, taken by tern_poll; no callbacks. */
#include "core/stack.h"

enum {
    WAITS = 1 << 15, /* in `bits`: it is in the list of those that were refused memory */
    AGAIN_MS = 100,
};

static void unlink_waiting(struct event_node *n) {
    *n->link = n->next;
    if (n->next) n->next->link = n->link;
    n->bits &= (uint16_t)~WAITS;
    n->link = NULL;
}

void event_raise(struct stack *s, struct event_node *n, uint32_t bits, int error) {
    n->bits = (uint16_t)(n->bits | bits);
    if (error) n->error = (int16_t)error;
    if (unlikely(n->bits & WAITS)) {
        unlink_waiting(n);
        if (!(n->bits & TERN_EV_CLOSED)) n->bits |= TERN_EV_WRITE;
    }
    if (n->link || !n->bits) return;
    n->next = NULL;
    n->link = s->events_tail;
    *s->events_tail = n;
    s->events_tail = &n->next;
}

/* Whether there is memory only trying shows: the allocator may serve others too. */
void event_try_again(struct stack *s, struct event_node *n) {
    if (n->link) {
        if (!(n->bits & WAITS)) n->bits |= TERN_EV_WRITE;
        return;
    }
    n->bits = WAITS;
    n->next = s->refused;
    n->link = &s->refused;
    if (n->next) n->next->link = &n->next;
    s->refused = n;
    if (!wheel_armed(&s->refused_timer)) wheel_arm(&s->wheel, &s->refused_timer, s->now + AGAIN_MS * MS_NS);
}

void event_refused_timer(struct stack *s) {
    while (s->refused) event_raise(s, s->refused, TERN_EV_WRITE, 0);
}

void event_cancel(struct stack *s, struct event_node *n) {
    if (n->bits & WAITS) unlink_waiting(n);
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
