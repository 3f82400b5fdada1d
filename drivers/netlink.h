/* netlink.h - the few questions and orders that the drivers have for the kernel over netlink sockets: building a
 * message, waiting for its answer, and links, addresses and routes. No library does less. */
#ifndef DRIVERS_NETLINK_H
#define DRIVERS_NETLINK_H

#include <linux/netlink.h>

#include "drivers/driver.h"

#ifdef __cplusplus
extern "C" {
#endif

struct netlink {
    int fd;
    uint32_t seq;
};

/* protocol: NETLINK_ROUTE, NETLINK_SOCK_DIAG. The socket belongs to the network namespace the process is in now. */
int netlink_open(struct netlink *nl, int protocol, struct driver_error *err);
void netlink_close(struct netlink *nl);

/* A request under construction: begin, any number of attributes, then netlink_call or netlink_dump. */
struct netlink_message {
    union {
        struct nlmsghdr header;
        uint8_t bytes[512];
    } u;
};
void netlink_begin(struct netlink_message *m, uint16_t type, uint16_t flags, const void *body, size_t len);

/* One message of an answer: its body after the netlink header. */
typedef void netlink_fn(void *ctx, uint16_t type, const void *body, size_t len);
/* Sends and waits for all of the answer: each message goes to `fn` (may be NULL). Returns 0 or the kernel's error,
 * negative, without text: the caller knows what was being asked. */
int netlink_call(struct netlink *nl, struct netlink_message *m, netlink_fn *fn, void *ctx);

/* Finds an attribute among `len` bytes of them, `*size` long; NULL: it is not there. */
const void *netlink_find(const void *attrs, size_t len, uint16_t type, size_t *size);

/* The links of this network namespace. `mtu` 0 leaves it. */
int netlink_link_up(struct netlink *nl, const char *name, uint32_t mtu, struct driver_error *err);
/* Does the kernel tell this attribute of the link? Newer ones are those that older kernels have not heard of. */
enum { NETLINK_LINK_GSO_IPV4_MAX = 63 }; /* IFLA_GSO_IPV4_MAX_SIZE, of Linux 6.3 */
bool netlink_link_has(struct netlink *nl, const char *name, uint16_t attribute);
/* Gives the kernel's side an address without duplicate address detection. One that is there already is fine. */
int netlink_addr_add(struct netlink *nl, const char *name, const struct driver_prefix *prefix,
                     struct driver_error *err);
/* Sends the kernel's packets for a prefix there; `via` NULL: on the link. A route that is there already is fine. */
int netlink_route_add(struct netlink *nl, const char *name, const struct driver_prefix *prefix, const tern_addr *via,
                      struct driver_error *err);

#ifdef __cplusplus
}
#endif
#endif
