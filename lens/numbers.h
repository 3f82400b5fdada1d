/* numbers.h - the arithmetic of Seq and Ack as a reader does it: relative numbers, and the sum that led to each
 * (RFC 9293 3.4). It follows both directions of one connection from the segments alone and draws nothing. */
#ifndef LENS_NUMBERS_H
#define LENS_NUMBERS_H

#include "tern.h"

/* The two ends as the lens names them: A is drawn on the left. */
enum { END_A = 0, END_B = 1 };

/* What one end has sent so far. Numbers are relative to its ISN and do not wrap at 2^32. */
typedef struct stream {
    bool based, syn, fin;
    bool guessed;   /* the SYN was not seen: the first byte seen counts as 1 */
    uint32_t base;  /* the ISN */
    int64_t next;   /* after the highest byte sent; SYN and FIN count */
    int64_t fin_at; /* the FIN's number, once seen */
    int64_t last;   /* Seq of the latest segment */
    uint32_t last_len;
    bool last_syn, last_fin, sent_any;
    int64_t acked; /* the highest Ack that this end sent, in the other's numbers */
    bool acked_any;
    int8_t wscale; /* offered in its SYN, -1: not */
    bool scaled;   /* a SYN was seen, so wscale is known */
} stream;

typedef struct numbers {
    stream end[2];
    uint8_t shift[2]; /* from a control block, for connections whose SYN was not seen */
} numbers;

/* start + syn + bytes + fin = result; `worth` tells whether there is anything to say. */
typedef struct sum {
    bool worth;
    int64_t start, bytes, result;
    bool syn, fin;
} sum;

/* What a reader wants to know of one segment. */
typedef struct reading {
    int64_t seq, ack; /* relative */
    uint32_t window;  /* scaled */
    bool repeated;    /* it carries something that was sent before, and nothing new */
    bool probe;       /* empty and one number below the next: asks for an answer */
    sum seq_sum, ack_sum;
} reading;

void numbers_start(numbers *n);
/* Takes the base from a control block when the SYN was not seen; `tcb` is that of end `who`. */
void numbers_learn(numbers *n, int who, const tern_trace *record);
/* Follows a segment that `from` sent and fills in `out`. Call once for each segment, in the order of sending. */
void numbers_follow(numbers *n, int from, const tern_trace *record, reading *out);
/* The relative number of `wire`, a number in `who`'s space, as of now. */
int64_t numbers_relative(const numbers *n, int who, uint32_t wire);
/* "0 + 1 (SYN) + 78 bytes = 79", with no-break spaces; with `absolute` the numbers on the wire. `space`: whose
 * numbers. */
void sum_text(const sum *s, const numbers *n, int space, bool absolute, enum tern_lang lang, char *buf, size_t size);
/* "FIN,ACK" in the order of the header's bits from SYN on; "none" when no flag is set. */
const char *flags_text(uint16_t flags, char buf[40]);

#endif
