/* socket.c - a socket between Linux's view and the stack's: its phase, its pending error, what is shut down. The calls
 * that change it are open.c's, send.c's and receive.c's. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "posix/inner.h"

int errno_of(int error) {
    switch (error) {
    case TERN_OK: return 0;
    case TERN_ENOMEM: return ENOMEM;
    case TERN_ESTALE:
    case TERN_ESTATE: return ENOTCONN;
    case TERN_EAGAIN: return EAGAIN;
    case TERN_EADDRINUSE: return EADDRINUSE;
    case TERN_EADDRNOTAVAIL:
    case TERN_EPORTS: return EADDRNOTAVAIL;
    case TERN_ENOROUTE: return ENETUNREACH;
    case TERN_ELIMIT: return ENOBUFS;
    case TERN_ERESET: return ECONNRESET;
    case TERN_EREFUSED: return ECONNREFUSED;
    case TERN_ETIMEDOUT: return ETIMEDOUT;
    case TERN_EUNREACH: return EHOSTUNREACH;
    case TERN_ECLOSED: return 0;
    case TERN_EMSGSIZE: return EMSGSIZE;
    default: return EINVAL;
    }
}

static bool slot_take(struct posix *p, struct sock *s) {
    size_t i = 0;
    while (i < p->socks_size && p->socks[i]) i++;
    if (i == p->socks_size) {
        size_t size = p->socks_size ? 2 * p->socks_size : 16;
        struct sock **socks = realloc(p->socks, size * sizeof(struct sock *));
        if (!socks) return false;
        memset(socks + p->socks_size, 0, (size - p->socks_size) * sizeof(struct sock *));
        p->socks = socks;
        p->socks_size = size;
    }
    s->slot = (uint32_t)i;
    p->socks[i] = s;
    return true;
}

struct sock *sock_new(struct posix *p, int domain) {
    struct sock *s = calloc(1, sizeof *s);
    if (!s || !slot_take(p, s)) {
        free(s);
        return NULL;
    }
    s->px = p;
    s->file = (struct file){.kind = FILE_SOCKET, .refs = 1, .flags = O_RDWR};
    s->domain = domain;
    options_default(s);
    return s;
}

void sock_free(struct posix *p, struct sock *s) {
    bind_release(s);
    p->socks[s->slot] = NULL;
    free(s);
}

void sock_attach(struct sock *s, tern_sock handle) {
    s->handle = handle;
    s->ended = s->full = s->fin = false;
    s->read = 0;
    s->oob = OOB_NONE;
    tern_set_user(s->px->config.stack, handle, s->slot);
    options_apply(s);
    if (s->shut & SHUT_RECEIVE) tern_set(s->px->config.stack, handle, TERN_OPT_NO_READER, 1);
}

/* One of several that share a listener of the stack leaves; true: others remain. */
static bool twin_leave(struct sock *s) {
    if (!s->twin) return false;
    struct sock *before = s->twin;
    while (before->twin != s) before = before->twin;
    tern_set_user(s->px->config.stack, s->handle, before->slot);
    before->twin = s->twin == before ? NULL : s->twin;
    s->twin = NULL;
    return true;
}

static void let_go(struct sock *s, bool reset) {
    tern_stack *stack = s->px->config.stack;
    if (!s->handle.id) return;
    if (!twin_leave(s)) {
        if (reset)
            tern_abort(stack, s->handle);
        else
            tern_close(stack, s->handle);
    }
    s->handle = (tern_sock){0};
}

void sock_release(struct posix *p, struct sock *s) {
    (void)p;
    let_go(s, s->linger == 0 && s->phase != LISTENING);
}

/* connect() to AF_UNSPEC, and what a failed connect() and a stopped listener come to: as new, but for settings, and for
 * the name if bind() gave it. */
void sock_disconnect(struct sock *s) {
    bool lived = s->handle.id && !s->ended;
    let_go(s, s->phase != LISTENING);
    s->phase = UNCONNECTED;
    s->shut = 0;
    s->ended = s->defer = s->fin = false;
    if (lived && !s->locked) bind_release(s);
}

bool sock_status(const struct sock *s, tern_status_info *out) {
    *out = (tern_status_info){.size = sizeof *out};
    return s->handle.id && tern_status(s->px->config.stack, s->handle, out) == TERN_OK;
}

enum tern_state sock_state(const struct sock *s) {
    tern_status_info st;
    if (!sock_status(s, &st) || st.state == TERN_TIME_WAIT) return TERN_CLOSED;
    return st.state;
}

/* A reset in CLOSE-WAIT is a broken pipe; a timeout is what the network has said about it meanwhile. */
static int end_error(const struct sock *s, const tern_status_info *st) {
    if (st->error == TERN_ERESET && st->peer_closed && !st->closed_by_user) return EPIPE;
    if (st->error == TERN_ETIMEDOUT && s->soft) return s->soft;
    return errno_of(st->error);
}

void sock_refresh(struct sock *s) {
    tern_status_info st;
    if (s->phase == LISTENING || s->ended || !sock_status(s, &st)) return;
    if (st.peer_closed) {
        s->fin = true;
        s->shut |= SHUT_RECEIVE;
    }
    if (st.state == TERN_TIME_WAIT) {
        s->shut = SHUT_BOTH;
        if (!s->locked) bind_release(s);
    }
    oob_refresh(s, &st);
    if (st.state != TERN_CLOSED) return;
    s->ended = true;
    s->shut = SHUT_BOTH;
    int error = end_error(s, &st);
    if (error) s->error = error;
    if (!s->locked) bind_release(s);
}

int sock_take_error(struct sock *s) {
    int error = s->error;
    s->error = 0;
    return error;
}
