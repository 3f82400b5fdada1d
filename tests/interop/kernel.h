/* kernel.h - the kernel's side: sockets that do not block, and their states as sock_diag tells them. Every failure
 * fails the test. */
#ifndef INTEROP_KERNEL_H
#define INTEROP_KERNEL_H

#include "drivers/sockdiag.h"
#include "world.h"

/* A socket of the kernel; the port is its own, 0: any. */
int kernel_listen(int family, uint16_t port, int backlog);
/* Begins to connect to tern. */
int kernel_connect(int family, uint16_t port);
int kernel_accept(int listener); /* -1: nobody waits */
bool kernel_connected(int fd);   /* the handshake is over, in good order */
int kernel_error(int fd);        /* SO_ERROR */
uint16_t kernel_port(int fd);
uint16_t kernel_peer_port(int fd);
/* Bytes moved, 0 at the end of the stream, -1: not now; anything else fails the test. */
ssize_t kernel_send(int fd, const void *data, size_t len);
ssize_t kernel_recv(int fd, void *buf, size_t len);
void kernel_shutdown(int fd);
/* SO_LINGER 0: close() sends RST. */
void kernel_reset_on_close(int fd);

/* The namespace's sockets. Open it after world_open. */
struct kernel {
    struct sockdiag *diag;
};
void kernel_open(struct kernel *k);
void kernel_close(struct kernel *k);
/* The state of the kernel's end of a connection of tern's; TERN_CLOSED when there is no such socket. */
enum tern_state kernel_state(struct kernel *k, const tern_flow *ours);
/* The whole record; false: there is none. */
bool kernel_find(struct kernel *k, const tern_flow *ours, struct sockdiag_socket *out);
/* How many sockets of all families are in a state; prints them when `show`. */
unsigned kernel_count(struct kernel *k, enum tern_state state);

/* ---- a stream of bytes that both ends can make for themselves ---- */

enum { BLOCK = 1 << 20 };
/* BLOCK + slack bytes without a pattern that a lost or doubled segment could hide in; the stream repeats them. */
const uint8_t *stream_bytes(void);
/* A place to read from, and how many bytes can be read there. */
static inline const uint8_t *stream_at(uint64_t offset, size_t *len) {
    uint64_t at = offset % (BLOCK - 3); /* no multiple of any segment's size */
    *len = (size_t)(BLOCK - 3 - at);
    return stream_bytes() + at;
}

#endif
