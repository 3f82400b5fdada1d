/* recovery_lwip.h - lwIP as the sending host of recovery_run.c's world, on the virtual clock, one at a time. Where lwIP
 * comes from, and why it is not there, is peer_lwip.c's. */
#ifndef BENCH_RECOVERY_LWIP_H
#define BENCH_RECOVERY_LWIP_H

#include "bench/recovery_run.h"

extern const struct rec_sender rec_lwip;

#endif
