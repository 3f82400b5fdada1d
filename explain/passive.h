/* passive.h - in which states each end may be, from the packets alone (RFC 9293 3.3.2): a set for each end, moved by the
 * table that libtern runs on (transition.def) and narrowed by what a packet could not have come from. It says nothing
 * of causes; that is verdict.h.
 *
 * A packet is two events: it leaves one end, and it reaches the other. A capture sees neither, but the moment in between
 * where it was taken. So for each packet there are two statements: the sender's states as it left, and the receiver's
 * states once it has arrived, if it does. What is certain depends on where the capture was taken:
 *
 *   at an end      what it sends leaves now, what it is sent arrives now: every move of its table happens when the
 *                  packet is seen. The other end is half a round trip away.
 *   between        nothing is certain to arrive; an end is known by what it sends: its flags, its ACK, its silence.
 *
 * What a capture does not have is allowed for, with one exception: the first SYN in it is taken for the first one sent.
 *
 * An end may also do what no packet shows at once: close with bytes still queued, give up, forget a connection. Those
 * moves stay in the set until a packet rules them out. */
#ifndef EXPLAIN_PASSIVE_H
#define EXPLAIN_PASSIVE_H

#include "explain/track.h"
#include "tern.h"

/* Where the capture was taken. */
enum vantage { VANTAGE_UNKNOWN = 0, VANTAGE_A, VANTAGE_B, VANTAGE_BETWEEN };

enum certainty { CERTAIN = 0, LIKELY = 1, UNDECIDABLE = 2 };

/* Why an end's state is not certain, and what would decide it: words in passive_doubt_text. */
enum doubt {
#define DOUBT(name, en, zh) DOUBT_##name,
#include "explain/doubt.def"
#undef DOUBT
    DOUBTS
};

/* One statement about one end. */
struct statement {
    uint16_t states;   /* 1 << enum tern_state each */
    uint8_t best;      /* enum tern_state: what it is if nothing unusual happened; one of `states` */
    uint8_t certainty; /* enum certainty */
    uint8_t doubt;     /* enum doubt */
};

struct passive_end {
    uint16_t now;      /* where it may be by now */
    uint8_t course;    /* enum tern_state: where it is if nothing is lost and nothing unusual happens */
    bool resets;       /* a RST that it may have taken is under way or has arrived */
    bool seen;         /* some packet is its own */
    uint64_t heard_ns; /* its latest packet */
    uint64_t wait_ns;  /* when TIME-WAIT began or began anew; 0: not */
};

struct passive {
    struct passive_end end[2];
    uint8_t vantage; /* enum vantage; an end only where that is certain */
    bool midstream;  /* the opening was not captured */
    bool gaps;       /* the capture lacks packets: some moves have no witness */
    uint8_t self;    /* both ends are one */
};

/* What one packet says. */
struct passive_view {
    struct statement before[2], after[2];
};

/* `p` is the first packet; it is not yet followed. */
void passive_start(struct passive *v, const struct flow_packet *p, enum vantage vantage);
/* `t` has followed the packet and `l` is what it said. `out` may be NULL. */
void passive_follow(struct passive *v, const struct track *t, const struct flow_packet *p, const struct sight *l,
                    struct passive_view *out);
/* Where an end may be at a time with no packet: at the end of the capture. */
struct statement passive_now(const struct passive *v, const struct track *t, int end, uint64_t now_ns);

/* Hindsight: the states of `earlier` from which one of `later` can be reached without opening anew; `earlier` itself when
 * there is none. */
uint16_t passive_hindsight(uint16_t earlier, uint16_t later);

/* One sentence: why it is not certain and what would decide. "" for DOUBT_NONE. */
const char *passive_doubt_text(enum doubt doubt, enum tern_lang lang);
const char *passive_vantage_text(enum vantage vantage, enum tern_lang lang);

#endif
