/* wire.h - a bad path in real time between two hosts, each of them Linux in a network namespace or a tern stack: the
 * same link as in virtual time (memlink), with TUN devices where Linux stands. The cases are recovery_linux.c's. */
#ifndef BENCH_WIRE_H
#define BENCH_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/apart.h"
#include "drivers/memlink.h"

enum wire_end { WIRE_LINUX, WIRE_TERN };

struct wire_case {
    enum wire_end sender, receiver;
    const char *congestion; /* as Linux names it: reno, cubic, bbr */
    uint32_t tern_congestion;
    struct memlink_path path[2]; /* [0]: from the sender */
    uint64_t duration_ns;
};
enum wire_value {
    WIRE_GOODPUT /* Mbit/s that the application read */,
    WIRE_AGAIN /* % of the segments */,
    WIRE_QUEUE /* ms, mean */
};

/* One transfer, as long as goes in the time; both ends with their default settings but for the congestion control. For
 * apart_run: it moves into namespaces of its own. */
void wire_run(const void *wire_case, struct apart *result);

#endif
