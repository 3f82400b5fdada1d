/* fastopen.c - TCP Fast Open (RFC 7413): data on the SYN from a peer that has shown before that it owns its address.
 * Off unless asked for. Cookies on both sides; the connection itself is made by backlog.c and segmentize.c. */
#include "tcp/tcb.h"

enum { COOKIE_LEN = 8, CLIENT = 1, SERVER = 2 };

/* ---- the server's cookie: a keyed hash of the client's address [RFC7413 4.1.2] ---- */

static void cookie_of(const struct stack *s, const ip_addr *client, uint8_t out[COOKIE_LEN]) {
    uint64_t mac = siphash24(&s->key_fast_open, client->b, sizeof client->b);
    memcpy(out, &mac, COOKIE_LEN);
}

/* What a SYN's option deserves: its data may be taken, or a cookie for the next time. */
enum fast_open fastopen_judge(const struct stack *s, const struct arrival *a) {
    const tcp_options *o = &a->h->options;
    if (!(s->cfg.fast_open & SERVER) || !o->has_tfo) return FAST_OPEN_NO;
    uint8_t cookie[COOKIE_LEN];
    cookie_of(s, &a->ip->src, cookie);
    if (o->tfo_len != COOKIE_LEN || memcmp(o->tfo, cookie, COOKIE_LEN) != 0) return FAST_OPEN_COOKIE;
    /* too many are pending: a flood with stolen cookies; then it is an ordinary open [RFC7413 5.1] */
    return s->tcp.fast_opens < s->cfg.fast_open_pending ? FAST_OPEN_YES : FAST_OPEN_NO;
}

void fastopen_offer(const struct stack *s, const ip_addr *client, tcp_options *o) {
    o->has_tfo = true;
    o->tfo_len = COOKIE_LEN;
    cookie_of(s, client, o->tfo);
}

/* ---- the client's: what each server gave us, in a table of fixed size ---- */

static struct fast_open_memory *memory_of(struct stack *s, const ip_addr *server) {
    uint64_t h = siphash13(&s->key_table, server->b, sizeof server->b);
    return &s->tcp.fast_open_memory[h % FAST_OPEN_MEMORY];
}

static bool may_ask(const struct stack *s, const struct tcb *t) {
    return t->on.fast_open && s->cfg.fast_open & CLIENT &&
           !t->syn_repeated; /* [RFC7413 4.1.3.1] a repeated SYN is plain */
}

/* The option of our SYN: the cookie, or the wish for one. Returns how many bytes may ride along. */
uint32_t fastopen_request(struct stack *s, const struct tcb *t, tcp_options *o) {
    const struct fast_open_memory *m = memory_of(s, &t->flow.remote);
    if (!may_ask(s, t)) return 0;
    o->has_tfo = true;
    o->tfo_len = 0;
    if (!m->len || !ip_eq(&m->server, &t->flow.remote)) return 0;
    o->tfo_len = m->len;
    memcpy(o->tfo, m->cookie, m->len);
    return m->mss;
}

/* The SYN,ACK may bring a cookie for next time [RFC7413 4.1.3]. */
void fastopen_remember(struct arrival *a) {
    const tcp_options *o = &a->h->options;
    struct tcb *t = a->t;
    if (!o->has_tfo || o->tfo_len < 4 || !t->on.fast_open || !(a->s->cfg.fast_open & CLIENT)) return;
    struct fast_open_memory *m = memory_of(a->s, &t->flow.remote);
    m->server = t->flow.remote;
    m->mss = t->mss_peer;
    m->len = o->tfo_len;
    memcpy(m->cookie, o->tfo, o->tfo_len);
}
