/* symbols.c - the names of the platform's constants, as Linux has them. See names.h. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <linux/sockios.h>
#include <linux/tcp.h>

#include "drill/names.h"

struct symbol {
    const char *name;
    int64_t value;
};

#define S(name)                                                                                                        \
    { #name, name }

/* clang-format off */
static const struct symbol symbols[] = {
    {"NULL", 0}, S(AF_UNSPEC), S(AF_INET), S(AF_INET6), S(PF_UNSPEC), S(PF_INET), S(PF_INET6), S(SOCK_STREAM),
    S(SOCK_DGRAM), S(SOCK_RAW), S(SOCK_NONBLOCK), S(SOCK_CLOEXEC), S(IPPROTO_IP), S(IPPROTO_IPV6), S(IPPROTO_TCP),
    S(IPPROTO_UDP), S(IPPROTO_ICMP), S(IPPROTO_ICMPV6), S(SOL_SOCKET), {"SOL_IP", 0}, {"SOL_IPV6", 41},
    {"SOL_TCP", 6}, {"SOL_UDP", 17}, S(SO_ACCEPTCONN), S(SO_BINDTODEVICE), S(SO_BROADCAST), S(SO_BUSY_POLL),
    S(SO_DEBUG), S(SO_DOMAIN), S(SO_DONTROUTE), S(SO_ERROR), S(SO_INCOMING_CPU), S(SO_KEEPALIVE), S(SO_LINGER),
    S(SO_MARK), S(SO_MAX_PACING_RATE), S(SO_MEMINFO), S(SO_OOBINLINE), S(SO_PRIORITY), S(SO_PROTOCOL), S(SO_RCVBUF),
    S(SO_RCVBUFFORCE), S(SO_RCVLOWAT), S(SO_RCVTIMEO), S(SO_REUSEADDR), S(SO_REUSEPORT), S(SO_SNDBUF),
    S(SO_SNDBUFFORCE), S(SO_SNDLOWAT), S(SO_SNDTIMEO), S(SO_TIMESTAMP), S(SO_TIMESTAMPING), S(SO_TIMESTAMPNS),
    S(SO_TYPE), S(SO_ZEROCOPY), S(TCP_NODELAY), S(TCP_MAXSEG), S(TCP_CORK), S(TCP_KEEPIDLE), S(TCP_KEEPINTVL),
    S(TCP_KEEPCNT), S(TCP_SYNCNT), S(TCP_LINGER2), S(TCP_DEFER_ACCEPT), S(TCP_WINDOW_CLAMP), S(TCP_INFO),
    S(TCP_QUICKACK), S(TCP_CONGESTION), S(TCP_MD5SIG), S(TCP_USER_TIMEOUT), S(TCP_FASTOPEN), S(TCP_TIMESTAMP),
    S(TCP_NOTSENT_LOWAT), S(TCP_CC_INFO), S(TCP_SAVE_SYN), S(TCP_SAVED_SYN), S(TCP_REPAIR), S(TCP_FASTOPEN_CONNECT),
    S(TCP_FASTOPEN_KEY), S(TCP_FASTOPEN_NO_COOKIE), S(TCP_ULP), S(TCP_INQ), S(TCP_CM_INQ), S(TCP_TX_DELAY),
    S(TCP_ZEROCOPY_RECEIVE), S(IP_TOS), S(IP_TTL), S(IP_MTU), S(IP_MTU_DISCOVER), S(IP_RECVERR), S(IP_RECVTOS),
    S(IP_RECVTTL), S(IP_PKTINFO), S(IP_BIND_ADDRESS_NO_PORT), S(IP_FREEBIND), S(IP_TRANSPARENT),
    S(IP_PMTUDISC_DONT), S(IP_PMTUDISC_WANT), S(IP_PMTUDISC_DO), S(IP_PMTUDISC_PROBE), S(IPV6_V6ONLY),
    S(IPV6_TCLASS), S(IPV6_RECVTCLASS), S(IPV6_UNICAST_HOPS), S(IPV6_HOPLIMIT), S(IPV6_RECVERR), S(IPV6_MTU),
    S(IPV6_MTU_DISCOVER), S(IPV6_PMTUDISC_DONT), S(IPV6_PMTUDISC_WANT), S(IPV6_PMTUDISC_DO), S(MSG_OOB),
    S(MSG_PEEK), S(MSG_DONTROUTE), S(MSG_CTRUNC), S(MSG_TRUNC), S(MSG_DONTWAIT), S(MSG_EOR), S(MSG_WAITALL),
    S(MSG_NOSIGNAL), S(MSG_MORE), S(MSG_ERRQUEUE), S(MSG_FASTOPEN), S(MSG_ZEROCOPY), S(MSG_CMSG_CLOEXEC),
    S(SHUT_RD), S(SHUT_WR), S(SHUT_RDWR), S(F_GETFL), S(F_SETFL), S(F_GETFD), S(F_SETFD), S(F_DUPFD),
    S(F_DUPFD_CLOEXEC), S(FD_CLOEXEC), S(O_RDONLY), S(O_WRONLY), S(O_RDWR), S(O_NONBLOCK), S(O_NDELAY),
    S(O_CLOEXEC), S(O_APPEND), S(O_CREAT), S(POLLIN), S(POLLPRI), S(POLLOUT), S(POLLERR), S(POLLHUP), S(POLLNVAL),
    S(POLLRDNORM), S(POLLRDBAND), S(POLLWRNORM), S(POLLWRBAND), S(POLLRDHUP), {"EPOLLIN", EPOLLIN},
    {"EPOLLPRI", EPOLLPRI}, {"EPOLLOUT", EPOLLOUT}, {"EPOLLERR", EPOLLERR}, {"EPOLLHUP", EPOLLHUP},
    {"EPOLLRDNORM", EPOLLRDNORM}, {"EPOLLRDBAND", EPOLLRDBAND}, {"EPOLLWRNORM", EPOLLWRNORM},
    {"EPOLLWRBAND", EPOLLWRBAND}, {"EPOLLRDHUP", EPOLLRDHUP}, {"EPOLLONESHOT", EPOLLONESHOT}, {"EPOLLET", EPOLLET},
    {"EPOLLEXCLUSIVE", EPOLLEXCLUSIVE}, S(EPOLL_CTL_ADD), S(EPOLL_CTL_MOD), S(EPOLL_CTL_DEL),
    {"EPOLL_CLOEXEC", EPOLL_CLOEXEC}, S(FIONREAD), S(FIONBIO), S(TIOCOUTQ), S(SIOCINQ), S(SIOCOUTQ), S(SIOCATMARK),
    {"SIOCOUTQNSD", SIOCOUTQNSD}, S(SPLICE_F_MOVE), S(SPLICE_F_NONBLOCK), S(SPLICE_F_MORE), S(SO_EE_ORIGIN_NONE),
    S(SO_EE_ORIGIN_LOCAL), S(SO_EE_ORIGIN_ICMP), S(SO_EE_ORIGIN_ICMP6), {"INADDR_ANY", 0},
    {"INADDR_LOOPBACK", 0x7f000001},
};

static const struct symbol errors[] = {
    S(EPERM), S(ENOENT), S(EINTR), S(EIO), S(ENXIO), S(EBADF), S(EAGAIN), S(EWOULDBLOCK), S(ENOMEM), S(EACCES),
    S(EFAULT), S(EBUSY), S(EEXIST), S(ENODEV), S(EINVAL), S(ENFILE), S(EMFILE), S(ENOTTY), S(EFBIG), S(ENOSPC),
    S(ESPIPE), S(EPIPE), S(EDOM), S(ERANGE), S(EDEADLK), S(ENOSYS), S(EPROTO), S(EOVERFLOW), S(ENOTSOCK),
    S(EDESTADDRREQ), S(EMSGSIZE), S(EPROTOTYPE), S(ENOPROTOOPT), S(EPROTONOSUPPORT), S(ESOCKTNOSUPPORT),
    S(EOPNOTSUPP), S(ENOTSUP), S(EPFNOSUPPORT), S(EAFNOSUPPORT), S(EADDRINUSE), S(EADDRNOTAVAIL), S(ENETDOWN),
    S(ENETUNREACH), S(ENETRESET), S(ECONNABORTED), S(ECONNRESET), S(ENOBUFS), S(EISCONN), S(ENOTCONN), S(ESHUTDOWN),
    S(ETOOMANYREFS), S(ETIMEDOUT), S(ECONNREFUSED), S(EHOSTDOWN), S(EHOSTUNREACH), S(EALREADY), S(EINPROGRESS),
    S(ENONET),
};

/* clang-format on */

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

int errno_find(const char *name) {
    for (size_t i = 0; i < COUNT(errors); i++)
        if (strcmp(errors[i].name, name) == 0) return (int)errors[i].value;
    return 0;
}

bool symbol_find(const char *name, int64_t *value) {
    for (size_t i = 0; i < COUNT(symbols); i++) {
        if (strcmp(symbols[i].name, name) != 0) continue;
        *value = symbols[i].value;
        return true;
    }
    *value = errno_find(name);
    return *value != 0;
}

const char *errno_format(int error, char buf[16]) {
    for (size_t i = 0; i < COUNT(errors); i++)
        if (errors[i].value == error) return errors[i].name;
    snprintf(buf, 16, "%d", error);
    return buf;
}
