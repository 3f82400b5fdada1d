/* pipe.c - packets in a stream of bytes: finding their ends on the way in, a bounded queue on the way out. */
#include "drivers/pipe.h"
#include "po/i18n.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { PREFIX = 4, IN_SIZE = 4 * (PREFIX + PIPE_PACKET_MAX), QUEUE_DEFAULT = 8 << 20, QUEUE_LEAST = 128 << 10 };

struct pipe_device {
    struct device dev;
    bool owned;   /* the files are ours to close */
    int listener; /* -1: none */
    struct sockaddr_un address;
    int in_flags, out_flags; /* of files that are not ours, before we changed them; -1: unchanged */
    uint8_t *in;
    size_t in_start, in_end; /* received, not given out */
    uint8_t *queue;
    size_t queue_max, queue_start; /* dev.queued bytes from queue_start on */
};

static struct pipe_device *pipe_of(struct device *dev) { return (struct pipe_device *)(void *)dev; }

/* ---- the peer comes and goes ---- */

static int peer_left(struct pipe_device *p, struct driver_error *err, const char *how) {
    bool cut = p->in_end > p->in_start;
    if (p->listener >= 0) { /* wait for the next one; half a packet is no packet */
        p->dev.malformed_in += cut;
        close(p->dev.fd);
        p->dev.fd = p->dev.out_fd = p->listener;
        p->in_start = p->in_end = 0;
        p->dev.queued = p->queue_start = 0;
        return 0;
    }
    if (cut) return driver_fail(err, EBADMSG, "%s: the other end left in the middle of a packet", p->dev.name);
    return driver_fail(err, ENODATA, "%s: %s", p->dev.name, how);
}

static int peer_accept(struct pipe_device *p, struct driver_error *err) {
    int fd = accept4(p->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        p->dev.fd = p->dev.out_fd = fd;
        return 1;
    }
    if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED) return 0;
    return driver_fail(err, errno, "cannot accept a connection on %s: %s", p->address.sun_path, i18n_error(errno));
}

static bool waits_for_peer(const struct pipe_device *p) { return p->listener >= 0 && p->dev.fd == p->listener; }

/* ---- receiving ---- */

static uint32_t load32(const uint8_t *b) {
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* Gives out the packets that are complete in the buffer. */
static int take_packets(struct pipe_device *p, tern_packet *out, size_t max, struct driver_error *err) {
    size_t n = 0;
    while (n < max && p->in_end - p->in_start >= PREFIX) {
        uint32_t len = load32(p->in + p->in_start);
        if (len == 0 || len > PIPE_PACKET_MAX) {
            if (n > 0) break; /* first what came before */
            return driver_fail(err, EBADMSG, "%s: the other end announces a packet of %u bytes; possible are 1 to %d",
                               p->dev.name, len, PIPE_PACKET_MAX);
        }
        if (p->in_end - p->in_start - PREFIX < len) break;
        out[n++] = (tern_packet){p->in + p->in_start + PREFIX, len, 0, 0, NULL};
        p->in_start += PREFIX + len;
        p->dev.packets_in++;
        p->dev.bytes_in += len;
    }
    return (int)n;
}

static int pipe_receive(struct device *dev, tern_packet *out, size_t max, struct driver_error *err) {
    struct pipe_device *p = pipe_of(dev);
    if (waits_for_peer(p)) {
        int r = peer_accept(p, err);
        if (r <= 0) return r;
    }
    for (;;) {
        int n = take_packets(p, out, max, err);
        if (n != 0) return n;
        memmove(p->in, p->in + p->in_start, p->in_end - p->in_start);
        p->in_end -= p->in_start;
        p->in_start = 0;
        ssize_t got = read(dev->fd, p->in + p->in_end, IN_SIZE - p->in_end);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && errno == EAGAIN) return 0;
        if (got < 0 && errno != ECONNRESET)
            return driver_fail(err, errno, "reading from %s: %s", dev->name, i18n_error(errno));
        if (got <= 0) return peer_left(p, err, "the other end closed the link");
        p->in_end += (size_t)got;
    }
}

/* ---- sending ---- */

static ssize_t push(const struct pipe_device *p) {
    const uint8_t *from = p->queue + p->queue_start;
    ssize_t n = send(p->dev.out_fd, from, p->dev.queued, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno == ENOTSOCK) n = write(p->dev.out_fd, from, p->dev.queued);
    return n;
}

static int pipe_flush(struct device *dev, struct driver_error *err) {
    struct pipe_device *p = pipe_of(dev);
    while (dev->queued > 0) {
        ssize_t n = push(p);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) return 0;
        if (n < 0 && (errno == EPIPE || errno == ECONNRESET)) {
            dev->queued = 0;
            return p->listener >= 0 ? 0 : driver_fail(err, ENODATA, "%s: the other end no longer reads", dev->name);
        }
        if (n < 0) return driver_fail(err, errno, "writing to %s: %s", dev->name, i18n_error(errno));
        p->queue_start += (size_t)n;
        dev->queued -= (size_t)n;
    }
    p->queue_start = 0;
    return 0;
}

static bool enqueue(struct pipe_device *p, const tern_frame *f) {
    size_t need = PREFIX + (size_t)f->len;
    if (p->dev.queued + need > p->queue_max) return false;
    if (p->queue_start + p->dev.queued + need > p->queue_max) {
        memmove(p->queue, p->queue + p->queue_start, p->dev.queued);
        p->queue_start = 0;
    }
    uint8_t *to = p->queue + p->queue_start + p->dev.queued;
    const uint8_t prefix[PREFIX] = {(uint8_t)(f->len >> 24), (uint8_t)(f->len >> 16), (uint8_t)(f->len >> 8),
                                    (uint8_t)f->len};
    memcpy(to, prefix, PREFIX);
    if (tern_frame_copy(f, to + PREFIX, f->len) != f->len) return false;
    p->dev.queued += need;
    return true;
}

static int pipe_send(struct device *dev, tern_frame *frames, size_t n, struct driver_error *err) {
    struct pipe_device *p = pipe_of(dev);
    for (size_t i = 0; i < n; i++) {
        bool sent = !waits_for_peer(p) && enqueue(p, &frames[i]);
        if (!sent && dev->queued > 0) {
            int r = pipe_flush(dev, err);
            if (r < 0) return r;
            sent = enqueue(p, &frames[i]);
        }
        if (!sent) {
            dev->dropped_out++;
            dev->dropped_errno = waits_for_peer(p) ? ENOTCONN : ENOBUFS;
            continue;
        }
        dev->packets_out++;
        dev->bytes_out += frames[i].len;
    }
    return pipe_flush(dev, err);
}

/* ---- opening ---- */

static void pipe_close(struct device *dev) {
    struct pipe_device *p = pipe_of(dev);
    if (p->owned && dev->fd >= 0 && dev->fd != p->listener) close(dev->fd);
    if (p->listener >= 0) {
        close(p->listener);
        unlink(p->address.sun_path);
    }
    if (p->in_flags >= 0) fcntl(dev->fd, F_SETFL, p->in_flags);
    if (p->out_flags >= 0) fcntl(dev->out_fd, F_SETFL, p->out_flags);
    free(p->queue);
    free(p->in);
    free(p);
}

static const struct device_ops pipe_ops = {pipe_receive, pipe_send, pipe_flush, NULL, pipe_close};

static struct pipe_device *pipe_new(const struct pipe_config *c, struct driver_error *err) {
    if (c->mtu > 65535 || (c->mtu != 0 && c->mtu < 68)) {
        driver_fail(err, EINVAL, "an MTU of %u is not possible: 68 to 65535 is", c->mtu);
        return NULL;
    }
    struct pipe_device *p = calloc(1, sizeof *p);
    size_t queue = c->queue_max == 0 ? QUEUE_DEFAULT : c->queue_max < QUEUE_LEAST ? QUEUE_LEAST : c->queue_max;
    uint8_t *in = malloc(IN_SIZE), *out = malloc(queue);
    if (p == NULL || in == NULL || out == NULL) {
        free(p);
        free(in);
        free(out);
        driver_fail(err, ENOMEM, "out of memory for the queue of a pipe");
        return NULL;
    }
    p->dev = (struct device){.ops = &pipe_ops,
                             .fd = -1,
                             .out_fd = -1,
                             .name = "pipe",
                             .link = TERN_LINK_IP,
                             .mtu = c->mtu != 0 ? c->mtu : 1500};
    p->listener = p->in_flags = p->out_flags = -1;
    p->in = in;
    p->queue = out;
    p->queue_max = queue;
    return p;
}

/* Turns waiting off; returns the flags as they were, or -1 when it was off. */
static int no_waiting(int fd) {
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || (flags & O_NONBLOCK) != 0) return -1;
    fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    return flags;
}

int pipe_open_files(const struct pipe_config *config, int in_fd, int out_fd, struct device **out,
                    struct driver_error *err) {
    struct driver_error own;
    if (err == NULL) err = &own;
    struct pipe_device *p = pipe_new(config, err);
    if (p == NULL) return -err->code;
    p->dev.fd = in_fd;
    p->dev.out_fd = out_fd;
    p->in_flags = no_waiting(in_fd);
    if (out_fd != in_fd) p->out_flags = no_waiting(out_fd);
    *out = &p->dev;
    return 0;
}

/* Binds; a socket that a dead program left behind is replaced. */
static int listen_at(struct pipe_device *p, int fd, struct driver_error *err) {
    const struct sockaddr *address = (const struct sockaddr *)&p->address;
    int r = bind(fd, address, sizeof p->address);
    if (r < 0 && errno == EADDRINUSE) {
        int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bool dead = probe >= 0 && connect(probe, address, sizeof p->address) < 0 && errno == ECONNREFUSED;
        if (probe >= 0) close(probe);
        struct stat st;
        if (!dead || lstat(p->address.sun_path, &st) < 0 || !S_ISSOCK(st.st_mode))
            return driver_fail(err, EADDRINUSE, "%s exists and is in use or no socket; choose another path",
                               p->address.sun_path);
        unlink(p->address.sun_path);
        r = bind(fd, address, sizeof p->address);
    }
    if (r < 0 || listen(fd, 1) < 0)
        return driver_fail(err, errno, "cannot listen on %s: %s", p->address.sun_path, i18n_error(errno));
    p->listener = fd;
    return 0;
}

static int connect_to(struct pipe_device *p, int fd, struct driver_error *err) {
    int r;
    do r = connect(fd, (const struct sockaddr *)&p->address, sizeof p->address);
    while (r < 0 && errno == EINTR);
    if (r == 0) return 0;
    if (errno == ENOENT || errno == ECONNREFUSED)
        return driver_fail(err, errno, "nobody listens on %s: start the other program first", p->address.sun_path);
    return driver_fail(err, errno, "cannot connect to %s: %s", p->address.sun_path, i18n_error(errno));
}

int pipe_open(const struct pipe_config *config, struct device **out, struct driver_error *err) {
    if (config->path == NULL || strcmp(config->path, "-") == 0)
        return pipe_open_files(config, STDIN_FILENO, STDOUT_FILENO, out, err);
    struct driver_error own;
    if (err == NULL) err = &own;
    struct pipe_device *p = pipe_new(config, err);
    if (p == NULL) return -err->code;
    size_t len = strlen(config->path);
    if (len == 0 || len >= sizeof p->address.sun_path) {
        pipe_close(&p->dev);
        return driver_fail(err, EINVAL, "the path of a socket has 1 to %d bytes: %.100s...",
                           (int)sizeof p->address.sun_path - 1, config->path);
    }
    p->address.sun_family = AF_UNIX;
    memcpy(p->address.sun_path, config->path, len);
    p->owned = true;
    p->dev.fd = p->dev.out_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int r = p->dev.fd < 0    ? driver_fail(err, errno, "cannot make a socket: %s", i18n_error(errno))
            : config->listen ? listen_at(p, p->dev.fd, err)
                             : connect_to(p, p->dev.fd, err);
    if (r < 0) {
        pipe_close(&p->dev);
        return r;
    }
    no_waiting(p->dev.fd);
    *out = &p->dev;
    return 0;
}
