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

/* gVisor's netstack, as bench/peers/gvisor/build.sh builds it: one run each. False: peer_gvisor_missing says why. */
const char *peer_gvisor_missing(void); /* NULL: it is there */
bool peer_gvisor_bulk(uint32_t window, uint64_t ns, struct samples out[3]);
bool peer_gvisor_conn(uint64_t ns, struct samples cycles[3], struct samples *trip);
bool peer_gvisor_memory(uint32_t count, struct samples *bytes); /* of its heap, for each end of an idle connection */

#endif
