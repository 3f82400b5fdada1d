/* list.c - routes and neighbours as an operator sees them (RFC 1122 3.3.1, RFC 4861 7.3.2). It changes nothing; what they
 * mean for a packet is route.c's and neighbour.c's. */
#include "ip/internal.h"

/* As addr_out, but "any" has a family too. */
static tern_addr prefix_out(const struct ip_route *r) {
    tern_addr out = addr_out(&r->prefix);
    if (!out.family) out.family = 6;
    return out;
}

bool tern_route_at(tern_stack *public, size_t i, tern_route *out) {
    struct stack *s = stack_of(public);
    if (!s || !out || i >= s->ip.routes) return false;
    const struct ip_route *r = &s->ip.route[i];
    bool silent = !ip_is_unspecified(&r->via) && neighbour_silent_since(s, r->iface, &r->via) != TERN_NEVER;
    *out = (tern_route){.prefix = prefix_out(r),
                        .via = addr_out(&r->via),
                        .prefix_len = (uint8_t)(r->bits - (r->v4 ? 96 : 0)),
                        .iface = r->iface,
                        .origin = (enum tern_route_origin)r->origin,
                        .usable = !s->ip.link[r->iface].down && !silent,
                        .until_ns = r->until};
    return true;
}

/* An entry's age is looked at when it is used: until then it is shown as that use would find it. */
static enum tern_neighbour_state state_of(const struct stack *s, const struct neighbour *n) {
    bool old = n->state == NEIGHBOUR_REACHABLE && s->now - n->since >= s->cfg.neighbour_reachable_ms * MS_NS;
    return old ? TERN_NEIGHBOUR_STALE : (enum tern_neighbour_state)n->state;
}

_Static_assert((int)TERN_NEIGHBOUR_INCOMPLETE == NEIGHBOUR_INCOMPLETE &&
                   (int)TERN_NEIGHBOUR_REACHABLE == NEIGHBOUR_REACHABLE &&
                   (int)TERN_NEIGHBOUR_STALE == NEIGHBOUR_STALE && (int)TERN_NEIGHBOUR_DELAY == NEIGHBOUR_DELAY &&
                   (int)TERN_NEIGHBOUR_PROBE == NEIGHBOUR_PROBE && (int)TERN_NEIGHBOUR_SILENT == NEIGHBOUR_SILENT,
               "the same states inside and outside");
_Static_assert((int)TERN_ROUTE_MANUAL == IP_ROUTE_MANUAL && (int)TERN_ROUTE_ADDRESS == IP_ROUTE_ADDRESS &&
                   (int)TERN_ROUTE_ADVERTISED == IP_ROUTE_ADVERTISED,
               "the same origins inside and outside");

/* The cursor is a bucket, and a place in it. */
bool tern_neighbour_list(tern_stack *public, uint64_t *cursor, tern_neighbour *out) {
    struct stack *s = stack_of(public);
    if (!s || !cursor || !out || !s->ip.neighbour_bucket) return false;
    for (uint64_t b = *cursor >> 32, place = (uint32_t)*cursor; b < s->ip.neighbour_buckets; b++, place = 0) {
        const struct neighbour *n = s->ip.neighbour_bucket[b];
        for (uint64_t k = place; n && k; k--) n = n->bucket_next;
        if (!n) continue;
        *cursor = b << 32 | (place + 1);
        *out = (tern_neighbour){
            .addr = addr_out(&n->addr), .iface = n->iface, .state = state_of(s, n), .router = n->router};
        memcpy(out->mac, n->mac, 6);
        return true;
    }
    *cursor = (uint64_t)s->ip.neighbour_buckets << 32;
    return false;
}
