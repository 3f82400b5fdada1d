/* arrives_closed.c - SEGMENT ARRIVES in CLOSED (RFC 9293 3.10.7.1): no connection and no listener; a RST unless it
 * is one. */
#include "tcp/tcb.h"

void arrival_drop(struct arrival *a, enum reason why) {
    struct flow f = {a->ip->dst, a->ip->src, a->h->dst_port, a->h->src_port};
    count(a->s, why);
    if (tracing(a->s, TERN_TRACE_SEGMENT_IN))
        trace_segment(a->s, TERN_TRACE_SEGMENT_IN, NULL, &f, a->ip->iface, a->h, a->whole, TERN_CLOSED, TERN_CLOSED,
                      why);
}

void arrives_closed(struct arrival *a) {
    if (a->flags & TCP_RST) {
        arrival_drop(a, R_NO_CONNECTION_RST);
        return;
    }
    arrival_drop(a, R_NO_CONNECTION);
    reset_reply(a);
}
