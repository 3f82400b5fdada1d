/* tcp_header.c - the TCP header (RFC 9293 3.1). Options are in tcp_option.c; what a segment means is in tcp/. */
#include "wire/wire.h"

enum { TCP_LEN = 20, TCP_LEN_TS = 32, TCP_LEN_SYN = 40 };

/* NOP NOP Timestamps 10: how nearly every segment of a connection with timestamps begins its options (RFC 7323 A). */
static const uint32_t aligned_ts = 0x0101080a;

/* MSS, SACK permitted and timestamps, NOP and scale: how tern and Linux write a SYN's. */
static inline bool usual_syn(const uint8_t *p) {
    return load16(p) == 0x0204 && load32(p + 4) == 0x0402080a && load32(p + 16) >> 8 == 0x010303;
}

static inline bool parse_options(const uint8_t *p, unsigned header_len, tcp_options *o) {
    if (likely(header_len == TCP_LEN_TS && load32(p + TCP_LEN) == aligned_ts)) {
        tcp_options_clear(o);
        o->has_ts = true;
        o->ts_value = load32(p + 24);
        o->ts_echo = load32(p + 28);
        return true;
    }
    if (header_len == TCP_LEN_SYN && usual_syn(p + TCP_LEN)) {
        tcp_options_clear(o);
        o->has_mss = o->sack_ok = o->has_ts = o->has_wscale = true;
        o->mss = load16(p + 22);
        o->ts_value = load32(p + 28);
        o->ts_echo = load32(p + 32);
        o->wscale = p[39];
        return true;
    }
    return tcp_options_parse(p + TCP_LEN, header_len - TCP_LEN, o);
}

/* Options are read whatever the flags [MUST-5]; the window is unsigned [MUST-1]. */
enum tcp_parse_result tcp_parse(reader *r, tcp_header *out) {
    if (unlikely(r->bad || reader_left(r) < TCP_LEN)) return TCP_PARSE_SHORT;
    unsigned header_len = (r->at[12] >> 4) * 4u;
    if (unlikely(header_len < TCP_LEN || header_len > reader_left(r))) return TCP_PARSE_BAD_OFFSET;
    const uint8_t *p = r->at;
    r->at += header_len;
    out->src_port = load16(p);
    out->dst_port = load16(p + 2);
    out->seq_no = seq_of(load32(p + 4));
    out->ack_no = seq_of(load32(p + 8));
    out->flags = load16(p + 12) & 0x1ff;
    out->window = load16(p + 14);
    memcpy(&out->checksum, p + 16, 2);
    out->urgent = load16(p + 18);
    out->header_len = (uint8_t)header_len;
    return parse_options(p, header_len, &out->options) ? TCP_PARSE_OK : TCP_PARSE_BAD_OPTION;
}

void tcp_emit(writer *w, const tcp_header *h) {
    uint8_t *p = write_room(w, TCP_LEN);
    if (!p) return;
    unsigned header_len = TCP_LEN + tcp_options_emit(w, &h->options);
    store16(p, h->src_port);
    store16(p + 2, h->dst_port);
    store32(p + 4, h->seq_no.v);
    store32(p + 8, h->ack_no.v);
    store16(p + 12, (uint16_t)(header_len / 4 << 12 | (h->flags & 0x1ff)));
    store16(p + 14, h->window);
    memcpy(p + 16, &h->checksum, 2);
    store16(p + 18, h->urgent);
}

static void format_flags(text *t, uint16_t flags) {
    static const char *const names[] = {"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR", "AE"};
    const char *before = " ";
    for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
        if (!(flags >> i & 1)) continue;
        text_str(t, before);
        text_str(t, names[i]);
        before = ",";
    }
}

static void format_field(text *t, const char *name, uint64_t v) {
    text_str(t, name);
    text_u64(t, v);
}

void tcp_format(text *t, const tcp_header *h, uint32_t payload_len) {
    format_field(t, "TCP ", h->src_port);
    format_field(t, " > ", h->dst_port);
    format_flags(t, h->flags);
    format_field(t, " seq ", h->seq_no.v);
    if (h->flags & TCP_ACK) format_field(t, " ack ", h->ack_no.v);
    format_field(t, " len ", payload_len);
    format_field(t, " win ", h->window);
    if (h->flags & TCP_URG) format_field(t, " urg ", h->urgent);
    tcp_options_format(t, &h->options);
}
