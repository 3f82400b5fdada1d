/* apps.c - the applications of a run: they do what the scenario says when it says it, accept what comes, and read at
 * once unless told to pause. Every connection's bytes are its own, so that a reader knows bytes of another one. What
 * their calls do is the host's (host.h). */
#include "play/host.h"

#include <string.h>

/* ---- connections ---- */

static struct conn *conn_of(struct stage *g, int end, tern_sock sock) {
    for (size_t i = g->conns; i-- > 0;)
        if (g->conn[i].open && g->conn[i].end == end && g->conn[i].sock.id == sock.id) return &g->conn[i];
    return NULL;
}

static struct conn *conn_new(struct stage *g, int end, tern_sock sock, const tern_flow *flow) {
    unsigned incarnation = 0;
    for (size_t i = 0; i < g->conns; i++) incarnation += g->conn[i].end == end && same_flow(&g->conn[i].flow, flow);
    if (!grow((void **)&g->conn, &g->conns_room, g->conns, sizeof *g->conn, STAGE_CONNS)) {
        g->short_of_memory = true;
        return NULL;
    }
    struct conn *c = &g->conn[g->conns++];
    *c = (struct conn){
        .end = end, .sock = sock, .flow = *flow, .incarnation = incarnation, .open = true, .paused = g->paused[end]};
    return c;
}

static struct conn *conn_find(struct stage *g, const struct play_who *who, const tern_flow *flow) {
    for (size_t i = g->conns; i-- > 0;) {
        struct conn *c = &g->conn[i];
        bool meant = flow->remote_port != 0 && who->port == 0 ? c->end == who->end && same_flow(&c->flow, flow)
                                                              : who_is(who, c->end, &c->flow);
        if (meant && c->open) return c;
    }
    return NULL;
}

static uint8_t byte_at(const struct conn *c, int sender, uint64_t offset) {
    uint64_t key = (c->flow.local_port ^ c->flow.remote_port) + c->incarnation * 7u + (unsigned)sender * 3u;
    return (uint8_t)('a' + (key + offset + offset / 26) % 26);
}

/* ---- bytes ---- */

static void finish(struct stage *g, struct conn *c) {
    const struct host_calls *calls = g->calls[c->end];
    /* Who is to leave TIME-WAIT early must keep hold of the connection. */
    bool keep = (g->take->host[c->end].alter & ALTER_NO_TIME_WAIT) != 0;
    int then = c->then;
    c->then = THEN_NOTHING;
    if (then == THEN_SHUTDOWN || (then == THEN_CLOSE && keep)) calls->shutdown(g, c->end, c->sock);
    if (then != THEN_CLOSE || keep) return;
    calls->close(g, c->end, c->sock);
    c->open = false;
}

static void pump(struct stage *g, struct conn *c) {
    uint8_t *chunk = g->chunk;
    while (c->to_send > 0) {
        size_t n = c->to_send < STAGE_CHUNK ? (size_t)c->to_send : STAGE_CHUNK;
        for (size_t i = 0; i < n; i++) chunk[i] = byte_at(c, c->end, c->sent + i);
        ptrdiff_t r = g->calls[c->end]->write(g, c->end, c->sock, chunk, n);
        if (r <= 0) {
            if (r != TERN_EAGAIN) c->to_send = 0;
            break;
        }
        c->sent += (uint64_t)r;
        c->to_send -= (uint64_t)r;
    }
    if (c->to_send == 0 && c->then != THEN_NOTHING) finish(g, c);
}

static void drain(struct stage *g, struct conn *c, uint64_t most) {
    uint8_t *chunk = g->chunk;
    while (c->open && most > 0) {
        size_t n = most < STAGE_CHUNK ? (size_t)most : STAGE_CHUNK;
        ptrdiff_t r = g->calls[c->end]->read(g, c->end, c->sock, chunk, n);
        for (ptrdiff_t i = 0; i < r; i++) c->wrong |= chunk[i] != byte_at(c, !c->end, c->received + (uint64_t)i);
        struct cue cue = {.end = c->end, .flow = c->flow};
        if (r == 0 && !c->eof) {
            c->eof = true;
            cue.when = WHEN_EOF;
            cue_add(g, &cue);
        }
        if (r <= 0) return;
        cue.when = WHEN_DATA;
        cue.bytes = c->received;
        c->received += (uint64_t)r;
        cue_add(g, &cue);
        most -= (uint64_t)r;
    }
}

/* ---- events ---- */

static void accept_all(struct stage *g, int end, tern_sock sock) {
    tern_sock got;
    tern_flow flow;
    for (unsigned i = 0; i < g->listeners; i++) {
        if (g->listener[i].end != end || g->listener[i].sock.id != sock.id || g->listener[i].unaccepted) continue;
        while (g->calls[end]->accept(g, end, sock, &got, &flow) == TERN_OK) {
            struct conn *c = conn_new(g, end, got, &flow);
            g->accepted[end]++;
            if (c == NULL) return;
            c->accepted = true;
            if (!c->paused) drain(g, c, UINT64_MAX);
        }
        return;
    }
}

static void on_event(struct stage *g, struct conn *c, const tern_event *e) {
    if ((e->bits & (TERN_EV_READ | TERN_EV_EOF | TERN_EV_CLOSED)) && !c->paused) drain(g, c, UINT64_MAX);
    if (c->open && (e->bits & (TERN_EV_WRITE | TERN_EV_CONNECTED))) pump(g, c);
    if (e->bits & TERN_EV_SENT) {
        struct cue cue = {.when = WHEN_SENT, .end = c->end, .flow = c->flow};
        cue_add(g, &cue);
    }
    if (e->bits & TERN_EV_CLOSED) {
        g->silent = true; /* the handle is given back, which is no call that anybody wants to see */
        g->calls[c->end]->close(g, c->end, c->sock);
        g->silent = false;
        c->open = false;
    }
}

void app_event(void *ctx, struct sim *sim, int end, const tern_event *e) {
    struct stage *g = ctx;
    struct conn *c = conn_of(g, end, e->sock);
    (void)sim;
    if (e->bits & TERN_EV_ACCEPT) accept_all(g, end, e->sock);
    if (c != NULL) on_event(g, c, e);
    stage_answer(g);
}

/* ---- user calls ---- */

static void do_listen(struct stage *g, const struct play_act *a) {
    tern_sock sock;
    int end = a->who.end;
    tern_listen_config config = {.size = sizeof config, .port = (uint16_t)a->value, .backlog = (uint32_t)a->count};
    if (g->listeners == STAGE_LISTENERS || g->calls[end]->listen(g, end, &config, &sock) != TERN_OK) return;
    g->listener[g->listeners].end = end;
    g->listener[g->listeners].port = (uint16_t)a->value;
    g->listener[g->listeners].unaccepted = a->hold;
    g->listener[g->listeners++].sock = sock;
    edge_walked(g, TERN_CLOSED, TERN_LISTEN, "PASSIVE_OPEN");
}

static void do_unlisten(struct stage *g, const struct play_act *a) {
    for (unsigned i = 0; i < g->listeners; i++) {
        if (g->listener[i].end != a->who.end || g->listener[i].port != a->value) continue;
        g->calls[a->who.end]->close(g, a->who.end, g->listener[i].sock);
        g->listener[i] = g->listener[--g->listeners];
        edge_walked(g, TERN_LISTEN, TERN_CLOSED, "CLOSE");
        return;
    }
}

static void do_connect(struct stage *g, const struct play_act *a) {
    int end = a->who.end;
    tern_sock sock;
    tern_open open = {.size = sizeof open,
                      .local = g->sim->addr4[end],
                      .remote = g->sim->addr4[a->self ? end : !end],
                      .local_port = (uint16_t)a->count,
                      .remote_port = (uint16_t)a->value};
    tern_flow flow = {open.local, open.remote, open.local_port, open.remote_port};
    int r = g->calls[end]->connect(g, end, &open, &sock, &flow);
    g->call_error[end] = r;
    if (r != TERN_OK) return;
    if (a->fast) g->calls[end]->set(g, end, sock, TERN_OPT_FAST_OPEN, 1);
    conn_new(g, end, sock, &flow);
    for (unsigned i = 0; i < g->listeners; i++)
        if (g->listener[i].end == end && g->listener[i].port == flow.local_port)
            edge_walked(g, TERN_LISTEN, TERN_SYN_SENT, "ACTIVE_OPEN"); /* SEND on a listener is an active OPEN */
}

static void pause_reading(struct stage *g, const struct play_act *a, struct conn *c, bool paused) {
    if (c == NULL)
        g->paused[a->who.end] = paused;
    else
        c->paused = paused;
    if (c != NULL && !paused) drain(g, c, UINT64_MAX);
}

static void on_connection(struct stage *g, const struct play_act *a, struct conn *c) {
    const struct host_calls *calls = g->calls[a->who.end];
    switch (a->verb) {
    case DO_SEND:
        c->to_send += a->value;
        pump(g, c);
        break;
    case DO_READ: drain(g, c, a->value); break;
    case DO_SHUTDOWN:
    case DO_CLOSE:
        c->then = a->verb == DO_CLOSE ? THEN_CLOSE : THEN_SHUTDOWN;
        if (c->to_send == 0) finish(g, c);
        break;
    case DO_ABORT:
        calls->abort(g, a->who.end, c->sock);
        c->open = false;
        break;
    case DO_OPTION: calls->set(g, a->who.end, c->sock, a->option, (int64_t)a->value); break;
    default: break;
    }
}

void app_act(struct stage *g, const struct play_act *a, const tern_flow *flow) {
    static const tern_flow none;
    struct conn *c = conn_find(g, &a->who, flow != NULL ? flow : &none);
    switch (a->verb) {
    case DO_LISTEN: do_listen(g, a); return;
    case DO_UNLISTEN: do_unlisten(g, a); return;
    case DO_CONNECT: do_connect(g, a); return;
    case DO_PAUSE:
    case DO_RESUME: pause_reading(g, a, c, a->verb == DO_PAUSE); return;
    default: break;
    }
    if (c != NULL) on_connection(g, a, c);
}

void app_forget(struct stage *g, int end) {
    for (size_t i = 0; i < g->conns; i++)
        if (g->conn[i].end == end) g->conn[i].open = false;
    for (unsigned i = g->listeners; i-- > 0;)
        if (g->listener[i].end == end) g->listener[i] = g->listener[--g->listeners];
}

void app_no_time_wait(struct stage *g, int end, const tern_flow *flow) {
    for (size_t i = g->conns; i-- > 0;) {
        struct conn *c = &g->conn[i];
        if (c->end != end || !c->open || !same_flow(&c->flow, flow)) continue;
        g->calls[end]->abort(g, end, c->sock);
        c->open = false;
        return;
    }
}
