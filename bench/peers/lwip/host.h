/* host.h - one lwIP host as bench/peer_lwip.c sees it. lwIP keeps its state in globals, so the object is loaded
 * twice under two names, and each side gets a table of functions. */
#ifndef PEER_HOST_H
#define PEER_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct peer_link {
    /* Room for a packet in the receiver's memory, then its arrival. */
    void *(*room)(size_t len, void **packet);
    void (*arrives)(void *packet);
};

struct peer_host_ops {
    void (*open)(int side, uint32_t window, bool checksums, bool copies);
    /* Where this host's packets go. */
    void (*connect_link)(const struct peer_link *to);
    struct peer_link link; /* into this host */
    void (*clock)(uint32_t ms);
    size_t (*input)(void); /* processes what arrived; returns how many */
    void (*timers)(void);
    void (*listen)(uint16_t port);
    void *(*connect)(uint16_t local_port, uint16_t remote_port, bool cycle); /* cycle: close once it is open */
    void (*reset)(void *pcb);
    void (*fill)(void *pcb); /* bulk: writes what the send buffer takes */
    void (*write_byte)(void *pcb);
    uint64_t *received; /* bytes */
    uint64_t *segments_out;
    uint32_t *time_wait;                /* how many there are */
    void (*time_wait_keep)(uint32_t n); /* removes the newest ones */
    void (*close)(void);
    /* Transfers over a path in virtual time, by number from 0 to 15. */
    bool (*transfer)(unsigned i, uint16_t local_port, uint16_t remote_port);
    size_t (*offer)(unsigned i, size_t most); /* writes so many bytes at most; returns how many it took */
    void (*end)(unsigned i);
    uint32_t (*sleep_ms)(void); /* until a timer is due; UINT32_MAX: none runs */
};
const struct peer_host_ops *peer_host(void);

#endif
