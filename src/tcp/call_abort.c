/* call_abort.c - ABORT (RFC 9293 3.10.5): RST where the peer has use for it, and the connection is no more. */
#include "tcp/tcb.h"

int tern_abort(tern_stack *public, tern_sock sock) {
    struct stack *s = stack_of(public);
    if (!s) return TERN_EINVAL;
    struct tcb *t = tcb_of(s, sock);
    if (!t) return listener_of(s, sock) ? tern_close(public, sock) : TERN_ESTALE;
    trace_call(s, t, "abort", 0);
    tcb_detach(s, t);
    if (t->state == TERN_CLOSED) {
        tcb_free(s, t);
        return TERN_OK;
    }
    reset_send(s, t, R_SEND_RST);
    tcb_move(s, t, MOVE_ABORT);
    tcb_end(s, t, TERN_ECLOSED, R_END_ABORT);
    return TERN_OK;
}
