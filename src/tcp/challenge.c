/* challenge.c - challenge ACKs are limited (RFC 5961 7), each connection by itself: a counter shared by all would let an outsider
 * learn of other connections (CVE-2016-5696). */
#include "tcp/tcb.h"

bool challenge_allowed(struct stack *s, struct tcb *t) {
    uint32_t now_ms = (uint32_t)(s->now / MS_NS);
    if (t->record) return true; /* answers leave one for one; the record keeps no clock */
    if (now_ms - t->challenge_ms < s->cfg.challenge_ack_ms) return false;
    t->challenge_ms = now_ms;
    return true;
}
