/* recovery_run.c - see recovery_run.h. Host 0 sends, host 1 reads as fast as it can. */
#include "bench/recovery_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PORT = 9000, SPANS = 16, HEADERS = 40 };

struct flow_state {
    tern_sock client, server;
    uint64_t written, read, start_ns, done_ns;
    bool ended;
};

struct run {
    const struct rec_config *c;
    struct rec_result *r;
    void *other; /* host 0, where it is not tern */
    struct flow_state flow[REC_FLOWS];
    tern_sock listener;
    unsigned flows, done;
    bool stopped;
    uint64_t base_delay_ns, queue_sum_ns, queue_count, queue_max_ns;
};

struct rec_config rec_default(uint64_t seed, uint32_t congestion, uint64_t rate_bps, uint32_t rtt_ms) {
    return (struct rec_config){.seed = seed,
                               .congestion = congestion,
                               .rate_bps = rate_bps,
                               .rtt_us = rtt_ms * 1000,
                               .queue_bdp = 1,
                               .duration_ns = 20ull * SIM_SECOND};
}

/* ---- the applications ---- */

static unsigned flow_of(const struct run *run, tern_sock sock, bool server) {
    for (unsigned i = 0; i < run->flows; i++)
        if ((server ? run->flow[i].server.id : run->flow[i].client.id) == sock.id) return i;
    return run->flows;
}

/* Returns how many bytes the sender's buffer took. */
static size_t offer(struct run *run, unsigned i, size_t want, tern_stack *stack) {
    void *ptr[2];
    size_t len[2];
    if (run->other != NULL) return run->c->sender->offer(run->other, i, want);
    if (tern_write_reserve(stack, run->flow[i].client, want, ptr, len) != TERN_OK) return 0;
    tern_write_commit(stack, run->flow[i].client, len[0] + len[1]);
    return len[0] + len[1];
}

static void feed(struct run *run, unsigned i, tern_stack *stack) {
    struct flow_state *f = &run->flow[i];
    uint64_t most = run->c->bytes != 0 ? run->c->bytes : UINT64_MAX;
    while (!run->stopped && f->written < most) {
        size_t n = offer(run, i, (size_t)(most - f->written < 1u << 20 ? most - f->written : 1u << 20), stack);
        if (n == 0) return;
        f->written += n;
    }
    if (f->ended) return;
    f->ended = true;
    if (run->other != NULL)
        run->c->sender->end(run->other, i);
    else
        tern_shutdown(stack, f->client);
}

static void other_turn(void *ctx) {
    struct run *run = ctx;
    for (unsigned i = 0; i < run->flows; i++)
        if (run->flow[i].start_ns != 0) feed(run, i, NULL);
}

static void drain(struct run *run, struct flow_state *f, struct sim *sim) {
    tern_span spans[SPANS];
    int n;
    while ((n = tern_read_borrow(sim->stack[1], f->server, spans, SPANS)) > 0) {
        size_t all = 0;
        for (int i = 0; i < n; i++) all += spans[i].len;
        tern_read_release(sim->stack[1], f->server, all);
        f->read += all;
    }
    if (n != 0 || f->done_ns != 0) return;
    f->done_ns = sim->now;
    tern_close(sim->stack[1], f->server);
    if (++run->done == run->flows) sim->stop = true;
}

static void accepted(struct run *run, struct sim *sim) {
    tern_sock s;
    tern_flow where;
    while (tern_accept(sim->stack[1], run->listener, &s, &where) == TERN_OK) {
        unsigned i = (unsigned)(where.remote_port - PORT - 1);
        if (i >= run->flows) continue;
        run->flow[i].server = s;
        drain(run, &run->flow[i], sim);
    }
}

static void app(void *ctx, struct sim *sim, int side, const tern_event *e) {
    struct run *run = ctx;
    if (side == 1 && (e->bits & TERN_EV_ACCEPT) != 0) accepted(run, sim);
    unsigned i = flow_of(run, e->sock, side == 1);
    if (i == run->flows) return;
    if (side == 0 && (e->bits & (TERN_EV_CONNECTED | TERN_EV_WRITE)) != 0) feed(run, i, sim->stack[0]);
    if (side == 1 && (e->bits & (TERN_EV_READ | TERN_EV_EOF)) != 0) drain(run, &run->flow[i], sim);
}

/* ---- the account ---- */

static uint32_t text_of(const struct memlink_record *r) {
    const uint8_t *p = r->data;
    if (p == NULL || r->len < HEADERS) return 0;
    uint32_t head = (p[0] & 15u) * 4u;
    return r->len - head - (p[head + 12] >> 4) * 4u;
}

static void tap(void *ctx, const struct memlink_record *r) {
    struct run *run = ctx;
    if (r->from != 0) return;
    uint32_t text = text_of(r);
    if (!r->copy) run->r->sent += text;
    if (r->fate != MEMLINK_DELIVERED || r->copy) return;
    run->r->arrived += text;
    uint64_t took = r->arrives_ns - r->sent_ns, wait = took > run->base_delay_ns ? took - run->base_delay_ns : 0;
    if (text == 0 || r->reordered) return;
    run->queue_sum_ns += wait;
    run->queue_count++;
    if (wait > run->queue_max_ns) run->queue_max_ns = wait;
}

/* ---- the world ---- */

static struct memlink_path forward(const struct rec_config *c) {
    double bdp = (double)c->rate_bps / 8 * c->rtt_us / 1e6;
    struct memlink_path p = {.rate_bps = c->rate_bps,
                             .delay_ns = (uint64_t)c->rtt_us * 500,
                             .loss_ppm = c->loss_ppm,
                             .burst_enter_ppm = c->burst_enter_ppm,
                             .burst_leave_ppm = c->burst_leave_ppm,
                             .burst_loss_ppm = c->burst_loss_ppm,
                             .reorder_ppm = c->reorder_ppm,
                             .reorder_ns = (uint64_t)c->reorder_us * 1000,
                             .duplicate_ppm = c->duplicate_ppm,
                             .jitter_ns = (uint64_t)c->jitter_us * 1000,
                             .mark_ns = c->mark_us * 1000,
                             .drop_mask = c->drop_mask,
                             .mtu = 1500,
                             .packets_max = 1u << 20};
    if (c->rate_bps != 0) p.queue_bytes = (uint32_t)(bdp * c->queue_bdp < 15000 ? 15000 : bdp * c->queue_bdp);
    return p;
}

static struct memlink_path backward(const struct rec_config *c) {
    return (struct memlink_path){
        .delay_ns = (uint64_t)c->rtt_us * 500, .loss_ppm = c->ack_loss_ppm, .mtu = 1500, .packets_max = 1u << 20};
}

/* Twice what the path and its queue hold: never what bounds it. */
static uint32_t window_for_other(const struct rec_config *c) {
    double want = 2 * (1 + c->queue_bdp) * (double)c->rate_bps / 8 * c->rtt_us / 1e6;
    return want < 256 << 10 ? 256 << 10 : want > 32 << 20 ? 32 << 20 : (uint32_t)want;
}

static bool world(struct run *run, struct sim **out) {
    const struct rec_config *c = run->c;
    struct driver_error err;
    struct sim_config s = sim_config_default(c->seed);
    s.path[0] = forward(c);
    s.path[1] = backward(c);
    s.app = app;
    s.ctx = run;
    if (c->sender != NULL) {
        run->other = c->sender->make(window_for_other(c), other_turn, run);
        if (run->other == NULL) return false;
        s.guest[0] = c->sender->guest(run->other);
    }
    for (int side = 0; side < 2; side++) {
        tern_config *t = &s.stack[side];
        if (c->buffer != 0) t->send_buffer = t->receive_buffer = c->buffer;
        t->memory_max = 4ull << 30;
        t->congestion = c->congestion;
        t->sack = !c->no_sack;
        t->timestamps = !c->no_timestamps;
        t->pacing = !c->no_pacing;
        if (c->islands != 0) t->reassembly_islands = c->islands;
        t->ecn = c->mark_us != 0;
        t->autoconf = t->dad = 0;
    }
    if (sim_new(&s, out, &err) < 0) return false;
    memlink_tap((*out)->link, tap, run);
    if (c->watch != NULL && c->sender == NULL)
        tern_trace_set((*out)->stack[0], TERN_TRACE_WINDOW | TERN_TRACE_SEGMENT_OUT, c->watch, c->watch_ctx);
    tern_listen_config l = {.size = sizeof l, .port = PORT};
    return tern_listen((*out)->stack[1], &l, &run->listener) == TERN_OK;
}

static void start_flow(struct run *run, struct sim *sim, unsigned i) {
    tern_open o = {
        .size = sizeof o, .remote = sim->addr4[1], .remote_port = PORT, .local_port = (uint16_t)(PORT + 1 + i)};
    run->flow[i].start_ns = sim->now;
    if (run->other != NULL)
        run->c->sender->connect(run->other, sim, i, o.local_port, PORT);
    else
        tern_connect(sim->stack[0], &o, &run->flow[i].client);
}

/* What changes in the world while it runs, in the order of time. */
enum change { START_FLOW, CHANGE_RATE, DARK, LIGHT, SLOW, FAST };
struct step {
    uint64_t at_ns;
    enum change what;
    unsigned flow;
};

static void apply(struct run *run, struct sim *sim, const struct step *s, struct memlink_path path[2]) {
    const struct rec_config *c = run->c;
    struct driver_error err;
    switch (s->what) {
    case START_FLOW: start_flow(run, sim, s->flow); return;
    case CHANGE_RATE: path[0].rate_bps = c->change_bps; break;
    case DARK: path[0].loss_ppm = path[1].loss_ppm = 1000000; break;
    case LIGHT: path[0].loss_ppm = c->loss_ppm, path[1].loss_ppm = c->ack_loss_ppm; break;
    case SLOW: path[0].delay_ns += c->spike_delay_ns; break;
    case FAST: path[0].delay_ns -= c->spike_delay_ns; break;
    }
    for (int side = 0; side < 2; side++) {
        path[side].seed = memlink_chance(c->seed, 1000 + (uint64_t)side);
        memlink_set(sim->link, side, &path[side], &err);
    }
}

static int by_time(const void *a, const void *b) {
    const struct step *x = a, *y = b;
    return (x->at_ns > y->at_ns) - (x->at_ns < y->at_ns);
}

static size_t plan(const struct run *run, struct step *step) {
    const struct rec_config *c = run->c;
    size_t n = 0;
    for (unsigned i = 0; i < run->flows; i++) step[n++] = (struct step){i * c->stagger_ns, START_FLOW, i};
    if (c->change_ns != 0) step[n++] = (struct step){c->change_ns, CHANGE_RATE, 0};
    if (c->dark_ns != 0) {
        step[n++] = (struct step){c->dark_ns, DARK, 0};
        step[n++] = (struct step){c->dark_ns + c->dark_len_ns, LIGHT, 0};
    }
    if (c->spike_ns != 0) {
        step[n++] = (struct step){c->spike_ns, SLOW, 0};
        step[n++] = (struct step){c->spike_ns + c->spike_len_ns, FAST, 0};
    }
    qsort(step, n, sizeof *step, by_time);
    return n;
}

static uint64_t counter(const tern_stack *stack, const char *name) {
    for (unsigned i = 0; i < tern_reason_count(); i++)
        if (strcmp(tern_reason_name(i), name) == 0) return tern_reason_counter(stack, i);
    return 0;
}

static void count_reasons(struct rec_result *r, tern_stack *stack) {
    tern_stats stats = {.size = sizeof stats};
    tern_stats_get(stack, &stats);
    r->undone = stats.undone;
    r->by_rto = counter(stack, "REXMIT_RTO");
    r->by_rack = counter(stack, "REXMIT_RACK") + counter(stack, "REXMIT_FAST") + counter(stack, "REXMIT_PARTIAL");
    r->by_tlp = counter(stack, "REXMIT_TLP");
    r->probes_new = counter(stack, "SEND_TLP");
}

static void count_all(struct run *run, struct sim *sim) {
    struct rec_result *r = run->r;
    if (sim->stack[0] != NULL) count_reasons(r, sim->stack[0]);
    for (unsigned i = 0; i < run->flows; i++) r->unique += run->flow[i].written;
    r->resent = r->sent > r->unique ? r->sent - r->unique : 0;
    r->spurious = r->arrived > r->unique ? r->arrived - r->unique : 0;
    r->queue_mean_ms = run->queue_count != 0 ? (double)run->queue_sum_ns / (double)run->queue_count / 1e6 : 0;
    r->queue_max_ms = (double)run->queue_max_ns / 1e6;
    r->rounds = sim->rounds;
}

/* What is still under way arrives and is counted, so that sent twice and arrived twice can be told. */
static void finish(struct run *run, struct sim *sim, uint64_t start) {
    const struct rec_config *c = run->c;
    run->stopped = true;
    for (unsigned i = 0; i < run->flows; i++)
        if (!run->flow[i].ended && run->flow[i].start_ns != 0) feed(run, i, sim->stack[0]);
    uint64_t limit = c->limit_ns != 0 ? c->limit_ns : 120ull * SIM_SECOND;
    if (run->done < run->flows) sim_run(sim, start + c->duration_ns + limit);
    run->r->complete = run->done == run->flows;
    sim_run(sim, sim->now + 4ull * c->rtt_us * 1000 + SIM_SECOND);
}

bool rec_run(const struct rec_config *c, struct rec_result *r) {
    struct run *run = calloc(1, sizeof *run);
    struct sim *sim = NULL;
    memset(r, 0, sizeof *r);
    if (run == NULL) return false;
    *run = (struct run){.c = c, .r = r, .flows = c->flows != 0 ? c->flows : 1};
    bool ok = run->flows <= REC_FLOWS && world(run, &sim);
    if (ok) {
        struct step step[REC_FLOWS + 8];
        size_t steps = plan(run, step);
        struct memlink_path path[2] = {forward(c), backward(c)};
        uint64_t start = sim->now;
        run->base_delay_ns = path[0].delay_ns + (c->rate_bps != 0 ? 1500ull * 8 * 1000000000u / c->rate_bps : 0);
        for (size_t i = 0; i < steps; i++) {
            if (start + step[i].at_ns > sim->now) sim_run(sim, start + step[i].at_ns);
            apply(run, sim, &step[i], path);
        }
        if (sim->now < start + c->duration_ns && run->done < run->flows) sim_run(sim, start + c->duration_ns);
        r->elapsed_ns = sim->now - start;
        for (unsigned i = 0; i < run->flows; i++) r->total += r->read[i] = run->flow[i].read;
        finish(run, sim, start);
        for (unsigned i = 0; i < run->flows; i++)
            if (run->flow[i].done_ns != 0) r->done_ns[i] = run->flow[i].done_ns - run->flow[i].start_ns;
        count_all(run, sim);
    }
    if (run->other != NULL) c->sender->free(run->other); /* says goodbye on the link */
    sim_free(sim);
    free(run);
    return ok;
}
