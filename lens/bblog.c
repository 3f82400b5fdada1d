/* bblog.c - see bblog.h. Little-endian throughout; what tern does not know stays zero. */
#include "lens/bblog.h"

#include <string.h>

/* FreeBSD's numbers of the states (netinet/tcp_fsm.h). */
static const uint8_t state_number[TERN_STATES] = {
    [TERN_CLOSED] = 0,      [TERN_LISTEN] = 1,     [TERN_SYN_SENT] = 2,   [TERN_SYN_RECEIVED] = 3,
    [TERN_ESTABLISHED] = 4, [TERN_CLOSE_WAIT] = 5, [TERN_FIN_WAIT_1] = 6, [TERN_CLOSING] = 7,
    [TERN_LAST_ACK] = 8,    [TERN_FIN_WAIT_2] = 9, [TERN_TIME_WAIT] = 10,
};

/* Offsets. */
enum {
    AT_SECONDS = 0,
    AT_MICROSECONDS = 8,
    AT_TICKS = 16,
    AT_SERIAL = 20,
    AT_EVENT = 25,
    AT_STATE = 56,
    AT_ISS = 64,
    AT_SND_UNA = 72,
    AT_SND_MAX = 76,
    AT_SND_CWND = 80,
    AT_SND_NXT = 84,
    AT_SND_WND = 92,
    AT_SSTHRESH = 96,
    AT_SRTT = 100,
    AT_RCV_ADV = 112,
    AT_RCV_NXT = 120,
    AT_RCV_WND = 124,
    AT_SCALES = 156,
    AT_LENGTH = 264,
    AT_OFFSET_SECONDS = 56,
    AT_OFFSET_MICROSECONDS = 64,
};

static void put32(uint8_t *p, uint32_t v) {
    for (int i = 0; i < 4; i++) p[i] = (uint8_t)(v >> 8 * i);
}

static void put64(uint8_t *p, uint64_t v) {
    put32(p, (uint32_t)v);
    put32(p + 4, (uint32_t)(v >> 32));
}

void bblog_tcpinfo(uint8_t out[BBLOG_TCPINFO_SIZE], const tern_trace *record, enum bblog_event event, uint32_t serial) {
    memset(out, 0, BBLOG_TCPINFO_SIZE);
    put64(out + AT_SECONDS, record->time_ns / 1000000000u);
    put64(out + AT_MICROSECONDS, record->time_ns / 1000 % 1000000);
    put32(out + AT_TICKS, (uint32_t)(record->time_ns / 1000000));
    put32(out + AT_SERIAL, serial);
    out[AT_EVENT] = (uint8_t)event;
    put32(out + AT_STATE, (unsigned)record->state < TERN_STATES ? state_number[record->state] : 0);
    put32(out + AT_LENGTH, record->seg.len);
    if (!record->tcb.valid) return;
    put32(out + AT_ISS, record->tcb.iss);
    put32(out + AT_SND_UNA, record->tcb.snd_una);
    put32(out + AT_SND_MAX, record->tcb.snd_nxt);
    put32(out + AT_SND_NXT, record->tcb.snd_nxt);
    put32(out + AT_SND_CWND, record->tcb.cwnd);
    put32(out + AT_SND_WND, record->tcb.snd_wnd);
    put32(out + AT_SSTHRESH, record->tcb.ssthresh);
    put32(out + AT_SRTT, record->tcb.srtt_us);
    put32(out + AT_RCV_ADV, record->tcb.rcv_nxt + record->tcb.rcv_wnd);
    put32(out + AT_RCV_NXT, record->tcb.rcv_nxt);
    put32(out + AT_RCV_WND, record->tcb.rcv_wnd);
    out[AT_SCALES] = (uint8_t)((record->tcb.snd_wscale & 15) | record->tcb.rcv_wscale << 4);
}

void bblog_dumpinfo(uint8_t out[BBLOG_DUMPINFO_SIZE], uint64_t epoch_ns) {
    memset(out, 0, BBLOG_DUMPINFO_SIZE);
    put64(out + AT_OFFSET_SECONDS, epoch_ns / 1000000000u);
    put64(out + AT_OFFSET_MICROSECONDS, epoch_ns / 1000 % 1000000);
}
