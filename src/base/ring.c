/* ring.c - copies in and out of a byte ring whose index is the sequence number. Which bytes are valid is not known
 * here. */
#include "base/ring.h"

void ring_write(ring *r, seq to, const void *data, uint32_t len) {
    ASSERT(len <= r->size);
    uint8_t *ptr[2];
    uint32_t lens[2];
    const uint8_t *from = data;
    unsigned n = ring_view(r, to, len, ptr, lens);
    for (unsigned i = 0; i < n; from += lens[i++]) memcpy(ptr[i], from, lens[i]);
}

void ring_read(const ring *r, seq from, void *buf, uint32_t len) {
    ASSERT(len <= r->size);
    uint8_t *ptr[2], *to = buf;
    uint32_t lens[2];
    unsigned n = ring_view(r, from, len, ptr, lens);
    for (unsigned i = 0; i < n; to += lens[i++]) memcpy(to, ptr[i], lens[i]);
}

void ring_move(const ring *src, ring *dst, seq from, uint32_t len) {
    ASSERT(len <= src->size && len <= dst->size);
    uint8_t *ptr[2];
    uint32_t lens[2];
    unsigned n = ring_view(src, from, len, ptr, lens);
    for (unsigned i = 0; i < n; from = seq_add(from, lens[i++])) ring_write(dst, from, ptr[i], lens[i]);
}
