/* open.c - sockets come and go: socket, bind, listen, accept, connect, shutdown, and their names. Closing is fd.c's,
 * what goes over them send.c's and receive.c's. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>

#include "posix/inner.h"

enum { BACKLOG_MOST = 4096 };

int px_socket(struct posix *p, int domain, int type, int protocol) {
    int kind = type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (domain < 0 || domain > 45) return fail(EAFNOSUPPORT);
    if (kind < 0 || kind > SOCK_PACKET) return fail(EINVAL);
    if (domain != AF_INET && domain != AF_INET6) return fail(EAFNOSUPPORT);
    if (protocol < 0 || protocol > 255) return fail(EINVAL);
    if (kind != SOCK_STREAM) return fail(ESOCKTNOSUPPORT);
    if (protocol != 0 && protocol != IPPROTO_TCP) return fail(EPROTONOSUPPORT);
    struct sock *s = sock_new(p, domain);
    if (!s) return fail(ENOMEM);
    if (type & SOCK_NONBLOCK) s->file.flags |= O_NONBLOCK;
    int fd = fd_open(p, &s->file, type & SOCK_CLOEXEC);
    if (fd < 0) file_drop(p, &s->file);
    return fd;
}

int px_bind(struct posix *p, int fd, const struct sockaddr *addr, socklen_t len) {
    struct sock *s = socket_of(p, fd);
    tern_addr local;
    uint16_t port;
    if (!s) return -1;
    events_collect(p);
    sock_refresh(s);
    int error = addr_from(s, addr, len, &local, &port);
    /* AF_UNSPEC with 0.0.0.0 means AF_INET, from days of old */
    if (error == EAFNOSUPPORT && s->domain == AF_INET && addr->sa_family == AF_UNSPEC) {
        struct sockaddr_in in;
        memcpy(&in, addr, sizeof in);
        in.sin_family = AF_INET;
        error =
            in.sin_addr.s_addr ? EAFNOSUPPORT : addr_from(s, (struct sockaddr *)(void *)&in, sizeof in, &local, &port);
    }
    if (!error && s->opt[S_V6ONLY] && local.family == 4 && s->domain == AF_INET6) error = EINVAL;
    if (!error && (s->phase == LISTENING || sock_state(s) != TERN_CLOSED || s->port)) error = EINVAL;
    if (!error) error = bind_port(s, &local, port);
    if (error) return fail(error);
    s->locked = port != 0;
    return 0;
}

/* ---- listen, accept ---- */

static tern_addr any_for(const struct sock *s) {
    return (tern_addr){.family = s->domain == AF_INET ? 4 : s->opt[S_V6ONLY] ? 6 : 0};
}

/* With SO_REUSEPORT several sockets listen at one place; the stack has one listener there, and they share it. */
static struct sock *twin_of(const struct sock *s) {
    for (struct sock *b = s->px->bound; b; b = b->bound_next)
        if (b != s && b->phase == LISTENING && b->port == s->port && b->opt[S_REUSEPORT] &&
            memcmp(&b->local, &s->local, sizeof s->local) == 0)
            return b;
    return NULL;
}

static int listen_start(struct sock *s, uint32_t backlog) {
    tern_addr any = any_for(s);
    int error = s->port ? 0 : bind_port(s, &any, 0);
    if (!error && bind_listener(s)) error = EADDRINUSE;
    if (error) return error;
    struct sock *twin = s->opt[S_REUSEPORT] ? twin_of(s) : NULL;
    if (twin) {
        s->handle = twin->handle;
        s->twin = twin->twin ? twin->twin : twin;
        twin->twin = s;
    } else {
        tern_listen_config c = {.size = sizeof c, .local = s->local, .port = s->port, .backlog = backlog};
        tern_sock handle;
        int r = tern_listen(s->px->config.stack, &c, &handle);
        if (r < 0) return errno_of(r);
        sock_attach(s, handle);
    }
    s->phase = LISTENING;
    return 0;
}

/* Linux lets one more wait than was asked for. */
int px_listen(struct posix *p, int fd, int backlog) {
    struct sock *s = socket_of(p, fd);
    if (!s) return -1;
    events_collect(p);
    sock_refresh(s);
    uint32_t waiting = backlog < 0 || backlog >= BACKLOG_MOST ? BACKLOG_MOST : (uint32_t)backlog + 1;
    if (s->phase == LISTENING) {
        tern_set(p->config.stack, s->handle, TERN_OPT_BACKLOG, waiting);
        return 0;
    }
    if (s->phase != UNCONNECTED) return fail(EINVAL);
    int error = listen_start(s, waiting);
    if (error) return fail(error);
    file_wake(&s->file);
    return 0;
}

/* Settings of the listener are those of its connections. */
static struct sock *child_of(const struct sock *listener, const tern_flow *flow, int flags) {
    struct sock *s = sock_new(listener->px, listener->domain);
    if (!s) return NULL;
    memcpy(s->opt, listener->opt, sizeof s->opt);
    s->set = listener->set;
    s->linger = listener->linger;
    s->congestion = listener->congestion;
    s->receive_timeout_ns = listener->receive_timeout_ns;
    s->send_timeout_ns = listener->send_timeout_ns;
    s->phase = CONNECTED;
    s->shut = listener->shut;
    if (flags & SOCK_NONBLOCK) s->file.flags |= O_NONBLOCK;
    bind_inherit(s, &flow->local, flow->local_port);
    return s;
}

static ssize_t accept_one(struct posix *p, struct px_call *c, struct sock *listener) {
    tern_flow flow;
    tern_sock handle;
    if (tern_accept(p->config.stack, listener->handle, &handle, &flow) < 0) return PX_PENDING;
    struct sock *s = child_of(listener, &flow, c->flags);
    int fd = s ? fd_open(p, &s->file, c->flags & SOCK_CLOEXEC) : fail(ENOMEM);
    if (fd < 0) {
        int error = errno;
        tern_abort(p->config.stack, handle);
        if (s) file_drop(p, &s->file);
        return fail(error);
    }
    sock_attach(s, handle);
    if (s->shut & SHUT_SEND) tern_shutdown(p->config.stack, handle);
    addr_to(s, &flow.remote, flow.remote_port, c->at, c->addrlen);
    return fd;
}

ssize_t accept_step(struct posix *p, struct px_call *c) {
    struct sock *s = sock_in(c->file);
    if (s->phase != LISTENING) return fail(EINVAL);
    if (!fd_room(p)) return fail(EMFILE);
    ssize_t r = accept_one(p, c, s);
    return r == PX_PENDING && call_expired(p, c) ? fail(EAGAIN) : r;
}

int px_accept4(struct posix *p, int fd, struct sockaddr *addr, socklen_t *len, int flags) {
    struct px_call local, *c = call_begin(p, &local, PX_CALL_ACCEPT, fd);
    if (!c) return -1;
    struct sock *s = socket_of(p, fd);
    if (flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) return (int)call_end(p, c, fail(EINVAL));
    if (!s) return (int)call_end(p, c, -1);
    if (addr && s->phase == LISTENING && (!len || (int)*len < 0))
        return (int)call_end(p, c, fail(len ? EINVAL : EFAULT));
    c->at = addr;
    c->addrlen = len;
    c->flags = flags;
    c->deadline_ns = call_deadline(p, &s->file, 0, s->receive_timeout_ns);
    return (int)call_run(p, c);
}

int px_accept(struct posix *p, int fd, struct sockaddr *addr, socklen_t *len) {
    return px_accept4(p, fd, addr, len, 0);
}

/* ---- connect ---- */

/* 0.0.0.0 and :: are this host. */
static tern_addr target(const struct sock *s, const tern_addr *addr) {
    tern_addr to = *addr;
    if (!addr_any(addr)) return to;
    to = (tern_addr){.family = s->domain == AF_INET || s->local.family == 4 ? 4 : 6};
    if (s->local.family && !addr_any(&s->local)) return s->local;
    tern_addr own;
    for (size_t i = 0; tern_addr_at(s->px->config.stack, i, &own, NULL, NULL); i++)
        if (own.family == to.family) return own;
    return to;
}

int connect_start(struct sock *s, const tern_addr *addr, uint16_t port) {
    struct posix *p = s->px;
    tern_open o = {.size = sizeof o, .remote = target(s, addr), .remote_port = port, .local_port = s->port};
    tern_sock handle;
    if (!port) return ECONNREFUSED;
    if (s->opt[S_V6ONLY] && o.remote.family == 4 && s->domain == AF_INET6) return ENETUNREACH;
    if (!addr_any(&s->local)) o.local = s->local;
    if (o.local.family && o.local.family != o.remote.family) return s->domain == AF_INET6 ? EINVAL : ENETUNREACH;
    int r = tern_connect(p->config.stack, &o, &handle);
    if (r == TERN_EADDRINUSE) return EADDRNOTAVAIL;
    if (r == TERN_EADDRNOTAVAIL) return o.local.family ? EADDRNOTAVAIL : ENETUNREACH;
    if (r < 0) return errno_of(r);
    s->phase = CONNECTING;
    s->defer = false;
    s->error = s->soft = 0;
    sock_attach(s, handle);
    tern_status_info st;
    if (!s->locked && sock_status(s, &st)) bind_inherit(s, &st.flow.local, st.flow.local_port);
    file_wake(&s->file);
    return 0;
}

/* Once SO_ERROR or a write has taken the reason why it failed, what is left to say is ECONNABORTED. */
ssize_t connect_step(struct posix *p, struct px_call *c) {
    struct sock *s = sock_in(c->file);
    sock_refresh(s);
    enum tern_state state = sock_state(s);
    if (state == TERN_SYN_SENT || state == TERN_SYN_RECEIVED) {
        if (!call_expired(p, c)) return PX_PENDING;
        return fail(c->flags ? EALREADY : EINPROGRESS);
    }
    if (state == TERN_CLOSED) {
        int error = sock_take_error(s);
        sock_disconnect(s);
        return fail(error ? error : ECONNABORTED);
    }
    s->phase = CONNECTED;
    return 0;
}

/* Leaving a connection in this state is an error of it. */
static bool cuts_off(enum tern_state state) {
    return state != TERN_CLOSED && state != TERN_CLOSING && state != TERN_LAST_ACK;
}

/* 0: go on and wait; 1: done, all is well; else -1 with errno. */
static int connect_begin(struct sock *s, struct px_call *c, const struct sockaddr *addr, socklen_t len) {
    tern_addr to;
    uint16_t port;
    if (!addr) return fail(EFAULT);
    if (len < (socklen_t)sizeof addr->sa_family) return fail(EINVAL);
    if (addr->sa_family == AF_UNSPEC) {
        bool cut = s->phase != LISTENING && cuts_off(sock_state(s));
        sock_disconnect(s);
        if (cut) s->error = ECONNRESET;
        file_wake(&s->file);
        return 1;
    }
    if (s->phase == CONNECTED || s->phase == LISTENING) return fail(EISCONN);
    if (s->phase == CONNECTING && s->defer) return fail(EISCONN);
    if (s->phase == SPOILT) return fail(EINVAL);
    c->flags = s->phase == CONNECTING;
    if (c->flags) return 0;
    int error = addr_from(s, addr, len, &to, &port);
    if (!error && s->opt[S_FASTOPEN_CONNECT]) {
        s->to = to;
        s->to_port = port;
        s->defer = true;
        s->phase = CONNECTING;
        return 1;
    }
    if (!error) error = connect_start(s, &to, port);
    return error ? fail(error) : 0;
}

int px_connect(struct posix *p, int fd, const struct sockaddr *addr, socklen_t len) {
    struct px_call local, *c = call_begin(p, &local, PX_CALL_CONNECT, fd);
    if (!c) return -1;
    struct sock *s = socket_of(p, fd);
    if (!s) return (int)call_end(p, c, -1);
    int r = connect_begin(s, c, addr, len);
    if (r != 0) return (int)call_end(p, c, r < 0 ? r : 0);
    c->deadline_ns = call_deadline(p, &s->file, 0, s->send_timeout_ns);
    return (int)call_run(p, c);
}

/* ---- shutdown ---- */

int px_shutdown(struct posix *p, int fd, int how) {
    struct sock *s = socket_of(p, fd);
    if (!s) return -1;
    events_collect(p);
    if (how < SHUT_RD || how > SHUT_RDWR) return fail(EINVAL);
    sock_refresh(s);
    int bits = how + 1; /* SHUT_RECEIVE, SHUT_SEND, SHUT_BOTH */
    enum tern_state state = sock_state(s);
    bool early = state == TERN_CLOSED || state == TERN_SYN_SENT || state == TERN_SYN_RECEIVED;
    if (s->phase == CONNECTING) s->phase = early ? SPOILT : CONNECTED;
    if (s->phase == LISTENING) {
        if (bits & SHUT_RECEIVE) sock_disconnect(s);
    } else if (state == TERN_CLOSED) { /* an error, and yet it counts for the time that is left */
        s->shut |= (uint8_t)bits;
        file_wake(&s->file);
        return fail(ENOTCONN);
    } else if (state == TERN_SYN_SENT) {
        sock_disconnect(s);
        s->error = ECONNRESET;
    } else {
        s->shut |= (uint8_t)bits;
        if (bits & SHUT_RECEIVE) tern_set(p->config.stack, s->handle, TERN_OPT_NO_READER, 1);
        if (bits & SHUT_SEND) tern_shutdown(p->config.stack, s->handle);
    }
    file_wake(&s->file);
    return 0;
}

/* ---- names ---- */

static int name_out(const struct sock *s, const tern_addr *a, uint16_t port, struct sockaddr *addr, socklen_t *len) {
    if (!addr || !len) return fail(EFAULT);
    if ((int)*len < 0) return fail(EINVAL);
    addr_to(s, a, port, addr, len);
    return 0;
}

int px_getsockname(struct posix *p, int fd, struct sockaddr *addr, socklen_t *len) {
    const struct sock *s = socket_of(p, fd);
    tern_status_info st;
    if (!s) return -1;
    if (s->phase != LISTENING && sock_status(s, &st)) return name_out(s, &st.flow.local, st.flow.local_port, addr, len);
    tern_addr shown = s->local;
    if (!shown.family) shown.family = s->domain == AF_INET ? 4 : 6;
    return name_out(s, &shown, s->port, addr, len);
}

int px_getpeername(struct posix *p, int fd, struct sockaddr *addr, socklen_t *len) {
    struct sock *s = socket_of(p, fd);
    tern_status_info st;
    if (!s) return -1;
    sock_refresh(s);
    enum tern_state state = sock_state(s);
    if (s->phase == LISTENING || state == TERN_CLOSED || state == TERN_SYN_SENT || !sock_status(s, &st))
        return fail(ENOTCONN);
    return name_out(s, &st.flow.remote, st.flow.remote_port, addr, len);
}

tern_sock px_sock(const struct posix *p, int fd) {
    const struct sock *s = socket_of(p, fd);
    return s ? s->handle : (tern_sock){0};
}
