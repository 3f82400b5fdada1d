/* parse.c - reads a script: options, commands, times, events. Packets are parse_packet.c's, calls parse_call.c's. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drill/parse.h"
#include "po/i18n.h"

enum { SOURCE_MOST = 4 << 20, EVENTS_MOST = 100000 };

/* ---- helpers for all parts ---- */

void *parse_take(struct parse *p, size_t size) {
    void *at = arena_take(p->script->arena, size);
    if (at == NULL) scan_fail(&p->scan, p->scan.now.at, "%s", tern_strerror(TERN_ENOMEM, i18n_lang()));
    return at;
}

void parse_expected(struct parse *p, const char *what) {
    char text[80];
    scan_fail(&p->scan, p->scan.now.at, _("%s is not %s"), token_text(&p->scan.now, text, sizeof text), what);
}

bool parse_is_sign(const struct parse *p, char sign) {
    return p->scan.now.kind == TOKEN_SIGN && p->scan.now.sign == sign;
}

bool parse_is_word(const struct parse *p, const char *word) {
    return p->scan.now.kind == TOKEN_WORD && strcmp(p->scan.now.text, word) == 0;
}

bool parse_sign(struct parse *p, char sign) {
    if (!parse_is_sign(p, sign)) return false;
    scan_next(&p->scan);
    return true;
}

bool parse_word(struct parse *p, const char *word) {
    if (!parse_is_word(p, word)) return false;
    scan_next(&p->scan);
    return true;
}

void parse_need(struct parse *p, char sign) {
    char what[8] = {'\'', sign, '\'', '\0'};
    if (!parse_sign(p, sign)) parse_expected(p, what);
}

int64_t parse_number(struct parse *p, const char *what, int64_t min, int64_t max) {
    bool minus = parse_sign(p, '-');
    int64_t v = minus ? -p->scan.now.integer : p->scan.now.integer;
    if (p->scan.now.kind != TOKEN_INTEGER) {
        parse_expected(p, what);
    } else if (v < min || v > max) {
        scan_fail(&p->scan, p->scan.now.at, _("%s lies between %lld and %lld"), what, (long long)min, (long long)max);
    } else {
        scan_next(&p->scan);
        return v;
    }
    return 0;
}

/* ---- options ---- */

static void read_options(struct parse *p, const struct overrides *over) {
    struct drill_error err;
    while (p->scan.now.kind == TOKEN_OPTION && !p->scan.failed) {
        struct token name = p->scan.now;
        const char *value = NULL;
        bool next_too = strcmp(name.text, "define") == 0;
        /* The value is everything up to a blank: addresses and paths are no tokens. */
        const char *at = p->scan.at, *end = at;
        if (*at == '=' || next_too) {
            at++;
            while (next_too && at < p->scan.end && *at == ' ') at++;
            end = at;
            bool quote = false;
            for (; end < p->scan.end && *end != '\n' && (quote || (*end != ' ' && *end != '\t' && *end != '\r')); end++)
                quote = quote != (*end == '"' || *end == '`');
            value = arena_copy(p->script->arena, at, (size_t)(end - at));
        }
        bool overridden = false;
        for (size_t i = 0; i < over->n && !next_too; i++)
            overridden = overridden || strcmp(over->of[i].name, name.text) == 0;
        if (!overridden && !drill_option(&p->script->options, p->script->arena, name.text, value, &err))
            scan_fail(&p->scan, name.at, "%s", err.text);
        /* The token behind it may be a word that was just defined. */
        scan_take(&p->scan, (size_t)(end - name.from));
    }
}

/* ---- times ---- */

static uint64_t seconds(struct parse *p) {
    const struct token *t = &p->scan.now;
    uint64_t ns = t->ns;
    if (t->kind != TOKEN_INTEGER && t->kind != TOKEN_FLOAT) {
        parse_expected(p, _("a time in seconds"));
        return 0;
    }
    if (!t->whole_ns || t->hex) scan_fail(&p->scan, t->at, _("this is no time in seconds"));
    scan_next(&p->scan);
    return ns;
}

static void read_when(struct parse *p, struct when *w) {
    if (parse_sign(p, '*')) {
        w->kind = WHEN_ANY;
        return;
    }
    w->kind = parse_sign(p, '+') ? WHEN_RELATIVE : WHEN_ABSOLUTE;
    w->from_ns = w->to_ns = seconds(p);
    struct place second = p->scan.now.at;
    if (parse_sign(p, '~')) {
        w->range = true;
        if (parse_sign(p, '+') != (w->kind == WHEN_RELATIVE))
            scan_fail(&p->scan, second, _("both ends of a range are written alike: 1~2 or +1~+2"));
        w->to_ns = seconds(p);
    } else if (p->scan.now.kind == TOKEN_ELLIPSIS) {
        w->blocking = true;
        scan_next(&p->scan);
        parse_sign(p, '+');
        w->to_ns = seconds(p);
    }
    if (w->to_ns < w->from_ns) scan_fail(&p->scan, second, _("the end comes before the beginning"));
}

/* ---- events ---- */

static char *code_text(struct parse *p) {
    const char *text = p->scan.now.text;
    while (*text == ' ' || *text == '\t') text++;
    return arena_copy(p->script->arena, text, strlen(text));
}

static void read_action(struct parse *p, struct event *e) {
    struct token *t = &p->scan.now;
    e->at = t->at;
    if (parse_is_sign(p, '<') || parse_is_sign(p, '>')) {
        bool inject = parse_is_sign(p, '<');
        scan_next(&p->scan);
        e->kind = inject ? EVENT_IN : EVENT_OUT;
        e->packet = parse_packet(p, inject);
    } else if (t->kind == TOKEN_WORD) {
        e->kind = EVENT_CALL;
        e->call = parse_call(p);
    } else if (t->kind == TOKEN_COMMAND) {
        e->kind = EVENT_COMMAND;
        e->text = arena_copy(p->script->arena, t->text, t->len);
        scan_next(&p->scan);
    } else if (t->kind == TOKEN_CODE) {
        e->kind = EVENT_CODE;
        e->text = code_text(p);
        scan_next(&p->scan);
    } else {
        parse_expected(p, _("a packet ('<' or '>'), a call, a `command` or %{ code }%"));
    }
}

static void check_when(struct parse *p, const struct event *e, struct place at, uint64_t *absolute) {
    const struct when *w = &e->when;
    if ((w->range || w->kind == WHEN_ANY) && e->kind != EVENT_OUT)
        scan_fail(&p->scan, at, _("only an expected packet may come at any time, or within a range"));
    if (w->blocking && e->kind != EVENT_CALL) scan_fail(&p->scan, at, _("only a call can wait"));
    if (w->kind == WHEN_ABSOLUTE) {
        if (w->from_ns < *absolute) scan_fail(&p->scan, at, _("absolute times may not go back"));
        *absolute = w->from_ns;
    }
    if (p->script->events_n == 0 && (w->kind == WHEN_ANY || w->from_ns != 0))
        scan_fail(&p->scan, at, _("the first event is at time 0"));
}

static bool at_time(const struct parse *p) {
    enum token_kind k = p->scan.now.kind;
    return k == TOKEN_INTEGER || k == TOKEN_FLOAT || parse_is_sign(p, '+') || parse_is_sign(p, '*');
}

static void read_events(struct parse *p) {
    struct event **last = &p->script->events;
    uint64_t absolute = 0;
    while (at_time(p) && !p->scan.failed) {
        struct event *e = parse_take(p, sizeof *e);
        struct place at = p->scan.now.at;
        if (e == NULL) return;
        read_when(p, &e->when);
        if (!p->scan.failed) read_action(p, e);
        if (p->scan.failed) return;
        check_when(p, e, at, &absolute);
        if (++p->script->events_n > EVENTS_MOST) scan_fail(&p->scan, at, _("more than %d events"), EVENTS_MOST);
        *last = e;
        last = &e->next;
    }
}

static void read_command(struct parse *p, char **text, struct place *at) {
    if (p->scan.now.kind != TOKEN_COMMAND) return;
    *at = p->scan.now.at;
    *text = arena_copy(p->script->arena, p->scan.now.text, p->scan.now.len);
    scan_next(&p->scan);
}

/* ---- the whole ---- */

static const struct overrides none;

static bool apply_overrides(struct script *s, const struct overrides *over, struct drill_error *err) {
    err->at = (struct place){0, 0};
    for (size_t i = 0; i < over->n; i++)
        if (!drill_option(&s->options, s->arena, over->of[i].name, over->of[i].value, err)) return false;
    return true;
}

static bool parse_all(struct script *s, const struct overrides *over, struct drill_error *err) {
    struct parse p = {.script = s};
    if (!apply_overrides(s, over, err)) return false;
    scan_start(&p.scan, s->source, s->source_len, s->arena, &s->options, err);
    scan_next(&p.scan);
    read_options(&p, over);
    read_command(&p, &s->first_command, &s->first_at);
    read_events(&p);
    read_command(&p, &s->last_command, &s->last_at);
    if (!p.scan.failed && p.scan.now.kind != TOKEN_END) parse_expected(&p, _("a time"));
    if (!p.scan.failed && s->events_n == 0) scan_fail(&p.scan, p.scan.now.at, _("there is no event here"));
    return !p.scan.failed;
}

struct script *script_parse(const char *path, const char *text, size_t len, const struct overrides *over,
                            struct drill_error *err) {
    struct arena *arena = arena_new();
    struct script *s = arena != NULL ? arena_take(arena, sizeof *s) : NULL;
    memset(err, 0, sizeof *err);
    if (s == NULL || (s->source = arena_copy(arena, text, len)) == NULL) {
        snprintf(err->text, sizeof err->text, "%s", tern_strerror(TERN_ENOMEM, i18n_lang()));
        arena_free(arena);
        return NULL;
    }
    s->arena = arena;
    s->path = arena_copy(arena, path, strlen(path));
    s->source_len = len;
    drill_options_default(&s->options);
    if (s->path != NULL && parse_all(s, over != NULL ? over : &none, err)) return s;
    script_free(s);
    return NULL;
}

struct script *script_read(const char *path, const struct overrides *over, struct drill_error *err) {
    FILE *file = fopen(path, "rb");
    char *text = malloc(SOURCE_MOST + 1);
    size_t n = file != NULL && text != NULL ? fread(text, 1, SOURCE_MOST + 1, file) : 0;
    int error = file == NULL ? errno : text == NULL ? ENOMEM : ferror(file) ? EIO : n > SOURCE_MOST ? EFBIG : 0;
    struct script *s = NULL;
    memset(err, 0, sizeof *err);
    if (file != NULL) fclose(file);
    if (error != 0)
        snprintf(err->text, sizeof err->text, "%s", i18n_error(error));
    else
        s = script_parse(path, text, n, over, err);
    free(text);
    return s;
}

void script_free(struct script *s) {
    if (s != NULL) arena_free(s->arena);
}

const char *script_line(const struct script *s, unsigned line, size_t *len) {
    const char *at = s->source, *end = at + s->source_len;
    for (; line > 1 && at < end; line--) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        at = stop != NULL ? stop + 1 : end;
    }
    const char *stop = memchr(at, '\n', (size_t)(end - at));
    *len = (size_t)((stop != NULL ? stop : end) - at);
    return at;
}
