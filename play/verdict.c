/* verdict.c - whether what must be true in a run is true. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "play/host.h"
#include "play/kernel.h"
#include "po/i18n.h"

/* Timers go off a little after they are due. Linux delays ACKs, and has retransmission timers of its own. */
enum { SLACK_NS = 2000000, SLACK_LINUX_NS = 250000000 };

void verdict_failed(struct stage *g, struct play_place at, const char *format, ...) {
    char text[400];
    va_list args;
    struct play_result *r = g->out;
    if (r->failed++ >= PLAY_FAILURES) return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    snprintf(r->failure[r->failed - 1], sizeof r->failure[0], "%s:%u: %s", g->file, at.line, text);
}

static void who_text(const struct play_who *who, char buf[16]) {
    if (who->port != 0)
        snprintf(buf, 16, "%c:%u", 'A' + who->end, who->port);
    else
        snprintf(buf, 16, "%c", 'A' + who->end);
}

/* ---- states, now ---- */

void verdict_state(struct stage *g, const struct play_act *a) {
    char who[16];
    who_text(&a->who, who);
    g->out->checks++;
    if (a->verb == DO_EXPECT_STATE) {
        enum tern_state is = g->calls[a->who.end]->state(g, &a->who);
        bool gone = is == TERN_LISTEN && a->state == TERN_CLOSED; /* the connection; its listener is still there */
        if (is != a->state && !gone)
            verdict_failed(g, a->at, _("expected %s in %s, but it is in %s"), who, tern_state_name(a->state),
                           tern_state_name(is));
        return;
    }
    uint64_t n = g->calls[a->who.end]->count(g, a->who.end, a->state);
    if (n != a->value)
        verdict_failed(g, a->at, _("expected %llu connections of %s in %s, but there are %llu"),
                       (unsigned long long)a->value, who, tern_state_name(a->state), (unsigned long long)n);
}

/* ---- segments ---- */

static bool is_sent(const struct play_match *m, const struct sent *s) {
    if (m->from != s->from || s->time_ns < m->from_ns || s->time_ns >= m->to_ns) return false;
    if (m->kind == MATCH_ANY) return true;
    if (m->kind == MATCH_DATA) return s->len > 0;
    return ((s->flags ^ m->flags) & ~(uint32_t)TERN_PSH) == 0;
}

static bool number_is(const struct stage *g, const struct play_number *n, int whose, uint32_t wire, int64_t relative) {
    if (n->kind == NUMBER_NONE || n->kind == NUMBER_GUESS) return true;
    return n->kind == NUMBER_WIRE ? wire == net_number(g, whose, n->value) : relative == (int64_t)n->value;
}

static bool is_expected(const struct stage *g, const struct play_expect *e, const struct sent *s) {
    uint64_t slack = g->kernel != NULL ? SLACK_LINUX_NS + g->kernel->late_ns : SLACK_NS;
    if (!is_sent(&e->match, s) || !number_is(g, &e->seq, s->from, s->seq, s->rel_seq) ||
        !number_is(g, &e->ack, !s->from, s->ack, s->rel_ack))
        return false;
    if ((e->has_len && e->len != s->len) || e->lost > s->lost) return false;
    if (e->has_time && (s->time_ns + slack < e->time_ns || s->time_ns > e->time_ns + slack)) return false;
    for (int end = 0; end < 2; end++)
        if (e->has_state[end] && s->state[end] != (int8_t)e->state[end]) return false;
    return true;
}

/* The nearest candidate, to say what was there instead. */
static void not_sent(struct stage *g, const struct play_expect *e, size_t from) {
    for (size_t i = from; i < g->sents; i++) {
        const struct sent *s = &g->sent[i];
        if (!is_sent(&e->match, s)) continue;
        verdict_failed(
            g, e->at,
            _("no such segment; the next with these flags has seq=%lld (@%u), ack=%lld (@%u), len=%u, at %.3f ms, "
              "A=%s, B=%s%s"),
            (long long)s->rel_seq, s->seq, (long long)s->rel_ack, s->ack, s->len, (double)s->time_ns / 1e6,
            s->state[0] < 0 ? "-" : tern_state_name((enum tern_state)s->state[0]),
            s->state[1] < 0 ? "-" : tern_state_name((enum tern_state)s->state[1]), s->lost ? _(", lost") : "");
        return;
    }
    verdict_failed(g, e->at, _("no such segment after the one before"));
}

/* Against the kernel a run may end earlier. */
static bool unplayed(const struct stage *g, uint64_t time_ns) {
    return g->kernel != NULL && g->take->linux_until_ns != 0 && time_ns >= g->take->linux_until_ns;
}

static void segments(struct stage *g) {
    size_t at = 0;
    for (unsigned k = 0; k < g->take->expects; k++) {
        const struct play_expect *e = &g->take->expect[k];
        uint64_t n = 0;
        if (e->kind > EXPECT_TOTAL || (e->has_time && unplayed(g, e->time_ns))) continue;
        g->out->checks++;
        if (e->kind == EXPECT_SEGMENT) {
            size_t i = at;
            while (i < g->sents && !is_expected(g, e, &g->sent[i])) i++;
            if (i < g->sents)
                at = i + 1;
            else
                not_sent(g, e, at);
            continue;
        }
        for (size_t i = 0; i < g->sents; i++) n += is_sent(&e->match, &g->sent[i]);
        if (n != (e->kind == EXPECT_NEVER ? 0 : e->value))
            verdict_failed(g, e->at, _("%llu such segments were sent"), (unsigned long long)n);
    }
}

/* ---- hosts ---- */

static void path_text(const enum tern_state *path, unsigned steps, char *buf, size_t size) {
    size_t n = 0;
    buf[0] = '\0';
    for (unsigned i = 0; i < steps && n < size; i++)
        n += (size_t)snprintf(buf + n, size - n, "%s%s", i > 0 ? " " : "", tern_state_name(path[i]));
}

/* In real time nobody waits for the end of TIME-WAIT. */
static bool waits(const struct stage *g, const struct life *l) {
    return g->kernel != NULL && l != NULL && l->state == TERN_TIME_WAIT;
}

static void check_path(struct stage *g, const struct play_expect *e, const struct life *l, const char *who) {
    char text[320];
    unsigned steps = e->steps;
    if (waits(g, l) && e->path[steps - 1] == TERN_CLOSED) steps--;
    bool same = l != NULL && l->steps == steps && memcmp(l->path, e->path, steps * sizeof e->path[0]) == 0;
    if (same) return;
    path_text(l != NULL ? l->path : NULL, l != NULL ? l->steps : 0, text, sizeof text);
    verdict_failed(g, e->at, _("the path of %s is: %s"), who, text[0] != '\0' ? text : "-");
}

static void check_end(struct stage *g, const struct play_expect *e, const struct life *l, const char *who) {
    int is = l != NULL && l->ended ? l->error : g->call_error[e->who.end];
    bool call = e->error == TERN_EADDRINUSE || e->error == TERN_EPORTS;
    if (call) is = g->call_error[e->who.end];
    if (waits(g, l) && e->error == TERN_OK) return;
    if (!call && (l == NULL || !l->ended))
        verdict_failed(g, e->at, _("%s has not ended; it is in %s"), who, l != NULL ? tern_state_name(l->state) : "-");
    else if (is != e->error)
        verdict_failed(g, e->at, _("%s ended otherwise: %s"), who, tern_strerror(is, i18n_lang()));
}

static void check_bytes(struct stage *g, const struct play_expect *e, const char *who) {
    uint64_t n = 0;
    bool wrong = false;
    for (size_t i = 0; i < g->conns; i++) {
        if (!who_is(&e->who, g->conn[i].end, &g->conn[i].flow)) continue;
        n += g->conn[i].received;
        wrong |= g->conn[i].wrong;
    }
    if (e->kind == EXPECT_RECEIVED && n != e->value)
        verdict_failed(g, e->at, _("%s received %llu bytes"), who, (unsigned long long)n);
    if (e->kind == EXPECT_WRONG && wrong != (e->value != 0))
        verdict_failed(
            g, e->at,
            wrong ? _("%s was given bytes that its peer never sent") : _("%s was given only its peer's bytes"), who);
}

void verdict(struct stage *g) {
    segments(g);
    for (unsigned k = 0; k < g->take->expects; k++) {
        const struct play_expect *e = &g->take->expect[k];
        char who[16];
        if (e->kind <= EXPECT_TOTAL) continue;
        struct life *l = life_find(g, &e->who);
        who_text(&e->who, who);
        g->out->checks++;
        switch (e->kind) {
        case EXPECT_PATH: check_path(g, e, l, who); break;
        case EXPECT_END: check_end(g, e, l, who); break;
        case EXPECT_ACCEPTED:
            if (g->accepted[e->who.end] != e->value)
                verdict_failed(g, e->at, _("%s accepted %u"), who, g->accepted[e->who.end]);
            break;
        default: check_bytes(g, e, who); break;
        }
    }
}

void verdict_paths(struct stage *g, int end, const struct play_result *tern) {
    char ours[320], theirs[320];
    const struct play_result *r = g->out;
    path_text(r->path[end], r->steps[end], theirs, sizeof theirs);
    path_text(tern->path[end], tern->steps[end], ours, sizeof ours);
    verdict_failed(g, g->take->linux_at, _("the path of %c is %s; between two hosts of tern it is %s"), 'A' + end,
                   theirs[0] != '\0' ? theirs : "-", ours[0] != '\0' ? ours : "-");
}
