/* calls.c - the calls of scripts over posix/: their table, arguments and results; streams and descriptors. Messages,
 * options and polling are in calls_*.c. */
#include "drill/calls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "drill/run.h"
#include "po/i18n.h"

/* ---- arguments ---- */

void frame_wrong(struct frame *f, const struct expr *at, const char *format, ...) {
    va_list args;
    if (f->out->kind == OUTCOME_WRONG) return;
    f->out->kind = OUTCOME_WRONG;
    if (at != NULL) f->out->at = at->at;
    va_start(args, format);
    vsnprintf(f->out->text, sizeof f->out->text, format, args);
    va_end(args);
}

int64_t frame_integer(struct frame *f, const struct expr *e) {
    if (e == NULL || e->kind != EXPR_INTEGER) {
        frame_wrong(f, e, _("a number is needed here"));
        return 0;
    }
    return e->value;
}

/* The live descriptor; -1 for a number that the script never got, so that the call says EBADF. */
int frame_fd(struct frame *f, const struct expr *e) {
    int64_t number = frame_integer(f, e);
    for (unsigned i = 0; i < f->run->fds; i++)
        if (f->run->fd[i].script == number) return f->run->fd[i].live;
    return -1;
}

const struct expr *expr_field(const struct expr *brace, const char *name) {
    for (const struct expr *e = brace->first; e != NULL; e = e->next)
        if (e->field != NULL && strcmp(e->field, name) == 0) return e;
    return NULL;
}

void *frame_memory(struct frame *f, size_t size) {
    for (unsigned i = 0; i < CALL_MEMORY; i++) {
        if (f->memory[i] != NULL) continue;
        f->memory[i] = size <= BUFFER_MOST ? calloc(1, size + 1) : NULL;
        if (f->memory[i] == NULL) break;
        return f->memory[i];
    }
    frame_wrong(f, NULL, "%s", tern_strerror(TERN_ENOMEM, i18n_lang()));
    return NULL;
}

/* A buffer argument: `...` is ours, 0 or NULL is NULL; a string is its bytes. */
static void *buffer(struct frame *f, const struct expr *e, size_t len) {
    if (e->kind == EXPR_INTEGER && e->value == 0) return NULL;
    if (e->kind == EXPR_STRING) return e->text;
    if (e->kind != EXPR_ELLIPSIS) frame_wrong(f, e, _("a buffer is written as ..."));
    return frame_memory(f, len);
}

static size_t length(struct frame *f, const struct expr *e) {
    int64_t n = frame_integer(f, e);
    if (n < 0 || n > BUFFER_MOST) frame_wrong(f, e, _("a length lies between 0 and %d"), BUFFER_MOST);
    return f->out->kind == OUTCOME_WRONG ? 0 : (size_t)n;
}

static int integer(struct frame *f, unsigned i) { return (int)frame_integer(f, f->arg[i]); }

/* ---- descriptors ---- */

static void keep_fd(struct frame *f, int live) {
    struct run *r = f->run;
    const struct expr *want = f->call->result;
    int64_t script = want->kind == EXPR_INTEGER ? want->value : live;
    unsigned i = 0;
    while (i < r->fds && r->fd[i].script != script) i++;
    if (i == FDS_MOST) {
        frame_wrong(f, want, _("more than %d descriptors"), FDS_MOST);
        return;
    }
    if (i == r->fds) r->fds++;
    r->fd[i].script = script;
    r->fd[i].live = live;
    f->out->result = script;
}

/* A new descriptor is whatever number the script gives it; an error stays one. */
static void done_fd(struct frame *f) {
    if (f->out->result < 0) return;
    if (f->call->result->kind == EXPR_INTEGER && f->call->result->value < 0) return;
    keep_fd(f, (int)f->out->result);
}

static void done_close(struct frame *f) {
    struct run *r = f->run;
    if (f->out->result < 0) return;
    for (unsigned i = 0; i < r->fds; i++)
        if (r->fd[i].script == f->script_fd) r->fd[i] = r->fd[--r->fds];
}

/* ---- addresses ---- */

static socklen_t address_of(const struct drill_options *o, const tern_addr *a, uint16_t port,
                            struct sockaddr_storage *out) {
    memset(out, 0, sizeof *out);
    if (o->version == IP_V4) {
        struct sockaddr_in *in = (struct sockaddr_in *)out;
        in->sin_family = AF_INET;
        in->sin_port = htons(port);
        memcpy(&in->sin_addr, a->bytes, 4);
        return sizeof *in;
    }
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(port);
    if (a->family == 6) {
        memcpy(&in6->sin6_addr, a->bytes, 16);
    } else {
        in6->sin6_addr.s6_addr[10] = in6->sin6_addr.s6_addr[11] = 0xff;
        memcpy(in6->sin6_addr.s6_addr + 12, a->bytes, 4);
    }
    return sizeof *in6;
}

static const char *inner_text(const struct expr *e, const char *call) {
    bool fits = e != NULL && e->kind == EXPR_CALL && strcmp(e->text, call) == 0 && e->first != NULL;
    return fits && e->first->kind == EXPR_STRING ? e->first->text : NULL;
}

/* {sa_family=AF_INET, sin_port=htons(N), sin_addr=inet_addr("...")} */
static socklen_t literal(struct frame *f, const struct expr *e, struct sockaddr_storage *out) {
    const struct expr *family = expr_field(e, "sa_family");
    bool v6 = family != NULL && family->value == AF_INET6;
    const struct expr *port = expr_field(e, v6 ? "sin6_port" : "sin_port");
    const struct expr *addr = expr_field(e, v6 ? "sin6_addr" : "sin_addr");
    const char *text = inner_text(addr, v6 ? "inet6_addr" : "inet_addr");
    uint16_t number = 0;
    memset(out, 0, sizeof *out);
    if (port != NULL && port->kind == EXPR_CALL && strcmp(port->text, "htons") == 0)
        number = (uint16_t)frame_integer(f, port->first);
    void *to = v6 ? (void *)&((struct sockaddr_in6 *)out)->sin6_addr : (void *)&((struct sockaddr_in *)out)->sin_addr;
    if (addr != NULL && addr->kind == EXPR_INTEGER && !v6) {
        uint32_t any = htonl((uint32_t)addr->value);
        memcpy(to, &any, sizeof any);
    } else if (addr != NULL && (text == NULL || inet_pton(v6 ? AF_INET6 : AF_INET, text, to) != 1)) {
        frame_wrong(f, addr, _("an address is written inet_addr(\"192.0.2.1\") or inet6_addr(\"2001:db8::1\")"));
    }
    out->ss_family = (sa_family_t)(family != NULL ? family->value : AF_INET);
    if (v6) {
        ((struct sockaddr_in6 *)out)->sin6_port = htons(number);
        return sizeof(struct sockaddr_in6);
    }
    ((struct sockaddr_in *)out)->sin_port = htons(number);
    return sizeof(struct sockaddr_in);
}

/* The address argument of bind, connect and sendto. */
static socklen_t address(struct frame *f, const struct expr *e, bool remote, struct sockaddr_storage *out) {
    const struct drill_options *o = &f->run->options;
    if (e->kind == EXPR_BRACE) return literal(f, e, out);
    if (e->kind == EXPR_INTEGER) {
        memset(out, 0, sizeof *out);
        out->ss_family = (sa_family_t)e->value;
        return sizeof(struct sockaddr_in);
    }
    return address_of(o, remote ? &o->remote : &o->local, remote ? o->connect_port : o->bind_port, out);
}

static socklen_t address_len(struct frame *f, const struct expr *e, socklen_t own) {
    return e->kind == EXPR_ELLIPSIS ? own : (socklen_t)frame_integer(f, e);
}

/* ---- sockets ---- */

static int64_t make_socket(struct frame *f) {
    int family = f->run->options.version == IP_V4 ? AF_INET : AF_INET6;
    if (f->arg[0]->kind != EXPR_ELLIPSIS) family = integer(f, 0);
    return px_socket(f->run->world.posix, family, integer(f, 1), integer(f, 2));
}

static void done_socket(struct frame *f) {
    done_fd(f);
    if (f->out->result >= 0) tested_socket(&f->run->tested, f->out->result);
}

static int64_t make_bind(struct frame *f) {
    struct sockaddr_storage a;
    socklen_t len = address(f, f->arg[1], false, &a);
    return px_bind(f->run->world.posix, f->fd, (struct sockaddr *)&a, address_len(f, f->arg[2], len));
}

static int64_t make_listen(struct frame *f) { return px_listen(f->run->world.posix, f->fd, integer(f, 1)); }

static void done_listen(struct frame *f) {
    struct tested *t = &f->run->tested;
    if (f->out->result < 0) return;
    if (t->fd != f->script_fd) tested_socket(t, f->script_fd);
    t->kind = TESTED_LISTENING;
}

static int64_t make_accept(struct frame *f) {
    struct sockaddr_storage *a = frame_memory(f, sizeof *a);
    socklen_t *len = frame_memory(f, sizeof *len);
    if (a == NULL || len == NULL) return -1;
    *len = sizeof *a;
    int flags = f->call->args_n > 3 ? integer(f, 3) : 0;
    return px_accept4(f->run->world.posix, f->fd, (struct sockaddr *)a, len, flags);
}

/* The peer's address is compared with the connection's. */
static void done_accept(struct frame *f) {
    struct tested *t = &f->run->tested;
    struct sockaddr_storage want;
    done_fd(f);
    if (f->out->result < 0 || t->kind != TESTED_CHILD) return;
    address_of(&f->run->options, &t->remote, t->remote_port, &want);
    size_t n = want.ss_family == AF_INET ? offsetof(struct sockaddr_in, sin_zero)
                                         : offsetof(struct sockaddr_in6, sin6_scope_id);
    if (!t->accepted && memcmp(&want, f->memory[0], n) != 0)
        frame_wrong(f, NULL, _("accept gave another peer's address than that of the connection"));
    t->accepted = true;
    t->fd = f->out->result;
}

/* The SYN may leave before the call ends. */
static void connecting(struct frame *f, const struct sockaddr_storage *a) {
    struct tested *t = &f->run->tested;
    if (a->ss_family == AF_UNSPEC || t->kind == TESTED_CONNECTED || t->kind == TESTED_CHILD) return;
    if (t->fd != f->script_fd) tested_socket(t, f->script_fd);
    t->kind = TESTED_CONNECTING;
}

static int64_t make_connect(struct frame *f) {
    struct sockaddr_storage *a = frame_memory(f, sizeof *a);
    if (a == NULL) return -1;
    socklen_t len = address(f, f->arg[1], true, a);
    connecting(f, a);
    return px_connect(f->run->world.posix, f->fd, (struct sockaddr *)a, address_len(f, f->arg[2], len));
}

static int64_t make_close(struct frame *f) { return px_close(f->run->world.posix, f->fd); }

static int64_t make_shutdown(struct frame *f) { return px_shutdown(f->run->world.posix, f->fd, integer(f, 1)); }

static int64_t make_fcntl(struct frame *f) {
    long argument = f->call->args_n > 2 ? (long)frame_integer(f, f->arg[2]) : 0;
    return px_fcntl(f->run->world.posix, f->fd, integer(f, 1), argument);
}

static void done_fcntl(struct frame *f) {
    int64_t command = f->arg[1]->value;
    if (command == F_DUPFD || command == F_DUPFD_CLOEXEC) done_fd(f);
}

static int64_t make_dup(struct frame *f) { return px_dup(f->run->world.posix, f->fd); }

static int64_t make_ioctl(struct frame *f) {
    int *value = frame_memory(f, sizeof *value);
    const struct expr *list = f->call->args_n > 2 ? f->arg[2] : NULL;
    if (value == NULL) return -1;
    if (list != NULL && list->kind == EXPR_LIST && list->first != NULL) *value = (int)frame_integer(f, list->first);
    return px_ioctl(f->run->world.posix, f->fd, (unsigned long)frame_integer(f, f->arg[1]), value);
}

static void done_ioctl(struct frame *f) {
    const struct expr *list = f->call->args_n > 2 ? f->arg[2] : NULL;
    if (f->out->result < 0 || list == NULL || list->kind != EXPR_LIST || list->first == NULL) return;
    if (list->first->kind == EXPR_ELLIPSIS) return;
    int got = *(int *)f->memory[0];
    if (got != frame_integer(f, list->first))
        frame_wrong(f, list->first, _("%s gave %d, not %lld"), f->call->name, got, (long long)list->first->value);
}

/* ---- bytes ---- */

static int64_t make_read(struct frame *f) {
    size_t n = length(f, f->arg[2]);
    void *to = buffer(f, f->arg[1], n);
    if (f->out->kind == OUTCOME_WRONG) return -1;
    return px_read(f->run->world.posix, f->fd, to, n);
}

static int64_t make_write(struct frame *f) {
    size_t n = length(f, f->arg[2]);
    const void *from = buffer(f, f->arg[1], n);
    if (f->out->kind == OUTCOME_WRONG) return -1;
    return px_write(f->run->world.posix, f->fd, from, n);
}

static int64_t make_recv(struct frame *f) {
    size_t n = length(f, f->arg[2]);
    void *to = buffer(f, f->arg[1], n);
    if (f->out->kind == OUTCOME_WRONG) return -1;
    return px_recv(f->run->world.posix, f->fd, to, n, integer(f, 3));
}

static int64_t make_send(struct frame *f) {
    size_t n = length(f, f->arg[2]);
    const void *from = buffer(f, f->arg[1], n);
    if (f->out->kind == OUTCOME_WRONG) return -1;
    return px_send(f->run->world.posix, f->fd, from, n, integer(f, 3));
}

static int64_t make_recvfrom(struct frame *f) {
    size_t n = length(f, f->arg[2]);
    void *to = buffer(f, f->arg[1], n);
    struct sockaddr_storage *a = frame_memory(f, sizeof *a);
    socklen_t *len = frame_memory(f, sizeof *len);
    if (f->out->kind == OUTCOME_WRONG || len == NULL) return -1;
    *len = sizeof *a;
    return px_recvfrom(f->run->world.posix, f->fd, to, n, integer(f, 3), (struct sockaddr *)a, len);
}

static int64_t make_sendto(struct frame *f) {
    size_t n = length(f, f->arg[2]);
    const void *from = buffer(f, f->arg[1], n);
    struct sockaddr_storage *a = frame_memory(f, sizeof *a);
    if (f->out->kind == OUTCOME_WRONG) return -1;
    socklen_t len = address(f, f->arg[4], true, a);
    connecting(f, a);
    return px_sendto(f->run->world.posix, f->fd, from, n, integer(f, 3), (struct sockaddr *)a,
                     address_len(f, f->arg[5], len));
}

/* ---- pipes ---- */

static int64_t make_pipe(struct frame *f) {
    int *fds = frame_memory(f, 2 * sizeof *fds);
    return fds != NULL ? px_pipe(f->run->world.posix, fds) : -1;
}

static void done_pipe(struct frame *f) {
    const struct expr *e = f->arg[0]->kind == EXPR_LIST ? f->arg[0]->first : NULL;
    const int *fds = (const int *)f->memory[0];
    if (f->out->result < 0) return;
    if (e == NULL || e->next == NULL) {
        frame_wrong(f, f->arg[0], _("pipe names two descriptors: pipe([6, 7])"));
        return;
    }
    for (unsigned i = 0; i < 2; i++, e = e->next) {
        if (f->run->fds == FDS_MOST) return;
        f->run->fd[f->run->fds].script = frame_integer(f, e);
        f->run->fd[f->run->fds++].live = fds[i];
    }
}

static int64_t make_splice(struct frame *f) {
    int to = frame_fd(f, f->arg[2]);
    size_t n = length(f, f->arg[4]);
    return px_splice(f->run->world.posix, f->fd, NULL, to, NULL, n, (unsigned)integer(f, 5));
}

static int64_t make_epoll_create(struct frame *f) { return px_epoll_create(f->run->world.posix, integer(f, 0)); }
static int64_t make_epoll_create1(struct frame *f) { return px_epoll_create1(f->run->world.posix, integer(f, 0)); }

/* ---- the table ---- */

static const struct call_def calls[] = {
    {"socket", 3, 0, CALL_NO_FD, make_socket, done_socket},
    {"bind", 3, 0, CALL_FD, make_bind, NULL},
    {"listen", 2, 0, CALL_FD, make_listen, done_listen},
    {"accept", 3, 0, CALL_FD, make_accept, done_accept},
    {"accept4", 4, 0, CALL_FD, make_accept, done_accept},
    {"connect", 3, 0, CALL_FD, make_connect, NULL},
    {"read", 3, 0, CALL_FD, make_read, NULL},
    {"readv", 3, 0, CALL_FD, make_readv, NULL},
    {"recv", 4, 0, CALL_FD, make_recv, NULL},
    {"recvfrom", 6, 0, CALL_FD, make_recvfrom, NULL},
    {"recvmsg", 3, 0, CALL_FD, make_recvmsg, done_recvmsg},
    {"write", 3, 0, CALL_FD, make_write, NULL},
    {"writev", 3, 0, CALL_FD, make_writev, NULL},
    {"send", 4, 0, CALL_FD, make_send, NULL},
    {"sendto", 6, 0, CALL_FD, make_sendto, NULL},
    {"sendmsg", 3, 0, CALL_FD, make_sendmsg, NULL},
    {"fcntl", 3, 1, CALL_FD, make_fcntl, done_fcntl},
    {"ioctl", 3, 1, CALL_FD, make_ioctl, done_ioctl},
    {"dup", 1, 0, CALL_FD, make_dup, done_fd},
    {"close", 1, 0, CALL_FD, make_close, done_close},
    {"shutdown", 2, 0, CALL_FD, make_shutdown, NULL},
    {"getsockopt", 5, 0, CALL_FD, make_getsockopt, done_getsockopt},
    {"setsockopt", 5, 0, CALL_FD, make_setsockopt, NULL},
    {"poll", 3, 0, CALL_NO_FD, make_poll, done_poll},
    {"epoll_create", 1, 0, CALL_NO_FD, make_epoll_create, done_fd},
    {"epoll_create1", 1, 0, CALL_NO_FD, make_epoll_create1, done_fd},
    {"epoll_ctl", 4, 0, CALL_FD, make_epoll_ctl, NULL},
    {"epoll_wait", 4, 0, CALL_FD, make_epoll_wait, done_epoll_wait},
    {"pipe", 1, 0, CALL_NO_FD, make_pipe, done_pipe},
    {"splice", 6, 0, CALL_FD, make_splice, NULL},
};

const struct call_def *call_find(const char *name) {
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
        if (strcmp(calls[i].name, name) == 0) return &calls[i];
    return NULL;
}

static void ended(struct frame *f, int64_t result) {
    f->out->result = result;
    f->out->error = result == -1 ? errno : 0;
    world_flush(&f->run->world);
    if (f->out->kind == OUTCOME_WRONG) return;
    f->out->kind = result == PX_PENDING ? OUTCOME_PENDING : OUTCOME_DONE;
    if (f->out->kind == OUTCOME_DONE && f->call->def->done != NULL) f->call->def->done(f);
}

void frame_begin(struct frame *f, struct run *r, const struct call *c, struct px_call *waits, struct outcome *out) {
    const struct expr *e = c->args;
    *f = (struct frame){.run = r, .call = c, .out = out, .fd = -1, .script_fd = -1};
    *out = (struct outcome){.kind = OUTCOME_DONE};
    for (unsigned i = 0; i < CALL_ARGS && e != NULL; i++, e = e->next) f->arg[i] = e;
    if (c->def->fd == CALL_FD) {
        f->script_fd = frame_integer(f, f->arg[0]);
        f->fd = frame_fd(f, f->arg[0]);
    }
    if (out->kind == OUTCOME_WRONG) return;
    errno = 0;
    px_defer(r->world.posix, waits);
    int64_t result = c->def->make(f);
    int error = errno;
    px_defer(r->world.posix, NULL);
    errno = error;
    ended(f, result);
}

void frame_resume(struct frame *f, struct px_call *waits) {
    errno = 0;
    int64_t result = px_resume(f->run->world.posix, waits);
    if (result != PX_PENDING) ended(f, result);
}

void frame_end(struct frame *f) {
    for (unsigned i = 0; i < CALL_MEMORY; i++) free(f->memory[i]);
    memset(f->memory, 0, sizeof f->memory);
}
