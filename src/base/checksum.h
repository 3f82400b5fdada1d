/* checksum.h - the Internet checksum (RFC 1071), with a vector path chosen at run time. Sums are kept as
 * 64-bit accumulators in *native* byte order of 16-bit words, folded at the end; nothing here knows a header. */
#ifndef BASE_CHECKSUM_H
#define BASE_CHECKSUM_H

#include "base/base.h"

/* One implementation of both passes. Chosen once per stack by checksum_ops_best; there is no global. */
typedef struct checksum_ops {
    const char *name; /* "plain", "sse2", "avx2" */
    uint8_t id;       /* for checksum_ops_by_id */
    /* Adds the one's-complement sum of len bytes (a last odd byte counts as if followed by zero) to `sum`. */
    uint64_t (*add)(const void *data, size_t len, uint64_t sum);
    /* The same while copying to dst; the two do not overlap. */
    uint64_t (*copy_add)(void *dst, const void *src, size_t len, uint64_t sum);
    void (*copy)(void *dst, const void *src, size_t len); /* copy_bytes below asks for it */
} checksum_ops;

/* Copies without a sum. From 4 KiB on a C library may take the processor's string instruction, which is slow where the
 * two ends are not aligned alike: bytes between a stream and its packets never are. */
static inline void copy_bytes(const checksum_ops *ops, void *dst, const void *src, size_t len) {
    enum { LONG = 4096 };
    if (len < LONG)
        memcpy(dst, src, len);
    else
        ops->copy(dst, src, len);
}

extern INNER const checksum_ops checksum_plain;
/* The fastest that this processor can run. */
const checksum_ops *checksum_ops_best(void);
/* Asking the processor is slow (it traps in virtual machines): ask once, then remember the id. 0 is the plain one; an
 * id that this processor did not report must not be used. */
const checksum_ops *checksum_ops_by_id(uint8_t id);
/* All that this processor can run, for tests and benches; returns how many. */
size_t checksum_ops_all(const checksum_ops *out[4]);

/* Accumulators are of unspecified width up to 64 bits: add them with carry only through this. */
static inline uint64_t checksum_join(uint64_t a, uint64_t b) {
    uint64_t s = a + b;
    return s + (s < a);
}
/* The sum of a piece that starts at an odd offset counts with its bytes swapped (RFC 1071 2B). */
static inline uint16_t checksum_fold(uint64_t sum) {
    /* a sum and itself with its halves swapped: in the upper half both are added, and the carry of the lower with them */
    sum += sum << 32 | sum >> 32;
    uint32_t half = (uint32_t)(sum >> 32);
    half += half << 16 | half >> 16;
    return (uint16_t)(half >> 16);
}
static inline uint64_t checksum_join_odd(uint64_t a, uint64_t odd) {
    return checksum_join(a, __builtin_bswap16(checksum_fold(odd)));
}
/* The value to memcpy (not store16) into a header's checksum field: native order, complemented. */
static inline uint16_t checksum_finish(uint64_t sum) { return (uint16_t)~checksum_fold(sum); }

#endif
