/* user_timeout.c - the user timeout option (RFC 5482): each end says how long it would wait for the other, and takes
 * the longer of both within its limits. What happens when the time is up is rexmit.c's. */
#include "tcp/tcb.h"

enum { LEAST_MS = 100000, SECONDS_MOST = 0x7fff };

/* In seconds as long as they fit in 15 bits, else in minutes [RFC5482 3]. */
void user_timeout_offer(const struct tcb *t, tcp_options *o) {
    o->has_uto = true;
    o->uto_minutes = t->opt->uto_s > SECONDS_MOST;
    o->uto = o->uto_minutes ? (uint16_t)(t->opt->uto_s / 60) : t->opt->uto_s;
}

/* What the application has set for itself stays. Else USER_TIMEOUT = min(U_LIMIT, max(ADV_UTO, REMOTE_UTO, L_LIMIT))
 * [RFC5482 3.1]; U_LIMIT is the stack's R2, L_LIMIT the 100 s that R2 is never below [SHLD-11]. */
void user_timeout_heed(struct stack *s, struct tcb *t, const tcp_options *o) {
    if (!o->has_uto || !t->opt->uto_s || o->uto == 0 || t->opt->uto_fixed) return;
    uint64_t remote = (uint64_t)o->uto * (o->uto_minutes ? 60000 : 1000), ours = (uint64_t)t->opt->uto_s * 1000;
    uint32_t both = (uint32_t)min_u64(max_u64(s->cfg.r2_ms, LEAST_MS), max_u64(max_u64(remote, ours), LEAST_MS));
    if (both == t->opt->user_timeout_ms || !tcb_options_own(s, &t->opt))
        return; /* the peer's wish is no more than advice */
    t->opt->user_timeout_ms = both;
}
