/* test_posix_linux.c - the kernel as the oracle of connections: sockets, names, opening, closing, resets. What differs
 * on purpose is in docs/sockets.md. */
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
    if (no_ipv6()) return;
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

static void scene_dual(void) {
    if (no_ipv6()) return;
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
    SAY(i.tcpi_data_segs_out);
    SAY(i.tcpi_data_segs_in);
    SAY(i.tcpi_delivered);
    SAY(i.tcpi_delivered_ce);
    SAY(i.tcpi_bytes_retrans);
    SAY(i.tcpi_dsack_dups);
    SAY(i.tcpi_reord_seen);
    SAY(i.tcpi_rwnd_limited);
    SAY(i.tcpi_sndbuf_limited);
    len = 4;
    SAY(os->getsockopt(p.client, IPPROTO_TCP, TCP_INFO, &i, &len));
    SAY(len);
    len = sizeof i;
    SAY(os->getsockopt(p.server, IPPROTO_TCP, TCP_INFO, &i, &len));
    SAY(i.tcpi_bytes_received);
    SAY(i.tcpi_bytes_acked);
    SAY(i.tcpi_data_segs_in);
    SAY(i.tcpi_data_segs_out);
    SAY(i.tcpi_rcv_ooopack);
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

/* Linux must be willing. */
static bool no_fast_open(void) {
    FILE *f = fopen("/proc/sys/net/ipv4/tcp_fastopen", "r");
    int bits = 0;
    if (f && fscanf(f, "%d", &bits) != 1) bits = 0;
    if (f) fclose(f);
    return !(bits & 1);
}

/* Data with the opening, for a peer that has given no cookie: it waits for the handshake. */
static void scene_fast_open(void) {
    if (no_fast_open()) return;
    int l = opened(tcp(0)), c = opened(tcp(0));
    char b[16];
    SAY(bind4(l, os->host4, 0));
    SAY(os->listen(l, 5));
    struct sockaddr_in a = in4(os->host4, port_of(l));
    SAY(os->sendto(c, "hello", 5, MSG_FASTOPEN, NULL, 0));
    SAY(os->sendto(c, "hello", 5, MSG_FASTOPEN, (struct sockaddr *)&a, 4));
    SAY(os->sendto(c, "hello", 5, MSG_FASTOPEN, (struct sockaddr *)&a, sizeof a));
    int s = opened(os->accept4(l, NULL, NULL, 0));
    SAY(wait_for(s, POLLIN));
    SAY(os->read(s, b, 16));
    SAY(memcmp(b, "hello", 5));
    SAY(os->sendto(c, "hello", 5, MSG_FASTOPEN | MSG_NOSIGNAL, (struct sockaddr *)&a, sizeof a));
    os->close(c), os->close(s);
    c = opened(tcp(0));
    SAY(os->sendto(c, "hello", 5, MSG_NOSIGNAL, (struct sockaddr *)&a, sizeof a));
    SAY(set(c, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1));
    SAY(connect4(c, os->host4, ntohs(a.sin_port)));
    SAY(os->write(c, "hello", 5));
    s = opened(os->accept4(l, NULL, NULL, 0));
    SAY(wait_for(s, POLLIN));
    SAY(os->read(s, b, 16));
    SAY(set(c, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 0));
    SAY(connect4(c, os->host4, ntohs(a.sin_port)));
    os->close(c), os->close(s), os->close(l);
}

int main(void) {
    own_network();
    const struct CMUnitTest tests[] = {SCENE(scene_socket),    SCENE(scene_unconnected),  SCENE(scene_bind),
                                       SCENE(scene_reuseport), SCENE(scene_connect),      SCENE(scene_refused),
                                       SCENE(scene_shutdown),  SCENE(scene_shut_reading), SCENE(scene_reset),
                                       SCENE(scene_close),     SCENE(scene_linger),       SCENE(scene_inherit),
                                       SCENE(scene_dual),      SCENE(scene_info),         SCENE(scene_fast_open)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
