/* test_lens_json.c - the trace as JSON Lines: exact lines, in the order and with the names that docs/trace-json.md
 * gives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lens/trace_json.h"
#include "lens_records.h"

static void line_is(const char *host, const tern_trace *r, const char *want) {
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);
    trace_json_record(f, host, r);
    fclose(f);
    assert_string_equal(text, want);
    free(text);
}

static void segments(void **state) {
    (void)state;
    tern_trace r = segment_at(true, 0, 20, TERN_LISTEN, TERN_SYN_RECEIVED, "LISTEN_SYN", TERN_SYN, 0, 0, 0);
    line_is(
        "tern", &r,
        "{\"time_ns\":20000,\"host\":\"tern\",\"kind\":\"segment_in\",\"connection\":1,\"iface\":0,"
        "\"local\":\"10.9.0.2\",\"local_port\":40000,\"remote\":\"10.9.0.1\",\"remote_port\":80,"
        "\"state_before\":\"LISTEN\",\"state\":\"SYN-RECEIVED\",\"reason\":\"LISTEN_SYN\",\"rfc\":\"9293 3.10.7.2\","
        "\"why\":\"a SYN opens a half-open connection; SYN takes one number: ack = x + 1\","
        "\"segment\":{\"flags\":\"SYN\",\"seq\":7654321,\"ack\":0,\"len\":0,\"window\":64240,\"mss\":1460,\"wscale\":7,"
        "\"sack_permitted\":true,\"ts_value\":1000,\"ts_echo\":0}}\n");
    r = segment_at(false, 0, 30, TERN_ESTABLISHED, TERN_ESTABLISHED, "NONE", TERN_ACK, 1, 1, 0);
    r.iface = -1;
    r.seg.sack_count = 2;
    r.seg.sack[0].left = 10;
    r.seg.sack[0].right = 20;
    r.seg.sack[1].left = 4294967295u;
    r.tcb.valid = true;
    r.tcb.cwnd = 14600;
    line_is(NULL, &r,
            "{\"time_ns\":30000,\"kind\":\"segment_out\",\"connection\":1,\"local\":\"10.9.0.2\",\"local_port\":40000,"
            "\"remote\":\"10.9.0.1\",\"remote_port\":80,\"state_before\":\"ESTABLISHED\",\"state\":\"ESTABLISHED\","
            "\"segment\":{\"flags\":\"ACK\",\"seq\":1234568,\"ack\":7654322,\"len\":0,\"window\":502,"
            "\"sack\":[[10,20],[4294967295,0]]},\"tcb\":{\"iss\":0,\"irs\":0,\"snd_una\":0,\"snd_nxt\":0,\"rcv_nxt\":0,"
            "\"snd_wnd\":0,\"rcv_wnd\":0,\"cwnd\":14600,\"ssthresh\":0,\"srtt_us\":0,\"rto_ms\":0}}\n");
}

static void others(void **state) {
    (void)state;
    tern_trace r = {.time_ns = 1, .kind = TERN_TRACE_CALL, .iface = -1, .serial = 2, .call = "send", .value = -4};
    line_is(NULL, &r, "{\"time_ns\":1,\"kind\":\"call\",\"connection\":2,\"call\":\"send\",\"value\":-4}\n");
    r = (tern_trace){.time_ns = UINT64_MAX, .kind = TERN_TRACE_TIMER, .iface = -1, .timer = "a\"\\\n\x01z"};
    line_is(NULL, &r, "{\"time_ns\":18446744073709551615,\"kind\":\"timer\",\"timer\":\"a\\\"\\\\\\u000a\\u0001z\"}\n");
    r = (tern_trace){.time_ns = 3, .kind = TERN_TRACE_PACKET_IN, .iface = 1, .packet_len = 60};
    line_is(NULL, &r, "{\"time_ns\":3,\"kind\":\"packet_in\",\"iface\":1,\"length\":60}\n");
}

static void start(void **state) {
    (void)state;
    char *text = NULL, want[128];
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);
    trace_json_start(f, 1700000000000000000u);
    fclose(f);
    snprintf(want, sizeof want,
             "{\"schema\":\"tern.trace/1\",\"kind\":\"start\",\"version\":\"%s\",\"epoch_ns\":1700000000000000000}\n",
             tern_version());
    assert_string_equal(text, want);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(segments), cmocka_unit_test(others), cmocka_unit_test(start)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
