/* capture_pcapng.c - the newer format: sections of blocks, each in its own byte order (draft-ietf-opsawg-pcapng).
 * Packets and interfaces are read; names, statistics, secrets, journals and blocks of others are passed over. */
#include "explain/capture_inner.h"

#include <stdlib.h>

#include "po/i18n.h"

enum {
    BLOCK_SECTION = 0x0a0d0d0a,
    BLOCK_IFACE = 1,
    BLOCK_PACKET_OLD = 2,
    BLOCK_PACKET_SIMPLE = 3,
    BLOCK_PACKET = 6,
};
enum { OPT_END = 0, OPT_COMMENT = 1, OPT_FLAGS = 2, OPT_IF_NAME = 2, OPT_IF_TSRESOL = 9, OPT_IF_TSOFFSET = 14 };
enum { FRAME = 12, SECTION_LEAST = 28, IFACE_LEAST = 20, PACKET_LEAST = 32, SIMPLE_LEAST = 16 };

struct option {
    uint16_t code, len;
    const uint8_t *value;
};

/* The next option; false at the end of them, or where one does not fit: then *bad is set. */
static bool next_option(const struct source *c, const uint8_t **at, const uint8_t *end, struct option *o, bool *bad) {
    size_t left = (size_t)(end - *at);
    if (left == 0) return false;
    if (left < 4) return *bad = true, false;
    *o = (struct option){get16(c, *at), get16(c, *at + 2), *at + 4};
    if (o->code == OPT_END) return false;
    size_t size = 4 + (((size_t)o->len + 3) & ~(size_t)3);
    if (size > left) return *bad = true, false;
    *at += size;
    return true;
}

static int section(struct source *c, uint32_t len, struct capture_error *e) {
    if (len < SECTION_LEAST)
        return capture_wrong(c, e, true, N_("a section header of %llu bytes; %llu are the least"), len, SECTION_LEAST);
    uint16_t major = get16(c, c->in.at + 12);
    if (major != 1) return capture_wrong(c, e, true, N_("version %llu of the format is not known"), major, 0);
    c->locals_before = c->locals;
    c->locals = 0;
    return 1;
}

static bool add_local(struct source *c, uint32_t number) {
    if (c->locals == c->locals_room) {
        uint32_t room = c->locals_room == 0 ? 8 : c->locals_room * 2;
        uint32_t *more = room <= IFACES_MAX ? realloc(c->local, room * sizeof *more) : NULL;
        if (more == NULL) return false;
        c->local = more;
        c->locals_room = room;
    }
    c->local[c->locals++] = number;
    return true;
}

static void tick(struct capture_iface *i, uint8_t resolution) {
    i->binary = resolution & 0x80 ? resolution & 0x7f : 0;
    i->decimal = resolution & 0x80 ? 0 : resolution > 19 ? 19 : resolution;
}

static bool same_iface(const struct capture_iface *a, const struct capture_iface *b) {
    return a->linktype == b->linktype && a->snaplen == b->snaplen && a->decimal == b->decimal &&
           a->binary == b->binary && a->offset_s == b->offset_s && strcmp(a->name, b->name) == 0;
}

static void iface_option(const struct source *c, const struct option *o, struct capture_iface *i) {
    if (o->code == OPT_IF_NAME) {
        size_t n = min_size(o->len, IFACE_NAME - 1);
        memcpy(i->name, o->value, n);
        i->name[n] = '\0';
    }
    if (o->code == OPT_IF_TSRESOL && o->len >= 1) tick(i, o->value[0]);
    if (o->code == OPT_IF_TSOFFSET && o->len >= 8) {
        uint64_t first = get32(c, o->value), second = get32(c, o->value + 4);
        int little = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
        i->offset_s = (int64_t)((little != 0) != c->swapped ? second << 32 | first : first << 32 | second);
    }
}

/* The interfaces of a section that repeats the one before, as files that were joined have it, are the same ones. */
static int iface(struct source *c, uint32_t len, struct capture_error *e) {
    struct capture_iface now = {.decimal = 6};
    struct option o;
    bool bad = false;
    if (len < IFACE_LEAST)
        return capture_wrong(c, e, false, N_("an interface block of %llu bytes; %llu are the least"), len, IFACE_LEAST);
    now.linktype = get16(c, c->in.at + 8);
    now.snaplen = get32(c, c->in.at + 12);
    const uint8_t *at = c->in.at + 16, *end = c->in.at + len - 4;
    while (next_option(c, &at, end, &o, &bad)) iface_option(c, &o, &now);
    uint32_t number = c->locals < c->locals_before ? c->local[c->locals] : UINT32_MAX;
    if (number == UINT32_MAX || !same_iface(&c->ifaces->at[number], &now)) {
        c->locals_before = 0;
        struct capture_iface *i = capture_iface_new(c, &number);
        if (i == NULL) return capture_wrong(c, e, true, N_("there are too many interfaces"), 0, 0);
        *i = now;
    }
    if (!add_local(c, number)) return capture_wrong(c, e, true, N_("there are too many interfaces"), 0, 0);
    return bad ? capture_wrong(c, e, false, N_("an option reaches beyond its block"), 0, 0) : 1;
}

/* ---- packets ---- */

static bool read_options(const struct source *c, const uint8_t *at, const uint8_t *end, struct capture_packet *out) {
    struct option o;
    bool bad = false;
    while (next_option(c, &at, end, &o, &bad)) {
        if (o.code == OPT_COMMENT && out->comments++ == 0) {
            out->comment = (const char *)o.value;
            out->comment_len = o.len;
        }
        if (o.code == OPT_FLAGS && o.len >= 4) out->direction = get32(c, o.value) & 3;
    }
    if (out->direction == 3) out->direction = CAPTURE_EITHER;
    return !bad;
}

/* What Enhanced Packet Blocks and the older Packet Blocks have in common. `local` is the number within the section. */
static int packet(struct source *c, uint32_t len, bool old, struct capture_packet *out, struct capture_error *e) {
    const uint8_t *p = c->in.at;
    if (unlikely(len < PACKET_LEAST))
        return capture_wrong(c, e, false, N_("a packet block of %llu bytes; %llu are the least"), len, PACKET_LEAST);
    uint32_t local = old ? get16(c, p + 8) : get32(c, p + 8), captured = get32(c, p + 20), wire = get32(c, p + 24);
    if (unlikely(local >= c->locals))
        return capture_wrong(c, e, false, N_("the packet names interface %llu; the section has %llu"), local,
                             c->locals);
    if (unlikely(captured > len - PACKET_LEAST))
        return capture_wrong(c, e, false, N_("the packet claims %llu bytes; its block has room for %llu"), captured,
                             len - PACKET_LEAST);
    const struct capture_iface *i = &c->ifaces->at[c->local[local]];
    *out = (struct capture_packet){.time_ns = capture_time(i, (uint64_t)get32(c, p + 12) << 32 | get32(c, p + 16)),
                                   .data = p + 28,
                                   .captured = captured,
                                   .wire = max_u32(wire, captured),
                                   .linktype = i->linktype,
                                   .iface = c->local[local],
                                   .timed = true,
                                   .place = {0, c->block, c->in.offset}};
    uint32_t padded = min_u32((captured + 3) & ~3u, len - PACKET_LEAST);
    if (len - PACKET_LEAST > padded && !read_options(c, p + 28 + padded, p + len - 4, out))
        return capture_wrong(c, e, false, N_("an option reaches beyond its block"), 0, 0);
    return 1;
}

static int simple(struct source *c, uint32_t len, struct capture_packet *out, struct capture_error *e) {
    const uint8_t *p = c->in.at;
    if (len < SIMPLE_LEAST)
        return capture_wrong(c, e, false, N_("a packet block of %llu bytes; %llu are the least"), len, SIMPLE_LEAST);
    if (c->locals == 0)
        return capture_wrong(c, e, false, N_("the packet names interface %llu; the section has %llu"), 0, 0);
    const struct capture_iface *i = &c->ifaces->at[c->local[0]];
    uint32_t wire = get32(c, p + 8), captured = min_u32(wire, len - SIMPLE_LEAST);
    if (i->snaplen != 0) captured = min_u32(captured, i->snaplen);
    *out = (struct capture_packet){.time_ns = c->last_ns,
                                   .data = p + 12,
                                   .captured = captured,
                                   .wire = wire,
                                   .linktype = i->linktype,
                                   .iface = c->local[0],
                                   .place = {0, c->block, c->in.offset}};
    return 1;
}

/* ---- blocks ---- */

int pcapng_start(struct source *c, struct capture_error *e) {
    (void)e;
    c->format = FORMAT_PCAPNG;
    c->locals = c->locals_before = 0;
    c->block = 0;
    return 1;
}

/* The frame of the next block: its type and length. A section header sets the byte order first. */
static int frame(struct source *c, uint32_t *type, uint32_t *len, struct capture_error *e) {
    size_t there = input_need(&c->in, FRAME);
    if (unlikely(there < FRAME)) return there == 0 && c->in.state == INPUT_END ? 0 : capture_short(c, e);
    const uint8_t *p = c->in.at;
    if (unlikely(load32(p) == BLOCK_SECTION)) {
        uint32_t magic;
        memcpy(&magic, p + 8, 4);
        if (magic != 0x1a2b3c4d && magic != 0x4d3c2b1a)
            return capture_wrong(c, e, true, N_("the section header's byte order is neither of the two"), 0, 0);
        c->swapped = magic != 0x1a2b3c4d;
    }
    *type = get32(c, p);
    *len = get32(c, p + 4);
    if (unlikely(*len < FRAME || *len % 4 != 0))
        return capture_wrong(c, e, true, N_("the block says that it is %llu bytes long; that cannot be"), *len, 0);
    return 1;
}

static bool wanted(uint32_t type) {
    return type == BLOCK_PACKET || type == BLOCK_SECTION || type == BLOCK_IFACE || type == BLOCK_PACKET_SIMPLE ||
           type == BLOCK_PACKET_OLD;
}

int pcapng_next(struct source *c, struct capture_packet *out, struct capture_error *e) {
    for (;;) {
        uint32_t type = 0, len = 0;
        c->block += c->skip > 0 || c->block == 0;
        input_take(&c->in, c->skip);
        c->skip = 0;
        int r = frame(c, &type, &len, e);
        if (unlikely(r <= 0)) return r;
        if (unlikely(!wanted(type))) {
            if (!input_skip(&c->in, len)) return capture_short(c, e);
            c->block++;
            continue;
        }
        if (unlikely(len > PACKET_MAX + 65536))
            return capture_wrong(c, e, true, N_("the block says that it is %llu bytes long; that cannot be"), len, 0);
        if (unlikely(input_need(&c->in, len) < len)) return capture_short(c, e);
        if (unlikely(get32(c, c->in.at + len - 4) != len))
            return capture_wrong(c, e, true, N_("the block's two lengths differ: %llu and %llu"), len,
                                 get32(c, c->in.at + len - 4));
        c->skip = len;
        switch (type) {
        case BLOCK_SECTION: r = section(c, len, e); break;
        case BLOCK_IFACE: r = iface(c, len, e); break;
        case BLOCK_PACKET_SIMPLE: r = simple(c, len, out, e); break;
        default: r = packet(c, len, type == BLOCK_PACKET_OLD, out, e); break;
        }
        if (r < 0 || (type != BLOCK_SECTION && type != BLOCK_IFACE)) return r;
    }
}
