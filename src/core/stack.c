/* stack.c - making and freeing a stack, its counters; what happens in between is loop.c's, ip/'s and tcp/'s. */
#include "core/stack.h"

ip_addr addr_in(const tern_addr *a) {
    ip_addr out = {{0}};
    if (a->family == 4) return ip_from_v4(load32(a->bytes));
    if (a->family == 6) memcpy(out.b, a->bytes, 16);
    return out;
}

tern_addr addr_out(const ip_addr *a) {
    tern_addr out = {0};
    if (ip_is_v4(a)) {
        out.family = 4;
        memcpy(out.bytes, a->b + 12, 4);
    } else if (!ip_is_unspecified(a)) {
        out.family = 6;
        memcpy(out.bytes, a->b, 16);
    }
    return out;
}

/* One secret, several independent keys: each is the keyed hash of its own label. */
static siphash_key derive_key(const uint8_t entropy[32], uint8_t label) {
    siphash_key master = siphash_key_of(entropy);
    uint8_t message[18];
    memcpy(message, entropy + 16, 16);
    message[16] = label;
    message[17] = 0;
    siphash_key out;
    out.k0 = siphash24(&master, message, sizeof message);
    message[17] = 1;
    out.k1 = siphash24(&master, message, sizeof message);
    return out;
}

static void derive_keys(struct stack *s) {
    s->key_table = derive_key(s->cfg.entropy, 1);
    s->key_secrets = derive_key(s->cfg.entropy, 2);
    s->key_port = derive_key(s->cfg.entropy, 3);
    s->key_cookie = derive_key(s->cfg.entropy, 5);
    s->key_fast_open = derive_key(s->cfg.entropy, 6);
    s->rng.key = derive_key(s->cfg.entropy, 7);
    memset(s->cfg.entropy, 0, sizeof s->cfg.entropy);
}

int tern_new(const tern_config *config, uint64_t now_ns, tern_stack **out) {
    if (!out) return TERN_EINVAL;
    *out = NULL;
    int err = config_check(config);
    if (err) return err;
    struct stack *s = config->allocator.alloc(config->allocator.ctx, sizeof *s);
    if (!s) return TERN_ENOMEM;
    memset(s, 0, sizeof *s);
    s->cfg = *config;
    clock_set(s, now_ns);
    s->mem_used = s->mem_peak = sizeof *s;
    s->ck = checksum_ops_best();
    s->events_tail = &s->events;
    s->refused_timer.kind = TIMER_REFUSED;
    derive_keys(s);
    wheel_init(&s->wheel, now_ns);
    if (ip_init(s) != TERN_OK || tcp_init(s) != TERN_OK) {
        tern_free(stack_public(s));
        return TERN_ENOMEM;
    }
    *out = stack_public(s);
    return TERN_OK;
}

void tern_free(tern_stack *public) {
    struct stack *s = stack_of(public);
    if (!s) return;
    tcp_free(s);
    ip_free(s);
    loop_free(s);
    mem_buffers_drop(s);
    ASSERT(s->mem_used == sizeof *s);
    tern_allocator a = s->cfg.allocator;
    memset(s, 0, sizeof *s);
    a.release(a.ctx, s, sizeof *s);
}

int tern_stats_get(tern_stack *public, tern_stats *out) {
    struct stack *s = stack_of(public);
    if (!s || !out || out->size != sizeof *out) return TERN_EINVAL;
    *out = s->stats;
    out->size = sizeof *out;
    out->memory = s->mem_used;
    out->memory_peak = s->mem_peak;
    out->memory_refused = s->mem_refused;
    out->listeners = s->tcp.listeners.used;
    out->half_open = s->tcp.half_opens.used - s->tcp.half_open_ended;
    out->connections = s->tcp.tcbs.used;
    out->time_wait = s->tcp.time_waits.used;
    return TERN_OK;
}
