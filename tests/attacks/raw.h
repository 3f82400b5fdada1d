/* raw.h - an attacker made of bytes: segments and fragments from any address, with right checksums, towards one host;
 * and a well-behaved host beside it, whose connections must not notice. It keeps no state of TCP. */
#ifndef ATTACKS_RAW_H
#define ATTACKS_RAW_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/stack.h"
#include "tests/unit/draw.h"

enum { FIN = 0x01, SYN = 0x02, RST = 0x04, PSH = 0x08, ACK = 0x10, URG = 0x20 };
enum { PORT = 80, FRIENDS = 10 };

/* The host under attack is 10.0.0.1, the friend 10.0.0.2; all of 10.0.0.0/8 lies on the link. */
struct arena {
    tern_stack *victim, *friend;
    uint64_t now;
    tern_config cfg; /* of the victim; change it before arena_up */
    uint64_t seed;   /* of both */
    tern_sock listener;
    struct {
        tern_sock near, far; /* the friend's end, the victim's */
    } pair[FRIENDS];
    uint64_t live, peak; /* bytes of the victim */
    uint8_t fill;        /* fresh memory of the victim is filled with it */
    /* sees every packet of the victim; may be NULL */
    void (*tap)(void *ctx, const uint8_t *p, uint32_t len);
    void *tap_ctx;
    uint64_t out_packets, out_bytes; /* of the victim to others than the friend */
    uint32_t last_seq, last_ack;     /* of the last of them */
    uint8_t last_flags;
};

void arena_defaults(struct arena *a);
void arena_up(struct arena *a, unsigned friends);
void arena_down(struct arena *a); /* nothing may be left */
/* Carries packets between the two until all is quiet at this instant. */
void arena_pump(struct arena *a);
void arena_pass(struct arena *a, uint64_t ms);
/* Accepts whatever waits on the victim's listener; returns the last. */
tern_sock arena_accept(struct arena *a);
/* Bytes there and back on an established connection; false: they did not arrive. */
bool arena_echo(struct arena *a, unsigned pair);
/* A new connection, an echo on it, and its end by reset; false: it failed. */
bool arena_connect_echo(struct arena *a);

/* One IPv4 TCP segment; returns its length. */
struct shot {
    uint32_t src; /* host byte order */
    uint16_t sport, dport;
    uint32_t seq, ack;
    uint8_t flags;
    uint16_t wnd;
    uint16_t mss;           /* 0: no option */
    const uint8_t *options; /* instead; options_len is a multiple of 4 */
    uint32_t options_len;
    uint32_t len; /* payload of zeroes */
};
uint32_t raw_segment(uint8_t *p, const struct shot *s);
/* One fragment of a UDP datagram: offset in bytes, a multiple of 8. */
uint32_t raw_fragment(uint8_t *p, uint32_t src, uint16_t id, uint32_t offset, uint32_t len, bool more);
void raw_send(struct arena *a, const uint8_t *p, uint32_t len);

double seconds_now(void);

#endif
