/* event.c - what the stack has to tell: soft errors, room to write, and whom to wake. What became of a connection is
 * read from its status instead (socket.c), so that no event can be missed. */
#include <errno.h>

#include "posix/inner.h"

static struct sock *owner(const struct posix *p, const tern_event *e) {
    struct sock *s = e->sock.id && e->user < p->socks_size ? p->socks[e->user] : NULL;
    return s && s->handle.id == e->sock.id ? s : NULL;
}

static void wake(struct sock *s) {
    const struct sock *first = s;
    do {
        file_wake(&s->file);
        s = s->twin;
    } while (s && s != first);
}

void events_collect(struct posix *p) {
    tern_event events[32];
    for (int n; (n = tern_poll(p->config.stack, events, 32)) > 0;) {
        for (int i = 0; i < n; i++) {
            struct sock *s = owner(p, &events[i]);
            if (!s) {
                if (p->config.on_event) p->config.on_event(p->config.ctx, &events[i]);
                continue;
            }
            if (events[i].bits & TERN_EV_WRITE) s->full = false;
            if (events[i].bits & TERN_EV_SOFT_ERROR && events[i].error == TERN_EUNREACH) s->soft = EHOSTUNREACH;
            wake(s);
        }
    }
}
