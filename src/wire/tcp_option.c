/* tcp_option.c - TCP options, read in any alignment and written in tern's own order (RFC 9293 3.2, 7323, 2018, 7413,
 * 5482). When an option may be sent or believed is decided in tcp/. */
#include "wire/wire.h"

enum { OPTIONS_MAX = 40, TFO_COOKIE_MIN = 4 };

static bool parse_sack(const uint8_t *p, unsigned len, tcp_options *o) {
    if (len < 10 || len > 34 || (len - 2) % 8 != 0) return false;
    o->sack_count = (uint8_t)((len - 2) / 8);
    for (unsigned i = 0; i < o->sack_count; i++) {
        o->sack[i].left = seq_of(load32(p + 2 + 8 * i));
        o->sack[i].right = seq_of(load32(p + 6 + 8 * i));
    }
    return true;
}

/* A cookie of an impossible length is passed over, not an error [RFC7413 4.1.1]. */
static void parse_tfo(const uint8_t *p, unsigned len, tcp_options *o) {
    unsigned cookie = len - 2;
    if (cookie % 2 != 0 || cookie > sizeof o->tfo || (cookie > 0 && cookie < TFO_COOKIE_MIN)) return;
    o->has_tfo = true;
    o->tfo_len = (uint8_t)cookie;
    memcpy(o->tfo, p + 2, cookie);
}

/* One option of len >= 2 bytes; false: the length is wrong for its kind. */
static bool parse_one(const uint8_t *p, unsigned len, tcp_options *o) {
    switch (p[0]) {
    case TCP_OPT_MSS:
        if (len != 4) return false;
        o->has_mss = true;
        o->mss = load16(p + 2);
        return true;
    case TCP_OPT_WSCALE:
        if (len != 3) return false;
        o->has_wscale = true;
        o->wscale = p[2];
        return true;
    case TCP_OPT_SACK_OK:
        if (len != 2) return false;
        o->sack_ok = true;
        return true;
    case TCP_OPT_SACK: return parse_sack(p, len, o);
    case TCP_OPT_TS:
        if (len != 10) return false;
        o->has_ts = true;
        o->ts_value = load32(p + 2);
        o->ts_echo = load32(p + 6);
        return true;
    case TCP_OPT_UTO:
        if (len != 4) return false;
        o->has_uto = true;
        o->uto_minutes = p[2] & 0x80;
        o->uto = load16(p + 2) & 0x7fff;
        return true;
    case TCP_OPT_TFO: parse_tfo(p, len, o); return true;
    default: o->unknown++; return true; /* [MUST-6] */
    }
}

/* [MUST-4, MUST-64] */
bool tcp_options_parse(const uint8_t *p, unsigned len, tcp_options *out) {
    const uint8_t *end = p + len;
    tcp_options_clear(out);
    while (p < end && *p != TCP_OPT_EOL) {
        if (*p == TCP_OPT_NOP) {
            p++;
            continue;
        }
        if (end - p < 2 || p[1] < 2 || p[1] > end - p) return false; /* [MUST-7] [MUST-68] */
        if (!parse_one(p, p[1], out)) return false;
        p += p[1];
    }
    return true;
}

/* The first 32 bits of an option: up to two NOPs, kind and length, and whatever of the content fits. */
enum { NOP_NOP = TCP_OPT_NOP << 24 | TCP_OPT_NOP << 16 };

static inline uint32_t head(unsigned kind, unsigned len) { return kind << 8 | len; }

static void emit_sack(writer *w, const tcp_options *o) {
    write32(w, NOP_NOP | head(TCP_OPT_SACK, 2 + 8u * o->sack_count));
    for (unsigned i = 0; i < o->sack_count; i++) {
        write32(w, o->sack[i].left.v);
        write32(w, o->sack[i].right.v);
    }
}

/* The cookie may end anywhere, so it comes last, and zeros behind it. */
static void emit_tfo(writer *w, const tcp_options *o) {
    static const uint8_t zeros[2];
    write8(w, TCP_OPT_TFO);
    write8(w, (uint8_t)(2 + o->tfo_len));
    write_bytes(w, o->tfo, o->tfo_len);
    write_bytes(w, zeros, (2u + o->tfo_len) % 4); /* [MUST-69] */
}

/* Each option ends on a multiple of 4; SACK-permitted takes the place of a timestamp's two NOPs. */
static void emit_all(writer *w, const tcp_options *o) {
    if (o->has_mss) write32(w, head(TCP_OPT_MSS, 4) << 16 | o->mss);
    if (o->has_ts) {
        write32(w, (o->sack_ok ? head(TCP_OPT_SACK_OK, 2) << 16 : NOP_NOP) | head(TCP_OPT_TS, 10));
        write32(w, o->ts_value);
        write32(w, o->ts_echo);
    } else if (o->sack_ok) {
        write32(w, NOP_NOP | head(TCP_OPT_SACK_OK, 2));
    }
    if (o->has_wscale) write32(w, TCP_OPT_NOP << 24 | head(TCP_OPT_WSCALE, 3) << 8 | o->wscale);
    if (o->sack_count) emit_sack(w, o);
    if (o->has_uto) write32(w, head(TCP_OPT_UTO, 4) << 16 | (o->uto_minutes ? 0x8000u : 0u) | (o->uto & 0x7fffu));
    if (o->has_tfo) emit_tfo(w, o);
}

unsigned tcp_options_emit(writer *w, const tcp_options *o) {
    ASSERT(o->sack_count <= ARRAY_LEN(o->sack) && o->tfo_len <= sizeof o->tfo && o->tfo_len % 2 == 0);
    if (w->bad) return 0;
    writer inner = writer_of(w->at, min_size((size_t)(w->end - w->at), OPTIONS_MAX));
    emit_all(&inner, o);
    w->bad = inner.bad;
    if (w->bad) return 0;
    w->at = inner.at;
    return (unsigned)writer_len(&inner);
}

static void format_pair(text *t, const char *name, uint64_t a, const char *between, uint64_t b) {
    text_str(t, name);
    text_u64(t, a);
    text_str(t, between);
    text_u64(t, b);
}

void tcp_options_format(text *t, const tcp_options *o) {
    if (o->has_mss) {
        text_str(t, " mss ");
        text_u64(t, o->mss);
    }
    if (o->has_wscale) {
        text_str(t, " wscale ");
        text_u64(t, o->wscale);
    }
    if (o->sack_ok) text_str(t, " sack-ok");
    if (o->has_ts) format_pair(t, " ts ", o->ts_value, " echo ", o->ts_echo);
    for (unsigned i = 0; i < o->sack_count; i++) {
        format_pair(t, i ? "," : " sack ", o->sack[i].left.v, "-", o->sack[i].right.v);
    }
    if (o->has_uto) {
        text_str(t, " user-timeout ");
        text_u64(t, o->uto);
        text_str(t, o->uto_minutes ? " min" : " s");
    }
    if (o->has_tfo) {
        text_str(t, o->tfo_len ? " tfo-cookie " : " tfo-request");
        for (unsigned i = 0; i < o->tfo_len; i++) text_hex(t, o->tfo[i], 2);
    }
    if (o->unknown) {
        text_str(t, " unknown ");
        text_u64(t, o->unknown);
    }
}
