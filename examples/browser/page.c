/* page.c - two hosts for a web page, with nothing but tern.h: the page holds the clock and the line between them. A packet that
 * leaves waits in a slot until the page says that it arrived, or that it is lost. */
#include <tern.h>

#define EXPORT(name) __attribute__((export_name(#name)))
#define IMPORT(name) __attribute__((import_module("page"), import_name(#name)))

enum { SIDES = 2, SLOTS = 64, MTU = 1500, ARENA = 8 << 20, LEAST = 5, CLASSES = 18 };
enum what { OPEN, SEND, CLOSE, ABORT };

IMPORT(random) void page_random(void *to, uint32_t len);
/* A segment leaves `side` in `slot`; flags as in its header, `reason` says why. Numbers count from the initial ones. */
IMPORT(leaves)
void page_leaves(uint32_t side, uint32_t slot, uint32_t flags, uint32_t seq, uint32_t ack, uint32_t len,
                 uint32_t reason);
/* What became of the one that arrived. */
IMPORT(arrived) void page_arrived(uint32_t side, uint32_t reason);
/* The application at `side` learnt something: enum tern_event_bits; `error` of TERN_EV_CLOSED; bytes it read. */
IMPORT(told) void page_told(uint32_t side, uint32_t bits, int32_t error, uint32_t bytes);

static struct host {
    tern_stack *stack;
    tern_sock listener, sock;
    bool has_sock, has_iss;
    uint32_t iss;
} hosts[SIDES];

static struct slot {
    bool used;
    uint32_t side, len;
    uint8_t bytes[MTU];
} slots[SLOTS];

static tern_trace leaving[SLOTS]; /* segments that were built and have not come out */
static uint32_t leaving_count;

/* ---- what the core wants of a C library ---- */

void *memcpy(void *to, const void *from, size_t n) { return __builtin_memcpy(to, from, n); }
void *memmove(void *to, const void *from, size_t n) { return __builtin_memmove(to, from, n); }
void *memset(void *to, int byte, size_t n) { return __builtin_memset(to, byte, n); }
int memcmp(const void *a, const void *b, size_t n) {
    const uint8_t *x = a, *y = b;
    for (size_t i = 0; i < n; i++)
        if (x[i] != y[i]) return x[i] - y[i];
    return 0;
}

/* ---- memory: pieces of 2^k bytes, given back to a list for each k ---- */

static _Alignas(16) uint8_t arena[ARENA];
static size_t arena_used;
static struct piece { struct piece *next; } * pieces[CLASSES];

static unsigned class_of(size_t size) {
    unsigned k = 0;
    while (((size_t)1 << (k + LEAST)) < size) k++;
    return k;
}

static void *take(void *ctx, size_t size) {
    (void)ctx;
    unsigned k = class_of(size);
    if (k >= CLASSES) return NULL;
    struct piece *p = pieces[k];
    if (p) {
        pieces[k] = p->next;
        return p;
    }
    size_t whole = (size_t)1 << (k + LEAST);
    if (whole > ARENA - arena_used) return NULL;
    arena_used += whole;
    return arena + arena_used - whole;
}

static void give(void *ctx, void *ptr, size_t size) {
    (void)ctx;
    struct piece *p = ptr;
    unsigned k = class_of(size);
    p->next = pieces[k];
    pieces[k] = p;
}

/* ---- two hosts ---- */

static uint64_t ns(double ms) { return (uint64_t)(ms * 1e6 + 0.5); }
/* Each opens from the port at which it listens, so that two opens at the same time meet. */
static uint16_t port(uint32_t side) { return side == 0 ? 4000 : 80; }
static tern_addr address(uint32_t side) { return (tern_addr){4, {192, 0, 2, (uint8_t)(1 + side)}}; }

static void on_trace(void *ctx, const tern_trace *r) {
    const struct host *h = ctx;
    if (r->kind == TERN_TRACE_SEGMENT_OUT) {
        if (leaving_count < SLOTS) leaving[leaving_count++] = *r;
    } else {
        page_arrived((uint32_t)(h - hosts), r->reason);
    }
}

static int host_open(uint32_t side, double now_ms) {
    struct host *h = &hosts[side];
    tern_config c;
    tern_config_default(&c);
    c.allocator = (tern_allocator){take, give, NULL};
    c.memory_max = ARENA / 2;
    c.send_buffer = c.send_buffer_max = c.receive_buffer = c.receive_buffer_max = 65536;
    c.msl_ms = 1000; /* so that TIME-WAIT can be lived through */
    page_random(c.entropy, sizeof c.entropy);
    int r = tern_new(&c, ns(now_ms), &h->stack);
    if (r < 0) return r;
    tern_addr a = address(side);
    tern_trace_set(h->stack, TERN_TRACE_SEGMENT_IN | TERN_TRACE_SEGMENT_OUT | TERN_TRACE_DROP, on_trace, h);
    r = tern_iface_add(h->stack,
                       &(tern_iface_config){.size = sizeof(tern_iface_config), .link = TERN_LINK_IP, .mtu = MTU});
    if (r >= 0) r = tern_addr_add(h->stack, 0, &a, 24);
    tern_listen_config l = {.size = sizeof l, .port = port(side)};
    return r < 0 ? r : tern_listen(h->stack, &l, &h->listener);
}

/* Begins anew: both hosts listen. */
EXPORT(start) int start(double now_ms) {
    for (uint32_t side = 0; side < SIDES; side++) {
        tern_free(hosts[side].stack);
        hosts[side] = (struct host){.stack = NULL};
    }
    for (uint32_t i = 0; i < SLOTS; i++) slots[i].used = false;
    leaving_count = 0;
    int r = host_open(0, now_ms);
    return r < 0 ? r : host_open(1, now_ms);
}

/* ---- packets ---- */

static uint32_t get16(const uint8_t *p) { return (uint32_t)p[0] << 8 | p[1]; }
static uint32_t get32(const uint8_t *p) { return get16(p) << 16 | get16(p + 2); }

/* Why it leaves: the record that was made when it was built. */
static uint32_t reason_of(uint32_t seq, uint32_t ack, uint32_t flags) {
    for (uint32_t i = 0; i < leaving_count; i++) {
        const tern_trace t = leaving[i];
        if (t.seg.seq != seq || t.seg.ack != ack || t.seg.flags != flags) continue;
        leaving_count--;
        for (uint32_t k = i; k < leaving_count; k++) leaving[k] = leaving[k + 1];
        return t.reason;
    }
    return 0;
}

static void tell_of(uint32_t side, uint32_t slot) {
    const struct slot *s = &slots[slot];
    const uint8_t *tcp = s->bytes + (s->bytes[0] & 15) * 4;
    uint32_t seq = get32(tcp + 4), ack = get32(tcp + 8), flags = get16(tcp + 12) & 0x1ff;
    uint32_t len = s->len - (uint32_t)(tcp - s->bytes) - (uint32_t)(tcp[12] >> 4) * 4,
             reason = reason_of(seq, ack, flags);
    struct host *h = &hosts[side];
    if (flags & TERN_SYN) h->iss = seq, h->has_iss = true;
    if (h->has_iss) seq -= h->iss;
    if (!(flags & TERN_ACK)) ack = 0;
    if (flags & TERN_ACK && hosts[1 - side].has_iss) ack -= hosts[1 - side].iss;
    page_leaves(side, slot, flags, seq, ack, len, reason);
}

static void output(uint32_t side, double now_ms) {
    for (uint32_t i = 0; i < SLOTS; i++) {
        tern_frame frame;
        if (slots[i].used) continue;
        if (tern_output(hosts[side].stack, &frame, 1, ns(now_ms)) != 1) return;
        slots[i].len = (uint32_t)tern_frame_copy(&frame, slots[i].bytes, MTU);
        slots[i].used = slots[i].len != 0;
        slots[i].side = side;
        if (slots[i].used) tell_of(side, i);
    }
}

/* ---- the application at each end: takes what comes, says nothing by itself ---- */

static void accept_one(struct host *h) {
    tern_sock sock;
    if (tern_accept(h->stack, h->listener, &sock, NULL) < 0) return;
    if (h->has_sock) tern_close(h->stack, h->sock);
    h->sock = sock;
    h->has_sock = true;
}

static void events(uint32_t side) {
    struct host *h = &hosts[side];
    tern_event e;
    while (tern_poll(h->stack, &e, 1) == 1) {
        uint32_t bytes = 0;
        static uint8_t text[1024];
        if (e.bits & TERN_EV_ACCEPT) accept_one(h);
        for (ptrdiff_t n; e.bits & TERN_EV_READ && (n = tern_read(h->stack, e.sock, text, sizeof text)) > 0;)
            bytes += (uint32_t)n;
        page_told(side, e.bits, e.error, bytes);
        if (!(e.bits & TERN_EV_CLOSED)) continue;
        tern_close(h->stack, e.sock);
        h->has_sock = false;
    }
}

static void turn(double now_ms) {
    for (uint32_t side = 0; side < SIDES; side++) {
        tern_expire(hosts[side].stack, ns(now_ms));
        events(side);
        output(side, now_ms);
    }
}

EXPORT(run) void run(double now_ms) { turn(now_ms); }

EXPORT(arrive) void arrive(uint32_t slot, double now_ms) {
    struct slot *s = &slots[slot % SLOTS];
    if (!s->used) return;
    tern_packet p = {.data = s->bytes, .len = s->len};
    tern_input(hosts[1 - s->side].stack, 0, &p, 1, ns(now_ms));
    s->used = false;
    turn(now_ms);
}

EXPORT(lose) void lose(uint32_t slot) { slots[slot % SLOTS].used = false; }

/* When `run` is to be called at the latest, in ms; below zero: nothing waits. */
EXPORT(deadline) double deadline(void) {
    uint64_t a = tern_deadline(hosts[0].stack), b = tern_deadline(hosts[1].stack), first = a < b ? a : b;
    return first == TERN_NEVER ? -1 : (double)first / 1e6;
}

/* enum tern_state of what goes on at this side. */
EXPORT(state) int state(uint32_t side) {
    uint64_t cursor = 0;
    tern_status_info info = {.size = sizeof info};
    while (tern_list(hosts[side & 1].stack, &cursor, &info))
        if (info.state != TERN_LISTEN) return (int)info.state;
    return TERN_LISTEN;
}

/* ---- what the person at the page does ---- */

static int call_open(uint32_t side) {
    struct host *h = &hosts[side];
    tern_open o = {
        .size = sizeof o, .local_port = port(side), .remote = address(1 - side), .remote_port = port(1 - side)};
    if (h->has_sock) return TERN_EADDRINUSE;
    int r = tern_connect(h->stack, &o, &h->sock);
    h->has_sock = r >= 0;
    return r;
}

/* The FIN only: what the other end still says is taken [RFC9293 3.6]. Before there is a connection, the open is given up. */
static int call_close(uint32_t side) {
    struct host *h = &hosts[side];
    if (state(side) != TERN_SYN_SENT) return tern_shutdown(h->stack, h->sock);
    h->has_sock = false;
    return tern_close(h->stack, h->sock);
}

/* TERN_OK or why not. */
EXPORT(call) int call(uint32_t side, uint32_t what, double now_ms) {
    static const char text[] = "hello";
    struct host *h = &hosts[side & 1];
    int r = TERN_ESTATE;
    if (what == OPEN)
        r = call_open(side & 1);
    else if (h->has_sock && what == SEND)
        r = (int)tern_write(h->stack, h->sock, text, sizeof text - 1);
    else if (h->has_sock && what == CLOSE)
        r = call_close(side & 1);
    else if (h->has_sock && what == ABORT)
        r = tern_abort(h->stack, h->sock);
    if (r >= 0 && what == ABORT) h->has_sock = false;
    turn(now_ms);
    return r < 0 ? r : TERN_OK;
}

/* ---- texts, where they lie ---- */

EXPORT(state_name) const char *state_name(int s) { return tern_state_name((enum tern_state)s); }
EXPORT(reason) const char *reason(uint32_t r, uint32_t chinese) {
    return tern_reason_text(r, chinese ? TERN_ZH : TERN_EN);
}
EXPORT(rfc) const char *rfc(uint32_t r) { return tern_reason_rfc(r); }
EXPORT(error) const char *error(int e, uint32_t chinese) { return tern_strerror(e, chinese ? TERN_ZH : TERN_EN); }
EXPORT(version) const char *version(void) { return tern_version(); }
