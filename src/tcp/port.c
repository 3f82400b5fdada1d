/* port.c - the choice of a free local port (RFC 6056): which ports exist is tern_config's, who holds one demux.c's. */
#include "tcp/tcb.h"

enum { PROBES = 64 };

static bool taken(struct stack *s, struct flow *f, uint16_t port) {
    f->local_port = port;
    return flow_find(s, f, flow_hash(s, f)) != 0 || listener_exact(s, &f->local, port) != NULL;
}

/* Fresh randomness for each connection (RFC 6056 3.3.1): nothing to learn from earlier ports. When the range is so full that
 * random probing fails, a sweep from a random start finds what is left. */
uint16_t port_choose(struct stack *s, struct flow *f) {
    uint32_t first = s->cfg.port_first, n = s->cfg.port_last - first + 1;
    for (unsigned i = 0; i < PROBES; i++) {
        uint16_t port = (uint16_t)(first + rng_below(&s->rng, n));
        if (!taken(s, f, port)) return port;
    }
    uint32_t start = rng_below(&s->rng, n);
    for (uint32_t i = 0; i < n; i++) {
        uint16_t port = (uint16_t)(first + (start + i) % n);
        if (!taken(s, f, port)) return port;
    }
    f->local_port = 0;
    return 0;
}
