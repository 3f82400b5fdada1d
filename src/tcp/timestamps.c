/* timestamps.c - RFC 7323 3 to 5: our clock, what is echoed, and PAWS. Round-trip samples are rto.c's. */
#include "tcp/tcb.h"

enum { DAYS_24_MS = 24 * 24 * 3600 * 1000 };

/* One tick a millisecond [RFC7323 5.4]. The offset is random for each pair of sockets (isn.c): the clock tells nothing
 * about uptime or other connections [RFC7323 7.1]. */
uint32_t ts_now(const struct stack *s, uint32_t offset) { return clock_ms(s) + offset; }

bool ts_old(const struct stack *s, const struct tcb *t, const tcp_options *o) {
    if (!t->stamps || !o->has_ts || (int32_t)(o->ts_value - t->ts_recent) >= 0) return false;
    /* After 24 idle days the remembered value may have wrapped: it no longer counts [RFC7323 5.5]. */
    return clock_ms(s) - t->ts_recent_ms <= DAYS_24_MS;
}

/* What a repetition overtook on its way to the left edge has an older timestamp than TS.Recent. The rule drops it, as an
 * example says, "unnecessarily" [RFC7323 5.3]. Beside islands it is taken if it left after the mark, a few windows back:
 * its number cannot have come round since then. docs/decisions/0020 */
bool ts_overtaken(const struct tcb *t, const tcp_options *o) {
    return t->busy->islands && (int32_t)(o->ts_value - t->busy->islands->floor_ts) >= 0;
}

/* Only a segment at or before the last ACK sent may set TS.Recent, so that the echo is the oldest unacknowledged
 * one's [RFC7323 4.3 (2), 5.3 R3]. It waits until the ACK was found good too: who guesses one number only must not
 * be able to make the peer's own segments look old (CVE-2005-0356). */
void ts_remember(const struct arrival *a) {
    struct tcb *t = a->t;
    const tcp_options *o = &a->h->options;
    if (!t->stamps || !o->has_ts || !seq_le(a->h->seq_no, t->busy->last_ack_sent) || ts_old(a->s, t, o)) return;
    t->ts_recent = o->ts_value;
    t->ts_recent_ms = clock_ms(a->s);
}
