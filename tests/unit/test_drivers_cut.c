/* test_drivers_cut.c - segments beyond 64 KiB for a device that cuts them, and cut again into smaller frames: what a receiver
 * without any such device makes of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/cut.h"
#include "drivers/host.h"

enum { A = 0, B = 1, PORT = 7, BIG = 3 * 65536, IP_MOST = 65535, TOTAL = 4 << 20, TURNS = 4000, STEP_NS = 20000 };

struct pair {
    tern_stack *stack[2];
    tern_sock sock[2], listener;
    uint32_t largest, most; /* IP packet that left A; what they are cut to on their way, 0: nothing */
    uint64_t now, written, read;
    uint32_t cuts;
};

static uint8_t byte_at(uint64_t i) { return (uint8_t)(i * 2654435761u >> 24); }

static tern_stack *host(const char *prefix, uint32_t tso, uint32_t mtu, uint64_t now) {
    tern_config c;
    struct driver_error err;
    tern_addr a;
    unsigned prefix_len;
    tern_stack *s;
    assert_int_equal(tern_config_host(&c, &err), 0);
    c.send_buffer = c.receive_buffer = 1 << 20;
    c.dad = c.autoconf = c.mld = 0;
    assert_int_equal(tern_new(&c, now, &s), 0);
    tern_iface_config iface = {.size = sizeof iface, .link = TERN_LINK_IP, .mtu = mtu, .tso_max = tso};
    iface.flags = tso ? TERN_IFACE_TX_CSUM : 0;
    assert_int_equal(tern_iface_add(s, &iface), 0);
    assert_int_equal(tern_prefix_parse(prefix, &a, &prefix_len), 0);
    assert_int_equal(tern_addr_add(s, 0, &a, prefix_len), 0);
    return s;
}

static uint32_t sum16(const uint8_t *p, size_t n) {
    uint32_t sum = 0;
    for (size_t i = 0; i < n; i += 2) sum += (uint32_t)p[i] << 8 | p[i + 1];
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

/* The header of a large packet says a length of zero, and its checksum agrees. */
static void header_holds(const tern_frame *f) {
    uint32_t says = (uint32_t)f->head[2] << 8 | f->head[3];
    if (f->flags & TERN_FRAME_V6) return;
    assert_int_equal(says, f->len > IP_MOST ? 0 : f->len);
    assert_int_equal(sum16(f->head, 20), 0xffff);
}

static void deliver(struct pair *p, int to, const tern_frame *f) {
    uint8_t *bytes = malloc(f->len); /* its own block, so that a byte too far is noticed */
    assert_int_equal(tern_frame_copy(f, bytes, f->len), f->len);
    tern_packet packet = {.data = bytes, .len = f->len, .segment_size = f->segment_size};
    assert_int_equal(tern_input(p->stack[to], 0, &packet, 1, p->now), 0);
    free(bytes);
}

/* B checks the length and the checksum of whatever arrives. */
static void carry(struct pair *p, int from) {
    tern_frame f, piece;
    while (tern_output(p->stack[from], &f, 1, p->now) == 1) {
        header_holds(&f);
        if (from == A && f.len > p->largest) p->largest = f.len;
        uint32_t at = 0;
        if (p->most == 0 || !cut_needed(&f, p->most)) {
            deliver(p, 1 - from, &f);
            continue;
        }
        p->cuts++;
        while (cut_piece(&f, &at, p->most, &piece)) {
            assert_true(piece.len <= p->most);
            header_holds(&piece);
            deliver(p, 1 - from, &piece);
        }
        assert_int_equal(at, f.len - f.head_len);
    }
}

static void talk(struct pair *p) {
    uint8_t bytes[16384];
    tern_event e;
    while (tern_poll(p->stack[A], &e, 1) == 1) {
    }
    while (tern_poll(p->stack[B], &e, 1) == 1)
        if (e.bits & TERN_EV_ACCEPT) assert_int_equal(tern_accept(p->stack[B], p->listener, &p->sock[B], NULL), 0);
    while (p->written < TOTAL) {
        for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = byte_at(p->written + i);
        ptrdiff_t n = tern_write(p->stack[A], p->sock[A], bytes, sizeof bytes);
        if (n <= 0) break;
        p->written += (uint64_t)n;
    }
    if (p->written >= TOTAL) tern_shutdown(p->stack[A], p->sock[A]);
    for (ptrdiff_t n; (n = tern_read(p->stack[B], p->sock[B], bytes, sizeof bytes)) > 0; p->read += (uint64_t)n)
        for (ptrdiff_t i = 0; i < n; i++) assert_int_equal(bytes[i], byte_at(p->read + (uint64_t)i));
}

static void ignore(void *ctx, const tern_trace *r) { (void)ctx, (void)r; }

/* The whole of a stream, from A to B. */
static struct pair transfer(const char *a, const char *b, uint32_t mtu, uint32_t most, bool traced) {
    struct pair p = {.most = most, .now = 1000000000};
    p.stack[A] = host(a, BIG, mtu, p.now);
    p.stack[B] = host(b, 0, mtu, p.now);
    if (traced) tern_trace_set(p.stack[A], TERN_TRACE_PACKET_OUT, ignore, NULL);
    tern_listen_config l = {.size = sizeof l, .port = PORT};
    assert_int_equal(tern_listen(p.stack[B], &l, &p.listener), 0);
    tern_open o = {.size = sizeof o, .remote_port = PORT};
    unsigned prefix_len;
    assert_int_equal(tern_prefix_parse(b, &o.remote, &prefix_len), 0);
    assert_int_equal(tern_connect(p.stack[A], &o, &p.sock[A]), 0);
    for (int i = 0; i < TURNS && p.read < TOTAL; i++, p.now += STEP_NS) {
        for (int side = 0; side < 2; side++) {
            tern_expire(p.stack[side], p.now);
            carry(&p, side);
        }
        talk(&p);
    }
    assert_true(p.read >= TOTAL);
    tern_stats st = {.size = sizeof st};
    assert_int_equal(tern_stats_get(p.stack[A], &st), 0);
    assert_int_equal(st.retransmitted, 0); /* nothing was refused on the way */
    for (int side = 0; side < 2; side++) tern_free(p.stack[side]);
    return p;
}

/* Above 64 KiB the device is the one that cuts; here it takes 65535 bytes after all, or 10000. */
static void large_frames_are_cut(void **state) {
    (void)state;
    static const uint32_t most[] = {IP_MOST, 10000};
    for (unsigned i = 0; i < 2; i++) {
        struct pair p = transfer("10.0.0.1/24", "10.0.0.2/24", 1500, most[i], false);
        assert_true(p.cuts > 3);
        assert_in_range(p.largest, BIG - 1500, BIG);
    }
}

/* IPv6's header has no way to say it, and a capture none to show it. */
static void others_stay_below(void **state) {
    (void)state;
    assert_in_range(transfer("fd00::1/64", "fd00::2/64", 1500, 0, false).largest, 60000, IP_MOST);
    assert_in_range(transfer("10.0.0.1/24", "10.0.0.2/24", 1500, 0, true).largest, 60000, IP_MOST);
}

/* A link whose own packets are as large: what is to be cut is never smaller than one segment. */
static void wide_links(void **state) {
    (void)state;
    for (uint32_t mtu = 65400; mtu <= IP_MOST; mtu += 45) {
        assert_in_range(transfer("fd00::1/64", "fd00::2/64", mtu, 0, false).largest, mtu - 11, IP_MOST);
        assert_in_range(transfer("10.0.0.1/24", "10.0.0.2/24", mtu, 0, true).largest, mtu - 11, IP_MOST);
    }
}

static void limits(void **state) {
    (void)state;
    tern_stack *s = host("10.0.0.1/24", 8 * IP_MOST, 1500, 0);
    tern_iface_config c = {.size = sizeof c, .link = TERN_LINK_IP, .mtu = 1500, .tso_max = 8 * IP_MOST + 1};
    assert_int_equal(tern_iface_add(s, &c), TERN_EINVAL);
    c.link = TERN_LINK_LOOPBACK;
    c.tso_max = IP_MOST + 1;
    assert_int_equal(tern_iface_add(s, &c), TERN_EINVAL);
    c.tso_max = IP_MOST;
    assert_int_equal(tern_iface_add(s, &c), 1);
    tern_free(s);
}

/* A frame that is no large IPv4 segment is left alone. */
static void only_what_must(void **state) {
    (void)state;
    tern_frame f = {.len = 70000, .segment_size = 1448, .flags = TERN_FRAME_CSUM};
    assert_true(cut_needed(&f, IP_MOST));
    f.ip_offset = 14;
    f.len = IP_MOST + 14;
    assert_false(cut_needed(&f, IP_MOST));
    f.len = 70000;
    f.flags |= TERN_FRAME_V6;
    assert_false(cut_needed(&f, IP_MOST));
    f.flags = 0;
    assert_false(cut_needed(&f, IP_MOST));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(large_frames_are_cut), cmocka_unit_test(others_stay_below),
        cmocka_unit_test(wide_links),           cmocka_unit_test(limits),
        cmocka_unit_test(only_what_must),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
