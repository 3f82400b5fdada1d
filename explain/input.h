/* input.h - one file as a stream of bytes, unpacked on the way where it is gzip (RFC 1952) or zstd (RFC 8878). What the
 * bytes mean is capture.c's. */
#ifndef EXPLAIN_INPUT_H
#define EXPLAIN_INPUT_H

#include "base/base.h"

enum { INPUT_AT_ONCE = 16 << 20 }; /* the most that can be asked for in one piece */

/* Why there is nothing more. */
enum input_state {
    INPUT_GOES_ON,
    INPUT_END,
    INPUT_REFUSED,
    INPUT_BAD_GZIP,
    INPUT_BAD_ZSTD,
    INPUT_NO_MEMORY,
    INPUT_PACKED
};

/* A file that is still being written: asked at its end, with the bytes read so far; false when no more is wanted. wait is
 * NULL: its end is its end. Such a file must not be packed (INPUT_PACKED). */
struct input_tail {
    bool (*wait)(void *ctx, int fd, uint64_t read);
    void *ctx;
};

struct input {
    const uint8_t *at; /* what is there and not yet taken: at .. end */
    const uint8_t *end;
    uint64_t offset; /* of `at` in the unpacked stream */
    uint64_t read;   /* bytes of the file as it lies there */
    enum input_state state;
    int error; /* errno of INPUT_REFUSED */

    int fd;
    struct input_tail tail; /* may be set once it is open */
    uint8_t *memory, *packed;
    size_t room;
    struct unpacker *unpacker;
};

/* Reads from an open file, which is closed with it. False: no memory. Either way input_close is due. */
bool input_open(struct input *in, int fd);
void input_close(struct input *in);
/* The part of input_need that reads. */
size_t input_fill(struct input *in, size_t n);

/* How many bytes are at hand: at least n, unless the stream ends before (see in->state). n <= INPUT_AT_ONCE. */
static inline size_t input_need(struct input *in, size_t n) {
    size_t there = (size_t)(in->end - in->at);
    return likely(there >= n) ? there : input_fill(in, n);
}
static inline void input_take(struct input *in, size_t n) {
    in->at += n;
    in->offset += n;
}
/* Takes n bytes, however many; false: the stream ended before. */
bool input_skip(struct input *in, uint64_t n);

#endif
