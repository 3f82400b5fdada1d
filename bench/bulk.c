/* bulk.c - goodput of one connection between two stacks in one thread, and what a data segment costs both ends
 * together.
 *
 * The link copies each packet once, into memory that it lends to the receiver. "copies": the application copies in
 * from 64 KiB of its own and out again, as with sockets. "no copies": it writes in the send buffer
 * (tern_write_reserve) and reads in the packets (tern_read_borrow), so that the link's copy is the only one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "bench/pair.h"
#include "bench/peer.h"

enum { CHUNK = 65536, SPANS = 70, PORT = 9, SUPER = 65535 };

struct flow_state {
    struct pair pair;
    tern_sock writer, reader;
    bool copies;
    uint64_t read;
    uint8_t in[CHUNK], out[CHUNK];
};

static void write_some(struct flow_state *f) {
    tern_stack *s = f->pair.stack[0];
    if (f->copies) {
        while (tern_write(s, f->writer, f->out, CHUNK) == CHUNK) {
        }
        return;
    }
    void *ptr[2];
    size_t len[2];
    if (tern_write_reserve(s, f->writer, 1 << 30, ptr, len) == TERN_OK)
        tern_write_commit(s, f->writer, len[0] + len[1]);
}

static void read_some(struct flow_state *f) {
    tern_stack *s = f->pair.stack[1];
    if (f->copies) {
        for (ptrdiff_t n; (n = tern_read(s, f->reader, f->in, CHUNK)) > 0;) f->read += (uint64_t)n;
        return;
    }
    tern_span spans[SPANS];
    for (int n; (n = tern_read_borrow(s, f->reader, spans, SPANS)) > 0;) {
        size_t all = 0;
        for (int i = 0; i < n; i++) all += spans[i].len;
        tern_read_release(s, f->reader, all);
        f->read += all;
    }
}

static void turn(struct flow_state *f) {
    struct pair *p = &f->pair;
    pair_tick(p);
    pair_input(p, 0);
    write_some(f);
    pair_output(p, 0);
    pair_input(p, 1);
    read_some(f);
    pair_output(p, 1);
    for (int side = 0; side < 2; side++) {
        tern_expire(p->stack[side], p->now);
        pair_events(p, side);
        pair_reclaim(p, side);
    }
}

static void turns(struct flow_state *f, uint64_t ns) {
    for (uint64_t until = clock_ns() + ns; f->pair.now < until;)
        for (int i = 0; i < 16; i++) turn(f);
}

static void flow_open(struct flow_state *f, const struct bulk_case *c, bool repeatable) {
    memset(f, 0, sizeof *f);
    struct pair_config config = {.tso = c->super ? SUPER : 0,
                                 .checksums = c->checksums,
                                 .lend = true,
                                 .window = c->window,
                                 .timestamps = c->timestamps,
                                 .repeatable = repeatable};
    pair_open(&f->pair, &config);
    f->copies = c->copies;
    tern_sock listener = pair_listen(&f->pair, 1, PORT, 0);
    f->writer = pair_connect(&f->pair, 0, PORT, 0, 0);
    pair_settle(&f->pair);
    if (tern_accept(f->pair.stack[1], listener, &f->reader, NULL) != TERN_OK) give_up_bench("no connection came to be");
}

static void fixed_turns(void *ctx, unsigned n) {
    for (unsigned i = 0; i < n; i++) turn(ctx);
}

/* A fixed number of segments, for counting instructions: without copies and checksums, so that the protocol counts. */
unsigned bulk_fixed(void) {
    enum { WARM = 100, TURNS = 1000 };
    static struct flow_state f;
    static const struct bulk_case c = {.window = 256 << 10, .timestamps = true};
    flow_open(&f, &c, true);
    fixed_turns(&f, WARM);
    uint64_t before = pair_stats(&f.pair, 0).segments_out;
    counted(fixed_turns, &f, TURNS);
    uint64_t segments = pair_stats(&f.pair, 0).segments_out - before;
    pair_close(&f.pair);
    return (unsigned)segments;
}

/* One run: goodput, nanoseconds per data segment, segments back per data segment. */
static void measure_flow(struct flow_state *f, uint64_t ns, struct samples out[3]) {
    turns(f, ns / 4);
    uint64_t bytes = f->read, start = thread_ns();
    tern_stats sent = pair_stats(&f->pair, 0), back = pair_stats(&f->pair, 1);
    turns(f, ns);
    double took = (double)(thread_ns() - start), got = (double)(f->read - bytes);
    tern_stats sent2 = pair_stats(&f->pair, 0), back2 = pair_stats(&f->pair, 1);
    double segments = (double)(sent2.segments_out - sent.segments_out);
    if (sent2.retransmitted != 0)
        give_up_bench("%llu segments were sent again on a perfect link", (unsigned long long)sent2.retransmitted);
    samples_add(&out[0], got * 8 / took);
    samples_add(&out[1], took / segments);
    samples_add(&out[2], (double)(back2.segments_out - back.segments_out) / segments);
}

static void run_tern(const struct bulk_case *c, uint64_t ns, struct samples out[3]) {
    static struct flow_state f;
    flow_open(&f, c, false);
    measure_flow(&f, ns, out);
    pair_close(&f.pair);
}

double bulk_shard(uint64_t ns) {
    static const struct bulk_case c = {.window = 64 << 10};
    struct samples out[3] = {{0}};
    struct flow_state *f = malloc(sizeof *f);
    if (f == NULL) give_up_bench("out of memory");
    flow_open(f, &c, false);
    measure_flow(f, ns, out);
    pair_close(&f->pair);
    free(f);
    return out[0].value[0];
}

static const struct column columns[] = {
    {"Gbit/s", 1}, {"ns per segment", 0}, {"back per segment", 2}, {"tern : this", 2}};

static void row_name(char to[96], const char *who, const struct bulk_case *c) {
    snprintf(to, 96, "%s, %u KiB%s", who, c->window >> 10, c->timestamps ? ", timestamps" : "");
}

static void table_name(char to[96], const struct bulk_case *c) {
    snprintf(to, 96, "%s, %s, %s", c->super ? "64 KiB segments" : "MTU 1500",
             c->copies ? "copies in and out" : "no copies but the link's", c->checksums ? "checksums" : "no checksums");
}

static bool wanted(const struct bench *b, const struct bulk_case *c) {
    char table[96], row[96], all[200];
    table_name(table, c);
    row_name(row, "tern", c);
    snprintf(all, sizeof all, "%s: %s", table, row);
    return b->only == NULL || strstr(all, b->only) != NULL;
}

static void report_peer(const char *name, const struct samples *tern, struct samples *peer) {
    samples_add(&peer[3], samples_median(&tern[0]) / samples_median(&peer[0]));
    report_row(name, peer);
}

static void compare(const struct bench *b, const struct bulk_case *c) {
    struct samples tern[4] = {{0}}, lwip[4] = {{0}}, gvisor[4] = {{0}};
    char name[96];
    bool with_lwip = peer_lwip() != NULL && !(c->super && (c->timestamps || c->window < 2 * SUPER));
    bool with_gvisor = peer_gvisor_missing() == NULL && !c->super && c->copies && c->checksums && c->timestamps;
    for (unsigned i = 0; i < b->runs; i++) {
        run_tern(c, b->run_ns, tern);
        if (with_lwip) peer_lwip_bulk(c, b->run_ns, lwip);
        if (with_gvisor) peer_gvisor_bulk(c->window, b->run_ns, gvisor);
    }
    row_name(name, "tern", c);
    report_row(name, tern);
    row_name(name, c->super ? "lwIP, MTU 60000" : "lwIP", c);
    if (with_lwip) report_peer(name, tern, lwip);
    row_name(name, "gVisor", c);
    if (with_gvisor) report_peer(name, tern, gvisor);
}

/* One table: its windows, and one of them with timestamps too. */
static void measure_mode(const struct bench *b, bool super, bool copies, bool checksums) {
    static const struct {
        uint32_t window;
        bool timestamps;
    } rows[] = {{64 << 10, false}, {256 << 10, false}, {256 << 10, true}, {1 << 20, false}};
    bool begun = false;
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bulk_case c = {rows[i].window, super, copies, checksums, rows[i].timestamps};
        char title[96];
        table_name(title, &c);
        if (!wanted(b, &c)) continue;
        if (!begun) report_table("bulk", title, 4, columns);
        begun = true;
        compare(b, &c);
    }
}

void bench_bulk(const struct bench *b) {
    for (int mode = 0; mode < 8; mode++) measure_mode(b, mode >= 4, mode % 4 < 2, mode % 2 == 0);
    if (peer_lwip() == NULL) report_note("lwIP is not compared: %s", peer_lwip_missing());
    if (peer_gvisor_missing() != NULL) report_note("gVisor is not compared: %s", peer_gvisor_missing());
}
