/* explain_corpus.c - see explain_corpus.h. */
#include "explain_corpus.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "explain/decode.h"

/* ---- telling ---- */

static const uint32_t isn[2] = {1000, 900000};

struct told_packet *tell_at(struct tale *t, int from, uint16_t flags, uint32_t number, uint32_t ack, uint32_t len) {
    assert_true(t->n < TALE_MAX);
    struct told_packet *p = &t->at[t->n++];
    *p = (struct told_packet){.at_us = t->now_us,
                              .from = (uint8_t)from,
                              .ttl = from == 0 ? 64 : 57,
                              .flags = flags,
                              .window = flags & TCP_RST ? 0 : t->window[from],
                              .ip_id = (uint16_t)(t->n + 1),
                              .seq = number,
                              .ack = flags & TCP_ACK ? ack : 0,
                              .len = len};
    if (flags & TCP_SYN) {
        p->options.has_mss = true;
        p->options.mss = LEN_MAX;
        p->options.sack_ok = true;
        p->options.has_wscale = !t->no_scale;
        p->options.wscale = 7;
    }
    if (t->timestamps && !(flags & TCP_RST)) {
        p->options.has_ts = true;
        p->options.ts_value = (uint32_t)(t->now_us / 1000) + 7;
        p->options.ts_echo = 1;
    }
    return p;
}

struct told_packet *tell(struct tale *t, int from, uint16_t flags, uint32_t len) {
    struct told_packet *p = tell_at(t, from, flags, t->next[from], t->got[from], len);
    if (flags & TCP_ACK) p->ack = t->got[from] = t->next[!from];
    t->next[from] += len + ((flags & TCP_SYN) != 0) + ((flags & TCP_FIN) != 0);
    t->now_us += 20;
    return p;
}

void wait_us(struct tale *t, uint64_t us) { t->now_us += us; }
void wait_ms(struct tale *t, uint64_t ms) { t->now_us += ms * 1000; }

/* The time until an answer of `from` to what the other has just sent is seen. */
static void answer(struct tale *t, int from) {
    wait_us(t, from == 0 ? 2 * (uint64_t)t->near_us : t->rtt_us - 2 * (uint64_t)t->near_us);
}

static void begin(struct tale *t) {
    if (t->rtt_us == 0) t->rtt_us = 20000;
    if (t->now_us == 0) t->now_us = 1700000000000000;
    for (int i = 0; i < 2; i++) {
        t->next[i] = isn[i] + t->isn_shift;
        if (t->window[i] == 0) t->window[i] = t->no_scale ? 60000 : 2000;
    }
}

void handshake(struct tale *t) {
    begin(t);
    tell(t, 0, TCP_SYN, 0)->window = 60000;
    answer(t, 1);
    tell(t, 1, TCP_SYN | TCP_ACK, 0)->window = 60000;
    answer(t, 0);
    tell(t, 0, TCP_ACK, 0);
}

void bulk(struct tale *t, int from, uint32_t segments, uint32_t len) {
    for (uint32_t i = 0; i < segments; i++) {
        tell(t, from, i % 10 == 9 || i + 1 == segments ? TCP_ACK | TCP_PSH : TCP_ACK, len);
        if (i % 10 != 9 && i + 1 != segments) continue;
        answer(t, !from);
        tell(t, !from, TCP_ACK, 0);
        answer(t, from);
    }
}

void exchange(struct tale *t, uint32_t request, uint32_t response) {
    wait_us(t, 100);
    tell(t, 0, TCP_ACK | TCP_PSH, request);
    answer(t, 1);
    tell(t, 1, TCP_ACK, 0);
    wait_us(t, 300);
    bulk(t, 1, (response + LEN_MAX - 1) / LEN_MAX, response < LEN_MAX ? response : LEN_MAX);
}

void close_four(struct tale *t, int first) {
    tell(t, first, TCP_FIN | TCP_ACK, 0);
    answer(t, !first);
    tell(t, !first, TCP_ACK, 0);
    wait_ms(t, 2);
    tell(t, !first, TCP_FIN | TCP_ACK, 0);
    answer(t, first);
    tell(t, first, TCP_ACK, 0);
}

void close_three(struct tale *t, int first) {
    tell(t, first, TCP_FIN | TCP_ACK, 0);
    answer(t, !first);
    tell(t, !first, TCP_FIN | TCP_ACK, 0);
    answer(t, first);
    tell(t, first, TCP_ACK, 0);
}

void told_icmp(struct tale *t, int about, uint8_t type, uint8_t code, uint16_t mtu) {
    struct told_packet *p = tell_at(t, about, TCP_ACK, t->next[about], 0, 0);
    p->icmp_type = type;
    p->icmp_code = code;
    p->icmp_mtu = mtu;
}

/* ---- spoiling ---- */

static void spoil_one(struct told_packet *p, unsigned spoil, size_t i) {
    if (spoil & SPOIL_SUMS && p->from == 0) p->open_sum = true;
    if (spoil & SPOIL_CUT) p->shown = 48;
    if (spoil & SPOIL_CLOCK && i > 0 && i % 7 == 0) p->at_us -= 200000;
}

static bool spoil_drops(const struct tale *t, size_t i, unsigned spoil) {
    const struct told_packet *p = &t->at[i];
    if (spoil & SPOIL_ONE_WAY && p->from == 1) return true;
    if (spoil & SPOIL_MIDDLE && i < 5) return true;
    bool plain = p->len > 0 && !(p->flags & (TCP_SYN | TCP_FIN | TCP_RST));
    return spoil & SPOIL_HOLES && plain && i % 4 == 1;
}

/* Joins a segment with the one before it. */
static bool joins(const struct told_packet *a, const struct told_packet *b) {
    bool data = a->len >= LEN_MAX && b->len > 0 && a->len + b->len < 60000;
    return data && a->from == b->from && a->seq + a->len == b->seq && b->at_us - a->at_us < 50 && a->flags == TCP_ACK &&
           !(b->flags & (TCP_FIN | TCP_RST)) && a->ttl == b->ttl;
}

static const struct tale *spoiled(const struct tale *t, unsigned spoil) {
    static struct tale made;
    struct tale *s = &made;
    s->n = 0;
    s->now_us = t->now_us;
    for (size_t i = 0; i < t->n; i++) {
        if (spoil_drops(t, i, spoil)) continue;
        if (spoil & SPOIL_SUPER && s->n > 0 && joins(&s->at[s->n - 1], &t->at[i])) {
            s->at[s->n - 1].len += t->at[i].len;
            continue;
        }
        assert_true(s->n + 2 < TALE_MAX);
        s->at[s->n] = t->at[i];
        spoil_one(&s->at[s->n++], spoil, i);
        if (!(spoil & SPOIL_COPIES) || t->at[i].icmp_type != 0) continue;
        s->at[s->n] = s->at[s->n - 1];
        s->at[s->n++].at_us += 4;
    }
    return s;
}

/* ---- frames ---- */

static void put_ip(writer *w, const struct told_packet *p, uint8_t proto, uint32_t src, uint32_t dst, uint32_t len) {
    ip4_header ip = {.header_len = 20,
                     .tos = p->tos,
                     .ttl = p->ttl,
                     .proto = proto,
                     .total_len = (uint16_t)(20 + len),
                     .id = p->ip_id,
                     .dont_fragment = true,
                     .src = src,
                     .dst = dst};
    ip4_emit(w, &ip);
}

static uint32_t frame_of(const struct told_packet *p, unsigned spoil, uint8_t *to, size_t room) {
    static uint8_t zeros[65536];
    bool swapped = (spoil & SPOIL_SWAPPED) != 0;
    uint32_t addr[2] = {0x0a010001, 0x0a010002};
    if (p->outside) addr[0] = 0x0a010063;
    uint16_t near = p->outside ? 40001 : 40000;
    uint32_t src = addr[p->from != swapped], dst = addr[p->from == swapped];
    tcp_header h = {.src_port = p->from == 0 ? near : 80,
                    .dst_port = p->from == 0 ? 80 : near,
                    .seq_no = {p->seq},
                    .ack_no = {p->ack},
                    .flags = p->flags,
                    .window = p->window,
                    .options = p->options};
    uint8_t head[128];
    writer t = writer_of(head, sizeof head), w = writer_of(to, room);
    tcp_emit(&t, &h);
    uint32_t head_len = (uint32_t)writer_len(&t), len = head_len + p->len;
    ip_addr s = ip_from_v4(src), d = ip_from_v4(dst);
    uint64_t pseudo = pseudo_sum(&s, &d, IP_PROTO_TCP, len);
    uint16_t field = p->open_sum ? checksum_fold(pseudo) : checksum_finish(checksum_plain.add(head, head_len, pseudo));
    if (p->damaged) field = (uint16_t)(field + 77);
    memcpy(head + 16, &field, 2);
    if (p->icmp_type != 0) {
        uint8_t quoted[64];
        writer q = writer_of(quoted, sizeof quoted), body = writer_of(head + 64, 64);
        put_ip(&q, p, IP_PROTO_TCP, src, dst, len);
        write_bytes(&q, head, 8);
        icmp_message m = {
            .type = p->icmp_type, .code = p->icmp_code, .field = p->icmp_mtu, .body = quoted, .body_len = 28};
        icmp_emit(&body, &m);
        put_ip(&w, p, IP_PROTO_ICMP4, 0x0a0100fe, src, (uint32_t)writer_len(&body));
        write_bytes(&w, head + 64, writer_len(&body));
        return (uint32_t)writer_len(&w);
    }
    put_ip(&w, p, IP_PROTO_TCP, src, dst, len);
    write_bytes(&w, head, head_len);
    write_bytes(&w, zeros, p->len);
    assert_false(w.bad);
    return (uint32_t)writer_len(&w);
}

/* ---- explaining ---- */

struct judge_ctx {
    struct explain_machine machine;
    struct outcome *out;
};

static void done(void *ctx, struct explain_flow *flow, uint64_t now_ns) {
    struct judge_ctx *j = ctx;
    struct outcome *o = j->out;
    o->flows++;
    verdict_of(&j->machine, flow, now_ns, &o->verdict);
    assert_true(flow->findings <= 64);
    o->n = flow->findings;
    if (o->n > 0) memcpy(o->finding, flow->finding, o->n * sizeof o->finding[0]);
}

void explain_tale(const struct tale *tale, unsigned spoil, enum vantage said, struct outcome *out) {
    static uint8_t frame[70000];
    struct judge_ctx j = {.out = out};
    struct decoder dec;
    struct decoded d;
    const struct tale *t = spoiled(tale, spoil);
    memset(out, 0, sizeof *out);
    machine_init(&j.machine, &(struct explain_options){.vantage = said, .done = done, .ctx = &j});
    struct flow_table *table = flow_table_new(&j.machine.ops, 1000, 3600 * SEC_NS);
    assert_non_null(table);
    decoder_init(&dec);
    dec.check_sums = true;
    for (size_t i = 0; i < t->n; i++) {
        uint32_t len = frame_of(&t->at[i], spoil, frame, sizeof frame), cut = t->at[i].shown;
        struct capture_packet p = {.number = i + 1,
                                   .time_ns = t->at[i].at_us * 1000,
                                   .data = frame,
                                   .captured = cut != 0 && cut < len ? cut : len,
                                   .wire = len,
                                   .linktype = 101,
                                   .timed = true};
        enum decode_kind kind = decode(&dec, &p, &d);
        if (kind == DECODE_TCP) flow_table_packet(table, &d);
        if (kind == DECODE_ICMP) flow_table_icmp(table, &d);
    }
    flow_table_end(table);
    flow_table_free(table);
    decoder_free(&dec);
}

bool outcome_has(const struct outcome *o, unsigned code) {
    for (size_t i = 0; i < o->n; i++)
        if (o->finding[i].code == code) return true;
    return false;
}

void outcome_print(const struct outcome *o) {
    printf("  opening %s, closing %s, opened by %d, closed first %d, vantage %d\n", opening_name(o->verdict.opening),
           closing_name(o->verdict.closing), o->verdict.opened_by, o->verdict.closed_first, o->verdict.vantage);
    for (size_t i = 0; i < o->n; i++) {
        char text_en[400];
        finding_text(&o->finding[i], TERN_EN, text_en, sizeof text_en);
        printf("  %s %s: %s\n", severity_name(o->finding[i].severity), finding_name(o->finding[i].code), text_en);
    }
}
