/* base.h - what every file of the core may use: assertions, attributes, small arithmetic. No types of the protocol. */
#ifndef BASE_BASE_H
#define BASE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
/* The only symbols that the core needs from outside. */
#if __STDC_HOSTED__
#include <string.h>
#else
void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int value, size_t n);
int memcmp(const void *a, const void *b, size_t n);
#endif

/* For declarations of variables that other files define: -fvisibility=hidden covers definitions only, and a
 * reference that might leave the library goes through the global offset table. */
#ifndef INNER
#define INNER __attribute__((visibility("hidden")))
#endif
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
/* For functions that seldom run: kept apart, so that what runs for every segment lies close together. */
#define COLD __attribute__((cold, noinline))
/* The long way of something: the short way in front of it then needs no stack frame. */
#define APART __attribute__((noinline))

/* Internal invariants. A release build drops them; they never check what comes from outside. */
#ifdef TERN_DEBUG
#define ASSERT(x)                                                                                                      \
    do {                                                                                                               \
        if (unlikely(!(x))) __builtin_trap();                                                                          \
    } while (0)
#else
#define ASSERT(x) ((void)0)
#endif

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

static inline uint32_t min_u32(uint32_t a, uint32_t b) { return a < b ? a : b; }
static inline uint32_t max_u32(uint32_t a, uint32_t b) { return a > b ? a : b; }
static inline uint64_t min_u64(uint64_t a, uint64_t b) { return a < b ? a : b; }
static inline uint64_t max_u64(uint64_t a, uint64_t b) { return a > b ? a : b; }
static inline size_t min_size(size_t a, size_t b) { return a < b ? a : b; }

/* The smallest power of two that is at least x, for 1 <= x <= 2^31. */
static inline uint32_t pow2_at_least(uint32_t x) { return x <= 1 ? 1u : 1u << (32 - __builtin_clz(x - 1)); }

#define US_NS UINT64_C(1000)
#define MS_NS UINT64_C(1000000)
#define SEC_NS UINT64_C(1000000000)

#endif
