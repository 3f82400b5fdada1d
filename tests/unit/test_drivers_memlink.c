/* test_drivers_memlink.c - the link in memory: exact times, exact masks, rates within what chance allows, and the same
 * fates for the same seed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/memlink.h"

enum { MANY = 100000, PACKET = 100 };

static struct memlink *make(const struct memlink_path *ab) {
    struct memlink_path paths[2] = {*ab, {0}};
    struct memlink *link;
    struct driver_error err;
    assert_int_equal(memlink_new(paths, &link, &err), 0);
    return link;
}

/* A packet that carries its number. */
static void send_number(struct memlink *link, uint64_t number, uint32_t len, uint64_t now) {
    uint8_t bytes[2000] = {0};
    memcpy(bytes, &number, sizeof number);
    memlink_inject(link, 0, bytes, len, now);
}

static uint64_t number_of(const tern_packet *p) {
    uint64_t number;
    memcpy(&number, p->data, sizeof number);
    return number;
}

static void nothing_is_changed_by_a_perfect_link(void **state) {
    (void)state;
    struct memlink_path path = {0};
    struct memlink *link = make(&path);
    tern_packet p[8];
    assert_true(memlink_deadline(link) == TERN_NEVER);
    for (uint64_t i = 0; i < 5; i++) send_number(link, i, PACKET, 7);
    assert_true(memlink_deadline(link) == 7);
    assert_int_equal(memlink_receive(link, 0, p, 8, 7), 0);
    assert_int_equal(memlink_receive(link, 1, p, 8, 6), 0);
    assert_int_equal(memlink_receive(link, 1, p, 3, 7), 3);
    assert_int_equal(number_of(&p[2]), 2);
    assert_int_equal(p[2].len, PACKET);
    assert_int_equal(p[2].flags, 0);
    assert_int_equal(memlink_receive(link, 1, p, 8, 7), 2);
    assert_int_equal(number_of(&p[0]), 3);
    assert_true(memlink_deadline(link) == TERN_NEVER);
    memlink_free(link);
}

/* 1,250 bytes at 10 Mbit/s take exactly 1 ms; with 20 ms of delay number i arrives at (i + 1) + 20 ms. */
static void rate_and_delay_are_exact(void **state) {
    (void)state;
    struct memlink_path path = {.rate_bps = 10000000, .delay_ns = 20000000};
    struct memlink *link = make(&path);
    tern_packet p;
    for (uint64_t i = 0; i < 50; i++) send_number(link, i, 1250, 0);
    for (uint64_t i = 0; i < 50; i++) {
        uint64_t due = (i + 1) * 1000000 + 20000000;
        assert_true(memlink_deadline(link) == due);
        assert_int_equal(memlink_receive(link, 1, &p, 1, due - 1), 0);
        assert_int_equal(memlink_receive(link, 1, &p, 1, due), 1);
        assert_int_equal(number_of(&p), i);
    }
    memlink_free(link);
}

/* At 3 Gbit/s 100 bytes take 266.67 ns: 3,000 of them take 800,000 ns and nothing else. */
static void fractions_of_nanoseconds_are_not_lost(void **state) {
    (void)state;
    struct memlink_path path = {.rate_bps = 3000000000u};
    struct memlink *link = make(&path);
    tern_packet p[64];
    for (uint64_t i = 0; i < 3000; i++) send_number(link, i, PACKET, 0);
    uint64_t last = 0;
    while (memlink_deadline(link) != TERN_NEVER) {
        last = memlink_deadline(link);
        memlink_receive(link, 1, p, 64, last);
    }
    assert_true(last == 800000);
    send_number(link, 0, 1250, 1000000); /* the line was idle: it starts anew */
    assert_true(memlink_deadline(link) == 1000000 + 3333);
    memlink_free(link);
}

static void a_full_queue_drops_what_comes_last(void **state) {
    (void)state;
    struct memlink_path by_count = {.rate_bps = 8000000, .queue_packets = 3}; /* 1 byte a microsecond */
    struct memlink_path by_bytes = {.rate_bps = 8000000, .queue_bytes = 3 * PACKET + 50};
    const struct memlink_path *paths[] = {&by_count, &by_bytes};
    for (int k = 0; k < 2; k++) {
        struct memlink *link = make(paths[k]);
        struct memlink_stats st;
        tern_packet p[16];
        for (uint64_t i = 0; i < 10; i++) send_number(link, i, PACKET, 0);
        send_number(link, 10, PACKET, 99999);  /* the first has not left yet */
        send_number(link, 11, PACKET, 100000); /* now it has: room for one */
        send_number(link, 12, PACKET, 100000);
        memlink_stats_get(link, 0, &st);
        assert_int_equal(st.packets, 13);
        assert_int_equal(st.fates[MEMLINK_DELIVERED], 4);
        assert_int_equal(st.fates[MEMLINK_QUEUE_FULL], 9);
        assert_int_equal(st.queue_bytes_peak, 300);
        assert_int_equal(memlink_receive(link, 1, p, 16, 400000), 4);
        assert_int_equal(number_of(&p[3]), 11);
        memlink_free(link);
    }
}

static void masks_and_lists_drop_by_number(void **state) {
    (void)state;
    const uint64_t list[] = {3, 64, 70};
    struct memlink_path path = {.drop_mask = 1u | 1u << 5 | (uint64_t)1 << 63, .drop_list = list, .drop_count = 3};
    struct memlink *link = make(&path);
    tern_packet p[128];
    for (uint64_t i = 0; i < 80; i++) send_number(link, i, PACKET, 0);
    const uint64_t gone[] = {0, 3, 5, 63, 64, 70};
    size_t n = memlink_receive(link, 1, p, 128, 0), g = 0;
    assert_int_equal(n, 74);
    for (uint64_t i = 0, k = 0; i < 80; i++) {
        if (g < 6 && gone[g] == i)
            g++;
        else
            assert_int_equal(number_of(&p[k++]), i);
    }
    struct memlink_stats st;
    memlink_stats_get(link, 0, &st);
    assert_int_equal(st.fates[MEMLINK_MASKED], 6);
    memlink_free(link);
}

static void the_mtu_counts_ip_bytes(void **state) {
    (void)state;
    struct memlink_path path = {.mtu = 1000};
    struct memlink *link = make(&path);
    struct memlink_stats st;
    send_number(link, 0, 1000, 0);
    send_number(link, 1, 1001, 0);
    tern_frame f = {.len = 1014, .ip_offset = 14, .spans = 1};
    uint8_t bytes[1014] = {0};
    f.body[0] = (tern_span){bytes, sizeof bytes};
    memlink_send(link, 0, &f, 1, 0); /* 14 bytes of link header do not count */
    memlink_stats_get(link, 0, &st);
    assert_int_equal(st.fates[MEMLINK_DELIVERED], 2);
    assert_int_equal(st.fates[MEMLINK_TOO_BIG], 1);
    memlink_free(link);
}

/* The pseudo-header's sum stays as it is when the link is trusted, else the checksum is completed. */
static void large_segments_cross_whole_when_the_link_carries_them(void **state) {
    (void)state;
    static uint8_t payload[60000];
    tern_frame f = {.len = 40 + sizeof payload,
                    .head_len = 40,
                    .flags = TERN_FRAME_CSUM,
                    .spans = 1,
                    .csum_start = 20,
                    .csum_offset = 16,
                    .segment_size = 1460};
    f.head[0] = 0x45;
    f.head[36] = 0x12;
    f.body[0] = (tern_span){payload, sizeof payload};
    for (int trusted = 0; trusted < 2; trusted++) {
        struct memlink_path path = {.mtu = 1500, .segments = true, .csum_trusted = trusted != 0};
        struct memlink *link = make(&path);
        tern_packet p;
        memlink_send(link, 0, &f, 1, 0);
        assert_int_equal(memlink_receive(link, 1, &p, 1, 0), 1);
        assert_int_equal(p.len, f.len);
        assert_int_equal(p.segment_size, 1460);
        assert_int_equal(p.flags, trusted ? TERN_PKT_CSUM_OK : 0);
        const uint8_t *b = p.data;
        assert_int_equal(b[36] == 0x12 && b[37] == 0, trusted);
        memlink_free(link);
    }
    struct memlink_path plain = {.mtu = 1500};
    struct memlink *link = make(&plain);
    struct memlink_stats st;
    memlink_send(link, 0, &f, 1, 0);
    memlink_stats_get(link, 0, &st);
    assert_int_equal(st.fates[MEMLINK_TOO_BIG], 1);
    memlink_free(link);
}

/* Sends MANY packets, one a microsecond; returns what became of them. */
static struct memlink_stats flood(const struct memlink_path *path) {
    struct memlink *link = make(path);
    struct memlink_stats st;
    tern_packet p[64];
    for (uint64_t i = 0; i < MANY; i++) {
        send_number(link, i, PACKET, i * 1000);
        memlink_receive(link, 1, p, 64, i * 1000);
    }
    memlink_stats_get(link, 0, &st);
    memlink_free(link);
    return st;
}

/* Five standard deviations around MANY * ppm / 10^6. */
static void assert_near(uint64_t count, double ppm) {
    double mean = MANY * ppm / 1e6, variance = mean * (1 - ppm / 1e6), off = (double)count - mean;
    assert_true(off * off < 25 * variance + 1);
}

static void rates_are_what_they_say(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct memlink_path path = {.seed = seed, .loss_ppm = 10000};
        struct memlink_stats st = flood(&path);
        assert_near(st.fates[MEMLINK_LOST], 10000);
        path = (struct memlink_path){.seed = seed, .duplicate_ppm = 30000};
        assert_near(flood(&path).copies, 30000);
        path = (struct memlink_path){.seed = seed, .corrupt_ppm = 500000};
        assert_near(flood(&path).corrupted, 500000);
        path = (struct memlink_path){.seed = seed, .reorder_ppm = 10000, .reorder_ns = 5000};
        assert_near(flood(&path).reordered, 10000);
    }
    struct memlink_path all = {.loss_ppm = 1000000};
    assert_int_equal(flood(&all).fates[MEMLINK_LOST], MANY);
}

/* Bad a quarter of the time (1/100 in, 3/100 out), four packets out of five lost then: 20 % in all, in runs. */
static void bursts_come_in_runs(void **state) {
    (void)state;
    struct memlink_path path = {
        .seed = 9, .burst_enter_ppm = 10000, .burst_leave_ppm = 30000, .burst_loss_ppm = 800000};
    struct memlink_stats st = flood(&path);
    assert_int_equal(st.fates[MEMLINK_LOST], 0);
    assert_in_range(st.fates[MEMLINK_LOST_BURST], MANY * 17 / 100, MANY * 23 / 100);

    struct memlink *link = make(&path);
    tern_packet p;
    uint64_t lost = 0, pairs = 0, before = 0;
    for (uint64_t i = 0; i < MANY; i++) {
        send_number(link, i, PACKET, i);
        uint64_t now_lost = memlink_receive(link, 1, &p, 1, i) == 0;
        lost += now_lost;
        pairs += now_lost & before;
        before = now_lost;
    }
    assert_true(pairs * 100 > lost * 70); /* after a loss another one: 0.97 * 0.8, not 0.2 */
    memlink_free(link);
}

static void jitter_keeps_the_order_and_its_bounds(void **state) {
    (void)state;
    struct memlink_path path = {.seed = 4, .delay_ns = 1000000, .jitter_ns = 300000};
    struct memlink *link = make(&path);
    uint64_t arrived = 0, least = UINT64_MAX, most = 0;
    for (uint64_t i = 0; i < 1000; i++) send_number(link, i, PACKET, i * 400000);
    while (memlink_deadline(link) != TERN_NEVER) {
        tern_packet p;
        uint64_t t = memlink_deadline(link);
        assert_int_equal(memlink_receive(link, 1, &p, 1, t), 1);
        assert_int_equal(number_of(&p), arrived);
        uint64_t took = t - arrived * 400000;
        if (took < least) least = took;
        if (took > most) most = took;
        arrived++;
    }
    assert_int_equal(arrived, 1000);
    assert_in_range(least, 1000000, 1003000);
    assert_in_range(most, 1297000, 1300000);
    memlink_free(link);
}

static void reordered_packets_are_overtaken(void **state) {
    (void)state;
    struct memlink_path path = {.seed = 5, .delay_ns = 1000, .reorder_ppm = 100000, .reorder_ns = 2500};
    struct memlink *link = make(&path);
    uint64_t late = 0, highest = 0, last_time = 0;
    struct memlink_stats st;
    for (uint64_t i = 1; i <= 2000; i++) send_number(link, i, PACKET, i * 1000);
    memlink_stats_get(link, 0, &st);
    for (uint64_t t; (t = memlink_deadline(link)) != TERN_NEVER;) {
        tern_packet p;
        assert_true(t >= last_time);
        last_time = t;
        assert_int_equal(memlink_receive(link, 1, &p, 1, t), 1);
        uint64_t number = number_of(&p), took = t - number * 1000;
        assert_true(took == 1000 || took == 3500);
        if (number < highest)
            late++;
        else
            highest = number;
        if (number < highest) assert_true(took == 3500);
    }
    assert_true(st.reordered > 100);
    assert_true(late > st.reordered * 3 / 4 && late <= st.reordered);
    memlink_free(link);
}

static void corruption_flips_one_bit_and_voids_trust(void **state) {
    (void)state;
    struct memlink_path path = {.seed = 6, .corrupt_ppm = 1000000, .csum_trusted = true};
    struct memlink *link = make(&path);
    for (int i = 0; i < 200; i++) {
        uint8_t bytes[PACKET] = {0};
        unsigned ones = 0;
        tern_packet p;
        memlink_inject(link, 0, bytes, sizeof bytes, 0);
        assert_int_equal(memlink_receive(link, 1, &p, 1, 0), 1);
        for (size_t k = 0; k < p.len; k++) ones += (unsigned)__builtin_popcount(((const uint8_t *)p.data)[k]);
        assert_int_equal(ones, 1);
        assert_int_equal(p.flags & TERN_PKT_CSUM_OK, 0);
    }
    memlink_free(link);
}

struct log {
    uint64_t hash, records, copies, dropped, delivered;
};

static void record(void *ctx, const struct memlink_record *r) {
    struct log *log = ctx;
    const uint64_t words[] = {r->number,    r->fate,    r->copy,       r->corrupted,
                              r->reordered, r->sent_ns, r->arrives_ns, r->len};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) log->hash = memlink_chance(log->hash ^ words[i], 0);
    for (uint32_t i = 0; r->data != NULL && i < r->len; i++)
        log->hash = memlink_chance(log->hash ^ ((const uint8_t *)r->data)[i], 1);
    log->records++;
    log->copies += r->copy;
    log->dropped += r->fate != MEMLINK_DELIVERED;
    log->delivered += r->fate == MEMLINK_DELIVERED && !r->copy;
}

static struct log world(uint64_t seed) {
    struct memlink_path path = {.seed = seed,
                                .rate_bps = 1000000000,
                                .delay_ns = 5000,
                                .jitter_ns = 3000,
                                .queue_packets = 20,
                                .loss_ppm = 20000,
                                .burst_enter_ppm = 1000,
                                .burst_leave_ppm = 100000,
                                .burst_loss_ppm = 900000,
                                .duplicate_ppm = 20000,
                                .reorder_ppm = 20000,
                                .reorder_ns = 9000,
                                .corrupt_ppm = 20000,
                                .corrupt_bits = 8};
    struct memlink *link = make(&path);
    struct log log = {0};
    struct memlink_stats st;
    tern_packet p[64];
    uint64_t received = 0, n;
    memlink_tap(link, record, &log);
    for (uint64_t i = 0; i < 5000; i++) {
        send_number(link, i, PACKET, i * 700);
        while ((n = memlink_receive(link, 1, p, 64, i * 700)) > 0) received += n;
    }
    while ((n = memlink_receive(link, 1, p, 64, 10000000)) > 0) received += n;
    memlink_stats_get(link, 0, &st);
    assert_int_equal(received, st.fates[MEMLINK_DELIVERED] + st.copies);
    assert_int_equal(log.records, 5000 + st.copies);
    assert_int_equal(log.delivered, st.fates[MEMLINK_DELIVERED]);
    assert_int_equal(log.dropped + log.delivered, 5000);
    memlink_free(link);
    return log;
}

static void the_same_seed_gives_the_same_world(void **state) {
    (void)state;
    struct log a = world(1), b = world(1), c = world(2);
    assert_true(a.hash == b.hash);
    assert_true(a.hash != c.hash);
    assert_true(a.copies > 0 && a.dropped > 0);
}

/* splitmix64 from seed 1234567: the first outputs of its published reference code. */
static void chance_is_splitmix64(void **state) {
    (void)state;
    static const uint64_t outputs[] = {6457827717110365317u, 3203168211198807973u, 9817491932198370423u,
                                       4593380528125082431u, 16408922859458223821u};
    for (uint64_t i = 0; i < 5; i++) assert_true(memlink_chance(1234567, i) == outputs[i]);
}

static bool drops_odd(void *ctx, int from, uint64_t number, const void *data, uint32_t len) {
    uint64_t told;
    memcpy(&told, data, sizeof told);
    *(unsigned *)ctx += told == number && from == 0 && len == PACKET;
    return (number & 1) != 0;
}

static void a_filter_sees_and_drops(void **state) {
    (void)state;
    struct memlink_path path = {0};
    struct memlink *link = make(&path);
    unsigned right = 0;
    tern_packet p[16];
    memlink_filter(link, drops_odd, &right);
    for (uint64_t i = 0; i < 10; i++) send_number(link, i, PACKET, 0);
    assert_int_equal(right, 10);
    assert_int_equal(memlink_receive(link, 1, p, 16, 0), 5);
    assert_int_equal(number_of(&p[4]), 8);
    memlink_filter(link, NULL, NULL);
    send_number(link, 11, PACKET, 0);
    assert_int_equal(memlink_receive(link, 1, p, 16, 0), 1);
    memlink_free(link);
}

/* 1,250 bytes take 1 ms: the first waits for nobody, each other a millisecond longer. [RFC3168 5, RFC1624 3] */
static void a_long_wait_is_marked(void **state) {
    (void)state;
    static const uint8_t not_ect = 0, ect1 = 1, ect0 = 2, ce = 3;
    const uint8_t sent[] = {ect0, ect0, ect0, not_ect, ect1, ce}, got[] = {ect0, ect0, ce, not_ect, ce, ce};
    struct memlink_path path = {.rate_bps = 10000000, .mark_ns = 3000000};
    for (int v6 = 0; v6 < 2; v6++) {
        struct memlink *link = make(&path);
        struct memlink_stats stats;
        tern_packet p[8];
        for (unsigned i = 0; i < 6; i++) {
            uint8_t packet[1250] = {(uint8_t)(v6 ? 0x60 : 0x45), (uint8_t)(v6 ? sent[i] << 4 : sent[i] | 0xb8)};
            uint32_t sum = v6 ? 0 : 0x4500u + packet[1] + 0x1234;
            if (!v6) packet[4] = 0x12, packet[5] = 0x34, packet[10] = (uint8_t)(~sum >> 8), packet[11] = (uint8_t)~sum;
            memlink_inject(link, 0, packet, sizeof packet, 0);
        }
        assert_int_equal(memlink_receive(link, 1, p, 8, 6000000), 6);
        for (unsigned i = 0; i < 6; i++) {
            const uint8_t *b = p[i].data;
            assert_int_equal(v6 ? b[1] >> 4 : b[1] & 3, got[i]);
            uint32_t sum = (uint32_t)(b[0] << 8 | b[1]) + (uint32_t)(b[4] << 8 | b[5]) + (uint32_t)(b[10] << 8 | b[11]);
            if (!v6) assert_int_equal(sum, 0xffff);
        }
        memlink_stats_get(link, 0, &stats);
        assert_int_equal(stats.marked, 3); /* one of them was already */
        memlink_free(link);
    }
}

static void lent_packets_stay_and_room_is_limited(void **state) {
    (void)state;
    struct memlink_path path = {.lend = true, .packets_max = 64};
    struct memlink *link = make(&path);
    struct memlink_stats st;
    tern_packet p[64];
    for (uint64_t i = 0; i < 70; i++) send_number(link, i, PACKET, 0);
    memlink_stats_get(link, 0, &st);
    assert_int_equal(st.fates[MEMLINK_NO_ROOM], 6);
    assert_int_equal(memlink_receive(link, 1, p, 64, 0), 64);
    send_number(link, 99, PACKET, 0);
    assert_int_equal(memlink_receive(link, 1, &(tern_packet){0}, 1, 0), 0);
    for (uint64_t i = 0; i < 64; i++) assert_int_equal(number_of(&p[i]), i);
    for (uint64_t i = 0; i < 64; i++) memlink_release(link, p[i].token);
    send_number(link, 100, PACKET, 0);
    assert_int_equal(memlink_receive(link, 1, p, 64, 0), 1);
    assert_int_equal(number_of(&p[0]), 100);
    memlink_release(link, p[0].token);
    memlink_free(link);
}

static void a_path_can_change_and_nonsense_is_refused(void **state) {
    (void)state;
    struct memlink_path path = {.mtu = 1500};
    struct memlink *link = make(&path);
    struct driver_error err = {0};
    tern_packet p[4];
    path.loss_ppm = 1000000;
    assert_int_equal(memlink_set(link, 0, &path, &err), 0);
    send_number(link, 0, PACKET, 0);
    path.loss_ppm = 0;
    assert_int_equal(memlink_set(link, 0, &path, &err), 0);
    send_number(link, 1, PACKET, 0);
    assert_int_equal(memlink_receive(link, 1, p, 4, 0), 1);
    assert_int_equal(number_of(&p[0]), 1);
    path.mtu = 9000;
    assert_true(memlink_set(link, 0, &path, &err) < 0);
    path = (struct memlink_path){.loss_ppm = 1000001};
    assert_true(memlink_set(link, 0, &path, &err) < 0);
    assert_true(err.code != 0 && err.text[0] != '\0');
    memlink_free(link);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_changed_by_a_perfect_link),
        cmocka_unit_test(rate_and_delay_are_exact),
        cmocka_unit_test(fractions_of_nanoseconds_are_not_lost),
        cmocka_unit_test(a_full_queue_drops_what_comes_last),
        cmocka_unit_test(masks_and_lists_drop_by_number),
        cmocka_unit_test(the_mtu_counts_ip_bytes),
        cmocka_unit_test(large_segments_cross_whole_when_the_link_carries_them),
        cmocka_unit_test(rates_are_what_they_say),
        cmocka_unit_test(bursts_come_in_runs),
        cmocka_unit_test(jitter_keeps_the_order_and_its_bounds),
        cmocka_unit_test(reordered_packets_are_overtaken),
        cmocka_unit_test(corruption_flips_one_bit_and_voids_trust),
        cmocka_unit_test(the_same_seed_gives_the_same_world),
        cmocka_unit_test(chance_is_splitmix64),
        cmocka_unit_test(a_filter_sees_and_drops),
        cmocka_unit_test(a_long_wait_is_marked),
        cmocka_unit_test(lent_packets_stay_and_room_is_limited),
        cmocka_unit_test(a_path_can_change_and_nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
