/* tern.h - the whole public interface of libtern, in the order of a reader's questions.
 *
 * A `tern_stack` is a TCP/IP host as a plain value, whole but for UDP: it has no names and no DHCP. It does no I/O,
 * starts no thread, reads no clock and keeps nothing outside itself: packets, time, memory and randomness come in as
 * arguments. One stack belongs to one thread at a time; several stacks share nothing.
 *
 * The loop of every program that uses it:
 *
 *     for (;;) {
 *         tern_input(s, iface, packets, n, now);            what arrived since the last turn
 *         tern_expire(s, now);                              timers that are due
 *         while (tern_poll(s, events, 64)) ...              what happened: read, write, accept, close
 *         while ((n = tern_output(s, frames, 32, now)) > 0) hand the frames to the device
 *         sleep until a packet arrives or tern_deadline(s)
 *     }
 *
 * Rules that hold everywhere
 *   time      uint64_t nanoseconds from any origin; it never goes back. Early calls are harmless. A call that takes
 *             none happens at the latest that was told: outside this loop, after a pause, tell it with tern_expire.
 *   errors    functions that return int or a signed size give a negative `enum tern_error`.
 *   ownership pointers given to tern are only read during the call, unless said otherwise; pointers
 *             given by tern stay valid until the next call that names the same stack.
 *   structs   that grow with versions start with their own size: set `.size = sizeof x`. TERN_EINVAL comes of another
 *             size than the library's own: header and library must be of one version.
 *   user calls make no packet: they mark the connection, tern_output builds the segments.
 *
 * RFC sections named below are those of RFC 9293 unless another RFC is named.
 */
#ifndef TERN_H
#define TERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define TERN_API __attribute__((visibility("default")))
#else
#define TERN_API
#endif

#define TERN_VERSION_MAJOR 0
#define TERN_VERSION_MINOR 1
#define TERN_VERSION_PATCH 0

/* "0.1.0": the version of the library that runs, which may differ from the header's. */
TERN_API const char *tern_version(void);

/* ---- 1. errors ------------------------------------------------------------------------------ */

enum tern_error {
    TERN_OK = 0,
    TERN_EINVAL = -1,        /* an argument makes no sense */
    TERN_ENOMEM = -2,        /* the allocator refused, or tern_config.memory_max is reached */
    TERN_ESTALE = -3,        /* the handle's connection is gone */
    TERN_EAGAIN = -4,        /* nothing to read, no room to write, nothing to accept: wait for an event */
    TERN_ESTATE = -5,        /* not possible in this state, e.g. write after shutdown */
    TERN_EADDRINUSE = -6,    /* this pair of sockets, or this listening socket, exists already */
    TERN_EADDRNOTAVAIL = -7, /* the local address is not ours, or the remote one cannot be a peer */
    TERN_ENOROUTE = -8,      /* no route leads there, or the connection's own address is gone */
    TERN_EPORTS = -9,        /* every ephemeral port towards this peer is taken */
    TERN_ELIMIT = -10,       /* a limit of tern_config is reached, or one that is said with the call */
    TERN_ERESET = -11,       /* the peer sent RST */
    TERN_EREFUSED = -12,     /* the peer answered our SYN with RST */
    TERN_ETIMEDOUT = -13,    /* R2, user timeout or keepalive: the peer no longer answers */
    TERN_EUNREACH = -14,     /* the network says it cannot be reached, or the next hop is silent */
    TERN_ECLOSED = -15,      /* closed or aborted by this side */
    TERN_EMSGSIZE = -16,     /* too large for the buffer or the device */
    TERN_ENAME = -17,        /* no setting, state or reason has this name */
    TERN_ERANGE = -18,       /* the value lies outside the limits of the setting */
};

enum tern_lang { TERN_EN = 0, TERN_ZH = 1 };

/* One plain sentence for an error, in English or Chinese; never NULL. */
TERN_API const char *tern_strerror(int error, enum tern_lang lang);
/* "TERN_ERESET"; never NULL. */
TERN_API const char *tern_error_name(int error);

/* ---- 2. addresses --------------------------------------------------------------------------- */

/* family 4: bytes[0..3], the rest zero. family 6: all 16. family 0: unspecified ("any"). */
typedef struct tern_addr {
    uint8_t family;
    uint8_t bytes[16];
} tern_addr;

/* The two sockets of a connection, seen from this host. Ports are in host byte order. */
typedef struct tern_flow {
    tern_addr local, remote;
    uint16_t local_port, remote_port;
} tern_flow;

#define TERN_ADDR_TEXT 48 /* room for any address as text, with the final NUL */

/* Parses "10.9.0.1" or "fe80::1"; accepts nothing but an address up to the final NUL. */
TERN_API int tern_addr_parse(const char *text, tern_addr *out);
/* Parses "10.9.0.2/24"; without "/n" the prefix is the whole address. */
TERN_API int tern_prefix_parse(const char *text, tern_addr *out, unsigned *prefix_len);
/* Writes the canonical text (RFC 5952 for IPv6) and returns `buf`. */
TERN_API const char *tern_addr_format(const tern_addr *addr, char buf[TERN_ADDR_TEXT]);

/* ---- 3. a stack: made, configured, freed ------------------------------------------------------ */

typedef struct tern_stack tern_stack;

/* Congestion control (3.8.2) [MUST-19, MAY-18]. */
enum tern_congestion {
    TERN_NEWRENO = 0, /* RFC 5681, 6582 */
    TERN_CUBIC = 1,   /* RFC 9438 with HyStart++, RFC 9406 */
    TERN_BBR = 2,     /* a model of the path's rate and round trip; loss alone does not slow it down */
};

/* Memory comes from the caller. `alloc` returns NULL when there is none; `release` gets back the size
 * that was asked for. Neither may call into the stack. */
typedef struct tern_allocator {
    void *(*alloc)(void *ctx, size_t size);
    void (*release)(void *ctx, void *ptr, size_t size);
    void *ctx;
} tern_allocator;

/* Every limit and default of a stack. Fill it with tern_config_default, then change fields. Each
 * field except the first three can be set by its name with tern_config_set: the command line's
 * `--set NAME=VALUE`. Sizes in bytes, times in the unit that the name ends in. */
typedef struct tern_config {
    size_t size;              /* sizeof(tern_config) */
    tern_allocator allocator; /* required */
    uint8_t entropy[32];      /* required: from the system's random source; keys, ISNs and ports hang on it */

    /* memory and tables: new work beyond a limit is refused and counted, what exists goes on */
    /* everything the stack holds, default 256 MiB. A connection that has much to send or unread counts up to the sizes of its
     * buffers, so this is full with some 500 of them; up to 8 free buffers of each size wait in it for their next use */
    uint64_t memory_max;
    uint32_t connections_max; /* full TCBs, default 1 << 20 */
    uint32_t listeners_max;   /* default 4096 */
    uint32_t half_open_max;   /* half-open records of all listeners, default 1024 */
    /* 1: beyond half_open_max, answer with SYN cookies [RFC4987 3.6]; 0, and where a listener holds SYNs: drop the SYN */
    uint32_t syn_cookies;
    uint32_t time_wait_max;      /* TIME-WAIT records, default 16384; the oldest makes room */
    uint32_t send_buffer;        /* bytes that tern_write can queue, to begin with; default 256 KiB */
    uint32_t send_buffer_max;    /* what it may grow to when the path holds more; default 32 MiB */
    uint32_t receive_buffer;     /* bytes that a peer may have in flight to us, to begin with; default 256 KiB */
    uint32_t receive_buffer_max; /* what it may grow to with the pace of reading and the round trip; default 32 MiB */
    /* out-of-order pieces a connection, default 8192; more than 1024 only in large windows */
    uint32_t reassembly_islands;

    /* TCP's numbers */
    uint32_t mss_default_v4; /* peer's MSS when its SYN names none, 536 [MUST-15] */
    uint32_t mss_default_v6; /* 1220 [MUST-15] */
    uint32_t mss_min;        /* smaller offers count as this much, default 64 */
    uint32_t msl_ms;         /* maximum segment lifetime, default 30000; TIME-WAIT lasts twice this */
    uint32_t rto_initial_ms; /* 1000 [RFC6298 2.1] */
    uint32_t rto_min_ms;     /* default 200 */
    uint32_t rto_max_ms;     /* default 60000 [RFC6298 2.5] */
    uint32_t delayed_ack_ms; /* default 40; under 500 [MUST-40]; 0 acknowledges at once */
    uint32_t syn_retries;    /* SYNs repeated before the open fails, default 7: over 3 minutes [MUST-23] */
    uint32_t synack_retries; /* SYN-ACKs repeated before a half-open record dies, default 7 [MUST-23] */
    uint32_t r1_retries;     /* repeats after which the application is told, default 3 [SHLD-10] */
    uint32_t r2_ms;          /* give up on an unanswering peer after this, default 924000 [SHLD-11] */
    uint32_t fin_wait_2_ms;  /* closed by the application, peer's FIN missing, default 60000 */
    uint32_t hold_ms;        /* a held SYN that nobody decides on is dropped, default 10000 */
    uint32_t initial_window; /* congestion window at the start, in segments, default 10 [RFC6928] */
    uint32_t congestion;     /* enum tern_congestion of new connections, default TERN_CUBIC */
    uint32_t pacing;         /* 1: spread what is sent over the round trip, where it is a millisecond or more */
    uint32_t idle_restart;   /* 1: a window that a pause made stale shrinks [RFC2861, RFC5681 4.1] */
    uint32_t ecn;       /* congestion marks [SHLD-8, RFC9768]: 0 off, 1 ask for them, 2 agree when asked (default) */
    uint32_t fast_open; /* data on SYN [RFC7413]: 0 off (default), 1 as client, 2 as server, 3 both */
    uint32_t fast_open_pending;     /* fast opens that the handshake has not yet confirmed, default 256 */
    uint32_t blackhole;             /* 1: try smaller segments when full ones vanish without a word [RFC4821 7.7] */
    uint32_t challenge_ack_ms;      /* at most one challenge ACK a connection in this time, default 500 [RFC5961 7] */
    uint32_t keepalive_idle_ms;     /* 7200000 [MUST-28]; keepalive itself is off until set [MUST-25] */
    uint32_t keepalive_interval_ms; /* 75000 */
    uint32_t keepalive_probes;      /* 9 */
    uint32_t window_scale;          /* 1: offer window scaling [RFC7323 2] */
    uint32_t timestamps;            /* 1: offer timestamps [RFC7323 3] */
    uint32_t sack;                  /* 1: offer selective acknowledgments [RFC2018] */
    uint32_t nagle;                 /* 1: Nagle's algorithm unless a connection turns it off [SHLD-7] */
    uint32_t orphans_max; /* connections closed by the application and not yet finished, default 4096; more are reset */
    uint32_t zero_window_ms;        /* see TERN_OPT_ZERO_WINDOW_MS; default 0 */
    uint32_t port_first, port_last; /* ephemeral ports, default 32768 to 60999 [RFC6056] */
    uint32_t backlog_max;           /* highest backlog a listener may ask for, default 4096 */

    /* IP's numbers */
    uint32_t ttl; /* TTL or hop limit of what we send, default 64 [MUST-49] */
    /* ICMP errors and RSTs without a connection, a second, default 1000; of these at most 10 to one destination */
    uint32_t icmp_rate;
    uint32_t icmp_burst;             /* default 50 */
    uint32_t neighbours_max;         /* default 512 */
    uint32_t neighbour_pending;      /* packets that wait for one unresolved neighbour, default 3 */
    uint32_t neighbour_reachable_ms; /* age after which an entry is checked again, default 30000 */
    uint32_t reassembly_bytes;       /* all fragments held, default 1 MiB */
    uint32_t reassembly_v4_ms;       /* default 30000 */
    uint32_t reassembly_v6_ms;       /* default 60000 [RFC8200 4.5] */
    uint32_t fragments_max;          /* fragments of one datagram, default 16 */
    uint32_t autoconf;               /* 1: ask for and follow IPv6 router advertisements [RFC4862, RFC7559] */
    uint32_t dad;                    /* 1: check new IPv6 addresses for duplicates on Ethernet [RFC4862 5.4] */
    uint32_t mld; /* 1: report the groups of IPv6 addresses on Ethernet, for switches that forward by them [RFC3810] */
} tern_config;

/* Fills in every default; allocator and entropy stay empty and must be given. */
TERN_API void tern_config_default(tern_config *config);
/* Sets one field by name, e.g. ("msl_ms", 500). TERN_ENAME or TERN_ERANGE leave it unchanged. */
TERN_API int tern_config_set(tern_config *config, const char *name, uint64_t value);

typedef struct tern_setting {
    const char *name;
    const char *unit; /* "ms", "bytes", "segments", "0/1", "count", "a second", "port" */
    uint64_t value_default, min, max;
    const char *text_en, *text_zh;
} tern_setting;
/* The i-th setting that tern_config_set knows; false past the last. */
TERN_API bool tern_setting_at(size_t i, tern_setting *out);

/* Some values have names: msl_ms "rfc9293" is the RFC's two minutes, so that 2 MSL is four; congestion "bbr"; ... */
typedef struct tern_setting_name {
    const char *setting, *name;
    uint64_t value;
} tern_setting_name;
/* The i-th such name; false past the last. */
TERN_API bool tern_setting_name_at(size_t i, tern_setting_name *out);
/* What a text means for a setting: one of its names, or a decimal number. TERN_ENAME: neither. Next:
 * tern_config_set. */
TERN_API int tern_setting_parse(const char *setting, const char *text, uint64_t *value);

/* Makes a stack. TERN_EINVAL: no allocator, or a field out of range. TERN_ENOMEM. Copies the config.
 * Next: tern_iface_add. */
TERN_API int tern_new(const tern_config *config, uint64_t now_ns, tern_stack **out);
/* Frees everything at once and sends nothing; close connections first if peers should know. Lent packets are the caller's
 * again, and no longer reclaimed. */
TERN_API void tern_free(tern_stack *stack);

/* ---- 4. interfaces, addresses, routes ---------------------------------------------------------- */

enum tern_link {
    TERN_LINK_IP = 1,       /* packets start with the IP header: TUN, tunnels */
    TERN_LINK_ETHERNET = 2, /* frames with ARP, ND and at most one VLAN tag: TAP, AF_PACKET */
    TERN_LINK_LOOPBACK = 3, /* no device: what is sent to our own addresses comes back in; at most one such interface */
};

/* The first two are notes and change nothing: each frame says whether its checksum is to be completed (TERN_FRAME_CSUM),
 * and each packet whether its own was checked (TERN_PKT_CSUM_OK). */
enum tern_iface_flags {
    TERN_IFACE_TX_CSUM = 1, /* the device completes checksums on what we send */
    TERN_IFACE_RX_CSUM = 2, /* the device vouches for checksums */
    /* Packets to any address are ours: for transparent listeners. No address is needed, but a route back to the peers is.
     * Echo requests to any address are answered too, and UDP is refused: what a gateway carries otherwise, it keeps from
     * tern_input. */
    TERN_IFACE_ANY_LOCAL = 4
};

typedef struct tern_iface_config {
    size_t size;      /* sizeof(tern_iface_config) */
    const char *name; /* for traces; copied, at most 15 bytes count */
    enum tern_link link;
    uint32_t flags; /* enum tern_iface_flags */
    uint32_t mtu;   /* largest IP packet, 68 to 65535; IPv6 needs 1280 */
    /* Largest IP packet the device cuts into MSS pieces, at most 524280; 0: it cuts none. Above 65535 it gets IPv4 packets whose
     * header has a total length of zero, as Linux 6.3 and later know them ("BIG TCP"). Not so IPv6, not while a trace is on,
     * for few readers of captures know such packets, and not on TERN_LINK_LOOPBACK. */
    uint32_t tso_max;
    uint8_t mac[6]; /* Ethernet only */
    uint16_t vlan;  /* Ethernet only: 1 to 4094 tags every frame, 0 none */
} tern_iface_config;

/* Returns the interface's number (the lowest that is free: 0, 1, ...) or an error; TERN_ELIMIT beyond 16. It is up at once.
 * Next: tern_addr_add. */
TERN_API int tern_iface_add(tern_stack *stack, const tern_iface_config *config);
/* The largest IP packet that leaves from now on, 68 to 65535 bytes, at any time: connections cut what they send next to
 * fit, and use a larger one as far as the peer's MSS and the path allow [MUST-16, RFC1191, RFC8201]. What peers send is
 * not changed by it: they were told an MSS when the connection opened, and find out for themselves what the path
 * carries. IPv6 needs 1280: TERN_EINVAL for less while the interface has an IPv6 address or a route of tern_route_add
 * for IPv6. tso_max stays as it is. */
TERN_API int tern_iface_set_mtu(tern_stack *stack, int iface, uint32_t mtu);
/* Takes an interface out of use, as when its cable is pulled; done twice it is no error. What waits to leave is dropped,
 * and so are fragments that came by it and what is still put in by tern_input (LINK_DOWN). Addresses and routes stay its
 * own, but are not used: connections from its addresses find themselves as after tern_addr_remove, routes over other
 * interfaces take the place of its own. Neighbours are forgotten, and all that routers said: autoconfigured addresses
 * go. */
TERN_API int tern_iface_down(tern_stack *stack, int iface);
/* Brings it back, perhaps to another link: IPv4 addresses are announced [RFC5227 2.3], IPv6 ones checked for duplicates
 * once more [RFC4862 5.4], routers asked for [RFC4861 6.3.7]. Connections go on as soon as their address is ready and a
 * route leads to the peer. */
TERN_API int tern_iface_up(tern_stack *stack, int iface);
/* The same as tern_iface_down, and for good: addresses and routes go with it. Its number means nothing (TERN_EINVAL) until
 * tern_iface_add gives it to another interface. Connections and listeners stay, as after tern_addr_remove. */
TERN_API int tern_iface_remove(tern_stack *stack, int iface);
/* Gives this host an address and the route to its prefix; TERN_ELIMIT beyond 32 addresses. 127/8 and ::1 are not to be
 * given (TERN_EINVAL): with TERN_LINK_LOOPBACK a host finds itself at any of its addresses. An IPv6 address on Ethernet is
 * first checked for duplicates (tern_config.dad): for up to two seconds it receives nothing and connections opened from
 * it wait; listeners can have it at once. When it turns out to be another host's, tern_addr_at never shows it, and what
 * waits ends with TERN_ENOROUTE. Switches that forward multicast only where it is wanted are told of its group
 * (tern_config.mld). */
TERN_API int tern_addr_add(tern_stack *stack, int iface, const tern_addr *addr, unsigned prefix_len);
/* From now on nothing arrives at it and nothing leaves from it [RFC4862 5.5.4]. Connections stay: when they want to send
 * they tell of TERN_ENOROUTE (TERN_EV_SOFT_ERROR), go on when the address comes back, or end with TERN_ETIMEDOUT. */
TERN_API int tern_addr_remove(tern_stack *stack, int iface, const tern_addr *addr);
/* The i-th address of all interfaces that is ready for use (also those autoconfigured); false past the last. `iface`
 * and `prefix_len` may be NULL. TERN_EV_ADDRESS tells when to look again. */
TERN_API bool tern_addr_at(tern_stack *stack, size_t i, tern_addr *addr, int *iface, unsigned *prefix_len);
/* Adds a route, which stays until tern_route_remove or tern_iface_remove; `via` NULL or unspecified: the prefix is on the
 * link. The longest prefix wins; of equal ones the first whose gateway answers. One that is there already is not added
 * again (TERN_OK). TERN_ELIMIT beyond 64 routes, those of addresses and advertisements included. */
TERN_API int tern_route_add(tern_stack *stack, const tern_addr *prefix, unsigned prefix_len, int iface,
                            const tern_addr *via);
/* Removes the route that tern_route_add made of the same arguments; TERN_ENOROUTE: there is none, for those of addresses
 * and advertisements come and go with these. Connections take the next best way with their next packet, or tell of
 * TERN_ENOROUTE as after tern_addr_remove. To replace a route, add the new one and remove the old one: nothing leaves in
 * between. */
TERN_API int tern_route_remove(tern_stack *stack, const tern_addr *prefix, unsigned prefix_len, int iface,
                               const tern_addr *via);

enum tern_route_origin {
    TERN_ROUTE_MANUAL = 0,     /* tern_route_add */
    TERN_ROUTE_ADDRESS = 1,    /* came with an address of ours */
    TERN_ROUTE_ADVERTISED = 2, /* a router said so [RFC4861 6.3.4] */
};

typedef struct tern_route {
    tern_addr prefix, via; /* via: family 0 when the prefix is on the link */
    uint8_t prefix_len;
    int32_t iface;
    enum tern_route_origin origin;
    bool usable;       /* its interface is up and its gateway not known to be silent */
    uint64_t until_ns; /* when it runs out; TERN_NEVER */
} tern_route;
/* The i-th route, in the order in which they are tried; false past the last. */
TERN_API bool tern_route_at(tern_stack *stack, size_t i, tern_route *out);

/* 7.3.2 of RFC 4861, for ARP too. */
enum tern_neighbour_state {
    TERN_NEIGHBOUR_INCOMPLETE = 0, /* asked, no answer yet: mac means nothing */
    TERN_NEIGHBOUR_REACHABLE = 1,
    TERN_NEIGHBOUR_STALE = 2, /* not confirmed lately: will be, when it is used */
    TERN_NEIGHBOUR_DELAY = 3, /* in use, soon to be asked */
    TERN_NEIGHBOUR_PROBE = 4, /* being asked */
    TERN_NEIGHBOUR_SILENT = 5 /* asked in vain; asked again when it is used, a second later at the soonest */
};

typedef struct tern_neighbour {
    tern_addr addr;
    int32_t iface;
    uint8_t mac[6];
    enum tern_neighbour_state state;
    bool router; /* it says that it is one; IPv6 only */
} tern_neighbour;
/* Walks the neighbours on Ethernet, in no order: start with *cursor = 0, stop at false. No other call on the stack in
 * between. */
TERN_API bool tern_neighbour_list(tern_stack *stack, uint64_t *cursor, tern_neighbour *out);

/* ---- 5. the loop ------------------------------------------------------------------------------- */

enum tern_packet_flags {
    TERN_PKT_CSUM_OK = 1, /* transport checksum verified, or never left this machine */
};

typedef struct tern_packet {
    const void *data;
    uint32_t len;
    uint16_t flags;        /* enum tern_packet_flags */
    uint16_t segment_size; /* coalesced receive: payload size of the segments merged here, else 0 */
    void *token;           /* not NULL: the bytes are lent. They must stay until tern_reclaim gives the token back */
} tern_packet;

/* Takes what arrived on an interface. All of it is processed before anything is sent [MUST-58, MUST-59]. Answers that
 * belong to no connection (SYN-ACKs, resets, ARP, echo replies) wait for tern_output in a queue of 512, and are dropped
 * beyond (QUEUE_FULL): a few hundred packets are enough for one call.
 * Returns 0 or an error about the arguments; bad packets are counted, not reported. TERN_ENOMEM: lent packets
 * cannot be kept account of; none was taken, all stay the caller's. */
TERN_API int tern_input(tern_stack *stack, int iface, const tern_packet *packets, size_t n, uint64_t now_ns);

#define TERN_HEAD_MAX 136

typedef struct tern_span {
    const void *data;
    uint32_t len;
} tern_span;

enum tern_frame_flags {
    TERN_FRAME_CSUM = 1, /* the 16-bit field at csum_start + csum_offset holds the pseudo-header's sum only;
                            the rest is the device's or tern_frame_finish's or tern_frame_copy's to add */
    TERN_FRAME_V6 = 2,
};

/* One packet to send: `head_len` bytes here, then up to two spans of the stack's memory. Valid until the
 * next call that names the stack. */
typedef struct tern_frame {
    int32_t iface;
    uint32_t len; /* of all: head_len + the spans */
    uint16_t head_len;
    uint8_t flags;         /* enum tern_frame_flags */
    uint8_t spans;         /* how many of body[] are used */
    uint16_t csum_start;   /* offset of the transport header */
    uint16_t csum_offset;  /* of the checksum field within it */
    uint16_t segment_size; /* not 0: the device cuts the payload into pieces of this size */
    uint16_t ip_offset;    /* where the IP header starts: 0 without Ethernet */
    uint8_t engine;        /* which checksum code suits this processor, for tern_frame_finish and _copy */
    tern_span body[2];
    uint8_t head[TERN_HEAD_MAX];
} tern_frame;

/* Builds up to `max` frames; returns how many, 0 when nothing is to be sent now. Call until it gives 0. */
TERN_API int tern_output(tern_stack *stack, tern_frame *frames, size_t max, uint64_t now_ns);
/* Completes the checksum in head[], for devices that take the pieces as they are. */
TERN_API void tern_frame_finish(tern_frame *frame);
/* Copies head and spans to `buf` (at least frame->len bytes) and completes the checksum in the same pass;
 * returns the length, or 0 when `size` is too small. */
TERN_API size_t tern_frame_copy(const tern_frame *frame, void *buf, size_t size);

#define TERN_NEVER UINT64_MAX
/* When tern_expire is due next; TERN_NEVER: only a packet or a call can change anything. A time that has
 * passed means: now. So do frames ready to be sent and events that tern_poll has not yet given. */
TERN_API uint64_t tern_deadline(const tern_stack *stack);
/* Lets the timers that are due act (retransmission, delayed ACK, 2 MSL, ...). Then: tern_output. */
TERN_API int tern_expire(tern_stack *stack, uint64_t now_ns);

/* A connection or a listener. It stays valid until tern_close or tern_abort and the end of what they began; after
 * that every call with it gives TERN_ESTALE. The zero value is never valid. */
typedef struct tern_sock {
    uint64_t id;
} tern_sock;

enum tern_event_bits {
    TERN_EV_CONNECTED = 1 << 0,  /* the connection is ESTABLISHED */
    TERN_EV_ACCEPT = 1 << 1,     /* listener: tern_accept has something */
    TERN_EV_READ = 1 << 2,       /* new bytes to read */
    TERN_EV_WRITE = 1 << 3,      /* room in the send buffer after it was full; time to try again after TERN_ENOMEM */
    TERN_EV_EOF = 1 << 4,        /* the peer's FIN is next after what can be read [MUST-12] */
    TERN_EV_SENT = 1 << 5,       /* all that was written, and a FIN if one was asked for, is acknowledged */
    TERN_EV_CLOSED = 1 << 6,     /* the connection, or the held SYN, ended; `error` says how (0: in order) */
    TERN_EV_SOFT_ERROR = 1 << 7, /* trouble, not the end: R1 reached, ICMP; `error` says which [MUST-47] */
    TERN_EV_URGENT = 1 << 8,     /* the urgent pointer advanced [MUST-32] */
    TERN_EV_SYN = 1 << 9,        /* listener that holds: tern_held has something */
    TERN_EV_ECHO = 1 << 10,      /* sock is zero: tern_echo_reply has something */
    TERN_EV_RECLAIM = 1 << 11,   /* sock is zero: tern_reclaim has something */
    /* sock is zero: an address became ready (its check for duplicates is over, or a router advertised it), turned out to be
     * another host's, or ran out; what the caller does itself is not told */
    TERN_EV_ADDRESS = 1 << 12,
};

typedef struct tern_event {
    tern_sock sock;
    uint64_t user; /* tern_set_user's value */
    uint32_t bits; /* enum tern_event_bits, all that happened since the last poll */
    int32_t error; /* of TERN_EV_CLOSED or TERN_EV_SOFT_ERROR */
} tern_event;

/* Takes up to `max` events; returns how many. One event a socket, however much happened. Events already taken do not know
 * what is called next: one may name a socket that was closed because of another before it, with the `user` that it had.
 * Who frees what `user` points to keeps it until all are seen, or takes one event at a time. */
TERN_API int tern_poll(tern_stack *stack, tern_event *events, size_t max);

/* ---- 6. connections: the user calls of 3.10.1 to 3.10.6 ------------------------------------------ */

typedef struct tern_open {
    size_t size; /* sizeof(tern_open) */
    /* local unspecified (family 0, 0.0.0.0 or ::): the route decides [MUST-44]. A remote fe80:: address is on the link of
     * `local`, if that is one too, else on that of the first interface with IPv6. */
    tern_addr local, remote;
    uint16_t local_port; /* 0: an ephemeral port, chosen as RFC 6056 says */
    uint16_t remote_port;
    uint64_t user; /* comes back in events */
} tern_open;

/* Active OPEN (3.10.1): a SYN goes out with the next tern_output. Outcome: TERN_EV_CONNECTED or TERN_EV_CLOSED.
 * Bytes may be written at once; they leave when the connection is established. */
TERN_API int tern_connect(tern_stack *stack, const tern_open *open, tern_sock *out);

enum tern_listen_flags {
    TERN_LISTEN_TRANSPARENT = 1, /* any local address and, with port 0, any port: see TERN_IFACE_ANY_LOCAL */
    TERN_LISTEN_HOLD = 2,        /* a SYN waits for tern_hold_accept or tern_hold_refuse */
};

typedef struct tern_listen_config {
    size_t size; /* sizeof(tern_listen_config) */
    /* family 0: every address of both families; 0.0.0.0 or ::, every address of that one [MUST-43]. The most specific
     * listener of a port gets the connection. */
    tern_addr local;
    uint16_t port;  /* 0 only with TERN_LISTEN_TRANSPARENT */
    uint32_t flags; /* enum tern_listen_flags */
    /* established connections that wait for tern_accept; 0: 128. Where thousands may come in one moment, this and
     * tern_config.half_open_max should have room for them: SYNs beyond half_open_max are answered with cookies, and who
     * then comes back to a full backlog is forgotten. */
    uint32_t backlog;
    uint64_t user;
} tern_listen_config;

/* Passive OPEN (3.10.1). Touches no existing connection [MUST-41]. Next: TERN_EV_ACCEPT, tern_accept. */
TERN_API int tern_listen(tern_stack *stack, const tern_listen_config *config, tern_sock *out);
/* Takes the oldest established connection off the backlog; `flow` may be NULL. TERN_EAGAIN: none. Its user value is
 * that of its held SYN, else 0, until tern_set_user; what arrived before is told by events. One that the peer resets while
 * it waits is taken off unseen; but if its SYN was held it is given here, and TERN_EV_CLOSED follows. */
TERN_API int tern_accept(tern_stack *stack, tern_sock listener, tern_sock *out, tern_flow *flow);

/* TERN_LISTEN_HOLD: takes the oldest SYN that was not yet shown; `flow` may be NULL. TERN_EAGAIN: none. The handle is good
 * for the next two calls, tern_status, tern_set_user and tern_user. TERN_EV_CLOSED names it, with its user value, when it
 * comes to nothing: TERN_ETIMEDOUT, it waited for longer than tern_config.hold_ms, or the peer did not finish the opening;
 * TERN_ERESET, the peer took it back. From then on it gives TERN_ESTALE. If the peer asks again, that is a new SYN. */
TERN_API int tern_held(tern_stack *stack, tern_sock listener, tern_sock *held, tern_flow *flow);
/* Answers a held SYN: the SYN-ACK leaves, and the connection comes through tern_accept when it is established, with a
 * handle of its own: flow and user value are the same. So `held` becomes what tern_accept gives, or TERN_EV_CLOSED tells
 * of its end, or the application ends it or the listener. TERN_ESTATE: it was accepted before. */
TERN_API int tern_hold_accept(tern_stack *stack, tern_sock held);
/* Refuses it, also after tern_hold_accept: with RST when `reset`, else in silence. No event comes after this, not even with
 * TERN_ESTALE, which then says that it has ended already, or is a connection for tern_accept. */
TERN_API int tern_hold_refuse(tern_stack *stack, tern_sock held, bool reset);

/* SEND (3.10.2): copies into the send buffer as much as fits; returns how many bytes, TERN_EAGAIN when none: then
 * TERN_EV_WRITE tells when there is room. TERN_ENOMEM: no memory for any; TERN_EV_WRITE tells when to try again, which is
 * with the next event of this socket or after a tenth of a second. */
TERN_API ptrdiff_t tern_write(tern_stack *stack, tern_sock sock, const void *data, size_t len);
/* The same, and the last of these bytes is urgent: the urgent pointer leads behind it (3.8.5) [MUST-30, MUST-62].
 * For protocols that need it (telnet); new ones should not [SHLD-13]. */
TERN_API ptrdiff_t tern_write_urgent(tern_stack *stack, tern_sock sock, const void *data, size_t len);
/* The same as tern_write without a copy: 0, and up to two stretches of free buffer to fill (len[1] may be 0), together at
 * most `want` bytes, then commit; or an error as of tern_write. No other call on the stack in between: it may move or free
 * them. */
TERN_API int tern_write_reserve(tern_stack *stack, tern_sock sock, size_t want, void *ptr[2], size_t len[2]);
/* Sends the first `len` bytes of what was reserved, 0: none. TERN_EINVAL: so much was not, or another call has taken the room. */
TERN_API int tern_write_commit(tern_stack *stack, tern_sock sock, size_t len);

/* RECEIVE (3.10.3): returns bytes read, 0 at the end of the stream (the peer's FIN), TERN_EAGAIN when nothing is
 * there, or the error that ended the connection once everything before it was read. */
TERN_API ptrdiff_t tern_read(tern_stack *stack, tern_sock sock, void *buf, size_t len);
/* The same without a copy: shows up to `max` stretches of received bytes in order; returns how many, 0 at the end
 * of the stream. tern_read_release then consumes any number of bytes from the front. tern_write may be given them, for
 * any connection of the stack; other calls come after the release. */
TERN_API int tern_read_borrow(tern_stack *stack, tern_sock sock, tern_span *spans, size_t max);
TERN_API int tern_read_release(tern_stack *stack, tern_sock sock, size_t len);
/* Takes back tokens of lent packets that nothing refers to any more; returns how many. */
TERN_API int tern_reclaim(tern_stack *stack, void **tokens, size_t max);

/* Half-close (3.6.1): FIN after everything written; reading goes on. TERN_ESTATE: it was done before, our SYN is not yet
 * answered, or the connection has ended. TERN_ENOMEM: nothing was done; TERN_EV_WRITE tells when to try again. */
TERN_API int tern_shutdown(tern_stack *stack, tern_sock sock);
/* CLOSE (3.10.4): FIN after everything written, and the application is done with the connection: the stack finishes
 * it alone. Before our SYN is answered there is nothing to finish: what was written is dropped. With received bytes unread
 * it sends RST instead, since data is lost [SHLD-3]; also where it could not see to the end, without memory or beyond
 * tern_config.orphans_max. A listener stops listening; what it had not handed out is reset. No event comes after this. */
TERN_API int tern_close(tern_stack *stack, tern_sock sock);
/* ABORT (3.10.5): RST, all queues dropped, the handle is gone. */
TERN_API int tern_abort(tern_stack *stack, tern_sock sock);

/* ---- 7. settings of one connection ---------------------------------------------------------------- */

enum tern_option {
    TERN_OPT_NODELAY = 1,           /* 1: Nagle off [MUST-17] */
    TERN_OPT_CORK = 2,              /* 1: hold back segments that are not full (200 ms at most) */
    TERN_OPT_SEND_BUFFER = 3,       /* bytes; from then on fixed */
    TERN_OPT_RECEIVE_BUFFER = 4,    /* bytes; from then on fixed; a window once offered is never taken back [SHLD-14] */
    TERN_OPT_KEEPALIVE = 5,         /* 1: on [MUST-24] */
    TERN_OPT_KEEPALIVE_IDLE_MS = 6, /* silence before the first probe [MUST-27] */
    TERN_OPT_USER_TIMEOUT_MS = 7,   /* R2 of this connection [MUST-21]; 0: the stack's */
    TERN_OPT_DSCP = 8,              /* 0 to 63 [MUST-48], at any time [SHLD-21]; better not once data flows [SHLD-23] */
    TERN_OPT_TTL = 9,               /* 1 to 255 [MUST-49] */
    TERN_OPT_MSS = 10,              /* caps the segments we send, bytes; before the SYN also the MSS offered */
    TERN_OPT_KEEPALIVE_INTERVAL_MS = 11, /* between probes */
    TERN_OPT_KEEPALIVE_PROBES = 12,      /* unanswered ones before the connection ends with TERN_ETIMEDOUT */
    /* -1: tern_close finishes in its own time; 0: it resets; else it resets when not all was acknowledged by then */
    TERN_OPT_LINGER_MS = 13,
    TERN_OPT_ZERO_WINDOW_MS = 14, /* give up on a peer whose window stays shut this long; 0: never [MUST-37, RFC6429] */
    /* Tell the peer our user timeout and heed its own [RFC5482]; seconds, 0: off. */
    TERN_OPT_USER_TIMEOUT_OPTION_S = 15,
    TERN_OPT_CONGESTION = 16,  /* enum tern_congestion; a connection goes on with the window that it has */
    TERN_OPT_SOFT_ERRORS = 17, /* 0: no TERN_EV_SOFT_ERROR for this one [SHLD-20] */
    /* 1, right after tern_connect: what is written before the SYN leaves may ride on it. A peer may get those bytes
     * twice: only for requests that bear repetition [RFC7413 2.1]. */
    TERN_OPT_FAST_OPEN = 18,
    TERN_OPT_BACKLOG = 19,       /* of a listener: connections that wait for tern_accept */
    TERN_OPT_SYN_RETRIES = 20,   /* SYNs repeated before the open fails, as tern_config.syn_retries */
    TERN_OPT_FIN_WAIT_2_MS = 21, /* closed by the application, peer's FIN missing, as tern_config.fin_wait_2_ms */
    TERN_OPT_QUICK_ACK = 22,     /* 1: every segment is acknowledged at once; an ACK that is owed leaves now */
    TERN_OPT_NO_READER = 23, /* 1: behind our FIN, bytes that arrive reset the connection: nobody reads them [SHLD-3] */
};
/* Set on a listener, options pass to the connections it accepts later. TERN_ENOMEM can come of those that are numbers,
 * and of keepalive, which has to wake the connection. */
TERN_API int tern_set(tern_stack *stack, tern_sock sock, enum tern_option option, int64_t value);
TERN_API int tern_get(tern_stack *stack, tern_sock sock, enum tern_option option, int64_t *value);
TERN_API int tern_set_user(tern_stack *stack, tern_sock sock, uint64_t user);
TERN_API int tern_user(tern_stack *stack, tern_sock sock, uint64_t *user);

/* ---- 8. looking at it: STATUS (3.10.6), lists, counters --------------------------------------------- */

/* 3.3.2, in the order of a connection's life. */
enum tern_state {
    TERN_CLOSED = 0,
    TERN_LISTEN,
    TERN_SYN_SENT,
    TERN_SYN_RECEIVED,
    TERN_ESTABLISHED,
    TERN_FIN_WAIT_1,
    TERN_FIN_WAIT_2,
    TERN_CLOSE_WAIT,
    TERN_CLOSING,
    TERN_LAST_ACK,
    TERN_TIME_WAIT,
    TERN_STATES
};

/* What the sender believes about the bytes under way. */
enum tern_recovery {
    TERN_RECOVERY_NONE = 0,
    TERN_RECOVERY_DISORDER, /* some arrived out of order, or are lost */
    TERN_RECOVERY_FAST,     /* lost ones are sent again, the window is reduced */
    TERN_RECOVERY_TIMEOUT,  /* after a timeout */
};

typedef struct tern_status_info {
    size_t size;     /* in: sizeof(tern_status_info) */
    tern_sock sock;  /* zero for TIME-WAIT and, in tern_list, half-open records: see tern_held */
    uint64_t serial; /* unique among all connections of the stack; the trace uses the same */
    tern_flow flow;
    enum tern_state state;
    int32_t error; /* what ended it, 0 while it lives */
    bool passive, closed_by_user, peer_closed;
    uint32_t iss, irs, snd_una, snd_nxt, rcv_nxt;
    uint32_t snd_wnd, rcv_wnd; /* bytes, scaling applied */
    uint8_t snd_wscale, rcv_wscale;
    bool timestamps, sack;
    uint8_t ecn;             /* 0: not agreed, 1: RFC 3168, 2: accurate (RFC 9768) */
    uint32_t mss;            /* payload bytes a full segment carries to the peer */
    uint32_t cwnd, ssthresh; /* bytes */
    uint32_t srtt_us, rttvar_us, rto_ms;
    uint32_t send_queued;    /* written, not acknowledged */
    uint32_t send_unsent;    /* of these, not sent yet */
    uint32_t send_space;     /* what tern_write would take now */
    uint8_t backoff;         /* how often the timeout was doubled */
    uint8_t probes;          /* unanswered keepalive probes */
    uint32_t receive_queued; /* acknowledged, not read */
    uint8_t dscp_received;   /* of the newest segment [MAY-9] */
    uint32_t urgent_left;    /* bytes up to the peer's urgent pointer, still to come or to be read [MUST-33] */
    uint32_t backlog;        /* listener: waiting for tern_accept */
    uint64_t bytes_sent, bytes_acked, bytes_received;
    uint32_t segments_out, segments_in, retransmitted;
    uint64_t delivered;                      /* bytes acknowledged, selectively ones too */
    uint64_t bytes_again;                    /* of text, sent more than once */
    uint32_t again_by_timer, again_by_probe; /* of those retransmitted, by the retransmission timer and as tail loss
                                                probes; the rest showed as lost by what was acknowledged */
    uint32_t timeouts_all;                   /* expiries of the retransmission timer */
    uint32_t duplicates_told;                /* duplicates that the peer reported [RFC2883] */
    uint32_t reordered;                      /* how often something came late, and was not lost */
    uint32_t out_of_order;                   /* segments that came so */
    uint32_t marks_told;                     /* congestion marks that the peer told of */
    uint64_t busy_us;           /* with bytes to send or under way, from the first time on that some had to wait */
    uint64_t window_limited_us; /* of that time, held up by the peer's window */
    uint64_t buffer_limited_us; /* and by a send buffer that was too small */
    uint32_t again_last;        /* why the last one was: a reason, see tern_reason_name; 0: none */
    uint32_t timeouts;          /* expiries of the retransmission timer since the last progress */
    uint32_t bytes_sacked, bytes_lost; /* of those outstanding: selectively acknowledged, thought lost */
    uint32_t min_rtt_us;               /* least round trip of late; 0: none measured */
    uint64_t pacing_rate;              /* bytes a second; 0: not paced */
    uint64_t delivery_rate;   /* bytes a second that arrived lately, while something is under way; 0: unknown */
    bool delivery_limited;    /* the application set that pace, or under BBR the peer's window; not the path */
    uint32_t again_under_way; /* bytes sent again and not acknowledged, nor thought lost once more */
    uint32_t reordering_us;   /* how late a segment may come before it is thought lost */
    uint32_t mss_peer;        /* the peer's MSS option, or the default */
    uint32_t mss_received;    /* largest segment that came */
    uint32_t receive_buffer;  /* bytes, as large as it is now */
    uint32_t idle_ms;         /* since new bytes left last; 0: none ever did */
    uint32_t congestion;      /* enum tern_congestion */
    uint32_t recovery;        /* enum tern_recovery */
    bool persisting;          /* probing a shut window */
    uint64_t timer_ns;        /* when its next timer is due, TERN_NEVER if none */
    const char *timer;        /* which: "retransmission", "persist", "delayed ACK", "keepalive", "2MSL", ... */
    uint64_t memory;          /* bytes charged for it */
} tern_status_info;

/* STATUS (3.10.6) of a connection, a listener or a held SYN. */
TERN_API int tern_status(tern_stack *stack, tern_sock sock, tern_status_info *out);
/* Walks listeners, half-open records, connections and TIME-WAIT records: start with *cursor = 0, stop at false. No other
 * call on the stack in between: note the handles of those that are to be ended, then end them. Also connections that wait
 * for tern_accept, or that the application has closed and that are not finished, can be ended by tern_abort. */
TERN_API bool tern_list(tern_stack *stack, uint64_t *cursor, tern_status_info *out);

typedef struct tern_stats {
    size_t size; /* in: sizeof(tern_stats) */
    uint64_t memory, memory_peak, memory_refused;
    uint32_t listeners, half_open, connections, time_wait;
    uint64_t packets_in, packets_out, bytes_in, bytes_out;
    uint64_t segments_in, segments_out, retransmitted, resets_in, resets_out;
    uint64_t undone; /* reductions that were taken back: nothing had been lost */
    uint64_t opens_active, opens_passive, connects_failed, established_total, time_wait_total;
    uint64_t bad_moves; /* moves the transition table refused: always 0, or a bug in tern */
} tern_stats;
TERN_API int tern_stats_get(tern_stack *stack, tern_stats *out);

/* ---- 9. why: reasons, descriptions ------------------------------------------------------------------ */

/* Every outcome that a packet can have is a named reason with a counter (src/core/reason.def). */
enum tern_severity { TERN_SEV_NORMAL = 0, TERN_SEV_NOTE, TERN_SEV_WARNING, TERN_SEV_ATTACK };

TERN_API unsigned tern_reason_count(void);
TERN_API const char *tern_reason_name(unsigned reason);                      /* "SYN_IN_WINDOW" */
TERN_API const char *tern_reason_text(unsigned reason, enum tern_lang lang); /* one sentence */
TERN_API const char *tern_reason_rfc(unsigned reason);                       /* "9293 3.10.7.4" */
TERN_API enum tern_severity tern_reason_severity(unsigned reason);
/* How often it happened in this stack. */
TERN_API uint64_t tern_reason_counter(const tern_stack *stack, unsigned reason);

/* "FIN-WAIT-1": the RFC's spelling. */
TERN_API const char *tern_state_name(enum tern_state state);
/* Reads the RFC's, ss's and netstat's spellings ("FIN_WAIT1", "SYN-RECV", "closed-wait"); TERN_ENAME. */
TERN_API int tern_state_parse(const char *text, enum tern_state *out);

/* One row of the transition table (src/tcp/transition.def); false past the last. */
typedef struct tern_transition {
    enum tern_state from, to;
    const char *event;  /* "FIN_ACKED" */
    const char *cause;  /* "rcv ACK of FIN" */
    const char *action; /* "snd ACK", or "" */
    const char *rfc;    /* "9293 3.10.7.4" */
} tern_transition;
TERN_API bool tern_transition_at(size_t i, tern_transition *out);

/* ---- 10. trace: every step in the open ---------------------------------------------------------------- */

enum tern_trace_kind {
    TERN_TRACE_PACKET_IN = 1 << 0,   /* raw packet, before it is processed: packet, packet_len */
    TERN_TRACE_PACKET_OUT = 1 << 1,  /* raw frame, checksum completed: packet, packet_len */
    TERN_TRACE_SEGMENT_IN = 1 << 2,  /* after it was processed: state_before, state, reason, seg */
    TERN_TRACE_SEGMENT_OUT = 1 << 3, /* when it was built: reason says why it is sent, seg */
    TERN_TRACE_STATE = 1 << 4,       /* a move of the table: state_before, state, event */
    TERN_TRACE_CALL = 1 << 5,        /* a user call: call, value */
    TERN_TRACE_TIMER = 1 << 6,       /* a timer went off: timer */
    TERN_TRACE_DROP = 1 << 7,        /* a packet that no connection owns was dropped: reason */
    TERN_TRACE_WINDOW = 1 << 8,      /* cwnd, ssthresh or a window changed: tcb */
    TERN_TRACE_ALL = (1 << 9) - 1,
};

enum tern_tcp_flags {
    TERN_FIN = 0x01,
    TERN_SYN = 0x02,
    TERN_RST = 0x04,
    TERN_PSH = 0x08,
    TERN_ACK = 0x10,
    TERN_URG = 0x20,
    TERN_ECE = 0x40,
    TERN_CWR = 0x80,
    TERN_AE = 0x100,
};

typedef struct tern_trace {
    uint64_t time_ns;
    enum tern_trace_kind kind;
    int32_t iface;   /* -1 where none is concerned */
    uint64_t serial; /* the connection; 0: none */
    tern_flow flow;
    enum tern_state state_before, state;
    uint32_t reason;   /* tern_reason_name(reason) */
    const char *event; /* of a move */
    const char *call;  /* "open", "send", "receive", "shutdown", "close", "abort", "accept" */
    const char *timer; /* "retransmission", "2MSL", ... */
    int64_t value;     /* of a call: bytes or the error */
    struct {
        uint32_t seq, ack, len; /* absolute numbers; len is payload only */
        uint16_t flags, window; /* as on the wire */
        uint16_t mss;           /* option, 0 if absent */
        int8_t wscale;          /* option, -1 if absent */
        bool sack_permitted, has_timestamps;
        uint32_t ts_value, ts_echo;
        uint8_t sack_count;
        struct {
            uint32_t left, right;
        } sack[4];
        uint8_t options_len;
    } seg;
    struct {
        bool valid;
        uint32_t iss, irs, snd_una, snd_nxt, rcv_nxt;
        uint32_t snd_wnd, rcv_wnd, cwnd, ssthresh, srtt_us, rto_ms;
        uint8_t snd_wscale, rcv_wscale;
    } tcb;
    const void *packet; /* valid during the call */
    uint32_t packet_len;
} tern_trace;

typedef void tern_trace_fn(void *ctx, const tern_trace *record);
/* Calls `fn` for the kinds in `mask` (0: none; then tracing costs one branch). `fn` may not call into the stack. */
TERN_API int tern_trace_set(tern_stack *stack, uint32_t mask, tern_trace_fn *fn, void *ctx);

/* ---- 11. echo: is somebody there? ---------------------------------------------------------------------- */

typedef struct tern_echo {
    tern_addr remote;
    uint16_t id, seq;
    uint16_t len;        /* payload */
    uint8_t ttl;         /* of the answer */
    int32_t error;       /* 0: a reply; TERN_EUNREACH: an ICMP error instead, from `remote` */
    uint64_t time_ns;    /* when it arrived */
    uint8_t payload[32]; /* the first bytes */
} tern_echo;

/* Sends an echo request [RFC1122 3.2.2.6, RFC4443 4.1]. TERN_EAGAIN: the IPv6 address that it would leave from is still
 * being checked for duplicates, a second or two. */
TERN_API int tern_echo_send(tern_stack *stack, const tern_addr *remote, uint16_t id, uint16_t seq, const void *payload,
                            size_t len);
/* Takes the oldest answer; TERN_EAGAIN: none. The stack keeps the last 64. */
TERN_API int tern_echo_reply(tern_stack *stack, tern_echo *out);

#ifdef __cplusplus
}
#endif
#endif
