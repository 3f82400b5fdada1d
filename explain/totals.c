/* totals.c - see totals.h. */
#include "explain/totals.h"

#include <inttypes.h>

#include "explain/name.h"

static const char *const kind_names[DECODE_KINDS] = {
    [DECODE_TCP] = "tcp",           [DECODE_ICMP] = "icmp_error", [DECODE_OTHER] = "other",
    [DECODE_FRAGMENT] = "fragment", [DECODE_CUT] = "cut_off",     [DECODE_BAD] = "malformed",
    [DECODE_LINK] = "unknown_link",
};

void totals_packet(struct totals *t, const struct capture_packet *p, enum decode_kind kind) {
    if (t->packets++ == 0) t->first_ns = t->last_ns = p->time_ns;
    t->captured += p->captured;
    t->kinds[kind]++;
    if (p->time_ns > t->last_ns) t->last_ns = p->time_ns;
    if (p->time_ns < t->first_ns) t->first_ns = p->time_ns;
}

void totals_flow(struct totals *t, const struct explain_flow *flow, const struct verdict *v) {
    t->connections++;
    t->problems += v->severity == SEVERITY_PROBLEM;
    t->warnings += v->severity == SEVERITY_WARNING;
    t->opening[v->opening]++;
    t->closing[v->closing]++;
    for (int end = END_A; end <= END_B; end++) {
        t->bytes += v->end[end].bytes;
        for (unsigned c = 0; c < REPEAT_CAUSES; c++) t->repeats[c] += v->end[end].repeats[c];
    }
    for (uint32_t i = 0; i < flow->findings; i++)
        if (flow->finding[i].code < FINDINGS) t->finding[flow->finding[i].code]++;
}

/* ---- OpenMetrics ---- */

static void family(FILE *out, const char *name, const char *type, const char *help) {
    fprintf(out, "# TYPE tern_explain_%s %s\n# HELP tern_explain_%s %s\n", name, type, name, help);
}

static void labelled(FILE *out, const char *name, const char *label, const char *value, uint64_t n) {
    fprintf(out, "tern_explain_%s_total{%s=\"%s\"} %" PRIu64 "\n", name, label, value, n);
}

static void plain(FILE *out, const char *name, const char *help, uint64_t n) {
    family(out, name, "counter", help);
    fprintf(out, "tern_explain_%s_total %" PRIu64 "\n", name, n);
}

void totals_openmetrics(const struct totals *t, FILE *out) {
    family(out, "packets", "counter", "Packets read, by what they were.");
    for (unsigned k = 0; k < DECODE_KINDS; k++) labelled(out, "packets", "kind", kind_names[k], t->kinds[k]);
    plain(out, "captured_bytes", "Bytes of packets in the capture.", t->captured);
    plain(out, "payload_bytes", "Bytes of TCP payload, each counted once.", t->bytes);
    plain(out, "read_errors", "Places of the capture that could not be read.", t->errors);
    plain(out, "dropped_packets", "Packets that a live capture lost.", t->dropped);
    plain(out, "connections", "Connections seen.", t->connections);
    family(out, "openings", "counter", "Connections by how they opened.");
    for (unsigned i = 0; i < OPENINGS; i++) labelled(out, "openings", "form", opening_name(i), t->opening[i]);
    family(out, "closings", "counter", "Connections by how they closed.");
    for (unsigned i = 0; i < CLOSINGS; i++) labelled(out, "closings", "form", closing_name(i), t->closing[i]);
    family(out, "findings", "counter", "Findings by code.");
    for (unsigned i = 0; i < FINDINGS; i++)
        fprintf(out, "tern_explain_findings_total{code=\"%s\",severity=\"%s\"} %" PRIu64 "\n", finding_name(i),
                severity_name(finding_severity(i)), t->finding[i]);
    family(out, "retransmissions", "counter", "Repeated segments by cause.");
    for (unsigned i = 0; i < REPEAT_CAUSES; i++)
        labelled(out, "retransmissions", "cause", repeat_name(i), t->repeats[i]);
    family(out, "artefacts", "counter", "Packets with marks of the capture itself.");
    for (unsigned i = 0; mark_name(i) != NULL; i++)
        labelled(out, "artefacts", "mark", mark_name(i), t->flows.marked[i]);
    plain(out, "evicted_connections", "Connections forgotten because the table was full.",
          t->flows.evicted_over + t->flows.evicted_open);
    family(out, "connections_most", "gauge", "The most connections held at one time.");
    fprintf(out, "tern_explain_connections_most %" PRIu64 "\n# EOF\n", t->flows.most);
}

/* ---- JSON ---- */

static void number(FILE *out, const char *name, uint64_t n, bool first) {
    fprintf(out, "%s\"%s\":%" PRIu64, first ? "" : ",", name, n);
}

void totals_json(const struct totals *t, FILE *out) {
    fputc('{', out);
    number(out, "packets", t->packets, true);
    number(out, "bytes_captured", t->captured, false);
    number(out, "first_ns", t->first_ns, false);
    number(out, "last_ns", t->last_ns, false);
    number(out, "read_errors", t->errors, false);
    number(out, "dropped", t->dropped, false);
    number(out, "connections", t->connections, false);
    number(out, "with_problems", t->problems, false);
    number(out, "with_warnings", t->warnings, false);
    number(out, "payload_bytes", t->bytes, false);
    number(out, "evicted", t->flows.evicted_over + t->flows.evicted_open, false);
    fputs(",\"kinds\":{", out);
    for (unsigned k = 0; k < DECODE_KINDS; k++) number(out, kind_names[k], t->kinds[k], k == 0);
    fputs("},\"artefacts\":{", out);
    for (unsigned i = 0; mark_name(i) != NULL; i++) number(out, mark_name(i), t->flows.marked[i], i == 0);
    fputs("},\"retransmissions\":{", out);
    for (unsigned i = 0; i < REPEAT_CAUSES; i++) number(out, repeat_name(i), t->repeats[i], i == 0);
    fputs("}}", out);
}
