/* calls_msg.c - readv, writev, sendmsg, recvmsg: vectors of buffers, flags and control messages. See calls.h. */
#include <errno.h>
#include <string.h>

#include "drill/run.h"
#include "po/i18n.h"

enum { VECTORS = 64, CONTROL = 1024 };

/* [{..., 100}, {..., 200}] */
static int vector(struct frame *f, const struct expr *list, struct iovec *iov) {
    int n = 0;
    if (list == NULL || list->kind != EXPR_LIST) {
        frame_wrong(f, list, _("a vector is written [{..., 100}, {..., 200}]"));
        return -1;
    }
    for (const struct expr *e = list->first; e != NULL && n < VECTORS; e = e->next, n++) {
        const struct expr *len = e->kind == EXPR_BRACE && e->first != NULL ? e->first->next : NULL;
        int64_t size = frame_integer(f, len);
        if (size < 0 || size > BUFFER_MOST) frame_wrong(f, len, _("a length lies between 0 and %d"), BUFFER_MOST);
        if (f->out->kind == OUTCOME_WRONG) return -1;
        iov[n].iov_base = frame_memory(f, (size_t)size);
        iov[n].iov_len = (size_t)size;
    }
    return n;
}

static struct iovec *read_vector(struct frame *f, const struct expr *list, int *n) {
    struct iovec *iov = frame_memory(f, VECTORS * sizeof *iov);
    *n = iov != NULL ? vector(f, list, iov) : -1;
    return f->out->kind == OUTCOME_WRONG ? NULL : iov;
}

int64_t make_readv(struct frame *f) {
    int n;
    struct iovec *iov = read_vector(f, f->arg[1], &n);
    return iov != NULL ? px_readv(f->run->world.posix, f->fd, iov, (int)frame_integer(f, f->arg[2])) : -1;
}

int64_t make_writev(struct frame *f) {
    int n;
    struct iovec *iov = read_vector(f, f->arg[1], &n);
    return iov != NULL ? px_writev(f->run->world.posix, f->fd, iov, (int)frame_integer(f, f->arg[2])) : -1;
}

/* ---- messages ---- */

static struct msghdr *message(struct frame *f) {
    const struct expr *e = f->arg[1];
    struct msghdr *m = frame_memory(f, sizeof *m);
    int n;
    if (m == NULL) return NULL;
    if (e->kind != EXPR_BRACE) {
        frame_wrong(f, e, _("a message is written {msg_name(...)=..., msg_iov(1)=[{..., 100}], msg_flags=0}"));
        return NULL;
    }
    m->msg_iov = read_vector(f, expr_field(e, "msg_iov"), &n);
    m->msg_iovlen = n > 0 ? (size_t)n : 0;
    return m->msg_iov != NULL ? m : NULL;
}

int64_t make_sendmsg(struct frame *f) {
    struct msghdr *m = message(f);
    return m != NULL ? px_sendmsg(f->run->world.posix, f->fd, m, (int)frame_integer(f, f->arg[2])) : -1;
}

int64_t make_recvmsg(struct frame *f) {
    struct msghdr *m = message(f);
    if (m == NULL) return -1;
    m->msg_control = frame_memory(f, CONTROL);
    m->msg_controllen = m->msg_control != NULL ? CONTROL : 0;
    return px_recvmsg(f->run->world.posix, f->fd, m, (int)frame_integer(f, f->arg[2]));
}

/* One control message against {cmsg_level=L, cmsg_type=T, cmsg_data=D}. */
static void compare_control(struct frame *f, const struct expr *want, const struct cmsghdr *got) {
    const struct expr *level = expr_field(want, "cmsg_level"), *type = expr_field(want, "cmsg_type");
    const struct expr *data = expr_field(want, "cmsg_data");
    int value = 0;
    if (got == NULL) {
        frame_wrong(f, want, _("there is no such control message"));
        return;
    }
    size_t n = got->cmsg_len - CMSG_LEN(0);
    memcpy(&value, CMSG_DATA(got), n < sizeof value ? n : sizeof value);
    if (frame_integer(f, level) != got->cmsg_level || frame_integer(f, type) != got->cmsg_type)
        frame_wrong(f, want, _("the control message is of level %d and type %d"), got->cmsg_level, got->cmsg_type);
    if (data != NULL && data->kind == EXPR_INTEGER && data->value != value)
        frame_wrong(f, data, _("the control message says %d"), value);
}

void done_recvmsg(struct frame *f) {
    struct msghdr *m = f->memory[0];
    const struct expr *flags = expr_field(f->arg[1], "msg_flags"), *control = expr_field(f->arg[1], "msg_control");
    if (f->out->result < 0) return;
    if (flags != NULL && flags->kind == EXPR_INTEGER && flags->value != m->msg_flags)
        frame_wrong(f, flags, _("msg_flags is 0x%x"), (unsigned)m->msg_flags);
    if (control == NULL || control->kind != EXPR_LIST) return;
    struct cmsghdr *got = m->msg_controllen > 0 ? CMSG_FIRSTHDR(m) : NULL;
    for (const struct expr *e = control->first; e != NULL; e = e->next) {
        compare_control(f, e, got);
        if (got != NULL) got = CMSG_NXTHDR(m, got);
    }
    if (got != NULL) frame_wrong(f, control, _("there are more control messages"));
}
