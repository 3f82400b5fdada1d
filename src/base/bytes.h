/* bytes.h - the one bounds-checked way to read and write packet bytes, in network order. A reader or writer that
 * runs past its end turns bad and stays bad; reads then give zero and writes do nothing. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include "base/base.h"

typedef struct reader {
    const uint8_t *at, *end;
    size_t bad; /* 0 or 1; a word, so that a reader just made is copied without waiting for a byte */
} reader;

static inline reader reader_of(const void *data, size_t len) {
    return (reader){(const uint8_t *)data, (const uint8_t *)data + len, false};
}
static inline size_t reader_left(const reader *r) { return (size_t)(r->end - r->at); }
/* The next n bytes, or NULL; the reader moves past them. */
static inline const uint8_t *read_bytes(reader *r, size_t n) {
    if (unlikely(r->bad || reader_left(r) < n)) {
        r->bad = true;
        return NULL;
    }
    const uint8_t *p = r->at;
    r->at += n;
    return p;
}
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define NET16(v) __builtin_bswap16(v)
#define NET32(v) __builtin_bswap32(v)
#else
#define NET16(v) ((uint16_t)(v))
#define NET32(v) ((uint32_t)(v))
#endif
static inline uint16_t load16(const void *p) {
    uint16_t v;
    memcpy(&v, p, 2);
    return NET16(v);
}
static inline uint32_t load32(const void *p) {
    uint32_t v;
    memcpy(&v, p, 4);
    return NET32(v);
}
static inline void store16(void *p, uint16_t v) {
    v = NET16(v);
    memcpy(p, &v, 2);
}
static inline void store32(void *p, uint32_t v) {
    v = NET32(v);
    memcpy(p, &v, 4);
}
static inline uint8_t read8(reader *r) {
    const uint8_t *p = read_bytes(r, 1);
    return p ? *p : 0;
}
static inline uint16_t read16(reader *r) {
    const uint8_t *p = read_bytes(r, 2);
    return p ? load16(p) : 0;
}
static inline uint32_t read32(reader *r) {
    const uint8_t *p = read_bytes(r, 4);
    return p ? load32(p) : 0;
}

typedef struct writer {
    uint8_t *at, *start, *end;
    bool bad;
} writer;

static inline writer writer_of(void *buf, size_t cap) {
    return (writer){(uint8_t *)buf, (uint8_t *)buf, (uint8_t *)buf + cap, false};
}
static inline size_t writer_len(const writer *w) { return (size_t)(w->at - w->start); }
/* Room for n bytes, or NULL; the writer moves past them. */
static inline uint8_t *write_room(writer *w, size_t n) {
    if (unlikely(w->bad || (size_t)(w->end - w->at) < n)) {
        w->bad = true;
        return NULL;
    }
    uint8_t *p = w->at;
    w->at += n;
    return p;
}
static inline void write8(writer *w, uint8_t v) {
    uint8_t *p = write_room(w, 1);
    if (p) *p = v;
}
static inline void write16(writer *w, uint16_t v) {
    uint8_t *p = write_room(w, 2);
    if (p) store16(p, v);
}
static inline void write32(writer *w, uint32_t v) {
    uint8_t *p = write_room(w, 4);
    if (p) store32(p, v);
}
static inline void write_bytes(writer *w, const void *data, size_t n) {
    uint8_t *p = write_room(w, n);
    if (p && n) memcpy(p, data, n);
}

#endif
