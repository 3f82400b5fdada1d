/* play_show.c - one run on the screen: its ladder at the pace that was asked for, and the verdict; or the same as
 * JSON Lines. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "cli/play.h"
#include "lens/text.h"
#include "lens/peek.h"
#include "lens/markup.h"
#include "lens/trace_json.h"

#define LONGEST_WAIT_NS 1500000000u

/* ---- pace ---- */

static void wait_real(uint64_t ns) {
    struct timespec t = {(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)};
    nanosleep(&t, NULL);
}

/* Time passes as in the run, divided by the speed; without --speed nobody waits long for nothing. */
static void pace(const struct play_options *o, uint64_t gap_ns) {
    if (o->fast || o->step || gap_ns == 0) return;
    double ns = (double)gap_ns / o->speed;
    if (!o->paced && ns > LONGEST_WAIT_NS) ns = LONGEST_WAIT_NS;
    wait_real(ns > 1e18 ? (uint64_t)1e18 : (uint64_t)ns);
}

/* One key, without Enter where that is possible. False: q, or no more keys will come. */
static bool key(void) {
    struct termios before, raw;
    unsigned char c = 0;
    bool terminal = tcgetattr(STDIN_FILENO, &before) == 0;
    fflush(stdout);
    if (terminal) {
        raw = before;
        raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        raw.c_cc[VMIN] = 1;
        raw.c_cc[VTIME] = 0;
        tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
    }
    ssize_t n = read(STDIN_FILENO, &c, 1);
    if (terminal) tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
    return n == 1 && c != 'q';
}

/* A key for each segment that arrives or is lost. */
static bool step(const struct play_options *o, const struct tape_entry *e) {
    bool segment = e->kind == TAPE_LOST || (e->kind == TAPE_RECORD && e->record.kind == TERN_TRACE_SEGMENT_IN);
    return !o->step || !segment || key();
}

/* ---- text ---- */

static void wrapped(const char *text, unsigned width) {
    while (*text != '\0') {
        size_t n = text_wrap(text, width);
        printf("%.*s\n", (int)n, text);
        text += n;
        while (*text == ' ') text++;
    }
}

static unsigned columns(void) {
    unsigned width = terminal_width(STDOUT_FILENO, 80);
    return width > 100 ? 100 : width;
}

void play_heading(const struct scenario *s) {
    enum tern_lang lang = i18n_lang();
    const char *about = s->about[lang][0] != '\0' ? s->about[lang] : s->about[TERN_EN];
    printf("%s: %s\n", s->name, play_text(&s->title, lang));
    if (about[0] != '\0') printf("\n");
    wrapped(about, columns());
    if (s->figure[0] != '\0') printf(_("RFC 9293, figure %s.\n"), s->figure);
}

static void verdict(const struct play_result *r) {
    for (unsigned i = 0; i < r->failed && i < PLAY_FAILURES; i++) printf("  ✗ %s\n", r->failure[i]);
    if (r->failed == 0)
        printf(_("All %u things that must be true here are true.\n"), r->checks);
    else
        printf(_("%u of %u things that must be true here are not.\n"), r->failed, r->checks);
}

/* The ladder, entry by entry. False: the reader has had enough. */
static bool ladder(const struct play_result *r, const struct play_options *o, const struct ladder_options *lo) {
    struct ladder *l = ladder_new(lo);
    uint64_t now = 0;
    bool going = l != NULL;
    for (size_t i = 0; i < r->tape.n && going; i++) {
        const struct tape_entry *e = &r->tape.entry[i];
        pace(o, e->time_ns > now ? e->time_ns - now : 0);
        now = e->time_ns;
        going = step(o, e);
        if (going) tape_ladder(e, l, lo->lang);
    }
    ladder_free(l);
    return going;
}

int play_show(const struct scenario *s, unsigned take, const struct play_result *r, struct play_options *o) {
    FILE *out = o->quiet ? fopen("/dev/null", "we") : stdout;
    if (out == NULL) return trouble(_("%s: cannot open: %s"), "/dev/null", i18n_error(errno));
    const char *title = play_text(s->takes > 1 ? &s->take[take].title : &s->title, i18n_lang());
    struct ladder_options lo = look_for(&o->look, stdout);
    lo.out = out;
    lo.both = true;
    lo.absolute |= s->wire && !o->against; /* Linux chooses its own numbers */
    for (int end = 0; end < 2; end++) {
        lo.name[end] = r->name[end];
        lo.initial[end] = (int)r->initial[end];
    }
    int code = pictures_begin(&o->pictures, title, &lo);
    if (code != 0) return code;
    if (!o->quiet) printf("\n");
    if (!o->quiet && s->takes > 1) wrapped(title, columns());
    bool going = ladder(r, o, &lo);
    code = pictures_end(&o->pictures);
    if (o->quiet) {
        fclose(out);
        return code;
    }
    printf("\n");
    if (going) verdict(r);
    return code != 0 ? code : going ? 0 : NODE_DONE;
}

/* ---- JSON ---- */

static void json_verdict(const struct play_result *r) {
    tern_transition t;
    bool any = false;
    printf("{\"kind\":\"verdict\",\"end_ns\":%llu,\"checks\":%u,\"failed\":%u,\"failures\":[",
           (unsigned long long)r->end_ns, r->checks, r->failed);
    for (unsigned i = 0; i < r->failed && i < PLAY_FAILURES; i++) {
        printf(i > 0 ? "," : "");
        json_put(stdout, r->failure[i]);
    }
    printf("],\"edges\":[");
    for (size_t i = 0; i < PLAY_EDGES && tern_transition_at(i, &t); i++) {
        if (!r->walked[i]) continue;
        printf("%s[\"%s\",\"%s\",\"%s\"]", any ? "," : "", tern_state_name(t.from), t.event, tern_state_name(t.to));
        any = true;
    }
    printf("]}\n");
}

static void json_entry(const struct tape_entry *e) {
    char host[2] = {(char)('A' + e->end), '\0'};
    struct peek p;
    char flags[40];
    if (e->kind == TAPE_RECORD) {
        trace_json_record(stdout, host, &e->record);
        return;
    }
    printf("{\"time_ns\":%llu,", (unsigned long long)e->time_ns);
    if (e->kind == TAPE_SAY) {
        printf("\"kind\":\"say\",\"text\":");
        json_put(stdout, play_text(e->words, i18n_lang()));
    } else if (e->kind == TAPE_TIMER) {
        printf("\"host\":\"%s\",\"kind\":\"timer_runs\",\"local_port\":%u,\"remote_port\":%u,\"timer\":", host,
               e->record.flow.local_port, e->record.flow.remote_port);
        json_put(stdout, e->record.timer != NULL ? e->record.timer : "");
        printf(",\"due_ns\":%llu", (unsigned long long)e->due_ns);
    } else if (e->kind == TAPE_STATE) {
        printf("\"host\":\"%s\",\"kind\":\"crash\",\"state\":\"%s\"", host, tern_state_name(e->record.state));
    } else {
        printf("\"host\":\"%s\",\"kind\":\"%s\"", host, e->kind == TAPE_LOST ? "lost" : "foreign");
        if (peek_tcp(e->bytes, e->len, &p))
            printf(",\"segment\":{\"flags\":\"%s\",\"seq\":%u,\"ack\":%u,\"len\":%u}", flags_text(p.flags, flags),
                   p.seq, p.ack, p.len);
    }
    printf("}\n");
}

void play_json(const struct scenario *s, unsigned take, int linux_end, const struct play_result *r, bool first) {
    if (first) {
        printf("{\"schema\":\"tern.play/1\",\"kind\":\"start\",\"scenario\":");
        json_put(stdout, s->name);
        printf(",\"title\":");
        json_put(stdout, play_text(&s->title, i18n_lang()));
        printf(",\"version\":\"%s\"}\n", tern_version());
    }
    printf("{\"kind\":\"run\",\"number\":%u,\"name\":", take + 1);
    json_put(stdout, s->take[take].name);
    printf(",\"title\":");
    json_put(stdout, play_text(&s->take[take].title, i18n_lang()));
    if (linux_end >= 0) printf(",\"linux\":\"%c\"", 'A' + linux_end);
    printf("}\n");
    for (size_t i = 0; i < r->tape.n; i++) json_entry(&r->tape.entry[i]);
    json_verdict(r);
}
