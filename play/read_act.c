/* read_act.c - the lines `at` and `when` of a scenario: what applications, strangers and the narrator do. */
#include "play/read.h"

#include <string.h>

#include "po/i18n.h"

static const struct {
    const char *name;
    enum tern_option option;
} options[] = {
    {"nodelay", TERN_OPT_NODELAY},
    {"cork", TERN_OPT_CORK},
    {"send-buffer", TERN_OPT_SEND_BUFFER},
    {"receive-buffer", TERN_OPT_RECEIVE_BUFFER},
    {"keepalive", TERN_OPT_KEEPALIVE},
    {"keepalive-idle-ms", TERN_OPT_KEEPALIVE_IDLE_MS},
    {"keepalive-interval-ms", TERN_OPT_KEEPALIVE_INTERVAL_MS},
    {"keepalive-probes", TERN_OPT_KEEPALIVE_PROBES},
    {"user-timeout-ms", TERN_OPT_USER_TIMEOUT_MS},
    {"linger-ms", TERN_OPT_LINGER_MS},
    {"zero-window-ms", TERN_OPT_ZERO_WINDOW_MS},
    {"mss", TERN_OPT_MSS},
};

static bool option(struct lex *l, struct play_act *a) {
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        if (!lex_is(l, options[i].name)) continue;
        a->verb = DO_OPTION;
        a->option = options[i].option;
        return lex_count(l, UINT32_MAX, &a->value) && lex_over(l);
    }
    return lex_expected(l, N_("an option: nodelay, cork, send-buffer, receive-buffer, keepalive, keepalive-idle-ms, "
                              "keepalive-interval-ms, keepalive-probes, user-timeout-ms, linger-ms, zero-window-ms or "
                              "mss"));
}

static bool listen_line(struct lex *l, struct play_act *a) {
    uint16_t port;
    a->verb = DO_LISTEN;
    if (!lex_port(l, &port)) return false;
    a->value = port;
    if (lex_is(l, "backlog") && !lex_count(l, 65535, &a->count)) return false;
    a->hold = lex_is(l, "unaccepted");
    return lex_over(l);
}

static bool connect_line(struct lex *l, struct play_act *a) {
    uint16_t port;
    a->verb = DO_CONNECT;
    a->self = lex_is(l, "self");
    if (!lex_port(l, &port)) return false;
    a->value = port;
    if (lex_is(l, "from")) {
        if (!lex_port(l, &port)) return false;
        a->count = port;
    }
    a->fast = lex_is(l, "fast");
    return lex_over(l);
}

static bool amount(struct lex *l, struct play_act *a, enum play_verb verb) {
    a->verb = verb;
    return lex_count(l, 1u << 30, &a->value) && lex_over(l);
}

static bool plain(struct lex *l, struct play_act *a, enum play_verb verb) {
    a->verb = verb;
    return lex_over(l);
}

static bool user_call(struct lex *l, struct play_act *a) {
    uint16_t port;
    if (lex_is(l, "listen")) return listen_line(l, a);
    if (lex_is(l, "connect")) return connect_line(l, a);
    if (lex_is(l, "send")) return amount(l, a, DO_SEND);
    if (lex_is(l, "read")) return amount(l, a, DO_READ);
    if (lex_is(l, "pause")) return plain(l, a, DO_PAUSE);
    if (lex_is(l, "resume")) return plain(l, a, DO_RESUME);
    if (lex_is(l, "shutdown")) return plain(l, a, DO_SHUTDOWN);
    if (lex_is(l, "close")) return plain(l, a, DO_CLOSE);
    if (lex_is(l, "abort")) return plain(l, a, DO_ABORT);
    if (lex_is(l, "crash")) return plain(l, a, DO_CRASH);
    if (lex_is(l, "set")) return option(l, a);
    if (!lex_is(l, "unlisten"))
        return lex_expected(l,
                            N_("listen, connect, send, read, pause, resume, shutdown, close, abort, set, unlisten or "
                               "crash"));
    a->verb = DO_UNLISTEN;
    if (!lex_port(l, &port)) return false;
    a->value = port;
    return lex_over(l);
}

/* ---- segments out of nowhere ---- */

static bool from_where(struct lex *l, struct play_forged *f) {
    tern_addr addr;
    if (tern_addr_parse(lex_peek(l), &addr) == TERN_OK && addr.family == 4) {
        f->from = addr;
        l->next++;
        return true;
    }
    return lex_port(l, &f->from_port);
}

static bool inject(struct lex *l, struct play_act *a) {
    struct play_forged *f = &a->forged;
    uint64_t v;
    a->verb = DO_INJECT;
    f->window = 65535;
    f->times = 1;
    if (!lex_end(l, &a->who.end) || !lex_flags(l, &f->flags)) return false;
    while (l->next < l->words) {
        if (lex_key(l, "seq")) {
            if (!lex_number(l, &f->seq)) return false;
        } else if (lex_key(l, "ack")) {
            if (!lex_number(l, &f->ack)) return false;
        } else if (lex_key(l, "len")) {
            if (!lex_count(l, 1400, &v)) return false;
            f->len = (uint32_t)v;
        } else if (lex_key(l, "win")) {
            if (!lex_count(l, 65535, &v)) return false;
            f->window = (uint16_t)v;
        } else if (lex_key(l, "mss")) {
            if (!lex_count(l, 65535, &v)) return false;
            f->mss = (uint16_t)v;
        } else if (lex_key(l, "times")) {
            if (!lex_count(l, 10000, &v)) return false;
            f->times = (uint32_t)v;
        } else if (lex_is(l, "from")) {
            if (!from_where(l, f)) return false;
        } else if (lex_is(l, "port")) {
            if (!lex_port(l, &f->from_port)) return false;
        } else if (lex_is(l, "to")) {
            if (!lex_port(l, &f->to_port)) return false;
        } else {
            return lex_expected(l, N_("seq=, ack=, len=, win=, mss=, times=, from ADDRESS, port PORT or to PORT"));
        }
    }
    return true;
}

/* ---- lines ---- */

static bool expect(struct lex *l, struct play_act *a) {
    if (!lex_who(l, &a->who)) return false;
    a->verb = DO_EXPECT_STATE;
    if (lex_is(l, "count")) a->verb = DO_EXPECT_COUNT;
    if (!lex_state(l, &a->state)) return false;
    if (a->verb == DO_EXPECT_COUNT && !lex_count(l, 1u << 20, &a->value)) return false;
    return lex_over(l);
}

static bool cause(struct lex *l, struct play_act *a) {
    if (!lex_who(l, &a->cause)) return false;
    if (lex_is(l, "eof"))
        a->when = WHEN_EOF;
    else if (lex_is(l, "sent"))
        a->when = WHEN_SENT;
    else if (lex_is(l, "ended"))
        a->when = WHEN_ENDED;
    else if (lex_is(l, "received")) {
        a->when = WHEN_DATA;
        if (!lex_count(l, 1u << 30, &a->cause_bytes)) return false;
    } else {
        a->when = WHEN_STATE;
        if (tern_state_parse(lex_peek(l), &a->cause_state) < 0)
            return lex_expected(l, N_("a state, eof, sent, ended or received BYTES"));
        l->next++;
    }
    return !lex_is(l, "after") || lex_time(l, &a->delay_ns);
}

bool read_act(struct lex *l, struct play_take *take, bool timed) {
    if (take->acts == PLAY_ACTS) return lex_fail(l, 1, _("more than %d lines with 'at' or 'when'"), PLAY_ACTS);
    struct play_act *a = &take->act[take->acts];
    memset(a, 0, sizeof *a);
    if (timed ? !lex_time(l, &a->at_ns) : !cause(l, a)) return false;
    a->at = lex_place(l);
    bool fine;
    if (lex_is(l, "say")) {
        a->verb = DO_SAY;
        fine = lex_text(l, a->words.text[TERN_EN], PLAY_TEXT);
    } else if (lex_is(l, "inject")) {
        fine = inject(l, a);
    } else if (lex_is(l, "expect")) {
        fine = expect(l, a);
    } else {
        const char *s = lex_peek(l);
        if (s[0] != 'A' && s[0] != 'B') return lex_expected(l, N_("a host with what it does, say, inject or expect"));
        fine = lex_who(l, &a->who) && user_call(l, a);
    }
    take->acts += fine;
    return fine;
}

bool read_say_zh(struct lex *l, struct play_take *take) {
    struct play_act *a = take->acts > 0 ? &take->act[take->acts - 1] : NULL;
    if (a == NULL || a->verb != DO_SAY) return lex_fail(l, 1, _("'say-zh' follows a line with 'say'"));
    return lex_text(l, a->words.text[TERN_ZH], PLAY_TEXT);
}
