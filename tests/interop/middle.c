/* middle.c - a device before the device, and packets put together byte by byte. */
#include "middle.h"

#include "base/bytes.h"

static struct middle *middle_of(const struct device *dev) { return (struct middle *)(uintptr_t)dev; }

/* ---- bytes ---- */

static uint32_t sum_of(const uint8_t *p, uint32_t len, uint32_t sum) {
    for (uint32_t i = 0; i < len; i++) sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

static void fix_ip4(uint8_t *p) {
    store16(p + 10, 0);
    store16(p + 10, ~sum_of(p, 20, 0) & 0xffff);
}

void middle_mark(uint8_t *p, uint8_t ecn) {
    if (p[0] >> 4 == 6) {
        p[1] = (uint8_t)((p[1] & 0xcf) | ecn << 4);
        return;
    }
    p[1] = (uint8_t)((p[1] & 0xfc) | ecn);
    fix_ip4(p);
}

/* ---- what crosses ---- */

static void read_options(const uint8_t *p, uint32_t len, struct crossed *c) {
    for (uint32_t i = 0; i < len && p[i] != 0;) {
        uint32_t n = p[i] == 1 ? 1 : i + 1 < len ? p[i + 1] : 0;
        if (n == 0 || n > len - i) return;
        if (p[i] == 2 && n == 4) c->mss = load16(p + i + 2);
        if (p[i] == 4) c->sack_permitted = true;
        if (p[i] == 8 && n == 10) {
            c->stamps = true;
            c->ts_value = load32(p + i + 2);
            c->ts_echo = load32(p + i + 6);
        }
        i += n;
    }
}

static struct crossed read_packet(const uint8_t *p, uint32_t len, bool out) {
    struct crossed c = {.out = out, .bytes = (uint16_t)len, .at_ns = tern_host_now()};
    bool v6 = p[0] >> 4 == 6;
    uint32_t head = v6 ? 40 : (p[0] & 15u) * 4u;
    if (len < head + 8) return c;
    c.family = v6 ? 6 : 4;
    c.protocol = v6 ? p[6] : p[9];
    c.ecn = (v6 ? p[1] >> 4 : p[1]) & 3;
    const uint8_t *t = p + head;
    if (c.protocol != 6 || len < head + 20) return c;
    uint32_t offset = (t[12] >> 4) * 4u;
    c.src_port = load16(t);
    c.dst_port = load16(t + 2);
    c.seq = load32(t + 4);
    c.ack = load32(t + 8);
    c.flags = (uint16_t)((t[12] & 1) << 8 | t[13]);
    c.window = load16(t + 14);
    c.urgent = load16(t + 18);
    c.len = len - head - offset;
    read_options(t + 20, offset - 20, &c);
    return c;
}

/* Notes it; false: it goes no further. */
static bool passes(struct middle *m, uint8_t *p, uint32_t len, bool out) {
    struct crossed c = read_packet(p, len, out);
    c.stopped = out ? m->silent_out : m->silent_in;
    if (!c.stopped && m->judge != NULL) c.stopped = !m->judge(m->ctx, &c, p);
    if (!m->blind && m->count < MIDDLE_CROSSED) m->crossed[m->count++] = c;
    return !c.stopped;
}

static int middle_receive(struct device *dev, tern_packet *out, size_t max, struct driver_error *err) {
    struct middle *m = middle_of(dev);
    size_t room = max < MIDDLE_QUEUE ? max : MIDDLE_QUEUE, n = 0;
    int real = device_receive(m->inner, out, room, err);
    if (real < 0) return real;
    for (size_t i = 0; i < (size_t)real; i++) {
        assert_true(out[i].len <= MIDDLE_PACKET);
        memcpy(m->batch[n].bytes, out[i].data, out[i].len);
        m->batch[n].len = out[i].len;
        n += passes(m, m->batch[n].bytes, out[i].len, false);
    }
    uint32_t taken = 0;
    for (; taken < m->queued && n < room; taken++) m->batch[n++] = m->queue[taken];
    m->queued -= taken;
    memmove(m->queue, m->queue + taken, m->queued * sizeof m->queue[0]);
    for (; m->flood != NULL && n < room; n++)
        if ((m->batch[n].len = m->flood(m->ctx, m->batch[n].bytes)) == 0) m->flood = NULL, n--;
    for (size_t i = 0; i < n; i++) out[i] = (tern_packet){.data = m->batch[i].bytes, .len = m->batch[i].len};
    return (int)n;
}

static int write_out(struct middle *m, const void *packet, uint32_t len, struct driver_error *err) {
    tern_frame f = {.len = len, .spans = 1, .body = {{packet, len}}};
    return device_send(m->inner, &f, 1, err);
}

static int middle_send(struct device *dev, tern_frame *frames, size_t n, struct driver_error *err) {
    struct middle *m = middle_of(dev);
    uint8_t packet[MIDDLE_PACKET];
    for (size_t i = 0; i < n; i++) {
        uint32_t len = (uint32_t)tern_frame_copy(&frames[i], packet, sizeof packet);
        assert_int_equal(len, frames[i].len);
        if (!passes(m, packet, len, true)) continue;
        int r = write_out(m, packet, len, err);
        if (r < 0) return r;
    }
    return 0;
}

static void middle_close(struct device *dev) {
    struct middle *m = middle_of(dev);
    device_close(m->inner);
    free(m);
}

static const struct device_ops middle_ops = {middle_receive, middle_send, NULL, NULL, middle_close};

struct middle *middle_open(struct world *w) {
    struct middle *m = calloc(1, sizeof *m);
    assert_non_null(m);
    assert_int_equal(w->dev->tso_max, 0);
    m->inner = w->dev;
    m->dev = *w->dev;
    m->dev.ops = &middle_ops;
    w->dev = w->loop.dev = &m->dev;
    return m;
}

void middle_to_tern(struct middle *m, const void *packet, uint32_t len) {
    assert_true(m->queued < MIDDLE_QUEUE && len <= MIDDLE_PACKET);
    memcpy(m->queue[m->queued].bytes, packet, len);
    m->queue[m->queued++].len = len;
}

void middle_to_kernel(struct middle *m, const void *packet, uint32_t len) {
    struct driver_error err;
    if (write_out(m, packet, len, &err) < 0) fail_msg("%s", err.text);
}

const struct crossed *middle_next(const struct middle *m, size_t *at, bool out, uint16_t flags) {
    while (*at < m->count) {
        const struct crossed *c = &m->crossed[(*at)++];
        if (c->protocol == 6 && c->out == out && !c->stopped && (c->flags & flags) == flags) return c;
    }
    return NULL;
}

unsigned middle_count(const struct middle *m, size_t at, bool out, uint16_t src_port, uint16_t flags) {
    unsigned n = 0;
    for (const struct crossed *c; (c = middle_next(m, &at, out, flags)) != NULL;) n += c->src_port == src_port;
    return n;
}

const struct crossed *middle_last(const struct middle *m, bool out, uint16_t src_port) {
    for (size_t i = m->count; i-- > 0;) {
        const struct crossed *c = &m->crossed[i];
        if (c->protocol == 6 && c->out == out && !c->stopped && c->src_port == src_port) return c;
    }
    fail_msg("nothing crossed from port %u", src_port);
    return NULL;
}

/* ---- packets by hand ---- */

/* Fills in the IP header and returns where its payload starts. */
static uint8_t *ip_header(uint8_t *p, int family, uint8_t protocol, const tern_addr *src, const tern_addr *dst,
                          uint32_t payload) {
    uint32_t head = family == 4 ? 20 : 40;
    memset(p, 0, head);
    if (family == 4) {
        p[0] = 0x45;
        store16(p + 2, (uint16_t)(20 + payload));
        store16(p + 6, 0x4000);
        p[8] = 64;
        p[9] = protocol;
        memcpy(p + 12, src->bytes, 4);
        memcpy(p + 16, dst->bytes, 4);
        fix_ip4(p);
    } else {
        p[0] = 0x60;
        store16(p + 4, (uint16_t)payload);
        p[6] = protocol;
        p[7] = 64;
        memcpy(p + 8, src->bytes, 16);
        memcpy(p + 24, dst->bytes, 16);
    }
    return p + head;
}

/* The pseudo-header stands in the addresses of the packet itself. */
static void fix_transport(uint8_t *p, uint32_t at, uint32_t field, uint8_t protocol, bool pseudo) {
    bool v6 = p[0] >> 4 == 6;
    uint32_t len = v6 ? load16(p + 4) : load16(p + 2) - 20u;
    uint32_t sum = !pseudo ? 0 : v6 ? sum_of(p + 8, 32, protocol + len) : sum_of(p + 12, 8, protocol + len);
    store16(p + at + field, 0);
    store16(p + at + field, ~sum_of(p + at, len, sum) & 0xffff);
}

static tern_addr source_of(const struct segment *s) {
    tern_addr a = s->from_tern ? world_ours(s->family) : world_kernel(s->family);
    if (s->stranger != 0 && s->family == 6) a = (tern_addr){6, {0x20, 0x01, 0x0d, 0xb8}};
    if (s->stranger != 0) store32(a.bytes + (s->family == 4 ? 0 : 12), s->stranger);
    return a;
}

uint32_t forge_segment(const struct segment *s, uint8_t *p) {
    tern_addr src = source_of(s), dst = s->from_tern ? world_kernel(s->family) : world_ours(s->family);
    uint32_t options = (s->mss != 0 ? 4 : 0) + (s->stamps ? 12 : 0), len = 20 + options + s->len;
    uint8_t *t = ip_header(p, s->family, 6, &src, &dst, len), *o = t + 20;
    memset(t, 0, 20 + options);
    store16(t, s->src_port);
    store16(t + 2, s->dst_port);
    store32(t + 4, s->seq);
    store32(t + 8, s->ack);
    t[12] = (uint8_t)((20 + options) / 4 << 4 | (s->flags >> 8 & 1));
    t[13] = (uint8_t)s->flags;
    store16(t + 14, s->window);
    if (s->mss != 0) {
        store32(o, 0x02040000u | s->mss);
        o += 4;
    }
    if (s->stamps) {
        store32(o, 0x0101080a);
        store32(o + 4, s->ts_value);
        store32(o + 8, s->ts_echo);
        o += 12;
    }
    if (s->len > 0) memcpy(o, s->text, s->len);
    fix_transport(p, (uint32_t)(t - p), 16, 6, true);
    return (uint32_t)(t - p) + len;
}

uint32_t forge_too_big(const struct segment *quoted, uint32_t mtu, uint8_t *p) {
    int family = quoted->family;
    tern_addr ours = world_ours(family), router = {4, {192, 0, 2, 77}};
    uint8_t inside[MIDDLE_PACKET];
    uint32_t head = family == 4 ? 20 : 40, quote = head + 20; /* IP and TCP headers of the packet complained about */
    forge_segment(quoted, inside);
    if (family == 6) router = (tern_addr){6, {0x20, 0x01, 0x0d, 0xb8, [15] = 0x77}};
    uint8_t *t = ip_header(p, family, family == 4 ? 1 : 58, &router, &ours, 8 + quote);
    t[0] = family == 4 ? 3 : 2;
    t[1] = family == 4 ? 4 : 0;
    store32(t + 4, mtu);
    memcpy(t + 8, inside, quote);
    fix_transport(p, (uint32_t)(t - p), 2, 58, family == 6);
    return (uint32_t)(t - p) + 8 + quote;
}
