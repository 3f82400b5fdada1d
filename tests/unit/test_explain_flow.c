/* test_explain_flow.c - from frames to connections: link types, marks of packets, copies, and the table with its limits.
 * What connections mean is not here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "capture_made.h"
#include "draw.h"
#include "explain/decode.h"

static struct decoder dec;

static enum decode_kind decode_bytes(uint32_t linktype, const void *data, uint32_t captured, uint32_t wire,
                                     struct decoded *out) {
    static uint64_t number;
    uint8_t *exact = exact_copy(data, captured);
    struct capture_packet p = {
        .number = ++number, .data = exact, .captured = captured, .wire = wire, .linktype = linktype, .timed = true};
    enum decode_kind kind = decode(&dec, &p, out);
    exact_free(exact, captured);
    return kind;
}

static const segment syn4 = {.src = "10.0.0.1",
                             .dst = "10.0.0.2",
                             .src_port = 40000,
                             .dst_port = 80,
                             .flags = TCP_SYN,
                             .seq = 100,
                             .options = {.has_mss = true, .mss = 1460}};
static const segment data6 = {.src = "fd00::1",
                              .dst = "fd00::2",
                              .src_port = 40000,
                              .dst_port = 80,
                              .flags = TCP_ACK,
                              .seq = 101,
                              .ack = 5,
                              .len = 700};

static void link_types(void **state) {
    (void)state;
    static const struct {
        uint32_t linktype;
        const char *head4, *head6;
        uint32_t len;
        uint8_t direction;
    } links[] = {
        {101, "", "", 0, 0},
        {12, "", "", 0, 0},
        {228, "", "", 0, 0},
        {0, "\2\0\0\0", "\30\0\0\0", 4, 0},
        {0, "\0\0\0\2", "\0\0\0\36", 4, 0},
        {108, "\0\0\0\2", "\0\0\0\34", 4, 0},
        {1, "ddddddssssss\x08\0", "ddddddssssss\x86\xdd", 14, 0},
        {1, "ddddddssssss\x81\0\0\1\x08\0", "ddddddssssss\x88\xa8\0\1\x81\0\0\2\x86\xdd", 18, 0},
        {113, "\0\4\0\1\0\6mmmmmm\0\0\x08\0", "\0\0\0\1\0\6mmmmmm\0\0\x86\xdd", 16, CAPTURE_OUT},
        {276, "\x08\0\0\0\0\0\0\2\0\1\4\6mmmmmmmm", "\x86\xdd\0\0\0\0\0\2\0\1\0\6mmmmmmmm", 20, CAPTURE_OUT},
    };
    for (size_t i = 0; i < ARRAY_LEN(links); i++) {
        uint8_t frame[2048];
        struct decoded d;
        uint32_t head = links[i].len, n;
        memcpy(frame, links[i].head4, head);
        n = head + made_ip(frame + head, sizeof frame - head, &syn4);
        assert_int_equal(decode_bytes(links[i].linktype, frame, n, n, &d), DECODE_TCP);
        assert_int_equal(d.tcp.tcp.seq_no.v, 100);
        assert_int_equal(d.tcp.tcp.options.mss, 1460);
        assert_int_equal(d.tcp.len, 0);
        assert_int_equal(d.tcp.direction, links[i].direction);
        assert_int_equal(d.tcp.marks, 0);
        if (head == 18) head = 22; /* two tags */
        memcpy(frame, links[i].head6, head);
        n = head + made_ip(frame + head, sizeof frame - head, &data6);
        assert_int_equal(decode_bytes(links[i].linktype, frame, n, n, &d), DECODE_TCP);
        assert_true(d.tcp.v6);
        assert_int_equal(d.tcp.len, 700);
        assert_int_equal(d.tcp.marks, 0);
    }
    struct decoded d;
    assert_int_equal(decode_bytes(9999, "abcd", 4, 4, &d), DECODE_LINK);
    assert_int_equal(decode_bytes(1, "ddddddssssss\x08\x06zz", 16, 16, &d), DECODE_OTHER);
}

/* Behind `head`, of `len` bytes, comes an IP packet. At `ip` an outer IPv4 header begins, unless that is 0. */
static void carriers(void **state) {
    (void)state;
#define ETHER "ddddddssssss"
#define OUTER4(proto) ETHER "\x08\0\x45\0\xff\xff\0\7\0\0\x40" proto "\0\0\1\1\1\1\2\2\2\2"
#define OUTER_UDP(port) OUTER4("\x11") "\x12\x34" port "\0\0\0\0"
    static const struct {
        uint32_t linktype;
        uint16_t carried;
        uint32_t len, ip;
        const char *head;
        bool v6;
    } made_in[] = {
        {1, FLOW_IN_VLAN, 22, 0, ETHER "\x92\0\0\1\x81\0\0\2\x08\0", false},
        {1, FLOW_IN_PPP, 22, 0, ETHER "\x88\x64\x11\0\0\1\0\0\0\x21", false}, /* RFC 2516 */
        {1, FLOW_IN_PPP, 21, 0, ETHER "\x88\x64\x11\0\0\1\0\0\x57", true},    /* a short number */
        {1, FLOW_IN_VLAN | FLOW_IN_PPP, 26, 0, ETHER "\x81\0\0\7\x88\x64\x11\0\0\1\0\0\0\x57", true},
        {9, FLOW_IN_PPP, 4, 0, "\xff\3\0\x21", false},
        {51, FLOW_IN_PPP, 8, 0, "\x11\0\0\1\0\0\0\x21", false},
        {104, 0, 4, 0, "\x0f\0\x08\0", false},
        {1, FLOW_IN_MPLS, 22, 0, ETHER "\x88\x47\0\1\0\x40\0\1\x11\x40", false},               /* RFC 3032 */
        {1, FLOW_IN_MPLS, 36, 0, ETHER "\x88\x47\0\1\x11\x40\0\0\0\0" ETHER "\x86\xdd", true}, /* RFC 4448 */
        {1, 0, 22, 0, ETHER "\0\x40\xaa\xaa\3\0\0\0\x08\0", false},
        {258, 0, 26, 0, "\x0c\0\0\0\1\0\0\0\1\0\0\0" ETHER "\x08\0", false},
        {1, FLOW_IN_IP, 34, 14, OUTER4("\4"), false},
        {1, FLOW_IN_IP, 34, 14, OUTER4("\x29"), true},
        {1, FLOW_IN_GRE, 38, 14, OUTER4("\x2f") "\0\0\x08\0", false},                    /* RFC 2784 */
        {1, FLOW_IN_GRE, 46, 14, OUTER4("\x2f") "\x30\0\x86\xdd\0\0\0\1\0\0\0\2", true}, /* RFC 2890 */
        {1, FLOW_IN_ERSPAN, 64, 14, OUTER4("\x2f") "\x10\0\x88\xbe\0\0\0\1\x10\5\0\1\0\0\0\2" ETHER "\x08\0", false},
        {1, FLOW_IN_VXLAN, 64, 14, OUTER_UDP("\x12\xb5") "\x08\0\0\0\0\0\x2a\0" ETHER "\x08\0", false},
        {1, FLOW_IN_GENEVE, 68, 14, OUTER_UDP("\x17\xc1") "\1\0\x65\x58\0\0\x2a\0\1\2\3\0" ETHER "\x08\0", false},
        {1, FLOW_IN_GTP, 50, 14, OUTER_UDP("\x08\x68") "\x30\xff\0\0\0\0\0\1", false},
        {1, FLOW_IN_GTP, 58, 14, OUTER_UDP("\x08\x68") "\x34\xff\0\0\0\0\0\1\0\0\0\x85\1\0\1\0", true},
        {1, FLOW_IN_MPLS, 46, 14, OUTER_UDP("\x19\xeb") "\0\1\1\x40", false}, /* RFC 7510 */
    };
    for (size_t i = 0; i < ARRAY_LEN(made_in); i++) {
        uint8_t frame[2048];
        struct decoded d;
        uint32_t head = made_in[i].len, ip = made_in[i].ip;
        memcpy(frame, made_in[i].head, head);
        uint32_t n = head + made_ip(frame + head, sizeof frame - head, made_in[i].v6 ? &data6 : &syn4);
        if (ip != 0) store16(frame + ip + 2, (uint16_t)(n - ip));
        assert_int_equal(decode_bytes(made_in[i].linktype, frame, n, n, &d), DECODE_TCP);
        assert_int_equal(d.tcp.tcp.seq_no.v, made_in[i].v6 ? 101 : 100);
        assert_int_equal(d.tcp.len, made_in[i].v6 ? 700 : 0);
        assert_int_equal(d.tcp.carried, made_in[i].carried);
        assert_int_equal(d.tcp.marks, 0);
        assert_int_equal(d.src.b[0], made_in[i].v6 ? 0xfd : 0); /* the inner address */
        for (uint32_t cut = 0; cut < head + 40; cut++) {        /* wherever it was cut */
            enum decode_kind kind = decode_bytes(made_in[i].linktype, frame, cut, n, &d);
            assert_true(kind == DECODE_CUT || kind == DECODE_OTHER);
        }
    }
}

/* Extension headers that only forwarders' peers need understand, and a payload too long for its field. */
static void ip6_headers(void **state) {
    (void)state;
    static const struct {
        uint8_t next;
        uint32_t len;
        const char *head;
    } ext[] = {
        {0, 8, "\6\0\xc2\4\0\0\0\0"},                                   /* a jumbo payload: RFC 2675 */
        {60, 8, "\6\0\x8b\4\0\0\0\0"},                                  /* an option that its receiver must know */
        {51, 24, "\6\4\0\0\0\0\0\1\0\0\0\1............"},               /* RFC 4302 */
        {43, 24, "\6\2\4\1\0\0\0\0\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\2"}, /* RFC 8754: not at its end yet */
    };
    for (size_t i = 0; i < ARRAY_LEN(ext); i++) {
        uint8_t plain[2048], frame[2048];
        struct decoded d;
        uint32_t n = made_ip(plain, sizeof plain, &data6), len = ext[i].len;
        memcpy(frame, plain, 40);
        memcpy(frame + 40, ext[i].head, len);
        memcpy(frame + 40 + len, plain + 40, n - 40);
        frame[6] = ext[i].next;
        store16(frame + 4, i == 0 ? 0 : (uint16_t)(n - 40 + len));
        if (ext[i].next == 43) frame[39] = 0x99; /* where it goes first; the sum is that of its end */
        assert_int_equal(decode_bytes(101, frame, n + len, n + len, &d), DECODE_TCP);
        assert_int_equal(d.tcp.len, 700);
        assert_int_equal(d.tcp.marks, 0);
        assert_int_equal(d.dst.b[15], 2);
    }
}

/* [RFC8684 3.1, 3.2; RFC2385 2; RFC5925 2.2] */
static void options_of_a_syn(void **state) {
    (void)state;
    static const struct {
        const char *at;
        uint8_t len, found;
    } rows[] = {
        {"\x1e\4\1\x81", 4, FLOW_MULTIPATH},
        {"\1\1\x1e\xc\x10\1TTTTTTTT\0\0", 16, FLOW_JOINS}, /* behind NOPs */
        {"\x13\x12MMMMMMMMMMMMMMMM\0\0", 20, FLOW_SIGNED_MD5},
        {"\x1d\x10\1\2MMMMMMMMMMMM", 16, FLOW_SIGNED_AO},
        {"\x1e\4\x21\x81", 4, 0}, /* another kind of MPTCP's */
        {"\0\x1e\4\1", 4, 0},     /* behind the end of the list */
        {"\x1d\x20\1\2", 4, 0},   /* longer than the header */
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t frame[128], plain[2048];
        struct decoded d;
        made_ip(plain, sizeof plain, &syn4);
        memset(frame, 0, sizeof frame);
        memcpy(frame, plain, 40);
        memcpy(frame + 40, rows[i].at, rows[i].len);
        frame[32] = (uint8_t)((20 + rows[i].len) / 4 << 4);
        store16(frame + 2, (uint16_t)(40 + rows[i].len));
        store16(frame + 10, 0);
        store16(frame + 36, 0);
        uint32_t n = 40 + rows[i].len;
        assert_int_equal(decode_bytes(101, frame, n, n, &d), DECODE_TCP);
        assert_int_equal(d.tcp.options, rows[i].found);
        frame[33] = TCP_ACK; /* other segments have no such say */
        assert_int_equal(decode_bytes(101, frame, n, n, &d), DECODE_TCP);
        assert_int_equal(d.tcp.options, 0);
    }
}

static void cut_at_every_length(void **state) {
    (void)state;
    uint8_t frame[2048];
    struct decoded d;
    uint32_t n = made_ip(frame, sizeof frame, &syn4), n6 = made_ip(frame, sizeof frame, &data6);
    for (uint32_t cut = 0; cut <= n6; cut++) {
        enum decode_kind kind = decode_bytes(101, frame, cut, n6, &d);
        assert_int_equal(kind, cut < 60 ? DECODE_CUT : DECODE_TCP);
        if (kind == DECODE_TCP) assert_int_equal(d.tcp.len, 700);
        if (kind == DECODE_TCP) assert_int_equal(d.tcp.captured, cut - 60);
    }
    made_ip(frame, sizeof frame, &syn4);
    assert_int_equal(decode_bytes(101, frame, n - 2, n, &d), DECODE_TCP); /* within the options */
    assert_int_equal(d.tcp.marks, FLOW_CUT);
    assert_false(d.tcp.tcp.options.has_mss);
}

static void checksums(void **state) {
    (void)state;
    uint8_t frame[2048];
    struct decoded d;
    segment s = data6;
    uint32_t n = made_ip(frame, sizeof frame, &s);
    frame[n - 1] ^= 1;
    assert_int_equal(decode_bytes(101, frame, n, n, &d), DECODE_TCP);
    assert_int_equal(d.tcp.marks, FLOW_SUM_WRONG);
    assert_int_equal(decode_bytes(101, frame, n - 1, n, &d), DECODE_TCP); /* cannot be known */
    assert_int_equal(d.tcp.marks, 0);
    s.open_sum = true;
    n = made_ip(frame, sizeof frame, &s);
    assert_int_equal(decode_bytes(101, frame, n, n, &d), DECODE_TCP);
    assert_int_equal(d.tcp.marks, FLOW_SUM_OPEN);
}

static void fragments_are_put_together(void **state) {
    (void)state;
    uint8_t frame[2048], piece[2048];
    struct decoded d;
    segment s = syn4;
    s.len = 1000;
    s.id = 77;
    uint32_t n = made_ip(frame, sizeof frame, &s), first = 512;
    struct {
        uint32_t at, len;
    } pieces[2] = {{first, n - 20 - first}, {0, first}}; /* the last one first */
    for (int i = 0; i < 2; i++) {
        uint32_t len = pieces[i].len;
        memcpy(piece, frame, 20);
        memcpy(piece + 20, frame + 20 + pieces[i].at, len);
        store16(piece + 2, (uint16_t)(20 + len));
        store16(piece + 6, (uint16_t)(pieces[i].at / 8 | (i == 1 ? 0x2000 : 0)));
        store16(piece + 10, 0);
        assert_int_equal(decode_bytes(101, piece, 20 + len, 20 + len, &d), i == 0 ? DECODE_FRAGMENT : DECODE_TCP);
    }
    assert_int_equal(d.tcp.len, 1000);
    assert_int_equal(d.tcp.tcp.options.mss, 1460);
    assert_int_equal(d.src_port, 40000);
}

static void icmp_errors(void **state) {
    (void)state;
    uint8_t inner[2048], frame[2048];
    struct decoded d;
    segment s = syn4;
    made_ip(inner, sizeof inner, &s);
    writer w = writer_of(frame, sizeof frame);
    ip4_header ip = {
        .header_len = 20, .ttl = 60, .proto = IP_PROTO_ICMP4, .total_len = 56, .src = 0x0a0000fe, .dst = 0x0a000001};
    icmp_message m = {.type = ICMP4_UNREACHABLE, .code = 4, .field = 1400, .body = inner, .body_len = 28};
    ip4_emit(&w, &ip);
    icmp_emit(&w, &m);
    uint32_t n = (uint32_t)(w.at - frame);
    assert_int_equal(decode_bytes(101, frame, n, n, &d), DECODE_ICMP);
    assert_int_equal(d.icmp.mtu, 1400);
    assert_int_equal(d.icmp.seq_no.v, 100);
    assert_int_equal(d.src_port, 40000);
    assert_int_equal(d.dst_port, 80);
    assert_int_equal(ip_to_v4(&d.icmp.sender), 0x0a0000fe);
    n = made_ip(inner, sizeof inner, &data6);
    writer w6 = writer_of(frame, sizeof frame);
    ip6_header ip6 = {.next_header = IP_PROTO_ICMP6, .payload_len = (uint16_t)(8 + 200), .hop_limit = 9};
    ip_parse("fd00::9", &ip6.src);
    ip_parse("fd00::1", &ip6.dst);
    icmp_message m6 = {.type = ICMP6_TOO_BIG, .field = 1280, .body = inner, .body_len = 200};
    ip6_emit(&w6, &ip6);
    icmp_emit(&w6, &m6);
    n = (uint32_t)(w6.at - frame);
    assert_int_equal(decode_bytes(101, frame, n, n, &d), DECODE_ICMP);
    assert_int_equal(d.icmp.mtu, 1280);
    assert_true(d.icmp.v6);
}

/* ---- the table, with a machine that only counts ---- */

struct told {
    unsigned created, ended[4], icmp, copies, packets;
    uint64_t last_id, evicted_id;
    uint8_t from;
    bool over_at_fin, with_before;
};

static bool begins(void *ctx, const struct explain_flow *f, const struct flow_packet *p) {
    (void)ctx, (void)p;
    return f->over;
}
static void created(void *ctx, struct explain_flow *f, const struct explain_flow *before, const struct flow_packet *p) {
    struct told *t = ctx;
    (void)p;
    t->created++;
    t->last_id = f->id;
    t->with_before = before != NULL;
}
static bool super(void *ctx, const struct explain_flow *f, const struct flow_packet *p) {
    (void)ctx;
    (void)f;
    return p->len > 1460;
}

static void fed(void *ctx, struct explain_flow *f, const struct flow_packet *p) {
    struct told *t = ctx;
    t->packets++;
    t->copies += (p->marks & FLOW_COPY) != 0;
    t->from = p->from;
    if (p->tcp.flags & TCP_FIN) f->over = true;
}
static void icmp(void *ctx, struct explain_flow *f, const struct flow_icmp *i) {
    (void)f, (void)i;
    ((struct told *)ctx)->icmp++;
}
static void ended(void *ctx, struct explain_flow *f, uint64_t now_ns) {
    struct told *t = ctx;
    (void)now_ns;
    t->ended[f->ended]++;
    if (f->ended == FLOW_EVICTED) t->evicted_id = f->id;
}

static struct told told;
static uint64_t clock_now;

static struct flow_table *table_new(uint32_t limit) {
    struct flow_machine m = {
        .ctx = &told, .begins = begins, .super = super, .created = created, .fed = fed, .icmp = icmp, .ended = ended};
    memset(&told, 0, sizeof told);
    struct flow_table *t = flow_table_new(&m, limit, 60 * SEC_NS);
    assert_non_null(t);
    return t;
}

static void put(struct flow_table *t, const segment *s, uint32_t iface) {
    uint8_t frame[2048];
    struct decoded d;
    uint32_t n = made_ip(frame, sizeof frame, s);
    assert_int_equal(decode_bytes(101, frame, n, n, &d), DECODE_TCP);
    d.tcp.time_ns = clock_now;
    d.tcp.iface = iface;
    flow_table_packet(t, &d);
}

static void directions(void **state) {
    (void)state;
    struct flow_table *t = table_new(100);
    segment answer = {
        .src = "10.0.0.2", .dst = "10.0.0.1", .src_port = 80, .dst_port = 40000, .flags = TCP_SYN | TCP_ACK};
    put(t, &answer, 0); /* the SYN was not captured: its receiver sends the SYN-ACK */
    assert_int_equal(told.from, END_B);
    put(t, &syn4, 0);
    assert_int_equal(told.from, END_A);
    assert_int_equal(told.created, 1);
    put(t, &data6, 0); /* in mid-stream: the higher port opened */
    assert_int_equal(told.from, END_A);
    segment to_self = {.src = "10.0.0.1", .dst = "10.0.0.1", .src_port = 7, .dst_port = 9, .flags = TCP_SYN};
    put(t, &to_self, 0); /* loopback with one address: ports tell */
    segment back = {.src = "10.0.0.1", .dst = "10.0.0.1", .src_port = 9, .dst_port = 7, .flags = TCP_SYN | TCP_ACK};
    put(t, &back, 0);
    assert_int_equal(told.from, END_B);
    assert_int_equal(told.created, 3);
    flow_table_end(t);
    assert_int_equal(told.ended[FLOW_FILE_ENDED], 3);
    flow_table_free(t);
}

static void copies_are_known(void **state) {
    (void)state;
    struct flow_table *t = table_new(100);
    segment s = {
        .src = "10.0.0.1", .dst = "10.0.0.2", .src_port = 9, .dst_port = 80, .flags = TCP_ACK, .seq = 9, .len = 9};
    clock_now = 1000 * SEC_NS;
    s.id = 5;
    put(t, &s, 0);
    clock_now += 20 * US_NS;
    put(t, &s, 0); /* a mirror port */
    assert_int_equal(told.copies, 1);
    s.ttl = 63;
    clock_now += MS_NS;
    put(t, &s, 0); /* one hop on */
    assert_int_equal(told.copies, 2);
    s.id = 6;
    put(t, &s, 0); /* sent again */
    assert_int_equal(told.copies, 2);
    clock_now += 300 * MS_NS;
    put(t, &s, 0); /* some hosts keep the identification: a retransmission all the same */
    assert_int_equal(told.copies, 2);
    segment ack = s;
    ack.id = 0;
    ack.len = 0;
    for (int i = 0; i < 4; i++) put(t, &ack, 0); /* duplicate ACKs are no copies */
    assert_int_equal(told.copies, 2);
    put(t, &ack, 1); /* but on another interface they are */
    assert_int_equal(told.copies, 3);
    s.id = 7;
    put(t, &s, 0);
    clock_now -= US_NS; /* and the other interface's clock may be a little behind */
    put(t, &s, 1);
    assert_int_equal(told.copies, 4);
    flow_table_end(t);
    flow_table_free(t);
}

/* On both sides of a router that takes 5 ms, while thousands of other packets pass: each copy is still known. */
static void copies_among_thousands(void **state) {
    (void)state;
    enum { UNDER_WAY = 3000 };
    struct flow_table *t = table_new(100);
    clock_now = 1000 * SEC_NS;
    for (int hop = 0; hop < 2; hop++) {
        segment s = {.src = "10.0.0.1",
                     .dst = "10.0.0.2",
                     .src_port = 9,
                     .dst_port = 80,
                     .flags = TCP_ACK,
                     .ttl = (uint8_t)(64 - hop),
                     .len = 9};
        for (uint32_t i = 0; i < UNDER_WAY; i++) {
            s.seq = 9 * i;
            s.id = (uint16_t)(i + 1);
            put(t, &s, 0);
            clock_now += US_NS;
        }
        clock_now += MS_NS;
    }
    assert_int_equal(told.copies, UNDER_WAY);
    flow_table_end(t);
    flow_table_free(t);
}

static void ends_reuse_and_eviction(void **state) {
    (void)state;
    struct flow_table *t = table_new(3);
    clock_now = 1000 * SEC_NS;
    segment s = syn4, fin = syn4;
    fin.flags = TCP_FIN | TCP_ACK;
    put(t, &s, 0);
    put(t, &fin, 0);
    s.seq = 5000;
    put(t, &s, 0); /* the same pair of sockets again */
    assert_int_equal(told.created, 2);
    assert_int_equal(told.ended[FLOW_REUSED], 1);
    assert_true(told.with_before);
    put(t, &fin, 0);
    clock_now += 61 * SEC_NS;
    s.src_port = 1;
    put(t, &s, 0);
    assert_int_equal(told.ended[FLOW_OVER], 1); /* silent for longer than the linger */
    for (uint16_t port = 2; port <= 3; port++) {
        s.src_port = port;
        clock_now += SEC_NS;
        put(t, &s, 0);
    }
    fin.src_port = 3;
    put(t, &fin, 0);
    s.src_port = 4;
    put(t, &s, 0); /* the third makes room: it is over */
    assert_int_equal(told.ended[FLOW_EVICTED], 1);
    assert_int_equal(told.evicted_id, 5);
    s.src_port = 5;
    put(t, &s, 0); /* none is over: the one silent longest */
    assert_int_equal(told.evicted_id, 3);
    const struct flow_counts *c = flow_table_counts(t);
    assert_int_equal(c->flows, 7);
    assert_int_equal(c->evicted_over, 1);
    assert_int_equal(c->evicted_open, 1);
    assert_int_equal(c->most, 3);
    flow_table_end(t);
    assert_int_equal(c->live, 0);
    flow_table_free(t);
}

/* In a full table: the one whose sockets are taken is also the one that would make way. */
static void reuse_in_a_full_table(void **state) {
    (void)state;
    struct flow_table *t = table_new(1);
    clock_now = 1000 * SEC_NS;
    segment s = syn4, fin = syn4;
    fin.flags = TCP_FIN | TCP_ACK;
    for (int i = 0; i < 3; i++) {
        s.seq += 1000;
        put(t, &s, 0);
        put(t, &fin, 0);
    }
    assert_int_equal(told.ended[FLOW_REUSED], 2);
    assert_int_equal(told.ended[FLOW_EVICTED], 0);
    assert_int_equal(flow_table_counts(t)->live, 1);
    flow_table_end(t);
    assert_int_equal(flow_table_counts(t)->live, 0);
    flow_table_free(t);
}

/* Handed in ahead, packets are told of in their order, and none is forgotten. */
static void a_few_packets_behind(void **state) {
    (void)state;
    struct flow_table *t = table_new(100);
    clock_now = 1000 * SEC_NS;
    for (uint16_t i = 0; i < 100; i++) {
        uint8_t frame[2048];
        segment s = i % 2 ? data6 : syn4;
        s.src_port = (uint16_t)(1000 + i / 4);
        uint32_t n = made_ip(frame, sizeof frame, &s);
        struct decoded *d = flow_table_room(t);
        assert_int_equal(decode_bytes(101, frame, n, n, d), DECODE_TCP);
        d->tcp.time_ns = clock_now + i * SEC_NS;
        flow_table_take(t, false);
    }
    assert_true(told.packets < 100);
    flow_table_settle(t);
    assert_int_equal(told.packets, 100);
    assert_int_equal(flow_table_counts(t)->marked[6], 0); /* in their order: no clock steps back */
    assert_int_equal(told.created, 50);
    flow_table_end(t);
    flow_table_free(t);
}

static void clock_steps(void **state) {
    (void)state;
    struct flow_table *t = table_new(3);
    clock_now = 1000 * SEC_NS;
    put(t, &syn4, 0);
    clock_now -= SEC_NS;
    put(t, &data6, 0);
    put(t, &data6, 1); /* another interface has a clock of its own */
    assert_int_equal(flow_table_counts(t)->marked[6], 1);
    flow_table_end(t);
    flow_table_free(t);
}

/* Bytes changed at random under every link type; memory of an exact size. */
static void changed_bytes(void **state) {
    (void)state;
    static const uint32_t links[] = {0, 1, 12, 101, 108, 113, 228, 229, 276};
    draw r = {7};
    struct flow_table *t = table_new(50);
    for (int round = 0; round < 100000; round++) {
        uint8_t frame[2048];
        struct decoded d;
        segment s = draw_bool(&r) ? syn4 : data6;
        s.len = draw_below(&r, 200);
        uint32_t link = links[draw_below(&r, ARRAY_LEN(links))], head = draw_below(&r, 24);
        draw_bytes(&r, frame, head);
        uint32_t n = head + made_ip(frame + head, sizeof frame - head, &s);
        for (uint32_t k = draw_below(&r, 4); k > 0; k--) frame[draw_below(&r, n)] = (uint8_t)draw_u64(&r);
        uint32_t captured = draw_bool(&r) ? n : draw_below(&r, n + 1);
        enum decode_kind kind = decode_bytes(link, frame, captured, n + draw_below(&r, 3), &d);
        assert_true(kind < DECODE_KINDS);
        if (kind == DECODE_TCP) assert_true(d.tcp.captured <= d.tcp.len);
        if (kind == DECODE_TCP) flow_table_packet(t, &d);
        if (kind == DECODE_ICMP) flow_table_icmp(t, &d);
    }
    flow_table_end(t);
    flow_table_free(t);
}

int main(void) {
    decoder_init(&dec);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(link_types),
        cmocka_unit_test(carriers),
        cmocka_unit_test(ip6_headers),
        cmocka_unit_test(options_of_a_syn),
        cmocka_unit_test(cut_at_every_length),
        cmocka_unit_test(checksums),
        cmocka_unit_test(fragments_are_put_together),
        cmocka_unit_test(icmp_errors),
        cmocka_unit_test(directions),
        cmocka_unit_test(copies_are_known),
        cmocka_unit_test(copies_among_thousands),
        cmocka_unit_test(ends_reuse_and_eviction),
        cmocka_unit_test(reuse_in_a_full_table),
        cmocka_unit_test(a_few_packets_behind),
        cmocka_unit_test(clock_steps),
        cmocka_unit_test(changed_bytes),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    decoder_free(&dec);
    return failed;
}
