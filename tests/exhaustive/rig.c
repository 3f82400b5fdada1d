/* rig.c - see rig.h. */
#include "rig.h"
#include "tests/octets.h"

struct rig rig;

static void must(bool ok, const char *what) {
    if (ok) return;
    fprintf(stderr, "rig: %s\n", what);
    abort();
}

/* ---- memory ---- */

enum { ARENA = 4 << 20 };
static _Alignas(64) uint8_t arena[ARENA], saved[ARENA];
static size_t arena_used, saved_used;
static struct rig saved_rig;

static void *take(void *ctx, size_t size) {
    (void)ctx;
    size_t at = arena_used;
    arena_used += (size + 63) & ~(size_t)63;
    must(arena_used <= ARENA, "the arena is too small");
    return arena + at;
}

static void give(void *ctx, void *p, size_t size) {
    (void)ctx;
    (void)p;
    (void)size;
}

void rig_save(void) {
    memcpy(saved, arena, arena_used);
    saved_used = arena_used;
    saved_rig = rig;
}

void rig_restore(void) {
    memcpy(arena, saved, saved_used);
    arena_used = saved_used;
    rig = saved_rig;
}

/* ---- packets ---- */

static const uint8_t addresses[2][4] = {{10, 0, 0, 2}, {10, 0, 0, 1}}; /* the peer, the host */

static size_t put_options(uint8_t *p, const struct segment *s) {
    static const uint8_t syn[] = {2, 4, 1000 >> 8, 1000 & 255}, scale[] = {1, 3, 3, PEER_SHIFT};
    size_t n = 0;
    if (s->flags & SYN) memcpy(p, syn, sizeof syn), n += sizeof syn;
    if (s->flags & SYN && rig.stamps) memcpy(p + n, scale, sizeof scale), n += sizeof scale;
    if (s->has_ts) {
        memcpy(p + n, (uint8_t[]){1, 1, 8, 10, [11] = 0}, 12);
        put32(p + n + 4, s->ts);
        n += 12;
    }
    return n;
}

void rig_input(const struct segment *s) {
    static uint8_t p[70000];
    uint8_t *tcp = p + 20;
    memset(p, 0, 40);
    size_t head = 20 + put_options(tcp + 20, s), len = head + s->len;
    memset(tcp + head, 'x', s->len);
    p[0] = 0x45, p[8] = 64, p[9] = 6;
    put16(p + 2, (uint32_t)(20 + len));
    memcpy(p + 12, addresses[0], 4);
    memcpy(p + 16, addresses[1], 4);
    put16(p + 10, ~sum16(p, 20, 0));
    put16(tcp, PEER_PORT);
    put16(tcp + 2, OUR_PORT);
    put32(tcp + 4, s->seq);
    put32(tcp + 8, s->ack);
    tcp[12] = (uint8_t)(head / 4 << 4);
    tcp[13] = (uint8_t)s->flags;
    put16(tcp + 14, s->wnd);
    if (s->flags & URG) put16(tcp + 18, URGENT_AHEAD);
    put16(tcp + 16, ~sum16(tcp, len, sum16(p + 12, 8, 6 + (uint32_t)len)));
    tern_packet packet = {.data = p, .len = (uint32_t)(20 + len)};
    must(tern_input(rig.stack, 0, &packet, 1, rig.now) == TERN_OK, "input");
}

static void read_reply(const uint8_t *p, size_t n) {
    must(n >= 40 && p[0] == 0x45 && p[9] == 6, "a packet that is not TCP came out");
    must(rig.answer_count < REPLIES, "too many packets came out");
    const uint8_t *tcp = p + 20;
    size_t head = (size_t)(tcp[12] >> 4) * 4;
    struct answer *r = &rig.answers[rig.answer_count++];
    *r = (struct answer){.flags = tcp[13],
                         .seq = get32(tcp + 4),
                         .ack = get32(tcp + 8),
                         .len = (uint32_t)(n - 20 - head),
                         .wnd = (uint16_t)get16(tcp + 14)};
    for (size_t i = 20; i < head && tcp[i]; i += tcp[i] == 1 ? 1 : tcp[i + 1]) r->has_ts |= tcp[i] == 8;
}

void rig_output(void) {
    tern_frame frames[REPLIES];
    uint8_t bytes[2048];
    rig.answer_count = 0;
    for (int n; (n = tern_output(rig.stack, frames, REPLIES, rig.now)) > 0;)
        for (int i = 0; i < n; i++) {
            size_t len = tern_frame_copy(&frames[i], bytes, sizeof bytes);
            must(len > 0, "a frame does not fit");
            read_reply(bytes, len);
        }
}

/* ---- events, time ---- */

static bool poll(void) {
    tern_event e[8];
    bool accept = false;
    for (size_t n; (n = tern_poll(rig.stack, e, 8)) > 0;)
        for (size_t i = 0; i < n; i++) {
            if (e[i].sock.id == rig.listener.id) {
                rig.listener_bits |= e[i].bits;
                accept |= e[i].bits & TERN_EV_ACCEPT;
                continue;
            }
            rig.bits |= e[i].bits;
            if (e[i].error) rig.error = e[i].error;
        }
    return accept;
}

void rig_events(void) {
    if (poll() && tern_accept(rig.stack, rig.listener, &rig.sock, NULL) == TERN_OK) poll();
}

void rig_expire(void) { must(tern_expire(rig.stack, rig.now) == TERN_OK, "expire"); }

static void wait(uint64_t ms) {
    rig.now += ms * MS_NS;
    rig_expire();
    rig_output();
}

/* ---- the way into a state ---- */

static void make(const struct way *w, uint64_t now) {
    tern_config c;
    tern_config_default(&c);
    c.allocator = (tern_allocator){take, give, NULL};
    for (size_t i = 0; i < sizeof c.entropy; i++) c.entropy[i] = (uint8_t)(i * 37 + 11);
    c.autoconf = c.dad = 0;
    c.receive_buffer = BUFFER;
    c.timestamps = c.window_scale = w->stamps || w->plain_peer;
    c.sack = 0;
    c.half_open_max = c.connections_max = c.time_wait_max = 4;
    arena_used = 0;
    memset(&rig, 0, sizeof rig);
    rig.now = now;
    rig.stamps = w->stamps;
    rig.ts = TS_FIRST;
    must(tern_new(&c, now, &rig.stack) == TERN_OK, "new");
    rig.s = stack_of(rig.stack);
    tern_iface_config i = {.size = sizeof i, .name = "rig", .link = TERN_LINK_IP, .mtu = 1500};
    must(tern_iface_add(rig.stack, &i) == 0, "interface");
    tern_addr me = {4, {10, 0, 0, 1}};
    must(tern_addr_add(rig.stack, 0, &me, 24) == TERN_OK, "address");
}

/* The clock of RFC 6528 ticks every 4 microseconds: one look tells when the wanted number is due. */
static void up(const struct way *w) {
    uint64_t start = 1000 * SEC_NS;
    make(w, start);
    tern_addr me = {4, {10, 0, 0, 1}}, peer = {4, {10, 0, 0, 2}};
    struct flow f = {addr_in(&me), addr_in(&peer), OUR_PORT, PEER_PORT};
    struct secrets secrets = flow_secrets(rig.s, &f);
    uint32_t ticks = OUR_ISS - isn_choose(rig.s, &secrets).v;
    make(w, start + (uint64_t)ticks * 4000);
}

static void feed(unsigned flags, uint32_t len) {
    struct segment s = {.flags = flags,
                        .seq = rig.peer_nxt,
                        .ack = flags & ACK ? rig.acked : 0,
                        .len = len,
                        .wnd = PEER_WINDOW >> (flags & SYN || !rig.stamps ? 0 : PEER_SHIFT),
                        .has_ts = rig.stamps,
                        .ts = rig.ts++};
    rig_input(&s);
    rig_output();
    rig.peer_nxt += len + !!(flags & SYN) + !!(flags & FIN);
}

static void listen(void) {
    tern_listen_config c = {.size = sizeof c, .port = OUR_PORT};
    must(tern_listen(rig.stack, &c, &rig.listener) == TERN_OK, "listen");
}

static void open_passive(enum tern_state state) {
    listen();
    if (state == TERN_LISTEN) return;
    feed(SYN, 0);
    if (state == TERN_SYN_RECEIVED) return;
    feed(ACK, 0);
    rig_events();
}

static void open_active(enum tern_state state) {
    tern_open o = {.size = sizeof o, .remote = {4, {10, 0, 0, 2}}, .local_port = OUR_PORT, .remote_port = PEER_PORT};
    must(tern_connect(rig.stack, &o, &rig.sock) == TERN_OK, "connect");
    rig_output();
    if (state == TERN_SYN_SENT) return;
    feed(state == TERN_SYN_RECEIVED ? SYN : SYN | ACK, 0);
}

static uint8_t block[8192];

static void say(uint32_t n) {
    must(tern_write(rig.stack, rig.sock, block, n) == (ptrdiff_t)n, "write");
    rig_output();
    for (unsigned i = 0; i < rig.answer_count; i++) rig.our_nxt += rig.answers[i].len;
}

static void hear(void) {
    while (tern_read(rig.stack, rig.sock, block, sizeof block) > 0) {
    }
}

/* Data has gone both ways; ours is acknowledged up to the first 100 bytes, the last segment of the peer began 50
 * bytes before RCV.NXT, and all of that is acknowledged. */
static void talk(const struct way *w) {
    say(100);
    rig.acked = rig.our_nxt;
    feed(ACK, 50);
    hear();
    wait(60);
    bool fin = w->state == TERN_CLOSE_WAIT || w->state == TERN_CLOSING || w->state == TERN_LAST_ACK ||
               w->state == TERN_TIME_WAIT;
    if (w->zero) feed(ACK, window_offered(pool_at(&rig.s->tcp.tcbs, 0)) - fin);
    if (w->unread) feed(ACK, 40);
    wait(60);
    if (w->unsent) {
        say(PEER_WINDOW + 500);
    } else if (w->state != TERN_FIN_WAIT_2 && w->state != TERN_TIME_WAIT && !w->idle) {
        say(300);
    }
}

static void close_ours(const struct way *w) {
    must((w->closed ? tern_close : tern_shutdown)(rig.stack, rig.sock) == TERN_OK, "close");
    rig_output();
    rig.our_nxt++;
}

static void close_both(const struct way *w) {
    enum tern_state st = w->state;
    if (st == TERN_CLOSE_WAIT || st == TERN_LAST_ACK) feed(FIN | ACK, 0);
    if (st == TERN_CLOSE_WAIT || st == TERN_ESTABLISHED) return;
    close_ours(w);
    if (st == TERN_FIN_WAIT_2 || st == TERN_TIME_WAIT) rig.acked = rig.our_nxt, feed(ACK, 0);
    if (st == TERN_CLOSING || st == TERN_TIME_WAIT) feed(FIN | ACK, 0);
}

void rig_to_state(const struct way *w) {
    up(w);
    rig.peer_nxt = PEER_ISS;
    rig.our_nxt = rig.acked = OUR_ISS + 1;
    if (w->state == TERN_CLOSED) return;
    if (w->passive)
        open_passive(w->state);
    else
        open_active(w->state);
    if (w->listener) listen();
    if (w->state >= TERN_ESTABLISHED) {
        talk(w);
        close_both(w);
    }
    if (w->fast) {
        struct time_wait *old = pool_at(&rig.s->tcp.time_waits, 0);
        old->snd_nxt = seq_add(old->snd_nxt, 1000000);
    }
    wait(20); /* shorter than any timer of these states, longer than the clock's ticks */
    rig_events();
    rig.bits = rig.listener_bits = 0;
    rig.error = 0;
    struct view v;
    rig_view(&v);
    must(v.state == w->state, w->name);
}

/* ---- looking ---- */

static bool ours(const struct flow *f) { return f->local_port == OUR_PORT && f->remote_port == PEER_PORT; }

static uint32_t bytes_held(const range_set *s) {
    uint32_t n = 0;
    for (unsigned i = 0; i < s->count; i++) n += (uint32_t)seq_diff(s->at[i].right, s->at[i].left);
    return n;
}

static void view_tcb(struct view *v, const struct tcb *t) {
    const uint64_t two_msl = 2ull * rig.s->cfg.msl_ms * MS_NS;
    *v = (struct view){.there = true,
                       .state = (enum tern_state)t->state,
                       .passive = t->passive,
                       .stamps = t->stamps,
                       .fin_sent = t->fin_queued,
                       .closed = t->detached,
                       .later = t->busy->delack_at != TERN_NEVER,
                       .two_msl_full = t->state == TERN_TIME_WAIT && t->busy->life_at == rig.now + two_msl,
                       .iss = t->iss.v,
                       .una = t->snd.una.v,
                       .nxt = t->snd.nxt.v,
                       .wnd = t->snd.wnd,
                       .max_wnd = t->snd.max_wnd,
                       .wl1 = t->snd.wl1.v,
                       .wl2 = t->snd.wl2.v,
                       .irs = t->irs.v,
                       .rcv_nxt = t->rcv.nxt.v,
                       .rcv_wnd = window_offered(t),
                       .unread = rcv_readable(t),
                       .held = t->busy->islands ? bytes_held(&t->busy->islands->set) : 0,
                       .ts_recent = t->stamps ? t->ts_recent : 0,
                       .last_ack = tcb_awake(t) ? t->busy->last_ack_sent.v : t->rcv.nxt.v,
                       .wnd_shift = t->snd_wscale};
    if (v->state == TERN_SYN_SENT) v->rcv_nxt = v->irs = PEER_ISS; /* there is none yet */
}

static void view_half_open(struct view *v, const struct half_open *h) {
    *v = (struct view){.there = true,
                       .state = TERN_SYN_RECEIVED,
                       .half_open = true,
                       .passive = true,
                       .stamps = h->flags & HALF_STAMPS,
                       .iss = h->iss.v,
                       .una = h->iss.v,
                       .nxt = h->iss.v + 1,
                       .wnd = h->snd_wnd,
                       .max_wnd = h->snd_wnd,
                       .irs = h->irs.v,
                       .rcv_nxt = h->irs.v + 1,
                       .rcv_wnd = h->rcv_wnd,
                       .ts_recent = h->flags & HALF_STAMPS ? h->ts_recent : 0,
                       .last_ack = h->irs.v + 1,
                       .wnd_shift = h->snd_wscale};
}

static void view_time_wait(struct view *v, const struct time_wait *w) {
    uint64_t left = time_wait_expires_ns(rig.s, w) - rig.now, full = 2ull * rig.s->cfg.msl_ms * MS_NS;
    *v = (struct view){.there = true,
                       .state = TERN_TIME_WAIT,
                       .record = true,
                       .stamps = w->stamps,
                       .fin_sent = true,
                       .closed = true,
                       .two_msl_full = left + 5 * MS_NS >= full,
                       .iss = OUR_ISS,
                       .una = w->snd_nxt.v,
                       .nxt = w->snd_nxt.v,
                       .max_wnd = 1u << 30,
                       .irs = PEER_ISS,
                       .rcv_nxt = w->rcv_nxt.v,
                       .ts_recent = w->stamps ? w->ts_recent : 0,
                       .last_ack = w->rcv_nxt.v};
}

void rig_view(struct view *v) {
    const struct tcp_state *t = &rig.s->tcp;
    *v = (struct view){.state = t->listeners.used ? TERN_LISTEN : TERN_CLOSED};
    for (uint32_t i = 0; i < t->half_opens.made; i++) {
        const struct half_open *h = pool_at(&t->half_opens, i);
        if (pool_used(&t->half_opens, i) && ours(&h->flow)) view_half_open(v, h);
    }
    for (uint32_t i = 0; i < t->time_waits.made; i++) {
        const struct time_wait *w = pool_at(&t->time_waits, i);
        if (pool_used(&t->time_waits, i) && ours(&w->flow)) view_time_wait(v, w);
    }
    for (uint32_t i = 0; i < t->tcbs.made; i++) {
        const struct tcb *b = pool_at(&t->tcbs, i);
        if (pool_used(&t->tcbs, i) && b->state != TERN_CLOSED && ours(&b->flow)) view_tcb(v, b);
    }
}

void rig_check(void) {
    for (uint32_t i = 0; i < rig.s->tcp.tcbs.made; i++)
        if (pool_used(&rig.s->tcp.tcbs, i)) tcb_check(rig.s, pool_at(&rig.s->tcp.tcbs, i));
    must(rig.s->stats.bad_moves == 0, "a move that transition.def does not have");
}
