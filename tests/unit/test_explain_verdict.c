/* test_explain_verdict.c - a corpus of labelled captures: each fault alone and with what captures do to packets is
 * found; healthy connections raise no alarm, however they were captured. */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "explain_tales.h"

static struct tale t;

/* ---- healthy ---- */

static void request(void) {
    handshake(&t);
    exchange(&t, 200, 3000);
    close_four(&t, 0);
}
static void request_three(void) {
    handshake(&t);
    exchange(&t, 200, 800);
    close_three(&t, 1);
}
static void download(void) {
    handshake(&t);
    exchange(&t, 300, 100 * LEN_MAX);
    close_three(&t, 1);
}
static void upload(void) {
    handshake(&t);
    bulk(&t, 0, 100, LEN_MAX);
    exchange(&t, 10, 200);
    close_four(&t, 1);
}
static void chat(void) {
    handshake(&t);
    for (int i = 0; i < 20; i++) {
        wait_ms(&t, 700);
        exchange(&t, 40, 60);
    }
    close_four(&t, 0);
}
static void half_close(void) {
    handshake(&t);
    close_half(&t);
}
static void both_close(void) {
    handshake(&t);
    exchange(&t, 100, 100);
    close_both(&t);
}
static void both_open(void) {
    open_both(&t);
    exchange(&t, 100, 100);
    close_four(&t, 0);
}
static void idle(void) {
    handshake(&t);
    exchange(&t, 100, 100);
    keep_alive(&t);
    close_four(&t, 0);
}
static void still_open(void) {
    handshake(&t);
    exchange(&t, 100, 5000);
}
static void reused(void) {
    request();
    wait_ms(&t, 500);
    t.isn_shift = 10000000;
    request();
}

/* ---- openings that fail ---- */

static void syns(unsigned n) {
    t.now_us = 1700000000000000;
    t.rtt_us = 20000;
    for (unsigned i = 0; i < n; i++) {
        t.window[0] = 60000;
        tell_at(&t, 0, TCP_SYN, 1000, 0, 0);
        if (i + 1 < n) wait_ms(&t, 1000u << i);
    }
    t.next[0] = 1001;
}
static void unanswered(void) { syns(5); }
static void ignored(void) { syns(5); }
static void refused(void) {
    syns(1);
    wait_ms(&t, 20);
    tell_at(&t, 1, TCP_RST | TCP_ACK, 0, 1001, 0);
}
static void unreachable(void) {
    syns(1);
    wait_ms(&t, 20);
    told_icmp(&t, 0, 3, 1, 0);
    wait_ms(&t, 900);
    tell_at(&t, 0, TCP_SYN, 1000, 0, 0);
}
static void filtered(void) {
    syns(1);
    wait_ms(&t, 20);
    told_icmp(&t, 0, 3, 13, 0);
}
static void syn_lost(void) {
    open_syn_lost(&t);
    exchange(&t, 100, 100);
    close_four(&t, 0);
}
static void syn_ack_lost(void) {
    open_ack_lost(&t);
    exchange(&t, 100, 100);
    close_four(&t, 0);
}
static void accept_queue(void) {
    handshake(&t);
    wait_us(&t, 100);
    uint32_t a = t.next[0], b = t.next[1];
    tell(&t, 0, TCP_ACK | TCP_PSH, 100);
    for (unsigned i = 0; i < 3; i++) {
        wait_ms(&t, 400u << i);
        tell_at(&t, 0, TCP_ACK | TCP_PSH, a, b, 100);
        wait_ms(&t, 600u << i);
        tell_at(&t, 1, TCP_SYN | TCP_ACK, b - 1, a, 0);
        tell_at(&t, 0, TCP_ACK, a + 100, b, 0);
    }
}
static void flood(void) {
    handshake(&t);
    t.n--;
    for (unsigned i = 0; i < 4; i++) {
        wait_ms(&t, 1000u << i);
        tell_at(&t, 1, TCP_SYN | TCP_ACK, 900000, 1001, 0);
    }
}
static void scan(void) {
    handshake(&t);
    t.n--;
    tell_at(&t, 0, TCP_RST, 1001, 0, 0);
}
static void old_syn(void) {
    open_old_syn(&t);
    exchange(&t, 100, 100);
    close_four(&t, 0);
}
static void syn_within(void) {
    handshake(&t);
    syn_inside(&t);
    close_four(&t, 0);
}
static void reused_early(void) {
    t.timestamps = false; /* they would show that the SYN is newer */
    request();
    wait_ms(&t, 500);
    t.isn_shift = (uint32_t)-700;
    request();
}

/* ---- loss ---- */

static void rto(void) {
    handshake(&t);
    repeat_after_timeout(&t);
    close_four(&t, 0);
}
static void fast_sack(void) {
    handshake(&t);
    bulk(&t, 0, 20, LEN_MAX);
    repeat_hole(&t, true, false);
    bulk(&t, 0, 20, LEN_MAX);
    close_four(&t, 0);
}
static void fast_plain(void) {
    handshake(&t);
    bulk(&t, 0, 20, LEN_MAX);
    repeat_hole(&t, false, false);
    bulk(&t, 0, 20, LEN_MAX);
    close_four(&t, 0);
}
static void fast_before(void) {
    handshake(&t);
    bulk(&t, 0, 20, LEN_MAX);
    repeat_hole(&t, true, true);
    bulk(&t, 0, 20, LEN_MAX);
    close_four(&t, 0);
}
static void tail_probe(void) {
    handshake(&t);
    repeat_tail(&t);
    close_four(&t, 0);
}
static void needless(void) {
    handshake(&t);
    repeat_needless(&t);
    close_four(&t, 0);
}
static void overtaken(void) {
    handshake(&t);
    overtake(&t);
    close_four(&t, 0);
}
static void heavy_loss(void) {
    handshake(&t);
    for (unsigned i = 0; i < 8; i++) {
        bulk(&t, 0, 5, LEN_MAX);
        repeat_hole(&t, true, false);
    }
    close_four(&t, 0);
}
static void damaged(void) {
    handshake(&t);
    damage(&t);
    close_four(&t, 0);
}
static void silent_peer(void) {
    handshake(&t);
    bulk(&t, 0, 10, LEN_MAX);
    repeat_to_nobody(&t, LEN_MAX, 6);
}
static void forgotten(void) {
    handshake(&t);
    exchange(&t, 100, 100);
    forget(&t);
}
static void strays(void) {
    handshake(&t);
    stray(&t);
    close_four(&t, 0);
}

/* ---- resets ---- */

static void aborted(void) {
    handshake(&t);
    exchange(&t, 100, 100);
    abort_quiet(&t);
}
static void unread(void) {
    handshake(&t);
    abort_unread(&t);
}
static void data_lost(void) {
    handshake(&t);
    abort_flying(&t);
}
static void after_close(void) {
    handshake(&t);
    reset_closed(&t);
}
static void restarted(void) {
    handshake(&t);
    reset_restarted(&t);
}
static void outside(void) {
    handshake(&t);
    reset_outside(&t);
    close_four(&t, 0);
}
static void forged(void) {
    handshake(&t);
    reset_forged(&t);
}
static void forged_near(void) { /* by a device next to B: what it does not know is how far B has counted */
    handshake(&t);
    reset_forged(&t);
    t.at[t.n - 1].ttl = 56;
    t.at[t.n - 1].ip_id = 40000;
}
static void one_hop_on(void) {
    handshake(&t);
    reset_forged(&t);
    t.at[t.n - 1].ttl = 56;
    t.at[t.n - 2].len = 0; /* nothing is unread */
}
static void late_reset(void) {
    handshake(&t);
    exchange(&t, 200, 800);
    close_late_reset(&t);
}

/* ---- closing, windows, keepalive, path ---- */

static void leak(uint64_t s) {
    handshake(&t);
    exchange(&t, 100, 100);
    close_leak(&t, s);
}
static void close_wait_leak(void) { leak(300); }
static void close_wait_short(void) { leak(20); }
static void fin_unanswered(void) {
    handshake(&t);
    exchange(&t, 100, 100);
    close_to_nobody(&t);
}
static void last_ack_lost(void) {
    handshake(&t);
    exchange(&t, 200, 800);
    close_ack_lost(&t);
}
static void shut(bool opens) {
    handshake(&t);
    shut_window(&t, opens);
    if (opens) close_four(&t, 0);
}
static void zero_window(void) { shut(true); }
static void zero_window_stuck(void) { shut(false); }
static void keepalive_dead(bool reset) {
    handshake(&t);
    exchange(&t, 100, 100);
    probe_nobody(&t, reset);
}
static void keepalive_silent(void) { keepalive_dead(false); }
static void keepalive_reset(void) { keepalive_dead(true); }
static void pmtu_hole(void) {
    handshake(&t);
    exchange(&t, 100, 100);
    repeat_to_nobody(&t, LEN_MAX, 5);
}
static void pmtu_told(void) {
    handshake(&t);
    exchange(&t, 100, 100);
    told_mtu(&t);
    close_four(&t, 0);
}
static void unscaled(void) {
    t.no_scale = true;
    t.rtt_us = 100000;
    t.window[0] = t.window[1] = 14600;
    handshake(&t);
    bulk(&t, 0, 300, LEN_MAX);
    close_four(&t, 0);
}
static void loss_and_leak(void) {
    handshake(&t);
    bulk(&t, 0, 20, LEN_MAX);
    repeat_hole(&t, true, false);
    tell(&t, 0, TCP_FIN | TCP_ACK, 0);
    wait_ms(&t, 20);
    tell(&t, 1, TCP_ACK, 0);
    wait_ms(&t, 200000);
    tell_at(&t, 0, TCP_ACK, t.next[0], t.next[1], 0);
}
static void slow_open_and_reset(void) {
    syn_lost();
    t.n -= 4;
    t.next[0]--;
    t.next[1]--;
    tell(&t, 1, TCP_RST | TCP_ACK, 0);
}
static void shut_and_abort(void) {
    shut(false);
    wait_ms(&t, 1000);
    tell(&t, 0, TCP_RST | TCP_ACK, 0);
}
static void rto_and_restart(void) {
    rto();
    t.n -= 4;
    t.next[0]--;
    t.next[1]--;
    wait_ms(&t, 20000);
    tell(&t, 0, TCP_ACK | TCP_PSH, 50);
    wait_ms(&t, 20);
    tell_at(&t, 1, TCP_RST, t.next[1], 0, 0);
}

static void refused_late(void) {
    syns(3);
    wait_ms(&t, 20);
    tell_at(&t, 1, TCP_RST | TCP_ACK, 0, 1001, 0);
}
static void time_wait_reset(void) {
    request();
    wait_ms(&t, 5);
    tell_at(&t, 1, TCP_RST, t.next[1], 0, 0);
}
static void gave_up(void) {
    silent_peer();
    wait_ms(&t, 60000);
    tell(&t, 0, TCP_RST | TCP_ACK, 0);
}
static void fast_open(void) {
    open_fast(&t);
    exchange(&t, 100, 100);
    close_four(&t, 0);
}

/* ---- the corpus ---- */

#define F(name) (FINDING_##name + 1)

static const struct label {
    const char *name;
    void (*tell)(void);
    enum vantage said;
    int opening, closing, opened_by, closed_first; /* -2: any */
    unsigned expect[6];                            /* findings + 1; no other warning may be there */
} labels[] = {
    {"request", request, 0, OPENING_THREE_WAY, CLOSING_FOUR, 0, 0, {0}},
    {"request, three segments", request_three, 0, OPENING_THREE_WAY, CLOSING_THREE, 0, 1, {0}},
    {"download", download, 0, OPENING_THREE_WAY, CLOSING_THREE, 0, 1, {0}},
    {"upload", upload, 0, OPENING_THREE_WAY, CLOSING_FOUR, 0, 1, {0}},
    {"chat", chat, 0, OPENING_THREE_WAY, CLOSING_FOUR, 0, 0, {0}},
    {"half close", half_close, 0, OPENING_THREE_WAY, CLOSING_FOUR, 0, 0, {F(HALF_CLOSE)}},
    {"both close", both_close, 0, OPENING_THREE_WAY, CLOSING_SIMULTANEOUS, 0, -1, {0}},
    {"both open", both_open, 0, OPENING_SIMULTANEOUS, CLOSING_FOUR, -1, 0, {F(SIMULTANEOUS_OPEN)}},
    {"idle", idle, 0, OPENING_THREE_WAY, CLOSING_FOUR, 0, 0, {F(KEEPALIVE)}},
    {"still open", still_open, 0, OPENING_THREE_WAY, CLOSING_OPEN, 0, -1, {0}},
    {"reused", reused, 0, OPENING_THREE_WAY, CLOSING_FOUR, 0, 0, {F(REUSE_LEGAL)}},

    {"unanswered", unanswered, 0, OPENING_UNANSWERED, CLOSING_NEVER, 0, -1, {F(SYN_UNANSWERED)}},
    {"ignored", ignored, VANTAGE_B, OPENING_UNANSWERED, CLOSING_NEVER, 0, -1, {F(SYN_IGNORED)}},
    {"refused", refused, 0, OPENING_REFUSED, CLOSING_NEVER, 0, -1, {F(REFUSED)}},
    {"unreachable", unreachable, 0, OPENING_UNREACHABLE, CLOSING_NEVER, 0, -1, {F(UNREACHABLE)}},
    {"filtered", filtered, 0, OPENING_UNREACHABLE, CLOSING_NEVER, 0, -1, {F(FILTERED)}},
    {"SYN lost", syn_lost, 0, OPENING_THREE_WAY, CLOSING_FOUR, 0, 0, {F(SYN_REPEATED)}},
    {"ACK of SYN lost", syn_ack_lost, 0, OPENING_THREE_WAY, CLOSING_FOUR, 0, 0, {F(SYN_ACK_REPEATED)}},
    {"accept queue full",
     accept_queue,
     0,
     OPENING_THREE_WAY,
     CLOSING_OPEN,
     0,
     -1,
     {F(ACCEPT_QUEUE_FULL), F(REPEATED_RTO), F(PEER_SILENT)}},
    {"accept queue full, at B",
     accept_queue,
     VANTAGE_B,
     OPENING_THREE_WAY,
     CLOSING_OPEN,
     0,
     -1,
     {F(ACCEPT_QUEUE_FULL), F(REPEATED_RTO), F(PEER_SILENT)}},
    {"flood", flood, 0, OPENING_HALF_OPEN, CLOSING_NEVER, 0, -1, {F(HALF_OPEN)}},
    {"scan", scan, 0, OPENING_ABANDONED, CLOSING_NEVER, 0, -1, {F(HANDSHAKE_RESET)}},
    {"old SYN", old_syn, 0, OPENING_THREE_WAY, CLOSING_FOUR, 0, 0, {F(OLD_SYN)}},
    {"SYN in connection", syn_within, 0, OPENING_THREE_WAY, CLOSING_FOUR, 0, 0, {F(SYN_IN_CONNECTION)}},
    {"reused early", reused_early, 0, OPENING_THREE_WAY, CLOSING_FOUR, 0, 0, {F(REUSE_EARLY)}},

    {"timeout", rto, 0, -2, CLOSING_FOUR, 0, 0, {F(REPEATED_RTO)}},
    {"fast, SACK", fast_sack, 0, -2, CLOSING_FOUR, 0, 0, {F(REPEATED_FAST)}},
    {"fast, no SACK", fast_plain, 0, -2, CLOSING_FOUR, 0, 0, {F(REPEATED_FAST)}},
    {"fast, lost before", fast_before, 0, -2, CLOSING_FOUR, 0, 0, {F(REPEATED_FAST)}},
    {"tail probe", tail_probe, 0, -2, CLOSING_FOUR, 0, 0, {F(REPEATED_TLP)}},
    {"needless", needless, 0, -2, CLOSING_FOUR, 0, 0, {F(REPEATED_NEEDLESS), F(REPEATED_RTO)}},
    {"overtaken", overtaken, 0, -2, CLOSING_FOUR, 0, 0, {F(OUT_OF_ORDER)}},
    {"heavy loss", heavy_loss, 0, -2, CLOSING_FOUR, 0, 0, {F(LOSS_HEAVY), F(REPEATED_FAST)}},
    {"damaged", damaged, 0, -2, CLOSING_FOUR, 0, 0, {F(CORRUPTED), F(REPEATED_RTO)}},
    {"silent peer", silent_peer, 0, -2, CLOSING_OPEN, 0, -1, {F(PEER_SILENT), F(REPEATED_RTO), F(LOSS_HEAVY)}},
    {"forgotten",
     forgotten,
     0,
     -2,
     CLOSING_OPEN,
     0,
     -1,
     {F(IDLE_FORGOTTEN), F(PEER_SILENT), F(REPEATED_RTO), F(LOSS_HEAVY)}},
    {"strays", strays, 0, -2, CLOSING_FOUR, 0, 0, {F(OLD_DUPLICATE)}},

    {"aborted", aborted, 0, -2, CLOSING_RESET, 0, 0, {F(RESET_ABORT)}},
    {"unread", unread, 0, -2, CLOSING_RESET, 0, 0, {F(RESET_UNREAD)}},
    {"data lost", data_lost, 0, -2, CLOSING_RESET, 0, 0, {F(RESET_DATA_LOST)}},
    {"data after close", after_close, 0, -2, CLOSING_FIN_RESET, 0, 0, {F(RESET_AFTER_CLOSE)}},
    {"restarted", restarted, 0, -2, CLOSING_RESET, 0, 1, {F(RESET_NO_CONNECTION)}},
    {"RST outside", outside, 0, -2, CLOSING_FOUR, 0, 0, {F(RESET_OUTSIDE)}},
    {"RST forged", forged, 0, -2, CLOSING_RESET, 0, -1, {F(RESET_FORGED)}},
    {"RST forged, one hop", forged_near, 0, -2, CLOSING_RESET, 0, -1, {F(RESET_FORGED)}},
    {"RST one hop on", one_hop_on, 0, -2, CLOSING_RESET, 0, 1, {F(RESET_ABORT)}},
    {"late RST", late_reset, 0, -2, CLOSING_FOUR, 0, 0, {F(RESET_LATE)}},

    {"CLOSE-WAIT leak", close_wait_leak, 0, -2, CLOSING_HALF, 0, 0, {F(CLOSE_WAIT_LEAK)}},
    {"CLOSE-WAIT", close_wait_short, 0, -2, CLOSING_HALF, 0, 0, {F(CLOSE_WAIT)}},
    {"FIN unanswered", fin_unanswered, 0, -2, CLOSING_HALF, 0, 0, {F(FIN_UNANSWERED), F(REPEATED_RTO), F(LOSS_HEAVY)}},
    {"last ACK lost", last_ack_lost, 0, -2, CLOSING_FOUR, 0, 0, {F(LAST_ACK_LOST), F(REPEATED_RTO)}},
    {"zero window", zero_window, 0, -2, CLOSING_FOUR, 0, 0, {F(ZERO_WINDOW)}},
    {"zero window, stuck", zero_window_stuck, 0, -2, CLOSING_OPEN, 0, -1, {F(ZERO_WINDOW_STUCK)}},
    {"keepalive, dead", keepalive_silent, 0, -2, CLOSING_OPEN, 0, -1, {F(KEEPALIVE_DEAD)}},
    {"keepalive, dead, RST", keepalive_reset, 0, -2, CLOSING_GIVEN_UP, 0, 0, {F(KEEPALIVE_DEAD)}},
    {"PMTU hole", pmtu_hole, 0, -2, CLOSING_OPEN, 0, -1, {F(PMTU_HOLE), F(REPEATED_RTO), F(LOSS_HEAVY)}},
    {"PMTU told", pmtu_told, 0, -2, CLOSING_FOUR, 0, 0, {F(PMTU_TOLD)}},
    {"unscaled", unscaled, 0, -2, CLOSING_FOUR, 0, 0, {F(WINDOW_UNSCALED)}},

    {"loss and leak", loss_and_leak, 0, -2, CLOSING_HALF, 0, 0, {F(REPEATED_FAST), F(CLOSE_WAIT_LEAK)}},
    {"refused at last", refused_late, 0, OPENING_REFUSED, CLOSING_NEVER, 0, -1, {F(REFUSED)}},
    {"SYN lost, at B", syn_lost, VANTAGE_B, OPENING_THREE_WAY, CLOSING_FOUR, 0, 0, {F(SYN_IGNORED)}},
    {"RST into TIME-WAIT", time_wait_reset, 0, -2, CLOSING_FOUR, 0, 0, {F(TIME_WAIT_RESET)}},
    {"gave up", gave_up, 0, -2, CLOSING_GIVEN_UP, 0, 0, {F(PEER_SILENT), F(REPEATED_RTO), F(LOSS_HEAVY)}},
    {"Fast Open", fast_open, 0, OPENING_FAST_OPEN, CLOSING_FOUR, 0, 0, {F(DATA_ON_SYN)}},
    {"SYN lost, reset", slow_open_and_reset, 0, -2, CLOSING_RESET, 0, 1, {F(SYN_REPEATED), F(RESET_ABORT)}},
    {"shut, aborted", shut_and_abort, 0, -2, CLOSING_RESET, 0, 0, {F(RESET_ABORT), F(ZERO_WINDOW_STUCK)}},
    {"timeout, restarted", rto_and_restart, 0, -2, CLOSING_RESET, 0, 1, {F(REPEATED_RTO), F(RESET_NO_CONNECTION)}},
};
enum { LABELS = sizeof labels / sizeof labels[0], HEALTHY = 11 };

static bool expected(const struct label *l, unsigned code) {
    for (unsigned i = 0; i < 6 && l->expect[i] != 0; i++)
        if (l->expect[i] == code + 1) return true;
    return false;
}

static unsigned captures, missed, alarms;

static void fails(const char *what, const struct label *l, unsigned spoil, unsigned code, const struct outcome *o) {
    printf("%s (spoiled %x): %s %s\n", l->name, spoil, what, finding_name(code));
    outcome_print(o);
}

/* `find`: the faults must be there, too; else it is only about false alarms. The first expected is the planted one. */
static void check(const struct label *l, unsigned spoil, bool find) {
    struct outcome o;
    memset(&t, 0, offsetof(struct tale, at));
    t.timestamps = spoil & SPOIL_COPIES;
    l->tell();
    explain_tale(&t, spoil, l->said, &o);
    captures++;
    for (unsigned i = 0; find && i < 6 && l->expect[i] != 0; i++) {
        unsigned code = l->expect[i] - 1;
        bool planted = i == 0 || finding_severity(code) < SEVERITY_WARNING;
        if (outcome_has(&o, code) || !planted) continue;
        fails("not found:", l, spoil, code, &o);
        missed++;
    }
    for (size_t i = 0; i < o.n; i++) {
        if (o.finding[i].severity < SEVERITY_WARNING || expected(l, o.finding[i].code)) continue;
        fails("false alarm:", l, spoil, o.finding[i].code, &o);
        alarms++;
    }
    if (spoil != PLAIN) return;
    const struct verdict *v = &o.verdict;
    bool forms = (l->opening == -2 || l->opening == v->opening) && l->closing == v->closing &&
                 l->opened_by == v->opened_by && l->closed_first == v->closed_first;
    if (!forms) {
        fails("forms", l, spoil, FINDINGS, &o);
        missed++;
    }
}

/* What does not take evidence away leaves the findings as they are. */
static void every_fault_is_found(void **state) {
    (void)state;
    static const unsigned spoils[] = {PLAIN, SPOIL_COPIES, SPOIL_SUMS, SPOIL_SWAPPED, SPOIL_COPIES | SPOIL_SUMS};
    captures = missed = alarms = 0;
    for (unsigned s = 0; s < sizeof spoils / sizeof spoils[0]; s++)
        for (unsigned i = 0; i < LABELS; i++) check(&labels[i], spoils[s], true);
    print_message("%u captures: %u faults missed, %u false alarms\n", captures, missed, alarms);
    assert_true(captures >= 60);
    assert_int_equal(missed, 0);
    assert_int_equal(alarms, 0);
}

/* A healthy connection stays healthy, whatever the capture did to it. */
static void no_false_alarm(void **state) {
    (void)state;
    captures = missed = alarms = 0;
    for (unsigned spoil = 0; spoil < 512; spoil++)
        for (unsigned i = 0; i < HEALTHY; i++) check(&labels[i], spoil, false);
    print_message("%u captures: %u false alarms\n", captures, alarms);
    assert_int_equal(alarms, 0);
}

static uint64_t chaos;

static uint32_t chance(uint32_t of) { /* splitmix64 */
    uint64_t z = chaos += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (uint32_t)((z ^ z >> 31) % of);
}

static void never_empty(void *ctx, struct explain_flow *flow, const struct flow_packet *p, const struct sight *look,
                        const struct passive_view *view) {
    uint64_t *seen = ctx;
    (void)flow;
    (void)p;
    (void)look;
    if (view == NULL) return;
    ++*seen;
    for (int e = 0; e < 2; e++) {
        const struct statement *all[2] = {&view->before[e], &view->after[e]};
        for (int i = 0; i < 2; i++) {
            assert_int_not_equal(all[i]->states, 0);
            assert_true(all[i]->states >> all[i]->best & 1);
            assert_true(all[i]->certainty != CERTAIN || (all[i]->states & (all[i]->states - 1)) == 0);
            assert_true(all[i]->doubt < DOUBTS);
        }
    }
}

/* Packets without sense, numbers near and far, time that jumps: nothing breaks, and no set is ever empty. */
static void nonsense(void **state) {
    (void)state;
    uint64_t seen = 0;
    for (chaos = 1; seen < 60000;) {
        struct explain_machine m;
        struct explain_flow flow = {.id = 1, .end = {{.port = 1}, {.port = 2}}};
        struct explain_options o = {.seen = never_empty, .ctx = &seen, .vantage = (enum vantage)chance(4)};
        uint32_t near[2] = {chance(UINT32_MAX), chance(UINT32_MAX)};
        struct flow_packet p = {.time_ns = 1 << 30};
        machine_init(&m, &o);
        flow.machine = malloc(m.ops.record);
        assert_non_null(flow.machine);
        for (unsigned n = 200, i = 0; i < n; i++) {
            uint8_t from = (uint8_t)chance(2);
            p.number = i + 1;
            p.from = from;
            p.time_ns += chance(4) == 0 ? (uint64_t)chance(2000000000) * 20 : chance(1000000);
            if (chance(50) == 0) p.time_ns -= p.time_ns / 2;
            p.len = chance(3) == 0 ? chance(70000) : 0;
            p.ttl = (uint8_t)chance(256);
            p.ip_id = (uint16_t)chance(4);
            p.marks = chance(10) == 0 ? (uint16_t)chance(256) : 0;
            memset(&p.tcp, 0, sizeof p.tcp);
            p.tcp.flags = chance(3) == 0 ? (uint16_t)chance(512) : TCP_ACK;
            p.tcp.window = chance(3) == 0 ? 0 : (uint16_t)chance(65536);
            p.tcp.seq_no = seq_of(chance(20) == 0 ? chance(UINT32_MAX) : near[from] + chance(5000));
            p.tcp.ack_no = seq_of(chance(20) == 0 ? chance(UINT32_MAX) : near[!from] + chance(5000));
            p.tcp.options.has_ts = chance(2);
            p.tcp.options.ts_value = chance(10);
            p.tcp.options.has_wscale = chance(2);
            p.tcp.options.wscale = (uint8_t)chance(256);
            p.tcp.options.sack_count = (uint8_t)chance(5);
            for (unsigned k = 0; k < 4; k++) {
                p.tcp.options.sack[k].left = seq_of(near[!from] + chance(9000));
                p.tcp.options.sack[k].right = seq_of(near[!from] + chance(9000));
            }
            if (i == 0) m.ops.created(m.ops.ctx, &flow, NULL, &p);
            m.ops.begins(m.ops.ctx, &flow, &p);
            flow.end[from].packets++;
            m.ops.fed(m.ops.ctx, &flow, &p);
            if (chance(40) == 0)
                m.ops.icmp(m.ops.ctx, &flow,
                           &(struct flow_icmp){.type = (uint8_t)chance(16), .code = (uint8_t)chance(16)});
        }
        struct verdict v;
        verdict_of(&m, &flow, p.time_ns, &v);
        assert_true(v.opening < OPENINGS && v.closing < CLOSINGS);
        m.ops.ended(m.ops.ctx, &flow, p.time_ns);
        for (uint32_t i = 0; i < flow.findings; i++) assert_true(flow.finding[i].code < FINDINGS);
        free(flow.finding);
        free(flow.machine);
    }
}

/* Who bounds the speed: the window, the application, or neither, then it is the network. */
static void who_limits(void **state) {
    (void)state;
    struct outcome o;
    memset(&t, 0, sizeof t);
    unscaled();
    explain_tale(&t, PLAIN, VANTAGE_UNKNOWN, &o);
    assert_int_equal(o.verdict.end[END_A].limit, LIMIT_RECEIVER);
    assert_int_equal(o.verdict.end[END_A].bytes, 300 * LEN_MAX);
    assert_int_equal(o.verdict.end[END_B].limit, LIMIT_NONE);

    memset(&t, 0, sizeof t);
    handshake(&t);
    for (unsigned i = 0; i < 40; i++) {
        wait_ms(&t, 100);
        for (unsigned k = 0; k < 3; k++) tell(&t, 0, TCP_ACK, LEN_MAX);
        tell(&t, 0, TCP_ACK | TCP_PSH, 200);
        wait_ms(&t, 20);
        tell(&t, 1, TCP_ACK, 0);
    }
    explain_tale(&t, PLAIN, VANTAGE_UNKNOWN, &o);
    assert_int_equal(o.verdict.end[END_A].limit, LIMIT_SENDER);

    memset(&t, 0, sizeof t);
    handshake(&t);
    bulk(&t, 0, 400, LEN_MAX); /* ten at a time, into a window of 256000 */
    explain_tale(&t, PLAIN, VANTAGE_UNKNOWN, &o);
    assert_int_equal(o.verdict.end[END_A].limit, LIMIT_NETWORK);
}

/* Windows whose scale was not captured say neither that they were full nor that they were not. */
static void limits_without_scale(void **state) {
    (void)state;
    struct outcome o;
    memset(&t, 0, sizeof t);
    t.window[1] = 114; /* 14592 bytes, ten segments */
    handshake(&t);
    bulk(&t, 0, 400, LEN_MAX);
    explain_tale(&t, PLAIN, VANTAGE_UNKNOWN, &o);
    assert_int_equal(o.verdict.end[END_A].limit, LIMIT_RECEIVER);
    static const unsigned spoils[] = {SPOIL_MIDDLE, SPOIL_CUT};
    for (size_t i = 0; i < ARRAY_LEN(spoils); i++) {
        explain_tale(&t, spoils[i], VANTAGE_UNKNOWN, &o);
        assert_int_equal(o.verdict.end[END_A].limit, LIMIT_NONE);
        assert_false(outcome_has(&o, FINDING_WINDOW_UNSCALED));
    }
}

/* Packets whose times stand in another order than they do, by a microsecond, as several queues of a card have it, and by
 * more: no round trip and no place comes of that. */
static void times_out_of_order(void **state) {
    (void)state;
    struct outcome o;
    for (unsigned back_us = 1; back_us <= 1000000; back_us *= 1000) {
        memset(&t, 0, sizeof t);
        request();
        for (size_t i = 1; i < t.n; i++) { /* each answer seems to come before what it answers */
            if (t.at[i].from != t.at[i - 1].from) t.at[i].at_us = t.at[i - 1].at_us - back_us;
        }
        explain_tale(&t, PLAIN, VANTAGE_UNKNOWN, &o);
        assert_true(outcome_has(&o, FINDING_CAPTURE_CLOCK));
        for (int i = 0; i < 2; i++) {
            assert_in_range(o.verdict.near_ns[i], 0, 10 * SEC_NS);
            assert_in_range(o.verdict.end[i].rtt.max_us, 0, 10000000);
        }
        for (size_t i = 0; i < o.n; i++)
            if (o.finding[i].code == FINDING_CAPTURE_CLOCK) assert_in_range(o.finding[i].b, 1, 2000);
    }
}

/* [RFC3022] Both sides of a translator in one capture: two connections that are one, and say so. */
static void translated(void **state) {
    (void)state;
    static struct tale both;
    struct outcome o;
    for (int same = 0; same < 2; same++) {
        memset(&t, 0, sizeof t);
        request();
        both = t;
        for (size_t i = 0; i < t.n; i++) {
            struct told_packet *p = &both.at[both.n++];
            *p = t.at[i];
            p->outside = true;
            p->ttl--;
            p->at_us += 30;
            if (!same && p->flags & TCP_SYN) p->seq += 7; /* another connection, that happens to begin at once */
        }
        explain_tale(&both, PLAIN, VANTAGE_UNKNOWN, &o);
        assert_int_equal(o.flows, 2);
        assert_int_equal(outcome_has(&o, FINDING_CAPTURE_TRANSLATED), same);
        assert_int_equal(outcome_has(&o, FINDING_CAPTURE_COPIES), 0);
    }
}

/* What one end does is told, and what cannot be known of the other is not. */
static void one_direction(void **state) {
    (void)state;
    struct outcome o;
    for (int end = 0; end < 2; end++) {
        memset(&t, 0, sizeof t);
        request();
        size_t n = 0;
        for (size_t i = 0; i < t.n; i++)
            if (t.at[i].from == end) t.at[n++] = t.at[i];
        t.n = n;
        explain_tale(&t, PLAIN, VANTAGE_UNKNOWN, &o);
        assert_int_equal(o.verdict.closing, CLOSING_ONE_SEEN);
        assert_int_equal(o.verdict.closed_first, end);
        assert_true(outcome_has(&o, FINDING_CAPTURE_ONE_WAY));
        assert_false(outcome_has(&o, FINDING_CAPTURE_MIDSTREAM)); /* a SYN or a SYN-ACK is the first */
    }
}

/* The numbers of a verdict: sums, times, round trips, who waits in TIME-WAIT and until when. */
static void sums(void **state) {
    (void)state;
    struct outcome o;
    memset(&t, 0, sizeof t);
    download();
    explain_tale(&t, PLAIN, VANTAGE_UNKNOWN, &o);
    const struct verdict *v = &o.verdict;
    assert_int_equal(v->end[END_A].bytes, 300);
    assert_int_equal(v->end[END_B].bytes, 100 * LEN_MAX);
    assert_int_equal(v->vantage, VANTAGE_A);
    assert_int_equal(v->vantage_certainty, LIKELY);
    assert_int_equal(v->end[END_A].mss, LEN_MAX);
    assert_int_equal(v->end[END_A].shift, 7);
    assert_true(v->end[END_A].sack);
    assert_in_range(v->setup_ns, 19000000, 21000000);
    assert_in_range(v->end[END_A].rtt.min_us, 19000, 21000);
    assert_int_equal(v->end[END_A].time_wait_until_ns, 0);
    assert_in_range(v->end[END_B].time_wait_until_ns, t.now_us * 1000 + 59 * SEC_NS, t.now_us * 1000 + 61 * SEC_NS);
    assert_int_equal(v->severity, SEVERITY_INFO);
}

/* A path that carries less than a full segment and says nothing, as Linux meets it: the short one among the full ones
 * arrives, SACK tells of it, and what is repeated at once and then by the timer vanishes like the first time. */
static void hole_beside_sack(void **state) {
    (void)state;
    struct outcome o;
    memset(&t, 0, sizeof t);
    handshake(&t);
    uint32_t first = t.next[0], got = t.got[0];
    for (unsigned i = 0; i < 8; i++) tell(&t, 0, TCP_ACK, i == 4 ? 952 : LEN_MAX);
    wait_ms(&t, 20);
    struct told_packet *ack = tell_at(&t, 1, TCP_ACK, t.next[1], first, 0);
    ack->options.sack_count = 1;
    ack->options.sack[0].left = seq_of(first + 4 * LEN_MAX);
    ack->options.sack[0].right = seq_of(first + 4 * LEN_MAX + 952);
    for (unsigned i = 0; i < 4; i++) tell_at(&t, 0, TCP_ACK, first + i * LEN_MAX, got, LEN_MAX);
    for (unsigned i = 0; i < 4; i++) {
        wait_ms(&t, 240u << i);
        tell_at(&t, 0, TCP_ACK, first, got, LEN_MAX);
    }
    explain_tale(&t, PLAIN, VANTAGE_UNKNOWN, &o);
    assert_true(outcome_has(&o, FINDING_PMTU_HOLE));
    assert_int_equal(o.verdict.severity, SEVERITY_PROBLEM);
    assert_int_equal(o.verdict.end[END_A].repeats[REPEAT_FAST], 4);
    assert_int_equal(o.verdict.end[END_A].repeats[REPEAT_RTO], 4);
}

/* [RFC7413 3] Data of a SYN that the answer does not acknowledge, or that nothing answered, come again: nothing was lost
 * at a tail, and the SYN without them does not undo that there were some. */
static void fast_open_not_taken(void **state) {
    (void)state;
    struct outcome o;
    for (int dropped = 0; dropped < 2; dropped++) {
        memset(&t, 0, sizeof t);
        t.now_us = 1700000000000000;
        t.window[0] = t.window[1] = 60000;
        t.next[0] = 1000;
        t.next[1] = 5000;
        tell_at(&t, 0, TCP_SYN, 1000, 0, 80);
        if (dropped) {
            wait_ms(&t, 1000);
            tell_at(&t, 0, TCP_SYN, 1000, 0, 0);
        }
        t.next[0] = 1001;
        wait_ms(&t, 20);
        tell(&t, 1, TCP_SYN | TCP_ACK, 0);
        tell(&t, 0, TCP_ACK | TCP_PSH, 80);
        wait_ms(&t, 20);
        tell(&t, 1, TCP_ACK, 0);
        close_four(&t, 0);
        explain_tale(&t, PLAIN, VANTAGE_UNKNOWN, &o);
        assert_int_equal(o.verdict.opening, OPENING_THREE_WAY);
        assert_true(outcome_has(&o, dropped ? FINDING_FAST_OPEN_TAKEN_BACK : FINDING_FAST_OPEN_LATER));
        assert_false(outcome_has(&o, FINDING_DATA_ON_SYN));
        assert_false(outcome_has(&o, FINDING_REPEATED_TLP));
        assert_int_equal(o.verdict.end[END_A].repeats[REPEAT_SYN], 1 + dropped);
        for (size_t i = 0; i < o.n; i++)
            if (o.finding[i].code == FINDING_FAST_OPEN_LATER || o.finding[i].code == FINDING_FAST_OPEN_TAKEN_BACK)
                assert_int_equal(o.finding[i].a, 80);
    }
}

/* Every sentence is complete, in both languages, and one thing is told in the singular. */
static void sentences(void **state) {
    (void)state;
    char words[512];
    for (unsigned code = 0; code < FINDINGS; code++)
        for (int lang = 0; lang < 2; lang++)
            for (int8_t end = 0; end < 2; end++) {
                struct finding f = {.code = (uint16_t)code, .end = end, .a = 7, .b = 1};
                finding_text(&f, lang ? TERN_ZH : TERN_EN, words, sizeof words);
                assert_true(strlen(words) > 10);
                assert_null(strpbrk(words, "{}?"));
            }
    struct finding f = {.code = FINDING_REPEATED_FAST, .end = END_B, .a = 1};
    finding_text(&f, TERN_EN, words, sizeof words);
    assert_string_equal(words, "B repeated 1 segment because ACKs told of a hole");
    f.a = 2;
    finding_text(&f, TERN_EN, words, sizeof words);
    assert_string_equal(words, "B repeated 2 segments because ACKs told of a hole");
    finding_text(&f, TERN_EN, words, 8);
    assert_string_equal(words, "B repea");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_fault_is_found),
        cmocka_unit_test(no_false_alarm),
        cmocka_unit_test(nonsense),
        cmocka_unit_test(who_limits),
        cmocka_unit_test(sums),
        cmocka_unit_test(sentences),
        cmocka_unit_test(hole_beside_sack),
        cmocka_unit_test(fast_open_not_taken),
        cmocka_unit_test(limits_without_scale),
        cmocka_unit_test(one_direction),
        cmocka_unit_test(times_out_of_order),
        cmocka_unit_test(translated),
    };
    /* Thousands of tables: their memory goes round, and is not filled with a pattern. */
    mallopt(M_PERTURB, 0);
    mallopt(M_MMAP_THRESHOLD, 1 << 25);
    mallopt(M_TRIM_THRESHOLD, 1 << 28);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
