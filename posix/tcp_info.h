/* tcp_info.h - what getsockopt(TCP_INFO) fills in: Linux's struct tcp_info as of 6.12, field by field, so that names and
 * places do not depend on the headers of the machine that compiles this. Filling it is info.c's. */
#ifndef POSIX_TCP_INFO_H
#define POSIX_TCP_INFO_H

#include <stdint.h>

/* X(type, name): the fields behind the eight bytes at the front, in order. */
#define PX_TCP_INFO_FIELDS(X)                                                                                          \
    X(uint32_t, tcpi_rto)                                                                                              \
    X(uint32_t, tcpi_ato)                                                                                              \
    X(uint32_t, tcpi_snd_mss)                                                                                          \
    X(uint32_t, tcpi_rcv_mss)                                                                                          \
    X(uint32_t, tcpi_unacked)                                                                                          \
    X(uint32_t, tcpi_sacked)                                                                                           \
    X(uint32_t, tcpi_lost)                                                                                             \
    X(uint32_t, tcpi_retrans)                                                                                          \
    X(uint32_t, tcpi_fackets)                                                                                          \
    X(uint32_t, tcpi_last_data_sent)                                                                                   \
    X(uint32_t, tcpi_last_ack_sent)                                                                                    \
    X(uint32_t, tcpi_last_data_recv)                                                                                   \
    X(uint32_t, tcpi_last_ack_recv)                                                                                    \
    X(uint32_t, tcpi_pmtu)                                                                                             \
    X(uint32_t, tcpi_rcv_ssthresh)                                                                                     \
    X(uint32_t, tcpi_rtt)                                                                                              \
    X(uint32_t, tcpi_rttvar)                                                                                           \
    X(uint32_t, tcpi_snd_ssthresh)                                                                                     \
    X(uint32_t, tcpi_snd_cwnd)                                                                                         \
    X(uint32_t, tcpi_advmss)                                                                                           \
    X(uint32_t, tcpi_reordering)                                                                                       \
    X(uint32_t, tcpi_rcv_rtt)                                                                                          \
    X(uint32_t, tcpi_rcv_space)                                                                                        \
    X(uint32_t, tcpi_total_retrans)                                                                                    \
    X(uint64_t, tcpi_pacing_rate)                                                                                      \
    X(uint64_t, tcpi_max_pacing_rate)                                                                                  \
    X(uint64_t, tcpi_bytes_acked)                                                                                      \
    X(uint64_t, tcpi_bytes_received)                                                                                   \
    X(uint32_t, tcpi_segs_out)                                                                                         \
    X(uint32_t, tcpi_segs_in)                                                                                          \
    X(uint32_t, tcpi_notsent_bytes)                                                                                    \
    X(uint32_t, tcpi_min_rtt)                                                                                          \
    X(uint32_t, tcpi_data_segs_in)                                                                                     \
    X(uint32_t, tcpi_data_segs_out)                                                                                    \
    X(uint64_t, tcpi_delivery_rate)                                                                                    \
    X(uint64_t, tcpi_busy_time)                                                                                        \
    X(uint64_t, tcpi_rwnd_limited)                                                                                     \
    X(uint64_t, tcpi_sndbuf_limited)                                                                                   \
    X(uint32_t, tcpi_delivered)                                                                                        \
    X(uint32_t, tcpi_delivered_ce)                                                                                     \
    X(uint64_t, tcpi_bytes_sent)                                                                                       \
    X(uint64_t, tcpi_bytes_retrans)                                                                                    \
    X(uint32_t, tcpi_dsack_dups)                                                                                       \
    X(uint32_t, tcpi_reord_seen)                                                                                       \
    X(uint32_t, tcpi_rcv_ooopack)                                                                                      \
    X(uint32_t, tcpi_snd_wnd)                                                                                          \
    X(uint32_t, tcpi_rcv_wnd)                                                                                          \
    X(uint32_t, tcpi_rehash)                                                                                           \
    X(uint16_t, tcpi_total_rto)                                                                                        \
    X(uint16_t, tcpi_total_rto_recoveries)                                                                             \
    X(uint32_t, tcpi_total_rto_time)

struct px_tcp_info {
    uint8_t tcpi_state;    /* Linux's numbers: TCP_ESTABLISHED is 1 */
    uint8_t tcpi_ca_state; /* 0 open, 1 disorder, 2 CWR, 3 recovery, 4 loss */
    uint8_t tcpi_retransmits;
    uint8_t tcpi_probes;
    uint8_t tcpi_backoff;
    uint8_t tcpi_options; /* 1 timestamps, 2 SACK, 4 window scale, 8 ECN, 16 ECN seen, 32 data on our SYN was taken */
    uint8_t tcpi_snd_wscale : 4, tcpi_rcv_wscale : 4;
    uint8_t tcpi_delivery_rate_app_limited : 1, tcpi_fastopen_client_fail : 2;
#define PX_TCP_INFO_FIELD(type, name) type name;
    PX_TCP_INFO_FIELDS(PX_TCP_INFO_FIELD)
#undef PX_TCP_INFO_FIELD
};

#endif
