/* wait.c - calls that wait: each kind has a step that is tried until it no longer says PX_PENDING, here and now with the
 * pump, or later by px_resume. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "posix/inner.h"

static call_step *const steps[] = {
    [PX_CALL_CONNECT] = connect_step, [PX_CALL_ACCEPT] = accept_step, [PX_CALL_RECEIVE] = receive_step,
    [PX_CALL_SEND] = send_step,       [PX_CALL_CLOSE] = close_step,   [PX_CALL_POLL] = poll_step,
    [PX_CALL_EPOLL] = epoll_step,     [PX_CALL_SPLICE] = splice_step};

uint64_t call_deadline(const struct posix *p, const struct file *f, int flags, uint64_t timeout_ns) {
    if (flags & MSG_DONTWAIT || f->flags & O_NONBLOCK) return 0;
    return timeout_ns ? now_of(p) + timeout_ns : TERN_NEVER;
}

uint64_t deadline_ms(const struct posix *p, int timeout_ms) {
    if (timeout_ms < 0) return TERN_NEVER;
    return timeout_ms ? now_of(p) + (uint64_t)timeout_ms * 1000000u : 0;
}

void px_defer(struct posix *p, struct px_call *call) { p->deferred = call; }

struct px_call *call_begin(struct posix *p, struct px_call *local, enum px_kind kind, int fd) {
    struct px_call *c = p->deferred ? p->deferred : local;
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): one of the two is always there */
    *c = (struct px_call){.deadline_ns = TERN_NEVER, .kind = kind, .deferred = c == p->deferred};
    p->deferred = NULL;
    events_collect(p);
    if (kind == PX_CALL_POLL) return c;
    c->file = file_of(p, fd);
    if (!c->file) return NULL;
    file_hold(c->file);
    return c;
}

ssize_t call_end(struct posix *p, struct px_call *c, ssize_t result) {
    int error = errno;
    c->kind = PX_CALL_NONE;
    file_drop(p, c->file);
    file_drop(p, c->other);
    c->file = c->other = NULL;
    errno = error;
    return result;
}

/* Nothing will ever happen. A count of what was done already is a result; a lingering close has none to give. */
static ssize_t in_vain(struct posix *p, struct px_call *c) {
    if (c->kind == PX_CALL_CLOSE || c->done) return call_end(p, c, (ssize_t)c->done);
    errno = EDEADLK;
    return call_end(p, c, -1);
}

ssize_t call_run(struct posix *p, struct px_call *c) {
    call_step *step = steps[c->kind];
    ssize_t r = step(p, c);
    if (r != PX_PENDING) return call_end(p, c, r);
    if (c->deferred) return r;
    while (p->config.pump) {
        enum px_pumped pumped = p->config.pump(p->config.ctx, c->deadline_ns);
        events_collect(p);
        r = step(p, c);
        if (r != PX_PENDING) return call_end(p, c, r);
        if (pumped == PX_NEVER) break;
    }
    return in_vain(p, c);
}

void px_cancel(struct posix *p, struct px_call *c) {
    if (c && c->kind != PX_CALL_NONE) call_end(p, c, 0);
}

ssize_t px_resume(struct posix *p, struct px_call *c) {
    if (!c || c->kind == PX_CALL_NONE) return fail(EINVAL);
    events_collect(p);
    ssize_t r = steps[c->kind](p, c);
    return r == PX_PENDING ? r : call_end(p, c, r);
}
