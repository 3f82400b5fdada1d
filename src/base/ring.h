/* ring.h - a power-of-two byte ring addressed by sequence number: byte x lives at x & mask, so that data out of order
 * has its place before its predecessors arrive. It copies; what is valid inside is the owner's knowledge. */
#ifndef BASE_RING_H
#define BASE_RING_H

#include "base/checksum.h"
#include "base/seq.h"

typedef struct ring {
    uint8_t *at;   /* NULL while size is 0 */
    uint32_t size; /* 0 or a power of two */
    uint32_t used; /* the most that was needed at once, of this memory or the last: its owner's note */
} ring;

/* The stretches of memory that hold [from, from + len), len =< size; second len may be 0. Returns how many (0..2). */
static inline unsigned ring_view(const ring *r, seq from, uint32_t len, uint8_t *ptr[2], uint32_t lens[2]) {
    if (len == 0) return 0;
    uint32_t start = from.v & (r->size - 1), first = min_u32(len, r->size - start);
    ptr[0] = r->at + start;
    lens[0] = first;
    ptr[1] = r->at;
    lens[1] = len - first;
    return lens[1] ? 2 : 1;
}
/* What goes over the ring's end. */
void ring_write_round(const checksum_ops *ck, ring *r, seq to, const void *data, uint32_t len);
void ring_read_round(const checksum_ops *ck, const ring *r, seq from, void *buf, uint32_t len);
static inline void ring_write(const checksum_ops *ck, ring *r, seq to, const void *data, uint32_t len) {
    ASSERT(len <= r->size);
    uint32_t start = to.v & (r->size - 1);
    if (len == 0) return;
    if (likely(len <= r->size - start))
        copy_bytes(ck, r->at + start, data, len);
    else
        ring_write_round(ck, r, to, data, len);
}
static inline void ring_read(const checksum_ops *ck, const ring *r, seq from, void *buf, uint32_t len) {
    ASSERT(len <= r->size);
    uint32_t start = from.v & (r->size - 1);
    if (len == 0) return;
    if (likely(len <= r->size - start))
        copy_bytes(ck, buf, r->at + start, len);
    else
        ring_read_round(ck, r, from, buf, len);
}
/* Copies [from, from + len) into the same places of a ring of another size. */
void ring_move(const checksum_ops *ck, const ring *src, ring *dst, seq from, uint32_t len);

#endif
