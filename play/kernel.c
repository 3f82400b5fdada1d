/* kernel.c - see kernel.h: the namespace, the device, and real time. The run's clock goes only while nothing is due: as
 * long as a busy machine keeps this process from what is due, it stands still. The kernel's own clock does not. */
#include "play/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "drivers/host.h"
#include "drivers/netns.h"
#include "play/host.h"
#include "play/player.h"
#include "po/i18n.h"

#define LOOK_NS (20 * (uint64_t)SIM_MS)   /* how often the kernel is asked when nothing happens */
#define BUSY_NS (5 * (uint64_t)SIM_MS)    /* far more than there is to do between two waits */
#define QUIET_NS (300 * (uint64_t)SIM_MS) /* Linux delays an ACK by no more than 200 ms */

/* Where Linux does otherwise than the RFCs unless it is told. What an older one does not know stays as it is. */
static void as_the_rfcs(void) {
    static const struct {
        const char *path, *value;
    } settings[] = {
        {"/proc/sys/net/ipv4/tcp_syn_linear_timeouts", "0"}, /* doubles the wait from the first SYN on [RFC6298 5.5] */
        {"/proc/sys/net/ipv4/tcp_rfc1337", "1"},             /* TIME-WAIT ignores a RST */
    };
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        int fd = open(settings[i].path, O_WRONLY | O_CLOEXEC);
        if (fd < 0) continue;
        if (write(fd, settings[i].value, 1) < 0) errno = 0;
        close(fd);
    }
}

static int open_world(struct kernel *k, const struct play_take *take, struct driver_error *err) {
    struct tun_config tc = {.name = "tern0"};
    struct driver_prefix own = {.addr = {4, {10, 0, 0, (uint8_t)(k->end + 1)}}, .len = 24};
    struct tun_setup setup = {.mtu = take->mtu, .addrs = &own, .addrs_count = 1};
    int r = netns_enter(err);
    if (r >= 0) r = tun_open(&tc, &k->dev, err);
    if (r >= 0) r = tun_configure(k->dev, &setup, err);
    if (r >= 0) r = sockdiag_open(&k->diag, err);
    if (r >= 0) as_the_rfcs();
    return r;
}

/* One packet after the other, so that the kernel can be asked after each. */
static void guest_input(void *ctx, const tern_packet *packets, size_t n, uint64_t now_ns) {
    struct stage *g = ctx;
    (void)now_ns;
    for (size_t i = 0; i < n; i++) {
        kernel_deliver(g, packets[i].data, packets[i].len);
        kernel_events(g);
    }
}

static size_t guest_output(void *ctx, struct memlink *link, int side, uint64_t now_ns) {
    struct stage *g = ctx;
    const struct cause none = {.kind = BY_ITSELF};
    (void)link;
    (void)side;
    (void)now_ns;
    kernel_look(g, &none);
    return kernel_collect(g) + kernel_events(g);
}

static uint64_t guest_deadline(const void *ctx) {
    (void)ctx; /* the kernel has its own clock */
    return TERN_NEVER;
}

int kernel_open(struct stage *g, int end, struct play_error *err) {
    struct driver_error why = {0};
    g->kernel = calloc(1, sizeof *g->kernel);
    if (g->kernel == NULL) {
        snprintf(err->text, sizeof err->text, "%s", i18n_error(ENOMEM));
        return -1;
    }
    g->kernel->end = end;
    g->kernel->guest = (struct sim_guest){g, guest_input, guest_output, guest_deadline};
    if (open_world(g->kernel, g->take, &why) >= 0) return 0;
    snprintf(err->text, sizeof err->text, "%s", why.text);
    return PLAY_REFUSED;
}

void kernel_close(struct stage *g) {
    struct kernel *k = g->kernel;
    if (k == NULL) return;
    for (int fd = 0; fd < KERNEL_FDS; fd++)
        if (k->sock[fd].open) close(fd);
    sockdiag_close(k->diag);
    device_close(k->dev);
    free(k);
    g->kernel = NULL;
}

/* Nothing is under way, and no timer runs but such as only end something that is over. */
static bool over(const struct stage *g) {
    for (size_t i = 0; i < g->lives; i++) {
        const struct life *l = &g->life[i];
        bool done = l->state <= TERN_LISTEN || l->state == TERN_TIME_WAIT || l->state == TERN_FIN_WAIT_2;
        if (!done && l->timer != NULL) return false;
    }
    return g->laters == 0 && memlink_deadline(g->sim->link) == TERN_NEVER;
}

bool kernel_wait(struct stage *g, uint64_t until_ns, bool moved) {
    struct kernel *k = g->kernel;
    struct sim *sim = g->sim;
    uint64_t left = until_ns > sim->now ? until_ns - sim->now : 0, start = tern_host_now();
    uint64_t busy = k->left_ns != 0 ? start - k->left_ns : 0;
    if (busy > BUSY_NS) k->late_ns += busy;
    struct pollfd fd = {k->dev->fd, POLLIN, 0};
    struct timespec t = {0, (long)(left < LOOK_NS ? left : LOOK_NS)};
    ppoll(&fd, 1, &t, NULL);
    k->left_ns = tern_host_now();
    uint64_t passed = k->left_ns - start;
    if (passed > left) {
        k->late_ns += passed - left;
        passed = left;
    }
    sim->now += passed;
    k->quiet_ns = moved ? 0 : k->quiet_ns + passed;
    bool bounded = g->take->until_ns != 0 || g->take->linux_until_ns != 0;
    return bounded || k->quiet_ns < QUIET_NS || !over(g);
}
