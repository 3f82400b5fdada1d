/* loopback.c - a host that talks to itself: what is sent to one of our own addresses comes back in instead of
 * leaving, when there is an interface of the kind TERN_LINK_LOOPBACK. Its packets are copied once; no checksum is
 * computed. */
#include "ip/internal.h"

enum { LOOPBACK_MAX = 256 };

struct loop_packet {
    struct loop_packet *next;
    uint32_t len;
    uint16_t segment_size;
    uint8_t bytes[];
};

bool loopback_take(struct stack *s, const tern_frame *f) {
    struct ip_state *ip = &s->ip;
    if (!ip->loopback || f->iface != (int32_t)ip->loopback - 1) return false;
    struct loop_packet *p = ip->looped < LOOPBACK_MAX ? mem_alloc(s, sizeof *p + f->len) : NULL;
    if (!p) {
        drop(s, f->iface, R_QUEUE_FULL, NULL);
        return true;
    }
    p->next = NULL;
    p->len = f->len;
    p->segment_size = f->segment_size;
    uint8_t *to = p->bytes;
    memcpy(to, f->head, f->head_len);
    to += f->head_len;
    for (unsigned i = 0; i < f->spans; to += f->body[i++].len) memcpy(to, f->body[i].data, f->body[i].len);
    *(ip->looped ? &ip->loop_last->next : &ip->loop_first) = p;
    ip->loop_last = p;
    ip->looped++;
    return true;
}

bool loopback_waiting(const struct stack *s) { return s->ip.looped != 0; }

static struct loop_packet *next_packet(struct stack *s) {
    struct loop_packet *p = s->ip.loop_first;
    s->ip.loop_first = p->next;
    s->ip.looped--;
    return p;
}

/* What waits now; what this makes us send waits for the next time. */
void loopback_deliver(struct stack *s) {
    for (uint32_t n = s->ip.looped; n; n--) {
        struct loop_packet *p = next_packet(s);
        tern_packet packet = {
            .data = p->bytes, .len = p->len, .flags = TERN_PKT_CSUM_OK, .segment_size = p->segment_size};
        s->stats.packets_in++;
        s->stats.bytes_in += p->len;
        ip_input(s, (int)s->ip.loopback - 1, &packet);
        mem_free(s, p, sizeof *p + p->len);
    }
}

void loopback_free(struct stack *s) {
    while (s->ip.looped) {
        struct loop_packet *p = next_packet(s);
        mem_free(s, p, sizeof *p + p->len);
    }
}
