/* test_bulk.c - many bytes through a TUN between tern and the kernel: every combination of family, who opens, who
 * sends, MTU and offloads arrives with the sender's SHA-256; and so it does with packets dropped, duplicated and
 * reordered in between.
 *
 * test_bulk [--full] [--only WORD]... [--raw]
 *   --full   1 GiB in every combination; otherwise in a few, and 64 MiB in the rest
 *   --only   only combinations whose names contain the words
 *   --raw    hashes nothing: how fast the stack is by itself
 */
#include <errno.h>
#include <openssl/evp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "impair.h"
#include "kernel.h"

#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)
enum { PORT = 7000, PIECE = 256 << 10, DIGEST = 32 };

struct combination {
    int family;
    bool client, sends; /* tern's part */
    uint32_t mtu;
    bool offload, impaired;
    uint64_t size;
    char name[80];
};

static bool raw, full;
static const char *only[8];
static unsigned onlys;

/* ---- hashing ---- */

typedef struct digest {
    EVP_MD_CTX *ctx;
    uint8_t value[DIGEST];
} digest;

static void digest_begin(digest *d) {
    d->ctx = EVP_MD_CTX_new();
    if (d->ctx == NULL || !EVP_DigestInit_ex(d->ctx, EVP_sha256(), NULL)) abort();
}
static void digest_add(digest *d, const void *data, size_t len) {
    if (!raw) EVP_DigestUpdate(d->ctx, data, len);
}
static void digest_end(digest *d) {
    EVP_DigestFinal_ex(d->ctx, d->value, NULL);
    EVP_MD_CTX_free(d->ctx);
}

/* The stream of a size is always the same: its digest is made once. */
static const uint8_t *sent_digest(uint64_t size) {
    static struct {
        uint64_t size;
        digest d;
    } known[4];
    size_t i = 0;
    while (known[i].size != 0 && known[i].size != size) i++;
    if (known[i].size == size) return known[i].d.value;
    known[i].size = size;
    digest_begin(&known[i].d);
    for (uint64_t at = 0; at < size;) {
        size_t len;
        const uint8_t *p = stream_at(at, &len);
        if (len > size - at) len = (size_t)(size - at);
        digest_add(&known[i].d, p, len);
        at += len;
    }
    digest_end(&known[i].d);
    return known[i].d.value;
}

/* ---- tern's end, in a thread of its own ---- */

struct ours {
    struct world *w;
    const struct combination *c;
    struct end end, listener;
    uint64_t moved;
    digest d;
    bool done;
    int error;
};

static void write_more(struct ours *o) {
    while (o->moved < o->c->size) {
        size_t len;
        const uint8_t *p = stream_at(o->moved, &len);
        if (len > o->c->size - o->moved) len = (size_t)(o->c->size - o->moved);
        ptrdiff_t n = tern_write(o->w->stack, o->end.sock, p, len);
        if (n == TERN_EAGAIN) return;
        if (n < 0) {
            o->error = (int)n;
            return;
        }
        o->moved += (uint64_t)n;
    }
    tern_shutdown(o->w->stack, o->end.sock);
}

static void read_more(struct ours *o) {
    tern_span spans[8];
    int n;
    while ((n = tern_read_borrow(o->w->stack, o->end.sock, spans, 8)) > 0) {
        size_t all = 0;
        for (int i = 0; i < n; i++) {
            digest_add(&o->d, spans[i].data, spans[i].len);
            all += spans[i].len;
        }
        o->moved += all;
        tern_read_release(o->w->stack, o->end.sock, all);
    }
    if (n == 0) tern_shutdown(o->w->stack, o->end.sock);
    if (n < 0 && n != TERN_EAGAIN) o->error = n;
}

static void on_bulk_event(void *ctx, const tern_event *ev) {
    struct ours *o = ctx;
    if (ev->bits & TERN_EV_ACCEPT && world_accept(o->w, &o->listener, &o->end)) {
        o->c->sends ? write_more(o) : read_more(o);
        return;
    }
    if (ev->bits & TERN_EV_CLOSED) {
        o->error = ev->error;
        o->done = true;
        return;
    }
    if (o->c->sends && ev->bits & (TERN_EV_CONNECTED | TERN_EV_WRITE)) write_more(o);
    if (!o->c->sends && ev->bits & (TERN_EV_READ | TERN_EV_EOF)) read_more(o);
    /* The sender waits for the peer's FIN, the receiver for the ACK of its own. */
    if (ev->bits & (o->c->sends ? TERN_EV_EOF : TERN_EV_SENT)) o->done = true;
}

static void *run_ours(void *arg) {
    struct ours *o = arg;
    while (!o->done && o->error == 0) world_turn(o->w, TERN_NEVER);
    tern_close(o->w->stack, o->end.sock);
    world_turns(o->w, 1);
    return NULL;
}

/* ---- the kernel's end, in this thread ---- */

static void wait_for(int fd, short what) {
    struct pollfd p = {fd, what, 0};
    if (poll(&p, 1, 60000) == 0) fail_msg("the kernel's socket waits for a minute");
}

static uint64_t kernel_sends(int fd, uint64_t size) {
    uint64_t at = 0;
    while (at < size) {
        size_t len;
        const uint8_t *p = stream_at(at, &len);
        if (len > PIECE) len = PIECE;
        if (len > size - at) len = (size_t)(size - at);
        ssize_t n = kernel_send(fd, p, len);
        if (n < 0)
            wait_for(fd, POLLOUT);
        else
            at += (uint64_t)n;
    }
    kernel_shutdown(fd);
    uint8_t byte;
    while (kernel_recv(fd, &byte, 1) < 0) wait_for(fd, POLLIN);
    return at;
}

static uint64_t kernel_receives(int fd, digest *d) {
    static uint8_t buf[PIECE];
    uint64_t at = 0;
    int enough = PIECE / 4; /* or this thread is woken for each packet */
    setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &enough, sizeof enough);
    for (;;) {
        ssize_t n = kernel_recv(fd, buf, sizeof buf);
        if (n < 0) {
            wait_for(fd, POLLIN);
            continue;
        }
        if (n == 0) break;
        digest_add(d, buf, (size_t)n);
        at += (uint64_t)n;
    }
    kernel_shutdown(fd);
    return at;
}

/* ---- one combination ---- */

/* One packet in a hundred each is dropped, doubled and overtaken, in both directions. */
static void spoil(struct memlink_path paths[2]) {
    memset(paths, 0, 2 * sizeof *paths);
    for (unsigned i = 0; i < 2; i++)
        paths[i] = (struct memlink_path){.seed = 77 + i,
                                         .delay_ns = 200000,
                                         .loss_ppm = 10000,
                                         .duplicate_ppm = 10000,
                                         .reorder_ppm = 10000,
                                         .reorder_ns = 300000};
}

static struct world *open_world(const struct combination *c, struct memlink_path paths[2]) {
    struct world_config config = world_config_default();
    config.mtu = c->mtu;
    config.vnet = c->offload;
    config.lend = c->client ? 64 : 0;
    spoil(paths);
    if (c->impaired) config.paths = paths;
    struct world *w = world_open(&config);

    world_watch(w, false);
    return w;
}

static double processor_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Both ends run in this process: its processor time is that of the kernel's TCP and of tern together. */
static void show(const struct combination *c, struct world *w, double seconds, double busy) {
    tern_stats st = world_stats(w);
    double mib = (double)c->size / MIB;
    print_message(
        "  %-44s %5.0f MiB %6.2f s %6.2f Gbit/s  processor %5.2f s  segments in %5.1f out %5.1f a MiB, %u again\n",
        c->name, mib, seconds, (double)c->size * 8 / seconds / 1e9, busy, (double)st.segments_in / mib,
        (double)st.segments_out / mib, (unsigned)st.retransmitted);
}

static void run(struct combination *c) {
    struct memlink_path paths[2];
    struct world *w = open_world(c, paths);
    struct ours o = {.w = w, .c = c};
    int fd, listener = -1;
    pthread_t thread;
    w->loop.on_event = on_bulk_event;
    w->loop.ctx = &o;
    digest_begin(&o.d);
    if (c->client) {
        listener = kernel_listen(c->family, PORT, 1);
        world_connect(w, c->family, PORT, &o.end);
    } else {
        world_listen(w, PORT, 1, &o.listener);
    }
    uint64_t start = tern_host_now();
    double busy = processor_seconds();
    assert_int_equal(pthread_create(&thread, NULL, run_ours, &o), 0);
    if (c->client) {
        wait_for(listener, POLLIN);
        fd = kernel_accept(listener);
    } else {
        fd = kernel_connect(c->family, PORT);
        wait_for(fd, POLLOUT);
    }
    digest theirs;
    digest_begin(&theirs);
    uint64_t moved = c->sends ? kernel_receives(fd, &theirs) : kernel_sends(fd, c->size);
    double seconds = (double)(tern_host_now() - start) / 1e9;
    busy = processor_seconds() - busy;
    digest_end(&theirs);
    pthread_join(thread, NULL);
    digest_end(&o.d);
    close(fd);
    if (listener >= 0) close(listener);
    if (o.error != 0) fail_msg("%s: %s", c->name, tern_strerror(o.error, TERN_EN));
    assert_int_equal(o.moved, c->size);
    assert_int_equal(moved, c->size);
    show(c, w, seconds, busy);
    if (!raw) assert_memory_equal(c->sends ? theirs.value : o.d.value, sent_digest(c->size), DIGEST);
    if (!c->client) tern_close(w->stack, o.listener.sock);
    WORLD_UNTIL(w, world_stats(w).time_wait + world_stats(w).connections == 0, 2000);
    world_close(w);
}

static void name_it(struct combination *c) {
    snprintf(c->name, sizeof c->name, "IPv%d %s %s MTU %u%s%s", c->family, c->client ? "client" : "server",
             c->sends ? "sends" : "receives", c->mtu, c->offload ? " offload" : "", c->impaired ? " impaired" : "");
}

static bool wanted(const struct combination *c) {
    for (unsigned i = 0; i < onlys; i++)
        if (strstr(c->name, only[i]) == NULL) return false;
    return true;
}

/* The ones that stand for all: each direction at its fastest and at its slowest. */
static bool representative(const struct combination *c) {
    if (c->mtu != 1500 || c->family != (c->sends ? 4 : 6)) return false;
    return c->client == c->offload;
}

static uint64_t size_of(const struct combination *c) {
    if (full) return GIB;
    if (world_small()) return 8 * MIB;
    return representative(c) ? GIB : 64 * MIB;
}

static void clean(void **state) {
    (void)state;
    for (unsigned i = 0; i < 32; i++) {
        struct combination c = {
            .family = i & 1 ? 6 : 4, .client = i & 2, .sends = i & 4, .mtu = i & 8 ? 65535 : 1500, .offload = i & 16};
        name_it(&c);
        c.size = size_of(&c);
        if (wanted(&c)) run(&c);
    }
}

/* [RFC9293 3.8.1] */
static void impaired(void **state) {
    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        struct combination c = {.family = i & 1 ? 6 : 4,
                                .client = i & 1,
                                .sends = i & 2,
                                .mtu = i & 4 ? 65535 : 1500,
                                .impaired = true,
                                .size = (world_small() ? 4 : 64) * MIB};
        name_it(&c);
        if (wanted(&c)) run(&c);
    }
}

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--full") == 0) full = true;
        if (strcmp(argv[i], "--raw") == 0) raw = true;
        if (strcmp(argv[i], "--only") == 0 && i + 1 < argc && onlys < 8) only[onlys++] = argv[++i];
    }
    world_require();
    stream_bytes();
    const struct CMUnitTest tests[] = {cmocka_unit_test(clean), cmocka_unit_test(impaired)};
    return pulse_run(tests, sizeof tests / sizeof *tests, NULL);
}
