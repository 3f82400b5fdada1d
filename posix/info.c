/* info.c - TCP_INFO: the stack's STATUS in Linux's words. Linux counts many things in segments that the stack counts in
 * bytes; fields that the stack has no number for stay zero. */
#include <string.h>

#include "posix/inner.h"
#include "posix/tcp_info.h"

enum { CA_OPEN = 0, CA_DISORDER = 1, CA_RECOVERY = 3, CA_LOSS = 4, NO_THRESHOLD = 0x7fffffff };
enum { OPT_TIMESTAMPS = 1, OPT_SACK = 2, OPT_WSCALE = 4, OPT_ECN = 8 };

static uint8_t state_number(const struct sock *s) {
    static const uint8_t numbers[TERN_STATES] = {
        [TERN_CLOSED] = 7,      [TERN_LISTEN] = 10,    [TERN_SYN_SENT] = 2,   [TERN_SYN_RECEIVED] = 3,
        [TERN_ESTABLISHED] = 1, [TERN_FIN_WAIT_1] = 4, [TERN_FIN_WAIT_2] = 5, [TERN_CLOSE_WAIT] = 8,
        [TERN_CLOSING] = 11,    [TERN_LAST_ACK] = 9,   [TERN_TIME_WAIT] = 6};
    return numbers[s->phase == LISTENING ? TERN_LISTEN : sock_state(s)];
}

static uint32_t segments(uint32_t bytes, uint32_t mss) { return mss ? (bytes + mss - 1) / mss : 0; }

static void fill_sender(struct px_tcp_info *o, const tern_status_info *st) {
    static const uint8_t ca[] = {[TERN_RECOVERY_NONE] = CA_OPEN,
                                 [TERN_RECOVERY_DISORDER] = CA_DISORDER,
                                 [TERN_RECOVERY_FAST] = CA_RECOVERY,
                                 [TERN_RECOVERY_TIMEOUT] = CA_LOSS};
    bool opening = st->state == TERN_SYN_SENT || st->state == TERN_SYN_RECEIVED;
    uint32_t out = opening ? 1 : st->send_queued - st->send_unsent;
    o->tcpi_ca_state = opening && st->timeouts ? CA_LOSS : ca[st->recovery];
    o->tcpi_retransmits = (uint8_t)st->timeouts; /* six bits in the stack */
    o->tcpi_probes = st->probes;
    o->tcpi_backoff = st->backoff;
    o->tcpi_rto = st->rto_ms * 1000;
    o->tcpi_snd_mss = st->mss;
    o->tcpi_unacked = segments(out, st->mss);
    o->tcpi_sacked = segments(st->bytes_sacked, st->mss);
    o->tcpi_lost = segments(st->bytes_lost, st->mss);
    o->tcpi_retrans = segments(st->again_under_way, st->mss);
    o->tcpi_last_data_sent = st->idle_ms;
    o->tcpi_pacing_rate = st->pacing_rate ? st->pacing_rate : UINT64_MAX;
    o->tcpi_delivery_rate = st->delivery_rate;
    o->tcpi_delivery_rate_app_limited = st->delivery_limited;
    o->tcpi_rtt = st->srtt_us;
    o->tcpi_rttvar = st->rttvar_us;
    o->tcpi_min_rtt = st->min_rtt_us ? st->min_rtt_us : UINT32_MAX;
    o->tcpi_snd_cwnd = st->mss ? st->cwnd / st->mss : 0;
    o->tcpi_snd_ssthresh = st->mss && st->ssthresh < NO_THRESHOLD ? st->ssthresh / st->mss : NO_THRESHOLD;
    o->tcpi_total_retrans = st->retransmitted;
    o->tcpi_notsent_bytes = st->send_unsent;
    o->tcpi_max_pacing_rate = UINT64_MAX;
    o->tcpi_reordering = 3;
    o->tcpi_delivered = segments((uint32_t)st->delivered, st->mss) + !opening; /* the SYN counts */
    o->tcpi_delivered_ce = st->marks_told;
    o->tcpi_busy_time = st->busy_us;
    o->tcpi_rwnd_limited = st->window_limited_us;
    o->tcpi_sndbuf_limited = st->buffer_limited_us;
    o->tcpi_bytes_sent = st->bytes_sent + st->bytes_again;
    o->tcpi_bytes_retrans = st->bytes_again;
    o->tcpi_data_segs_out = segments((uint32_t)(st->bytes_sent + st->bytes_again), st->mss);
    o->tcpi_dsack_dups = st->duplicates_told;
    o->tcpi_reord_seen = st->reordered;
    o->tcpi_total_rto = (uint16_t)(st->timeouts_all < UINT16_MAX ? st->timeouts_all : UINT16_MAX);
}

void info_fill(struct sock *s, struct px_tcp_info *o) {
    tern_status_info st;
    memset(o, 0, sizeof *o);
    o->tcpi_state = state_number(s);
    if (!sock_status(s, &st)) return;
    if (s->phase == LISTENING) { /* Linux shows the queue in these two */
        int64_t backlog = 0;
        tern_get(s->px->config.stack, s->handle, TERN_OPT_BACKLOG, &backlog);
        o->tcpi_unacked = st.backlog;
        o->tcpi_sacked = (uint32_t)backlog - 1;
        return;
    }
    fill_sender(o, &st);
    o->tcpi_options = (uint8_t)((st.timestamps ? OPT_TIMESTAMPS : 0) | (st.sack ? OPT_SACK : 0) |
                                (st.snd_wscale || st.rcv_wscale ? OPT_WSCALE : 0) | (st.ecn ? OPT_ECN : 0));
    o->tcpi_snd_wscale = st.snd_wscale & 15u;
    o->tcpi_rcv_wscale = st.rcv_wscale & 15u;
    o->tcpi_ato = 40000;
    o->tcpi_rcv_mss = st.mss_received ? st.mss_received : st.mss;
    o->tcpi_advmss = st.mss;
    o->tcpi_pmtu = st.mss + (st.flow.local.family == 6 ? 60 : 40) + (st.timestamps ? 12 : 0);
    o->tcpi_rcv_ssthresh = o->tcpi_rcv_wnd = st.rcv_wnd;
    o->tcpi_rcv_space = st.receive_buffer;
    o->tcpi_rcv_rtt = st.srtt_us;
    o->tcpi_data_segs_in = segments((uint32_t)st.bytes_received, o->tcpi_rcv_mss);
    o->tcpi_rcv_ooopack = st.out_of_order;
    o->tcpi_snd_wnd = st.snd_wnd;
    o->tcpi_bytes_acked = st.bytes_acked;
    o->tcpi_bytes_received = st.bytes_received;
    o->tcpi_segs_out = st.segments_out;
    o->tcpi_segs_in = st.segments_in;
}
