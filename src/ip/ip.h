/* ip.h - the internet layer's face: what tcp/ and core/ call, and the state that a stack keeps for it. No transport
 * rules. Files: input.c output.c reassembly.c iface.c route.c neighbour.c (the cache) arp.c nd.c mld.c autoconf.c icmp.c echo.c */
#ifndef IP_IP_H
#define IP_IP_H

#include "tern.h"

#include "base/pool.h"
#include "base/wheel.h"
#include "wire/wire.h"

struct stack;

enum { IP_IFACES = 16, IP_ADDRS = 32, IP_ROUTES = 64, IP_CONTROL_SLOTS = 512 };

struct iface {
    char name[16];
    enum tern_link link;
    uint32_t flags, mtu, tso_max;
    uint8_t mac[6];
    uint16_t vlan;
    uint8_t l2_len; /* 0, 14 or 18 */
};

#include "ip/state.h" /* struct ip_state: addresses, routes, neighbours, fragments, queues; private to ip/ */

/* What the transport layer is told about a packet that reached it. */
struct ip_info {
    int iface;
    ip_addr src, dst;
    uint64_t pseudo; /* the pseudo-header's sum for TCP, its length still zero */
    uint8_t ttl, tos;
    bool csum_ok;          /* somebody already vouched for the transport checksum */
    bool to_many;          /* dst is broadcast or multicast, on the link or in IP */
    uint16_t segment_size; /* of coalesced receive, else 0 */
    void *token;           /* the bytes are lent: see tern_packet; NULL for reassembled datagrams */
    bool *token_kept;      /* set to true to keep the lent bytes; give them back with ip_token_done */
};

/* The way to a destination, good for one burst of packets: frame.h begins them with it. */
struct ip_path {
    int iface;
    uint32_t mtu;     /* of the path: the interface's, or less if the network said so (RFC 1191, 8201) */
    uint32_t tso_max; /* 0: the device cuts nothing */
    uint8_t l2[18];   /* the finished link header */
    uint8_t l2_len;
    ip_addr source; /* our address on that way */
};
enum ip_path_result {
    IP_PATH_OK = 0,
    IP_PATH_PENDING, /* next hop or source address is being asked about, or must wait until others were; then
                        tcp_path_changed will be called */
    IP_PATH_NONE,    /* no route, or the source is no longer ours */
    IP_PATH_SILENT,  /* the next hop does not answer; it will be asked again at the next call */
};
/* Finds route and next hop. `src` may be NULL (then path->source is chosen: RFC 6724 in short) or fixed. */
enum ip_path_result ip_path_find(struct stack *s, const ip_addr *src, const ip_addr *dst, struct ip_path *path);
/* Route and source address only: no resolution is started. False: no route. A source that is still checked for
 * duplicates is the last choice; ip_path_find gives IP_PATH_PENDING until it may be used. */
bool ip_route_source(struct stack *s, const ip_addr *dst, ip_addr *source);
/* The largest packet on the first link towards `dst`, and on the whole path as far as is known; 0: no route. */
uint32_t ip_link_mtu(struct stack *s, const ip_addr *dst);
uint32_t ip_path_mtu(struct stack *s, const ip_addr *dst);

/* Queues one small packet of its own (RST, SYN-ACK, ACK without TCB): copies `l4` of `len` bytes, finds the way,
 * resolves, fragments if it must, sees to the checksum whose field lies at csum_offset (or -1: none). Errors are
 * counted (R_QUEUE_FULL, R_IP_NO_ROUTE, ...) and otherwise silent. src NULL: chosen. ttl 0: the default. */
void ip_send(struct stack *s, const ip_addr *src, const ip_addr *dst, uint8_t proto, uint8_t tos, uint8_t ttl,
             const void *l4, uint32_t len, int csum_offset);

/* The next queued control packet as a frame; false: none. Called by tern_output before the connections' segments.
 * What a frame refers to stays until ip_output_begin. */
bool ip_output_next(struct stack *s, tern_frame *f);
void ip_output_begin(struct stack *s);
bool ip_output_waiting(const struct stack *s);
/* loopback.c: keeps a frame that is for ourselves (true), and lets those kept come in. */
bool loopback_take(struct stack *s, const tern_frame *f);
bool loopback_waiting(const struct stack *s);
void loopback_deliver(struct stack *s);
/* Half of that queue's room is taken: what can be said another time should wait. */
bool ip_output_busy(const struct stack *s);

bool ip_iface_exists(const struct stack *s, int iface);
/* One packet from the link; takes the trace's PACKET_IN for granted. Returns true when a lent token was kept. */
bool ip_input(struct stack *s, int iface, const tern_packet *p);
/* Makes sure that n more lent packets have their place in tern_reclaim's list. False: no memory; then they must not be
 * taken in, because their tokens might not find back. */
bool ip_token_reserve(struct stack *s, size_t n);
/* A lent packet is no longer needed: it goes to tern_reclaim's list (which has room by construction). */
void ip_token_done(struct stack *s, void *token);

/* Is it one of our addresses (valid, not tentative)? */
bool ip_is_ours(const struct stack *s, const ip_addr *a);
/* The same, or it is still checked for duplicates: it may be named already, and nothing leaves until it is ours. */
bool ip_will_be_ours(struct stack *s, const ip_addr *a);
/* Does some interface take every address for ours (TERN_IFACE_ANY_LOCAL)? */
bool ip_any_local(const struct stack *s);
/* May a connection's remote end have this address? Not unspecified, broadcast of a net of ours, multicast, ...
 * [MUST-46] */
bool ip_may_be_peer(const struct stack *s, const ip_addr *a);
/* Token bucket for errors and resets towards one destination; false: hold it back (counted R_ICMP_RATE). */
bool ip_rate_allows(struct stack *s, const ip_addr *dst);

/* ICMP "port unreachable" and its kin about `packet` (from its IP header on); obeys all the rules of when not to
 * [RFC1122 3.2.2, RFC4443 2.4e] and the rate limit. */
void icmp_send_error(struct stack *s, int iface, uint8_t type, uint8_t code, uint32_t field, const uint8_t *packet,
                     uint32_t len, bool link_many);

/* An ICMP error about a segment of ours, handed to tcp_icmp_error. */
struct icmp_report {
    bool v6;
    uint8_t type, code;
    uint32_t mtu;          /* of too-big messages, else 0 */
    ip_addr local, remote; /* of the packet that it quotes: ours, theirs */
    const uint8_t *l4;     /* the quoted transport header's beginning */
    uint32_t l4_len;       /* at least 8 */
    ip_addr from;
};
/* Nobody answers from there: the next hop is asked again whether it lives [RFC1122 3.3.1.4]. */
void ip_path_doubt(struct stack *s, const ip_addr *dst);
/* Remembers a smaller path MTU towards `dst` (after TCP checked the report); 0: the next size below what was known. Floors: 552
 * (v4), 1280 (v6). False: it is no smaller than what was known. */
bool ip_path_mtu_learn(struct stack *s, const ip_addr *dst, uint32_t mtu);

int ip_init(struct stack *s);
void ip_free(struct stack *s);
void ip_timer(struct stack *s, wheel_node *n); /* kinds from TIMER_IP_FIRST on */

/* The public calls tern_iface_* live in ip/iface.c, tern_addr_* and tern_route_* in ip/route.c, tern_echo_* in
 * ip/echo.c. */
#endif
