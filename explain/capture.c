/* capture.c - see capture.h: several files as one, in the order of time. Each file's own order stays, whatever its times
 * are; of all files the one goes on whose next packet is the earliest. A file that has not begun costs no memory, so
 * that a capture in a thousand pieces can be read. How one file is read is capture_source.c's. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "explain/capture_inner.h"

/* A file and its next packet. */
struct head {
    struct source source;
    struct capture_packet packet; /* once it is `read` */
    uint64_t time_ns;
    bool read;
};

struct capture {
    struct opened *opened;
    const char *const *names;
    size_t files;
    struct ifaces ifaces;
    struct head *head;
    uint32_t *heap; /* files that have more, the earliest first */
    size_t heads;
    bool begun;
    uint64_t (*corrected)(const void *ctx, uint32_t file, uint64_t time_ns); /* NULL: times are right */
    const void *correcting;
    uint64_t packets, done, all;
};

static void open_file(struct opened *o, const char *name) {
    struct stat st;
    o->fd = strcmp(name, "-") == 0 ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
    o->error = o->fd < 0 ? errno : 0;
    if (o->fd < 0 || fstat(o->fd, &st) < 0) return;
    if (S_ISREG(st.st_mode)) o->size = (uint64_t)st.st_size;
    if (S_ISDIR(st.st_mode)) o->error = EISDIR;
}

/* ---- which file is next ---- */

static bool earlier(const struct capture *c, uint32_t a, uint32_t b) {
    uint64_t x = c->head[a].time_ns, y = c->head[b].time_ns;
    return x != y ? x < y : a < b;
}

/* The entry at i finds its place among those below. */
static void sink(struct capture *c, size_t i) {
    for (;;) {
        size_t least = i, low = 2 * i + 1;
        if (low < c->heads && earlier(c, c->heap[low], c->heap[least])) least = low;
        if (low + 1 < c->heads && earlier(c, c->heap[low + 1], c->heap[least])) least = low + 1;
        if (least == i) return;
        uint32_t file = c->heap[i];
        c->heap[i] = c->heap[least];
        c->heap[least] = file;
        i = least;
    }
}

static void begin(struct capture *c) {
    c->begun = true;
    for (size_t i = 0; i < c->files; i++) {
        struct head *h = &c->head[i];
        h->source.file = c->heap[i] = (uint32_t)i;
        h->source.ifaces = &c->ifaces;
        if (c->files > 1) h->time_ns = source_first(&c->opened[i], (uint32_t)i);
        if (c->corrected != NULL) h->time_ns = c->corrected(c->correcting, (uint32_t)i, h->time_ns);
    }
    c->heads = c->files;
    for (size_t i = c->files; i-- > 0;) sink(c, i);
}

static void first_is_over(struct capture *c) {
    uint32_t file = c->heap[0];
    struct source *s = &c->head[file].source;
    c->done += s->in.read;
    source_stop(s);
    c->opened[file].fd = -1;
    c->heap[0] = c->heap[--c->heads];
    sink(c, 0);
}

/* ---- from outside ---- */

struct capture *capture_open(const char *const *names, size_t n) {
    struct capture *c = calloc(1, sizeof *c);
    if (c == NULL) return NULL;
    c->names = names;
    c->opened = calloc(n + 1, sizeof *c->opened);
    c->head = calloc(n + 1, sizeof *c->head);
    c->heap = calloc(n + 1, sizeof *c->heap);
    if (c->opened == NULL || c->head == NULL || c->heap == NULL) {
        capture_close(c);
        return NULL;
    }
    c->files = n;
    bool known = true;
    for (size_t i = 0; i < n; i++) {
        open_file(&c->opened[i], names[i]);
        known = known && c->opened[i].size > 0;
        c->all += c->opened[i].size;
    }
    if (!known) c->all = 0;
    return c;
}

void capture_close(struct capture *c) {
    if (c == NULL) return;
    for (size_t i = 0; i < c->files; i++) {
        bool open = c->head[i].source.open;
        source_stop(&c->head[i].source);
        if (!open && c->opened[i].fd > STDIN_FILENO) close(c->opened[i].fd);
    }
    free(c->opened);
    free(c->head);
    free(c->heap);
    free(c->ifaces.at);
    free(c);
}

int capture_next(struct capture *c, struct capture_packet *out, struct capture_error *e) {
    if (unlikely(!c->begun)) begin(c);
    while (c->heads > 0) {
        uint32_t file = c->heap[0];
        struct head *h = &c->head[file];
        bool alone = c->heads == 1;
        int r = 1;
        if (!h->source.open && source_start(&h->source, &c->opened[file], e) < 0) return -1;
        if (!h->read) r = source_next(&h->source, alone ? out : &h->packet, e);
        if (unlikely(r < 0)) return -1;
        if (unlikely(r == 0)) {
            first_is_over(c);
            continue;
        }
        if (!h->read && unlikely(c->corrected != NULL)) {
            struct capture_packet *p = alone ? out : &h->packet;
            p->time_ns = c->corrected(c->correcting, file, p->time_ns);
        }
        if (!h->read && !alone) {
            h->read = true;
            h->time_ns = h->packet.time_ns;
            sink(c, 0);
            continue;
        }
        if (h->read) *out = h->packet;
        h->read = false; /* its bytes stay where they are until it reads on */
        out->number = ++c->packets;
        return 1;
    }
    return 0;
}

bool capture_look_ahead(struct capture *c, uint32_t file, bool (*each)(void *ctx, const struct capture_packet *p),
                        void *ctx) {
    return !c->begun && source_look_ahead(&c->opened[file], file, each, ctx);
}

void capture_correct(struct capture *c, uint64_t (*corrected)(const void *ctx, uint32_t file, uint64_t time_ns),
                     const void *ctx) {
    c->corrected = corrected;
    c->correcting = ctx;
}

void capture_follow(struct capture *c, bool (*wait)(void *ctx, int fd, uint64_t read), void *ctx) {
    c->opened[0].tail = (struct input_tail){wait, ctx};
}

const char *capture_file(const struct capture *c, uint32_t file) { return file < c->files ? c->names[file] : ""; }

const char *capture_iface_name(const struct capture *c, uint32_t iface) {
    return iface < c->ifaces.n ? c->ifaces.at[iface].name : "";
}

void capture_progress(const struct capture *c, uint64_t *done, uint64_t *all) {
    *done = c->done;
    *all = c->all;
    for (size_t i = 0; i < c->files; i++)
        if (c->head[i].source.open) *done += c->head[i].source.in.read;
}
