/* test_posix_linux.c - the kernel as the oracle: each scene makes the same socket calls on Linux's loopback and on a tern
 * stack that talks to itself, and every result and errno must be the same. Where the two differ on purpose, see
 * docs/sockets.md. */
#include "posix_sides.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmocka.h>

#include "posix/tcp_info.h"

/* ---- what is written down ---- */

struct log {
    char text[16384];
    size_t len;
};
static struct log *out;
static const struct side *os;

static void note(const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    size_t room = sizeof out->text - out->len;
    int n = vsnprintf(out->text + out->len, room, fmt, ap);
    va_end(ap);
    assert_true(n >= 0 && (size_t)n < room);
    out->len += (size_t)n;
}

/* The call's text, its result, and the error. */
#define SAY(call)                                                                                                      \
    do {                                                                                                               \
        errno = 0;                                                                                                     \
        long r_ = (long)(call);                                                                                        \
        note("%d: %s = %ld%s%s\n", __LINE__, #call, r_, r_ < 0 ? " " : "", r_ < 0 ? strerrorname_np(errno) : "");      \
    } while (0)

/* A descriptor: that it is one, not which. */
static int opened(int fd) {
    note("descriptor %s\n", fd >= 0 ? "yes" : strerrorname_np(errno));
    return fd;
}

/* ---- small helpers over either side ---- */

static struct sockaddr_in in4(const char *text, uint16_t port) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    inet_pton(AF_INET, text, &a.sin_addr);
    return a;
}

static struct sockaddr_in6 in6(const char *text, uint16_t port) {
    struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    inet_pton(AF_INET6, text, &a.sin6_addr);
    return a;
}

static int bind4(int fd, const char *text, uint16_t port) {
    struct sockaddr_in a = in4(text, port);
    return os->bind(fd, (struct sockaddr *)&a, sizeof a);
}

static int bind6(int fd, const char *text, uint16_t port) {
    struct sockaddr_in6 a = in6(text, port);
    return os->bind(fd, (struct sockaddr *)&a, sizeof a);
}

static int connect4(int fd, const char *text, uint16_t port) {
    struct sockaddr_in a = in4(text, port);
    return os->connect(fd, (struct sockaddr *)&a, sizeof a);
}

static int connect6(int fd, const char *text, uint16_t port) {
    struct sockaddr_in6 a = in6(text, port);
    return os->connect(fd, (struct sockaddr *)&a, sizeof a);
}

static uint16_t port_of(int fd) {
    struct sockaddr_in6 a = {0};
    socklen_t len = sizeof a;
    assert_int_equal(os->getsockname(fd, (struct sockaddr *)&a, &len), 0);
    return ntohs(a.sin6_port);
}

static int tcp(int flags) { return os->socket(AF_INET, SOCK_STREAM | flags, 0); }

static int set(int fd, int level, int name, int value) { return os->setsockopt(fd, level, name, &value, sizeof value); }

static int get(int fd, int level, int name) {
    int value = -77;
    socklen_t len = sizeof value;
    if (os->getsockopt(fd, level, name, &value, &len) < 0) return -1;
    return value;
}

/* Waits, two seconds at most: the kernel's loopback has no promise of being instantaneous. */
static int wait_for(int fd, short events) {
    struct pollfd p = {.fd = fd, .events = events};
    return os->poll(&p, 1, 2000) < 0 ? -1 : p.revents;
}

static int ready(int fd) {
    struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT | POLLPRI | POLLRDHUP | POLLRDNORM | POLLWRNORM};
    return os->poll(&p, 1, 0) < 0 ? -1 : p.revents;
}

static int state_of(int fd) {
    struct px_tcp_info info = {0};
    socklen_t len = sizeof info;
    return os->getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0 ? -1 : info.tcpi_state;
}

/* Until the connection is in this state of Linux's. */
static void wait_state(int fd, int state) {
    for (int i = 0; i < 2000 && state_of(fd) != state; i++) os->poll(NULL, 0, 1);
    note("state %d\n", state_of(fd));
}

static int request(int fd, unsigned long what) {
    int value = -77;
    return os->ioctl(fd, what, &value) < 0 ? -1 : value;
}

struct pair {
    int listener, client, server;
    uint16_t port;
};

static struct pair pair(void) {
    struct pair p;
    p.listener = tcp(0);
    assert_int_equal(bind4(p.listener, os->host4, 0), 0);
    assert_int_equal(os->listen(p.listener, 5), 0);
    p.port = port_of(p.listener);
    p.client = tcp(0);
    assert_int_equal(connect4(p.client, os->host4, p.port), 0);
    p.server = os->accept4(p.listener, NULL, NULL, 0);
    assert_true(p.server >= 0);
    assert_int_equal(set(p.client, IPPROTO_TCP, TCP_NODELAY, 1), 0);
    return p;
}

static void part(const struct pair *p) {
    os->close(p->client);
    os->close(p->server);
    os->close(p->listener);
}

/* ---- scenes ---- */

static void scene_socket(void) {
    SAY(os->socket(AF_INET, 77, 0));
    SAY(os->socket(AF_INET, SOCK_STREAM, IPPROTO_UDP));
    SAY(os->socket(AF_INET, SOCK_STREAM, -1));
    SAY(os->socket(99, SOCK_STREAM, 0));
    int fd = opened(os->socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
    SAY(os->fcntl(fd, F_GETFL, 0));
    SAY(os->fcntl(fd, F_GETFD, 0));
    SAY(os->fcntl(fd, F_SETFL, 0));
    SAY(os->fcntl(fd, F_GETFL, 0));
    SAY(os->fcntl(fd, F_SETFD, 0));
    SAY(os->fcntl(fd, F_GETFD, 0));
    SAY(os->fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK));
    SAY(os->fcntl(fd, F_GETFL, 0));
    int one = 0;
    SAY(os->ioctl(fd, FIONBIO, &one));
    SAY(os->fcntl(fd, F_GETFL, 0));
    int copy = opened(os->dup(fd));
    SAY(os->fcntl(copy, F_SETFL, O_NONBLOCK));
    SAY(os->fcntl(fd, F_GETFL, 0));
    SAY(os->close(fd));
    SAY(os->fcntl(copy, F_GETFL, 0));
    SAY(os->close(copy));
    SAY(os->close(copy));
    SAY(os->close(-1));
    SAY(os->fcntl(copy, F_GETFL, 0));
    SAY(os->fcntl(-1, F_GETFL, 0));
}

static void scene_unconnected(void) {
    char b[8];
    struct sockaddr_in6 a;
    socklen_t len = sizeof a;
    int fd = opened(tcp(0));
    SAY(ready(fd));
    SAY(os->read(fd, b, sizeof b));
    SAY(os->read(fd, b, 0));
    SAY(os->recv(fd, b, 0, 0));
    SAY(os->send(fd, b, 1, MSG_NOSIGNAL));
    SAY(os->send(fd, b, 0, MSG_NOSIGNAL));
    SAY(os->shutdown(fd, SHUT_WR));
    SAY(os->shutdown(fd, 7));
    SAY(os->getpeername(fd, (struct sockaddr *)&a, &len));
    SAY(os->getsockname(fd, (struct sockaddr *)&a, &len));
    SAY(len);
    SAY(os->accept4(fd, NULL, NULL, 0));
    SAY(os->accept4(fd, NULL, NULL, 12345));
    SAY(request(fd, SIOCINQ));
    SAY(request(fd, SIOCOUTQ));
    SAY(request(fd, SIOCATMARK));
    SAY(state_of(fd));
    SAY(os->recv(fd, b, 1, MSG_OOB));
    SAY(os->recv(fd, b, 1, MSG_ERRQUEUE));
    SAY(os->close(fd));
}

static void scene_bind(void) {
    int a = opened(tcp(0)), b = opened(tcp(0)), c = opened(os->socket(AF_INET6, SOCK_STREAM, 0));
    struct sockaddr_in x = in4("0.0.0.0", 0);
    SAY(os->bind(a, (struct sockaddr *)&x, 4));
    x.sin_family = AF_INET6;
    SAY(os->bind(a, (struct sockaddr *)&x, sizeof x));
    x.sin_family = AF_UNSPEC;
    SAY(os->bind(a, (struct sockaddr *)&x, sizeof x));
    SAY(port_of(a) > 0);
    SAY(bind4(a, os->host4, 0));
    uint16_t port = port_of(a);
    SAY(bind4(b, "203.0.113.77", 0));
    SAY(bind4(b, os->host4, port));
    SAY(set(b, SOL_SOCKET, SO_REUSEADDR, 1));
    SAY(bind4(b, os->host4, port));
    SAY(set(a, SOL_SOCKET, SO_REUSEADDR, 1));
    SAY(bind4(b, os->host4, port));
    SAY(os->listen(a, 1));
    SAY(os->listen(b, 1));
    SAY(bind6(c, "::", port));
    SAY(bind4(c, os->host4, port));
    SAY(set(c, IPPROTO_IPV6, IPV6_V6ONLY, 1));
    SAY(bind6(c, "::ffff:127.0.0.1", 0));
    SAY(bind6(c, "::", port));
    SAY(set(c, IPPROTO_IPV6, IPV6_V6ONLY, 0));
    SAY(os->listen(c, 1));
    SAY(os->close(a));
    SAY(os->listen(b, 1));
    os->close(b);
    os->close(c);
}

static void scene_reuseport(void) {
    int a = opened(tcp(0)), b = opened(tcp(0)), c = opened(tcp(0));
    SAY(set(a, SOL_SOCKET, SO_REUSEPORT, 1));
    SAY(set(b, SOL_SOCKET, SO_REUSEPORT, 1));
    SAY(bind4(a, os->host4, 0));
    uint16_t port = port_of(a);
    SAY(os->listen(a, 5));
    SAY(bind4(b, os->host4, port));
    SAY(os->listen(b, 5));
    SAY(bind4(c, os->host4, port));
    SAY(os->close(a));
    SAY(connect4(c, os->host4, port));
    SAY(wait_for(b, POLLIN));
    int s = opened(os->accept4(b, NULL, NULL, 0));
    os->close(s);
    SAY(os->close(b));
    os->close(c);
    c = opened(tcp(0));
    SAY(connect4(c, os->host4, port));
    os->close(c);
}

static void scene_connect(void) {
    struct sockaddr_in a = {0};
    socklen_t len = sizeof a;
    int l = opened(tcp(0)), c = opened(tcp(SOCK_NONBLOCK));
    SAY(bind4(l, os->host4, 0));
    uint16_t port = port_of(l);
    SAY(os->listen(l, 5));
    SAY(ready(l));
    a = in4(os->host4, port);
    SAY(os->connect(c, (struct sockaddr *)&a, 4));
    SAY(os->connect(c, (struct sockaddr *)&a, 1));
    a.sin_family = AF_INET6;
    SAY(os->connect(c, (struct sockaddr *)&a, sizeof a));
    SAY(connect4(c, os->host4, port));
    SAY(wait_for(c, POLLOUT));
    SAY(wait_for(l, POLLIN));
    SAY(get(c, SOL_SOCKET, SO_ERROR));
    SAY(os->getpeername(c, (struct sockaddr *)&a, &len));
    SAY(len);
    SAY(a.sin_family);
    SAY(ntohs(a.sin_port) == port);
    SAY(connect4(c, os->host4, port));
    SAY(connect4(c, os->host4, port));
    SAY(connect4(l, os->host4, port));
    SAY(os->listen(c, 5));
    SAY(bind4(c, os->host4, 0));
    SAY(ready(c));
    len = sizeof a;
    int s = opened(os->accept4(l, (struct sockaddr *)&a, &len, SOCK_NONBLOCK));
    SAY(ntohs(a.sin_port) == port_of(c));
    SAY(len);
    SAY(port_of(s) == port);
    SAY(os->fcntl(s, F_GETFL, 0));
    SAY(ready(l));
    SAY(os->fcntl(l, F_SETFL, O_NONBLOCK));
    SAY(os->accept4(l, NULL, NULL, 0));
    a.sin_family = AF_UNSPEC;
    SAY(os->connect(c, (struct sockaddr *)&a, sizeof a));
    SAY(wait_for(s, POLLIN | POLLRDHUP));
    char b[4];
    SAY(os->read(s, b, 4));
    SAY(os->read(s, b, 4));
    SAY(ready(c));
    SAY(connect4(c, os->host4, port));
    SAY(wait_for(c, POLLOUT));
    os->close(c), os->close(s), os->close(l);
}

static void scene_refused(void) {
    int l = opened(tcp(0)), c = opened(tcp(0));
    char b[4];
    SAY(bind4(l, os->host4, 0));
    uint16_t port = port_of(l);
    SAY(connect4(c, os->host4, port));
    SAY(get(c, SOL_SOCKET, SO_ERROR));
    SAY(os->read(c, b, 1));
    SAY(ready(c));
    os->close(c);
    c = opened(tcp(SOCK_NONBLOCK));
    SAY(connect4(c, os->host4, port));
    SAY(wait_for(c, POLLOUT));
    SAY(ready(c));
    SAY(get(c, SOL_SOCKET, SO_ERROR));
    SAY(get(c, SOL_SOCKET, SO_ERROR));
    SAY(ready(c));
    SAY(connect4(c, os->host4, port));
    SAY(os->close(c));
    c = opened(tcp(SOCK_NONBLOCK));
    SAY(connect4(c, os->host4, port));
    SAY(wait_for(c, POLLOUT));
    SAY(os->send(c, "x", 1, MSG_NOSIGNAL));
    SAY(os->send(c, "x", 1, MSG_NOSIGNAL));
    SAY(os->read(c, b, 1));
    os->close(c);
    c = opened(tcp(SOCK_NONBLOCK));
    SAY(connect4(c, os->host4, port));
    SAY(wait_for(c, POLLOUT));
    SAY(os->read(c, b, 1));
    SAY(os->read(c, b, 1));
    SAY(connect4(c, "224.0.0.1", 80));
    os->close(c), os->close(l);
}

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

static void scene_shutdown(void) {
    struct pair p = pair();
    char b[8];
    SAY(os->write(p.client, "bye", 3));
    SAY(os->shutdown(p.client, SHUT_WR));
    SAY(os->shutdown(p.client, SHUT_WR));
    SAY(wait_for(p.server, POLLRDHUP));
    wait_state(p.client, 5);
    wait_state(p.server, 8);
    SAY(ready(p.client));
    SAY(ready(p.server));
    SAY(os->send(p.client, "x", 1, MSG_NOSIGNAL));
    SAY(request(p.server, SIOCINQ));
    SAY(os->read(p.server, b, 8));
    SAY(os->read(p.server, b, 8));
    SAY(request(p.server, SIOCINQ));
    SAY(os->write(p.server, "more", 4));
    SAY(wait_for(p.client, POLLIN));
    SAY(os->read(p.client, b, 8));
    SAY(os->shutdown(p.server, SHUT_RDWR));
    SAY(wait_for(p.client, POLLRDHUP));
    wait_state(p.client, 7);
    wait_state(p.server, 7);
    SAY(ready(p.client));
    SAY(ready(p.server));
    SAY(os->read(p.client, b, 8));
    SAY(os->send(p.client, "x", 1, MSG_NOSIGNAL));
    SAY(os->shutdown(p.client, SHUT_WR));
    SAY(os->shutdown(p.server, SHUT_RD));
    SAY(os->read(p.server, b, 8));
    SAY(os->send(p.server, b, 1, MSG_NOSIGNAL));
    SAY(get(p.client, SOL_SOCKET, SO_ERROR));
    part(&p);
}

static void scene_shut_reading(void) {
    struct pair p = pair();
    char b[8];
    SAY(os->write(p.client, "one", 3));
    SAY(wait_for(p.server, POLLIN));
    SAY(os->shutdown(p.server, SHUT_RD));
    SAY(ready(p.server));
    SAY(os->read(p.server, b, 8));
    SAY(os->read(p.server, b, 8));
    SAY(os->write(p.client, "two", 3));
    os->poll(NULL, 0, 30);
    SAY(os->read(p.server, b, 8));
    SAY(os->read(p.server, b, 8));
    SAY(os->shutdown(p.listener, SHUT_WR));
    SAY(state_of(p.listener));
    SAY(os->shutdown(p.listener, SHUT_RD));
    SAY(state_of(p.listener));
    SAY(ready(p.listener));
    SAY(os->accept4(p.listener, NULL, NULL, 0));
    SAY(os->listen(p.listener, 1));
    SAY(state_of(p.listener));
    part(&p);
}

static void reset_by(int fd) {
    struct linger l = {1, 0};
    SAY(os->setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof l));
    SAY(os->close(fd));
}

static void scene_reset(void) {
    struct pair p = pair();
    char b[8];
    struct sockaddr_in a;
    socklen_t len = sizeof a;
    SAY(os->write(p.client, "abc", 3));
    SAY(wait_for(p.server, POLLIN));
    reset_by(p.client);
    SAY(wait_for(p.server, POLLRDHUP));
    SAY(ready(p.server));
    SAY(os->getpeername(p.server, (struct sockaddr *)&a, &len));
    SAY(state_of(p.server));
    SAY(os->read(p.server, b, 8));
    SAY(os->read(p.server, b, 8));
    SAY(os->read(p.server, b, 8));
    SAY(ready(p.server));
    SAY(os->send(p.server, b, 1, MSG_NOSIGNAL));
    os->close(p.server), os->close(p.listener);
    p = pair();
    reset_by(p.client);
    SAY(wait_for(p.server, POLLRDHUP));
    SAY(os->send(p.server, b, 1, MSG_NOSIGNAL));
    SAY(os->send(p.server, b, 1, MSG_NOSIGNAL));
    SAY(os->read(p.server, b, 8));
    os->close(p.server), os->close(p.listener);
    p = pair();
    SAY(os->shutdown(p.client, SHUT_WR));
    SAY(wait_for(p.server, POLLRDHUP));
    reset_by(p.client);
    SAY(wait_for(p.server, POLLERR));
    SAY(get(p.server, SOL_SOCKET, SO_ERROR));
    SAY(get(p.server, SOL_SOCKET, SO_ERROR));
    SAY(os->read(p.server, b, 8));
    os->close(p.server), os->close(p.listener);
}

/* Close with bytes unread resets; the address stays taken while the connection lasts. */
static void scene_close(void) {
    struct pair p = pair();
    char b[8];
    SAY(os->write(p.client, "abc", 3));
    SAY(wait_for(p.server, POLLIN));
    SAY(os->close(p.server));
    SAY(wait_for(p.client, POLLERR));
    SAY(os->read(p.client, b, 8));
    os->close(p.client), os->close(p.listener);
    p = pair();
    SAY(os->close(p.listener));
    int l = opened(tcp(0));
    SAY(bind4(l, os->host4, p.port));
    SAY(os->close(p.server));
    SAY(wait_for(p.client, POLLRDHUP));
    SAY(os->close(p.client));
    SAY(bind4(l, os->host4, p.port));
    SAY(set(l, SOL_SOCKET, SO_REUSEADDR, 1));
    SAY(os->close(l));
}

static void scene_linger(void) {
    struct pair p = pair();
    struct linger l = {1, 2};
    socklen_t len = sizeof l;
    SAY(os->setsockopt(p.client, SOL_SOCKET, SO_LINGER, &l, 4));
    SAY(os->setsockopt(p.client, SOL_SOCKET, SO_LINGER, &l, sizeof l));
    l.l_onoff = l.l_linger = 9;
    SAY(os->getsockopt(p.client, SOL_SOCKET, SO_LINGER, &l, &len));
    SAY(l.l_onoff);
    SAY(l.l_linger);
    SAY(os->write(p.client, "abc", 3));
    SAY(os->close(p.client));
    SAY(wait_for(p.server, POLLRDHUP));
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

static void scene_options(void) {
    static const struct {
        int level, name, value;
    } all[] = {
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
    int fd = opened(tcp(0));
    SAY(get(fd, IPPROTO_IP, IP_MTU));
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        note("level %d name %d value %d\n", all[i].level, all[i].name, all[i].value);
        SAY(set(fd, all[i].level, all[i].name, all[i].value));
        SAY(get(fd, all[i].level, all[i].name));
    }
    os->close(fd);
}

static void scene_options6(void) {
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

/* What a listener has, its connections have. */
static void scene_inherit(void) {
    int l = opened(tcp(0));
    SAY(set(l, IPPROTO_TCP, TCP_NODELAY, 1));
    SAY(set(l, IPPROTO_TCP, TCP_KEEPIDLE, 55));
    SAY(set(l, SOL_SOCKET, SO_KEEPALIVE, 1));
    SAY(set(l, IPPROTO_IP, IP_TTL, 33));
    SAY(bind4(l, os->host4, 0));
    SAY(os->listen(l, 5));
    SAY(get(l, SOL_SOCKET, SO_ACCEPTCONN));
    int c = opened(tcp(0));
    SAY(connect4(c, os->host4, port_of(l)));
    int s = opened(os->accept4(l, NULL, NULL, 0));
    SAY(get(s, IPPROTO_TCP, TCP_NODELAY));
    SAY(get(s, IPPROTO_TCP, TCP_KEEPIDLE));
    SAY(get(s, SOL_SOCKET, SO_KEEPALIVE));
    SAY(get(s, IPPROTO_IP, IP_TTL));
    SAY(get(s, SOL_SOCKET, SO_ACCEPTCONN));
    os->close(c), os->close(s), os->close(l);
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

static void scene_dual(void) {
    struct sockaddr_in6 a = {0};
    socklen_t len = sizeof a;
    char text[INET6_ADDRSTRLEN];
    int l = opened(os->socket(AF_INET6, SOCK_STREAM, 0)), c = opened(tcp(0));
    SAY(bind6(l, "::", 0));
    SAY(os->listen(l, 5));
    uint16_t port = port_of(l);
    SAY(connect4(c, os->host4, port));
    int s = opened(os->accept4(l, (struct sockaddr *)&a, &len, 0));
    SAY(len);
    SAY(a.sin6_family);
    SAY(strncmp(inet_ntop(AF_INET6, &a.sin6_addr, text, sizeof text), "::ffff:", 7));
    SAY(os->getsockname(s, (struct sockaddr *)&a, &len));
    SAY(strncmp(inet_ntop(AF_INET6, &a.sin6_addr, text, sizeof text), "::ffff:", 7));
    SAY(get(s, SOL_SOCKET, SO_DOMAIN));
    os->close(c), os->close(s);
    c = opened(os->socket(AF_INET6, SOCK_STREAM, 0));
    SAY(connect6(c, os->host6, port));
    s = opened(os->accept4(l, NULL, NULL, 0));
    len = 10;
    SAY(os->getpeername(s, (struct sockaddr *)&a, &len));
    SAY(len);
    os->close(c), os->close(s), os->close(l);
    l = opened(os->socket(AF_INET6, SOCK_STREAM, 0));
    SAY(set(l, IPPROTO_IPV6, IPV6_V6ONLY, 1));
    SAY(bind6(l, "::", 0));
    SAY(os->listen(l, 5));
    port = port_of(l);
    c = opened(tcp(0));
    SAY(connect4(c, os->host4, port));
    os->close(c);
    c = opened(tcp(0));
    SAY(bind4(c, "0.0.0.0", port));
    SAY(os->listen(c, 5));
    s = opened(os->socket(AF_INET6, SOCK_STREAM, 0));
    snprintf(text, sizeof text, "::ffff:%s", os->host4);
    SAY(connect6(s, text, port));
    SAY(wait_for(c, POLLIN));
    SAY(ready(l));
    os->close(s);
    s = opened(os->socket(AF_INET6, SOCK_STREAM, 0));
    SAY(set(s, IPPROTO_IPV6, IPV6_V6ONLY, 1));
    SAY(connect6(s, text, port));
    SAY(connect6(s, os->host6, port));
    SAY(wait_for(l, POLLIN));
    os->close(s), os->close(c), os->close(l);
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

static void scene_info(void) {
    struct pair p = pair();
    struct px_tcp_info i = {0};
    socklen_t len = sizeof i;
    char b[100];
    SAY(os->write(p.client, b, 100));
    SAY(wait_for(p.server, POLLIN));
    for (int n = 0; n < 1000 && request(p.client, SIOCOUTQ); n++) os->poll(NULL, 0, 1);
    SAY(os->getsockopt(p.client, IPPROTO_TCP, TCP_INFO, &i, &len));
    SAY(i.tcpi_state);
    SAY(i.tcpi_ca_state);
    SAY(i.tcpi_retransmits);
    SAY(i.tcpi_backoff);
    SAY(i.tcpi_options & 7);
    SAY(i.tcpi_unacked);
    SAY(i.tcpi_lost);
    SAY(i.tcpi_total_retrans);
    SAY(i.tcpi_snd_ssthresh);
    SAY(i.tcpi_bytes_sent);
    SAY(i.tcpi_notsent_bytes);
    SAY(i.tcpi_rto >= 200000);
    SAY(i.tcpi_reordering);
    len = 4;
    SAY(os->getsockopt(p.client, IPPROTO_TCP, TCP_INFO, &i, &len));
    SAY(len);
    len = sizeof i;
    SAY(os->getsockopt(p.server, IPPROTO_TCP, TCP_INFO, &i, &len));
    SAY(i.tcpi_bytes_received);
    SAY(i.tcpi_bytes_acked);
    SAY(os->getsockopt(p.listener, IPPROTO_TCP, TCP_INFO, &i, &len));
    SAY(i.tcpi_state);
    SAY(i.tcpi_unacked);
    SAY(i.tcpi_sacked);
    SAY(request(p.listener, SIOCINQ));
    SAY(request(p.listener, SIOCOUTQ));
    SAY(os->read(p.listener, b, 1));
    SAY(os->send(p.listener, b, 1, MSG_NOSIGNAL));
    part(&p);
}

/* ---- the comparison ---- */

static bool no_ipv6(void) {
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    struct sockaddr_in6 a = in6("::1", 0);
    bool no = fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) < 0;
    if (fd >= 0) close(fd);
    return no;
}

static const char *line_end(const char *p) {
    const char *end = strchr(p, '\n');
    return end ? end : p + strlen(p);
}

/* All lines that differ are shown, then the test fails. */
static void compare(const char *linux_says, const char *tern_says) {
    int bad = 0;
    for (const char *a = linux_says, *b = tern_says; *a || *b;) {
        const char *ae = line_end(a), *be = line_end(b);
        if (ae - a != be - b || memcmp(a, b, (size_t)(ae - a)) != 0) {
            print_error("  Linux %.*s\n  tern  %.*s\n", (int)(ae - a), a, (int)(be - b), b);
            bad++;
        }
        a = *ae ? ae + 1 : ae;
        b = *be ? be + 1 : be;
    }
    assert_int_equal(bad, 0);
}

static void on_both(void **state) {
    void (*scene)(void) = *(void (**)(void)) * state;
    struct log said[2] = {{.len = 0}, {.len = 0}};
    if ((scene == scene_dual || scene == scene_options6 || scene == scene_bind) && no_ipv6()) skip();
    out = &said[0];
    os = &kernel_side;
    scene();
    tern_side_begin();
    out = &said[1];
    os = &tern_side;
    scene();
    tern_side_end();
    compare(said[0].text, said[1].text);
}

#define SCENE(f)                                                                                                       \
    {                                                                                                                  \
        .name = #f, .test_func = on_both, .initial_state = &(void (*)(void)) { f }                                     \
    }

int main(void) {
    const struct CMUnitTest tests[] = {
        SCENE(scene_socket),        SCENE(scene_unconnected),  SCENE(scene_bind),           SCENE(scene_reuseport),
        SCENE(scene_connect),       SCENE(scene_refused),      SCENE(scene_data),           SCENE(scene_msg),
        SCENE(scene_shutdown),      SCENE(scene_shut_reading), SCENE(scene_reset),          SCENE(scene_close),
        SCENE(scene_linger),        SCENE(scene_urgent),       SCENE(scene_options),        SCENE(scene_options6),
        SCENE(scene_option_shapes), SCENE(scene_inherit),      SCENE(scene_timeouts),       SCENE(scene_poll),
        SCENE(scene_full),          SCENE(scene_epoll),        SCENE(scene_epoll_listener), SCENE(scene_dual),
        SCENE(scene_splice),        SCENE(scene_info),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
