/* forge.c - see forge.h. */
#include "play/forge.h"

#include "wire/wire.h"

enum { IP_LEN = 20 };

static uint32_t v4(const tern_addr *a) { return load32(a->bytes); }

static void seal(uint8_t *packet, uint32_t len) {
    ip_addr src = ip_from_v4(load32(packet + 12)), dst = ip_from_v4(load32(packet + 16));
    uint32_t tcp = len - IP_LEN;
    memset(packet + IP_LEN + 16, 0, 2);
    uint16_t sum = checksum_finish(checksum_plain.add(packet + IP_LEN, tcp, pseudo_sum(&src, &dst, IP_PROTO_TCP, tcp)));
    memcpy(packet + IP_LEN + 16, &sum, 2);
}

uint32_t forge(const struct forged *f, uint8_t packet[FORGE_MAX]) {
    tcp_header h = {.src_port = f->from_port,
                    .dst_port = f->to_port,
                    .seq_no = seq_of(f->seq),
                    .ack_no = seq_of(f->ack),
                    .flags = f->flags,
                    .window = f->window,
                    .options = {.has_mss = f->mss != 0,
                                .mss = f->mss,
                                .has_ts = f->stamped,
                                .ts_value = f->ts_value,
                                .ts_echo = f->ts_echo}};
    uint8_t tcp[64];
    writer w = writer_of(tcp, sizeof tcp);
    tcp_emit(&w, &h);
    uint32_t head = (uint32_t)writer_len(&w), len = IP_LEN + head + f->len;
    if (len > FORGE_MAX) return 0;
    ip4_header ip = {.header_len = IP_LEN,
                     .ttl = 64,
                     .proto = IP_PROTO_TCP,
                     .total_len = (uint16_t)len,
                     .dont_fragment = true,
                     .src = v4(&f->from),
                     .dst = v4(&f->to)};
    w = writer_of(packet, FORGE_MAX);
    ip4_emit(&w, &ip);
    write_bytes(&w, tcp, head);
    memset(packet + IP_LEN + head, 'X', f->len);
    seal(packet, len);
    return len;
}

uint32_t forge_answer(const uint8_t *syn_ack, uint32_t len, uint8_t packet[FORGE_MAX]) {
    ip4_header ip;
    tcp_header h;
    reader r = reader_of(syn_ack, len);
    if (!ip4_parse(&r, &ip) || tcp_parse(&r, &h) != TCP_PARSE_OK) return 0;
    struct forged f = {.from = {.family = 4},
                       .to = {.family = 4},
                       .from_port = h.dst_port,
                       .to_port = h.src_port,
                       .flags = TERN_ACK,
                       .window = 65535,
                       .seq = h.ack_no.v,
                       .ack = h.seq_no.v + 1,
                       .stamped = h.options.has_ts,
                       .ts_value = h.options.ts_echo,
                       .ts_echo = h.options.ts_value};
    store32(f.from.bytes, ip.dst);
    store32(f.to.bytes, ip.src);
    return forge(&f, packet);
}

void forge_shift(uint8_t *packet, uint32_t len, uint32_t add_seq, uint32_t add_ack) {
    if (len < IP_LEN + 20 || packet[0] != 0x45 || packet[9] != IP_PROTO_TCP) return;
    uint8_t *tcp = packet + IP_LEN;
    store32(tcp + 4, load32(tcp + 4) + add_seq);
    if (tcp[13] & TERN_ACK) store32(tcp + 8, load32(tcp + 8) + add_ack);
    seal(packet, len);
}

static void read_options(const tcp_options *o, tern_trace *out) {
    out->seg.mss = o->has_mss ? o->mss : 0;
    out->seg.wscale = o->has_wscale ? (int8_t)o->wscale : -1;
    out->seg.sack_permitted = o->sack_ok;
    out->seg.has_timestamps = o->has_ts;
    out->seg.ts_value = o->has_ts ? o->ts_value : 0;
    out->seg.ts_echo = o->has_ts ? o->ts_echo : 0;
    out->seg.sack_count = o->sack_count;
    for (unsigned i = 0; i < o->sack_count; i++) {
        out->seg.sack[i].left = o->sack[i].left.v;
        out->seg.sack[i].right = o->sack[i].right.v;
    }
}

bool forge_read(const void *packet, uint32_t len, tern_trace *out) {
    ip4_header ip;
    tcp_header h;
    reader r = reader_of(packet, len);
    if (len == 0 || ((const uint8_t *)packet)[0] >> 4 != 4 || !ip4_parse(&r, &ip) || ip.proto != IP_PROTO_TCP ||
        tcp_parse(&r, &h) != TCP_PARSE_OK)
        return false;
    out->flow = (tern_flow){{.family = 4}, {.family = 4}, h.src_port, h.dst_port};
    store32(out->flow.local.bytes, ip.src);
    store32(out->flow.remote.bytes, ip.dst);
    out->seg.seq = h.seq_no.v;
    out->seg.ack = h.ack_no.v;
    out->seg.len = (uint32_t)reader_left(&r);
    out->seg.flags = h.flags;
    out->seg.window = h.window;
    out->seg.options_len = (uint8_t)(h.header_len - 20);
    read_options(&h.options, out);
    return true;
}
