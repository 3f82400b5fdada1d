/* challenge.c - challenge ACKs are limited (RFC 5961 7), each connection by itself: a counter shared by all would
 * let an outsider learn of other connections (CVE-2016-5696). */
#include "tcp/tcb.h"

enum { UNIT_MS = 64, LONG_AGO = 128 };

bool challenge_allowed(struct stack *s, struct tcb *t) {
    uint32_t now_ms = clock_ms(s);
    if (now_ms - t->challenge_ms < s->cfg.challenge_ack_ms) return false;
    t->challenge_ms = now_ms;
    return true;
}

/* Modulo 16 s: a record that stays longer may, once in a while, hold back one challenge that was due. */
uint8_t challenge_pack(const struct stack *s, const struct tcb *t) {
    uint32_t now_ms = clock_ms(s), age = (now_ms - t->challenge_ms) / UNIT_MS;
    return age < LONG_AGO ? (uint8_t)(now_ms / UNIT_MS - age) : CHALLENGE_LONG_AGO(s);
}

void challenge_unpack(const struct stack *s, struct tcb *t, uint8_t packed) {
    uint32_t now_ms = clock_ms(s), age = (uint8_t)(now_ms / UNIT_MS - packed), ms = age * UNIT_MS;
    t->challenge_ms = now_ms - (age < LONG_AGO ? ms : max_u32(ms, s->cfg.challenge_ack_ms));
}
