/* calls.c - every user call in every state (RFC 9293 3.10.1 to 3.10.6) and every timeout in every state (3.10.8),
 * each from a saved host; what comes of it is one line on the standard output. What is right is not decided here:
 * compare_calls.py holds the lines against tests/oracle/calls_and_timeouts.py.
 *
 *   T field=value ...                           a connection
 *   call NAME > result state signals segments   what the call returned, what came of it at once and with the next output
 *   time NAME seconds > state signals segments  as many seconds later, with the peer silent; segments: the first, and how many
 * A segment is kind:seq:ack:len, with numbers relative to the two initial sequence numbers. */
#include "rig.h"

#define WAY(n, s, ...)                                                                                                 \
    { .name = n, .state = TERN_##s, __VA_ARGS__ }
static const struct way ways[] = {
    WAY("closed", CLOSED, .passive = false),
    WAY("listen", LISTEN, .passive = true),
    WAY("syn-sent", SYN_SENT, .passive = false),
    WAY("syn-received-active", SYN_RECEIVED, .passive = false),
    WAY("syn-received-passive", SYN_RECEIVED, .passive = true),
    WAY("established", ESTABLISHED, .passive = false),
    WAY("established-unread", ESTABLISHED, .unread = true),
    WAY("established-unsent", ESTABLISHED, .unsent = true),
    WAY("established-idle", ESTABLISHED, .idle = true),
    WAY("fin-wait-1", FIN_WAIT_1, .passive = false),
    WAY("fin-wait-1-unread", FIN_WAIT_1, .unread = true),
    WAY("fin-wait-1-closed", FIN_WAIT_1, .closed = true),
    WAY("fin-wait-2", FIN_WAIT_2, .passive = false),
    WAY("fin-wait-2-unread", FIN_WAIT_2, .unread = true),
    WAY("fin-wait-2-closed", FIN_WAIT_2, .closed = true),
    WAY("close-wait", CLOSE_WAIT, .passive = false),
    WAY("close-wait-unread", CLOSE_WAIT, .unread = true),
    WAY("close-wait-unsent", CLOSE_WAIT, .unsent = true),
    WAY("close-wait-idle", CLOSE_WAIT, .idle = true),
    WAY("closing", CLOSING, .passive = false),
    WAY("closing-unread", CLOSING, .unread = true),
    WAY("closing-closed", CLOSING, .closed = true),
    WAY("last-ack", LAST_ACK, .passive = false),
    WAY("last-ack-unread", LAST_ACK, .unread = true),
    WAY("last-ack-closed", LAST_ACK, .closed = true),
    WAY("time-wait", TIME_WAIT, .passive = false),
    WAY("time-wait-unread", TIME_WAIT, .unread = true),
    WAY("time-wait-record", TIME_WAIT, .closed = true),
};

static tern_sock subject(void) { return rig.sock.id ? rig.sock : rig.listener; }

/* ---- the calls: each gives what the function of the library gave ---- */

static long call_open(void) {
    tern_open o = {.size = sizeof o, .remote = {4, {10, 0, 0, 2}}, .local_port = OUR_PORT, .remote_port = PEER_PORT};
    tern_sock sock;
    return tern_connect(rig.stack, &o, &sock);
}

static long call_listen(void) {
    tern_listen_config c = {.size = sizeof c, .port = OUR_PORT};
    tern_sock sock;
    return tern_listen(rig.stack, &c, &sock);
}

static long call_send(void) { return (long)tern_write(rig.stack, subject(), "0123456789", 10); }

static long call_receive(void) {
    char bytes[100];
    return (long)tern_read(rig.stack, subject(), bytes, sizeof bytes);
}

static long call_shutdown(void) { return tern_shutdown(rig.stack, subject()); }
static long call_close(void) { return tern_close(rig.stack, subject()); }
static long call_abort(void) { return tern_abort(rig.stack, subject()); }

static long call_send_close(void) {
    long n = call_send();
    return n < 0 ? n : call_close();
}

static long call_status(void) {
    tern_status_info i = {.size = sizeof i};
    int err = tern_status(rig.stack, subject(), &i);
    return err ? err : (long)i.state;
}

static const struct {
    const char *name;
    long (*make)(void);
} calls[] = {
    {"OPEN-active", call_open}, {"OPEN-passive", call_listen}, {"SEND", call_send},
    {"RECEIVE", call_receive},  {"SHUTDOWN", call_shutdown},   {"CLOSE", call_close},
    {"ABORT", call_abort},      {"STATUS", call_status},       {"SEND-CLOSE", call_send_close},
};

/* ---- printing ---- */

static void print_result(long r) {
    if (r < 0)
        printf("%s ", tern_error_name((int)r));
    else
        printf("%ld ", r);
}

static void print_segment(const struct answer *a) {
    printf("%s%s%s%s:%d:%d:%u", a->flags & SYN ? "S" : "", a->flags & FIN ? "F" : "", a->flags & RST ? "R" : "",
           a->flags & ACK ? "A" : "", (int32_t)(a->seq - OUR_ISS), a->flags & ACK ? (int32_t)(a->ack - PEER_ISS) : 0,
           a->len);
}

static void print_state(void) {
    struct view v;
    rig_check();
    rig_view(&v);
    printf("%s ", tern_state_name(v.state));
    rig_events();
    if (!rig.bits) printf("- ");
    if (rig.bits)
        printf("%s%s%s%s%s ", rig.bits & TERN_EV_READ ? "read," : "", rig.bits & TERN_EV_EOF ? "eof," : "",
               rig.bits & TERN_EV_WRITE ? "write," : "", rig.bits & TERN_EV_SOFT_ERROR ? "soft," : "",
               rig.bits & TERN_EV_CLOSED ? tern_error_name(rig.error) : "");
}

static void print_tcb(const struct way *w) {
    struct view v;
    rig_view(&v);
    printf("T name=%s state=%s passive=%d una=%d nxt=%d rcv_nxt=%d unread=%u closed=%d unsent=%d idle=%d\n", w->name,
           tern_state_name(v.state), v.passive, (int32_t)(v.una - OUR_ISS), (int32_t)(v.nxt - OUR_ISS),
           (int32_t)(v.rcv_nxt - PEER_ISS), v.unread, v.closed, w->unsent, w->idle);
}

/* ---- cells ---- */

static void one_call(size_t i) {
    rig_restore();
    long result = calls[i].make();
    rig_output();
    printf("call %s > ", calls[i].name);
    print_result(result);
    print_state();
    for (unsigned k = 0; k < rig.answer_count; k++) {
        printf(k ? " " : "");
        print_segment(&rig.answers[k]);
    }
    printf(rig.answer_count ? "\n" : "-\n");
}

struct times {
    struct answer first, last;
    uint64_t first_ns;
    unsigned count;
};

/* Turn after turn, as a loop without a peer would do it. */
static struct times let_pass(uint64_t seconds) {
    struct times t = {0};
    uint64_t start = rig.now, end = rig.now + seconds * SEC_NS;
    for (;;) {
        rig_output();
        for (unsigned i = 0; i < rig.answer_count; i++) {
            if (!t.count++) t.first = rig.answers[i], t.first_ns = rig.now - start;
            t.last = rig.answers[i];
        }
        rig_events();
        uint64_t due = tern_deadline(rig.stack);
        if (due > end) break;
        if (due > rig.now) rig.now = due;
        rig_expire();
    }
    rig.now = end;
    return t;
}

static void print_time(const char *name, uint64_t seconds, const struct times *t) {
    printf("time %s %llu > ", name, (unsigned long long)seconds);
    print_state();
    if (!t->count) {
        printf("-\n");
        return;
    }
    print_segment(&t->first);
    printf(" after %llu ms, %u in all, last ", (unsigned long long)(t->first_ns / MS_NS), t->count);
    print_segment(&t->last);
    printf("\n");
}

static void silence(uint64_t seconds) {
    rig_restore();
    struct times t = let_pass(seconds);
    print_time("silence", seconds, &t);
}

static void keepalive(uint64_t seconds) {
    rig_restore();
    if (tern_set(rig.stack, subject(), TERN_OPT_KEEPALIVE, 1) != TERN_OK) return;
    struct times t = let_pass(seconds);
    print_time("keepalive", seconds, &t);
}

static void user_timeout(uint64_t seconds) {
    rig_restore();
    if (tern_set(rig.stack, subject(), TERN_OPT_USER_TIMEOUT_MS, 30000) != TERN_OK) return;
    struct times t = let_pass(seconds);
    print_time("user-timeout", seconds, &t);
}

/* The peer shuts its window with all acknowledged, and there is more to send. */
static void persist(const struct way *w, uint64_t seconds) {
    struct view v;
    if (w->state != TERN_ESTABLISHED && w->state != TERN_CLOSE_WAIT) return;
    rig_restore();
    rig_view(&v);
    struct segment s = {.flags = ACK, .seq = v.rcv_nxt, .ack = v.nxt, .wnd = 0};
    rig_input(&s);
    if (call_send() < 0) return;
    rig_output();
    rig_events();
    rig.bits = 0;
    struct times t = let_pass(seconds);
    print_time("persist", seconds, &t);
}

static void delayed_ack(const struct way *w) {
    struct view v;
    if (!state_in(&(struct tcb){.state = (uint8_t)w->state}, MAY_RECEIVE) || w->closed) return;
    rig_restore();
    rig_view(&v);
    struct segment s = {.flags = ACK, .seq = v.rcv_nxt, .ack = v.nxt, .len = 10, .wnd = PEER_WINDOW};
    rig_input(&s);
    struct times t = let_pass(1);
    print_time("delayed-ack", 1, &t);
}

int main(void) {
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        rig_to_state(&ways[i]);
        print_tcb(&ways[i]);
        rig_save();
        for (size_t k = 0; k < ARRAY_LEN(calls); k++) one_call(k);
        silence(1);
        silence(59);
        silence(61);
        silence(179);
        silence(1200);
        keepalive(7100);
        keepalive(7300);
        keepalive(9000);
        user_timeout(29);
        user_timeout(61);
        persist(&ways[i], 1);
        persist(&ways[i], 1200);
        delayed_ack(&ways[i]);
    }
    return fflush(stdout) ? 1 : 0;
}
