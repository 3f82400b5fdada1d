/* hystart.h - the state of HyStart++ (RFC 9406): see hystart.c. */
#ifndef TCP_HYSTART_H
#define TCP_HYSTART_H

#include "tcp/cc.h"

struct hystart {
    uint32_t round_end; /* the round is over when this number is acknowledged */
    uint32_t min_us, last_min_us, baseline_us;
    uint8_t samples, css_rounds;
    bool running;
};

void hystart_begin(struct hystart *h, uint32_t nxt);
uint32_t hystart_acked(struct hystart *h, const struct cc_ack *a, uint32_t mss, bool *over);

#endif
