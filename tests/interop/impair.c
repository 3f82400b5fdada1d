/* impair.c - joins a memlink and a device. The file to poll is an epoll of the device and of a timer that stands at the
 * memlink's next arrival. */
#include "impair.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "drivers/host.h"

enum { BATCH = 64, OURS = 0, THEIRS = 1 };

struct impair {
    struct device dev;
    struct device *inner;
    struct memlink *link;
    int timer;
};

static struct impair *impair_of(const struct device *dev) { return (struct impair *)(uintptr_t)dev; }

static void arm(const struct impair *m) {
    uint64_t due = memlink_deadline(m->link), now = tern_host_now();
    struct itimerspec t = {{0, 0}, {0, 0}};
    if (due != TERN_NEVER) {
        uint64_t wait = due > now ? due - now : 1;
        t.it_value = (struct timespec){(time_t)(wait / 1000000000u), (long)(wait % 1000000000u)};
    }
    timerfd_settime(m->timer, 0, &t, NULL);
}

/* What has come through on its way out goes to the device. */
static int pass_out(struct impair *m, uint64_t now, struct driver_error *err) {
    tern_packet p[BATCH];
    tern_frame f[BATCH];
    for (size_t n; (n = memlink_receive(m->link, THEIRS, p, BATCH, now)) > 0;) {
        for (size_t i = 0; i < n; i++) {
            memset(&f[i], 0, sizeof f[i]);
            f[i].len = p[i].len;
            f[i].spans = 1;
            f[i].body[0] = (tern_span){p[i].data, p[i].len};
        }
        int r = device_send(m->inner, f, n, err);
        if (r < 0) return r;
    }
    return 0;
}

static int impair_receive(struct device *dev, tern_packet *out, size_t max, struct driver_error *err) {
    struct impair *m = impair_of(dev);
    uint64_t now = tern_host_now();
    tern_packet p[BATCH];
    for (int n = BATCH; n == BATCH;) {
        n = device_receive(m->inner, p, BATCH, err);
        if (n < 0) return n;
        for (int i = 0; i < n; i++) memlink_inject(m->link, THEIRS, p[i].data, p[i].len, now);
    }
    int r = pass_out(m, now, err);
    size_t n = memlink_receive(m->link, OURS, out, max, now);
    arm(m);
    return r < 0 ? r : (int)n;
}

static int impair_send(struct device *dev, tern_frame *frames, size_t n, struct driver_error *err) {
    struct impair *m = impair_of(dev);
    uint64_t now = tern_host_now();
    memlink_send(m->link, OURS, frames, n, now);
    int r = pass_out(m, now, err);
    arm(m);
    return r;
}

static void impair_close(struct device *dev) {
    struct impair *m = impair_of(dev);
    device_close(m->inner);
    memlink_free(m->link);
    if (m->timer >= 0) close(m->timer);
    if (m->dev.fd >= 0) close(m->dev.fd);
    free(m);
}

static const struct device_ops impair_ops = {impair_receive, impair_send, NULL, NULL, impair_close};

static int watch(struct impair *m) {
    struct epoll_event ev = {.events = EPOLLIN};
    m->dev.fd = m->dev.out_fd = epoll_create1(EPOLL_CLOEXEC);
    m->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (m->dev.fd < 0 || m->timer < 0 || epoll_ctl(m->dev.fd, EPOLL_CTL_ADD, m->inner->fd, &ev) < 0 ||
        epoll_ctl(m->dev.fd, EPOLL_CTL_ADD, m->timer, &ev) < 0)
        return -errno;
    return 0;
}

int impair_open(struct device *inner, const struct memlink_path paths[2], struct device **out,
                struct driver_error *err) {
    if (inner->tso_max != 0) return driver_fail(err, EINVAL, "%s cuts segments: it cannot be impaired", inner->name);
    struct impair *m = calloc(1, sizeof *m);
    if (m == NULL) return driver_fail(err, ENOMEM, "out of memory");
    m->dev = *inner;
    m->dev.ops = &impair_ops;
    m->dev.fd = m->timer = -1;
    m->inner = inner;
    int r = memlink_new(paths, &m->link, err);
    if (r == 0 && (r = watch(m)) < 0) r = driver_fail(err, -r, "no epoll or timer: %s", strerror(-r));
    if (r < 0) {
        m->inner = NULL; /* still the caller's */
        impair_close(&m->dev);
        return r;
    }
    *out = &m->dev;
    return 0;
}

void impair_stats(const struct device *dev, int path, struct memlink_stats *out) {
    memlink_stats_get(impair_of(dev)->link, path, out);
}

int impair_set(struct device *dev, int path, const struct memlink_path *to, struct driver_error *err) {
    return memlink_set(impair_of(dev)->link, path, to, err);
}
