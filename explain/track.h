/* track.h - what both ends of a captured connection have sent so far, in sequence numbers (RFC 9293 3.4): what is new
 * in a segment, what is repeated, what the capture itself missed. It knows no states and judges nothing. */
#ifndef EXPLAIN_TRACK_H
#define EXPLAIN_TRACK_H

#include "base/seq.h"
#include "explain/flow.h"

enum { TRACK_ISLANDS = 4 };

/* Three answers: some captures begin in mid-stream. */
enum known { KNOWN_NO = 0, KNOWN_YES, KNOWN_MAYBE };

/* One end's stream, as far as the capture shows it. */
struct track_end {
    seq isn;   /* of its SYN; guessed when `guessed`: one before the first number seen */
    seq next;  /* behind the highest number sent; SYN and FIN take one each */
    seq acked; /* the highest ACK of the other end */
    seq edge;  /* up to here everything was captured, unless it is `blurred` */
    seq blur;
    seq fin_at; /* the FIN's number, once `fin` is KNOWN_YES */
    struct {
        seq left, right;
    } island[TRACK_ISLANDS]; /* captured behind a hole, ascending */
    uint64_t quiet_ns;       /* when the other end had acknowledged all of this one's */
    seq quiet_at;            /* where the other end's stream was when that had acknowledged all of this one's */
    uint32_t window;         /* its latest, scaled */
    uint32_t missing;        /* bytes that the other end acknowledged and the capture does not have */
    uint16_t mss;            /* offered; 0: not known */
    uint8_t islands;
    uint8_t fin; /* enum known */
    uint8_t shift;
    bool based, guessed, acked_any, quiet_any;
    bool blurred;      /* the other end may lack something before `blur`: its ACKs say less, or a hole was forgotten */
    bool heard;        /* a segment of its own was captured, other than a RST */
    bool syn, syn_ack; /* it sent a bare SYN, a SYN with ACK */
    bool syn_data;     /* its SYN carried data [RFC7413] */
    bool scale_offered, timestamps, sack, ts_any;
    bool offers_cut; /* its SYN was cut in the capture: of the options that was not learnt */
    uint32_t ts;     /* the latest timestamp */
    uint32_t full;   /* the largest segment that it sent */
};

struct track {
    struct track_end end[2];
};

/* One segment, as the stream of its sender sees it. Numbers are the wire's. */
struct sight {
    seq start, stop;        /* first number, and behind the last; SYN and FIN count */
    uint32_t takes;         /* numbers that it takes */
    bool fresh;             /* something in it was never sent before */
    bool repeated;          /* it takes numbers, and all of them were sent before */
    bool fills;             /* some of that was not captured before: a hole is filled */
    bool ahead;             /* it begins behind numbers that were never captured */
    bool probe;             /* empty or one byte, one number below the next: asks for an answer */
    bool foreign;           /* its numbers are not of this connection: an old duplicate, or forged */
    bool ack_new, ack_same; /* its ACK says more than any before; the same as before */
    bool ack_old;           /* less than one before */
    bool ack_beyond;        /* for numbers that were never captured */
    bool ack_foreign;       /* while opening: for another SYN than the one known */
    bool first;             /* the sender's first segment in the capture */
    bool window_changed;
    bool outdated; /* its timestamp is older than one before: its receiver may drop it [RFC7323 5.3] */
    uint32_t newly_acked;
    uint32_t window;   /* scaled */
    uint64_t quiet_ns; /* for so long all that the sender had sent is acknowledged; 0: it is not, or just now */
    uint32_t flight;   /* of the sender, with this segment: sent and not acknowledged */
    bool fin_acked;    /* its ACK covers the other end's FIN */
    bool syn_acked;    /* its ACK covers the other end's SYN */
};

void track_start(struct track *t);
/* Follows a packet and says what it was. Call once for each that is not a copy. */
void track_follow(struct track *t, const struct flow_packet *p, struct sight *out);

static inline uint32_t track_flight(const struct track_end *e) {
    int32_t n = e->based && e->acked_any ? seq_diff(e->next, e->acked) : 0;
    return n > 0 ? (uint32_t)n : 0;
}
/* Has the other end acknowledged this end's FIN? */
static inline bool track_fin_acked(const struct track_end *e) {
    return e->fin == KNOWN_YES && e->acked_any && seq_gt(e->acked, e->fin_at);
}
/* Has it learnt that all it sent has arrived? Its own ACKs tell that it got what was sent after the last of those. */
static inline bool track_quiet(const struct track *t, int e) {
    const struct track_end *self = &t->end[e], *peer = &t->end[!e];
    return self->quiet_any && self->acked_any && seq_eq(self->acked, self->next) && peer->acked_any &&
           seq_gt(peer->acked, self->quiet_at);
}
static inline bool track_syn_acked(const struct track_end *e) { return e->acked_any && seq_gt(e->acked, e->isn); }

#endif
