/* read.c - a scenario's text, line by line, into scenario.h's data. Every line stands for itself, hostile ones too:
 * whatever is wrong is named with its place, and nothing grows beyond its limit. */
#include "play/read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "po/i18n.h"

struct reading {
    struct lex l;
    struct scenario *s;
    struct play_take *take; /* that lines go to: the first also before any `run` */
    struct play_take *common;
    bool titled;
};

static struct play_words *title(struct reading *r) { return r->s->takes > 0 ? &r->take->title : &r->s->title; }

static bool about(struct reading *r, int lang) {
    char *to = r->s->about[lang], text[PLAY_TEXT];
    size_t n = strlen(to);
    if (!lex_text(&r->l, text, sizeof text)) return false;
    if (n + strlen(text) + 2 > PLAY_ABOUT)
        return lex_fail(&r->l, 1, _("the text is longer than %d bytes"), PLAY_ABOUT - 2);
    snprintf(to + n, PLAY_ABOUT - n, "%s%s", n > 0 && lang == TERN_EN ? " " : "", text);
    return true;
}

static bool chapter(struct reading *r) {
    static const char *const names[] = {"opening", "closing", "trouble", "what-if"};
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (!lex_is(&r->l, names[i])) continue;
        r->s->chapter = (enum play_chapter)i;
        return lex_over(&r->l);
    }
    return lex_expected(&r->l, N_("opening, closing, trouble or what-if"));
}

/* ---- runs, hosts, link ---- */

static bool run(struct reading *r) {
    struct lex *l = &r->l;
    struct scenario *s = r->s;
    if (s->takes == PLAY_TAKES) return lex_fail(l, 1, _("more than %d runs"), PLAY_TAKES);
    if (l->words < 2) return lex_expected(l, N_("a name for the run"));
    r->take = &s->take[s->takes++];
    *r->take = *r->common;
    snprintf(r->take->name, sizeof r->take->name, "%.*s", PLAY_NAME - 1, lex_peek(l));
    l->next++;
    return lex_over(l);
}

static bool link_line(struct reading *r) {
    struct lex *l = &r->l;
    struct play_take *t = r->take;
    int from = 0, to = 1;
    uint64_t v;
    if (lex_is(l, "mtu")) {
        if (!lex_count(l, 65535, &v)) return false;
        if (v < 68) return lex_fail(l, 1, _("no link carries less than %d bytes"), 68);
        t->mtu = (uint32_t)v;
        return lex_over(l);
    }
    if (strchr(lex_peek(l), '>') != NULL) {
        if (!lex_direction(l, &from)) return false;
        to = from;
    }
    if (lex_is(l, "delay")) {
        if (!lex_time(l, &v)) return false;
        for (int i = from; i <= to; i++) t->link[i].delay_ns = v;
    } else if (lex_is(l, "rate")) {
        if (!lex_count(l, 100000000000, &v)) return false;
        for (int i = from; i <= to; i++) t->link[i].rate_bps = v;
    } else {
        return lex_expected(l, N_("delay TIME, rate BITS or mtu BYTES"));
    }
    return lex_over(l);
}

static bool host_set(struct lex *l, struct play_host *h) {
    tern_config probe;
    uint64_t value;
    if (h->sets == PLAY_SETS) return lex_fail(l, 1, _("more than %d settings"), PLAY_SETS);
    const char *name = lex_peek(l), *text = l->next + 1 < l->words ? l->word[l->next + 1].text : "";
    tern_config_default(&probe);
    if (tern_config_set(&probe, name, 0) == TERN_ENAME)
        return lex_expected(l, N_("a setting of the stack; 'tern serve --set help' lists them"));
    int r = tern_setting_parse(name, text, &value);
    l->next++;
    if (r != 0 || tern_config_set(&probe, name, value) != 0)
        return lex_expected(l, N_("a value that this setting may have; 'tern serve --set help' lists them"));
    snprintf(h->set[h->sets].name, sizeof h->set[0].name, "%s", name);
    h->set[h->sets++].value = value;
    l->next++;
    return lex_over(l);
}

static bool host_isn(struct lex *l, struct play_host *h) {
    uint64_t v;
    h->isns = 0;
    do {
        if (!lex_count(l, UINT32_MAX, &v)) return false;
        h->isn[h->isns++] = (uint32_t)v;
    } while (h->isns < 2 && l->next < l->words);
    h->has_isn = true;
    return lex_over(l);
}

static bool host_line(struct reading *r) {
    static const struct {
        const char *name;
        enum play_alter alter;
    } alters[] = {{"two-way", ALTER_TWO_WAY}, {"no-time-wait", ALTER_NO_TIME_WAIT}, {"counted-isn", ALTER_COUNTED_ISN}};
    struct lex *l = &r->l;
    int end;
    if (!lex_end(l, &end)) return false;
    struct play_host *h = &r->take->host[end];
    if (lex_is(l, "isn")) return host_isn(l, h);
    if (lex_is(l, "set")) return host_set(l, h);
    if (!lex_is(l, "alter")) return lex_expected(l, N_("isn NUMBER, set NAME VALUE or alter RULE"));
    for (size_t i = 0; i < sizeof alters / sizeof alters[0]; i++) {
        if (!lex_is(l, alters[i].name)) continue;
        h->alter |= alters[i].alter;
        return lex_over(l);
    }
    return lex_expected(l, N_("two-way, no-time-wait or counted-isn"));
}

/* ---- the kernel as one of the hosts ---- */

static bool linux_line(struct reading *r) {
    struct lex *l = &r->l;
    struct play_take *t = r->take;
    t->linux_at = lex_place(l);
    t->linux_until_ns = 0;
    memset(t->linux, 0, sizeof t->linux);
    if (lex_is(l, "none")) return lex_over(l);
    do {
        int end;
        if (!lex_end(l, &end)) return false;
        t->linux[end] = true;
    } while (l->next < l->words && strcmp(lex_peek(l), "until") != 0);
    return (!lex_is(l, "until") || lex_time(l, &t->linux_until_ns)) && lex_over(l);
}

/* Why this end cannot be the kernel; NULL: it can. */
static const char *not_linux(const struct play_take *t, int end) {
    if (t->host[0].alter != 0 || t->host[1].alter != 0) return _("a rule is altered");
    if (t->host[end].sets > 0) return _("it has settings of tern's stack");
    for (unsigned i = 0; i < t->acts; i++) {
        const struct play_act *a = &t->act[i];
        if (a->verb == DO_INJECT || a->verb == DO_SAY || a->who.end != end) continue;
        if (a->verb == DO_CRASH) return _("it crashes");
        if (a->verb == DO_CONNECT && (a->self || a->fast)) return _("it connects to itself, or with Fast Open");
        if (a->verb == DO_OPTION && a->option == TERN_OPT_ZERO_WINDOW_MS) return _("the kernel has no such option");
    }
    return NULL;
}

static bool check_linux(struct reading *r, const struct play_take *t) {
    for (int end = 0; end < 2; end++) {
        const char *why = t->linux[end] ? not_linux(t, end) : NULL;
        r->l.line = t->linux_at.line;
        if (why != NULL)
            return lex_fail(&r->l, t->linux_at.column, _("%c cannot be the Linux kernel: %s"), 'A' + end, why);
    }
    return true;
}

/* ---- what the network does ---- */

static bool nth(struct lex *l, struct play_match *m) {
    const char *s = lex_peek(l);
    char *end;
    unsigned long first = s[0] >= '1' && s[0] <= '9' ? strtoul(s, &end, 10) : 0, last = first;
    if (first != 0 && *end == '-') last = end[1] == '\0' ? UINT32_MAX : strtoul(end + 1, &end, 10);
    if (first == 0 || first > 1000000 || last < first || (*end != '\0' && strcmp(end, "-") != 0))
        return lex_expected(l, N_("which of them: 1, 2-3 or 2-"));
    m->first = (uint32_t)first;
    m->last = last > UINT32_MAX ? UINT32_MAX : (uint32_t)last;
    l->next++;
    return true;
}

bool read_match(struct lex *l, struct play_match *m, bool may_nth) {
    *m = (struct play_match){.first = 1, .last = UINT32_MAX, .to_ns = UINT64_MAX};
    if (!lex_direction(l, &m->from)) return false;
    if (lex_is(l, "any"))
        m->kind = MATCH_ANY;
    else if (lex_is(l, "data"))
        m->kind = MATCH_DATA;
    else if (!lex_flags(l, &m->flags))
        return false;
    if (!may_nth) return true;
    if (lex_is(l, "nth") && !nth(l, m)) return false;
    if (lex_is(l, "from") && !lex_time(l, &m->from_ns)) return false;
    return !lex_is(l, "to") || lex_time(l, &m->to_ns);
}

static bool rule(struct reading *r, int kind) {
    struct lex *l = &r->l;
    struct play_take *t = r->take;
    if (t->rules == PLAY_RULES) return lex_fail(l, 1, _("more than %d rules for the network"), PLAY_RULES);
    struct play_rule *rule = &t->rule[t->rules];
    *rule = (struct play_rule){.at = {l->line, 1}, .kind = kind};
    if (!read_match(l, &rule->match, true)) return false;
    if (kind != RULE_LOSE && (!lex_must(l, "by") || !lex_time(l, &rule->by_ns))) return false;
    t->rules++;
    return lex_over(l);
}

/* ---- lines ---- */

static bool head_line(struct reading *r, bool *known) {
    struct lex *l = &r->l;
    struct scenario *s = r->s;
    *known = true;
    if (lex_is(l, "title")) {
        r->titled = true;
        return lex_text(l, title(r)->text[TERN_EN], PLAY_TEXT);
    }
    if (lex_is(l, "title-zh")) return lex_text(l, title(r)->text[TERN_ZH], PLAY_TEXT);
    if (lex_is(l, "about")) return about(r, TERN_EN);
    if (lex_is(l, "about-zh")) return about(r, TERN_ZH);
    if (lex_is(l, "chapter")) return chapter(r);
    if (lex_is(l, "claims")) return lex_text(l, s->claims, sizeof s->claims);
    if (lex_is(l, "figure")) return lex_text(l, s->figure, sizeof s->figure);
    if (lex_is(l, "rfc")) return lex_text(l, s->rfc, sizeof s->rfc);
    if (lex_is(l, "numbers")) {
        s->wire = lex_is(l, "wire");
        return (s->wire || lex_must(l, "relative")) && lex_over(l);
    }
    *known = false;
    return true;
}

static bool take_line(struct reading *r) {
    struct lex *l = &r->l;
    if (lex_is(l, "run")) return run(r);
    if (lex_is(l, "link")) return link_line(r);
    if (lex_is(l, "host")) return host_line(r);
    if (lex_is(l, "lose")) return rule(r, RULE_LOSE);
    if (lex_is(l, "delay")) return rule(r, RULE_DELAY);
    if (lex_is(l, "copy")) return rule(r, RULE_COPY);
    if (lex_is(l, "nat")) return lex_time(l, &r->take->nat_ns) && lex_over(l);
    if (lex_is(l, "until")) return lex_time(l, &r->take->until_ns) && lex_over(l);
    if (lex_is(l, "linux")) return linux_line(r);
    if (lex_is(l, "at")) return read_act(l, r->take, true);
    if (lex_is(l, "when")) return read_act(l, r->take, false);
    if (lex_is(l, "say-zh")) return read_say_zh(l, r->take);
    if (lex_is(l, "expect")) return read_expect(l, r->take);
    return lex_expected(l, N_("title, about, chapter, claims, figure, rfc, numbers, run, link, host, lose, delay, "
                              "copy, nat, until, linux, "
                              "at, when, say-zh or expect"));
}

static bool read_all(struct reading *r) {
    while (lex_line(&r->l)) {
        bool known;
        if (!head_line(r, &known) || (!known && !take_line(r))) return false;
    }
    if (r->l.bad) return false;
    r->l.words = 0;
    if (!r->titled) return lex_fail(&r->l, 1, _("the scenario has no title"));
    if (r->s->takes == 0) {
        r->s->take[0] = *r->common;
        r->s->takes = 1;
    }
    for (unsigned i = 0; i < r->s->takes; i++) {
        if (r->s->take[i].acts == 0) return lex_fail(&r->l, 1, _("nothing is done: no line begins with 'at'"));
        if (!check_linux(r, &r->s->take[i])) return false;
    }
    return true;
}

int scenario_read(const char *file, const char *name, const char *text, size_t len, struct scenario **out,
                  struct play_error *err) {
    struct reading r = {.l = {.file = file, .at = text, .end = text + len, .err = err}};
    if (len > PLAY_SOURCE_MAX) {
        snprintf(err->text, sizeof err->text, _("%s: longer than %d bytes"), file, PLAY_SOURCE_MAX);
        return -1;
    }
    r.s = calloc(1, sizeof *r.s);
    r.common = r.take = calloc(1, sizeof *r.common);
    if (r.s == NULL || r.common == NULL) {
        snprintf(err->text, sizeof err->text, _("%s: out of memory"), file);
        r.l.bad = true;
    } else {
        r.common->mtu = 1500;
        for (int i = 0; i < 2; i++) r.common->link[i].delay_ns = 20000000;
        r.s->chapter = CHAPTER_OWN;
        snprintf(r.s->name, sizeof r.s->name, "%.*s", PLAY_NAME - 1, name);
    }
    bool fine = !r.l.bad && read_all(&r);
    free(r.common);
    if (!fine) {
        free(r.s);
        return -1;
    }
    *out = r.s;
    return 0;
}

void scenario_free(struct scenario *s) { free(s); }

const char *play_text(const struct play_words *words, enum tern_lang lang) {
    const char *text = words->text[lang == TERN_ZH];
    return text[0] != '\0' ? text : words->text[TERN_EN];
}

const struct catalogue_scenario *scenario_find(const char *name) {
    for (size_t i = 0; i < catalogue_scenarios_count; i++)
        if (strcmp(catalogue_scenarios[i].name, name) == 0) return &catalogue_scenarios[i];
    return NULL;
}
