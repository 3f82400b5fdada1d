/* drawn.c - see drawn.h. */
#include "explain/drawn.h"

#include <stdio.h>

#include "explain/name.h"
#include "lens/picture.h"
#include "lens/why.h"
#include "lens/words.h"
#include "po/i18n.h"

struct drawing {
    const struct ladder_options *o;
    const struct explain_flow *flow;
    struct canvas canvas;
    tern_flow ends;
    numbers n;
    int shown[2];
    uint16_t told[2]; /* sets whose doubt was explained */
    struct {
        int from;
        uint64_t streak, segments, bytes, acks, since_ns;
    } run;
};

static tern_addr addr_of(const ip_addr *a) {
    tern_addr out = {.family = ip_is_v4(a) ? 4 : 6};
    memcpy(out.bytes, ip_is_v4(a) ? a->b + 12 : a->b, ip_is_v4(a) ? 4 : 16);
    return out;
}

static tern_trace record_of(const struct drawing *d, const struct flow_packet *p) {
    const tcp_options *o = &p->tcp.options;
    tern_trace r = {.time_ns = p->time_ns, .kind = TERN_TRACE_SEGMENT_OUT, .flow = d->ends};
    if (p->from == END_B) r.flow = (tern_flow){d->ends.remote, d->ends.local, d->ends.remote_port, d->ends.local_port};
    r.seg.seq = p->tcp.seq_no.v;
    r.seg.ack = p->tcp.ack_no.v;
    r.seg.len = p->len;
    r.seg.flags = p->tcp.flags;
    r.seg.window = p->tcp.window;
    r.seg.mss = o->has_mss ? o->mss : 0;
    r.seg.wscale = (int8_t)(o->has_wscale ? (o->wscale > 14 ? 14 : o->wscale) : -1);
    r.seg.sack_permitted = o->sack_ok;
    r.seg.has_timestamps = o->has_ts;
    r.seg.ts_value = o->ts_value;
    r.seg.ts_echo = o->ts_echo;
    r.seg.sack_count = o->sack_count;
    for (unsigned i = 0; i < o->sack_count && i < 4; i++) {
        r.seg.sack[i].left = o->sack[i].left.v;
        r.seg.sack[i].right = o->sack[i].right.v;
    }
    return r;
}

/* ---- remarks ---- */

static void marks_text(uint16_t marks, enum tern_lang lang, char *buf, size_t size) {
    static const char *const texts[] = {
        N_("this packet was captured before: a copy"),
        N_("larger than a packet on the wire: captured before it was cut, or after several were merged"),
        NULL, /* a checksum left to the device is nothing to speak of */
        N_("its checksum is wrong: its receiver drops it"),
        N_("its header was cut off in the capture"),
        N_("one of its options has a wrong length"),
        N_("the capture's clock stepped back here"),
        NULL,
        NULL, /* of two places the ladder tells more */
    };
    for (unsigned i = 0; i < ARRAY_LEN(texts); i++)
        if ((marks >> i & 1) && texts[i] != NULL) why_add(buf, size, word(WORD_SEPARATOR, lang), _(texts[i]));
}

void drawn_transit(uint64_t transit_ns, enum tern_lang lang, char *buf, size_t size) {
    char said[96], span[32];
    snprintf(said, sizeof said, _("%s between the two captures"), span_name(transit_ns, span));
    why_add(buf, size, word(WORD_SEPARATOR, lang), said);
}

/* "B: ESTABLISHED or CLOSE-WAIT: why, and what would decide" */
static void doubt_text(int end, const struct statement *s, enum tern_lang lang, char *buf, size_t size) {
    char said[512], states[STATES_TEXT];
    const char *colon = lang == TERN_ZH ? "：" : ": ";
    const char *doubt = passive_doubt_text((enum doubt)s->doubt, lang);
    states_name(s->states, _(" or "), states);
    snprintf(said, sizeof said, "%s%s%s%s%s", end == END_A ? "A" : "B", colon,
             __builtin_popcount(s->states) > 4 ? _("unknown") : states, doubt[0] != '\0' ? colon : "", doubt);
    why_add(buf, size, word(WORD_SEPARATOR, lang), said);
}

void drawn_remarks(const struct explain_flow *f, const struct flow_packet *p, const struct passive_view *view,
                   const uint16_t told[2], enum tern_lang lang, char *buf, size_t size) {
    buf[0] = '\0';
    for (uint32_t i = 0; i < f->findings; i++) {
        char said[512];
        if (f->finding[i].number != p->number) continue;
        finding_text(&f->finding[i], lang, said, sizeof said);
        why_add(buf, size, word(WORD_SEPARATOR, lang), said);
    }
    marks_text(p->marks, lang, buf, size);
    if ((p->tos & 3) == 3) why_add(buf, size, word(WORD_SEPARATOR, lang), _("marked on the way here (CE): congestion"));
    for (int end = END_A; view != NULL && end <= END_B; end++) {
        const struct statement *s = &view->after[end];
        if (s->certainty != CERTAIN && s->states != told[end]) doubt_text(end, s, lang, buf, size);
    }
}

/* ---- drawing ---- */

static void heading(struct drawing *d) {
    if (d->o->out != NULL) canvas_heading(&d->canvas, &d->ends, false);
    if (d->o->picture != NULL) picture_heading(d->o->picture, d->o, &d->ends);
}

static void put(struct drawing *d, const struct rung *rung) {
    if (d->o->out != NULL) canvas_rung(&d->canvas, rung, &d->n);
    if (d->o->picture != NULL) picture_rung(d->o->picture, d->o, rung, &d->n);
}

static void note(struct drawing *d, const char *said) {
    if (d->o->out != NULL) canvas_note(&d->canvas, said);
    if (d->o->picture != NULL) picture_note(d->o->picture, said);
}

static void draw_run(struct drawing *d) {
    if (d->run.segments > 0) {
        struct rung rung = {.kind = RUNG_BULK,
                            .from = d->run.from,
                            .time_ns = d->run.since_ns,
                            .arrival_ns = d->run.since_ns,
                            .state = {d->shown[0], d->shown[1]},
                            .many = {d->run.segments, d->run.bytes, d->run.acks}};
        put(d, &rung);
    }
    d->run.segments = d->run.bytes = d->run.acks = 0;
}

/* Ordinary data in a row, and the ACKs between: beyond the first few it is counted and not drawn. */
static bool condensed(struct drawing *d, const struct step_kept *k, bool dull) {
    const struct flow_packet *p = &k->packet;
    bool same = d->run.from == p->from, long_run = d->run.streak > d->o->bulk;
    if (d->o->all) return false;
    if (dull && p->len == 0 && long_run && !same) {
        d->run.acks++;
        return true;
    }
    if (!dull || (p->len > 0 && !same)) {
        draw_run(d);
        d->run.streak = 0;
        d->run.from = p->from;
    }
    if (!dull || p->len == 0 || ++d->run.streak <= d->o->bulk) return false;
    if (d->run.segments++ == 0) d->run.since_ns = p->time_ns;
    d->run.bytes += p->len;
    return true;
}

/* What a lane shows of a statement; nothing when too much is possible. */
static int lane_state(const struct statement *s) {
    return __builtin_popcount(s->states) > 4 || s->states == 0 ? LADDER_UNKNOWN : s->best;
}

static bool is_dull(const struct step_kept *k, const struct rung *rung) {
    return !k->repeated && rung->why[0] == '\0' && !rung->changed[0] && !rung->changed[1] &&
           !(k->packet.tcp.flags & (TCP_SYN | TCP_FIN | TCP_RST | TCP_URG)) && k->packet.tcp.window != 0;
}

static void draw_step(struct drawing *d, const struct step_kept *k) {
    const struct flow_packet *p = &k->packet;
    tern_trace record = record_of(d, p);
    reading seen;
    struct rung rung = {.kind = RUNG_WHOLE,
                        .from = p->from,
                        .time_ns = p->time_ns,
                        .arrival_ns = p->time_ns,
                        .record = &record,
                        .reading = &seen,
                        .repeated = k->repeated || p->marks & FLOW_COPY};
    numbers_follow(&d->n, p->from, &record, &seen);
    drawn_remarks(d->flow, p, k->copy ? NULL : &k->view, d->told, d->o->lang, rung.why, sizeof rung.why);
    if (p->marks & FLOW_ELSEWHERE && !k->both)
        why_add(rung.why, sizeof rung.why, word(WORD_SEPARATOR, d->o->lang),
                _("only the other capture has it: lost on its way from there, or missed here"));
    for (int end = END_A; end <= END_B; end++) {
        const struct statement *s = &k->view.after[end];
        rung.state[end] = k->copy ? d->shown[end] : lane_state(s);
        rung.unsure[end] = !k->copy && s->certainty != CERTAIN;
        rung.changed[end] = rung.state[end] != d->shown[end];
        if (!k->copy) d->told[end] = s->states;
    }
    if (condensed(d, k, is_dull(k, &rung))) return;
    char remarks[sizeof rung.why];
    memcpy(remarks, rung.why, sizeof remarks);
    if (k->both) drawn_transit(k->transit_ns, d->o->lang, remarks, sizeof remarks);
    rung.why[0] = '\0';
    struct why w = {.buf = rung.why, .size = sizeof rung.why, .lang = d->o->lang, .absolute = d->o->absolute};
    why_sum(&w, "seq", &seen.seq_sum, &d->n, p->from);
    why_sum(&w, "ack", &seen.ack_sum, &d->n, !p->from);
    why_add(rung.why, sizeof rung.why, word(WORD_SEPARATOR, d->o->lang), remarks);
    memcpy(d->shown, rung.state, sizeof d->shown);
    put(d, &rung);
}

void drawn_flow(const struct ladder_options *o, const struct explain_flow *f, const struct steps *s) {
    struct ladder_options mine = *o;
    if (mine.bulk == 0) mine.bulk = 4;
    struct drawing d = {.o = &mine, .flow = f, .shown = {LADDER_UNKNOWN, LADDER_UNKNOWN}};
    d.ends =
        (tern_flow){addr_of(&f->end[END_A].addr), addr_of(&f->end[END_B].addr), f->end[END_A].port, f->end[END_B].port};
    numbers_start(&d.n);
    canvas_init(&d.canvas, &mine);
    heading(&d);
    for (size_t i = 0; i < s->n; i++)
        if (!s->at[i].hidden) draw_step(&d, &s->at[i]);
    draw_run(&d);
    if (s->cut > 0) {
        char said[160];
        snprintf(said, sizeof said, _("%llu more packets are not drawn: a ladder has room for %u."),
                 (unsigned long long)s->cut, (unsigned)STEPS_MAX);
        note(&d, said);
    }
}
