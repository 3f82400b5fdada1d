/* impair.h - a device with a spoiled link before it: what memlink can do to packets, on the way to and from a real
 * device. It knows no offloads; the device below must have none. */
#ifndef INTEROP_IMPAIR_H
#define INTEROP_IMPAIR_H

#include "drivers/memlink.h"

/* paths[0] lies before what is sent, paths[1] before what is received. Takes `inner` over: device_close closes both. */
int impair_open(struct device *inner, const struct memlink_path paths[2], struct device **out,
                struct driver_error *err);
/* What happened to the packets that were sent (0) and received (1). */
void impair_stats(const struct device *dev, int path, struct memlink_stats *out);
/* Changes one path while packets are under way. */
int impair_set(struct device *dev, int path, const struct memlink_path *to, struct driver_error *err);

#endif
