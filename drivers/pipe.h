/* pipe.h - a link of bytes: IP packets, each behind its length in 32 bits, most significant byte first, on standard
 * input and output or on a Unix stream socket. Another program can so be the network. Not for Ethernet frames.
 *
 * The program must ignore SIGPIPE when it uses standard output. Next: device_iface, then device_receive and
 * device_send or loop.h; `queued` and device_flush matter here.
 */
#ifndef DRIVERS_PIPE_H
#define DRIVERS_PIPE_H

#include "drivers/driver.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PIPE_PACKET_MAX 65575 /* the longest IP packet: an IPv6 header and 65535 bytes */

struct pipe_config {
    const char *path; /* of the socket; NULL or "-": standard input and output */
    bool listen;      /* wait there for the other program, one at a time, and again when it has left */
    uint32_t mtu;     /* 0: 1500 */
    size_t queue_max; /* bytes that wait for a slow reader, then frames are dropped; 0: 8 MiB, at least 128 KiB */
};

/* -ENOENT, -ECONNREFUSED: nobody listens there; -EADDRINUSE: somebody does already. Free with device_close, which
 * closes the socket or sets the standard files back to waiting. While nobody is connected, frames are dropped.
 * device_receive gives DEVICE_END when the peer closed, -EBADMSG when it announced an impossible length or cut a
 * packet off: nothing after that can be understood. */
int pipe_open(const struct pipe_config *config, struct device **out, struct driver_error *err);

/* The same over two open files, which may be the same; device_close leaves them open. `path` and `listen` are not
 * used. */
int pipe_open_files(const struct pipe_config *config, int in_fd, int out_fd, struct device **out,
                    struct driver_error *err);

#ifdef __cplusplus
}
#endif
#endif
