/* test_flood.c - 100,000 SYNs from sources that do not exist, as fast as tern takes them (RFC 4987): who really
 * wants to connect is served at once, during the flood and after it, connections that exist go on, and memory does
 * not grow. */
#include <sys/wait.h>
#include <unistd.h>

#include "scene.h"

enum { HTTP_PORT = 7680, V4 = 100000, V6 = 30000, GROWTH = 256 << 10 };

/* ---- the flood ---- */

struct flood {
    int family;
    uint64_t sent, most; /* most: it ends there */
};

static uint32_t next_syn(void *ctx, uint8_t *packet) {
    struct flood *f = ctx;
    if (f->sent == f->most) return 0;
    uint64_t r = memlink_chance(4987, f->sent++);
    struct segment syn = {.family = f->family,
                          .stranger = (uint32_t)(20 + r % 80) << 24 | (uint32_t)(r >> 8 & 0xffffff),
                          .src_port = (uint16_t)(1024 + (r >> 32) % 60000),
                          .dst_port = r >> 63 ? SCENE_PORT : HTTP_PORT,
                          .flags = TERN_SYN,
                          .window = 65535,
                          .mss = 1460,
                          .seq = (uint32_t)(r >> 16)};
    return forge_segment(&syn, packet);
}

/* ---- a page for curl ---- */

struct page {
    struct end listener, client;
    bool open, answered;
};

static void serve(struct world *w, struct page *p) {
    static const char page[] = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nhello\n";
    char buf[1024];
    if (!p->open && !(p->open = world_accept(w, &p->listener, &p->client))) return;
    ptrdiff_t n = tern_read(w->stack, p->client.sock, buf, sizeof buf);
    if (n > 0 && !p->answered) {
        assert_int_equal(tern_write(w->stack, p->client.sock, page, sizeof page - 1), sizeof page - 1);
        p->answered = true;
    }
    if (n == TERN_EAGAIN || n > 0) return;
    tern_close(w->stack, p->client.sock);
    p->open = p->answered = false;
}

static pid_t begin_curl(int family) {
    char url[64];
    snprintf(url, sizeof url, family == 4 ? "http://10.77.0.2:%d/" : "http://[fd77::2]:%d/", HTTP_PORT);
    pid_t child = fork();
    if (child == 0) {
        execlp("curl", "curl", "-gsf", "--noproxy", "*", "--max-time", "5", "-o", "/dev/null", url, (char *)NULL);
        _exit(127);
    }
    assert_true(child > 0);
    return child;
}

/* Serves until curl is done. It must be content. */
static void curl_succeeds(struct scene *s, struct page *p) {
    pid_t child = begin_curl(s->family);
    int status = 0;
    WORLD_UNTIL(s->w, (serve(s->w, p), waitpid(child, &status, WNOHANG) == child), 8000);
    if (!WIFEXITED(status)) fail_msg("curl was killed");
    if (WEXITSTATUS(status) == 127) {
        print_message("skipped: curl cannot be run\n");
        exit(77);
    }
    if (WEXITSTATUS(status) != 0) fail_msg("curl ends with %d", WEXITSTATUS(status));
    WORLD_UNTIL(s->w, (serve(s->w, p), !p->open), 3000);
}

/* ---- the test ---- */

/* What a cookie has no room for would show here: MSS, window scale, SACK, timestamps as both ends agreed on. */
static void agreed_in_full(struct scene *s) {
    struct sockdiag_socket kernel;
    tern_status_info info = scene_status(s);
    assert_true(kernel_find(&s->k, &s->ours.flow, &kernel));
    assert_true(kernel.timestamps && info.timestamps);
    assert_true(kernel.sack && info.sack);
    assert_true(kernel.rcv_wscale > 0 && kernel.snd_wscale > 0);
    assert_int_equal(info.snd_wscale, kernel.rcv_wscale);
    assert_int_equal(info.rcv_wscale, kernel.snd_wscale);
    assert_int_equal(info.mss, s->family == 4 ? 1448 : 1428);
    assert_int_equal(kernel.mss_out, info.mss);
}

/* Connects while the flood goes on; keeps neither end. */
static void connects_at_once(struct scene *s) {
    struct end old = s->ours;
    int old_fd = s->fd;
    uint64_t start = tern_host_now(), cookies = world_counter(s->w, "COOKIE_OK");
    scene_connect(s, false, 0);
    scene_lives(s);
    assert_true(tern_host_now() - start < 900 * MS); /* no SYN was lost: the kernel would repeat it after a second */
    assert_int_equal(world_counter(s->w, "COOKIE_OK"), cookies + 1);
    agreed_in_full(s);
    tern_abort(s->w->stack, s->ours.sock);
    close(s->fd);
    s->ours = old;
    s->fd = old_fd;
}

static void flooded(int family, uint64_t syns) {
    struct scene s;
    struct page page = {.open = false};
    struct flood flood = {.family = family, .most = UINT64_MAX};
    tern_addr any = {.family = (uint8_t)family};
    struct world_config config = world_config_default();
    config.settings.rto_initial_ms = 150; /* SYN-ACKs are repeated in the midst of it */
    scene_begin(&s, family, &config);
    assert_int_equal(tern_route_add(s.w->stack, &any, 0, s.w->iface, NULL), 0); /* or no SYN would be answered */
    world_listen(s.w, HTTP_PORT, 100, &page.listener);
    scene_connect(&s, false, 0); /* this one was there before */
    assert_int_equal(tern_set_user(s.w->stack, s.ours.sock, 0), 0);
    scene_lives(&s);
    curl_succeeds(&s, &page);
    world_watch(s.w, false);
    s.m->blind = true;
    tern_stats before = world_stats(s.w);
    uint64_t start = tern_host_now(), most = before.memory;
    s.m->ctx = &flood;
    s.m->flood = next_syn;
    while (flood.sent < syns / 2) {
        world_turn(s.w, 0);
        most = world_stats(s.w).memory > most ? world_stats(s.w).memory : most;
    }
    scene_lives(&s);
    connects_at_once(&s);
    curl_succeeds(&s, &page);
    while (flood.sent < syns) {
        world_turn(s.w, 0);
        most = world_stats(s.w).memory > most ? world_stats(s.w).memory : most;
    }
    flood.most = flood.sent;
    double seconds = (double)(tern_host_now() - start) / 1e9;
    curl_succeeds(&s, &page);
    connects_at_once(&s);
    scene_lives(&s);
    tern_stats after = world_stats(s.w);
    print_message("IPv%d: %llu SYNs in %.2f s, memory %llu to %llu KiB\n", family, (unsigned long long)flood.sent,
                  seconds, (unsigned long long)before.memory >> 10, (unsigned long long)most >> 10);
    assert_true(most - before.memory <= GROWTH);
    assert_true(after.memory <= before.memory + GROWTH);
    assert_true(world_counter(s.w, "COOKIE_SENT") >= flood.sent - s.config.settings.half_open_max);
    assert_int_equal(world_counter(s.w, "HALF_OPEN_LIMIT") + world_counter(s.w, "NO_MEMORY"), 0);
    assert_int_equal(world_counter(s.w, "QUEUE_FULL"), 0);
    assert_true(after.packets_out - before.packets_out <= flood.sent + flood.sent / 5); /* no more than we were asked */
    assert_true(after.half_open <= s.config.settings.half_open_max);
    assert_int_equal(after.connections, 1);
    scene_close(&s);
}

static void flood_v4(void **state) {
    (void)state;
    flooded(4, V4);
}

static void flood_v6(void **state) {
    (void)state;
    flooded(6, V6);
}

int main(int argc, char **argv) {
    world_require();
    const struct CMUnitTest tests[] = {cmocka_unit_test(flood_v4), cmocka_unit_test(flood_v6)};
    return pulse_run(tests, sizeof tests / sizeof *tests, argc > 1 ? argv[1] : NULL);
}
