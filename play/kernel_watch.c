/* kernel_watch.c - what the kernel does, told as the trace of a stack of tern's would tell it: segments from its packets,
 * states from sock_diag. A move of the kernel's that the table of states does not have is something that is not as it
 * must be. Reasons and the control block are the kernel's secret. */
#include <string.h>

#include "play/forge.h"
#include "play/host.h"
#include "play/kernel.h"
#include "po/i18n.h"

/* ---- states ---- */

static bool listens(const struct stage *g, uint16_t port) {
    for (unsigned i = 0; i < g->listeners; i++)
        if (g->listener[i].end == g->kernel->end && g->listener[i].port == port) return true;
    return false;
}

/* In a state that is no connection's. */
static bool is_none(enum tern_state state) { return state == TERN_CLOSED || state == TERN_LISTEN; }

enum tern_state kernel_state(struct stage *g, const tern_flow *flow) {
    struct sockdiag_socket sk;
    return sockdiag_find(g->kernel->diag, flow, &sk, NULL) == 0 ? sk.state : TERN_CLOSED;
}

static bool is_one_of(const char *event, const char *const *list) {
    while (*list != NULL && strcmp(event, *list) != 0) list++;
    return *list != NULL;
}

/* Can this event of the table have such a cause? */
static bool fits(const struct cause *c, const char *event) {
    static const char *const calls[] = {"ACTIVE_OPEN", "PASSIVE_OPEN", "CLOSE", "ABORT", NULL};
    static const char *const timeouts[] = {"TWO_MSL", "GIVE_UP", NULL};
    static const char *const resets[] = {"RESET", "BACK_TO_LISTEN", NULL};
    bool call = is_one_of(event, calls), timeout = is_one_of(event, timeouts), reset = is_one_of(event, resets);
    if (c->kind == BY_ITSELF) return timeout;
    if (c->kind == BY_SEGMENT) return (c->flags & TERN_RST) ? reset : !call && !timeout && !reset;
    if (strcmp(event, "ABORT") == 0) return strcmp(c->call, "open") != 0; /* CLOSE with bytes unread is one, too */
    return call && strcmp(c->call, "abort") != 0;
}

static const char *event_of(enum tern_state from, enum tern_state to, const struct cause *c) {
    tern_transition t;
    for (size_t i = 0; tern_transition_at(i, &t); i++) {
        /* The ACK that a FIN comes with completes the opening first. */
        bool skipped = t.from == TERN_SYN_RECEIVED && strcmp(t.event, "FIN") == 0;
        if (t.from == from && t.to == to && fits(c, t.event) && !skipped) return t.event;
    }
    return NULL;
}

static void step(struct stage *g, const tern_flow *flow, enum tern_state from, enum tern_state to, const char *event) {
    tern_trace r = {.kind = TERN_TRACE_STATE, .iface = -1, .serial = 1, .flow = *flow, .state_before = from};
    r.state = to;
    r.event = event;
    stage_record(g, g->kernel->end, &r);
}

/* The kernel is seen before and after; a segment may have moved it twice in between. */
static void move(struct stage *g, const tern_flow *flow, enum tern_state from, enum tern_state to,
                 const struct cause *c) {
    const char *event = event_of(from, to, c);
    if (from == to) return;
    if (event != NULL) {
        step(g, flow, from, to, event);
        return;
    }
    for (int by = 0; by < TERN_STATES; by++) {
        const char *first = event_of(from, (enum tern_state)by, c), *second = event_of((enum tern_state)by, to, c);
        if (first == NULL || second == NULL) continue;
        step(g, flow, from, (enum tern_state)by, first);
        step(g, flow, (enum tern_state)by, to, second);
        return;
    }
    step(g, flow, from, to, "");
    verdict_failed(g, g->take->linux_at, _("Linux went from %s to %s, which the table of states does not have"),
                   tern_state_name(from), tern_state_name(to));
}

static const char *timer_of(const struct sockdiag_socket *sk) {
    switch (sk->timer) {
    case SOCKDIAG_TIMER_RETRANSMISSION: return "retransmission";
    case SOCKDIAG_TIMER_KEEPALIVE: return sk->state == TERN_SYN_RECEIVED ? "retransmission" : "keepalive";
    case SOCKDIAG_TIMER_TIME_WAIT: return sk->state == TERN_FIN_WAIT_2 ? "FIN-WAIT-2" : "2MSL";
    case SOCKDIAG_TIMER_PERSIST: return "persist";
    default: return NULL;
    }
}

/* The kernel counts in ticks: a timer that is due about when it was has not been set anew. */
static void look_at_timer(struct stage *g, struct life *l, const struct sockdiag_socket *sk) {
    const char *name = sk != NULL ? timer_of(sk) : NULL;
    uint64_t due = name != NULL ? stage_now(g) + sk->expires_ms * (uint64_t)SIM_MS : 0;
    uint64_t off = due > l->due_ns ? due - l->due_ns : l->due_ns - due;
    if (name != l->timer || off > 50 * (uint64_t)SIM_MS) stage_timer(g, l, name, due);
}

void kernel_look(struct stage *g, const struct cause *c) {
    struct sockdiag_socket sk;
    for (size_t i = 0; i < g->lives; i++) {
        struct life *l = &g->life[i];
        if (l->end != g->kernel->end || is_none(l->state)) continue;
        bool there = sockdiag_find(g->kernel->diag, &l->flow, &sk, NULL) == 0;
        enum tern_state now = there ? sk.state : TERN_CLOSED;
        look_at_timer(g, l, there ? &sk : NULL);
        if (now == TERN_CLOSED && l->state == TERN_SYN_RECEIVED && listens(g, l->flow.local_port)) now = TERN_LISTEN;
        tern_flow flow = l->flow; /* what is told may move the table of lives */
        if (now == TERN_LISTEN)
            step(g, &flow, l->state, now, "BACK_TO_LISTEN");
        else
            move(g, &flow, l->state, now, c);
    }
}

/* ---- packets ---- */

static void write_packet(struct kernel *k, const uint8_t *bytes, uint32_t len) {
    tern_frame f;
    memset(&f, 0, sizeof f);
    f.len = len;
    f.spans = 1;
    f.body[0] = (tern_span){bytes, len};
    device_send(k->dev, &f, 1, NULL);
}

/* A SYN ends TIME-WAIT, and begins a new connection. */
static enum tern_state reused(struct stage *g, const tern_flow *flow, enum tern_state before, enum tern_state after) {
    if (before != TERN_TIME_WAIT || after != TERN_SYN_RECEIVED) return before;
    step(g, flow, before, TERN_CLOSED, "REUSED");
    return TERN_LISTEN;
}

void kernel_deliver(struct stage *g, const uint8_t *bytes, uint32_t len) {
    struct kernel *k = g->kernel;
    tern_trace r = {.kind = TERN_TRACE_SEGMENT_IN};
    if (!forge_read(bytes, len, &r)) {
        write_packet(k, bytes, len);
        return;
    }
    r.flow = turned(&r.flow);
    struct life *l = life_of(g, k->end, &r.flow, false);
    enum tern_state before = l != NULL && !is_none(l->state) ? l->state : TERN_CLOSED;
    const struct cause c = {.kind = BY_SEGMENT, .flags = r.seg.flags};
    write_packet(k, bytes, len);
    enum tern_state after = kernel_state(g, &r.flow);
    if (after == TERN_CLOSED && before == TERN_SYN_RECEIVED && listens(g, r.flow.local_port)) {
        after = TERN_LISTEN;
        step(g, &r.flow, before, after, "BACK_TO_LISTEN");
    } else {
        before = reused(g, &r.flow, before, after);
        if (before == TERN_CLOSED && after != TERN_CLOSED) before = TERN_LISTEN;
        if (before != TERN_LISTEN) move(g, &r.flow, before, after, &c);
    }
    r.serial = !is_none(before) || !is_none(after);
    r.state_before = before;
    r.state = after;
    stage_record(g, k->end, &r);
    kernel_look(g, &c);
    kernel_collect(g);
}

/* One packet that the kernel sent. */
static void take(struct stage *g, const uint8_t *bytes, uint32_t len) {
    struct kernel *k = g->kernel;
    tern_trace r = {.kind = TERN_TRACE_SEGMENT_OUT};
    if (forge_read(bytes, len, &r)) {
        const struct life *l = life_of(g, k->end, &r.flow, false);
        r.state_before = r.state = l != NULL && !is_none(l->state) ? l->state : TERN_CLOSED;
        r.serial = !is_none(r.state);
        stage_record(g, k->end, &r);
        tern_trace out = {.kind = TERN_TRACE_PACKET_OUT, .packet = bytes, .packet_len = len};
        stage_record(g, k->end, &out);
    }
    memlink_inject(g->sim->link, k->end, bytes, len, g->sim->now);
}

size_t kernel_collect(struct stage *g) {
    tern_packet p;
    size_t n = 0;
    for (; device_receive(g->kernel->dev, &p, 1, NULL) == 1; n++) take(g, p.data, p.len);
    return n;
}
