/* state.h - struct ip_state: what a stack remembers for the internet layer. Only ip/ touches its fields; how the parts
 * work is told in the .c file that each comment names. */
#ifndef IP_STATE_H
#define IP_STATE_H

enum {
    IP_CONTROL_CHUNKS = 8,
    IP_CONTROL_CHUNK = IP_CONTROL_SLOTS / IP_CONTROL_CHUNKS,
    IP_PMTU_SETS = 64,
    IP_PMTU_WAYS = 4,
    IP_RATE_SLOTS = 256,
    IP_ID_SLOTS = 256,
    IP_TOKENS = 64,
    IP_WAYS = 16,       /* destinations whose route is remembered */
    IP_ROUTERS = 3,     /* default routers learnt from advertisements, of each link */
    IP_PREFIXES = 16,   /* on-link prefixes learnt, and addresses made from them */
    IP_GROUPS_LEFT = 4, /* multicast groups whose leaving is told once more */
};

/* ---- route.c ---- */
enum ip_address_state { IP_ADDRESS_TENTATIVE, IP_ADDRESS_OK, IP_ADDRESS_DUPLICATE, IP_ADDRESS_DOWN };

struct ip_address {
    ip_addr addr;
    uint8_t iface, prefix_len; /* the length counts in the address's own family */
    uint8_t state;             /* enum ip_address_state */
    bool automatic;            /* from a router advertisement */
    uint8_t probes_left;       /* of duplicate address detection, while tentative */
    uint64_t probe_due, nonce; /* the last probe's, by which it is known when it comes back; 0: none was sent */
    uint64_t preferred_until, valid_until; /* TERN_NEVER: for ever */
};

enum ip_route_origin { IP_ROUTE_MANUAL, IP_ROUTE_ADDRESS, IP_ROUTE_ADVERTISED };

struct ip_route {
    ip_addr prefix, mask;
    ip_addr via;  /* unspecified: on the link */
    uint8_t bits; /* of the 16-byte form: 96 + n for IPv4 */
    uint8_t iface, origin;
    bool v4;
    uint64_t until; /* TERN_NEVER: for ever */
};

/* The route to one of the last destinations; route.c. */
struct ip_way {
    ip_addr dst;
    const struct ip_route *route; /* NULL: free */
};

/* What switches and routers were told of our multicast groups; mld.c. */
struct ip_groups {
    uint8_t changes; /* reports of a change that are still to be made */
    bool asked;      /* and answered when answer_due has come */
    uint8_t lefts;
    ip_addr left[IP_GROUPS_LEFT];
    uint64_t change_due, answer_due, answered_at, version_1_until;
};

/* What an interface has beyond struct iface. */
struct ip_link {
    ip_addr fast_dst, fast_src; /* the last addresses that passed the checks of input.c */
    uint64_t fast_pseudo;       /* pseudo_sum of them, for TCP and no length */
    uint8_t fast;               /* 4 or 6; 0: there are none */
    uint32_t mtu_advertised;    /* by a router; 0: none said one */
    uint32_t mtu6;              /* that one if the interface carries so much, else the interface's */
    bool down;                  /* see iface.c */
    bool v6;                    /* has its link-local address */
    bool asks, answered;        /* for a router; by one that can be a default router */
    uint32_t ask_wait_ms;       /* after the last router solicitation; 0: there was none */
    uint64_t ask_due;
    struct ip_groups groups;
};

/* ---- output.c ---- */
struct ip_held { /* bytes of a packet that are too many for a slot, or that wait for a neighbour */
    struct ip_held *next;
    uint32_t len; /* of data; the allocation is sizeof(struct ip_held) + len */
    uint8_t data[];
};

struct ip_control {
    struct ip_held *body; /* NULL: all is in the frame's head */
    tern_frame frame;
};

struct ip_pmtu {
    ip_addr dst; /* all zero: free */
    uint32_t mtu;
    uint64_t learnt;
};

struct ip_rate {
    uint32_t tag, count;
    uint64_t since;
};

/* ---- neighbour.c, reassembly.c, echo.c: private to these files ---- */
struct neighbour;
struct datagram;
struct frag_source;
struct echo_state;

struct ip_state {
    struct iface iface[IP_IFACES];
    uint32_t ifaces;
    struct ip_link link[IP_IFACES];

    struct ip_address address[IP_ADDRS];
    uint32_t addresses, addresses_not_ok;
    bool addresses_gone;              /* some were ours once: connections may still name them */
    struct ip_route route[IP_ROUTES]; /* longest prefix first */
    struct ip_route loop_route;       /* to ourselves */
    struct ip_way way[IP_WAYS];
    uint32_t loopback; /* number of the loopback interface + 1, 0: there is none */
    struct loop_packet *loop_first, *loop_last;
    uint32_t looped;
    uint32_t routes;

    /* a ring of slots: [first, next) were given out and hold bodies, [next, end) wait */
    struct ip_control *control[IP_CONTROL_CHUNKS];
    uint32_t control_first, control_next, control_end;

    struct ip_pmtu pmtu[IP_PMTU_SETS][IP_PMTU_WAYS];
    uint32_t pmtus;
    struct ip_rate rate[IP_RATE_SLOTS];
    uint64_t rate_due; /* when the global bucket is full again */
    uint32_t id[IP_ID_SLOTS];

    struct neighbour **neighbour_bucket;
    uint32_t neighbour_buckets, neighbours, neighbours_unresolved;
    struct neighbour *neighbour_oldest, *neighbour_newest; /* idle ones in order of use */

    struct frag_source **frag_bucket;
    struct datagram *frag_oldest, *frag_newest;
    uint32_t frag_datagrams;
    uint64_t frag_bytes;

    wheel_node autoconf_timer;

    void *token_inline[IP_TOKENS];
    void **token; /* a ring of token_cap; token_inline until more room is needed */
    uint32_t token_cap, token_first, token_count;
    uint32_t tokens_out; /* lent to us and not yet reclaimed: at most token_cap */

    struct echo_state *echo;
};

#endif
