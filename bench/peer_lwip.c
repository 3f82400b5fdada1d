/* peer_lwip.c - lwIP under the same measurements as tern: two copies of it in one thread, a link that copies each
 * packet once, the same applications. What runs on lwIP's side is bench/peers/lwip/host.c. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/peer.h"
#include "bench/peers/lwip/host.h"

enum { PORT = 9, CYCLE_PORT = 80, IDLE_PORT = 81 };

struct peer_lwip {
    const struct peer_host_ops *side[2];
};

static char missing[512];

/* As bench/peers/lwip/build.sh names them. */
enum variant { PLAIN, TIMESTAMPS, BIG, VARIANTS };
static const char *const suffixes[VARIANTS] = {"", "-ts", "-big"};

/* A copy of lwIP: beside this program, in peers/. */
static const struct peer_host_ops *load(int side, const char *suffix, void **object) {
    char path[512];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 40);
    char *end = n > 0 ? memrchr(path, '/', (size_t)n) : NULL;
    if (end == NULL) return NULL;
    sprintf(end, "/peers/lwip-%d%s.so", side, suffix);
    *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (*object == NULL) {
        const char *why = dlerror();
        snprintf(missing, sizeof missing, "%.400s; bench/peers/lwip/build.sh makes it", why != NULL ? why : path);
        return NULL;
    }
    const struct peer_host_ops *(*ops)(void);
    *(void **)&ops = dlsym(*object, "peer_host");
    return ops != NULL ? ops() : NULL;
}

static const struct peer_lwip *get(enum variant v) {
    static struct {
        bool tried;
        struct peer_lwip peer;
    } loaded[VARIANTS];
    if (!loaded[v].tried) {
        loaded[v].tried = true;
        for (int side = 0; side < 2; side++) {
            void *object;
            loaded[v].peer.side[side] = load(side, suffixes[v], &object);
        }
    }
    const struct peer_lwip *p = &loaded[v].peer;
    return p->side[0] != NULL && p->side[1] != NULL ? p : NULL;
}

const struct peer_lwip *peer_lwip(void) { return get(PLAIN) != NULL && get(TIMESTAMPS) != NULL ? get(BIG) : NULL; }
const char *peer_lwip_missing(void) { return missing; }

const struct peer_host_ops *peer_lwip_path(void **object) { return load(0, "-path", object); }

static void open_both(const struct peer_lwip *p, uint32_t window, bool checksums, bool copies) {
    for (int side = 0; side < 2; side++) p->side[side]->open(side, window, checksums, copies);
    for (int side = 0; side < 2; side++) p->side[side]->connect_link(&p->side[1 - side]->link);
}

static void close_both(const struct peer_lwip *p) {
    for (int side = 0; side < 2; side++) p->side[side]->close();
    for (int side = 0; side < 2; side++) p->side[side]->close(); /* what the first left under way */
}

static size_t turn(const struct peer_lwip *p) {
    uint32_t ms = (uint32_t)(clock_ns() / 1000000);
    size_t moved = 0;
    for (int side = 0; side < 2; side++) {
        p->side[side]->clock(ms);
        moved += p->side[side]->input();
        p->side[side]->timers();
    }
    return moved;
}

static void settle(const struct peer_lwip *p) {
    while (turn(p) != 0) {
    }
}

static void bulk_for(const struct peer_lwip *p, void *pcb, uint64_t ns) {
    for (uint64_t until = clock_ns() + ns; clock_ns() < until;)
        for (int i = 0; i < 16; i++) {
            p->side[0]->fill(pcb);
            turn(p);
        }
}

void peer_lwip_bulk(const struct bulk_case *c, uint64_t ns, struct samples out[3]) {
    const struct peer_lwip *p = get(c->super ? BIG : c->timestamps ? TIMESTAMPS : PLAIN);
    open_both(p, c->window, c->checksums, c->copies);
    p->side[1]->listen(PORT);
    void *pcb = p->side[0]->connect(0, PORT, false);
    settle(p);
    bulk_for(p, pcb, ns / 4);
    uint64_t bytes = *p->side[1]->received, sent = *p->side[0]->segments_out, back = *p->side[1]->segments_out;
    uint64_t start = thread_ns();
    bulk_for(p, pcb, ns);
    double took = (double)(thread_ns() - start), segments = (double)(*p->side[0]->segments_out - sent);
    if (segments == 0) give_up_bench("lwIP moved nothing");
    samples_add(&out[0], (double)(*p->side[1]->received - bytes) * 8 / took);
    samples_add(&out[1], took / segments);
    samples_add(&out[2], (double)(*p->side[1]->segments_out - back) / segments);
    close_both(p);
}

/* ---- connections ---- */

static void cycle(const struct peer_lwip *p, uint32_t time_wait) {
    if (p->side[0]->connect(0, CYCLE_PORT, true) == NULL) give_up_bench("lwIP cannot connect");
    settle(p);
    uint32_t have = *p->side[0]->time_wait;
    if (have > time_wait && (time_wait > 100 || have % 16 == 0))
        p->side[0]->time_wait_keep(time_wait > 100 ? time_wait : 0);
}

static void trip(const struct peer_lwip *p, void *pcb) {
    uint64_t before = *p->side[0]->received;
    p->side[0]->write_byte(pcb);
    while (*p->side[0]->received == before) turn(p);
}

static double trips(const struct peer_lwip *p, void **idle, uint32_t spread, uint64_t ns) {
    uint64_t start = thread_ns(), took, state = 88172645463325252u;
    uint32_t n = 0;
    do {
        for (int i = 0; i < 16; i++, n++) trip(p, idle[choice(&state) % spread]);
        took = thread_ns() - start;
    } while (took < ns);
    return (double)took / n;
}

void peer_lwip_conn(uint32_t idle, uint32_t time_wait, uint64_t ns, struct samples cycles[3], struct samples *same,
                    struct samples *random) {
    const struct peer_lwip *p = get(PLAIN);
    open_both(p, 65536, true, true);
    void **pcb = calloc(idle, sizeof *pcb);
    if (pcb == NULL) give_up_bench("out of memory");
    p->side[1]->listen(CYCLE_PORT);
    p->side[1]->listen(IDLE_PORT);
    for (uint32_t i = 0; i < idle; i++) {
        pcb[i] = p->side[0]->connect((uint16_t)(1024 + i), IDLE_PORT, false);
        settle(p);
    }
    for (uint32_t i = 0; i < time_wait && i < 14000; i++) cycle(p, time_wait);
    uint64_t sent = *p->side[0]->segments_out + *p->side[1]->segments_out, start = thread_ns(), took;
    uint32_t n = 0;
    do {
        for (int i = 0; i < 16; i++, n++) cycle(p, time_wait);
        took = thread_ns() - start;
    } while (took < ns);
    samples_add(&cycles[0], n / (double)took * 1e6);
    samples_add(&cycles[1], (double)took / n);
    samples_add(&cycles[2], (double)(*p->side[0]->segments_out + *p->side[1]->segments_out - sent) / n);
    samples_add(same, trips(p, pcb, 1, ns));
    samples_add(random, trips(p, pcb, idle, ns));
    free(pcb);
    close_both(p);
}
