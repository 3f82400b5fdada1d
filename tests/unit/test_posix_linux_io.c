/* test_posix_linux_io.c - the kernel as the oracle of what goes over connections and what is said about them: data,
 * urgent data, settings, poll, epoll, splice. */
#include "posix_scene.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static void scene_data(void) {
    struct pair p = pair();
    char b[64] = "0123456789";
    struct iovec v[3] = {{b, 3}, {NULL, 0}, {b + 3, 4}};
    struct sockaddr_in a;
    socklen_t len = sizeof a;
    SAY(os->writev(p.client, v, 3));
    SAY(wait_for(p.server, POLLIN));
    SAY(request(p.server, SIOCINQ));
    memset(b, 0, sizeof b);
    SAY(os->recv(p.server, b, 3, MSG_PEEK));
    SAY(memcmp(b, "012", 3));
    SAY(os->recv(p.server, b, 64, MSG_PEEK | MSG_TRUNC));
    SAY(os->recv(p.server, NULL, 2, MSG_TRUNC));
    SAY(os->recvfrom(p.server, b, 2, 0, (struct sockaddr *)&a, &len));
    SAY(len);
    SAY(memcmp(b, "23", 2));
    v[0] = (struct iovec){b, 1};
    v[2] = (struct iovec){b + 1, 10};
    SAY(os->readv(p.server, v, 3));
    SAY(memcmp(b, "456", 3));
    SAY(os->recv(p.server, b, 1, MSG_DONTWAIT));
    SAY(os->recv(p.server, b, 0, MSG_DONTWAIT));
    SAY(os->read(p.server, b, 0));
    SAY(os->write(p.client, b, 0));
    SAY(os->readv(p.server, v, -1));
    SAY(os->readv(p.server, v, 2000));
    SAY(os->writev(p.client, v, 2000));
    SAY(os->writev(p.client, v, 0));
    SAY(os->send(p.client, NULL, 3, 0));
    SAY(os->sendto(p.client, "ab", 2, 0, (struct sockaddr *)&a, sizeof a));
    SAY(wait_for(p.server, POLLIN));
    SAY(os->recv(p.server, NULL, 2, 0));
    SAY(os->recv(p.server, b, 2, MSG_WAITALL));
    SAY(set(p.server, SOL_SOCKET, SO_RCVLOWAT, 3));
    SAY(os->send(p.client, "ab", 2, MSG_DONTWAIT));
    os->poll(NULL, 0, 20);
    SAY(ready(p.server));
    SAY(os->recv(p.server, b, 3, MSG_DONTWAIT | MSG_PEEK));
    SAY(os->send(p.client, "c", 1, 0));
    SAY(wait_for(p.server, POLLIN));
    SAY(os->recv(p.server, b, 9, 0));
    SAY(memcmp(b, "abc", 3));
    part(&p);
}

static void scene_msg(void) {
    struct pair p = pair();
    char b[64], control[64];
    struct iovec v = {b, sizeof b};
    struct sockaddr_in name;
    struct msghdr m = {.msg_name = &name,
                       .msg_namelen = sizeof name,
                       .msg_iov = &v,
                       .msg_iovlen = 1,
                       .msg_control = control,
                       .msg_controllen = sizeof control,
                       .msg_flags = 99};
    SAY(os->sendmsg(p.client, NULL, 0));
    SAY(os->recvmsg(p.server, NULL, 0));
    m.msg_iovlen = 2000;
    SAY(os->sendmsg(p.client, &m, 0));
    SAY(os->recvmsg(p.server, &m, 0));
    m = (struct msghdr){.msg_iov = &v, .msg_iovlen = 1};
    SAY(os->sendmsg(p.client, &m, MSG_EOR));
    SAY(wait_for(p.server, POLLIN));
    SAY(set(p.server, IPPROTO_TCP, TCP_INQ, 1));
    v.iov_len = 60;
    m = (struct msghdr){.msg_name = &name,
                        .msg_namelen = sizeof name,
                        .msg_iov = &v,
                        .msg_iovlen = 1,
                        .msg_control = control,
                        .msg_controllen = sizeof control,
                        .msg_flags = 99};
    SAY(os->recvmsg(p.server, &m, 0));
    SAY(m.msg_namelen);
    SAY(m.msg_controllen);
    SAY(m.msg_flags);
    SAY(CMSG_FIRSTHDR(&m)->cmsg_type);
    SAY(*(int *)(void *)CMSG_DATA(CMSG_FIRSTHDR(&m)));
    m.msg_controllen = 4;
    SAY(os->recvmsg(p.server, &m, 0));
    SAY(m.msg_flags);
    SAY(m.msg_controllen);
    part(&p);
}

static void scene_urgent(void) {
    struct pair p = pair();
    char b[16];
    SAY(os->send(p.client, "abcU", 4, MSG_OOB));
    SAY(wait_for(p.server, POLLPRI));
    SAY(os->send(p.client, "def", 3, 0));
    os->poll(NULL, 0, 20);
    SAY(ready(p.server));
    SAY(request(p.server, SIOCATMARK));
    SAY(request(p.server, SIOCINQ));
    SAY(os->recv(p.server, b, 1, MSG_OOB | MSG_PEEK));
    SAY(b[0]);
    SAY(os->recv(p.server, b, 4, MSG_OOB));
    SAY(os->recv(p.server, b, 4, MSG_OOB));
    SAY(ready(p.server));
    SAY(os->recv(p.server, b, 16, MSG_PEEK));
    SAY(os->recv(p.server, b, 16, 0));
    SAY(request(p.server, SIOCATMARK));
    SAY(os->recv(p.server, b, 16, 0));
    SAY(memcmp(b, "def", 3));
    SAY(request(p.server, SIOCATMARK));
    SAY(os->send(p.client, "V", 1, MSG_OOB));
    SAY(wait_for(p.server, POLLPRI));
    SAY(ready(p.server));
    SAY(os->recv(p.server, b, 16, MSG_DONTWAIT));
    SAY(os->recv(p.server, b, 1, MSG_OOB));
    SAY(set(p.server, SOL_SOCKET, SO_OOBINLINE, 1));
    SAY(os->send(p.client, "abW", 3, MSG_OOB));
    SAY(wait_for(p.server, POLLPRI));
    SAY(os->recv(p.server, b, 1, MSG_OOB));
    SAY(os->recv(p.server, b, 16, 0));
    SAY(request(p.server, SIOCATMARK));
    SAY(os->recv(p.server, b, 16, 0));
    SAY(b[0]);
    part(&p);
}

static const struct {
    int level, name, value;
} options[] = {
    {SOL_SOCKET, SO_REUSEADDR, 5},
    {SOL_SOCKET, SO_REUSEPORT, 1},
    {SOL_SOCKET, SO_KEEPALIVE, 7},
    {SOL_SOCKET, SO_OOBINLINE, 1},
    {SOL_SOCKET, SO_BROADCAST, 1},
    {SOL_SOCKET, SO_PRIORITY, 3},
    {SOL_SOCKET, SO_RCVLOWAT, 0},

    {SOL_SOCKET, SO_SNDLOWAT, 5},
    {SOL_SOCKET, SO_SNDBUF, 1},
    {SOL_SOCKET, SO_SNDBUF, 20000},
    {SOL_SOCKET, SO_RCVBUF, 1},
    {SOL_SOCKET, SO_RCVBUF, 30000},
    {SOL_SOCKET, SO_TYPE, 1},
    {SOL_SOCKET, SO_ERROR, 1},
    {SOL_SOCKET, SO_ACCEPTCONN, 1},
    {SOL_SOCKET, SO_DOMAIN, 1},
    {SOL_SOCKET, SO_PROTOCOL, 1},
    {SOL_SOCKET, 9999, 1},
    {SOL_SOCKET, SO_DONTROUTE, 1},
    {IPPROTO_TCP, TCP_NODELAY, 9},
    {IPPROTO_TCP, TCP_CORK, 1},
    {IPPROTO_TCP, TCP_MAXSEG, 1000},
    {IPPROTO_TCP, TCP_MAXSEG, 10},
    {IPPROTO_TCP, TCP_MAXSEG, 40000},
    {IPPROTO_TCP, TCP_KEEPIDLE, 0},
    {IPPROTO_TCP, TCP_KEEPIDLE, 100},
    {IPPROTO_TCP, TCP_KEEPINTVL, 30},
    {IPPROTO_TCP, TCP_KEEPINTVL, 0},
    {IPPROTO_TCP, TCP_KEEPCNT, 5},
    {IPPROTO_TCP, TCP_KEEPCNT, 200},
    {IPPROTO_TCP, TCP_SYNCNT, 3},
    {IPPROTO_TCP, TCP_SYNCNT, 0},
    {IPPROTO_TCP, TCP_LINGER2, 30},
    {IPPROTO_TCP, TCP_LINGER2, -5},
    {IPPROTO_TCP, TCP_LINGER2, 120},
    {IPPROTO_TCP, TCP_DEFER_ACCEPT, 5},
    {IPPROTO_TCP, TCP_DEFER_ACCEPT, 1},
    {IPPROTO_TCP, TCP_DEFER_ACCEPT, 0},
    {IPPROTO_TCP, TCP_USER_TIMEOUT, 5000},
    {IPPROTO_TCP, TCP_USER_TIMEOUT, -1},
    {IPPROTO_TCP, TCP_NOTSENT_LOWAT, 5000},
    {IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 2},
    {IPPROTO_TCP, TCP_INQ, 1},
    {IPPROTO_TCP, TCP_INQ, 2},
    {IPPROTO_TCP, 9999, 1},
    {IPPROTO_TCP, TCP_SAVE_SYN, 1},
    {IPPROTO_TCP, TCP_SAVE_SYN, 3},
    {IPPROTO_TCP, TCP_WINDOW_CLAMP, 0},
    {IPPROTO_IP, IP_TOS, 0x10},
    {IPPROTO_IP, IP_TOS, 0x13},
    {IPPROTO_IP, IP_TOS, 0x1b8},
    {IPPROTO_IP, IP_TTL, 5},
    {IPPROTO_IP, IP_TTL, 0},
    {IPPROTO_IP, IP_TTL, 256},
    {IPPROTO_IP, IP_TTL, -1},
    {IPPROTO_IP, IP_MTU_DISCOVER, 2},
    {IPPROTO_IP, IP_MTU_DISCOVER, 9},
    {IPPROTO_IP, IP_RECVERR, 4},
    {IPPROTO_IP, IP_RECVTOS, 1},
    {IPPROTO_IP, IP_FREEBIND, 1},
    {IPPROTO_IP, 9999, 1},
    {IPPROTO_IPV6, IPV6_V6ONLY, 1},
    {9999, 1, 1},
    {IPPROTO_UDP, 1, 1},
};

static void scene_options(void) {
    int fd = opened(tcp(0));
    SAY(get(fd, IPPROTO_IP, IP_MTU));
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        note("level %d name %d value %d\n", options[i].level, options[i].name, options[i].value);
        SAY(set(fd, options[i].level, options[i].name, options[i].value));
        SAY(get(fd, options[i].level, options[i].name));
    }
    os->close(fd);
}

static void scene_options6(void) {
    if (no_ipv6()) return;
    static const struct {
        int level, name, value;
    } all[] = {
        {IPPROTO_IPV6, IPV6_V6ONLY, 3},
        {IPPROTO_IPV6, IPV6_TCLASS, 0x20},
        {IPPROTO_IPV6, IPV6_TCLASS, -1},
        {IPPROTO_IPV6, IPV6_TCLASS, 256},
        {IPPROTO_IPV6, IPV6_TCLASS, -2},
        {IPPROTO_IPV6, IPV6_UNICAST_HOPS, 9},
        {IPPROTO_IPV6, IPV6_UNICAST_HOPS, 256},
        {IPPROTO_IPV6, IPV6_UNICAST_HOPS, -1},
        {IPPROTO_IPV6, IPV6_MTU_DISCOVER, 2},
        {IPPROTO_IPV6, IPV6_RECVERR, 1},
        {IPPROTO_IPV6, IPV6_RECVTCLASS, 1},
        {IPPROTO_IPV6, 9999, 1},
        {IPPROTO_IP, IP_TOS, 0x20},
        {IPPROTO_IP, IP_TTL, 7},
    };
    int fd = opened(os->socket(AF_INET6, SOCK_STREAM, 0));
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        note("level %d name %d value %d\n", all[i].level, all[i].name, all[i].value);
        SAY(set(fd, all[i].level, all[i].name, all[i].value));
        SAY(get(fd, all[i].level, all[i].name));
    }
    SAY(get(fd, SOL_SOCKET, SO_DOMAIN));
    os->close(fd);
}

/* Lengths that are too short, too long, or nothing. */
static void scene_option_shapes(void) {
    int fd = opened(tcp(0)), value = 1;
    socklen_t len = 2;
    char name[32] = "reno";
    struct timeval t = {1, 2000000};
    SAY(os->setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, 2));
    SAY(os->setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, 2));
    SAY(os->setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, NULL, 4));
    SAY(os->setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, (socklen_t)-1));
    SAY(os->setsockopt(fd, IPPROTO_IP, IP_TTL, &value, 1));
    SAY(os->getsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, &len));
    SAY(len);
    len = 100;
    SAY(os->getsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, &len));
    SAY(len);
    len = (socklen_t)-1;
    SAY(os->getsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, &len));
    SAY(os->getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, &len));
    len = 1;
    SAY(os->getsockopt(fd, IPPROTO_IP, IP_TTL, &value, &len));
    SAY(len);
    SAY(os->getsockopt(fd, IPPROTO_IP, IP_TTL, &value, NULL));
    SAY(os->setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, 4));
    SAY(os->setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t));
    t.tv_usec = 20000;
    SAY(os->setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t));
    memset(&t, 0, sizeof t);
    len = sizeof t;
    SAY(os->getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, &len));
    SAY(t.tv_sec);
    SAY(t.tv_usec / 10000);
    SAY(os->setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "nothing", 7));
    SAY(os->setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "", 0));
    SAY(os->setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, 4));
    memset(name, 1, sizeof name);
    len = sizeof name;
    SAY(os->getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &len));
    SAY(len);
    SAY(strcmp(name, "reno"));
    os->close(fd);
    SAY(os->getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &len));
    SAY(os->setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, 4));
}

static void scene_timeouts(void) {
    struct pair p = pair();
    struct timeval t = {0, 30000};
    char b[8];
    SAY(os->setsockopt(p.server, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t));
    SAY(os->read(p.server, b, 8));
    SAY(os->write(p.client, "ab", 2));
    SAY(os->recv(p.server, b, 8, MSG_WAITALL));
    SAY(os->setsockopt(p.listener, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t));
    SAY(os->accept4(p.listener, NULL, NULL, 0));
    struct pollfd f = {.fd = p.server, .events = POLLIN};
    SAY(os->poll(&f, 1, 20));
    part(&p);
}

static void scene_poll(void) {
    struct pair p = pair();
    struct pollfd f[4] = {{.fd = p.client, .events = POLLIN | POLLOUT},
                          {.fd = -1, .events = POLLIN, .revents = 5},
                          {.fd = 9999, .events = POLLIN},
                          {.fd = p.listener, .events = POLLIN}};
    SAY(os->poll(f, 4, 0));
    SAY(f[0].revents);
    SAY(f[1].revents);
    SAY(f[2].revents);
    SAY(f[3].revents);
    SAY(os->poll(f + 3, 1, 10));
    SAY(os->poll(NULL, 0, 0));
    int fd = tcp(0);
    f[0] = (struct pollfd){.fd = fd, .events = 0};
    SAY(os->poll(f, 1, 0));
    SAY(f[0].revents);
    os->close(fd);
    part(&p);
}

/* A full buffer, and room again. */
static void scene_full(void) {
    struct pair p = pair();
    static char b[65536];
    long total = 0, taken = 0;
    SAY(os->fcntl(p.client, F_SETFL, O_NONBLOCK));
    for (long n; (n = os->write(p.client, b, sizeof b)) > 0;) total += n;
    SAY(errno == EAGAIN);
    os->poll(NULL, 0, 20);
    for (long n; (n = os->write(p.client, b, sizeof b)) > 0;) total += n;
    SAY(ready(p.client) & POLLOUT);
    SAY(request(p.client, SIOCOUTQ) > 0);
    while (taken < total && wait_for(p.server, POLLIN)) {
        long n = os->read(p.server, b, sizeof b);
        if (n <= 0) break;
        taken += n;
    }
    SAY(taken == total);
    SAY(wait_for(p.client, POLLOUT));
    for (int i = 0; i < 1000 && request(p.client, SIOCOUTQ); i++) os->poll(NULL, 0, 1);
    SAY(request(p.client, SIOCOUTQ));
    SAY(request(p.client, SIOCOUTQNSD));
    part(&p);
}

static int epoll_change(int e, int op, int fd, uint32_t events) {
    struct epoll_event ev = {.events = events, .data.u64 = 42};
    return os->epoll_ctl(e, op, fd, &ev);
}

static int epoll_next(int e, int timeout) {
    struct epoll_event ev[4] = {{.events = 0, .data.u64 = 0}};
    int n = os->epoll_wait(e, ev, 4, timeout);
    if (n > 0) note("epoll %d: %x %d\n", n, ev[0].events, (int)ev[0].data.u64);
    return n;
}

static void scene_epoll(void) {
    struct pair p = pair();
    char b[8];
    struct epoll_event ev;
    SAY(os->epoll_create1(77));
    int e = opened(os->epoll_create1(EPOLL_CLOEXEC));
    SAY(epoll_change(e, EPOLL_CTL_MOD, p.server, EPOLLIN));
    SAY(epoll_change(e, EPOLL_CTL_ADD, p.server, EPOLLIN));
    SAY(epoll_change(e, EPOLL_CTL_ADD, p.server, EPOLLIN));
    SAY(epoll_change(e, EPOLL_CTL_ADD, 9999, EPOLLIN));
    SAY(epoll_change(e, EPOLL_CTL_ADD, e, EPOLLIN));
    SAY(epoll_change(p.client, EPOLL_CTL_ADD, p.server, EPOLLIN));
    SAY(epoll_change(e, 77, p.server, EPOLLIN));
    SAY(os->epoll_ctl(e, EPOLL_CTL_MOD, p.server, NULL));
    SAY(os->epoll_wait(e, &ev, 0, 0));
    SAY(os->epoll_wait(p.client, &ev, 1, 0));
    SAY(epoll_next(e, 0));
    SAY(epoll_next(e, 10));
    SAY(os->write(p.client, "ab", 2));
    SAY(epoll_next(e, 2000));
    SAY(epoll_next(e, 0));
    SAY(ready(e));
    SAY(os->read(p.server, b, 8));
    SAY(epoll_next(e, 0));
    SAY(epoll_change(e, EPOLL_CTL_MOD, p.server, EPOLLIN | EPOLLOUT | EPOLLET));
    SAY(epoll_next(e, 0));
    SAY(epoll_next(e, 0));
    SAY(os->write(p.client, "ab", 2));
    SAY(epoll_next(e, 2000));
    SAY(epoll_next(e, 0));
    SAY(os->write(p.client, "cd", 2));
    SAY(epoll_next(e, 2000));
    SAY(epoll_change(e, EPOLL_CTL_MOD, p.server, EPOLLIN | EPOLLONESHOT));
    SAY(epoll_next(e, 0));
    SAY(epoll_next(e, 0));
    SAY(os->write(p.client, "ef", 2));
    SAY(epoll_next(e, 20));
    SAY(epoll_change(e, EPOLL_CTL_MOD, p.server, EPOLLIN | EPOLLRDHUP));
    SAY(os->read(p.server, b, 8));
    SAY(epoll_next(e, 0));
    SAY(os->shutdown(p.client, SHUT_WR));
    SAY(epoll_next(e, 2000));
    SAY(epoll_change(e, EPOLL_CTL_MOD, p.server, 0));
    SAY(epoll_next(e, 0));
    SAY(os->close(p.client));
    SAY(epoll_next(e, 0));
    SAY(os->shutdown(p.server, SHUT_WR));
    SAY(epoll_next(e, 2000));
    SAY(epoll_change(e, EPOLL_CTL_DEL, p.server, 0));
    SAY(epoll_change(e, EPOLL_CTL_DEL, p.server, 0));
    SAY(epoll_change(e, EPOLL_CTL_ADD, p.server, EPOLLOUT));
    SAY(os->close(p.server));
    SAY(epoll_next(e, 0));
    os->close(e), os->close(p.listener);
}

static void scene_epoll_listener(void) {
    int l = opened(tcp(SOCK_NONBLOCK)), e = opened(os->epoll_create1(0)), c = opened(tcp(SOCK_NONBLOCK));
    SAY(epoll_change(e, EPOLL_CTL_ADD, l, EPOLLIN | EPOLLET));
    SAY(epoll_next(e, 0));
    SAY(bind4(l, os->host4, 0));
    SAY(os->listen(l, 5));
    SAY(connect4(c, os->host4, port_of(l)));
    SAY(epoll_next(e, 2000));
    SAY(epoll_next(e, 0));
    SAY(epoll_change(e, EPOLL_CTL_ADD, c, EPOLLOUT | EPOLLET));
    SAY(epoll_next(e, 2000));
    int s = opened(os->accept4(l, NULL, NULL, 0));
    SAY(os->accept4(l, NULL, NULL, 0));
    os->close(s), os->close(c), os->close(e), os->close(l);
}

static void scene_splice(void) {
    struct pair p = pair();
    int q[2];
    char b[8];
    SAY(os->pipe(q));
    SAY(os->fcntl(p.server, F_SETFL, O_NONBLOCK));
    SAY(os->splice(p.server, NULL, q[1], NULL, 100, 0));
    SAY(os->fcntl(p.server, F_SETFL, 0));
    SAY(os->splice(q[0], NULL, p.server, NULL, 100, SPLICE_F_NONBLOCK));
    SAY(os->write(p.client, "hello", 5));
    SAY(wait_for(p.server, POLLIN));
    SAY(os->splice(p.server, NULL, q[1], NULL, 100, 0));
    SAY(os->splice(q[0], NULL, p.server, NULL, 3, 0));
    SAY(wait_for(p.client, POLLIN));
    SAY(os->read(p.client, b, 8));
    SAY(os->read(q[0], b, 8));
    SAY(os->close(q[1]));
    SAY(os->read(q[0], b, 8));
    SAY(os->splice(q[0], NULL, p.server, NULL, 3, 0));
    SAY(os->splice(p.server, NULL, p.client, NULL, 3, 0));
    SAY(os->shutdown(p.client, SHUT_WR));
    SAY(os->close(q[0]));
    SAY(os->pipe(q));
    SAY(wait_for(p.server, POLLRDHUP));
    SAY(os->splice(p.server, NULL, q[1], NULL, 100, 0));
    SAY(os->read(q[1], b, 1));
    SAY(os->write(q[0], b, 1));
    SAY(os->recv(q[0], b, 1, 0));
    SAY(os->close(q[0]));
    os->close(q[1]);
    part(&p);
}

int main(void) {
    own_network();
    const struct CMUnitTest tests[] = {
        SCENE(scene_data),     SCENE(scene_msg),           SCENE(scene_urgent),         SCENE(scene_options),
        SCENE(scene_options6), SCENE(scene_option_shapes), SCENE(scene_timeouts),       SCENE(scene_poll),
        SCENE(scene_full),     SCENE(scene_epoll),         SCENE(scene_epoll_listener), SCENE(scene_splice)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
