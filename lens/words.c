/* words.c - the few words that the lens adds to the reasons of the core, in English and Chinese. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lens/words.h"

const char *word(enum word w, enum tern_lang lang) {
    static const char *const words[WORDS][2] = {
        [WORD_LOST] = {"lost", "丢失"},         [WORD_REPEATED] = {"repeated", "重传"},
        [WORD_TIMER] = {"timer: ", "计时器："}, [WORD_DROPPED] = {"dropped: ", "丢弃："},
        [WORD_SEPARATOR] = {"; ", "；"},
    };
    return words[w][lang == TERN_ZH];
}

static const struct {
    const char *name, *zh;
} timers[] = {
    {"retransmission", "重传"},
    {"persist", "坚持（零窗口探测）"},
    {"delayed ACK", "延迟确认"},
    {"keepalive", "保活"},
    {"2MSL", "2MSL"},
    {"user timeout", "用户超时"},
    {"FIN-WAIT-2", "FIN-WAIT-2"},
    {"reordering", "乱序等待"},
    {"tail loss probe", "尾部丢失探测"},
    {"linger", "延迟关闭（linger）"},
    {"pacing", "发送节拍"},
};

const char *timer_word(const char *timer, enum tern_lang lang) {
    if (timer == NULL) return "?";
    for (size_t i = 0; lang == TERN_ZH && i < sizeof timers / sizeof timers[0]; i++)
        if (strcmp(timers[i].name, timer) == 0) return timers[i].zh;
    return timer;
}

static const struct {
    const char *name, *en, *zh;
} running[] = {
    {"retransmission", "rexmit", "重传"}, {"persist", "persist", "坚持"},    {"delayed ACK", "del.ACK", "延迟ACK"},
    {"keepalive", "probe", "保活"},       {"reordering", "reorder", "乱序"}, {"tail loss probe", "TLP", "TLP"},
    {"FIN-WAIT-2", "orphan", "无主"},     {"linger", "linger", "linger"},    {"pacing", "pacing", "节拍"},
};

void running_text(const char *timer, uint64_t left_ns, enum tern_lang lang, char *buf, size_t size) {
    const char *name = timer;
    char left[16];
    uint64_t ms = (left_ns + 500000) / 1000000, s = (ms + 500) / 1000;
    for (size_t i = 0; i < sizeof running / sizeof running[0]; i++)
        if (strcmp(running[i].name, timer) == 0) name = lang == TERN_ZH ? running[i].zh : running[i].en;
    if (ms < 1000)
        snprintf(left, sizeof left, "%" PRIu64 "ms", ms);
    else if (ms < 9950)
        snprintf(left, sizeof left, "%.1fs", (double)ms / 1000);
    else if (s < 600)
        snprintf(left, sizeof left, "%" PRIu64 "s", s);
    else
        snprintf(left, sizeof left, s < 7200 ? "%" PRIu64 "min" : "%" PRIu64 "h", s < 7200 ? s / 60 : s / 3600);
    snprintf(buf, size, "%s %s", name, left);
}

static const struct {
    const char *name, *en, *zh, *en_value, *zh_value;
} calls[] = {
    {"open", "open", "打开", NULL, NULL},
    {"send", "send", "发送", "send %" PRId64 " bytes", "发送 %" PRId64 " 字节"},
    {"receive", "receive: end of stream", "读取：数据流结束", "receive %" PRId64 " bytes", "读取 %" PRId64 " 字节"},
    {"shutdown", "shutdown", "半关闭", NULL, NULL},
    {"close", "close", "关闭", NULL, NULL},
    {"abort", "abort", "中止", NULL, NULL},
    {"accept", "accept", "接受连接", NULL, NULL},
};

void call_text(const tern_trace *record, enum tern_lang lang, char *buf, size_t size) {
    const char *name = record->call != NULL ? record->call : "?", *plain = name;
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        if (strcmp(calls[i].name, name) != 0) continue;
        plain = lang == TERN_ZH ? calls[i].zh : calls[i].en;
        if (record->value > 0 && calls[i].en_value != NULL) {
            snprintf(buf, size, lang == TERN_ZH ? calls[i].zh_value : calls[i].en_value, record->value);
            return;
        }
        if (record->value < 0 && strcmp(name, "receive") == 0) plain = lang == TERN_ZH ? "读取" : "receive";
    }
    if (record->value < 0)
        snprintf(buf, size, "%s%s%s", plain, lang == TERN_ZH ? "：" : ": ", tern_strerror((int)record->value, lang));
    else
        snprintf(buf, size, "%s", plain);
}

void many_text(enum many_word what, uint64_t n, enum tern_lang lang, char *buf, size_t size) {
    static const char *const units[][3] = {
        [MANY_SEGMENTS] = {"segment", "segments", "个报文段"},
        [MANY_BYTES] = {"byte", "bytes", "字节"},
        [MANY_ACKS] = {"ACK", "ACKs", "个 ACK"},
    };
    snprintf(buf, size, "%" PRIu64 " %s", n, units[what][lang == TERN_ZH ? 2 : n != 1]);
}

void span_text(uint64_t ns, const char *before, char *buf, size_t size) {
    double ms = (double)ns / 1e6;
    if (ms < 9999.5)
        snprintf(buf, size, "%s%.*f ms", before, ms < 9.9995 ? 3 : ms < 99.995 ? 2 : ms < 999.95 ? 1 : 0, ms);
    else
        snprintf(buf, size, "%s%.*f s", before, ms < 999950 ? 1 : 0, ms / 1e3);
}

void moment_text(uint64_t ns, char *buf, size_t size) {
    double ms = (double)ns / 1e6;
    int n = ms < 999.95 ? snprintf(buf, size, "%.*f", ms < 9.9995 ? 3 : 1, ms) : snprintf(buf, size, "%.3f", ms / 1e3);
    while (n > 0 && strchr(buf, '.') != NULL && (buf[n - 1] == '0' || buf[n - 1] == '.')) {
        bool point = buf[--n] == '.';
        buf[n] = '\0';
        if (point) break;
    }
    snprintf(buf + n, size - (size_t)n, "%s", ns == 0 ? "" : ms < 999.95 ? " ms" : " s");
}

void later_text(uint64_t ns, enum tern_lang lang, char *buf, size_t size) {
    char moment[32];
    moment_text(ns, moment, sizeof moment);
    snprintf(buf, size, lang == TERN_ZH ? "%s 之后" : "%s later", moment);
}

void end_text(const char *name, const tern_addr *addr, uint16_t port, char *buf, size_t size) {
    char text[TERN_ADDR_TEXT];
    tern_addr_format(addr, text);
    snprintf(buf, size, addr->family == 6 ? "%s [%s]:%u" : "%s %s:%u", name, text, port);
}

void more_text(uint64_t n, enum tern_lang lang, char *buf, size_t size) {
    snprintf(buf, size, lang == TERN_ZH ? "... 同样的还有 %" PRIu64 " 个 ..." : "... %" PRIu64 " more like that ...",
             n);
}

const char *reason_sentence(uint32_t reason, uint16_t flags, enum tern_lang lang, char *buf, size_t size) {
    const char *text = tern_reason_text(reason, lang);
    snprintf(buf, size, "%s", text);
    if (!(flags & TERN_FIN) || strcmp(tern_reason_name(reason), "SEND_DATA") != 0) return buf;
    for (unsigned i = 0; i < tern_reason_count(); i++)
        if (strcmp(tern_reason_name(i), "SEND_FIN") == 0)
            snprintf(buf, size, "%s%s%s", text, word(WORD_SEPARATOR, lang), tern_reason_text(i, lang));
    return buf;
}
