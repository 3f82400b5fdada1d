/* packetdrill_world.c - see packetdrill_world.h. The table of functions is packetdrill.c's.
 *
 * The clock. It stands still while a call runs. It moves when the tool sleeps (exactly so far), when it asks for the
 * time (by a microsecond, since it spins on that), and when it waits for a packet (from timer to timer). Timers fire in
 * order on the way, each at its own time, and what they send is stamped with it.
 *
 * A call that blocks sleeps on a condition until whoever moves the clock finds it done. The tool takes the time of its
 * end from that thread's next gettimeofday: until then the clock stands still. When nobody moves it for a while, because
 * the main thread waits for the call in real time, the sleeping thread moves it itself. */
#include "posix/packetdrill_world.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/checksum.h"

#define EPOCH_NS 1000000000000000u
#define HORIZON_NS 200000000000u /* nobody waits longer for a packet */
#define IDLE_MS 20               /* of real time, until a blocked call moves the clock itself */
#define HANDOVER_MS 1000
enum { PACKET_MOST = 65535, FRAMES = 16 };

struct sent {
    struct sent *next;
    uint64_t at_ns;
    size_t len;
    uint8_t bytes[];
};

struct world {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t main;
    tern_stack *stack;
    struct posix *px;
    int iface;
    uint64_t now_ns, entries;
    struct sent *sent, **sent_tail;

    /* the call of the other thread */
    struct px_call call;
    bool pending, done;
    ssize_t result;
    int error;
    bool owed; /* it is done, and its thread has not asked for the time yet */
};

static _Thread_local bool time_is_told; /* this thread's call blocked: the next time it hears is when that ended */
static _Thread_local uint64_t told_ns;

/* ---- packets that leave ---- */

/* The tool believes every checksum: a wrong one must not pass. */
static bool checksums_good(const uint8_t *p, size_t len) {
    bool v6 = p[0] >> 4 == 6;
    size_t head = v6 ? 40 : (size_t)(p[0] & 15) * 4, addresses = v6 ? 8 : 12;
    if (len < head || head < 20) return false;
    uint8_t proto = v6 ? p[6] : p[9], pseudo[4] = {(uint8_t)((len - head) >> 8), (uint8_t)(len - head), 0, proto};
    if (!v6 && checksum_fold(checksum_plain.add(p, head, 0)) != 0xffff) return false;
    if (proto == 1) return checksum_fold(checksum_plain.add(p + head, len - head, 0)) == 0xffff;
    uint64_t sum = checksum_plain.add(pseudo, sizeof pseudo, 0);
    sum = checksum_plain.add(p + addresses, v6 ? 32 : 8, sum);
    return checksum_fold(checksum_plain.add(p + head, len - head, sum)) == 0xffff;
}

static void keep(struct world *w, const tern_frame *f) {
    struct sent *s = malloc(sizeof *s + f->len);
    if (!s) abort();
    s->next = NULL;
    s->at_ns = w->now_ns;
    s->len = tern_frame_copy(f, s->bytes, f->len);
    if (!checksums_good(s->bytes, s->len)) {
        fprintf(stderr, "tern: a packet was to leave with a wrong checksum\n");
        abort();
    }
    *w->sent_tail = s;
    w->sent_tail = &s->next;
}

static void collect(struct world *w) {
    static tern_frame frames[FRAMES];
    for (int n; (n = tern_output(w->stack, frames, FRAMES, w->now_ns)) > 0;)
        for (int i = 0; i < n; i++) keep(w, &frames[i]);
}

/* ---- the blocked call ---- */

static void call_done(struct world *w, ssize_t result) {
    w->error = errno;
    w->result = result;
    w->pending = false;
    w->done = w->owed = true;
    pthread_cond_broadcast(&w->changed);
}

/* Lets the stack act at this instant, and whoever waits for that. */
static void settle(struct world *w) {
    collect(w);
    if (!w->pending) return;
    ssize_t r = px_resume(w->px, &w->call);
    if (r != PX_PENDING) call_done(w, r);
    collect(w);
}

static bool sleep_real(struct world *w, long ms) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_nsec += ms % 1000 * 1000000;
    t.tv_sec += ms / 1000 + t.tv_nsec / 1000000000;
    t.tv_nsec %= 1000000000;
    return pthread_cond_timedwait(&w->changed, &w->lock, &t) == 0;
}

/* The thread whose call has ended must hear of the time first. */
static void await_handover(struct world *w) {
    if (time_is_told) return;
    while (w->owed)
        if (!sleep_real(w, HANDOVER_MS)) w->owed = false;
}

/* ---- the clock ---- */

static uint64_t next_due(const struct world *w) {
    uint64_t due = tern_deadline(w->stack);
    return w->pending && w->call.deadline_ns < due ? w->call.deadline_ns : due;
}

static void move_to(struct world *w, uint64_t t) {
    if (t > w->now_ns) w->now_ns = t;
    tern_expire(w->stack, w->now_ns);
    settle(w);
}

static void advance(struct world *w, uint64_t until) {
    for (uint64_t due; (due = next_due(w)) <= until;) {
        move_to(w, due);
        await_handover(w);
    }
    if (until > w->now_ns) w->now_ns = until;
}

static uint64_t clock_of(void *ctx) { return ((const struct world *)ctx)->now_ns; }

/* For calls that have to wait and were not expected to: the script stands still meanwhile. */
static enum px_pumped pump(void *ctx, uint64_t until_ns) {
    struct world *w = ctx;
    collect(w);
    uint64_t due = tern_deadline(w->stack), next = due < until_ns ? due : until_ns;
    if (next == TERN_NEVER) return PX_NEVER;
    if (next > w->now_ns) w->now_ns = next;
    tern_expire(w->stack, w->now_ns);
    collect(w);
    return PX_HAPPENED;
}

/* ---- calls ---- */

void world_enter(struct world *w) {
    pthread_mutex_lock(&w->lock);
    w->entries++;
    await_handover(w);
    if (!pthread_equal(pthread_self(), w->main)) px_defer(w->px, &w->call);
}

static ssize_t wait_for_end(struct world *w) {
    w->pending = true;
    w->done = false;
    collect(w);
    while (!w->done) {
        uint64_t entries = w->entries;
        if (sleep_real(w, IDLE_MS) || w->done || entries != w->entries) continue;
        uint64_t due = next_due(w);
        if (due != TERN_NEVER) move_to(w, due);
    }
    time_is_told = true;
    told_ns = w->now_ns;
    errno = w->error;
    return w->result;
}

ssize_t world_leave(struct world *w, ssize_t result) {
    int error = errno;
    px_defer(w->px, NULL);
    if (result == PX_PENDING) {
        result = wait_for_end(w);
        error = errno;
    } else {
        settle(w);
    }
    pthread_mutex_unlock(&w->lock);
    errno = error;
    return result;
}

struct posix *world_posix(struct world *w) {
    return w->px;
}

/* ---- the network ---- */

int world_send(struct world *w, const void *packet, size_t len) {
    pthread_mutex_lock(&w->lock);
    w->entries++;
    await_handover(w);
    tern_packet p = {.data = packet, .len = (uint32_t)len};
    int r = len <= PACKET_MOST ? tern_input(w->stack, w->iface, &p, 1, w->now_ns) : -1;
    settle(w);
    pthread_mutex_unlock(&w->lock);
    return r < 0 ? -1 : 0;
}

static void wait_packet(struct world *w) {
    uint64_t until = w->now_ns + HORIZON_NS;
    while (!w->sent) {
        uint64_t due = next_due(w);
        if (due == TERN_NEVER || due > until) return;
        move_to(w, due);
        await_handover(w);
    }
}

int world_receive(struct world *w, void *packet, size_t *len, long long *time_us) {
    pthread_mutex_lock(&w->lock);
    w->entries++;
    await_handover(w);
    settle(w);
    wait_packet(w);
    struct sent *s = w->sent;
    size_t size = s ? s->len : 0;
    *time_us = (long long)((s ? s->at_ns : w->now_ns) / 1000);
    if (size > *len) size = *len;
    if (s) {
        memcpy(packet, s->bytes, size);
        w->sent = s->next;
        if (!w->sent) w->sent_tail = &w->sent;
        free(s);
    }
    *len = size;
    pthread_mutex_unlock(&w->lock);
    return 0;
}

/* ---- time, as the tool sees it ---- */

void world_sleep(struct world *w, uint64_t us) {
    pthread_mutex_lock(&w->lock);
    w->entries++;
    await_handover(w);
    advance(w, w->now_ns + us * 1000);
    pthread_mutex_unlock(&w->lock);
}

uint64_t world_now_us(struct world *w) {
    uint64_t ns;
    pthread_mutex_lock(&w->lock);
    w->entries++;
    if (time_is_told) {
        time_is_told = false;
        w->owed = false;
        ns = told_ns;
        pthread_cond_broadcast(&w->changed);
    } else {
        await_handover(w);
        advance(w, w->now_ns + 1000);
        ns = w->now_ns;
    }
    pthread_mutex_unlock(&w->lock);
    return ns / 1000;
}

/* ---- making it ---- */

/* The kernel's number for each descriptor: the tool closes what the script left open with the kernel's close(). */
static int fd_take(void *ctx) {
    (void)ctx;
    return eventfd(0, EFD_CLOEXEC);
}

static void fd_give(void *ctx, int fd) {
    (void)ctx;
    syscall(SYS_close, fd); /* not close(): that may be the adapter's own */
}

static void *take(void *ctx, size_t size) {
    (void)ctx;
    return malloc(size);
}

static void give(void *ctx, void *at, size_t size) {
    (void)ctx;
    (void)size;
    free(at);
}

struct setup {
    tern_config config;
    struct {
        tern_addr addr;
        unsigned prefix;
    } addr[16];
    size_t addrs;
    uint32_t mtu;
};

static bool bad(const char *what, const char *text) {
    fprintf(stderr, "tern: %s: %s\n", what, text);
    return false;
}

static bool add_address(struct setup *u, const char *text) {
    if (u->addrs == sizeof u->addr / sizeof u->addr[0]) return bad("too many addresses", text);
    if (tern_prefix_parse(text, &u->addr[u->addrs].addr, &u->addr[u->addrs].prefix) < 0)
        return bad("not an address", text);
    u->addrs++;
    return true;
}

static bool number(const char *text, uint64_t *out) {
    char *end;
    errno = 0;
    *out = strtoull(text, &end, 0);
    return *text >= '0' && *text <= '9' && !*end && !errno;
}

static bool read_flag(struct setup *u, char *flag) {
    char *value = strchr(flag, '=');
    uint64_t n;
    if (!value) return bad("NAME=VALUE is missing its =", flag);
    *value++ = '\0';
    if (strcmp(flag, "addr") == 0) return add_address(u, value);
    if (!number(value, &n)) return bad("not a number", value);
    if (strcmp(flag, "mtu") == 0) {
        u->mtu = n <= PACKET_MOST ? (uint32_t)n : 0;
        return u->mtu >= 68 ? true : bad("not an MTU", value);
    }
    int r = tern_config_set(&u->config, flag, n);
    return r < 0 ? bad(flag, tern_strerror(r, TERN_EN)) : true;
}

static bool read_flags(struct setup *u, const char *flags) {
    char *copy = strdup(flags ? flags : ""), *state = NULL;
    bool good = copy != NULL;
    for (char *f = good ? strtok_r(copy, ",", &state) : NULL; f && good; f = strtok_r(NULL, ",", &state))
        good = read_flag(u, f);
    free(copy);
    return good;
}

static bool read_environment(struct setup *u) {
    const char *addr = getenv("PKT_LOCAL_IP"), *prefix = getenv("PKT_PREFIX_LEN"), *mtu = getenv("PKT_MTU");
    char text[128];
    uint64_t n;
    if (mtu && !u->mtu) {
        if (!number(mtu, &n) || n < 68 || n > PACKET_MOST) return bad("PKT_MTU is not an MTU", mtu);
        u->mtu = (uint32_t)n;
    }
    if (!u->mtu) u->mtu = 1500;
    if (u->addrs) return true;
    if (!addr) return add_address(u, "192.168.0.1/16") && (u->mtu < 1280 || add_address(u, "fd3d:a0b:17d6::1/48"));
    snprintf(text, sizeof text, prefix && !strchr(addr, '/') ? "%s/%s" : "%s", addr, prefix);
    return add_address(u, text);
}

static bool make_stack(struct world *w, const struct setup *u) {
    static const char *const all[] = {"0.0.0.0", "::"};
    tern_iface_config ic = {.size = sizeof ic, .name = "packetdrill", .link = TERN_LINK_IP, .mtu = u->mtu};
    tern_addr any;
    if (tern_new(&u->config, w->now_ns, &w->stack) < 0) return bad("the stack", "cannot be made");
    w->iface = tern_iface_add(w->stack, &ic);
    if (w->iface < 0) return bad("the link", tern_strerror(w->iface, TERN_EN));
    for (size_t i = 0; i < u->addrs; i++) {
        int r = tern_addr_add(w->stack, w->iface, &u->addr[i].addr, u->addr[i].prefix);
        if (r < 0) return bad("an address", tern_strerror(r, TERN_EN));
    }
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        tern_addr_parse(all[i], &any);
        tern_route_add(w->stack, &any, 0, w->iface, NULL);
    }
    return true;
}

struct world *world_new(const char *flags) {
    struct setup u = {.addrs = 0};
    tern_config_default(&u.config);
    u.config.allocator = (tern_allocator){take, give, NULL};
    memset(u.config.entropy, 0x5a, sizeof u.config.entropy); /* every run is the same */
    if (!read_flags(&u, flags) || !read_environment(&u)) return NULL;
    struct world *w = calloc(1, sizeof *w);
    if (!w) return NULL;
    w->main = pthread_self();
    w->now_ns = EPOCH_NS;
    w->sent_tail = &w->sent;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->changed, NULL);
    if (make_stack(w, &u)) {
        struct px_config pc = {
            .stack = w->stack, .now = clock_of, .pump = pump, .fd_take = fd_take, .fd_give = fd_give, .ctx = w};
        if (px_new(&pc, &w->px) == 0) return w;
    }
    world_free(w);
    return NULL;
}

void world_free(struct world *w) {
    if (w->pending) px_cancel(w->px, &w->call);
    px_free(w->px);
    if (w->stack) tern_free(w->stack);
    for (struct sent *s = w->sent, *next; s; s = next) {
        next = s->next;
        free(s);
    }
    pthread_cond_destroy(&w->changed);
    pthread_mutex_destroy(&w->lock);
    free(w);
}
