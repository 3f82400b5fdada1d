/* epoll.c - epoll(7): level- and edge-triggered, one-shot. What is ready is known from wake-ups, not by asking every
 * file: only files on the ready list are looked at, so waiting costs what happens, not what is watched. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "posix/inner.h"

enum { MAX_EVENTS = INT32_MAX / (int)sizeof(struct epoll_event), TABLE_LEAST = 16 };

struct watch {
    struct epoll *epoll;
    struct file *file;
    int fd;
    struct epoll_event event;
    struct watch *hash_next;                /* of the epoll, by descriptor */
    struct watch *next, **link;             /* of the file */
    struct watch *ready_next, **ready_link; /* of the epoll's ready list; link NULL: not on it */
};

struct epoll {
    struct file file;
    struct watch *ready, **ready_tail;
    struct watch **table;
    size_t size, used;
};

/* ---- the ready list ---- */

static void ready_add(struct watch *w) {
    struct epoll *e = w->epoll;
    if (w->ready_link) return;
    w->ready_next = NULL;
    w->ready_link = e->ready_tail;
    *e->ready_tail = w;
    e->ready_tail = &w->ready_next;
}

static void ready_remove(struct watch *w) {
    if (!w->ready_link) return;
    *w->ready_link = w->ready_next;
    if (w->ready_next)
        w->ready_next->ready_link = w->ready_link;
    else
        w->epoll->ready_tail = w->ready_link;
    w->ready_link = NULL;
}

void file_wake(struct file *f) {
    for (struct watch *w = f->watches; w; w = w->next) ready_add(w);
}

/* ---- the table of watches ---- */

static struct watch **place(const struct epoll *e, const struct file *f, int fd) {
    struct watch **at = &e->table[(uint32_t)fd * 0x9e3779b1u >> 7 & (e->size - 1)];
    while (*at && ((*at)->fd != fd || (*at)->file != f)) at = &(*at)->hash_next;
    return at;
}

static bool table_grow(struct epoll *e) {
    if (e->used < e->size) return true;
    struct watch **old = e->table;
    size_t old_size = e->size;
    struct watch **table = calloc(old_size ? 2 * old_size : TABLE_LEAST, sizeof(struct watch *));
    if (!table) return false;
    e->table = table;
    e->size = old_size ? 2 * old_size : TABLE_LEAST;
    for (size_t i = 0; i < old_size; i++) {
        for (struct watch *w = old[i], *next; w; w = next) {
            next = w->hash_next;
            w->hash_next = NULL;
            *place(e, w->file, w->fd) = w;
        }
    }
    free(old);
    return true;
}

static void watch_remove(struct watch *w) {
    struct epoll *e = w->epoll;
    ready_remove(w);
    *place(e, w->file, w->fd) = w->hash_next;
    *w->link = w->next;
    if (w->next) w->next->link = w->link;
    e->used--;
    free(w);
}

void epoll_forget(struct file *f) {
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it takes itself off the list */
    while (f->watches) watch_remove(f->watches);
}

/* ---- making one ---- */

int px_epoll_create1(struct posix *p, int flags) {
    if (flags & ~EPOLL_CLOEXEC) return fail(EINVAL);
    struct epoll *e = calloc(1, sizeof *e);
    if (!e) return fail(ENOMEM);
    e->file = (struct file){.kind = FILE_EPOLL, .refs = 1, .flags = O_RDWR};
    e->ready_tail = &e->ready;
    int fd = fd_open(p, &e->file, flags & EPOLL_CLOEXEC);
    if (fd < 0) file_drop(p, &e->file);
    return fd;
}

int px_epoll_create(struct posix *p, int size) { return size > 0 ? px_epoll_create1(p, 0) : fail(EINVAL); }

void epoll_free(struct posix *p, struct epoll *e) {
    (void)p;
    for (size_t i = 0; i < e->size; i++)
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it takes itself out of the table */
        while (e->table[i]) watch_remove(e->table[i]);
    free(e->table);
    free(e);
}

/* ---- control ---- */

static struct epoll *epoll_of(const struct posix *p, int epfd) {
    struct file *f = file_of(p, epfd);
    if (f && f->kind == FILE_EPOLL) return (struct epoll *)(void *)f;
    if (f) fail(EINVAL);
    return NULL;
}

/* EPOLLERR and EPOLLHUP are always told, until a one-shot watch is spent. */
static void arm(struct watch *w, const struct epoll_event *event) {
    w->event = *event;
    w->event.events |= EPOLLERR | EPOLLHUP;
    ready_add(w);
}

static bool watch_add(struct epoll *e, struct file *f, int fd, const struct epoll_event *event) {
    struct watch *w = table_grow(e) ? calloc(1, sizeof *w) : NULL;
    if (!w) return false;
    *w = (struct watch){.epoll = e, .file = f, .fd = fd, .next = f->watches, .link = &f->watches};
    if (w->next) w->next->link = &w->next;
    f->watches = w;
    *place(e, f, fd) = w;
    e->used++;
    arm(w, event);
    return true;
}

int px_epoll_ctl(struct posix *p, int epfd, int op, int fd, struct epoll_event *event) {
    struct file *ef = file_of(p, epfd), *f = ef ? file_of(p, fd) : NULL;
    if (!f) return -1;
    if (op != EPOLL_CTL_DEL && !event) return fail(EFAULT);
    if (f == ef) return fail(EINVAL);
    struct epoll *e = epoll_of(p, epfd);
    if (!e) return -1;
    if (f->kind == FILE_EPOLL) return fail(ELOOP); /* no epolls in epolls here */
    events_collect(p);
    struct watch *w = e->size ? *place(e, f, fd) : NULL;
    switch (op) {
    case EPOLL_CTL_ADD:
        if (w) return fail(EEXIST);
        return watch_add(e, f, fd, event) ? 0 : fail(ENOMEM);
    case EPOLL_CTL_MOD:
        if (!w) return fail(ENOENT);
        arm(w, event);
        return 0;
    case EPOLL_CTL_DEL:
        if (!w) return fail(ENOENT);
        watch_remove(w);
        return 0;
    default: return fail(EINVAL);
    }
}

/* ---- waiting ---- */

static uint32_t ready_for(struct posix *p, const struct watch *w) {
    uint32_t wanted = w->event.events & ~(uint32_t)(EPOLLET | EPOLLONESHOT | EPOLLWAKEUP | EPOLLEXCLUSIVE);
    return wanted ? (uint32_t)(uint16_t)file_ready(p, w->file) & wanted : 0;
}

static bool held_back(const struct watch *w) {
    return w->event.events & EPOLLOUT && w->file->kind == FILE_SOCKET && sock_held_back(sock_in(w->file));
}

/* Each file on the list is looked at once; a level-triggered one that is ready goes to the end, for next time. */
static int harvest(struct posix *p, struct epoll *e, struct epoll_event *out, int max) {
    struct watch *keep = NULL, **keep_tail = &keep;
    int n = 0;
    while (e->ready && n < max) {
        struct watch *w = e->ready;
        uint32_t mask = ready_for(p, w);
        ready_remove(w);
        bool again = held_back(w);
        if (mask) {
            out[n].events = mask;
            out[n++].data = w->event.data;
            if (w->event.events & EPOLLONESHOT)
                w->event.events &= EPOLLET | EPOLLONESHOT;
            else
                again |= !(w->event.events & EPOLLET);
        }
        if (!again) continue;
        w->ready_next = NULL;
        *keep_tail = w;
        keep_tail = &w->ready_next;
    }
    for (struct watch *w = keep, *next; w; w = next) {
        next = w->ready_next;
        ready_add(w);
    }
    return n;
}

short epoll_ready(struct posix *p, struct epoll *e) {
    for (const struct watch *w = e->ready; w; w = w->ready_next)
        if (ready_for(p, w)) return POLLIN | POLLRDNORM;
    return 0;
}

ssize_t epoll_step(struct posix *p, struct px_call *c) {
    int n = harvest(p, (struct epoll *)(void *)c->file, c->at, c->max);
    return n || call_expired(p, c) ? n : PX_PENDING;
}

int px_epoll_wait(struct posix *p, int epfd, struct epoll_event *events, int max, int timeout_ms) {
    struct px_call local, *c = call_begin(p, &local, PX_CALL_EPOLL, epfd);
    if (!c) return -1;
    if (max <= 0 || max > MAX_EVENTS) return (int)call_end(p, c, fail(EINVAL));
    if (!events) return (int)call_end(p, c, fail(EFAULT));
    if (!epoll_of(p, epfd)) return (int)call_end(p, c, -1);
    c->at = events;
    c->max = max;
    c->deadline_ns = deadline_ms(p, timeout_ms);
    return (int)call_run(p, c);
}
