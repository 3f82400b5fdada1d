/* wire_peer.h - Linux's end of a transfer over wire.c's path: a process in its namespace that sends or reads. */
#ifndef BENCH_WIRE_PEER_H
#define BENCH_WIRE_PEER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Memory that the processes share. */
struct wire_shared {
    atomic_bool go;                    /* the path is up */
    atomic_uint_least64_t read;        /* by the receiving application */
    atomic_uint_least32_t again, sent; /* segments, as the sender's kernel counts them */
};

enum { WIRE_PORT = 9010, WIRE_CALL = 256 << 10 };

/* Sends to 10.8.0.2, or listens and reads. Negative: it could not be started. It dies with this process. */
pid_t wire_peer(struct wire_shared *shared, bool sends, const char *congestion);

#endif
