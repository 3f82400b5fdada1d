/* syncookie.c - SYN cookies (RFC 4987 3.6): under a flood of SYNs the half-open connection is kept by the peer, as
 * our initial number, instead of by us. Whether the flood is on, and what a finished handshake becomes, is
 * backlog.c's.
 *
 * The number is a keyed hash of the sockets, the peer's number, the time slot and an index into a short list of MSS
 * values; the index itself stands in its low bits. Window scale and SACK hide in the low bits of the timestamp,
 * which the peer echoes; without timestamps they are not agreed. A forged ACK opens a connection once in 2^29 /
 * slots tries. */
#include "tcp/tcb.h"

enum { SLOT_NS_SHIFT = 35, SLOTS_VALID = 3, MSS_BITS = 3, NO_SCALE = 15, TS_BITS = 6, TS_SACK = 16 };

static const uint16_t mss_list[1 << MSS_BITS] = {64, 536, 1220, 1360, 1440, 1460, 4312, 8940};

static uint32_t slot_now(const struct stack *s) { return (uint32_t)(s->now >> SLOT_NS_SHIFT); }

static uint32_t cookie(const struct stack *s, const struct half_open *h, uint32_t slot, uint32_t index) {
    struct {
        struct flow flow;
        uint32_t irs, slot, index;
    } in = {h->flow, h->irs.v, slot, index};
    uint32_t mac = (uint32_t)siphash24(&s->key_cookie, &in, sizeof in);
    return mac << MSS_BITS | index;
}

static uint32_t mss_index(uint16_t mss) {
    uint32_t i = ARRAY_LEN(mss_list) - 1;
    while (i > 0 && mss_list[i] > mss) i--;
    return i;
}

/* Gives the record the number that stands for it, and keeps what can be kept. */
void syncookie_make(struct stack *s, struct half_open *h) {
    h->iss = seq_of(cookie(s, h, slot_now(s), mss_index(h->mss)));
    h->flags |= HALF_COOKIE;
    h->ecn = ECN_OFF; /* there is no room to remember it */
    if (!(h->flags & HALF_STAMPS)) h->flags &= (uint16_t) ~(HALF_SCALING | HALF_SACK);
    s->tcp.cookie_slot = slot_now(s) + 1;
}

/* The largest timestamp up to now whose low bits say what was agreed. */
uint32_t syncookie_timestamp(const struct half_open *h, uint32_t now) {
    uint32_t low = (h->flags & HALF_SCALING ? h->snd_wscale : NO_SCALE) | (h->flags & HALF_SACK ? TS_SACK : 0);
    uint32_t value = (now & ~((1u << TS_BITS) - 1)) | low;
    return value > now ? value - (1u << TS_BITS) : value;
}

static void read_timestamp(const struct arrival *a, const struct listener *l, struct half_open *h) {
    const tcp_options *o = &a->h->options;
    if (!o->has_ts || !a->s->cfg.timestamps) return;
    uint32_t low = o->ts_echo & ((1u << TS_BITS) - 1);
    h->flags |= HALF_STAMPS | (low & TS_SACK ? HALF_SACK : 0);
    h->ts_recent = o->ts_value;
    if ((low & 15) == NO_SCALE) return;
    h->flags |= HALF_SCALING;
    h->snd_wscale = low & 15;
    h->rcv_wscale = wscale_choose(a->s, l->opt) & 15u;
}

/* Does this ACK bring back a cookie of ours? Then fills in the record it stood for. Asked only while cookies that
 * were sent can still be valid: at other times no ACK opens anything. */
bool syncookie_check(const struct arrival *a, const struct listener *l, struct half_open *h) {
    struct stack *s = a->s;
    uint32_t slot = slot_now(s);
    if (!s->tcp.cookie_slot || slot >= s->tcp.cookie_slot + SLOTS_VALID) return false;
    if ((a->flags & (TCP_SYN | TCP_ACK | TCP_RST)) != TCP_ACK) return false;
    *h = (struct half_open){.flow = {a->ip->dst, a->ip->src, a->h->dst_port, a->h->src_port}, .listener = l->index};
    h->irs = seq_add(a->seq, (uint32_t)-1);
    h->iss = seq_add(a->ack, (uint32_t)-1);
    uint32_t index = h->iss.v & ((1u << MSS_BITS) - 1);
    for (uint32_t age = 0; age < SLOTS_VALID; age++) {
        if (cookie(s, h, slot - age, index) != h->iss.v) continue;
        h->mss = mss_list[index];
        h->ts_offset = flow_secrets(s, &h->flow).ts_offset;
        h->rcv_wnd = (uint16_t)min_u32(l->opt->receive_buffer, 65535);
        h->snd_wnd = a->h->window;
        h->flags = HALF_COOKIE;
        h->tries = 1; /* no round trip was timed; and the path is crowded */
        read_timestamp(a, l, h);
        return true;
    }
    return false;
}
