/* trace.c - hands records of what happens to the listener that tern_trace_set named; makes none up and keeps none. */
#include "core/stack.h"

void trace_emit(struct stack *s, tern_trace *record) {
    if (!(s->trace_mask & (uint32_t)record->kind)) return;
    record->time_ns = s->now;
    s->trace_fn(s->trace_ctx, record);
}

void drop(struct stack *s, int iface, enum reason r, const tern_flow *flow) {
    count(s, r);
    if (likely(!tracing(s, TERN_TRACE_DROP))) return;
    tern_trace record = {.kind = TERN_TRACE_DROP, .iface = iface, .reason = r};
    if (flow) record.flow = *flow;
    trace_emit(s, &record);
}

int tern_trace_set(tern_stack *public, uint32_t mask, tern_trace_fn *fn, void *ctx) {
    struct stack *s = stack_of(public);
    if (!s || (mask && !fn) || (mask & ~(uint32_t)TERN_TRACE_ALL)) return TERN_EINVAL;
    s->trace_mask = mask;
    s->trace_fn = fn;
    s->trace_ctx = ctx;
    return TERN_OK;
}
