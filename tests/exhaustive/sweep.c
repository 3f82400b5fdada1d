/* sweep.c - SEGMENT ARRIVES (RFC 9293 3.10.7), every case: each state x flag set x position of SEQ x position of ACK
 * x length x window x timestamp is one cell. A cell is one real packet into one saved host; what comes of it is one
 * line on the standard output. What is right is not decided here: compare.py holds the lines against tests/oracle
 * and expected.txt.
 *
 * Lines, with numbers relative to the two initial sequence numbers:
 *   T field=value ...                  a connection, as the oracle's Tcb takes it
 *   C count dims flags seq len ack wnd ts > state reply-kind seq ack rcv_nxt una wnd ts held restart signals
 *
 * PSH, and the ACK number of a segment without ACK, should make no difference: cells that differ in nothing else and
 * come to the same are one line with their count. Where they do differ, each has its own.
 * */
#include "rig.h"

#include <stdarg.h>

/* What came of one cell. */
enum { TEXT = 256 };
static char after[TEXT];
static size_t after_len;

__attribute__((format(printf, 1, 2))) static void put(const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = vsnprintf(after + after_len, TEXT - after_len, format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= TEXT - after_len) abort();
    after_len += (size_t)n;
}

static const struct way ways[] = {
    {.name = "closed", .state = TERN_CLOSED},
    {.name = "listen", .state = TERN_LISTEN, .passive = true},
    {.name = "listen-ts", .state = TERN_LISTEN, .passive = true, .stamps = true},
    {.name = "syn-sent", .state = TERN_SYN_SENT},
    {.name = "syn-sent-ts", .state = TERN_SYN_SENT, .stamps = true},
    {.name = "syn-received-passive", .state = TERN_SYN_RECEIVED, .passive = true},
    {.name = "syn-received-passive-ts", .state = TERN_SYN_RECEIVED, .passive = true, .stamps = true},
    {.name = "syn-received-active", .state = TERN_SYN_RECEIVED},
    {.name = "syn-received-active-ts", .state = TERN_SYN_RECEIVED, .stamps = true},
    {.name = "established", .state = TERN_ESTABLISHED},
    {.name = "established-ts", .state = TERN_ESTABLISHED, .stamps = true},
    {.name = "established-zero", .state = TERN_ESTABLISHED, .zero = true},
    {.name = "fin-wait-1", .state = TERN_FIN_WAIT_1},
    {.name = "fin-wait-1-ts", .state = TERN_FIN_WAIT_1, .stamps = true},
    {.name = "fin-wait-1-zero", .state = TERN_FIN_WAIT_1, .zero = true},
    {.name = "fin-wait-1-closed", .state = TERN_FIN_WAIT_1, .closed = true},
    {.name = "fin-wait-2", .state = TERN_FIN_WAIT_2},
    {.name = "fin-wait-2-ts", .state = TERN_FIN_WAIT_2, .stamps = true},
    {.name = "fin-wait-2-zero", .state = TERN_FIN_WAIT_2, .zero = true},
    {.name = "fin-wait-2-closed", .state = TERN_FIN_WAIT_2, .closed = true},
    {.name = "close-wait", .state = TERN_CLOSE_WAIT},
    {.name = "close-wait-ts", .state = TERN_CLOSE_WAIT, .stamps = true},
    {.name = "close-wait-zero", .state = TERN_CLOSE_WAIT, .zero = true},
    {.name = "closing", .state = TERN_CLOSING},
    {.name = "closing-ts", .state = TERN_CLOSING, .stamps = true},
    {.name = "closing-closed", .state = TERN_CLOSING, .closed = true},
    {.name = "last-ack", .state = TERN_LAST_ACK},
    {.name = "last-ack-ts", .state = TERN_LAST_ACK, .stamps = true},
    {.name = "last-ack-closed", .state = TERN_LAST_ACK, .closed = true},
    {.name = "time-wait", .state = TERN_TIME_WAIT},
    {.name = "time-wait-ts", .state = TERN_TIME_WAIT, .stamps = true},
    {.name = "time-wait-listen", .state = TERN_TIME_WAIT, .listener = true},
    {.name = "time-wait-listen-nots", .state = TERN_TIME_WAIT, .listener = true, .plain_peer = true},
    {.name = "time-wait-record-listen-nots",
     .state = TERN_TIME_WAIT,
     .closed = true,
     .listener = true,
     .plain_peer = true},
    {.name = "time-wait-listen-ts", .state = TERN_TIME_WAIT, .listener = true, .stamps = true},
    {.name = "time-wait-record", .state = TERN_TIME_WAIT, .closed = true},
    {.name = "time-wait-record-ts", .state = TERN_TIME_WAIT, .closed = true, .stamps = true},
    {.name = "time-wait-record-listen", .state = TERN_TIME_WAIT, .closed = true, .listener = true},
    {.name = "time-wait-record-listen-fast", .state = TERN_TIME_WAIT, .closed = true, .listener = true, .fast = true},
    {.name = "time-wait-record-listen-ts", .state = TERN_TIME_WAIT, .closed = true, .listener = true, .stamps = true},
};

/* Positions; the names of the same numbers are in compare.py. */
enum { SEQ_FAR, SEQ_OLD, SEQ_BEFORE, SEQ_NEXT, SEQ_INSIDE, SEQ_LAST, SEQ_EDGE, SEQ_BEYOND, SEQS };
enum { ACK_FAR, ACK_OLDEST, ACK_OLD, ACK_UNA, ACK_BETWEEN, ACK_ALL, ACK_BEYOND, ACK_OPPOSITE, ACKS };
enum { LEN_0, LEN_1, LEN_FILLS, LEN_CROSSES, LENS };
enum { WND_OPEN, WND_SHUT, WNDS };
/* Timestamps: none on the segment; newer, equal, older than TS.Recent (or any, where none is remembered). */
enum { TS_NONE, TS_NEWER, TS_EQUAL, TS_OLDER, TSS };
enum { FLAG_SETS = 64, OTHER_WINDOW = 6000 };

static uint32_t seq_at(const struct view *v, unsigned p) {
    uint32_t wnd = v->state <= TERN_SYN_SENT ? BUFFER : v->rcv_wnd, edge = v->rcv_nxt + wnd;
    switch (p) {
    case SEQ_FAR: return v->rcv_nxt - (1u << 30);
    case SEQ_OLD: return v->rcv_nxt - URGENT_AHEAD;
    case SEQ_BEFORE: return v->rcv_nxt - 1;
    case SEQ_NEXT: return v->rcv_nxt;
    case SEQ_INSIDE: return v->rcv_nxt + 100;
    case SEQ_LAST: return edge - 1;
    case SEQ_EDGE: return edge;
    default: return edge + 200;
    }
}

static uint32_t ack_at(const struct view *v, unsigned p) {
    switch (p) {
    case ACK_FAR: return v->una - v->max_wnd - 1;
    case ACK_OLDEST: return v->una - v->max_wnd;
    case ACK_OLD: return v->una - 1;
    case ACK_UNA: return v->una;
    case ACK_BETWEEN: return v->nxt - 1;
    case ACK_ALL: return v->nxt;
    case ACK_BEYOND: return v->nxt + 1;
    default: return v->una ^ 0x80000000u;
    }
}

static uint32_t len_at(const struct view *v, unsigned p, uint32_t number) {
    if (p <= LEN_1) return p;
    uint32_t wnd = v->state <= TERN_SYN_SENT ? BUFFER : v->rcv_wnd, room = v->rcv_nxt + wnd - number;
    if (room == 0 || room > 2 * BUFFER) room = 100;
    return p == LEN_FILLS ? room : room + 10;
}

static const char *kind_of(const struct answer *r) {
    switch (r->flags & (SYN | ACK | RST | FIN)) {
    case ACK: return r->len ? "data" : "ACK";
    case RST: return "RST";
    case RST | ACK: return "RST,ACK";
    case SYN | ACK: return "SYN,ACK";
    case SYN: return "SYN";
    default: return "other";
    }
}

static void put_reply(const struct view *v) {
    if (rig.answer_count == 0 && v->there && v->later) {
        put("later %d %d ", (int32_t)(v->nxt - OUR_ISS), (int32_t)(v->rcv_nxt - PEER_ISS));
        return;
    }
    if (rig.answer_count != 1) {
        put("%s 0 0 ", rig.answer_count ? "several" : "none");
        return;
    }
    const struct answer *r = &rig.answers[0];
    bool from_zero = (r->flags & (RST | ACK)) == (RST | ACK) && r->seq == 0;
    put("%s %d %d ", kind_of(r), from_zero ? 0 : (int32_t)(r->seq - OUR_ISS),
        r->flags & ACK ? (int32_t)(r->ack - PEER_ISS) : 0);
}

static void put_signals(void) {
    static const struct {
        uint32_t bit;
        const char *name;
    } names[] = {{TERN_EV_CONNECTED, "connected"}, {TERN_EV_READ, "data"},     {TERN_EV_EOF, "eof"},
                 {TERN_EV_SENT, "sent"},           {TERN_EV_URGENT, "urgent"}, {TERN_EV_WRITE, "write"},
                 {TERN_EV_SOFT_ERROR, "soft"}};
    const char *separator = "";
    if (rig.listener_bits & TERN_EV_ACCEPT) put("accept"), separator = ",";
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (rig.bits & names[i].bit) put("%s%s", separator, names[i].name), separator = ",";
    if (rig.bits & TERN_EV_CLOSED)
        put("%s%s", separator,
            rig.error == TERN_ERESET     ? "reset"
            : rig.error == TERN_EREFUSED ? "refused"
            : rig.error                  ? "error"
                                         : "closed"),
            separator = ",";
    put("%s", *separator ? "" : "-");
}

/* `opening`: of a passive open, so that what is left when it ends is the listener. */
static void put_after(bool opening) {
    struct view v;
    rig_view(&v);
    rig_check();
    put("%s ", tern_state_name(v.there || opening ? v.state : TERN_CLOSED));
    put_reply(&v);
    if (v.record) /* it does without SND.WND */
        put("%d %d - %u %u %d ", (int32_t)(v.rcv_nxt - PEER_ISS), (int32_t)(v.una - OUR_ISS), v.ts_recent, v.held,
            v.two_msl_full);
    else if (v.there)
        put("%d %d %u %u %u %d ", (int32_t)(v.rcv_nxt - PEER_ISS), (int32_t)(v.una - OUR_ISS), v.wnd, v.ts_recent,
            v.held, v.two_msl_full);
    else
        put("- - - - - 0 ");
    put_signals();
}

static struct segment segment_at(const struct view *v, unsigned flags, const unsigned at[5]) {
    uint32_t number = seq_at(v, at[0]);
    return (struct segment){.flags = flags,
                            .seq = number,
                            .ack = ack_at(v, at[1]),
                            .len = len_at(v, at[2], number),
                            .wnd = at[3] == WND_OPEN ? OTHER_WINDOW >> v->wnd_shift : 0,
                            .has_ts = at[4] != TS_NONE,
                            .ts = v->ts_recent + (at[4] == TS_NEWER   ? 10
                                                  : at[4] == TS_OLDER ? -1u
                                                                      : 0)};
}

static void cell(const struct view *v, unsigned flags, const unsigned at[5]) {
    struct segment s = segment_at(v, flags, at);
    rig_restore();
    rig_input(&s);
    rig_output();
    rig_events();
    after_len = 0;
    put_after(!v->there || v->half_open);
}

static void print_cell(const struct view *v, unsigned flags, const unsigned at[5], unsigned count, const char *what) {
    struct segment s = segment_at(v, flags, at);
    printf("C %u %u%u%u%u%u %u %d %u %d %u ", count, at[0], at[1], at[2], at[3], at[4], flags,
           (int32_t)(s.seq - PEER_ISS), s.len, (int32_t)(s.ack - OUR_ISS), s.wnd);
    if (s.has_ts) printf("%u", s.ts);
    printf("%s > %s\n", s.has_ts ? "" : "-", what);
}

static void print_tcb(const struct way *w, const struct view *v) {
    printf("T name=%s state=%s passive=%d listener=%d iss=0 una=%d nxt=%d wnd=%u max_wnd=%u wl1=%d wl2=%d irs=%d "
           "rcv_nxt=%d "
           "rcv_wnd=%u wnd_shift=%u unread=%u fin_sent=%d closed=%d ts=%d ts_recent=%u last_ack=%d offer_ts=%d "
           "syn_wnd=%u\n",
           w->name, tern_state_name(v->state), v->passive, rig.listener.id != 0, (int32_t)(v->una - OUR_ISS),
           (int32_t)(v->nxt - OUR_ISS), v->wnd, v->max_wnd, (int32_t)(v->wl1 - PEER_ISS), (int32_t)(v->wl2 - OUR_ISS),
           (int32_t)(v->irs - PEER_ISS), (int32_t)(v->rcv_nxt - PEER_ISS), v->rcv_wnd, v->wnd_shift, v->unread,
           v->fin_sent, v->closed, v->stamps, v->ts_recent, (int32_t)(v->last_ack - PEER_ISS),
           w->stamps || w->plain_peer, BUFFER);
}

/* URG and PSH with every other combination, but not also with every window and timestamp. */
static bool is_plain(const struct way *w, const unsigned at[5]) {
    return at[3] == WND_OPEN && at[4] == (w->stamps ? TS_NEWER : TS_NONE);
}

static bool is_wanted(const struct way *w, unsigned flags, const unsigned at[5]) {
    if (at[3] == WND_SHUT && at[4] != (w->stamps ? TS_NEWER : TS_NONE)) return false;
    if (!w->stamps && at[4] > TS_NEWER) return false;
    return is_plain(w, at) || !(flags & URG);
}

/* Cells that should come to the same: with and without PSH, and without ACK whatever the ACK number. */
static void alike(const struct view *v, unsigned flags, unsigned at[5], bool with_psh) {
    static char first[TEXT];
    unsigned count = 0, acks = flags & ACK ? at[1] + 1 : ACKS, from = flags & ACK ? at[1] : 0, head[5];
    memcpy(head, at, sizeof head);
    head[1] = from;
    for (at[1] = from; at[1] < acks; at[1]++)
        for (unsigned psh = 0; psh <= (with_psh ? PSH : 0u); psh += PSH) {
            cell(v, flags | psh, at);
            if (count && strcmp(first, after) != 0) {
                print_cell(v, flags | psh, at, 1, after);
                continue;
            }
            memcpy(first, after, sizeof first);
            count++;
        }
    at[1] = head[1];
    print_cell(v, flags, head, count, first);
}

static void sweep(const struct way *w) {
    struct view v;
    rig_to_state(w);
    rig_view(&v);
    if (!v.there) v.rcv_nxt = PEER_ISS, v.una = v.nxt = OUR_ISS;
    print_tcb(w, &v);
    rig_save();
    unsigned at[5];
    for (unsigned flags = 0; flags < FLAG_SETS; flags++)
        for (at[3] = 0; at[3] < WNDS; at[3]++)
            for (at[4] = 0; at[4] < TSS; at[4]++) {
                if (flags & PSH || !is_wanted(w, flags, at)) continue;
                for (at[0] = 0; at[0] < SEQS; at[0]++)
                    for (at[2] = 0; at[2] < LENS; at[2]++)
                        for (at[1] = 0; at[1] < (flags & ACK ? ACKS : 1u); at[1]++)
                            alike(&v, flags, at, is_plain(w, at));
            }
}

int main(void) {
    static char buffer[1 << 16];
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) sweep(&ways[i]);
    return ferror(stdout) || fflush(stdout) ? 1 : 0;
}
