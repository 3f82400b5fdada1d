/* report.c - see report.h. */
#include "explain/report.h"

#include <inttypes.h>
#include <stdarg.h>
#include <time.h>

#include "explain/clocks.h"
#include "explain/name.h"
#include "explain/places.h"
#include "lens/text.h"
#include "lens/why.h"
#include "lens/words.h"
#include "po/i18n.h"

enum { COL_ENDS = 7, COL_TIME = 50, COL_A = 59, COL_B = 68, COL_TEXT = 77, TEXT_LEAST = 35 };
enum { FINDINGS_SHOWN = 3, INDENT = 7 };

/* On a narrow terminal the words have lines of their own, below the numbers. */
static bool narrow(const struct report *r) { return r->width < COL_TEXT + TEXT_LEAST; }

static void finish(const struct report *r, row *line) {
    row_trim(line);
    fprintf(r->out, "%s\n", line->text);
}

/* Text from column `at` on, wrapped at the width. */
static void paragraph(const struct report *r, row *line, size_t at, enum look look, const char *said) {
    size_t room = r->width > at + 20 ? r->width - at : 20;
    for (;;) {
        size_t n = text_wrap(said, room);
        row_to(line, at);
        if (look != LOOK_PLAIN) row_look(line, look);
        row_put_n(line, said, n);
        if (look != LOOK_PLAIN) row_look(line, LOOK_PLAIN);
        finish(r, line);
        said += n;
        while (*said == ' ') said++;
        if (*said == '\0') return;
        row_start(line, r->colour);
    }
}

/* `text` so that it ends before column `stop`. */
static void right(row *line, size_t stop, const char *said) {
    size_t wide = text_width(said);
    row_to(line, stop > wide + line->column ? stop - wide : line->column);
    row_put(line, said);
}

void report_heading(const struct report *r) {
    row line;
    row_start(&line, r->colour);
    row_look(&line, LOOK_DIM);
    right(&line, 5, "#");
    row_to(&line, COL_ENDS);
    row_put(&line, r->ascii ? _("A > B") : _("A → B"));
    right(&line, COL_TIME + 7, _("lasted"));
    right(&line, COL_A + 7, _("A sent"));
    right(&line, COL_B + 7, _("B sent"));
    if (!narrow(r)) {
        row_to(&line, COL_TEXT);
        row_put(&line, _("how it opened; how it closed"));
    }
    row_look(&line, LOOK_PLAIN);
    finish(r, &line);
}

static enum look severity_look(unsigned severity) {
    return severity == SEVERITY_PROBLEM ? LOOK_RED : severity == SEVERITY_WARNING ? LOOK_YELLOW : LOOK_PLAIN;
}

static const char *certainty_words(unsigned certainty) {
    static const char *const sure[] = {"", N_(" (likely)"), N_(" (cannot be decided here)")};
    return certainty < ARRAY_LEN(sure) && certainty > 0 ? _(sure[certainty]) : "";
}

/* "problem: no answer came (likely)" */
static void finding_line(const struct report *r, const struct finding *f) {
    static const char *const severities[] = {N_("info"), N_("note"), N_("warning"), N_("problem")};
    char said[512], head[32], all[640];
    row line;
    finding_text(f, r->lang, said, sizeof said);
    snprintf(head, sizeof head, "%s", f->severity < ARRAY_LEN(severities) ? _(severities[f->severity]) : "");
    const char *certainty = certainty_words(f->certainty);
    snprintf(all, sizeof all, r->lang == TERN_ZH ? "%s：%s%s" : "%s: %s%s", head, said, certainty);
    row_start(&line, r->colour);
    paragraph(r, &line, INDENT, severity_look(f->severity), all);
}

static void forms(const struct verdict *v, enum tern_lang lang, char *buf, size_t size) {
    buf[0] = '\0';
    why_add(buf, size, "", opening_text(v->opening, lang));
    if (v->closing != CLOSING_NEVER) why_add(buf, size, word(WORD_SEPARATOR, lang), closing_text(v->closing, lang));
    if (v->closed_first >= 0 && v->closing != CLOSING_NEVER) {
        char who[32];
        snprintf(who, sizeof who, _("%s first"), v->closed_first == END_A ? "A" : "B");
        why_add(buf, size, lang == TERN_ZH ? "，" : ", ", who);
    }
}

void report_line(const struct report *r, const struct explain_flow *f, const struct verdict *v) {
    char a[ENDPOINT_TEXT], b[ENDPOINT_TEXT], buf[32], said[512];
    unsigned shown = 0, more = 0;
    row line;
    row_start(&line, r->colour);
    snprintf(said, sizeof said, "%" PRIu64, f->id);
    row_look(&line, severity_look(v->severity));
    right(&line, 5, said);
    row_look(&line, LOOK_PLAIN);
    row_to(&line, line.column < COL_ENDS ? COL_ENDS : line.column + 1); /* from the millionth on */
    row_putf(&line, "%s %s %s", socket_name(&f->end[END_A], a), r->ascii ? ">" : "→", socket_name(&f->end[END_B], b));
    if (line.column >= COL_TIME) { /* IPv6 */
        finish(r, &line);
        row_start(&line, r->colour);
    }
    right(&line, COL_TIME + 7, span_name(f->last_ns > f->first_ns ? f->last_ns - f->first_ns : 0, buf));
    right(&line, COL_A + 7, bytes_name(v->end[END_A].bytes, buf));
    right(&line, COL_B + 7, bytes_name(v->end[END_B].bytes, buf));
    forms(v, r->lang, said, sizeof said);
    if (narrow(r)) {
        finish(r, &line);
        row_start(&line, r->colour);
    }
    paragraph(r, &line, narrow(r) ? INDENT : COL_TEXT, LOOK_PLAIN, said);
    for (uint32_t i = 0; i < f->findings; i++) {
        if (f->finding[i].severity < SEVERITY_WARNING) continue;
        if (shown++ < FINDINGS_SHOWN)
            finding_line(r, &f->finding[i]);
        else
            more++;
    }
    if (more == 0) return;
    row_start(&line, r->colour);
    snprintf(said, sizeof said, _("and %u more: --flow %llu shows them"), more, (unsigned long long)f->id);
    paragraph(r, &line, INDENT, LOOK_DIM, said);
}

/* ---- one in full ---- */

static void fact(const struct report *r, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void fact(const struct report *r, const char *name, const char *format, ...) {
    char said[768];
    row line;
    va_list args;
    va_start(args, format);
    vsnprintf(said, sizeof said, format, args);
    va_end(args);
    row_start(&line, r->colour);
    row_look(&line, LOOK_BOLD);
    row_put(&line, name);
    row_look(&line, LOOK_PLAIN);
    row_put(&line, " ");
    paragraph(r, &line, 18, LOOK_PLAIN, said);
}

static const char *end_letter(int end) { return end == END_A ? "A" : end == END_B ? "B" : ""; }

static void form_fact(const struct report *r, const char *name, const char *said, const char *rfc) {
    if (rfc[0] != '\0')
        fact(r, name, _("%s (RFC %s)"), said, rfc);
    else
        fact(r, name, "%s", said);
}

static void carriers_fact(const struct report *r, const struct explain_flow *f) {
    char said[96] = "";
    for (unsigned i = 0; carrier_name(i, false) != NULL; i++)
        if (f->carried >> i & 1) why_add(said, sizeof said, ", ", carrier_name(i, false));
    if (said[0] != '\0') fact(r, _("carried in"), "%s", said);
}

/* Nothing where nobody asked, and no packet may be marked. */
static void marking_fact(const struct report *r, const struct verdict *v) {
    static const char *const words[MARKINGS] = {
        [MARKING_REFUSED] = N_("asked for, and refused"),
        [MARKING_TAKEN_BACK] = N_("asked for by the first SYN, no more by the last"),
        [MARKING_CLASSIC] = N_("agreed on (RFC 3168)"),
        [MARKING_ACCURATE] = N_("agreed on, with accurate feedback (RFC 9768)"),
    };
    if (v->marking >= MARKINGS || words[v->marking] == NULL) return;
    bool less = v->marking == MARKING_CLASSIC && v->marking_accurate_asked;
    fact(r, _("ECN"), "%s%s",
         less ? _("agreed on (RFC 3168); asked for was accurate feedback (RFC 9768)") : _(words[v->marking]),
         certainty_words(v->marking_certainty));
}

static void opening_facts(const struct report *r, const struct explain_flow *f, const struct verdict *v) {
    char buf[32], moment[64] = "";
    time_t s = (time_t)(f->first_ns / SEC_NS);
    struct tm tm;
    if (gmtime_r(&s, &tm) != NULL) strftime(moment, sizeof moment, "%Y-%m-%d %H:%M:%S UTC", &tm);
    fact(r, _("began"), _("%s, packet %llu"), moment, (unsigned long long)f->first_number);
    form_fact(r, _("opening"), opening_text(v->opening, r->lang), opening_rfc(v->opening));
    if (v->opened_by >= 0) fact(r, _("opened by"), "%s", end_letter(v->opened_by));
    if (v->setup_ns != 0) fact(r, _("handshake"), "%s", span_name(v->setup_ns, buf));
    marking_fact(r, v);
    form_fact(r, _("closing"), closing_text(v->closing, r->lang), closing_rfc(v->closing));
    if (v->closed_first >= 0) fact(r, _("closed first by"), "%s", end_letter(v->closed_first));
    fact(r, _("captured"), "%s%s", passive_vantage_text((enum vantage)v->vantage, r->lang),
         v->vantage_certainty == LIKELY ? certainty_words(LIKELY) : "");
    carriers_fact(r, f);
}

static const char *repeat_word(unsigned cause) {
    static const char *const words[REPEAT_CAUSES] = {
        [REPEAT_RTO] = N_("after a timeout"),   [REPEAT_FAST] = N_("fast"),
        [REPEAT_TLP] = N_("as tail probes"),    [REPEAT_SYN] = N_("of the opening"),
        [REPEAT_UNKNOWN] = N_("cause unknown"),
    };
    return cause < REPEAT_CAUSES && words[cause] != NULL ? _(words[cause]) : "";
}

static void repeats_fact(const struct report *r, const struct verdict_end *e) {
    char said[256] = "";
    size_t at = 0;
    for (unsigned c = 0; c < REPEAT_CAUSES; c++)
        if (e->repeats[c] > 0 && at < sizeof said)
            at += (size_t)snprintf(said + at, sizeof said - at, "%s%" PRIu32 " %s", at > 0 ? ", " : "", e->repeats[c],
                                   repeat_word(c));
    if (e->needless > 0 && at < sizeof said)
        snprintf(said + at, sizeof said - at, _("; %u of them needless"), e->needless);
    if (at > 0) fact(r, _("  repeated"), "%s", said);
}

/* As the ladder names them. */
static void offers_fact(const struct report *r, const struct verdict_end *e) {
    char said[128] = "", one[24];
    if (!e->offers) return;
    snprintf(one, sizeof one, "mss=%u", e->mss);
    if (e->mss != 0) why_add(said, sizeof said, " ", one);
    snprintf(one, sizeof one, "ws=%d", e->shift);
    if (e->shift >= 0) why_add(said, sizeof said, " ", one);
    if (e->sack) why_add(said, sizeof said, " ", "sackOK");
    if (e->timestamps) why_add(said, sizeof said, " ", "ts");
    if (e->options & (FLOW_MULTIPATH | FLOW_JOINS)) why_add(said, sizeof said, " ", "mptcp");
    if (e->options & FLOW_SIGNED_MD5) why_add(said, sizeof said, " ", "md5");
    if (e->options & FLOW_SIGNED_AO) why_add(said, sizeof said, " ", "ao");
    fact(r, _("  offered"), "%s", said[0] != '\0' ? said : _("no options"));
}

static void end_facts(const struct report *r, const struct explain_flow *f, const struct verdict *v, int end) {
    static const char *const limits[] = {[LIMIT_SENDER] = N_("the sender: it had nothing more to send"),
                                         [LIMIT_RECEIVER] = N_("the receiver: its window was full"),
                                         [LIMIT_NETWORK] = N_("the network: loss or queueing")};
    const struct verdict_end *e = &v->end[end];
    char socket[ENDPOINT_TEXT], buf[32], least[32], most[32], states[STATES_TEXT];
    fact(r, end_letter(end), "%s", socket_name(&f->end[end], socket));
    fact(r, _("  sent"), _("%s in %llu packets"), bytes_name(e->bytes, buf), (unsigned long long)f->end[end].packets);
    offers_fact(r, e);
    repeats_fact(r, e);
    if (f->end[end].copies > 0)
        fact(r, _("  copies"), _("%llu packets were captured twice"), (unsigned long long)f->end[end].copies);
    if (e->missing > 0) fact(r, _("  not captured"), "%s", bytes_name(e->missing, buf));
    if (e->rtt.samples > 0)
        fact(r, _("  round trip"), _("%s; least %s, most %s, as seen here"), span_name(e->rtt.mean_us * US_NS, buf),
             span_name(e->rtt.min_us * US_NS, least), span_name(e->rtt.max_us * US_NS, most));
    uint64_t least_ns, mean_ns, most_ns;
    if (places_transit(f, end, &least_ns, &mean_ns, &most_ns)) {
        char mean[32], within[32];
        fact(r, _("  transit"), _("%s; least %s, most %s, between the captures; all of them give or take %s"),
             span_name(mean_ns, mean), span_name(least_ns, least), span_name(most_ns, most),
             span_name(max_u64(f->places->within_ns, US_NS), within));
    }
    bool counted = v->marking == MARKING_ACCURATE; /* such a peer needs not be told of slowing down */
    if (e->capable > 0 && counted)
        fact(r, _("  ECN"), _("%u packets may be marked, %u are marked here (CE); told of %u"), e->capable, e->marked,
             e->told);
    else if (e->capable > 0)
        fact(r, _("  ECN"), _("%u packets may be marked, %u are marked here (CE); told %u times, slowed down %u times"),
             e->capable, e->marked, e->told, e->reduced);
    if (e->zero_windows > 0)
        fact(r, _("  zero windows"), _("%u, %s in all"), e->zero_windows, span_name(e->zero_ns, buf));
    if (e->limit < ARRAY_LEN(limits) && limits[e->limit] != NULL) fact(r, _("  limited by"), "%s", _(limits[e->limit]));
    char until[64];
    time_t s = (time_t)(e->time_wait_until_ns / SEC_NS);
    struct tm tm;
    if (e->time_wait_until_ns != 0 && gmtime_r(&s, &tm) != NULL &&
        strftime(until, sizeof until, "%Y-%m-%d %H:%M:%S UTC", &tm) > 0)
        fact(r, _("  TIME-WAIT"), _("until %s, with an MSL of 30 s"), until);
    const char *doubt = e->state.certainty != CERTAIN ? passive_doubt_text((enum doubt)e->state.doubt, r->lang) : "";
    const char *named = states_name(e->state.states, _(" or "), states);
    fact(r, _("  at the end"), "%s%s%s", named == states ? states : _("unknown"),
         doubt[0] ? word(WORD_SEPARATOR, i18n_lang()) : "", doubt);
}

/* What the clocks give to one direction they take from the other. */
static void both_ways_fact(const struct report *r, const struct explain_flow *f) {
    uint64_t there, back, mean, most;
    char buf[32];
    if (!places_transit(f, END_A, &there, &mean, &most) || !places_transit(f, END_B, &back, &mean, &most)) return;
    fact(r, _("there and back"), _("%s at least between the captures, whatever the clocks say"),
         span_name(there + back, buf));
}

void report_full(const struct report *r, const struct explain_flow *f, const struct verdict *v) {
    fputc('\n', r->out);
    opening_facts(r, f, v);
    end_facts(r, f, v, END_A);
    end_facts(r, f, v, END_B);
    both_ways_fact(r, f);
    if (f->findings > 0) fprintf(r->out, "\n");
    for (uint32_t i = 0; i < f->findings; i++) finding_line(r, &f->finding[i]);
}

/* ---- clocks ---- */

/* As fine as it is known. */
static const char *apart_name(const struct clock_fit *f, char buf[32]) {
    double s = (double)(f->offset_ns < 0 ? -f->offset_ns : f->offset_ns) / 1e9;
    int digits = f->within_ns < 100 * US_NS ? 6 : f->within_ns < 10 * MS_NS ? 4 : 3;
    if (s < 1)
        snprintf(buf, 32, "%.*f\xc2\xa0ms", digits - 3, s * 1e3);
    else
        snprintf(buf, 32, "%.*f\xc2\xa0s", digits, s);
    return buf;
}

static void clock_line_of(const struct report *r, const struct clock_fit *f, const char *name, const char *other) {
    char said[640], apart[32], within[32];
    unsigned long long pairs = f->pairs;
    bool ahead = f->offset_ns >= 0;
    row line;
    apart_name(f, apart);
    span_name(max_u64(f->within_ns, US_NS), within);
    if (f->doubt == CLOCK_UNEVEN)
        snprintf(said, sizeof said,
                 _("%s: its clock and that of %s do not run evenly, one of them was set meanwhile: compare no times."),
                 name, other);
    else if (f->doubt == CLOCK_ONE_WAY)
        snprintf(said, sizeof said,
                 ahead ? _("%s: its clock seems to be %s ahead of that of %s; %llu packets are in both, all of one "
                           "direction, so how much of that is transit time cannot be told.")
                       : _("%s: its clock seems to be %s behind that of %s; %llu packets are in both, all of one "
                           "direction, so how much of that is transit time cannot be told."),
                 name, apart, other, pairs);
    else if (!f->aligned)
        snprintf(said, sizeof said, _("%s: its clock and that of %s agree to within %s, by %llu packets in both."),
                 name, other, within, pairs);
    else
        snprintf(said, sizeof said,
                 ahead
                     ? _("%s: its clock is %s ahead of that of %s, give or take %s, by %llu packets in both; its times "
                         "are corrected.")
                     : _("%s: its clock is %s behind that of %s, give or take %s, by %llu packets in both; its times "
                         "are corrected."),
                 name, apart, other, within, pairs);
    size_t n = strlen(said);
    double ppm = (double)f->drift_ppb / 1e3;
    if (f->drifts && f->doubt == CLOCK_FITS)
        snprintf(said + n, sizeof said - n, ppm > 0 ? _(" It gains %.1f ppm.") : _(" It loses %.1f ppm."),
                 ppm > 0 ? ppm : -ppm);
    row_start(&line, r->colour);
    paragraph(r, &line, 0, LOOK_PLAIN, said);
}

void report_clocks(const struct report *r, const struct clocks *clocks, const char *const *files, size_t n) {
    for (uint32_t i = 0; i < n; i++) {
        const struct clock_fit *f = clocks_fit(clocks, i);
        if (f->known) clock_line_of(r, f, files[i], files[f->against]);
    }
}

/* ---- all of them ---- */

static void remark(const struct report *r, uint64_t n, const char *said) {
    char all[256];
    row line;
    if (n == 0) return;
    snprintf(all, sizeof all, said, (unsigned long long)n);
    row_start(&line, r->colour);
    paragraph(r, &line, 0, LOOK_DIM, all);
}

void report_totals(const struct report *r, const struct totals *t) {
    char span[32], bytes[32], said[320];
    row line;
    snprintf(said, sizeof said,
             _("packets: %llu, %s in %s; connections: %llu, with problems: %llu, with warnings: %llu"),
             (unsigned long long)t->packets, bytes_name(t->captured, bytes), span_name(t->last_ns - t->first_ns, span),
             (unsigned long long)t->connections, (unsigned long long)t->problems, (unsigned long long)t->warnings);
    row_start(&line, r->colour);
    paragraph(r, &line, 0, LOOK_PLAIN, said);
    remark(r, t->connections == 0 ? t->kinds[DECODE_OTHER] : 0,
           _("No TCP was found in these packets: %llu; it is looked for in IP, behind VLAN tags, PPPoE and MPLS too, "
             "and in GRE, IP, VXLAN, Geneve and GTP-U tunnels."));
    remark(r, t->kinds[DECODE_LINK], _("%llu packets have a link type that is not known and were passed over."));
    remark(r, t->kinds[DECODE_CUT],
           _("%llu packets were cut off before their TCP header: capture with more bytes each."));
    remark(r, t->kinds[DECODE_BAD], _("%llu packets have headers that contradict themselves and were passed over."));
    remark(r, t->kinds[DECODE_FRAGMENT], _("%llu are IP fragments; a TCP packet counts once its last piece has come."));
    remark(r, t->flows.marked[0],
           _("%llu packets were captured more than once; copies are not taken for retransmissions."));
    remark(r, t->flows.marked[6], _("Steps of the capture's clock backwards: %llu."));
    remark(r, t->flows.marked[8],
           _("%llu packets are of another place than the one where their connection was seen first; they tell how long "
             "packets took and which were lost."));
    remark(r, t->dropped, _("%llu packets were lost before they could be read: the machine was too slow for them."));
    remark(r, t->flows.evicted_over,
           _("%llu connections that were over were let go early, to make room: see --max-flows."));
    remark(r, t->flows.evicted_open,
           _("%llu connections were let go while they may have gone on, to make room: see --max-flows."));
    remark(r, t->flows.refused, _("%llu packets were passed over: there is no memory for more connections."));
    remark(r, t->errors, _("Places where the capture could not be read: %llu; what is said is about the rest."));
}
