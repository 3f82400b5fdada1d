/* player.c - see player.h: the clock of a run, and what is due when. What is heard of the hosts is in trace.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "play/host.h"
#include "play/kernel.h"
#include "po/i18n.h"

#define TICK_NS 4000u /* of the clock that ISNs are taken from, RFC 9293 3.4.1 */
#define LIMIT_NS (3 * 86400ull * SIM_SECOND)
enum { ROUNDS_MAX = 2000000, TRIES = 6, BUFFER = 262144 };

uint64_t stage_now(const struct stage *g) { return g->sim->now - g->start_ns; }

bool grow(void **array, size_t *room, size_t n, size_t item, size_t max) {
    if (n < *room) return true;
    size_t want = *room > 0 ? 2 * *room : 16;
    void *more = want <= 2 * max ? realloc(*array, want * item) : NULL;
    if (more == NULL) return false;
    *array = more;
    *room = want;
    return true;
}

/* ---- names of connections ---- */

bool same_flow(const tern_flow *a, const tern_flow *b) {
    return a->local_port == b->local_port && a->remote_port == b->remote_port &&
           memcmp(a->local.bytes, b->local.bytes, 16) == 0 && memcmp(a->remote.bytes, b->remote.bytes, 16) == 0;
}

tern_flow turned(const tern_flow *f) { return (tern_flow){f->remote, f->local, f->remote_port, f->local_port}; }

bool who_is(const struct play_who *who, int end, const tern_flow *flow) {
    return who->end == end && (who->port == 0 || who->port == flow->local_port || who->port == flow->remote_port);
}

struct life *life_of(struct stage *g, int end, const tern_flow *flow, bool make) {
    for (size_t i = g->lives; i-- > 0;)
        if (g->life[i].end == end && same_flow(&g->life[i].flow, flow)) return &g->life[i];
    if (!make) return NULL;
    if (!grow((void **)&g->life, &g->lives_room, g->lives, sizeof *g->life, 4 * STAGE_CONNS)) {
        g->short_of_memory = true;
        return NULL;
    }
    struct life *l = &g->life[g->lives++];
    *l = (struct life){.end = end, .flow = *flow};
    return l;
}

struct life *life_find(struct stage *g, const struct play_who *who) {
    for (size_t i = g->lives; i-- > 0;)
        if (g->life[i].steps > 0 && who_is(who, g->life[i].end, &g->life[i].flow)) return &g->life[i];
    return NULL;
}

/* ---- cues and what is due ---- */

void cue_add(struct stage *g, const struct cue *cue) {
    if (g->cues < STAGE_CUES) g->cue[g->cues++] = *cue;
}

struct later *later_add(struct stage *g, uint64_t due_ns, int kind) {
    if (!grow((void **)&g->later, &g->laters_room, g->laters, sizeof *g->later, STAGE_LATER)) {
        g->short_of_memory = true;
        return NULL;
    }
    struct later *l = &g->later[g->laters++];
    *l = (struct later){.due_ns = due_ns, .kind = kind};
    return l;
}

static bool cued(const struct play_act *a, const struct cue *c) {
    if ((int)a->when != c->when || !who_is(&a->cause, c->end, &c->flow)) return false;
    if (a->when == WHEN_STATE) return a->cause_state == c->state;
    return true;
}

/* `received N` comes once, with the byte that completes it. */
static bool enough(const struct stage *g, const struct play_act *a, const struct cue *c) {
    if (a->when != WHEN_DATA) return true;
    for (size_t i = g->conns; i-- > 0;)
        if (g->conn[i].end == c->end && same_flow(&g->conn[i].flow, &c->flow))
            return c->bytes < a->cause_bytes && g->conn[i].received >= a->cause_bytes;
    return false;
}

static bool take_cues(struct stage *g) {
    bool any = g->cues > 0;
    for (unsigned i = 0; i < g->cues; i++) {
        struct cue c = g->cue[i];
        for (unsigned k = 0; k < g->take->acts; k++) {
            const struct play_act *a = &g->take->act[k];
            if (!cued(a, &c) || !enough(g, a, &c)) continue;
            struct later *l = later_add(g, stage_now(g) + a->delay_ns, LATER_ACT);
            if (l == NULL) continue;
            l->act = k;
            if (a->who.end == c.end) l->flow = c.flow;
        }
    }
    g->cues = 0;
    return any;
}

/* ---- acts ---- */

static void crash(struct stage *g, int end) {
    for (size_t i = 0; i < g->lives; i++) {
        struct life *l = &g->life[i];
        if (l->end != end || l->state == TERN_CLOSED) continue;
        struct tape_entry e = {.kind = TAPE_STATE, .end = end, .time_ns = stage_now(g)};
        e.record.flow = l->flow;
        l->state = e.record.state = TERN_CLOSED;
        tape_add(&g->out->tape, &e);
    }
    app_forget(g, end);
    g->boot[end] = 1;
    if (sim_restart(g->sim, end, g->ahead[end][1], NULL) != 0) g->short_of_memory = true;
    stage_trace(g, end);
}

static void do_act(struct stage *g, unsigned k, const tern_flow *flow) {
    const struct play_act *a = &g->take->act[k];
    struct tape_entry e = {.kind = TAPE_SAY, .time_ns = stage_now(g), .words = &a->words};
    switch (a->verb) {
    case DO_SAY: tape_add(&g->out->tape, &e); break;
    case DO_CRASH: crash(g, a->who.end); break;
    case DO_INJECT: net_inject(g, a); break;
    case DO_EXPECT_STATE:
    case DO_EXPECT_COUNT: verdict_state(g, a); break;
    default: app_act(g, a, flow); break;
    }
}

static void do_later(struct stage *g, struct later *l) {
    switch (l->kind) {
    case LATER_ACT: do_act(g, l->act, l->flow.remote_port != 0 ? &l->flow : NULL); break;
    case LATER_NO_TIME_WAIT:
        g->silent = true;
        app_no_time_wait(g, l->end, &l->flow);
        g->silent = false;
        break;
    default: net_due(g, l); break;
    }
    free(l->bytes);
}

/* An application answers an event with a call before anything is sent. */
static bool is_call(const struct stage *g, const struct later *l) {
    enum play_verb verb = l->kind == LATER_ACT ? g->take->act[l->act].verb : DO_INJECT;
    return verb != DO_INJECT && verb != DO_CRASH && verb != DO_SAY && verb < DO_EXPECT_STATE;
}

/* All that is due, in the order in which it was asked for. */
static bool take_due(struct stage *g, bool calls_only) {
    bool any = false;
    for (size_t i = 0; i < g->laters;) {
        if (g->later[i].due_ns > stage_now(g) || (calls_only && !is_call(g, &g->later[i]))) {
            i++;
            continue;
        }
        struct later l = g->later[i];
        memmove(&g->later[i], &g->later[i + 1], (--g->laters - i) * sizeof l);
        do_later(g, &l);
        any = true;
    }
    return any;
}

void stage_answer(struct stage *g) {
    take_cues(g);
    take_due(g, true);
}

/* ---- the loop ---- */

static uint64_t next_time(const struct stage *g) {
    uint64_t next = sim_deadline(g->sim);
    for (size_t i = 0; i < g->laters; i++)
        if (g->start_ns + g->later[i].due_ns < next) next = g->start_ns + g->later[i].due_ns;
    return next;
}

static uint64_t until_ns(const struct stage *g) {
    uint64_t ns = g->kernel != NULL && g->take->linux_until_ns != 0 ? g->take->linux_until_ns : g->take->until_ns;
    if (ns == 0) ns = g->kernel != NULL ? KERNEL_LIMIT_NS : LIMIT_NS;
    return ns;
}

/* The clock stands still while things happen; with the kernel it then goes on with the real one, and a look at what
 * the kernel does is due before long. False: it is over. */
static bool advance(struct stage *g, bool moved, bool first) {
    uint64_t next = next_time(g), until = g->start_ns + until_ns(g);
    if (g->kernel != NULL) return kernel_wait(g, next < until ? next : until, moved) && g->sim->now < until;
    if (next > until) return false;
    if (next > g->sim->now)
        g->sim->now = next;
    else if (!moved && !first && next_time(g) < g->sim->now)
        return false; /* a deadline that stays in the past */
    return true;
}

static void run(struct stage *g) {
    for (unsigned k = 0; k < g->take->acts; k++) {
        struct later *l = g->take->act[k].when == WHEN_AT ? later_add(g, g->take->act[k].at_ns, LATER_ACT) : NULL;
        if (l != NULL) l->act = k;
    }
    for (uint32_t rounds = 0; rounds < ROUNDS_MAX; rounds++) {
        for (int end = 0; end < 2; end++) /* a user call knows no time but the stack's */
            if (g->sim->stack[end] != NULL) tern_expire(g->sim->stack[end], g->sim->now + g->sim->ahead_ns[end]);
        bool moved = take_due(g, false);
        moved |= sim_round(g->sim) > 0;
        moved |= take_cues(g);
        stage_timers(g);
        if (!advance(g, moved, rounds == 0)) break;
    }
    if (g->take->until_ns != 0 && g->kernel == NULL) g->sim->now = g->start_ns + g->take->until_ns;
}

static int prepare(struct stage *g, struct play_error *err) {
    struct driver_error why = {0};
    struct sim_config c = sim_config_default(1);
    c.mtu = g->take->mtu;
    for (int i = 0; i < 2; i++) {
        const struct play_host *h = &g->take->host[i];
        /* Buffers that stay as they are: windows do not hang on what the defaults are today. */
        c.stack[i].send_buffer = c.stack[i].send_buffer_max = BUFFER;
        c.stack[i].receive_buffer = c.stack[i].receive_buffer_max = BUFFER;
        if (g->memory != NULL) c.stack[i].allocator = *g->memory;
        c.path[i].delay_ns = g->take->link[i].delay_ns;
        c.path[i].rate_bps = g->take->link[i].rate_bps;
        for (unsigned k = 0; k < h->sets; k++) tern_config_set(&c.stack[i], h->set[k].name, h->set[k].value);
        c.ahead_ns[i] = g->ahead[i][0];
        bool kernel = g->kernel != NULL && g->kernel->end == i;
        c.guest[i] = kernel ? &g->kernel->guest : NULL;
        g->calls[i] = kernel ? &host_kernel : &host_tern;
    }
    c.app = app_event;
    c.ctx = g;
    g->start_ns = c.start_ns;
    if (sim_new(&c, &g->sim, &why) < 0) {
        snprintf(err->text, sizeof err->text, "%s: %s", g->file, why.text);
        return -1;
    }
    for (int i = 0; i < 2; i++)
        if (g->sim->stack[i] != NULL) stage_trace(g, i);
    memlink_filter(g->sim->link, net_filter, g);
    memlink_tap(g->sim->link, net_tap, g);
    return 0;
}

static void clear(struct stage *g) {
    if (g->sim != NULL)
        for (int i = 0; i < 2; i++)
            if (g->sim->stack[i] != NULL) tern_trace_set(g->sim->stack[i], 0, NULL, NULL);
    kernel_close(g);
    sim_free(g->sim);
    for (size_t i = 0; i < g->laters; i++) free(g->later[i].bytes);
    free(g->conn);
    free(g->life);
    free(g->sent);
    free(g->later);
}

/* An ISN hangs on the clock and on a key. The key is what it is; so hosts that are to begin with a certain number are
 * started at the right time before. True: every wish came true. */
static bool wind_clocks(struct stage *g) {
    bool good = true;
    for (int end = 0; end < 2; end++) {
        const struct play_host *h = &g->take->host[end];
        for (unsigned boot = 0; boot < h->isns; boot++) {
            uint32_t off = h->isn[boot] - g->first_isn[end][boot];
            if (!g->wished[end][boot] || off == 0) continue;
            g->ahead[end][boot] = (uint64_t)(uint32_t)(g->ahead[end][boot] / TICK_NS + off) * TICK_NS;
            good = false;
        }
    }
    return good;
}

static void describe(struct stage *g) {
    struct play_result *r = g->out;
    r->end_ns = stage_now(g);
    for (int end = 0; end < 2; end++) {
        struct play_who newest = {.end = end};
        const struct life *l = life_find(g, &newest);
        bool kernel = g->kernel != NULL && g->kernel->end == end;
        snprintf(r->name[end], sizeof r->name[end], "%c%s", 'A' + end, kernel ? " Linux" : "");
        r->initial[end] = TERN_CLOSED;
        r->steps[end] = l != NULL ? l->steps : 0;
        if (l != NULL) memcpy(r->path[end], l->path, sizeof l->path);
    }
    if (g->kernel != NULL) r->late_ns = g->kernel->late_ns;
    for (unsigned k = 0; k < g->take->acts; k++) {
        const struct play_act *a = &g->take->act[k];
        if (a->verb == DO_LISTEN && a->when == WHEN_AT && a->at_ns == 0) r->initial[a->who.end] = TERN_LISTEN;
    }
}

static struct stage *stage_new(const struct scenario *s, const char *file, unsigned take, struct play_result *out,
                               struct play_error *err) {
    struct stage *g = calloc(1, sizeof *g);
    memset(out, 0, sizeof *out);
    if (g == NULL)
        snprintf(err->text, sizeof err->text, _("%s: out of memory"), file);
    else
        *g = (struct stage){.s = s, .take = &s->take[take], .file = file, .out = out};
    return g;
}

/* The end of a run. True: not all that happened could be kept. */
static bool finish(struct stage *g, const struct play_result *out) {
    bool broken = g->short_of_memory || out->tape.full;
    clear(g);
    free(g);
    return broken;
}

static int too_much(const char *file, struct play_error *err) {
    snprintf(err->text, sizeof err->text, _("%s: more happens than can be kept"), file);
    return -1;
}

int play(const struct scenario *s, const char *file, unsigned take, struct play_result *out, struct play_error *err) {
    return play_with(s, file, take, NULL, out, err);
}

int play_with(const struct scenario *s, const char *file, unsigned take, const tern_allocator *memory,
              struct play_result *out, struct play_error *err) {
    uint64_t ahead[2][2] = {{0}};
    for (unsigned try = 0;; try++) {
        struct stage *g = stage_new(s, file, take, out, err);
        if (g == NULL) return -1;
        memcpy(g->ahead, ahead, sizeof ahead);
        g->memory = memory;
        int r = prepare(g, err);
        if (r == 0) run(g);
        bool good = r == 0 && (wind_clocks(g) || try == TRIES);
        memcpy(ahead, g->ahead, sizeof ahead);
        if (good) verdict(g);
        if (good && !tape_timers_first(&out->tape)) out->tape.full = true;
        if (good) describe(g);
        bool broken = finish(g, out);
        if (good && !broken) return 0;
        play_result_free(out);
        if (r != 0) return -1;
        if (!broken) continue;
        return too_much(file, err);
    }
}

/* The kernel's states are to be those of a tern at its place, as far as the play went. */
static void compare_paths(struct stage *g, const struct play_result *tern) {
    struct play_result *r = g->out;
    for (int end = 0; end < 2; end++) {
        bool same = r->steps[end] <= tern->steps[end] &&
                    memcmp(r->path[end], tern->path[end], r->steps[end] * sizeof r->path[end][0]) == 0;
        r->checks++;
        if (!same) verdict_paths(g, end, tern);
    }
}

int play_linux(const struct scenario *s, const char *file, unsigned take, int end, struct play_result *out,
               struct play_error *err) {
    struct play_result tern;
    if (play(s, file, take, &tern, err) < 0) return -1;
    struct stage *g = stage_new(s, file, take, out, err);
    int r = g != NULL ? kernel_open(g, end, err) : -1;
    if (r == 0) r = prepare(g, err);
    if (r == 0) {
        run(g);
        verdict(g);
        if (!tape_timers_first(&out->tape)) out->tape.full = true;
        describe(g);
        compare_paths(g, &tern);
    }
    play_result_free(&tern);
    if (g != NULL && finish(g, out) && r == 0) r = too_much(file, err);
    if (r != 0) play_result_free(out);
    return r;
}

void play_result_free(struct play_result *r) { tape_free(&r->tape); }
