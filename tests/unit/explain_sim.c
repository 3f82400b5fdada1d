/* explain_sim.c - see explain_sim.h. */
#include "explain_sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { PORT = 80, WAITING_MAX = 512 };

struct told { /* SEGMENT_OUT, until its packet leaves */
    uint32_t seq, ack, len;
    uint16_t flags;
    int state;
};

struct host {
    struct run *run;
    int side, state;
    tern_sock sock, listener;
    bool open, reading;
    struct told told[WAITING_MAX];
    size_t tolds;
    struct crossing *came; /* the packet that is being processed */
};

struct run {
    const struct plan *plan;
    struct crossings *c;
    struct sim *sim;
    struct host host[2];
};

static bool parse(const uint8_t *bytes, uint32_t len, ip4_header *ip, tcp_header *tcp, reader *rest) {
    *rest = reader_of(bytes, len);
    return ip4_parse(rest, ip) && ip->proto == IP_PROTO_TCP && tcp_parse(rest, tcp) == TCP_PARSE_OK;
}

static void leaves(struct host *h, const tern_trace *r) {
    ip4_header ip;
    tcp_header tcp;
    reader rest;
    if (!parse(r->packet, r->packet_len, &ip, &tcp, &rest)) return;
    assert_true(h->run->c->count < CROSSINGS_MAX);
    struct crossing *x = &h->run->c->at[h->run->c->count++];
    *x = (struct crossing){
        .from = (uint8_t)h->side, .left_ns = r->time_ns, .len = r->packet_len, .left_state = -1, .arrived_state = -1};
    x->bytes = malloc(r->packet_len);
    assert_non_null(x->bytes);
    memcpy(x->bytes, r->packet, r->packet_len);
    for (size_t i = 0; i < h->tolds; i++) {
        struct told *t = &h->told[i];
        if (t->seq != tcp.seq_no.v || t->ack != tcp.ack_no.v || t->flags != tcp.flags || t->len != reader_left(&rest))
            continue;
        x->left_state = t->state;
        memmove(t, t + 1, (--h->tolds - i) * sizeof *t);
        break;
    }
    if (tcp.flags & TCP_RST || x->left_state < 0) x->left_state = h->state;
}

static void comes(struct host *h, const tern_trace *r) {
    struct crossings *c = h->run->c;
    h->came = NULL;
    for (size_t i = 0; i < c->count; i++) {
        struct crossing *x = &c->at[i];
        if (x->from == h->side || x->arrived || x->len != r->packet_len || memcmp(x->bytes, r->packet, x->len) != 0)
            continue;
        x->arrived = true;
        x->arrived_ns = r->time_ns;
        x->arrived_state = h->state;
        h->came = x;
        return;
    }
}

static void traced(void *ctx, const tern_trace *r) {
    struct host *h = ctx;
    switch (r->kind) {
    case TERN_TRACE_PACKET_IN: comes(h, r); break;
    case TERN_TRACE_PACKET_OUT: leaves(h, r); break;
    case TERN_TRACE_SEGMENT_IN:
        if (r->state_before != r->state || r->serial != 0) h->state = r->state;
        if (h->came != NULL) h->came->arrived_state = h->state;
        break;
    case TERN_TRACE_STATE: h->state = r->state; break;
    case TERN_TRACE_SEGMENT_OUT:
        assert_true(h->tolds < WAITING_MAX);
        h->told[h->tolds++] = (struct told){r->seg.seq, r->seg.ack, r->seg.len, r->seg.flags, r->state};
        break;
    default: break;
    }
}

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
    run->c = out;
    out->count = 0;
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
    free(run);
}

void crossings_free(struct crossings *c) {
    for (size_t i = 0; i < c->count; i++) free(c->at[i].bytes);
    c->count = 0;
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
    return x->which < y->which ? -1 : x->which > y->which;
}

size_t crossings_seen(const struct crossings *c, int where, struct glimpse *out, size_t max) {
    size_t n = 0;
    for (size_t i = 0; i < c->count; i++) {
        const struct crossing *x = &c->at[i];
        uint64_t time_ns = x->left_ns;
        if (where == 2) {
            bool lost_early = !x->arrived && memlink_chance(7, i) % 2;
            if (lost_early) continue;
            time_ns += x->arrived ? (x->arrived_ns - x->left_ns) / 2 : 5 * SIM_MS;
        } else if (x->from != where) {
            if (!x->arrived) continue;
            time_ns = x->arrived_ns;
        }
        assert_true(n < max);
        out[n++] = (struct glimpse){i, time_ns};
    }
    qsort(out, n, sizeof *out, by_sight);
    return n;
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
