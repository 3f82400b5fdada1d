/* kernel_calls.c - the kernel's sockets, for the applications of a run: the calls of host.h, and the events that tern's
 * stacks tell by themselves. A tern_sock is a file descriptor + 1. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "play/host.h"
#include "play/kernel.h"

static int fd_of(tern_sock sock) { return (int)sock.id - 1; }

static int error_of(int code) {
    switch (code) {
    case 0: return TERN_OK;
    case EAGAIN:
    case EINPROGRESS: return TERN_EAGAIN;
    case ECONNRESET:
    case EPIPE: return TERN_ERESET;
    case ECONNREFUSED: return TERN_EREFUSED;
    case ETIMEDOUT: return TERN_ETIMEDOUT;
    case EADDRINUSE: return TERN_EADDRINUSE;
    case EADDRNOTAVAIL: return TERN_EPORTS;
    default: return TERN_ESTATE;
    }
}

static struct sockaddr_in address(const tern_addr *addr, uint16_t port) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    memcpy(&a.sin_addr, addr->bytes, 4);
    return a;
}

static void ends_of(int fd, tern_flow *flow) {
    struct sockaddr_in a = {0};
    socklen_t len = sizeof a;
    if (getsockname(fd, (struct sockaddr *)&a, &len) == 0) {
        flow->local = (tern_addr){.family = 4};
        memcpy(flow->local.bytes, &a.sin_addr, 4);
        flow->local_port = ntohs(a.sin_port);
    }
    len = sizeof a;
    if (getpeername(fd, (struct sockaddr *)&a, &len) == 0) {
        flow->remote = (tern_addr){.family = 4};
        memcpy(flow->remote.bytes, &a.sin_addr, 4);
        flow->remote_port = ntohs(a.sin_port);
    }
}

/* Notes a descriptor, or closes it where there are too many. */
static int keep(struct stage *g, int fd, tern_sock *out) {
    if (fd >= KERNEL_FDS) {
        close(fd);
        return TERN_ELIMIT;
    }
    memset(&g->kernel->sock[fd], 0, sizeof g->kernel->sock[fd]);
    g->kernel->sock[fd].open = true;
    out->id = (uint64_t)fd + 1;
    return TERN_OK;
}

static int new_socket(const tern_addr *local, uint16_t port) {
    const int on = 1;
    struct sockaddr_in a = address(local, port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (port == 0 || bind(fd, (struct sockaddr *)&a, sizeof a) == 0) return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* ---- calls ---- */

static struct conn *conn_at(struct stage *g, tern_sock sock) {
    for (size_t i = g->conns; i-- > 0;)
        if (g->conn[i].open && g->conn[i].end == g->kernel->end && g->conn[i].sock.id == sock.id) return &g->conn[i];
    return NULL;
}

static void tell(struct stage *g, const tern_flow *flow, const char *call, int64_t value) {
    tern_trace r = {.kind = TERN_TRACE_CALL, .iface = -1, .serial = 1, .flow = *flow, .call = call, .value = value};
    r.state = r.state_before = kernel_state(g, flow);
    stage_record(g, g->kernel->end, &r);
}

/* After a call on a connection: what it was, and what the kernel did about it. */
static void after(struct stage *g, const struct conn *c, const char *call, int64_t value) {
    const struct cause cause = {.kind = BY_CALL, .call = call};
    if (c != NULL) tell(g, &c->flow, call, value);
    kernel_look(g, &cause);
    kernel_collect(g);
}

static int do_listen(struct stage *g, int end, const tern_listen_config *config, tern_sock *out) {
    int fd = new_socket(&g->sim->addr4[end], config->port);
    if (fd < 0 || listen(fd, config->backlog != 0 ? (int)config->backlog : SOMAXCONN) < 0) {
        int error = errno;
        if (fd >= 0) close(fd);
        return error_of(error);
    }
    return keep(g, fd, out);
}

static int do_accept(struct stage *g, int end, tern_sock listener, tern_sock *out, tern_flow *flow) {
    (void)end;
    int fd = accept4(fd_of(listener), NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return error_of(errno);
    ends_of(fd, flow);
    int r = keep(g, fd, out);
    if (r != TERN_OK) return r;
    g->kernel->sock[fd].connected = true;
    tell(g, flow, "accept", 0);
    return TERN_OK;
}

static int do_connect(struct stage *g, int end, const tern_open *open, tern_sock *out, tern_flow *flow) {
    struct sockaddr_in to = address(&open->remote, open->remote_port);
    int fd = new_socket(&open->local, open->local_port);
    (void)end;
    if (fd < 0) return error_of(errno);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS) {
        int error = errno;
        close(fd);
        return error_of(error);
    }
    tern_flow own = *flow; /* until it is connected the other end has no name */
    ends_of(fd, &own);
    flow->local_port = own.local_port;
    int r = keep(g, fd, out);
    if (r != TERN_OK) return r;
    tern_trace moved = {.kind = TERN_TRACE_STATE, .iface = -1, .serial = 1, .flow = *flow, .event = "ACTIVE_OPEN"};
    moved.state_before = TERN_CLOSED;
    moved.state = kernel_state(g, flow);
    stage_record(g, g->kernel->end, &moved);
    tell(g, flow, "open", 0);
    kernel_collect(g);
    return TERN_OK;
}

static ptrdiff_t do_write(struct stage *g, int end, tern_sock sock, const void *data, size_t len) {
    (void)end;
    int fd = fd_of(sock);
    ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
    if (n < 0) return error_of(errno);
    g->kernel->sock[fd].owes = true;
    after(g, conn_at(g, sock), "send", n);
    return n;
}

static ptrdiff_t do_read(struct stage *g, int end, tern_sock sock, void *buf, size_t len) {
    (void)end;
    int fd = fd_of(sock);
    int error = g->kernel->sock[fd].error;
    ssize_t n = recv(fd, buf, len, 0);
    if (n == 0 && error != 0) return error;
    if (n < 0) return error_of(errno);
    after(g, conn_at(g, sock), "receive", n);
    return n;
}

static int do_shutdown(struct stage *g, int end, tern_sock sock) {
    (void)end;
    int fd = fd_of(sock), r = shutdown(fd, SHUT_WR);
    if (r < 0) return error_of(errno);
    g->kernel->sock[fd].owes = true;
    after(g, conn_at(g, sock), "shutdown", 0);
    return TERN_OK;
}

static int close_as(struct stage *g, tern_sock sock, const char *call) {
    int fd = fd_of(sock);
    g->kernel->sock[fd].open = false;
    close(fd);
    after(g, conn_at(g, sock), call, 0);
    return TERN_OK;
}

static int do_close(struct stage *g, int end, tern_sock sock) {
    (void)end;
    return close_as(g, sock, "close");
}

static int do_abort(struct stage *g, int end, tern_sock sock) {
    const struct linger none = {.l_onoff = 1};
    (void)end;
    (void)setsockopt(fd_of(sock), SOL_SOCKET, SO_LINGER, &none, sizeof none);
    return close_as(g, sock, "abort");
}

static int do_set(struct stage *g, int end, tern_sock sock, enum tern_option option, int64_t value) {
    static const struct {
        enum tern_option option;
        int level, name, unit; /* unit: milliseconds in one of the kernel's; 0: a plain number */
    } known[] = {
        {TERN_OPT_NODELAY, IPPROTO_TCP, TCP_NODELAY, 0},
        {TERN_OPT_CORK, IPPROTO_TCP, TCP_CORK, 0},
        {TERN_OPT_SEND_BUFFER, SOL_SOCKET, SO_SNDBUF, 0},
        {TERN_OPT_RECEIVE_BUFFER, SOL_SOCKET, SO_RCVBUF, 0},
        {TERN_OPT_KEEPALIVE, SOL_SOCKET, SO_KEEPALIVE, 0},
        {TERN_OPT_KEEPALIVE_IDLE_MS, IPPROTO_TCP, TCP_KEEPIDLE, 1000},
        {TERN_OPT_KEEPALIVE_INTERVAL_MS, IPPROTO_TCP, TCP_KEEPINTVL, 1000},
        {TERN_OPT_KEEPALIVE_PROBES, IPPROTO_TCP, TCP_KEEPCNT, 0},
        {TERN_OPT_USER_TIMEOUT_MS, IPPROTO_TCP, TCP_USER_TIMEOUT, 0},
        {TERN_OPT_MSS, IPPROTO_TCP, TCP_MAXSEG, 0},
    };
    const struct linger linger = {.l_onoff = 1, .l_linger = (int)(value / 1000)};
    int r = -1, number = (int)value;
    (void)g;
    (void)end;
    errno = ENOPROTOOPT;
    if (option == TERN_OPT_LINGER_MS) r = setsockopt(fd_of(sock), SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (known[i].option != option) continue;
        if (known[i].unit != 0) number /= known[i].unit;
        r = setsockopt(fd_of(sock), known[i].level, known[i].name, &number, sizeof number);
    }
    return r < 0 ? error_of(errno) : TERN_OK;
}

static enum tern_state do_state(struct stage *g, const struct play_who *who) {
    struct life *l = life_find(g, who);
    enum tern_state state = l != NULL ? kernel_state(g, &l->flow) : TERN_CLOSED;
    for (unsigned i = 0; i < g->listeners && state == TERN_CLOSED; i++)
        if (g->listener[i].end == who->end) state = TERN_LISTEN;
    return state;
}

static uint64_t do_count(struct stage *g, int end, enum tern_state state) {
    struct sockdiag_socket sk[64];
    uint64_t n = 0;
    int all = sockdiag_list(g->kernel->diag, sk, sizeof sk / sizeof sk[0], NULL);
    (void)end;
    for (int i = 0; i < all && i < (int)(sizeof sk / sizeof sk[0]); i++) n += sk[i].state == state;
    return n;
}

static void do_arrive(struct stage *g, int end, const uint8_t *bytes, uint32_t len) {
    (void)end;
    kernel_deliver(g, bytes, len);
    kernel_events(g);
}

const struct host_calls host_kernel = {
    .listen = do_listen,
    .accept = do_accept,
    .connect = do_connect,
    .write = do_write,
    .read = do_read,
    .shutdown = do_shutdown,
    .close = do_close,
    .abort = do_abort,
    .set = do_set,
    .state = do_state,
    .count = do_count,
    .arrive = do_arrive,
};

/* ---- events ---- */

/* The connection is gone: how it ended is the application's to ask for, once. */
static uint32_t ended(struct stage *g, const struct conn *c) {
    struct life *l = life_of(g, c->end, &c->flow, false);
    int fd = fd_of(c->sock), error = 0;
    socklen_t len = sizeof error;
    if (l == NULL || !l->ended) return 0;
    (void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
    if (error != 0) l->error = g->kernel->sock[fd].error = error_of(error);
    return TERN_EV_CLOSED;
}

static uint32_t bits_of(struct stage *g, const struct conn *c) {
    int fd = fd_of(c->sock), queued = 0;
    struct pollfd p = {fd, POLLIN | POLLOUT, 0};
    uint32_t bits = ended(g, c);
    bool *connected = &g->kernel->sock[fd].connected, *owes = &g->kernel->sock[fd].owes;
    if (poll(&p, 1, 0) <= 0) return bits;
    if (!*connected && (p.revents & (POLLOUT | POLLERR | POLLHUP)) == POLLOUT) {
        *connected = true;
        bits |= TERN_EV_CONNECTED;
    }
    if ((p.revents & POLLIN) && *connected && !c->paused && !c->eof) bits |= TERN_EV_READ;
    if ((p.revents & POLLOUT) && *connected && c->to_send > 0) bits |= TERN_EV_WRITE;
    if (*owes && c->to_send == 0 && ioctl(fd, SIOCOUTQ, &queued) == 0 && queued == 0) {
        *owes = false;
        bits |= TERN_EV_SENT;
    }
    return bits;
}

size_t kernel_events(struct stage *g) {
    int end = g->kernel->end;
    size_t n = 0;
    for (unsigned i = 0; i < g->listeners; i++) {
        struct pollfd p = {g->listener[i].end == end ? fd_of(g->listener[i].sock) : -1, POLLIN, 0};
        if (p.fd < 0 || g->listener[i].unaccepted || poll(&p, 1, 0) <= 0) continue;
        tern_event e = {.sock = g->listener[i].sock, .bits = TERN_EV_ACCEPT};
        app_event(g, g->sim, end, &e);
        n++;
    }
    for (size_t i = 0; i < g->conns; i++) {
        if (g->conn[i].end != end || !g->conn[i].open) continue;
        tern_event e = {.sock = g->conn[i].sock, .bits = bits_of(g, &g->conn[i])};
        if (e.bits == 0) continue;
        app_event(g, g->sim, end, &e);
        n++;
    }
    return n;
}
