/* ring.c - copies in and out of a byte ring whose index is the sequence number. Which bytes are valid is not known
 * here. */
#include "base/ring.h"

void ring_write_round(const checksum_ops *ck, ring *r, seq to, const void *data, uint32_t len) {
    uint32_t start = to.v & (r->size - 1), first = r->size - start;
    copy_bytes(ck, r->at + start, data, first);
    copy_bytes(ck, r->at, (const uint8_t *)data + first, len - first);
}

void ring_read_round(const checksum_ops *ck, const ring *r, seq from, void *buf, uint32_t len) {
    uint32_t start = from.v & (r->size - 1), first = r->size - start;
    copy_bytes(ck, buf, r->at + start, first);
    copy_bytes(ck, (uint8_t *)buf + first, r->at, len - first);
}

void ring_move(const checksum_ops *ck, const ring *src, ring *dst, seq from, uint32_t len) {
    ASSERT(len <= src->size && len <= dst->size);
    uint8_t *ptr[2];
    uint32_t lens[2];
    unsigned n = ring_view(src, from, len, ptr, lens);
    for (unsigned i = 0; i < n; from = seq_add(from, lens[i++])) ring_write(ck, dst, from, ptr[i], lens[i]);
}
