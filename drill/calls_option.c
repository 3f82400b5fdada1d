/* calls_option.c - getsockopt and setsockopt: values as numbers, texts, and struct linger. See calls.h. */
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "drill/run.h"
#include "po/i18n.h"

enum { VALUE_MOST = 512 };

static bool linger_of(struct frame *f, const struct expr *e, struct linger *out) {
    const struct expr *on = expr_field(e, "onoff"), *time = expr_field(e, "linger");
    if (on == NULL || time == NULL) return false;
    out->l_onoff = (int)frame_integer(f, on);
    out->l_linger = (int)frame_integer(f, time);
    return true;
}

/* Writes the value that the script states; returns its size. */
static size_t value_of(struct frame *f, const struct expr *e, uint8_t value[VALUE_MOST]) {
    struct linger l;
    if (e->kind == EXPR_LIST && e->first != NULL && e->first->next == NULL) e = e->first;
    if (e->kind == EXPR_STRING && e->text_len < VALUE_MOST) {
        memcpy(value, e->text, e->text_len);
        return e->text_len;
    }
    if (e->kind == EXPR_BRACE) {
        const struct expr *sec = expr_field(e, "tv_sec"), *usec = expr_field(e, "tv_usec");
        if (linger_of(f, e, &l)) {
            memcpy(value, &l, sizeof l);
            return sizeof l;
        }
        if (sec != NULL && usec != NULL) {
            struct timeval t = {frame_integer(f, sec), frame_integer(f, usec)};
            memcpy(value, &t, sizeof t);
            return sizeof t;
        }
        frame_wrong(f, e, _("a value is a number, a text, {onoff=1, linger=5} or {tv_sec=1, tv_usec=0}"));
        return 0;
    }
    int number = (int)frame_integer(f, e);
    memcpy(value, &number, sizeof number);
    return sizeof number;
}

int64_t make_setsockopt(struct frame *f) {
    uint8_t value[VALUE_MOST] = {0};
    const void *at = value;
    size_t n = 0;
    if (f->arg[3]->kind == EXPR_INTEGER && f->arg[3]->value == 0 && frame_integer(f, f->arg[4]) == 0)
        at = NULL;
    else
        n = value_of(f, f->arg[3], value);
    socklen_t len = f->arg[4]->kind == EXPR_ELLIPSIS ? (socklen_t)n : (socklen_t)frame_integer(f, f->arg[4]);
    if (f->out->kind == OUTCOME_WRONG) return -1;
    if (len > VALUE_MOST) len = VALUE_MOST;
    return px_setsockopt(f->run->world.posix, f->fd, (int)frame_integer(f, f->arg[1]), (int)frame_integer(f, f->arg[2]),
                         at, len);
}

static const struct expr *length_of(const struct frame *f) {
    const struct expr *e = f->arg[4];
    return e->kind == EXPR_LIST && e->first != NULL ? e->first : e;
}

int64_t make_getsockopt(struct frame *f) {
    uint8_t *value = frame_memory(f, VALUE_MOST);
    socklen_t *len = frame_memory(f, sizeof *len);
    if (value == NULL || len == NULL) return -1;
    const struct expr *e = length_of(f);
    *len = e->kind == EXPR_ELLIPSIS ? VALUE_MOST : (socklen_t)frame_integer(f, e);
    if (f->arg[3]->kind == EXPR_STRING) *len = VALUE_MOST; /* a text: its length is what comes back */
    if (*len > VALUE_MOST && *len <= INT32_MAX) *len = VALUE_MOST;
    return px_getsockopt(f->run->world.posix, f->fd, (int)frame_integer(f, f->arg[1]), (int)frame_integer(f, f->arg[2]),
                         value, len);
}

void done_getsockopt(struct frame *f) {
    const uint8_t *got = f->memory[0];
    const struct expr *e = f->arg[3], *len = length_of(f);
    uint8_t want[VALUE_MOST] = {0};
    int number = 0;
    if (f->out->result < 0) return;
    socklen_t got_len = *(const socklen_t *)f->memory[1];
    if (e->kind == EXPR_LIST && e->first != NULL) e = e->first;
    if (e->kind == EXPR_ELLIPSIS) return;
    if (e->kind == EXPR_STRING) {
        if (e->text_len > strlen((const char *)got) || memcmp(got, e->text, e->text_len) != 0)
            frame_wrong(f, e, _("the value is \"%.100s\""), (const char *)got);
        return;
    }
    if (len->kind == EXPR_INTEGER && len->value != got_len)
        frame_wrong(f, len, _("the value takes %u bytes"), (unsigned)got_len);
    size_t n = value_of(f, e, want);
    memcpy(&number, got, sizeof number);
    if (got_len < sizeof number && got_len > 0) number = got[0];
    if (memcmp(got, want, got_len < n ? got_len : n) == 0) return;
    if (e->kind == EXPR_BRACE)
        frame_wrong(f, e, _("the value is another one"));
    else
        frame_wrong(f, e, _("the value is %d"), number);
}
