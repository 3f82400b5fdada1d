/* numbers.c - see numbers.h. */
#include "lens/numbers.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void numbers_start(numbers *n) {
    memset(n, 0, sizeof *n);
    n->end[END_A].wscale = n->end[END_B].wscale = -1;
}

/* Wire numbers stand for the nearest relative number to the highest one known, so that 2^32 is passed unseen. */
static int64_t unwrap(const stream *s, uint32_t wire) {
    uint32_t near = s->base + (uint32_t)s->next;
    return s->next + (int32_t)(wire - near);
}

int64_t numbers_relative(const numbers *n, int who, uint32_t wire) {
    const stream *s = &n->end[who];
    return s->based ? unwrap(s, wire) : (int64_t)wire;
}

static void base(stream *s, uint32_t isn, bool guessed) {
    if (s->based) return;
    s->based = true;
    s->guessed = guessed;
    s->base = isn;
    s->next = guessed ? 1 : 0;
}

void numbers_learn(numbers *n, int who, const tern_trace *record) {
    if (!record->tcb.valid) return;
    n->shift[who] = record->tcb.rcv_wscale;
    n->shift[!who] = record->tcb.snd_wscale;
    if (record->seg.flags & TERN_SYN) return;
    base(&n->end[who], record->tcb.iss, true);
    base(&n->end[!who], record->tcb.irs, true);
}

static sum seq_sum(const stream *s, int64_t seq) {
    sum out = {.start = s->last, .bytes = s->last_len, .syn = s->last_syn, .fin = s->last_fin, .result = seq};
    int64_t took = (int64_t)s->last_len + s->last_syn + s->last_fin;
    out.worth = s->sent_any && took > 0 && s->last + took == seq;
    return out;
}

static sum ack_sum(const stream *self, const stream *other, int64_t ack) {
    sum out = {.result = ack, .start = self->acked};
    if (!self->acked_any) {
        if (!other->syn) return out;
        out.start = 0;
    }
    if (ack <= out.start) return out;
    out.syn = other->syn && out.start <= 0;
    out.fin = other->fin && out.start <= other->fin_at && other->fin_at < ack;
    out.bytes = ack - out.start - out.syn - out.fin;
    out.worth = out.bytes >= 0;
    return out;
}

static uint32_t scaled(const numbers *n, int from, const tern_trace *record) {
    const stream *s = &n->end[from], *other = &n->end[!from];
    if (record->seg.flags & TERN_SYN) return record->seg.window;
    unsigned shift = n->shift[from];
    if (s->scaled && other->scaled) shift = s->wscale >= 0 && other->wscale >= 0 ? (unsigned)s->wscale : 0;
    return (uint32_t)record->seg.window << (shift > 14 ? 14 : shift); /* [RFC7323 2.3] */
}

static void follow_ack(numbers *n, int from, const tern_trace *record, reading *out) {
    stream *s = &n->end[from], *other = &n->end[!from];
    if (!(record->seg.flags & TERN_ACK)) return;
    base(other, record->seg.ack - 1, true);
    out->ack = unwrap(other, record->seg.ack);
    if (out->ack < 0) return; /* of another connection: there is no sum that leads to it */
    out->ack_sum = ack_sum(s, other, out->ack);
    if (record->seg.flags & TERN_RST) return;
    if (!s->acked_any || out->ack > s->acked) s->acked = out->ack;
    s->acked_any = true;
}

/* Whoever sends a SYN with another number has forgotten the last connection: after a reset, or a crash. */
static void begin_again(numbers *n, int from, const tern_trace *record) {
    stream *s = &n->end[from];
    if (record->kind != TERN_TRACE_SEGMENT_OUT || !(record->seg.flags & TERN_SYN)) return;
    if (!s->based || s->base == record->seg.seq) return;
    *s = (stream){.wscale = -1};
    n->end[!from].acked = 0;
    n->end[!from].acked_any = false;
}

void numbers_follow(numbers *n, int from, const tern_trace *record, reading *out) {
    begin_again(n, from, record);
    stream *s = &n->end[from];
    bool syn = record->seg.flags & TERN_SYN, fin = record->seg.flags & TERN_FIN, rst = record->seg.flags & TERN_RST;
    memset(out, 0, sizeof *out);
    if (!(rst && !s->based)) /* a RST alone may carry any number, and teaches none */
        base(s, syn ? record->seg.seq : record->seg.seq - 1, !syn);
    out->seq = s->based ? unwrap(s, record->seg.seq) : 0;
    out->seq_sum = seq_sum(s, out->seq);
    if (syn && (out->seq == 0) && !s->scaled) {
        s->scaled = true;
        s->wscale = record->seg.wscale;
    }
    out->window = scaled(n, from, record);
    int64_t end = out->seq + record->seg.len + syn + fin;
    bool takes = end > out->seq;
    out->probe = !takes && !rst && s->sent_any && out->seq == s->next - 1;
    bool other_syn = syn && out->seq != 0; /* an old one, or a forged one */
    out->repeated = takes && s->sent_any && end <= s->next && !other_syn;
    follow_ack(n, from, record, out);
    if (rst) return;
    s->syn = s->syn || (syn && out->seq == 0);
    if (fin && !s->fin) {
        s->fin = true;
        s->fin_at = end - 1;
    }
    if (end > s->next) s->next = end;
    if (!out->probe) {
        s->last = out->seq;
        s->last_len = record->seg.len;
        s->last_syn = syn;
        s->last_fin = fin;
        s->sent_any = true;
    }
}

/* The spaces do not break: a sum stays on one line. */
#define SP "\xc2\xa0"

void sum_text(const sum *s, const numbers *n, int space, bool absolute, enum tern_lang lang, char *buf, size_t size) {
    uint32_t isn = n->end[space].base;
    char bytes[48] = "", start[24], result[24];
    const char *unit = lang == TERN_ZH ? "字节" : s->bytes == 1 ? "byte" : "bytes";
    if (absolute) {
        snprintf(start, sizeof start, "%" PRIu32, isn + (uint32_t)s->start);
        snprintf(result, sizeof result, "%" PRIu32, isn + (uint32_t)s->result);
    } else {
        snprintf(start, sizeof start, "%" PRId64, s->start);
        snprintf(result, sizeof result, "%" PRId64, s->result);
    }
    if (s->bytes > 0) snprintf(bytes, sizeof bytes, SP "+" SP "%" PRId64 SP "%s", s->bytes, unit);
    snprintf(buf, size, "%s%s%s%s" SP "=" SP "%s", start, s->syn ? SP "+" SP "1" SP "(SYN)" : "", bytes,
             s->fin ? SP "+" SP "1" SP "(FIN)" : "", result);
}

const char *flags_text(uint16_t flags, char buf[40]) {
    static const struct {
        uint16_t bit;
        const char *name;
    } names[] = {{TERN_SYN, "SYN"}, {TERN_FIN, "FIN"}, {TERN_RST, "RST"}, {TERN_PSH, "PSH"}, {TERN_ACK, "ACK"},
                 {TERN_URG, "URG"}, {TERN_ECE, "ECE"}, {TERN_CWR, "CWR"}, {TERN_AE, "AE"}};
    size_t at = 0;
    buf[0] = '\0';
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (flags & names[i].bit) at += (size_t)snprintf(buf + at, 40 - at, "%s%s", at > 0 ? "," : "", names[i].name);
    if (at == 0) memcpy(buf, "none", sizeof "none");
    return buf;
}
