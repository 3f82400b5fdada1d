/* memory.c - what a connection weighs while it does nothing: by the stack's own count, by what malloc gave for it,
 * and by the pages that the process really has. One stack alone in a process of its own, its peers forged (forge.c). */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/apart.h"
#include "bench/bench.h"
#include "bench/forge.h"
#include "bench/peer.h"
#include "drivers/host.h"

enum { PORT = 80, MALLOC_HEADER = 8, TEXT = 100, GVISOR_CONNECTIONS = 10000 };

enum kind { IDLE, USED, TIME_WAIT, HALF_OPEN };
static const char *const kind_names[] = {"established, idle", "established, idle after data both ways", "TIME-WAIT",
                                         "half-open"};

static uint64_t allocated; /* in this process, by one stack */

static void *counted_alloc(void *ctx, size_t size) {
    (void)ctx;
    void *p = malloc(size);
    if (p != NULL) allocated += malloc_usable_size(p) + MALLOC_HEADER;
    return p;
}

static void counted_release(void *ctx, void *p, size_t size) {
    (void)ctx;
    (void)size;
    allocated -= malloc_usable_size(p) + MALLOC_HEADER;
    free(p);
}

static tern_sock stack_open(struct forge *f, uint32_t n) {
    tern_config c;
    struct driver_error err;
    if (tern_config_host(&c, &err) < 0) give_up_bench("%s", err.text);
    c.allocator = (tern_allocator){counted_alloc, counted_release, NULL};
    c.memory_max = 8ull << 30;
    c.connections_max = c.half_open_max = c.time_wait_max = n;
    c.dad = c.autoconf = 0;
    f->now = clock_ns();
    f->port = PORT;
    if (tern_new(&c, f->now, &f->stack) != TERN_OK) give_up_bench("cannot make a stack");
    tern_iface_config iface = {
        .size = sizeof iface, .name = "forge", .link = TERN_LINK_IP, .mtu = 1500, .flags = TERN_IFACE_RX_CSUM};
    tern_iface_add(f->stack, &iface);
    tern_addr a = {.family = 4, .bytes = {10, 0, 0, 1}}, a6 = {.family = 6, .bytes = {0xfd, [15] = 1}};
    tern_addr_add(f->stack, 0, &a, 8);
    tern_addr_add(f->stack, 0, &a6, 64);
    forge_answers(f);
    tern_sock listener;
    tern_listen_config l = {.size = sizeof l, .port = PORT, .backlog = 16};
    if (tern_listen(f->stack, &l, &listener) != TERN_OK) give_up_bench("cannot listen");
    return listener;
}

static tern_sock accept_one(struct forge *f, tern_sock listener) {
    tern_event events[8];
    tern_sock sock;
    while (tern_poll(f->stack, events, 8) > 0) {
    }
    if (tern_accept(f->stack, listener, &sock, NULL) != TERN_OK) give_up_bench("a forged connection was not accepted");
    while (tern_poll(f->stack, events, 8) > 0) {
    }
    return sock;
}

/* Peer number i in the state that is to be weighed. */
static void make_one(struct forge *f, tern_sock listener, enum kind kind, uint32_t i) {
    uint8_t text[TEXT] = {0};
    if (kind == HALF_OPEN) {
        forge_send(f, i, TERN_SYN, FORGE_ISS, 0, 0);
        forge_answers(f);
        return;
    }
    uint32_t next = forge_connect(f, i);
    tern_sock sock = accept_one(f, listener);
    if (kind == USED) {
        forge_send(f, i, TERN_ACK | TERN_PSH, FORGE_ISS + 1, next, TEXT);
        if (tern_read(f->stack, sock, text, TEXT) != TEXT || tern_write(f->stack, sock, text, TEXT) != TEXT)
            give_up_bench("a forged connection carries no data");
        forge_answers(f);
        forge_send(f, i, TERN_ACK, FORGE_ISS + 1 + TEXT, f->answer_seq + f->answer_len, 0);
        tern_event events[8];
        while (tern_poll(f->stack, events, 8) > 0) {
        }
    } else if (kind == TIME_WAIT) {
        tern_close(f->stack, sock);
        forge_answers(f);
        forge_send(f, i, TERN_ACK | TERN_FIN, FORGE_ISS + 1, next + 1, 0);
        forge_answers(f);
    }
}

static uint32_t count_of(struct forge *f, enum kind kind) {
    tern_stats s = {.size = sizeof s};
    tern_stats_get(f->stack, &s);
    return kind == HALF_OPEN ? s.half_open : kind == TIME_WAIT ? s.time_wait : s.connections;
}

static uint64_t charged(struct forge *f) {
    tern_stats s = {.size = sizeof s};
    tern_stats_get(f->stack, &s);
    return s.memory;
}

struct load {
    enum kind kind;
    bool v6;
    uint32_t n;
};

static void weigh(const void *ctx, struct apart *out) {
    const struct load *l = ctx;
    struct forge f = {.v6 = l->v6};
    malloc_trim(0); /* what earlier measurements left in the heap would not count as new */
    tern_sock listener = stack_open(&f, l->n + 16);
    make_one(&f, listener, l->kind, l->n); /* whatever is made once */
    uint64_t memory = charged(&f), malloced = allocated, resident = resident_bytes();
    for (uint32_t i = 0; i < l->n; i++) make_one(&f, listener, l->kind, i);
    out->value[0] = (double)(charged(&f) - memory) / l->n;
    out->value[1] = (double)(allocated - malloced) / l->n;
    out->value[2] = (double)(resident_bytes() - resident) / l->n;
    uint32_t made = count_of(&f, l->kind);
    if (made != l->n + 1) give_up_bench("%s: %u instead of %u", kind_names[l->kind], made, l->n + 1);
}

void bench_memory(const struct bench *b) {
    static const struct column columns[] = {{"stack's count, bytes", 1}, {"malloc, bytes", 1}, {"resident, bytes", 1}};
    for (int big = 0; big <= b->big; big++) {
        uint32_t n = big ? 1000000 : 100000;
        char title[96], name[64];
        snprintf(title, sizeof title, "a connection's memory at one end, average of %u", n);
        report_table("memory", title, 3, columns);
        for (int kind = IDLE; kind <= HALF_OPEN; kind++) {
            for (int v6 = 0; v6 < 2; v6++) {
                struct samples out[3] = {{0}};
                struct load l = {(enum kind)kind, v6, n};
                struct apart r;
                apart_run(weigh, &l, &r);
                if (!r.ok) give_up_bench("%s", r.text);
                for (int i = 0; i < 3; i++) samples_add(&out[i], r.value[i]);
                snprintf(name, sizeof name, "%s, IPv%d", kind_names[kind], v6 ? 6 : 4);
                report_row(name, out);
            }
        }
        report_note("timestamps, SACK and window scaling agreed on; the share in the table of flows is included");
    }
    if (!b->big) report_note("1000000 connections: not measured; --big does");
    struct samples gvisor = {0};
    if (peer_gvisor_memory(GVISOR_CONNECTIONS, &gvisor))
        report_note("gVisor: %.0f bytes of its heap for each end of an idle connection, average of %u",
                    samples_median(&gvisor), (unsigned)GVISOR_CONNECTIONS);
    else
        report_note("gVisor is not compared: %s", peer_gvisor_missing());
}
