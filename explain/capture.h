/* capture.h - reads capture files: pcap and pcapng of every byte order and resolution, plain, gzip or zstd, from a pipe,
 * several merged into one by time (draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng). It gives raw packets with what the
 * file says of each; what the bytes mean is decode.h's. A stream: its memory does not grow with the files. */
#ifndef EXPLAIN_CAPTURE_H
#define EXPLAIN_CAPTURE_H

#include "base/base.h"

enum capture_direction { CAPTURE_EITHER = 0, CAPTURE_IN = 1, CAPTURE_OUT = 2 };

/* Where something stands: blocks and records count from 1 in each file, offsets are those of the uncompressed bytes. */
struct capture_place {
    uint32_t file; /* index of its name */
    uint64_t block, offset;
};

struct capture_packet {
    uint64_t number;  /* from 1, over all files */
    uint64_t time_ns; /* since 1970, UTC; that of the packet before where the file has none */
    const uint8_t *data;
    uint32_t captured, wire; /* bytes at hand; bytes that the packet had */
    uint32_t linktype;
    uint32_t iface;      /* over all files and sections, from 0 */
    uint8_t direction;   /* enum capture_direction */
    bool timed;          /* false: the block has no time */
    const char *comment; /* the first one, not ended by NUL; NULL: none */
    uint32_t comment_len, comments;
    struct capture_place place;
};

/* What was wrong. `text` is marked with N_ and takes up to two %llu: a, b. */
struct capture_error {
    const char *text;
    unsigned long long a, b;
    int error; /* errno where the system refused, else 0 */
    struct capture_place place;
};

struct capture;

/* `names` stay the caller's and must last; "-" is standard input. All are opened now; what cannot be opened is said by
 * capture_next. NULL: no memory. */
struct capture *capture_open(const char *const *names, size_t n);
void capture_close(struct capture *c);

/* 1: *out is the next packet, valid until the next call. 0: the end. -1: something is wrong here, see *error; the next
 * call goes on behind it: after the block when its frame holds, otherwise with the next file. */
int capture_next(struct capture *c, struct capture_packet *out, struct capture_error *error);

/* Before the first capture_next: all packets of one file, as they stand in it, to look ahead; `each` stops it with false.
 * False: this file can be read only once, or was stopped. What is wrong in it is told later. */
bool capture_look_ahead(struct capture *c, uint32_t file, bool (*each)(void *ctx, const struct capture_packet *p),
                        void *ctx);
/* Corrects the times of packets, before files are merged by them. `corrected` is asked with ctx for each. */
void capture_correct(struct capture *c, uint64_t (*corrected)(const void *ctx, uint32_t file, uint64_t time_ns),
                     const void *ctx);

/* Before the first capture_next, of a capture of one plain file: another program is still writing it. At its end `wait` is
 * asked, with the open file and the bytes read of it, and waits; false: nothing more is wanted, and what is not written
 * yet is missed by nobody. */
void capture_follow(struct capture *c, bool (*wait)(void *ctx, int fd, uint64_t read), void *ctx);

const char *capture_file(const struct capture *c, uint32_t file);
/* The interface's name as the file gives it; "" when it gives none. */
const char *capture_iface_name(const struct capture *c, uint32_t iface);
/* Bytes read of the files as they lie on the disk, and how many there are in all; 0 when that is not known. */
void capture_progress(const struct capture *c, uint64_t *done, uint64_t *all);

#endif
