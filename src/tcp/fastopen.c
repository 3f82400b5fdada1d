/* fastopen.c - TCP Fast Open (RFC 7413): data on the SYN from a peer that has shown before that it owns its address.
 * Off unless asked for. Cookies on both sides; the connection itself is made by backlog.c and segmentize.c. */
#include "tcp/tcb.h"

enum { COOKIE_LEN = 8, CLIENT = 1, SERVER = 2, MINUTE_MS = 60000, STRIKES_MOST = 6 };

/* ---- the server's cookie: a keyed hash of the client's address [RFC7413 4.1.2] ---- */

static void cookie_of(const struct stack *s, const ip_addr *client, uint8_t out[COOKIE_LEN]) {
    uint64_t mac = siphash24(&s->key_fast_open, client->b, sizeof client->b);
    memcpy(out, &mac, COOKIE_LEN);
}

/* Fast opens that were reset lately go on counting for one to two minutes: the RSTs of a host whose address is forged would
 * make room for the next forged SYN [RFC7413 5.1]. */
static uint32_t reset_lately(const struct stack *s) {
    const struct fast_open_resets *r = &s->tcp.fast_open_resets;
    uint64_t age = s->now / (MINUTE_MS * MS_NS) - r->minute;
    return age == 0 ? r->in_minute + r->before : age == 1 ? r->in_minute : 0;
}

void fastopen_was_reset(struct stack *s) {
    struct fast_open_resets *r = &s->tcp.fast_open_resets;
    uint64_t minute = s->now / (MINUTE_MS * MS_NS);
    if (minute != r->minute) *r = (struct fast_open_resets){minute, 0, minute - r->minute == 1 ? r->in_minute : 0};
    r->in_minute++;
}

/* What a SYN's option deserves: its data may be taken, or a cookie for the next time. */
enum fast_open fastopen_judge(const struct stack *s, const struct arrival *a) {
    const tcp_options *o = &a->h->options;
    if (!(s->cfg.fast_open & SERVER) || !o->has_tfo) return FAST_OPEN_NO;
    uint8_t cookie[COOKIE_LEN];
    cookie_of(s, &a->ip->src, cookie);
    if (o->tfo_len != COOKIE_LEN || memcmp(o->tfo, cookie, COOKIE_LEN) != 0) return FAST_OPEN_COOKIE;
    /* too many are pending: a flood with stolen cookies; then it is an ordinary open [RFC7413 5.1] */
    return s->tcp.fast_opens + reset_lately(s) < s->cfg.fast_open_pending ? FAST_OPEN_YES : FAST_OPEN_NO;
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

static bool is_client(const struct stack *s, const struct tcb *t) {
    return t->on.fast_open && s->cfg.fast_open & CLIENT;
}

static bool is_of(const struct fast_open_memory *m, const struct tcb *t) { return ip_eq(&m->server, &t->flow.remote); }

/* A repeated SYN is plain [RFC7413 4.2.2], and so is the first one where it went wrong lately [RFC7413 4.1.3.1]. */
static bool may_ask(struct stack *s, const struct tcb *t) {
    const struct fast_open_memory *m = memory_of(s, &t->flow.remote);
    if (!is_client(s, t) || t->syn_repeated) return false;
    return !is_of(m, t) || m->avoid_port != t->flow.remote_port || s->now >= m->avoid_until_ns;
}

/* What should be known of this server, in the place of what was known of another. */
static struct fast_open_memory *memory_for(struct stack *s, const struct tcb *t) {
    struct fast_open_memory *m = memory_of(s, &t->flow.remote);
    if (!is_of(m, t)) *m = (struct fast_open_memory){.server = t->flow.remote};
    return m;
}

/* No answer, a refusal, or the data was left behind: perhaps something on the path cannot bear such SYNs, and without this
 * memory nothing would ever get through. For a minute they are plain; each further time in a row, for twice as long
 * [RFC7413 4.1.3.1]. */
static void strike(struct stack *s, const struct tcb *t) {
    struct fast_open_memory *m = memory_for(s, t);
    m->avoid_port = t->flow.remote_port;
    m->avoid_until_ns = s->now + ((uint64_t)MINUTE_MS * MS_NS << m->strikes);
    if (m->strikes < STRIKES_MOST) m->strikes++;
}

void fastopen_failed(struct stack *s, const struct tcb *t) {
    if (may_ask(s, t)) strike(s, t);
}

/* The option of our SYN: the cookie, or the wish for one. Returns how many bytes may ride along. */
uint32_t fastopen_request(struct stack *s, const struct tcb *t, tcp_options *o) {
    const struct fast_open_memory *m = memory_of(s, &t->flow.remote);
    if (!may_ask(s, t)) return 0;
    o->has_tfo = true;
    o->tfo_len = 0;
    if (!m->len || !is_of(m, t) || !ip_eq(&m->client, &t->flow.local)) return 0;
    o->tfo_len = m->len;
    memcpy(o->tfo, m->cookie, m->len);
    return m->mss;
}

/* The SYN,ACK may bring a cookie for next time [RFC7413 4.1.3]; without one, it shows whether what rode on the SYN was taken. */
void fastopen_remember(struct arrival *a) {
    const tcp_options *o = &a->h->options;
    struct tcb *t = a->t;
    if (!is_client(a->s, t)) return;
    bool data = seq_gt(t->snd.nxt, seq_add(t->iss, 1)), taken = data && !seq_eq(a->ack, seq_add(t->iss, 1));
    bool cookie = o->has_tfo && o->tfo_len >= 4;
    if (data && !taken && !cookie) fastopen_failed(a->s, t);
    if (!cookie && !taken) return;
    struct fast_open_memory *m = memory_for(a->s, t);
    m->strikes = 0;
    m->avoid_until_ns = 0;
    if (!cookie) return;
    m->client = t->flow.local;
    m->mss = t->mss_peer;
    m->len = o->tfo_len;
    memcpy(m->cookie, o->tfo, o->tfo_len);
}
