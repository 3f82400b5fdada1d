/* lens_records.h - hand-made trace records for the tests of lens/: two hosts, one connection, no stack. */
#ifndef TESTS_LENS_RECORDS_H
#define TESTS_LENS_RECORDS_H

#include <string.h>

#include "tern.h"

enum { A_ISN = 1234567, B_ISN = 7654321, A_PORT = 40000, B_PORT = 80 };

static inline uint32_t reason_named(const char *name) {
    for (unsigned i = 0; i < tern_reason_count(); i++)
        if (strcmp(tern_reason_name(i), name) == 0) return i;
    return UINT32_MAX;
}

/* The connection 10.9.0.2:40000 - 10.9.0.1:80 as `end` sees it. */
static inline tern_flow flow_at(int end) {
    tern_addr a = {.family = 4, .bytes = {10, 9, 0, 2}}, b = {.family = 4, .bytes = {10, 9, 0, 1}};
    return end == 0 ? (tern_flow){a, b, A_PORT, B_PORT} : (tern_flow){b, a, B_PORT, A_PORT};
}

static inline tern_trace record_at(enum tern_trace_kind kind, int end, uint64_t us, enum tern_state before,
                                   enum tern_state after) {
    tern_trace r = {
        .time_ns = us * 1000, .kind = kind, .serial = 1, .flow = flow_at(end), .state_before = before, .state = after};
    r.seg.wscale = -1;
    return r;
}

/* A segment; numbers are relative to the ISN of their space. `in`: as the receiver `end` tells it, else as its
 * sender. */
static inline tern_trace segment_at(bool in, int end, uint64_t us, enum tern_state before, enum tern_state after,
                                    const char *reason, uint16_t flags, uint32_t seq, uint32_t ack, uint32_t len) {
    tern_trace r = record_at(in ? TERN_TRACE_SEGMENT_IN : TERN_TRACE_SEGMENT_OUT, end, us, before, after);
    int from = in ? !end : end;
    r.reason = reason_named(reason);
    r.seg.flags = flags;
    r.seg.seq = (from == 0 ? A_ISN : B_ISN) + seq;
    r.seg.ack = flags & TERN_ACK ? (from == 0 ? B_ISN : A_ISN) + ack : 0;
    r.seg.len = len;
    r.seg.window = 64240;
    if (flags & TERN_SYN) {
        r.seg.mss = 1460;
        r.seg.wscale = 7;
        r.seg.sack_permitted = r.seg.has_timestamps = true;
        r.seg.ts_value = 1000;
    } else {
        r.seg.window = 502;
    }
    return r;
}

#endif
