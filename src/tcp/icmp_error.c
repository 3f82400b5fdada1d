/* icmp_error.c - what the network reports about our segments (RFC 9293 3.9.2.2, RFC 5927, RFC 5461): path MTU, and
 * that a peer cannot be reached. Anybody can send such a report, so it must quote a number that is under way. */
#include "tcp/tcb.h"

static bool too_big(const struct icmp_report *r) {
    return r->v6 ? r->type == ICMP6_TOO_BIG : r->type == ICMP4_UNREACHABLE && r->code == 4;
}

/* Protocol or port unreachable, administratively prohibited: hard by the old rules [SHLD-26]. */
static bool hard(const struct icmp_report *r) {
    if (r->v6) return r->type == ICMP6_UNREACHABLE && (r->code == 1 || r->code == 4);
    return r->type == ICMP4_UNREACHABLE && (r->code == 2 || r->code == 3 || r->code == 10 || r->code == 13);
}

/* The path carries less: what is under way is cut anew and sent again. */
static void shrink(struct stack *s, struct tcb *t, const struct icmp_report *r) {
    uint16_t before = t->mss;
    struct ip_path path; /* what the report made of it: never less than the floor, never more than before [RFC8201 4] */
    ip_path_mtu_learn(s, &r->remote, r->mtu);
    if (!t->syn_acked || ip_path_find(s, &r->local, &r->remote, &path) != IP_PATH_OK) return;
    mss_update(s, t, path.mtu);
    if (t->mss >= before) return;
    if (t->busy->flight)
        recovery_resume(t);
    else
        t->busy->pos = snd_first(t);
    t->rtt_timing = false; /* [MUST-18] */
    tcb_ready(s, t);
}

/* [MUST-54] */
void tcp_icmp_error(struct stack *s, const struct icmp_report *r) {
    if (r->l4_len < 8) return;
    struct flow f = {r->local, r->remote, load16(r->l4), load16(r->l4 + 2)};
    uint32_t ref = flow_find(s, &f, flow_hash(s, &f));
    if (!ref || ref_kind_of(ref) != REF_TCB) return;
    struct tcb *t = pool_at(&s->tcp.tcbs, ref_index(ref));
    seq quoted = seq_of(load32(r->l4 + 4));
    if (seq_lt(quoted, t->snd.una) || seq_ge(quoted, t->snd.nxt)) return; /* [RFC5927 4.1] */
    if (too_big(r)) {
        shrink(s, t, r);
    } else if (hard(r) && t->state == TERN_SYN_SENT) { /* [RFC5461 4.1] in other states hard errors count as soft */
        fastopen_failed(s, t);
        give_up(s, t, r->code == (r->v6 ? 4 : 3) ? TERN_EREFUSED : TERN_EUNREACH, R_END_ICMP);
    } else {
        soft_error(s, t, TERN_EUNREACH); /* [MUST-56, SHLD-25] */
    }
}
