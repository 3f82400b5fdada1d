/* pcapng.h - writes capture files that Wireshark opens: nanoseconds, direction, and on each packet a comment that
 * says which state it changed and why (draft-ietf-opsawg-pcapng), and the states as Wireshark prints them. A writer only, for streams too; it never seeks. */
#ifndef LENS_PCAPNG_H
#define LENS_PCAPNG_H

#include "tern.h"

enum pcapng_linktype { PCAPNG_ETHERNET = 1, PCAPNG_RAW = 101 };
enum pcapng_direction { PCAPNG_IN = 1, PCAPNG_OUT = 2 };

struct pcapng;

struct pcapng_options {
    enum tern_lang lang; /* of the comments */
    bool states;         /* also the control block of each packet's connection, and a block for each move: bblog.h */
    const char *application; /* "tern 0.1.0" */
    uint64_t epoch_ns;       /* added to every time: what the trace's zero is in Unix time */
    void (*failed)(void *ctx, const char *path, int error); /* called once when writing fails; may be NULL */
    void *ctx;
};

/* Creates or overwrites `path`; "-" is standard output. Returns 0 or a negative errno. */
int pcapng_open(const char *path, const struct pcapng_options *options, struct pcapng **out);
/* Declares an interface; returns its number or a negative errno. `description` may be NULL. */
int pcapng_iface(struct pcapng *p, enum pcapng_linktype linktype, const char *name, const char *description);
/* One packet of the interface that pcapng_iface numbered; `comment` NULL or empty: none. */
void pcapng_packet(struct pcapng *p, int iface, enum pcapng_direction direction, uint64_t time_ns, const void *data,
                   uint32_t len, const char *comment);
/* The same of a packet that had `wire` bytes, of which `len` are there. */
void pcapng_packet_cut(struct pcapng *p, int iface, enum pcapng_direction direction, uint64_t time_ns, const void *data,
                       uint32_t len, uint32_t wire, const char *comment);
/* With `states`, a move as a block of its own; `who` made it, `record` tells of it. */
void pcapng_move(struct pcapng *p, const char *who, const tern_trace *record);
/* Feeds a trace record of a stack whose interface 0 is number `first` here. Packets wait for the records that explain
 * them; the rest of the kinds in PCAPNG_TRACE make the comments. */
void pcapng_trace(struct pcapng *p, int first, const tern_trace *record);
/* Writes what waits, down to the file. Returns 0 or the first error of all, a negative errno. */
int pcapng_flush(struct pcapng *p);
/* The same, and frees. NULL is fine. */
int pcapng_close(struct pcapng *p);

enum {
    PCAPNG_TRACE = TERN_TRACE_PACKET_IN | TERN_TRACE_PACKET_OUT | TERN_TRACE_SEGMENT_IN | TERN_TRACE_SEGMENT_OUT |
                   TERN_TRACE_STATE | TERN_TRACE_DROP
};

#endif
