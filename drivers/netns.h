/* netns.h - a network namespace of one's own: an empty kernel network in which anybody may make devices. */
#ifndef DRIVERS_NETNS_H
#define DRIVERS_NETNS_H

#include "drivers/driver.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Moves this process into a new network namespace with `lo` up: as root directly, otherwise inside a new user namespace
 * in which the user keeps his number. Threads and sockets that exist stay behind; children follow. Call it while the
 * process has one thread. On failure the text names what forbids it; the process then is where it was, or in a
 * user namespace without privileges, and can go on with what needs none. Next: tun_open. */
int netns_enter(struct driver_error *err);

#ifdef __cplusplus
}
#endif
#endif
