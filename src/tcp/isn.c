/* isn.c - initial sequence numbers (RFC 9293 3.4.1, RFC 6528): a 4-microsecond clock plus a keyed hash of the
 * sockets. */
#include "tcp/tcb.h"

enum { TICK_NS = 4000 };

/* F(localip, localport, remoteip, remoteport, secretkey): who lacks the key learns nothing of it [MUST-9]. One hash has
 * room for two numbers; neither tells of the other. */
struct secrets flow_secrets(const struct stack *s, const struct flow *f) {
    uint64_t v = flow_hash_seen(&s->key_secrets, f);
    return (struct secrets){.isn = (uint32_t)v, .ts_offset = (uint32_t)(v >> 32)};
}

/* ISN = M + F(...) [MUST-8, SHLD-1] */
seq isn_choose(const struct stack *s, const struct secrets *secrets) {
    return seq_of((uint32_t)(s->now / TICK_NS) + secrets->isn);
}
