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

#endif
