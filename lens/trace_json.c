/* trace_json.c - see trace_json.h. Names are stable; fields are only ever added. */
#include "lens/trace_json.h"

#include <inttypes.h>

#include "lens/markup.h"
#include "lens/numbers.h"

static void name_string(FILE *out, const char *name, const char *value) {
    if (value == NULL) return;
    fprintf(out, ",\"%s\":", name);
    json_put(out, value);
}

static void name_number(FILE *out, const char *name, int64_t value) { fprintf(out, ",\"%s\":%" PRId64, name, value); }

static const char *kind_name(enum tern_trace_kind kind) {
    switch (kind) {
    case TERN_TRACE_PACKET_IN: return "packet_in";
    case TERN_TRACE_PACKET_OUT: return "packet_out";
    case TERN_TRACE_SEGMENT_IN: return "segment_in";
    case TERN_TRACE_SEGMENT_OUT: return "segment_out";
    case TERN_TRACE_STATE: return "state";
    case TERN_TRACE_CALL: return "call";
    case TERN_TRACE_TIMER: return "timer";
    case TERN_TRACE_DROP: return "drop";
    case TERN_TRACE_WINDOW: return "window";
    default: return "unknown";
    }
}

static void flow(FILE *out, const tern_flow *f) {
    char text[TERN_ADDR_TEXT];
    if (f->local.family == 0 && f->remote.family == 0 && f->local_port == 0) return;
    name_string(out, "local", tern_addr_format(&f->local, text));
    name_number(out, "local_port", f->local_port);
    name_string(out, "remote", tern_addr_format(&f->remote, text));
    name_number(out, "remote_port", f->remote_port);
}

static void segment(FILE *out, const tern_trace *r) {
    char flags[40];
    fputs(",\"segment\":{\"flags\":", out);
    json_put(out, flags_text(r->seg.flags, flags));
    name_number(out, "seq", r->seg.seq);
    name_number(out, "ack", r->seg.ack);
    name_number(out, "len", r->seg.len);
    name_number(out, "window", r->seg.window);
    if (r->seg.mss != 0) name_number(out, "mss", r->seg.mss);
    if (r->seg.wscale >= 0) name_number(out, "wscale", r->seg.wscale);
    if (r->seg.sack_permitted) fputs(",\"sack_permitted\":true", out);
    if (r->seg.has_timestamps) {
        name_number(out, "ts_value", r->seg.ts_value);
        name_number(out, "ts_echo", r->seg.ts_echo);
    }
    for (unsigned i = 0; i < r->seg.sack_count && i < 4; i++)
        fprintf(out, "%s[%" PRIu32 ",%" PRIu32 "]", i == 0 ? ",\"sack\":[" : ",", r->seg.sack[i].left,
                r->seg.sack[i].right);
    fputs(r->seg.sack_count > 0 ? "]}" : "}", out);
}

static void block(FILE *out, const tern_trace *r) {
    if (!r->tcb.valid) return;
    fprintf(out, ",\"tcb\":{\"iss\":%" PRIu32, r->tcb.iss);
    name_number(out, "irs", r->tcb.irs);
    name_number(out, "snd_una", r->tcb.snd_una);
    name_number(out, "snd_nxt", r->tcb.snd_nxt);
    name_number(out, "rcv_nxt", r->tcb.rcv_nxt);
    name_number(out, "snd_wnd", r->tcb.snd_wnd);
    name_number(out, "rcv_wnd", r->tcb.rcv_wnd);
    name_number(out, "cwnd", r->tcb.cwnd);
    name_number(out, "ssthresh", r->tcb.ssthresh);
    name_number(out, "srtt_us", r->tcb.srtt_us);
    name_number(out, "rto_ms", r->tcb.rto_ms);
    putc('}', out);
}

void trace_json_start(FILE *out, uint64_t epoch_ns) {
    fputs("{\"schema\":\"tern.trace/1\",\"kind\":\"start\",\"version\":", out);
    json_put(out, tern_version());
    fprintf(out, ",\"epoch_ns\":%" PRIu64 "}\n", epoch_ns);
}

void trace_json_record(FILE *out, const char *host, const tern_trace *r) {
    bool raw = r->kind == TERN_TRACE_PACKET_IN || r->kind == TERN_TRACE_PACKET_OUT;
    bool states = r->kind == TERN_TRACE_SEGMENT_IN || r->kind == TERN_TRACE_SEGMENT_OUT || r->kind == TERN_TRACE_STATE;
    fprintf(out, "{\"time_ns\":%" PRIu64, r->time_ns);
    name_string(out, "host", host);
    name_string(out, "kind", kind_name(r->kind));
    if (r->serial != 0) fprintf(out, ",\"connection\":%" PRIu64, r->serial);
    if (r->iface >= 0) name_number(out, "iface", r->iface);
    flow(out, &r->flow);
    if (states) {
        name_string(out, "state_before", tern_state_name(r->state_before));
        name_string(out, "state", tern_state_name(r->state));
    }
    if (r->reason != 0) {
        name_string(out, "reason", tern_reason_name(r->reason));
        name_string(out, "rfc", tern_reason_rfc(r->reason));
        name_string(out, "why", tern_reason_text(r->reason, TERN_EN));
    }
    name_string(out, "event", r->event);
    name_string(out, "call", r->call);
    if (r->kind == TERN_TRACE_CALL) name_number(out, "value", r->value);
    name_string(out, "timer", r->timer);
    if (r->kind == TERN_TRACE_SEGMENT_IN || r->kind == TERN_TRACE_SEGMENT_OUT) segment(out, r);
    if (raw) name_number(out, "length", r->packet_len);
    block(out, r);
    fputs("}\n", out);
}
