/* cut.c - see cut.h. IPv4 only: IPv6 frames are never that large. */
#include "drivers/cut.h"

#include <string.h>

enum { TCP_SEQ = 4, TCP_FLAGS = 13, AT_THE_END = 0x09 /* FIN, PSH */ };

static uint32_t load32(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void store32(uint8_t *p, uint32_t v) {
    for (int i = 0; i < 4; i++) p[i] = (uint8_t)(v >> (24 - 8 * i));
}

static uint32_t load16(const uint8_t *p) { return (uint32_t)p[0] << 8 | p[1]; }

static void store16(uint8_t *p, uint32_t v) {
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static uint32_t fold(uint32_t sum) {
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

bool cut_needed(const tern_frame *f, uint32_t most) {
    bool tcp = f->flags & TERN_FRAME_CSUM && !(f->flags & TERN_FRAME_V6) && f->segment_size != 0;
    return tcp && f->len - f->ip_offset > most;
}

/* The bytes [at, at + len) of what the spans hold. */
static void put_spans(const tern_frame *f, uint32_t at, uint32_t len, tern_frame *piece) {
    piece->spans = 0;
    for (unsigned i = 0; i < f->spans && len != 0; i++) {
        uint32_t size = (uint32_t)f->body[i].len, n;
        if (at >= size) {
            at -= size;
            continue;
        }
        n = size - at < len ? size - at : len;
        piece->body[piece->spans++] = (tern_span){(const uint8_t *)f->body[i].data + at, n};
        at = 0;
        len -= n;
    }
}

/* The length, and the header's checksum. */
static void put_ip(uint8_t *ip, uint32_t len) {
    uint32_t sum = 0, header = (ip[0] & 15u) * 4;
    store16(ip + 2, len);
    store16(ip + 10, 0);
    for (uint32_t i = 0; i < header; i += 2) sum += load16(ip + i);
    store16(ip + 10, ~fold(sum) & 0xffff);
}

/* The checksum is begun: the pseudo-header's sum with a length in it, which is another now. */
static void put_tcp(uint8_t *tcp, uint16_t csum_offset, uint32_t at, uint32_t was, uint32_t is, bool last) {
    uint32_t begun = load16(tcp + csum_offset);
    store16(tcp + csum_offset, fold(begun + (~fold(was) & 0xffff) + is));
    store32(tcp + TCP_SEQ, load32(tcp + TCP_SEQ) + at);
    if (!last) tcp[TCP_FLAGS] &= (uint8_t)~AT_THE_END;
}

bool cut_piece(const tern_frame *f, uint32_t *at, uint32_t most, tern_frame *piece) {
    uint32_t all = f->len - f->head_len, head = (uint32_t)f->head_len - f->ip_offset;
    if (*at >= all) return false;
    uint32_t room = (most - head) / f->segment_size * f->segment_size, n = all - *at < room ? all - *at : room;
    memcpy(piece, f, sizeof *piece);
    piece->len = f->head_len + n;
    put_spans(f, *at, n, piece);
    put_ip(piece->head + f->ip_offset, head + n);
    put_tcp(piece->head + f->csum_start, f->csum_offset, *at, f->len - f->csum_start, piece->len - f->csum_start,
            *at + n == all);
    *at += n;
    return true;
}
