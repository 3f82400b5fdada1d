/* tun.c - packets to and from the kernel through /dev/net/tun, with virtio-net headers where offloads are on. How
 * they came to be is the stack's business; how a loop waits for them is loop.c's. */
#include "drivers/tun.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "drivers/cut.h"
#include "drivers/netlink.h"
#include "po/i18n.h"

/* A buffer holds the virtio-net header, a link header and 65535 bytes. Its size is no multiple of a page, so that small
 * packets do not all fall on the same cache lines. */
enum {
    BATCH = 64,
    BUFFER_SIZE = 65536 + 192,
    IP_MAX = 65535,
    BIG_MAX = 3 * 65536, /* larger ones won nothing more for who copies: docs/decisions/0027 */
    ETHERNET_HEADER = 14,
    GSO_KINDS = 0x7f,
    QUEUE_LENGTH = 4096
};

typedef struct virtio_net_hdr vnet_hdr;

struct tun {
    struct device dev;
    bool vnet;
    uint32_t lead; /* before the virtio-net header, so that the IP header is aligned to 16 */
    uint8_t *memory;
    uint8_t **spare; /* a stack of buffers that nobody uses */
    uint32_t spares, lendable;
    uint8_t *shown[BATCH]; /* given out by the last receive, without a token */
    uint32_t shown_count;
};

static struct tun *tun_of(struct device *dev) { return (struct tun *)(void *)dev; }

/* ---- receiving ---- */

/* Reads the virtio-net header. A checksum that the kernel left to "the device" never left this machine. */
static void vnet_parse(const uint8_t *bytes, tern_packet *p) {
    vnet_hdr h;
    memcpy(&h, bytes, sizeof h);
    if ((h.flags & (VIRTIO_NET_HDR_F_NEEDS_CSUM | VIRTIO_NET_HDR_F_DATA_VALID)) != 0) p->flags |= TERN_PKT_CSUM_OK;
    unsigned kind = h.gso_type & GSO_KINDS;
    if (kind == VIRTIO_NET_HDR_GSO_TCPV4 || kind == VIRTIO_NET_HDR_GSO_TCPV6) p->segment_size = h.gso_size;
}

static int tun_receive(struct device *dev, tern_packet *out, size_t max, struct driver_error *err) {
    struct tun *t = tun_of(dev);
    while (t->shown_count > 0) t->spare[t->spares++] = t->shown[--t->shown_count];
    uint32_t header = t->vnet ? sizeof(vnet_hdr) : 0;
    size_t n = 0;
    if (max > BATCH) max = BATCH;
    while (n < max && t->spares > 0) {
        uint8_t *buffer = t->spare[t->spares - 1];
        ssize_t got = read(dev->fd, buffer + t->lead, BUFFER_SIZE - t->lead);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && errno == EAGAIN) break;
        if (got < 0)
            return driver_fail(err, errno, "reading from %s: %s; the device is gone", dev->name, i18n_error(errno));
        if ((uint32_t)got <= header) {
            dev->malformed_in++;
            continue;
        }
        tern_packet p = {buffer + t->lead + header, (uint32_t)got - header, 0, 0, NULL};
        if (t->vnet) vnet_parse(buffer + t->lead, &p);
        t->spares--;
        if (t->lendable > 0) {
            t->lendable--;
            p.token = buffer;
        } else {
            t->shown[t->shown_count++] = buffer;
        }
        dev->packets_in++;
        dev->bytes_in += p.len;
        out[n++] = p;
    }
    return (int)n;
}

static void tun_release(struct device *dev, void *token) {
    struct tun *t = tun_of(dev);
    t->spare[t->spares++] = token;
    t->lendable++;
}

/* ---- sending ---- */

/* Describes a frame to the kernel: what is left to do about its checksum and its length. */
static void vnet_emit(const tern_frame *f, vnet_hdr *h) {
    memset(h, 0, sizeof *h);
    if ((f->flags & TERN_FRAME_CSUM) == 0) return;
    h->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
    h->csum_start = f->csum_start;
    h->csum_offset = f->csum_offset;
    if (f->segment_size == 0) return;
    uint32_t tcp_header = (uint32_t)(f->head[f->csum_start + 12] >> 4) * 4;
    h->hdr_len = (uint16_t)(f->csum_start + tcp_header);
    if (f->len - h->hdr_len <= f->segment_size) return; /* one piece: nothing to cut */
    h->gso_size = f->segment_size;
    h->gso_type = (f->flags & TERN_FRAME_V6) != 0 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4;
}

static ssize_t tun_write(const struct tun *t, tern_frame *f) {
    vnet_hdr h;
    struct iovec v[4];
    int n = 0;
    if (t->vnet) {
        vnet_emit(f, &h);
        v[n++] = (struct iovec){&h, sizeof h};
    } else {
        tern_frame_finish(f);
    }
    if (f->head_len != 0) v[n++] = (struct iovec){f->head, f->head_len};
    for (unsigned i = 0; i < f->spans; i++) v[n++] = (struct iovec){(void *)(uintptr_t)f->body[i].data, f->body[i].len};
    ssize_t r;
    do r = writev(t->dev.fd, v, n);
    while (r < 0 && errno == EINTR);
    return r;
}

/* The kernel wants pages that lie together for more than 64 KiB, and may have none. */
static bool tun_write_cut(struct device *dev, const tern_frame *f) {
    tern_frame piece;
    for (uint32_t at = 0; cut_piece(f, &at, IP_MAX, &piece);) {
        if (tun_write(tun_of(dev), &piece) < 0) return false;
        dev->packets_out++;
        dev->bytes_out += piece.len;
    }
    return true;
}

static int tun_send(struct device *dev, tern_frame *frames, size_t n, struct driver_error *err) {
    struct tun *t = tun_of(dev);
    for (size_t i = 0; i < n; i++) {
        if (tun_write(t, &frames[i]) >= 0) {
            dev->packets_out++;
            dev->bytes_out += frames[i].len;
            continue;
        }
        if (cut_needed(&frames[i], IP_MAX) && tun_write_cut(dev, &frames[i])) continue;
        if (errno == EBADFD || errno == EBADF)
            return driver_fail(err, errno, "writing to %s: %s; the device is gone", dev->name, i18n_error(errno));
        dev->dropped_out++; /* ENOBUFS, EAGAIN: no room; EIO: the device is down */
        dev->dropped_errno = errno;
    }
    return 0;
}

/* ---- opening ---- */

static void tun_close(struct device *dev) {
    struct tun *t = tun_of(dev);
    if (dev->fd >= 0) close(dev->fd);
    free(t->spare);
    free(t->memory);
    free(t);
}

static const struct device_ops tun_ops = {tun_receive, tun_send, NULL, tun_release, tun_close};

static int device_node_error(struct driver_error *err, int code) {
    if (code == ENOENT || code == ENODEV || code == ENXIO)
        return driver_fail(err, code,
                           "cannot open /dev/net/tun: %s; load the module (modprobe tun) or give the container "
                           "the device (--device /dev/net/tun)",
                           i18n_error(code));
    return driver_fail(err, code, "cannot open /dev/net/tun: %s; run as root or ask for access to it",
                       i18n_error(code));
}

static int attach_error(struct driver_error *err, int code, const struct tun_config *c) {
    const char *name = c->name != NULL && c->name[0] != '\0' ? c->name : "a new device";
    switch (code) {
    case EPERM:
        return driver_fail(err, code,
                           "may not open %s: this needs root, CAP_NET_ADMIN, or a device made for this user: "
                           "ip tuntap add NAME mode %s user $USER",
                           name, c->tap ? "tap" : "tun");
    case EBUSY: return driver_fail(err, code, "%s is in use by another process", name);
    case EINVAL:
        return driver_fail(err, code, "%s exists but is no %s device, or was made with other flags", name,
                           c->tap ? "TAP" : "TUN");
    default: return driver_fail(err, code, "cannot open %s: %s", name, i18n_error(code));
    }
}

/* Makes the file a device: name, kind, offloads. */
static int tun_attach(struct tun *t, const struct tun_config *c, struct driver_error *err) {
    struct ifreq r;
    memset(&r, 0, sizeof r);
    if (c->name != NULL && strlen(c->name) >= sizeof r.ifr_name)
        return driver_fail(err, EINVAL, "%s: a device's name has at most 15 bytes", c->name);
    if (c->name != NULL) memcpy(r.ifr_name, c->name, strlen(c->name));
    r.ifr_flags = (short)((c->tap ? IFF_TAP : IFF_TUN) | IFF_NO_PI | (c->vnet ? IFF_VNET_HDR : 0));
    if (ioctl(t->dev.fd, TUNSETIFF, &r) < 0) return attach_error(err, errno, c);
    memcpy(t->dev.name, r.ifr_name, sizeof t->dev.name);
    t->dev.name[sizeof t->dev.name - 1] = '\0';
    int header = sizeof(vnet_hdr);
    unsigned offloads = c->vnet ? TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 : 0;
    if (c->vnet && ioctl(t->dev.fd, TUNSETVNETHDRSZ, &header) < 0)
        return driver_fail(err, errno, "%s: the kernel refuses virtio-net headers: %s; try without offloads",
                           t->dev.name, i18n_error(errno));
    if (ioctl(t->dev.fd, TUNSETOFFLOAD, (unsigned long)offloads) < 0 && c->vnet)
        return driver_fail(err, errno, "%s: the kernel refuses offloads: %s; try without", t->dev.name,
                           i18n_error(errno));
    if (c->persist && ioctl(t->dev.fd, TUNSETPERSIST, 1UL) < 0)
        return driver_fail(err, errno, "%s: cannot make it stay: %s", t->dev.name, i18n_error(errno));
    return 0;
}

static int tun_buffers(struct tun *t, const struct tun_config *c) {
    uint32_t count = BATCH + c->lend;
    t->memory = malloc((size_t)count * BUFFER_SIZE);
    t->spare = calloc(count, sizeof *t->spare);
    if (t->memory == NULL || t->spare == NULL) return -ENOMEM;
    for (uint32_t i = count; i > 0; i--) t->spare[t->spares++] = t->memory + (size_t)(i - 1) * BUFFER_SIZE;
    t->lendable = c->lend;
    uint32_t headers = (c->vnet ? (uint32_t)sizeof(vnet_hdr) : 0) + (c->tap ? ETHERNET_HEADER : 0);
    t->lead = (16 - headers % 16) % 16;
    return 0;
}

/* MTU and flags as the kernel has them now; false: no such device. */
static bool link_state(const char *name, uint32_t *mtu, bool *up) {
    struct ifreq r;
    memset(&r, 0, sizeof r);
    memcpy(r.ifr_name, name, strnlen(name, sizeof r.ifr_name - 1));
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return false;
    bool ok = ioctl(fd, SIOCGIFMTU, &r) == 0;
    if (ok) *mtu = (uint32_t)r.ifr_mtu;
    ok = ok && ioctl(fd, SIOCGIFFLAGS, &r) == 0;
    if (ok) *up = (r.ifr_flags & IFF_UP) != 0;
    close(fd);
    return ok;
}

/* Does this kernel know IPv4 packets beyond 65535 bytes? It has a setting for them then. */
static bool knows_big(const char *name) {
    struct netlink nl;
    struct driver_error err;
    if (netlink_open(&nl, NETLINK_ROUTE, &err) < 0) return false;
    bool knows = netlink_link_has(&nl, name, NETLINK_LINK_GSO_IPV4_MAX);
    netlink_close(&nl);
    return knows;
}

int tun_open(const struct tun_config *config, struct device **out, struct driver_error *err) {
    struct tun *t = calloc(1, sizeof *t);
    if (t == NULL || tun_buffers(t, config) < 0) {
        if (t != NULL) free(t->spare);
        free(t);
        return driver_fail(err, ENOMEM, "out of memory for the buffers of a TUN device");
    }
    struct device *d = &t->dev;
    d->ops = &tun_ops;
    d->link = config->tap ? TERN_LINK_ETHERNET : TERN_LINK_IP;
    t->vnet = config->vnet;
    if (config->vnet) d->iface_flags = TERN_IFACE_TX_CSUM | TERN_IFACE_RX_CSUM;
    if (getrandom(d->mac, sizeof d->mac, GRND_NONBLOCK) < 0) memcpy(d->mac, "\2tern1", sizeof d->mac);
    d->mac[0] = (uint8_t)((d->mac[0] & 0xfe) | 0x02); /* one station's, locally administered */
    d->fd = d->out_fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    int r = d->fd < 0 ? device_node_error(err, errno) : tun_attach(t, config, err);
    bool up;
    if (r == 0 && !link_state(d->name, &d->mtu, &up))
        r = driver_fail(err, ENODEV, "%s vanished as soon as it was opened", d->name);
    if (r < 0) {
        tun_close(d);
        return r;
    }
    if (config->vnet) d->tso_max = knows_big(d->name) ? BIG_MAX : IP_MAX;
    *out = d;
    return 0;
}

/* ---- configuring ---- */

/* Writes a setting of IPv6 on the device. Where that fails the kernel only talks more than it must. */
static void quiet(const char *name, const char *setting, const char *value) {
    char path[96];
    snprintf(path, sizeof path, "/proc/sys/net/ipv6/conf/%s/%s", name, setting);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return;
    ssize_t n = write(fd, value, strlen(value));
    (void)n;
    close(fd);
}

/* The kernel drops what does not fit into the device's queue, and 500 packets are fewer than two connections' windows.
 * Where it refuses, the queue stays as it is. */
static void lengthen_queue(const char *name) {
    struct ifreq r;
    memset(&r, 0, sizeof r);
    memcpy(r.ifr_name, name, strnlen(name, sizeof r.ifr_name - 1));
    r.ifr_qlen = QUEUE_LENGTH;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return;
    (void)ioctl(fd, SIOCSIFTXQLEN, &r);
    close(fd);
}

int tun_configure(struct device *dev, const struct tun_setup *setup, struct driver_error *err) {
    uint32_t mtu = dev->mtu;
    bool up = false;
    if (setup->mtu != 0 && (setup->mtu < 68 || setup->mtu > IP_MAX))
        return driver_fail(err, EINVAL, "an MTU of %u is not possible: 68 to 65535 is", setup->mtu);
    if (!link_state(dev->name, &mtu, &up))
        return driver_fail(err, ENODEV, "there is no network device named %s here", dev->name);
    uint32_t new_mtu = setup->mtu != 0 && setup->mtu != mtu ? setup->mtu : 0;
    if (up && new_mtu == 0 && setup->addrs_count == 0 && setup->routes_count == 0) return 0;
    if (!up) {
        lengthen_queue(dev->name);
        quiet(dev->name, "disable_ipv6", "0");
        quiet(dev->name, "addr_gen_mode", "1"); /* no link-local address: nothing to solicit from */
        quiet(dev->name, "accept_dad", "0");
        quiet(dev->name, "dad_transmits", "0");
        quiet(dev->name, "router_solicitations", "0");
        quiet(dev->name, "accept_ra", "0");
    }
    struct netlink nl;
    int r = netlink_open(&nl, NETLINK_ROUTE, err);
    if (r < 0) return r;
    if (!up || new_mtu != 0) r = netlink_link_up(&nl, dev->name, new_mtu, err);
    for (size_t i = 0; i < setup->addrs_count && r == 0; i++)
        r = netlink_addr_add(&nl, dev->name, &setup->addrs[i], err);
    for (size_t i = 0; i < setup->routes_count && r == 0; i++)
        r = netlink_route_add(&nl, dev->name, &setup->routes[i], NULL, err);
    netlink_close(&nl);
    if (r == 0) r = link_state(dev->name, &dev->mtu, &up) ? 0 : -ENODEV;
    return r;
}
