/* stack.h - struct stack: the whole host, and the services that ip/ and tcp/ share: memory, time, timers, reasons,
 * events, trace. It knows none of their rules. */
#ifndef CORE_STACK_H
#define CORE_STACK_H

#include "tern.h"

#include "base/base.h"
#include "base/checksum.h"
#include "base/random.h"
#include "base/siphash.h"
#include "base/wheel.h"
#include "ip/ip.h"
#include "tcp/tcp.h"

enum reason {
#define REASON(symbol, severity, rfc, en, zh) R_##symbol,
#include "core/reason.def"
#undef REASON
    REASONS,
};

/* What a wheel_node belongs to. */
enum timer_kind {
    TIMER_TCB = 1,
    TIMER_HALF_OPEN,   /* one node for all half-open records: see tcp/backlog.c */
    TIMER_TIME_WAIT,   /* one node for all TIME-WAIT records: see tcp/timewait.c */
    TIMER_DELAYED_ACK, /* one node for all delayed ACKs: see tcp/delack.c */
    TIMER_IP_FIRST,
    TIMER_NEIGHBOUR = TIMER_IP_FIRST,
    TIMER_REASSEMBLY,
    TIMER_AUTOCONF,
    TIMER_REFUSED, /* one node for all sockets that were refused memory: see core/event.c */
};

/* A socket's place in the queue of events; embedded in listeners and TCBs. */
struct event_node {
    struct event_node *next, **link; /* link NULL: not queued */
    uint64_t user;
    uint32_t ref; /* which socket: see tcp/tcb.h */
    uint16_t bits;
    int16_t error;
};

/* Free buffers of one size (a power of two) that are kept for reuse: see memory.c. */
enum { BUFFER_SHELF = 8, BUFFER_SHELVED_MAX = 1 << 20 };
struct buffer_shelf {
    uint32_t count;
    void *at[BUFFER_SHELF];
};

struct stack {
    tern_config cfg;
    uint64_t now;            /* nanoseconds; the largest that the caller has named */
    uint32_t now_us, now_ms; /* the same, modulo 2^32: see clock_set */
    const checksum_ops *ck;
    wheel wheel;
    rng rng;
    siphash_key key_table, key_secrets, key_port, key_cookie, key_fast_open;

    uint64_t mem_used, mem_peak, mem_refused;
    struct buffer_shelf shelf[32];
    uint64_t reason_count[REASONS];
    tern_stats stats; /* the running counters; tern_stats_get adds the rest */

    uint32_t trace_mask;
    tern_trace_fn *trace_fn;
    void *trace_ctx;
    uint8_t *trace_frame; /* room for one contiguous frame while PACKET_OUT is traced */

    struct event_node *events, **events_tail;
    struct event_node *refused; /* sockets that were refused memory, until something happens to them or the timer fires */
    wheel_node refused_timer;
    uint32_t stack_events; /* TERN_EV_ECHO, TERN_EV_RECLAIM */

    struct ip_state ip;
    struct tcp_state tcp;
#ifdef TERN_DEBUG
    bool long_ways; /* a test compares: nothing takes a short way that is there for speed alone */
#endif
};

/* May what is known from the packet before be taken for granted? */
static inline bool short_ways(const struct stack *s) {
#ifdef TERN_DEBUG
    return !s->long_ways;
#else
    (void)s;
    return true;
#endif
}

static inline struct stack *stack_of(tern_stack *p) { return (struct stack *)(void *)p; }
static inline tern_stack *stack_public(struct stack *s) { return (tern_stack *)(void *)s; }

/* Time never goes back: a smaller value counts as the last one. */
static inline void clock_set(struct stack *s, uint64_t now_ns) {
    if (now_ns <= s->now) return;
    s->now = now_ns;
    s->now_us = (uint32_t)(now_ns / US_NS);
    s->now_ms = (uint32_t)(now_ns / MS_NS);
}
static inline uint32_t clock_us(const struct stack *s) { return s->now_us; }
static inline uint32_t clock_ms(const struct stack *s) { return s->now_ms; }

int config_check(const tern_config *c);
/* A frame was filled for the caller: counted, and shown to the trace. */
void loop_sent(struct stack *s, tern_frame *f);
void loop_free(struct stack *s);

/* ---- memory (core/memory.c): charged to cfg.memory_max; NULL is counted and must be handled ---- */
void *mem_alloc(struct stack *s, size_t size); /* not zeroed */
void *mem_zalloc(struct stack *s, size_t size);
void mem_free(struct stack *s, void *p, size_t size); /* p may be NULL */

/* The last sixteenth is for connections that exist and get on: no new ones, no more for those that stand still. True,
 * and counted: to be refused. */
bool mem_tight(struct stack *s);

/* Buffers whose size is a power of two, not zeroed; given back they wait for reuse and stay charged to the cap. */
void *mem_buffer_take(struct stack *s, uint32_t size);
void mem_buffer_give(struct stack *s, void *p, uint32_t size);
COLD void mem_buffers_drop(struct stack *s); /* gives the waiting ones back to the allocator */

/* ---- reasons (core/reason.c) ---- */
static inline void count(struct stack *s, enum reason r) { s->reason_count[r]++; }

/* ---- events (core/event.c) ---- */
void event_raise(struct stack *s, struct event_node *n, uint32_t bits, int error);
void event_cancel(struct stack *s, struct event_node *n);
/* The call is refused for want of memory: TERN_EV_WRITE comes with the socket's next event, or else soon. */
COLD void event_try_again(struct stack *s, struct event_node *n);
COLD void event_refused_timer(struct stack *s);
static inline void event_raise_stack(struct stack *s, uint32_t bits) { s->stack_events |= bits; }

/* ---- trace (core/trace.c): `if (tracing(s, KIND)) trace_...` costs one branch when nobody listens ---- */
static inline bool tracing(const struct stack *s, uint32_t kinds) { return unlikely((s->trace_mask & kinds) != 0); }
COLD void trace_emit(struct stack *s, tern_trace *record); /* fills in time_ns; passes it on if its kind is wanted */
/* Counts the reason and, when traced, tells of a packet that no connection owns. flow may be NULL. */
COLD void drop(struct stack *s, int iface, enum reason r, const tern_flow *flow);

/* ---- addresses between the public shape and the inside ---- */
ip_addr addr_in(const tern_addr *a);
tern_addr addr_out(const ip_addr *a);

#endif
