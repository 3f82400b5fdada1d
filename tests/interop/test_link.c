/* test_link.c - below TCP: pings in both directions, whole and in fragments, over TUN and TAP; ARP and neighbour
 * discovery with the kernel; a neighbour that is not there; and the same TCP over Ethernet. */
#include <sys/wait.h>
#include <unistd.h>

#include "kernel.h"

enum { PORT = 7300 };

static struct world *open_link(bool tap, bool vnet) {
    struct world_config c = world_config_default();
    c.tap = tap;
    c.vnet = vnet;
    return world_open(&c);
}

/* ---- echo ---- */

/* The system's ping: its exit code. */
static int kernel_pings(struct world *w, int family, unsigned size) {
    char len[16], to[TERN_ADDR_TEXT];
    tern_addr ours = world_ours(family);
    snprintf(len, sizeof len, "%u", size);
    tern_addr_format(&ours, to);
    pid_t child = fork();
    if (child == 0) {
        if (freopen("/dev/null", "w", stdout) == NULL) _exit(126);
        execlp("ping", "ping", family == 4 ? "-4" : "-6", "-n", "-c", "3", "-i", "0.02", "-W", "3", "-s", len, to,
               (char *)NULL);
        _exit(127);
    }
    int status = -1;
    WORLD_UNTIL(w, waitpid(child, &status, WNOHANG) == child, 15000);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
        print_message("skipped: no program called ping\n");
        skip();
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void tern_pings(struct world *w, int family, uint16_t size) {
    tern_addr to = world_kernel(family);
    tern_echo reply;
    assert_int_equal(tern_echo_send(w->stack, &to, 77, size, stream_bytes(), size), 0);
    WORLD_UNTIL(w, tern_echo_reply(w->stack, &reply) == 0, 3000);
    assert_int_equal(reply.error, 0);
    assert_int_equal(reply.id, 77);
    assert_int_equal(reply.seq, size);
    assert_int_equal(reply.len, size);
    assert_int_equal(reply.ttl, 64);
    assert_memory_equal(&reply.remote, &to, sizeof to);
    assert_memory_equal(reply.payload, stream_bytes(), size < 32 ? size : 32);
}

static void pings(void **state) {
    (void)state;
    static const uint16_t sizes[] = {0, 56, 1472, 1473, 3000};
    for (int kind = 0; kind < 4; kind++) {
        struct world *w = open_link(kind & 1, kind & 2);
        for (int family = 4; family <= 6; family += 2)
            for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
                assert_int_equal(kernel_pings(w, family, sizes[i]), 0);
                tern_pings(w, family, sizes[i]);
            }
        world_close(w);
    }
}

/* ---- neighbours ---- */

/* What the kernel knows of our Ethernet address: one line of `ip neigh`. */
static bool kernel_knows(int family, const uint8_t mac[6]) {
    char text[TERN_ADDR_TEXT], command[128], line[256] = "", want[32];
    tern_addr ours = world_ours(family);
    snprintf(command, sizeof command, "ip neigh show to %s", tern_addr_format(&ours, text));
    FILE *f = popen(command, "r");
    assert_non_null(f);
    char *got = fgets(line, sizeof line, f);
    pclose(f);
    snprintf(want, sizeof want, "lladdr %02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
    return got != NULL && strstr(line, want) != NULL;
}

/* Bytes there and back, in order, then an orderly end. */
static void exchange(struct world *w, int family, bool client) {
    enum { LEN = 300000 };
    struct end ours, listener;
    int fd = -1, l = -1;
    if (client) {
        l = kernel_listen(family, PORT, 1);
        world_connect(w, family, PORT, &ours);
        WORLD_UNTIL(w, (fd = kernel_accept(l)) >= 0, 3000);
        WORLD_UNTIL(w, ours.bits & TERN_EV_CONNECTED, 1000);
    } else {
        world_listen(w, PORT, 1, &listener);
        fd = kernel_connect(family, PORT);
        WORLD_UNTIL(w, world_accept(w, &listener, &ours), 3000);
    }
    static uint8_t buf[LEN];
    size_t sent = 0, echoed = 0, got = 0, heard = 0;
    for (uint64_t end = tern_host_now() + 20000 * (uint64_t)MS; got < LEN; world_turn(w, MS / 2)) {
        ptrdiff_t n = tern_write(w->stack, ours.sock, stream_bytes() + sent, LEN - sent);
        if (n > 0) sent += (size_t)n;
        ssize_t r = kernel_recv(fd, buf + heard, LEN - heard);
        if (r > 0) heard += (size_t)r;
        r = kernel_send(fd, buf + echoed, heard - echoed);
        if (r > 0) echoed += (size_t)r;
        uint8_t piece[8192];
        while ((n = tern_read(w->stack, ours.sock, piece, sizeof piece)) > 0) {
            assert_memory_equal(piece, stream_bytes() + got, n);
            got += (size_t)n;
        }
        if (tern_host_now() > end) world_late(w, 20000, "all came back");
    }
    tern_close(w->stack, ours.sock);
    if (!client) tern_close(w->stack, listener.sock);
    close(fd);
    if (l >= 0) close(l);
    WORLD_UNTIL(w, world_stats(w).connections + world_stats(w).time_wait == 0, 3000);
}

/* [RFC826, RFC4861] Either side asks first, the other answers. */
static void neighbours(void **state) {
    (void)state;
    for (int kind = 0; kind < 8; kind++) {
        bool vnet = kind & 1, client = kind & 2;
        int family = kind & 4 ? 6 : 4;
        struct world *w = open_link(true, vnet);
        exchange(w, family, client);
        assert_true(kernel_knows(family, w->dev->mac));
        assert_true(world_counter(w, family == 4 ? "ARP_OK" : "ND_OK") >= 1);
        world_close(w);
    }
}

/* [RFC1122 2.3.2.2] Nobody answers: the open fails, and nothing waits for ever. */
static void silent_neighbour(void **state) {
    (void)state;
    struct world *w = open_link(true, false);
    struct end e = {.error = 0};
    tern_open o = {.size = sizeof o, .remote = {4, {10, 77, 0, 99}}, .remote_port = PORT, .user = (uintptr_t)&e};
    assert_int_equal(tern_connect(w->stack, &o, &e.sock), 0);
    WORLD_UNTIL(w, e.bits & TERN_EV_CLOSED, 10000);
    assert_int_equal(e.error, TERN_EUNREACH);
    tern_close(w->stack, e.sock);
    assert_true(world_counter(w, "NEIGHBOUR_SILENT") >= 1);
    world_expect_idle(w);
    world_close(w);
}

int main(int argc, char **argv) {
    world_require();
    const struct CMUnitTest tests[] = {cmocka_unit_test(pings), cmocka_unit_test(neighbours),
                                       cmocka_unit_test(silent_neighbour)};
    return pulse_run(tests, sizeof tests / sizeof *tests, argc > 1 ? argv[1] : NULL);
}
