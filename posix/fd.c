/* fd.c - the table of descriptors, open files behind them, and the life of a struct posix. What the files do is
 * elsewhere. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "posix/inner.h"

enum { FDS_MOST = 1024, NUMBER_MOST = 1 << 20, FDS_STEP = 64 };

uint64_t now_of(const struct posix *p) { return p->config.now(p->config.ctx); }

int px_new(const struct px_config *config, struct posix **out) {
    if (!config || !out || !config->stack || !config->now || config->first_fd < 0 || config->fds_max < 0 ||
        !config->fd_take != !config->fd_give)
        return fail(EINVAL);
    struct posix *p = calloc(1, sizeof *p);
    if (!p) return fail(ENOMEM);
    p->config = *config;
    if (!p->config.fds_max) p->config.fds_max = FDS_MOST;
    if (p->config.fd_take) p->config.first_fd = 0;
    *out = p;
    return 0;
}

void px_free(struct posix *p) {
    if (!p) return;
    for (size_t i = 0; i < p->fds_size; i++) {
        struct file *f = p->fds[i];
        if (!f) continue;
        if (f->kind == FILE_SOCKET && sock_in(f)->phase != LISTENING) tern_abort(p->config.stack, sock_in(f)->handle);
        file_drop(p, f);
        if (p->config.fd_give) p->config.fd_give(p->config.ctx, (int)i);
    }
    free(p->fds);
    free(p->cloexec);
    free(p->socks);
    free(p);
}

/* ---- files ---- */

void file_hold(struct file *f) { f->refs++; }

void file_drop(struct posix *p, struct file *f) {
    if (!f || --f->refs) return;
    epoll_forget(f);
    switch (f->kind) {
    case FILE_SOCKET:
        sock_release(p, sock_in(f));
        sock_free(p, sock_in(f));
        break;
    case FILE_EPOLL: epoll_free(p, (struct epoll *)(void *)f); break;
    case FILE_PIPE: pipe_free((struct pipe *)(void *)f); break;
    }
}

/* ---- descriptors ---- */

struct file *file_of(const struct posix *p, int fd) {
    size_t i = (size_t)fd - (size_t)p->config.first_fd;
    struct file *f = fd >= p->config.first_fd && i < p->fds_size ? p->fds[i] : NULL;
    if (!f) fail(EBADF);
    return f;
}

struct sock *socket_of(const struct posix *p, int fd) {
    struct file *f = file_of(p, fd);
    if (!f) return NULL;
    if (f->kind == FILE_SOCKET) return sock_in(f);
    fail(ENOTSOCK);
    return NULL;
}

bool fd_room(const struct posix *p) { return p->fds_open < p->config.fds_max; }

static bool grow(struct posix *p, size_t need) {
    if (need <= p->fds_size) return true;
    size_t size = p->fds_size;
    while (size < need) size += size < FDS_STEP ? FDS_STEP : size;
    struct file **fds = realloc(p->fds, size * sizeof *fds);
    if (!fds) return false;
    p->fds = fds;
    uint8_t *cloexec = realloc(p->cloexec, size);
    if (!cloexec) return false;
    p->cloexec = cloexec;
    memset(fds + p->fds_size, 0, (size - p->fds_size) * sizeof *fds);
    memset(cloexec + p->fds_size, 0, size - p->fds_size);
    p->fds_size = size;
    return true;
}

static size_t lowest(const struct posix *p, size_t from) {
    while (from < p->fds_size && p->fds[from]) from++;
    return from;
}

/* An index into fds, at least `from`, or -1 with errno. */
static int number_take(struct posix *p, size_t from) {
    if (!fd_room(p)) return fail(EMFILE);
    int i = p->config.fd_take ? p->config.fd_take(p->config.ctx) : (int)lowest(p, from);
    if (i < 0) return -1;
    if (i < NUMBER_MOST && grow(p, (size_t)i + 1)) return i;
    if (p->config.fd_give) p->config.fd_give(p->config.ctx, i);
    return fail(i < NUMBER_MOST ? ENOMEM : EMFILE);
}

static int open_from(struct posix *p, struct file *f, bool cloexec, size_t from) {
    int i = number_take(p, from);
    if (i < 0) return -1;
    p->fds[i] = f;
    p->cloexec[i] = cloexec;
    p->fds_open++;
    return i + p->config.first_fd;
}

int fd_open(struct posix *p, struct file *f, bool cloexec) { return open_from(p, f, cloexec, 0); }

static int duplicate(struct posix *p, int fd, long least, bool cloexec) {
    struct file *f = file_of(p, fd);
    if (!f) return -1;
    if (least < 0 || least >= NUMBER_MOST) return fail(EINVAL);
    long from = least - p->config.first_fd;
    int copy = open_from(p, f, cloexec, from > 0 ? (size_t)from : 0);
    if (copy >= 0) file_hold(f);
    return copy;
}

int px_dup(struct posix *p, int fd) { return duplicate(p, fd, 0, false); }

int px_fcntl(struct posix *p, int fd, int command, long argument) {
    struct file *f = file_of(p, fd);
    enum { CHANGEABLE = O_NONBLOCK | O_APPEND | O_ASYNC | O_NOATIME };
    if (!f) return -1;
    uint8_t *cloexec = &p->cloexec[fd - p->config.first_fd];
    switch (command) {
    case F_GETFL: return f->flags;
    case F_SETFL: f->flags = (f->flags & ~CHANGEABLE) | ((int)argument & CHANGEABLE); return 0;
    case F_GETFD: return *cloexec ? FD_CLOEXEC : 0;
    case F_SETFD: *cloexec = argument & FD_CLOEXEC; return 0;
    case F_DUPFD: return duplicate(p, fd, argument, false);
    case F_DUPFD_CLOEXEC: return duplicate(p, fd, argument, true);
    default: return fail(EINVAL);
    }
}

/* ---- close ---- */

/* With SO_LINGER, the last close waits until the peer has everything, or the time is over. It gives no error then. */
ssize_t close_step(struct posix *p, struct px_call *c) {
    tern_status_info st = {.size = sizeof st};
    if (tern_status(p->config.stack, c->sock, &st) < 0) return 0;
    bool waits = st.state == TERN_FIN_WAIT_1 || st.state == TERN_CLOSING || st.state == TERN_LAST_ACK;
    return waits && !call_expired(p, c) ? PX_PENDING : 0;
}

int px_close(struct posix *p, int fd) {
    struct px_call local, *c = call_begin(p, &local, PX_CALL_CLOSE, fd);
    if (!c) return -1;
    size_t i = (size_t)(fd - p->config.first_fd);
    struct file *f = p->fds[i];
    p->fds[i] = NULL;
    p->fds_open--;
    if (p->config.fd_give) p->config.fd_give(p->config.ctx, (int)i);
    bool last = f->refs == 2; /* the descriptor's and this call's */
    if (last && f->kind == FILE_SOCKET) {
        struct sock *s = sock_in(f);
        c->sock = s->phase == LISTENING ? (tern_sock){0} : s->handle;
        c->deadline_ns = s->linger > 0 ? now_of(p) + (uint64_t)s->linger * 1000000000u : 0;
    }
    file_drop(p, f);
    c->file = NULL;
    file_drop(p, f);
    return (int)call_run(p, c);
}
