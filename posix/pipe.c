/* pipe.c - pipes of the process that splice(2) can join to sockets; nothing here leaves this struct posix. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "posix/inner.h"

enum { PIPE_SIZE = 65536 };

/* The two ends share the bytes. */
struct store {
    int ends;
    size_t head, used;
    uint8_t at[PIPE_SIZE];
};

struct pipe {
    struct file file;
    struct store *store;
    struct pipe *other; /* NULL: closed */
    bool reads;
};

static struct pipe *pipe_in(struct file *f) { return (struct pipe *)(void *)f; }

static size_t store_put(struct store *b, const void *data, size_t len) {
    size_t n = len < PIPE_SIZE - b->used ? len : PIPE_SIZE - b->used, at = (b->head + b->used) % PIPE_SIZE;
    size_t first = n < PIPE_SIZE - at ? n : PIPE_SIZE - at;
    if (!n) return 0;
    memcpy(b->at + at, data, first);
    memcpy(b->at, (const uint8_t *)data + first, n - first);
    b->used += n;
    return n;
}

/* The stretch at the front. */
static size_t store_front(const struct store *b, const uint8_t **at) {
    *at = b->at + b->head;
    return b->used < PIPE_SIZE - b->head ? b->used : PIPE_SIZE - b->head;
}

static void store_drop(struct store *b, size_t len) {
    b->head = (b->head + len) % PIPE_SIZE;
    b->used -= len;
}

int px_pipe(struct posix *p, int fds[2]) {
    struct pipe *end[2] = {calloc(1, sizeof **end), calloc(1, sizeof **end)};
    struct store *store = calloc(1, sizeof *store);
    if (!end[0] || !end[1] || !store) {
        free(end[0]), free(end[1]), free(store);
        return fail(ENOMEM);
    }
    store->ends = 2;
    for (int i = 0; i < 2; i++)
        *end[i] = (struct pipe){.file = {.kind = FILE_PIPE, .refs = 1, .flags = i ? O_WRONLY : O_RDONLY},
                                .store = store,
                                .other = end[!i],
                                .reads = !i};
    fds[0] = fd_open(p, &end[0]->file, false);
    fds[1] = fds[0] < 0 ? -1 : fd_open(p, &end[1]->file, false);
    if (fds[1] >= 0) return 0;
    int error = errno;
    if (fds[0] >= 0)
        px_close(p, fds[0]);
    else
        file_drop(p, &end[0]->file);
    file_drop(p, &end[1]->file);
    return fail(error);
}

void pipe_free(struct pipe *q) {
    if (q->other) {
        q->other->other = NULL;
        file_wake(&q->other->file);
    }
    if (--q->store->ends == 0) free(q->store);
    free(q);
}

short pipe_ready(const struct pipe *q) {
    short r = 0;
    if (q->reads) {
        if (q->store->used) r |= POLLIN | POLLRDNORM;
        return q->other ? r : r | POLLHUP;
    }
    if (q->store->used < PIPE_SIZE) r |= POLLOUT | POLLWRNORM;
    return q->other ? r : r | POLLERR;
}

static void wake_other(const struct pipe *q) {
    if (q->other) file_wake(&q->other->file);
}

ssize_t pipe_read(struct posix *p, struct px_call *c) {
    struct pipe *q = pipe_in(c->file);
    const uint8_t *from;
    if (!q->reads) return fail(EBADF);
    for (size_t i = 0; i < c->msg->msg_iovlen; i++) {
        const struct iovec *v = &c->msg->msg_iov[i];
        for (size_t at = 0, n; at < v->iov_len && (n = store_front(q->store, &from)) > 0; at += n, c->done += n) {
            if (n > v->iov_len - at) n = v->iov_len - at;
            memcpy((uint8_t *)v->iov_base + at, from, n);
            store_drop(q->store, n);
        }
    }
    if (c->done) wake_other(q);
    if (c->done || !q->other) return (ssize_t)c->done;
    return call_expired(p, c) ? fail(EAGAIN) : PX_PENDING;
}

ssize_t pipe_write(struct posix *p, struct px_call *c) {
    struct pipe *q = pipe_in(c->file);
    if (q->reads) return fail(EBADF);
    if (!q->other && !c->done) return fail(EPIPE);
    size_t skip = c->done;
    for (size_t i = 0; q->other && i < c->msg->msg_iovlen; i++) {
        const struct iovec *v = &c->msg->msg_iov[i];
        size_t before = skip < v->iov_len ? skip : v->iov_len;
        skip -= before;
        c->done += store_put(q->store, (const uint8_t *)v->iov_base + before, v->iov_len - before);
    }
    wake_other(q);
    if (c->done == c->total || !q->other) return (ssize_t)c->done;
    if (!call_expired(p, c)) return PX_PENDING;
    return c->done ? (ssize_t)c->done : fail(EAGAIN);
}

/* ---- splice ---- */

/* Both ways through the calls of data: a part of what fits, never waiting inside. */
static ssize_t to_pipe(struct sock *s, struct pipe *q, size_t len) {
    uint8_t bytes[4096];
    size_t done = 0;
    sock_refresh(s);
    while (done < len && q->store->used < PIPE_SIZE) {
        size_t want = len - done < sizeof bytes ? len - done : sizeof bytes;
        if (want > PIPE_SIZE - q->store->used) want = PIPE_SIZE - q->store->used;
        size_t n = s->handle.id ? received_copy(s, 0, bytes, want) : 0;
        if (!n) break;
        store_put(q->store, bytes, n);
        received_consume(s, n);
        done += n;
    }
    if (done) wake_other(q);
    return (ssize_t)done;
}

static ssize_t from_socket(struct posix *p, struct px_call *c, struct sock *s) {
    struct pipe *q = pipe_in(c->other);
    if (!q->other) return fail(EPIPE);
    if (s->phase == LISTENING) return fail(ENOTCONN);
    ssize_t n = to_pipe(s, q, c->total);
    if (n) return n;
    int error = q->store->used == PIPE_SIZE ? 0 : sock_take_error(s);
    if (error) return fail(error);
    if (q->store->used < PIPE_SIZE && s->shut & SHUT_RECEIVE) return 0;
    if (sock_state(s) == TERN_CLOSED) return fail(ENOTCONN);
    return call_expired(p, c) ? fail(EAGAIN) : PX_PENDING;
}

/* What the pipe holds is offered to the socket as a write that does not wait. */
static ssize_t to_socket(struct posix *p, struct px_call *c) {
    struct pipe *q = pipe_in(c->file);
    const uint8_t *at;
    size_t n = store_front(q->store, &at);
    if (!n && !q->other) return 0;
    if (!n) return call_expired(p, c) ? fail(EAGAIN) : PX_PENDING;
    struct iovec v = {(void *)(uintptr_t)at, n < c->total ? n : c->total};
    struct msghdr msg = {.msg_iov = &v, .msg_iovlen = 1};
    struct px_call part = {.kind = PX_CALL_SEND, .file = c->other, .msg = &msg, .total = v.iov_len};
    if (c->flags & SPLICE_F_MORE) part.flags |= MSG_MORE;
    ssize_t r = send_step(p, &part);
    if (r > 0) {
        store_drop(q->store, (size_t)r);
        wake_other(q);
    }
    if (r < 0 && errno == EAGAIN && !call_expired(p, c)) return PX_PENDING;
    return r;
}

ssize_t splice_step(struct posix *p, struct px_call *c) {
    return c->file->kind == FILE_PIPE ? to_socket(p, c) : from_socket(p, c, sock_in(c->file));
}

ssize_t px_splice(struct posix *p, int from, loff_t *from_at, int to, loff_t *to_at, size_t len, unsigned flags) {
    struct px_call local, *c = call_begin(p, &local, PX_CALL_SPLICE, from);
    if (!c) return -1;
    c->other = file_of(p, to);
    if (!c->other) return call_end(p, c, -1);
    file_hold(c->other);
    if (from_at || to_at) return call_end(p, c, fail(ESPIPE));
    bool into = c->file->kind == FILE_SOCKET && c->other->kind == FILE_PIPE && !pipe_in(c->other)->reads;
    bool out = c->file->kind == FILE_PIPE && c->other->kind == FILE_SOCKET && pipe_in(c->file)->reads;
    if (!into && !out) return call_end(p, c, fail(EINVAL));
    if (!len) return call_end(p, c, 0);
    c->total = len;
    c->flags = (int)flags;
    int wait = out && flags & SPLICE_F_NONBLOCK ? MSG_DONTWAIT : 0; /* of the pipe; a socket has O_NONBLOCK */
    const struct sock *s = sock_in(into ? c->file : c->other);
    c->deadline_ns = call_deadline(p, &s->file, wait, into ? s->receive_timeout_ns : s->send_timeout_ns);
    return call_run(p, c);
}
