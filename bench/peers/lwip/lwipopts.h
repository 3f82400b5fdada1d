/* lwipopts.h - lwIP as fast as it gets here: no system layer, callbacks, large pools, window scaling, no assertions
 * or statistics, and tern's vectorized checksum. Windows are set at run time (host.c). */
#ifndef PEER_LWIPOPTS_H
#define PEER_LWIPOPTS_H

#include <stdint.h>

extern uint32_t peer_window_more; /* than 64 KiB: lwIP's preprocessor checks see the 64 KiB alone */
uint16_t peer_checksum(const void *data, int len);
uint16_t peer_checksum_copy(void *to, const void *data, uint16_t len);

#define NO_SYS 1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_NETCONN 0
#define LWIP_SOCKET 0
#define LWIP_ARP 0
#define LWIP_ETHERNET 0
#define LWIP_UDP 0
#define LWIP_RAW 0
#define LWIP_STATS 0
#define LWIP_NOASSERT
#define LWIP_DISABLE_TCP_SANITY_CHECKS 1
#define IP_REASSEMBLY 0
#define IP_FRAG 0

#define MEM_ALIGNMENT 16
#define MEM_LIBC_MALLOC 1
#if PEER_PATH /* few connections, each with a window as large as a path may want */
#define MEMP_NUM_TCP_PCB 64
#define MEMP_NUM_TCP_SEG 65000
#define MEMP_NUM_PBUF 65000
#define PBUF_POOL_SIZE 1000
#define TCP_SND_QUEUELEN 65000
#else
#define MEMP_NUM_TCP_PCB 32000
#define MEMP_NUM_TCP_SEG 16000
#define MEMP_NUM_PBUF 16000
#define PBUF_POOL_SIZE (PEER_MTU > 1500 ? 256 : 8000)
#define TCP_SND_QUEUELEN 8000
#endif
#define MEMP_NUM_TCP_PCB_LISTEN 64
#define PBUF_POOL_BUFSIZE (PEER_MTU + 100)

#define TCP_MSS (PEER_MTU - 40)
#define LWIP_WND_SCALE 1
#define TCP_RCV_SCALE 5
#define TCP_WND (0x10000 + peer_window_more)
#define TCP_SND_BUF (0x10000 + peer_window_more)
#define LWIP_TCP_SACK_OUT 1
#define LWIP_TCP_TIMESTAMPS PEER_TIMESTAMPS
#define TCP_LISTEN_BACKLOG 0

#define LWIP_CHECKSUM_CTRL_PER_NETIF 1
#define LWIP_CHECKSUM_ON_COPY 1
#define LWIP_CHKSUM peer_checksum
#define LWIP_CHKSUM_COPY(to, from, len) peer_checksum_copy(to, from, len)

#endif
