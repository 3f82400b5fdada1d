/* tun.h - a TUN or TAP device: the Linux kernel is at the other end of the link. Opening and configuring may need
 * CAP_NET_ADMIN; using it does not, so the order is: tun_open, tun_configure, drop_privileges (privilege.h), then
 * device_iface and tern_iface_add, then device_receive and device_send or loop.h.
 *
 * TUN carries IP packets, TAP Ethernet frames. With `vnet` (IFF_VNET_HDR) neither side computes checksums for the other
 * and segments of up to 64 KiB (outwards 192 KiB from Linux 6.3 on) cross in one read or write.
 */
#ifndef DRIVERS_TUN_H
#define DRIVERS_TUN_H

#include "drivers/driver.h"

#ifdef __cplusplus
extern "C" {
#endif

struct tun_config {
    const char *name; /* at most 15 bytes; made if there is none such. NULL or "": the kernel picks tun0, tun1, ... */
    bool tap;
    bool vnet;
    bool persist;  /* a device that is made stays after tun is closed */
    uint32_t lend; /* this many buffers of 64 KiB may be lent (tern_packet.token) at a time; 0: none */
};

/* Opens or makes the device. -EPERM: not allowed to; -EBUSY: another process has it; -ENOENT: no /dev/net/tun;
 * -EINVAL: the name is taken by a device of another kind. Free with device_close. */
int tun_open(const struct tun_config *config, struct device **out, struct driver_error *err);

/* What the kernel's side of the device gets. */
struct tun_setup {
    uint32_t mtu;                      /* 68 to 65535; 0: leave it */
    const struct driver_prefix *addrs; /* the kernel's own addresses, with the network's prefix */
    size_t addrs_count;
    const struct driver_prefix *routes; /* more prefixes that the kernel reaches through the device */
    size_t routes_count;
};
/* Sets the MTU, brings the device up, adds addresses and routes; keeps the kernel from sending IPv6 chatter of its own
 * (duplicate address detection, router solicitations). Does nothing, and needs no privilege, where nothing is to
 * change. */
int tun_configure(struct device *dev, const struct tun_setup *setup, struct driver_error *err);

#ifdef __cplusplus
}
#endif
#endif
