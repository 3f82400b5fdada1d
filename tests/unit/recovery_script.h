/* recovery_script.h - ACKs with SACK blocks, and connections that begin with a known round trip: what the tests of
 * recovery share. */
#ifndef UNIT_RECOVERY_SCRIPT_H
#define UNIT_RECOVERY_SCRIPT_H

#include "tcp_fixture.h"

enum { M = 1000 /* MSS */, RTT = 100 };

/* Byte range of segment k, k from 1, as SACK blocks and ACKs name it. */
static inline uint32_t from(uint32_t k) { return (k - 1) * M + 1; }
static inline uint32_t behind(uint32_t k) { return k * M + 1; }

static inline size_t put_u32(uint8_t *p, uint32_t v) {
    for (unsigned i = 0; i < 4; i++) p[i] = (uint8_t)(v >> 8 * (3 - i));
    return 4;
}

struct blocks {
    unsigned n;
    uint32_t at[4][2]; /* relative */
};

/* An ACK of the peer with these blocks, and with timestamps if they were agreed. */
static inline void ack_blocks(uint16_t flags, uint32_t ack, const struct blocks *b) {
    uint8_t raw[40];
    size_t n = 0;
    if (fx.peer.ts) {
        raw[n++] = 8, raw[n++] = 10;
        n += put_u32(raw + n, fx.peer.ts_value);
        n += put_u32(raw + n, fx.ts_seen);
    }
    if (b->n) raw[n++] = 5, raw[n++] = (uint8_t)(2 + 8 * b->n);
    for (unsigned i = 0; i < b->n; i++)
        for (unsigned k = 0; k < 2; k++) n += put_u32(raw + n, fx.iss + b->at[i][k]);
    inject_with(.flags = flags, .seq = 1, .ack = ack, .raw = raw, .raw_len = (uint8_t)n);
}
#define sack_with(flags, ack, ...)                                                                                     \
    ack_blocks(flags, ack, &(struct blocks){sizeof((uint32_t[][2]){__VA_ARGS__}) / 8, {__VA_ARGS__}})
#define sack(ack, ...) sack_with(ACK, ack, __VA_ARGS__)
#define ack_only(ack) ack_blocks(ACK, ack, &(struct blocks){0})

/* Of a connection that is awake, or is now. */
static inline struct cc *cc(void) {
    assert_true(tcb_wake(stack_of(fx.stack), tcb_now()));
    return &tcb_now()->busy->cc;
}

/* An open connection whose round trip is known. */
static inline void open_with(uint32_t congestion, bool ts) {
    fx.cfg.sack = 1;
    fx.cfg.timestamps = ts;
    fx.cfg.congestion = congestion;
    fx.cfg.pacing = 0;
    fx.cfg.nagle = 0;
    fx.peer.sack = true;
    fx.peer.ts = ts;
    if (ts) fx.peer.mss = M + 12;
    fx_up();
    assert_int_equal(app_connect(), TERN_OK);
    expect(SYN, 0, 0, 0);
    advance(RTT);
    inject(SYN | ACK, 0, 1, 0);
    expect(ACK, 1, 1, 0);
}

/* n segments leave now. */
static inline void send_segments(uint32_t first, uint32_t n) {
    app_write(n * M);
    for (uint32_t k = first; k < first + n; k++) expect(ACK, from(k), 1, M);
    expect_none();
}

#endif
