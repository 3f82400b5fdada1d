/* burst.h - the segments that one connection sends in one turn, as segmentize.c decides on them and repair.c on those that
 * leave again. */
#ifndef TCP_BURST_H
#define TCP_BURST_H

#include "ip/frame.h"
#include "tcp/tcb.h"

/* One burst of one connection. */
struct burst {
    struct stack *s;
    struct tcb *t;
    struct ip_path path;
    tern_frame *frames;
    size_t n, max;
    uint32_t options; /* bytes of TCP options in every segment of this burst */
    uint32_t mss;     /* payload of a full segment: SACK blocks take their room from it */
    uint32_t most;    /* payload of one frame: the MSS, or what the device cuts */
    uint32_t stamp;   /* TSval of what is built next */
    uint64_t pseudo;  /* sum of the pseudo-header, its length still zero */
    const tern_frame
        *like; /* the frame before, of this length and with these options; NULL: the next is no copy of it */
    uint32_t like_len;
};

static inline uint32_t unsent(const struct tcb *t) {
    int32_t n = seq_diff(t->snd.end, t->busy->pos);
    return n > 0 ? (uint32_t)n : 0;
}

void put_segment(struct burst *b, seq at, uint32_t len, uint16_t flags, enum reason why);
void burst_advance(struct burst *b, uint32_t len, bool fin);
uint16_t flags_for(const struct tcb *t, seq at, uint32_t len, bool fin);
COLD void count_again(struct burst *b, enum reason why, uint32_t len);
COLD void put_repairs(struct burst *b);

#endif
