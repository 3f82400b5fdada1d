/* hystart.c - HyStart++ (RFC 9406): leaves slow start when the round trip grows, before the queue overflows. It
 * measures rounds by sequence number; the window belongs to whoever asks (cc_cubic.c). */
#include "tcp/hystart.h"

enum { SAMPLES = 8, THRESH_LEAST_US = 4000, THRESH_MOST_US = 16000, CSS_GROWTH = 4, CSS_ROUNDS = 5, BURST = 8 };

static void round_begin(struct hystart *h, uint32_t nxt) {
    h->round_end = nxt;
    h->last_min_us = h->min_us;
    h->min_us = UINT32_MAX;
    h->samples = 0;
}

void hystart_begin(struct hystart *h, uint32_t nxt) {
    memset(h, 0, sizeof *h);
    h->min_us = h->last_min_us = UINT32_MAX;
    h->round_end = nxt;
    h->running = true;
}

static bool delay_grew(const struct hystart *h) {
    if (h->samples < SAMPLES || h->min_us == UINT32_MAX || h->last_min_us == UINT32_MAX) return false;
    uint32_t thresh = max_u32(THRESH_LEAST_US, min_u32(h->last_min_us / 8, THRESH_MOST_US));
    return h->min_us >= h->last_min_us + thresh;
}

/* Bytes by which the window grows for this ACK. *over: slow start is over. */
uint32_t hystart_acked(struct hystart *h, const struct cc_ack *a, uint32_t mss, bool *over) {
    uint32_t growth = min_u32(a->bytes, BURST * mss);
    *over = false;
    if (!h->running) return growth;
    if (a->rtt_us) {
        h->min_us = min_u32(h->min_us, a->rtt_us);
        if (h->samples < SAMPLES) h->samples++;
    }
    if (h->css_rounds == 0) {
        if (delay_grew(h)) { /* conservative slow start: was it a fluke? */
            h->baseline_us = h->min_us;
            h->css_rounds = 1;
        }
    } else if (h->samples >= SAMPLES && h->min_us < h->baseline_us) {
        h->css_rounds = 0; /* it was */
        h->baseline_us = UINT32_MAX;
    }
    bool css = h->css_rounds > 0;
    if ((int32_t)(a->una - h->round_end) >= 0) {
        if (css && ++h->css_rounds > CSS_ROUNDS) {
            *over = true;
            h->running = false;
        }
        round_begin(h, a->nxt);
    }
    return css ? growth / CSS_GROWTH : growth;
}
