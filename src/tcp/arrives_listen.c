/* arrives_listen.c - SEGMENT ARRIVES in LISTEN (RFC 9293 3.10.7.2): which segments open a half-open connection. The
 * record itself is backlog.c's. */
#include "tcp/tcb.h"

void arrives_listen(struct arrival *a, struct listener *l) {
    /* first: a RST cannot be in answer to anything this listener sent */
    if (a->flags & TCP_RST) {
        arrival_drop(a, R_LISTEN_RST);
        return;
    }
    /* second: nothing was sent that could be acknowledged */
    if (a->flags & TCP_ACK) {
        if (half_open_from_cookie(a, l)) return; /* but for a SYN cookie */
        arrival_drop(a, R_LISTEN_ACK);
        reset_reply(a);
        return;
    }
    /* third: a SYN; together with FIN it is no legitimate opening */
    if ((a->flags & TCP_SYN) && (a->flags & TCP_FIN))
        arrival_drop(a, R_LISTEN_SYN_FIN);
    else if (a->flags & TCP_SYN)
        half_open_new(a, l);
    else
        arrival_drop(a, R_LISTEN_NO_SYN); /* fourth */
}
