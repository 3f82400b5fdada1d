/* test_lens_ladder.c - whole ladders from hand-made records, compared with reviewed text, and the rules behind them:
 * what is held back, what is condensed, what is marked lost or repeated. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lens/ladder.h"
#include "lens/text.h"
#include "lens_records.h"

enum { FA = TERN_FIN | TERN_ACK, PA = TERN_PSH | TERN_ACK, SA = TERN_SYN | TERN_ACK };

static struct ladder *ladder;
static char *drawn;
static size_t drawn_len;
static FILE *sheet;

static struct ladder_options both_ends(void) {
    return (struct ladder_options){
        .width = 80, .both = true, .name = {"client", "server"}, .initial = {TERN_CLOSED, TERN_LISTEN}};
}

static void begin(struct ladder_options o) {
    sheet = open_memstream(&drawn, &drawn_len);
    o.out = sheet;
    ladder = ladder_new(&o);
    assert_non_null(ladder);
}

static const char *end(void) {
    ladder_free(ladder);
    fclose(sheet);
    return drawn;
}

static void done(void) { free(drawn); }

static void out(int who, uint64_t us, enum tern_state state, const char *reason, uint16_t flags, uint32_t seq,
                uint32_t ack, uint32_t len) {
    tern_trace r = segment_at(false, who, us, state, state, reason, flags, seq, ack, len);
    ladder_record(ladder, who, &r);
}

static void in(int who, uint64_t us, enum tern_state before, enum tern_state after, const char *reason, uint16_t flags,
               uint32_t seq, uint32_t ack, uint32_t len) {
    tern_trace r = segment_at(true, who, us, before, after, reason, flags, seq, ack, len);
    ladder_record(ladder, who, &r);
}

static void move(int who, uint64_t us, enum tern_state before, enum tern_state after) {
    tern_trace r = record_at(TERN_TRACE_STATE, who, us, before, after);
    ladder_record(ladder, who, &r);
}

static void call(int who, uint64_t us, const char *name, int64_t value) {
    tern_trace r = record_at(TERN_TRACE_CALL, who, us, TERN_CLOSED, TERN_CLOSED);
    r.call = name;
    r.value = value;
    ladder_record(ladder, who, &r);
}

static void timer(int who, uint64_t us, const char *name, const char *reason) {
    tern_trace r = record_at(TERN_TRACE_TIMER, who, us, TERN_CLOSED, TERN_CLOSED);
    r.timer = name;
    r.reason = reason_named(reason);
    ladder_record(ladder, who, &r);
}

static void open_both(void) {
    call(0, 0, "open", 0);
    move(0, 0, TERN_CLOSED, TERN_SYN_SENT);
    out(0, 0, TERN_SYN_SENT, "SEND_SYN", TERN_SYN, 0, 0, 0);
    in(1, 20000, TERN_LISTEN, TERN_SYN_RECEIVED, "LISTEN_SYN", TERN_SYN, 0, 0, 0);
    out(1, 20000, TERN_SYN_RECEIVED, "SEND_SYN_ACK", SA, 0, 1, 0);
    move(0, 40000, TERN_SYN_SENT, TERN_ESTABLISHED);
    in(0, 40000, TERN_SYN_SENT, TERN_ESTABLISHED, "SYNSENT_SYN_ACK", SA, 0, 1, 0);
    out(0, 40000, TERN_ESTABLISHED, "SEND_ACK", TERN_ACK, 1, 1, 0);
    move(1, 60000, TERN_SYN_RECEIVED, TERN_ESTABLISHED);
    in(1, 60000, TERN_SYN_RECEIVED, TERN_ESTABLISHED, "OPEN_COMPLETE", TERN_ACK, 1, 1, 0);
}

/* A short life: opened by the client, closed first by the server, three segments at the end. */
static void life(void) {
    open_both();
    out(0, 60000, TERN_ESTABLISHED, "SEND_DATA", PA, 1, 1, 78);
    in(1, 80000, TERN_ESTABLISHED, TERN_ESTABLISHED, "TEXT_IN_ORDER", PA, 1, 1, 78);
    call(1, 80000, "receive", 78);
    move(1, 80000, TERN_ESTABLISHED, TERN_FIN_WAIT_1);
    call(1, 80000, "close", 0);
    out(1, 80000, TERN_FIN_WAIT_1, "SEND_FIN", FA, 1, 79, 0);
    in(0, 100000, TERN_ESTABLISHED, TERN_CLOSE_WAIT, "FIN_TAKEN", FA, 1, 79, 0);
    out(0, 100000, TERN_LAST_ACK, "SEND_FIN", FA, 79, 2, 0);
    in(1, 120000, TERN_FIN_WAIT_1, TERN_TIME_WAIT, "FIN_TAKEN", FA, 79, 2, 0);
    out(1, 120000, TERN_TIME_WAIT, "SEND_ACK", TERN_ACK, 2, 80, 0);
    in(0, 140000, TERN_LAST_ACK, TERN_CLOSED, "FIN_ACKED", TERN_ACK, 2, 80, 0);
    timer(1, 3120000, "2MSL", "END_2MSL");
    move(1, 3120000, TERN_TIME_WAIT, TERN_CLOSED);
}

static void golden(struct ladder_options o, const char *want) {
    begin(o);
    life();
    assert_string_equal(end(), want);
    done();
}

/* clang-format off */
static const char english_80[] =
    "          client 10.9.0.2:40000                               server 10.9.0.1:80\n"
    "          CLOSED                                                    LISTEN\n"
    "        0 SYN-SENT     ├ open  CLOSED → SYN-SENT                    LISTEN\n"
    "+0.000 ms SYN-SENT     ── SYN Seq=0 Len=0 Win=64240 mss=1460 ─────▶ SYN-RECEIVED\n"
    "                          ws=7 sackOK ts=1000/0\n"
    "                          client: asks to open: SYN announces our first number\n"
    "+20.00 ms ESTABLISHED  ◀──── SYN,ACK Seq=0 Ack=1 Len=0 Win=64240 ── SYN-RECEIVED\n"
    "                          mss=1460 ws=7 sackOK ts=1000/0\n"
    "                          server: accepts: SYN announces our number, ACK takes\n"
    "                          the peer's; ack = 0 + 1 (SYN) = 1\n"
    "+20.00 ms ESTABLISHED  ── ACK Seq=1 Ack=1 Len=0 Win=64256 ────────▶ ESTABLISHED\n"
    "                          client: acknowledges what arrived;\n"
    "                          seq = 0 + 1 (SYN) = 1; ack = 0 + 1 (SYN) = 1\n"
    "+20.00 ms ESTABLISHED  ── PSH,ACK Seq=1 Ack=1 Len=78 Win=64256 ───▶ ESTABLISHED\n"
    "                          client: bytes from the send buffer\n"
    "+20.00 ms ESTABLISHED             close  ESTABLISHED → FIN-WAIT-1 ┤ FIN-WAIT-1\n"
    "+0.000 ms CLOSE-WAIT   ◀─── FIN,ACK Seq=1 Ack=79 Len=0 Win=64256 ── FIN-WAIT-1\n"
    "                          server: no more bytes will come: FIN;\n"
    "                          seq = 0 + 1 (SYN) = 1; ack = 1 + 78 bytes = 79\n"
    "+20.00 ms LAST-ACK     ── FIN,ACK Seq=79 Ack=2 Len=0 Win=64256 ───▶ TIME-WAIT\n"
    "                          client: no more bytes will come: FIN;\n"
    "                          seq = 1 + 78 bytes = 79; ack = 1 + 1 (FIN) = 2\n"
    "+20.00 ms CLOSED       ◀─────── ACK Seq=2 Ack=80 Len=0 Win=64256 ── TIME-WAIT\n"
    "                          server: acknowledges what arrived;\n"
    "                          seq = 1 + 1 (FIN) = 2; ack = 79 + 1 (FIN) = 80\n"
    " +3000 ms CLOSED                  timer: 2MSL  TIME-WAIT → CLOSED ┤ CLOSED\n"
    "                          server: 2 MSL passed: the pair of sockets is free\n"
    "                          again\n";

static const char chinese_140[] =
    "          client 10.9.0.2:40000                                      server 10.9.0.1:80\n"
    "          CLOSED                                                           LISTEN\n"
    "        0 SYN-SENT     ├ 打开  CLOSED → SYN-SENT                           LISTEN\n"
    "+0.000 ms SYN-SENT     ── SYN Seq=0 Len=0 Win=64240 mss=1460 ws=7 ───────▶ SYN-RECEIVED  client：请求打开：SYN 宣告本端初始序号\n"
    "                          sackOK ts=1000/0\n"
    "+20.00 ms ESTABLISHED  ◀── SYN,ACK Seq=0 Ack=1 Len=0 Win=64240 mss=1460 ── SYN-RECEIVED  server：同意打开：SYN 宣告本端序号，ACK 确认对端序\n"
    "                          ws=7 sackOK ts=1000/0                                          号；ack = 0 + 1 (SYN) = 1\n"
    "+20.00 ms ESTABLISHED  ── ACK Seq=1 Ack=1 Len=0 Win=64256 ───────────────▶ ESTABLISHED   client：确认收到的内容；seq = 0 + 1 (SYN) = 1；\n"
    "                                                                                         ack = 0 + 1 (SYN) = 1\n"
    "+20.00 ms ESTABLISHED  ── PSH,ACK Seq=1 Ack=1 Len=78 Win=64256 ──────────▶ ESTABLISHED   client：发送缓冲区中的数据\n"
    "+20.00 ms ESTABLISHED                     关闭  ESTABLISHED → FIN-WAIT-1 ┤ FIN-WAIT-1\n"
    "+0.000 ms CLOSE-WAIT   ◀────────── FIN,ACK Seq=1 Ack=79 Len=0 Win=64256 ── FIN-WAIT-1    server：不再有数据：FIN；seq = 0 + 1 (SYN) = 1；\n"
    "                                                                                         ack = 1 + 78 字节 = 79\n"
    "+20.00 ms LAST-ACK     ── FIN,ACK Seq=79 Ack=2 Len=0 Win=64256 ──────────▶ TIME-WAIT     client：不再有数据：FIN；seq = 1 + 78 字节 = 79；\n"
    "                                                                                         ack = 1 + 1 (FIN) = 2\n"
    "+20.00 ms CLOSED       ◀────────────── ACK Seq=2 Ack=80 Len=0 Win=64256 ── TIME-WAIT     server：确认收到的内容；seq = 1 + 1 (FIN) = 2；\n"
    "                                                                                         ack = 79 + 1 (FIN) = 80\n"
    " +3000 ms CLOSED                        计时器：2MSL  TIME-WAIT → CLOSED ┤ CLOSED        server：2MSL 已过：该套接字对可再次使用\n";

static const char ascii_90[] =
    "          client 10.9.0.2:40000                                         server 10.9.0.1:80\n"
    "          CLOSED                                                              LISTEN\n"
    "        0 SYN-SENT     | open  CLOSED -> SYN-SENT                             LISTEN\n"
    "+0.000 ms SYN-SENT     -- SYN Seq=1234567 Len=0 Win=64240 mss=1460 ws=7 ----> SYN-RECEIVED\n"
    "                          sackOK ts=1000/0\n"
    "                          client: asks to open: SYN announces our first number\n"
    "+20.00 ms ESTABLISHED  <-- SYN,ACK Seq=7654321 Ack=1234568 Len=0 Win=64240 -- SYN-RECEIVED\n"
    "                          mss=1460 ws=7 sackOK ts=1000/0\n"
    "                          server: accepts: SYN announces our number, ACK takes the peer's;\n"
    "                          ack = 1234567 + 1 (SYN) = 1234568\n"
    "+20.00 ms ESTABLISHED  -- ACK Seq=1234568 Ack=7654322 Len=0 Win=64256 ------> ESTABLISHED\n"
    "                          client: acknowledges what arrived;\n"
    "                          seq = 1234567 + 1 (SYN) = 1234568;\n"
    "                          ack = 7654321 + 1 (SYN) = 7654322\n"
    "+20.00 ms ESTABLISHED  -- PSH,ACK Seq=1234568 Ack=7654322 Len=78 Win=64256 -> ESTABLISHED\n"
    "                          client: bytes from the send buffer\n"
    "+20.00 ms ESTABLISHED                      close  ESTABLISHED -> FIN-WAIT-1 | FIN-WAIT-1\n"
    "+0.000 ms CLOSE-WAIT   <-- FIN,ACK Seq=7654322 Ack=1234646 Len=0 Win=64256 -- FIN-WAIT-1\n"
    "                          server: no more bytes will come: FIN;\n"
    "                          seq = 7654321 + 1 (SYN) = 7654322;\n"
    "                          ack = 1234568 + 78 bytes = 1234646\n"
    "+20.00 ms LAST-ACK     -- FIN,ACK Seq=1234646 Ack=7654323 Len=0 Win=64256 --> TIME-WAIT\n"
    "                          client: no more bytes will come: FIN;\n"
    "                          seq = 1234568 + 78 bytes = 1234646;\n"
    "                          ack = 7654322 + 1 (FIN) = 7654323\n"
    "+20.00 ms CLOSED       <------ ACK Seq=7654323 Ack=1234647 Len=0 Win=64256 -- TIME-WAIT\n"
    "                          server: acknowledges what arrived;\n"
    "                          seq = 7654322 + 1 (FIN) = 7654323;\n"
    "                          ack = 1234646 + 1 (FIN) = 1234647\n"
    " +3000 ms CLOSED                           timer: 2MSL  TIME-WAIT -> CLOSED | CLOSED\n"
    "                          server: 2 MSL passed: the pair of sockets is free again\n";

/* clang-format on */
static void english(void **state) {
    (void)state;
    golden(both_ends(), english_80);
}

static void chinese_beside(void **state) {
    (void)state;
    struct ladder_options o = both_ends();
    o.lang = TERN_ZH;
    o.width = 140;
    golden(o, chinese_140);
}

static void ascii_absolute(void **state) {
    (void)state;
    struct ladder_options o = both_ends();
    o.ascii = o.absolute = true;
    o.width = 90;
    begin(o);
    life();
    end();
    for (size_t i = 0; i < drawn_len; i++) assert_true((unsigned char)drawn[i] < 0x80);
    assert_string_equal(drawn, ascii_90);
    done();
}

/* No line is wider than asked, in either language, at any width; colours change bytes but no columns. */
static void widths(void **state) {
    (void)state;
    for (unsigned width = 80; width <= 200; width++) {
        for (int variant = 0; variant < 4; variant++) {
            struct ladder_options o = both_ends();
            o.width = width;
            o.lang = variant & 1 ? TERN_ZH : TERN_EN;
            o.colour = variant & 2;
            begin(o);
            life();
            end();
            for (char *line = strtok(drawn, "\n"); line != NULL; line = strtok(NULL, "\n"))
                assert_in_range(text_width(line), 0, width);
            done();
        }
    }
}

static void colour_adds_only_colour(void **state) {
    (void)state;
    struct ladder_options o = both_ends();
    o.colour = true;
    begin(o);
    life();
    end();
    assert_non_null(strstr(drawn, "\033[32mESTABLISHED\033[0m"));
    size_t at = 0;
    for (size_t i = 0; i < drawn_len; i++) {
        if (drawn[i] == '\033')
            while (drawn[i] != 'm') i++;
        else
            drawn[at++] = drawn[i];
    }
    drawn[at] = '\0';
    assert_string_equal(drawn, english_80);
    done();
}

static size_t lines_with(const char *text) {
    size_t n = 0;
    for (const char *at = drawn; (at = strstr(at, text)) != NULL; at += strlen(text)) n++;
    return n;
}

/* RFC 9293 figure 7: two SYNs cross; each leaves before the other arrives. */
static void crossing(void **state) {
    (void)state;
    struct ladder_options o = both_ends();
    o.initial[1] = TERN_CLOSED;
    begin(o);
    out(0, 0, TERN_SYN_SENT, "SEND_SYN", TERN_SYN, 0, 0, 0);
    out(1, 5000, TERN_SYN_SENT, "SEND_SYN", TERN_SYN, 0, 0, 0);
    in(0, 15000, TERN_SYN_SENT, TERN_SYN_RECEIVED, "SYNSENT_SYN", TERN_SYN, 0, 0, 0);
    in(1, 20000, TERN_SYN_SENT, TERN_SYN_RECEIVED, "SYNSENT_SYN", TERN_SYN, 0, 0, 0);
    end();
    assert_non_null(strstr(drawn, "─▶ ... CLOSED"));
    assert_non_null(strstr(drawn, "SYN-RECEIVED ◀"));
    assert_non_null(strstr(drawn, "... ── SYN Seq=0"));
    assert_non_null(strstr(drawn, "▶ SYN-RECEIVED"));
    assert_int_equal(lines_with("simultaneous open"), 2);
    done();
}

/* Whichever SYN arrives first, the other one left before: no end goes back to SYN-SENT. */
static void crossing_in_order(void **state) {
    (void)state;
    struct ladder_options o = both_ends();
    o.initial[1] = TERN_CLOSED;
    begin(o);
    out(0, 0, TERN_SYN_SENT, "SEND_SYN", TERN_SYN, 0, 0, 0);
    out(1, 5000, TERN_SYN_SENT, "SEND_SYN", TERN_SYN, 0, 0, 0);
    in(1, 20000, TERN_SYN_SENT, TERN_SYN_RECEIVED, "SYNSENT_SYN", TERN_SYN, 0, 0, 0);
    in(0, 25000, TERN_SYN_SENT, TERN_SYN_RECEIVED, "SYNSENT_SYN", TERN_SYN, 0, 0, 0);
    end();
    assert_int_equal(lines_with("SYN-SENT "), 3);
    assert_int_equal(lines_with("... ◀"), 1);
    assert_int_equal(lines_with("─▶ ..."), 1);
    done();
}

static void lost_and_repeated(void **state) {
    (void)state;
    uint8_t packet[40] = {0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 10, 9, 0, 2, 10, 9, 0, 1};
    const uint8_t tcp[14] = {A_PORT >> 8, A_PORT & 255, 0, B_PORT, 0, 0x12, 0xd6, 0x87, 0, 0, 0, 0, 0x50, TERN_SYN};
    memcpy(packet + 20, tcp, sizeof tcp); /* 0x12d687 is 1234567 */
    begin(both_ends());
    out(0, 0, TERN_SYN_SENT, "SEND_SYN", TERN_SYN, 0, 0, 0);
    ladder_lost(ladder, 0, packet, sizeof packet);
    ladder_lost(ladder, 0, packet, 39); /* cut short: no TCP that could be known */
    timer(0, 1000000, "retransmission", "NONE");
    out(0, 1000000, TERN_SYN_SENT, "REXMIT_SYN", TERN_SYN, 0, 0, 0);
    in(1, 1020000, TERN_LISTEN, TERN_SYN_RECEIVED, "LISTEN_SYN", TERN_SYN, 0, 0, 0);
    end();
    assert_int_equal(lines_with("[lost]"), 1);
    assert_int_equal(lines_with("✗ LISTEN"), 1);
    assert_int_equal(lines_with("[repeated]"), 1);
    assert_int_equal(lines_with("├ timer: retransmission"), 1);
    assert_int_equal(lines_with("+1000 ms"), 1);
    done();
}

static void bulk(uint32_t segments) {
    uint32_t seq = 1;
    open_both();
    for (uint32_t i = 0; i < segments; i++, seq += 1460) {
        out(1, 60000 + i, TERN_ESTABLISHED, "SEND_DATA", TERN_ACK, seq, 1, 1460);
        in(0, 60000 + i, TERN_ESTABLISHED, TERN_ESTABLISHED, "TEXT_IN_ORDER", TERN_ACK, seq, 1, 1460);
        if (i % 2 == 1) {
            out(0, 60000 + i, TERN_ESTABLISHED, "SEND_ACK_NOW", TERN_ACK, 1, seq + 1460, 0);
            in(1, 60000 + i, TERN_ESTABLISHED, TERN_ESTABLISHED, "ACK_NEW", TERN_ACK, 1, seq + 1460, 0);
        }
    }
    out(1, 70000, TERN_FIN_WAIT_1, "SEND_FIN", FA, seq, 1, 0);
    in(0, 70000, TERN_ESTABLISHED, TERN_CLOSE_WAIT, "FIN_TAKEN", FA, seq, 1, 0);
}

static void condensed(void **state) {
    (void)state;
    begin(both_ends());
    bulk(46);
    end();
    assert_int_equal(lines_with("Len=1460"), 4);
    assert_int_equal(lines_with("… 42 segments, 61320 bytes, 21 ACKs …"), 1);
    assert_non_null(strstr(drawn, "FIN,ACK Seq=67161")); /* the count went on unseen */
    done();
    struct ladder_options o = both_ends();
    o.all = true;
    begin(o);
    bulk(46);
    end();
    assert_int_equal(lines_with("Len=1460"), 46);
    assert_int_equal(lines_with("… 42"), 0);
    done();
    begin(both_ends());
    bulk(4); /* nothing to condense */
    end();
    assert_int_equal(lines_with("Len=1460"), 4);
    assert_int_equal(lines_with("segments,"), 0);
    done();
}

/* Duplicate ACKs and what lies behind a hole come in rows: three of each are drawn, the rest is counted. */
static void rows_of_notes(void **state) {
    (void)state;
    begin(both_ends());
    open_both();
    for (uint32_t i = 0; i < 10; i++) {
        uint32_t seq = 1461 + i * 1460;
        out(1, 60000 + i, TERN_ESTABLISHED, "SEND_DATA", TERN_ACK, seq, 1, 1460);
        in(0, 60000 + i, TERN_ESTABLISHED, TERN_ESTABLISHED, "TEXT_OUT_OF_ORDER", TERN_ACK, seq, 1, 1460);
        out(0, 60000 + i, TERN_ESTABLISHED, "SEND_ACK_NOW", TERN_ACK, 1, 1, 0);
        in(1, 60000 + i, TERN_ESTABLISHED, TERN_ESTABLISHED, "ACK_DUPLICATE", TERN_ACK, 1, 1, 0);
    }
    out(1, 70000, TERN_ESTABLISHED, "REXMIT_FAST", TERN_ACK, 1, 1, 1460);
    in(0, 70000, TERN_ESTABLISHED, TERN_ESTABLISHED, "TEXT_FILLS_HOLE", TERN_ACK, 1, 1, 1460);
    end();
    assert_int_equal(lines_with(" Len=1460 "), 4); /* three, and the one that fills the hole */
    assert_int_equal(lines_with("... 7 more like that ..."), 2);
    assert_int_equal(lines_with("[repeated] Seq=1 "), 1);
    done();
}

/* One end only: the other's states come from elsewhere, and a segment waits for what it did there. */
static void one_end(void **state) {
    (void)state;
    struct ladder_options o = {.width = 80, .name = {"Linux", "tern"}, .initial = {TERN_CLOSED, TERN_LISTEN}};
    tern_flow linux_flow = flow_at(0);
    begin(o);
    ladder_peer(ladder, 0, &linux_flow, TERN_SYN_SENT);
    in(1, 0, TERN_LISTEN, TERN_SYN_RECEIVED, "LISTEN_SYN", TERN_SYN, 0, 0, 0);
    out(1, 100, TERN_SYN_RECEIVED, "SEND_SYN_ACK", SA, 0, 1, 0);
    ladder_peer(ladder, 0, &linux_flow, TERN_ESTABLISHED);
    fflush(sheet);
    assert_non_null(strstr(drawn, "ESTABLISHED  ◀")); /* drawn at once, with the state it led to */
    ladder_settle(ladder);
    ladder_peer(ladder, 0, &linux_flow, TERN_CLOSED);
    ladder_settle(ladder);
    end();
    assert_non_null(strstr(drawn, "SYN-SENT     ── SYN Seq=0"));
    assert_non_null(strstr(drawn, "CLOSED                                                    SYN-RECEIVED\n"));
    assert_int_equal(lines_with("..."), 0); /* nothing is known of the way between */
    assert_int_equal(lines_with("tern: "), 0);
    done();
}

static void unknown_peer(void **state) {
    (void)state;
    struct ladder_options o = {.width = 80, .name = {"tern", "peer"}, .initial = {LADDER_UNKNOWN, LADDER_UNKNOWN}};
    begin(o);
    in(0, 0, TERN_LISTEN, TERN_SYN_RECEIVED, "LISTEN_SYN", TERN_SYN, 0, 0, 0);
    end();
    assert_non_null(strstr(drawn, "          LISTEN\n")); /* before */
    assert_non_null(strstr(drawn, "SYN-RECEIVED ◀"));
    assert_non_null(strstr(drawn, "Seq=0 Len=0 Win=64240 mss=1460 ──\n"));
    done();
}

/* Any number of connections and of segments that never arrive: bounded, and nothing breaks. */
static void limits(void **state) {
    (void)state;
    begin(both_ends());
    for (uint32_t i = 0; i < 3000; i++) {
        tern_trace r = segment_at(false, 0, i, TERN_SYN_SENT, TERN_SYN_SENT, "SEND_SYN", TERN_SYN, i, 0, 0);
        r.flow.local_port = (uint16_t)(i % 200 + 1);
        ladder_record(ladder, 0, &r);
    }
    end();
    assert_true(lines_with("SYN Seq=") == 3000);
    done();
}

static uint32_t noise_state = 1;

static uint32_t noise(uint32_t limit) {
    noise_state = noise_state * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)noise_state * limit >> 32);
}

/* Records in any order, with any numbers: it never breaks, and no line is wider than asked. */
static void nonsense(void **state) {
    (void)state;
    static const char *const names[] = {"open", "send", "receive", "close", "abort", "nobody knows this one", NULL};
    static const enum tern_trace_kind kinds[] = {TERN_TRACE_SEGMENT_IN, TERN_TRACE_SEGMENT_OUT, TERN_TRACE_STATE,
                                                 TERN_TRACE_CALL,       TERN_TRACE_TIMER,       TERN_TRACE_DROP};
    for (int variant = 0; variant < 8; variant++) {
        struct ladder_options o = both_ends();
        o.both = variant & 1;
        o.absolute = variant & 2;
        o.lang = variant & 4 ? TERN_ZH : TERN_EN;
        o.width = 80 + 20 * (unsigned)variant;
        begin(o);
        uint8_t packet[64];
        for (int i = 0; i < 20000; i++) {
            int who = (int)noise(2);
            tern_trace r = segment_at(noise(2), who, (uint64_t)i * noise(100), (enum tern_state)noise(TERN_STATES),
                                      (enum tern_state)noise(TERN_STATES), "NONE", (uint16_t)noise(512),
                                      noise(9) << noise(30), noise(9) << noise(30), noise(3) * 1460);
            r.kind = kinds[noise(6)];
            r.reason = noise(tern_reason_count() + 2);
            r.flow.local_port = (uint16_t)(r.flow.local_port + noise(4));
            r.seg.sack_count = (uint8_t)noise(6);
            r.seg.wscale = (int8_t)noise(256);
            r.call = r.timer = names[noise(7)];
            r.value = (int64_t)noise(40) - 30;
            r.tcb.valid = noise(4) == 0;
            r.tcb.snd_wscale = r.tcb.rcv_wscale = (uint8_t)noise(256);
            ladder_record(ladder, who, &r);
            if (noise(8) == 0) ladder_peer(ladder, who, &r.flow, (int)noise(TERN_STATES + 1) - 1);
            if (noise(50) == 0) ladder_settle(ladder);
            for (size_t b = 0; b < sizeof packet; b++) packet[b] = (uint8_t)noise(256);
            packet[0] = noise(2) ? 0x45 : 0x60;
            ladder_lost(ladder, who, packet, noise(sizeof packet + 1));
        }
        end();
        for (char *line = strtok(drawn, "\n"); line != NULL; line = strtok(NULL, "\n"))
            assert_in_range(text_width(line), 0, o.width);
        done();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(english),
        cmocka_unit_test(chinese_beside),
        cmocka_unit_test(ascii_absolute),
        cmocka_unit_test(widths),
        cmocka_unit_test(colour_adds_only_colour),
        cmocka_unit_test(crossing),
        cmocka_unit_test(crossing_in_order),
        cmocka_unit_test(condensed),
        cmocka_unit_test(lost_and_repeated),
        cmocka_unit_test(one_end),
        cmocka_unit_test(rows_of_notes),
        cmocka_unit_test(limits),
        cmocka_unit_test(nonsense),
        cmocka_unit_test(unknown_peer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
