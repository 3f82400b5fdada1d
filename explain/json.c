/* json.c - see json.h. */
#include "explain/json.h"

#include <inttypes.h>

#include "explain/clocks.h"
#include "explain/name.h"
#include "explain/places.h"
#include "lens/markup.h"

static void name(FILE *out, const char *key) { fprintf(out, ",\"%s\":", key); }

static void string(FILE *out, const char *key, const char *value) {
    name(out, key);
    json_put(out, value);
}

static void number(FILE *out, const char *key, uint64_t n) { fprintf(out, ",\"%s\":%" PRIu64, key, n); }

static void truth(FILE *out, const char *key, bool value) { fprintf(out, ",\"%s\":%s", key, value ? "true" : "false"); }

/* "a", "b" or null. */
static void which(FILE *out, const char *key, int end) {
    name(out, key);
    if (end < 0)
        fputs("null", out);
    else
        json_put(out, end_name(end));
}

static void clocks_of(FILE *out, const char *const *files, size_t n, const struct clocks *clocks) {
    static const char *const doubts[] = {
        [CLOCK_FITS] = "certain", [CLOCK_ONE_WAY] = "undecidable", [CLOCK_UNEVEN] = "uneven"};
    const char *comma = "";
    fputs(",\"clocks\":[", out);
    for (uint32_t i = 0; i < n; i++) {
        const struct clock_fit *f = clocks_fit(clocks, i);
        if (!f->known) continue;
        fprintf(out, "%s{\"file\":", comma);
        json_put(out, files[i]);
        string(out, "against", files[f->against]);
        number(out, "packets_in_both", f->pairs);
        fprintf(out, ",\"ahead_ns\":%" PRId64, f->offset_ns);
        number(out, "within_ns", f->within_ns);
        if (f->drifts) fprintf(out, ",\"gains_ppb\":%" PRId64, f->drift_ppb);
        string(out, "certainty", doubts[f->doubt]);
        truth(out, "corrected", f->aligned);
        number(out, "place", f->place);
        fputc('}', out);
        comma = ",";
    }
    fputc(']', out);
}

void json_begin(FILE *out, const char *const *files, size_t n, const struct clocks *clocks) {
    fputs("{\"schema\":\"tern.explain/1\"", out);
    string(out, "version", tern_version());
    fputs(",\"files\":[", out);
    for (size_t i = 0; i < n; i++) {
        if (i > 0) fputc(',', out);
        json_put(out, files[i]);
    }
    fputs("]", out);
    if (clocks != NULL) clocks_of(out, files, n, clocks);
    fputs(",\"connections\":[", out);
}

static void states(FILE *out, uint16_t set) {
    const char *comma = "";
    fputc('[', out);
    for (unsigned s = 0; s < TERN_STATES; s++) {
        if (!(set >> s & 1)) continue;
        fprintf(out, "%s\"%s\"", comma, tern_state_name((enum tern_state)s));
        comma = ",";
    }
    fputc(']', out);
}

static void statement(FILE *out, const char *key, const struct statement *s) {
    name(out, key);
    fprintf(out, "{\"best\":\"%s\",\"possible\":", tern_state_name((enum tern_state)s->best));
    states(out, s->states);
    string(out, "certainty", certainty_name(s->certainty));
    if (s->certainty != CERTAIN) string(out, "doubt", passive_doubt_text((enum doubt)s->doubt, TERN_EN));
    fputc('}', out);
}

static void marks(FILE *out, const char *key, uint16_t set) {
    const char *comma = "";
    name(out, key);
    fputc('[', out);
    for (unsigned i = 0; mark_name(i) != NULL; i++) {
        if (!(set >> i & 1)) continue;
        fprintf(out, "%s\"%s\"", comma, mark_name(i));
        comma = ",";
    }
    fputc(']', out);
}

static void carriers(FILE *out, uint16_t set) {
    const char *comma = "";
    name(out, "carried_in");
    fputc('[', out);
    for (unsigned i = 0; carrier_name(i, true) != NULL; i++) {
        if (!(set >> i & 1)) continue;
        fprintf(out, "%s\"%s\"", comma, carrier_name(i, true));
        comma = ",";
    }
    fputc(']', out);
}

static void rtt(FILE *out, const struct verdict_rtt *r) {
    if (r->samples == 0) return;
    fprintf(out,
            ",\"round_trip_us\":{\"samples\":%" PRIu32 ",\"least\":%" PRIu32 ",\"mean\":%" PRIu32 ",\"most\":%" PRIu32
            "}",
            r->samples, r->min_us, r->mean_us, r->max_us);
}

static void repeats(FILE *out, const struct verdict_end *e) {
    fputs(",\"retransmissions\":{", out);
    for (unsigned c = 0; c < REPEAT_CAUSES; c++)
        fprintf(out, "%s\"%s\":%" PRIu32, c > 0 ? "," : "", repeat_name(c), e->repeats[c]);
    fprintf(out, ",\"needless\":%" PRIu32 "}", e->needless);
}

static void one_end(FILE *out, int end, const struct explain_flow *f, const struct verdict *v) {
    const struct flow_half *h = &f->end[end];
    const struct verdict_end *e = &v->end[end];
    char addr[TERN_ADDR_TEXT];
    fprintf(out, ",\"%s\":{\"address\":", end_name(end));
    json_put(out, ip_format(&h->addr, addr));
    number(out, "port", h->port);
    number(out, "packets", h->packets);
    number(out, "payload_bytes", h->bytes);
    number(out, "stream_bytes", e->bytes);
    number(out, "ip_bytes", h->ip_bytes);
    number(out, "duplicates", h->copies);
    number(out, "missing_bytes", e->missing);
    repeats(out, e);
    number(out, "out_of_order", e->out_of_order);
    number(out, "zero_windows", e->zero_windows);
    number(out, "zero_window_ns", e->zero_ns);
    number(out, "window_probes", e->probes);
    number(out, "keepalives", e->keepalives);
    fprintf(out,
            ",\"ecn\":{\"capable\":%" PRIu32 ",\"marked\":%" PRIu32 ",\"told\":%" PRIu32 ",\"reduced\":%" PRIu32 "}",
            e->capable, e->marked, e->told, e->reduced);
    rtt(out, &e->rtt);
    string(out, "limited_by", limit_name(e->limit));
    if (e->mss != 0) number(out, "mss", e->mss);
    if (e->shift >= 0) number(out, "window_scale", (uint64_t)e->shift);
    truth(out, "timestamps", e->timestamps);
    truth(out, "sack", e->sack);
    truth(out, "multipath", e->options & (FLOW_MULTIPATH | FLOW_JOINS));
    string(out, "signed", e->options & FLOW_SIGNED_AO ? "ao" : e->options & FLOW_SIGNED_MD5 ? "md5" : "no");
    truth(out, "fin", e->fin);
    truth(out, "rst", e->reset);
    if (e->time_wait_until_ns != 0) number(out, "time_wait_until_ns", e->time_wait_until_ns);
    if (e->close_wait_ns != 0) number(out, "close_wait_ns", e->close_wait_ns);
    statement(out, "state", &e->state);
    fputc('}', out);
}

static void form(FILE *out, const char *key, const char *code, const char *rfc, const char *said) {
    name(out, key);
    fputs("{\"form\":", out);
    json_put(out, code);
    string(out, "rfc", rfc);
    string(out, "text", said);
    fputc('}', out);
}

static void findings(FILE *out, const struct explain_flow *f) {
    fputs(",\"findings\":[", out);
    for (uint32_t i = 0; i < f->findings; i++) {
        const struct finding *g = &f->finding[i];
        char said[512];
        finding_text(g, TERN_EN, said, sizeof said);
        fprintf(out, "%s{\"code\":\"%s\"", i > 0 ? "," : "", finding_name(g->code));
        string(out, "severity", severity_name(g->severity));
        string(out, "certainty", certainty_name(g->certainty));
        which(out, "end", g->end);
        if (g->number != 0) number(out, "packet", g->number);
        if (g->time_ns != 0) number(out, "time_ns", g->time_ns);
        if (finding_unit(g->code, 0)[0] != '\0') number(out, finding_unit(g->code, 0), g->a);
        if (finding_unit(g->code, 1)[0] != '\0') number(out, finding_unit(g->code, 1), g->b);
        string(out, "rfc", finding_rfc(g->code));
        string(out, "text", said);
        fputc('}', out);
    }
    fputc(']', out);
}

static void places(FILE *out, const struct explain_flow *f) {
    const struct flow_places *p = f->places;
    uint64_t least[2] = {0, 0}, mean, most, missed;
    bool known[2];
    if (p == NULL || !p->met) return;
    fprintf(out, ",\"places\":{\"clocks_apart_ns\":%" PRIu64, p->apart_ns);
    number(out, "within_ns", p->within_ns);
    truth(out, "decided", !p->undecided);
    for (int end = END_A; end <= END_B; end++) {
        known[end] = places_transit(f, end, &least[end], &mean, &most);
        fprintf(out, ",\"%s\":{\"in_both\":%" PRIu64, end_name(end), p->way[end].both);
        if (places_near(f, end) >= 0 && !p->pieces) {
            number(out, "lost", places_lost(f, end, &missed));
            number(out, "missed", missed);
        }
        if (known[end])
            fprintf(out, ",\"transit_ns\":{\"least\":%" PRIu64 ",\"mean\":%" PRIu64 ",\"most\":%" PRIu64 "}",
                    least[end], mean, most);
        fputc('}', out);
    }
    if (known[END_A] && known[END_B]) number(out, "least_both_ways_ns", least[END_A] + least[END_B]);
    fputc('}', out);
}

static void packets(FILE *out, const struct steps *s) {
    const char *comma = "";
    fputs(",\"packets\":[", out);
    for (size_t i = 0; i < s->n; i++) {
        const struct step_kept *k = &s->at[i];
        const struct flow_packet *p = &k->packet;
        char flags[40];
        if (k->hidden) continue;
        fprintf(out, "%s{\"number\":%" PRIu64, comma, p->number);
        comma = ",";
        number(out, "time_ns", p->time_ns);
        which(out, "from", p->from);
        string(out, "flags", flags_text(p->tcp.flags, flags));
        number(out, "seq", p->tcp.seq_no.v);
        number(out, "ack", p->tcp.ack_no.v);
        number(out, "len", p->len);
        number(out, "window", p->tcp.window);
        truth(out, "repeated", k->repeated);
        if (k->both) number(out, "transit_ns", k->transit_ns);
        marks(out, "marks", p->marks);
        if (!k->copy) {
            statement(out, "sender_at_departure", &k->view.before[p->from]);
            statement(out, "a_after", &k->view.after[END_A]);
            statement(out, "b_after", &k->view.after[END_B]);
        }
        fputc('}', out);
    }
    fputc(']', out);
    number(out, "packets_left_out", s->cut);
}

void json_flow(FILE *out, const struct explain_flow *f, const struct verdict *v, const struct steps *steps,
               bool first) {
    fprintf(out, "%s\n{\"id\":%" PRIu64, first ? "" : ",", f->id);
    number(out, "first_ns", f->first_ns);
    number(out, "last_ns", f->last_ns);
    number(out, "first_packet", f->first_number);
    number(out, "last_packet", f->last_number);
    string(out, "record_ended", ended_name(f->ended));
    string(out, "severity", severity_name(v->severity));
    form(out, "opening", opening_name(v->opening), opening_rfc(v->opening), opening_text(v->opening, TERN_EN));
    form(out, "closing", closing_name(v->closing), closing_rfc(v->closing), closing_text(v->closing, TERN_EN));
    which(out, "opened_by", v->opened_by);
    which(out, "closed_first", v->closed_first);
    which(out, "reset_by", v->reset_by);
    fputs(",\"vantage\":{\"text\":", out);
    json_put(out, passive_vantage_text((enum vantage)v->vantage, TERN_EN));
    string(out, "certainty", certainty_name(v->vantage_certainty));
    fputc('}', out);
    if (v->setup_ns != 0) number(out, "setup_ns", v->setup_ns);
    if (v->near_ns[END_A] != 0) number(out, "round_trip_to_a_ns", v->near_ns[END_A]);
    if (v->near_ns[END_B] != 0) number(out, "round_trip_to_b_ns", v->near_ns[END_B]);
    string(out, "ecn", marking_name(v->marking));
    string(out, "ecn_certainty", certainty_name(v->marking_certainty));
    marks(out, "artefacts", f->marks);
    carriers(out, f->carried);
    one_end(out, END_A, f, v);
    one_end(out, END_B, f, v);
    places(out, f);
    findings(out, f);
    if (steps != NULL) packets(out, steps);
    fputc('}', out);
}

void json_end(FILE *out, const struct totals *t) {
    fputs("\n],\"totals\":", out);
    totals_json(t, out);
    fputs("}\n", out);
}
