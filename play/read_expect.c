/* read_expect.c - the lines `expect` of a scenario: what must be true. */
#include "play/read.h"

#include <string.h>

#include "po/i18n.h"

static const struct {
    const char *name;
    int error;
} ends[] = {
    {"fine", TERN_OK},         {"reset", TERN_ERESET},      {"refused", TERN_EREFUSED}, {"timeout", TERN_ETIMEDOUT},
    {"aborted", TERN_ECLOSED}, {"in-use", TERN_EADDRINUSE}, {"no-port", TERN_EPORTS},
};

static bool ended(struct lex *l, struct play_expect *e) {
    e->kind = EXPECT_END;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        if (!lex_is(l, ends[i].name)) continue;
        e->error = ends[i].error;
        return lex_over(l);
    }
    return lex_expected(l, N_("how it ended: fine, reset, refused, timeout, aborted, in-use or no-port"));
}

static bool path(struct lex *l, struct play_expect *e) {
    e->kind = EXPECT_PATH;
    do {
        if (e->steps == PLAY_PATH) return lex_fail(l, 1, _("more than %d states"), PLAY_PATH);
        if (!lex_state(l, &e->path[e->steps++])) return false;
    } while (l->next < l->words);
    return true;
}

static bool of_host(struct lex *l, struct play_expect *e) {
    if (!lex_who(l, &e->who)) return false;
    if (lex_is(l, "path")) return path(l, e);
    if (lex_is(l, "ended")) return ended(l, e);
    if (lex_is(l, "received")) {
        e->kind = EXPECT_RECEIVED;
    } else if (lex_is(l, "accepted")) {
        e->kind = EXPECT_ACCEPTED;
    } else if (lex_is(l, "wrong")) {
        e->kind = EXPECT_WRONG;
        e->value = lex_is(l, "yes");
        return (e->value == 1 || lex_must(l, "no")) && lex_over(l);
    } else {
        return lex_expected(l, N_("path STATE..., ended HOW, received BYTES, accepted NUMBER or wrong yes|no"));
    }
    return lex_count(l, 1u << 30, &e->value) && lex_over(l);
}

static bool details(struct lex *l, struct play_expect *e) {
    uint64_t v;
    while (l->next < l->words) {
        if (lex_key(l, "seq")) {
            if (!lex_number(l, &e->seq)) return false;
        } else if (lex_key(l, "ack")) {
            if (!lex_number(l, &e->ack)) return false;
        } else if (lex_key(l, "len")) {
            if (!lex_count(l, 65535, &v)) return false;
            e->len = (uint32_t)v;
            e->has_len = true;
        } else if (lex_is(l, "at")) {
            if (!lex_time(l, &e->time_ns)) return false;
            e->has_time = true;
        } else if (lex_is(l, "lost")) {
            e->lost = true;
        } else if (lex_key(l, "A")) {
            if (!lex_state(l, &e->state[0])) return false;
            e->has_state[0] = true;
        } else if (lex_key(l, "B")) {
            if (!lex_state(l, &e->state[1])) return false;
            e->has_state[1] = true;
        } else {
            return lex_expected(l, N_("seq=, ack=, len=, at TIME, lost, A=STATE or B=STATE"));
        }
    }
    return true;
}

bool read_expect(struct lex *l, struct play_take *take) {
    if (take->expects == PLAY_EXPECTS) return lex_fail(l, 1, _("more than %d lines with 'expect'"), PLAY_EXPECTS);
    struct play_expect *e = &take->expect[take->expects];
    memset(e, 0, sizeof *e);
    e->at = (struct play_place){l->line, 1};
    const char *s = lex_peek(l);
    bool fine;
    if (lex_is(l, "never")) {
        e->kind = EXPECT_NEVER;
        fine = read_match(l, &e->match, true) && lex_over(l);
    } else if (lex_is(l, "total")) {
        e->kind = EXPECT_TOTAL;
        fine = read_match(l, &e->match, false) && lex_count(l, 1u << 30, &e->value) && lex_over(l);
    } else if ((s[0] == 'A' || s[0] == 'B') && s[1] == '>') {
        e->kind = EXPECT_SEGMENT;
        fine = read_match(l, &e->match, false) && details(l, e);
    } else if (s[0] == 'A' || s[0] == 'B') {
        fine = of_host(l, e);
    } else {
        return lex_expected(l, N_("never, total, a direction like A>B, or a host"));
    }
    take->expects += fine;
    return fine;
}
