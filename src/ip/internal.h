/* internal.h - what the files of ip/ say to each other. Nobody outside ip/ includes it. */
#ifndef IP_INTERNAL_H
#define IP_INTERNAL_H

#include "core/stack.h"

/* A packet on its way in. */
struct ip_in {
    struct ip_info info;
    const uint8_t *packet; /* from the IP header on */
    uint32_t len;          /* what the IP header says, once it was parsed */
    uint8_t proto;
    bool v6;
    bool any_local;  /* the interface takes packets to any address */
    bool whole;      /* made by reassembly.c */
    bool fragmented; /* it had a fragment header, if only an atomic one */
};

/* A packet on its way out, before it has a way: l4 is head followed by body. */
struct ip_out {
    ip_addr src, dst;
    uint8_t proto, tos, ttl;
    int csum_offset; /* of the checksum field in head, -1: none */
    const uint8_t *head, *body;
    uint32_t head_len, body_len; /* head_len is even */
};

static inline bool is_ethernet(const struct stack *s, int iface) {
    return s->ip.iface[iface].link == TERN_LINK_ETHERNET;
}

/* ---- input.c ---- */
/* drop() with the packet's addresses for the trace. */
void drop_in(struct stack *s, const struct ip_in *in, enum reason r);
/* The transport checksum over what is left in the reader. */
bool ip_checksum_ok(const struct stack *s, const struct ip_in *in, const reader *r, bool pseudo);

/* ---- route.c ---- */
struct ip_address *address_find(struct stack *s, const ip_addr *a);
/* Is it ours for what comes in here? A link-local address is its own link's only [RFC4007 5]. */
bool address_is_here(const struct stack *s, int iface, const ip_addr *a);
/* The caller is told of what happened to one without him. */
static inline void address_told(struct stack *s) { event_raise_stack(s, TERN_EV_ADDRESS); }
/* One came, went or changed its state: what input.c remembers of earlier checks no longer holds. */
void addresses_changed(struct stack *s);
/* Our address for talking to `dst` over `iface` [RFC6724 5 in short]; false: none fits. */
bool address_choose(const struct stack *s, int iface, const ip_addr *dst, ip_addr *out);
/* The routes to the last destinations no longer hold. */
void ways_forget(struct stack *s);
int address_add(struct stack *s, const struct ip_address *a);
void address_remove(struct stack *s, struct ip_address *a);
int route_add(struct stack *s, const struct ip_route *r, const ip_addr *prefix, unsigned len);
void route_remove(struct stack *s, struct ip_route *r);
/* The best route; NULL: none, or `dst` is no address of another single host. */
const struct ip_route *route_find(struct stack *s, const ip_addr *src, const ip_addr *dst);
/* 255.255.255.255, or the broadcast address of a net of ours (iface -1: of any). */
bool ip_is_broadcast(const struct stack *s, int iface, const ip_addr *a);
/* Is our host a member of this multicast group on the interface? */
bool ip_is_joined(const struct stack *s, int iface, const ip_addr *group);
bool mac_is_joined(const struct stack *s, int iface, const uint8_t mac[6]);
/* The all-nodes and all-routers groups. */
ip_addr ip_all_nodes(void);
ip_addr ip_all_routers(void);
uint32_t link_mtu(const struct stack *s, int iface, bool v6);

/* ---- output.c ---- */
/* Finds the way, resolves, fragments if it must. An unspecified source is chosen. */
void ip_send_out(struct stack *s, struct ip_out *o);
/* The same on a given link to a given station (mac NULL on links without), without route or resolution. */
void ip_send_link(struct stack *s, int iface, const uint8_t *mac, struct ip_out *o);
/* A slot of the control queue with the link header filled in; NULL: full (counted). */
struct ip_control *control_take(struct stack *s, int iface, const uint8_t *mac, uint16_t type);
/* A held packet leaves; it belongs to the queue from here on. */
void control_release(struct stack *s, int iface, const uint8_t mac[6], struct ip_held *held);
/* The largest of the usual MTUs that is smaller than this. */
uint32_t ip_mtu_below(uint32_t size);
/* What waits to leave this way does not. */
void control_forget(struct stack *s, int iface);
void held_free(struct stack *s, struct ip_held *held);
void output_free(struct stack *s);

/* ---- neighbour.c ---- */
enum neighbour_state {
    NEIGHBOUR_INCOMPLETE,
    NEIGHBOUR_REACHABLE,
    NEIGHBOUR_STALE,
    NEIGHBOUR_DELAY,
    NEIGHBOUR_PROBE,
    NEIGHBOUR_SILENT, /* asked in vain: remembered for a second */
};

struct neighbour {
    struct neighbour *bucket_next;
    struct neighbour *older, *newer; /* among the idle: REACHABLE, STALE, SILENT */
    wheel_node timer;
    ip_addr addr;
    uint64_t since; /* REACHABLE: confirmed; SILENT: given up */
    struct ip_held *pending, **pending_tail;
    uint32_t pending_count;
    int32_t iface;
    uint8_t state, asked;
    bool router;
    uint8_t mac[6];
};

int neighbour_init(struct stack *s); /* before the first Ethernet interface */
void neighbour_free(struct stack *s);
void neighbours_forget(struct stack *s, int iface);
struct neighbour *neighbour_find(struct stack *s, int iface, const ip_addr *addr);
/* The entry, made and asked for when there is none; used from now on. NULL: a limit, counted. */
struct neighbour *neighbour_use(struct stack *s, int iface, const ip_addr *addr);
static inline bool neighbour_resolved(const struct neighbour *n) {
    return n->state != NEIGHBOUR_INCOMPLETE && n->state != NEIGHBOUR_SILENT;
}
/* Are so many being asked about that no more can be? It takes them a few seconds at most. */
bool neighbour_crowded(const struct stack *s);
/* When it was given up; TERN_NEVER: it was not. */
uint64_t neighbour_silent_since(struct stack *s, int iface, const ip_addr *addr);
/* Queues a packet until the entry is resolved; takes it over. */
void neighbour_hold(struct stack *s, struct neighbour *n, struct ip_held *held);
/* It answered our question. */
void neighbour_confirm(struct stack *s, struct neighbour *n, const uint8_t *mac);
/* Somebody says that it is (now) at `mac`: to be verified when used. */
void neighbour_hint(struct stack *s, struct neighbour *n, const uint8_t mac[6]);
/* Somebody else claims its address: REACHABLE no longer holds. */
void neighbour_doubt(struct stack *s, struct neighbour *n);
void neighbour_timer(struct stack *s, wheel_node *node);

/* ---- arp.c ---- */
void arp_input(struct stack *s, int iface, reader r, bool to_many);
void arp_ask(struct stack *s, const struct neighbour *n, bool unicast);
void arp_announce(struct stack *s, int iface, uint32_t addr);

/* ---- nd.c ---- */
void nd_input(struct stack *s, const struct ip_in *in, const icmp_message *m);
void nd_ask(struct stack *s, const struct neighbour *n, bool unicast);
void nd_probe(struct stack *s, struct ip_address *a); /* duplicate address detection */
void nd_solicit_router(struct stack *s, int iface);

/* Where a group's packets go on Ethernet [RFC2464 7]. */
void mac_of_group(const ip_addr *group, uint8_t mac[6]);

/* ---- mld.c ---- */
/* An address got its group, or one from which to say it; or it lost its last one. Then: autoconf_rearm. */
void mld_changed(struct stack *s, int iface);
void mld_left(struct stack *s, int iface, const ip_addr *addr);
void mld_forget(struct stack *s, int iface);
void mld_query(struct stack *s, const struct ip_in *in, const icmp_message *m);
uint64_t mld_due(const struct stack *s, int iface);
void mld_timer(struct stack *s, int iface);

/* ---- autoconf.c ---- */
/* IPv6 is used on this interface: it gets its link-local address. */
int autoconf_start(struct stack *s, int iface);
/* Sets the state that an address begins with; a check for duplicates, where there is one, begins at `when`. */
void address_checked_from(const struct stack *s, struct ip_address *a, uint64_t when);
/* Looks for routers from `when` on, if any are wanted. */
void autoconf_ask(struct stack *s, int iface, uint64_t when);
/* Whatever routers said about this link no longer holds. */
void autoconf_forget(struct stack *s, int iface);
/* The interface's MTU or the advertised one is another. */
void link_mtu6_set(struct stack *s, int iface);
void autoconf_advertised(struct stack *s, int iface, const ip_addr *router, const nd_message *m);
void autoconf_router_gone(struct stack *s, int iface, const ip_addr *router);
void autoconf_duplicate(struct stack *s, struct ip_address *a);
void autoconf_rearm(struct stack *s);
void autoconf_timer(struct stack *s);

/* ---- icmp.c, echo.c ---- */
void icmp4_input(struct stack *s, const struct ip_in *in, reader r);
void icmp6_input(struct stack *s, const struct ip_in *in, reader r);
void echo_reply(struct stack *s, const struct ip_in *in, const icmp_message *m);
/* False: it is about a request that was not made. */
bool echo_error(struct stack *s, const ip_addr *remote, const ip_addr *from, uint32_t field, uint8_t ttl);
void echo_free(struct stack *s);

/* ---- reassembly.c ---- */
struct ip_whole { /* a datagram put together again; the taker frees it with mem_free(packet, len) */
    uint8_t *packet;
    uint32_t len;
};
bool reassembly_add4(struct stack *s, const struct ip_in *in, const ip4_header *h, reader r, struct ip_whole *out);
bool reassembly_add6(struct stack *s, const struct ip_in *in, const ip6_chain *c, reader r, struct ip_whole *out);
void reassembly_timer(struct stack *s, wheel_node *node);
/* What began on this link is not waited for. */
void reassembly_forget(struct stack *s, int iface);
void reassembly_free(struct stack *s);

void loopback_free(struct stack *s);

#endif
