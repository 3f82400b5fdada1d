/* checksum_x86.c - the Internet checksum with SSE2 and AVX2 vectors, and the question which of them this processor has.
 * Elsewhere than on x86-64 this file offers nothing.
 *
 * A 32-bit lane adds 32-bit words modulo 2^32; a carry is worth 1, because 2^32 = 1 modulo 2^16 - 1. A lane overflowed
 * when the sum came out smaller than before. The comparison that exists is signed, so lanes start at -2^31 (and that
 * much is taken off at the end): then signed order is the order of the unsigned sums. Add, compare, subtract: three
 * cheap operations a vector. */
#include "base/checksum_inner.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>

#define TARGET_AVX2 __attribute__((target("avx2")))
enum { SHORT = 96 }; /* up to here the scalar words are faster than setting up vectors */

static inline __m128i load128(const uint8_t *p) { return _mm_loadu_si128((const __m128i *)(const void *)p); }
static inline void store128(uint8_t *p, __m128i v) { _mm_storeu_si128((__m128i *)(void *)p, v); }

typedef struct lanes128 {
    __m128i sum, carries;
} lanes128;

static inline void lanes128_add(lanes128 *l, __m128i v) {
    __m128i sum = _mm_add_epi32(l->sum, v);
    l->carries = _mm_sub_epi32(l->carries, _mm_cmpgt_epi32(l->sum, sum));
    l->sum = sum;
}
/* Lanes without their bias; pairs of 32 bits are added in 64 without overflow. */
static inline uint64_t lanes128_total(const lanes128 *a, const lanes128 *b) {
    const __m128i bias = _mm_set1_epi32(INT32_MIN), low = _mm_set1_epi64x(0xffffffff);
    __m128i x = _mm_xor_si128(a->sum, bias), y = _mm_xor_si128(b->sum, bias), c = _mm_add_epi32(a->carries, b->carries);
    __m128i t = _mm_add_epi64(_mm_add_epi64(_mm_and_si128(x, low), _mm_srli_epi64(x, 32)),
                              _mm_add_epi64(_mm_and_si128(y, low), _mm_srli_epi64(y, 32)));
    t = _mm_add_epi64(t, _mm_add_epi64(_mm_and_si128(c, low), _mm_srli_epi64(c, 32)));
    t = _mm_add_epi64(t, _mm_unpackhi_epi64(t, t));
    return (uint64_t)_mm_cvtsi128_si64(t);
}

static uint64_t sse2_add(const void *data, size_t n, uint64_t sum) {
    const uint8_t *p = data;
    if (n < SHORT) return sum_words(p, n, sum);
    lanes128 a = {_mm_set1_epi32(INT32_MIN), _mm_setzero_si128()}, b = a;
    for (; n >= 64; p += 64, n -= 64) {
        lanes128_add(&a, load128(p));
        lanes128_add(&b, load128(p + 16));
        lanes128_add(&a, load128(p + 32));
        lanes128_add(&b, load128(p + 48));
    }
    sum = checksum_join(sum, lanes128_total(&a, &b));
    return sum_words(p, n, sum);
}

static uint64_t sse2_copy_add(void *dst, const void *src, size_t n, uint64_t sum) {
    uint8_t *to = dst;
    const uint8_t *p = src;
    if (n < SHORT) return copy_sum_words(to, p, n, sum);
    lanes128 a = {_mm_set1_epi32(INT32_MIN), _mm_setzero_si128()}, b = a;
    for (; n >= 32; p += 32, to += 32, n -= 32) {
        __m128i v = load128(p), w = load128(p + 16);
        store128(to, v);
        store128(to + 16, w);
        lanes128_add(&a, v);
        lanes128_add(&b, w);
    }
    sum = checksum_join(sum, lanes128_total(&a, &b));
    return copy_sum_words(to, p, n, sum);
}

static void sse2_copy(void *dst, const void *src, size_t n) {
    uint8_t *to = dst;
    const uint8_t *p = src;
    for (; n >= 64; p += 64, to += 64, n -= 64) {
        __m128i a = load128(p), b = load128(p + 16), c = load128(p + 32), d = load128(p + 48);
        store128(to, a);
        store128(to + 16, b);
        store128(to + 32, c);
        store128(to + 48, d);
    }
    memcpy(to, p, n);
}

typedef struct lanes256 {
    __m256i sum, carries;
} lanes256;

TARGET_AVX2 static inline __m256i load256(const uint8_t *p) {
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}
TARGET_AVX2 static inline void store256(uint8_t *p, __m256i v) { _mm256_storeu_si256((__m256i *)(void *)p, v); }

TARGET_AVX2 static inline void lanes256_add(lanes256 *l, __m256i v) {
    __m256i sum = _mm256_add_epi32(l->sum, v);
    l->carries = _mm256_sub_epi32(l->carries, _mm256_cmpgt_epi32(l->sum, sum));
    l->sum = sum;
}
/* Lanes without their bias, pairs of them added up to 64 bits each. */
TARGET_AVX2 static inline __m256i widen256(__m256i v) {
    return _mm256_add_epi64(_mm256_blend_epi32(v, _mm256_setzero_si256(), 0xaa), _mm256_srli_epi64(v, 32));
}
TARGET_AVX2 static inline uint64_t lanes256_total(const lanes256 *a, const lanes256 *b) {
    const __m256i bias = _mm256_set1_epi32(INT32_MIN);
    __m256i t = widen256(_mm256_add_epi32(a->carries, b->carries));
    t = _mm256_add_epi64(t, widen256(_mm256_xor_si256(a->sum, bias)));
    t = _mm256_add_epi64(t, widen256(_mm256_xor_si256(b->sum, bias)));
    __m128i h = _mm_add_epi64(_mm256_castsi256_si128(t), _mm256_extracti128_si256(t, 1));
    h = _mm_add_epi64(h, _mm_unpackhi_epi64(h, h));
    uint64_t total = (uint64_t)_mm_cvtsi128_si64(h);
    _mm256_zeroupper(); /* gcc 12 leaves it out before a tail call, and SSE code then runs ten times slower */
    return total;
}

TARGET_AVX2 static uint64_t avx2_add(const void *data, size_t n, uint64_t sum) {
    const uint8_t *p = data;
    if (n < SHORT) return sum_words(p, n, sum);
    lanes256 a = {_mm256_set1_epi32(INT32_MIN), _mm256_setzero_si256()}, b = a;
    for (; n >= 128; p += 128, n -= 128) {
        lanes256_add(&a, load256(p));
        lanes256_add(&b, load256(p + 32));
        lanes256_add(&a, load256(p + 64));
        lanes256_add(&b, load256(p + 96));
    }
    for (; n >= 32; p += 32, n -= 32) lanes256_add(&a, load256(p));
    sum = checksum_join(sum, lanes256_total(&a, &b));
    return sum_words(p, n, sum);
}

TARGET_AVX2 static uint64_t avx2_copy_add(void *dst, const void *src, size_t n, uint64_t sum) {
    uint8_t *to = dst;
    const uint8_t *p = src;
    if (n < SHORT) return copy_sum_words(to, p, n, sum);
    lanes256 a = {_mm256_set1_epi32(INT32_MIN), _mm256_setzero_si256()}, b = a;
    for (; n >= 64; p += 64, to += 64, n -= 64) {
        __m256i v = load256(p), w = load256(p + 32);
        store256(to, v);
        store256(to + 32, w);
        lanes256_add(&a, v);
        lanes256_add(&b, w);
    }
    if (n >= 32) {
        __m256i v = load256(p);
        store256(to, v);
        lanes256_add(&a, v);
        p += 32;
        to += 32;
        n -= 32;
    }
    sum = checksum_join(sum, lanes256_total(&a, &b));
    return copy_sum_words(to, p, n, sum);
}

TARGET_AVX2 static void avx2_copy(void *dst, const void *src, size_t n) {
    uint8_t *to = dst;
    const uint8_t *p = src;
    for (; n >= 128; p += 128, to += 128, n -= 128) {
        __m256i a = load256(p), b = load256(p + 32), c = load256(p + 64), d = load256(p + 96);
        store256(to, a);
        store256(to + 32, b);
        store256(to + 64, c);
        store256(to + 96, d);
    }
    _mm256_zeroupper();
    memcpy(to, p, n);
}

static const checksum_ops sse2 = {"sse2", 1, sse2_add, sse2_copy_add, sse2_copy};
static const checksum_ops avx2 = {"avx2", 2, avx2_add, avx2_copy_add, avx2_copy};

/* The processor must have AVX2 and the system must save the wide registers (XCR0 bits 1 and 2). The compiler's own
 * question for this would need a symbol of its run-time library. */
static bool has_avx2(void) {
    uint32_t a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE) || !(c & bit_AVX)) return false;
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    if ((low & 6) != 6) return false;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_AVX2);
}

size_t checksum_ops_processor(const checksum_ops *out[3]) {
    out[0] = &sse2;
    if (!has_avx2()) return 1;
    out[1] = &avx2;
    return 2;
}

const checksum_ops *checksum_ops_processor_by_id(uint8_t id) { return id == avx2.id ? &avx2 : &sse2; }

#else

size_t checksum_ops_processor(const checksum_ops *out[3]) {
    (void)out;
    return 0;
}

const checksum_ops *checksum_ops_processor_by_id(uint8_t id) {
    (void)id;
    return &checksum_plain;
}

#endif
