/* driver.h - what all drivers share: one shape of errors and one shape of devices. It does no I/O of its own.
 *
 * Convention of every function under drivers/ that can fail: it returns 0 or a count on success and a negative
 * errno value on failure, and writes a sentence that names the thing and what to do about it into `err`. `err` may be
 * NULL. Nothing under drivers/ prints.
 */
#ifndef DRIVERS_DRIVER_H
#define DRIVERS_DRIVER_H

#include "tern.h"

#ifdef __cplusplus
extern "C" {
#endif

struct driver_error {
    int code;       /* the errno value, positive */
    char text[256]; /* "cannot open /dev/net/tun: Permission denied; ..." without a final period */
};

/* Fills `err` (may be NULL) and returns -code. `format` is translated. */
int driver_fail(struct driver_error *err, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* ---- devices: where packets come from and go to ---- */

struct device;

/* receive() on a device whose other end is gone in good order: no packet will ever come. */
#define DEVICE_END (-61) /* -ENODATA */

struct device_ops {
    /* Takes up to `max` packets without waiting; 0: none now. Exactly `max`: there may be more, ask again before
     * sleeping. The bytes stay valid until the next receive, those of packets with a token until release. */
    int (*receive)(struct device *dev, tern_packet *out, size_t max, struct driver_error *err);
    /* Hands over frames; may change them (checksums). What the device refuses is dropped and counted, as on any
     * link; an error means that the device is gone. */
    int (*send)(struct device *dev, tern_frame *frames, size_t n, struct driver_error *err);
    /* Goes on with what waits in `queued`; call it when out_fd is writable. NULL: nothing ever waits. */
    int (*flush)(struct device *dev, struct driver_error *err);
    /* Takes back the token of a lent packet. NULL: nothing is ever lent. */
    void (*release)(struct device *dev, void *token);
    void (*close)(struct device *dev);
};

struct device {
    const struct device_ops *ops;
    int fd, out_fd; /* poll these: readable, and writable while `queued` is not 0 */
    char name[16];  /* of the kernel's device, or "pipe" */
    enum tern_link link;
    uint32_t mtu;         /* largest IP packet */
    uint32_t tso_max;     /* largest IP packet that it cuts into segments, 0: none */
    uint32_t iface_flags; /* enum tern_iface_flags */
    uint8_t mac[6];       /* our side's address on an Ethernet */
    size_t queued;        /* bytes that wait until out_fd is writable */
    uint64_t packets_in, bytes_in, packets_out, bytes_out;
    uint64_t malformed_in; /* not even a packet: dropped */
    uint64_t dropped_out;  /* the device or its queue had no room */
    int dropped_errno;     /* why the last one was dropped */
};

static inline int device_receive(struct device *dev, tern_packet *out, size_t max, struct driver_error *err) {
    return dev->ops->receive(dev, out, max, err);
}
static inline int device_send(struct device *dev, tern_frame *frames, size_t n, struct driver_error *err) {
    return dev->ops->send(dev, frames, n, err);
}
static inline int device_flush(struct device *dev, struct driver_error *err) {
    return dev->ops->flush != NULL ? dev->ops->flush(dev, err) : 0;
}
static inline void device_release(struct device *dev, void *token) {
    if (dev->ops->release != NULL) dev->ops->release(dev, token);
}
/* `dev` may be NULL. */
static inline void device_close(struct device *dev) {
    if (dev != NULL) dev->ops->close(dev);
}

/* Describes the device to the stack. Next: tern_iface_add(stack, out). */
void device_iface(const struct device *dev, tern_iface_config *out);

/* An address with the length of its network's prefix, e.g. from tern_prefix_parse. */
struct driver_prefix {
    tern_addr addr;
    unsigned len;
};

#ifdef __cplusplus
}
#endif
#endif
