/* host.h - what a stack needs from an ordinary Linux process: memory, randomness and a clock. No devices. */
#ifndef DRIVERS_HOST_H
#define DRIVERS_HOST_H

#include "drivers/driver.h"

#ifdef __cplusplus
extern "C" {
#endif

/* tern_config_default, plus malloc as allocator and 32 bytes of the kernel's randomness. Returns 0 or a negative errno.
 * Next: change settings, tern_new(config, tern_host_now(), &stack). */
int tern_config_host(tern_config *config, struct driver_error *err);

/* Nanoseconds of CLOCK_MONOTONIC: the `now` of every call on a stack that lives in real time. */
uint64_t tern_host_now(void);

#ifdef __cplusplus
}
#endif
#endif
