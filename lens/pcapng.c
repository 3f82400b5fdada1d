/* pcapng.c - see pcapng.h. Blocks are written in the machine's byte order, as the format wants it. */
#include "lens/pcapng.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lens/bblog.h"
#include "lens/peek.h"
#include "lens/words.h"

enum { BLOCK_SECTION = 0x0a0d0d0a, BLOCK_IFACE = 1, BLOCK_PACKET = 6, BLOCK_CUSTOM = 0xbad };
enum {
    OPT_END = 0,
    OPT_COMMENT = 1,
    SHB_APPLICATION = 4,
    IF_NAME = 2,
    IF_DESCRIPTION = 3,
    IF_TSRESOL = 9,
    EPB_FLAGS = 2,
    OPT_CUSTOM = 2989 /* bytes of an enterprise, to be kept in copies */
};
enum { COMMENT = 1024, WAITING = 16, MOVES = 8, SAYINGS = 64, SNAPLEN = 262144 };

/* A control block as it was. */
struct info {
    bool known;
    uint8_t bytes[BBLOG_TCPINFO_SIZE];
};

struct move {
    struct info info;
    char text[256];
};

/* Moves of a connection that no packet has shown yet. */
struct waiting {
    uint64_t serial, age;
    char text[256];
};

/* A segment that was built, and what is to be said when its packet leaves: control packets queue in between. */
struct saying {
    bool used;
    tern_flow flow;
    uint32_t seq, ack, len;
    uint16_t flags;
    struct info info;
    char text[COMMENT];
};

struct pcapng {
    struct pcapng_options o;
    FILE *file;
    char *path;
    int error, ifaces;

    bool held; /* an incoming packet whose records may still come */
    int held_iface;
    uint64_t held_ns;
    uint32_t held_len, held_room;
    uint8_t *held_data;
    char comment[COMMENT];   /* of the packet that is held */
    struct info info;        /* and its connection */
    struct move move[MOVES]; /* that it made, written behind it */
    unsigned moves;
    uint32_t infos; /* so far */
    struct waiting waiting[WAITING];
    uint64_t age;
    struct saying saying[SAYINGS]; /* a ring */
    unsigned next_saying;
};

static void fail(struct pcapng *p, int error) {
    if (p->error != 0) return;
    p->error = error > 0 ? error : EIO;
    if (p->o.failed != NULL) p->o.failed(p->o.ctx, p->path, p->error);
}

/* ---- blocks ---- */

static void put(struct pcapng *p, const void *data, size_t len) {
    if (p->error == 0 && len > 0 && fwrite(data, 1, len, p->file) != len) fail(p, errno);
}

static void put32(struct pcapng *p, uint32_t v) { put(p, &v, 4); }

static void pad(struct pcapng *p, uint32_t len) {
    static const uint8_t zeros[4];
    put(p, zeros, -len & 3);
}

static uint32_t padded(uint32_t len) { return (len + 3) & ~3u; }

static uint32_t text_len(const char *text) {
    size_t n = text != NULL ? strlen(text) : 0;
    return n < 0xffff ? (uint32_t)n : 0xfffc;
}

/* Bytes that a text option takes; an empty one is not written. */
static uint32_t option_size(const char *text) { return text_len(text) > 0 ? 4 + padded(text_len(text)) : 0; }

static void put_option(struct pcapng *p, uint16_t code, const void *data, uint32_t len) {
    uint16_t head[2] = {code, (uint16_t)len};
    put(p, head, 4);
    put(p, data, len);
    pad(p, len);
}

static void put_text(struct pcapng *p, uint16_t code, const char *text) {
    if (text_len(text) > 0) put_option(p, code, text, text_len(text));
}

/* An option of Netflix's, with the number of its kind in front. */
static void put_bblog(struct pcapng *p, uint32_t kind, const uint8_t *data, uint32_t len) {
    const uint8_t little[4] = {(uint8_t)kind};
    const uint16_t option[2] = {OPT_CUSTOM, (uint16_t)(8 + len)};
    put(p, option, 4);
    put32(p, BBLOG_PEN); /* in the file's order of bytes; what follows is little-endian */
    put(p, little, 4);
    put(p, data, len);
    pad(p, len);
}

enum { INFO_OPTION = 12 + BBLOG_TCPINFO_SIZE, DUMP_OPTION = 12 + BBLOG_DUMPINFO_SIZE };

static void section(struct pcapng *p) {
    uint32_t size = 28 + option_size(p->o.application) + (p->o.states ? DUMP_OPTION : 0) + 4;
    uint8_t dump[BBLOG_DUMPINFO_SIZE];
    put32(p, BLOCK_SECTION);
    put32(p, size);
    put32(p, 0x1a2b3c4d);
    uint16_t version[2] = {1, 0};
    put(p, version, 4);
    put32(p, UINT32_MAX); /* the section's length is not known: -1 in 64 bits */
    put32(p, UINT32_MAX);
    put_text(p, SHB_APPLICATION, p->o.application);
    bblog_dumpinfo(dump, p->o.epoch_ns);
    if (p->o.states) put_bblog(p, BBLOG_DUMPINFO, dump, sizeof dump);
    put_option(p, OPT_END, NULL, 0);
    put32(p, size);
}

int pcapng_open(const char *path, const struct pcapng_options *options, struct pcapng **out) {
    struct pcapng *p = calloc(1, sizeof *p);
    if (p == NULL) return -ENOMEM;
    p->o = *options;
    if (p->o.states) p->o.epoch_ns -= p->o.epoch_ns % 1000; /* the blocks of moves count microseconds */
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

static void packet_block(struct pcapng *p, int iface, enum pcapng_direction direction, uint64_t time_ns,
                         const void *data, uint32_t len, uint32_t wire, const char *comment, const struct info *info) {
    bool known = p->o.states && info != NULL && info->known;
    uint32_t kept = len < SNAPLEN ? len : SNAPLEN, flags = direction;
    uint32_t size = 32 + padded(kept) + option_size(comment) + (known ? INFO_OPTION : 0) + 8 + 4;
    uint64_t time = time_ns + p->o.epoch_ns;
    put32(p, BLOCK_PACKET);
    put32(p, size);
    put32(p, (uint32_t)iface);
    put32(p, (uint32_t)(time >> 32));
    put32(p, (uint32_t)time);
    put32(p, kept);
    put32(p, wire);
    put(p, data, kept);
    pad(p, kept);
    put_text(p, OPT_COMMENT, comment);
    put_option(p, EPB_FLAGS, &flags, 4);
    if (known) put_bblog(p, BBLOG_TCPINFO, info->bytes, BBLOG_TCPINFO_SIZE);
    put_option(p, OPT_END, NULL, 0);
    put32(p, size);
}

void pcapng_packet(struct pcapng *p, int iface, enum pcapng_direction direction, uint64_t time_ns, const void *data,
                   uint32_t len, const char *comment) {
    packet_block(p, iface, direction, time_ns, data, len, len, comment, NULL);
}

void pcapng_packet_cut(struct pcapng *p, int iface, enum pcapng_direction direction, uint64_t time_ns, const void *data,
                       uint32_t len, uint32_t wire, const char *comment) {
    packet_block(p, iface, direction, time_ns, data, len, wire, comment, NULL);
}

/* A move of the state machine as a block of its own. */
static void move_block(struct pcapng *p, const struct info *info, const char *comment) {
    uint32_t size = 16 + INFO_OPTION + option_size(comment) + 4 + 4;
    const uint8_t kind[4] = {BBLOG_EVENT_BLOCK};
    put32(p, BLOCK_CUSTOM);
    put32(p, size);
    put32(p, BBLOG_PEN);
    put(p, kind, 4);
    put_bblog(p, BBLOG_TCPINFO, info->bytes, BBLOG_TCPINFO_SIZE);
    put_text(p, OPT_COMMENT, comment);
    put_option(p, OPT_END, NULL, 0);
    put32(p, size);
}

/* ---- records that explain packets ---- */

static void join(char *buf, size_t size, const char *separator, const char *text) {
    size_t at = strlen(buf);
    if (text[0] != '\0' && at > 0) at += (size_t)snprintf(buf + at, size - at, "%s", separator);
    if (text[0] != '\0' && at < size) snprintf(buf + at, size - at, "%s", text);
    while (at < strlen(buf) && ((unsigned char)buf[strlen(buf) - 1] & 0xc0) == 0x80 && strlen(buf) == size - 1)
        buf[strlen(buf) - 1] = '\0'; /* never half a character at the end */
}

static void write_held(struct pcapng *p) {
    if (!p->held) return;
    p->held = false;
    packet_block(p, p->held_iface, PCAPNG_IN, p->held_ns, p->held_data, p->held_len, p->held_len, p->comment, &p->info);
    p->comment[0] = '\0';
    p->info.known = false;
    for (unsigned i = 0; i < p->moves; i++) move_block(p, &p->move[i].info, p->move[i].text);
    p->moves = 0;
}

static void info_of(struct pcapng *p, struct info *info, const tern_trace *record, enum bblog_event event) {
    info->known = p->o.states;
    if (info->known) bblog_tcpinfo(info->bytes, record, event, ++p->infos);
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
        if (p->waiting[i].serial == serial && p->waiting[i].text[0] != '\0') return &p->waiting[i];
        if (p->waiting[i].age < oldest->age) oldest = &p->waiting[i];
    }
    if (!make) return NULL;
    *oldest = (struct waiting){.serial = serial, .age = ++p->age};
    return oldest;
}

static const char *semicolon(const struct pcapng *p) { return p->o.lang == TERN_ZH ? "；" : "; "; }

static void move_text(const tern_trace *record, char *buf, size_t size) {
    snprintf(buf, size, "%s → %s", tern_state_name(record->state_before), tern_state_name(record->state));
}

static void move_of(struct pcapng *p, struct move *m, const char *who, const tern_trace *record, bool arrived) {
    char text[96];
    bool event = record->event != NULL;
    move_text(record, text, sizeof text);
    snprintf(m->text, sizeof m->text, "%s: %s%s%s%s", who, text, event ? " (" : "", event ? record->event : "",
             event ? ")" : "");
    info_of(p, &m->info, record, record->state == TERN_CLOSED ? BBLOG_END : arrived ? BBLOG_IN : BBLOG_OTHER);
}

void pcapng_move(struct pcapng *p, const char *who, const tern_trace *record) {
    struct move m;
    if (!p->o.states) return;
    write_held(p);
    move_of(p, &m, who, record, record->kind == TERN_TRACE_SEGMENT_IN);
    move_block(p, &m.info, m.text);
}

/* The block of a move stands behind the packet that made it, or by itself. */
static void tell_move(struct pcapng *p, const tern_trace *record) {
    char end[96];
    end_text("", &record->flow.local, record->flow.local_port, end, sizeof end);
    if (p->held && p->held_ns == record->time_ns && p->moves < MOVES && p->o.states)
        move_of(p, &p->move[p->moves++], end + 1, record, true);
    else
        pcapng_move(p, end + 1, record);
}

static void on_move(struct pcapng *p, const tern_trace *record) {
    char text[96];
    move_text(record, text, sizeof text);
    tell_move(p, record);
    if (p->held && p->held_ns == record->time_ns) {
        join(p->comment, sizeof p->comment, semicolon(p), text);
    } else if (record->serial != 0) {
        struct waiting *w = waiting_of(p, record->serial, true);
        join(w->text, sizeof w->text, semicolon(p), text);
    }
}

static void explain(const struct pcapng *p, char *comment, const tern_trace *record) {
    char text[448];
    if (record->reason != 0)
        join(comment, COMMENT, p->o.lang == TERN_ZH ? "：" : ": ",
             reason_sentence(record->reason, record->seg.flags, p->o.lang, text, sizeof text));
}

static void on_segment_out(struct pcapng *p, const tern_trace *record) {
    struct saying *say = &p->saying[p->next_saying++ % SAYINGS];
    *say = (struct saying){.used = true,
                           .flow = record->flow,
                           .seq = record->seg.seq,
                           .ack = record->seg.ack,
                           .len = record->seg.len,
                           .flags = record->seg.flags};
    info_of(p, &say->info, record, BBLOG_OUT);
    struct waiting *w = record->serial != 0 ? waiting_of(p, record->serial, false) : NULL;
    if (w != NULL) {
        join(say->text, sizeof say->text, "", w->text);
        memset(w, 0, sizeof *w);
    } else if (record->state_before != record->state) {
        move_text(record, say->text, sizeof say->text);
        tell_move(p, record);
    }
    explain(p, say->text, record);
}

static bool same_packet(const struct saying *say, const struct peek *seen) {
    const tern_flow *f = &say->flow;
    return say->used && say->seq == seen->seq && say->len == seen->len && say->flags == seen->flags &&
           (say->ack == seen->ack || !(seen->flags & TERN_ACK)) && f->local_port == seen->src_port &&
           f->remote_port == seen->dst_port && memcmp(f->remote.bytes, seen->dst.bytes, 16) == 0;
}

static void on_packet_out(struct pcapng *p, int iface, const tern_trace *record) {
    struct peek seen;
    struct saying *found = NULL;
    write_held(p);
    if (peek_tcp(record->packet, record->packet_len, &seen))
        for (unsigned i = 0; i < SAYINGS && found == NULL; i++) {
            struct saying *say = &p->saying[(p->next_saying + i) % SAYINGS]; /* from the oldest on */
            if (same_packet(say, &seen)) found = say;
        }
    packet_block(p, iface, PCAPNG_OUT, record->time_ns, record->packet, record->packet_len, record->packet_len,
                 found != NULL ? found->text : NULL, found != NULL ? &found->info : NULL);
    if (found != NULL) found->used = false;
}

static void on_segment_in(struct pcapng *p, const tern_trace *record) {
    if (!p->held) return;
    info_of(p, &p->info, record, BBLOG_IN);
    if (p->comment[0] == '\0' && record->state_before != record->state) {
        move_text(record, p->comment, sizeof p->comment);
        tell_move(p, record);
    }
    explain(p, p->comment, record);
}

void pcapng_trace(struct pcapng *p, int first, const tern_trace *record) {
    int iface = first + (record->iface > 0 ? record->iface : 0);
    switch (record->kind) {
    case TERN_TRACE_PACKET_IN: hold(p, iface, record); break;
    case TERN_TRACE_SEGMENT_IN: on_segment_in(p, record); break;
    case TERN_TRACE_DROP:
        if (p->held) explain(p, p->comment, record);
        break;
    case TERN_TRACE_STATE: on_move(p, record); break;
    case TERN_TRACE_SEGMENT_OUT: on_segment_out(p, record); break;
    case TERN_TRACE_PACKET_OUT: on_packet_out(p, iface, record); break;
    case TERN_TRACE_CALL:
    case TERN_TRACE_TIMER: write_held(p); break;
    default: break;
    }
}

int pcapng_flush(struct pcapng *p) {
    write_held(p);
    if (p->error == 0 && fflush(p->file) != 0) fail(p, errno);
    return -p->error;
}

int pcapng_close(struct pcapng *p) {
    if (p == NULL) return 0;
    pcapng_flush(p);
    if (p->file != stdout && fclose(p->file) != 0) fail(p, errno);
    int error = -p->error;
    free(p->held_data);
    free(p->path);
    free(p);
    return error;
}
