/* watch.c - what must hold in every world, looked at again after every step of a host: the invariants of each control
 * block, numbers that only grow, packets that are well-formed; and at the end that nothing is left anywhere. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/status.h"
#include "world.h"

static void grow(struct world *w, struct host *h, uint32_t n) {
    struct shadow *more = realloc(h->shadows, n * sizeof *more);
    if (!more) violation(w, "no memory for the watch");
    memset(more + h->shadow_count, 0, (n - h->shadow_count) * sizeof *more);
    h->shadows = more;
    h->shadow_count = n;
}

/* [SHLD-14] The right edge never goes back; what was acknowledged, by either side, stays so. */
static void compare(struct world *w, const struct host *h, const struct shadow *old, const struct tcb *t) {
    if (old->serial != t->serial || !old->synchronized) return;
    const char *what = seq_lt(t->snd.una, old->una)       ? "SND.UNA"
                       : seq_lt(t->rcv.nxt, old->rcv_nxt) ? "RCV.NXT"
                       : seq_lt(t->rcv.adv, old->adv)     ? "the right edge of the window"
                                                          : NULL;
    if (what) violation(w, "host %u: %s of connection %llu went back", h->index, what, (unsigned long long)t->serial);
}

/* The other end of the same connection, if it is still there; a record of TIME-WAIT or half open is none. */
static const struct tcb *peer_of(const struct world *w, const struct tcb *t) {
    struct flow f = {t->flow.remote, t->flow.local, t->flow.remote_port, t->flow.local_port};
    unsigned owner = w->owner[t->flow.remote.b[15]];
    struct stack *s = owner ? w->host[owner - 1].s : NULL;
    uint32_t ref = s && w->host[owner - 1].stack ? flow_find(s, &f, flow_hash(s, &f)) : 0;
    const struct tcb *p = ref && ref_kind_of(ref) == REF_TCB ? pool_at(&s->tcp.tcbs, ref_index(ref)) : NULL;
    return p && seq_eq(p->irs, t->iss) && state_in(p, SYNCHRONIZED) ? p : NULL;
}

/* Nothing is sent beyond what the peer ever offered, but for the byte or the FIN that probes. */
static void inside_the_offer(struct world *w, const struct host *h, const struct tcb *t) {
    const struct tcb *p = state_in(t, SYNCHRONIZED) ? peer_of(w, t) : NULL;
    if (p && seq_gt(t->snd.nxt, seq_add(p->rcv.adv, 1)))
        violation(w, "host %u: connection %llu sent %d bytes beyond what was offered", h->index,
                  (unsigned long long)t->serial, seq_diff(t->snd.nxt, p->rcv.adv));
}

void watch_host(struct world *w, struct host *h) {
    struct stack *s = h->s;
    if (s->tcp.tcbs.made > h->shadow_count) grow(w, h, s->tcp.tcbs.made + 16);
    for (uint32_t i = 0; i < s->tcp.tcbs.made; i++) {
        if (!pool_used(&s->tcp.tcbs, i)) continue;
        const struct tcb *t = pool_at(&s->tcp.tcbs, i);
        tcb_check(s, t);
        compare(w, h, &h->shadows[i], t);
        if (h->shadows[i].serial != t->serial || !seq_eq(h->shadows[i].snd_nxt, t->snd.nxt)) inside_the_offer(w, h, t);
        bool waits = state_in(t, SYNCHRONIZED & ~IN(TIME_WAIT)) && seq_lt(t->snd.una, t->snd.nxt);
        if (waits && t->busy->rexmit_at == TERN_NEVER && !t->busy->ready_link)
            violation(w, "host %u: connection %llu waits for an ACK without a timer", h->index,
                      (unsigned long long)t->serial);
        h->shadows[i] =
            (struct shadow){t->serial, t->snd.una, t->snd.nxt, t->rcv.nxt, t->rcv.adv, state_in(t, SYNCHRONIZED)};
    }
    uint64_t cursor = 0;
    tern_status_info i;
    while (tern_list(h->stack, &cursor, &i)) {
        const char *fault = status_fault(h->stack, &i);
        if (fault) violation(w, "host %u: STATUS of a connection in %s: %s", h->index, tern_state_name(i.state), fault);
    }
    if (s->stats.bad_moves) violation(w, "host %u: a move that the table does not know", h->index);
    if (s->mem_used > s->cfg.memory_max) violation(w, "host %u: more memory than the cap", h->index);
    if (s->mem_used != h->heap.live) violation(w, "host %u: the account of memory is wrong", h->index);
}

static uint32_t add16(const uint8_t *p, uint32_t n, uint32_t sum) {
    for (uint32_t i = 0; i + 1 < n; i += 2) sum += (uint32_t)(p[i] << 8 | p[i + 1]);
    if (n & 1) sum += (uint32_t)p[n - 1] << 8;
    return sum;
}
static bool sums_up(uint32_t sum) {
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    return sum == 0xffff;
}

/* An account of its own of what a packet must be. Links that flip bits are in the way of that. */
void watch_packet(struct world *w, const uint8_t *p, uint32_t len) {
    if (has(&w->plan, F_CORRUPT)) return;
    bool v6 = len && p[0] >> 4 == 6;
    uint32_t head = v6 ? 40 : 20;
    if (len < head || len > 1500) violation(w, "a packet of %u bytes leaves", len);
    uint32_t total = v6 ? 40u + (uint32_t)(p[4] << 8 | p[5]) : (uint32_t)(p[2] << 8 | p[3]);
    uint8_t proto = v6 ? p[6] : p[9];
    if (total != len) violation(w, "a packet of %u bytes says that it has %u", len, total);
    if (!v6 && (p[0] != 0x45 || !sums_up(add16(p, 20, 0)))) violation(w, "a bad IPv4 header leaves");
    if (proto != IP_PROTO_TCP) return;
    const uint8_t *t = p + head;
    uint32_t n = len - head, pseudo = proto + n;
    if (n < 20 || (t[12] >> 4) * 4u < 20 || (t[12] >> 4) * 4u > n) violation(w, "a bad TCP header leaves");
    pseudo = v6 ? add16(p + 8, 32, pseudo) : add16(p + 12, 8, pseudo);
    if (!sums_up(add16(t, n, pseudo))) violation(w, "a wrong TCP checksum leaves");
}

static void rest_of_link(struct world *w, struct host *h, uint64_t sent, uint64_t taken) {
    struct memlink_stats up, down;
    memlink_stats_get(h->link, 0, &up);
    memlink_stats_get(h->link, 1, &down);
    uint64_t fates = 0;
    for (unsigned f = 0; f < MEMLINK_FATES; f++) fates += down.fates[f];
    bool even = up.packets == sent && fates == down.packets && up.under_way + down.under_way == 0 &&
                down.fates[MEMLINK_DELIVERED] + down.copies == h->received + h->refused && h->received == taken;
    if (!even)
        violation(w, "host %u: packets are missing: sent %llu, on the line %llu; arrived %llu, taken %llu", h->index,
                  (unsigned long long)sent, (unsigned long long)up.packets, (unsigned long long)h->received,
                  (unsigned long long)taken);
}

void watch_rest(struct world *w) {
    for (unsigned i = 0; i < w->hosts; i++) {
        struct host *h = &w->host[i];
        tern_stats st = {.size = sizeof st};
        tern_stats_get(h->stack, &st);
        uint64_t cursor = 0;
        tern_status_info s = {.size = sizeof s};
        bool left = tern_list(h->stack, &cursor, &s);
        if (left || st.connections || st.half_open || st.time_wait || st.listeners)
            violation(w, "host %u keeps %u connections, %u half open, %u in TIME-WAIT: %s, port %u, timer %s", i,
                      st.connections, st.half_open, st.time_wait, left ? tern_state_name(s.state) : "-",
                      left ? s.flow.remote_port : 0, left && s.timer ? s.timer : "-");
        rest_of_link(w, h, h->out_before + st.packets_out, h->in_before + st.packets_in);
    }
}
