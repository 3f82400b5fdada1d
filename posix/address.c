/* address.c - between struct sockaddr and the stack's addresses, for sockets of both families. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "posix/inner.h"

/* What RFC 2133 had, without the scope: Linux takes that. */
#define SIN6_LEAST offsetof(struct sockaddr_in6, sin6_scope_id)

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

bool addr_any(const tern_addr *a) {
    static const uint8_t zero[16];
    return memcmp(a->bytes, zero, sizeof zero) == 0;
}

static int from_v4(const struct sockaddr *sa, socklen_t len, tern_addr *addr, uint16_t *port) {
    struct sockaddr_in in;
    if (len < (socklen_t)sizeof in) return EINVAL;
    memcpy(&in, sa, sizeof in);
    *addr = (tern_addr){.family = 4};
    memcpy(addr->bytes, &in.sin_addr, 4);
    *port = ntohs(in.sin_port);
    return 0;
}

/* ::ffff:a.b.c.d means IPv4; :: stays of family 0, "any of both", unless the socket is for IPv6 only. */
static int from_v6(const struct sock *s, const struct sockaddr *sa, socklen_t len, tern_addr *addr, uint16_t *port) {
    struct sockaddr_in6 in6 = {0};
    if (len < (socklen_t)SIN6_LEAST) return EINVAL;
    memcpy(&in6, sa, len < (socklen_t)sizeof in6 ? len : sizeof in6);
    *port = ntohs(in6.sin6_port);
    *addr = (tern_addr){.family = 6};
    memcpy(addr->bytes, &in6.sin6_addr, 16);
    if (memcmp(addr->bytes, mapped, sizeof mapped) == 0) {
        *addr = (tern_addr){.family = 4};
        memcpy(addr->bytes, in6.sin6_addr.s6_addr + 12, 4);
    } else if (addr_any(addr) && !s->opt[S_V6ONLY]) {
        addr->family = 0;
    }
    return 0;
}

int addr_from(const struct sock *s, const struct sockaddr *sa, socklen_t len, tern_addr *addr, uint16_t *port) {
    if (!sa) return EFAULT;
    if (len < (socklen_t)sizeof sa->sa_family) return EINVAL;
    if (s->domain == AF_INET)
        return len < (socklen_t)sizeof(struct sockaddr_in) ? EINVAL
               : sa->sa_family != AF_INET                  ? EAFNOSUPPORT
                                                           : from_v4(sa, len, addr, port);
    return len < (socklen_t)SIN6_LEAST ? EINVAL
           : sa->sa_family != AF_INET6 ? EAFNOSUPPORT
                                       : from_v6(s, sa, len, addr, port);
}

static void copy_out(const void *from, socklen_t size, struct sockaddr *sa, socklen_t *len) {
    memcpy(sa, from, *len < size ? *len : size);
    *len = size;
}

void addr_to(const struct sock *s, const tern_addr *addr, uint16_t port, struct sockaddr *sa, socklen_t *len) {
    if (!sa || !len) return;
    if (s->domain == AF_INET) {
        struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
        memcpy(&in.sin_addr, addr->bytes, 4);
        copy_out(&in, sizeof in, sa, len);
        return;
    }
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    if (addr->family == 4) {
        memcpy(in6.sin6_addr.s6_addr, mapped, sizeof mapped);
        memcpy(in6.sin6_addr.s6_addr + 12, addr->bytes, 4);
    } else {
        memcpy(&in6.sin6_addr, addr->bytes, 16);
    }
    copy_out(&in6, sizeof in6, sa, len);
}
