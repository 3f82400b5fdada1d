/* input.c - see input.h. One buffer, filled from behind; whoever asks for more than is there makes it grow. */
#include "explain/input.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

/* A piece at a time: large enough that the system call costs nothing, small enough to stay in the processor's cache. */
enum { PIECE = 128 << 10, PACKED = 128 << 10 };

struct unpacker {
    bool gzip, zstd;      /* neither: bytes go through as they are */
    bool opened, between; /* a member or frame ended, another may follow */
    size_t packed_at, packed_end;
    bool dry; /* the file has no more */
    z_stream z;
    ZSTD_DStream *frames;
};

static ssize_t read_some(struct input *in, uint8_t *to, size_t n) {
    ssize_t got;
    do got = read(in->fd, to, n);
    while ((got < 0 && errno == EINTR) ||
           (got == 0 && in->tail.wait != NULL && in->tail.wait(in->tail.ctx, in->fd, in->read)));
    if (got < 0) {
        in->state = INPUT_REFUSED;
        in->error = errno;
    } else {
        in->read += (uint64_t)got;
    }
    return got;
}

/* Looks at the first bytes: is this packed, and how? They are in `packed` then. */
static void recognise(struct input *in) {
    struct unpacker *u = in->unpacker;
    while (u->packed_end < 4 && !u->dry) {
        ssize_t got = read_some(in, in->packed + u->packed_end, PACKED - u->packed_end);
        if (got <= 0) u->dry = true;
        if (got > 0) u->packed_end += (size_t)got;
    }
    const uint8_t *p = in->packed;
    u->gzip = u->packed_end >= 2 && p[0] == 0x1f && p[1] == 0x8b;
    u->zstd = u->packed_end >= 4 && ((p[0] == 0x28 && p[1] == 0xb5 && p[2] == 0x2f && p[3] == 0xfd) ||
                                     ((p[0] & 0xf0) == 0x50 && p[1] == 0x2a && p[2] == 0x4d && p[3] == 0x18));
    if (in->tail.wait != NULL && (u->gzip || u->zstd)) in->state = INPUT_PACKED;
    if (in->state == INPUT_PACKED) return;
    if (u->gzip && inflateInit2(&u->z, 15 + 16) != Z_OK) in->state = INPUT_NO_MEMORY;
    if (u->zstd && (u->frames = ZSTD_createDStream()) == NULL) in->state = INPUT_NO_MEMORY;
    u->opened = in->state != INPUT_NO_MEMORY;
}

bool input_open(struct input *in, int fd) {
    memset(in, 0, sizeof *in);
    in->fd = fd;
    in->memory = malloc(in->room = PIECE);
    in->packed = malloc(PACKED);
    in->unpacker = calloc(1, sizeof *in->unpacker);
    if (in->memory == NULL || in->packed == NULL || in->unpacker == NULL) {
        in->state = INPUT_NO_MEMORY;
        in->error = ENOMEM;
        return false;
    }
    in->at = in->end = in->memory;
    return true;
}

void input_close(struct input *in) {
    struct unpacker *u = in->unpacker;
    if (u != NULL && u->opened && u->gzip) inflateEnd(&u->z);
    if (u != NULL) ZSTD_freeDStream(u->frames);
    free(u);
    free(in->packed);
    free(in->memory);
    if (in->fd > STDIN_FILENO) close(in->fd);
    memset(in, 0, sizeof *in);
    in->fd = -1;
}

/* ---- unpacking: each returns how many bytes it made; 0 says nothing, in->state does ---- */

static size_t ungzip(struct input *in, uint8_t *to, size_t n) {
    struct unpacker *u = in->unpacker;
    if (u->between) {
        bool more = u->packed_end - u->packed_at >= 2 && in->packed[u->packed_at] == 0x1f;
        if (!more) { /* padding behind the last member means nothing */
            in->state = INPUT_END;
            return 0;
        }
        inflateReset(&u->z);
        u->between = false;
    }
    u->z.next_in = in->packed + u->packed_at;
    u->z.avail_in = (unsigned)(u->packed_end - u->packed_at);
    u->z.next_out = to;
    u->z.avail_out = (unsigned)n;
    int r = inflate(&u->z, Z_NO_FLUSH);
    u->packed_at = u->packed_end - u->z.avail_in;
    if (r == Z_STREAM_END) u->between = true;
    if (r != Z_OK && r != Z_STREAM_END && r != Z_BUF_ERROR)
        in->state = r == Z_MEM_ERROR ? INPUT_NO_MEMORY : INPUT_BAD_GZIP;
    return n - u->z.avail_out;
}

static size_t unzstd(struct input *in, uint8_t *to, size_t n) {
    struct unpacker *u = in->unpacker;
    ZSTD_inBuffer from = {in->packed, u->packed_end, u->packed_at};
    ZSTD_outBuffer into = {to, n, 0};
    size_t r = ZSTD_decompressStream(u->frames, &into, &from);
    u->packed_at = from.pos;
    if (ZSTD_isError(r))
        in->state = INPUT_BAD_ZSTD;
    else
        u->between = r == 0;
    return into.pos;
}

static size_t unpack(struct input *in, uint8_t *to, size_t n) {
    struct unpacker *u = in->unpacker;
    while (in->state == INPUT_GOES_ON) {
        if (u->packed_end - u->packed_at < 2 && !u->dry) { /* two bytes tell whether another member follows */
            size_t left = u->packed_end - u->packed_at;
            memmove(in->packed, in->packed + u->packed_at, left);
            ssize_t got = read_some(in, in->packed + left, PACKED - left);
            if (got < 0) return 0;
            u->dry = got == 0;
            u->packed_at = 0;
            u->packed_end = left + (size_t)got;
        }
        bool empty = u->packed_at == u->packed_end;
        if (empty && u->dry && u->between) {
            in->state = INPUT_END;
            return 0;
        }
        size_t made = u->gzip ? ungzip(in, to, n) : unzstd(in, to, n);
        if (made > 0) return made;
        if (empty && u->dry && in->state == INPUT_GOES_ON) in->state = u->gzip ? INPUT_BAD_GZIP : INPUT_BAD_ZSTD;
    }
    return 0;
}

/* ---- the buffer ---- */

static size_t more(struct input *in, uint8_t *to, size_t n) {
    struct unpacker *u = in->unpacker;
    if (!u->opened) recognise(in);
    if (in->state != INPUT_GOES_ON) return 0;
    if (u->gzip || u->zstd) return unpack(in, to, n);
    size_t left = u->packed_end - u->packed_at;
    if (left > 0) { /* the first bytes, read to see what they are */
        n = min_size(n, left);
        memcpy(to, in->packed + u->packed_at, n);
        u->packed_at += n;
        return n;
    }
    ssize_t got = read_some(in, to, n);
    if (got == 0) in->state = INPUT_END;
    return got > 0 ? (size_t)got : 0;
}

/* Room for n bytes from `at` on; what is there moves to the front. */
static bool make_room(struct input *in, size_t n) {
    size_t there = (size_t)(in->end - in->at);
    uint8_t *memory = in->memory;
    if (n > in->room) {
        size_t room = pow2_at_least((uint32_t)n);
        memory = malloc(room);
        if (memory == NULL) {
            in->state = INPUT_NO_MEMORY;
            return false;
        }
        in->room = room;
    }
    memmove(memory, in->at, there);
    if (memory != in->memory) free(in->memory);
    in->memory = memory;
    in->at = memory;
    in->end = memory + there;
    return true;
}

size_t input_fill(struct input *in, size_t n) {
    ASSERT(n <= INPUT_AT_ONCE);
    size_t there = (size_t)(in->end - in->at);
    if (in->state != INPUT_GOES_ON || !make_room(in, n)) return there;
    while (there < n && in->state == INPUT_GOES_ON) {
        there += more(in, in->memory + there, in->room - there);
        in->end = in->memory + there;
    }
    return there;
}

bool input_skip(struct input *in, uint64_t n) {
    while (n > 0) {
        size_t step = (size_t)min_u64(n, PIECE), there = min_size(input_need(in, step), step);
        input_take(in, there);
        n -= there;
        if (there < step) return false;
    }
    return true;
}
