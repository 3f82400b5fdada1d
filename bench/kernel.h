/* kernel.h - Linux's own TCP: a process at the other end for tun.c, and Linux against itself. */
#ifndef BENCH_KERNEL_H
#define BENCH_KERNEL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "bench/bench.h"

/* Starts a process on processor `cpu` (-1: any) that connects to an IPv4 address and port and then writes without
 * end, or reads without end. It dies with this process. Negative: it could not be started. */
pid_t kernel_peer(const char *addr, uint16_t port, bool writes, int cpu);
/* Processor time of another process so far. */
uint64_t kernel_peer_ns(pid_t pid);

struct kernel_case {
    uint64_t ns;
    int cpu, other_cpu;
};
/* Two processes over the loopback device: bytes moved, by the clock and by processor time. See tun.c. */
bool kernel_loopback(const struct kernel_case *c, double out[2], char *text, unsigned size);
/* The same over a pair of veth devices, the writer in a namespace of its own. Both need a namespace: netns_enter. */
bool kernel_veth(const struct kernel_case *c, double out[2], char *text, unsigned size);
/* Connections in one thread over loopback, among idle ones: thousand cycles a second and nanoseconds a cycle; round
 * trips of a byte, always on the same and at random. See conn.c. False: `text` says why. */
uint32_t kernel_conn_most(uint32_t idle); /* so many of them, as far as this process may open files */
bool kernel_conn(uint32_t idle, uint64_t ns, struct samples cycles[2], struct samples trip_ns[2], char *text,
                 unsigned size);

#endif
