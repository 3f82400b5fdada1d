/* flight.h - what is under way: every byte between snd.una and snd.nxt as a short list of pieces, each with the time
 * it was last sent and whether it was selectively acknowledged, is under way, or is thought lost (the scoreboard of
 * RFC 6675 with the times of RFC 8985). It keeps account; rack.c judges, recovery.c acts.
 *
 * Bytes that left in one burst, or nearly so, share a piece, and neighbours that were both acknowledged become one,
 * so the list stays short: it grows with holes, not with the window. It is an array used as a ring: new bytes join
 * at the end, acknowledged ones leave at the front, pieces in between are found by bisection and split by moving the
 * shorter side. */
#ifndef TCP_FLIGHT_H
#define TCP_FLIGHT_H

#include "base/seq.h"

struct stack;

enum piece_state { PIECE_SENT, PIECE_SACKED, PIECE_LOST };

/* Was the timeout a mistake? After it: nothing was acknowledged yet; new bytes go out, if there are any; they did, and what comes
 * back will tell [RFC5682 3.1]. */
enum frto { FRTO_OFF, FRTO_WAIT, FRTO_PROBE, FRTO_PROBED };

struct piece {
    seq from;           /* up to the next piece's, or flight.end */
    uint32_t sent_us;   /* when it left last */
    uint32_t delivered; /* flight.delivered then, and when that was, and when its burst began: for rate samples */
    uint32_t delivered_us, first_us;
    uint32_t state : 8;       /* enum piece_state; these share a word, which is written and compared whole */
    uint32_t again : 1;       /* sent more than once [Karn] */
    uint32_t app_limited : 1; /* the application or the peer's window, not the network, held back what followed */
    uint32_t counted : 1;     /* acknowledged selectively before a timeout made us forget it: was delivered once */
};

/* What one ACK brought. */
struct news {
    uint32_t delivered;  /* bytes, in either way */
    uint32_t rtt_us;     /* of the newest piece sent once */
    uint32_t flight;     /* outstanding before */
    uint32_t pipe;       /* in the network before */
    struct piece newest; /* of what was delivered, the last to leave */
    bool forward;        /* SND.UNA moved */
    bool dsack;          /* a duplicate of something we sent again since the reduction was reported */
    bool original;       /* something given up for lost arrived without being sent again */
};

struct span {
    seq left, right;
    bool before; /* it left before the window was reduced last: tells nothing about that */
};

struct flight {
    struct piece *at;
    uint32_t cap, head, count; /* cap is a power of two */
    uint32_t segment;          /* bytes in one, usually */
    seq end;                   /* behind the last piece: snd.nxt */
    seq fack;                  /* behind the highest byte selectively acknowledged */
    uint32_t sacked, lost;     /* bytes in these states */
    seq lost_from;             /* nothing before it is lost */
    seq lost_end;              /* nothing behind it was found lost */
    uint32_t delivered;        /* bytes acknowledged in either way since the flight began, modulo 2^32 */
    uint32_t grain_us;         /* bytes that left within this time of each other share a piece */
    bool apart;                /* but not those before and after a repetition: RACK compares their times */
    bool any_again;            /* again[] holds something */
    uint8_t again_next;

    /* rate samples: when bytes were last delivered, when the burst of the newest of them began; up to how many delivered bytes
     * the application, not the network, set the pace; 0: it does not */
    uint32_t delivered_us, first_us, app_until;
    uint32_t sample_bytes, sample_us; /* the newest sample; 0: none yet */
    bool sample_limited;              /* not the path's pace */

    /* since when the retransmission timer runs: new bytes do not move it, and no probe comes later [RFC8985 7.2] */
    uint64_t rto_from;

    /* pacing.c: when the next byte should leave; when to look again, UINT64_MAX: not waiting; ns, how much too late that was */
    uint64_t pace_next, pace_due;
    uint32_t pace_late;

    /* RACK [RFC8985 6.2] */
    uint32_t rack_us, rack_rtt_us; /* of the newest delivered segment: sent when, round trip */
    seq rack_end;
    bool rack_valid;     /* something was delivered */
    uint32_t min_rtt_ms; /* when tcb.min_rtt_us was measured */
    seq round;           /* a DSACK counted already, until this is acknowledged */
    bool round_dsack;
    uint32_t judged_us; /* when every piece was last looked at */

    /* PRR [RFC9937] */
    uint32_t prr_delivered, prr_out, prr_fs;

    /* undo [RFC3522, RFC4015, RFC5682] */
    uint32_t undo_cwnd, undo_ssthresh, undo_ms; /* before; undo_ms: our timestamp of the first retransmission */
    uint32_t again_ms;                          /* our timestamp of the newest one, or of the flight's begin */
    uint32_t undo_again;                        /* bytes sent again that no DSACK has reported yet */
    seq undo_end;   /* a report that comes after this was acknowledged is about something else */
    seq undo_first; /* where the first repetition began */
    bool undo_armed, undo_sent;
    uint8_t frto; /* enum frto */

    /* not cleared when a flight begins */
    struct piece first[16];
    struct span again[16]; /* what was sent again lately: a duplicate of anything else is the network's doing */
};

/* `segment`: how many bytes are usual in one. */
struct flight *flight_new(struct stack *s, seq from, uint32_t segment);
void flight_free(struct stack *s, struct flight *f);
/* Is there room to account for one more piece? Without it nothing new is sent until something is acknowledged. */
bool flight_room(struct stack *s, struct flight *f);
/* [end, to) left just now; flight_room was asked before. */
void flight_sent(struct flight *f, seq to, uint32_t now_us);
/* The piece leaves now, as rate samples want it. Written in its place: a struct that is passed on is read before its parts
 * have reached the cache. */
static inline void flight_stamp(const struct flight *f, struct piece *p, uint32_t now_us, bool again) {
    p->sent_us = now_us;
    p->delivered = f->delivered;
    p->delivered_us = f->delivered_us;
    p->first_us = f->first_us;
    p->state = PIECE_SENT;
    p->again = again;
    p->app_limited = f->app_until != 0;
    p->counted = false;
}
static inline struct piece *piece_at(const struct flight *f, uint32_t i) {
    return &f->at[(f->head + i) & (f->cap - 1)];
}
static inline seq piece_end(const struct flight *f, uint32_t i) {
    return i + 1 < f->count ? piece_at(f, i + 1)->from : f->end;
}
static inline uint32_t piece_len(const struct flight *f, uint32_t i) {
    return (uint32_t)seq_diff(piece_end(f, i), piece_at(f, i)->from);
}
/* The piece that holds x, for first =< x < end. */
uint32_t flight_find(const struct flight *f, seq x);
/* Makes x the beginning of a piece and gives its index; false when there is no room for one more. */
bool flight_split(struct stack *s, struct flight *f, seq x, uint32_t *index);
void flight_set(struct flight *f, uint32_t i, enum piece_state state);
/* Makes one of the n pieces from i on, which are all acknowledged, and of their neighbours that are too. */
void flight_join(struct flight *f, uint32_t i, uint32_t n);
/* Drops the first piece, or its part before una. */
void flight_pop(struct flight *f, seq una);
/* Remembers that [left, right) was sent again. */
void flight_again(struct flight *f, seq left, seq right);
/* From here on `since` of flight_was_again counts. */
void flight_again_anew(struct flight *f);
/* How many bytes of [left, right) were, and *since how many of them after the last reduction; each is told once. */
uint32_t flight_was_again(struct flight *f, seq left, seq right, uint32_t *since);
/* Bytes that are in the network by our account: not acknowledged in either way, not lost. */
static inline uint32_t flight_pipe(const struct flight *f) {
    if (f->count == 0) return 0;
    return (uint32_t)seq_diff(f->end, piece_at(f, 0)->from) - f->sacked - f->lost;
}

#endif
