/* cable.c - packets from one end to the other: a queue for each direction, and slots that are reused last in, first
 * out, so that their bytes stay in the cache. */
#include "bench/cable.h"

#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"

enum { QUEUE = 65536, CHUNK = 64, PACKET_MAX = 65535 };

struct slot {
    struct slot *next;
    uint8_t *data;
    uint32_t len;
    uint16_t flags, segment_size;
};

struct chunk {
    struct chunk *next;
    struct slot slots[CHUNK];
};

struct cable {
    struct cable_config config;
    struct slot *unused;
    struct chunk *chunks;
    struct {
        uint32_t head, tail;
        struct slot *at[QUEUE];
    } to[2];
};

struct cable *cable_new(const struct cable_config *config) {
    struct cable *c = malloc(sizeof *c);
    if (c == NULL) give_up_bench("out of memory");
    c->config = *config;
    c->unused = NULL;
    c->chunks = NULL;
    for (int side = 0; side < 2; side++) c->to[side].head = c->to[side].tail = 0;
    return c;
}

void cable_free(struct cable *c) {
    for (struct chunk *chunk = c->chunks, *next; chunk != NULL; chunk = next) {
        next = chunk->next;
        free(chunk);
    }
    free(c);
}

/* Slots are no multiple of a page apart, so that they spread over the cache. */
static void more_slots(struct cable *c) {
    size_t most = c->config.segments ? PACKET_MAX : c->config.mtu, size = (most + 127) / 64 * 64;
    struct chunk *chunk = malloc(sizeof *chunk + CHUNK * size);
    if (chunk == NULL) give_up_bench("out of memory");
    chunk->next = c->chunks;
    c->chunks = chunk;
    for (unsigned i = CHUNK; i-- > 0;) {
        chunk->slots[i].data = (uint8_t *)(chunk + 1) + i * size;
        cable_release(c, &chunk->slots[i]);
    }
}

static void fill(const struct cable *c, struct slot *s, tern_frame *f) {
    s->len = f->len;
    s->segment_size = f->len > c->config.mtu ? f->segment_size : 0;
    s->flags = c->config.checksums ? 0 : TERN_PKT_CSUM_OK;
    if (!c->config.checksums) f->flags &= (uint8_t)~TERN_FRAME_CSUM; /* left as it is */
    tern_frame_copy(f, s->data, f->len);
}

void cable_send(struct cable *c, int from, tern_frame *frames, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (c->unused == NULL) more_slots(c);
        struct slot *s = c->unused;
        c->unused = s->next;
        fill(c, s, &frames[i]);
        uint32_t at = c->to[1 - from].tail++;
        if (at - c->to[1 - from].head >= QUEUE) give_up_bench("too many packets under way");
        c->to[1 - from].at[at % QUEUE] = s;
    }
}

size_t cable_receive(struct cable *c, int side, tern_packet *out, size_t max) {
    size_t n = 0;
    for (; n < max && c->to[side].head != c->to[side].tail; n++) {
        struct slot *s = c->to[side].at[c->to[side].head++ % QUEUE];
        out[n] = (tern_packet){s->data, s->len, s->flags, s->segment_size, s};
    }
    return n;
}

void cable_release(struct cable *c, void *token) {
    struct slot *s = token;
    s->next = c->unused;
    c->unused = s;
}
