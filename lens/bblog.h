/* bblog.h - a control block as FreeBSD's TCP log writes it, which Wireshark reads out of pcapng files and prints by name:
 * state, SND.UNA, RCV.NXT, cwnd. Only the layout is here; which records are written where is pcapng.c's. */
#ifndef LENS_BBLOG_H
#define LENS_BBLOG_H

#include "tern.h"

/* The private enterprise number under which Wireshark knows the layout, and what its options hold. */
enum { BBLOG_PEN = 10949, BBLOG_EVENT_BLOCK = 1, BBLOG_TCPINFO = 2, BBLOG_DUMPINFO = 4 };
enum { BBLOG_TCPINFO_SIZE = 268, BBLOG_DUMPINFO_SIZE = 208 };

/* What Wireshark calls the moment: "Incoming packet", "Transmit", "End of connection", "User space event". */
enum bblog_event { BBLOG_IN = 1, BBLOG_OUT = 2, BBLOG_END = 54, BBLOG_OTHER = 59 };

/* State and numbers of `record`, number `serial` of the file; its time counts from the file's start. */
void bblog_tcpinfo(uint8_t out[BBLOG_TCPINFO_SIZE], const tern_trace *record, enum bblog_event event, uint32_t serial);
/* What stands once in a file: `epoch_ns` is added to every time. */
void bblog_dumpinfo(uint8_t out[BBLOG_DUMPINFO_SIZE], uint64_t epoch_ns);

#endif
