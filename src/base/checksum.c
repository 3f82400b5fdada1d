/* checksum.c - the Internet checksum in plain C (RFC 1071), and the choice of the fastest
 * implementation. Vector code is in checksum_x86.c. */
#include "base/checksum_inner.h"

static uint64_t plain_add(const void *data, size_t len, uint64_t sum) { return sum_words(data, len, sum); }

static uint64_t plain_copy_add(void *dst, const void *src, size_t len, uint64_t sum) {
    return copy_sum_words(dst, src, len, sum);
}

static void plain_copy(void *dst, const void *src, size_t len) { memcpy(dst, src, len); }

const checksum_ops checksum_plain = {"plain", 0, plain_add, plain_copy_add, plain_copy};

size_t checksum_ops_all(const checksum_ops *out[4]) {
    out[0] = &checksum_plain;
    return 1 + checksum_ops_processor(out + 1);
}

const checksum_ops *checksum_ops_best(void) {
    const checksum_ops *all[4];
    return all[checksum_ops_all(all) - 1];
}

const checksum_ops *checksum_ops_by_id(uint8_t id) {
    return id == 0 ? &checksum_plain : checksum_ops_processor_by_id(id);
}
