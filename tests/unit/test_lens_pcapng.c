/* test_lens_pcapng.c - capture files: every byte of the blocks as draft-ietf-opsawg-pcapng draws them, comments from
 * the trace, trouble with the disk, and what tshark makes of it when it is installed. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lens/bblog.h"
#include "lens/pcapng.h"
#include "lens_records.h"

static char path[] = "/tmp/tern-pcapng-XXXXXX";

static int make_path(void **state) {
    (void)state;
    strcpy(path, "/tmp/tern-pcapng-XXXXXX");
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_path(void **state) {
    (void)state;
    return unlink(path);
}

static size_t slurp(uint8_t *buf, size_t size) {
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    size_t n = fread(buf, 1, size, f);
    fclose(f);
    return n;
}

/* Little-endian by the draft's own example; on other machines the magic tells. */
static void bytes(void **state) {
    (void)state;
    /* clang-format off */
    static const uint8_t want[] = {
        /* section header: application "tern" */
        0x0a, 0x0d, 0x0d, 0x0a, 40, 0, 0, 0, 0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        4, 0, 4, 0, 't', 'e', 'r', 'n', 0, 0, 0, 0, 40, 0, 0, 0,
        /* interface: raw IP, name "tun0", nanoseconds */
        1, 0, 0, 0, 40, 0, 0, 0, 101, 0, 0, 0, 0, 0, 4, 0,
        2, 0, 4, 0, 't', 'u', 'n', '0', 9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0, 40, 0, 0, 0,
        /* packet: 5 bytes, comment "why", outbound, at 2^32 + 7 ns */
        6, 0, 0, 0, 60, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0, 5, 0, 0, 0, 5, 0, 0, 0,
        1, 2, 3, 4, 5, 0, 0, 0,
        1, 0, 3, 0, 'w', 'h', 'y', 0, 2, 0, 4, 0, 2, 0, 0, 0, 0, 0, 0, 0, 60, 0, 0, 0,
    };
    /* clang-format on */
    static const uint8_t packet[] = {1, 2, 3, 4, 5};
    struct pcapng_options o = {.application = "tern", .epoch_ns = 1ull << 32};
    struct pcapng *p;
    uint8_t got[512];
    assert_int_equal(pcapng_open(path, &o, &p), 0);
    assert_int_equal(pcapng_iface(p, PCAPNG_RAW, "tun0", NULL), 0);
    pcapng_packet(p, 0, PCAPNG_OUT, 7, packet, sizeof packet, "why");
    assert_int_equal(pcapng_close(p), 0);
    assert_int_equal(slurp(got, sizeof got), sizeof want);
    assert_memory_equal(got, want, sizeof want);
}

static uint32_t word_at(const uint8_t *p) {
    uint32_t v;
    memcpy(&v, p, 4);
    return v;
}

/* Block by block: both lengths agree, all is aligned, and the blocks fill the file. Packets of every length up to 9. */
static void structure(void **state) {
    (void)state;
    struct pcapng_options o = {.application = "odd"};
    struct pcapng *p;
    uint8_t got[8192];
    unsigned packets = 0;
    assert_int_equal(pcapng_open(path, &o, &p), 0);
    assert_int_equal(pcapng_iface(p, PCAPNG_RAW, "a", "一"), 0);
    assert_int_equal(pcapng_iface(p, PCAPNG_ETHERNET, "bc", NULL), 1);
    for (uint32_t len = 0; len < 10; len++) pcapng_packet(p, 1, PCAPNG_IN, len, "123456789", len, &"comment"[len % 8]);
    assert_int_equal(pcapng_close(p), 0);
    size_t n = slurp(got, sizeof got);
    for (size_t at = 0; at < n;) {
        uint32_t size = word_at(got + at + 4);
        assert_true(size % 4 == 0 && size >= 12 && at + size <= n);
        assert_int_equal(word_at(got + at + size - 4), size);
        packets += word_at(got + at) == 6;
        at += size;
    }
    assert_int_equal(packets, 10);
}

static int failures;
static void on_failure(void *ctx, const char *name, int error) {
    (void)ctx;
    assert_string_equal(name, "/dev/full");
    assert_int_equal(error, ENOSPC);
    failures++;
}

static void full_disk(void **state) {
    (void)state;
    struct pcapng_options o = {.application = "tern", .failed = on_failure};
    struct pcapng *p;
    static uint8_t packet[60000];
    failures = 0;
    if (access("/dev/full", W_OK) != 0) skip();
    assert_int_equal(pcapng_open("/dev/full", &o, &p), 0);
    assert_int_equal(pcapng_iface(p, PCAPNG_RAW, "tun0", NULL), 0);
    for (int i = 0; i < 10; i++) pcapng_packet(p, 0, PCAPNG_IN, 0, packet, sizeof packet, NULL);
    assert_int_equal(pcapng_flush(p), -ENOSPC);
    assert_int_equal(pcapng_close(p), -ENOSPC);
    assert_int_equal(failures, 1); /* said once */
    assert_int_equal(pcapng_open("/nonexistent/x", &o, &p), -ENOENT);
}

/* ---- comments ---- */

static uint32_t sum(uint32_t s, const uint8_t *p, size_t len) {
    for (size_t i = 0; i < len; i++) s += i % 2 == 0 ? (uint32_t)p[i] << 8 : p[i];
    while (s >> 16) s = (s & 0xffff) + (s >> 16);
    return s;
}

/* The bytes of a segment: IPv4 and TCP without options, sums right. */
static size_t packet_of(const tern_trace *r, bool in, uint8_t *p) {
    size_t len = 40 + r->seg.len;
    const tern_addr *src = in ? &r->flow.remote : &r->flow.local, *dst = in ? &r->flow.local : &r->flow.remote;
    uint16_t sport = in ? r->flow.remote_port : r->flow.local_port,
             dport = in ? r->flow.local_port : r->flow.remote_port;
    /* clang-format off */
    const uint8_t head[40] = {0x45, 0, (uint8_t)(len >> 8), (uint8_t)len, 0, 0, 0x40, 0, 64, 6, 0, 0,
        src->bytes[0], src->bytes[1], src->bytes[2], src->bytes[3], dst->bytes[0], dst->bytes[1], dst->bytes[2], dst->bytes[3],
        (uint8_t)(sport >> 8), (uint8_t)sport, (uint8_t)(dport >> 8), (uint8_t)dport,
        (uint8_t)(r->seg.seq >> 24), (uint8_t)(r->seg.seq >> 16), (uint8_t)(r->seg.seq >> 8), (uint8_t)r->seg.seq,
        (uint8_t)(r->seg.ack >> 24), (uint8_t)(r->seg.ack >> 16), (uint8_t)(r->seg.ack >> 8), (uint8_t)r->seg.ack,
        0x50, (uint8_t)r->seg.flags, (uint8_t)(r->seg.window >> 8), (uint8_t)r->seg.window, 0, 0, 0, 0};
    /* clang-format on */
    memcpy(p, head, 40);
    memset(p + 40, 'x', r->seg.len);
    uint32_t ip = ~sum(0, p, 20) & 0xffff;
    p[10] = (uint8_t)(ip >> 8);
    p[11] = (uint8_t)ip;
    uint32_t tcp = ~sum(sum(6 + (uint32_t)len - 20, p + 12, 8), p + 20, len - 20) & 0xffff;
    p[36] = (uint8_t)(tcp >> 8);
    p[37] = (uint8_t)tcp;
    return len;
}

/* As a stack tells it: the packet before its segment on the way in, after it on the way out; moves in between. */
static void tell(struct pcapng *p, bool in, uint64_t us, enum tern_state before, enum tern_state after,
                 const char *reason, uint16_t flags, uint32_t seq, uint32_t ack, uint32_t len) {
    static uint8_t packet[2000];
    tern_trace segment = segment_at(in, 0, us, before, after, reason, flags, seq, ack, len);
    tern_trace raw = segment, moved = record_at(TERN_TRACE_STATE, 0, us, before, after);
    raw.kind = in ? TERN_TRACE_PACKET_IN : TERN_TRACE_PACKET_OUT;
    raw.packet = packet;
    raw.packet_len = (uint32_t)packet_of(&segment, in, packet);
    if (in) pcapng_trace(p, 0, &raw);
    if (before != after) pcapng_trace(p, 0, &moved);
    pcapng_trace(p, 0, &segment);
    if (!in) pcapng_trace(p, 0, &raw);
}

static void write_life_with(enum tern_lang lang, bool states) {
    struct pcapng_options o = {
        .application = "tern", .lang = lang, .states = states, .epoch_ns = 1700000000000000000ull};
    struct pcapng *p;
    enum { FA = TERN_FIN | TERN_ACK };
    assert_int_equal(pcapng_open(path, &o, &p), 0);
    assert_int_equal(pcapng_iface(p, PCAPNG_RAW, "tern0", "tern's side"), 0);
    tell(p, true, 0, TERN_LISTEN, TERN_SYN_RECEIVED, "LISTEN_SYN", TERN_SYN, 0, 0, 0);
    tell(p, false, 10, TERN_SYN_RECEIVED, TERN_SYN_RECEIVED, "SEND_SYN_ACK", TERN_SYN | TERN_ACK, 0, 1, 0);
    tell(p, true, 20, TERN_SYN_RECEIVED, TERN_ESTABLISHED, "OPEN_COMPLETE", TERN_ACK, 1, 1, 0);
    tell(p, true, 30, TERN_ESTABLISHED, TERN_ESTABLISHED, "TEXT_IN_ORDER", TERN_PSH | TERN_ACK, 1, 1, 78);
    /* a close is called between packets: the next segment out shows the move */
    tern_trace moved = record_at(TERN_TRACE_STATE, 0, 35, TERN_ESTABLISHED, TERN_FIN_WAIT_1);
    tern_trace call = record_at(TERN_TRACE_CALL, 0, 35, TERN_ESTABLISHED, TERN_FIN_WAIT_1);
    call.call = "close";
    pcapng_trace(p, 0, &call);
    pcapng_trace(p, 0, &moved);
    tell(p, false, 40, TERN_FIN_WAIT_1, TERN_FIN_WAIT_1, "SEND_FIN", FA, 1, 79, 0);
    tell(p, true, 50, TERN_FIN_WAIT_1, TERN_TIME_WAIT, "FIN_TAKEN", FA, 79, 2, 0);
    tell(p, false, 60, TERN_TIME_WAIT, TERN_TIME_WAIT, "SEND_ACK", TERN_ACK, 2, 80, 0);
    assert_int_equal(pcapng_close(p), 0);
}

static void write_life(enum tern_lang lang) { write_life_with(lang, false); }

static char *run(const char *format) {
    static char text[20000];
    char command[256];
    snprintf(command, sizeof command, format, path);
    FILE *f = popen(command, "r");
    assert_non_null(f);
    size_t n = fread(text, 1, sizeof text - 1, f);
    text[n] = '\0';
    assert_int_equal(pclose(f), 0);
    return text;
}

static bool has_tshark(void) { return system("command -v tshark >/dev/null 2>&1") == 0; }

/* Wireshark itself prints the states: each move is a block of its own, behind the packet that made it. */
static void states_in_wireshark(void **state) {
    (void)state;
    if (!has_tshark()) skip();
    write_life_with(TERN_EN, true);
    assert_string_equal(
        run("tshark -r %s -V -Y bblog 2>/dev/null | grep 'TCP State'"),
        "    TCP State: SYN RECEIVED (3)\n    TCP State: ESTABLISHED (4)\n    TCP State: FIN WAIT 1 (6)\n"
        "    TCP State: TIME WAIT (10)\n");
    assert_string_equal(run("tshark -r %s -Y bblog -T fields -e frame.number -e frame.time_epoch -e frame.comment "
                            "2>/dev/null"),
                        "2\t1700000000.000000000\t10.9.0.2:40000: LISTEN → SYN-RECEIVED\n"
                        "5\t1700000000.000020000\t10.9.0.2:40000: SYN-RECEIVED → ESTABLISHED\n"
                        "7\t1700000000.000035000\t10.9.0.2:40000: ESTABLISHED → FIN-WAIT-1\n"
                        "10\t1700000000.000050000\t10.9.0.2:40000: FIN-WAIT-1 → TIME-WAIT\n");
    assert_string_equal(run("tshark -r %s -Y 'tcp && frame.bblog.serial_nr' 2>/dev/null | wc -l"), "7\n");
    assert_string_equal(run("tshark -r %s 2>&1 >/dev/null | grep -v 'Running as user'; true"), "");
    assert_string_equal(run("tshark -r %s -Y '_ws.malformed || _ws.expert.severity >= 0x600000' 2>/dev/null"), "");
}

/* The layout, byte by byte where it matters: a control block in little-endian order. */
static void control_block(void **state) {
    (void)state;
    uint8_t b[BBLOG_TCPINFO_SIZE], d[BBLOG_DUMPINFO_SIZE];
    tern_trace r = {.time_ns = 3000250000, .state = TERN_LAST_ACK, .tcb = {.valid = true}};
    r.tcb.iss = 0x01020304;
    r.tcb.snd_una = 0x11121314;
    r.tcb.snd_nxt = 0x21222324;
    r.tcb.rcv_nxt = 0x31323334;
    r.tcb.cwnd = 0x41424344;
    r.tcb.snd_wscale = 7;
    r.tcb.rcv_wscale = 8;
    bblog_tcpinfo(b, &r, BBLOG_OTHER, 0x0a0b);
    assert_int_equal(b[0], 3);                            /* seconds */
    assert_memory_equal(b + 8, "\xfa\0\0\0\0\0\0\0", 8);  /* 250 microseconds */
    assert_memory_equal(b + 20, "\x0b\x0a\0\0\0\x3b", 6); /* serial, event */
    assert_memory_equal(b + 56, "\x08\0\0\0", 4);         /* LAST-ACK */
    assert_memory_equal(b + 64, "\x04\x03\x02\x01", 4);   /* ISS */
    assert_memory_equal(b + 72, "\x14\x13\x12\x11\x24\x23\x22\x21\x44\x43\x42\x41\x24\x23\x22\x21", 16);
    assert_memory_equal(b + 120, "\x34\x33\x32\x31", 4); /* RCV.NXT */
    assert_int_equal(b[156], 0x87);
    bblog_dumpinfo(d, 1700000000000005000ull);
    assert_memory_equal(d + 56, "\x00\xf1\x53\x65\0\0\0\0\x05\0\0\0\0\0\0\0", 16);
}

static void tshark_reads(void **state) {
    (void)state;
    if (!has_tshark()) skip();
    write_life(TERN_EN);
    assert_string_equal(run("tshark -r %s -T fields -e frame.comment 2>/dev/null"),
                        "LISTEN → SYN-RECEIVED: a SYN opens a half-open connection; SYN takes one number: ack = x + 1\n"
                        "accepts: SYN announces our number, ACK takes the peer's\n"
                        "SYN-RECEIVED → ESTABLISHED: our SYN is acknowledged: the connection is established\n"
                        "the next bytes: delivered\n"
                        "ESTABLISHED → FIN-WAIT-1: no more bytes will come: FIN\n"
                        "FIN-WAIT-1 → TIME-WAIT: the peer's FIN is taken; FIN takes one number: ack = u + 1\n"
                        "acknowledges what arrived\n");
    assert_string_equal(
        run("tshark -r %s -T fields -e frame.time_epoch -e frame.interface_name -e tcp.len 2>/dev/null"),
        "1700000000.000000000\ttern0\t0\n1700000000.000010000\ttern0\t0\n1700000000.000020000\ttern0\t0\n"
        "1700000000.000030000\ttern0\t78\n1700000000.000040000\ttern0\t0\n"
        "1700000000.000050000\ttern0\t0\n1700000000.000060000\ttern0\t0\n");
    assert_string_equal(run("tshark -r %s -T fields -e frame.packet_flags_direction 2>/dev/null"),
                        "0x00000001\n0x00000002\n0x00000001\n0x00000001\n0x00000002\n0x00000001\n0x00000002\n");
    assert_string_equal(run("tshark -r %s 2>&1 >/dev/null | grep -v 'Running as user'; true"), "");
    /* with every checksum checked, nothing is malformed or wrong */
    assert_string_equal(run("tshark -o ip.check_checksum:TRUE -o tcp.check_checksum:TRUE -r %s -Y "
                            "'_ws.malformed || _ws.expert.severity >= 0x600000' 2>/dev/null"),
                        "");
}

static void tshark_reads_chinese(void **state) {
    (void)state;
    if (!has_tshark()) skip();
    write_life(TERN_ZH);
    assert_non_null(strstr(run("tshark -r %s -T fields -e frame.comment 2>/dev/null"),
                           "FIN-WAIT-1 → TIME-WAIT：收下对端 FIN；FIN 占一个序号：ack = u + 1\n"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(bytes, make_path, remove_path),
        cmocka_unit_test_setup_teardown(structure, make_path, remove_path),
        cmocka_unit_test(full_disk),
        cmocka_unit_test(control_block),
        cmocka_unit_test_setup_teardown(states_in_wireshark, make_path, remove_path),
        cmocka_unit_test_setup_teardown(tshark_reads, make_path, remove_path),
        cmocka_unit_test_setup_teardown(tshark_reads_chinese, make_path, remove_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
