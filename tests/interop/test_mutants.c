/* test_mutants.c - two million spoiled packets for a host in the middle of its work: truncated, flipped, spliced,
 * grown, invented, on every layer, with and without checksums put right, each in a buffer of exactly its size so that
 * AddressSanitizer sees every byte read beyond it. Every packet is accounted for by a counter; afterwards the host
 * works as before.
 *
 * test_mutants [SEED [PACKETS]]
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/sim.h"
#include "tests/octets.h"

enum { CORPUS = 512, FRAME = 18 + 65535, PORT = 7, LEN = 4000, VICTIM = 1, STEP = 16 };

static uint64_t seed = 2026, packets = 2000000;

struct fuzz {
    struct sim *sim;
    uint64_t draws;
    bool ethernet;
    struct {
        uint32_t len;
        uint8_t *bytes;
    } corpus[CORPUS]; /* the latest packets that the victim got from its peer in good order */
    uint64_t seen;
    tern_sock listener, client;
    bool client_open, injecting;
    unsigned lives, echoes, fed;
};

static uint32_t below(struct fuzz *f, uint32_t n) { return (uint32_t)(memlink_chance(seed, f->draws++) % n); }

/* ---- the work that goes on ---- */

static void open_next(struct fuzz *f) {
    struct sim *s = f->sim;
    tern_open o = {.size = sizeof o, .remote = f->lives % 2 ? s->addr6[VICTIM] : s->addr4[VICTIM], .remote_port = PORT};
    f->client_open = tern_connect(s->stack[0], &o, &f->client) == 0;
    f->fed = 0;
    f->lives++;
}

static void echo(tern_stack *stack, tern_sock sock) {
    uint8_t buf[1024];
    ptrdiff_t n;
    while ((n = tern_read(stack, sock, buf, sizeof buf)) > 0) tern_write(stack, sock, buf, (size_t)n);
    if (n == 0) tern_close(stack, sock);
    if (n < 0 && n != TERN_EAGAIN) tern_close(stack, sock);
}

static void feed(struct fuzz *f) {
    static const uint8_t bytes[LEN];
    uint32_t n = LEN - f->fed < 700 ? LEN - f->fed : 700;
    if (tern_write(f->sim->stack[0], f->client, bytes, n) > 0) f->fed += n;
    if (f->fed >= LEN) tern_shutdown(f->sim->stack[0], f->client);
}

static void app(void *ctx, struct sim *s, int side, const tern_event *ev) {
    struct fuzz *f = ctx;
    tern_stack *stack = s->stack[side];
    if (side == VICTIM) {
        tern_sock sock;
        if (ev->bits & TERN_EV_ACCEPT)
            while (tern_accept(stack, f->listener, &sock, NULL) == 0) echo(stack, sock);
        else if (ev->sock.id != 0)
            echo(stack, ev->sock);
        return;
    }
    if (ev->sock.id == 0 || ev->sock.id != f->client.id) return;
    if (ev->bits & TERN_EV_CONNECTED) feed(f);
    uint8_t buf[1024];
    ptrdiff_t n;
    while ((n = tern_read(stack, f->client, buf, sizeof buf)) > 0) {
        f->echoes += (unsigned)n;
        if (f->fed < LEN) feed(f);
    }
    if (ev->bits & (TERN_EV_EOF | TERN_EV_CLOSED)) {
        tern_close(stack, f->client);
        f->client_open = false;
    }
}

/* What the victim receives from its peer becomes the material. */
static void on_packet(void *ctx, const tern_trace *r) {
    struct fuzz *f = ctx;
    if (f->injecting || r->packet_len > FRAME) return;
    unsigned at = (unsigned)(f->seen++ % CORPUS);
    free(f->corpus[at].bytes);
    f->corpus[at].bytes = malloc(r->packet_len);
    assert_non_null(f->corpus[at].bytes);
    memcpy(f->corpus[at].bytes, r->packet, r->packet_len);
    f->corpus[at].len = r->packet_len;
}

/* ---- spoiling ---- */

static uint32_t odd_value(struct fuzz *f, uint32_t len) {
    static const uint32_t values[] = {0,   1,   2,   3,   4,    8,    20,    40,    64,
                                      127, 128, 255, 256, 1280, 1500, 32767, 32768, 65535};
    uint32_t i = below(f, sizeof values / sizeof *values + 2);
    return i < sizeof values / sizeof *values ? values[i] : i % 2 ? len : len + 1;
}

static uint32_t sum_of(const uint8_t *p, uint32_t len, uint32_t sum) {
    for (uint32_t i = 0; i < len; i++) sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

/* Of TCP and both ICMPs, where a packet claims to be whole. */
static void repair_transport(uint8_t *ip, uint8_t protocol, const uint8_t *addrs, uint32_t addrs_len, uint8_t *l4,
                             uint32_t len) {
    uint32_t at = protocol == 6 ? 16 : 2;
    (void)ip;
    if ((protocol != 6 && protocol != 1 && protocol != 58) || len < at + 2) return;
    uint32_t sum = protocol == 1 ? 0 : sum_of(addrs, addrs_len, protocol + len);
    put16(l4 + at, 0);
    put16(l4 + at, ~sum_of(l4, len, sum) & 0xffff);
}

static void repair(struct fuzz *f, uint8_t *p, uint32_t len) {
    uint32_t link = f->ethernet ? 14 : 0;
    if (len < link + 20) return;
    uint8_t *ip = p + link;
    len -= link;
    if (ip[0] >> 4 == 4) {
        uint32_t head = (ip[0] & 15u) * 4;
        if (below(f, 4)) put16(ip + 2, len);
        if (head < 20 || head > len) return;
        repair_transport(ip, ip[9], ip + 12, 8, ip + head, len - head);
        put16(ip + 10, 0);
        put16(ip + 10, ~sum_of(ip, head, 0) & 0xffff);
    } else if (ip[0] >> 4 == 6 && len >= 40) {
        if (below(f, 4)) put16(ip + 4, len - 40);
        repair_transport(ip, ip[6], ip + 8, 32, ip + 40, len - 40);
    }
}

static uint32_t invent(struct fuzz *f, uint8_t *p) {
    uint32_t len = below(f, 200);
    for (uint32_t i = 0; i < len; i++) p[i] = (uint8_t)below(f, 256);
    return len;
}

/* Changes the packet in place; returns its new length. Lengths of one-byte fields, protocols and places in headers are
 * where parsers trip, so the first 100 bytes get most of it. */
static uint32_t spoil(struct fuzz *f, uint8_t *p, uint32_t len) {
    static const uint8_t protocols[] = {0, 1, 6, 17, 43, 44, 50, 51, 58, 59, 60, 135, 255};
    uint32_t near = len < 100 ? len : 100, ip = f->ethernet ? 14 : 0, other = below(f, CORPUS);
    switch (below(f, 11)) {
    case 0: return below(f, len + 1);
    case 1:
        for (uint32_t i = below(f, 4) + 1; i > 0 && near > 0; i--) p[below(f, near)] ^= (uint8_t)(1u << below(f, 8));
        return len;
    case 2:
        for (uint32_t i = below(f, 8) + 1; i > 0 && near > 0; i--) p[below(f, near)] = (uint8_t)below(f, 256);
        return len;
    case 3:
        if (near >= 2) put16(p + below(f, near / 2) * 2, odd_value(f, len));
        return len;
    case 4:
        if (near > 0) p[below(f, near)] = (uint8_t)odd_value(f, len);
        return len;
    case 5: return invent(f, p);
    case 6:
        for (uint32_t i = below(f, near + 1); i < len; i++) p[i] = (uint8_t)below(f, 256);
        return len;
    case 7: /* the head of one, the tail of another */
        if (f->corpus[other].bytes != NULL) {
            uint32_t cut = below(f, near + 1), n = f->corpus[other].len;
            if (n > cut) memcpy(p + cut, f->corpus[other].bytes + cut, n - cut);
            return n > cut ? n : cut;
        }
        return len;
    case 8:
        for (uint32_t n = below(f, 64); n > 0 && len < FRAME; n--) p[len++] = (uint8_t)below(f, 256);
        return len;
    case 9: /* another protocol, or an extension header */
        if (len > ip + 9) p[ip + (p[ip] >> 4 == 6 ? 6 : 9)] = protocols[below(f, sizeof protocols)];
        return len;
    default: /* a fragment */
        if (len > ip + 20 && p[ip] >> 4 == 4) put16(p + ip + 6, below(f, 2) ? odd_value(f, len) : below(f, 65536));
        return len;
    }
}

static void inject(struct fuzz *f) {
    static uint8_t work[FRAME + 64];
    uint32_t at = below(f, CORPUS);
    while (f->corpus[at].bytes == NULL) at = (at + 1) % CORPUS;
    uint32_t len = f->corpus[at].len;
    memcpy(work, f->corpus[at].bytes, len);
    for (uint32_t n = below(f, 3); n < 3; n++) len = spoil(f, work, len);
    if (below(f, 4)) repair(f, work, len);
    uint8_t *exact = malloc(len ? len : 1);
    assert_non_null(exact);
    memcpy(exact, work, len);
    tern_packet packet = {.data = exact,
                          .len = len,
                          .flags = below(f, 4) ? 0 : TERN_PKT_CSUM_OK,
                          .segment_size = below(f, 8) ? 0 : (uint16_t)odd_value(f, len)};
    f->injecting = true;
    assert_int_equal(tern_input(f->sim->stack[VICTIM], f->sim->iface[VICTIM], &packet, 1, f->sim->now), 0);
    f->injecting = false;
    free(exact);
}

/* ---- the run ---- */

static uint64_t all_counters(tern_stack *stack, enum tern_severity least) {
    uint64_t all = 0;
    for (unsigned i = 0; i < tern_reason_count(); i++)
        if (tern_reason_severity(i) >= least) all += tern_reason_counter(stack, i);
    return all;
}

static void fuzz_open(struct fuzz *f, bool ethernet) {
    struct sim_config c = sim_config_default(seed);
    struct driver_error err;
    memset(f, 0, sizeof *f);
    f->ethernet = ethernet;
    c.link = ethernet ? TERN_LINK_ETHERNET : TERN_LINK_IP;
    c.path[0].delay_ns = c.path[1].delay_ns = 2 * SIM_MS;
    c.app = app;
    c.ctx = f;
    for (int i = 0; i < 2; i++) c.stack[i].msl_ms = 100;
    c.stack[VICTIM].memory_max = 16 << 20;
    c.stack[VICTIM].delayed_ack_ms = 1;
    c.stack[VICTIM].neighbour_reachable_ms = 1000; /* forged ARP and ND are forgotten soon */
    if (sim_new(&c, &f->sim, &err) < 0) fail_msg("%s", err.text);
    tern_listen_config l = {.size = sizeof l, .port = PORT};
    assert_int_equal(tern_listen(f->sim->stack[VICTIM], &l, &f->listener), 0);
    tern_trace_set(f->sim->stack[VICTIM], TERN_TRACE_PACKET_IN, on_packet, f);
    /* Echo requests, whole and in fragments, belong to the material. */
    for (int i = 0; i < 2; i++) {
        static const uint8_t bytes[3000];
        tern_echo_send(f->sim->stack[0], &f->sim->addr4[VICTIM], 1, (uint16_t)i, bytes, i ? sizeof bytes : 56);
        tern_echo_send(f->sim->stack[0], &f->sim->addr6[VICTIM], 1, (uint16_t)i, bytes, i ? sizeof bytes : 56);
    }
    open_next(f);
    sim_run(f->sim, f->sim->now + 100 * SIM_MS);
    assert_true(f->seen > 10);
}

static void fuzz_close(struct fuzz *f) {
    sim_free(f->sim);
    for (unsigned i = 0; i < CORPUS; i++) free(f->corpus[i].bytes);
}

static void check(struct fuzz *f) {
    tern_stats st = {.size = sizeof st};
    assert_int_equal(tern_stats_get(f->sim->stack[VICTIM], &st), 0);
    assert_int_equal(st.bad_moves, 0);
    assert_true(st.memory <= 16 << 20);
}

/* A spoiled SYN may have opened a connection whose other end never was: it idles, as TCP's do. */
static void abort_idle(struct fuzz *f) {
    uint64_t cursor = 0;
    tern_status_info info = {.size = sizeof info};
    while (tern_list(f->sim->stack[VICTIM], &cursor, &info)) {
        if (info.state == TERN_LISTEN) continue;
        assert_int_equal(info.state, TERN_ESTABLISHED);
        assert_int_equal(tern_abort(f->sim->stack[VICTIM], info.sock), 0);
        cursor = 0;
    }
}

/* All timers run out, R2 as well [MUST-20], then a connection lives as if nothing had been. */
static void works_as_before(struct fuzz *f) {
    sim_run(f->sim, f->sim->now + 1000 * (uint64_t)SIM_SECOND);
    if (f->client_open) tern_abort(f->sim->stack[0], f->client);
    abort_idle(f);
    f->echoes = 0;
    open_next(f);
    sim_run(f->sim, f->sim->now + 10 * (uint64_t)SIM_SECOND);
    assert_int_equal(f->echoes, LEN);
    tern_stats st = {.size = sizeof st};
    assert_int_equal(tern_stats_get(f->sim->stack[VICTIM], &st), 0);
    assert_int_equal(st.connections + st.half_open + st.time_wait, 0);
}

static void show(struct fuzz *f) {
    tern_stack *victim = f->sim->stack[VICTIM];
    print_message("  %u connections lived meanwhile; what became of the packets:\n", f->lives);
    for (unsigned i = 0; i < tern_reason_count(); i++)
        if (tern_reason_severity(i) != TERN_SEV_NORMAL && tern_reason_counter(victim, i) != 0)
            print_message("  %10llu %s\n", (unsigned long long)tern_reason_counter(victim, i), tern_reason_name(i));
}

static void run(bool ethernet) {
    struct fuzz f;
    print_message("  seed %llu\n", (unsigned long long)seed);
    fuzz_open(&f, ethernet);
    for (uint64_t i = 0; i < packets / 2; i++) {
        uint64_t before = all_counters(f.sim->stack[VICTIM], TERN_SEV_NORMAL);
        inject(&f);
        assert_true(all_counters(f.sim->stack[VICTIM], TERN_SEV_NORMAL) > before);
        if (i % STEP) continue;
        sim_run(f.sim, f.sim->now + SIM_MS);
        if (f.client_open && i % 4096 == 0) tern_abort(f.sim->stack[0], f.client), f.client_open = false;
        if (!f.client_open) open_next(&f);
        if (i % 1024 == 0) check(&f);
    }
    show(&f);
    works_as_before(&f);
    fuzz_close(&f);
}

static void ip_packets(void **state) {
    (void)state;
    run(false);
}

static void ethernet_frames(void **state) {
    (void)state;
    run(true);
}

int main(int argc, char **argv) {
    if (argc > 1) seed = strtoull(argv[1], NULL, 10);
    if (argc > 2) packets = strtoull(argv[2], NULL, 10);
    const struct CMUnitTest tests[] = {cmocka_unit_test(ip_packets), cmocka_unit_test(ethernet_frames)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
