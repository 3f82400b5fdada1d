/* state.h - struct ip_state: what a stack remembers for the internet layer. Only ip/ touches its fields. */
#ifndef IP_STATE_H
#define IP_STATE_H

struct ip_state {
    struct iface iface[IP_IFACES];
    uint32_t ifaces;
    /* the rest belongs to ip/: addresses, routes, neighbours, fragments, queues */
};

#endif
