/* isn.c - initial sequence numbers (RFC 9293 3.4.1, RFC 6528): a 4-microsecond clock plus a keyed hash of the
 * sockets. */
#include "tcp/tcb.h"

enum { TICK_NS = 4000 };

/* ISN = M + F(localip, localport, remoteip, remoteport, secretkey) [MUST-8, SHLD-1]; F needs the key [MUST-9]. */
seq isn_choose(struct stack *s, const struct flow *f) {
    uint32_t clock = (uint32_t)(s->now / TICK_NS);
    return seq_of(clock + (uint32_t)siphash24(&s->key_isn, f, sizeof *f));
}
