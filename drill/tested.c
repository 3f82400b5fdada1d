/* tested.c - see tested.h. */
#include "drill/tested.h"

#include <string.h>

enum { FIRST_FRESH_PORT = 40001 };

void tested_socket(struct tested *t, int64_t fd) {
    uint16_t fresh = t->fresh_port;
    memset(t, 0, sizeof *t);
    t->kind = TESTED_SOCKET;
    t->fd = fd;
    t->fresh_port = fresh;
}

static void child(struct tested *t, const struct packet *k, const struct drill_options *o) {
    int64_t fd = t->kind == TESTED_NOTHING ? -1 : t->fd;
    tested_socket(t, fd);
    if (t->fresh_port == 0) t->fresh_port = FIRST_FRESH_PORT;
    t->kind = TESTED_CHILD;
    t->local = o->local;
    t->remote = o->remote;
    t->local_port = o->bind_port;
    t->remote_port = k->has_ports ? k->src_port : t->fresh_port++;
    t->remote_isn = k->seq;
}

void tested_inject(struct tested *t, const struct packet *k, const struct drill_options *o, struct ends *e) {
    bool makes = t->kind == TESTED_NOTHING || t->kind == TESTED_LISTENING || t->kind == TESTED_SOCKET;
    if (makes && k->kind == PACKET_TCP) child(t, k, o);
    if (k->kind == PACKET_TCP && (k->flags & (TERN_SYN | TERN_RST)) == TERN_SYN) {
        if (t->kind == TESTED_CONNECTING || t->kind == TESTED_CONNECTED) {
            if (!t->has_new_remote) t->remote_isn = k->seq;
        }
        t->new_remote = k->seq;
        t->has_new_remote = true;
    }
    bool own = k->has_ports;
    e->src = t->remote.family != 0 ? t->remote : o->remote;
    e->dst = t->local.family != 0 ? t->local : o->local;
    e->src_port = own ? k->src_port : t->remote_port != 0 ? t->remote_port : o->connect_port;
    e->dst_port = own ? k->dst_port : t->local_port != 0 ? t->local_port : o->bind_port;
}

/* Added to the script's numbers of the peer, and of the stack. */
static uint32_t peer_offset(const struct tested *t, bool syn) { return syn ? 0 : t->remote_isn; }

static uint32_t own_offset(const struct tested *t, const struct packet *k) {
    bool syn = k->flags & TERN_SYN;
    if (!t->local_known || k->has_ports) return 0; /* of another connection nothing is known */
    return syn ? t->local_isn - t->local_script : t->local_isn;
}

static bool stamp_out(const struct tested *t, uint32_t script, bool scaled, uint32_t *live) {
    unsigned kept = t->stamps < STAMPS_KEPT ? t->stamps : STAMPS_KEPT;
    if (scaled && t->stamp_known) {
        *live = script - t->stamp_script + t->stamp_live;
        return true;
    }
    for (unsigned i = 1; i <= kept; i++) {
        unsigned at = (t->stamps - i) % STAMPS_KEPT;
        if (t->stamp[at].script != script) continue;
        *live = t->stamp[at].live;
        return true;
    }
    *live = script;
    return script == 0;
}

bool tested_out(const struct tested *t, const struct packet *k, bool ecr_scaled, struct packet *live) {
    bool syn = k->flags & TERN_SYN;
    bool known = true;
    *live = *k;
    if (k->kind == PACKET_ICMP) {
        live->echoed_seq = k->echoed_seq + (t->local_known ? t->local_isn : 0);
        return true;
    }
    if (!k->seq_absolute) live->seq += peer_offset(t, syn);
    if ((k->flags & TERN_ACK) && !k->ack_absolute) live->ack += own_offset(t, k);
    for (unsigned i = 0; i < k->options_n; i++) {
        struct tcp_option *o = &live->options[i];
        for (unsigned b = 0; o->kind == OPTION_SACK && b < o->blocks; b++) {
            o->left[b] += own_offset(t, k);
            o->right[b] += own_offset(t, k);
        }
        if (o->kind == OPTION_TS) known = known && stamp_out(t, o->b, ecr_scaled, &o->b);
    }
    return known;
}

static bool same_addr(const tern_addr *a, const tern_addr *b) {
    return a->family == b->family && memcmp(a->bytes, b->bytes, a->family == 6 ? 16 : 4) == 0;
}

bool tested_owns(struct tested *t, const struct packet *want, const struct packet *live, const struct ends *e,
                 const struct drill_options *o) {
    if (want->kind != PACKET_TCP) return live->kind == want->kind && same_addr(&e->dst, &o->remote);
    if (live->kind != PACKET_TCP) return false;
    if (want->has_ports) return e->src_port == want->src_port && e->dst_port == want->dst_port;
    bool syn = (live->flags & (TERN_SYN | TERN_ACK)) == TERN_SYN;
    if (t->kind == TESTED_CONNECTING && syn && same_addr(&e->dst, &o->remote)) {
        t->kind = TESTED_CONNECTED;
        t->local = e->src;
        t->remote = e->dst;
        t->local_port = e->src_port;
        t->remote_port = e->dst_port;
    }
    return same_addr(&e->src, &t->local) && same_addr(&e->dst, &t->remote) && e->src_port == t->local_port &&
           e->dst_port == t->remote_port;
}

void tested_learn(struct tested *t, const struct packet *want, const struct packet *live) {
    if (want->has_ports || want->kind != PACKET_TCP || live->kind != PACKET_TCP) return;
    if (!(want->flags & live->flags & TERN_SYN)) return;
    /* A pair of sockets may be used again: then both numbers are new. */
    bool anew = t->local_known && live->seq != t->local_isn && (live->flags & TERN_ACK) && t->has_new_remote &&
                live->ack == t->new_remote + 1;
    if (t->local_known && !anew) return;
    if (anew) t->remote_isn = t->new_remote;
    t->local_known = true;
    t->local_isn = live->seq;
    t->local_script = want->seq;
}

void tested_in(const struct tested *t, const struct packet *k, struct packet *out) {
    bool syn = k->flags & TERN_SYN;
    *out = *k;
    if (k->kind != PACKET_TCP) return;
    out->seq -= own_offset(t, k);
    if (k->flags & TERN_ACK) out->ack -= peer_offset(t, syn);
    for (unsigned i = 0; i < out->options_n; i++) {
        struct tcp_option *o = &out->options[i];
        for (unsigned b = 0; o->kind == OPTION_SACK && b < o->blocks; b++) {
            o->left[b] -= peer_offset(t, syn);
            o->right[b] -= peer_offset(t, syn);
        }
        if (o->kind == OPTION_TS && t->stamp_known) o->a = o->a - t->stamp_live + t->stamp_script;
    }
}

static const struct tcp_option *stamp_of(const struct packet *k) {
    for (unsigned i = 0; i < k->options_n; i++)
        if (k->options[i].kind == OPTION_TS) return &k->options[i];
    return NULL;
}

static bool keep_label(struct tested *t, uint32_t script, uint32_t live) {
    bool known = false;
    for (unsigned i = 0; i < t->labels; i++) {
        if ((t->label[i].script == script) != (t->label[i].live == live)) return false;
        known = known || t->label[i].script == script;
    }
    if (!known && t->labels < LABELS_KEPT) {
        t->label[t->labels].script = script;
        t->label[t->labels++].live = live;
    }
    return live != 0;
}

bool tested_keep(struct tested *t, const struct packet *want, const struct packet *live) {
    const struct tcp_option *script = stamp_of(want), *wire = stamp_of(live);
    if (script != NULL && wire != NULL) {
        if (!t->stamp_known) {
            t->stamp_script = script->a;
            t->stamp_live = wire->a;
            t->stamp_known = true;
        }
        t->stamp[t->stamps % STAMPS_KEPT].script = script->a;
        t->stamp[t->stamps++ % STAMPS_KEPT].live = wire->a;
    }
    return !want->ip.has_label || keep_label(t, want->ip.label, live->ip.label);
}
