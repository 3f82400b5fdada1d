/* explain_sim.c - see explain_sim.h. */
#include "explain_sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { PORT = 80, TOLD_MAX = 4096, OBSERVED_MAX = 4096, UNDER_WAY_MAX = 4000 };

struct told { /* SEGMENT_OUT, until its packet leaves */
    uint16_t local, remote;
    uint32_t seq, ack, len;
    uint16_t flags;
    int state;
};

struct observed { /* of one host */
    struct told told[TOLD_MAX];
    size_t tolds;
    struct {
        uint16_t local, remote;
        int state;
    } flow[OBSERVED_MAX];
    size_t flows;
    ptrdiff_t came; /* the packet that is being processed; -1: none */
};

struct host {
    struct run *run;
    int side;
    tern_sock sock, listener;
    bool open, reading;
};

struct run {
    const struct plan *plan;
    struct observer observer;
    struct sim *sim;
    struct host host[2];
};

/* ---- observing ---- */

void observer_start(struct observer *o, struct crossings *c) {
    memset(c, 0, sizeof *c);
    memset(o, 0, sizeof *o);
    o->c = c;
    for (int i = 0; i < 2; i++) {
        o->host[i] = calloc(1, sizeof *o->host[i]);
        assert_non_null(o->host[i]);
        o->host[i]->came = -1;
    }
}

void observer_stop(struct observer *o) {
    for (int i = 0; i < 2; i++) free(o->host[i]);
}

static int *state_at(struct observed *h, uint16_t local, uint16_t remote) {
    for (size_t i = 0; i < h->flows; i++)
        if (h->flow[i].local == local && h->flow[i].remote == remote) return &h->flow[i].state;
    assert_true(h->flows < OBSERVED_MAX);
    h->flow[h->flows].local = local;
    h->flow[h->flows].remote = remote;
    h->flow[h->flows].state = TERN_CLOSED;
    return &h->flow[h->flows++].state;
}

static bool parse(const uint8_t *bytes, uint32_t len, ip4_header *ip, tcp_header *tcp, reader *rest) {
    *rest = reader_of(bytes, len);
    return ip4_parse(rest, ip) && ip->proto == IP_PROTO_TCP && tcp_parse(rest, tcp) == TCP_PARSE_OK;
}

static struct crossing *new_crossing(struct crossings *c, int from, uint64_t time_ns, const uint8_t *bytes,
                                     uint32_t len) {
    if (c->count == c->room) {
        c->room = c->room ? 2 * c->room : 256;
        c->at = realloc(c->at, c->room * sizeof *c->at);
        assert_non_null(c->at);
    }
    struct crossing *x = &c->at[c->count++];
    *x =
        (struct crossing){.from = (uint8_t)from, .left_ns = time_ns, .len = len, .left_state = -1, .arrived_state = -1};
    x->left_nth = ++c->events;
    x->bytes = malloc(len);
    assert_non_null(x->bytes);
    memcpy(x->bytes, bytes, len);
    return x;
}

static void leaves(struct observer *o, int end, const tern_trace *r) {
    struct observed *h = o->host[end];
    ip4_header ip;
    tcp_header tcp;
    reader rest;
    if (!parse(r->packet, r->packet_len, &ip, &tcp, &rest)) return;
    struct crossing *x = new_crossing(o->c, end, r->time_ns, r->packet, r->packet_len);
    for (size_t i = 0; i < h->tolds; i++) {
        struct told *t = &h->told[i];
        bool same = t->local == tcp.src_port && t->remote == tcp.dst_port && t->seq == tcp.seq_no.v &&
                    t->ack == tcp.ack_no.v && t->flags == tcp.flags && t->len == reader_left(&rest);
        if (!same) continue;
        x->left_state = t->state;
        memmove(t, t + 1, (--h->tolds - i) * sizeof *t);
        break;
    }
    if (tcp.flags & TCP_RST || x->left_state < 0) x->left_state = *state_at(h, tcp.src_port, tcp.dst_port);
    /* A half-open connection is dropped without a word when its listener goes. */
    if (tcp.flags & TCP_RST && x->left_state == TERN_SYN_RECEIVED) x->left_state = -1;
}

static void comes(struct observer *o, int end, const tern_trace *r) {
    struct crossings *c = o->c;
    struct observed *h = o->host[end];
    ip4_header ip;
    tcp_header tcp;
    reader rest;
    h->came = -1;
    if (!parse(r->packet, r->packet_len, &ip, &tcp, &rest)) return;
    size_t i = c->count > UNDER_WAY_MAX ? c->count - UNDER_WAY_MAX : 0;
    for (; i < c->count; i++) {
        const struct crossing *x = &c->at[i];
        bool other = x->from == end || x->arrived || x->lost || x->len != r->packet_len;
        if (!other && memcmp(x->bytes, r->packet, x->len) == 0) break;
    }
    if (i == c->count) /* a copy, made on the way */
        new_crossing(c, !end, r->time_ns, r->packet, r->packet_len)->foreign = true;
    c->at[i].arrived = true;
    c->at[i].arrived_ns = r->time_ns;
    c->at[i].arrived_nth = ++c->events;
    c->at[i].arrived_state = *state_at(h, tcp.dst_port, tcp.src_port);
    h->came = (ptrdiff_t)i;
}

static bool is_segment(const struct crossing *x, int end, const tern_trace *r) {
    ip4_header ip;
    tcp_header tcp;
    reader rest;
    return x->from != end && !x->lost && parse(x->bytes, x->len, &ip, &tcp, &rest) &&
           tcp.src_port == r->flow.remote_port && tcp.dst_port == r->flow.local_port && tcp.seq_no.v == r->seg.seq &&
           tcp.flags == r->seg.flags && reader_left(&rest) == r->seg.len &&
           (tcp.ack_no.v == r->seg.ack || !(tcp.flags & TCP_ACK));
}

/* The same for a trace without packets that come. */
static void segment_comes(struct observer *o, int end, const tern_trace *r) {
    struct crossings *c = o->c;
    ptrdiff_t copy_of = -1, found = -1;
    size_t i = c->count > UNDER_WAY_MAX ? c->count - UNDER_WAY_MAX : 0;
    for (; i < c->count && found < 0; i++) {
        if (!is_segment(&c->at[i], end, r)) continue;
        if (c->at[i].arrived)
            copy_of = (ptrdiff_t)i;
        else
            found = (ptrdiff_t)i;
    }
    if (found < 0 && copy_of >= 0) {
        new_crossing(c, !end, r->time_ns, c->at[copy_of].bytes, c->at[copy_of].len);
        found = (ptrdiff_t)c->count - 1;
        c->at[found].foreign = true;
    }
    o->host[end]->came = found;
    if (found < 0) return;
    c->at[found].arrived = true;
    c->at[found].arrived_ns = r->time_ns;
    c->at[found].arrived_nth = ++c->events;
}

void observer_lost(struct observer *o, int end, const uint8_t *bytes, uint32_t len) {
    for (size_t i = 0; i < o->c->count; i++) {
        struct crossing *x = &o->c->at[i];
        if (x->from != end || x->arrived || x->lost || x->len != len || memcmp(x->bytes, bytes, len) != 0) continue;
        x->lost = true;
        return;
    }
}

void observer_record(struct observer *o, int end, const tern_trace *r) {
    struct observed *h = o->host[end];
    int *state = state_at(h, r->flow.local_port, r->flow.remote_port);
    switch (r->kind) {
    case TERN_TRACE_PACKET_IN: comes(o, end, r); break;
    case TERN_TRACE_PACKET_OUT: leaves(o, end, r); break;
    case TERN_TRACE_SEGMENT_IN:
        if (o->segments) segment_comes(o, end, r);
        if (r->state_before != r->state || r->serial != 0) *state = r->state;
        if (h->came >= 0) o->c->at[h->came].arrived_state = *state;
        break;
    case TERN_TRACE_STATE: *state = r->state; break;
    case TERN_TRACE_SEGMENT_OUT:
        assert_true(h->tolds < TOLD_MAX);
        h->told[h->tolds++] = (struct told){r->flow.local_port, r->flow.remote_port, r->seg.seq, r->seg.ack,
                                            r->seg.len,         r->seg.flags,        r->state};
        break;
    default: break;
    }
}

void observer_foreign(struct observer *o, int end, uint64_t time_ns, const uint8_t *bytes, uint32_t len) {
    new_crossing(o->c, !end, time_ns, bytes, len)->foreign = true;
}

void observer_state(struct observer *o, int end, const tern_flow *flow, enum tern_state state) {
    *state_at(o->host[end], flow->local_port, flow->remote_port) = state;
}

static void traced(void *ctx, const tern_trace *r) {
    struct host *h = ctx;
    observer_record(&h->run->observer, h->side, r);
}

/* ---- two hosts ---- */

static void drain(struct host *h) {
    char buf[16384];
    if (!h->reading || !h->open) return;
    while (tern_read(h->run->sim->stack[h->side], h->sock, buf, sizeof buf) > 0) continue;
}

static void app(void *ctx, struct sim *sim, int side, const tern_event *ev) {
    struct run *run = ctx;
    struct host *h = &run->host[side];
    if (ev->bits & TERN_EV_ACCEPT && tern_accept(sim->stack[side], h->listener, &h->sock, NULL) == 0) h->open = true;
    if (ev->bits & TERN_EV_READ) drain(h);
    if (ev->bits & TERN_EV_EOF && h->open && run->plan->close_at_eof[side]) {
        drain(h);
        tern_close(sim->stack[side], h->sock);
        h->open = false;
    }
    if (ev->bits & TERN_EV_CLOSED) h->open = false;
}

static void act(struct run *run, const struct plan_step *s) {
    static const uint8_t zeros[65536];
    struct host *h = &run->host[s->side];
    tern_stack *stack = run->sim->stack[s->side];
    if (s->what == PLAN_LISTEN) {
        tern_listen_config lc = {.size = sizeof lc, .port = PORT};
        assert_int_equal(tern_listen(stack, &lc, &h->listener), 0);
        return;
    }
    if (s->what == PLAN_CONNECT) {
        tern_open o = {.size = sizeof o, .remote = run->sim->addr4[!s->side], .remote_port = PORT};
        o.local_port = s->side == 0 ? 40000 : PORT;
        if (s->side == 1) o.remote_port = 40000;
        h->open = tern_connect(stack, &o, &h->sock) == 0;
        return;
    }
    if (s->what == PLAN_READ_ON || s->what == PLAN_READ_OFF) h->reading = s->what == PLAN_READ_ON;
    if (!h->open) return;
    if (s->what == PLAN_READ_ON) drain(h);
    if (s->what == PLAN_WRITE)
        for (uint32_t left = s->bytes; left > 0;) {
            ptrdiff_t n = tern_write(stack, h->sock, zeros, left < sizeof zeros ? left : sizeof zeros);
            if (n <= 0) break;
            left -= (uint32_t)n;
        }
    if (s->what == PLAN_SHUTDOWN) tern_shutdown(stack, h->sock);
    if (s->what == PLAN_CLOSE) h->open = tern_close(stack, h->sock) != 0;
    if (s->what == PLAN_ABORT) h->open = tern_abort(stack, h->sock) != 0;
}

void plan_run(const struct plan *plan, struct crossings *out) {
    struct run *run = calloc(1, sizeof *run);
    assert_non_null(run);
    struct driver_error err;
    struct sim_config config = plan->config;
    run->plan = plan;
    observer_start(&run->observer, out);
    config.app = app;
    config.ctx = run;
    assert_int_equal(sim_new(&config, &run->sim, &err), 0);
    for (int side = 0; side < 2; side++) {
        run->host[side] = (struct host){.run = run, .side = side, .reading = true};
        tern_trace_set(run->sim->stack[side], TERN_TRACE_ALL, traced, &run->host[side]);
    }
    uint64_t start = run->sim->now;
    for (unsigned i = 0; i < plan->steps; i++) {
        sim_run(run->sim, start + plan->step[i].at_ms * SIM_MS);
        act(run, &plan->step[i]);
    }
    sim_run(run->sim, start + plan->end_ms * SIM_MS);
    sim_free(run->sim);
    observer_stop(&run->observer);
    free(run);
}

void crossings_free(struct crossings *c) {
    for (size_t i = 0; i < c->count; i++) free(c->at[i].bytes);
    free(c->at);
    memset(c, 0, sizeof *c);
}

/* ---- random plans ---- */

static int by_time(const void *a, const void *b) {
    const struct plan_step *x = a, *y = b;
    return x->at_ms < y->at_ms ? -1 : x->at_ms > y->at_ms;
}

void plan_random(uint64_t seed, struct plan *out) {
    uint64_t n = 0;
#define CHANCE(of) (memlink_chance(seed, n++) % (of))
    memset(out, 0, sizeof *out);
    out->config = sim_config_default(seed);
    out->end_ms = CHANCE(3) == 0 ? 200000 : 3000;
    for (int d = 0; d < 2; d++) {
        struct memlink_path *p = &out->config.path[d];
        p->delay_ns = (1 + CHANCE(40)) * SIM_MS;
        if (CHANCE(3) == 0) p->jitter_ns = CHANCE(5) * SIM_MS;
        if (CHANCE(3) == 0) p->loss_ppm = (uint32_t)CHANCE(200000);
        if (CHANCE(5) == 0) p->duplicate_ppm = (uint32_t)CHANCE(200000);
        if (CHANCE(5) == 0) {
            p->reorder_ppm = (uint32_t)CHANCE(200000);
            p->reorder_ns = CHANCE(30) * SIM_MS;
        }
        if (CHANCE(5) == 0) out->config.stack[d].timestamps = 0;
        if (CHANCE(5) == 0) out->config.stack[d].sack = 0;
        if (CHANCE(6) == 0) out->config.stack[d].receive_buffer = out->config.stack[d].receive_buffer_max = 4096;
        out->close_at_eof[d] = CHANCE(2) == 0;
    }
    out->no_listener = CHANCE(12) == 0;
    unsigned k = 0;
    bool both = CHANCE(8) == 0; /* simultaneous open */
    if (both)
        out->step[k++] = (struct plan_step){CHANCE(30), 1, PLAN_CONNECT, 0};
    else if (!out->no_listener)
        out->step[k++] = (struct plan_step){CHANCE(10) == 0 ? 2500 : 0, 1, PLAN_LISTEN, 0};
    out->step[k++] = (struct plan_step){both ? CHANCE(30) : 1, 0, PLAN_CONNECT, 0};
    unsigned more = 2 + (unsigned)CHANCE(PLAN_STEPS - 4);
    while (k < more + 2) {
        static const uint8_t what[] = {PLAN_WRITE, PLAN_WRITE,    PLAN_WRITE, PLAN_WRITE,   PLAN_SHUTDOWN,
                                       PLAN_CLOSE, PLAN_READ_OFF, PLAN_ABORT, PLAN_READ_ON, PLAN_CLOSE};
        struct plan_step *s = &out->step[k++];
        s->at_ms = 20 + CHANCE(1500);
        s->side = (uint8_t)CHANCE(2);
        s->what = what[CHANCE(sizeof what)];
        s->bytes = (uint32_t)(CHANCE(3) == 0 ? CHANCE(60000) : CHANCE(2000));
    }
    out->steps = k;
    qsort(out->step, k, sizeof out->step[0], by_time);
#undef CHANCE
}

/* ---- captures ---- */

static int by_sight(const void *a, const void *b) {
    const struct glimpse *x = a, *y = b;
    if (x->time_ns != y->time_ns) return x->time_ns < y->time_ns ? -1 : 1;
    return x->nth < y->nth ? -1 : x->nth > y->nth;
}

struct glimpse *crossings_seen(const struct crossings *c, int where, size_t *count) {
    struct glimpse *out = malloc((c->count + 1) * sizeof *out);
    size_t n = 0;
    assert_non_null(out);
    for (size_t i = 0; i < c->count; i++) {
        const struct crossing *x = &c->at[i];
        uint64_t time_ns = x->left_ns, nth = x->left_nth;
        if (x->foreign && x->from == where) continue;
        if (where == 2) {
            bool lost_early = !x->arrived && memlink_chance(7, i) % 2;
            if (lost_early) continue;
            time_ns += x->arrived ? (x->arrived_ns - x->left_ns) / 2 : 5 * SIM_MS;
        } else if (x->from != where) {
            if (!x->arrived) continue;
            time_ns = x->arrived_ns;
            nth = x->arrived_nth;
        }
        out[n++] = (struct glimpse){i, time_ns, nth};
    }
    qsort(out, n, sizeof *out, by_sight);
    *count = n;
    return out;
}

bool crossing_packet(const struct crossing *x, uint64_t time_ns, uint64_t number, struct flow_packet *out) {
    ip4_header ip;
    reader rest;
    memset(out, 0, sizeof *out);
    if (!parse(x->bytes, x->len, &ip, &out->tcp, &rest)) return false;
    out->number = number;
    out->time_ns = time_ns;
    out->len = out->captured = (uint32_t)reader_left(&rest);
    out->payload = rest.at;
    out->from = x->from;
    out->ttl = ip.ttl;
    out->tos = ip.tos;
    out->ip_id = ip.id;
    out->dont_fragment = ip.dont_fragment;
    return true;
}

/* ---- scores ---- */

/* To other hosts a listener and no listener are alike until somebody asks. */
static bool holds(uint16_t states, int truth) {
    uint16_t none = 1u << TERN_CLOSED | 1u << TERN_LISTEN;
    return truth == TERN_CLOSED || truth == TERN_LISTEN ? (states & none) != 0 : (states >> truth & 1) != 0;
}

bool score_statement(struct score *score, const char *what, const struct statement *s, int truth) {
    if (truth < 0) return true;
    bool none = truth == TERN_CLOSED || truth == TERN_LISTEN;
    bool guessed = s->best == truth || (none && (s->best == TERN_CLOSED || s->best == TERN_LISTEN));
    if (!holds(s->states, truth)) {
        score->wrong++;
        printf("  %s: is %s, said", what, tern_state_name((enum tern_state)truth));
        for (unsigned i = 0; i < TERN_STATES; i++)
            if (s->states & 1u << i) printf(" %s%s", tern_state_name((enum tern_state)i), i == s->best ? "!" : "");
        printf(" (%s)\n", passive_doubt_text((enum doubt)s->doubt, TERN_EN));
        return false;
    }
    if (s->certainty == CERTAIN)
        score->certain++;
    else if (s->certainty == UNDECIDABLE)
        score->undecided++;
    else if (guessed)
        score->likely++;
    else
        score->missed++;
    return true;
}

void score_print(const char *name, const struct score *s) {
    printf("%-26s certain %u, likely %u, likely but not so %u, undecided %u, wrong %u\n", name, s->certain, s->likely,
           s->missed, s->undecided, s->wrong);
}
