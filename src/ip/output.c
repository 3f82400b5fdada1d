/* output.c - packets on their way out: the way to a destination, frames for TCP's segments, the queue of the stack's
 * own small packets, fragments (RFC 791 3.2, RFC 8200 4.5), path MTUs (RFC 1191, 8201) and the rate limit of answers
 * (RFC 1812 4.3.2.8). Routes are route.c's, link addresses neighbour.c's. */
#include "ip/frame.h"
#include "ip/internal.h"

enum { IP6_FRAGMENT_LEN = 8, MORE_FRAGMENTS = 0x2000, SMALL_MOST = 60 };
enum { MTU_FLOOR_4 = 552, MTU_FLOOR_6 = 1280 };
#define MTU_AGE_NS (600 * SEC_NS) /* [RFC1191 6.3] */

/* ---- path MTU: a fixed table, so that forged reports only push each other out ---- */

static struct ip_pmtu *pmtu_set(const struct stack *s, const ip_addr *dst) {
    uint64_t hash = siphash13(&s->key_table, dst->b, sizeof dst->b);
    return (struct ip_pmtu *)s->ip.pmtu[hash % IP_PMTU_SETS];
}

static APART uint32_t path_mtu_learnt(const struct stack *s, uint32_t mtu, const ip_addr *dst) {
    const struct ip_pmtu *set = pmtu_set(s, dst);
    for (unsigned i = 0; i < IP_PMTU_WAYS; i++)
        if (ip_eq(&set[i].dst, dst) && s->now - set[i].learnt < MTU_AGE_NS) return min_u32(mtu, set[i].mtu);
    return mtu;
}

static uint32_t path_mtu(const struct stack *s, int iface, const ip_addr *dst) {
    uint32_t mtu = link_mtu(s, iface, !ip_is_v4(dst));
    return likely(s->ip.pmtus == 0) ? mtu : path_mtu_learnt(s, mtu, dst);
}

uint32_t ip_path_mtu(struct stack *s, const ip_addr *dst) {
    const struct ip_route *r = route_find(s, NULL, dst);
    return r ? path_mtu(s, r->iface, dst) : 0;
}

/* A router of before 1990 says no MTU: the next of the usual ones is tried [RFC1191 7.1]. */
uint32_t ip_mtu_below(uint32_t size) {
    static const uint16_t plateau[] = {32000, 17914, 8166, 4352, 2002, 1492, 1006};
    for (unsigned i = 0; i < ARRAY_LEN(plateau); i++)
        if (plateau[i] < size) return plateau[i];
    return MTU_FLOOR_4;
}

bool ip_path_mtu_learn(struct stack *s, const ip_addr *dst, uint32_t mtu) {
    const struct ip_route *r = route_find(s, NULL, dst);
    if (!r) return false;
    uint32_t known = path_mtu(s, r->iface, dst);
    if (mtu == 0) mtu = ip_mtu_below(known);
    mtu = max_u32(mtu, r->v4 ? MTU_FLOOR_4 : MTU_FLOOR_6);
    if (mtu >= known) return false;
    struct ip_pmtu *set = pmtu_set(s, dst), *place = &set[0];
    for (unsigned i = 0; i < IP_PMTU_WAYS; i++) {
        if (ip_eq(&set[i].dst, dst)) {
            place = &set[i];
            break;
        }
        if (set[i].learnt < place->learnt) place = &set[i];
    }
    if (place->mtu == 0) s->ip.pmtus++;
    *place = (struct ip_pmtu){.dst = *dst, .mtu = mtu, .learnt = s->now};
    return true;
}

/* ---- the rate limit ---- */

/* At most 10 a second towards one destination, so that nobody learns from the global limit what others caused; the
 * table is keyed, a collision only starts the count anew. */
static bool rate_of_destination(struct stack *s, const ip_addr *dst) {
    uint64_t hash = siphash13(&s->key_table, dst->b, sizeof dst->b);
    struct ip_rate *r = &s->ip.rate[hash % IP_RATE_SLOTS];
    uint32_t tag = (uint32_t)(hash >> 32) | 1;
    if (r->tag != tag || s->now - r->since >= SEC_NS) *r = (struct ip_rate){.tag = tag, .since = s->now};
    if (r->count >= 10) return false;
    r->count++;
    return true;
}

/* A token bucket told as the time when it will be full again. A little jitter hides its exact level, which all
 * destinations share. */
static bool rate_of_all(struct stack *s) {
    if (s->cfg.icmp_rate == 0) return false;
    uint64_t each = SEC_NS / s->cfg.icmp_rate, due = max_u64(s->ip.rate_due, s->now);
    uint64_t level = s->cfg.icmp_burst > 3 ? s->cfg.icmp_burst - rng_below(&s->rng, 3) : s->cfg.icmp_burst;
    if (due + each > s->now + level * each) return false;
    s->ip.rate_due = due + each;
    return true;
}

bool ip_rate_allows(struct stack *s, const ip_addr *dst) {
    if (rate_of_destination(s, dst) && rate_of_all(s)) return true;
    count(s, R_ICMP_RATE);
    return false;
}

/* ---- the way ---- */

static uint8_t write_link(const struct iface *f, const uint8_t *mac, uint16_t type, uint8_t *to) {
    if (f->link == TERN_LINK_IP) return 0;
    eth_header h = {.type = type, .tagged = f->vlan != 0, .tci = f->vlan};
    memcpy(h.dst, mac, 6);
    memcpy(h.src, f->mac, 6);
    writer w = writer_of(to, 18);
    eth_emit(&w, &h);
    return f->l2_len;
}

static uint16_t ether_type(const ip_addr *dst) { return ip_is_v4(dst) ? ETH_TYPE_IP4 : ETH_TYPE_IP6; }

/* No packet leaves with an address that is not known to be ours alone, or is no longer [RFC4862 5.4, 5.5.4]. */
static enum ip_path_result source_state(struct stack *s, const ip_addr *src) {
    const struct ip_address *a = address_find(s, src);
    if (!a) return ip_any_local(s) ? IP_PATH_OK : IP_PATH_NONE;
    if (a->state == IP_ADDRESS_OK) return IP_PATH_OK;
    return a->state == IP_ADDRESS_TENTATIVE ? IP_PATH_PENDING : IP_PATH_NONE;
}

/* The next hop's link address; *wait is the neighbour for which a packet may be held while PENDING. */
static APART enum ip_path_result resolve(struct stack *s, const struct ip_route *r, const ip_addr *dst,
                                         struct ip_path *path, struct neighbour **wait) {
    struct neighbour *n = neighbour_use(s, r->iface, ip_is_unspecified(&r->via) ? dst : &r->via);
    if (!n && neighbour_crowded(s)) return IP_PATH_PENDING;
    if (!n || n->state == NEIGHBOUR_SILENT) return IP_PATH_SILENT;
    if (n->state == NEIGHBOUR_INCOMPLETE) {
        *wait = n;
        return IP_PATH_PENDING;
    }
    path->l2_len = write_link(&s->ip.iface[r->iface], n->mac, ether_type(dst), path->l2);
    return IP_PATH_OK;
}

static APART bool choose_source(const struct stack *s, const struct ip_route *r, const ip_addr *dst, ip_addr *out) {
    if (r != &s->ip.loop_route) return address_choose(s, r->iface, dst, out);
    *out = *dst;
    return true;
}

/* The same as ip_path_find; *wait as in resolve, else NULL. */
static inline enum ip_path_result find_path(struct stack *s, const ip_addr *src, const ip_addr *dst,
                                            struct ip_path *path, struct neighbour **wait) {
    *wait = NULL;
    if (unlikely(s->ip.addresses_not_ok || s->ip.addresses_gone) && src) {
        enum ip_path_result ready = source_state(s, src);
        if (ready != IP_PATH_OK) return ready;
    }
    const struct ip_route *r = route_find(s, src, dst);
    if (unlikely(!r)) return IP_PATH_NONE;
    const struct iface *f = &s->ip.iface[r->iface];
    path->iface = r->iface;
    path->mtu = path_mtu(s, r->iface, dst);
    path->tso_max = f->tso_max;
    path->l2_len = 0;
    if (src)
        path->source = *src;
    else if (!choose_source(s, r, dst, &path->source))
        return IP_PATH_NONE;
    return f->link == TERN_LINK_ETHERNET ? resolve(s, r, dst, path, wait) : IP_PATH_OK;
}

enum ip_path_result ip_path_find(struct stack *s, const ip_addr *src, const ip_addr *dst, struct ip_path *path) {
    struct neighbour *wait;
    return find_path(s, src, dst, path, &wait);
}

void ip_path_doubt(struct stack *s, const ip_addr *dst) {
    const struct ip_route *r = route_find(s, NULL, dst);
    if (!r) return;
    struct neighbour *n = neighbour_find(s, r->iface, ip_is_unspecified(&r->via) ? dst : &r->via);
    if (n) neighbour_doubt(s, n);
}

/* ---- the queue of our own packets ---- */

static struct ip_control *slot_at(const struct stack *s, uint32_t i) {
    i %= IP_CONTROL_SLOTS;
    return &s->ip.control[i / IP_CONTROL_CHUNK][i % IP_CONTROL_CHUNK];
}

void held_free(struct stack *s, struct ip_held *held) {
    if (held) mem_free(s, held, sizeof *held + held->len);
}

static struct ip_control *slot_take(struct stack *s, int iface) {
    struct ip_state *ip = &s->ip;
    if (ip->control_first == ip->control_end) ip->control_first = ip->control_next = ip->control_end = 0;
    if (ip->control_end - ip->control_first == IP_CONTROL_SLOTS) {
        drop(s, iface, R_QUEUE_FULL, NULL);
        return NULL;
    }
    struct ip_control **chunk = &ip->control[ip->control_end % IP_CONTROL_SLOTS / IP_CONTROL_CHUNK];
    if (!*chunk) *chunk = mem_alloc(s, sizeof **chunk * IP_CONTROL_CHUNK);
    if (!*chunk) {
        drop(s, iface, R_NO_MEMORY, NULL);
        return NULL;
    }
    struct ip_control *c = slot_at(s, ip->control_end++);
    c->body = NULL;
    return c;
}

struct ip_control *control_take(struct stack *s, int iface, const uint8_t *mac, uint16_t type) {
    struct ip_control *c = slot_take(s, iface);
    if (!c) return NULL;
    c->frame = (tern_frame){.iface = iface, .flags = type == ETH_TYPE_IP6 ? TERN_FRAME_V6 : 0};
    c->frame.head_len = c->frame.ip_offset = write_link(&s->ip.iface[iface], mac, type, c->frame.head);
    return c;
}

static void control_body(struct ip_control *c, struct ip_held *held) {
    c->body = held;
    c->frame.spans = 1;
    c->frame.body[0] = (tern_span){held->data, held->len};
}

void control_release(struct stack *s, int iface, const uint8_t mac[6], struct ip_held *held) {
    uint16_t type = held->data[0] >> 4 == 4 ? ETH_TYPE_IP4 : ETH_TYPE_IP6;
    struct ip_control *c = control_take(s, iface, mac, type);
    if (c)
        control_body(c, held);
    else
        held_free(s, held);
}

bool ip_output_waiting(const struct stack *s) { return s->ip.control_next != s->ip.control_end || s->ip.looped; }
bool ip_output_busy(const struct stack *s) { return s->ip.control_end - s->ip.control_first >= IP_CONTROL_SLOTS / 2; }

bool ip_output_next(struct stack *s, tern_frame *f) {
    struct ip_state *ip = &s->ip;
    if (ip->control_next == ip->control_end) return false;
    const struct ip_control *c = slot_at(s, ip->control_next++);
    *f = c->frame;
    f->len = f->head_len + (c->body ? c->body->len : 0);
    if (!c->body && ip->control_first + 1 == ip->control_next) ip->control_first = ip->control_next;
    return true;
}

void control_forget(struct stack *s, int iface) {
    struct ip_state *ip = &s->ip;
    uint32_t kept = ip->control_next;
    for (uint32_t i = ip->control_next; i != ip->control_end; i++) {
        struct ip_control *c = slot_at(s, i);
        if (c->frame.iface == iface)
            held_free(s, c->body);
        else
            *slot_at(s, kept++) = *c;
    }
    ip->control_end = kept;
}

void ip_output_begin(struct stack *s) {
    struct ip_state *ip = &s->ip;
    for (; ip->control_first != ip->control_next; ip->control_first++)
        held_free(s, slot_at(s, ip->control_first)->body);
}

void output_free(struct stack *s) {
    struct ip_state *ip = &s->ip;
    ip->control_next = ip->control_end;
    ip_output_begin(s);
    for (unsigned i = 0; i < IP_CONTROL_CHUNKS; i++)
        mem_free(s, ip->control[i], sizeof *ip->control[i] * IP_CONTROL_CHUNK);
}

/* ---- one packet of our own ---- */

/* Copies l4 bytes [at, at + len) of head followed by body. */
static void copy_l4(uint8_t *to, const struct ip_out *o, uint32_t at, uint32_t len) {
    if (at < o->head_len) {
        uint32_t n = min_u32(len, o->head_len - at);
        memcpy(to, o->head + at, n);
        to += n;
        at += n;
        len -= n;
    }
    if (len) memcpy(to, o->body + (at - o->head_len), len);
}

/* The field itself counts as zero, whatever it holds. */
static uint16_t l4_checksum(const struct stack *s, const struct ip_out *o) {
    uint32_t behind = (uint32_t)o->csum_offset + 2;
    uint64_t sum = s->ck->add(o->head, (uint32_t)o->csum_offset, 0);
    sum = s->ck->add(o->head + behind, o->head_len - behind, sum);
    if (o->body_len) sum = s->ck->add(o->body, o->body_len, sum);
    if (o->proto != IP_PROTO_ICMP4)
        sum = checksum_join(sum, pseudo_sum(&o->src, &o->dst, o->proto, o->head_len + o->body_len));
    return checksum_finish(sum);
}

/* Where a packet goes once it is written: to the queue behind this link header, or to a neighbour that is asked. */
struct ip_target {
    int iface;
    const uint8_t *mac;
    struct neighbour *wait;
};

/* One piece [at, at + len) of the datagram behind the IP header `ip`. */
static void send_piece(struct stack *s, const struct ip_target *t, const struct ip_out *o, const uint8_t *ip,
                       uint32_t ip_len, uint32_t at, uint32_t len, uint16_t sum) {
    bool small = !t->wait && s->ip.iface[t->iface].l2_len + ip_len + len <= TERN_HEAD_MAX;
    struct ip_held *held = NULL;
    uint32_t before = t->wait ? ip_len : 0;
    if (!small) {
        held = mem_alloc(s, sizeof *held + before + len);
        if (!held) {
            drop(s, t->iface, R_NO_MEMORY, NULL);
            return;
        }
        held->len = before + len;
        memcpy(held->data, ip, before);
    }
    struct ip_control *c = NULL;
    if (!t->wait) {
        c = control_take(s, t->iface, t->mac, ether_type(&o->dst));
        if (!c) {
            held_free(s, held);
            return;
        }
        memcpy(c->frame.head + c->frame.head_len, ip, ip_len);
        c->frame.head_len = (uint16_t)(c->frame.head_len + ip_len);
        if (held) control_body(c, held);
    }
    uint8_t *l4 = small ? c->frame.head + c->frame.head_len : held->data + before;
    copy_l4(l4, o, at, len);
    if (at == 0 && o->csum_offset >= 0) memcpy(l4 + o->csum_offset, &sum, 2);
    if (small) c->frame.head_len = (uint16_t)(c->frame.head_len + len);
    if (t->wait) neighbour_hold(s, t->wait, held);
}

/* Not to be guessed from what others see: a counter of its own for (nearly) each destination, from a keyed start. */
static uint32_t next_id(struct stack *s, const struct ip_out *o) {
    ip_addr pair[2] = {o->src, o->dst};
    uint64_t hash = siphash24(&s->key_table, pair, sizeof pair);
    return (uint32_t)(hash >> 32) + s->ip.id[hash % IP_ID_SLOTS]++;
}

static void send_fragments(struct stack *s, const struct ip_target *t, const struct ip_out *o, uint32_t mtu,
                           uint16_t sum) {
    bool v4 = ip_is_v4(&o->dst);
    uint32_t ip_len = v4 ? IP4_LEN : IP6_LEN + IP6_FRAGMENT_LEN, total = o->head_len + o->body_len;
    uint32_t step = (mtu - ip_len) & ~7u, id = next_id(s, o);
    uint8_t ip[IP6_LEN + IP6_FRAGMENT_LEN];
    for (uint32_t at = 0; at < total; at += step) {
        uint32_t len = min_u32(step, total - at);
        bool more = at + len < total;
        if (v4) {
            uint16_t place = (uint16_t)(at / 8 | (more ? MORE_FRAGMENTS : 0));
            write_ip4(ip, &o->src, &o->dst, o->proto, o->tos, o->ttl, ip_len + len, (uint16_t)id, place);
        } else {
            write_ip6(ip, &o->src, &o->dst, IP_PROTO_FRAGMENT, o->tos, o->ttl, IP6_FRAGMENT_LEN + len);
            ip[40] = o->proto;
            ip[41] = 0;
            store16(ip + 42, (uint16_t)(at | (more ? 1 : 0)));
            store32(ip + 44, id);
        }
        send_piece(s, t, o, ip, ip_len, at, len, sum);
    }
}

static void send_to(struct stack *s, const struct ip_target *t, struct ip_out *o, uint32_t mtu) {
    if (o->ttl == 0) o->ttl = (uint8_t)s->cfg.ttl;
    bool v4 = ip_is_v4(&o->dst);
    uint32_t ip_len = v4 ? IP4_LEN : IP6_LEN, total = o->head_len + o->body_len;
    if (total + (v4 ? IP4_LEN : 0) > 65535) {
        drop(s, t->iface, R_IP_TOO_BIG, NULL);
        return;
    }
    uint16_t sum = o->csum_offset >= 0 ? l4_checksum(s, o) : 0;
    if (ip_len + total > mtu) {
        send_fragments(s, t, o, mtu, sum);
        return;
    }
    uint8_t ip[IP6_LEN];
    /* What is not TCP may be cut on its way: nobody would send it again in smaller pieces. */
    bool atomic = o->proto == IP_PROTO_TCP || ip_len + total <= 576;
    if (v4)
        write_ip4(ip, &o->src, &o->dst, o->proto, o->tos, o->ttl, ip_len + total, atomic ? 0 : (uint16_t)next_id(s, o),
                  atomic ? DONT_FRAGMENT : 0);
    else
        write_ip6(ip, &o->src, &o->dst, o->proto, o->tos, o->ttl, total);
    send_piece(s, t, o, ip, ip_len, 0, total, sum);
}

void ip_send_link(struct stack *s, int iface, const uint8_t *mac, struct ip_out *o) {
    struct ip_target t = {.iface = iface, .mac = mac};
    send_to(s, &t, o, link_mtu(s, iface, !ip_is_v4(&o->dst)));
}

void ip_send_out(struct stack *s, struct ip_out *o) {
    struct ip_path path;
    struct ip_target t = {0};
    enum ip_path_result result = find_path(s, ip_is_unspecified(&o->src) ? NULL : &o->src, &o->dst, &path, &t.wait);
    if (result != IP_PATH_OK && !t.wait) {
        drop(s, -1, result == IP_PATH_SILENT ? R_NEIGHBOUR_SILENT : R_IP_NO_ROUTE, NULL);
        return;
    }
    o->src = path.source;
    t.iface = path.iface;
    t.mac = path.l2; /* the destination comes first in an Ethernet header */
    send_to(s, &t, o, path.mtu);
}

/* Nearly always all is known, and it is small: then it is written where it waits. */
void ip_send(struct stack *s, const ip_addr *src, const ip_addr *dst, uint8_t proto, uint8_t tos, uint8_t ttl,
             const void *l4, uint32_t len, int csum_offset) {
    struct ip_path path;
    if (unlikely(ip_path_find(s, src, dst, &path) != IP_PATH_OK || len > SMALL_MOST || IP6_LEN + len > path.mtu)) {
        struct ip_out o = {.dst = *dst, .proto = proto, .tos = tos, .ttl = ttl, .csum_offset = csum_offset};
        if (src) o.src = *src;
        o.head = l4;
        o.head_len = len;
        ip_send_out(s, &o);
        return;
    }
    struct ip_control *c = slot_take(s, path.iface);
    if (!c) return;
    tern_frame *f = &c->frame;
    memcpy(ip_frame_start(s, &path, &path.source, dst, proto, tos, ttl, len, f), l4, len);
    f->head_len = (uint16_t)f->len;
    if (csum_offset >= 0) ip_frame_sum(f, pseudo_sum(&path.source, dst, proto, 0), (uint16_t)csum_offset);
}
