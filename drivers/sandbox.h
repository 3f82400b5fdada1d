/* sandbox.h - what a process that only reads, computes and writes to files already open may ask of the kernel: nothing
 * else. For parsers of what strangers made. */
#ifndef DRIVERS_SANDBOX_H
#define DRIVERS_SANDBOX_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* From now on every system call but reading, writing, memory, time and waiting fails with EPERM; there is no way back.
 * False: this machine, or this build (sanitizers need more), has none. Call it while the process has one thread. */
bool sandbox_reader(void);

#ifdef __cplusplus
}
#endif
#endif
