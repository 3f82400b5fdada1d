/* calls_poll.c - poll and epoll. See calls.h. */
#include <string.h>

#include "drill/run.h"
#include "po/i18n.h"

enum { POLLED = 32 };

static int64_t field(struct frame *f, const struct expr *brace, const char *name) {
    const struct expr *e = expr_field(brace, name);
    return e != NULL ? frame_integer(f, e) : 0;
}

/* [{fd=4, events=POLLIN, revents=POLLIN}] */
int64_t make_poll(struct frame *f) {
    struct pollfd *fds = frame_memory(f, POLLED * sizeof *fds);
    unsigned n = 0;
    if (fds == NULL) return -1;
    if (f->arg[0]->kind != EXPR_LIST) frame_wrong(f, f->arg[0], _("poll takes [{fd=4, events=POLLIN, revents=0}]"));
    for (const struct expr *e = f->arg[0]->first; e != NULL && n < POLLED; e = e->next, n++) {
        const struct expr *fd = e->kind == EXPR_BRACE ? expr_field(e, "fd") : NULL;
        fds[n].fd = frame_fd(f, fd);
        fds[n].events = (short)field(f, e, "events");
    }
    if (f->out->kind == OUTCOME_WRONG) return -1;
    return px_poll(f->run->world.posix, fds, (nfds_t)frame_integer(f, f->arg[1]), (int)frame_integer(f, f->arg[2]));
}

void done_poll(struct frame *f) {
    const struct pollfd *fds = f->memory[0];
    if (f->out->result < 0) return;
    for (const struct expr *e = f->arg[0]->first; e != NULL; e = e->next, fds++) {
        const struct expr *want = expr_field(e, "revents");
        if (want == NULL || want->kind != EXPR_INTEGER || want->value == fds->revents) continue;
        frame_wrong(f, want, _("revents is 0x%x"), (unsigned)fds->revents);
    }
}

/* {events=EPOLLIN, fd=4}; the union may also be written as ptr, u32 or u64. */
static uint64_t data_of(struct frame *f, const struct expr *e, bool *stated) {
    static const char *const names[] = {"fd", "ptr", "u32", "u64"};
    for (unsigned i = 0; i < 4; i++) {
        const struct expr *v = expr_field(e, names[i]);
        *stated = v != NULL && v->kind == EXPR_INTEGER;
        if (*stated) return (uint64_t)frame_integer(f, v);
    }
    return 0;
}

int64_t make_epoll_ctl(struct frame *f) {
    struct epoll_event event = {0};
    bool stated, given = f->arg[3]->kind == EXPR_BRACE;
    if (given) {
        event.events = (uint32_t)field(f, f->arg[3], "events");
        event.data.u64 = data_of(f, f->arg[3], &stated);
    }
    return px_epoll_ctl(f->run->world.posix, f->fd, (int)frame_integer(f, f->arg[1]), frame_fd(f, f->arg[2]),
                        given ? &event : NULL);
}

int64_t make_epoll_wait(struct frame *f) {
    struct epoll_event *events = frame_memory(f, POLLED * sizeof *events);
    int64_t max = frame_integer(f, f->arg[2]);
    if (events == NULL) return -1;
    return px_epoll_wait(f->run->world.posix, f->fd, events, max > POLLED ? POLLED : (int)max,
                         (int)frame_integer(f, f->arg[3]));
}

void done_epoll_wait(struct frame *f) {
    const struct epoll_event *got = f->memory[0];
    const struct expr *e = f->arg[1];
    bool stated;
    if (e->kind == EXPR_LIST) e = e->first;
    if (f->out->result <= 0 || e == NULL || e->kind != EXPR_BRACE) return;
    const struct expr *events = expr_field(e, "events");
    uint64_t data = data_of(f, e, &stated);
    if (events != NULL && events->kind == EXPR_INTEGER && (uint32_t)events->value != got->events)
        frame_wrong(f, events, _("the events are 0x%x"), got->events);
    if (stated && data != got->data.u64)
        frame_wrong(f, e, _("the event's data is %llu"), (unsigned long long)got->data.u64);
}
