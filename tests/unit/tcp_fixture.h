/* tcp_fixture.h - one host on a link without frames, a clock by hand and a peer that follows the test's script: it
 * sends single segments and says what must come out. The peer shares no code with TCP: it builds and reads packets
 * itself.
 *
 * Numbers are relative, as in the RFC's figures: the host's SYN has number 0 and its first byte 1; so has the peer's.
 * What the host writes and what the peer sends is a pattern of its number, so that every byte is checked.
 *
 *     static void example(void **state) {
 *         to_state(TERN_ESTABLISHED, ACTIVE);
 *         inject(ACK, 1, 1, 100);
 *         advance(500);
 *         expect(ACK, 1, 101, 0);
 *     }
 */
#ifndef UNIT_TCP_FIXTURE_H
#define UNIT_TCP_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tcp/tcb.h"

enum { FIN = 0x01, SYN = 0x02, RST = 0x04, PSH = 0x08, ACK = 0x10, URG = 0x20, ECE = 0x40, CWR = 0x80, AE = 0x100 };
enum { ANY = 0x7fffffff, CLOSED_WINDOW = -1, MY_PORT = 40000, PEER_PORT = 7000 };

/* One segment of the peer. What is 0 is absent, or the peer's default. */
struct seg {
    uint16_t flags;
    uint32_t seq, ack; /* relative */
    uint32_t len;
    int32_t wnd; /* 0: peer.wnd; CLOSED_WINDOW: 0; as on the wire */
    uint16_t urgent;
    uint16_t mss;
    int8_t wscale; /* + 1 */
    bool sack_ok;
    bool ts, no_ts; /* ts: with these values; no_ts: none although they were agreed */
    uint32_t ts_value, ts_echo;
    const uint8_t *raw; /* options as they are, instead of all others */
    uint8_t raw_len;
    bool bad_sum;
    uint16_t sport, dport; /* 0: the connection's */
};

/* One packet of the host. */
struct out {
    uint64_t at_ns;
    uint8_t proto, ttl, tos;
    uint16_t flags, sport, dport, wnd, urgent;
    uint32_t seq, ack, len; /* relative */
    uint32_t abs_seq, abs_ack;
    uint8_t data[2048];
    uint16_t mss; /* 0: none */
    int wscale;   /* -1: none */
    bool sack_ok, ts;
    uint32_t ts_value, ts_echo;
    unsigned sacks;
    uint32_t sack[4][2]; /* relative */
    unsigned options_len;
};

enum opening { ACTIVE, PASSIVE };

struct fixture {
    bool v6;
    tern_config cfg; /* change it before the first call that needs the stack */
    uint32_t iface_flags, mtu;
    uint16_t quoted_size; /* the length that a packet quoted by inject_icmp had on its way; 0: that of the quote */
    tern_stack *stack;
    struct stack *s;
    int iface;
    uint64_t now;
    tern_addr me, peer_addr;

    struct {
        uint32_t isn;
        uint16_t wnd, mss;
        int wscale; /* -1: no option */
        bool sack, ts;
        uint32_t ts_value; /* of the next segment; the test moves it */
    } peer;

    tern_sock sock, listener;
    uint16_t my_port, peer_port;
    uint32_t iss;      /* ours, from the last SYN that came out */
    uint32_t snd, rcv; /* after to_state: the number behind all that the host sent, and behind all that the peer sent */
    uint32_t written;  /* by app_write */
    uint32_t read;     /* by app_read */
    uint32_t ts_seen;  /* newest TSval of the host */
    bool close_fully;  /* to_state uses tern_close instead of tern_shutdown */
    bool unchecked;    /* payloads are not the pattern */

    struct out out; /* what the last expect took */
    uint32_t ev_bits, listener_bits;
    int ev_error;

    struct {
        uint64_t calls, fail_at, live;
        bool fail_on; /* and all after it */
    } heap;
};
extern struct fixture fx;

/* For cmocka: every test starts with a fresh fixture; at the end the stack is freed and no memory may be left. */
int fx_setup_v4(void **state);
int fx_setup_v6(void **state);
int fx_teardown(void **state);
#define BOTH(f)                                                                                                        \
    cmocka_unit_test_setup_teardown(f, fx_setup_v4, fx_teardown), { #f "/v6", f, fx_setup_v6, fx_teardown, NULL }
#define ONLY4(f) cmocka_unit_test_setup_teardown(f, fx_setup_v4, fx_teardown)
/* What must hold whatever loss recovery is in use is tried with a peer that sends SACK blocks too. */
int fx_setup_sack(void **state);
#define SACKED(f)                                                                                                      \
    { #f "/sack", f, fx_setup_sack, fx_teardown, NULL }
void fx_reset(bool v6);
void fx_up(void); /* makes the stack, if there is none */
void fx_down(void);
void fx_new_peer(uint16_t my_port, uint16_t peer_port); /* the script goes on with another connection */
/* Makes the stack so that the next active open (or answer to a SYN) of the fixture's sockets has this ISN. */
void fx_up_with_isn(uint32_t iss);
void fx_check(void); /* the invariants of every control block */

/* ---- the calls ---- */
int app_connect(void);
int app_listen(uint32_t flags, uint32_t backlog);
int app_accept(void);
int app_set(enum tern_option o, int64_t value);
void app_write(uint32_t len); /* all of it must fit */
uint32_t app_read(uint32_t most);
#define expect_read(n) fx_expect_read(n, __FILE__, __LINE__)
void fx_expect_read(uint32_t n, const char *file, int line); /* exactly so many bytes, then nothing more now */

/* ---- the peer ---- */
void inject(uint16_t flags, uint32_t number, uint32_t ack, uint32_t len);
void inject_seg(const struct seg *s);
#define inject_with(...) inject_seg(&(struct seg){__VA_ARGS__})
void inject_raw(const void *packet, size_t len);
/* An ICMP error that quotes a segment of ours with this number; v4's or v6's type. */
void inject_icmp(uint8_t type, uint8_t code, uint32_t field, uint32_t quoted_seq);
size_t build(uint8_t *p, const struct seg *s); /* the packet's bytes */

#define expect(flags, seq, ack, len) fx_expect(flags, seq, ack, len, __FILE__, __LINE__)
#define expect_none() fx_expect_none(__FILE__, __LINE__)
#define expect_state(st) fx_expect_state(st, __FILE__, __LINE__)
#define expect_event(bits) fx_expect_event(bits, __FILE__, __LINE__)
void fx_expect(uint32_t flags, uint32_t number, uint32_t ack, uint32_t len, const char *file,
               int line); /* PSH is not compared */
void fx_expect_none(const char *file, int line);
void fx_expect_state(enum tern_state st, const char *file, int line);
void fx_expect_event(uint32_t bits, const char *file, int line); /* exactly these since the last look */
bool out_waiting(void);
unsigned drop_out(void); /* forgets what is waiting; returns how many */

/* ---- time ---- */
void advance(uint64_t ms);
/* Lets time pass until something comes out, at most so long; returns the milliseconds, `most` + 1 when nothing came. */
uint64_t wait_out(uint64_t most);
#define expect_after(ms) fx_expect_after(ms, __FILE__, __LINE__) /* the next packet comes after so long, not sooner */
void fx_expect_after(uint64_t ms, const char *file, int line);

/* ---- states ---- */
void to_state(enum tern_state st, enum opening how);
enum tern_state state_now(void);
bool status_now(tern_status_info *i); /* of the connection, in whatever record; false: there is none */
tern_status_info fx_status(void);     /* the same where there must be one */
struct tcb *tcb_now(void);            /* NULL when it has none */
uint64_t counted(enum reason r);
uint64_t fx_outcomes(void); /* counts of all reasons but those that tell why something leaves */

#endif
