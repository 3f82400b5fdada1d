/* cable.h - the link of bulk.c and conn.c: IP packets in memory, each copied once, none lost or late. It is as plain as
 * the link that lwIP has in its measurements, so that what is measured is the stacks; drivers/memlink.h is the link that
 * can do more. */
#ifndef BENCH_CABLE_H
#define BENCH_CABLE_H

#include "tern.h"

struct cable_config {
    uint32_t mtu;
    bool segments;  /* carries segments larger than the MTU whole */
    bool checksums; /* completed while the packet is copied; else the receiver takes them for good */
};

struct cable;

struct cable *cable_new(const struct cable_config *config);
void cable_free(struct cable *cable);
void cable_send(struct cable *cable, int from, tern_frame *frames, size_t n);
/* Packets for `side`; each has a token, to be given back with cable_release once its bytes are not needed. */
size_t cable_receive(struct cable *cable, int side, tern_packet *out, size_t max);
void cable_release(struct cable *cable, void *token);

#endif
