/* capture.c - see capture.h: the files one after another, interfaces, times. The two formats are in capture_pcap.c and
 * capture_pcapng.c. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "explain/capture_inner.h"
#include "po/i18n.h"

static void open_file(struct opened *o, const char *name) {
    struct stat st;
    o->fd = strcmp(name, "-") == 0 ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
    o->error = o->fd < 0 ? errno : 0;
    if (o->fd < 0 || fstat(o->fd, &st) < 0) return;
    if (S_ISREG(st.st_mode)) o->size = (uint64_t)st.st_size;
    if (S_ISDIR(st.st_mode)) o->error = EISDIR;
}

struct capture *capture_open(const char *const *names, size_t n) {
    struct capture *c = calloc(1, sizeof *c);
    if (c == NULL) return NULL;
    c->names = names;
    c->files = n;
    c->in.fd = -1;
    c->opened = calloc(n + 1, sizeof *c->opened);
    if (c->opened == NULL) {
        free(c);
        return NULL;
    }
    for (size_t i = 0; i < n; i++) open_file(&c->opened[i], names[i]);
    for (size_t i = 0; i < n; i++) {
        if (c->opened[i].size == 0) {
            c->all = 0;
            break;
        }
        c->all += c->opened[i].size;
    }
    return c;
}

void capture_close(struct capture *c) {
    if (c == NULL) return;
    if (c->open) input_close(&c->in);
    for (size_t i = c->file + (c->open ? 1 : 0); i < c->files; i++)
        if (c->opened[i].fd > STDIN_FILENO) close(c->opened[i].fd);
    free(c->opened);
    free(c->iface);
    free(c->local);
    free(c);
}

int capture_wrong(struct capture *c, struct capture_error *e, bool finished, const char *text, uint64_t a, uint64_t b) {
    *e = (struct capture_error){text, a, b, 0, {(uint32_t)c->file, c->block, c->in.offset}};
    c->finished = c->finished || finished;
    return -1;
}

int capture_short(struct capture *c, struct capture_error *e) {
    static const char *const texts[] = {
        [INPUT_GOES_ON] = N_("the file ends within this block"),
        [INPUT_END] = N_("the file ends within this block"),
        [INPUT_REFUSED] = N_("cannot read on"),
        [INPUT_BAD_GZIP] = N_("the gzip data is damaged or cut off here"),
        [INPUT_BAD_ZSTD] = N_("the zstd data is damaged or cut off here"),
        [INPUT_NO_MEMORY] = N_("there is not enough memory to read on"),
    };
    capture_wrong(c, e, true, texts[c->in.state], 0, 0);
    e->error = c->in.error;
    return -1;
}

struct capture_iface *capture_iface_new(struct capture *c, uint32_t *number) {
    if (c->ifaces == c->ifaces_room) {
        uint32_t room = c->ifaces_room == 0 ? 8 : c->ifaces_room * 2;
        struct capture_iface *more = room <= IFACES_MAX ? realloc(c->iface, room * sizeof *more) : NULL;
        if (more == NULL) return NULL;
        c->iface = more;
        c->ifaces_room = room;
    }
    *number = c->ifaces++;
    memset(&c->iface[*number], 0, sizeof c->iface[0]);
    c->iface[*number].decimal = 6;
    return &c->iface[*number];
}

/* ---- times ---- */

static const uint64_t power10[] = {1ull,
                                   10ull,
                                   100ull,
                                   1000ull,
                                   10000ull,
                                   100000ull,
                                   1000000ull,
                                   10000000ull,
                                   100000000ull,
                                   1000000000ull,
                                   10000000000ull,
                                   100000000000ull,
                                   1000000000000ull,
                                   10000000000000ull,
                                   100000000000000ull,
                                   1000000000000000ull,
                                   10000000000000000ull,
                                   100000000000000000ull,
                                   1000000000000000000ull,
                                   10000000000000000000ull};

/* Times beyond this, in the year 2262, are no times. */
static const uint64_t latest_ns = INT64_MAX;

static uint64_t scaled(const struct capture_iface *i, uint64_t ticks) {
    if (i->binary != 0) {
        unsigned n = i->binary;
        uint64_t whole = n < 64 ? ticks >> n : 0, part = n < 64 ? ticks & ((1ull << n) - 1) : ticks;
        if (n > 32) part >>= n - 32 < 63 ? n - 32 : 63;
        uint64_t part_ns = (part * SEC_NS) >> (n > 32 ? 32 : n);
        return whole >= latest_ns / SEC_NS ? latest_ns : whole * SEC_NS + part_ns;
    }
    if (i->decimal > 9) return min_u64(ticks / power10[i->decimal - 9], latest_ns);
    uint64_t by = power10[9 - i->decimal];
    return ticks > latest_ns / by ? latest_ns : ticks * by;
}

uint64_t capture_time(const struct capture_iface *i, uint64_t ticks) {
    uint64_t ns = scaled(i, ticks);
    if (likely(i->offset_s == 0)) return ns;
    int64_t limit = (int64_t)(latest_ns / SEC_NS), s = i->offset_s;
    s = s > limit ? limit : s < -limit ? -limit : s;
    int64_t sum = (int64_t)(ns / 2) + s * (int64_t)(SEC_NS / 2); /* halves, so that it cannot overflow */
    return sum < 0 ? 0 : min_u64((uint64_t)sum * 2 + ns % 2, latest_ns);
}

/* ---- files ---- */

static int start_file(struct capture *c, struct capture_error *e) {
    c->open = true;
    c->finished = false;
    c->format = FORMAT_NONE;
    c->block = c->skip = 0;
    const struct opened *o = &c->opened[c->file];
    bool started = input_open(&c->in, o->fd);
    if (o->error != 0 || !started) {
        capture_wrong(c, e, true, N_("cannot open"), 0, 0);
        e->error = o->error != 0 ? o->error : ENOMEM;
        return -1;
    }
    c->block = 1;
    size_t there = input_need(&c->in, 4);
    if (there < 4) {
        if (c->in.state != INPUT_END) return capture_short(c, e);
        return capture_wrong(c, e, true, there == 0 ? N_("the file is empty") : N_("this is no capture file"), 0, 0);
    }
    uint32_t magic = load32(c->in.at);
    return magic == 0x0a0d0d0au ? pcapng_start(c, e) : pcap_start(c, e);
}

static void end_file(struct capture *c) {
    c->done += c->in.read;
    if (c->open) input_close(&c->in);
    c->open = false;
    c->file++;
}

int capture_next(struct capture *c, struct capture_packet *out, struct capture_error *e) {
    while (c->file < c->files) {
        int r = 0;
        if (!c->open && start_file(c, e) < 0) return -1;
        if (!c->finished) r = c->format == FORMAT_PCAPNG ? pcapng_next(c, out, e) : pcap_next(c, out, e);
        if (likely(r > 0)) {
            out->number = ++c->packets;
            out->place.file = (uint32_t)c->file;
            c->last_ns = out->time_ns;
            return 1;
        }
        if (r < 0) return -1;
        end_file(c);
    }
    return 0;
}

const char *capture_file(const struct capture *c, uint32_t file) { return file < c->files ? c->names[file] : ""; }

const char *capture_iface_name(const struct capture *c, uint32_t iface) {
    return iface < c->ifaces ? c->iface[iface].name : "";
}

void capture_progress(const struct capture *c, uint64_t *done, uint64_t *all) {
    *done = c->done + (c->open ? c->in.read : 0);
    *all = c->all;
}
