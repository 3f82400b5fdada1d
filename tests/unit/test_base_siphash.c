/* test_base_siphash.c - SipHash against its authors' vectors, and the numbers drawn from it. */
#include "base/random.h"
#include "base/siphash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The authors' vectors: key 00 .. 0f, message 00 .. n-1 for n = 0 .. 63. */
static const uint64_t vectors24[64] = {
    0x726fdb47dd0e0e31, 0x74f839c593dc67fd, 0x0d6c8009d9a94f5a, 0x85676696d7fb7e2d, 0xcf2794e0277187b7,
    0x18765564cd99a68d, 0xcbc9466e58fee3ce, 0xab0200f58b01d137, 0x93f5f5799a932462, 0x9e0082df0ba9e4b0,
    0x7a5dbbc594ddb9f3, 0xf4b32f46226bada7, 0x751e8fbc860ee5fb, 0x14ea5627c0843d90, 0xf723ca908e7af2ee,
    0xa129ca6149be45e5, 0x3f2acc7f57c29bdb, 0x699ae9f52cbe4794, 0x4bc1b3f0968dd39c, 0xbb6dc91da77961bd,
    0xbed65cf21aa2ee98, 0xd0f2cbb02e3b67c7, 0x93536795e3a33e88, 0xa80c038ccd5ccec8, 0xb8ad50c6f649af94,
    0xbce192de8a85b8ea, 0x17d835b85bbb15f3, 0x2f2e6163076bcfad, 0xde4daaaca71dc9a5, 0xa6a2506687956571,
    0xad87a3535c49ef28, 0x32d892fad841c342, 0x7127512f72f27cce, 0xa7f32346f95978e3, 0x12e0b01abb051238,
    0x15e034d40fa197ae, 0x314dffbe0815a3b4, 0x027990f029623981, 0xcadcd4e59ef40c4d, 0x9abfd8766a33735c,
    0x0e3ea96b5304a7d0, 0xad0c42d6fc585992, 0x187306c89bc215a9, 0xd4a60abcf3792b95, 0xf935451de4f21df2,
    0xa9538f0419755787, 0xdb9acddff56ca510, 0xd06c98cd5c0975eb, 0xe612a3cb9ecba951, 0xc766e62cfcadaf96,
    0xee64435a9752fe72, 0xa192d576b245165a, 0x0a8787bf8ecb74b2, 0x81b3e73d20b49b6f, 0x7fa8220ba3b2ecea,
    0x245731c13ca42499, 0xb78dbfaf3a8d83bd, 0xea1ad565322a1a0b, 0x60e61c23a3795013, 0x6606d7e446282b93,
    0x6ca4ecb15c5f91e1, 0x9f626da15c9625f3, 0xe51b38608ef25f57, 0x958a324ceb064572,
};

static void siphash24_gives_the_published_vectors(void **state) {
    (void)state;
    uint8_t bytes[64];
    for (unsigned i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)i;
    siphash_key key = siphash_key_of(bytes);
    assert_true(key.k0 == UINT64_C(0x0706050403020100) && key.k1 == UINT64_C(0x0f0e0d0c0b0a0908));
    for (unsigned n = 0; n < 64; n++) {
        uint8_t *exact = malloc(n ? n : 1);
        memcpy(exact, bytes, n);
        assert_int_equal(siphash24(&key, exact, n), vectors24[n]);
        free(exact);
    }
    assert_int_equal(siphash24_of(&key, key.k0, 0x0b0a0908), vectors24[12]);
    assert_int_equal(siphash13_of(&key, key.k0, 0x0b0a0908), siphash13(&key, bytes, 12));
}

/* CPython hashes bytes with SipHash-1-3, under a key of zeros when PYTHONHASHSEED is 0. */
static void siphash13_agrees_with_cpython(void **state) {
    (void)state;
    static const struct {
        unsigned len;
        uint64_t hash;
    } known[] = {
        {1, 0x68a914128e01e473},  {3, 0x4d4c9a4a8ef6e0ad},  {7, 0x2f098ab0c751325a},  {8, 0xead411e67ebe2eea},
        {9, 0x75927f9d95124362},  {15, 0xf30eb725bb91c9ea}, {16, 0x8972188433a5c5b7}, {17, 0x4883c49a2c009c1d},
        {31, 0x169739443111d49b}, {63, 0x385d3e39e5f37359},
    };
    uint8_t bytes[64];
    for (unsigned i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)i;
    const siphash_key zero = {0, 0};
    for (unsigned i = 0; i < ARRAY_LEN(known); i++)
        assert_int_equal(siphash13(&zero, bytes, known[i].len), known[i].hash);
}

static void random_numbers_follow_from_the_key(void **state) {
    (void)state;
    rng a = {{1, 2}, 0}, b = {{1, 2}, 0}, c = {{1, 3}, 0};
    for (uint64_t i = 0; i < 100; i++) {
        uint8_t block[8];
        for (unsigned j = 0; j < 8; j++) block[j] = (uint8_t)(i >> (8 * j));
        uint64_t x = rng_u64(&a);
        assert_int_equal(x, siphash24(&a.key, block, 8));
        assert_int_equal(x, rng_u64(&b));
        assert_int_not_equal(x, rng_u64(&c));
    }
}

static void numbers_below_n_are_even(void **state) {
    (void)state;
    rng r = {{7, 8}, 0};
    static const uint32_t sizes[] = {1, 2, 3, 7, 10, 1000};
    for (unsigned k = 0; k < ARRAY_LEN(sizes); k++) {
        static uint32_t seen[1000];
        memset(seen, 0, sizeof seen);
        uint32_t n = sizes[k], draws = n * 1000;
        for (uint32_t i = 0; i < draws; i++) {
            uint32_t x = rng_below(&r, n);
            assert_true(x < n);
            seen[x]++;
        }
        for (uint32_t i = 0; i < n; i++) assert_in_range(seen[i], 800, 1200); /* six standard deviations */
    }
    /* 3 * 2^30 values out of 2^32: without rejection every third would come twice as often. */
    uint32_t thirds[3] = {0, 0, 0};
    for (int i = 0; i < 30000; i++) thirds[rng_below(&r, UINT32_C(3) << 30) % 3]++;
    for (int i = 0; i < 3; i++) assert_in_range(thirds[i], 9500, 10500);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(siphash24_gives_the_published_vectors),
        cmocka_unit_test(siphash13_agrees_with_cpython),
        cmocka_unit_test(random_numbers_follow_from_the_key),
        cmocka_unit_test(numbers_below_n_are_even),
    };
    return cmocka_run_group_tests_name("base: siphash, random", tests, NULL, NULL);
}
