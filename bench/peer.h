/* peer.h - other stacks that are measured in the same run where they can be had. */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include "bench/bench.h"

struct bulk_case {
    uint32_t window;
    bool super, copies, checksums, timestamps;
};

struct peer_lwip;
/* lwIP as bench/peers/lwip/build.sh builds it, or NULL; then peer_lwip_missing says why. */
const struct peer_lwip *peer_lwip(void);
const char *peer_lwip_missing(void);
/* A copy of its own for a path in virtual time (peers/lwip/host.h), to be given to dlclose; NULL as above. */
struct peer_host_ops;
const struct peer_host_ops *peer_lwip_path(void **object);
/* The same measures as tern's: see bulk.c and conn.c. */
void peer_lwip_bulk(const struct bulk_case *c, uint64_t ns, struct samples out[3]);
void peer_lwip_conn(uint32_t idle, uint32_t time_wait, uint64_t ns, struct samples cycles[3], struct samples *same,
                    struct samples *random);

#endif
