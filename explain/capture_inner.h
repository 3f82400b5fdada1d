/* capture_inner.h - what the reader of a capture keeps between calls, shared by its files: capture.c makes one of several
 * files, capture_source.c reads one, capture_pcap.c and capture_pcapng.c know what stands in it. */
#ifndef EXPLAIN_CAPTURE_INNER_H
#define EXPLAIN_CAPTURE_INNER_H

#include "base/bytes.h"
#include "explain/capture.h"
#include "explain/input.h"

enum { IFACES_MAX = 65536, IFACE_NAME = 32, PACKET_MAX = 1 << 20 };

/* One interface of one section of one file. */
struct capture_iface {
    uint32_t linktype, snaplen;
    uint8_t decimal; /* ticks of 10^-decimal s, unless binary */
    uint8_t binary;  /* ticks of 2^-binary s, 0: decimal */
    int64_t offset_s;
    uint64_t last_ns;
    char name[IFACE_NAME];
};

/* Files are opened at once, so that a program may give up its rights before it reads. */
struct opened {
    int fd, error;
    uint64_t size; /* 0: not known */
    struct input_tail tail;
};

/* Of all files. */
struct ifaces {
    struct capture_iface *at;
    uint32_t n, room;
};

/* One file as it is being read. */
struct source {
    uint32_t file; /* index of its name */
    struct ifaces *ifaces;
    bool open, finished; /* finished: this file has no more that can be read */
    enum { FORMAT_NONE, FORMAT_PCAP, FORMAT_PCAPNG } format;
    struct input in;
    uint64_t block, last_ns;

    bool swapped;
    uint32_t record; /* pcap: bytes before each packet */
    uint32_t iface;  /* pcap: its only one */
    uint32_t *local; /* pcapng: which of all interfaces each of this section is */
    uint32_t locals, locals_room, locals_before;
    uint64_t skip; /* bytes of the latest block that are not taken yet */
};

/* ---- the two formats ---- */

/* The next packet of the open file: 1, 0 at its end, -1 with *e filled in. */
int pcap_start(struct source *c, struct capture_error *e);
int pcap_next(struct source *c, struct capture_packet *out, struct capture_error *e);
int pcapng_start(struct source *c, struct capture_error *e);
int pcapng_next(struct source *c, struct capture_packet *out, struct capture_error *e);

/* ---- for both ---- */

/* Fills in *e for the block at hand; returns -1. `finished`: nothing can be read behind it. */
int capture_wrong(struct source *c, struct capture_error *e, bool finished, const char *text, uint64_t a, uint64_t b);
/* The same where the stream ended too early; 0 where more of it was only not written yet. */
int capture_short(struct source *c, struct capture_error *e);
/* A new interface; NULL: there are too many, or no memory. */
struct capture_iface *capture_iface_new(struct source *c, uint32_t *number);
/* Ticks of an interface as nanoseconds since 1970; what lies outside 64 bits is cut to the nearest. */
uint64_t capture_time(const struct capture_iface *i, uint64_t ticks);

/* ---- a file: begun, read, stopped; stopping closes it ---- */

int source_start(struct source *c, const struct opened *o, struct capture_error *e);
int source_next(struct source *c, struct capture_packet *out, struct capture_error *e);
void source_stop(struct source *c);
/* All packets that can be read, until `each` says false; the file stays open and is read anew when it starts. False: it
 * cannot be read twice, or was stopped. */
bool source_look_ahead(const struct opened *o, uint32_t file, bool (*each)(void *ctx, const struct capture_packet *p),
                       void *ctx);
/* The time of its first packet. What was read for that is read again when it starts; where that cannot be, or there is
 * no such time, 0. */
uint64_t source_first(const struct opened *o, uint32_t file);

static inline uint32_t get32(const struct source *c, const uint8_t *p) {
    uint32_t v;
    memcpy(&v, p, 4);
    return c->swapped ? __builtin_bswap32(v) : v;
}
static inline uint16_t get16(const struct source *c, const uint8_t *p) {
    uint16_t v;
    memcpy(&v, p, 2);
    return c->swapped ? __builtin_bswap16(v) : v;
}

#endif
