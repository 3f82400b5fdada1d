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
    while (!parse_is_sign(p, close) && !p->scan.failed) {
        struct expr *e = expression(p, depth + 1);
        if (e == NULL) return n;
        *first = e;
        first = &e->next;
        if (++n > ARGUMENTS_MOST) scan_fail(&p->scan, e->at, _("too many elements"));
        if (!parse_sign(p, ',')) break;
    }
    parse_need(p, close);
    return n;
}

static void string(struct parse *p, struct expr *e) {
    e->kind = EXPR_STRING;
    while (p->scan.now.kind == TOKEN_STRING && !p->scan.failed) {
        size_t len = e->text_len + p->scan.now.len;
        char *all = parse_take(p, len + 1);
        if (all == NULL) return;
        if (e->text_len > 0) memcpy(all, e->text, e->text_len);
        memcpy(all + e->text_len, p->scan.now.text, p->scan.now.len);
        e->text = all;
        e->text_len = len;
        scan_next(&p->scan);
    }
}

/* A symbol; a field "name=", "name(...)="; or a call "htons(1)". */
static void named(struct parse *p, struct expr *e, unsigned depth) {
    e->text = arena_copy(p->script->arena, p->scan.now.text, strlen(p->scan.now.text));
    scan_next(&p->scan);
    bool known = symbol_find(e->text, &e->value);
    if (parse_sign(p, '(')) {
        e->kind = EXPR_CALL;
        elements(p, &e->first, ')', depth);
    }
    if (parse_is_sign(p, '=') && depth > 1) {
        struct expr *value;
        scan_next(&p->scan);
        value = expression(p, depth);
        if (value == NULL) return;
        struct place at = e->at;
        char *name = e->text;
        *e = *value;
        e->at = at;
        e->field = name;
        return;
    }
    if (e->kind == EXPR_INTEGER && !known) scan_fail(&p->scan, e->at, _("there is no symbol '%s'"), e->text);
}

static void primary(struct parse *p, struct expr *e, unsigned depth) {
    const struct token *t = &p->scan.now;
    if (t->kind == TOKEN_STRING) {
        string(p, e);
    } else if (t->kind == TOKEN_WORD) {
        named(p, e, depth);
    } else if (t->kind == TOKEN_ELLIPSIS) {
        e->kind = EXPR_ELLIPSIS;
        scan_next(&p->scan);
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
    e->at = p->scan.now.at;
    if (depth > DEPTH) {
        scan_fail(&p->scan, e->at, _("nested too deep"));
        return NULL;
    }
    primary(p, e, depth);
    while (e->kind == EXPR_INTEGER && parse_sign(p, '|') && !p->scan.failed) {
        struct expr more = {.at = p->scan.now.at};
        primary(p, &more, depth);
        if (more.kind != EXPR_INTEGER) scan_fail(&p->scan, more.at, _("'|' joins numbers"));
        e->value |= more.value;
    }
    return p->scan.failed ? NULL : e;
}

/* "EINPROGRESS (Operation now in progress)": text in parentheses says nothing to us, but may name flags. */
static void comment(struct parse *p) {
    if (!parse_is_sign(p, '(')) return;
    struct place at = p->scan.now.at;
    size_t n = (size_t)(strcspn(p->scan.now.from, ")\n"));
    if (p->scan.now.from[n] != ')') {
        scan_fail(&p->scan, at, _("this comment has no ')' in its line"));
        return;
    }
    scan_take(&p->scan, n + 1);
}

static void result(struct parse *p, struct call *c) {
    c->result = expression(p, 1);
    if (c->result == NULL) return;
    if (c->result->kind != EXPR_INTEGER && c->result->kind != EXPR_ELLIPSIS)
        scan_fail(&p->scan, c->result->at, _("a call's result is a number or ..."));
    if (p->scan.now.kind == TOKEN_WORD) {
        c->error = errno_find(p->scan.now.text);
        if (c->error == 0)
            parse_expected(p, _("the name of an error"));
        else
            scan_next(&p->scan);
    }
    comment(p);
}

struct call *parse_call(struct parse *p) {
    struct call *c = parse_take(p, sizeof *c);
    if (c == NULL) return NULL;
    struct place at = p->scan.now.at;
    c->name = arena_copy(p->script->arena, p->scan.now.text, strlen(p->scan.now.text));
    c->def = call_find(c->name);
    scan_next(&p->scan);
    if (c->def == NULL) {
        scan_fail(&p->scan, at, _("there is no call '%s'"), c->name);
        return c;
    }
    parse_need(p, '(');
    if (p->scan.failed) return c;
    c->args_n = elements(p, &c->args, ')', 0);
    if (!p->scan.failed && (c->args_n > c->def->args || c->args_n < c->def->args - c->def->args_optional))
        scan_fail(&p->scan, at, _("%s takes %u arguments, not %u"), c->name, c->def->args, c->args_n);
    parse_need(p, '=');
    if (!p->scan.failed) result(p, c);
    return c;
}
