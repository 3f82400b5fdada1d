/* capture_source.c - one file of a capture: which format it has, its interfaces, its times, where it is wrong. The two
 * formats are in capture_pcap.c and capture_pcapng.c; how several files become one is capture.c's. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "explain/capture_inner.h"
#include "po/i18n.h"

int capture_wrong(struct source *c, struct capture_error *e, bool finished, const char *text, uint64_t a, uint64_t b) {
    *e = (struct capture_error){text, a, b, 0, {c->file, c->block, c->in.offset}};
    c->finished = c->finished || finished;
    return -1;
}

int capture_short(struct source *c, struct capture_error *e) {
    static const char *const texts[] = {
        [INPUT_GOES_ON] = N_("the file ends within this block"),
        [INPUT_END] = N_("the file ends within this block"),
        [INPUT_REFUSED] = N_("cannot read on"),
        [INPUT_BAD_GZIP] = N_("the gzip data is damaged or cut off here"),
        [INPUT_BAD_ZSTD] = N_("the zstd data is damaged or cut off here"),
        [INPUT_NO_MEMORY] = N_("there is not enough memory to read on"),
        [INPUT_PACKED] = N_("a packed file cannot be followed"),
    };
    c->finished = true;
    if (c->in.state == INPUT_END && c->in.tail.wait != NULL) return 0;
    capture_wrong(c, e, true, texts[c->in.state], 0, 0);
    e->error = c->in.error;
    return -1;
}

struct capture_iface *capture_iface_new(struct source *c, uint32_t *number) {
    struct ifaces *all = c->ifaces;
    if (all->n == all->room) {
        uint32_t room = all->room == 0 ? 8 : all->room * 2;
        struct capture_iface *more = room <= IFACES_MAX ? realloc(all->at, room * sizeof *more) : NULL;
        if (more == NULL) return NULL;
        all->at = more;
        all->room = room;
    }
    *number = all->n++;
    memset(&all->at[*number], 0, sizeof all->at[0]);
    all->at[*number].decimal = 6;
    return &all->at[*number];
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

/* ---- the file ---- */

int source_start(struct source *c, const struct opened *o, struct capture_error *e) {
    c->open = true;
    c->finished = false;
    c->format = FORMAT_NONE;
    c->block = c->skip = c->last_ns = 0;
    bool started = input_open(&c->in, o->fd);
    if (o->error != 0 || !started) {
        capture_wrong(c, e, true, N_("cannot open"), 0, 0);
        e->error = o->error != 0 ? o->error : ENOMEM;
        return -1;
    }
    c->in.tail = o->tail;
    c->block = 1;
    size_t there = input_need(&c->in, 4);
    if (there < 4) {
        if (c->in.state != INPUT_END || o->tail.wait != NULL) return capture_short(c, e);
        return capture_wrong(c, e, true, there == 0 ? N_("the file is empty") : N_("this is no capture file"), 0, 0);
    }
    uint32_t magic = load32(c->in.at);
    return magic == 0x0a0d0d0au ? pcapng_start(c, e) : pcap_start(c, e);
}

int source_next(struct source *c, struct capture_packet *out, struct capture_error *e) {
    int r = 0;
    if (!c->finished) r = c->format == FORMAT_PCAPNG ? pcapng_next(c, out, e) : pcap_next(c, out, e);
    if (unlikely(r <= 0)) return r;
    out->place.file = c->file;
    c->last_ns = out->time_ns;
    return r;
}

void source_stop(struct source *c) {
    if (c->open) input_close(&c->in);
    free(c->local);
    c->local = NULL;
    c->locals = c->locals_room = c->locals_before = 0;
    c->open = false;
}

bool source_look_ahead(const struct opened *o, uint32_t file, bool (*each)(void *ctx, const struct capture_packet *p),
                       void *ctx) {
    struct ifaces ifaces = {0};
    struct source c = {.ifaces = &ifaces, .file = file};
    struct capture_packet p = {0};
    struct capture_error e;
    off_t start = lseek(o->fd, 0, SEEK_CUR);
    bool more = true;
    int got = 0;
    if (o->error != 0 || o->size == 0 || o->tail.wait != NULL || start < 0) return false;
    if (source_start(&c, o, &e) >= 0)
        while (more && (got = source_next(&c, &p, &e)) != 0)
            if (got > 0) more = each(ctx, &p);
    c.in.fd = -1; /* it stays open */
    source_stop(&c);
    free(ifaces.at);
    return lseek(o->fd, start, SEEK_SET) == start && more;
}

static bool first_time(void *ctx, const struct capture_packet *p) {
    if (p->timed) *(uint64_t *)ctx = p->time_ns;
    return false;
}

uint64_t source_first(const struct opened *o, uint32_t file) {
    uint64_t time_ns = 0;
    source_look_ahead(o, file, first_time, &time_ns);
    return time_ns;
}
