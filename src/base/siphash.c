/* siphash.c - SipHash as its authors describe it (Aumasson and Bernstein, 2012), with the two round counts that tern
 * uses. Not here: keys; they come from the stack's entropy. */
#include "base/siphash.h"

static inline uint64_t load64_le(const uint8_t *p) {
    uint64_t v;
    memcpy(&v, p, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap64(v);
#endif
    return v;
}

static inline uint64_t rotl(uint64_t x, unsigned n) { return x << n | x >> (64 - n); }

typedef struct sip_state {
    uint64_t v0, v1, v2, v3;
} sip_state;

static inline void sip_rounds(sip_state *s, unsigned n) {
    while (n--) {
        s->v0 += s->v1;
        s->v2 += s->v3;
        s->v1 = rotl(s->v1, 13) ^ s->v0;
        s->v3 = rotl(s->v3, 16) ^ s->v2;
        s->v0 = rotl(s->v0, 32) + s->v3;
        s->v2 += s->v1;
        s->v1 = rotl(s->v1, 17) ^ s->v2;
        s->v3 = rotl(s->v3, 21) ^ s->v0;
        s->v2 = rotl(s->v2, 32);
    }
}

static inline void sip_word(sip_state *s, uint64_t m, unsigned rounds) {
    s->v3 ^= m;
    sip_rounds(s, rounds);
    s->v0 ^= m;
}

/* The last word: the bytes that are left, and the length in the top byte. Where there are bytes before them, one load
 * reaches back and the shift drops what was counted. */
static inline uint64_t sip_last(const uint8_t *p, size_t len) {
    size_t left = len & 7;
    uint64_t m = (uint64_t)len << 56;
    if (left == 0) return m;
    if (len >= 8) return m | load64_le(p + left - 8) >> (8 * (8 - left));
    for (size_t i = 0; i < left; i++) m |= (uint64_t)p[i] << (8 * i);
    return m;
}

static inline sip_state sip_start(const siphash_key *key) {
    return (sip_state){key->k0 ^ UINT64_C(0x736f6d6570736575), key->k1 ^ UINT64_C(0x646f72616e646f6d),
                       key->k0 ^ UINT64_C(0x6c7967656e657261), key->k1 ^ UINT64_C(0x7465646279746573)};
}

static inline uint64_t sip_end(sip_state *s, uint64_t last, unsigned c, unsigned d) {
    sip_word(s, last, c);
    s->v2 ^= 0xff;
    sip_rounds(s, d);
    return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

static inline uint64_t siphash(const siphash_key *key, const uint8_t *p, size_t len, unsigned c, unsigned d) {
    sip_state s = sip_start(key);
    for (size_t words = len / 8; words; words--, p += 8) sip_word(&s, load64_le(p), c);
    return sip_end(&s, sip_last(p, len), c, d);
}

static inline uint64_t siphash_of(const siphash_key *key, uint64_t first, uint32_t last, unsigned c, unsigned d) {
    enum { LEN = 12 };
    sip_state s = sip_start(key);
    sip_word(&s, first, c);
    return sip_end(&s, (uint64_t)LEN << 56 | last, c, d);
}

siphash_key siphash_key_of(const uint8_t bytes[16]) { return (siphash_key){load64_le(bytes), load64_le(bytes + 8)}; }

uint64_t siphash24(const siphash_key *key, const void *data, size_t len) { return siphash(key, data, len, 2, 4); }

uint64_t siphash13(const siphash_key *key, const void *data, size_t len) { return siphash(key, data, len, 1, 3); }

uint64_t siphash24_of(const siphash_key *key, uint64_t first, uint32_t last) {
    return siphash_of(key, first, last, 2, 4);
}

uint64_t siphash13_of(const siphash_key *key, uint64_t first, uint32_t last) {
    return siphash_of(key, first, last, 1, 3);
}
