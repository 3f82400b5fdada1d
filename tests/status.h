/* status.h - what STATUS and the list of records tell must agree with itself at every moment (RFC 9293 3.10.6): what tests
 * look at after every step. What the numbers are in each case is the tests' own. */
#ifndef TESTS_STATUS_H
#define TESTS_STATUS_H

#include "tern.h"

/* Bytes: what was written was sent or not, what was sent was acknowledged or not, and nothing counts twice. */
static inline const char *status_bytes_fault(const tern_status_info *i) {
    uint32_t out = i->snd_nxt - i->snd_una, under_way = i->send_queued - i->send_unsent;
    if (i->send_unsent > i->send_queued) return "more unsent than written";
    if (i->bytes_acked > i->bytes_sent || i->bytes_sent - i->bytes_acked != under_way)
        return "bytes sent and acknowledged";
    if (out != under_way && out != under_way + 1) return "bytes under way"; /* SYN and FIN have a number too */
    if (i->bytes_sacked + i->bytes_lost + i->again_under_way > out) return "the parts of what is under way";
    if (i->delivered != i->bytes_acked + i->bytes_sacked) return "bytes delivered";
    if (i->again_by_timer + i->again_by_probe > i->retransmitted) return "why segments were sent again";
    if (i->bytes_again && !i->retransmitted) return "bytes sent again";
    if (i->window_limited_us + i->buffer_limited_us > i->busy_us) return "what held bytes up";
    if (i->receive_queued > i->bytes_received) return "more to read than came";
    return NULL;
}

/* Time: no timer is forgotten, and whoever waits for an answer has one. The wheel rounds up to its tick of a
 * millisecond. */
static inline const char *status_timer_fault(const tern_stack *stack, const tern_status_info *i) {
    bool synchronized = i->state >= TERN_ESTABLISHED && i->state < TERN_TIME_WAIT;
    uint64_t due = tern_deadline(stack);
    if ((i->timer_ns == TERN_NEVER) != (i->timer[0] == 0)) return "a timer without a name";
    if (i->timer_ns != TERN_NEVER && due > i->timer_ns + 1100000) return "a timer that nobody waits for";
    if (i->timer_ns == TERN_NEVER && (i->state == TERN_SYN_RECEIVED || i->state == TERN_TIME_WAIT) && due == TERN_NEVER)
        return "a state without an end";
    if (synchronized && (i->send_unsent || i->snd_una != i->snd_nxt) && due == TERN_NEVER)
        return "nothing will ever move it";
    return NULL;
}

/* NULL: all is well. */
static inline const char *status_fault(const tern_stack *stack, const tern_status_info *i) {
    const char *fault = status_timer_fault(stack, i);
    bool whole = i->state != TERN_LISTEN && i->sock.id && i->state != TERN_SYN_SENT && i->state != TERN_CLOSED;
    return fault || !whole ? fault : status_bytes_fault(i);
}

#endif
