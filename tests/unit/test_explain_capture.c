/* test_explain_capture.c - the reader of captures: both formats in every byte order and resolution, packed or not, and
 * what it says where a file lies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <zlib.h>
#include <zstd.h>

#include "capture_made.h"
#include "draw.h"
#include "explain/capture.h"

static char path[64], path2[64], path3[64];
static made m;

static void fresh(void) { m.len = 0, m.swapped = false; }

static struct capture *open_made(const char *const names[], size_t n) {
    made_file(path, m.at, m.len);
    struct capture *c = capture_open(names, n);
    assert_non_null(c);
    return c;
}

static struct capture *open_one(void) {
    static const char *names[1];
    names[0] = path;
    return open_made(names, 1);
}

static void pcap_in_all_byte_orders_and_resolutions(void **state) {
    (void)state;
    static const struct {
        uint32_t magic, part;
        uint64_t ns;
    } kinds[] = {{0xa1b2c3d4, 999999, 999999000}, {0xa1b23c4d, 999999999, 999999999}};
    for (size_t k = 0; k < 2; k++)
        for (int swapped = 0; swapped < 2; swapped++) {
            struct capture_packet p;
            struct capture_error e;
            fresh();
            m.swapped = swapped;
            made_pcap(&m, kinds[k].magic, 101);
            made_record(&m, 1700000000, kinds[k].part, "abc", 3, 3);
            made_record(&m, 1700000001, 0, "defg", 4, 1500);
            struct capture *c = open_one();
            assert_int_equal(capture_next(c, &p, &e), 1);
            assert_int_equal(p.number, 1);
            assert_int_equal(p.time_ns, 1700000000 * SEC_NS + kinds[k].ns);
            assert_int_equal(p.linktype, 101);
            assert_memory_equal(p.data, "abc", 3);
            assert_int_equal(capture_next(c, &p, &e), 1);
            assert_int_equal(p.time_ns, 1700000001 * SEC_NS);
            assert_int_equal(p.captured, 4);
            assert_int_equal(p.wire, 1500);
            assert_int_equal(p.place.offset, 24 + 19);
            assert_int_equal(p.place.block, 3);
            assert_int_equal(capture_next(c, &p, &e), 0);
            assert_int_equal(capture_next(c, &p, &e), 0);
            capture_close(c);
        }
}

static uint64_t time_of(int resolution, uint64_t ticks, bool swapped) {
    struct capture_packet p;
    struct capture_error e;
    fresh();
    m.swapped = swapped;
    made_section(&m);
    made_iface(&m, 1, "eth0", resolution);
    made_packet(&m, 0, ticks, "x", 1, NULL);
    struct capture *c = open_one();
    assert_int_equal(capture_next(c, &p, &e), 1);
    assert_string_equal(capture_iface_name(c, p.iface), "eth0");
    assert_int_equal(capture_next(c, &p, &e), 0);
    capture_close(c);
    return p.time_ns;
}

static void pcapng_resolutions(void **state) {
    (void)state;
    for (int swapped = 0; swapped < 2; swapped++) {
        assert_int_equal(time_of(-1, 1700000000123456, swapped), 1700000000123456000);
        assert_int_equal(time_of(6, 1700000000123456, swapped), 1700000000123456000);
        assert_int_equal(time_of(9, 1700000000123456789, swapped), 1700000000123456789);
        assert_int_equal(time_of(0, 1700000000, swapped), 1700000000 * SEC_NS);
        assert_int_equal(time_of(3, 1700000000123, swapped), 1700000000123000000);
        assert_int_equal(time_of(12, 5000, swapped), 5);
        assert_int_equal(time_of(0x80 | 10, 1024 * 5 + 512, swapped), 5500000000);
        assert_int_equal(time_of(0x80 | 32, (7ull << 32) + (1ull << 31), swapped), 7500000000);
        assert_int_equal(time_of(0x80 | 63, 1ull << 62, swapped), 500000000);
        assert_true(time_of(0, UINT64_MAX, swapped) <= INT64_MAX);
        assert_true(time_of(0x80, UINT64_MAX, swapped) <= INT64_MAX);
    }
}

static void pcapng_time_offset(void **state) {
    (void)state;
    struct capture_packet p;
    struct capture_error e;
    for (int swapped = 0; swapped < 2; swapped++) {
        fresh();
        m.swapped = swapped;
        made_section(&m);
        size_t b = made_block(&m, 1);
        made16(&m, 1), made16(&m, 0), made32(&m, 0);
        made16(&m, 14), made16(&m, 8);
        bool big = m.swapped == (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);
        made32(&m, big ? 0 : 1000), made32(&m, big ? 1000 : 0);
        made_block_end(&m, b);
        made_packet(&m, 0, 5000001, "x", 1, NULL);
        struct capture *c = open_one();
        assert_int_equal(capture_next(c, &p, &e), 1);
        assert_int_equal(p.time_ns, 1005 * SEC_NS + 1000);
        capture_close(c);
    }
}

static void pcapng_sections_interfaces_comments(void **state) {
    (void)state;
    struct capture_packet p;
    struct capture_error e;
    fresh();
    made_section(&m);
    made_iface(&m, 1, "eth0", 6);
    size_t b = made_block(&m, 0x0bad0000); /* of somebody else */
    made_bytes(&m, "whatever", 8);
    made_block_end(&m, b);
    made_iface(&m, 101, "tun0", 9);
    made_packet(&m, 1, 42, "ab", 2, "hello");
    m.swapped = true;
    made_section(&m);
    made_iface(&m, 113, "any", 6);
    b = made_block(&m, 3); /* simple: without time and interface */
    made32(&m, 4);
    made_bytes(&m, "wxyz", 4);
    made_block_end(&m, b);
    b = made_block(&m, 6);
    made32(&m, 0), made32(&m, 0), made32(&m, 7), made32(&m, 0), made32(&m, 60);
    uint8_t first[4] = {0, 0, 0, 2}, last[4] = {2, 0, 0, 0};
    made_option(&m, 2, __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? first : last, 4);
    made_option(&m, 1, "one", 3);
    made_option(&m, 1, "two", 3);
    made_block_end(&m, b);
    struct capture *c = open_one();
    assert_int_equal(capture_next(c, &p, &e), 1);
    assert_int_equal(p.time_ns, 42);
    assert_int_equal(p.linktype, 101);
    assert_int_equal(p.comment_len, 5);
    assert_memory_equal(p.comment, "hello", 5);
    assert_string_equal(capture_iface_name(c, p.iface), "tun0");
    assert_int_equal(capture_next(c, &p, &e), 1);
    assert_false(p.timed);
    assert_int_equal(p.captured, 4);
    assert_int_equal(p.linktype, 113);
    assert_memory_equal(p.data, "wxyz", 4);
    assert_int_equal(capture_next(c, &p, &e), 1);
    assert_int_equal(p.direction, CAPTURE_OUT);
    assert_int_equal(p.captured, 0);
    assert_int_equal(p.wire, 60);
    assert_int_equal(p.comments, 2);
    assert_memory_equal(p.comment, "one", 3);
    assert_int_equal(capture_next(c, &p, &e), 0);
    capture_close(c);
}

/* A file that is bad at one place: which block, which offset, and does reading go on behind it? */
static void places_of_errors(void **state) {
    (void)state;
    struct capture_packet p;
    struct capture_error e;
    fresh();
    made_section(&m);                    /* 1: 28 bytes */
    made_iface(&m, 1, NULL, -1);         /* 2 */
    made_packet(&m, 0, 1, "x", 1, NULL); /* 3 */
    size_t missing = m.len;
    made_packet(&m, 9, 1, "x", 1, NULL); /* 4: no such interface */
    size_t lies = m.len;
    made_packet(&m, 0, 1, "x", 1, NULL); /* 5: claims more than its block has */
    made_patch32(&m, lies + 20, 4000);
    made_packet(&m, 0, 1, "y", 1, NULL); /* 6 */
    size_t short_ = m.len;
    made_packet(&m, 0, 1, "z", 1, NULL); /* 7: a length that cannot be */
    made_patch32(&m, short_ + 4, 7);
    struct capture *c = open_one();
    assert_int_equal(capture_next(c, &p, &e), 1);
    assert_int_equal(capture_next(c, &p, &e), -1);
    assert_int_equal(e.place.block, 4);
    assert_int_equal(e.place.offset, missing);
    assert_int_equal(e.a, 9);
    assert_int_equal(e.b, 1);
    assert_int_equal(capture_next(c, &p, &e), -1);
    assert_int_equal(e.place.block, 5);
    assert_int_equal(e.place.offset, lies);
    assert_int_equal(e.a, 4000);
    assert_int_equal(capture_next(c, &p, &e), 1);
    assert_memory_equal(p.data, "y", 1);
    assert_int_equal(capture_next(c, &p, &e), -1);
    assert_int_equal(e.place.block, 7);
    assert_int_equal(e.place.offset, short_);
    assert_int_equal(capture_next(c, &p, &e), 0);
    capture_close(c);
}

static void cut_files(void **state) {
    (void)state;
    struct capture_packet p;
    struct capture_error e;
    fresh();
    made_section(&m);
    made_iface(&m, 1, NULL, -1);
    size_t first = m.len;
    made_packet(&m, 0, 1, "x", 1, NULL);
    size_t all = m.len;
    for (size_t cut = 0; cut <= all; cut++) {
        m.len = cut;
        struct capture *c = open_one();
        int r = capture_next(c, &p, &e);
        bool whole = cut == 28 || cut == first;
        assert_int_equal(r, cut == all ? 1 : whole ? 0 : -1);
        if (r < 0) assert_true(e.place.offset <= cut);
        assert_int_equal(capture_next(c, &p, &e), 0);
        capture_close(c);
    }
}

static void one_packet_file(void) {
    fresh();
    made_pcap(&m, 0xa1b2c3d4, 1);
    for (uint32_t i = 0; i < 500; i++) made_record(&m, i, 0, "abcdefgh", 8, 8);
}

static void count_packets(const char *const names[], size_t n, uint64_t wanted) {
    struct capture_packet p;
    struct capture_error e;
    struct capture *c = capture_open(names, n);
    uint64_t seen = 0;
    while (capture_next(c, &p, &e) == 1) seen++;
    assert_int_equal(seen, wanted);
    capture_close(c);
}

static void packed_files_and_several(void **state) {
    (void)state;
    const char *one[1] = {path}, *both[2] = {path, path2};
    one_packet_file();
    gzFile g = gzopen(path, "wb");
    assert_int_equal(gzwrite(g, m.at, (unsigned)m.len), m.len);
    gzclose(g);
    count_packets(one, 1, 500);
    g = gzopen(path, "ab"); /* another member */
    made rest = m;
    rest.len = 0;
    made_record(&rest, 1, 0, "q", 1, 1);
    assert_int_equal(gzwrite(g, rest.at, (unsigned)rest.len), rest.len);
    gzclose(g);
    count_packets(one, 1, 501);
    size_t bound = ZSTD_compressBound(m.len);
    uint8_t *packed = malloc(bound);
    size_t n = ZSTD_compress(packed, bound, m.at, m.len, 3);
    made_file(path2, packed, n);
    count_packets(both, 2, 1001);
    struct capture_packet p; /* cut: what could be unpacked is read */
    struct capture_error e;
    made_file(path2, packed, n - 3);
    const char *second[1] = {path2};
    struct capture *c = capture_open(second, 1);
    int r;
    while ((r = capture_next(c, &p, &e)) == 1) {
    }
    assert_int_equal(r, -1);
    capture_close(c);
    free(packed);
}

/* ---- a file that is still being written ---- */

struct growth {
    size_t written, step; /* it grows by `step` when more is asked for */
    size_t end;           /* there the reader is told to stop */
    bool wrong;
};

static bool write_on(void *ctx, int fd, uint64_t read) {
    struct growth *w = ctx;
    (void)fd;
    w->wrong = w->wrong || read != w->written;
    if (w->written == w->end) return false;
    w->written = min_size(w->written + w->step, w->end);
    made_file(path, m.at, w->written);
    return true;
}

/* How many packets are read of the first `end` bytes of m, which come `step` at a time; nothing may be wrong with them. */
static unsigned followed(size_t step, size_t end) {
    static const char *const names[1] = {path};
    struct growth w = {.step = step, .end = end};
    struct capture_packet p;
    struct capture_error e;
    made_file(path, m.at, 0);
    struct capture *c = capture_open(names, 1);
    unsigned seen = 0;
    int r;
    assert_non_null(c);
    capture_follow(c, write_on, &w);
    while ((r = capture_next(c, &p, &e)) > 0) {
        assert_int_equal(p.number, ++seen);
        assert_memory_equal(p.data, "abcd", p.captured);
    }
    assert_int_equal(r, 0);
    assert_int_equal(capture_next(c, &p, &e), 0);
    assert_false(w.wrong);
    capture_close(c);
    return seen;
}

/* Wherever a writer pauses or stops, in a header or a packet, what is not there yet is waited for and is no error. */
static void followed_files(void **state) {
    (void)state;
    for (int pcapng = 0; pcapng < 2; pcapng++) {
        size_t ends[5] = {0};
        fresh();
        if (pcapng) {
            made_section(&m);
            made_iface(&m, 1, "eth0", 9);
        } else {
            made_pcap(&m, 0xa1b2c3d4, 1);
        }
        for (uint32_t i = 1; i <= 4; i++) {
            if (pcapng)
                made_packet(&m, 0, i, "abcd", i, "comment");
            else
                made_record(&m, i, 0, "abcd", i, i);
            ends[i] = m.len;
        }
        for (size_t step = 1; step <= m.len; step += 7) assert_int_equal(followed(step, m.len), 4);
        for (size_t end = 0; end <= m.len; end++) {
            unsigned whole = 0;
            while (whole < 4 && ends[whole + 1] <= end) whole++;
            assert_int_equal(followed(13, end), whole);
        }
    }
}

static void packed_files_are_not_followed(void **state) {
    (void)state;
    static const char *const names[1] = {path};
    struct growth w = {.written = 10, .end = 10};
    struct capture_packet p;
    struct capture_error e;
    made_file(path, "\x1f\x8b\x08\0\0\0\0\0\0\3", 10);
    struct capture *c = capture_open(names, 1);
    assert_non_null(c);
    capture_follow(c, write_on, &w);
    assert_int_equal(capture_next(c, &p, &e), -1);
    assert_string_equal(e.text, "a packed file cannot be followed");
    assert_int_equal(capture_next(c, &p, &e), 0);
    capture_close(c);
}

static const char *names3[3] = {path, path2, path3};

/* What the three files give, each packet as its two letters, an error as '!'. */
static void expect_order(const char *wanted) {
    struct capture_packet p;
    struct capture_error e;
    char got[256] = "";
    struct capture *c = capture_open(names3, 3);
    uint64_t number = 0;
    assert_non_null(c);
    for (int r; (r = capture_next(c, &p, &e)) != 0 && strlen(got) < sizeof got - 8;) {
        if (r > 0) {
            assert_int_equal(p.captured, 2);
            assert_int_equal(p.number, ++number);
            assert_int_equal(p.data[0] - 'a', p.place.file);
            strncat(got, (const char *)p.data, 2);
        }
        strcat(got, r > 0 ? " " : "! ");
    }
    assert_string_equal(got, wanted);
    capture_close(c);
}

static void put_pcap(const char *to, const char *letter, const uint32_t *seconds, uint32_t n, size_t cut) {
    fresh();
    made_pcap(&m, 0xa1b2c3d4, 1);
    for (uint32_t i = 0; i < n; i++) {
        const char data[2] = {letter[0], (char)('1' + i)};
        made_record(&m, seconds[i], 0, data, 2, 2);
    }
    made_file(to, m.at, m.len - cut);
}

/* Several files are one, in the order of time; where a file's own times step back, its own order stays. */
static void merged_by_time(void **state) {
    (void)state;
    static const uint32_t first[] = {10, 30, 50}, second[] = {20, 40, 15, 60}, third[] = {5, 30, 31, 70};
    put_pcap(path, "a", first, 3, 0);
    put_pcap(path2, "b", second, 4, 0);
    put_pcap(path3, "c", third, 4, 0);
    expect_order("c1 a1 b1 a2 c2 c3 b2 b3 a3 b4 c4 ");
    put_pcap(path3, "c", third, 2, 1); /* cut: said where its time has come, and the others go on */
    expect_order("c1 ! a1 b1 a2 b2 b3 a3 b4 ");
    made_file(path2, "x", 1);
    expect_order("! c1 ! a1 a2 a3 ");
    fresh(); /* nanoseconds, of another format; the interface without a name is the third */
    made_section(&m);
    made_iface(&m, 1, NULL, 9);
    made_packet(&m, 0, 10 * SEC_NS - 1, "b1", 2, NULL);
    made_packet(&m, 0, 10 * SEC_NS + 1, "b2", 2, NULL);
    made_file(path2, m.at, m.len);
    unlink(path3);
    expect_order("! b1 a1 b2 a2 a3 ");
}

/* Files that have not begun cost nothing but their descriptor: the pieces of a long capture, from last to first. */
static void many_pieces(void **state) {
    (void)state;
    enum { PIECES = 300 };
    static char piece[PIECES][sizeof path + 8];
    const char *all[PIECES];
    for (uint32_t i = 0; i < PIECES; i++) {
        uint32_t at[2] = {1000 - 2 * i, 1001 - 2 * i};
        snprintf(piece[i], sizeof piece[i], "%s-%u", path, i);
        put_pcap(all[i] = piece[i], "p", at, 2, 0);
    }
    struct capture *c = capture_open(all, PIECES);
    struct capture_packet p;
    struct capture_error e;
    uint64_t before = 0, n = 0;
    for (; capture_next(c, &p, &e) == 1; n++) {
        assert_true(p.time_ns > before);
        before = p.time_ns;
    }
    assert_int_equal(n, 2 * PIECES);
    capture_close(c);
    for (uint32_t i = 0; i < PIECES; i++) unlink(piece[i]);
}

static void what_is_no_capture(void **state) {
    (void)state;
    struct capture_packet p;
    struct capture_error e;
    const char *names[2] = {"/nowhere/at/all", path};
    one_packet_file();
    made_file(path, m.at, m.len);
    struct capture *c = capture_open(names, 2);
    assert_int_equal(capture_next(c, &p, &e), -1);
    assert_int_not_equal(e.error, 0);
    assert_int_equal(e.place.file, 0);
    assert_int_equal(capture_next(c, &p, &e), 1); /* the next file */
    assert_int_equal(p.place.file, 1);
    capture_close(c);
    fresh();
    made_bytes(&m, "#!/bin/sh\n", 10);
    c = open_one();
    assert_int_equal(capture_next(c, &p, &e), -1);
    assert_int_equal(capture_next(c, &p, &e), 0);
    capture_close(c);
}

/* Bytes changed at random: it ends, and reads nothing that is not there (the sanitizers watch). */
static void changed_bytes(void **state) {
    (void)state;
    draw d = {1};
    for (int round = 0; round < 500; round++) {
        struct capture_packet p;
        struct capture_error e;
        fresh();
        m.swapped = draw_bool(&d);
        if (draw_bool(&d)) {
            made_pcap(&m, draw_bool(&d) ? 0xa1b2c3d4 : 0xa1b2cd34, 1);
            for (uint32_t i = 0; i < 4; i++) made_record(&m, i, 0, "abcdefgh", 8, 8);
        } else {
            made_section(&m);
            made_iface(&m, 1, "eth0", 9);
            for (uint32_t i = 0; i < 4; i++) made_packet(&m, 0, i, "abcdefgh", 8, i % 2 ? "comment" : NULL);
            made_section(&m);
            made_iface(&m, 1, "eth0", 9);
            made_packet(&m, 0, 1, "abcdefgh", 8, NULL);
        }
        for (uint32_t n = 1 + draw_below(&d, 4); n > 0; n--)
            m.at[draw_below(&d, (uint32_t)m.len)] = draw_bool(&d) ? (uint8_t)draw_u64(&d) : draw_bool(&d) ? 0xff : 0;
        struct capture *c = open_one();
        int r;
        unsigned calls = 0, sum = 0;
        while ((r = capture_next(c, &p, &e)) != 0) {
            assert_true(++calls < 100);
            for (uint32_t i = 0; r > 0 && i < p.captured; i++) sum += p.data[i];
            for (uint32_t i = 0; r > 0 && i < p.comment_len; i++) sum += (unsigned char)p.comment[i];
        }
        assert_true(sum < UINT32_MAX);
        capture_close(c);
    }
}

int main(void) {
    snprintf(path, sizeof path, "/tmp/tern-capture-%d-a", (int)getpid());
    snprintf(path2, sizeof path2, "/tmp/tern-capture-%d-b", (int)getpid());
    snprintf(path3, sizeof path3, "/tmp/tern-capture-%d-c", (int)getpid());
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pcap_in_all_byte_orders_and_resolutions),
        cmocka_unit_test(pcapng_resolutions),
        cmocka_unit_test(pcapng_time_offset),
        cmocka_unit_test(pcapng_sections_interfaces_comments),
        cmocka_unit_test(places_of_errors),
        cmocka_unit_test(cut_files),
        cmocka_unit_test(packed_files_and_several),
        cmocka_unit_test(followed_files),
        cmocka_unit_test(packed_files_are_not_followed),
        cmocka_unit_test(merged_by_time),
        cmocka_unit_test(many_pieces),
        cmocka_unit_test(what_is_no_capture),
        cmocka_unit_test(changed_bytes),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    unlink(path2);
    unlink(path3);
    return failed;
}
