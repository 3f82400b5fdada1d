/* apps.c - the applications of a simulated world: they open, write in bursts or drops, read at once or slowly, pause,
 * half-close, close, abort; and look at every byte they get. */
#include <stdio.h>
#include <string.h>

#include "world.h"

enum { CHUNK = 4000, PAUSES = 3 };

static uint8_t byte_at(unsigned call, unsigned from, uint32_t n) {
    return (uint8_t)(n * 13 + (n >> 7) * 31 + call * 77 + from * 129);
}

/* ---- what they are going to do ---- */

static void plan_end(struct world *w, unsigned i, unsigned side) {
    struct end *e = &w->call[i].end[side];
    struct chance *c = &e->c;
    *c = chance_of(&w->plan, 1000 + i * 2 + side);
    e->total = one_in(c, 4) ? 0 : chance_below(c, w->plan.bytes_max);
    e->after_eof = chance_below(c, 2);
    bool slow = one_in(c, 3), quits = one_in(c, 4);
    uint32_t quit_at = 1 + chance_below(c, w->plan.bytes_max);
    e->slow = slow && has(&w->plan, F_SLOW);
    if (quits && has(&w->plan, F_QUIT)) e->quit_at = quit_at;
    e->wake = e->told_by = TERN_NEVER;
}

void apps_plan(struct world *w) {
    for (unsigned i = 0; i < w->plan.calls; i++) {
        struct call *k = &w->call[i];
        struct chance c = chance_of(&w->plan, 500 + i);
        k->end[0].host = chance_below(&c, w->hosts);
        k->end[1].host = (k->end[0].host + 1 + chance_below(&c, w->hosts - 1)) % w->hosts;
        k->port = (uint16_t)(FIRST_PORT + i);
        k->v6 = chance_below(&c, 2);
        k->both_open = one_in(&c, 10);
        k->keepalive = one_in(&c, 4) || plan_deadly(&w->plan);
        uint64_t at = w->now + (one_in(&c, 3) ? 0 : chance_below(&c, 60000) * MSEC);
        plan_end(w, i, 0);
        plan_end(w, i, 1);
        if (k->end[0].after_eof && k->end[1].after_eof) k->end[chance_below(&c, 2)].after_eof = false;
        bool again = i > 0 && has(&w->plan, F_REUSE) && one_in(&c, 2) && !k[-1].both_open;
        if (again && !plan_deadly(&w->plan)) {
            k->after_previous = true;
            k->both_open = false;
            k->port = k[-1].port;
            k->v6 = k[-1].v6;
            for (int side = 0; side < 2; side++) k->end[side].host = k[-1].end[side].host;
        } else {
            k->end[0].wake = at;
            if (k->both_open) k->end[1].wake = at;
        }
    }
    w->tally.calls = w->plan.calls;
}

/* ---- one end ---- */

static tern_stack *stack_at(const struct world *w, const struct end *e) { return w->host[e->host].stack; }

static void done(struct world *w, unsigned i, unsigned side, int error) {
    struct call *k = &w->call[i];
    struct end *e = &k->end[side];
    e->done = true;
    e->error = error;
    e->wake = e->told_by = TERN_NEVER;
    if (e->sock.id) tern_close(stack_at(w, e), e->sock);
    e->sock = (tern_sock){0};
    if (side == 0 && i + 1 < w->plan.calls && k[1].after_previous && !k[1].opened) k[1].end[0].wake = w->now;
}

static void soon(const struct world *w, struct end *e, uint64_t ns) {
    if (w->now + ns < e->wake) e->wake = w->now + ns;
}

static void refused(const struct world *w, struct end *e, ptrdiff_t r) {
    if (r == TERN_ENOMEM) e->told_by = w->now + 200 * MSEC;
}

static void saw_eof(struct world *w, unsigned i, unsigned side) {
    struct end *e = &w->call[i].end[side];
    const struct end *peer = &w->call[i].end[!side];
    if (!e->eof && !(peer->open && peer->shut && e->got == peer->written))
        violation(w, "call %u side %u: the end of the stream after %u bytes, but %u were written and the peer %s", i,
                  side, e->got, peer->written, peer->shut ? "closed" : "did not close");
    e->eof = true;
}

/* Reads what is there, a slow end only a little. False: the connection is over, or broken. */
static bool pull(struct world *w, unsigned i, unsigned side, bool all) {
    struct end *e = &w->call[i].end[side];
    uint8_t b[CHUNK];
    do {
        ptrdiff_t r = tern_read(stack_at(w, e), e->sock, b, 1 + chance_below(&e->c, e->slow ? 1500 : CHUNK));
        if (r == 0) saw_eof(w, i, side);
        if (r == 0 || r == TERN_EAGAIN) return true;
        if (r < 0) {
            done(w, i, side, (int)r);
            return false;
        }
        for (ptrdiff_t j = 0; j < r; j++)
            if (b[j] != byte_at(i, !side, e->got + (uint32_t)j))
                violation(w, "call %u side %u: byte %u is wrong", i, side, e->got + (uint32_t)j);
        e->got += (uint32_t)r;
        if (e->got > w->call[i].end[!side].written)
            violation(w, "call %u side %u: more bytes than were written", i, side);
    } while (all);
    soon(w, e, (1 + chance_below(&e->c, 1500)) * MSEC);
    return true;
}

static void push(struct world *w, unsigned i, unsigned side) {
    struct end *e = &w->call[i].end[side];
    uint8_t b[CHUNK];
    bool drops = one_in(&e->c, 3);
    while (e->written < e->total) {
        uint32_t n = 1 + chance_below(&e->c, drops ? 200 : CHUNK);
        if (n > e->total - e->written) n = e->total - e->written;
        for (uint32_t j = 0; j < n; j++) b[j] = byte_at(i, side, e->written + j);
        ptrdiff_t r = tern_write(stack_at(w, e), e->sock, b, n);
        refused(w, e, r);
        if (r < 0) return;
        e->written += (uint32_t)r;
        if (!drops || e->written == e->total) continue;
        bool pause = has(&w->plan, F_IDLE) && one_in(&e->c, 40);
        soon(w, e, pause ? chance_below(&e->c, 7200) * SECOND : chance_below(&e->c, 500) * MSEC);
        return;
    }
    if (e->shut || (e->after_eof && !e->eof)) return;
    e->shut = true; /* before the call: the FIN may be there at once */
    int r = tern_shutdown(stack_at(w, e), e->sock);
    refused(w, e, r);
    if (r != TERN_OK) e->shut = false;
}

static bool quits(struct world *w, unsigned i, unsigned side) {
    struct end *e = &w->call[i].end[side];
    if (!e->quit_at || e->got + e->written < e->quit_at) return false;
    e->shut = true;
    if (one_in(&e->c, 2)) {
        tern_abort(stack_at(w, e), e->sock);
        e->sock = (tern_sock){0};
    }
    done(w, i, side, TERN_ECLOSED);
    return true;
}

static void act(struct world *w, unsigned i, unsigned side, bool woke) {
    struct end *e = &w->call[i].end[side];
    if (!e->open || e->done) return;
    if (!(e->slow && !woke) && !pull(w, i, side, !e->slow)) return;
    if (e->slow && !woke) soon(w, e, (1 + chance_below(&e->c, 1500)) * MSEC);
    push(w, i, side);
    if (quits(w, i, side)) return;
    if (e->eof && e->shut && (i & 1 || e->closed)) done(w, i, side, TERN_OK);
}

static void open_end(struct world *w, unsigned i, unsigned side) {
    struct call *k = &w->call[i];
    struct end *e = &k->end[side];
    uint16_t far = k->both_open ? (uint16_t)(k->port + 10000) : LISTEN_PORT;
    tern_open o = {.size = sizeof o,
                   .remote = host_addr(&w->host[k->end[!side].host], k->v6),
                   .local_port = side ? far : k->port,
                   .remote_port = side ? k->port : far,
                   .user = i * 2 + side + 1};
    e->wake = TERN_NEVER;
    int r = tern_connect(stack_at(w, e), &o, &e->sock);
    if (r != TERN_OK) {
        if (r == TERN_EADDRINUSE || r == TERN_ENOMEM)
            e->wake = w->now + SECOND;
        else
            done(w, i, side, r);
        return;
    }
    e->open = k->opened = true;
    tern_set(stack_at(w, e), e->sock, TERN_OPT_KEEPALIVE, k->keepalive);
    if (one_in(&e->c, 3)) tern_set(stack_at(w, e), e->sock, TERN_OPT_FAST_OPEN, 1);
    if (one_in(&e->c, 2)) act(w, i, side, true);
}

void apps_step(struct world *w) {
    for (unsigned i = 0; i < w->plan.calls; i++) {
        for (unsigned side = 0; side < 2; side++) {
            struct end *e = &w->call[i].end[side];
            if (e->told_by <= w->now) violation(w, "call %u side %u: nobody says when to try again", i, side);
            if (e->wake > w->now || e->done) continue;
            e->wake = TERN_NEVER;
            if (e->open)
                act(w, i, side, true);
            else
                open_end(w, i, side);
        }
    }
}

uint64_t apps_due(const struct world *w) {
    uint64_t t = TERN_NEVER;
    for (unsigned i = 0; i < w->plan.calls; i++)
        for (unsigned side = 0; side < 2; side++)
            t = min_u64(t, min_u64(w->call[i].end[side].wake, w->call[i].end[side].told_by));
    return t;
}

/* ---- what they are told ---- */

/* The newest call from this port. */
static unsigned call_of_port(const struct world *w, uint16_t port) {
    for (unsigned i = w->plan.calls; i-- > 0;)
        if (w->call[i].opened && w->call[i].port == port && !w->call[i].both_open) return i;
    return CALLS_MAX;
}

static void accept_all(struct world *w, struct host *h) {
    tern_sock s;
    tern_flow f;
    while (tern_accept(h->stack, h->listener, &s, &f) == TERN_OK) {
        unsigned i = call_of_port(w, f.remote_port);
        bool again = i == CALLS_MAX || w->call[i].end[1].open || w->call[i].end[1].host != h->index;
        if (again) {
            /* A cookie, or data on a SYN, that came twice may open twice; after a reboot nobody knows. */
            if (!plan_deadly(&w->plan) && !has(&w->plan, F_FAST))
                violation(w, "host %u: a connection too many, from port %u", h->index, f.remote_port);
            tern_abort(h->stack, s);
            continue;
        }
        struct end *e = &w->call[i].end[1];
        e->sock = s;
        e->open = true;
        tern_set_user(h->stack, s, i * 2 + 2);
        tern_set(h->stack, s, TERN_OPT_KEEPALIVE, w->call[i].keepalive);
        act(w, i, 1, false);
    }
}

void apps_event(struct world *w, struct host *h, const tern_event *ev) {
    if (ev->sock.id == h->listener.id) {
        accept_all(w, h);
        return;
    }
    if (ev->user == 0 || ev->user > w->plan.calls * 2) return;
    unsigned i = (unsigned)(ev->user - 1) / 2, side = (unsigned)(ev->user - 1) % 2;
    struct end *e = &w->call[i].end[side];
    if (e->done || e->sock.id != ev->sock.id) return;
    if (ev->bits & (TERN_EV_WRITE | TERN_EV_CLOSED)) e->told_by = TERN_NEVER;
    if (ev->bits & TERN_EV_CLOSED) {
        e->closed = true;
        e->slow = false;
        if (!pull(w, i, side, true)) return;
        if (ev->error || e->eof) {
            done(w, i, side, ev->error);
            return;
        }
        violation(w, "call %u side %u: closed in order without an end of the stream", i, side);
    }
    act(w, i, side, false);
}

void apps_lost(struct world *w, const struct host *h) {
    for (unsigned i = 0; i < w->plan.calls; i++) {
        for (unsigned side = 0; side < 2; side++) {
            struct end *e = &w->call[i].end[side];
            if (e->host != h->index || !e->open || e->done) continue;
            e->sock = (tern_sock){0};
            done(w, i, side, TERN_ERESET);
        }
    }
}

bool apps_done(const struct world *w) {
    bool strict = !plan_deadly(&w->plan);
    for (unsigned i = 0; i < w->plan.calls; i++) {
        const struct call *k = &w->call[i];
        if (!k->end[0].done || (!k->end[1].done && (strict || k->end[1].open))) return false;
    }
    return true;
}

void apps_check_end(struct world *w) {
    bool strict = !plan_deadly(&w->plan);
    for (unsigned i = 0; i < w->plan.calls; i++) {
        bool whole = true;
        for (unsigned side = 0; side < 2; side++) {
            const struct end *e = &w->call[i].end[side], *peer = &w->call[i].end[!side];
            bool missing = !e->done && (e->open || side == 0 || strict);
            if (missing) {
                tern_status_info s = {.size = sizeof s};
                bool known = e->sock.id && tern_status(stack_at(w, e), e->sock, &s) == TERN_OK;
                violation(
                    w, "call %u side %u never ends: %s, timer %s, open %d shut %d eof %d wrote %u of %u, got %u of %u",
                    i, side, known ? tern_state_name(s.state) : "no connection", known && s.timer ? s.timer : "-",
                    e->open, e->shut, e->eof, e->written, e->total, e->got, peer->total);
            }
            /* The last ACK may be lost until the peer's TIME-WAIT is over, or evicted: then its host answers with RST. */
            bool late = e->error == TERN_ERESET && peer->done && peer->error == TERN_OK && peer->eof;
            whole = whole && e->done && ((e->error == TERN_OK && e->eof) || late) && e->got == peer->total;
            if (strict && !whole)
                violation(w, "call %u side %u ended with %s: eof %d, wrote %u of %u, got %u of %u", i, side,
                          tern_error_name(e->error), e->eof, e->written, e->total, e->got, peer->total);
        }
        w->tally.completed += whole;
    }
}
