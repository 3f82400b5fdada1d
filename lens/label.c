/* label.c - see label.h. */
#include "lens/label.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "lens/text.h"
#include "lens/words.h"

static void token(struct label *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void token(struct label *t, const char *format, ...) {
    va_list args;
    va_start(args, format);
    if (t->n < LABEL_WORDS) vsnprintf(t->text[t->n++], sizeof t->text[0], format, args);
    va_end(args);
}

static void options(struct label *t, const struct ladder_options *o, const struct rung *rung, const numbers *n) {
    const tern_trace *record = rung->record;
    bool syn = record->seg.flags & TERN_SYN;
    if (record->seg.mss != 0) token(t, "mss=%u", record->seg.mss);
    if (record->seg.wscale >= 0 && syn) token(t, "ws=%d", record->seg.wscale);
    if (record->seg.sack_permitted) token(t, "sackOK");
    for (unsigned i = 0; i < record->seg.sack_count && i < 4; i++) {
        uint32_t left = record->seg.sack[i].left, right = record->seg.sack[i].right;
        if (o->absolute)
            token(t, "sack=%" PRIu32 "-%" PRIu32, left, right);
        else
            token(t, "sack=%" PRId64 "-%" PRId64, numbers_relative(n, !rung->from, left),
                  numbers_relative(n, !rung->from, right));
    }
    if (record->seg.has_timestamps && (syn || o->all))
        token(t, "ts=%" PRIu32 "/%" PRIu32, record->seg.ts_value, record->seg.ts_echo);
}

static void many(struct label *t, const struct ladder_options *o, const struct rung *rung) {
    const char *comma = o->lang == TERN_ZH ? "" : ",", *dots = o->ascii ? "..." : "…";
    char text[48];
    many_text(MANY_SEGMENTS, rung->many.segments, o->lang, text, sizeof text);
    token(t, "%s %s%s", dots, text, comma);
    many_text(MANY_BYTES, rung->many.bytes, o->lang, text, sizeof text);
    token(t, "%s%s%s", text, rung->many.acks > 0 ? comma : " ", rung->many.acks > 0 ? "" : dots);
    many_text(MANY_ACKS, rung->many.acks, o->lang, text, sizeof text);
    if (rung->many.acks > 0) token(t, "%s %s", text, dots);
}

void label_make(struct label *t, const struct ladder_options *o, const struct rung *rung, const numbers *n) {
    const tern_trace *record = rung->record;
    char flags[40];
    t->n = 0;
    if (rung->kind == RUNG_BULK) {
        many(t, o, rung);
        t->head = t->numbers = t->n;
        return;
    }
    token(t, "%s", flags_text(record->seg.flags, flags));
    if (rung->kind == RUNG_LOST) token(t, "[%s]", word(WORD_LOST, o->lang));
    if (rung->repeated) token(t, "[%s]", word(WORD_REPEATED, o->lang));
    t->head = t->n;
    if (o->absolute)
        token(t, "Seq=%" PRIu32, record->seg.seq);
    else
        token(t, "Seq=%" PRId64, rung->reading->seq);
    if ((record->seg.flags & TERN_ACK) && o->absolute)
        token(t, "Ack=%" PRIu32, record->seg.ack);
    else if (record->seg.flags & TERN_ACK)
        token(t, "Ack=%" PRId64, rung->reading->ack);
    token(t, "Len=%" PRIu32, record->seg.len);
    token(t, "Win=%" PRIu32, rung->reading->window);
    t->numbers = t->n;
    options(t, o, rung, n);
}

size_t label_join(const struct label *t, size_t from, size_t columns, char *buf, size_t size) {
    size_t used = 0, at = 0;
    buf[0] = '\0';
    while (from < t->n) {
        size_t need = text_width(t->text[from]) + (used > 0);
        if (used + need > columns && used > 0) break;
        at += (size_t)snprintf(buf + at, size - at, "%s%s", used > 0 ? " " : "", t->text[from++]);
        used += need;
        if (at + sizeof t->text[0] + 2 > size) break;
    }
    return from;
}
