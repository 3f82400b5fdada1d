/* parse_call.c - a call: name(arguments) = result ERRNO (comment), and the expressions in it. */
#include <string.h>

#include "drill/calls.h"
#include "drill/names.h"
#include "drill/parse.h"
#include "po/i18n.h"

enum { DEPTH = 12, ARGUMENTS_MOST = 64 };

static struct expr *expression(struct parse *p, unsigned depth);

/* Elements up to `close`. Within braces an element may be name=value or name(...)=value. */
static unsigned elements(struct parse *p, struct expr **first, char close, unsigned depth) {
    unsigned n = 0;
    while (!parse_is_sign(p, close) && !p->lex.failed) {
        struct expr *e = expression(p, depth + 1);
        if (e == NULL) return n;
        *first = e;
        first = &e->next;
        if (++n > ARGUMENTS_MOST) lex_fail(&p->lex, e->at, _("too many elements"));
        if (!parse_sign(p, ',')) break;
    }
    parse_need(p, close);
    return n;
}

static void string(struct parse *p, struct expr *e) {
    e->kind = EXPR_STRING;
    while (p->lex.now.kind == TOKEN_STRING && !p->lex.failed) {
        size_t len = e->text_len + p->lex.now.len;
        char *all = parse_take(p, len + 1);
        if (all == NULL) return;
        if (e->text_len > 0) memcpy(all, e->text, e->text_len);
        memcpy(all + e->text_len, p->lex.now.text, p->lex.now.len);
        e->text = all;
        e->text_len = len;
        lex_next(&p->lex);
    }
}

/* A symbol; a field "name=", "name(...)="; or a call "htons(1)". */
static void named(struct parse *p, struct expr *e, unsigned depth) {
    e->text = arena_copy(p->script->arena, p->lex.now.text, strlen(p->lex.now.text));
    lex_next(&p->lex);
    bool known = symbol_find(e->text, &e->value);
    if (parse_sign(p, '(')) {
        e->kind = EXPR_CALL;
        elements(p, &e->first, ')', depth);
    }
    if (parse_is_sign(p, '=') && depth > 1) {
        struct expr *value;
        lex_next(&p->lex);
        value = expression(p, depth);
        if (value == NULL) return;
        struct place at = e->at;
        char *name = e->text;
        *e = *value;
        e->at = at;
        e->field = name;
        return;
    }
    if (e->kind == EXPR_INTEGER && !known) lex_fail(&p->lex, e->at, _("there is no symbol '%s'"), e->text);
}

static void primary(struct parse *p, struct expr *e, unsigned depth) {
    const struct token *t = &p->lex.now;
    if (t->kind == TOKEN_STRING) {
        string(p, e);
    } else if (t->kind == TOKEN_WORD) {
        named(p, e, depth);
    } else if (t->kind == TOKEN_ELLIPSIS) {
        e->kind = EXPR_ELLIPSIS;
        lex_next(&p->lex);
    } else if (parse_sign(p, '[')) {
        e->kind = EXPR_LIST;
        elements(p, &e->first, ']', depth);
    } else if (parse_sign(p, '{')) {
        e->kind = EXPR_BRACE;
        elements(p, &e->first, '}', depth);
    } else {
        e->value = parse_number(p, _("a value"), INT64_MIN + 1, INT64_MAX);
    }
}

static struct expr *expression(struct parse *p, unsigned depth) {
    struct expr *e = parse_take(p, sizeof *e);
    if (e == NULL) return NULL;
    e->at = p->lex.now.at;
    if (depth > DEPTH) {
        lex_fail(&p->lex, e->at, _("nested too deep"));
        return NULL;
    }
    primary(p, e, depth);
    while (e->kind == EXPR_INTEGER && parse_sign(p, '|') && !p->lex.failed) {
        struct expr more = {.at = p->lex.now.at};
        primary(p, &more, depth);
        if (more.kind != EXPR_INTEGER) lex_fail(&p->lex, more.at, _("'|' joins numbers"));
        e->value |= more.value;
    }
    return p->lex.failed ? NULL : e;
}

/* "EINPROGRESS (Operation now in progress)": text in parentheses says nothing to us, but may name flags. */
static void comment(struct parse *p) {
    if (!parse_is_sign(p, '(')) return;
    struct place at = p->lex.now.at;
    size_t n = (size_t)(strcspn(p->lex.now.from, ")\n"));
    if (p->lex.now.from[n] != ')') {
        lex_fail(&p->lex, at, _("this comment has no ')' in its line"));
        return;
    }
    lex_take(&p->lex, n + 1);
}

static void result(struct parse *p, struct call *c) {
    c->result = expression(p, 1);
    if (c->result == NULL) return;
    if (c->result->kind != EXPR_INTEGER && c->result->kind != EXPR_ELLIPSIS)
        lex_fail(&p->lex, c->result->at, _("a call's result is a number or ..."));
    if (p->lex.now.kind == TOKEN_WORD) {
        c->error = errno_find(p->lex.now.text);
        if (c->error == 0)
            parse_expected(p, _("the name of an error"));
        else
            lex_next(&p->lex);
    }
    comment(p);
}

struct call *parse_call(struct parse *p) {
    struct call *c = parse_take(p, sizeof *c);
    if (c == NULL) return NULL;
    struct place at = p->lex.now.at;
    c->name = arena_copy(p->script->arena, p->lex.now.text, strlen(p->lex.now.text));
    c->def = call_find(c->name);
    lex_next(&p->lex);
    if (c->def == NULL) {
        lex_fail(&p->lex, at, _("there is no call '%s'"), c->name);
        return c;
    }
    parse_need(p, '(');
    if (p->lex.failed) return c;
    c->args_n = elements(p, &c->args, ')', 0);
    if (!p->lex.failed && (c->args_n > c->def->args || c->args_n < c->def->args - c->def->args_optional))
        lex_fail(&p->lex, at, _("%s takes %u arguments, not %u"), c->name, c->def->args, c->args_n);
    parse_need(p, '=');
    if (!p->lex.failed) result(p, c);
    return c;
}
