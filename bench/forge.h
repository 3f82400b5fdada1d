/* forge.h - a peer made of bytes: it writes the segments that a remote TCP would send and reads the answers, and
 * keeps next to nothing itself. So one stack alone can be filled with connections and weighed. */
#ifndef BENCH_FORGE_H
#define BENCH_FORGE_H

#include "tern.h"

struct forge {
    tern_stack *stack; /* has 10.0.0.1/8 and fd00::1/64, and a listener on `port` */
    bool v6;
    uint16_t port;
    uint64_t now;
    uint32_t answer_seq, answer_len; /* of the last segment that came back */
};

enum { FORGE_ISS = 1000 }; /* every forged peer starts there */

/* A segment of forged peer number i; sequence numbers are absolute, text is `len` bytes of nothing. */
void forge_send(struct forge *f, uint32_t i, uint16_t flags, uint32_t seq, uint32_t ack, uint32_t len);
/* Takes everything that the stack sends; the last segment's numbers stay in the forge. Returns how many. */
unsigned forge_answers(struct forge *f);
/* SYN and ACK of peer number i; the connection waits for tern_accept. Returns the stack's next sequence number. */
uint32_t forge_connect(struct forge *f, uint32_t i);

#endif
