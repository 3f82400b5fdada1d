/* kernel.h - Linux's own TCP for tun.c: a process at the other end, and Linux against itself. */
#ifndef BENCH_KERNEL_H
#define BENCH_KERNEL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

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

#endif
