/* traffic.h - a capture of made-up traffic for the explain bench: short and long connections side by side, losses,
 * refusals, scans, other protocols; the same for the same size. Written as pcap, with right checksums. */
#ifndef BENCH_TRAFFIC_H
#define BENCH_TRAFFIC_H

#include <stdbool.h>
#include <stdint.h>

/* What was written. */
struct traffic {
    uint64_t bytes, packets, connections;
};

/* At least `bytes` long. False: the file cannot be written. */
bool traffic_write(const char *path, uint64_t bytes, struct traffic *out);

#endif
