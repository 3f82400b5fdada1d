/* autotune.c - how large the two buffers of a connection may grow, and shrink again: enough for what the path holds,
 * no more, for what does not fit the processor's cache costs twice. The limits set are tern_config's and the
 * application's. */
#include "tcp/tcb.h"

enum { LOCAL_US = 200, LOCAL_MOST = 1 << 20, UNKNOWN_US = 100000 };

/* Who only reads learns the round trip from the handshake alone, and nothing when that had to be repeated. */
static uint32_t round_trip(const struct tcb *t) { return t->srtt_us ? t->srtt_us : UNKNOWN_US; }

/* Three quarters of the memory are in use: nobody gets more. */
static bool memory_tight(const struct stack *s) { return s->mem_used > s->cfg.memory_max / 4 * 3; }

/* The application took n bytes. Once a round trip its pace is compared with the buffer: a window of three times what
 * is read in one round trip never holds the sender back: slow start has doubled before the new one reaches it. On a
 * link as short as this machine's own the first size is enough. What was promised stays promised: only what is
 * offered from now on shrinks. */
void autotune_read(struct stack *s, struct tcb *t, uint32_t n) {
    uint32_t now = clock_us(s), elapsed = now - t->tune_us, first = min_u32(s->cfg.receive_buffer, t->opt->receive_max);
    t->tune_read += n;
    if (elapsed < max_u32(round_trip(t), LOCAL_US)) return;
    uint64_t pace = (uint64_t)t->tune_read * round_trip(t) / elapsed;
    t->tune_read = 0;
    t->tune_us = now;
    uint32_t *size = &t->receive_buffer;
    if (memory_tight(s)) {
        *size = max_u32(*size / 2, min_u32(*size, 4096));
    } else if (round_trip(t) >= LOCAL_US && 3 * pace > *size) {
        *size = (uint32_t)min_u64(max_u64(4 * pace, *size), max_u32(t->opt->receive_max, *size));
    } else if (*size > first && *size > 8 * pace) {
        *size = max_u32(*size - *size / 8, first);
    } else if (*size < first) {
        *size = first; /* memory is no longer tight */
    }
}

/* What came beyond a hole fills a quarter of the buffer, and the application has read all it could: it is the hole, not
 * the application, that holds the stream up, and the window must reach further while it is repaired. A sender in slow
 * start doubles twice before it hears of the new one and the hole is closed. */
void autotune_held(struct stack *s, struct tcb *t) {
    uint32_t now = clock_us(s), *size = &t->receive_buffer;
    uint32_t held = (uint32_t)seq_diff(islands_end(t), t->rcv.read);
    if (held < *size / 4 || *size >= t->opt->receive_max || rcv_readable(t) || round_trip(t) < LOCAL_US) return;
    if (now - t->tune_us < round_trip(t) || memory_tight(s)) return;
    *size = min_u32(4 * *size, t->opt->receive_max);
    t->tune_us = now;
    t->tune_read = 0;
}

/* Bytes that may wait in the send buffer: what is under way must stay there until it is acknowledged, and the next
 * should be there when it is. On a local link nothing is lost and the window grows without end, but the link holds little:
 * a longer queue would only leave the processor's caches (docs/decisions/0022). */
uint32_t autotune_send_limit(const struct tcb *t) {
    uint32_t share =
        round_trip(t) >= LOCAL_US ? 4 : 2; /* while a hole is repaired the stretch behind it goes on growing */
    uint32_t cwnd = cc_cwnd(t);
    uint32_t path = min_u32(cwnd < UINT32_MAX / share ? share * cwnd : UINT32_MAX, t->snd.wnd + t->opt->send_buffer);
    if (t->min_rtt_us && t->min_rtt_us < LOCAL_US) path = min_u32(path, LOCAL_MOST);
    return max_u32(t->opt->send_buffer, min_u32(path, t->opt->send_max));
}
