/* scene.c - opening, closing, and the words that both ends exchange. */
#include "scene.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

void scene_begin(struct scene *s, int family, const struct world_config *config) {
    memset(s, 0, sizeof *s);
    s->fd = s->listener_fd = -1;
    s->family = family;
    s->config = config != NULL ? *config : world_config_default();
    s->w = world_open(&s->config);
    s->m = middle_open(s->w);
    kernel_open(&s->k);
}

/* The kernel's connect with a port of our choice. */
static int connect_from(int family, uint16_t port) {
    if (port == 0) return kernel_connect(family, SCENE_PORT);
    tern_addr ours = world_kernel(family), to = world_ours(family);
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr *sa = family == 4 ? (struct sockaddr *)&four : (struct sockaddr *)&six;
    socklen_t len = family == 4 ? sizeof four : sizeof six;
    int fd = socket(sa->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    memcpy(&four.sin_addr, ours.bytes, 4);
    memcpy(&six.sin6_addr, ours.bytes, 16);
    if (bind(fd, sa, len) < 0) fail_msg("bind: %s", strerror(errno));
    memcpy(&four.sin_addr, to.bytes, 4);
    memcpy(&six.sin6_addr, to.bytes, 16);
    four.sin_port = six.sin6_port = htons(SCENE_PORT);
    if (connect(fd, sa, len) < 0 && errno != EINPROGRESS) fail_msg("connect: %s", strerror(errno));
    return fd;
}

static void tern_connects(struct scene *s, uint16_t port) {
    memset(&s->ours, 0, sizeof s->ours);
    tern_open o = {.size = sizeof o,
                   .remote = world_kernel(s->family),
                   .remote_port = SCENE_PORT,
                   .local_port = port,
                   .user = (uintptr_t)&s->ours};
    tern_status_info info = {.size = sizeof info};
    int r = tern_connect(s->w->stack, &o, &s->ours.sock);
    if (r < 0) fail_msg("tern_connect: %s", tern_strerror(r, TERN_EN));
    assert_int_equal(tern_status(s->w->stack, s->ours.sock, &info), 0);
    s->ours.flow = info.flow;
}

void scene_connect(struct scene *s, bool tern_opens, uint16_t port) {
    if (tern_opens) {
        if (s->listener_fd < 0) s->listener_fd = kernel_listen(s->family, SCENE_PORT, 5);
        tern_connects(s, port);
        WORLD_UNTIL(s->w, s->ours.bits & TERN_EV_CONNECTED, 5000);
        WORLD_UNTIL(s->w, (s->fd = kernel_accept(s->listener_fd)) >= 0, 3000);
        return;
    }
    if (s->listener.sock.id == 0) world_listen(s->w, SCENE_PORT, 5, &s->listener);
    s->fd = connect_from(s->family, port);
    WORLD_UNTIL(s->w, world_accept(s->w, &s->listener, &s->ours), 5000);
    WORLD_UNTIL(s->w, kernel_connected(s->fd), 3000);
}

void scene_open(struct scene *s, int family, bool tern_opens, const struct world_config *config) {
    scene_begin(s, family, config);
    scene_connect(s, tern_opens, 0);
}

void scene_close(struct scene *s) {
    if (s->fd >= 0) close(s->fd);
    if (s->listener_fd >= 0) close(s->listener_fd);
    world_turns(s->w, 2);
    kernel_close(&s->k);
    world_close(s->w);
}

enum tern_state scene_ours(struct scene *s) { return world_state(s->w, &s->ours); }
enum tern_state scene_theirs(struct scene *s) { return kernel_state(&s->k, &s->ours.flow); }

tern_status_info scene_status(struct scene *s) {
    tern_status_info info = {.size = sizeof info};
    assert_int_equal(tern_status(s->w->stack, s->ours.sock, &info), 0);
    return info;
}

void scene_lives(struct scene *s) {
    char buf[8];
    ssize_t n = -1;
    assert_int_equal(tern_write(s->w->stack, s->ours.sock, "there", 5), 5);
    WORLD_UNTIL(s->w, (n = kernel_recv(s->fd, buf, sizeof buf)) >= 0, 3000);
    assert_int_equal(n, 5);
    assert_memory_equal(buf, "there", 5);
    assert_int_equal(kernel_send(s->fd, "back", 4), 4);
    WORLD_UNTIL(s->w, (n = tern_read(s->w->stack, s->ours.sock, buf, sizeof buf)) != TERN_EAGAIN, 3000);
    assert_int_equal(n, 4);
    assert_memory_equal(buf, "back", 4);
}

void scene_kernel_reads(struct scene *s, uint64_t from, uint64_t n) {
    static uint8_t buf[65536];
    for (uint64_t got = 0, end = tern_host_now() + 10000ull * MS; got < n;) {
        ssize_t r = kernel_recv(s->fd, buf, sizeof buf);
        if (r == 0) fail_msg("the stream ended");
        for (size_t at = 0; r > 0 && at < (size_t)r;) {
            size_t len;
            const uint8_t *want = stream_at(from + got + at, &len);
            if (len > (size_t)r - at) len = (size_t)r - at;
            assert_memory_equal(buf + at, want, len);
            at += len;
        }
        if (r > 0) got += (uint64_t)r;
        if (r < 0) world_turn(s->w, MS / 2);
        if (tern_host_now() > end) world_late(s->w, 10000, "the kernel has it all");
    }
}

void scene_kernel_forgets(struct scene *s) {
    size_t at = s->m->count;
    s->m->silent_in = true;
    kernel_reset_on_close(s->fd);
    close(s->fd);
    s->fd = -1;
    WORLD_UNTIL(s->w, s->m->count > at, 1000); /* its RST is gone */
    s->m->silent_in = false;
    assert_int_equal(scene_theirs(s), TERN_CLOSED);
}

struct segment scene_segment(struct scene *s, uint16_t flags) {
    tern_status_info info = scene_status(s);
    const struct crossed *last = middle_last(s->m, false, info.flow.remote_port);
    return (struct segment){.family = s->family,
                            .src_port = info.flow.remote_port,
                            .dst_port = info.flow.local_port,
                            .flags = flags,
                            .window = 500,
                            .seq = info.rcv_nxt,
                            .ack = info.snd_nxt,
                            .stamps = info.timestamps,
                            .ts_value = last->ts_value,
                            .ts_echo = last->ts_echo};
}

void scene_inject(struct scene *s, const struct segment *seg) {
    uint8_t packet[MIDDLE_PACKET];
    uint64_t before = world_stats(s->w).segments_in;
    middle_to_tern(s->m, packet, forge_segment(seg, packet));
    WORLD_UNTIL(s->w, s->m->queued == 0 && world_stats(s->w).segments_in > before, 1000);
}

bool scene_sysctl(const char *name, const char *value) {
    char path[128];
    snprintf(path, sizeof path, "/proc/sys/net/ipv4/%s", name);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return false;
    ssize_t n = write(fd, value, strlen(value));
    close(fd);
    return n == (ssize_t)strlen(value);
}
