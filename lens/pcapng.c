/* pcapng.c - see pcapng.h. Blocks are written in the machine's byte order, as the format wants it. */
#include "lens/pcapng.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_SECTION = 0x0a0d0d0a, BLOCK_IFACE = 1, BLOCK_PACKET = 6 };
enum { OPT_END = 0, OPT_COMMENT = 1, SHB_APPLICATION = 4, IF_NAME = 2, IF_DESCRIPTION = 3, IF_TSRESOL = 9, EPB_FLAGS = 2 };
enum { COMMENT = 1024, WAITING = 16, SNAPLEN = 262144 };

/* Moves of a connection that no packet has shown yet. */
struct waiting {
    uint64_t serial, age;
    char text[256];
};

struct pcapng {
    struct pcapng_options o;
    FILE *file;
    char *path;
    int error, ifaces;

    bool held;               /* an incoming packet whose records may still come */
    int held_iface;
    uint64_t held_ns;
    uint32_t held_len, held_room;
    uint8_t *held_data;
    char comment[COMMENT];   /* of the packet that is held, or about to go out */
    struct waiting waiting[WAITING];
    uint64_t age;
};

static void fail(struct pcapng *p, int error) {
    if (p->error != 0)
        return;
    p->error = error > 0 ? error : EIO;
    if (p->o.failed != NULL)
        p->o.failed(p->o.ctx, p->path, p->error);
}

/* ---- blocks ---- */

static void put(struct pcapng *p, const void *data, size_t len) {
    if (p->error == 0 && len > 0 && fwrite(data, 1, len, p->file) != len)
        fail(p, errno);
}

static void put32(struct pcapng *p, uint32_t v) {
    put(p, &v, 4);
}

static void pad(struct pcapng *p, uint32_t len) {
    static const uint8_t zeros[4];
    put(p, zeros, -len & 3);
}

static uint32_t padded(uint32_t len) {
    return (len + 3) & ~3u;
}

static uint32_t text_len(const char *text) {
    size_t n = text != NULL ? strlen(text) : 0;
    return n < 0xffff ? (uint32_t)n : 0xfffc;
}

/* Bytes that a text option takes; an empty one is not written. */
static uint32_t option_size(const char *text) {
    return text_len(text) > 0 ? 4 + padded(text_len(text)) : 0;
}

static void put_option(struct pcapng *p, uint16_t code, const void *data, uint32_t len) {
    uint16_t head[2] = {code, (uint16_t)len};
    put(p, head, 4);
    put(p, data, len);
    pad(p, len);
}

static void put_text(struct pcapng *p, uint16_t code, const char *text) {
    if (text_len(text) > 0)
        put_option(p, code, text, text_len(text));
}

static void section(struct pcapng *p) {
    uint32_t size = 28 + option_size(p->o.application) + 4;
    put32(p, BLOCK_SECTION);
    put32(p, size);
    put32(p, 0x1a2b3c4d);
    uint16_t version[2] = {1, 0};
    put(p, version, 4);
    put32(p, UINT32_MAX); /* the section's length is not known: -1 in 64 bits */
    put32(p, UINT32_MAX);
    put_text(p, SHB_APPLICATION, p->o.application);
    put_option(p, OPT_END, NULL, 0);
    put32(p, size);
}

int pcapng_open(const char *path, const struct pcapng_options *options, struct pcapng **out) {
    struct pcapng *p = calloc(1, sizeof *p);
    if (p == NULL)
        return -ENOMEM;
    p->o = *options;
    p->path = strdup(path);
    if (p->path == NULL) {
        free(p);
        return -ENOMEM;
    }
    p->file = strcmp(path, "-") == 0 ? stdout : fopen(path, "we");
    if (p->file == NULL) {
        int error = errno;
        free(p->path);
        free(p);
        return -error;
    }
    section(p);
    *out = p;
    return 0;
}

int pcapng_iface(struct pcapng *p, enum pcapng_linktype linktype, const char *name, const char *description) {
    uint32_t size = 20 + option_size(name) + option_size(description) + 8 + 4;
    uint8_t nanoseconds = 9;
    put32(p, BLOCK_IFACE);
    put32(p, size);
    uint16_t head[2] = {(uint16_t)linktype, 0};
    put(p, head, 4);
    put32(p, SNAPLEN);
    put_text(p, IF_NAME, name);
    put_text(p, IF_DESCRIPTION, description);
    put_option(p, IF_TSRESOL, &nanoseconds, 1);
    put_option(p, OPT_END, NULL, 0);
    put32(p, size);
    return p->error != 0 ? -p->error : p->ifaces++;
}

void pcapng_packet(struct pcapng *p, int iface, enum pcapng_direction direction, uint64_t time_ns, const void *data,
                   uint32_t len, const char *comment) {
    uint32_t kept = len < SNAPLEN ? len : SNAPLEN, flags = direction;
    uint32_t size = 32 + padded(kept) + option_size(comment) + 8 + 4;
    uint64_t time = time_ns + p->o.epoch_ns;
    put32(p, BLOCK_PACKET);
    put32(p, size);
    put32(p, (uint32_t)iface);
    put32(p, (uint32_t)(time >> 32));
    put32(p, (uint32_t)time);
    put32(p, kept);
    put32(p, len);
    put(p, data, kept);
    pad(p, kept);
    put_text(p, OPT_COMMENT, comment);
    put_option(p, EPB_FLAGS, &flags, 4);
    put_option(p, OPT_END, NULL, 0);
    put32(p, size);
}

/* ---- records that explain packets ---- */

static void join(char *buf, size_t size, const char *separator, const char *text) {
    size_t at = strlen(buf);
    if (text[0] != '\0')
        snprintf(buf + at, size - at, "%s%s", at > 0 ? separator : "", text);
    while (at < strlen(buf) && ((unsigned char)buf[strlen(buf) - 1] & 0xc0) == 0x80 && strlen(buf) == size - 1)
        buf[strlen(buf) - 1] = '\0'; /* never half a character at the end */
}

static void write_held(struct pcapng *p) {
    if (!p->held)
        return;
    p->held = false;
    pcapng_packet(p, p->held_iface, PCAPNG_IN, p->held_ns, p->held_data, p->held_len, p->comment);
    p->comment[0] = '\0';
}

static void hold(struct pcapng *p, int iface, const tern_trace *record) {
    write_held(p);
    p->comment[0] = '\0';
    if (record->packet_len > p->held_room) {
        uint8_t *more = realloc(p->held_data, record->packet_len);
        if (more == NULL) {
            fail(p, ENOMEM);
            return;
        }
        p->held_data = more;
        p->held_room = record->packet_len;
    }
    memcpy(p->held_data, record->packet, record->packet_len);
    p->held = true;
    p->held_iface = iface;
    p->held_ns = record->time_ns;
    p->held_len = record->packet_len;
}

static struct waiting *waiting_of(struct pcapng *p, uint64_t serial, bool make) {
    struct waiting *oldest = &p->waiting[0];
    for (size_t i = 0; i < WAITING; i++) {
        if (p->waiting[i].serial == serial && p->waiting[i].text[0] != '\0')
            return &p->waiting[i];
        if (p->waiting[i].age < oldest->age)
            oldest = &p->waiting[i];
    }
    if (!make)
        return NULL;
    *oldest = (struct waiting){.serial = serial, .age = ++p->age};
    return oldest;
}

static void on_move(struct pcapng *p, const tern_trace *record) {
    char text[96];
    snprintf(text, sizeof text, "%s → %s", tern_state_name(record->state_before), tern_state_name(record->state));
    if (p->held) {
        join(p->comment, sizeof p->comment, p->o.lang == TERN_ZH ? "；" : "; ", text);
        return;
    }
    struct waiting *w = waiting_of(p, record->serial, true);
    join(w->text, sizeof w->text, p->o.lang == TERN_ZH ? "；" : "; ", text);
}

static void explain(struct pcapng *p, uint32_t reason) {
    const char *colon = p->o.lang == TERN_ZH ? "：" : ": ";
    if (reason != 0)
        join(p->comment, sizeof p->comment, colon, tern_reason_text(reason, p->o.lang));
}

static void on_segment_out(struct pcapng *p, const tern_trace *record) {
    write_held(p);
    p->comment[0] = '\0';
    struct waiting *w = waiting_of(p, record->serial, false);
    if (w != NULL && record->serial != 0) {
        join(p->comment, sizeof p->comment, "", w->text);
        memset(w, 0, sizeof *w);
    } else if (record->state_before != record->state) {
        snprintf(p->comment, sizeof p->comment, "%s → %s", tern_state_name(record->state_before),
                 tern_state_name(record->state));
    }
    explain(p, record->reason);
}

static void on_segment_in(struct pcapng *p, const tern_trace *record) {
    if (!p->held)
        return;
    if (p->comment[0] == '\0' && record->state_before != record->state)
        snprintf(p->comment, sizeof p->comment, "%s → %s", tern_state_name(record->state_before),
                 tern_state_name(record->state));
    explain(p, record->reason);
}

void pcapng_trace(struct pcapng *p, int first, const tern_trace *record) {
    int iface = first + (record->iface > 0 ? record->iface : 0);
    switch (record->kind) {
    case TERN_TRACE_PACKET_IN: hold(p, iface, record); break;
    case TERN_TRACE_SEGMENT_IN: on_segment_in(p, record); break;
    case TERN_TRACE_DROP:
        if (p->held)
            explain(p, record->reason);
        break;
    case TERN_TRACE_STATE: on_move(p, record); break;
    case TERN_TRACE_SEGMENT_OUT: on_segment_out(p, record); break;
    case TERN_TRACE_PACKET_OUT:
        write_held(p);
        pcapng_packet(p, iface, PCAPNG_OUT, record->time_ns, record->packet, record->packet_len, p->comment);
        p->comment[0] = '\0';
        break;
    case TERN_TRACE_CALL: case TERN_TRACE_TIMER: write_held(p); break;
    default: break;
    }
}

int pcapng_flush(struct pcapng *p) {
    write_held(p);
    if (p->error == 0 && fflush(p->file) != 0)
        fail(p, errno);
    return -p->error;
}

int pcapng_close(struct pcapng *p) {
    if (p == NULL)
        return 0;
    pcapng_flush(p);
    if (p->file != stdout && fclose(p->file) != 0)
        fail(p, errno);
    int error = -p->error;
    free(p->held_data);
    free(p->path);
    free(p);
    return error;
}
