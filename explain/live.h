/* live.h - packets from an interface of this machine, through libpcap, in the shape that capture.h gives files. */
#ifndef EXPLAIN_LIVE_H
#define EXPLAIN_LIVE_H

#include "explain/capture.h"

enum { LIVE_ERROR = 256 };

struct live;

/* `iface` as the system names it; "any" is all. `filter`: in libpcap's language, NULL for TCP and ICMP errors. NULL:
 * `error` says why. */
struct live *live_open(const char *iface, const char *filter, char error[LIVE_ERROR]);
void live_close(struct live *l);
/* 1: *out is a packet, valid until the next call. 0: none came for a tenth of a second. -1: it is over, *error says
 * why. */
int live_next(struct live *l, struct capture_packet *out, char error[LIVE_ERROR]);
/* Packets that the system had no room for. */
uint64_t live_dropped(struct live *l);

#endif
