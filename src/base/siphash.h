/* siphash.h - SipHash, the keyed hash behind tables, ISNs, ports and timestamps; not for secrecy of data.
 * SipHash-2-4 where an outsider sees results (RFC 6528), SipHash-1-3 for table lookup only. */
#ifndef BASE_SIPHASH_H
#define BASE_SIPHASH_H

#include "base/base.h"

typedef struct siphash_key {
    uint64_t k0, k1;
} siphash_key;

siphash_key siphash_key_of(const uint8_t bytes[16]);
uint64_t siphash24(const siphash_key *key, const void *data, size_t len);
uint64_t siphash13(const siphash_key *key, const void *data, size_t len);
/* The same of 12 bytes that are at hand as two numbers, little-endian: nothing is stored to be loaded again. */
uint64_t siphash24_of(const siphash_key *key, uint64_t first, uint32_t last);
uint64_t siphash13_of(const siphash_key *key, uint64_t first, uint32_t last);

#endif
