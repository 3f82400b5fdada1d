/* world.c - hosts, their links and the clock of the soak's worlds: makes them, lets time pass, takes them down. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

enum { BATCH = 64, ROUNDS_AT_ONE_INSTANT = 200000 };

const struct fault_info fault_infos[FAULTS] = {
#define FAULT(symbol, name, one_in, deadly) {name, one_in, deadly},
#include "fault.def"
#undef FAULT
};

struct chance chance_of(const struct plan *p, uint64_t purpose) {
    return (struct chance){memlink_chance(p->seed, purpose), 0};
}
uint64_t chance_u64(struct chance *c) { return memlink_chance(c->seed, c->n++); }
uint32_t chance_below(struct chance *c, uint32_t n) { return (uint32_t)((chance_u64(c) >> 32) * n >> 32); }

struct plan plan_of(uint64_t seed) {
    struct plan p = {.seed = seed};
    struct chance c = chance_of(&p, 1);
    bool gentle = one_in(&c, 2), two = one_in(&c, 3);
    struct chance later = chance_of(&p, 2); /* the last two came later: apart from them, a seed is what it was */
    for (unsigned f = 0; f < FAULTS; f++) {
        bool on = one_in(f < F_NARROW ? &c : &later, fault_infos[f].one_in);
        if (on && !(gentle && fault_infos[f].deadly)) p.faults |= 1u << f;
    }
    p.hosts = two ? 2 : 2 + chance_below(&c, HOSTS_MAX - 1);
    p.calls = 1 + chance_below(&c, one_in(&c, 4) ? CALLS_MAX : 24);
    p.bytes_max = one_in(&c, 6) ? 300000 : one_in(&c, 2) ? 30000 : 3000;
    p.events = chance_below(&c, 60);
    return p;
}

bool plan_deadly(const struct plan *p) {
    for (unsigned f = 0; f < FAULTS; f++)
        if (has(p, f) && fault_infos[f].deadly) return true;
    return false;
}

void violation(struct world *w, const char *format, ...) {
    va_list ap;
    va_start(ap, format);
    vsnprintf(w->why, sizeof w->why, format, ap);
    va_end(ap);
    longjmp(w->failed, 1);
}

/* ---- memory that counts and fails ---- */

static void *heap_alloc(void *ctx, size_t size) {
    struct host *h = ctx;
    uint64_t n = ++h->heap.calls;
    bool fails = h->heap.fail_at && (n == h->heap.fail_at || (h->heap.fail_on && n > h->heap.fail_at));
    if (h->heap.fail_ppm && chance_below(&h->heap.c, 1000000) < h->heap.fail_ppm) fails = true;
    void *p = fails ? NULL : malloc(size);
    if (!p) {
        h->heap.failed++;
        return NULL;
    }
    memset(p, 0xa5, size < 256 ? size : 256);
    h->heap.live += size;
    if (h->heap.live > h->heap.peak) h->heap.peak = h->heap.live;
    return p;
}

static void heap_release(void *ctx, void *p, size_t size) {
    struct host *h = ctx;
    h->heap.live -= size;
    free(p);
}

/* ---- hosts ---- */

tern_addr host_addr(const struct host *h, bool v6) {
    if (v6) return (tern_addr){6, {0xfd, [15] = h->last}};
    return (tern_addr){4, {10, 0, 0, h->last}};
}

static void log_trace(void *ctx, const tern_trace *r) {
    struct host *h = ctx;
    static const char *const kinds[] = {"packet in", "packet out", "segment in", "segment out", "state",
                                        "call",      "timer",      "drop",       "window"};
    printf("%13.6f h%u %-11s #%llu %u:%u", (double)r->time_ns / 1e9, h->index, kinds[__builtin_ctz(r->kind)],
           (unsigned long long)r->serial, r->flow.local_port, r->flow.remote_port);
    if (r->kind & (TERN_TRACE_SEGMENT_IN | TERN_TRACE_SEGMENT_OUT))
        printf(" %s->%s flags %03x seq %u ack %u len %u wnd %u: %s", tern_state_name(r->state_before),
               tern_state_name(r->state), r->seg.flags, r->seg.seq, r->seg.ack, r->seg.len, r->seg.window,
               tern_reason_name(r->reason));
    if (r->kind == TERN_TRACE_STATE)
        printf(" %s->%s %s", tern_state_name(r->state_before), tern_state_name(r->state), r->event);
    if (r->kind == TERN_TRACE_CALL) printf(" %s %lld", r->call, (long long)r->value);
    if (r->kind == TERN_TRACE_TIMER) printf(" %s", r->timer);
    if (r->kind == TERN_TRACE_DROP) printf(" %s", tern_reason_name(r->reason));
    printf("\n");
}

int host_start(struct world *w, struct host *h) {
    struct chance c = chance_of(&w->plan, 100000 + h->index * 64 + h->lives++);
    for (unsigned i = 0; i < sizeof h->cfg.entropy / 8; i++) {
        uint64_t word = chance_u64(&c);
        memcpy(h->cfg.entropy + i * 8, &word, 8);
    }
    h->cfg.allocator = (tern_allocator){heap_alloc, heap_release, h};
    int r = tern_new(&h->cfg, host_now(w, h), &h->stack);
    if (r != TERN_OK) return r;
    h->s = stack_of(h->stack);
    tern_iface_config iface = {.size = sizeof iface, .name = "sim", .link = TERN_LINK_IP, .mtu = 1500};
    h->iface = r = tern_iface_add(h->stack, &iface);
    h->iface_down = false;
    for (int v6 = 0; v6 < 2 && r >= 0; v6++) {
        tern_addr a = host_addr(h, v6);
        r = tern_addr_add(h->stack, h->iface, &a, v6 ? 64 : 24);
    }
    tern_listen_config l = {.size = sizeof l, .port = LISTEN_PORT, .backlog = 1 + chance_below(&c, 20)};
    if (r >= 0 && !h->listener_closed) r = tern_listen(h->stack, &l, &h->listener);
    if (r < 0) {
        tern_free(h->stack);
        h->stack = NULL;
        return r;
    }
    if (w->log)
        tern_trace_set(h->stack,
                       TERN_TRACE_ALL & ~(unsigned)(TERN_TRACE_PACKET_IN | TERN_TRACE_PACKET_OUT | TERN_TRACE_WINDOW),
                       log_trace, h);
    if (h->shadow_count) memset(h->shadows, 0, sizeof *h->shadows * h->shadow_count);
    return TERN_OK;
}

void host_stop(struct world *w, struct host *h) {
    tern_stats st = {.size = sizeof st};
    void *tokens[BATCH];
    tern_stats_get(h->stack, &st);
    if (st.bad_moves)
        violation(w, "host %u: %llu moves that the table does not know", h->index, (unsigned long long)st.bad_moves);
    if (st.memory_peak > h->cfg.memory_max) violation(w, "host %u: memory went over its cap", h->index);
    h->in_before += st.packets_in;
    h->out_before += st.packets_out;
    for (int n; (n = tern_reclaim(h->stack, tokens, BATCH)) > 0;)
        for (int i = 0; i < n; i++) memlink_release(h->link, tokens[i]);
    tern_free(h->stack);
    h->stack = NULL;
    if (h->heap.live) violation(w, "host %u: %llu bytes leaked", h->index, (unsigned long long)h->heap.live);
}

/* What the clock at one end makes of the first call. */
static struct secrets secrets_of_first(const struct world *w, unsigned side) {
    const struct call *k = &w->call[0];
    const struct host *h = &w->host[k->end[side].host];
    tern_addr me = host_addr(h, k->v6), peer = host_addr(&w->host[k->end[!side].host], k->v6);
    uint16_t far = k->both_open ? (uint16_t)(k->port + 10000) : LISTEN_PORT;
    struct flow f;
    memset(&f, 0, sizeof f);
    f.local = addr_in(&me);
    f.remote = addr_in(&peer);
    f.local_port = side ? far : k->port;
    f.remote_port = side ? k->port : far;
    return flow_secrets(h->s, &f);
}

/* The first call's numbers pass 2^32 soon, and the timestamps of who is called: the clocks that they hang on are set so. */
static void wrap_soon(struct world *w) {
    struct host *from = &w->host[w->call[0].end[0].host], *to = &w->host[w->call[0].end[1].host];
    struct secrets secrets = secrets_of_first(w, 0);
    struct stack at = {.now = host_now(w, from)};
    struct chance c = chance_of(&w->plan, 7);
    uint32_t isn = isn_choose(&at, &secrets).v, wanted = 0u - chance_below(&c, w->plan.bytes_max) - 1;
    from->skew += (uint64_t)(uint32_t)(wanted - isn) * 4000;
    at.now = host_now(w, to);
    uint32_t stamp = ts_now(&at, secrets_of_first(w, 1).ts_offset), due = 0u - chance_below(&c, 90000) - 1;
    to->skew += (uint64_t)(uint32_t)(due - stamp) * MSEC;
}

static void make(struct world *w) {
    struct driver_error err;
    w->hosts = w->plan.hosts;
    for (unsigned i = 0; i < w->hosts; i++) {
        struct host *h = &w->host[i];
        h->index = i;
        h->last = (uint8_t)(i + 1);
        w->owner[h->last] = (uint8_t)(i + 1);
        tern_config_default(&h->cfg);
        h->cfg.autoconf = h->cfg.dad = 0;
        trouble_start(w, h);
        if (memlink_new(h->path, &h->link, &err) < 0) violation(w, "no link: %s", err.text);
        if (host_start(w, h) != TERN_OK) violation(w, "host %u does not start", i);
    }
    apps_plan(w);
    if (has(&w->plan, F_WRAP)) wrap_soon(w);
}

static void unmake(struct world *w) {
    for (unsigned i = 0; i < w->hosts; i++) {
        struct host *h = &w->host[i];
        if (h->stack) tern_free(h->stack);
        memlink_free(h->link);
        free(h->shadows);
    }
}

/* ---- time ---- */

static void host_round(struct world *w, struct host *h) {
    tern_packet packets[BATCH];
    tern_event events[BATCH];
    tern_frame frames[BATCH];
    void *tokens[BATCH];
    for (size_t n; (n = memlink_receive(h->link, 0, packets, BATCH, w->now)) > 0;) {
        if (tern_input(h->stack, h->iface, packets, n, host_now(w, h)) == TERN_OK) {
            h->received += n;
            continue;
        }
        h->refused += n; /* no memory to keep account of what is lent */
        for (size_t i = 0; i < n; i++)
            if (packets[i].token) memlink_release(h->link, packets[i].token);
    }
    tern_expire(h->stack, host_now(w, h));
    for (int n; (n = tern_poll(h->stack, events, BATCH)) > 0;)
        for (int i = 0; i < n; i++) apps_event(w, h, &events[i]);
    for (int n; (n = tern_output(h->stack, frames, BATCH, host_now(w, h))) > 0;)
        memlink_send(h->link, 0, frames, (size_t)n, w->now);
    for (int n; (n = tern_reclaim(h->stack, tokens, BATCH)) > 0;)
        for (int i = 0; i < n; i++) memlink_release(h->link, tokens[i]);
    watch_host(w, h);
}

static uint64_t host_due(const struct world *w, const struct host *h) {
    uint64_t t = memlink_deadline(h->link), d = tern_deadline(h->stack);
    if (d != TERN_NEVER) d = d > h->skew ? d - h->skew : 0;
    if (d < t) t = d;
    return t > w->now ? t : w->now;
}

/* One instant: everybody who has something to do; returns when the next is. */
static uint64_t instant(struct world *w) {
    trouble_step(w);
    apps_step(w);
    uint64_t next = TERN_NEVER;
    for (unsigned i = 0; i < w->hosts; i++) {
        struct host *h = &w->host[i];
        if (host_due(w, h) <= w->now) {
            host_round(w, h);
            switch_forward(w, h);
        }
    }
    for (unsigned i = 0; i < w->hosts; i++) {
        uint64_t due = host_due(w, &w->host[i]);
        if (due < next) next = due;
    }
    uint64_t a = apps_due(w), t = trouble_due(w);
    if (a < next) next = a;
    return t < next ? t : next;
}

/* Until the time comes or `done` says so; true: nothing at all is due any more. */
static bool run(struct world *w, uint64_t until, bool (*done)(const struct world *)) {
    unsigned rounds = 0;
    for (;;) {
        uint64_t next = instant(w);
        if (done && done(w)) return false;
        if (next > until || next == TERN_NEVER) {
            if (until != TERN_NEVER) w->now = until;
            return next == TERN_NEVER;
        }
        if (next > w->now) {
            w->now = next;
            rounds = 0;
        } else if (++rounds > ROUNDS_AT_ONE_INSTANT) {
            violation(w, "the clock stands still at %llu ms", (unsigned long long)(w->now / MSEC));
        }
    }
}

static void course(struct world *w) {
    make(w);
    uint64_t begin = w->now;
    run(w, w->calm_at, NULL);
    trouble_end(w);
    /* The longest pauses of applications, then whatever it takes to notice that a peer is gone. */
    run(w, w->now + UINT64_C(400000) * SECOND, apps_done);
    apps_check_end(w);
    for (unsigned i = 0; i < w->hosts; i++) {
        w->host[i].listener_closed = true;
        tern_close(w->host[i].stack, w->host[i].listener);
    }
    bool idle = run(w, w->now + UINT64_C(3000) * SECOND, NULL);
    watch_rest(w);
    if (!idle) violation(w, "it does not come to rest");
    w->tally.virtual_ns += w->now - begin;
    for (unsigned i = 0; i < w->hosts; i++) {
        w->tally.allocs_failed += w->host[i].heap.failed;
        host_stop(w, &w->host[i]);
    }
}

bool world_run(struct world *w, const struct plan *plan) {
    FILE *log = w->log;
    memset(w, 0, sizeof *w);
    w->log = log;
    w->plan = *plan;
    w->now = SECOND;
    w->hash = plan->seed;
    bool good = setjmp(w->failed) == 0;
    if (good) course(w);
    unmake(w);
    return good;
}
