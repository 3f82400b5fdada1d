/* prr.c - proportional rate reduction (RFC 9937, from RFC 6937): during fast recovery, how many bytes may leave for
 * those that arrived, so that the window ends at ssthresh without silence and without a burst. */
#include "tcp/tcb.h"

/* `delivered` by the ACK that begins it. What earlier ACKs took out of the flight will not count as delivered during
 * it. */
void prr_begin(struct tcb *t, uint32_t delivered) {
    struct flight *f = t->busy->flight;
    f->prr_delivered = f->prr_out = 0;
    f->prr_fs = max_u32((uint32_t)seq_diff(t->snd.nxt, t->snd.una) - f->sacked + delivered, 1);
}

/* `delivered` bytes were acknowledged in either way; `good`: the ACK moved SND.UNA and showed no new loss. */
void prr_ack(struct tcb *t, uint32_t delivered, bool good) {
    struct flight *f = t->busy->flight;
    uint32_t pipe = flight_pipe(f), ssthresh = t->busy->cc.ssthresh;
    int64_t send;
    f->prr_delivered += delivered;
    if (pipe > ssthresh) { /* proportional part */
        send = (int64_t)(((uint64_t)f->prr_delivered * ssthresh + f->prr_fs - 1) / f->prr_fs) - f->prr_out;
    } else { /* conservative reduction bound; slow start's when all is well */
        int64_t limit = (int64_t)f->prr_delivered - f->prr_out;
        if (limit < delivered) limit = delivered;
        if (good) limit += t->busy->cc.mss;
        send = (int64_t)ssthresh - pipe;
        if (send > limit) send = limit;
    }
    if (send < 0) send = 0;
    if (f->prr_out == 0 && send < t->busy->cc.mss)
        send = t->busy->cc.mss; /* a fast retransmit is always allowed at entry */
    t->busy->cc.cwnd = pipe + (uint32_t)send;
}

void prr_sent(struct tcb *t, uint32_t bytes) { t->busy->flight->prr_out += bytes; }
