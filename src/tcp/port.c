/* port.c - the choice of a free local port (RFC 6056): which ports exist is tern_config's, who holds one demux.c's.
 *
 * Towards each destination the ports are used in an order of its own, a keyed permutation of all of them. Who does not
 * know the key cannot tell the next one, also not from connections to himself; and a port comes again only after all
 * others: the peer may hold the last connection from it in TIME-WAIT, and would take a SYN too soon after it for an old
 * one (RFC 6056 3.3.4 has the same aims). */
#include "tcp/tcb.h"

enum { ROUNDS = 4 };

#define MIX UINT64_C(0x9e3779b97f4a7c15)

static bool taken(struct stack *s, struct flow *f, uint16_t port, uint32_t *hash) {
    f->local_port = port;
    *hash = flow_hash(s, f);
    return flow_find(s, f, *hash) != 0 || listener_exact(s, &f->local, port) != NULL;
}

static uint64_t destination(const struct stack *s, const struct flow *f) {
    struct flow to = {.remote = f->remote, .remote_port = f->remote_port};
    return flow_hash_seen(&s->key_port, &to);
}

/* Where i of [0, n) goes: a Feistel network over the next larger square, again until the result lies in the range. Its
 * rounds need only mix: the key `to` is this destination's alone, and whoever sits there sees the ports anyway. */
static uint32_t shuffled(uint64_t to, uint32_t i, uint32_t n) {
    unsigned half = n > 4 ? (33 - (unsigned)__builtin_clz(n - 1)) / 2 : 1;
    uint32_t mask = (1u << half) - 1;
    do {
        uint32_t left = i >> half, right = i & mask;
        for (uint32_t round = 0; round < ROUNDS; round++) {
            uint64_t v = (to ^ right) * (MIX + 2 * round);
            uint32_t mixed = left ^ ((uint32_t)((v ^ v >> 29) * MIX >> 40) & mask);
            left = right;
            right = mixed;
        }
        i = left << half | right;
    } while (i >= n);
    return i;
}

uint16_t port_choose(struct stack *s, struct flow *f, uint32_t *hash) {
    uint32_t first = s->cfg.port_first, n = s->cfg.port_last - first + 1;
    uint64_t to = destination(s, f);
    for (uint32_t tries = 0; tries < n; tries++) {
        uint32_t i = s->tcp.ports_tried++ % n;
        uint16_t port = (uint16_t)(first + shuffled(to, i, n));
        if (!taken(s, f, port, hash)) return port;
    }
    f->local_port = 0;
    return 0;
}
