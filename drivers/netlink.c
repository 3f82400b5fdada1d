/* netlink.c - messages to the kernel and their answers; links, addresses, routes. */
#include "drivers/netlink.h"
#include "po/i18n.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

int netlink_open(struct netlink *nl, int protocol, struct driver_error *err) {
    nl->seq = 0;
    nl->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
    if (nl->fd < 0)
        return driver_fail(err, errno, "cannot open a netlink socket: %s; the kernel or a sandbox does not offer it",
                           i18n_error(errno));
    return 0;
}

void netlink_close(struct netlink *nl) {
    if (nl->fd >= 0) close(nl->fd);
    nl->fd = -1;
}

void netlink_begin(struct netlink_message *m, uint16_t type, uint16_t flags, const void *body, size_t len) {
    memset(m, 0, sizeof *m);
    m->u.header.nlmsg_type = type;
    m->u.header.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
    m->u.header.nlmsg_len = (uint32_t)(NLMSG_HDRLEN + len);
    memcpy(m->u.bytes + NLMSG_HDRLEN, body, len);
}

static void netlink_attr(struct netlink_message *m, uint16_t type, const void *data, size_t len) {
    size_t at = NLMSG_ALIGN(m->u.header.nlmsg_len);
    struct rtattr a = {(uint16_t)RTA_LENGTH(len), type};
    if (at + RTA_LENGTH(len) > sizeof m->u.bytes) return;
    memcpy(m->u.bytes + at, &a, sizeof a);
    memcpy(m->u.bytes + at + RTA_LENGTH(0), data, len);
    m->u.header.nlmsg_len = (uint32_t)(at + RTA_LENGTH(len));
}

const void *netlink_find(const void *attrs, size_t len, uint16_t type, size_t *size) {
    const uint8_t *p = attrs;
    struct rtattr a;
    while (len >= sizeof a) {
        memcpy(&a, p, sizeof a);
        if (a.rta_len < sizeof a || a.rta_len > len) return NULL;
        if (a.rta_type == type) {
            *size = a.rta_len - RTA_LENGTH(0);
            return p + RTA_LENGTH(0);
        }
        size_t step = RTA_ALIGN(a.rta_len);
        if (step > len) return NULL;
        p += step;
        len -= step;
    }
    return NULL;
}

/* Goes through one datagram of the answer. 1: more to come; 0: done; negative: the kernel's error. */
static int answer(const struct netlink *nl, const uint8_t *p, size_t len, bool dump, netlink_fn *fn, void *ctx) {
    struct nlmsghdr h;
    while (len >= sizeof h) {
        memcpy(&h, p, sizeof h);
        if (h.nlmsg_len < sizeof h || h.nlmsg_len > len) return -EBADMSG;
        const uint8_t *body = p + NLMSG_HDRLEN;
        size_t body_len = h.nlmsg_len - NLMSG_HDRLEN;
        if (h.nlmsg_seq == nl->seq) {
            int32_t code = 0;
            if ((h.nlmsg_type == NLMSG_ERROR || h.nlmsg_type == NLMSG_DONE) && body_len >= sizeof code)
                memcpy(&code, body, sizeof code);
            if (h.nlmsg_type == NLMSG_ERROR || h.nlmsg_type == NLMSG_DONE) return code;
            if (fn != NULL) fn(ctx, h.nlmsg_type, body, body_len);
            if (!dump) return 0;
        }
        size_t step = NLMSG_ALIGN(h.nlmsg_len);
        if (step >= len) break;
        p += step;
        len -= step;
    }
    return 1;
}

int netlink_call(struct netlink *nl, struct netlink_message *m, netlink_fn *fn, void *ctx) {
    union {
        struct nlmsghdr header;
        uint8_t bytes[32768];
    } buf;
    bool dump = (m->u.header.nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
    m->u.header.nlmsg_seq = ++nl->seq;
    if (fn == NULL) m->u.header.nlmsg_flags |= NLM_F_ACK;
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    ssize_t n;
    do n = sendto(nl->fd, m->u.bytes, m->u.header.nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof kernel);
    while (n < 0 && errno == EINTR);
    if (n < 0) return -errno;
    for (;;) {
        struct sockaddr_nl from;
        socklen_t from_len = sizeof from;
        n = recvfrom(nl->fd, buf.bytes, sizeof buf.bytes, 0, (struct sockaddr *)&from, &from_len);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return -errno;
        if (from.nl_pid != 0) continue; /* only the kernel may answer */
        int r = answer(nl, buf.bytes, (size_t)n, dump, fn, ctx);
        if (r <= 0) return r;
    }
}

/* ---- links, addresses, routes ---- */

static int no_such_link(struct driver_error *err, const char *name) {
    return driver_fail(err, ENODEV, "there is no network device named %s here", name);
}

int netlink_link_up(struct netlink *nl, const char *name, uint32_t mtu, struct driver_error *err) {
    struct ifinfomsg link = {.ifi_family = AF_UNSPEC, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
    link.ifi_index = (int)if_nametoindex(name);
    if (link.ifi_index == 0) return no_such_link(err, name);
    struct netlink_message m;
    netlink_begin(&m, RTM_NEWLINK, 0, &link, sizeof link);
    if (mtu != 0) netlink_attr(&m, IFLA_MTU, &mtu, sizeof mtu);
    int r = netlink_call(nl, &m, NULL, NULL);
    if (r == -EPERM)
        return driver_fail(err, EPERM,
                           "may not bring %s up: this needs root or CAP_NET_ADMIN; or let root prepare the "
                           "device: ip link set %s up",
                           name, name);
    if (r == -EINVAL && mtu != 0) return driver_fail(err, EINVAL, "the kernel refuses an MTU of %u for %s", mtu, name);
    if (r < 0) return driver_fail(err, -r, "cannot bring %s up: %s", name, i18n_error(-r));
    return 0;
}

struct wanted {
    uint16_t attribute;
    bool found;
};

static void look_for(void *ctx, uint16_t type, const void *body, size_t len) {
    struct wanted *w = ctx;
    size_t size;
    if (type != RTM_NEWLINK || len < sizeof(struct ifinfomsg)) return;
    const uint8_t *attrs = (const uint8_t *)body + NLMSG_ALIGN(sizeof(struct ifinfomsg));
    w->found |= netlink_find(attrs, len - NLMSG_ALIGN(sizeof(struct ifinfomsg)), w->attribute, &size) != NULL;
}

bool netlink_link_has(struct netlink *nl, const char *name, uint16_t attribute) {
    struct ifinfomsg link = {.ifi_family = AF_UNSPEC, .ifi_index = (int)if_nametoindex(name)};
    struct wanted w = {.attribute = attribute};
    struct netlink_message m;
    netlink_begin(&m, RTM_GETLINK, 0, &link, sizeof link);
    return link.ifi_index != 0 && netlink_call(nl, &m, look_for, &w) == 0 && w.found;
}

static size_t addr_len(const tern_addr *a) { return a->family == 4 ? 4 : 16; }
static uint8_t addr_family(const tern_addr *a) { return a->family == 4 ? AF_INET : AF_INET6; }

static void note_route_type(void *ctx, uint16_t type, const void *body, size_t len) {
    struct rtmsg route;
    if (type != RTM_NEWROUTE || len < sizeof route) return;
    memcpy(&route, body, sizeof route);
    *(uint8_t *)ctx = route.rtm_type;
}

/* The kernel takes packets to a new IPv6 address only once a worker of its own has entered the address among its
 * routes; what comes before is lost, and a lost SYN costs a second. */
static void wait_until_local(struct netlink *nl, const tern_addr *addr) {
    static const struct timespec pause = {0, 1000000};
    for (int tries = 0; tries < 500; tries++) {
        struct rtmsg route = {.rtm_family = AF_INET6, .rtm_dst_len = 128};
        struct netlink_message m;
        uint8_t type = RTN_UNSPEC;
        netlink_begin(&m, RTM_GETROUTE, 0, &route, sizeof route);
        netlink_attr(&m, RTA_DST, addr->bytes, addr_len(addr));
        if (netlink_call(nl, &m, note_route_type, &type) == 0 && type == RTN_LOCAL) return;
        nanosleep(&pause, NULL);
    }
}

int netlink_addr_add(struct netlink *nl, const char *name, const struct driver_prefix *prefix,
                     struct driver_error *err) {
    char text[TERN_ADDR_TEXT];
    struct ifaddrmsg addr = {.ifa_family = addr_family(&prefix->addr), .ifa_prefixlen = (uint8_t)prefix->len};
    addr.ifa_index = if_nametoindex(name);
    if (addr.ifa_index == 0) return no_such_link(err, name);
    struct netlink_message m;
    netlink_begin(&m, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &addr, sizeof addr);
    netlink_attr(&m, IFA_LOCAL, prefix->addr.bytes, addr_len(&prefix->addr));
    netlink_attr(&m, IFA_ADDRESS, prefix->addr.bytes, addr_len(&prefix->addr));
    uint32_t flags = IFA_F_NODAD;
    if (prefix->addr.family == 6) netlink_attr(&m, IFA_FLAGS, &flags, sizeof flags);
    int r = netlink_call(nl, &m, NULL, NULL);
    if (r == 0 && prefix->addr.family == 6) wait_until_local(nl, &prefix->addr);
    if (r == 0 || r == -EEXIST) return 0;
    tern_addr_format(&prefix->addr, text);
    if (r == -EPERM)
        return driver_fail(err, EPERM, "may not give %s the address %s/%u: this needs root or CAP_NET_ADMIN", name,
                           text, prefix->len);
    if (prefix->addr.family == 6 && (r == -EACCES || r == -EOPNOTSUPP || r == -EAFNOSUPPORT))
        return driver_fail(err, -r, "cannot give %s the address %s/%u: the kernel has IPv6 turned off here", name, text,
                           prefix->len);
    if (prefix->addr.family == 6 && r == -EINVAL)
        return driver_fail(err, -r, "cannot give %s the address %s/%u: IPv6 needs an MTU of 1280 or more", name, text,
                           prefix->len);
    return driver_fail(err, -r, "cannot give %s the address %s/%u: %s", name, text, prefix->len, i18n_error(-r));
}

int netlink_route_add(struct netlink *nl, const char *name, const struct driver_prefix *prefix, const tern_addr *via,
                      struct driver_error *err) {
    char text[TERN_ADDR_TEXT];
    uint32_t index = if_nametoindex(name);
    if (index == 0) return no_such_link(err, name);
    struct rtmsg route = {.rtm_family = addr_family(&prefix->addr),
                          .rtm_dst_len = (uint8_t)prefix->len,
                          .rtm_table = RT_TABLE_MAIN,
                          .rtm_protocol = RTPROT_STATIC,
                          .rtm_type = RTN_UNICAST,
                          .rtm_scope = via != NULL || prefix->addr.family == 6 ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK};
    struct netlink_message m;
    netlink_begin(&m, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &route, sizeof route);
    netlink_attr(&m, RTA_DST, prefix->addr.bytes, addr_len(&prefix->addr));
    netlink_attr(&m, RTA_OIF, &index, sizeof index);
    if (via != NULL) netlink_attr(&m, RTA_GATEWAY, via->bytes, addr_len(via));
    int r = netlink_call(nl, &m, NULL, NULL);
    if (r == 0 || r == -EEXIST) return 0;
    tern_addr_format(&prefix->addr, text);
    if (r == -EPERM)
        return driver_fail(err, EPERM, "may not route %s/%u to %s: this needs root or CAP_NET_ADMIN", text, prefix->len,
                           name);
    return driver_fail(err, -r, "cannot route %s/%u to %s: %s", text, prefix->len, name, i18n_error(-r));
}
